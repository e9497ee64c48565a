//! How the units of a batch came to where shipments took them from.

use std::collections::{BTreeSet, HashMap};

use keruen_proto::{EventType, shipments::v1::ShipmentAllocated, stock::v1::TraceStep};
use prost::Message as _;

use crate::{
    database::{Connection, params},
    lineage::flow::{Flow, Spot, flow},
    refusal::Refusal,
};

/// Of so many steps of a batch, the newest, it is looked whether they belong to the way.
const MAX_LOOKED_AT: i64 = 10_000;

/// The steps before those of `served`, oldest first: from where the batch entered the books to where its units were
/// claimed or dispatched. Units of a batch are told apart by serial numbers alone, so that all that came there is told.
pub fn steps_before(
    connection: &Connection,
    batch_id: &str,
    served: &[TraceStep],
) -> Result<Vec<TraceStep>, Refusal> {
    let mut steps = steps_of(connection, batch_id)?;
    let own: BTreeSet<(u64, &str)> = served.iter().map(of_request).collect();
    steps.retain(|step| !own.contains(&of_request(step)));
    let numbers: BTreeSet<&String> = served
        .iter()
        .flat_map(|step| &step.serial_numbers)
        .collect();
    steps.retain(|step| {
        numbers.is_empty()
            || step.serial_numbers.is_empty()
            || step.serial_numbers.iter().any(|it| numbers.contains(it))
    });
    let on_the_way = on_the_way(&steps, served);
    let steps = steps.into_iter().enumerate();
    let steps = steps.filter(|(index, _)| on_the_way.contains(index));
    let mut steps: Vec<TraceStep> = steps.map(|(_, step)| step).collect();
    steps.reverse();
    Ok(steps)
}

fn of_request(step: &TraceStep) -> (u64, &str) {
    (step.position, &step.request_id)
}

/// The newest first.
fn steps_of(connection: &Connection, batch_id: &str) -> Result<Vec<TraceStep>, Refusal> {
    let mut statement = connection.prepare_cached(include_str!("sql/steps_of_batch.sql"))?;
    let mut rows = statement.query(params![batch_id, MAX_LOOKED_AT])?;
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        let encoded: Vec<u8> = row.get(0)?;
        steps.push(TraceStep::decode(encoded.as_slice())?);
    }
    Ok(steps)
}

/// Which of the steps, the newest first, brought units to where shipments took them from, or say that one of those did
/// not.
fn on_the_way(steps: &[TraceStep], served: &[TraceStep]) -> BTreeSet<usize> {
    let by_id: HashMap<&str, &TraceStep> =
        steps.iter().map(|step| (&*step.event_id, step)).collect();
    let flow_of = |step| flow(step, by_id.get(corrected(step)).copied());
    // Where units were, and before which position they had come there.
    let mut spots: HashMap<Spot<'_>, u64> = HashMap::new();
    for step in served {
        let is_taken = step.r#type == ShipmentAllocated::TYPE
            || matches!(
                flow(step, None),
                Some(Flow {
                    to: Spot::Shipment(_),
                    ..
                })
            );
        if is_taken && !step.from_facility_id.is_empty() {
            let from = Spot::Facility(&step.from_facility_id);
            let before = spots.entry(from).or_default();
            *before = step.position.max(*before);
        }
    }
    let mut on_the_way = BTreeSet::new();
    for (index, step) in steps.iter().enumerate() {
        let Some(flow) = flow_of(step).filter(|flow| !flow.is_undone) else {
            continue;
        };
        if spots
            .get(&flow.to)
            .is_some_and(|before| step.position < *before)
        {
            on_the_way.insert(index);
            spots.entry(flow.from).or_insert(step.position);
        }
    }
    let told: BTreeSet<&str> = on_the_way
        .iter()
        .map(|index| &*steps[*index].event_id)
        .collect();
    let undoing = steps.iter().enumerate().filter(|(_, step)| {
        told.contains(corrected(step)) && flow_of(step).is_some_and(|flow| flow.is_undone)
    });
    let undoing: Vec<usize> = undoing.map(|(index, _)| index).collect();
    on_the_way.extend(undoing);
    on_the_way
}

fn corrected(step: &TraceStep) -> &str {
    &step.corrects_event_id
}
