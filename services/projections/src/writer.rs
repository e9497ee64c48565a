//! The one who writes a copy of a view: takes in events and moves the checkpoint with them, in one transaction.

use std::{collections::HashSet, fs, os::unix::fs::MetadataExt as _, path::PathBuf};

use keruen_log::RecordedEvent;

use crate::{
    copies::CopyName,
    database::{Access, Connection, Row, params},
    failure::{ApplyError, Defect, StoreError},
    fold::Fold,
    reading::Page,
    sheets,
    table::{self, Table},
    view::View,
};

/// Where a view stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log that it follows; empty before the first event.
    pub log_id: Vec<u8>,
    /// Every event up to this position is in the rows.
    pub position: u64,
    /// Leaf hash of the event at `position`.
    pub leaf_hash: Vec<u8>,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Where the view stands now.
    pub position: u64,
    /// The event after it, if that can't be taken in: its index among the events given, and why.
    pub defect: Option<(usize, Defect)>,
}

/// The one who writes a copy.
pub struct Writer {
    connection: std::rc::Rc<Connection>,
    view: &'static View,
    copy: CopyName,
    fold: Option<Fold>,
    /// The files that it has open.
    files: Vec<OpenFile>,
}

/// A file that is open, whatever its name stands for by now.
struct OpenFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl OpenFile {
    fn at(path: PathBuf) -> Option<Self> {
        let identity = Self::identity(&path)?;
        Some(Self { path, identity })
    }

    fn identity(path: &PathBuf) -> Option<(u64, u64)> {
        let found = fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    }

    fn is_in_place(&self) -> bool {
        Self::identity(&self.path) == Some(self.identity)
    }
}

/// Those of a connection: the database, and the journal beside it where it is kept.
fn open_files(connection: &Connection) -> Vec<OpenFile> {
    let Connection::Sqlite(file) = connection else {
        return Vec::new();
    };
    let path = file.path().unwrap_or_default();
    let paths = ["", "-wal"].map(|suffix| PathBuf::from(format!("{path}{suffix}")));
    paths.into_iter().filter_map(OpenFile::at).collect()
}

impl Writer {
    /// Writes a copy that has been opened for that.
    pub fn new(connection: Connection, view: &'static View, copy: CopyName) -> Self {
        Self {
            files: Vec::new(),
            connection: std::rc::Rc::new(connection),
            view,
            copy,
            fold: None,
        }
    }

    /// Which copy it writes.
    pub fn copy(&self) -> &CopyName {
        &self.copy
    }

    /// Notes which files it has open, once they have been written to or read.
    pub fn note_files(&mut self) {
        self.files = open_files(&self.connection);
    }

    /// Fails where the rows have been taken away: their file deleted, their tables dropped. The writer itself would go on
    /// in what nobody reads any more.
    pub fn look_for_rows(&self) -> Result<(), StoreError> {
        if !self.files.iter().all(OpenFile::is_in_place) {
            return Err(StoreError::Lost("its file was deleted".to_owned()));
        }
        let stored = self.stored_columns()?;
        let is_there = |table: &Table| {
            let mut columns = table.keys.iter().chain(table.columns);
            columns.all(|column| stored.contains(&format!("{}.{column}", table.name)))
        };
        if self.view.tables().iter().all(|table| is_there(table)) {
            Ok(())
        } else {
            Err(StoreError::OtherVersion.of_own_version())
        }
    }

    /// What is there, as `table.column`.
    fn stored_columns(&self) -> Result<HashSet<String>, StoreError> {
        let read = |row: &Row<'_>| row.get(0);
        let columns = if self.connection.is_postgres() {
            self.connection
                .prepare_cached(
                    "SELECT c.relname::TEXT || '.' || a.attname::TEXT FROM pg_catalog.pg_class c \
                     JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid \
                     WHERE c.relnamespace = pg_catalog.to_regnamespace(?1) AND c.relkind = 'r' \
                     AND a.attnum > 0 AND NOT a.attisdropped",
                )?
                .query_map(params![self.copy.schema()], read)?
        } else {
            self.connection
                .prepare_cached(
                    "SELECT m.name || '.' || c.name FROM sqlite_master m \
                     JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
                )?
                .query_map(&[], read)?
        };
        Ok(columns.into_iter().collect())
    }

