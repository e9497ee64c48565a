//! Organisations, and the names that all master data have.

use clap::{Args, Subcommand};
use keruen_proto::registry::v1::{
    ExternalId, GetOrganisationRequest, ListOrganisationsRequest, LocalizedText, Organisation,
    OrganisationKind, RegisterOrganisationRequest,
};

use crate::{
    client::{
        failure::Failure,
        mutation::{ListArgs, MutationArgs},
        session::Session,
        value,
    },
    render::word,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Enter an organisation
    #[command(after_help = "\
Examples:
  keruen organisation register KASPI --kind donor --name-en 'Kaspi Bank' \\
      --name-ru 'Каспи банк'
  keruen organisation register MOH --kind ministry --kind charity \\
      --name-en 'Ministry of Health' --external-id BIN=170340000000")]
    Register(Register),
    /// Show an organisation
    #[command(after_help = "\
Examples:
  keruen organisation get KASPI")]
    Get {
        /// Its code
        organisation_id: String,
    },
    /// List organisations in order of their codes
    #[command(after_help = "\
Examples:
  keruen organisation list
  keruen organisation list --format csv")]
    List(ListArgs),
}

/// The name in three languages.
#[derive(Args, Debug)]
pub struct NameArgs {
    /// Name in English
    #[arg(
        long = "name-en",
        value_name = "TEXT",
        required_unless_present = "json"
    )]
    en: Option<String>,
    /// Name in Kazakh
    #[arg(long = "name-kk", value_name = "TEXT")]
    kk: Option<String>,
    /// Name in Russian
    #[arg(long = "name-ru", value_name = "TEXT")]
    ru: Option<String>,
}

impl From<NameArgs> for LocalizedText {
    fn from(args: NameArgs) -> Self {
        Self {
            en: args.en.unwrap_or_default(),
            kk: args.kk.unwrap_or_default(),
            ru: args.ru.unwrap_or_default(),
        }
    }
}

/// An organisation to be entered.
#[derive(Args, Debug)]
pub struct Register {
    /// Code of your choice: A to Z, 0 to 9, '.', '_' and '-'
    #[arg(required_unless_present = "json")]
    organisation_id: Option<String>,
    /// What it does here; repeat for several
    #[arg(long = "kind", value_name = "KIND", required_unless_present = "json", value_parser = word::parser::<OrganisationKind>())]
    kinds: Vec<OrganisationKind>,
    /// Key of another system, for example BIN=170340000000; repeatable
    #[arg(long = "external-id", value_name = "SCHEME=VALUE", value_parser = value::external_id)]
    external_ids: Vec<ExternalId>,
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
                let organisation = Organisation {
                    organisation_id: args.organisation_id.unwrap_or_default(),
                    name: Some(args.name.into()),
                    kinds: args.kinds.into_iter().map(Into::into).collect(),
                    external_ids: args.external_ids,
                };
                let request = RegisterOrganisationRequest {
                    organisation: Some(organisation),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Get { organisation_id } => {
                session
                    .show(GetOrganisationRequest { organisation_id })
                    .await
            }
            Self::List(list) => {
                let request = ListOrganisationsRequest {
                    min_position: list.min_position,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
