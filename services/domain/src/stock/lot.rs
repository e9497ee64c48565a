//! One lot of a stock level, as a command names it: facility, batch and owner.

use std::collections::BTreeSet;

use keruen_proto::inventory::v1::{Batch, StockLevel, StockLot, StockUnits};

use super::pick::{Choice, insufficient, units_of};
use crate::{
    asset,
    books::Books,
    boundary::Boundary,
    code::{Code, Label, UNATTRIBUTED},
    registry::{existing_facility, existing_item, existing_organisation},
    rejection::Rejection,
};

/// What must be read to know the lot.
pub(crate) fn reads(
    books: &Books,
    facility_id: &Code,
    batch_id: &Code,
    owner_id: Option<&Code>,
) -> Vec<Boundary> {
    let mut boundaries = vec![
        Boundary::Facility(facility_id.clone()),
        Boundary::Batch(batch_id.clone()),
    ];
    boundaries.extend(owner_read(owner_id));
    if let Some(batch) = books.batch(batch_id) {
        boundaries.extend(Boundary::item(&batch.item_id));
        boundaries.extend(Boundary::stock(facility_id, &batch.item_id));
    }
    boundaries
}

/// The owner, unless it stands for nobody known.
pub(crate) fn owner_read(owner_id: Option<&Code>) -> Option<Boundary> {
    owner_id
        .filter(|id| id.as_str() != UNATTRIBUTED)
        .map(|id| Boundary::Organisation(id.clone()))
}

/// Refuses an owner that is not in the registry.
pub(crate) fn existing_owner(books: &Books, owner_id: Option<&Code>) -> Result<(), Rejection> {
    match owner_id.filter(|id| id.as_str() != UNATTRIBUTED) {
        Some(id) => existing_organisation(books, id).map(|_| ()),
        None => Ok(()),
    }
}

/// The batch, where it, the facility and the owner exist.
pub(crate) fn existing<'a>(
    books: &'a Books,
    facility_id: &Code,
    batch_id: &Code,
    owner_id: Option<&Code>,
) -> Result<&'a Batch, Rejection> {
    existing_facility(books, facility_id)?;
    let batch = existing_batch(books, batch_id)?;
    existing_owner(books, owner_id)?;
    Ok(batch)
}

/// The batch, or that it is unknown.
pub(crate) fn existing_batch<'a>(
    books: &'a Books,
    batch_id: &Code,
) -> Result<&'a Batch, Rejection> {
    books
        .batch(batch_id)
        .ok_or_else(|| Rejection::UnknownBatch {
            batch_id: batch_id.to_string(),
        })
}

/// The level of the batch's item at the facility.
pub(crate) fn level(books: &Books, facility_id: &Code, batch: &Batch) -> StockLevel {
    books
        .stock(facility_id, &batch.item_id)
        .cloned()
        .unwrap_or_default()
}

/// The owner that is named, or the only one that has stock of the batch there; where nobody has, the batch's first.
pub(crate) fn owner(
    level: &StockLevel,
    batch: &Batch,
    named: Option<&Code>,
) -> Result<String, Rejection> {
    if let Some(owner_id) = named {
        return Ok(owner_id.to_string());
    }
    let owners: Vec<&str> = level
        .lots
        .iter()
        .filter(|lot| lot.batch_id == batch.batch_id)
        .map(|lot| lot.owner_id.as_str())
        .collect();
    match owners[..] {
        [] => Ok(batch.owner_id.clone()),
        [owner_id] => Ok(owner_id.to_owned()),
        _ => Err(Rejection::AmbiguousOwner {
            batch_id: batch.batch_id.clone(),
            facility_id: level.facility_id.clone(),
            owners: owners.join(", "),
        }),
    }
}

/// The lot of a batch and owner.
pub(crate) fn find<'a>(
    level: &'a StockLevel,
    batch_id: &str,
    owner_id: &str,
) -> Option<&'a StockLot> {
    level
        .lots
        .iter()
        .find(|lot| lot.batch_id == batch_id && lot.owner_id == owner_id)
}

