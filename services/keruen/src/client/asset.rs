//! Assets, and what they go through.

use clap::{Args, Subcommand};
use keruen_proto::{
    inventory::v1::{
        AcceptAssetLossRequest, AssetCondition, AssetFault, AssetLossVerdict, AssetRef,
        AssetRetirementReason, EmptyContainerRequest, EndAssetLoanRequest, EndAssetRepairRequest,
        FillContainerRequest, FitOverride, FitOverrideReason, GetAssetRequest, InstallAssetRequest,
        LendAssetRequest, MeasuredOutput, PutAssetInsideRequest, PutAssetIntoServiceRequest,
        RemoveAssetRequest, RepairOutcome, ReportAssetConditionRequest, RetireAssetRequest,
        SendAssetForRepairRequest, ServiceAssetRequest, TakeAssetOutRequest,
    },
    registry::v1::DocumentRef,
    stock::v1::ListAssetsRequest,
};

use crate::{
    client::{
        failure::Failure,
        line,
        mutation::{ListArgs, MutationArgs, TermsArgs},
        session::Session,
        value,
    },
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
    /// List units with serial numbers, and those that somebody must see to
    #[command(after_help = "\
Examples:
  keruen asset list --region KZ-31
  keruen asset list --item CONC-10L --condition out-of-order
  keruen asset list --service-due 30 --overdue --under-repair --format csv
  keruen asset list --order-by service_due_on \\
      --filter 'commodity = VENTILATOR AND NOT condition = IN_SERVICE'

Together, --service-due, --overdue and --under-repair list what any of them applies to. Fields of --filter: item, \
serial_number, commodity, facility, region, owner, batch, donation, place, condition, service_due_on, loan_due_on, \
position; see `keruen help filter`. --order-by takes all but commodity and donation.")]
    List(List),
    /// Install an asset where it stands
    #[command(after_help = "\
Examples:
  keruen asset install CONC-10L SN-1
  keruen asset install CONC-10L SN-1 --override-by person:7 \\
      --override-reason adapter

Refused where the site is known to lack what the item needs: mains, plug, backup power, \
oxygen, altitude, cold storage; or the books lack its accessories; unless somebody answers for \
it.")]
    Install(Step<FitArgs>),
    /// Take an installed asset down and put it back into the store
    #[command(after_help = "\
Examples:
  keruen asset remove CONC-10L SN-1")]
    Remove(Step<Nothing>),
    /// Put an asset into another one, such as a mobile laboratory
    #[command(after_help = "\
Examples:
  keruen asset put-in THERMOCYCLER T-7 --inside LAB-MOBILE,LAB-1
  keruen asset get LAB-MOBILE LAB-1     what is inside it

It is from then on where the other one is: it is sent, received, lent and lost with it. Both \
stand at one facility. At most 30 are inside one, and 3 one inside the other.")]
    PutIn(Step<Outer>),
    /// Take an asset out of the one that it is inside
    #[command(after_help = "\
Examples:
  keruen asset take-out THERMOCYCLER T-7")]
    TakeOut(Step<Nothing>),
    /// Put an asset into service
    #[command(after_help = "\
Examples:
  keruen asset put-into-service CONC-10L SN-1 --output 9.8,L2 \\
      --trained person:7 --trained person:9 --service-due 2021-01-15 \\
      --document kind=acceptance-act,number=A-12

It rests on an acceptance-act. The unit of the output is a UN/ECE Recommendation 20 \
code: L2 is litres per minute.")]
    PutIntoService(Step<Commissioning>),
    /// Record that an asset is out of order, or works again
    #[command(after_help = "\
Examples:
  keruen asset report CONC-10L SN-1 --condition out-of-order --fault output
  keruen asset report CONC-10L SN-1 --condition in-service

What is out of order is held: shipments lose their claims to it.")]
    Report(Step<Report>),
    /// Record that the repair of an asset begins, where it stands or elsewhere
    #[command(after_help = "\
Examples:
  keruen asset send-for-repair CONC-10L SN-1 --repairer MEDTECH \\
      --expected-on 2020-08-20
  keruen asset send-for-repair VENT-A SN-7 --repairer MEDTECH --on-site

It must have been reported to be out of order; what is installed is taken down first, \
unless it is repaired on the site.")]
    SendForRepair(Step<Repair>),
    /// Record that the repair of an asset ended; it is back where it was
    #[command(after_help = "\
Examples:
  keruen asset end-repair CONC-10L SN-1 --outcome repaired --output 9.9,L2
  keruen asset end-repair CONC-10L SN-1 --outcome not-repairable")]
    EndRepair(Step<Repaired>),
    /// Record that an asset was serviced
    #[command(after_help = "\
Examples:
  keruen asset service CONC-10L SN-1 --service-due 2021-07-15")]
    Service(Step<Serviced>),
    /// Lend an asset; it stays in the books of its facility
    #[command(after_help = "\
Examples:
  keruen asset lend CONC-10L SN-1 --borrower HOSP-2 --due 2020-10-01")]
    Lend(Step<Loan>),
    /// Record that an asset that was lent came back
    #[command(after_help = "\
Examples:
  keruen asset end-loan CONC-10L SN-1
  keruen asset end-loan CONC-10L SN-1 --fault damaged")]
    EndLoan(Step<Back>),
    /// Record that a refillable container was filled
    #[command(after_help = "\
Examples:
  keruen asset fill CYL-40L C-118 --filler GAS-PLANT")]
    Fill(Step<Filling>),
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
    Retire(Step<Retirement>),
    /// Settle the loss of an asset by a signed act: it leaves the books, with what is inside it
    #[command(after_help = "\
Examples:
  keruen asset accept-loss-act CONC-10L SN-1 \\
      --act kind=loss-act,number=LA-4,date=2020-08-02 --verdict liable
  keruen asset accept-loss-act CONC-10L SN-2 \\
      --act kind=loss-act,number=LA-5 --verdict exonerated --stolen

Whoever has it is named as the holder: who runs the facility, or borrowed or repairs it. Of what a count did not find, the \
act can follow later.")]
    AcceptLossAct(LossAct),
}

