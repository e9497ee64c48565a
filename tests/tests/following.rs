//! Readers that follow the log while it grows.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::Duration,
};

use keruen_proto::{
    events::v1::SubscribeEventsRequest,
    log::v1::{Query, QueryItem, RecordedEvent},
};
use keruen_tests::{
    history,
    node::Node,
    process::Process,
    program,
    scene::{Clients, MASK_A, NORTH, SOUTH},
    traffic::{Step, Trip},
};
use serde_json::Value;
use tokio::task::JoinHandle;

const CLIENTS: usize = 8;
const TRIPS: usize = 160;
const PATIENCE: Duration = Duration::from_mins(2);

/// Everything that a subscription delivers up to a position.
fn subscribe(
    node: &Node,
    query: Option<Query>,
    after_position: u64,
    until: u64,
) -> JoinHandle<Vec<RecordedEvent>> {
    let mut clients = Clients::on(&node.channel());
    tokio::spawn(async move {
        let question = SubscribeEventsRequest {
            query,
            after_position,
        };
        let mut stream = clients
            .events
            .subscribe_events(question)
            .await
            .unwrap()
            .into_inner();
        let mut delivered = Vec::new();
        loop {
            let message = tokio::time::timeout(PATIENCE, stream.message())
                .await
                .expect("the stream goes on");
            let step = message.unwrap().expect("the node runs");
            delivered.extend(step.event);
            if step.position >= until {
                return delivered;
            }
        }
    })
}

async fn drive(node: &Node) {
    let clients = (0..CLIENTS).map(|client| {
        let mut clients = Clients::on(&node.channel());
        tokio::spawn(async move {
            for number in (client..TRIPS).step_by(CLIENTS) {
                for step in Step::WAY {
                    Trip::numbered(number)
                        .take(step, &mut clients)
                        .await
                        .unwrap();
                }
            }
        })
    });
    for client in futures::future::join_all(clients).await {
        client.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_see_each_event_once_and_in_order() {
    let node = Node::new().await;
    let mut clients = Clients::on(&node.channel());
    clients.set_scene().await;
    for (donation_id, facility_id) in [("N", NORTH), ("S", SOUTH)] {
        clients
            .donate(donation_id, MASK_A, 100_000, facility_id)
            .await;
    }
    // Each trip is four events.
    let begin = history::head(&node.channel()).await;
    let end = begin + 4 * TRIPS as u64;
    let from_start = subscribe(&node, None, 0, end);
    let from_middle = subscribe(&node, None, begin - 5, end);
    let item = QueryItem {
        types: vec![],
        tags: vec!["shipment:TRIP-7".to_owned()],
    };
    let of_one = subscribe(&node, Some(Query { items: vec![item] }), 0, end);
    drive(&node).await;

    let events = history::read(&node.channel()).await;
    assert_eq!(events.len() as u64, end);
    assert_eq!(from_start.await.unwrap(), events);
    assert_eq!(
        from_middle.await.unwrap(),
        events[usize::try_from(begin - 5).unwrap()..]
    );
    let of_one: Vec<String> = of_one
        .await
        .unwrap()
        .into_iter()
        .map(|event| event.r#type)
        .collect();
    let way = [
        "ShipmentRequested",
        "ShipmentAllocated",
        "ShipmentDispatched",
        "ShipmentReceived",
    ];
    assert_eq!(
        of_one,
        way.map(|name| format!("keruen.shipments.v1.{name}"))
    );

    // The command line prints the same, one CloudEvent a line.
    let limit = end.to_string();
    let printed = node.cli(["events", "--limit", &limit]).success();
    let printed: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ids: Vec<&str> = printed
        .iter()
        .map(|event| event["id"].as_str().unwrap())
        .collect();
    assert!(
        ids.iter().eq(events.iter().map(|event| &event.event_id)),
        "{} lines",
        ids.len()
    );
    assert!(
        printed
            .iter()
            .all(|event| event["specversion"] == "1.0" && event["data"].is_object())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_lets_its_followers_go() {
    let mut node = Node::new().await;
    Clients::on(&node.channel()).set_scene().await;
    let mut command = program::command(["events", "--follow", "--server", node.grpc_url()]);
    let mut follower =
        Process::spawn(command.stdout(Stdio::piped()).stderr(Stdio::null())).unwrap();
    let mut lines = BufReader::new(follower.child().stdout.take().unwrap()).lines();
    assert!(
        lines
            .next()
            .unwrap()
            .unwrap()
            .contains("\"specversion\":\"1.0\"")
    );
    let page = ureq::get(format!("{}events", node.http_url()))
        .call()
        .unwrap();
    let mut page = BufReader::new(page.into_body().into_reader()).lines();
    assert!(page.next().unwrap().is_ok());

    assert!(node.interrupt().success());
    // Both streams end; neither reader hangs.
    drop(std::thread::spawn(move || lines.count()));
    assert!(
        follower
            .wait(PATIENCE)
            .is_some_and(|status| status.code() == Some(69))
    );
    page.take_while(Result::is_ok).count();
}
