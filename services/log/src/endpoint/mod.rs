//! The gRPC service over any log.

mod command;
mod proofs;

use std::{pin::Pin, sync::Arc, time::Duration};

use async_stream::try_stream;
use async_trait::async_trait;
use futures::{Stream, StreamExt as _};
use keruen_proto::events::v1::{
    GetCheckpointRequest, GetCheckpointResponse, GetCommandRequest, GetCommandResponse,
    GetConsistencyProofRequest, GetConsistencyProofResponse, GetInclusionProofRequest,
    GetInclusionProofResponse, GetLogHeadRequest, GetLogHeadResponse, ListEventsRequest,
    ListEventsResponse, SubscribeEventsRequest, SubscribeEventsResponse,
    event_service_server::EventService,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, timeout_at},
};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    append::Violation,
    checkpoint::CheckpointKey,
    follow::{FollowOptions, follow},
    log::{Log, Range, ReadError},
    request,
};
use proofs::Proofs;

/// Events of a page where the request names no size, and at most.
const DEFAULT_PAGE_SIZE: i32 = 100;
const MAX_PAGE_SIZE: i32 = 1_000;
/// Subscriptions at the same time.
const MAX_SUBSCRIPTIONS: usize = 1_000;
/// Events that one subscription holds in memory while its client is slow.
const BATCH_EVENTS: usize = 64;
/// Time without an event after which a subscription tells where it stands.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);

/// `keruen.events.v1.EventService` over any log.
#[derive(Clone)]
pub struct EventEndpoint {
    log: Arc<dyn Log>,
    proofs: Arc<Proofs>,
    heartbeat_interval: Duration,
    subscriptions: Arc<Semaphore>,
    stopping: Arc<watch::Sender<bool>>,
}

impl EventEndpoint {
    /// Serves `log`.
    pub fn new(log: Arc<dyn Log>) -> Self {
        Self {
            proofs: Arc::new(Proofs::new(Arc::clone(&log), None)),
            log,
            heartbeat_interval: HEARTBEAT_INTERVAL,
            subscriptions: Arc::new(Semaphore::new(MAX_SUBSCRIPTIONS)),
            stopping: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Signs checkpoints with this key.
    #[must_use]
    pub fn signed_by(mut self, key: CheckpointKey) -> Self {
        self.proofs = Arc::new(Proofs::new(Arc::clone(&self.log), Some(key)));
        self
    }

    /// With another time between heartbeats than 5 seconds.
    #[must_use]
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.heartbeat_interval = interval;
        self
    }

    /// Ends all subscriptions, also those of clones, and refuses new ones: a server that waits for its open requests
    /// before it stops would otherwise wait for ever.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }
}

#[async_trait]
impl EventService for EventEndpoint {
    async fn list_events(
        &self,
        request: Request<ListEventsRequest>,
    ) -> Result<Response<ListEventsResponse>, Status> {
        let request = request.into_inner();
        let limit = page_size(request.page_size)?;
        let query = request.query.unwrap_or_default();
        let range = Range::after(request.after_position);
        let page = self
            .log
            .read(&query, range, limit)
            .await
            .map_err(status_of)?;
        let next_after_position = if page.complete {
            0
        } else {
            page.reached_position(range)
        };
        Ok(Response::new(ListEventsResponse {
            events: page.events,
            head_position: page.head_position,
            next_after_position,
        }))
    }

    type SubscribeEventsStream =
        Pin<Box<dyn Stream<Item = Result<SubscribeEventsResponse, Status>> + Send>>;

    async fn subscribe_events(
        &self,
        request: Request<SubscribeEventsRequest>,
    ) -> Result<Response<Self::SubscribeEventsStream>, Status> {
        let request = request.into_inner();
        if let Some(query) = &request.query {
            request::check_query("query", query).map_err(|violation| refused(&violation))?;
        }
        let head_position = self.log.head().await.map_err(status_of)?.position;
        if request.after_position > head_position {
            return Err(Status::out_of_range(format!(
                "after_position: must not be above the head, {head_position}, found {}; is it a position of \
                 another log?",
                request.after_position
            )));
        }
        let permit = Arc::clone(&self.subscriptions)
            .try_acquire_owned()
            .map_err(|_| {
                Status::resource_exhausted(format!(
                    "{MAX_SUBSCRIPTIONS} subscriptions are open; try again later"
                ))
            })?;
        Ok(Response::new(Box::pin(self.subscription(request, permit))))
    }

