//! Queues of commands per boundary. Commands about the same shipment or the same stock wait for each other, first come
//! first served, instead of racing to the log and losing.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use keruen_domain::Boundary;
use tokio::sync::OwnedMutexGuard;

type Turn = tokio::sync::Mutex<()>;

/// One queue for each boundary that somebody waits for.
#[derive(Debug, Default)]
pub struct Queues {
    turns: Mutex<HashMap<Boundary, Weak<Turn>>>,
}

/// Everybody's turn for some boundaries; it ends when this is dropped.
#[derive(Debug)]
pub struct Turns {
    _guards: Vec<OwnedMutexGuard<()>>,
}

/// How many entries may stand in the table before those that nobody waits for are cleared away.
const SWEEP_AT: usize = 4_096;

impl Queues {
    /// Waits for the turn of all these boundaries. They are taken in sorted order, so that no two commands can wait for
    /// each other.
    pub async fn wait(&self, boundaries: &BTreeSet<Boundary>) -> Turns {
        let mut guards = Vec::with_capacity(boundaries.len());
        for boundary in boundaries {
            let turn = self.turn(boundary);
            guards.push(turn.lock_owned().await);
        }
        Turns { _guards: guards }
    }

    fn turn(&self, boundary: &Boundary) -> Arc<Turn> {
        let mut turns = self.table();
        if let Some(turn) = turns.get(boundary).and_then(Weak::upgrade) {
            return turn;
        }
        if turns.len() >= SWEEP_AT {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = Arc::new(Turn::default());
        turns.insert(boundary.clone(), Arc::downgrade(&turn));
        turn
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Boundary, Weak<Turn>>> {
        // The table is whole after every step, so a panic elsewhere can't have broken it.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
