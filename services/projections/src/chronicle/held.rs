//! What an event changes of how much is held, at all times.

use keruen_proto::Event;

use super::{Chronicle, HoldingKey, Noted, summed};
use crate::{
    blocks::{Block, Moved, restated},
    counters::Counts,
    database::params,
    failure::StoreError,
    keys::StockKey,
};

impl Chronicle {
    /// What an event changes of a holding, by time: where it tells of a time after which a hold or recall came, or of a
    /// hold after which more happened, not only from its own time on; `None` where that can't be counted.
    pub(super) fn changes_of(
        &mut self,
        event: &Event,
        key: &HoldingKey,
        noted: Noted,
        occurred_at_us: i64,
    ) -> Result<Option<Vec<(i64, Noted)>>, StoreError> {
        let Some(lot) = &noted.lot else {
            return Ok(Some(vec![(occurred_at_us, noted)]));
        };
        let StockKey {
            item_id, batch_id, ..
        } = &key.stock;
        let blocks = self.blocks.of(item_id, batch_id, lot)?;
        let holding = self.known_holding(key)?;
        let last_us = holding.map_or(i64::MIN, |it| it.last_us.get());
        let is_restated = !follows(event, &blocks, last_us, occurred_at_us);
        let known = holding.map(|it| it.id);
        if !is_restated || known.is_none() && noted.is_zero() {
            return Ok(Some(vec![(occurred_at_us, noted)]));
        }
        let mut moved = match known {
            Some(holding_id) => self.moved(holding_id)?,
            None => Vec::new(),
        };
        let counts = Counts {
            held: 0,
            ..noted.counts
        };
        let Some(unclaimed) = counts.on_hand.checked_sub(counts.reserved) else {
            return Ok(None);
        };
        let of_event = Moved {
            unclaimed,
            held_here: noted.held_here,
            held: 0,
        };
        moved.push((occurred_at_us, of_event));
        let Some(restated) = restated(moved, &blocks) else {
            return Ok(None);
        };
        let own = Noted { counts, ..noted };
        let held = restated.into_iter().map(|(time_us, held)| {
            let counts = Counts {
                held,
                ..Counts::default()
            };
            let noted = Noted {
                counts,
                ..Noted::default()
            };
            (time_us, noted)
        });
        let all = std::iter::once((occurred_at_us, own)).chain(held).collect();
        Ok(summed(all, Noted::plus).ok())
    }

    /// What was known so far of how much of a holding is held, by time.
    fn moved(&self, holding_id: i64) -> Result<Vec<(i64, Moved)>, StoreError> {
        let mut moved = self
            .connection
            .prepare_cached(
                "SELECT occurred_at_us, on_hand - reserved, held_here, held FROM changes WHERE holding_id = ?1",
            )?
            .query_map(params![holding_id], |row| {
                let moved = Moved {
                    unclaimed: row.get(1)?,
                    held_here: row.get(2)?,
                    held: row.get(3)?,
                };
                Ok((row.get(0)?, moved))
            })?;
        let of_holding = self.changes.iter().filter(|it| it.holding_id == holding_id);
        moved.extend(of_holding.map(|change| {
            let moved = Moved {
                unclaimed: change.counts.on_hand - change.counts.reserved,
                held_here: change.held_here,
                held: change.counts.held,
            };
            (change.occurred_at_us, moved)
        }));
        Ok(moved)
    }
}

/// Whether an event comes after all that bears on how much is held, so that it changes that from its own time on only: what
/// was said of the batch and its lot so far and, where it says such a thing itself, the last change of the holding. What
/// corrects a lot number counts from the beginning.
fn follows(event: &Event, blocks: &[Block], last_us: i64, occurred_at_us: i64) -> bool {
    let is_last = blocks.iter().all(|it| it.occurred_at_us <= occurred_at_us);
    match event {
        Event::BatchDataCorrected(_) => false,
        Event::BatchHeld(_)
        | Event::BatchReleased(_)
        | Event::LotRecalled(_)
        | Event::LotRecallLifted(_) => is_last && last_us <= occurred_at_us,
        _ => is_last,
    }
}
