//! One connection to the rows of a view, on SQLite or on PostgreSQL, under the few calls that views need.
//!
//! Statements number their parameters `?1`; on PostgreSQL they are sent as `$1`. All calls block, so they are made on
//! threads that may: a view's own, or those for questions.

mod asker;
mod copy;
mod postgres;
mod put;

use std::{path::Path, time::Duration};

use rusqlite::{CachedStatement, ErrorCode, OpenFlags, types::ValueRef};
use sqlx::{Column as _, Row as _, TypeInfo as _, postgres::PgRow};

use crate::failure::StoreError;

pub use asker::Asker;
pub use postgres::{Address, Session};
pub use put::{Delete, Put};

/// Readers never block the writer nor the other way round; only a start waits for another one that is ending.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The writer has about thirty statements, and nine loads.
const CACHED_STATEMENTS: usize = 96;

/// How much a writer keeps of a file, in KiB, as SQLite wants it said: a batch of events touches pages all over it.
const WRITER_CACHE: i32 = -16_384;
/// The same while a view is built. Rows come in the order of each table's keys, and their indexes at the end: pages are
/// met again while they are in memory.
const BUILDER_CACHE: i32 = -65_536;
/// How many pages of 4 KiB the journal takes before they are brought into the file. Most pages are written again and again.
const JOURNAL_PAGES: i32 = 8_000;

/// How much a reader keeps of a file, in KiB, as SQLite wants it said. Questions of the past look into many pages.
const READER_CACHE: i32 = -16_384;
/// After how many of its steps SQLite looks whether somebody still waits: less than a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 4_000;

/// A parameter of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'v> {
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(&'v str),
    /// Bytes.
    Blob(&'v [u8]),
}

/// What can be a parameter.
pub trait Parameter {
    /// As the database takes it.
    fn value(&self) -> Value<'_>;
}

macro_rules! parameter {
    ($($type:ty, $self:ident => $value:expr;)*) => {$(
        impl Parameter for $type {
            fn value(&$self) -> Value<'_> {
                $value
            }
        }
    )*};
}

parameter! {
    i64, self => Value::Integer(*self);
    i32, self => Value::Integer(i64::from(*self));
    bool, self => Value::Integer(i64::from(*self));
    String, self => Value::Text(self);
    str, self => Value::Text(self);
    Vec<u8>, self => Value::Blob(self);
    [u8], self => Value::Blob(self);
}

impl<T: Parameter + ?Sized> Parameter for &T {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

/// The parameters of a statement, in order.
macro_rules! params {
    ($($parameter:expr),* $(,)?) => {
        &[$($crate::database::Parameter::value(&$parameter)),*]
    };
}
pub(crate) use params;

/// What a column can be read as.
pub trait Field: Sized {
    /// Reads it.
    fn read(row: &Row<'_>, column: usize) -> Result<Self, StoreError>;
}

impl Field for i64 {
    fn read(row: &Row<'_>, column: usize) -> Result<Self, StoreError> {
        match row {
            Row::Sqlite(row) => Ok(row.get(column)?),
            Row::Postgres(row) => match row.column(column).type_info().name() {
                "INT4" => Ok(i64::from(row.try_get::<i32, _>(column)?)),
                _ => Ok(row.try_get(column)?),
            },
        }
    }
}

impl Field for i32 {
    fn read(row: &Row<'_>, column: usize) -> Result<Self, StoreError> {
        let number = i64::read(row, column)?;
        Self::try_from(number)
            .map_err(|_| StoreError::Damaged(format!("{number} stands where a code should")))
    }
}

impl Field for String {
    fn read(row: &Row<'_>, column: usize) -> Result<Self, StoreError> {
        match row {
            Row::Sqlite(row) => Ok(row.get(column)?),
            Row::Postgres(row) => Ok(row.try_get(column)?),
        }
    }
}

impl Field for Vec<u8> {
    fn read(row: &Row<'_>, column: usize) -> Result<Self, StoreError> {
        match row {
            Row::Sqlite(row) => Ok(row.get(column)?),
            Row::Postgres(row) => Ok(row.try_get(column)?),
        }
    }
}

/// Whole numbers and text, as the row has them.
impl Field for crate::clauses::Value {
    fn read(row: &Row<'_>, column: usize) -> Result<Self, StoreError> {
        let is_integer = match row {
            Row::Sqlite(row) => matches!(row.get_ref(column)?, ValueRef::Integer(_)),
            Row::Postgres(row) => {
                matches!(row.column(column).type_info().name(), "INT4" | "INT8")
            }
        };
        Ok(if is_integer {
            Self::Integer(i64::read(row, column)?)
        } else {
            Self::Text(String::read(row, column)?)
        })
    }
}

/// A row of an answer.
pub enum Row<'r> {
    /// Of SQLite.
    Sqlite(&'r rusqlite::Row<'r>),
    /// Of PostgreSQL.
    Postgres(&'r PgRow),
}

impl Row<'_> {
    /// A column, counted from 0.
    pub fn get<T: Field>(&self, column: usize) -> Result<T, StoreError> {
        T::read(self, column)
    }
}

/// A connection.
pub enum Connection {
    /// To a file.
    Sqlite(rusqlite::Connection),
    /// To a server.
    Postgres(Session),
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads from one snapshot.
    Read,
    /// Changes rows, all or nothing.
    Write,
}

impl Connection {
    /// Opens a file for its one writer.
    pub fn open_file(path: &Path) -> Result<Self, StoreError> {
        let connection = to_write(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A power cut may take the newest transactions back, whole ones: the checkpoint goes back with the rows.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "cache_size", WRITER_CACHE)?;
        connection.pragma_update(None, "wal_autocheckpoint", JOURNAL_PAGES)?;
        Ok(Self::Sqlite(connection))
    }

