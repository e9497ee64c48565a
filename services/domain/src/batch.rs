//! Batches: each is one received line of one donation, or of goods that nobody can attribute.

use keruen_proto::{
    Event, EventType,
    inventory::v1::{
        Batch, BatchDataCorrected, BatchExpiryShortened, BatchHeld, BatchReleased,
        DonationReceived, ReceiptCorrected, ReceiptOutcome, StockDiscrepancyFound, StockEntered,
        StockUnits,
    },
    registry::v1::UnitValue,
    shipments::v1::ShipmentReceived,
};

use crate::{
    books::Fold,
    boundary::Boundary,
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
                    self.discrepancy = self.discrepancy.saturating_add(units.quantity);
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
