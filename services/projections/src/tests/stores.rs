//! Views on each database, and everything that stands in them.

use std::{path::Path, sync::OnceLock};

use keruen_test_servers::postgres::Database;
use sqlx::{Column as _, Row as _, TypeInfo as _};
use tokio::runtime::Runtime;

use crate::{
    copies::{CopyName, Place},
    database::{Address, Connection, Row},
    view::{CURRENT, View},
    writer::Writer,
};

/// The one who writes the view `current` in a folder.
pub fn writer_in(folder: &Path) -> Writer {
    open(&Place::Folder(folder.to_owned()), &CURRENT)
}

/// The one who writes a view at a place, made where there is none.
pub fn open(place: &Place, view: &'static View) -> Writer {
    let copy = answering(place, view);
    place.open_writer(view, &copy).unwrap()
}

/// The copy that answers, or the first one.
pub fn answering(place: &Place, view: &'static View) -> CopyName {
    let copies = place.copies(view).unwrap();
    copies
        .answering
        .unwrap_or_else(|| place.next_copy(view, false).unwrap())
}

/// A database of its own on a server, deleted at the end.
pub struct Served {
    pub place: Place,
    _database: Database,
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

/// An empty database.
pub fn served() -> Served {
    let database = Database::unsynced();
    let _runtime = runtime().enter();
    let place = Place::Server(Box::new(Address::parse(database.url()).unwrap()));
    Served {
        place,
        _database: database,
    }
}

/// A column as text, whatever it is.
fn text(row: &Row<'_>, column: usize) -> String {
    use rusqlite::types::ValueRef;
    match row {
        Row::Sqlite(row) => match row.get_ref(column).unwrap() {
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Text(text) => format!("{:?}", String::from_utf8_lossy(text)),
            ValueRef::Blob(bytes) => format!("{bytes:?}"),
            other => panic!("{other:?}"),
        },
        Row::Postgres(row) => match row.column(column).type_info().name() {
            "INT8" => row.get::<i64, _>(column).to_string(),
            "TEXT" => format!("{:?}", row.get::<String, _>(column)),
            "BYTEA" => format!("{:?}", row.get::<Vec<u8>, _>(column)),
            other => panic!("{other}"),
        },
    }
}

/// Every row of every table of a view, as text and in order.
pub fn dump(connection: &Connection, view: &View) -> Vec<String> {
    let tables = view.tables().iter().map(|table| {
        let columns: Vec<_> = table.keys.iter().chain(table.columns).copied().collect();
        (table.name, columns)
    });
    let checkpoint = ("checkpoint", vec!["position", "leaf_hash"]);
    let mut rows = Vec::new();
    for (table, columns) in tables.chain([checkpoint]) {
        let found = connection
            .prepare_cached(&format!("SELECT {} FROM {table}", columns.join(", ")))
            .unwrap()
            .query_map(&[], |row| {
                let values: Vec<_> = (0..columns.len()).map(|column| text(row, column)).collect();
                Ok(format!("{table} {}", values.join(" | ")))
            });
        rows.extend(found.unwrap());
    }
    rows.sort();
    rows
}
