//! Commodities.

use clap::{Args, Subcommand};
use keruen_proto::registry::v1::{
    Commodity, GetCommodityRequest, ListCommoditiesRequest, RegisterCommodityRequest,
};

use crate::client::{
    failure::Failure,
    mutation::{ListArgs, MutationArgs},
    organisation::NameArgs,
    session::Session,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Enter a commodity: what a need is about, whoever makes it
    #[command(after_help = "\
Examples:
  keruen commodity register TEST-SARS2 --name-en 'SARS-CoV-2 test'
  keruen commodity register OXYGEN --name-en 'Medical oxygen' \\
      --base-unit MTQ")]
    Register(Register),
    /// Show a commodity
    #[command(after_help = "\
Examples:
  keruen commodity get TEST-SARS2")]
    Get {
        /// Its code
        commodity_id: String,
    },
    /// List commodities in order of their codes
    #[command(after_help = "\
Examples:
  keruen commodity list")]
    List(ListArgs),
}

/// A commodity to be entered.
#[derive(Args, Debug)]
pub struct Register {
    /// Code of your choice: A to Z, 0 to 9, '.', '_' and '-'
    #[arg(required_unless_present = "json")]
    commodity_id: Option<String>,
    /// Unit in which it is counted, UN/ECE Recommendation 20; EA is one piece
    #[arg(long, value_name = "UNIT", default_value = "EA")]
    base_unit: String,
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Register(args) => {
                let commodity = Commodity {
                    commodity_id: args.commodity_id.unwrap_or_default(),
                    name: Some(args.name.into()),
                    base_unit: args.base_unit,
                };
                let request = RegisterCommodityRequest {
                    commodity: Some(commodity),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Get { commodity_id } => session.show(GetCommodityRequest { commodity_id }).await,
            Self::List(list) => {
                let request = ListCommoditiesRequest {
                    min_position: list.min_position,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
