//! The fold of what corrected an event.

use keruen_proto::{
    Event, EventType,
    inventory::v1::{BatchDataCorrected, FactCorrections, MovementVoided, ReceiptCorrected},
};

use super::correction;
use crate::{books::Fold, boundary::Boundary};

impl Fold for FactCorrections {
    const EVENT_TYPES: &'static [&'static str] = &[
        ReceiptCorrected::TYPE,
        BatchDataCorrected::TYPE,
        MovementVoided::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Some(correction) = correction(event) else {
            return;
        };
        if Boundary::fact(&correction.corrects_event_id).as_ref() == Some(boundary) {
            self.event_id = correction.corrects_event_id;
            self.corrections = self.corrections.saturating_add(1);
            self.voided |= matches!(event, Event::MovementVoided(_));
        }
    }
}
