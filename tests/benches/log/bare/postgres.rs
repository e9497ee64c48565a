//! Baselines on PostgreSQL.

use futures::TryStreamExt as _;
use keruen_log::{AppendRequest, Appended, ProposedEvent};
use sqlx::{Executor as _, PgConnection, Postgres, postgres::PgArguments, query::Query};

use crate::{
    measure::Appender,
    workload::{self, Author},
};

/// The columns of an event but its position, in the order of the table.
const COLUMNS: &str = "command_id, command_hash, event_index, append_events, type, tags, region, other_region, data, \
    occurred_at_us, occurred_offset_minutes, occurred_precision, occurred_clamped, recorded_at_us, actor, origin, \
    correlation_id, causation_id, corrects_event_id, correction_reason, leaf_hash";

/// Tables with the columns of the log's, beside it.
pub struct BareTables;

impl BareTables {
    /// Makes them in a database where a log is.
    pub async fn create(connection: &mut PgConnection) {
        let tables = "CREATE SCHEMA bare; \
            CREATE TABLE bare.events (LIKE keruen_log.events, PRIMARY KEY (position)); \
            CREATE TABLE bare.single_events (LIKE keruen_log.events, PRIMARY KEY (position)); \
            ALTER TABLE bare.single_events ALTER position ADD GENERATED ALWAYS AS IDENTITY; \
            CREATE TABLE bare.single_tags (tag text COLLATE \"C\", position bigint, PRIMARY KEY (tag, position));";
        connection
            .execute(tables)
            .await
            .expect("the log's tables are there");
    }
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// Binds one row, in the order of [`COLUMNS`].
fn bind_row<'q>(
    statement: Statement<'q>,
    request: &'q AppendRequest,
    index: usize,
) -> Statement<'q> {
    let event = &request.events[index];
    let occurred_at = event.occurred_at.unwrap_or_default();
    statement
        .bind(workload::command_id(request))
        .bind(request.command_hash.as_slice())
        .bind(number(index))
        .bind(number(request.events.len()))
        .bind(event.r#type.as_str())
        .bind(event.tags.join(" "))
        .bind(event.region.as_str())
        .bind(event.other_region.as_str())
        .bind(&event.data[..])
        .bind(occurred_at.time_us)
        .bind(occurred_at.utc_offset_minutes)
        .bind(occurred_at.precision)
        .bind(occurred_at.clamped)
        .bind(occurred_at.time_us)
        .bind(request.actor.as_str())
        .bind(request.origin.as_str())
        .bind(event.correlation_id.as_str())
        .bind(event.causation_id.as_str())
        .bind(None::<&str>)
        .bind(None::<i32>)
        .bind(request.command_hash.as_slice())
}

