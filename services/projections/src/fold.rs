//! Takes events into a view: folded in memory, written in bulk, within one transaction of the caller.
//!
//! Live and rebuild run this same code; they differ only in how many events come at once. What it writes depends on the
//! events alone, never on how they are cut into batches, nor on what of the rows is in memory.

use std::{borrow::Cow, collections::BTreeSet, rc::Rc};

use keruen_domain::{Boundary, Entry, asset, quality};
use keruen_proto::{
    Event,
    inventory::v1::{AssetRef, ItemQuality},
    log::v1::RecordedEvent,
    registry::v1::Money,
    reports::v1::{AuditException, AuditExceptionKind},
    shipments::v1::KeeperAppointed,
    stock::v1::{TraceStatus, TraceStep},
};
use prost::Message;

use crate::{
    chronicle::{Carried, Chronicle, carried},
    counts::{Counts, changes},
    database::Connection,
    exceptional,
    failure::{ApplyError, Defect, StoreError},
    keys::{PlaceRef, StockRef},
    memory::{Cache, Extent, KeyRef as _, Stored},
    movement::{Kind, Movement, movements},
    place::{Place, shift},
    reading::Page,
    report::worth,
    resource::{self, Folded},
    rows::{NewStep, PlaceValue, Rows, TakenOver, Whereabouts},
    subject::Subjects,
    table,
    view::View,
};

/// About how much a row takes in memory, in bytes, and a resource beyond its encoded form.
const ROW_BYTES: usize = 400;
const RESOURCE_BYTES: usize = 600;
/// Tells the boundaries of resources from the keys of tables.
const RESOURCES: &str = "resources";
/// A decoded resource takes about so many times its encoded form.
const DECODED: usize = 3;

/// What events have touched, as it will be.
pub struct Fold {
    connection: Rc<Connection>,
    view: &'static View,
    resources: Cache<Boundary, Option<Box<Folded>>>,
    resources_bytes: usize,
    rows: Rows,
    /// Units of the movement before that were held by themselves.
    passing: BTreeSet<String>,
    subjects: Subjects,
    /// Of a view that tells the past.
    chronicle: Option<Chronicle>,
    stored: Stored,
    position: u64,
    leaf_hash: Option<Vec<u8>>,
    committed: u64,
}

impl Fold {
    /// Goes on from `position`, at which the rows stand.
    pub fn new(connection: Rc<Connection>, view: &'static View, position: u64) -> Self {
        let is_empty = position == 0;
        Self {
            rows: Rows::new(connection.clone(), view, is_empty),
            chronicle: view
                .keeps(&table::CHANGES)
                .then(|| Chronicle::new(connection.clone(), is_empty)),
            passing: BTreeSet::new(),
            subjects: Subjects::new(view),
            connection,
            view,
            resources: Cache::default(),
            resources_bytes: 0,
            stored: Stored::new(is_empty),
            position,
            leaf_hash: None,
            committed: position,
        }
    }

    /// Takes in events that follow. After an error it must not be used any more.
    pub fn take(&mut self, events: &[RecordedEvent]) -> Result<(), ApplyError> {
        let decoded = events.iter().map(|recorded| {
            let event = Event::decode(&recorded.r#type, &recorded.data);
            event.map(Cow::Owned).map_err(|error| error.to_string())
        });
        self.take_decoded(events.iter().zip(decoded))
    }

    /// The same with the first events of a page.
    pub fn take_page(&mut self, page: &Page, events: usize) -> Result<(), ApplyError> {
        let decoded = page.events().iter().map(|event| match event {
            Ok(event) => Ok(Cow::Borrowed(event)),
            Err(error) => Err(error.clone()),
        });
        self.take_decoded(page.recorded().iter().zip(decoded).take(events))
    }

    fn take_decoded<'e>(
        &mut self,
        events: impl Iterator<Item = (&'e RecordedEvent, Result<Cow<'e, Event>, String>)>,
    ) -> Result<(), ApplyError> {
        let mut last = None;
        for (index, (recorded, event)) in events.enumerate() {
            let expected = self.position + 1;
            let defective = |defect| ApplyError::Event { index, defect };
            if recorded.position != expected {
                return Err(defective(Defect::OutOfOrder { expected }));
            }
            let event = event.map_err(|error| defective(Defect::Undecodable(error)))?;
            self.take_one(recorded, &event)?.map_err(defective)?;
            self.position = expected;
            last = Some(recorded);
        }
        if let Some(last) = last {
            self.leaf_hash = Some(last.leaf_hash.to_vec());
        }
        Ok(())
    }

