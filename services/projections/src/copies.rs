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

use crate::{
    database::{self, Address, Connection, params},
    failure::StoreError,
    view::{self, View},
    writer::{Checkpoint, Writer, checkpoint},
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

/// How long a server may take to tell where a view stands.
const LOOK_LIMIT: Duration = Duration::from_secs(30);

/// How long a server may take to tell of a lock.
const LOCK_LIMIT: Duration = Duration::from_secs(10);

/// How long a copy is waited for that somebody reads, as PostgreSQL wants it said: meanwhile nothing is followed.
const DROP_PATIENCE: &str = "1s";

/// What a session that holds a lock calls itself, before the name of its node.
const HOLDER: &str = "keruen views of ";

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

    /// Its schema, on a server.
    pub fn schema(&self) -> String {
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
        writer.note_files();
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
                // A journal that a deleted file of that name has left would be taken for its own.
                remove_file(&folder.join(finished.file()))?;
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

    /// Whether a server keeps them.
    pub fn is_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }

    /// The file of a copy; `None` on a server.
    pub fn file(&self, copy: &CopyName) -> Option<PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder.join(copy.file())),
            Self::Server(_) => None,
        }
    }

    /// Whether a copy is a file that is not there; what a server has is not looked at.
    pub fn is_deleted(&self, copy: &CopyName) -> bool {
        self.file(copy).is_some_and(|file| !file.exists())
    }

    /// Removes a copy. What still reads a file keeps it until it is done; on a server that is waited for, shortly.
    pub fn remove(&self, copy: &CopyName) -> Result<(), StoreError> {
        match self {
            Self::Folder(folder) => remove_file(&folder.join(copy.file())),
            Self::Server(address) => address.connect("pg_catalog", None)?.execute_batch(&format!(
                "SET lock_timeout = '{DROP_PATIENCE}'; DROP SCHEMA IF EXISTS {} CASCADE",
                copy.schema()
            )),
        }
    }

    /// Removes copies that nobody needs; answers with whether none is left. What can't be removed only takes space.
    pub fn tidy(&self, view: &View) -> bool {
        let outdated = match self.copies(view) {
            Ok(copies) => copies.outdated,
            Err(error) => {
                tracing::warn!(view = view.name, %error, "old copies of a view are unknown");
                return false;
            }
        };
        let mut is_tidy = true;
        for copy in outdated {
            let Err(error) = self.remove(&copy) else {
                continue;
            };
            is_tidy = false;
            let (view, copy) = (view.name, copy.schema());
            if database::is_locked(&error) {
                tracing::debug!(view, copy, "an old copy of a view is still read");
            } else {
                tracing::warn!(view, copy, %error, "an old copy of a view can't be removed");
            }
        }
        if let Self::Folder(folder) = self {
            remove_former(folder);
        }
        is_tidy
    }

    /// Fails where there are copies that another user of the server has made: they could be neither read nor replaced.
    pub fn check_owner(&self) -> Result<(), StoreError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Server(address) => {
                let session = address.connect("pg_catalog", Some(LOCK_LIMIT))?;
                check_owner(&Connection::Postgres(session))
            }
        }
    }

    /// Becomes the only one to write the copies of a view, as long as the answer lives. Where somebody else is, answers with
    /// the name of that node, as far as it is known. A folder belongs to one process anyway. Fails with
    /// [`StoreError::Foreign`] where there are copies of another user.
    pub fn lock(
        &self,
        view: &View,
        node: &str,
    ) -> Result<Result<Lock, Option<String>>, StoreError> {
        let Self::Server(address) = self else {
            return Ok(Ok(Lock { session: None }));
        };
        let session = Connection::Postgres(address.connect("pg_catalog", Some(LOCK_LIMIT))?);
        check_owner(&session)?;
        let locked = session
            .prepare_cached(
                "SELECT pg_catalog.pg_try_advisory_lock(hashtextextended(?1, 0))::INT::BIGINT",
            )?
            .query_row(params![format!("keruen view {}", view.name)], |row| {
                row.get::<i64>(0)
            })?;
        if locked != Some(1) {
            return Ok(Err(holder(&session, view)?));
        }
        // What others read of it, and whoever looks at the sessions of the server.
        session
            .prepare_cached("SELECT pg_catalog.set_config('application_name', ?1, false)")?
            .query_row(params![format!("{HOLDER}{node}")], |_| Ok(()))?;
        let session = Some(session);
        Ok(Ok(Lock { session }))
    }
}

