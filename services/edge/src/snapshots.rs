//! Snapshots: the folded state of long boundaries, and of whatever else follows the log, in cache files, so that a service
//! that was restarted need not read their history again. They are never truth. A file that is damaged, of another program, of another log or of another
//! history is passed over, and the history is read; any file can be deleted at any time.
//!
//! A file is the eight bytes `KRNSNAP1`, a [`Content`] as protobuf, and the SHA-256 of both.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use keruen_domain::{Boundary, Entry};
use keruen_log::{Log, Query, Range, ReadError};
use lru::LruCache;
use prost::Message;
use sha2::{Digest as _, Sha256};

/// What every file begins with; the last character is the version of the format.
const MAGIC: &[u8; 8] = b"KRNSNAP1";
const HASH_BYTES: usize = 32;
const EXTENSION: &str = "snapshot";
/// A file takes a block on disk, however short it is.
const BLOCK_BYTES: u64 = 4_096;
/// Stands for the code that folds: the hash of its sources, made when this crate is built.
const FOLD: &str = env!("KERUEN_FOLD");

/// Where snapshots are kept, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotOptions {
    /// Their folder, which nobody else writes. It is made when it is first needed.
    pub folder: PathBuf,
    /// A boundary of which this many events were folded since its last snapshot gets a new one.
    pub min_events: u64,
    /// How much they may take together; the ones used longest ago are removed first.
    pub max_bytes: u64,
}

impl SnapshotOptions {
    /// Snapshots in `folder`, with bounds that suit one machine.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            min_events: 256,
            max_bytes: 256 << 20,
        }
    }
}

/// What a file holds.
#[derive(Clone, PartialEq, Message)]
struct Content {
    /// What folded it.
    #[prost(string, tag = "1")]
    fold: String,
    /// The log that it is of.
    #[prost(bytes = "vec", tag = "2")]
    log_id: Vec<u8>,
    /// Every event of the boundary up to this position is in the state.
    #[prost(uint64, tag = "3")]
    position: u64,
    /// Leaf hash of the event at that position, whatever it is about: another history has another one.
    #[prost(bytes = "vec", tag = "4")]
    leaf_hash: Vec<u8>,
    /// What it is the state of: the name of a boundary, or of another reader of the log.
    #[prost(string, tag = "5")]
    name: String,
    /// The state, encoded.
    #[prost(bytes = "vec", tag = "6")]
    state: Vec<u8>,
}

/// A state as it was at a position.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The log that it is of.
    pub log_id: Vec<u8>,
    /// Every event of the boundary up to this position is in the state.
    pub position: u64,
    /// Leaf hash of the event at that position. Whoever uses the snapshot compares it with the log.
    pub leaf_hash: Vec<u8>,
    /// The state.
    pub entry: Entry,
}

/// A state as bytes, as it was at a position. Only whoever folds it knows how to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The log that it is of.
    pub log_id: Vec<u8>,
    /// Every event up to this position is in the state.
    pub position: u64,
    /// Leaf hash of the event at that position.
    pub leaf_hash: Vec<u8>,
    /// The state.
    pub state: Vec<u8>,
}

impl Kept {
    /// A state at a position of a log; `None` where there is no event.
    pub async fn at(
        log: &dyn Log,
        position: u64,
        state: Vec<u8>,
    ) -> Result<Option<Self>, ReadError> {
        let log_id = log.head().await?.log_id.to_vec();
        let leaf_hash = leaf_hash(log, position).await?;
        Ok(leaf_hash.map(|leaf_hash| Self {
            log_id,
            position,
            leaf_hash,
            state,
        }))
    }

    /// Whether it is of this log and of this history: an older copy of the log that was put back may not reach it, or
    /// have gone on with other events.
    pub async fn is_of(&self, log: &dyn Log) -> Result<bool, ReadError> {
        is_of(log, &self.log_id, self.position, &self.leaf_hash).await
    }
}

/// Whether a log with this id has an event with this leaf hash at a position.
pub(crate) async fn is_of(
    log: &dyn Log,
    log_id: &[u8],
    position: u64,
    expected: &[u8],
) -> Result<bool, ReadError> {
    Ok(log.head().await?.log_id == log_id
        && leaf_hash(log, position).await?.as_deref() == Some(expected))
}

