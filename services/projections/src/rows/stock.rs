//! Rows of stock, and their totals by facility and item.

use std::collections::BTreeSet;

use super::{Rows, delete_if, remember};
use crate::{
    counters::{COLUMNS, COUNTERS, Counts, counters, counts},
    database::{Delete, Put, params},
    failure::StoreError,
    keys::{StockKey, StockRef, TwoRef},
    memory::KeyRef as _,
    table,
};

/// A stock row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StockValue {
    /// As answers tell them.
    counts: Counts,
    /// Units held by themselves, whatever is known of their batch.
    held_here: i64,
    /// Lot number of the batch; empty where there is none.
    lot: String,
}

impl StockValue {
    /// How many are held, if their batch may be used or not.
    fn restated(mut self, is_blocked: bool) -> Option<Self> {
        self.counts.held = if is_blocked {
            self.counts.on_hand.checked_sub(self.counts.reserved)?
        } else {
            self.held_here
        };
        Some(self)
    }

    fn plus(self, change: Counts) -> Option<Self> {
        let held_here = self.held_here.checked_add(change.held)?;
        let counts = self.counts.plus(Counts { held: 0, ..change })?;
        Some(Self {
            counts,
            held_here,
            ..self
        })
    }
}

impl Rows {
    /// Adds to a stock row of a lot and to the total of its facility and item; answers with what that changed, `None`
    /// where it can't be counted.
    pub fn add(
        &mut self,
        key: StockRef<'_>,
        lot: &str,
        change: Counts,
        is_blocked: bool,
    ) -> Result<Option<Counts>, StoreError> {
        let before = self.stock_row(key)?;
        let held = before.counts.held;
        let after = if before.lot == lot {
            before
        } else {
            StockValue {
                lot: lot.to_owned(),
                ..before
            }
        };
        let after = after
            .plus(change)
            .and_then(|after| after.restated(is_blocked));
        self.replace(key, held, after, change)
    }

    /// Says whether the batch of a stock row may be used, and what its lot is where that was wrong; answers with what
    /// that changed, `None` where it can't be counted.
    pub fn restate(
        &mut self,
        key: StockRef<'_>,
        lot: Option<&str>,
        is_blocked: bool,
    ) -> Result<Option<Counts>, StoreError> {
        let mut after = self.stock_row(key)?;
        let held = after.counts.held;
        if let Some(lot) = lot {
            lot.clone_into(&mut after.lot);
        }
        self.replace(key, held, after.restated(is_blocked), Counts::default())
    }

    /// Puts a stock row in the place of one of which so many were held.
    fn replace(
        &mut self,
        key: StockRef<'_>,
        held_before: i64,
        after: Option<StockValue>,
        change: Counts,
    ) -> Result<Option<Counts>, StoreError> {
        let total_key = TwoRef(key.facility_id, key.item_id);
        let before_total = if self.has_totals {
            self.total_row(total_key)?
        } else {
            Counts::default()
        };
        let sums = after.and_then(|after| {
            let held = after.counts.held.checked_sub(held_before)?;
            let change = Counts { held, ..change };
            Some((after, before_total.plus(change)?, change))
        });
        let Some((after, total, change)) = sums else {
            return Ok(None);
        };
        self.stock.set(&key, after);
        if self.has_totals {
            self.totals.set(&total_key, total);
        }
        Ok(Some(change))
    }

