//! Custody: hand-overs, liability agreements and keepers.

use clap::{Args, Subcommand};
use keruen_proto::{
    registry::v1::Money,
    shipments::v1::{
        AgreementEndReason, AgreementOverride, AgreementOverrideReason, AppointKeeperRequest,
        CustodyBasis, EndLiabilityAgreementRequest, GetKeeperRequest,
        GetLiabilityAgreementsRequest, HandOverShipmentRequest, LiabilityBasis,
        RefuseHandOverRequest, Remark, SealCheck, ShipmentPick, SignLiabilityAgreementRequest,
    },
};

use crate::{
    client::{failure::Failure, line, mutation::Papers, session::Session, value},
    render::word,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Hand a shipment over; whoever takes it is liable from then on
    #[command(after_help = "\
Examples:
  keruen custody hand-over S-JEZ-1 --to HAULER --signed-by person:7 \\
      --seal 346012340000000182=intact
  keruen custody hand-over S-JEZ-1 --to HAULER --signed-by person:7 \\
      --basis counted --missing line=1,quantity=2 \\
      --remark kind=packaging,reference=photo:118
  keruen custody hand-over S-JEZ-1 --to DRIVERS --signed-by person:8 \\
      --override-by person:1 --override-reason emergency

With the basis sealed (the default) seals are looked at and contents are not; with counted all of it was counted. It needs a \
liability agreement that is valid for whoever signs, or somebody who answers for it that there is none. A remark is \
kind=KIND[,parcel=SSCC][,reference=KIND:ID].")]
    HandOver(HandOver),
    /// Record that somebody refused to take a shipment
    #[command(after_help = "\
Examples:
  keruen custody refuse S-JEZ-1 --by HAULER --signed-by person:7 \\
      --remark kind=wet,reference=photo:119")]
    Refuse(Refuse),
    /// Record a liability agreement of a carrier or volunteer
    #[command(after_help = "\
Examples:
  keruen custody sign-agreement HAULER LA-17 --basis full \\
      --until 2099-12-31 --document kind=contract,number=LA-17
  keruen custody sign-agreement DRIVERS LA-18 --volunteer V-7 \\
      --basis limited --limit 500000KZT --document kind=contract,number=LA-18")]
    SignAgreement(Sign),
    /// End a liability agreement before its time
    #[command(after_help = "\
Examples:
  keruen custody end-agreement HAULER LA-17 --reason breach")]
    EndAgreement(End),
    /// Show the liability agreements of an organisation
    #[command(after_help = "\
Examples:
  keruen custody agreements HAULER")]
    Agreements {
        /// The organisation
        organisation_id: String,
    },
    /// Put the stock of a facility into the hands of a keeper
    #[command(after_help = "\
Examples:
  keruen custody appoint-keeper WH-ALA --organisation RED-CRESCENT \\
      --person person:3
  keruen custody appoint-keeper WH-ALA --organisation RED-CRESCENT \\
      --person person:4 --count C-1 --count C-2

Where there is a keeper already, the next one takes over by full counts.")]
    AppointKeeper(Appoint),
    /// Show who keeps the stock of a facility
    #[command(after_help = "\
Examples:
  keruen custody keeper WH-ALA")]
    Keeper {
        /// The facility
        facility_id: String,
    },
}

/// A hand-over.
#[derive(Args, Debug)]
pub struct HandOver {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// Organisation that takes it
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    to: Option<String>,
    /// Reference to the person who signs for it, person: and what names nobody
    #[arg(long, value_name = "REF", required_unless_present = "json")]
    signed_by: Option<String>,
    /// Reference to the person who hands it over
    #[arg(long, value_name = "REF")]
    handed_over_by: Option<String>,
    /// What is signed for. Default: sealed
    #[arg(long, value_parser = word::parser::<CustodyBasis>())]
    basis: Option<CustodyBasis>,
    /// What was found of a parcel's seal: SSCC=intact|broken|parcel-missing; repeatable
    #[arg(long = "seal", value_name = "SSCC=STATE", value_parser = line::seal)]
    seals: Vec<SealCheck>,
    /// What is not there: line=N[,batch=ID][,owner=CODE][,quantity=N][,serial=NUMBER]…; repeatable
    #[arg(long = "missing", value_name = "UNIT", value_parser = line::shipment_pick)]
    missing: Vec<ShipmentPick>,
    /// What is remarked; repeatable. See below
    #[arg(long = "remark", value_name = "REMARK", value_parser = line::remark)]
    remarks: Vec<Remark>,
    #[command(flatten)]
    answered: AnsweredFor,
    /// Facility where that happens
    #[arg(long, value_name = "CODE")]
    at: Option<String>,
    #[command(flatten)]
    papers: Papers,
}

/// Whoever answers for it that there is no agreement.
#[derive(Args, Debug)]
pub struct AnsweredFor {
    /// Who answers for it that there is no valid agreement: a reference, never a name
    #[arg(long, value_name = "REF", requires = "override_reason")]
    override_by: Option<String>,
    /// Why it goes there all the same
    #[arg(long, value_name = "REASON", requires = "override_by", value_parser = word::parser::<AgreementOverrideReason>())]
    override_reason: Option<AgreementOverrideReason>,
}

impl From<AnsweredFor> for Option<AgreementOverride> {
    fn from(args: AnsweredFor) -> Self {
        let reason = args.override_reason.map_or(0, Into::into);
        args.override_by.map(|authorised_by_ref| AgreementOverride {
            authorised_by_ref,
            reason,
        })
    }
}

