//! Backup and restore of the SQLite backend: beside a writer, interrupted, and from files that are no backup.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use Spoiling::{File, Sql};
use keruen_log::{
    AppendRequest, BackupError, Copy, Log, OpenError, Progress, ProposedEvent, Query, Range,
    SqliteLog, SqliteOptions, Stage, StoreReader, backup, checkpoint::Checkpoint, restore,
};
use keruen_proto::log::v1::{OccurredAt, TimePrecision};
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> SqliteLog {
        SqliteLog::open(&self.path("log.db"), SqliteOptions::default()).unwrap()
    }

    /// A closed log of so many events.
    async fn with_events(events: usize) -> Self {
        let place = Self::new();
        let log = place.log();
        for at in (0..events).step_by(1_000) {
            log.append(request((events - at).min(1_000))).await.unwrap();
        }
        drop(log);
        place
    }

    fn backup(&self, name: &str, replace: bool) -> Result<Copy, BackupError> {
        backup(&self.path("log.db"), &self.path(name), replace, &mut go_on)
    }

    fn restore(&self, from: &str, to: &str) -> Result<Copy, BackupError> {
        restore(&self.path(from), &self.path(to), &[], &mut go_on)
    }

    /// Names and contents of everything that is there.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            // SQLite may make these when it only reads.
            .filter(|path| !path.to_str().unwrap().ends_with("-shm"))
            .filter(|path| {
                fs::metadata(path).unwrap().len() > 0 || !path.to_str().unwrap().ends_with("-wal")
            })
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }
}

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn request(events: usize) -> AppendRequest {
    let event = |number: usize| ProposedEvent {
        r#type: "keruen.test.v1.Stored".to_owned(),
        tags: vec![format!("x:{}", number % 7)],
        data: vec![u8::try_from(number % 251).unwrap(); 300].into(),
        occurred_at: Some(OccurredAt {
            precision: TimePrecision::Second.into(),
            ..OccurredAt::default()
        }),
        ..ProposedEvent::default()
    };
    AppendRequest {
        command_id: Uuid::now_v7().to_string(),
        command_hash: vec![0; 32],
        actor: "a".to_owned(),
        origin: "n".to_owned(),
        events: (0..events).map(event).collect(),
        ..AppendRequest::default()
    }
}