    fn take_one(
        &mut self,
        recorded: &RecordedEvent,
        event: &Event,
    ) -> Result<Result<(), Defect>, StoreError> {
        self.evolve(recorded, event)?;
        if let Event::KeeperAppointed(event) = event {
            self.rows.add_taken_over(taken_over(recorded, event));
        }
        if let Err(defect) = self.restate(event)? {
            return Ok(Err(defect));
        }
        if self.view.keeps(&table::STEPS) {
            let step_of_outer = self.step_of_outer(recorded, event);
            for step in steps_of_batches(recorded, event)
                .into_iter()
                .chain(step_of_outer)
            {
                self.rows.add_step(step);
            }
        }
        let movements = movements(event);
        if self.view.keeps(&table::EXCEPTIONS) {
            self.look_at(recorded, event, &movements)?;
        }
        for (movement, number) in movements.iter().zip(0..) {
            if let Err(defect) = self.count(movement)? {
                return Ok(Err(defect));
            }
            if self.view.keeps(&table::PLACES) {
                self.shift(movement, recorded.position)?;
            }
            if !self.view.keeps(&table::STEPS) {
                continue;
            }
            if !movement.kit_batch_id.is_empty() {
                self.rows
                    .add_kit_part(&movement.units.batch_id, movement.kit_batch_id);
            }
            // What one owner gives up and another one gets is one step.
            let is_half = if movement.undone {
                matches!(movement.kind, Kind::Acquired(_))
            } else {
                matches!(movement.kind, Kind::Ceded(_))
            };
            if !is_half {
                self.rows.add_step(step(recorded, movement, number));
            }
        }
        match &mut self.chronicle {
            Some(chronicle) => chronicle.close(recorded),
            None => Ok(Ok(())),
        }
    }

