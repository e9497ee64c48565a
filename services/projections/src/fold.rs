//! Takes events into the views: folded in memory, written in bulk, within one transaction of the caller.
//!
//! Live and rebuild run this same code; they differ only in how many events come at once. What it writes depends on the
//! events alone, never on how they are cut into batches.

use std::collections::BTreeMap;

use keruen_domain::{Boundary, Entry};
use keruen_proto::{Event, log::v1::RecordedEvent, stock::v1::TraceStep};
use prost::Message;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    counts::{Counts, changes},
    failure::{ApplyError, Defect, StoreError},
    movement::{Movement, movements},
    place::{Place, shift},
    resource::{self, Folded},
    subject::subjects,
};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct StockKey {
    facility_id: String,
    item_id: String,
    batch_id: String,
    owner_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PlaceKey {
    batch_id: String,
    owner_id: String,
    facility_id: String,
    status: i32,
    shipment_id: String,
}

#[derive(Clone, Copy, Debug, Default)]
struct PlaceValue {
    quantity: i64,
    since_position: u64,
}

/// Where a unit of an asset is.
struct Whereabouts {
    place: PlaceKey,
    since_position: u64,
}

/// A step that is to be written.
struct Step {
    batch_id: String,
    step_no: i32,
    item_id: String,
    step: TraceStep,
}

/// Rows that a batch of events has touched, as they will be.
struct Fold<'c> {
    connection: &'c Connection,
    resources: BTreeMap<Boundary, Option<Folded>>,
    stock: BTreeMap<StockKey, Counts>,
    totals: BTreeMap<(String, String), Counts>,
    places: BTreeMap<PlaceKey, PlaceValue>,
    serials: BTreeMap<(String, String), Whereabouts>,
    steps: Vec<Step>,
}

