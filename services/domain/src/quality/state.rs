//! The fold of what of an item may not be used, and what follows from it for units.

use keruen_proto::{
    Event, EventType,
    inventory::v1::{
        BatchDataCorrected, BatchExpiryShortened, BatchHeld, BatchHold, BatchReleased,
        CorrectedBatch, HoldReason, ItemQuality, LotRecall, LotRecallLifted, LotRecalled,
        ShortenedExpiry, StockLevel, StockLot, StockUnits,
    },
    registry::v1::Item,
};

use crate::{
    books::{Books, Fold},
    boundary::Boundary,
    rejection::Rejection,
};

impl Fold for ItemQuality {
    const EVENT_TYPES: &'static [&'static str] = &[
        BatchHeld::TYPE,
        BatchReleased::TYPE,
        LotRecalled::TYPE,
        LotRecallLifted::TYPE,
        BatchExpiryShortened::TYPE,
        BatchDataCorrected::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let (Boundary::Quality(item) | Boundary::Stock(_, item)) = boundary else {
            return;
        };
        let is_it = |item_id: &str| item_id == item.as_str();
        match event {
            Event::BatchHeld(event) if is_it(&event.item_id) => {
                self.item_id.clone_from(&event.item_id);
                hold(&mut self.holds, event);
            }
            Event::BatchReleased(event) if is_it(&event.item_id) => {
                release(&mut self.holds, event);
            }
            Event::LotRecalled(event) if is_it(&event.item_id) => {
                self.item_id.clone_from(&event.item_id);
                self.recalls.push(LotRecall {
                    lot: event.lot.clone(),
                    reason: event.reason,
                    authority_id: event.authority_id.clone(),
                    documents: event.documents.clone(),
                });
            }
            Event::LotRecallLifted(event) if is_it(&event.item_id) => {
                self.recalls.retain(|recall| recall.lot != event.lot);
            }
            Event::BatchDataCorrected(event) if is_it(&event.item_id) => {
                self.item_id.clone_from(&event.item_id);
                self.corrected_batches
                    .retain(|known| known.batch_id != event.batch_id);
                self.corrected_batches.push(CorrectedBatch {
                    batch_id: event.batch_id.clone(),
                    lot: event.lot.clone(),
                    expires_on: event.expires_on.clone(),
                });
            }
            Event::BatchExpiryShortened(event) if is_it(&event.item_id) => {
                self.item_id.clone_from(&event.item_id);
                self.shortened_expiries
                    .retain(|known| known.batch_id != event.batch_id);
                self.shortened_expiries.push(ShortenedExpiry {
                    batch_id: event.batch_id.clone(),
                    expires_on: event.expires_on.clone(),
                });
            }
            _ => {}
        }
    }
}

/// Notes why a batch is held.
pub(crate) fn hold(holds: &mut Vec<BatchHold>, event: &BatchHeld) {
    holds.push(BatchHold {
        batch_id: event.batch_id.clone(),
        reason: event.reason,
        documents: event.documents.clone(),
    });
}

/// Ends a hold.
pub(crate) fn release(holds: &mut Vec<BatchHold>, event: &BatchReleased) {
    holds.retain(|hold| hold.batch_id != event.batch_id || hold.reason != event.reason);
}

/// Why a batch is held.
fn holds_of<'a>(
    quality: &'a ItemQuality,
    batch_id: &'a str,
) -> impl Iterator<Item = HoldReason> + 'a {
    quality
        .holds
        .iter()
        .filter(move |hold| hold.batch_id == batch_id)
        .map(BatchHold::reason)
}

/// The recall of a lot. Units without a lot number are never recalled.
pub fn recall_of<'a>(quality: &'a ItemQuality, lot: &str) -> Option<&'a LotRecall> {
    quality
        .recalls
        .iter()
        .find(|recall| !lot.is_empty() && recall.lot == lot)
}

/// The last day of use of a batch, where it is earlier than what was printed on it.
pub(crate) fn shortened_expiry<'a>(quality: &'a ItemQuality, batch_id: &str) -> Option<&'a str> {
    quality
        .shortened_expiries
        .iter()
        .find(|known| known.batch_id == batch_id)
        .map(|known| &*known.expires_on)
}

/// What is known of a batch better than when it came.
fn corrected<'a>(quality: &'a ItemQuality, batch_id: &str) -> Option<&'a CorrectedBatch> {
    let mut known = quality.corrected_batches.iter();
    known.find(|known| known.batch_id == batch_id)
}

/// The lot of a batch as it is known by now.
pub fn known_lot<'a>(quality: &'a ItemQuality, batch_id: &str, lot: &'a str) -> &'a str {
    corrected(quality, batch_id).map_or(lot, |known| &known.lot)
}

