//! What is stored of the Merkle tree.

use rusqlite::Connection;

use super::rows::{RowError, stored};
use crate::tree::{Hash, TreeHashes};

/// Hashes of leaves or of completed tiles, as many as are there.
pub(super) fn read(connection: &Connection, wanted: TreeHashes) -> Result<Vec<Hash>, RowError> {
    // At most 256.
    let limit = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    match wanted {
        TreeHashes::Leaves {
            after_position,
            count,
        } => Ok(connection
            .prepare_cached(
                "SELECT leaf_hash FROM events WHERE position > ?1 AND position <= ?1 + ?2 ORDER BY position",
            )?
            .query_map((stored(after_position), limit(count)), |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?),
        TreeHashes::Tiles {
            level,
            first,
            count,
        } => {
            let mut statement = connection.prepare_cached(
                "SELECT hashes FROM tiles WHERE level = ?1 AND number >= ?2 AND number < ?2 + ?3 ORDER BY number",
            )?;
            let mut rows = statement.query((level, stored(first), limit(count)))?;
            let mut hashes = Vec::new();
            while let Some(row) = rows.next()? {
                let tile = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
                hashes.extend_from_slice(tile.as_chunks().0);
            }
            Ok(hashes)
        }
    }
}
