//! Something that was recorded of stock at a facility did not happen.

use keruen_proto::{
    Event,
    inventory::v1::{AssetPlace, MovementVoided, StockLot, StockUnits, VoidedMovement},
};

use super::super::{Remedy, Void, VoidMovement, remedy, removal::Removal};
use crate::{
    asset,
    books::Books,
    boundary::Boundary,
    code::Label,
    registry::existing_item,
    rejection::Rejection,
    stock::{
        lot,
        pick::{Choice, insufficient},
    },
};

/// What the event said that happened.
struct Said<'a> {
    movement: VoidedMovement,
    facility_id: &'a str,
    units: Vec<&'a StockUnits>,
    held_quantity: i64,
    /// Where it differs from units to units, how many of each had been held.
    held_quantities: Vec<i64>,
    /// How many of each the books had not known of; none where they knew of all.
    found_quantities: Vec<i64>,
    new_owner_id: &'a str,
}

impl Said<'_> {
    /// Units that the books had not known of: if they did not go, nothing shows that they were there.
    fn found(&self) -> Vec<StockUnits> {
        let found = self.units.iter().zip(&self.found_quantities);
        found
            .filter(|(_, found)| **found > 0)
            .map(|(units, found)| StockUnits {
                quantity: *found,
                ..(*units).clone()
            })
            .collect()
    }
}

impl VoidMovement {
    fn said(&self) -> Result<Said<'_>, Rejection> {
        let Remedy::Void(Void::Stock(movement)) = remedy(&self.fact.event) else {
            return Err(self.fact.not_so());
        };
        let said = |facility_id, units, held_quantity| Said {
            movement,
            facility_id,
            units,
            held_quantity,
            held_quantities: Vec::new(),
            found_quantities: Vec::new(),
            new_owner_id: "",
        };
        Ok(match &self.fact.event {
            Event::StockConsumed(it) => {
                let particulars = it.particulars.iter();
                let held = particulars.clone().map(|it| it.held_quantity);
                Said {
                    held_quantities: held.collect(),
                    found_quantities: particulars.map(|it| it.found_quantity).collect(),
                    ..said(&it.facility_id, it.units.iter().collect(), 0)
                }
            }
            Event::StockDisposed(it) => Said {
                found_quantities: vec![it.found_quantity],
                ..said(&it.facility_id, it.units.iter().collect(), it.held_quantity)
            },
            Event::StockReturned(it) => Said {
                found_quantities: vec![it.found_quantity],
                ..said(&it.facility_id, it.units.iter().collect(), it.held_quantity)
            },
            Event::StockAdjusted(it) => {
                said(&it.facility_id, it.units.iter().collect(), it.held_quantity)
            }
            Event::TitleTransferred(it) => Said {
                new_owner_id: &it.new_owner_id,
                ..said(&it.facility_id, it.units.iter().collect(), 0)
            },
            _ => return Err(self.fact.not_so()),
        })
    }

    /// What precedes, and how many of the units are held then, or had been.
    fn prepared(&self, books: &Books, said: &Said<'_>) -> Result<(Vec<Event>, i64), Rejection> {
        let Some(units) = said.units.first() else {
            return Ok((Vec::new(), 0));
        };
        match said.movement {
            VoidedMovement::Increase => {
                let numbers = numbers(units);
                let item = existing_item(books, &units.item_id)?;
                self.removal(said, units, &numbers).prepared(books, item)
            }
            VoidedMovement::TitleTransfer => {
                Ok((Vec::new(), self.held_by_new_owner(books, said, units)?))
            }
            _ => {
                still_gone(books, units)?;
                // Which of several units had been held nobody recorded: then all of them are, until they are looked at.
                let is_all = !units.serial_numbers.is_empty() && said.held_quantity > 0;
                let held = if is_all {
                    units.quantity
                } else {
                    said.held_quantity
                };
                Ok((Vec::new(), held))
            }
        }
    }

    /// Id of the event that found what the books had not known of: the one before, of the same append.
    fn discrepancy_id(&self) -> String {
        let (command_id, index) = self.fact.event_id.split_once('/').unwrap_or_default();
        let index: u64 = index.parse().unwrap_or_default();
        format!("{command_id}/{}", index.saturating_sub(1))
    }

    fn removal<'a>(
        &'a self,
        said: &'a Said<'_>,
        units: &'a StockUnits,
        serial_numbers: &'a [Label],
    ) -> Removal<'a> {
        Removal {
            facility_id: said.facility_id,
            units,
            unusable: 0,
            serial_numbers,
            fact: &self.fact,
            together: &[],
        }
    }
}

