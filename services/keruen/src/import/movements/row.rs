//! Movements as they stand in rows.

use std::time::{SystemTime, UNIX_EPOCH};

use keruen_domain::code::MAX_QUANTITY;
use keruen_proto::{
    inventory::v1::{
        ConsumeStockRequest, ConsumptionPurpose, DisposalReason, DisposeStockRequest, NewStockLine,
        OpenStockRequest, ReceiptLine, ReceiptOutcome, ReceiveDonationRequest, ReturnReason,
        ReturnStockRequest,
    },
    log::v1::TimePrecision,
    registry::v1::{UnitValue, ValueBasis},
};
use pbjson_types::Timestamp;

use super::{
    COLUMNS, KINDS,
    command::{Command, Movement, each},
};
use crate::{
    client::{failure::Failure, value},
    import::{
        errors::Errors,
        sheet::Row,
        stream::{Rows, Source},
    },
    render::word,
};

/// What the books of an item can be opened with at once.
pub(super) const MAX_LINES: usize = 20;

/// Movements of a file, one after the other. Rows that open the books of an item together are one.
pub(super) struct Movements {
    rows: Rows,
    now: Timestamp,
    ahead: Option<Movement>,
}

impl Movements {
    pub(super) fn of(source: &Source) -> Result<Self, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = now.map_or(0, |now| now.as_secs());
        Ok(Self {
            rows: source.rows(COLUMNS)?,
            now: Timestamp {
                seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
                nanos: 0,
            },
            ahead: None,
        })
    }

    /// The next one that is right in itself; what is wrong with others is noted.
    pub(super) fn next(&mut self, errors: &mut Errors) -> Result<Option<Movement>, Failure> {
        let mut whole = self.ahead.take();
        while let Some(row) = self.rows.next(errors)? {
            let Some(movement) = movement(&row, self.now, errors) else {
                continue;
            };
            let Some(before) = &mut whole else {
                whole = Some(movement);
                continue;
            };
            if !joins(before, &movement) {
                self.ahead = Some(movement);
                break;
            }
        }
        Ok(whole)
    }
}

/// Takes the lines of a movement up into the one before, where both open the same books.
fn joins(whole: &mut Movement, next: &Movement) -> bool {
    let is_same = (&whole.facility_id, &whole.item_id) == (&next.facility_id, &next.item_id);
    match (&mut whole.command, &next.command) {
        (Command::Open(open), Command::Open(next_open))
            if is_same
                && open.occurred_at == next_open.occurred_at
                && open.lines.len() < MAX_LINES =>
        {
            open.lines.extend(next_open.lines.iter().cloned());
            whole.rows += next.rows;
            true
        }
        _ => false,
    }
}

/// When something happened, and how exactly that is known.
fn when(text: &str, now: Timestamp) -> Result<(Timestamp, TimePrecision), String> {
    let (time, precision) = match value::midnight(text) {
        Some(midnight) => (midnight, TimePrecision::Day),
        None => (
            value::timestamp(text).map_err(|_| {
                let example = "2020-07-21 or 2020-07-21T16:30:00+06:00";
                format!("must be a day or a time, such as {example}; found {text:?}")
            })?,
            TimePrecision::Unspecified,
        ),
    };
    if time.seconds < 0 {
        return Err(format!("must not be before 1970; found {text:?}"));
    }
    if time.seconds > now.seconds {
        return Err(format!("must not lie ahead; found {text:?}"));
    }
    Ok((time, precision))
}

