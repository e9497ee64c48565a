//! A node in several processes: on one PostgreSQL, joined by NATS, with the stream that the ministry reads.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::{ffi::OsStr, path::Path, time::Duration};

use async_nats::jetstream::{
    self, Context,
    consumer::{AckPolicy, DeliverPolicy, pull},
};
use futures::StreamExt as _;
use keruen_proto::registry::v1::{Organisation, OrganisationKind, RegisterOrganisationRequest};
use keruen_test_servers::{nats::Server, postgres::Database};
use keruen_tests::{
    history,
    message::{command_id, consume, name, request},
    node::Node,
    program,
    scene::{self, Clients, HOSPITAL, MASK_A, NORTH, SOUTH},
};
use serde_json::Value;
use tempfile::TempDir;
use tonic::Code;

const SERVICES: &str = "inventory,shipments,requests,registry,projections";
const POLL: Duration = Duration::from_millis(50);

/// A process with some of the roles.
async fn process(roles: &str, options: &[&str], folder: &Path) -> Node {
    let usual = [
        "serve",
        "--roles",
        roles,
        "--grpc-addr",
        "127.0.0.1:0",
        "--http-addr",
        "127.0.0.1:0",
    ];
    let mut command = program::command(usual.iter().chain(options));
    command.arg("--data").arg(folder.join(roles));
    Node::start(&mut command, folder).await
}

/// A user who can only read the log.
struct Reader<'a> {
    database: &'a Database,
    name: String,
}

impl<'a> Reader<'a> {
    fn new(database: &'a Database) -> Self {
        let name = format!("reader_of_{}", database.name());
        let sql = format!("CREATE ROLE {name} LOGIN; GRANT keruen_reader TO {name}");
        tokio::task::block_in_place(|| database.execute(&sql));
        Self { database, name }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let sql = format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name);
        tokio::task::block_in_place(|| self.database.execute(&sql));
    }
}

/// What a subscriber outside gets: sequence and event.
async fn received(jetstream: &Context, filters: &[&str], count: usize) -> Vec<(u64, Value)> {
    let consumer = jetstream
        .create_consumer_on_stream(
            pull::Config {
                deliver_policy: DeliverPolicy::All,
                ack_policy: AckPolicy::Explicit,
                filter_subjects: filters.iter().map(|&filter| filter.to_owned()).collect(),
                ..pull::Config::default()
            },
            "KERUEN_EVENTS",
        )
        .await
        .unwrap();
    let mut messages = consumer.messages().await.unwrap().take(count);
    let mut received = Vec::new();
    while let Some(message) = messages.next().await {
        let message = message.unwrap();
        message.ack().await.unwrap();
        let sequence = message.info().unwrap().stream_sequence;
        received.push((sequence, serde_json::from_slice(&message.payload).unwrap()));
    }
    received
}

fn ids(received: &[(u64, Value)]) -> Vec<(u64, &str)> {
    received
        .iter()
        .map(|(sequence, event)| (*sequence, event["id"].as_str().unwrap()))
        .collect()
}

