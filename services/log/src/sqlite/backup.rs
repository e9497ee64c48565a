//! Copies of a store: made while a node writes it, and put back where there is none. A copy has its name only once it is
//! whole, checked and on disk.

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::{
    file::{self, Fault, FileLock, OpenError},
    reindex, space,
    stored::{CheckError, Observer, Stage, StoreReader, StoredHead, tell},
};
use crate::{bytes::bytes_text, checkpoint::Checkpoint, index::ReindexOptions, verify::Reached};

/// Pages copied in one step: about 4 MiB.
const STEP_PAGES: i32 = 1_024;
/// How long to wait where a step finds the source busy, and how often.
const BUSY_PAUSE: Duration = Duration::from_millis(50);
const MAX_BUSY_STEPS: u32 = 200;
/// What SQLite keeps beside a file.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Why there is no copy. Nothing else was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store, or the backup, can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is something at the place of the copy.
    #[error("{path} exists already", path = path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },
    /// The copy can't be there.
    #[error("no backup can be at {path}: {found}; choose another place", path = path.display())]
    Place {
        /// The place.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// A store would be overwritten.
    #[error("there is a store already: {path}", path = path.display())]
    StoreExists {
        /// What was found of it.
        path: PathBuf,
    },
    /// Somebody else writes the same copy.
    #[error("{path} is being written by another process; wait for it, or choose another place", path = path.display())]
    Busy {
        /// The unfinished copy.
        path: PathBuf,
    },
    /// The original, or the copy, is not what was recorded.
    #[error("{path} is damaged: {found}", path = path.display())]
    Damaged {
        /// Which of them.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// Only the index is, which can be made anew from the events.
    #[error("{path}: {found}", path = path.display())]
    DamagedIndex {
        /// Where.
        path: PathBuf,
        /// What was found, and what to do.
        found: String,
    },
    /// It is not the history that a checkpoint was signed for.
    #[error("{path} does not agree with the checkpoint: {found}", path = path.display())]
    Disagrees {
        /// Which of them.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// The copy does not fit.
    #[error(
        "{path} needs {} and the disk has {} free; free space, or choose another place",
        bytes_text(*.needed_bytes),
        bytes_text(*.free_bytes),
        path = path.display()
    )]
    NoRoom {
        /// The place.
        path: PathBuf,
        /// Size of the copy.
        needed_bytes: u64,
        /// What is free.
        free_bytes: u64,
    },
    /// The system refused.
    #[error("{path} can't be written: {source}", path = path.display())]
    Io {
        /// The place.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// The observer asked to stop.
    #[error("stopped before the copy was complete; nothing was changed")]
    Interrupted,
}

/// A copy that is whole, checked and on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Where the log stood when it was copied.
    pub head: StoredHead,
    /// Version of the store: the number of its last migration.
    pub version: usize,
    /// Size of the file.
    pub size_bytes: u64,
    /// The index in the backup was damaged; in the copy it was made anew from the events.
    pub reindexed: bool,
}

/// Copies the store at `store` to `file`, also while a node writes it, which goes on undisturbed. The copy is verified as
/// `SqliteLog::verify` does, also against the head that was noted before: its history must pass through it. With
/// `replace`, a file that is there already is replaced once the new one is complete.
pub fn backup(
    store: &Path,
    file: &Path,
    replace: bool,
    observer: Observer<'_>,
) -> Result<Copy, BackupError> {
    let source = StoreReader::open(store)?;
    check_place(file, store, replace)?;
    let noted = source.head()?;
    let unfinished = Unfinished::start(file)?;
    let copy = unfinished.fill(&source, (&noted, false), observer)?;
    check_place(file, store, replace)?;
    unfinished.finish(file)?;
    Ok(copy)
}

/// Puts the backup `file` at `store`, where there must be none; the folder is made where it is missing. Everything in the
/// backup is verified before anything is written, also against the checkpoints, and once more in the copy. Where only the
/// index is damaged, it is made anew in the copy.
pub fn restore(
    file: &Path,
    store: &Path,
    checkpoints: &[Checkpoint],
    observer: Observer<'_>,
) -> Result<Copy, BackupError> {
    if is_same_file(file, store) {
        return Err(BackupError::Place {
            path: store.to_owned(),
            found: "it is the backup itself".to_owned(),
        });
    }
    refuse_store(store)?;
    let source = StoreReader::open(file)?;
    let (noted, reindexes) = match source.check(checkpoints, observer) {
        Ok(head) => (head, false),
        Err(CheckError::DamagedIndex(found)) => {
            tracing::warn!(path = %file.display(), found, "the backup's index is damaged and will be made anew");
            (source.head()?, true)
        }
        Err(error) => return Err(failed_check(error, file)),
    };
    let folder = folder_of(store);
    file::make_folder(&folder).map_err(|source| io_error(&folder, source))?;
    // From here on no node makes a store in that place.
    let _lock = FileLock::take(store)?;
    refuse_store(store)?;
    let unfinished = Unfinished::start(store)?;
    let copy = unfinished.fill(&source, (&noted, reindexes), observer)?;
    unfinished.finish(store)?;
    Ok(copy)
}

