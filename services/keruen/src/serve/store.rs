//! Where a node keeps its log, and the folder of what it makes from it.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::bail;
use keruen_log::{
    Bounds, Log, PostgresLog, PostgresOptions, SqliteLog, SqliteOptions, TakeOver, Transcoder,
};
use keruen_projections::{ViewOptions, Views};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// Folder of the store where nothing else is said.
pub const DEFAULT_FOLDER: &str = "keruen-data";
/// Name of the store's file in its folder.
pub const FILE_NAME: &str = "keruen.db";

/// How long a process that only reads the log waits for it; whoever supervises it starts it again after that.
const READER_PATIENCE: Duration = Duration::from_secs(30);
const READER_PAUSE: Duration = Duration::from_millis(500);

/// Where a node keeps its data.
#[derive(Clone, PartialEq, Eq)]
pub enum Store {
    /// The log in a file, and the views in the same folder.
    Sqlite(PathBuf),
    /// The log on a PostgreSQL server, and the views in the same database or in a folder of this machine.
    Postgres {
        /// Address of the database; it may hold a password.
        url: String,
        /// Folder of what can be made again from the log, and of the node's key.
        folder: PathBuf,
    },
}

impl Store {
    /// The store that the options name.
    pub fn new(database_url: Option<&str>, folder: Option<&Path>) -> anyhow::Result<Self> {
        let folder = folder.unwrap_or(Path::new(DEFAULT_FOLDER)).to_owned();
        let Some(url) = database_url else {
            return Ok(Self::Sqlite(folder.join(FILE_NAME)));
        };
        if let Some(path) = url.strip_prefix("sqlite://") {
            if path.is_empty() || path.ends_with('/') {
                bail!(
                    "--database-url {url:?} names no file; for example sqlite://keruen-data/keruen.db"
                );
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if is_postgres(url) {
            return Ok(Self::Postgres {
                url: url.to_owned(),
                folder,
            });
        }
        let scheme = url.split_once("://").map_or(url, |(scheme, _)| scheme);
        bail!(
            "--database-url: the store is sqlite://PATH or postgres://USER@HOST:PORT/DATABASE; found scheme {scheme:?}"
        )
    }

    /// The folder on this machine.
    pub fn folder(&self) -> &Path {
        match self {
            Self::Sqlite(path) => match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            },
            Self::Postgres { folder, .. } => folder,
        }
    }

    /// The views: in the same database, or in files of the folder.
    pub async fn views(&self, options: ViewOptions) -> anyhow::Result<Arc<Views>> {
        if let Self::Postgres { url, folder } = self {
            match Views::in_database(url, options.clone()).await? {
                Ok(views) => return Ok(views),
                Err(reason) => tracing::info!(
                    folder = %folder.display(),
                    %reason,
                    "views are kept in files"
                ),
            }
        }
        Ok(Views::in_folder(self.folder(), options)?)
    }

    /// Opens the log for reading only, in a process that doesn't write it. Waits a while for the process that does to
    /// make it.
    pub async fn open_to_read(&self) -> anyhow::Result<StoredLog> {
        let Self::Postgres { url, .. } = self else {
            bail!("a log on SQLite is read by the process that writes it");
        };
        let deadline = Instant::now() + READER_PATIENCE;
        let mut told = false;
        loop {
            match PostgresLog::open_reader(url, PostgresOptions::default()).await {
                Ok(log) => return Ok(StoredLog::Postgres(Arc::new(log))),
                Err(error) if Instant::now() >= deadline => return Err(error.into()),
                Err(error) if !told => {
                    tracing::warn!(%error, "the log can't be read yet; trying again");
                    told = true;
                }
                Err(_) => {}
            }
            sleep(READER_PAUSE).await;
        }
    }

    /// The log for reading, where it is on a server and is there already.
    pub async fn look(&self) -> Option<StoredLog> {
        let Self::Postgres { url, .. } = self else {
            return None;
        };
        // Whatever speaks against it is said where the log is opened for good.
        let log = PostgresLog::open_reader(url, PostgresOptions::default()).await;
        Some(StoredLog::Postgres(Arc::new(log.ok()?)))
    }

    /// Opens the log for a node of that name, which stands by where another node writes it. It refuses events that the
    /// transcoder refuses, and, in a file, all events while fewer bytes than `min_free_bytes` are free on the disk.
    pub async fn open(
        &self,
        node: &str,
        transcoder: Transcoder,
        min_free_bytes: u64,
        bounds: Bounds,
    ) -> anyhow::Result<StoredLog> {
        let transcoder = Some(transcoder);
        Ok(match self {
            Self::Sqlite(path) => {
                let options = SqliteOptions {
                    transcoder,
                    bounds,
                    min_free_bytes,
                    ..SqliteOptions::default()
                };
                StoredLog::Sqlite(Arc::new(SqliteLog::open(path, options)?))
            }
            Self::Postgres { url, .. } => {
                let options = PostgresOptions {
                    transcoder,
                    bounds,
                    node: node.to_owned(),
                    take_over: TakeOver::WhenSilent,
                    ..PostgresOptions::default()
                };
                StoredLog::Postgres(Arc::new(PostgresLog::open(url, options).await?))
            }
        })
    }
}

/// As it is printed and logged: without a password.
impl fmt::Display for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(formatter),
            Self::Postgres { url, folder } => write!(
                formatter,
                "{}, files in {}",
                PostgresLog::shown(url),
                folder.display()
            ),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Whether the URL is one of PostgreSQL.
pub fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// An open log.
pub enum StoredLog {
    /// In a file.
    Sqlite(Arc<SqliteLog>),
    /// On a server.
    Postgres(Arc<PostgresLog>),
}

impl StoredLog {
    /// As everybody uses it.
    pub fn shared(&self) -> Arc<dyn Log> {
        match self {
            Self::Sqlite(log) => Arc::clone(log) as Arc<dyn Log>,
            Self::Postgres(log) => Arc::clone(log) as Arc<dyn Log>,
        }
    }

