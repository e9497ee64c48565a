//! Decides what is queued, and commits it group by group.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use keruen_proto::log::v1::Appended;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use uuid::Uuid;

use super::{
    Clock, Commit, Job,
    committer::{Committer, Done},
    head_of,
};
use crate::{
    append::AppendError,
    bounds::Bounds,
    decision::Ledger,
    index::questions::Answers,
    log::{Head, RecordedCommand},
    store::{History as _, Store, StoreError, Tip},
};

/// So many appends may be one group however few there are.
const LEAST_SHARE: usize = 8;

/// One that was decided and waits for a commit.
struct Decided {
    command_id: Uuid,
    command_hash: [u8; 32],
    channel: oneshot::Sender<Result<Appended, AppendError>>,
    answer: Result<Appended, AppendError>,
    /// Given back with the answer.
    _share: OwnedSemaphorePermit,
}

/// How large the group is that is being gathered.
#[derive(Default)]
pub(super) struct Size {
    appends: usize,
    events: usize,
    bytes: usize,
}

impl Size {
    /// Takes `first` and what is queued behind it, within the bounds of a group, without waiting for more. What no longer
    /// fits is handed back, to be the first of the next group. By itself an append may exceed the bounds.
    pub fn drain(
        &mut self,
        first: Job,
        jobs: &mut mpsc::Receiver<Job>,
        bounds: &Bounds,
    ) -> (Vec<Job>, Option<Job>) {
        let mut taken = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            let events = self.events + job.candidate.events.len();
            let bytes = self.bytes + job.candidate.bytes;
            let has_room = self.appends < bounds.group_appends
                && events <= bounds.group_events
                && bytes <= bounds.group_bytes;
            if self.appends > 0 && !has_room {
                return (taken, Some(job));
            }
            self.appends += 1;
            (self.events, self.bytes) = (events, bytes);
            taken.push(job);
            // Not taken from the queue where there is no room anyway.
            next = (self.appends < bounds.group_appends)
                .then(|| jobs.try_recv().ok())
                .flatten();
        }
        (taken, None)
    }
}

pub(super) struct Writer<S: Store> {
    log_id: [u8; 16],
    /// `None` after a failure that left open where the log stands; the store is asked again before the next group.
    ledger: Option<Ledger>,
    /// `None` while it is with the committer, and for good if that broke down.
    store: Option<S>,
    history: S::History,
    committer: Option<Committer<S>>,
    /// Who waits for the group that is being gathered, and how large it is.
    gathered: Vec<Decided>,
    size: Size,
    /// Who waits for the group that is under way.
    waiting: Vec<Decided>,
    clock: Clock,
    /// Appends that were not answered yet, queued ones included.
    in_flight: Arc<AtomicUsize>,
    head: Arc<RwLock<Head>>,
    announce: watch::Sender<u64>,
    fenced: watch::Sender<bool>,
}

/// Where the head of the log is told: what it is, and that it has moved or belongs to somebody else.
pub(super) type Told = (Arc<RwLock<Head>>, watch::Sender<u64>, watch::Sender<bool>);

/// What happens while a group is under way.
enum Event<S> {
    Done(Option<Done<S>>),
    /// `None` when the queue is closed.
    Queued(Option<Job>),
}

impl<S: Store> Commit for Writer<S> {
    fn commit(&mut self, job: Job) {
        self.decide(vec![job]);
        self.depart(usize::MAX);
    }

    fn work(&mut self, first: Job, jobs: &mut mpsc::Receiver<Job>, bounds: &Bounds) {
        let mut next = Some(first);
        let mut is_open = true;
        loop {
            if let Some(first) = next.take() {
                let group;
                (group, next) = self.size.drain(first, jobs, &self.bounds_now(bounds));
                self.decide(group);
            }
            if self.store.is_some() {
                self.depart(S::EVENTS_BESIDE);
            }
            if self.store.is_none() {
                match self.wait(jobs, is_open && next.is_none()) {
                    Event::Done(done) => self.come_back(done),
                    Event::Queued(None) => is_open = false,
                    Event::Queued(job) => next = job,
                }
            } else if next.is_none() {
                match jobs.try_recv() {
                    Ok(job) => next = Some(job),
                    Err(_) => return,
                }
            }
        }
    }
}

impl<S: Store> Writer<S> {
    pub fn new(
        log_id: [u8; 16],
        mut store: S,
        clock: Clock,
        in_flight: Arc<AtomicUsize>,
        (head, announce, fenced): Told,
    ) -> std::io::Result<Self> {
        let is_beside = S::EVENTS_BESIDE < usize::MAX;
        let mut writer = Self {
            log_id,
            ledger: None,
            history: store.history()?,
            store: Some(store),
            committer: is_beside.then(Committer::start).transpose()?,
            gathered: Vec::new(),
            size: Size::default(),
            waiting: Vec::new(),
            clock,
            in_flight,
            head,
            announce,
            fenced,
        };
        // Before anybody waits for it. If it fails, the first group tells.
        drop(writer.prepare());
        Ok(writer)
    }

