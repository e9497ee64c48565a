//! Whether this node signs checkpoints with the key that auditors know. The node that writes a log on a server tells the
//! others by which key it signs; one that stands by with another key says so while there is time to mend it.

use std::{sync::Arc, time::Duration};

use keruen_log::PostgresLog;
use tokio::{sync::watch, time::sleep};

/// What a health check asks for to learn whether the node would sign checkpoints with the key of those before: not serving where
/// it has another one than the node that writes the log, or wrote it last.
pub const SIGNER_HEALTH_SERVICE: &str = "keruen.log.signer";
/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How the key of this node compares with that of the log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Same,
    Other,
}

/// Looks until the node stops, and tells `fits` what it finds.
pub async fn watch(
    log: Arc<PostgresLog>,
    verifier_key: String,
    fits: watch::Sender<bool>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut leads = log.leads();
    let (mut told, mut can_lead) = (Key::Same, true);
    loop {
        let is_writing = *leads.borrow_and_update();
        // Whatever keeps the log from being read is told by those who read it for more.
        if let Ok(known) = log.verifier_key().await {
            let key = match &known {
                Some(known) if *known != verifier_key => Key::Other,
                _ => Key::Same,
            };
            if key == Key::Other && told == Key::Same {
                warn(is_writing, &verifier_key, known.as_deref());
            }
            told = key;
            fits.send_replace(key == Key::Same);
            if is_writing
                && known.as_ref() != Some(&verifier_key)
                && let Err(error) = log.tell_verifier_key(&verifier_key).await
            {
                tracing::warn!(%error, "the other nodes can't be told by which key this one signs");
            }
        }
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            // A process that only reads the log never leads.
            changed = leads.changed(), if can_lead => can_lead = changed.is_ok(),
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

fn warn(is_writing: bool, own: &str, known: Option<&str>) {
    let known = known.unwrap_or_default();
    if is_writing {
        tracing::warn!(
            verifier_key = own,
            verifier_key_before = known,
            "this node writes the log and signs its checkpoints with another key than the node before: auditors know that \
             one. Copy checkpoint.key here from that node and start this one again, or give auditors the new verifier key"
        );
    } else {
        tracing::warn!(
            verifier_key = own,
            verifier_key_of_writer = known,
            "this node stands by with another checkpoint key than the node that writes the log: auditors would not know its \
             checkpoints. Copy checkpoint.key here from that node, and start this one again"
        );
    }
}
