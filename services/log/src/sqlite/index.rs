//! The rows of the index.

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Row};
use uuid::Uuid;

use super::rows::{RowError, from_stored, stored};
use crate::index::{
    page::Page,
    run::{Changes, Run, RunState},
    storage::{Damage, FilterKey, IndexedEvent, Place, Storage},
    term::Posting,
};

/// The index and the events as one connection sees them.
pub(super) struct Rows<'c>(pub &'c Connection);

const INDEXED_EVENT: &str =
    "SELECT position, type, tags, command_id, command_hash, event_index, append_events FROM events";

impl Storage for Rows<'_> {
    type Error = RowError;

    fn runs(&mut self) -> Result<Vec<Run>, RowError> {
        self.0
            .prepare_cached(
                "SELECT id, level, first_position, last_position, filter_bits, terms, pages, state FROM runs \
                 ORDER BY first_position, id",
            )?
            .query_map([], run_of)?
            .map(|run| run?.ok_or_else(|| Damage::new(0, "a run is in no known state").into()))
            .collect()
    }

    fn filters(&mut self, keys: &[FilterKey]) -> Result<Vec<Option<Vec<u8>>>, RowError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT filter FROM run_filters WHERE run = ?1 AND first_hash = ?2")?;
        keys.iter()
            .map(|(run, hash)| {
                let filter = statement.query_row((stored(*run), stored(*hash)), |row| row.get(0));
                Ok(filter.optional()?)
            })
            .collect()
    }

    fn pages_at(&mut self, places: &[Place]) -> Result<Vec<Option<Page>>, RowError> {
        let mut statement = self.0.prepare_cached(
            "SELECT first_hash, first_position, postings FROM run_pages \
             WHERE run = ?1 AND (first_hash, first_position) <= (?2, ?3) \
             ORDER BY first_hash DESC, first_position DESC LIMIT 1",
        )?;
        places
            .iter()
            .map(|(run, at)| {
                let values = (stored(*run), stored(at.hash), stored(at.position));
                Ok(statement.query_row(values, page_of).optional()?)
            })
            .collect()
    }

    fn pages_from(&mut self, places: &[Place], limit: usize) -> Result<Vec<Vec<Page>>, RowError> {
        let mut statement = self.0.prepare_cached(
            "SELECT first_hash, first_position, postings FROM run_pages \
             WHERE run = ?1 AND (first_hash, first_position) >= (?2, ?3) \
             ORDER BY first_hash, first_position LIMIT ?4",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        places
            .iter()
            .map(|(run, from)| {
                let values = (
                    stored(*run),
                    stored(from.hash),
                    stored(from.position),
                    limit,
                );
                Ok(statement
                    .query_map(values, page_of)?
                    .collect::<rusqlite::Result<_>>()?)
            })
            .collect()
    }

    fn events(&mut self, first: u64, last: u64) -> Result<Vec<IndexedEvent>, RowError> {
        Ok(self
            .0
            .prepare_cached(&format!(
                "{INDEXED_EVENT} WHERE position BETWEEN ?1 AND ?2 ORDER BY position"
            ))?
            .query_map((stored(first), stored(last)), indexed_event_of)?
            .collect::<rusqlite::Result<_>>()?)
    }

    fn events_at(&mut self, positions: &[u64]) -> Result<Vec<IndexedEvent>, RowError> {
        let mut statement = self
            .0
            .prepare_cached(&format!("{INDEXED_EVENT} WHERE position = ?1"))?;
        let mut events = Vec::with_capacity(positions.len());
        for position in positions {
            let event = statement.query_row([stored(*position)], indexed_event_of);
            events.extend(event.optional()?);
        }
        Ok(events)
    }
}

fn run_of(row: &Row<'_>) -> rusqlite::Result<Option<Run>> {
    let Some(state) = RunState::of_number(row.get(7)?) else {
        return Ok(None);
    };
    Ok(Some(Run {
        id: from_stored(row.get(0)?),
        level: row.get(1)?,
        first: from_stored(row.get(2)?),
        last: from_stored(row.get(3)?),
        filter_bits: row.get(4)?,
        terms: from_stored(row.get(5)?),
        pages: from_stored(row.get(6)?),
        state,
    }))
}

fn page_of(row: &Row<'_>) -> rusqlite::Result<Page> {
    let first = Posting {
        hash: from_stored(row.get(0)?),
        position: from_stored(row.get(1)?),
    };
    Ok(Page {
        first,
        bytes: row.get(2)?,
    })
}

fn indexed_event_of(row: &Row<'_>) -> rusqlite::Result<IndexedEvent> {
    let tags = row.get_ref(2)?.as_str()?;
    Ok(IndexedEvent {
        position: from_stored(row.get(0)?),
        r#type: row.get(1)?,
        tags: tags.split_ascii_whitespace().map(str::to_owned).collect(),
        command_id: Uuid::from_bytes(row.get(3)?),
        command_hash: row.get(4)?,
        index: row.get(5)?,
        append_events: row.get(6)?,
    })
}

/// Stores what has changed about the index.
pub(super) fn write(connection: &Connection, changes: &Changes) -> rusqlite::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let prepare =
        |text| -> rusqlite::Result<CachedStatement<'_>> { connection.prepare_cached(text) };
    let mut statement = prepare("DELETE FROM run_pages WHERE run = ?1 AND first_hash < ?2")?;
    let mut of_filters = prepare("DELETE FROM run_filters WHERE run = ?1 AND first_hash < ?2")?;
    for removal in &changes.removals {
        let values = (stored(removal.run), stored(removal.below_hash));
        statement.execute(values)?;
        of_filters.execute(values)?;
    }
    let mut statement = prepare("DELETE FROM runs WHERE id = ?1")?;
    for run in &changes.forgotten_runs {
        statement.execute([stored(*run)])?;
    }
    let mut statement = prepare(
        "INSERT INTO runs (id, level, first_position, last_position, filter_bits, terms, pages, state) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for run in &changes.new_runs {
        statement.execute((
            stored(run.id),
            run.level,
            stored(run.first),
            stored(run.last),
            run.filter_bits,
            stored(run.terms),
            stored(run.pages),
            run.state.number(),
        ))?;
    }
    let mut statement =
        prepare("UPDATE runs SET terms = ?2, pages = ?3, state = ?4 WHERE id = ?1")?;
    for run in &changes.changed_runs {
        statement.execute((
            stored(run.id),
            stored(run.terms),
            stored(run.pages),
            run.state.number(),
        ))?;
    }
    let mut statement = prepare(
        "INSERT INTO run_pages (run, first_hash, first_position, postings) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (run, page) in &changes.pages {
        let Posting { hash, position } = page.first;
        statement.execute((stored(*run), stored(hash), stored(position), &page.bytes))?;
    }
    let mut statement = prepare(
        "INSERT INTO run_filters (run, first_hash, filter) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?;
    for (run, filter) in &changes.filters {
        statement.execute((stored(*run), stored(filter.first_hash), &filter.bytes))?;
    }
    Ok(())
}
