//! Copies of views: files in a folder, or schemas of a PostgreSQL database.
//!
//! A view has one copy that answers. While it is built anew there is another one beside it, which becomes the one that
//! answers once it is complete. The name of a copy says what it is: view, version, generation, and whether it is still
//! being built.

use std::{
    cmp::Reverse,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use keruen_log::RecordedEvent;

use crate::{
    database::{self, Access, Address, Connection, params},
    failure::{ApplyError, Defect, StoreError},
    fold::Fold,
    reading::Page,
    sheets, table,
    view::{self, View},
};

/// Where views are kept.
#[derive(Clone)]
pub enum Place {
    /// In a folder, each copy in a file of its own.
    Folder(PathBuf),
    /// In a database, each copy in a schema of its own.
    Server(Box<Address>),
}

/// The name of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyName {
    /// Of which view.
    pub view: String,
    /// In which version.
    pub version: u32,
    /// Which of those that there have been; later ones are newer.
    pub generation: u64,
    /// Whether it is being built, and does not answer yet.
    pub is_unfinished: bool,
}

const UNFINISHED: &str = "building";

impl CopyName {
    fn new(view: &View, generation: u64, is_unfinished: bool) -> Self {
        Self {
            view: view.name.to_owned(),
            version: view.version,
            generation,
            is_unfinished,
        }
    }

    /// The same copy, complete.
    pub fn finished(&self) -> Self {
        Self {
            is_unfinished: false,
            ..self.clone()
        }
    }

    fn joined(&self, separator: &str) -> String {
        let mut parts = vec![
            self.view.clone(),
            self.version.to_string(),
            self.generation.to_string(),
        ];
        if self.is_unfinished {
            parts.push(UNFINISHED.to_owned());
        }
        parts.join(separator)
    }

    fn parse(text: &str, separator: char) -> Option<Self> {
        let parts: Vec<&str> = text.split(separator).collect();
        let (view, version, generation, rest) = match parts.as_slice() {
            [view, version, generation, rest @ ..] if rest.len() < 2 => {
                (view, version, generation, rest.first())
            }
            _ => return None,
        };
        if rest.is_some_and(|rest| *rest != UNFINISHED) {
            return None;
        }
        Some(Self {
            view: (*view).to_owned(),
            version: version.parse().ok()?,
            generation: generation.parse().ok()?,
            is_unfinished: rest.is_some(),
        })
    }

    fn file(&self) -> String {
        format!("views-{}.db", self.joined("-"))
    }

    fn of_file(name: &str) -> Option<Self> {
        Self::parse(name.strip_prefix("views-")?.strip_suffix(".db")?, '-')
    }

    fn schema(&self) -> String {
        format!("keruen_view_{}", self.joined("_"))
    }

    fn of_schema(name: &str) -> Option<Self> {
        Self::parse(name.strip_prefix("keruen_view_")?, '_')
    }
}

/// What is there of a view.
#[derive(Debug, Default)]
pub struct Copies {
    /// The one that answers: of this version, or, where there is none yet, of an older one.
    pub answering: Option<CopyName>,
    /// One of this version that was being built.
    pub unfinished: Option<CopyName>,
    /// All others, which nobody needs.
    pub outdated: Vec<CopyName>,
    /// Of the next copy.
    next_generation: u64,
}

impl Copies {
    fn of(view: &View, mut all: Vec<CopyName>) -> Self {
        all.retain(|copy| copy.view == view.name);
        let newest = all.iter().map(|copy| copy.generation).max();
        let is_ours = |copy: &CopyName| copy.version == view.version;
        // Those of a newer version belong to a newer program, which may come back.
        all.retain(|copy| copy.version <= view.version);
        all.sort_by_key(|copy| Reverse((copy.version, copy.generation)));
        let mut copies = Self {
            next_generation: newest.map_or(1, |newest| newest + 1),
            ..Self::default()
        };
        for copy in all {
            if copy.is_unfinished && is_ours(&copy) && copies.unfinished.is_none() {
                copies.unfinished = Some(copy);
            } else if !copy.is_unfinished && copies.answering.is_none() {
                copies.answering = Some(copy);
            } else {
                copies.outdated.push(copy);
            }
        }
        copies
    }
}

