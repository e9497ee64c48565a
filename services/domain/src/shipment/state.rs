//! The fold of a shipment.

use keruen_proto::{
    Event, EventType,
    inventory::v1::{ReceiptOutcome, StockUnits},
    registry::v1::DocumentRef,
    shipments::v1::{
        AllocationReleased, CustodyHandedOver, CustodyLeg, CustodyRefused, DeliveryAttempted,
        DiscrepancyAnswered, LossActAccepted, LossActVoided, MissingUnits, ParcelPacked,
        ParcelUnpacked, ReceivedUnits, Shipment, ShipmentAllocated, ShipmentArrived,
        ShipmentCancelled, ShipmentDelayed, ShipmentDispatchVoided, ShipmentDispatched,
        ShipmentDiverted, ShipmentLoaded, ShipmentLossReported, ShipmentLot, ShipmentReceiptVoided,
        ShipmentReceived, ShipmentRequested, ShipmentSplit, ShipmentState,
        ShipmentTitleTransferred, ShipmentUnits, ShipmentUnloaded, TripCancelled,
    },
};

use super::{parcel, way};
use crate::{books::Fold, boundary::Boundary, stock::level::remove};

impl Fold for Shipment {
    const EVENT_TYPES: &'static [&'static str] = &[
        ShipmentRequested::TYPE,
        ShipmentAllocated::TYPE,
        AllocationReleased::TYPE,
        ShipmentCancelled::TYPE,
        ShipmentDispatched::TYPE,
        ShipmentReceived::TYPE,
        LossActAccepted::TYPE,
        ParcelPacked::TYPE,
        ParcelUnpacked::TYPE,
        ShipmentDelayed::TYPE,
        DeliveryAttempted::TYPE,
        ShipmentDiverted::TYPE,
        ShipmentSplit::TYPE,
        ShipmentTitleTransferred::TYPE,
        ShipmentArrived::TYPE,
        ShipmentLossReported::TYPE,
        DiscrepancyAnswered::TYPE,
        CustodyHandedOver::TYPE,
        CustodyRefused::TYPE,
        ShipmentLoaded::TYPE,
        ShipmentUnloaded::TYPE,
        TripCancelled::TYPE,
        ShipmentDispatchVoided::TYPE,
        ShipmentReceiptVoided::TYPE,
        LossActVoided::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Boundary::Shipment(id) = boundary else {
            return;
        };
        let is_it = |shipment_id: &str| shipment_id == id.as_str();
        match event {
            Event::ShipmentRequested(event) if is_it(&event.shipment_id) => requested(self, event),
            Event::ShipmentAllocated(event) if is_it(&event.shipment_id) => {
                for units in &event.units {
                    claim(self, units);
                }
                self.state = claimed_state(self).into();
            }
            Event::AllocationReleased(event) if is_it(&event.shipment_id) => {
                for units in &event.units {
                    give_up(self, units);
                }
                parcel::drop_incomplete(self);
                self.state = claimed_state(self).into();
            }
            Event::ShipmentCancelled(event) if is_it(&event.shipment_id) => {
                self.lots.clear();
                self.parcels.clear();
                self.state = ShipmentState::Cancelled.into();
                self.cancellation_reason = event.reason;
            }
            Event::ShipmentDispatched(event) if is_it(&event.shipment_id) => {
                dispatched(self, event);
            }
            Event::ShipmentReceived(event) if is_it(&event.shipment_id) => received(self, event),
            Event::LossActAccepted(event) if is_it(&event.shipment_id) => settled(self, event),
            Event::ShipmentDispatchVoided(event) if is_it(&event.shipment_id) => {
                never_dispatched(self);
                withdraw(self, &event.withdrawn_documents);
            }
            Event::ShipmentReceiptVoided(event) if is_it(&event.shipment_id) => {
                never_received(self, event);
                withdraw(self, &event.withdrawn_documents);
            }
            Event::LossActVoided(event) if is_it(&event.shipment_id) => {
                never_settled(self, event);
                withdraw(self, &event.withdrawn_documents);
            }
            Event::ShipmentSplit(event) if is_it(&event.new_shipment_id) => {
                way::split_off(self, event);
            }
            _ => way::evolve(self, event, is_it),
        }
    }
}

fn requested(shipment: &mut Shipment, event: &ShipmentRequested) {
    *shipment = Shipment {
        shipment_id: event.shipment_id.clone(),
        origin_id: event.origin_id.clone(),
        destination_id: event.destination_id.clone(),
        lines: event.lines.clone(),
        state: ShipmentState::Requested.into(),
        ..Shipment::default()
    };
}

