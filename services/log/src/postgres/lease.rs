//! The lease: a lock of the database that one session holds, whose process is the one to write.
//!
//! The server takes it back when the session ends, and ends the session after [`SILENCE_MS`] of silence: a process that
//! was killed loses it at once, one that was stopped or cut off after a moment by the server's clock alone. Holding it
//! costs no write. It only says who should write; who may, says the epoch in the head of the log.

use std::time::{Duration, Instant};

use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, Row as _,
    postgres::{PgConnectOptions, PgRow},
};

use super::{
    opening::{self, CONNECT_TIMEOUT, PostgresRefusal},
    session::{self, Fault, INSUFFICIENT_PRIVILEGE},
};

/// Number of the lock in its database; any does.
const KEY: i64 = 0x4B45_5255_454E;
/// Seed of the number of the lock that is a node's name, so that it is no other program's by chance.
const NAME_SEED: i64 = KEY;
/// How long a node waits for its name: a session of its own from before may have to fall silent first.
const NAME_PATIENCE: Duration = Duration::from_secs(3);
/// How often it is tried meanwhile.
const NAME_POLL: Duration = Duration::from_millis(200);
/// How often whoever holds the lease speaks.
pub(super) const BEAT_INTERVAL: Duration = Duration::from_millis(250);
/// Silence after which the server takes the lease back, in milliseconds.
const SILENCE_MS: u64 = 1_250;
/// How long an answer may take: the server has heard nothing for as long.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(SILENCE_MS);
/// How long a holder has to let go by itself before its session is ended.
const COURTESY: Duration = Duration::from_millis(200);
/// Names of the sessions, by which others know whose they are.
const LEADER: &str = "keruen leader ";
const STANDBY: &str = "keruen standby ";

/// A session that holds the lease, or asks for it.
#[derive(Debug)]
pub(super) struct Lease {
    connection: PgConnection,
    /// Process id of its backend.
    pid: i32,
}

/// Whoever holds the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// Process id of its backend.
    pub pid: i32,
    /// Name of its node, and the address that it connects from, where the server tells.
    pub node: String,
}

impl Lease {
    /// Connects to a server that is safe to write to.
    pub async fn connect(address: &PgConnectOptions, node: &str) -> Result<Self, PostgresRefusal> {
        let address = session::named(address, &format!("{STANDBY}{node}"));
        let mut connection = opening::connect(&address)
            .await
            .map_err(|fault| PostgresRefusal::Unreachable(fault.to_string()))?;
        let setting_up = async {
            opening::check_server(&mut connection).await?;
            opening::check_settings(&mut connection).await?;
            let settings = format!(
                "SET idle_session_timeout = {SILENCE_MS}; SET statement_timeout = 0; SET lock_timeout = 0"
            );
            sqlx::raw_sql(AssertSqlSafe(settings))
                .execute(&mut connection)
                .await?;
            let pid = sqlx::query_scalar("SELECT pg_backend_pid()")
                .fetch_one(&mut connection)
                .await?;
            Ok::<_, PostgresRefusal>(pid)
        };
        let pid = tokio::time::timeout(CONNECT_TIMEOUT, setting_up)
            .await
            .unwrap_or_else(|_| {
                let fault = Fault::Timeout(CONNECT_TIMEOUT.as_secs());
                Err(PostgresRefusal::Unreachable(fault.to_string()))
            })?;
        Ok(Self { connection, pid })
    }

    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Takes the name of the node, which the server gives back with the session: two nodes of one name could not be told
    /// apart.
    pub async fn claim_name(&mut self, node: &str) -> Result<(), PostgresRefusal> {
        let deadline = Instant::now() + NAME_PATIENCE;
        loop {
            if answered(self.try_name(node)).await? {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let key = name_key(&mut self.connection, node).await?;
                let other = answered(holder(&mut self.connection, key)).await?;
                return Err(PostgresRefusal::NameTaken {
                    name: node.to_owned(),
                    other: other.map_or_else(|| node.to_owned(), |other| other.node),
                });
            }
            tokio::time::sleep(NAME_POLL).await;
        }
    }

    /// Takes the name if no other session has it. A session that has it keeps it.
    async fn try_name(&mut self, node: &str) -> Result<bool, Fault> {
        let key = name_key(&mut self.connection, node).await?;
        let taken = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(key)
            .fetch_one(&mut self.connection)
            .await?;
        Ok(taken)
    }

    /// Takes the lease if nobody has it, and nobody stands in line.
    pub async fn try_take(&mut self, node: &str) -> Result<bool, Fault> {
        answered(async {
            let taken = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
                .bind(KEY)
                .fetch_one(&mut self.connection)
                .await?;
            if taken {
                self.call_itself(node).await?;
            }
            Ok(taken)
        })
        .await
    }

    /// Takes the lease from whoever has it: stands in line, so that no other comes first, and ends the holder's session.
    pub async fn seize(
        &mut self,
        address: &PgConnectOptions,
        node: &str,
    ) -> Result<(), PostgresRefusal> {
        if self.try_take(node).await? {
            return Ok(());
        }
        let pid = self.pid;
        let in_line = sqlx::query("SELECT pg_advisory_lock($1)")
            .bind(KEY)
            .execute(&mut self.connection);
        tokio::select! {
            taken = session::in_time(async { Ok(in_line.await?) }) => taken?,
            refusal = end_holders(address, pid) => return Err(refusal),
        };
        Ok(answered(self.call_itself(node)).await?)
    }