    /// Opens a file for its one writer, which nobody reads before it is complete. It is synced as a whole then; until then
    /// only the system itself could lose any of it. New pages are written once, straight to where they belong.
    pub fn open_file_to_build(path: &Path) -> Result<Self, StoreError> {
        let connection = to_write(path)?;
        connection.pragma_update(None, "journal_mode", "DELETE")?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        connection.pragma_update(None, "cache_size", BUILDER_CACHE)?;
        Ok(Self::Sqlite(connection))
    }

    /// Opens a file for reading.
    pub fn open_file_to_read(path: &Path) -> Result<Self, StoreError> {
        let connection = rusqlite::Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_ONLY
                | OpenFlags::SQLITE_OPEN_NO_MUTEX
                | OpenFlags::SQLITE_OPEN_URI,
        )?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        connection.pragma_update(None, "cache_size", READER_CACHE)?;
        Ok(Self::Sqlite(connection))
    }

    /// A statement that is sent with different parameters again and again.
    pub fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>, StoreError> {
        Ok(match self {
            Self::Sqlite(connection) => Statement::Sqlite(connection.prepare_cached(sql)?),
            Self::Postgres(session) => Statement::Postgres(session, numbered(sql)),
        })
    }

    /// Several statements without parameters.
    pub fn execute_batch(&self, sql: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Self::Postgres(session) => session.execute_batch(sql),
        }
    }

    /// Does something within a transaction, which is rolled back where that fails.
    pub fn transaction<T, E: From<StoreError>>(
        &self,
        access: Access,
        work: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let begin = match (self, access) {
            (Self::Sqlite(_), Access::Read) => "BEGIN DEFERRED",
            (Self::Sqlite(_), Access::Write) => "BEGIN IMMEDIATE",
            (Self::Postgres(_), Access::Read) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            (Self::Postgres(_), Access::Write) => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        };
        self.execute_batch(begin)?;
        let done = work(self).and_then(|done| {
            self.execute_batch("COMMIT")?;
            Ok(done)
        });
        if done.is_err() {
            // Without a connection there is no transaction left either.
            let _ = self.execute_batch("ROLLBACK");
        }
        done
    }

    /// Until the end of the transaction, statements are planned once for all values of their parameters: where those make
    /// little difference, planning anew takes as long as the answer. SQLite does so anyway.
    pub fn keep_plans(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(session) => {
                session.execute_batch("SET LOCAL plan_cache_mode = force_generic_plan")
            }
        }
    }

    /// From now on answers for this one alone: once nobody waits any more, what runs is broken off, and nothing is begun.
    pub fn answer_for(&self, asker: &Asker) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => {
                let asker = asker.clone();
                let has_left = move || asker.has_left();
                Ok(connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(has_left))?)
            }
            Self::Postgres(session) => {
                session.answer_for(asker);
                Ok(())
            }
        }
    }

    /// Whether it is one to PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