fn claim(shipment: &mut Shipment, claimed: &ShipmentUnits) {
    let known =
        lot_of(shipment, claimed).and_then(|lot| lot.shipment_units.as_mut()?.units.as_mut());
    match (known, &claimed.units) {
        (Some(units), Some(more)) => {
            units.quantity = units.quantity.saturating_add(more.quantity);
            units.serial_numbers.extend_from_slice(&more.serial_numbers);
        }
        _ => shipment.lots.push(ShipmentLot {
            shipment_units: Some(claimed.clone()),
            ..ShipmentLot::default()
        }),
    }
}

fn give_up(shipment: &mut Shipment, released: &ShipmentUnits) {
    let known =
        lot_of(shipment, released).and_then(|lot| lot.shipment_units.as_mut()?.units.as_mut());
    if let (Some(units), Some(fewer)) = (known, &released.units) {
        units.quantity -= fewer.quantity;
        remove(&mut units.serial_numbers, &fewer.serial_numbers);
    }
    shipment.lots.retain(|lot| quantity(lot) != 0);
}

/// Whether everything that is to be sent has been claimed.
fn claimed_state(shipment: &Shipment) -> ShipmentState {
    let complete = shipment
        .lines
        .iter()
        .all(|line| claimed_for(shipment, line.line) >= line.quantity);
    if complete {
        ShipmentState::Allocated
    } else {
        ShipmentState::Requested
    }
}

/// Units claimed, or sent, for a line.
pub(crate) fn claimed_for(shipment: &Shipment, line: i32) -> i64 {
    shipment
        .lots
        .iter()
        .filter(|lot| {
            lot.shipment_units
                .as_ref()
                .is_some_and(|units| units.line == line)
        })
        .map(quantity)
        .fold(0, i64::saturating_add)
}

/// Units of a lot as claimed, or sent.
pub(crate) fn quantity(lot: &ShipmentLot) -> i64 {
    lot.shipment_units
        .as_ref()
        .and_then(|units| units.units.as_ref())
        .map_or(0, |units| units.quantity)
}

fn dispatched(shipment: &mut Shipment, event: &ShipmentDispatched) {
    shipment.lots = event
        .units
        .iter()
        .map(|units| ShipmentLot {
            in_transit: units.units.as_ref().map_or(0, |units| units.quantity),
            serial_numbers_in_transit: units
                .units
                .as_ref()
                .map(|units| units.serial_numbers.clone())
                .unwrap_or_default(),
            shipment_units: Some(units.clone()),
            ..ShipmentLot::default()
        })
        .collect();
    shipment.state = ShipmentState::Dispatched.into();
    shipment.custodian_id.clone_from(&event.custodian_id);
    shipment.sender_id.clone_from(&event.sender_id);
    parcel::leave(shipment, event);
    shipment.legs.push(CustodyLeg {
        custodian_id: event.custodian_id.clone(),
        signed_by_ref: event.signed_by_ref.clone(),
        basis: event.basis,
        agreement_id: event.agreement_id.clone(),
        agreement_override: event.agreement_override.clone(),
        facility_id: event.origin_id.clone(),
    });
    shipment.expected_on.clone_from(&event.expected_on);
    shipment.documents.extend_from_slice(&event.documents);
}

fn received(shipment: &mut Shipment, event: &ShipmentReceived) {
    parcel::look_at(shipment, &event.seals);
    for found in &event.units {
        way::note(shipment, found, &event.answer_due_on);
        find(shipment, found);
    }
    shipment.discrepancy |= event
        .units
        .iter()
        .any(|found| found.outcome() != ReceiptOutcome::Good);
    shipment.documents.extend_from_slice(&event.documents);
    let under_way = shipment.lots.iter().any(|lot| lot.in_transit > 0);
    shipment.state = if under_way {
        ShipmentState::PartlyReceived
    } else {
        closed_state(shipment)
    }
    .into();
}

/// Where a shipment stands of which nothing is on its way any more, since all of it was received or is missing.
pub(super) fn closed_state(shipment: &Shipment) -> ShipmentState {
    if shipment.destination_id == shipment.origin_id {
        ShipmentState::Returned
    } else if shipment.discrepancy {
        ShipmentState::ReceivedWithDiscrepancy
    } else {
        ShipmentState::Received
    }
}

