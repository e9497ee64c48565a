//! Claims of shipments that can't be kept: their units are gone, or must not go.

use keruen_proto::{
    Event,
    inventory::v1::{StockLot, StockUnits},
    shipments::v1::{AllocationReleased, ReleaseReason, Shipment, ShipmentLot, ShipmentUnits},
};

use crate::{books::Books, boundary::Boundary, limits, rejection::Rejection};

/// What of a shipment's claim to a lot can't be kept.
pub(crate) struct BrokenClaim {
    shipment_id: String,
    quantity: i64,
    serial_numbers: Vec<String>,
}

/// The claims that break where so many units of a lot are gone, or must not go: where units are counted, after those
/// that are free and those that are held, the newest claims first; where they are named, the claims to them.
pub(crate) fn broken(lot: &StockLot, quantity: i64, serial_numbers: &[String]) -> Vec<BrokenClaim> {
    let mut open = quantity - lot.available - lot.held;
    let mut broken = Vec::new();
    for claim in lot.reservations.iter().rev() {
        let named: Vec<String> = claim
            .serial_numbers
            .iter()
            .filter(|claimed| serial_numbers.contains(claimed))
            .cloned()
            .collect();
        let quantity = if claim.serial_numbers.is_empty() {
            claim.quantity.min(open.max(0))
        } else {
            i64::try_from(named.len()).unwrap_or(i64::MAX)
        };
        open -= quantity;
        if quantity > 0 {
            broken.push(BrokenClaim {
                shipment_id: claim.shipment_id.clone(),
                quantity,
                serial_numbers: named,
            });
        }
    }
    broken
}

/// What must be read to give claims up.
pub(crate) fn reads(books: &Books, claims: &[BrokenClaim]) -> Vec<Boundary> {
    let mut boundaries = Vec::new();
    for claim in claims.iter().take(limits::BROKEN_CLAIMS) {
        boundaries.extend(Boundary::shipment(&claim.shipment_id));
        let shipment = books.shipment(&claim.shipment_id);
        boundaries
            .extend(shipment.and_then(|shipment| Boundary::facility(&shipment.destination_id)));
    }
    boundaries
}

/// Gives claims to a lot up.
pub(crate) fn give_up(
    books: &Books,
    facility_id: &str,
    claims: &[BrokenClaim],
    units: &StockUnits,
    reason: ReleaseReason,
) -> Result<Vec<Event>, Rejection> {
    check_number(facility_id, &units.batch_id, claims.len())?;
    let given_up = claims.iter().filter_map(|claim| {
        let shipment = books.shipment(&claim.shipment_id)?;
        Some(released(shipment, claim, units, reason))
    });
    Ok(given_up.collect())
}

/// Refuses to break more claims than one append may.
pub(crate) fn check_number(
    facility_id: &str,
    batch_id: &str,
    shipments: usize,
) -> Result<(), Rejection> {
    if shipments > limits::BROKEN_CLAIMS {
        return Err(Rejection::TooManyClaims {
            facility_id: facility_id.to_owned(),
            batch_id: batch_id.to_owned(),
            shipments,
            limit: limits::BROKEN_CLAIMS,
        });
    }
    Ok(())
}

/// Takes the claim off the shipment's lines, the last line first.
fn released(
    shipment: &Shipment,
    claim: &BrokenClaim,
    units: &StockUnits,
    reason: ReleaseReason,
) -> Event {
    let mut open = claim.quantity;
    let mut released = Vec::new();
    for lot in shipment.lots.iter().rev() {
        let Some((of_line, claimed)) = claimed(lot, units) else {
            continue;
        };
        let serial_numbers: Vec<String> = claimed
            .serial_numbers
            .iter()
            .filter(|serial_number| claim.serial_numbers.contains(serial_number))
            .cloned()
            .collect();
        let quantity = if claimed.serial_numbers.is_empty() {
            claimed.quantity.min(open)
        } else {
            i64::try_from(serial_numbers.len()).unwrap_or(i64::MAX)
        };
        open -= quantity;
        if quantity > 0 {
            let units = StockUnits {
                quantity,
                serial_numbers,
                ..claimed.clone()
            };
            released.push(ShipmentUnits {
                units: Some(units),
                ..of_line.clone()
            });
        }
    }
    AllocationReleased {
        shipment_id: shipment.shipment_id.clone(),
        origin_id: shipment.origin_id.clone(),
        destination_id: shipment.destination_id.clone(),
        units: released,
        reason: reason.into(),
    }
    .into()
}

/// The units of a shipment's lot, if they are of the same batch and owner.
fn claimed<'a>(
    lot: &'a ShipmentLot,
    units: &StockUnits,
) -> Option<(&'a ShipmentUnits, &'a StockUnits)> {
    let of_line = lot.shipment_units.as_ref()?;
    let claimed = of_line.units.as_ref()?;
    (claimed.batch_id == units.batch_id && claimed.owner_id == units.owner_id)
        .then_some((of_line, claimed))
}
