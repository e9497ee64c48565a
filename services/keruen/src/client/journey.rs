//! Parcels, and what happens to shipments on their way.

use clap::{Args, Subcommand};
use keruen_proto::shipments::v1::{
    AnswerDiscrepancyRequest, DelayReason, DelayShipmentRequest, DeliveryFailure,
    DiscrepancyAnswer, DisputeReason, DiversionReason, DivertShipmentRequest, LossCause,
    PackParcelRequest, RecordArrivalRequest, RecordDeliveryAttemptRequest, ReportLossRequest,
    ReturnShipmentRequest, SealCheck, ShipmentPick, SplitReason, SplitShipmentRequest,
    UnpackParcelRequest,
};

use crate::{
    client::{
        asset::FitArgs,
        failure::Failure,
        line,
        mutation::{MutationArgs, Papers},
        session::Session,
        title::TransferInShipment,
        value,
    },
    render::word,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Pack what a shipment has claimed into a parcel with a number and a seal
    #[command(after_help = "\
Examples:
  keruen shipment pack S-JEZ-1 --company-prefix 4601234 --seal KZ-417 --kg 12.4
  keruen shipment pack S-JEZ-1 --sscc 346012340000000182 --seal KZ-00418 \\
      --unit line=1,quantity=250 --unit line=2,serial=SN-1

Without --unit all goes in that is claimed and not packed. The number is a Serial Shipping Container Code (SSCC) with its \
check digit; without --sscc it is made of the extension digit, the GS1 company prefix of whoever packs, and a serial \
reference. A unit is line=N and, where they apply, batch=ID, owner=CODE, quantity=N (default all), serial=NUMBER (repeatable).")]
    Pack(Pack),
    /// Take a parcel apart before it leaves
    #[command(after_help = "\
Examples:
  keruen shipment unpack S-JEZ-1 346012340000000182")]
    Unpack(Unpack),
    /// Record that a shipment comes later than announced
    #[command(after_help = "\
Examples:
  keruen shipment delay S-JEZ-1 --reason weather --expected-on 2099-02-03
  keruen shipment delay S-JEZ-1 --reason route      nobody knows until when")]
    Delay(Delay),
    /// Record that nobody took a shipment at its destination
    #[command(after_help = "\
Examples:
  keruen shipment attempt S-JEZ-1 --reason nobody-there --expected-on 2099-02-03")]
    Attempt(Attempt),
    /// Send a shipment that is on its way elsewhere
    #[command(after_help = "\
Examples:
  keruen shipment divert S-JEZ-1 --to HOSP-ZHA --reason greater-need

What it was meant to fulfil, it no longer does: as much may be allocated again.")]
    Divert(Divert),
    /// Send a shipment that is on its way back to where it came from
    #[command(after_help = "\
Examples:
  keruen shipment return S-JEZ-1 --reason not-accepted
  keruen shipment receive S-JEZ-1                       once it is back")]
    Return(Return),
    /// Let a part of a shipment go on by itself, as after a breakdown
    #[command(after_help = "\
Examples:
  keruen shipment split S-JEZ-1 --parcel 346012340000000182 --reason breakdown \\
      --new-id S-JEZ-1B
  keruen shipment split S-JEZ-1 --unit line=1,quantity=40 --reason urgency")]
    Split(Split),
    /// Record that goods of a shipment passed to another owner, claimed or on their way
    #[command(after_help = "\
Examples:
  keruen shipment transfer-title S-JEZ-1 --to MOH \\
      --document kind=transfer-act,number=17/2020
  keruen shipment transfer-title S-JEZ-1 --to MOH --parcel 346012340000000182 \\
      --document kind=transfer-act,number=18/2020
  keruen shipment transfer-title S-JEZ-1 --to MOH \\
      --unit line=1,owner=KASPI,quantity=40 \\
      --document kind=transfer-act,number=19/2020

Nothing moves, and whoever carries the goods answers for them as before. Without --parcel and --unit everything passes that \
the shipment has claimed or that is on its way. What has arrived passes by keruen stock transfer-title.")]
    TransferTitle(TransferInShipment),
    /// Record that a shipment stands at its destination, and what its seals look like
    #[command(after_help = "\
Examples:
  keruen shipment arrive S-JEZ-1 --seal 346012340000000182=intact \\
      --seal 346012340000000199=broken --signed-by person:7

Whoever signed for a sealed parcel whose seal is intact does not answer for what is in it: the sender does.")]
    Arrive(Arrive),
    /// Record that goods were lost on their way; a loss act settles it later
    #[command(after_help = "\
Examples:
  keruen shipment report-loss S-JEZ-1 --cause accident
  keruen shipment report-loss S-JEZ-1 --unit line=1,quantity=20 --cause theft")]
    ReportLoss(ReportLoss),
    /// Record what the sender says to what was not as announced
    #[command(after_help = "\
Examples:
  keruen shipment answer S-JEZ-1 --answer accepted
  keruen shipment answer S-JEZ-1 --number 2 --answer disputed \\
      --dispute-reason left-intact --answered-by person:12")]
    Answer(Reply),
}

