//! The append-only event log: the only system of record. It knows bytes and tags, never the domain.

mod append;
mod endpoint;
mod follow;
mod log;
mod sqlite;

pub use append::{AppendError, Violation};
pub use endpoint::EventEndpoint;
pub use follow::{Batch, FollowOptions, follow};
pub use log::{Head, Log, Page, Range, ReadError, RecordedCommand};
pub use sqlite::{Clock, OpenError, SqliteLog, SqliteOptions, Transcoder};

pub use keruen_proto::log::v1::{
    AppendCondition, AppendRequest, Appended, ProposedEvent, Query, QueryItem, RecordedEvent,
};
