//! Opening a log on a server: what it must be before anything is written to it.

use std::{io, str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions, Connection as _, PgConnection, Row as _,
    postgres::{PgConnectOptions, PgRow},
};

use super::{
    schema,
    session::{self, Fault, INSUFFICIENT_PRIVILEGE, NO_SUCH_ROLE},
};
use crate::{append::Violation, index::storage::Damaged};

const OLDEST_SERVER: i32 = 15;
/// How long a connection may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a log on PostgreSQL could not be opened. The message says what to do.
#[derive(Debug, thiserror::Error)]
#[error("can't open the log {at}: {reason}")]
pub struct PostgresOpenError {
    /// Address of the database, without a password.
    pub at: String,
    /// The reason.
    #[source]
    pub reason: PostgresRefusal,
}

/// What stands in the way of opening a log on PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum PostgresRefusal {
    /// A bound that can't be kept was asked for.
    #[error("{0}; change the bound")]
    Bounds(Violation),
    /// The address is not one.
    #[error("the address must look like postgres://user@host:port/database ({0})")]
    Address(String),
    /// Nobody answers, or the user is not let in.
    #[error("{0}; check that the server runs, and the address, the user and its password")]
    Unreachable(String),
    /// The server's PostgreSQL is too old.
    #[error(
        "the server is PostgreSQL {found}; version {OLDEST_SERVER} is the oldest that is known to work; upgrade it"
    )]
    OldServer {
        /// Its version.
        found: String,
    },
    /// The database can't hold all texts.
    #[error(
        "the database's encoding is {found}; make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
    )]
    Encoding {
        /// Its encoding.
        found: String,
    },
    /// A crash of the server could lose what was acknowledged, or damage it.
    #[error(
        "fsync is off on the server, so that a crash could destroy the log; set fsync = on and reload it"
    )]
    FsyncOff,
    /// A crash of the server could leave torn pages.
    #[error(
        "full_page_writes is off on the server, so that a crash could destroy the log; set full_page_writes = on and \
         reload it"
    )]
    FullPageWritesOff,
    /// Commits would be answered before they are safe.
    #[error(
        "synchronous_commit is {found} for this user and database, so that acknowledged events could be lost; set it \
         to on (or remote_apply) in the server's settings, and remove what ALTER ROLE or ALTER DATABASE set"
    )]
    SynchronousCommitOff {
        /// Its value.
        found: String,
    },
    /// The server or the database takes no writes.
    #[error("{0}")]
    ReadOnly(String),
    /// A newer program has written it.
    #[error(
        "a newer version of this program wrote it (store version {found}, this program knows up to {known}); use the \
         newer program"
    )]
    NewerVersion {
        /// Its version.
        found: usize,
        /// The newest version that is known.
        known: usize,
    },
    /// It was never opened for writing with this version.
    #[error(
        "its store version is {found}, and {known} is needed; start the program that writes the log first, as a user \
         who may bring it there"
    )]
    OlderVersion {
        /// Its version.
        found: usize,
        /// The version that is needed.
        known: usize,
    },
    /// A migration differs from the one of this program.
    #[error(
        "migration {number} was applied in another form than this program has it; a released migration never \
         changes, so use the program that made the log"
    )]
    OtherMigration {
        /// Its number.
        number: i32,
    },
    /// The schema's name is taken.
    #[error("its schema keruen_log is not a Keruen log; choose another database")]
    NotALog,
    /// The user may not do what is needed.
    #[error("the user may not {what} ({found}); {remedy}")]
    NoPrivilege {
        /// What was tried.
        what: &'static str,
        /// What the server says.
        found: String,
        /// What to do.
        remedy: String,
    },
    /// What is stored contradicts itself.
    #[error("it is damaged ({found}); keep the database as it is and restore a backup")]
    Damaged {
        /// What was found.
        found: String,
    },
    /// The index contradicts the events; the events are what they were.
    #[error("{found}")]
    DamagedIndex {
        /// What was found, and what to do.
        found: String,
    },
    /// The server refused for another reason, or the connection broke.
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    /// A thread could not be started.
    #[error("{0}")]
    Thread(#[source] io::Error),
    /// Another node writes it with an older version.
    #[error(
        "its store version is {found}, and {known} is needed, but {node} writes it with an older version of this \
         program; stop that node first"
    )]
    OlderWriter {
        /// Its version.
        found: usize,
        /// The version that is needed.
        known: usize,
        /// The node that writes it.
        node: String,
    },
    /// Another node writes it, which must not be disturbed.
    #[error(
        "{node} writes it; stop that node first, and those that stand by, since one of them would take over"
    )]
    InUse {
        /// The node that writes it.
        node: String,
    },
    /// Another node has the same name.
    #[error(
        "a node of the name {name} is on it already ({other}), and two of one name could not be told apart; give this one \
         another name with --node, or stop the other one first"
    )]
    NameTaken {
        /// The name.
        name: String,
        /// The node that has it, and where it is.
        other: String,
    },
    /// What happened while it was opened.
    #[error("{0}")]
    Interrupted(String),
}

