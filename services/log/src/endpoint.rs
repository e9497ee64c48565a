//! The gRPC service over any log.

use std::sync::Arc;

use crate::log::Log;

/// `keruen.events.v1.EventService` over any log.
#[derive(Clone)]
pub struct EventEndpoint {
    log: Arc<dyn Log>,
}

impl EventEndpoint {
    /// Serves `log`.
    pub fn new(log: Arc<dyn Log>) -> Self {
        Self { log }
    }
}
