//! Donations.

use clap::{Args, Subcommand};
use keruen_proto::{
    inventory::v1::{
        ChangeEarmarksRequest, ClearanceOverride, ClearanceOverrideReason, CloseDonationRequest,
        DonationCondition, Earmark, GetDonationRequest, PledgeDonationRequest, PledgeLine,
        ReceiptLine, ReceiveDonationRequest, ShortfallReason,
    },
    registry::v1::{DocumentRef, Money},
    stock::v1::{GetDonationCertificateRequest, GetDonorBalanceRequest, ListDonationsRequest},
};

use crate::{
    client::{
        failure::Failure,
        line, money,
        mutation::{ListArgs, MutationArgs, TermsArgs},
        session::Session,
        value,
    },
    render::word,
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

  keruen donation pledge --donor DEGDAR --line item=VENT-A,quantity=20 \\
      --earmark region=KZ-62 --condition report-use --expected-on 2020-07-20

A line is commodity=CODE or item=CODE, and quantity=N in base units, or, with pack=CODE, in packs of the item. An earmark is any of region=CODE, \
facility=CODE and purpose=patient|control|training, for all goods or for item=CODE: stock of the donation is then \
allocated and issued only where one of them fits. On its way it may pass through any warehouse.")]
    Pledge(Pledge),
    /// Change for whom or what a donation is meant, or lift that, as its donor says
    #[command(
        name = "change-earmarks",
        after_help = "\
Examples:
  keruen donation change-earmarks KASPI-TESTS --earmark region=KZ-62 \\
      --earmark region=KZ-75 --authorised-by person:7 \\
      --document kind=donation-agreement,number=17/2020-1
  keruen donation change-earmarks KASPI-TESTS --lift --authorised-by person:7 \\
      --document kind=donation-agreement,number=17/2020-2

What is said takes the place of all earmarks before, from now on; what shipments have claimed \
stays claimed."
    )]
    ChangeEarmarks(ChangeEarmarks),
    /// Record that donated goods arrived at a facility
    #[command(after_help = "\
Examples:
  keruen donation receive KASPI-TESTS --facility WH-ALA \\
      --line item=TEST-RAPID-A,quantity=60000,lot=A12,expires=2027-01-31 \\
      --line item=TEST-RAPID-A,quantity=40,expires=2027-01-31,outcome=damaged
  keruen donation receive DEGDAR-VENT --facility HOSP-JEZ \\
      --line item=VENT-A,serial=SN-1,serial=SN-2 \\
      --occurred-at 2020-07-14T09:30:00+06:00

A line is item=CODE,quantity=N and, where they apply, pack=CODE, outcome=good|damaged|missing|surplus|wrong|expired, lot=LOT, \
expires=DAY, serial=NUMBER (repeatable; quantity is then their number), pledge-line=N, value=12.50USD with \
basis=donor-declared|invoice|market-estimate, batch=ID. A comma in a value is written \\,.

Goods of a donation that comes from abroad need --consignment ID, and customs must have cleared it; or \
--uncleared-by person:ID and --uncleared-reason REASON say who receives them all the same, and why. What comes after the \
donation was closed opens it again.")]
    Receive(Receive),
    /// Record that nothing more is expected of a donation
    #[command(after_help = "\
Examples:
  keruen donation close KASPI-TESTS
  keruen donation close DEGDAR-VENT --reason donor-withdrew \\
      --document kind=donation-agreement,number=17/2020-1

With less than was promised it needs a reason. Money that is left is kept. What comes all the same is received as \
ever, and opens the donation again.")]
    Close(Close),
    /// Set donated money aside for a supplier
    #[command(after_help = "\
Examples:
  keruen donation commit UTEMURATOV-LABS --amount 3600000USD --purpose goods \\
      --supplier SARYARKA --document kind=contract,number=K-2020-4")]
    Commit(money::Commit),
    /// Give up what is left of a commitment
    #[command(after_help = "\
Examples:
  keruen donation release UTEMURATOV-LABS --commitment 1 --reason cost-less")]
    Release(money::Release),
    /// Spend donated money, on goods that arrived or on services
    #[command(after_help = "\
Examples:
  keruen donation spend UTEMURATOV-LABS --amount 4000000USD \\
      --supplier SARYARKA --facility WH-AST \\
      --line item=LAB-PCR,serial=L1,serial=L2,value=2000000USD,basis=invoice \\
      --document kind=invoice,number=INV-9
  keruen donation spend UTEMURATOV-LABS --amount 12500USD --purpose freight \\
      --supplier CARAVAN --shipment LABS-NORTH --commitment 2

Lines are those of `keruen donation receive`; only goods have them. --commitment takes the money from what was set \
aside, else it comes from what is free.")]
    Spend(money::Spend),
    /// Add up what a donor promised and gave, over all donations
    #[command(after_help = "\
Examples:
  keruen donation balance KASPI
  keruen donation balance KASPI --format json")]
    Balance {
        /// The donor
        donor_id: String,
        /// Wait until everything up to this position of the log is known
        #[arg(
            long,
            value_name = "POSITION",
            default_value_t = 0,
            hide_default_value = true,
            value_parser = value::position
        )]
        min_position: u64,
    },
    /// Tell what a certificate of a donation says
    #[command(after_help = "\
Examples:
  keruen donation certificate KASPI-TESTS
  keruen donation certificate KASPI-TESTS --format json

