//! The one writer: a thread that drains a bounded queue, decides appends in order and commits them in groups.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{SystemTime, UNIX_EPOCH},
};

use keruen_proto::log::v1::Appended;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    task::block_in_place,
};
use uuid::Uuid;

use crate::{
    append::AppendError,
    bounds::Bounds,
    decision::Ledger,
    index::questions::Answers,
    log::{Head, RecordedCommand},
    request::Candidate,
    store::{Store, StoreError, Tip},
};

/// Tells the time: microseconds since 1970-01-01T00:00:00Z.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The clock of the system.
pub(crate) fn system_time_us() -> i64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

struct Job {
    candidate: Candidate,
    answer: oneshot::Sender<Result<Appended, AppendError>>,
    /// Its share of the queue's bytes, given back when it is answered.
    share: OwnedSemaphorePermit,
    /// Its place in the queue, given up when its group is decided on; one that does not wait has none.
    place: Option<OwnedSemaphorePermit>,
}

/// The callers' side of the writer.
pub(crate) struct Sequencer {
    queue: RwLock<Option<mpsc::Sender<Job>>>,
    bytes: Arc<Semaphore>,
    places: Arc<Semaphore>,
    bounds: Bounds,
    head: Arc<RwLock<Head>>,
    position: watch::Receiver<u64>,
    fenced: watch::Receiver<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Whoever is alone uses the writer himself; `None` inside once it has ended.
    writer: Arc<Mutex<Option<Box<dyn Commit>>>>,
    /// Whether that is worth while, see [`Store::ALONE_AT_ONCE`].
    alone_at_once: bool,
    /// Appends that were not answered yet.
    in_flight: AtomicUsize,
}

/// Decides appends and commits them, whatever the store.
trait Commit: Send {
    /// Answers each.
    fn commit(&mut self, jobs: Vec<Job>);
}

/// Counts one append until it is answered, or its caller has gone.
struct InFlight<'s>(&'s AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Sequencer {
    /// Starts the writer on a loaded store.
    pub fn start<S: Store>(
        log_id: [u8; 16],
        tip: &Tip,
        store: S,
        clock: Clock,
        bounds: Bounds,
    ) -> std::io::Result<Self> {
        let (announce, _) = watch::channel(tip.position());
        Self::start_announcing(log_id, tip, store, clock, bounds, announce)
    }

    /// The same where others announce the head as well.
    pub fn start_announcing<S: Store>(
        log_id: [u8; 16],
        tip: &Tip,
        store: S,
        clock: Clock,
        bounds: Bounds,
        announce: watch::Sender<u64>,
    ) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel(bounds.queue_appends);
        let head = Arc::new(RwLock::new(head_of(log_id, tip)));
        let position = announce.subscribe();
        let (tell_fenced, fenced) = watch::channel(false);
        let mut writer = Writer {
            log_id,
            ledger: None,
            store,
            clock,
            head: Arc::clone(&head),
            announce,
            fenced: tell_fenced,
        };
        // Before anybody waits for it. If it fails, the first group tells.
        writer.ledger = writer.take_ledger().ok();
        let writer: Arc<Mutex<Option<Box<dyn Commit>>>> =
            Arc::new(Mutex::new(Some(Box::new(writer))));
        let of_thread = Arc::clone(&writer);
        let thread = thread::Builder::new()
            .name("log-sequencer".to_owned())
            .spawn(move || run(&of_thread, jobs, &bounds))?;
        Ok(Self {
            queue: RwLock::new(Some(queue)),
            bytes: Arc::new(Semaphore::new(bounds.queue_bytes)),
            places: Arc::new(Semaphore::new(bounds.queue_appends)),
            bounds,
            head,
            position,
            fenced,
            thread: Mutex::new(Some(thread)),
            writer,
            alone_at_once: S::ALONE_AT_ONCE,
            in_flight: AtomicUsize::new(0),
        })
    }

    /// Queues an append and waits for its answer; commits it here and now if nobody else appends.
    pub async fn append(&self, candidate: Candidate) -> Result<Appended, AppendError> {
        let is_alone = self.in_flight.fetch_add(1, Ordering::AcqRel) == 0;
        let _in_flight = InFlight(&self.in_flight);
        let queued = self.enqueue(candidate, is_alone && self.alone_at_once && may_block())?;
        queued.await.map_err(|_| {
            AppendError::Unavailable(
                "the log stopped before it answered; the outcome is unknown; repeat with the same command id"
                    .to_owned(),
            )
        })?
    }

    fn enqueue(
        &self,
        candidate: Candidate,
        at_once: bool,
    ) -> Result<oneshot::Receiver<Result<Appended, AppendError>>, AppendError> {
        // An append is at most 768 KiB.
        let size = u32::try_from(candidate.bytes).unwrap_or(u32::MAX);
        let share = Arc::clone(&self.bytes)
            .try_acquire_many_owned(size)
            .map_err(|_| {
                AppendError::ResourceExhausted(format!(
                    "of the {} bytes that may wait for the writer, {} are left, and this append has {size}",
                    self.bounds.queue_bytes,
                    self.bytes.available_permits()
                ))
            })?;
        let queue = || self.queue.read().unwrap_or_else(PoisonError::into_inner);
        if queue().is_none() {
            return Err(closed());
        }
        let (answer, queued) = oneshot::channel();
        let mut job = Job {
            candidate,
            answer,
            share,
            place: None,
        };
        if at_once
            && let Ok(mut writer) = self.writer.try_lock()
            && let Some(writer) = writer.as_mut()
        {
            block_in_place(|| writer.commit(vec![job]));
            return Ok(queued);
        }
        let busy = || {
            AppendError::ResourceExhausted(format!(
                "{} appends wait for the writer, and no more may",
                self.bounds.queue_appends
            ))
        };
        let place = Arc::clone(&self.places).try_acquire_owned();
        job.place = Some(place.map_err(|_| busy())?);
        let queue = queue();
        let queue = queue.as_ref().ok_or_else(closed)?;
        queue.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => busy(),
            mpsc::error::TrySendError::Closed(_) => closed(),
        })?;
        Ok(queued)
    }

    /// Where the log stands.
    pub fn head(&self) -> Head {
        self.head
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Wakes on every commit.
    pub fn watch_head(&self) -> watch::Receiver<u64> {
        self.position.clone()
    }

    /// Becomes true when somebody else has taken over the log; closes when the writer ends.
    pub fn fenced(&self) -> watch::Receiver<bool> {
        self.fenced.clone()
    }

    /// Refuses further appends, lets the writer finish what is queued, and waits for it.
    pub fn close(&self) {
        self.queue
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the log's writer panicked");
        }
    }
}

