//! Following the log: each view by a thread of its own, so that one that parks or fails holds up no other.

mod held;
mod intake;
mod standby;

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use keruen_log::{Log, ReadError};
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
    task::JoinHandle,
};

use crate::{
    copies::{CopyName, Lock},
    database,
    failure::StoreError,
    reading::Readings,
    rebuild::{Built, Turn},
    room::NoRoom,
    views::{Keeper, Views},
    writer::{Checkpoint, Writer},
};
use held::Held;

/// How long to wait after a failure, doubled each time up to the last value.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// How long to wait for a rebuild that was told to stop: it ends what it is writing.
const LEAVE_PATIENCE: Duration = Duration::from_secs(10);
/// How often a view that another process writes is looked at, and how often that is tried to be taken over.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
const TAKE_OVER_INTERVAL: Duration = Duration::from_secs(1);
/// What is said where another process writes the view, and does not.
const NOT_MOVED: &str = "the node that keeps the view does not move it; `keruen projections` asked of that one tells why";

/// Views that follow a log. Dropping it stops them too, a little later.
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Stops after the batch that is being written.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "views stopped unexpectedly");
            }
        }
    }
}

impl Views {
    /// Follows a log until stopped. If somebody else follows one already, this waits until they stopped.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a log of any kind becomes one of these only by value"
    )]
    pub fn run(self: &Arc<Self>, log: Arc<dyn Log>) -> Running {
        let (stop, _) = watch::channel(false);
        let (readings, turn) = (Arc::new(Readings::default()), Turn::default());
        let tasks = self.keepers().iter().map(|keeper| {
            let follower = Follower {
                keeper: keeper.clone(),
                log: log.clone(),
                readings: readings.clone(),
                turn: turn.clone(),
                runtime: Handle::current(),
                stop: stop.subscribe(),
                asked: keeper.rebuild_asked.subscribe(),
                doubted: keeper.doubted.subscribe(),
            };
            tokio::spawn(follower.run_on_a_thread())
        });
        Running {
            tasks: tasks.collect(),
            stop,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    #[error("no thread can be started: {0}")]
    Thread(#[from] std::io::Error),
    #[error("the thread that builds the view ended")]
    ThreadEnded,
    #[error("the right to write the view was lost")]
    LostLock,
    #[error("the copy that was built can't answer: {0}")]
    NotBuilt(String),
    #[error("it is gone")]
    LostCopy,
    #[error("the log has lost the event at position {position}, at which the view stands")]
    LostEvent { position: u64 },
}

/// Whoever follows the log for one view.
#[derive(Clone)]
pub(crate) struct Follower {
    pub keeper: Arc<Keeper>,
    pub log: Arc<dyn Log>,
    /// Those of all views that are built.
    pub readings: Arc<Readings>,
    /// Whose turn it is among them.
    pub turn: Turn,
    pub runtime: Handle,
    pub stop: watch::Receiver<bool>,
    /// Wakes whenever somebody asks for a rebuild.
    asked: watch::Receiver<u64>,
    /// Wakes whenever a question has met what speaks against the rows.
    doubted: watch::Receiver<u64>,
}

/// Why a wait ended.
enum Wake {
    /// The log has moved, or it is time to look.
    Log,
    /// The log was closed.
    Closed,
    /// Somebody asked for a rebuild.
    Rebuild,
    /// A question has met what speaks against the rows.
    Doubt,
    /// The rebuild has ended.
    Built(Result<Option<Built>, FollowError>),
    /// It is over.
    Stop,
}

impl Follower {
    async fn run_on_a_thread(self) {
        let keeper = self.keeper.clone();
        let _turn = keeper.turn.lock().await;
        let (done, ended) = oneshot::channel();
        let name = format!("view {}", keeper.view.name);
        // A thread of its own, so that a long rebuild takes none of those that answer queries.
        let thread = thread::Builder::new().name(name).spawn(move || {
            self.keep_following();
            // Nobody may be left to hear it.
            let _ = done.send(());
        });
        let failed = match thread {
            Ok(_) => ended
                .await
                .is_err()
                .then(|| "its thread panicked".to_owned()),
            Err(error) => Some(format!("no thread can be started: {error}")),
        };
        if let Some(message) = failed {
            fail(&keeper, &message);
        }
    }

    /// Whether it is over. An error means that the handle was dropped.
    pub fn is_stopped(&self) -> bool {
        *self.stop.borrow() || self.stop.has_changed().is_err()
    }

    fn keep_following(mut self) {
        let mut held = None;
        let mut delay = FIRST_RETRY;
        while !self.is_stopped() {
            let before = self.keeper.status().position;
            match self.follow(&mut held) {
                Ok(()) => break,
                Err(error) => {
                    let error = match error {
                        FollowError::Store(error) if held.is_some() => {
                            FollowError::Store(error.of_own_version())
                        }
                        other => other,
                    };
                    // What another process writes is left to that one.
                    let is_writer = held.as_ref().is_some_and(|held| held.lock.is_held());
                    if is_writer && is_lost(&error) {
                        self.discard_answering();
                    }
                    fail(&self.keeper, &error.to_string());
                }
            }
            let moved = self.keeper.status().position != before;
            delay = if moved {
                FIRST_RETRY
            } else {
                (delay * 2).min(LAST_RETRY)
            };
            self.pause(delay);
        }
        self.leave(held);
    }

    /// A copy that is gone or damaged would answer for ever as it stands, or fail: it makes room for one that is built anew.
    fn discard_answering(&self) {
        let keeper = &self.keeper;
        // Whoever has it open would read it for ever.
        let answered = keeper.answer_no_more();
        keeper.update(|status| {
            status.ready = false;
            status.position = 0;
            true
        });
        let copy = match answered {
            Some(copy) => Ok(Some(copy)),
            None => keeper.place.copies(keeper.view).map(|it| it.answering),
        };
        self.discard(copy);
    }

    /// What was left unfinished is of no use where its rows are gone or damaged, and only in the way where the disk is full,
    /// unless nothing else answers.
    fn discard_unfinished(&self, error: &FollowError) {
        let (keeper, is_full) = (&self.keeper, is_full(error));
        if !is_full && !is_lost(error) && !is_damaged(error) {
            return;
        }
        let copies = keeper.place.copies(keeper.view);
        let unfinished = copies.map(|copies| {
            let is_needed = is_full && copies.answering.is_none();
            copies.unfinished.filter(|_| !is_needed)
        });
        if let (true, Ok(Some(copy))) = (is_full, &unfinished) {
            keeper.outgrow(copy);
        }
        self.discard(unfinished);
    }

    fn discard(&self, copy: Result<Option<CopyName>, StoreError>) {
        let view = self.keeper.view.name;
        let removed = copy.and_then(|copy| {
            let remove = |copy: CopyName| self.keeper.place.remove(&copy);
            copy.map(remove).transpose()
        });
        match removed {
            Ok(None) => {}
            Ok(Some(())) => {
                tracing::warn!(view, "what is no good of a view is built anew");
            }
            Err(error) => {
                tracing::error!(view, %error, "what is no good of a view can't be removed");
            }
        }
    }

    /// Waits, or until it is over.
    fn pause(&mut self, delay: Duration) {
        let stop = &mut self.stop;
        self.runtime.block_on(async {
            let _ = tokio::time::timeout(delay, stop.wait_for(|stop| *stop)).await;
        });
    }

    /// Follows the log until it is over.
    fn follow(&mut self, held: &mut Option<Held>) -> Result<(), FollowError> {
        let lost = held.take_if(|held| !held.lock.is_held());
        self.leave(lost);
        if held.is_none() {
            *held = self.become_writer()?.map(Held::new);
        }
        let Some(held) = held else {
            return Ok(());
        };
        let Some(mut writer) = self.copy_to_write(held)? else {
            return Ok(());
        };
        let mut standing = self.attach(&mut writer)?;
        let (mut is_parked, mut is_switched, mut is_waiting) = (false, true, false);
        let mut wake_up = self.log.watch_head();
        let mut tidy_at = Some(Instant::now());
        let mut examine_at = Instant::now();
        loop {
            // Before anything is taken in: where these rows can't take it, what is built in their place is all that helps.
            match self.wait(&mut wake_up, held, is_waiting, is_parked) {
                Wake::Log => {}
                Wake::Doubt => examine_at = Instant::now(),
                Wake::Closed => {
                    return Err(ReadError::Unavailable("the log was closed".to_owned()).into());
                }
                Wake::Stop => return Ok(()),
                Wake::Rebuild => self.begin_to_build(held)?,
                Wake::Built(Err(error)) => self.put_off(held, &error),
                Wake::Built(Ok(built)) => {
                    self.end_build(held);
                    if let Some(built) = built {
                        drop(writer);
                        let switched = self.switch_to(held, &built, standing.position);
                        let Some(next) = switched.map_err(|error| self.not_built(held, &error))?
                        else {
                            return Ok(());
                        };
                        writer = next;
                        standing = self.attach(&mut writer)?;
                        (is_parked, is_switched) = (false, true);
                        // By then nobody reads the old rows any more.
                        tidy_at = Some(Instant::now() + self.keeper.options.max_query);
                    } else {
                        self.tell_built(held);
                    }
                }
            }
            if examine_at <= Instant::now() {
                self.examine(held, &writer, &standing)?;
                examine_at = Instant::now() + self.keeper.options.poll_interval;
            }
            if held.retry_at.is_some_and(|due| due <= Instant::now()) {
                self.begin_to_build(held)?;
            }
            if tidy_at.is_some_and(|due| due <= Instant::now()) {
                let is_tidy = self.keeper.place.tidy(self.keeper.view);
                tidy_at = (!is_tidy).then(|| Instant::now() + self.keeper.options.max_query);
            }
            wake_up.mark_unchanged();
            let mut is_complete = true;
            if is_parked {
                // The log may have lost what comes next, too.
                self.read_on(&standing, 0)?;
            } else {
                let position = standing.position;
                let taken = self.take_in(&mut writer, standing);
                (standing, is_parked, is_complete) =
                    taken.map_err(|error| self.not_taken(held, position, error))?;
                if std::mem::take(&mut is_switched) {
                    self.tell_built(held);
                }
            }
            is_waiting = is_complete || is_parked;
        }
    }

    /// Fails where another process may write the view by now, or what this one writes is no longer what is read.
    fn examine(
        &self,
        held: &Held,
        writer: &Writer,
        standing: &Checkpoint,
    ) -> Result<(), FollowError> {
        if !held.lock.is_held() {
            return Err(FollowError::LostLock);
        }
        if let Some(damage) = self.keeper.damage() {
            return Err(StoreError::Lost(damage).into());
        }
        writer.look_for_rows()?;
        if writer.checkpoint()?.position != standing.position {
            return Err(StoreError::Overtaken.into());
        }
        Ok(())
    }

    /// Becomes the only one to write the view; until then it is read as another process writes it. `None` where it is
    /// over.
    fn become_writer(&mut self) -> Result<Option<Lock>, FollowError> {
        let mut still = None;
        while !self.is_stopped() {
            let (place, node) = (&self.keeper.place, &self.keeper.options.node);
            match place.lock(self.keeper.view, node)? {
                Ok(lock) => {
                    self.keeper.update(|status| {
                        status.kept_by = None;
                        std::mem::take(&mut status.is_kept_elsewhere)
                    });
                    return Ok(Some(lock));
                }
                Err(holder) => self.keeper.update(|status| {
                    let before = std::mem::replace(&mut status.kept_by, holder);
                    before != status.kept_by
                }),
            }
            // Whoever writes it is the one to ask for a rebuild.
            self.asked.mark_unchanged();
            self.keeper.update(|status| status.rebuild.take().is_some());
            self.look_on(&mut still)?;
        }
        Ok(None)
    }

    /// Opens the copy that is to be written. Where there is none, it is built first, while an older version answers.
    /// `None` where it is over.
    fn copy_to_write(&mut self, held: &mut Held) -> Result<Option<Writer>, FollowError> {
        let keeper = self.keeper.clone();
        let copies = keeper.place.copies(keeper.view)?;
        let is_ours = |copy: &CopyName| copy.version == keeper.view.version;
        if let Some(copy) = copies.answering.as_ref().filter(|copy| is_ours(copy)) {
            let writer = keeper.place.open_writer(keeper.view, copy)?;
            // One that was being built when the program ended goes on.
            if copies.unfinished.is_some() && !held.is_building() {
                self.begin_to_build(held)?;
            }
            return Ok(Some(writer));
        }
        let log = self.runtime.block_on(self.log.head())?;
        // What is being built already would be older than a copy that is begun now.
        let is_building = held.rebuilding.is_some() || copies.unfinished.is_some();
        let is_short = log.position <= keeper.options.build_from_events;
        if copies.answering.is_none() && !is_building && is_short {
            let copy = keeper.next_copy(false)?;
            return Ok(Some(keeper.place.open_writer(keeper.view, &copy)?));
        }
        if let Some(older) = copies.answering {
            self.answer_from_older(&older, log.log_id, log.position);
        }
        if held.rebuilding.is_none() {
            self.begin_to_build(held)?;
        }
        if !keeper.status().ready {
            // There is nothing to tell of but how far the new one is.
            keeper.update(|status| status.failure.take().is_some());
        }
        let mut wake_up = self.log.watch_head();
        loop {
            match self.wait(&mut wake_up, held, true, true) {
                Wake::Stop => return Ok(None),
                Wake::Built(built) => {
                    self.end_build(held);
                    let position = keeper.status().position;
                    let switched = match built {
                        Ok(Some(built)) => self.switch_to(held, &built, position),
                        Ok(None) => return Ok(None),
                        Err(error) => Err(error),
                    };
                    return switched.map_err(|error| self.not_built(held, &error));
                }
                Wake::Log | Wake::Closed | Wake::Rebuild | Wake::Doubt => {
                    let head_position = *wake_up.borrow();
                    keeper.update(|status| {
                        std::mem::replace(&mut status.head_position, head_position) != head_position
                    });
                }
            }
        }
    }

    /// Rows of an older version answer as far as they go, if they are of this log at all.
    fn answer_from_older(&self, copy: &CopyName, log_id: [u8; 16], head_position: u64) {
        let keeper = &self.keeper;
        let reader = keeper.place.open_reader(copy, keeper.options.max_query);
        let checkpoint = reader.and_then(|reader| crate::writer::checkpoint(&reader));
        match checkpoint {
            Ok(found) if found.log_id == log_id && found.position <= head_position => {
                keeper.answer_from(copy);
                keeper.update(|status| {
                    status.ready = true;
                    status.version = copy.version;
                    status.position = found.position;
                    status.head_position = head_position;
                    true
                });
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(view = keeper.view.name, %error, "an older version of a view can't be read");
            }
        }
    }

    /// Waits for whatever comes first; without `is_waiting`, only for what is there already.
    fn wait(
        &mut self,
        wake_up: &mut watch::Receiver<u64>,
        held: &mut Held,
        is_waiting: bool,
        is_parked: bool,
    ) -> Wake {
        let poll_interval = if is_waiting {
            self.keeper.options.poll_interval
        } else {
            Duration::ZERO
        };
        let is_building = held.is_building();
        let built = async {
            match &mut held.rebuilding {
                Some(rebuilding) => {
                    let built = (&mut rebuilding.built).await;
                    built.unwrap_or(Err(FollowError::ThreadEnded))
                }
                None => std::future::pending().await,
            }
        };
        let (stop, asked, doubted) = (&mut self.stop, &mut self.asked, &mut self.doubted);
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => Wake::Stop,
                built = built => Wake::Built(built),
                _ = asked.changed(), if !is_building => Wake::Rebuild,
                _ = doubted.changed() => Wake::Doubt,
                moved = wake_up.changed(), if is_waiting && !is_parked => {
                    if moved.is_ok() { Wake::Log } else { Wake::Closed }
                }
                () = tokio::time::sleep(poll_interval) => Wake::Log,
            }
        })
    }
}

/// Whether there is no room on the disk.
fn is_full(error: &FollowError) -> bool {
    match error {
        FollowError::NoRoom(_) => true,
        FollowError::Store(error) => database::is_full(error),
        _ => false,
    }
}

/// Whether the rows are gone or damaged, so that only others in their place help.
fn is_lost(error: &FollowError) -> bool {
    let FollowError::Store(error) = error else {
        return false;
    };
    database::is_unreadable(error)
        || matches!(error, StoreError::Lost(_) | StoreError::OtherVersion)
}

/// Whether rows contradict themselves.
fn is_damaged(error: &FollowError) -> bool {
    matches!(error, FollowError::Store(StoreError::Damaged(_)))
}

/// Notes a failure; logged once, however often it repeats itself.
fn fail(keeper: &Keeper, message: &str) {
    keeper.update(|status| {
        let is_new = status.failure.as_deref() != Some(message);
        if is_new {
            tracing::error!(
                view = keeper.view.name,
                position = status.position,
                error = message,
                "a view doesn't move"
            );
            status.failure = Some(message.to_owned());
        }
        is_new
    });
}
