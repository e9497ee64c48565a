//! A session on a PostgreSQL server, whose calls block.

use std::{cell::RefCell, str::FromStr as _, time::Duration};

use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _,
    postgres::{PgArguments, PgConnectOptions, PgRow},
    query::Query,
};
use tokio::runtime::Handle;

use super::{Asker, Value};
use crate::failure::StoreError;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a statement of a writer may take; building an index of a large view takes longest.
const WRITER_TIMEOUT: Duration = Duration::from_mins(10);

/// A database on a server, and the runtime that talks to it.
#[derive(Clone)]
pub struct Address {
    options: PgConnectOptions,
    runtime: Handle,
}

impl Address {
    /// Of a URL, `postgres://…`. Must be called within a runtime of tokio, which has to live as long.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        Ok(Self {
            options: PgConnectOptions::from_str(url)?.application_name("keruen views"),
            runtime: Handle::current(),
        })
    }

    /// The statement by which an administrator lets the user make schemas there; `None` where it may.
    pub async fn missing_grant(&self) -> Result<Option<String>, StoreError> {
        let asking = async {
            let mut connection = PgConnection::connect_with(&self.options).await?;
            let sql = "SELECT CASE WHEN NOT has_database_privilege(current_database(), 'CREATE') \
                       THEN format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user) END";
            let missing = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
            connection.close().await?;
            Ok(missing)
        };
        let missing = tokio::time::timeout(CONNECT_TIMEOUT, asking).await;
        Ok(missing.unwrap_or_else(|_| Err(timed_out()))?)
    }

    /// Opens a session that sees `schema` alone. A statement of a reader takes at most `limit`.
    pub fn connect(&self, schema: &str, limit: Option<Duration>) -> Result<Session, StoreError> {
        let limit = limit.unwrap_or(WRITER_TIMEOUT);
        let timeout_ms = limit.as_millis();
        // Views can be built anew, so they need not wait for the disk: a crash takes back whole transactions, with the
        // checkpoint in them. Compiling takes longer than any statement here, and so does calling for other processes.
        // Most of what is asked for is in memory, where any page is found as fast as the next one.
        let settings = format!(
            "SET synchronous_commit = off; SET jit = off; SET max_parallel_workers_per_gather = 0; \
             SET max_parallel_maintenance_workers = 0; \
             SET random_page_cost = 1.1; SET statement_timeout = {timeout_ms}; \
             SET client_min_messages = warning; SET search_path = {schema}; \
             SELECT pg_catalog.pg_backend_pid()"
        );
        let (connection, backend) = self.runtime.block_on(async {
            let connecting = async {
                let mut connection = PgConnection::connect_with(&self.options).await?;
                let told = connection.fetch_one(AssertSqlSafe(settings)).await?;
                Ok((connection, told.try_get(0)?))
            };
            tokio::time::timeout(CONNECT_TIMEOUT, connecting)
                .await
                .unwrap_or_else(|_| Err(timed_out()))
        })?;
        Ok(Session {
            address: Box::new(self.clone()),
            connection: RefCell::new(Some(connection)),
            backend,
            patience: limit.saturating_add(CONNECT_TIMEOUT),
            asker: RefCell::default(),
        })
    }

    /// Breaks off what a session runs, from another one. Where that can't be done, the server's time-out does it.
    fn cancel(&self, backend: i32) {
        let cancelling = async {
            let mut connection = PgConnection::connect_with(&self.options).await?;
            let sql = "SELECT pg_catalog.pg_cancel_backend($1)";
            let cancel = sqlx::query(sql).bind(backend);
            cancel.execute(&mut connection).await?;
            connection.close().await
        };
        let cancelled = self.runtime.block_on(async {
            let cancelled = tokio::time::timeout(CONNECT_TIMEOUT, cancelling).await;
            cancelled.unwrap_or_else(|_| Err(timed_out()))
        });
        if let Err(error) = cancelled {
            tracing::warn!(%error, "what nobody waits for any more can't be broken off");
        }
    }
}

fn timed_out() -> sqlx::Error {
    let error = std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time");
    sqlx::Error::Io(error)
}

