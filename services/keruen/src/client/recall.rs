//! Recalls: a lot of an item, wherever it is.

use clap::{Args, Subcommand};
use keruen_proto::{
    Event,
    events::v1::GetCommandRequest,
    inventory::v1::{LiftRecallRequest, RecallLotRequest, RecallLotResponse, RecallReason},
    registry::v1::DocumentRef,
    stock::v1::GetLotTraceRequest,
};

use crate::{
    client::{
        aftermath::Aftermath, attention, failure::Failure, line, mutation::MutationArgs,
        session::Session, value,
    },
    render::{recall, word},
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Recall a lot: every batch of it, of every donation, also those yet to come
    #[command(after_help = "\
Examples:
  keruen recall start --item TEST-RAPID-A --lot L-2020-17 --reason defect \\
      --authority MOH --document kind=order,number=R-4,date=2020-08-01

From then on nothing of the lot is allocated, dispatched or issued anywhere: it shows \
as held. What is on its way is held when it arrives, and so is what is received later. \
The lot need not have been seen yet. What is affected at once is told; `keruen recall \
show` names who has it.")]
    Start(Start),
    /// Show who has and who had a lot, recalled or not
    #[command(after_help = "\
Examples:
  keruen recall show TEST-RAPID-A L-2020-17
  keruen recall show TEST-RAPID-A L-2020-17 --format csv

First everybody who has some of it, also on its way; then everybody who had some and \
sent it on or used it up; then each batch with its donation and where its units are. \
CSV has a row for each facility.")]
    Show {
        /// The item
        item_id: String,
        /// Lot number as printed
        lot: String,
        /// Wait until everything up to this position of the log is known
        #[arg(
            long,
            value_name = "POSITION",
            default_value_t = 0,
            hide_default_value = true,
            value_parser = value::position
        )]
        min_position: u64,
    },
    /// List the recalls that are in force
    #[command(after_help = "\
Examples:
  keruen recall list
  keruen recall list --item TEST-RAPID-A")]
    List(attention::Recalls),
    /// Lift the recall of a lot
    #[command(after_help = "\
Examples:
  keruen recall lift --item TEST-RAPID-A --lot L-2020-17 --authority MOH \\
      --document kind=order,number=R-9")]
    Lift(Lift),
}

/// A recall.
#[derive(Args, Debug)]
pub struct Start {
    /// The item
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    item: Option<String>,
    /// Lot number as printed
    #[arg(long, value_name = "NUMBER", required_unless_present = "json")]
    lot: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<RecallReason>())]
    reason: Option<RecallReason>,
    /// Organisation that recalls it: an authority, or the maker
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    authority: Option<String>,
    /// The order and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// The end of a recall.
#[derive(Args, Debug)]
pub struct Lift {
    /// The item
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    item: Option<String>,
    /// Lot number as printed
    #[arg(long, value_name = "NUMBER", required_unless_present = "json")]
    lot: Option<String>,
    /// Organisation that lifts it
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    authority: Option<String>,
    /// The order and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// What a recall affects, as of the recall or later.
async fn affected(
    session: &Session,
    command_id: &str,
    answer: &RecallLotResponse,
) -> Result<Aftermath, Failure> {
    let question = GetCommandRequest {
        command_id: command_id.to_owned(),
    };
    let recorded = session.ask(question).await?;
    let recalled =
        recorded
            .events
            .iter()
            .find_map(|event| match Event::decode(&event.r#type, &event.data) {
                Ok(Event::LotRecalled(event)) => Some(event),
                _ => None,
            });
    let Some(recalled) = recalled else {
        return Ok(Aftermath::default());
    };
    let question = GetLotTraceRequest {
        item_id: recalled.item_id,
        lot: recalled.lot,
        min_position: answer.position,
    };
    let found = session.ask(question).await?;
    let trace = found.lot_trace.unwrap_or_default();
    let line = recall::affected(&trace);
    let json = serde_json::to_value(&trace).map_err(|error| Failure::Other(error.into()))?;
    Ok(Aftermath::new("lotTrace", json, vec![line]))
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Start(args) => {
                let request = RecallLotRequest {
                    item_id: args.item.unwrap_or_default(),
                    lot: args.lot.unwrap_or_default(),
                    reason: args.reason.map_or(0, Into::into),
                    authority_id: args.authority.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session
                    .change_and_tell(&args.mutation, request, affected)
                    .await
            }
            Self::Show {
                item_id,
                lot,
                min_position,
            } => {
                let question = GetLotTraceRequest {
                    item_id,
                    lot,
                    min_position,
                };
                let answer = session.ask(question).await?;
                Ok(recall::print(&mut session.output(), answer)?)
            }
            Self::List(args) => args.run(session).await,
            Self::Lift(args) => {
                let request = LiftRecallRequest {
                    item_id: args.item.unwrap_or_default(),
                    lot: args.lot.unwrap_or_default(),
                    authority_id: args.authority.unwrap_or_default(),
                    documents: args.documents,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
        }
    }
}
