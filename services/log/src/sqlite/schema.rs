//! The versions of the store.

use rusqlite::{Connection, TransactionBehavior};
use uuid::Uuid;

use super::file::Fault;

/// The store's mark in the file's header: `KRUN` in ASCII.
const APPLICATION_ID: i64 = 0x4B52_554E;

/// All migrations; the first has number 1.
pub(super) const MIGRATIONS: [&str; 5] = [
    include_str!("../../../../migrations/sqlite/0001_log.sql"),
    include_str!("../../../../migrations/sqlite/0002_index.sql"),
    include_str!("../../../../migrations/sqlite/0003_runs.sql"),
    include_str!("../../../../migrations/sqlite/0004_checks.sql"),
    include_str!("../../../../migrations/sqlite/0005_signer.sql"),
];

fn newest_version() -> i64 {
    // A handful.
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Number of the last migration that was applied; 0 for an empty file. Fails on a file that is not a log or that a newer
/// program wrote. Changes nothing.
pub(super) fn version(connection: &Connection) -> Result<usize, Fault> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application_id = number("application_id")?;
    let version = number("user_version")?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if (application_id, version, tables) == (0, 0, 0) {
        return Ok(0);
    }
    if application_id != APPLICATION_ID {
        return Err(Fault::NotALog(format!(
            "it is an SQLite file of another program, application id {application_id}"
        )));
    }
    match usize::try_from(version) {
        Ok(version @ 1..) if version <= MIGRATIONS.len() => Ok(version),
        Ok(1..) => Err(Fault::Newer {
            found: version,
            known: newest_version(),
        }),
        _ => Err(Fault::Damaged(format!("store version {version}"))),
    }
}

/// Applies the migrations after `version` in one transaction.
pub(super) fn migrate(connection: &mut Connection, version: usize) -> Result<(), Fault> {
    if version == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for migration in &MIGRATIONS[version..] {
        transaction.execute_batch(migration)?;
    }
    if version == 0 {
        transaction.execute(
            "INSERT INTO log_head (id, log_id, epoch, position, recorded_at_us, frontier) \
             VALUES (1, ?1, 0, 0, 0, x'')",
            [Uuid::new_v4().as_bytes().as_slice()],
        )?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    transaction.pragma_update(None, "user_version", newest_version())?;
    transaction.commit()?;
    Ok(())
}