    async fn get_log_head(
        &self,
        _request: Request<GetLogHeadRequest>,
    ) -> Result<Response<GetLogHeadResponse>, Status> {
        let head = self.log.head().await.map_err(status_of)?;
        Ok(Response::new(GetLogHeadResponse {
            log_id: head.log_id.to_vec(),
            position: head.position,
            root_hash: head.root_hash.to_vec(),
        }))
    }

    async fn get_checkpoint(
        &self,
        request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        let answer = self.proofs.checkpoint(request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<GetInclusionProofRequest>,
    ) -> Result<Response<GetInclusionProofResponse>, Status> {
        let answer = self.proofs.inclusion(request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<GetConsistencyProofRequest>,
    ) -> Result<Response<GetConsistencyProofResponse>, Status> {
        let answer = self.proofs.consistency(request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_command(
        &self,
        request: Request<GetCommandRequest>,
    ) -> Result<Response<GetCommandResponse>, Status> {
        let answer = command::recorded(&*self.log, &request.into_inner().command_id).await?;
        Ok(Response::new(answer))
    }
}

impl EventEndpoint {
    /// Pulled by the connection as fast as the client reads: a slow one holds one batch and no more.
    fn subscription(
        &self,
        request: SubscribeEventsRequest,
        permit: OwnedSemaphorePermit,
    ) -> impl Stream<Item = Result<SubscribeEventsResponse, Status>> + Send + 'static {
        let options = FollowOptions {
            batch_events: BATCH_EVENTS,
            ..FollowOptions::default()
        };
        let mut position = request.after_position;
        let query = request.query.unwrap_or_default();
        let batches = follow(Arc::clone(&self.log), query, position, options);
        let interval = self.heartbeat_interval;
        let mut stopping = self.stopping.subscribe();
        try_stream! {
            let _permit = permit;
            let mut batches = std::pin::pin!(batches);
            // At once, so that the client knows that it is subscribed even where there is nothing to tell.
            let mut heartbeat_at = Instant::now();
            loop {
                let step = tokio::select! {
                    biased;
                    _ = stopping.wait_for(|stopping| *stopping) => None,
                    step = timeout_at(heartbeat_at, batches.next()) => Some(step),
                };
                match step {
                    None | Some(Ok(None)) => Err(Status::unavailable(format!(
                        "the server is stopping; subscribe again after position {position}"
                    )))?,
                    Some(Ok(Some(batch))) => {
                        let batch = batch.map_err(status_of)?;
                        for event in batch.events {
                            position = event.position;
                            heartbeat_at = Instant::now() + interval;
                            yield SubscribeEventsResponse { event: Some(event), position };
                        }
                        position = batch.position;
                    }
                    Some(Err(_)) => {
                        heartbeat_at = Instant::now() + interval;
                        yield SubscribeEventsResponse { event: None, position };
                    }
                }
            }
        }
    }
}

fn page_size(stated: i32) -> Result<usize, Status> {
    let size = match stated {
        0 => DEFAULT_PAGE_SIZE,
        1..=MAX_PAGE_SIZE => stated,
        _ => {
            return Err(refused(&Violation::new(
                "page_size",
                format!(
                    "must be 1 to {MAX_PAGE_SIZE}, or 0 for {DEFAULT_PAGE_SIZE}, found {stated}"
                ),
            )));
        }
    };
    // Positive, as matched above.
    Ok(usize::try_from(size).unwrap_or(1))
}

fn refused(violation: &Violation) -> Status {
    Status::with_error_details(
        Code::InvalidArgument,
        violation.to_string(),
        ErrorDetails::with_bad_request_violation(&violation.field, &violation.rule),
    )
}

fn status_of(error: ReadError) -> Status {
    match error {
        ReadError::InvalidArgument(violation) => refused(&violation),
        ReadError::Unavailable(_) => Status::unavailable(error.to_string()),
        ReadError::Damaged { .. } => {
            tracing::error!(%error, "read failed");
            Status::data_loss(error.to_string())
        }
    }
}
