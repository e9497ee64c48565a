//! A shipment, or a part of it, is received. Nothing here asks what the stock at the destination was before: what
//! stands on the loading dock is there.

use chrono::{Days, NaiveDate};
use keruen_proto::{
    Event,
    inventory::v1::ReceiptOutcome,
    shipments::v1::{
        ReceivedUnits, SealState, Shipment, ShipmentLot, ShipmentParcel, ShipmentReceived,
        ShipmentState,
    },
};

use super::{
    FoundGoods, ReceiveShipment, as_known, existing,
    journey::travels,
    parcel, pick, reads,
    receipt::{check_last_day, found, units_of},
    state::is_same,
    wrong_state,
};
use crate::{
    asset::{self, contents},
    batch::is_new,
    books::Books,
    boundary::Boundary,
    calendar::{self, facility_day, is_expired},
    code::Label,
    command::{Command, Moment},
    limits,
    quality::state::{self as quality, quarantine},
    registry::{existing_facility, existing_item},
    rejection::Rejection,
};

impl Command for ReceiveShipment {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(books, &self.shipment_id);
        if let Some(shipment) = books.shipment(&self.shipment_id) {
            let item_ids = shipment.lines.iter().map(|line| &*line.item_id);
            boundaries.extend(quality::reads(item_ids));
            boundaries.extend(contents::reads_of_receipt(shipment));
        }
        for found in self.new_goods() {
            boundaries.push(Boundary::Batch(found.new_batch_id.clone()));
            if let Some(item_id) = &found.item_id {
                boundaries.push(Boundary::Item(item_id.clone()));
                boundaries.extend(asset::reads(item_id, &found.serial_numbers));
            }
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        let destination = existing_facility(books, &shipment.destination_id)?;
        self.existence(books, shipment)?;
        check_under_way(shipment)?;
        parcel::check_seals_once(&self.seals)?;
        let mut looked_at = as_known(books, shipment);
        parcel::look_at(&mut looked_at, &self.seals);
        let shipment = &looked_at;
        let today = facility_day(destination, moment.occurred_at_us);
        let mut units = match &self.lines {
            Some(lines) => found(books, shipment, lines, today)?,
            None => everything(shipment, today, moment.is_past())?,
        };
        let along = contents::found_along(books, shipment, &units, |units| {
            is_expired(&units.expires_on, today)
        });
        units.extend_from_slice(&along);
        // Missing units come first, so that each can turn up in the same receipt but once.
        units.sort_by_key(|units| units.outcome() != ReceiptOutcome::Missing);
        let all_good = units
            .iter()
            .all(|found| found.outcome() == ReceiptOutcome::Good);
        let answer_due_on = (!all_good).then(|| today + Days::new(self.answer_within_days.into()));
        let new_batches = units
            .iter()
            .filter(|found| is_new(found.outcome()))
            .filter_map(|found| found.shipment_units.as_ref()?.units.as_ref());
        let held = quarantine(books, new_batches);
        let mut events = vec![
            ShipmentReceived {
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
                units,
                signed_by_ref: self
                    .signed_by_ref
                    .as_ref()
                    .map(Label::to_string)
                    .unwrap_or_default(),
                documents: self.documents.clone(),
                seals: self.seals.clone(),
                answer_due_on: calendar::stored(answer_due_on),
            }
            .into(),
        ];
        events.extend(held);
        events.extend(contents::set_apart_again(&shipment.destination_id, &along));
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}

impl ReceiveShipment {
    /// Goods that enter the books as batches of their own.
    fn new_goods(&self) -> impl Iterator<Item = &FoundGoods> {
        self.lines
            .iter()
            .flatten()
            .filter(|found| is_new(found.outcome))
    }