    /// Notes what an auditor should look at.
    fn look_at(
        &mut self,
        recorded: &RecordedEvent,
        event: &Event,
        movements: &[Movement<'_>],
    ) -> Result<(), StoreError> {
        if let Some((request_id, persons)) = exceptional::approval(recorded, event) {
            for person_ref in persons {
                self.rows.add_approval(request_id, person_ref);
            }
        }
        let mut found = exceptional::exceptions(recorded, event, movements);
        if let Some((requests, persons)) = exceptional::receipt(recorded, event) {
            for request_id in requests {
                for person_ref in &persons {
                    if self.rows.has_approved(request_id, person_ref)? {
                        found.push(AuditException {
                            subject: format!("request:{request_id}"),
                            person_ref: (*person_ref).to_owned(),
                            ..exceptional::at(
                                recorded,
                                event,
                                movements,
                                AuditExceptionKind::SamePerson,
                            )
                        });
                    }
                }
            }
        }
        for mut exception in found {
            exception.value = self.value_of(&exception)?;
            self.rows.add_exception(exception);
        }
        Ok(())
    }

    /// Declared value of what an exception is about.
    fn value_of(&mut self, exception: &AuditException) -> Result<Option<Money>, StoreError> {
        let Some(boundary) = Boundary::batch(&exception.batch_id) else {
            return Ok(None);
        };
        self.load(&boundary)?;
        Ok(match self.known(&boundary) {
            Some(Folded {
                entry: Entry::Batch(batch),
                ..
            }) => worth(exception.quantity, batch.unit_value.as_ref()),
            _ => None,
        })
    }

    /// Where it stands: position and leaf hash of the last event taken in, if there was one.
    pub fn reached(&self) -> (u64, Option<&Vec<u8>>) {
        (self.position, self.leaf_hash.as_ref())
    }

    /// The position at which the rows stand.
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// Notes that what was written has been committed.
    pub fn written(&mut self) {
        self.committed = self.position;
    }

    /// How much it keeps in memory, in bytes, roughly.
    pub fn memory_bytes(&self) -> usize {
        let rows = self.rows.len() + self.chronicle.as_ref().map_or(0, Chronicle::len);
        rows * ROW_BYTES + self.resources_bytes + self.resources.len() * RESOURCE_BYTES
    }

    /// Forgets what has been written, until it takes no more than `limit_bytes`: it is read again on its next touch.
    pub fn forget_beyond(&mut self, limit_bytes: usize) {
        for extent in [Extent::Old, Extent::All] {
            if self.memory_bytes() <= limit_bytes {
                return;
            }
            self.forget(extent);
        }
    }

    fn forget(&mut self, extent: Extent) {
        self.stored
            .forget_rows(RESOURCES, &mut self.resources, extent);
        let kept = self.resources.values().flatten();
        self.resources_bytes = kept.map(|folded| folded.encoded_bytes * DECODED).sum();
        self.rows.forget(extent);
        if let Some(chronicle) = &mut self.chronicle {
            chronicle.forget(extent);
        }
    }
}

impl Fold {
    /// Folds the resources that the event is about.
    fn evolve(&mut self, recorded: &RecordedEvent, event: &Event) -> Result<(), StoreError> {
        for boundary in self.subjects.of(recorded, event) {
            self.load(&boundary)?;
            let Some(value) = self.resources.change(&boundary) else {
                continue;
            };
            let before = value.as_ref().map(|folded| carried_by(&folded.entry));
            let before = before.unwrap_or_default();
            let folded = value.get_or_insert_with(|| {
                Box::new(Folded {
                    entry: Entry::empty(&boundary),
                    created_position: recorded.position,
                    created_at: recorded
                        .occurred_at
                        .as_ref()
                        .map(Message::encode_to_vec)
                        .unwrap_or_default(),
                    encoded_bytes: 0,
                })
            });
            folded.entry.evolve(&boundary, event);
            let after = carried_by(&folded.entry);
            if let Some(chronicle) = &mut self.chronicle {
                chronicle.on_the_way(before, after);
            } else if let Entry::Shipment(shipment) = &folded.entry {
                self.rows.set_carried(&shipment.shipment_id, before, after);
            }
            // Its history begins with the event that brings it about, wherever a batch of events begins.
            if !resource::exists(&folded.entry) {
                *value = None;
            }
            if self.view.keeps(&table::PLACES) {
                self.set_on_the_way(&boundary, recorded.position)?;
            }
        }
        Ok(())
    }

    /// A thing that is in memory.
    fn known(&self, boundary: &Boundary) -> Option<&Folded> {
        known(&self.resources, boundary)
    }

    /// Makes sure that a thing is in memory, if it is stored.
    fn load(&mut self, boundary: &Boundary) -> Result<(), StoreError> {
        if self.resources.get(boundary).is_some() {
            return Ok(());
        }
        let stored = if self.stored.may_have(RESOURCES, boundary) {
            resource::load(&self.connection, boundary)?
        } else {
            None
        };
        let encoded_bytes = stored.as_ref().map_or(0, |folded| folded.encoded_bytes);
        self.resources_bytes += encoded_bytes * DECODED;
        let is_stored = stored.is_some();
        self.resources
            .remember(boundary.clone(), stored.map(Box::new), is_stored);
        Ok(())
    }

