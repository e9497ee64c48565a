//! What a fold keeps of the rows, so that they are read and written less often than they change.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher as _},
};

/// Rows in memory, by their keys.
pub type Cache<K, V> = BTreeMap<K, Slot<V>>;

/// A row in memory.
#[derive(Clone, Debug)]
pub struct Slot<V> {
    /// As it is now.
    pub value: V,
    /// Whether it has changed since it was written.
    pub is_dirty: bool,
    /// Whether there is a row of it.
    pub is_stored: bool,
    /// Whether it has changed since rows were forgotten.
    pub is_recent: bool,
}

impl<V> Slot<V> {
    /// Changed, and perhaps never stored.
    pub fn new(value: V) -> Self {
        Self {
            value,
            is_dirty: true,
            is_stored: false,
            is_recent: false,
        }
    }

    /// As stored.
    pub fn stored(value: V) -> Self {
        Self {
            value,
            is_dirty: false,
            is_stored: true,
            is_recent: false,
        }
    }

    /// Found not to be stored.
    pub fn absent(value: V) -> Self {
        Self {
            value,
            is_dirty: false,
            is_stored: false,
            is_recent: false,
        }
    }

    /// Changes it.
    pub fn set(&mut self, value: V) {
        self.value = value;
        self.is_dirty = true;
    }

    /// Notes that it has been written, or deleted.
    pub fn written(&mut self, is_stored: bool) {
        self.is_dirty = false;
        self.is_stored = is_stored;
        self.is_recent = true;
    }
}

/// How much is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What has not changed for long.
    Old,
    /// Everything.
    All,
}

/// Bits of what tells keys that are stored from those that are not: 16 MiB, enough for ten million of them.
const FILTER_BITS: u64 = 1 << 27;
/// How many of them each key sets.
const KEY_BITS: u64 = 4;

/// What is known of the keys that are stored, though their rows are not in memory. Most rows that a long history touches
/// are new ones: those need not be looked for.
#[derive(Debug)]
pub enum Stored {
    /// Nothing is known: whatever is not in memory may be stored.
    Unknown,
    /// No key is stored whose row is not in memory.
    None,
    /// Only keys all of whose bits are set: a Bloom filter.
    Some(Vec<u64>),
}

impl Stored {
    /// Of a view; `is_empty` where nothing is stored.
    pub fn new(is_empty: bool) -> Self {
        if is_empty { Self::None } else { Self::Unknown }
    }

    /// Whether no row is stored that is not in memory.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether the row of a key may be stored, if it is not in memory. Keys of different tables are told apart by its
    /// name.
    pub fn may_have(&self, table: &str, key: &impl Hash) -> bool {
        match self {
            Self::Unknown => true,
            Self::None => false,
            Self::Some(bits) => places(table, key).all(|bit| {
                let (word, mask) = place(bit);
                bits[word] & mask != 0
            }),
        }
    }

    /// Forgets rows that have been written: those that have not changed for long, or all.
    pub fn forget_rows<K: Hash + Ord, V>(
        &mut self,
        table: &str,
        cache: &mut Cache<K, V>,
        extent: Extent,
    ) {
        let is_kept = |slot: &Slot<V>| extent == Extent::Old && slot.is_recent;
        let gone = cache
            .iter()
            .filter(|(_, slot)| !is_kept(slot) && slot.is_stored);
        self.forget(table, gone.map(|(key, _)| key));
        cache.retain(|_, slot| is_kept(slot) && std::mem::take(&mut slot.is_recent));
    }

    /// Rows that are stored are no longer in memory.
    fn forget<'k, K: Hash + 'k>(&mut self, table: &str, keys: impl Iterator<Item = &'k K>) {
        if matches!(self, Self::Unknown) {
            return;
        }
        let mut keys = keys.peekable();
        if keys.peek().is_none() {
            return;
        }
        if matches!(self, Self::None) {
            let words = usize::try_from(FILTER_BITS / 64).unwrap_or_default();
            *self = Self::Some(vec![0; words]);
        }
        if let Self::Some(bits) = self {
            for bit in keys.flat_map(|key| places(table, key)) {
                let (word, mask) = place(bit);
                bits[word] |= mask;
            }
        }
    }
}

/// The bits of a key.
fn places(table: &str, key: &impl Hash) -> impl Iterator<Item = u64> {
    let mut hasher = DefaultHasher::new();
    (table, key).hash(&mut hasher);
    let hash = hasher.finish();
    let (first, step) = (hash, hash.rotate_left(32) | 1);
    (0..KEY_BITS).map(move |number| first.wrapping_add(step.wrapping_mul(number)) % FILTER_BITS)
}

/// The word of a bit, and the bit in it.
fn place(bit: u64) -> (usize, u64) {
    // Bits are fewer than any platform has addresses.
    (
        usize::try_from(bit / 64).unwrap_or_default(),
        1 << (bit % 64),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_forgotten_is_looked_for_and_little_else() {
        let mut stored = Stored::new(true);
        assert!(!stored.may_have("stock", &1_u64));
        let keys: Vec<u64> = (0..100_000).collect();
        stored.forget("stock", keys.iter());
        assert!(keys.iter().all(|key| stored.may_have("stock", key)));
        let others = (100_000_u64..200_000).filter(|key| stored.may_have("stock", key));
        let of_others = keys.iter().filter(|key| stored.may_have("places", key));
        assert!(others.count() + of_others.count() < 100);
        // Where it is not known what is stored, everything is looked for.
        let mut unknown = Stored::new(false);
        unknown.forget("stock", keys.iter());
        assert!(unknown.may_have("stock", &u64::MAX) && !unknown.is_none());
    }
}
