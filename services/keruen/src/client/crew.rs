//! Crews.

use clap::{Args, Subcommand};
use keruen_proto::registry::v1::{
    AmendCrewRequest, Crew, ExternalId, GetCrewRequest, ListCrewsRequest, RegisterCrewRequest,
    RetireCrewRequest,
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
    /// Enter a crew; `keruen volunteer assign` puts volunteers into it
    #[command(after_help = "\
Examples:
  keruen crew register CREW-ALA-1 --name-en 'Almaty, first crew' \\
      --organisation HELP --vehicle VAN-1")]
    Register(Register),
    /// Change what the registry says of a crew
    #[command(after_help = "\
Examples:
  keruen crew amend CREW-ALA-1 --vehicle VAN-2
  keruen crew amend CREW-ALA-1 --clear vehicle_id")]
    Amend(Amend),
    /// Take a crew out of use; what it did stays
    #[command(after_help = "\
Examples:
  keruen crew retire CREW-ALA-1 --reason dissolved")]
    Retire(RetireArgs),
    /// Show a crew
    #[command(after_help = "\
Examples:
  keruen crew get CREW-ALA-1")]
    Get {
        /// Its code
        crew_id: String,
    },
    /// List crews in order of their codes
    #[command(after_help = "\
Examples:
  keruen crew list
  keruen crew list --format csv
  keruen crew list --retired")]
    List(RegistryListArgs),
}

/// A crew to be entered.
#[derive(Args, Debug)]
pub struct Register {
    /// Code of your choice: A to Z, 0 to 9, '.', '_' and '-'
    #[arg(required_unless_present = "json")]
    crew_id: Option<String>,
    /// Organisation that it belongs to
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    organisation: Option<String>,
    /// The vehicle that it uses
    #[arg(long, value_name = "CODE")]
    vehicle: Option<String>,
    /// Key of another system; repeatable
    #[arg(long = "external-id", value_name = "SCHEME=VALUE", value_parser = value::external_id)]
    external_ids: Vec<ExternalId>,
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A crew to be amended. What is given takes the place of what was there.
#[derive(Args, Debug)]
pub struct Amend {
    /// Its code
    #[arg(required_unless_present = "json")]
    crew_id: Option<String>,
    /// Organisation that it belongs to
    #[arg(long, value_name = "CODE")]
    organisation: Option<String>,
    /// The vehicle that it uses
    #[arg(long, value_name = "CODE")]
    vehicle: Option<String>,
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
                let crew = Crew {
                    crew_id: args.crew_id.unwrap_or_default(),
                    name: Some(args.name.into()),
                    organisation_id: args.organisation.unwrap_or_default(),
                    vehicle_id: args.vehicle.unwrap_or_default(),
                    external_ids: args.external_ids,
                    ..Default::default()
                };
                let request = RegisterCrewRequest {
                    crew: Some(crew),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Amend(args) => {
                let mut fields = Fields::cleared(args.cleared);
                let crew = Crew {
                    crew_id: args.crew_id.unwrap_or_default(),
                    name: fields.given("name", args.name.into_name()),
                    organisation_id: fields
                        .given("organisation_id", args.organisation)
                        .unwrap_or_default(),
                    vehicle_id: fields.given("vehicle_id", args.vehicle).unwrap_or_default(),
                    external_ids: fields.listed("external_ids", args.external_ids),
                    ..Default::default()
                };
                let request = AmendCrewRequest {
                    crew: Some(crew),
                    fields: fields.into_names(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Retire(args) => {
                let (mutation, retired) = args.into_parts();
                let request = RetireCrewRequest {
                    crew_id: retired.id,
                    reason: retired.reason,
                    retired_on: retired.first_day,
                    successor_id: retired.successor_id,
                    documents: retired.documents,
                    ..Default::default()
                };
                session.change(&mutation, request).await
            }
            Self::Get { crew_id } => session.show(GetCrewRequest { crew_id }).await,
            Self::List(RegistryListArgs { retired, list }) => {
                let request = ListCrewsRequest {
                    min_position: list.min_position,
                    show_retired: retired,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
