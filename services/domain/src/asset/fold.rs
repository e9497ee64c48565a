//! The fold of an asset: where it is, and what it went through.

use keruen_proto::{
    Event, EventType,
    inventory::v1::{
        Asset, AssetCondition, AssetConditionReported, AssetExit, AssetInstalled, AssetLent,
        AssetLoanEnded, AssetLossAccepted, AssetPlace, AssetPutInside, AssetPutIntoService,
        AssetRef, AssetRemoved, AssetRepairEnded, AssetRetired, AssetSentForRepair, AssetServiced,
        AssetStatus, AssetStepVoided, AssetTakenOut, ContainerEmptied, ContainerFill,
        ContainerFilled, DonationReceived, HoldReason, MovementVoided, ReceiptCorrected,
        ReceiptOutcome, RepairOutcome, StockAdjusted, StockDisposed, StockEntered, StockHeld,
        StockReleased, StockReturned, StockUnits, TitleTransferred, VoidedMovement,
    },
    registry::v1::AssetLink,
    shipments::v1::{
        LossActAccepted, LossActVoided, ShipmentDispatchVoided, ShipmentDispatched,
        ShipmentReceiptVoided, ShipmentReceived, ShipmentSplit, ShipmentTitleTransferred,
        ShipmentUnits, TripCompleted, TripDeparted, TripResumed,
    },
};

use crate::{books::Fold, boundary::Boundary};

/// How often it is known how an asset left the books. What turned up so often is no mistake any more.
const MAX_EXITS: usize = 16;

impl Fold for Asset {
    const EVENT_TYPES: &'static [&'static str] = &[
        DonationReceived::TYPE,
        StockAdjusted::TYPE,
        StockDisposed::TYPE,
        TitleTransferred::TYPE,
        ReceiptCorrected::TYPE,
        MovementVoided::TYPE,
        StockEntered::TYPE,
        StockReturned::TYPE,
        ShipmentDispatched::TYPE,
        ShipmentReceived::TYPE,
        LossActAccepted::TYPE,
        ShipmentSplit::TYPE,
        ShipmentTitleTransferred::TYPE,
        StockHeld::TYPE,
        StockReleased::TYPE,
        AssetInstalled::TYPE,
        AssetRemoved::TYPE,
        AssetPutInside::TYPE,
        AssetTakenOut::TYPE,
        AssetPutIntoService::TYPE,
        AssetConditionReported::TYPE,
        AssetSentForRepair::TYPE,
        AssetRepairEnded::TYPE,
        AssetServiced::TYPE,
        AssetLent::TYPE,
        AssetLoanEnded::TYPE,
        ContainerFilled::TYPE,
        ContainerEmptied::TYPE,
        AssetRetired::TYPE,
        AssetStepVoided::TYPE,
        AssetLossAccepted::TYPE,
        ShipmentDispatchVoided::TYPE,
        ShipmentReceiptVoided::TYPE,
        LossActVoided::TYPE,
        TripDeparted::TYPE,
        TripResumed::TYPE,
        TripCompleted::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Boundary::Asset(item_id, serial_number) = boundary else {
            return;
        };
        let this = AssetRef {
            item_id: item_id.to_string(),
            serial_number: serial_number.to_string(),
        };
        let is_it = |units: &StockUnits| is_one_of(&this, units);
        let set_apart = self.set_apart;
        if let Event::TitleTransferred(event) = event
            && event.units.as_ref().is_some_and(is_it)
        {
            self.owner_id.clone_from(&event.new_owner_id);
        }
        if let Event::ShipmentTitleTransferred(event) = event
            && stock_units(&event.units).any(is_it)
        {
            self.owner_id.clone_from(&event.new_owner_id);
        }
        if let Event::MovementVoided(event) = event
            && event.movement() == VoidedMovement::TitleTransfer
            && let Some(units) = event.units.iter().find(|units| is_it(units))
        {
            self.owner_id.clone_from(&units.owner_id);
        }
        let movements = movements(event);
        for movement in movements.iter().filter(|it| is_it(it.units)) {
            self.item_id.clone_from(&this.item_id);
            self.serial_number.clone_from(&this.serial_number);
            let outer = self.inside.clone();
            let goes_along = outer.is_some_and(|outer| {
                let mut all = movements.iter();
                all.any(|other| other.place == movement.place && is_one_of(&outer, other.units))
            });
            if is_voided(event) {
                self.took_back(event);
            } else {
                self.left(movement);
            }
            self.moved(movement, goes_along);
            self.steps += if is_voided(event) { -1 } else { 1 };
        }
        // What did not happen took nothing off.
        if matches!(event, Event::MovementVoided(_)) {
            self.set_apart = set_apart;
        }
        if step_units(event).is_some_and(is_it) {
            self.took_step(event);
        }
        if life_units(event).is_some_and(|(_, units)| is_it(units)) {
            self.steps += if is_voided(event) { -1 } else { 1 };
        }
        self.opened(&this, event);
        self.travelled(&this, event);
    }
}

