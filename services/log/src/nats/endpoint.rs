//! The writer's side: answers appends as long as it leads, and tells how it is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_nats::{Message, Subject, Subscriber};
use futures::StreamExt as _;
use keruen_proto::log::v1::{
    AppendFailure, AppendResponse, Appended, RelayHealth, append_response::Outcome,
};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{connection::NatsConnection, health, names::NatsNames, request};
use crate::{append::AppendError, bounds::MAX_APPEND_BYTES, log::Log};

/// How long an endpoint that stops waits for NATS to take its last answers.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a message waits for its place in what is to be written; longer only where NATS is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// After a subscription that could not be made.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// What an endpoint holds at most, and who it is.
#[derive(Clone, Debug)]
pub struct LogEndpointOptions {
    /// Name of the node, told to whoever asks for its health.
    pub node: String,
    /// Subjects.
    pub names: NatsNames,
    /// Appends that wait for an answer; further ones are refused.
    pub max_pending_appends: usize,
    /// Bytes that they may have together; further ones are refused.
    pub max_pending_bytes: usize,
    /// Bytes of one request.
    pub max_request_bytes: usize,
    /// How long an append may take; then its sender hears that nobody knows what became of it.
    pub max_duration: Duration,
    /// How the relay of this process is, where it has one.
    pub relay: Option<watch::Receiver<RelayHealth>>,
}

impl LogEndpointOptions {
    /// Bounds that suit one machine.
    pub fn new(node: impl Into<String>) -> Self {
        Self {
            node: node.into(),
            names: NatsNames::default(),
            max_pending_appends: 4_096,
            max_pending_bytes: 64 * 1024 * 1024,
            max_request_bytes: MAX_APPEND_BYTES,
            max_duration: Duration::from_secs(30),
            relay: None,
        }
    }
}

/// Answers on NATS for a log, in the background, until it is stopped or dropped.
pub struct LogEndpoint {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl LogEndpoint {
    /// Starts answering. Appends are answered while `leads` says so. To be called on a tokio runtime.
    pub fn start(
        connection: NatsConnection,
        log: Arc<dyn Log>,
        leads: watch::Receiver<bool>,
        options: LogEndpointOptions,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            connection,
            log,
            leads,
            options,
            pending: AtomicU32::new(0),
        });
        let task = tokio::spawn(async move {
            let appends = serve_appends(Arc::clone(&shared), stopped.clone());
            let health = health::serve(&shared, stopped);
            tokio::join!(appends, health);
        });
        Self { stop, task }
    }

    /// Takes no more, answers what was taken, and ends.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the log's endpoint on nats broke down");
        }
    }
}

impl Drop for LogEndpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) struct Shared {
    pub connection: NatsConnection,
    pub log: Arc<dyn Log>,
    pub leads: watch::Receiver<bool>,
    pub options: LogEndpointOptions,
    /// Appends that wait for an answer.
    pub pending: AtomicU32,
}

impl Shared {
    /// Subscribes, again and again until NATS takes it.
    pub async fn subscribe(&self, subject: String) -> Subscriber {
        loop {
            match self.connection.client().subscribe(subject.clone()).await {
                Ok(subscriber) => return subscriber,
                Err(error) => {
                    tracing::error!(subject, %error, "can't subscribe on nats");
                    sleep(RETRY_DELAY).await;
                }
            }
        }
    }

    /// Sends an answer. Without one its sender asks again.
    pub async fn answer(&self, subject: Subject, message: &impl prost::Message) {
        let payload = message.encode_to_vec().into();
        let sending = self.connection.client().publish(subject, payload);
        match timeout(SEND_TIMEOUT, sending).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "answer not sent"),
            Err(_) => tracing::warn!("answer not sent: nats takes nothing"),
        }
    }

    /// Where a message wants its answer, if that can be done.
    pub fn reply_of(&self, message: &Message) -> Option<Subject> {
        let Some(reply) = &message.reply else {
            tracing::warn!(subject = %message.subject, "request without a reply subject ignored");
            return None;
        };
        if !self.options.names.may_answer_on(reply) {
            tracing::warn!(subject = %message.subject, %reply, "request with a reply subject of the log's own ignored");
            return None;
        }
        Some(reply.clone())
    }
}

/// Ends when the endpoint is to stop.
pub(super) async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    // An error means that the endpoint is gone.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Waits until this process leads; false if it never will.
async fn elected(leads: &mut watch::Receiver<bool>) -> bool {
    leads.wait_for(|leads| *leads).await.is_ok()
}

/// Ends when this process leads no more.
async fn deposed(leads: &mut watch::Receiver<bool>) {
    // An error means that the log is gone.
    let _ = leads.wait_for(|leads| !*leads).await;
}

