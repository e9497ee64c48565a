//! The gRPC service over a real connection.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use keruen_log::{
    AppendRequest, EventEndpoint, Log, ProposedEvent, Query, QueryItem, SqliteLog, SqliteOptions,
    checkpoint::{Checkpoint, CheckpointKey},
    tree::{
        Hash,
        proof::{check_consistency, check_inclusion},
    },
};
use keruen_proto::{
    events::v1::{
        GetCheckpointRequest, GetCommandRequest, GetConsistencyProofRequest,
        GetInclusionProofRequest, GetLogHeadRequest, ListEventsRequest, SubscribeEventsRequest,
        SubscribeEventsResponse, event_service_client::EventServiceClient,
        event_service_server::EventServiceServer, get_inclusion_proof_request::Event as Asked,
    },
    log::v1::{OccurredAt, TimePrecision},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Streaming, transport::Channel};
use tonic_types::StatusExt as _;
use uuid::Uuid;

struct Served {
    log: Arc<SqliteLog>,
    endpoint: EventEndpoint,
    client: EventServiceClient<Channel>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    _folder: TempDir,
}

async fn serve(heartbeat_interval: Duration) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let log =
        Arc::new(SqliteLog::open(&folder.path().join("log.db"), SqliteOptions::default()).unwrap());
    let endpoint = EventEndpoint::new(Arc::clone(&log) as _)
        .signed_by(key())
        .heartbeat_interval(heartbeat_interval);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let service = EventServiceServer::new(endpoint.clone());
    let server = tokio::spawn(async move {
        tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async {
                stopped.await.ok();
            })
            .await
            .unwrap();
    });
    let client = EventServiceClient::connect(format!("http://{address}"))
        .await
        .unwrap();
    Served {
        log,
        endpoint,
        client,
        stop,
        server,
        _folder: folder,
    }
}

fn key() -> CheckpointKey {
    CheckpointKey::from_seed("keruen.test/log", &[1; 32]).unwrap()
}

async fn append(log: &SqliteLog, tag: &str, events: usize, data_bytes: usize) {
    let event = ProposedEvent {
        r#type: "keruen.test.v1.Served".to_owned(),
        tags: vec![tag.to_owned()],
        data: vec![1; data_bytes].into(),
        occurred_at: Some(OccurredAt {
            precision: TimePrecision::Second.into(),
            ..OccurredAt::default()
        }),
        ..ProposedEvent::default()
    };
    let request = AppendRequest {
        command_id: Uuid::now_v7().to_string(),
        command_hash: vec![0; 32],
        actor: "a".to_owned(),
        origin: "n".to_owned(),
        events: vec![event; events],
        ..AppendRequest::default()
    };
    log.append(request).await.unwrap();
}

fn tagged(tag: &str) -> Query {
    let item = QueryItem {
        types: Vec::new(),
        tags: vec![tag.to_owned()],
    };
    Query { items: vec![item] }
}

/// The positions of the next events, over heartbeats, each of which must not be behind.
async fn next_positions(stream: &mut Streaming<SubscribeEventsResponse>, count: usize) -> Vec<u64> {
    let mut positions = Vec::new();
    let mut reached = 0;
    while positions.len() < count {
        let step = stream.message().await.unwrap().unwrap();
        assert!(step.position >= reached);
        reached = step.position;
        if let Some(event) = step.event {
            assert_eq!(event.position, step.position);
            positions.push(event.position);
        }
    }
    positions
}

#[tokio::test]
async fn pages_lead_to_the_head() {
    let mut served = serve(Duration::from_secs(5)).await;
    for number in 0..30 {
        append(&served.log, &format!("x:{}", number % 3), 10, 1).await;
    }
    for (query, page_size, expected_pages) in [
        (None, 0, 3),
        (None, 1_000, 1),
        (None, 299, 2),
        (None, 300, 1),
        (Some(tagged("x:1")), 30, 4),
    ] {
        let mut positions = Vec::new();
        let mut after_position = 0;
        let mut pages = 0;
        loop {
            let request = ListEventsRequest {
                query: query.clone(),
                after_position,
                page_size,
            };
            let page = served
                .client
                .list_events(request)
                .await
                .unwrap()
                .into_inner();
            assert_eq!(page.head_position, 300);
            positions.extend(page.events.iter().map(|event| event.position));
            pages += 1;
            after_position = page.next_after_position;
            if after_position == 0 {
                break;
            }
        }
        let expected = (1..=300).filter(|position| query.is_none() || (position - 1) / 10 % 3 == 1);
        assert_eq!(positions, expected.collect::<Vec<u64>>());
        assert_eq!(pages, expected_pages, "{page_size}");
    }
    let head = served
        .client
        .get_log_head(GetLogHeadRequest {})
        .await
        .unwrap()
        .into_inner();
    let expected = served.log.head().await.unwrap();
    assert_eq!(head.log_id, expected.log_id);
    assert_eq!(head.position, 300);
    assert_eq!(head.root_hash, expected.root_hash);
}

