//! Which process writes the log: stands by while another does, takes over when that one is gone, and steps down when it
//! was fenced.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, RwLock},
    thread,
    time::{Duration, Instant},
};

use sqlx::postgres::PgConnectOptions;
use tokio::{
    runtime,
    sync::{oneshot, watch},
    task::JoinHandle,
};
use uuid::Uuid;

use super::{
    keeper::{Hold, Keeper},
    lease::{Holder, Lease},
    opening::{self, PostgresRefusal},
    writer::{self, Writer},
};
use crate::{
    append::AppendError,
    bounds::Bounds,
    index::{IndexOptions, cache::FilterCache},
    sequencer::{Clock, Sequencer},
};

/// How often a standby asks for the lease.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How long a standby waits after it could not reach the server, or could not take over.
const RETRY_DELAY: Duration = Duration::from_millis(500);
/// How long a new standby waits for another node to make the log or to bring it to the newest version.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the end waits for statements that are under way.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// What to do where another process writes the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeOver {
    /// Take the log over from whoever writes it. Once somebody else has done the same, stop for good.
    AtOnce,
    /// Stand by, and take it over when the other one is gone or silent. Stand by again after somebody else took it over.
    WhenSilent,
}

/// What the campaign needs to make a writer.
pub(super) struct Candidate {
    pub address: PgConnectOptions,
    pub node: String,
    pub take_over: TakeOver,
    pub clock: Clock,
    pub bounds: Bounds,
    pub announce: watch::Sender<u64>,
    pub index: (IndexOptions, FilterCache),
}

/// This process's part in who writes the log.
pub(super) struct Election {
    role: Arc<RwLock<Role>>,
    leads: watch::Receiver<bool>,
    stop: watch::Sender<bool>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

/// What this process does at the moment.
enum Role {
    Leads(Arc<Sequencer>),
    StandsBy {
        /// The node that writes the log, if it is known.
        writer: Option<String>,
        /// Why an append is refused.
        reason: String,
    },
}

impl Role {
    fn standing_by(writer: Option<String>) -> Self {
        let reason = match &writer {
            Some(node) => format!(
                "this node stands by: {node} writes the log; nothing was recorded; it can be recorded there, or here in \
                 a few seconds if that node is gone"
            ),
            None => "this node stands by, and no other is known to write the log; nothing was recorded; it can be \
                 in a few seconds, once a node writes"
                .to_owned(),
        };
        Self::StandsBy { writer, reason }
    }

    fn unfit(refusal: &str) -> Self {
        Self::StandsBy {
            writer: None,
            reason: format!("this node can't write the log: {refusal}; nothing was recorded"),
        }
    }

