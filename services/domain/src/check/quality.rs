//! Which batches are held, and which lots recalled.

use std::collections::BTreeSet;

use keruen_proto::{Event, inventory::v1::StockUnits};

/// What may not be claimed or sent.
#[derive(Debug, Default)]
pub(super) struct Quality {
    /// Batch and reason.
    held: BTreeSet<(String, i32)>,
    /// Item and lot.
    recalled: BTreeSet<(String, String)>,
}

impl Quality {
    pub fn take_in(&mut self, event: &Event) {
        match event {
            Event::BatchHeld(event) => {
                self.held.insert((event.batch_id.clone(), event.reason));
            }
            Event::BatchReleased(event) => {
                self.held.remove(&(event.batch_id.clone(), event.reason));
            }
            Event::LotRecalled(event) => {
                self.recalled
                    .insert((event.item_id.clone(), event.lot.clone()));
            }
            Event::LotRecallLifted(event) => {
                self.recalled
                    .remove(&(event.item_id.clone(), event.lot.clone()));
            }
            _ => {}
        }
    }

    /// Why units may not be claimed or sent; `None` where they may.
    pub fn fault(&self, units: &StockUnits) -> Option<&'static str> {
        let batch = (units.batch_id.clone(), i32::MIN)..=(units.batch_id.clone(), i32::MAX);
        if self.held.range(batch).next().is_some() {
            return Some("held");
        }
        let lot = (units.item_id.clone(), units.lot.clone());
        self.recalled.contains(&lot).then_some("recalled")
    }
}