/// Which units.
#[derive(Args, Debug)]
pub struct List {
    /// Only in this region
    #[arg(long, value_name = "CODE")]
    region: Option<String>,
    /// Only at this facility
    #[arg(long, value_name = "CODE")]
    facility: Option<String>,
    /// Only of this item
    #[arg(long, value_name = "CODE")]
    item: Option<String>,
    /// Only of this owner
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// Only in this condition; repeatable
    #[arg(long = "condition", value_name = "CONDITION", value_parser = word::parser::<AssetCondition>())]
    conditions: Vec<AssetCondition>,
    /// Those that are due for service within so many days, or have been
    #[arg(long, value_name = "DAYS", value_parser = value::small)]
    service_due: Option<i32>,
    /// Those that are lent and due back
    #[arg(long)]
    overdue: bool,
    /// Those that are being repaired
    #[arg(long)]
    under_repair: bool,
    /// Also those that were disposed of, lost or given back, or never came, as where --filter names place
    #[arg(long)]
    gone: bool,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    page: ListArgs,
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

/// A step in the life of a unit, with what it says of its own.
#[derive(Args, Debug)]
pub struct Step<Own: Args> {
    #[command(flatten)]
    unit: Unit,
    #[command(flatten)]
    own: Own,
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

/// Nothing more to say.
#[derive(Args, Debug)]
pub struct Nothing {}

/// Who answers for it that something goes where it does not fit.
#[derive(Args, Debug)]
pub struct FitArgs {
    /// Who answers for it although the site lacks what it needs: a reference, person:ID; never a name
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

/// What it is put into.
#[derive(Args, Debug)]
pub struct Outer {
    /// The asset into which it is put: ITEM,SERIAL
    #[arg(long, value_name = "ITEM,SERIAL", required_unless_present = "json", value_parser = unit)]
    inside: Option<AssetRef>,
}

/// `LAB-MOBILE,LAB-1`
fn unit(text: &str) -> Result<AssetRef, String> {
    let (item_id, serial_number) = text
        .split_once(',')
        .ok_or_else(|| format!("must be ITEM,SERIAL, for example LAB-MOBILE,1; found {text:?}"))?;
    Ok(AssetRef {
        item_id: item_id.to_owned(),
        serial_number: serial_number.to_owned(),
    })
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

/// What was measured, and when it is due for service.
#[derive(Args, Debug)]
pub struct Serviced {
    /// What it was measured to give: NUMBER,UNIT
    #[arg(long, value_name = "OUTPUT", value_parser = output)]
    output: Option<MeasuredOutput>,
    /// Day on which it is due for service
    #[arg(long = "service-due", value_name = "DAY", value_parser = value::date)]
    service_due_on: Option<String>,
}

/// A putting into service.
#[derive(Args, Debug)]
pub struct Commissioning {
    #[command(flatten)]
    serviced: Serviced,
    /// Who was taught to run it: a reference, person:ID, never a name; repeatable
    #[arg(long = "trained", value_name = "REF", required_unless_present = "json")]
    trained_user_refs: Vec<String>,
}

/// A report.
#[derive(Args, Debug)]
pub struct Report {
    /// In what condition it is
    #[arg(long, value_name = "CONDITION", required_unless_present = "json", value_parser = word::parser::<AssetCondition>())]
    condition: Option<AssetCondition>,
    /// What is wrong with it
    #[arg(long, value_parser = word::parser::<AssetFault>())]
    fault: Option<AssetFault>,
}

/// A repair that begins.
#[derive(Args, Debug)]
pub struct Repair {
    /// Organisation that repairs it
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    repairer: Option<String>,
    /// It is repaired where it stands
    #[arg(long)]
    on_site: bool,
    /// Day on which it is expected to be done
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    expected_on: Option<String>,
}

/// A repair that ended.
#[derive(Args, Debug)]
pub struct Repaired {
    /// What came of it
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<RepairOutcome>())]
    outcome: Option<RepairOutcome>,
    #[command(flatten)]
    serviced: Serviced,
}

/// A loan.
#[derive(Args, Debug)]
pub struct Loan {
    /// Organisation that gets it
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    borrower: Option<String>,
    /// Day on which it is due back
    #[arg(long = "due", value_name = "DAY", required_unless_present = "json", value_parser = value::date)]
    due_on: Option<String>,
}

/// A loan that ended.
#[derive(Args, Debug)]
pub struct Back {
    /// What is wrong with it
    #[arg(long, value_parser = word::parser::<AssetFault>())]
    fault: Option<AssetFault>,
}

/// A filling.
#[derive(Args, Debug)]
pub struct Filling {
    /// Organisation that filled it. Default: the facility itself
    #[arg(long, value_name = "CODE")]
    filler: Option<String>,
}

/// A retirement.
#[derive(Args, Debug)]
pub struct Retirement {
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<AssetRetirementReason>())]
    reason: Option<AssetRetirementReason>,
}

