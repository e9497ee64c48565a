//! The log in one SQLite file: one writer thread, a few read connections.

mod backup;
mod checkpointer;
mod file;
mod index;
mod reader;
mod readers;
mod reindex;
mod rows;
mod schema;
mod space;
mod stats;
mod stored;
mod tree;
mod verify;
mod writer;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use keruen_proto::log::v1::{AppendRequest, Appended, Query};
use tokio::sync::watch;

pub use backup::{BackupError, Copy, backup, restore};
pub use file::{FileLock, OpenError, holder_of, make_folder};
pub use space::{FreeSpace, free_bytes};
pub use stored::{Observer, Progress, Stage, StoreReader, StoredHead, sqlite_version};

use crate::{
    append::{AppendError, Violation},
    bounds::{Bounds, MAX_PAGE_EVENTS},
    index::{IndexOptions, cache::FilterCache, tail::SharedTail, term::TermHasher},
    log::{Head, Log, Page, Range, ReadError, RecordedCommand},
    matching,
    request::{self, Candidate, Transcoder},
    sequencer::{self, Clock, Sequencer},
    syntax,
    tree::{Hash, TreeHashes},
};
use readers::Readers;
use space::Reserve;
use writer::Writer;

/// Bytes that stay free on the disk unless told otherwise: room for the write-ahead log, for views to follow, and for an
/// operator to tidy up.
pub const DEFAULT_MIN_FREE_BYTES: u64 = 64 << 20;

/// How to open a log.
#[derive(Clone)]
pub struct SqliteOptions {
    /// The log's clock.
    pub clock: Clock,
    /// Sizes each event as JSON before it is appended, and may refuse it; `None` accepts all.
    pub transcoder: Option<Transcoder>,
    /// How much it takes at most.
    pub bounds: Bounds,
    /// How many reads run at the same time.
    pub readers: usize,
    /// How many pages of 4 KiB the file may have; appends beyond fail as on a full disk. `None` sets no limit.
    pub max_pages: Option<u32>,
    /// How the index is kept.
    pub index: IndexOptions,
    /// Appends are refused while fewer bytes than this are free on the disk; 0 keeps nothing in reserve.
    pub min_free_bytes: u64,
    /// Tells how much is free; `None` asks the operating system.
    pub free_space: Option<FreeSpace>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(sequencer::system_time_us),
            transcoder: None,
            bounds: Bounds::default(),
            readers: 4,
            max_pages: None,
            index: IndexOptions::default(),
            min_free_bytes: DEFAULT_MIN_FREE_BYTES,
            free_space: None,
        }
    }
}

/// The log in one SQLite file.
pub struct SqliteLog {
    // Dropped in this order: the writer stops before the file is unlocked.
    sequencer: Sequencer,
    readers: Arc<Readers>,
    bounds: Bounds,
    transcoder: Option<Transcoder>,
    leads: watch::Sender<bool>,
    _lock: FileLock,
}

impl SqliteLog {
    /// Opens the log at `path`, creates it where there is none, and starts its writer. The folder must exist. A file
    /// `<path>.lock` beside it keeps other processes out.
    pub fn open(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let bounds = options.bounds;
        bounds.check().map_err(|violation| OpenError::Bounds {
            path: path.to_owned(),
            violation,
        })?;
        let (connection, lock, path) = file::open(path, options.max_pages)?;
        let filters = FilterCache::new(options.index.filter_cache_bytes);
        let reserve = Reserve::new(&path, options.min_free_bytes, options.free_space);
        let (writer, tip) =
            Writer::start(connection, &path, reserve, options.index, filters.clone())
                .map_err(|error| error.at(&path))?;
        let index = readers::Index {
            hasher: TermHasher::new(writer.log_id()),
            filters,
            tail: SharedTail::new(options.index.run_events),
        };
        let readers = Readers::new(path.clone(), index, options.readers);
        let log_id = writer.log_id();
        let store = writer::Shared::new(writer);
        let sequencer = Sequencer::start(log_id, &tip, store, options.clock, bounds)
            .map_err(|source| OpenError::Io { path, source })?;
        Ok(Self {
            sequencer,
            readers: Arc::new(readers),
            bounds,
            transcoder: options.transcoder,
            leads: watch::Sender::new(true),
            _lock: lock,
        })
    }

    /// Whether this process writes the log. It does as long as it has it open; the receiver closes then.
    pub fn leads(&self) -> watch::Receiver<bool> {
        self.leads.subscribe()
    }

    /// Stops the writer after what is queued; later appends are refused, reads go on. Blocks until it has stopped.
    /// Dropping the log does the same.
    pub fn close(&self) {
        self.leads.send_replace(false);
        self.sequencer.close();
    }
}

#[async_trait]
impl Log for SqliteLog {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        let candidate = Candidate::parse(request, &self.bounds, self.transcoder.as_ref())
            .map_err(AppendError::InvalidArgument)?;
        self.sequencer.append(candidate).await
    }

    async fn read(&self, query: &Query, range: Range, limit: usize) -> Result<Page, ReadError> {
        request::check_query("query", query).map_err(ReadError::InvalidArgument)?;
        let limit = limit.clamp(1, MAX_PAGE_EVENTS);
        if matching::is_everything(query) {
            return self.readers.scan(range, limit).await;
        }
        let query = query.clone();
        self.readers
            .run(move |reader, readers| readers::read_page(reader, readers, &query, range, limit))
            .await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        Ok(self.sequencer.head())
    }

    async fn find_command(&self, command_id: &str) -> Result<Option<RecordedCommand>, ReadError> {
        let command_id = syntax::uuid(command_id)
            .map_err(|rule| ReadError::InvalidArgument(Violation::new("command_id", rule)))?;
        self.readers
            .run(move |reader, readers| readers::find_command(reader, readers, command_id))
            .await
    }

    async fn tree_hashes(&self, wanted: TreeHashes) -> Result<Vec<Hash>, ReadError> {
        let hashes = self
            .readers
            .run(move |reader, _| tree::read(&reader.file, wanted))
            .await?;
        wanted.checked(hashes)
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.sequencer.watch_head()
    }
}
