//! Stock is used up. What is held, recalled, expired or claimed is not issued; but what has been used already is recorded
//! whatever the books say.

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    inventory::v1::{Batch, StockConsumed, StockLevel, StockUnits},
    shipments::v1::ReleaseReason,
};

use super::{
    ConsumeStock,
    gone::{Gone, USED, Unknown},
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
    quality::state::check,
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
        if let Some(level) = level {
            // Whose claims break, and whether the books know of enough, does not depend on the day.
            let taken = self.gone(level, level, NaiveDate::MIN).taken();
            boundaries.extend(taken.reads(books));
            if taken.beyond > 0 && self.batch_id.is_none() {
                boundaries.push(Boundary::Batch(self.new_batch_id.clone()));
            }
        }
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
        let wanted = Use::Consumed(facility, today, self.purpose);
        let mut level = books
            .stock(&self.facility_id, &self.item_id)
            .cloned()
            .unwrap_or_default();
        if self.already_used || moment.is_past() {
            return self.used(books, &level, batch, wanted, today);
        }
        if let Some(batch) = batch.filter(|batch| is_expired(&batch.expires_on, today)) {
            return Err(Rejection::BatchExpired {
                batch_id: batch.batch_id.clone(),
                expires_on: batch.expires_on.clone(),
                today: today.to_string(),
            });
        }
        self.check_usable(books, batch)?;
        Self::check_earmarks(books, batch, wanted)?;
        earmark::set_apart(books, &mut level, wanted);
        let units = take(
            &mut level.clone(),
            self.quantity.get(),
            today,
            self.choice(),
        );
        if units.iter().map(|units| units.quantity).sum::<i64>() < self.quantity.get() {
            return Err(insufficient(
                &level,
                self.quantity.get(),
                Some(today),
                self.choice(),
            ));
        }
        limits::keep(vec![self.consumed(units).into()])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Stock(
            self.facility_id.clone(),
            self.item_id.clone(),
        ))
    }
}

impl ConsumeStock {
    fn choice(&self) -> Choice<'_> {
        Choice {
            batch_id: self.batch_id.as_ref().map(Code::as_str),
            owner_id: self.owner_id.as_ref().map(Code::as_str),
        }
    }

    fn consumed(&self, units: Vec<StockUnits>) -> StockConsumed {
        StockConsumed {
            facility_id: self.facility_id.to_string(),
            units,
            purpose: self.purpose.into(),
            batches_assumed: self.batch_id.is_none(),
            already_used: self.already_used.then_some(true),
            particulars: Vec::new(),
        }
    }

    fn gone<'a>(
        &'a self,
        level: &'a StockLevel,
        issuable: &'a StockLevel,
        today: NaiveDate,
    ) -> Gone<'a> {
        Gone {
            level,
            issuable,
            today,
            choice: self.choice(),
            quantity: self.quantity.get(),
            tiers: USED,
        }
    }

    /// That units have been used, whatever the books say.
    fn used(
        &self,
        books: &Books,
        level: &StockLevel,
        batch: Option<&Batch>,
        wanted: Use<'_>,
        today: NaiveDate,
    ) -> Result<Vec<Event>, Rejection> {
        let mut issuable = level.clone();
        earmark::set_apart(books, &mut issuable, wanted);
        let taken = self.gone(level, &issuable, today).taken();
        let unknown = batch.map_or(Unknown::New(&self.new_batch_id), Unknown::Batch);
        if taken.beyond > 0 {
            self.check_unknown(books, batch)?;
        }
        let owner_id = self.owner_id.as_ref().map(Code::as_str);
        let consequences =
            taken.consequences(books, level, &unknown, owner_id, ReleaseReason::StockGone)?;
        let mut events = consequences.before;
        events.push(
            StockConsumed {
                already_used: (self.already_used || taken.is_out_of_order).then_some(true),
                particulars: consequences.particulars,
                ..self.consumed(consequences.units)
            }
            .into(),
        );
        limits::keep(events)
    }

    /// What is found must be of the item, or of a batch that is new.
    fn check_unknown(&self, books: &Books, batch: Option<&Batch>) -> Result<(), Rejection> {
        match batch {
            Some(batch) if batch.item_id != self.item_id.as_str() => {
                Err(Rejection::BatchOfOtherItem {
                    field: "batch_id".to_owned(),
                    batch_id: batch.batch_id.clone(),
                    item_id: self.item_id.to_string(),
                    batch_item_id: batch.item_id.clone(),
                })
            }
            None if books.batch(&self.new_batch_id).is_some() => Err(Rejection::BatchExists {
                batch_id: self.new_batch_id.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Refuses to issue a batch that is meant for others.
    fn check_earmarks(
        books: &Books,
        batch: Option<&Batch>,
        wanted: Use<'_>,
    ) -> Result<(), Rejection> {
        match batch {
            Some(batch) if !earmark::allows(books, &batch.item_id, &batch.donation_id, wanted) => {
                Err(Rejection::BatchEarmarked {
                    batch_id: batch.batch_id.clone(),
                    donation_id: batch.donation_id.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Refuses to issue a batch that is held or recalled.
    fn check_usable(&self, books: &Books, batch: Option<&Batch>) -> Result<(), Rejection> {
        match (books.quality(&self.item_id), batch) {
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
