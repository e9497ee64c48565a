//! Stock, as movements change it, and as holds and recalls do.

use std::{borrow::Cow, collections::BTreeSet};

use keruen_domain::{Boundary, Entry, quality};
use keruen_proto::{Event, inventory::v1::ItemQuality};

use super::Fold;
use crate::{
    counters::Counts,
    counts::changes,
    failure::{Defect, StoreError},
    keys::StockRef,
    movement::{Kind, Movement},
    resource::Folded,
};

/// What is known of a batch.
struct Standing<'l> {
    /// Whether anything was ever said of what of its item may be used.
    has_quality: bool,
    /// Whether nothing of it may be used.
    is_blocked: bool,
    /// Its lot: what is under way may not know better.
    lot: Cow<'l, str>,
}

impl Fold {
    pub(super) fn count(
        &mut self,
        movement: &Movement<'_>,
    ) -> Result<Result<(), Defect>, StoreError> {
        let units = movement.units;
        let standing = self.standing(&units.item_id, &units.batch_id, &units.lot)?;
        for (serial_number, part) in self.apart(movement)? {
            for (facility_id, change) in changes(&part) {
                let key = stock_key(&part, facility_id, serial_number);
                let added = self
                    .rows
                    .add(key, &standing.lot, change, standing.is_blocked)?;
                if self.note(key, added, change.held, &standing).is_none() {
                    return Ok(Err(Defect::uncountable(facility_id, &units.item_id)));
                }
            }
        }
        Ok(Ok(()))
    }

    /// A movement unit by unit, with the serial number of each; as a whole where units are not told apart.
    fn apart<'e>(
        &mut self,
        movement: &Movement<'e>,
    ) -> Result<Vec<(&'e str, Movement<'e>)>, StoreError> {
        let units = movement.units;
        if units.serial_numbers.is_empty() {
            return Ok(vec![("", *movement)]);
        }
        let mut parts = Vec::with_capacity(units.serial_numbers.len());
        let mut rest = *movement;
        let held = self.held_of(movement)?;
        for serial_number in &units.serial_numbers {
            let is_held = held.contains(serial_number.as_str());
            let part = Movement {
                quantity: 1,
                held: i64::from(is_held),
                ..*movement
            };
            rest.quantity -= part.quantity;
            rest.held -= part.held;
            parts.push((serial_number.as_str(), part));
        }
        if rest.quantity != 0 || rest.held != 0 {
            parts.push(("", rest));
        }
        self.passing = held;
        Ok(parts)
    }

    /// Which units of a movement are held by themselves, before it or from then on: of those that leave the ones that are
    /// held where they are, and the same ones with whoever acquires them.
    fn held_of(&mut self, movement: &Movement<'_>) -> Result<BTreeSet<String>, StoreError> {
        let numbers = movement.units.serial_numbers.iter();
        let (leave, are_passed_on) = match movement.kind {
            Kind::Consumed
            | Kind::Disposed
            | Kind::Returned
            | Kind::WrittenOff
            | Kind::Converted
            | Kind::Released => (!movement.undone, false),
            Kind::Entered | Kind::Arrived | Kind::Held | Kind::Restored => (movement.undone, false),
            // The movement right before it was that of the one who gave them up.
            Kind::Ceded(_) => (!movement.undone, movement.undone),
            Kind::Acquired(_) => (movement.undone, !movement.undone),
            _ => (false, false),
        };
        if are_passed_on {
            let passing = numbers.filter(|it| self.passing.contains(*it));
            return Ok(passing.cloned().collect());
        }
        if !leave {
            // Where the log does not say which they are, they are the first ones.
            let wanted = usize::try_from(movement.held).unwrap_or(0);
            return Ok(numbers.take(wanted).cloned().collect());
        }
        let mut held = BTreeSet::new();
        for serial_number in numbers {
            let key = stock_key(movement, movement.facility_id, serial_number);
            if self.rows.is_held_here(key)? {
                held.insert(serial_number.clone());
            }
        }
        Ok(held)
    }

    /// Says anew how much is held of what a hold or recall concerns, at all facilities.
    pub(super) fn restate(&mut self, event: &Event) -> Result<Result<(), Defect>, StoreError> {
        let (item_id, batch_id, lot) = match event {
            Event::BatchHeld(event) => (&event.item_id, Some(&*event.batch_id), &event.lot),
            Event::BatchReleased(event) => (&event.item_id, Some(&*event.batch_id), &event.lot),
            Event::LotRecalled(event) => (&event.item_id, None, &event.lot),
            Event::LotRecallLifted(event) => (&event.item_id, None, &event.lot),
            Event::BatchDataCorrected(event) => {
                (&event.item_id, Some(&*event.batch_id), &event.lot)
            }
            _ => return Ok(Ok(())),
        };
        for key in self.rows.stock_of(item_id, batch_id, lot)? {
            let standing = self.standing(item_id, &key.batch_id, lot)?;
            let relabelled = matches!(event, Event::BatchDataCorrected(_)).then_some(lot.as_str());
            let restated = self
                .rows
                .restate(key.as_ref(), relabelled, standing.is_blocked)?;
            if self.note(key.as_ref(), restated, 0, &standing).is_none() {
                return Ok(Err(Defect::uncountable(&key.facility_id, item_id)));
            }
        }
        Ok(Ok(()))
    }

    /// Notes what has changed of a stock row, and of the units held there by themselves; `None` where that can't be
    /// counted.
    fn note(
        &mut self,
        key: StockRef<'_>,
        change: Option<Counts>,
        held_here: i64,
        standing: &Standing<'_>,
    ) -> Option<()> {
        let change = change?;
        if let Some(chronicle) = &mut self.chronicle {
            let lot = standing.has_quality.then_some(&*standing.lot);
            chronicle.at_rest(key, change, held_here, lot);
        }
        Some(())
    }

    /// What is known by now of a batch.
    fn standing<'l>(
        &mut self,
        item_id: &str,
        batch_id: &str,
        lot: &'l str,
    ) -> Result<Standing<'l>, StoreError> {
        let Some(quality) = self.quality(item_id)? else {
            return Ok(Standing {
                has_quality: false,
                is_blocked: false,
                lot: Cow::Borrowed(lot),
            });
        };
        let known = quality::known_lot(quality, batch_id, lot);
        Ok(Standing {
            has_quality: true,
            is_blocked: quality::is_blocked(quality, batch_id, lot),
            lot: Cow::Owned(known.to_owned()),
        })
    }

    /// What of an item may not be used; `None` where there never was anything.
    fn quality(&mut self, item_id: &str) -> Result<Option<&ItemQuality>, StoreError> {
        let Some(boundary) = Boundary::quality(item_id) else {
            return Ok(None);
        };
        self.load(&boundary)?;
        Ok(match self.known(&boundary) {
            Some(Folded {
                entry: Entry::Quality(quality),
                ..
            }) => Some(quality),
            _ => None,
        })
    }
}

fn stock_key<'k>(
    movement: &Movement<'k>,
    facility_id: &'k str,
    serial_number: &'k str,
) -> StockRef<'k> {
    StockRef {
        facility_id,
        item_id: &movement.units.item_id,
        batch_id: &movement.units.batch_id,
        owner_id: movement.owner_id,
        serial_number,
    }
}
