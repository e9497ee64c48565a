//! The gRPC service over a real connection.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use keruen_log::{
    AppendRequest, EventEndpoint, Log, ProposedEvent, Query, QueryItem, SqliteLog, SqliteOptions,
};
use keruen_proto::{
    events::v1::{
        GetLogHeadRequest, ListEventsRequest, SubscribeEventsRequest, SubscribeEventsResponse,
        event_service_client::EventServiceClient, event_service_server::EventServiceServer,
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
    let endpoint = EventEndpoint::new(Arc::clone(&log) as _).heartbeat_interval(heartbeat_interval);
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

async fn append(log: &SqliteLog, tag: &str, events: usize, data_bytes: usize) {
    let event = ProposedEvent {
        r#type: "keruen.test.v1.Served".to_owned(),
        tags: vec![tag.to_owned()],
        data: vec![1; data_bytes],
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
