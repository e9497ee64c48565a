//! What only the PostgreSQL backend can do wrong: its server, its rights, its rivals.

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
    collections::HashMap,
    env,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use contract::{event, provided, request, tagged};
use keruen_log::{
    AppendError, AppendRequest, Appended, Bounds, Log, PostgresLog, PostgresOptions,
    PostgresRefusal,
};
use keruen_test_servers::{
    postgres::{Database, Server},
    process::Process,
};
use rivals::check;
use rustix::process::Signal;

async fn open(url: &str) -> PostgresLog {
    PostgresLog::open(url, PostgresOptions::default())
        .await
        .unwrap()
}

async fn refused(url: &str) -> PostgresRefusal {
    match PostgresLog::open(url, PostgresOptions::default()).await {
        Err(error) => error.reason,
        Ok(_) => panic!("{url} was opened"),
    }
}

/// Runs one statement that must fail, and returns what the server says.
fn refusal(url: &str, sql: &str) -> String {
    use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
    let (url, sql) = (url.to_owned(), sql.to_owned());
    let refused = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut connection)
                .await
                .map(|_| ())
        })
    });
    match refused.join().unwrap() {
        Err(error) => error.to_string(),
        Ok(()) => panic!("it was let through"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_itself_refuses_to_change_history() {
    let database = Database::new();
    let log = open(database.url()).await;
    log.append(request(vec![event("Stored", &["x:1"]); 300]))
        .await
        .unwrap();
    let head = log.head().await.unwrap();
    drop(log);
    let columns = "command_id, command_hash, event_index, append_events, type, tags, region, other_region, data, \
        occurred_at_us, occurred_offset_minutes, occurred_precision, occurred_clamped, recorded_at_us, actor, \
        origin, correlation_id, causation_id, corrects_event_id, correction_reason, leaf_hash";
    let copy = |position: &str| {
        format!(
            "INSERT INTO keruen_log.events (position, {columns}) \
             SELECT {position}, {columns} FROM keruen_log.events WHERE position = 1"
        )
    };
    let replica = "SET session_replication_role = replica;";
    for (sql, reason) in [
        (
            "UPDATE keruen_log.events SET actor = 'b'".to_owned(),
            "append-only",
        ),
        (
            "UPDATE keruen_log.events SET actor = 'b' WHERE position = 999".to_owned(),
            "append-only",
        ),
        (
            "DELETE FROM keruen_log.events WHERE position = 300".to_owned(),
            "append-only",
        ),
        (
            format!("{replica} DELETE FROM keruen_log.events"),
            "append-only",
        ),
        ("TRUNCATE keruen_log.events".to_owned(), "append-only"),
        (
            format!("{} ON CONFLICT (position) DO UPDATE SET actor = 'b'", copy("1")),
            "append-only",
        ),
        (copy("302"), "only appended"),
        (copy("301"), "only appended"),
        (copy("1"), "duplicate key"),
        (
            format!(
                "BEGIN; UPDATE keruen_log.log_head SET position = 302, previous_position = 300; {}",
                copy("302")
            ),
            "only appended",
        ),
        (
            format!(
                "BEGIN; UPDATE keruen_log.log_head SET position = 301, previous_position = 300; {}",
                copy("301").replace(", leaf_hash FROM", ", '' FROM")
            ),
            "hashes have 32 bytes",
        ),
        (
            "UPDATE keruen_log.log_head SET position = 302".to_owned(),
            "only advances",
        ),
        (
            "UPDATE keruen_log.log_head SET frontier = 'a'".to_owned(),
            "only advances",
        ),
        (
            "UPDATE keruen_log.tiles SET number = 7".to_owned(),
            "append-only",
        ),
        ("TRUNCATE keruen_log.tiles".to_owned(), "append-only"),
        (
            "INSERT INTO keruen_log.tiles SELECT 0, 2, hashes FROM keruen_log.tiles".to_owned(),
            "only appended",
        ),
        (
            "UPDATE keruen_log.log_head SET position = 299".to_owned(),
            "only advances",
        ),
        (
            "UPDATE keruen_log.log_head SET log_id = decode(repeat('00', 16), 'hex')".to_owned(),
            "only advances",
        ),
        ("DELETE FROM keruen_log.log_head".to_owned(), "append-only"),
        (
            "INSERT INTO keruen_log.log_head SELECT 2, log_id, 9, 0, 0, '' FROM keruen_log.log_head"
                .to_owned(),
            "one head",
        ),
    ] {
        let said = refusal(database.url(), &sql);
        assert!(said.contains(reason), "{sql}: {said}");
    }
    // What the triggers let through shows that the others failed for their reason.
    database.execute(&format!(
        "BEGIN; UPDATE keruen_log.log_head SET position = 301, previous_position = 300; {}; ROLLBACK",
        copy("301")
    ));
    assert_eq!(open(database.url()).await.head().await.unwrap(), head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_appends_may_do_nothing_else() {
    let database = Database::new();
    let user = format!("app_{}", database.name());
    database.execute(&format!("CREATE ROLE {user} LOGIN"));
    let url = database.url_of(&user);
    // Makes nothing, since it may not; then has no part in what the owner made.
    let reason = refused(&url).await;
    assert!(
        matches!(reason, PostgresRefusal::NoPrivilege { .. }),
        "{reason}"
    );
    drop(open(database.url()).await);
    let reason = refused(&url).await;
    assert!(
        matches!(reason, PostgresRefusal::NoPrivilege { .. }),
        "{reason}"
    );
    database.execute(&format!("GRANT keruen_writer, keruen_reader TO {user}"));
    let log = open(&url).await;
    let first = request(vec![event("Stored", &["x:1"]); 2]);
    let answered = log.append(first.clone()).await.unwrap();
    check(&log, &[(first, answered)]).await;
    for sql in [
        "UPDATE keruen_log.events SET actor = 'b'",
        "DELETE FROM keruen_log.events",
        "TRUNCATE keruen_log.events",
        "ALTER TABLE keruen_log.events DISABLE TRIGGER ALL",
        "DROP TABLE keruen_log.events",
        "UPDATE keruen_log.tiles SET level = 1",
        "UPDATE keruen_log.log_head SET log_id = ''",
        "DELETE FROM keruen_log.log_head",
        "UPDATE keruen_log.runs SET last_position = 1",
        "UPDATE keruen_log.run_pages SET postings = ''",
        "UPDATE keruen_log.run_filters SET filter = ''",
        "TRUNCATE keruen_log.run_pages",
        "DELETE FROM keruen_log.migrations",
        "SET session_replication_role = replica",
    ] {
        let said = refusal(&url, sql);
        assert!(
            said.contains("permission denied") || said.contains("must be owner"),
            "{sql}: {said}"
        );
    }
    drop(log);
    database.execute(&format!("DROP OWNED BY {user}; DROP ROLE {user}"));
}

/// A second log on one server, of a user who may not make roles: those of the first one are told to be granted.
#[tokio::test(flavor = "multi_thread")]
async fn roles_that_are_there_are_only_to_be_granted() {
    let (first, second) = (Database::new(), Database::new());
    drop(open(first.url()).await);
    let user = format!("owner_{}", second.name());
    let name = second.name();
    second.execute(&format!(
        "CREATE ROLE {user} LOGIN; GRANT CREATE ON DATABASE \"{name}\" TO {user}"
    ));
    let told = refused(&second.url_of(&user)).await.to_string();
    let grant = format!("GRANT keruen_writer, keruen_reader TO {user}");
    assert!(
        told.contains(&grant) && !told.contains("CREATE ROLE"),
        "{told}"
    );
    second.execute(&grant);
    drop(open(&second.url_of(&user)).await);
    second.execute(&format!("DROP OWNED BY {user} CASCADE; DROP ROLE {user}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_could_lose_events_is_refused() {
    let server = Server::start_with(&["fsync=off"]);
    let reason = refused(server.database().url()).await;
    assert!(matches!(reason, PostgresRefusal::FsyncOff), "{reason}");
    drop(server);
    let server = Server::start_with(&["full_page_writes=off"]);
    let reason = refused(server.database().url()).await;
    assert!(
        matches!(reason, PostgresRefusal::FullPageWritesOff),
        "{reason}"
    );
    drop(server);
    let database = Database::new();
    for setting in ["off", "local", "remote_write"] {
        database.execute(&format!(
            "ALTER DATABASE {} SET synchronous_commit = {setting}",
            database.name()
        ));
        match refused(database.url()).await {
            PostgresRefusal::SynchronousCommitOff { found } => assert_eq!(found, setting),
            reason => panic!("{reason}"),
        }
    }
    // Nothing was made there.
    assert!(refusal(database.url(), "SELECT * FROM keruen_log.events").contains("does not exist"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_kind_or_version_is_left_alone() {
    let database = Database::new();
    let reader = PostgresLog::open_reader(database.url(), PostgresOptions::default()).await;
    assert!(reader.is_err_and(|error| matches!(
        error.reason,
        PostgresRefusal::OlderVersion { found: 0, .. }
    )));
    database.execute("CREATE SCHEMA keruen_log");
    assert!(matches!(
        refused(database.url()).await,
        PostgresRefusal::NotALog
    ));
    database.execute("DROP SCHEMA keruen_log");
    drop(open(database.url()).await);
    let epoch = "SELECT 1 / (epoch = 1)::integer FROM keruen_log.log_head";
    database.execute("INSERT INTO keruen_log.migrations VALUES (99, sha256(''))");
    let reason = refused(database.url()).await;
    assert!(
        matches!(reason, PostgresRefusal::NewerVersion { found: 6, .. }),
        "{reason}"
    );
    database.execute(epoch);
    database.execute(
        "DELETE FROM keruen_log.migrations WHERE number = 99; \
         UPDATE keruen_log.migrations SET sha256 = sha256('') WHERE number = 2",
    );
    let reason = refused(database.url()).await;
    assert!(
        matches!(reason, PostgresRefusal::OtherMigration { number: 2 }),
        "{reason}"
    );
    database.execute(epoch);
    let reason = refused("postgres://keruen@127.0.0.1:1/none").await;
    assert!(
        matches!(reason, PostgresRefusal::Unreachable(_)),
        "{reason}"
    );
    let error = PostgresLog::open("postgres://u:secret@[", PostgresOptions::default()).await;
    let message = error.err().unwrap().to_string();
    assert!(!message.contains("secret"), "{message}");
}

#[tokio::test]
async fn a_bound_that_cannot_be_kept_is_refused() {
    let options = PostgresOptions {
        bounds: Bounds {
            append_bytes: 1_000,
            queue_bytes: 999,
            ..Bounds::default()
        },
        ..PostgresOptions::default()
    };
    // Nobody is asked.
    let opened = PostgresLog::open("postgres://keruen@127.0.0.1:1/none", options).await;
    let message = opened.err().unwrap().to_string();
    let expected = "queue_bytes: must be 1000 to 1073741824, found 999; change the bound";
    assert!(message.ends_with(expected), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_writer_fences_the_first() {
    let database = Database::new();
    let first = open(database.url()).await;
    let before = request(vec![event("Stored", &["x:1"])]);
    let answer = first.append(before.clone()).await.unwrap();
    let mut seen_by_first = first.watch_head();
    let second = open(database.url()).await;
    let after = request(vec![event("Stored", &["x:1"])]);
    let next = second.append(after.clone()).await.unwrap();
    assert_eq!(next.first_position, 2);
    // What the first does not know yet is no fault of its caller.
    let unheard = provided(request(vec![event("Stored", &[])]), tagged("x:1"), 2);
    for refused in [unheard, request(vec![event("Stored", &[])])] {
        match first.append(refused).await {
            Err(AppendError::Unavailable(message) | AppendError::NotRecorded(message)) => {
                assert!(message.contains("another writer"), "{message}");
            }
            answer => panic!("{answer:?}"),
        }
    }
    // Both read the same, and hear of it.
    seen_by_first.wait_for(|head| *head == 2).await.unwrap();
    check(&first, &[(before.clone(), answer), (after, next)]).await;
    assert_eq!(second.append(before).await, Ok(answer));
    first.close();
    second
        .append(request(vec![event("Stored", &[])]))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_follows_the_writer_of_another_process() {
    let database = Database::new();
    let writer = open(database.url()).await;
    let reader = PostgresLog::open_reader(database.url(), PostgresOptions::default())
        .await
        .unwrap();
    let mut head = reader.watch_head();
    let mut answered = Vec::new();
    for position in 1..=20 {
        let request = request(vec![event("Stored", &["x:1"])]);
        answered.push((request.clone(), writer.append(request).await.unwrap()));
        head.wait_for(|head| *head == position).await.unwrap();
        if position % 7 == 0 {
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = 'keruen log reader'",
            );
        }
    }
    check(&reader, &answered).await;
    assert_eq!(
        reader.append(request(vec![event("Stored", &[])])).await,
        Err(AppendError::NotRecorded(
            "this process only reads the log; nothing was recorded".to_owned()
        ))
    );
    reader.close();
    while head.changed().await.is_ok() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_keeps_the_head_locked_is_ended() {
    let database = Database::new();
    let first = open(database.url()).await;
    first
        .append(request(vec![event("Stored", &[])]))
        .await
        .unwrap();
    let url = database.url().to_owned();
    let (locked, is_locked) = std::sync::mpsc::channel();
    let stuck = std::thread::spawn(move || {
        use sqlx::{Connection as _, PgConnection};
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            sqlx::raw_sql("BEGIN; UPDATE keruen_log.log_head SET epoch = epoch + 1")
                .execute(&mut connection)
                .await
                .unwrap();
            locked.send(()).unwrap();
            // Ends when the server ends it.
            sqlx::raw_sql("SELECT pg_sleep(3600)")
                .execute(&mut connection)
                .await
                .unwrap_err()
        })
    });
    is_locked.recv().unwrap();
    let second = open(database.url()).await;
    stuck.join().unwrap();
    let next = second
        .append(request(vec![event("Stored", &[])]))
        .await
        .unwrap();
    assert_eq!(next.first_position, 2);
    check(&second, &[]).await;
}

/// Appends from many callers until told to stop; each repeats its command until it is answered.
struct Traffic {
    stop: Arc<AtomicBool>,
    clients: tokio::task::JoinSet<Vec<(AppendRequest, Appended)>>,
}

impl Traffic {
    fn start(log: &Arc<PostgresLog>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..8_usize {
            let (log, stop) = (Arc::clone(log), Arc::clone(&stop));
            clients.spawn(async move {
                let mut answered = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let tag = format!("x:{client}");
                    let request = request(vec![event("Stored", &[&tag]); client % 3 + 1]);
                    answered.push((request.clone(), until_answered(&*log, request).await));
                }
                answered
            });
        }
        Self { stop, clients }
    }

    async fn stop(self) -> Vec<(AppendRequest, Appended)> {
        self.stop.store(true, Ordering::SeqCst);
        self.clients
            .join_all()
            .await
            .into_iter()
            .flatten()
            .collect()
    }
}

async fn until_answered(log: &dyn Log, request: AppendRequest) -> Appended {
    loop {
        match log.append(request.clone()).await {
            Ok(appended) => return appended,
            Err(AppendError::Unavailable(_) | AppendError::NotRecorded(_)) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_writer_whose_backend_is_killed_goes_on() {
    let database = Database::new();
    let log = Arc::new(open(database.url()).await);
    let traffic = Traffic::start(&log);
    let mut head = log.watch_head();
    for round in 1..=20_u64 {
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name = 'keruen log writer'",
        );
        let position = *head.borrow_and_update();
        head.wait_for(|head| *head > position + round)
            .await
            .unwrap();
    }
    let answered = traffic.stop().await;
    check(&*log, &answered).await;
    // Each time it was still the writer.
    database.execute("SELECT 1 / (epoch > 10)::integer FROM keruen_log.log_head");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_crashes_loses_nothing() {
    let mut server = Server::start();
    let database = server.database();
    let log = Arc::new(open(database.url()).await);
    let traffic = Traffic::start(&log);
    let mut head = log.watch_head();
    for _ in 0..3 {
        let position = *head.borrow_and_update();
        head.wait_for(|head| *head > position + 50).await.unwrap();
        server = tokio::task::spawn_blocking(move || {
            server.restart();
            server
        })
        .await
        .unwrap();
    }
    let answered = traffic.stop().await;
    assert!(answered.len() > 50);
    check(&*log, &answered).await;
}

/// Not a test of its own: the process that [`a_writer_that_was_stopped_can_do_no_harm`] starts and stops.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by another test"]
async fn a_process_that_writes() {
    let Ok(url) = env::var("KERUEN_TEST_WRITER_URL") else {
        return;
    };
    let log = open(&url).await;
    loop {
        let sent = request(vec![event("Stored", &["x:1"])]);
        println!("sent {}", sent.command_id);
        match log.append(sent).await {
            Ok(appended) => println!("answered {}", appended.first_position),
            Err(error) => {
                println!("refused {error}");
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_was_stopped_can_do_no_harm() {
    let database = Database::new();
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args([
            "--ignored",
            "--exact",
            "a_process_that_writes",
            "--nocapture",
        ])
        .env("KERUEN_TEST_WRITER_URL", database.url())
        .stdout(Stdio::piped());
    let mut first = Process::spawn(&mut command).unwrap();
    let mut lines = BufReader::new(first.child().stdout.take().unwrap()).lines();
    // Of what it sent: the answer, where there is one.
    let mut sent: Vec<(AppendRequest, Option<u64>)> = Vec::new();
    let mut ended = None;
    let mut second = None;
    let mut repeated = HashMap::new();
    while ended.is_none() {
        let line = lines.next().unwrap().unwrap();
        if let Some(id) = line.strip_prefix("sent ") {
            let mut request = request(vec![event("Stored", &["x:1"])]);
            request.command_id = id.to_owned();
            sent.push((request, None));
        } else if let Some(position) = line.strip_prefix("answered ") {
            sent.last_mut().unwrap().1 = Some(position.parse().unwrap());
        } else if let Some(error) = line.strip_prefix("refused ") {
            ended = Some(error.to_owned());
        }
        if sent.len() < 200 || second.is_some() {
            continue;
        }
        first.signal(Signal::STOP);
        let log = open(database.url()).await;
        // Everything that the first was asked for is asked for again; this is the last word.
        for (request, _) in &sent {
            let appended = log.append(request.clone()).await.unwrap();
            repeated.insert(request.command_id.clone(), appended.first_position);
        }
        second = Some(log);
        first.signal(Signal::CONT);
    }
    assert!(ended.unwrap().contains("another writer"));
    let log = second.unwrap();
    let mut answered = Vec::new();
    for (request, position) in sent {
        let again = log.append(request.clone()).await.unwrap();
        if let Some(position) = position {
            assert_eq!(again.first_position, position);
        }
        if let Some(position) = repeated.get(&request.command_id) {
            assert_eq!(again.first_position, *position);
        }
        answered.push((request, again));
    }
    check(&log, &answered).await;
}
