//! What the domain decides: given what happened, when somebody commands, then this happens or is refused.

mod donation;
mod golden;
mod precedence;
mod property;
mod reasons;
mod registry;
mod request;
mod shipment;
mod stock;
mod story;
mod world;
