//! What only the SQLite backend can do wrong: its file.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use keruen_log::{
    AppendError, AppendRequest, Bounds, FollowOptions, Log, OpenError, ProposedEvent, Query, Range,
    ReadError, SqliteLog, SqliteOptions, follow,
};
use keruen_proto::log::v1::{OccurredAt, TimePrecision};
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    (folder, path)
}

fn open(path: &Path) -> SqliteLog {
    SqliteLog::open(path, SqliteOptions::default()).unwrap()
}

fn refused(path: &Path) -> OpenError {
    match SqliteLog::open(path, SqliteOptions::default()) {
        Err(error) => error,
        Ok(_) => panic!("{} was opened", path.display()),
    }
}

fn request(data_bytes: usize, events: usize) -> AppendRequest {
    let event = ProposedEvent {
        r#type: "keruen.test.v1.Stored".to_owned(),
        tags: vec!["x:1".to_owned()],
        data: vec![1; data_bytes].into(),
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
        events: vec![event; events],
        ..AppendRequest::default()
    }
}

async fn count(log: &SqliteLog) -> usize {
    log.read(&Query::default(), Range::after(0), 10_000)
        .await
        .unwrap()
        .events
        .len()
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_history() {
    let (_folder, path) = place();
    let log = open(&path);
    log.append(request(1, 300)).await.unwrap();
    let head = log.head().await.unwrap();
    drop(log);
    let connection = Connection::open(&path).unwrap();
    let columns = "command_id, command_hash, event_index, append_events, type, tags, region, other_region, data, \
        occurred_at_us, occurred_offset_minutes, occurred_precision, occurred_clamped, recorded_at_us, actor, \
        origin, correlation_id, causation_id, corrects_event_id, correction_reason, leaf_hash";
    let copy = |position: &str| {
        format!("INTO events (position, {columns}) SELECT {position}, {columns} FROM events")
    };
    for (sql, reason) in [
        ("UPDATE events SET actor = 'b'".to_owned(), "never updated"),
        (
            "UPDATE OR REPLACE events SET position = 2 WHERE position = 1".to_owned(),
            "never updated",
        ),
        (
            "DELETE FROM events WHERE position = 300".to_owned(),
            "never deleted",
        ),
        (
            format!("INSERT OR REPLACE {} WHERE position = 1", copy("1")),
            "only appended",
        ),
        (
            format!("REPLACE {} WHERE position = 1", copy("300")),
            "only appended",
        ),
        (
            format!("INSERT {} WHERE position = 1", copy("302")),
            "only appended",
        ),
        (
            format!("INSERT {} WHERE position = 1", copy("NULL")),
            "only appended",
        ),
        (
            "UPDATE tiles SET hashes = zeroblob(8192)".to_owned(),
            "never updated",
        ),
        ("DELETE FROM tiles".to_owned(), "never deleted"),
        (
            "REPLACE INTO tiles VALUES (0, 0, zeroblob(8192))".to_owned(),
            "only appended",
        ),
        (
            "UPDATE log_head SET position = 299".to_owned(),
            "only advances",
        ),
        (
            "UPDATE log_head SET log_id = zeroblob(16)".to_owned(),
            "only advances",
        ),
        ("DELETE FROM log_head".to_owned(), "never deleted"),
        (
            "REPLACE INTO log_head VALUES (1, zeroblob(16), 9, 0, 0, x'')".to_owned(),
            "one head",
        ),
    ] {
        let error = connection.execute_batch(&sql).unwrap_err().to_string();
        assert!(error.contains(reason), "{sql}: {error}");
    }
    // The statement that the triggers let through shows that the others failed for their reason.
    let next = format!("BEGIN; INSERT {} WHERE position = 1; ROLLBACK", copy("301"));
    connection.execute_batch(&next).unwrap();
    drop(connection);
    assert_eq!(open(&path).head().await.unwrap(), head);
}

#[tokio::test]
async fn one_process_has_the_file() {
    let (folder, path) = place();
    let log = open(&path);
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for name in [&path, &link] {
        let error = refused(name);
        assert!(matches!(error, OpenError::Locked { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains(&format!("process {}", std::process::id())),
            "{error}"
        );
    }
    log.append(request(1, 1)).await.unwrap();
    drop(log);
    assert_eq!(open(&link).head().await.unwrap().position, 1);
}

#[tokio::test]
async fn a_newer_file_is_left_alone() {
    let (_folder, path) = place();
    drop(open(&path));
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let before = fs::read(&path).unwrap();
    let error = refused(&path);
    assert!(
        matches!(error, OpenError::NewerVersion { found: 99, .. }),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn another_file_is_left_alone() {
    let (folder, path) = place();
    let text = "position,type\n1,a text that is longer than the header of an SQLite file is, by far, to be sure of it\n";
    fs::write(&path, text).unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::NotALog { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);

    let other = folder.path().join("other.db");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE mine (a)")
        .unwrap();
    let before = fs::read(&other).unwrap();
    let error = refused(&other);
    assert!(matches!(error, OpenError::NotALog { .. }), "{error}");
    assert_eq!(fs::read(&other).unwrap(), before);

    let error = refused(folder.path());
    assert!(matches!(error, OpenError::NotALog { .. }), "{error}");
    let error = refused(&folder.path().join("missing").join("log.db"));
    assert!(matches!(error, OpenError::NoFolder { .. }), "{error}");
}

#[tokio::test]
async fn a_half_made_file_is_made_anew() {
    let (_folder, path) = place();
    // What a kill before the first transaction leaves behind.
    fs::write(&path, "").unwrap();
    drop(open(&path));
    fs::remove_file(&path).unwrap();
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "journal_mode", "wal")
        .unwrap();
    assert_eq!(
        open(&path)
            .append(request(1, 1))
            .await
            .unwrap()
            .first_position,
        1
    );
}

/// Root may write everywhere, so the test runs itself again as nobody.
#[test]
fn what_cannot_be_written_is_refused() {
    const FOLDER: &str = "KERUEN_TEST_READ_ONLY_FOLDER";
    if let Some(folder) = std::env::var_os(FOLDER) {
        let folder = PathBuf::from(folder);
        for name in ["new.db", "there.db"] {
            let error = refused(&folder.join(name));
            assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
        }
        return;
    }
    let (folder, _) = place();
    drop(open(&folder.path().join("there.db")));
    fs::remove_file(folder.path().join("there.db.lock")).unwrap();
    // A copy, since the folder of the original may be closed to others.
    let program = folder.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let mut again = Command::new(&program);
    again
        .args([
            "--exact",
            "what_cannot_be_written_is_refused",
            "--nocapture",
        ])
        .env(FOLDER, folder.path());
    let is_root =
        fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if is_root {
        again.uid(65_534).gid(65_534);
    }
    let output = again.output().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

#[test]
fn a_bound_that_cannot_be_kept_opens_nothing() {
    let (_folder, path) = place();
    let options = SqliteOptions {
        bounds: Bounds {
            group_events: 0,
            ..Bounds::default()
        },
        ..SqliteOptions::default()
    };
    let message = SqliteLog::open(&path, options).err().unwrap().to_string();
    let expected = "group_events: must be 1 to 16384, found 0; change the bound";
    assert!(message.ends_with(expected), "{message}");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let (_folder, path) = place();
    let options = |max_pages| SqliteOptions {
        max_pages,
        ..SqliteOptions::default()
    };
    let log = SqliteLog::open(&path, options(Some(100))).unwrap();
    let small = request(100, 1);
    log.append(small.clone()).await.unwrap();
    let head = log.head().await.unwrap();

    let large = request(60_000, 10);
    for _ in 0..2 {
        let answers =
            futures::future::join_all([log.append(large.clone()), log.append(small.clone())]).await;
        let full = AppendError::NoSpace(format!(
            "the disk of {} is full; nothing was recorded; free space there, then repeat",
            path.parent().unwrap().display()
        ));
        assert_eq!(answers[0], Err(full));
        assert_eq!(log.head().await.unwrap(), head);
        assert_eq!(count(&log).await, 1);
        assert_eq!(log.find_command(&large.command_id).await, Ok(None));
    }
    // What fits is recorded all the same, and nothing of the refused one stands in its way.
    assert_eq!(log.append(request(100, 2)).await.unwrap().last_position, 3);
    drop(log);

    let log = SqliteLog::open(&path, options(None)).unwrap();
    assert_eq!(log.append(large).await.unwrap().last_position, 13);
    drop(log);
    assert_eq!(open(&path).head().await.unwrap().position, 13);
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_refuses_and_goes_on_by_itself() {
    let (_folder, path) = place();
    let free = Arc::new(AtomicU64::new(u64::MAX));
    let looks = Arc::new(AtomicU64::new(0));
    let (told, counted) = (Arc::clone(&free), Arc::clone(&looks));
    let options = SqliteOptions {
        min_free_bytes: 1 << 20,
        free_space: Some(Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            match told.load(Ordering::Relaxed) {
                0 => Err(std::io::ErrorKind::Unsupported.into()),
                free => Ok(free),
            }
        })),
        ..SqliteOptions::default()
    };
    let log = SqliteLog::open(&path, options).unwrap();
    let first = request(1, 1);
    let appended = log.append(first.clone()).await.unwrap();
    let head = log.head().await.unwrap();

    free.store((1 << 20) - 1, Ordering::Relaxed);
    for refused in [request(1, 1), request(1, 1_000)] {
        let Err(AppendError::NoSpace(message)) = log.append(refused.clone()).await else {
            panic!("it was recorded");
        };
        assert!(
            message.contains("only 1023.9 KiB")
                && message.contains("1.0 MiB stay in reserve")
                && message.contains(&*path.parent().unwrap().to_string_lossy()),
            "{message}"
        );
        assert!(message.contains("nothing was recorded"), "{message}");
        assert_eq!(log.find_command(&refused.command_id).await, Ok(None));
    }
    // What is there is answered, also to whoever repeats a command.
    assert_eq!(count(&log).await, 1);
    assert_eq!(log.head().await.unwrap(), head);
    assert_eq!(log.append(first).await.unwrap(), appended);

    free.store(1 << 20, Ordering::Relaxed);
    assert_eq!(log.append(request(1, 2)).await.unwrap().last_position, 3);
    // Where nobody can tell, the disk itself has the last word.
    free.store(0, Ordering::Relaxed);
    assert_eq!(log.append(request(1, 1)).await.unwrap().last_position, 4);
    // Once a group, and never for what is read.
    assert_eq!(looks.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn no_space_for_a_new_file_is_told() {
    let (_folder, path) = place();
    let options = SqliteOptions {
        max_pages: Some(3),
        ..SqliteOptions::default()
    };
    let error = SqliteLog::open(&path, options).err().unwrap();
    assert!(matches!(error, OpenError::DiskFull { .. }), "{error}");
    // Nothing half made is left behind.
    assert_eq!(
        open(&path)
            .append(request(1, 1))
            .await
            .unwrap()
            .first_position,
        1
    );
}

#[tokio::test]
async fn a_writer_that_lost_the_log_stops() {
    let (_folder, path) = place();
    let log = open(&path);
    log.append(request(1, 1)).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other
        .execute("UPDATE log_head SET epoch = epoch + 1", [])
        .unwrap();
    for _ in 0..2 {
        match log.append(request(1, 1)).await {
            Err(AppendError::Unavailable(message) | AppendError::NotRecorded(message)) => {
                assert!(message.contains("another writer"), "{message}");
            }
            answer => panic!("{answer:?}"),
        }
    }
    assert_eq!(count(&log).await, 1);
}

#[tokio::test]
async fn a_log_that_contradicts_itself_is_not_opened() {
    for (damage, found) in [
        (
            "UPDATE log_head SET frontier = zeroblob(length(frontier))",
            "tree at position 300",
        ),
        (
            "DROP TRIGGER tiles_are_never_deleted; DELETE FROM tiles",
            "tree at position 300",
        ),
        (
            "DROP TRIGGER events_are_never_updated; UPDATE events SET leaf_hash = zeroblob(32)",
            "tree at position 300",
        ),
        (
            "DROP TRIGGER events_are_never_deleted; DELETE FROM events WHERE position = 300",
            "newest event 299",
        ),
        ("UPDATE log_head SET position = 301", "newest event 300"),
    ] {
        let (_folder, path) = place();
        let log = open(&path);
        log.append(request(1, 300)).await.unwrap();
        drop(log);
        Connection::open(&path)
            .unwrap()
            .execute_batch(damage)
            .unwrap();
        let error = refused(&path);
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(found), "{error}");
    }
}

#[tokio::test]
async fn a_closed_log_finishes_what_is_queued_and_ends_its_followers() {
    use futures::StreamExt as _;

    let (_folder, path) = place();
    let log = Arc::new(open(&path));
    let mut followed = Box::pin(follow(
        Arc::clone(&log) as _,
        Query::default(),
        0,
        FollowOptions::default(),
    ));
    assert_eq!(followed.next().await.unwrap().unwrap().position, 0);
    // Queued by the first poll, before the log is closed.
    let mut queued: Vec<_> = (0..50).map(|_| log.append(request(1, 1))).collect();
    for append in &mut queued {
        assert!(futures::poll!(append).is_pending());
    }
    let closing = Arc::clone(&log);
    tokio::task::spawn_blocking(move || closing.close())
        .await
        .unwrap();
    for append in queued {
        append.await.unwrap();
    }
    assert_eq!(
        log.append(request(1, 1)).await,
        Err(AppendError::NotRecorded(
            "the log is closed; nothing was recorded".to_owned()
        ))
    );
    assert_eq!(count(&log).await, 50);
    let mut events = 0;
    let end = loop {
        match followed.next().await.unwrap() {
            Ok(batch) => events += batch.events.len(),
            Err(error) => break error,
        }
    };
    assert_eq!(events, 50);
    assert_eq!(end, ReadError::Unavailable("the log was closed".to_owned()));
}

/// What is written stands in the file before the log is closed, and the write-ahead log begins anew while others append
/// without a pause.
#[tokio::test(flavor = "multi_thread")]
async fn the_write_ahead_log_does_not_grow_with_the_log() {
    const APPENDED_BYTES: u64 = 192 << 20;
    let (_folder, path) = place();
    let log = open(&path);
    let appends = APPENDED_BYTES / (11_000 * 64);
    for _ in 0..appends {
        log.append(request(11_000, 64)).await.unwrap();
    }
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    let write_ahead_bytes = size(&path.with_file_name("log.db-wal"));
    assert!(
        write_ahead_bytes < APPENDED_BYTES / 2,
        "{write_ahead_bytes} bytes"
    );
    let file_bytes = size(&path);
    assert!(file_bytes > APPENDED_BYTES / 2, "{file_bytes} bytes");
    drop(log);
    assert!(!path.with_file_name("log.db-wal").exists());
    assert_eq!(open(&path).head().await.unwrap().position, appends * 64);
}
