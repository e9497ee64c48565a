//! What building all views can't be faster than, nor gentler to writers, however cheap it is to work them out: their rows
//! copied, and one processor kept busy.

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, PgPool, postgres::PgPoolOptions,
};

/// How many views are copied at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// What building them can't be faster than.
    AllAtOnce,
    /// What building them can't be gentler than.
    OneByOne,
}

/// Where the rows of the views are.
pub enum Rows {
    /// In files of this folder.
    Files(PathBuf),
    /// In schemas of this database.
    Schemas(String),
}

impl Rows {
    /// Copies what the views have into the same tables and indexes, and deletes the copies; how many rows that are.
    pub async fn copy(&self, speed: Speed) -> u64 {
        match self {
            Self::Schemas(url) => schemas(url, speed).await,
            Self::Files(folder) => {
                let folder = folder.clone();
                let copied = tokio::task::spawn_blocking(move || files(&folder, speed)).await;
                copied.expect("it is copied")
            }
        }
    }

    /// Keeps one processor busy where the views are built, in the database's server or in this process: it counts, and reads
    /// and writes nothing.
    pub async fn count(&self, time: Duration) {
        let begun = Instant::now();
        match self {
            Self::Schemas(url) => {
                let mut server = PgConnection::connect(url)
                    .await
                    .expect("the server answers");
                while begun.elapsed() < time {
                    let counting = "SELECT count(g) FROM generate_series(1, 1000000) AS g";
                    server.execute(counting).await.expect("it counts");
                }
            }
            Self::Files(_) => {
                let counting = tokio::task::spawn_blocking(move || {
                    let mut counted = 0_u64;
                    while begun.elapsed() < time {
                        counted = std::hint::black_box(counted + 1);
                    }
                });
                counting.await.expect("it counts");
            }
        }
    }
}

fn files(folder: &Path, speed: Speed) -> u64 {
    let files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("views-") && name.ends_with(".db")
        })
        .collect();
    if speed == Speed::OneByOne {
        return files.iter().map(|path| file(path)).sum();
    }
    let copying: Vec<_> = files
        .into_iter()
        .map(|path| thread::spawn(move || file(&path)))
        .collect();
    copying
        .into_iter()
        .map(|copy| copy.join().expect("it is copied"))
        .sum()
}

/// Copies one file. Tables without their indexes first, which is the faster way; fsync and journal are off.
fn file(path: &Path) -> u64 {
    let copy = PathBuf::from(format!("{}.copy", path.display()));
    let target = Connection::open(&copy).expect("the folder can be written");
    // Answers with a row, which is of no use.
    let _: String = target
        .query_row("PRAGMA journal_mode = OFF", [], |row| row.get(0))
        .expect("SQLite knows it");
    let source = format!("file:{}?mode=ro", path.display());
    target
        .execute("ATTACH ?1 AS source", [source])
        .expect("it is a database");
    target
        .execute_batch("PRAGMA main.synchronous = OFF; BEGIN")
        .expect("SQLite knows it");
    let mut rows = 0;
    for (table, sql) in made(&target, "type = 'table' AND name NOT LIKE 'sqlite%'") {
        target.execute_batch(&sql).expect("it was made before");
        let insert = format!("INSERT INTO main.{table} SELECT * FROM source.{table}");
        rows += target.execute(&insert, []).expect("the columns are equal");
    }
    for (_, sql) in made(&target, "type = 'index' AND sql IS NOT NULL") {
        target.execute_batch(&sql).expect("it was made before");
    }
    target.execute_batch("COMMIT").expect("the disk has room");
    drop(target);
    std::fs::remove_file(copy).expect("it is there");
    rows as u64
}

/// Names of what the source has, and how it was made.
fn made(target: &Connection, what: &str) -> Vec<(String, String)> {
    let sql = format!("SELECT name, sql FROM source.sqlite_master WHERE {what}");
    let mut statement = target.prepare(&sql).expect("every file has this table");
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("every file has this table");
    rows.map(|row| row.expect("names are text")).collect()
}

async fn schemas(url: &str, speed: Speed) -> u64 {
    let pool = PgPoolOptions::new()
        .connect(url)
        .await
        .expect("the server answers");
    let schemas: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT schemaname::text FROM pg_tables WHERE schemaname LIKE 'keruen_view_%'",
    )
    .fetch_all(&pool)
    .await
    .expect("the server answers");
    if speed == Speed::OneByOne {
        let mut rows = 0;
        for source in &schemas {
            rows += schema(&pool, source).await;
        }
        return rows;
    }
    let copies = schemas.iter().map(|source| schema(&pool, source));
    futures::future::join_all(copies).await.into_iter().sum()
}

async fn schema(pool: &PgPool, source: &str) -> u64 {
    let copy = format!("copy_of_{source}");
    let run = async |sql: String| {
        let done = pool.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
        done.expect("it was made before").rows_affected()
    };
    run(format!("CREATE SCHEMA {copy}")).await;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = $1")
            .bind(source)
            .fetch_all(pool)
            .await
            .expect("the server answers");
    let mut rows = 0;
    for table in tables {
        let like = format!("CREATE TABLE {copy}.{table} (LIKE {source}.{table})");
        run(like).await;
        rows += run(format!(
            "INSERT INTO {copy}.{table} SELECT * FROM {source}.{table}"
        ))
        .await;
    }
    let indexes: Vec<String> =
        sqlx::query_scalar("SELECT indexdef FROM pg_indexes WHERE schemaname = $1")
            .bind(source)
            .fetch_all(pool)
            .await
            .expect("the server answers");
    for sql in indexes {
        run(sql.replace(&format!(" ON {source}."), &format!(" ON {copy}."))).await;
    }
    run(format!("DROP SCHEMA {copy} CASCADE")).await;
    rows
}
