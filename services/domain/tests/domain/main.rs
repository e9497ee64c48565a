//! What the domain decides: given what happened, when somebody commands, then this happens or is refused.

#![allow(
    clippy::expect_used,
    reason = "a test may panic, also in what it shares with others"
)]

mod amendment;
mod asset;
mod check;
mod closing;
mod consignment;
mod contents;
mod correction;
mod count;
mod custody;
mod donation;
mod earmark;
mod emergency;
mod excursion;
mod fleet;
mod golden;
mod gone;
mod identity;
mod journey;
mod kit;
mod machine;
mod mobile;
mod money;
mod packs;
mod plan;
mod precedence;
mod property;
mod quality;
mod reasons;
mod registry;
mod request;
mod request_life;
mod shipment;
mod stock;
mod story;
mod title;
mod title_under_way;
mod trip;
mod unidentified;
mod verification;
mod voiding;
mod world;