/// Whether an event says that another one did not happen.
fn is_voided(event: &Event) -> bool {
    matches!(
        event,
        Event::MovementVoided(_)
            | Event::ShipmentDispatchVoided(_)
            | Event::ShipmentReceiptVoided(_)
            | Event::LossActVoided(_)
            | Event::AssetStepVoided(_)
    )
}

/// What the steps in the life of an asset change.
pub(crate) fn status(asset: &Asset) -> AssetStatus {
    let Asset {
        place,
        condition,
        fault,
        repair,
        loan,
        output,
        trained_user_refs,
        service_due_on,
        fill,
        retired_for,
        ..
    } = asset.clone();
    AssetStatus {
        place,
        condition,
        fault,
        repair,
        loan,
        output,
        trained_user_refs,
        service_due_on,
        fill: (fill != 0).then_some(fill),
        retired_for,
    }
}

/// Whether what is there has left the books, though it had been in them.
fn is_exit(place: AssetPlace) -> bool {
    matches!(
        place,
        AssetPlace::Disposed | AssetPlace::Lost | AssetPlace::Returned
    )
}

/// Whether an asset is one of some units.
fn is_one_of(asset: &AssetRef, units: &StockUnits) -> bool {
    units.item_id == asset.item_id && units.serial_numbers.contains(&asset.serial_number)
}

