//! The client's side: appends over NATS, reads from a log that this process opened for reading.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_nats::{RequestErrorKind, client::Request};
use async_trait::async_trait;
use keruen_proto::log::v1::{
    AppendRequest, AppendResponse, Appended, Query, append_response::Outcome,
};
use prost::{Message as _, bytes::Bytes};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout_at},
};

use super::{connection::NatsConnection, names::NatsNames};
use crate::{
    append::{AppendError, Violation},
    log::{Head, Log, Page, Range, ReadError, RecordedCommand},
};

/// The shortest time that an append waits for its answer, whatever its deadline says: the clocks of two machines differ.
const MIN_WAIT: Duration = Duration::from_secs(1);
/// How many times a writer may say that it can't write before that is believed.
const MAX_REFUSALS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How to append over NATS.
#[derive(Clone, Debug)]
pub struct NatsLogOptions {
    /// Subjects.
    pub names: NatsNames,
    /// How long one request waits for its answer before it is sent again. A writer that dies says nothing.
    pub request_timeout: Duration,
    /// How long an append is tried at most; its own deadline may be earlier.
    pub max_duration: Duration,
    /// How often it is sent at most.
    pub max_attempts: u32,
}

impl Default for NatsLogOptions {
    fn default() -> Self {
        Self {
            names: NatsNames::default(),
            request_timeout: Duration::from_secs(2),
            max_duration: Duration::from_secs(10),
            max_attempts: 16,
        }
    }
}

/// A log whose appends go over NATS to whoever writes it, and whose reads go to `reads`.
///
/// Where nobody answers, or no server is connected, an append fails at once and says that nothing was recorded. Where
/// it may have been recorded, because its answer was lost, it is sent again under its command id until it is answered,
/// within bounds.
pub struct NatsLog {
    connection: NatsConnection,
    reads: Arc<dyn Log>,
    options: NatsLogOptions,
}

impl NatsLog {
    /// Appends over `connection`, reads from `reads`.
    pub fn new(connection: NatsConnection, reads: Arc<dyn Log>, options: NatsLogOptions) -> Self {
        Self {
            connection,
            reads,
            options,
        }
    }

    fn give_up_at(&self, request: &AppendRequest) -> Instant {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_us = i64::try_from(now.unwrap_or_default().as_micros()).unwrap_or(i64::MAX);
        let longest = self.options.max_duration.max(MIN_WAIT);
        let wait = match request.deadline_us {
            0 => longest,
            deadline_us => {
                let left_us = u64::try_from(deadline_us.saturating_sub(now_us)).unwrap_or(0);
                Duration::from_micros(left_us).clamp(MIN_WAIT, longest)
            }
        };
        Instant::now() + wait
    }

    /// Sends the request once.
    async fn send(&self, payload: Bytes, request: &AppendRequest, give_up_at: Instant) -> Sent {
        let mut link = self.connection.watch();
        if !self.connection.is_up() {
            let at = self.connection.at();
            return Sent::Not(format!("no NATS server is connected at {at}"));
        }
        let broken = link.borrow_and_update().broken;
        let until = give_up_at.min(Instant::now() + self.options.request_timeout);
        // Its own timeout starts only after the client took the request, which it may not while it reconnects.
        let wire = Request::new().payload(payload).timeout(None);
        let client = self.connection.client();
        let subject = self.options.names.append();
        let answering = timeout_at(until, client.send_request(subject.clone(), wire));
        let answer = tokio::select! {
            answer = answering => answer,
            // Its answer goes to a connection that is no more.
            _ = link.wait_for(|link| link.broken != broken) => {
                return Sent::Lost("the connection to NATS broke before the answer came".to_owned());
            }
        };
        match answer {
            Ok(Ok(message)) => answered(&message.payload, request),
            Ok(Err(error)) => match error.kind() {
                RequestErrorKind::NoResponders => {
                    Sent::Not(format!("no writer of the log answers on {subject}"))
                }
                RequestErrorKind::MaxPayloadExceeded => Sent::Answered(Err(
                    AppendError::InvalidArgument(too_large(client.max_payload(), request)),
                )),
                _ => Sent::Lost(format!("NATS failed: {error}")),
            },
            Err(_) => Sent::Lost(format!(
                "no answer within {} ms",
                self.options.request_timeout.as_millis()
            )),
        }
    }

    /// The last that can be done about an append that was not answered for certain: it may be in the log.
    async fn look_up(
        &self,
        request: &AppendRequest,
        doubt: Doubt,
    ) -> Result<Appended, AppendError> {
        match self.reads.find_command(&request.command_id).await {
            Ok(Some(command)) if command.command_hash[..] == request.command_hash => {
                Ok(command.appended)
            }
            Ok(Some(command)) => Err(AppendError::CommandIdReused {
                command_id: request.command_id.clone(),
                first_position: command.appended.first_position,
            }),
            Ok(None) | Err(_) => Err(doubt.told()),
        }
    }
}

