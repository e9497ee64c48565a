//! The seam between verifying and a backend: what is stored, as it is stored.

use async_trait::async_trait;
use keruen_proto::log::v1::RecordedEvent;

use super::{Progress, finding::Finding};

/// An event as its row has it.
#[derive(Clone, Debug)]
pub(crate) struct StoredEvent {
    pub event: RecordedEvent,
    /// How many events its append has.
    pub append_events: u32,
}

/// The head of the log, and what it must agree with, from one snapshot.
#[derive(Clone, Debug)]
pub(crate) struct StoredHead {
    pub log_id: [u8; 16],
    pub position: u64,
    pub recorded_at_us: i64,
    pub frontier: Vec<u8>,
    /// The smallest and the largest position there are; 0 where there is none.
    pub oldest: u64,
    pub newest: u64,
    pub tiles: Vec<StoredTiles>,
}

/// The tiles of one level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredTiles {
    pub level: i64,
    pub count: u64,
    /// Largest number.
    pub last: u64,
}

/// Why something could not be read.
#[derive(Debug)]
pub(crate) enum SourceError {
    /// The database finds its own files damaged there.
    Damaged(String),
    /// It can't be read now.
    Unavailable(String),
}

/// What a backend shows of its store. Nothing is interpreted, and nothing relied on that a constraint should keep.
#[async_trait]
pub(crate) trait Source: Send {
    async fn head(&mut self) -> Result<StoredHead, SourceError>;

    /// The first events of `after + 1 ..= up_to`, at most `limit`. A row with a column that can't be what it should is a
    /// finding.
    async fn events(
        &mut self,
        after: u64,
        up_to: u64,
        limit: usize,
    ) -> Result<Vec<Result<StoredEvent, Finding>>, SourceError>;

    /// The hashes of a completed tile.
    async fn tile(&mut self, level: u32, number: u64) -> Result<Option<Vec<u8>>, SourceError>;

    /// Checks the index of types, tags and command ids against the events, in a snapshot of its own. The answer is how
    /// many entries it has.
    async fn index(
        &mut self,
        log_id: [u8; 16],
        progress: Progress<'_>,
    ) -> Result<Result<u64, Finding>, SourceError>;
}