impl Place {
    /// What there is of a view.
    pub fn copies(&self, view: &View) -> Result<Copies, StoreError> {
        let all = match self {
            Self::Folder(folder) => names_in(folder)?
                .iter()
                .filter_map(|name| CopyName::of_file(name))
                .collect(),
            Self::Server(address) => {
                let session = Connection::Postgres(address.connect("pg_catalog", None)?);
                let names = session
                    .prepare_cached("SELECT nspname::TEXT FROM pg_catalog.pg_namespace WHERE nspname LIKE 'keruen\\_view\\_%'")?
                    .query_map(&[], |row| row.get::<String>(0))?;
                let names = names.iter().filter_map(|name| CopyName::of_schema(name));
                names.collect()
            }
        };
        Ok(Copies::of(view, all))
    }

    /// Opens a copy for its one writer, and creates it where there is none. A file that is no database is replaced.
    pub fn open_writer(&self, view: &'static View, copy: &CopyName) -> Result<Writer, StoreError> {
        match (self.try_open_writer(view, copy), self) {
            (Err(error), Self::Folder(folder)) if database::is_unreadable(&error) => {
                let path = folder.join(copy.file());
                tracing::warn!(path = %path.display(), %error, "a view is unreadable, building it anew");
                remove_file(&path)?;
                self.try_open_writer(view, copy)
            }
            (other, _) => other,
        }
    }

    fn try_open_writer(&self, view: &'static View, copy: &CopyName) -> Result<Writer, StoreError> {
        let connection = match self {
            Self::Folder(folder) => {
                fs::create_dir_all(folder)?;
                let path = folder.join(copy.file());
                if copy.is_unfinished {
                    Connection::open_file_to_build(&path)?
                } else {
                    Connection::open_file(&path)?
                }
            }
            Self::Server(address) => Connection::Postgres(address.connect(&copy.schema(), None)?),
        };
        let mut writer = Writer::new(connection, view, copy.clone());
        if !writer.is_whole()? {
            writer.start_over(&[])?;
        }
        Ok(writer)
    }

    /// Opens a copy for reading; no statement takes longer than `limit`.
    pub fn open_reader(&self, copy: &CopyName, limit: Duration) -> Result<Connection, StoreError> {
        match self {
            Self::Folder(folder) => Connection::open_file_to_read(&folder.join(copy.file())),
            Self::Server(address) => Ok(Connection::Postgres(
                address.connect(&copy.schema(), Some(limit))?,
            )),
        }
    }

    /// The name of the next copy of a view.
    pub fn next_copy(
        &self,
        view: &'static View,
        is_unfinished: bool,
    ) -> Result<CopyName, StoreError> {
        let generation = self.copies(view)?.next_generation;
        Ok(CopyName::new(view, generation, is_unfinished))
    }

    /// Makes a copy that was being built the one that answers, all at once. Nobody may have it open.
    pub fn finish(&self, copy: &CopyName) -> Result<CopyName, StoreError> {
        let finished = copy.finished();
        match self {
            Self::Folder(folder) => {
                let path = folder.join(copy.file());
                // Whoever has it open would go on writing under its old name.
                Connection::open_file_to_build(&path)?.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
                fs::File::open(&path)?.sync_all()?;
                fs::rename(path, folder.join(finished.file()))?;
                fs::File::open(folder)?.sync_all()?;
            }
            Self::Server(address) => {
                address
                    .connect("pg_catalog", None)?
                    .execute_batch(&format!(
                        "ALTER SCHEMA {} RENAME TO {}",
                        copy.schema(),
                        finished.schema()
                    ))?;
            }
        }
        Ok(finished)
    }

    /// The file of a copy; `None` on a server.
    pub fn file(&self, copy: &CopyName) -> Option<PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder.join(copy.file())),
            Self::Server(_) => None,
        }
    }

    /// Removes a copy. What still reads a file keeps it until it is done; on a server it is waited for.
    pub fn remove(&self, copy: &CopyName) -> Result<(), StoreError> {
        match self {
            Self::Folder(folder) => remove_file(&folder.join(copy.file())),
            Self::Server(address) => address
                .connect("pg_catalog", None)?
                .execute_batch(&format!("DROP SCHEMA IF EXISTS {} CASCADE", copy.schema())),
        }
    }

    /// Removes copies that nobody needs. What can't be removed only takes space.
    pub fn tidy(&self, view: &View) {
        let outdated = match self.copies(view) {
            Ok(copies) => copies.outdated,
            Err(error) => {
                return tracing::warn!(view = view.name, %error, "old copies of a view are unknown");
            }
        };
        for copy in outdated {
            if let Err(error) = self.remove(&copy) {
                tracing::warn!(view = view.name, copy = copy.schema(), %error, "an old copy of a view can't be removed");
            }
        }
        if let Self::Folder(folder) = self {
            remove_former(folder);
        }
    }

    /// Becomes the only one to write the copies of a view, as long as the answer lives; `None` where somebody else is.
    /// A folder belongs to one process anyway.
    pub fn lock(&self, view: &View) -> Result<Option<Lock>, StoreError> {
        let Self::Server(address) = self else {
            return Ok(Some(Lock { _session: None }));
        };
        let session = Connection::Postgres(address.connect("pg_catalog", None)?);
        let locked = session
            .prepare_cached(
                "SELECT pg_catalog.pg_try_advisory_lock(hashtextextended(?1, 0))::INT::BIGINT",
            )?
            .query_row(params![format!("keruen view {}", view.name)], |row| {
                row.get::<i64>(0)
            })?;
        Ok((locked == Some(1)).then_some(Lock {
            _session: Some(session),
        }))
    }
}