    /// What an asset went through as another one was put into it or taken out of it. They are of two items, and so of two
    /// batches.
    fn step_of_outer(&self, recorded: &RecordedEvent, event: &Event) -> Option<NewStep> {
        let (facility_id, units, outer) = match event {
            Event::AssetPutInside(it) => (&it.facility_id, &it.units, &it.inside),
            Event::AssetTakenOut(it) => (&it.facility_id, &it.units, &it.inside),
            _ => return None,
        };
        let outer = outer.as_ref()?;
        let boundary = Boundary::asset(&outer.item_id, &outer.serial_number)?;
        let Some(Folded {
            entry: Entry::Asset(asset),
            ..
        }) = self.known(&boundary)
        else {
            return None;
        };
        let mut new = step_at(recorded, &asset.batch_id, &asset.item_id, facility_id);
        new.step.quantity = 1;
        new.step.serial_numbers = vec![asset.serial_number.clone()];
        new.step.content = units.as_ref().map(|units| AssetRef {
            item_id: units.item_id.clone(),
            serial_number: units.serial_numbers.first().cloned().unwrap_or_default(),
        });
        Some(new)
    }

    fn count(&mut self, movement: &Movement<'_>) -> Result<Result<(), Defect>, StoreError> {
        let units = movement.units;
        let (is_blocked, lot) = self.standing(&units.item_id, &units.batch_id, &units.lot)?;
        for (serial_number, part) in self.apart(movement)? {
            for (facility_id, change) in changes(&part) {
                let key = stock_key(&part, facility_id, serial_number);
                let added = self.rows.add(key, &lot, change, is_blocked)?;
                if self.note(key, added).is_none() {
                    return Ok(Err(Defect::uncountable(facility_id, &units.item_id)));
                }
            }
        }
        Ok(Ok(()))
    }

    /// A movement unit by unit, with the serial number of each; as a whole where units are not told apart.
    fn apart<'e>(
        &mut self,
        movement: &Movement<'e>,
    ) -> Result<Vec<(&'e str, Movement<'e>)>, StoreError> {
        let units = movement.units;
        if units.serial_numbers.is_empty() {
            return Ok(vec![("", *movement)]);
        }
        let mut parts = Vec::with_capacity(units.serial_numbers.len());
        let mut rest = *movement;
        let held = self.held_of(movement)?;
        for serial_number in &units.serial_numbers {
            let is_held = held.contains(serial_number.as_str());
            let part = Movement {
                quantity: 1,
                held: i64::from(is_held),
                ..*movement
            };
            rest.quantity -= part.quantity;
            rest.held -= part.held;
            parts.push((serial_number.as_str(), part));
        }
        if rest.quantity != 0 || rest.held != 0 {
            parts.push(("", rest));
        }
        self.passing = held;
        Ok(parts)
    }

    /// Which units of a movement are held by themselves, before it or from then on: of those that leave the ones that are
    /// held where they are, and the same ones with whoever acquires them.
    fn held_of(&mut self, movement: &Movement<'_>) -> Result<BTreeSet<String>, StoreError> {
        let numbers = movement.units.serial_numbers.iter();
        let (leave, are_passed_on) = match movement.kind {
            Kind::Consumed
            | Kind::Disposed
            | Kind::Returned
            | Kind::WrittenOff
            | Kind::Converted
            | Kind::Released => (!movement.undone, false),
            Kind::Entered | Kind::Arrived | Kind::Held | Kind::Restored => (movement.undone, false),
            // The movement right before it was that of the one who gave them up.
            Kind::Ceded(_) => (!movement.undone, movement.undone),
            Kind::Acquired(_) => (movement.undone, !movement.undone),
            _ => (false, false),
        };
        if are_passed_on {
            let passing = numbers.filter(|it| self.passing.contains(*it));
            return Ok(passing.cloned().collect());
        }
        if !leave {
            // Where the log does not say which they are, they are the first ones.
            let wanted = usize::try_from(movement.held).unwrap_or(0);
            return Ok(numbers.take(wanted).cloned().collect());
        }
        let mut held = BTreeSet::new();
        for serial_number in numbers {
            let key = stock_key(movement, movement.facility_id, serial_number);
            if self.rows.is_held_here(key)? {
                held.insert(serial_number.clone());
            }
        }
        Ok(held)
    }

