//! `RegistryService`: regions, organisations, facilities, commodities and items.

mod directory;
mod endpoint;
mod parse;

pub use endpoint::RegistryEndpoint;
