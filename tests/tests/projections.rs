//! The views of a node, on the command line: listed, built anew, and asked for the past.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use keruen_log::{AppendRequest, Log as _, ProposedEvent, SqliteLog, SqliteOptions};
use keruen_proto::{
    log::v1::RecordedEvent,
    projections::v1::{
        ListProjectionsRequest, Projection, projection_service_client::ProjectionServiceClient,
    },
};
use keruen_tests::{
    history,
    node::Node,
    program::{self, Outcome},
    scene::{Clients, MASK_A, NORTH},
};
use serde_json::Value;
use tempfile::TempDir;

struct Desk {
    node: Node,
}

impl Desk {
    fn run(&self, words: &str) -> Outcome {
        let mut arguments: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        arguments.extend(["--server".to_owned(), self.node.grpc_url().to_owned()]);
        program::run(arguments)
    }

    fn json(&self, words: &str) -> Value {
        let text = self.run(&format!("{words} --format json")).success();
        serde_json::from_str(&text).unwrap()
    }

    fn head(&self) -> u64 {
        self.json("log stats")["position"].as_u64().unwrap()
    }

    /// On hand of the item, over all facilities; `None` where there is no row.
    fn on_hand(&self, words: &str) -> Option<i64> {
        let rows = self.json(&format!("stock --by item --item {MASK_A} {words}"));
        rows[0]["on_hand"].as_i64()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_is_told_as_it_was_known_and_as_it_was() {
    let node = Node::new().await;
    Clients::on(&node.channel()).set_scene().await;
    let desk = Desk { node };
    let before = desk.head();
    let receive = format!(
        "stock open --facility {NORTH} --line item={MASK_A},quantity=60,lot=A1,expires=2099-01-31 \
         --occurred-at 2021-03-05T10:00:00+05:00"
    );
    desk.run(&receive).success();
    let after = desk.head();
    // What is recorded today was there in 2021, and nobody knew.
    let wait = format!("--min-position {after}");
    assert_eq!(desk.on_hand(&wait), Some(60));
    assert_eq!(
        desk.on_hand(&format!("--as-of 2021-03-05 {wait}")),
        Some(60)
    );
    assert_eq!(desk.on_hand(&format!("--as-of 2021-03-04 {wait}")), None);
    assert_eq!(
        desk.on_hand(&format!("--as-of 2021-03-05T09:59:59+05:00 {wait}")),
        None
    );
    assert_eq!(desk.on_hand(&format!("--known-at {after}")), Some(60));
    assert_eq!(desk.on_hand(&format!("--known-at {before} {wait}")), None);
    assert_eq!(
        desk.on_hand(&format!("--as-of 2021-03-05 --known-at {before} {wait}")),
        None
    );
    assert_eq!(
        desk.on_hand(&format!("--as-of 2021-03-05 --known-at {after} {wait}")),
        Some(60)
    );
    assert_eq!(desk.on_hand(&format!("--known-at 2021-03-06 {wait}")), None);
    let rows = desk.json("stock --by expiry --expires-until 2099-02-01");
    assert_eq!(rows[0]["expires_on"], "2099-01-31");
    assert_eq!(
        desk.json("stock --by expiry --expires-until 2099-01-30"),
        Value::Array(Vec::new())
    );

    let told = desk
        .run(&format!("stock --known-at {}", after + 1_000))
        .refused(1);
    assert!(told.contains("known_at_position"), "{told}");
    desk.run("stock --as-of yesterday").refused(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_listed_and_built_anew() {
    let node = Node::new().await;
    Clients::on(&node.channel()).set_scene().await;
    let desk = Desk { node };
    let names = |views: &Value| -> Vec<String> {
        let views = views.as_array().unwrap().iter();
        views
            .map(|view| view["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let head = desk.head();
    // A question that waits for the view, so that it has come that far.
    desk.json(&format!("stock --min-position {head}"));
    assert_eq!(names(&desk.json("projections")), ["current", "history"]);
    let rebuilt = desk.json("projections rebuild");
    for view in rebuilt.as_array().unwrap() {
        assert_eq!(view["state"], "PROJECTION_STATE_FOLLOWING", "{view}");
        assert_eq!(view["position"], head.to_string(), "{view}");
        assert_eq!(view["version"], view["answeringVersion"], "{view}");
    }
    assert!(desk.node.is_healthy("keruen.view.current").await);
    let told = desk.run("projections rebuild nothing").refused(1);
    assert!(told.contains("current, history"), "{told}");
}

async fn append_unknown(data: &Path) {
    let log = SqliteLog::open(&data.join("keruen.db"), SqliteOptions::default()).unwrap();
    history::append_unknown(&log).await;
}

/// What the doctor says of the views.
fn examined(data: &Path) -> Value {
    let data = data.to_str().unwrap();
    let told = program::run(["doctor", "--format", "json", "--data", data]);
    let report: Value = serde_json::from_str(&told.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let views = checks.iter().find(|check| check["check"] == "views");
    views.unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_are_parked_say_so_wherever_they_answer() {
    let place = TempDir::new().unwrap();
    let mut node = Node::on(place.path()).await;
    Clients::on(&node.channel()).set_scene().await;
    let desk = Desk { node };
    let before = desk.head();
    desk.json(&format!("stock --min-position {before}"));
    let plain = desk.run("stock");
    assert_eq!(plain.stderr, "");
    assert_eq!(examined(place.path())["state"], "ok");
    node = desk.node;
    assert!(node.interrupt().success());
    append_unknown(place.path()).await;
    // Nobody keeps them, and yet it is certain.
    let told = examined(place.path());
    assert_eq!(told["state"], "attention", "{told:#}");
    assert_eq!(told["views"].as_array().unwrap().len(), 2);

    let desk = Desk {
        node: Node::on(place.path()).await,
    };
    let receive = format!("stock open --facility {NORTH} --line item={MASK_A},quantity=60,lot=A1");
    desk.run(&receive).success();
    let head = desk.head();
    desk.run(&format!("stock --min-position {head}"))
        .refused(75);
    for view in desk.json("projections").as_array().unwrap() {
        assert_eq!(view["state"], "PROJECTION_STATE_PARKED", "{view}");
        assert_eq!(view["position"], before.to_string(), "{view}");
        assert_eq!(view["lagEvents"], (head - before).to_string(), "{view}");
        let health = format!("keruen.view.{}", view["name"].as_str().unwrap());
        assert!(!desk.node.is_healthy(&health).await);
    }
    let place_of_it = format!("as of position {before} of {head}: ");
    let event = format!("can't pass the event at position {}; ", before + 1);
    for (words, code) in [
        ("stock", 0),
        ("stock --format json", 0),
        (&*format!("stock --known-at {before}"), 0),
        ("request list --format csv", 0),
        ("shipment list", 0),
        ("report unmet", 0),
        ("report expiring", 0),
        ("report reorder", 0),
        ("inbox", 0),
        ("trace donation NONE", 1),
    ] {
        let told = desk.run(words);
        assert_eq!(told.code, Some(code), "{words}: {told:?}");
        let warnings = told.stderr.matches("warning: ").count();
        assert_eq!(warnings, 1, "{words}: {told:?}");
        assert!(told.stderr.contains(&place_of_it), "{words}: {told:?}");
        assert!(told.stderr.contains(&event), "{words}: {told:?}");
    }
    // What the services answer from the log itself is up to date.
    assert_eq!(desk.run("facility list").stderr, "");
    let page = ureq::get(format!("{}?lang=en", desk.node.http_url())).call();
    let page = page.unwrap().into_body().read_to_string().unwrap();
    assert!(page.contains("class=\"behind\""));

    let told = desk.run("projections rebuild").refused(1);
    for view in ["current", "history"] {
        assert!(
            told.contains(&format!("the view {view} is parked")),
            "{told}"
        );
    }
    let told = examined(place.path());
    assert_eq!(told["state"], "attention", "{told:#}");
    let found = told["found"].as_str().unwrap();
    assert!(found.contains("keruen.future.v9.Teleported"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_tells_the_position_that_it_reflects_if_asked() {
    let node = Node::new().await;
    Clients::on(&node.channel()).set_scene().await;
    let desk = Desk { node };
    let head = desk.head();
    for words in [
        "stock --by facility,item --format csv",
        "request list --format json",
        "donation list",
        "facility list --limit 1 --format json",
    ] {
        let asked = format!("{words} --min-position {head}");
        let plain = desk.run(&asked);
        let told = desk.run(&format!("{asked} --show-position"));
        assert_eq!(plain.stdout, told.stdout);
        let position = format!("as of position {head}");
        assert!(!plain.stderr.contains(&position), "{plain:?}");
        assert!(told.stderr.lines().any(|line| line == position), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_a_filter_is_understood() {
    let node = Node::new().await;
    let told = node.cli(["help", "filter"]).success();
    let plain = node.cli(["filter"]).success();
    let examples = plain.lines().map(str::trim);
    let examples: Vec<&str> = examples.filter(|it| it.starts_with("keruen ")).collect();
    assert!(examples.len() > 5, "{plain}");
    for example in examples {
        assert!(told.contains(example), "{told}");
        // What stands between quotes is one argument.
        let parts = example.split('\'').zip([false, true].into_iter().cycle());
        let arguments = parts.flat_map(|(part, is_quoted)| {
            if is_quoted {
                vec![part]
            } else {
                part.split_whitespace().collect()
            }
        });
        node.cli(arguments.skip(1)).success();
    }
}

/// How often one event is recorded, for a rebuild that takes a while.
const MANY: usize = 60_000;

/// Records copies of an event, while no node runs.
async fn append_copies(data: &Path, event: &RecordedEvent) {
    let log = SqliteLog::open(&data.join("keruen.db"), SqliteOptions::default()).unwrap();
    let proposed = ProposedEvent {
        r#type: event.r#type.clone(),
        tags: event.tags.clone(),
        data: event.data.clone(),
        occurred_at: event.occurred_at,
        ..ProposedEvent::default()
    };
    for _ in 0..MANY / 1_000 {
        let request = AppendRequest {
            command_id: uuid::Uuid::new_v4().to_string(),
            command_hash: vec![7; 32],
            actor: "tester".to_owned(),
            origin: "node".to_owned(),
            events: vec![proposed.clone(); 1_000],
            ..AppendRequest::default()
        };
        log.append(request).await.unwrap();
    }
}

/// The files of the views, but for those beside them.
fn copies(data: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(data).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.starts_with("views-"))
        .filter(|name| Path::new(name).extension().is_some_and(|it| it == "db"))
        .collect()
}

/// Waits until the views of a node are as `is_so` says, and answers with their files then.
async fn until(node: &Node, is_so: impl Fn(&Projection) -> bool) -> BTreeSet<String> {
    let mut client = ProjectionServiceClient::new(node.channel());
    loop {
        let listed = client.list_projections(ListProjectionsRequest {}).await;
        if listed.unwrap().into_inner().projections.iter().all(&is_so) {
            return copies(node.data());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_killed_while_it_built_views_builds_them_to_the_end() {
    let place = TempDir::new().unwrap();
    let mut node = Node::on(place.path()).await;
    let mut clients = Clients::on(&node.channel());
    clients.set_scene().await;
    clients.donate("MASKS", MASK_A, 1_000_000, NORTH).await;
    let consume = format!("stock consume --facility {NORTH} --item {MASK_A} --quantity 2");
    let consume = format!("{consume} --purpose patient");
    node.cli(consume.split(' ')).success();
    let last = history::read(&node.channel()).await.pop().unwrap();
    assert!(last.r#type.ends_with("StockConsumed"), "{}", last.r#type);
    assert!(node.interrupt().success());
    append_copies(place.path(), &last).await;

    let mut node = Node::on(place.path()).await;
    let head = last.position + MANY as u64;
    let at_head = |view: &Projection| view.position == head && view.rebuild.is_none();
    let before = until(&node, at_head).await;
    let questions = [
        "stock --by facility,batch,owner --format json",
        "stock --by item --as-of 2099-01-01 --format json",
        "donation list --format json",
        "trace donation MASKS --format csv",
    ];
    let ask = |node: &Node| questions.map(|words| node.cli(words.split(' ')).success());
    let answers = ask(&node);
    assert!(answers[0].contains(&(1_000_000 - 2 - 2 * MANY).to_string()));

    node.cli(["projections", "rebuild", "--no-wait"]).success();
    let under_way = |view: &Projection| view.rebuild.as_ref().is_some_and(|it| it.position > 0);
    let built = until(&node, under_way).await;
    node.kill();
    assert!(built.is_superset(&before));
    // None of them was complete.
    assert_eq!(built.len(), 2 * before.len(), "{built:?}");

    let node = Node::on(place.path()).await;
    // What answered before answers while they are built to the end.
    assert_eq!(ask(&node), answers);
    // An unfinished copy gets its name when it is complete; the old ones go a little later.
    let is_built = |view: &Projection| {
        let new = copies(place.path());
        at_head(view) && new.difference(&before).all(|name| !built.contains(name))
    };
    let after = until(&node, is_built).await;
    let new: Vec<_> = after.difference(&before).collect();
    assert_eq!(new.len(), before.len(), "{after:?}");
    assert_eq!(ask(&node), answers);
}
