//! The folds of which batches went into which kits.

use keruen_proto::{
    Event, EventType,
    inventory::v1::{BatchDataCorrected, KitsAssembled, KitsOfBatch, LotInKits},
};

use crate::{books::Fold, boundary::Boundary};

impl Fold for KitsOfBatch {
    const EVENT_TYPES: &'static [&'static str] = &[KitsAssembled::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let (Boundary::KitsOfBatch(id), Event::KitsAssembled(event)) = (boundary, event) else {
            return;
        };
        let holds_it = event.components.iter().any(|it| it.batch_id == id.as_str());
        if let Some(kits) = event.kits.as_ref().filter(|_| holds_it) {
            self.kit_batch_ids.push(kits.batch_id.clone());
        }
    }
}

impl Fold for LotInKits {
    const EVENT_TYPES: &'static [&'static str] = &[KitsAssembled::TYPE, BatchDataCorrected::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Boundary::LotInKits(item, lot) = boundary else {
            return;
        };
        let is_it = |item_id: &str, of: &str| item_id == item.as_str() && of == lot.as_str();
        match event {
            Event::KitsAssembled(event) => {
                for units in &event.components {
                    if is_it(&units.item_id, &units.lot) {
                        note(&mut self.batch_ids, &units.batch_id);
                    }
                }
            }
            // It is of this lot in truth, or was never; whether it went into kits is for the batch to say.
            Event::BatchDataCorrected(event) if is_it(&event.item_id, &event.lot) => {
                note(&mut self.batch_ids, &event.batch_id);
            }
            Event::BatchDataCorrected(event) if is_it(&event.item_id, &event.wrong_lot) => {
                self.batch_ids.retain(|id| *id != event.batch_id);
            }
            _ => {}
        }
    }
}

fn note(ids: &mut Vec<String>, id: &str) {
    if !ids.iter().any(|known| known == id) {
        ids.push(id.to_owned());
    }
}
