//! A node that keeps its log on PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::{ffi::OsStr, fs, path::Path, process::Command, time::Duration};

use keruen::{
    generate::{Options, play},
    serve::{KEY_FILE_NAME, SIGNER_HEALTH_SERVICE},
};

use keruen_proto::events::v1::{GetLogHeadRequest, event_service_client::EventServiceClient};
use keruen_test_servers::postgres::Database;
use keruen_tests::{
    history,
    message::{consume, request},
    node::Node,
    program,
    scene::{self, Clients, MASK_A, NORTH},
};
use serde_json::Value;
use tempfile::TempDir;
use tonic::Code;
use uuid::Uuid;

fn serve(database: &Database, name: &str, views: &Path) -> Command {
    let arguments = [
        OsStr::new("serve"),
        OsStr::new("--database-url"),
        OsStr::new(database.url()),
        OsStr::new("--node"),
        OsStr::new(name),
        OsStr::new("--data"),
        views.as_os_str(),
    ];
    let anywhere = ["--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"].map(OsStr::new);
    program::command(arguments.into_iter().chain(anywhere))
}

async fn node(database: &Database, name: &str, views: &Path) -> Node {
    Node::start(&mut serve(database, name, views), views).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_stands_by_while_another_runs_and_takes_over_when_it_was_killed() {
    let database = Database::new();
    let folders = [(); 3].map(|()| TempDir::new().unwrap());
    let mut first = node(&database, "first", folders[0].path()).await;
    let mut clients = Clients::on(&first.channel());
    clients.set_scene().await;
    let position = clients.donate("MASKS", MASK_A, 100, NORTH).await;
    let rows = scene::stock(&mut clients, position).await;
    assert!(!first.stderr().contains("panicked"));
    first.kill();

    // Its views are gone with its folder; they are made again.
    let mut second = node(&database, "second", folders[1].path()).await;
    second.wait_until_writing().await;
    let mut clients = Clients::on(&second.channel());
    assert_eq!(scene::stock(&mut clients, position).await, rows);
    let used = clients
        .inventory
        .consume_stock(request(consume(NORTH, MASK_A, 10)))
        .await;
    assert_eq!(used.unwrap().into_inner().position, position + 1);

    let third = node(&database, "third", folders[2].path()).await;
    assert!(!third.writes().await && second.writes().await);
    let mut others = Clients::on(&third.channel());
    let used = consume(NORTH, MASK_A, 10);
    let refused = others
        .inventory
        .consume_stock(request(used.clone()))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    assert!(refused.message().contains("second"), "{refused}");
    // It answers what is asked, with what the other one records.
    let rows = scene::stock(&mut clients, position + 1).await;
    assert_eq!(scene::stock(&mut others, position + 1).await, rows);

    second.kill();
    third.wait_until_writing().await;
    let used = others.inventory.consume_stock(request(used)).await;
    assert_eq!(used.unwrap().into_inner().position, position + 2);
    let events = history::read(&third.channel()).await;
    assert_eq!(events.len() as u64, position + 2);
    history::check(&events);
    for node in [second, third] {
        assert!(!node.stderr().contains("panicked"), "{}", node.stderr());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_has_a_name_and_a_folder_of_its_own() {
    let database = Database::new();
    let folders = [(); 4].map(|()| TempDir::new().unwrap());
    let [own, other, restored, backups] = folders.each_ref().map(TempDir::path);
    let refused =
        |name: &str, folder: &Path| program::output(&mut serve(&database, name, folder)).refused(1);
    let mut first = node(&database, "first", own).await;
    let told = refused("first", other);
    assert!(told.contains("another name with --node"), "{told}");
    let told = refused("second", own);
    let holder = format!("process {} uses the folder {}", first.pid(), own.display());
    assert!(
        told.contains(&holder) && told.contains("--data DIR"),
        "{told}"
    );

    // Another log, by way of a backup.
    let embedded = Node::new().await;
    let backup = backups.join("keruen.backup");
    let copy = |verb: &str, folder: &Path| {
        let arguments = [OsStr::new(verb), backup.as_os_str(), OsStr::new("--data")];
        program::run(arguments.into_iter().chain([folder.as_os_str()]))
    };
    copy("backup", embedded.data()).success();
    copy("restore", restored).success();
    let log_ids = [log_id(&first).await, log_id(&embedded).await];
    first.kill();
    let told = refused("first", restored);
    for log_id in log_ids {
        assert!(told.contains(&log_id), "{log_id}: {told}");
    }
}

/// Identity of the node's log, in hexadecimal digits.
async fn log_id(node: &Node) -> String {
    let mut service = EventServiceClient::new(node.channel());
    let head = service.get_log_head(GetLogHeadRequest {}).await.unwrap();
    let log_id = Uuid::from_slice(&head.get_ref().log_id).unwrap();
    log_id.simple().to_string()
}

/// What `keruen doctor` says of the key in a folder: its state, and what to do.
fn signer(database: &Database, folder: &Path) -> (String, String) {
    let told = program::run([
        OsStr::new("doctor"),
        OsStr::new("--database-url"),
        OsStr::new(database.url()),
        OsStr::new("--data"),
        folder.as_os_str(),
        OsStr::new("--format"),
        OsStr::new("json"),
    ]);
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    let checks = told["checks"].as_array().unwrap();
    let found = checks.iter().find(|it| it["check"] == "signer").unwrap();
    let text = |name: &str| found[name].as_str().unwrap().to_owned();
    (text("state"), text("what_to_do"))
}

async fn until_signer_is(node: &Node, fits: bool) {
    let asked = async {
        while node.is_healthy(SIGNER_HEALTH_SERVICE).await != fits {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_mins(1), asked).await;
    assert!(found.is_ok(), "{}", node.stderr());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_with_another_key_says_so_until_it_has_the_same() {
    const WARNING: &str = "another checkpoint key";
    let database = Database::new();
    let folders = [(); 2].map(|()| TempDir::new().unwrap());
    let mut first = node(&database, "first", folders[0].path()).await;
    first.wait_until_writing().await;
    until_signer_is(&first, true).await;

    // The second one made a key of its own, in a folder of its own.
    let mut second = node(&database, "second", folders[1].path()).await;
    until_signer_is(&second, false).await;
    assert_eq!(second.stderr().matches(WARNING).count(), 1);
    assert!(!first.stderr().contains(WARNING));
    assert_eq!(signer(&database, folders[0].path()).0, "ok");
    let (state, advice) = signer(&database, folders[1].path());
    assert_eq!(state, "attention");
    assert!(advice.contains("copy checkpoint.key"), "{advice}");
    second.kill();

    let key = |folder: &TempDir| folder.path().join(KEY_FILE_NAME);
    fs::copy(key(&folders[0]), key(&folders[1])).unwrap();
    let second = node(&database, "second", folders[1].path()).await;
    until_signer_is(&second, true).await;
    assert_eq!(signer(&database, folders[1].path()).0, "ok");
    first.kill();
    second.wait_until_writing().await;
    until_signer_is(&second, true).await;
    assert!(!second.stderr().contains(WARNING), "{}", second.stderr());
}

/// What can be asked without naming anything. Positions are those of the month that is played below.
const QUESTIONS: &[&str] = &[
    "stock --by region,facility,item,batch,owner,asset",
    "stock --by region,commodity --order-by commodity",
    "stock --by facility,batch --known-at 300",
    "stock --by facility,batch --as-of YESTERDAY",
    "stock --by region,item --known-at 400 --as-of YESTERDAY",
    "stock shortages",
    "stock held",
    "stock counts",
    "report unmet",
    "report unmet --totals",
    "report expiring --within-days 400",
    "report reorder --all",
    "report exceptions",
    "liability list",
    "liability list --known-at 400",
    "inbox",
    "request list",
    "shipment list",
    "donation list",
    "plan list",
    "emergency list",
    "trip list",
    "goods list",
    "asset list",
    "recall list",
    "organisation list",
    "facility list",
    "item list",
];

/// Of times only their days: two runs are not given the same command in the same second.
fn without_hours(value: &mut Value) {
    match value {
        Value::String(text) if text.len() >= 20 && text.as_bytes()[10] == b'T' => text.truncate(10),
        Value::Array(values) => values.iter_mut().for_each(without_hours),
        Value::Object(fields) => {
            fields.retain(|name, _| !name.ends_with("Us"));
            fields.values_mut().for_each(without_hours);
        }
        _ => {}
    }
}

fn answer(node: &Node, question: &str, yesterday: &str) -> Vec<Value> {
    let words = question.split_whitespace().map(|word| match word {
        "YESTERDAY" => yesterday,
        word => word,
    });
    let told = node.cli(words.chain(["--format", "json"])).success();
    let mut answer: Vec<Value> = serde_json::Deserializer::from_str(&told)
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{question}: {error}: {told}"));
    // A list is told as one array.
    if let [Value::Array(rows)] = &mut answer[..] {
        answer = std::mem::take(rows);
    }
    answer.iter_mut().for_each(without_hours);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_told_as_on_files() {
    let (database, folder) = (Database::new(), TempDir::new().unwrap());
    let nodes = [
        node(&database, "first", folder.path()).await,
        Node::new().await,
    ];
    let options = Options {
        days: 2,
        scale: 0.02,
        ..Options::new("", 5)
    };
    let mut reports = Vec::new();
    for node in &nodes {
        let server = node.grpc_url().to_owned();
        let options = Options {
            server,
            ..options.clone()
        };
        let report = play(&options, |_, _| {}).await.unwrap();
        assert_eq!(report.surprises, Vec::<String>::new());
        history::check(&history::read(&node.channel()).await);
        reports.push(report);
    }
    assert_eq!(reports[0], reports[1]);
    let yesterday = options.last_day.pred_opt().unwrap().to_string();
    let mut told = 0;
    for question in QUESTIONS {
        let [on_server, on_files] = nodes
            .each_ref()
            .map(|node| answer(node, question, &yesterday));
        for (on_server, on_files) in on_server.iter().zip(&on_files) {
            assert_eq!(on_server, on_files, "{question}");
        }
        assert_eq!(on_server.len(), on_files.len(), "{question}");
        told += usize::from(!on_files.is_empty());
    }
    assert!(told > QUESTIONS.len() / 2, "{told} have an answer");
}