    /// Asks the store where the log stands, if that is not known.
    fn prepare(&mut self) -> Result<(), StoreError> {
        if self.ledger.is_some() {
            return Ok(());
        }
        let store = self.store.as_mut().ok_or_else(is_away)?;
        let tip = store.load()?;
        let ledger = Ledger::new(self.log_id, tip, store.newest()?);
        self.history.follow(store.runs()?);
        self.publish(ledger.committed());
        self.ledger = Some(ledger);
        Ok(())
    }

    /// Where groups are committed beside, none takes more than half of the appends there are: two that take turns keep
    /// both sides busy, where one that had them all would leave nothing to decide meanwhile.
    fn bounds_now(&self, bounds: &Bounds) -> Bounds {
        if self.committer.is_none() {
            return *bounds;
        }
        let half = self.in_flight.load(Ordering::Relaxed).div_ceil(2);
        Bounds {
            group_appends: half.max(LEAST_SHARE).min(bounds.group_appends),
            ..*bounds
        }
    }

    /// Decides appends one after the other, into the group that is being gathered.
    fn decide(&mut self, mut jobs: Vec<Job>) {
        for job in &mut jobs {
            job.place = None;
        }
        let mut answers = match self.look_ahead(&jobs) {
            Ok(answers) => answers,
            Err(error) => return answer_all(jobs, &error),
        };
        for (number, job) in jobs.into_iter().enumerate() {
            // Its caller has gone; nobody would learn what became of it.
            if job.answer.is_closed() {
                continue;
            }
            while self.is_ahead(&job) {
                self.wait_for_store();
                // What they say ends where the memory of the newest events began.
                answers = Answers::default();
            }
            let now_us = (self.clock)();
            let Job {
                candidate,
                answer: channel,
                share,
                ..
            } = job;
            let (command_id, command_hash) = (candidate.command_id, candidate.command_hash);
            let answer = match (self.prepare(), &mut self.ledger) {
                (Ok(()), Some(ledger)) => {
                    ledger.decide(candidate, now_us, (number, &answers), &mut self.history)
                }
                (Err(error), _) => Err(error.into()),
                (Ok(()), None) => Err(is_away().into()),
            };
            self.gathered.push(Decided {
                command_id,
                command_hash,
                channel,
                answer,
                _share: share,
            });
        }
    }

    fn look_ahead(&mut self, jobs: &[Job]) -> Result<Answers, StoreError> {
        self.prepare()?;
        let Some(ledger) = &self.ledger else {
            return Err(is_away());
        };
        if !S::History::LOOKS_AHEAD {
            return Ok(Answers::default());
        }
        let (command_ids, questions) = ledger.questions(jobs.iter().map(|job| &job.candidate));
        self.history.look_ahead(&command_ids, &questions)
    }

    /// Whether the append is about a position that may be committed without this writer's having heard of it.
    fn is_ahead(&self, job: &Job) -> bool {
        let Some(condition) = &job.candidate.condition else {
            return false;
        };
        let committed = self
            .ledger
            .as_ref()
            .map_or(0, |ledger| ledger.committed().position());
        self.store.is_none() && condition.after_position > committed
    }

    /// Commits what is gathered, or begins to if it has so many events.
    fn depart(&mut self, events_beside: usize) {
        self.size = Size::default();
        let ledger = self.ledger.as_mut().filter(|ledger| ledger.gathered() > 0);
        let Some(ledger) = ledger else {
            // They depend on what is committed only: nothing is under way.
            return answer(std::mem::take(&mut self.gathered));
        };
        let events = ledger.gathered();
        let Some(mut store) = self.store.take() else {
            return;
        };
        self.waiting = std::mem::take(&mut self.gathered);
        let departing = ledger.depart();
        match &mut self.committer {
            Some(committer) if events >= events_beside => committer.begin(store, departing),
            _ => {
                let (group, from, to) = departing;
                let result = store.commit(&group, &from, &to);
                drop(group);
                self.finish(store, result);
            }
        }
    }

    /// Waits for the group that is under way, or for another append.
    fn wait(&mut self, jobs: &mut mpsc::Receiver<Job>, for_jobs: bool) -> Event<S> {
        let Some(committer) = &mut self.committer else {
            return Event::Done(None);
        };
        futures::executor::block_on(async {
            tokio::select! {
                biased;
                done = committer.done() => Event::Done(done),
                job = jobs.recv(), if for_jobs => Event::Queued(job),
            }
        })
    }

    fn wait_for_store(&mut self) {
        if let Some(committer) = &mut self.committer {
            let done = futures::executor::block_on(committer.done());
            self.come_back(done);
        }
    }

