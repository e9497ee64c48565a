//! The views: their file, where they stand, and reading them.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, NaiveDate};
use rusqlite::{Connection, InterruptHandle, Transaction, TransactionBehavior};
use tokio::sync::{Semaphore, watch};

use crate::{
    failure::{Defect, StoreError},
    store::{self, Writer},
};

/// Tells today's date: which region counts as a facility's own.
pub type Calendar = Arc<dyn Fn() -> NaiveDate + Send + Sync>;

/// How to keep and read views.
#[derive(Clone)]
pub struct ViewOptions {
    /// How many events are taken in at once at most, in one transaction.
    pub batch_events: usize,
    /// How long to wait for a wake-up of the log before looking anyway.
    pub poll_interval: Duration,
    /// How long a query waits at most until the views reach its `min_position`.
    pub max_wait: Duration,
    /// How long a query runs at most.
    pub max_query: Duration,
    /// How many queries run at once; more wait.
    pub readers: usize,
    /// Today's date; `None` takes the system's clock, in UTC.
    pub today: Option<Calendar>,
}

impl Default for ViewOptions {
    fn default() -> Self {
        Self {
            batch_events: 2_000,
            poll_interval: Duration::from_secs(2),
            max_wait: Duration::from_secs(10),
            max_query: Duration::from_secs(30),
            readers: 4,
            today: None,
        }
    }
}

/// An event that the views can't take in: they stand before it until a version that can takes over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event at position {position} ({type}) can't be taken in: {defect}")]
pub struct Parked {
    /// Position of the event.
    pub position: u64,
    /// Its type.
    pub r#type: String,
    /// Why.
    pub defect: Defect,
}

/// Where the views stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether the views have been found to belong to the log that they follow. Until then nothing is answered.
    pub ready: bool,
    /// Every event up to this position is in the views.
    pub position: u64,
    /// Head of the log as last seen.
    pub head_position: u64,
    /// The event that the views can't pass, if there is one.
    pub parked: Option<Parked>,
    /// Why the views don't move at present, if the log can't be read or the store can't be written; they try again.
    pub failure: Option<String>,
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Every reader was busy, or the answer took too long.
    #[error("the views took longer than {limit_ms} ms to answer; ask for less, or try again later")]
    TooSlow {
        /// How long it may take.
        limit_ms: u128,
    },
    /// The reading task was lost.
    #[error("the reader stopped: {0}")]
    Stopped(String),
}

/// Views on the log, in a file that can be deleted and is then built anew.
pub struct Views {
    dir: PathBuf,
    pub(crate) options: ViewOptions,
    /// Taken by whoever follows the log.
    pub(crate) writer: tokio::sync::Mutex<()>,
    status: watch::Sender<Status>,
    position: watch::Sender<u64>,
    idle: Mutex<Vec<Connection>>,
    readers: Semaphore,
}

impl Views {
    /// Opens the views in a folder, and creates them where there are none. They stand still until [`Views::run`].
    pub fn open(dir: &Path, options: ViewOptions) -> Result<Arc<Self>, StoreError> {
        let position = Writer::open(dir)?.checkpoint()?.position;
        store::remove_other_versions(dir);
        let status = Status {
            position,
            ..Status::default()
        };
        Ok(Arc::new(Self {
            dir: dir.to_owned(),
            writer: tokio::sync::Mutex::new(()),
            status: watch::Sender::new(status),
            position: watch::Sender::new(position),
            idle: Mutex::default(),
            readers: Semaphore::new(options.readers.max(1)),
            options,
        }))
    }

    /// Where the views stand.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Wakes whenever the views have moved; the value is the position that they reflect. It goes back only where they
    /// are built anew.
    pub fn watch_position(&self) -> watch::Receiver<u64> {
        self.position.subscribe()
    }

    /// Wakes whenever the views have moved, parked or failed.
    pub fn watch_status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Changes the status; `false` says that nothing changed.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Status) -> bool) {
        self.status.send_if_modified(change);
        let position = self.status.borrow().position;
        self.position
            .send_if_modified(|known| std::mem::replace(known, position) != position);
    }

    /// The folder of the file.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Today, as the calendar says.
    pub(crate) fn today(&self) -> NaiveDate {
        match &self.options.today {
            Some(today) => today(),
            None => system_date(),
        }
    }

    /// Answers a question from one snapshot, together with the position that it reflects.
    pub(crate) async fn read<T, E, F>(self: &Arc<Self>, question: F) -> Result<(T, u64), E>
    where
        T: Send + 'static,
        E: From<ReadError> + From<StoreError> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        let limit = self.options.max_query;
        let too_slow = || ReadError::TooSlow {
            limit_ms: limit.as_millis(),
        };
        let views = self.clone();
        let answer = async move {
            // The semaphore is never closed.
            let Ok(_permit) = views.readers.acquire().await else {
                return Err(too_slow().into());
            };
            let connection = views.reader()?;
            let interrupt = Interrupt::new(&connection);
            let running = interrupt.running.clone();
            let reading = tokio::task::spawn_blocking(move || {
                let answer = snapshot(&connection, question);
                *running.lock().unwrap_or_else(PoisonError::into_inner) = false;
                (connection, answer)
            });
            let (connection, answer) = reading
                .await
                .map_err(|error| ReadError::Stopped(error.to_string()))?;
            views
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            answer
        };
        tokio::time::timeout(limit, answer)
            .await
            .map_err(|_| too_slow())?
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        idle.map_or_else(|| store::open_reader(&self.dir), Ok)
    }
}

fn snapshot<T, E: From<StoreError>>(
    connection: &Connection,
    question: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<(T, u64), E> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)
        .map_err(StoreError::from)?;
    // The first read begins the snapshot that all others see.
    let position = store::checkpoint(&transaction)?.position;
    let answer = question(&transaction)?;
    Ok((answer, position))
}

/// Interrupts a query that nobody waits for any more.
struct Interrupt {
    handle: InterruptHandle,
    running: Arc<Mutex<bool>>,
}

impl Interrupt {
    fn new(connection: &Connection) -> Self {
        Self {
            handle: connection.get_interrupt_handle(),
            running: Arc::new(Mutex::new(true)),
        }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        // Only what runs is interrupted: the lock keeps the connection from going on to another question meanwhile.
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if *running {
            self.handle.interrupt();
        }
    }
}

fn system_date() -> NaiveDate {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let time = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.map_or(NaiveDate::MIN, |time| time.date_naive())
}