impl PostgresRefusal {
    /// `stranger`: the user, where all that it lacks are the roles.
    pub(super) fn of_migration(error: sqlx::Error, stranger: Option<&str>) -> Self {
        if session::code(&error).as_deref() != Some(INSUFFICIENT_PRIVILEGE) {
            return Self::Database(error);
        }
        let remedy = match stranger {
            Some(user) => format!(
                "the roles are there, of another log on this server: let an administrator run \
                 GRANT keruen_writer, keruen_reader TO {user}"
            ),
            None => "start once as the owner of the database, who may create roles, or let an administrator run \
                CREATE ROLE keruen_writer; CREATE ROLE keruen_reader; and grant both to the owner"
                .to_owned(),
        };
        Self::NoPrivilege {
            what: "make the log or bring it to the newest version",
            found: error.to_string(),
            remedy,
        }
    }

    /// Whether the server could be written to, and a crash could take it back.
    pub(super) fn is_about_safety(&self) -> bool {
        matches!(
            self,
            Self::FsyncOff | Self::FullPageWritesOff | Self::SynchronousCommitOff { .. }
        )
    }

    pub(super) fn of_role(error: sqlx::Error) -> Self {
        let known = [INSUFFICIENT_PRIVILEGE, NO_SUCH_ROLE];
        if !session::code(&error).is_some_and(|code| known.contains(&code.as_str())) {
            return Self::Database(error);
        }
        Self::NoPrivilege {
            what: "act as what it is opened as",
            found: error.to_string(),
            remedy: "let an administrator make the roles keruen_writer and keruen_reader where they are missing, and grant both to \
                the user"
                .to_owned(),
        }
    }
}

impl From<Fault> for PostgresRefusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Sql(error) => Self::Database(error),
            Fault::Damaged(damage) => match damage.of {
                Damaged::Events => Self::Damaged {
                    found: format!("position {}: {}", damage.position, damage.found),
                },
                Damaged::Index => Self::DamagedIndex {
                    found: damage.to_string(),
                },
            },
            other => Self::Interrupted(other.to_string()),
        }
    }
}

/// Where the URL points.
pub(super) fn address(url: &str) -> Result<PgConnectOptions, PostgresOpenError> {
    PgConnectOptions::from_str(url)
        .map(ConnectOptions::disable_statement_logging)
        .map_err(|error| PostgresOpenError {
            at: "on PostgreSQL".to_owned(),
            reason: PostgresRefusal::Address(error.to_string()),
        })
}

/// An address as it stands in messages.
pub(super) fn shown(address: &PgConnectOptions) -> String {
    format!(
        "postgres://{}@{}:{}/{}",
        address.get_username(),
        address.get_host(),
        address.get_port(),
        address.get_database().unwrap_or_default()
    )
}

/// Connects, within a bound of time.
pub(super) async fn connect(address: &PgConnectOptions) -> Result<PgConnection, Fault> {
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, address.connect()).await;
    Ok(connecting.map_err(|_| Fault::Timeout(CONNECT_TIMEOUT.as_secs()))??)
}

