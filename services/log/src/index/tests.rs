//! The runs against a model, whatever happens on the way.

use std::collections::{BTreeMap, BTreeSet};

use keruen_proto::log::v1::{Query, QueryItem};
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    cache::FilterCache,
    filter::Filter,
    lookup::{self, Lookup},
    page::Page,
    questions,
    run::{Changes, Run, RunState},
    storage::{Damage, FilterKey, IndexedEvent, Place, Storage},
    tail::{SharedTail, Tail, postings_of},
    term::{Posting, TermHasher},
    verify::verify,
    *,
};
use crate::{
    cursor::{Cursor, Postings as _},
    log::Range,
    matching,
};

mod rebuild;

/// Rows in memory.
#[derive(Clone, Debug, Default)]
struct Memory {
    events: Vec<IndexedEvent>,
    runs: BTreeMap<u64, Run>,
    pages: BTreeMap<Place, Page>,
    filters: BTreeMap<FilterKey, Vec<u8>>,
    /// Calls that were made.
    calls: usize,
}

impl Memory {
    /// What a database does, whose constraints panic here.
    fn apply(&mut self, changes: &Changes) {
        for removal in &changes.removals {
            let below = removal.below_hash;
            self.pages
                .retain(|(run, first), _| *run != removal.run || first.hash >= below);
            self.filters
                .retain(|(run, first), _| *run != removal.run || *first >= below);
        }
        for run in &changes.forgotten_runs {
            assert_eq!(self.runs.remove(run).unwrap().state, RunState::Dropped);
        }
        for run in &changes.new_runs {
            assert!(self.runs.insert(run.id, *run).is_none());
        }
        for run in &changes.changed_runs {
            let known = self.runs.get_mut(&run.id).unwrap();
            assert_eq!(
                (known.first, known.last, known.level),
                (run.first, run.last, run.level)
            );
            *known = *run;
        }
        for (run, page) in &changes.pages {
            assert!(
                self.pages
                    .insert((*run, page.first), page.clone())
                    .is_none()
            );
        }
        for (run, Filter { first_hash, bytes }) in &changes.filters {
            let known = self
                .filters
                .entry((*run, *first_hash))
                .or_insert_with(|| bytes.clone());
            assert_eq!(known, bytes);
        }
    }

    fn head(&self) -> u64 {
        self.events.len() as u64
    }
}

impl Storage for Memory {
    type Error = Damage;

    fn runs(&mut self) -> Result<Vec<Run>, Damage> {
        let runs = self.runs.values().map(|run| run.checked());
        let mut runs: Vec<_> = runs.collect::<Result<_, _>>()?;
        runs.sort_by_key(|run| (run.first, run.id));
        Ok(runs)
    }

    fn ids_with_rows(&mut self) -> Result<Vec<u64>, Damage> {
        let of_pages = self.pages.keys().map(|(run, _)| *run);
        let of_filters = self.filters.keys().map(|(run, _)| *run);
        Ok(of_pages
            .chain(of_filters)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect())
    }

    fn filters(&mut self, keys: &[FilterKey]) -> Result<Vec<Option<Vec<u8>>>, Damage> {
        self.calls += 1;
        Ok(keys
            .iter()
            .map(|key| self.filters.get(key).cloned())
            .collect())
    }

    fn pages_at(&mut self, places: &[Place]) -> Result<Vec<Option<Page>>, Damage> {
        self.calls += 1;
        Ok(places
            .iter()
            .map(|place| {
                let at = self.pages.range(..=*place).next_back();
                at.filter(|((run, _), _)| *run == place.0)
                    .map(|(_, page)| page.clone())
            })
            .collect())
    }

    fn pages_from(&mut self, places: &[Place], limit: usize) -> Result<Vec<Vec<Page>>, Damage> {
        self.calls += 1;
        Ok(places
            .iter()
            .map(|place| {
                let of_run = self
                    .pages
                    .range(*place..)
                    .take_while(|((run, _), _)| *run == place.0);
                of_run.take(limit).map(|(_, page)| page.clone()).collect()
            })
            .collect())
    }

