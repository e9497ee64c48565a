//! Bounds and rules: each holds at its edge, and each refusal names its field.

use std::sync::{Arc, Mutex, mpsc};

use keruen_log::{
    AppendError, AppendRequest, Appended, Bounds, Clock, Log, ProposedEvent, Query, QueryItem,
    Range, ReadError,
    bounds::{MAX_APPEND_BYTES, MAX_DATA_BYTES, MAX_EVENT_TAGS, MAX_JSON_BYTES, MAX_QUERY_ITEMS},
};
use keruen_proto::log::v1::{AppendCondition, Correction, OccurredAt};
use prost::Message as _;

use tokio::task::JoinHandle;

use super::{Backend, Settings, all, event, provided, request, tagged};

async fn field_of_refusal(log: &dyn Log, request: AppendRequest) -> String {
    match log.append(request).await {
        Err(AppendError::InvalidArgument(violation)) => violation.field,
        other => panic!("expected a violation, found {other:?}"),
    }
}

fn with_data(bytes: usize) -> ProposedEvent {
    ProposedEvent {
        data: vec![1; bytes].into(),
        ..event("Sized", &[])
    }
}

fn with_tags(tags: usize) -> ProposedEvent {
    let tags = (0..tags).map(|tag| format!("t:{tag}")).collect();
    ProposedEvent {
        tags,
        ..event("Tagged", &[])
    }
}

/// A request of exactly this size on the wire.
fn of_size(bytes: usize) -> AppendRequest {
    let mut request = request(vec![with_data(MAX_DATA_BYTES); 11]);
    request.events.push(with_data(1));
    // The length prefixes grow with the data, so the last step is found by trying.
    for filler in 30_000..=MAX_DATA_BYTES {
        request.events[11].data = vec![1; filler].into();
        if request.encoded_len() == bytes {
            return request;
        }
    }
    panic!("no request of {bytes} bytes");
}

pub async fn every_bound_holds_at_its_edge<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    let small = |events| request(vec![event("Small", &[]); events]);
    let mut doubled = with_tags(MAX_EVENT_TAGS);
    doubled.tags.extend(doubled.tags.clone());

    let mut position = 0;
    for good in [
        small(1),
        small(1_000),
        request(vec![with_data(0)]),
        request(vec![with_data(MAX_DATA_BYTES)]),
        request(vec![with_tags(MAX_EVENT_TAGS)]),
        // Duplicates don't count.
        request(vec![doubled]),
        of_size(MAX_APPEND_BYTES),
    ] {
        position += good.events.len() as u64;
        assert_eq!(log.append(good).await.unwrap().last_position, position);
    }
    for (field, bad) in [
        ("events", small(0)),
        ("events", small(1_001)),
        (
            "events[1].data",
            request(vec![with_data(0), with_data(MAX_DATA_BYTES + 1)]),
        ),
        (
            "events[0].tags",
            request(vec![with_tags(MAX_EVENT_TAGS + 1)]),
        ),
        ("request", of_size(MAX_APPEND_BYTES + 1)),
    ] {
        assert_eq!(field_of_refusal(&*log, bad).await, field);
    }
    assert_eq!(log.head().await.unwrap().position, position);
    assert_eq!(all(&*log).await.len() as u64, position);
}

/// A request of one event, of exactly this size on the wire.
fn sized(bytes: usize) -> AppendRequest {
    let empty = request(vec![with_data(0)]).encoded_len();
    // The length prefixes grow with the data, so the last step is found by trying.
    (0..16)
        .map(|prefixes| request(vec![with_data(bytes - empty - prefixes)]))
        .find(|request| request.encoded_len() == bytes)
        .unwrap_or_else(|| panic!("no request of {bytes} bytes"))
}

