//! Donations.

use clap::{Args, Subcommand};
use keruen_proto::{
    inventory::v1::{
        GetDonationRequest, PledgeDonationRequest, PledgeLine, ReceiptLine, ReceiveDonationRequest,
        SpendDonatedMoneyRequest,
    },
    registry::v1::{DocumentRef, Money},
    stock::v1::ListDonationsRequest,
};

use crate::client::{
    failure::Failure,
    line,
    mutation::{ListArgs, MutationArgs},
    session::Session,
    value,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Record that a donor promises goods or money
    #[command(after_help = "\
Examples:
  keruen donation pledge --donor KASPI --id KASPI-TESTS \\
      --line commodity=TEST-SARS2,quantity=100000
  keruen donation pledge --donor UTEMURATOV --recipient MOH \\
      --money 4000000USD \\
      --document kind=donation-agreement,number=17/2020,date=2020-07-10
  keruen donation pledge --json pledge.json --validate-only

A line is commodity=CODE or item=CODE, and quantity=N in base units.")]
    Pledge(Pledge),
    /// Record that donated goods arrived at a facility
    #[command(after_help = "\
Examples:
  keruen donation receive KASPI-TESTS --facility WH-ALA \\
      --line item=TEST-RAPID-A,quantity=60000,lot=A12,expires=2027-01-31 \\
      --line item=TEST-RAPID-A,quantity=40,expires=2027-01-31,outcome=damaged
  keruen donation receive DEGDAR-VENT --facility HOSP-JEZ \\
      --line item=VENT-A,serial=SN-1,serial=SN-2 \\
      --occurred-at 2020-07-14T09:30:00+06:00

A line is item=CODE,quantity=N and, where they apply, outcome=good|damaged|missing|surplus|wrong|expired, lot=LOT, \
expires=DAY, serial=NUMBER (repeatable; quantity is then their number), pledge-line=N, value=12.50USD with \
basis=donor-declared|invoice|market-estimate, batch=ID. A comma in a value is written \\,.")]
    Receive(Receive),
    /// Spend donated money and record that what it bought arrived
    #[command(after_help = "\
Examples:
  keruen donation spend UTEMURATOV-LABS --amount 4000000USD \\
      --supplier SARYARKA --facility WH-AST \\
      --line item=LAB-PCR,serial=L1,serial=L2,value=2000000USD,basis=invoice \\
      --document kind=invoice,number=INV-9

Lines are those of `keruen donation receive`.")]
    Spend(Spend),
    /// Show a donation
    #[command(after_help = "\
Examples:
  keruen donation get KASPI-TESTS")]
    Get {
        /// Its id
        donation_id: String,
    },
    /// List donations, newest first
    #[command(after_help = "\
Examples:
  keruen donation list
  keruen donation list --donor KASPI --format json")]
    List {
        /// Only of this donor
        #[arg(long, value_name = "CODE")]
        donor: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
}

/// A promise.
#[derive(Args, Debug)]
pub struct Pledge {
    /// Id of your choice. Default: the server makes one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Organisation that gives
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    donor: Option<String>,
    /// Organisation to which the goods will belong. Default: the donor
    #[arg(long, value_name = "CODE")]
    recipient: Option<String>,
    /// Goods promised: commodity=CODE,quantity=N or item=CODE,quantity=N; repeatable
    #[arg(long = "line", value_name = "LINE", value_parser = line::pledge)]
    lines: Vec<PledgeLine>,
    /// Money promised, for example 4000000USD
    #[arg(long, value_name = "AMOUNT", value_parser = value::money)]
    money: Option<Money>,
    /// Day on which it is expected
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    expected_on: Option<String>,
    /// The donor is not to be named in public
    #[arg(long)]
    anonymous: bool,
    /// Agreement and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// An arrival of donated goods.
#[derive(Args, Debug)]
pub struct Receive {
    /// The donation
    #[arg(required_unless_present = "json")]
    donation_id: Option<String>,
    /// Where the goods arrived
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    facility: Option<String>,
    /// What was found; repeatable. See below
    #[arg(long = "line", value_name = "LINE", required_unless_present = "json", value_parser = line::receipt)]
    lines: Vec<ReceiptLine>,
    /// Acceptance act and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// Money spent.
#[derive(Args, Debug)]
pub struct Spend {
    /// The donation
    #[arg(required_unless_present = "json")]
    donation_id: Option<String>,
    /// How much, in the currency of the pledge
    #[arg(long, value_name = "AMOUNT", required_unless_present = "json", value_parser = value::money)]
    amount: Option<Money>,
    /// Organisation that was paid
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    supplier: Option<String>,
    /// Where the goods arrived
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    facility: Option<String>,
    /// What was bought; repeatable. See below
    #[arg(long = "line", value_name = "LINE", required_unless_present = "json", value_parser = line::receipt)]
    lines: Vec<ReceiptLine>,
    /// Invoice and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Pledge(args) => {
                let request = PledgeDonationRequest {
                    donation_id: args.id.unwrap_or_default(),
                    donor_id: args.donor.unwrap_or_default(),
                    recipient_id: args.recipient.unwrap_or_default(),
                    lines: args.lines,
                    money: args.money,
                    expected_on: args.expected_on.unwrap_or_default(),
                    documents: args.documents,
                    anonymous: args.anonymous,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Receive(args) => {
                let request = ReceiveDonationRequest {
                    donation_id: args.donation_id.unwrap_or_default(),
                    facility_id: args.facility.unwrap_or_default(),
                    lines: args.lines,
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Spend(args) => {
                let request = SpendDonatedMoneyRequest {
                    donation_id: args.donation_id.unwrap_or_default(),
                    amount: args.amount,
                    supplier_id: args.supplier.unwrap_or_default(),
                    facility_id: args.facility.unwrap_or_default(),
                    lines: args.lines,
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Get { donation_id } => session.show(GetDonationRequest { donation_id }).await,
            Self::List { donor, list } => {
                let request = ListDonationsRequest {
                    donor_id: donor.unwrap_or_default(),
                    min_position: list.min_position,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
