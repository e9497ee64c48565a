//! The rows of the index.

use sqlx::{
    PgConnection, Postgres, Row as _, postgres::PgArguments, postgres::PgRow, query::Query,
};
use tokio::{
    runtime::{Handle, Runtime},
    sync::watch,
};

use super::{
    rows::{from_stored, stored},
    session::{self, Fault},
};
use crate::index::{
    page::Page,
    run::{Changes, Run, RunState},
    storage::{Damage, FilterKey, IndexedEvent, Place, Storage},
    term::Posting,
};

/// How a thread waits for the database.
#[derive(Clone, Copy)]
pub(super) enum Waiting<'r> {
    /// Drives a runtime that is this thread's own. A handle could not: nobody else would. Gives up when the receiver
    /// changes: this process lost touch with the server, and what is connected may never answer.
    Own(&'r Runtime, &'r watch::Receiver<u64>),
    /// Lets the callers' runtime work.
    Callers(&'r Handle),
}

impl Waiting<'_> {
    pub fn until<T>(self, work: impl Future<Output = T>) -> T {
        match self {
            Self::Own(runtime, _) => runtime.block_on(work),
            Self::Callers(handle) => handle.block_on(work),
        }
    }

    /// The same within the bound of time.
    pub fn in_time<T>(
        self,
        statements: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let Self::Own(runtime, out_of_touch) = self else {
            return self.until(session::in_time(statements));
        };
        let mut out_of_touch = out_of_touch.clone();
        runtime.block_on(async {
            tokio::select! {
                biased;
                result = session::in_time(statements) => result,
                Ok(()) = out_of_touch.changed() => Err(Fault::OutOfTouch),
            }
        })
    }
}

/// The index and the events as one connection sees them. It blocks, so it must not be used on a task.
pub(super) struct Rows<'c> {
    pub connection: &'c mut PgConnection,
    pub waiting: Waiting<'c>,
}

impl Rows<'_> {
    fn all(&mut self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, Fault> {
        let rows = query.fetch_all(&mut *self.connection);
        self.waiting.in_time(async { Ok(rows.await?) })
    }

    /// Ids of rows that can't be of any run.
    pub fn malformed_runs(&mut self) -> Result<Vec<i64>, Fault> {
        let rows = self.all(sqlx::query(RUNS))?;
        let malformed = rows.iter().filter(|row| run_of(row, 0).is_err());
        Ok(malformed
            .map(|row| row.try_get(0))
            .collect::<sqlx::Result<_>>()?)
    }
}

const RUNS: &str = "SELECT id, level, first_position, last_position, filter_bits, terms, pages, state \
    FROM keruen_log.runs ORDER BY first_position, id";

/// Steps from id to id, since each may have a great many rows.
const IDS_WITH_ROWS: &str = "WITH RECURSIVE of_pages (run) AS ( \
        SELECT min(run) FROM keruen_log.run_pages \
        UNION ALL SELECT (SELECT min(run) FROM keruen_log.run_pages WHERE run > of_pages.run) FROM of_pages \
            WHERE run IS NOT NULL \
    ), of_filters (run) AS ( \
        SELECT min(run) FROM keruen_log.run_filters \
        UNION ALL SELECT (SELECT min(run) FROM keruen_log.run_filters WHERE run > of_filters.run) FROM of_filters \
            WHERE run IS NOT NULL \
    ) \
    SELECT run FROM of_pages WHERE run IS NOT NULL UNION SELECT run FROM of_filters WHERE run IS NOT NULL ORDER BY run";

const FILTERS: &str = "SELECT wanted.number, filter \
    FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS wanted (run, first_hash, number) \
    JOIN keruen_log.run_filters USING (run, first_hash)";

const PAGES_AT: &str = "SELECT wanted.number, page.first_hash, page.first_position, page.postings \
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS wanted (run, hash, position, number) \
    CROSS JOIN LATERAL ( \
        SELECT * FROM keruen_log.run_pages \
        WHERE run = wanted.run AND (first_hash, first_position) <= (wanted.hash, wanted.position) \
        ORDER BY first_hash DESC, first_position DESC LIMIT 1 \
    ) AS page";

const PAGES_FROM: &str = "SELECT wanted.number, page.first_hash, page.first_position, page.postings \
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS wanted (run, hash, position, number) \
    CROSS JOIN LATERAL ( \
        SELECT * FROM keruen_log.run_pages \
        WHERE run = wanted.run AND (first_hash, first_position) >= (wanted.hash, wanted.position) \
        ORDER BY first_hash, first_position LIMIT $4 \
    ) AS page \
    ORDER BY wanted.number, page.first_hash, page.first_position";

/// A SELECT of what an [`IndexedEvent`] has.
macro_rules! select_indexed {
    ($rest:literal) => {
        concat!(
            "SELECT position, type, tags, command_id, command_hash, event_index, append_events \
             FROM keruen_log.events ",
            $rest
        )
    };
}

