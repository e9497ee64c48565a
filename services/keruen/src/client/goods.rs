//! Goods that nobody can name yet.

use clap::{Args, Subcommand};
use keruen_proto::{
    inventory::v1::{
        GetUnidentifiedGoodsRequest, IdentifyGoodsRequest, NewStockLine,
        ReceiveUnidentifiedGoodsRequest,
    },
    registry::v1::DocumentRef,
};

use crate::client::{
    attention, failure::Failure, line, mutation::MutationArgs, session::Session, value,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Record goods that nobody can name yet
    #[command(after_help = "\
Examples:
  keruen goods receive --facility WH-ALA --packages 12 --description photo:118
  keruen goods receive --facility WH-ALA --packages 3 --donation D-HJKMN-PQRSTU

They are in no books until they are identified.")]
    Receive(Receive),
    /// Say what some packages are; what they hold enters the books
    #[command(after_help = "\
Examples:
  keruen goods identify G-HJKMN-PQRSTU --packages 2 \\
      --line item=GLOVE-M,quantity=400,lot=L4 --donation D-HJKMN-PQRSTU
  keruen goods identify G-HJKMN-PQRSTU \\
      --line item=MASK-FFP2,quantity=90,held=yes

With --donation they count for what was pledged. Without, they belong to nobody known.")]
    Identify(Identify),
    /// Show goods that nobody could name when they arrived
    #[command(after_help = "\
Examples:
  keruen goods get G-HJKMN-PQRSTU")]
    Get {
        /// Their id
        goods_id: String,
    },
    /// List goods that nobody can name yet, oldest first
    #[command(after_help = "\
Examples:
  keruen goods list
  keruen goods list --facility WH-ALA --identified")]
    List(attention::Goods),
}

/// An arrival.
#[derive(Args, Debug)]
pub struct Receive {
    /// Id for them. Default: a new one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Where they arrived
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    facility: Option<String>,
    /// How many packages
    #[arg(long, value_name = "N", required_unless_present = "json", value_parser = value::whole)]
    packages: Option<i64>,
    /// Donation that they are said to belong to
    #[arg(long, value_name = "ID")]
    donation: Option<String>,
    /// Reference to a description kept elsewhere, KIND:ID, for example photo:118
    #[arg(long, value_name = "REF")]
    description: Option<String>,
    /// Waybill and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// An identification.
#[derive(Args, Debug)]
pub struct Identify {
    /// The goods
    #[arg(required_unless_present = "json")]
    goods_id: Option<String>,
    /// How many packages were identified. Default: all that were left
    #[arg(long, value_name = "N", value_parser = value::whole)]
    packages: Option<i64>,
    /// What was in them: item=CODE,quantity=N[,pack=CODE][,owner=CODE][,lot=TEXT][,expires=DAY][,serial=NUMBER]…[,value=MONEY[,basis=BASIS]][,held=yes][,batch=ID]; repeatable
    #[arg(long = "line", value_name = "LINE", value_parser = line::new_stock)]
    lines: Vec<NewStockLine>,
    /// Donation that they belong to. Default: nobody knows
    #[arg(long, value_name = "ID")]
    donation: Option<String>,
    /// Act of identification and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Receive(args) => {
                let request = ReceiveUnidentifiedGoodsRequest {
                    goods_id: args.id.unwrap_or_default(),
                    facility_id: args.facility.unwrap_or_default(),
                    packages: args.packages.unwrap_or_default(),
                    donation_id: args.donation.unwrap_or_default(),
                    description_ref: args.description.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Identify(args) => {
                let request = IdentifyGoodsRequest {
                    goods_id: args.goods_id.unwrap_or_default(),
                    packages: args.packages.unwrap_or_default(),
                    lines: args.lines,
                    donation_id: args.donation.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::List(args) => args.run(session).await,
            Self::Get { goods_id } => session.show(GetUnidentifiedGoodsRequest { goods_id }).await,
        }
    }
}
