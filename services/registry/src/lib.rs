//! `RegistryService`: regions, organisations, facilities, commodities, items, vehicles, volunteers and
//! crews.

mod directory;
mod duty;
mod endpoint;
mod find;
mod mobile;
mod parse;

pub use endpoint::RegistryEndpoint;
