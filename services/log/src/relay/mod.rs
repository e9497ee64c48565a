//! The relay: makes a JetStream stream of the log, whose sequence is the log's position.
//!
//! Every event is published with `Nats-Expected-Last-Sequence: position − 1`, so the stream takes each event once and
//! in its place, whatever happens to the relay, to the server or to what it stores, and however many relays there are.
//! So there is no `Nats-Msg-Id`: its window would make the server swallow what is published again after a loss.
//!
//! What comes first is always the stream itself: a relay asks where it ends, compares its last message with the log,
//! and goes on from there. It does so on every start, after everything that went wrong, and now and then. A stream that
//! lost its tail is filled up again, and one that is gone is made again. A stream that contradicts the log is left as
//! it is: somebody has to look. The stream is derived, so it can be deleted and is then filled again from the log.
//!
//! Each message is a CloudEvents 1.0 event in structured JSON mode, after version 1.0.2 of the NATS protocol binding.
//! The headers `Keruen-Event-Id` and `Keruen-Leaf-Hash` name the event for whoever doesn't read the JSON.

mod publisher;
mod stream;

use std::{fmt, sync::Arc, time::Duration};

use async_nats::jetstream::{Context, context::ContextBuilder, stream::Info};
use keruen_proto::log::v1::{RecordedEvent, RelayHealth, RelayState};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use uuid::Uuid;

use crate::{
    log::{Log, ReadError},
    nats::{NatsConnection, NatsNames},
};

/// The JSON of an event as a `CloudEvents` event in structured mode.
pub type Renderer = Arc<dyn Fn(&RecordedEvent) -> Result<Vec<u8>, String> + Send + Sync>;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How to relay.
#[derive(Clone, Debug)]
pub struct RelayOptions {
    /// Subjects and stream.
    pub names: NatsNames,
    /// Copies of the stream in a cluster; 1 to 5.
    pub replicas: usize,
    /// The first event of a stream that has to be made. Earlier ones are not in it.
    pub first_position: u64,
    /// Age after which the stream forgets events; `None` keeps them for ever.
    pub max_age: Option<Duration>,
    /// Size in bytes beyond which the stream forgets its oldest events; `None` sets no limit.
    pub max_bytes: Option<u64>,
    /// Messages that are published and not acknowledged yet.
    pub window_messages: usize,
    /// Their size in bytes; one message may be larger.
    pub window_bytes: usize,
    /// How long to wait for an answer of JetStream.
    pub answer_timeout: Duration,
    /// How often to look whether the stream is still what it should be.
    pub check_interval: Duration,
}

impl Default for RelayOptions {
    fn default() -> Self {
        Self {
            names: NatsNames::default(),
            replicas: 1,
            first_position: 1,
            max_age: None,
            max_bytes: None,
            window_messages: 256,
            window_bytes: 4 * 1024 * 1024,
            answer_timeout: Duration::from_secs(5),
            check_interval: Duration::from_secs(5),
        }
    }
}

/// Relays in the background until it is stopped or dropped.
pub struct Relay {
    stop: watch::Sender<bool>,
    health: watch::Receiver<RelayHealth>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Starts relaying. To be called on a tokio runtime.
    pub fn start(
        connection: NatsConnection,
        log: Arc<dyn Log>,
        renderer: Renderer,
        options: RelayOptions,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (tell, health) = watch::channel(RelayHealth {
            state: RelayState::Starting.into(),
            ..RelayHealth::default()
        });
        let jetstream = ContextBuilder::new()
            .timeout(options.answer_timeout)
            .ack_timeout(options.answer_timeout)
            .max_ack_inflight(options.window_messages.max(1) * 2)
            .build(connection.client().clone());
        let runner = Runner {
            connection,
            jetstream,
            log,
            renderer,
            options,
            tell,
        };
        let task = tokio::spawn(runner.run(stopped));
        Self { stop, health, task }
    }

    /// How it is.
    pub fn health(&self) -> watch::Receiver<RelayHealth> {
        self.health.clone()
    }

    /// Publishes no more, and ends.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the relay broke down");
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why the relay doesn't go on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trouble {
    /// It may pass.
    Waiting(String),
    /// Somebody has to look.
    Stopped(String),
}

impl Trouble {
    fn waiting(what: impl fmt::Display, error: impl fmt::Display) -> Self {
        Self::Waiting(format!("{what}: {error}"))
    }
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(_) => Self::Waiting(error.to_string()),
            ReadError::Damaged { .. } | ReadError::InvalidArgument(_) => {
                Self::Stopped(error.to_string())
            }
        }
    }
}

/// How a round ended that found no trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// It is time to look at the stream again.
    Done,
    /// The stream was not where this relay took it to be: another one publishes too, or messages were lost.
    Overtaken,
}

struct Runner {
    connection: NatsConnection,
    jetstream: Context,
    log: Arc<dyn Log>,
    renderer: Renderer,
    options: RelayOptions,
    tell: watch::Sender<RelayHealth>,
}

