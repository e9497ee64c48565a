//! The file of a log: one process only, of a version this program knows, writable.

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use super::{rows::RowError, schema};
use crate::{append::Violation, index::storage::Damaged};

/// Makes a folder for a log and what belongs to it, with those above it, where there is none: its owner's alone, since
/// whoever may read it, may read everything. One that is there stays as it is.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Why a log could not be opened. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A bound that can't be kept was asked for.
    #[error("can't open the log {path}: {violation}; change the bound", path = path.display())]
    Bounds {
        /// The file.
        path: PathBuf,
        /// The bound, and what it may be.
        violation: Violation,
    },
    /// There is no folder to put the file into.
    #[error("can't open the log {path}: the folder does not exist; create it, or choose another place", path = path.display())]
    NoFolder {
        /// The file.
        path: PathBuf,
    },
    /// There is no file.
    #[error("there is no log at {path}", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file can't be read.
    #[error(
        "can't open the log {path}: it can't be read ({found}); give this user read access to it",
        path = path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        found: String,
    },
    /// Another process has it.
    #[error(
        "can't open the log {path}: {holder} has it open; stop that one first, or choose another file",
        path = path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
        /// Who holds the lock.
        holder: String,
    },
    /// The folder or the file can't be written.
    #[error(
        "can't open the log {path}: it can't be written ({found}); give this user write access to the folder and \
         the files in it, or choose another place",
        path = path.display()
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// What the system says.
        found: String,
    },
    /// A newer program has written it.
    #[error(
        "can't open the log {path}: a newer version of this program wrote it (store version {found}, this program \
         knows up to {known}); use the newer program",
        path = path.display()
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that is known.
        known: i64,
    },
    /// The file is something else.
    #[error(
        "can't open the log {path}: the file is not a Keruen log ({found}); choose another file",
        path = path.display()
    )]
    NotALog {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// There is no space to open it.
    #[error(
        "can't open the log {path}: the disk is full; free space and start again: views-*.db and snapshots beside it can \
         be deleted, they are made anew",
        path = path.display()
    )]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// What is stored contradicts itself.
    #[error(
        "can't open the log {path}: it is damaged ({found}); keep the file as it is and restore a backup",
        path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// The index contradicts the events; the events are what they were.
    #[error("can't open the log {path}: {found}", path = path.display())]
    DamagedIndex {
        /// The file.
        path: PathBuf,
        /// What was found, and what to do.
        found: String,
    },
    /// The system refused.
    #[error("can't open the log {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// SQLite refused.
    #[error("can't open the log {path}: {source}", path = path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: rusqlite::Error,
    },
}

/// A reason that does not know its file yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("store version {found} instead of {known}")]
    Newer { found: i64, known: i64 },
    #[error("not a log: {0}")]
    NotALog(String),
    #[error("damaged: {0}")]
    Damaged(String),
    #[error("{0}")]
    DamagedIndex(String),
    #[error("can't be written: {0}")]
    ReadOnly(String),
    #[error("a thread can't be started: {0}")]
    Thread(io::Error),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

impl From<RowError> for Fault {
    fn from(error: RowError) -> Self {
        match error {
            RowError::Sqlite(error) => Self::Sqlite(error),
            RowError::Damaged(damage) => match damage.of {
                Damaged::Events => Self::Damaged(damage.to_string()),
                Damaged::Index => Self::DamagedIndex(damage.to_string()),
            },
        }
    }
}

impl Fault {
    pub fn at(self, path: &Path) -> OpenError {
        let path = path.to_owned();
        match self {
            Self::Newer { found, known } => OpenError::NewerVersion { path, found, known },
            Self::NotALog(found) => OpenError::NotALog { path, found },
            Self::Damaged(found) => OpenError::Damaged { path, found },
            Self::DamagedIndex(found) => OpenError::DamagedIndex { path, found },
            Self::ReadOnly(found) => OpenError::ReadOnly { path, found },
            Self::Thread(source) => OpenError::Io { path, source },
            Self::Sqlite(source) => match source.sqlite_error_code() {
                _ if is_full(&source) => OpenError::DiskFull { path },
                Some(ErrorCode::NotADatabase) => OpenError::NotALog {
                    path,
                    found: "it is not an SQLite file".to_owned(),
                },
                Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged {
                    path,
                    found: source.to_string(),
                },
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    OpenError::ReadOnly {
                        path,
                        found: source.to_string(),
                    }
                }
                _ => OpenError::Sqlite { path, source },
            },
        }
    }
}

