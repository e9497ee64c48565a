//! The fold of what happens to a shipment on its way.

use keruen_proto::{
    Event,
    inventory::v1::ReceiptOutcome,
    shipments::v1::{
        Discrepancy, DiscrepancyAnswer, DiscrepancyAnswered, DiscrepancyState, ReceivedUnits,
        ReportedLoss, Shipment, ShipmentDiverted, ShipmentLossReported, ShipmentLot, ShipmentSplit,
        ShipmentState, ShipmentUnits,
    },
};

use super::{
    custody, parcel,
    state::{closed_state, is_same, lot_of, miss},
    title,
};
use crate::{limits, stock::level::remove};

/// Takes in what happens to a shipment before it leaves, on its way and after it, apart from claims and receipts.
pub(super) fn evolve(shipment: &mut Shipment, event: &Event, is_it: impl Fn(&str) -> bool) {
    match event {
        Event::ParcelPacked(event) if is_it(&event.shipment_id) => {
            shipment
                .parcels
                .extend(event.parcel.clone().map(parcel::packed));
        }
        Event::ParcelUnpacked(event) if is_it(&event.shipment_id) => {
            let sscc = event.parcel.as_ref().map(|parcel| &parcel.sscc);
            shipment
                .parcels
                .retain(|it| it.parcel.as_ref().map(|parcel| &parcel.sscc) != sscc);
        }
        Event::ShipmentDelayed(event) if is_it(&event.shipment_id) => {
            shipment.expected_on.clone_from(&event.expected_on);
            shipment.delay_reason = Some(event.reason);
            shipment.documents.extend_from_slice(&event.documents);
        }
        Event::DeliveryAttempted(event) if is_it(&event.shipment_id) => {
            shipment.delivery_attempts = shipment.delivery_attempts.saturating_add(1);
            shipment.expected_on.clone_from(&event.expected_on);
            shipment.state = ShipmentState::DeliveryAttempted.into();
            shipment.documents.extend_from_slice(&event.documents);
        }
        Event::ShipmentDiverted(event) if is_it(&event.shipment_id) => diverted(shipment, event),
        Event::ShipmentSplit(event) if is_it(&event.shipment_id) => split(shipment, event),
        Event::ShipmentTitleTransferred(event) if is_it(&event.shipment_id) => {
            title::passed(shipment, event);
        }
        Event::ShipmentArrived(event) if is_it(&event.shipment_id) => {
            parcel::look_at(shipment, &event.seals);
            shipment.state = ShipmentState::Arrived.into();
            shipment.documents.extend_from_slice(&event.documents);
        }
        Event::ShipmentLossReported(event) if is_it(&event.shipment_id) => lost(shipment, event),
        Event::CustodyHandedOver(event) if is_it(&event.shipment_id) => {
            custody::handed_over(shipment, event);
        }
        Event::CustodyRefused(event) if is_it(&event.shipment_id) => {
            shipment.refusals = shipment.refusals.saturating_add(1);
            shipment.documents.extend_from_slice(&event.documents);
        }
        Event::ShipmentLoaded(event) => {
            let load = event.load.as_ref();
            if load.is_some_and(|load| is_it(&load.shipment_id)) {
                shipment.trip_id.clone_from(&event.trip_id);
            }
        }
        Event::ShipmentUnloaded(event) if is_it(&event.shipment_id) => shipment.trip_id.clear(),
        Event::TripCancelled(event) if event.shipment_ids.iter().any(|id| is_it(id)) => {
            shipment.trip_id.clear();
        }
        Event::DiscrepancyAnswered(event) if is_it(&event.shipment_id) => answered(shipment, event),
        _ => {}
    }
}

