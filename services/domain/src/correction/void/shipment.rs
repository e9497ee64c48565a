//! A dispatch, a receipt of a shipment or a loss act did not happen. Units are where they were before: at the origin and
//! claimed, under way, or missing.

use std::collections::BTreeMap;

use keruen_proto::{
    Event,
    inventory::v1::{
        Asset, AssetCondition, AssetPlace, HoldReason, ReceiptOutcome, StockHeld, StockUnits,
    },
    shipments::v1::{
        AllocationReleased, LossActAccepted, LossActVoided, ReceivedUnits, ReleaseReason, Shipment,
        ShipmentDispatchVoided, ShipmentDispatched, ShipmentLot, ShipmentReceiptVoided,
        ShipmentReceived, ShipmentState, ShipmentUnits,
    },
};

use super::super::{VoidMovement, removal::Removal};
use crate::{
    asset,
    books::Books,
    boundary::Boundary,
    code::{Code, Label, UNATTRIBUTED},
    registry::{existing_facility, existing_item},
    rejection::Rejection,
    shipment::{
        existing,
        plan::request_line,
        state::{is_same, quantity},
    },
    stock::claims,
};

/// Units that a receipt brought, of one batch and owner.
struct Arrived {
    units: StockUnits,
    /// How many of them were found damaged or expired.
    unusable: i64,
    serial_numbers: Vec<Label>,
}

/// The shipment that an event is about, its origin and its destination.
struct Leg<'a> {
    shipment: &'a str,
    origin: &'a str,
    destination: &'a str,
}

fn leg(event: &Event) -> Option<Leg<'_>> {
    let (shipment, origin, destination) = match event {
        Event::ShipmentDispatched(it) => (&it.shipment_id, &it.origin_id, &it.destination_id),
        Event::ShipmentReceived(it) => (&it.shipment_id, &it.origin_id, &it.destination_id),
        Event::LossActAccepted(it) => (&it.shipment_id, &it.origin_id, &it.destination_id),
        _ => return None,
    };
    Some(Leg {
        shipment,
        origin,
        destination,
    })
}

/// The units that an event names.
fn units_of(event: &Event) -> Vec<&ShipmentUnits> {
    match event {
        Event::ShipmentDispatched(it) => it.units.iter().collect(),
        Event::ShipmentReceived(it) => {
            let found = it.units.iter();
            found
                .filter_map(|found| found.shipment_units.as_ref())
                .collect()
        }
        Event::LossActAccepted(it) => it.units.iter().collect(),
        _ => Vec::new(),
    }
}

fn stock_units(units: &ShipmentUnits) -> StockUnits {
    units.units.clone().unwrap_or_default()
}

/// What was received of each batch and owner, whatever it was found to be.
fn arrived(receipt: &ShipmentReceived) -> Vec<Arrived> {
    let there = receipt
        .units
        .iter()
        .filter(|found| found.outcome() != ReceiptOutcome::Missing)
        .filter_map(|found| Some((found, found.shipment_units.as_ref()?.units.as_ref()?)));
    let mut arrived: Vec<Arrived> = Vec::new();
    for (found, units) in there {
        let unusable = if is_unusable(found) {
            units.quantity
        } else {
            0
        };
        let labels = units.serial_numbers.iter();
        let labels = labels.filter_map(|it| Label::parse(it).ok());
        let same = |it: &&mut Arrived| {
            (&it.units.batch_id, &it.units.owner_id) == (&units.batch_id, &units.owner_id)
        };
        if let Some(known) = arrived.iter_mut().find(same) {
            known.units.quantity = known.units.quantity.saturating_add(units.quantity);
            known.unusable = known.unusable.saturating_add(unusable);
            known
                .units
                .serial_numbers
                .extend_from_slice(&units.serial_numbers);
            known.serial_numbers.extend(labels);
        } else {
            arrived.push(Arrived {
                units: units.clone(),
                unusable,
                serial_numbers: labels.collect(),
            });
        }
    }
    arrived
}

