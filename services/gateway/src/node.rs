//! The node as the page sees it: gRPC clients, with a deadline on every call.

use std::{future::Future, time::Duration};

use keruen_proto::{
    events::v1::{
        GetLogHeadRequest, SubscribeEventsRequest, SubscribeEventsResponse,
        event_service_client::EventServiceClient,
    },
    registry::v1::registry_service_client::RegistryServiceClient,
    shipments::v1::shipment_service_client::ShipmentServiceClient,
    stock::v1::stock_service_client::StockServiceClient,
};
use tonic::{Code, Request, Response, Status, Streaming, transport::Channel};

use crate::problem::Problem;

/// Largest answer that is read, in bytes: a trace with every batch at its bound of steps.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// Clients of one node. Clones share its connection.
#[derive(Clone, Debug)]
pub struct Node {
    /// Regions, commodities and names.
    pub registry: RegistryServiceClient<Channel>,
    /// Stock, traces and boards.
    pub stock: StockServiceClient<Channel>,
    /// Shipments as they stand.
    pub shipments: ShipmentServiceClient<Channel>,
    events: EventServiceClient<Channel>,
    deadline: Duration,
}

impl Node {
    /// A node behind a channel that may connect only when it is first used.
    pub fn new(channel: Channel, deadline: Duration) -> Self {
        Self {
            registry: RegistryServiceClient::new(channel.clone())
                .max_decoding_message_size(LARGEST_ANSWER),
            stock: StockServiceClient::new(channel.clone())
                .max_decoding_message_size(LARGEST_ANSWER),
            shipments: ShipmentServiceClient::new(channel.clone()),
            events: EventServiceClient::new(channel),
            deadline,
        }
    }

    /// The message with the deadline as the server is told it.
    pub fn ask<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.deadline);
        request
    }

    /// Waits for an answer, but no longer than the deadline, whatever the server does.
    pub fn answer<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> impl Future<Output = Result<T, Status>> {
        self.answer_as(call, Response::into_inner)
    }

    /// The same for what is read from an answer with its metadata.
    pub async fn answer_as<T, U>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
        read: impl FnOnce(Response<T>) -> U,
    ) -> Result<U, Status> {
        match tokio::time::timeout(self.deadline, call).await {
            Ok(answer) => answer.map(read),
            Err(_) => Err(Status::deadline_exceeded("no answer within the deadline")),
        }
    }

    /// Position of the newest event.
    pub async fn head(&self) -> Result<u64, Status> {
        let mut events = self.events.clone();
        let head = self
            .answer(events.get_log_head(self.ask(GetLogHeadRequest {})))
            .await?;
        Ok(head.position)
    }

    /// Follows the log. The deadline is for the beginning of the stream only.
    pub async fn follow(
        &self,
        after_position: u64,
    ) -> Result<Streaming<SubscribeEventsResponse>, Status> {
        let mut events = self.events.clone();
        let request = SubscribeEventsRequest {
            query: None,
            after_position,
        };
        self.answer(events.subscribe_events(Request::new(request)))
            .await
    }
}

/// What a reader is told when the node refuses or can't be reached.
pub fn problem_of(status: &Status) -> Problem {
    match status.code() {
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Cancelled
        | Code::Aborted => Problem::Unavailable,
        _ => Problem::Failed,
    }
}
