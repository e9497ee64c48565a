//! The stream of the log, as a subscriber outside reads it.

use std::time::Instant;

use async_nats::jetstream::{
    self,
    consumer::{DeliverPolicy, pull},
    stream::Stream as Reachable,
};
use futures::StreamExt as _;
use serde_json::Value;

use super::PATIENCE;

const NAME: &str = "KERUEN_EVENTS";

/// Sequence and event id of each message.
pub type Stream = Vec<(u64, String)>;

/// Waits until the stream has come as far as the log, and reads all of it.
pub async fn read(nats_url: &str, head: u64) -> Stream {
    let client = async_nats::connect(nats_url)
        .await
        .expect("nats-server runs");
    let jetstream = jetstream::new(client);
    let stream = jetstream.get_stream(NAME).await.expect("it was relayed");
    let last = relayed(&stream, head).await;
    let ordered = pull::OrderedConfig {
        deliver_policy: DeliverPolicy::All,
        ..pull::OrderedConfig::default()
    };
    let consumer = stream
        .create_consumer(ordered)
        .await
        .expect("the stream can be read");
    let mut messages = consumer.messages().await.expect("the stream can be read");
    let mut read = Vec::new();
    while read.last().is_none_or(|(sequence, _)| *sequence < last) {
        let message = tokio::time::timeout(PATIENCE, messages.next()).await;
        let message = message
            .ok()
            .flatten()
            .expect("there is a next message")
            .expect("the stream can be read");
        let sequence = message.info().expect("it is of a stream").stream_sequence;
        let event: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        read.push((sequence, id));
    }
    read
}

/// The last sequence, once it has reached the head, or does not come any nearer.
async fn relayed(stream: &Reachable, head: u64) -> u64 {
    let began = Instant::now();
    loop {
        let info = stream.get_info().await;
        let last = info.map_or(0, |info| info.state.last_sequence);
        if last >= head || began.elapsed() > PATIENCE {
            return last;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
