//! Rows that a batch of events touches: read on first touch, changed in memory, written once at the end.

use std::collections::{BTreeMap, BTreeSet};

use keruen_proto::stock::v1::TraceStep;
use prost::Message;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{counts::Counts, failure::StoreError};

/// Names a stock row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(
    clippy::struct_field_names,
    reason = "they are named like their columns"
)]
pub struct StockKey {
    /// Where.
    pub facility_id: String,
    /// Of what.
    pub item_id: String,
    /// Of which batch.
    pub batch_id: String,
    /// Whose.
    pub owner_id: String,
}

/// A stock row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct StockValue {
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

/// Names a place of units of one batch and one owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlaceKey {
    /// Of which batch.
    pub batch_id: String,
    /// Whose.
    pub owner_id: String,
    /// Where, or to where.
    pub facility_id: String,
    /// `TraceStatus`.
    pub status: i32,
    /// In which shipment; empty where none.
    pub shipment_id: String,
}

/// What is at a place.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlaceValue {
    /// Base units.
    pub quantity: i64,
    /// Position of the event that changed it last.
    pub since_position: u64,
}

/// Where a unit of an asset is.
#[derive(Clone, Debug)]
pub struct Whereabouts {
    /// The place.
    pub place: PlaceKey,
    /// Position of the event that brought it there.
    pub since_position: u64,
}

/// A step that is to be written.
#[derive(Clone, Debug)]
pub struct NewStep {
    /// Of which batch.
    pub batch_id: String,
    /// Of what.
    pub item_id: String,
    /// Number within its event, from 0.
    pub number: i32,
    /// The step.
    pub step: TraceStep,
}

/// The rows of stock and places, as they will be.
pub struct Rows<'c> {
    connection: &'c Connection,
    stock: BTreeMap<StockKey, StockValue>,
    totals: BTreeMap<(String, String), Counts>,
    places: BTreeMap<PlaceKey, PlaceValue>,
    /// `None` where a unit never came.
    serials: BTreeMap<(String, String), Option<Whereabouts>>,
    steps: Vec<NewStep>,
    /// Batches, and batches of kits that hold units of them.
    kit_parts: BTreeSet<(String, String)>,
}

