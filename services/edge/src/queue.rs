//! Queues of commands per tag. Commands about the same shipment or the same stock wait for each other, first come first
//! served, instead of racing to the log and losing. Commands that only change something without having read it, as
//! receipts and dispatches do with stock, can't lose to each other: they pass side by side, but not while somebody
//! decides on it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard};

/// Its queue is fair: nobody overtakes somebody who waits.
type Turn = tokio::sync::RwLock<()>;

/// What a command waits for: tags, each alone or with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims(BTreeMap<String, bool>);

impl Claims {
    /// Alone for what is read, with others for what is only changed.
    pub fn new(read: impl Iterator<Item = String>, changed: impl Iterator<Item = String>) -> Self {
        let mut alone: BTreeMap<String, bool> = changed.map(|tag| (tag, false)).collect();
        alone.extend(read.map(|tag| (tag, true)));
        Self(alone)
    }

    /// Whether whoever has the turns of these claims may decide as others say: everything that is to be had alone is
    /// had alone. What is only changed need not be had. A decision may pick other batches each time it is made, and
    /// going back to the end of every queue for them, it might never come to an end; the log tells if anybody who
    /// decided on them meanwhile was in the way.
    pub fn cover(&self, others: &Self) -> bool {
        let mut read = others.0.iter().filter(|(_, alone)| **alone);
        read.all(|(tag, _)| self.0.get(tag) == Some(&true))
    }
}

/// One queue for each tag that somebody waits for.
#[derive(Debug, Default)]
pub struct Queues {
    turns: Mutex<HashMap<String, Weak<Turn>>>,
}

/// Everybody's turn for some tags; it ends when this is dropped.
#[derive(Debug)]
pub struct Turns {
    _guards: Vec<Guard>,
}

#[derive(Debug)]
enum Guard {
    Alone(#[expect(dead_code, reason = "held until it is dropped")] OwnedRwLockWriteGuard<()>),
    WithOthers(#[expect(dead_code, reason = "held until it is dropped")] OwnedRwLockReadGuard<()>),
}

/// How many entries may stand in the table before those that nobody waits for are cleared away.
const SWEEP_AT: usize = 4_096;

impl Queues {
    /// Waits for the turn of all these tags. They are taken in sorted order, so that no two commands can wait for each
    /// other.
    pub async fn wait(&self, claims: &Claims) -> Turns {
        let mut guards = Vec::with_capacity(claims.0.len());
        for (tag, alone) in &claims.0 {
            let turn = self.turn(tag);
            guards.push(if *alone {
                Guard::Alone(turn.write_owned().await)
            } else {
                Guard::WithOthers(turn.read_owned().await)
            });
        }
        Turns { _guards: guards }
    }

    fn turn(&self, tag: &str) -> Arc<Turn> {
        let mut turns = self.table();
        if let Some(turn) = turns.get(tag).and_then(Weak::upgrade) {
            return turn;
        }
        if turns.len() >= SWEEP_AT {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = Arc::new(Turn::default());
        turns.insert(tag.to_owned(), Arc::downgrade(&turn));
        turn
    }

    fn table(&self) -> MutexGuard<'_, HashMap<String, Weak<Turn>>> {
        // The table is whole after every step, so a panic elsewhere can't have broken it.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
