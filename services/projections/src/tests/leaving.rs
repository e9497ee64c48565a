//! Whoever asks may leave before the answer is there: nothing goes on for nobody.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use keruen_test_servers::postgres::Database;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::sync::oneshot;

use super::{
    following::{append, open_log, until},
    history::eventful,
};
use crate::{
    copies::Place,
    database::{Address, Connection},
    refusal::Refusal,
    view::CURRENT,
    views::{ViewOptions, Views},
};

const READERS: usize = 2;
/// What is left waits no longer.
const SHORT: Duration = Duration::from_millis(200);
/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);
const EVENTS: usize = 50;

fn options() -> ViewOptions {
    ViewOptions {
        readers: READERS,
        max_query: PATIENCE,
        ..ViewOptions::default()
    }
}

fn count(rows: &Connection) -> Result<i64, Refusal> {
    let mut statement = rows.prepare_cached("SELECT COUNT(*) FROM stock_totals")?;
    Ok(statement.query_row(&[], |row| row.get(0))?.unwrap())
}

/// Sessions of the views on a database.
async fn sessions(session: &mut PgConnection) -> usize {
    let sql = "SELECT COUNT(*) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'keruen views'";
    let sessions: i64 = sqlx::query_scalar(sql).fetch_one(session).await.unwrap();
    usize::try_from(sessions).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_nobody_waits_for_take_no_sessions_of_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_log(&dir.path().join("log.db"));
    append(&*log, &eventful().events[..EVENTS]).await;
    let database = Database::new();
    let place = Place::Server(Box::new(Address::parse(database.url()).unwrap()));
    let views = Views::at(&place, options());
    let running = views.run(log);
    until(&views, |status| status.position == EVENTS as u64).await;
    let mut session = PgConnection::connect(database.url()).await.unwrap();
    // What one transaction sees of others does not change.
    let mut locking = PgConnection::connect(database.url()).await.unwrap();
    let before = sessions(&mut session).await;

    let schema = tokio::task::spawn_blocking(move || {
        let copies = place.copies(&CURRENT).unwrap();
        copies.answering.unwrap().schema()
    });
    let schema = schema.await.unwrap();
    let lock = format!("BEGIN; LOCK TABLE {schema}.stock_totals IN ACCESS EXCLUSIVE MODE");
    locking.execute(AssertSqlSafe(lock)).await.unwrap();
    for _ in 0..READERS * 5 {
        let asked = tokio::time::timeout(SHORT, views.read(count)).await;
        assert!(asked.is_err(), "{asked:?}");
        // Those that read, and for a moment one for each of them that breaks it off.
        let now = sessions(&mut session).await;
        assert!(now <= before + 2 * READERS, "{now} after {before}");
    }
    locking.execute("COMMIT").await.unwrap();
    let (rows, _) = views.read(count).await.unwrap();
    assert!(rows > 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_ends_whenever_its_asker_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_log(&dir.path().join("log.db"));
    append(&*log, &eventful().events[..EVENTS]).await;
    let database = Database::new();
    let server = Place::Server(Box::new(Address::parse(database.url()).unwrap()));
    for place in [Place::Folder(dir.path().join("views")), server] {
        let views = Views::at(&place, options());
        let running = views.run(log.clone());
        until(&views, |status| status.position == EVENTS as u64).await;
        // More of them than can be answered at once, each of which asks for ever.
        for _ in 0..=READERS {
            let (begun, is_begun) = oneshot::channel();
            let (ended, has_ended) = oneshot::channel();
            let asking = tokio::spawn(ask_for_ever(views.clone(), begun, ended));
            is_begun.await.unwrap();
            asking.abort();
            let found: Result<(), Refusal> = has_ended.await.unwrap();
            assert!(found.is_err(), "it went on after its asker had left");
        }
        views.read(count).await.unwrap();
        running.stop().await;
    }
}

/// Many small questions, between any two of which whoever asked may leave.
async fn ask_for_ever(
    views: Arc<Views>,
    begun: oneshot::Sender<()>,
    ended: oneshot::Sender<Result<(), Refusal>>,
) {
    let question = move |rows: &Connection| {
        begun.send(()).unwrap();
        // The asker leaves meanwhile, and nothing runs that could be broken off.
        std::thread::sleep(SHORT);
        let until = Instant::now() + PATIENCE;
        let mut found = Ok(());
        while found.is_ok() && Instant::now() < until {
            found = count(rows).map(drop);
        }
        ended.send(found).unwrap();
        Ok::<_, Refusal>(())
    };
    let _ = views.read(question).await;
}
