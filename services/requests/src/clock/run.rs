//! Follows the log and makes the calls that are due, through the public service.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use keruen_edge::{SnapshotOptions, actor::ACTOR_KEY, snapshots::Snapshots};
use keruen_log::{Log, Range, ReadError};
use keruen_proto::{
    Event,
    log::v1::{Query, QueryItem, RecordedEvent},
    requests::v1::{EscalateRequestRequest, request_service_client::RequestServiceClient},
};
use tokio::sync::watch;
use tonic::{Code, Request, Status, metadata::MetadataValue, transport::Channel};

use super::{Call, Clocks, Deadlines, cache::Cache};

/// Who makes the calls.
const ACTOR: &str = "keruen:clock";
/// How many events are read at once.
const BATCH_EVENTS: usize = 1_000;
/// How many calls are made at one look at the clock; the others follow at the next.
const MAX_CALLS: usize = 100;
/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call that was refused is not tried again, as long as nothing happens.
const PAUSE_US: i64 = 10 * 60 * 1_000_000;

/// How the clocks are looked at.
#[derive(Clone, Debug)]
pub struct ClockOptions {
    /// After what time those on duty are called.
    pub deadlines: Deadlines,
    /// Time from one look at the clock to the next.
    pub look_every: Duration,
    /// Where the clocks are kept between starts; `None` keeps them nowhere, and a start reads the whole log.
    pub snapshots: Option<SnapshotOptions>,
}

/// Makes the calls that are due, until it is told to stop. What it keeps is a cache: a start goes on from it, or reads
/// again what is open. Whatever fails is tried again; a call that was made before has no second effect.
pub async fn run(
    log: Arc<dyn Log>,
    service: RequestServiceClient<Channel>,
    options: ClockOptions,
    mut stopped: watch::Receiver<bool>,
) {
    let look_every = options.look_every;
    let mut caller = Caller::new(log, service, options);
    loop {
        let round = async {
            if let Err(error) = caller.read().await {
                tracing::warn!(%error, "what is overdue can't be read");
                return;
            }
            caller.make_calls(now_us()).await;
        };
        tokio::select! {
            () = round => {}
            () = told(&mut stopped) => return,
        }
        tokio::select! {
            () = tokio::time::sleep(look_every) => {}
            () = told(&mut stopped) => return,
        }
    }
}

/// What changes the clocks; with tags, only of what carries them.
fn query(tags: Vec<String>) -> Query {
    Query {
        items: vec![QueryItem {
            types: Clocks::event_types(),
            tags,
        }],
    }
}

/// The event; nothing where it is malformed: views say so too, and stand, but clocks of other requests go on.
fn decoded(recorded: &RecordedEvent) -> Option<Event> {
    Event::decode(&recorded.r#type, &recorded.data)
        .inspect_err(|error| {
            tracing::error!(%error, position = recorded.position, "a stored event is malformed");
        })
        .ok()
}

/// All that has happened to a request up to a position.
async fn history(
    log: &dyn Log,
    request_id: &str,
    position: u64,
) -> Result<Vec<(RecordedEvent, Event)>, ReadError> {
    let query = query(vec![format!("request:{request_id}")]);
    let mut range = Range::default().up_to(position);
    let mut history = Vec::new();
    loop {
        let page = log.read(&query, range, BATCH_EVENTS).await?;
        range.after_position = page.reached_position(range);
        let known = page.events.into_iter();
        history.extend(known.filter_map(|recorded| {
            let event = decoded(&recorded)?;
            Some((recorded, event))
        }));
        if page.complete {
            return Ok(history);
        }
    }
}

/// Microseconds since 1970-01-01T00:00:00Z.
fn now_us() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or_default()
}

/// Ends when it is told to stop.
async fn told(stopped: &mut watch::Receiver<bool>) {
    // An error means that whoever could tell is gone, which is a reason to stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

struct Caller {
    log: Arc<dyn Log>,
    service: RequestServiceClient<Channel>,
    deadlines: Deadlines,
    cache: Cache,
    /// `None` before the first look.
    clocks: Option<Clocks>,
    /// Calls that were refused, and until when they are not tried again.
    paused: BTreeMap<Call, i64>,
}

impl Caller {
    fn new(
        log: Arc<dyn Log>,
        service: RequestServiceClient<Channel>,
        options: ClockOptions,
    ) -> Self {
        Self {
            log,
            service,
            cache: Cache::new(options.snapshots.map(Snapshots::open), &options.deadlines),
            deadlines: options.deadlines,
            clocks: None,
            paused: BTreeMap::new(),
        }
    }

    /// Takes in everything up to the head.
    async fn read(&mut self) -> Result<(), ReadError> {
        let known = match self.clocks.take() {
            Some(clocks) => clocks,
            None => self.cache.load(self.log.as_ref()).await?,
        };
        let clocks = self.clocks.insert(known);
        let query = query(Vec::new());
        loop {
            let range = Range::after(clocks.position());
            let page = self.log.read(&query, range, BATCH_EVENTS).await?;
            for recorded in &page.events {
                let Some(event) = decoded(recorded) else {
                    continue;
                };
                // Read before anything changes: where that fails, the event is taken in at the next look.
                let mut opened = Vec::new();
                for id in clocks.reopened(recorded, &event) {
                    let known = history(self.log.as_ref(), &id, recorded.position).await?;
                    opened.push((id, known));
                }
                clocks.take_in(recorded, &event, &self.deadlines);
                for (id, known) in &opened {
                    clocks.watch_again(id, known, &self.deadlines);
                }
            }
            clocks.reach(page.reached_position(range));
            if page.complete {
                break;
            }
        }
        self.cache.save(self.log.as_ref(), clocks).await;
        Ok(())
    }

    async fn make_calls(&mut self, now_us: i64) {
        self.paused.retain(|_, until_us| *until_us > now_us);
        let due = self.clocks.iter();
        let due = due
            .flat_map(|clocks| clocks.due(now_us, &self.deadlines))
            .filter(|call| !self.paused.contains_key(call))
            .take(MAX_CALLS);
        for call in due.collect::<Vec<_>>() {
            let Err(status) = self.make(&call).await else {
                continue;
            };
            match status.code() {
                // The request went on meanwhile, or is due a little later where it is.
                Code::FailedPrecondition => {
                    self.paused.insert(call, now_us.saturating_add(PAUSE_US));
                }
                Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => {
                    tracing::warn!(%status, "those on duty can't be called now");
                    return;
                }
                _ => {
                    let request_id = call.request_id.clone();
                    self.paused.insert(call, now_us.saturating_add(PAUSE_US));
                    tracing::error!(%status, request_id, "those on duty could not be called");
                }
            }
        }
    }

    async fn make(&mut self, call: &Call) -> Result<(), Status> {
        let mut request = Request::new(EscalateRequestRequest {
            command_id: call.command_id.to_string(),
            request_id: call.request_id.clone(),
            reason: call.reason,
            level: call.level,
            ..EscalateRequestRequest::default()
        });
        request
            .metadata_mut()
            .insert(ACTOR_KEY, MetadataValue::from_static(ACTOR));
        request.set_timeout(CALL_TIMEOUT);
        let answer = tokio::time::timeout(CALL_TIMEOUT, self.service.escalate_request(request));
        answer
            .await
            .map_err(|_| Status::deadline_exceeded("the call was not answered in time"))??;
        tracing::info!(
            request_id = call.request_id,
            level = call.level,
            "those on duty were called"
        );
        Ok(())
    }
}