/// Units with the lot and the last day of use that are known by now: it may have been shortened since they were claimed or sent.
pub(crate) fn as_known(books: &Books, units: &StockUnits) -> StockUnits {
    let mut units = units.clone();
    let quality = books.quality(&units.item_id);
    if let Some(known) = quality.and_then(|quality| corrected(quality, &units.batch_id)) {
        units.lot.clone_from(&known.lot);
        units.expires_on.clone_from(&known.expires_on);
    }
    if let Some(day) = quality.and_then(|quality| shortened_expiry(quality, &units.batch_id)) {
        day.clone_into(&mut units.expires_on);
    }
    units
}

/// Whether units of this batch and lot may not be claimed, sent or issued.
pub fn is_blocked(quality: &ItemQuality, batch_id: &str, lot: &str) -> bool {
    let lot = known_lot(quality, batch_id, lot);
    holds_of(quality, batch_id).next().is_some() || recall_of(quality, lot).is_some()
}

/// Says of every lot at a facility how much of it is held.
pub(crate) fn restate(level: &mut StockLevel, quality: &ItemQuality) {
    for lot in &mut level.lots {
        if let Some(known) = corrected(quality, &lot.batch_id) {
            lot.lot.clone_from(&known.lot);
            lot.expires_on.clone_from(&known.expires_on);
        }
        if let Some(day) = shortened_expiry(quality, &lot.batch_id) {
            day.clone_into(&mut lot.expires_on);
        }
        lot.hold_reasons = holds_of(quality, &lot.batch_id).map(Into::into).collect();
        lot.recall = recall_of(quality, &lot.lot).cloned();
        if lot.recall.is_some() || !lot.hold_reasons.is_empty() {
            lot.held = lot.on_hand - lot.reserved;
            lot.held_serial_numbers = unclaimed(lot);
            lot.available = 0;
        } else {
            as_if_usable(lot);
        }
    }
}

/// Counts as held only what is held here by itself.
pub(crate) fn as_if_usable(lot: &mut StockLot) {
    lot.held = lot.held_here;
    lot.held_serial_numbers
        .clone_from(&lot.serial_numbers_held_here);
    lot.available = lot.on_hand - lot.reserved - lot.held;
}

fn unclaimed(lot: &StockLot) -> Vec<String> {
    let is_claimed = |serial_number: &String| {
        lot.reservations
            .iter()
            .any(|claim| claim.serial_numbers.contains(serial_number))
    };
    lot.serial_numbers
        .iter()
        .filter(|serial_number| !is_claimed(serial_number))
        .cloned()
        .collect()
}

/// What must be read to know whether units of these items may be sent or issued.
pub(crate) fn reads<'a>(item_ids: impl Iterator<Item = &'a str>) -> impl Iterator<Item = Boundary> {
    item_ids.filter_map(Boundary::quality)
}

/// Refuses units that are held or recalled.
pub(crate) fn check_usable(books: &Books, units: &StockUnits) -> Result<(), Rejection> {
    match books.quality(&units.item_id) {
        Some(quality) => check(quality, &units.item_id, &units.batch_id, &units.lot),
        None => Ok(()),
    }
}

/// Refuses a batch that is held or whose lot is recalled.
pub(crate) fn check(
    quality: &ItemQuality,
    item_id: &str,
    batch_id: &str,
    lot: &str,
) -> Result<(), Rejection> {
    let lot = known_lot(quality, batch_id, lot);
    if recall_of(quality, lot).is_some() {
        return Err(recalled(item_id, batch_id, lot));
    }
    let reasons: Vec<&str> = holds_of(quality, batch_id).map(named).collect();
    if reasons.is_empty() {
        return Ok(());
    }
    Err(Rejection::BatchHeld {
        batch_id: batch_id.to_owned(),
        reasons: reasons.join(", "),
    })
}

/// That the lot of a batch is recalled.
pub(crate) fn recalled(item_id: &str, batch_id: &str, lot: &str) -> Rejection {
    Rejection::LotRecalled {
        item_id: item_id.to_owned(),
        batch_id: batch_id.to_owned(),
        lot: lot.to_owned(),
    }
}

/// A reason as people read it.
pub(crate) fn named(reason: HoldReason) -> &'static str {
    reason.as_str_name().trim_start_matches("HOLD_REASON_")
}

/// What follows the receipt of new batches: those whose item must be released before use are held.
pub(crate) fn quarantine<'a>(
    books: &Books,
    received: impl Iterator<Item = &'a StockUnits>,
) -> Vec<Event> {
    let must_be_released = |units: &&StockUnits| {
        books
            .item(&units.item_id)
            .is_some_and(Item::release_required)
    };
    received
        .filter(must_be_released)
        .map(|units| {
            BatchHeld {
                batch_id: units.batch_id.clone(),
                item_id: units.item_id.clone(),
                lot: units.lot.clone(),
                reason: HoldReason::Quarantine.into(),
                documents: Vec::new(),
            }
            .into()
        })
        .collect()
}
