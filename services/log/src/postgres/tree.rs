//! What is stored of the Merkle tree.

use sqlx::PgPool;

use super::{rows::stored, session::Fault};
use crate::tree::{Hash, TreeHashes};

/// Hashes of leaves or of completed tiles, as many as are there.
pub(super) async fn read(pool: &PgPool, wanted: TreeHashes) -> Result<Vec<Hash>, Fault> {
    // At most 256.
    let limit = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let found: Vec<Vec<u8>> = match wanted {
        TreeHashes::Leaves {
            after_position,
            count,
        } => {
            sqlx::query_scalar(
                "SELECT leaf_hash FROM keruen_log.events WHERE position > $1 AND position <= $1 + $2 ORDER BY position",
            )
            .bind(stored(after_position))
            .bind(limit(count))
            .fetch_all(pool)
            .await?
        }
        TreeHashes::Tiles {
            level,
            first,
            count,
        } => {
            sqlx::query_scalar(
                "SELECT hashes FROM keruen_log.tiles \
                 WHERE level = $1 AND number >= $2 AND number < $2 + $3 ORDER BY number",
            )
            .bind(i32::try_from(level).unwrap_or(i32::MAX))
            .bind(stored(first))
            .bind(limit(count))
            .fetch_all(pool)
            .await?
        }
    };
    Ok(found
        .iter()
        .flat_map(|hashes| hashes.as_chunks().0)
        .copied()
        .collect())
}
