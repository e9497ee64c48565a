//! Events that a view can't take in: the same one stops it live and while it is built, and stops no other view.

use std::{sync::Arc, time::Duration};

use keruen_proto::log::v1::RecordedEvent;

use super::{
    following::{append, open_log, unknown_event, until},
    history::{History, eventful},
    places::places,
    stores::{answering, dump, open},
};
use crate::{
    copies::Place,
    view::{self, CURRENT, HISTORY, View},
    views::{Parked, Status, ViewOptions, Views},
};

/// What comes before the event that nobody can take in.
const KNOWN: usize = 50;

fn options() -> ViewOptions {
    ViewOptions {
        batch_events: 20,
        poll_interval: Duration::from_millis(200),
        ..ViewOptions::default()
    }
}

fn events(history: &History) -> Vec<RecordedEvent> {
    let (before, after) = history.events.split_at(KNOWN);
    let unknown = [unknown_event(history)];
    [before, &unknown[..], &after[..10]].concat()
}

/// Waits until each view is parked and none is being built; what each can't pass, and which copy answers.
async fn parked(views: &Arc<Views>, place: &Place) -> Vec<(Parked, String)> {
    let mut found = Vec::new();
    for (view, (_, mut status)) in view::ALL.into_iter().zip(views.watch()) {
        let is_still = |status: &Status| status.parked.is_some() && status.rebuild.is_none();
        let waited = tokio::time::timeout(Duration::from_mins(1), status.wait_for(is_still));
        let status = waited.await.unwrap().unwrap().clone();
        assert_eq!(status.position, KNOWN as u64);
        let place = place.clone();
        let copy = tokio::task::spawn_blocking(move || format!("{:?}", answering(&place, view)));
        found.push((status.parked.unwrap(), copy.await.unwrap()));
    }
    found
}

/// Everything that stands in a view.
async fn rows(place: &Place, view: &'static View) -> Vec<String> {
    let place = place.clone();
    let read = tokio::task::spawn_blocking(move || {
        let copy = answering(&place, view);
        dump(
            &place.open_reader(&copy, Duration::from_mins(1)).unwrap(),
            view,
        )
    });
    read.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_ends_before_the_same_event_with_the_same_rows() {
    let history = eventful();
    let dir = tempfile::tempdir().unwrap();
    for (number, (place, _database)) in places(dir.path()).into_iter().enumerate() {
        let log = open_log(&dir.path().join(format!("{number}.db")));
        append(&*log, &events(&history)).await;
        let views = Views::at(&place, options());
        let running = views.run(log.clone());
        let live = parked(&views, &place).await;
        let before = [rows(&place, &CURRENT).await, rows(&place, &HISTORY).await];
        assert_eq!(views.rebuild(None).unwrap(), ["current", "history"]);
        // From here on nobody takes the old standing for that of the new rows.
        let built = parked(&views, &place).await;
        for ((live, old_copy), (built, new_copy)) in live.iter().zip(&built) {
            assert_eq!(live.position, KNOWN as u64 + 1);
            assert_eq!(live, built);
            assert_ne!(old_copy, new_copy);
        }
        let after = [rows(&place, &CURRENT).await, rows(&place, &HISTORY).await];
        assert!(before == after);
        running.stop().await;
    }
}

/// Fills the view `history`, so that it can't count what comes next.
async fn fill(place: &Place) {
    let place = place.clone();
    let fill = move || {
        let mut writer = open(&place, &HISTORY);
        let most = i64::MAX;
        let fill = format!("UPDATE pairs SET received = {most}, on_hand = {most}");
        writer.connection().execute_batch(&fill).unwrap();
    };
    tokio::task::spawn_blocking(fill).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_view_is_parked_and_the_other_goes_on() {
    let history = eventful();
    let head = history.events.len() as u64;
    let dir = tempfile::tempdir().unwrap();
    let place = Place::Folder(dir.path().to_owned());
    let log = open_log(&dir.path().join("keruen.db"));
    append(&*log, &history.events[..KNOWN]).await;
    let views = Views::at(&place, options());
    let running = views.run(log.clone());
    for (_, mut status) in views.watch() {
        let known = KNOWN as u64;
        status.wait_for(|it| it.position == known).await.unwrap();
    }
    running.stop().await;
    fill(&place).await;
    append(&*log, &history.events[KNOWN..]).await;
    let running = views.run(log.clone());
    let status = until(&views, |status| status.position == head).await;
    assert_eq!((status.parked, status.failure), (None, None));
    let mut status = views.history().watch_status();
    let status = status.wait_for(|it| it.parked.is_some()).await.unwrap();
    let parked = status.parked.as_ref().unwrap();
    assert!((KNOWN as u64..head).contains(&parked.position), "{parked}");
    assert_eq!(status.position, parked.position - 1);
    drop(status);
    running.stop().await;
}
