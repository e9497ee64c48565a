//! Bounds and rules: each holds at its edge, and each refusal names its field.

use std::sync::Arc;

use keruen_log::{
    AppendError, AppendRequest, Log, ProposedEvent, Query, QueryItem, Range, ReadError,
    bounds::{MAX_APPEND_BYTES, MAX_DATA_BYTES, MAX_EVENT_TAGS, MAX_JSON_BYTES, MAX_QUERY_ITEMS},
};
use keruen_proto::log::v1::{AppendCondition, Correction, OccurredAt};
use prost::Message as _;

use super::{Backend, Settings, all, event, provided, request, tagged};

async fn field_of_refusal(log: &dyn Log, request: AppendRequest) -> String {
    match log.append(request).await {
        Err(AppendError::InvalidArgument(violation)) => violation.field,
        other => panic!("expected a violation, found {other:?}"),
    }
}

fn with_data(bytes: usize) -> ProposedEvent {
    ProposedEvent {
        data: vec![1; bytes],
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
        request.events[11].data = vec![1; filler];
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