    fn events(&mut self, first: u64, last: u64) -> Result<Vec<IndexedEvent>, Damage> {
        Ok(self
            .events
            .iter()
            .filter(|event| (first..=last).contains(&event.position))
            .cloned()
            .collect())
    }

    fn events_at(&mut self, positions: &[u64]) -> Result<Vec<IndexedEvent>, Damage> {
        self.calls += 1;
        let all = self.events.iter();
        Ok(all
            .filter(|event| positions.contains(&event.position))
            .cloned()
            .collect())
    }
}

fn hasher() -> TermHasher {
    TermHasher::new([3; 16])
}

fn event(position: u64, tags: Vec<String>, index: u32) -> IndexedEvent {
    IndexedEvent {
        position,
        r#type: format!("a.{}", position % 3),
        tags,
        command_id: Uuid::from_u128(u128::from(position - u64::from(index))),
        command_hash: [1; 32],
        index,
        append_events: index + 1,
    }
}

/// A writer, and what it has stored.
struct Written {
    memory: Memory,
    options: IndexOptions,
    filters: FilterCache,
    compaction: Option<Compaction>,
}

/// What becomes of a group.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Written,
    Lost,
    /// Written, and then the writer starts again.
    WrittenThenRestarted,
}

impl Written {
    fn new(options: IndexOptions) -> Self {
        Self {
            memory: Memory::default(),
            options,
            filters: FilterCache::new(options.filter_cache_bytes),
            compaction: None,
        }
    }

    fn compaction(&mut self) -> Compaction {
        if let Some(compaction) = self.compaction.take() {
            return compaction;
        }
        let head = self.memory.head();
        let mut compaction =
            Compaction::load(self.options, self.filters.clone(), &mut self.memory).unwrap();
        while compaction.head() < head {
            let changes = compaction
                .read_on(head, &hasher(), &mut self.memory)
                .unwrap();
            self.memory.apply(&changes);
            compaction.committed(&changes);
        }
        compaction
    }

    fn append(&mut self, group: Vec<IndexedEvent>, fate: Fate) {
        let mut compaction = self.compaction();
        let hasher = hasher();
        let postings: Vec<_> = group
            .iter()
            .flat_map(|event| postings_of(&hasher, event))
            .collect();
        let head = self.memory.head() + group.len() as u64;
        let changes = compaction
            .add(head, postings.iter().copied(), &mut self.memory)
            .unwrap();
        if let Fate::Lost = fate {
            return;
        }
        self.memory.events.extend(group);
        self.memory.apply(&changes);
        compaction.committed(&changes);
        if let Fate::Written = fate {
            self.compaction = Some(compaction);
        }
    }

    fn complete(&mut self) -> Vec<Run> {
        let mut runs = self.memory.runs().unwrap();
        runs.retain(|run| run.state == RunState::Complete);
        runs
    }

