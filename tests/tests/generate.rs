//! A made-up month keeps the books in order, and leads through everything that can happen.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use keruen::generate::{BEYOND_REACH, Coverage, Options, play, uncovered};
use keruen_tests::{history, node::Node};

fn small(server: &str, seed: u64) -> Options {
    Options {
        days: 6,
        scale: 0.05,
        ..Options::new(server, seed)
    }
}

/// With some of the scenes only.
fn tiny(server: &str, seed: u64) -> Options {
    Options {
        days: 2,
        scale: 0.02,
        ..Options::new(server, seed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_can_happen_happens_and_the_books_agree() {
    let node = Node::new().await;
    let report = play(&small(node.grpc_url(), 1), |_, _| {}).await.unwrap();
    assert_eq!(report.surprises, Vec::<String>::new());
    let events = history::read(&node.channel()).await;
    assert_eq!(events.len() as u64, report.position);
    history::check(&events);
    // The table, as `keruen generate --coverage` prints it.
    for (kind, name, times) in Coverage::of(&report).rows() {
        eprintln!("{times:>6} {kind:<6} {name}");
    }
    let missing = uncovered(&report);
    assert_eq!(
        missing, BEYOND_REACH,
        "is reached by no scene, or no longer beyond reach"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_gives_the_same_commands() {
    let node = Node::new().await;
    let options = tiny(node.grpc_url(), 2);
    let first = play(&options, |_, _| {}).await.unwrap();
    let other = Node::new().await;
    let options = tiny(other.grpc_url(), 2);
    let elsewhere = play(&options, |_, _| {}).await.unwrap();
    assert_eq!(elsewhere, first);
    let ids = |events: Vec<keruen_proto::log::v1::RecordedEvent>| {
        let ids = events.into_iter().map(|it| (it.event_id, it.r#type));
        ids.collect::<Vec<_>>()
    };
    let [one, two] = [&node, &other].map(Node::channel);
    assert_eq!(
        ids(history::read(&one).await),
        ids(history::read(&two).await)
    );
}

/// The books agree after twenty short months of different people, each on a node of its own.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_seeds_keep_the_books_in_order() {
    for seed in 1..=20 {
        let node = Node::new().await;
        let report = play(&tiny(node.grpc_url(), seed), |_, _| {}).await.unwrap();
        assert_eq!(report.surprises, Vec::<String>::new(), "seed {seed}");
        history::check(&history::read(&node.channel()).await);
        assert!(
            node.cli(["check"]).success().contains("keep"),
            "seed {seed}"
        );
    }
}
