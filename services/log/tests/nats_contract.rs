//! The contract suite against a log that is appended to over NATS.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use contract::{Backend, Settings, contract_suite};
use keruen_log::{
    AppendError, AppendRequest, Appended, Head, Log, LogEndpoint, LogEndpointOptions,
    NatsConnection, NatsLog, NatsLogOptions, NatsNames, NatsOptions, Page, Query, Range, ReadError,
    RecordedCommand, SqliteLog, SqliteOptions,
};
use keruen_test_servers::nats;
use tempfile::TempDir;
use tokio::{runtime::Handle, sync::watch, task::block_in_place, time::sleep};
use uuid::Uuid;

struct Nats {
    folder: TempDir,
    names: NatsNames,
}

impl Backend for Nats {
    fn new() -> Self {
        let prefix = format!("t{}", &Uuid::new_v4().simple().to_string()[..16]);
        Self {
            folder: tempfile::tempdir().unwrap(),
            names: NatsNames::with_prefix(&prefix).unwrap(),
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
        let opening = Fronted::new(Arc::new(store), self.names.clone());
        Arc::new(block_in_place(|| Handle::current().block_on(opening)))
    }
}

/// A log with its endpoint, and a client of that: two connections to NATS, as of two processes.
struct Fronted {
    client: NatsLog,
    endpoint: Option<LogEndpoint>,
    _leads: watch::Sender<bool>,
}

impl Fronted {
    async fn new(log: Arc<dyn Log>, names: NatsNames) -> Self {
        let connect = async || {
            let url = block_in_place(nats::shared_url);
            NatsConnection::connect(&url, NatsOptions::default()).await
        };
        let (leads, leading) = watch::channel(true);
        let options = LogEndpointOptions {
            names: names.clone(),
            ..LogEndpointOptions::new("writer")
        };
        let connection = connect().await.unwrap();
        let endpoint = LogEndpoint::start(connection, Arc::clone(&log), leading, options);
        let options = NatsLogOptions {
            names,
            ..NatsLogOptions::default()
        };
        let fronted = Self {
            client: NatsLog::new(connect().await.unwrap(), log, options),
            endpoint: Some(endpoint),
            _leads: leads,
        };
        // Until both are connected, nobody answers.
        while let Err(AppendError::Unavailable(_)) =
            fronted.client.append(AppendRequest::default()).await
        {
            sleep(Duration::from_millis(10)).await;
        }
        fronted
    }
}

impl Drop for Fronted {
    fn drop(&mut self) {
        if let Some(endpoint) = self.endpoint.take() {
            block_in_place(|| Handle::current().block_on(endpoint.stop()));
        }
    }
}

#[async_trait]
impl Log for Fronted {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        self.client.append(request).await
    }

    async fn read(&self, query: &Query, range: Range, limit: usize) -> Result<Page, ReadError> {
        self.client.read(query, range, limit).await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.client.head().await
    }

    async fn find_command(&self, command_id: &str) -> Result<Option<RecordedCommand>, ReadError> {
        self.client.find_command(command_id).await
    }

    async fn tree_hashes(
        &self,
        wanted: keruen_log::tree::TreeHashes,
    ) -> Result<Vec<keruen_log::tree::Hash>, ReadError> {
        self.client.tree_hashes(wanted).await
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.client.watch_head()
    }
}

contract_suite!(Nats);