    /// Whether this process writes the log, see [`PostgresLog::leads`].
    pub fn leads(&self) -> watch::Receiver<bool> {
        match self {
            Self::Sqlite(log) => log.leads(),
            Self::Postgres(log) => log.leads(),
        }
    }

    /// The log, where it is on a server.
    pub fn on_server(&self) -> Option<&Arc<PostgresLog>> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(log) => Some(log),
        }
    }

    /// The node that writes the log, while this one stands by and knows it.
    pub fn other_writer(&self) -> Option<String> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(log) => log.other_writer(),
        }
    }

    /// Stops its writer after what is queued. Blocks until it has stopped.
    pub fn close(&self) {
        match self {
            Self::Sqlite(log) => log.close(),
            Self::Postgres(log) => log.close(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_store() {
        let store = |url, folder| Store::new(url, folder).unwrap();
        assert_eq!(
            store(None, None),
            Store::Sqlite("keruen-data/keruen.db".into())
        );
        assert_eq!(
            store(None, Some(Path::new("/srv/k"))),
            Store::Sqlite("/srv/k/keruen.db".into())
        );
        let file = store(Some("sqlite:///srv/k.db"), None);
        assert_eq!(file, Store::Sqlite("/srv/k.db".into()));
        assert_eq!(file.folder(), Path::new("/srv"));
        assert_eq!(store(Some("sqlite://k.db"), None).folder(), Path::new("."));
        let server = store(
            Some("postgres://user:secret@host/db"),
            Some(Path::new("/srv/k")),
        );
        assert_eq!(server.folder(), Path::new("/srv/k"));
        assert_eq!(
            server.to_string(),
            "postgres://user@host:5432/db, files in /srv/k"
        );
    }

    #[test]
    fn refuses_what_it_cannot_open() {
        for url in [
            "",
            "sqlite://",
            "sqlite://folder/",
            "mysql://user:secret@host/db",
        ] {
            let message = Store::new(Some(url), None).unwrap_err().to_string();
            assert!(message.contains("--database-url"), "{url}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