impl Drop for Sequencer {
    fn drop(&mut self) {
        self.close();
    }
}

/// Whether the caller is on a thread that may wait: its other tasks go on elsewhere meanwhile.
fn may_block() -> bool {
    Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread)
}

fn closed() -> AppendError {
    AppendError::Unavailable("the log is closed; nothing was recorded".to_owned())
}

fn head_of(log_id: [u8; 16], tip: &Tip) -> Head {
    Head {
        log_id,
        position: tip.position(),
        root_hash: tip.tree.root(),
    }
}

struct Writer<S> {
    log_id: [u8; 16],
    /// `None` after a failure that left open where the log stands; the store is asked again before the next group.
    ledger: Option<Ledger>,
    store: S,
    clock: Clock,
    head: Arc<RwLock<Head>>,
    announce: watch::Sender<u64>,
    fenced: watch::Sender<bool>,
}

/// What is known about a group that could not be committed.
struct Failure {
    error: StoreError,
    /// Those of its commands that were recorded all the same, by whomever.
    recorded: HashMap<Uuid, RecordedCommand>,
}

impl Failure {
    fn without_effect(error: StoreError) -> Self {
        Self {
            error,
            recorded: HashMap::new(),
        }
    }

    /// The last word about one of its commands.
    fn answer(&self, command_id: Uuid, command_hash: [u8; 32]) -> Result<Appended, AppendError> {
        match self.recorded.get(&command_id) {
            None => Err(self.error.clone().into()),
            Some(recorded) => recorded.repeated(command_id, command_hash),
        }
    }
}

/// Commits what is queued, group by group, until the queue is closed; then the writer ends. So it does if a commit has
/// panicked.
fn run(writer: &Mutex<Option<Box<dyn Commit>>>, mut jobs: mpsc::Receiver<Job>, bounds: &Bounds) {
    let mut next = None;
    while let Some(first) = next.take().or_else(|| jobs.blocking_recv()) {
        let Ok(mut writer) = writer.lock() else {
            break;
        };
        let Some(writer) = writer.as_mut() else {
            break;
        };
        let mut group;
        (group, next) = drain(first, &mut jobs, bounds);
        for job in &mut group {
            job.place = None;
        }
        writer.commit(group);
    }
    let ended = writer.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(ended);
}

impl<S: Store> Commit for Writer<S> {
    fn commit(&mut self, jobs: Vec<Job>) {
        self.commit_group(jobs);
        if self.store.is_fenced() {
            self.fenced.send_replace(true);
        }
    }
}

