//! A part of a shipment goes on by itself, as after a breakdown.

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    registry::v1::DocumentRef,
    shipments::v1::{
        CustodyLeg, Shipment, ShipmentLine, ShipmentLot, ShipmentParcel, ShipmentSplit,
        ShipmentUnits, SplitReason,
    },
};

use super::{
    Pick, existing,
    journey::{check_expected, check_on_the_way},
    parcel,
    pick::{self, Free},
    reads,
    state::is_same,
};
use crate::{
    asset::contents,
    books::Books,
    boundary::Boundary,
    calendar,
    code::Code,
    command::{Command, Moment},
    limits,
    rejection::Rejection,
};

/// Lets a part of a shipment go on by itself.
#[derive(Clone, Debug)]
pub struct SplitShipment {
    /// The shipment.
    pub shipment_id: Code,
    /// Id of the new shipment.
    pub new_shipment_id: Code,
    /// Parcels that go.
    pub ssccs: Vec<Code>,
    /// What goes of what is in no parcel.
    pub units: Vec<Pick>,
    /// Day on which the new shipment is expected.
    pub expected_on: Option<NaiveDate>,
    /// Why.
    pub reason: SplitReason,
    /// Papers.
    pub documents: Vec<DocumentRef>,
}

impl Command for SplitShipment {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(books, &self.shipment_id);
        boundaries.push(Boundary::Shipment(self.new_shipment_id.clone()));
        if let Some(shipment) = books.shipment(&self.shipment_id) {
            boundaries.extend(contents::reads_of_receipt(shipment));
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        if books.shipment(&self.new_shipment_id).is_some() {
            return Err(Rejection::ShipmentExists {
                shipment_id: self.new_shipment_id.to_string(),
            });
        }
        let parcels = named_parcels(shipment, &self.ssccs)?;
        check_on_the_way(shipment)?;
        check_expected(books, &shipment.destination_id, self.expected_on, moment)?;
        if shipment.split_into_ids.len() >= limits::SPLITS {
            return Err(Rejection::TooManyRecords {
                kind: "shipment",
                id: self.shipment_id.to_string(),
                what: "parts that were split off",
                limit: limits::SPLITS,
            });
        }
        let mut units = packed(shipment, &parcels, pick::on_the_way)?;
        if !self.units.is_empty() || parcels.is_empty() {
            let loose = |lot: &ShipmentLot| loose(shipment, lot);
            for picked in pick::taken("units", shipment, &self.units, loose)? {
                add(&mut units, picked);
            }
        }
        for along in contents::go_along(books, shipment, &units) {
            add(&mut units, along);
        }
        check_something_stays(shipment, &units)?;
        let parcels: Vec<ShipmentParcel> = parcels.into_iter().cloned().collect();
        limits::keep(vec![self.event(shipment, units, parcels).into()])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.new_shipment_id.clone()))
    }
}

impl SplitShipment {
    fn event(
        &self,
        shipment: &Shipment,
        units: Vec<ShipmentUnits>,
        parcels: Vec<ShipmentParcel>,
    ) -> ShipmentSplit {
        let leg = shipment.legs.last().cloned();
        ShipmentSplit {
            shipment_id: shipment.shipment_id.clone(),
            origin_id: shipment.origin_id.clone(),
            destination_id: shipment.destination_id.clone(),
            new_shipment_id: self.new_shipment_id.to_string(),
            lines: lines(shipment, &units),
            units,
            parcels,
            leg: Some(leg.unwrap_or_else(|| CustodyLeg {
                custodian_id: shipment.custodian_id.clone(),
                ..CustodyLeg::default()
            })),
            sender_id: shipment.sender_id.clone(),
            expected_on: calendar::stored(self.expected_on),
            reason: self.reason.into(),
            documents: self.documents.clone(),
        }
    }
}

