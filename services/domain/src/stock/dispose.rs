//! Stock is disposed of: what is held first, never what is claimed, unless it is gone already.

use keruen_proto::{Event, inventory::v1::StockDisposed};

use super::{DisposeStock, lot, lot::Happened};
use crate::{
    books::Books,
    boundary::Boundary,
    command::{Command, Moment},
    limits,
    rejection::Rejection,
};

impl Command for DisposeStock {
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
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let batch = lot::existing(
            books,
            &self.facility_id,
            &self.batch_id,
            self.owner_id.as_ref(),
        )?;
        let leaving = if self.already_disposed || moment.is_past() {
            lot::happened(books, batch, &self.named(), Happened::Left)?
        } else {
            lot::leaving(books, batch, &self.named())?
        };
        let mut events = leaving.before;
        events.push(
            StockDisposed {
                facility_id: self.facility_id.to_string(),
                units: Some(leaving.units),
                held_quantity: leaving.held_quantity,
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

impl DisposeStock {
    fn named(&self) -> lot::Named<'_> {
        lot::Named {
            facility_id: &self.facility_id,
            owner_id: self.owner_id.as_ref(),
            quantity: self.quantity.get(),
            serial_numbers: &self.serial_numbers,
        }
    }
}
