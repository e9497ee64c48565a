//! The fold of a stock level: what is there of an item at a facility, lot by lot. How much of a lot is held depends also
//! on what is known of its batch and lot as such, and is stated after each event.

use keruen_proto::{
    Event, EventType,
    inventory::v1::{
        AdjustmentReason, BatchDataCorrected, BatchExpiryShortened, BatchHeld, BatchReleased,
        DonationReceived, KitsAssembled, KitsBroken, LotChange, LotRecallLifted, LotRecalled,
        MovementVoided, ReceiptCorrected, ReceiptOutcome, Reservation, StockAdjusted, StockChange,
        StockConsumed, StockDiscrepancyFound, StockDisposed, StockEntered, StockHeld, StockLevel,
        StockLot, StockReleased, StockReturned, StockUnits, TitleTransferred, VoidedMovement,
    },
    shipments::v1::{
        AllocationReleased, ShipmentAllocated, ShipmentCancelled, ShipmentDispatchVoided,
        ShipmentDispatched, ShipmentReceiptVoided, ShipmentReceived, ShipmentTitleTransferred,
        ShipmentUnits,
    },
};

use super::title::pass;
use crate::{books::Fold, boundary::Boundary, kit};

impl Fold for StockLevel {
    const EVENT_TYPES: &'static [&'static str] = &[
        DonationReceived::TYPE,
        StockAdjusted::TYPE,
        StockConsumed::TYPE,
        StockDisposed::TYPE,
        ShipmentAllocated::TYPE,
        AllocationReleased::TYPE,
        ShipmentCancelled::TYPE,
        ShipmentDispatched::TYPE,
        ShipmentReceived::TYPE,
        ShipmentDispatchVoided::TYPE,
        ShipmentReceiptVoided::TYPE,
        ShipmentTitleTransferred::TYPE,
        StockHeld::TYPE,
        StockReleased::TYPE,
        TitleTransferred::TYPE,
        ReceiptCorrected::TYPE,
        MovementVoided::TYPE,
        StockDiscrepancyFound::TYPE,
        StockEntered::TYPE,
        StockReturned::TYPE,
        KitsAssembled::TYPE,
        KitsBroken::TYPE,
        // Those say of the item what may not be used.
        BatchHeld::TYPE,
        BatchReleased::TYPE,
        LotRecalled::TYPE,
        LotRecallLifted::TYPE,
        BatchExpiryShortened::TYPE,
        BatchDataCorrected::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Boundary::Stock(facility, item) = boundary else {
            return;
        };
        for (facility_id, units, effect) in effects(event) {
            if facility_id == facility.as_str() && units.item_id == item.as_str() {
                apply(self, units, effect);
            }
        }
    }
}

impl Fold for StockChange {
    const EVENT_TYPES: &'static [&'static str] = StockLevel::EVENT_TYPES;

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Boundary::Since(facility, item, _) = boundary else {
            return;
        };
        let is_correction = matches!(event, Event::StockAdjusted(it) if it.reason() == AdjustmentReason::CountDifference);
        for (facility_id, units, effect) in effects(event) {
            if facility_id == facility.as_str() && units.item_id == item.as_str() {
                count(self, units, effect);
                for lot in &mut self.lots {
                    lot.is_corrected |= is_correction
                        && lot.batch_id == units.batch_id
                        && lot.owner_id == units.owner_id;
                }
            }
        }
    }
}

