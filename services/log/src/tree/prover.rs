//! Makes proofs from what is stored of the tree: completed tiles, and the leaves behind the last one.

use std::{
    num::NonZeroUsize,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;

use super::{Hash, TILE_HASHES, TILE_HEIGHT, proof, root_of, tile_root};
use crate::log::{Log, ReadError};

/// Roots of completed tiles that are remembered: those of the tiles that are not complete yet, of every level that a log
/// can have.
const REMEMBERED_ROOTS: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// What is stored of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeHashes {
    /// Leaf hashes of the `count` events after a position.
    Leaves {
        /// The position before the first of them.
        after_position: u64,
        /// How many; 256 at most.
        count: usize,
    },
    /// The 256 hashes of each of `count` completed tiles.
    Tiles {
        /// 0 for tiles of leaves.
        level: u32,
        /// Number of the first tile within its level, from 0.
        first: u64,
        /// How many; 256 at most.
        count: usize,
    },
}

impl TreeHashes {
    /// How many hashes that is.
    pub(crate) fn expected(&self) -> usize {
        match self {
            Self::Leaves { count, .. } => *count,
            Self::Tiles { count, .. } => count * TILE_HASHES,
        }
    }

    /// The answer, if it is whole.
    pub(crate) fn checked(&self, hashes: Vec<Hash>) -> Result<Vec<Hash>, ReadError> {
        if hashes.len() == self.expected() {
            return Ok(hashes);
        }
        let (position, what) = match *self {
            Self::Leaves { after_position, .. } => (after_position + 1, "leaves of events"),
            Self::Tiles { level, first, .. } => (
                (first << (TILE_HEIGHT * (level + 1))) + 1,
                "tiles of the tree",
            ),
        };
        Err(ReadError::Damaged {
            position,
            found: format!("{what} that must be there are missing"),
        })
    }
}

/// Makes proofs over a log. One costs a few tiles for each 256-fold of the size, whatever the size; the first one after a
/// start up to 256 of each level.
pub struct Prover {
    log: Arc<dyn Log>,
    /// By level and number.
    tile_roots: Mutex<LruCache<(u32, u64), Hash>>,
}

impl Prover {
    /// Proves over `log`.
    pub fn new(log: Arc<dyn Log>) -> Self {
        Self {
            log,
            tile_roots: Mutex::new(LruCache::new(REMEMBERED_ROOTS)),
        }
    }

    /// The root of the tree over the first `size` events, of the `head` that there are.
    pub async fn root(&self, size: u64, head: u64) -> Result<Hash, ReadError> {
        self.range_root(0..size, head).await
    }

    /// The proof that leaf `index` is in the tree of `size` leaves, of the `head` that there are.
    pub async fn inclusion(
        &self,
        index: u64,
        size: u64,
        head: u64,
    ) -> Result<Vec<Hash>, ReadError> {
        self.hashes_of(proof::inclusion_ranges(index, size), head)
            .await
    }

    /// The proof that the tree of `first` leaves, at least one, is the beginning of the one of `second`.
    pub async fn consistency(
        &self,
        first: u64,
        second: u64,
        head: u64,
    ) -> Result<Vec<Hash>, ReadError> {
        self.hashes_of(proof::consistency_ranges(first, second), head)
            .await
    }

    async fn hashes_of(&self, ranges: Vec<Range<u64>>, head: u64) -> Result<Vec<Hash>, ReadError> {
        let mut hashes = Vec::with_capacity(ranges.len());
        for range in ranges {
            hashes.push(self.range_root(range, head).await?);
        }
        Ok(hashes)
    }

    /// The root over a range of leaves.
    async fn range_root(&self, range: Range<u64>, head: u64) -> Result<Hash, ReadError> {
        let mut peaks = Vec::new();
        for (height, number) in proof::complete_subtrees(range) {
            peaks.push(self.subtree_root(height, number, head).await?);
        }
        Ok(root_of(&peaks))
    }

    /// The root of a complete subtree.
    async fn subtree_root(&self, height: u32, number: u64, head: u64) -> Result<Hash, ReadError> {
        let level = height / TILE_HEIGHT;
        // Hashes of its level, all of one tile.
        let count = 1_usize << (height % TILE_HEIGHT);
        let first = number << (height % TILE_HEIGHT);
        let tile = first / TILE_HASHES as u64;
        let is_complete = (tile + 1)
            .checked_shl(TILE_HEIGHT * (level + 1))
            .is_some_and(|leaves| leaves <= head);
        let hashes = if is_complete {
            let wanted = TreeHashes::Tiles {
                level,
                first: tile,
                count: 1,
            };
            let hashes = self.log.tree_hashes(wanted).await?;
            // Below 256.
            let at = usize::try_from(first % TILE_HASHES as u64).unwrap_or(0);
            hashes[at..at + count].to_vec()
        } else if level == 0 {
            let wanted = TreeHashes::Leaves {
                after_position: first,
                count,
            };
            self.log.tree_hashes(wanted).await?
        } else {
            self.tile_roots(level - 1, first, count).await?
        };
        Ok(complete_root(hashes))
    }

    /// The roots of `count` completed tiles.
    async fn tile_roots(
        &self,
        level: u32,
        first: u64,
        count: usize,
    ) -> Result<Vec<Hash>, ReadError> {
        let numbers = first..first + count as u64;
        if let Some(known) = self.remembered(level, numbers.clone()) {
            return Ok(known);
        }
        let wanted = TreeHashes::Tiles {
            level,
            first,
            count,
        };
        let hashes = self.log.tree_hashes(wanted).await?;
        let (tiles, _) = hashes.as_chunks::<TILE_HASHES>();
        let roots: Vec<Hash> = tiles
            .iter()
            // Each holds 256 hashes.
            .filter_map(|tile| tile_root(&tile.concat()))
            .collect();
        let mut cache = self.lock();
        for (number, root) in numbers.zip(&roots) {
            cache.put((level, number), *root);
        }
        Ok(roots)
    }

    fn remembered(&self, level: u32, mut numbers: Range<u64>) -> Option<Vec<Hash>> {
        let mut cache = self.lock();
        numbers.try_fold(Vec::new(), |mut roots, number| {
            roots.push(*cache.get(&(level, number))?);
            Some(roots)
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<(u32, u64), Hash>> {
        self.tile_roots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The root over a power of two of hashes.
fn complete_root(mut hashes: Vec<Hash>) -> Hash {
    while hashes.len() > 1 {
        let (pairs, _) = hashes.as_chunks::<2>();
        hashes = pairs
            .iter()
            .map(|[left, right]| super::node_hash(left, right))
            .collect();
    }
    root_of(&hashes)
}
