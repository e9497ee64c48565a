//! `ShipmentService`: goods on their way.

mod endpoint;
mod parse;

pub use endpoint::ShipmentEndpoint;
