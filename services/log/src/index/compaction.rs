//! Keeps the runs: makes new ones from the newest events, merges them, and removes what was merged.

use std::collections::VecDeque;

use super::{
    IndexOptions,
    cache::FilterCache,
    filter::{self, FilterBuilder},
    merge::{Merge, Removing},
    page::PageBuilder,
    run::{Changes, Run, RunState},
    storage::{Damage, Storage},
    tail::postings_of,
    term::{HASH_BITS, Posting, TermHasher},
};

/// Merging waits until it is worth a look at the database: about two pages of postings.
const MIN_STEP_POSTINGS: usize = 2_048;
/// Postings that one step merges at most, on each level; what is beyond waits for the next step.
const MAX_STEP_POSTINGS: usize = 131_072;
/// Postings that a level merges for each that is appended: more than one, so that it is done before the next runs are.
const STEP_RATIO: usize = 2;
/// Postings of one page, roughly at least.
const PAGE_POSTINGS: usize = 256;
/// Pages that are removed besides, since runs may be small.
const STEP_PAGES: usize = 2;

/// Pages that are removed in one go where nobody waits.
const TIDY_PAGES: u64 = 4_096;

/// The runs as their only writer knows them.
#[derive(Debug)]
pub(crate) struct Compaction {
    options: IndexOptions,
    filters: FilterCache,
    /// Complete ones, side by side from position 1 on.
    runs: Vec<Run>,
    merges: Vec<Merge>,
    removals: VecDeque<Removing>,
    /// Postings behind the runs.
    tail: Vec<Posting>,
    head: u64,
    next_id: u64,
    /// Postings that were appended and not yet worked off by merging.
    due_postings: usize,
    /// Filters of new runs, to be kept when they are committed.
    new_filters: usize,
}

impl Compaction {
    /// Reads how the runs stand. What is behind them is still to be read.
    pub fn load<S: Storage>(
        options: IndexOptions,
        filters: FilterCache,
        storage: &mut S,
    ) -> Result<Self, S::Error> {
        let all = storage.runs()?;
        let complete: Vec<_> = in_state(&all, RunState::Complete).collect();
        check_side_by_side(&complete)?;
        let mut merges = Vec::new();
        for output in in_state(&all, RunState::Merging) {
            let inputs: Vec<_> = complete
                .iter()
                .filter(|run| output.first <= run.first && run.last <= output.last)
                .copied()
                .collect();
            let covered = (inputs.first(), inputs.last());
            if !matches!(covered, (Some(first), Some(last)) if (first.first, last.last) == (output.first, output.last))
            {
                return Err(Damage::of_run(&output, "what it is merged from is not there").into());
            }
            merges.push(Merge::begin(output, &inputs, storage)?);
        }
        let indexed = complete.last().map_or(0, |run| run.last);
        if let Some(newest) = complete.last()
            && storage.events_at(&[indexed])?.is_empty()
        {
            return Err(Damage::of_run(newest, "it goes beyond the newest event").into());
        }
        // Not one that left something behind either: others may still hold what they read of it.
        let with_rows = storage.ids_with_rows()?.last().copied();
        let last_id = all.iter().map(|run| run.id).chain(with_rows).max();
        Ok(Self {
            options,
            filters,
            merges,
            removals: in_state(&all, RunState::Dropped)
                .map(Removing::new)
                .collect(),
            tail: Vec::new(),
            head: indexed,
            next_id: last_id.unwrap_or(0) + 1,
            runs: complete,
            due_postings: 0,
            new_filters: 0,
        })
    }

    /// Complete runs, side by side from position 1 on.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Position that the runs end with.
    pub fn indexed(&self) -> u64 {
        self.runs.last().map_or(0, |run| run.last)
    }

