//! What a step of a trace does to units: from where they go to where.

use keruen_proto::{
    EventType,
    inventory::v1::{
        DonationReceived, KitsAssembled, KitsBroken, MovementVoided, ReceiptCorrected,
        ReceiptOutcome, StockAdjusted, StockConsumed, StockDiscrepancyFound, StockDisposed,
        StockEntered, StockReturned,
    },
    shipments::v1::{
        LossActAccepted, LossActVoided, ShipmentDispatchVoided, ShipmentDispatched,
        ShipmentReceiptVoided, ShipmentReceived, ShipmentSplit,
    },
    stock::v1::{TraceStatus, TraceStep},
};

/// Where units of a batch are before or after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spot<'a> {
    /// Not in the books yet.
    Source,
    /// At a facility.
    Facility(&'a str),
    /// In a shipment.
    Shipment(&'a str),
    /// Used, disposed of, lost, given back or made into kits: what became of them, where, and from which shipment.
    End(TraceStatus, &'a str, &'a str),
}

/// A step that moves units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow<'a> {
    /// From where.
    pub from: Spot<'a>,
    /// To where.
    pub to: Spot<'a>,
    /// Whether it did not happen, as the step says: the units are where they were before.
    pub is_undone: bool,
}

/// How a step moves its units, and none where it moves none. `corrected` is the step that it corrects.
pub fn flow<'a>(step: &'a TraceStep, corrected: Option<&'a TraceStep>) -> Option<Flow<'a>> {
    let at = Spot::Facility(&step.facility_id);
    let shipment = Spot::Shipment(&step.shipment_id);
    let moved = |from, to| {
        Some(Flow {
            from,
            to,
            is_undone: false,
        })
    };
    let undone = |from, to| {
        Some(Flow {
            from,
            to,
            is_undone: true,
        })
    };
    let lost_on_the_way = Spot::End(TraceStatus::Lost, "", &step.shipment_id);
    match step.r#type.as_str() {
        ShipmentDispatched::TYPE => moved(Spot::Facility(&step.from_facility_id), shipment),
        ShipmentDispatchVoided::TYPE => undone(Spot::Facility(&step.from_facility_id), shipment),
        ShipmentSplit::TYPE if !step.from_shipment_id.is_empty() => {
            moved(Spot::Shipment(&step.from_shipment_id), shipment)
        }
        ShipmentReceived::TYPE if has_come(step) => moved(came_from(step), at),
        ShipmentReceiptVoided::TYPE if has_come(step) => undone(came_from(step), at),
        LossActAccepted::TYPE => moved(shipment, lost_on_the_way),
        LossActVoided::TYPE => undone(shipment, lost_on_the_way),
        KitsBroken::TYPE if !step.kit_batch_id.is_empty() => {
            moved(end(TraceStatus::Converted, &step.from_facility_id), at)
        }
        KitsBroken::TYPE if !step.new_owner_id.is_empty() => None,
        ReceiptCorrected::TYPE if step.undone => undone(Spot::Source, at),
        MovementVoided::TYPE => {
            let (from, to) = at_rest(corrected?, &step.facility_id)?;
            undone(from, to)
        }
        _ => {
            let (from, to) = at_rest(step, &step.facility_id)?;
            moved(from, to)
        }
    }
}

fn end(status: TraceStatus, facility_id: &str) -> Spot<'_> {
    Spot::End(status, facility_id, "")
}

/// What is missing has not come.
fn has_come(step: &TraceStep) -> bool {
    step.outcome() != ReceiptOutcome::Missing
}

/// What nobody announced comes from nowhere the books know of.
fn came_from(step: &TraceStep) -> Spot<'_> {
    match step.outcome() {
        ReceiptOutcome::Surplus | ReceiptOutcome::Wrong => Spot::Source,
        _ => Spot::Shipment(&step.shipment_id),
    }
}

/// What happens at one facility, as it did at first.
fn at_rest<'a>(step: &TraceStep, facility_id: &'a str) -> Option<(Spot<'a>, Spot<'a>)> {
    let at = Spot::Facility(facility_id);
    let entered = step.from_facility_id.is_empty();
    Some(match step.r#type.as_str() {
        DonationReceived::TYPE | StockEntered::TYPE | StockDiscrepancyFound::TYPE => {
            (Spot::Source, at)
        }
        StockAdjusted::TYPE | ReceiptCorrected::TYPE | KitsAssembled::TYPE if entered => {
            (Spot::Source, at)
        }
        StockAdjusted::TYPE => (at, end(TraceStatus::Lost, facility_id)),
        StockConsumed::TYPE => (at, end(TraceStatus::Consumed, facility_id)),
        StockDisposed::TYPE => (at, end(TraceStatus::Disposed, facility_id)),
        StockReturned::TYPE => (at, end(TraceStatus::Returned, facility_id)),
        KitsAssembled::TYPE | KitsBroken::TYPE => (at, end(TraceStatus::Converted, facility_id)),
        _ => return None,
    })
}