/// A parcel to be packed.
#[derive(Args, Debug)]
pub struct Pack {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// Its number, 18 digits. Default: it is made
    #[arg(long, value_name = "DIGITS", conflicts_with_all = ["company_prefix", "serial_reference"])]
    sscc: Option<String>,
    /// GS1 company prefix of whoever packs, 7 to 10 digits
    #[arg(long, value_name = "DIGITS", required_unless_present_any = ["sscc", "json"])]
    company_prefix: Option<String>,
    /// Extension digit, by the packer's choice
    #[arg(long, value_name = "DIGIT", default_value_t = 0)]
    extension_digit: i32,
    /// Serial reference. Default: one is made
    #[arg(long, value_name = "DIGITS")]
    serial_reference: Option<String>,
    /// Number of its seal, as printed
    #[arg(long, value_name = "NUMBER")]
    seal: Option<String>,
    /// What goes in; repeatable. Default: everything. See below
    #[arg(long = "unit", value_name = "UNIT", value_parser = line::shipment_pick)]
    units: Vec<ShipmentPick>,
    /// Weight with its packaging, in kilograms, such as 12.4
    #[arg(long, value_name = "KG", value_parser = value::thousandths)]
    kg: Option<i64>,
    /// Room that it takes, in litres, such as 60
    #[arg(long, value_name = "LITRES", value_parser = value::thousandths)]
    litres: Option<i64>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A parcel to be taken apart.
#[derive(Args, Debug)]
pub struct Unpack {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// The number of the parcel
    #[arg(required_unless_present = "json")]
    sscc: Option<String>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// Papers and the day on which it is expected.
#[derive(Args, Debug)]
pub struct Expectation {
    /// Day on which it is expected from now on
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    expected_on: Option<String>,
    #[command(flatten)]
    papers: Papers,
}

/// A delay.
#[derive(Args, Debug)]
pub struct Delay {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<DelayReason>())]
    reason: Option<DelayReason>,
    #[command(flatten)]
    expectation: Expectation,
}

/// An attempt at delivery.
#[derive(Args, Debug)]
pub struct Attempt {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// Why nobody took it
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<DeliveryFailure>())]
    reason: Option<DeliveryFailure>,
    #[command(flatten)]
    expectation: Expectation,
}

/// Another destination.
#[derive(Args, Debug)]
pub struct Divert {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// Facility to which it goes from now on
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    to: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<DiversionReason>())]
    reason: Option<DiversionReason>,
    #[command(flatten)]
    fit: FitArgs,
    #[command(flatten)]
    expectation: Expectation,
}

/// The way back.
#[derive(Args, Debug)]
pub struct Return {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<DiversionReason>())]
    reason: Option<DiversionReason>,
    #[command(flatten)]
    expectation: Expectation,
}

/// A part that goes on by itself.
#[derive(Args, Debug)]
pub struct Split {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// Id of the new shipment. Default: the server makes one
    #[arg(long, value_name = "ID")]
    new_id: Option<String>,
    /// Number of a parcel that goes; repeatable
    #[arg(long = "parcel", value_name = "SSCC")]
    ssccs: Vec<String>,
    /// What goes of what is in no parcel: line=N[,batch=ID][,owner=CODE][,quantity=N][,serial=NUMBER]…; repeatable
    #[arg(long = "unit", value_name = "UNIT", value_parser = line::shipment_pick)]
    units: Vec<ShipmentPick>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<SplitReason>())]
    reason: Option<SplitReason>,
    #[command(flatten)]
    expectation: Expectation,
}

/// An arrival.
#[derive(Args, Debug)]
pub struct Arrive {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// What was found of a parcel's seal: SSCC=intact|broken|parcel-missing; repeatable
    #[arg(long = "seal", value_name = "SSCC=STATE", value_parser = line::seal)]
    seals: Vec<SealCheck>,
    /// Reference to the person who let it in, person: and what names nobody
    #[arg(long, value_name = "REF")]
    signed_by: Option<String>,
    #[command(flatten)]
    papers: Papers,
}

/// A loss.
#[derive(Args, Debug)]
pub struct ReportLoss {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// What is lost: line=N[,batch=ID][,owner=CODE][,quantity=N][,serial=NUMBER]…; repeatable. Default: everything
    #[arg(long = "unit", value_name = "UNIT", value_parser = line::shipment_pick)]
    units: Vec<ShipmentPick>,
    /// How
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<LossCause>())]
    cause: Option<LossCause>,
    #[command(flatten)]
    papers: Papers,
}