/// A session.
pub struct Session {
    address: Box<Address>,
    /// `None` once it was left before it had answered: nobody could tell what it answers.
    connection: RefCell<Option<PgConnection>>,
    /// The process of the server that it talks to.
    backend: i32,
    /// How long an answer is waited for: a little longer than the server's own time-out, should that server be gone.
    patience: Duration,
    asker: RefCell<Option<Asker>>,
}

impl Session {
    /// See [`super::Connection::answer_for`].
    pub(super) fn answer_for(&self, asker: &Asker) {
        self.asker.replace(Some(asker.clone()));
    }

    fn wait<T>(
        &self,
        ask: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let mut held = self.connection.borrow_mut();
        let connection = held.as_mut().ok_or_else(timed_out)?;
        let asker = self.asker.borrow().clone();
        let answered = self.address.runtime.block_on(async {
            let left = async {
                match asker {
                    Some(asker) => asker.left().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = left => None,
                answered = tokio::time::timeout(self.patience, ask(connection)) => answered.ok(),
            }
        });
        let Some(answered) = answered else {
            self.address.cancel(self.backend);
            *held = None;
            return Err(timed_out().into());
        };
        Ok(answered?)
    }

    /// Several statements without parameters.
    pub fn execute_batch(&self, sql: &str) -> Result<(), StoreError> {
        self.wait(async |connection| {
            connection.execute(AssertSqlSafe(sql.to_owned())).await?;
            Ok(())
        })
    }

    pub(super) fn fetch(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<PgRow>, StoreError> {
        self.wait(async |connection| bound(sql, values).fetch_all(connection).await)
    }

    pub(super) fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.wait(async |connection| {
            let done = bound(sql, values).execute(connection).await?;
            Ok(done.rows_affected())
        })
    }

    /// Runs a statement whose parameters are arrays, one for each column.
    pub(super) fn execute_arrays(&self, sql: &str, columns: Vec<Array>) -> Result<(), StoreError> {
        let mut query = sqlx::query(AssertSqlSafe(sql.to_owned()));
        for column in columns {
            query = match column {
                Array::Integers(values) => query.bind(values),
                Array::Texts(values) => query.bind(values),
                Array::Blobs(values) => query.bind(values),
            };
        }
        self.wait(async |connection| {
            query.execute(connection).await?;
            Ok(())
        })
    }

    /// Adds rows, as the binary format of `COPY` has them.
    pub(super) fn copy(&self, sql: &str, encoded: &[u8]) -> Result<(), StoreError> {
        self.wait(async |connection| {
            let mut copy = connection.copy_in_raw(sql).await?;
            match copy.send(encoded).await {
                Ok(_) => copy.finish().await.map(drop),
                Err(error) => {
                    // The connection can't be used before it is told; should that fail too, it is lost anyway.
                    let _ = copy.abort("it could not be sent").await;
                    Err(error)
                }
            }
        })
    }
}

fn bound<'q>(sql: &str, values: &'q [Value<'q>]) -> Query<'q, sqlx::Postgres, PgArguments> {
    let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    values.iter().fold(query, |query, value| match *value {
        Value::Integer(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Blob(value) => query.bind(value),
    })
}

/// Values of one column.
#[derive(Debug)]
pub(super) enum Array {
    Integers(Vec<i64>),
    Texts(Vec<String>),
    Blobs(Vec<Vec<u8>>),
}

impl Array {
    /// For values like this one.
    pub fn like(value: Value<'_>) -> Self {
        match value {
            Value::Integer(_) => Self::Integers(Vec::new()),
            Value::Text(_) => Self::Texts(Vec::new()),
            Value::Blob(_) => Self::Blobs(Vec::new()),
        }
    }

    /// Adds a value of the same kind.
    pub fn push(&mut self, value: Value<'_>) -> Result<(), StoreError> {
        match (self, value) {
            (Self::Integers(values), Value::Integer(value)) => values.push(value),
            (Self::Texts(values), Value::Text(value)) => values.push(value.to_owned()),
            (Self::Blobs(values), Value::Blob(value)) => values.push(value.to_vec()),
            (column, value) => {
                return Err(StoreError::Damaged(format!(
                    "a column of {} was given {value:?}",
                    column.type_name()
                )));
            }
        }
        Ok(())
    }

    /// Its type on the server.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Integers(_) => "BIGINT",
            Self::Texts(_) => "TEXT",
            Self::Blobs(_) => "BYTEA",
        }
    }
}
