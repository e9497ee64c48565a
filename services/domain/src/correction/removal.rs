//! Units that never came are taken out of the books where they were said to have come.

use keruen_proto::{
    Event,
    inventory::v1::{StockDiscrepancyFound, StockLevel, StockLot, StockUnits},
    registry::v1::Item,
    shipments::v1::ReleaseReason,
};

use super::Fact;
use crate::{
    asset::{self, contents},
    books::Books,
    boundary::Boundary,
    code::Label,
    rejection::Rejection,
    stock::{
        claims::{self, BrokenClaim},
        lot,
    },
};

/// Units that are to be taken out at a facility.
pub(super) struct Removal<'a> {
    pub facility_id: &'a str,
    pub units: &'a StockUnits,
    /// How many of them came damaged or expired, and were held for that.
    pub unusable: i64,
    /// Which ones, of an asset.
    pub serial_numbers: &'a [Label],
    /// The event that had said that they came.
    pub fact: &'a Fact,
    /// What is taken out with them: assets that are inside one another stay so.
    pub together: &'a [StockUnits],
}

impl Removal<'_> {
    fn level<'b>(&self, books: &'b Books) -> Option<&'b StockLevel> {
        books.stock(self.facility_id, &self.units.item_id)
    }

    fn lot<'b>(&self, books: &'b Books) -> Option<&'b StockLot> {
        lot::find(
            self.level(books)?,
            &self.units.batch_id,
            &self.units.owner_id,
        )
    }

    /// How many of them are still there; the rest has gone on.
    fn still_there(&self, books: &Books) -> i64 {
        let on_hand = self.lot(books).map_or(0, |lot| lot.on_hand);
        on_hand.min(self.units.quantity)
    }

    fn claims(&self, books: &Books) -> Vec<BrokenClaim> {
        let numbers = asset::stored(self.serial_numbers);
        self.lot(books)
            .map(|lot| claims::broken(lot, self.still_there(books), &numbers))
            .unwrap_or_default()
    }

    /// What must be read to know whose claims break.
    pub fn reads(&self, books: &Books) -> Vec<Boundary> {
        claims::reads(books, &self.claims(books))
    }

    /// What comes before they are taken out, and how many of them had been held: claims to them are given up, and what
    /// has gone on is booked as found, so that every unit that is anywhere stays in the books. A unit with a serial number
    /// can't be found while it is somewhere else.
    pub fn prepared(&self, books: &Books, item: &Item) -> Result<(Vec<Event>, i64), Rejection> {
        let there = self.still_there(books);
        let empty = StockLot::default();
        let lot = self.lot(books).unwrap_or(&empty);
        if asset::is_asset(item) {
            let nothing = StockLevel {
                facility_id: self.facility_id.to_owned(),
                item_id: self.units.item_id.clone(),
                ..StockLevel::default()
            };
            let level = self.level(books).unwrap_or(&nothing);
            let named = StockLot {
                batch_id: self.units.batch_id.clone(),
                owner_id: self.units.owner_id.clone(),
                ..lot.clone()
            };
            lot::check_serial_numbers_there(level, &named, self.serial_numbers)?;
            for asset in contents::of_units(books, self.units) {
                if self.together.is_empty() {
                    contents::check_empty(asset)?;
                }
            }
        }
        let reason = ReleaseReason::StockAdjusted;
        let claims = self.claims(books);
        let mut events = claims::give_up(books, self.facility_id, &claims, self.units, reason)?;
        if self.together.is_empty() {
            events.extend(contents::severed(books, self.units));
        }
        let gone_on = self.units.quantity - there;
        if gone_on > 0 {
            let found = StockDiscrepancyFound {
                facility_id: self.facility_id.to_owned(),
                units: Some(StockUnits {
                    quantity: gone_on,
                    serial_numbers: Vec::new(),
                    ..self.units.clone()
                }),
                corrects_event_id: self.fact.event_id.clone(),
                effective_at: Some(self.fact.effective_at()),
            };
            events.push(found.into());
        }
        let held = if asset::is_asset(item) {
            lot::count(&lot.serial_numbers_held_here, &self.units.serial_numbers)
        } else {
            // What was held because it came damaged is not held any more; of the rest, those that can be used go first.
            let free = lot.on_hand - lot.reserved - lot.held_here;
            let unusable = self.unusable.min(there);
            lot.held_here.min((there - free).max(unusable))
        };
        Ok((events, held))
    }
}
