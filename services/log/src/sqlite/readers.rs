//! A small pool of read connections. Each read is one snapshot.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use keruen_proto::log::v1::Query;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::{
    index::Index,
    rows::{self, RowError},
};
use crate::{
    cursor::Cursor,
    log::{Page, Range, ReadError},
    page::PageInProgress,
};

/// Read connections that are opened when they are first needed.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Readers {
    pub fn new(path: PathBuf, connections: usize) -> Self {
        Self {
            path,
            idle: Mutex::new(Vec::new()),
            permits: Semaphore::new(connections.max(1)),
        }
    }

    /// Runs a read on a thread for blocking work.
    pub async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&mut Connection) -> Result<T, RowError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let unavailable = |error: &dyn std::fmt::Display| ReadError::Unavailable(error.to_string());
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(|error| unavailable(&error))?;
        let readers = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            let mut connection = readers.take()?;
            let result = read(&mut connection)?;
            // One that has failed is closed instead.
            readers.idle().push(connection);
            Ok::<T, RowError>(result)
        });
        Ok(task.await.map_err(|error| unavailable(&error))??)
    }

    fn take(&self) -> Result<Connection, RowError> {
        if let Some(connection) = self.idle().pop() {
            return Ok(connection);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(connection)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a page in one snapshot.
pub(super) fn read_page(
    connection: &mut Connection,
    query: &Query,
    range: Range,
    limit: usize,
) -> Result<Page, RowError> {
    let snapshot = connection.transaction()?;
    let head_position = snapshot
        .prepare_cached("SELECT position FROM log_head")?
        .query_row([], |row| row.get(0).map(rows::from_stored))?;
    let last = range.up_to_position.unwrap_or(u64::MAX).min(head_position);
    let mut page = PageInProgress::new(limit);
    let mut from = range.after_position.saturating_add(1);
    let mut cursor = Cursor::new(query);
    if let Cursor::Every = cursor {
        if from <= last {
            rows::scan(&snapshot, from, last, |event| page.add(event))?;
        }
    } else {
        while let Some(position) = cursor.seek(&Index(&snapshot), from, last)? {
            // The event that finds the page full is read again for the next page.
            if page.is_full() || !page.add(rows::fetch(&snapshot, position)?) {
                page.complete = false;
                break;
            }
            from = position + 1;
        }
    }
    Ok(Page {
        events: page.events,
        head_position,
        complete: page.complete,
    })
}
