//! Whatever is damaged of the index, it is found out or does no harm, and can be made anew.

use std::sync::Arc;

use super::*;
use crate::index::{
    rebuild::{self, Rebuild, ReindexOptions, Reindexed},
    run::MAX_RUN_ID,
};

/// A store whose process is killed after so many writes.
struct Mortal<'m> {
    memory: &'m mut Memory,
    writes_left: usize,
}

const KILLED: &str = "killed";

impl Rebuild for Mortal<'_> {
    type Error = Damage;
    type Rows<'r>
        = Memory
    where
        Self: 'r;

    fn damage(error: &Damage) -> Option<&Damage> {
        Some(error)
    }

    fn with_rows<T>(
        &mut self,
        look: impl FnOnce(&mut Memory) -> Result<T, Damage>,
    ) -> Result<T, Damage> {
        look(self.memory)
    }

    fn remove_malformed(&mut self) -> Result<(), Damage> {
        let known = 1..=MAX_RUN_ID;
        let Memory {
            runs,
            pages,
            filters,
            ..
        } = &mut *self.memory;
        runs.retain(|_, run| run.checked().is_ok());
        pages.retain(|(run, _), _| known.contains(run));
        filters.retain(|(run, _), _| known.contains(run));
        Ok(())
    }

    fn write(&mut self, changes: &Changes) -> Result<(), Damage> {
        let left = self.writes_left.checked_sub(1);
        self.writes_left = left.ok_or_else(|| Damage::of_events(0, KILLED))?;
        self.memory.apply(changes);
        Ok(())
    }
}

fn reindex(
    memory: &mut Memory,
    options: IndexOptions,
    from_scratch: bool,
    writes_left: usize,
) -> Result<Reindexed, Damage> {
    let head = memory.head();
    let mut storage = Mortal {
        memory,
        writes_left,
    };
    let options = ReindexOptions {
        index: options,
        from_scratch,
    };
    rebuild::rebuild(&mut storage, &hasher(), head, options, &mut |_| ())
}

/// Something that happens to one row, the number of which counts them round and round.
#[derive(Clone, Debug)]
enum Harm {
    RemovePage(usize),
    FlipPage(usize, usize),
    MovePage(usize, u32),
    RemoveFilter(usize),
    FlipFilter(usize, usize),
    RemoveRun(usize),
    FlipRun(usize, usize, u32),
    StrayPage(u64),
}

fn harm() -> impl Strategy<Value = Harm> {
    let row = 0..1_000_usize;
    let bit = 0..40_000_usize;
    prop_oneof![
        row.clone().prop_map(Harm::RemovePage),
        (row.clone(), bit.clone()).prop_map(|(row, bit)| Harm::FlipPage(row, bit)),
        (row.clone(), 0..128_u32).prop_map(|(row, bit)| Harm::MovePage(row, bit)),
        row.clone().prop_map(Harm::RemoveFilter),
        (row.clone(), bit).prop_map(|(row, bit)| Harm::FlipFilter(row, bit)),
        row.clone().prop_map(Harm::RemoveRun),
        (row, 0..8_usize, 0..64_u32).prop_map(|(row, field, bit)| Harm::FlipRun(row, field, bit)),
        (1..1_u64 << 63).prop_map(Harm::StrayPage),
    ]
}

