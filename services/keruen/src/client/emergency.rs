//! Emergencies.

use clap::{Args, Subcommand};
use keruen_proto::{
    registry::v1::DocumentRef,
    requests::v1::{
        DeclareEmergencyRequest, EmergencyKind, EndEmergencyRequest, GetEmergencyRequest,
        ListEmergenciesRequest,
    },
};

use crate::{
    client::{
        failure::Failure,
        line,
        mutation::{ListArgs, MutationArgs},
        organisation::NameArgs,
        session::Session,
        value,
    },
    render::word,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Declare an emergency: requests of its regions go first, and reserves are released
    #[command(after_help = "\
Examples:
  keruen emergency declare --id COVID-19 --name-en \"COVID-19\" --kind epidemic \\
      --region KZ-75 --region KZ-71 --from 2020-03-16 --by MOH \\
      --document kind=order,number=285")]
    Declare(Declare),
    /// End an emergency
    #[command(after_help = "\
Examples:
  keruen emergency end COVID-19
  keruen emergency end COVID-19 --on 2020-05-11 --document kind=order,number=320")]
    End(End),
    /// Show an emergency
    #[command(after_help = "\
Examples:
  keruen emergency get COVID-19")]
    Get {
        /// Its id
        emergency_id: String,
    },
    /// List emergencies, the last declared first
    #[command(after_help = "\
Examples:
  keruen emergency list
  keruen emergency list --region KZ-75 --on 2020-04-01 --format json")]
    List {
        /// Only of this region
        #[arg(long, value_name = "CODE")]
        region: Option<String>,
        /// Only those that last on this day
        #[arg(long, value_name = "DAY", value_parser = value::date)]
        on: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
}

/// A declaration.
#[derive(Args, Debug)]
pub struct Declare {
    /// Id of your choice. Default: the server makes one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// What kind it is
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<EmergencyKind>())]
    kind: Option<EmergencyKind>,
    /// ISO 3166-2 code of a region; repeatable
    #[arg(long = "region", value_name = "CODE", required_unless_present = "json")]
    regions: Vec<String>,
    /// First day. Default: today
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    from: Option<String>,
    /// Last day. Default: until it is ended
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    until: Option<String>,
    /// Organisation that declares it
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    by: Option<String>,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// An end.
#[derive(Args, Debug)]
pub struct End {
    /// The emergency
    #[arg(required_unless_present = "json")]
    emergency_id: Option<String>,
    /// Last day. Default: today
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    on: Option<String>,
    /// What it rests on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Declare(args) => {
                let request = DeclareEmergencyRequest {
                    emergency_id: args.id.unwrap_or_default(),
                    name: Some(args.name.into()),
                    kind: args.kind.map_or(0, Into::into),
                    region_ids: args.regions,
                    first_day: args.from.unwrap_or_default(),
                    last_day: args.until.unwrap_or_default(),
                    declared_by_id: args.by.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::End(args) => {
                let request = EndEmergencyRequest {
                    emergency_id: args.emergency_id.unwrap_or_default(),
                    last_day: args.on.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Get { emergency_id } => session.show(GetEmergencyRequest { emergency_id }).await,
            Self::List { region, on, list } => {
                let request = ListEmergenciesRequest {
                    region_id: region.unwrap_or_default(),
                    on: on.unwrap_or_default(),
                    min_position: list.min_position,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