impl<'c> Rows<'c> {
    /// As stored.
    pub fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            stock: BTreeMap::new(),
            totals: BTreeMap::new(),
            places: BTreeMap::new(),
            serials: BTreeMap::new(),
            steps: Vec::new(),
            kit_parts: BTreeSet::new(),
        }
    }

    /// Adds to a stock row of a lot and to the total of its facility and item; `false` where that can't be counted.
    pub fn add(
        &mut self,
        key: StockKey,
        lot: &str,
        change: Counts,
        is_blocked: bool,
    ) -> Result<bool, StoreError> {
        let before = self.stock_row(&key)?;
        let after = StockValue {
            lot: lot.to_owned(),
            ..before.clone()
        };
        let after = after
            .plus(change)
            .and_then(|after| after.restated(is_blocked));
        self.replace(key, &before, after, change)
    }

    /// Says whether the batch of a stock row may be used, and what its lot is where that was wrong; `false` where that
    /// can't be counted.
    pub fn restate(
        &mut self,
        key: StockKey,
        lot: Option<&str>,
        is_blocked: bool,
    ) -> Result<bool, StoreError> {
        let before = self.stock_row(&key)?;
        let after = StockValue {
            lot: lot.unwrap_or(&before.lot).to_owned(),
            ..before.clone()
        };
        let after = after.restated(is_blocked);
        self.replace(key, &before, after, Counts::default())
    }

    fn replace(
        &mut self,
        key: StockKey,
        before: &StockValue,
        after: Option<StockValue>,
        change: Counts,
    ) -> Result<bool, StoreError> {
        let total_key = (key.facility_id.clone(), key.item_id.clone());
        let before_total = self.total_row(&total_key)?;
        let sums = after.and_then(|after| {
            let held = after.counts.held.checked_sub(before.counts.held)?;
            let total = before_total.plus(Counts { held, ..change })?;
            Some((after, total))
        });
        let Some((after, total)) = sums else {
            return Ok(false);
        };
        self.stock.insert(key, after);
        self.totals.insert(total_key, total);
        Ok(true)
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
                "SELECT facility_id, batch_id, owner_id FROM stock WHERE item_id = ?1 AND batch_id = ?2"
            }
            None => "SELECT facility_id, batch_id, owner_id FROM stock WHERE item_id = ?1 AND lot = ?2",
        })?;
        let stored = statement.query_map(params![item_id, batch_id.unwrap_or(lot)], |row| {
            Ok(StockKey {
                facility_id: row.get(0)?,
                item_id: item_id.to_owned(),
                batch_id: row.get(1)?,
                owner_id: row.get(2)?,
            })
        })?;
        let mut keys = stored.collect::<Result<BTreeSet<_>, _>>()?;
        let is_meant = |key: &StockKey, value: &StockValue| {
            key.item_id == item_id
                && batch_id.map_or_else(|| value.lot == lot, |batch_id| key.batch_id == batch_id)
        };
        keys.extend(
            self.stock
                .iter()
                .filter(|(key, value)| is_meant(key, value))
                .map(|(key, _)| key.clone()),
        );
        Ok(keys)
    }

    /// Sets what is at a place.
    pub fn set_place(&mut self, key: PlaceKey, value: PlaceValue) {
        self.places.insert(key, value);
    }

    /// Sets where a unit of an asset is.
    pub fn set_serial(&mut self, item_id: &str, serial_number: &str, whereabouts: Whereabouts) {
        self.serials.insert(
            (item_id.to_owned(), serial_number.to_owned()),
            Some(whereabouts),
        );
    }

    /// Forgets where a unit of an asset is: it never came.
    pub fn remove_serial(&mut self, item_id: &str, serial_number: &str) {
        self.serials
            .insert((item_id.to_owned(), serial_number.to_owned()), None);
    }

    /// Adds that kits hold, or held, units of a batch.
    pub fn add_kit_part(&mut self, batch_id: &str, kit_batch_id: &str) {
        self.kit_parts
            .insert((batch_id.to_owned(), kit_batch_id.to_owned()));
    }

    /// Adds a step.
    pub fn add_step(&mut self, step: NewStep) {
        self.steps.push(step);
    }

    fn stock_row(&self, key: &StockKey) -> Result<StockValue, StoreError> {
        if let Some(value) = self.stock.get(key) {
            return Ok(value.clone());
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT on_hand, reserved, held, in_transit, received, consumed, disposed, lost, returned, converted, title_in, title_out, held_here, \
             lot FROM stock \
             WHERE facility_id = ?1 AND item_id = ?2 AND batch_id = ?3 AND owner_id = ?4",
        )?;
        let key = params![key.facility_id, key.item_id, key.batch_id, key.owner_id];
        Ok(statement
            .query_row(key, |row| {
                Ok(StockValue {
                    counts: counts(row, 0)?,
                    held_here: row.get(COUNTERS)?,
                    lot: row.get(COUNTERS + 1)?,
                })
            })
            .optional()?
            .unwrap_or_default())
    }

    fn total_row(&self, key: &(String, String)) -> Result<Counts, StoreError> {
        if let Some(counts) = self.totals.get(key) {
            return Ok(*counts);
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT on_hand, reserved, held, in_transit, received, consumed, disposed, lost, returned, converted, title_in, title_out \
             FROM stock_totals \
             WHERE facility_id = ?1 AND item_id = ?2",
        )?;
        let counts = statement
            .query_row(params![key.0, key.1], |row| counts(row, 0))
            .optional()?;
        Ok(counts.unwrap_or_default())
    }

    /// What is at a place.
    pub fn place_row(&self, key: &PlaceKey) -> Result<PlaceValue, StoreError> {
        if let Some(value) = self.places.get(key) {
            return Ok(*value);
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT quantity, since_position FROM places \
             WHERE batch_id = ?1 AND owner_id = ?2 AND facility_id = ?3 AND status = ?4 AND shipment_id = ?5",
        )?;
        let value = statement.query_row(
            params![
                key.batch_id,
                key.owner_id,
                key.facility_id,
                key.status,
                key.shipment_id
            ],
            |row| {
                Ok(PlaceValue {
                    quantity: row.get(0)?,
                    since_position: row.get::<_, i64>(1)?.cast_unsigned(),
                })
            },
        );
        Ok(value.optional()?.unwrap_or_default())
    }

    /// Writes everything.
    pub fn write(&self) -> Result<(), StoreError> {
        self.write_stock()?;
        self.write_totals()?;
        self.write_places()?;
        self.write_serials()?;
        self.write_kit_parts()?;
        self.write_steps()
    }

    fn write_stock(&self) -> Result<(), StoreError> {
        let mut put = self
            .connection
            .prepare_cached(include_str!("sql/put_stock.sql"))?;
        let mut delete = self.connection.prepare_cached(
            "DELETE FROM stock WHERE facility_id = ?1 AND item_id = ?2 AND batch_id = ?3 AND owner_id = ?4",
        )?;
        for (key, value) in &self.stock {
            let it = value.counts;
            if it.is_zero() && value.held_here == 0 {
                delete.execute(params![
                    key.facility_id,
                    key.item_id,
                    key.batch_id,
                    key.owner_id
                ])?;
                continue;
            }
            put.execute(params![
                key.facility_id,
                key.item_id,
                key.batch_id,
                key.owner_id,
                it.on_hand,
                it.reserved,
                it.held,
                it.in_transit,
                it.received,
                it.consumed,
                it.disposed,
                it.lost,
                it.returned,
                it.converted,
                value.lot,
                value.held_here,
                it.title_in,
                it.title_out
            ])?;
        }
        Ok(())
    }

    fn write_totals(&self) -> Result<(), StoreError> {
        let mut put = self
            .connection
            .prepare_cached(include_str!("sql/put_stock_total.sql"))?;
        let mut delete = self
            .connection
            .prepare_cached("DELETE FROM stock_totals WHERE facility_id = ?1 AND item_id = ?2")?;
        for ((facility_id, item_id), it) in &self.totals {
            if it.is_zero() {
                delete.execute(params![facility_id, item_id])?;
                continue;
            }
            put.execute(params![
                facility_id,
                item_id,
                it.on_hand,
                it.reserved,
                it.held,
                it.in_transit,
                it.received,
                it.consumed,
                it.disposed,
                it.lost,
                it.returned,
                it.converted,
                it.title_in,
                it.title_out
            ])?;
        }
        Ok(())
    }

    fn write_places(&self) -> Result<(), StoreError> {
        let mut put = self
            .connection
            .prepare_cached(include_str!("sql/put_place.sql"))?;
        let mut delete = self.connection.prepare_cached(
            "DELETE FROM places \
             WHERE batch_id = ?1 AND owner_id = ?2 AND facility_id = ?3 AND status = ?4 AND shipment_id = ?5",
        )?;
        for (key, value) in &self.places {
            let PlaceKey {
                batch_id,
                owner_id,
                facility_id,
                status,
                shipment_id,
            } = key;
            if value.quantity == 0 {
                delete.execute(params![
                    batch_id,
                    owner_id,
                    facility_id,
                    status,
                    shipment_id
                ])?;
                continue;
            }
            put.execute(params![
                batch_id,
                owner_id,
                facility_id,
                status,
                shipment_id,
                value.quantity,
                value.since_position.cast_signed()
            ])?;
        }
        Ok(())
    }

    fn write_serials(&self) -> Result<(), StoreError> {
        let mut put = self
            .connection
            .prepare_cached(include_str!("sql/put_serial.sql"))?;
        let mut delete = self
            .connection
            .prepare_cached("DELETE FROM serials WHERE item_id = ?1 AND serial_number = ?2")?;
        for ((item_id, serial_number), it) in &self.serials {
            let Some(it) = it else {
                delete.execute(params![item_id, serial_number])?;
                continue;
            };
            put.execute(params![
                item_id,
                serial_number,
                it.place.batch_id,
                it.place.owner_id,
                it.place.facility_id,
                it.place.status,
                it.place.shipment_id,
                it.since_position.cast_signed()
            ])?;
        }
        Ok(())
    }

    fn write_kit_parts(&self) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO kit_parts (batch_id, kit_batch_id) VALUES (?1, ?2)",
        )?;
        for (batch_id, kit_batch_id) in &self.kit_parts {
            statement.execute(params![batch_id, kit_batch_id])?;
        }
        Ok(())
    }

    fn write_steps(&self) -> Result<(), StoreError> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO steps (batch_id, position, step_no, request_id, step) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        let mut insert_serial = self.connection.prepare_cached(
            "INSERT INTO serial_steps (item_id, serial_number, batch_id, position, step_no) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for new in &self.steps {
            let step = &new.step;
            let position = step.position.cast_signed();
            insert.execute(params![
                new.batch_id,
                position,
                new.number,
                step.request_id,
                step.encode_to_vec()
            ])?;
            for serial_number in &step.serial_numbers {
                insert_serial.execute(params![
                    new.item_id,
                    serial_number,
                    new.batch_id,
                    position,
                    new.number
                ])?;
            }
        }
        Ok(())
    }
}

/// Counters of a row.
const COUNTERS: usize = 12;

/// The counters of a row, from column `first` on.
pub fn counts(row: &rusqlite::Row<'_>, first: usize) -> Result<Counts, rusqlite::Error> {
    Ok(Counts {
        on_hand: row.get(first)?,
        reserved: row.get(first + 1)?,
        held: row.get(first + 2)?,
        in_transit: row.get(first + 3)?,
        received: row.get(first + 4)?,
        consumed: row.get(first + 5)?,
        disposed: row.get(first + 6)?,
        lost: row.get(first + 7)?,
        returned: row.get(first + 8)?,
        converted: row.get(first + 9)?,
        title_in: row.get(first + 10)?,
        title_out: row.get(first + 11)?,
    })
}
