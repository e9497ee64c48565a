//! `ShipmentService`: goods on their way.

mod custody;
mod elsewhere;
mod endpoint;
mod parse;

pub use custody::CustodyEndpoint;
pub use elsewhere::Stock;
pub use endpoint::ShipmentEndpoint;
