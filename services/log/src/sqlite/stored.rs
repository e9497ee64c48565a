//! A store that this process does not write: looked at through a connection that only reads, also while a node has it.

use std::{
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::{
    file::{self, Fault, OpenError},
    index::Rows,
    rows::{self, RowError, from_stored, stored},
    schema, verify, writer,
};
use crate::{
    checkpoint::Checkpoint,
    entry,
    index::{Compaction, IndexOptions, cache::FilterCache},
    tree::{Hash, Tree},
};

/// The version of SQLite in this program.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// Events of which the leaves are made again between two looks at the clock.
const CHECKED_EVENTS: u64 = 4_096;

/// Where a stored log stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHead {
    /// Identity of the log.
    pub log_id: [u8; 16],
    /// Position of the newest event; 0 where there is none.
    pub position: u64,
    /// RFC 6962 root over the leaves of all events.
    pub root_hash: Hash,
    /// Time at which the newest event was recorded, in microseconds since 1970-01-01T00:00:00Z; 0 where there is none.
    pub recorded_at_us: i64,
}

/// A step of a long work on a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Pages are copied.
    Copying,
    /// The pages of the file are checked; nobody knows how far that is.
    CheckingPages,
    /// The leaf of every event is made again.
    CheckingEvents,
    /// The index is compared with the events.
    CheckingIndex,
    /// The index is made anew from the events.
    Indexing,
}

/// How far a long work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is done now.
    pub stage: Stage,
    /// How much of it is done.
    pub done: u64,
    /// How much there is; 0 where that is unknown.
    pub total: u64,
}

/// Told of progress every now and then; may ask to stop.
pub type Observer<'a> = &'a mut (dyn FnMut(Progress) -> ControlFlow<()> + Send);

/// Why a store does not pass its check.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error("{0}")]
    Damaged(String),
    /// Only the index, which can be made anew.
    #[error("{0}")]
    DamagedIndex(String),
    /// It is not what a checkpoint says.
    #[error("{0}")]
    Disagrees(String),
    #[error("stopped")]
    Interrupted,
}

impl From<rusqlite::Error> for CheckError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Reads a store, and nothing else.
#[derive(Debug)]
pub struct StoreReader {
    path: PathBuf,
    pub(super) connection: Connection,
    version: usize,
}

impl StoreReader {
    /// The newest version of a store that this program knows: the number of its last migration.
    pub fn known_version() -> usize {
        schema::MIGRATIONS.len()
    }

