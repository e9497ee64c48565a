//! Units of a shipment pass to another owner where they are: claimed at the origin, under way, or in parcels. Nothing moves,
//! and whoever was liable for them is so still.

use keruen_proto::{
    Event,
    inventory::v1::StockUnits,
    registry::v1::DocumentRef,
    shipments::v1::{
        PackedUnits, Shipment, ShipmentLot, ShipmentParcel, ShipmentState,
        ShipmentTitleTransferred, ShipmentUnits,
    },
};

use super::{
    Pick, existing,
    journey::travels,
    parcel,
    pick::{self, Free},
    reads,
    receipt::units_of,
    split,
    state::is_same,
    wrong_state,
};
use crate::{
    books::Books,
    boundary::Boundary,
    code::Code,
    command::{Command, Moment},
    limits,
    registry::{existing_organisation, in_use},
    rejection::Rejection,
    stock::{
        level::remove,
        lot::{existing_owner, owner_read},
    },
};

/// Records that units that a shipment has claimed or carries passed to another owner.
#[derive(Clone, Debug)]
pub struct TransferShipmentTitle {
    /// The shipment.
    pub shipment_id: Code,
    /// To whom they belong from now on.
    pub new_owner_id: Code,
    /// Only units of this owner; `None` means of any.
    pub owner_id: Option<Code>,
    /// Parcels all of whose contents pass.
    pub ssccs: Vec<Code>,
    /// What passes besides; with no parcels either, all that is claimed or under way.
    pub units: Vec<Pick>,
    /// Deed of transfer and so on.
    pub documents: Vec<DocumentRef>,
}

/// What passes: all of it, and what of it is in parcels.
#[derive(Default)]
struct Passing {
    units: Vec<ShipmentUnits>,
    packed: Vec<PackedUnits>,
}

