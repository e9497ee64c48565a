//! Views folded from the log, and the questions that they answer.
//!
//! The views are derived: their file can be deleted at any time and is built anew. [`Views::run`] follows the log,
//! takes in batches of events and moves the checkpoint in the same transaction; [`StockEndpoint`] answers each question
//! from one snapshot and names the position that it reflects.
//!
//! The same code takes in one new event and the whole history. An event that it can't take in parks the views before
//! it: they stay readable and say so, and never skip it.

mod administration;
mod apart;
mod assets;
mod attention;
mod blocks;
mod boards;
mod chronicle;
mod clauses;
mod copies;
mod counters;
mod counts;
mod database;
mod donor;
mod endpoint;
mod engine;
mod exceptional;
mod failure;
mod fields;
mod filter;
mod fold;
mod former;
mod inbox;
mod keys;
mod liability;
pub mod lineage;
mod lot;
mod memory;
mod movement;
mod names;
mod older;
mod origins;
mod paging;
mod past;
mod place;
mod places;
mod provenance;
mod reading;
mod rebuild;
mod refusal;
mod report;
mod resource;
mod room;
mod rows;
mod served;
mod sheets;
mod standing;
mod step;
mod stock;

mod subject;
mod table;
mod tenure;
#[cfg(test)]
mod tests;
mod trace;
mod view;
mod views;
mod window;
mod writer;

pub use administration::ProjectionEndpoint;
pub use copies::{StoredView, remove_all as remove, served_checkpoints, stored_checkpoints};
pub use endpoint::StockEndpoint;
pub use engine::Running;
pub use failure::{Defect, StoreError};
pub use filter::{ListedField, filtered_lists};
pub use report::ReportEndpoint;
pub use standing::TellStanding;
pub use view::View;
pub use views::{Calendar, NoSchemas, Parked, Rebuild, RebuildRefusal, Status, ViewOptions, Views};
pub use writer::Checkpoint;
