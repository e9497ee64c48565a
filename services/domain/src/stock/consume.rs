//! Stock is used up. What is held or recalled is not issued; but what has been used already is recorded whatever was
//! known of it.

use keruen_proto::{
    Event,
    inventory::v1::{Batch, StockConsumed},
};

use super::{
    ConsumeStock,
    lot::{existing_batch, existing_owner, owner_read},
    pick::{Choice, insufficient, take},
};
use crate::{
    asset::is_asset,
    books::Books,
    boundary::Boundary,
    calendar::{facility_day, is_expired},
    code::Code,
    command::{Command, Moment},
    donation::earmark::{self, Use},
    limits,
    quality::state::{as_if_usable, check},
    registry::{existing_facility, existing_item},
    rejection::Rejection,
};

impl Command for ConsumeStock {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Facility(self.facility_id.clone()),
            Boundary::Item(self.item_id.clone()),
            Boundary::Stock(self.facility_id.clone(), self.item_id.clone()),
            Boundary::Quality(self.item_id.clone()),
        ];
        boundaries.extend(self.batch_id.clone().map(Boundary::Batch));
        boundaries.extend(owner_read(self.owner_id.as_ref()));
        let level = books.stock(&self.facility_id, &self.item_id);
        boundaries.extend(earmark::pledges(level));
        let batch = self.batch_id.as_ref().and_then(|id| books.batch(id));
        boundaries.extend(batch.and_then(|batch| Boundary::pledge(&batch.donation_id)));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let facility = existing_facility(books, &self.facility_id)?;
        let item = existing_item(books, &self.item_id)?;
        let batch = self
            .batch_id
            .as_ref()
            .map(|id| existing_batch(books, id))
            .transpose()?;
        existing_owner(books, self.owner_id.as_ref())?;
        if is_asset(item) {
            return Err(Rejection::AssetNotConsumable {
                item_id: self.item_id.to_string(),
            });
        }
        let today = facility_day(facility, moment.occurred_at_us);
        if let Some(batch) = batch.filter(|batch| is_expired(&batch.expires_on, today)) {
            return Err(Rejection::BatchExpired {
                batch_id: batch.batch_id.clone(),
                expires_on: batch.expires_on.clone(),
                today: today.to_string(),
            });
        }
        self.check_usable(books, batch)?;
        let wanted = Use::Consumed(facility, today, self.purpose);
        self.check_earmarks(books, batch, wanted)?;
        let choice = Choice {
            batch_id: self.batch_id.as_ref().map(Code::as_str),
            owner_id: self.owner_id.as_ref().map(Code::as_str),
        };
        let mut level = books
            .stock(&self.facility_id, &self.item_id)
            .cloned()
            .unwrap_or_default();
        if self.already_used {
            level.lots.iter_mut().for_each(as_if_usable);
        } else {
            earmark::set_apart(books, &mut level, wanted);
        }
        let units = take(&mut level.clone(), self.quantity.get(), today, choice);
        if units.iter().map(|units| units.quantity).sum::<i64>() < self.quantity.get() {
            return Err(insufficient(
                &level,
                self.quantity.get(),
                Some(today),
                choice,
            ));
        }
        limits::keep(vec![
            StockConsumed {
                facility_id: self.facility_id.to_string(),
                units,
                purpose: self.purpose.into(),
                batches_assumed: self.batch_id.is_none(),
                already_used: self.already_used.then_some(true),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Stock(
            self.facility_id.clone(),
            self.item_id.clone(),
        ))
    }
}

impl ConsumeStock {
    /// Refuses to issue a batch that is meant for others.
    fn check_earmarks(
        &self,
        books: &Books,
        batch: Option<&Batch>,
        wanted: Use<'_>,
    ) -> Result<(), Rejection> {
        let Some(batch) = batch.filter(|_| !self.already_used) else {
            return Ok(());
        };
        if earmark::allows(books, &batch.item_id, &batch.donation_id, wanted) {
            return Ok(());
        }
        Err(Rejection::BatchEarmarked {
            batch_id: batch.batch_id.clone(),
            donation_id: batch.donation_id.clone(),
        })
    }

    /// Refuses to issue a batch that is held or recalled.
    fn check_usable(&self, books: &Books, batch: Option<&Batch>) -> Result<(), Rejection> {
        let quality = books.quality(&self.item_id).filter(|_| !self.already_used);
        match (quality, batch) {
            (Some(quality), Some(batch)) => check(
                quality,
                batch.item_id.as_str(),
                batch.batch_id.as_str(),
                batch.lot.as_str(),
            ),
            _ => Ok(()),
        }
    }
}
