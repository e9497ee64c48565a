//! The index of a file, made anew from its events.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::{
    SqliteLog, StoreReader,
    file::{self, Fault, OpenError},
    index::{self, Rows},
    rows::{RowError, stored},
    writer,
};
use crate::{
    index::{
        rebuild::{self, Rebuild, ReindexOptions, Reindexed},
        run::{Changes, MAX_RUN_ID},
        storage::Damage,
        term::TermHasher,
    },
    verify::Progress,
};

impl SqliteLog {
    /// Makes the index of the log at `path` anew where it does not agree with the events, also where the log can't be
    /// opened because of it. Nobody else may have the log open. It can be killed at any time and goes on from there when
    /// it is called again. It blocks.
    pub fn reindex(
        path: &Path,
        options: ReindexOptions,
        progress: Progress<'_>,
    ) -> Result<Reindexed, OpenError> {
        // It must not make a log where there is none.
        drop(StoreReader::open(path)?);
        let (connection, _lock, path) = file::open(path, None)?;
        rebuild(connection, options, progress).map_err(|fault| fault.at(&path))
    }
}

/// The same on a connection that has the file to itself.
pub(super) fn rebuild(
    connection: Connection,
    options: ReindexOptions,
    progress: Progress<'_>,
) -> Result<Reindexed, Fault> {
    let (tip, _) = writer::load(&connection)?;
    let log_id = connection.query_row("SELECT log_id FROM log_head", [], |row| row.get(0))?;
    let hasher = TermHasher::new(log_id);
    let reindexed = rebuild::rebuild(
        &mut Alone(connection),
        &hasher,
        tip.position(),
        options,
        progress,
    )?;
    Ok(reindexed)
}

/// The only connection that writes.
struct Alone(Connection);

impl Rebuild for Alone {
    type Error = RowError;
    type Rows<'r> = Rows<'r>;

    fn damage(error: &RowError) -> Option<&Damage> {
        match error {
            RowError::Damaged(damage) => Some(damage),
            RowError::Sqlite(_) => None,
        }
    }

    fn with_rows<T>(
        &mut self,
        look: impl FnOnce(&mut Rows<'_>) -> Result<T, RowError>,
    ) -> Result<T, RowError> {
        look(&mut Rows(&self.0))
    }

    fn remove_malformed(&mut self) -> Result<(), RowError> {
        let transaction = self
            .0
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut malformed = Vec::new();
        {
            let mut statement = transaction.prepare(index::RUNS)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if index::run_of(row).is_err() {
                    malformed.push(row.get::<_, i64>(0)?);
                }
            }
        }
        for id in malformed {
            transaction.execute("DELETE FROM runs WHERE id = ?1", [id])?;
        }
        for table in ["run_pages", "run_filters"] {
            let delete = format!("DELETE FROM {table} WHERE run < 1 OR run > ?1");
            transaction.execute(&delete, [stored(MAX_RUN_ID)])?;
        }
        transaction.commit()?;
        Ok(())
    }

    fn write(&mut self, changes: &Changes) -> Result<(), RowError> {
        let transaction = self
            .0
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        index::write(&transaction, changes)?;
        transaction.commit()?;
        Ok(())
    }
}