/// Leaf hash of the event at a position; `None` where there is no event.
pub(crate) async fn leaf_hash(log: &dyn Log, position: u64) -> Result<Option<Vec<u8>>, ReadError> {
    let Some(before) = position.checked_sub(1) else {
        return Ok(None);
    };
    let range = Range::after(before).up_to(position);
    let page = log.read(&Query::default(), range, 1).await?;
    let event = page.events.into_iter().next();
    Ok(event.map(|event| event.leaf_hash.to_vec()))
}

/// The files. Reading and writing happen on threads for blocking work.
#[derive(Clone)]
pub struct Snapshots {
    shared: Arc<Shared>,
}

struct Shared {
    options: SnapshotOptions,
    files: Mutex<Files>,
}

/// What is there, by name, with its size; the one used longest ago goes first.
struct Files {
    sizes: LruCache<String, u64>,
    total_bytes: u64,
}

impl Snapshots {
    /// The snapshots that are in the folder. Where it can't be read there are none.
    pub fn open(options: SnapshotOptions) -> Self {
        let mut files = Files {
            sizes: LruCache::unbounded(),
            total_bytes: 0,
        };
        for (_, name, bytes) in found(&options.folder) {
            files.put(name, bytes);
        }
        Self {
            shared: Arc::new(Shared {
                options,
                files: Mutex::new(files),
            }),
        }
    }

    /// After how many events a boundary gets a new snapshot.
    pub fn min_events(&self) -> u64 {
        self.shared.options.min_events
    }

    /// The snapshot of a boundary, if there is one that is whole and that this program has folded.
    pub async fn load(&self, boundary: &Boundary) -> Option<Snapshot> {
        let kept = self.load_state(&boundary.name()).await?;
        match Entry::decode(boundary, &kept.state) {
            Ok(entry) => Some(Snapshot {
                log_id: kept.log_id,
                position: kept.position,
                leaf_hash: kept.leaf_hash,
                entry,
            }),
            Err(error) => {
                tracing::info!(%error, "snapshot passed over");
                self.discard(boundary);
                None
            }
        }
    }

    /// Keeps the state of a boundary. Where that fails, the next start takes longer, and nothing else happens.
    pub async fn save(&self, boundary: &Boundary, snapshot: Snapshot) {
        let kept = Kept {
            log_id: snapshot.log_id,
            position: snapshot.position,
            leaf_hash: snapshot.leaf_hash,
            state: snapshot.entry.encode(),
        };
        self.save_state(&boundary.name(), kept).await;
    }

    /// Forgets the snapshot of a boundary, which turned out to be of another history.
    pub fn discard(&self, boundary: &Boundary) {
        self.discard_state(&boundary.name());
    }

    /// What was kept under a name, if it is whole and of this version of the program.
    pub async fn load_state(&self, name: &str) -> Option<Kept> {
        let file = file_name(name);
        // Hardly any boundary has one, and a look into memory costs nothing.
        self.files().sizes.get(&file)?;
        let (shared, name) = (Arc::clone(&self.shared), name.to_owned());
        let loaded = tokio::task::spawn_blocking(move || {
            let path = shared.options.folder.join(&file);
            let read = fs::read(&path).map_err(|error| error.to_string());
            let decoded = read.and_then(|bytes| decode(&name, &bytes));
            if let Err(found) = &decoded {
                tracing::info!(path = %path.display(), found, "snapshot passed over");
                shared.remove(&file);
            }
            decoded.ok()
        });
        loaded.await.unwrap_or_default()
    }

    /// Keeps a state under a name, in place of the one before. Where that fails, the next start takes longer, and nothing
    /// else happens.
    pub async fn save_state(&self, name: &str, kept: Kept) {
        let (shared, name) = (Arc::clone(&self.shared), name.to_owned());
        let saved = tokio::task::spawn_blocking(move || {
            let bytes = encode(&name, kept);
            if let Err(error) = shared.write(&file_name(&name), &bytes) {
                let folder = shared.options.folder.display();
                tracing::warn!(%folder, %error, "snapshot not written");
            }
        });
        // It only fails if it panicked, which is told where it happens.
        let _ = saved.await;
    }

    /// Forgets what was kept under a name.
    pub fn discard_state(&self, name: &str) {
        self.shared.remove(&file_name(name));
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.shared.files()
    }
}

