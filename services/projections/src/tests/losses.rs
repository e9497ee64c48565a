//! Rows that are taken away or damaged while a view answers from them.

use std::{os::unix::fs::FileExt as _, path::Path, sync::Arc, time::Duration};

use keruen_test_servers::postgres::Database;

use super::{
    following::{append, open_log, until},
    history::{History, eventful},
    places::places,
    stores::answering,
};
use crate::{
    copies::Place,
    database::Address,
    failure::StoreError,
    refusal::Refusal,
    view::CURRENT,
    views::{ReadError, Status, ViewOptions, Views},
};

/// Far longer than anything here takes; a test that hangs fails.
const PATIENCE: Duration = Duration::from_mins(1);

fn options() -> ViewOptions {
    ViewOptions {
        poll_interval: Duration::from_millis(200),
        max_query: Duration::from_secs(1),
        ..ViewOptions::default()
    }
}

/// The sum of all units that ever entered the books, and the position that it reflects.
async fn received(views: &Arc<Views>) -> Result<(i64, u64), Refusal> {
    let sum = views.read(|rows| {
        let sum = rows
            .prepare_cached("SELECT CAST(COALESCE(SUM(received), 0) AS BIGINT) FROM stock")?
            .query_row(&[], |row| row.get(0))?;
        Ok(sum.unwrap_or_default())
    });
    sum.await
}

fn expected(history: &History, position: usize) -> (i64, u64) {
    let events = &history.decoded()[..position];
    let sums = super::naive::stock(events);
    let sum = sums.values().map(|sums| sums[4]).sum();
    (sum, position as u64)
}

