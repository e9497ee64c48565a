//! A small pool of read connections. Each read is one snapshot.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use keruen_proto::log::v1::Query;
use rusqlite::Connection;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    index::Rows,
    reader::Reader,
    rows::{self, RowError},
};
use crate::{
    ahead::Ahead,
    cursor::Cursor,
    index::{
        cache::FilterCache, lookup::Lookup, run::RunState, storage::Storage as _, tail::SharedTail,
        term::TermHasher,
    },
    log::{Page, Range, ReadError, RecordedCommand},
    matching,
    page::PageInProgress,
    scan::{self, EventSize},
};

/// What all reads of the index share.
#[derive(Debug)]
pub(super) struct Index {
    pub hasher: TermHasher,
    pub filters: FilterCache,
    pub tail: SharedTail,
}

/// Read connections that are opened when they are first needed.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    index: Index,
    idle: Mutex<Vec<Reader>>,
    permits: Semaphore,
    event_size: EventSize,
    ahead: Ahead,
}

impl Readers {
    pub fn new(path: PathBuf, index: Index, connections: usize) -> Self {
        Self {
            path,
            index,
            idle: Mutex::new(Vec::new()),
            permits: Semaphore::new(connections.max(1)),
            event_size: EventSize::default(),
            ahead: Ahead::default(),
        }
    }

    /// Runs a read on a thread for blocking work.
    pub async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&mut Reader, &Self) -> Result<T, RowError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let unavailable = |error: &dyn std::fmt::Display| ReadError::Unavailable(error.to_string());
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(|error| unavailable(&error))?;
        let readers = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            let mut reader = readers.take()?;
            let result = read(&mut reader, &readers)?;
            // One that has failed is closed instead.
            readers.idle().push(reader);
            Ok::<T, RowError>(result)
        });
        Ok(task.await.map_err(|error| unavailable(&error))??)
    }

    fn take(&self) -> Result<Reader, RowError> {
        match self.idle().pop() {
            Some(reader) => Ok(reader),
            None => Ok(Reader::open(&self.path)?),
        }
    }

    /// Reads all events of a range, a page of them.
    pub async fn scan(self: &Arc<Self>, range: Range, limit: usize) -> Result<Page, ReadError> {
        let readers = Arc::clone(self);
        let read = move |range| {
            let readers = Arc::clone(&readers);
            async move {
                scan::in_halves(range, limit, &readers.event_size, |positions, page| {
                    readers.run(move |reader, _| reader.scan(positions, page))
                })
                .await
            }
        };
        self.ahead.page(range, limit, read).await
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks something up in the index of a snapshot.
fn look_up<T>(
    snapshot: &Connection,
    index: &Index,
    head_position: u64,
    look: impl FnOnce(&mut Lookup<'_, Rows<'_>>) -> Result<T, RowError>,
) -> Result<T, RowError> {
    let mut storage = Rows(snapshot);
    let mut runs = storage.runs()?;
    runs.retain(|run| run.state == RunState::Complete);
    let indexed = runs.last().map_or(0, |run| run.last);
    let tail = index
        .tail
        .of_snapshot(&mut storage, &index.hasher, (indexed, head_position))?;
    look(&mut Lookup {
        storage: &mut storage,
        hasher: &index.hasher,
        filters: &index.filters,
        runs: &runs,
        tail,
        at_once: false,
    })
}

/// Looks up what a command id was used for.
pub(super) fn find_command(
    reader: &mut Reader,
    readers: &Readers,
    command_id: Uuid,
) -> Result<Option<RecordedCommand>, RowError> {
    let snapshot = reader.file.transaction()?;
    let head_position = rows::head(&snapshot)?;
    look_up(&snapshot, &readers.index, head_position, |lookup| {
        lookup.find_command(command_id)
    })
}

/// Reads a page of matches in one snapshot.
pub(super) fn read_page(
    reader: &mut Reader,
    readers: &Readers,
    query: &Query,
    range: Range,
    limit: usize,
) -> Result<Page, RowError> {
    let snapshot = reader.file.transaction()?;
    let head_position = rows::head(&snapshot)?;
    let last = range.up_to_position.unwrap_or(u64::MAX).min(head_position);
    let mut page = PageInProgress::new(limit);
    let from = range.after_position.saturating_add(1);
    if from <= last {
        look_up(&snapshot, &readers.index, head_position, |lookup| {
            fill(&mut page, &snapshot, lookup, query, (from, last))
        })?;
    }
    Ok(Page {
        events: page.events,
        head_position,
        complete: page.complete,
    })
}

fn fill(
    page: &mut PageInProgress,
    snapshot: &Connection,
    lookup: &mut Lookup<'_, Rows<'_>>,
    query: &Query,
    (mut from, last): (u64, u64),
) -> Result<(), RowError> {
    let mut cursor = Cursor::new(query);
    while let Some(position) = cursor.seek(lookup, from, last)? {
        from = position + 1;
        // The event that finds the page full is read again for the next page.
        let event = rows::fetch(snapshot, position)?;
        // Two terms may share a hash.
        if matching::matches_event(query, &event) && (page.is_full() || !page.add(event)) {
            page.complete = false;
            break;
        }
    }
    Ok(())
}
