//! The index: which positions carry a type or a tag, and where a command id was used. Nothing else knows how it is kept.

use rusqlite::{Connection, OptionalExtension as _};
use uuid::Uuid;

use super::rows::{from_stored, stored};
use crate::{cursor::Postings, store::NewEvent};

/// Adds an event.
pub(super) fn insert(connection: &Connection, new: &NewEvent) -> rusqlite::Result<()> {
    let position = stored(new.event.position);
    let mut statement =
        connection.prepare_cached("INSERT INTO postings (term, position) VALUES (?1, ?2)")?;
    statement.execute((&new.event.r#type, position))?;
    for tag in &new.event.tags {
        statement.execute((tag, position))?;
    }
    if new.index == 0 {
        connection
            .prepare_cached("INSERT INTO commands (command_id, first_position) VALUES (?1, ?2)")?
            .execute((new.command_id.as_bytes(), position))?;
    }
    Ok(())
}

/// Position of the first event that the command led to.
pub(super) fn find_command(
    connection: &Connection,
    command_id: Uuid,
) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached("SELECT first_position FROM commands WHERE command_id = ?1")?
        .query_row([command_id.as_bytes()], |row| row.get(0).map(from_stored))
        .optional()
}

/// The index as lists of positions.
pub(super) struct Index<'c>(pub &'c Connection);

impl Postings for Index<'_> {
    type Error = rusqlite::Error;

    fn positions(&self, term: &str, from: u64, limit: usize) -> rusqlite::Result<Vec<u64>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.0
            .prepare_cached(
                "SELECT position FROM postings WHERE term = ?1 AND position >= ?2 ORDER BY position LIMIT ?3",
            )?
            .query_map((term, stored(from), limit), |row| {
                row.get(0).map(from_stored)
            })?
            .collect()
    }
}
