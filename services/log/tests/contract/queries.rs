//! Reads by query.

use keruen_log::{
    Log, Query, Range, RecordedEvent,
    bounds::{MAX_DATA_BYTES, MAX_PAGE_BYTES},
    matches_event,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{
    Backend, Settings, all,
    conditions::{some_events, some_query},
    event, request,
};

/// Paging through any query over any range meets exactly the events that a filter over all events keeps.
pub async fn reads_agree_with_a_filter<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    let runtime = tokio::runtime::Handle::current();
    let config = || Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    };
    tokio::task::block_in_place(|| {
        TestRunner::new(config())
            .run(&some_events(), |events| {
                let events = events.iter().map(|(name, tags)| {
                    event(name, &tags.iter().map(String::as_str).collect::<Vec<_>>())
                });
                runtime
                    .block_on(log.append(request(events.collect())))
                    .unwrap();
                Ok(())
            })
            .unwrap();
        let events = runtime.block_on(all(&*log));
        let range = (0_u64..100, prop::option::of(0_u64..100));
        TestRunner::new(Config {
            cases: 200,
            ..config()
        })
        .run(
            &(some_query(), range, 1_usize..40),
            |(query, (after, up_to), limit)| {
                let range = Range {
                    after_position: after,
                    up_to_position: up_to,
                };
                let expected: Vec<_> = events
                    .iter()
                    .filter(|event| {
                        event.position > after && up_to.is_none_or(|up_to| event.position <= up_to)
                    })
                    .filter(|event| matches_event(&query, event))
                    .cloned()
                    .collect();
                let found = runtime.block_on(paged(&*log, &query, range, limit, events.len()));
                prop_assert_eq!(found, expected);
                Ok(())
            },
        )
        .unwrap();
    });
}

async fn paged(
    log: &dyn Log,
    query: &Query,
    mut range: Range,
    limit: usize,
    head: usize,
) -> Vec<RecordedEvent> {
    let mut events = Vec::new();
    loop {
        let page = log.read(query, range, limit).await.unwrap();
        assert!(page.events.len() <= limit);
        assert_eq!(page.head_position, head as u64);
        assert!(
            page.complete || page.events.len() == limit,
            "a page that is not full is the last"
        );
        range.after_position = page.reached_position(range);
        events.extend(page.events);
        if page.complete {
            return events;
        }
    }
}

pub async fn large_pages_go_on_and_end<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    for _ in 0..3 {
        let events = vec![event("Small", &["x:1"]); 700];
        log.append(request(events)).await.unwrap();
    }
    // Twice, since the first time tells how large events are.
    for limit in [10_000, 10_000, 1_001, 600] {
        let mut range = Range::after(0);
        let mut positions = Vec::new();
        loop {
            let page = log.read(&Query::default(), range, limit).await.unwrap();
            positions.extend(page.events.iter().map(|event| event.position));
            range.after_position = page.reached_position(range);
            if page.complete {
                break;
            }
            assert!(
                !page.events.is_empty(),
                "a page that is not the last goes on"
            );
        }
        assert!(positions.into_iter().eq(1..=2_100));
        let page = log.read(&Query::default(), range, limit).await.unwrap();
        assert_eq!((page.events.len(), page.complete), (0, true), "at the head");
        let until = Range::after(0).up_to(1_500);
        let page = log.read(&Query::default(), until, 10_000).await.unwrap();
        assert_eq!((page.events.len(), page.complete), (1_500, true));
    }
}

/// Full of few large events or of many small ones, each page goes on where the last one ended.
pub async fn pages_of_unequal_events_go_on<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    let mut count = 0;
    for size in [32 * 1024, 1, MAX_DATA_BYTES, 10, 900, 50_000] {
        for _ in 0..20 {
            let mut some = event("Some", &["x:1"]);
            some.data = vec![1; size].into();
            log.append(request(vec![some; 11])).await.unwrap();
            count += 11;
        }
    }
    for limit in [usize::MAX, 777, 95] {
        let mut range = Range::after(0);
        let mut positions = Vec::new();
        loop {
            let page = log.read(&Query::default(), range, limit).await.unwrap();
            positions.extend(page.events.iter().map(|event| event.position));
            range.after_position = page.reached_position(range);
            if page.complete {
                break;
            }
        }
        assert!(positions.into_iter().eq(1..=count));
    }
}

pub async fn pages_are_bounded<B: Backend>() {
    let backend = B::new();
    let log = backend.open(Settings::default());
    let mut large = event("Large", &["x:1"]);
    large.data = vec![1; MAX_DATA_BYTES].into();
    for _ in 0..6 {
        log.append(request(vec![large.clone(); 11])).await.unwrap();
    }
    for query in [Query::default(), super::tagged("x:1")] {
        let page = log.read(&query, Range::after(0), usize::MAX).await.unwrap();
        assert!(!page.complete);
        let room = MAX_PAGE_BYTES / MAX_DATA_BYTES;
        assert!(
            (room - 2..=room).contains(&page.events.len()),
            "{}",
            page.events.len()
        );
        // A page that the limit fills exactly says whether there is more.
        assert!(
            log.read(&query, Range::after(60), 6)
                .await
                .unwrap()
                .complete
        );
        assert!(
            !log.read(&query, Range::after(60), 5)
                .await
                .unwrap()
                .complete
        );
        // Above the head there is nothing yet.
        let page = log.read(&query, Range::after(67), 5).await.unwrap();
        assert_eq!(
            (page.events.len(), page.head_position, page.complete),
            (0, 66, true)
        );
        let page = log.read(&query, Range::after(u64::MAX), 0).await.unwrap();
        assert!(page.complete && page.events.is_empty());
        assert_eq!(
            log.read(&query, Range::after(0), 0)
                .await
                .unwrap()
                .events
                .len(),
            1
        );
    }
}
