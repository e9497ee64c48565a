//! Organisations, and the names that all master data have.

use clap::{Args, Subcommand};
use keruen_proto::registry::v1::{
    AmendOrganisationRequest, DocumentRef, ExternalId, GetOrganisationRequest,
    ListOrganisationsRequest, LocalizedText, Organisation, OrganisationKind,
    RegisterOrganisationRequest, RetireOrganisationRequest, RevocationReason,
    RevokeVerificationRequest, VerifyOrganisationRequest,
};

use crate::{
    client::{
        amendment::{Fields, NewNameArgs, RegistryListArgs, RetireArgs},
        failure::Failure,
        line,
        mutation::MutationArgs,
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
      --name-en 'Ministry of Health' --external-id BIN=970740001013")]
    Register(Register),
    /// Change what the registry says of an organisation
    #[command(after_help = "\
Examples:
  keruen organisation amend KASPI --name-en 'Kaspi Bank JSC'
  keruen organisation amend HELP --kind charity --kind carrier
  keruen organisation amend HELP --clear external_ids")]
    Amend(Box<Amend>),
    /// Record that somebody has verified an organisation
    #[command(after_help = "\
Examples:
  keruen organisation verify HELP --by MOH --valid-until 2021-07-01 \\
      --document kind=certificate,number=REG-17,date=2020-06-30")]
    Verify(Verify),
    /// Revoke the verification of an organisation
    #[command(after_help = "\
Examples:
  keruen organisation revoke-verification HELP --reason licence-ended
  keruen organisation revoke-verification HELP --reason misconduct \\
      --on 2020-08-01 --document kind=order,number=55")]
    RevokeVerification(RevokeVerification),
    /// Take an organisation out of use; what happened with it stays
    #[command(after_help = "\
Examples:
  keruen organisation retire HELP --reason merged --successor MOH
  keruen organisation retire HELP2 --reason duplicate --on 2020-07-01")]
    Retire(RetireArgs),
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
  keruen organisation list --format csv
  keruen organisation list --retired")]
    List(RegistryListArgs),
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
    /// Key of another system, for example BIN=970740001013; repeatable
    #[arg(long = "external-id", value_name = "SCHEME=VALUE", value_parser = value::external_id)]
    external_ids: Vec<ExternalId>,
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// An organisation to be amended. What is given takes the place of what was there.
#[derive(Args, Debug)]
pub struct Amend {
    /// Its code
    #[arg(required_unless_present = "json")]
    organisation_id: Option<String>,
    /// What it does here; repeat for several; they take the place of the old ones
    #[arg(long = "kind", value_name = "KIND", value_parser = word::parser::<OrganisationKind>())]
    kinds: Vec<OrganisationKind>,
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

/// An organisation that was verified.
#[derive(Args, Debug)]
pub struct Verify {
    /// Its code
    #[arg(required_unless_present = "json")]
    organisation_id: Option<String>,
    /// The organisation that looked at its papers
    #[arg(long = "by", value_name = "CODE", required_unless_present = "json")]
    verified_by: Option<String>,
    /// First day on which it counts, never in the future. Default: the day on which it happened
    #[arg(long = "on", value_name = "DAY", value_parser = value::date)]
    verified_on: Option<String>,
    /// Last day on which it counts. Default: it has no end
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    valid_until: Option<String>,
    /// What it rests on: kind=…,number=…[,date=DAY]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", required_unless_present = "json", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A verification to be revoked.
#[derive(Args, Debug)]
pub struct RevokeVerification {
    /// Code of the organisation
    #[arg(required_unless_present = "json")]
    organisation_id: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<RevocationReason>())]
    reason: Option<RevocationReason>,
    /// First day on which it counts no more, never in the future. Default: the day on which it happened
    #[arg(long = "on", value_name = "DAY", value_parser = value::date)]
    revoked_on: Option<String>,
    /// What that rests on: kind=…,number=…[,date=DAY]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
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
                    ..Default::default()
                };
                let request = RegisterOrganisationRequest {
                    organisation: Some(organisation),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Amend(args) => {
                let mut fields = Fields::cleared(args.cleared);
                let organisation = Organisation {
                    organisation_id: args.organisation_id.unwrap_or_default(),
                    name: fields.given("name", args.name.into_name()),
                    kinds: fields
                        .listed("kinds", args.kinds)
                        .into_iter()
                        .map(Into::into)
                        .collect(),
                    external_ids: fields.listed("external_ids", args.external_ids),
                    ..Default::default()
                };
                let request = AmendOrganisationRequest {
                    organisation: Some(organisation),
                    fields: fields.into_names(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Verify(args) => {
                let request = VerifyOrganisationRequest {
                    organisation_id: args.organisation_id.unwrap_or_default(),
                    verified_by_id: args.verified_by.unwrap_or_default(),
                    verified_on: args.verified_on.unwrap_or_default(),
                    valid_until: args.valid_until.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::RevokeVerification(args) => {
                let request = RevokeVerificationRequest {
                    organisation_id: args.organisation_id.unwrap_or_default(),
                    revoked_on: args.revoked_on.unwrap_or_default(),
                    reason: args.reason.map_or(0, Into::into),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Retire(args) => {
                let (mutation, retired) = args.into_parts();
                let request = RetireOrganisationRequest {
                    organisation_id: retired.id,
                    reason: retired.reason,
                    retired_on: retired.first_day,
                    successor_id: retired.successor_id,
                    documents: retired.documents,
                    ..Default::default()
                };
                session.change(&mutation, request).await
            }
            Self::Get { organisation_id } => {
                session
                    .show(GetOrganisationRequest { organisation_id })
                    .await
            }
            Self::List(RegistryListArgs { retired, list }) => {
                let request = ListOrganisationsRequest {
                    min_position: list.min_position,
                    show_retired: retired,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
