//! Shipments.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::NaiveDate;
use keruen_domain::calendar::kazakhstan_day;
use keruen_proto::{
    inventory::v1::ReceiptOutcome,
    shipments::v1::{
        CancellationReason, CustodyBasis, DiscrepancyState, DisputeReason, LossCause, SealState,
        Shipment, ShipmentLine, ShipmentState,
    },
};

use crate::{
    cells,
    render::{
        record::{Cell, Part, Record, documents, units},
        word,
    },
};

impl Record for Shipment {
    const COLUMNS: &'static [&'static str] = &[
        "shipment_id",
        "state",
        "origin_id",
        "destination_id",
        "items",
        "quantity",
        "custodian_id",
        "expected_on",
        "days_late",
        "discrepancy",
        "cancellation_reason",
    ];

    fn cells(&self) -> Vec<Cell> {
        let items: Vec<String> = self.lines.iter().map(|line| line.item_id.clone()).collect();
        let quantities = match &self.lines[..] {
            [line] => Cell::Number(quantity(self, line)),
            lines => Cell::Numbers(lines.iter().map(|line| quantity(self, line)).collect()),
        };
        cells![
            &self.shipment_id,
            word::field::<ShipmentState>(self.state),
            &self.origin_id,
            &self.destination_id,
            items,
            quantities,
            &self.custodian_id,
            &self.expected_on,
            days_late(self, today()).map_or_else(|| Cell::from(""), Cell::from),
            if self.discrepancy { "yes" } else { "" },
            word::field::<CancellationReason>(self.cancellation_reason)
        ]
    }

    fn parts(&self) -> Vec<Part> {
        vec![
            lines(self),
            lots(self),
            reported(self),
            lost(self),
            parcels(self),
            legs(self),
            discrepancies(self),
            documents(&self.documents),
        ]
    }
}

/// The day in Kazakhstan.
fn today() -> NaiveDate {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_us = since.map_or(0, |since| since.as_micros());
    kazakhstan_day(i64::try_from(now_us).unwrap_or(i64::MAX))
}

/// For how many days it should have been there on a day, if it is on its way; what has arrived is late no more.
fn days_late(shipment: &Shipment, day: NaiveDate) -> Option<i64> {
    let is_on_its_way = matches!(
        shipment.state(),
        ShipmentState::Dispatched
            | ShipmentState::PartlyReceived
            | ShipmentState::HandedOver
            | ShipmentState::DeliveryAttempted
            | ShipmentState::Diverted
    );
    let expected_on: NaiveDate = shipment.expected_on.parse().ok()?;
    let days = day.signed_duration_since(expected_on).num_days();
    Some(days).filter(|days| is_on_its_way && *days > 0)
}

/// A number, or nothing where it is 0.
fn some(number: impl Into<i64>) -> String {
    match number.into() {
        0 => String::new(),
        number => number.to_string(),
    }
}

/// How much of a line it has: as allocated, less what was split off; what is asked for where nothing is allocated yet.
fn quantity(shipment: &Shipment, line: &ShipmentLine) -> i64 {
    if shipment.lots.is_empty() {
        line.quantity
    } else {
        allocated(shipment, line)
    }
}

fn allocated(shipment: &Shipment, line: &ShipmentLine) -> i64 {
    let lots = shipment
        .lots
        .iter()
        .filter_map(|lot| lot.shipment_units.as_ref());
    let units = lots.filter(|units| units.line == line.line);
    let quantities = units.filter_map(|units| Some(units.units.as_ref()?.quantity));
    quantities.fold(0, i64::saturating_add)
}

fn lines(shipment: &Shipment) -> Part {
    let rows = shipment
        .lines
        .iter()
        .map(|line| {
            let request_line = some(line.request_line);
            cells![
                line.line,
                &line.item_id,
                line.quantity,
                allocated(shipment, line),
                &line.request_id,
                request_line,
                &line.owner_id,
                some(line.min_life_days)
            ]
        })
        .collect();
    Part {
        title: "lines",
        columns: &[
            "line",
            "item_id",
            "quantity",
            "allocated",
            "request_id",
            "request_line",
            "owner_id",
            "min_life_days",
        ],
        rows,
    }
}

fn lots(shipment: &Shipment) -> Part {
    let rows = shipment
        .lots
        .iter()
        .map(|lot| {
            let allocated = lot.shipment_units.clone().unwrap_or_default();
            let stock = units(allocated.units.as_ref());
            cells![
                allocated.line,
                stock.batch_id,
                stock.donation_id,
                stock.owner_id,
                stock.lot,
                stock.expires_on,
                stock.quantity,
                lot.in_transit,
                lot.missing,
                lot.received_good,
                lot.received_unusable,
                lot.lost,
                &stock.serial_numbers[..]
            ]
        })
        .collect();
    Part {
        title: "allocated",
        columns: &[
            "line",
            "batch_id",
            "donation_id",
            "owner_id",
            "lot",
            "expires_on",
            "quantity",
            "in_transit",
            "missing",
            "received_good",
            "received_unusable",
            "lost",
            "serial_numbers",
        ],
        rows,
    }
}

/// How units were lost on the way.
fn reported(shipment: &Shipment) -> Part {
    let rows = shipment.reported_losses.iter().map(|loss| {
        let of_line = loss.units.clone().unwrap_or_default();
        let stock = units(of_line.units.as_ref());
        cells![
            some(of_line.line),
            stock.batch_id,
            stock.quantity,
            word::field::<LossCause>(loss.cause),
            &loss.liable_id,
            &stock.serial_numbers[..]
        ]
    });
    Part {
        title: "reported lost",
        columns: &[
            "line",
            "batch_id",
            "quantity",
            "cause",
            "liable_id",
            "serial_numbers",
        ],
        rows: rows.collect(),
    }
}