    /// Says anew how much is held of what a hold or recall concerns, at all facilities.
    fn restate(&mut self, event: &Event) -> Result<Result<(), Defect>, StoreError> {
        let (item_id, batch_id, lot) = match event {
            Event::BatchHeld(event) => (&event.item_id, Some(&*event.batch_id), &event.lot),
            Event::BatchReleased(event) => (&event.item_id, Some(&*event.batch_id), &event.lot),
            Event::LotRecalled(event) => (&event.item_id, None, &event.lot),
            Event::LotRecallLifted(event) => (&event.item_id, None, &event.lot),
            Event::BatchDataCorrected(event) => {
                (&event.item_id, Some(&*event.batch_id), &event.lot)
            }
            _ => return Ok(Ok(())),
        };
        for key in self.rows.stock_of(item_id, batch_id, lot)? {
            let (is_blocked, _) = self.standing(item_id, &key.batch_id, lot)?;
            let relabelled = matches!(event, Event::BatchDataCorrected(_)).then_some(lot.as_str());
            let restated = self.rows.restate(key.as_ref(), relabelled, is_blocked)?;
            if self.note(key.as_ref(), restated).is_none() {
                return Ok(Err(Defect::uncountable(&key.facility_id, item_id)));
            }
        }
        Ok(Ok(()))
    }

    /// Notes what has changed of a stock row; `None` where that can't be counted.
    fn note(&mut self, key: StockRef<'_>, change: Option<Counts>) -> Option<()> {
        let change = change?;
        if let Some(chronicle) = &mut self.chronicle {
            chronicle.at_rest(key, change);
        }
        Some(())
    }

