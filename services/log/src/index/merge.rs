//! Merging runs into one of the next level, in steps, with little memory whatever their size.

use super::{
    filter::{self, FilterBuilder},
    page::PageBuilder,
    run::{Changes, Removal, Run, RunState},
    storage::{Damage, Storage},
    stream::Streams,
    term::Posting,
};

/// A merge that is under way. Where it was begun without what it has stored, terms and pages stay the estimates that they
/// are at first.
#[derive(Debug)]
pub(super) struct Merge {
    pub output: Run,
    inputs: Streams,
    pages: PageBuilder,
    pages_written: u64,
    filters: FilterBuilder,
    /// Postings up to this one are stored already.
    stored: Option<Posting>,
    last_hash: Option<u64>,
}

impl Merge {
    /// Plans to merge runs that lie side by side. Nothing is read yet.
    pub fn plan(id: u64, inputs: &[Run]) -> Option<Run> {
        let terms = inputs.iter().map(|run| run.terms).sum();
        Some(Run {
            id,
            level: inputs.first()?.level + 1,
            first: inputs.first()?.first,
            last: inputs.last()?.last,
            filter_bits: filter::filter_bits(terms),
            terms,
            pages: inputs.iter().map(|run| run.pages).sum(),
            state: RunState::Merging,
        })
    }

    /// Begins a merge, or goes on with one behind what it has stored.
    pub fn begin<S: Storage>(
        output: Run,
        inputs: &[Run],
        storage: &mut S,
    ) -> Result<Self, S::Error> {
        let last_page = storage
            .pages_at(&[(output.id, Posting::END)])?
            .pop()
            .flatten();
        let stored = match last_page {
            None => None,
            Some(page) => {
                let postings = page.postings(output.first);
                postings.map_err(Damage::malformed(&output))?.pop()
            }
        };
        // The filter at hand was in memory only.
        let start = stored.map_or(Posting::default(), |last| Posting {
            hash: filter::first_hash(output.filter_bits, last.hash),
            position: 0,
        });
        Ok(Self {
            output,
            inputs: Streams::new(inputs, start, storage)?,
            pages: PageBuilder::new(output.first),
            pages_written: 0,
            filters: FilterBuilder::starting_with(output.filter_bits, start.hash),
            stored,
            last_hash: None,
        })
    }

    /// Merges so many postings; answers whether it has finished.
    pub fn step<S: Storage>(
        &mut self,
        mut postings: usize,
        storage: &mut S,
        changes: &mut Changes,
    ) -> Result<bool, S::Error> {
        loop {
            let least = self.inputs.least_hash();
            if least == Posting::END.hash {
                self.finish(changes);
                return Ok(true);
            }
            // Of one hash all postings of an input come before those of the next one.
            for input in 0..self.inputs.len() {
                while self.inputs.at_hand(input).hash == least {
                    if postings == 0 {
                        return Ok(false);
                    }
                    postings -= 1;
                    self.put(self.inputs.at_hand(input), changes);
                    self.inputs.advance(input, storage)?;
                }
            }
        }
    }

    #[inline]
    fn put(&mut self, posting: Posting, changes: &mut Changes) {
        let run = self.output.id;
        if self.last_hash != Some(posting.hash) {
            self.last_hash = Some(posting.hash);
            let filters = &mut changes.filters;
            self.filters
                .push(posting.hash, |filter| filters.push((run, filter)));
        }
        if self.stored.is_none_or(|stored| posting > stored)
            && let Some(page) = self.pages.push(posting)
        {
            changes.pages.push((run, page));
            self.pages_written += 1;
        }
    }

    fn finish(&mut self, changes: &mut Changes) {
        let run = self.output.id;
        if let Some(page) = self.pages.finish() {
            changes.pages.push((run, page));
            self.pages_written += 1;
        }
        let filters = &mut changes.filters;
        self.filters.finish(|filter| filters.push((run, filter)));
        if self.stored.is_none() {
            self.output.terms = self.filters.terms;
            self.output.pages = self.pages_written;
        }
        self.output.state = RunState::Complete;
        changes.change(self.output);
        for input in 0..self.inputs.len() {
            changes.change(Run {
                state: RunState::Dropped,
                ..*self.inputs.run(input)
            });
        }
    }
}

/// The removal of what a dropped run had, in slices of its hashes.
#[derive(Debug)]
pub(super) struct Removing {
    run: Run,
    slices_done: u64,
}

impl Removing {
    pub fn new(run: Run) -> Self {
        Self {
            run,
            slices_done: 0,
        }
    }

    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Removes so many pages, roughly; answers whether nothing is left.
    pub fn step(&mut self, pages: &mut u64, changes: &mut Changes) -> bool {
        // A page and less than a filter each.
        let slices = self.run.pages.max(1);
        let slice = (Posting::END.hash / slices).max(1);
        let taken = (*pages).min(slices - self.slices_done);
        *pages -= taken;
        self.slices_done += taken;
        let done = self.slices_done == slices;
        changes.removals.push(Removal {
            run: self.run.id,
            below_hash: if done {
                // Also what never was a hash.
                u64::MAX
            } else {
                slice * self.slices_done
            },
        });
        if done {
            changes.forgotten_runs.push(self.run.id);
        }
        done
    }
}