    fn look_up<T>(&mut self, tail: Tail, look: impl FnOnce(&mut Lookup<'_, Memory>) -> T) -> T {
        let runs = self.complete();
        look(&mut Lookup {
            storage: &mut self.memory,
            hasher: &hasher(),
            filters: &self.filters,
            runs: &runs,
            tail,
            at_once: false,
        })
    }

    /// Everything that was stored must be found, and nothing else; and nothing may be left over.
    fn check(&mut self, tags: &[String]) {
        let head = self.memory.head();
        let runs = self.complete();
        let indexed = runs.last().map_or(0, |run| run.last);
        assert!(head - indexed < self.options.run_events);
        verify(&mut self.memory, &hasher(), head, &mut |_| ()).unwrap();
        let known: Vec<u64> = self.memory.runs.keys().copied().collect();
        assert!(self.memory.pages.keys().all(|(run, _)| known.contains(run)));
        assert!(
            self.memory
                .filters
                .keys()
                .all(|(run, _)| known.contains(run))
        );
        let shared = SharedTail::new(self.options.run_events);
        let tail = shared
            .of_snapshot(&mut self.memory, &hasher(), (indexed, head))
            .unwrap();
        let events = self.memory.events.clone();
        for tag in tags {
            let carrying: Vec<_> = events
                .iter()
                .filter(|event| event.tags.contains(tag))
                .map(|event| event.position)
                .collect();
            for from in [1, head / 2, head + 1] {
                let found = self
                    .look_up(tail.clone(), |lookup| lookup.positions(tag, from, 7))
                    .unwrap();
                let expected: Vec<_> = carrying
                    .iter()
                    .copied()
                    .filter(|position| *position >= from)
                    .collect();
                assert_eq!(
                    found[..],
                    expected[..expected.len().min(7)],
                    "{tag} from {from}"
                );
            }
            let query = Query {
                items: vec![QueryItem {
                    types: vec!["a.1".to_owned()],
                    tags: vec![tag.clone()],
                }],
            };
            self.check_query(&query, &events, &tail);
        }
        let mut ids = Vec::new();
        for event in events.iter().filter(|event| event.index == 0) {
            let found = self
                .look_up(tail.clone(), |lookup| lookup.find_command(event.command_id))
                .unwrap();
            assert_eq!(found, Some(lookup::recorded(event)));
            ids.push(event.command_id);
        }
        let unknown = Uuid::from_u128(u128::MAX);
        assert_eq!(
            self.look_up(tail, |lookup| lookup.find_command(unknown))
                .unwrap(),
            None
        );
        ids.push(unknown);
        self.check_together(&ids, &events, indexed);
    }

    fn check_query(&mut self, query: &Query, events: &[IndexedEvent], tail: &Tail) {
        let matching: Vec<_> = events
            .iter()
            .filter(|event| matching::matches(query, &event.r#type, &event.tags))
            .map(|event| event.position)
            .collect();
        let met = self.look_up(tail.clone(), |lookup| {
            let mut cursor = Cursor::new(query);
            let mut met = Vec::new();
            let mut from = 1;
            while let Some(position) = cursor.seek(lookup, from, u64::MAX).unwrap() {
                met.push(position);
                from = position + 1;
            }
            met
        });
        assert_eq!(met, matching);
        let indexed = self.complete().last().map_or(0, |run| run.last);
        for after in [0, indexed / 2, indexed] {
            let expected = matching
                .iter()
                .find(|position| **position > after && **position <= indexed);
            let range = Range::after(after).up_to(indexed);
            let found = self.look_up(Tail::default(), |lookup| lookup.find_match(query, range));
            assert_eq!(found.unwrap(), expected.copied());
        }
    }

    /// All questions together lead to the same answers, in a bounded number of calls.
    fn check_together(&mut self, ids: &[Uuid], events: &[IndexedEvent], indexed: u64) {
        let queries: Vec<_> = events
            .iter()
            .step_by(5)
            .map(|event| Query {
                items: event
                    .tags
                    .chunks(2)
                    .map(|tags| QueryItem {
                        types: Vec::new(),
                        tags: tags.to_vec(),
                    })
                    .chain([QueryItem {
                        types: vec!["a.9".to_owned()],
                        tags: Vec::new(),
                    }])
                    .collect(),
            })
            .collect();
        let asked: Vec<_> = queries
            .iter()
            .map(|query| (query, Range::after(indexed / 3).up_to(indexed)))
            .collect();
        let runs = self.complete();
        self.memory.calls = 0;
        let answers = questions::answer(
            &mut self.memory,
            &hasher(),
            &FilterCache::new(1 << 20),
            &runs,
            (ids, &asked),
        )
        .unwrap();
        assert!(self.memory.calls <= 16);
        for id in ids {
            let alone = self
                .look_up(Tail::default(), |lookup| lookup.find_command(*id))
                .unwrap();
            if let questions::Answer::Known(found) = answers.command(*id) {
                assert_eq!(found, alone);
            }
        }
        for (number, (query, range)) in asked.iter().enumerate() {
            let alone = self
                .look_up(Tail::default(), |lookup| lookup.find_match(query, *range))
                .unwrap();
            if let questions::Answer::Known(found) = answers.matched(number) {
                assert_eq!(found.is_some(), alone.is_some());
            }
        }
    }
}

fn options() -> impl Strategy<Value = IndexOptions> {
    (1..6_u64, 2..5_usize).prop_map(|(run_events, merge_runs)| IndexOptions {
        run_events,
        merge_runs,
        // One filter only: all are loaded again and again.
        filter_cache_bytes: 1,
    })
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Written),
        1 => Just(Fate::Lost),
        1 => Just(Fate::WrittenThenRestarted),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Groups of any sizes, written or lost, with restarts between them: all is found.
    #[test]
    fn runs_hold_what_was_appended(
        options in options(),
        groups in proptest::collection::vec((proptest::collection::vec(
            proptest::collection::btree_set("t:[A-E]|u:[A-Z]", 0..5), 1..9), fate()), 1..60),
    ) {
        let mut written = Written::new(options);
        for (group, fate) in groups {
            let first = written.memory.head() + 1;
            let events = (0_u32..)
                .zip(group)
                .map(|(index, tags)| event(first + u64::from(index), tags.into_iter().collect(), index))
                .collect();
            written.append(events, fate);
        }
        let tags: Vec<_> = ["t:A", "t:B", "t:E", "u:A", "u:Q", "u:none"].map(str::to_owned).into();
        drop(written.compaction.take());
        let compaction = written.compaction();
        written.compaction = Some(compaction);
        written.check(&tags);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// The same with so many terms that runs have many pages and filters.
    #[test]
    fn runs_of_many_pages_hold_what_was_appended(
        seed in 0..1_000_u64,
        restarts in proptest::collection::btree_set(0..60_u64, 0..10),
    ) {
        let mut written = Written::new(IndexOptions { run_events: 20, merge_runs: 3, filter_cache_bytes: 1 << 20 });
        let mut next = seed;
        for group in 0..60 {
            let fate = if restarts.contains(&group) { Fate::WrittenThenRestarted } else { Fate::Written };
            let first = written.memory.head() + 1;
            let events = (0..9)
                .map(|index| {
                    let mut tags: Vec<_> = (0..12)
                        .map(|_| {
                            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                            format!("t:{}", next >> 50)
                        })
                        .collect();
                    tags.push("hot:A".to_owned());
                    tags.sort();
                    tags.dedup();
                    event(first + u64::from(index), tags, index)
                })
                .collect();
            written.append(events, fate);
        }
        let some: Vec<_> = written.memory.events.iter().step_by(29).filter_map(|event| event.tags.get(1).cloned()).collect();
        written.check(&some);
        written.check(&["hot:A".to_owned()]);
        prop_assert!(written.complete()[0].level >= 2);
        prop_assert!(written.memory.pages.len() > 10);
        prop_assert!(written.memory.filters.len() > 4);
    }
}

fn thousand_events() -> Written {
    let mut written = Written::new(IndexOptions {
        run_events: 50,
        merge_runs: 3,
        ..IndexOptions::default()
    });
    for first in (1..1_000).step_by(10) {
        let events = (0..10)
            .map(|index| {
                let position = first + u64::from(index);
                event(
                    position,
                    vec![format!("t:{}", position % 7), format!("u:{position}")],
                    index,
                )
            })
            .collect();
        written.append(events, Fate::Written);
    }
    written
}

/// An index that was tampered with, in any way, is found out, and a sound one is not.
#[test]
fn verification_finds_every_difference() {
    let mut written = thousand_events();
    let head = written.memory.head();
    verify(&mut written.memory, &hasher(), head, &mut |_| ()).unwrap();
    let run = written.complete()[0];
    let tampered = |change: &dyn Fn(&mut Memory)| {
        let mut memory = written.memory.clone();
        change(&mut memory);
        verify(&mut memory, &hasher(), head, &mut |_| ()).unwrap_err()
    };
    let postings_without = |memory: &mut Memory, change: &dyn Fn(&mut Vec<Posting>)| {
        let of_run: Vec<_> = memory
            .pages
            .range((run.id, Posting::default())..=(run.id, Posting::END))
            .map(|(_, page)| page.clone())
            .collect();
        let mut postings: Vec<_> = of_run
            .iter()
            .flat_map(|page| page.postings(run.first).unwrap())
            .collect();
        change(&mut postings);
        postings.sort_unstable();
        memory.pages.retain(|(id, _), _| *id != run.id);
        let mut builder = page::PageBuilder::new(run.first);
        let mut pages: Vec<_> = postings
            .into_iter()
            .filter_map(|posting| builder.push(posting))
            .collect();
        pages.extend(builder.finish());
        for page in pages {
            memory.pages.insert((run.id, page.first), page);
        }
    };
    let of_17 = Posting {
        hash: hasher().name("u:17"),
        position: 17,
    };
    let left_out = tampered(&|memory| {
        postings_without(memory, &|postings| {
            postings.retain(|posting| *posting != of_17);
        });
    });
    assert_eq!(left_out.position, 17);
    assert!(left_out.found.contains("leaves out"), "{left_out}");
    let too_much = tampered(&|memory| {
        postings_without(memory, &|postings| {
            postings.push(Posting {
                position: 19,
                ..of_17
            });
        });
    });
    assert_eq!(too_much.position, 19);
    assert!(too_much.found.contains("does not carry"), "{too_much}");
    let blind = tampered(&|memory| {
        let (key, filter) = memory
            .filters
            .iter_mut()
            .find(|((id, _), _)| *id == run.id)
            .unwrap();
        assert_eq!(key.0, run.id);
        let end = filter.len() - 1;
        filter[end] ^= 0xff;
    });
    assert!(blind.found.contains("filter"), "{blind}");
    let repeated = tampered(&|memory| memory.events[990].command_id = memory.events[0].command_id);
    assert_eq!(repeated.position, 991);
    for change in [
        &|memory: &mut Memory| memory.filters.retain(|(id, _), _| *id != run.id),
        &|memory: &mut Memory| memory.pages.retain(|(id, _), _| *id != run.id),
        &|memory: &mut Memory| memory.runs.retain(|id, _| *id != run.id),
        &|memory: &mut Memory| memory.events[7].tags.clear(),
        &|memory: &mut Memory| drop(memory.events.remove(11)),
    ] as [&dyn Fn(&mut Memory); 5]
    {
        tampered(change);
    }
}

/// Names that were never seen cost a look at the database once in a while only.
#[test]
fn what_was_never_seen_hardly_costs_anything() {
    let mut written = thousand_events();
    let look = |written: &mut Written| {
        for number in 0..2_000 {
            let tag = format!("never:{number}");
            let found = written.look_up(Tail::default(), |lookup| lookup.positions(&tag, 1, 10));
            assert_eq!(found.unwrap(), Vec::<u64>::new());
        }
    };
    // Loads the filters.
    look(&mut written);
    written.memory.calls = 0;
    look(&mut written);
    assert!(written.memory.calls < 20, "{} calls", written.memory.calls);
}

/// What is kept of merges does not grow, and merging keeps up.
#[test]
fn merging_keeps_up() {
    let mut written = Written::new(IndexOptions {
        run_events: 8,
        merge_runs: 4,
        ..IndexOptions::default()
    });
    for position in 1..=8_000 {
        written.append(
            vec![event(position, vec![format!("t:{position}")], 0)],
            Fate::Written,
        );
        let mut of_level = BTreeMap::new();
        for run in written.memory.runs.values() {
            *of_level.entry((run.level, run.state.number())).or_insert(0) += 1;
        }
        assert!(of_level.values().all(|runs| *runs <= 12), "{of_level:?}");
    }
}

proptest! {
    /// However far apart they are.
    #[test]
    fn postings_are_put_in_order(
        first in 1..1_000_000_u64,
        found in proptest::collection::vec((0..1_u64 << 48, 0..70_000_u64), 0..300),
        far in any::<bool>(),
    ) {
        let reach = if far { 70_000 } else { 4_096 };
        let postings: Vec<_> = found
            .iter()
            .flat_map(|(hash, offset)| [*hash, hash % 8].map(|hash| Posting { hash, position: first + offset % reach }))
            .collect();
        let mut expected = postings.clone();
        expected.sort_unstable();
        expected.dedup();
        prop_assert_eq!(compaction::in_order(postings, first), expected);
    }
}
