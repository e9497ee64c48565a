//! `RequestService`: what facilities ask for.

mod endpoint;
mod parse;

pub use endpoint::RequestEndpoint;
