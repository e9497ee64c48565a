//! Stock is given back and leaves the system: what is held first, never what is claimed, unless it is gone already.

use keruen_proto::{
    Event,
    inventory::v1::{Batch, StockReturned},
};

use super::{ReturnStock, lot, lot::Happened};
use crate::{
    books::Books,
    boundary::Boundary,
    command::{Command, Moment},
    limits,
    registry::existing_organisation,
    rejection::Rejection,
};

impl Command for ReturnStock {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let owner_id = self.owner_id.as_ref();
        let mut boundaries = lot::reads(books, &self.facility_id, &self.batch_id, owner_id);
        boundaries.extend(lot::assets(books, &self.batch_id, &self.serial_numbers));
        boundaries.extend(lot::happened_reads(
            books,
            &self.batch_id,
            &self.named(),
            Happened::Left,
        ));
        boundaries.extend(self.recipient_id.clone().map(Boundary::Organisation));
        // Of goods that nobody can attribute there is no donation.
        let batch = books.batch(&self.batch_id);
        boundaries.extend(batch.and_then(|batch| Boundary::donation(&batch.donation_id)));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let owner_id = self.owner_id.as_ref();
        let batch = lot::existing(books, &self.facility_id, &self.batch_id, owner_id)?;
        if let Some(recipient_id) = &self.recipient_id {
            existing_organisation(books, recipient_id)?;
        }
        let recipient_id = self.recipient(books, batch)?;
        let leaving = if self.already_returned || moment.is_past() {
            lot::happened(books, batch, &self.named(), Happened::Left)?
        } else {
            lot::leaving(books, batch, &self.named())?
        };
        let mut events = leaving.before;
        events.push(
            StockReturned {
                facility_id: self.facility_id.to_string(),
                units: Some(leaving.units),
                held_quantity: leaving.held_quantity,
                recipient_id,
                reason: self.reason.into(),
                documents: self.documents.clone(),
                found_quantity: leaving.found_quantity,
            }
            .into(),
        );
        limits::keep(events)
    }

    fn subject(&self, books: &Books) -> Option<Boundary> {
        lot::subject(books, &self.facility_id, &self.batch_id)
    }
}

impl ReturnStock {
    fn named(&self) -> lot::Named<'_> {
        lot::Named {
            facility_id: &self.facility_id,
            owner_id: self.owner_id.as_ref(),
            quantity: self.quantity.get(),
            serial_numbers: &self.serial_numbers,
        }
    }

    fn recipient(&self, books: &Books, batch: &Batch) -> Result<String, Rejection> {
        if let Some(recipient_id) = &self.recipient_id {
            return Ok(recipient_id.to_string());
        }
        match books.donation(&batch.donation_id) {
            Some(donation) => Ok(donation.donor_id.clone()),
            None => Err(Rejection::NoDonor {
                batch_id: batch.batch_id.clone(),
            }),
        }
    }
}
