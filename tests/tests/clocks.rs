//! Those on duty are called when a request is overdue: once for each level, though the node is killed again and again.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{path::Path, time::Duration};

use keruen_proto::requests::v1::RequestPriority;
use keruen_tests::{
    message::{file, request},
    node::Node,
    program,
    scene::{Clients, HOSPITAL, MASK},
};
use serde_json::Value;
use tempfile::TempDir;

const REQUESTS: usize = 12;
const LEVELS: usize = 3;

/// A node whose deadlines are seconds.
async fn node_on(data: &Path) -> Node {
    let arguments = [
        "serve",
        "--data",
        data.to_str().unwrap(),
        "--grpc-addr",
        "127.0.0.1:0",
        "--http-addr",
        "127.0.0.1:0",
        "--deadline",
        "answer-stat=1s,repeat=1s",
        "--look-every",
        "50ms",
    ];
    Node::start(&mut program::command(arguments), data).await
}

/// Request, reason and level of every call, as the log has them.
fn calls(node: &Node) -> Vec<(String, String, i64)> {
    let told = node
        .cli(["events", "--type", "keruen.requests.v1.RequestEscalated"])
        .success();
    told.lines()
        .map(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            let data = &event["data"];
            let escalation = &data["escalation"];
            (
                data["requestId"].as_str().unwrap().to_owned(),
                escalation["reason"].as_str().unwrap().to_owned(),
                escalation["level"].as_i64().unwrap(),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_made_once_though_the_node_is_killed() {
    let folder = TempDir::with_prefix("keruen-test-").unwrap();
    let mut node = node_on(folder.path()).await;
    let mut clients = Clients::on(&node.channel());
    clients.set_scene().await;
    for number in 0..REQUESTS {
        let mut message = file(HOSPITAL, MASK, 10);
        message.request_id = format!("R{number}");
        message.priority = RequestPriority::Stat.into();
        clients
            .requests
            .file_request(request(message))
            .await
            .unwrap();
    }
    // Killed at whatever step it is: calls are due all the time.
    for pause_ms in [700, 350, 100, 250, 50, 450, 150, 300] {
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        node.kill();
        node = node_on(folder.path()).await;
    }
    // Bounded by the harness: no call is missing for ever.
    let mut made = calls(&node);
    for _ in 0..600 {
        if made.len() >= REQUESTS * LEVELS {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        made = calls(&node);
    }
    // Some more looks at the clock add nothing.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut found = calls(&node);
    found.sort();
    let mut expected: Vec<_> = (0..REQUESTS)
        .flat_map(|number| (1..=3).map(move |level| (format!("R{number}"), level)))
        .map(|(id, level)| (id, "ESCALATION_REASON_NOT_ANSWERED".to_owned(), level))
        .collect();
    expected.sort();
    assert_eq!(found, expected);
    node.cli(["check"]).success();
}