/// Whether units were held because of how they came.
fn is_unusable(found: &ReceivedUnits) -> bool {
    matches!(
        found.outcome(),
        ReceiptOutcome::Damaged | ReceiptOutcome::Expired
    )
}

impl VoidMovement {
    pub(super) fn reads_of_shipment(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = Vec::new();
        let event = &self.fact.event;
        let Some(leg) = leg(event) else {
            return boundaries;
        };
        boundaries.extend(Boundary::shipment(leg.shipment));
        boundaries.extend(Boundary::facility(leg.origin));
        boundaries.extend(Boundary::facility(leg.destination));
        for shipped in units_of(event) {
            let Some(units) = &shipped.units else {
                continue;
            };
            boundaries.extend(Boundary::item(&units.item_id));
            boundaries.extend(Boundary::stock(self.place(&leg), &units.item_id));
            boundaries.extend(Boundary::request(&shipped.request_id));
            let numbers = units.serial_numbers.iter();
            boundaries.extend(numbers.filter_map(|it| Boundary::asset(&units.item_id, it)));
        }
        if let Event::ShipmentReceived(receipt) = event {
            for arrived in &arrived(receipt) {
                boundaries.extend(self.removal_of(receipt, arrived, &[]).reads(books));
            }
        }
        boundaries
    }

