//! A small pool of read connections. Each read is one snapshot.

use std::{collections::HashMap, sync::Arc, time::Duration};

use keruen_proto::log::v1::Query;
use sqlx::{
    PgConnection, PgPool, Row as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::{runtime::Handle, task::JoinError};
use uuid::Uuid;

use super::{
    index::{Rows, Waiting, run_of},
    rows::{self, from_stored},
    session::{self, Fault},
};
use crate::{
    ahead::Ahead,
    bounds::MAX_PAGE_BYTES,
    cursor::Cursor,
    index::{
        IndexOptions,
        cache::FilterCache,
        lookup::Lookup,
        run::{Run, RunState},
        storage::Damage,
        tail::SharedTail,
        term::TermHasher,
        verify,
    },
    log::{Head, Page, Range, ReadError, RecordedCommand},
    matching,
    page::PageInProgress,
    scan::{self, EventSize},
    tree,
};

/// How long a read waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How many events are fetched before it is known how large they are.
const FIRST_FETCH: usize = 64;

/// Read connections that are opened when they are first needed.
#[derive(Clone, Debug)]
pub(super) struct Readers {
    pool: PgPool,
    index: Arc<Index>,
}

/// What all reads of the index share.
#[derive(Debug)]
struct Index {
    filters: FilterCache,
    tail: SharedTail,
    event_size: EventSize,
    ahead: Ahead,
}

/// The events up to `head_position`, of which the runs answer for most.
struct Snapshot {
    hasher: TermHasher,
    head_position: u64,
    runs: Vec<Run>,
}

impl Readers {
    /// The filters may be shared with the writer.
    pub fn new(
        address: &PgConnectOptions,
        connections: u32,
        (options, filters): (IndexOptions, FilterCache),
    ) -> Self {
        let pool = PgPoolOptions::new()
            // One more, for the follower.
            .max_connections(connections.max(1) + 1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(|connection, _| Box::pin(session::become_reader(connection)))
            .connect_lazy_with(session::named(address, "keruen log reader"));
        let index = Index {
            filters,
            tail: SharedTail::new(options.run_events),
            event_size: EventSize::default(),
            ahead: Ahead::default(),
        };
        Self {
            pool,
            index: Arc::new(index),
        }
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Position of the newest event.
    pub async fn position(&self) -> Result<u64, Fault> {
        let position = sqlx::query_scalar("SELECT position FROM keruen_log.log_head")
            .fetch_one(&self.pool)
            .await?;
        Ok(from_stored(position))
    }

    /// Where the log stands.
    pub async fn head(&self) -> Result<Head, ReadError> {
        let (log_id, position, frontier): (Vec<u8>, i64, Vec<u8>) =
            sqlx::query_as("SELECT log_id, position, frontier FROM keruen_log.log_head")
                .fetch_one(&self.pool)
                .await
                .map_err(Fault::from)?;
        Ok(Head {
            // The migrations store 16 bytes, and nobody can change them.
            log_id: log_id.try_into().unwrap_or_default(),
            position: from_stored(position),
            root_hash: tree::frontier_root(&frontier),
        })
    }

    /// What a command id was used for.
    pub async fn command(&self, command_id: Uuid) -> Result<Option<RecordedCommand>, ReadError> {
        self.in_snapshot(move |connection, runtime, index| {
            let waiting = Waiting::Callers(runtime);
            let snapshot = Snapshot::read(connection, waiting)?;
            look_up(connection, waiting, index, &snapshot, |lookup| {
                lookup.find_command(command_id)
            })
        })
        .await
    }

    /// Reads a page: of matches in one snapshot.
    pub async fn page(&self, query: Query, range: Range, limit: usize) -> Result<Page, ReadError> {
        if matching::is_everything(&query) {
            return self.scan(range, limit).await;
        }
        self.in_snapshot(move |connection, runtime, index| {
            read_page(connection, runtime, index, &query, range, limit)
        })
        .await
    }

    /// Reads all events of a range, a page of them.
    async fn scan(&self, range: Range, limit: usize) -> Result<Page, ReadError> {
        let readers = self.clone();
        let read = move |range| {
            let readers = readers.clone();
            async move { readers.scan_page(range, limit).await }
        };
        self.index.ahead.page(range, limit, read).await
    }

    async fn scan_page(&self, range: Range, limit: usize) -> Result<Page, ReadError> {
        scan::in_halves(range, limit, &self.index.event_size, |positions, page| {
            let readers = self.clone();
            // A task of its own: both halves make events at the same time, and a caller who leaves leaves no connection
            // in the middle of an answer.
            let reading = tokio::spawn(async move { readers.part(positions, limit, page).await });
            async move {
                let unavailable = |error: JoinError| ReadError::Unavailable(error.to_string());
                Ok(reading.await.map_err(unavailable)??)
            }
        })
        .await
    }

    /// Fills a page with the events of `first..=last`; with the position of the newest event.
    async fn part(
        &self,
        (first, last): (u64, u64),
        limit: usize,
        mut page: PageInProgress,
    ) -> Result<(PageInProgress, u64), Fault> {
        let mut connection = self.pool.acquire().await?;
        // Events up to the head that was read before them are there for good: no snapshot is needed.
        let head_position: i64 = sqlx::query_scalar("SELECT position FROM keruen_log.log_head")
            .fetch_one(&mut *connection)
            .await?;
        let head_position = from_stored(head_position);
        let last = last.min(head_position);
        let mut from = first;
        while from <= last && page.complete {
            if page.is_full() {
                page.complete = false;
                break;
            }
            let wanted = match self.index.event_size.expected(limit) {
                // The first of the page: those before tell how many it will have.
                expected @ 1.. if page.events.is_empty() => expected,
                _ => next_fetch(&page, limit),
            };
            rows::scan(&mut connection, (from, last), wanted, &mut page).await?;
            match page.events.last() {
                Some(newest) if newest.position >= from => from = newest.position + 1,
                // The next one has no room.
                _ if !page.complete => {}
                _ => return Err(Damage::new(from, "the event is not there").into()),
            }
        }
        Ok((page, head_position))
    }

    /// Runs a read, which may block, in one snapshot.
    async fn in_snapshot<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut PgConnection, &Handle, &Index) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, ReadError> {
        let mut snapshot = self
            .pool
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(Fault::from)?;
        // Walks through the index block.
        let runtime = Handle::current();
        let index = Arc::clone(&self.index);
        let reading = tokio::task::spawn_blocking(move || {
            let result = read(&mut snapshot, &runtime, &index)?;
            runtime.block_on(snapshot.commit())?;
            Ok::<_, Fault>(result)
        });
        let result = reading
            .await
            .map_err(|error| ReadError::Unavailable(error.to_string()))?;
        Ok(result?)
    }
}

impl Snapshot {
    fn read(connection: &mut PgConnection, waiting: Waiting<'_>) -> Result<Self, Fault> {
        let rows = sqlx::query(
            "SELECT head.position, head.log_id, run.id, level, first_position, last_position, filter_bits, terms, pages, state \
             FROM keruen_log.log_head AS head LEFT JOIN keruen_log.runs AS run ON run.state = $1 \
             ORDER BY first_position",
        )
        .bind(RunState::Complete.number());
        let rows = waiting.until(rows.fetch_all(connection))?;
        let mut snapshot = Self {
            hasher: TermHasher::new([0; 16]),
            head_position: 0,
            runs: Vec::with_capacity(rows.len()),
        };
        for row in &rows {
            snapshot.head_position = from_stored(row.try_get(0)?);
            // The migrations store 16 bytes, and nobody can change them.
            let log_id: &[u8] = row.try_get(1)?;
            snapshot.hasher = TermHasher::new(log_id.try_into().unwrap_or_default());
            if row.try_get::<Option<i64>, _>(2)?.is_some() {
                snapshot.runs.push(run_of(row, 2)?);
            }
        }
        Ok(snapshot)
    }
}

/// Checks the index against the events; answers how many entries it has. To be called in a snapshot of its own.
pub(super) fn verify_index(
    connection: &mut PgConnection,
    waiting: Waiting<'_>,
    progress: crate::verify::Progress<'_>,
) -> Result<u64, Fault> {
    let snapshot = Snapshot::read(connection, waiting)?;
    let mut rows = Rows {
        connection,
        waiting,
    };
    verify::verify(
        &mut rows,
        &snapshot.hasher,
        snapshot.head_position,
        progress,
    )
}

/// What commands were used for, those that were. To be called in a snapshot of its own.
pub(super) fn find_commands(
    connection: &mut PgConnection,
    waiting: Waiting<'_>,
    filters: FilterCache,
    command_ids: &[Uuid],
) -> Result<HashMap<Uuid, RecordedCommand>, Fault> {
    let index = Index {
        filters,
        tail: SharedTail::new(0),
        event_size: EventSize::default(),
        ahead: Ahead::default(),
    };
    let snapshot = Snapshot::read(connection, waiting)?;
    look_up(connection, waiting, &index, &snapshot, |lookup| {
        let mut found = HashMap::new();
        for command_id in command_ids {
            let command = lookup.find_command(*command_id)?;
            found.extend(command.map(|command| (*command_id, command)));
        }
        Ok(found)
    })
}

/// Looks something up in the index of a snapshot.
fn look_up<T>(
    connection: &mut PgConnection,
    waiting: Waiting<'_>,
    index: &Index,
    snapshot: &Snapshot,
    look: impl FnOnce(&mut Lookup<'_, Rows<'_>>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut storage = Rows {
        connection,
        waiting,
    };
    let indexed = snapshot.runs.last().map_or(0, |run| run.last);
    let tail = index.tail.of_snapshot(
        &mut storage,
        &snapshot.hasher,
        (indexed, snapshot.head_position),
    )?;
    look(&mut Lookup {
        storage: &mut storage,
        hasher: &snapshot.hasher,
        filters: &index.filters,
        runs: &snapshot.runs,
        tail,
        at_once: false,
    })
}

fn read_page(
    connection: &mut PgConnection,
    runtime: &Handle,
    index: &Index,
    query: &Query,
    range: Range,
    limit: usize,
) -> Result<Page, Fault> {
    let waiting = Waiting::Callers(runtime);
    let snapshot = Snapshot::read(connection, waiting)?;
    let head_position = snapshot.head_position;
    let last = range.up_to_position.unwrap_or(u64::MAX).min(head_position);
    let from = range.after_position.saturating_add(1);
    let mut page = PageInProgress::new(limit);
    if from <= last {
        look_up(connection, waiting, index, &snapshot, |lookup| {
            fill(&mut page, limit, lookup, query, (from, last))
        })?;
    }
    Ok(Page {
        events: page.events,
        head_position,
        complete: page.complete,
    })
}

/// Fills a page with the events of a range that match.
fn fill(
    page: &mut PageInProgress,
    limit: usize,
    lookup: &mut Lookup<'_, Rows<'_>>,
    query: &Query,
    (mut from, last): (u64, u64),
) -> Result<(), Fault> {
    let mut cursor = Cursor::new(query);
    while page.complete {
        let wanted = next_fetch(page, limit);
        let mut positions = Vec::new();
        while positions.len() < wanted
            && let Some(position) = cursor.seek(lookup, from, last)?
        {
            positions.push(position);
            from = position + 1;
        }
        if positions.is_empty() {
            break;
        }
        let storage = &mut *lookup.storage;
        let fetching = rows::fetch(storage.connection, &positions);
        for event in storage.waiting.until(fetching)? {
            // Two terms may share a hash.
            if matching::matches_event(query, &event) && !page.add(event) {
                break;
            }
        }
        if positions.len() < wanted {
            break;
        }
    }
    Ok(())
}

/// How many events to fetch next: what the page still has room for, judged by the size of those before.
fn next_fetch(page: &PageInProgress, limit: usize) -> usize {
    let left = limit - page.events.len() + 1;
    match page.bytes.checked_div(page.events.len()) {
        None => left.min(FIRST_FETCH),
        Some(event_bytes) => {
            let fitting = MAX_PAGE_BYTES.saturating_sub(page.bytes) / event_bytes.max(1);
            // At most sixteen times what was seen, since the next ones may be larger.
            left.min(fitting + 1).min(page.events.len() * 16)
        }
    }
}