    /// Position up to which it knows the events.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Reads events behind those it knows, up to `head`, no more than a few runs' worth; answers with the changes that
    /// they lead to.
    pub fn read_on<S: Storage>(
        &mut self,
        head: u64,
        hasher: &TermHasher,
        storage: &mut S,
    ) -> Result<Changes, S::Error> {
        let last = head.min(self.head + self.options.run_events.max(1));
        let first = self.head + 1;
        if first > last {
            return Ok(Changes::default());
        }
        let events = storage.events(first, last)?;
        let mut postings = Vec::new();
        for (expected, event) in
            (first..=last).zip(events.iter().map(Some).chain(std::iter::repeat(None)))
        {
            match event {
                Some(event) if event.position == expected => {
                    postings.extend(postings_of(hasher, event));
                }
                _ => return Err(Damage::of_events(expected, "the event is missing").into()),
            }
        }
        if last - self.indexed() < self.options.run_events {
            // Nothing to be done before the next append. One that had to read on merges once, as any other: what it
            // removes was not asked any more before it.
            self.head = last;
            self.due_postings += postings.len();
            self.tail.append(&mut postings);
            return Ok(Changes::default());
        }
        self.add(last, postings.into_iter(), storage)
    }

    /// The head moves to `head` by events with these postings, in order of position. Answers with what must be changed
    /// in the same transaction; if that fails, all of this is void and must be loaded again.
    pub fn add<S: Storage>(
        &mut self,
        head: u64,
        postings: impl Iterator<Item = Posting>,
        storage: &mut S,
    ) -> Result<Changes, S::Error> {
        let mut changes = Changes::default();
        self.head = head;
        let before = self.tail.len();
        self.tail.extend(postings);
        self.due_postings += self.tail.len() - before;
        let completes = self.head - self.indexed() >= self.options.run_events;
        if completes {
            // Before there are new runs: those can't be read yet.
            self.begin_merges(storage, &mut changes)?;
        }
        if completes || self.due_postings >= MIN_STEP_POSTINGS {
            self.merge(storage, &mut changes)?;
        }
        let before = changes.filters.len();
        while self.head - self.indexed() >= self.options.run_events.max(1) {
            self.begin_run(&mut changes);
        }
        self.new_filters = changes.filters.len() - before;
        Ok(changes)
    }

    /// The changes were committed.
    pub fn committed(&mut self, changes: &Changes) {
        for (run, filter) in changes.filters.iter().rev().take(self.new_filters) {
            self.filters.keep(*run, filter);
        }
    }

    fn merge<S: Storage>(
        &mut self,
        storage: &mut S,
        changes: &mut Changes,
    ) -> Result<(), S::Error> {
        let due = self.due_postings.min(MAX_STEP_POSTINGS / STEP_RATIO);
        self.due_postings -= due;
        let mut pages = ((due * STEP_RATIO) / PAGE_POSTINGS + STEP_PAGES) as u64;
        self.remove(&mut pages, changes);
        let mut finished = Vec::new();
        for merge in &mut self.merges {
            if merge.step(due * STEP_RATIO, storage, changes)? {
                finished.push(merge.output);
            }
        }
        for output in finished {
            self.replace(output);
        }
        Ok(())
    }

    /// Removes so many pages of dropped runs, roughly. The run with the greatest id stays until there is one with a
    /// greater one, so that no id is ever used twice.
    fn remove(&mut self, pages: &mut u64, changes: &mut Changes) {
        while *pages > 0
            && let Some(removing) = self.removals.front_mut()
            && removing.run().id + 1 < self.next_id
        {
            if removing.step(pages, changes) {
                self.removals.pop_front();
            }
        }
    }

    /// Removes a part of what is left of dropped runs, apart from any append. Without changes where nothing is left to be
    /// removed now.
    pub fn tidy(&mut self) -> Changes {
        let mut changes = Changes::default();
        let mut pages = TIDY_PAGES;
        self.remove(&mut pages, &mut changes);
        changes
    }

    /// A merge has finished: its output answers for what its inputs did.
    fn replace(&mut self, output: Run) {
        self.merges.retain(|merge| merge.output.id != output.id);
        let start = self.runs.partition_point(|run| run.last < output.first);
        let end = self.runs.partition_point(|run| run.last <= output.last);
        let inputs = self.runs.splice(start..end, [output]);
        self.removals.extend(inputs.map(Removing::new));
    }