impl Storage for Rows<'_> {
    type Error = Fault;

    fn runs(&mut self) -> Result<Vec<Run>, Fault> {
        self.all(sqlx::query(RUNS))?
            .iter()
            .map(|row| run_of(row, 0))
            .collect()
    }

    fn ids_with_rows(&mut self) -> Result<Vec<u64>, Fault> {
        let rows = self.all(sqlx::query(IDS_WITH_ROWS))?;
        let ids = rows.iter().map(|row| Ok(from_stored(row.try_get(0)?)));
        Ok(ids.collect::<sqlx::Result<_>>()?)
    }

    fn filters(&mut self, keys: &[FilterKey]) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        let (runs, hashes): (Vec<_>, Vec<_>) = keys
            .iter()
            .map(|(run, hash)| (stored(*run), stored(*hash)))
            .unzip();
        let mut filters = vec![None; keys.len()];
        for row in self.all(sqlx::query(FILTERS).bind(runs).bind(hashes))? {
            if let Some(filter) = filters.get_mut(number_of(&row)?) {
                *filter = Some(row.try_get(1)?);
            }
        }
        Ok(filters)
    }

    fn pages_at(&mut self, places: &[Place]) -> Result<Vec<Option<Page>>, Fault> {
        let mut pages = vec![None; places.len()];
        for row in self.all(bind_places(sqlx::query(PAGES_AT), places))? {
            if let Some(page) = pages.get_mut(number_of(&row)?) {
                *page = Some(page_of(&row)?);
            }
        }
        Ok(pages)
    }

    fn pages_from(&mut self, places: &[Place], limit: usize) -> Result<Vec<Vec<Page>>, Fault> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut pages = vec![Vec::new(); places.len()];
        for row in self.all(bind_places(sqlx::query(PAGES_FROM), places).bind(limit))? {
            if let Some(pages) = pages.get_mut(number_of(&row)?) {
                pages.push(page_of(&row)?);
            }
        }
        Ok(pages)
    }

    fn events(&mut self, first: u64, last: u64) -> Result<Vec<IndexedEvent>, Fault> {
        let query = sqlx::query(select_indexed!(
            "WHERE position BETWEEN $1 AND $2 ORDER BY position"
        ));
        let rows = self.all(query.bind(stored(first)).bind(stored(last)))?;
        Ok(rows
            .iter()
            .map(indexed_event_of)
            .collect::<sqlx::Result<_>>()?)
    }

    fn events_at(&mut self, positions: &[u64]) -> Result<Vec<IndexedEvent>, Fault> {
        let query = sqlx::query(select_indexed!(
            "WHERE position = ANY($1) ORDER BY position"
        ));
        let wanted: Vec<_> = positions.iter().copied().map(stored).collect();
        let rows = self.all(query.bind(wanted))?;
        Ok(rows
            .iter()
            .map(indexed_event_of)
            .collect::<sqlx::Result<_>>()?)
    }
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

fn bind_places<'q>(statement: Statement<'q>, places: &[Place]) -> Statement<'q> {
    let column =
        |of: fn(&Place) -> u64| -> Vec<i64> { places.iter().map(of).map(stored).collect() };
    statement
        .bind(column(|(run, _)| *run))
        .bind(column(|(_, at)| at.hash))
        .bind(column(|(_, at)| at.position))
}

/// Which of those wanted a row is for; they are counted from one.
fn number_of(row: &PgRow) -> sqlx::Result<usize> {
    let number: i64 = row.try_get(0)?;
    Ok(usize::try_from(number - 1).unwrap_or(usize::MAX))
}

/// A run from the columns of [`RUNS`], of which the first has this number.
pub(super) fn run_of(row: &PgRow, column: usize) -> Result<Run, Fault> {
    // Checks of the table keep all of them positive; what is not is refused below.
    let number =
        |offset: usize| -> sqlx::Result<u64> { Ok(from_stored(row.try_get(column + offset)?)) };
    let small = |offset: usize| -> sqlx::Result<u32> {
        Ok(u32::try_from(row.try_get::<i32, _>(column + offset)?).unwrap_or(u32::MAX))
    };
    let state = RunState::of_number(small(7)?.into())
        .ok_or_else(|| Damage::new(0, "a run is in no known state"))?;
    let run = Run {
        id: number(0)?,
        level: small(1)?,
        first: number(2)?,
        last: number(3)?,
        filter_bits: small(4)?,
        terms: number(5)?,
        pages: number(6)?,
        state,
    };
    Ok(run.checked()?)
}

fn page_of(row: &PgRow) -> sqlx::Result<Page> {
    Ok(Page {
        first: Posting {
            hash: from_stored(row.try_get(1)?),
            position: from_stored(row.try_get(2)?),
        },
        bytes: row.try_get::<&[u8], _>(3)?.into(),
    })
}