fn check_owner(session: &Connection) -> Result<(), StoreError> {
    let foreign = session
        .prepare_cached(
            "SELECT nspname::TEXT, pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(nspowner)::TEXT), \
             pg_catalog.quote_ident(current_user::TEXT) FROM pg_catalog.pg_namespace \
             WHERE nspname LIKE 'keruen\\_view\\_%' AND NOT pg_catalog.pg_has_role(nspowner, 'USAGE') ORDER BY nspname",
        )?
        .query_map(&[], |row| {
            Ok((row.get::<String>(0)?, row.get(1)?, row.get(2)?))
        })?;
    let mut foreign = foreign.into_iter();
    match foreign.find(|(schema, ..)| CopyName::of_schema(schema).is_some()) {
        Some((_, owner, user)) => Err(StoreError::Foreign { owner, user }),
        None => Ok(()),
    }
}

/// The node that writes the copies of a view.
fn holder(session: &Connection, view: &View) -> Result<Option<String>, StoreError> {
    let found = session
        .prepare_cached(
            "SELECT a.application_name::TEXT FROM pg_catalog.pg_locks l \
             JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
             WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted \
             AND ((l.classid::BIGINT << 32) | l.objid::BIGINT) = pg_catalog.hashtextextended(?1, 0) \
             AND a.datname = pg_catalog.current_database() \
             AND a.application_name IS NOT NULL",
        )?
        .query_row(params![format!("keruen view {}", view.name)], |row| {
            row.get::<String>(0)
        })?;
    Ok(found.and_then(|name| Some(name.strip_prefix(HOLDER)?.to_owned())))
}

/// The right to write the copies of a view. Should a session lose it unnoticed, the checkpoint tells: nobody moves it from
/// where somebody else has left it.
pub struct Lock {
    session: Option<Connection>,
}

impl Lock {
    /// Whether it is still there: a server gives it up with the session.
    pub fn is_held(&self) -> bool {
        let mut session = self.session.iter();
        session.all(|session| session.execute_batch("SELECT 1").is_ok())
    }
}

/// Where a view stands: the version of the rows that answer, and what they reflect; `None` where there are none.
pub type StoredView = (&'static View, Option<(u32, Checkpoint)>);

/// Where each view in a folder stands, also while a node keeps them.
pub fn stored_checkpoints(folder: &Path) -> Result<Vec<StoredView>, StoreError> {
    checkpoints_at(&Place::Folder(folder.to_owned()))
}

/// Where each view in a PostgreSQL database stands, likewise. Blocks; to be called from within a runtime, and from none of its
/// own threads.
pub fn served_checkpoints(url: &str) -> Result<Vec<StoredView>, StoreError> {
    checkpoints_at(&Place::Server(Box::new(Address::parse(url)?)))
}

fn checkpoints_at(place: &Place) -> Result<Vec<StoredView>, StoreError> {
    let views = view::ALL.into_iter();
    let stored = views.map(|view| Ok((view, stored_checkpoint(place, view)?)));
    stored.collect()
}

fn stored_checkpoint(place: &Place, view: &View) -> Result<Option<(u32, Checkpoint)>, StoreError> {
    let Some(copy) = place.copies(view)?.answering else {
        return Ok(None);
    };
    let found = checkpoint(&place.open_reader(&copy, LOOK_LIMIT)?)?;
    Ok(Some((copy.version, found)))
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
