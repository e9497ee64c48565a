//! Donated money: set aside, spent, given up.

use clap::Args;
use keruen_proto::{
    inventory::v1::{
        CommitDonatedMoneyRequest, CommitmentReleaseReason, MoneyPurpose, ReceiptLine,
        ReleaseDonatedMoneyRequest, SpendDonatedMoneyRequest,
    },
    registry::v1::{DocumentRef, Money},
};

use crate::{
    client::{failure::Failure, line, mutation::MutationArgs, session::Session, value},
    render::word,
};

/// Money set aside.
#[derive(Args, Debug)]
pub struct Commit {
    /// The donation
    #[arg(required_unless_present = "json")]
    donation_id: Option<String>,
    /// How much, in the currency of the pledge
    #[arg(long, value_name = "AMOUNT", required_unless_present = "json", value_parser = value::money)]
    amount: Option<Money>,
    /// What for
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<MoneyPurpose>())]
    purpose: Option<MoneyPurpose>,
    /// For whom
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    supplier: Option<String>,
    /// Contract and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// Money given up.
#[derive(Args, Debug)]
pub struct Release {
    /// The donation
    #[arg(required_unless_present = "json")]
    donation_id: Option<String>,
    /// Number of the commitment
    #[arg(long, value_name = "N", required_unless_present = "json", value_parser = value::small)]
    commitment: Option<i32>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<CommitmentReleaseReason>())]
    reason: Option<CommitmentReleaseReason>,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// Money spent.
#[derive(Args, Debug)]
pub struct Spend {
    /// The donation
    #[arg(required_unless_present = "json")]
    donation_id: Option<String>,
    /// How much, in the currency of the pledge
    #[arg(long, value_name = "AMOUNT", required_unless_present = "json", value_parser = value::money)]
    amount: Option<Money>,
    /// Organisation that was paid
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    supplier: Option<String>,
    /// What it was spent on. Default: goods
    #[arg(long, value_parser = word::parser::<MoneyPurpose>())]
    purpose: Option<MoneyPurpose>,
    /// Where the goods arrived
    #[arg(long, value_name = "CODE")]
    facility: Option<String>,
    /// What was bought; repeatable. See below
    #[arg(long = "line", value_name = "LINE", value_parser = line::receipt)]
    lines: Vec<ReceiptLine>,
    /// Number of the commitment that it is taken from. Default: money that is not set aside
    #[arg(long, value_name = "N", value_parser = value::small)]
    commitment: Option<i32>,
    /// The shipment whose carriage it paid for; only with freight
    #[arg(long, value_name = "ID")]
    shipment: Option<String>,
    /// Invoice and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Commit {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = CommitDonatedMoneyRequest {
            donation_id: self.donation_id.unwrap_or_default(),
            amount: self.amount,
            purpose: self.purpose.map_or(0, Into::into),
            supplier_id: self.supplier.unwrap_or_default(),
            documents: self.documents,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}

impl Release {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = ReleaseDonatedMoneyRequest {
            donation_id: self.donation_id.unwrap_or_default(),
            commitment: self.commitment.unwrap_or_default(),
            reason: self.reason.map_or(0, Into::into),
            documents: self.documents,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}

impl Spend {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = SpendDonatedMoneyRequest {
            donation_id: self.donation_id.unwrap_or_default(),
            amount: self.amount,
            supplier_id: self.supplier.unwrap_or_default(),
            purpose: self.purpose.map_or(0, Into::into),
            facility_id: self.facility.unwrap_or_default(),
            lines: self.lines,
            commitment: self.commitment.unwrap_or_default(),
            shipment_id: self.shipment.unwrap_or_default(),
            documents: self.documents,
            ..Default::default()
        };
        session.change(&self.mutation, request).await
    }
}
