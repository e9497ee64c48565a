//! Plays the story's commands through gRPC, as any client would.

use anyhow::{Context as _, bail};
use chrono::{DateTime, Days, NaiveDate};
use keruen_proto::{
    events::v1::{ListEventsRequest, event_service_client::EventServiceClient},
    inventory::v1::inventory_service_client::InventoryServiceClient,
    registry::v1::registry_service_client::RegistryServiceClient,
    requests::v1::request_service_client::RequestServiceClient,
    shipments::v1::shipment_service_client::ShipmentServiceClient,
};
use tonic::{
    Request, Response, Status,
    metadata::MetadataValue,
    transport::{Channel, Endpoint},
};
use uuid::Uuid;

/// Every command id of the story is derived from this and the name of its step.
const STORY: Uuid = Uuid::from_u128(0x8d5a_1c7e_2020_4b61_9a53_4b61_7a61_6b68);
/// Actors of the story begin with this.
const ACTOR_PREFIX: &str = "demo:";

/// Somebody who acts in the story: clients of every service, and a place to keep what was learned.
pub struct Player {
    channel: Channel,
    /// The day on which the story was begun; dates in it count from there, also when it is taken up again later.
    begun_on: NaiveDate,
    position: u64,
}

impl Player {
    /// Connects to a node. Refuses a store that holds anything but this story.
    pub async fn connect(server: &str) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(server.to_owned())?
            .connect()
            .await
            .context("the node does not answer")?;
        let first = EventServiceClient::new(channel.clone())
            .list_events(ListEventsRequest {
                query: None,
                after_position: 0,
                page_size: 1,
            })
            .await?
            .into_inner()
            .events
            .into_iter()
            .next();
        let begun_at_us = match first {
            Some(event) if !event.actor.starts_with(ACTOR_PREFIX) => bail!(
                "this folder holds other data than the story: its first event is by {:?}. Choose another folder with --data",
                event.actor
            ),
            Some(event) => event.recorded_at_us,
            None => now_us()?,
        };
        let begun_on = DateTime::from_timestamp_micros(begun_at_us)
            .context("the first event has an impossible time")?
            .date_naive();
        Ok(Self {
            channel,
            begun_on,
            position: 0,
        })
    }

    /// Position of the newest event of the story so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The day that lies so many days after the story began, ISO 8601.
    pub fn day(&self, days: u64) -> String {
        self.begun_on
            .checked_add_days(Days::new(days))
            .unwrap_or(self.begun_on)
            .to_string()
    }

    /// Carries out one step: makes its request with the step's command id, sends it as `actor`, and remembers the
    /// position.
    pub async fn step<Q, A>(
        &mut self,
        actor: &str,
        name: &str,
        make: impl FnOnce(String) -> Q,
        send: impl AsyncFnOnce(Channel, Request<Q>) -> Result<Response<A>, Status>,
        position_of: impl FnOnce(&A) -> u64,
    ) -> anyhow::Result<A> {
        let command_id = Uuid::new_v5(&STORY, name.as_bytes()).to_string();
        let mut request = Request::new(make(command_id));
        let actor = MetadataValue::try_from(format!("{ACTOR_PREFIX}{actor}"))?;
        request.metadata_mut().insert("keruen-actor", actor);
        let answer = send(self.channel.clone(), request)
            .await
            .map_err(|status| anyhow::anyhow!("{}", status.message()))
            .with_context(|| format!("the story stopped at its step {name:?}"))?
            .into_inner();
        self.position = self.position.max(position_of(&answer));
        Ok(answer)
    }
}

/// The registry's client on a channel.
pub fn registry(channel: Channel) -> RegistryServiceClient<Channel> {
    RegistryServiceClient::new(channel)
}

/// The inventory's client on a channel.
pub fn inventory(channel: Channel) -> InventoryServiceClient<Channel> {
    InventoryServiceClient::new(channel)
}

/// The request service's client on a channel.
pub fn requests(channel: Channel) -> RequestServiceClient<Channel> {
    RequestServiceClient::new(channel)
}

/// The shipment service's client on a channel.
pub fn shipments(channel: Channel) -> ShipmentServiceClient<Channel> {
    ShipmentServiceClient::new(channel)
}

/// Carries out one step of the story: `step!(player, "actor", "name", client.method, RequestType { fields })`.
macro_rules! step {
    ($player:expr, $actor:expr, $name:expr, $client:ident.$method:ident, $request:ident { $($fields:tt)* }) => {
        $player
            .step(
                $actor,
                $name,
                |command_id| $request { command_id, $($fields)*, ..$request::default() },
                async |channel, request| $crate::demo::player::$client(channel).$method(request).await,
                |answer| answer.position,
            )
            .await
    };
}
pub(super) use step;

fn now_us() -> anyhow::Result<i64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_micros())?)
}
