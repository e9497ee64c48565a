//! The views of a node, on the command line: listed, built anew, and asked for the past.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use keruen_tests::{
    node::Node,
    program::{self, Outcome},
    scene::{Clients, MASK_A, NORTH},
};
use serde_json::Value;

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
    assert_eq!(rows[0]["expiry"], "2099-01-31");
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
