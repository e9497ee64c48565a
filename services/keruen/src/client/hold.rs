//! Units at a facility, held by themselves and released.

use clap::Args;
use keruen_proto::{
    inventory::v1::{HoldReason, HoldStockRequest, ReleaseStockRequest},
    registry::v1::DocumentRef,
};

use crate::{
    client::{
        batch::Grounds, failure::Failure, line, mutation::MutationArgs, session::Session, value,
    },
    render::word,
};

/// Which units.
#[derive(Args, Debug)]
struct Units {
    /// Where
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    facility: Option<String>,
    /// The batch
    #[arg(long, value_name = "ID", required_unless_present = "json")]
    batch: Option<String>,
    /// The owner. Default: the only one that has stock of this batch there
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// Base units
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
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
}

/// A hold.
#[derive(Args, Debug)]
pub struct Hold {
    #[command(flatten)]
    units: Units,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<HoldReason>())]
    reason: Option<HoldReason>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A release.
#[derive(Args, Debug)]
pub struct Release {
    #[command(flatten)]
    units: Units,
    #[command(flatten)]
    grounds: Grounds,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Hold {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = HoldStockRequest {
            facility_id: self.units.facility.unwrap_or_default(),
            batch_id: self.units.batch.unwrap_or_default(),
            owner_id: self.units.owner.unwrap_or_default(),
            quantity: self.units.quantity.unwrap_or_default(),
            pack_id: self.units.pack.unwrap_or_default(),
            serial_numbers: self.units.serials,
            reason: self.reason.map_or(0, Into::into),
            documents: self.units.documents,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}

impl Release {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let (verdict, release_override) = self.grounds.into_parts();
        let request = ReleaseStockRequest {
            facility_id: self.units.facility.unwrap_or_default(),
            batch_id: self.units.batch.unwrap_or_default(),
            owner_id: self.units.owner.unwrap_or_default(),
            quantity: self.units.quantity.unwrap_or_default(),
            pack_id: self.units.pack.unwrap_or_default(),
            serial_numbers: self.units.serials,
            verdict,
            release_override,
            documents: self.units.documents,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}
