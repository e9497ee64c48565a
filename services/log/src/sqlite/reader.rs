//! A read connection.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, functions::FunctionFlags};

use super::rows::{self, Blobs, COLUMNS, RowError, columns, stored};
use crate::page::PageInProgress;

/// Hands each row to a function, which says whether it took it: whoever asks a result for the columns of a row waits
/// twice as long for them.
const SCAN: &str = concat!(
    "SELECT keruen_take(",
    columns!(),
    ") FROM events WHERE position BETWEEN ?1 AND ?2 ORDER BY position"
);

/// Reads a file that somebody else may write.
#[derive(Debug)]
pub(super) struct Reader {
    pub file: Connection,
    taking: Arc<Mutex<Taking>>,
}

/// The page that rows are taken into.
#[derive(Debug)]
struct Taking {
    page: PageInProgress,
    blobs: Blobs,
}

impl Reader {
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let file = Connection::open_with_flags(path, flags)?;
        file.busy_timeout(Duration::from_secs(5))?;
        file.pragma_update(None, "trusted_schema", false)?;
        let taking = Arc::new(Mutex::new(Taking {
            page: PageInProgress::new(0),
            blobs: Blobs::default(),
        }));
        let taken_into = Arc::clone(&taking);
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
        file.create_scalar_function("keruen_take", COLUMNS, flags, move |row| {
            let taking = &mut *locked(&taken_into);
            let event = rows::event_of(|column| Ok(row.get_raw(column)), &mut taking.blobs)?;
            Ok(taking.page.add(event))
        })?;
        Ok(Self { file, taking })
    }

    /// Fills a page with the events of `first..=last` in one snapshot; with the position of the newest event in it.
    pub fn scan(
        &mut self,
        (first, last): (u64, u64),
        page: PageInProgress,
    ) -> Result<(PageInProgress, u64), RowError> {
        let snapshot = self.file.transaction()?;
        let head_position = rows::head(&snapshot)?;
        let last = last.min(head_position);
        locked(&self.taking).page = page;
        if first <= last {
            let mut statement = snapshot.prepare_cached(SCAN)?;
            let mut rows = statement.query((stored(first), stored(last)))?;
            let mut took = true;
            while took && let Some(row) = rows.next()? {
                took = row.get(0)?;
            }
        }
        let page = std::mem::replace(&mut locked(&self.taking).page, PageInProgress::new(0));
        Ok((page, head_position))
    }
}

fn locked(taking: &Mutex<Taking>) -> MutexGuard<'_, Taking> {
    taking.lock().unwrap_or_else(PoisonError::into_inner)
}