/// A copy on its way. Dropped before it is finished, it is removed.
struct Unfinished {
    path: PathBuf,
    /// Keeps others from writing the same copy.
    file: File,
    finished: bool,
}

impl Unfinished {
    fn start(target: &Path) -> Result<Self, BackupError> {
        let path = with_suffix(target, ".partial");
        let at = |source| io_error(&path, source);
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            // Whoever may read the copy, may read everything.
            .mode(0o600)
            .open(&path)
            .map_err(at)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BackupError::Busy { path }),
            Err(TryLockError::Error(source)) => return Err(at(source)),
        }
        // What an interrupted one has left.
        file.set_len(0).map_err(at)?;
        remove_companions(&path);
        Ok(Self {
            path,
            file,
            finished: false,
        })
    }

    fn fill(
        &self,
        source: &StoreReader,
        (noted, reindexes): (&StoredHead, bool),
        observer: Observer<'_>,
    ) -> Result<Copy, BackupError> {
        self.copy(source, observer)
            .map_err(|error| self.failed_copy(error, source))?;
        settle(&self.path).map_err(|error| self.failed_copy(error.into(), source))?;
        if reindexes {
            self.reindex(observer)?;
        }
        self.file
            .sync_all()
            .map_err(|source| io_error(&self.path, source))?;
        let copied = StoreReader::open(&self.path)?;
        let checkpoint = Checkpoint {
            origin: String::new(),
            size: noted.position,
            root_hash: noted.root_hash,
        };
        let head = copied
            .check(&[checkpoint], observer)
            .map_err(|error| failed_check(error, &self.path))?;
        if head.log_id != noted.log_id {
            let found = "it holds another log than the one that was copied".to_owned();
            return Err(failed_check(CheckError::Damaged(found), &self.path));
        }
        let version = copied.version();
        drop(copied);
        let metadata = fs::metadata(&self.path).map_err(|source| io_error(&self.path, source))?;
        Ok(Copy {
            head,
            version,
            size_bytes: metadata.len(),
            reindexed: reindexes,
        })
    }

    /// Makes the index of the copy anew.
    fn reindex(&self, observer: Observer<'_>) -> Result<(), BackupError> {
        let failed = |fault: Fault| BackupError::Open(fault.at(&self.path));
        let connection = open_alone(&self.path).map_err(|error| failed(error.into()))?;
        let mut stopped = false;
        let mut progress = |reached: Reached| {
            let told = tell(observer, Stage::Indexing, reached.done, reached.total);
            stopped |= told.is_err();
        };
        reindex::rebuild(connection, ReindexOptions::default(), &mut progress).map_err(failed)?;
        if stopped {
            return Err(BackupError::Interrupted);
        }
        Ok(())
    }

    /// One snapshot of the source from the first page to the last: a writer appends to the write-ahead log meanwhile.
    fn copy(&self, source: &StoreReader, observer: Observer<'_>) -> Result<(), CopyError> {
        let snapshot = source.connection.unchecked_transaction()?;
        let number = |name| snapshot.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let needed_bytes = (number("page_count")? * number("page_size")?).unsigned_abs();
        match space::free_bytes(&self.path) {
            Ok(free_bytes) if free_bytes < needed_bytes => {
                return Err(CopyError::NoRoom {
                    needed_bytes,
                    free_bytes,
                });
            }
            _ => {}
        }
        let mut target = open_alone(&self.path)?;
        // What is half written is thrown away anyhow, and the whole is synced at the end.
        target.pragma_update(None, "synchronous", "off")?;
        target.pragma_update_and_check(None, "journal_mode", "memory", |_| Ok(()))?;
        let backup = Backup::new(&source.connection, &mut target)?;
        let mut busy = 0;
        loop {
            match backup.step(STEP_PAGES)? {
                StepResult::Done => break,
                StepResult::Busy | StepResult::Locked if busy == MAX_BUSY_STEPS => {
                    return Err(CopyError::Busy);
                }
                StepResult::Busy | StepResult::Locked => {
                    busy += 1;
                    std::thread::sleep(BUSY_PAUSE);
                }
                _ => busy = 0,
            }
            let progress = backup.progress();
            let total = u64::from(progress.pagecount.unsigned_abs());
            let done = total.saturating_sub(u64::from(progress.remaining.unsigned_abs()));
            tell(observer, Stage::Copying, done, total).map_err(|_| CopyError::Interrupted)?;
        }
        Ok(())
    }

    fn failed_copy(&self, error: CopyError, source: &StoreReader) -> BackupError {
        let path = self.path.clone();
        match error {
            CopyError::Interrupted => BackupError::Interrupted,
            CopyError::Busy => BackupError::Busy {
                path: source.path().to_owned(),
            },
            CopyError::NoRoom {
                needed_bytes,
                free_bytes,
            } => BackupError::NoRoom {
                path,
                needed_bytes,
                free_bytes,
            },
            CopyError::Sqlite(error) if file::is_full(&error) => BackupError::Io {
                path,
                source: io::ErrorKind::StorageFull.into(),
            },
            CopyError::Sqlite(error) => BackupError::Open(Fault::from(error).at(source.path())),
        }
    }

    fn finish(mut self, target: &Path) -> Result<(), BackupError> {
        fs::rename(&self.path, target).map_err(|source| io_error(target, source))?;
        self.finished = true;
        let folder = folder_of(target);
        File::open(&folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| io_error(&folder, source))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            remove_companions(&self.path);
            if let Err(error) = fs::remove_file(&self.path) {
                tracing::warn!(path = %self.path.display(), %error, "unfinished copy not removed");
            }
        }
    }
}

