//! `RegistryService`: regions, organisations, facilities, commodities and items.

mod directory;
mod endpoint;
mod find;
mod mobile;
mod parse;

pub use endpoint::RegistryEndpoint;