What was given, when and where it came, what it is worth as declared, and the position of the event that says so: \
`keruen log prove POSITION` proves it to a third party.")]
    Certificate {
        /// The donation
        donation_id: String,
        /// Wait until everything up to this position of the log is known
        #[arg(
            long,
            value_name = "POSITION",
            default_value_t = 0,
            hide_default_value = true,
            value_parser = value::position
        )]
        min_position: u64,
    },
    /// Show a donation
    #[command(after_help = "\
Examples:
  keruen donation get KASPI-TESTS")]
    Get {
        /// Its id
        donation_id: String,
    },
    /// List donations, newest first or as asked for
    #[command(after_help = "\
Examples:
  keruen donation list
  keruen donation list --donor KASPI --format json
  keruen donation list --filter 'state = PLEDGED AND expected_on < 2026-12-01' \\
      --order-by expected_on

Fields of --filter and --order-by: donation, donor, recipient, state, expected_on, position; see `keruen help filter`.")]
    List {
        /// Only of this donor
        #[arg(long, value_name = "CODE")]
        donor: Option<String>,
        #[command(flatten)]
        terms: TermsArgs,
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
    /// Goods promised: commodity=CODE,quantity=N or item=CODE,quantity=N[,pack=CODE]; repeatable
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
    /// What the donor attaches to it; repeatable
    #[arg(long = "condition", value_parser = word::parser::<DonationCondition>())]
    conditions: Vec<DonationCondition>,
    /// For whom or what it is meant: [item=CODE][,region=CODE][,facility=CODE][,purpose=WORD]; repeatable
    #[arg(long = "earmark", value_name = "EARMARK", value_parser = line::earmark)]
    earmarks: Vec<Earmark>,
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
    /// The consignment with which they came from abroad
    #[arg(long, value_name = "ID")]
    consignment: Option<String>,
    /// Who receives them although customs have not cleared them: a reference, person:ID; never a name
    #[arg(long, value_name = "REF", requires = "uncleared_reason")]
    uncleared_by: Option<String>,
    /// Why
    #[arg(long, requires = "uncleared_by", value_parser = word::parser::<ClearanceOverrideReason>())]
    uncleared_reason: Option<ClearanceOverrideReason>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// An end.
#[derive(Args, Debug)]
pub struct Close {
    /// The donation
    #[arg(required_unless_present = "json")]
    donation_id: Option<String>,
    /// Why less came than was promised
    #[arg(long, value_parser = word::parser::<ShortfallReason>())]
    reason: Option<ShortfallReason>,
    /// Closing letter and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// For whom or what a donation is meant from now on.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("meant").args(["earmarks", "lift", "json"]).required(true))]
pub struct ChangeEarmarks {
    /// The donation
    #[arg(required_unless_present = "json")]
    donation_id: Option<String>,
    /// For whom or what it is meant: [item=CODE][,region=CODE][,facility=CODE][,purpose=WORD]; repeatable
    #[arg(long = "earmark", value_name = "EARMARK", value_parser = line::earmark)]
    earmarks: Vec<Earmark>,
    /// It may go anywhere from now on
    #[arg(long)]
    lift: bool,
    /// Who says so for the donor: a reference, person:ID; never a name
    #[arg(long, value_name = "REF", required_unless_present = "json")]
    authorised_by: Option<String>,
    /// The donor's letter and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(
        long = "document",
        value_name = "DOCUMENT",
        value_parser = line::document,
        required_unless_present = "json"
    )]
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
                    conditions: args.conditions.into_iter().map(Into::into).collect(),
                    earmarks: args.earmarks,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::ChangeEarmarks(args) => {
                let request = ChangeEarmarksRequest {
                    donation_id: args.donation_id.unwrap_or_default(),
                    earmarks: args.earmarks,
                    authorised_by_ref: args.authorised_by.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Receive(args) => {
                let clearance_override = args.uncleared_by.map(|who| ClearanceOverride {
                    authorised_by_ref: who,
                    reason: args.uncleared_reason.map_or(0, Into::into),
                });
                let request = ReceiveDonationRequest {
                    consignment_id: args.consignment.unwrap_or_default(),
                    clearance_override,
                    donation_id: args.donation_id.unwrap_or_default(),
                    facility_id: args.facility.unwrap_or_default(),
                    lines: args.lines,
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Close(args) => {
                let request = CloseDonationRequest {
                    donation_id: args.donation_id.unwrap_or_default(),
                    shortfall_reason: args.reason.map_or(0, Into::into),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Commit(args) => args.run(session).await,
            Self::Release(args) => args.run(session).await,
            Self::Spend(args) => args.run(session).await,
            Self::Balance {
                donor_id,
                min_position,
            } => {
                let request = GetDonorBalanceRequest {
                    donor_id,
                    min_position,
                };
                session.show(request).await
            }
            Self::Certificate {
                donation_id,
                min_position,
            } => {
                let request = GetDonationCertificateRequest {
                    donation_id,
                    min_position,
                };
                session.show(request).await
            }
            Self::Get { donation_id } => session.show(GetDonationRequest { donation_id }).await,
            Self::List { donor, terms, list } => {
                let request = ListDonationsRequest {
                    filter: terms.filter,
                    order_by: terms.order_by,
                    donor_id: donor.unwrap_or_default(),
                    min_position: list.min_position,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
