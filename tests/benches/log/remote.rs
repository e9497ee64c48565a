//! Appends from outside: over NATS, and by gRPC commands to a node.

use std::{ffi::OsString, sync::Arc, time::Duration};

use keruen_log::{
    AppendError, AppendRequest, Log, LogEndpoint, LogEndpointOptions, NatsConnection, NatsLog,
    NatsLogOptions, NatsOptions,
};
use keruen_proto::registry::v1::{
    Organisation, OrganisationKind, RegisterOrganisationRequest,
    registry_service_client::RegistryServiceClient,
};
use keruen_tests::{
    message::{name, request},
    node::Node,
    program,
};
use tokio::sync::watch;
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use uuid::Uuid;

use crate::{
    Run,
    measure::{Appender, Lane, Until, rate_ratio},
    report::Report,
    store::{Backend, LogAppender, Store},
    workload::{Stocks, World},
};

/// Appends over NATS, in turns with as many appenders at the log itself.
pub async fn nats(run: &mut Run, backend: Backend, report: &mut Report) {
    let url = run.place.nats_url();
    let store = run.place.store(backend);
    let opened = store.open().await;
    let (_leads, leading) = watch::channel(true);
    let options = LogEndpointOptions::new("bench");
    let endpoint = LogEndpoint::start(connect(&url).await, opened.log(), leading, options);
    let client = NatsLog::new(connect(&url).await, opened.log(), NatsLogOptions::default());
    let client: Arc<dyn Log> = Arc::new(client);
    // Until both are connected, nobody answers.
    while let Err(AppendError::Unavailable(_) | AppendError::NotRecorded(_)) =
        client.append(AppendRequest::default()).await
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let world = World::new();
    let lane = |log: &Arc<dyn Log>, appenders, stocks| {
        let authors = world.authors(appenders, stocks, 0);
        let appender = |author| LogAppender {
            log: Arc::clone(log),
            author,
            events: 1,
        };
        Lane::new(authors.into_iter().map(appender).collect())
    };
    let mut far = lane(&client, 256, Stocks::Most);
    let mut near = lane(&opened.log(), 256, Stocks::Some);
    let mut one = lane(&client, 1, Stocks::Few);
    for many in [&mut far, &mut near] {
        many.warm_up(512).await;
    }
    let rounds = run.sizes.rounds;
    let turn = Until::Appends((run.sizes.events / 10 / u64::from(rounds)).max(1));
    for _ in 0..rounds {
        far.run(turn).await;
        near.run(turn).await;
        one.run(Until::Appends(run.sizes.alone_appends)).await;
    }
    endpoint.stop().await;
    opened.close();
    let name = backend.name();
    report.row(name, "256 appenders beside NATS", &near.rounds);
    report.row(name, "256 appenders over NATS", &far.rounds);
    report.row(name, "1 appender over NATS", &one.rounds);
    let ratio = rate_ratio(&far.rounds, &near.rounds);
    report.figure(&format!("{name}_nats_256_over_256"), ratio);
}

async fn connect(url: &str) -> NatsConnection {
    let connected = NatsConnection::connect(url, NatsOptions::default()).await;
    connected.expect("the address is well-formed")
}

/// How many clients share a connection.
const CLIENTS_PER_CONNECTION: usize = 32;

/// Sends a cheap command: an organisation that is new.
struct Registrar {
    client: RegistryServiceClient<Channel>,
    name: String,
    number: u64,
}

impl Appender for Registrar {
    async fn append(&mut self) -> u64 {
        self.number += 1;
        let organisation_id = format!("{}-{}", self.name, self.number);
        let message = RegisterOrganisationRequest {
            command_id: Uuid::new_v4().to_string(),
            organisation: Some(Organisation {
                name: Some(name(&organisation_id)),
                organisation_id,
                kinds: vec![OrganisationKind::Donor.into()],
                ..Organisation::default()
            }),
            ..RegisterOrganisationRequest::default()
        };
        let answer = self.client.register_organisation(request(message)).await;
        answer.expect("the organisation is new");
        1
    }
}

/// Asks whether the node serves.
struct Caller(HealthClient<Channel>);

impl Appender for Caller {
    async fn append(&mut self) -> u64 {
        let request = HealthCheckRequest::default();
        self.0.check(request).await.expect("the node serves");
        1
    }
}

fn channels(node: &Node, clients: usize) -> Vec<Channel> {
    let connections: Vec<_> = (0..clients.div_ceil(CLIENTS_PER_CONNECTION))
        .map(|_| node.channel())
        .collect();
    connections.iter().cycle().take(clients).cloned().collect()
}

fn registrars(node: &Node, clients: usize) -> Lane<Registrar> {
    let registrar = |(number, channel)| Registrar {
        client: RegistryServiceClient::new(channel),
        name: format!("O{clients}-{number}"),
        number: 0,
    };
    Lane::new(
        channels(node, clients)
            .into_iter()
            .enumerate()
            .map(registrar)
            .collect(),
    )
}

/// Commands of 1, 32 and 256 clients to a node in a process of its own.
pub async fn commands(run: &mut Run, backend: Backend, report: &mut Report) {
    let store = run.place.store(backend);
    let data = run.place.folder();
    let anywhere = ["--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"];
    let mut arguments: Vec<OsString> = ["serve", "--data"].map(OsString::from).into();
    arguments.push(data.path().into());
    arguments.extend(anywhere.map(OsString::from));
    if let Store::Pg(database) = &store {
        arguments.extend(["--database-url", database.url()].map(OsString::from));
    }
    let node = Node::start(&mut program::command(arguments), data.path()).await;
    let rounds = run.sizes.rounds;
    let turn = Until::Appends((run.sizes.commands / u64::from(rounds)).max(1));
    let callers = channels(&node, 256)
        .into_iter()
        .map(|channel| Caller(HealthClient::new(channel)));
    let mut calls = Lane::new(callers.collect());
    let mut lanes = [1, 32, 256].map(|clients| (clients, registrars(&node, clients)));
    calls.warm_up(512).await;
    for (_, lane) in &mut lanes {
        lane.warm_up(256).await;
    }
    for _ in 0..rounds {
        for (clients, lane) in &mut lanes {
            let share = if *clients == 1 {
                Until::Appends(run.sizes.alone_appends)
            } else {
                turn
            };
            lane.run(share).await;
        }
        calls.run(turn).await;
    }
    let backend = backend.name();
    report.row(backend, "gRPC health calls ×256", &calls.rounds);
    for (clients, lane) in &lanes {
        report.row(backend, format!("gRPC commands ×{clients}"), &lane.rounds);
        if *clients == 256 {
            let ratio = rate_ratio(&lane.rounds, &calls.rounds);
            report.figure(&format!("{backend}_grpc_256_over_health_calls"), ratio);
        }
    }
}
