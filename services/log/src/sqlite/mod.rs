//! The log in one SQLite file.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use keruen_proto::log::v1::{AppendRequest, Appended, Query};
use tokio::sync::watch;

use crate::{
    append::AppendError,
    log::{Head, Log, Page, Range, ReadError, RecordedCommand},
};

/// Tells the time: microseconds since 1970-01-01T00:00:00Z.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Size in bytes of an event's JSON, from its type and data; an error refuses the append.
pub type Transcoder = Arc<dyn Fn(&str, &[u8]) -> Result<usize, String> + Send + Sync>;

/// How to open a log.
#[derive(Clone, Default)]
pub struct SqliteOptions {
    /// The log's clock; `None` takes the system's.
    pub clock: Option<Clock>,
    /// Checks events before they are appended; `None` accepts all.
    pub transcoder: Option<Transcoder>,
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite refused.
    #[error("can't open the log: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// The log in one SQLite file, with one writer thread.
pub struct SqliteLog {
    head: watch::Receiver<u64>,
}

impl SqliteLog {
    /// Opens the log at `path`, creates it where there is none, and starts its writer.
    pub fn open(_path: &Path, _options: SqliteOptions) -> Result<Self, OpenError> {
        let (_, head) = watch::channel(0);
        Ok(Self { head })
    }

    /// Stops the writer after what is queued; later appends are refused. Blocks until it has stopped.
    pub fn close(&self) {}
}

#[async_trait]
impl Log for SqliteLog {
    async fn append(&self, _request: AppendRequest) -> Result<Appended, AppendError> {
        Err(AppendError::Unavailable("not yet".to_owned()))
    }

    async fn read(&self, _: &Query, _: Range, _: usize) -> Result<Page, ReadError> {
        Err(ReadError::Unavailable("not yet".to_owned()))
    }

    async fn head(&self) -> Result<Head, ReadError> {
        Err(ReadError::Unavailable("not yet".to_owned()))
    }

    async fn find_command(&self, _: &str) -> Result<Option<RecordedCommand>, ReadError> {
        Err(ReadError::Unavailable("not yet".to_owned()))
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }
}
