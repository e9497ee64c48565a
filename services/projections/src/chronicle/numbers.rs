//! The numbers of holdings and of pairs.

use std::cell::Cell;

use super::{Chronicle, Holding, HoldingKey, Pair};
use crate::{
    counters::{COLUMNS, Counts, counts},
    database::params,
    failure::StoreError,
    keys::TwoRef,
    memory::KeyRef as _,
    table,
};

impl Chronicle {
    /// The number of a holding, and when it changed last.
    pub(super) fn holding(&mut self, key: &HoldingKey) -> Result<&Holding, StoreError> {
        if self.known_holding(key)?.is_none() {
            let (id, pair) = self.next_ids()?;
            self.next_ids = Some((id + 1, pair));
            let last_us = Cell::new(i64::MIN);
            self.holdings.set(key, Holding { id, last_us });
        }
        let holding = self.holdings.get(key);
        holding.ok_or_else(|| StoreError::Damaged("a holding is missing".to_owned()))
    }

    /// The same; `None` of what never was.
    pub(super) fn known_holding(
        &mut self,
        key: &HoldingKey,
    ) -> Result<Option<&Holding>, StoreError> {
        if self.holdings.touch(key).is_none()
            && self.stored.may_have(table::HOLDINGS.name, key)
            && let Some(holding) = self.load_holding(key)?
        {
            self.holdings.remember(key.clone(), holding, true);
        }
        Ok(self.holdings.get(key))
    }

    fn load_holding(&self, key: &HoldingKey) -> Result<Option<Holding>, StoreError> {
        let stock = &key.stock;
        self.connection
            .prepare_cached(
                "SELECT holding_id, (SELECT COALESCE(MAX(c.occurred_at_us), ?8) FROM changes c \
                 WHERE c.holding_id = holdings.holding_id) FROM holdings WHERE facility_id = ?1 AND item_id = ?2 AND batch_id = ?3 \
                 AND owner_id = ?4 AND custodian_id = ?5 AND origin_id = ?6 AND serial_number = ?7",
            )?
            .query_row(
                params![
                    stock.facility_id,
                    stock.item_id,
                    stock.batch_id,
                    stock.owner_id,
                    key.custodian_id,
                    key.origin_id,
                    stock.serial_number,
                    i64::MIN
                ],
                |row| {
                    Ok(Holding {
                        id: row.get(0)?,
                        last_us: Cell::new(row.get(1)?),
                    })
                },
            )
    }

    /// A pair, to be changed; a new one has its first day now.
    pub(super) fn pair(&mut self, key: TwoRef<'_>, day: i64) -> Result<&mut Pair, StoreError> {
        if self.pairs.get(&key).is_none() {
            let stored = if self.stored.may_have(table::PAIRS.name, &key) {
                self.load_pair(key)?
            } else {
                None
            };
            let is_stored = stored.is_some();
            let pair = match stored {
                Some(pair) => pair,
                None => self.new_pair(day)?,
            };
            self.pairs.remember(key.to_key(), pair, is_stored);
        }
        let pair = self.pairs.change(&key);
        pair.ok_or_else(|| StoreError::Damaged("a pair is missing".to_owned()))
    }

    fn new_pair(&mut self, first_day: i64) -> Result<Pair, StoreError> {
        let (holding, number) = self.next_ids()?;
        self.next_ids = Some((holding, number + 1));
        Ok(Pair {
            number,
            first_day,
            balance: Counts::default(),
        })
    }

    fn load_pair(&self, key: TwoRef<'_>) -> Result<Option<Pair>, StoreError> {
        self.connection
            .prepare_cached(&format!(
                "SELECT pair_id, first_day, {COLUMNS} FROM pairs WHERE facility_id = ?1 AND item_id = ?2"
            ))?
            .query_row(params![key.0, key.1], |row| {
                Ok(Pair {
                    number: row.get(0)?,
                    first_day: row.get(1)?,
                    balance: counts(row, 2)?,
                })
            })
    }

    /// The next numbers of a holding and of a pair.
    pub(super) fn next_ids(&mut self) -> Result<(i64, i64), StoreError> {
        if let Some(next) = self.next_ids {
            return Ok(next);
        }
        let max = |sql: &str| -> Result<i64, StoreError> {
            let found = self
                .connection
                .prepare_cached(sql)?
                .query_row(&[], |row| row.get::<i64>(0))?;
            Ok(found.unwrap_or(0) + 1)
        };
        let next = (
            max("SELECT COALESCE(MAX(holding_id), 0) FROM holdings")?,
            max("SELECT COALESCE(MAX(pair_id), 0) FROM pairs")?,
        );
        self.next_ids = Some(next);
        Ok(next)
    }
}
