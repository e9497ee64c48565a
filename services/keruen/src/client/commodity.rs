//! Commodities.

use clap::{Args, Subcommand};
use keruen_proto::registry::v1::{
    AmendCommodityRequest, Commodity, ExternalId, GetCommodityRequest, ListCommoditiesRequest,
    RegisterCommodityRequest, RetireCommodityRequest,
};

use crate::client::{
    amendment::{Fields, NewNameArgs, RegistryListArgs, RetireArgs},
    failure::Failure,
    mutation::MutationArgs,
    organisation::NameArgs,
    session::Session,
    value,
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
    /// Change what the registry says of a commodity
    #[command(after_help = "\
Examples:
  keruen commodity amend TEST-SARS2 --name-en 'SARS-CoV-2 test, any kind'")]
    Amend(Box<Amend>),
    /// Take a commodity out of use; what happened with it stays
    #[command(after_help = "\
Examples:
  keruen commodity retire TEST-OLD --reason replaced \\
      --successor TEST-SARS2")]
    Retire(RetireArgs),
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
  keruen commodity list
  keruen commodity list --retired")]
    List(RegistryListArgs),
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
    /// Key of another system, for example UNSPSC=41116105; repeatable
    #[arg(long = "external-id", value_name = "SCHEME=VALUE", value_parser = value::external_id)]
    external_ids: Vec<ExternalId>,
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A commodity to be amended. What is given takes the place of what was there.
#[derive(Args, Debug)]
pub struct Amend {
    /// Its code
    #[arg(required_unless_present = "json")]
    commodity_id: Option<String>,
    /// Key of another system; repeatable; they take the place of the old ones
    #[arg(long = "external-id", value_name = "SCHEME=VALUE", value_parser = value::external_id)]
    external_ids: Vec<ExternalId>,
    /// A field to be emptied, named as in protobuf; repeatable
    #[arg(long = "clear", value_name = "FIELD")]
    cleared: Vec<String>,
    #[command(flatten)]
    name: NewNameArgs,
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
                    external_ids: args.external_ids,
                    ..Default::default()
                };
                let request = RegisterCommodityRequest {
                    commodity: Some(commodity),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Amend(args) => {
                let mut fields = Fields::cleared(args.cleared);
                let commodity = Commodity {
                    commodity_id: args.commodity_id.unwrap_or_default(),
                    name: fields.given("name", args.name.into_name()),
                    external_ids: fields.listed("external_ids", args.external_ids),
                    ..Default::default()
                };
                let request = AmendCommodityRequest {
                    commodity: Some(commodity),
                    fields: fields.into_names(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Retire(args) => {
                let (mutation, retired) = args.into_parts();
                let request = RetireCommodityRequest {
                    commodity_id: retired.id,
                    reason: retired.reason,
                    retired_on: retired.first_day,
                    successor_id: retired.successor_id,
                    documents: retired.documents,
                    ..Default::default()
                };
                session.change(&mutation, request).await
            }
            Self::Get { commodity_id } => session.show(GetCommodityRequest { commodity_id }).await,
            Self::List(RegistryListArgs { retired, list }) => {
                let request = ListCommoditiesRequest {
                    min_position: list.min_position,
                    show_retired: retired,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