    /// Whether the rows can be relied on: there are any, and no crash of the system can have taken any of them back.
    pub fn is_whole(&self) -> Result<bool, StoreError> {
        match &*self.connection {
            Connection::Sqlite(file) => {
                let mark: u32 = file.query_row("PRAGMA user_version", [], |row| row.get(0))?;
                Ok(mark == self.mark())
            }
            Connection::Postgres(_) => {
                let tables = self
                    .connection
                    .prepare_cached("SELECT COUNT(*) FROM pg_catalog.pg_tables WHERE schemaname = ?1 AND tablename = 'checkpoint'")?
                    .query_row(params![self.copy.schema()], |row| row.get::<i64>(0))?;
                Ok(tables == Some(1))
            }
        }
    }

    /// What a file is marked with: a complete one with its version, one that is being built with the run of the system
    /// in which it is, since what is not synced survives the end of a program but not that of the system.
    fn mark(&self) -> u32 {
        if self.copy.is_unfinished {
            this_run_of_the_system()
        } else {
            self.view.version
        }
    }

    /// Where the view stands.
    pub fn checkpoint(&self) -> Result<Checkpoint, StoreError> {
        checkpoint(&self.connection)
    }

    /// Empties the copy, for a log from its beginning. One that is being built has no indexes yet.
    pub fn start_over(&mut self, log_id: &[u8]) -> Result<(), StoreError> {
        self.fold = None;
        let (tables, indexes) = self.view.statements(self.connection.is_postgres());
        let mark = self.mark();
        self.connection.transaction(Access::Write, |rows| {
            self.clear()?;
            for statement in tables {
                rows.execute_batch(&statement)?;
            }
            if !self.copy.is_unfinished {
                for statement in indexes {
                    rows.execute_batch(&statement)?;
                }
            }
            rows.prepare_cached(
                "INSERT INTO checkpoint (only_row, log_id, position, leaf_hash) VALUES (1, ?1, 0, ?2)",
            )?
            .execute(params![*log_id, Vec::<u8>::new()])?;
            if !rows.is_postgres() {
                rows.execute_batch(&format!("PRAGMA user_version = {mark}"))?;
            }
            Ok(())
        })
    }

    fn clear(&self) -> Result<(), StoreError> {
        if self.connection.is_postgres() {
            let schema = self.copy.schema();
            return self.connection.execute_batch(&format!(
                "DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}"
            ));
        }
        let tables = self
            .connection
            .prepare_cached("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")?
            .query_map(&[], |row| row.get::<String>(0))?;
        for table in tables {
            self.connection
                .execute_batch(&format!("DROP TABLE \"{}\"", table.replace('"', "\"\"")))?;
        }
        Ok(())
    }

    /// Makes the indexes that a copy does without while it is built.
    pub fn make_indexes(&mut self) -> Result<(), StoreError> {
        let (_, indexes) = self.view.statements(self.connection.is_postgres());
        self.connection.transaction(Access::Write, |rows| {
            for statement in indexes {
                let statement = statement.replacen("CREATE INDEX", "CREATE INDEX IF NOT EXISTS", 1);
                rows.execute_batch(&statement)?;
            }
            if self.view.keeps(&table::CLOSINGS) {
                sheets::make_closings_that_waited(rows)?;
            }
            Ok::<_, StoreError>(())
        })?;
        // What it knows of closings is of before.
        self.fold = None;
        if self.connection.is_postgres()
            && let Err(error) = self.look_at_tables()
        {
            tracing::warn!(view = self.view.name, %error, "a view that was built is slower than it could be");
        }
        Ok(())
    }

    /// Lets the server see how its tables stand after all that was written.
    fn look_at_tables(&self) -> Result<(), StoreError> {
        self.connection.execute_batch("SET lock_timeout = '10s'")?;
        // Whoever adds up stock reads these whole, and their rows were replaced again and again.
        let replaced = [&table::PAIRS, &table::STOCK_TOTALS];
        for table in replaced.into_iter().filter(|it| self.view.keeps(it)) {
            let vacuum = format!("VACUUM (FULL) {}", table.name);
            self.connection.execute_batch(&vacuum)?;
        }
        // Of these tables alone: the log in the same database is much larger.
        let tables: Vec<_> = self.view.tables().iter().map(|table| table.name).collect();
        let analyze = format!("ANALYZE {}", tables.join(", "));
        self.connection.execute_batch(&analyze)
    }

    /// Marks a file as complete, as the last step before it is synced and gets its name: under its old one it would be
    /// taken for something else, and emptied.
    pub fn mark_complete(&self) -> Result<(), StoreError> {
        if self.connection.is_postgres() {
            return Ok(());
        }
        let version = self.view.version;
        self.connection
            .execute_batch(&format!("PRAGMA user_version = {version}"))
    }

