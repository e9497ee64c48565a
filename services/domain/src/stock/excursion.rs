//! Stock was kept too warm or too cold. What was there is held until its quality is decided on, claimed or not.

use keruen_proto::{
    Event,
    inventory::v1::{HoldReason, StockHeld, StockLot, StockReleased, TemperatureExcursionFound},
    registry::v1::Item,
    shipments::v1::ReleaseReason,
};

use super::{
    RecordExcursion,
    claims::{self, BrokenClaim},
    lot::existing_batch,
    pick::units_of,
};
use crate::{
    asset,
    books::Books,
    boundary::Boundary,
    code::Code,
    command::{Command, Moment},
    limits,
    registry::{existing_facility, existing_item},
    rejection::Rejection,
};

impl Command for RecordExcursion {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Facility(self.facility_id.clone()),
            Boundary::Item(self.item_id.clone()),
            Boundary::Stock(self.facility_id.clone(), self.item_id.clone()),
        ];
        boundaries.extend(self.batch_ids.iter().cloned().map(Boundary::Batch));
        let claims: Vec<BrokenClaim> = self.lots(books).flat_map(broken).collect();
        boundaries.extend(claims::reads(books, &claims));
        boundaries.extend(
            self.held_assets(books)
                .into_iter()
                .take(limits::EXCURSION_ASSETS),
        );
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        existing_facility(books, &self.facility_id)?;
        let item = existing_item(books, &self.item_id)?;
        for batch_id in &self.batch_ids {
            existing_batch(books, batch_id)?;
        }
        self.check_range(item)?;
        let lots: Vec<&StockLot> = self.lots(books).collect();
        if lots.is_empty() {
            return Err(Rejection::NothingThere {
                facility_id: self.facility_id.to_string(),
                item_id: self.item_id.to_string(),
            });
        }
        self.check_size(books, &lots)?;
        let mut given_up = Vec::new();
        let mut held = Vec::new();
        for lot in &lots {
            let claims = broken(lot);
            let units = units_of(&self.item_id, lot, lot.on_hand, lot.serial_numbers.clone());
            let reason = ReleaseReason::StockHeld;
            given_up.extend(claims::give_up(
                books,
                &self.facility_id,
                &claims,
                &units,
                reason,
            )?);
            held.extend(self.held(books, lot));
        }
        let mut batch_ids: Vec<String> = lots.iter().map(|lot| lot.batch_id.clone()).collect();
        batch_ids.sort_unstable();
        batch_ids.dedup();
        given_up.push(
            TemperatureExcursionFound {
                facility_id: self.facility_id.to_string(),
                item_id: self.item_id.to_string(),
                batch_ids,
                lowest_millicelsius: self.lowest_millicelsius,
                highest_millicelsius: self.highest_millicelsius,
                duration_minutes: self.duration_minutes,
                documents: self.documents.clone(),
            }
            .into(),
        );
        given_up.extend(held);
        limits::keep(given_up)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Stock(
            self.facility_id.clone(),
            self.item_id.clone(),
        ))
    }
}

/// The claims to a lot that break: all of them.
fn broken(lot: &StockLot) -> Vec<BrokenClaim> {
    claims::broken(lot, lot.on_hand, &lot.serial_numbers)
}

impl RecordExcursion {
    /// The lots that were there.
    fn lots<'a>(&'a self, books: &'a Books) -> impl Iterator<Item = &'a StockLot> {
        let level = books.stock(&self.facility_id, &self.item_id);
        let is_meant = |lot: &&StockLot| {
            let mut batch_ids = self.batch_ids.iter().map(Code::as_str);
            self.batch_ids.is_empty() || batch_ids.any(|id| id == lot.batch_id)
        };
        let lots = level.map_or(&[][..], |level| &level.lots);
        lots.iter().filter(is_meant)
    }

    /// The assets that are held already, over all lots, and what they are inside: some are not there.
    fn held_assets(&self, books: &Books) -> Vec<Boundary> {
        let held = self
            .lots(books)
            .flat_map(|lot| &lot.serial_numbers_held_here);
        asset::outwards(books, &self.item_id, held, limits::EXCURSION_ASSETS)
    }

    /// Refuses what is too much for one append, over all lots: beyond the bounds it was not even read.
    fn check_size(&self, books: &Books, lots: &[&StockLot]) -> Result<(), Rejection> {
        let shipments: usize = lots.iter().map(|lot| broken(lot).len()).sum();
        claims::check_number(&self.facility_id, &lots[0].batch_id, shipments)?;
        if self.held_assets(books).len() > limits::EXCURSION_ASSETS {
            return Err(Rejection::TooManyAssets {
                facility_id: self.facility_id.to_string(),
                item_id: self.item_id.to_string(),
                limit: limits::EXCURSION_ASSETS,
            });
        }
        Ok(())
    }

    /// What is within the range is no excursion.
    fn check_range(&self, item: &Item) -> Result<(), Rejection> {
        let Some(range) = &item.storage else {
            return Ok(());
        };
        let is_within = self.lowest_millicelsius >= range.minimum_millicelsius
            && self.highest_millicelsius <= range.maximum_millicelsius;
        if is_within {
            return Err(Rejection::WithinStorageRange {
                item_id: item.item_id.clone(),
                lowest_millicelsius: range.minimum_millicelsius,
                highest_millicelsius: range.maximum_millicelsius,
            });
        }
        Ok(())
    }

    /// That those units of a lot are held which are not held by themselves already. What is held only because it is in use
    /// or does not work is held for this instead, and stays so when that ends.
    fn held(&self, books: &Books, lot: &StockLot) -> Vec<Event> {
        let held_here = &lot.serial_numbers_held_here;
        let set_apart = asset::set_apart_there(books, &self.item_id, held_here);
        let released = i64::try_from(set_apart.len()).unwrap_or(i64::MAX);
        let quantity = lot.on_hand - lot.held_here + released;
        let is_meant = |number: &&String| !held_here.contains(number) || set_apart.contains(number);
        let numbers = lot.serial_numbers.iter().filter(is_meant);
        let units = units_of(&self.item_id, lot, quantity, numbers.cloned().collect());
        let mut events = Vec::new();
        if released > 0 {
            let released = StockReleased {
                facility_id: self.facility_id.to_string(),
                units: Some(units_of(&self.item_id, lot, released, set_apart)),
                ..StockReleased::default()
            };
            events.push(released.into());
        }
        if quantity > 0 {
            let held = StockHeld {
                facility_id: self.facility_id.to_string(),
                units: Some(units),
                reason: HoldReason::TemperatureExcursion.into(),
                documents: self.documents.clone(),
            };
            events.push(held.into());
        }
        events
    }
}
