//! What the file holds, in numbers.

use std::{ffi::OsString, fs, path::Path};

use super::{
    SqliteLog,
    file::{Fault, OpenError},
    rows::from_stored,
    verify,
};
use crate::{IndexStats, StoreStats, tree};

impl SqliteLog {
    /// Counts what the log at `path` holds. It only reads, also while another process writes. It reads the whole file, and
    /// blocks.
    pub fn stats(path: &Path) -> Result<StoreStats, OpenError> {
        let mut connection = verify::open(path)?;
        let mut counted = || {
            let snapshot = connection.transaction()?;
            let mut stats = snapshot.query_row(
                "SELECT log_id, position, frontier, (SELECT min(recorded_at_us) FROM events WHERE position = 1), \
                 recorded_at_us FROM log_head",
                [],
                |row| {
                    let first: Option<i64> = row.get(3)?;
                    Ok(StoreStats {
                        log_id: row.get(0)?,
                        position: from_stored(row.get(1)?),
                        root_hash: tree::frontier_root(&row.get::<_, Vec<u8>>(2)?).to_vec(),
                        recorded_at_us: first.zip(row.get(4)?),
                        ..StoreStats::default()
                    })
                },
            )?;
            let counts = |sql| {
                snapshot
                    .prepare(sql)?
                    .query_map([], |row| Ok((row.get(0)?, from_stored(row.get(1)?))))?
                    .collect::<rusqlite::Result<Vec<(String, u64)>>>()
            };
            stats.types = counts("SELECT type, count(*) FROM events GROUP BY type ORDER BY type")?;
            stats.bytes = counts(
                "SELECT name, sum(pgsize) FROM dbstat WHERE aggregate = TRUE GROUP BY name ORDER BY 2 DESC",
            )?;
            let runs: Vec<_> = snapshot
                .prepare("SELECT id, level, first_position, last_position, state FROM runs")?
                .query_map([], |row| row.try_into())?
                .collect::<rusqlite::Result<_>>()?;
            let of_runs = |sql| {
                snapshot
                    .prepare(sql)?
                    .query_map([], |row| row.try_into())?
                    .collect::<rusqlite::Result<Vec<_>>>()
            };
            let pages =
                of_runs("SELECT run, count(*), sum(length(postings)) FROM run_pages GROUP BY run")?;
            let filters =
                of_runs("SELECT run, count(*), sum(length(filter)) FROM run_filters GROUP BY run")?;
            stats.index = Some(IndexStats::of(stats.position, &runs, &pages, &filters));
            Ok::<_, rusqlite::Error>(stats)
        };
        let mut stats = counted().map_err(|error| Fault::from(error).at(path))?;
        let mut ahead = OsString::from(path);
        ahead.push("-wal");
        if let Ok(file) = fs::metadata(&ahead) {
            stats.bytes.push(("write-ahead log".to_owned(), file.len()));
        }
        Ok(stats)
    }
}
