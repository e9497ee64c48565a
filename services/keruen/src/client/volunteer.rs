//! Volunteers, and the crews in which they are.

use clap::{Args, Subcommand};
use keruen_proto::registry::v1::{
    AmendVolunteerRequest, AssignVolunteerRequest, AssignmentEndReason, CrewRole,
    EndAssignmentRequest, GetVolunteerRequest, ListVolunteersRequest, RegisterVolunteerRequest,
    RetireVolunteerRequest, Skill, Volunteer,
};

use crate::{
    client::{
        amendment::{Fields, RegistryListArgs, RetireArgs},
        failure::Failure,
        mutation::MutationArgs,
        session::Session,
        value,
    },
    render::word,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Enter a volunteer, by a reference that names nobody
    #[command(after_help = "\
Examples:
  keruen volunteer register V-7 --person person:7 --organisation HELP \\
      --skill drives-cars --skill first-aid")]
    Register(Register),
    /// Change what the registry says of a volunteer
    #[command(after_help = "\
Examples:
  keruen volunteer amend V-7 --skill drives-trucks
  keruen volunteer amend V-7 --organisation MOH --clear skills")]
    Amend(Amend),
    /// Put a volunteer into a crew
    #[command(after_help = "\
Examples:
  keruen volunteer assign V-7 CREW-ALA-1 --role driver
  keruen volunteer assign V-7 CREW-ALA-1 --role leader --on 2020-07-01")]
    Assign(Assign),
    /// Take a volunteer out of the crew in which they are
    #[command(after_help = "\
Examples:
  keruen volunteer end-assignment V-7 --reason done
  keruen volunteer end-assignment V-7 --reason moved --on 2020-08-01")]
    EndAssignment(EndAssignment),
    /// Record that a volunteer helps no more; what they did stays
    #[command(after_help = "\
Examples:
  keruen volunteer retire V-7 --reason left")]
    Retire(RetireArgs),
    /// Show a volunteer
    #[command(after_help = "\
Examples:
  keruen volunteer get V-7")]
    Get {
        /// Its code
        volunteer_id: String,
    },
    /// List volunteers in order of their codes
    #[command(after_help = "\
Examples:
  keruen volunteer list
  keruen volunteer list --format csv
  keruen volunteer list --retired")]
    List(RegistryListArgs),
}

/// A volunteer to be entered.
#[derive(Args, Debug)]
pub struct Register {
    /// Code of your choice: A to Z, 0 to 9, '.', '_' and '-'
    #[arg(required_unless_present = "json")]
    volunteer_id: Option<String>,
    /// Reference to the person, person:ID; never a name
    #[arg(long, value_name = "REF", required_unless_present = "json")]
    person: Option<String>,
    /// Organisation that they help
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    organisation: Option<String>,
    /// What they can do; repeat for several
    #[arg(long = "skill", value_name = "SKILL", value_parser = word::parser::<Skill>())]
    skills: Vec<Skill>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A volunteer to be amended. What is given takes the place of what was there.
#[derive(Args, Debug)]
pub struct Amend {
    /// Their code
    #[arg(required_unless_present = "json")]
    volunteer_id: Option<String>,
    /// Organisation that they help
    #[arg(long, value_name = "CODE")]
    organisation: Option<String>,
    /// What they can do; repeat for several; they take the place of the old ones
    #[arg(long = "skill", value_name = "SKILL", value_parser = word::parser::<Skill>())]
    skills: Vec<Skill>,
    /// A field to be emptied, named as in protobuf; repeatable
    #[arg(long = "clear", value_name = "FIELD")]
    cleared: Vec<String>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A volunteer to be put into a crew.
#[derive(Args, Debug)]
pub struct Assign {
    /// The volunteer
    #[arg(required_unless_present = "json")]
    volunteer_id: Option<String>,
    /// The crew
    #[arg(required_unless_present = "json")]
    crew_id: Option<String>,
    /// What they do there
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<CrewRole>())]
    role: Option<CrewRole>,
    /// First day, never in the future. Default: the day on which it happened
    #[arg(long = "on", value_name = "DAY", value_parser = value::date)]
    assigned_on: Option<String>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A volunteer to be taken out of a crew.
#[derive(Args, Debug)]
pub struct EndAssignment {
    /// The volunteer
    #[arg(required_unless_present = "json")]
    volunteer_id: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<AssignmentEndReason>())]
    reason: Option<AssignmentEndReason>,
    /// First day on which they are no longer in it, never in the future. Default: the day on which it happened
    #[arg(long = "on", value_name = "DAY", value_parser = value::date)]
    ended_on: Option<String>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Register(args) => {
                let volunteer = Volunteer {
                    volunteer_id: args.volunteer_id.unwrap_or_default(),
                    person_ref: args.person.unwrap_or_default(),
                    organisation_id: args.organisation.unwrap_or_default(),
                    skills: args.skills.into_iter().map(Into::into).collect(),
                    ..Default::default()
                };
                let request = RegisterVolunteerRequest {
                    volunteer: Some(volunteer),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Amend(args) => {
                let mut fields = Fields::cleared(args.cleared);
                let skills = fields.listed("skills", args.skills).into_iter();
                let volunteer = Volunteer {
                    volunteer_id: args.volunteer_id.unwrap_or_default(),
                    organisation_id: fields
                        .given("organisation_id", args.organisation)
                        .unwrap_or_default(),
                    skills: skills.map(Into::into).collect(),
                    ..Default::default()
                };
                let request = AmendVolunteerRequest {
                    volunteer: Some(volunteer),
                    fields: fields.into_names(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Assign(args) => {
                let request = AssignVolunteerRequest {
                    volunteer_id: args.volunteer_id.unwrap_or_default(),
                    crew_id: args.crew_id.unwrap_or_default(),
                    role: args.role.map_or(0, Into::into),
                    assigned_on: args.assigned_on.unwrap_or_default(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::EndAssignment(args) => {
                let request = EndAssignmentRequest {
                    volunteer_id: args.volunteer_id.unwrap_or_default(),
                    reason: args.reason.map_or(0, Into::into),
                    ended_on: args.ended_on.unwrap_or_default(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Retire(args) => {
                let (mutation, retired) = args.into_parts();
                let request = RetireVolunteerRequest {
                    volunteer_id: retired.id,
                    reason: retired.reason,
                    retired_on: retired.first_day,
                    successor_id: retired.successor_id,
                    documents: retired.documents,
                    ..Default::default()
                };
                session.change(&mutation, request).await
            }
            Self::Get { volunteer_id } => session.show(GetVolunteerRequest { volunteer_id }).await,
            Self::List(RegistryListArgs { retired, list }) => {
                let request = ListVolunteersRequest {
                    min_position: list.min_position,
                    show_retired: retired,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
