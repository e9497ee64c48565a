//! Whatever is changed in the tables of a log is found, at the first position that it concerns.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod verify;

use keruen_log::{
    PostgresLog, PostgresOptions,
    checkpoint::Checkpoint,
    verify::{Finding, Part, Verified, VerifyError},
};
use keruen_test_servers::postgres::Database;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use verify::{COLUMNS, Dice, EVENTS, fill, wrong};

/// Constraints that would keep a changed value out; whoever owns the table can drop them.
const DROP_CHECKS: &str = "\
    ALTER TABLE keruen_log.events DISABLE TRIGGER ALL; ALTER TABLE keruen_log.tiles DISABLE TRIGGER ALL; \
    ALTER TABLE keruen_log.log_head DISABLE TRIGGER ALL; \
    DO $$ DECLARE c record; BEGIN FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint \
        WHERE connamespace = 'keruen_log'::regnamespace AND contype = 'c' LOOP \
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname); END LOOP; END $$";

struct Store {
    database: Database,
    owner: PgConnection,
    kept: Checkpoint,
}

impl Store {
    /// A log, and a session of its owner in which nothing stands in the way.
    async fn new() -> Self {
        let database = Database::new();
        let log = PostgresLog::open(database.url(), PostgresOptions::default())
            .await
            .unwrap();
        fill(&log, EVENTS).await;
        let kept = verify::checkpoint(&log).await;
        tokio::task::block_in_place(|| drop(log));
        let mut owner = PgConnection::connect(database.url()).await.unwrap();
        sqlx::raw_sql(DROP_CHECKS)
            .execute(&mut owner)
            .await
            .unwrap();
        Self {
            database,
            owner,
            kept,
        }
    }

    async fn execute(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut self.owner)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn verify(&self) -> Result<Verified, VerifyError> {
        let kept = std::slice::from_ref(&self.kept);
        PostgresLog::verify(self.database.url(), kept, &mut |_| {}).await
    }

    async fn wrong(&self) -> Finding {
        wrong(self.verify().await)
    }
}