    fn existence(&self, books: &Books, shipment: &Shipment) -> Result<(), Rejection> {
        parcel::check_seals_exist(shipment, &self.seals)?;
        for sscc in self
            .lines
            .iter()
            .flatten()
            .filter_map(|it| it.sscc.as_ref())
        {
            parcel::existing_parcel(shipment, sscc)?;
        }
        for found in self.new_goods() {
            if let Some(item_id) = &found.item_id {
                existing_item(books, item_id)?;
            }
        }
        for found in self.new_goods() {
            if books.batch(&found.new_batch_id).is_some() {
                return Err(Rejection::BatchExists {
                    batch_id: found.new_batch_id.to_string(),
                });
            }
            if let Some(item_id) = &found.item_id {
                asset::must_be_new(books, item_id, &found.serial_numbers)?;
            }
        }
        Ok(())
    }
}

/// Refuses shipments of which nothing can arrive. Missing units may turn up as long as no loss act settles them.
fn check_under_way(shipment: &Shipment) -> Result<(), Rejection> {
    let is_missing = shipment.lots.iter().any(|lot| lot.missing > 0);
    match shipment.state() {
        ShipmentState::PartlyReceived => Ok(()),
        _ if travels(shipment) || is_missing => Ok(()),
        _ => Err(wrong_state(
            shipment,
            "DISPATCHED, HANDED_OVER, DELIVERY_ATTEMPTED, DIVERTED, ARRIVED, PARTLY_RECEIVED or units that are missing",
        )),
    }
}

/// Everything that is on its way, in good condition; what was in parcels that are not there is missing. What had expired
/// when it came some time ago came as such; else whoever receives it must say so.
fn everything(
    shipment: &Shipment,
    today: NaiveDate,
    is_past: bool,
) -> Result<Vec<ReceivedUnits>, Rejection> {
    let mut received = Vec::new();
    let under_way = |lot: &&ShipmentLot| lot.in_transit > 0 && !contents::goes_along(lot);
    for lot in shipment.lots.iter().filter(under_way) {
        let Some(units) = units_of(lot) else {
            continue;
        };
        let mut rest = pick::on_the_way(lot);
        for parcel in &shipment.parcels {
            if parcel.seal_state() == SealState::ParcelMissing {
                received.extend(missing_of(shipment, lot, parcel, &mut rest));
            }
        }
        if rest.quantity == 0 {
            continue;
        }
        let outcome = if is_past && is_expired(&units.expires_on, today) {
            ReceiptOutcome::Expired
        } else {
            ReceiptOutcome::Good
        };
        check_last_day("lines", outcome, units, today)?;
        received.push(ReceivedUnits {
            shipment_units: pick::part(lot, rest.quantity, rest.serial_numbers),
            outcome: outcome.into(),
            ..ReceivedUnits::default()
        });
    }
    if received.is_empty() {
        return Err(Rejection::NothingInTransit {
            shipment_id: shipment.shipment_id.clone(),
            missing: shipment.lots.iter().map(|lot| lot.missing).sum(),
        });
    }
    Ok(received)
}

/// What of a lot was in a parcel that is not there, taken off the rest.
fn missing_of(
    shipment: &Shipment,
    lot: &ShipmentLot,
    parcel: &ShipmentParcel,
    rest: &mut pick::Free,
) -> Option<ReceivedUnits> {
    let of_line = lot.shipment_units.as_ref()?;
    let contents = &parcel.parcel.as_ref()?.contents;
    let packed = contents.iter().find(|units| is_same(units, of_line))?;
    let packed = packed.units.as_ref()?;
    let mut serial_numbers = packed.serial_numbers.clone();
    serial_numbers.retain(|number| rest.serial_numbers.contains(number));
    let quantity = if packed.serial_numbers.is_empty() {
        packed.quantity.min(rest.quantity)
    } else {
        i64::try_from(serial_numbers.len()).unwrap_or(i64::MAX)
    };
    if quantity == 0 {
        return None;
    }
    rest.quantity -= quantity;
    rest.serial_numbers
        .retain(|number| !serial_numbers.contains(number));
    let sscc = parcel::sscc(parcel)?.to_owned();
    let missing = pick::part(lot, quantity, serial_numbers)?;
    Some(ReceivedUnits {
        liable_id: parcel::liable(shipment, &missing, Some(&sscc)),
        shipment_units: Some(missing),
        outcome: ReceiptOutcome::Missing.into(),
        sscc,
    })
}
