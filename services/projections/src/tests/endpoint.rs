//! The service over a socket, as clients see it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use keruen_log::SqliteLog;
use keruen_proto::{
    Standing, ViewState,
    projections::v1::{
        ListProjectionsRequest, ProjectionState, projection_service_server::ProjectionService,
    },
    stock::v1::{
        GetTraceRequest, ListDonationsRequest, ListRequestsRequest, ListShipmentsRequest,
        ListStockRequest, StockGroup, StockRow, get_trace_request::Subject,
        stock_service_client::StockServiceClient, stock_service_server::StockServiceServer,
    },
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Status, transport::Channel};
use tonic_types::StatusExt;

use super::{
    following::{append, open_log, unknown_event, until},
    history::{History, eventful},
};
use crate::{
    administration::ProjectionEndpoint,
    endpoint::StockEndpoint,
    engine::Running,
    standing::TellStanding,
    views::{self, ViewOptions, Views},
};

/// A node with a log, its views, and a client.
struct Node {
    log: Arc<SqliteLog>,
    views: Arc<Views>,
    running: Option<Running>,
    client: StockServiceClient<Channel>,
    history: History,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl Node {
    /// With the first `length` events of a history.
    async fn start(length: usize) -> Self {
        let history = eventful();
        let dir = tempfile::tempdir().unwrap();
        let log = open_log(&dir.path().join("keruen.db"));
        append(&*log, &history.events[..length]).await;
        let options = ViewOptions {
            max_wait: Duration::from_millis(300),
            ..ViewOptions::default()
        };
        let views = Views::in_folder(dir.path(), options).unwrap();
        let running = Some(views.run(log.clone()));
        for keeper in views.keepers() {
            let mut status = keeper.watch_status();
            let has_come = |it: &views::Status| it.position == length as u64 || it.parked.is_some();
            status.wait_for(has_come).await.unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = StockServiceServer::new(StockEndpoint::new(views.clone(), log.clone()));
        let service = TellStanding::new(service, &*log);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async {
                    let _ = stopped.await;
                })
                .await
                .unwrap();
        });
        let client = StockServiceClient::connect(format!("http://{address}"))
            .await
            .unwrap();
        Self {
            log,
            views,
            running,
            client,
            history,
            stop,
            serving,
            _dir: dir,
        }
    }

    /// Appends so many more events of the history, as far as it goes; answers with the position of the newest.
    async fn append(&self, events: usize) -> u64 {
        let known = usize::try_from(*keruen_log::Log::watch_head(&*self.log).borrow()).unwrap();
        let until = (known + events).min(self.history.events.len());
        append(&*self.log, &self.history.events[known..until]).await;
        until as u64
    }

    /// All rows, on one page.
    async fn whole(&mut self, asked: &ListStockRequest) -> Vec<StockRow> {
        let whole = self.client.list_stock(asked.clone()).await;
        let whole = whole.unwrap().into_inner();
        assert!(whole.next_page_token.is_empty());
        whole.rows
    }

    async fn stop(self) {
        let Self {
            client,
            running,
            stop,
            serving,
            ..
        } = self;
        drop(client);
        let _ = stop.send(());
        serving.await.unwrap();
        if let Some(running) = running {
            running.stop().await;
        }
    }

    async fn refused(&mut self, request: ListStockRequest) -> Status {
        self.client.list_stock(request).await.unwrap_err()
    }
}

fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.domain, "keruen");
    info.reason
}

