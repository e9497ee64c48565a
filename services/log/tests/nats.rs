//! Appends over NATS where things go wrong: lost answers, dead servers, garbage, and writers that come and go.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(
    unused_imports,
    unused_macros,
    clippy::unused_async,
    reason = "the suite itself runs elsewhere"
)]
mod contract;

use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_nats::{Client, Message, client::Request};
use async_trait::async_trait;
use contract::{all, event, provided, request};
use futures::StreamExt as _;
use keruen_log::{
    AppendError, AppendRequest, Appended, Head, Log, LogEndpoint, LogEndpointOptions,
    NatsConnection, NatsLog, NatsLogOptions, NatsNames, NatsOptions, Page, Query, Range, ReadError,
    RecordedCommand, SqliteLog, SqliteOptions,
};
use keruen_proto::log::v1::{AppendRefusal, AppendResponse, LogHealth, append_response::Outcome};
use keruen_test_servers::nats::Server;
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint},
};
use tempfile::TempDir;
use tokio::{sync::watch, time::sleep};

/// Longer than any test may take: what waits for it hangs.
const FOR_EVER: Duration = Duration::from_hours(1);

/// What happens to the next append.
enum Fault {
    /// It is recorded, but its answer never comes.
    AnswerLost,
    /// It never comes to the log.
    RequestLost,
}

/// A log in a file, with faults on demand.
struct Faulty {
    log: SqliteLog,
    faults: Mutex<VecDeque<Fault>>,
    _folder: TempDir,
}

impl Faulty {
    fn new(faults: impl IntoIterator<Item = Fault>) -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.db");
        Arc::new(Self {
            log: SqliteLog::open(&path, SqliteOptions::default()).unwrap(),
            faults: Mutex::new(faults.into_iter().collect()),
            _folder: folder,
        })
    }
}

#[async_trait]
impl Log for Faulty {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        let fault = self.faults.lock().unwrap().pop_front();
        match fault {
            None => self.log.append(request).await,
            Some(Fault::AnswerLost) => {
                self.log.append(request).await.unwrap();
                pending().await
            }
            Some(Fault::RequestLost) => pending().await,
        }
    }

    async fn read(&self, query: &Query, range: Range, limit: usize) -> Result<Page, ReadError> {
        self.log.read(query, range, limit).await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.log.head().await
    }

    async fn find_command(&self, command_id: &str) -> Result<Option<RecordedCommand>, ReadError> {
        self.log.find_command(command_id).await
    }

    async fn tree_hashes(
        &self,
        wanted: keruen_log::tree::TreeHashes,
    ) -> Result<Vec<keruen_log::tree::Hash>, ReadError> {
        self.log.tree_hashes(wanted).await
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.log.watch_head()
    }
}

async fn connect(url: &str) -> NatsConnection {
    NatsConnection::connect(url, NatsOptions::default())
        .await
        .unwrap()
}

/// A process that holds the log.
struct Writer {
    leads: watch::Sender<bool>,
    endpoint: LogEndpoint,
}

impl Writer {
    async fn start(server: &Server, log: Arc<dyn Log>) -> Self {
        Self::start_with(server, log, LogEndpointOptions::new("writer")).await
    }

    async fn start_with(server: &Server, log: Arc<dyn Log>, options: LogEndpointOptions) -> Self {
        let (leads, leading) = watch::channel(true);
        let connection = connect(&server.url()).await;
        let endpoint = LogEndpoint::start(connection, log, leading, options);
        Self { leads, endpoint }
    }
}

fn quick() -> NatsLogOptions {
    NatsLogOptions {
        request_timeout: Duration::from_millis(200),
        max_duration: FOR_EVER,
        max_attempts: u32::MAX,
        ..NatsLogOptions::default()
    }
}

/// Sends twice at most.
fn impatient() -> NatsLogOptions {
    NatsLogOptions {
        max_attempts: 2,
        ..quick()
    }
}

async fn client(server: &Server, reads: Arc<dyn Log>, options: NatsLogOptions) -> NatsLog {
    let connection = connect(&server.url()).await;
    let client = NatsLog::new(connection, reads, options);
    until_answered(&client).await;
    client
}

async fn until_answered(client: &NatsLog) {
    while let Err(AppendError::Unavailable(_) | AppendError::NotRecorded(_)) =
        client.append(AppendRequest::default()).await
    {
        sleep(Duration::from_millis(10)).await;
    }
}

fn one() -> AppendRequest {
    request(vec![event("Sent", &[])])
}