#[tokio::test]
async fn the_largest_page_is_one_that_any_client_accepts() {
    let mut served = serve(Duration::from_secs(5)).await;
    for _ in 0..6 {
        append(&served.log, "x:1", 11, 64 * 1_024).await;
    }
    let mut after_position = 0;
    let mut events = 0;
    loop {
        let request = ListEventsRequest {
            query: None,
            after_position,
            page_size: 1_000,
        };
        let page = served
            .client
            .list_events(request)
            .await
            .unwrap()
            .into_inner();
        events += page.events.len();
        after_position = page.next_after_position;
        if after_position == 0 {
            break;
        }
    }
    assert_eq!(events, 66);
}

#[tokio::test]
async fn a_wrong_request_names_its_field() {
    let mut served = serve(Duration::from_secs(5)).await;
    for (field, request) in [
        (
            "page_size",
            ListEventsRequest {
                page_size: -1,
                ..ListEventsRequest::default()
            },
        ),
        (
            "page_size",
            ListEventsRequest {
                page_size: 1_001,
                ..ListEventsRequest::default()
            },
        ),
        (
            "query.items[0].tags[0]",
            ListEventsRequest {
                query: Some(tagged("x")),
                ..ListEventsRequest::default()
            },
        ),
    ] {
        let status = served.client.list_events(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, field);
        assert!(status.message().starts_with(field), "{status}");
    }
    let request = SubscribeEventsRequest {
        query: Some(tagged("x")),
        after_position: 0,
    };
    let status = served.client.subscribe_events(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let request = SubscribeEventsRequest {
        query: None,
        after_position: 1,
    };
    let status = served.client.subscribe_events(request).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    assert!(
        status.message().contains("above the head, 0, found 1"),
        "{status}"
    );
}

#[tokio::test]
async fn a_subscription_has_what_is_there_and_what_comes() {
    let mut served = serve(Duration::from_secs(5)).await;
    append(&served.log, "x:1", 3, 1).await;
    let request = SubscribeEventsRequest {
        query: None,
        after_position: 1,
    };
    let mut all = served
        .client
        .subscribe_events(request)
        .await
        .unwrap()
        .into_inner();
    let request = SubscribeEventsRequest {
        query: Some(tagged("x:2")),
        after_position: 0,
    };
    let mut some = served
        .client
        .subscribe_events(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(next_positions(&mut all, 2).await, [2, 3]);
    for _ in 0..100 {
        append(&served.log, "x:2", 1, 1).await;
        append(&served.log, "x:1", 2, 1).await;
    }
    assert_eq!(
        next_positions(&mut all, 300).await,
        (4..=303).collect::<Vec<_>>()
    );
    assert_eq!(
        next_positions(&mut some, 100).await,
        (0..100).map(|number| 4 + 3 * number).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn heartbeats_tell_how_far_the_log_was_searched() {
    let mut served = serve(Duration::from_millis(20)).await;
    let request = SubscribeEventsRequest {
        query: Some(tagged("x:2")),
        after_position: 0,
    };
    let mut stream = served
        .client
        .subscribe_events(request)
        .await
        .unwrap()
        .into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert_eq!((first.event, first.position), (None, 0));
    append(&served.log, "x:1", 5, 1).await;
    let reached = async {
        loop {
            let heartbeat = stream.message().await.unwrap().unwrap();
            assert_eq!(heartbeat.event, None);
            if heartbeat.position == 5 {
                break;
            }
            assert_eq!(heartbeat.position, 0);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reached)
        .await
        .unwrap();
}

#[tokio::test]
async fn subscribers_do_not_keep_a_server_from_stopping() {
    let mut served = serve(Duration::from_secs(5)).await;
    append(&served.log, "x:1", 2, 1).await;
    let request = SubscribeEventsRequest {
        query: None,
        after_position: 0,
    };
    let mut stream = served
        .client
        .subscribe_events(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(next_positions(&mut stream, 2).await, [1, 2]);
    served.endpoint.stop();
    let status = loop {
        if let Err(status) = stream.message().await {
            break status;
        }
    };
    assert_eq!(status.code(), Code::Unavailable);
    assert!(
        status
            .message()
            .contains("subscribe again after position 2"),
        "{status}"
    );
    served.stop.send(()).unwrap();
    drop(stream);
    drop(served.client);
    served.server.await.unwrap();
}

fn hashes(wire: &[Vec<u8>]) -> Vec<Hash> {
    wire.iter()
        .map(|hash| hash.as_slice().try_into().unwrap())
        .collect()
}

fn hash(wire: &[u8]) -> Hash {
    wire.try_into().unwrap()
}

#[tokio::test]
async fn checkpoints_are_signed_and_go_on_from_each_other() {
    let mut served = serve(Duration::from_secs(5)).await;
    let mut kept: Vec<Checkpoint> = Vec::new();
    for _ in 0..6 {
        for older in &kept {
            let since_size = older.size;
            let request = GetCheckpointRequest { since_size };
            let answer = served
                .client
                .get_checkpoint(request)
                .await
                .unwrap()
                .into_inner();
            assert_eq!(answer.verifier_key, key().verifier_key().to_string());
            let newest = Checkpoint::open(&answer.checkpoint, &key().verifier_key()).unwrap();
            assert_eq!(
                (newest.size, newest.root_hash.to_vec()),
                (answer.size, answer.root_hash)
            );
            let proof = hashes(&answer.consistency_hashes);
            let (old, new) = (
                (older.size, &older.root_hash),
                (newest.size, &newest.root_hash),
            );
            assert_eq!(check_consistency(old, new, &proof), Ok(()));
        }
        let answer = served
            .client
            .get_checkpoint(GetCheckpointRequest::default())
            .await
            .unwrap()
            .into_inner();
        kept.push(Checkpoint::open(&answer.checkpoint, &key().verifier_key()).unwrap());
        append(&served.log, "x:1", 77, 1).await;
    }
    let sizes: Vec<u64> = kept.iter().map(|kept| kept.size).collect();
    assert_eq!(sizes, [0, 77, 154, 231, 308, 385]);
    for older in &kept[1..] {
        for newer in kept.iter().filter(|newer| newer.size >= older.size) {
            let request = GetConsistencyProofRequest {
                first_size: older.size,
                second_size: newer.size,
            };
            let answer = served
                .client
                .get_consistency_proof(request)
                .await
                .unwrap()
                .into_inner();
            assert_eq!(hash(&answer.first_root_hash), older.root_hash);
            assert_eq!(hash(&answer.second_root_hash), newer.root_hash);
            let (old, new) = (
                (older.size, &older.root_hash),
                (newer.size, &newer.root_hash),
            );
            assert_eq!(check_consistency(old, new, &hashes(&answer.hashes)), Ok(()));
        }
    }
}

#[tokio::test]
async fn events_are_proven_by_position_and_by_id() {
    let mut served = serve(Duration::from_secs(5)).await;
    append(&served.log, "x:1", 300, 1).await;
    let request = ListEventsRequest {
        page_size: 300,
        ..ListEventsRequest::default()
    };
    let events = served
        .client
        .list_events(request)
        .await
        .unwrap()
        .into_inner()
        .events;
    for (event, tree_size) in [(1, 0), (1, 1), (200, 250), (256, 300), (300, 0)]
        .map(|(position, size)| (&events[position - 1], size))
    {
        let mut answers = Vec::new();
        for asked in [
            Asked::Position(event.position),
            Asked::EventId(event.event_id.clone()),
        ] {
            let request = GetInclusionProofRequest {
                event: Some(asked),
                tree_size,
            };
            answers.push(
                served
                    .client
                    .get_inclusion_proof(request)
                    .await
                    .unwrap()
                    .into_inner(),
            );
        }
        assert_eq!(answers[0], answers[1]);
        let answer = &answers[0];
        assert_eq!(answer.leaf_hash, event.leaf_hash);
        assert_eq!(
            answer.tree_size,
            if tree_size == 0 { 300 } else { tree_size }
        );
        let (leaf, root) = (hash(&answer.leaf_hash), hash(&answer.root_hash));
        let proof = hashes(&answer.hashes);
        let checked = check_inclusion(&leaf, event.position - 1, answer.tree_size, &root, &proof);
        assert_eq!(checked, Ok(()));
    }
}

#[tokio::test]
async fn a_proof_of_what_is_not_there_is_refused() {
    let mut served = serve(Duration::from_secs(5)).await;
    append(&served.log, "x:1", 3, 1).await;
    let unknown = format!("{}/0", Uuid::now_v7());
    let request = ListEventsRequest::default();
    let events = served
        .client
        .list_events(request)
        .await
        .unwrap()
        .into_inner()
        .events;
    let beyond = events[0].event_id.replace("/0", "/3");
    for (asked, tree_size, code, field) in [
        (None, 0, Code::InvalidArgument, "event"),
        (
            Some(Asked::Position(0)),
            0,
            Code::InvalidArgument,
            "position",
        ),
        (Some(Asked::Position(4)), 0, Code::OutOfRange, "position"),
        (Some(Asked::Position(3)), 2, Code::OutOfRange, "position"),
        (Some(Asked::Position(1)), 4, Code::OutOfRange, "tree_size"),
        (
            Some(Asked::EventId("x".to_owned())),
            0,
            Code::InvalidArgument,
            "event_id",
        ),
        (Some(Asked::EventId(unknown)), 0, Code::NotFound, "event_id"),
        (Some(Asked::EventId(beyond)), 0, Code::NotFound, "event_id"),
        (
            Some(Asked::EventId(events[2].event_id.clone())),
            2,
            Code::OutOfRange,
            "position",
        ),
    ] {
        let request = GetInclusionProofRequest {
            event: asked,
            tree_size,
        };
        let refused = served
            .client
            .get_inclusion_proof(request.clone())
            .await
            .unwrap_err();
        assert_eq!(refused.code(), code, "{request:?}");
        assert!(refused.message().starts_with(field), "{refused}");
    }
    for (first_size, second_size, code, field) in [
        (0, 3, Code::InvalidArgument, "first_size"),
        (4, 0, Code::OutOfRange, "first_size"),
        (1, 4, Code::OutOfRange, "second_size"),
        (3, 2, Code::InvalidArgument, "first_size"),
        (u64::MAX, u64::MAX, Code::OutOfRange, "first_size"),
    ] {
        let request = GetConsistencyProofRequest {
            first_size,
            second_size,
        };
        let refused = served
            .client
            .get_consistency_proof(request)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), code, "{request:?}");
        assert!(refused.message().starts_with(field), "{refused}");
    }
    let request = GetCheckpointRequest { since_size: 4 };
    let refused = served.client.get_checkpoint(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
}

#[tokio::test]
async fn the_empty_log_has_a_checkpoint_too() {
    let mut served = serve(Duration::from_secs(5)).await;
    let answer = served
        .client
        .get_checkpoint(GetCheckpointRequest::default())
        .await
        .unwrap()
        .into_inner();
    let checkpoint = Checkpoint::open(&answer.checkpoint, &key().verifier_key()).unwrap();
    assert_eq!(checkpoint.size, 0);
    assert_eq!(
        checkpoint.root_hash,
        served.log.head().await.unwrap().root_hash
    );
    let request = GetInclusionProofRequest {
        event: Some(Asked::Position(1)),
        tree_size: 0,
    };
    let refused = served
        .client
        .get_inclusion_proof(request)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
}

#[tokio::test]
async fn what_became_of_a_command_is_told() {
    let mut served = serve(Duration::from_mins(1)).await;
    append(&served.log, "x:1", 1, 1).await;
    append(&served.log, "x:2", 3, 1).await;
    append(&served.log, "x:3", 1, 1).await;
    let all = served
        .log
        .read(&Query::default(), keruen_log::Range::after(0), 10)
        .await
        .unwrap()
        .events;
    let wanted = &all[1..4];
    let ask = |id: &str| GetCommandRequest {
        command_id: id.to_owned(),
    };
    // However the id is spelled.
    for id in [
        wanted[0].command_id.clone(),
        wanted[0].command_id.to_uppercase(),
    ] {
        let told = served
            .client
            .get_command(ask(&id))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(told.command_id, wanted[0].command_id);
        assert_eq!((told.first_position, told.last_position), (2, 4));
        assert_eq!(told.events, wanted);
    }
    let unknown = Uuid::now_v7().to_string();
    let refused = served.client.get_command(ask(&unknown)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let details = refused.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(
        (info.reason.as_str(), info.metadata["command_id"].as_str()),
        ("UNKNOWN_COMMAND", unknown.as_str())
    );
    for malformed in ["", "7", "00000000-0000-0000-0000-000000000000"] {
        let refused = served.client.get_command(ask(malformed)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{malformed}");
        assert_eq!(
            refused
                .get_error_details()
                .bad_request()
                .unwrap()
                .field_violations[0]
                .field,
            "command_id"
        );
    }
}
