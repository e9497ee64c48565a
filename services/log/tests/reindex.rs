//! A damaged index is told of, with what to do, and made anew from the events; on both backends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(
    unused_imports,
    unused_macros,
    clippy::unused_async,
    reason = "the suite itself runs elsewhere"
)]
mod contract;

use std::{path::PathBuf, sync::Arc};

use contract::{event, provided, request, tagged};
use keruen_log::{
    AppendError, AppendRequest, Appended, IndexOptions, Log, OpenError, PostgresLog,
    PostgresOptions, PostgresRefusal, Range, ReadError, RecordedEvent, ReindexOptions, Reindexed,
    SqliteLog, SqliteOptions,
    verify::{Finding, Part, Stage, Verified, VerifyError},
};
use keruen_test_servers::postgres::Database;
use rusqlite::Connection;
use tempfile::TempDir;

/// What every message about a damaged index names.
const COMMAND: &str = "`keruen log reindex`";

/// Small runs, merged over several levels.
const SMALL: IndexOptions = IndexOptions {
    run_events: 7,
    merge_runs: 3,
    filter_cache_bytes: 1 << 20,
};

/// Damage, in words that both dialects know; `{k}` is the schema.
const DAMAGE: [&str; 10] = [
    "DELETE FROM {k}run_filters",
    "DELETE FROM {k}run_pages WHERE run = (SELECT max(id) FROM {k}runs WHERE state = 1 AND level > 0)",
    "DELETE FROM {k}runs WHERE first_position = 1",
    "DELETE FROM {k}runs",
    "UPDATE {k}runs SET last_position = last_position + 1 WHERE state = 1 AND level > 0",
    "UPDATE {k}runs SET id = id + 4611686018427387904 WHERE first_position = 1 AND state = 1",
    "UPDATE {k}runs SET filter_bits = 99, state = 7 WHERE state = 1",
    "UPDATE {k}runs SET pages = pages + 1099511627776 WHERE state = 1",
    "UPDATE {k}run_pages SET postings = {cut}",
    "UPDATE {k}run_pages SET first_hash = first_hash + 4503599627370496",
];

/// A place with a log in it.
enum Place {
    Sqlite(TempDir),
    Postgres(Box<Database>),
}

impl Place {
    fn both() -> [Self; 2] {
        [
            Self::Sqlite(tempfile::tempdir().unwrap()),
            Self::Postgres(Box::new(Database::new())),
        ]
    }

    fn path(folder: &TempDir) -> PathBuf {
        folder.path().join("log.db")
    }

