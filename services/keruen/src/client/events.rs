//! The events of the log.

use clap::Args as ClapArgs;
use keruen_proto::{
    EVENT_TYPES, cloudevent,
    events::v1::{
        ListEventsRequest, SubscribeEventsRequest, event_service_client::EventServiceClient,
    },
    log::v1::{Query, QueryItem, RecordedEvent},
};

use crate::{
    cells,
    cli::Format,
    client::{
        failure::Failure,
        rpc::MAX_ANSWER_BYTES,
        session::{Session, tell_of_more},
    },
    render::{
        Output,
        record::{Cell, time},
    },
};

const PAGE_SIZE: i32 = 1_000;
const COLUMNS: &[&str] = &[
    "position",
    "occurred_at",
    "recorded_at",
    "type",
    "actor",
    "region",
    "other_region",
    "command_id",
    "tags",
];

/// Which events.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  keruen events
  keruen events --from 100 --limit 20 --format table
  keruen events --type ShipmentDispatched --type ShipmentReceived --follow
  keruen events --tag donation:KASPI-TESTS --tag facility:WH-ALA

Prints CloudEvents 1.0 in JSON, one object a line. `data` is the protobuf JSON of the event; positions are text. \
Several types mean any of them, several tags all of them.")]
pub struct Args {
    /// The first position
    #[arg(long, value_name = "POSITION", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    from: u64,
    /// Only of this type, by its full or short name; repeatable
    #[arg(long = "type", value_name = "TYPE", value_parser = event_type)]
    types: Vec<String>,
    /// Only with this tag, for example donation:D; repeatable
    #[arg(long = "tag", value_name = "KIND:CODE", value_parser = tag)]
    tags: Vec<String>,
    /// Wait for new events until interrupted
    #[arg(long)]
    follow: bool,
    /// Stop after this many events. Default: all there are
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

/// The full name of an event type.
fn event_type(text: &str) -> Result<String, String> {
    let fits = |full: &&&str| **full == text || full.rsplit('.').next() == Some(text);
    EVENT_TYPES
        .iter()
        .find(fits)
        .map(|full| (*full).to_owned())
        .ok_or_else(|| {
            let short: Vec<&str> = EVENT_TYPES
                .iter()
                .filter_map(|full| full.rsplit('.').next())
                .collect();
            format!(
                "there is no such event type; there are {}",
                short.join(", ")
            )
        })
}

fn tag(text: &str) -> Result<String, String> {
    match text.split_once(':') {
        Some((kind, code)) if !kind.is_empty() && !code.is_empty() => Ok(text.to_owned()),
        _ => Err("must be KIND:CODE, for example donation:D-HJKMN-PQRSTU".to_owned()),
    }
}

impl Args {
    fn query(&self) -> Option<Query> {
        let item = QueryItem {
            types: self.types.clone(),
            tags: self.tags.clone(),
        };
        (item != QueryItem::default()).then(|| Query { items: vec![item] })
    }

    /// Prints the events.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let format = session.stated_format().unwrap_or(Format::Json);
        let mut printer = Printer {
            output: Output::stdout(format),
            left: self.limit.unwrap_or(u64::MAX),
            begun: false,
        };
        let result = tokio::select! {
            result = async {
                if self.follow { self.follow(session, &mut printer).await } else { self.list(session, &mut printer).await }
            } => result,
            // To stop following is no failure.
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Failure::from),
        };
        printer.output.flush()?;
        result
    }

    async fn list(&self, session: &Session, printer: &mut Printer) -> Result<(), Failure> {
        let mut after_position = self.from - 1;
        loop {
            let page_size =
                i32::try_from(printer.left).map_or(PAGE_SIZE, |left| left.min(PAGE_SIZE));
            let question = ListEventsRequest {
                query: self.query(),
                after_position,
                page_size,
            };
            let page = session.ask(question).await?;
            for event in &page.events {
                printer.print(event)?;
            }
            printer.output.flush()?;
            let next = page.next_after_position;
            if printer.left == 0 {
                tell_of_more(
                    next != 0,
                    usize::try_from(self.limit.unwrap_or(0)).unwrap_or(usize::MAX),
                );
                return Ok(());
            }
            if next <= after_position {
                return Ok(());
            }
            after_position = next;
        }
    }

    async fn follow(&self, session: &Session, printer: &mut Printer) -> Result<(), Failure> {
        let message = SubscribeEventsRequest {
            query: self.query(),
            after_position: self.from - 1,
        };
        let mut client = EventServiceClient::new(session.channel().await?)
            .max_decoding_message_size(MAX_ANSWER_BYTES);
        // A subscription has no deadline.
        let request = session.envelope(message, None)?;
        let answer = client.subscribe_events(request).await;
        let mut steps = answer
            .map_err(|status| session.unanswered(status))?
            .into_inner();
        while printer.left > 0 {
            let step = steps
                .message()
                .await
                .map_err(|status| session.unanswered(status))?;
            let Some(step) = step else {
                return Err(Failure::NoAnswer(
                    "the server ended the subscription".to_owned(),
                ));
            };
            if let Some(event) = &step.event {
                printer.print(event)?;
                printer.output.flush()?;
            }
        }
        Ok(())
    }
}

struct Printer {
    output: Output,
    /// How many events may still be printed.
    left: u64,
    /// Whether the header is out.
    begun: bool,
}

impl Printer {
    fn print(&mut self, event: &RecordedEvent) -> Result<(), Failure> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        let first = !std::mem::replace(&mut self.begun, true);
        match self.output.format() {
            Format::Json => {
                let json =
                    cloudevent::render(event).map_err(|error| Failure::Other(error.into()))?;
                self.output.line(&json.to_string())?;
            }
            Format::Csv => {
                let header = if first { COLUMNS } else { &[] };
                self.output.csv_rows(header, [cells(event)])?;
            }
            Format::Table => {
                let short = event.r#type.rsplit('.').next().unwrap_or_default();
                let line = format!(
                    "{:>8}  {:<25}  {short:<26}  {}",
                    event.position,
                    time(event.occurred_at.as_ref()),
                    event.tags.join(" ")
                );
                self.output.line(&crate::client::failure::one_line(&line))?;
            }
        }
        Ok(())
    }
}

fn cells(event: &RecordedEvent) -> Vec<Cell> {
    cells![
        event.position.to_string(),
        event
            .occurred_at
            .as_ref()
            .map(cloudevent::local_time)
            .unwrap_or_default(),
        cloudevent::utc_time(event.recorded_at_us),
        &event.r#type,
        &event.actor,
        &event.region,
        &event.other_region,
        &event.command_id,
        event.tags.join(" ")
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_short_names() {
        for full in EVENT_TYPES {
            let short = full.rsplit('.').next().unwrap();
            assert_eq!(event_type(short).unwrap(), *full, "short names are unique");
            assert_eq!(event_type(full).unwrap(), *full);
        }
        assert!(
            event_type("Dispatched")
                .unwrap_err()
                .contains("ShipmentDispatched")
        );
    }

    #[test]
    fn tags_have_a_kind() {
        assert!(tag("donation:D-1").is_ok());
        for wrong in ["D-1", ":D-1", "donation:"] {
            assert!(tag(wrong).is_err());
        }
    }
}
