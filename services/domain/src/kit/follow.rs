//! What becomes of kits where something in them is held or recalled, or may be used for less long. A batch of kits is held
//! for it by a fact of its own, so that nobody who claims, sends or issues kits need look into them.

use std::collections::BTreeSet;

use keruen_proto::{
    Event,
    inventory::v1::{
        Batch, BatchExpiryShortened, BatchHeld, BatchHold, BatchReleased, HoldReason, ItemQuality,
    },
};

use crate::{
    books::{Books, Fold as _},
    boundary::Boundary,
    code::{Code, Label},
    quality::is_blocked,
};

/// Batches of kits that contain units of a batch.
fn kits_of<'a>(books: &'a Books, batch_id: &str) -> impl Iterator<Item = &'a String> {
    let boundary = Boundary::kits_of_batch(batch_id);
    let kits = boundary.and_then(|boundary| books.kits_of_batch(&boundary));
    kits.into_iter().flat_map(|kits| &kits.kit_batch_ids)
}

/// Batches of a lot that went into kits, or may have.
fn batches_of<'a>(
    books: &'a Books,
    item_id: &Code,
    lot: &Label,
) -> impl Iterator<Item = &'a String> {
    let boundary = Boundary::LotInKits(item_id.clone(), lot.clone());
    let known = books.lot_in_kits(&boundary);
    known.into_iter().flat_map(|known| &known.batch_ids)
}

/// The batches of kits that contain units of a lot.
pub(crate) fn of_lot(books: &Books, item_id: &Code, lot: &Label) -> BTreeSet<String> {
    let batches = batches_of(books, item_id, lot);
    batches
        .flat_map(|batch_id| kits_of(books, batch_id))
        .cloned()
        .collect()
}

/// The batches of kits that contain units of a batch.
pub(crate) fn of_batch(books: &Books, batch_id: &str) -> BTreeSet<String> {
    kits_of(books, batch_id).cloned().collect()
}

/// What must be read to know which kits contain units of a lot.
pub(crate) fn lot_reads(books: &Books, item_id: &Code, lot: &Label) -> Vec<Boundary> {
    let mut boundaries = vec![Boundary::LotInKits(item_id.clone(), lot.clone())];
    let batches = batches_of(books, item_id, lot);
    boundaries.extend(batches.filter_map(|id| Boundary::kits_of_batch(id)));
    boundaries
}

/// What must be read to know whether kits may be used.
pub(crate) fn reads(books: &Books, kits: &BTreeSet<String>) -> Vec<Boundary> {
    let mut boundaries = Vec::new();
    for id in kits {
        boundaries.extend(Boundary::batch(id));
        let components = books.batch(id).into_iter().flat_map(|kit| &kit.components);
        boundaries.extend(components.filter_map(|it| Boundary::quality(&it.item_id)));
    }
    boundaries
}

/// What must be read to know what follows for the kits that contain units of a batch.
pub(crate) fn batch_reads(books: &Books, batch_id: &str) -> Vec<Boundary> {
    let mut boundaries = reads(books, &of_batch(books, batch_id));
    boundaries.extend(Boundary::kits_of_batch(batch_id));
    boundaries
}

/// That kits are held from now on, or no longer, as the change of what is known of their components demands.
pub(crate) fn held(books: &Books, kits: &BTreeSet<String>, change: &Event) -> Vec<Event> {
    let batches = kits.iter().filter_map(|id| books.batch(id));
    batches
        .filter_map(|kit| {
            let mut holds = kit.holds.iter().map(BatchHold::reason);
            let is_held = holds.any(|reason| reason == HoldReason::Component);
            match (must_be_held(books, kit, change), is_held) {
                (true, false) => Some(hold(kit)),
                (false, true) => Some(release(kit)),
                _ => None,
            }
        })
        .collect()
}

fn must_be_held(books: &Books, kit: &Batch, change: &Event) -> bool {
    kit.components.iter().any(|it| {
        let known = books.quality(&it.item_id);
        let mut quality: ItemQuality = known.cloned().unwrap_or_default();
        if let Some(boundary) = Boundary::quality(&it.item_id) {
            quality.evolve(&boundary, change);
        }
        is_blocked(&quality, &it.batch_id, &it.lot)
    })
}

fn hold(kit: &Batch) -> Event {
    BatchHeld {
        batch_id: kit.batch_id.clone(),
        item_id: kit.item_id.clone(),
        lot: kit.lot.clone(),
        reason: HoldReason::Component.into(),
        documents: Vec::new(),
    }
    .into()
}

fn release(kit: &Batch) -> Event {
    BatchReleased {
        batch_id: kit.batch_id.clone(),
        item_id: kit.item_id.clone(),
        lot: kit.lot.clone(),
        reason: HoldReason::Component.into(),
        ..BatchReleased::default()
    }
    .into()
}

/// That kits may be used for less long, since something in them expires earlier.
pub(crate) fn shortened(books: &Books, kits: &BTreeSet<String>, expires_on: &str) -> Vec<Event> {
    let batches = kits.iter().filter_map(|id| books.batch(id));
    batches
        .filter(|kit| kit.expires_on.is_empty() || expires_on < kit.expires_on.as_str())
        .map(|kit| {
            BatchExpiryShortened {
                batch_id: kit.batch_id.clone(),
                item_id: kit.item_id.clone(),
                lot: kit.lot.clone(),
                expires_on: expires_on.to_owned(),
                expired_on_before: kit.expires_on.clone(),
                documents: Vec::new(),
            }
            .into()
        })
        .collect()
}
