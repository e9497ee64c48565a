//! Transfers from one facility to another: the rows of a shipment, and the commands that bring it about. What was sent is
//! recorded as it happened, claimed by nobody before.

use std::sync::Arc;

use keruen_proto::{
    inventory::v1::ReceiptOutcome,
    shipments::v1::{
        DispatchShipmentRequest, ReceiveShipmentRequest, RequestShipmentRequest, ShipmentLine,
        ShipmentPick, ShipmentReceiptLine,
    },
};
use pbjson_types::Timestamp;

use super::{
    command::{Command, Goods, Movement, When},
    row::{MAX_LINES, serial_numbers},
};
use crate::{
    import::{errors::Errors, sheet::Row},
    render::word,
};

/// The rows of a shipment.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    pub(super) shipment_id: String,
    pub(super) origin_id: String,
    pub(super) destination_id: String,
    pub(super) custodian_id: String,
    pub(super) sent: When,
    pub(super) received: Option<When>,
    pub(super) goods: Vec<Goods>,
    pub(super) lines: Vec<ShipmentLine>,
    pub(super) units: Vec<ShipmentPick>,
    /// What was found of those that did not come well.
    pub(super) found: Vec<ShipmentReceiptLine>,
    /// Dates as they stand in the first row.
    told: [String; 2],
}

/// The transfer of a row.
pub(super) fn of(
    row: &Row,
    (sent, received): (When, Option<When>),
    quantity: i64,
    errors: &mut Errors,
) -> Option<Transfer> {
    let mut wrong = |column: &str, rule: &str| errors.field(row, column, rule);
    let (origin_id, destination_id) = (row.string("facility_id"), row.string("destination_id"));
    if origin_id == destination_id {
        wrong(
            "destination_id",
            "must be another facility than facility_id",
        );
        return None;
    }
    let sent_at = (sent.0.seconds, sent.0.nanos);
    let is_before = |it: &When| (it.0.seconds, it.0.nanos) < sent_at;
    if received.as_ref().is_some_and(is_before) {
        let rule = format!(
            "must not lie before occurred_at, {}",
            row.text("occurred_at")
        );
        wrong("received_at", &rule);
        return None;
    }
    if received.is_none() && !row.text("received_at").is_empty() {
        return None;
    }
    let serial_numbers = serial_numbers(row, errors);
    let count = i64::try_from(serial_numbers.len()).unwrap_or(i64::MAX);
    if count > 0 && count != quantity {
        let rule = format!("must be one for each unit; found {count} for {quantity} units");
        errors.field(row, "serial_numbers", &rule);
        return None;
    }
    let found = found(row, (quantity, &serial_numbers), errors);
    Some(Transfer {
        shipment_id: row.string("shipment_id"),
        origin_id,
        destination_id,
        custodian_id: row.string("custodian_id"),
        sent,
        received,
        goods: vec![Goods::of(row)],
        lines: vec![ShipmentLine {
            line: 1,
            item_id: row.string("item_id"),
            quantity,
            owner_id: row.string("owner_id"),
            ..Default::default()
        }],
        units: vec![ShipmentPick {
            line: 1,
            batch_id: row.string("batch_id"),
            owner_id: row.string("owner_id"),
            quantity,
            serial_numbers,
        }],
        found: found.into_iter().collect(),
        told: ["occurred_at", "received_at"].map(|column| row.string(column)),
    })
}

/// What was found of what a row sent, where it did not come well. The server knows by its date what had expired.
fn found(
    row: &Row,
    (quantity, serial_numbers): (i64, &[String]),
    errors: &mut Errors,
) -> Option<ShipmentReceiptLine> {
    let outcome = row.parse("outcome", errors, |text| match word::parse(text)? {
        outcome @ (ReceiptOutcome::Good | ReceiptOutcome::Damaged | ReceiptOutcome::Missing) => {
            Ok(outcome)
        }
        _ => Err(format!(
            "must be good, damaged or missing, of a transfer; found {text:?}"
        )),
    });
    let outcome = outcome.filter(|it| *it != ReceiptOutcome::Good)?;
    for column in ["received_at", "batch_id"] {
        if row.text(column).is_empty() {
            let word = word::of(outcome);
            errors.field(row, column, &format!("is empty; \"{word}\" needs it"));
        }
    }
    Some(ShipmentReceiptLine {
        line: 1,
        batch_id: row.string("batch_id"),
        owner_id: row.string("owner_id"),
        quantity,
        outcome: outcome.into(),
        serial_numbers: serial_numbers.to_vec(),
        ..Default::default()
    })
}

