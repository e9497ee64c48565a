//! Where the log stands, what is in it, and how much room it takes.

use std::collections::BTreeMap;

use anyhow::anyhow;
use clap::Args as ClapArgs;
use keruen_log::{IndexStats, PostgresLog, SqliteLog, StoreStats, bytes_text};
use keruen_proto::{
    cloudevent,
    events::v1::{GetLogHeadRequest, ListEventsRequest, ListEventsResponse},
};
use serde_json::{Map, Value, json};

use super::{hex, reading};
use crate::{
    cells,
    cli::Format,
    client::{
        failure::{Failure, one_line},
        session::Session,
    },
    render::record::grouped,
    serve::Store,
};

const PAGE_EVENTS: i32 = 1_000;

/// Which log.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  keruen log stats
  keruen log stats --types
  keruen log stats --data keruen-data --format json

The root hash (RFC 6962) stands for every event up to the head: two logs with the same position and root hash hold \
the same history. With --data or --database-url the store is read directly, also beside a running node, and the room that \
each part of it takes is shown too, and how the index of types, tags and command ids stands: so many runs on each level, \
with their pages and filters, and the tail of newest events that are in none yet.")]
pub struct Args {
    /// Also count events by type; of a node, that reads all events
    #[arg(long)]
    types: bool,
    #[command(flatten)]
    store: reading::StoreArgs,
}

impl Args {
    /// Reads and prints.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let stats = match self.store.store()? {
            Some(Store::Sqlite(path)) => SqliteLog::stats(&path).map_err(|error| anyhow!(error))?,
            Some(Store::Postgres { url, .. }) => PostgresLog::stats(&url)
                .await
                .map_err(|error| anyhow!(error))?,
            None => self.of_node(session).await?,
        };
        print(session, &stats)
    }

    async fn of_node(&self, session: &Session) -> Result<StoreStats, Failure> {
        let head = session.ask(GetLogHeadRequest {}).await?;
        let page = async |after_position, page_size| {
            let question = ListEventsRequest {
                query: None,
                after_position,
                page_size,
            };
            session.ask(question).await
        };
        let mut stats = StoreStats {
            log_id: head.log_id,
            position: head.position,
            root_hash: head.root_hash,
            ..StoreStats::default()
        };
        if head.position > 0 {
            let time =
                |page: &ListEventsResponse| page.events.first().map(|event| event.recorded_at_us);
            let (first, newest) = (page(0, 1).await?, page(head.position - 1, 1).await?);
            stats.recorded_at_us = time(&first).zip(time(&newest));
        }
        if self.types {
            let bar = reading::progress();
            bar.set_length(head.position);
            let mut types: BTreeMap<String, u64> = BTreeMap::new();
            let mut after = 0;
            while after < head.position {
                let events = page(after, PAGE_EVENTS).await?.events;
                let Some(last) = events.last() else {
                    break;
                };
                after = last.position;
                for event in events {
                    if event.position <= head.position {
                        *types.entry(event.r#type).or_default() += 1;
                    }
                }
                bar.set_position(after);
            }
            bar.finish_and_clear();
            stats.types = types.into_iter().collect();
        }
        Ok(stats)
    }
}

fn print(session: &Session, stats: &StoreStats) -> Result<(), Failure> {
    let (log_id, root_hash) = (hex(&stats.log_id), hex(&stats.root_hash));
    let times = stats
        .recorded_at_us
        .map(|(first, newest)| (cloudevent::utc_time(first), cloudevent::utc_time(newest)));
    let mut output = session.output();
    match output.format() {
        Format::Json => {
            let mut document = Map::new();
            document.insert("log_id".to_owned(), json!(log_id));
            document.insert("position".to_owned(), json!(stats.position));
            document.insert("root_hash".to_owned(), json!(root_hash));
            if let Some((first, newest)) = times {
                document.insert("first_recorded_at".to_owned(), json!(first));
                document.insert("last_recorded_at".to_owned(), json!(newest));
            }
            for (name, counts) in [("types", &stats.types), ("bytes", &stats.bytes)] {
                if !counts.is_empty() {
                    let counts: BTreeMap<_, _> = counts.iter().cloned().collect();
                    document.insert(name.to_owned(), json!(counts));
                }
            }
            if let Some(index) = &stats.index {
                document.insert("index".to_owned(), index_json(index));
            }
            output.json(&Value::Object(document))?;
        }
        Format::Csv => output.csv(
            &["log_id", "position", "root_hash"],
            [cells![log_id, stats.position.to_string(), root_hash]],
        )?,
        Format::Table => {
            output.line(&format!("log id     {log_id}"))?;
            output.line(&format!("position   {}", number(stats.position)))?;
            output.line(&format!("root hash  {root_hash}"))?;
            if let Some((first, newest)) = times {
                output.line(&format!("recorded   {first} to {newest}"))?;
            }
            for (title, counts) in [("events", &stats.types), ("bytes", &stats.bytes)] {
                if !counts.is_empty() {
                    output.line("")?;
                }
                for (name, count) in counts {
                    output.line(&format!(
                        "{:>16} {title}  {}",
                        number(*count),
                        one_line(name)
                    ))?;
                }
            }
            if let Some(index) = &stats.index {
                output.line("")?;
                for line in index_lines(index) {
                    output.line(&line)?;
                }
            }
            output.flush()?;
        }
    }
    Ok(())
}

fn index_json(index: &IndexStats) -> Value {
    let levels = index.levels.iter().map(|level| {
        json!({
            "level": level.level,
            "runs": level.runs,
            "events": level.events,
            "pages": level.pages,
            "page_bytes": level.page_bytes,
            "filters": level.filters,
            "filter_bytes": level.filter_bytes,
        })
    });
    json!({
        "levels": levels.collect::<Vec<_>>(),
        "merging_runs": index.merging_runs,
        "dropped_runs": index.dropped_runs,
        "tail_events": index.tail_events,
    })
}

fn index_lines(index: &IndexStats) -> Vec<String> {
    let mut lines: Vec<_> = index
        .levels
        .iter()
        .map(|level| {
            format!(
                "{:>16} runs    of level {}: {} events, {} pages ({}), {} filters ({})",
                number(level.runs),
                level.level,
                number(level.events),
                number(level.pages),
                bytes_text(level.page_bytes),
                number(level.filters),
                bytes_text(level.filter_bytes)
            )
        })
        .collect();
    for (runs, what) in [
        (index.merging_runs, "being merged"),
        (index.dropped_runs, "being removed"),
    ] {
        if runs > 0 {
            lines.push(format!("{:>16} runs    {what}", number(runs)));
        }
    }
    lines.push(format!(
        "{:>16} events  in no run yet",
        number(index.tail_events)
    ));
    lines
}

fn number(number: u64) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}
