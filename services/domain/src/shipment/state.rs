//! The fold of a shipment.

use keruen_proto::{
    Event, EventType,
    inventory::v1::ReceiptOutcome,
    shipments::v1::{
        AllocationReleased, LossActAccepted, LossActVoided, ReceivedUnits, Shipment,
        ShipmentAllocated, ShipmentCancelled, ShipmentDispatchVoided, ShipmentDispatched,
        ShipmentLot, ShipmentReceiptVoided, ShipmentReceived, ShipmentRequested, ShipmentState,
        ShipmentUnits,
    },
};

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
                self.state = claimed_state(self).into();
            }
            Event::ShipmentCancelled(event) if is_it(&event.shipment_id) => {
                self.lots.clear();
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
            }
            Event::ShipmentReceiptVoided(event) if is_it(&event.shipment_id) => {
                never_received(self, event);
            }
            Event::LossActVoided(event) if is_it(&event.shipment_id) => {
                never_settled(self, event);
            }
            _ => {}
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
    shipment.expected_on.clone_from(&event.expected_on);
    shipment.documents.extend_from_slice(&event.documents);
}

fn received(shipment: &mut Shipment, event: &ShipmentReceived) {
    for found in &event.units {
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
    } else if shipment.discrepancy {
        ShipmentState::ReceivedWithDiscrepancy
    } else {
        ShipmentState::Received
    }
    .into();
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
    let Some(lot) = lot_of(shipment, shipment_units) else {
        return;
    };
    if outcome == ReceiptOutcome::Missing {
        lot.in_transit -= units.quantity;
        lot.missing = lot.missing.saturating_add(units.quantity);
        lot.missing_serial_numbers
            .extend_from_slice(&units.serial_numbers);
        return;
    }
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
    lot.in_transit -= units.quantity - turned_up;
    remove(&mut lot.serial_numbers_in_transit, &units.serial_numbers);
    remove(&mut lot.missing_serial_numbers, &units.serial_numbers);
    let received = if outcome == ReceiptOutcome::Good {
        &mut lot.received_good
    } else {
        &mut lot.received_unusable
    };
    *received = received.saturating_add(units.quantity);
}

fn settled(shipment: &mut Shipment, event: &LossActAccepted) {
    for lost in &event.units {
        if let (Some(lot), Some(units)) = (lot_of(shipment, lost), &lost.units) {
            lot.missing -= units.quantity;
            lot.lost = lot.lost.saturating_add(units.quantity);
            remove(&mut lot.serial_numbers_in_transit, &units.serial_numbers);
            remove(&mut lot.missing_serial_numbers, &units.serial_numbers);
        }
    }
    shipment.documents.extend(event.act.clone());
}

/// What had been said to leave is claimed, as it was before.
fn never_dispatched(shipment: &mut Shipment) {
    for lot in &mut shipment.lots {
        lot.in_transit = 0;
        lot.serial_numbers_in_transit.clear();
    }
    shipment.custodian_id.clear();
    shipment.expected_on.clear();
    shipment.state = claimed_state(shipment).into();
}

/// What had been said to come, or to be missing, is under way.
fn never_received(shipment: &mut Shipment, event: &ShipmentReceiptVoided) {
    for found in &event.units {
        let outcome = found.outcome();
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
    let is_untouched = shipment
        .lots
        .iter()
        .all(|lot| lot.in_transit == quantity(lot));
    if is_untouched {
        shipment.discrepancy = false;
        shipment.state = ShipmentState::Dispatched.into();
    } else if shipment.lots.iter().any(|lot| lot.in_transit > 0) {
        shipment.state = ShipmentState::PartlyReceived.into();
    }
}

/// What had been settled is missing again.
fn never_settled(shipment: &mut Shipment, event: &LossActVoided) {
    for back in &event.units {
        if let (Some(lot), Some(units)) = (lot_of(shipment, back), &back.units) {
            lot.lost -= units.quantity;
            lot.missing = lot.missing.saturating_add(units.quantity);
            let numbers = &units.serial_numbers;
            lot.serial_numbers_in_transit.extend_from_slice(numbers);
            lot.missing_serial_numbers.extend_from_slice(numbers);
        }
    }
}

/// The lot of a shipment that is of the same line, batch and owner.
fn lot_of<'a>(shipment: &'a mut Shipment, wanted: &ShipmentUnits) -> Option<&'a mut ShipmentLot> {
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
