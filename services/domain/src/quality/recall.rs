//! A lot is recalled, and its recall lifted. Which units that binds is not listed: every decision looks at the lot.

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

impl Command for RecallLot {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        reads(&self.item_id, &self.authority_id)
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        if is_recalled(books, &self.item_id, &self.lot, &self.authority_id)? {
            return Err(Rejection::AlreadyRecalled {
                item_id: self.item_id.to_string(),
                lot: self.lot.to_string(),
            });
        }
        limits::keep(vec![
            LotRecalled {
                item_id: self.item_id.to_string(),
                lot: self.lot.to_string(),
                reason: self.reason.into(),
                authority_id: self.authority_id.to_string(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Quality(self.item_id.clone()))
    }
}

impl Command for LiftRecall {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        reads(&self.item_id, &self.authority_id)
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        if !is_recalled(books, &self.item_id, &self.lot, &self.authority_id)? {
            return Err(Rejection::NotRecalled {
                item_id: self.item_id.to_string(),
                lot: self.lot.to_string(),
            });
        }
        limits::keep(vec![
            LotRecallLifted {
                item_id: self.item_id.to_string(),
                lot: self.lot.to_string(),
                authority_id: self.authority_id.to_string(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Quality(self.item_id.clone()))
    }
}
