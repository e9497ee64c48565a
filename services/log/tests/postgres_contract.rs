//! The contract suite against PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;

use std::sync::Arc;

use contract::{Backend, Settings, contract_suite};
use keruen_log::{IndexOptions, Log, PostgresLog, PostgresOptions};
use keruen_test_servers::postgres::Database;
use tokio::runtime::Handle;

struct Postgres(Database);

impl Backend for Postgres {
    fn new() -> Self {
        Self(Database::new())
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
        let opening = PostgresLog::open(self.0.url(), options);
        let log = tokio::task::block_in_place(|| Handle::current().block_on(opening));
        Arc::new(log.unwrap())
    }
}

contract_suite!(Postgres);