    /// Takes in events that follow the checkpoint and moves it, in one transaction. If one of them can't be taken in,
    /// all before it are.
    pub fn apply(&mut self, events: &[RecordedEvent]) -> Result<Applied, StoreError> {
        let defect = match self.take(events) {
            Ok(()) => None,
            Err(ApplyError::Store(error)) => return Err(error),
            Err(ApplyError::Event { index, defect }) => {
                self.take(&events[..index]).map_err(|error| match error {
                    ApplyError::Store(error) => error,
                    ApplyError::Event { defect, .. } => StoreError::Damaged(format!(
                        "events that were fit a moment ago no longer are: {defect}"
                    )),
                })?;
                Some((index, defect))
            }
        };
        let position = self.commit()?;
        Ok(Applied { position, defect })
    }

    /// Folds events that follow what was folded before, in memory. If that fails, everything since the checkpoint is
    /// forgotten.
    pub fn take(&mut self, events: &[RecordedEvent]) -> Result<(), ApplyError> {
        self.fold(|fold| fold.take(events))
    }

    /// The same with the first events of a page.
    pub fn take_page(&mut self, page: &Page, events: usize) -> Result<(), ApplyError> {
        self.fold(|fold| fold.take_page(page, events))
    }

    fn fold(
        &mut self,
        take: impl FnOnce(&mut Fold) -> Result<(), ApplyError>,
    ) -> Result<(), ApplyError> {
        let mut fold = if let Some(fold) = self.fold.take() {
            fold
        } else {
            let position = checkpoint(&self.connection)?.position;
            Fold::new(self.connection.clone(), self.view, position)
        };
        take(&mut fold)?;
        self.fold = Some(fold);
        Ok(())
    }

    /// How much the fold keeps in memory, in bytes, roughly.
    pub fn memory_bytes(&self) -> usize {
        self.fold.as_ref().map_or(0, Fold::memory_bytes)
    }

    /// Writes what was folded and moves the checkpoint, in one transaction; answers with the position.
    pub fn commit(&mut self) -> Result<u64, StoreError> {
        let Some(mut fold) = self.fold.take() else {
            return Ok(checkpoint(&self.connection)?.position);
        };
        let position = self.connection.transaction(Access::Write, |rows| {
            fold.write()?;
            let (position, leaf_hash) = fold.reached();
            if let Some(leaf_hash) = leaf_hash {
                let moved = rows
                    .prepare_cached(
                        "UPDATE checkpoint SET position = ?1, leaf_hash = ?2 WHERE position = ?3",
                    )?
                    .execute(params![
                        position.cast_signed(),
                        *leaf_hash,
                        fold.committed().cast_signed()
                    ])?;
                if moved == 0 {
                    return Err(StoreError::Overtaken);
                }
            }
            Ok::<_, StoreError>(position)
        })?;
        // What could not be written is not kept: the rows are read again.
        fold.written();
        self.fold = Some(fold);
        Ok(position)
    }

    /// Forgets rows, if they take more than `limit_bytes` in memory. They must have been written.
    pub fn forget_beyond(&mut self, limit_bytes: usize) {
        if let Some(fold) = &mut self.fold {
            fold.forget_beyond(limit_bytes);
        }
    }

    #[cfg(test)]
    pub(crate) fn connection(&mut self) -> &Connection {
        &self.connection
    }

    /// Ends as if the program had died before what it wrote was committed.
    #[cfg(test)]
    pub(crate) fn die_while_writing(mut self) {
        let mut fold = self.fold.take().unwrap();
        let died = self.connection.transaction(Access::Write, |_| {
            fold.write()?;
            Err::<(), _>(StoreError::Damaged("it died".to_owned()))
        });
        assert!(died.is_err());
    }
}

/// Where a view stands, as this connection sees it.
pub fn checkpoint(connection: &Connection) -> Result<Checkpoint, StoreError> {
    let row = connection
        .prepare_cached("SELECT log_id, position, leaf_hash FROM checkpoint")?
        .query_row(&[], |row| {
            Ok(Checkpoint {
                log_id: row.get(0)?,
                position: row.get::<i64>(1)?.cast_unsigned(),
                leaf_hash: row.get(2)?,
            })
        });
    row?.ok_or_else(|| StoreError::Lost("there is no checkpoint".to_owned()))
}
/// Tells runs of the system apart, from its start to its end: 31 bits, never 0. Where it does not say, those of this
/// program.
fn this_run_of_the_system() -> u32 {
    let run = fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .unwrap_or_else(|_| std::process::id().to_string());
    let hash = run.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (hash >> 1) | 1
}