async fn position(log: &dyn Log) -> u64 {
    log.head().await.unwrap().position
}

async fn unavailable(client: &NatsLog) -> String {
    match client.append(one()).await {
        Err(AppendError::Unavailable(message) | AppendError::NotRecorded(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_writes_an_append_fails_at_once() {
    let server = Server::start();
    let log = Faulty::new([]);
    let writer = Writer::start(&server, log.clone()).await;
    let client = client(&server, log.clone(), quick()).await;
    writer.leads.send_replace(false);
    // Until the writer has heard of it, it answers, and its log takes what comes.
    let mut appended = 0;
    let refusal = loop {
        match client.append(one()).await {
            Ok(_) => appended += 1,
            Err(AppendError::Unavailable(message) | AppendError::NotRecorded(message)) => {
                break message;
            }
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(
        refusal,
        "no writer of the log answers on keruen.log.append; nothing was recorded"
    );
    assert_eq!(position(&*log).await, appended);
    writer.leads.send_replace(true);
    until_answered(&client).await;
    client.append(one()).await.unwrap();
    writer.endpoint.stop().await;
    assert!(
        unavailable(&client)
            .await
            .ends_with("; nothing was recorded")
    );
    assert_eq!(position(&*log).await, appended + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_waits_for_no_server() {
    let mut server = Server::not_yet_started();
    let log = Faulty::new([]);
    let writer = Writer::start(&server, log.clone()).await;
    let connection = connect(&server.url()).await;
    let client = NatsLog::new(connection, log.clone(), quick());
    let message = unavailable(&client).await;
    assert_eq!(
        message,
        format!(
            "no NATS server is connected at {}; nothing was recorded",
            server.url()
        )
    );
    server.launch();
    until_answered(&client).await;
    client.append(one()).await.unwrap();
    assert_eq!(position(&*log).await, 1);
    writer.endpoint.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_answer_is_lost_has_one_effect() {
    let server = Server::start();
    // Waiting for a writer takes one.
    let log = Faulty::new([]);
    let _writer = Writer::start(&server, log.clone()).await;
    let client = client(&server, log.clone(), quick()).await;
    for faults in [
        vec![Fault::AnswerLost],
        vec![Fault::AnswerLost, Fault::AnswerLost, Fault::AnswerLost],
        vec![Fault::RequestLost, Fault::AnswerLost, Fault::RequestLost],
        vec![Fault::RequestLost],
    ] {
        let before = position(&*log).await;
        log.faults.lock().unwrap().extend(faults);
        // Repeated by itself it would contradict its own condition.
        let sent = provided(one(), Query::default(), before);
        let appended = client.append(sent.clone()).await.unwrap();
        assert_eq!(appended.first_position, before + 1);
        assert_eq!(position(&*log).await, before + 1);
        assert_eq!(client.append(sent).await, Ok(appended));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_is_called_unknown() {
    let server = Server::start();
    let log = Faulty::new([]);
    let elsewhere = Faulty::new([]);
    let _writer = Writer::start(&server, log.clone()).await;
    let blind = client(&server, elsewhere, impatient()).await;
    let seeing = client(&server, log.clone(), impatient()).await;
    let lose = |fault: fn() -> Fault| log.faults.lock().unwrap().extend([fault(), fault()]);

    lose(|| Fault::AnswerLost);
    let sent = one();
    let unknown = blind.append(sent.clone()).await;
    assert_eq!(
        unknown,
        Err(AppendError::Unavailable(
            "no answer within 200 ms; the outcome is unknown; repeat with the same command id"
                .to_owned()
        ))
    );
    assert_eq!(blind.append(sent).await.unwrap().first_position, 1);
    // Whoever can look into the log does.
    lose(|| Fault::AnswerLost);
    let sent = one();
    let appended = seeing.append(sent.clone()).await.unwrap();
    assert_eq!(appended.first_position, 2);
    lose(|| Fault::AnswerLost);
    let other = AppendRequest {
        command_hash: vec![9; 32],
        ..one()
    };
    let reused = AppendRequest {
        command_id: sent.command_id,
        ..other
    };
    log.faults.lock().unwrap().clear();
    lose(|| Fault::RequestLost);
    assert!(matches!(
        seeing.append(reused).await,
        Err(AppendError::CommandIdReused {
            first_position: 2,
            ..
        })
    ));
    lose(|| Fault::RequestLost);
    assert!(
        unavailable(&seeing)
            .await
            .contains("the outcome is unknown")
    );
    assert_eq!(position(&*log).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_outlive_servers_that_are_killed() {
    const CLIENTS: usize = 4;
    const ROUNDS: usize = 4;
    let mut server = Server::start();
    let log = Faulty::new([]);
    let _writer = Writer::start(&server, log.clone()).await;
    let (stop, stopped) = watch::channel(false);
    let mut senders = Vec::new();
    for _ in 0..CLIENTS {
        let client = client(&server, log.clone(), quick()).await;
        let stopped = stopped.clone();
        senders.push(tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            while !*stopped.borrow() {
                let sent = one();
                let appended = loop {
                    match client.append(sent.clone()).await {
                        Ok(appended) => break appended,
                        Err(AppendError::Unavailable(_) | AppendError::NotRecorded(_)) => {
                            sleep(Duration::from_millis(10)).await;
                        }
                        Err(other) => panic!("{other:?}"),
                    }
                };
                acknowledged.push((appended.first_position, sent.command_id));
            }
            acknowledged
        }));
    }
    let mut reached = 0;
    for _ in 0..ROUNDS {
        let mut head = log.watch_head();
        head.wait_for(|position| *position > reached + 50)
            .await
            .unwrap();
        server = tokio::task::spawn_blocking(move || {
            server.kill();
            server.launch();
            server
        })
        .await
        .unwrap();
        reached = position(&*log).await;
    }
    stop.send_replace(true);
    let mut acknowledged = Vec::new();
    for sender in senders {
        acknowledged.extend(sender.await.unwrap());
    }
    acknowledged.sort_unstable();
    let stored: Vec<_> = all(&*log)
        .await
        .into_iter()
        .map(|event| (event.position, event.command_id))
        .collect();
    assert_eq!(acknowledged, stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_may_stand_by_but_one_answers() {
    let server = Server::start();
    let logs = [Faulty::new([]), Faulty::new([])];
    let mut writers = Vec::new();
    for log in &logs {
        let writer = Writer::start(&server, log.clone()).await;
        writer.leads.send_replace(false);
        writers.push(writer);
    }
    let client = NatsLog::new(connect(&server.url()).await, logs[0].clone(), impatient());
    for _ in 0..3 {
        for (log, writer) in logs.iter().zip(&writers) {
            let before = position(&**log).await;
            writer.leads.send_replace(true);
            until_answered(&client).await;
            client.append(one()).await.unwrap();
            assert_eq!(position(&**log).await, before + 1);
            writer.leads.send_replace(false);
            while !matches!(
                client.append(AppendRequest::default()).await,
                Err(AppendError::Unavailable(_) | AppendError::NotRecorded(_))
            ) {}
        }
    }
}

/// What the endpoint answers to bytes.
async fn answer(raw: &Client, payload: Vec<u8>) -> AppendResponse {
    let request = Request::new().payload(payload.into()).timeout(None);
    let message = raw
        .send_request("keruen.log.append", request)
        .await
        .unwrap();
    AppendResponse::decode(message.payload).unwrap()
}

fn refusal(response: AppendResponse) -> (AppendRefusal, String, String) {
    match response.outcome.unwrap() {
        Outcome::Failure(failure) => (failure.refusal(), failure.field, failure.message),
        Outcome::Appended(appended) => panic!("{appended:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_append_are_refused_and_change_nothing() {
    let server = Server::start_with("max_payload: 2MB");
    let log = Faulty::new([]);
    let _writer = Writer::start(&server, log.clone()).await;
    let _client = client(&server, log.clone(), quick()).await;
    let raw = async_nats::connect(server.url()).await.unwrap();
    let good = one().encode_to_vec();
    let mut unknown_field = good.clone();
    encode_key(99, WireType::Varint, &mut unknown_field);
    encode_varint(1, &mut unknown_field);
    let mut truncated = good.clone();
    truncated.pop();
    for (payload, field, message) in [
        (
            b"garbage".to_vec(),
            "request",
            "keruen.log.v1.AppendRequest",
        ),
        (vec![0xff; 100], "request", "keruen.log.v1.AppendRequest"),
        (truncated, "request", "keruen.log.v1.AppendRequest"),
        (unknown_field, "request", "has no field 99"),
        (
            vec![0; 1_500_000],
            "request",
            "at most 786432 bytes, found 1500000",
        ),
        (Vec::new(), "command_id", "command_id: "),
    ] {
        let refused = refusal(answer(&raw, payload).await);
        assert_eq!(refused.0, AppendRefusal::InvalidArgument, "{refused:?}");
        assert_eq!(refused.1, field);
        assert!(refused.2.contains(message), "{refused:?}");
    }
    // Without an answer to give there is nothing to do; an answer must not be an event or another append.
    raw.publish("keruen.log.append", good.clone().into())
        .await
        .unwrap();
    for reply in [
        "keruen.log.append",
        "keruen.events.v1._._.a.B",
        "$JS.API.INFO",
    ] {
        raw.publish_with_reply("keruen.log.append", reply, good.clone().into())
            .await
            .unwrap();
    }
    let answered = answer(&raw, good).await;
    assert!(matches!(answered.outcome, Some(Outcome::Appended(_))));
    assert_eq!(position(&*log).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_beyond_what_the_server_takes_is_refused() {
    let server = Server::start_with("max_payload: 2048");
    let log = Faulty::new([]);
    let _writer = Writer::start(&server, log.clone()).await;
    let client = client(&server, log.clone(), quick()).await;
    let mut large = one();
    large.events[0].data = vec![0; 4_000].into();
    match client.append(large).await {
        Err(AppendError::InvalidArgument(violation)) => {
            assert_eq!(violation.field, "request");
            assert!(violation.rule.contains("2048 bytes"), "{violation}");
        }
        other => panic!("{other:?}"),
    }
    client.append(one()).await.unwrap();
    assert_eq!(position(&*log).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_under_way_are_bounded() {
    let server = Server::start();
    let raw = async_nats::connect(server.url()).await.unwrap();
    let size = one().encoded_len();
    for (appends, bytes, told) in [
        (2, usize::MAX / 2, "2 appends came over NATS"),
        (usize::MAX, 2 * size, "came over NATS"),
    ] {
        let log = Faulty::new([Fault::RequestLost, Fault::RequestLost]);
        let options = LogEndpointOptions {
            max_pending_appends: appends,
            max_pending_bytes: bytes,
            max_duration: FOR_EVER,
            ..LogEndpointOptions::new("writer")
        };
        let writer = Writer::start_with(&server, log.clone(), options).await;
        let connection = connect(&server.url()).await;
        let probe = NatsLog::new(connection, log.clone(), impatient());
        // A malformed one takes no room.
        until_answered(&probe).await;
        for _ in 0..2 {
            raw.publish_with_reply(
                "keruen.log.append",
                "_INBOX.nobody",
                one().encode_to_vec().into(),
            )
            .await
            .unwrap();
        }
        let refused = refusal(answer(&raw, one().encode_to_vec()).await);
        assert_eq!(refused.0, AppendRefusal::ResourceExhausted);
        assert!(refused.2.contains(told), "{refused:?}");
        assert_eq!(position(&*log).await, 0);
        drop(writer);
        while probe.append(AppendRequest::default()).await
            != Err(AppendError::NotRecorded(
                "no writer of the log answers on keruen.log.append; nothing was recorded"
                    .to_owned(),
            ))
        {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_process_of_the_log_tells_how_it_is() {
    let server = Server::start();
    let log = Faulty::new([]);
    let mut writers = Vec::new();
    for node in ["a", "b"] {
        let options = LogEndpointOptions::new(node);
        writers.push(Writer::start_with(&server, log.clone(), options).await);
    }
    writers[1].leads.send_replace(false);
    let client = client(&server, log.clone(), quick()).await;
    client.append(one()).await.unwrap();
    let raw = async_nats::connect(server.url()).await.unwrap();
    let names = NatsNames::default();
    for question in [&b""[..], b"garbage"] {
        let inbox = raw.new_inbox();
        let mut answers = raw.subscribe(inbox.clone()).await.unwrap();
        let mut heard: Vec<LogHealth> = Vec::new();
        // The second process may not have subscribed yet.
        while heard.len() < 2 {
            raw.publish_with_reply(names.health(), inbox.clone(), question.into())
                .await
                .unwrap();
            let next = tokio::time::timeout(Duration::from_millis(100), answers.next());
            if let Ok(Some(Message { payload, .. })) = next.await {
                let health = LogHealth::decode(payload).unwrap();
                if !heard.contains(&health) {
                    heard.push(health);
                }
            }
        }
        heard.sort_unstable_by(|one, other| one.node.cmp(&other.node));
        let log_id = log.head().await.unwrap().log_id.to_vec();
        for (health, (node, leads)) in heard.iter().zip([("a", true), ("b", false)]) {
            assert_eq!(health.node, node);
            assert_eq!(health.leads, leads);
            assert_eq!(health.log_id, log_id);
            assert_eq!(health.position, 1);
            assert_eq!(health.trouble, "");
        }
    }
    assert_eq!(position(&*log).await, 1);
}
