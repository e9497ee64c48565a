//! Whether the whole history keeps the invariants of the domain.

use anyhow::anyhow;
use clap::Args as ClapArgs;
use indicatif::{ProgressBar, ProgressDrawTarget};
use keruen_domain::check::{Ledger, Violation};
use keruen_proto::{
    Event,
    events::v1::{ListEventsRequest, ListEventsResponse},
    log::v1::RecordedEvent,
};
use serde_json::json;

use crate::{
    cells,
    cli::Format,
    client::{failure::Failure, session::Session},
    render::record::Cell,
};

const PAGE_EVENTS: i32 = 1_000;
/// How many violations are printed; a broken history can hold as many as events.
const SHOWN_VIOLATIONS: usize = 1_000;

/// No options of its own.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  keruen check
  keruen check --format json

Reads the log from its first event on and keeps books of its own: units are conserved per batch and owner, no stock is \
below zero, an asset is at one place, no request is given more than was approved, what is under way has one liable \
custodian, what expires first went first, and no command had its effect twice. Exit status 1 if any of that is broken.")]
pub struct Args {}

impl Args {
    /// Reads everything up to the head, and prints what is broken.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let Self {} = self;
        let mut history = History::default();
        let progress = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let mut after_position = 0;
        loop {
            let page: ListEventsResponse = session
                .ask(ListEventsRequest {
                    query: None,
                    after_position,
                    page_size: PAGE_EVENTS,
                })
                .await?;
            progress.set_length(page.head_position);
            for recorded in &page.events {
                history.take_in(recorded)?;
            }
            progress.set_position(history.position);
            after_position = page.next_after_position;
            if after_position == 0 {
                break;
            }
        }
        progress.finish_and_clear();
        history.end_append();
        history.print(session)
    }
}

/// What has been read so far.
#[derive(Default)]
struct History {
    ledger: Ledger,
    position: u64,
    violations: Vec<Violation>,
    broken: usize,
}

impl History {
    fn take_in(&mut self, recorded: &RecordedEvent) -> Result<(), Failure> {
        let position = recorded.position;
        if position != self.position + 1 {
            return Err(anyhow!("the log has a gap: {position} follows {}", self.position).into());
        }
        let event = Event::decode(&recorded.r#type, &recorded.data)
            .map_err(|error| anyhow!("position {position}: {error}"))?;
        let violations = self.ledger.take_in_recorded(recorded, &event);
        self.note(violations);
        self.position = position;
        Ok(())
    }

    fn end_append(&mut self) {
        let violations = self.ledger.end_append();
        self.note(violations);
    }

    fn note(&mut self, violations: Vec<Violation>) {
        self.broken += violations.len();
        let room = SHOWN_VIOLATIONS.saturating_sub(self.violations.len());
        self.violations.extend(violations.into_iter().take(room));
    }

    fn print(&self, session: &Session) -> Result<(), Failure> {
        let mut output = session.output();
        let columns = ["position", "invariant", "what"];
        let rows = self.violations.iter();
        match output.format() {
            Format::Json => {
                let violations: Vec<_> = rows
                    .map(|broken| {
                        json!({"position": broken.position, "invariant": broken.invariant, "what": broken.what})
                    })
                    .collect();
                output.json(&json!({"position": self.position, "violations": violations}))?;
            }
            Format::Csv => {
                let rows = rows.map(|broken| {
                    let position = broken.position.to_string();
                    cells![position, broken.invariant.to_string(), broken.what.clone()]
                });
                output.csv(&columns, rows)?;
            }
            Format::Table => {
                for broken in rows {
                    output.line(&broken.to_string())?;
                }
                if self.position == 0 {
                    output.line("The log is empty: there is nothing to check yet.")?;
                } else if self.broken == 0 {
                    let position = Cell::Number(i64::try_from(self.position).unwrap_or(i64::MAX));
                    output.line(&format!(
                        "All {} events keep every invariant.",
                        position.pretty()
                    ))?;
                }
                output.flush()?;
            }
        }
        if self.broken == 0 {
            return Ok(());
        }
        Err(anyhow!("the history breaks {} invariants", self.broken).into())
    }
}
