//! Keeping views on each database: built, followed, built anew, handed over.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use keruen_log::{Log, Query, Range, SqliteLog};
use keruen_proto::{
    log::v1::RecordedEvent,
    projections::v1::{
        ListProjectionsRequest, ProjectionState, projection_service_server::ProjectionService as _,
    },
};
use keruen_test_servers::postgres::{Database, Server};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tonic::Request;
use tonic_types::StatusExt as _;

use super::{
    faulty::{Faulty, Mood},
    following::{PATIENCE, append, open_log, unknown_event, until},
    history::{History, eventful},
    stores::{answering, dump, open},
};
use crate::{
    administration::ProjectionEndpoint,
    copies::Place,
    database::Address,
    failure::StoreError,
    refusal::Refusal,
    view::{CURRENT, View},
    views::{Status, ViewOptions, Views},
};

fn options() -> ViewOptions {
    ViewOptions {
        batch_events: 50,
        poll_interval: Duration::from_millis(200),
        ..ViewOptions::default()
    }
}

/// Everything that stands in the copy that answers.
pub async fn rows(place: &Place) -> Vec<String> {
    let place = place.clone();
    let read = tokio::task::spawn_blocking(move || {
        let copy = answering(&place, &CURRENT);
        let reader = place.open_reader(&copy, Duration::from_mins(1)).unwrap();
        dump(&reader, &CURRENT)
    });
    read.await.unwrap()
}

