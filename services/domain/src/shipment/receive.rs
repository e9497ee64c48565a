//! A shipment, or a part of it, is received. Nothing here asks what the stock at the destination was before: what
//! stands on the loading dock is there.

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    inventory::v1::{ReceiptOutcome, StockUnits},
    shipments::v1::{
        ReceivedUnits, Shipment, ShipmentLot, ShipmentReceived, ShipmentState, ShipmentUnits,
    },
};

use super::{
    FoundGoods, ReceiveShipment, as_known, existing, reads,
    receipt::{check_last_day, found, units_of},
    wrong_state,
};
use crate::{
    asset::{self, contents},
    batch::is_new,
    books::Books,
    boundary::Boundary,
    calendar::{facility_day, is_expired},
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
        self.existence(books)?;
        check_under_way(shipment)?;
        let shipment = &as_known(books, shipment);
        let today = facility_day(destination, moment.occurred_at_us);
        let mut units = match &self.lines {
            Some(lines) => found(books, shipment, lines, today)?,
            None => everything(shipment, today)?,
        };
        let along = contents::found_along(books, shipment, &units, |units| {
            is_expired(&units.expires_on, today)
        });
        units.extend_from_slice(&along);
        // Missing units come first, so that each can turn up in the same receipt but once.
        units.sort_by_key(|units| units.outcome() != ReceiptOutcome::Missing);
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

    fn existence(&self, books: &Books) -> Result<(), Rejection> {
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
        ShipmentState::Dispatched | ShipmentState::PartlyReceived => Ok(()),
        _ if is_missing => Ok(()),
        _ => Err(wrong_state(
            shipment,
            "DISPATCHED, PARTLY_RECEIVED or units that are missing",
        )),
    }
}

/// Everything that is on its way, in good condition.
fn everything(shipment: &Shipment, today: NaiveDate) -> Result<Vec<ReceivedUnits>, Rejection> {
    let mut received = Vec::new();
    let under_way = |lot: &&ShipmentLot| lot.in_transit > 0 && !contents::goes_along(lot);
    for lot in shipment.lots.iter().filter(under_way) {
        let (Some(of_line), Some(units)) = (&lot.shipment_units, units_of(lot)) else {
            continue;
        };
        check_last_day("lines", ReceiptOutcome::Good, units, today)?;
        let mut serial_numbers = lot.serial_numbers_in_transit.clone();
        serial_numbers.retain(|serial_number| !lot.missing_serial_numbers.contains(serial_number));
        let units = StockUnits {
            quantity: lot.in_transit,
            serial_numbers,
            ..units.clone()
        };
        received.push(ReceivedUnits {
            shipment_units: Some(ShipmentUnits {
                units: Some(units),
                ..of_line.clone()
            }),
            outcome: ReceiptOutcome::Good.into(),
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