    fn stopped(reason: &str) -> Self {
        Self::StandsBy {
            writer: None,
            reason: format!("{reason}; nothing was recorded"),
        }
    }
}

impl Election {
    /// Takes the log over, or stands by, and goes on until it is stopped. Returns when this process has its first role.
    /// The thread is its own, so that busy callers can't make the server believe that this process is dead.
    pub async fn start(candidate: Candidate) -> Result<Self, PostgresRefusal> {
        let role = Arc::new(RwLock::new(Role::standing_by(None)));
        let (tell_leads, leads) = watch::channel(false);
        let (stop, stopped) = watch::channel(false);
        let (tell_begun, begun) = oneshot::channel();
        let campaign = Campaign {
            candidate,
            role: Arc::clone(&role),
            leads: tell_leads,
            stopped,
        };
        let thread = thread::Builder::new()
            .name("log-election".to_owned())
            .spawn(move || campaign.run(tell_begun))
            .map_err(PostgresRefusal::Thread)?;
        begun.await.unwrap_or_else(|_| {
            Err(PostgresRefusal::Thread(io::Error::other(
                "the thread of the election broke down",
            )))
        })?;
        Ok(Self {
            role,
            leads,
            stop,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Whether this process writes the log.
    pub fn leads(&self) -> watch::Receiver<bool> {
        self.leads.clone()
    }

    /// The writer of this process, while it has one.
    pub fn sequencer(&self) -> Result<Arc<Sequencer>, AppendError> {
        match &*self.role.read().unwrap_or_else(PoisonError::into_inner) {
            Role::Leads(sequencer) => Ok(Arc::clone(sequencer)),
            Role::StandsBy { reason, .. } => Err(AppendError::NotRecorded(reason.clone())),
        }
    }

    /// The other node that writes the log, if this one stands by and knows it.
    pub fn other_writer(&self) -> Option<String> {
        match &*self.role.read().unwrap_or_else(PoisonError::into_inner) {
            Role::Leads(_) => None,
            Role::StandsBy { writer, .. } => writer.clone(),
        }
    }

    /// Stops the writer after what is queued, lets go of the log, and waits for that.
    pub fn stop(&self) {
        self.stop.send_replace(true);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread of the election panicked");
        }
    }
}

impl Drop for Election {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The time from a take-over to its end.
struct Term {
    sequencer: Arc<Sequencer>,
    writer_id: Uuid,
    keeper: Keeper,
}

/// What a process does at first.
enum First {
    Leads(Term),
    /// With the session that asks for the lease.
    StandsBy(Lease),
}

/// How a term ended.
enum Ended {
    Stopped,
    /// Somebody else writes the log.
    Succeeded(Option<String>),
    /// The server is not safe to write to any more.
    Unfit(String),
    /// The writer's thread is gone.
    Broken,
}

struct Campaign {
    candidate: Candidate,
    role: Arc<RwLock<Role>>,
    leads: watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
}

impl Campaign {
    fn run(self, begun: oneshot::Sender<Result<(), PostgresRefusal>>) {
        let built = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match built {
            Ok(runtime) => runtime,
            Err(error) => return drop(begun.send(Err(PostgresRefusal::Thread(error)))),
        };
        runtime.block_on(self.take_part(begun));
        runtime.shutdown_timeout(STOP_TIMEOUT);
    }

    async fn take_part(self, begun: oneshot::Sender<Result<(), PostgresRefusal>>) {
        let (mut term, mut lease) = match self.begin().await {
            Ok(First::Leads(term)) => (Some(term), None),
            Ok(First::StandsBy(lease)) => (None, Some(lease)),
            // Whoever opens the log is told.
            Err(refusal) => return drop(begun.send(Err(refusal))),
        };
        if begun.send(Ok(())).is_err() {
            return self.end(term).await;
        }
        // The writer of the term before, while it answers what was under way.
        let mut closing: Option<JoinHandle<()>> = None;
        loop {
            if let Some(serving) = term.take() {
                let ended = self.serve(&serving).await;
                let over = matches!(ended, Ended::Stopped)
                    || self.candidate.take_over == TakeOver::AtOnce
                        && matches!(ended, Ended::Succeeded(_));
                let next = self.step_down(serving, ended).await;
                let before = std::mem::replace(&mut closing, next);
                closed(before).await;
                if over {
                    return closed(closing).await;
                }
            }
            let mut stopped = self.stopped.clone();
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => {
                    self.end(None).await;
                    return closed(closing).await;
                }
                next = self.stand_by(lease.take()) => term = Some(next),
            }
        }
    }

    /// The first role: leads, or stands by behind another node.
    async fn begin(&self) -> Result<First, PostgresRefusal> {
        let Candidate { address, node, .. } = &self.candidate;
        let deadline = Instant::now() + MIGRATION_TIMEOUT;
        let mut lease = self.connect().await?;
        loop {
            let taken = match self.candidate.take_over {
                TakeOver::AtOnce => lease.seize(address, node).await.map(|()| true)?,
                TakeOver::WhenSilent => lease.try_take(node).await?,
            };
            if taken {
                return self.lead(lease).await.map(First::Leads);
            }
            let Some(holder) = lease.holder().await? else {
                tokio::time::sleep(POLL_INTERVAL).await;
                continue;
            };
            match opening::check_for_standing_by(address).await {
                Ok(()) => {
                    self.tell_standing_by(Some(&holder));
                    return Ok(First::StandsBy(lease));
                }
                Err(PostgresRefusal::OlderVersion { .. }) if Instant::now() < deadline => {
                    tokio::time::sleep(POLL_INTERVAL).await;
                }
                Err(PostgresRefusal::OlderVersion { found, known }) => {
                    return Err(PostgresRefusal::OlderWriter {
                        found,
                        known,
                        node: holder.node,
                    });
                }
                Err(refusal) => return Err(refusal),
            }
        }
    }

    /// A session that asks for the lease, and has the name of this node. A tool that takes the log over has no use for one.
    async fn connect(&self) -> Result<Lease, PostgresRefusal> {
        let Candidate { address, node, .. } = &self.candidate;
        let mut lease = Lease::connect(address, node).await?;
        if self.candidate.take_over == TakeOver::WhenSilent {
            lease.claim_name(node).await?;
        }
        Ok(lease)
    }

    /// Until this process has taken the log over, at first by the session that it has, if any.
    async fn stand_by(&self, mut lease: Option<Lease>) -> Term {
        let mut told = String::new();
        loop {
            match self.try_to_lead(lease.take()).await {
                Ok(term) => return term,
                Err(refusal) => {
                    // The same reason once, not twice a second.
                    let reason = refusal.to_string();
                    self.assume(Role::unfit(&reason));
                    if reason != told {
                        tracing::warn!(%reason, "standing by, and can't take over the log");
                        told = reason;
                    }
                }
            }
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }

    async fn try_to_lead(&self, lease: Option<Lease>) -> Result<Term, PostgresRefusal> {
        let node = &self.candidate.node;
        let mut lease = match lease {
            Some(lease) => lease,
            None => self.connect().await?,
        };
        let mut holder = None;
        loop {
            // Also finds out when the server is not safe any more.
            lease.beat().await?;
            if lease.try_take(node).await? {
                tracing::info!("the log has no writer; taking it over");
                return self.lead(lease).await;
            }
            let found = lease.holder().await?;
            if found != holder {
                self.tell_standing_by(found.as_ref());
                holder = found;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn tell_standing_by(&self, holder: Option<&Holder>) {
        let writer = holder.map(|holder| holder.node.clone());
        let known = match &*self.role.read().unwrap_or_else(PoisonError::into_inner) {
            Role::StandsBy { writer, .. } => writer.clone(),
            Role::Leads(_) => None,
        };
        if let Some(writer) = writer.as_ref().filter(|_| writer != known) {
            tracing::info!(%writer, "standing by");
        }
        self.assume(Role::standing_by(writer));
    }

    /// Takes the log over, with the lease in hand.
    async fn lead(&self, lease: Lease) -> Result<Term, PostgresRefusal> {
        let Candidate {
            address,
            node,
            clock,
            bounds,
            announce,
            index,
            ..
        } = &self.candidate;
        // From now on, since taking over may last longer than the server waits for a word.
        let keeper = Keeper::start(lease, address.clone(), node.clone());
        let (address, out_of_touch) = (address.clone(), keeper.out_of_touch());
        let (clock, bounds, announce) = (Arc::clone(clock), *bounds, announce.clone());
        let index = index.clone();
        // The writer has a runtime of its own, which must not be used on a task.
        let opening = tokio::task::spawn_blocking(move || {
            let (writer, tip) = Writer::open(&address, out_of_touch, index)?;
            let writer_id = writer.id();
            Sequencer::start_announcing(writer.log_id(), &tip, writer, clock, bounds, announce)
                .map(|sequencer| (sequencer, writer_id))
                .map_err(PostgresRefusal::Thread)
        });
        let opened = opening
            .await
            .unwrap_or_else(|error| Err(PostgresRefusal::Thread(error.into())));
        match opened {
            Ok((sequencer, writer_id)) => {
                let sequencer = Arc::new(sequencer);
                self.assume(Role::Leads(Arc::clone(&sequencer)));
                self.leads.send_replace(true);
                Ok(Term {
                    sequencer,
                    writer_id,
                    keeper,
                })
            }
            Err(refusal) => {
                keeper.release().await;
                Err(refusal)
            }
        }
    }

    /// Until the term ends. Out of touch with the server this node does not say that it leads, but it still tries:
    /// whether it may write is for the server to say.
    async fn serve(&self, term: &Term) -> Ended {
        let mut stopped = self.stopped.clone();
        let mut fenced = term.sequencer.fenced();
        let mut hold = term.keeper.hold();
        let mut was_out_of_touch = false;
        loop {
            let current = hold.borrow_and_update().clone();
            if current == Hold::Held && was_out_of_touch && self.was_succeeded(term).await {
                return Ended::Succeeded(None);
            }
            was_out_of_touch = current == Hold::OutOfTouch;
            self.leads.send_if_modified(|leads| {
                let before = std::mem::replace(leads, current == Hold::Held);
                before != *leads
            });
            match current {
                Hold::Held | Hold::OutOfTouch => {}
                Hold::Taken { by } => return Ended::Succeeded(Some(by)),
                Hold::Unfit(refusal) => return Ended::Unfit(refusal),
            }
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return Ended::Stopped,
                fenced = fenced.wait_for(|fenced| *fenced) => {
                    return fenced.map_or(Ended::Broken, |_| Ended::Succeeded(None));
                }
                changed = hold.changed() => if changed.is_err() {
                    return Ended::Broken;
                }
            }
        }
    }

    /// Somebody may have come and gone in the meantime. Where that can't be seen, the next append will tell.
    async fn was_succeeded(&self, term: &Term) -> bool {
        writer::is_current(&self.candidate.address, term.writer_id)
            .await
            .is_ok_and(|current| !current)
    }

    /// Lets go of the log. What is under way is answered meanwhile, which may take longer than it takes to stand by again;
    /// only at the end it comes first, so that whoever takes over finds nothing unfinished.
    async fn step_down(&self, term: Term, ended: Ended) -> Option<JoinHandle<()>> {
        let is_last = matches!(ended, Ended::Stopped);
        let role = match ended {
            Ended::Stopped => Role::stopped("the log is closed"),
            Ended::Succeeded(writer) => {
                tracing::warn!(
                    writer = writer.as_deref().unwrap_or("another node"),
                    "another writer has taken over the log"
                );
                match self.candidate.take_over {
                    TakeOver::AtOnce => Role::stopped(
                        "another writer has taken over the log, and this one has stopped; open it again",
                    ),
                    TakeOver::WhenSilent => Role::standing_by(writer),
                }
            }
            Ended::Unfit(refusal) => {
                tracing::error!(reason = %refusal, "the log is not written any more");
                Role::unfit(&refusal)
            }
            Ended::Broken => {
                tracing::error!("the writer of the log broke down; it is started again");
                Role::standing_by(None)
            }
        };
        self.leads.send_replace(false);
        self.assume(role);
        let sequencer = term.sequencer;
        let closing = tokio::task::spawn_blocking(move || sequencer.close());
        if is_last {
            closed(Some(closing)).await;
            term.keeper.release().await;
            return None;
        }
        term.keeper.release().await;
        Some(closing)
    }

    async fn end(&self, term: Option<Term>) {
        if let Some(term) = term {
            closed(self.step_down(term, Ended::Stopped).await).await;
        }
        self.assume(Role::stopped("the log is closed"));
    }

    fn assume(&self, role: Role) {
        *self.role.write().unwrap_or_else(PoisonError::into_inner) = role;
    }
}

async fn closed(closing: Option<JoinHandle<()>>) {
    if let Some(closing) = closing
        && let Err(error) = closing.await
    {
        tracing::error!(%error, "the writer of the log could not be stopped");
    }
}
