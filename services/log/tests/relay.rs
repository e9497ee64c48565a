//! The relay against a real nats-server that is killed, robbed of what it stores, written into by others and held still.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(
    unused_imports,
    unused_macros,
    clippy::unused_async,
    reason = "the suite itself runs elsewhere"
)]
mod contract;

use std::{path::Path, sync::Arc, time::Duration};

use async_nats::jetstream::{
    self, Context,
    stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
};
use contract::{all, event, request};
use futures::StreamExt as _;
use keruen_log::{
    Log, NatsConnection, NatsOptions, ProposedEvent, RecordedEvent, Relay, RelayOptions, Renderer,
    SqliteLog, SqliteOptions,
};
use keruen_proto::log::v1::{RelayHealth, RelayState};
use keruen_test_servers::{nats::Server, process::Signal};
use tempfile::TempDir;
use tokio::{sync::watch, time::sleep};

const STREAM: &str = "KERUEN_EVENTS";
const POLL: Duration = Duration::from_millis(20);

struct Stage {
    server: Server,
    folder: TempDir,
    log: Arc<SqliteLog>,
}

impl Stage {
    fn new() -> Self {
        Self::on(Server::start())
    }

    fn on(server: Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = open(&folder.path().join("log.db"));
        Self {
            server,
            folder,
            log,
        }
    }

    async fn relay(&self) -> Relay {
        self.relay_with(quick()).await
    }

    async fn relay_with(&self, options: RelayOptions) -> Relay {
        relay(&self.server, self.log.clone(), options).await
    }

    async fn jetstream(&self) -> Context {
        let client = async_nats::ConnectOptions::new()
            .retry_on_initial_connect()
            .connect(self.server.url())
            .await;
        jetstream::new(client.unwrap())
    }

    /// Waits until the stream ends where the log does, and compares them.
    async fn agree(&self) {
        self.agree_from(1).await;
    }

    async fn agree_from(&self, first: u64) {
        let jetstream = self.jetstream().await;
        let head = position(&*self.log).await;
        while last_sequence(&jetstream).await != Some(head) {
            sleep(POLL).await;
        }
        let stream = jetstream.get_stream(STREAM).await.unwrap();
        let state = &stream.cached_info().state;
        assert_eq!(state.messages, head + 1 - first);
        for event in all(&*self.log)
            .await
            .split_off(usize::try_from(first).unwrap() - 1)
        {
            let message = stream.get_raw_message(event.position).await.unwrap();
            assert_eq!(message.payload, rendered(&event));
            let id = message.headers.get("Keruen-Event-Id").unwrap();
            assert_eq!(id.as_str(), event.event_id);
            let content = message.headers.get("Content-Type").unwrap();
            assert_eq!(content.as_str(), "application/cloudevents+json");
        }
    }

    async fn append(&self, events: usize) {
        append(&*self.log, events).await;
    }

    /// Does something to the server that takes a while.
    fn harm<T>(&mut self, harm: impl FnOnce(&mut Server) -> T) -> T {
        tokio::task::block_in_place(|| harm(&mut self.server))
    }
}

fn open(path: &Path) -> Arc<SqliteLog> {
    Arc::new(SqliteLog::open(path, SqliteOptions::default()).unwrap())
}

async fn append(log: &dyn Log, events: usize) {
    for _ in 0..events {
        let moved = ProposedEvent {
            region: "KZ-62".to_owned(),
            other_region: "KZ-75".to_owned(),
            ..event("Moved", &["x:1"])
        };
        log.append(request(vec![moved, event("Said", &[])]))
            .await
            .unwrap();
    }
}

async fn position(log: &dyn Log) -> u64 {
    log.head().await.unwrap().position
}

fn rendered(event: &RecordedEvent) -> Vec<u8> {
    format!(
        "{{\"id\":{:?},\"position\":{}}}",
        event.event_id, event.position
    )
    .into_bytes()
}

fn renderer() -> Renderer {
    Arc::new(|event| Ok(rendered(event)))
}

