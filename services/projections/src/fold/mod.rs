//! Takes events into a view: folded in memory, written in bulk, within one transaction of the caller.
//!
//! Live and rebuild run this same code; they differ only in how many events come at once. What it writes depends on the
//! events alone, never on how they are cut into batches, nor on what of the rows is in memory.

mod audit;
mod places;
mod stock;

use std::{borrow::Cow, collections::BTreeSet, rc::Rc};

use keruen_domain::{Boundary, Entry};
use keruen_proto::{
    Event, inventory::v1::AssetRef, log::v1::RecordedEvent, shipments::v1::KeeperAppointed,
};
use prost::Message;

use crate::{
    chronicle::{Carried, Chronicle, carried},
    database::Connection,
    failure::{ApplyError, Defect, StoreError},
    memory::{Cache, Extent, Stored},
    movement::{Kind, movements},
    reading::Page,
    resource::{self, Folded},
    rows::{Rows, TakenOver, Told},
    step::{NewStep, step, step_at, steps_of_batches},
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
                self.rows.add_step(step(recorded, event, movement, number));
            }
        }
        match &mut self.chronicle {
            Some(chronicle) => chronicle.close(recorded, event),
            None => Ok(Ok(())),
        }
    }

    /// Folds the resources that the event is about.
    fn evolve(&mut self, recorded: &RecordedEvent, event: &Event) -> Result<(), StoreError> {
        for boundary in self.subjects.of(recorded, event) {
            self.load(&boundary)?;
            let Some(value) = self.resources.change(&boundary) else {
                continue;
            };
            let before = value.as_ref().map(|folded| carried_by(&folded.entry));
            let before = before.unwrap_or_default();
            let keeps_former = self.view.keeps(&table::OPERATORS);
            let told = |value: &Option<Box<Folded>>| {
                let folded = value.as_ref().filter(|_| keeps_former)?;
                Told::of(&folded.entry)
            };
            let told_before = told(value);
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
            if keeps_former {
                self.rows.add_former(recorded, told_before, told(value));
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
