//! The views of a node, and the one who keeps each of them.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chrono::NaiveDate;
use keruen_domain::calendar::kazakhstan_day;
use keruen_log::FreeSpace;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::{
    copies::{CopyName, Place},
    database::{self, Access, Address, Asker, Connection},
    failure::{Defect, StoreError},
    refusal::Refusal,
    room::NoRoom,
    standing,
    view::{self, View},
    writer,
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
    /// How many queries of a view run at once; more wait.
    pub readers: usize,
    /// How much of the rows a view that follows the log keeps in memory, in bytes, roughly.
    pub memory_bytes: usize,
    /// The same for a view that is built anew. What is written waits there too.
    pub build_memory_bytes: usize,
    /// A view that is missing is built beside the log, and answers once it is complete, if there are more events than
    /// this; otherwise it answers while it follows.
    pub build_from_events: u64,
    /// So many bytes stay free on the disk of views in a folder, twice: where they would not, none is built anew. 0 looks at
    /// nothing.
    pub min_free_bytes: u64,
    /// Tells how many bytes are free there; `None` asks the system.
    pub free_space: Option<FreeSpace>,
    /// Name of the node that keeps them, as it tells others on the same database.
    pub node: String,
    /// Today's date; `None` takes the system's clock, and the day in Kazakhstan.
    pub today: Option<Calendar>,
}

impl Default for ViewOptions {
    fn default() -> Self {
        Self {
            batch_events: 10_000,
            poll_interval: Duration::from_secs(2),
            max_wait: Duration::from_secs(10),
            max_query: Duration::from_secs(30),
            readers: 4,
            memory_bytes: 32 << 20,
            build_memory_bytes: 64 << 20,
            build_from_events: 10_000,
            min_free_bytes: 0,
            free_space: None,
            node: String::new(),
            today: None,
        }
    }
}

/// An event that a view can't take in: it stands before it until a version that can takes over.
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

/// How far a view is that is being built beside the one that answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rebuild {
    /// Every event up to this position has been folded.
    pub position: u64,
    /// How many of them a second, since it was begun or resumed.
    pub events_per_s: f64,
    /// Why it does not go on at present; it is begun again from what was written.
    pub failure: Option<String>,
}

/// Where a view stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Whether the rows have been found to belong to the log that they follow. Until then nothing is answered.
    pub ready: bool,
    /// Every event up to this position is in the rows.
    pub position: u64,
    /// Head of the log as last seen.
    pub head_position: u64,
    /// The event that the view can't pass, if there is one.
    pub parked: Option<Parked>,
    /// Why the view doesn't move at present, if the log can't be read or the store can't be written; it tries again.
    pub failure: Option<String>,
    /// A copy that is being built, if there is one.
    pub rebuild: Option<Rebuild>,
    /// Version of the rows that answer.
    pub version: u32,
    /// Whether another process writes the rows, and this one only reads them.
    pub is_kept_elsewhere: bool,
    /// The name of the node that writes them then, as far as it is known.
    pub kept_by: Option<String>,
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are no rows yet.
    #[error("the view is being built; ask again later")]
    Missing,
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

/// Why views are not built anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RebuildRefusal {
    /// There is no such view.
    #[error("there is no view {name:?}; there are {known}")]
    UnknownView {
        /// Asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// Another process writes it.
    #[error("the view {name} is kept by {node} on the same database; ask that one")]
    KeptElsewhere {
        /// The view.
        name: &'static str,
        /// The node that keeps it, as far as it is known.
        node: String,
    },
    /// It is being built already.
    #[error("the view {name} is being built already")]
    UnderWay {
        /// The view.
        name: &'static str,
    },
    /// There is too little room on the disk.
    #[error("the view {name} is not built anew: {found}, and repeat")]
    NoRoom {
        /// The view.
        name: &'static str,
        /// What there is.
        found: NoRoom,
    },
}

/// The user of a database may not make schemas in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the user of the database may not make schemas in it until an administrator runs: {grant}")]
pub struct NoSchemas {
    /// What lets it.
    pub grant: String,
}

/// The views of a node. They can be deleted at any time and are then built anew.
pub struct Views {
    keepers: Vec<Arc<Keeper>>,
    pub(crate) options: ViewOptions,
}

