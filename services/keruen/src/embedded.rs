//! The embedded store as its operator's verbs see it: a file in a folder, with or without a node that runs on it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args as ClapArgs;
use serde::{Deserialize, Serialize};

use crate::{
    client::failure::Failure,
    serve::{Store, is_postgres},
};

/// Which store.
#[expect(
    clippy::doc_markdown,
    reason = "the comments are help texts, which show no markup"
)]
#[derive(Clone, Debug, ClapArgs)]
pub struct StoreArgs {
    /// Folder of the embedded store [default: keruen-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The store as `serve` has it: sqlite://PATH
    #[arg(
        long,
        env = "KERUEN_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_url: Option<String>,
}

impl StoreArgs {
    /// The store, in a file or on a server.
    pub fn store(&self) -> Result<Store, Failure> {
        if let Some(url) = &self.database_url
            && !is_postgres(url)
            && self.data.is_some()
        {
            return Err(Failure::Usage(
                "--data and --database-url (or KERUEN_DATABASE_URL) both say where the embedded store is; leave \
                 one out"
                    .to_owned(),
            ));
        }
        Store::new(self.database_url.as_deref(), self.data.as_deref())
            .map_err(|error| Failure::Usage(error.to_string()))
    }

    /// The embedded store. Where the log is on a server, `instead` says what to use.
    pub fn embedded(&self, instead: &str) -> Result<EmbeddedStore, Failure> {
        let store = self.store()?;
        let folder = store.folder().to_owned();
        match store {
            Store::Sqlite(path) => Ok(EmbeddedStore { path, folder }),
            Store::Postgres { .. } => Err(Failure::Usage(instead.to_owned())),
        }
    }
}

/// The file of a store, and its folder.
#[derive(Clone, Debug)]
pub struct EmbeddedStore {
    /// The file.
    pub path: PathBuf,
    /// The folder that it is in, with what is made from it.
    pub folder: PathBuf,
}

/// The newest backup of a store, kept beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastBackup {
    /// Where it was written to.
    pub file: PathBuf,
    /// Identity of the log, in hexadecimal digits.
    pub log_id: String,
    /// Position of the newest event in it.
    pub position: u64,
    /// Root hash of the tree over all events in it, in hexadecimal digits.
    pub root_hash: String,
    /// When it was made, in microseconds since 1970-01-01T00:00:00Z.
    pub made_at_us: i64,
    /// Its size.
    pub size_bytes: u64,
}

impl LastBackup {
    /// Where it is noted.
    pub fn path(store: &EmbeddedStore) -> PathBuf {
        beside(&store.path, ".last-backup.json")
    }

    /// The note; `None` where there is none or nobody can read it.
    pub fn read(store: &EmbeddedStore) -> Option<Self> {
        let text = fs::read(Self::path(store)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Notes it, all or nothing.
    pub fn write(&self, store: &EmbeddedStore) -> io::Result<()> {
        let path = Self::path(store);
        let unfinished = beside(&path, ".partial");
        fs::write(&unfinished, serde_json::to_vec_pretty(self)?)?;
        fs::rename(unfinished, path)
    }

    /// Forgets it.
    pub fn forget(store: &EmbeddedStore) -> io::Result<()> {
        match fs::remove_file(Self::path(store)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The path with something added to its name.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The clock of the system, in microseconds since 1970-01-01T00:00:00Z.
pub fn now_us() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or(0)
}
