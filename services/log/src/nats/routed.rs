//! The log in a process that writes it at times.

use std::sync::Arc;

use async_trait::async_trait;
use keruen_proto::log::v1::{AppendRequest, Appended, Query};
use tokio::sync::watch;

use super::client::NatsLog;
use crate::{
    append::AppendError,
    log::{Head, Log, Page, Range, ReadError, RecordedCommand},
};

/// A log whose appends go to this process while it leads, and over NATS to whoever leads otherwise. Reads go to this
/// process.
pub struct RoutedLog {
    here: Arc<dyn Log>,
    leads: watch::Receiver<bool>,
    elsewhere: NatsLog,
}

impl RoutedLog {
    /// Appends to `here` while `leads` says so, else to `elsewhere`.
    pub fn new(here: Arc<dyn Log>, leads: watch::Receiver<bool>, elsewhere: NatsLog) -> Self {
        Self {
            here,
            leads,
            elsewhere,
        }
    }
}

#[async_trait]
impl Log for RoutedLog {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        let leads = *self.leads.borrow();
        if leads {
            self.here.append(request).await
        } else {
            self.elsewhere.append(request).await
        }
    }

    async fn read(&self, query: &Query, range: Range, limit: usize) -> Result<Page, ReadError> {
        self.here.read(query, range, limit).await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.here.head().await
    }

    async fn find_command(&self, command_id: &str) -> Result<Option<RecordedCommand>, ReadError> {
        self.here.find_command(command_id).await
    }

    async fn tree_hashes(
        &self,
        wanted: crate::tree::TreeHashes,
    ) -> Result<Vec<crate::tree::Hash>, ReadError> {
        self.here.tree_hashes(wanted).await
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.here.watch_head()
    }
}
