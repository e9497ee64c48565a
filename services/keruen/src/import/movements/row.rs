//! Movements as they stand in rows.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

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
    command::{Command, Goods, Movement, When, each},
    transfer::{self, Transfer},
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

/// How many receipts may wait until rows are as late as they are. Beyond that, the earliest goes ahead of its time.
const MAX_RECEIPTS: usize = 100_000;

/// When something happened: seconds and nanoseconds.
type Time = (i64, i32);

/// Movements of a file, one after the other. Rows that open the books of an item together are one, and so are those of a
/// transfer: it leaves where its rows stand, and is received before the first row that is as late.
pub(super) struct Movements {
    rows: Rows,
    now: Timestamp,
    ahead: Option<Entry>,
    ready: VecDeque<Movement>,
    receipts: BTreeMap<(Time, u64), Movement>,
    received: u64,
}

/// What rows say together.
enum Entry {
    Movement(Movement),
    Transfer(Transfer),
}

impl Entry {
    fn time(&self) -> Time {
        let time = match self {
            Self::Movement(movement) => movement.occurred_at(),
            Self::Transfer(transfer) => Some(transfer.sent.0),
        };
        time.map_or((0, 0), |time| (time.seconds, time.nanos))
    }

    /// Takes up what the next row says, where both are one.
    fn joins(&mut self, next: &Self, errors: &mut Errors) -> bool {
        match (self, next) {
            (Self::Movement(whole), Self::Movement(next)) => joins(whole, next),
            (Self::Transfer(whole), Self::Transfer(next)) => whole.joins(next, errors),
            _ => false,
        }
    }
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
            ready: VecDeque::new(),
            receipts: BTreeMap::new(),
            received: 0,
        })
    }

    /// Where the header stands.
    pub(super) fn header_line(&self) -> u64 {
        self.rows.header_line
    }

    /// The next one that is right in itself; what is wrong with others is noted.
    pub(super) fn next(&mut self, errors: &mut Errors) -> Result<Option<Movement>, Failure> {
        if let Some(movement) = self.ready.pop_front() {
            return Ok(Some(movement));
        }
        let Some(entry) = self.entry(errors)? else {
            let last = self.receipts.pop_first();
            return Ok(last.map(|(_, receipt)| receipt));
        };
        let later = self.receipts.split_off(&(entry.time(), u64::MAX));
        let due = std::mem::replace(&mut self.receipts, later);
        self.ready.extend(due.into_values());
        match entry {
            Entry::Movement(movement) => self.ready.push_back(movement),
            Entry::Transfer(transfer) => self.take_up(&Arc::new(transfer)),
        }
        Ok(self.ready.pop_front())
    }

    fn take_up(&mut self, transfer: &Arc<Transfer>) {
        self.ready.extend(transfer.departure());
        for (time, receipt) in transfer.receipts() {
            self.received += 1;
            let key = ((time.seconds, time.nanos), self.received);
            self.receipts.insert(key, receipt);
        }
        while self.receipts.len() > MAX_RECEIPTS {
            let first = self.receipts.pop_first();
            self.ready.extend(first.map(|(_, receipt)| receipt));
        }
    }

    /// What the next rows say together.
    fn entry(&mut self, errors: &mut Errors) -> Result<Option<Entry>, Failure> {
        let mut whole = self.ahead.take();
        while let Some(row) = self.rows.next(errors)? {
            let Some(entry) = entry(&row, self.now, errors) else {
                continue;
            };
            let Some(before) = &mut whole else {
                whole = Some(entry);
                continue;
            };
            if !before.joins(&entry, errors) {
                self.ahead = Some(entry);
                break;
            }
        }
        Ok(whole)
    }
}

/// Takes the lines of a movement up into the one before, where both open the same books.
fn joins(whole: &mut Movement, next: &Movement) -> bool {
    let is_same = (&whole.facility_id, whole.item_id()) == (&next.facility_id, next.item_id());
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

/// When something happened, of a day as it begins in Almaty, and how exactly that is known.
fn when(text: &str, now: Timestamp) -> Result<When, String> {
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

/// What a row says; what is wrong with it is noted.
fn entry(row: &Row, now: Timestamp, errors: &mut Errors) -> Option<Entry> {
    let kind = row.text("kind");
    let Some((_, required, known)) = KINDS.iter().find(|(name, ..)| *name == kind) else {
        if !kind.is_empty() {
            let kinds = "open, receive, use, transfer, dispose or return";
            let rule = format!("must be {kinds}; found {kind:?}");
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
    if kind == "transfer" {
        let received = row.parse("received_at", errors, |text| when(text, now));
        let transfer = transfer::of(row, (time?, received), quantity?, errors)?;
        return Some(Entry::Transfer(transfer));
    }
    movement(row, time, quantity, errors).map(Entry::Movement)
}

fn movement(
    row: &Row,
    time: Option<When>,
    quantity: Option<i64>,
    errors: &mut Errors,
) -> Option<Movement> {
    let command = match row.text("kind") {
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
        row_id: row.string("row_id"),
        goods: vec![Goods::of(row)],
        transfer: None,
        command,
    };
    each!(&mut movement.command, request => {
        request.occurred_at = Some(time);
        request.occurred_at_precision = precision.into();
    });
    Some(movement)
}

pub(super) fn serial_numbers(row: &Row, errors: &mut Errors) -> Vec<String> {
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
    let outcome = row.parse("outcome", errors, word::parse);
    if outcome == Some(ReceiptOutcome::Missing) && !row.text("batch_id").is_empty() {
        let rule = "must be empty: what is missing is no batch";
        errors.field(row, "batch_id", rule);
    }
    Command::Receive(ReceiveDonationRequest {
        donation_id: row.string("donation_id"),
        facility_id: row.string("facility_id"),
        lines: vec![ReceiptLine {
            item_id: row.string("item_id"),
            quantity: quantity.unwrap_or_default(),
            outcome: outcome.unwrap_or(ReceiptOutcome::Good).into(),
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
