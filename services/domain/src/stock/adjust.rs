//! The books of one batch are corrected to what is there. Where that breaks claims of shipments, they are given up in
//! the same append; and with an asset is lost what is inside it.

use std::collections::BTreeSet;

use keruen_proto::{
    Event,
    inventory::v1::{
        AdjustmentReason, AssetPlace, Batch, StockAdjusted, StockLevel, StockLot, StockUnits,
    },
    registry::v1::Item,
    shipments::v1::ReleaseReason,
};

use super::{
    AdjustStock, Change,
    claims::{self, BrokenClaim},
    lot::{self, find},
    pick::{Choice, insufficient},
};
use crate::{
    asset,
    books::Books,
    boundary::Boundary,
    code::MAX_QUANTITY,
    command::{Command, Moment},
    limits,
    registry::existing_item,
    rejection::Rejection,
};

impl Command for AdjustStock {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = lot::reads(
            books,
            &self.facility_id,
            &self.batch_id,
            self.owner_id.as_ref(),
        );
        let Some(batch) = books.batch(&self.batch_id) else {
            return boundaries;
        };
        match self.change {
            Change::Increase(_) => boundaries.extend(
                self.serial_numbers
                    .iter()
                    .filter_map(|serial_number| Boundary::asset(&batch.item_id, serial_number)),
            ),
            Change::Decrease(quantity) => {
                for number in &self.serial_numbers {
                    boundaries.extend(asset::reads_around(books, &batch.item_id, number));
                }
                let claims = self
                    .lot(books, batch)
                    .map(|lot| self.broken_claims(lot, quantity.get()));
                boundaries.extend(claims::reads(books, &claims.unwrap_or_default()));
            }
        }
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let batch = lot::existing(
            books,
            &self.facility_id,
            &self.batch_id,
            self.owner_id.as_ref(),
        )?;
        let item = existing_item(books, &batch.item_id)?;
        if let Change::Increase(_) = self.change {
            self.check_assets(books, batch)?;
        }
        self.check_reason()?;
        let level = lot::level(books, &self.facility_id, batch);
        let owner_id = lot::owner(&level, batch, self.owner_id.as_ref())?;
        let quantity = match self.change {
            Change::Increase(quantity) | Change::Decrease(quantity) => quantity.get(),
        };
        let mut seen = BTreeSet::new();
        asset::check_serial_numbers(
            "serial_numbers",
            item,
            quantity,
            &self.serial_numbers,
            &mut seen,
        )?;
        let units = self.units(batch, owner_id, quantity);
        limits::keep(match self.change {
            Change::Increase(_) => {
                let held = asset::held_again(books, &self.facility_id, &units);
                let mut events = vec![self.increased(&level, units)?];
                events.extend(held);
                events
            }
            Change::Decrease(_) => self.decreased(books, &level, item, units)?,
        })
    }

    fn subject(&self, books: &Books) -> Option<Boundary> {
        lot::subject(books, &self.facility_id, &self.batch_id)
    }
}