impl Views {
    /// Views in a folder, which is made where there is none. They stand still until [`Views::run`].
    pub fn in_folder(
        folder: impl Into<PathBuf>,
        options: ViewOptions,
    ) -> Result<Arc<Self>, StoreError> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder)?;
        Ok(Self::at(&Place::Folder(folder), options))
    }

    /// Views in a PostgreSQL database, in schemas of their own, unless its user may not make any. They stand still until
    /// [`Views::run`]. The runtime in which this is called has to live as long. Fails with [`StoreError::Foreign`] where
    /// there are views of another user.
    pub async fn in_database(
        url: &str,
        options: ViewOptions,
    ) -> Result<Result<Arc<Self>, NoSchemas>, StoreError> {
        let address = Address::parse(url)?;
        if let Some(grant) = address.missing_grant().await? {
            return Ok(Err(NoSchemas { grant }));
        }
        let place = Place::Server(Box::new(address));
        let views = Self::at(&place, options);
        let checked = tokio::task::spawn_blocking(move || place.check_owner()).await;
        checked.map_err(std::io::Error::from)??;
        Ok(Ok(views))
    }

    pub(crate) fn at(place: &Place, options: ViewOptions) -> Arc<Self> {
        let keeper =
            |view: &&'static View| Arc::new(Keeper::new(view, place.clone(), options.clone()));
        Arc::new(Self {
            keepers: view::ALL.iter().map(keeper).collect(),
            options,
        })
    }

    pub(crate) fn keepers(&self) -> &[Arc<Keeper>] {
        &self.keepers
    }

    /// The view `current`: everything as it stands now.
    pub(crate) fn current(&self) -> &Arc<Keeper> {
        // There always is one, and it is the first of all.
        &self.keepers[0]
    }

    /// The view `history`: stock as it was.
    pub(crate) fn history(&self) -> &Arc<Keeper> {
        // It is the second of all.
        &self.keepers[1]
    }

    /// Where the view `current` stands.
    pub fn status(&self) -> Status {
        self.current().status()
    }

    /// Each view, and where it stands.
    pub fn list(&self) -> Vec<(&'static View, Status)> {
        let keepers = self.keepers.iter();
        keepers
            .map(|keeper| (keeper.view, keeper.status()))
            .collect()
    }

    /// The name of each view, and what wakes whenever it has moved, parked or failed.
    pub fn watch(&self) -> Vec<(&'static str, watch::Receiver<Status>)> {
        let keepers = self.keepers.iter();
        keepers
            .map(|keeper| (keeper.view.name, keeper.watch_status()))
            .collect()
    }

    /// Wakes whenever the view `current` has moved, parked or failed.
    pub fn watch_status(&self) -> watch::Receiver<Status> {
        self.current().watch_status()
    }

    /// Begins to build one view, or all of them that are kept here, anew, and answers with their names. The rows that there
    /// are answer until then.
    pub fn rebuild(&self, name: Option<&str>) -> Result<Vec<&'static str>, RebuildRefusal> {
        let mut asked: Vec<_> = self
            .keepers
            .iter()
            .filter(|keeper| name.is_none_or(|name| name == keeper.view.name))
            .collect();
        let is_kept_here = |keeper: &Arc<Keeper>| !keeper.status().is_kept_elsewhere;
        if asked.iter().any(|keeper| is_kept_here(keeper)) {
            asked.retain(|keeper| is_kept_here(keeper));
        }
        if asked.is_empty() {
            let known: Vec<_> = self.keepers.iter().map(|keeper| keeper.view.name).collect();
            return Err(RebuildRefusal::UnknownView {
                name: name.unwrap_or_default().to_owned(),
                known: known.join(", "),
            });
        }
        for keeper in &asked {
            let (name, status) = (keeper.view.name, keeper.status());
            if status.is_kept_elsewhere {
                let node = status.kept_by;
                let node = node.map_or("another node".to_owned(), |it| format!("the node {it:?}"));
                return Err(RebuildRefusal::KeptElsewhere { name, node });
            }
            if status.rebuild.is_some() {
                return Err(RebuildRefusal::UnderWay { name });
            }
            keeper
                .check_room_to_build()
                .map_err(|found| RebuildRefusal::NoRoom { name, found })?;
        }
        for keeper in &asked {
            // Whoever looks from now on sees that it is to be.
            keeper.update(|status| {
                status.rebuild = Some(Rebuild::default());
                true
            });
            keeper.rebuild_asked.send_modify(|times| *times += 1);
        }
        Ok(asked.iter().map(|keeper| keeper.view.name).collect())
    }

    /// Answers a question from one snapshot of the view `current`, see [`Keeper::read`].
    #[cfg(test)]
    pub(crate) async fn read<T, F>(&self, question: F) -> Result<(T, u64), Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Refusal> + Send + 'static,
    {
        self.current().read(question).await
    }

    /// Today, as the calendar says.
    pub(crate) fn today(&self) -> NaiveDate {
        match &self.options.today {
            Some(today) => today(),
            None => system_date(),
        }
    }
}

