//! What a facility wants to keep: an allocation that leaves less than its minimum reserve is refused, unless what it sends
//! goes to where there is an emergency, or somebody answers for it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use keruen_proto::{
    inventory::v1::StockLevel,
    registry::v1::Facility,
    shipments::v1::{ReserveOverride, Shipment, ShipmentUnits},
};

use super::AllocateShipment;
use crate::{
    books::Books,
    boundary::Boundary,
    calendar::is_expired,
    code::Code,
    emergency::emergency_at,
    registry::{existing_facility, existing_item},
    rejection::Rejection,
};

/// What must be read to know the reserve: emergencies, and what else of a commodity remains.
pub(super) fn reads(command: &AllocateShipment, shipment: &Shipment) -> Vec<Boundary> {
    let mut boundaries = vec![Boundary::Emergencies];
    for item_id in &command.reserve_item_ids {
        boundaries.push(Boundary::Item(item_id.clone()));
        boundaries.extend(Boundary::stock(&shipment.origin_id, item_id));
    }
    boundaries
}

/// The override that was needed; `None` where nothing is overridden. Other items count as what remains only where the command
/// names them.
pub(super) fn check(
    books: &Books,
    command: &AllocateShipment,
    shipment: &Shipment,
    claims: &[ShipmentUnits],
    today: NaiveDate,
) -> Result<Option<ReserveOverride>, Rejection> {
    let origin = existing_facility(books, &shipment.origin_id)?;
    let destination = existing_facility(books, &shipment.destination_id)?;
    let is_released = books
        .emergencies()
        .is_some_and(|known| emergency_at(known, destination, today).is_some());
    if is_released || origin.minimum_reserves.is_empty() {
        return Ok(None);
    }
    match broken(books, command, origin, claims, today)? {
        None => Ok(None),
        Some(_) if command.reserve_override.is_some() => Ok(command.reserve_override.clone()),
        Some(rejection) => Err(rejection),
    }
}

/// Units that are there and may be used on a day.
fn available_on(level: &StockLevel, day: NaiveDate) -> i64 {
    let usable = level
        .lots
        .iter()
        .filter(|lot| !is_expired(&lot.expires_on, day));
    usable.map(|lot| lot.available).fold(0, i64::saturating_add)
}

/// The first reserve of which too little would remain.
fn broken(
    books: &Books,
    command: &AllocateShipment,
    origin: &Facility,
    claims: &[ShipmentUnits],
    today: NaiveDate,
) -> Result<Option<Rejection>, Rejection> {
    let mut claimed: BTreeMap<&str, i64> = BTreeMap::new();
    for units in claims.iter().filter_map(|claim| claim.units.as_ref()) {
        *claimed.entry(&units.item_id).or_default() += units.quantity;
    }
    let others = command.reserve_item_ids.iter().map(Code::as_str);
    let item_ids: BTreeSet<&str> = claimed.keys().copied().chain(others).collect();
    let mut remaining: BTreeMap<&str, i64> = BTreeMap::new();
    let mut touched: BTreeSet<&str> = BTreeSet::new();
    for item_id in item_ids {
        let commodity_id = existing_item(books, item_id)?.commodity_id.as_str();
        let level = books.stock(&origin.facility_id, item_id);
        let available = level.map_or(0, |level| available_on(level, today));
        let taken = claimed.get(item_id).copied().unwrap_or_default();
        *remaining.entry(commodity_id).or_default() += available - taken;
        if taken > 0 {
            touched.insert(commodity_id);
        }
    }
    let short = origin.minimum_reserves.iter().find_map(|reserve| {
        let commodity_id = reserve.commodity_id.as_str();
        let remains = remaining.get(commodity_id).copied()?;
        let is_short = touched.contains(commodity_id) && remains < reserve.quantity;
        is_short.then(|| Rejection::BelowReserve {
            facility_id: origin.facility_id.clone(),
            commodity_id: commodity_id.to_owned(),
            reserve: reserve.quantity,
            remaining: remains,
        })
    });
    Ok(short)
}
