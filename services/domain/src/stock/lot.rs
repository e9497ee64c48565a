//! One lot of a stock level, as a command names it: facility, batch and owner.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    inventory::v1::{Batch, StockLevel, StockLot, StockUnits},
    registry::v1::Item,
    shipments::v1::ReleaseReason,
};

use super::{
    claims,
    gone::{Gone, PARTED_WITH, PASSED, SET_APART, Tier, Unknown},
    pick::{Choice, insufficient, units_of},
};
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

/// The units of a batch that are named by their serial numbers.
pub(crate) fn assets(books: &Books, batch_id: &Code, serial_numbers: &[Label]) -> Vec<Boundary> {
    let batch = books.batch(batch_id);
    let item_id = batch.and_then(|batch| Code::parse(&batch.item_id).ok());
    item_id.map_or_else(Vec::new, |item_id| {
        asset::reads(&item_id, serial_numbers).collect()
    })
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

/// Units that leave for good.
pub(crate) struct Leaving {
    /// What comes first, where they have left already: claims that are given up, and what the books did not know of.
    pub before: Vec<Event>,
    pub units: StockUnits,
    /// Of those, how many had been held by themselves.
    pub held_quantity: i64,
    /// Of those, how many the books did not know of.
    pub found_quantity: i64,
}

/// Units that are to leave for good: those that are held go first, claimed ones never.
pub(crate) fn leaving(
    books: &Books,
    batch: &Batch,
    named: &Named<'_>,
) -> Result<Leaving, Rejection> {
    existing_item(books, &batch.item_id)?;
    asset::check_in_store(books, &batch.item_id, named.serial_numbers)?;
    let (item, level, owner_id) = checked(books, batch, named)?;
    let Named {
        quantity,
        serial_numbers,
        ..
    } = *named;
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
    Ok(Leaving {
        before: Vec::new(),
        units: units_of(&item.item_id, lot, quantity, asset::stored(serial_numbers)),
        held_quantity: held(item, lot, quantity, serial_numbers),
        found_quantity: 0,
    })
}

/// The item, what is there, and whose it is.
fn checked<'a>(
    books: &'a Books,
    batch: &Batch,
    named: &Named<'_>,
) -> Result<(&'a Item, StockLevel, String), Rejection> {
    let item = existing_item(books, &batch.item_id)?;
    let level = level(books, named.facility_id, batch);
    let owner_id = owner(&level, batch, named.owner_id)?;
    let mut seen = BTreeSet::new();
    let (quantity, serial_numbers) = (named.quantity, named.serial_numbers);
    asset::check_serial_numbers("serial_numbers", item, quantity, serial_numbers, &mut seen)?;
    Ok((item, level, owner_id))
}

fn held(item: &Item, lot: &StockLot, quantity: i64, serial_numbers: &[Label]) -> i64 {
    if asset::is_asset(item) {
        count(
            &lot.serial_numbers_held_here,
            &asset::stored(serial_numbers),
        )
    } else {
        quantity.min(lot.held_here)
    }
}

/// What has happened to units, whatever the books say of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    /// They have left for good.
    Left,
    /// They passed to another owner where they were.
    Passed,
    /// They were set apart where they were.
    SetApart,
}

impl Happened {
    /// From which units of a lot they were taken.
    fn tiers(self) -> &'static [Tier] {
        match self {
            Self::Left => PARTED_WITH,
            Self::Passed => PASSED,
            Self::SetApart => SET_APART,
        }
    }

    /// Why claims to them are given up.
    fn reason(self) -> ReleaseReason {
        match self {
            Self::Left | Self::Passed => ReleaseReason::StockGone,
            Self::SetApart => ReleaseReason::StockHeld,
        }
    }
}

/// Units to which something has happened, whatever the books say. What happened to an asset that they know to be elsewhere
/// can't have happened here.
pub(crate) fn happened(
    books: &Books,
    batch: &Batch,
    named: &Named<'_>,
    what: Happened,
) -> Result<Leaving, Rejection> {
    existing_item(books, &batch.item_id)?;
    if what == Happened::Left {
        asset::check_in_store(books, &batch.item_id, named.serial_numbers)?;
    }
    let (item, level, owner_id) = checked(books, batch, named)?;
    if asset::is_asset(item) {
        let choice = Choice {
            batch_id: Some(&batch.batch_id),
            owner_id: Some(&owner_id),
        };
        let too_little = || insufficient(&level, named.quantity, None, choice);
        let lot = find(&level, &batch.batch_id, &owner_id).ok_or_else(too_little)?;
        check_serial_numbers_there(&level, lot, named.serial_numbers)?;
        let numbers = asset::stored(named.serial_numbers);
        let claims = claims::broken(lot, named.quantity, &numbers);
        let units = units_of(&item.item_id, lot, named.quantity, numbers);
        return Ok(Leaving {
            before: claims::give_up(books, named.facility_id, &claims, &units, what.reason())?,
            units,
            held_quantity: held(item, lot, named.quantity, named.serial_numbers),
            found_quantity: 0,
        });
    }
    let gone = gone(&level, batch, &owner_id, named.quantity, what);
    let unknown = Unknown::Batch(batch);
    let mut consequences =
        gone.taken()
            .consequences(books, &level, &unknown, Some(&owner_id), what.reason())?;
    let particulars = consequences.particulars.pop().unwrap_or_default();
    Ok(Leaving {
        before: consequences.before,
        units: consequences.units.pop().unwrap_or_default(),
        held_quantity: particulars.held_quantity,
        found_quantity: particulars.found_quantity,
    })
}

fn gone<'a>(
    level: &'a StockLevel,
    batch: &'a Batch,
    owner_id: &'a str,
    quantity: i64,
    what: Happened,
) -> Gone<'a> {
    Gone {
        level,
        issuable: level,
        today: NaiveDate::MIN,
        choice: Choice {
            batch_id: Some(&batch.batch_id),
            owner_id: Some(owner_id),
        },
        quantity,
        tiers: what.tiers(),
    }
}

/// What must be read to know whose claims break where something has happened to units.
pub(crate) fn happened_reads(
    books: &Books,
    batch_id: &Code,
    named: &Named<'_>,
    what: Happened,
) -> Vec<Boundary> {
    let Some(batch) = books.batch(batch_id) else {
        return Vec::new();
    };
    let level = level(books, named.facility_id, batch);
    let Ok(owner_id) = owner(&level, batch, named.owner_id) else {
        return Vec::new();
    };
    if named.serial_numbers.is_empty() {
        let gone = gone(&level, batch, &owner_id, named.quantity, what);
        return gone.taken().reads(books);
    }
    let lot = find(&level, &batch.batch_id, &owner_id);
    let numbers = asset::stored(named.serial_numbers);
    let claims = lot.map(|lot| claims::broken(lot, named.quantity, &numbers));
    claims::reads(books, &claims.unwrap_or_default())
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