/// Counts what came or went.
fn count(change: &mut StockChange, units: &StockUnits, effect: Effect<'_>) {
    let came = match effect {
        Effect::Pass { new_owner_id, .. } | Effect::PassClaimed { new_owner_id, .. } => {
            let theirs = StockUnits {
                owner_id: new_owner_id.to_owned(),
                ..units.clone()
            };
            count(change, units, Effect::Leave { held: 0 });
            count(change, &theirs, Effect::Enter { held: false });
            return;
        }
        Effect::PassBack { new_owner_id, .. } => {
            let theirs = StockUnits {
                owner_id: new_owner_id.to_owned(),
                ..units.clone()
            };
            count(change, &theirs, Effect::Leave { held: 0 });
            count(change, units, Effect::Enter { held: false });
            return;
        }
        Effect::Enter { .. } | Effect::Restore { .. } | Effect::ComeBack { .. } => true,
        Effect::Leave { .. } | Effect::Depart { .. } => false,
        Effect::Reserve { .. } | Effect::Release { .. } | Effect::Hold | Effect::Unhold => return,
    };
    let known = change
        .lots
        .iter()
        .position(|lot| lot.batch_id == units.batch_id && lot.owner_id == units.owner_id);
    let index = known.unwrap_or_else(|| {
        change.lots.push(LotChange {
            batch_id: units.batch_id.clone(),
            owner_id: units.owner_id.clone(),
            lot: units.lot.clone(),
            expires_on: units.expires_on.clone(),
            ..LotChange::default()
        });
        change.lots.len() - 1
    });
    let lot = &mut change.lots[index];
    let (to, from) = if came {
        lot.on_hand = lot.on_hand.saturating_add(units.quantity);
        (&mut lot.came, &mut lot.went)
    } else {
        lot.on_hand = lot.on_hand.saturating_sub(units.quantity);
        (&mut lot.went, &mut lot.came)
    };
    let new = units.serial_numbers.iter().filter(|it| !from.contains(it));
    to.extend(new.cloned().collect::<Vec<_>>());
    remove(from, &units.serial_numbers);
}

