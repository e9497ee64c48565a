//! Assets, and what they go through.

use clap::{Args, Subcommand};
use keruen_proto::{
    inventory::v1::{
        AssetCondition, AssetFault, AssetRetirementReason, EmptyContainerRequest,
        EndAssetLoanRequest, EndAssetRepairRequest, FillContainerRequest, FitOverride,
        FitOverrideReason, GetAssetRequest, InstallAssetRequest, LendAssetRequest, MeasuredOutput,
        PutAssetIntoServiceRequest, RemoveAssetRequest, RepairOutcome, ReportAssetConditionRequest,
        RetireAssetRequest, SendAssetForRepairRequest, ServiceAssetRequest,
    },
    registry::v1::DocumentRef,
};

use crate::{
    client::{failure::Failure, line, mutation::MutationArgs, session::Session, value},
    render::word,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Show a unit with a serial number: where it is, whether it works, what it went through
    #[command(after_help = "\
Examples:
  keruen asset get VENT-A SN-1
  keruen trace asset VENT-A SN-1        what happened to it, step by step")]
    Get {
        /// The item
        item_id: String,
        /// Serial number as printed
        serial_number: String,
    },
    /// Install an asset where it stands
    #[command(after_help = "\
Examples:
  keruen asset install CONC-10L SN-1
  keruen asset install CONC-10L SN-1 --override-by person:7 \\
      --override-reason adapter

Refused where the site is known to lack what the item needs: mains, plug, backup power, \
oxygen, altitude, cold storage; unless somebody answers for it.")]
    Install(Install),
    /// Take an installed asset down and put it back into the store
    #[command(after_help = "\
Examples:
  keruen asset remove CONC-10L SN-1")]
    Remove(Plain),
    /// Put an asset into service
    #[command(after_help = "\
Examples:
  keruen asset put-into-service CONC-10L SN-1 --output 9.8,L2 \\
      --trained person:7 --trained person:9 --service-due 2021-01-15 \\
      --document kind=acceptance-act,number=A-12

It rests on an acceptance-act. The unit of the output is a UN/ECE Recommendation 20 \
code: L2 is litres per minute.")]
    PutIntoService(PutIntoService),
    /// Record that an asset is out of order, or works again
    #[command(after_help = "\
Examples:
  keruen asset report CONC-10L SN-1 --condition out-of-order --fault output
  keruen asset report CONC-10L SN-1 --condition in-service

What is out of order is held: shipments lose their claims to it.")]
    Report(Report),
    /// Record that the repair of an asset begins, where it stands or elsewhere
    #[command(after_help = "\
Examples:
  keruen asset send-for-repair CONC-10L SN-1 --repairer MEDTECH \\
      --expected-on 2020-08-20
  keruen asset send-for-repair VENT-A SN-7 --repairer MEDTECH --on-site

It must have been reported to be out of order; what is installed is taken down first, \
unless it is repaired on the site.")]
    SendForRepair(SendForRepair),
    /// Record that the repair of an asset ended; it is back where it was
    #[command(after_help = "\
Examples:
  keruen asset end-repair CONC-10L SN-1 --outcome repaired --output 9.9,L2
  keruen asset end-repair CONC-10L SN-1 --outcome not-repairable")]
    EndRepair(EndRepair),
    /// Record that an asset was serviced
    #[command(after_help = "\
Examples:
  keruen asset service CONC-10L SN-1 --service-due 2021-07-15")]
    Service(Maintenance),
    /// Lend an asset; it stays in the books of its facility
    #[command(after_help = "\
Examples:
  keruen asset lend CONC-10L SN-1 --borrower HOSP-2 --due 2020-10-01")]
    Lend(Lend),
    /// Record that an asset that was lent came back
    #[command(after_help = "\
Examples:
  keruen asset end-loan CONC-10L SN-1
  keruen asset end-loan CONC-10L SN-1 --fault damaged")]
    EndLoan(EndLoan),
    /// Record that a refillable container was filled
    #[command(after_help = "\
Examples:
  keruen asset fill CYL-40L C-118 --filler GAS-PLANT")]
    Fill(Fill),
    /// Record that a refillable container is empty
    #[command(after_help = "\
Examples:
  keruen asset empty CYL-40L C-118

What is empty is held until it is filled; `keruen stock return` gives it back.")]
    Empty(Bare),
    /// Retire an asset: it is never to be used again
    #[command(after_help = "\
Examples:
  keruen asset retire CONC-10L SN-1 --reason worn-out

It stays where it is until `keruen stock dispose` takes it off the books.")]
    Retire(Retire),
}