    fn come_back(&mut self, done: Option<Done<S>>) {
        match (done, &mut self.committer) {
            (Some((store, result)), _) => self.finish(store, result),
            (None, Some(committer)) => committer.broke_down(),
            (None, None) => {}
        }
    }

    /// What was under way has come to an end.
    fn finish(&mut self, store: S, result: Result<(), StoreError>) {
        let is_fenced = store.is_fenced();
        self.store = Some(store);
        match result {
            Ok(()) => self.arrive(),
            Err(error) => self.settle(error),
        }
        let is_fenced = is_fenced || self.store.as_ref().is_some_and(Store::is_fenced);
        if is_fenced {
            self.fenced.send_replace(true);
        }
    }

    /// The group that was under way is committed. The next one sets out before anything else.
    fn arrive(&mut self) {
        let (Some(ledger), Some(store)) = (&mut self.ledger, &mut self.store) else {
            return;
        };
        let group = ledger.arrive();
        let tip = ledger.committed().clone();
        let arrived = std::mem::take(&mut self.waiting);
        let (indexed, followed) = match store.runs() {
            Ok(runs) => {
                self.history.follow(runs);
                (store.indexed(), Ok(()))
            }
            Err(error) => (0, Err(error)),
        };
        if followed.is_ok() && ledger.gathered() >= S::EVENTS_BESIDE {
            self.depart(S::EVENTS_BESIDE);
        }
        self.publish(&tip);
        answer(arrived);
        match (followed, &mut self.ledger) {
            (Ok(()), Some(ledger)) => ledger.absorb(group, indexed),
            (Err(error), _) => self.give_up(&Failure::without_effect(error)),
            (Ok(()), None) => {}
        }
    }

    fn publish(&self, tip: &Tip) {
        let head = head_of(self.log_id, tip);
        let position = head.position;
        *self.head.write().unwrap_or_else(PoisonError::into_inner) = head;
        self.announce
            .send_modify(|known| *known = position.max(*known));
    }

    /// After a failed commit: finds out from the store what became of the group, so that nobody is left in doubt.
    fn settle(&mut self, error: StoreError) {
        let (Some(ledger), Some(store)) = (&mut self.ledger, &mut self.store) else {
            return;
        };
        if !matches!(error, StoreError::NearlyFull { .. }) {
            tracing::error!(reason = %error, appends = self.waiting.len(), "group not committed");
        }
        if error == StoreError::Fenced {
            return self.look_up(error);
        }
        match store.load() {
            Ok(tip) if Some(&tip) == ledger.expected() => self.arrive(),
            Ok(tip) if tip == *ledger.committed() => {
                ledger.roll_back();
                let runs = store.runs();
                let runs = runs.map(|runs| self.history.follow(runs));
                let ledger = self.ledger.take();
                self.give_up(&Failure::without_effect(error));
                self.ledger = ledger.filter(|_| runs.is_ok());
            }
            Ok(_) | Err(StoreError::Fenced) => self.look_up(StoreError::Fenced),
            Err(unread) => {
                tracing::error!(reason = %unread, "head not readable after a failed commit");
                self.give_up(&Failure::without_effect(unknown(error)));
            }
        }
    }

    /// Whoever has raised the epoch did so after the last word about this writer's group.
    fn look_up(&mut self, error: StoreError) {
        let waiting = self.waiting.iter().chain(&self.gathered);
        let command_ids: Vec<_> = waiting.map(|decided| decided.command_id).collect();
        let recorded = match &mut self.store {
            None => Err(is_away()),
            Some(store) => store.recorded(&command_ids),
        };
        self.give_up(&match recorded {
            Ok(recorded) => Failure { error, recorded },
            Err(unread) => {
                tracing::error!(reason = %unread, "commands not readable after the log was taken over");
                Failure::without_effect(StoreError::Unknown(
                    "another writer has taken over the log".to_owned(),
                ))
            }
        });
    }

    /// Answers what was under way and what was decided behind it, refusals included: they may depend on it.
    fn give_up(&mut self, failure: &Failure) {
        self.ledger = None;
        self.size = Size::default();
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let gathered = std::mem::take(&mut self.gathered);
        let told = waiting.chain(gathered).map(|decided| Decided {
            answer: failure.answer(decided.command_id, decided.command_hash),
            ..decided
        });
        answer(told.collect());
    }
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

fn unknown(error: StoreError) -> StoreError {
    match error {
        StoreError::Failed(reason) => StoreError::Unknown(reason),
        other => other,
    }
}

/// Nobody is told so: what needs the store waits until it is there.
fn is_away() -> StoreError {
    StoreError::Failed("the store is in use".to_owned())
}

fn answer(decided: Vec<Decided>) {
    for decided in decided {
        // An error only says that the caller has gone.
        drop(decided.channel.send(decided.answer));
    }
}

fn answer_all(jobs: Vec<Job>, error: &StoreError) {
    for job in jobs {
        drop(job.answer.send(Err(error.clone().into())));
    }
}