    /// The stock rows of an item that are of this batch, or, without one, of this lot; the batch of each comes with it.
    pub fn stock_of(
        &self,
        item_id: &str,
        batch_id: Option<&str>,
        lot: &str,
    ) -> Result<BTreeSet<StockKey>, StoreError> {
        let mut statement = self.connection.prepare_cached(match batch_id {
            Some(_) => {
                "SELECT facility_id, batch_id, owner_id, serial_number FROM stock \
                 WHERE item_id = ?1 AND batch_id = ?2"
            }
            None => {
                "SELECT facility_id, batch_id, owner_id, serial_number FROM stock \
                 WHERE item_id = ?1 AND lot = ?2"
            }
        })?;
        let stored = statement.query_map(params![item_id, batch_id.unwrap_or(lot)], |row| {
            Ok(StockKey {
                facility_id: row.get(0)?,
                item_id: item_id.to_owned(),
                batch_id: row.get(1)?,
                owner_id: row.get(2)?,
                serial_number: row.get(3)?,
            })
        })?;
        // What has not changed since it was written is stored as it is.
        let changed = self.stock.changed().filter(|key| {
            let lot_of = |key| self.stock.get(key).map(|value| value.lot.as_str());
            key.item_id == item_id
                && batch_id.map_or_else(|| lot_of(*key) == Some(lot), |id| key.batch_id == id)
        });
        Ok(stored.into_iter().chain(changed.cloned()).collect())
    }

    /// Whether a unit of an asset is held by itself.
    pub fn is_held_here(&mut self, key: StockRef<'_>) -> Result<bool, StoreError> {
        Ok(self.stock_row(key)?.held_here > 0)
    }

    fn stock_row(&mut self, key: StockRef<'_>) -> Result<StockValue, StoreError> {
        if let Some(value) = self.stock.get(&key) {
            return Ok(value.clone());
        }
        if !self.stored.may_have(table::STOCK.name, &key) {
            return Ok(StockValue::default());
        }
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS}, held_here, lot FROM stock \
                 WHERE facility_id = ?1 AND item_id = ?2 AND batch_id = ?3 AND owner_id = ?4 \
             AND serial_number = ?5"
        ))?;
        let values = params![
            key.facility_id,
            key.item_id,
            key.batch_id,
            key.owner_id,
            key.serial_number
        ];
        let stored = statement.query_row(values, |row| {
            Ok(StockValue {
                counts: counts(row, 0)?,
                held_here: row.get(COUNTERS)?,
                lot: row.get(COUNTERS + 1)?,
            })
        })?;
        Ok(remember(&mut self.stock, key.to_key(), stored))
    }

    fn total_row(&mut self, key: TwoRef<'_>) -> Result<Counts, StoreError> {
        if let Some(total) = self.totals.get(&key) {
            return Ok(*total);
        }
        if !self.stored.may_have(table::STOCK_TOTALS.name, &key) {
            return Ok(Counts::default());
        }
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM stock_totals WHERE facility_id = ?1 AND item_id = ?2"
        ))?;
        let stored = statement.query_row(params![key.0, key.1], |row| counts(row, 0))?;
        Ok(remember(&mut self.totals, key.to_key(), stored))
    }

    pub(super) fn write_stock(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::STOCK)?;
        let mut delete = Delete::new(&self.connection, &table::STOCK)?;
        let keeps_zeros = self.keeps_zeros;
        self.stock.write(|key, value, is_stored| {
            let keys = params![
                key.facility_id,
                key.item_id,
                key.batch_id,
                key.owner_id,
                key.serial_number
            ];
            let is_zero = value.counts.is_zero() && value.held_here == 0;
            if is_zero && !keeps_zeros {
                return delete_if(is_stored, &mut delete, keys);
            }
            let mut values = keys.to_vec();
            values.extend(counters(&value.counts));
            values.extend(params![value.held_here, value.lot]);
            put.known_row(is_stored, &values).map(|()| true)
        })?;
        put.finish()?;
        delete.finish()
    }

    pub(super) fn write_totals(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::STOCK_TOTALS)?;
        let mut delete = Delete::new(&self.connection, &table::STOCK_TOTALS)?;
        self.totals
            .write(|(facility_id, item_id), total, is_stored| {
                let keys = params![facility_id, item_id];
                if total.is_zero() {
                    return delete_if(is_stored, &mut delete, keys);
                }
                let mut values = keys.to_vec();
                values.extend(counters(total));
                put.known_row(is_stored, &values).map(|()| true)
            })?;
        put.finish()?;
        delete.finish()
    }
}
