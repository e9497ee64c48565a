//! Assets: single units that are told apart by their serial numbers, where each one is, and what it goes through.

use std::collections::BTreeSet;

use keruen_proto::{
    Event,
    inventory::v1::{
        Asset, AssetCondition, AssetPlace, ContainerFill, HoldReason, StockHeld, StockUnits,
    },
    registry::v1::{Item, Tracking},
};

use crate::{
    books::Books,
    boundary::Boundary,
    code::{Code, Label},
    rejection::Rejection,
};

pub(crate) mod contents;
pub(crate) mod fit;
pub(crate) mod fold;
pub(crate) mod life;
mod loss;

pub use fold::life_units;
pub use life::{ChangeAsset, Step};
pub use loss::AcceptAssetLoss;

/// Where an asset is and in which condition. What was recorded before conditions were is in the first one.
fn state_of(asset: &Asset) -> (AssetPlace, AssetCondition) {
    let condition = match asset.condition() {
        AssetCondition::Unspecified => AssetCondition::Identified,
        stated => stated,
    };
    (asset.place(), condition)
}

/// Whether its own state lets an asset be claimed, sent or lent.
pub(crate) fn is_free(asset: &Asset) -> bool {
    use AssetCondition::{Identified, InService};
    let (place, condition) = state_of(asset);
    place == AssetPlace::Facility
        && matches!(condition, Identified | InService)
        && asset.fill() != ContainerFill::Empty
        && asset.trip_id.is_empty()
}

/// A state as people read it.
fn told(place: AssetPlace, condition: AssetCondition) -> String {
    let place = place.as_str_name().trim_start_matches("ASSET_PLACE_");
    let condition = condition
        .as_str_name()
        .trim_start_matches("ASSET_CONDITION_");
    format!("{place} and {condition}")
}

/// The state of an asset as people read it.
pub(crate) fn told_state(asset: &Asset) -> String {
    let (place, condition) = state_of(asset);
    told(place, condition)
}

/// That an asset is somewhere, or in a condition, where this can't be done, and what to do about it.
pub(crate) fn wrong_state(
    asset: &Asset,
    places: &[AssetPlace],
    conditions: &[AssetCondition],
) -> Rejection {
    let (place, condition) = state_of(asset);
    let fits_place = places.contains(&place);
    let advice = match place {
        AssetPlace::Disposed
        | AssetPlace::Lost
        | AssetPlace::Returned
        | AssetPlace::NotReceived => "it has left the books; check the number",
        AssetPlace::Shipment if !fits_place => "receive the shipment first",
        _ if !fits_place && places == [AssetPlace::Inside] => {
            "it is inside nothing, so there is nothing to take it out of"
        }
        _ if !fits_place && places == [AssetPlace::Installed] => {
            "it is not installed, so there is nothing to take down"
        }
        _ if !fits_place && places == [AssetPlace::Lent] => {
            "it is not lent, so nothing can come back"
        }
        AssetPlace::Installed if !fits_place => "take it down first",
        AssetPlace::Lent if !fits_place => "record first that it came back from the loan",
        AssetPlace::Repairer if !fits_place => "end its repair first",
        AssetPlace::Inside if !asset.shipment_id.is_empty() => "receive the shipment first",
        AssetPlace::Inside if !fits_place => "take it out first",
        _ if !fits_place => "check where it is",
        _ if conditions.contains(&condition) && !asset.trip_id.is_empty() => {
            "it is on a trip as a vehicle; complete the trip first, or let it go on with another vehicle"
        }
        _ => match condition {
            AssetCondition::Retired => "it is never to be used again",
            AssetCondition::OutOfOrder => "have it repaired first, or report that it works again",
            AssetCondition::UnderRepair => "end its repair first",
            _ if !conditions.contains(&AssetCondition::Identified) => {
                "report first that it is out of order"
            }
            _ => "it is in service already",
        },
    };
    let names = |list: Vec<&str>| list.join(" or ");
    let places = places.iter().map(AssetPlace::as_str_name);
    let places = places.map(|it| it.trim_start_matches("ASSET_PLACE_"));
    let conditions = conditions.iter().map(AssetCondition::as_str_name);
    let conditions = conditions.map(|it| it.trim_start_matches("ASSET_CONDITION_"));
    Rejection::AssetState {
        item_id: asset.item_id.clone(),
        serial_number: asset.serial_number.clone(),
        state: told(place, condition),
        allowed: format!(
            "{}, and {}",
            names(places.collect()),
            names(conditions.collect())
        ),
        advice,
    }
}

