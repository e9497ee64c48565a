//! A log behind NATS, as those have it that don't write it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use keruen_log::{
    AppendError, AppendRequest, Appended, Head, Log, LogEndpoint, LogEndpointOptions,
    NatsConnection, NatsLog, NatsLogOptions, NatsNames, NatsOptions, Page, Query, Range, ReadError,
    RecordedCommand,
};
use keruen_test_servers::nats;
use tokio::{runtime::Handle, sync::watch, task::block_in_place, time::sleep};
use uuid::Uuid;

/// Names that no other test uses.
pub fn names() -> NatsNames {
    let prefix = format!("t{}", &Uuid::new_v4().simple().to_string()[..16]);
    NatsNames::with_prefix(&prefix).unwrap()
}

/// A log with its endpoint, and a client of that: two connections to NATS, as of two processes.
pub struct Fronted {
    client: NatsLog,
    endpoint: Option<LogEndpoint>,
    _leads: watch::Sender<bool>,
}

impl Fronted {
    /// A client of the log `written`, which reads from `read`: the same, or the log as another process has it.
    pub fn open(written: Arc<dyn Log>, read: Arc<dyn Log>, names: NatsNames) -> Arc<dyn Log> {
        let connecting = Self::connect(written, read, names);
        Arc::new(block_in_place(|| Handle::current().block_on(connecting)))
    }

    async fn connect(written: Arc<dyn Log>, read: Arc<dyn Log>, names: NatsNames) -> Self {
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
        let endpoint = LogEndpoint::start(connection, written, leading, options);
        let options = NatsLogOptions {
            names,
            ..NatsLogOptions::default()
        };
        let fronted = Self {
            client: NatsLog::new(connect().await.unwrap(), read, options),
            endpoint: Some(endpoint),
            _leads: leads,
        };
        // Until both are connected, nobody answers.
        while let Err(AppendError::Unavailable(_) | AppendError::NotRecorded(_)) =
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
