//! Shipments.

use keruen_proto::shipments::v1::{CancellationReason, Shipment, ShipmentState};

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
        "discrepancy",
        "cancellation_reason",
    ];

    fn cells(&self) -> Vec<Cell> {
        let items: Vec<String> = self.lines.iter().map(|line| line.item_id.clone()).collect();
        let quantities = match &self.lines[..] {
            [line] => Cell::Number(line.quantity),
            lines => Cell::Numbers(lines.iter().map(|line| line.quantity).collect()),
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
            if self.discrepancy { "yes" } else { "" },
            word::field::<CancellationReason>(self.cancellation_reason)
        ]
    }

    fn parts(&self) -> Vec<Part> {
        vec![lines(self), lots(self), documents(&self.documents)]
    }
}

fn lines(shipment: &Shipment) -> Part {
    let rows = shipment
        .lines
        .iter()
        .map(|line| {
            let request_line = if line.request_line == 0 {
                String::new()
            } else {
                line.request_line.to_string()
            };
            cells![
                line.line,
                &line.item_id,
                line.quantity,
                &line.request_id,
                request_line,
                &line.owner_id
            ]
        })
        .collect();
    Part {
        title: "lines",
        columns: &[
            "line",
            "item_id",
            "quantity",
            "request_id",
            "request_line",
            "owner_id",
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