/// Refuses to let units leave for good that are not in the store: somebody has them, they are installed or inside
/// something, or something is inside them.
pub(crate) fn check_in_store(
    books: &Books,
    item_id: &str,
    serial_numbers: &[Label],
) -> Result<(), Rejection> {
    use AssetCondition::{Identified, InService, OutOfOrder, Retired, UnderRepair};
    let assets = serial_numbers
        .iter()
        .filter_map(|number| books.asset(item_id, number));
    for asset in assets {
        let is_put_to_use = matches!(asset.place(), AssetPlace::Installed | AssetPlace::Inside);
        if is_away(asset) || is_put_to_use {
            return Err(wrong_state(
                asset,
                &[AssetPlace::Facility],
                &[Identified, InService, OutOfOrder, UnderRepair, Retired],
            ));
        }
        contents::check_empty(asset)?;
    }
    Ok(())
}

/// Whether an asset is in the books of its facility, but with somebody else, or on a trip.
fn is_away(asset: &Asset) -> bool {
    matches!(asset.place(), AssetPlace::Lent | AssetPlace::Repairer) || !asset.trip_id.is_empty()
}

/// Whether a unit, or what it is inside, is in the books of its facility, but with somebody else, or on a trip.
pub(crate) fn is_elsewhere(books: &Books, item_id: &str, serial_number: &str) -> bool {
    let asset = books.asset(item_id, serial_number);
    asset.is_some_and(|asset| {
        let path = contents::path(books, asset);
        path.into_iter().any(is_away)
    })
}

/// What must be read to know whether units are elsewhere: they themselves, then what they are inside, and so on outwards.
/// It ends after one more than the limit.
pub(crate) fn outwards<'a>(
    books: &Books,
    item_id: &Code,
    serial_numbers: impl Iterator<Item = &'a String>,
    limit: usize,
) -> Vec<Boundary> {
    let units = serial_numbers.filter_map(|number| Boundary::asset(item_id, number));
    let mut assets: Vec<Boundary> = units.take(limit + 1).collect();
    let mut next = 0;
    while assets.len() <= limit
        && let Some(Boundary::Asset(item_id, serial_number)) = assets.get(next)
    {
        let asset = books.asset(item_id, serial_number);
        let outer = asset.and_then(|asset| asset.inside.as_ref());
        let outer = outer.and_then(|it| Boundary::asset(&it.item_id, &it.serial_number));
        assets.extend(outer.filter(|outer| !assets.contains(outer)));
        next += 1;
    }
    assets
}

/// What must be read to know whether a unit is elsewhere, and what would be lost with it.
pub(crate) fn reads_around(books: &Books, item_id: &str, serial_number: &str) -> Vec<Boundary> {
    let mut boundaries: Vec<Boundary> = Boundary::asset(item_id, serial_number)
        .into_iter()
        .collect();
    if let Some(asset) = books.asset(item_id, serial_number) {
        boundaries.extend(contents::reads(books, asset));
        let path = contents::path(books, asset);
        let around = path.iter().filter_map(|it| it.inside.as_ref());
        boundaries.extend(around.filter_map(|it| Boundary::asset(&it.item_id, &it.serial_number)));
    }
    boundaries
}

/// Refuses to release units that are held only because of their own state.
pub(crate) fn check_not_set_apart(
    books: &Books,
    item_id: &str,
    serial_numbers: &[Label],
) -> Result<(), Rejection> {
    let bound = serial_numbers
        .iter()
        .filter_map(|number| books.asset(item_id, number))
        .find(|asset| asset.set_apart && !is_free(asset));
    match bound {
        Some(asset) => Err(wrong_state(
            asset,
            &[AssetPlace::Facility],
            &[AssetCondition::Identified, AssetCondition::InService],
        )),
        None => Ok(()),
    }
}

/// That units that turned up again are held, because they did not work when they were lost.
pub(crate) fn held_again(books: &Books, facility_id: &str, units: &StockUnits) -> Option<Event> {
    held_where(books, facility_id, units, |asset| {
        let back = Asset {
            place: AssetPlace::Facility.into(),
            ..asset.clone()
        };
        !is_free(&back)
    })
}

/// That units that are no longer held for something else are held because of their own state.
pub(crate) fn held_still(books: &Books, facility_id: &str, units: &StockUnits) -> Option<Event> {
    held_where(books, facility_id, units, |asset| !is_free(asset))
}

/// The units that are held because of their own state: those that were lent or are being repaired elsewhere are not
/// there, nor what is inside them.
pub(crate) fn set_apart_there(
    books: &Books,
    item_id: &str,
    serial_numbers: &[String],
) -> Vec<String> {
    let is_meant = |number: &&String| {
        let asset = books.asset(item_id, number);
        asset.is_some_and(|asset| asset.set_apart) && !is_elsewhere(books, item_id, number)
    };
    serial_numbers.iter().filter(is_meant).cloned().collect()
}

