//! What an event does to the units of a batch: the one reading of events from which all stock views follow.

use keruen_domain::kit::held_components;
use keruen_proto::{
    Event,
    inventory::v1::{
        DonationReceived, KitsAssembled, KitsBroken, MovementVoided, ReceiptCorrected,
        ReceiptOutcome, StockConsumed, StockUnits, TitleTransferred, VoidedMovement,
    },
    shipments::v1::{
        ReceivedUnits, ShipmentReceiptVoided, ShipmentReceived, ShipmentTitleTransferred,
        ShipmentUnits,
    },
};

/// What happens to units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They enter the books, on hand.
    Entered,
    /// A shipment claims them.
    Claimed,
    /// A shipment gives up its claim.
    Unclaimed,
    /// They leave for another facility; their claim ends.
    Departed,
    /// They arrive.
    Arrived,
    /// They are reported missing on arrival; still in transit.
    Missed,
    /// They are used up.
    Consumed,
    /// They are disposed of.
    Disposed,
    /// They are held by themselves from now on.
    Held,
    /// They no longer are.
    Released,
    /// Their owner gives them up to another one, where they are.
    Ceded(Standing),
    /// Another owner gets them, where they are.
    Acquired(Standing),
    /// The books had more than is there.
    WrittenOff,
    /// A loss act settles missing ones.
    Settled,
    /// They go elsewhere than they left for.
    Diverted,
    /// They go on as, or as a part of, another shipment, or in other hands; or stand at their destination.
    Carried,
    /// They are given back.
    Returned,
    /// They become a part of kits, or are kits that are taken apart.
    Converted,
    /// They were a part of kits that are taken apart.
    Restored,
}

/// How units stand that pass to another owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// On hand, and claimed by nobody.
    Free,
    /// On hand, claimed by a shipment that goes on claiming them.
    Claimed,
    /// On their way in a shipment.
    UnderWay,
}

/// Something that happens to units of one batch and one owner.
#[derive(Clone, Copy, Debug)]
pub struct Movement<'e> {
    /// What happens.
    pub kind: Kind,
    /// Whether it did not happen, as is said now: what was counted for it is taken off again.
    pub undone: bool,
    /// To which units.
    pub units: &'e StockUnits,
    /// To how many of them.
    pub quantity: i64,
    /// Whose they are after it, or were where they are given up.
    pub owner_id: &'e str,
    /// How many of them are held from now on, or were held until now.
    pub held: i64,
    /// Where they were; empty where they entered the books.
    pub from_facility_id: &'e str,
    /// Where, or to where, it happens.
    pub facility_id: &'e str,
    /// Shipment that they are in or claimed by; empty where none.
    pub shipment_id: &'e str,
    /// Shipment off which they are split; empty where they are not.
    pub from_shipment_id: &'e str,
    /// Request that it serves; empty where none.
    pub request_id: &'e str,
    /// What was found, on receipt.
    pub outcome: ReceiptOutcome,
    /// Batch of kits of which they become a part, or cease to be one; empty where none.
    pub kit_batch_id: &'e str,
}

/// All movements of an event, in its order. Units that never were in the books have no batch, and no movement.
pub fn movements(event: &Event) -> Vec<Movement<'_>> {
    let mut movements = match event {
        Event::DonationReceived(event) => donation_received(event),
        Event::StockAdjusted(event) => {
            let kind = if event.decrease {
                Kind::WrittenOff
            } else {
                Kind::Entered
            };
            let held = if event.decrease {
                event.held_quantity
            } else {
                0
            };
            event
                .units
                .iter()
                .map(|units| Movement {
                    held,
                    ..at(kind, units, &event.facility_id)
                })
                .collect()
        }
        Event::StockConsumed(event) => consumed(event),
        Event::StockDisposed(event) => event
            .units
            .iter()
            .map(|units| Movement {
                held: event.held_quantity,
                ..at(Kind::Disposed, units, &event.facility_id)
            })
            .collect(),
        Event::TitleTransferred(event) => passed(event),
        Event::StockReturned(event) => event
            .units
            .iter()
            .map(|units| Movement {
                held: event.held_quantity,
                ..at(Kind::Returned, units, &event.facility_id)
            })
            .collect(),
        Event::StockEntered(event) => event
            .lines
            .iter()
            .filter_map(|line| {
                let units = line.units.as_ref()?;
                Some(Movement {
                    held: if line.held { units.quantity } else { 0 },
                    ..at(Kind::Entered, units, &event.facility_id)
                })
            })
            .collect(),
        Event::StockHeld(event) => held_here(Kind::Held, event.units.as_ref(), &event.facility_id),
        Event::StockReleased(event) => {
            held_here(Kind::Released, event.units.as_ref(), &event.facility_id)
        }
        Event::KitsAssembled(event) => assembled(event),
        Event::KitsBroken(event) => taken_apart(event),
        _ => of_shipment(event),
    };
    movements.retain(|movement| !movement.units.batch_id.is_empty());
    movements
}