impl Transfer {
    /// Takes up the next row, where it is of the same shipment. Notes what it says otherwise.
    pub(super) fn joins(&mut self, next: &Self, errors: &mut Errors) -> bool {
        if self.shipment_id != next.shipment_id {
            return false;
        }
        let first = self.goods.first().map_or(0, |goods| goods.line);
        let place = next.goods.first().map_or((0, 0), Goods::place);
        let columns = [
            ("occurred_at", &self.told[0], &next.told[0]),
            ("facility_id", &self.origin_id, &next.origin_id),
            ("destination_id", &self.destination_id, &next.destination_id),
            ("custodian_id", &self.custodian_id, &next.custodian_id),
            ("received_at", &self.told[1], &next.told[1]),
        ];
        for (column, before, here) in columns {
            if before != here {
                let rule = format!(
                    "{here:?} differs from {before:?} in line {first}, the same shipment; what was sent or received apart \
                     is a shipment of its own"
                );
                errors.note(place.0, place.1, Some(column), &rule);
            }
        }
        if self.lines.len() == MAX_LINES {
            let rule = format!("a shipment has {MAX_LINES} rows at most; make it two");
            errors.note(place.0, place.1, Some("shipment_id"), &rule);
            return true;
        }
        let line = self.lines.last().map_or(0, |line| line.line) + 1;
        let lines = next.lines.iter().cloned();
        self.lines
            .extend(lines.map(|it| ShipmentLine { line, ..it }));
        let units = next.units.iter().cloned();
        self.units
            .extend(units.map(|it| ShipmentPick { line, ..it }));
        let found = next.found.iter().cloned();
        self.found
            .extend(found.map(|it| ShipmentReceiptLine { line, ..it }));
        self.goods.extend(next.goods.iter().cloned());
        true
    }

    /// Line and number of its first row.
    pub(super) fn place(&self) -> (u64, usize) {
        self.goods.first().map_or((0, 0), Goods::place)
    }

    /// What happened where it left.
    pub(super) fn departure(self: &Arc<Self>) -> [Movement; 2] {
        let (time, precision) = self.sent;
        let asked = RequestShipmentRequest {
            occurred_at: Some(time),
            occurred_at_precision: precision.into(),
            shipment_id: self.shipment_id.clone(),
            origin_id: self.origin_id.clone(),
            destination_id: self.destination_id.clone(),
            lines: self.lines.clone(),
            ..Default::default()
        };
        let sent = DispatchShipmentRequest {
            occurred_at: Some(time),
            occurred_at_precision: precision.into(),
            shipment_id: self.shipment_id.clone(),
            custodian_id: self.custodian_id.clone(),
            already_dispatched: true,
            units: self.units.clone(),
            ..Default::default()
        };
        // A row is entered once all of it is.
        let rows = if self.received.is_some() {
            0
        } else {
            self.lines.len()
        };
        [
            self.movement(&self.origin_id, 0, Command::Request(asked)),
            self.movement(&self.origin_id, rows, Command::Send(sent)),
        ]
    }

    /// What happened where it was received, and when; none where nobody knows of that. What did not come well is told first,
    /// and then the rest has come.
    pub(super) fn receipts(self: &Arc<Self>) -> Vec<(Timestamp, Movement)> {
        let Some((time, precision)) = self.received else {
            return Vec::new();
        };
        let mut receipts = Vec::new();
        let mut receive = |lines: &[ShipmentReceiptLine], rows: usize| {
            let received = ReceiveShipmentRequest {
                occurred_at: Some(time),
                occurred_at_precision: precision.into(),
                shipment_id: self.shipment_id.clone(),
                lines: lines.to_vec(),
                ..Default::default()
            };
            let receipt = self.movement(&self.destination_id, rows, Command::Arrive(received));
            receipts.push((time, receipt));
        };
        // A row is entered once all of it is.
        let rest = self.lines.len() - self.found.len();
        if !self.found.is_empty() {
            receive(&self.found, self.found.len());
        }
        if rest > 0 {
            receive(&[], rest);
        }
        receipts
    }

    fn movement(self: &Arc<Self>, facility_id: &str, rows: usize, command: Command) -> Movement {
        let (line, number) = self.place();
        Movement {
            line,
            number,
            rows,
            facility_id: facility_id.to_owned(),
            row_id: String::new(),
            goods: self.goods.clone(),
            transfer: Some(Arc::clone(self)),
            command,
        }
    }
}
