//! A log that fails, hangs or is put back to an older state, as a test wants it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use keruen_log::{
    AppendError, AppendRequest, Appended, Head, Log, Page, Query, Range, ReadError,
    RecordedCommand, SqliteLog,
    tree::{Hash, TreeHashes},
};
use tokio::sync::watch;

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Well,
    Fails,
    /// Not before that changes.
    Waits,
}

/// Those who ask it.
pub struct Askers {
    /// How they are answered.
    pub mood: watch::Sender<Mood>,
    /// How many of them wait for an answer.
    pub now: watch::Sender<usize>,
    /// And how many did at once.
    pub most: AtomicUsize,
}

impl Askers {
    fn new() -> Self {
        Self {
            mood: watch::Sender::new(Mood::Well),
            now: watch::Sender::new(0),
            most: AtomicUsize::default(),
        }
    }

    async fn answer(&self) -> Result<(), ReadError> {
        let _waiting = Waiting::begin(self);
        let mut mood = self.mood.subscribe();
        let mood = *mood.wait_for(|mood| *mood != Mood::Waits).await.unwrap();
        if mood == Mood::Fails {
            return Err(ReadError::Unavailable("it is out of order".to_owned()));
        }
        Ok(())
    }
}

/// One of them, until it is answered or leaves.
struct Waiting<'a>(&'a Askers);

impl<'a> Waiting<'a> {
    fn begin(askers: &'a Askers) -> Self {
        askers.now.send_modify(|now| *now += 1);
        askers
            .most
            .fetch_max(*askers.now.borrow(), Ordering::Relaxed);
        Self(askers)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.now.send_modify(|now| *now -= 1);
    }
}

pub struct Faulty {
    log: Mutex<Arc<SqliteLog>>,
    head: watch::Sender<u64>,
    /// The threads that build views.
    pub builders: Askers,
    /// Everybody else.
    pub others: Askers,
}

impl Faulty {
    pub fn new(log: Arc<SqliteLog>) -> Arc<Self> {
        Arc::new(Self {
            head: watch::Sender::new(*log.watch_head().borrow()),
            log: Mutex::new(log),
            builders: Askers::new(),
            others: Askers::new(),
        })
    }

    /// From now on it is this one.
    pub fn replace(&self, log: Arc<SqliteLog>) {
        *self.log.lock().unwrap() = log;
    }

    fn log(&self) -> Arc<SqliteLog> {
        self.log.lock().unwrap().clone()
    }

    async fn answer(&self) -> Result<(), ReadError> {
        let thread = std::thread::current();
        let is_builder = thread.name().is_some_and(|name| name.starts_with("build "));
        let askers = if is_builder {
            &self.builders
        } else {
            &self.others
        };
        askers.answer().await
    }
}

#[async_trait]
impl Log for Faulty {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        let appended = self.log().append(request).await?;
        self.head
            .send_replace(self.log().head().await.unwrap().position);
        Ok(appended)
    }

    async fn read(&self, query: &Query, range: Range, limit: usize) -> Result<Page, ReadError> {
        self.answer().await?;
        self.log().read(query, range, limit).await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.answer().await?;
        self.log().head().await
    }

    async fn find_command(&self, command_id: &str) -> Result<Option<RecordedCommand>, ReadError> {
        self.log().find_command(command_id).await
    }

    async fn tree_hashes(&self, wanted: TreeHashes) -> Result<Vec<Hash>, ReadError> {
        self.log().tree_hashes(wanted).await
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }
}