    /// Whether nothing of a batch may be used, and its lot as it is known by now: what is under way may not know better.
    fn standing<'l>(
        &mut self,
        item_id: &str,
        batch_id: &str,
        lot: &'l str,
    ) -> Result<(bool, Cow<'l, str>), StoreError> {
        let Some(quality) = self.quality(item_id)? else {
            return Ok((false, Cow::Borrowed(lot)));
        };
        let known = quality::known_lot(quality, batch_id, lot);
        let is_blocked = quality::is_blocked(quality, batch_id, lot);
        Ok((is_blocked, Cow::Owned(known.to_owned())))
    }

    /// What of an item may not be used; `None` where there never was anything.
    fn quality(&mut self, item_id: &str) -> Result<Option<&ItemQuality>, StoreError> {
        let Some(boundary) = Boundary::quality(item_id) else {
            return Ok(None);
        };
        self.load(&boundary)?;
        Ok(match self.known(&boundary) {
            Some(Folded {
                entry: Entry::Quality(quality),
                ..
            }) => Some(quality),
            _ => None,
        })
    }

    fn shift(&mut self, movement: &Movement<'_>, position: u64) -> Result<(), StoreError> {
        let Some(shift) = shift(movement) else {
            return Ok(());
        };
        let quantity = movement.units.quantity;
        // What is on the way is for the shipment's fold to say, but of where it goes no longer.
        let is_left = |from: &&Place<'_>| !from.is_on_the_way() || movement.kind == Kind::Diverted;
        if let Some(from) = shift.from.as_ref().filter(is_left) {
            self.add_to_place(place_key(movement, from), -quantity, position)?;
        }
        let Some(to) = &shift.to else {
            if movement.undone && movement.kind == Kind::Entered {
                for serial_number in &movement.units.serial_numbers {
                    self.rows
                        .remove_serial(&movement.units.item_id, serial_number);
                }
            }
            return Ok(());
        };
        let key = place_key(movement, to);
        if !to.is_on_the_way() {
            self.add_to_place(key, quantity, position)?;
        }
        for serial_number in &movement.units.serial_numbers {
            let whereabouts = Whereabouts {
                place: key.to_key(),
                since_position: position,
            };
            self.rows
                .set_serial(&movement.units.item_id, serial_number, whereabouts);
        }
        Ok(())
    }

    fn add_to_place(
        &mut self,
        key: PlaceRef<'_>,
        change: i64,
        position: u64,
    ) -> Result<(), StoreError> {
        // Bounded by the counters, which were checked before.
        let quantity = self.rows.place_row(key)?.quantity.saturating_add(change);
        self.rows.set_place(
            key,
            PlaceValue {
                quantity,
                since_position: position,
            },
        );
        Ok(())
    }

    /// Sets how many units of a shipment are on their way, and how many are missing, as its fold says.
    fn set_on_the_way(&mut self, boundary: &Boundary, position: u64) -> Result<(), StoreError> {
        let Some(Folded {
            entry: Entry::Shipment(shipment),
            ..
        }) = known(&self.resources, boundary)
        else {
            return Ok(());
        };
        let mut quantities: Vec<(PlaceRef<'_>, i64)> = Vec::new();
        for lot in &shipment.lots {
            let Some(units) = lot
                .shipment_units
                .as_ref()
                .and_then(|shipped| shipped.units.as_ref())
            else {
                continue;
            };
            for (status, quantity) in [
                (TraceStatus::InTransit, lot.in_transit),
                (TraceStatus::Missing, lot.missing),
            ] {
                let key = PlaceRef {
                    batch_id: &units.batch_id,
                    owner_id: &units.owner_id,
                    facility_id: &shipment.destination_id,
                    status: status.into(),
                    shipment_id: &shipment.shipment_id,
                };
                match quantities.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, sum)) => *sum = sum.saturating_add(quantity),
                    None => quantities.push((key, quantity)),
                }
            }
        }
        for (key, quantity) in quantities {
            if self.rows.place_row(key)?.quantity != quantity {
                self.rows.set_place(
                    key,
                    PlaceValue {
                        quantity,
                        since_position: position,
                    },
                );
            }
        }
        Ok(())
    }

    /// Writes what has changed since the last time. After an error it must not be used any more.
    pub fn write(&mut self) -> Result<(), StoreError> {
        let mut writer = resource::Writer::new(&self.connection, self.view)?;
        let resources_bytes = &mut self.resources_bytes;
        self.resources.write(|boundary, value, is_stored| {
            if let Some(folded) = value {
                let before = folded.encoded_bytes;
                folded.encoded_bytes = writer.store(boundary, folded, is_stored)?;
                *resources_bytes += folded.encoded_bytes * DECODED;
                *resources_bytes -= before * DECODED;
            }
            Ok::<_, StoreError>(is_stored || value.is_some())
        })?;
        writer.finish()?;
        if let Some(chronicle) = &mut self.chronicle {
            chronicle.write()?;
        }
        self.rows.write(self.view)
    }
}

/// A thing that is in memory.
fn known<'r>(
    resources: &'r Cache<Boundary, Option<Box<Folded>>>,
    boundary: &Boundary,
) -> Option<&'r Folded> {
    resources.get(boundary)?.as_deref()
}

fn taken_over(recorded: &RecordedEvent, event: &KeeperAppointed) -> TakenOver {
    let keeper = event.keeper.clone().unwrap_or_default();
    let occurred_at = recorded.occurred_at.as_ref();
    TakenOver {
        facility_id: keeper.facility_id,
        position: recorded.position,
        occurred_at_us: occurred_at.map_or(recorded.recorded_at_us, |at| at.time_us),
        organisation_id: keeper.organisation_id,
    }
}

/// What a shipment carries; nothing where it is something else.
fn carried_by(entry: &Entry) -> Carried {
    match entry {
        Entry::Shipment(shipment) => carried(shipment),
        _ => Carried::new(),
    }
}

fn stock_key<'k>(
    movement: &Movement<'k>,
    facility_id: &'k str,
    serial_number: &'k str,
) -> StockRef<'k> {
    StockRef {
        facility_id,
        item_id: &movement.units.item_id,
        batch_id: &movement.units.batch_id,
        owner_id: movement.owner_id,
        serial_number,
    }
}