/// The parcels, each named once.
pub(super) fn named_parcels<'a>(
    shipment: &'a Shipment,
    ssccs: &[Code],
) -> Result<Vec<&'a ShipmentParcel>, Rejection> {
    let mut parcels = Vec::with_capacity(ssccs.len());
    for (index, sscc) in ssccs.iter().enumerate() {
        parcels.push(parcel::existing_parcel(shipment, sscc)?);
        if ssccs[..index].contains(sscc) {
            return Err(Rejection::DuplicateParcel {
                field: format!("ssccs[{index}]"),
                sscc: sscc.to_string(),
            });
        }
    }
    Ok(parcels)
}

/// The lines of which units are, with as much as those are. What the shipment no longer fulfils, its part does not either.
fn lines(shipment: &Shipment, units: &[ShipmentUnits]) -> Vec<ShipmentLine> {
    let of_line = |line: &ShipmentLine| {
        let mut of_line = units.iter().filter(|it| it.line == line.line).peekable();
        let first = *of_line.peek()?;
        let quantity = of_line.filter_map(|it| it.units.as_ref());
        Some(ShipmentLine {
            quantity: quantity.map(|units| units.quantity).sum(),
            request_id: first.request_id.clone(),
            request_line: first.request_line,
            ..line.clone()
        })
    };
    shipment.lines.iter().filter_map(of_line).collect()
}

/// What of a lot is on its way in no parcel.
fn loose(shipment: &Shipment, lot: &ShipmentLot) -> Free {
    let Free {
        quantity,
        mut serial_numbers,
    } = pick::on_the_way(lot);
    let Some(of_line) = &lot.shipment_units else {
        return Free::default();
    };
    let (packed, numbers) = parcel::packed_of(shipment, of_line);
    serial_numbers.retain(|number| !numbers.contains(number));
    Free {
        quantity: (quantity - packed).max(0),
        serial_numbers,
    }
}

/// What is in parcels, if all of it is still free, as on its way.
pub(super) fn packed(
    shipment: &Shipment,
    parcels: &[&ShipmentParcel],
    free: impl Fn(&ShipmentLot) -> Free,
) -> Result<Vec<ShipmentUnits>, Rejection> {
    let mut units: Vec<ShipmentUnits> = Vec::new();
    for parcel in parcels.iter().filter_map(|it| it.parcel.as_ref()) {
        for packed in &parcel.contents {
            add(&mut units, packed.clone());
        }
        let is_free = |packed: &ShipmentUnits| {
            let is_it = |lot: &&ShipmentLot| {
                let of_line = lot.shipment_units.as_ref();
                of_line.is_some_and(|of_line| is_same(of_line, packed))
            };
            let lot = shipment.lots.iter().find(is_it);
            let free = lot.map(&free).unwrap_or_default();
            packed.units.as_ref().is_some_and(|units| {
                let mut numbers = units.serial_numbers.iter();
                units.quantity <= free.quantity
                    && numbers.all(|number| free.serial_numbers.contains(number))
            })
        };
        if !units.iter().all(is_free) {
            return Err(Rejection::ParcelIncomplete {
                shipment_id: shipment.shipment_id.clone(),
                sscc: parcel.sscc.clone(),
            });
        }
    }
    Ok(units)
}

/// Adds units to those of the same line, batch and owner.
pub(super) fn add(all: &mut Vec<ShipmentUnits>, more: ShipmentUnits) {
    let known = all.iter_mut().find(|it| is_same(it, &more));
    match (known.and_then(|it| it.units.as_mut()), &more.units) {
        (Some(units), Some(more)) => {
            units.quantity = units.quantity.saturating_add(more.quantity);
            units.serial_numbers.extend_from_slice(&more.serial_numbers);
        }
        _ => all.push(more),
    }
}

/// Refuses to split off everything: that is the same shipment under another name.
fn check_something_stays(shipment: &Shipment, units: &[ShipmentUnits]) -> Result<(), Rejection> {
    let gone = units.iter().filter_map(|it| it.units.as_ref());
    let gone: i64 = gone.map(|units| units.quantity).sum();
    let there: i64 = shipment
        .lots
        .iter()
        .map(|lot| {
            lot.in_transit + lot.missing + lot.received_good + lot.received_unusable + lot.lost
        })
        .sum();
    if gone < there {
        return Ok(());
    }
    Err(Rejection::SplitTakesAll {
        shipment_id: shipment.shipment_id.clone(),
    })
}
