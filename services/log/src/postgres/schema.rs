//! The versions of the store.

use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, PgConnection, PgTransaction, Row as _};
use uuid::Uuid;

use super::opening::PostgresRefusal;

/// All migrations; the first has number 1.
const MIGRATIONS: [&str; 5] = [
    include_str!("../../../../migrations/postgres/0001_log.sql"),
    include_str!("../../../../migrations/postgres/0002_index.sql"),
    include_str!("../../../../migrations/postgres/0003_runs.sql"),
    include_str!("../../../../migrations/postgres/0004_checks.sql"),
    include_str!("../../../../migrations/postgres/0005_signer.sql"),
];

/// The newest version of a log that this program knows: the number of its last migration.
pub(super) fn known_version() -> usize {
    MIGRATIONS.len()
}

/// Held while migrations are applied, so that two programs don't at the same time; any number does.
const LOCK: i64 = 0x4B52_554E;

/// Applies the migrations that are missing, in one transaction. Fails without a change on a log that a newer program
/// wrote.
pub(super) async fn migrate(connection: &mut PgConnection) -> Result<(), PostgresRefusal> {
    if version(connection).await? == MIGRATIONS.len() {
        return Ok(());
    }
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await?;
    // Another program may have been faster.
    let version = version(&mut transaction).await?;
    if let Err(error) = apply(&mut transaction, version).await {
        drop(transaction);
        let stranger = stranger_to_the_roles(connection).await?;
        return Err(PostgresRefusal::of_migration(error, stranger.as_deref()));
    }
    transaction.commit().await?;
    Ok(())
}

/// The user, where it may make what it needs in the database, and the roles are there, but it has not been granted them.
async fn stranger_to_the_roles(connection: &mut PgConnection) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "SELECT quote_ident(current_user) WHERE has_database_privilege(current_database(), 'CREATE') AND \
         (SELECT count(*) = 2 AND NOT bool_and(pg_has_role(oid, 'MEMBER')) FROM pg_roles \
         WHERE rolname IN ('keruen_writer', 'keruen_reader'))",
    )
    .fetch_optional(connection)
    .await
}

async fn apply(transaction: &mut PgTransaction<'_>, version: usize) -> sqlx::Result<()> {
    for (number, migration) in (1_i32..).zip(MIGRATIONS).skip(version) {
        sqlx::raw_sql(migration).execute(&mut **transaction).await?;
        sqlx::query("INSERT INTO keruen_log.migrations (number, sha256) VALUES ($1, $2)")
            .bind(number)
            .bind(Sha256::digest(migration).as_slice())
            .execute(&mut **transaction)
            .await?;
    }
    if version == 0 {
        sqlx::query(
            "INSERT INTO keruen_log.log_head (id, log_id, epoch, position, recorded_at_us, frontier) \
             VALUES (1, $1, 0, 0, 0, '')",
        )
        .bind(Uuid::new_v4().as_bytes().as_slice())
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

/// Fails unless the log is there, of the version of this program.
pub(super) async fn check(connection: &mut PgConnection) -> Result<(), PostgresRefusal> {
    let found = version(connection).await?;
    if found < MIGRATIONS.len() {
        return Err(PostgresRefusal::OlderVersion {
            found,
            known: MIGRATIONS.len(),
        });
    }
    Ok(())
}

/// Number of the last migration that was applied; 0 where there is no log. Fails on a log that a newer program wrote,
/// and on one that was made with other migrations.
async fn version(connection: &mut PgConnection) -> Result<usize, PostgresRefusal> {
    let (schema, table): (bool, bool) = sqlx::query_as(
        "SELECT to_regnamespace('keruen_log') IS NOT NULL, to_regclass('keruen_log.migrations') IS NOT NULL",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(PostgresRefusal::of_role)?;
    match (schema, table) {
        (false, _) => return Ok(0),
        (true, false) => return Err(PostgresRefusal::NotALog),
        (true, true) => {}
    }
    let applied = sqlx::query("SELECT number, sha256 FROM keruen_log.migrations ORDER BY number")
        .fetch_all(connection)
        .await
        .map_err(PostgresRefusal::of_role)?;
    if applied.len() > MIGRATIONS.len() {
        return Err(PostgresRefusal::NewerVersion {
            found: applied.len(),
            known: MIGRATIONS.len(),
        });
    }
    for ((number, migration), row) in (1_i32..).zip(MIGRATIONS).zip(&applied) {
        let sha256: &[u8] = row.try_get(1)?;
        if row.try_get::<i32, _>(0)? != number || sha256 != Sha256::digest(migration).as_slice() {
            return Err(PostgresRefusal::OtherMigration { number });
        }
    }
    if applied.is_empty() {
        return Err(PostgresRefusal::NotALog);
    }
    Ok(applied.len())
}
