//! `keruen doctor`: one report of what an operator should know about an embedded node, whether it runs or not.

mod disk;
mod files;
mod finding;
mod history;
mod relay;
mod server;
mod store;
mod views;

use anyhow::anyhow;
use clap::Args as ClapArgs;
use serde_json::json;

use crate::{
    cli::Format,
    client::{failure::Failure, session::Session, value},
    embedded::{EmbeddedStore, StoreArgs, now_us},
    serve::Store,
};
use finding::{COLUMNS, Finding, State};
use store::Examined;

/// Which node.
#[derive(Clone, Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  keruen doctor
  keruen doctor --data /srv/keruen --format json
  keruen doctor --nats-url nats://127.0.0.1:4222
  keruen doctor --database-url postgres://keruen@db/keruen

Looks at the store of a node, whether it runs or not, and changes nothing: is the disk large enough for how much was \
recorded lately, is the clock right, how old is the last backup (of `keruen backup`), can this program open the store, \
do the views follow it or is one parked before an event, are the files safe from others. Each problem comes with what to do.

Of a log on PostgreSQL it tells whether the server is fit to hold it, which node writes it and in which epoch, which nodes \
stand by, whether the checkpoint.key in --data is the writer's, and where the views stand: those on the server, or else \
those in --data. What the server itself needs, its own tools and views tell (pg_stat_replication, pg_stat_archiver).

With --nats-url it asks the node how its relay to JetStream is: the last position that it published, against the head.

Exit status 0 if all is well, 1 if something needs attention: fit for a daily timer that sends mail on failure.")]
pub struct Args {
    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    relay: relay::RelayArgs,

    /// Room that the node leaves free on the disk, as told to `serve`
    #[arg(
        long,
        env = "KERUEN_MIN_FREE_DISK",
        hide_env_values = true,
        value_name = "SIZE",
        value_parser = value::bytes,
        default_value = "64MiB"
    )]
    min_free_disk: u64,

    /// How old the last backup may be, in days, while something was recorded since
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    max_backup_age: u32,
}

impl Args {
    /// Looks, and tells.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let (place, head, mut findings) = match self.store.store()? {
            Store::Postgres { url, folder } => server::examine(&url, &folder).await?,
            Store::Sqlite(_) => {
                let store = self.store.embedded("")?;
                let place = store.path.display().to_string();
                let visit = Visit {
                    store,
                    min_free_bytes: self.min_free_disk,
                    max_backup_age_days: self.max_backup_age,
                    now_us: now_us(),
                };
                let (head, findings) = tokio::task::spawn_blocking(move || visit.examine())
                    .await
                    .map_err(anyhow::Error::new)?;
                (place, head, findings)
            }
        };
        findings.extend(self.relay.examine(head.as_ref()).await?);
        let problems = findings
            .iter()
            .filter(|finding| finding.state == State::Attention)
            .count();
        let mut output = session.output();
        let rows = findings.iter().map(Finding::cells);
        match output.format() {
            Format::Json => output.json(&json!({
                "store": place,
                "healthy": problems == 0,
                "checks": findings,
            }))?,
            Format::Csv => output.csv(COLUMNS, rows)?,
            Format::Table => output.table(COLUMNS, &rows.collect::<Vec<_>>())?,
        }
        match problems {
            0 => Ok(()),
            1 => Err(anyhow!("1 thing needs attention").into()),
            _ => Err(anyhow!("{problems} things need attention").into()),
        }
    }
}

/// Where the log stands.
struct Head {
    log_id: Vec<u8>,
    position: u64,
}

impl Head {
    fn of(examined: &Examined) -> Self {
        Self {
            log_id: examined.head.log_id.to_vec(),
            position: examined.head.position,
        }
    }
}

/// One look at a node.
struct Visit {
    store: EmbeddedStore,
    min_free_bytes: u64,
    max_backup_age_days: u32,
    now_us: i64,
}

impl Visit {
    fn examine(&self) -> (Option<Head>, Vec<Finding>) {
        let (reader, mut findings) = store::examine(&self.store);
        findings.extend(disk::examine(self, reader.as_ref()));
        findings.extend(history::examine(self, reader.as_ref()));
        findings.extend(files::examine(&self.store));
        (reader.as_ref().map(Head::of), findings)
    }
}

/// A length of time in words.
fn duration_text(duration_us: i64) -> String {
    const UNITS: [(&str, i64); 3] = [
        ("days", 86_400_000_000),
        ("hours", 3_600_000_000),
        ("minutes", 60_000_000),
    ];
    let unit = UNITS.iter().find(|(_, us)| duration_us >= 2 * us);
    match unit {
        Some((name, us)) => format!("{} {name}", duration_us / us),
        None => format!("{} seconds", duration_us / 1_000_000),
    }
}