/// Refuses serial numbers that are not in the lot.
pub(crate) fn check_serial_numbers_there(
    level: &StockLevel,
    lot: &StockLot,
    serial_numbers: &[Label],
) -> Result<(), Rejection> {
    let absent = serial_numbers
        .iter()
        .find(|number| !lot.serial_numbers.iter().any(|it| it == number.as_str()));
    match absent {
        Some(serial_number) => Err(Rejection::SerialNumberNotThere {
            field: "serial_numbers".to_owned(),
            item_id: level.item_id.clone(),
            serial_number: serial_number.to_string(),
            place: format!(
                "in batch {} of {} at facility {}",
                lot.batch_id, lot.owner_id, level.facility_id
            ),
        }),
        None => Ok(()),
    }
}

/// Refuses serial numbers that are not there, or that a shipment claims.
pub(crate) fn check_unclaimed(
    level: &StockLevel,
    lot: &StockLot,
    serial_numbers: &[Label],
) -> Result<(), Rejection> {
    check_serial_numbers_there(level, lot, serial_numbers)?;
    for claim in &lot.reservations {
        let claimed = serial_numbers
            .iter()
            .find(|number| claim.serial_numbers.contains(&number.to_string()));
        if let Some(serial_number) = claimed {
            return Err(Rejection::SerialNumberReserved {
                field: "serial_numbers".to_owned(),
                item_id: level.item_id.clone(),
                serial_number: serial_number.to_string(),
                shipment_id: claim.shipment_id.clone(),
            });
        }
    }
    Ok(())
}

/// Units of a batch as a command names them.
pub(crate) struct Named<'a> {
    pub facility_id: &'a Code,
    pub owner_id: Option<&'a Code>,
    pub quantity: i64,
    pub serial_numbers: &'a [Label],
}

/// Units that are to leave for good, and how many of them had been held: those go first, claimed ones never.
pub(crate) fn leaving(
    books: &Books,
    batch: &Batch,
    named: &Named<'_>,
) -> Result<(StockUnits, i64), Rejection> {
    let item = existing_item(books, &batch.item_id)?;
    let level = level(books, named.facility_id, batch);
    let owner_id = owner(&level, batch, named.owner_id)?;
    let Named {
        quantity,
        serial_numbers,
        ..
    } = *named;
    let mut seen = BTreeSet::new();
    asset::check_serial_numbers("serial_numbers", item, quantity, serial_numbers, &mut seen)?;
    let choice = Choice {
        batch_id: Some(&batch.batch_id),
        owner_id: Some(&owner_id),
    };
    let too_little = || insufficient(&level, quantity, None, choice);
    let lot = find(&level, &batch.batch_id, &owner_id).ok_or_else(too_little)?;
    check_unclaimed(&level, lot, serial_numbers)?;
    if quantity > lot.available + lot.held {
        return Err(too_little());
    }
    let serial_numbers = asset::stored(serial_numbers);
    let held = if asset::is_asset(item) {
        count(&lot.serial_numbers_held_here, &serial_numbers)
    } else {
        quantity.min(lot.held_here)
    };
    Ok((units_of(&item.item_id, lot, quantity, serial_numbers), held))
}

/// How many of some serial numbers are in a list.
pub(crate) fn count(list: &[String], serial_numbers: &[String]) -> i64 {
    let found = serial_numbers
        .iter()
        .filter(|serial_number| list.contains(serial_number))
        .count();
    i64::try_from(found).unwrap_or(i64::MAX)
}

/// The stock level that the batch belongs to at the facility.
pub(crate) fn subject(books: &Books, facility_id: &Code, batch_id: &Code) -> Option<Boundary> {
    Boundary::stock(facility_id, &books.batch(batch_id)?.item_id)
}
