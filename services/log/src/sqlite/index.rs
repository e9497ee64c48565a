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

pub(super) const RUNS: &str = "\
    SELECT id, level, first_position, last_position, filter_bits, terms, pages, state FROM runs \
    ORDER BY first_position, id";

/// Steps from id to id, since each may have a great many rows.
const IDS_WITH_ROWS: &str = "\
    WITH RECURSIVE of_pages (run) AS ( \
        SELECT min(run) FROM run_pages \
        UNION ALL SELECT (SELECT min(run) FROM run_pages WHERE run > of_pages.run) FROM of_pages WHERE run IS NOT NULL \
    ), of_filters (run) AS ( \
        SELECT min(run) FROM run_filters \
        UNION ALL SELECT (SELECT min(run) FROM run_filters WHERE run > of_filters.run) FROM of_filters \
            WHERE run IS NOT NULL \
    ) \
    SELECT run FROM of_pages WHERE run IS NOT NULL UNION SELECT run FROM of_filters WHERE run IS NOT NULL ORDER BY run";

impl Storage for Rows<'_> {
    type Error = RowError;

    fn runs(&mut self) -> Result<Vec<Run>, RowError> {
        self.0
            .prepare_cached(RUNS)?
            .query_and_then([], run_of)?
            .collect()
    }

    fn ids_with_rows(&mut self) -> Result<Vec<u64>, RowError> {
        Ok(self
            .0
            .prepare_cached(IDS_WITH_ROWS)?
            .query_map([], |row| row.get(0).map(from_stored))?
            .collect::<rusqlite::Result<_>>()?)
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

/// A run from the columns of [`RUNS`].
pub(super) fn run_of(row: &Row<'_>) -> Result<Run, RowError> {
    let small = |column| -> rusqlite::Result<u32> {
        Ok(u32::try_from(row.get::<_, i64>(column)?).unwrap_or(u32::MAX))
    };
    let state = RunState::of_number(row.get(7)?)
        .ok_or_else(|| Damage::new(0, "a run is in no known state"))?;
    let run = Run {
        id: from_stored(row.get(0)?),
        level: small(1)?,
        first: from_stored(row.get(2)?),
        last: from_stored(row.get(3)?),
        filter_bits: small(4)?,
        terms: from_stored(row.get(5)?),
        pages: from_stored(row.get(6)?),
        state,
    };
    Ok(run.checked()?)
}

fn page_of(row: &Row<'_>) -> rusqlite::Result<Page> {
    let first = Posting {
        hash: from_stored(row.get(0)?),
        position: from_stored(row.get(1)?),
    };
    Ok(Page {
        first,
        bytes: row.get_ref(2)?.as_blob()?.into(),
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
        statement.execute((
            stored(*run),
            stored(hash),
            stored(position),
            &page.bytes[..],
        ))?;
    }
    let mut statement = prepare(
        "INSERT INTO run_filters (run, first_hash, filter) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?;
    for (run, filter) in &changes.filters {
        statement.execute((stored(*run), stored(filter.first_hash), &filter.bytes))?;
    }
    Ok(())
}