fn quick() -> RelayOptions {
    RelayOptions {
        window_messages: 32,
        answer_timeout: Duration::from_secs(2),
        check_interval: Duration::from_millis(300),
        ..RelayOptions::default()
    }
}

async fn connect(server: &Server) -> NatsConnection {
    NatsConnection::connect(&server.url(), NatsOptions::default())
        .await
        .unwrap()
}

async fn relay(server: &Server, log: Arc<dyn Log>, options: RelayOptions) -> Relay {
    Relay::start(connect(server).await, log, renderer(), options)
}

async fn last_sequence(jetstream: &Context) -> Option<u64> {
    let stream = jetstream.get_stream(STREAM).await.ok()?;
    Some(stream.cached_info().state.last_sequence)
}

/// Makes a stream that was just deleted; the server may not have removed its files yet.
async fn remade(jetstream: &Context, config: Config) -> Config {
    let mut attempts = 0;
    loop {
        match jetstream.create_stream(config.clone()).await {
            Ok(stream) => return stream.cached_info().config.clone(),
            Err(error) => assert!(attempts < 100, "{error}"),
        }
        attempts += 1;
        sleep(POLL).await;
    }
}

async fn reached(relay: &Relay, state: RelayState) -> RelayHealth {
    let mut health = relay.health();
    health
        .wait_for(|health| health.state() == state)
        .await
        .unwrap()
        .clone()
}

/// Waits until it tells a trouble that contains `part`.
async fn troubled(relay: &Relay, part: &str) {
    let mut health = relay.health();
    health
        .wait_for(|health| health.trouble.contains(part))
        .await
        .unwrap();
}

