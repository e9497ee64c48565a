//! What waits for somebody.

use clap::{Args as ClapArgs, ValueEnum};
use keruen_proto::stock::v1::{InboxKind, ListInboxRequest};

use crate::{
    client::{failure::Failure, mutation::ListArgs, session::Session, value},
    render::word,
};

/// Who asks.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Regional front office: to triage, escalated, overdue
    Office,
    /// Whoever decides: to approve, to confirm
    Decider,
    /// Hospital: to answer, to sign, to count, expiring
    Hospital,
    /// Warehouse: to allocate, to dispatch, to answer, to count, expiring
    Warehouse,
    /// Carrier: to sign, to settle
    Carrier,
}

impl Role {
    fn kinds(self) -> &'static [InboxKind] {
        use InboxKind::{
            Escalated, Expiring, Overdue, ToAllocate, ToAnswer, ToApprove, ToConfirm, ToCount,
            ToDispatch, ToSettle, ToSign, ToTriage,
        };
        match self {
            Self::Office => &[ToTriage, Escalated, Overdue],
            Self::Decider => &[ToApprove, ToConfirm],
            Self::Hospital => &[ToAnswer, ToSign, ToCount, Expiring],
            Self::Warehouse => &[ToAllocate, ToDispatch, ToAnswer, ToCount, Expiring],
            Self::Carrier => &[ToSign, ToSettle],
        }
    }
}

/// What is asked for.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  keruen inbox --role office --region KZ-62
  keruen inbox --role decider --organisation MOH
  keruen inbox --facility HOSP-JEZ --expiring-days 60 --format csv
  keruen inbox --kind to-triage --kind overdue --format json

What waits follows from how requests, shipments and stock stand; what is done is gone from it. \
Rows of an emergency come first, then the most urgent, then what is due first, then what has waited longest.")]
pub struct Args {
    /// Only what people in this role see to
    #[arg(long, value_enum)]
    role: Option<Role>,
    /// Only of this kind; repeatable
    #[arg(long = "kind", value_name = "KIND", conflicts_with = "role", value_parser = word::parser::<InboxKind>())]
    kinds: Vec<InboxKind>,
    /// Only in this region
    #[arg(long, value_name = "CODE")]
    region: Option<String>,
    /// Only at this facility
    #[arg(long, value_name = "CODE")]
    facility: Option<String>,
    /// Only for this organisation
    #[arg(long, value_name = "CODE")]
    organisation: Option<String>,
    /// How many days ahead stock counts as expiring
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = value::span)]
    expiring_days: i32,
    #[command(flatten)]
    list: ListArgs,
}

impl Args {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let kinds = match self.role {
            Some(role) => role.kinds().to_vec(),
            None => self.kinds,
        };
        let request = ListInboxRequest {
            kinds: kinds.into_iter().map(Into::into).collect(),
            region_id: self.region.unwrap_or_default(),
            facility_id: self.facility.unwrap_or_default(),
            organisation_id: self.organisation.unwrap_or_default(),
            expiring_days: self.expiring_days,
            min_position: self.list.min_position,
            ..Default::default()
        };
        session.list(request, self.list.limit).await
    }
}
