//! The log on a PostgreSQL server: one writer, fenced by the database, and readers in any process.

mod follower;
mod index;
mod opening;
mod readers;
mod rows;
mod schema;
mod session;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use keruen_proto::log::v1::{AppendRequest, Appended, Query};
use sqlx::postgres::PgConnectOptions;
use tokio::sync::watch;

pub use opening::{PostgresOpenError, PostgresRefusal};

use crate::{
    append::{AppendError, Violation},
    bounds::{Bounds, MAX_PAGE_EVENTS},
    log::{Head, Log, Page, Range, ReadError, RecordedCommand},
    request::{self, Candidate, Transcoder},
    sequencer::{self, Clock, Sequencer},
    syntax,
};
use follower::{Follower, Hints};
use readers::Readers;
use writer::Writer;

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
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(sequencer::system_time_us),
            transcoder: None,
            bounds: Bounds::default(),
            readers: 4,
        }
    }
}

/// The log on a PostgreSQL server.
///
/// Whoever opens it with [`PostgresLog::open`] takes it over: a writer before is fenced by the database, whatever state
/// it is in, and refuses appends from then on. Readers are not disturbed.
pub struct PostgresLog {
    /// `None` where it is only read.
    sequencer: Option<Sequencer>,
    readers: Readers,
    follower: Follower,
    position: watch::Receiver<u64>,
    bounds: Bounds,
    transcoder: Option<Transcoder>,
}

impl PostgresLog {
    /// Opens the log at `url`, `postgres://user@host:port/database`; makes it where there is none, and brings it to the
    /// newest version, if the user may; takes it over and starts its writer. To be called on a tokio runtime.
    pub async fn open(url: &str, options: PostgresOptions) -> Result<Self, PostgresOpenError> {
        let address = opening::address(url)?;
        let at = opening::shown(&address);
        let readers = Readers::new(&address, options.readers);
        let bounds = options.bounds;
        bounds.check().map_err(|violation| PostgresOpenError {
            at: at.clone(),
            reason: PostgresRefusal::Bounds(violation),
        })?;
        let transcoder = options.transcoder.clone();
        // The writer has a runtime of its own, which must not be dropped on a task.
        let started = tokio::task::spawn_blocking(move || start(&address, options)).await;
        let (sequencer, announce) = started
            .unwrap_or_else(|error| Err(PostgresRefusal::Thread(error.into())))
            .map_err(|reason| PostgresOpenError { at, reason })?;
        let follower = Follower::start(readers.clone(), announce, Hints::Poll);
        Ok(Self {
            position: sequencer.watch_head(),
            sequencer: Some(sequencer),
            readers,
            follower,
            bounds,
            transcoder,
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
        let readers = Readers::new(&address, options.readers);
        let head = readers
            .position()
            .await
            .map_err(|error| refused(error.into()))?;
        let (announce, position) = watch::channel(head);
        let follower = Follower::start(readers.clone(), announce, Hints::Listen);
        Ok(Self {
            sequencer: None,
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

    /// Stops the writer after what is queued; later appends are refused, reads go on. Blocks until it has stopped.
    /// Dropping the log does the same.
    pub fn close(&self) {
        if let Some(sequencer) = &self.sequencer {
            sequencer.close();
        }
        self.follower.stop();
    }
}

fn start(
    address: &PgConnectOptions,
    options: PostgresOptions,
) -> Result<(Sequencer, watch::Sender<u64>), PostgresRefusal> {
    let (writer, tip) = Writer::open(address)?;
    let (announce, _) = watch::channel(tip.position());
    let sequencer = Sequencer::start_announcing(
        writer.log_id(),
        tip,
        writer,
        options.clock,
        options.bounds,
        announce.clone(),
    )
    .map_err(PostgresRefusal::Thread)?;
    Ok((sequencer, announce))
}

#[async_trait]
impl Log for PostgresLog {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        let candidate = Candidate::parse(request, &self.bounds, self.transcoder.as_ref())
            .map_err(AppendError::InvalidArgument)?;
        match &self.sequencer {
            Some(sequencer) => sequencer.append(candidate).await,
            None => Err(AppendError::Unavailable(
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

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.position.clone()
    }
}
