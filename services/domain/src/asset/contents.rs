//! Assets inside assets: a mobile laboratory and what is in it. What is inside another asset is where that one is: it is
//! in the books of the same facility, leaves and arrives in the same shipment, and is lost with it.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    inventory::v1::{
        Asset, AssetPlace, AssetRef, AssetTakenOut, FitOverride, HoldReason, ReceiptOutcome,
        StockHeld, StockLot, StockReleased, StockUnits,
    },
    registry::v1::DocumentRef,
    shipments::v1::{
        ReceivedUnits, Shipment, ShipmentAllocated, ShipmentDispatched, ShipmentLot, ShipmentUnits,
    },
};

use super::fit;
use crate::{
    books::Books,
    boundary::Boundary,
    code::UNATTRIBUTED,
    donation::earmark::{self, Use},
    limits,
    quality::state as quality,
    registry::{existing_facility, existing_item},
    rejection::Rejection,
    stock::pick::units_of,
};

/// The asset that is named, if it was read and exists.
pub(super) fn named<'a>(books: &'a Books, named: &AssetRef) -> Option<&'a Asset> {
    books.asset(&named.item_id, &named.serial_number)
}

pub(super) fn reference(asset: &Asset) -> AssetRef {
    AssetRef {
        item_id: asset.item_id.clone(),
        serial_number: asset.serial_number.clone(),
    }
}

/// The asset, the one that it is inside, and so on up to the one that is inside none, as far as they are known.
pub(super) fn path<'a>(books: &'a Books, asset: &'a Asset) -> Vec<&'a Asset> {
    let mut path = vec![asset];
    while path.len() <= limits::ASSET_DEPTH
        && let Some(outer) = path
            .last()
            .and_then(|asset| named(books, asset.inside.as_ref()?))
    {
        path.push(outer);
    }
    path
}

/// Everything inside an asset, as far as it is known: each after what it is inside.
pub(crate) fn all_inside<'a>(books: &'a Books, asset: &'a Asset) -> Vec<&'a Asset> {
    let mut found: Vec<&Asset> = Vec::new();
    let mut next = 0;
    let mut outer = Some(asset);
    while let Some(it) = outer
        && found.len() <= limits::ASSET_CONTENTS
    {
        found.extend(it.contents.iter().filter_map(|inner| named(books, inner)));
        outer = found.get(next).copied();
        next += 1;
    }
    found
}

/// How many assets lie one inside the other, from this one inwards.
pub(super) fn depth(books: &Books, asset: &Asset) -> usize {
    let inner = asset.contents.iter().filter_map(|it| named(books, it));
    1 + inner.map(|it| depth(books, it)).max().unwrap_or_default()
}

/// What must be read to know everything inside an asset, and where it stands in the books of its facility.
pub(crate) fn reads(books: &Books, asset: &Asset) -> Vec<Boundary> {
    let inside = all_inside(books, asset);
    let known = inside.iter().copied().chain([asset]);
    let inner = known
        .flat_map(|it| &it.contents)
        .filter_map(|it| Boundary::asset(&it.item_id, &it.serial_number));
    let stock = inside
        .iter()
        .filter_map(|it| Boundary::stock(&it.facility_id, &it.item_id));
    inner.chain(stock).collect()
}

/// The part of a facility's stock that an asset is in.
pub(crate) fn lot_of<'a>(books: &'a Books, asset: &Asset) -> Option<&'a StockLot> {
    let level = books.stock(&asset.facility_id, &asset.item_id)?;
    level
        .lots
        .iter()
        .find(|lot| lot.serial_numbers.contains(&asset.serial_number))
}

/// An asset as one unit of its batch; `None` where it is in no facility's stock.
fn one(books: &Books, asset: &Asset) -> Option<StockUnits> {
    let lot = lot_of(books, asset)?;
    let number = vec![asset.serial_number.clone()];
    Some(units_of(&asset.item_id, lot, 1, number))
}

/// Refuses an asset that has others inside it.
pub(crate) fn check_empty(asset: &Asset) -> Result<(), Rejection> {
    if asset.contents.is_empty() {
        return Ok(());
    }
    let told = asset.contents.iter().take(5);
    let mut told: Vec<String> = told
        .map(|it| format!("{:?} of item {}", it.serial_number, it.item_id))
        .collect();
    if asset.contents.len() > told.len() {
        told.push("others".to_owned());
    }
    Err(Rejection::AssetNotEmpty {
        item_id: asset.item_id.clone(),
        serial_number: asset.serial_number.clone(),
        contents: told.join(", "),
    })
}

