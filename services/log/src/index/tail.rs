//! The newest events, which are in no run yet, in the memory of a process that reads.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    storage::{Damage, IndexedEvent, Storage},
    term::{Posting, TermHasher},
};

/// Events of one segment, as far as it is one's own choice.
const SEGMENT_EVENTS: u64 = 512;

/// The postings of the events of `first..=last`, sorted.
#[derive(Debug)]
struct Segment {
    first: u64,
    last: u64,
    postings: Vec<Posting>,
}

/// Segments side by side, for one read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail(VecDeque<Arc<Segment>>);

impl Tail {
    /// Adds the positions of `hash` from `from` on to `found`, until it has `limit`.
    pub fn collect(&self, (hash, from): (u64, u64), limit: usize, found: &mut Vec<u64>) {
        let start = Posting {
            hash,
            position: from,
        };
        for segment in self.0.iter().filter(|segment| segment.last >= from) {
            let index = segment.postings.partition_point(|posting| *posting < start);
            let room = limit.saturating_sub(found.len());
            found.extend(
                segment.postings[index..]
                    .iter()
                    .take_while(|posting| posting.hash == hash)
                    .take(room)
                    .map(|posting| posting.position),
            );
        }
    }

    fn first(&self) -> Option<u64> {
        Some(self.0.front()?.first)
    }

    fn last(&self) -> Option<u64> {
        Some(self.0.back()?.last)
    }

    /// Adds events behind the last one.
    fn extend(&mut self, first: u64, last: u64, mut postings: Vec<Posting>) {
        let small = self
            .0
            .pop_back_if(|segment| segment.last - segment.first + 1 < SEGMENT_EVENTS);
        let first = small.map_or(first, |small| {
            postings.extend_from_slice(&small.postings);
            small.first
        });
        // Stable, since it is mostly sorted.
        postings.sort();
        self.0.push_back(Arc::new(Segment {
            first,
            last,
            postings,
        }));
    }

    /// Reads what is behind its end, up to `head`.
    fn read_on<S: Storage>(
        &mut self,
        storage: &mut S,
        hasher: &TermHasher,
        (indexed, head): (u64, u64),
    ) -> Result<(), S::Error> {
        let first = self.last().unwrap_or(indexed) + 1;
        if first > head {
            return Ok(());
        }
        let events = storage.events(first, head)?;
        let mut postings = Vec::with_capacity(events.len() * 8);
        for (expected, event) in (first..).zip(&events) {
            if event.position != expected {
                return Err(Damage::of_events(expected, "the event is missing").into());
            }
            postings.extend(postings_of(hasher, event));
        }
        if first + events.len() as u64 != head + 1 {
            return Err(
                Damage::of_events(first + events.len() as u64, "the event is missing").into(),
            );
        }
        self.extend(first, head, postings);
        Ok(())
    }
}

/// The postings of one event.
pub(crate) fn postings_of<'e>(
    hasher: &'e TermHasher,
    event: &'e IndexedEvent,
) -> impl Iterator<Item = Posting> + 'e {
    let command = (event.index == 0).then(|| hasher.command(event.command_id));
    std::iter::once(&event.r#type)
        .chain(&event.tags)
        .map(|name| hasher.name(name))
        .chain(command)
        .map(|hash| Posting {
            hash,
            position: event.position,
        })
}

/// The tail of a process: each event is read once, by the first read that needs it.
#[derive(Debug)]
pub(crate) struct SharedTail {
    /// So many events behind the runs are kept for reads whose snapshot is older.
    kept_events: u64,
    tail: Mutex<Tail>,
}

impl SharedTail {
    pub fn new(kept_events: u64) -> Self {
        Self {
            kept_events,
            tail: Mutex::default(),
        }
    }

    /// What stands behind the runs, which end with `indexed`, in a snapshot whose head is `head`. It may have events
    /// behind that.
    pub fn of_snapshot<S: Storage>(
        &self,
        storage: &mut S,
        hasher: &TermHasher,
        (indexed, head): (u64, u64),
    ) -> Result<Tail, S::Error> {
        if indexed == head {
            return Ok(Tail::default());
        }
        let mut shared = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.first().is_some_and(|first| first > indexed + 1) {
            drop(shared);
            let mut own = Tail::default();
            own.read_on(storage, hasher, (indexed, head))?;
            return Ok(own);
        }
        if shared.last().is_some_and(|last| last < indexed) {
            *shared = Tail::default();
        }
        shared.read_on(storage, hasher, (indexed, head))?;
        let kept = indexed.saturating_sub(self.kept_events);
        while shared
            .0
            .pop_front_if(|segment| segment.last <= kept)
            .is_some()
        {}
        Ok(shared.clone())
    }
}
