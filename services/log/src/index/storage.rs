//! What the index needs of a database. Each call is one statement, or one journey to the server.

use uuid::Uuid;

use super::{
    page::{Malformed, Page},
    run::Run,
    term::Posting,
};
use crate::{
    log::ReadError,
    verify::{Finding, Part},
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

/// What mends a damaged index.
const REMEDY: &str =
    "the index can be made anew from the events: stop the node and run `keruen log reindex`";

/// What is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damaged {
    /// The events, or their tree. Nothing in the store can mend them.
    Events,
    /// The index, which can be made again from the events.
    Index,
}

/// The index contradicts the events, or itself; or there is something wrong with the events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log is damaged at position {position}: {}", self.said())]
pub(crate) struct Damage {
    pub of: Damaged,
    pub position: u64,
    pub found: String,
}

impl Damage {
    /// Of the index.
    pub fn new(position: u64, found: impl Into<String>) -> Self {
        Self {
            of: Damaged::Index,
            position,
            found: found.into(),
        }
    }

    /// Of the events.
    pub fn of_events(position: u64, found: impl Into<String>) -> Self {
        Self {
            of: Damaged::Events,
            ..Self::new(position, found)
        }
    }

    /// What was found, and what to do where something can be done.
    pub fn said(&self) -> String {
        match self.of {
            Damaged::Events => self.found.clone(),
            Damaged::Index => format!("{}; {REMEDY}", self.found),
        }
    }

    /// The same for whoever reads.
    pub fn refused(self) -> ReadError {
        ReadError::Damaged {
            position: self.position,
            found: self.said(),
        }
    }

    /// The same for whoever verifies.
    pub fn finding(self) -> Finding {
        let part = match self.of {
            Damaged::Events => Part::Event,
            Damaged::Index => Part::Index,
        };
        Finding::new(part, self.position, self.said())
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

    /// The ids by which there are pages or filters, ascending, whether there is such a run or not.
    fn ids_with_rows(&mut self) -> Result<Vec<u64>, Self::Error>;

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