/// Refuses to let an asset go with something inside it that is recalled, or that somebody holds.
pub(super) fn check_usable(books: &Books, asset: &Asset) -> Result<(), Rejection> {
    for inner in all_inside(books, asset) {
        let Some(lot) = lot_of(books, inner) else {
            continue;
        };
        if lot.recall.is_some() || !lot.hold_reasons.is_empty() || !inner.set_apart {
            return Err(Rejection::AssetHeld {
                item_id: inner.item_id.clone(),
                serial_number: inner.serial_number.clone(),
                batch_id: lot.batch_id.clone(),
            });
        }
    }
    Ok(())
}

/// Refuses to put an asset into another one where they would lie too deep, too many, or in a circle.
pub(super) fn check_nesting(books: &Books, inner: &Asset, outer: &Asset) -> Result<(), Rejection> {
    let refuse = |why: String| {
        Err(Rejection::AssetNesting {
            item_id: inner.item_id.clone(),
            serial_number: inner.serial_number.clone(),
            inside_item_id: outer.item_id.clone(),
            inside_serial_number: outer.serial_number.clone(),
            why,
        })
    };
    let around = path(books, outer);
    let within = all_inside(books, inner);
    if around.iter().any(|it| reference(it) == reference(inner)) {
        return refuse("it would be inside itself".to_owned());
    }
    // A count of one item then never finds a unit missing together with what is inside it.
    let own = within.iter().copied().chain([inner]);
    let items: BTreeSet<&str> = own.map(|it| it.item_id.as_str()).collect();
    if let Some(same) = around.iter().find(|it| items.contains(it.item_id.as_str())) {
        return refuse(format!(
            "nothing goes into a unit of the same item, here {}",
            same.item_id
        ));
    }
    let deep = around.len() + depth(books, inner);
    if deep > limits::ASSET_DEPTH {
        return refuse(format!(
            "{deep} would lie one inside the other, and {} may",
            limits::ASSET_DEPTH
        ));
    }
    let root = around.last().copied().unwrap_or(outer);
    let inside = all_inside(books, root);
    let many = inside.len() + 1 + within.len();
    if many > limits::ASSET_CONTENTS {
        return refuse(format!(
            "there would be {many} in all, and {} may",
            limits::ASSET_CONTENTS
        ));
    }
    let together = inside
        .into_iter()
        .chain(within)
        .chain([root, inner])
        .filter_map(|it| one(books, it));
    let moved = ShipmentDispatched {
        shipment_id: "S".to_owned(),
        units: together.map(with_others).collect(),
        origin_id: root.facility_id.clone(),
        ..ShipmentDispatched::default()
    };
    match limits::check(&moved.into()) {
        Ok(()) => Ok(()),
        Err(too_much) => refuse(format!(
            "all of it could not be sent in one shipment: {too_much}"
        )),
    }
}

fn with_others(units: StockUnits) -> ShipmentUnits {
    ShipmentUnits {
        units: Some(units),
        ..ShipmentUnits::default()
    }
}

/// That an asset is no longer inside another one, if it was.
pub(crate) fn taken_out(
    books: &Books,
    asset: &Asset,
    documents: &[DocumentRef],
) -> Option<AssetTakenOut> {
    Some(AssetTakenOut {
        facility_id: asset.facility_id.clone(),
        inside: Some(asset.inside.clone()?),
        units: Some(one(books, asset)?),
        documents: documents.to_vec(),
    })
}

/// The assets of some units, as far as they are known.
pub(crate) fn of_units<'a>(
    books: &'a Books,
    units: &'a StockUnits,
) -> impl Iterator<Item = &'a Asset> {
    let numbers = units.serial_numbers.iter();
    numbers.filter_map(|number| books.asset(&units.item_id, number))
}

/// What happens as assets leave the books of their facility for good: they are inside nothing any more.
pub(crate) fn severed(books: &Books, units: &StockUnits) -> Vec<Event> {
    let events = of_units(books, units).filter_map(|asset| taken_out(books, asset, &[]));
    events.map(Event::from).collect()
}

/// What is lost with assets: everything inside them, each with its units.
pub(crate) fn lost_with<'a>(
    books: &'a Books,
    units: &'a StockUnits,
) -> impl Iterator<Item = (AssetTakenOut, StockUnits)> + 'a {
    of_units(books, units)
        .flat_map(|asset| all_inside(books, asset))
        .filter_map(|inner| {
            let out = taken_out(books, inner, &[])?;
            let units = out.units.clone()?;
            Some((out, units))
        })
}

