//! `InventoryService`: donations, batches, assets and stock.

mod endpoint;
mod parse;

pub use endpoint::InventoryEndpoint;
