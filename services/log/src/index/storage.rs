//! What the index needs of a database. Each call is one statement, or one journey to the server.

use uuid::Uuid;

use super::{
    page::{Malformed, Page},
    run::Run,
    term::Posting,
};

/// An event as far as the index and the writer's memory of it are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexedEvent {
    pub position: u64,
    pub r#type: String,
    pub tags: Vec<String>,
    pub command_id: Uuid,
    pub command_hash: [u8; 32],
    /// Index within its append.
    pub index: u32,
    /// How many events its append has.
    pub append_events: u32,
}

/// A filter: the run and its first hash.
pub(crate) type FilterKey = (u64, u64);
/// A place in a run.
pub(crate) type Place = (u64, Posting);

/// The index contradicts the events, or itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log is damaged at position {position}: {found}")]
pub(crate) struct Damage {
    pub position: u64,
    pub found: String,
}

impl Damage {
    pub fn new(position: u64, found: impl Into<String>) -> Self {
        Self {
            position,
            found: found.into(),
        }
    }

    /// A page or filter of the run can't be read.
    pub fn of_run(run: &Run, found: impl std::fmt::Display) -> Self {
        let Run {
            id, first, last, ..
        } = run;
        Self::new(
            *first,
            format!("{found} (run {id} over positions {first} to {last})"),
        )
    }

    pub fn malformed(run: &Run) -> impl Fn(Malformed) -> Self + '_ {
        move |malformed| Self::of_run(run, malformed)
    }
}

/// The rows of the index and the events, in one snapshot or by the only one who writes.
pub(crate) trait Storage {
    /// Why they can't be read.
    type Error: From<Damage>;

    /// All runs, by first position.
    fn runs(&mut self) -> Result<Vec<Run>, Self::Error>;

    /// The filters, in the order of the keys.
    fn filters(&mut self, keys: &[FilterKey]) -> Result<Vec<Option<Vec<u8>>>, Self::Error>;

    /// For each place the page on which its posting stands, if it stands on any: the last one that does not begin
    /// behind it. None where all of the run's pages do.
    fn pages_at(&mut self, places: &[Place]) -> Result<Vec<Option<Page>>, Self::Error>;

    /// For each place the first pages that begin there or behind it, at most `limit`.
    fn pages_from(&mut self, places: &[Place], limit: usize)
    -> Result<Vec<Vec<Page>>, Self::Error>;

    /// The events of `first..=last`, in order.
    fn events(&mut self, first: u64, last: u64) -> Result<Vec<IndexedEvent>, Self::Error>;

    /// The events at these positions, which ascend; those that are there.
    fn events_at(&mut self, positions: &[u64]) -> Result<Vec<IndexedEvent>, Self::Error>;
}