fn held_where(
    books: &Books,
    facility_id: &str,
    units: &StockUnits,
    is_meant: impl Fn(&Asset) -> bool,
) -> Option<Event> {
    let held: Vec<String> = units
        .serial_numbers
        .iter()
        .filter(|number| books.asset(&units.item_id, number).is_some_and(&is_meant))
        .cloned()
        .collect();
    let quantity = i64::try_from(held.len()).unwrap_or(i64::MAX);
    (quantity > 0).then(|| {
        StockHeld {
            facility_id: facility_id.to_owned(),
            units: Some(StockUnits {
                quantity,
                serial_numbers: held,
                ..units.clone()
            }),
            reason: HoldReason::AssetState.into(),
            documents: Vec::new(),
        }
        .into()
    })
}

/// Where an asset is, for people.
fn whereabouts(asset: &Asset) -> String {
    match asset.place() {
        AssetPlace::Shipment => format!("in shipment {}", asset.shipment_id),
        AssetPlace::Disposed => format!("disposed of at facility {}", asset.facility_id),
        AssetPlace::Returned => format!("given back from facility {}", asset.facility_id),
        AssetPlace::Lost => format!("lost, last at facility {}", asset.facility_id),
        AssetPlace::NotReceived => format!(
            "not received at facility {}, as was corrected",
            asset.facility_id
        ),
        AssetPlace::Installed => format!("installed at facility {}", asset.facility_id),
        AssetPlace::Lent => format!("lent by facility {}", asset.facility_id),
        AssetPlace::Repairer => format!("sent for repair by facility {}", asset.facility_id),
        AssetPlace::Inside => {
            let outer = asset.inside.clone().unwrap_or_default();
            format!(
                "inside serial number {:?} of item {}",
                outer.serial_number, outer.item_id
            )
        }
        AssetPlace::Facility | AssetPlace::Unspecified => {
            format!("at facility {}", asset.facility_id)
        }
    }
}

/// Whether units of the item are told apart by serial numbers.
pub(crate) fn is_asset(item: &Item) -> bool {
    item.tracking() == Tracking::Serial
}

/// Refuses serial numbers that don't fit the item and the quantity, or stand twice in the command; `seen` holds those
/// of its earlier lines.
pub(crate) fn check_serial_numbers(
    field: &str,
    item: &Item,
    quantity: i64,
    serial_numbers: &[Label],
    seen: &mut BTreeSet<(String, Label)>,
) -> Result<(), Rejection> {
    let found = serial_numbers.len();
    if !is_asset(item) {
        return if found == 0 {
            Ok(())
        } else {
            Err(Rejection::SerialNumbersNotExpected {
                field: field.to_owned(),
                item_id: item.item_id.clone(),
            })
        };
    }
    count_serial_numbers(field, &item.item_id, quantity, found)?;
    for serial_number in serial_numbers {
        if !seen.insert((item.item_id.clone(), serial_number.clone())) {
            return Err(Rejection::DuplicateSerialNumber {
                field: field.to_owned(),
                item_id: item.item_id.clone(),
                serial_number: serial_number.to_string(),
            });
        }
    }
    Ok(())
}

/// Refuses a number of serial numbers other than the quantity.
pub(crate) fn count_serial_numbers(
    field: &str,
    item_id: &str,
    quantity: i64,
    found: usize,
) -> Result<(), Rejection> {
    if i64::try_from(found) == Ok(quantity) {
        return Ok(());
    }
    Err(Rejection::SerialNumberCount {
        field: field.to_owned(),
        item_id: item_id.to_owned(),
        quantity,
        serial_numbers: found,
    })
}

/// What must be read to know whether units are in the books already.
pub(crate) fn reads(item_id: &Code, serial_numbers: &[Label]) -> impl Iterator<Item = Boundary> {
    serial_numbers
        .iter()
        .map(|serial_number| Boundary::Asset(item_id.clone(), serial_number.clone()))
}

/// Refuses serial numbers that are in the books already.
pub(crate) fn must_be_new(
    books: &Books,
    item_id: &Code,
    serial_numbers: &[Label],
) -> Result<(), Rejection> {
    match serial_numbers
        .iter()
        .filter_map(|serial_number| books.asset(item_id, serial_number))
        .find(|asset| asset.place() != AssetPlace::NotReceived)
    {
        Some(asset) => Err(exists(asset)),
        None => Ok(()),
    }
}

/// That a unit is in the books already, and where it is.
pub(crate) fn exists(asset: &Asset) -> Rejection {
    Rejection::SerialNumberExists {
        item_id: asset.item_id.clone(),
        serial_number: asset.serial_number.clone(),
        place: whereabouts(asset),
    }
}

/// Serial numbers as stored.
pub(crate) fn stored(serial_numbers: &[Label]) -> Vec<String> {
    serial_numbers.iter().map(Label::to_string).collect()
}
