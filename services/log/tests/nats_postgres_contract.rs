//! The contract suite against a log on a PostgreSQL server that is appended to over NATS and read as another process
//! reads it: with connections and an index of its own, and the rights of a reader.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
mod fronted;

use std::sync::Arc;

use contract::{Backend, Settings, contract_suite};
use fronted::Fronted;
use keruen_log::{IndexOptions, Log, NatsNames, PostgresLog, PostgresOptions};
use keruen_test_servers::postgres::Database;
use tokio::{runtime::Handle, task::block_in_place};

struct Nats {
    database: Database,
    names: NatsNames,
}

impl Backend for Nats {
    const ONE_PROCESS: bool = false;

    fn new() -> Self {
        Self {
            database: Database::new(),
            names: fronted::names(),
        }
    }

    fn open(&self, settings: Settings) -> Arc<dyn Log> {
        let defaults = PostgresOptions::default();
        let options = PostgresOptions {
            clock: settings.clock.unwrap_or(defaults.clock),
            transcoder: settings.transcoder,
            bounds: settings.bounds,
            // Merged over many levels.
            index: IndexOptions {
                run_events: 20,
                merge_runs: 2,
                ..IndexOptions::default()
            },
            ..PostgresOptions::default()
        };
        let url = self.database.url();
        let opening = async {
            let written = PostgresLog::open(url, options.clone()).await.unwrap();
            let read = PostgresLog::open_reader(url, options).await.unwrap();
            (Arc::new(written), Arc::new(read))
        };
        let (written, read) = block_in_place(|| Handle::current().block_on(opening));
        Fronted::open(written, read, self.names.clone())
    }
}

contract_suite!(Nats);