/// Which unit.
#[derive(Args, Debug)]
struct Unit {
    /// The item
    #[arg(required_unless_present = "json")]
    item_id: Option<String>,
    /// Serial number as printed
    #[arg(required_unless_present = "json")]
    serial_number: Option<String>,
}

impl Unit {
    fn into_parts(self) -> (String, String) {
        (
            self.item_id.unwrap_or_default(),
            self.serial_number.unwrap_or_default(),
        )
    }
}

/// Who answers for it that something goes where it does not fit.
#[derive(Args, Debug)]
pub struct FitArgs {
    /// Who answers for it although the site lacks what it needs: a reference, never a name
    #[arg(long, value_name = "REF", requires = "override_reason")]
    override_by: Option<String>,
    /// Why it may be so all the same
    #[arg(long, value_name = "REASON", requires = "override_by", value_parser = word::parser::<FitOverrideReason>())]
    override_reason: Option<FitOverrideReason>,
}

impl FitArgs {
    /// The override, if there is one.
    pub fn into_override(self) -> Option<FitOverride> {
        self.override_by.map(|who| FitOverride {
            authorised_by_ref: who,
            reason: self.override_reason.map_or(0, Into::into),
        })
    }
}

/// `9.8,L2`
fn output(text: &str) -> Result<MeasuredOutput, String> {
    let (number, unit) = text
        .split_once(',')
        .ok_or_else(|| format!("must be NUMBER,UNIT, for example 9.8,L2; found {text:?}"))?;
    Ok(MeasuredOutput {
        value_milli: value::decimal(number, 3)?,
        unit_code: unit.to_owned(),
    })
}

