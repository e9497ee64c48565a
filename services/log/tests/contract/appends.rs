//! Appends: gapless, all or nothing, idempotent for ever.

use std::{collections::BTreeMap, sync::Arc};

use keruen_log::{AppendError, Head, Query, entry, tree::Tree};
use keruen_proto::log::v1::{Correction, CorrectionReason, TimePrecision};

use super::{
    Backend, SetClock, Settings, all, command_id, event, next_number, provided, request, tagged,
};

/// The root over the leaves of these events, each of which is checked on the way.
fn root_of(head: &Head, events: &[keruen_log::RecordedEvent]) -> [u8; 32] {
    let mut tree = Tree::default();
    for event in events {
        let leaf = entry::leaf_hash(&head.log_id, event).unwrap();
        assert_eq!(event.leaf_hash[..], leaf);
        tree.push(leaf, &mut Vec::new());
    }
    tree.root()
}

pub async fn positions_have_no_gaps_under_concurrency<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..32_usize {
        let log = Arc::clone(&log);
        clients.spawn(async move {
            let mut appends = Vec::new();
            for round in 0..20 {
                let number = (client + round) % 5 + 1;
                let request = request(vec![event("Counted", &["x:1"]); number]);
                let appended = log.append(request.clone()).await.unwrap();
                assert_eq!(
                    appended.last_position - appended.first_position + 1,
                    number as u64
                );
                appends.push((appended.first_position, request));
            }
            appends
        });
    }
    let appends: BTreeMap<_, _> = clients.join_all().await.into_iter().flatten().collect();

    let events = all(&*log).await;
    let mut at = 0;
    let mut recorded_at_us = 0;
    for (first_position, request) in appends {
        assert_eq!(first_position, at + 1, "appends lie side by side");
        for index in 0..request.events.len() {
            let event = &events[usize::try_from(at).unwrap()];
            at += 1;
            assert_eq!(event.position, at);
            assert_eq!(event.event_id, format!("{}/{index}", request.command_id));
            assert!(event.recorded_at_us >= recorded_at_us);
            recorded_at_us = event.recorded_at_us;
        }
    }
    assert_eq!(events.len() as u64, at);
    let head = log.head().await.unwrap();
    assert_eq!(head.position, at);
    assert_eq!(head.root_hash, root_of(&head, &events));
}

pub async fn a_repeated_command_gets_the_first_reply_for_ever<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    log.append(request(vec![event("Other", &[])]))
        .await
        .unwrap();
    let once = provided(
        request(vec![event("Once", &["x:1"]), event("Once", &[])]),
        tagged("x:1"),
        0,
    );
    let first = log.append(once.clone()).await.unwrap();
    let mut other_payload = once.clone();
    other_payload.command_hash[0] ^= 1;
    let mut log = log;
    for _ in 0..3 {
        // The condition would fail by now; it is not looked at.
        assert_eq!(log.append(once.clone()).await, Ok(first));
        assert_eq!(
            log.append(other_payload.clone()).await,
            Err(AppendError::CommandIdReused {
                command_id: once.command_id.clone(),
                first_position: first.first_position,
            })
        );
        assert_eq!(log.head().await.unwrap().position, 3);
        drop(log);
        log = backend.open(Settings::default());
    }
}

pub async fn duplicates_in_flight_join<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    for _ in 0..20 {
        let once = request(vec![event("Once", &[])]);
        let mut other_payload = once.clone();
        other_payload.command_hash[0] ^= 1;
        let before = log.head().await.unwrap().position;
        let answers = futures::future::join_all((0..16).map(|client| {
            let request = if client % 4 == 3 {
                &other_payload
            } else {
                &once
            };
            log.append(request.clone())
        }))
        .await;
        assert_eq!(log.head().await.unwrap().position, before + 1);
        let recorded: Vec<_> = answers.iter().filter(|answer| answer.is_ok()).collect();
        // Whichever payload came first has won, and all of its kind with it.
        assert!(matches!(recorded.len(), 4 | 12), "{answers:?}");
        for answer in answers {
            match answer {
                Ok(appended) => assert_eq!(appended.first_position, before + 1),
                Err(error) => assert!(
                    matches!(error, AppendError::CommandIdReused { .. }),
                    "{error}"
                ),
            }
        }
    }
}

