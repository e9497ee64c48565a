//! The one writer: a thread that drains a bounded queue, decides appends in order and commits them in groups. Where a
//! commit is mostly a wait for somebody else, the next group is decided meanwhile.

mod committer;
mod writer;

use std::{
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

use crate::{
    append::AppendError,
    bounds::Bounds,
    log::Head,
    request::Candidate,
    store::{Store, Tip},
};
use writer::Writer;

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
    writer: Arc<Place>,
    /// Whether that is worth while, see [`Store::ALONE_AT_ONCE`].
    alone_at_once: bool,
    /// Appends that were not answered yet.
    in_flight: Arc<AtomicUsize>,
}

/// Decides appends and commits them, whatever the store.
trait Commit: Send {
    /// Answers one.
    fn commit(&mut self, job: Job);

    /// Answers what is queued, until nothing is.
    fn work(&mut self, first: Job, jobs: &mut mpsc::Receiver<Job>, bounds: &Bounds);
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
        let in_flight = Arc::new(AtomicUsize::new(0));
        let told = (Arc::clone(&head), announce, tell_fenced);
        let writer = Writer::new(log_id, store, clock, Arc::clone(&in_flight), told)?;
        let writer: Arc<Place> = Arc::new(Mutex::new(Some(Box::new(writer))));
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
            in_flight,
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
            block_in_place(|| writer.commit(job));
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

/// The place of the writer that appends use by turns.
type Place = Mutex<Option<Box<dyn Commit>>>;

/// Takes the writer from its place at the end, also where a commit has panicked: whoever waits for it is told then.
struct Ending<'p>(&'p Place);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(ended);
    }
}

/// Commits what is queued until the queue is closed; then the writer ends. So it does if a commit has panicked.
fn run(place: &Place, mut jobs: mpsc::Receiver<Job>, bounds: &Bounds) {
    let _ending = Ending(place);
    while let Some(first) = jobs.blocking_recv() {
        let Ok(mut writer) = place.lock() else {
            break;
        };
        let Some(writer) = writer.as_mut() else {
            break;
        };
        writer.work(first, &mut jobs, bounds);
    }
}

/// Whether the caller is on a thread that may wait: its other tasks go on elsewhere meanwhile.
fn may_block() -> bool {
    Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread)
}

fn closed() -> AppendError {
    AppendError::NotRecorded("the log is closed; nothing was recorded".to_owned())
}

fn head_of(log_id: [u8; 16], tip: &Tip) -> Head {
    Head {
        log_id,
        position: tip.position(),
        root_hash: tip.tree.root(),
    }
}

#[cfg(test)]
mod tests;
