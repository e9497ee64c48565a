//! Movements from a CSV file: what was there, came, was used, sent to other facilities, disposed of and given back, also long
//! ago.
//!
//! The file is read three times, row by row: for its form, for what only the server knows, and to enter it. What is kept of
//! it in memory are the ids of its batches, shipments, rows, facilities and items, the time zones of facilities, a hash for each
//! command, and those shipments whose receipt is still to come.

mod books;
mod check;
mod clocks;
mod command;
mod entry;
mod repetition;
mod row;
#[cfg(test)]
mod tests;
mod transfer;
mod turns;

use std::path::Path;

use self::{
    check::{check_all, look_through},
    clocks::Clocks,
    entry::enter_all,
};
use super::{
    plan::Stop,
    sheet::{self, Column},
    stream::Source,
};
use crate::client::{failure::Failure, session::Session};

const COLUMNS: &[Column] = &[
    Column {
        name: "kind",
        required: true,
        about: "open, receive, use, transfer, dispose or return",
    },
    Column {
        name: "occurred_at",
        required: true,
        about: "When: a day there, or a time in RFC 3339; of a transfer, when it was sent",
    },
    Column {
        name: "facility_id",
        required: true,
        about: "Where; of a transfer, from where",
    },
    Column {
        name: "item_id",
        required: true,
        about: "Of what",
    },
    Column {
        name: "quantity",
        required: true,
        about: "Base units",
    },
    Column {
        name: "batch_id",
        required: false,
        about: "The batch; an id of your choice where it is opened or received",
    },
    Column {
        name: "owner_id",
        required: false,
        about: "Whose, where that is to be said",
    },
    Column {
        name: "donation_id",
        required: false,
        about: "With which donation it was received",
    },
    Column {
        name: "lot",
        required: false,
        about: "Lot number as printed, where it is opened or received",
    },
    Column {
        name: "expires_on",
        required: false,
        about: "Last day of use, where it is opened or received",
    },
    Column {
        name: "serial_numbers",
        required: false,
        about: "Of equipment, separated by semicolons; not where it is used",
    },
    Column {
        name: "unit_value",
        required: false,
        about: "Declared value of one unit, for example 2.50USD",
    },
    Column {
        name: "purpose",
        required: false,
        about: "For what it was used: patient, control, training, wasted",
    },
    Column {
        name: "reason",
        required: false,
        about: "Why it was disposed of or given back",
    },
    Column {
        name: "shipment_id",
        required: false,
        about: "Of a transfer: its number; rows below each other with the same are one shipment",
    },
    Column {
        name: "destination_id",
        required: false,
        about: "Of a transfer: the facility to which it was sent",
    },
    Column {
        name: "custodian_id",
        required: false,
        about: "Of a transfer: the organisation that carried it",
    },
    Column {
        name: "received_at",
        required: false,
        about: "Of a transfer: when it was received; empty where nobody knows that it was",
    },
    Column {
        name: "outcome",
        required: false,
        about: "How it came: good (if empty), damaged, missing, surplus, wrong or expired",
    },
    Column {
        name: "row_id",
        required: false,
        about: "What your own books call the row: by it the row is recognised once changed",
    },
];

/// The columns that say something of each kind, beside those that are always there; the first of them must.
const KINDS: [(&str, usize, &[&str]); 6] = [
    (
        "open",
        0,
        &[
            "batch_id",
            "owner_id",
            "lot",
            "expires_on",
            "serial_numbers",
            "unit_value",
        ],
    ),
    (
        "receive",
        1,
        &[
            "donation_id",
            "batch_id",
            "lot",
            "expires_on",
            "serial_numbers",
            "unit_value",
            "outcome",
            "row_id",
        ],
    ),
    ("use", 1, &["purpose", "batch_id", "owner_id", "row_id"]),
    (
        "transfer",
        3,
        &[
            "shipment_id",
            "destination_id",
            "custodian_id",
            "received_at",
            "batch_id",
            "owner_id",
            "serial_numbers",
            "outcome",
        ],
    ),
    (
        "dispose",
        2,
        &["batch_id", "reason", "owner_id", "serial_numbers", "row_id"],
    ),
    (
        "return",
        2,
        &["batch_id", "reason", "owner_id", "serial_numbers", "row_id"],
    ),
];

const EXAMPLE: &str = include_str!("../../../examples/movements.csv");

/// The help below the options.
pub fn help() -> String {
    sheet::help(
        "movements",
        COLUMNS,
        EXAMPLE,
        "Facilities, items, owners, carriers and donations must be registered. Rows stand in the order in which things \
         happened; those that open the books of an item at a facility come first, stand together, and are 20 at most. What \
         was used, sent, disposed of and given back is recorded as it happened: where the books know of too little, the \
         rest is booked as found. Rows can be added to a file that was imported before, except of kind open, and of a \
         shipment that is there: those are entered together. What is in the books already is recognised by its row_id, \
         else by all that its row says. A row that is changed afterwards is refused, with what differs and what to do, where a \
         row_id, a batch that was received or a shipment tells which one it is; any other is entered beside the first, which \
         keruen correct void takes back. A row_id stands once for each kind and facility; rows that were imported without one keep having none.\n\n\
         A transfer is a shipment that was requested, left and was received, without an allocation; rows below each other \
         with the same shipment_id are one, 20 at most, which was sent and received as a whole, though each row says how it came: good, damaged or missing. It is received before the \
         first row that is as late as received_at. Equipment is named by its serial numbers; whether it was in the store from \
         which it was sent is told only as its row is entered. Without received_at it stays on its way, until it is filled in \
         and the file imported again, or keruen shipment receive, report-loss and accept-loss-act settle that. Who approved and who signed is not told, since nobody asked then: \
         every command of the import is given by one actor (--actor; what another one has imported is there already), and keruen report exceptions --kind backdated lists \
         what it recorded.",
    )
}

/// Checks a file, and enters it.
pub async fn run(session: &Session, file: &Path, dry_run: bool) -> Result<(), Failure> {
    let source = Source::at(file)?;
    let contents = look_through(&source)?;
    session.channel().await?;
    let (stop, clocks) = (Stop::default(), Clocks::default());
    stop.watch(check_all(session, &source, &contents, &clocks, &stop))
        .await?;
    if dry_run {
        anstream::println!(
            "movements: {} are right; nothing was entered (dry run)",
            contents.rows
        );
        return Ok(());
    }
    let entered = stop
        .watch(enter_all(session, &source, contents.rows, &clocks, &stop))
        .await?;
    anstream::println!("{entered}");
    session.tell_head().await
}