/// What it was to fulfil, it no longer does.
fn diverted(shipment: &mut Shipment, event: &ShipmentDiverted) {
    let parcels = shipment.parcels.iter_mut();
    let packed = parcels
        .filter_map(|it| it.parcel.as_mut())
        .flat_map(|it| it.contents.iter_mut());
    let lots = shipment.lots.iter_mut();
    let of_lots = lots.filter_map(|lot| lot.shipment_units.as_mut());
    for of_line in of_lots.chain(packed) {
        of_line.request_id.clear();
        of_line.request_line = 0;
    }
    shipment
        .diverted_from_ids
        .push(std::mem::take(&mut shipment.destination_id));
    shipment
        .destination_id
        .clone_from(&event.new_destination_id);
    shipment.expected_on.clone_from(&event.expected_on);
    shipment.state = ShipmentState::Diverted.into();
    shipment.documents.extend_from_slice(&event.documents);
}

/// What goes on by itself is no longer a part of it. Its lots stay, if need be with nothing in them.
fn split(shipment: &mut Shipment, event: &ShipmentSplit) {
    for gone in &event.units {
        let (Some(lot), Some(gone)) = (lot_of(shipment, gone), &gone.units) else {
            continue;
        };
        lot.in_transit -= gone.quantity;
        remove(&mut lot.serial_numbers_in_transit, &gone.serial_numbers);
        if let Some(units) = lot
            .shipment_units
            .as_mut()
            .and_then(|of_line| of_line.units.as_mut())
        {
            units.quantity -= gone.quantity;
            remove(&mut units.serial_numbers, &gone.serial_numbers);
        }
    }
    let gone: Vec<&str> = event.parcels.iter().filter_map(parcel::sscc).collect();
    shipment
        .parcels
        .retain(|it| parcel::sscc(it).is_none_or(|sscc| !gone.contains(&sscc)));
    shipment.split_into_ids.push(event.new_shipment_id.clone());
    shipment.documents.extend_from_slice(&event.documents);
    if shipment.state() == ShipmentState::PartlyReceived
        && shipment.lots.iter().all(|lot| lot.in_transit == 0)
    {
        shipment.state = closed_state(shipment).into();
    }
}

/// A shipment that begins as a part of another one.
pub(super) fn split_off(shipment: &mut Shipment, event: &ShipmentSplit) {
    let lots = event.units.iter().map(|units| ShipmentLot {
        in_transit: units.units.as_ref().map_or(0, |units| units.quantity),
        serial_numbers_in_transit: units
            .units
            .as_ref()
            .map(|units| units.serial_numbers.clone())
            .unwrap_or_default(),
        shipment_units: Some(units.clone()),
        ..ShipmentLot::default()
    });
    let leg = event.leg.clone().unwrap_or_default();
    *shipment = Shipment {
        shipment_id: event.new_shipment_id.clone(),
        origin_id: event.origin_id.clone(),
        destination_id: event.destination_id.clone(),
        lines: event.lines.clone(),
        lots: lots.collect(),
        state: ShipmentState::Dispatched.into(),
        custodian_id: leg.custodian_id.clone(),
        sender_id: event.sender_id.clone(),
        expected_on: event.expected_on.clone(),
        parcels: event.parcels.clone(),
        legs: vec![leg],
        split_from_id: event.shipment_id.clone(),
        ..Shipment::default()
    };
}

fn lost(shipment: &mut Shipment, event: &ShipmentLossReported) {
    for units in &event.units {
        miss(shipment, units, &event.liable_id);
        report(shipment, event, units);
    }
    shipment.discrepancy = true;
    shipment.documents.extend_from_slice(&event.documents);
    close_if_received(shipment);
}

/// Keeps how units were lost, and who answers for them.
fn report(shipment: &mut Shipment, event: &ShipmentLossReported, lost: &ShipmentUnits) {
    let is_known = |it: &&mut ReportedLoss| {
        let is_same = it.units.as_ref().is_some_and(|units| is_same(units, lost));
        is_same && it.cause == event.cause && it.liable_id == event.liable_id
    };
    let known = shipment.reported_losses.iter_mut().find(is_known);
    let known = known.and_then(|it| it.units.as_mut()?.units.as_mut());
    match (known, &lost.units) {
        (Some(known), Some(units)) => {
            known.quantity = known.quantity.saturating_add(units.quantity);
            known
                .serial_numbers
                .extend_from_slice(&units.serial_numbers);
        }
        _ => shipment.reported_losses.push(ReportedLoss {
            units: Some(lost.clone()),
            cause: event.cause,
            liable_id: event.liable_id.clone(),
        }),
    }
}

