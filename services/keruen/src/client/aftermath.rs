//! What a command led to beyond what it was about.

use keruen_proto::{
    Event, cloudevent,
    events::v1::{GetCommandRequest, GetCommandResponse},
    log::v1::RecordedEvent,
};
use serde_json::{Map, Value};

use crate::{
    client::{failure::Failure, session::Session},
    render::record::{grouped, units},
};

/// What is told after the answer to a command.
#[derive(Debug, Default)]
pub struct Aftermath {
    /// For people, on standard error.
    pub lines: Vec<String>,
    /// For programs, beside the answer.
    pub json: Map<String, Value>,
}

impl Aftermath {
    /// Something under a name for programs, and in words for people.
    pub fn new(name: &str, json: Value, lines: Vec<String>) -> Self {
        let json = Map::from_iter([(name.to_owned(), json)]);
        Self { lines, json }
    }
}

/// The facts that were recorded with a command because they follow from it.
pub async fn consequences(session: &Session, command_id: &str) -> Result<Aftermath, Failure> {
    let question = GetCommandRequest {
        command_id: command_id.to_owned(),
    };
    let GetCommandResponse { events, .. } = session.ask(question).await?;
    let following: Vec<&RecordedEvent> = events
        .iter()
        .filter(|event| !event.causation_id.is_empty())
        .collect();
    if following.is_empty() {
        return Ok(Aftermath::default());
    }
    let json: Result<Vec<Value>, _> = following
        .iter()
        .map(|event| cloudevent::render(event))
        .collect();
    let json = json.map_err(|error| Failure::Other(error.into()))?;
    let lines = following.into_iter().map(told).collect();
    Ok(Aftermath::new("alsoRecorded", json.into(), lines))
}

fn told(recorded: &RecordedEvent) -> String {
    match Event::decode(&recorded.r#type, &recorded.data) {
        Ok(Event::StockDiscrepancyFound(event)) => {
            let units = units(event.units.as_ref());
            format!(
                "booked as found: {} of {} at {}, batch {} of {}, which the books did not know of; a count settles where \
                 they came from",
                grouped(units.quantity),
                units.item_id,
                event.facility_id,
                units.batch_id,
                units.owner_id
            )
        }
        Ok(Event::AllocationReleased(event)) => {
            let quantity: i64 = event
                .units
                .iter()
                .filter_map(|units| Some(units.units.as_ref()?.quantity))
                .sum();
            format!(
                "shipment {} lost its claim on {}; allocate it again",
                event.shipment_id,
                grouped(quantity)
            )
        }
        _ => {
            let short = recorded.r#type.rsplit('.').next().unwrap_or_default();
            format!("also recorded: {short} ({})", recorded.event_id)
        }
    }
}