impl Shared {
    fn files(&self) -> MutexGuard<'_, Files> {
        // A panic elsewhere may leave a wrong sum of sizes at worst.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a file and gives it its name once it is whole. It is not synced: what a power cut leaves of it is found out.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let size = size_on_disk(bytes.len() as u64);
        if size > self.options.max_bytes {
            return Ok(());
        }
        fs::create_dir_all(&self.options.folder)?;
        let path = self.options.folder.join(name);
        let unfinished = path.with_extension("partial");
        let written = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, &path));
        if let Err(error) = written {
            // Half a file only takes space, which may be what is missing.
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        let superfluous = {
            let mut files = self.files();
            files.put(name.to_owned(), size);
            files.shrink_to(self.options.max_bytes)
        };
        for name in superfluous {
            self.delete(&name);
        }
        Ok(())
    }

    fn remove(&self, name: &str) {
        self.files().pop(name);
        self.delete(name);
    }

    fn delete(&self, name: &str) {
        match fs::remove_file(self.options.folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(name, %error, "snapshot not removed");
            }
            _ => {}
        }
    }
}

impl Files {
    fn put(&mut self, name: String, bytes: u64) {
        let before = self.sizes.put(name, bytes).unwrap_or(0);
        self.total_bytes = self.total_bytes.saturating_sub(before) + bytes;
    }

    fn pop(&mut self, name: &str) {
        let before = self.sizes.pop(name).unwrap_or(0);
        self.total_bytes = self.total_bytes.saturating_sub(before);
    }

    fn shrink_to(&mut self, max_bytes: u64) -> Vec<String> {
        let mut superfluous = Vec::new();
        while self.total_bytes > max_bytes
            && let Some((name, bytes)) = self.sizes.pop_lru()
        {
            self.total_bytes = self.total_bytes.saturating_sub(bytes);
            superfluous.push(name);
        }
        superfluous
    }
}

/// Name of the file: names may hold any letters, so it is a hash of the name, 128 bits of SHA-256.
fn file_name(name: &str) -> String {
    use std::fmt::Write as _;
    let hash = Sha256::digest(name);
    let mut name = hash[..16]
        .iter()
        .fold(String::with_capacity(48), |mut name, byte| {
            // Writing to a string can't fail.
            let _ = write!(name, "{byte:02x}");
            name
        });
    name.push('.');
    name.push_str(EXTENSION);
    name
}

fn size_on_disk(bytes: u64) -> u64 {
    bytes.max(1).next_multiple_of(BLOCK_BYTES)
}

/// The files that are there, oldest first, with name and size. What a kill left unfinished is removed.
fn found(folder: &Path) -> Vec<(SystemTime, String, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(EXTENSION) => {}
            Some("partial") => {
                // It only takes space.
                let _ = fs::remove_file(&path);
                continue;
            }
            _ => continue,
        }
        if let (Ok(metadata), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) {
            let written_at = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            found.push((written_at, name, size_on_disk(metadata.len())));
        }
    }
    found.sort();
    found
}

fn encode(name: &str, kept: Kept) -> Vec<u8> {
    let content = Content {
        fold: FOLD.to_owned(),
        log_id: kept.log_id,
        position: kept.position,
        leaf_hash: kept.leaf_hash,
        name: name.to_owned(),
        state: kept.state,
    };
    let mut bytes = MAGIC.to_vec();
    bytes.extend(content.encode_to_vec());
    let hash = Sha256::digest(&bytes);
    bytes.extend_from_slice(&hash);
    bytes
}

/// Why it can't be used is told to the operator who wonders, and to nobody else.
fn decode(name: &str, bytes: &[u8]) -> Result<Kept, String> {
    let whole = bytes
        .len()
        .checked_sub(HASH_BYTES)
        .map(|length| bytes.split_at(length))
        .filter(|(content, hash)| Sha256::digest(content)[..] == **hash)
        .and_then(|(content, _)| content.strip_prefix(MAGIC));
    let content =
        Content::decode(whole.ok_or("it is damaged")?).map_err(|error| error.to_string())?;
    if content.fold != FOLD {
        return Err("another version of the program has made it".to_owned());
    }
    if content.name != name {
        return Err("it is of something else".to_owned());
    }
    Ok(Kept {
        log_id: content.log_id,
        position: content.position,
        leaf_hash: content.leaf_hash,
        state: content.state,
    })
}