impl<S: Store> Writer<S> {
    fn commit_group(&mut self, jobs: Vec<Job>) {
        let mut ledger = match self.take_ledger() {
            Ok(ledger) => ledger,
            Err(error) => return answer_all(jobs, &error),
        };
        let answers = self.look_ahead(&ledger, &jobs);
        let mut decided = Vec::with_capacity(jobs.len());
        for (number, job) in jobs.into_iter().enumerate() {
            // Its caller has gone; nobody would learn what became of it.
            if job.answer.is_closed() {
                continue;
            }
            let command = (job.candidate.command_id, job.candidate.command_hash);
            let now_us = (self.clock)();
            let answer = ledger.decide(job.candidate, now_us, (number, &answers), &mut self.store);
            decided.push((command, job.answer, answer, job.share));
        }
        let (group, from, to) = ledger.gathered();
        let mut committed = false;
        let (ledger, failure) = if group.events.is_empty() {
            (Some(ledger), None)
        } else {
            match self.store.commit(group, from, to) {
                Ok(()) => {
                    committed = true;
                    self.publish(to);
                    (Some(ledger), None)
                }
                Err(error) => {
                    let ids: Vec<_> = decided.iter().map(|((id, _), ..)| *id).collect();
                    self.settle(ledger, error, &ids)
                }
            }
        };
        for ((command_id, command_hash), channel, answer, share) in decided {
            let answer = match &failure {
                None => answer,
                Some(failure) => failure.answer(command_id, command_hash),
            };
            // An error only says that the caller has gone.
            drop(channel.send(answer));
            drop(share);
        }
        self.ledger = ledger;
        // After the answers: nobody waits for it.
        if committed && let Some(ledger) = &mut self.ledger {
            ledger.advance(self.store.indexed());
        }
    }

    fn look_ahead(&mut self, ledger: &Ledger, jobs: &[Job]) -> Answers {
        if !S::LOOKS_AHEAD {
            return Answers::default();
        }
        let (command_ids, questions) = ledger.questions(jobs.iter().map(|job| &job.candidate));
        self.store.look_ahead(&command_ids, &questions)
    }

    fn take_ledger(&mut self) -> Result<Ledger, StoreError> {
        if let Some(ledger) = self.ledger.take() {
            return Ok(ledger);
        }
        let tip = self.store.load()?;
        let ledger = Ledger::new(self.log_id, tip, self.store.newest()?);
        self.publish(ledger.committed());
        Ok(ledger)
    }

    fn advance(&self, mut ledger: Ledger) -> Ledger {
        ledger.advance(self.store.indexed());
        self.publish(ledger.committed());
        ledger
    }

    fn publish(&self, tip: &Tip) {
        let head = head_of(self.log_id, tip);
        let position = head.position;
        *self.head.write().unwrap_or_else(PoisonError::into_inner) = head;
        self.announce
            .send_modify(|known| *known = position.max(*known));
    }

    /// After a failed commit: finds out from the store what became of the group, so that nobody is left in doubt.
    fn settle(
        &mut self,
        mut ledger: Ledger,
        error: StoreError,
        command_ids: &[Uuid],
    ) -> (Option<Ledger>, Option<Failure>) {
        if !matches!(error, StoreError::NearlyFull { .. }) {
            tracing::error!(reason = %error, events = ledger.gathered().0.events.len(), "group not committed");
        }
        if error == StoreError::Fenced {
            return (None, Some(self.look_up(error, command_ids)));
        }
        let (_, from, to) = ledger.gathered();
        match self.store.load() {
            Ok(tip) if tip == *to => (Some(self.advance(ledger)), None),
            Ok(tip) if tip == *from => {
                ledger.roll_back();
                (Some(ledger), Some(Failure::without_effect(error)))
            }
            Ok(_) | Err(StoreError::Fenced) => {
                (None, Some(self.look_up(StoreError::Fenced, command_ids)))
            }
            Err(unread) => {
                tracing::error!(reason = %unread, "head not readable after a failed commit");
                (None, Some(Failure::without_effect(unknown(error))))
            }
        }
    }

    /// Whoever has raised the epoch did so after the last word about this writer's group.
    fn look_up(&mut self, error: StoreError, command_ids: &[Uuid]) -> Failure {
        match self.store.recorded(command_ids) {
            Ok(recorded) => Failure { error, recorded },
            Err(unread) => {
                tracing::error!(reason = %unread, "commands not readable after the log was taken over");
                Failure::without_effect(StoreError::Unknown(
                    "another writer has taken over the log".to_owned(),
                ))
            }
        }
    }
}

fn unknown(error: StoreError) -> StoreError {
    match error {
        StoreError::Failed(reason) => StoreError::Unknown(reason),
        other => other,
    }
}

fn answer_all(jobs: Vec<Job>, error: &StoreError) {
    for job in jobs {
        // An error only says that the caller has gone.
        drop(job.answer.send(Err(error.clone().into())));
    }
}

/// Takes what is queued behind `first`, within the bounds of a group, without waiting for more. What no longer fits is
/// handed back as the first of the next group.
fn drain(first: Job, jobs: &mut mpsc::Receiver<Job>, bounds: &Bounds) -> (Vec<Job>, Option<Job>) {
    let mut events = first.candidate.events.len();
    let mut bytes = first.candidate.bytes;
    let mut group = vec![first];
    while group.len() < bounds.group_appends {
        let Ok(job) = jobs.try_recv() else {
            break;
        };
        events += job.candidate.events.len();
        bytes += job.candidate.bytes;
        if events > bounds.group_events || bytes > bounds.group_bytes {
            return (group, Some(job));
        }
        group.push(job);
    }
    (group, None)
}

#[cfg(test)]
mod tests;
