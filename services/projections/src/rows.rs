//! Rows that events touch: read on first touch, changed in memory, written in bulk.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hash,
    rc::Rc,
};

use keruen_proto::{reports::v1::AuditException, stock::v1::TraceStep};
use prost::Message;

use crate::{
    chronicle::{COLUMNS, Carried, HoldingKey},
    counts::Counts,
    database::{Connection, Delete, Parameter as _, Put, Row, Value, params},
    failure::StoreError,
    keys::{PlaceKey, PlaceRef, StockKey, StockRef, TwoRef},
    memory::{Cache, Extent, KeyRef as _, Stored},
    table,
    view::View,
};

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

/// The row of a step.
struct StepRow {
    batch_id: String,
    position: i64,
    number: i32,
    request_id: String,
    /// `TraceStep`.
    encoded: Vec<u8>,
}

/// The row of a step that a unit of an asset took.
struct SerialStepRow {
    item_id: String,
    serial_number: String,
    batch_id: String,
    position: i64,
    number: i32,
}

/// Somebody took over the stock of a facility.
#[derive(Clone, Debug)]
pub struct TakenOver {
    /// Of which facility.
    pub facility_id: String,
    /// Position of the event.
    pub position: u64,
    /// When.
    pub occurred_at_us: i64,
    /// Who.
    pub organisation_id: String,
}

/// The rows of stock and places, as they will be.
pub struct Rows {
    connection: Rc<Connection>,
    stock: Cache<StockKey, StockValue>,
    totals: Cache<(String, String), Counts>,
    places: Cache<PlaceKey, PlaceValue>,
    /// `None` where a unit never came.
    serials: Cache<(String, String), Option<Whereabouts>>,
    steps: Vec<StepRow>,
    serial_steps: Vec<SerialStepRow>,
    /// Batches, and batches of kits that hold units of them.
    kit_parts: BTreeSet<(String, String)>,
    exceptions: Vec<AuditException>,
    /// Requests and persons, and whether the person had a hand in approving the request.
    approvals: Cache<(String, String), bool>,
    /// What shipments carry now of what they carried or carry, as it is to be written.
    carried: BTreeMap<(String, HoldingKey), i64>,
    taken_over: Vec<TakenOver>,
    has_totals: bool,
    stored: Stored,
}

impl Rows {
    /// As a view has stored them; `is_empty` where nothing is.
    pub fn new(connection: Rc<Connection>, view: &View, is_empty: bool) -> Self {
        Self {
            connection,
            stock: Cache::default(),
            totals: Cache::default(),
            places: Cache::default(),
            serials: Cache::default(),
            steps: Vec::new(),
            serial_steps: Vec::new(),
            kit_parts: BTreeSet::new(),
            exceptions: Vec::new(),
            approvals: Cache::default(),
            carried: BTreeMap::new(),
            taken_over: Vec::new(),
            has_totals: view.keeps(&table::STOCK_TOTALS),
            stored: Stored::new(is_empty),
        }
    }

    /// How many rows are kept in memory.
    pub fn len(&self) -> usize {
        self.stock.len()
            + self.totals.len()
            + self.places.len()
            + self.serials.len()
            + self.steps.len()
            + self.serial_steps.len()
            + self.kit_parts.len()
            + self.exceptions.len()
            + self.approvals.len()
            + self.carried.len()
            + self.taken_over.len()
    }

    /// Forgets rows that have been written: they are read again on their next touch.
    pub fn forget(&mut self, extent: Extent) {
        let stored = &mut self.stored;
        stored.forget_rows(table::STOCK.name, &mut self.stock, extent);
        stored.forget_rows(table::STOCK_TOTALS.name, &mut self.totals, extent);
        stored.forget_rows(table::PLACES.name, &mut self.places, extent);
        stored.forget_rows(table::APPROVALS.name, &mut self.approvals, extent);
        // Whoever sets where a unit is does not read it.
        self.serials.clear();
    }

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

    /// Sets what is at a place.
    pub fn set_place(&mut self, key: PlaceRef<'_>, value: PlaceValue) {
        self.places.set(&key, value);
    }

    /// Sets where a unit of an asset is.
    pub fn set_serial(&mut self, item_id: &str, serial_number: &str, whereabouts: Whereabouts) {
        self.serials
            .set(&TwoRef(item_id, serial_number), Some(whereabouts));
    }

    /// Forgets where a unit of an asset is: it never came.
    pub fn remove_serial(&mut self, item_id: &str, serial_number: &str) {
        self.serials.set(&TwoRef(item_id, serial_number), None);
    }

    /// Adds that kits hold, or held, units of a batch.
    pub fn add_kit_part(&mut self, batch_id: &str, kit_batch_id: &str) {
        self.kit_parts
            .insert((batch_id.to_owned(), kit_batch_id.to_owned()));
    }

