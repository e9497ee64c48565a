//! Wake-ups and following.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use keruen_log::{FollowOptions, Query, follow, matches_event};

use super::{Backend, Settings, all, event, request, tagged};

pub async fn followers_see_everything_once<B: Backend>() {
    const APPENDS: u64 = 200;
    let backend = B::new();
    let log = backend.open(Settings::default());
    let append = |number: u64| request(vec![event("Followed", &[&format!("x:{}", number % 3)]); 2]);
    for number in 0..APPENDS / 4 {
        log.append(append(number)).await.unwrap();
    }
    // Without wake-ups this would take longer than anybody waits.
    let options = FollowOptions {
        batch_events: 7,
        poll_interval: Duration::from_hours(1),
    };
    let mut followers = tokio::task::JoinSet::new();
    for query in [
        Query::default(),
        tagged("x:0"),
        tagged("x:1"),
        tagged("y:1"),
    ] {
        let log = Arc::clone(&log);
        followers.spawn(async move {
            let mut events = Vec::new();
            let mut position = 0;
            let mut batches = std::pin::pin!(follow(log, query.clone(), 0, options));
            while position < APPENDS * 2 {
                let batch = batches.next().await.unwrap().unwrap();
                assert!(batch.position > position && batch.position <= batch.head_position);
                assert!(batch.events.iter().all(|event| event.position > position));
                position = batch.position;
                assert!(batch.events.iter().all(|event| event.position <= position));
                events.extend(batch.events);
            }
            (query, events)
        });
    }
    for number in APPENDS / 4..APPENDS {
        log.append(append(number)).await.unwrap();
    }
    let stored = all(&*log).await;
    for (query, events) in followers.join_all().await {
        let expected = stored
            .iter()
            .filter(|event| matches_event(&query, event))
            .cloned();
        assert_eq!(events, expected.collect::<Vec<_>>());
    }
}

pub async fn the_head_is_announced_after_the_commit<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    let mut head = log.watch_head();
    assert_eq!(*head.borrow_and_update(), 0);
    for position in 1..=20 {
        let appended = log
            .append(request(vec![event("Announced", &[])]))
            .await
            .unwrap();
        assert_eq!(appended.last_position, position);
        if B::ONE_PROCESS {
            // The answer never leaves before the head is announced.
            assert!(head.has_changed().unwrap());
        } else {
            head.changed().await.unwrap();
        }
        // What is announced can be read.
        assert_eq!(*head.borrow_and_update(), position);
        assert_eq!(all(&*log).await.len() as u64, position);
        assert_eq!(log.head().await.unwrap().position, position);
    }
    // The first batch comes at once, with events or without.
    for (query, after_position, events) in [(tagged("z:1"), 20, 0), (Query::default(), 19, 1)] {
        let batches = follow(
            Arc::clone(&log),
            query,
            after_position,
            FollowOptions::default(),
        );
        let first = std::pin::pin!(batches).next().await.unwrap().unwrap();
        assert_eq!((first.events.len(), first.position), (events, 20));
    }
}