    async fn call_itself(&mut self, node: &str) -> Result<(), Fault> {
        sqlx::query("SELECT set_config('application_name', $1, false)")
            .bind(format!("{LEADER}{node}"))
            .execute(&mut self.connection)
            .await?;
        // Whoever connects again after a break has lost its name with the session. It goes on writing all the same.
        self.try_name(node).await?;
        Ok(())
    }

    /// Tells the server that this process lives, and fails unless the server is still safe to write to. In a single
    /// message, since a session whose next message has come in part does not count as silent.
    pub async fn beat(&mut self) -> Result<(), PostgresRefusal> {
        let beating = async {
            let row = sqlx::raw_sql(opening::SETTINGS)
                .fetch_one(&mut self.connection)
                .await?;
            opening::check_settings_row(&row)
        };
        tokio::time::timeout(ANSWER_TIMEOUT, beating)
            .await
            .unwrap_or_else(|_| Err(silent().into()))
    }

    /// Who has the lease.
    pub async fn holder(&mut self) -> Result<Option<Holder>, Fault> {
        answered(writer(&mut self.connection)).await
    }

    /// Gives the lease back, so that a standby can take it at once.
    pub async fn release(mut self) {
        let releasing = answered(async {
            sqlx::raw_sql("SELECT pg_advisory_unlock_all()")
                .execute(&mut self.connection)
                .await?;
            Ok(self.connection.close().await?)
        });
        // Where it fails, the server notices by itself.
        drop(releasing.await);
    }
}

/// Who has the lease.
pub(super) async fn writer(connection: &mut PgConnection) -> Result<Option<Holder>, Fault> {
    holder(connection, KEY).await
}

/// Number of the lock that is a node's name.
async fn name_key(connection: &mut PgConnection, node: &str) -> Result<i64, Fault> {
    let key = sqlx::query_scalar("SELECT hashtextextended($1, $2)")
        .bind(node)
        .bind(NAME_SEED)
        .fetch_one(connection)
        .await?;
    Ok(key)
}

/// Who has a lock.
async fn holder(connection: &mut PgConnection, key: i64) -> Result<Option<Holder>, Fault> {
    let row = sqlx::query(
        "SELECT a.pid, a.application_name, host(a.client_addr) \
         FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND l.classid::bigint << 32 | l.objid::bigint = $1",
    )
    .bind(key)
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        Ok(Holder {
            pid: row.try_get(0)?,
            node: node_of(&row)?,
        })
    })
    .transpose()
}

/// The nodes that ask for the lease, as far as the server shows their sessions to this user.
pub(super) async fn standbys(connection: &mut PgConnection) -> Result<Vec<String>, Fault> {
    let rows = sqlx::query(
        "SELECT pid, application_name, host(client_addr) FROM pg_stat_activity \
         WHERE datname = current_database() AND starts_with(application_name, $1) ORDER BY 2, 3",
    )
    .bind(STANDBY)
    .fetch_all(connection)
    .await?;
    rows.iter().map(node_of).collect()
}

/// The node that a session belongs to, from a row of its process id, its name and its address.
fn node_of(row: &PgRow) -> Result<String, Fault> {
    // Nothing is shown of the sessions of other users.
    let name: Option<&str> = row.try_get(1)?;
    let name = name
        .and_then(|name| name.strip_prefix(LEADER).or(name.strip_prefix(STANDBY)))
        .unwrap_or("another program");
    Ok(match row.try_get::<Option<&str>, _>(2)? {
        Some(address) => format!("{name} at {address}"),
        None => name.to_owned(),
    })
}

/// Waits for an answer for as long as the server waits for the next word.
async fn answered<T>(statements: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(ANSWER_TIMEOUT, statements)
        .await
        .unwrap_or_else(|_| Err(silent()))
}

fn silent() -> Fault {
    Fault::Timeout(ANSWER_TIMEOUT.as_secs())
}

/// Ends, again and again, the sessions that keep the lease from the backend `pid`. Ends itself only if it may not.
async fn end_holders(address: &PgConnectOptions, pid: i32) -> PostgresRefusal {
    loop {
        tokio::time::sleep(COURTESY).await;
        match session::terminate_blockers(address, pid).await {
            Ok(0) => {}
            Ok(_) => tracing::info!("ended the session of the node that wrote the log"),
            Err(Fault::Sql(error))
                if session::code(&error).as_deref() == Some(INSUFFICIENT_PRIVILEGE) =>
            {
                return PostgresRefusal::NoPrivilege {
                    what: "end the session of the node that writes the log",
                    found: error.to_string(),
                    remedy: "stop that node first, or let an administrator GRANT pg_signal_backend to the user"
                        .to_owned(),
                };
            }
            Err(error) => tracing::warn!(%error, "can't end the session that holds the lease"),
        }
    }
}