/// What speaks against taking an answer for certain.
#[derive(Default)]
struct Doubt {
    /// How the last answer was lost, if one was: that request may have been recorded.
    lost: Option<String>,
    /// What the last writer said that could not write, and recorded nothing.
    refusal: Option<String>,
    /// What the last writer said that could not tell the outcome.
    unknown: Option<String>,
    /// How many times one did either.
    refusals: u32,
}

impl Doubt {
    /// What to answer for certain; `None` if the request should be sent again.
    fn weigh(&mut self, sent: Sent) -> Option<Result<Appended, AppendError>> {
        match sent {
            // Another process may write the log by now.
            Sent::Answered(Err(AppendError::NotRecorded(reason))) => {
                self.refusal = Some(reason);
                self.refusals += 1;
                None
            }
            Sent::Answered(Err(AppendError::Unavailable(reason))) => {
                self.unknown = Some(reason);
                self.refusals += 1;
                None
            }
            // Said without a look at the command id, so it says nothing about a request before this one.
            Sent::Answered(Err(
                AppendError::ResourceExhausted(_)
                | AppendError::NoSpace(_)
                | AppendError::DeadlineExceeded,
            )) if self.lost.is_some() || self.unknown.is_some() => None,
            Sent::Answered(answer) => Some(answer),
            Sent::Not(_)
                if self.lost.is_some() || self.unknown.is_some() || self.refusal.is_some() =>
            {
                None
            }
            Sent::Not(reason) => Some(Err(AppendError::NotRecorded(format!(
                "{reason}; nothing was recorded"
            )))),
            Sent::Lost(reason) => {
                self.lost = Some(reason);
                None
            }
        }
    }

    fn told(self) -> AppendError {
        match (self.lost, self.unknown, self.refusal) {
            (None, None, Some(refusal)) => AppendError::NotRecorded(refusal),
            (None, Some(unknown), _) => AppendError::Unavailable(unknown),
            (lost, ..) => AppendError::Unavailable(format!(
                "{}; the outcome is unknown; repeat with the same command id",
                lost.unwrap_or_default()
            )),
        }
    }
}

/// What came of one request.
enum Sent {
    /// The writer decided.
    Answered(Result<Appended, AppendError>),
    /// It reached no writer.
    Not(String),
    /// It may have been recorded.
    Lost(String),
}

fn answered(payload: &[u8], request: &AppendRequest) -> Sent {
    let outcome = AppendResponse::decode(payload).map(|response| response.outcome);
    match outcome {
        Ok(Some(Outcome::Appended(appended))) => Sent::Answered(Ok(appended)),
        Ok(Some(Outcome::Failure(failure))) => {
            Sent::Answered(Err(AppendError::from_wire(failure, request)))
        }
        Ok(None) => Sent::Lost("the answer has no outcome".to_owned()),
        Err(error) => Sent::Lost(format!("the answer can't be read: {error}")),
    }
}

fn too_large(max_bytes: usize, request: &AppendRequest) -> Violation {
    let found = request.encoded_len();
    Violation::new(
        "request",
        format!(
            "must have at most {max_bytes} bytes, which is max_payload of nats-server, found {found}"
        ),
    )
}

#[async_trait]
impl Log for NatsLog {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        let payload = Bytes::from(request.encode_to_vec());
        let give_up_at = self.give_up_at(&request);
        let mut doubt = Doubt::default();
        let mut pause = FIRST_PAUSE;
        for _ in 0..self.options.max_attempts.max(1) {
            let sent = self.send(payload.clone(), &request, give_up_at).await;
            if let Some(answer) = doubt.weigh(sent) {
                return answer;
            }
            if doubt.refusals >= MAX_REFUSALS || Instant::now() + pause >= give_up_at {
                break;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let reconnecting = timeout_at(give_up_at, self.connection.wait_until_up());
            if reconnecting.await.is_err() {
                break;
            }
        }
        self.look_up(&request, doubt).await
    }

    async fn read(&self, query: &Query, range: Range, limit: usize) -> Result<Page, ReadError> {
        self.reads.read(query, range, limit).await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.reads.head().await
    }

    async fn find_command(&self, command_id: &str) -> Result<Option<RecordedCommand>, ReadError> {
        self.reads.find_command(command_id).await
    }

    async fn tree_hashes(
        &self,
        wanted: crate::tree::TreeHashes,
    ) -> Result<Vec<crate::tree::Hash>, ReadError> {
        self.reads.tree_hashes(wanted).await
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.reads.watch_head()
    }
}
