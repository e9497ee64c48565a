//! The index made anew from the events.

use std::time::{Duration, Instant};

use anyhow::anyhow;
use clap::Args as ClapArgs;
use keruen_log::{PostgresLog, ReindexOptions, Reindexed, SqliteLog};
use serde_json::json;

use super::reading;
use crate::{
    cells,
    cli::Format,
    client::{failure::Failure, session::Session},
    embedded::StoreArgs,
    render::record::grouped,
    serve::Store,
};

/// Which store, and how much of its index.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  keruen log reindex
  keruen log reindex --data /srv/keruen
  keruen log reindex --database-url postgres://keruen@db/keruen
  keruen log reindex --from-scratch --format json

What finds events by tag, type and command id is made from the events and can be made anew from them; it is never the \
record of anything. `keruen log verify`, or a node that meets the damage, says when that is needed: a page of it was \
damaged on the disk, say.

The index is compared with the events, from the first on. What agrees is kept, the rest is dropped and made anew. Events are \
only read. Stop the node first, since the store must have no writer meanwhile (on PostgreSQL also the nodes that stand by). \
It can be interrupted at any time: run it again without --from-scratch, or start the node, and it goes on from there. Afterwards \
`keruen log verify` tells whether all is well.")]
pub struct Args {
    #[command(flatten)]
    store: StoreArgs,

    /// Drop the whole index first, also what agrees with the events
    #[arg(long)]
    from_scratch: bool,
}

impl Args {
    /// Makes the index anew, and tells what was done.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let store = self.store.store()?;
        let options = ReindexOptions {
            from_scratch: self.from_scratch,
            ..ReindexOptions::default()
        };
        let bar = reading::progress();
        let started = Instant::now();
        let reindexed = reindex(store, options, bar.clone()).await;
        bar.finish_and_clear();
        print(session, &reindexed?, started.elapsed())
    }
}

async fn reindex(
    store: Store,
    options: ReindexOptions,
    bar: indicatif::ProgressBar,
) -> Result<Reindexed, Failure> {
    let mut stage = None;
    let mut progress = move |reached| reading::show(&bar, &mut stage, reached);
    match store {
        Store::Sqlite(path) => {
            let working = tokio::task::spawn_blocking(move || {
                SqliteLog::reindex(&path, options, &mut progress)
            });
            let reindexed = working.await.map_err(anyhow::Error::new)?;
            reindexed.map_err(|error| anyhow!(error).into())
        }
        Store::Postgres { url, .. } => PostgresLog::reindex(&url, options, &mut progress)
            .await
            .map_err(|error| anyhow!(error).into()),
    }
}

fn print(session: &Session, reindexed: &Reindexed, duration: Duration) -> Result<(), Failure> {
    let Reindexed {
        position,
        kept_events,
        dropped_runs,
        runs,
    } = *reindexed;
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut output = session.output();
    match output.format() {
        Format::Json => output.json(&json!({
            "position": position,
            "kept_events": kept_events,
            "dropped_runs": dropped_runs,
            "runs": runs,
            "duration_ms": duration_ms,
        }))?,
        Format::Csv => output.csv(
            &[
                "position",
                "kept_events",
                "dropped_runs",
                "runs",
                "duration_ms",
            ],
            [cells![
                position.to_string(),
                kept_events.to_string(),
                dropped_runs.to_string(),
                runs.to_string(),
                duration_ms.to_string()
            ]],
        )?,
        Format::Table => {
            let number = |number: u64| grouped(i64::try_from(number).unwrap_or(i64::MAX));
            output.line(match dropped_runs {
                0 => "The index agrees with the events.",
                _ => "The index was made anew.",
            })?;
            for (name, value) in [
                ("events", number(position)),
                (
                    "kept",
                    format!("the index of {} events", number(kept_events)),
                ),
                ("dropped", format!("{} runs", number(dropped_runs))),
                (
                    "took",
                    format!("{}.{:03} s", duration_ms / 1_000, duration_ms % 1_000),
                ),
            ] {
                output.line(&format!("{name:<12} {value}"))?;
            }
            output.flush()?;
        }
    }
    Ok(())
}