    /// Opens the store at `path`. Fails where there is none, or something that this program can't read.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let at = |source| file::io_error(path, source);
        let metadata = fs::metadata(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => OpenError::Missing {
                path: path.to_owned(),
            },
            _ => at(source),
        })?;
        let not_a_log = |found: &str| Fault::NotALog(found.to_owned()).at(path);
        if metadata.is_dir() {
            return Err(not_a_log("it is a folder"));
        }
        if !metadata.is_file() {
            return Err(not_a_log("it is no regular file"));
        }
        // Asked without opening the file: closing it would drop the locks of a writer in this process.
        if let Err(error) = rustix::fs::access(path, rustix::fs::Access::READ_OK) {
            return Err(OpenError::Unreadable {
                path: path.to_owned(),
                found: io::Error::from(error).to_string(),
            });
        }
        if metadata.len() == 0 {
            return Err(not_a_log("it is empty"));
        }
        let (connection, version) = connect(path).map_err(|fault| fault.at(path))?;
        Ok(Self {
            path: path.to_owned(),
            connection,
            version,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of the last migration that was applied to it.
    pub fn version(&self) -> usize {
        self.version
    }

    /// Where the log stands. Checks that head, newest events and tiles agree.
    pub fn head(&self) -> Result<StoredHead, OpenError> {
        self.read_head().map_err(|fault| fault.at(&self.path))
    }

    fn read_head(&self) -> Result<StoredHead, Fault> {
        let snapshot = self.connection.unchecked_transaction()?;
        let log_id =
            snapshot.query_row("SELECT log_id FROM log_head", [], |row| row.get::<_, _>(0))?;
        let (tip, _) = writer::load(&snapshot)?;
        Ok(StoredHead {
            log_id,
            position: tip.position(),
            root_hash: tip.tree.root(),
            recorded_at_us: tip.recorded_at_us,
        })
    }

    /// How many events were recorded before `time_us`, in microseconds since 1970-01-01T00:00:00Z. Looks at a few of them
    /// only, since they are in order of that time.
    pub fn count_before(&self, time_us: i64) -> Result<u64, OpenError> {
        let count = || -> rusqlite::Result<u64> {
            let snapshot = self.connection.unchecked_transaction()?;
            let head: i64 =
                snapshot.query_row("SELECT position FROM log_head", [], |row| row.get(0))?;
            let mut statement =
                snapshot.prepare("SELECT recorded_at_us FROM events WHERE position = ?1")?;
            let (mut before, mut from) = (0, from_stored(head) + 1);
            while before + 1 < from {
                let middle = before + (from - before) / 2;
                let recorded_at_us: Option<i64> = statement
                    .query_row([stored(middle)], |row| row.get(0))
                    .optional()?;
                if recorded_at_us.is_some_and(|recorded_at_us| recorded_at_us < time_us) {
                    before = middle;
                } else {
                    from = middle;
                }
            }
            Ok(before)
        };
        count().map_err(|error| Fault::from(error).at(&self.path))
    }

    /// When the event at a position was recorded, in microseconds since 1970-01-01T00:00:00Z; `None` where there is none.
    pub fn recorded_at_us(&self, position: u64) -> Result<Option<i64>, OpenError> {
        self.connection
            .query_row(
                "SELECT recorded_at_us FROM events WHERE position = ?1",
                [stored(position)],
                |row| row.get(0),
            )
            .optional()
            .map_err(|error| Fault::from(error).at(&self.path))
    }

    /// Type and data of the event at a position; `None` where there is none.
    pub fn event(&self, position: u64) -> Result<Option<(String, Vec<u8>)>, OpenError> {
        self.connection
            .query_row(
                "SELECT type, data FROM events WHERE position = ?1",
                [stored(position)],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
            .map_err(|error| Fault::from(error).at(&self.path))
    }

    /// How many runs the index has. Looks at it as a node does that opens it: at the rows of its runs, not at every page.
    pub fn index_runs(&self) -> Result<u64, OpenError> {
        let count = || {
            let snapshot = self.connection.unchecked_transaction()?;
            let filters = FilterCache::new(0);
            let mut rows = Rows(&snapshot);
            let compaction = Compaction::load(IndexOptions::default(), filters, &mut rows)?;
            Ok(compaction.runs().len() as u64)
        };
        count().map_err(|error: RowError| Fault::from(error).at(&self.path))
    }

    /// Reads everything: the pages of the file, and what [`SqliteLog::verify`](super::SqliteLog::verify) does. Nobody else
    /// writes the file. The history must pass through the checkpoints. Answers with the head.
    pub(super) fn check(
        &self,
        checkpoints: &[Checkpoint],
        observer: Observer<'_>,
    ) -> Result<StoredHead, CheckError> {
        tell(observer, Stage::CheckingPages, 0, 0)?;
        let verdict: String =
            self.connection
                .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(CheckError::Damaged(one_line(&verdict)));
        }
        if self.version < Self::known_version() {
            return self.check_older(checkpoints, observer);
        }
        verify::check(&self.path, checkpoints, observer)?;
        self.read_head()
            .map_err(|fault| CheckError::Damaged(fault.to_string()))
    }

    /// The same of a store whose index this program does not know: the leaf of every event and with it the whole tree is
    /// made again.
    fn check_older(
        &self,
        checkpoints: &[Checkpoint],
        observer: Observer<'_>,
    ) -> Result<StoredHead, CheckError> {
        let snapshot = self.connection.unchecked_transaction()?;
        let (log_id, position, recorded_at_us, frontier) = snapshot.query_row(
            "SELECT log_id, position, recorded_at_us, frontier FROM log_head",
            [],
            |row| {
                Ok((
                    row.get(0)?,
                    from_stored(row.get(1)?),
                    row.get(2)?,
                    row.get::<_, Vec<u8>>(3)?,
                ))
            },
        )?;
        let tree = check_tree(&snapshot, &log_id, position, checkpoints, observer)?;
        if tree.frontier() != frontier {
            return Err(CheckError::Damaged(format!(
                "the tree at position {position} does not agree with the head"
            )));
        }
        Ok(StoredHead {
            log_id,
            position,
            root_hash: tree.root(),
            recorded_at_us,
        })
    }
}

fn connect(path: &Path) -> Result<(Connection, usize), Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // In KiB.
    connection.pragma_update(None, "cache_size", -16_384)?;
    match schema::version(&connection)? {
        0 => Err(Fault::NotALog("it holds no tables".to_owned())),
        version => Ok((connection, version)),
    }
}

