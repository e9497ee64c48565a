//! Appends from outside: gRPC commands to a node, beside a call that does nothing.

use keruen_proto::registry::v1::{
    Organisation, OrganisationKind, RegisterOrganisationRequest,
    registry_service_client::RegistryServiceClient,
};
use keruen_tests::{
    message::{name, request},
    node::Node,
    program,
};
use std::ffi::OsString;
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use uuid::Uuid;

use crate::{
    Run,
    measure::{Appender, Lane, Until, rate_ratio},
    report::Report,
    store::{Backend, Store},
};

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
                external_ids: vec![],
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
