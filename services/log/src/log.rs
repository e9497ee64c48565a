//! The trait that every backend of the log implements, and what its reads answer with.

use async_trait::async_trait;
use keruen_proto::log::v1::{AppendRequest, Appended, Query, RecordedEvent};
use tokio::sync::watch;

use crate::{
    append::{AppendError, Violation},
    tree::{Hash, TreeHashes},
};

/// A log of events: gapless positions, appends under a condition, all or nothing, idempotent by command id for ever.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// Records all events of the request, in order and with nothing between them, or none. Answers only after the
    /// commit. A repetition of a command id with the same hash answers with the first reply.
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError>;

    /// Events that match `query` within `range`, in order of position, at most `limit` and at most about
    /// 3 MiB of them. A `limit` of 0 is taken as 1, one beyond 10,000 as 10,000.
    async fn read(&self, query: &Query, range: Range, limit: usize) -> Result<Page, ReadError>;

    /// Where the log stands.
    async fn head(&self) -> Result<Head, ReadError>;

    /// What a command id was used for; `None` if it never led to events.
    async fn find_command(&self, command_id: &str) -> Result<Option<RecordedCommand>, ReadError>;

    /// Hashes of the Merkle tree as they are stored. Asked for what lies beyond the head, it fails.
    async fn tree_hashes(&self, wanted: TreeHashes) -> Result<Vec<Hash>, ReadError>;

    /// Wakes whenever events were committed; the value is the committed head position. It closes when the log does.
    fn watch_head(&self) -> watch::Receiver<u64>;
}

/// Which positions to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Only events above this position; 0 reads from the first event on.
    pub after_position: u64,
    /// Only events up to and with this position; `None` reads up to the head.
    pub up_to_position: Option<u64>,
}

impl Range {
    /// Everything above `position`.
    pub fn after(position: u64) -> Self {
        Self {
            after_position: position,
            up_to_position: None,
        }
    }

    /// The same, ending with `position`.
    #[must_use]
    pub fn up_to(self, position: u64) -> Self {
        Self {
            up_to_position: Some(position),
            ..self
        }
    }
}

/// Events read in one snapshot of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// In order of position.
    pub events: Vec<RecordedEvent>,
    /// Head of the log in the snapshot that the events were read from.
    pub head_position: u64,
    /// False if the page ends before the range is exhausted: go on after the last event.
    pub complete: bool,
}

impl Page {
    /// Every matching event of `range` up to this position is on this page or an earlier one.
    pub fn reached_position(&self, range: Range) -> u64 {
        match self.events.last() {
            Some(last) if !self.complete => last.position,
            _ => range
                .up_to_position
                .map_or(self.head_position, |up_to| up_to.min(self.head_position))
                .max(range.after_position),
        }
    }
}

/// Where the log stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Identity of the log, made when it was created.
    pub log_id: [u8; 16],
    /// Position of the newest event; 0 where there is none.
    pub position: u64,
    /// RFC 6962 root over the leaves of all events.
    pub root_hash: [u8; 32],
}

/// What a command id was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedCommand {
    /// The hash it came with.
    pub command_hash: [u8; 32],
    /// The first reply.
    pub appended: Appended,
}

/// Why a read was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The question itself is malformed or beyond a bound.
    #[error("{0}")]
    InvalidArgument(Violation),
    /// The store can't be read now, or the log was closed; a repetition may help.
    #[error("the log can't be read: {0}")]
    Unavailable(String),
    /// What is stored contradicts itself; a repetition can't help.
    #[error("the log is damaged at position {position}: {found}")]
    Damaged {
        /// Where.
        position: u64,
        /// What was found there.
        found: String,
    },
}
