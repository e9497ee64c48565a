//! Whether this node signs checkpoints with the key that auditors know. The node that writes a log on a server tells the
//! others by which key it signs; one that stands by with another key says so while there is time to mend it.

use std::{sync::Arc, time::Duration};

use keruen_log::PostgresLog;
use tokio::{sync::watch, time::sleep};

/// What a health check asks for to learn whether the node would sign checkpoints with the key of those before: not serving where
/// it has another one than the node that writes the log, or wrote it last, and where it has taken the log over from such a
/// node, until it is started again.
pub const SIGNER_HEALTH_SERVICE: &str = "keruen.log.signer";
/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How the key of this node compares with that of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Comparison {
    /// The log's checkpoints are signed by another one, as far as that was told.
    is_other: bool,
    /// This node has written the log after one with another key: auditors know that one, although the log now tells this
    /// node's.
    has_replaced: bool,
}

impl Comparison {
    /// What is known after a look.
    fn next(self, own: &str, known: Option<&str>, is_writing: bool) -> Self {
        let is_other = known.is_some_and(|known| known != own);
        Self {
            is_other,
            has_replaced: self.has_replaced || is_other && is_writing,
        }
    }

    fn fits(self) -> bool {
        !self.is_other && !self.has_replaced
    }
}

/// Looks until the node stops, and tells `fits` what it finds.
pub async fn watch(
    log: Arc<PostgresLog>,
    verifier_key: String,
    fits: watch::Sender<bool>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut leads = log.leads();
    let (mut found, mut can_lead) = (Comparison::default(), true);
    loop {
        let is_writing = *leads.borrow_and_update();
        // Whatever keeps the log from being read is told by those who read it for more.
        if let Ok(known) = log.verifier_key().await {
            let before = found;
            found = before.next(&verifier_key, known.as_deref(), is_writing);
            // Once while it stands by, and once more when it writes all the same.
            if found != before && found.is_other {
                warn(is_writing, &verifier_key, known.as_deref());
            }
            fits.send_replace(found.fits());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_took_over_with_another_key_does_not_fit_because_it_says_so_itself() {
        let looked = |looks: &[(Option<&str>, bool)]| {
            let all = looks
                .iter()
                .fold(Comparison::default(), |found, (known, is_writing)| {
                    found.next("own", *known, *is_writing)
                });
            all.fits()
        };
        // Nobody has said anything, then it did.
        assert!(looked(&[(None, true), (Some("own"), true)]));
        assert!(!looked(&[(Some("other"), false)]));
        // The node that writes was given the same key.
        assert!(looked(&[(Some("other"), false), (Some("own"), false)]));
        // The log tells this node's key by now, and auditors know the other one.
        let taken_over = [
            (Some("other"), false),
            (Some("other"), true),
            (Some("own"), true),
        ];
        assert!(!looked(&taken_over));
        // Started again, it was looked at.
        assert!(looked(&taken_over[2..]));
    }
}
