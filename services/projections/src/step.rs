//! The steps of a trace: what an event did to the units of a batch.

use keruen_domain::asset;
use keruen_proto::{Event, log::v1::RecordedEvent, stock::v1::TraceStep};

use crate::movement::{Kind, Movement};

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

pub fn step(
    recorded: &RecordedEvent,
    event: &Event,
    movement: &Movement<'_>,
    number: i32,
) -> NewStep {
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
            hold_reason: match event {
                Event::StockHeld(it) => it.reason,
                _ => 0,
            },
            corrects_event_id: corrected(recorded),
            kit_batch_id: movement.kit_batch_id.to_owned(),
            inside: None,
            content: None,
            from_shipment_id: movement.from_shipment_id.to_owned(),
            undone: movement.undone,
            new_owner_id: match movement.kind {
                Kind::Acquired(_) => movement.owner_id.to_owned(),
                Kind::Ceded(_) => movement.units.owner_id.clone(),
                _ => String::new(),
            },
        },
    }
}

/// Something that happened to a batch, or at a facility to a unit of it, and moved nothing.
pub fn step_at(
    recorded: &RecordedEvent,
    batch_id: &str,
    item_id: &str,
    facility_id: &str,
) -> NewStep {
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
pub fn steps_of_batches(recorded: &RecordedEvent, event: &Event) -> Vec<NewStep> {
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