async fn uses_masks(clients: &mut Clients) -> u64 {
    let command = consume(NORTH, MASK_A, 1);
    loop {
        match clients
            .inventory
            .consume_stock(request(command.clone()))
            .await
        {
            Ok(answer) => return answer.into_inner().position,
            Err(status) => {
                assert_eq!(status.code(), Code::Unavailable, "{status}");
                tokio::time::sleep(POLL).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::too_many_lines,
    reason = "a story from its beginning to its end"
)]
async fn three_processes_are_one_node() {
    let folder = TempDir::new().unwrap();
    let database = Database::new();
    let mut server = tokio::task::block_in_place(Server::not_yet_started);
    let nats = server.url();
    let as_owner = ["--database-url", database.url(), "--nats-url", &nats];

    // NATS is not there yet, which stops nobody.
    let mut log = process("log,relay", &as_owner, folder.path()).await;
    let reader = Reader::new(&database);
    let reader_url = database.url_of(&reader.name);
    let as_reader = ["--database-url", &reader_url, "--nats-url", &nats];
    let services = process(SERVICES, &as_reader, folder.path()).await;
    let gateway = process("gateway", &["--server", services.grpc_url()], folder.path()).await;
    log.wait_until_writing().await;
    assert!(!services.writes().await);
    assert!(!log.is_healthy("keruen.log.relay").await);
    let mut clients = Clients::on(&services.channel());
    let first = RegisterOrganisationRequest {
        command_id: command_id(),
        organisation: Some(Organisation {
            organisation_id: "FIRST".to_owned(),
            name: Some(name("FIRST")),
            kinds: vec![OrganisationKind::Charity.into()],
            ..Organisation::default()
        }),
        ..RegisterOrganisationRequest::default()
    };
    let mut registry = clients.registry.clone();
    let refused = registry.register_organisation(request(first.clone())).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(
        refused.message().contains("no NATS server is connected"),
        "{refused}"
    );
    assert!(
        refused.message().contains("nothing was recorded"),
        "{refused}"
    );
    tokio::task::block_in_place(|| server.launch());
    while let Err(status) = registry.register_organisation(request(first.clone())).await {
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        tokio::time::sleep(POLL).await;
    }
    while !log.is_healthy("keruen.log.relay").await {
        tokio::time::sleep(POLL).await;
    }

    clients.set_scene().await;
    clients.donate("NORTHERN", MASK_A, 1_000, NORTH).await;
    clients.donate("SOUTHERN", MASK_A, 500, SOUTH).await;
    clients.donate("HOSPITAL", MASK_A, 50, HOSPITAL).await;
    let mut position = 0;
    for _ in 0..5 {
        position = uses_masks(&mut clients).await;
    }
    // Every process may die.
    log.kill();
    let refused = clients
        .inventory
        .consume_stock(request(consume(NORTH, MASK_A, 1)))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::Unavailable);
    log = process("log,relay", &as_owner, folder.path()).await;
    position = position.max(uses_masks(&mut clients).await);
    tokio::task::block_in_place(|| {
        server.kill();
        server.launch();
    });
    position = position.max(uses_masks(&mut clients).await);

    // Services of other processes are not here.
    let elsewhere = Clients::on(&log.channel())
        .inventory
        .consume_stock(request(consume(NORTH, MASK_A, 1)))
        .await;
    assert_eq!(elsewhere.unwrap_err().code(), Code::Unimplemented);
    for (service, here) in [
        ("keruen.inventory.v1.InventoryService", false),
        ("keruen.stock.v1.StockService", false),
        ("keruen.events.v1.EventService", true),
    ] {
        assert_eq!(log.is_healthy(service).await, here, "{service}");
        assert!(services.is_healthy(service).await, "{service}");
    }
    let rows = scene::stock(&mut clients, position).await;
    assert!(!rows.is_empty());
    services.cli(["check"]).success();
    let page = ureq::get(gateway.http_url()).call().unwrap();
    assert_eq!(page.status(), 200);

    // What the ministry gets.
    let events = history::read(&services.channel()).await;
    history::check(&events);
    let recorded: Vec<_> = events
        .iter()
        .map(|event| (event.position, event.event_id.as_str()))
        .collect();
    let jetstream = jetstream::new(async_nats::connect(&nats).await.unwrap());
    let all = received(&jetstream, &[], events.len()).await;
    assert_eq!(ids(&all), recorded);
    for ((_, json), event) in all.iter().zip(&events) {
        assert_eq!(json["specversion"], "1.0");
        assert_eq!(json["type"], event.r#type);
        assert!(json["data"].is_object(), "{json}");
    }
    // What a region gets: what happens there, what comes there, and what concerns everybody.
    let concerns = |region: &str| -> Vec<_> {
        let of_region = events.iter().filter(|event| {
            let regions = [event.region.as_str(), event.other_region.as_str()];
            regions.contains(&region) || regions == ["", ""]
        });
        of_region
            .map(|event| (event.position, event.event_id.as_str()))
            .collect()
    };
    let expected = concerns("KZ-62");
    assert!(expected.len() > 1 && expected.len() < events.len());
    let filters = [
        "keruen.events.v1.KZ-62.*.>",
        "keruen.events.v1.*.KZ-62.>",
        "keruen.events.v1._._.>",
    ];
    let regional = received(&jetstream, &filters, expected.len()).await;
    assert_eq!(ids(&regional), expected);
    for node in [&log, &services, &gateway] {
        assert!(!node.stderr().contains("panicked"), "{}", node.stderr());
    }
    drop(services);
    drop(gateway);
    drop(log);
    drop(reader);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_node_passes_its_log_on() {
    let folder = TempDir::new().unwrap();
    let server = tokio::task::block_in_place(Server::start);
    let nats = server.url();
    let mut node = process("all", &["--nats-url", &nats], folder.path()).await;
    let mut clients = Clients::on(&node.channel());
    clients.set_scene().await;
    clients.donate("NORTHERN", MASK_A, 10, NORTH).await;
    let events = history::read(&node.channel()).await;
    while !node.is_healthy("keruen.log.relay").await {
        tokio::time::sleep(POLL).await;
    }
    let jetstream = jetstream::new(async_nats::connect(&nats).await.unwrap());
    let all = received(&jetstream, &[], events.len()).await;
    assert_eq!(all.len(), events.len());
    assert_eq!(ids(&all).last().unwrap().1, events.last().unwrap().event_id);
    assert!(node.interrupt().success());
}

#[test]
fn roles_that_cannot_work_are_refused_with_what_is_missing() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let postgres = ["--database-url", "postgres://nobody@127.0.0.1:1/none"];
    for (roles, options, told) in [
        ("relay", &postgres[..], "--nats-url"),
        (
            "inventory,registry",
            &postgres[..],
            "inventory, registry without the role log",
        ),
        (
            "log",
            &postgres[..],
            "other processes reach the role log over NATS",
        ),
        (
            "log,relay",
            &["--nats-url", "nats://127.0.0.1:1"][..],
            "a log on SQLite belongs to one process",
        ),
        (
            "all",
            &["--nats-url", "http://127.0.0.1:1"][..],
            "is no address of NATS servers",
        ),
    ] {
        let usual = [
            "serve",
            "--roles",
            roles,
            "--grpc-addr",
            "127.0.0.1:0",
            "--http-addr",
            "127.0.0.1:0",
        ];
        let mut command = program::command(usual.iter().chain(options));
        if !options.contains(&"--database-url") {
            command.args([OsStr::new("--data"), data.as_os_str()]);
        }
        let outcome = program::output(&mut command);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(outcome.stderr.contains(told), "{outcome:?}");
    }
    let outcome = program::output(&mut program::command(["serve", "--roles", "everything"]));
    assert_eq!(outcome.code, Some(2));
}
