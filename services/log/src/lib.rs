//! The append-only event log: the only system of record. It knows bytes and tags, never the domain.
//!
//! [`Log`] is the seam that every backend implements and everybody else codes against. An append is checked against the
//! bounds in [`bounds`] on its caller's task, then queued for the one sequencer, which decides appends in order and
//! commits them in groups. Every event is a leaf of a Merkle tree over the bytes that [`entry`] makes of it.

pub mod bounds;
pub mod checkpoint;
pub mod entry;
pub mod tree;
pub mod verify;

mod ahead;
mod append;
mod bytes;
mod cursor;
mod decision;
mod endpoint;
mod follow;
mod index;
mod log;
mod matching;
mod nats;
mod page;
mod postgres;
mod recent;
mod relay;
mod request;
mod scan;
mod sequencer;
mod sqlite;
mod stats;
mod store;
mod syntax;

pub use append::{AppendError, Violation};
pub use bounds::Bounds;
pub use bytes::bytes_text;
pub use endpoint::EventEndpoint;
pub use follow::{Batch, FollowOptions, follow};
pub use index::{IndexOptions, ReindexOptions, Reindexed};
pub use log::{Head, Log, Page, Range, ReadError, RecordedCommand};
pub use matching::{matches, matches_event};
pub use nats::{
    LogEndpoint, LogEndpointOptions, NatsConnectError, NatsConnection, NatsHealthError, NatsLog,
    NatsLogOptions, NatsNames, NatsOptions, RoutedLog,
};
pub use postgres::{
    PostgresLog, PostgresOpenError, PostgresOptions, PostgresRefusal, PostgresStanding, TakeOver,
};
pub use relay::{Relay, RelayOptions, Renderer};
pub use request::Transcoder;
pub use sequencer::Clock;
pub use sqlite::{
    BackupError, Copy, DEFAULT_MIN_FREE_BYTES, FileLock, FreeSpace, Observer, OpenError, Progress,
    SqliteLog, SqliteOptions, Stage, StoreReader, StoredHead, backup, free_bytes, holder_of,
    make_folder, restore, sqlite_version,
};
pub use stats::{IndexStats, LevelStats, StoreStats};

pub use keruen_proto::log::v1::{
    AppendCondition, AppendRequest, Appended, ProposedEvent, Query, QueryItem, RecordedEvent,
};