trait Life {
    fn took_back(&mut self, event: &Event);
    fn moved(&mut self, movement: &Movement<'_>, goes_along: bool);
    fn left(&mut self, movement: &Movement<'_>);
    fn is_gone_again(&mut self);
    fn opened(&mut self, this: &AssetRef, event: &Event);
    fn travelled(&mut self, this: &AssetRef, event: &Event);
    fn took_step(&mut self, event: &Event);
    fn repaired(&mut self, outcome: RepairOutcome);
    fn is_as_before(&mut self, status: AssetStatus);
}

impl Life for Asset {
    /// Where it had been said to leave the books, it did not.
    fn took_back(&mut self, event: &Event) {
        let is_it = |exit: &AssetExit| match event {
            Event::MovementVoided(it) => {
                let place = match it.movement() {
                    VoidedMovement::Disposal => AssetPlace::Disposed,
                    VoidedMovement::Return => AssetPlace::Returned,
                    VoidedMovement::Decrease => AssetPlace::Lost,
                    _ => return false,
                };
                exit.place() == place && exit.facility_id == it.facility_id
            }
            Event::LossActVoided(it) => exit.shipment_id == it.shipment_id,
            _ => false,
        };
        if let Some(index) = self.exits.iter().rposition(is_it) {
            self.exits.remove(index);
        }
    }

    /// It came to a place, perhaps along with what it is inside; what it went through stays with it.
    fn moved(&mut self, movement: &Movement<'_>, goes_along: bool) {
        let stays_in_books = matches!(movement.place, AssetPlace::Facility | AssetPlace::Shipment);
        let units = movement.units;
        self.batch_id.clone_from(&units.batch_id);
        self.donation_id.clone_from(&units.donation_id);
        self.owner_id.clone_from(&units.owner_id);
        if goes_along && stays_in_books {
            self.place = AssetPlace::Inside.into();
        } else {
            self.place = movement.place.into();
            self.inside = None;
            self.loan = None;
            self.repair = None;
        }
        if stays_in_books {
            self.loss = None;
        } else {
            self.contents.clear();
        }
        movement.facility_id.clone_into(&mut self.facility_id);
        movement.shipment_id.clone_into(&mut self.shipment_id);
        if movement.place == AssetPlace::NotReceived {
            self.is_gone_again();
        }
        if self.condition() == AssetCondition::Unspecified {
            self.condition = AssetCondition::Identified.into();
        }
        // Whether it is held as it leaves is asked for only if that did not happen.
        self.set_apart &= !stays_in_books;
    }

    /// It leaves the books, or turns up after it had.
    fn left(&mut self, movement: &Movement<'_>) {
        if is_exit(movement.place) {
            let under_way = movement.lost_from.unwrap_or_default();
            self.exits.push(AssetExit {
                place: movement.place.into(),
                owner_id: movement.units.owner_id.clone(),
                facility_id: movement.facility_id.to_owned(),
                shipment_id: under_way.0.to_owned(),
                destination_id: under_way.1.to_owned(),
                loss: None,
            });
            let beyond = self.exits.len().saturating_sub(MAX_EXITS);
            self.exits.drain(..beyond);
        } else if is_exit(self.place())
            && let Some(exit) = self.exits.last_mut()
        {
            exit.loss = self.loss.take();
        }
    }

    /// It had turned up by mistake: it is again where it was before, if it ever was.
    fn is_gone_again(&mut self) {
        let Some(exit) = self.exits.last_mut() else {
            return;
        };
        self.place = exit.place;
        self.owner_id.clone_from(&exit.owner_id);
        self.facility_id.clone_from(&exit.facility_id);
        self.loss = exit.loss.take();
    }

    /// Something was put into it, or taken out.
    fn opened(&mut self, this: &AssetRef, event: &Event) {
        let (outer, units, is_in) = match event {
            Event::AssetPutInside(it) => (&it.inside, &it.units, true),
            Event::AssetTakenOut(it) => (&it.inside, &it.units, false),
            _ => return,
        };
        if outer.as_ref() != Some(this) {
            return;
        }
        if let Some(units) = units {
            let is_meant = |it: &AssetRef| is_one_of(it, units);
            self.contents.retain(|it| !is_meant(it));
            let came = units.serial_numbers.iter().filter(|_| is_in);
            self.contents.extend(came.map(|number| AssetRef {
                item_id: units.item_id.clone(),
                serial_number: number.clone(),
            }));
        }
    }

    /// It goes on a trip as its vehicle, or comes back.
    fn travelled(&mut self, this: &AssetRef, event: &Event) {
        let is_it = |link: &Option<AssetLink>| {
            let link = link.as_ref();
            link.is_some_and(|it| {
                (&it.item_id, &it.serial_number) == (&this.item_id, &this.serial_number)
            })
        };
        match event {
            Event::TripDeparted(event) if is_it(&event.asset) => {
                self.trip_id.clone_from(&event.trip_id);
            }
            Event::TripResumed(event) if is_it(&event.asset) => {
                self.trip_id.clone_from(&event.trip_id);
            }
            Event::TripResumed(event)
                if is_it(&event.from_asset) && self.trip_id == event.trip_id =>
            {
                self.trip_id.clear();
            }
            Event::TripCompleted(event) if is_it(&event.asset) && self.trip_id == event.trip_id => {
                self.trip_id.clear();
            }
            _ => {}
        }
    }

    fn took_step(&mut self, event: &Event) {
        match event {
            Event::StockHeld(event) => self.set_apart |= event.reason() == HoldReason::AssetState,
            Event::StockReleased(_) => self.set_apart = false,
            Event::AssetInstalled(_) => self.place = AssetPlace::Installed.into(),
            Event::AssetRemoved(_) => self.place = AssetPlace::Facility.into(),
            Event::AssetPutInside(event) => {
                self.place = AssetPlace::Inside.into();
                self.inside.clone_from(&event.inside);
            }
            Event::AssetTakenOut(_) => {
                self.place = AssetPlace::Facility.into();
                self.inside = None;
            }
            Event::AssetPutIntoService(event) => {
                self.condition = AssetCondition::InService.into();
                self.output.clone_from(&event.output);
                self.trained_user_refs.clone_from(&event.trained_user_refs);
                self.service_due_on.clone_from(&event.service_due_on);
            }
            Event::AssetConditionReported(event) => {
                self.condition = event.condition;
                self.fault = event.fault;
            }
            Event::AssetSentForRepair(event) => {
                self.condition = AssetCondition::UnderRepair.into();
                self.repair.clone_from(&event.repair);
                if event.repair.as_ref().is_some_and(|repair| !repair.on_site) {
                    self.place = AssetPlace::Repairer.into();
                }
            }
            Event::AssetRepairEnded(event) => {
                self.repaired(event.outcome());
                if event.output.is_some() {
                    self.output.clone_from(&event.output);
                }
                if !event.service_due_on.is_empty() {
                    self.service_due_on.clone_from(&event.service_due_on);
                }
            }
            Event::AssetServiced(event) => {
                self.service_due_on.clone_from(&event.service_due_on);
                if event.output.is_some() {
                    self.output.clone_from(&event.output);
                }
            }
            Event::AssetLent(event) => {
                self.place = AssetPlace::Lent.into();
                self.loan.clone_from(&event.loan);
            }
            Event::AssetLoanEnded(event) => {
                self.place = AssetPlace::Facility.into();
                self.loan = None;
                if event.fault.is_some() {
                    self.condition = AssetCondition::OutOfOrder.into();
                    self.fault = event.fault;
                }
            }
            Event::ContainerFilled(_) => self.fill = ContainerFill::Full.into(),
            Event::ContainerEmptied(_) => self.fill = ContainerFill::Empty.into(),
            Event::AssetRetired(event) => {
                self.condition = AssetCondition::Retired.into();
                self.retired_for = Some(event.reason);
            }
            Event::AssetLossAccepted(event) => self.loss.clone_from(&event.loss),
            Event::AssetStepVoided(event) => {
                if let Some(status) = event.status.clone() {
                    self.is_as_before(status);
                }
            }
            _ => {}
        }
    }

    fn is_as_before(&mut self, status: AssetStatus) {
        self.place = status.place;
        self.condition = status.condition;
        self.fault = status.fault;
        self.repair = status.repair;
        self.loan = status.loan;
        self.output = status.output;
        self.trained_user_refs = status.trained_user_refs;
        self.service_due_on = status.service_due_on;
        self.fill = status.fill.unwrap_or_default();
        self.retired_for = status.retired_for;
    }

    fn repaired(&mut self, outcome: RepairOutcome) {
        let works = outcome != RepairOutcome::NotRepairable;
        self.condition = if works {
            self.fault = None;
            AssetCondition::InService
        } else {
            AssetCondition::OutOfOrder
        }
        .into();
        self.repair = None;
        if self.place() == AssetPlace::Repairer {
            self.place = AssetPlace::Facility.into();
        }
    }
}

/// The asset that a step in its life is about.
pub(crate) fn step_units(event: &Event) -> Option<&StockUnits> {
    match event {
        Event::StockHeld(event) => event.units.as_ref(),
        Event::StockReleased(event) => event.units.as_ref(),
        _ => life_units(event).map(|(_, units)| units),
    }
}

/// The asset of an event that is about its life alone, and the facility where it happened.
pub fn life_units(event: &Event) -> Option<(&str, &StockUnits)> {
    let (facility_id, units) = match event {
        Event::AssetInstalled(it) => (&it.facility_id, &it.units),
        Event::AssetRemoved(it) => (&it.facility_id, &it.units),
        Event::AssetPutInside(it) => (&it.facility_id, &it.units),
        Event::AssetTakenOut(it) => (&it.facility_id, &it.units),
        Event::AssetPutIntoService(it) => (&it.facility_id, &it.units),
        Event::AssetConditionReported(it) => (&it.facility_id, &it.units),
        Event::AssetSentForRepair(it) => (&it.facility_id, &it.units),
        Event::AssetRepairEnded(it) => (&it.facility_id, &it.units),
        Event::AssetServiced(it) => (&it.facility_id, &it.units),
        Event::AssetLent(it) => (&it.facility_id, &it.units),
        Event::AssetLoanEnded(it) => (&it.facility_id, &it.units),
        Event::ContainerFilled(it) => (&it.facility_id, &it.units),
        Event::ContainerEmptied(it) => (&it.facility_id, &it.units),
        Event::AssetRetired(it) => (&it.facility_id, &it.units),
        Event::AssetStepVoided(it) => (&it.facility_id, &it.units),
        Event::AssetLossAccepted(it) => (&it.facility_id, &it.units),
        _ => return None,
    };
    Some((facility_id, units.as_ref()?))
}

/// Units that an event brought to a place.
struct Movement<'a> {
    units: &'a StockUnits,
    place: AssetPlace,
    /// Where they are, or were last.
    facility_id: &'a str,
    /// The shipment that they are in.
    shipment_id: &'a str,
    /// The shipment that they were lost from, and to where it went.
    lost_from: Option<(&'a str, &'a str)>,
}

fn movements(event: &Event) -> Vec<Movement<'_>> {
    match event {
        Event::DonationReceived(event) => event
            .lines
            .iter()
            .filter(|line| line.outcome() != ReceiptOutcome::Missing)
            .filter_map(|line| line.units.as_ref())
            .map(|units| at_rest(units, AssetPlace::Facility, &event.facility_id))
            .collect(),
        Event::StockAdjusted(event) => {
            let place = if event.decrease {
                AssetPlace::Lost
            } else {
                AssetPlace::Facility
            };
            event
                .units
                .iter()
                .map(|units| at_rest(units, place, &event.facility_id))
                .collect()
        }
        Event::StockDisposed(event) => event
            .units
            .iter()
            .map(|units| at_rest(units, AssetPlace::Disposed, &event.facility_id))
            .collect(),
        Event::StockEntered(event) => event
            .lines
            .iter()
            .filter_map(|line| line.units.as_ref())
            .map(|units| at_rest(units, AssetPlace::Facility, &event.facility_id))
            .collect(),
        Event::StockReturned(event) => event
            .units
            .iter()
            .map(|units| at_rest(units, AssetPlace::Returned, &event.facility_id))
            .collect(),
        Event::ReceiptCorrected(event) => {
            let place = if event.decrease {
                AssetPlace::NotReceived
            } else {
                AssetPlace::Facility
            };
            let units = event.units.iter();
            units
                .map(|units| at_rest(units, place, &event.facility_id))
                .collect()
        }
        Event::MovementVoided(event) => voided(event),
        Event::ShipmentDispatched(event) => stock_units(&event.units)
            .map(|units| Movement {
                units,
                place: AssetPlace::Shipment,
                facility_id: &event.origin_id,
                shipment_id: &event.shipment_id,
                lost_from: None,
            })
            .collect(),
        // A unit reported missing stays in its shipment until a loss act is accepted.
        Event::ShipmentReceived(event) => event
            .units
            .iter()
            .filter(|found| found.outcome() != ReceiptOutcome::Missing)
            .filter_map(|found| found.shipment_units.as_ref()?.units.as_ref())
            .map(|units| at_rest(units, AssetPlace::Facility, &event.destination_id))
            .collect(),
        Event::ShipmentSplit(event) => stock_units(&event.units)
            .map(|units| Movement {
                units,
                place: AssetPlace::Shipment,
                facility_id: &event.origin_id,
                shipment_id: &event.new_shipment_id,
                lost_from: None,
            })
            .collect(),
        Event::LossActAccepted(event) => stock_units(&event.units)
            .map(|units| Movement {
                lost_from: Some((&event.shipment_id, &event.destination_id)),
                ..at_rest(units, AssetPlace::Lost, &event.origin_id)
            })
            .collect(),
        _ => movements_voided(event),
    }
}