    /// Sets what a shipment carries, in place of what it carried before.
    pub fn set_carried(&mut self, shipment_id: &str, before: Carried, after: Carried) {
        let gone = before.into_iter().map(|(key, _)| (key, 0));
        let mut sums: BTreeMap<HoldingKey, i64> = gone.collect();
        for (key, quantity) in after {
            let sum = sums.entry(key).or_default();
            // Bounded by the counters of stock, which are checked.
            *sum = sum.saturating_add(quantity);
        }
        let sums = sums.into_iter();
        self.carried
            .extend(sums.map(|(key, sum)| ((shipment_id.to_owned(), key), sum)));
    }

    /// Adds that somebody took over the stock of a facility.
    pub fn add_taken_over(&mut self, taken_over: TakenOver) {
        self.taken_over.push(taken_over);
    }

    /// Adds a step.
    pub fn add_step(&mut self, new: NewStep) {
        let position = new.step.position.cast_signed();
        let encoded = new.step.encode_to_vec();
        for serial_number in new.step.serial_numbers {
            self.serial_steps.push(SerialStepRow {
                item_id: new.item_id.clone(),
                serial_number,
                batch_id: new.batch_id.clone(),
                position,
                number: new.number,
            });
        }
        self.steps.push(StepRow {
            batch_id: new.batch_id,
            position,
            number: new.number,
            request_id: new.step.request_id,
            encoded,
        });
    }

    /// Adds what an auditor should look at.
    pub fn add_exception(&mut self, exception: AuditException) {
        self.exceptions.push(exception);
    }

    /// Notes that a person had a hand in approving a request.
    pub fn add_approval(&mut self, request_id: &str, person_ref: &str) {
        self.approvals.set(&TwoRef(request_id, person_ref), true);
    }

    /// Whether a person had a hand in approving a request.
    pub fn has_approved(&mut self, request_id: &str, person_ref: &str) -> Result<bool, StoreError> {
        let key = TwoRef(request_id, person_ref);
        if let Some(has_approved) = self.approvals.get(&key) {
            return Ok(*has_approved);
        }
        if !self.stored.may_have(table::APPROVALS.name, &key) {
            return Ok(false);
        }
        let stored = self
            .connection
            .prepare_cached("SELECT 1 FROM approvals WHERE request_id = ?1 AND person_ref = ?2")?
            .query_row(params![request_id, person_ref], |_| Ok(true))?;
        Ok(remember(&mut self.approvals, key.to_key(), stored))
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

    /// What is at a place.
    pub fn place_row(&mut self, key: PlaceRef<'_>) -> Result<PlaceValue, StoreError> {
        if let Some(value) = self.places.get(&key) {
            return Ok(*value);
        }
        if !self.stored.may_have(table::PLACES.name, &key) {
            return Ok(PlaceValue::default());
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT quantity, since_position FROM places \
             WHERE batch_id = ?1 AND owner_id = ?2 AND facility_id = ?3 AND status = ?4 AND shipment_id = ?5",
        )?;
        let values = params![
            key.batch_id,
            key.owner_id,
            key.facility_id,
            key.status,
            key.shipment_id
        ];
        let stored = statement.query_row(values, |row| {
            Ok(PlaceValue {
                quantity: row.get(0)?,
                since_position: row.get::<i64>(1)?.cast_unsigned(),
            })
        })?;
        Ok(remember(&mut self.places, key.to_key(), stored))
    }

    /// Writes what has changed since the last time.
    pub fn write(&mut self, view: &View) -> Result<(), StoreError> {
        self.write_stock()?;
        if view.keeps(&table::STOCK_TOTALS) {
            self.write_totals()?;
        }
        if view.keeps(&table::PLACES) {
            self.write_places()?;
            self.write_serials()?;
        }
        if view.keeps(&table::CARRIED) {
            self.write_carried()?;
        }
        self.write_taken_over()?;
        if view.keeps(&table::STEPS) {
            self.write_kit_parts()?;
            self.write_steps()?;
        }
        if view.keeps(&table::EXCEPTIONS) {
            self.write_exceptions()?;
        }
        Ok(())
    }

    fn write_stock(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::STOCK)?;
        let mut delete = Delete::new(&self.connection, &table::STOCK)?;
        self.stock.write(|key, value, is_stored| {
            let keys = params![
                key.facility_id,
                key.item_id,
                key.batch_id,
                key.owner_id,
                key.serial_number
            ];
            if value.counts.is_zero() && value.held_here == 0 {
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

    fn write_totals(&mut self) -> Result<(), StoreError> {
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

    fn write_carried(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::CARRIED)?;
        let mut delete = Delete::new(&self.connection, &table::CARRIED)?;
        for ((shipment_id, key), quantity) in std::mem::take(&mut self.carried) {
            let stock = &key.stock;
            let keys = params![
                shipment_id,
                stock.facility_id,
                stock.item_id,
                stock.batch_id,
                stock.owner_id,
                stock.serial_number,
                key.custodian_id,
                key.origin_id
            ];
            if quantity == 0 {
                delete.row(keys)?;
                continue;
            }
            let mut values = keys.to_vec();
            values.extend(params![quantity]);
            put.row(&values)?;
        }
        put.finish()?;
        delete.finish()
    }

    fn write_taken_over(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::KEEPERS)?;
        for taken_over in self.taken_over.drain(..) {
            put.row(params![
                taken_over.facility_id,
                taken_over.position.cast_signed(),
                taken_over.occurred_at_us,
                taken_over.organisation_id
            ])?;
        }
        put.finish()
    }

    fn write_places(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::PLACES)?;
        let mut delete = Delete::new(&self.connection, &table::PLACES)?;
        self.places.write(|key, value, is_stored| {
            let keys = params![
                key.batch_id,
                key.owner_id,
                key.facility_id,
                key.status,
                key.shipment_id
            ];
            if value.quantity == 0 {
                return delete_if(is_stored, &mut delete, keys);
            }
            let mut values = keys.to_vec();
            let since_position = value.since_position.cast_signed();
            values.extend(params![value.quantity, since_position]);
            put.known_row(is_stored, &values).map(|()| true)
        })?;
        put.finish()?;
        delete.finish()
    }

    fn write_serials(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::SERIALS)?;
        let mut delete = Delete::new(&self.connection, &table::SERIALS)?;
        self.serials.write(|(item_id, serial_number), value, _| {
            let keys = params![item_id, serial_number];
            let Some(it) = value else {
                // Whoever sets it has not read it, so it may be stored.
                return delete_if(true, &mut delete, keys);
            };
            let mut values = keys.to_vec();
            let since_position = it.since_position.cast_signed();
            values.extend(params![
                it.place.batch_id,
                it.place.owner_id,
                it.place.facility_id,
                it.place.status,
                it.place.shipment_id,
                since_position
            ]);
            put.row(&values).map(|()| true)
        })?;
        put.finish()?;
        delete.finish()
    }

    fn write_kit_parts(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::KIT_PARTS)?;
        for (batch_id, kit_batch_id) in std::mem::take(&mut self.kit_parts) {
            put.row(params![batch_id, kit_batch_id])?;
        }
        put.finish()
    }

