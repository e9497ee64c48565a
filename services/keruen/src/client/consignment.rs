//! Donations from abroad, on their way through customs.

use clap::{Args, Subcommand};
use keruen_proto::{
    inventory::v1::{
        AnnounceConsignmentRequest, ClearConsignmentRequest, RecordConsignmentAtBorderRequest,
        RecordConsignmentInCustomsRequest, RefusalReason, RefuseConsignmentRequest,
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
    /// Announce that a part of a donation comes from abroad
    #[command(after_help = "\
Examples:
  keruen consignment announce UNICEF-VENT --id C-1 --expected-on 2020-06-02 \\
      --document kind=waybill,number=CMR-881

From then on goods of this donation are received from a consignment that is cleared: \
`keruen donation receive UNICEF-VENT --consignment C-1 …`.")]
    Announce(Announce),
    /// Record that it has reached the border
    #[command(after_help = "\
Examples:
  keruen consignment at-border UNICEF-VENT C-1 \\
      --occurred-at 2020-06-01T22:10:00+06:00")]
    AtBorder(Move),
    /// Record that it is with customs
    #[command(after_help = "\
Examples:
  keruen consignment in-customs UNICEF-VENT C-1 \\
      --document kind=customs-declaration,number=55302/123")]
    InCustoms(Move),
    /// Record that it is free to enter the country
    #[command(after_help = "\
Examples:
  keruen consignment clear UNICEF-VENT C-1 \\
      --document kind=customs-declaration,number=55302/123,date=2020-06-03

It needs at least one document: what cleared it.")]
    Clear(Move),
    /// Record that it was not let in
    #[command(after_help = "\
Examples:
  keruen consignment refuse UNICEF-VENT C-2 --reason not-permitted \\
      --document kind=order,number=17-K

Its goods can't be received after that. A donation that gets nothing else is closed with \
`keruen donation close UNICEF-VENT --reason refused-entry`.")]
    Refuse(Refuse),
}

/// What is coming.
#[derive(Args, Debug)]
pub struct Announce {
    /// The donation
    #[arg(required_unless_present = "json")]
    donation_id: Option<String>,
    /// Id of your choice, unique within the donation. Default: C-1, C-2, C-3 …
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Day on which it is expected
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    expected_on: Option<String>,
    /// Waybill and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// How far it has come.
#[derive(Args, Debug)]
pub struct Move {
    /// The donation
    #[arg(required_unless_present = "json")]
    donation_id: Option<String>,
    /// The consignment
    #[arg(required_unless_present = "json")]
    consignment_id: Option<String>,
    /// Declaration and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A refusal.
#[derive(Args, Debug)]
pub struct Refuse {
    #[command(flatten)]
    moved: Move,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<RefusalReason>())]
    reason: Option<RefusalReason>,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Announce(args) => {
                let request = AnnounceConsignmentRequest {
                    donation_id: args.donation_id.unwrap_or_default(),
                    consignment_id: args.id.unwrap_or_default(),
                    expected_on: args.expected_on.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::AtBorder(args) => {
                let request = RecordConsignmentAtBorderRequest {
                    donation_id: args.donation_id.unwrap_or_default(),
                    consignment_id: args.consignment_id.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::InCustoms(args) => {
                let request = RecordConsignmentInCustomsRequest {
                    donation_id: args.donation_id.unwrap_or_default(),
                    consignment_id: args.consignment_id.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Clear(args) => {
                let request = ClearConsignmentRequest {
                    donation_id: args.donation_id.unwrap_or_default(),
                    consignment_id: args.consignment_id.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Refuse(args) => {
                let request = RefuseConsignmentRequest {
                    donation_id: args.moved.donation_id.unwrap_or_default(),
                    consignment_id: args.moved.consignment_id.unwrap_or_default(),
                    reason: args.reason.map_or(0, Into::into),
                    documents: args.moved.documents,
                    ..Default::default()
                };
                session.change(&args.moved.mutation, request).await
            }
        }
    }
}
