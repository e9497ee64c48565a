//! Stock is disposed of: what is held first, never what is claimed.

use keruen_proto::{Event, inventory::v1::StockDisposed};

use super::{DisposeStock, lot};
use crate::{
    books::Books,
    boundary::Boundary,
    command::{Command, Moment},
    limits,
    rejection::Rejection,
};

impl Command for DisposeStock {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        lot::reads(
            books,
            &self.facility_id,
            &self.batch_id,
            self.owner_id.as_ref(),
        )
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let batch = lot::existing(
            books,
            &self.facility_id,
            &self.batch_id,
            self.owner_id.as_ref(),
        )?;
        let named = lot::Named {
            facility_id: &self.facility_id,
            owner_id: self.owner_id.as_ref(),
            quantity: self.quantity.get(),
            serial_numbers: &self.serial_numbers,
        };
        let (units, held_quantity) = lot::leaving(books, batch, &named)?;
        limits::keep(vec![
            StockDisposed {
                facility_id: self.facility_id.to_string(),
                units: Some(units),
                held_quantity,
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