fn to_write(path: &Path) -> Result<rusqlite::Connection, StoreError> {
    let connection = rusqlite::Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

/// Whether a file is no database, or a damaged one.
pub fn is_unreadable(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Sqlite(error) if matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
        )
    )
}

/// Whether the server does not let its user do it: `insufficient_privilege`.
pub fn is_forbidden(error: &StoreError) -> bool {
    let StoreError::Postgres(sqlx::Error::Database(error)) = error else {
        return false;
    };
    error.code().is_some_and(|code| code == "42501")
}

/// Whether there is no room on the disk.
pub fn is_full(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull)
    )
}

/// Whether somebody else holds what was to be changed: `lock_not_available`.
pub fn is_locked(error: &StoreError) -> bool {
    let StoreError::Postgres(sqlx::Error::Database(error)) = error else {
        return false;
    };
    error.code().is_some_and(|code| code == "55P03")
}

/// Parameters as PostgreSQL numbers them. No statement here has a question mark in it otherwise.
fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}

/// A statement.
pub enum Statement<'c> {
    /// Of SQLite.
    Sqlite(CachedStatement<'c>),
    /// Of PostgreSQL.
    Postgres(&'c Session, String),
}

impl Statement<'_> {
    /// Answers with rows, one after the other.
    pub fn query(&mut self, values: &[Value<'_>]) -> Result<Rows<'_>, StoreError> {
        Ok(match self {
            Self::Sqlite(statement) => {
                bind(statement, values)?;
                Rows::Sqlite(statement.raw_query())
            }
            Self::Postgres(session, sql) => Rows::Postgres {
                rows: session.fetch(sql, values)?.into_iter(),
                current: None,
            },
        })
    }

    /// All rows, read.
    pub fn query_map<T>(
        &mut self,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut rows = self.query(values)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(read(&row)?);
        }
        Ok(all)
    }

    /// The first row, read; `None` where there is none.
    pub fn query_row<T>(
        &mut self,
        values: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut rows = self.query(values)?;
        rows.next()?.map(|row| read(&row)).transpose()
    }

    /// Changes rows; answers with how many.
    pub fn execute(&mut self, values: &[Value<'_>]) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(statement) => {
                bind(statement, values)?;
                Ok(statement.raw_execute()? as u64)
            }
            Self::Postgres(session, sql) => session.execute(sql, values),
        }
    }
}

fn bind(
    statement: &mut rusqlite::Statement<'_>,
    values: &[Value<'_>],
) -> Result<(), rusqlite::Error> {
    for (value, number) in values.iter().zip(1..) {
        match value {
            Value::Integer(value) => statement.raw_bind_parameter(number, value)?,
            Value::Text(value) => statement.raw_bind_parameter(number, value)?,
            Value::Blob(value) => statement.raw_bind_parameter(number, value)?,
        }
    }
    Ok(())
}

/// Rows of an answer.
pub enum Rows<'s> {
    /// Of SQLite, read as they are asked for.
    Sqlite(rusqlite::Rows<'s>),
    /// Of PostgreSQL, all there.
    Postgres {
        /// Those that are left.
        rows: std::vec::IntoIter<PgRow>,
        /// The one that was asked for last.
        current: Option<PgRow>,
    },
}

impl Rows<'_> {
    /// The next one.
    pub fn next(&mut self) -> Result<Option<Row<'_>>, StoreError> {
        Ok(match self {
            Self::Sqlite(rows) => rows.next()?.map(Row::Sqlite),
            Self::Postgres { rows, current } => {
                *current = rows.next();
                current.as_ref().map(Row::Postgres)
            }
        })
    }
}
