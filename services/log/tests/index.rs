//! The index as its backends keep it: in what was stored before there were runs, for readers, and when it is damaged.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(
    unused_imports,
    unused_macros,
    clippy::unused_async,
    reason = "the suite itself runs elsewhere"
)]
mod contract;

use contract::{event, provided, request, tagged};
use keruen_log::{
    AppendError, AppendRequest, Appended, IndexOptions, Log, PostgresLog, PostgresOptions, Range,
    ReadError, SqliteLog, SqliteOptions,
    verify::{Verified, VerifyError},
};
use keruen_test_servers::postgres::Database;
use rusqlite::Connection;
use tempfile::TempDir;

/// Small runs, merged over several levels.
const SMALL: IndexOptions = IndexOptions {
    run_events: 7,
    merge_runs: 3,
    filter_cache_bytes: 1 << 20,
};

fn open_sqlite(folder: &TempDir, index: IndexOptions) -> SqliteLog {
    let options = SqliteOptions {
        index,
        ..SqliteOptions::default()
    };
    SqliteLog::open(&folder.path().join("log.db"), options).unwrap()
}

fn of_postgres(index: IndexOptions) -> PostgresOptions {
    PostgresOptions {
        index,
        ..PostgresOptions::default()
    }
}

async fn open_postgres(database: &Database, index: IndexOptions) -> PostgresLog {
    PostgresLog::open(database.url(), of_postgres(index))
        .await
        .unwrap()
}

/// Appends of some events each, every one of them with a tag of its own and one of ten.
async fn fill(log: &dyn Log, appends: usize) -> Vec<(AppendRequest, Appended)> {
    let mut answered = Vec::new();
    for number in 0..appends {
        let (own, shared) = (format!("own:{number}"), format!("shared:{}", number % 10));
        let events = vec![event("Stored", &[&own, &shared]); number % 4 + 1];
        let request = request(events);
        answered.push((request.clone(), log.append(request).await.unwrap()));
    }
    answered
}

