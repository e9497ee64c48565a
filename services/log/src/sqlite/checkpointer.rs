//! Copies the write-ahead log into the file beside the writer, which would otherwise stand still meanwhile.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::{file::Fault, rows::RowError};
use crate::{
    index::run::Changes,
    store::{Group, NewEvent},
};

const PAGE_BYTES: usize = 4_096;
/// Pages that a transaction writes at least: the head, the newest page of events, and what leads there.
const PAGES_OF_COMMIT: usize = 3;
/// What an event takes besides its data, roughly.
const EVENT_BYTES: usize = 600;
/// So many pages are worth a copy; roughly what SQLite does by itself. It only decides when.
const WORTH_PAGES: usize = 1_000;
/// The write-ahead log begins anew only when all of it was copied at a moment when nobody wrote, and a commit that makes
/// its file longer takes twice as long as one that writes over an older part. At this length, 16 MiB, the writer makes
/// that moment.
const LONGEST_PAGES: u64 = 4_096;
/// In groups smaller than this there is no crowd that would wait for the writer while it copies by itself.
const CROWD_EVENTS: usize = 64;

/// The writer's side.
#[derive(Debug)]
pub(super) struct Checkpointer {
    // Dropped first, which ends the thread.
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Length of the write-ahead log, in pages, when it was copied last.
    pages: Arc<AtomicU64>,
    /// Written since it was asked for last.
    written_pages: usize,
}

impl Checkpointer {
    /// Starts to copy for the writer of this connection, which does not do it by itself any more.
    pub fn start(path: &Path, writer: &Connection) -> Result<Self, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "synchronous", "full")?;
        writer.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
        let (wake, woken) = mpsc::sync_channel(1);
        let pages = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&pages);
        let thread = thread::Builder::new()
            .name("log-checkpointer".to_owned())
            .spawn(move || run(&connection, &woken, &told))
            .map_err(Fault::Thread)?;
        Ok(Self {
            wake: Some(wake),
            thread: Some(thread),
            pages,
            written_pages: 0,
        })
    }

    /// The writer has committed this.
    pub fn committed(&mut self, writer: &Connection, group: &Group, changes: &Changes) {
        let of_event = |new: &NewEvent| EVENT_BYTES + new.event.data.len();
        let bytes: usize = group.events.iter().map(of_event).sum();
        let of_index = changes.pages.len() + changes.filters.len();
        self.written_pages += PAGES_OF_COMMIT + bytes / PAGE_BYTES + 2 * of_index;
        if self.written_pages < WORTH_PAGES {
            return;
        }
        self.written_pages = 0;
        if group.events.len() < CROWD_EVENTS || self.pages.load(Ordering::Relaxed) >= LONGEST_PAGES
        {
            match checkpoint(writer) {
                // The next write begins anew.
                Ok((pages, copied)) if pages == copied => self.pages.store(0, Ordering::Relaxed),
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "write-ahead log not copied"),
            }
            return;
        }
        if let Some(wake) = &self.wake {
            // If it is busy, it has been told already.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the log's checkpointer panicked");
        }
    }
}

fn run(connection: &Connection, woken: &Receiver<()>, pages: &AtomicU64) {
    while woken.recv().is_ok() {
        match checkpoint(connection) {
            Ok((all, _)) => pages.store(all, Ordering::Relaxed),
            // It is tried again; a disk that is full refuses the writer as well, and that one tells.
            Err(error) => tracing::debug!(%error, "write-ahead log not copied"),
        }
    }
}

/// Copies what nobody needs to find in the write-ahead log; answers with its length and how much of it was copied, in
/// pages. Waits for nobody.
fn checkpoint(connection: &Connection) -> Result<(u64, u64), RowError> {
    // Both are -1 where another one is at it.
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let (all, copied) = connection
        .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
        .query_row([], |row| Ok((row.get(1)?, row.get(2)?)))?;
    Ok((number(all), number(copied)))
}
