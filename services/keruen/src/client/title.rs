//! Ownership, which moves by a deed and not by a lorry.

use clap::Args;
use keruen_proto::{
    inventory::v1::TransferTitleRequest,
    registry::v1::DocumentRef,
    shipments::v1::{ShipmentPick, TransferShipmentTitleRequest},
};

use crate::client::{failure::Failure, line, mutation::MutationArgs, session::Session, value};

/// A change of owner.
#[derive(Args, Debug)]
pub struct Transfer {
    /// Where the units are, and stay
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    facility: Option<String>,
    /// The batch
    #[arg(long, value_name = "ID", required_unless_present = "json")]
    batch: Option<String>,
    /// Whose they are. Default: the only one that has stock of this batch there
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// To whom they belong from now on
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    to: Option<String>,
    /// Base units that no shipment claims. Default: all of them that are there
    #[arg(long, value_name = "N", value_parser = value::whole)]
    quantity: Option<i64>,
    /// Pack of the item in which that is told, for example BOX. Default: base units
    #[arg(long, value_name = "CODE")]
    pack: Option<String>,
    /// Serial number, of an asset; repeatable. The quantity is then their number
    #[arg(long = "serial", value_name = "NUMBER")]
    serials: Vec<String>,
    /// Deed of transfer: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
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

impl Transfer {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let numbered = i64::try_from(self.serials.len()).unwrap_or(i64::MAX);
        let request = TransferTitleRequest {
            facility_id: self.facility.unwrap_or_default(),
            batch_id: self.batch.unwrap_or_default(),
            owner_id: self.owner.unwrap_or_default(),
            new_owner_id: self.to.unwrap_or_default(),
            quantity: self.quantity.unwrap_or(numbered),
            pack_id: self.pack.unwrap_or_default(),
            serial_numbers: self.serials,
            documents: self.documents,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}

/// A change of owner of goods that a shipment has claimed or carries.
#[derive(Args, Debug)]
pub struct TransferInShipment {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// To whom the goods belong from now on
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    to: Option<String>,
    /// Only goods of this owner
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// Number of a parcel all of whose contents pass; repeatable
    #[arg(long = "parcel", value_name = "SSCC")]
    ssccs: Vec<String>,
    /// What passes besides, loose goods before packed ones: line=N[,batch=ID][,owner=CODE][,quantity=N][,serial=NUMBER]…; repeatable
    #[arg(long = "unit", value_name = "UNIT", value_parser = line::shipment_pick)]
    units: Vec<ShipmentPick>,
    /// Deed of transfer: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
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

impl TransferInShipment {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = TransferShipmentTitleRequest {
            shipment_id: self.shipment_id.unwrap_or_default(),
            new_owner_id: self.to.unwrap_or_default(),
            owner_id: self.owner.unwrap_or_default(),
            ssccs: self.ssccs,
            units: self.units,
            documents: self.documents,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}
