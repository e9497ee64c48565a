//! What was said of a batch when it came was wrong. It is corrected wherever its units are, also on their way: decisions
//! about stock fold the correction together with the stock that they read.

use keruen_proto::{
    Event,
    inventory::v1::{Batch, BatchDataCorrected, StockUnits},
};

use super::{CorrectBatchData, receipt::line_of};
use crate::{
    batch::is_new,
    books::Books,
    boundary::Boundary,
    calendar,
    code::Label,
    command::{Command, Moment},
    kit::follow,
    limits,
    quality::state::shortened_expiry,
    registry::existing_item,
    rejection::Rejection,
    stock::lot::existing_batch,
};

impl CorrectBatchData {
    /// Refuses an event that did not bring the batch.
    fn check_fact(&self) -> Result<(), Rejection> {
        let is_it = |units: Option<&StockUnits>| {
            units.is_some_and(|units| units.batch_id == self.batch_id.as_str())
        };
        let has_brought_it = match &self.fact.event {
            Event::StockEntered(event) => event.lines.iter().any(|line| is_it(line.units.as_ref())),
            Event::ShipmentReceived(event) => event
                .units
                .iter()
                .filter(|found| is_new(found.outcome()))
                .filter_map(|found| found.shipment_units.as_ref())
                .any(|shipped| is_it(shipped.units.as_ref())),
            _ => return line_of(&self.fact, &self.batch_id).map(|_| ()),
        };
        if has_brought_it {
            return Ok(());
        }
        Err(Rejection::BatchNotOfReceipt {
            event_id: self.fact.event_id.clone(),
            batch_id: self.batch_id.to_string(),
        })
    }

    /// A last day of use that was decided is not a matter of what was printed.
    fn check_expiry(&self, books: &Books, batch: &Batch) -> Result<(), Rejection> {
        let Some(expires_on) = self.expires_on else {
            return Ok(());
        };
        let quality = books.quality(&batch.item_id);
        if quality.is_some_and(|quality| shortened_expiry(quality, &batch.batch_id).is_some()) {
            return Err(Rejection::ExpiryDecided {
                batch_id: batch.batch_id.clone(),
                expires_on: batch.expires_on.clone(),
            });
        }
        let item = existing_item(books, &batch.item_id)?;
        if expires_on.is_none() && item.expires {
            return Err(Rejection::ExpiryRequired {
                field: "expires_on".to_owned(),
                item_id: item.item_id.clone(),
            });
        }
        Ok(())
    }

    fn corrected(&self, batch: &Batch) -> BatchDataCorrected {
        let lot = self
            .lot
            .as_ref()
            .map(|lot| lot.as_ref().map(Label::to_string).unwrap_or_default());
        let expires_on = self.expires_on.map(calendar::stored);
        BatchDataCorrected {
            corrects_event_id: self.fact.event_id.clone(),
            batch_id: batch.batch_id.clone(),
            item_id: batch.item_id.clone(),
            lot: lot.unwrap_or_else(|| batch.lot.clone()),
            expires_on: expires_on.unwrap_or_else(|| batch.expires_on.clone()),
            unit_value: self.unit_value.clone().or_else(|| batch.unit_value.clone()),
            wrong_lot: batch.lot.clone(),
            wrong_expires_on: batch.expires_on.clone(),
            documents: self.documents.clone(),
        }
    }
}

impl Command for CorrectBatchData {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![Boundary::Batch(self.batch_id.clone())];
        boundaries.extend(Boundary::fact(&self.fact.event_id));
        boundaries.extend(follow::batch_reads(books, &self.batch_id));
        if let Some(batch) = books.batch(&self.batch_id) {
            boundaries.extend(Boundary::item(&batch.item_id));
            boundaries.extend(Boundary::quality(&batch.item_id));
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let batch = existing_batch(books, &self.batch_id)?;
        existing_item(books, &batch.item_id)?;
        self.check_fact()?;
        self.fact.check_before(moment)?;
        let corrected = self.corrected(batch);
        let is_same = corrected.lot == batch.lot
            && corrected.expires_on == batch.expires_on
            && corrected.unit_value == batch.unit_value;
        if is_same {
            return Err(Rejection::NothingToCorrect {
                batch_id: self.batch_id.to_string(),
            });
        }
        self.check_expiry(books, batch)?;
        let expires_on = corrected.expires_on.clone();
        // It may be of a lot that is recalled, or no longer be.
        let corrected = corrected.into();
        let kits = follow::of_batch(books, &self.batch_id);
        let held = follow::held(books, &kits, &corrected);
        let mut events = vec![corrected];
        events.extend(held);
        if !expires_on.is_empty() && expires_on != batch.expires_on {
            events.extend(follow::shortened(books, &kits, &expires_on));
        }
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Batch(self.batch_id.clone()))
    }
}
