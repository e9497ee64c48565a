//! When batches and lots might not be used, so that it is known of any time how much was held.
//!
//! What is held follows from what had happened: of a batch that was blocked by then all that was not claimed, of others the
//! units held by themselves. Facts that become known late change that not only from their own time on, but differently
//! before and after each hold, recall, release and lift that came later.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use keruen_proto::Event;

use crate::{
    database::{Connection, Put, params},
    failure::StoreError,
    memory::{Cache, Extent, Stored},
    table,
};

/// Item, batch and lot of which something is said: of a batch, wherever it is and without its lot, or of a lot, without a
/// batch.
type Scope = (String, String, String);

/// From when on a batch or lot may not be used for a reason, or may again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Whether it is for the lot.
    is_of_lot: bool,
    /// `HoldReason`; 0 of a recall.
    reason: i64,
    position: i64,
    pub occurred_at_us: i64,
    is_blocked: bool,
}

/// What was said of a scope.
#[derive(Debug, Default)]
struct Said {
    /// In the order of positions.
    blocks: Vec<Block>,
    /// So many of them are stored.
    stored: usize,
}

/// Whatever was said of what may be used, as far as it is needed.
pub struct Blocks {
    connection: Rc<Connection>,
    said: Cache<Scope, Said>,
    stored: Stored,
}

impl Blocks {
    /// As stored; `is_empty` where nothing is.
    pub fn new(connection: Rc<Connection>, is_empty: bool) -> Self {
        Self {
            connection,
            said: Cache::default(),
            stored: Stored::new(is_empty),
        }
    }

    /// How many rows are kept in memory.
    pub fn len(&self) -> usize {
        self.said.len()
    }

    /// Forgets what has been written.
    pub fn forget(&mut self, extent: Extent) {
        self.stored
            .forget_rows(table::BLOCKS.name, &mut self.said, extent);
    }

    /// Notes what an event says.
    pub fn note(
        &mut self,
        event: &Event,
        position: i64,
        occurred_at_us: i64,
    ) -> Result<(), StoreError> {
        let Some((scope, reason, is_blocked)) = said_by(event) else {
            return Ok(());
        };
        let block = Block {
            is_of_lot: scope.1.is_empty(),
            reason,
            position,
            occurred_at_us,
            is_blocked,
        };
        self.load(&scope)?;
        if let Some(said) = self.said.change(&scope) {
            said.blocks.push(block);
        }
        Ok(())
    }

    /// All that was said of a batch, and of its lot.
    pub fn of(
        &mut self,
        item_id: &str,
        batch_id: &str,
        lot: &str,
    ) -> Result<Vec<Block>, StoreError> {
        let mut blocks = Vec::new();
        for (batch_id, lot) in [(batch_id, ""), ("", lot)] {
            if batch_id.is_empty() && lot.is_empty() {
                continue;
            }
            let scope = (item_id.to_owned(), batch_id.to_owned(), lot.to_owned());
            blocks.extend_from_slice(self.load(&scope)?);
        }
        Ok(blocks)
    }

    fn load(&mut self, scope: &Scope) -> Result<&[Block], StoreError> {
        if self.said.touch(scope).is_none() {
            let blocks = if self.stored.may_have(table::BLOCKS.name, scope) {
                self.read(scope)?
            } else {
                Vec::new()
            };
            let stored = blocks.len();
            self.said
                .remember(scope.clone(), Said { blocks, stored }, stored > 0);
        }
        let said = self.said.get(scope);
        Ok(said.map_or(&[], |said| &said.blocks))
    }

    fn read(&self, (item_id, batch_id, lot): &Scope) -> Result<Vec<Block>, StoreError> {
        self.connection
            .prepare_cached(
                "SELECT reason, position, occurred_at_us, is_blocked FROM blocks \
                 WHERE item_id = ?1 AND batch_id = ?2 AND lot = ?3 ORDER BY position",
            )?
            .query_map(params![item_id, batch_id, lot], |row| {
                Ok(Block {
                    is_of_lot: batch_id.is_empty(),
                    reason: row.get(0)?,
                    position: row.get(1)?,
                    occurred_at_us: row.get(2)?,
                    is_blocked: row.get::<i64>(3)? == 1,
                })
            })
    }

