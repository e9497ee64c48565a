//! Who waits for whom: movements that have to do with the same stock, batch or shipment follow each other.

use std::collections::HashMap;

use tokio::sync::watch;

/// How many subjects may stand in the table before those that nobody is at are cleared away.
const SWEEP_AT: usize = 4_096;

/// Who came last, by subject.
pub(super) struct Turns {
    last: HashMap<u64, watch::Receiver<()>>,
    sweep_at: usize,
}

/// The turn of one movement; it ends when this is dropped.
pub(super) struct Turn {
    before: Vec<watch::Receiver<()>>,
    _done: watch::Sender<()>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            last: HashMap::new(),
            sweep_at: SWEEP_AT,
        }
    }

    /// A turn after all those that were handed out for any of these subjects.
    pub(super) fn next(&mut self, subjects: &[u64]) -> Turn {
        if self.last.len() >= self.sweep_at {
            // Whoever is done has dropped the other end.
            self.last.retain(|_, last| last.has_changed().is_ok());
            self.sweep_at = SWEEP_AT.max(2 * self.last.len());
        }
        let (done, last) = watch::channel(());
        let before = subjects.iter();
        let before = before.filter_map(|subject| self.last.insert(*subject, last.clone()));
        // A subject that is named twice does not wait for itself.
        let before = before.filter(|before| !before.same_channel(&last));
        Turn {
            before: before.collect(),
            _done: done,
        }
    }
}

impl Turn {
    /// Waits until all before it are done.
    pub(super) async fn wait(&mut self) {
        for mut before in self.before.drain(..) {
            // Nothing is ever sent: it ends with whoever holds the other end.
            while before.changed().await.is_ok() {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;

    use futures::{FutureExt as _, task::noop_waker};

    use super::*;

    fn is_ready(turn: &mut Turn) -> bool {
        let waker = noop_waker();
        let mut context = std::task::Context::from_waker(&waker);
        std::pin::pin!(turn.wait().boxed_local())
            .poll(&mut context)
            .is_ready()
    }

    #[test]
    fn whoever_shares_a_subject_waits_for_all_before_and_for_nobody_else() {
        let mut turns = Turns::new();
        let mut first = turns.next(&[1, 2, 2]);
        let mut second = turns.next(&[2, 3]);
        let mut third = turns.next(&[3]);
        let mut other = turns.next(&[4]);
        assert!(is_ready(&mut first) && is_ready(&mut other));
        assert!(!is_ready(&mut second));
        assert!(!is_ready(&mut third));
        drop(first);
        drop(second);
        let mut later = turns.next(&[1, 2]);
        assert!(is_ready(&mut later));
    }

    #[test]
    fn those_who_are_done_take_no_room() {
        let mut turns = Turns::new();
        let kept = turns.next(&[0]);
        for subject in 1..100_000 {
            drop(turns.next(&[subject]));
        }
        assert!(turns.last.len() <= SWEEP_AT);
        assert!(!is_ready(&mut turns.next(&[0])));
        drop(kept);
    }
}