/// Connects as a writer to a log that is safe to write to, after it was made or brought to the newest version.
pub(super) async fn connect_to_write(
    address: &PgConnectOptions,
) -> Result<PgConnection, PostgresRefusal> {
    let mut connection = connect(address)
        .await
        .map_err(|fault| PostgresRefusal::Unreachable(fault.to_string()))?;
    check_server(&mut connection).await?;
    check_settings(&mut connection).await?;
    schema::migrate(&mut connection).await?;
    session::become_writer(&mut connection)
        .await
        .map_err(PostgresRefusal::of_role)?;
    Ok(connection)
}

/// Fails unless there is a log that can be read.
pub(super) async fn check_for_reading(address: &PgConnectOptions) -> Result<(), PostgresRefusal> {
    let mut connection = connect(address)
        .await
        .map_err(|fault| PostgresRefusal::Unreachable(fault.to_string()))?;
    schema::check(&mut connection).await?;
    session::become_reader(&mut connection)
        .await
        .map_err(PostgresRefusal::of_role)?;
    connection.close().await?;
    Ok(())
}

/// Fails unless there is a log of this version that the user may read and write.
pub(super) async fn check_for_standing_by(
    address: &PgConnectOptions,
) -> Result<(), PostgresRefusal> {
    let mut connection = connect(address)
        .await
        .map_err(|fault| PostgresRefusal::Unreachable(fault.to_string()))?;
    schema::check(&mut connection).await?;
    for become_it in [session::BECOME_READER, session::BECOME_WRITER] {
        sqlx::raw_sql(become_it)
            .execute(&mut connection)
            .await
            .map_err(PostgresRefusal::of_role)?;
    }
    connection.close().await?;
    Ok(())
}

/// Fails unless the server and the database can hold a log and take writes.
pub(super) async fn check_server(connection: &mut PgConnection) -> Result<(), PostgresRefusal> {
    let row = sqlx::query(
        "SELECT current_setting('server_version'), current_setting('server_version_num')::integer / 10000, \
         current_setting('server_encoding'), pg_is_in_recovery(), \
         current_setting('default_transaction_read_only')::boolean",
    )
    .fetch_one(connection)
    .await?;
    if row.try_get::<i32, _>(1)? < OLDEST_SERVER {
        return Err(PostgresRefusal::OldServer {
            found: row.try_get(0)?,
        });
    }
    let encoding: String = row.try_get(2)?;
    if encoding != "UTF8" {
        return Err(PostgresRefusal::Encoding { found: encoding });
    }
    let reason = match (row.try_get(3)?, row.try_get(4)?) {
        (true, _) => {
            "the server is a replica, which takes no writes; use the address of the primary"
        }
        (_, true) => {
            "default_transaction_read_only is on for this user and database; remove what set it, or use another user"
        }
        _ => return Ok(()),
    };
    Err(PostgresRefusal::ReadOnly(reason.to_owned()))
}

/// What [`check_settings_row`] looks at.
pub(super) const SETTINGS: &str = "\
    SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')";

/// Fails if a crash could take back what was answered.
pub(super) async fn check_settings(connection: &mut PgConnection) -> Result<(), PostgresRefusal> {
    check_settings_row(&sqlx::query(SETTINGS).fetch_one(connection).await?)
}

pub(super) fn check_settings_row(row: &PgRow) -> Result<(), PostgresRefusal> {
    if row.try_get::<&str, _>(0)? != "on" {
        return Err(PostgresRefusal::FsyncOff);
    }
    if row.try_get::<&str, _>(1)? != "on" {
        return Err(PostgresRefusal::FullPageWritesOff);
    }
    let synchronous_commit: &str = row.try_get(2)?;
    if !matches!(synchronous_commit, "on" | "remote_apply") {
        return Err(PostgresRefusal::SynchronousCommitOff {
            found: synchronous_commit.to_owned(),
        });
    }
    Ok(())
}
