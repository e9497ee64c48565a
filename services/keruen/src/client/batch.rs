//! Batches.

use clap::{Args, Subcommand};
use keruen_proto::{
    inventory::v1::{
        GetBatchRequest, HoldBatchRequest, HoldReason, OverrideReason, ReleaseBatchRequest,
        ReleaseOverride, ReleaseVerdict, ShortenExpiryRequest,
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
    /// Show a batch: item, lot, expiry, donation, declared value, and whether it is held or recalled
    #[command(after_help = "\
Examples:
  keruen batch get B-HJKMN-PQRSTU")]
    Get {
        /// Its id
        batch_id: String,
    },
    /// Hold a batch, wherever its units are
    #[command(after_help = "\
Examples:
  keruen batch hold B-HJKMN-PQRSTU --reason quality-doubt
  keruen batch hold B-HJKMN-PQRSTU --reason authority-order \\
      --document kind=order,number=17,date=2020-07-14,issuer=MOH

Nothing of it is allocated, dispatched or issued until it is released. Units that a \
shipment has claimed stay claimed, but do not leave. A batch may be held for several \
reasons at once; each is released by itself.")]
    Hold(Hold),
    /// Release a held batch: by a verdict, or by whoever answers for it
    #[command(after_help = "\
Examples:
  keruen batch release B-HJKMN-PQRSTU --verdict tested \\
      --document kind=laboratory-report,number=LR-8,date=2020-07-16
  keruen batch release B-HJKMN-PQRSTU --hold quarantine --verdict permitted \\
      --document kind=certificate,number=RK-5
  keruen batch release B-HJKMN-PQRSTU --override-by person:7 \\
      --override-reason urgent-need

A verdict rests on its document: permitted on a certificate, tested on a \
laboratory-report, accepted on an acceptance-act, assessed on a quality-decision, \
ordered on an order.")]
    Release(Release),
    /// Let a batch be used for less long than was printed on it
    #[command(after_help = "\
Examples:
  keruen batch shorten-expiry B-HJKMN-PQRSTU --expires-on 2020-09-30 \\
      --document kind=quality-decision,number=QD-3,date=2020-07-16

It holds wherever its units are, also on their way. It rests on a quality-decision.")]
    ShortenExpiry(ShortenExpiry),
}

/// A hold.
#[derive(Args, Debug)]
pub struct Hold {
    /// The batch
    #[arg(required_unless_present = "json")]
    batch_id: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<HoldReason>())]
    reason: Option<HoldReason>,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A release.
#[derive(Args, Debug)]
pub struct Release {
    /// The batch
    #[arg(required_unless_present = "json")]
    batch_id: Option<String>,
    /// Which hold ends. Default: the only one
    #[arg(long, value_name = "REASON", value_parser = word::parser::<HoldReason>())]
    hold: Option<HoldReason>,
    #[command(flatten)]
    grounds: Grounds,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A shorter life.
#[derive(Args, Debug)]
pub struct ShortenExpiry {
    /// The batch
    #[arg(required_unless_present = "json")]
    batch_id: Option<String>,
    /// Last day of use from now on
    #[arg(long, value_name = "DAY", required_unless_present = "json", value_parser = value::date)]
    expires_on: Option<String>,
    /// The decision: kind=quality-decision,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// Why goods may be released.
#[derive(Args, Debug)]
pub struct Grounds {
    /// The examination that found it fit for use
    #[arg(long, required_unless_present_any = ["json", "override_by"], value_parser = word::parser::<ReleaseVerdict>())]
    pub verdict: Option<ReleaseVerdict>,
    /// Who releases it without a verdict: a reference, person:ID; never a name
    #[arg(
        long,
        value_name = "REF",
        conflicts_with = "verdict",
        requires = "override_reason"
    )]
    pub override_by: Option<String>,
    /// Why it is released without a verdict
    #[arg(long, value_name = "REASON", requires = "override_by", value_parser = word::parser::<OverrideReason>())]
    pub override_reason: Option<OverrideReason>,
}

impl Grounds {
    /// The verdict as a number, and the override.
    pub fn into_parts(self) -> (i32, Option<ReleaseOverride>) {
        let release_override = self.override_by.map(|who| ReleaseOverride {
            authorised_by_ref: who,
            reason: self.override_reason.map_or(0, Into::into),
        });
        (self.verdict.map_or(0, Into::into), release_override)
    }
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Get { batch_id } => session.show(GetBatchRequest { batch_id }).await,
            Self::Hold(args) => {
                let request = HoldBatchRequest {
                    batch_id: args.batch_id.unwrap_or_default(),
                    reason: args.reason.map_or(0, Into::into),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::ShortenExpiry(args) => {
                let request = ShortenExpiryRequest {
                    batch_id: args.batch_id.unwrap_or_default(),
                    expires_on: args.expires_on.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Release(args) => {
                let (verdict, release_override) = args.grounds.into_parts();
                let request = ReleaseBatchRequest {
                    batch_id: args.batch_id.unwrap_or_default(),
                    reason: args.hold.map_or(0, Into::into),
                    verdict,
                    release_override,
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
        }
    }
}
