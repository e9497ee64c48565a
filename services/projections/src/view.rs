//! What a view is: its name, its version, its tables.

use crate::table::{self, Table};

/// Version of the view `current`. It moves whenever the same events would lead to other rows; the view is then built
/// anew, while the old one answers.
pub const VERSION: u32 = 44;

/// A view: rows folded from the log, kept apart from those of other views and at a position of their own.
#[derive(Clone, Debug)]
pub struct View {
    /// By which people and files call it.
    pub name: &'static str,
    /// See [`VERSION`].
    pub version: u32,
    /// What it tells.
    pub about: &'static str,
    /// Its tables and indexes, in the dialect of SQLite.
    schema: &'static str,
    /// Those of its tables that folding events writes.
    tables: &'static [&'static Table],
}

/// Everything as it stands now, and what has happened to it.
pub static CURRENT: View = View {
    name: "current",
    version: VERSION,
    about: "stock, places, traces and boards as they stand now",
    schema: include_str!("sql/schema.sql"),
    tables: &[
        &table::ORGANISATIONS,
        &table::FACILITIES,
        &table::FACILITY_REGIONS,
        &table::COMMODITIES,
        &table::ITEMS,
        &table::ITEM_QUALITY,
        &table::DONATIONS,
        &table::BATCHES,
        &table::ASSETS,
        &table::REQUESTS,
        &table::SHIPMENTS,
        &table::CARRIED,
        &table::KEEPERS,
        &table::TRIPS,
        &table::EMERGENCIES,
        &table::PLANS,
        &table::PLAN_FACILITIES,
        &table::STOCK_COUNTS,
        &table::GOODS,
        &table::REQUEST_SHIPMENTS,
        &table::STOCK,
        &table::STOCK_TOTALS,
        &table::PLACES,
        &table::SERIALS,
        &table::STEPS,
        &table::SERIAL_STEPS,
        &table::KIT_PARTS,
        &table::EXCEPTIONS,
        &table::APPROVALS,
    ],
};

/// Version of the view `history`, see [`VERSION`].
const HISTORY_VERSION: u32 = 16;

/// Stock as it was at any position, and at any time.
pub static HISTORY: View = View {
    name: "history",
    version: HISTORY_VERSION,
    about: "stock as it was known at any position and as of any time",
    schema: include_str!("sql/history.sql"),
    tables: &[
        &table::ORGANISATIONS,
        &table::FACILITIES,
        &table::FACILITY_REGIONS,
        &table::COMMODITIES,
        &table::ITEMS,
        &table::ITEM_QUALITY,
        &table::BATCHES,
        &table::SHIPMENTS,
        &table::KEEPERS,
        &table::OPERATORS,
        &table::FORMER_REGIONS,
        &table::FORMER_EXPIRIES,
        &table::FORMER_VALUES,
        &table::STOCK,
        &table::PAIRS,
        &table::HOLDINGS,
        &table::BLOCKS,
        &table::CHANGES,
        &table::PAIR_CHANGES,
        &table::BALANCES,
        &table::CLOSINGS,
        &table::DAYS,
    ],
};

/// All views.
pub static ALL: [&View; 2] = [&CURRENT, &HISTORY];

impl View {
    /// The same view as another program has it.
    #[cfg(test)]
    #[must_use]
    pub fn in_version(&self, version: u32) -> Self {
        Self {
            version,
            ..self.clone()
        }
    }

    /// Its tables.
    pub fn tables(&self) -> &'static [&'static Table] {
        self.tables
    }

    /// Whether a table is one of its own.
    pub fn keeps(&self, table: &'static Table) -> bool {
        self.tables.iter().any(|own| std::ptr::eq(*own, table))
    }

    /// The statements that make its tables with their unique indexes, by which rows are looked for while events are taken
    /// in, and those that make all other indexes.
    pub fn statements(&self, is_postgres: bool) -> (Vec<String>, Vec<String>) {
        let text: String = self
            .schema
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .collect::<Vec<_>>()
            .join("\n");
        let statements = text.split(';').map(str::trim).filter(|it| !it.is_empty());
        let statements = statements.map(|statement| {
            if is_postgres {
                for_postgres(statement)
            } else {
                statement.to_owned()
            }
        });
        statements.partition(|statement| {
            statement.starts_with("CREATE TABLE") || statement.starts_with("CREATE UNIQUE INDEX")
        })
    }
}

/// The same statement for PostgreSQL: one kind of whole numbers, and text compared bytewise, as SQLite does.
fn for_postgres(statement: &str) -> String {
    statement
        .replace(" WITHOUT ROWID", "")
        .replace(" TEXT NOT NULL", " TEXT COLLATE \"C\" NOT NULL")
        .replace(" BLOB NOT NULL", " BYTEA NOT NULL")
        .replace(" INTEGER NOT NULL", " BIGINT NOT NULL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_of_the_schema_is_one_that_is_written() {
        for view in ALL {
            let (tables, indexes) = view.statements(true);
            assert!(!indexes.is_empty());
            let mut written: Vec<&Table> = Vec::new();
            for statement in tables.iter().filter(|it| it.starts_with("CREATE TABLE")) {
                let (head, columns) = statement.split_once('(').unwrap();
                let name = head.trim_start_matches("CREATE TABLE").trim();
                let found: Vec<&str> = columns
                    .lines()
                    .filter_map(|line| line.split_whitespace().next())
                    .filter(|word| word.starts_with(|first: char| first.is_ascii_lowercase()))
                    .collect();
                if name == "checkpoint" {
                    continue;
                }
                let table = view.tables.iter().find(|table| table.name == name);
                let table = table.unwrap_or_else(|| panic!("{name} is written by nobody"));
                let mut known: Vec<&str> =
                    table.keys.iter().chain(table.columns).copied().collect();
                let mut found = found;
                known.sort_unstable();
                found.sort_unstable();
                assert_eq!(found, known, "{name}");
                assert!(!statement.contains(" INTEGER "), "{statement}");
                assert!(!statement.contains(" BLOB "), "{statement}");
                written.push(table);
            }
            assert_eq!(written.len(), view.tables.len(), "{}", view.name);
        }
    }
}
