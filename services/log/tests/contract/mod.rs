//! What every backend of the log must do. A backend plugs in with [`contract_suite!`].

#![allow(dead_code, reason = "each test crate uses a part")]

pub mod appends;
pub mod bounds;
pub mod conditions;
pub mod follows;
pub mod queries;

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use keruen_log::{
    AppendCondition, AppendRequest, Bounds, Clock, Log, ProposedEvent, Query, QueryItem, Range,
    RecordedEvent, Transcoder,
};
use keruen_proto::log::v1::{OccurredAt, TimePrecision};
use uuid::Uuid;

/// A place where one log can be opened, closed and opened again.
pub trait Backend: Sized + Send + Sync + 'static {
    /// Whether the same process appends and reads: then it knows of an event before the append is answered.
    const ONE_PROCESS: bool = true;

    /// An empty place.
    fn new() -> Self;
    /// Opens the log there; the one before was dropped.
    fn open(&self, settings: Settings) -> Arc<dyn Log>;
}

/// How the suite opens a log.
#[derive(Clone, Default)]
pub struct Settings {
    pub clock: Option<Clock>,
    pub transcoder: Option<Transcoder>,
    pub bounds: Bounds,
}

/// Runs the whole suite against a backend.
macro_rules! contract_suite {
    ($backend:ty) => {
        contract_suite!($backend:
            appends::positions_have_no_gaps_under_concurrency,
            appends::a_repeated_command_gets_the_first_reply_for_ever,
            appends::duplicates_in_flight_join,
            appends::a_refusal_is_not_remembered,
            appends::a_refused_append_leaves_nothing,
            appends::the_envelope_is_kept_as_it_was_sent,
            appends::times_never_run_backwards,
            appends::an_append_past_its_deadline_is_dropped,
            appends::the_log_goes_on_where_it_was_left,
            appends::a_command_can_be_looked_up,
            bounds::every_bound_holds_at_its_edge,
            bounds::bounds_that_are_set_hold_at_their_edges,
            bounds::the_queue_holds_what_is_set,
            bounds::the_smallest_groups_record_everything,
            bounds::every_rule_names_its_field,
            bounds::the_transcoder_is_asked_first,
            bounds::queries_are_bounded,
            conditions::conditions_agree_with_a_model,
            conditions::one_of_many_creators_wins,
            conditions::optimistic_writers_never_overlook_each_other,
            conditions::a_position_above_the_head_is_refused,
            queries::reads_agree_with_a_filter,
            queries::pages_are_bounded,
            queries::large_pages_go_on_and_end,
            queries::pages_of_unequal_events_go_on,
            follows::followers_see_everything_once,
            follows::the_head_is_announced_after_the_commit,
        );
    };
    ($backend:ty: $($module:ident::$name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                contract::$module::$name::<$backend>().await;
            }
        )*
    };
}
pub(crate) use contract_suite;

/// A new command id.
pub fn command_id() -> String {
    Uuid::now_v7().to_string()
}

/// A valid event.
pub fn event(name: &str, tags: &[&str]) -> ProposedEvent {
    ProposedEvent {
        r#type: format!("keruen.test.v1.{name}"),
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        data: name.as_bytes().to_vec().into(),
        occurred_at: Some(OccurredAt {
            time_us: 1_588_309_200_000_000,
            utc_offset_minutes: 300,
            precision: TimePrecision::Second.into(),
            clamped: false,
        }),
        ..ProposedEvent::default()
    }
}

/// A valid request without a condition.
pub fn request(events: Vec<ProposedEvent>) -> AppendRequest {
    AppendRequest {
        command_id: command_id(),
        command_hash: vec![7; 32],
        actor: "person:1".to_owned(),
        origin: "node-1".to_owned(),
        events,
        condition: None,
        deadline_us: 0,
    }
}

/// The same request under a condition.
pub fn provided(request: AppendRequest, query: Query, after_position: u64) -> AppendRequest {
    AppendRequest {
        condition: Some(AppendCondition {
            query: Some(query),
            after_position,
        }),
        ..request
    }
}

/// Events with this tag.
pub fn tagged(tag: &str) -> Query {
    Query {
        items: vec![QueryItem {
            types: Vec::new(),
            tags: vec![tag.to_owned()],
        }],
    }
}

/// All events, read page by page.
pub async fn all(log: &dyn Log) -> Vec<RecordedEvent> {
    let mut events = Vec::new();
    let mut range = Range::after(0);
    loop {
        let page = log.read(&Query::default(), range, 777).await.unwrap();
        range = Range::after(page.reached_position(range));
        events.extend(page.events);
        if page.complete {
            return events;
        }
    }
}

/// A clock that is set by hand.
#[derive(Clone, Default)]
pub struct SetClock(Arc<AtomicI64>);

impl SetClock {
    pub fn set(&self, time_us: i64) {
        self.0.store(time_us, Ordering::SeqCst);
    }

    pub fn clock(&self) -> Clock {
        let time = Arc::clone(&self.0);
        Arc::new(move || time.load(Ordering::SeqCst))
    }
}

/// Numbers that differ from test to test, for tags.
pub fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::SeqCst)
}
