//! Live pages: one subscription to the log, shared by all readers that watch.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    http::{StatusCode, header},
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::Stream;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep, sleep_until, timeout},
};
use tonic::Status;

use crate::{Options, node::Node, problem::RETRY_AFTER_S};

/// Wait before the first attempt to reconnect; doubles up to [`LONGEST_RETRY_DELAY`].
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(250);

/// Longest wait between attempts to reconnect.
const LONGEST_RETRY_DELAY: Duration = Duration::from_secs(10);

/// After how long without a message the head is asked for, to notice a connection that died silently.
const QUIET: Duration = Duration::from_secs(30);

/// After how long a reader's stream ends; the browser then connects again, perhaps to another server.
const LONGEST_STREAM: Duration = Duration::from_hours(1);

/// How long browsers wait before they connect again.
const BROWSER_RETRY_DELAY: Duration = Duration::from_secs(3);

/// What is known of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// Nothing yet.
    Unknown,
    /// The newest event stands there.
    At(u64),
    /// The node can't be reached.
    Lost,
}

/// Tells readers when the log moves.
#[derive(Clone, Debug)]
pub struct Live {
    head: watch::Receiver<Head>,
    readers: watch::Sender<usize>,
    slots: Arc<Semaphore>,
    options: Options,
}

/// Counts a reader for as long as it lives.
struct Reader {
    readers: watch::Sender<usize>,
    _slot: OwnedSemaphorePermit,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.readers.send_modify(|count| *count -= 1);
    }
}

impl Live {
    /// Starts the task that follows the log while anybody watches. It ends when the last clone is dropped.
    pub fn start(node: Node, options: Options) -> Self {
        let (head_sender, head) = watch::channel(Head::Unknown);
        let (readers, readers_receiver) = watch::channel(0);
        tokio::spawn(keep_following(node, head_sender, readers_receiver));
        let slots = Arc::new(Semaphore::new(options.max_live_readers));
        Self {
            head,
            readers,
            slots,
            options,
        }
    }

    /// A stream of positions, or a refusal where too many watch already.
    pub fn response(&self) -> Response {
        let Ok(slot) = self.slots.clone().try_acquire_owned() else {
            let retry_after = [(header::RETRY_AFTER, (RETRY_AFTER_S * 6).to_string())];
            return (
                StatusCode::SERVICE_UNAVAILABLE,
                retry_after,
                "too many live readers; try again later\n",
            )
                .into_response();
        };
        self.readers.send_modify(|count| *count += 1);
        let reader = Reader {
            readers: self.readers.clone(),
            _slot: slot,
        };
        let heartbeat = KeepAlive::new().interval(self.options.heartbeat_interval);
        // Proxies that buffer would hold back a message until the next one.
        let unbuffered = [("x-accel-buffering", "no")];
        (
            unbuffered,
            Sse::new(self.messages(reader)).keep_alive(heartbeat),
        )
            .into_response()
    }

    fn messages(&self, reader: Reader) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
        let mut head = self.head.clone();
        let mut stop = self.options.stop.clone();
        let interval = self.options.live_interval;
        let end = Instant::now() + LONGEST_STREAM;
        async_stream::stream! {
            let _reader = reader;
            yield Ok(Event::default().comment("keruen").retry(BROWSER_RETRY_DELAY));
            loop {
                // A browser drops messages without data.
                let message = match *head.borrow_and_update() {
                    Head::Unknown => None,
                    Head::At(position) => Some(Event::default().event("position").data(position.to_string())),
                    Head::Lost => Some(Event::default().event("lost").data("-")),
                };
                let next = Instant::now() + if message.is_some() { interval } else { Duration::ZERO };
                if let Some(message) = message {
                    yield Ok(message);
                }
                // What comes within the interval is one message.
                let moved = async { head.changed().await.is_ok() && { sleep_until(next).await; true } };
                tokio::select! {
                    moved = moved => if !moved { break },
                    () = stopped(&mut stop) => break,
                    () = sleep_until(end) => break,
                }
            }
        }
    }
}

/// Waits for the server to stop; for ever, where nobody will say so.
async fn stopped(stop: &mut Option<watch::Receiver<bool>>) {
    match stop {
        // An error means that the sender is gone, and the server with it.
        Some(stop) => _ = stop.wait_for(|stop| *stop).await,
        None => std::future::pending().await,
    }
}

/// Follows the log while anybody watches; connects again after a failure.
async fn keep_following(
    node: Node,
    head: watch::Sender<Head>,
    mut readers: watch::Receiver<usize>,
) {
    let mut delay = FIRST_RETRY_DELAY;
    loop {
        if readers.wait_for(|count| *count > 0).await.is_err() {
            return;
        }
        let status = tokio::select! {
            status = follow(&node, &head) => status,
            idle = readers.wait_for(|count| *count == 0) => {
                if idle.is_err() {
                    return;
                }
                head.send_replace(Head::Unknown);
                continue;
            }
        };
        if *head.borrow() != Head::Lost {
            tracing::warn!(code = ?status.code(), message = status.message(), "lost the log's stream");
            delay = FIRST_RETRY_DELAY;
        }
        head.send_replace(Head::Lost);
        sleep(delay).await;
        delay = (delay * 2).min(LONGEST_RETRY_DELAY);
    }
}

/// Publishes every new position until the connection fails; returns why it did.
async fn follow(node: &Node, head: &watch::Sender<Head>) -> Status {
    match follow_from_head(node, head).await {
        Ok(()) => Status::unavailable("the stream ended"),
        Err(status) => status,
    }
}

async fn follow_from_head(node: &Node, head: &watch::Sender<Head>) -> Result<(), Status> {
    let mut position = node.head().await?;
    let mut stream = node.follow(position).await?;
    head.send_replace(Head::At(position));
    loop {
        let Ok(message) = timeout(QUIET, stream.message()).await else {
            if node.head().await? > position {
                return Err(Status::data_loss(
                    "the stream fell silent while the log moved",
                ));
            }
            continue;
        };
        let Some(message) = message? else {
            return Ok(());
        };
        if message.position > position {
            position = message.position;
            head.send_replace(Head::At(position));
        }
    }
}
