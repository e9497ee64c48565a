//! What `keruen doctor` tells of servers: PostgreSQL, and NATS with the relay.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{ffi::OsStr, path::Path, time::Duration};

use keruen_log::{PostgresLog, PostgresOptions};
use keruen_test_servers::{nats, postgres};
use keruen_tests::{
    history,
    node::Node,
    program,
    scene::{Clients, MASK_A, NORTH},
};
use serde_json::Value;
use tempfile::TempDir;

async fn serve(options: &[&str], data: &Path) -> Node {
    let arguments = [
        OsStr::new("serve"),
        OsStr::new("--data"),
        data.as_os_str(),
        OsStr::new("--grpc-addr"),
        OsStr::new("127.0.0.1:0"),
        OsStr::new("--http-addr"),
        OsStr::new("127.0.0.1:0"),
    ];
    let options = options.iter().map(OsStr::new);
    let mut command = program::command(arguments.into_iter().chain(options));
    Node::start(&mut command, data).await
}

/// What the doctor says, and whether all is well.
fn doctor(options: &[&str]) -> (Value, bool) {
    let outcome = program::run([&["doctor", "--format", "json"], options].concat());
    assert!(matches!(outcome.code, Some(0 | 1)), "{outcome:?}");
    assert!(!outcome.stdout.contains("secret"), "{outcome:?}");
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["healthy"], outcome.code == Some(0), "{outcome:?}");
    (report, outcome.code == Some(0))
}

fn check<'r>(report: &'r Value, name: &str) -> &'r Value {
    let checks = report["checks"].as_array().unwrap();
    checks
        .iter()
        .find(|check| check["check"] == name)
        .unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

/// Asks until the relay has published everything.
async fn relay_at_head(options: &[&str]) -> Value {
    loop {
        let (report, _) = tokio::task::block_in_place(|| doctor(options));
        let relay = check(&report, "relay");
        if relay["state"] == "RELAY_STATE_FOLLOWING" && relay["events_behind"] == 0 {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_tells_who_writes_a_log_on_postgres_and_how_the_relay_is() {
    let database = postgres::Database::new();
    let mut server = nats::Server::start();
    let (url, nats_url) = (database.url(), server.url());
    let of_log = ["--database-url", url];
    let (report, well) = doctor(&of_log);
    assert!(!well);
    assert!(
        check(&report, "store")["what_to_do"]
            .as_str()
            .unwrap()
            .contains("keruen serve"),
        "{report:#}"
    );

    let folders = [(); 2].map(|()| TempDir::new().unwrap());
    let with_nats = ["--database-url", url, "--nats-url", &nats_url];
    let first = [&with_nats[..], &["--node", "first"]].concat();
    let mut first = serve(&first, folders[0].path()).await;
    let mut clients = Clients::on(&first.channel());
    clients.set_scene().await;
    clients.donate("MASKS", MASK_A, 100, NORTH).await;
    let second = [&of_log[..], &["--node", "second"]].concat();
    let mut second = serve(&second, folders[1].path()).await;
    let (report, well) = doctor(&of_log);
    assert!(well, "{report:#}");
    let writer = check(&report, "writer");
    assert!(
        writer["writer"].as_str().unwrap().starts_with("first"),
        "{writer:#}"
    );
    assert!(
        writer["standbys"][0]
            .as_str()
            .unwrap()
            .starts_with("second"),
        "{writer:#}"
    );
    assert!(writer["epoch"].as_u64() > Some(0), "{writer:#}");
    let position = check(&report, "store")["position"].as_u64().unwrap();
    assert!(position > 0);

    // Somebody who may not read the log needs a right, not a node.
    let stranger = format!("stranger_to_{}", database.name());
    tokio::task::block_in_place(|| database.execute(&format!("CREATE ROLE {stranger} LOGIN")));
    let as_stranger = database.url_of(&stranger);
    let (report, _) = doctor(&["--database-url", &as_stranger]);
    let advice = check(&report, "store")["what_to_do"].as_str().unwrap();
    assert!(
        advice.contains("GRANT keruen_reader") && !advice.contains("serve"),
        "{report:#}"
    );
    tokio::task::block_in_place(|| database.execute(&format!("DROP ROLE {stranger}")));

    let report = relay_at_head(&with_nats).await;
    let relay = check(&report, "relay");
    assert_eq!(relay["relay_position"], position, "{relay:#}");
    assert_eq!(relay["node"], "first");
    assert_eq!(report["healthy"], true);
    server.stop();
    let (report, _) = doctor(&with_nats);
    assert_eq!(check(&report, "relay")["state"], "attention", "{report:#}");
    assert_eq!(check(&report, "writer")["state"], "ok");
    server.launch();
    relay_at_head(&with_nats).await;

    let views = check(&report, "views")["views"].as_array().unwrap();
    let names = views.iter().map(|view| view["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["current", "history"]);
    for view in views {
        assert!(view["version"].as_u64() > Some(0), "{view:#}");
        assert!(view["position"].as_u64() <= Some(position), "{view:#}");
    }

    for node in [&mut second, &mut first] {
        assert!(node.interrupt().success());
    }
    // What no view can pass is named also while no node runs.
    let log = PostgresLog::open(url, PostgresOptions::default()).await;
    history::append_unknown(&log.unwrap()).await;
    let (report, _) = doctor(&of_log);
    let views = check(&report, "views");
    assert_eq!(views["state"], "attention", "{views:#}");
    assert_eq!(views["views"][0]["is_parked"], true, "{views:#}");
    assert_eq!(views["view_position"], position, "{views:#}");
    assert_eq!(views["events_behind"], 1, "{views:#}");
    let found = views["found"].as_str().unwrap();
    assert!(found.contains("keruen.future.v9.Teleported"), "{found}");
    let position = position + 1;
    let (report, well) = doctor(&with_nats);
    assert!(!well);
    for name in ["writer", "relay"] {
        assert_eq!(check(&report, name)["state"], "attention", "{report:#}");
    }
    assert_eq!(check(&report, "store")["position"], position);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_the_relay_of_an_embedded_node_and_no_other() {
    let server = nats::Server::start();
    let nats_url = server.url();
    let folders = [(); 2].map(|()| TempDir::new().unwrap());
    let [data, other] = folders
        .each_ref()
        .map(|folder| folder.path().to_str().unwrap());
    let mut node = serve(&["--nats-url", &nats_url], folders[0].path()).await;
    Clients::on(&node.channel()).set_scene().await;
    relay_at_head(&["--data", data, "--nats-url", &nats_url]).await;
    // Another log, which nobody passes on.
    assert!(serve(&[], folders[1].path()).await.interrupt().success());
    let (report, _) = doctor(&["--data", other, "--nats-url", &nats_url]);
    let relay = check(&report, "relay");
    assert!(
        relay["found"]
            .as_str()
            .unwrap()
            .contains("none has a relay"),
        "{relay:#}"
    );
    assert!(node.interrupt().success());
}