/// What happens to units that a shipment has claimed or brings.
fn of_shipment(event: &Event) -> Vec<Movement<'_>> {
    match event {
        Event::ShipmentAllocated(event) => claims(
            Kind::Claimed,
            &event.shipment_id,
            &event.origin_id,
            &event.units,
        ),
        Event::AllocationReleased(event) => claims(
            Kind::Unclaimed,
            &event.shipment_id,
            &event.origin_id,
            &event.units,
        ),
        Event::ShipmentCancelled(event) => claims(
            Kind::Unclaimed,
            &event.shipment_id,
            &event.origin_id,
            &event.units,
        ),
        Event::ShipmentDispatched(event) => travels(
            Kind::Departed,
            &event.shipment_id,
            &event.origin_id,
            &event.destination_id,
            &event.units,
        ),
        Event::LossActAccepted(event) => travels(
            Kind::Settled,
            &event.shipment_id,
            &event.origin_id,
            &event.destination_id,
            &event.units,
        ),
        Event::ShipmentReceived(event) => shipment_received(event),
        Event::ShipmentDiverted(event) => travels(
            Kind::Diverted,
            &event.shipment_id,
            &event.destination_id,
            &event.new_destination_id,
            &event.units,
        ),
        Event::ShipmentSplit(event) => travels(
            Kind::Carried,
            &event.new_shipment_id,
            &event.origin_id,
            &event.destination_id,
            &event.units,
        )
        .into_iter()
        .map(|split| Movement {
            from_shipment_id: &event.shipment_id,
            ..split
        })
        .collect(),
        Event::ShipmentTitleTransferred(event) => passed_in_shipment(event),
        Event::CustodyHandedOver(event) => event
            .missing
            .iter()
            .filter_map(|missing| {
                let shipped = missing.shipment_units.as_ref()?;
                Some(Movement {
                    from_facility_id: &event.origin_id,
                    shipment_id: &event.shipment_id,
                    request_id: &shipped.request_id,
                    outcome: missing.outcome(),
                    ..at(Kind::Missed, shipped.units.as_ref()?, &event.destination_id)
                })
            })
            .collect(),
        Event::ShipmentLossReported(event) => travels(
            Kind::Missed,
            &event.shipment_id,
            &event.origin_id,
            &event.destination_id,
            &event.units,
        ),
        _ => corrections(event),
    }
}

/// At one facility, without a shipment.
fn at<'e>(kind: Kind, units: &'e StockUnits, facility_id: &'e str) -> Movement<'e> {
    Movement {
        kind,
        undone: false,
        units,
        quantity: units.quantity,
        owner_id: &units.owner_id,
        held: 0,
        from_facility_id: if kind == Kind::Entered {
            ""
        } else {
            facility_id
        },
        facility_id,
        shipment_id: "",
        from_shipment_id: "",
        request_id: "",
        outcome: ReceiptOutcome::Unspecified,
        kit_batch_id: "",
    }
}

/// Components become kits, which enter the books.
fn assembled(event: &KitsAssembled) -> Vec<Movement<'_>> {
    let Some(kits) = &event.kits else {
        return Vec::new();
    };
    let components = event.components.iter().map(|units| Movement {
        kit_batch_id: &kits.batch_id,
        ..at(Kind::Converted, units, &event.facility_id)
    });
    let entered = at(Kind::Entered, kits, &event.facility_id);
    components.chain([entered]).collect()
}

