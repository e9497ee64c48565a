//! What became of a command.

use clap::Subcommand;
use keruen_proto::{cloudevent, events::v1::GetCommandRequest};
use serde_json::json;
use uuid::Uuid;

use crate::{
    cells,
    cli::Format,
    client::{failure::Failure, session::Session, value},
    render::record::time,
};

/// Columns of the events that a command led to.
const COLUMNS: &[&str] = &["position", "event_id", "type", "occurred_at", "tags"];

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Tell what became of a command: the events that it led to, or that there are none
    #[command(after_help = "\
Examples:
  keruen command get 0190a7b2-0000-7000-8000-000000000001
  keruen command get 0190a7b2-0000-7000-8000-000000000001 --format json

Every command has an id, chosen by whoever gives it and printed with the answer. Where \
the answer was lost, this tells whether it was recorded, by whom, when, and as which \
events. Exit status 1 means that nothing is recorded of it. One that was sent a moment \
ago may still be on its way; to be sure, send it again under the same id, or wait a \
minute and ask again.")]
    Get {
        /// Id of the command
        #[arg(value_name = "UUID", value_parser = value::command_id)]
        command_id: Uuid,
    },
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let Self::Get { command_id } = self;
        let question = GetCommandRequest {
            command_id: command_id.to_string(),
        };
        let found = session.ask(question).await?;
        let mut output = session.output();
        let rows = found.events.iter().map(|event| {
            cells![
                event.position.to_string(),
                &event.event_id,
                event.r#type.rsplit('.').next().unwrap_or_default(),
                time(event.occurred_at.as_ref()),
                event.tags.join(" ")
            ]
        });
        match output.format() {
            Format::Json => {
                let events: Result<Vec<_>, _> =
                    found.events.iter().map(cloudevent::render).collect();
                Ok(output.json(&json!({
                    "commandId": found.command_id,
                    "firstPosition": found.first_position.to_string(),
                    "lastPosition": found.last_position.to_string(),
                    "events": events.map_err(|error| Failure::Other(error.into()))?,
                }))?)
            }
            Format::Csv => Ok(output.csv(COLUMNS, rows)?),
            Format::Table => {
                let first = found.events.first();
                let recorded_at = first.map(|event| cloudevent::utc_time(event.recorded_at_us));
                let actor = first.map(|event| event.actor.as_str());
                output.line(&format!(
                    "recorded at {} for {}",
                    recorded_at.unwrap_or_default(),
                    actor.unwrap_or_default()
                ))?;
                Ok(output.table(COLUMNS, &rows.collect::<Vec<_>>())?)
            }
        }
    }
}