fn number(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// `$from, $from + 1 …`, as many as [`COLUMNS`] has.
fn places(from: usize) -> String {
    let count = COLUMNS.split(',').count();
    let places: Vec<_> = (from..from + count)
        .map(|place| format!("${place}"))
        .collect();
    places.join(", ")
}

/// A row and its tags in a second table, in one statement that is one transaction.
pub struct OneRowPerTransaction {
    connection: PgConnection,
    author: Author,
    sql: String,
}

impl OneRowPerTransaction {
    /// One of them.
    pub fn new(connection: PgConnection, author: Author) -> Self {
        let sql = format!(
            "WITH new AS (INSERT INTO bare.single_events ({COLUMNS}) VALUES ({}) RETURNING position) \
             INSERT INTO bare.single_tags SELECT tag, position FROM new, unnest($1::text[]) AS tag",
            places(2)
        );
        Self {
            connection,
            author,
            sql,
        }
    }
}

impl Appender for OneRowPerTransaction {
    async fn append(&mut self) -> u64 {
        let request = self.author.propose(1);
        let statement =
            sqlx::query(sqlx::AssertSqlSafe(self.sql.clone())).bind(&request.events[0].tags);
        bind_row(statement, &request, 0)
            .execute(&mut self.connection)
            .await
            .expect("nothing stands in the way of a row");
        1
    }
}

/// Rows without any index but the position, so many in a transaction; a single one by itself.
pub struct BareInserts {
    connection: PgConnection,
    author: Author,
    events: usize,
    position: u64,
    sql: String,
}

impl BareInserts {
    /// One that inserts so many rows at a time.
    pub fn new(connection: PgConnection, author: Author, events: usize) -> Self {
        let sql = if events == 1 {
            format!(
                "INSERT INTO bare.events (position, {COLUMNS}) VALUES ($1, {})",
                places(2)
            )
        } else {
            format!(
                "INSERT INTO bare.events (position, {COLUMNS}) SELECT * FROM unnest($1::bigint[], $2::uuid[], \
                 $3::bytea[], $4::integer[], $5::integer[], $6::text[], $7::text[], $8::text[], $9::text[], \
                 $10::bytea[], $11::bigint[], $12::integer[], $13::integer[], $14::boolean[], $15::bigint[], \
                 $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::integer[], $22::bytea[])"
            )
        };
        Self {
            connection,
            author,
            events,
            position: 0,
            sql,
        }
    }

    fn bind_columns<'q>(
        &self,
        statement: Statement<'q>,
        request: &'q AppendRequest,
    ) -> Statement<'q> {
        let events = &request.events;
        let rows = events.len();
        let column = |of: fn(&ProposedEvent) -> &str| events.iter().map(of).collect::<Vec<_>>();
        let hash = request.command_hash.as_slice();
        let occurred: Vec<_> = events
            .iter()
            .map(|event| event.occurred_at.unwrap_or_default())
            .collect();
        let times: Vec<_> = occurred.iter().map(|at| at.time_us).collect();
        statement
            .bind(
                (1..=rows)
                    .map(|index| stored(self.position + index as u64))
                    .collect::<Vec<i64>>(),
            )
            .bind(vec![workload::command_id(request); rows])
            .bind(vec![hash; rows])
            .bind((0..rows).map(number).collect::<Vec<_>>())
            .bind(vec![number(rows); rows])
            .bind(column(|event| &event.r#type))
            .bind(
                events
                    .iter()
                    .map(|event| event.tags.join(" "))
                    .collect::<Vec<_>>(),
            )
            .bind(column(|event| &event.region))
            .bind(column(|event| &event.other_region))
            .bind(
                events
                    .iter()
                    .map(|event| &event.data[..])
                    .collect::<Vec<_>>(),
            )
            .bind(times.clone())
            .bind(
                occurred
                    .iter()
                    .map(|at| at.utc_offset_minutes)
                    .collect::<Vec<_>>(),
            )
            .bind(occurred.iter().map(|at| at.precision).collect::<Vec<_>>())
            .bind(occurred.iter().map(|at| at.clamped).collect::<Vec<_>>())
            .bind(times)
            .bind(vec![request.actor.as_str(); rows])
            .bind(vec![request.origin.as_str(); rows])
            .bind(column(|event| &event.correlation_id))
            .bind(column(|event| &event.causation_id))
            .bind(vec![None::<&str>; rows])
            .bind(vec![None::<i32>; rows])
            .bind(vec![hash; rows])
    }
}

fn stored(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

impl Appender for BareInserts {
    async fn append(&mut self) -> u64 {
        let request = self.author.propose(self.events);
        let statement = sqlx::query(sqlx::AssertSqlSafe(self.sql.clone()));
        let statement = if self.events == 1 {
            bind_row(statement.bind(stored(self.position + 1)), &request, 0)
        } else {
            self.bind_columns(statement, &request)
        };
        statement
            .execute(&mut self.connection)
            .await
            .expect("nothing stands in the way of a row");
        self.author.learn(Appended {
            first_position: self.position + 1,
            last_position: self.position + self.events as u64,
        });
        self.position += self.events as u64;
        self.events as u64
    }
}

/// Takes what the server gives, and looks at nothing.
pub struct Drain(pub PgConnection);

impl Drain {
    /// The whole table of events, as COPY gives it. Answers with the bytes.
    pub async fn copy_out(&mut self) -> usize {
        let mut rows = self
            .0
            .copy_out_raw("COPY keruen_log.events TO STDOUT (FORMAT binary)")
            .await
            .expect("the table is there");
        let mut bytes = 0;
        while let Some(row) = rows.try_next().await.expect("the server goes on") {
            bytes += row.len();
        }
        bytes
    }

    /// The events at these positions, as they stand there.
    pub async fn fetch(&mut self, positions: &[u64]) -> usize {
        let positions: Vec<_> = positions.iter().copied().map(stored).collect();
        sqlx::query("SELECT * FROM keruen_log.events WHERE position = ANY($1) ORDER BY position")
            .bind(positions)
            .fetch_all(&mut self.0)
            .await
            .expect("the table is there")
            .len()
    }
}