/// What an event does to the lot that its units belong to.
#[derive(Clone, Copy)]
enum Effect<'a> {
    /// They came, and are held or not.
    Enter { held: bool },
    /// They went; so many of them had been held.
    Leave { held: i64 },
    /// A shipment claimed them.
    Reserve { shipment_id: &'a str },
    /// A shipment gave up its claim.
    Release { shipment_id: &'a str },
    /// They are held by themselves from now on.
    Hold,
    /// They no longer are.
    Unhold,
    /// They passed to another owner; so many of them are held by themselves.
    Pass { new_owner_id: &'a str, held: i64 },
    /// They passed to another owner; the shipment that had claimed them still does.
    PassClaimed {
        new_owner_id: &'a str,
        shipment_id: &'a str,
    },
    /// They did not pass to that owner; so many of them are held by themselves.
    PassBack { new_owner_id: &'a str, held: i64 },
    /// They had not gone; so many of them are held by themselves.
    Restore { held: i64 },
    /// They left in the shipment that had claimed them.
    Depart { shipment_id: &'a str },
    /// They had not left in the shipment, which claims them as before.
    ComeBack { shipment_id: &'a str },
}

fn effects(event: &Event) -> Vec<(&str, &StockUnits, Effect<'_>)> {
    match event {
        Event::DonationReceived(event) => event
            .lines
            .iter()
            .filter_map(|line| {
                Some((
                    &*event.facility_id,
                    line.units.as_ref()?,
                    enter(line.outcome())?,
                ))
            })
            .collect(),
        Event::StockAdjusted(event) => {
            let effect = if event.decrease {
                Effect::Leave {
                    held: event.held_quantity,
                }
            } else {
                Effect::Enter { held: false }
            };
            event
                .units
                .iter()
                .map(|units| (&*event.facility_id, units, effect))
                .collect()
        }
        Event::StockConsumed(event) => event
            .units
            .iter()
            .enumerate()
            .map(|(index, units)| {
                let held = event
                    .particulars
                    .get(index)
                    .map_or(0, |it| it.held_quantity);
                (&*event.facility_id, units, Effect::Leave { held })
            })
            .collect(),
        Event::StockDisposed(event) => event
            .units
            .iter()
            .map(|units| {
                (
                    &*event.facility_id,
                    units,
                    Effect::Leave {
                        held: event.held_quantity,
                    },
                )
            })
            .collect(),
        Event::TitleTransferred(event) => {
            let effect = Effect::Pass {
                new_owner_id: &event.new_owner_id,
                held: event.held_quantity,
            };
            at(&event.facility_id, event.units.as_ref(), effect)
        }
        Event::StockEntered(event) => event
            .lines
            .iter()
            .filter_map(|line| {
                let effect = Effect::Enter { held: line.held };
                Some((&*event.facility_id, line.units.as_ref()?, effect))
            })
            .collect(),
        Event::StockReturned(event) => {
            let held = event.held_quantity;
            at(
                &event.facility_id,
                event.units.as_ref(),
                Effect::Leave { held },
            )
        }
        Event::StockHeld(event) => at(&event.facility_id, event.units.as_ref(), Effect::Hold),
        Event::StockReleased(event) => at(&event.facility_id, event.units.as_ref(), Effect::Unhold),
        Event::ReceiptCorrected(event) => {
            let effect = if event.decrease {
                Effect::Leave {
                    held: event.held_quantity,
                }
            } else {
                enter(event.outcome()).unwrap_or(Effect::Enter { held: false })
            };
            at(&event.facility_id, event.units.as_ref(), effect)
        }
        Event::StockDiscrepancyFound(event) => {
            let effect = Effect::Enter { held: false };
            at(&event.facility_id, event.units.as_ref(), effect)
        }
        Event::MovementVoided(event) => voided(event),
        Event::KitsAssembled(_) | Event::KitsBroken(_) => effects_of_kits(event),
        _ => effects_of_shipments(event),
    }
}

/// Components become kits, or kits components again.
fn effects_of_kits(event: &Event) -> Vec<(&str, &StockUnits, Effect<'_>)> {
    let mut effects = Vec::new();
    match event {
        Event::KitsAssembled(event) => {
            let leave = Effect::Leave { held: 0 };
            for units in &event.components {
                effects.push((&*event.facility_id, units, leave));
            }
            let enter = Effect::Enter { held: false };
            effects.extend(at(&event.facility_id, event.kits.as_ref(), enter));
        }
        Event::KitsBroken(event) => {
            let held = event.held_quantity;
            effects.extend(at(
                &event.facility_id,
                event.kits.as_ref(),
                Effect::Leave { held },
            ));
            for units in &event.components {
                let held = kit::held_components(event, units);
                effects.push((&*event.facility_id, units, Effect::Restore { held }));
            }
        }
        _ => {}
    }
    effects
}

/// What did not happen is undone.
fn voided(event: &MovementVoided) -> Vec<(&str, &StockUnits, Effect<'_>)> {
    let effect = |held| match event.movement() {
        VoidedMovement::Increase | VoidedMovement::Discrepancy => Effect::Leave { held },
        VoidedMovement::TitleTransfer => Effect::PassBack {
            new_owner_id: &event.new_owner_id,
            held,
        },
        _ => Effect::Restore { held },
    };
    let units = event.units.iter().enumerate();
    units
        .map(|(index, units)| {
            let held = event.held_quantities.get(index);
            let held = held.copied().unwrap_or(event.held_quantity);
            (&*event.facility_id, units, effect(held))
        })
        .collect()
}

fn effects_of_shipments(event: &Event) -> Vec<(&str, &StockUnits, Effect<'_>)> {
    match event {
        Event::ShipmentAllocated(event) => at_origin(
            &event.origin_id,
            &event.units,
            Effect::Reserve {
                shipment_id: &event.shipment_id,
            },
        ),
        Event::AllocationReleased(event) => at_origin(
            &event.origin_id,
            &event.units,
            Effect::Release {
                shipment_id: &event.shipment_id,
            },
        ),
        Event::ShipmentCancelled(event) => at_origin(
            &event.origin_id,
            &event.units,
            Effect::Release {
                shipment_id: &event.shipment_id,
            },
        ),
        Event::ShipmentDispatched(event) => at_origin(
            &event.origin_id,
            &event.units,
            Effect::Depart {
                shipment_id: &event.shipment_id,
            },
        ),
        Event::ShipmentReceived(event) => event
            .units
            .iter()
            .filter_map(|found| {
                let units = found.shipment_units.as_ref()?.units.as_ref()?;
                Some((&*event.destination_id, units, enter(found.outcome())?))
            })
            .collect(),
        Event::ShipmentTitleTransferred(event) if !event.is_under_way => at_origin(
            &event.origin_id,
            &event.units,
            Effect::PassClaimed {
                new_owner_id: &event.new_owner_id,
                shipment_id: &event.shipment_id,
            },
        ),
        Event::ShipmentDispatchVoided(event) => at_origin(
            &event.origin_id,
            &event.units,
            Effect::ComeBack {
                shipment_id: &event.shipment_id,
            },
        ),
        Event::ShipmentReceiptVoided(event) => event
            .units
            .iter()
            .enumerate()
            .filter(|(_, found)| found.outcome() != ReceiptOutcome::Missing)
            .filter_map(|(index, found)| {
                let units = found.shipment_units.as_ref()?.units.as_ref()?;
                let held = event.held_quantities.get(index).copied().unwrap_or(0);
                Some((&*event.destination_id, units, Effect::Leave { held }))
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// What becomes of units that were found, or not, on receipt.
fn enter<'a>(outcome: ReceiptOutcome) -> Option<Effect<'a>> {
    match outcome {
        ReceiptOutcome::Missing => None,
        ReceiptOutcome::Good => Some(Effect::Enter { held: false }),
        _ => Some(Effect::Enter { held: true }),
    }
}

fn at<'a>(
    facility_id: &'a str,
    units: Option<&'a StockUnits>,
    effect: Effect<'a>,
) -> Vec<(&'a str, &'a StockUnits, Effect<'a>)> {
    let units = units.into_iter();
    units.map(|units| (facility_id, units, effect)).collect()
}

fn at_origin<'a>(
    facility_id: &'a str,
    units: &'a [ShipmentUnits],
    effect: Effect<'a>,
) -> Vec<(&'a str, &'a StockUnits, Effect<'a>)> {
    units
        .iter()
        .filter_map(|units| Some((facility_id, units.units.as_ref()?, effect)))
        .collect()
}

fn apply(level: &mut StockLevel, units: &StockUnits, effect: Effect<'_>) {
    match effect {
        Effect::Pass { new_owner_id, held } => pass(level, units, held, new_owner_id),
        Effect::PassClaimed {
            new_owner_id,
            shipment_id,
        } => {
            release(lot_of(level, units), shipment_id, units);
            pass(level, units, 0, new_owner_id);
            let theirs = StockUnits {
                owner_id: new_owner_id.to_owned(),
                ..units.clone()
            };
            reserve(lot_of(level, &theirs), shipment_id, &theirs);
        }
        Effect::PassBack { new_owner_id, held } => {
            let theirs = StockUnits {
                owner_id: new_owner_id.to_owned(),
                ..units.clone()
            };
            pass(level, &theirs, held, &units.owner_id);
        }
        effect => apply_to_lot(lot_of(level, units), units, effect),
    }
    level.lots.retain(|lot| lot.on_hand != 0);
}

fn apply_to_lot(lot: &mut StockLot, units: &StockUnits, effect: Effect<'_>) {
    let quantity = units.quantity;
    match effect {
        Effect::Enter { held } => {
            lot.on_hand = lot.on_hand.saturating_add(quantity);
            lot.serial_numbers.extend_from_slice(&units.serial_numbers);
            if held {
                lot.held_here = lot.held_here.saturating_add(quantity);
                lot.serial_numbers_held_here
                    .extend_from_slice(&units.serial_numbers);
            }
        }
        Effect::Leave { held } => {
            lot.on_hand -= quantity;
            lot.held_here -= held;
            remove(&mut lot.serial_numbers, &units.serial_numbers);
            remove(&mut lot.serial_numbers_held_here, &units.serial_numbers);
        }
        Effect::Hold => {
            lot.held_here = lot.held_here.saturating_add(quantity);
            lot.serial_numbers_held_here
                .extend_from_slice(&units.serial_numbers);
        }
        Effect::Unhold => {
            lot.held_here -= quantity;
            remove(&mut lot.serial_numbers_held_here, &units.serial_numbers);
        }
        Effect::Restore { held } => {
            lot.on_hand = lot.on_hand.saturating_add(quantity);
            lot.held_here = lot.held_here.saturating_add(held);
            lot.serial_numbers.extend_from_slice(&units.serial_numbers);
            if held > 0 {
                lot.serial_numbers_held_here
                    .extend_from_slice(&units.serial_numbers);
            }
        }
        Effect::Pass { .. } | Effect::PassBack { .. } | Effect::PassClaimed { .. } => {}
        Effect::Reserve { shipment_id } => reserve(lot, shipment_id, units),
        Effect::Release { shipment_id } => release(lot, shipment_id, units),
        Effect::Depart { shipment_id } => {
            release(lot, shipment_id, units);
            lot.on_hand -= quantity;
            remove(&mut lot.serial_numbers, &units.serial_numbers);
        }
        Effect::ComeBack { shipment_id } => {
            lot.on_hand = lot.on_hand.saturating_add(quantity);
            lot.serial_numbers.extend_from_slice(&units.serial_numbers);
            reserve(lot, shipment_id, units);
        }
    }
}

/// The lot of the units; a new one at the end where there is none.
pub(crate) fn lot_of<'a>(level: &'a mut StockLevel, units: &StockUnits) -> &'a mut StockLot {
    let known = level
        .lots
        .iter()
        .position(|lot| lot.batch_id == units.batch_id && lot.owner_id == units.owner_id);
    let index = known.unwrap_or_else(|| {
        level.lots.push(StockLot {
            batch_id: units.batch_id.clone(),
            donation_id: units.donation_id.clone(),
            owner_id: units.owner_id.clone(),
            lot: units.lot.clone(),
            expires_on: units.expires_on.clone(),
            ..StockLot::default()
        });
        level.lots.len() - 1
    });
    &mut level.lots[index]
}

/// Counts units of a lot as claimed by a shipment.
pub(crate) fn reserve(lot: &mut StockLot, shipment_id: &str, units: &StockUnits) {
    lot.reserved = lot.reserved.saturating_add(units.quantity);
    if let Some(claim) = lot
        .reservations
        .iter_mut()
        .find(|claim| claim.shipment_id == shipment_id)
    {
        claim.quantity = claim.quantity.saturating_add(units.quantity);
        claim
            .serial_numbers
            .extend_from_slice(&units.serial_numbers);
    } else {
        lot.reservations.push(Reservation {
            shipment_id: shipment_id.to_owned(),
            quantity: units.quantity,
            serial_numbers: units.serial_numbers.clone(),
        });
    }
}

fn release(lot: &mut StockLot, shipment_id: &str, units: &StockUnits) {
    lot.reserved -= units.quantity;
    for claim in lot
        .reservations
        .iter_mut()
        .filter(|claim| claim.shipment_id == shipment_id)
    {
        claim.quantity -= units.quantity;
        remove(&mut claim.serial_numbers, &units.serial_numbers);
    }
    lot.reservations.retain(|claim| claim.quantity != 0);
}

/// Takes serial numbers out of a list.
pub(crate) fn remove(serial_numbers: &mut Vec<String>, gone: &[String]) {
    if !gone.is_empty() {
        serial_numbers.retain(|serial_number| !gone.contains(serial_number));
    }
}
