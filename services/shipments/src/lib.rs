//! `ShipmentService`: goods on their way.

mod custody;
mod endpoint;
mod parse;

pub use custody::CustodyEndpoint;
pub use endpoint::ShipmentEndpoint;
