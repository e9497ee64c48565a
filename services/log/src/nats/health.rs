//! How a process of the log is. Asking changes nothing.

use std::{sync::atomic::Ordering, time::Duration};

use futures::StreamExt as _;
use keruen_proto::log::v1::LogHealth;
use prost::Message as _;
use tokio::{
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

use super::{
    connection::NatsConnection,
    endpoint::{Shared, told_to_stop},
    names::NatsNames,
};

/// More answers than this are not waited for.
const MAX_ANSWERS: usize = 100;

/// Why nobody could be asked how the log is.
#[derive(Debug, thiserror::Error)]
pub enum NatsHealthError {
    /// No server is there.
    #[error("no NATS server answers at {0}")]
    Unreachable(String),
    /// The server refused.
    #[error("NATS at {at}: {reason}")]
    Refused {
        /// The servers, without a password.
        at: String,
        /// What the client library says.
        reason: String,
    },
}

impl NatsConnection {
    /// Asks every process of the log how it is, and takes the answers that come within `patience`; none where NATS says
    /// that nobody listens.
    pub async fn ask_health(
        &self,
        names: &NatsNames,
        patience: Duration,
    ) -> Result<Vec<LogHealth>, NatsHealthError> {
        let at = self.at().to_owned();
        let until = Instant::now() + patience;
        if timeout_at(until, self.wait_until_up()).await.is_err() {
            return Err(NatsHealthError::Unreachable(at));
        }
        let refused = |error: &dyn std::fmt::Display| NatsHealthError::Refused {
            at: at.clone(),
            reason: error.to_string(),
        };
        let client = self.client();
        let inbox = client.new_inbox();
        let mut answers = client
            .subscribe(inbox.clone())
            .await
            .map_err(|error| refused(&error))?;
        client
            .publish_with_reply(names.health(), inbox, "".into())
            .await
            .map_err(|error| refused(&error))?;
        let mut healths = Vec::new();
        // From now on, however long the connection took.
        let answering = async {
            while let Some(answer) = answers.next().await {
                if answer.status.is_some() {
                    // Nobody listens.
                    break;
                }
                if let Ok(health) = LogHealth::decode(answer.payload) {
                    healths.push(health);
                }
                if healths.len() == MAX_ANSWERS {
                    break;
                }
            }
        };
        // How many they are nobody knows, so that this is waited out.
        let _ = timeout(patience, answering).await;
        Ok(healths)
    }
}

/// Answers, one question after the other. What a question holds doesn't matter.
pub(super) async fn serve(shared: &Shared, mut stopped: watch::Receiver<bool>) {
    let serving = async {
        loop {
            let mut questions = shared.subscribe(shared.options.names.health()).await;
            while let Some(question) = questions.next().await {
                if let Some(reply) = shared.reply_of(&question) {
                    shared.answer(reply, &health(shared).await).await;
                }
            }
        }
    };
    tokio::select! {
        () = told_to_stop(&mut stopped) => {}
        () = serving => {}
    }
}

async fn health(shared: &Shared) -> LogHealth {
    let options = &shared.options;
    let mut health = LogHealth {
        node: options.node.clone(),
        position: *shared.log.watch_head().borrow(),
        leads: *shared.leads.borrow(),
        pending_appends: shared.pending.load(Ordering::Relaxed),
        relay: options.relay.as_ref().map(|relay| relay.borrow().clone()),
        ..LogHealth::default()
    };
    match shared.log.head().await {
        Ok(head) => {
            health.log_id = head.log_id.to_vec();
            health.position = head.position;
        }
        Err(error) => health.trouble = error.to_string(),
    }
    health
}
