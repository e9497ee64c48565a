//! Kits: put together of components of known batches, and taken apart again.

use clap::{Args, Subcommand};
use keruen_proto::{
    inventory::v1::{AssembleKitsRequest, BreakKitsRequest},
    registry::v1::DocumentRef,
};

use crate::client::{failure::Failure, line, mutation::MutationArgs, session::Session, value};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Put kits together of what their item consists of
    #[command(after_help = "\
Examples:
  keruen item register KIT-TEST --commodity KIT --name-en Kit \\
      --tracking batch --component item=SWAB,quantity=2 \\
      --component item=TEST-RAPID-A,quantity=1
  keruen kit assemble --facility WH-ALA --item KIT-TEST --quantity 40
  keruen kit assemble --facility WH-ALA --item KIT-TEST --quantity 40 \\
      --owner MOH --from B-HJKMN-PQRSTU

Of each component those that expire first are taken, all of one owner; what is held, recalled, expired, claimed or \
meant for somebody is not. Where they come of several batches, so do the kits: each kit of a batch holds the same. \
Kits expire with what expires first in them; what is recalled or held later, holds the kits that contain it.")]
    Assemble(Assemble),
    /// Take kits apart: what they held is stock of its batches again
    #[command(after_help = "\
Examples:
  keruen kit break --facility HOSP-JEZ --batch B-KITS --quantity 3
  keruen kit break --facility HOSP-JEZ --batch B-KITS --quantity 1 --pack CASE

Also kits that are held for something in them: what is good is of use again, what is recalled stays held. Kits that \
are held for anything else, or claimed, are not taken apart.")]
    Break(Break),
}

/// Kits to be put together.
#[derive(Args, Debug)]
pub struct Assemble {
    /// Where
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    facility: Option<String>,
    /// The item that is a kit
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    item: Option<String>,
    /// How many kits
    #[arg(
        long,
        value_name = "N",
        required_unless_present = "json",
        value_parser = value::whole
    )]
    quantity: Option<i64>,
    /// Pack of the kit in which that is told, for example BOX. Default: kits
    #[arg(long, value_name = "CODE")]
    pack: Option<String>,
    /// Whose components are taken. Default: the only owner that has some there
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// Only of this batch, as far as its item goes; repeatable
    #[arg(long = "from", value_name = "BATCH")]
    batches: Vec<String>,
    /// Id for the batch of kits. Default: the server makes one
    #[arg(long = "id", value_name = "ID")]
    batch_id: Option<String>,
    /// Packing list and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// Kits to be taken apart.
#[derive(Args, Debug)]
pub struct Break {
    /// Where
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    facility: Option<String>,
    /// The batch of kits
    #[arg(long, value_name = "ID", required_unless_present = "json")]
    batch: Option<String>,
    /// The owner. Default: the only one that has stock of this batch there
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// How many kits; held ones go first
    #[arg(
        long,
        value_name = "N",
        required_unless_present = "json",
        value_parser = value::whole
    )]
    quantity: Option<i64>,
    /// Pack of the kit in which that is told, for example BOX. Default: kits
    #[arg(long, value_name = "CODE")]
    pack: Option<String>,
    /// Act and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Assemble(args) => {
                let request = AssembleKitsRequest {
                    facility_id: args.facility.unwrap_or_default(),
                    item_id: args.item.unwrap_or_default(),
                    quantity: args.quantity.unwrap_or_default(),
                    pack_id: args.pack.unwrap_or_default(),
                    owner_id: args.owner.unwrap_or_default(),
                    batch_ids: args.batches,
                    batch_id: args.batch_id.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Break(args) => {
                let request = BreakKitsRequest {
                    facility_id: args.facility.unwrap_or_default(),
                    batch_id: args.batch.unwrap_or_default(),
                    owner_id: args.owner.unwrap_or_default(),
                    quantity: args.quantity.unwrap_or_default(),
                    pack_id: args.pack.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
        }
    }
}
