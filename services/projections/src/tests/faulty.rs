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

pub struct Faulty {
    log: Mutex<Arc<SqliteLog>>,
    head: watch::Sender<u64>,
    /// How it answers the threads that build views.
    pub to_builders: watch::Sender<Mood>,
    /// How it answers everybody else.
    pub to_others: watch::Sender<Mood>,
    /// How many of the threads that build are being answered.
    pub builders: watch::Sender<usize>,
    /// And how many there were at once.
    pub most_builders: AtomicUsize,
}

impl Faulty {
    pub fn new(log: Arc<SqliteLog>) -> Arc<Self> {
        Arc::new(Self {
            head: watch::Sender::new(*log.watch_head().borrow()),
            log: Mutex::new(log),
            to_builders: watch::Sender::new(Mood::Well),
            to_others: watch::Sender::new(Mood::Well),
            builders: watch::Sender::new(0),
            most_builders: AtomicUsize::default(),
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
        let is_builder = std::thread::current()
            .name()
            .is_some_and(|name| name.starts_with("build "));
        let mood = if is_builder {
            self.builders.send_modify(|now| *now += 1);
            let now = *self.builders.borrow();
            self.most_builders.fetch_max(now, Ordering::Relaxed);
            let mood = settled(&self.to_builders).await;
            self.builders.send_modify(|now| *now -= 1);
            mood
        } else {
            settled(&self.to_others).await
        };
        if mood == Mood::Fails {
            return Err(ReadError::Unavailable("it is out of order".to_owned()));
        }
        Ok(())
    }
}

async fn settled(mood: &watch::Sender<Mood>) -> Mood {
    let mut mood = mood.subscribe();
    *mood.wait_for(|mood| *mood != Mood::Waits).await.unwrap()
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
