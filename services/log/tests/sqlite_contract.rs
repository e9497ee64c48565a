//! The contract suite against SQLite.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;

use std::sync::Arc;

use contract::{Backend, Settings, contract_suite};
use keruen_log::{IndexOptions, Log, SqliteLog, SqliteOptions};
use tempfile::TempDir;

struct Sqlite(TempDir);

impl Backend for Sqlite {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self, settings: Settings) -> Arc<dyn Log> {
        let defaults = SqliteOptions::default();
        let options = SqliteOptions {
            clock: settings.clock.unwrap_or(defaults.clock),
            transcoder: settings.transcoder,
            bounds: settings.bounds,
            // Merged over many levels.
            index: IndexOptions {
                run_events: 5,
                merge_runs: 2,
                ..IndexOptions::default()
            },
            ..SqliteOptions::default()
        };
        Arc::new(SqliteLog::open(&self.0.path().join("log.db"), options).unwrap())
    }
}

contract_suite!(Sqlite);
