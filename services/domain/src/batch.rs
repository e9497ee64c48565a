//! Batches: each is one received line of one donation, or of goods that nobody can attribute.

use keruen_proto::{
    Event, EventType,
    inventory::v1::{
        Batch, BatchDataCorrected, BatchExpiryShortened, BatchHeld, BatchReleased,
        DonationReceived, KitsAssembled, MovementVoided, ReceiptCorrected, ReceiptOutcome,
        StockAdjusted, StockDiscrepancyFound, StockEntered, StockUnits, VoidedMovement,
    },
    registry::v1::UnitValue,
    shipments::v1::{ShipmentReceiptVoided, ShipmentReceived},
};

use crate::{
    books::Fold,
    boundary::Boundary,
    code::Code,
    quality::state::{hold, release},
};

impl Fold for Batch {
    const EVENT_TYPES: &'static [&'static str] = &[
        DonationReceived::TYPE,
        ShipmentReceived::TYPE,
        BatchHeld::TYPE,
        BatchReleased::TYPE,
        ReceiptCorrected::TYPE,
        BatchDataCorrected::TYPE,
        StockDiscrepancyFound::TYPE,
        StockEntered::TYPE,
        BatchExpiryShortened::TYPE,
        StockAdjusted::TYPE,
        MovementVoided::TYPE,
        ShipmentReceiptVoided::TYPE,
        KitsAssembled::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Boundary::Batch(id) = boundary else {
            return;
        };
        match event {
            Event::DonationReceived(event) => {
                for line in event
                    .lines
                    .iter()
                    .filter(|line| line.outcome() != ReceiptOutcome::Missing)
                {
                    if let Some(units) = line
                        .units
                        .as_ref()
                        .filter(|units| units.batch_id == id.as_str())
                    {
                        *self = entered(units, &event.facility_id, line.unit_value.clone());
                    }
                }
            }
            Event::ShipmentReceived(event) => {
                for found in event.units.iter().filter(|found| is_new(found.outcome())) {
                    let units = found
                        .shipment_units
                        .as_ref()
                        .and_then(|units| units.units.as_ref());
                    if let Some(units) = units.filter(|units| units.batch_id == id.as_str()) {
                        *self = entered(units, &event.destination_id, None);
                    }
                }
            }
            Event::StockEntered(event) => {
                for line in &event.lines {
                    let units = line.units.as_ref();
                    if let Some(units) = units.filter(|units| units.batch_id == id.as_str()) {
                        *self = entered(units, &event.facility_id, line.unit_value.clone());
                    }
                }
            }
            Event::BatchExpiryShortened(event) if event.batch_id == id.as_str() => {
                self.expires_on.clone_from(&event.expires_on);
            }
            Event::ReceiptCorrected(event) => {
                let units = event.units.as_ref();
                if let Some(units) = units.filter(|units| units.batch_id == id.as_str()) {
                    let change = if event.decrease {
                        -units.quantity
                    } else {
                        units.quantity
                    };
                    self.quantity = self.quantity.saturating_add(change);
                    corrected(self, &event.corrects_event_id);
                }
            }
            Event::BatchDataCorrected(event) if event.batch_id == id.as_str() => {
                self.lot.clone_from(&event.lot);
                self.expires_on.clone_from(&event.expires_on);
                self.unit_value.clone_from(&event.unit_value);
                corrected(self, &event.corrects_event_id);
            }
            Event::StockDiscrepancyFound(event) => {
                let units = event.units.as_ref();
                if let Some(units) = units.filter(|units| units.batch_id == id.as_str()) {
                    if self.batch_id.is_empty() {
                        // Nobody knows of which batch they are.
                        *self = entered(units, &event.facility_id, None);
                        self.quantity = 0;
                    }
                    self.discrepancy = self.discrepancy.saturating_add(units.quantity);
                    explain(self, 0);
                }
            }
            Event::KitsAssembled(event) => {
                let kits = event.kits.as_ref();
                if let Some(kits) = kits.filter(|kits| kits.batch_id == id.as_str()) {
                    *self = assembled(event, kits);
                }
            }
            Event::StockAdjusted(event) => {
                let units = event.units.as_ref();
                if let Some(units) = units.filter(|units| units.batch_id == id.as_str()) {
                    let sign = if event.decrease { 1 } else { -1 };
                    explain(self, sign * units.quantity);
                }
            }
            Event::ShipmentReceiptVoided(event) => never_came(self, id, event),
            Event::MovementVoided(event) => {
                let of_it = event.units.iter().filter(|it| it.batch_id == id.as_str());
                for units in of_it {
                    voided(self, event.movement(), units.quantity);
                }
            }
            Event::BatchHeld(event) if event.batch_id == id.as_str() => {
                hold(&mut self.holds, event);
            }
            Event::BatchReleased(event) if event.batch_id == id.as_str() => {
                release(&mut self.holds, event);
            }
            _ => {}
        }
    }
}

/// What a receipt of a shipment had said to be there besides was not.
fn never_came(batch: &mut Batch, id: &Code, event: &ShipmentReceiptVoided) {
    let new = event.units.iter().filter(|found| is_new(found.outcome()));
    let new = new.filter_map(|found| found.shipment_units.as_ref()?.units.as_ref());
    for units in new.filter(|units| units.batch_id == id.as_str()) {
        batch.quantity = batch.quantity.saturating_sub(units.quantity);
        corrected(batch, &event.corrects_event_id);
    }
}

/// Notes which event was corrected, once.
fn corrected(batch: &mut Batch, event_id: &str) {
    if !batch
        .corrected_event_ids
        .iter()
        .any(|known| known == event_id)
    {
        batch.corrected_event_ids.push(event_id.to_owned());
    }
}

/// A batch of kits, with what each of them holds.
fn assembled(event: &KitsAssembled, kits: &StockUnits) -> Batch {
    let of_each = |units: &StockUnits| StockUnits {
        quantity: units.quantity / kits.quantity.max(1),
        ..units.clone()
    };
    Batch {
        components: event.components.iter().map(of_each).collect(),
        ..entered(kits, &event.facility_id, None)
    }
}

/// More units were found missing or, negative, turned up: those explain what the books could not.
fn explain(batch: &mut Batch, missing: i64) {
    batch.found_missing = batch.found_missing.saturating_add(missing);
    batch.unexplained = (batch.discrepancy - batch.found_missing.max(0)).max(0);
}

/// What was said of units did not happen.
fn voided(batch: &mut Batch, movement: VoidedMovement, quantity: i64) {
    match movement {
        VoidedMovement::Decrease => explain(batch, -quantity),
        VoidedMovement::Increase => explain(batch, quantity),
        VoidedMovement::Discrepancy => {
            batch.discrepancy -= quantity;
            explain(batch, 0);
        }
        _ => {}
    }
}

/// Whether units with this outcome, found on receipt of a shipment, enter the books as a batch of their own.
pub(crate) fn is_new(outcome: ReceiptOutcome) -> bool {
    matches!(outcome, ReceiptOutcome::Surplus | ReceiptOutcome::Wrong)
}

fn entered(units: &StockUnits, facility_id: &str, unit_value: Option<UnitValue>) -> Batch {
    Batch {
        batch_id: units.batch_id.clone(),
        donation_id: units.donation_id.clone(),
        item_id: units.item_id.clone(),
        lot: units.lot.clone(),
        expires_on: units.expires_on.clone(),
        received_at_facility_id: facility_id.to_owned(),
        owner_id: units.owner_id.clone(),
        quantity: units.quantity,
        unit_value,
        ..Batch::default()
    }
}