/// The rows that a history leads to, folded at once.
pub async fn expected(history: &History, length: usize, log: &dyn Log) -> Vec<String> {
    let range = Range::default().up_to(length as u64);
    let mut events: Vec<RecordedEvent> = Vec::new();
    while events.len() < length {
        let after = Range {
            after_position: events.len() as u64,
            ..range
        };
        let page = log.read(&Query::default(), after, 500).await;
        events.extend(page.unwrap().events);
    }
    assert_eq!(events[0].r#type, history.events[0].r#type);
    let built = tokio::task::spawn_blocking(move || {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = open(&Place::Folder(dir.path().to_owned()), &CURRENT);
        assert_eq!(writer.apply(&events).unwrap().defect, None);
        dump(writer.connection(), &CURRENT)
    });
    built.await.unwrap()
}

/// A place on each database, and what must live as long.
pub fn places(dir: &Path) -> Vec<(Place, Option<Database>)> {
    let database = Database::new();
    let server = Place::Server(Box::new(Address::parse(database.url()).unwrap()));
    vec![
        (Place::Folder(dir.join("views")), None),
        (server, Some(database)),
    ]
}

async fn log_with(dir: &Path, name: &str, events: &[RecordedEvent]) -> Arc<SqliteLog> {
    let log = open_log(&dir.join(name));
    append(&*log, events).await;
    log
}

#[tokio::test(flavor = "multi_thread")]
async fn views_follow_stop_go_on_and_are_built_anew_on_both_databases() {
    let history = eventful();
    let (half, all) = (history.events.len() / 2, history.events.len());
    let dir = tempfile::tempdir().unwrap();
    for (number, (place, _database)) in places(dir.path()).into_iter().enumerate() {
        let log = log_with(dir.path(), &format!("{number}.db"), &history.events[..half]).await;
        let views = Views::at(&place, options());
        let running = views.run(log.clone());
        until(&views, |status| status.position == half as u64).await;
        assert_eq!(rows(&place).await, expected(&history, half, &*log).await);
        running.stop().await;

        // It goes on where it was, and is built anew while it is followed and read.
        let views = Views::at(&place, options());
        let running = views.run(log.clone());
        // A server may take a moment to see that whoever kept it before is gone.
        until(&views, |status| status.ready && !status.is_kept_elsewhere).await;
        let before = place_copy(&place).await;
        assert_eq!(views.rebuild(Some("current")).unwrap(), ["current"]);
        append(&*log, &history.events[half..]).await;
        let position = AtomicU64::new(0);
        for _ in 0..400 {
            let ((), seen) = views.read(|_| Ok::<_, Refusal>(())).await.unwrap();
            // What answers never goes back, also as one copy takes the place of another.
            let last = position.fetch_max(seen, Ordering::Relaxed);
            assert!(last <= seen, "{seen} after {last}");
            if place_copy(&place).await != before && seen == all as u64 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        until(&views, |status| status.position == all as u64).await;
        assert_ne!(place_copy(&place).await, before);
        let (found, wanted) = (rows(&place).await, expected(&history, all, &*log).await);
        let differ: Vec<_> = (found.iter().filter(|row| !wanted.contains(row)))
            .chain(wanted.iter().filter(|row| !found.contains(row)))
            .collect();
        assert!(differ.is_empty(), "{differ:#?}");
        assert!(views.rebuild(Some("nothing")).is_err());
        running.stop().await;
    }
}

async fn place_copy(place: &Place) -> String {
    let place = place.clone();
    let name = tokio::task::spawn_blocking(move || format!("{:?}", answering(&place, &CURRENT)));
    name.await.unwrap()
}

/// The same view as a former program had it.
fn former(version: u32) -> &'static View {
    Box::leak(Box::new(CURRENT.in_version(version)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_view_is_built_at_start_and_the_old_one_answers_until_then() {
    let history = eventful();
    let length = history.events.len();
    let dir = tempfile::tempdir().unwrap();
    for (number, (place, _database)) in places(dir.path()).into_iter().enumerate() {
        let log = log_with(dir.path(), &format!("{number}.db"), &history.events).await;
        let (at, old) = (place.clone(), former(CURRENT.version - 1));
        let log_id = log.head().await.unwrap().log_id;
        let events = history.events[..40].to_vec();
        tokio::task::spawn_blocking(move || {
            let mut writer = open(&at, old);
            writer.start_over(&log_id).unwrap();
            writer.apply(&events).unwrap();
        })
        .await
        .unwrap();
        let views = Views::at(&place, options());
        let mut versions = Vec::new();
        let running = views.run(log.clone());
        let mut status = views.watch_status();
        loop {
            let now = status.borrow_and_update().clone();
            if now.ready && versions.last() != Some(&now.version) {
                versions.push(now.version);
            }
            if now.version == CURRENT.version && now.position == length as u64 {
                break;
            }
            status.changed().await.unwrap();
        }
        assert_eq!(versions.last(), Some(&CURRENT.version));
        assert!(versions.len() <= 2, "{versions:?}");
        assert_eq!(rows(&place).await, expected(&history, length, &*log).await);
        running.stop().await;
    }
}

/// Two processes on one database: one writes, both answer, and the other takes over.
#[tokio::test(flavor = "multi_thread")]
async fn one_node_writes_and_another_takes_over() {
    let history = eventful();
    let (half, all) = (history.events.len() / 2, history.events.len());
    let dir = tempfile::tempdir().unwrap();
    let log = log_with(dir.path(), "log.db", &history.events[..half]).await;
    let database = Database::new();
    let place = Place::Server(Box::new(Address::parse(database.url()).unwrap()));
    let named = |node: &str| {
        let node = node.to_owned();
        Views::at(&place, ViewOptions { node, ..options() })
    };
    let (one, other) = (named("almaty"), named("astana"));
    // Of all views, those are built anew that are kept here.
    one.history().update(|status| {
        status.is_kept_elsewhere = true;
        true
    });
    assert_eq!(one.rebuild(None).unwrap(), ["current"]);
    let writing = one.run(log.clone());
    until(&one, |status| status.position == half as u64).await;
    let reading = other.run(log.clone());
    let status = until(&other, |status| status.position == half as u64).await;
    assert!(status.is_kept_elsewhere);
    let refused = other.rebuild(Some("current")).unwrap_err();
    assert!(refused.to_string().contains("\"almaty\""), "{refused}");
    writing.stop().await;
    append(&*log, &history.events[half..]).await;
    let status = until(&other, |status| {
        status.position == all as u64 && !status.is_kept_elsewhere
    })
    .await;
    assert!(status.ready);
    assert_eq!(rows(&place).await, expected(&history, all, &*log).await);
    reading.stop().await;
}

/// A user who may make schemas, but not read those that another one's nodes keep: it leaves them alone, whoever runs.
#[tokio::test(flavor = "multi_thread")]
async fn views_of_another_user_are_left_alone() {
    let history = eventful();
    let (half, all) = (history.events.len() / 2, history.events.len());
    let dir = tempfile::tempdir().unwrap();
    let log = log_with(dir.path(), "log.db", &history.events[..half]).await;
    let database = Database::new();
    let name = database.name();
    let [owner, stranger] = ["owner", "stranger"].map(|role| format!("{role}_of_{name}"));
    let execute = |sql: String| tokio::task::block_in_place(|| database.execute(&sql));
    execute(format!(
        "CREATE ROLE {owner} LOGIN; CREATE ROLE {stranger} LOGIN; \
         GRANT CREATE ON DATABASE \"{name}\" TO {owner}, {stranger}"
    ));
    let [kept, foreign] = [&owner, &stranger]
        .map(|user| Place::Server(Box::new(Address::parse(&database.url_of(user)).unwrap())));
    let other = Views::at(&foreign, options());
    let (mut running, mut recorded) = (None, half);
    for position in [half, all] {
        append(&*log, &history.events[recorded..position]).await;
        recorded = position;
        let views = Views::at(&kept, options());
        let writing = views.run(log.clone());
        until(&views, |status| status.position == position as u64).await;
        running.get_or_insert_with(|| other.run(log.clone()));
        let told = until(&other, |status| status.failure.is_some()).await;
        let told = told.failure.unwrap();
        assert!(told.contains(&format!("belong to {owner}")), "{told}");
        let refused = Views::in_database(&database.url_of(&stranger), options()).await;
        assert!(matches!(refused, Err(StoreError::Foreign { .. })));
        writing.stop().await;
        // Nobody writes them now, and it does not either.
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(!other.status().ready);
    }
    assert!(rows(&kept).await == expected(&history, all, &*log).await);
    if let Some(running) = running {
        running.stop().await;
    }
    execute(format!(
        "DROP OWNED BY {owner}, {stranger} CASCADE; DROP ROLE {owner}, {stranger}"
    ));
}

/// While the server is away the view says so, and goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_is_waited_for() {
    let history = eventful();
    let (half, all) = (history.events.len() / 2, history.events.len());
    let dir = tempfile::tempdir().unwrap();
    let log = log_with(dir.path(), "log.db", &history.events[..half]).await;
    let (mut server, url, database) = tokio::task::spawn_blocking(|| {
        let server = Server::start();
        let database = server.database();
        (server, database.url().to_owned(), database)
    })
    .await
    .unwrap();
    let place = Place::Server(Box::new(Address::parse(&url).unwrap()));
    let views = Views::at(&place, options());
    let running = views.run(log.clone());
    until(&views, |status| status.position == half as u64).await;
    let mut server = tokio::task::spawn_blocking(move || {
        server.kill();
        server
    })
    .await
    .unwrap();
    append(&*log, &history.events[half..]).await;
    let status = until(&views, |status| status.failure.is_some()).await;
    assert!(status.position < all as u64);
    // Whoever asks learns how far behind it is, and gets no answer that would hide it.
    let listing = ProjectionEndpoint::new(views.clone(), log.clone());
    let listed = listing.list_projections(Request::new(ListProjectionsRequest {}));
    let current = listed.await.unwrap().into_inner().projections.remove(0);
    assert_eq!(current.state(), ProjectionState::Failing);
    assert!(!current.failure.is_empty());
    let stands = (current.position, current.head_position, current.lag_events);
    assert_eq!(stands, (half as u64, all as u64, (all - half) as u64));
    let asked = || views.read(|_| Ok::<_, Refusal>(()));
    let refused = tonic::Status::from(asked().await.unwrap_err());
    let info = refused.get_error_details().error_info().cloned().unwrap();
    assert_eq!(info.reason, "STORE_UNAVAILABLE", "{refused}");
    assert!(refused.message().contains("PostgreSQL does not answer"));
    // Nobody can tell how far behind it is, where the log is away too.
    let faulty = Faulty::new(log.clone());
    faulty.others.mood.send_replace(Mood::Fails);
    let listed = ProjectionEndpoint::new(views.clone(), faulty);
    let listed = listed.list_projections(Request::new(ListProjectionsRequest {}));
    let current = listed.await.unwrap().into_inner().projections.remove(0);
    assert_eq!((current.lag_events, current.head_unknown), (0, true));
    let server = tokio::task::spawn_blocking(move || {
        server.restart();
        server
    })
    .await
    .unwrap();
    until(&views, |status| {
        status.position == all as u64 && status.failure.is_none()
    })
    .await;
    assert_eq!(rows(&place).await, expected(&history, all, &*log).await);
    // What was refused is answered again, from connections of the new server.
    assert_eq!(asked().await.unwrap().1, all as u64);
    let listed = listing.list_projections(Request::new(ListProjectionsRequest {}));
    let current = listed.await.unwrap().into_inner().projections.remove(0);
    assert_eq!(current.state(), ProjectionState::Following);
    assert_eq!((current.lag_events, current.failure.as_str()), (0, ""));
    assert!(!current.head_unknown);
    running.stop().await;
    drop((database, server));
}

/// Whatever fails meanwhile, one thread at a time builds, and the copy becomes the one that answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_outlasts_failures_and_is_never_done_twice() {
    let history = eventful();
    let (half, all) = (history.events.len() / 2, history.events.len());
    let dir = tempfile::tempdir().unwrap();
    for (number, (place, _database)) in places(dir.path()).into_iter().enumerate() {
        let log = log_with(dir.path(), &format!("{number}.db"), &history.events[..half]).await;
        let log = Faulty::new(log);
        let views = Views::at(&place, options());
        let running = views.run(log.clone());
        until(&views, |status| status.position == half as u64).await;
        let before = place_copy(&place).await;

        log.builders.mood.send_replace(Mood::Waits);
        views.rebuild(Some("current")).unwrap();
        let mut builders = log.builders.now.subscribe();
        builders.wait_for(|now| *now == 1).await.unwrap();
        assert!(views.rebuild(Some("current")).is_err());
        log.others.mood.send_replace(Mood::Fails);
        until(&views, |status| status.failure.is_some()).await;
        log.others.mood.send_replace(Mood::Well);
        append(&*log, &history.events[half..]).await;
        until(&views, |status| status.position == all as u64).await;

        log.builders.mood.send_replace(Mood::Fails);
        let failure = |status: &Status| status.rebuild.as_ref()?.failure.clone();
        until(&views, |status| failure(status).is_some()).await;
        log.builders.mood.send_replace(Mood::Well);
        until(&views, |status| status.rebuild.is_none()).await;
        running.stop().await;
        assert_eq!(log.builders.most.load(Ordering::Relaxed), 1);
        assert_ne!(place_copy(&place).await, before);
        assert_eq!(rows(&place).await, expected(&history, all, &*log).await);
        let copies = tokio::task::spawn_blocking(move || place.copies(&CURRENT).unwrap());
        assert_eq!(copies.await.unwrap().unfinished, None);
    }
}

/// A server builds one view after the other while old rows answer; whoever writes the log would wait for two at once.
#[tokio::test(flavor = "multi_thread")]
async fn views_of_a_server_take_turns() {
    let history = eventful();
    let all = history.events.len();
    let dir = tempfile::tempdir().unwrap();
    for (number, (place, _database)) in places(dir.path()).into_iter().enumerate() {
        let log = log_with(dir.path(), &format!("{number}.db"), &history.events).await;
        let log = Faulty::new(log);
        let views = Views::at(&place, options());
        let running = views.run(log.clone());
        let are_all = |is_so: fn(&Status) -> bool| {
            let mut views = views.list().into_iter();
            views.all(|(_, status)| is_so(&status))
        };
        let until_all = async |is_so: fn(&Status) -> bool| {
            let reached = async {
                while !are_all(is_so) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(PATIENCE, reached).await.unwrap();
        };
        until(&views, |status| status.position == all as u64).await;
        until_all(|status| status.ready && status.rebuild.is_none()).await;
        log.builders.most.store(0, Ordering::Relaxed);

        log.builders.mood.send_replace(Mood::Waits);
        let at_once = if place.is_server() {
            1
        } else {
            views.list().len()
        };
        views.rebuild(None).unwrap();
        until_all(|status| status.rebuild.is_some()).await;
        let mut builders = log.builders.now.subscribe();
        builders.wait_for(|now| *now == at_once).await.unwrap();
        // Whoever does not wait for a turn comes to the log in a moment.
        tokio::time::sleep(Duration::from_millis(300)).await;
        log.builders.mood.send_replace(Mood::Well);
        until_all(|status| status.rebuild.is_none()).await;
        assert_eq!(log.builders.most.load(Ordering::Relaxed), at_once);
        running.stop().await;
    }
}

/// A rebuild that was killed goes on from what it had written, whatever it was doing then.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_rebuild_goes_on() {
    let history = eventful();
    let (third, all) = (history.events.len() / 3, history.events.len());
    let dir = tempfile::tempdir().unwrap();
    for (number, (place, _database)) in places(dir.path()).into_iter().enumerate() {
        let log = log_with(dir.path(), &format!("{number}.db"), &history.events).await;
        let head = log.head().await.unwrap();
        let range = Range::default().up_to(all as u64);
        let page = log.read(&Query::default(), range, 10_000).await.unwrap();
        assert_eq!(page.events.len(), all);
        let at = place.clone();
        let half_built = tokio::task::spawn_blocking(move || {
            let copy = at.next_copy(&CURRENT, true).unwrap();
            let mut writer = at.open_writer(&CURRENT, &copy).unwrap();
            writer.start_over(&head.log_id).unwrap();
            writer.take(&page.events[..third]).unwrap();
            writer.commit().unwrap();
            writer.take(&page.events[third..third * 2]).unwrap();
            writer.die_while_writing();
            copy
        });
        let half_built = half_built.await.unwrap();
        let options = ViewOptions {
            build_from_events: 0,
            ..options()
        };
        let views = Views::at(&place, options);
        let running = views.run(log.clone());
        until(&views, |status| {
            status.ready && status.position == all as u64
        })
        .await;
        let finished = format!("{:?}", half_built.finished());
        assert_eq!(place_copy(&place).await, finished);
        assert_eq!(rows(&place).await, expected(&history, all, &*log).await);
        running.stop().await;
    }
}

/// Whoever reads the old rows, as a backup does, holds up nobody; they are removed once they are left.
#[tokio::test(flavor = "multi_thread")]
async fn old_rows_that_are_read_hold_up_nothing() {
    let history = eventful();
    let (half, all) = (history.events.len() / 2, history.events.len());
    let dir = tempfile::tempdir().unwrap();
    let log = log_with(dir.path(), "log.db", &history.events[..half]).await;
    let database = Database::new();
    let place = Place::Server(Box::new(Address::parse(database.url()).unwrap()));
    let options = ViewOptions {
        max_query: Duration::from_millis(100),
        ..options()
    };
    let views = Views::at(&place, options);
    let running = views.run(log.clone());
    until(&views, |status| status.position == half as u64).await;
    let copies = || {
        let place = place.clone();
        let copies = tokio::task::spawn_blocking(move || place.copies(&CURRENT).unwrap());
        async { copies.await.unwrap() }
    };
    let schema = copies().await.answering.unwrap().schema();
    let mut reader = PgConnection::connect(database.url()).await.unwrap();
    let hold = format!("BEGIN; LOCK TABLE {schema}.checkpoint IN ACCESS SHARE MODE");
    reader.execute(AssertSqlSafe(hold)).await.unwrap();
    views.rebuild(Some("current")).unwrap();
    until(&views, |status| status.rebuild.is_none()).await;
    // By then it has tried to remove them.
    tokio::time::sleep(Duration::from_millis(800)).await;
    append(&*log, &history.events[half..]).await;
    let status = until(&views, |status| status.position == all as u64).await;
    assert_eq!(status.failure, None);
    assert_eq!(copies().await.outdated.len(), 1);
    reader.close().await.unwrap();
    let removed = async {
        while !copies().await.outdated.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let removed = tokio::time::timeout(Duration::from_mins(1), removed).await;
    assert!(removed.is_ok());
    running.stop().await;
}

/// Whoever only reads a view tells as much of it as the one who writes it: that it is parked, or does not move.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stands_by_says_that_the_view_stands_still() {
    let history = eventful();
    let half = history.events.len() / 2;
    let dir = tempfile::tempdir().unwrap();
    let log = log_with(dir.path(), "log.db", &history.events[..half]).await;
    let faulty = Faulty::new(log.clone());
    let database = Database::new();
    let place = Place::Server(Box::new(Address::parse(database.url()).unwrap()));
    let options = ViewOptions {
        max_wait: Duration::from_secs(2),
        ..options()
    };
    let (one, other) = (
        Views::at(&place, options.clone()),
        Views::at(&place, options),
    );
    let writing = one.run(faulty.clone());
    let is_there = |status: &Status| status.ready && status.position == half as u64;
    until(&one, is_there).await;
    // What it is asked for before it knows that it only reads is not left standing.
    other.rebuild(Some("current")).unwrap();
    let reading = other.run(log.clone());
    let status = until(&other, is_there).await;
    assert!(status.is_kept_elsewhere);
    assert_eq!(status.rebuild, None);

    faulty.others.mood.send_replace(Mood::Fails);
    append(&*log, &history.events[half..=half]).await;
    let status = until(&other, |status| status.failure.is_some()).await;
    assert_eq!(status.position, half as u64);
    faulty.others.mood.send_replace(Mood::Well);
    until(&other, |status| {
        status.failure.is_none() && status.position > half as u64
    })
    .await;

    append(&*log, &[unknown_event(&history)]).await;
    let expected = until(&one, |status| status.parked.is_some()).await.parked;
    let status = until(&other, |status| status.parked.is_some()).await;
    assert_eq!(status.parked, expected);
    assert!(status.is_kept_elsewhere && status.failure.is_none());
    writing.stop().await;
    reading.stop().await;
}

/// Whoever may not make schemas is told by which statement an administrator lets it, and with that it works.
#[tokio::test(flavor = "multi_thread")]
async fn the_grant_that_is_told_of_lets_views_be_kept_in_the_database() {
    let database = Database::unsynced();
    let user = format!("App of {}", database.name());
    let execute = |sql: &str| tokio::task::block_in_place(|| database.execute(sql));
    execute(&format!("CREATE ROLE \"{user}\" LOGIN"));
    let url = database.url_of(&user.replace(' ', "%20"));
    let refused = Views::in_database(&url, options()).await.unwrap();
    let refused = refused.err().unwrap();
    assert!(refused.to_string().contains(&refused.grant));
    execute(&refused.grant);
    let views = Views::in_database(&url, options()).await.unwrap();
    let views = views.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let log = open_log(&dir.path().join("keruen.db"));
    append(&*log, &eventful().events[..50]).await;
    let running = views.run(log);
    until(&views, |status| status.position == 50).await;
    running.stop().await;
    execute(&format!("DROP OWNED BY \"{user}\"; DROP ROLE \"{user}\""));
}