/// Keeps one view: where it stands, and who reads it.
pub(crate) struct Keeper {
    pub view: &'static View,
    pub place: Place,
    pub options: ViewOptions,
    /// Taken by whoever follows the log.
    pub turn: tokio::sync::Mutex<()>,
    /// How often it was asked to build the view anew.
    pub rebuild_asked: watch::Sender<u64>,
    /// How often a question met what speaks against the rows that answer.
    pub doubted: watch::Sender<u64>,
    /// See [`Keeper::outgrow`].
    pub outgrown_bytes: AtomicU64,
    status: watch::Sender<Status>,
    pool: Mutex<Pool>,
    readers: Arc<Semaphore>,
}

/// Connections that read, all of the copy that answers.
#[derive(Default)]
struct Pool {
    copy: Option<CopyName>,
    /// Tells copies apart that followed each other under one name, as where a damaged one was built anew.
    turn: u64,
    idle: Vec<Connection>,
    /// What a question has found damaged in it.
    damage: Option<String>,
    /// The newest generation that ever answered.
    newest: u64,
}

impl Pool {
    /// Another copy, or none; answers with the one before.
    fn take(&mut self, copy: Option<CopyName>) -> Option<CopyName> {
        self.turn += 1;
        self.idle.clear();
        self.damage = None;
        std::mem::replace(&mut self.copy, copy)
    }
}

impl Keeper {
    fn new(view: &'static View, place: Place, options: ViewOptions) -> Self {
        Self {
            view,
            place,
            turn: tokio::sync::Mutex::new(()),
            rebuild_asked: watch::Sender::new(0),
            doubted: watch::Sender::new(0),
            outgrown_bytes: AtomicU64::new(0),
            status: watch::Sender::new(Status::default()),
            pool: Mutex::default(),
            readers: Arc::new(Semaphore::new(options.readers.max(1))),
            options,
        }
    }

    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    pub fn watch_status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Changes the status; `false` says that nothing changed.
    pub fn update(&self, change: impl FnOnce(&mut Status) -> bool) {
        self.status.send_if_modified(change);
    }

    /// From now on this copy answers, unless it does already.
    pub fn answer_from(&self, copy: &CopyName) {
        if self.pool().copy.as_ref() != Some(copy) {
            self.answer_anew_from(copy);
        }
    }

    /// From now on this copy answers. Whoever has one of that name open, which may be another one, reads it no more.
    pub fn answer_anew_from(&self, copy: &CopyName) {
        let mut pool = self.pool();
        pool.newest = pool.newest.max(copy.generation);
        pool.take(Some(copy.clone()));
    }

    /// From now on nothing answers, until a copy does. Answers with the one that did.
    pub fn answer_no_more(&self) -> Option<CopyName> {
        self.pool().take(None)
    }

    /// Takes back what was told of where the rows stand, before those that answer are fewer.
    pub fn go_back_to(&self, position: u64) {
        self.update(|status| {
            let is_further = status.position > position;
            status.position = status.position.min(position);
            is_further
        });
    }

    /// The name of the next copy: newer than any that has answered, also where that one was deleted, since somebody may
    /// still have it open.
    pub fn next_copy(&self, is_unfinished: bool) -> Result<CopyName, StoreError> {
        let mut copy = self.place.next_copy(self.view, is_unfinished)?;
        copy.generation = copy.generation.max(self.pool().newest + 1);
        Ok(copy)
    }

    /// What a question has found damaged in the copy that answers.
    pub fn damage(&self) -> Option<String> {
        self.pool().damage.clone()
    }

