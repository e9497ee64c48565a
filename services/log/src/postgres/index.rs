//! The index: which positions carry a type or a tag, and where a command id was used. The writer's statement fills it;
//! nothing else knows how it is kept.

use std::{cell::RefCell, collections::HashMap};

use keruen_proto::log::v1::Appended;
use sqlx::{PgConnection, Row as _};
use tokio::runtime::{Handle, Runtime};
use uuid::Uuid;

use super::{
    rows::{from_stored, stored},
    session::{self, Fault},
};
use crate::{cursor::Postings, log::RecordedCommand};

/// What the command ids were used for, those that were.
pub(super) async fn find_commands(
    connection: &mut PgConnection,
    command_ids: &[Uuid],
) -> Result<HashMap<Uuid, RecordedCommand>, Fault> {
    let rows = sqlx::query(
        "SELECT c.command_id, c.first_position, e.command_hash, e.append_events \
         FROM keruen_log.commands c LEFT JOIN keruen_log.events e \
         ON e.position = c.first_position AND e.command_id = c.command_id AND e.event_index = 0 \
         WHERE c.command_id = ANY($1)",
    )
    .bind(command_ids)
    .fetch_all(connection)
    .await?;
    let mut commands = HashMap::with_capacity(rows.len());
    for row in rows {
        let first_position = from_stored(row.try_get(1)?);
        let hash: Option<&[u8]> = row.try_get(2)?;
        let events: Option<i32> = row.try_get(3)?;
        let (Some(Ok(command_hash)), Some(events)) = (hash.map(TryInto::try_into), events) else {
            return Err(Fault::Damaged {
                position: first_position,
                found: "the index names a command whose first event is not there".to_owned(),
            });
        };
        // A check of the table keeps it positive.
        let append_events = u64::try_from(events).unwrap_or(1);
        let recorded = RecordedCommand {
            command_hash,
            appended: Appended {
                first_position,
                last_position: first_position + append_events - 1,
            },
        };
        commands.insert(row.try_get(0)?, recorded);
    }
    Ok(commands)
}

/// The index as lists of positions. It blocks, so it must not be used on a task.
pub(super) struct Index<'c> {
    connection: RefCell<&'c mut PgConnection>,
    runtime: Waiting<'c>,
}

/// How a thread waits for the database.
#[derive(Clone, Copy, Debug)]
pub(super) enum Waiting<'r> {
    /// Drives a runtime that is this thread's own. A handle could not: nobody else would.
    Own(&'r Runtime),
    /// Lets the callers' runtime work.
    Callers(&'r Handle),
}

impl Waiting<'_> {
    pub fn until<T>(self, work: impl Future<Output = T>) -> T {
        match self {
            Self::Own(runtime) => runtime.block_on(work),
            Self::Callers(handle) => handle.block_on(work),
        }
    }
}

impl<'c> Index<'c> {
    pub fn new(connection: &'c mut PgConnection, runtime: Waiting<'c>) -> Self {
        Self {
            connection: RefCell::new(connection),
            runtime,
        }
    }
}

impl Postings for Index<'_> {
    type Error = Fault;

    fn positions(&self, term: &str, from: u64, limit: usize) -> Result<Vec<u64>, Fault> {
        let mut connection = self.connection.borrow_mut();
        let found = sqlx::query_scalar(
            "SELECT position FROM keruen_log.postings WHERE term = $1 AND position >= $2 \
             ORDER BY position LIMIT $3",
        )
        .bind(term)
        .bind(stored(from))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut **connection);
        let positions: Vec<i64> = self
            .runtime
            .until(session::in_time(async { Ok(found.await?) }))?;
        Ok(positions.into_iter().map(from_stored).collect())
    }
}