fn place_key<'e>(movement: &Movement<'e>, place: &Place<'e>) -> PlaceRef<'e> {
    PlaceRef {
        batch_id: &movement.units.batch_id,
        owner_id: movement.owner_id,
        facility_id: place.facility_id,
        status: place.status.into(),
        shipment_id: place.shipment_id,
    }
}

fn step(recorded: &RecordedEvent, movement: &Movement<'_>, number: i32) -> NewStep {
    NewStep {
        batch_id: movement.units.batch_id.clone(),
        item_id: movement.units.item_id.clone(),
        number,
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
            hold_reason: 0,
            corrects_event_id: corrected(recorded),
            kit_batch_id: movement.kit_batch_id.to_owned(),
            inside: None,
            content: None,
            new_owner_id: match movement.kind {
                Kind::Acquired(_) => movement.owner_id.to_owned(),
                Kind::Ceded(_) => movement.units.owner_id.clone(),
                _ => String::new(),
            },
        },
    }
}

/// Something that happened to a batch, or at a facility to a unit of it, and moved nothing.
fn step_at(recorded: &RecordedEvent, batch_id: &str, item_id: &str, facility_id: &str) -> NewStep {
    NewStep {
        batch_id: batch_id.to_owned(),
        item_id: item_id.to_owned(),
        number: 0,
        step: TraceStep {
            position: recorded.position,
            event_id: recorded.event_id.clone(),
            r#type: recorded.r#type.clone(),
            occurred_at: recorded.occurred_at,
            from_facility_id: facility_id.to_owned(),
            facility_id: facility_id.to_owned(),
            corrects_event_id: corrected(recorded),
            ..TraceStep::default()
        },
    }
}

/// What happened to batches without moving any of their units.
fn steps_of_batches(recorded: &RecordedEvent, event: &Event) -> Vec<NewStep> {
    let step = |batch_id: &String, item_id: &String, facility_id: &str, hold_reason: i32| {
        let mut new = step_at(recorded, batch_id, item_id, facility_id);
        new.step.hold_reason = hold_reason;
        new
    };
    match event {
        Event::BatchHeld(it) => vec![step(&it.batch_id, &it.item_id, "", it.reason)],
        Event::BatchReleased(it) => vec![step(&it.batch_id, &it.item_id, "", it.reason)],
        Event::BatchExpiryShortened(it) => vec![step(&it.batch_id, &it.item_id, "", 0)],
        Event::TemperatureExcursionFound(it) => {
            let batches = it.batch_ids.iter();
            batches
                .map(|batch_id| step(batch_id, &it.item_id, &it.facility_id, 0))
                .collect()
        }
        Event::GoodsIdentified(it) => {
            let batches = it.batch_ids.iter();
            batches
                .map(|batch_id| step(batch_id, &String::new(), &it.facility_id, 0))
                .collect()
        }
        _ => step_of_asset(event, step),
    }
}

/// What an asset went through.
fn step_of_asset(
    event: &Event,
    step: impl Fn(&String, &String, &str, i32) -> NewStep,
) -> Vec<NewStep> {
    let Some((facility_id, units)) = asset::life_units(event) else {
        return Vec::new();
    };
    let mut new = step(&units.batch_id, &units.item_id, facility_id, 0);
    new.step.quantity = units.quantity;
    new.step.serial_numbers.clone_from(&units.serial_numbers);
    new.step.inside = match event {
        Event::AssetPutInside(it) => it.inside.clone(),
        Event::AssetTakenOut(it) => it.inside.clone(),
        _ => None,
    };
    vec![new]
}

/// The event that an event corrects; empty where it corrects none.
fn corrected(recorded: &RecordedEvent) -> String {
    let correction = recorded.correction.as_ref();
    correction
        .map(|correction| correction.corrects_event_id.clone())
        .unwrap_or_default()
}