pub async fn a_refusal_is_not_remembered<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    log.append(request(vec![event("First", &["x:1"])]))
        .await
        .unwrap();
    let refused = provided(request(vec![event("Second", &["x:1"])]), tagged("x:1"), 0);
    for _ in 0..2 {
        assert_eq!(
            log.append(refused.clone()).await,
            Err(AppendError::ConditionFailed {
                conflicting_position: 1,
                after_position: 0
            })
        );
        assert_eq!(log.find_command(&refused.command_id).await, Ok(None));
    }
    let decided_again = provided(refused, tagged("x:1"), 1);
    assert_eq!(log.append(decided_again).await.unwrap().first_position, 2);
}

pub async fn a_refused_append_leaves_nothing<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    log.append(request(vec![event("First", &["x:1"])]))
        .await
        .unwrap();
    let before = (log.head().await.unwrap(), all(&*log).await);

    let many = vec![event("Many", &["y:1"]); 1_000];
    log.append(provided(request(many), tagged("x:1"), 0))
        .await
        .unwrap_err();
    let mut last_is_bad = request(vec![event("Many", &["y:1"]); 10]);
    last_is_bad.events[9].tags[0] = "y".into();
    log.append(last_is_bad.clone()).await.unwrap_err();

    assert_eq!((log.head().await.unwrap(), all(&*log).await), before);
    assert_eq!(log.find_command(&last_is_bad.command_id).await, Ok(None));
    let page = log
        .read(&tagged("y:1"), keruen_log::Range::after(0), 10)
        .await
        .unwrap();
    assert_eq!(page.events, []);
}

pub async fn the_envelope_is_kept_as_it_was_sent<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    let first = command_id();
    let mut sent = event("Full", &["b:2", "a:1", "stock:F/a%20b", "a:1", "b:10"]);
    sent.region = "KZ-75".into();
    sent.other_region = "KZ-62".into();
    // Not UTF-8, with a zero, and with a field that no schema knows.
    sent.data = vec![0, 255, 0xc8, 0x3e, 1].into();
    sent.correlation_id = format!("{first}/0");
    sent.causation_id = format!("{first}/999");
    sent.correction = Some(Correction {
        corrects_event_id: format!("{first}/7"),
        reason: CorrectionReason::DidNotOccur.into(),
    });
    let mut request = request(vec![event("Empty", &[]), sent.clone()]);
    request.events[0].data.clear();
    request.events[0].occurred_at.as_mut().unwrap().precision = TimePrecision::Day.into();
    request.command_hash = (0..32).collect();
    log.append(request.clone()).await.unwrap();

    drop(log);
    let log = backend.open(Settings::default());
    let events = all(&*log).await;
    let stored = &events[1];
    assert_eq!(stored.tags, ["a:1", "b:10", "b:2", "stock:F/a%20b"]);
    assert_eq!(stored.r#type, sent.r#type);
    assert_eq!(stored.region, sent.region);
    assert_eq!(stored.other_region, sent.other_region);
    assert_eq!(stored.data, sent.data);
    assert_eq!(stored.occurred_at, sent.occurred_at);
    assert_eq!(stored.correlation_id, sent.correlation_id);
    assert_eq!(stored.causation_id, sent.causation_id);
    assert_eq!(stored.correction, sent.correction);
    assert_eq!(stored.command_id, request.command_id);
    assert_eq!(stored.command_hash, request.command_hash);
    assert_eq!(stored.actor, request.actor);
    assert_eq!(stored.origin, request.origin);
    assert_eq!(events[0].occurred_at, request.events[0].occurred_at);
    assert_eq!(events[0].correction, None);
    assert_eq!(events[0].data, [0_u8; 0][..]);
    let head = log.head().await.unwrap();
    assert_eq!(head.root_hash, root_of(&head, &events));
}