/// Books what was found of a lot. Units that are there come off those on their way first, then off those that had been
/// missing; assets by their serial numbers.
fn find(shipment: &mut Shipment, found: &ReceivedUnits) {
    let outcome = found.outcome();
    let Some(shipment_units) = &found.shipment_units else {
        return;
    };
    let Some(units) = &shipment_units.units else {
        return;
    };
    if crate::batch::is_new(outcome) {
        return;
    }
    if outcome == ReceiptOutcome::Missing {
        miss(shipment, shipment_units, &found.liable_id);
        return;
    }
    let Some(lot) = lot_of(shipment, shipment_units) else {
        return;
    };
    let turned_up = if units.serial_numbers.is_empty() {
        (units.quantity - lot.in_transit).max(0)
    } else {
        let was_missing = units
            .serial_numbers
            .iter()
            .filter(|number| lot.missing_serial_numbers.contains(number));
        i64::try_from(was_missing.count()).unwrap_or(i64::MAX)
    };
    lot.missing -= turned_up;
    acquit(lot, turned_up, &units.serial_numbers, None);
    lot.in_transit -= units.quantity - turned_up;
    remove(&mut lot.serial_numbers_in_transit, &units.serial_numbers);
    remove(&mut lot.missing_serial_numbers, &units.serial_numbers);
    let received = if outcome == ReceiptOutcome::Good {
        &mut lot.received_good
    } else {
        &mut lot.received_unusable
    };
    *received = received.saturating_add(units.quantity);
    if turned_up > 0 && lot.missing == 0 {
        way::settle_missing(shipment, shipment_units);
    }
}

/// Books units as missing, of which somebody answers; where nobody is named, the custodian.
pub(super) fn miss(shipment: &mut Shipment, missing: &ShipmentUnits, liable_id: &str) {
    let liable_id = if liable_id.is_empty() {
        shipment.custodian_id.clone()
    } else {
        liable_id.to_owned()
    };
    let (Some(units), Some(lot)) = (&missing.units, lot_of(shipment, missing)) else {
        return;
    };
    lot.in_transit -= units.quantity;
    lot.missing = lot.missing.saturating_add(units.quantity);
    lot.missing_serial_numbers
        .extend_from_slice(&units.serial_numbers);
    answer_for(&mut lot.missing_by_liable, liable_id, units);
}

/// Adds units to those of which an organisation answers.
fn answer_for(shares: &mut Vec<MissingUnits>, liable_id: String, units: &StockUnits) {
    if let Some(theirs) = shares.iter_mut().find(|it| it.liable_id == liable_id) {
        theirs.quantity = theirs.quantity.saturating_add(units.quantity);
        theirs
            .serial_numbers
            .extend_from_slice(&units.serial_numbers);
    } else {
        shares.push(MissingUnits {
            liable_id,
            quantity: units.quantity,
            serial_numbers: units.serial_numbers.clone(),
        });
    }
}

/// Takes units off those that are missing: those that are named; else first those of one organisation, then those that
/// were reported last.
fn acquit(
    lot: &mut ShipmentLot,
    quantity: i64,
    serial_numbers: &[String],
    liable_id: Option<&str>,
) {
    let mut open = quantity;
    let (theirs, others): (Vec<_>, Vec<_>) = lot
        .missing_by_liable
        .iter_mut()
        .rev()
        .partition(|it| Some(it.liable_id.as_str()) == liable_id);
    for share in theirs.into_iter().chain(others) {
        let named = share
            .serial_numbers
            .iter()
            .filter(|number| serial_numbers.contains(number));
        let taken = if share.serial_numbers.is_empty() {
            share.quantity.min(open)
        } else {
            i64::try_from(named.count()).unwrap_or(i64::MAX)
        };
        open -= taken;
        share.quantity -= taken;
        remove(&mut share.serial_numbers, serial_numbers);
    }
    lot.missing_by_liable.retain(|share| share.quantity > 0);
}

fn settled(shipment: &mut Shipment, event: &LossActAccepted) {
    for lost in &event.units {
        let (Some(lot), Some(units)) = (lot_of(shipment, lost), &lost.units) else {
            continue;
        };
        lot.missing -= units.quantity;
        lot.lost = lot.lost.saturating_add(units.quantity);
        answer_for(&mut lot.lost_by_liable, event.custodian_id.clone(), units);
        remove(&mut lot.serial_numbers_in_transit, &units.serial_numbers);
        remove(&mut lot.missing_serial_numbers, &units.serial_numbers);
        acquit(
            lot,
            units.quantity,
            &units.serial_numbers,
            Some(&event.custodian_id),
        );
        if lot.missing == 0 {
            way::settle_missing(shipment, lost);
        }
    }
    shipment.documents.extend(event.act.clone());
    let all_lost = |lot: &ShipmentLot| lot.lost == quantity(lot);
    if shipment.lots.iter().all(all_lost) {
        shipment.state = ShipmentState::Lost.into();
    }
}

/// Takes papers off a shipment, each once: the same one may also have come with something that did happen.
fn withdraw(shipment: &mut Shipment, withdrawn: &[DocumentRef]) {
    for document in withdrawn {
        let last = shipment.documents.iter().rposition(|it| it == document);
        last.map(|index| shipment.documents.remove(index));
    }
}

