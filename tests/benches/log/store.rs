//! Logs on disk that are gone after the run.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use keruen_log::{Log, PostgresLog, PostgresOptions, SqliteLog, SqliteOptions};
use keruen_test_servers::{
    nats,
    postgres::{Database, Server},
};
use rusqlite::Connection;
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::{measure::Appender, workload::Author};

/// What a PostgreSQL server of this size would be given; everything else is as it comes, `fsync` included.
const SETTINGS: [&str; 2] = ["shared_buffers=512MB", "max_wal_size=4GB"];
/// `f_type` of a file system in memory.
const TMPFS: rustix::fs::FsWord = 0x0102_1994;

/// What a log stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Backend {
    /// A PostgreSQL server of its own.
    Pg,
    /// A file.
    Sqlite,
}

impl Backend {
    /// As it stands in names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pg => "pg",
            Self::Sqlite => "sqlite",
        }
    }
}

/// Where cargo puts what it builds: this program is `<target>/<profile>/deps/log-…`.
fn target() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its own path");
    let target = program.ancestors().nth(3);
    target
        .expect("benches stand in <target>/<profile>/deps")
        .to_owned()
}

/// Where the results go.
pub fn results() -> PathBuf {
    let folder = target().join("bench");
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// Where the logs of a run are.
pub struct Place {
    folder: TempDir,
    server: Option<Server>,
    nats: Option<nats::Server>,
}

impl Place {
    /// An empty place on a disk.
    pub fn new() -> Self {
        let folder = TempDir::with_prefix_in("log-", results()).expect("the folder can be written");
        assert_on_disk(folder.path());
        Self {
            folder,
            server: None,
            nats: None,
        }
    }

    /// The server, which is started when it is first needed.
    pub fn server(&mut self) -> &Server {
        self.server.get_or_insert_with(|| {
            // It keeps its data there.
            assert_on_disk(Path::new("/tmp"));
            Server::start_with(&SETTINGS)
        })
    }

    /// Address of a nats-server, which is started when it is first needed.
    pub fn nats_url(&mut self) -> String {
        self.nats.get_or_insert_with(nats::Server::start).url()
    }

    /// An empty store.
    pub fn store(&mut self, backend: Backend) -> Store {
        match backend {
            Backend::Pg => Store::Pg(Box::new(self.server().database())),
            Backend::Sqlite => {
                let folder = TempDir::new_in(self.folder.path());
                Store::Sqlite(folder.expect("the folder can be written"))
            }
        }
    }

    /// An empty folder that goes with the place.
    pub fn folder(&self) -> TempDir {
        TempDir::new_in(self.folder.path()).expect("the folder can be written")
    }
}

fn assert_on_disk(folder: &Path) {
    let found = rustix::fs::statfs(folder).expect("the folder is there");
    assert!(
        found.f_type != TMPFS,
        "{} is in memory, where nothing can be said about commits; mount a disk there",
        folder.display()
    );
}

/// Where one log is. It is deleted with this.
pub enum Store {
    /// A database of its own.
    Pg(Box<Database>),
    /// The folder of the file.
    Sqlite(TempDir),
}

impl Store {
    /// How another process finds it.
    pub fn address(&self) -> String {
        match self {
            Self::Pg(database) => database.url().to_owned(),
            Self::Sqlite(folder) => folder.path().join("log.db").display().to_string(),
        }
    }

    /// Opens the log, and makes it where there is none.
    pub async fn open(&self) -> Opened {
        Opened::at(&self.address()).await
    }

    /// A connection of one's own to the database.
    pub async fn connect(&self) -> PgConnection {
        let Self::Pg(database) = self else {
            panic!("the store is a file");
        };
        PgConnection::connect(database.url())
            .await
            .expect("the server answers")
    }

    /// A connection of one's own to a file beside the log, with the same guarantees.
    pub fn file(&self, name: &str) -> Connection {
        let Self::Sqlite(folder) = self else {
            panic!("the store is a server");
        };
        let connection =
            Connection::open(folder.path().join(name)).expect("the file can be opened");
        for (pragma, value) in [
            ("journal_mode", "wal"),
            ("synchronous", "full"),
            ("cache_size", "-65536"),
        ] {
            connection
                .pragma_update_and_check(None, pragma, value, |_| Ok(()))
                .or_else(|error| match error {
                    rusqlite::Error::QueryReturnedNoRows => Ok(()),
                    error => Err(error),
                })
                .expect("SQLite knows its pragmas");
        }
        connection
    }
}

/// An open log, as what it is, so that it can be closed.
pub enum Opened {
    /// On a server.
    Pg(Arc<PostgresLog>),
    /// In a file.
    Sqlite(Arc<SqliteLog>),
}

impl Opened {
    /// Opens the log at an address, and makes it where there is none.
    pub async fn at(address: &str) -> Self {
        if address.starts_with("postgres") {
            let log = PostgresLog::open(address, PostgresOptions::default()).await;
            Self::Pg(Arc::new(log.expect("the log can be opened")))
        } else {
            let log = SqliteLog::open(Path::new(address), SqliteOptions::default());
            Self::Sqlite(Arc::new(log.expect("the log can be opened")))
        }
    }

    /// To use it.
    pub fn log(&self) -> Arc<dyn Log> {
        match self {
            Self::Pg(log) => log.clone(),
            Self::Sqlite(log) => log.clone(),
        }
    }

    /// Lets the writer finish what it still has to do, and answers with how long that took.
    pub fn close(&self) -> Duration {
        let began = Instant::now();
        tokio::task::block_in_place(|| match self {
            Self::Pg(log) => log.close(),
            Self::Sqlite(log) => log.close(),
        });
        began.elapsed()
    }

    /// Appenders with this many events to an append.
    pub fn appenders(&self, authors: Vec<Author>, events: usize) -> Vec<LogAppender> {
        authors
            .into_iter()
            .map(|author| LogAppender {
                log: self.log(),
                author,
                events,
            })
            .collect()
    }
}

/// Appends through the trait.
pub struct LogAppender {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Who thinks the events up.
    pub author: Author,
    /// Events of one append.
    pub events: usize,
}

impl Appender for LogAppender {
    async fn append(&mut self) -> u64 {
        let request = self.author.propose(self.events);
        let appended = self.log.append(request).await;
        self.author
            .learn(appended.expect("nobody else appends to these boundaries"));
        self.events as u64
    }
}
