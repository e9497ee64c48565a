//! Filters: whether a run may hold a hash, without a look at its pages.

use super::{page::Malformed, term::HASH_BITS};

/// Hashes of one filter on average, at most. Twice as many, if all are of one kind, still fit half a page of a PostgreSQL
/// table.
const FILTER_HASHES: u64 = 800;
/// More filters than this no run has.
const MAX_FILTER_BITS: u32 = 24;
/// Hashes of one bucket on average, at most.
const BUCKET_HASHES: usize = 6;
const MAX_BUCKET_BITS: u32 = 10;
const FINGERPRINT_BITS: u32 = 16;

/// Tells of the hashes of one run that share their upper bits.
///
/// The bits below those choose a bucket, and the 16 bits below those are the hash's fingerprint in it. A filter is one
/// byte with the number of bucket bits, then for each bucket how many fingerprints it and those before it have, then
/// the fingerprints in the order of the hashes; 16 bits each, little endian. That is about 20 bits for a hash, and
/// about one in 10,000 strange hashes is let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    /// The lowest hash that it can tell of.
    pub first_hash: u64,
    pub bytes: Vec<u8>,
}

impl Filter {
    /// Whether it lets nothing through, since it was made of no hash.
    pub fn is_empty(&self) -> bool {
        self.bytes == [0; 3]
    }
}

/// How many upper bits of a hash choose the filter, in a run of at most so many hashes.
pub(crate) fn filter_bits(hashes: u64) -> u32 {
    let filters = hashes.div_ceil(FILTER_HASHES).max(1);
    filters.next_power_of_two().ilog2().min(MAX_FILTER_BITS)
}

/// The lowest hash of the filter that tells of `hash`.
pub(crate) fn first_hash(filter_bits: u32, hash: u64) -> u64 {
    let below = HASH_BITS - filter_bits;
    hash >> below << below
}

/// Bucket and fingerprint.
fn place(filter_bits: u32, bucket_bits: u32, hash: u64) -> (usize, u16) {
    let below = HASH_BITS - filter_bits - bucket_bits;
    let bucket = (hash >> below) & ((1 << bucket_bits) - 1);
    let fingerprint = hash >> below.saturating_sub(FINGERPRINT_BITS);
    let [low, high, ..] = fingerprint.to_le_bytes();
    // At most ten bits.
    (
        usize::try_from(bucket).unwrap_or(0),
        u16::from_le_bytes([low, high]),
    )
}

/// Whether the run may have the hash, by the filter that tells of it.
pub(crate) fn may_hold(filter_bits: u32, filter: &[u8], hash: u64) -> Result<bool, Malformed> {
    let (bucket_bits, rest) = filter.split_first().ok_or(Malformed)?;
    let bucket_bits = u32::from(*bucket_bits);
    if bucket_bits > MAX_BUCKET_BITS || filter_bits > MAX_FILTER_BITS {
        return Err(Malformed);
    }
    let (bucket, fingerprint) = place(filter_bits, bucket_bits, hash);
    let (ends, fingerprints) = rest.split_at_checked(2 << bucket_bits).ok_or(Malformed)?;
    let end =
        |bucket: usize| usize::from(u16::from_le_bytes([ends[2 * bucket], ends[2 * bucket + 1]]));
    let start = bucket.checked_sub(1).map_or(0, end);
    let in_bucket = fingerprints
        .get(2 * start..2 * end(bucket))
        .ok_or(Malformed)?;
    Ok(in_bucket
        .chunks_exact(2)
        .any(|stored| stored == fingerprint.to_le_bytes()))
}

/// Makes the filters of one run out of its hashes: one for each choice of upper bits, also where no hash has them.
#[derive(Debug)]
pub(crate) struct FilterBuilder {
    filter_bits: u32,
    /// The lowest hash of the filter at hand.
    first_hash: u64,
    /// Those of the filter at hand, different ones, ascending.
    hashes: Vec<u64>,
    /// How many there were in all filters.
    pub terms: u64,
}