/// Why pages were not copied.
enum CopyError {
    Sqlite(rusqlite::Error),
    Busy,
    Interrupted,
    NoRoom { needed_bytes: u64, free_bytes: u64 },
}

impl From<rusqlite::Error> for CopyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// A connection that shares its file with nobody.
fn open_alone(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "locking_mode", "exclusive")?;
    Ok(connection)
}

/// Makes one file of the copy, which says of itself that it has a write-ahead log: it can then be read from a medium that
/// can't be written.
fn settle(path: &Path) -> rusqlite::Result<()> {
    let connection = open_alone(path)?;
    connection.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))
}

fn check_place(file: &Path, store: &Path, replace: bool) -> Result<(), BackupError> {
    let refused = |found: &str| {
        Err(BackupError::Place {
            path: file.to_owned(),
            found: found.to_owned(),
        })
    };
    let folder = folder_of(file);
    if file.file_name().is_none() || !folder.is_dir() {
        return refused("its folder does not exist");
    }
    let is_companion = COMPANIONS
        .iter()
        .chain(&[".lock"])
        .any(|suffix| is_same_file(file, &with_suffix(store, suffix)));
    if is_same_file(file, store) || is_companion {
        return refused("it is the store itself");
    }
    match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(io_error(file, source)),
        Ok(metadata) if metadata.is_dir() => refused("it is a folder"),
        Ok(metadata) if !metadata.is_file() => refused("it is no regular file"),
        Ok(_) if with_suffix(file, ".lock").exists() => refused("it is a store"),
        Ok(_) if replace => Ok(()),
        Ok(_) => Err(BackupError::Exists {
            path: file.to_owned(),
        }),
    }
}

/// A write-ahead log without its file would be played into the copy, so it counts as a store.
fn refuse_store(store: &Path) -> Result<(), BackupError> {
    let names = COMPANIONS.map(|suffix| with_suffix(store, suffix));
    let mut found = std::iter::once(store.to_owned()).chain(names);
    match found.find(|path| fs::symlink_metadata(path).is_ok()) {
        Some(path) => Err(BackupError::StoreExists { path }),
        None => Ok(()),
    }
}

fn is_same_file(left: &Path, right: &Path) -> bool {
    match (fs::metadata(left), fs::metadata(right)) {
        (Ok(left), Ok(right)) => (left.dev(), left.ino()) == (right.dev(), right.ino()),
        _ => false,
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn remove_companions(path: &Path) {
    for suffix in COMPANIONS {
        // There is hardly ever one.
        let _ = fs::remove_file(with_suffix(path, suffix));
    }
}

fn io_error(path: &Path, source: io::Error) -> BackupError {
    BackupError::Io {
        path: path.to_owned(),
        source,
    }
}

fn failed_check(error: CheckError, path: &Path) -> BackupError {
    match error {
        CheckError::Interrupted => BackupError::Interrupted,
        CheckError::Damaged(found) => BackupError::Damaged {
            path: path.to_owned(),
            found,
        },
        CheckError::DamagedIndex(found) => BackupError::DamagedIndex {
            path: path.to_owned(),
            found,
        },
        CheckError::Disagrees(found) => BackupError::Disagrees {
            path: path.to_owned(),
            found,
        },
    }
}
