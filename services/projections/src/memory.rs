//! What a fold keeps of the rows, so that they are read and written less often than they change.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use hashbrown::{Equivalent, HashMap};

/// What a key is made of, or the key itself.
pub trait KeyRef<K>: Hash + Equivalent<K> {
    /// The key.
    fn to_key(&self) -> K;
}

impl<K: Clone + Hash + Eq> KeyRef<K> for K {
    fn to_key(&self) -> K {
        self.clone()
    }
}

/// Rows in memory, by their keys. Keys can be looked for by what they are made of, without making one.
#[derive(Debug)]
pub struct Cache<K, V> {
    rows: HashMap<K, Slot<V>>,
    /// Keys of the rows that have changed since they were written, each once.
    dirty: Vec<K>,
    /// How often rows have been written.
    writes: u64,
}

/// A row in memory.
#[derive(Debug)]
struct Slot<V> {
    /// As it is now.
    value: V,
    /// Whether it has changed since it was written.
    is_dirty: bool,
    /// Whether there is a row of it.
    is_stored: bool,
    /// Which write wrote it last, or came after its last use; 0 where none did.
    written: u64,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self {
            rows: HashMap::new(),
            dirty: Vec::new(),
            writes: 0,
        }
    }
}

impl<K: Hash + Ord, V> Cache<K, V> {
    /// How many rows there are in memory.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// A row in memory.
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<&V> {
        self.rows.get(key).map(|slot| &slot.value)
    }

    /// A row in memory that is used though it does not change: it is not old then.
    pub fn touch<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) -> Option<&V> {
        let slot = self.rows.get_mut(key)?;
        slot.written = self.writes + 1;
        Some(&slot.value)
    }

    /// All rows in memory.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.rows.values().map(|slot| &slot.value)
    }

    /// Keeps what is stored, or what stands for nothing where nothing is, so that it is not read again.
    pub fn remember(&mut self, key: K, value: V, is_stored: bool) -> &mut V {
        let slot = Slot {
            value,
            is_dirty: false,
            is_stored,
            written: 0,
        };
        &mut self.rows.entry(key).or_insert(slot).value
    }

    /// Changes a row, or adds it.
    pub fn set(&mut self, key: &impl KeyRef<K>, value: V) {
        if let Some(slot) = self.change(key) {
            *slot = value;
            return;
        }
        let slot = Slot {
            value,
            is_dirty: true,
            is_stored: false,
            written: 0,
        };
        self.dirty.push(key.to_key());
        self.rows.insert(key.to_key(), slot);
    }

    /// A row in memory, to be changed.
    pub fn change(&mut self, key: &impl KeyRef<K>) -> Option<&mut V> {
        let slot = self.rows.get_mut(key)?;
        if !std::mem::replace(&mut slot.is_dirty, true) {
            self.dirty.push(key.to_key());
        }
        Some(&mut slot.value)
    }

    /// The keys of the rows that have changed since they were written.
    pub fn changed(&self) -> impl Iterator<Item = &K> {
        self.dirty.iter()
    }

    /// Writes what has changed since the last time, in order of the keys. What writes a row is told whether it is stored,
    /// and answers with whether it is afterwards.
    pub fn write<E>(
        &mut self,
        mut write: impl FnMut(&K, &mut V, bool) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.writes += 1;
        self.dirty.sort_unstable();
        for key in self.dirty.drain(..) {
            let Some(slot) = self.rows.get_mut(&key) else {
                continue;
            };
            slot.is_stored = write(&key, &mut slot.value, slot.is_stored)?;
            slot.is_dirty = false;
            slot.written = self.writes;
        }
        Ok(())
    }

    /// Forgets all rows. They must have been written.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.dirty.clear();
    }
}

/// How much is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All that the last write did not write, and nobody has used since.
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
    pub fn forget_rows<K: Hash, V>(
        &mut self,
        table: &str,
        cache: &mut Cache<K, V>,
        extent: Extent,
    ) {
        let last = cache.writes;
        let is_kept = |slot: &Slot<V>| extent == Extent::Old && slot.written >= last;
        let gone = cache
            .rows
            .iter()
            .filter(|(_, slot)| !is_kept(slot) && slot.is_stored);
        self.forget(table, gone.map(|(key, _)| key));
        cache.rows.retain(|_, slot| is_kept(slot));
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
        assert!(unknown.may_have("stock", &u64::MAX));
    }
}
