//! The contract suite against a log in a file that is appended to over NATS.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
mod fronted;

use std::sync::Arc;

use contract::{Backend, Settings, contract_suite};
use fronted::Fronted;
use keruen_log::{Log, NatsNames, SqliteLog, SqliteOptions};
use tempfile::TempDir;

struct Nats {
    folder: TempDir,
    names: NatsNames,
}

impl Backend for Nats {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            names: fronted::names(),
        }
    }

    fn open(&self, settings: Settings) -> Arc<dyn Log> {
        let defaults = SqliteOptions::default();
        let options = SqliteOptions {
            clock: settings.clock.unwrap_or(defaults.clock),
            transcoder: settings.transcoder,
            bounds: settings.bounds,
            ..SqliteOptions::default()
        };
        let store = SqliteLog::open(&self.folder.path().join("log.db"), options).unwrap();
        let log: Arc<dyn Log> = Arc::new(store);
        Fronted::open(Arc::clone(&log), log, self.names.clone())
    }
}

contract_suite!(Nats);
