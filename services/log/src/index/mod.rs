//! The index: which positions carry a type or a tag, and where a command id was used. One code for every backend; a
//! backend keeps its rows ([`storage::Storage`]) and writes its [`run::Changes`].
//!
//! It is a list of immutable sorted runs, each over the positions behind those of the run before. The newest events are
//! in no run yet: whoever asks has them in memory. See `INDEX.md`.

pub(crate) mod cache;
mod compaction;
pub(crate) mod filter;
pub(crate) mod lookup;
mod merge;
pub(crate) mod page;
pub(crate) mod questions;
pub(crate) mod rebuild;
pub(crate) mod run;
pub(crate) mod storage;
mod stream;
pub(crate) mod tail;
pub(crate) mod term;
pub(crate) mod verify;

pub(crate) use compaction::Compaction;
pub use rebuild::{ReindexOptions, Reindexed};

#[cfg(test)]
mod tests;

/// How the index is kept. What was written under other options stays readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexOptions {
    /// How many events a run has that is made from events, at least 1. So many events, and those of one group, are in
    /// the memory of each process.
    pub run_events: u64,
    /// How many runs are merged into one, at least 2.
    pub merge_runs: usize,
    /// How many bytes of filters are kept in memory at most.
    pub filter_cache_bytes: usize,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self {
            run_events: 4_096,
            merge_runs: 16,
            filter_cache_bytes: 24 * 1024 * 1024,
        }
    }
}
