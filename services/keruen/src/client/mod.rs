//! Every verb but `serve` and `demo`: a gRPC client of a node, one file for each noun.

pub mod amendment;
pub mod asset;
pub mod batch;
pub mod check;
pub mod commodity;
pub mod consignment;
pub mod donation;
pub mod events;
pub mod facility;
pub mod failure;
pub mod hold;
pub mod item;
pub mod line;
pub mod log;
pub mod money;
pub mod mutation;
pub mod organisation;
pub mod recall;
pub mod region;
pub mod request;
pub mod rpc;
pub mod session;
pub mod shipment;
pub mod stock;
pub mod trace;
pub mod value;