/// Makes the leaf of every event up to `head` again, and the tree with its tiles.
fn check_tree(
    snapshot: &Connection,
    log_id: &[u8; 16],
    head: u64,
    checkpoints: &[Checkpoint],
    observer: Observer<'_>,
) -> Result<Tree, CheckError> {
    let newest: i64 =
        snapshot.query_row("SELECT coalesce(max(position), 0) FROM events", [], |row| {
            row.get(0)
        })?;
    if from_stored(newest) != head {
        return Err(CheckError::Damaged(format!(
            "the head is {head} and the newest event {newest}"
        )));
    }
    let disagreeing = |size: u64, root_hash: Hash| {
        let of_size = checkpoints.iter().find(|known| known.size == size)?;
        (of_size.root_hash != root_hash).then_some(size)
    };
    if let Some(beyond) = checkpoints.iter().find(|known| known.size > head) {
        return Err(CheckError::Disagrees(format!(
            "a checkpoint of {} events was signed, and the log has {head}",
            beyond.size
        )));
    }
    let mut tree = Tree::default();
    let mut tiles = Vec::new();
    while tree.size() < head {
        tell(observer, Stage::CheckingEvents, tree.size(), head)?;
        let first = tree.size() + 1;
        let last = head.min(tree.size() + CHECKED_EVENTS);
        let mut fault = None;
        let mut other_history = None;
        rows::scan(snapshot, first, last, |event| {
            let leaf = entry::leaf_hash(log_id, &event);
            match leaf {
                Ok(leaf) if event.position == tree.size() + 1 && leaf[..] == event.leaf_hash => {
                    tree.push(leaf, &mut tiles);
                    other_history = other_history.or(disagreeing(tree.size(), tree.root()));
                }
                _ => fault = Some(tree.size() + 1),
            }
            fault.is_none()
        })
        .map_err(|error| CheckError::Damaged(format!("after position {}: {error}", tree.size())))?;
        if fault.is_some() || tree.size() != last {
            let position = fault.unwrap_or(tree.size() + 1);
            return Err(CheckError::Damaged(format!(
                "the event at position {position} is not the one that was recorded"
            )));
        }
        if let Some(size) = other_history {
            return Err(CheckError::Disagrees(format!(
                "the checkpoint of {size} events has another root than the events give"
            )));
        }
        for tile in tiles.drain(..) {
            let hashes: Option<Vec<u8>> = snapshot
                .prepare_cached("SELECT hashes FROM tiles WHERE level = ?1 AND number = ?2")?
                .query_row((tile.level, stored(tile.number)), |row| row.get(0))
                .optional()?;
            if hashes.as_ref() != Some(&tile.hashes) {
                return Err(CheckError::Damaged(format!(
                    "tile {} of level {} does not agree with the events",
                    tile.number, tile.level
                )));
            }
        }
    }
    tell(observer, Stage::CheckingEvents, head, head)?;
    Ok(tree)
}

pub(super) fn tell(
    observer: Observer<'_>,
    stage: Stage,
    done: u64,
    total: u64,
) -> Result<(), CheckError> {
    match observer(Progress { stage, done, total }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(CheckError::Interrupted),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