fn violated(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_reflects_what_the_caller_has_seen() {
    let mut node = Node::start(100).await;
    for length in [100_usize, 101, 160] {
        let known = usize::try_from(*keruen_log::Log::watch_head(&*node.log).borrow()).unwrap();
        append(&*node.log, &node.history.events[known..length]).await;
        let min_position = length as u64;
        let asked = ListStockRequest {
            min_position,
            ..ListStockRequest::default()
        };
        let answer = node.client.list_stock(asked).await.unwrap().into_inner();
        assert_eq!(answer.position, min_position);
        let asked = ListDonationsRequest {
            min_position,
            ..ListDonationsRequest::default()
        };
        assert_eq!(
            node.client
                .list_donations(asked)
                .await
                .unwrap()
                .into_inner()
                .position,
            min_position
        );
        let asked = ListRequestsRequest {
            min_position,
            ..ListRequestsRequest::default()
        };
        assert_eq!(
            node.client
                .list_requests(asked)
                .await
                .unwrap()
                .into_inner()
                .position,
            min_position
        );
        let asked = ListShipmentsRequest {
            min_position,
            ..ListShipmentsRequest::default()
        };
        assert_eq!(
            node.client
                .list_shipments(asked)
                .await
                .unwrap()
                .into_inner()
                .position,
            min_position
        );
        let subject = Some(Subject::DonationId(node.history.donations[0].clone()));
        let asked = GetTraceRequest {
            subject,
            min_position,
        };
        assert_eq!(
            node.client
                .get_trace(asked)
                .await
                .unwrap()
                .into_inner()
                .position,
            min_position
        );
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_position_is_bounded_and_says_how_far_the_views_are() {
    let mut node = Node::start(100).await;
    let asked = |min_position| ListStockRequest {
        min_position,
        ..ListStockRequest::default()
    };
    let status = node.refused(asked(101)).await;
    assert_eq!(violated(&status), ["min_position"]);
    assert!(status.message().contains("at most 100"), "{status}");

    until(&node.views, |status| status.position == 100).await;
    node.running.take().unwrap().stop().await;
    append(&*node.log, &node.history.events[100..130]).await;
    let status = node.refused(asked(130)).await;
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "VIEW_BEHIND")
    );
    let metadata = status.get_details_error_info().unwrap().metadata;
    assert_eq!(
        (
            metadata["position"].as_str(),
            metadata["head_position"].as_str()
        ),
        ("100", "130")
    );
    // What the views have reached is answered at once.
    assert_eq!(
        node.client
            .list_stock(asked(100))
            .await
            .unwrap()
            .into_inner()
            .position,
        100
    );

    let mut hurried = Request::new(asked(130));
    hurried.set_timeout(Duration::from_millis(100));
    let status = node.client.list_stock(hurried).await.unwrap_err();
    // The client's own clock may ring first; it then says the same in other words.
    assert!(
        matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled),
        "{status}"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_names_what_a_view_does_not_know_yet_is_told_to_wait_for_it() {
    let mut node = Node::start(100).await;
    node.running.take().unwrap().stop().await;
    let asked = ListStockRequest {
        batch_id: "NO-SUCH".to_owned(),
        ..ListStockRequest::default()
    };
    let told = |status: &Status| {
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(reason(status), "UNKNOWN_BATCH");
        let metadata = status.get_details_error_info().unwrap().metadata;
        assert_eq!(metadata["batch_id"], "NO-SUCH");
        status.message().contains("28 events behind the log")
            && status.message().contains("min_position 128 ")
    };
    assert!(!told(&node.refused(asked.clone()).await));
    append(&*node.log, &node.history.events[100..128]).await;
    assert!(told(&node.refused(asked.clone()).await));
    let past = ListStockRequest {
        known_at_position: 100,
        ..asked
    };
    assert!(told(&node.refused(past).await));
    // What is malformed stays so, however long anybody waits.
    let malformed = ListStockRequest {
        batch_id: "no such".to_owned(),
        ..ListStockRequest::default()
    };
    let status = node.refused(malformed).await;
    assert!(!status.message().contains("behind"), "{status}");
    node.stop().await;
}

/// What the metadata of an answer says, whatever the answer is.
async fn standing(node: &mut Node, request: ListStockRequest) -> Standing {
    let told = match node.client.list_stock(request).await {
        Ok(answer) => Standing::of(answer.metadata()),
        Err(status) => Standing::of(status.metadata()),
    };
    told.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_are_parked_say_what_they_cannot_pass() {
    let mut node = Node::start(40).await;
    append(&*node.log, &[unknown_event(&node.history)]).await;
    let status = node
        .refused(ListStockRequest {
            min_position: 41,
            ..ListStockRequest::default()
        })
        .await;
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "VIEW_PARKED")
    );
    assert!(
        status
            .message()
            .contains("position 41 (keruen.future.v9.Teleported)"),
        "{status}"
    );
    let answer = node
        .client
        .list_stock(ListStockRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.position, 40);

    // Every answer says so, of each view, and so does what is refused because it is not known there.
    append(&*node.log, &node.history.events[40..60]).await;
    let history = node.views.history().clone();
    let mut status = history.watch_status();
    status.wait_for(|it| it.parked.is_some()).await.unwrap();
    let stock = ListStockRequest::default();
    let past = ListStockRequest {
        known_at_position: 39,
        ..stock.clone()
    };
    let unknown = ListStockRequest {
        batch_id: "NO-SUCH".to_owned(),
        ..stock.clone()
    };
    for (request, view) in [(stock, "current"), (past, "history"), (unknown, "current")] {
        let told = standing(&mut node, request).await;
        let expected = Standing {
            view: view.to_owned(),
            state: ViewState::Parked,
            position: 40,
            head_position: 61,
            parked_at: Some(41),
        };
        assert_eq!(told, expected);
    }
    let listing = ProjectionEndpoint::new(node.views.clone(), node.log.clone());
    let asked = Request::new(ListProjectionsRequest {});
    let listed = listing.list_projections(asked).await.unwrap();
    for view in listed.into_inner().projections {
        assert_eq!(view.state(), ProjectionState::Parked);
        let stands = (view.position, view.head_position, view.lag_events);
        assert_eq!(stands, (40, 61, 21));
        let parked = view.parked.unwrap();
        assert_eq!(parked.position, 41);
        assert_eq!(parked.r#type, "keruen.future.v9.Teleported");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_that_name_nothing_are_told_so() {
    let mut node = Node::start(150).await;
    let stock = ListStockRequest {
        min_position: 150,
        ..ListStockRequest::default()
    };
    let unknown = "NO-SUCH".to_owned();
    let cases = [
        (
            ListStockRequest {
                region_id: "KZ-99".to_owned(),
                ..stock.clone()
            },
            "UNKNOWN_REGION",
        ),
        (
            ListStockRequest {
                facility_id: unknown.clone(),
                ..stock.clone()
            },
            "UNKNOWN_FACILITY",
        ),
        (
            ListStockRequest {
                commodity_id: unknown.clone(),
                ..stock.clone()
            },
            "UNKNOWN_COMMODITY",
        ),
        (
            ListStockRequest {
                item_id: unknown.clone(),
                ..stock.clone()
            },
            "UNKNOWN_ITEM",
        ),
        (
            ListStockRequest {
                batch_id: unknown.clone(),
                ..stock.clone()
            },
            "UNKNOWN_BATCH",
        ),
        (
            ListStockRequest {
                owner_id: unknown.clone(),
                ..stock.clone()
            },
            "UNKNOWN_ORGANISATION",
        ),
    ];
    for (request, expected) in cases {
        let status = node.refused(request).await;
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::NotFound, expected)
        );
    }
    // What exists but has nothing is an empty table, as are goods that nobody can attribute.
    for request in [
        ListStockRequest {
            region_id: "KZ-55".to_owned(),
            ..stock.clone()
        },
        ListStockRequest {
            owner_id: "CARRIER".to_owned(),
            ..stock.clone()
        },
    ] {
        assert!(
            node.client
                .list_stock(request)
                .await
                .unwrap()
                .into_inner()
                .rows
                .is_empty()
        );
    }
    let unattributed = ListStockRequest {
        owner_id: "UNATTRIBUTED".to_owned(),
        ..stock
    };
    node.client.list_stock(unattributed).await.unwrap();

    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_about_nothing_are_told_so() {
    let mut node = Node::start(150).await;
    let unknown = "NO-SUCH".to_owned();
    let subjects = [
        (Subject::DonationId(unknown.clone()), "UNKNOWN_DONATION"),
        (Subject::BatchId(unknown.clone()), "UNKNOWN_BATCH"),
        (Subject::RequestId(unknown.clone()), "UNKNOWN_REQUEST"),
        (asset("NO-SUCH", "1"), "UNKNOWN_ITEM"),
        (asset("VENT-X", "no such number"), "UNKNOWN_ASSET"),
    ];
    for (subject, expected) in subjects {
        let asked = GetTraceRequest {
            subject: Some(subject),
            min_position: 150,
        };
        let status = node.client.get_trace(asked).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::NotFound, expected)
        );
    }
    let asked = ListDonationsRequest {
        donor_id: unknown.clone(),
        ..ListDonationsRequest::default()
    };
    let status = node.client.list_donations(asked).await.unwrap_err();
    assert_eq!(reason(&status), "UNKNOWN_ORGANISATION");
    let asked = ListRequestsRequest {
        facility_id: unknown.clone(),
        ..ListRequestsRequest::default()
    };
    assert_eq!(
        reason(&node.client.list_requests(asked).await.unwrap_err()),
        "UNKNOWN_FACILITY"
    );
    let asked = ListShipmentsRequest {
        destination_id: unknown,
        ..ListShipmentsRequest::default()
    };
    assert_eq!(
        reason(&node.client.list_shipments(asked).await.unwrap_err()),
        "UNKNOWN_FACILITY"
    );
    node.stop().await;
}

