//! Stock that leaves the system: given back to its donor, or to somebody else.

use clap::Args;
use keruen_proto::{
    inventory::v1::{ReturnReason, ReturnStockRequest},
    registry::v1::DocumentRef,
};

use crate::{
    client::{failure::Failure, line, mutation::MutationArgs, session::Session, value},
    render::word,
};

/// A return.
#[derive(Args, Debug)]
pub struct Return {
    /// Where it leaves
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
    /// Organisation that takes it back. Default: the donor
    #[arg(long, value_name = "CODE")]
    recipient: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<ReturnReason>())]
    reason: Option<ReturnReason>,
    /// It has happened: record it whatever the books say, as with an earlier --occurred-at
    #[arg(long)]
    already_returned: bool,
    /// Act of return and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Return {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = ReturnStockRequest {
            facility_id: self.facility.unwrap_or_default(),
            batch_id: self.batch.unwrap_or_default(),
            owner_id: self.owner.unwrap_or_default(),
            quantity: self.quantity.unwrap_or_default(),
            pack_id: self.pack.unwrap_or_default(),
            serial_numbers: self.serials,
            recipient_id: self.recipient.unwrap_or_default(),
            reason: self.reason.map_or(0, Into::into),
            documents: self.documents,
            already_returned: self.already_returned,
            ..Default::default()
        };
        session
            .change_with_consequences(&self.mutation, request)
            .await
    }
}
