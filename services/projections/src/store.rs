//! The file of the views: opening, starting over, and the checkpoint.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use keruen_log::RecordedEvent;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};

use crate::{
    failure::{ApplyError, Defect, StoreError},
    fold,
};

/// Version of the views. It moves whenever the same events would lead to other rows; the views are then built anew.
pub const VERSION: u32 = 15;

const SCHEMA: &str = include_str!("sql/schema.sql");
/// Readers never block the writer nor the other way round; only a start waits for another one that is ending.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The writer has about twenty statements, and nine loads.
const CACHED_STATEMENTS: usize = 64;

/// The file of the views of this version in a folder.
pub fn path(dir: &Path) -> PathBuf {
    dir.join(format!("views-{VERSION}.db"))
}

/// Where the views stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log that they follow; empty before the first event.
    pub log_id: Vec<u8>,
    /// Every event up to this position is in the rows.
    pub position: u64,
    /// Leaf hash of the event at `position`.
    pub leaf_hash: Vec<u8>,
}

/// The one connection that writes.
pub struct Writer {
    connection: Connection,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Where the views stand now.
    pub position: u64,
    /// The event after it, if that can't be taken in: its index among the events given, and why.
    pub defect: Option<(usize, Defect)>,
}

impl Writer {
    /// Opens the file and creates what is missing. A file that is no database, or of another version, is replaced.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(dir)?;
        let path = path(dir);
        match Self::try_open(&path) {
            Err(StoreError::Sqlite(error)) if is_unreadable(&error) => {
                tracing::warn!(path = %path.display(), %error, "views are unreadable, building them anew");
                remove(&path)?;
                Self::try_open(&path)
            }
            other => other,
        }
    }

    fn try_open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A power cut may take the newest transactions back, whole ones: the checkpoint goes back with the rows.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let mut writer = Self { connection };
        let version: u32 = writer
            .connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version != VERSION {
            writer.start_over(&[])?;
        }
        Ok(writer)
    }

    /// Where the views stand.
    pub fn checkpoint(&self) -> Result<Checkpoint, StoreError> {
        checkpoint(&self.connection)
    }

    /// Empties the views, for a log from its beginning.
    pub fn start_over(&mut self, log_id: &[u8]) -> Result<(), StoreError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let tables: Vec<String> = transaction
            .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for table in tables {
            transaction.execute_batch(&format!("DROP TABLE \"{}\"", table.replace('"', "\"\"")))?;
        }
        transaction.execute_batch(SCHEMA)?;
        transaction.execute(
            "INSERT INTO checkpoint (only_row, log_id, position, leaf_hash) VALUES (1, ?1, 0, ?2)",
            params![log_id, Vec::<u8>::new()],
        )?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
        Ok(())
    }

    /// Takes in events that follow the checkpoint and moves it, in one transaction. If one of them can't be taken in,
    /// all before it are.
    pub fn apply(&mut self, events: &[RecordedEvent]) -> Result<Applied, StoreError> {
        match self.try_apply(events) {
            Ok(position) => Ok(Applied {
                position,
                defect: None,
            }),
            Err(ApplyError::Store(error)) => Err(error),
            Err(ApplyError::Event { index, defect }) => {
                let position = self
                    .try_apply(&events[..index])
                    .map_err(|error| match error {
                        ApplyError::Store(error) => error,
                        ApplyError::Event { defect, .. } => StoreError::Damaged(format!(
                            "events that were fit a moment ago no longer are: {defect}"
                        )),
                    })?;
                Ok(Applied {
                    position,
                    defect: Some((index, defect)),
                })
            }
        }
    }

    fn try_apply(&mut self, events: &[RecordedEvent]) -> Result<u64, ApplyError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let position = checkpoint(&transaction)?.position;
        let Some(last) = events.last() else {
            return Ok(position);
        };
        fold::apply(&transaction, position, events)?;
        transaction
            .prepare_cached("UPDATE checkpoint SET position = ?1, leaf_hash = ?2")?
            .execute(params![last.position.cast_signed(), last.leaf_hash])?;
        transaction.commit()?;
        Ok(last.position)
    }

    #[cfg(test)]
    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// Opens a connection that only reads.
pub fn open_reader(dir: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(
        path(dir),
        OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

/// Where the views stand, as this connection sees them.
pub fn checkpoint(connection: &Connection) -> Result<Checkpoint, StoreError> {
    let row = connection
        .prepare_cached("SELECT log_id, position, leaf_hash FROM checkpoint")?
        .query_row([], |row| {
            Ok(Checkpoint {
                log_id: row.get(0)?,
                position: row.get::<_, i64>(1)?.cast_unsigned(),
                leaf_hash: row.get(2)?,
            })
        });
    row.optional()?
        .ok_or_else(|| StoreError::Damaged("there is no checkpoint".to_owned()))
}

fn is_unreadable(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
    )
}

fn remove(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Where the stored views of this version stand, also while a node keeps them; `None` where there are none.
pub fn stored_checkpoint(dir: &Path) -> Result<Option<Checkpoint>, StoreError> {
    if !path(dir).exists() {
        return Ok(None);
    }
    checkpoint(&open_reader(dir)?).map(Some)
}

/// Removes the views of all versions in a folder: they can be made again from the log. Nobody may keep them meanwhile.
pub fn remove_all(dir: &Path) -> Result<(), StoreError> {
    remove(&path(dir))?;
    remove_other_versions(dir);
    Ok(())
}

/// Removes the views of other versions in a folder. What can't be removed only takes space.
pub fn remove_other_versions(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let version = name
            .to_str()
            .and_then(|name| name.strip_prefix("views-")?.strip_suffix(".db"));
        let Some(version) = version.and_then(|version| version.parse::<u32>().ok()) else {
            continue;
        };
        if version != VERSION
            && let Err(error) = remove(&entry.path())
        {
            tracing::warn!(path = %entry.path().display(), %error, "views of another version can't be removed");
        }
    }
}
