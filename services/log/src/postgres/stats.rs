//! What the tables hold, in numbers.

use sqlx::Connection as _;

use super::{PostgresLog, rows::from_stored, verify};
use crate::{IndexStats, StoreStats, tree};

impl PostgresLog {
    /// Counts what the log at `url` holds. It only reads, also while a writer has the log. It reads all events.
    pub async fn stats(url: &str) -> Result<StoreStats, String> {
        let mut connection = verify::open(url).await?;
        let counted = async {
            let mut snapshot = connection
                .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                .await?;
            let (log_id, position, frontier, first, newest): (Vec<u8>, i64, Vec<u8>, Option<i64>, i64) =
                sqlx::query_as(
                    "SELECT log_id, position, frontier, \
                     (SELECT recorded_at_us FROM keruen_log.events WHERE position = 1), recorded_at_us \
                     FROM keruen_log.log_head",
                )
                .fetch_one(&mut *snapshot)
                .await?;
            let types: Vec<(String, i64)> = sqlx::query_as(
                "SELECT type, count(*) FROM keruen_log.events WHERE position <= $1 GROUP BY type ORDER BY type",
            )
            .bind(position)
            .fetch_all(&mut *snapshot)
            .await?;
            let bytes: Vec<(String, i64)> = sqlx::query_as(
                "SELECT c.relname::text, pg_total_relation_size(c.oid) FROM pg_class c \
                 WHERE c.relnamespace = 'keruen_log'::regnamespace AND c.relkind = 'r' ORDER BY 2 DESC",
            )
            .fetch_all(&mut *snapshot)
            .await?;
            let runs: Vec<(i64, i64, i64, i64, i64)> = sqlx::query_as(
                "SELECT id, level::bigint, first_position, last_position, state::bigint FROM keruen_log.runs",
            )
            .fetch_all(&mut *snapshot)
            .await?;
            let pages: Vec<(i64, i64, i64)> = sqlx::query_as(
                "SELECT run, count(*), sum(octet_length(postings)) FROM keruen_log.run_pages GROUP BY run",
            )
            .fetch_all(&mut *snapshot)
            .await?;
            let filters: Vec<(i64, i64, i64)> = sqlx::query_as(
                "SELECT run, count(*), sum(octet_length(filter)) FROM keruen_log.run_filters GROUP BY run",
            )
            .fetch_all(&mut *snapshot)
            .await?;
            snapshot.commit().await?;
            let counts = |counts: Vec<(String, i64)>| {
                counts
                    .into_iter()
                    .map(|(name, count)| (name, from_stored(count)))
                    .collect()
            };
            Ok::<_, sqlx::Error>(StoreStats {
                log_id,
                position: from_stored(position),
                root_hash: tree::frontier_root(&frontier).to_vec(),
                recorded_at_us: first.map(|first| (first, newest)),
                types: counts(types),
                bytes: counts(bytes),
                index: Some(IndexStats::of(
                    from_stored(position),
                    &runs,
                    &pages,
                    &filters,
                )),
            })
        };
        counted.await.map_err(|error| error.to_string())
    }
}