/// What must be read to send units: what is inside them.
pub(crate) fn reads_of_shipment(books: &Books, shipment: &Shipment) -> Vec<Boundary> {
    let units = units_in(shipment, |lot| lot.shipment_units.as_ref().is_some());
    let mut boundaries = Vec::new();
    for (item_id, number) in units.take(limits::TAGS) {
        boundaries.extend(Boundary::asset(item_id, number));
        let Some(asset) = books.asset(item_id, number) else {
            continue;
        };
        boundaries.extend(reads(books, asset));
        let inside = all_inside(books, asset);
        let items = inside.iter().map(|inner| inner.item_id.as_str());
        boundaries.extend(quality::reads(items));
        // Where it goes must suit what is inside, and its donors.
        for inner in inside {
            boundaries.extend(Boundary::item(&inner.item_id));
            boundaries.push(Boundary::EarmarkChanges);
            if inner.donation_id != UNATTRIBUTED {
                boundaries.extend(Boundary::pledge(&inner.donation_id));
            }
        }
    }
    boundaries
}

fn units_in(
    shipment: &Shipment,
    is_meant: impl Fn(&ShipmentLot) -> bool,
) -> impl Iterator<Item = (&str, &str)> {
    shipment
        .lots
        .iter()
        .filter(move |lot| is_meant(lot))
        .filter_map(|lot| lot.shipment_units.as_ref()?.units.as_ref())
        .flat_map(|units| {
            let numbers = units.serial_numbers.iter();
            numbers.map(|number| (units.item_id.as_str(), number.as_str()))
        })
}

/// What goes along with a shipment, since it is inside what is sent.
pub(crate) struct Along {
    /// What precedes the dispatch: it is no longer set apart, and the shipment has a claim to it.
    pub before: Vec<Event>,
    /// The units.
    pub units: Vec<ShipmentUnits>,
}

/// What is inside the units that a shipment is to bring away. It was claimed by nobody, so it is only now looked at whether
/// it fits where it goes, or somebody answers for that, and whether its donors let it go there.
pub(crate) fn along(
    books: &Books,
    shipment: &Shipment,
    claimed: &[ShipmentUnits],
    fit_override: Option<&FitOverride>,
    today: NaiveDate,
) -> Result<Along, Rejection> {
    let mut along = Along {
        before: Vec::new(),
        units: Vec::new(),
    };
    let claimed = claimed.iter().filter_map(|units| units.units.as_ref());
    for asset in claimed.flat_map(|units| of_units(books, units)) {
        check_usable(books, asset)?;
        for inner in all_inside(books, asset) {
            let Some(units) = one(books, inner) else {
                continue;
            };
            along.before.push(
                StockReleased {
                    facility_id: shipment.origin_id.clone(),
                    units: Some(units.clone()),
                    ..StockReleased::default()
                }
                .into(),
            );
            add(&mut along.units, units);
        }
    }
    if !along.units.is_empty() {
        let fit_override = check_going(books, shipment, &along.units, fit_override, today)?;
        along.before.push(
            ShipmentAllocated {
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
                units: along.units.clone(),
                fit_override,
                ..ShipmentAllocated::default()
            }
            .into(),
        );
    }
    Ok(along)
}

/// Refuses units that don't fit where a shipment goes, unless somebody answers for it, or that their donors did not give for
/// there.
fn check_going(
    books: &Books,
    shipment: &Shipment,
    going: &[ShipmentUnits],
    fit_override: Option<&FitOverride>,
    today: NaiveDate,
) -> Result<Option<FitOverride>, Rejection> {
    let destination = existing_facility(books, &shipment.destination_id)?;
    let units = || going.iter().filter_map(|it| it.units.as_ref());
    let mut problems = Vec::new();
    for units in units() {
        let item = existing_item(books, &units.item_id)?;
        problems.extend(fit::check(item, destination, fit_override)?);
    }
    let wanted = Use::Sent(destination, today);
    let barred =
        |units: &&StockUnits| !earmark::allows(books, &units.item_id, &units.donation_id, wanted);
    match units().find(barred) {
        Some(units) => Err(Rejection::BatchEarmarked {
            batch_id: units.batch_id.clone(),
            donation_id: units.donation_id.clone(),
        }),
        None => Ok(fit::needed(fit_override, &problems)),
    }
}