/// A bound that is set, what is just within it, what is just beyond it, and how that is refused.
type Edge = (Bounds, AppendRequest, AppendRequest, &'static str);

fn edges() -> [Edge; 4] {
    let small = |events| request(vec![event("Small", &[]); events]);
    let bounds = Bounds::default();
    [
        (
            Bounds {
                append_events: 3,
                ..bounds
            },
            small(3),
            small(4),
            "events: must have at most 3 events, found 4",
        ),
        (
            Bounds {
                append_bytes: 1_000,
                ..bounds
            },
            sized(1_000),
            sized(1_001),
            "request: must have at most 1000 bytes, found 1001",
        ),
        (
            Bounds {
                data_bytes: 99,
                ..bounds
            },
            request(vec![with_data(1), with_data(99)]),
            request(vec![with_data(1), with_data(100)]),
            "events[1].data: must have at most 99 bytes, found 100",
        ),
        (
            Bounds {
                json_bytes: 500,
                ..bounds
            },
            request(vec![with_data(1), with_data(5)]),
            request(vec![with_data(1), with_data(6)]),
            "events[1].data: must have at most 500 bytes as JSON, found 600",
        ),
    ]
}

pub async fn bounds_that_are_set_hold_at_their_edges<B: Backend>() {
    let backend = B::new();
    let mut position = 0;
    for (bounds, within, beyond, expected) in edges() {
        let log = backend.open(Settings {
            bounds,
            transcoder: Some(Arc::new(|_, data| Ok(data.len() * 100))),
            ..Settings::default()
        });
        match log.append(beyond).await {
            Err(AppendError::InvalidArgument(violation)) => {
                assert_eq!(violation.to_string(), expected);
            }
            other => panic!("expected {expected:?}, found {other:?}"),
        }
        assert_eq!(log.head().await.unwrap().position, position);
        position += within.events.len() as u64;
        assert_eq!(log.append(within).await.unwrap().last_position, position);
        assert_eq!(all(&*log).await.len() as u64, position);
    }
}

/// A log whose writer stands in its first append, which it was given, until the gate is dropped.
struct Held {
    log: Arc<dyn Log>,
    first: JoinHandle<Result<Appended, AppendError>>,
    gate: mpsc::Sender<()>,
}

impl Held {
    fn new(backend: &impl Backend, bounds: Bounds, first: AppendRequest) -> Self {
        // A clock that stands still holds the writer.
        let (gate, opened) = mpsc::channel::<()>();
        let (entered, in_clock) = mpsc::channel::<()>();
        let channels = Mutex::new((opened, entered));
        let clock: Clock = Arc::new(move || {
            let channels = channels.lock().unwrap();
            channels.1.send(()).ok();
            channels.0.recv().ok();
            1
        });
        let log = backend.open(Settings {
            clock: Some(clock),
            bounds,
            ..Settings::default()
        });
        let first = append(&log, first);
        tokio::task::block_in_place(|| in_clock.recv().unwrap());
        Self { log, first, gate }
    }

    /// Lets the writer go on, and counts what was recorded of all that waits.
    async fn release(self, waiting: Vec<JoinHandle<Result<Appended, AppendError>>>) -> u64 {
        drop(self.gate);
        self.first.await.unwrap().unwrap();
        for queued in waiting {
            queued.await.unwrap().unwrap();
        }
        self.log.head().await.unwrap().position
    }
}

fn append(log: &Arc<dyn Log>, request: AppendRequest) -> JoinHandle<Result<Appended, AppendError>> {
    let log = Arc::clone(log);
    tokio::spawn(async move { log.append(request).await })
}

pub async fn the_queue_holds_what_is_set<B: Backend>() {
    let small = || request(vec![event("Queued", &[])]);
    let bounds = Bounds {
        queue_appends: 2,
        ..Bounds::default()
    };
    let backend = B::new();
    let held = Held::new(&backend, bounds, small());
    // Of five, two find room; the others are refused while the writer still stands.
    let mut waiting: Vec<_> = (0..5).map(|_| append(&held.log, small())).collect();
    for _ in 0..3 {
        let (answer, _, rest) = futures::future::select_all(waiting).await;
        let expected = "the log is busy: 2 appends wait for the writer, and no more may; nothing was recorded, repeat later";
        assert_eq!(answer.unwrap().unwrap_err().to_string(), expected);
        waiting = rest;
    }
    assert_eq!(held.release(waiting).await, 3);

    let bounds = Bounds {
        append_bytes: 7_000,
        queue_bytes: 10_000,
        ..Bounds::default()
    };
    let backend = B::new();
    let held = Held::new(&backend, bounds, sized(4_000));
    let refused = held.log.append(sized(6_001)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the log is busy: of the 10000 bytes that may wait for the writer, 6000 are left, and this append has 6001; \
         nothing was recorded, repeat later"
    );
    let waiting = vec![append(&held.log, sized(6_000))];
    assert_eq!(held.release(waiting).await, 2);
}

pub async fn the_smallest_groups_record_everything<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings {
        bounds: Bounds {
            group_appends: 1,
            group_events: 1,
            group_bytes: 1,
            ..Bounds::default()
        },
        ..Settings::default()
    });
    let appends =
        (0..30).map(|number| append(&log, request(vec![event("Grouped", &[]); number % 3 + 1])));
    for (number, answer) in futures::future::join_all(appends)
        .await
        .into_iter()
        .enumerate()
    {
        let appended = answer.unwrap().unwrap();
        assert_eq!(
            appended.last_position - appended.first_position,
            number as u64 % 3
        );
    }
    assert_eq!(all(&*log).await.len(), 60);
}

