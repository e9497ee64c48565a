//! A lot is recalled, and its recall lifted. Which units that binds is not listed: every decision looks at the lot. Only
//! kits that contain some of it are held one by one, since nobody sees into them.

use keruen_proto::{
    Event,
    inventory::v1::{LotRecallLifted, LotRecalled},
};

use super::{LiftRecall, RecallLot, state::recall_of};
use crate::{
    books::Books,
    boundary::Boundary,
    code::{Code, Label},
    command::{Command, Moment},
    kit::follow,
    limits,
    registry::{existing_item, existing_organisation},
    rejection::Rejection,
};

fn reads(item_id: &Code, authority_id: &Code) -> Vec<Boundary> {
    vec![
        Boundary::Item(item_id.clone()),
        Boundary::Organisation(authority_id.clone()),
        Boundary::Quality(item_id.clone()),
    ]
}

/// Whether the lot is recalled, where the item and the organisation exist.
fn is_recalled(
    books: &Books,
    item_id: &Code,
    lot: &Label,
    authority_id: &Code,
) -> Result<bool, Rejection> {
    existing_item(books, item_id)?;
    existing_organisation(books, authority_id)?;
    let quality = books.quality(item_id);
    Ok(quality.is_some_and(|quality| recall_of(quality, lot).is_some()))
}

/// What must be read to know what becomes of kits that contain units of the lot.
fn kit_reads(books: &Books, item_id: &Code, lot: &Label) -> Vec<Boundary> {
    let mut boundaries = follow::lot_reads(books, item_id, lot);
    boundaries.extend(follow::reads(books, &follow::of_lot(books, item_id, lot)));
    boundaries
}

/// The change, and what becomes of kits that contain units of the lot.
fn followed(books: &Books, item_id: &Code, lot: &Label, change: Event) -> Vec<Event> {
    let kits = follow::of_lot(books, item_id, lot);
    let held = follow::held(books, &kits, &change);
    let mut events = vec![change];
    events.extend(held);
    events
}

impl Command for RecallLot {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(&self.item_id, &self.authority_id);
        boundaries.extend(kit_reads(books, &self.item_id, &self.lot));
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        if is_recalled(books, &self.item_id, &self.lot, &self.authority_id)? {
            return Err(Rejection::AlreadyRecalled {
                item_id: self.item_id.to_string(),
                lot: self.lot.to_string(),
            });
        }
        let change = LotRecalled {
            item_id: self.item_id.to_string(),
            lot: self.lot.to_string(),
            reason: self.reason.into(),
            authority_id: self.authority_id.to_string(),
            documents: self.documents.clone(),
        };
        limits::keep(followed(books, &self.item_id, &self.lot, change.into()))
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Quality(self.item_id.clone()))
    }
}

impl Command for LiftRecall {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(&self.item_id, &self.authority_id);
        boundaries.extend(kit_reads(books, &self.item_id, &self.lot));
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        if !is_recalled(books, &self.item_id, &self.lot, &self.authority_id)? {
            return Err(Rejection::NotRecalled {
                item_id: self.item_id.to_string(),
                lot: self.lot.to_string(),
            });
        }
        let change = LotRecallLifted {
            item_id: self.item_id.to_string(),
            lot: self.lot.to_string(),
            authority_id: self.authority_id.to_string(),
            documents: self.documents.clone(),
        };
        limits::keep(followed(books, &self.item_id, &self.lot, change.into()))
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Quality(self.item_id.clone()))
    }
}
