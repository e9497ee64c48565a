//! Many rows of one table: written or deleted one by one on SQLite, in bulk on PostgreSQL.

use super::{
    Connection, Statement, Value,
    copy::Copy,
    postgres::{Array, Session},
};
use crate::{
    failure::StoreError,
    table::{Conflict, Table},
};

/// Rows of one statement on PostgreSQL.
const BULK_ROWS: usize = 4_000;
/// And about how much they may take, in bytes.
const BULK_BYTES: usize = 4 << 20;

/// Writes rows of a table, in place of those with the same keys. No key may come twice.
pub enum Put<'c> {
    /// One by one.
    Sqlite(Statement<'c>),
    /// In bulk: those that are new apart from those that may be there already.
    Postgres(Bulk<'c>, Copy<'c>),
}

impl<'c> Put<'c> {
    /// Into a table.
    pub fn new(connection: &'c Connection, table: &'static Table) -> Result<Self, StoreError> {
        Self::on_conflict(connection, table, Conflict::Replace)
    }

    /// Into a table, adding to the rows that are there already.
    pub fn adding(connection: &'c Connection, table: &'static Table) -> Result<Self, StoreError> {
        Self::on_conflict(connection, table, Conflict::Add)
    }

    fn on_conflict(
        connection: &'c Connection,
        table: &'static Table,
        conflict: Conflict,
    ) -> Result<Self, StoreError> {
        Ok(match connection {
            Connection::Sqlite(_) => {
                Self::Sqlite(connection.prepare_cached(&table.put_one(conflict))?)
            }
            Connection::Postgres(session) => {
                let bulk = Bulk::new(session, table, Purpose::Put(conflict));
                Self::Postgres(bulk, Copy::new(session, table))
            }
        })
    }

    /// Writes a row, now or with those that follow.
    pub fn row(&mut self, values: &[Value<'_>]) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(put) => put.execute(values).map(drop),
            Self::Postgres(bulk, _) => bulk.row(values),
        }
    }

    /// The same where it is known that no row has its keys: that costs a server half as much.
    pub fn new_row(&mut self, values: &[Value<'_>]) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(put) => put.execute(values).map(drop),
            Self::Postgres(_, copy) => copy.row(values),
        }
    }

    /// The same where it is known whether a row has its keys.
    pub fn known_row(&mut self, is_stored: bool, values: &[Value<'_>]) -> Result<(), StoreError> {
        if is_stored {
            self.row(values)
        } else {
            self.new_row(values)
        }
    }

    /// Writes what is left.
    pub fn finish(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(mut bulk, mut copy) => {
                copy.send()?;
                bulk.send()
            }
        }
    }
}

/// Deletes rows of a table by their keys.
pub enum Delete<'c> {
    /// One by one.
    Sqlite(Statement<'c>),
    /// In bulk.
    Postgres(Bulk<'c>),
}

impl<'c> Delete<'c> {
    /// From a table.
    pub fn new(connection: &'c Connection, table: &'static Table) -> Result<Self, StoreError> {
        Ok(match connection {
            Connection::Sqlite(_) => Self::Sqlite(connection.prepare_cached(&table.delete_one())?),
            Connection::Postgres(session) => {
                Self::Postgres(Bulk::new(session, table, Purpose::Delete))
            }
        })
    }

    /// Deletes a row, now or with those that follow.
    pub fn row(&mut self, keys: &[Value<'_>]) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(delete) => delete.execute(keys).map(drop),
            Self::Postgres(bulk) => bulk.row(keys),
        }
    }

    /// Deletes what is left.
    pub fn finish(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(mut bulk) => bulk.send(),
        }
    }
}

#[derive(Clone, Copy)]
enum Purpose {
    Put(Conflict),
    Delete,
}

/// Rows that wait to be sent together, column by column.
pub struct Bulk<'c> {
    session: &'c Session,
    table: &'static Table,
    purpose: Purpose,
    columns: Vec<Array>,
    rows: usize,
    bytes: usize,
}

impl<'c> Bulk<'c> {
    fn new(session: &'c Session, table: &'static Table, purpose: Purpose) -> Self {
        Self {
            session,
            table,
            purpose,
            columns: Vec::new(),
            rows: 0,
            bytes: 0,
        }
    }

    fn row(&mut self, values: &[Value<'_>]) -> Result<(), StoreError> {
        if self.columns.is_empty() {
            self.columns = values.iter().map(|value| Array::like(*value)).collect();
        }
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(*value)?;
            self.bytes += match value {
                Value::Integer(_) => 8,
                Value::Text(text) => text.len(),
                Value::Blob(bytes) => bytes.len(),
            };
        }
        self.rows += 1;
        if self.rows == BULK_ROWS || self.bytes >= BULK_BYTES {
            self.send()?;
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), StoreError> {
        if self.rows == 0 {
            return Ok(());
        }
        let columns = std::mem::take(&mut self.columns);
        (self.rows, self.bytes) = (0, 0);
        let types: Vec<&str> = columns.iter().map(Array::type_name).collect();
        let sql = match self.purpose {
            Purpose::Put(conflict) => self.table.put_many(&types, conflict),
            Purpose::Delete => self.table.delete_many(&types),
        };
        self.session.execute_arrays(&sql, columns)
    }
}