async fn serve_appends(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut leads = shared.leads.clone();
    loop {
        tokio::select! {
            () = told_to_stop(&mut stopped) => return,
            leading = elected(&mut leads) => if !leading { return },
        }
        let subject = shared.options.names.append();
        let subscriber = tokio::select! {
            () = told_to_stop(&mut stopped) => return,
            subscriber = shared.subscribe(subject.clone()) => subscriber,
        };
        tracing::info!(subject, "answering appends over nats");
        let mut term = Term {
            shared: Arc::clone(&shared),
            subscriber,
            tasks: JoinSet::new(),
            pending_bytes: 0,
        };
        term.run(&mut leads, &mut stopped).await;
        term.end().await;
        tracing::info!(subject, "no longer answering appends over nats");
    }
}

/// The time in which this process leads.
struct Term {
    shared: Arc<Shared>,
    subscriber: Subscriber,
    /// Each ends with the size of its request.
    tasks: JoinSet<usize>,
    pending_bytes: usize,
}

impl Term {
    async fn run(
        &mut self,
        leads: &mut watch::Receiver<bool>,
        stopped: &mut watch::Receiver<bool>,
    ) {
        loop {
            tokio::select! {
                biased;
                () = told_to_stop(stopped) => return,
                () = deposed(leads) => return,
                Some(done) = self.tasks.join_next() => self.note(done),
                message = self.subscriber.next() => match message {
                    Some(message) => self.take(message).await,
                    None => return,
                },
            }
        }
    }

    /// Gives the subject up, and answers what came before that.
    async fn end(&mut self) {
        let ending = async {
            // Requests may be on their way; the subscription ends after them.
            match self.subscriber.drain().await {
                Ok(()) => {
                    while let Some(message) = self.subscriber.next().await {
                        self.take(message).await;
                    }
                }
                Err(error) => tracing::warn!(%error, "can't unsubscribe from nats"),
            }
            while let Some(done) = self.tasks.join_next().await {
                self.note(done);
            }
            let _ = self.shared.connection.client().flush().await;
        };
        if timeout(STOP_TIMEOUT, ending).await.is_err() {
            tracing::warn!("appends over nats were left without an answer");
        }
    }

    async fn take(&mut self, message: Message) {
        let Some(reply) = self.shared.reply_of(&message) else {
            return;
        };
        let bytes = message.payload.len();
        let parsed = request::parse(&message.payload, self.shared.options.max_request_bytes)
            .map_err(AppendError::InvalidArgument)
            .and_then(|request| self.room_for(bytes).map(|()| request));
        let request = match parsed {
            Ok(request) => request,
            Err(refusal) => return self.shared.answer(reply, &response(Err(refusal))).await,
        };
        self.pending_bytes += bytes;
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn(async move {
            let appending = timeout(shared.options.max_duration, shared.log.append(request));
            let outcome = appending.await.unwrap_or_else(|_| {
                Err(AppendError::Unavailable(
                    "the log took too long; the outcome is unknown; repeat with the same command id"
                        .to_owned(),
                ))
            });
            let outcome = of_a_leader(outcome, *shared.leads.borrow());
            shared.answer(reply, &response(outcome)).await;
            bytes
        });
        self.count();
    }

    fn room_for(&self, bytes: usize) -> Result<(), AppendError> {
        let LogEndpointOptions {
            max_pending_appends,
            max_pending_bytes,
            ..
        } = self.shared.options;
        if self.tasks.len() >= max_pending_appends {
            return Err(AppendError::ResourceExhausted(format!(
                "{max_pending_appends} appends came over NATS and are not answered yet"
            )));
        }
        if self.pending_bytes + bytes > max_pending_bytes {
            return Err(AppendError::ResourceExhausted(format!(
                "appends of {max_pending_bytes} bytes came over NATS and are not answered yet"
            )));
        }
        Ok(())
    }

    fn note(&mut self, done: Result<usize, tokio::task::JoinError>) {
        match done {
            Ok(bytes) => self.pending_bytes = self.pending_bytes.saturating_sub(bytes),
            Err(error) => tracing::error!(%error, "an append over nats broke down"),
        }
        self.count();
    }

    fn count(&self) {
        let pending = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX);
        self.shared.pending.store(pending, Ordering::Relaxed);
    }
}

/// What to answer. One that no longer leads can't say that nothing was recorded: whoever leads now got the request too.
fn of_a_leader(
    outcome: Result<Appended, AppendError>,
    leads: bool,
) -> Result<Appended, AppendError> {
    match outcome {
        Err(
            AppendError::Unavailable(_)
            | AppendError::NotRecorded(_)
            | AppendError::ResourceExhausted(_)
            | AppendError::NoSpace(_)
            | AppendError::DeadlineExceeded,
        ) if !leads => Err(AppendError::Unavailable(
            "the writer of the log changes; the outcome is unknown; repeat with the same command id"
                .to_owned(),
        )),
        outcome => outcome,
    }
}

fn response(outcome: Result<Appended, AppendError>) -> AppendResponse {
    let outcome = match outcome {
        Ok(appended) => Outcome::Appended(appended),
        Err(error) => Outcome::Failure(AppendFailure::from(&error)),
    };
    AppendResponse {
        outcome: Some(outcome),
    }
}