    async fn try_open(&self, index: IndexOptions) -> Result<Arc<dyn Log>, String> {
        match self {
            Self::Sqlite(folder) => {
                let options = SqliteOptions {
                    index,
                    ..SqliteOptions::default()
                };
                match SqliteLog::open(&Self::path(folder), options) {
                    Ok(log) => Ok(Arc::new(log)),
                    Err(error @ OpenError::DamagedIndex { .. }) => Err(error.to_string()),
                    Err(other) => panic!("{other}"),
                }
            }
            Self::Postgres(database) => {
                let options = PostgresOptions {
                    index,
                    ..PostgresOptions::default()
                };
                match PostgresLog::open(database.url(), options).await {
                    Ok(log) => Ok(Arc::new(log)),
                    Err(error) if matches!(error.reason, PostgresRefusal::DamagedIndex { .. }) => {
                        Err(error.to_string())
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }

    async fn open(&self) -> Arc<dyn Log> {
        self.try_open(SMALL).await.unwrap()
    }

    /// Somebody who may do anything changes the tables.
    fn damage(&self, statement: &str) {
        match self {
            Self::Sqlite(folder) => {
                let raw = Connection::open(Self::path(folder)).unwrap();
                raw.pragma_update(None, "ignore_check_constraints", true)
                    .unwrap();
                let cut = "substr(postings, 1, length(postings) - 1)";
                raw.execute_batch(&statement.replace("{k}", "").replace("{cut}", cut))
                    .unwrap();
            }
            Self::Postgres(database) => {
                database.execute(
                    "DO $$ DECLARE c record; BEGIN FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint \
                     WHERE connamespace = 'keruen_log'::regnamespace AND contype = 'c' LOOP \
                     EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname); END LOOP; END $$",
                );
                let cut = "substr(postings, 1, octet_length(postings) - 1)";
                database.execute(
                    &statement
                        .replace("{k}", "keruen_log.")
                        .replace("{cut}", cut),
                );
            }
        }
    }

    async fn verify(&self) -> Result<Verified, VerifyError> {
        match self {
            Self::Sqlite(folder) => SqliteLog::verify(&Self::path(folder), &[], &mut |_| ()).await,
            Self::Postgres(database) => PostgresLog::verify(database.url(), &[], &mut |_| ()).await,
        }
    }

    async fn reindex(&self, from_scratch: bool) -> Result<Reindexed, String> {
        let options = ReindexOptions {
            index: SMALL,
            from_scratch,
        };
        let mut reached = Vec::new();
        let mut told = |step: keruen_log::verify::Reached| {
            assert!(step.done <= step.total, "{step:?}");
            reached.push(step.stage);
        };
        let reindexed = match self {
            Self::Sqlite(folder) => SqliteLog::reindex(&Self::path(folder), options, &mut told)
                .map_err(|error| error.to_string()),
            Self::Postgres(database) => PostgresLog::reindex(database.url(), options, &mut told)
                .await
                .map_err(|error| error.to_string()),
        };
        if let Ok(reindexed) = reindexed
            && reindexed.kept_events < reindexed.position
        {
            assert!(reached.contains(&Stage::Indexing), "{reached:?}");
        }
        reindexed
    }
}

/// Appends of some events each, every one of them with a tag of its own and one of ten.
async fn fill(log: &dyn Log, appends: usize) -> Vec<(AppendRequest, Appended)> {
    let mut answered = Vec::new();
    for number in 0..appends {
        let (own, shared) = (format!("own:{number}"), format!("shared:{}", number % 10));
        let request = request(vec![event("Stored", &[&own, &shared]); number % 4 + 1]);
        answered.push((request.clone(), log.append(request).await.unwrap()));
    }
    answered
}

/// What is found by tags and command ids is what a look at every event finds.
async fn check(log: &dyn Log, answered: &[(AppendRequest, Appended)]) {
    let all: Vec<RecordedEvent> = contract::all(log).await;
    let with = |tag: &str| -> Vec<u64> {
        let carries = |event: &&RecordedEvent| event.tags.iter().any(|own| own == tag);
        all.iter()
            .filter(carries)
            .map(|event| event.position)
            .collect()
    };
    let names = (0..answered.len())
        .map(|number| format!("own:{number}"))
        .chain((0..11).map(|number| format!("shared:{number}")));
    for tag in names {
        let page = log
            .read(&tagged(&tag), Range::after(0), 10_000)
            .await
            .unwrap();
        let found: Vec<_> = page.events.iter().map(|event| event.position).collect();
        assert_eq!(found, with(&tag), "{tag}");
    }
    for (number, (request, appended)) in answered.iter().enumerate() {
        let command = log
            .find_command(&request.command_id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(command.appended, *appended);
        if number % 9 == 0 {
            assert_eq!(log.append(request.clone()).await.unwrap(), *appended);
            let own = tagged(&format!("own:{number}"));
            let refused = provided(contract::request(vec![event("Stored", &[])]), own, 0);
            assert!(matches!(
                log.append(refused).await,
                Err(AppendError::ConditionFailed { .. })
            ));
        }
    }
}

/// A log whose index is damaged, as its node meets it: refused at the start, or at the first append that needs what is
/// damaged. Whichever it is, it names the command.
async fn meet(place: &Place, damage: &str) {
    let log = match place.try_open(SMALL).await {
        Err(refused) => return assert!(refused.contains(COMMAND), "{damage}: {refused}"),
        Ok(log) => log,
    };
    for number in 0..60 {
        let (own, shared) = (format!("own:{}", number % 120), format!("later:{number}"));
        let read = log.read(&tagged(&own), Range::after(0), 10_000).await;
        if let Err(error) = read {
            assert!(
                matches!(error, ReadError::Damaged { .. }),
                "{damage}: {error}"
            );
            assert!(error.to_string().contains(COMMAND), "{damage}: {error}");
        }
        let sent = request(vec![event("Later", &[&shared]); 3]);
        let answers = [
            log.append(provided(sent, tagged(&own), 0)).await,
            log.append(request(vec![event("Later", &[&shared]); 3]))
                .await,
        ];
        for answer in answers {
            match answer {
                Ok(_) | Err(AppendError::ConditionFailed { .. }) => {}
                Err(AppendError::Unavailable(said) | AppendError::NotRecorded(said)) => {
                    assert!(
                        said.contains(COMMAND) && said.contains("nothing was recorded"),
                        "{damage}: {said}"
                    );
                }
                Err(other) => panic!("{damage}: {other}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_index_is_told_of_and_made_anew() {
    for place in Place::both() {
        let log = place.open().await;
        let answered = fill(&*log, 120).await;
        drop(log);
        for damage in DAMAGE {
            place.damage(damage);
            match place.verify().await {
                Err(VerifyError::Wrong(findings)) => {
                    let [Finding { part, found, .. }] = findings.as_slice() else {
                        panic!("{damage}: {findings:?}");
                    };
                    assert_eq!(*part, Part::Index, "{damage}: {found}");
                    assert!(found.contains(COMMAND), "{damage}: {found}");
                }
                other => panic!("{damage}: {other:?}"),
            }
            meet(&place, damage).await;
            place.reindex(false).await.unwrap();
            place.verify().await.unwrap();
            let log = place.open().await;
            check(&*log, &answered).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_index_is_left_as_it_is_unless_all_is_to_be_made_anew() {
    for place in Place::both() {
        let log = place.open().await;
        let answered = fill(&*log, 60).await;
        drop(log);
        let kept = place.reindex(false).await.unwrap();
        assert!(kept.position - kept.kept_events < SMALL.run_events);
        assert_eq!(kept.dropped_runs, 0);
        let anew = place.reindex(true).await.unwrap();
        assert_eq!((anew.kept_events, anew.dropped_runs), (0, kept.runs));
        place.verify().await.unwrap();
        check(&*place.open().await, &answered).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_in_use_or_not_there_is_left_alone() {
    for place in Place::both() {
        let log = place.open().await;
        fill(&*log, 3).await;
        let refused = place.reindex(true).await.unwrap_err();
        assert!(refused.contains("stop that"), "{refused}");
        log.append(request(vec![event("Stored", &[])]))
            .await
            .unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Sqlite(folder);
    let refused = place.reindex(false).await.unwrap_err();
    assert!(refused.contains("there is no log"), "{refused}");
    let Place::Sqlite(folder) = place else {
        return;
    };
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let place = Place::Postgres(Box::new(Database::new()));
    let refused = place.reindex(false).await.unwrap_err();
    assert!(refused.contains("store version is 0"), "{refused}");
}

/// The index is made of the events, so that it can't be made where one is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_events_are_not_indexed() {
    let place = Place::Sqlite(tempfile::tempdir().unwrap());
    let log = place.open().await;
    fill(&*log, 300).await;
    drop(log);
    place.damage("DROP TRIGGER events_are_never_deleted; DELETE FROM events WHERE position = 5");
    for from_scratch in [false, true] {
        let refused = place.reindex(from_scratch).await.unwrap_err();
        assert!(
            refused.contains("position 5: the event is missing") && refused.contains("backup"),
            "{refused}"
        );
    }
}
