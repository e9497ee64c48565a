//! Reading the log once for several views.

use std::{sync::Arc, time::Duration};

use keruen_log::{AppendRequest, Log, ProposedEvent};
use keruen_proto::log::v1::{OccurredAt, TimePrecision};
use tokio::runtime::{Handle, Runtime};

use super::following::open_log;
use crate::reading::{Page, Pages, Readings};

const EVENTS: u64 = 30_000;

async fn fill(log: &dyn Log) {
    let appends = 30;
    for append in 0..appends {
        let event = ProposedEvent {
            r#type: "keruen.inventory.v1.BatchHeld".to_owned(),
            tags: vec!["batch:B-1".to_owned()],
            occurred_at: Some(OccurredAt {
                time_us: 1_780_000_000_000_000,
                precision: TimePrecision::Second.into(),
                ..OccurredAt::default()
            }),
            ..ProposedEvent::default()
        };
        let request = AppendRequest {
            command_id: format!("{append:08}-0000-4000-8000-000000000000"),
            command_hash: vec![7; 32],
            actor: "tester".to_owned(),
            origin: "node".to_owned(),
            events: vec![event; usize::try_from(EVENTS / appends).unwrap()],
            ..AppendRequest::default()
        };
        log.append(request).await.unwrap();
    }
    assert_eq!(log.head().await.unwrap().position, EVENTS);
}

/// Takes pages until `last`, and finds every event after `after` once and in order.
fn take(mut pages: Pages, after: u64, last: u64, pause: Duration) -> Vec<Arc<Page>> {
    let mut position = after;
    let mut taken = Vec::new();
    while position < last {
        let page = pages.blocking_recv().unwrap().unwrap();
        assert_eq!(page.events().len(), page.recorded().len());
        for event in page.recorded() {
            position += 1;
            assert_eq!(event.position, position);
        }
        taken.push(page);
        std::thread::sleep(pause);
    }
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn all_takers_get_every_event_whenever_they_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let log: Arc<dyn Log> = open_log(&dir.path().join("keruen.db"));
    fill(&*log).await;
    let readings = Arc::new(Readings::default());
    let begin = |after: u64, last: u64, pause_ms: u64| {
        let (readings, log) = (readings.clone(), log.clone());
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            let pages = readings.pages(&runtime, &log, after, last);
            take(pages, after, last, Duration::from_millis(pause_ms))
        })
    };
    let whole = begin(0, EVENTS, 1).await.unwrap();
    assert!(whole.len() > 4);

    // Together: a slow one, one that stops early, and one that never takes what it asked for.
    let first = readings.pages(&Handle::current(), &log, 0, EVENTS);
    let second = readings.pages(&Handle::current(), &log, 0, EVENTS);
    let idle = readings.pages(&Handle::current(), &log, 0, EVENTS);
    let slow = begin(0, EVENTS, 5);
    let early = begin(0, EVENTS / 3, 0);
    let waiting = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(100));
        drop(idle);
    });
    let both = [first, second]
        .map(|pages| tokio::task::spawn_blocking(move || take(pages, 0, EVENTS, Duration::ZERO)));
    let [first, second] = both;
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(
        first
            .iter()
            .zip(&second)
            .all(|(one, other)| Arc::ptr_eq(one, other))
    );
    assert_eq!(first.len(), second.len());
    slow.await.unwrap();
    early.await.unwrap();
    waiting.await.unwrap();

    // One that is broken off keeps nobody waiting, and nobody joins it.
    let other = Runtime::new().unwrap();
    let mut broken = readings.pages(other.handle(), &log, 0, EVENTS);
    broken.recv().await.unwrap().unwrap();
    other.shutdown_background();
    while broken.recv().await.is_some() {}
    begin(0, EVENTS, 0).await.unwrap();

    // From elsewhere, and where there is nothing more.
    begin(EVENTS / 2 + 7, EVENTS, 0).await.unwrap();
    assert!(begin(EVENTS - 1, EVENTS + 9, 0).await.is_err());
    let mut over = readings.pages(&Handle::current(), &log, EVENTS, EVENTS);
    assert!(over.recv().await.is_none());
}
