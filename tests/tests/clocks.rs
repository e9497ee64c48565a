//! Those on duty are called when a request is overdue: once for each level, though the node is killed again and again.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

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
/// Events after which what is known of the clocks is kept.
const KEPT_AFTER: usize = 256;

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

/// What is kept of the clocks between starts.
fn kept(data: &Path) -> Vec<PathBuf> {
    let folder = data.join("snapshots").join("clocks");
    let files = fs::read_dir(folder).map(|files| files.map(|file| file.unwrap().path()).collect());
    files.unwrap_or_default()
}

/// A start that finds nothing to go on from reads the log, and keeps what it has read.
async fn wait_for_kept(data: &Path) {
    // Bounded by the harness.
    while kept(data)
        .iter()
        .all(|path| path.extension().is_some_and(|it| it == "partial"))
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// So many requests that what is known of the clocks is worth keeping.
async fn file_many(clients: &mut Clients) {
    for number in 0..KEPT_AFTER {
        let mut message = file(HOSPITAL, MASK, 10);
        message.request_id = format!("ROUTINE-{number}");
        message.priority = RequestPriority::Routine.into();
        let filed = clients.requests.file_request(request(message)).await;
        filed.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_made_once_though_the_node_is_killed() {
    let folder = TempDir::with_prefix("keruen-test-").unwrap();
    let mut node = node_on(folder.path()).await;
    let mut clients = Clients::on(&node.channel());
    clients.set_scene().await;
    file_many(&mut clients).await;
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
    for (round, pause_ms) in [700, 350, 100, 250, 50, 450, 150, 300].iter().enumerate() {
        tokio::time::sleep(Duration::from_millis(*pause_ms)).await;
        node.kill();
        // What is kept may be there, torn, or lost.
        let kept = kept(folder.path());
        assert!(!kept.is_empty());
        for path in kept {
            match round % 3 {
                0 => {}
                1 => {
                    let bytes = fs::read(&path).unwrap();
                    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
                }
                _ => fs::remove_file(&path).unwrap(),
            }
        }
        node = node_on(folder.path()).await;
        wait_for_kept(folder.path()).await;
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
