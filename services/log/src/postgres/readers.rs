//! A small pool of read connections. Each read is one snapshot.

use std::time::Duration;

use keruen_proto::log::v1::Query;
use sqlx::{
    PgConnection, PgPool, Row as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::{
    index::{self, Index, Waiting},
    rows::{self, from_stored},
    session::{self, Fault},
};
use crate::{
    bounds::MAX_PAGE_BYTES,
    cursor::Cursor,
    log::{Head, Page, Range, ReadError, RecordedCommand},
    page::PageInProgress,
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
}

impl Readers {
    pub fn new(address: &PgConnectOptions, connections: u32) -> Self {
        let pool = PgPoolOptions::new()
            // One more, for the follower.
            .max_connections(connections.max(1) + 1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(|connection, _| Box::pin(session::become_reader(connection)))
            .connect_lazy_with(session::named(address, "keruen log reader"));
        Self { pool }
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
            // Checks of the table keep the lengths.
            log_id: log_id.try_into().unwrap_or_default(),
            position: from_stored(position),
            root_hash: tree::frontier_root(&frontier),
        })
    }

    /// What a command id was used for.
    pub async fn command(&self, command_id: Uuid) -> Result<Option<RecordedCommand>, ReadError> {
        let mut connection = self.pool.acquire().await.map_err(Fault::from)?;
        let mut found = index::find_commands(&mut connection, &[command_id]).await?;
        Ok(found.remove(&command_id))
    }

    /// Reads a page in one snapshot.
    pub async fn page(&self, query: Query, range: Range, limit: usize) -> Result<Page, ReadError> {
        let mut snapshot = self
            .pool
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(Fault::from)?;
        // Walks through the index block.
        let runtime = Handle::current();
        let reading = tokio::task::spawn_blocking(move || {
            let page = read_page(&mut snapshot, &runtime, &query, range, limit)?;
            runtime.block_on(snapshot.commit())?;
            Ok::<_, Fault>(page)
        });
        let page = reading
            .await
            .map_err(|error| ReadError::Unavailable(error.to_string()))?;
        Ok(page?)
    }
}

fn read_page(
    snapshot: &mut PgConnection,
    runtime: &Handle,
    query: &Query,
    range: Range,
    limit: usize,
) -> Result<Page, Fault> {
    let head = sqlx::query("SELECT position FROM keruen_log.log_head").fetch_one(&mut *snapshot);
    let head_position = from_stored(runtime.block_on(head)?.try_get(0)?);
    let last = range.up_to_position.unwrap_or(u64::MAX).min(head_position);
    let mut page = PageInProgress::new(limit);
    let mut from = range.after_position.saturating_add(1);
    let mut cursor = Cursor::new(query);
    // One event more than there is room for tells that the page is not complete.
    while from <= last && page.complete {
        let wanted = next_fetch(&page, limit);
        let events = if let Cursor::Every = cursor {
            runtime.block_on(rows::scan(snapshot, from, last, wanted))?
        } else {
            let positions = seek(&mut cursor, snapshot, runtime, (from, last), wanted)?;
            match positions.as_slice() {
                [] => Vec::new(),
                found => runtime.block_on(rows::fetch(snapshot, found))?,
            }
        };
        let exhausted = events.len() < wanted;
        for event in events {
            from = event.position + 1;
            if !page.add(event) {
                break;
            }
        }
        if exhausted {
            break;
        }
    }
    Ok(Page {
        events: page.events,
        head_position,
        complete: page.complete,
    })
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

fn seek(
    cursor: &mut Cursor<'_>,
    snapshot: &mut PgConnection,
    runtime: &Handle,
    (mut from, last): (u64, u64),
    limit: usize,
) -> Result<Vec<u64>, Fault> {
    let index = Index::new(snapshot, Waiting::Callers(runtime));
    let mut positions = Vec::new();
    while positions.len() < limit {
        let Some(position) = cursor.seek(&index, from, last)? else {
            break;
        };
        positions.push(position);
        from = position + 1;
    }
    Ok(positions)
}
