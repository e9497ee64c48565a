//! Pages of postings: a run is a sequence of them.

use std::sync::Arc;

use super::term::{HASH_BITS, Posting};

/// Size of a page at most, in bytes: with what stands around it, one page of an SQLite file and half a page of a
/// PostgreSQL table.
pub(crate) const PAGE_BYTES: usize = 4_000;
/// Two numbers of 64 bits.
const MAX_ENTRY_BYTES: usize = 20;

/// Postings side by side in a run, encoded.
///
/// A page is a list of groups, one for each hash, in ascending order. A group is the difference of its hash from that
/// of the group before (of the page's first hash at the start), then one entry for each position: twice the difference
/// from the position before (from the run's first position at the start of the group), plus one if another entry of
/// the group follows on this page. All numbers are LEB128. A group may go on on the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Its first posting.
    pub first: Posting,
    pub bytes: Arc<[u8]>,
}

/// Bytes that are not a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a page of the index is malformed")]
pub(crate) struct Malformed;

/// Makes the pages of one run out of its postings.
#[derive(Debug)]
pub(crate) struct PageBuilder {
    /// First position of the run.
    base: u64,
    first: Posting,
    last: Posting,
    /// Where the entry of the last posting begins.
    last_entry: usize,
    bytes: Vec<u8>,
}

impl PageBuilder {
    /// For a run that begins at position `base`.
    pub fn new(base: u64) -> Self {
        Self {
            base,
            first: Posting::default(),
            last: Posting::default(),
            last_entry: 0,
            bytes: Vec::new(),
        }
    }

    /// Adds a posting greater than those before; answers with the page before it, if that is full.
    pub fn push(&mut self, posting: Posting) -> Option<Page> {
        debug_assert!(self.bytes.is_empty() || posting > self.last);
        let full = if self.bytes.len() + MAX_ENTRY_BYTES > PAGE_BYTES {
            self.finish()
        } else {
            None
        };
        if self.bytes.is_empty() {
            self.bytes.reserve_exact(PAGE_BYTES);
            self.first = posting;
            self.begin_group(posting, posting.hash);
        } else if posting.hash == self.last.hash {
            self.bytes[self.last_entry] |= 1;
            self.entry(posting.position - self.last.position);
        } else {
            self.begin_group(posting, self.last.hash);
        }
        self.last = posting;
        full
    }

    /// What is left.
    pub fn finish(&mut self) -> Option<Page> {
        if self.bytes.is_empty() {
            return None;
        }
        let bytes = self.bytes.as_slice().into();
        self.bytes.clear();
        Some(Page {
            first: self.first,
            bytes,
        })
    }

    fn begin_group(&mut self, posting: Posting, hash_before: u64) {
        put(&mut self.bytes, posting.hash - hash_before);
        self.entry(posting.position - self.base);
    }

    fn entry(&mut self, difference: u64) {
        self.last_entry = self.bytes.len();
        put(&mut self.bytes, difference << 1);
    }
}

/// A place on a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageCursor {
    base: u64,
    at: usize,
    last: Posting,
    /// The next entry belongs to the same group.
    more: bool,
}

impl PageCursor {
    /// The start of a page that begins with `first`, of a run that begins at position `base`.
    pub fn new(first: Posting, base: u64) -> Self {
        Self {
            base,
            at: 0,
            last: Posting {
                hash: first.hash,
                position: base,
            },
            more: false,
        }
    }

    /// The next posting on the page; none at its end.
    #[inline]
    pub fn next(&mut self, bytes: &[u8]) -> Result<Option<Posting>, Malformed> {
        if self.at == bytes.len() {
            return if self.more { Err(Malformed) } else { Ok(None) };
        }
        if !self.more {
            let difference = take(bytes, &mut self.at)?;
            self.last.hash = self
                .last
                .hash
                .checked_add(difference)
                .filter(|hash| *hash >> HASH_BITS == 0)
                .ok_or(Malformed)?;
            self.last.position = self.base;
        }
        let entry = take(bytes, &mut self.at)?;
        self.more = entry & 1 == 1;
        self.last.position = self
            .last
            .position
            .checked_add(entry >> 1)
            .ok_or(Malformed)?;
        Ok(Some(self.last))
    }
}

