//! What a fold keeps of the rows, so that they are read and written less often than they change.

use std::collections::BTreeMap;

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
}

impl<V> Slot<V> {
    /// Changed, and perhaps never stored.
    pub fn new(value: V) -> Self {
        Self {
            value,
            is_dirty: true,
            is_stored: false,
        }
    }

    /// As stored.
    pub fn stored(value: V) -> Self {
        Self {
            value,
            is_dirty: false,
            is_stored: true,
        }
    }

    /// Found not to be stored.
    pub fn absent(value: V) -> Self {
        Self {
            value,
            is_dirty: false,
            is_stored: false,
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
    }
}
