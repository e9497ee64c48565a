//! New rows of one table, as a PostgreSQL server takes many of them at once.
//!
//! The binary format of `COPY`: <https://www.postgresql.org/docs/current/sql-copy.html>.

use super::{Value, postgres::Session};
use crate::{failure::StoreError, table::Table};

/// About how much is sent at once, in bytes.
const COPY_BYTES: usize = 4 << 20;
/// What it begins with: a signature, no flags, no extension of the header.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with, in place of the number of columns of a row.
const TRAILER: i16 = -1;

/// Rows that wait to be sent together.
pub struct Copy<'c> {
    session: &'c Session,
    table: &'static Table,
    /// As they are sent; empty where there are none.
    encoded: Vec<u8>,
}

impl<'c> Copy<'c> {
    pub(super) fn new(session: &'c Session, table: &'static Table) -> Self {
        Self {
            session,
            table,
            encoded: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, values: &[Value<'_>]) -> Result<(), StoreError> {
        if self.encoded.is_empty() {
            self.encoded.extend_from_slice(HEADER);
        }
        let columns = i16::try_from(values.len()).map_err(|_| too_long())?;
        self.encoded.extend_from_slice(&columns.to_be_bytes());
        for value in values {
            match value {
                Value::Integer(value) => self.field(&value.to_be_bytes())?,
                Value::Text(text) => self.field(text.as_bytes())?,
                Value::Blob(bytes) => self.field(bytes)?,
            }
        }
        if self.encoded.len() >= COPY_BYTES {
            self.send()?;
        }
        Ok(())
    }

    fn field(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let length = i32::try_from(bytes.len()).map_err(|_| too_long())?;
        self.encoded.extend_from_slice(&length.to_be_bytes());
        self.encoded.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn send(&mut self) -> Result<(), StoreError> {
        if self.encoded.is_empty() {
            return Ok(());
        }
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.extend_from_slice(&TRAILER.to_be_bytes());
        self.session.copy(&self.table.copy_many(), &encoded)
    }
}

fn too_long() -> StoreError {
    StoreError::Damaged("a row is longer than can be stored".to_owned())
}
