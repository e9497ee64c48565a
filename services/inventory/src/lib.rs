//! `InventoryService`: donations, batches, assets and stock.

mod asset;
mod endpoint;
mod parse;

pub use asset::AssetEndpoint;
pub use endpoint::InventoryEndpoint;
