//! The log on a PostgreSQL server: one writer, fenced by the database, and readers in any process.

mod election;
mod fields;
mod follower;
mod index;
mod keeper;
mod lease;
mod lookups;
mod opening;
mod readers;
mod reindex;
mod rows;
mod schema;
mod session;
mod signer;
mod standing;
mod stats;
mod tip;
mod tree;
mod verify;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use keruen_proto::log::v1::{AppendRequest, Appended, Query};
use tokio::sync::watch;

pub use election::TakeOver;
pub use opening::{PostgresOpenError, PostgresRefusal};
pub use standing::PostgresStanding;

use crate::{
    append::{AppendError, Violation},
    bounds::{Bounds, MAX_PAGE_EVENTS},
    index::{IndexOptions, cache::FilterCache},
    log::{Head, Log, Page, Range, ReadError, RecordedCommand},
    request::{self, Candidate, Transcoder},
    sequencer::{self, Clock},
    syntax,
    tree::{Hash, TreeHashes},
};
use election::Election;
use follower::Follower;
use readers::Readers;

/// How to open a log on PostgreSQL.
#[derive(Clone)]
pub struct PostgresOptions {
    /// The log's clock.
    pub clock: Clock,
    /// Sizes each event as JSON before it is appended, and may refuse it; `None` accepts all.
    pub transcoder: Option<Transcoder>,
    /// How much it takes at most.
    pub bounds: Bounds,
    /// How many reads run at the same time, each on a connection of its own.
    pub readers: u32,
    /// How the index is kept.
    pub index: IndexOptions,
    /// Name of this process, by which others know who writes the log.
    pub node: String,
    /// What to do where another process writes the log.
    pub take_over: TakeOver,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(sequencer::system_time_us),
            transcoder: None,
            bounds: Bounds::default(),
            readers: 4,
            index: IndexOptions::default(),
            node: "keruen".to_owned(),
            take_over: TakeOver::AtOnce,
        }
    }
}

/// The log on a PostgreSQL server.
///
/// It has one writer at a time. Of the processes that open it with [`PostgresLog::open`], one holds a lease of the
/// database and writes; the others stand by, see [`TakeOver`]. A writer before is fenced by the database, whatever state
/// it is in, and records nothing from then on. Readers are not disturbed.
pub struct PostgresLog {
    address: sqlx::postgres::PgConnectOptions,
    /// `None` where it is only read.
    election: Option<Election>,
    readers: Readers,
    follower: Follower,
    position: watch::Receiver<u64>,
    bounds: Bounds,
    transcoder: Option<Transcoder>,
}

impl PostgresLog {
    /// Opens the log at `url`, `postgres://user@host:port/database`; makes it where there is none, and brings it to the
    /// newest version, if the user may; takes it over and starts its writer, or stands by. To be called on a tokio
    /// runtime.
    pub async fn open(url: &str, options: PostgresOptions) -> Result<Self, PostgresOpenError> {
        let address = opening::address(url)?;
        let filters = FilterCache::new(options.index.filter_cache_bytes);
        let index = (options.index, filters);
        let readers = Readers::new(&address, options.readers, index.clone());
        let (announce, position) = watch::channel(0);
        let candidate = election::Candidate {
            address: address.clone(),
            node: options.node,
            take_over: options.take_over,
            clock: options.clock,
            bounds: options.bounds,
            announce: announce.clone(),
            index,
        };
        let opened = async {
            options.bounds.check().map_err(PostgresRefusal::Bounds)?;
            let election = Election::start(candidate).await?;
            let head = readers.position().await?;
            announce.send_modify(|known| *known = head.max(*known));
            Ok(election)
        };
        let election = opened.await.map_err(|reason| PostgresOpenError {
            at: opening::shown(&address),
            reason,
        })?;
        let follower = Follower::start(readers.clone(), announce, election.leads());
        Ok(Self {
            address,
            election: Some(election),
            readers,
            follower,
            position,
            bounds: options.bounds,
            transcoder: options.transcoder,
        })
    }

    /// Opens the log at `url` for reading only, also while a writer in this or another process has it. Appends are
    /// refused. To be called on a tokio runtime.
    pub async fn open_reader(
        url: &str,
        options: PostgresOptions,
    ) -> Result<Self, PostgresOpenError> {
        let address = opening::address(url)?;
        let refused = |reason| PostgresOpenError {
            at: opening::shown(&address),
            reason,
        };
        opening::check_for_reading(&address)
            .await
            .map_err(refused)?;
        let filters = FilterCache::new(options.index.filter_cache_bytes);
        let index = (options.index, filters);
        let readers = Readers::new(&address, options.readers, index);
        let head = readers
            .position()
            .await
            .map_err(|error| refused(error.into()))?;
        let (announce, position) = watch::channel(head);
        let follower = Follower::start(readers.clone(), announce, watch::channel(false).1);
        Ok(Self {
            address,
            election: None,
            readers,
            follower,
            position,
            bounds: options.bounds,
            transcoder: options.transcoder,
        })
    }

    /// A URL as it may be printed: without a password.
    pub fn shown(url: &str) -> String {
        opening::address(url).map_or_else(|error| error.at, |address| opening::shown(&address))
    }

    /// Whether this process writes the log: appends are refused while it does not. It closes when the log does.
    pub fn leads(&self) -> watch::Receiver<bool> {
        match &self.election {
            Some(election) => election.leads(),
            None => watch::channel(false).1,
        }
    }

    /// The other node that writes the log, where this one stands by and knows it.
    pub fn other_writer(&self) -> Option<String> {
        self.election.as_ref()?.other_writer()
    }

    /// Stops the writer after what is queued, so that a standby can take over at once; later appends are refused, reads
    /// go on. Blocks until it has stopped. Dropping the log does the same.
    pub fn close(&self) {
        if let Some(election) = &self.election {
            election.stop();
        }
        self.follower.stop();
    }
}

#[async_trait]
impl Log for PostgresLog {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        let candidate = Candidate::parse(request, &self.bounds, self.transcoder.as_ref())
            .map_err(AppendError::InvalidArgument)?;
        match &self.election {
            Some(election) => election.sequencer()?.append(candidate).await,
            None => Err(AppendError::NotRecorded(
                "this process only reads the log; nothing was recorded".to_owned(),
            )),
        }
    }

    async fn read(&self, query: &Query, range: Range, limit: usize) -> Result<Page, ReadError> {
        request::check_query("query", query).map_err(ReadError::InvalidArgument)?;
        let limit = limit.clamp(1, MAX_PAGE_EVENTS);
        self.readers.page(query.clone(), range, limit).await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.readers.head().await
    }

    async fn find_command(&self, command_id: &str) -> Result<Option<RecordedCommand>, ReadError> {
        let command_id = syntax::uuid(command_id)
            .map_err(|rule| ReadError::InvalidArgument(Violation::new("command_id", rule)))?;
        self.readers.command(command_id).await
    }

    async fn tree_hashes(&self, wanted: TreeHashes) -> Result<Vec<Hash>, ReadError> {
        let hashes = tree::read(self.readers.pool(), wanted).await?;
        wanted.checked(hashes)
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.position.clone()
    }
}
