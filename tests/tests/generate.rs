//! A made-up month keeps the books in order, and leads through everything that can happen.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use keruen::generate::{Coverage, Options, play, uncovered};
use keruen_tests::{history, node::Node};

/// So many reasons for a refusal and states are reached at least. Those that are not are found fault with before anything
/// is decided, or are bounds that only very many commands reach.
const REACHED: usize = 150;

fn small(server: &str, seed: u64) -> Options {
    Options {
        days: 6,
        scale: 0.05,
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
    let coverage = Coverage::of(&report);
    let reached = coverage.rows().filter(|(_, _, times)| *times > 0).count();
    let missing = uncovered(&report);
    eprintln!("{reached} reached, not {missing:?}");
    assert!(reached >= REACHED, "{reached} reached, not {missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_gives_the_same_commands() {
    let node = Node::new().await;
    let options = small(node.grpc_url(), 2);
    let first = play(&options, |_, _| {}).await.unwrap();
    let other = Node::new().await;
    let options = small(other.grpc_url(), 2);
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

/// The books agree after twenty months of different people. It takes a while; `cargo test -p keruen-tests --test generate
/// -- --ignored` plays it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn twenty_months_keep_the_books_in_order() {
    for seed in 1..=20 {
        let node = Node::new().await;
        let report = play(&small(node.grpc_url(), seed), |_, _| {})
            .await
            .unwrap();
        assert_eq!(report.surprises, Vec::<String>::new(), "seed {seed}");
        history::check(&history::read(&node.channel()).await);
    }
}
