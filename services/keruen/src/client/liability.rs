//! Who is liable for what, and for how much.

use clap::{Args, Subcommand};
use keruen_proto::stock::v1::{ListLiabilityRequest, ListLiabilityResponse};
use pbjson_types::Timestamp;

use crate::client::{
    failure::Failure,
    mutation::ListArgs,
    reflected::tell_known_at,
    session::{Session, tell_of_more},
    value::{self, Instant},
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// List who is liable for what and for how much, now or at another time
    #[command(after_help = "\
Examples:
  keruen liability list --custodian HAULER
  keruen liability list --on-the-way --totals
  keruen liability list --as-of 2020-07-31 --format csv
  keruen liability list --custodian HAULER --known-at 4711

What is at a facility is in the hands of its keeper (see `keruen custody \
appoint-keeper`), or else of whoever runs it; what is on its way, of who signed for \
it; what is missing, of who answers for it until that is settled. Amounts are declared \
values, as they are known today. A day ends at midnight in Kazakhstan. What is lent or being \
repaired elsewhere stays with the facility in whose books it is: see `keruen asset list`.")]
    List(Filter),
}

/// What is asked about.
#[derive(Args, Debug)]
pub struct Filter {
    /// Only of this organisation
    #[arg(long, value_name = "CODE")]
    custodian: Option<String>,
    /// Only at this facility, or on its way there
    #[arg(long, value_name = "CODE")]
    facility: Option<String>,
    /// Only of this item
    #[arg(long, value_name = "CODE")]
    item: Option<String>,
    /// Only of this batch
    #[arg(long, value_name = "ID")]
    batch: Option<String>,
    /// Only of this owner
    #[arg(long, value_name = "CODE")]
    owner: Option<String>,
    /// Only what is on its way or missing
    #[arg(long)]
    on_the_way: bool,
    /// One row for each organisation and currency
    #[arg(long)]
    totals: bool,
    /// As it was known at a position, or by a time: nothing that was recorded later
    #[arg(long, value_name = "POSITION|TIME", value_parser = value::instant)]
    known_at: Option<Instant>,
    /// As it was at a time, by what is known now or at --known-at: nothing that happened later
    #[arg(long, value_name = "TIME", value_parser = value::end)]
    as_of: Option<Timestamp>,
    #[command(flatten)]
    list: ListArgs,
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let Self::List(args) = self;
        let (known_at_position, known_at) = match args.known_at {
            Some(Instant::Position(position)) => (position, None),
            Some(Instant::Time(time)) => (0, Some(time)),
            None => (0, None),
        };
        let request = ListLiabilityRequest {
            custodian_id: args.custodian.unwrap_or_default(),
            facility_id: args.facility.unwrap_or_default(),
            item_id: args.item.unwrap_or_default(),
            batch_id: args.batch.unwrap_or_default(),
            owner_id: args.owner.unwrap_or_default(),
            on_the_way: args.on_the_way,
            totals: args.totals,
            known_at_position,
            known_at,
            as_of: args.as_of,
            min_position: args.list.min_position,
            ..Default::default()
        };
        let mut known_at = 0;
        let see = |answer: &ListLiabilityResponse| known_at = answer.known_at_position;
        let (rows, more) = session.pages_seen(request, args.list.limit, see).await?;
        session.output().listed(&rows)?;
        tell_known_at(known_at_position, known_at);
        tell_of_more(more, args.list.limit);
        Ok(())
    }
}