fn indexed_event_of(row: &PgRow) -> sqlx::Result<IndexedEvent> {
    let tags: &str = row.try_get(2)?;
    let hash: &[u8] = row.try_get(4)?;
    // The writer stores 32 bytes, and no number below 0; what differs is found where hashes are compared.
    let small = |column| -> sqlx::Result<u32> {
        Ok(u32::try_from(row.try_get::<i32, _>(column)?).unwrap_or(0))
    };
    Ok(IndexedEvent {
        position: from_stored(row.try_get(0)?),
        r#type: row.try_get(1)?,
        tags: tags.split_ascii_whitespace().map(str::to_owned).collect(),
        command_id: row.try_get(3)?,
        command_hash: hash.try_into().unwrap_or_default(),
        index: small(5)?,
        append_events: small(6)?,
    })
}

/// The part of a group's statement that changes the index, behind the CTE `moved`, which has a row if the group is to be
/// written. Its first parameter is $32.
macro_rules! index_changes {
    () => {
        ", \
new_runs AS ( \
    INSERT INTO keruen_log.runs (id, level, first_position, last_position, filter_bits, terms, pages, state) \
    SELECT new.* FROM moved, unnest($32::bigint[], $33::integer[], $34::bigint[], $35::bigint[], $36::integer[], \
        $37::bigint[], $38::bigint[], $39::integer[]) AS new \
), changed_runs AS ( \
    UPDATE keruen_log.runs SET terms = changed.terms, pages = changed.pages, state = changed.state \
    FROM moved, unnest($40::bigint[], $41::bigint[], $42::bigint[], $43::integer[]) AS changed (id, terms, pages, state) \
    WHERE runs.id = changed.id \
), forgotten_runs AS ( \
    DELETE FROM keruen_log.runs USING moved, unnest($44::bigint[]) AS forgotten (id) WHERE runs.id = forgotten.id \
), removed_pages AS ( \
    DELETE FROM keruen_log.run_pages USING moved, unnest($45::bigint[], $46::bigint[]) AS removed (run, below_hash) \
    WHERE run_pages.run = removed.run AND run_pages.first_hash < removed.below_hash \
), removed_filters AS ( \
    DELETE FROM keruen_log.run_filters USING moved, unnest($45::bigint[], $46::bigint[]) AS removed (run, below_hash) \
    WHERE run_filters.run = removed.run AND run_filters.first_hash < removed.below_hash \
), new_pages AS ( \
    INSERT INTO keruen_log.run_pages (run, first_hash, first_position, postings) \
    SELECT new.* FROM moved, unnest($47::bigint[], $48::bigint[], $49::bigint[], $50::bytea[]) AS new \
), new_filters AS ( \
    INSERT INTO keruen_log.run_filters (run, first_hash, filter) \
    SELECT new.* FROM moved, unnest($51::bigint[], $52::bigint[], $53::bytea[]) AS new \
    ON CONFLICT DO NOTHING \
)"
    };
}
pub(super) use index_changes;

/// In the order of the parameters in [`index_changes`].
pub(super) fn bind_changes<'q>(statement: Statement<'q>, changes: &'q Changes) -> Statement<'q> {
    macro_rules! column {
        ($of:expr, $value:expr) => {
            $of.iter().map($value).collect::<Vec<_>>()
        };
    }
    let small = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let Changes {
        new_runs,
        changed_runs,
        pages,
        filters,
        removals,
        forgotten_runs,
    } = changes;
    statement
        .bind(column!(new_runs, |run| stored(run.id)))
        .bind(column!(new_runs, |run| small(run.level)))
        .bind(column!(new_runs, |run| stored(run.first)))
        .bind(column!(new_runs, |run| stored(run.last)))
        .bind(column!(new_runs, |run| small(run.filter_bits)))
        .bind(column!(new_runs, |run| stored(run.terms)))
        .bind(column!(new_runs, |run| stored(run.pages)))
        .bind(column!(new_runs, |run| run.state.number()))
        .bind(column!(changed_runs, |run| stored(run.id)))
        .bind(column!(changed_runs, |run| stored(run.terms)))
        .bind(column!(changed_runs, |run| stored(run.pages)))
        .bind(column!(changed_runs, |run| run.state.number()))
        .bind(column!(forgotten_runs, |run| stored(*run)))
        .bind(column!(removals, |removal| stored(removal.run)))
        .bind(column!(removals, |removal| stored(removal.below_hash)))
        .bind(column!(pages, |(run, _)| stored(*run)))
        .bind(column!(pages, |(_, page)| stored(page.first.hash)))
        .bind(column!(pages, |(_, page)| stored(page.first.position)))
        .bind(column!(pages, |(_, page)| &page.bytes[..]))
        .bind(column!(filters, |(run, _)| stored(*run)))
        .bind(column!(filters, |(_, filter)| stored(filter.first_hash)))
        .bind(column!(filters, |(_, filter)| filter.bytes.as_slice()))
}