/// Kits become components again, of those who had owned them; those pass them on to who owns the kits.
fn taken_apart(event: &KitsBroken) -> Vec<Movement<'_>> {
    let Some(kits) = &event.kits else {
        return Vec::new();
    };
    let mut movements = vec![Movement {
        held: event.held_quantity,
        ..at(Kind::Converted, kits, &event.facility_id)
    }];
    for units in &event.components {
        let held = held_components(event, units);
        let restored = Movement {
            held,
            owner_id: &event.assembled_for_owner_id,
            from_facility_id: &event.assembled_at_facility_id,
            kit_batch_id: &kits.batch_id,
            ..at(Kind::Restored, units, &event.facility_id)
        };
        movements.push(restored);
        if restored.owner_id != units.owner_id {
            movements.push(Movement {
                held,
                owner_id: &event.assembled_for_owner_id,
                ..at(Kind::Ceded(Standing::Free), units, &event.facility_id)
            });
            movements.push(Movement {
                held,
                ..at(Kind::Acquired(Standing::Free), units, &event.facility_id)
            });
        }
    }
    movements
}

/// What was said before was wrong.
fn corrections(event: &Event) -> Vec<Movement<'_>> {
    match event {
        Event::ReceiptCorrected(event) => receipt_corrected(event),
        Event::StockDiscrepancyFound(event) => {
            let units = event.units.iter();
            units
                .map(|units| at(Kind::Entered, units, &event.facility_id))
                .collect()
        }
        Event::MovementVoided(event) => voided(event),
        Event::ShipmentDispatchVoided(event) => undone(travels(
            Kind::Departed,
            &event.shipment_id,
            &event.origin_id,
            &event.destination_id,
            &event.units,
        )),
        Event::ShipmentReceiptVoided(event) => receipt_voided(event),
        Event::LossActVoided(event) => undone(travels(
            Kind::Settled,
            &event.shipment_id,
            &event.origin_id,
            &event.destination_id,
            &event.units,
        )),
        _ => Vec::new(),
    }
}

/// That all of it did not happen: otherwise it is as it was said then.
fn undone(mut movements: Vec<Movement<'_>>) -> Vec<Movement<'_>> {
    for movement in &mut movements {
        movement.undone = true;
    }
    movements
}

fn receipt_voided(event: &ShipmentReceiptVoided) -> Vec<Movement<'_>> {
    let came = found(
        &event.shipment_id,
        &event.origin_id,
        &event.destination_id,
        &event.units,
    );
    let mut movements = undone(came);
    for (movement, held) in movements.iter_mut().zip(&event.held_quantities) {
        movement.held = *held;
    }
    movements
}

/// More units came than was said, or some of them never did.
fn receipt_corrected(event: &ReceiptCorrected) -> Vec<Movement<'_>> {
    let corrected = |units| {
        let came = Movement {
            held: held(event.outcome(), units),
            outcome: event.outcome(),
            ..at(Kind::Entered, units, &event.facility_id)
        };
        if event.decrease {
            Movement {
                held: event.held_quantity,
                undone: true,
                ..came
            }
        } else {
            came
        }
    };
    event.units.iter().map(corrected).collect()
}

fn consumed(event: &StockConsumed) -> Vec<Movement<'_>> {
    let used = event.units.iter().enumerate();
    used.map(|(index, units)| {
        let particulars = event.particulars.get(index);
        Movement {
            held: particulars.map_or(0, |it| it.held_quantity),
            ..at(Kind::Consumed, units, &event.facility_id)
        }
    })
    .collect()
}

fn voided(event: &MovementVoided) -> Vec<Movement<'_>> {
    let facility_id = &event.facility_id;
    let mut movements = Vec::new();
    for (index, units) in event.units.iter().enumerate() {
        let held = event.held_quantities.get(index);
        let held = held.copied().unwrap_or(event.held_quantity);
        let undo = |kind, units| Movement {
            held,
            undone: true,
            ..at(kind, units, facility_id)
        };
        match event.movement() {
            VoidedMovement::Consumption => movements.push(undo(Kind::Consumed, units)),
            VoidedMovement::Disposal => movements.push(undo(Kind::Disposed, units)),
            VoidedMovement::Return => movements.push(undo(Kind::Returned, units)),
            VoidedMovement::Decrease => movements.push(undo(Kind::WrittenOff, units)),
            VoidedMovement::Increase | VoidedMovement::Discrepancy => {
                movements.push(undo(Kind::Entered, units));
            }
            VoidedMovement::TitleTransfer => {
                movements.push(Movement {
                    owner_id: &event.new_owner_id,
                    ..undo(Kind::Acquired(Standing::Free), units)
                });
                movements.push(undo(Kind::Ceded(Standing::Free), units));
            }
            VoidedMovement::Unspecified => {}
        }
    }
    movements
}