    /// Writes what was said since the last time.
    pub fn write(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::BLOCKS)?;
        self.said.write(|(item_id, batch_id, lot), said, _| {
            for block in said.blocks.iter().skip(said.stored) {
                put.new_row(params![
                    item_id,
                    batch_id,
                    lot,
                    block.position,
                    block.reason,
                    block.occurred_at_us,
                    block.is_blocked
                ])?;
            }
            said.stored = said.blocks.len();
            Ok::<_, StoreError>(said.stored > 0)
        })?;
        put.finish()
    }
}

/// Of what an event says whether it may be used, for which reason, and whether it is blocked from then on.
fn said_by(event: &Event) -> Option<(Scope, i64, bool)> {
    let of_batch =
        |item_id: &String, batch_id: &String| (item_id.clone(), batch_id.clone(), String::new());
    let of_lot = |item_id: &String, lot: &String| (item_id.clone(), String::new(), lot.clone());
    Some(match event {
        Event::BatchHeld(it) => (of_batch(&it.item_id, &it.batch_id), it.reason.into(), true),
        Event::BatchReleased(it) => (of_batch(&it.item_id, &it.batch_id), it.reason.into(), false),
        Event::LotRecalled(it) => (of_lot(&it.item_id, &it.lot), 0, true),
        Event::LotRecallLifted(it) => (of_lot(&it.item_id, &it.lot), 0, false),
        _ => return None,
    })
}

/// Whether a batch was blocked at a time: for each reason, what was said last counts of all that is from then or earlier.
fn is_blocked(blocks: &[Block], time_us: i64) -> bool {
    let mut reasons = BTreeSet::new();
    let mut known: Vec<_> = blocks
        .iter()
        .filter(|it| it.occurred_at_us <= time_us)
        .collect();
    known.sort_unstable_by_key(|it| it.position);
    for block in known {
        let reason = (block.is_of_lot, block.reason);
        if block.is_blocked {
            reasons.insert(reason);
        } else {
            reasons.remove(&reason);
        }
    }
    !reasons.is_empty()
}

/// Some change of what is at a place, of what bears on how much of it is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Units that nobody claims.
    pub unclaimed: i64,
    /// Units held by themselves.
    pub held_here: i64,
    /// How many count as held.
    pub held: i64,
}

impl Moved {
    fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            unclaimed: self.unclaimed.checked_add(other.unclaimed)?,
            held_here: self.held_here.checked_add(other.held_here)?,
            held: self.held.checked_add(other.held)?,
        })
    }
}

/// By how much more is held than the changes of a holding say, from which times on; `None` where that can't be counted.
/// Each change comes with its time.
pub fn restated(
    changes: impl IntoIterator<Item = (i64, Moved)>,
    blocks: &[Block],
) -> Option<Vec<(i64, i64)>> {
    let mut times: BTreeMap<i64, Moved> = BTreeMap::new();
    for block in blocks {
        times.entry(block.occurred_at_us).or_default();
    }
    for (time_us, moved) in changes {
        let at = times.entry(time_us).or_default();
        *at = at.plus(moved)?;
    }
    let mut restated = Vec::new();
    let (mut there, mut added) = (Moved::default(), 0_i64);
    for (time_us, moved) in times {
        there = there.plus(moved)?;
        let held = if is_blocked(blocks, time_us) {
            there.unclaimed
        } else {
            there.held_here
        };
        let missing = held.checked_sub(there.held)?.checked_sub(added)?;
        if missing != 0 {
            added = added.checked_add(missing)?;
            restated.push((time_us, missing));
        }
    }
    Some(restated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(position: i64, occurred_at_us: i64, is_blocked: bool) -> Block {
        Block {
            is_of_lot: false,
            reason: 1,
            position,
            occurred_at_us,
            is_blocked,
        }
    }

    #[test]
    fn what_was_used_up_before_a_hold_and_became_known_after_it_was_never_held() {
        // 100 came on day 5, all were held on day 10; that 30 of them had been used up on day 8 became known later.
        let of = |unclaimed, held| Moved {
            unclaimed,
            held_here: 0,
            held,
        };
        let changes = [(5, of(100, 0)), (10, of(0, 100)), (8, of(-30, 0))];
        let blocks = [block(2, 10, true)];
        assert_eq!(restated(changes, &blocks), Some(vec![(10, -30)]));
    }

    #[test]
    fn what_was_said_last_counts_for_all_times_from_which_it_is() {
        let blocks = [block(1, 10, true), block(2, 8, false), block(3, 12, true)];
        let blocked = [7, 8, 9, 10, 11, 12, 13].map(|time_us| is_blocked(&blocks, time_us));
        assert_eq!(blocked, [false, false, false, false, false, true, true]);
    }
}