impl Command for TransferShipmentTitle {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(books, &self.shipment_id);
        boundaries.push(Boundary::Organisation(self.new_owner_id.clone()));
        boundaries.extend(owner_read(self.owner_id.as_ref()));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        existing_organisation(books, &self.new_owner_id)?;
        existing_owner(books, self.owner_id.as_ref())?;
        for sscc in &self.ssccs {
            parcel::existing_parcel(shipment, sscc)?;
        }
        let new_owner = [Boundary::Organisation(self.new_owner_id.clone())];
        in_use(books, &new_owner, moment)?;
        let is_under_way = is_under_way(shipment)?;
        self.check_something_passes(shipment, is_under_way)?;
        let passing = self.passing(shipment, is_under_way)?;
        self.check_lots(shipment, &passing)?;
        limits::keep(vec![
            ShipmentTitleTransferred {
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
                units: passing.units,
                packed: passing.packed,
                new_owner_id: self.new_owner_id.to_string(),
                is_under_way,
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}

/// Whether the shipment has left, and not all of it has arrived; else it must not have left.
fn is_under_way(shipment: &Shipment) -> Result<bool, Rejection> {
    match shipment.state() {
        ShipmentState::Requested | ShipmentState::Allocated => Ok(false),
        ShipmentState::PartlyReceived => Ok(true),
        _ if travels(shipment) => Ok(true),
        _ => Err(wrong_state(
            shipment,
            "REQUESTED, ALLOCATED, DISPATCHED, HANDED_OVER, DELIVERY_ATTEMPTED, DIVERTED, ARRIVED or PARTLY_RECEIVED; \
             where its goods have arrived, their title is transferred at the facility",
        )),
    }
}

/// What of a lot is claimed at the origin, or under way.
fn outstanding(lot: &ShipmentLot, is_under_way: bool) -> Free {
    if is_under_way {
        return pick::on_the_way(lot);
    }
    units_of(lot).map_or_else(Free::default, |units| Free {
        quantity: units.quantity,
        serial_numbers: units.serial_numbers.clone(),
    })
}

fn owner_of(units: &ShipmentUnits) -> &str {
    units.units.as_ref().map_or("", |units| &units.owner_id)
}

impl TransferShipmentTitle {
    /// Whether units may be meant: those that belong to somebody else, who may be named.
    fn is_meant(&self, units: &ShipmentUnits) -> bool {
        let owner_id = owner_of(units);
        let is_named = |named: &Code| named.as_str() == owner_id;
        owner_id != self.new_owner_id.as_str() && self.owner_id.as_ref().is_none_or(is_named)
    }

    /// What of a lot may pass.
    fn free(&self, lot: &ShipmentLot, is_under_way: bool) -> Free {
        let of_line = lot.shipment_units.as_ref();
        if of_line.is_some_and(|units| self.is_meant(units)) {
            outstanding(lot, is_under_way)
        } else {
            Free::default()
        }
    }

    /// Refuses where there is nothing, or where all of it belongs to the new owner already.
    fn check_something_passes(
        &self,
        shipment: &Shipment,
        is_under_way: bool,
    ) -> Result<(), Rejection> {
        let same_owner = || Rejection::SameOwner {
            owner_id: self.new_owner_id.to_string(),
        };
        let mut owners = self.units.iter().filter_map(|pick| pick.owner_id.as_ref());
        if self.owner_id.as_ref() == Some(&self.new_owner_id)
            || owners.any(|owner_id| *owner_id == self.new_owner_id)
        {
            return Err(same_owner());
        }
        let there = || {
            let lots = shipment.lots.iter();
            lots.filter(|lot| outstanding(lot, is_under_way).quantity > 0)
                .filter_map(|lot| lot.shipment_units.as_ref())
        };
        if there().next().is_none() {
            let shipment_id = shipment.shipment_id.clone();
            return Err(if is_under_way {
                let missing = shipment.lots.iter().map(|lot| lot.missing).sum();
                Rejection::NothingInTransit {
                    shipment_id,
                    missing,
                }
            } else {
                Rejection::NothingAllocated { shipment_id }
            });
        }
        if there().any(|units| self.is_meant(units)) {
            return Ok(());
        }
        Err(match &self.owner_id {
            Some(owner_id)
                if there().any(|units| owner_of(units) != self.new_owner_id.as_str()) =>
            {
                Rejection::NothingOfOwner {
                    shipment_id: shipment.shipment_id.clone(),
                    owner_id: owner_id.to_string(),
                }
            }
            _ => same_owner(),
        })
    }

    fn passing(&self, shipment: &Shipment, is_under_way: bool) -> Result<Passing, Rejection> {
        let free = |lot: &ShipmentLot| self.free(lot, is_under_way);
        let mut passing = Passing::default();
        if self.ssccs.is_empty() && self.units.is_empty() {
            // What is inside something else passes with all the rest.
            for lot in &shipment.lots {
                let Free {
                    quantity,
                    serial_numbers,
                } = free(lot);
                if quantity > 0 {
                    passing
                        .units
                        .extend(pick::part(lot, quantity, serial_numbers));
                }
            }
            passing.packed = packed_among(shipment, &[], &passing.units, is_under_way);
            return Ok(passing);
        }
        let parcels = split::named_parcels(shipment, &self.ssccs)?;
        self.pass_parcels(shipment, &parcels, is_under_way, &mut passing)?;
        if self.units.is_empty() {
            return Ok(passing);
        }
        let left = |lot: &ShipmentLot| without(free(lot), lot, &passing.units);
        let mut loose: Vec<ShipmentUnits> = Vec::new();
        for units in pick::taken("units", shipment, &self.units, left)? {
            split::add(&mut loose, units);
        }
        let packed = packed_among(shipment, &self.ssccs, &loose, is_under_way);
        passing.packed.extend(packed);
        for units in loose {
            split::add(&mut passing.units, units);
        }
        Ok(passing)
    }

    /// What is in parcels that pass as a whole, if all of it is there still.
    fn pass_parcels(
        &self,
        shipment: &Shipment,
        parcels: &[&ShipmentParcel],
        is_under_way: bool,
        passing: &mut Passing,
    ) -> Result<(), Rejection> {
        split::packed(shipment, parcels, |lot| outstanding(lot, is_under_way))?;
        for parcel in parcels.iter().filter_map(|it| it.parcel.as_ref()) {
            for units in parcel.contents.iter().filter(|units| self.is_meant(units)) {
                split::add(&mut passing.units, units.clone());
                passing.packed.push(PackedUnits {
                    sscc: parcel.sscc.clone(),
                    units: Some(units.clone()),
                });
            }
        }
        if passing.units.is_empty() && !parcels.is_empty() && self.units.is_empty() {
            return Err(Rejection::SameOwner {
                owner_id: self.new_owner_id.to_string(),
            });
        }
        Ok(())
    }

    /// Refuses to part a shipment into more lots than one command could name.
    fn check_lots(&self, shipment: &Shipment, passing: &Passing) -> Result<(), Rejection> {
        let is_known = |units: &ShipmentUnits| {
            let theirs = theirs(units, &self.new_owner_id);
            let mut lots = shipment
                .lots
                .iter()
                .filter_map(|lot| lot.shipment_units.as_ref());
            lots.any(|known| is_same(known, &theirs))
        };
        let new = passing.units.iter().filter(|units| !is_known(units));
        // One of which nothing is left need not be named.
        let is_left = |lot: &&ShipmentLot| {
            let Some(of_line) = &lot.shipment_units else {
                return false;
            };
            let quantity = |it: &ShipmentUnits| it.units.as_ref().map_or(0, |it| it.quantity);
            let passes = passing.units.iter().filter(|units| is_same(units, of_line));
            quantity(of_line) > passes.map(quantity).sum()
        };
        let left = shipment.lots.iter().filter(is_left);
        if new.count() + left.count() <= limits::SHIPMENT_LOTS {
            return Ok(());
        }
        Err(Rejection::TooManyRecords {
            kind: "shipment",
            id: shipment.shipment_id.clone(),
            what: "lots of different batches and owners, or nearly as many",
            limit: limits::SHIPMENT_LOTS,
        })
    }
}

/// What is free of a lot beside units of it that are taken.
fn without(free: Free, lot: &ShipmentLot, taken: &[ShipmentUnits]) -> Free {
    let Free {
        mut quantity,
        mut serial_numbers,
    } = free;
    let of_lot = |units: &&ShipmentUnits| {
        let of_line = lot.shipment_units.as_ref();
        of_line.is_some_and(|of_line| is_same(of_line, units))
    };
    let taken = taken.iter().filter(of_lot);
    for units in taken.filter_map(|units| units.units.as_ref()) {
        quantity -= units.quantity;
        remove(&mut serial_numbers, &units.serial_numbers);
    }
    Free {
        quantity: quantity.max(0),
        serial_numbers,
    }
}

/// What of units is in parcels other than the named ones: of those that are counted, the loose ones pass first, then those
/// of the parcels that were packed first.
fn packed_among(
    shipment: &Shipment,
    named: &[Code],
    passing: &[ShipmentUnits],
    is_under_way: bool,
) -> Vec<PackedUnits> {
    let mut packed = Vec::new();
    for of_line in passing {
        let Some(units) = &of_line.units else {
            continue;
        };
        let lot = shipment.lots.iter().find(|lot| {
            let known = lot.shipment_units.as_ref();
            known.is_some_and(|known| is_same(known, of_line))
        });
        let all = lot.map_or(0, |lot| outstanding(lot, is_under_way).quantity);
        let (in_parcels, _) = parcel::packed_of(shipment, of_line);
        let mut open = units.quantity - (all - in_parcels).max(0);
        let others = shipment.parcels.iter().filter_map(|it| it.parcel.as_ref());
        for parcel in others.filter(|it| named.iter().all(|sscc| sscc.as_str() != it.sscc)) {
            let contents = parcel.contents.iter();
            for content in contents.filter(|content| is_same(content, of_line)) {
                let taken = taken_of(content, units, open);
                let Some(taken) = taken.filter(|taken| taken.quantity > 0) else {
                    continue;
                };
                open -= taken.quantity;
                packed.push(PackedUnits {
                    sscc: parcel.sscc.clone(),
                    units: Some(ShipmentUnits {
                        units: Some(taken),
                        ..of_line.clone()
                    }),
                });
            }
        }
    }
    packed
}

/// What of a parcel's contents is among units: those with the same serial numbers, or as many as are open.
fn taken_of(content: &ShipmentUnits, units: &StockUnits, open: i64) -> Option<StockUnits> {
    let content = content.units.as_ref()?;
    if units.serial_numbers.is_empty() {
        let quantity = content.quantity.min(open);
        return Some(StockUnits {
            quantity,
            ..units.clone()
        });
    }
    let mut serial_numbers = content.serial_numbers.clone();
    serial_numbers.retain(|number| units.serial_numbers.contains(number));
    Some(StockUnits {
        quantity: i64::try_from(serial_numbers.len()).unwrap_or(i64::MAX),
        serial_numbers,
        ..units.clone()
    })
}

/// The same units, of another owner.
fn theirs(units: &ShipmentUnits, owner_id: &str) -> ShipmentUnits {
    let mut theirs = units.clone();
    if let Some(units) = &mut theirs.units {
        owner_id.clone_into(&mut units.owner_id);
    }
    theirs
}

/// Takes in that units of a shipment passed to another owner. A lot of which something had left stays, if need be with
/// nothing in it.
pub(super) fn passed(shipment: &mut Shipment, event: &ShipmentTitleTransferred) {
    for passing in &event.units {
        let Some(units) = &passing.units else {
            continue;
        };
        take_off(shipment, passing, units, event.is_under_way);
        let theirs = theirs(passing, &event.new_owner_id);
        let known = lot_index(shipment, &theirs).unwrap_or_else(|| {
            shipment.lots.push(ShipmentLot {
                shipment_units: pick::nothing_of(&theirs),
                ..ShipmentLot::default()
            });
            shipment.lots.len() - 1
        });
        let lot = &mut shipment.lots[known];
        if event.is_under_way {
            lot.in_transit = lot.in_transit.saturating_add(units.quantity);
            lot.serial_numbers_in_transit
                .extend_from_slice(&units.serial_numbers);
        }
        if let Some(all) = lot.shipment_units.as_mut().and_then(|it| it.units.as_mut()) {
            all.quantity = all.quantity.saturating_add(units.quantity);
            all.serial_numbers.extend_from_slice(&units.serial_numbers);
        }
    }
    for packed in &event.packed {
        if let Some(units) = &packed.units {
            parcel::pass(
                shipment,
                &packed.sscc,
                units,
                &theirs(units, &event.new_owner_id),
            );
        }
    }
    shipment.documents.extend_from_slice(&event.documents);
}

fn lot_index(shipment: &Shipment, units: &ShipmentUnits) -> Option<usize> {
    shipment.lots.iter().position(|lot| {
        let known = lot.shipment_units.as_ref();
        known.is_some_and(|known| is_same(known, units))
    })
}

/// Takes units that pass off the lot that they were in.
fn take_off(
    shipment: &mut Shipment,
    passing: &ShipmentUnits,
    units: &StockUnits,
    is_under_way: bool,
) {
    let Some(index) = lot_index(shipment, passing) else {
        return;
    };
    let lot = &mut shipment.lots[index];
    if is_under_way {
        lot.in_transit -= units.quantity;
        remove(&mut lot.serial_numbers_in_transit, &units.serial_numbers);
    }
    let mut is_empty = false;
    if let Some(all) = lot.shipment_units.as_mut().and_then(|it| it.units.as_mut()) {
        all.quantity -= units.quantity;
        remove(&mut all.serial_numbers, &units.serial_numbers);
        is_empty = all.quantity == 0;
    }
    if is_empty && !is_under_way {
        shipment.lots.remove(index);
    }
}