/// Everything is found by its tags and its command, and decides conditions.
async fn check(log: &dyn Log, writer: &dyn Log, answered: &[(AppendRequest, Appended)]) {
    for (number, (request, appended)) in answered.iter().enumerate() {
        let own = tagged(&format!("own:{number}"));
        let found = log.read(&own, Range::after(0), 100).await.unwrap().events;
        let positions: Vec<_> = found.iter().map(|event| event.position).collect();
        let expected: Vec<_> = (appended.first_position..=appended.last_position).collect();
        assert_eq!(positions, expected);
        let command = log
            .find_command(&request.command_id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(command.appended, *appended);
        if number % 9 == 0 {
            assert_eq!(writer.append(request.clone()).await.unwrap(), *appended);
            let refused = provided(contract::request(vec![event("Stored", &[])]), own, 0);
            assert!(matches!(
                writer.append(refused).await,
                Err(AppendError::ConditionFailed { .. })
            ));
        }
    }
    for number in 0..10 {
        let shared = format!("shared:{number}");
        let found = log
            .read(&tagged(&shared), Range::after(0), 10_000)
            .await
            .unwrap();
        let expected: usize = answered
            .iter()
            .skip(number)
            .step_by(10)
            .map(|(request, _)| request.events.len())
            .sum();
        assert_eq!(found.events.len(), expected);
    }
    let unknown = contract::command_id();
    assert_eq!(log.find_command(&unknown).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sqlite_store_from_before_the_runs_is_indexed_anew() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_sqlite(&folder, IndexOptions::default());
    let answered = fill(&log, 60).await;
    drop(log);
    let connection = Connection::open(folder.path().join("log.db")).unwrap();
    connection
        .execute_batch("DROP TABLE runs; DROP TABLE run_pages; DROP TABLE run_filters; PRAGMA user_version = 2")
        .unwrap();
    let before = include_str!("../../../migrations/sqlite/0002_index.sql");
    connection.execute_batch(before).unwrap();
    drop(connection);
    let log = open_sqlite(&folder, SMALL);
    check(&log, &log, &answered).await;
    drop(log);
    verify_sqlite(&folder).await.unwrap();
    // And goes on where it was left.
    let log = open_sqlite(&folder, SMALL);
    check(&log, &log, &answered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_store_from_before_the_runs_is_indexed_anew() {
    let database = Database::new();
    let log = open_postgres(&database, IndexOptions::default()).await;
    let answered = fill(&log, 60).await;
    drop(log);
    database.execute(
        "DROP TABLE keruen_log.runs, keruen_log.run_pages, keruen_log.run_filters; \
         DROP TRIGGER log_head_is_one_row ON keruen_log.log_head; DROP FUNCTION keruen_log.check_new_head(); \
         ALTER TABLE keruen_log.log_head DROP COLUMN previous_position, DROP COLUMN verifier_key, \
            ADD CONSTRAINT log_head_id_check CHECK (true), ADD CONSTRAINT log_head_log_id_check CHECK (true), \
            ADD CONSTRAINT log_head_position_check CHECK (true), ADD CONSTRAINT log_head_frontier_check CHECK (true); \
         ALTER TABLE keruen_log.events \
            ADD CONSTRAINT events_position_check CHECK (true), ADD CONSTRAINT events_check CHECK (true), \
            ADD CONSTRAINT events_command_hash_check CHECK (true), ADD CONSTRAINT events_check1 CHECK (true), \
            ADD CONSTRAINT events_event_index_check CHECK (true), ADD CONSTRAINT events_leaf_hash_check CHECK (true); \
         DELETE FROM keruen_log.migrations WHERE number > 2",
    );
    database.execute(include_str!("../../../migrations/postgres/0002_index.sql"));
    let log = open_postgres(&database, SMALL).await;
    check(&log, &log, &answered).await;
    PostgresLog::verify(database.url(), &[], &mut |_| ())
        .await
        .unwrap();
    drop(log);
    let log = open_postgres(&database, SMALL).await;
    check(&log, &log, &answered).await;
}

/// What is appended is seen at once, also by those who do not write, while runs are made and merged.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_what_was_appended_just_now() {
    let database = Database::new();
    let writer = open_postgres(&database, SMALL).await;
    let reader = PostgresLog::open_reader(database.url(), of_postgres(SMALL))
        .await
        .unwrap();
    for number in 0..150 {
        let own = format!("own:{number}");
        let request = request(vec![event("Stored", &[&own, "all:1"]); 3]);
        let command_id = request.command_id.clone();
        let appended = writer.append(request).await.unwrap();
        let page = reader
            .read(&tagged(&own), Range::after(0), 10)
            .await
            .unwrap();
        assert_eq!(page.events.len(), 3);
        let command = reader.find_command(&command_id).await.unwrap().unwrap();
        assert_eq!(command.appended, appended);
        let all = reader
            .read(&tagged("all:1"), Range::after(0), 10_000)
            .await
            .unwrap();
        assert_eq!(all.events.len(), 3 * (number + 1));
    }
    PostgresLog::verify(database.url(), &[], &mut |_| ())
        .await
        .unwrap();
}

async fn verify_sqlite(folder: &TempDir) -> Result<Verified, VerifyError> {
    SqliteLog::verify(&folder.path().join("log.db"), &[], &mut |_| ()).await
}

/// A log on SQLite with a damaged index, and what verification says.
async fn damaged(damage: &str) -> (SqliteLog, TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let log = open_sqlite(&folder, SMALL);
    // More than one tile, since the newest leaves are looked at when it is opened.
    fill(&log, 120).await;
    drop(log);
    Connection::open(folder.path().join("log.db"))
        .unwrap()
        .execute_batch(damage)
        .unwrap();
    let log = open_sqlite(&folder, IndexOptions::default());
    let said = verify_sqlite(&folder).await.unwrap_err().to_string();
    (log, folder, said)
}

#[tokio::test]
async fn a_damaged_index_is_found_out() {
    for (damage, says) in [
        ("DELETE FROM run_filters", "filter"),
        (
            "DELETE FROM run_pages WHERE rowid IN (SELECT max(run_pages.rowid) FROM run_pages JOIN runs ON run = id WHERE state = 1)",
            "run",
        ),
        (
            "UPDATE run_pages SET postings = substr(postings, 1, length(postings) - 1)",
            "malformed",
        ),
    ] {
        let (_log, _folder, said) = damaged(damage).await;
        assert!(said.contains(says), "{damage}: {said}");
    }
    let (log, _folder, _) =
        damaged("DROP TRIGGER events_are_never_deleted; DELETE FROM events WHERE position = 1")
            .await;
    let read = log.read(&tagged("own:0"), Range::after(0), 10).await;
    assert!(matches!(read, Err(ReadError::Damaged { position: 1, .. })));
    // No merge is under way, which would meet it at once.
    let (log, _folder, _) = damaged(
        "DELETE FROM run_pages WHERE run IN (SELECT id FROM runs WHERE state = 0); DELETE FROM runs WHERE state = 0; \
         UPDATE run_pages SET postings = x'80'",
    )
    .await;
    let read = log.read(&tagged("own:0"), Range::after(0), 10).await;
    assert!(matches!(read, Err(ReadError::Damaged { .. })));
    let refused = provided(request(vec![event("Stored", &[])]), tagged("own:0"), 0);
    assert!(matches!(
        log.append(refused).await,
        Err(AppendError::Unavailable(_) | AppendError::NotRecorded(_))
    ));
}