fn flip(bytes: &mut [u8], bit: usize) {
    if let Some(bit) = bit.checked_rem(bytes.len() * 8) {
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

impl Harm {
    fn happen(&self, memory: &mut Memory) {
        let page = |memory: &Memory, row: usize| {
            let at = row.checked_rem(memory.pages.len())?;
            memory.pages.keys().nth(at).copied()
        };
        let filter = |memory: &Memory, row: usize| {
            let at = row.checked_rem(memory.filters.len())?;
            memory.filters.keys().nth(at).copied()
        };
        let run = |memory: &Memory, row: usize| {
            let at = row.checked_rem(memory.runs.len())?;
            memory.runs.keys().nth(at).copied()
        };
        match *self {
            Self::RemovePage(row) => {
                page(memory, row).map(|key| memory.pages.remove(&key));
            }
            Self::FlipPage(row, bit) => {
                let page = page(memory, row).and_then(|key| memory.pages.get_mut(&key));
                if let Some(page) = page {
                    flip(Arc::make_mut(&mut page.bytes), bit);
                }
            }
            Self::MovePage(row, bit) => {
                if let Some(key @ (run, mut first)) = page(memory, row) {
                    let mut page = memory.pages.remove(&key).unwrap();
                    match bit {
                        0..63 => first.hash ^= 1 << bit,
                        // Not the sign, which a check keeps.
                        _ => first.position ^= 1 << (bit % 63),
                    }
                    page.first = first;
                    memory.pages.insert((run, first), page);
                }
            }
            Self::RemoveFilter(row) => {
                filter(memory, row).map(|key| memory.filters.remove(&key));
            }
            Self::FlipFilter(row, bit) => {
                let filter = filter(memory, row).and_then(|key| memory.filters.get_mut(&key));
                if let Some(filter) = filter {
                    flip(filter, bit);
                }
            }
            Self::RemoveRun(row) => {
                run(memory, row).map(|key| memory.runs.remove(&key));
            }
            Self::FlipRun(row, field, bit) => {
                if let Some(id) = run(memory, row) {
                    let mut run = memory.runs.remove(&id).unwrap();
                    let (long, short) = (1_u64 << (bit % 63), 1_u32 << (bit % 31));
                    match field {
                        0 => run.id ^= long,
                        1 => run.level ^= short,
                        2 => run.first ^= long,
                        3 => run.last ^= long,
                        4 => run.filter_bits ^= short,
                        5 => run.terms ^= long,
                        6 => run.pages ^= long,
                        _ => {
                            run.state = match run.state {
                                RunState::Merging => RunState::Complete,
                                RunState::Complete => RunState::Dropped,
                                RunState::Dropped => RunState::Merging,
                            }
                        }
                    }
                    memory.runs.insert(run.id, run);
                }
            }
            Self::StrayPage(run) => {
                let first = Posting {
                    hash: 5,
                    position: 1,
                };
                let page = Page {
                    first,
                    bytes: [0, 0].into(),
                };
                memory.pages.insert((run, first), page);
            }
        }
    }
}

fn written(options: IndexOptions, groups: usize) -> Written {
    let mut written = Written::new(options);
    for number in 0..groups {
        let first = written.memory.head() + 1;
        let events = (0..7)
            .map(|index| {
                let position = first + u64::from(index);
                let tags = vec![format!("t:{}", position % 5), format!("u:{position}")];
                event(position, tags, index)
            })
            .collect();
        let restarts = number % 13 == 5;
        let fate = if restarts {
            Fate::WrittenThenRestarted
        } else {
            Fate::Written
        };
        written.append(events, fate);
    }
    written
}

/// A writer that meets the damage refuses, or what it does is right as far as anybody can tell; it never panics.
fn provoke(memory: &Memory, options: IndexOptions) {
    let mut memory = memory.clone();
    let filters = FilterCache::new(options.filter_cache_bytes);
    let head = memory.head();
    let _ = verify(&mut memory, &hasher(), head, &mut |_| ());
    let Ok(mut compaction) = Compaction::load(options, filters, &mut memory) else {
        return;
    };
    while compaction.head() < head {
        if compaction.read_on(head, &hasher(), &mut memory).is_err() {
            return;
        }
    }
    let hash = hasher().name("t:1");
    let postings: Vec<_> = (1..50)
        .map(|number| Posting {
            hash,
            position: head + number,
        })
        .collect();
    let _ = compaction.add(head + 49, postings.into_iter(), &mut memory);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// However it is damaged, and however often the work is interrupted: the index is exact in the end, and nothing is
    /// left of what was there before.
    #[test]
    fn a_damaged_index_is_made_anew(
        options in options(),
        groups in 1..40_usize,
        harms in proptest::collection::vec(harm(), 0..4),
        lives in proptest::collection::vec(0..6_usize, 0..4),
        from_scratch in any::<bool>(),
    ) {
        let mut written = written(options, groups);
        written.compaction = None;
        let before: Vec<_> = written.complete();
        let first_new = written.memory.runs.keys().max().map_or(1, |id| id + 1);
        for harm in &harms {
            harm.happen(&mut written.memory);
        }
        provoke(&written.memory, options);
        let mut from_scratch = from_scratch;
        for writes in lives {
            if let Err(error) = reindex(&mut written.memory, options, from_scratch, writes) {
                prop_assert_eq!(error.found, KILLED);
            }
            // Whoever goes on does not begin again.
            from_scratch = false;
            // A writer could go on as well.
            let filters = FilterCache::new(1);
            prop_assume!(written.memory.runs().is_ok());
            prop_assert!(writes == 0 || Compaction::load(options, filters, &mut written.memory).is_ok());
        }
        let reindexed = reindex(&mut written.memory, options, from_scratch, usize::MAX).unwrap();
        prop_assert_eq!(reindexed.position, written.memory.head());
        prop_assert_eq!(reindexed.runs, written.complete().len() as u64);
        for run in written.complete() {
            // An id that was moved or lost by the damage may come again; no other does.
            prop_assert!(before.contains(&run) || run.id >= first_new || !harms.is_empty());
        }
        let tags: Vec<_> = ["t:0", "t:4", "u:1", "u:20", "u:none"].map(str::to_owned).into();
        written.check(&tags);
        // And it goes on from there.
        for _ in 0..10 {
            let first = written.memory.head() + 1;
            written.append(vec![event(first, vec!["t:0".to_owned()], 0)], Fate::Written);
        }
        written.check(&tags);
    }
}

/// What agrees with the events is kept, unless nothing is to be.
#[test]
fn what_is_sound_is_kept() {
    let options = IndexOptions {
        run_events: 10,
        merge_runs: 4,
        ..IndexOptions::default()
    };
    let mut sound = written(options, 60);
    sound.compaction = None;
    let runs = sound.complete();
    let indexed = runs.last().unwrap().last;
    let reindexed = reindex(&mut sound.memory, options, false, usize::MAX).unwrap();
    assert_eq!(
        (reindexed.kept_events, reindexed.dropped_runs),
        (indexed, 0)
    );
    assert_eq!(sound.complete(), runs);

    let second = runs[1];
    sound.memory.filters.retain(|(run, _), _| *run != second.id);
    let reindexed = reindex(&mut sound.memory, options, false, usize::MAX).unwrap();
    assert_eq!(reindexed.kept_events, runs[0].last);
    let last_id = runs.iter().map(|run| run.id).max().unwrap();
    let after = sound.complete();
    assert_eq!(after[0], runs[0]);
    assert!(after[1..].iter().all(|run| run.id > last_id));

    let reindexed = reindex(&mut sound.memory, options, true, usize::MAX).unwrap();
    assert_eq!(reindexed.kept_events, 0);
    assert_eq!(reindexed.dropped_runs, after.len() as u64);
    let last_id = after.iter().map(|run| run.id).max().unwrap();
    assert!(sound.complete().iter().all(|run| run.id > last_id));
    sound.check(&["t:0".to_owned(), "u:100".to_owned()]);
}

/// The index is made of the events, so that one that is missing is said and not left out.
#[test]
fn a_missing_event_is_said() {
    let options = IndexOptions {
        run_events: 10,
        merge_runs: 4,
        ..IndexOptions::default()
    };
    let mut damaged = written(options, 20);
    damaged.compaction = None;
    damaged.memory.events.remove(16);
    // As many as before, so that the head stands.
    let mut newest = damaged.memory.events.last().unwrap().clone();
    newest.position += 1;
    damaged.memory.events.push(newest);
    for from_scratch in [false, true] {
        let refused = reindex(&mut damaged.memory, options, from_scratch, usize::MAX).unwrap_err();
        assert_eq!(
            (refused.position, refused.found.as_str()),
            (17, "the event is missing")
        );
    }
}