/// Asks until it is answered as of a position; what answers before that is right as of its own.
async fn answered(views: &Arc<Views>, history: &History, position: usize) {
    let asking = async {
        loop {
            match received(views).await {
                Ok(answer) if answer.1 == position as u64 => return answer,
                Ok((sum, at)) => {
                    let at = usize::try_from(at).unwrap();
                    assert_eq!((sum, at as u64), expected(history, at));
                }
                Err(Refusal::Read(ReadError::Missing | ReadError::Store(StoreError::Lost(_)))) => {}
                Err(other) => panic!("{other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let answer = tokio::time::timeout(PATIENCE, asking).await;
    let answer = answer.unwrap_or_else(|_| panic!("{:?}", views.status()));
    assert_eq!(answer, expected(history, position));
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Deletes all files of views, or only those that do not end so.
fn delete(folder: &Path, but: &str) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("views-") && (but.is_empty() || !name.ends_with(but)) {
            std::fs::remove_file(path).unwrap();
        }
    }
}

/// Overwrites the page at which the table begins that [`received`] reads. Nobody may have the file open.
fn damage(place: &Place) {
    let path = place.file(&answering(place, &CURRENT)).unwrap();
    let rows = rusqlite::Connection::open(&path).unwrap();
    let find = "SELECT rootpage FROM sqlite_master WHERE name = 'stock'";
    let page: u32 = rows.query_row(find, [], |row| row.get(0)).unwrap();
    drop(rows);
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(&[0xa5; 4_096], u64::from(page - 1) * 4_096)
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_and_damaged_files_are_noticed_and_made_anew() {
    let history = eventful();
    let (half, all) = (history.events.len() / 2, history.events.len());
    let dir = tempfile::tempdir().unwrap();
    let log = open_log(&dir.path().join("keruen.db"));
    append(&*log, &history.events[..half]).await;
    let folder = dir.path().join("views");
    let place = Place::Folder(folder.clone());
    let views = Views::at(&place, options());
    let running = views.run(log.clone());
    answered(&views, &history, half).await;

    // Nobody asks, and nothing is recorded.
    for but in ["", ".db"] {
        delete(&folder, but);
        let status = until(&views, |status| status.failure.is_some()).await;
        assert!(!status.ready);
        until(&views, |status| status.failure.is_none()).await;
        answered(&views, &history, half).await;
    }
    // They are asked to be built anew at once, and the copy that follows has another name.
    let before = answering(&place, &CURRENT);
    delete(&folder, "-wal");
    views.rebuild(Some("current")).unwrap();
    append(&*log, &history.events[half..]).await;
    until(&views, |status| {
        status.rebuild.is_none() && status.failure.is_none() && status.position == all as u64
    })
    .await;
    answered(&views, &history, all).await;
    assert!(answering(&place, &CURRENT).generation > before.generation);
    running.stop().await;

    // It is only met by whoever asks.
    drop(views);
    damage(&place);
    let views = Views::at(&place, options());
    let running = views.run(log);
    until(&views, |status| status.position == all as u64).await;
    let mut status = views.watch_status();
    let refused = received(&views).await.unwrap_err();
    assert!(
        refused.to_string().contains("keruen projections rebuild"),
        "{refused}"
    );
    status.wait_for(|it| it.failure.is_some()).await.unwrap();
    answered(&views, &history, all).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_schemas_and_tables_are_noticed_and_made_anew() {
    let history = eventful();
    let length = history.events.len();
    let dir = tempfile::tempdir().unwrap();
    let log = open_log(&dir.path().join("keruen.db"));
    append(&*log, &history.events).await;
    let (place, _database) = places(dir.path()).pop().unwrap();
    let views = Views::at(&place, options());
    let running = views.run(log);
    answered(&views, &history, length).await;
    for (loss, is_met) in [
        ("DROP SCHEMA # CASCADE", true),
        ("DROP TABLE #.stock", true),
        ("DELETE FROM #.checkpoint", true),
        // By nobody who asks.
        ("ALTER TABLE #.trips DROP COLUMN crew_id", false),
    ] {
        let mut status = views.watch_status();
        status.mark_unchanged();
        let at = place.clone();
        blocking(move || {
            let schema = answering(&at, &CURRENT).schema();
            execute(&at, &loss.replace('#', &schema));
        })
        .await;
        if is_met {
            let refused = received(&views).await;
            let is_lost = |refusal: &Refusal| {
                matches!(
                    refusal,
                    Refusal::Read(ReadError::Missing | ReadError::Store(StoreError::Lost(_)))
                )
            };
            assert!(
                refused.as_ref().is_err_and(is_lost) || refused.is_ok(),
                "{loss}: {refused:?}"
            );
        }
        let noticed = status.wait_for(|it| it.failure.is_some());
        let noticed = tokio::time::timeout(PATIENCE, noticed).await;
        assert!(noticed.is_ok(), "{loss}");
        drop(noticed);
        until(&views, |status| status.failure.is_none()).await;
        answered(&views, &history, length).await;
    }
    running.stop().await;
}

fn execute(place: &Place, sql: &str) {
    let Place::Server(address) = place else {
        panic!("only a server has what this drops");
    };
    let session = address.connect("pg_catalog", None).unwrap();
    session.execute_batch(sql).unwrap();
}

/// Sessions end on a quiet log: one node at a time takes itself for the one that writes, and what it builds answers on both.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_to_write_that_was_lost_on_a_quiet_log_is_given_up() {
    let history = eventful();
    let length = history.events.len();
    let dir = tempfile::tempdir().unwrap();
    let log = open_log(&dir.path().join("keruen.db"));
    append(&*log, &history.events).await;
    let database = Database::new();
    let place = Place::Server(Box::new(Address::parse(database.url()).unwrap()));
    let nodes = [Views::at(&place, options()), Views::at(&place, options())];
    let running = [nodes[0].run(log.clone()), nodes[1].run(log.clone())];
    one_writes(&nodes).await;
    for _ in 0..2 {
        let at = place.clone();
        blocking(move || {
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
            execute(&at, end);
        })
        .await;
        // Whoever had it has to learn it, and not by chance.
        tokio::time::sleep(options().poll_interval * 10).await;
        let writer = one_writes(&nodes).await;
        let at = place.clone();
        let before = blocking(move || answering(&at, &CURRENT)).await;
        writer.rebuild(Some("current")).unwrap();
        let is_built = |status: &Status| status.rebuild.is_none();
        until(writer, is_built).await;
        let at = place.clone();
        let after = blocking(move || answering(&at, &CURRENT)).await;
        assert!(after.generation > before.generation);
        for views in &nodes {
            answered(views, &history, length).await;
        }
    }
    for running in running {
        running.stop().await;
    }
}

/// Waits until one of them writes the view and the other one only reads it; answers with the first.
async fn one_writes(nodes: &[Arc<Views>; 2]) -> &Arc<Views> {
    let waiting = async {
        loop {
            let fit = |views: &Arc<Views>| {
                let status = views.status();
                (status.ready && status.failure.is_none()).then_some(status.is_kept_elsewhere)
            };
            match (fit(&nodes[0]), fit(&nodes[1])) {
                (Some(false), Some(true)) => return &nodes[0],
                (Some(true), Some(false)) => return &nodes[1],
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let found = tokio::time::timeout(PATIENCE, waiting).await;
    found.unwrap_or_else(|_| panic!("{:?} {:?}", nodes[0].status(), nodes[1].status()))
}
