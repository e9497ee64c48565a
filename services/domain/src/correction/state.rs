//! The fold of what corrected an event.

use keruen_proto::{
    Event, EventType,
    inventory::v1::{
        AssetStepVoided, BatchDataCorrected, ConsignmentStepVoided, DonatedMoneySpendingVoided,
        FactCorrections, MovementVoided, ReceiptCorrected,
    },
    shipments::v1::{LossActVoided, ShipmentDispatchVoided, ShipmentReceiptVoided},
};

use super::{correction, voided_event_id};
use crate::{books::Fold, boundary::Boundary};

impl Fold for FactCorrections {
    const EVENT_TYPES: &'static [&'static str] = &[
        ReceiptCorrected::TYPE,
        BatchDataCorrected::TYPE,
        MovementVoided::TYPE,
        ShipmentDispatchVoided::TYPE,
        ShipmentReceiptVoided::TYPE,
        LossActVoided::TYPE,
        DonatedMoneySpendingVoided::TYPE,
        ConsignmentStepVoided::TYPE,
        AssetStepVoided::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Some(correction) = correction(event) else {
            return;
        };
        if Boundary::fact(&correction.corrects_event_id).as_ref() == Some(boundary) {
            self.event_id = correction.corrects_event_id;
            self.corrections = self.corrections.saturating_add(1);
            self.voided |= voided_event_id(event).is_some();
        }
    }
}