fn movement(row: &Row, now: Timestamp, errors: &mut Errors) -> Option<Movement> {
    let kind = row.text("kind");
    let Some((_, required, known)) = KINDS.iter().find(|(name, ..)| *name == kind) else {
        if !kind.is_empty() {
            let rule = format!("must be open, receive, use, dispose or return; found {kind:?}");
            errors.field(row, "kind", &rule);
        }
        return None;
    };
    for column in COLUMNS.iter().filter(|column| !column.required) {
        let said = !row.text(column.name).is_empty();
        let place = known.iter().position(|name| *name == column.name);
        match place {
            None if said => {
                let rule = format!("must be empty: it says nothing of what is \"{kind}\"");
                errors.field(row, column.name, &rule);
            }
            Some(place) if place < *required && !said => {
                errors.field(row, column.name, &format!("is empty; \"{kind}\" needs it"));
            }
            _ => {}
        }
    }
    let time = row.parse("occurred_at", errors, |text| when(text, now));
    let quantity = row.parse("quantity", errors, |text| match value::whole(text)? {
        number @ 1..=MAX_QUANTITY => Ok(number),
        number => Err(format!("must be 1 to {MAX_QUANTITY}; found {number}")),
    });
    let command = match kind {
        "open" => open(row, quantity, errors),
        "receive" => receive(row, quantity, errors),
        "use" => Command::Use(ConsumeStockRequest {
            facility_id: row.string("facility_id"),
            item_id: row.string("item_id"),
            quantity: quantity?,
            batch_id: row.string("batch_id"),
            owner_id: row.string("owner_id"),
            purpose: row.parse("purpose", errors, word::number::<ConsumptionPurpose>)?,
            already_used: true,
            ..Default::default()
        }),
        "dispose" => Command::Dispose(DisposeStockRequest {
            facility_id: row.string("facility_id"),
            batch_id: row.string("batch_id"),
            owner_id: row.string("owner_id"),
            quantity: quantity?,
            serial_numbers: serial_numbers(row, errors),
            reason: row.parse("reason", errors, word::number::<DisposalReason>)?,
            already_disposed: true,
            ..Default::default()
        }),
        _ => Command::Return(ReturnStockRequest {
            facility_id: row.string("facility_id"),
            batch_id: row.string("batch_id"),
            owner_id: row.string("owner_id"),
            quantity: quantity?,
            serial_numbers: serial_numbers(row, errors),
            reason: row.parse("reason", errors, word::number::<ReturnReason>)?,
            already_returned: true,
            ..Default::default()
        }),
    };
    let (time, precision) = time?;
    let mut movement = Movement {
        line: row.line,
        number: row.number,
        rows: 1,
        facility_id: row.string("facility_id"),
        item_id: row.string("item_id"),
        command,
    };
    each!(&mut movement.command, request => {
        request.occurred_at = Some(time);
        request.occurred_at_precision = precision.into();
    });
    Some(movement)
}

fn serial_numbers(row: &Row, errors: &mut Errors) -> Vec<String> {
    row.many("serial_numbers", errors, |text| Ok(text.to_owned()))
}

fn unit_value(row: &Row, errors: &mut Errors) -> Option<UnitValue> {
    let amount = row.parse("unit_value", errors, value::money)?;
    Some(UnitValue {
        amount: Some(amount),
        basis: ValueBasis::DonorDeclared.into(),
    })
}

fn last_day(row: &Row, errors: &mut Errors) -> String {
    let day = row.parse("expires_on", errors, value::date);
    day.unwrap_or_default()
}

fn open(row: &Row, quantity: Option<i64>, errors: &mut Errors) -> Command {
    Command::Open(OpenStockRequest {
        facility_id: row.string("facility_id"),
        lines: vec![NewStockLine {
            item_id: row.string("item_id"),
            quantity: quantity.unwrap_or_default(),
            owner_id: row.string("owner_id"),
            lot: row.string("lot"),
            expires_on: last_day(row, errors),
            serial_numbers: serial_numbers(row, errors),
            unit_value: unit_value(row, errors),
            batch_id: row.string("batch_id"),
            ..Default::default()
        }],
        ..Default::default()
    })
}

fn receive(row: &Row, quantity: Option<i64>, errors: &mut Errors) -> Command {
    Command::Receive(ReceiveDonationRequest {
        donation_id: row.string("donation_id"),
        facility_id: row.string("facility_id"),
        lines: vec![ReceiptLine {
            item_id: row.string("item_id"),
            quantity: quantity.unwrap_or_default(),
            outcome: ReceiptOutcome::Good.into(),
            lot: row.string("lot"),
            expires_on: last_day(row, errors),
            serial_numbers: serial_numbers(row, errors),
            unit_value: unit_value(row, errors),
            batch_id: row.string("batch_id"),
            ..Default::default()
        }],
        ..Default::default()
    })
}