/// A shipment of which the rest is missing, after something of it was received, is on its way no longer.
pub(super) fn close_if_received(shipment: &mut Shipment) {
    if shipment.state() == ShipmentState::PartlyReceived
        && shipment.lots.iter().all(|lot| lot.in_transit == 0)
    {
        shipment.state = closed_state(shipment).into();
    }
}

/// Notes what was not as announced, so that its sender can answer.
pub(super) fn note(shipment: &mut Shipment, found: &ReceivedUnits, answer_due_on: &str) {
    let known = shipment.discrepancies.len();
    if found.outcome() == ReceiptOutcome::Good || known >= limits::DISCREPANCIES {
        return;
    }
    let mut found = found.clone();
    if found.outcome() == ReceiptOutcome::Missing && found.liable_id.is_empty() {
        found.liable_id.clone_from(&shipment.custodian_id);
    }
    let last = shipment.discrepancies.last().map_or(0, |it| it.number);
    shipment.discrepancies.push(Discrepancy {
        number: last.saturating_add(1),
        found: Some(found),
        state: DiscrepancyState::Open.into(),
        answer_due_on: answer_due_on.to_owned(),
        dispute_reason: None,
    });
}

/// A finding that never was is forgotten. Returns who would have answered for it.
pub(super) fn unnote(shipment: &mut Shipment, found: &ReceivedUnits) -> String {
    let mut noted = found.clone();
    if found.outcome() == ReceiptOutcome::Missing && found.liable_id.is_empty() {
        noted.liable_id.clone_from(&shipment.custodian_id);
    }
    let liable_id = noted.liable_id.clone();
    let mut known = shipment.discrepancies.iter();
    if let Some(index) = known.rposition(|it| it.found.as_ref() == Some(&noted)) {
        shipment.discrepancies.remove(index);
    }
    liable_id
}

/// Where a shipment stands of which everything is on its way.
pub(super) fn travelling_state(shipment: &Shipment) -> ShipmentState {
    if !shipment.diverted_from_ids.is_empty() {
        ShipmentState::Diverted
    } else if shipment.legs.len() > 1 {
        ShipmentState::HandedOver
    } else {
        ShipmentState::Dispatched
    }
}

/// Nothing of these units is missing any more.
pub(super) fn settle_missing(shipment: &mut Shipment, units: &ShipmentUnits) {
    for discrepancy in missing_of(shipment, units) {
        discrepancy.state = DiscrepancyState::Settled.into();
    }
}

/// What had settled it did not happen: these units are missing after all.
pub(super) fn reopen_missing(shipment: &mut Shipment, units: &ShipmentUnits) {
    let settled = |it: &&mut Discrepancy| it.state() == DiscrepancyState::Settled;
    for discrepancy in missing_of(shipment, units).filter(settled) {
        discrepancy.state = DiscrepancyState::Open.into();
    }
}

fn missing_of<'a>(
    shipment: &'a mut Shipment,
    units: &'a ShipmentUnits,
) -> impl Iterator<Item = &'a mut Discrepancy> {
    shipment.discrepancies.iter_mut().filter(|it| {
        it.found.as_ref().is_some_and(|found| {
            let missing = found.shipment_units.as_ref();
            found.outcome() == ReceiptOutcome::Missing
                && missing.is_some_and(|missing| is_same(missing, units))
        })
    })
}

fn answered(shipment: &mut Shipment, event: &DiscrepancyAnswered) {
    for discrepancy in shipment
        .discrepancies
        .iter_mut()
        .filter(|it| event.numbers.contains(&it.number))
    {
        discrepancy.state = match event.answer() {
            DiscrepancyAnswer::Accepted => DiscrepancyState::Accepted,
            DiscrepancyAnswer::Disputed => DiscrepancyState::Disputed,
            DiscrepancyAnswer::Unspecified => continue,
        }
        .into();
        discrepancy.dispute_reason = event.dispute_reason;
    }
    shipment.documents.extend_from_slice(&event.documents);
}