/// Who answered for what is lost.
fn lost(shipment: &Shipment) -> Part {
    let rows = shipment.lots.iter().flat_map(|lot| {
        let of_line = lot.shipment_units.clone().unwrap_or_default();
        let stock = units(of_line.units.as_ref());
        lot.lost_by_liable.iter().map(move |share| {
            cells![
                some(of_line.line),
                &stock.batch_id,
                share.quantity,
                &share.liable_id,
                &share.serial_numbers[..]
            ]
        })
    });
    Part {
        title: "lost",
        columns: &[
            "line",
            "batch_id",
            "quantity",
            "liable_id",
            "serial_numbers",
        ],
        rows: rows.collect(),
    }
}

fn parcels(shipment: &Shipment) -> Part {
    let rows = shipment
        .parcels
        .iter()
        .flat_map(|known| {
            let parcel = known.parcel.clone().unwrap_or_default();
            parcel.contents.clone().into_iter().map(move |contents| {
                let stock = units(contents.units.as_ref());
                cells![
                    &parcel.sscc,
                    &parcel.seal_number,
                    word::field::<SealState>(known.seal_state),
                    contents.line,
                    stock.batch_id,
                    stock.quantity,
                    &stock.serial_numbers[..],
                    some(parcel.weight_g),
                    some(parcel.volume_ml),
                    &known.contents_liable_id
                ]
            })
        })
        .collect();
    Part {
        title: "parcels",
        columns: &[
            "sscc",
            "seal_number",
            "seal_state",
            "line",
            "batch_id",
            "quantity",
            "serial_numbers",
            "weight_g",
            "volume_ml",
            "contents_liable_id",
        ],
        rows,
    }
}

fn legs(shipment: &Shipment) -> Part {
    let rows = shipment
        .legs
        .iter()
        .map(|leg| {
            cells![
                &leg.custodian_id,
                &leg.signed_by_ref,
                leg.basis
                    .map_or_else(String::new, word::field::<CustodyBasis>),
                &leg.agreement_id,
                leg.agreement_override
                    .as_ref()
                    .map_or("", |it| it.authorised_by_ref.as_str()),
                &leg.facility_id
            ]
        })
        .collect();
    Part {
        title: "carried by",
        columns: &[
            "custodian_id",
            "signed_by_ref",
            "basis",
            "agreement_id",
            "override_by",
            "facility_id",
        ],
        rows,
    }
}

fn discrepancies(shipment: &Shipment) -> Part {
    let rows = shipment
        .discrepancies
        .iter()
        .map(|it| {
            let found = it.found.clone().unwrap_or_default();
            let of_line = found.shipment_units.clone().unwrap_or_default();
            let stock = units(of_line.units.as_ref());
            cells![
                it.number,
                word::field::<ReceiptOutcome>(found.outcome),
                some(of_line.line),
                stock.batch_id,
                stock.quantity,
                found.sscc,
                found.liable_id,
                word::field::<DiscrepancyState>(it.state),
                &it.answer_due_on,
                it.dispute_reason
                    .map_or_else(String::new, word::field::<DisputeReason>)
            ]
        })
        .collect();
    Part {
        title: "not as announced",
        columns: &[
            "number",
            "outcome",
            "line",
            "batch_id",
            "quantity",
            "sscc",
            "liable_id",
            "state",
            "answer_due_on",
            "dispute_reason",
        ],
        rows,
    }
}

#[cfg(test)]
mod tests {
    use keruen_proto::{
        inventory::v1::StockUnits,
        shipments::v1::{ShipmentLot, ShipmentUnits},
    };

    use super::*;

    fn line(line: i32, quantity: i64) -> ShipmentLine {
        ShipmentLine {
            line,
            quantity,
            ..ShipmentLine::default()
        }
    }

    fn lot(line: i32, quantity: i64) -> ShipmentLot {
        let units = StockUnits {
            quantity,
            ..StockUnits::default()
        };
        ShipmentLot {
            shipment_units: Some(ShipmentUnits {
                line,
                units: Some(units),
                ..ShipmentUnits::default()
            }),
            ..ShipmentLot::default()
        }
    }

    #[test]
    fn a_shipment_is_late_while_it_is_on_its_way() {
        let late = |state: ShipmentState, expected_on: &str| {
            let shipment = Shipment {
                state: state.into(),
                expected_on: expected_on.to_owned(),
                ..Shipment::default()
            };
            days_late(&shipment, "2026-03-02".parse().unwrap())
        };
        let [on_its_way, arrived] = [ShipmentState::HandedOver, ShipmentState::Arrived];
        assert_eq!(late(on_its_way, "2026-02-27"), Some(3));
        assert_eq!(late(on_its_way, "2026-03-02"), None);
        assert_eq!(late(on_its_way, ""), None);
        assert_eq!(late(arrived, "2026-02-27"), None);
        assert_eq!(late(ShipmentState::Allocated, "2026-02-27"), None);
    }

    #[test]
    fn a_shipment_has_what_is_left_in_it() {
        let mut shipment = Shipment {
            lines: vec![line(1, 10), line(2, 7)],
            ..Shipment::default()
        };
        let told = |shipment: &Shipment| shipment.cells()[5].clone();
        assert_eq!(told(&shipment), Cell::Numbers(vec![10, 7]));
        // Four of the first line were split off, and all of the second.
        shipment.lots = vec![lot(1, 5), lot(2, 0), lot(1, 1)];
        assert_eq!(told(&shipment), Cell::Numbers(vec![6, 0]));
    }
}
