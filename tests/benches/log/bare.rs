//! What the log is compared with: the same rows without what makes it a log.

mod postgres;
mod sqlite;

pub use postgres::{BareInserts, BareTables, Drain, OneRowPerTransaction};
pub use sqlite::{BareFile, drain as drain_file, fetch as fetch_from_file};
