//! Kits are taken apart: what they held is stock of its batches again. Those that are held for something in them may be
//! taken apart, too, to part what is good from what is not; those that are held for anything else may not, since what
//! they held would be free of it.

use keruen_proto::{
    Event,
    inventory::v1::{Batch, BatchHold, HoldReason, KitsBroken, StockHeld, StockUnits},
};

use super::{BreakKits, held_components};
use crate::{
    books::Books,
    boundary::Boundary,
    code::MAX_QUANTITY,
    command::{Command, Moment},
    limits,
    quality::state::{named, shortened_expiry},
    rejection::Rejection,
    stock::lot::{self, Happened},
};

impl Command for BreakKits {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let owner_id = self.owner_id.as_ref();
        let mut boundaries = lot::reads(books, &self.facility_id, &self.batch_id, owner_id);
        let kit = books.batch(&self.batch_id);
        boundaries.extend(kit.and_then(|kit| Boundary::quality(&kit.item_id)));
        let components = kit.into_iter().flat_map(|kit| &kit.components);
        boundaries.extend(components.filter_map(|units| Boundary::batch(&units.batch_id)));
        let what = Happened::Left;
        boundaries.extend(lot::happened_reads(
            books,
            &self.batch_id,
            &self.named(),
            what,
        ));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let owner_id = self.owner_id.as_ref();
        let kit = lot::existing(books, &self.facility_id, &self.batch_id, owner_id)?;
        if kit.components.is_empty() {
            return Err(Rejection::ComponentsUnknown {
                batch_id: self.batch_id.to_string(),
            });
        }
        let is_fit = check_holds(kit).and_then(|()| check_expiry(books, kit));
        let leaving = if moment.is_past() {
            lot::happened(books, kit, &self.named(), Happened::Left)?
        } else {
            is_fit.clone()?;
            lot::leaving(books, kit, &self.named())?
        };
        let components = self.components(books, kit, &leaving.units.owner_id)?;
        let mut events = leaving.before;
        let broken = KitsBroken {
            facility_id: self.facility_id.to_string(),
            kits: Some(leaving.units),
            held_quantity: leaving.held_quantity,
            components,
            assembled_at_facility_id: kit.received_at_facility_id.clone(),
            assembled_for_owner_id: kit.owner_id.clone(),
            documents: self.documents.clone(),
        };
        let held = if is_fit.is_err() {
            still_held(&broken)
        } else {
            Vec::new()
        };
        events.push(broken.into());
        events.extend(held);
        limits::keep(events)
    }

    fn subject(&self, books: &Books) -> Option<Boundary> {
        lot::subject(books, &self.facility_id, &self.batch_id)
    }
}

impl BreakKits {
    fn named(&self) -> lot::Named<'_> {
        lot::Named {
            facility_id: &self.facility_id,
            owner_id: self.owner_id.as_ref(),
            quantity: self.quantity.get(),
            serial_numbers: &[],
        }
    }

    /// What the kits held, as the batches are known by now.
    fn components(
        &self,
        books: &Books,
        kit: &Batch,
        owner_id: &str,
    ) -> Result<Vec<StockUnits>, Rejection> {
        let of_all = |units: &StockUnits| {
            let quantity = units.quantity.saturating_mul(self.quantity.get());
            if quantity > MAX_QUANTITY {
                return Err(Rejection::QuantityOverflow {
                    field: "quantity".to_owned(),
                    sum: quantity,
                });
            }
            let batch = books.batch(&units.batch_id);
            let batch = batch.ok_or_else(|| Rejection::UnknownBatch {
                batch_id: units.batch_id.clone(),
            })?;
            Ok(StockUnits {
                owner_id: owner_id.to_owned(),
                lot: batch.lot.clone(),
                expires_on: batch.expires_on.clone(),
                quantity,
                ..units.clone()
            })
        };
        kit.components.iter().map(of_all).collect()
    }
}

/// What was in kits that were taken apart although they were held, or had been found to expire earlier, is held by itself:
/// else it would be free of that.
fn still_held(broken: &KitsBroken) -> Vec<Event> {
    let free = broken.components.iter().filter_map(|units| {
        let quantity = units.quantity - held_components(broken, units);
        (quantity > 0).then(|| StockUnits {
            quantity,
            ..units.clone()
        })
    });
    free.map(|units| {
        StockHeld {
            facility_id: broken.facility_id.clone(),
            units: Some(units),
            reason: HoldReason::QualityDoubt.into(),
            documents: Vec::new(),
        }
        .into()
    })
    .collect()
}

/// Refuses kits that are held for anything but what is in them, which stays held by itself, or for
/// want of a release as kits.
fn check_holds(kit: &Batch) -> Result<(), Rejection> {
    let reasons = kit.holds.iter().map(BatchHold::reason);
    let own: Vec<&str> = reasons
        .filter(|reason| !matches!(reason, HoldReason::Component | HoldReason::Quarantine))
        .map(named)
        .collect();
    if own.is_empty() {
        return Ok(());
    }
    Err(Rejection::BatchHeld {
        batch_id: kit.batch_id.clone(),
        reasons: own.join(", "),
    })
}

/// Refuses kits of which it was decided that they may be used for less long than anything in them.
fn check_expiry(books: &Books, kit: &Batch) -> Result<(), Rejection> {
    let quality = books.quality(&kit.item_id);
    let decided = quality.and_then(|quality| shortened_expiry(quality, &kit.batch_id));
    let batches = kit.components.iter();
    let mut batches = batches.filter_map(|units| books.batch(&units.batch_id));
    match decided {
        // Days as stored compare as text.
        Some(day) if !batches.any(|it| !it.expires_on.is_empty() && *it.expires_on <= *day) => {
            Err(Rejection::KitsExpireEarlier {
                batch_id: kit.batch_id.clone(),
                expires_on: day.to_owned(),
            })
        }
        _ => Ok(()),
    }
}