impl Runner {
    async fn run(self, mut stopped: watch::Receiver<bool>) {
        let working = async {
            let mut pause = FIRST_PAUSE;
            // A connection that was just asked for stands in a moment, which is no trouble.
            let _ = timeout(CONNECT_TIMEOUT, self.connection.wait_until_up()).await;
            loop {
                let outcome = self.round().await;
                if outcome == Ok(Round::Done) {
                    pause = FIRST_PAUSE;
                    continue;
                }
                if let Err(trouble) = outcome {
                    self.tell_trouble(trouble);
                }
                // Two relays that lost against each other must not meet again at once.
                sleep(pause.mul_f64(0.5 + chance())).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                self.connection.wait_until_up().await;
            }
        };
        tokio::select! {
            // An error means that the relay was dropped.
            _ = stopped.wait_for(|stopped| *stopped) => {}
            () = working => {}
        }
    }

    /// Looks where the stream ends, then publishes from there until it is time to look again.
    async fn round(&self) -> Result<Round, Trouble> {
        if !self.connection.is_up() {
            let at = self.connection.at();
            return Err(Trouble::Waiting(format!(
                "no NATS server is connected at {at}"
            )));
        }
        let info = self.open_stream().await?;
        let position = self.compare(&info).await?;
        self.tell_following(position);
        let until = Instant::now() + self.options.check_interval;
        self.publish(position, until).await
    }

    /// Where the stream ends, if that is an event of the log.
    async fn compare(&self, info: &Info) -> Result<u64, Trouble> {
        let last = info.state.last_sequence;
        let name = &info.config.name;
        let message = match info.state.messages {
            0 => None,
            _ => self.message(name, last).await?,
        };
        let found = match &message {
            None => None,
            Some(message) => match stream::Marks::of(message) {
                Some(marks) => Some(marks),
                None => return Err(foreign(name, last, &message.subject)),
            },
        };
        // Asked after the stream: another relay may have published what was recorded meanwhile.
        let head_position = self.log.head().await?.position;
        if last > head_position {
            return Err(ahead(name, last, head_position, found.as_ref()));
        }
        if let Some(found) = found {
            let recorded = self.event(last).await?;
            let expected = stream::Marks::from(&recorded);
            if found != expected {
                return Err(contradiction(name, last, &found, &expected));
            }
        }
        Ok(last)
    }

    async fn event(&self, position: u64) -> Result<RecordedEvent, Trouble> {
        let range = crate::log::Range::after(position - 1).up_to(position);
        let page = self.log.read(&crate::Query::default(), range, 1).await?;
        page.events
            .into_iter()
            .next()
            .ok_or_else(|| Trouble::Waiting(format!("the log has no event at position {position}")))
    }

    fn tell_following(&self, position: u64) {
        let health = RelayHealth {
            state: RelayState::Following.into(),
            position,
            trouble: String::new(),
        };
        let before = self.tell.send_replace(health).state();
        if before != RelayState::Following {
            let stream = self.options.names.stream();
            tracing::info!(stream, position, "jetstream follows the log");
        }
    }

    fn tell_trouble(&self, trouble: Trouble) {
        let stream = self.options.names.stream();
        let (state, reason) = match trouble {
            Trouble::Waiting(reason) => (RelayState::Waiting, reason),
            Trouble::Stopped(reason) => (RelayState::Stopped, reason),
        };
        // Said once, however often it is found again.
        let changed = self.tell.send_if_modified(|health| {
            let changed = health.state() != state || health.trouble != reason;
            health.set_state(state);
            health.trouble.clone_from(&reason);
            changed
        });
        match state {
            _ if !changed => {}
            RelayState::Stopped => tracing::error!(stream, reason, "relay stopped"),
            _ => tracing::warn!(stream, reason, "relay waits"),
        }
    }
}

/// From 0 to 1.
fn chance() -> f64 {
    f64::from(Uuid::new_v4().as_bytes()[0]) / 255.0
}

/// What to do about a stream that is no copy of the log.
fn remedy(stream: &str) -> String {
    format!(
        "if this is the right log, delete the stream (nats stream rm {stream}): it is filled again from the log, and \
         subscribers make their consumers again from the last position that they know"
    )
}

fn foreign(stream: &str, sequence: u64, subject: &str) -> Trouble {
    Trouble::Stopped(format!(
        "somebody else wrote into the stream {stream}: message {sequence}, on {subject}, is no event of a log; let only \
         the relay publish there; {}",
        remedy(stream)
    ))
}

fn ahead(stream: &str, last: u64, head: u64, found: Option<&stream::Marks>) -> Trouble {
    let event = found.map_or_else(String::new, |marks| format!(", event {}", marks.event_id));
    Trouble::Stopped(format!(
        "the stream {stream} is ahead of the log: it ends at {last}{event}, the log at {head}; either the log was \
         restored from an older copy, and events that subscribers saw are lost: look for a newer copy first; or this is \
         another log; {}",
        remedy(stream)
    ))
}

fn contradiction(
    stream: &str,
    position: u64,
    found: &stream::Marks,
    expected: &stream::Marks,
) -> Trouble {
    let (found, expected) = if found.event_id == expected.event_id {
        (
            format!("leaf hash {}", found.leaf_hash),
            format!("leaf hash {}", expected.leaf_hash),
        )
    } else {
        (
            format!("event {}", found.event_id),
            format!("event {}", expected.event_id),
        )
    };
    Trouble::Stopped(format!(
        "the stream {stream} is of another log: at {position} it has {found}, the log {expected}; {}",
        remedy(stream)
    ))
}