/// A loss.
#[derive(Args, Debug)]
pub struct LossAct {
    #[command(flatten)]
    unit: Unit,
    /// The act: kind=loss-act,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]
    #[arg(long, value_name = "DOCUMENT", required_unless_present = "json", value_parser = line::document)]
    act: Option<DocumentRef>,
    /// Who answers for it
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<AssetLossVerdict>())]
    verdict: Option<AssetLossVerdict>,
    /// It was stolen
    #[arg(long)]
    stolen: bool,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// Gives the command of a step: the unit and what it rests on are said of each.
macro_rules! take {
    ($session:ident, $step:ident, $request:ident { $($field:ident: $value:expr),* $(,)? }) => {{
        let request = $request {
            item_id: $step.unit.item_id.unwrap_or_default(),
            serial_number: $step.unit.serial_number.unwrap_or_default(),
            documents: $step.documents,
            $($field: $value,)*
            ..Default::default()
        };
        $session.change(&$step.mutation, request).await
    }};
}

impl Verb {
    /// Does it.
    #[expect(clippy::too_many_lines, reason = "one arm for each verb")]
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
            Self::List(args) => {
                let request = ListAssetsRequest {
                    region_id: args.region.unwrap_or_default(),
                    facility_id: args.facility.unwrap_or_default(),
                    item_id: args.item.unwrap_or_default(),
                    owner_id: args.owner.unwrap_or_default(),
                    conditions: args.conditions.into_iter().map(Into::into).collect(),
                    service_due_within_days: args.service_due,
                    overdue: args.overdue,
                    under_repair: args.under_repair,
                    show_gone: args.gone,
                    filter: args.terms.filter,
                    order_by: args.terms.order_by,
                    min_position: args.page.min_position,
                    ..Default::default()
                };
                session.list(request, args.page.limit).await
            }
            Self::Install(it) => take!(
                session,
                it,
                InstallAssetRequest {
                    fit_override: it.own.into_override(),
                }
            ),
            Self::Remove(it) => take!(session, it, RemoveAssetRequest {}),
            Self::PutIn(it) => take!(
                session,
                it,
                PutAssetInsideRequest {
                    inside: it.own.inside,
                }
            ),
            Self::TakeOut(it) => take!(session, it, TakeAssetOutRequest {}),
            Self::PutIntoService(it) => take!(
                session,
                it,
                PutAssetIntoServiceRequest {
                    output: it.own.serviced.output,
                    trained_user_refs: it.own.trained_user_refs,
                    service_due_on: it.own.serviced.service_due_on.unwrap_or_default(),
                }
            ),
            Self::Report(it) => take!(
                session,
                it,
                ReportAssetConditionRequest {
                    condition: it.own.condition.map_or(0, Into::into),
                    fault: it.own.fault.map_or(0, Into::into),
                }
            ),
            Self::SendForRepair(it) => take!(
                session,
                it,
                SendAssetForRepairRequest {
                    repairer_id: it.own.repairer.unwrap_or_default(),
                    on_site: it.own.on_site,
                    expected_on: it.own.expected_on.unwrap_or_default(),
                }
            ),
            Self::EndRepair(it) => take!(
                session,
                it,
                EndAssetRepairRequest {
                    outcome: it.own.outcome.map_or(0, Into::into),
                    output: it.own.serviced.output,
                    service_due_on: it.own.serviced.service_due_on.unwrap_or_default(),
                }
            ),
            Self::Service(it) => take!(
                session,
                it,
                ServiceAssetRequest {
                    output: it.own.output,
                    service_due_on: it.own.service_due_on.unwrap_or_default(),
                }
            ),
            Self::Lend(it) => take!(
                session,
                it,
                LendAssetRequest {
                    borrower_id: it.own.borrower.unwrap_or_default(),
                    due_on: it.own.due_on.unwrap_or_default(),
                }
            ),
            Self::EndLoan(it) => take!(
                session,
                it,
                EndAssetLoanRequest {
                    fault: it.own.fault.map_or(0, Into::into),
                }
            ),
            Self::Fill(it) => take!(
                session,
                it,
                FillContainerRequest {
                    filler_id: it.own.filler.unwrap_or_default(),
                }
            ),
            Self::Empty(it) => {
                let request = EmptyContainerRequest {
                    item_id: it.unit.item_id.unwrap_or_default(),
                    serial_number: it.unit.serial_number.unwrap_or_default(),
                    ..Default::default()
                };
                session.change(&it.mutation, request).await
            }
            Self::Retire(it) => take!(
                session,
                it,
                RetireAssetRequest {
                    reason: it.own.reason.map_or(0, Into::into),
                }
            ),
            Self::AcceptLossAct(it) => {
                let request = AcceptAssetLossRequest {
                    item_id: it.unit.item_id.unwrap_or_default(),
                    serial_number: it.unit.serial_number.unwrap_or_default(),
                    act: it.act,
                    verdict: it.verdict.map_or(0, Into::into),
                    stolen: it.stolen,
                    ..Default::default()
                };
                session.change(&it.mutation, request).await
            }
        }
    }
}