    /// Where stock changes.
    fn place<'a>(&self, leg: &Leg<'a>) -> &'a str {
        match &self.fact.event {
            Event::ShipmentDispatched(_) => leg.origin,
            _ => leg.destination,
        }
    }

    pub(super) fn subject_of_shipment(&self, _: &Books) -> Option<Boundary> {
        let leg = leg(&self.fact.event)?;
        let first = units_of(&self.fact.event).into_iter().next()?;
        Boundary::stock(self.place(&leg), &first.units.as_ref()?.item_id)
    }

    pub(super) fn check_shipment(&self, books: &Books) -> Result<(), Rejection> {
        let leg = leg(&self.fact.event).ok_or_else(|| self.fact.not_so())?;
        let shipment = self.shipment(books)?;
        existing_facility(books, leg.origin)?;
        existing_facility(books, leg.destination)?;
        if shipment.destination_id != leg.destination {
            let what = format!("shipment {} goes elsewhere since", shipment.shipment_id);
            return Err(self
                .fact
                .moved_on(what, "record what is there, by a receipt or a count"));
        }
        Ok(())
    }

    fn shipment<'a>(&self, books: &'a Books) -> Result<&'a Shipment, Rejection> {
        let id = leg(&self.fact.event).and_then(|leg| Code::parse(leg.shipment).ok());
        existing(books, &id.ok_or_else(|| self.fact.not_so())?)
    }

    pub(super) fn decide_on_dispatch(&self, books: &Books) -> Result<Vec<Event>, Rejection> {
        let Event::ShipmentDispatched(dispatch) = &self.fact.event else {
            return Err(self.fact.not_so());
        };
        let shipment = self.shipment(books)?;
        if !is_as_dispatched(shipment, dispatch) {
            let what = format!("more was told of shipment {} since", shipment.shipment_id);
            let advice = "take that back first, or record what is there by a receipt";
            return Err(self.fact.moved_on(what, advice));
        }
        let mut events = vec![
            ShipmentDispatchVoided {
                corrects_event_id: self.fact.event_id.clone(),
                effective_at: Some(self.fact.effective_at()),
                shipment_id: dispatch.shipment_id.clone(),
                origin_id: dispatch.origin_id.clone(),
                destination_id: dispatch.destination_id.clone(),
                units: dispatch.units.clone(),
                documents: self.documents.clone(),
                withdrawn_documents: dispatch.documents.clone(),
            }
            .into(),
        ];
        events.extend(set_apart_inside(dispatch));
        Ok(events)
    }

    pub(super) fn decide_on_receipt(&self, books: &Books) -> Result<Vec<Event>, Rejection> {
        let Event::ShipmentReceived(receipt) = &self.fact.event else {
            return Err(self.fact.not_so());
        };
        let shipment = self.shipment(books)?;
        self.check_outstanding(shipment, receipt)?;
        let unusable = receipt.units.iter().filter(|found| is_unusable(found));
        let unusable = unusable.filter_map(|found| found.shipment_units.as_ref());
        check_requests(books, unusable)?;
        let arrived = arrived(receipt);
        self.check_together(books, receipt, &arrived)?;
        let all: Vec<StockUnits> = arrived.iter().map(|it| it.units.clone()).collect();
        let mut events = Vec::new();
        let mut held = BTreeMap::new();
        for arrived in &arrived {
            let item = existing_item(books, &arrived.units.item_id)?;
            let removal = self.removal_of(receipt, arrived, &all);
            let (before, held_quantity) = removal.prepared(books, item)?;
            events.extend(before);
            let key = (&*arrived.units.batch_id, &*arrived.units.owner_id);
            held.insert(key, held_quantity);
        }
        claims::check_number(
            &receipt.destination_id,
            "and others of the receipt",
            events
                .iter()
                .filter(|event| matches!(event, Event::AllocationReleased(_)))
                .count(),
        )?;
        events.push(
            ShipmentReceiptVoided {
                corrects_event_id: self.fact.event_id.clone(),
                effective_at: Some(self.fact.effective_at()),
                shipment_id: receipt.shipment_id.clone(),
                origin_id: receipt.origin_id.clone(),
                destination_id: receipt.destination_id.clone(),
                units: receipt.units.clone(),
                held_quantities: shared_out(&receipt.units, held),
                documents: self.documents.clone(),
                withdrawn_documents: receipt.documents.clone(),
            }
            .into(),
        );
        Ok(events)
    }

    /// What had been found missing must not have turned up since, nor been settled.
    fn check_outstanding(
        &self,
        shipment: &Shipment,
        receipt: &ShipmentReceived,
    ) -> Result<(), Rejection> {
        let missing = receipt
            .units
            .iter()
            .filter(|found| found.outcome() == ReceiptOutcome::Missing)
            .filter_map(|found| found.shipment_units.as_ref());
        for units in missing {
            let lot = lot_of(shipment, units);
            let outstanding = lot.map_or(0, |lot| lot.in_transit + lot.missing);
            let numbers = &stock_units(units).serial_numbers;
            let under_way = lot.map(|lot| &lot.serial_numbers_in_transit);
            let all_there = numbers
                .iter()
                .all(|number| under_way.is_some_and(|all| all.contains(number)));
            if outstanding < stock_units(units).quantity || !all_there {
                let what = format!(
                    "what it had found missing of shipment {} has turned up or been settled",
                    shipment.shipment_id
                );
                let advice = "void the later receipt or the loss act first";
                return Err(self.fact.moved_on(what, advice));
            }
        }
        Ok(())
    }

    /// Assets must be as they came: in the store, or inside one that came along.
    fn check_together(
        &self,
        books: &Books,
        receipt: &ShipmentReceived,
        arrived: &[Arrived],
    ) -> Result<(), Rejection> {
        let came_inside = |item_id: &str, number: &String| {
            let along = receipt.units.iter();
            let along = along.filter_map(|found| found.shipment_units.as_ref());
            let mut along = along
                .filter(|it| it.line == 0)
                .filter_map(|it| it.units.as_ref());
            along.any(|units| units.item_id == item_id && units.serial_numbers.contains(number))
        };
        let is_among = |item_id: &str, number: &String| {
            let mut units = arrived.iter().map(|it| &it.units);
            units.any(|units| units.item_id == item_id && units.serial_numbers.contains(number))
        };
        for Arrived { units, .. } in arrived {
            let numbers = units.serial_numbers.iter();
            for asset in numbers.filter_map(|number| books.asset(&units.item_id, number)) {
                check_as_it_came(asset, is_among)?;
                let is_new = units.donation_id == UNATTRIBUTED;
                let is_inside = asset.place() == AssetPlace::Inside;
                if !is_new && is_inside != came_inside(&units.item_id, &asset.serial_number) {
                    let number = &asset.serial_number;
                    let what = format!("serial number {number:?} was put in or taken out since");
                    let advice = "undo that first, or record what is there by a count";
                    return Err(self.fact.moved_on(what, advice));
                }
            }
        }
        Ok(())
    }

    fn removal_of<'a>(
        &'a self,
        receipt: &'a ShipmentReceived,
        arrived: &'a Arrived,
        together: &'a [StockUnits],
    ) -> Removal<'a> {
        Removal {
            facility_id: &receipt.destination_id,
            units: &arrived.units,
            unusable: arrived.unusable,
            serial_numbers: &arrived.serial_numbers,
            fact: &self.fact,
            together,
        }
    }

    pub(super) fn decide_on_loss(&self, books: &Books) -> Result<Vec<Event>, Rejection> {
        let Event::LossActAccepted(act) = &self.fact.event else {
            return Err(self.fact.not_so());
        };
        let shipment = self.shipment(books)?;
        self.check_lost(books, shipment, act)?;
        check_requests(books, act.units.iter())?;
        Ok(vec![
            LossActVoided {
                corrects_event_id: self.fact.event_id.clone(),
                effective_at: Some(self.fact.effective_at()),
                shipment_id: act.shipment_id.clone(),
                origin_id: act.origin_id.clone(),
                destination_id: act.destination_id.clone(),
                units: act.units.clone(),
                custodian_id: act.custodian_id.clone(),
                documents: self.documents.clone(),
                withdrawn_documents: act.act.clone().into_iter().collect(),
            }
            .into(),
        ])
    }

    /// Everything must be lost as the act said, and no unit inside another one: what it had been inside is not known any
    /// more.
    fn check_lost(
        &self,
        books: &Books,
        shipment: &Shipment,
        act: &LossActAccepted,
    ) -> Result<(), Rejection> {
        for lost in &act.units {
            let units = stock_units(lost);
            if lost.line == 0 {
                let what = format!(
                    "of shipment {} assets were lost inside others",
                    act.shipment_id
                );
                let advice = "record what turned up as found, by an adjustment";
                return Err(self.fact.moved_on(what, advice));
            }
            let is_lost = lot_of(shipment, lost).is_some_and(|lot| lot.lost >= units.quantity);
            if !is_lost {
                let what = format!("it is not lost any more with shipment {}", act.shipment_id);
                return Err(self.fact.moved_on(what, "look at the shipment"));
            }
            let numbers = units.serial_numbers.iter();
            let mut assets = numbers.filter_map(|number| books.asset(&units.item_id, number));
            if let Some(back) = assets.find(|asset| asset.place() != AssetPlace::Lost) {
                return Err(asset::exists(back));
            }
        }
        Ok(())
    }
}