type Spoil = (&'static str, fn(&mut AppendRequest));

fn occurred_at(request: &mut AppendRequest) -> &mut OccurredAt {
    request.events[0].occurred_at.as_mut().unwrap()
}

fn correct(request: &mut AppendRequest, corrects_event_id: &str, reason: i32) {
    let corrects_event_id = corrects_event_id.to_owned();
    request.events[0].correction = Some(Correction {
        corrects_event_id,
        reason,
    });
}

const EVENT_ID: &str = "018f3c2e-7b1a-7c3d-9e4f-5a6b7c8d9e0f/0";

const SPOILED: &[Spoil] = &[
    ("command_id", |request| request.command_id.clear()),
    ("command_id", |request| {
        request.command_id = request.command_id.to_uppercase();
    }),
    ("command_hash", |request| request.command_hash.clear()),
    ("command_hash", |request| request.command_hash.push(0)),
    ("actor", |request| request.actor.clear()),
    ("actor", |request| request.actor = "a".repeat(129)),
    ("origin", |request| request.origin = "a b".into()),
    ("deadline_us", |request| request.deadline_us = -1),
    ("events[0].type", |request| request.events[0].r#type.clear()),
    ("events[0].type", |request| {
        request.events[0].r#type = "Unqualified".into();
    }),
    ("events[0].tags[1]", |request| {
        request.events[0].tags = vec!["a:1".to_owned(), "a:b".to_owned()];
    }),
    ("events[0].region", |request| {
        request.events[0].region = "KZ".into();
    }),
    ("events[0].other_region", |request| {
        request.events[0].other_region = "kz-62".into();
    }),
    ("events[0].correlation_id", |request| {
        request.events[0].correlation_id = "x".into();
    }),
    ("events[0].causation_id", |request| {
        request.events[0].causation_id = EVENT_ID.replace("/0", "/1000");
    }),
    ("events[0].correction.corrects_event_id", |request| {
        correct(request, "", 1);
    }),
    ("events[0].correction.reason", |request| {
        correct(request, EVENT_ID, 0);
    }),
    ("events[0].correction.reason", |request| {
        correct(request, EVENT_ID, 3);
    }),
    ("events[0].occurred_at", |request| {
        request.events[0].occurred_at = None;
    }),
    ("events[0].occurred_at.precision", |request| {
        occurred_at(request).precision = 0;
    }),
    ("events[0].occurred_at.precision", |request| {
        occurred_at(request).precision = 4;
    }),
    ("events[0].occurred_at.utc_offset_minutes", |request| {
        occurred_at(request).utc_offset_minutes = 1_081;
    }),
    ("events[0].occurred_at.utc_offset_minutes", |request| {
        occurred_at(request).utc_offset_minutes = i32::MIN;
    }),
    ("events[0].occurred_at.time_us", |request| {
        occurred_at(request).time_us = i64::MAX;
    }),
    ("events[0].occurred_at.time_us", |request| {
        occurred_at(request).time_us = i64::MIN;
    }),
    ("condition.query", |request| {
        request.condition = Some(AppendCondition::default());
    }),
    ("condition.query.items[0].tags[0]", |request| {
        *request = provided(request.clone(), tagged("a"), 0);
    }),
];

const KEPT: &[fn(&mut AppendRequest)] = &[
    |request| request.actor = "a".repeat(128),
    |request| request.events[0].tags = vec!["asset:A/%00".to_owned()],
    |request| request.events[0].region = "KZ-62".into(),
    |request| request.events[0].causation_id = EVENT_ID.replace("/0", "/999"),
    |request| correct(request, EVENT_ID, 1),
    |request| occurred_at(request).utc_offset_minutes = 1_080,
    |request| occurred_at(request).utc_offset_minutes = -1_080,
    |request| occurred_at(request).precision = 3,
    |request| occurred_at(request).time_us = -62_135_596_800_000_000,
    |request| request.deadline_us = i64::MAX,
];

pub async fn every_rule_names_its_field<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    for (field, spoil) in SPOILED {
        let mut spoiled = request(vec![event("Ruled", &[])]);
        spoil(&mut spoiled);
        assert_eq!(field_of_refusal(&*log, spoiled).await, *field);
    }
    assert_eq!(log.head().await.unwrap().position, 0);
    for change in KEPT {
        let mut changed = request(vec![event("Ruled", &[])]);
        change(&mut changed);
        log.append(changed).await.unwrap();
    }
}

pub async fn the_transcoder_is_asked_first<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings {
        transcoder: Some(Arc::new(|name, data| match data {
            [] => Err(format!("{name} can't be decoded")),
            data => Ok(data.len() * 100),
        })),
        ..Settings::default()
    });
    let of = |bytes| request(vec![with_data(1), with_data(bytes)]);
    log.append(of(MAX_JSON_BYTES / 100)).await.unwrap();
    assert_eq!(
        field_of_refusal(&*log, of(MAX_JSON_BYTES / 100 + 1)).await,
        "events[1].data"
    );
    match log.append(of(0)).await {
        Err(AppendError::InvalidArgument(violation)) => {
            assert_eq!(
                violation.to_string(),
                "events[1].data: keruen.test.v1.Sized can't be decoded"
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(log.head().await.unwrap().position, 2);
}

pub async fn queries_are_bounded<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    let query = |items: usize, tags: usize| Query {
        items: vec![
            QueryItem {
                types: Vec::new(),
                tags: vec!["a:1".to_owned(); tags]
            };
            items
        ],
    };
    for good in [query(MAX_QUERY_ITEMS, 1), query(64, 64)] {
        log.read(&good, Range::after(0), 1).await.unwrap();
        log.append(provided(request(vec![event("A", &[])]), good, 0))
            .await
            .unwrap();
    }
    for (field, bad) in [
        (".items", query(MAX_QUERY_ITEMS + 1, 1)),
        (".items[0].tags", query(1, 65)),
        ("", query(65, 64)),
        (".items[0].tags[0]", tagged("a:b")),
    ] {
        match log.read(&bad, Range::after(0), 1).await {
            Err(ReadError::InvalidArgument(violation)) => {
                assert_eq!(violation.field, format!("query{field}"));
            }
            other => panic!("{other:?}"),
        }
        let refused = provided(request(vec![event("A", &[])]), bad, 0);
        assert_eq!(
            field_of_refusal(&*log, refused).await,
            format!("condition.query{field}")
        );
    }
}
