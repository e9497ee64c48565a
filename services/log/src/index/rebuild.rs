//! Making the index anew from the events: what of it is damaged is dropped, what agrees with the events is kept.
//!
//! The store is at every moment one that the writer can open: what is dropped is marked as dropped in one transaction, and
//! the rest is what the writer does anyway for events that are in no run. So it can be killed at any time; whoever comes
//! next goes on behind the last run that was made.

use super::{
    Compaction, IndexOptions,
    cache::FilterCache,
    run::{Changes, Run, RunState},
    storage::{Damage, Storage},
    term::TermHasher,
    verify::sound_runs,
};
use crate::verify::{Progress, Reached, Stage};

/// The pages of a run that is dropped are removed in so many slices at most. What a damaged one says of its pages must not
/// be believed.
const MAX_BELIEVED_PAGES: u64 = 1 << 20;

/// What making the index anew needs of a database.
pub(crate) trait Rebuild {
    /// Why it can't be read or written.
    type Error: From<Damage>;
    /// What is read of it.
    type Rows<'r>: Storage<Error = Self::Error>
    where
        Self: 'r;

    /// The damage that an error tells of, if it does.
    fn damage(error: &Self::Error) -> Option<&Damage>;

    /// Runs a look at the rows.
    fn with_rows<T>(
        &mut self,
        look: impl FnOnce(&mut Self::Rows<'_>) -> Result<T, Self::Error>,
    ) -> Result<T, Self::Error>;

    /// Removes the rows of runs that can't be of any ([`Run::checked`]), and pages and filters by ids that no run can
    /// have. In one transaction.
    fn remove_malformed(&mut self) -> Result<(), Self::Error>;

    /// Writes the changes in one transaction.
    fn write(&mut self, changes: &Changes) -> Result<(), Self::Error>;
}

/// How to make the index anew.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReindexOptions {
    /// How the index is kept.
    pub index: IndexOptions,
    /// Drops also what agrees with the events.
    pub from_scratch: bool,
}

/// An index that was made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reindexed {
    /// Position of the newest event.
    pub position: u64,
    /// So many events, from the first on, were in the index already, and rightly.
    pub kept_events: u64,
    /// Runs of the index that were dropped, because they or one before them did not agree with the events.
    pub dropped_runs: u64,
    /// Runs that the index has now.
    pub runs: u64,
}

/// Makes the index anew for the events up to `head`.
pub(crate) fn rebuild<R: Rebuild>(
    storage: &mut R,
    hasher: &TermHasher,
    head: u64,
    options: ReindexOptions,
    progress: Progress<'_>,
) -> Result<Reindexed, R::Error> {
    storage.remove_malformed()?;
    let kept = if options.from_scratch {
        Vec::new()
    } else {
        storage.with_rows(|rows| sound_runs(rows, hasher, head, R::damage, progress))?
    };
    let (dropped_runs, changes) = storage.with_rows(|rows| dropping_all_but(&kept, rows))?;
    if !changes.is_empty() {
        storage.write(&changes)?;
    }
    let filters = FilterCache::new(options.index.filter_cache_bytes);
    let mut compaction =
        storage.with_rows(|rows| Compaction::load(options.index, filters, rows))?;
    while compaction.head() < head {
        let changes = storage.with_rows(|rows| compaction.read_on(head, hasher, rows))?;
        if !changes.is_empty() {
            storage.write(&changes)?;
            compaction.committed(&changes);
        }
        progress(Reached {
            stage: Stage::Indexing,
            done: compaction.head(),
            total: head,
        });
    }
    loop {
        let changes = compaction.tidy();
        if changes.is_empty() {
            break;
        }
        storage.write(&changes)?;
    }
    Ok(Reindexed {
        position: head,
        kept_events: kept.last().map_or(0, |run| run.last),
        dropped_runs,
        runs: compaction.runs().len() as u64,
    })
}

/// Marks all runs as dropped but those kept. Of pages and filters that are left of no run at all, it makes one that is
/// dropped, so that they are removed like others. Answers also how many of them answered for something.
fn dropping_all_but<S: Storage>(kept: &[Run], storage: &mut S) -> Result<(u64, Changes), S::Error> {
    let runs = storage.runs()?;
    let complete = runs.iter().filter(|run| run.state == RunState::Complete);
    let dropped_runs = (complete.count() - kept.len()) as u64;
    let dropped = |run: &Run| Run {
        state: RunState::Dropped,
        pages: run.pages.min(MAX_BELIEVED_PAGES),
        ..*run
    };
    let is_kept = |run: &&Run| kept.iter().any(|kept| kept.id == run.id);
    let mut changes = Changes {
        changed_runs: runs
            .iter()
            .filter(|run| !is_kept(run))
            .map(dropped)
            .collect(),
        ..Changes::default()
    };
    for id in storage.ids_with_rows()? {
        if runs.iter().all(|run| run.id != id) {
            changes.new_runs.push(Run {
                id,
                level: 0,
                first: 1,
                last: 1,
                filter_bits: 0,
                terms: 1,
                pages: 1,
                state: RunState::Dropped,
            });
        }
    }
    Ok((dropped_runs, changes))
}
