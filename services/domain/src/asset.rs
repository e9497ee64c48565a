//! Assets: single units that are told apart by their serial numbers, and where each one is.

use std::collections::BTreeSet;

use keruen_proto::{
    Event, EventType,
    inventory::v1::{
        Asset, AssetPlace, DonationReceived, MovementVoided, ReceiptCorrected, ReceiptOutcome,
        StockAdjusted, StockDisposed, StockEntered, StockReturned, StockUnits, TitleTransferred,
        VoidedMovement,
    },
    registry::v1::{Item, Tracking},
    shipments::v1::{LossActAccepted, ShipmentDispatched, ShipmentReceived, ShipmentUnits},
};

use crate::{
    books::{Books, Fold},
    boundary::Boundary,
    code::{Code, Label},
    rejection::Rejection,
};

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
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Boundary::Asset(item_id, serial_number) = boundary else {
            return;
        };
        if let Event::TitleTransferred(event) = event
            && let Some(units) = &event.units
            && units.item_id == item_id.as_str()
            && units
                .serial_numbers
                .iter()
                .any(|it| it == serial_number.as_str())
        {
            self.owner_id.clone_from(&event.new_owner_id);
        }
        for movement in movements(event) {
            let units = movement.units;
            if units.item_id == item_id.as_str()
                && units
                    .serial_numbers
                    .iter()
                    .any(|it| it == serial_number.as_str())
            {
                *self = Self {
                    item_id: item_id.to_string(),
                    serial_number: serial_number.to_string(),
                    batch_id: units.batch_id.clone(),
                    donation_id: units.donation_id.clone(),
                    owner_id: units.owner_id.clone(),
                    place: movement.place.into(),
                    facility_id: movement.facility_id.to_owned(),
                    shipment_id: movement.shipment_id.to_owned(),
                };
            }
        }
    }
}

/// Units that an event brought to a place.
struct Movement<'a> {
    units: &'a StockUnits,
    place: AssetPlace,
    /// Where they are, or were last.
    facility_id: &'a str,
    /// The shipment that they are in.
    shipment_id: &'a str,
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
        Event::LossActAccepted(event) => stock_units(&event.units)
            .map(|units| at_rest(units, AssetPlace::Lost, &event.origin_id))
            .collect(),
        _ => Vec::new(),
    }
}

/// Where units are, if what was said of them did not happen. Title that goes back moves nothing, and whose they are stands
/// with the units.
fn voided(event: &MovementVoided) -> Vec<Movement<'_>> {
    let place = if event.movement() == VoidedMovement::Increase {
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
    }
}

/// Where an asset is, for people.
fn whereabouts(asset: &Asset) -> String {
    match asset.place() {
        AssetPlace::Shipment => format!("in shipment {}", asset.shipment_id),
        AssetPlace::Disposed => format!("disposed of at facility {}", asset.facility_id),
        AssetPlace::Returned => format!("given back from facility {}", asset.facility_id),
        AssetPlace::Lost => format!("lost, last at facility {}", asset.facility_id),
        AssetPlace::NotReceived => format!(
            "not received at facility {}, as was corrected",
            asset.facility_id
        ),
        AssetPlace::Facility | AssetPlace::Unspecified => {
            format!("at facility {}", asset.facility_id)
        }
    }
}

/// Whether units of the item are told apart by serial numbers.
pub(crate) fn is_asset(item: &Item) -> bool {
    item.tracking() == Tracking::Serial
}

/// Refuses serial numbers that don't fit the item and the quantity, or stand twice in the command; `seen` holds those
/// of its earlier lines.
pub(crate) fn check_serial_numbers(
    field: &str,
    item: &Item,
    quantity: i64,
    serial_numbers: &[Label],
    seen: &mut BTreeSet<(String, Label)>,
) -> Result<(), Rejection> {
    let found = serial_numbers.len();
    if !is_asset(item) {
        return if found == 0 {
            Ok(())
        } else {
            Err(Rejection::SerialNumbersNotExpected {
                field: field.to_owned(),
                item_id: item.item_id.clone(),
            })
        };
    }
    count_serial_numbers(field, &item.item_id, quantity, found)?;
    for serial_number in serial_numbers {
        if !seen.insert((item.item_id.clone(), serial_number.clone())) {
            return Err(Rejection::DuplicateSerialNumber {
                field: field.to_owned(),
                item_id: item.item_id.clone(),
                serial_number: serial_number.to_string(),
            });
        }
    }
    Ok(())
}

/// Refuses a number of serial numbers other than the quantity.
pub(crate) fn count_serial_numbers(
    field: &str,
    item_id: &str,
    quantity: i64,
    found: usize,
) -> Result<(), Rejection> {
    if i64::try_from(found) == Ok(quantity) {
        return Ok(());
    }
    Err(Rejection::SerialNumberCount {
        field: field.to_owned(),
        item_id: item_id.to_owned(),
        quantity,
        serial_numbers: found,
    })
}

/// What must be read to know whether units are in the books already.
pub(crate) fn reads(item_id: &Code, serial_numbers: &[Label]) -> impl Iterator<Item = Boundary> {
    serial_numbers
        .iter()
        .map(|serial_number| Boundary::Asset(item_id.clone(), serial_number.clone()))
}

/// Refuses serial numbers that are in the books already.
pub(crate) fn must_be_new(
    books: &Books,
    item_id: &Code,
    serial_numbers: &[Label],
) -> Result<(), Rejection> {
    match serial_numbers
        .iter()
        .filter_map(|serial_number| books.asset(item_id, serial_number))
        .find(|asset| asset.place() != AssetPlace::NotReceived)
    {
        Some(asset) => Err(exists(asset)),
        None => Ok(()),
    }
}

/// That a unit is in the books already, and where it is.
pub(crate) fn exists(asset: &Asset) -> Rejection {
    Rejection::SerialNumberExists {
        item_id: asset.item_id.clone(),
        serial_number: asset.serial_number.clone(),
        place: whereabouts(asset),
    }
}

/// Serial numbers as stored.
pub(crate) fn stored(serial_numbers: &[Label]) -> Vec<String> {
    serial_numbers.iter().map(Label::to_string).collect()
}
