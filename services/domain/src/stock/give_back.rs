//! Stock is given back and leaves the system: what is held first, never what is claimed.

use keruen_proto::{
    Event,
    inventory::v1::{Batch, StockReturned},
};

use super::{ReturnStock, lot};
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
        boundaries.extend(self.recipient_id.clone().map(Boundary::Organisation));
        // Of goods that nobody can attribute there is no donation.
        let batch = books.batch(&self.batch_id);
        boundaries.extend(batch.and_then(|batch| Boundary::donation(&batch.donation_id)));
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let owner_id = self.owner_id.as_ref();
        let batch = lot::existing(books, &self.facility_id, &self.batch_id, owner_id)?;
        if let Some(recipient_id) = &self.recipient_id {
            existing_organisation(books, recipient_id)?;
        }
        let recipient_id = self.recipient(books, batch)?;
        let named = lot::Named {
            facility_id: &self.facility_id,
            owner_id,
            quantity: self.quantity.get(),
            serial_numbers: &self.serial_numbers,
        };
        let (units, held_quantity) = lot::leaving(books, batch, &named)?;
        limits::keep(vec![
            StockReturned {
                facility_id: self.facility_id.to_string(),
                units: Some(units),
                held_quantity,
                recipient_id,
                reason: self.reason.into(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, books: &Books) -> Option<Boundary> {
        lot::subject(books, &self.facility_id, &self.batch_id)
    }
}

impl ReturnStock {
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