impl AdjustStock {
    /// The lot that is adjusted, if it is known which one.
    fn lot<'a>(&self, books: &'a Books, batch: &Batch) -> Option<&'a StockLot> {
        let level = books.stock(&self.facility_id, &batch.item_id)?;
        let owner_id = lot::owner(level, batch, self.owner_id.as_ref()).ok()?;
        find(level, &self.batch_id, &owner_id)
    }

    fn units(&self, batch: &Batch, owner_id: String, quantity: i64) -> StockUnits {
        StockUnits {
            batch_id: batch.batch_id.clone(),
            donation_id: batch.donation_id.clone(),
            item_id: batch.item_id.clone(),
            owner_id,
            lot: batch.lot.clone(),
            expires_on: batch.expires_on.clone(),
            quantity,
            serial_numbers: asset::stored(&self.serial_numbers),
        }
    }

    /// A unit that turns up is new, or was lost or disposed of; else it is somewhere else, as the books say.
    fn check_assets(&self, books: &Books, batch: &Batch) -> Result<(), Rejection> {
        let known = self
            .serial_numbers
            .iter()
            .filter_map(|number| books.asset(&batch.item_id, number));
        for asset in known {
            let is_gone = matches!(
                asset.place(),
                AssetPlace::Lost
                    | AssetPlace::Disposed
                    | AssetPlace::Returned
                    | AssetPlace::NotReceived
            );
            if !is_gone || asset.batch_id != batch.batch_id {
                return Err(asset::exists(asset));
            }
        }
        Ok(())
    }

    fn check_reason(&self) -> Result<(), Rejection> {
        use AdjustmentReason::{CountDifference, Found, Lost, Stolen};
        let (fits, direction, allowed) = match self.change {
            Change::Increase(_) => (
                matches!(self.reason, CountDifference | Found),
                "an increase",
                "COUNT_DIFFERENCE or FOUND",
            ),
            Change::Decrease(_) => (
                matches!(self.reason, CountDifference | Lost | Stolen),
                "a decrease",
                "COUNT_DIFFERENCE, LOST or STOLEN",
            ),
        };
        if fits {
            return Ok(());
        }
        let given = self
            .reason
            .as_str_name()
            .trim_start_matches("ADJUSTMENT_REASON_")
            .to_owned();
        Err(Rejection::ReasonDoesNotFit {
            given,
            direction,
            allowed,
        })
    }

    fn increased(&self, level: &StockLevel, units: StockUnits) -> Result<Event, Rejection> {
        let on_hand = level
            .lots
            .iter()
            .map(|lot| lot.on_hand)
            .fold(0, i64::saturating_add);
        let sum = on_hand.saturating_add(units.quantity);
        if sum > MAX_QUANTITY {
            return Err(Rejection::QuantityOverflow {
                field: "delta".to_owned(),
                sum,
            });
        }
        Ok(self.adjusted(units, false, 0))
    }

    fn decreased(
        &self,
        books: &Books,
        level: &StockLevel,
        item: &Item,
        units: StockUnits,
    ) -> Result<Vec<Event>, Rejection> {
        let choice = Choice {
            batch_id: Some(&units.batch_id),
            owner_id: Some(&units.owner_id),
        };
        let too_little = || insufficient(level, units.quantity, None, choice);
        let lot = find(level, &units.batch_id, &units.owner_id).ok_or_else(too_little)?;
        lot::check_serial_numbers_there(level, lot, &self.serial_numbers)?;
        if units.quantity > lot.on_hand {
            return Err(too_little());
        }
        let held = if asset::is_asset(item) {
            lot::count(&lot.serial_numbers_held_here, &units.serial_numbers)
        } else {
            let free = lot.on_hand - lot.reserved - lot.held_here;
            lot.held_here.min((units.quantity - free).max(0))
        };
        let claims = self.broken_claims(lot, units.quantity);
        let reason = ReleaseReason::StockAdjusted;
        let mut events = claims::give_up(books, &self.facility_id, &claims, &units, reason)?;
        events.extend(asset::contents::severed(books, &units));
        let along: Vec<_> = asset::contents::lost_with(books, &units).collect();
        events.push(self.adjusted(units, true, held));
        for (out, units) in along {
            events.push(out.into());
            // What is inside something is held.
            events.push(self.adjusted(units, true, 1));
        }
        Ok(events)
    }

    fn adjusted(&self, units: StockUnits, decrease: bool, held_quantity: i64) -> Event {
        StockAdjusted {
            facility_id: self.facility_id.to_string(),
            units: Some(units),
            decrease,
            held_quantity,
            reason: self.reason.into(),
            documents: self.documents.clone(),
        }
        .into()
    }

    /// The claims that a decrease breaks.
    fn broken_claims(&self, lot: &StockLot, quantity: i64) -> Vec<BrokenClaim> {
        claims::broken(lot, quantity, &asset::stored(&self.serial_numbers))
    }
}
