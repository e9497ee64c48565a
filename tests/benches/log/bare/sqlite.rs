//! Baselines on SQLite.

use keruen_log::{AppendRequest, Appended};
use rusqlite::{Connection, params};

use crate::{
    measure::Appender,
    workload::{self, Author},
};

/// Rows without any index but the position, so many in a transaction.
pub struct BareFile {
    connection: Connection,
    author: Author,
    events: usize,
    position: u64,
}

impl BareFile {
    /// One that inserts so many rows at a time into a new file.
    pub fn new(connection: Connection, author: Author, events: usize) -> Self {
        connection
            .execute_batch(
                "CREATE TABLE events (position INTEGER PRIMARY KEY, command_id BLOB, command_hash BLOB, \
                 event_index INTEGER, append_events INTEGER, type TEXT, tags TEXT, region TEXT, other_region TEXT, \
                 data BLOB, occurred_at_us INTEGER, occurred_offset_minutes INTEGER, occurred_precision INTEGER, \
                 occurred_clamped INTEGER, recorded_at_us INTEGER, actor TEXT, origin TEXT, correlation_id TEXT, \
                 causation_id TEXT, corrects_event_id TEXT, correction_reason INTEGER, leaf_hash BLOB) STRICT",
            )
            .expect("the file is new");
        Self {
            connection,
            author,
            events,
            position: 0,
        }
    }

    fn insert(&mut self, request: &AppendRequest) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        let command_id = workload::command_id(request);
        for (index, event) in request.events.iter().enumerate() {
            let occurred_at = event.occurred_at.unwrap_or_default();
            transaction
                .prepare_cached(
                    "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, \
                     ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
                )?
                .execute(params![
                    number(self.position) + number(index as u64) + 1,
                    command_id.as_bytes(),
                    request.command_hash,
                    number(index as u64),
                    number(request.events.len() as u64),
                    event.r#type,
                    event.tags.join(" "),
                    event.region,
                    event.other_region,
                    &event.data[..],
                    occurred_at.time_us,
                    occurred_at.utc_offset_minutes,
                    occurred_at.precision,
                    occurred_at.clamped,
                    occurred_at.time_us,
                    request.actor,
                    request.origin,
                    event.correlation_id,
                    event.causation_id,
                    None::<&str>,
                    None::<i32>,
                    request.command_hash,
                ])?;
        }
        transaction.commit()
    }
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Appender for BareFile {
    async fn append(&mut self) -> u64 {
        let request = self.author.propose(self.events);
        tokio::task::block_in_place(|| self.insert(&request))
            .expect("nothing stands in the way of a row");
        self.author.learn(Appended {
            first_position: self.position + 1,
            last_position: self.position + self.events as u64,
        });
        self.position += self.events as u64;
        self.events as u64
    }
}

/// Walks over all columns of all events of a log with a bare cursor. Answers with the bytes of the data.
pub fn drain(connection: &Connection) -> usize {
    let walk = || {
        let mut statement = connection.prepare("SELECT * FROM events ORDER BY position")?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                // Each column has to be looked at, or SQLite leaves it undecoded.
                bytes += match row.get_ref(column)? {
                    rusqlite::types::ValueRef::Blob(value)
                    | rusqlite::types::ValueRef::Text(value) => value.len(),
                    _ => 8,
                };
            }
        }
        Ok::<_, rusqlite::Error>(bytes)
    };
    walk().expect("the log can be read")
}

/// The events at these positions, each column taken out.
pub fn fetch(connection: &Connection, positions: &[u64]) -> usize {
    let walk = || {
        let mut statement =
            connection.prepare_cached("SELECT * FROM events WHERE position = ?1")?;
        let columns = statement.column_count();
        let mut found = 0;
        for position in positions {
            let mut rows = statement.query([number(*position)])?;
            while let Some(row) = rows.next()? {
                for column in 0..columns {
                    std::hint::black_box(row.get::<_, rusqlite::types::Value>(column)?);
                }
                found += 1;
            }
        }
        Ok::<_, rusqlite::Error>(found)
    };
    walk().expect("the log can be read")
}
