//! Conditions: exact, also about events that are still pending.

use std::sync::Arc;

use keruen_log::{AppendError, Log, Query, QueryItem, matches, matches_event};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{Backend, Settings, all, event, provided, request, tagged};

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Append {
        events: Vec<(String, Vec<String>)>,
        condition: Option<(Query, u64)>,
    },
    Reopen,
}

pub fn some_events() -> impl Strategy<Value = Vec<(String, Vec<String>)>> {
    let tags = prop::collection::btree_set("[tu]:[A-C]", 0..4);
    let event = ("[AB]", tags).prop_map(|(name, tags)| (name, tags.into_iter().collect()));
    prop::collection::vec(event, 1..4)
}

pub fn some_query() -> impl Strategy<Value = Query> {
    let types = prop::collection::vec("keruen\\.test\\.v1\\.[A-C]", 0..3);
    let tags = prop::collection::vec("[tu]:[A-D]", 0..3);
    let item = (types, tags).prop_map(|(types, tags)| QueryItem { types, tags });
    prop::collection::vec(item, 0..3).prop_map(|items| Query { items })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let condition = prop::option::weighted(0.8, (some_query(), 0_u64..30));
    let append = (some_events(), condition)
        .prop_map(|(events, condition)| Step::Append { events, condition });
    prop::collection::vec(prop_oneof![12 => append, 1 => Just(Step::Reopen)], 1..25)
}

/// Whether each append is recorded or refused is what a scan of all earlier events says, whether the log knows those
/// events from memory or from its index.
pub async fn conditions_agree_with_a_model<B: Backend>() {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        let mut runner = TestRunner::new(Config {
            cases: 48,
            failure_persistence: None,
            ..Config::default()
        });
        runner
            .run(&steps(), |steps| {
                runtime.block_on(play::<B>(steps));
                Ok(())
            })
            .unwrap();
    });
}

async fn play<B: Backend>(steps: Vec<Step>) {
    let backend = B::new();
    let mut log = backend.open(Settings::default());
    let mut model: Vec<(String, Vec<String>)> = Vec::new();
    for step in steps {
        let Step::Append { events, condition } = step else {
            drop(log);
            log = backend.open(Settings::default());
            continue;
        };
        let proposed = events
            .iter()
            .map(|(name, tags)| event(name, &tags.iter().map(String::as_str).collect::<Vec<_>>()));
        let mut append = request(proposed.collect());
        let head = model.len() as u64;
        let mut conflicts = Vec::new();
        let mut after_position = 0;
        if let Some((query, after)) = condition {
            after_position = after.min(head);
            conflicts = (1..)
                .zip(&model)
                .filter(|(position, (name, tags))| {
                    *position > after_position && matches(&query, name, tags)
                })
                .map(|(position, _)| position)
                .collect();
            append = provided(append, query, after_position);
        }
        match log.append(append).await {
            Ok(appended) => {
                assert_eq!(conflicts, [0; 0]);
                assert_eq!(appended.first_position, head + 1);
                model.extend(
                    events
                        .into_iter()
                        .map(|(name, tags)| (format!("keruen.test.v1.{name}"), tags)),
                );
            }
            Err(AppendError::ConditionFailed {
                conflicting_position,
                after_position: after,
            }) => {
                assert!(conflicts.contains(&conflicting_position));
                assert_eq!(after, after_position);
            }
            Err(error) => panic!("{error}"),
        }
    }
    let stored: Vec<_> = all(&*log)
        .await
        .into_iter()
        .map(|event| (event.r#type, event.tags))
        .collect();
    assert_eq!(stored, model);
}

pub async fn one_of_many_creators_wins<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    for number in 0..20_u64 {
        let tag = format!("x:{number}");
        let answers = futures::future::join_all((0..16).map(|_| {
            log.append(provided(
                request(vec![event("Created", &[&tag])]),
                tagged(&tag),
                0,
            ))
        }))
        .await;
        let winner = answers
            .iter()
            .find_map(|answer| answer.as_ref().ok())
            .unwrap();
        assert_eq!(winner.first_position, number + 1);
        let expected = AppendError::ConditionFailed {
            conflicting_position: winner.first_position,
            after_position: 0,
        };
        let refusals: Vec<_> = answers
            .iter()
            .filter_map(|answer| answer.as_ref().err())
            .collect();
        assert_eq!(refusals, vec![&expected; 15]);
    }
}

/// Writers at shared boundaries: each event notes the position that it was decided at; nothing at its boundary lies
/// between, and each refusal names an event that does.
pub async fn optimistic_writers_never_overlook_each_other<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8_usize {
        let log = Arc::clone(&log);
        writers.spawn(async move { write_optimistically(&*log, writer).await });
    }
    let refusals: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    assert!(!refusals.is_empty(), "nobody was in anybody's way");

    let events = all(&*log).await;
    let at = |position: u64| &events[usize::try_from(position - 1).unwrap()];
    for (tag, conflicting_position, after_position) in refusals {
        assert!(conflicting_position > after_position);
        assert!(matches_event(&tagged(&tag), at(conflicting_position)));
    }
    for event in &events {
        let decided_at = u64::from_be_bytes(event.data[..].try_into().unwrap());
        for between in decided_at + 1..event.position {
            assert_ne!(
                at(between).tags,
                event.tags,
                "{between} was overlooked by {}",
                event.position
            );
        }
    }
}

async fn write_optimistically(log: &dyn Log, writer: usize) -> Vec<(String, u64, u64)> {
    let mut refusals = Vec::new();
    for round in 0..25_usize {
        let tag = format!("x:{}", (writer + round) % 3);
        loop {
            let decided_at = log.head().await.unwrap().position;
            let mut decided = event("Decided", &[&tag]);
            decided.data = decided_at.to_be_bytes().to_vec().into();
            match log
                .append(provided(request(vec![decided]), tagged(&tag), decided_at))
                .await
            {
                Ok(_) => break,
                Err(AppendError::ConditionFailed {
                    conflicting_position,
                    after_position,
                }) => {
                    refusals.push((tag.clone(), conflicting_position, after_position));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    refusals
}

pub async fn a_position_above_the_head_is_refused<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    let after = |position| provided(request(vec![event("A", &["x:1"])]), tagged("y:1"), position);
    log.append(after(0)).await.unwrap();
    log.append(after(1)).await.unwrap();
    for position in [3, u64::MAX] {
        match log.append(after(position)).await {
            Err(AppendError::InvalidArgument(violation)) => {
                assert_eq!(
                    violation.to_string(),
                    format!(
                        "condition.after_position: must not be above the head, 2, found {position}"
                    )
                );
            }
            other => panic!("{other:?}"),
        }
    }
}
