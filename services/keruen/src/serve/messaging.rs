//! NATS: how appends get to the process that writes the log, and how the log gets to JetStream.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args as ClapArgs;
use keruen_log::{
    Log, LogEndpoint, LogEndpointOptions, NatsConnection, NatsLog, NatsLogOptions, NatsOptions,
    Relay, RelayOptions, Renderer, RoutedLog,
};
use keruen_proto::{
    cloudevent,
    log::v1::{RelayHealth, RelayState},
};
use tokio::sync::watch;
use tonic_health::{ServingStatus, server::HealthReporter};

use super::{
    roles::{Role, Roles},
    store::StoredLog,
};
use crate::client::value;

/// What a health check asks for to learn whether JetStream follows the log: not serving while the relay waits for
/// JetStream, or has stopped because the stream contradicts the log.
pub const RELAY_HEALTH_SERVICE: &str = "keruen.log.relay";

const DAY: Duration = Duration::from_hours(24);

/// Where NATS is, and how the stream of events is kept there.
#[expect(
    clippy::doc_markdown,
    reason = "the comments are help texts, which show no markup"
)]
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "NATS")]
pub struct NatsArgs {
    /// NATS servers, nats://HOST:4222 or tls://HOST:4222, several with commas between them. The process with the role
    /// log answers appends there, the relay passes the log on to JetStream, other roles append over it. Without it the
    /// node needs no server.
    #[arg(
        long,
        env = "KERUEN_NATS_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub nats_url: Option<String>,

    /// File with credentials for NATS, as nsc writes it.
    #[arg(
        long,
        env = "KERUEN_NATS_CREDENTIALS",
        hide_env_values = true,
        value_name = "FILE",
        requires = "nats_url"
    )]
    pub nats_credentials: Option<PathBuf>,

    /// Copies of the stream KERUEN_EVENTS in a cluster of NATS servers, 1 to 5 [default: 1].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=5), requires = "nats_url")]
    pub stream_replicas: Option<u8>,

    /// Days after which the stream forgets events; the log never does [default: never].
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500), requires = "nats_url")]
    pub stream_max_days: Option<u32>,

    /// Size beyond which the stream forgets its oldest events, for example 20GiB [default: none].
    #[arg(long, value_name = "SIZE", value_parser = value::bytes, requires = "nats_url")]
    pub stream_max_size: Option<u64>,

    /// Position of the first event of a stream that has to be made [default: 1].
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..), requires = "nats_url")]
    pub stream_first: Option<u64>,
}

impl NatsArgs {
    fn relay_options(&self) -> RelayOptions {
        RelayOptions {
            replicas: self.stream_replicas.unwrap_or(1).into(),
            first_position: self.stream_first.unwrap_or(1),
            max_age: self.stream_max_days.map(|days| DAY * days),
            max_bytes: self.stream_max_size,
            ..RelayOptions::default()
        }
    }
}

/// What a process has to do with NATS.
#[derive(Default)]
pub struct Messaging {
    connection: Option<NatsConnection>,
    endpoint: Option<LogEndpoint>,
    relay: Option<Relay>,
}

impl Messaging {
    /// Starts what the roles ask for. NATS need not be there yet.
    pub async fn start(
        args: &NatsArgs,
        roles: &Roles,
        node: &str,
        log: &StoredLog,
    ) -> anyhow::Result<Self> {
        let Some(url) = &args.nats_url else {
            return Ok(Self::default());
        };
        let options = NatsOptions {
            name: format!("keruen {node}"),
            credentials_file: args.nats_credentials.clone(),
        };
        let connection = NatsConnection::connect(url, options).await?;
        let relay = roles.has(Role::Relay).then(|| {
            Relay::start(
                connection.clone(),
                log.shared(),
                renderer(),
                args.relay_options(),
            )
        });
        let endpoint = roles.has(Role::Log).then(|| {
            let options = LogEndpointOptions {
                relay: relay.as_ref().map(Relay::health),
                ..LogEndpointOptions::new(node)
            };
            LogEndpoint::start(connection.clone(), log.shared(), log.leads(), options)
        });
        Ok(Self {
            connection: Some(connection),
            endpoint,
            relay,
        })
    }

    /// The log as services use it: whoever doesn't write it appends over NATS.
    pub fn log_of_services(&self, log: &StoredLog) -> Arc<dyn Log> {
        let (Some(connection), StoredLog::Postgres(stored)) = (&self.connection, log) else {
            return log.shared();
        };
        let remote = NatsLog::new(connection.clone(), log.shared(), NatsLogOptions::default());
        Arc::new(RoutedLog::new(log.shared(), stored.leads(), remote))
    }

    /// How the relay is, where this process has one.
    pub fn relay_health(&self) -> Option<watch::Receiver<RelayHealth>> {
        self.relay.as_ref().map(Relay::health)
    }

    /// Answers what is under way, then stops.
    pub async fn stop(self) {
        if let Some(relay) = self.relay {
            relay.stop().await;
        }
        if let Some(endpoint) = self.endpoint {
            endpoint.stop().await;
        }
    }
}

fn renderer() -> Renderer {
    Arc::new(|event| {
        let event = cloudevent::render(event).map_err(|error| error.to_string())?;
        Ok(event.to_string().into_bytes())
    })
}

/// Tells health checks how the relay is, as if it were a service.
pub async fn report_relay(reporter: HealthReporter, mut relay: watch::Receiver<RelayHealth>) {
    loop {
        let status = match relay.borrow_and_update().state() {
            RelayState::Following => ServingStatus::Serving,
            _ => ServingStatus::NotServing,
        };
        reporter
            .set_service_status(RELAY_HEALTH_SERVICE, status)
            .await;
        if relay.changed().await.is_err() {
            return;
        }
    }
}
