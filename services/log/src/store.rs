//! The seam between the sequencer and a backend's write connection.

use std::collections::HashMap;

use keruen_proto::log::v1::{Query, RecordedEvent};
use uuid::Uuid;

use crate::{
    bytes::bytes_text,
    index::{
        questions::{Answers, Question},
        run::Run,
        storage::IndexedEvent,
        term::Posting,
    },
    log::{Range, RecordedCommand},
    tree::{Tile, Tree},
};

/// Where the log stands, as its writer holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tip {
    /// Time at which the newest event was recorded, in microseconds; 0 where there is none.
    pub recorded_at_us: i64,
    /// The tree over all events; its size is the head position.
    pub tree: Tree,
}

impl Tip {
    pub fn position(&self) -> u64 {
        self.tree.size()
    }
}

/// An event that is about to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewEvent {
    /// Without its id and that of its command: stores keep what those are made of.
    pub event: RecordedEvent,
    pub command_id: Uuid,
    /// Index within its append.
    pub index: u32,
    /// How many events its append has.
    pub append_events: u32,
    /// Hashes of its type, of its tags, and of its command if it is the first event of it.
    pub terms: Vec<u64>,
}

impl NewEvent {
    /// What the index is to know of it.
    pub fn postings(&self) -> impl Iterator<Item = Posting> + '_ {
        self.terms.iter().map(|hash| Posting {
            hash: *hash,
            position: self.event.position,
        })
    }
}

/// What one transaction writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub events: Vec<NewEvent>,
    /// Tiles that the events completed.
    pub tiles: Vec<Tile>,
}

/// Why the store refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the disk of {at} is full; nothing was recorded; free space there, then repeat")]
    Full {
        /// The folder, or the server.
        at: String,
    },
    #[error(
        "only {} are free on the disk of {at}, where {} stay in reserve; nothing was recorded; free space there, then repeat",
        bytes_text(*.free_bytes),
        bytes_text(*.reserve_bytes)
    )]
    NearlyFull {
        /// The folder.
        at: String,
        free_bytes: u64,
        reserve_bytes: u64,
    },
    #[error("the log can't be written now: {0}; nothing was recorded")]
    Failed(String),
    /// What is stored contradicts itself; it stays so until somebody mends it.
    #[error("{0}; nothing was recorded")]
    Damaged(String),
    #[error(
        "the log can't be written now: {0}; the outcome is unknown; repeat with the same command id"
    )]
    Unknown(String),
    /// Somebody else moved the head: this writer must stop.
    #[error(
        "another writer has taken over the log; nothing was recorded; repeat the command there"
    )]
    Fenced,
}

/// How the index stands.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Complete ones, by first position.
    pub runs: Vec<Run>,
    /// Epoch in which the writer wrote them: another one's connections may lead elsewhere.
    pub epoch: i64,
}

/// What deciding asks about the events that the store answers for. It is asked while a group is under way, too, and does
/// not know of that one then.
pub(crate) trait History: Send + 'static {
    /// Whether it is worth while to ask the questions of a group together: each is a journey otherwise.
    const LOOKS_AHEAD: bool = false;

    /// The index stands so since the last group was committed.
    fn follow(&mut self, _standing: Standing) {}

    /// Whether it has seen that somebody else has taken over the log.
    fn is_fenced(&self) -> bool {
        false
    }

    /// Answers what it can of the questions that are about to be asked: what command ids were used for, and what matches
    /// queries.
    fn look_ahead(
        &mut self,
        _command_ids: &[Uuid],
        _questions: &[Question<'_>],
    ) -> Result<Answers, StoreError> {
        Ok(Answers::default())
    }

    /// What a command id was used for, among the events that the store answers for.
    fn find_command(&mut self, command_id: Uuid) -> Result<Option<RecordedCommand>, StoreError>;

    /// Position of an event in `range` that matches, among those that the store answers for.
    fn find_match(&mut self, query: &Query, range: Range) -> Result<Option<u64>, StoreError>;

    /// Fails if somebody else may have appended since, so that what the writer holds is not the newest. A store that one
    /// process has to itself need not look.
    fn confirm(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A backend's write side. It is used by one thread at a time.
pub(crate) trait Store: Send + 'static {
    /// Who answers what deciding asks.
    type History: History;

    /// Groups of so many events are committed by a thread of their own, while what comes next is decided: worth while
    /// where a commit is mostly a wait for somebody else.
    const EVENTS_BESIDE: usize = usize::MAX;

    /// Whether an append that is alone is committed on its caller's thread: worth while there as well, since to wake
    /// another thread and be woken by it would double the wait.
    const ALONE_AT_ONCE: bool = false;

    /// Asked for once, before anything is committed.
    fn history(&mut self) -> std::io::Result<Self::History>;

    /// Reads where the log stands.
    fn load(&mut self) -> Result<Tip, StoreError>;

    /// How the index stands, for the history to follow. Read again if need be.
    fn standing(&mut self) -> Result<Standing, StoreError> {
        Ok(Standing::default())
    }

    /// Position up to which the store answers for the events. Those behind it are the writer's own to remember.
    fn indexed(&self) -> u64 {
        u64::MAX
    }

    /// The events behind that position.
    fn newest(&mut self) -> Result<Vec<IndexedEvent>, StoreError> {
        Ok(Vec::new())
    }

    /// What these command ids were used for, those that were, also when somebody else has taken over the log.
    fn recorded(
        &mut self,
        command_ids: &[Uuid],
    ) -> Result<HashMap<Uuid, RecordedCommand>, StoreError>;

    /// Whether somebody else is known to have taken over the log.
    fn is_fenced(&self) -> bool {
        false
    }

    /// Writes the group and moves the head from one tip to the other, durably, all or nothing.
    fn commit(&mut self, group: &Group, from: &Tip, to: &Tip) -> Result<(), StoreError>;
}
