//! What goes wrong with the server under a log: it crashes, comes back with other settings, takes no writes, or is full.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(
    unused_imports,
    unused_macros,
    clippy::unused_async,
    reason = "the suite itself runs elsewhere"
)]
mod contract;
mod rivals;

use std::{
    io::Write as _,
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use contract::{event, request};
use keruen_log::{
    AppendError, AppendRequest, Appended, Log, PostgresLog, PostgresOptions, PostgresRefusal,
    TakeOver,
};
use keruen_test_servers::postgres::{Database, Server};
use rivals::check;
use tokio::task::block_in_place;

/// Whatever is waited for happens long before this on any machine.
const PATIENCE: Duration = Duration::from_mins(2);

async fn node(url: &str, name: &str) -> Result<PostgresLog, PostgresRefusal> {
    let options = PostgresOptions {
        node: name.to_owned(),
        take_over: TakeOver::WhenSilent,
        ..PostgresOptions::default()
    };
    PostgresLog::open(url, options)
        .await
        .map_err(|error| error.reason)
}

fn small() -> AppendRequest {
    request(vec![event("Stored", &["x:1"])])
}

/// Sends it to each of the nodes in turn until one answers.
async fn until_answered(nodes: &[&PostgresLog], request: &AppendRequest) -> Appended {
    let deadline = Instant::now() + PATIENCE;
    for node in nodes.iter().cycle() {
        match node.append(request.clone()).await {
            Ok(appended) => return appended,
            Err(
                error @ (AppendError::Unavailable(_)
                | AppendError::NotRecorded(_)
                | AppendError::NoSpace(_)),
            ) => {
                assert!(Instant::now() < deadline, "{error}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("the nodes are asked for ever")
}

/// Repeats the append until it is refused for this reason.
async fn until_refused_for(log: &dyn Log, request: &AppendRequest, reason: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match log.append(request.clone()).await {
            Err(AppendError::Unavailable(message) | AppendError::NotRecorded(message))
                if message.contains(reason) =>
            {
                return;
            }
            answer => assert!(Instant::now() < deadline, "{answer:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_crashes_leaves_one_writer() {
    let mut server = Server::start();
    let database = server.database();
    let nodes = [
        Arc::new(node(database.url(), "first").await.unwrap()),
        Arc::new(node(database.url(), "second").await.unwrap()),
    ];
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (nodes, stop) = (nodes.clone(), Arc::clone(&stop));
        clients.spawn(async move {
            let mut answered = Vec::new();
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                let request = small();
                let appended = until_answered(&[&nodes[0], &nodes[1]], &request).await;
                answered.push((request, appended));
            }
            answered
        });
    }
    let mut head = nodes[0].watch_head();
    for _ in 0..4 {
        let position = *head.borrow_and_update();
        head.wait_for(|head| *head > position + 100).await.unwrap();
        block_in_place(|| server.restart());
    }
    let position = *head.borrow_and_update();
    head.wait_for(|head| *head > position + 100).await.unwrap();
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    let answered: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    for node in &nodes {
        check(&**node, &answered).await;
    }
    drop(nodes);
    drop(database);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_unsafe_is_not_written_to() {
    let mut server = Server::start();
    let database = server.database();
    let log = node(database.url(), "node").await.unwrap();
    let first = small();
    let mut answered = vec![(first.clone(), log.append(first).await.unwrap())];
    let next = small();
    for (setting, name) in [
        ("fsync=off", "fsync"),
        ("full_page_writes=off", "full_page"),
    ] {
        block_in_place(|| server.restart_with(&[setting]));
        until_refused_for(&log, &next, name).await;
        // The append may have noticed before the election does.
        let mut leads = log.leads();
        let steps_down = leads.wait_for(|leads| !*leads);
        tokio::time::timeout(PATIENCE, steps_down)
            .await
            .unwrap()
            .unwrap();
        // Nobody else takes over either, and reads go on.
        assert!(node(database.url(), "other").await.is_err());
        check(&log, &answered).await;
    }
    // Also when it is turned off while it runs.
    block_in_place(|| server.restart());
    answered.push((next.clone(), until_answered(&[&log], &next).await));
    database.execute("ALTER SYSTEM SET fsync = off");
    database.execute("SELECT pg_reload_conf()");
    let last = small();
    let refused_for_fsync = async {
        // Until it notices it may still append; each of those stands in the log.
        let mut before = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let request = small();
            match log.append(request.clone()).await {
                Ok(appended) => before.push((request, appended)),
                Err(error) => {
                    assert!(error.to_string().contains("fsync"), "{error}");
                    return before;
                }
            }
            assert!(Instant::now() < deadline, "it is never noticed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    answered.extend(refused_for_fsync.await);
    database.execute("ALTER SYSTEM RESET fsync");
    database.execute("SELECT pg_reload_conf()");
    answered.push((last.clone(), until_answered(&[&log], &last).await));
    check(&log, &answered).await;
    drop(log);
    drop(database);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_no_writes_is_named() {
    let database = Database::new();
    let log = node(database.url(), "node").await.unwrap();
    let first = small();
    let answered = vec![(first.clone(), log.append(first).await.unwrap())];
    database.execute(&format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        database.name()
    ));
    match node(database.url(), "other").await {
        Err(PostgresRefusal::ReadOnly(reason)) => {
            assert!(reason.contains("default_transaction_read_only"), "{reason}");
        }
        Err(reason) => panic!("{reason}"),
        Ok(_) => panic!("it was opened"),
    }
    // Connections that were made before may write; new ones may not.
    database.execute(
        "BEGIN READ WRITE; SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name LIKE 'keruen%'; COMMIT",
    );
    let next = small();
    until_refused_for(&log, &next, "takes no writes").await;
    check(&log, &answered).await;
    database.execute(&format!(
        "BEGIN READ WRITE; ALTER DATABASE {} RESET default_transaction_read_only; COMMIT",
        database.name()
    ));
    let appended = until_answered(&[&log], &next).await;
    assert_eq!(appended.first_position, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_of_an_older_version_is_left_alone() {
    let database = Database::new();
    let writer = node(database.url(), "older").await.unwrap();
    let other = node(database.url(), "newer").await.unwrap();
    drop(other);
    // What a newer program would find.
    database.execute(
        "DELETE FROM keruen_log.migrations WHERE number = (SELECT max(number) FROM keruen_log.migrations)",
    );
    match node(database.url(), "newer").await {
        Err(PostgresRefusal::OlderWriter { node, .. }) => {
            assert!(node.starts_with("older"), "{node}");
        }
        Err(reason) => panic!("{reason}"),
        Ok(_) => panic!("it was opened"),
    }
    writer.append(small()).await.unwrap();
}

/// A file system of its own that is full soon. Unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::Builder::new()
            .prefix("keruen-disk-")
            .tempdir_in("/tmp")
            .unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256m,mode=0755", "tmpfs"])
            .arg(folder.path())
            .output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(Self(folder))
    }
}

impl SmallDisk {
    /// Leaves room for so many MiB.
    fn fill_but(&self, left_mib: u64) {
        let mut ballast = std::fs::File::create(self.ballast()).unwrap();
        let block = vec![0; 1 << 20];
        while ballast.write_all(&block).is_ok() {}
        let written = ballast.metadata().unwrap().len();
        ballast
            .set_len(written.saturating_sub(left_mib << 20))
            .unwrap();
    }

    fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: a small disk can only be mounted by root, and not in every container");
        return;
    };
    let small_wal = ["max_wal_size=32MB", "min_wal_size=32MB"];
    let mut server = Server::start_in(disk.0.path(), &small_wal);
    let database = server.database();
    let log = node(database.url(), "node").await.unwrap();
    disk.fill_but(32);
    let mut answered = Vec::new();
    let mut large = event("Stored", &["x:1"]);
    // It can't be compressed.
    let mut state = 1_u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[1]
    };
    let (refused, error) = loop {
        large.data = (0..32 * 1024).map(|_| noise()).collect();
        let request = request(vec![large.clone(); 20]);
        match log.append(request.clone()).await {
            Ok(appended) => answered.push((request, appended)),
            Err(error) => break (request, error),
        }
        assert!(answered.len() < 1_000, "the disk is never full");
    };
    eprintln!("after {} appends: {error}", answered.len());
    // Full of events the server says so; full of its own log it breaks down.
    assert!(
        matches!(
            error,
            AppendError::NoSpace(_) | AppendError::Unavailable(_) | AppendError::NotRecorded(_)
        ),
        "{error}"
    );
    disk.make_room();
    block_in_place(|| server.restart_with(&small_wal));
    let appended = until_answered(&[&log], &refused).await;
    answered.push((refused, appended));
    check(&log, &answered).await;
    drop(log);
    drop(database);
    drop(server);
}