/// What the old owner gives up, the new one gets.
fn passed(event: &TitleTransferred) -> Vec<Movement<'_>> {
    let Some(units) = &event.units else {
        return Vec::new();
    };
    let held = event.held_quantity;
    let ceded = Movement {
        held,
        ..at(Kind::Ceded(Standing::Free), units, &event.facility_id)
    };
    let acquired = Movement {
        held,
        owner_id: &event.new_owner_id,
        ..at(Kind::Acquired(Standing::Free), units, &event.facility_id)
    };
    vec![ceded, acquired]
}

/// What the old owner gives up in a shipment, the new one gets there.
fn passed_in_shipment(event: &ShipmentTitleTransferred) -> Vec<Movement<'_>> {
    let (standing, facility_id) = if event.is_under_way {
        (Standing::UnderWay, &event.destination_id)
    } else {
        (Standing::Claimed, &event.origin_id)
    };
    let pass = |kind| {
        travels(
            kind,
            &event.shipment_id,
            &event.origin_id,
            facility_id,
            &event.units,
        )
    };
    let acquired = pass(Kind::Acquired(standing)).into_iter();
    let acquired = acquired.map(|movement| Movement {
        owner_id: &event.new_owner_id,
        ..movement
    });
    pass(Kind::Ceded(standing))
        .into_iter()
        .zip(acquired)
        .flat_map(|(ceded, acquired)| [ceded, acquired])
        .collect()
}

fn held_here<'e>(
    kind: Kind,
    units: Option<&'e StockUnits>,
    facility_id: &'e str,
) -> Vec<Movement<'e>> {
    let held = |units: &'e StockUnits| Movement {
        held: units.quantity,
        ..at(kind, units, facility_id)
    };
    units.into_iter().map(held).collect()
}

fn donation_received(event: &DonationReceived) -> Vec<Movement<'_>> {
    event
        .lines
        .iter()
        .filter(|line| line.outcome() != ReceiptOutcome::Missing)
        .filter_map(|line| {
            let units = line.units.as_ref()?;
            let outcome = line.outcome();
            Some(Movement {
                held: held(outcome, units),
                outcome,
                ..at(Kind::Entered, units, &event.facility_id)
            })
        })
        .collect()
}

/// All but good units are held.
fn held(outcome: ReceiptOutcome, units: &StockUnits) -> i64 {
    if outcome == ReceiptOutcome::Good {
        0
    } else {
        units.quantity
    }
}

fn claims<'e>(
    kind: Kind,
    shipment_id: &'e str,
    origin_id: &'e str,
    units: &'e [ShipmentUnits],
) -> Vec<Movement<'e>> {
    travels(kind, shipment_id, origin_id, origin_id, units)
}

fn travels<'e>(
    kind: Kind,
    shipment_id: &'e str,
    origin_id: &'e str,
    destination_id: &'e str,
    units: &'e [ShipmentUnits],
) -> Vec<Movement<'e>> {
    units
        .iter()
        .filter_map(|shipped| {
            Some(Movement {
                from_facility_id: origin_id,
                shipment_id,
                request_id: &shipped.request_id,
                ..at(kind, shipped.units.as_ref()?, destination_id)
            })
        })
        .collect()
}

fn shipment_received(event: &ShipmentReceived) -> Vec<Movement<'_>> {
    found(
        &event.shipment_id,
        &event.origin_id,
        &event.destination_id,
        &event.units,
    )
}

/// What was found of a shipment.
fn found<'e>(
    shipment_id: &'e str,
    origin_id: &'e str,
    destination_id: &'e str,
    units: &'e [ReceivedUnits],
) -> Vec<Movement<'e>> {
    units
        .iter()
        .filter_map(|found| {
            let shipped = found.shipment_units.as_ref()?;
            let units = shipped.units.as_ref()?;
            let outcome = found.outcome();
            let (kind, from_facility_id, held) = match outcome {
                // Nobody announced them: they come from nowhere the books know of.
                ReceiptOutcome::Surplus | ReceiptOutcome::Wrong => {
                    (Kind::Entered, "", held(outcome, units))
                }
                ReceiptOutcome::Missing => (Kind::Missed, origin_id, 0),
                _ => (Kind::Arrived, origin_id, held(outcome, units)),
            };
            Some(Movement {
                held,
                from_facility_id,
                shipment_id,
                request_id: &shipped.request_id,
                outcome,
                ..at(kind, units, destination_id)
            })
        })
        .collect()
}
