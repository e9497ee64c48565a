//! Corrections: new facts that name the wrong one.

use clap::{Args, Subcommand};
use keruen_proto::{
    inventory::v1::{CorrectBatchDataRequest, CorrectReceiptRequest, VoidMovementRequest},
    registry::v1::{DocumentRef, Money, UnitValue, ValueBasis},
};

use crate::{
    client::{failure::Failure, line, mutation::MutationArgs, session::Session, value},
    render::word,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Correct how many units of a batch came
    #[command(after_help = "\
Examples:
  keruen correct receipt 0190a7b2-0000-7000-8000-000000000001/0 \\
      --batch B-HJKMN-PQRSTU --quantity 40
  keruen correct receipt 0190a7b2-0000-7000-8000-000000000001/0 \\
      --batch B-VENT --quantity 1 --serial SN-2

The event is the receipt: `keruen trace batch ID` and `keruen events --tag batch:ID` tell its id. Where fewer came \
than have gone on since, what the books can't explain is booked as found, as a discrepancy; count the stock to settle \
it. Serial numbers are those that did not come, or that came besides. It counts from the day of the receipt.")]
    Receipt(Receipt),
    /// Correct what was said of a batch: lot, expiry, declared value
    #[command(after_help = "\
Examples:
  keruen correct batch 0190a7b2-0000-7000-8000-000000000001/0 \\
      --batch B-HJKMN-PQRSTU --lot A12 --expires 2027-01-31

What is left out stays as it is; an empty value takes it away. It holds wherever the units are, also on their way: a \
recall of the right lot binds them, one of the wrong lot no longer does.")]
    Batch(Batch),
    /// Record that something did not happen: a use, disposal, return, adjustment, change of owner, dispatch, receipt of a
    /// shipment, loss act, payment, step of an asset or of a consignment
    #[command(after_help = "\
Examples:
  keruen correct void 0190a7b2-0000-7000-8000-000000000001/0 \\
      --document kind=count-sheet,number=CS-7

Once for each event. What was gone is there again; what was there and has gone on since is booked as found. A dispatch \
that did not happen leaves its goods claimed at the origin, a receipt leaves them under way, a loss act leaves them \
missing; money that was not paid is there to be spent. All of it counts from when the event had been said to \
happen: the past is told without it. Steps are taken back from the last one on: where more was told \
since, the refusal says what to do first.")]
    Void(Void),
}

/// A receipt, put right.
#[derive(Args, Debug)]
pub struct Receipt {
    /// The event that is wrong
    #[arg(required_unless_present = "json")]
    event_id: Option<String>,
    /// The batch that it brought
    #[arg(long, value_name = "ID", required_unless_present = "json")]
    batch: Option<String>,
    /// How many base units came, in truth; 0 where none did
    #[arg(
        long,
        value_name = "N",
        required_unless_present = "json",
        value_parser = value::whole
    )]
    quantity: Option<i64>,
    /// Pack of the item in which that is told, for example BOX. Default: base units
    #[arg(long, value_name = "CODE")]
    pack: Option<String>,
    /// Serial number, of an asset; repeatable
    #[arg(long = "serial", value_name = "NUMBER")]
    serials: Vec<String>,
    /// Corrected act and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// What a batch is, put right.
#[derive(Args, Debug)]
pub struct Batch {
    /// The receipt that said it
    #[arg(required_unless_present = "json")]
    event_id: Option<String>,
    /// The batch that it brought
    #[arg(long = "batch", value_name = "ID", required_unless_present = "json")]
    id: Option<String>,
    /// Lot number as printed; empty for none
    #[arg(long, value_name = "NUMBER")]
    lot: Option<String>,
    /// Last day of use; empty for none
    #[arg(long, value_name = "DAY")]
    expires: Option<String>,
    /// Declared value of one unit, for example 12.50USD
    #[arg(long, value_name = "AMOUNT", value_parser = value::money, requires = "basis")]
    value: Option<Money>,
    /// On what the value rests
    #[arg(long, requires = "value", value_parser = word::parser::<ValueBasis>())]
    basis: Option<ValueBasis>,
    /// Photograph of the label and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// What did not happen.
#[derive(Args, Debug)]
pub struct Void {
    /// The event that is wrong
    #[arg(required_unless_present = "json")]
    event_id: Option<String>,
    /// Protocol and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Receipt(args) => {
                let request = CorrectReceiptRequest {
                    event_id: args.event_id.unwrap_or_default(),
                    batch_id: args.batch.unwrap_or_default(),
                    quantity: args.quantity.unwrap_or_default(),
                    pack_id: args.pack.unwrap_or_default(),
                    serial_numbers: args.serials,
                    documents: args.documents,
                    ..Default::default()
                };
                session
                    .change_with_consequences(&args.mutation, request)
                    .await
            }
            Self::Batch(args) => {
                let basis = args.basis.map_or(0, Into::into);
                let request = CorrectBatchDataRequest {
                    event_id: args.event_id.unwrap_or_default(),
                    batch_id: args.id.unwrap_or_default(),
                    lot: args.lot,
                    expires_on: args.expires,
                    unit_value: args.value.map(|amount| UnitValue {
                        amount: Some(amount),
                        basis,
                    }),
                    documents: args.documents,
                    ..Default::default()
                };
                session
                    .change_with_consequences(&args.mutation, request)
                    .await
            }
            Self::Void(args) => {
                let request = VoidMovementRequest {
                    event_id: args.event_id.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session
                    .change_with_consequences(&args.mutation, request)
                    .await
            }
        }
    }
}
