//! Units at a facility are held by themselves, and released again.

use std::collections::BTreeSet;

use keruen_proto::{
    Event,
    inventory::v1::{StockHeld, StockLevel, StockLot, StockReleased, StockUnits},
};

use super::{
    HoldStock, ReleaseStock,
    lot::{self, Happened},
    pick::{Choice, insufficient, units_of},
};
use crate::{
    asset,
    books::Books,
    boundary::Boundary,
    code::{Code, Label},
    command::{Command, Moment},
    limits,
    quality::{hold::check_documents, state::as_if_usable},
    registry::existing_item,
    rejection::Rejection,
};

/// Units of a lot as a command names them.
struct Named<'a> {
    facility_id: &'a Code,
    batch_id: &'a Code,
    owner_id: Option<&'a Code>,
    quantity: i64,
    serial_numbers: &'a [Label],
}

impl<'a> Named<'a> {
    fn at_lot(&self) -> lot::Named<'a> {
        lot::Named {
            facility_id: self.facility_id,
            owner_id: self.owner_id,
            quantity: self.quantity,
            serial_numbers: self.serial_numbers,
        }
    }

    /// The level, counted as if the batch could be used, and the owner.
    fn level(&self, books: &Books) -> Result<(StockLevel, String), Rejection> {
        let batch = lot::existing(books, self.facility_id, self.batch_id, self.owner_id)?;
        let item = existing_item(books, &batch.item_id)?;
        let mut level = lot::level(books, self.facility_id, batch);
        level.lots.iter_mut().for_each(as_if_usable);
        let owner_id = lot::owner(&level, batch, self.owner_id)?;
        let mut seen = BTreeSet::new();
        asset::check_serial_numbers(
            "serial_numbers",
            item,
            self.quantity,
            self.serial_numbers,
            &mut seen,
        )?;
        Ok((level, owner_id))
    }

    fn units(&self, level: &StockLevel, lot: &StockLot) -> StockUnits {
        let serial_numbers = asset::stored(self.serial_numbers);
        units_of(&level.item_id, lot, self.quantity, serial_numbers)
    }
}

impl HoldStock {
    fn named(&self) -> Named<'_> {
        Named {
            facility_id: &self.facility_id,
            batch_id: &self.batch_id,
            owner_id: self.owner_id.as_ref(),
            quantity: self.quantity.get(),
            serial_numbers: &self.serial_numbers,
        }
    }
}

impl HoldStock {
    /// That units were set apart some time ago, whatever the books say: also what shipments have claimed since.
    fn held_already(
        &self,
        books: &Books,
        level: &StockLevel,
        owner_id: &str,
    ) -> Result<Vec<Event>, Rejection> {
        if let Some(lot) = lot::find(level, &self.batch_id, owner_id) {
            check_held_here(level, lot, &self.serial_numbers, false)?;
        }
        let batch = lot::existing_batch(books, &self.batch_id)?;
        let named = self.named().at_lot();
        let set_apart = lot::happened(books, batch, &named, Happened::SetApart)?;
        let mut events = set_apart.before;
        events.push(
            StockHeld {
                facility_id: self.facility_id.to_string(),
                units: Some(set_apart.units),
                reason: self.reason.into(),
                documents: self.documents.clone(),
            }
            .into(),
        );
        limits::keep(events)
    }
}

impl Command for HoldStock {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let owner_id = self.owner_id.as_ref();
        let mut boundaries = lot::reads(books, &self.facility_id, &self.batch_id, owner_id);
        let named = self.named().at_lot();
        let what = Happened::SetApart;
        boundaries.extend(lot::happened_reads(books, &self.batch_id, &named, what));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let named = self.named();
        let (level, owner_id) = named.level(books)?;
        if moment.is_past() {
            return self.held_already(books, &level, &owner_id);
        }
        let choice = Choice {
            batch_id: Some(&self.batch_id),
            owner_id: Some(&owner_id),
        };
        let too_little = || insufficient(&level, named.quantity, None, choice);
        let lot = lot::find(&level, &self.batch_id, &owner_id).ok_or_else(too_little)?;
        lot::check_unclaimed(&level, lot, &self.serial_numbers)?;
        check_held_here(&level, lot, &self.serial_numbers, false)?;
        if named.quantity > lot.available {
            return Err(too_little());
        }
        limits::keep(vec![
            StockHeld {
                facility_id: self.facility_id.to_string(),
                units: Some(named.units(&level, lot)),
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

impl ReleaseStock {
    fn named(&self) -> Named<'_> {
        Named {
            facility_id: &self.facility_id,
            batch_id: &self.batch_id,
            owner_id: self.owner_id.as_ref(),
            quantity: self.quantity.get(),
            serial_numbers: &self.serial_numbers,
        }
    }
}

impl Command for ReleaseStock {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let owner_id = self.owner_id.as_ref();
        let mut boundaries = lot::reads(books, &self.facility_id, &self.batch_id, owner_id);
        boundaries.extend(lot::assets(books, &self.batch_id, &self.serial_numbers));
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let named = self.named();
        let batch = lot::existing(
            books,
            &self.facility_id,
            &self.batch_id,
            self.owner_id.as_ref(),
        )?;
        asset::check_not_set_apart(books, &batch.item_id, &self.serial_numbers)?;
        check_documents(&self.grounds, &self.documents)?;
        let (level, owner_id) = named.level(books)?;
        let too_many = |held: i64| Rejection::NotHeldHere {
            facility_id: self.facility_id.to_string(),
            batch_id: self.batch_id.to_string(),
            owner_id: owner_id.clone(),
            requested: named.quantity,
            held,
        };
        let lot = lot::find(&level, &self.batch_id, &owner_id).ok_or_else(|| too_many(0))?;
        lot::check_serial_numbers_there(&level, lot, &self.serial_numbers)?;
        check_held_here(&level, lot, &self.serial_numbers, true)?;
        if named.quantity > lot.held_here {
            return Err(too_many(lot.held_here));
        }
        let (verdict, release_override) = self.grounds.stored();
        let units = named.units(&level, lot);
        let held = asset::held_still(books, &self.facility_id, &units);
        let mut events = vec![
            StockReleased {
                facility_id: self.facility_id.to_string(),
                units: Some(units),
                verdict,
                release_override,
                documents: self.documents.clone(),
            }
            .into(),
        ];
        events.extend(held);
        limits::keep(events)
    }

    fn subject(&self, books: &Books) -> Option<Boundary> {
        lot::subject(books, &self.facility_id, &self.batch_id)
    }
}

/// Refuses serial numbers that are held here by themselves, or that are not.
fn check_held_here(
    level: &StockLevel,
    lot: &StockLot,
    serial_numbers: &[Label],
    must_be: bool,
) -> Result<(), Rejection> {
    let is_held = |number: &Label| {
        let mut held = lot.serial_numbers_held_here.iter();
        held.any(|it| it == number.as_str())
    };
    let other = serial_numbers
        .iter()
        .find(|number| is_held(number) != must_be);
    let Some(serial_number) = other else {
        return Ok(());
    };
    let held = if must_be { "held" } else { "free" };
    Err(Rejection::SerialNumberNotThere {
        field: "serial_numbers".to_owned(),
        item_id: level.item_id.clone(),
        serial_number: serial_number.to_string(),
        place: format!(
            "{held} in batch {} of {} at facility {}",
            lot.batch_id, lot.owner_id, level.facility_id
        ),
    })
}
