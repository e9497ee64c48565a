//! Following a log: what exists, then what is new.

use std::{sync::Arc, time::Duration};

use async_stream::try_stream;
use futures::Stream;
use keruen_proto::log::v1::{Query, RecordedEvent};

use crate::log::{Log, Range, ReadError};

/// How to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowOptions {
    /// How many events a batch holds at most.
    pub batch_events: usize,
    /// How long to wait for a wake-up before looking anyway.
    pub poll_interval: Duration,
}

impl Default for FollowOptions {
    fn default() -> Self {
        Self {
            batch_events: 512,
            poll_interval: Duration::from_secs(2),
        }
    }
}

/// One step of following.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The matching events since the step before; may be none where only other events were recorded.
    pub events: Vec<RecordedEvent>,
    /// Every matching event up to this position has been delivered.
    pub position: u64,
    /// Head of the log when the batch was read; the follower has caught up when `position` reaches it.
    pub head_position: u64,
}

/// Existing events that match `query` above `after_position`, then new ones as they are committed. The first batch
/// comes at once, also without events; later ones only when the position moves. Ends with an error when the log
/// can't be read or was closed. Nothing is read ahead of the consumer.
pub fn follow(
    log: Arc<dyn Log>,
    query: Query,
    after_position: u64,
    options: FollowOptions,
) -> impl Stream<Item = Result<Batch, ReadError>> + Send + 'static {
    try_stream! {
        let mut wake_up = log.watch_head();
        let mut position = after_position;
        let mut first = true;
        loop {
            // Marked as seen before the read, so that a commit during the read wakes the next round.
            wake_up.mark_unchanged();
            let range = Range::after(position);
            let page = log.read(&query, range, options.batch_events).await?;
            let reached = page.reached_position(range);
            if first || reached > position {
                first = false;
                position = reached;
                yield Batch { events: page.events, position, head_position: page.head_position };
            }
            if !page.complete {
                continue;
            }
            if let Ok(Err(_)) = tokio::time::timeout(options.poll_interval, wake_up.changed()).await {
                Err(ReadError::Unavailable("the log was closed".to_owned()))?;
            }
        }
    }
}