async fn all(log: &SqliteLog) -> Vec<keruen_log::RecordedEvent> {
    let mut events = Vec::new();
    loop {
        let range = Range::after(events.len() as u64);
        let page = log.read(&Query::default(), range, 10_000).await.unwrap();
        events.extend(page.events);
        if page.complete {
            return events;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_taken_while_a_writer_goes_on() {
    let place = Place::with_events(20_000).await;
    let log = Arc::new(place.log());
    let stop = Arc::new(AtomicBool::new(false));
    let (writing, stopping) = (Arc::clone(&log), Arc::clone(&stop));
    let writer = tokio::spawn(async move {
        let mut appends = 0_u64;
        while !stopping.load(Ordering::Relaxed) {
            writing.append(request(1)).await.unwrap();
            appends += 1;
        }
        appends
    });
    let (store, file) = (place.path("log.db"), place.path("copy"));
    let before = log.head().await.unwrap();
    let watched = log.watch_head();
    let (copy, stages, grew) = tokio::task::spawn_blocking(move || {
        let mut stages = Vec::new();
        let mut heads = Vec::new();
        let copy = backup(&store, &file, false, &mut |progress| {
            assert!(progress.done <= progress.total, "{progress:?}");
            if progress.stage == Stage::Copying {
                // Whatever is recorded between two steps must not make it begin anew.
                let at = *watched.borrow();
                while *watched.borrow() == at {
                    std::thread::yield_now();
                }
                heads.push(at);
            }
            stages.push(progress.stage);
            ControlFlow::Continue(())
        })
        .unwrap();
        (copy, stages, heads)
    })
    .await
    .unwrap();
    stop.store(true, Ordering::Relaxed);
    assert!(writer.await.unwrap() > 0);
    assert!(grew.len() > 1 && grew.is_sorted() && stages.contains(&Stage::CheckingEvents));
    assert!(copy.head.position >= before.position && copy.head.log_id == before.log_id);
    // The copy is a prefix of the log, and a log.
    let recorded = all(&log).await;
    let copied =
        all(&SqliteLog::open(&place.path("copy"), SqliteOptions::default()).unwrap()).await;
    assert_eq!(copied.len() as u64, copy.head.position);
    assert_eq!(copied[..], recorded[..copied.len()]);
    assert!(!place.path("copy.partial").exists());
}

#[tokio::test]
async fn a_backup_is_one_file_that_nobody_else_reads_and_that_restores_the_same_log() {
    use std::os::unix::fs::PermissionsExt as _;

    for events in [0, 1, 256, 3_000] {
        let place = Place::with_events(events).await;
        let copy = place.backup("copy", false).unwrap();
        assert_eq!(copy.head.position, events as u64);
        let metadata = fs::metadata(place.path("copy")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert_eq!(metadata.len(), copy.size_bytes);
        for suffix in ["-wal", "-shm", "-journal", ".partial"] {
            assert!(!place.path(&format!("copy{suffix}")).exists(), "{suffix}");
        }
        // On a medium that can't be written.
        fs::create_dir(place.path("medium")).unwrap();
        fs::copy(place.path("copy"), place.path("medium/copy")).unwrap();
        for (path, mode) in [("medium/copy", 0o444), ("medium", 0o555)] {
            fs::set_permissions(place.path(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        let restored = place.restore("medium/copy", "new/folder/log.db").unwrap();
        fs::set_permissions(place.path("medium"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(restored.head, copy.head);
        let log = place.log();
        let again =
            SqliteLog::open(&place.path("new/folder/log.db"), SqliteOptions::default()).unwrap();
        assert_eq!(again.head().await.unwrap(), log.head().await.unwrap());
        assert_eq!(all(&again).await, all(&log).await);
        assert_eq!(
            again.append(request(2)).await.unwrap().last_position,
            events as u64 + 2
        );
    }
}

#[tokio::test]
async fn what_is_at_the_place_stays_unless_it_may_be_replaced() {
    let place = Place::with_events(10).await;
    fs::write(place.path("letter"), "Dear all").unwrap();
    fs::create_dir(place.path("sub")).unwrap();
    std::os::unix::fs::symlink(place.path("log.db"), place.path("link")).unwrap();
    fs::hard_link(place.path("log.db"), place.path("second")).unwrap();
    let log = place.log();
    let _other = SqliteLog::open(&place.path("other.db"), SqliteOptions::default()).unwrap();
    for (name, replace, found) in [
        ("letter", false, "exists already"),
        ("sub", true, "a folder"),
        ("missing/copy", true, "does not exist"),
        ("log.db", true, "the store itself"),
        ("link", true, "the store itself"),
        ("second", true, "the store itself"),
        ("log.db-wal", true, "the store itself"),
        ("log.db.lock", true, "the store itself"),
        ("other.db", true, "it is a store"),
    ] {
        let error = place.backup(name, replace).unwrap_err().to_string();
        assert!(error.contains(found), "{name}: {error}");
        assert!(!place.path(&format!("{name}.partial")).exists(), "{name}");
    }
    assert_eq!(fs::read(place.path("letter")).unwrap(), b"Dear all");
    log.append(request(1)).await.unwrap();
    assert_eq!(place.backup("letter", true).unwrap().head.position, 11);
    drop(log);
    place.restore("letter", "again.db").unwrap();
}

#[tokio::test]
async fn a_stopped_backup_leaves_nothing_and_a_killed_one_is_taken_over() {
    let place = Place::with_events(5_000).await;
    fs::write(place.path("copy"), "the one before").unwrap();
    let before = place.files();
    let store = place.path("log.db");
    let mut stop_at = 0;
    loop {
        let mut steps = 0;
        let result = backup(&store, &place.path("copy"), true, &mut |_| {
            steps += 1;
            if steps > stop_at {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        match result {
            Err(error) => assert!(matches!(error, BackupError::Interrupted), "{error}"),
            Ok(_) => break,
        }
        assert_eq!(place.files(), before, "after {stop_at} steps");
        stop_at += 1;
    }
    assert!(stop_at > 3);
    // What a kill leaves behind, with a journal that must not be played back.
    fs::write(place.path("next.partial"), vec![7; 100_000]).unwrap();
    fs::write(place.path("next.partial-journal"), vec![7; 1_000]).unwrap();
    assert_eq!(place.backup("next", false).unwrap().head.position, 5_000);
    let unfinished = fs::File::create(place.path("third.partial")).unwrap();
    unfinished.lock().unwrap();
    let error = place.backup("third", false).unwrap_err();
    assert!(matches!(error, BackupError::Busy { .. }), "{error}");
}

#[tokio::test]
async fn a_store_is_never_overwritten_by_a_restore() {
    let place = Place::with_events(10).await;
    place.backup("copy", false).unwrap();
    let before = place.files();
    let error = place.restore("copy", "log.db").unwrap_err();
    assert!(matches!(error, BackupError::StoreExists { .. }), "{error}");
    let error = place.restore("copy", "copy").unwrap_err();
    assert!(matches!(error, BackupError::Place { .. }), "{error}");
    assert_eq!(place.files(), before);
    // A write-ahead log would be played into whatever gets the name of its file.
    for suffix in ["-wal", "-journal"] {
        let stray = place.path(&format!("new.db{suffix}"));
        fs::write(&stray, vec![1; 5_000]).unwrap();
        let error = place.restore("copy", "new.db").unwrap_err();
        let BackupError::StoreExists { path } = error else {
            panic!("{error}");
        };
        assert_eq!(path, stray);
        fs::remove_file(stray).unwrap();
    }
    // Nor may a node begin meanwhile.
    let running = SqliteLog::open(&place.path("new.db"), SqliteOptions::default()).unwrap();
    fs::rename(place.path("new.db"), place.path("moved.db")).unwrap();
    for suffix in ["-wal", "-shm"] {
        fs::rename(
            place.path(&format!("new.db{suffix}")),
            place.path(&format!("moved.db{suffix}")),
        )
        .unwrap();
    }
    let error = place.restore("copy", "new.db").unwrap_err();
    assert!(
        matches!(error, BackupError::Open(OpenError::Locked { .. })),
        "{error}"
    );
    drop(running);
    place.restore("copy", "new.db").unwrap();
}

/// What is done to a backup.
enum Spoiling {
    File(fn(&Path)),
    Sql(&'static str),
}

/// What is done to a backup, and what is said about it.
const SPOILINGS: &[(Spoiling, &str)] = &[
    (
        File(|path| fs::remove_file(path).unwrap()),
        "there is no log",
    ),
    (File(|path| edit(path, Vec::clear)), "it is empty"),
    (
        File(|path| edit(path, |bytes| bytes.fill(b'x'))),
        "not a Keruen log",
    ),
    (
        File(|path| edit(path, |bytes| bytes.truncate(bytes.len() / 2))),
        "damaged",
    ),
    (
        File(|path| edit(path, |bytes| bytes.truncate(bytes.len() - 4_096))),
        "damaged",
    ),
    (
        File(|path| edit(path, |bytes| bytes.truncate(100))),
        "damaged",
    ),
    (
        File(|path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
        "a folder",
    ),
    (
        File(|path| {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/dev/null", path).unwrap();
        }),
        "no regular file",
    ),
    (Sql("PRAGMA user_version = 99"), "newer version"),
    (Sql("PRAGMA application_id = 7"), "another program"),
    (
        Sql(
            "DROP TRIGGER events_are_never_updated; UPDATE events SET actor = 'b' WHERE position = 1234",
        ),
        "position 1234",
    ),
    (
        Sql("DROP TRIGGER events_are_never_updated; \
             UPDATE events SET leaf_hash = zeroblob(32) WHERE position = 2000"),
        "position 2000",
    ),
    (
        Sql("DROP TRIGGER events_are_never_deleted; DELETE FROM events WHERE position = 2000"),
        "position 2000",
    ),
    (
        Sql("DROP TRIGGER events_are_never_deleted; DELETE FROM events WHERE position = 700"),
        "position 700",
    ),
    (
        Sql(
            "DROP TRIGGER tiles_are_never_updated; UPDATE tiles SET hashes = zeroblob(8192) WHERE number = 3",
        ),
        "tile 3",
    ),
    (
        Sql("UPDATE log_head SET frontier = zeroblob(length(frontier))"),
        "frontier",
    ),
];

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn run(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_whole_backup_is_refused_and_nothing_changes() {
    let place = Place::with_events(2_000).await;
    place.backup("good", false).unwrap();
    let bad = place.path("bad");
    for (number, (spoiling, found)) in SPOILINGS.iter().enumerate() {
        fs::copy(place.path("good"), &bad).unwrap();
        match spoiling {
            File(spoil) => spoil(&bad),
            Sql(sql) => run(&bad, sql),
        }
        let before = place.files();
        let error = place.restore("bad", "data/log.db").unwrap_err().to_string();
        assert!(error.contains(found), "{number}: {error}");
        assert_eq!(place.files(), before, "{number}");
        assert!(!place.path("data").exists(), "{number}");
        if bad.is_dir() {
            fs::remove_dir(&bad).unwrap();
        } else {
            // Gone already where there is to be nothing.
            let _ = fs::remove_file(&bad);
        }
    }
}

#[tokio::test]
async fn any_flipped_bit_of_an_event_is_found_before_anything_is_written() {
    let place = Place::with_events(300).await;
    place.backup("good", false).unwrap();
    let good = fs::read(place.path("good")).unwrap();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut refused = 0;
    for _ in 0..150 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let at = usize::try_from(random % (good.len() as u64)).unwrap();
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (random >> 61);
        fs::write(place.path("bad"), bytes).unwrap();
        match place.restore("bad", "data/log.db") {
            Err(_) => refused += 1,
            // Unused space, a counter of the file, or the index, which is made from the events: the history is the same.
            Ok(copy) => {
                let recorded = all(&place.log()).await;
                let log = SqliteLog::open(&place.path("data/log.db"), SqliteOptions::default());
                if let Ok(log) = log {
                    assert_eq!(all(&log).await, recorded, "byte {at}");
                }
                assert_eq!(copy.head.position, 300);
            }
        }
        let _ = fs::remove_dir_all(place.path("data"));
    }
    assert!(refused > 50, "{refused}");
}

#[tokio::test]
async fn a_damaged_store_gives_no_backup() {
    let place = Place::with_events(1_000).await;
    run(
        &place.path("log.db"),
        "DROP TRIGGER events_are_never_updated; UPDATE events SET data = x'00' WHERE position = 17",
    );
    let error = place.backup("copy", false).unwrap_err().to_string();
    assert!(error.contains("position 17"), "{error}");
    assert!(!place.path("copy").exists() && !place.path("copy.partial").exists());
    let missing = backup(&place.path("none"), &place.path("copy"), false, &mut go_on);
    assert!(missing.unwrap_err().to_string().contains("there is no log"));
}

#[tokio::test]
async fn a_reader_counts_by_time_without_reading_all() {
    let place = Place::new();
    let clock = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let told = Arc::clone(&clock);
    let options = SqliteOptions {
        clock: Arc::new(move || told.load(Ordering::Relaxed)),
        ..SqliteOptions::default()
    };
    let log = SqliteLog::open(&place.path("log.db"), options).unwrap();
    let mut times = Vec::new();
    for time_us in [10, 10, 20, 35, 35, 35, 90] {
        clock.store(time_us, Ordering::Relaxed);
        log.append(request(3)).await.unwrap();
        times.extend([time_us; 3]);
        let reader = StoreReader::open(&place.path("log.db")).unwrap();
        assert_eq!(reader.head().unwrap().position, times.len() as u64);
        assert_eq!(reader.head().unwrap().recorded_at_us, time_us);
        for asked_us in 0..100 {
            let expected = times.iter().filter(|time_us| **time_us < asked_us).count();
            assert_eq!(reader.count_before(asked_us).unwrap(), expected as u64);
        }
    }
}

/// The index is made from the events, so that a backup whose index is damaged is still a backup.
#[tokio::test]
async fn a_backup_with_a_damaged_index_is_restored_with_one_made_anew() {
    let place = Place::with_events(9_000).await;
    place.backup("copy", false).unwrap();
    for damage in [
        "DELETE FROM run_filters",
        "DELETE FROM runs WHERE first_position = 1",
        "UPDATE run_pages SET postings = x'00'",
    ] {
        fs::copy(place.path("copy"), place.path("bad")).unwrap();
        run(&place.path("bad"), damage);
        let before = fs::read(place.path("bad")).unwrap();
        let copy = place.restore("bad", "data/log.db").unwrap();
        assert!(copy.reindexed && copy.head.position == 9_000);
        assert_eq!(fs::read(place.path("bad")).unwrap(), before);
        let restored = place.path("data/log.db");
        SqliteLog::verify(&restored, &[], &mut |_| ())
            .await
            .unwrap();
        let log = SqliteLog::open(&restored, SqliteOptions::default()).unwrap();
        assert_eq!(all(&log).await, all(&place.log()).await);
        drop(log);
        fs::remove_dir_all(place.path("data")).unwrap();
    }
    // A node whose index is damaged is told so, rather than left with a backup that is damaged as well.
    run(&place.path("log.db"), "DELETE FROM run_filters");
    let error = place.backup("next", false).unwrap_err();
    assert!(matches!(error, BackupError::DamagedIndex { .. }), "{error}");
    assert!(
        error.to_string().contains("`keruen log reindex`"),
        "{error}"
    );
    assert!(!place.path("next").exists() && !place.path("next.partial").exists());
}

#[tokio::test]
async fn a_backup_is_restored_only_if_it_agrees_with_the_checkpoints() {
    let place = Place::with_events(600).await;
    let copy = place.backup("copy", false).unwrap();
    let signed = |size: u64, root_hash: [u8; 32]| Checkpoint {
        origin: "kept".to_owned(),
        size,
        root_hash,
    };
    let of_copy = signed(600, copy.head.root_hash);
    let before = place.files();
    let into = |checkpoints: &[Checkpoint]| {
        let store = place.path("data/log.db");
        restore(&place.path("copy"), &store, checkpoints, &mut go_on)
    };
    for wrong in [
        signed(600, [7; 32]),
        signed(300, copy.head.root_hash),
        signed(601, copy.head.root_hash),
        signed(0, [7; 32]),
    ] {
        let error = into(&[of_copy.clone(), wrong.clone()]).unwrap_err();
        assert!(matches!(error, BackupError::Disagrees { .. }), "{error}");
        assert!(error.to_string().contains("checkpoint"), "{error}");
        assert_eq!(place.files(), before);
        assert!(!place.path("data").exists());
    }
    into(&[of_copy]).unwrap();
}