/// A refusal.
#[derive(Args, Debug)]
pub struct Refuse {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// Organisation that refuses it
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    by: Option<String>,
    /// Reference to the person who refuses, person: and what names nobody
    #[arg(long, value_name = "REF", required_unless_present = "json")]
    signed_by: Option<String>,
    /// Why: kind=KIND[,parcel=SSCC][,reference=KIND:ID]; repeatable
    #[arg(long = "remark", value_name = "REMARK", required_unless_present = "json", value_parser = line::remark)]
    remarks: Vec<Remark>,
    #[command(flatten)]
    papers: Papers,
}

/// An agreement.
#[derive(Args, Debug)]
pub struct Sign {
    /// Organisation that is liable
    #[arg(required_unless_present = "json")]
    organisation_id: Option<String>,
    /// Its number, unique within the organisation
    #[arg(required_unless_present = "json")]
    agreement_id: Option<String>,
    /// Volunteer for whose signatures alone it stands
    #[arg(long, value_name = "CODE")]
    volunteer: Option<String>,
    /// For what it is liable
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<LiabilityBasis>())]
    basis: Option<LiabilityBasis>,
    /// Up to how much, such as 500000KZT; only with the basis limited
    #[arg(long, value_name = "AMOUNT", value_parser = value::money)]
    limit: Option<Money>,
    /// First day. Default: today
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    from: Option<String>,
    /// Last day
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    until: Option<String>,
    #[command(flatten)]
    papers: Papers,
}

/// The end of an agreement.
#[derive(Args, Debug)]
pub struct End {
    /// The organisation
    #[arg(required_unless_present = "json")]
    organisation_id: Option<String>,
    /// Number of the agreement
    #[arg(required_unless_present = "json")]
    agreement_id: Option<String>,
    /// First day on which it is no longer valid. Default: today
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    on: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<AgreementEndReason>())]
    reason: Option<AgreementEndReason>,
    #[command(flatten)]
    papers: Papers,
}

/// A keeper.
#[derive(Args, Debug)]
pub struct Appoint {
    /// The facility
    #[arg(required_unless_present = "json")]
    facility_id: Option<String>,
    /// Organisation that answers for its stock
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    organisation: Option<String>,
    /// Reference to the person who signs for it, person: and what names nobody
    #[arg(long, value_name = "REF", required_unless_present = "json")]
    person: Option<String>,
    /// Full count of what is taken over; repeatable
    #[arg(long = "count", value_name = "ID")]
    counts: Vec<String>,
    #[command(flatten)]
    papers: Papers,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::HandOver(args) => args.run(session).await,
            Self::Refuse(args) => {
                let request = RefuseHandOverRequest {
                    shipment_id: args.shipment_id.unwrap_or_default(),
                    custodian_id: args.by.unwrap_or_default(),
                    signed_by_ref: args.signed_by.unwrap_or_default(),
                    remarks: args.remarks,
                    documents: args.papers.documents,
                    ..Default::default()
                };
                session.change(&args.papers.mutation, request).await
            }
            Self::SignAgreement(args) => {
                let request = SignLiabilityAgreementRequest {
                    organisation_id: args.organisation_id.unwrap_or_default(),
                    agreement_id: args.agreement_id.unwrap_or_default(),
                    volunteer_id: args.volunteer.unwrap_or_default(),
                    basis: args.basis.map_or(0, Into::into),
                    limit: args.limit,
                    valid_from: args.from.unwrap_or_default(),
                    valid_until: args.until.unwrap_or_default(),
                    documents: args.papers.documents,
                    ..Default::default()
                };
                session.change(&args.papers.mutation, request).await
            }
            Self::EndAgreement(args) => {
                let request = EndLiabilityAgreementRequest {
                    organisation_id: args.organisation_id.unwrap_or_default(),
                    agreement_id: args.agreement_id.unwrap_or_default(),
                    ended_on: args.on.unwrap_or_default(),
                    reason: args.reason.map_or(0, Into::into),
                    documents: args.papers.documents,
                    ..Default::default()
                };
                session.change(&args.papers.mutation, request).await
            }
            Self::Agreements { organisation_id } => {
                session
                    .show(GetLiabilityAgreementsRequest { organisation_id })
                    .await
            }
            Self::AppointKeeper(args) => {
                let request = AppointKeeperRequest {
                    facility_id: args.facility_id.unwrap_or_default(),
                    organisation_id: args.organisation.unwrap_or_default(),
                    person_ref: args.person.unwrap_or_default(),
                    count_ids: args.counts,
                    documents: args.papers.documents,
                    ..Default::default()
                };
                session.change(&args.papers.mutation, request).await
            }
            Self::Keeper { facility_id } => session.show(GetKeeperRequest { facility_id }).await,
        }
    }
}

impl HandOver {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = HandOverShipmentRequest {
            shipment_id: self.shipment_id.unwrap_or_default(),
            custodian_id: self.to.unwrap_or_default(),
            signed_by_ref: self.signed_by.unwrap_or_default(),
            handed_over_by_ref: self.handed_over_by.unwrap_or_default(),
            basis: self.basis.map_or(0, Into::into),
            seals: self.seals,
            missing: self.missing,
            remarks: self.remarks,
            agreement_override: self.answered.into(),
            facility_id: self.at.unwrap_or_default(),
            documents: self.papers.documents,
            ..Default::default()
        };
        session.change(&self.papers.mutation, request).await
    }
}
