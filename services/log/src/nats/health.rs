//! How a process of the log is. Asking changes nothing.

use std::sync::atomic::Ordering;

use futures::StreamExt as _;
use keruen_proto::log::v1::LogHealth;
use tokio::sync::watch;

use super::endpoint::{Shared, told_to_stop};

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
