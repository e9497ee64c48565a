//! The newest events in memory: what is asked about them is decided without a look at the store.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
};

use keruen_proto::log::v1::{Query, QueryItem};
use uuid::Uuid;

use crate::{
    index::{lookup, storage::IndexedEvent, term::TermHasher},
    log::RecordedCommand,
    matching,
    store::NewEvent,
};

/// How many events are kept, and as many more as the store does not answer for yet.
const MAX_EVENTS: usize = 8_192;
/// The same for the types and tags of them; it bounds the memory where events carry many tags.
const MAX_TERMS: usize = 131_072;

/// Hashes of terms are hashes already.
#[derive(Debug, Default)]
struct TermHash(u64);

impl Hasher for TermHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        // The table takes its tags from the upper bits, which a hash of 48 bits leaves empty.
        self.0 = hash | hash << 48;
    }
}

#[derive(Debug)]
struct Event {
    r#type: String,
    tags: Vec<String>,
    /// Hashes of the type and the tags.
    terms: Vec<u64>,
    /// If it is the first of its append.
    command_id: Option<Uuid>,
}

/// What is not committed yet: the group that is under way, and behind it the one that is being gathered.
pub(crate) type Pending<'p> = [&'p [NewEvent]; 2];

/// A ring of the newest committed events, and what is known of the pending ones behind them.
#[derive(Debug)]
pub(crate) struct Recent {
    hasher: TermHasher,
    /// Position just below the oldest event kept.
    floor: u64,
    events: VecDeque<Event>,
    /// No event that carries a term is newer than this says, pending ones included.
    newest: HashMap<u64, u64, BuildHasherDefault<TermHash>>,
    terms: usize,
    /// Commands of the events kept, and of the pending ones.
    commands: HashMap<Uuid, RecordedCommand>,
}

