//! Why a view can't be read or written, and why an event can't be taken in.

use crate::database;

/// Why the store of the views failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("the views can't be read or written: {0}")]
    Sqlite(rusqlite::Error),
    /// PostgreSQL refused, or is out of reach.
    #[error("the views can't be read or written: {0}")]
    Postgres(sqlx::Error),
    /// PostgreSQL is out of reach, or lets nobody in at present.
    #[error("PostgreSQL does not answer ({0}); ask again, it goes on by itself")]
    Unavailable(String),
    /// Views in the database belong to another user, whose rows this one can't read, write or replace.
    #[error(
        "the views in the database belong to {owner}, and this node runs as {user}: all nodes on a database keep their views \
         as one user. Run this one as {owner} too, or, to hand them over to {user} for good, stop all nodes and let an \
         administrator run REASSIGN OWNED BY {owner} TO {user}"
    )]
    Foreign {
        /// Who owns them.
        owner: String,
        /// Whoever asked.
        user: String,
    },
    /// A table or column is not there: the rows are those of another version, which answers what it can until this one
    /// has been built.
    #[error(
        "the rows of another version answer, and do not tell this; ask again when the view has been built anew"
    )]
    OtherVersion,
    /// The folder or file can't be used.
    #[error("the views' file can't be used: {0}")]
    Io(#[from] std::io::Error),
    /// What should answer is gone or damaged: whoever writes the view makes it anew.
    #[error(
        "the view's rows are gone or damaged ({0}); they are built anew by themselves, so ask again later: `keruen \
         projections` tells how far they are, and `keruen projections rebuild` begins it by hand"
    )]
    Lost(String),
    /// Another process writes the same rows.
    #[error("another process has moved the view")]
    Overtaken,
    /// A stored row contradicts itself.
    #[error(
        "the views are damaged ({0}): `keruen projections` tells whether they are built anew by themselves already, and \
         `keruen projections rebuild` begins it by hand"
    )]
    Damaged(String),
}

impl StoreError {
    /// Whether a server does not let its user do it.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        database::is_forbidden(self)
    }

    /// The same of rows that are of this version, and so lack nothing while they are whole.
    #[must_use]
    pub fn of_own_version(self) -> Self {
        match self {
            Self::OtherVersion => Self::Lost("a table or column is missing".to_owned()),
            other => other,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let message = match &error {
            rusqlite::Error::SqlInputError { msg, .. } => msg.as_str(),
            rusqlite::Error::SqliteFailure(_, Some(message)) => message.as_str(),
            _ => "",
        };
        if message.starts_with("no such column") || message.starts_with("no such table") {
            return Self::OtherVersion;
        }
        Self::Sqlite(error)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        // https://www.postgresql.org/docs/current/errcodes-appendix.html
        let (code, message) = match &error {
            sqlx::Error::Database(error) => (error.code().unwrap_or_default(), error.message()),
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut => {
                return Self::Unavailable(error.to_string());
            }
            _ => return Self::Postgres(error),
        };
        match &*code {
            // undefined_table and undefined_column
            "42P01" | "42703" => Self::OtherVersion,
            // too_many_connections, admin_shutdown, crash_shutdown and cannot_connect_now
            "53300" | "57P01" | "57P02" | "57P03" => Self::Unavailable(message.to_owned()),
            // connection_exception
            code if code.starts_with("08") => Self::Unavailable(message.to_owned()),
            _ => Self::Postgres(error),
        }
    }
}

impl From<prost::DecodeError> for StoreError {
    fn from(error: prost::DecodeError) -> Self {
        Self::Damaged(format!("a stored resource can't be decoded: {error}"))
    }
}

/// Why an event can't be taken in. The same for every kind of reading, live or rebuild: the views stop before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// A newer version may have written it, or it is damaged.
    #[error("it can't be decoded: {0}")]
    Undecodable(String),
    /// The log answered with a gap or a repetition.
    #[error("position {expected} was expected")]
    OutOfOrder {
        /// The position after the last one taken in.
        expected: u64,
    },
    /// A counter would pass 64 bits.
    #[error("stock of item {item_id} at facility {facility_id} would exceed what can be counted")]
    Uncountable {
        /// Where.
        facility_id: String,
        /// Of what.
        item_id: String,
    },
}

impl Defect {
    /// See [`Defect::Uncountable`].
    pub fn uncountable(facility_id: &str, item_id: &str) -> Self {
        Self::Uncountable {
            facility_id: facility_id.to_owned(),
            item_id: item_id.to_owned(),
        }
    }
}

/// Why events could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The store failed; nothing was applied, a repetition may help.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This event can't be taken in; a repetition can't help.
    #[error("the event at index {index} can't be taken in: {defect}")]
    Event {
        /// Index among the events to be applied.
        index: usize,
        /// Why.
        defect: Defect,
    },
}