/// Whether nothing was told of a shipment since it was dispatched.
fn is_as_dispatched(shipment: &Shipment, dispatch: &ShipmentDispatched) -> bool {
    let is_under_way = |units: &ShipmentUnits| {
        lot_of(shipment, units).is_some_and(|lot| {
            let all = stock_units(units).quantity;
            quantity(lot) == all && lot.in_transit == all
        })
    };
    shipment.state() == ShipmentState::Dispatched
        && shipment.custodian_id == dispatch.custodian_id
        && shipment
            .lots
            .iter()
            .filter(|lot| quantity(lot) != 0)
            .count()
            == dispatch.units.len()
        && dispatch.units.iter().all(is_under_way)
}

/// What went along inside other assets was claimed by the dispatch alone, and set apart until then.
fn set_apart_inside(dispatch: &ShipmentDispatched) -> Vec<Event> {
    let along: Vec<ShipmentUnits> = dispatch
        .units
        .iter()
        .filter(|units| units.line == 0)
        .cloned()
        .collect();
    if along.is_empty() {
        return Vec::new();
    }
    let held = along.iter().filter_map(|units| units.units.clone());
    let held: Vec<Event> = held
        .map(|units| {
            let held = StockHeld {
                facility_id: dispatch.origin_id.clone(),
                units: Some(units),
                reason: HoldReason::AssetState.into(),
                documents: Vec::new(),
            };
            held.into()
        })
        .collect();
    let released = AllocationReleased {
        shipment_id: dispatch.shipment_id.clone(),
        origin_id: dispatch.origin_id.clone(),
        destination_id: dispatch.destination_id.clone(),
        units: along,
        reason: ReleaseReason::StockHeld.into(),
    };
    std::iter::once(released.into()).chain(held).collect()
}