    fn write_exceptions(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::EXCEPTIONS)?;
        let mut before = (0, 0, 0);
        for exception in self.exceptions.drain(..) {
            let (position, kind) = (exception.position.cast_signed(), exception.kind);
            let number = match before {
                (at, of, number) if (at, of) == (position, kind) => number + 1,
                _ => 0,
            };
            before = (position, kind, number);
            let value = exception
                .value
                .as_ref()
                .map_or(0, |value| value.minor_units);
            put.new_row(params![
                position,
                kind,
                number,
                exception.facility_id,
                exception.actor,
                exception.recorded_at_us,
                value.saturating_abs(),
                exception.encode_to_vec()
            ])?;
        }
        put.finish()?;
        let mut put = Put::new(&self.connection, &table::APPROVALS)?;
        self.approvals.write(|(request_id, person_ref), _, _| {
            put.row(params![request_id, person_ref]).map(|()| true)
        })?;
        put.finish()
    }

    fn write_steps(&mut self) -> Result<(), StoreError> {
        // In the order of their keys, so that pages are filled one after the other.
        self.steps.sort_unstable_by(|one, other| {
            let key = |it: &StepRow| (it.position, it.number);
            one.batch_id
                .cmp(&other.batch_id)
                .then_with(|| key(one).cmp(&key(other)))
        });
        let mut put = Put::new(&self.connection, &table::STEPS)?;
        for step in self.steps.drain(..) {
            put.new_row(params![
                step.batch_id,
                step.position,
                step.number,
                step.request_id,
                step.encoded
            ])?;
        }
        put.finish()?;
        let mut put = Put::new(&self.connection, &table::SERIAL_STEPS)?;
        for step in self.serial_steps.drain(..) {
            put.row(params![
                step.item_id,
                step.serial_number,
                step.batch_id,
                step.position,
                step.number
            ])?;
        }
        put.finish()
    }
}

/// Deletes a row that is stored; afterwards it no longer is.
fn delete_if(
    is_stored: bool,
    delete: &mut Delete<'_>,
    keys: &[Value<'_>],
) -> Result<bool, StoreError> {
    if is_stored {
        delete.row(keys)?;
    }
    Ok(false)
}

/// Keeps what is stored, so that it is not read again.
fn remember<K: Hash + Ord, V: Clone + Default>(
    cache: &mut Cache<K, V>,
    key: K,
    stored: Option<V>,
) -> V {
    let is_stored = stored.is_some();
    let value = stored.unwrap_or_default();
    cache.remember(key, value, is_stored).clone()
}

/// Counters of a row.
pub const COUNTERS: usize = 13;

/// The counters, in the order of their columns.
pub fn counters(counts: &Counts) -> [Value<'_>; COUNTERS] {
    [
        counts.on_hand.value(),
        counts.reserved.value(),
        counts.held.value(),
        counts.in_transit.value(),
        counts.received.value(),
        counts.consumed.value(),
        counts.disposed.value(),
        counts.lost.value(),
        counts.returned.value(),
        counts.converted.value(),
        counts.title_in.value(),
        counts.title_out.value(),
        counts.in_transit_out.value(),
    ]
}

/// The counters of a row, from column `first` on.
pub fn counts(row: &Row<'_>, first: usize) -> Result<Counts, StoreError> {
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
        in_transit_out: row.get(first + 12)?,
    })
}
