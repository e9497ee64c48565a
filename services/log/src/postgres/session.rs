//! How a connection is set up, and what its failures mean.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, error::DatabaseError, postgres::PgConnectOptions};

use crate::{index::storage::Damage, log::ReadError, store::StoreError};

/// Where the writer tells the newest position. It is a hint only.
pub(super) const CHANNEL: &str = "keruen_log";

/// How long one statement may take. The outcome of one that changes something is open then.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// SQLSTATE codes.
const READ_ONLY: &str = "25006";
pub(super) const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// What SET ROLE says.
pub(super) const NO_SUCH_ROLE: &str = "22023";
const DISK_FULL: &str = "53100";
/// Classes whose errors end the connection: connection exceptions, and intervention of an operator or a crash.
const ENDING_CLASSES: [&str; 2] = ["08", "57P"];

/// Gives up all rights but those of a writer, and pins what a later change of the server's settings could loosen.
/// `jit`: its compilation takes longer than any statement here. `plan_cache_mode`, `enable_seqscan`: each statement has one
/// good plan, by the indexes, whatever the statistics say and however large a group is. `keruen_log.appends`: spares the
/// checks that are for statements which others write, see `migrations/postgres/0004_checks.sql`.
pub(super) const BECOME_WRITER: &str = "\
    SET ROLE keruen_writer; \
    SELECT set_config('synchronous_commit', current_setting('synchronous_commit'), false); \
    SET default_transaction_isolation = 'read committed'; \
    SET statement_timeout = 0; SET lock_timeout = 0; SET jit = off; \
    SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
    SET keruen_log.appends = 'with the head'";

/// Gives up all rights but those of a reader. Each of its statements has one good plan as well.
pub(super) const BECOME_READER: &str = "\
    SET ROLE keruen_reader; SET default_transaction_read_only = on; SET jit = off; \
    SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off";

/// Sets up a connection that writes.
pub(super) async fn become_writer(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql(BECOME_WRITER).execute(connection).await?;
    Ok(())
}

/// Sets up a connection that reads.
pub(super) async fn become_reader(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql(BECOME_READER).execute(connection).await?;
    Ok(())
}

/// The same place under the name by which operators see the connection.
pub(super) fn named(address: &PgConnectOptions, name: &str) -> PgConnectOptions {
    address.clone().application_name(name)
}

/// Ends whoever blocks the backend `pid`; answers with how many they were. On a connection of its own, with the user's
/// own rights: a user may end its own backends.
pub(super) async fn terminate_blockers(
    address: &PgConnectOptions,
    pid: i32,
) -> Result<usize, Fault> {
    let mut connection = super::opening::connect(address).await?;
    let ended = sqlx::query(
        "SELECT pg_terminate_backend(blocker) FROM unnest(pg_blocking_pids($1)) AS blocker WHERE blocker > 0",
    )
    .bind(pid)
    .fetch_all(&mut connection)
    .await?;
    connection.close().await?;
    Ok(ended.len())
}

/// Why a statement was not answered as it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error("no answer within {0} s")]
    Timeout(u64),
    #[error("the server was out of touch, and the connection may be dead")]
    OutOfTouch,
    /// What is stored contradicts itself.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The log has another writer.
    #[error("another writer has taken over the log")]
    Fenced,
    /// The server is not safe to write to any more.
    #[error("{0}")]
    Unsafe(String),
}

/// Waits for statements within the bound of time.
pub(super) async fn in_time<T>(
    statements: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    tokio::time::timeout(STATEMENT_TIMEOUT, statements)
        .await
        .unwrap_or_else(|_| Err(Fault::Timeout(STATEMENT_TIMEOUT.as_secs())))
}

impl Fault {
    /// Whether the server may have done what it was asked, all the same.
    pub fn leaves_open(&self) -> bool {
        match self {
            Self::Sql(sqlx::Error::Database(error)) => ends_connection(error.as_ref()),
            Self::Sql(_) | Self::Timeout(_) | Self::OutOfTouch => true,
            Self::Damaged(_) | Self::Fenced | Self::Unsafe(_) => false,
        }
    }
}

fn ends_connection(error: &dyn DatabaseError) -> bool {
    error
        .code()
        .is_some_and(|code| ENDING_CLASSES.iter().any(|class| code.starts_with(class)))
}

/// The SQLSTATE code of what the server refused.
pub(super) fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Fenced => Self::Fenced,
            Fault::Damaged(damage) => Self::Damaged(damage.to_string()),
            Fault::Sql(error) if code(&error).as_deref() == Some(DISK_FULL) => Self::Full {
                at: "the PostgreSQL server".to_owned(),
            },
            Fault::Sql(error) if code(&error).as_deref() == Some(READ_ONLY) => Self::Failed(
                "the server takes no writes any more; check whether it became a replica, or what made it read-only"
                    .to_owned(),
            ),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Damaged(damage) => damage.refused(),
            other => Self::Unavailable(other.to_string()),
        }
    }
}