    /// What a question met, as whoever asked it is told. Where that speaks against the rows, whoever writes them is woken.
    fn judge(&self, error: StoreError, copy: &CopyName, turn: u64) -> ReadError {
        let is_damaged = database::is_unreadable(&error);
        let is_deleted = self.place.is_deleted(copy);
        let is_lacking = matches!(error, StoreError::OtherVersion | StoreError::Lost(_));
        let is_whole = !(is_damaged || is_deleted || is_lacking);
        if is_whole || copy.version != self.view.version {
            return error.into();
        }
        let told = if is_deleted {
            "its file was deleted".to_owned()
        } else {
            match error.of_own_version() {
                StoreError::Lost(told) => told,
                other => other.to_string(),
            }
        };
        let mut pool = self.pool();
        if pool.turn != turn {
            // Another one has taken its place meanwhile.
            return ReadError::Missing;
        }
        if is_damaged {
            pool.damage = Some(told.clone());
        }
        drop(pool);
        self.doubted.send_modify(|times| *times += 1);
        StoreError::Lost(told).into()
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a question from one snapshot, together with the position that it reflects.
    pub async fn read<T, F>(self: &Arc<Self>, question: F) -> Result<(T, u64), Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Refusal> + Send + 'static,
    {
        self.read_any_version(move |rows, _| question(rows)).await
    }

    /// The same for a question that rows of an older version can answer in part: it is told whether these are.
    pub async fn read_any_version<T, F>(self: &Arc<Self>, question: F) -> Result<(T, u64), Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, bool) -> Result<T, Refusal> + Send + 'static,
    {
        let limit = self.options.max_query;
        let too_slow = || ReadError::TooSlow {
            limit_ms: limit.as_millis(),
        };
        let keeper = self.clone();
        // Dropped with this call, also where that is broken off.
        let (_waiting, asker) = Asker::new();
        let answer = async move {
            // The semaphore is never closed.
            let Ok(permit) = keeper.readers.clone().acquire_owned().await else {
                return Err(too_slow().into());
            };
            let reading =
                tokio::task::spawn_blocking(move || keeper.answer(question, &asker, permit));
            reading
                .await
                .map_err(|error| ReadError::Stopped(error.to_string()))?
        };
        let answer = tokio::time::timeout(limit, answer)
            .await
            .map_err(|_| too_slow())?;
        let known = answer.as_ref().ok().map(|(_, position)| *position);
        standing::note(self, known.unwrap_or_else(|| self.status().position));
        answer
    }

    /// The permit is given back once nothing runs any more, which may be after whoever asked has left.
    fn answer<T>(
        &self,
        question: impl FnOnce(&Connection, bool) -> Result<T, Refusal>,
        asker: &Asker,
        _permit: OwnedSemaphorePermit,
    ) -> Result<(T, u64), Refusal> {
        let (copy, turn, connection) = self.reader(asker)?;
        let is_older = copy.version != self.view.version;
        let answer = connection.transaction(Access::Read, |rows| {
            // The first read begins the snapshot that all others see.
            let position = writer::checkpoint(rows)?.position;
            Ok((question(rows, is_older)?, position))
        });
        let answer = answer.map_err(|refusal| match refusal {
            Refusal::Read(ReadError::Store(error)) => Refusal::Read(self.judge(error, &copy, turn)),
            other => other,
        });
        let mut pool = self.pool();
        if pool.turn == turn && pool.idle.len() < self.options.readers {
            pool.idle.push(connection);
        }
        answer
    }

    /// A connection to the copy that answers. One that has lain idle is tried first: a server may have been restarted.
    fn reader(&self, asker: &Asker) -> Result<(CopyName, u64, Connection), ReadError> {
        loop {
            if asker.has_left() {
                return Err(ReadError::Stopped("nobody waits any more".to_owned()));
            }
            let (copy, turn, idle) = {
                let mut pool = self.pool();
                let copy = pool.copy.clone().ok_or(ReadError::Missing)?;
                (copy, pool.turn, pool.idle.pop())
            };
            let is_idle = idle.is_some();
            let connection = match idle {
                Some(connection) => connection,
                None => self
                    .place
                    .open_reader(&copy, self.options.max_query)
                    .map_err(|error| self.judge(error, &copy, turn))?,
            };
            connection.answer_for(asker)?;
            let is_tried = is_idle && connection.is_postgres();
            if !is_tried || connection.execute_batch("SELECT 1").is_ok() {
                return Ok((copy, turn, connection));
            }
        }
    }
}

/// The day that it is in Kazakhstan, as whoever records something there has it.
fn system_date() -> NaiveDate {
    let micros = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros());
    kazakhstan_day(i64::try_from(micros).unwrap_or_default())
}