/// Takes in events that follow `position` and writes what they change. On an error nothing of them may be committed.
pub fn apply(connection: &Connection, position: u64, events: &[RecordedEvent]) -> Result<(), ApplyError> {
    let mut fold = Fold {
        connection,
        resources: BTreeMap::new(),
        stock: BTreeMap::new(),
        totals: BTreeMap::new(),
        places: BTreeMap::new(),
        serials: BTreeMap::new(),
        steps: Vec::new(),
    };
    for (index, (recorded, expected)) in events.iter().zip(position + 1..).enumerate() {
        if recorded.position != expected {
            return Err(ApplyError::Event { index, defect: Defect::OutOfOrder { expected } });
        }
        let event = Event::decode(&recorded.r#type, &recorded.data)
            .map_err(|error| ApplyError::Event { index, defect: Defect::Undecodable(error.to_string()) })?;
        fold.take_in(index, recorded, &event)?;
    }
    fold.write()?;
    Ok(())
}

impl Fold<'_> {
    fn take_in(&mut self, index: usize, recorded: &RecordedEvent, event: &Event) -> Result<(), ApplyError> {
        for boundary in subjects(recorded) {
            self.evolve(boundary, recorded, event)?;
        }
        for (movement, step_no) in movements(event).iter().zip(0..) {
            self.count(movement)?.map_err(|defect| ApplyError::Event { index, defect })?;
            self.shift(movement, recorded.position)?;
            self.steps.push(step(recorded, movement, step_no));
        }
        Ok(())
    }

    fn evolve(&mut self, boundary: Boundary, recorded: &RecordedEvent, event: &Event) -> Result<(), StoreError> {
        if !self.resources.contains_key(&boundary) {
            let stored = resource::load(self.connection, &boundary)?;
            self.resources.insert(boundary.clone(), stored);
        }
        let Some(slot) = self.resources.get_mut(&boundary) else { return Ok(()) };
        let folded = slot.get_or_insert_with(|| Folded {
            entry: Entry::empty(&boundary),
            created_position: recorded.position,
            created_at: recorded.occurred_at.as_ref().map(Message::encode_to_vec).unwrap_or_default(),
        });
        folded.entry.evolve(&boundary, event);
        // Its history begins with the event that brings it about, wherever a batch of events begins.
        if !resource::exists(&folded.entry) {
            *slot = None;
        }
        Ok(())
    }

    fn count(&mut self, movement: &Movement<'_>) -> Result<Result<(), Defect>, StoreError> {
        let units = movement.units;
        for (facility_id, change) in changes(movement) {
            let uncountable =
                || Defect::Uncountable { facility_id: facility_id.to_owned(), item_id: units.item_id.clone() };
            let key = StockKey {
                facility_id: facility_id.to_owned(),
                item_id: units.item_id.clone(),
                batch_id: units.batch_id.clone(),
                owner_id: units.owner_id.clone(),
            };
            let total_key = (facility_id.to_owned(), units.item_id.clone());
            let Some(counts) = self.stock_row(&key)?.plus(change) else { return Ok(Err(uncountable())) };
            let Some(total) = self.total_row(&total_key)?.plus(change) else { return Ok(Err(uncountable())) };
            self.stock.insert(key, counts);
            self.totals.insert(total_key, total);
        }
        Ok(Ok(()))
    }

    fn stock_row(&self, key: &StockKey) -> Result<Counts, StoreError> {
        if let Some(counts) = self.stock.get(key) {
            return Ok(*counts);
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT on_hand, reserved, held, in_transit, received, consumed, disposed, lost FROM stock \
             WHERE facility_id = ?1 AND item_id = ?2 AND batch_id = ?3 AND owner_id = ?4",
        )?;
        let key = params![key.facility_id, key.item_id, key.batch_id, key.owner_id];
        Ok(statement.query_row(key, |row| counts(row, 0)).optional()?.unwrap_or_default())
    }

    fn total_row(&self, key: &(String, String)) -> Result<Counts, StoreError> {
        if let Some(counts) = self.totals.get(key) {
            return Ok(*counts);
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT on_hand, reserved, held, in_transit, received, consumed, disposed, lost FROM stock_totals \
             WHERE facility_id = ?1 AND item_id = ?2",
        )?;
        let counts = statement.query_row(params![key.0, key.1], |row| counts(row, 0)).optional()?;
        Ok(counts.unwrap_or_default())
    }

    fn shift(&mut self, movement: &Movement<'_>, position: u64) -> Result<(), StoreError> {
        let Some(shift) = shift(movement) else { return Ok(()) };
        let mut left = movement.units.quantity;
        for (index, place) in shift.from.iter().enumerate() {
            let key = place_key(movement, place);
            let mut value = self.place_row(&key)?;
            let is_last = index + 1 == shift.from.len();
            let taken = if is_last { left } else { left.min(value.quantity.max(0)) };
            if taken != 0 {
                value = PlaceValue { quantity: value.quantity - taken, since_position: position };
                left -= taken;
            }
            self.places.insert(key, value);
        }
        let key = place_key(movement, &shift.to);
        let value = self.place_row(&key)?;
        // Bounded by the counters, which were checked before.
        let quantity = value.quantity.saturating_add(movement.units.quantity);
        self.places.insert(key.clone(), PlaceValue { quantity, since_position: position });
        for serial_number in &movement.units.serial_numbers {
            let whereabouts = Whereabouts { place: key.clone(), since_position: position };
            self.serials.insert((movement.units.item_id.clone(), serial_number.clone()), whereabouts);
        }
        Ok(())
    }

    fn place_row(&self, key: &PlaceKey) -> Result<PlaceValue, StoreError> {
        if let Some(value) = self.places.get(key) {
            return Ok(*value);
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT quantity, since_position FROM places \
             WHERE batch_id = ?1 AND owner_id = ?2 AND facility_id = ?3 AND status = ?4 AND shipment_id = ?5",
        )?;
        let value = statement.query_row(
            params![key.batch_id, key.owner_id, key.facility_id, key.status, key.shipment_id],
            |row| Ok(PlaceValue { quantity: row.get(0)?, since_position: row.get::<_, i64>(1)?.cast_unsigned() }),
        );
        Ok(value.optional()?.unwrap_or_default())
    }

    fn write(self) -> Result<(), StoreError> {
        for (boundary, folded) in &self.resources {
            if let Some(folded) = folded {
                resource::store(self.connection, boundary, folded)?;
            }
        }
        self.write_stock()?;
        self.write_places()?;
        self.write_steps()
    }

    fn write_stock(&self) -> Result<(), StoreError> {
        let mut put = self.connection.prepare_cached(include_str!("sql/put_stock.sql"))?;
        let mut put_total = self.connection.prepare_cached(include_str!("sql/put_stock_total.sql"))?;
        let mut delete = self.connection.prepare_cached(
            "DELETE FROM stock WHERE facility_id = ?1 AND item_id = ?2 AND batch_id = ?3 AND owner_id = ?4",
        )?;
        let mut delete_total =
            self.connection.prepare_cached("DELETE FROM stock_totals WHERE facility_id = ?1 AND item_id = ?2")?;
        for (key, it) in &self.stock {
            if it.is_zero() {
                delete.execute(params![key.facility_id, key.item_id, key.batch_id, key.owner_id])?;
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
                it.lost
            ])?;
        }
        for ((facility_id, item_id), it) in &self.totals {
            if it.is_zero() {
                delete_total.execute(params![facility_id, item_id])?;
                continue;
            }
            put_total.execute(params![
                facility_id,
                item_id,
                it.on_hand,
                it.reserved,
                it.held,
                it.in_transit,
                it.received,
                it.consumed,
                it.disposed,
                it.lost
            ])?;
        }
        Ok(())
    }

    fn write_places(&self) -> Result<(), StoreError> {
        let mut put = self.connection.prepare_cached(include_str!("sql/put_place.sql"))?;
        let mut delete = self.connection.prepare_cached(
            "DELETE FROM places \
             WHERE batch_id = ?1 AND owner_id = ?2 AND facility_id = ?3 AND status = ?4 AND shipment_id = ?5",
        )?;
        for (key, value) in &self.places {
            let PlaceKey { batch_id, owner_id, facility_id, status, shipment_id } = key;
            if value.quantity == 0 {
                delete.execute(params![batch_id, owner_id, facility_id, status, shipment_id])?;
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
        let mut put = self.connection.prepare_cached(include_str!("sql/put_serial.sql"))?;
        for ((item_id, serial_number), it) in &self.serials {
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

    fn write_steps(&self) -> Result<(), StoreError> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO steps (batch_id, position, step_no, request_id, step) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        let mut insert_serial = self.connection.prepare_cached(
            "INSERT INTO serial_steps (item_id, serial_number, batch_id, position, step_no) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for Step { batch_id, step_no, item_id, step } in &self.steps {
            let position = step.position.cast_signed();
            insert.execute(params![batch_id, position, step_no, step.request_id, step.encode_to_vec()])?;
            for serial_number in &step.serial_numbers {
                insert_serial.execute(params![item_id, serial_number, batch_id, position, step_no])?;
            }
        }
        Ok(())
    }
}

/// The eight counters of a row, from column `first` on.
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
    })
}

fn place_key(movement: &Movement<'_>, place: &Place<'_>) -> PlaceKey {
    PlaceKey {
        batch_id: movement.units.batch_id.clone(),
        owner_id: movement.units.owner_id.clone(),
        facility_id: place.facility_id.to_owned(),
        status: place.status.into(),
        shipment_id: place.shipment_id.to_owned(),
    }
}

fn step(recorded: &RecordedEvent, movement: &Movement<'_>, step_no: i32) -> Step {
    Step {
        batch_id: movement.units.batch_id.clone(),
        step_no,
        item_id: movement.units.item_id.clone(),
        step: TraceStep {
            position: recorded.position,
            event_id: recorded.event_id.clone(),
            r#type: recorded.r#type.clone(),
            occurred_at: recorded.occurred_at,
            from_facility_id: movement.from_facility_id.to_owned(),
            facility_id: movement.facility_id.to_owned(),
            shipment_id: movement.shipment_id.to_owned(),
            request_id: movement.request_id.to_owned(),
            quantity: movement.units.quantity,
            outcome: movement.outcome.into(),
            serial_numbers: movement.units.serial_numbers.clone(),
        },
    }
}

