//! Where the log stands: its head, and its tree from leaves and tiles.

use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::{
    rows::{from_stored, stored},
    session::Fault,
};
use crate::{
    index::storage::Damage,
    store::Tip,
    tree::{self, Tree},
};

/// Reads where the log stands, and whose it is; checks that head, events and tiles agree.
pub(super) async fn load(connection: &mut PgConnection) -> Result<(Tip, Option<Uuid>), Fault> {
    let mut snapshot = connection
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    let (position, recorded_at_us, frontier, writer_id, newest): (i64, i64, Vec<u8>, _, i64) =
        sqlx::query_as(
            "SELECT position, recorded_at_us, frontier, writer_id, \
             (SELECT coalesce(max(position), 0) FROM keruen_log.events) FROM keruen_log.log_head",
        )
        .fetch_one(&mut *snapshot)
        .await?;
    let damaged = |found| Fault::from(Damage::of_events(from_stored(position), found));
    if newest != position {
        return Err(damaged(format!(
            "the head is {position} and the newest event {newest}"
        )));
    }
    let tree = load_tree(&mut snapshot, from_stored(position))
        .await?
        .filter(|tree| tree.frontier() == frontier)
        .ok_or_else(|| damaged("the tree does not agree with its leaves and tiles".to_owned()))?;
    snapshot.commit().await?;
    let tip = Tip {
        recorded_at_us,
        tree,
    };
    Ok((tip, writer_id))
}

/// Builds the tree of `size` leaves from the newest leaves and tiles: at most 255 of each level.
async fn load_tree(connection: &mut PgConnection, size: u64) -> Result<Option<Tree>, Fault> {
    let mut open_tiles = Vec::new();
    for level in 0..tree::open_tile_levels(size) {
        let level = u32::try_from(level).unwrap_or(u32::MAX);
        let hashes = tree::open_tile_hashes(size, level) as u64;
        open_tiles.push(match level.checked_sub(1) {
            None => leaves(connection, size - hashes).await?,
            Some(below) => tile_roots(connection, below, (size >> (8 * level)) - hashes).await?,
        });
    }
    Ok(Tree::restore(size, open_tiles))
}

async fn leaves(connection: &mut PgConnection, after_position: u64) -> Result<Vec<u8>, Fault> {
    let leaves: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT leaf_hash FROM keruen_log.events WHERE position > $1 ORDER BY position",
    )
    .bind(stored(after_position))
    .fetch_all(connection)
    .await?;
    Ok(leaves.concat())
}

async fn tile_roots(
    connection: &mut PgConnection,
    level: u32,
    from: u64,
) -> Result<Vec<u8>, Fault> {
    let tiles: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT hashes FROM keruen_log.tiles WHERE level = $1 AND number >= $2 ORDER BY number",
    )
    .bind(i32::try_from(level).unwrap_or(i32::MAX))
    .bind(stored(from))
    .fetch_all(connection)
    .await?;
    let mut roots = Vec::new();
    for hashes in tiles {
        let root = tree::tile_root(&hashes).ok_or_else(|| {
            Damage::of_events(0, format!("a tile of level {level} is not complete"))
        })?;
        roots.extend_from_slice(&root);
    }
    Ok(roots)
}