/// What the sender says.
#[derive(Args, Debug)]
pub struct Reply {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// Number of a discrepancy; repeatable. Default: all that are open
    #[arg(long = "number", value_name = "N")]
    numbers: Vec<i32>,
    /// What it says
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<DiscrepancyAnswer>())]
    answer: Option<DiscrepancyAnswer>,
    /// Why it disputes that
    #[arg(long, value_name = "REASON", value_parser = word::parser::<DisputeReason>())]
    dispute_reason: Option<DisputeReason>,
    /// Reference to the person who answered, person: and what names nobody
    #[arg(long, value_name = "REF")]
    answered_by: Option<String>,
    #[command(flatten)]
    papers: Papers,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Pack(args) => args.run(session).await,
            Self::Unpack(args) => {
                let request = UnpackParcelRequest {
                    shipment_id: args.shipment_id.unwrap_or_default(),
                    sscc: args.sscc.unwrap_or_default(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Delay(args) => {
                let Expectation {
                    expected_on,
                    papers,
                } = args.expectation;
                let request = DelayShipmentRequest {
                    shipment_id: args.shipment_id.unwrap_or_default(),
                    expected_on: expected_on.unwrap_or_default(),
                    reason: args.reason.map_or(0, Into::into),
                    documents: papers.documents,
                    ..Default::default()
                };
                session.change(&papers.mutation, request).await
            }
            Self::Attempt(args) => {
                let Expectation {
                    expected_on,
                    papers,
                } = args.expectation;
                let request = RecordDeliveryAttemptRequest {
                    shipment_id: args.shipment_id.unwrap_or_default(),
                    reason: args.reason.map_or(0, Into::into),
                    expected_on: expected_on.unwrap_or_default(),
                    documents: papers.documents,
                    ..Default::default()
                };
                session.change(&papers.mutation, request).await
            }
            Self::Divert(args) => args.run(session).await,
            Self::Return(args) => {
                let Expectation {
                    expected_on,
                    papers,
                } = args.expectation;
                let request = ReturnShipmentRequest {
                    shipment_id: args.shipment_id.unwrap_or_default(),
                    reason: args.reason.map_or(0, Into::into),
                    expected_on: expected_on.unwrap_or_default(),
                    documents: papers.documents,
                    ..Default::default()
                };
                session.change(&papers.mutation, request).await
            }
            Self::Split(args) => args.run(session).await,
            Self::TransferTitle(args) => args.run(session).await,
            Self::Arrive(args) => {
                let request = RecordArrivalRequest {
                    shipment_id: args.shipment_id.unwrap_or_default(),
                    seals: args.seals,
                    signed_by_ref: args.signed_by.unwrap_or_default(),
                    documents: args.papers.documents,
                    ..Default::default()
                };
                session.change(&args.papers.mutation, request).await
            }
            Self::ReportLoss(args) => {
                let request = ReportLossRequest {
                    shipment_id: args.shipment_id.unwrap_or_default(),
                    units: args.units,
                    cause: args.cause.map_or(0, Into::into),
                    documents: args.papers.documents,
                    ..Default::default()
                };
                session.change(&args.papers.mutation, request).await
            }
            Self::Answer(args) => {
                let request = AnswerDiscrepancyRequest {
                    shipment_id: args.shipment_id.unwrap_or_default(),
                    numbers: args.numbers,
                    answer: args.answer.map_or(0, Into::into),
                    dispute_reason: args.dispute_reason.map_or(0, Into::into),
                    answered_by_ref: args.answered_by.unwrap_or_default(),
                    documents: args.papers.documents,
                    ..Default::default()
                };
                session.change(&args.papers.mutation, request).await
            }
        }
    }
}

impl Pack {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = PackParcelRequest {
            shipment_id: self.shipment_id.unwrap_or_default(),
            sscc: self.sscc.unwrap_or_default(),
            extension_digit: self.extension_digit,
            company_prefix: self.company_prefix.unwrap_or_default(),
            serial_reference: self.serial_reference.unwrap_or_default(),
            seal_number: self.seal.unwrap_or_default(),
            contents: self.units,
            weight_g: self.kg.unwrap_or_default(),
            volume_ml: self.litres.unwrap_or_default(),
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}

impl Divert {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let Expectation {
            expected_on,
            papers,
        } = self.expectation;
        let request = DivertShipmentRequest {
            shipment_id: self.shipment_id.unwrap_or_default(),
            new_destination_id: self.to.unwrap_or_default(),
            reason: self.reason.map_or(0, Into::into),
            expected_on: expected_on.unwrap_or_default(),
            fit_override: self.fit.into_override(),
            documents: papers.documents,
            ..Default::default()
        };
        session.change(&papers.mutation, request).await
    }
}

impl Split {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let Expectation {
            expected_on,
            papers,
        } = self.expectation;
        let request = SplitShipmentRequest {
            shipment_id: self.shipment_id.unwrap_or_default(),
            new_shipment_id: self.new_id.unwrap_or_default(),
            ssccs: self.ssccs,
            units: self.units,
            expected_on: expected_on.unwrap_or_default(),
            reason: self.reason.map_or(0, Into::into),
            documents: papers.documents,
            ..Default::default()
        };
        session.change(&papers.mutation, request).await
    }
}