/// A statement that flips one bit of a column of one row, and whether there is such a statement.
async fn flip(store: &mut Store, column: &str, position: u64, dice: &mut Dice) -> Option<String> {
    let kind: String = sqlx::query_scalar(
        "SELECT data_type FROM information_schema.columns \
         WHERE table_schema = 'keruen_log' AND table_name = 'events' AND column_name = $1",
    )
    .bind(column)
    .fetch_one(&mut store.owner)
    .await
    .unwrap();
    let row = sqlx::query(AssertSqlSafe(format!(
        "SELECT {} FROM keruen_log.events WHERE position = {position}",
        match kind.as_str() {
            "text" => format!("convert_to({column}, 'UTF8')"),
            "uuid" => format!("uuid_send({column})"),
            "boolean" => format!("{column}::integer::bigint"),
            "integer" => format!("{column}::bigint"),
            _ => column.to_owned(),
        }
    )))
    .fetch_one(&mut store.owner)
    .await
    .unwrap();
    let flipped = |mut bytes: Vec<u8>, bits: &mut dyn FnMut(u64) -> u64| {
        let bit = usize::try_from(bits(bytes.len() as u64 * 8)).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    };
    let after = match kind.as_str() {
        "boolean" => format!("NOT {column}"),
        "integer" => {
            let number = i32::try_from(row.get::<i64, _>(0)).unwrap() ^ (1 << dice.below(32));
            format!("({number})::integer")
        }
        "bigint" => format!(
            "({})::bigint",
            i128::from(row.get::<i64, _>(0) ^ (1 << dice.below(63)))
        ),
        "bytea" => format!(
            "'\\x{}'::bytea",
            hex(&flipped(row.get(0), &mut |bound| dice.below(bound)))
        ),
        "uuid" => format!(
            "'{}'::uuid",
            hex(&flipped(row.get(0), &mut |bound| dice.below(bound)))
        ),
        "text" => {
            let text: Vec<u8> = row.get(0);
            // The server takes neither what is not UTF-8 nor NUL; those stand in a test of their own.
            let mut tries = (0..64).map(|_| flipped(text.clone(), &mut |bound| dice.below(bound)));
            let bytes =
                tries.find(|bytes| std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0))?;
            format!("convert_from('\\x{}', 'UTF8')", hex(&bytes))
        }
        other => panic!("{column} is {other}"),
    };
    Some(format!(
        "UPDATE keruen_log.events SET {column} = {after} WHERE position = {position}"
    ))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn any_flipped_bit_in_any_column_is_found_where_it_is() {
    let mut store = Store::new().await;
    let verified = store.verify().await.unwrap();
    assert_eq!((verified.events, verified.checkpoints), (EVENTS, 1));
    let mut dice = Dice(1_822_026);
    store
        .execute("CREATE TABLE keruen_log.good AS SELECT * FROM keruen_log.events")
        .await;
    for number in 0..220 {
        let column = COLUMNS[number % COLUMNS.len()];
        let position = 1 + dice.below(EVENTS);
        let statement = loop {
            let statement = flip(&mut store, column, position, &mut dice).await.unwrap();
            // Another row has that position; such a change the primary key refuses.
            let taken = (1..=EVENTS)
                .any(|other| column == "position" && statement.contains(&format!("({other})::")));
            if !taken {
                break statement;
            }
        };
        store.execute(&statement).await;
        let finding = store.wrong().await;
        assert_eq!(
            (finding.part, finding.position),
            (Part::Event, position),
            "{statement}: {finding}"
        );
        store
            .execute(&format!(
                "DELETE FROM keruen_log.events WHERE position = {position} OR position NOT BETWEEN 1 AND {EVENTS}; \
                 INSERT INTO keruen_log.events SELECT * FROM keruen_log.good WHERE position = {position}"
            ))
            .await;
    }
    store.verify().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_not_utf_8_is_found() {
    let mut store = Store::new().await;
    for column in COLUMNS {
        let kind: String = sqlx::query_scalar(
            "SELECT data_type FROM information_schema.columns \
             WHERE table_schema = 'keruen_log' AND table_name = 'events' AND column_name = $1",
        )
        .bind(column)
        .fetch_one(&mut store.owner)
        .await
        .unwrap();
        if kind != "text" {
            continue;
        }
        // As a page that was changed below the server would have it: the bytes are taken for a text unchecked.
        store
            .execute(
                "DROP CAST IF EXISTS (bytea AS text); CREATE CAST (bytea AS text) WITHOUT FUNCTION",
            )
            .await;
        store
            .execute(&format!(
                "CREATE TEMP TABLE before AS SELECT {column} AS was FROM keruen_log.events WHERE position = 42; \
                 UPDATE keruen_log.events SET {column} = '\\x8041'::bytea::text WHERE position = 42"
            ))
            .await;
        let finding = store.wrong().await;
        assert_eq!(
            (finding.part, finding.position),
            (Part::Event, 42),
            "{column}: {finding}"
        );
        assert!(finding.found.contains(column), "{finding}");
        store
            .execute(&format!(
                "UPDATE keruen_log.events SET {column} = was FROM before WHERE position = 42; DROP TABLE before"
            ))
            .await;
    }
    store.verify().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_beside_the_events_is_found() {
    let cases: [(&str, Part, u64); 12] = [
        (
            "DELETE FROM keruen_log.events WHERE position = 300",
            Part::Event,
            300,
        ),
        (
            "DELETE FROM keruen_log.events WHERE position = 42",
            Part::Event,
            42,
        ),
        (
            "UPDATE keruen_log.events SET position = -1 WHERE position = 10; \
             UPDATE keruen_log.events SET position = 10 WHERE position = 200; \
             UPDATE keruen_log.events SET position = 200 WHERE position = -1",
            Part::Event,
            10,
        ),
        ("DELETE FROM keruen_log.tiles", Part::Tree, 1),
        (
            "UPDATE keruen_log.tiles SET hashes = set_byte(hashes, 70, 1 + get_byte(hashes, 70) % 255)",
            Part::Tree,
            3,
        ),
        ("UPDATE keruen_log.tiles SET number = 3", Part::Tree, 1),
        (
            "UPDATE keruen_log.log_head SET frontier = set_byte(frontier, 5, 255 - get_byte(frontier, 5))",
            Part::Head,
            1,
        ),
        (
            "UPDATE keruen_log.log_head SET recorded_at_us = recorded_at_us + 1",
            Part::Head,
            300,
        ),
        (
            "UPDATE keruen_log.log_head SET log_id = set_byte(log_id, 5, 255 - get_byte(log_id, 5))",
            Part::Event,
            1,
        ),
        (
            "UPDATE keruen_log.log_head SET position = 299",
            Part::Head,
            299,
        ),
        ("DELETE FROM keruen_log.log_head", Part::Head, 0),
        (
            "UPDATE keruen_log.log_head SET position = 301",
            Part::Event,
            301,
        ),
    ];
    for (spoil, part, position) in cases {
        let mut store = Store::new().await;
        store.execute(spoil).await;
        let finding = store.wrong().await;
        assert_eq!(
            (finding.part, finding.position),
            (part, position),
            "{spoil}: {finding}"
        );
    }
}