/// Adds a unit to those of the same batch and owner.
fn add(all: &mut Vec<ShipmentUnits>, one: StockUnits) {
    let same = all
        .iter_mut()
        .filter_map(|it| it.units.as_mut())
        .find(|it| (&it.batch_id, &it.owner_id) == (&one.batch_id, &one.owner_id));
    match same {
        Some(known) => {
            known.quantity = known.quantity.saturating_add(one.quantity);
            known.serial_numbers.extend(one.serial_numbers);
        }
        None => all.push(with_others(one)),
    }
}

/// Whether a part of a shipment goes along inside other parts of it.
pub(crate) fn goes_along(lot: &ShipmentLot) -> bool {
    lot.shipment_units.as_ref().is_some_and(|it| it.line == 0)
}

/// What must be read to receive what goes along: inside what each unit is.
pub(crate) fn reads_of_receipt(shipment: &Shipment) -> Vec<Boundary> {
    let along = units_in(shipment, goes_along).take(limits::TAGS);
    along
        .filter_map(|(item_id, number)| Boundary::asset(item_id, number))
        .collect()
}

/// What became of what goes along: as what it is inside was found, so it is found. What is past its last day of use is
/// so whatever became of the rest; `is_expired` tells.
pub(crate) fn found_along(
    books: &Books,
    shipment: &Shipment,
    found: &[ReceivedUnits],
    is_expired: impl Fn(&StockUnits) -> bool,
) -> Vec<ReceivedUnits> {
    let outcome_of = |asset: &Asset| {
        let root = path(books, asset).into_iter().last()?.inside.as_ref();
        let root = root.cloned().unwrap_or_else(|| reference(asset));
        found.iter().find_map(|it| {
            let units = it.shipment_units.as_ref()?.units.as_ref()?;
            let is_it =
                units.item_id == root.item_id && units.serial_numbers.contains(&root.serial_number);
            (is_it && !crate::batch::is_new(it.outcome())).then(|| it.outcome())
        })
    };
    let mut along = Vec::new();
    for lot in shipment.lots.iter().filter(|lot| goes_along(lot)) {
        let Some(of_line) = &lot.shipment_units else {
            continue;
        };
        let Some(units) = &of_line.units else {
            continue;
        };
        for number in &lot.serial_numbers_in_transit {
            let asset = books.asset(&units.item_id, number);
            let Some(outcome) = asset.and_then(outcome_of) else {
                continue;
            };
            let outcome = match outcome {
                ReceiptOutcome::Missing | ReceiptOutcome::Damaged => outcome,
                _ if is_expired(units) => ReceiptOutcome::Expired,
                _ => ReceiptOutcome::Good,
            };
            let units = StockUnits {
                quantity: 1,
                serial_numbers: vec![number.clone()],
                ..units.clone()
            };
            along.push(ReceivedUnits {
                shipment_units: Some(ShipmentUnits {
                    units: Some(units),
                    ..of_line.clone()
                }),
                outcome: outcome.into(),
                ..ReceivedUnits::default()
            });
        }
    }
    along
}

/// What is inside units that leave a shipment on its way, and so leaves it with them.
pub(crate) fn go_along(
    books: &Books,
    shipment: &Shipment,
    leaving: &[ShipmentUnits],
) -> Vec<ShipmentUnits> {
    let leaving: Vec<ReceivedUnits> = leaving
        .iter()
        .map(|units| ReceivedUnits {
            shipment_units: Some(units.clone()),
            outcome: ReceiptOutcome::Good.into(),
            ..ReceivedUnits::default()
        })
        .collect();
    found_along(books, shipment, &leaving, |_| false)
        .into_iter()
        .filter_map(|found| found.shipment_units)
        .collect()
}

/// That what arrived inside something else is set apart there, as it was before.
pub(crate) fn set_apart_again(facility_id: &str, along: &[ReceivedUnits]) -> Vec<Event> {
    let good = along
        .iter()
        .filter(|found| found.outcome() == ReceiptOutcome::Good);
    good.filter_map(|found| {
        let units = found.shipment_units.as_ref()?.units.clone()?;
        let held = StockHeld {
            facility_id: facility_id.to_owned(),
            units: Some(units),
            reason: HoldReason::AssetState.into(),
            documents: Vec::new(),
        };
        Some(held.into())
    })
    .collect()
}

/// Where the outermost asset must be for something to be put into it or taken out of it.
pub(super) const OPEN: &[AssetPlace] = &[AssetPlace::Facility, AssetPlace::Installed];