/// A step that says nothing more.
#[derive(Args, Debug)]
pub struct Plain {
    #[command(flatten)]
    unit: Unit,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A step that rests on nothing.
#[derive(Args, Debug)]
pub struct Bare {
    #[command(flatten)]
    unit: Unit,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// An installation.
#[derive(Args, Debug)]
pub struct Install {
    #[command(flatten)]
    unit: Unit,
    #[command(flatten)]
    fit: FitArgs,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A putting into service.
#[derive(Args, Debug)]
pub struct PutIntoService {
    #[command(flatten)]
    unit: Unit,
    /// What it was measured to give: NUMBER,UNIT
    #[arg(long, value_name = "OUTPUT", value_parser = output)]
    output: Option<MeasuredOutput>,
    /// Who was taught to run it: a reference, never a name; repeatable
    #[arg(long = "trained", value_name = "REF", required_unless_present = "json")]
    trained_user_refs: Vec<String>,
    /// Day on which it is due for service
    #[arg(long = "service-due", value_name = "DAY", value_parser = value::date)]
    service_due_on: Option<String>,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A report.
#[derive(Args, Debug)]
pub struct Report {
    #[command(flatten)]
    unit: Unit,
    /// In what condition it is
    #[arg(long, value_name = "CONDITION", required_unless_present = "json", value_parser = word::parser::<AssetCondition>())]
    condition: Option<AssetCondition>,
    /// What is wrong with it
    #[arg(long, value_parser = word::parser::<AssetFault>())]
    fault: Option<AssetFault>,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A repair that begins.
#[derive(Args, Debug)]
pub struct SendForRepair {
    #[command(flatten)]
    unit: Unit,
    /// Organisation that repairs it
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    repairer: Option<String>,
    /// It is repaired where it stands
    #[arg(long)]
    on_site: bool,
    /// Day on which it is expected to be done
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    expected_on: Option<String>,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A repair that ended.
#[derive(Args, Debug)]
pub struct EndRepair {
    #[command(flatten)]
    unit: Unit,
    /// What came of it
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<RepairOutcome>())]
    outcome: Option<RepairOutcome>,
    /// What it was measured to give: NUMBER,UNIT
    #[arg(long, value_name = "OUTPUT", value_parser = output)]
    output: Option<MeasuredOutput>,
    /// Day on which it is due for service
    #[arg(long = "service-due", value_name = "DAY", value_parser = value::date)]
    service_due_on: Option<String>,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A service.
#[derive(Args, Debug)]
pub struct Maintenance {
    #[command(flatten)]
    unit: Unit,
    /// What it was measured to give: NUMBER,UNIT
    #[arg(long, value_name = "OUTPUT", value_parser = output)]
    output: Option<MeasuredOutput>,
    /// Day on which it is due for service
    #[arg(long = "service-due", value_name = "DAY", value_parser = value::date)]
    service_due_on: Option<String>,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A loan.
#[derive(Args, Debug)]
pub struct Lend {
    #[command(flatten)]
    unit: Unit,
    /// Organisation that gets it
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    borrower: Option<String>,
    /// Day on which it is due back
    #[arg(long = "due", value_name = "DAY", required_unless_present = "json", value_parser = value::date)]
    due_on: Option<String>,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A loan that ended.
#[derive(Args, Debug)]
pub struct EndLoan {
    #[command(flatten)]
    unit: Unit,
    /// What is wrong with it
    #[arg(long, value_parser = word::parser::<AssetFault>())]
    fault: Option<AssetFault>,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A filling.
#[derive(Args, Debug)]
pub struct Fill {
    #[command(flatten)]
    unit: Unit,
    /// Organisation that filled it. Default: the facility itself
    #[arg(long, value_name = "CODE")]
    filler: Option<String>,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A retirement.
#[derive(Args, Debug)]
pub struct Retire {
    #[command(flatten)]
    unit: Unit,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<AssetRetirementReason>())]
    reason: Option<AssetRetirementReason>,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Get {
                item_id,
                serial_number,
            } => {
                session
                    .show(GetAssetRequest {
                        item_id,
                        serial_number,
                    })
                    .await
            }
            Self::Install(args) => {
                let (item_id, serial_number) = args.unit.into_parts();
                let request = InstallAssetRequest {
                    item_id,
                    serial_number,
                    fit_override: args.fit.into_override(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Remove(args) => {
                let (item_id, serial_number) = args.unit.into_parts();
                let request = RemoveAssetRequest {
                    item_id,
                    serial_number,
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::PutIntoService(args) => {
                let (item_id, serial_number) = args.unit.into_parts();
                let request = PutAssetIntoServiceRequest {
                    item_id,
                    serial_number,
                    output: args.output,
                    trained_user_refs: args.trained_user_refs,
                    service_due_on: args.service_due_on.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Report(args) => {
                let (item_id, serial_number) = args.unit.into_parts();
                let request = ReportAssetConditionRequest {
                    item_id,
                    serial_number,
                    condition: args.condition.map_or(0, Into::into),
                    fault: args.fault.map_or(0, Into::into),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::SendForRepair(args) => {
                let (item_id, serial_number) = args.unit.into_parts();
                let request = SendAssetForRepairRequest {
                    item_id,
                    serial_number,
                    repairer_id: args.repairer.unwrap_or_default(),
                    on_site: args.on_site,
                    expected_on: args.expected_on.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::EndRepair(args) => {
                let (item_id, serial_number) = args.unit.into_parts();
                let request = EndAssetRepairRequest {
                    item_id,
                    serial_number,
                    outcome: args.outcome.map_or(0, Into::into),
                    output: args.output,
                    service_due_on: args.service_due_on.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Service(args) => args.run(session).await,
            Self::Lend(args) => args.run(session).await,
            Self::EndLoan(args) => args.run(session).await,
            Self::Fill(args) => args.run(session).await,
            Self::Empty(args) => args.run(session).await,
            Self::Retire(args) => args.run(session).await,
        }
    }
}

impl Maintenance {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let (item_id, serial_number) = self.unit.into_parts();
        let request = ServiceAssetRequest {
            item_id,
            serial_number,
            output: self.output,
            service_due_on: self.service_due_on.unwrap_or_default(),
            documents: self.documents,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}

impl Lend {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let (item_id, serial_number) = self.unit.into_parts();
        let request = LendAssetRequest {
            item_id,
            serial_number,
            borrower_id: self.borrower.unwrap_or_default(),
            due_on: self.due_on.unwrap_or_default(),
            documents: self.documents,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}

impl EndLoan {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let (item_id, serial_number) = self.unit.into_parts();
        let request = EndAssetLoanRequest {
            item_id,
            serial_number,
            fault: self.fault.map_or(0, Into::into),
            documents: self.documents,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}

impl Fill {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let (item_id, serial_number) = self.unit.into_parts();
        let request = FillContainerRequest {
            item_id,
            serial_number,
            filler_id: self.filler.unwrap_or_default(),
            documents: self.documents,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}

impl Bare {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let (item_id, serial_number) = self.unit.into_parts();
        let request = EmptyContainerRequest {
            item_id,
            serial_number,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}

impl Retire {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let (item_id, serial_number) = self.unit.into_parts();
        let request = RetireAssetRequest {
            item_id,
            serial_number,
            reason: self.reason.map_or(0, Into::into),
            documents: self.documents,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}