fn asset(item_id: &str, serial_number: &str) -> Subject {
    Subject::Asset(keruen_proto::inventory::v1::AssetRef {
        item_id: item_id.to_owned(),
        serial_number: serial_number.to_owned(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_fields_are_all_named() {
    let mut node = Node::start(50).await;
    let request = ListStockRequest {
        group_by: vec![StockGroup::Item as i32, 99, StockGroup::Item as i32, 0],
        facility_id: "lower case".to_owned(),
        page_size: 10_001,
        ..ListStockRequest::default()
    };
    let status = node.refused(request).await;
    assert_eq!(
        violated(&status),
        [
            "group_by[1]",
            "group_by[2]",
            "group_by[3]",
            "facility_id",
            "page_size"
        ]
    );
    let backwards = ListStockRequest {
        expires_from: "2030-01-02".to_owned(),
        expires_until: "2030-01-01".to_owned(),
        ..ListStockRequest::default()
    };
    assert_eq!(violated(&node.refused(backwards).await), ["expires_from"]);
    let status = node
        .refused(ListStockRequest {
            page_size: -1,
            ..ListStockRequest::default()
        })
        .await;
    assert_eq!(violated(&status), ["page_size"]);
    let asked = ListRequestsRequest {
        states: vec![1, 0, 77],
        ..ListRequestsRequest::default()
    };
    let status = node.client.list_requests(asked).await.unwrap_err();
    assert_eq!(violated(&status), ["states[1]", "states[2]"]);
    let status = node
        .client
        .get_trace(GetTraceRequest::default())
        .await
        .unwrap_err();
    assert_eq!(violated(&status), ["subject"]);
    let asked = GetTraceRequest {
        subject: Some(asset("", " x")),
        min_position: 0,
    };
    let status = node.client.get_trace(asked).await.unwrap_err();
    assert_eq!(violated(&status), ["asset.item_id", "asset.serial_number"]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_together_and_tokens_fit_one_query() {
    let mut node = Node::start(200).await;
    let by_batch = ListStockRequest {
        group_by: vec![StockGroup::Batch as i32, StockGroup::Facility as i32],
        min_position: 200,
        ..ListStockRequest::default()
    };
    let key = |row: &StockRow| (row.batch_id.clone(), row.facility_id.clone());
    assert!(node.whole(&by_batch).await.len() > 10);
    for at_once in [0, 7] {
        // What happens between pages moves rows, makes some, and repeats or hides none.
        let before = node.whole(&by_batch).await;
        let (mut rows, mut pages) = (Vec::new(), 0);
        let mut asked = ListStockRequest {
            page_size: 3,
            ..by_batch.clone()
        };
        loop {
            let page = node.client.list_stock(asked.clone()).await;
            let page = page.unwrap().into_inner();
            assert!(!page.rows.is_empty() && page.rows.len() <= 3);
            rows.extend(page.rows);
            pages += 1;
            asked.page_token = page.next_page_token;
            if asked.page_token.is_empty() {
                break;
            }
            asked.min_position = node.append(at_once).await;
            asked.page_size = 2;
        }
        let after = ListStockRequest {
            min_position: asked.min_position,
            ..by_batch.clone()
        };
        let after = node.whole(&after).await;
        if at_once == 0 {
            assert_eq!(rows, before);
        } else {
            assert!(pages > 3 && after != before, "nothing moved");
        }
        let told: BTreeSet<_> = rows.iter().map(key).collect();
        assert_eq!(told.len(), rows.len(), "a row is told twice");
        let lasting: BTreeSet<_> = after.iter().map(key).collect();
        for row in before.iter().map(key).filter(|row| lasting.contains(row)) {
            assert!(told.contains(&row), "{row:?} is told on no page");
        }
    }

    let first = ListStockRequest {
        page_size: 1,
        ..by_batch.clone()
    };
    let page_token = node
        .client
        .list_stock(first)
        .await
        .unwrap()
        .into_inner()
        .next_page_token;
    let others = [
        ListStockRequest {
            page_token: page_token.clone(),
            ..ListStockRequest::default()
        },
        ListStockRequest {
            page_token: page_token.clone(),
            item_id: "TEST-A".to_owned(),
            ..by_batch.clone()
        },
        ListStockRequest {
            page_token: "AAAA".to_owned(),
            ..by_batch
        },
    ];
    for other in others {
        assert_eq!(violated(&node.refused(other).await), ["page_token"]);
    }
    let asked = ListDonationsRequest {
        page_token,
        ..ListDonationsRequest::default()
    };
    assert_eq!(
        violated(&node.client.list_donations(asked).await.unwrap_err()),
        ["page_token"]
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_before_the_views_know_their_log() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_log(&dir.path().join("keruen.db"));
    let options = ViewOptions {
        max_wait: Duration::from_millis(50),
        ..ViewOptions::default()
    };
    let views = Views::in_folder(dir.path(), options).unwrap();
    let endpoint = StockEndpoint::new(views.clone(), log.clone());
    let ask = || {
        use keruen_proto::stock::v1::stock_service_server::StockService;
        endpoint.list_stock(Request::new(ListStockRequest::default()))
    };
    let status = ask().await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "VIEW_STARTING")
    );
    let running = views.run(log);
    until(&views, |status| status.ready).await;
    assert_eq!(ask().await.unwrap().into_inner().position, 0);
    running.stop().await;
}
