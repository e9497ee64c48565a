//! Stock is disposed of: what is held first, never what is claimed.

use std::collections::BTreeSet;

use keruen_proto::{Event, inventory::v1::StockDisposed};

use super::{
    DisposeStock, lot,
    pick::{Choice, insufficient, units_of},
};
use crate::{
    asset,
    books::Books,
    boundary::Boundary,
    command::{Command, Moment},
    limits,
    registry::existing_item,
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
        let item = existing_item(books, &batch.item_id)?;
        let level = lot::level(books, &self.facility_id, batch);
        let owner_id = lot::owner(&level, batch, self.owner_id.as_ref())?;
        let quantity = self.quantity.get();
        let mut seen = BTreeSet::new();
        asset::check_serial_numbers(
            "serial_numbers",
            item,
            quantity,
            &self.serial_numbers,
            &mut seen,
        )?;
        let choice = Choice {
            batch_id: Some(&self.batch_id),
            owner_id: Some(&owner_id),
        };
        let too_little = || insufficient(&level, quantity, None, choice);
        let lot = lot::find(&level, &self.batch_id, &owner_id).ok_or_else(too_little)?;
        lot::check_unclaimed(&level, lot, &self.serial_numbers)?;
        if quantity > lot.available + lot.held {
            return Err(too_little());
        }
        let serial_numbers = asset::stored(&self.serial_numbers);
        let held_quantity = if asset::is_asset(item) {
            lot::count(&lot.serial_numbers_held_here, &serial_numbers)
        } else {
            quantity.min(lot.held_here)
        };
        limits::keep(vec![
            StockDisposed {
                facility_id: self.facility_id.to_string(),
                units: Some(units_of(&item.item_id, lot, quantity, serial_numbers)),
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
