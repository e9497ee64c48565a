//! The relay to JetStream, as the node that has it tells over NATS.

use std::{path::PathBuf, time::Duration};

use anyhow::anyhow;
use clap::Args as ClapArgs;
use keruen_log::{NatsConnection, NatsNames, NatsOptions};
use keruen_proto::log::v1::{LogHealth, RelayHealth, RelayState};

use super::{Head, finding::Finding};
use crate::{client::failure::Failure, render::record::grouped};

/// How long answers are waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// A relay that is further behind than this does not follow.
const MAX_LAG_EVENTS: u64 = 10_000;

/// Where NATS is.
#[derive(Clone, Debug, ClapArgs)]
pub struct RelayArgs {
    /// NATS servers of the node, as told to serve: also looks at the relay to JetStream
    #[arg(
        long,
        env = "KERUEN_NATS_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    nats_url: Option<String>,

    /// File with credentials for NATS, as nsc writes it
    #[arg(
        long,
        env = "KERUEN_NATS_CREDENTIALS",
        hide_env_values = true,
        value_name = "FILE",
        requires = "nats_url"
    )]
    nats_credentials: Option<PathBuf>,
}

impl RelayArgs {
    /// What there is to say of the relay of the log that stands at `head`, if NATS was named.
    pub async fn examine(&self, head: Option<&Head>) -> Result<Option<Finding>, Failure> {
        let Some(url) = &self.nats_url else {
            return Ok(None);
        };
        let options = NatsOptions {
            name: "keruen doctor".to_owned(),
            credentials_file: self.nats_credentials.clone(),
        };
        let connection = NatsConnection::connect(url, options)
            .await
            .map_err(|error| anyhow!(error))?;
        let asked = connection.ask_health(&NatsNames::default(), PATIENCE).await;
        Ok(Some(match asked {
            Ok(answers) => of_answers(&answers, head),
            Err(error) => Finding::attention(
                "relay",
                error.to_string(),
                "start nats-server, or name the right one with --nats-url; the node goes on meanwhile, and the relay \
                 catches up by itself",
            ),
        }))
    }
}

fn of_answers(answers: &[LogHealth], head: Option<&Head>) -> Finding {
    let is_ours = |health: &&LogHealth| head.is_none_or(|head| health.log_id == head.log_id);
    let Some(health) = answers
        .iter()
        .filter(is_ours)
        .find(|health| health.relay.is_some())
    else {
        let found = match answers.len() {
            0 => "no node answers over NATS".to_owned(),
            nodes => format!("{nodes} nodes answer over NATS, and none has a relay of this log"),
        };
        return Finding::attention(
            "relay",
            found,
            "start a node with --nats-url, and the roles log and relay if any are named",
        );
    };
    let relay = health.relay.clone().unwrap_or_default();
    of_relay(
        &health.node,
        &relay,
        head.map_or(health.position, |head| head.position),
    )
}

fn of_relay(node: &str, relay: &RelayHealth, head_position: u64) -> Finding {
    let behind = head_position.saturating_sub(relay.position);
    let number = |number: u64| grouped(i64::try_from(number).unwrap_or(i64::MAX));
    let found = format!(
        "node {node}, published up to position {}, {} events behind",
        number(relay.position),
        number(behind)
    );
    let finding = match relay.state() {
        RelayState::Following if behind <= MAX_LAG_EVENTS => Finding::ok("relay", found),
        RelayState::Following => Finding::attention(
            "relay",
            found,
            "run this again in a minute; if it does not come closer, the node's log says why",
        ),
        RelayState::Starting | RelayState::Unspecified => {
            Finding::ok("relay", format!("{found}; it looks at the stream"))
        }
        RelayState::Waiting => Finding::attention(
            "relay",
            format!("{found}; it waits: {}", relay.trouble),
            "bring JetStream back; the relay goes on by itself",
        ),
        RelayState::Stopped => Finding::attention(
            "relay",
            format!("{found}; it has stopped"),
            relay.trouble.clone(),
        ),
    };
    finding
        .figure("node", node)
        .figure("state", relay.state().as_str_name())
        .figure("relay_position", relay.position)
        .figure("events_behind", behind)
}
