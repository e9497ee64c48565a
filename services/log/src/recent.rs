//! The newest events in memory, pending ones included: conditions about them are decided without a look at the store.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use keruen_proto::log::v1::{Query, QueryItem};

use crate::matching;

/// How many events are kept.
const MAX_EVENTS: usize = 8_192;
/// How many types and tags of them are kept; it bounds the memory where events carry many tags.
const MAX_TERMS: usize = 131_072;

#[derive(Debug)]
struct Event {
    r#type: Arc<str>,
    tags: Vec<Arc<str>>,
}

/// A ring of the newest events.
#[derive(Debug)]
pub(crate) struct Recent {
    /// Position just below the oldest event kept.
    floor: u64,
    events: VecDeque<Event>,
    /// Newest position of each type and tag among the events kept. Types hold no colon and tags do, so they can't be
    /// taken for one another.
    newest: HashMap<Arc<str>, u64>,
    terms: usize,
}

impl Recent {
    /// Nothing yet, at the head of a log.
    pub fn new(head_position: u64) -> Self {
        Self {
            floor: head_position,
            events: VecDeque::new(),
            newest: HashMap::new(),
            terms: 0,
        }
    }

    /// Position below which only the store knows.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// Position of the newest event.
    pub fn position(&self) -> u64 {
        self.floor + self.events.len() as u64
    }

    /// Adds the next event.
    pub fn push(&mut self, event_type: &str, tags: &[String]) {
        let position = self.position() + 1;
        let event = Event {
            r#type: self.touch(event_type, position),
            tags: tags.iter().map(|tag| self.touch(tag, position)).collect(),
        };
        self.terms += 1 + event.tags.len();
        self.events.push_back(event);
    }

    fn touch(&mut self, term: &str, position: u64) -> Arc<str> {
        if let Some((term, newest)) = self.newest.get_key_value(term)
            && *newest == position
        {
            return Arc::clone(term);
        }
        let term: Arc<str> = match self.newest.get_key_value(term) {
            Some((term, _)) => Arc::clone(term),
            None => term.into(),
        };
        self.newest.insert(Arc::clone(&term), position);
        term
    }

    /// Position of an event above `after_position` that matches, among those kept.
    pub fn find(&self, query: &Query, after_position: u64) -> Option<u64> {
        if self.position() <= after_position {
            return None;
        }
        if query.items.is_empty() {
            return Some(self.position());
        }
        query
            .items
            .iter()
            .find_map(|item| self.find_item(item, after_position))
    }

    fn find_item(&self, item: &QueryItem, after_position: u64) -> Option<u64> {
        let newest_of = |term: &String| self.newest.get(term.as_str()).copied().unwrap_or(0);
        let newest_type = match item.types.as_slice() {
            [] => self.position(),
            types => types.iter().map(newest_of).max().unwrap_or(0),
        };
        // No match is newer than the newest event of any term that it must have.
        let newest = item
            .tags
            .iter()
            .map(newest_of)
            .min()
            .unwrap_or(u64::MAX)
            .min(newest_type);
        if newest <= after_position {
            return None;
        }
        let oldest = after_position.max(self.floor);
        // Within the ring's length, so both fit.
        let skipped = usize::try_from(oldest - self.floor).ok()?;
        let taken = usize::try_from(newest - oldest).ok()?;
        self.events
            .iter()
            .enumerate()
            .skip(skipped)
            .take(taken)
            .rev()
            .find(|(_, event)| matching::matches_item(item, &event.r#type, &event.tags))
            .map(|(index, _)| self.floor + index as u64 + 1)
    }

    /// Forgets events that were not committed.
    pub fn truncate(&mut self, position: u64) {
        let kept = usize::try_from(position.saturating_sub(self.floor)).unwrap_or(usize::MAX);
        self.events.truncate(kept);
        self.newest.clear();
        self.terms = 0;
        for (position, event) in (self.floor + 1..).zip(&self.events) {
            for term in std::iter::once(&event.r#type).chain(&event.tags) {
                self.newest.insert(Arc::clone(term), position);
                self.terms += 1;
            }
        }
    }

    /// Forgets the oldest events beyond the bounds. Only for events that are committed.
    pub fn evict(&mut self) {
        while self.events.len() > MAX_EVENTS || self.terms > MAX_TERMS {
            let Some(event) = self.events.pop_front() else {
                break;
            };
            self.floor += 1;
            for term in std::iter::once(&event.r#type).chain(&event.tags) {
                self.terms -= 1;
                if self.newest.get(term) == Some(&self.floor) {
                    self.newest.remove(term);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event() -> impl Strategy<Value = (String, Vec<String>)> {
        ("a\\.[AB]", proptest::collection::btree_set("t:[A-D]", 0..4))
            .prop_map(|(name, tags)| (name, tags.into_iter().collect()))
    }

    fn query() -> impl Strategy<Value = Query> {
        let item = (
            proptest::collection::vec("a\\.[AB]", 0..3),
            proptest::collection::vec("t:[A-D]", 0..3),
        )
            .prop_map(|(types, tags)| QueryItem { types, tags });
        proptest::collection::vec(item, 0..3).prop_map(|items| Query { items })
    }

    proptest! {
        /// What the ring answers is what a scan of the events above the position answers, also after a rollback.
        #[test]
        fn it_finds_what_a_scan_finds(
            base in 0u64..5,
            events in proptest::collection::vec(event(), 0..30),
            kept in 0usize..30,
            more in proptest::collection::vec(event(), 0..10),
            query in query(),
            after_position in 0u64..45,
        ) {
            let mut recent = Recent::new(base);
            for (name, tags) in &events {
                recent.push(name, tags);
            }
            recent.truncate(base + kept as u64);
            let mut expected: Vec<_> = events.into_iter().take(kept).collect();
            for (name, tags) in &more {
                recent.push(name, tags);
            }
            expected.extend(more);
            let matching: Vec<u64> = (base + 1..)
                .zip(&expected)
                .filter(|(position, (name, tags))| *position > after_position && matching::matches(&query, name, tags))
                .map(|(position, _)| position)
                .collect();
            match recent.find(&query, after_position) {
                None => prop_assert!(matching.is_empty()),
                Some(position) => prop_assert!(matching.contains(&position)),
            }
        }
    }

    #[test]
    fn it_keeps_only_so_many() {
        let mut recent = Recent::new(0);
        for index in 0..MAX_EVENTS + 10 {
            recent.push("a.A", &[format!("t:{index}")]);
        }
        recent.evict();
        assert_eq!(recent.floor(), 10);
        assert_eq!(recent.newest.len(), MAX_EVENTS + 1);
        let tags: Vec<String> = (0..64).map(|index| format!("u:{index}")).collect();
        for _ in 0..MAX_TERMS / 64 {
            recent.push("a.A", &tags);
        }
        recent.evict();
        assert!(recent.terms <= MAX_TERMS);
        assert_eq!(recent.position(), (MAX_EVENTS + 10 + MAX_TERMS / 64) as u64);
    }
}
