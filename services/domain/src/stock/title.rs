//! Units pass to another owner where they are: ownership is one thing, place and custody are others. What a shipment has
//! claimed passes once it has arrived, or once the claim is given up; unless it passed some time ago, which nobody can refuse.

use std::collections::BTreeSet;

use keruen_proto::{
    Event,
    inventory::v1::{Batch, StockLevel, StockLot, StockUnits, TitleTransferred},
};

use super::{
    TransferTitle,
    level::{lot_of, remove},
    lot::{self, Happened},
    pick::{Choice, insufficient, units_of},
};
use crate::{
    asset,
    books::Books,
    boundary::Boundary,
    code::{Code, Quantity},
    command::{Command, Moment},
    limits,
    registry::{existing_item, existing_organisation, in_use},
    rejection::Rejection,
};

impl Command for TransferTitle {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let owner_id = self.owner_id.as_ref();
        let mut boundaries = lot::reads(books, &self.facility_id, &self.batch_id, owner_id);
        boundaries.push(Boundary::Organisation(self.new_owner_id.clone()));
        if let Some(named) = self.named(owner_id) {
            let what = Happened::Passed;
            boundaries.extend(lot::happened_reads(books, &self.batch_id, &named, what));
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let owner_id = self.owner_id.as_ref();
        let batch = lot::existing(books, &self.facility_id, &self.batch_id, owner_id)?;
        let item = existing_item(books, &batch.item_id)?;
        existing_organisation(books, &self.new_owner_id)?;
        let new_owner = [Boundary::Organisation(self.new_owner_id.clone())];
        in_use(books, &new_owner, moment)?;
        let mut level = lot::level(books, &self.facility_id, batch);
        level.lots.iter_mut().for_each(as_if_all_may_pass);
        let owner_id = lot::owner(&level, batch, owner_id)?;
        if owner_id == self.new_owner_id.as_str() {
            return Err(Rejection::SameOwner { owner_id });
        }
        let old_owner = Code::parse(&owner_id).ok();
        if let Some(named) = self.named(old_owner.as_ref()).filter(|_| moment.is_past()) {
            return self.passed_already(books, batch, &named);
        }
        let choice = Choice {
            batch_id: Some(&self.batch_id),
            owner_id: Some(&owner_id),
        };
        let wanted = self.quantity.map(Quantity::get);
        let too_little = || insufficient(&level, wanted.unwrap_or(1), None, choice);
        let lot = lot::find(&level, &self.batch_id, &owner_id).ok_or_else(too_little)?;
        let quantity = wanted.unwrap_or(lot.available);
        let mut serial_numbers = asset::stored(&self.serial_numbers);
        if self.quantity.is_none() && self.serial_numbers.is_empty() {
            serial_numbers = unclaimed(lot);
        } else {
            let mut seen = BTreeSet::new();
            asset::check_serial_numbers(
                "serial_numbers",
                item,
                quantity,
                &self.serial_numbers,
                &mut seen,
            )?;
            lot::check_unclaimed(&level, lot, &self.serial_numbers)?;
        }
        if quantity > lot.available || quantity == 0 {
            return Err(too_little());
        }
        let held_quantity = held(lot, quantity, &serial_numbers);
        limits::keep(vec![
            TitleTransferred {
                facility_id: self.facility_id.to_string(),
                units: Some(units_of(&level.item_id, lot, quantity, serial_numbers)),
                held_quantity,
                new_owner_id: self.new_owner_id.to_string(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, books: &Books) -> Option<Boundary> {
        lot::subject(books, &self.facility_id, &self.batch_id)
    }
}

impl TransferTitle {
    /// The units, where it is said how many they are.
    fn named<'a>(&'a self, owner_id: Option<&'a Code>) -> Option<lot::Named<'a>> {
        Some(lot::Named {
            facility_id: &self.facility_id,
            owner_id,
            quantity: self.quantity?.get(),
            serial_numbers: &self.serial_numbers,
        })
    }

    /// That units passed some time ago, whatever the books say: also what shipments have claimed since. What has gone on
    /// since is found as a discrepancy.
    fn passed_already(
        &self,
        books: &Books,
        batch: &Batch,
        named: &lot::Named<'_>,
    ) -> Result<Vec<Event>, Rejection> {
        let passed = lot::happened(books, batch, named, Happened::Passed)?;
        let mut events = passed.before;
        events.push(
            TitleTransferred {
                facility_id: self.facility_id.to_string(),
                units: Some(passed.units),
                held_quantity: passed.held_quantity,
                new_owner_id: self.new_owner_id.to_string(),
                documents: self.documents.clone(),
            }
            .into(),
        );
        limits::keep(events)
    }
}

/// Whether units are fit for use does not matter to whose they are; only what a shipment has claimed stays.
fn as_if_all_may_pass(lot: &mut StockLot) {
    lot.held = 0;
    lot.available = lot.on_hand - lot.reserved;
}

fn unclaimed(lot: &StockLot) -> Vec<String> {
    let is_claimed = |serial_number: &&String| {
        lot.reservations
            .iter()
            .any(|claim| claim.serial_numbers.contains(serial_number))
    };
    let free = lot.serial_numbers.iter();
    free.filter(|it| !is_claimed(it)).cloned().collect()
}

/// How many of the units are held by themselves: of those that are counted, the free ones pass first.
fn held(lot: &StockLot, quantity: i64, serial_numbers: &[String]) -> i64 {
    if serial_numbers.is_empty() {
        let free = lot.on_hand - lot.reserved - lot.held_here;
        (quantity - free).max(0)
    } else {
        lot::count(&lot.serial_numbers_held_here, serial_numbers)
    }
}

/// Units of a level that pass to another owner, held ones as held ones.
pub(super) fn pass(level: &mut StockLevel, units: &StockUnits, held: i64, new_owner_id: &str) {
    let lot = lot_of(level, units);
    lot.on_hand -= units.quantity;
    lot.held_here -= held;
    let is_held = |it: &&String| lot.serial_numbers_held_here.contains(it);
    let numbers = units.serial_numbers.iter();
    let held_numbers: Vec<String> = numbers.filter(is_held).cloned().collect();
    remove(&mut lot.serial_numbers, &units.serial_numbers);
    remove(&mut lot.serial_numbers_held_here, &units.serial_numbers);
    let theirs = StockUnits {
        owner_id: new_owner_id.to_owned(),
        ..units.clone()
    };
    let lot = lot_of(level, &theirs);
    lot.on_hand = lot.on_hand.saturating_add(units.quantity);
    lot.held_here = lot.held_here.saturating_add(held);
    lot.serial_numbers.extend(theirs.serial_numbers);
    lot.serial_numbers_held_here.extend(held_numbers);
}
