//! Rows that can't take in what comes next: others are built in their place, and they answer until then.

use std::{sync::Arc, time::Duration};

use keruen_log::SqliteLog;

use super::{
    following::{append, open_log, until},
    history::{History, eventful},
    places::{expected, places, rows},
    stores::open,
};
use crate::{
    copies::Place,
    refusal::Refusal,
    view::CURRENT,
    views::{Status, ViewOptions, Views},
};

fn options() -> ViewOptions {
    ViewOptions {
        poll_interval: Duration::from_millis(200),
        ..ViewOptions::default()
    }
}

/// Runs statements on the rows that answer, in the order of [`places`]: those of SQLite, or those of PostgreSQL.
async fn spoil(place: &Place, number: usize, sql: [String; 2]) {
    let (place, sql) = (place.clone(), sql[number].clone());
    let spoil = move || {
        let mut writer = open(&place, &CURRENT);
        writer.connection().execute_batch(&sql).unwrap();
    };
    tokio::task::spawn_blocking(spoil).await.unwrap();
}

/// Makes the rows refuse to be moved, whatever comes next.
fn refuse() -> [String; 2] {
    [
        "CREATE TRIGGER nope BEFORE UPDATE ON checkpoint BEGIN SELECT RAISE(ABORT, 'nope'); END",
        "ALTER TABLE checkpoint ADD CONSTRAINT nope CHECK (false) NOT VALID",
    ]
    .map(str::to_owned)
}

/// Overwrites each thing that is stored with what is none.
fn damage() -> [String; 2] {
    ["x'0a0b4e4545ff'", r"'\x0a0b4e4545ff'"].map(|bytes| {
        let tables = CURRENT.tables().iter();
        let stored = tables.filter(|table| table.columns.contains(&"resource"));
        let damage = stored.map(|it| format!("UPDATE {} SET resource = {bytes};", it.name));
        damage.collect()
    })
}

/// A view that stands in the middle of a history, whose rows have been spoilt, with what comes next in its log.
async fn spoilt(
    place: &Place,
    number: usize,
    sql: [String; 2],
    log: &Arc<SqliteLog>,
    history: &History,
) -> Arc<Views> {
    let half = history.events.len() / 2;
    append(&**log, &history.events[..half]).await;
    let views = Views::at(place, options());
    let running = views.run(log.clone());
    until(&views, |status| status.position == half as u64).await;
    running.stop().await;
    spoil(place, number, sql).await;
    append(&**log, &history.events[half..]).await;
    Views::at(place, options())
}

/// Waits until the rows are those of the whole log; until then the old ones answer.
async fn until_built(views: &Arc<Views>, place: &Place, log: &SqliteLog, history: &History) {
    let (half, all) = (history.events.len() / 2, history.events.len());
    let mut status = views.watch_status();
    let is_built =
        |it: &Status| it.position == all as u64 && it.failure.is_none() && it.rebuild.is_none();
    let built = async {
        while !is_built(&status.borrow_and_update()) {
            let ((), position) = views.read(|_| Ok::<_, Refusal>(())).await.unwrap();
            assert!((half as u64..=all as u64).contains(&position));
            let _ = tokio::time::timeout(Duration::from_millis(20), status.changed()).await;
        }
    };
    let built = tokio::time::timeout(Duration::from_mins(1), built).await;
    assert!(built.is_ok(), "{:?}", views.status());
    assert_eq!(rows(place).await, expected(history, all, log).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_is_asked_for_helps_rows_that_refuse_to_be_written() {
    let history = eventful();
    let dir = tempfile::tempdir().unwrap();
    for (number, (place, _database)) in places(dir.path()).into_iter().enumerate() {
        let log = open_log(&dir.path().join(format!("{number}.db")));
        let views = spoilt(&place, number, refuse(), &log, &history).await;
        let running = views.run(log.clone());
        let status = until(&views, |status| status.failure.is_some()).await;
        assert!(status.failure.unwrap().contains("nope"));
        assert_eq!(status.position, history.events.len() as u64 / 2);
        assert_eq!(status.rebuild, None);
        views.rebuild(Some("current")).unwrap();
        until_built(&views, &place, &log, &history).await;
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_contradict_themselves_are_built_anew_by_themselves() {
    let history = eventful();
    let dir = tempfile::tempdir().unwrap();
    for (number, (place, _database)) in places(dir.path()).into_iter().enumerate() {
        let log = open_log(&dir.path().join(format!("{number}.db")));
        let views = spoilt(&place, number, damage(), &log, &history).await;
        let running = views.run(log.clone());
        let status = until(&views, |status| status.failure.is_some()).await;
        assert!(status.failure.unwrap().contains("can't be decoded"));
        until_built(&views, &place, &log, &history).await;
        running.stop().await;
    }
}