/// Whether a list can go on behind a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// The page ends with it.
    Open,
    /// A greater hash follows, or enough was found.
    Done,
}

impl Page {
    /// Adds the positions of `hash` from `from` on to `found`, until it has `limit`. `base` is the first position of the
    /// run.
    pub fn collect(
        &self,
        base: u64,
        (hash, from): (u64, u64),
        limit: usize,
        found: &mut Vec<u64>,
    ) -> Result<Rest, Malformed> {
        let mut cursor = PageCursor::new(self.first, base);
        while let Some(posting) = cursor.next(&self.bytes)? {
            if posting.hash > hash || found.len() >= limit {
                return Ok(Rest::Done);
            }
            if posting.hash == hash && posting.position >= from {
                found.push(posting.position);
            }
        }
        Ok(Rest::Open)
    }

    /// The hash that it ends with.
    pub fn last_hash(&self) -> Result<u64, Malformed> {
        // Hashes don't depend on where the run begins.
        let mut cursor = PageCursor::new(self.first, 0);
        let mut last = None;
        while let Some(posting) = cursor.next(&self.bytes)? {
            last = Some(posting.hash);
        }
        last.ok_or(Malformed)
    }

    /// All postings.
    pub fn postings(&self, base: u64) -> Result<Vec<Posting>, Malformed> {
        let mut cursor = PageCursor::new(self.first, base);
        let mut postings = Vec::new();
        while let Some(posting) = cursor.next(&self.bytes)? {
            postings.push(posting);
        }
        Ok(postings)
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

#[inline]
fn take(bytes: &[u8], at: &mut usize) -> Result<u64, Malformed> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = *bytes.get(*at).ok_or(Malformed)?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Malformed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn pages_of(base: u64, postings: impl IntoIterator<Item = Posting>) -> Vec<Page> {
        let mut builder = PageBuilder::new(base);
        let mut pages: Vec<_> = postings
            .into_iter()
            .filter_map(|posting| builder.push(posting))
            .collect();
        pages.extend(builder.finish());
        pages
    }

    fn posting() -> impl Strategy<Value = Posting> {
        let hash = prop_oneof![0..4_u64, 0..1_u64 << HASH_BITS];
        (hash, 10..5_000_u64).prop_map(|(hash, position)| Posting { hash, position })
    }

    proptest! {
        #[test]
        fn pages_hold_what_was_put_in(
            postings in proptest::collection::btree_set(posting(), 1..3_000),
            wanted in 0..4_u64,
            from in 0..5_000_u64,
        ) {
            let pages = pages_of(10, postings.iter().copied());
            let mut read = Vec::new();
            let mut found = Vec::new();
            for page in &pages {
                prop_assert!(page.bytes.len() <= PAGE_BYTES);
                let on_page = page.postings(10).unwrap();
                prop_assert_eq!(on_page[0], page.first);
                read.extend(on_page);
                page.collect(10, (wanted, from), usize::MAX, &mut found).unwrap();
            }
            prop_assert_eq!(read, postings.iter().copied().collect::<Vec<_>>());
            let expected: Vec<_> = postings
                .iter()
                .filter(|posting| posting.hash == wanted && posting.position >= from)
                .map(|posting| posting.position)
                .collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let page = Page { first: Posting { hash: 7, position: 1 }, bytes: bytes.into() };
            if let Ok(postings) = page.postings(1) {
                prop_assert!(postings.len() <= page.bytes.len());
            }
        }
    }

    /// Stored pages must stay readable.
    #[test]
    fn the_bytes_are_those_that_are_documented() {
        let posting = |hash, position| Posting { hash, position };
        let postings = [
            posting(300, 5),
            posting(300, 6),
            posting(300, 200),
            posting(301, 4),
            posting(70_000, 4_099),
        ];
        let pages = pages_of(4, BTreeSet::from(postings));
        assert_eq!(
            pages,
            [Page {
                first: posting(300, 5),
                bytes: vec![
                    // 300: 4 + 1, another; + 1, another; + 194.
                    0x00, 0x03, 0x03, 0x84, 0x03, // 301: 4.
                    0x01, 0x00, // 70,000: 4 + 4,095.
                    0xc3, 0xa0, 0x04, 0xfe, 0x3f,
                ]
                .into(),
            }]
        );
    }
}
