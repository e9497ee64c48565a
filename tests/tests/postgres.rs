//! A node that keeps its log on PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::{ffi::OsStr, path::Path};

use keruen_test_servers::postgres::Database;
use keruen_tests::{
    history,
    message::{consume, request},
    node::Node,
    program,
    scene::{self, Clients, MASK_A, NORTH},
};
use tempfile::TempDir;
use tonic::Code;

async fn node(database: &Database, name: &str, views: &Path) -> Node {
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
    let mut command = program::command(arguments.into_iter().chain(anywhere));
    Node::start(&mut command, views).await
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
