//! Who is on duty for a region.

use clap::{Args, Subcommand};
use keruen_proto::registry::v1::{DutyShift, GetDutyRosterRequest, SetDutyRosterRequest};

use crate::client::{failure::Failure, line, mutation::MutationArgs, session::Session};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Say who is on duty for a region; that takes the place of what was said before
    #[command(after_help = "\
Examples:
  keruen duty set KZ-62 \\
      --shift person=person:7,organisation=MOH,from=2099-03-01,until=2099-03-07
  keruen duty set KZ-62       nobody is on duty

People are called in this order when a request of the region is escalated. A person is a \
reference, never a name.")]
    Set(Set),
    /// Show who is on duty for a region
    #[command(after_help = "\
Examples:
  keruen duty get KZ-62")]
    Get {
        /// ISO 3166-2 code of the region
        region_id: String,
    },
}

/// A roster.
#[derive(Args, Debug)]
pub struct Set {
    /// ISO 3166-2 code of the region
    #[arg(required_unless_present = "json")]
    region_id: Option<String>,
    /// A shift: person=REF,organisation=CODE,from=DAY,until=DAY; repeat in the order of calling
    #[arg(long = "shift", value_name = "SHIFT", value_parser = line::shift)]
    shifts: Vec<DutyShift>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Set(args) => {
                let request = SetDutyRosterRequest {
                    region_id: args.region_id.unwrap_or_default(),
                    shifts: args.shifts,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Get { region_id } => session.show(GetDutyRosterRequest { region_id }).await,
        }
    }
}
