//! Counters that rows of an older version do not tell yet, as they came later: 0 in answers, which name them.

use crate::{
    counters::COLUMNS,
    database::{Connection, params},
    failure::StoreError,
    table::Table,
};

/// What is available is reckoned by these: it would be wrong without them, so nothing stands in for them.
const NEEDED: [&str; 3] = ["on_hand", "reserved", "held"];

/// What tables of an older version do not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Untold {
    /// The counters, by the names of their columns.
    pub counters: Vec<&'static str>,
    /// Those tables by their own names, with 0 in place of each of the counters, to stand before a statement over them.
    pub stand_ins: Vec<String>,
}

impl Untold {
    /// Of all counters but those `told_elsewhere`, what these tables lack, within the snapshot that the statement reads.
    /// Whatever else is missing stays missing, so that the statement fails.
    pub fn of(
        connection: &Connection,
        tables: &[&Table],
        told_elsewhere: &[&str],
    ) -> Result<Self, StoreError> {
        let mut stored = Vec::with_capacity(tables.len());
        for table in tables {
            let columns = columns_of(connection, table.name)?;
            if !columns.is_empty() {
                stored.push((table.name, columns));
            }
        }
        let is_told = |counter: &str| {
            let has = |columns: &[String]| columns.iter().any(|column| column == counter);
            stored.iter().all(|(_, columns)| has(columns))
        };
        let may_be_untold =
            |counter: &&str| !NEEDED.contains(counter) && !told_elsewhere.contains(counter);
        let counters: Vec<&str> = COLUMNS
            .split(", ")
            .filter(may_be_untold)
            .filter(|counter| !is_told(counter))
            .collect();
        if counters.is_empty() {
            return Ok(Self::default());
        }
        let stand_ins = stored
            .iter()
            .map(|(table, columns)| stand_in(connection, table, columns, &counters));
        let stand_ins = stand_ins.collect();
        Ok(Self {
            counters,
            stand_ins,
        })
    }
}

/// A table under its own name, with 0 in place of the counters, also where only other tables lack them: a sum over some of
/// its rows would be no better.
fn stand_in(
    connection: &Connection,
    table: &str,
    columns: &[String],
    counters: &[&'static str],
) -> String {
    let stored = itself(connection, table);
    let kept = columns.iter().map(String::as_str);
    let kept = kept.filter(|column| !counters.contains(column));
    let zeros: Vec<String> = counters
        .iter()
        .map(|counter| format!("CAST(0 AS BIGINT) AS {counter}"))
        .collect();
    let columns: Vec<&str> = kept.chain(zeros.iter().map(String::as_str)).collect();
    format!(
        "{table} AS NOT MATERIALIZED (SELECT {} FROM {stored})",
        columns.join(", ")
    )
}

/// A table where something else stands in for it by its name. PostgreSQL takes the name for the table, as nothing here is
/// recursive; SQLite has to be told.
pub fn itself(connection: &Connection, table: &str) -> String {
    if connection.is_postgres() {
        table.to_owned()
    } else {
        format!("main.{table}")
    }
}

/// Puts what stands in for tables before a statement over them.
pub fn with(stand_ins: &[String], sql: &str) -> String {
    if stand_ins.is_empty() {
        sql.to_owned()
    } else {
        format!("WITH {} {sql}", stand_ins.join(", "))
    }
}

/// Whether there is such a table.
pub fn has_table(connection: &Connection, table: &str) -> Result<bool, StoreError> {
    Ok(!columns_of(connection, table)?.is_empty())
}

/// The columns that a table has; none where it is not there.
fn columns_of(connection: &Connection, table: &str) -> Result<Vec<String>, StoreError> {
    let sql = if connection.is_postgres() {
        "SELECT attname::TEXT FROM pg_catalog.pg_attribute \
         WHERE attrelid = to_regclass(?1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    } else {
        "SELECT name FROM pragma_table_info(?1)"
    };
    connection
        .prepare_cached(sql)?
        .query_map(params![table], |row| row.get(0))
}
