//! Views that follow a real log.

use std::{path::Path, sync::Arc, time::Duration};

use keruen_log::{AppendRequest, Log, ProposedEvent, SqliteLog, SqliteOptions};
use keruen_proto::{log::v1::RecordedEvent, stock::v1::TraceStep};
use prost::Message;

use super::{
    faulty::Faulty,
    history::{History, eventful},
};
use crate::{
    copies::Place,
    database::params,
    failure::Defect,
    refusal::Refusal,
    view,
    views::{Status, ViewOptions, Views},
};

/// Far longer than anything here takes; a test that hangs fails.
pub const PATIENCE: Duration = Duration::from_mins(1);

pub fn open_log(path: &Path) -> Arc<SqliteLog> {
    // A clock that stands after every history.
    let options = SqliteOptions {
        clock: Arc::new(|| 1_790_000_000_000_000),
        ..SqliteOptions::default()
    };
    Arc::new(SqliteLog::open(path, options).unwrap())
}

/// Appends events as they stand in a history, one append for each command.
pub async fn append(log: &dyn Log, events: &[RecordedEvent]) {
    for of_command in events.chunk_by(|one, other| one.command_id == other.command_id) {
        let events = of_command.iter().map(|event| ProposedEvent {
            r#type: event.r#type.clone(),
            tags: event.tags.clone(),
            data: event.data.clone(),
            occurred_at: event.occurred_at,
            ..ProposedEvent::default()
        });
        let mut command_id = of_command[0].command_id.clone();
        // A repeated id has no effect: what is left of a command that was cut is another one to the log.
        if let Some((_, index)) = of_command[0].event_id.split_once('/')
            && index != "0"
        {
            command_id.replace_range(..8, &format!("{index:0>8}"));
        }
        let request = AppendRequest {
            command_id,
            command_hash: vec![7; 32],
            actor: "tester".to_owned(),
            origin: "node".to_owned(),
            events: events.collect(),
            ..AppendRequest::default()
        };
        log.append(request).await.unwrap();
    }
}

/// One that a newer version has written.
pub fn unknown_event(history: &History) -> RecordedEvent {
    RecordedEvent {
        r#type: "keruen.future.v9.Teleported".to_owned(),
        tags: vec!["batch:B-1".to_owned()],
        data: vec![1, 2, 3].into(),
        command_id: "99999999-0000-4000-8000-000000000000".to_owned(),
        ..history.events[0].clone()
    }
}

pub async fn until(views: &Views, reached: impl FnMut(&Status) -> bool) -> Status {
    let mut status = views.watch_status();
    tokio::time::timeout(PATIENCE, status.wait_for(reached))
        .await
        .unwrap()
        .unwrap()
        .clone()
}

/// The sum of all units that ever entered the books, and the position that it reflects.
async fn received(views: &Arc<Views>) -> (i64, u64) {
    let sum = views.read(|rows| {
        let sum = rows
            .prepare_cached("SELECT CAST(COALESCE(SUM(received), 0) AS BIGINT) FROM stock")?
            .query_row(&[], |row| row.get(0))?;
        Ok::<i64, Refusal>(sum.unwrap())
    });
    sum.await.unwrap()
}