fn lot_of<'a>(shipment: &'a Shipment, wanted: &ShipmentUnits) -> Option<&'a ShipmentLot> {
    shipment.lots.iter().find(|lot| {
        let units = lot.shipment_units.as_ref();
        units.is_some_and(|units| is_same(units, wanted))
    })
}

/// Units count as allocated to their requests again; nothing may have been allocated in their place.
fn check_requests<'a>(
    books: &Books,
    units: impl Iterator<Item = &'a ShipmentUnits>,
) -> Result<(), Rejection> {
    let mut more: BTreeMap<(&str, i32), i64> = BTreeMap::new();
    for units in units.filter(|units| !units.request_id.is_empty()) {
        let sum = more
            .entry((&units.request_id, units.request_line))
            .or_default();
        *sum = sum.saturating_add(units.units.as_ref().map_or(0, |units| units.quantity));
    }
    for ((request_id, line), requested) in more {
        let request = books.request(request_id);
        let needed = request.and_then(|request| request_line(request, line));
        let (approved, allocated) = needed.map_or((0, 0), |it| (it.approved, it.allocated));
        if allocated.saturating_add(requested) > approved {
            return Err(Rejection::ExceedsApproved {
                request_id: request_id.to_owned(),
                line,
                requested,
                approved,
                allocated,
            });
        }
    }
    Ok(())
}

/// Refuses an asset that somebody has, that is put to use, repaired or on a trip, or that is among others than it came
/// with.
fn check_as_it_came(
    asset: &Asset,
    is_among: impl Fn(&str, &String) -> bool,
) -> Result<(), Rejection> {
    const PLACES: &[AssetPlace] = &[AssetPlace::Facility, AssetPlace::Inside];
    const CONDITIONS: &[AssetCondition] = &[
        AssetCondition::Identified,
        AssetCondition::InService,
        AssetCondition::OutOfOrder,
        AssetCondition::Retired,
    ];
    let outer = asset.inside.as_ref();
    let is_in_other = outer.is_some_and(|it| !is_among(&it.item_id, &it.serial_number));
    let fits = PLACES.contains(&asset.place()) && CONDITIONS.contains(&asset.condition());
    if is_in_other || !fits || !asset.trip_id.is_empty() {
        return Err(asset::wrong_state(asset, &PLACES[..1], CONDITIONS));
    }
    let mut inner = asset.contents.iter();
    if inner.any(|it| !is_among(&it.item_id, &it.serial_number)) {
        asset::contents::check_empty(asset)?;
    }
    Ok(())
}

/// How many of each of the units are held: what had been found unusable first.
fn shared_out<'a>(
    found: &'a [ReceivedUnits],
    mut held: BTreeMap<(&'a str, &'a str), i64>,
) -> Vec<i64> {
    let mut shares = vec![0; found.len()];
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by_key(|index| found[*index].outcome() == ReceiptOutcome::Good);
    for index in order {
        let found = &found[index];
        let units = found
            .shipment_units
            .as_ref()
            .and_then(|it| it.units.as_ref());
        let Some(units) = units.filter(|_| found.outcome() != ReceiptOutcome::Missing) else {
            continue;
        };
        if let Some(open) = held.get_mut(&(&*units.batch_id, &*units.owner_id)) {
            shares[index] = units.quantity.min(*open);
            *open -= shares[index];
        }
    }
    shares
}