/// Where units are, if what was said of their shipment did not happen.
fn movements_voided(event: &Event) -> Vec<Movement<'_>> {
    let under_way = |units, facility_id, shipment_id| Movement {
        units,
        place: AssetPlace::Shipment,
        facility_id,
        shipment_id,
        lost_from: None,
    };
    match event {
        Event::ShipmentDispatchVoided(event) => stock_units(&event.units)
            .map(|units| at_rest(units, AssetPlace::Facility, &event.origin_id))
            .collect(),
        Event::ShipmentReceiptVoided(event) => event
            .units
            .iter()
            .filter(|found| found.outcome() != ReceiptOutcome::Missing)
            .filter_map(|found| {
                let units = found.shipment_units.as_ref()?.units.as_ref()?;
                Some(if crate::batch::is_new(found.outcome()) {
                    at_rest(units, AssetPlace::NotReceived, &event.destination_id)
                } else {
                    under_way(units, &event.origin_id, &event.shipment_id)
                })
            })
            .collect(),
        Event::LossActVoided(event) => stock_units(&event.units)
            .map(|units| under_way(units, &event.origin_id, &event.shipment_id))
            .collect(),
        _ => Vec::new(),
    }
}

/// Where units are, if what was said of them did not happen. Title that goes back moves nothing.
fn voided(event: &MovementVoided) -> Vec<Movement<'_>> {
    if event.movement() == VoidedMovement::TitleTransfer {
        return Vec::new();
    }
    let place = if matches!(
        event.movement(),
        VoidedMovement::Increase | VoidedMovement::Discrepancy
    ) {
        AssetPlace::NotReceived
    } else {
        AssetPlace::Facility
    };
    let units = event.units.iter();
    units
        .map(|units| at_rest(units, place, &event.facility_id))
        .collect()
}

fn stock_units(units: &[ShipmentUnits]) -> impl Iterator<Item = &StockUnits> {
    units.iter().filter_map(|units| units.units.as_ref())
}

fn at_rest<'a>(units: &'a StockUnits, place: AssetPlace, facility_id: &'a str) -> Movement<'a> {
    Movement {
        units,
        place,
        facility_id,
        shipment_id: "",
        lost_from: None,
    }
}
