//! The index of a stopped node's store is damaged, and its operator mends it with what he was told.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{path::Path, process::Stdio, time::Duration};

use keruen_log::{
    AppendRequest, IndexOptions, Log, PostgresLog, PostgresOptions, ProposedEvent, SqliteLog,
    SqliteOptions,
};
use keruen_proto::log::v1::{OccurredAt, TimePrecision};
use keruen_test_servers::{postgres::Database, process::Process};
use keruen_tests::program;
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

const COMMAND: &str = "`keruen log reindex`";
const EVENTS: u64 = 30_000;

fn event(number: u64) -> ProposedEvent {
    ProposedEvent {
        r#type: "keruen.test.v1.Stored".to_owned(),
        tags: vec![format!("own:{number}"), format!("shared:{}", number % 7)],
        occurred_at: Some(OccurredAt {
            precision: TimePrecision::Second.into(),
            ..OccurredAt::default()
        }),
        ..ProposedEvent::default()
    }
}

async fn fill(log: &dyn Log, events: u64) {
    for first in (0..events).step_by(1_000) {
        let request = AppendRequest {
            command_id: Uuid::new_v4().to_string(),
            command_hash: vec![1; 32],
            actor: "test".to_owned(),
            origin: "test".to_owned(),
            events: (first..events.min(first + 1_000)).map(event).collect(),
            ..AppendRequest::default()
        };
        log.append(request).await.unwrap();
    }
}

/// A store with several runs, in the folder of a node.
async fn store(folder: &Path, events: u64) {
    let path = folder.join("keruen.db");
    let log = SqliteLog::open(&path, SqliteOptions::default()).unwrap();
    fill(&log, events).await;
}

fn damage(folder: &Path, sql: &str) {
    let raw = rusqlite::Connection::open(folder.join("keruen.db")).unwrap();
    raw.execute_batch(sql).unwrap();
}

fn log(verb: &str, place: &[&str]) -> program::Outcome {
    program::run([&["log", verb], place].concat())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_mends_a_damaged_index_with_what_he_is_told() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().to_str().unwrap();
    store(folder.path(), EVENTS).await;
    let stats = json(&log("stats", &["--data", data, "--format", "json"]).success());
    let level = &stats["index"]["levels"][0];
    assert_eq!(
        (&level["runs"], &level["events"]),
        (&7.into(), &28_672.into())
    );
    for name in ["pages", "page_bytes", "filters", "filter_bytes"] {
        assert!(level[name].as_u64() > Some(6), "{name}: {stats:#}");
    }
    assert_eq!(stats["index"]["tail_events"], EVENTS - 28_672);
    let table = log("stats", &["--data", data]).success();
    assert!(table.contains("runs    of level 0"), "{table}");

    damage(
        folder.path(),
        "DELETE FROM run_pages WHERE run = (SELECT id FROM runs WHERE first_position = 8193)",
    );
    let told = log("verify", &["--data", data, "--format", "json"]);
    let findings = json(&told.stdout)["findings"].clone();
    assert_eq!(findings[0]["part"], "index", "{told:?}");
    assert_eq!(findings[0]["position"], 8_193, "{told:?}");
    assert_eq!(findings.as_array().unwrap().len(), 1, "{told:?}");
    assert!(told.refused(1).contains(COMMAND));
    let done = json(&log("reindex", &["--data", data, "--format", "json"]).success());
    assert_eq!(done["kept_events"], 8_192, "{done}");
    assert_eq!(
        (&done["dropped_runs"], &done["runs"]),
        (&5.into(), &7.into())
    );
    log("verify", &["--data", data]).success();
    let done = log("reindex", &["--data", data]).success();
    assert!(done.contains("agrees with the events"), "{done}");

    // One that a node can't even start on.
    damage(folder.path(), "DELETE FROM runs WHERE first_position = 1");
    let mut serve = program::command(["serve", "--data", data]);
    serve.args(["--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"]);
    let told = program::output(&mut serve).refused(1);
    assert!(told.contains(COMMAND), "{told}");
    let done = log("reindex", &["--data", data]).success();
    assert!(done.contains("made anew"), "{done}");
    log("verify", &["--data", data]).success();
    let open = SqliteLog::open(&folder.path().join("keruen.db"), SqliteOptions::default()).unwrap();
    let told = log("reindex", &["--data", data]).refused(1);
    assert!(told.contains("has it open"), "{told}");
    fill(&open, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reindex_that_is_killed_goes_on_when_it_is_called_again() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().to_str().unwrap();
    store(folder.path(), 2 * EVENTS).await;
    let database = Database::new();
    let options = PostgresOptions {
        index: IndexOptions::default(),
        ..PostgresOptions::default()
    };
    let on_server = PostgresLog::open(database.url(), options).await.unwrap();
    fill(&on_server, EVENTS).await;
    tokio::task::block_in_place(|| drop(on_server));
    let mut interrupted = 0;
    for place in [["--data", data], ["--database-url", database.url()]] {
        for life_ms in [30, 200, 700] {
            let mut command = program::command(["log", "reindex", "--from-scratch"]);
            command
                .args(place)
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let mut process = Process::spawn(&mut command).unwrap();
            if process.wait(Duration::from_millis(life_ms)).is_none() {
                process.kill();
                interrupted += 1;
            }
            // A killed session may keep the lease for a moment.
            let done = loop {
                let done = log("reindex", &[&place[..], &["--format", "json"]].concat());
                if done.code == Some(0) {
                    break json(&done.stdout);
                }
                assert!(done.stderr.contains("stop that"), "{done:?}");
            };
            assert!(done["position"].as_u64() >= Some(EVENTS), "{done}");
            log("verify", &place).success();
        }
    }
    assert!(interrupted > 0);
}