    /// Makes a run of the oldest events in the tail.
    fn begin_run(&mut self, changes: &mut Changes) {
        let first = self.indexed() + 1;
        let last = self.indexed() + self.options.run_events.max(1);
        let split = self
            .tail
            .partition_point(|posting| posting.position <= last);
        // The room stays: it is needed for the next run.
        let postings = in_order(self.tail.drain(..split).collect(), first);
        let terms = postings.chunk_by(|one, next| one.hash == next.hash).count() as u64;
        let mut run = Run {
            id: self.next_id,
            level: 0,
            first,
            last,
            filter_bits: filter::filter_bits(terms),
            terms,
            pages: 0,
            state: RunState::Complete,
        };
        self.next_id += 1;
        let mut pages = PageBuilder::new(first);
        let mut filters = FilterBuilder::starting_with(run.filter_bits, 0);
        let before = changes.pages.len();
        let mut last_hash = None;
        for posting in postings {
            changes
                .pages
                .extend(pages.push(posting).map(|page| (run.id, page)));
            if last_hash.replace(posting.hash) != Some(posting.hash) {
                let complete = &mut changes.filters;
                filters.push(posting.hash, |filter| complete.push((run.id, filter)));
            }
        }
        changes
            .pages
            .extend(pages.finish().map(|page| (run.id, page)));
        filters.finish(|filter| changes.filters.push((run.id, filter)));
        run.pages = (changes.pages.len() - before) as u64;
        changes.new_runs.push(run);
        self.runs.push(run);
    }

    /// Begins a merge on each level that has enough runs for one. They must be stored already.
    fn begin_merges<S: Storage>(
        &mut self,
        storage: &mut S,
        changes: &mut Changes,
    ) -> Result<(), S::Error> {
        let enough = self.options.merge_runs.max(2);
        for of_level in self.runs.chunk_by(|one, next| one.level == next.level) {
            let merging =
                |merge: &Merge| of_level.iter().any(|run| run.first == merge.output.first);
            if self.merges.iter().any(merging) {
                continue;
            }
            if let Some(inputs) = of_level.get(..enough)
                && let Some(output) = Merge::plan(self.next_id, inputs)
            {
                self.next_id += 1;
                changes.new_runs.push(output);
                self.merges.push(Merge::begin(output, inputs, storage)?);
            }
        }
        Ok(())
    }
}

/// Postings by hash and position, each once. Where they are as near to one another as those of a run are, one number holds
/// both, which is much faster to sort.
pub(super) fn in_order(mut postings: Vec<Posting>, first: u64) -> Vec<Posting> {
    const POSITION_BITS: u32 = u64::BITS - HASH_BITS;
    let fits = |posting: &Posting| (posting.position - first) >> POSITION_BITS == 0;
    if !postings.iter().all(fits) {
        postings.sort_unstable();
        postings.dedup();
        return postings;
    }
    let packed = |posting: &Posting| posting.hash << POSITION_BITS | (posting.position - first);
    let mut numbers: Vec<_> = postings.iter().map(packed).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let posting = |number: u64| Posting {
        hash: number >> POSITION_BITS,
        position: first + (number & ((1 << POSITION_BITS) - 1)),
    };
    numbers.into_iter().map(posting).collect()
}

fn in_state(runs: &[Run], state: RunState) -> impl Iterator<Item = Run> {
    runs.iter().filter(move |run| run.state == state).copied()
}

/// Complete runs must leave no position out.
pub(super) fn check_side_by_side(runs: &[Run]) -> Result<(), Damage> {
    let mut expected = 1;
    for run in runs {
        if run.first != expected {
            return Err(Damage::of_run(
                run,
                format!("the run should begin at position {expected}"),
            ));
        }
        expected = run.last + 1;
    }
    Ok(())
}