/// Whether SQLite found no space, in the file itself or in the index of its write-ahead log.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        error.code == ErrorCode::DiskFull || error.extended_code == ffi::SQLITE_IOERR_SHMSIZE
    })
}

/// Keeps other processes out for as long as it lives.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Keeps other processes out of the log at `path`, or out of the place for one. The folder must exist.
    pub fn take(path: &Path) -> Result<Self, OpenError> {
        let mut name = OsString::from(path);
        name.push(".lock");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(name)
            .map_err(|source| io_error(path, source))?;
        match file.try_lock() {
            Ok(()) => {
                // Only for the message that another process shows; without it the lock holds all the same.
                if let Err(error) = note_holder(&mut file) {
                    tracing::debug!(%error, "lock file not written");
                }
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked {
                path: path.to_owned(),
                holder: holder(&mut file),
            }),
            Err(TryLockError::Error(source)) => Err(io_error(path, source)),
        }
    }
}

/// Locks and opens the file at `path` for writing, brings it to the newest version, and answers with its full path.
pub(super) fn open(
    path: &Path,
    max_pages: Option<u32>,
) -> Result<(Connection, FileLock, PathBuf), OpenError> {
    let path = resolve(path)?;
    let lock = FileLock::take(&path)?;
    let connection = connect(&path, max_pages).map_err(|fault| fault.at(&path))?;
    Ok((connection, lock, path))
}

/// The path without links, so that one file can't be locked under two names.
fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    let no_folder = || OpenError::NoFolder {
        path: path.to_owned(),
    };
    if let Ok(resolved) = fs::canonicalize(path) {
        if resolved.is_dir() {
            return Err(Fault::NotALog("it is a folder".to_owned()).at(path));
        }
        return Ok(resolved);
    }
    let name = path.file_name().ok_or_else(no_folder)?;
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    match fs::canonicalize(folder) {
        Ok(folder) => Ok(folder.join(name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(no_folder()),
        Err(source) => Err(io_error(path, source)),
    }
}

/// Who has the log at `path` open: `process 4711`; `None` where nobody does.
pub fn holder_of(path: &Path) -> io::Result<Option<String>> {
    let mut name = OsString::from(path);
    name.push(".lock");
    let mut file = match File::open(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(holder(&mut file))),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn note_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // A process id has at most ten digits.
    match file.take(10).read_to_string(&mut text) {
        Ok(_) if text.parse::<u32>().is_ok() => format!("process {text}"),
        _ => "another process".to_owned(),
    }
}

pub(super) fn io_error(path: &Path, source: io::Error) -> OpenError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            OpenError::ReadOnly {
                path,
                found: source.to_string(),
            }
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::DiskFull { path },
        _ => OpenError::Io { path, source },
    }
}

fn connect(path: &Path, max_pages: Option<u32>) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    // Before anything is written: the file may be somebody else's.
    let version = schema::version(&connection)?;
    if connection.is_readonly("main")? {
        return Err(Fault::ReadOnly("the file is read-only".to_owned()));
    }
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Fault::Damaged(format!(
            "journal mode {mode} instead of wal"
        )));
    }
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // In KiB; holds the upper levels of the index of a large log.
    connection.pragma_update(None, "cache_size", -65_536)?;
    // In bytes; gives the space of an unusually long write-ahead log back.
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    if let Some(max_pages) = max_pages {
        connection.pragma_update_and_check(None, "max_page_count", max_pages, |_| Ok(()))?;
    }
    connection.set_prepared_statement_cache_capacity(32);
    schema::migrate(&mut connection, version)?;
    Ok(connection)
}
