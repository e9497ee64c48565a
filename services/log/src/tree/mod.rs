//! The Merkle tree of RFC 6962 over the leaves of all events, and its tiles.
//!
//! A tile holds 256 hashes: at level 0 leaves, at level L the roots of completed tiles of level L − 1. Completed tiles
//! are stored, so that a proof for an old leaf needs a few of them and not all leaves.

pub mod proof;
mod prover;

use sha2::{Digest as _, Sha256};

pub use prover::{Prover, TreeHashes};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Hashes in a completed tile.
pub const TILE_HASHES: usize = 256;
/// Levels of the binary tree in one tile.
pub(crate) const TILE_HEIGHT: u32 = 8;
/// Length of a hash in bytes.
const HASH_BYTES: usize = 32;

/// A tile that was completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// 0 for leaves.
    pub level: u32,
    /// Number within its level, from 0.
    pub number: u64,
    /// Its 256 hashes, one after the other.
    pub hashes: Vec<u8>,
}

/// A tree to which leaves are appended. It holds what is needed to go on, not the leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// Roots of the largest complete subtrees from left to right: one for each bit that is set in `size`.
    peaks: Vec<Hash>,
    /// For each level the hashes of the tile that is not complete yet, one after the other.
    open_tiles: Vec<Vec<u8>>,
}

impl Tree {
    /// Appends a leaf hash; tiles that it completes are added to `completed`.
    pub fn push(&mut self, leaf: Hash, completed: &mut Vec<Tile>) {
        let mut hash = leaf;
        let mut height = 0;
        loop {
            if height % TILE_HEIGHT == 0 {
                self.push_to_tile(height / TILE_HEIGHT, &hash, completed);
            }
            if self.size >> height & 1 == 0 {
                break;
            }
            // Each bit set in `size` has its peak.
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
            height += 1;
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    fn push_to_tile(&mut self, level: u32, hash: &Hash, completed: &mut Vec<Tile>) {
        let at = level as usize;
        if self.open_tiles.len() <= at {
            self.open_tiles.push(Vec::new());
        }
        let tile = &mut self.open_tiles[at];
        tile.extend_from_slice(hash);
        if tile.len() == TILE_HASHES * HASH_BYTES {
            completed.push(Tile {
                level,
                // `size` is still without the leaf that completes the tile.
                number: self.size >> (TILE_HEIGHT * (level + 1)),
                hashes: std::mem::take(tile),
            });
        }
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over all leaves; of no leaves, the hash of nothing.
    pub fn root(&self) -> Hash {
        root_of(&self.peaks)
    }

    /// The roots of the largest complete subtrees from left to right, one after the other.
    pub fn frontier(&self) -> Vec<u8> {
        self.peaks.concat()
    }

    /// The leaves behind the last completed tile, one after the other.
    pub(crate) fn open_tile(&self) -> &[u8] {
        self.open_tiles.first().map_or(&[], Vec::as_slice)
    }

    /// Restores a tree of `size` leaves from its open tiles, level 0 first, each with its hashes one after the other.
    /// `None` where their lengths don't fit the size.
    pub fn restore(size: u64, open_tiles: Vec<Vec<u8>>) -> Option<Self> {
        let fits = open_tiles.iter().enumerate().all(|(level, tile)| {
            tile.len()
                == open_tile_hashes(size, u32::try_from(level).unwrap_or(u32::MAX)) * HASH_BYTES
        });
        if !fits || open_tiles.len() != open_tile_levels(size) {
            return None;
        }
        let peaks = open_tiles
            .iter()
            .rev()
            .flat_map(|tile| tile_peaks(tile))
            .collect();
        Some(Self {
            size,
            peaks,
            open_tiles,
        })
    }
}

/// The root of the tree with this frontier.
pub(crate) fn frontier_root(frontier: &[u8]) -> Hash {
    let (peaks, _) = frontier.as_chunks::<HASH_BYTES>();
    root_of(peaks)
}

fn root_of(peaks: &[Hash]) -> Hash {
    peaks
        .iter()
        .rev()
        .copied()
        .reduce(|right, left| node_hash(&left, &right))
        .unwrap_or_else(|| Sha256::digest([]).into())
}

/// For how many levels a tree of `size` leaves has begun a tile, completed ones included.
pub(crate) fn open_tile_levels(size: u64) -> usize {
    match size.checked_ilog2() {
        Some(height) => (height / TILE_HEIGHT) as usize + 1,
        None => 0,
    }
}

/// How many completed tiles of `level` a tree of `size` leaves has.
pub(crate) fn completed_tiles(size: u64, level: usize) -> u64 {
    u32::try_from(level)
        .ok()
        .and_then(|level| size.checked_shr(TILE_HEIGHT.saturating_mul(level + 1)))
        .unwrap_or(0)
}

/// The first and the last position under the peak with this index, from the left, in a tree of `size` leaves.
pub(crate) fn peak_positions(size: u64, index: u64) -> (u64, u64) {
    let mut left = size;
    let mut first = 1;
    for _ in 0..index {
        let Some(height) = left.checked_ilog2() else {
            break;
        };
        first += 1 << height;
        left -= 1 << height;
    }
    let leaves = left.checked_ilog2().map_or(0, |height| 1 << height);
    (first, first + leaves - 1)
}

/// How many hashes the open tile of `level` has in a tree of `size` leaves.
pub(crate) fn open_tile_hashes(size: u64, level: u32) -> usize {
    let hashes = size
        .checked_shr(TILE_HEIGHT.saturating_mul(level))
        .unwrap_or(0);
    // Less than 256, so it fits.
    usize::try_from(hashes % TILE_HASHES as u64).unwrap_or(0)
}

/// Root of a completed tile; `None` where it does not hold 256 hashes.
pub fn tile_root(hashes: &[u8]) -> Option<Hash> {
    match tile_peaks(hashes).as_slice() {
        [root] if hashes.len() == TILE_HASHES * HASH_BYTES => Some(*root),
        _ => None,
    }
}

/// Roots of the largest complete subtrees over the hashes of a tile, from left to right.
fn tile_peaks(hashes: &[u8]) -> Vec<Hash> {
    let mut peaks: Vec<Hash> = Vec::new();
    let (hashes, _) = hashes.as_chunks::<HASH_BYTES>();
    for (index, hash) in hashes.iter().enumerate() {
        let mut hash = *hash;
        for _ in 0..index.trailing_ones() {
            // As many peaks as `index` has bits set.
            if let Some(left) = peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        peaks.push(hash);
    }
    peaks
}

/// Hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}

/// Hash of a leaf: SHA-256(0x00 ‖ entry).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(entry);
    hasher.finalize().into()
}