pub async fn times_never_run_backwards<B: Backend>() {
    const NOON_US: i64 = 1_600_000_000_000_000;
    let backend = B::new();
    let clock = SetClock::default();
    let settings = Settings {
        clock: Some(clock.clock()),
        ..Settings::default()
    };
    let mut log = backend.open(settings.clone());
    // When the log's clock shows, what is stated, and what is kept.
    let steps = [
        (NOON_US, NOON_US, (NOON_US, NOON_US, false)),
        (NOON_US - 5, NOON_US - 5, (NOON_US, NOON_US - 5, false)),
        (NOON_US - 5, NOON_US + 1, (NOON_US, NOON_US, true)),
        (NOON_US + 5, NOON_US + 3, (NOON_US + 5, NOON_US + 3, false)),
        (
            NOON_US + 5,
            i64::MIN / 1_000,
            (NOON_US + 5, i64::MIN / 1_000, false),
        ),
        (NOON_US + 6, NOON_US * 2, (NOON_US + 6, NOON_US + 6, true)),
        (0, 0, (NOON_US + 6, 0, false)),
    ];
    for (step, (now_us, stated_us, expected)) in steps.into_iter().enumerate() {
        clock.set(now_us);
        let mut sent = event("Timed", &[]);
        sent.occurred_at.as_mut().unwrap().time_us = stated_us;
        log.append(request(vec![sent])).await.unwrap();
        let stored = all(&*log).await.remove(step);
        let occurred_at = stored.occurred_at.unwrap();
        let kept = (
            stored.recorded_at_us,
            occurred_at.time_us,
            occurred_at.clamped,
        );
        assert_eq!(kept, expected, "step {step}");
        drop(log);
        log = backend.open(settings.clone());
    }
}

pub async fn an_append_past_its_deadline_is_dropped<B: Backend>() {
    let backend = B::new();
    let clock = SetClock::default();
    clock.set(1_000);
    let log = backend.open(Settings {
        clock: Some(clock.clock()),
        ..Settings::default()
    });
    let mut late = request(vec![event("Late", &[])]);
    late.deadline_us = 999;
    assert_eq!(
        log.append(late.clone()).await,
        Err(AppendError::DeadlineExceeded)
    );
    assert_eq!(log.head().await.unwrap().position, 0);
    late.deadline_us = 1_000;
    assert_eq!(log.append(late).await.unwrap().first_position, 1);
}

pub async fn the_log_goes_on_where_it_was_left<B: Backend>() {
    let backend = B::new();
    let mut log = backend.open(Settings::default());
    let log_id = log.head().await.unwrap().log_id;
    let empty_root = Tree::default().root();
    assert_eq!(
        log.head().await.unwrap(),
        Head {
            log_id,
            position: 0,
            root_hash: empty_root
        }
    );
    let mut position = 0;
    // Over the edges of the tiles.
    for events in [1, 254, 1, 1, 254, 1, 1, 700] {
        log.append(request(vec![event("Many", &["x:1"]); events]))
            .await
            .unwrap();
        position += events as u64;
        let before = log.head().await.unwrap();
        assert_eq!(before.position, position);
        drop(log);
        log = backend.open(Settings::default());
        assert_eq!(log.head().await.unwrap(), before);
        assert_eq!(*log.watch_head().borrow(), position);
    }
    let head = log.head().await.unwrap();
    assert_eq!(head.root_hash, root_of(&head, &all(&*log).await));
    assert_ne!(
        B::new()
            .open(Settings::default())
            .head()
            .await
            .unwrap()
            .log_id,
        log_id
    );
}

pub async fn a_command_can_be_looked_up<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    let tag = format!("x:{}", next_number());
    let mut appends = Vec::new();
    for events in 1..20 {
        let mut request = request(vec![event("Found", &[&tag]); events]);
        request.command_hash = vec![u8::try_from(events).unwrap(); 32];
        let appended = log.append(request.clone()).await.unwrap();
        appends.push((request, appended));
    }
    for (request, appended) in appends {
        let found = log
            .find_command(&request.command_id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.command_hash.to_vec(), request.command_hash);
        assert_eq!(found.appended, appended);
    }
    assert_eq!(log.find_command(&command_id()).await, Ok(None));
    log.find_command("no id").await.unwrap_err();
    assert!(
        log.read(&Query::default(), keruen_log::Range::after(0), 1)
            .await
            .is_ok()
    );
}
