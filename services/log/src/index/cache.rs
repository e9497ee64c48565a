//! The filters in use, within a bound of memory.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;

use super::{
    filter::{self, Filter},
    page::PAGE_BYTES,
    run::Run,
    storage::{Damage, FilterKey, Storage},
};

/// A filter; `None` where a run has none, as those that older versions made have not where they hold no such hash. Only
/// the pages tell then.
type Cached = Option<Arc<[u8]>>;

/// The filters that were used last, shared by all who read or write one log in a process.
#[derive(Clone, Debug)]
pub(crate) struct FilterCache(Arc<Mutex<LruCache<FilterKey, Cached>>>);

impl FilterCache {
    /// A cache that keeps so many bytes at most.
    pub fn new(bytes: usize) -> Self {
        // A filter is no larger than a page by far more than chance allows.
        let filters = NonZeroUsize::new(bytes / PAGE_BYTES).unwrap_or(NonZeroUsize::MIN);
        Self(Arc::new(Mutex::new(LruCache::new(filters))))
    }

    /// Keeps a filter of a run that is committed.
    pub fn keep(&self, run: u64, filter: &Filter) {
        self.lock().put(
            (run, filter.first_hash),
            Some(filter.bytes.as_slice().into()),
        );
    }

    /// Of these runs those that may hold the hash. Loads all filters that are missing at once.
    pub fn holding<'r, S: Storage>(
        &self,
        storage: &mut S,
        runs: impl IntoIterator<Item = &'r Run>,
        hash: u64,
    ) -> Result<Vec<&'r Run>, S::Error> {
        let mut holding = Vec::new();
        let mut unknown = Vec::new();
        {
            let mut cached = self.lock();
            for run in runs {
                match cached.get(&key(run, hash)) {
                    None => {
                        holding.push(run);
                        unknown.push(run);
                    }
                    Some(filter) if may_hold(filter, run, hash)? => holding.push(run),
                    Some(_) => {}
                }
            }
        }
        if unknown.is_empty() {
            return Ok(holding);
        }
        self.load(storage, unknown.iter().map(|run| (*run, hash)))?;
        let mut ruled_out = Vec::new();
        for run in unknown {
            if !self.may_hold(storage, run, hash)? {
                ruled_out.push(run.id);
            }
        }
        holding.retain(|run| !ruled_out.contains(&run.id));
        Ok(holding)
    }

    /// Loads the filters that tell of these hashes.
    pub fn load<'r, S: Storage>(
        &self,
        storage: &mut S,
        wanted: impl IntoIterator<Item = (&'r Run, u64)>,
    ) -> Result<(), S::Error> {
        let mut missing: Vec<(&Run, u64)> = Vec::new();
        {
            let cached = self.lock();
            for (run, hash) in wanted {
                let first_hash = filter::first_hash(run.filter_bits, hash);
                if !cached.contains(&(run.id, first_hash)) {
                    missing.push((run, first_hash));
                }
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        missing.sort_unstable_by_key(|(run, first_hash)| (run.id, *first_hash));
        missing.dedup_by_key(|(run, first_hash)| (run.id, *first_hash));
        let keys: Vec<_> = missing.iter().map(|(run, hash)| (run.id, *hash)).collect();
        let filters = storage.filters(&keys)?;
        let mut cached = self.lock();
        for ((run, first_hash), filter) in missing.into_iter().zip(filters) {
            cached.put((run.id, first_hash), filter.map(Into::into));
        }
        Ok(())
    }

    fn may_hold<S: Storage>(
        &self,
        storage: &mut S,
        run: &Run,
        hash: u64,
    ) -> Result<bool, S::Error> {
        let key = key(run, hash);
        let cached = self.lock().get(&key).cloned();
        let filter = match cached {
            Some(filter) => filter,
            // More were asked for at once than there is room for.
            None => storage.filters(&[key])?.pop().flatten().map(Into::into),
        };
        Ok(may_hold(&filter, run, hash)?)
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<FilterKey, Cached>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of the filter of a run that tells of the hash.
fn key(run: &Run, hash: u64) -> FilterKey {
    (run.id, filter::first_hash(run.filter_bits, hash))
}

/// Whether the run may have the hash.
fn may_hold(cached: &Cached, run: &Run, hash: u64) -> Result<bool, Damage> {
    match cached {
        None => Ok(true),
        Some(filter) => {
            filter::may_hold(run.filter_bits, filter, hash).map_err(Damage::malformed(run))
        }
    }
}