impl FilterBuilder {
    /// The first filter is the one that tells of `hash`.
    pub fn starting_with(filter_bits: u32, hash: u64) -> Self {
        Self {
            filter_bits,
            first_hash: first_hash(filter_bits, hash),
            hashes: Vec::new(),
            terms: 0,
        }
    }

    /// Adds a hash greater than those before; hands the filters before it, which are complete then, to `take`.
    #[inline]
    pub fn push(&mut self, hash: u64, take: impl FnMut(Filter)) {
        let first_hash = first_hash(self.filter_bits, hash);
        if first_hash != self.first_hash {
            self.complete_up_to(first_hash, take);
        }
        self.hashes.push(hash);
        self.terms += 1;
    }

    /// Hands what is left to `take`.
    pub fn finish(&mut self, take: impl FnMut(Filter)) {
        self.complete_up_to(1 << HASH_BITS, take);
    }

    fn complete_up_to(&mut self, end: u64, mut take: impl FnMut(Filter)) {
        while self.first_hash < end {
            take(self.complete());
            self.first_hash += 1 << (HASH_BITS - self.filter_bits);
        }
    }

    fn complete(&mut self) -> Filter {
        let buckets = self.hashes.len().div_ceil(BUCKET_HASHES);
        let bucket_bits = buckets.next_power_of_two().ilog2().min(MAX_BUCKET_BITS);
        let mut ends = vec![0_u16; 1 << bucket_bits];
        let mut fingerprints = Vec::with_capacity(2 * self.hashes.len());
        for hash in self.hashes.drain(..) {
            let (bucket, fingerprint) = place(self.filter_bits, bucket_bits, hash);
            ends[bucket] += 1;
            fingerprints.extend_from_slice(&fingerprint.to_le_bytes());
        }
        let mut bytes = Vec::with_capacity(1 + 2 * ends.len() + fingerprints.len());
        bytes.push(u8::try_from(bucket_bits).unwrap_or(0));
        let mut end = 0;
        for in_bucket in ends {
            end += in_bucket;
            bytes.extend_from_slice(&end.to_le_bytes());
        }
        bytes.extend_from_slice(&fingerprints);
        Filter {
            first_hash: self.first_hash,
            bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of names only, of command ids only, or any.
    fn hashes() -> impl Strategy<Value = std::collections::BTreeSet<u64>> {
        let half = 1_u64 << (HASH_BITS - 1);
        prop_oneof![Just(0..half), Just(half..2 * half), Just(0..2 * half)]
            .prop_flat_map(|range| proptest::collection::btree_set(range, 0..200))
    }

    proptest! {
        /// Each hash has a filter, those that are in the run are let through, and few others.
        #[test]
        fn filters_tell_of_all_hashes(
            hashes in hashes(),
            filter_bits in 0..6_u32,
            start in 0..1_u64 << HASH_BITS,
            strange in 0..1_u64 << HASH_BITS,
        ) {
            let mut filters = Vec::new();
            let mut builder = FilterBuilder::starting_with(filter_bits, start);
            let later: Vec<_> = hashes.range(first_hash(filter_bits, start)..).copied().collect();
            for hash in &later {
                builder.push(*hash, |filter| filters.push(filter));
            }
            builder.finish(|filter| filters.push(filter));
            let wanted = (first_hash(filter_bits, start)..1 << HASH_BITS)
                .step_by(1 << (HASH_BITS - filter_bits));
            prop_assert!(filters.iter().map(|filter| filter.first_hash).eq(wanted));
            let filter_of = |hash| {
                let first_hash = first_hash(filter_bits, hash);
                filters.iter().find(|filter| filter.first_hash == first_hash)
            };
            for hash in later {
                let filter = filter_of(hash).unwrap();
                prop_assert!(may_hold(filter_bits, &filter.bytes, hash).unwrap());
            }
            if let Some(filter) = filter_of(strange)
                && may_hold(filter_bits, &filter.bytes, strange).unwrap()
            {
                let in_it = |hash: &u64| first_hash(filter_bits, *hash) == filter.first_hash;
                prop_assert!(hashes.iter().any(in_it));
            }
        }
    }
}