impl Recent {
    /// The events up to `head_position` that the store does not answer for.
    pub fn new(hasher: TermHasher, head_position: u64, events: Vec<IndexedEvent>) -> Self {
        let mut recent = Self {
            hasher,
            floor: head_position - events.len() as u64,
            events: VecDeque::with_capacity(events.len()),
            newest: HashMap::default(),
            terms: 0,
            commands: HashMap::new(),
        };
        for event in events {
            if event.index == 0 {
                recent.remember(event.command_id, lookup::recorded(&event));
            }
            let names = std::iter::once(&event.r#type).chain(&event.tags);
            let terms: Vec<_> = names.map(|name| hasher.name(name)).collect();
            recent.touch(&terms, event.position);
            recent.keep(Event {
                r#type: event.r#type,
                tags: event.tags,
                terms,
                command_id: (event.index == 0).then_some(event.command_id),
            });
        }
        recent
    }

    /// Position below which only the store knows.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// What a command id was used for, if that is among the events kept or pending.
    pub fn command(&self, command_id: Uuid) -> Option<&RecordedCommand> {
        self.commands.get(&command_id)
    }

    /// Notes what a pending command will be answered with.
    pub fn remember(&mut self, command_id: Uuid, command: RecordedCommand) {
        self.commands.insert(command_id, command);
    }

    /// Notes a pending event.
    pub fn note(&mut self, new: &NewEvent) {
        self.touch(named_terms(new), new.event.position);
    }

    fn touch(&mut self, terms: &[u64], position: u64) {
        for term in terms {
            self.newest.insert(*term, position);
        }
    }

    fn keep(&mut self, event: Event) {
        self.terms += event.terms.len();
        self.events.push_back(event);
    }

    /// The oldest pending events, which were noted, are committed.
    pub fn absorb(&mut self, committed: Vec<NewEvent>) {
        for mut new in committed {
            new.terms.truncate(1 + new.event.tags.len());
            self.keep(Event {
                command_id: (new.index == 0).then_some(new.command_id),
                r#type: new.event.r#type,
                tags: new.event.tags,
                terms: new.terms,
            });
        }
    }

    /// The pending events were not committed.
    pub fn forget(&mut self, pending: Pending<'_>) {
        for new in pending.into_iter().flatten() {
            self.commands.remove(&new.command_id);
        }
        self.newest.clear();
        for (position, event) in (self.floor + 1..).zip(&self.events) {
            for term in &event.terms {
                self.newest.insert(*term, position);
            }
        }
    }

    /// Position of an event above `after_position` that matches, among those kept and the pending ones.
    pub fn find(&self, query: &Query, after_position: u64, pending: Pending<'_>) -> Option<u64> {
        let pending_events: usize = pending.iter().map(|group| group.len()).sum();
        let head = self.floor + (self.events.len() + pending_events) as u64;
        if head <= after_position {
            return None;
        }
        if query.items.is_empty() {
            return Some(head);
        }
        query
            .items
            .iter()
            .find_map(|item| self.find_item(item, (after_position, head), pending))
    }

    fn find_item(
        &self,
        item: &QueryItem,
        (after_position, head): (u64, u64),
        pending: Pending<'_>,
    ) -> Option<u64> {
        let newest_of = |name: &String| {
            let newest = self.newest.get(&self.hasher.name(name));
            newest.copied().unwrap_or(0)
        };
        let newest_type = match item.types.as_slice() {
            [] => head,
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
        let oldest = after_position.max(self.floor) + 1;
        (oldest..=newest)
            .rev()
            .find(|position| self.matches(item, *position, pending))
    }

    fn matches(&self, item: &QueryItem, position: u64, [first, second]: Pending<'_>) -> bool {
        // Within what is in memory.
        let index = usize::try_from(position - self.floor - 1).unwrap_or(usize::MAX);
        if let Some(event) = self.events.get(index) {
            return matching::matches_item(item, &event.r#type, &event.tags);
        }
        let index = index - self.events.len();
        let new = first.get(index).or_else(|| second.get(index - first.len()));
        new.is_some_and(|new| matching::matches_item(item, &new.event.r#type, &new.event.tags))
    }

    /// Forgets the oldest events beyond the bounds, if the store answers for them: up to `indexed`.
    pub fn evict(&mut self, indexed: u64) {
        while self.floor < indexed && (self.events.len() > MAX_EVENTS || self.terms > MAX_TERMS) {
            let Some(event) = self.events.pop_front() else {
                break;
            };
            self.floor += 1;
            self.terms -= event.terms.len();
            for term in &event.terms {
                if self.newest.get(term) == Some(&self.floor) {
                    self.newest.remove(term);
                }
            }
            if let Some(command_id) = event.command_id {
                self.commands.remove(&command_id);
            }
        }
    }
}

fn named_terms(new: &NewEvent) -> &[u64] {
    &new.terms[..=new.event.tags.len()]
}

#[cfg(test)]
mod tests {
    use keruen_proto::log::v1::RecordedEvent;
    use proptest::prelude::*;

    use super::*;

    fn hasher() -> TermHasher {
        TermHasher::new([7; 16])
    }

    fn indexed(position: u64, name: &str, tags: &[String]) -> IndexedEvent {
        IndexedEvent {
            position,
            r#type: name.to_owned(),
            tags: tags.to_vec(),
            command_id: Uuid::from_u128(position.into()),
            command_hash: [0; 32],
            index: 0,
            append_events: 1,
        }
    }

    fn new(position: u64, name: &str, tags: &[String]) -> NewEvent {
        let names = std::iter::once(name).chain(tags.iter().map(String::as_str));
        NewEvent {
            terms: names.map(|name| hasher().name(name)).collect(),
            event: RecordedEvent {
                position,
                r#type: name.to_owned(),
                tags: tags.to_vec(),
                ..RecordedEvent::default()
            },
            command_id: Uuid::from_u128(position.into()),
            index: 0,
            append_events: 1,
        }
    }

    type Events = Vec<(String, Vec<String>)>;

    fn events(at_most: usize) -> impl Strategy<Value = Events> {
        let event = ("a\\.[AB]", proptest::collection::btree_set("t:[A-D]", 0..4))
            .prop_map(|(name, tags)| (name, tags.into_iter().collect()));
        proptest::collection::vec(event, 0..at_most)
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
        /// What the ring answers is what a scan of the events above the position answers, with events read from the
        /// store, committed ones, and pending ones behind others that were rolled back.
        #[test]
        fn it_finds_what_a_scan_finds(
            base in 0u64..5,
            stored in events(15),
            committed in events(15),
            lost in events(10),
            pending in events(10),
            under_way in 0..10_usize,
            query in query(),
            after_position in 0u64..45,
        ) {
            let number = |first: u64, events: &Events| -> Vec<NewEvent> {
                (first..).zip(events).map(|(position, (name, tags))| new(position, name, tags)).collect()
            };
            let read = (base + 1..)
                .zip(&stored)
                .map(|(position, (name, tags))| indexed(position, name, tags))
                .collect();
            let mut recent = Recent::new(hasher(), base + stored.len() as u64, read);
            let noted = |recent: &mut Recent, events: &Events| {
                let events = number(base + 1 + recent.events.len() as u64, events);
                for new in &events {
                    recent.note(new);
                }
                events
            };
            let written = noted(&mut recent, &committed);
            recent.absorb(written);
            let rolled_back = noted(&mut recent, &lost);
            recent.forget(rolled_back.split_at(rolled_back.len() / 2).into());
            let pending_events = noted(&mut recent, &pending);
            let pending_events = pending_events.split_at(pending_events.len().min(under_way)).into();
            let matching: Vec<u64> = (base + 1..)
                .zip(stored.iter().chain(&committed).chain(&pending))
                .filter(|(position, (name, tags))| *position > after_position && matching::matches(&query, name, tags))
                .map(|(position, _)| position)
                .collect();
            match recent.find(&query, after_position, pending_events) {
                None => prop_assert!(matching.is_empty()),
                Some(position) => prop_assert!(matching.contains(&position)),
            }
        }
    }

    #[test]
    fn it_keeps_only_so_many_and_all_that_nobody_else_knows() {
        let mut recent = Recent::new(hasher(), 0, Vec::new());
        let mut position = 0;
        let mut push = |recent: &mut Recent, tags: &[String]| {
            position += 1;
            let event = new(position, "a.A", tags);
            recent.note(&event);
            recent.absorb(vec![event]);
        };
        for index in 0..MAX_EVENTS + 10 {
            push(&mut recent, &[format!("t:{index}")]);
        }
        recent.evict(4);
        assert_eq!(recent.floor(), 4);
        recent.evict(u64::MAX);
        assert_eq!(recent.floor(), 10);
        assert_eq!(recent.newest.len(), MAX_EVENTS + 1);
        let tags: Vec<String> = (0..64).map(|index| format!("u:{index}")).collect();
        for _ in 0..MAX_TERMS / 64 {
            push(&mut recent, &tags);
        }
        recent.evict(u64::MAX);
        assert!(recent.terms <= MAX_TERMS);
    }
}