fn expected(history: &History, position: u64) -> i64 {
    let events = &history.decoded()[..usize::try_from(position).unwrap()];
    super::naive::stock(events)
        .values()
        .map(|sums| sums[4])
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn views_catch_up_follow_stop_and_go_on() {
    let history = eventful();
    let events = &history.events;
    let (first, second) = (events.len() / 3, events.len() / 3 * 2);
    let dir = tempfile::tempdir().unwrap();
    let log = open_log(&dir.path().join("keruen.db"));
    append(&*log, &events[..first]).await;

    let options = ViewOptions {
        batch_events: 50,
        ..ViewOptions::default()
    };
    let views = Views::in_folder(dir.path(), options.clone()).unwrap();
    assert!(!views.status().ready);
    let running = views.run(log.clone());
    until(&views, |status| status.position >= first as u64).await;

    // Every snapshot has the rows of its position, whatever happens meanwhile.
    let appending = {
        let (log, events) = (log.clone(), events[first..second].to_vec());
        tokio::spawn(async move { append(&*log, &events).await })
    };
    let mut moves = views.watch_status();
    while moves.borrow_and_update().position < second as u64 {
        let (sum, position) = received(&views).await;
        assert_eq!(sum, expected(&history, position), "at {position}");
        tokio::time::timeout(PATIENCE, moves.changed())
            .await
            .unwrap()
            .unwrap();
    }
    appending.await.unwrap();
    running.stop().await;

    append(&*log, &events[second..]).await;
    drop(views);
    let views = Views::in_folder(dir.path(), options).unwrap();
    let running = views.run(log.clone());
    until(&views, |status| status.position == events.len() as u64).await;
    assert_eq!(
        received(&views).await,
        (expected(&history, events.len() as u64), events.len() as u64)
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_of_another_log_are_built_anew() {
    let history = eventful();
    let dir = tempfile::tempdir().unwrap();
    let one = open_log(&dir.path().join("one.db"));
    append(&*one, &history.events[..100]).await;
    let views = Views::in_folder(dir.path(), ViewOptions::default()).unwrap();
    let running = views.run(one);
    until(&views, |status| status.position == 100).await;
    running.stop().await;

    // Shorter first, then longer than what the views know.
    for length in [40_usize, 200] {
        let other = open_log(&dir.path().join(format!("other-{length}.db")));
        append(&*other, &history.events[..length]).await;
        let running = views.run(other);
        until(&views, |status| status.position == length as u64).await;
        assert_eq!(
            received(&views).await,
            (expected(&history, length as u64), length as u64)
        );
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_put_back_to_an_older_state_is_noticed() {
    let history = eventful();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keruen.db");
    let log = open_log(&path);
    append(&*log, &history.events[..60]).await;
    drop(log);
    std::fs::copy(&path, dir.path().join("backup.db")).unwrap();
    let log = open_log(&path);
    append(&*log, &history.events[60..120]).await;
    let views = Views::in_folder(dir.path(), ViewOptions::default()).unwrap();
    let running = views.run(log.clone());
    until(&views, |status| status.position == 120).await;
    running.stop().await;
    drop((views, log));

    // The same log, the same number of events, but others.
    let restored = open_log(&dir.path().join("backup.db"));
    let mut others = history.events[60..120].to_vec();
    for event in &mut others {
        event.command_id = event.command_id.replace("00000000", "11111111");
    }
    append(&*restored, &others).await;
    let views = Views::in_folder(dir.path(), ViewOptions::default()).unwrap();
    let running = views.run(restored);
    until(&views, |status| status.ready && status.position == 120).await;
    let ids = commands_after(&views, 60).await;
    assert!(!ids.is_empty());
    assert!(ids.iter().all(|id| id.starts_with("11111111")), "{ids:?}");
    running.stop().await;
}

/// The ids of what happened after a position, as the view tells them.
async fn commands_after(views: &Arc<Views>, position: i64) -> Vec<String> {
    let ids = views.read(move |rows| {
        let mut statement = rows.prepare_cached("SELECT step FROM steps WHERE position > ?1")?;
        let steps = statement.query_map(params![position], |row| row.get::<Vec<u8>>(0))?;
        let steps = steps.iter().map(|step| TraceStep::decode(&**step));
        Ok::<_, Refusal>(steps.map(|step| step.unwrap().event_id).collect())
    });
    ids.await.unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_put_back_while_it_is_followed_is_noticed() {
    let history = eventful();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keruen.db");
    append(&*open_log(&path), &history.events[..100]).await;
    // Shorter than what the view knows, as long, and longer.
    for length in [110, 120, 150] {
        let copy = |name: &str| {
            let copy = dir.path().join(format!("{length}-{name}.db"));
            std::fs::copy(&path, &copy).unwrap();
            open_log(&copy)
        };
        let (lost, restored) = (copy("lost"), copy("restored"));
        append(&*lost, &history.events[100..120]).await;
        let mut others = history.events[100..length].to_vec();
        for event in &mut others {
            event.command_id = event.command_id.replace("00000000", "11111111");
        }
        append(&*restored, &others).await;

        let log = Faulty::new(lost);
        let options = ViewOptions {
            poll_interval: Duration::from_millis(50),
            ..ViewOptions::default()
        };
        let folder = dir.path().join(format!("views-{length}"));
        let views = Views::in_folder(folder, options).unwrap();
        let running = views.run(log.clone());
        until(&views, |status| status.position == 120).await;
        log.replace(restored);
        let noticed = async {
            loop {
                let ids = commands_after(&views, 100).await;
                let are_others = ids.iter().all(|id| id.starts_with("11111111"));
                if !ids.is_empty() && are_others && views.status().position == length as u64 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let noticed = tokio::time::timeout(PATIENCE, noticed).await;
        assert!(noticed.is_ok(), "{length}: {:?}", views.status());
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_newer_version_parks_the_views_where_they_stay_readable() {
    let history = eventful();
    let dir = tempfile::tempdir().unwrap();
    let log = open_log(&dir.path().join("keruen.db"));
    append(&*log, &history.events[..50]).await;
    append(&*log, &[unknown_event(&history)]).await;
    append(&*log, &history.events[50..60]).await;
    let views = Views::in_folder(dir.path(), ViewOptions::default()).unwrap();
    // The same again when it starts anew.
    for _ in 0..2 {
        let running = views.run(log.clone());
        let status = until(&views, |status| status.parked.is_some()).await;
        assert_eq!(status.position, 50);
        let parked = status.parked.unwrap();
        assert_eq!(parked.position, 51);
        assert_eq!(parked.r#type, "keruen.future.v9.Teleported");
        assert!(matches!(parked.defect, Defect::Undecodable(_)));
        assert_eq!(received(&views).await, (expected(&history, 50), 50));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn views_whose_files_are_damaged_inside_are_built_anew() {
    let history = eventful();
    let dir = tempfile::tempdir().unwrap();
    let log = open_log(&dir.path().join("keruen.db"));
    append(&*log, &history.events[..100]).await;
    let views = Views::in_folder(dir.path(), ViewOptions::default()).unwrap();
    let running = views.run(log.clone());
    for keeper in views.keepers() {
        let mut status = keeper.watch_status();
        status.wait_for(|it| it.position == 100).await.unwrap();
    }
    running.stop().await;
    drop(views);

    let place = Place::Folder(dir.path().to_owned());
    for view in view::ALL {
        let copy = place.copies(view).unwrap().answering.unwrap();
        let path = place.file(&copy).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        // The first pages stay, so that it opens, and says where it stands.
        bytes[3 * 4_096..].fill(0xa5);
        std::fs::write(&path, bytes).unwrap();
    }
    append(&*log, &history.events[100..120]).await;
    let views = Views::in_folder(dir.path(), ViewOptions::default()).unwrap();
    let running = views.run(log);
    for keeper in views.keepers() {
        let mut status = keeper.watch_status();
        let is_there = |it: &Status| it.position == 120 && it.failure.is_none();
        status.wait_for(is_there).await.unwrap();
    }
    assert_eq!(received(&views).await, (expected(&history, 120), 120));
    running.stop().await;
}