async fn stopped(relay: &Relay) -> String {
    reached(relay, RelayState::Stopped).await.trouble
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sequence_of_the_stream_is_the_position_in_the_log() {
    let stage = Stage::new();
    stage.append(200).await;
    let relay = stage.relay().await;
    stage.append(100).await;
    stage.agree().await;
    let stream = stage.jetstream().await.get_stream(STREAM).await.unwrap();
    for (sequence, subject) in [
        (1, "keruen.events.v1.KZ-62.KZ-75.test.Moved"),
        (600, "keruen.events.v1._._.test.Said"),
    ] {
        let message = stream.get_raw_message(sequence).await.unwrap();
        assert_eq!(message.subject.as_str(), subject);
    }
    let config = &stream.cached_info().config;
    assert!(config.deny_delete && config.deny_purge);
    stream.delete_message(1).await.unwrap_err();
    stream.purge().await.unwrap_err();
    // While nothing happens, nothing is published.
    let mut health = relay.health();
    health
        .wait_for(|health| health.position == 600)
        .await
        .unwrap();
    relay.stop().await;
    stage.append(1).await;
    let again = stage.relay().await;
    stage.agree().await;
    assert_eq!(reached(&again, RelayState::Following).await.trouble, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_and_servers_may_die_at_any_time() {
    let mut stage = Stage::new();
    let (stop, stopped) = watch::channel(false);
    let log = stage.log.clone();
    let appending = tokio::spawn(async move {
        while !*stopped.borrow() {
            append(&*log, 1).await;
        }
    });
    let mut relays = vec![stage.relay().await, stage.relay().await];
    for round in 0..6 {
        let before = position(&*stage.log).await;
        let mut head = stage.log.watch_head();
        head.wait_for(|position| *position > before + 100)
            .await
            .unwrap();
        match round % 3 {
            0 => {
                // Killed in the middle, like its process.
                drop(relays.remove(0));
                relays.push(stage.relay().await);
            }
            1 => stage.harm(|server| {
                server.kill();
                server.launch();
            }),
            _ => {
                stage.harm(|server| {
                    server.signal(Signal::STOP);
                    std::thread::sleep(Duration::from_millis(500));
                    server.signal(Signal::CONT);
                });
            }
        }
    }
    stop.send_replace(true);
    appending.await.unwrap();
    stage.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_tail_is_filled_up_again() {
    let mut stage = Stage::new();
    let _relay = stage.relay().await;
    stage.append(20).await;
    stage.agree().await;
    let copy = stage.harm(Server::save);
    stage.append(30).await;
    stage.agree().await;
    // The log says nothing new, so the relay has to look.
    stage.harm(|server| server.put_back(&copy));
    stage.agree().await;
    stage.harm(|server| server.put_back(&copy));
    stage.append(30).await;
    stage.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_stream_is_made_again() {
    let mut stage = Stage::new();
    let relay = stage.relay().await;
    stage.append(30).await;
    stage.agree().await;
    stage.harm(Server::lose);
    stage.agree().await;
    let jetstream = stage.jetstream().await;
    jetstream.delete_stream(STREAM).await.unwrap();
    stage.append(30).await;
    stage.agree().await;
    jetstream.delete_stream(STREAM).await.unwrap();
    stage.agree().await;
    reached(&relay, RelayState::Following).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_relays_double_nothing_and_get_on() {
    let stage = Stage::new();
    stage.append(300).await;
    let mut relays = Vec::new();
    for _ in 0..4 {
        relays.push(stage.relay().await);
    }
    stage.append(300).await;
    stage.agree().await;
    while relays.pop().is_some() && !relays.is_empty() {
        stage.append(20).await;
        stage.agree().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_somebody_else_stops_the_relay() {
    let stage = Stage::new();
    let relay = stage.relay().await;
    stage.append(10).await;
    stage.agree().await;
    let jetstream = stage.jetstream().await;
    let subject = "keruen.events.v1.KZ-62._.test.Forged";
    let forged = jetstream.publish(subject, "forged".into()).await.unwrap();
    assert_eq!(forged.await.unwrap().sequence, 21);
    let told = stopped(&relay).await;
    for part in [
        "somebody else wrote",
        "message 21",
        subject,
        "nats stream rm KERUEN_EVENTS",
    ] {
        assert!(told.contains(part), "{told}");
    }
    // The log goes on without it, and what was forged stays for whoever has to look.
    stage.append(10).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(last_sequence(&jetstream).await, Some(21));
    assert_eq!(stopped(&relay).await, told);
    jetstream.delete_stream(STREAM).await.unwrap();
    stage.agree().await;
    reached(&relay, RelayState::Following).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_went_back_in_time_is_noticed() {
    let mut stage = Stage::new();
    stage.append(10).await;
    let older = stage.folder.path().join("older.db");
    let path = stage.folder.path().join("log.db");
    // A copy of a file is whole only while nobody has it open.
    drop(std::mem::replace(
        &mut stage.log,
        open(&stage.folder.path().join("other.db")),
    ));
    std::fs::copy(&path, &older).unwrap();
    stage.log = open(&path);
    let first = stage.relay().await;
    stage.append(10).await;
    stage.agree().await;
    first.stop().await;

    stage.log = open(&older);
    let relay = stage.relay().await;
    let told = stopped(&relay).await;
    for part in ["ahead of the log", "ends at 40", "the log at 20"] {
        assert!(told.contains(part), "{told}");
    }
    // It stays noticed when the log has grown past the end of the stream.
    stage.append(15).await;
    troubled(&relay, "another log: at 40").await;
    assert_eq!(last_sequence(&stage.jetstream().await).await, Some(40));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_log_is_refused() {
    let stage = Stage::new();
    let _relay = stage.relay().await;
    stage.append(10).await;
    stage.agree().await;
    let folder = tempfile::tempdir().unwrap();
    let other = open(&folder.path().join("log.db"));
    append(&*other, 30).await;
    let intruder = relay(&stage.server, other, quick()).await;
    let told = stopped(&intruder).await;
    assert!(told.contains("metadata keruen.log_id is "), "{told}");
    stage.append(10).await;
    stage.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_other_settings_stays_as_it_is() {
    type Change = fn(&mut Config);
    let changes: [(&str, Change); 12] = [
        ("subjects is keruen.events.v1.a", |config| {
            config.subjects = vec!["keruen.events.v1.a".to_owned()];
        }),
        ("retention is interest", |config| {
            config.retention = RetentionPolicy::Interest;
        }),
        ("discard is new", |config| {
            config.discard = DiscardPolicy::New;
        }),
        ("storage is memory", |config| {
            config.storage = StorageType::Memory;
        }),
        ("max_age is 3600 s", |config| {
            config.max_age = Duration::from_hours(1);
        }),
        ("max_bytes is 1000000", |config| {
            config.max_bytes = 1_000_000;
        }),
        ("max_msgs is 9", |config| config.max_messages = 9),
        ("max_msgs_per_subject is 1", |config| {
            config.max_messages_per_subject = 1;
        }),
        ("deny_delete is false", |config| config.deny_delete = false),
        ("deny_purge is false", |config| config.deny_purge = false),
        ("allow_msg_ttl is true", |config| {
            config.allow_message_ttl = true;
        }),
        ("metadata keruen.log_id is none", |config| {
            config.metadata.clear();
        }),
    ];
    let stage = Stage::new();
    let first = stage.relay().await;
    stage.append(1).await;
    stage.agree().await;
    first.stop().await;
    let jetstream = stage.jetstream().await;
    let stream = jetstream.get_stream(STREAM).await.unwrap();
    let good = stream.cached_info().config.clone();
    for (told, change) in changes {
        let mut config = good.clone();
        change(&mut config);
        jetstream.delete_stream(STREAM).await.unwrap();
        let before = remade(&jetstream, config).await;
        let relay = stage.relay().await;
        let message = stopped(&relay).await;
        assert!(message.contains(told), "{told}: {message}");
        relay.stop().await;
        let stream = jetstream.get_stream(STREAM).await.unwrap();
        assert_eq!(stream.cached_info().config, before);
        assert_eq!(stream.cached_info().state.messages, 0);
    }
    // What is asked for can differ as well.
    jetstream.delete_stream(STREAM).await.unwrap();
    remade(&jetstream, good).await;
    let asking = RelayOptions {
        max_age: Some(Duration::from_hours(24)),
        ..quick()
    };
    let message = stopped(&stage.relay_with(asking).await).await;
    assert!(
        message.contains("max_age is none, asked for 86400 s"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_may_begin_later() {
    let mut stage = Stage::new();
    stage.append(30).await;
    let later = |first_position| RelayOptions {
        first_position,
        ..quick()
    };
    let told = stopped(&stage.relay_with(later(62)).await).await;
    assert!(
        told.contains("can't begin at position 62: the log ends at 60"),
        "{told}"
    );
    let relay = stage.relay_with(later(41)).await;
    stage.agree_from(41).await;
    stage.append(10).await;
    stage.agree_from(41).await;
    relay.stop().await;
    // Asking for another beginning says nothing about a stream that is there.
    let relay = stage.relay().await;
    stage.append(10).await;
    stage.agree_from(41).await;
    relay.stop().await;
    let relay = stage.relay_with(later(101)).await;
    stage.harm(Server::lose);
    stage.append(1).await;
    stage.agree_from(101).await;
    drop(relay);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_may_forget_its_oldest_events() {
    let stage = Stage::new();
    let bounded = RelayOptions {
        max_bytes: Some(20_000),
        ..quick()
    };
    let relay = stage.relay_with(bounded.clone()).await;
    stage.append(200).await;
    let jetstream = stage.jetstream().await;
    while last_sequence(&jetstream).await != Some(400) {
        sleep(POLL).await;
    }
    relay.stop().await;
    let stream = jetstream.get_stream(STREAM).await.unwrap();
    let first = stream.cached_info().state.first_sequence;
    assert!(first > 200, "{first}");
    let relay = stage.relay_with(bounded).await;
    stage.append(1).await;
    while last_sequence(&jetstream).await != Some(402) {
        sleep(POLL).await;
    }
    drop(relay);
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_wait_for_no_jetstream() {
    // There is a server, but it keeps no streams.
    let bare = Server::start_without_jetstream();
    let stage = Stage::on(bare);
    let relay = stage.relay().await;
    stage.append(10).await;
    troubled(&relay, "JetStream does not answer").await;
    drop(relay);

    let mut stage = Stage::on(Server::not_yet_started());
    let relay = stage.relay().await;
    stage.append(10).await;
    troubled(&relay, "no NATS server is connected").await;
    stage.harm(Server::launch);
    stage.agree().await;
    // It stands still while the log grows.
    stage.server.signal(Signal::STOP);
    stage.append(50).await;
    stage.server.signal(Signal::CONT);
    stage.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_published_stops_the_relay() {
    let stage = Stage::on(Server::start_with("max_payload: 4096"));
    stage.append(5).await;
    let connection = connect(&stage.server).await;
    let picky: Renderer = Arc::new(|event| match event.position {
        7 => Err("of an unknown kind".to_owned()),
        _ => Ok(rendered(event)),
    });
    let relay = Relay::start(connection, stage.log.clone(), picky, quick());
    let told = stopped(&relay).await;
    assert!(
        told.contains("position 7 has no JSON: of an unknown kind"),
        "{told}"
    );
    relay.stop().await;
    let connection = connect(&stage.server).await;
    let wordy: Renderer = Arc::new(|event| match event.position {
        8 => Ok(vec![b' '; 5_000]),
        _ => Ok(rendered(event)),
    });
    let relay = Relay::start(connection, stage.log.clone(), wordy, quick());
    let told = stopped(&relay).await;
    assert!(
        told.contains("position 8 is larger than max_payload"),
        "{told}"
    );
    assert_eq!(last_sequence(&stage.jetstream().await).await, Some(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_that_come_with_it_let_subscribers_only_read() {
    let settings = include_str!("../../../deploy/nats/nats-server.conf")
        .replace("$KERUEN_NATS_PASSWORD", "\"o/ur@s\"")
        .replace("$MINISTRY_NATS_PASSWORD", "theirs");
    // Address and folder are those of the test.
    let rights = &settings[settings.find("authorization").unwrap()..];
    let stage = Stage::on(tokio::task::block_in_place(|| Server::start_with(rights)));
    stage.append(5).await;
    let address = stage.server.url().replace("nats://", "");
    let url = format!("nats://keruen:o%2Fur%40s@{address}");
    let connection = NatsConnection::connect(&url, NatsOptions::default());
    let relay = Relay::start(
        connection.await.unwrap(),
        stage.log.clone(),
        renderer(),
        quick(),
    );
    let mut health = relay.health();
    health
        .wait_for(|health| health.position == 10)
        .await
        .unwrap();

    let client =
        async_nats::ConnectOptions::with_user_and_password("ministry".into(), "theirs".into())
            .custom_inbox_prefix("_INBOX_MINISTRY")
            .request_timeout(Some(Duration::from_millis(500)))
            .connect(&address)
            .await
            .unwrap();
    let theirs = jetstream::new(client.clone());
    let stream = theirs.get_stream(STREAM).await.unwrap();
    let consumer = stream
        .create_consumer(jetstream::consumer::pull::Config {
            durable_name: Some("ministry".to_owned()),
            ..Default::default()
        })
        .await
        .unwrap();
    let mut messages = consumer.messages().await.unwrap().take(10);
    let mut sequences = Vec::new();
    while let Some(message) = messages.next().await {
        let message = message.unwrap();
        message.double_ack().await.unwrap();
        sequences.push(message.info().unwrap().stream_sequence);
    }
    assert_eq!(sequences, (1..=10).collect::<Vec<_>>());
    // What they may not, the server drops.
    let forged = theirs
        .publish("keruen.events.v1._._.test.Forged", "forged".into())
        .await;
    forged.unwrap().await.unwrap_err();
    client
        .request("keruen.log.append", "".into())
        .await
        .unwrap_err();
    assert!(theirs.delete_stream(STREAM).await.is_err());
    stage.append(1).await;
    health
        .wait_for(|health| health.position == 12)
        .await
        .unwrap();
}