fn numbers(units: &StockUnits) -> Vec<Label> {
    let numbers = units.serial_numbers.iter();
    numbers.filter_map(|it| Label::parse(it).ok()).collect()
}

/// Refuses units that have turned up since: they are in the books already.
fn still_gone(books: &Books, units: &StockUnits) -> Result<(), Rejection> {
    let back = units
        .serial_numbers
        .iter()
        .filter_map(|number| books.asset(&units.item_id, number))
        .find(|asset| {
            !matches!(
                asset.place(),
                AssetPlace::Lost | AssetPlace::Disposed | AssetPlace::Returned
            )
        });
    back.map_or(Ok(()), |asset| Err(asset::exists(asset)))
}

impl VoidMovement {
    /// How many of the units that go back to their old owner are held. They must be there, and no shipment may claim them.
    fn held_by_new_owner(
        &self,
        books: &Books,
        said: &Said<'_>,
        units: &StockUnits,
    ) -> Result<i64, Rejection> {
        let (facility_id, owner_id) = (said.facility_id, said.new_owner_id);
        let mut level = books
            .stock(facility_id, &units.item_id)
            .cloned()
            .unwrap_or_default();
        level.lots.iter_mut().for_each(|lot| {
            lot.held = 0;
            lot.available = lot.on_hand - lot.reserved;
        });
        let lot = lot::find(&level, &units.batch_id, owner_id);
        let left = lot.map_or(0, |lot| lot.on_hand);
        let lot: &StockLot = lot.filter(|_| left >= units.quantity).ok_or_else(|| {
            let what = format!(
                "{left} of {} units of batch {} that passed to {owner_id} are left at {facility_id}",
                units.quantity, units.batch_id
            );
            let advice = "take back first what was done with the others, or pass what is left back by a transfer of title";
            self.fact.moved_on(what, advice)
        })?;
        lot::check_unclaimed(&level, lot, &numbers(units))?;
        if units.quantity > lot.available {
            let choice = Choice {
                batch_id: Some(&units.batch_id),
                owner_id: Some(owner_id),
            };
            return Err(insufficient(&level, units.quantity, None, choice));
        }
        Ok(if units.serial_numbers.is_empty() {
            let free = lot.on_hand - lot.reserved - lot.held_here;
            (units.quantity - free).max(0)
        } else {
            lot::count(&lot.serial_numbers_held_here, &units.serial_numbers)
        })
    }

    pub(super) fn reads_of_stock(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = Vec::new();
        let Ok(said) = self.said() else {
            return boundaries;
        };
        boundaries.extend(Boundary::facility(said.facility_id));
        for units in &said.units {
            boundaries.extend(Boundary::item(&units.item_id));
            boundaries.extend(Boundary::stock(said.facility_id, &units.item_id));
            let numbers = units.serial_numbers.iter();
            boundaries.extend(numbers.filter_map(|it| Boundary::asset(&units.item_id, it)));
        }
        if let (VoidedMovement::Increase, Some(units)) = (said.movement, said.units.first()) {
            let numbers = numbers(units);
            boundaries.extend(self.removal(&said, units, &numbers).reads(books));
        }
        boundaries
    }

    /// Where it had been said to happen.
    pub(super) fn facility_of_stock(&self) -> Result<&str, Rejection> {
        Ok(self.said()?.facility_id)
    }

    pub(super) fn decide_on_stock(&self, books: &Books) -> Result<Vec<Event>, Rejection> {
        let said = self.said()?;
        let (mut events, held_quantity) = self.prepared(books, &said)?;
        let found = said.found();
        events.push(
            MovementVoided {
                corrects_event_id: self.fact.event_id.clone(),
                effective_at: Some(self.fact.effective_at()),
                movement: said.movement.into(),
                facility_id: said.facility_id.to_owned(),
                units: said.units.into_iter().cloned().collect(),
                held_quantity,
                new_owner_id: said.new_owner_id.to_owned(),
                documents: self.documents.clone(),
                held_quantities: said.held_quantities,
            }
            .into(),
        );
        if !found.is_empty() {
            events.push(
                MovementVoided {
                    corrects_event_id: self.discrepancy_id(),
                    effective_at: Some(self.fact.effective_at()),
                    movement: VoidedMovement::Discrepancy.into(),
                    facility_id: said.facility_id.to_owned(),
                    units: found,
                    ..MovementVoided::default()
                }
                .into(),
            );
        }
        Ok(events)
    }

    pub(super) fn subject_of_stock(&self) -> Option<Boundary> {
        let said = self.said().ok()?;
        Boundary::stock(said.facility_id, &said.units.first()?.item_id)
    }
}