/// What had been said to leave is claimed, as it was before.
fn never_dispatched(shipment: &mut Shipment) {
    shipment.lots.retain(|lot| quantity(lot) != 0);
    for lot in &mut shipment.lots {
        lot.in_transit = 0;
        lot.serial_numbers_in_transit.clear();
    }
    shipment.custodian_id.clear();
    shipment.sender_id.clear();
    shipment.legs.clear();
    shipment.expected_on.clear();
    shipment.delay_reason = None;
    parcel::stay(shipment);
    shipment.state = claimed_state(shipment).into();
}

/// What had been said to come, or to be missing, is under way.
fn never_received(shipment: &mut Shipment, event: &ShipmentReceiptVoided) {
    for found in &event.units {
        let outcome = found.outcome();
        let liable_id = way::unnote(shipment, found);
        let Some(shipment_units) = &found.shipment_units else {
            continue;
        };
        let (Some(units), false) = (&shipment_units.units, crate::batch::is_new(outcome)) else {
            continue;
        };
        let Some(lot) = lot_of(shipment, shipment_units) else {
            continue;
        };
        let numbers = &units.serial_numbers;
        if outcome == ReceiptOutcome::Missing {
            let still = if numbers.is_empty() {
                units.quantity.min(lot.missing)
            } else {
                let known = |number: &&String| lot.missing_serial_numbers.contains(*number);
                i64::try_from(numbers.iter().filter(known).count()).unwrap_or(i64::MAX)
            };
            lot.missing -= still;
            lot.in_transit = lot.in_transit.saturating_add(still);
            acquit(lot, still, numbers, Some(&liable_id));
            remove(&mut lot.missing_serial_numbers, numbers);
            continue;
        }
        let received = if outcome == ReceiptOutcome::Good {
            &mut lot.received_good
        } else {
            &mut lot.received_unusable
        };
        *received -= units.quantity;
        lot.in_transit = lot.in_transit.saturating_add(units.quantity);
        lot.serial_numbers_in_transit.extend_from_slice(numbers);
    }
    let is_odd = |lot: &ShipmentLot| lot.missing + lot.lost + lot.received_unusable > 0;
    shipment.discrepancy = !shipment.discrepancies.is_empty() || shipment.lots.iter().any(is_odd);
    // What went missing on the way, as at a hand-over, was found by no receipt.
    let was_received = !shipment.discrepancies.is_empty()
        || shipment
            .lots
            .iter()
            .any(|lot| lot.received_good + lot.received_unusable > 0);
    shipment.state = if !was_received {
        way::travelling_state(shipment)
    } else if shipment.lots.iter().any(|lot| lot.in_transit > 0) {
        ShipmentState::PartlyReceived
    } else {
        closed_state(shipment)
    }
    .into();
}

/// What had been settled is missing again.
fn never_settled(shipment: &mut Shipment, event: &LossActVoided) {
    for back in &event.units {
        if let (Some(lot), Some(units)) = (lot_of(shipment, back), &back.units) {
            lot.lost -= units.quantity;
            let theirs = lot.lost_by_liable.iter_mut();
            for share in theirs.filter(|share| share.liable_id == event.custodian_id) {
                share.quantity -= units.quantity;
                remove(&mut share.serial_numbers, &units.serial_numbers);
            }
            lot.lost_by_liable.retain(|share| share.quantity > 0);
            let numbers = &units.serial_numbers;
            lot.serial_numbers_in_transit.extend_from_slice(numbers);
            // As if they had been under way until they were missing again.
            lot.in_transit = lot.in_transit.saturating_add(units.quantity);
            miss(shipment, back, &event.custodian_id);
            way::reopen_missing(shipment, back);
        }
    }
    if shipment.state() == ShipmentState::Lost {
        shipment.state = if shipment.discrepancies.is_empty() {
            way::travelling_state(shipment)
        } else {
            closed_state(shipment)
        }
        .into();
    }
}

/// The lot of a shipment that is of the same line, batch and owner.
pub(super) fn lot_of<'a>(
    shipment: &'a mut Shipment,
    wanted: &ShipmentUnits,
) -> Option<&'a mut ShipmentLot> {
    shipment.lots.iter_mut().find(|lot| {
        lot.shipment_units
            .as_ref()
            .is_some_and(|units| is_same(units, wanted))
    })
}

/// Whether both are of the same line, batch and owner.
pub(crate) fn is_same(one: &ShipmentUnits, other: &ShipmentUnits) -> bool {
    let key = |it: &ShipmentUnits| {
        let units = it.units.as_ref();
        (
            it.line,
            units.map(|units| units.batch_id.clone()),
            units.map(|units| units.owner_id.clone()),
        )
    };
    key(one) == key(other)
}
