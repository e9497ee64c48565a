//! The unit that a vehicle is in the books. As long as it is on a trip it is in the stock of its facility, but not there:
//! it is held, so that nobody claims or sends it.

use keruen_proto::{
    Event, inventory::v1::Asset, registry::v1::AssetLink, shipments::v1::ReleaseReason,
};

use crate::{
    asset::{contents, life::set_apart_or_not},
    books::{Books, Fold as _},
    boundary::Boundary,
    command::Moment,
    rejection::Rejection,
    stock::{
        claims::{self, BrokenClaim},
        pick::units_of,
    },
};

/// What must be known of a unit that goes on a trip, or comes back from it.
pub(super) fn reads(books: &Books, link: Option<&AssetLink>) -> Vec<Boundary> {
    let mut boundaries: Vec<Boundary> = link
        .and_then(|it| Boundary::asset(&it.item_id, &it.serial_number))
        .into_iter()
        .collect();
    if let Some(asset) = known(books, link) {
        boundaries.extend(Boundary::facility(&asset.facility_id));
        boundaries.extend(Boundary::stock(&asset.facility_id, &asset.item_id));
        boundaries.extend(claims::reads(books, &claims_to(books, asset)));
    }
    boundaries
}

fn known<'a>(books: &'a Books, link: Option<&AssetLink>) -> Option<&'a Asset> {
    let link = link?;
    books.asset(&link.item_id, &link.serial_number)
}

fn claims_to(books: &Books, asset: &Asset) -> Vec<BrokenClaim> {
    let lot = contents::lot_of(books, asset);
    let number = [asset.serial_number.clone()];
    lot.map(|lot| claims::broken(lot, 0, &number))
        .unwrap_or_default()
}

/// What becomes of a unit that goes on a trip: nobody may have claimed it, or, where that happened some time ago, whoever
/// did gives it up.
pub(super) fn give_up(
    books: &Books,
    link: Option<&AssetLink>,
    moment: Moment,
) -> Result<Vec<Event>, Rejection> {
    let Some(asset) = known(books, link) else {
        return Ok(Vec::new());
    };
    let Some(lot) = contents::lot_of(books, asset) else {
        return Ok(Vec::new());
    };
    let number = vec![asset.serial_number.clone()];
    if !moment.is_past()
        && let Some(claim) = lot
            .reservations
            .iter()
            .find(|claim| claim.serial_numbers.contains(&asset.serial_number))
    {
        return Err(Rejection::SerialNumberReserved {
            field: "trip_id".to_owned(),
            item_id: asset.item_id.clone(),
            serial_number: asset.serial_number.clone(),
            shipment_id: claim.shipment_id.clone(),
        });
    }
    let claims = claims_to(books, asset);
    let units = units_of(&asset.item_id, lot, 1, number);
    claims::give_up(
        books,
        &asset.facility_id,
        &claims,
        &units,
        ReleaseReason::StockHeld,
    )
}

/// Whether a unit is held from an event on, or no longer.
pub(super) fn held_or_not(books: &Books, link: Option<&AssetLink>, event: &Event) -> Option<Event> {
    let link = link?;
    let before = known(books, Some(link))?;
    let mut after = before.clone();
    after.evolve(&Boundary::asset(&link.item_id, &link.serial_number)?, event);
    // Units that have left the books meanwhile are in no stock.
    let lot = contents::lot_of(books, before)?;
    let units = units_of(&before.item_id, lot, 1, vec![before.serial_number.clone()]);
    set_apart_or_not(before, &after, lot, units)
}