/// The right to write the copies of a view. Should a session lose it unnoticed, the checkpoint tells: nobody moves it from
/// where somebody else has left it.
pub struct Lock {
    _session: Option<Connection>,
}

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
}

impl Writer {
    fn new(connection: Connection, view: &'static View, copy: CopyName) -> Self {
        Self {
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

    /// Whether the rows can be relied on: there are any, and no crash of the system can have taken any of them back.
    fn is_whole(&self) -> Result<bool, StoreError> {
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
    row?.ok_or_else(|| StoreError::Damaged("there is no checkpoint".to_owned()))
}

/// Where the views in a folder stand, also while a node keeps them; `None` where there are none of this version.
pub fn stored_checkpoint(folder: &Path) -> Result<Option<Checkpoint>, StoreError> {
    let place = Place::Folder(folder.to_owned());
    let answering = place.copies(&view::CURRENT)?.answering;
    let Some(copy) = answering.filter(|copy| copy.version == view::CURRENT.version) else {
        return Ok(None);
    };
    checkpoint(&place.open_reader(&copy, Duration::MAX)?).map(Some)
}

/// Removes all views in a folder: they can be made again from the log. Nobody may keep them meanwhile.
pub fn remove_all(folder: &Path) -> Result<(), StoreError> {
    for name in names_in(folder)? {
        if CopyName::of_file(&name).is_some() {
            remove_file(&folder.join(name))?;
        }
    }
    remove_former(folder);
    Ok(())
}

fn names_in(folder: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect()
}

fn remove_file(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Removes the files of former programs, whose names were `views-<version>.db`.
fn remove_former(folder: &Path) {
    for name in names_in(folder).unwrap_or_default() {
        let version = name
            .strip_prefix("views-")
            .and_then(|name| name.strip_suffix(".db"));
        if version.is_some_and(|version| version.parse::<u32>().is_ok())
            && let Err(error) = remove_file(&folder.join(&name))
        {
            tracing::warn!(file = name, %error, "views of a former program can't be removed");
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_copy_is() {
        for unfinished in [false, true] {
            let copy = CopyName::new(&view::CURRENT, 7, unfinished);
            assert_eq!(CopyName::of_file(&copy.file()), Some(copy.clone()));
            assert_eq!(CopyName::of_schema(&copy.schema()), Some(copy));
        }
        for other in [
            "views-13.db",
            "views-current-1.db",
            "views-current-1-2-3.db",
            "keruen.db",
        ] {
            assert_eq!(CopyName::of_file(other), None, "{other}");
        }
    }

    #[test]
    fn the_newest_complete_copy_answers_and_older_versions_only_until_then() {
        let version = view::CURRENT.version;
        let copy = |version, generation, is_unfinished| CopyName {
            view: "current".to_owned(),
            version,
            generation,
            is_unfinished,
        };
        let newer = copy(version + 1, 9, false);
        let former = copy(version - 1, 3, false);
        let building = copy(version, 4, true);
        let other = CopyName {
            view: "other".to_owned(),
            ..copy(version, 99, false)
        };
        let all = vec![former.clone(), newer, building.clone(), other];
        let copies = Copies::of(&view::CURRENT, all.clone());
        assert_eq!(copies.answering.as_ref(), Some(&former));
        assert_eq!(copies.unfinished.as_ref(), Some(&building));
        assert!(copies.outdated.is_empty());
        assert_eq!(copies.next_generation, 10);

        let ours = copy(version, 8, false);
        let copies = Copies::of(
            &view::CURRENT,
            [all, vec![ours.clone(), copy(version, 7, false)]].concat(),
        );
        assert_eq!(copies.answering, Some(ours));
        assert_eq!(copies.outdated, [copy(version, 7, false), former]);
    }
}
