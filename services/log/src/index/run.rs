//! Runs, and what a transaction changes about them.

use super::{
    filter::{self, Filter},
    page::Page,
    storage::Damage,
};
use crate::bounds::MAX_EVENT_TAGS;

/// Ids beyond this one were never given; so many runs nobody makes.
pub(crate) const MAX_RUN_ID: u64 = 1 << 62;
/// Positions beyond this one were never given.
const MAX_POSITION: u64 = 1 << 62;
/// Levels beyond this one would need more events than there are positions.
const MAX_LEVEL: u32 = 62;
/// Postings of one event at most: its tags, its type and its command id.
const MAX_EVENT_POSTINGS: u64 = MAX_EVENT_TAGS as u64 + 2;

/// What a run is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunState {
    /// Its pages are being written; nobody reads it yet.
    Merging,
    /// It answers for its positions.
    Complete,
    /// Another one answers for its positions; its pages are being removed.
    Dropped,
}

impl RunState {
    /// The number it is stored as.
    pub fn number(self) -> i32 {
        match self {
            Self::Merging => 0,
            Self::Complete => 1,
            Self::Dropped => 2,
        }
    }

    pub fn of_number(number: i64) -> Option<Self> {
        [Self::Merging, Self::Complete, Self::Dropped]
            .into_iter()
            .find(|state| i64::from(state.number()) == number)
    }
}

/// The postings of the events of `first..=last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Ascends in the order in which runs are begun, and is never used twice.
    pub id: u64,
    /// 0 where it was made from events; one more than the runs that it was merged from.
    pub level: u32,
    pub first: u64,
    pub last: u64,
    /// See [`super::filter::filter_bits`].
    pub filter_bits: u32,
    /// Different hashes; at most, while it is being merged.
    pub terms: u64,
    /// Pages; at most, while it is being merged.
    pub pages: u64,
    pub state: RunState,
}

impl Run {
    /// The run, if a row can be of one: all that is made of these numbers rests on them.
    pub fn checked(self) -> Result<Self, Damage> {
        let is_placed = (1..=MAX_RUN_ID).contains(&self.id)
            && self.level <= MAX_LEVEL
            && (1..=self.last).contains(&self.first)
            && self.last <= MAX_POSITION;
        let postings = self
            .last
            .saturating_sub(self.first)
            .saturating_add(1)
            .saturating_mul(MAX_EVENT_POSTINGS);
        let is_sound = is_placed
            && self.filter_bits <= filter::filter_bits(postings)
            && (1..=postings).contains(&self.terms)
            && (1..=postings).contains(&self.pages);
        if is_sound {
            return Ok(self);
        }
        Err(Damage::of_run(&self, "the row of a run is malformed"))
    }
}

/// Removes the pages and filters of a run whose first hash is below another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Removal {
    pub run: u64,
    pub below_hash: u64,
}

/// What one transaction changes about the index. No row is named twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub new_runs: Vec<Run>,
    /// State, terms and pages of runs that were there.
    pub changed_runs: Vec<Run>,
    pub pages: Vec<(u64, Page)>,
    /// A filter that is there already stays: it is the same one.
    pub filters: Vec<(u64, Filter)>,
    pub removals: Vec<Removal>,
    /// Runs of which nothing is left.
    pub forgotten_runs: Vec<u64>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        let Self {
            new_runs,
            changed_runs,
            pages,
            filters,
            removals,
            forgotten_runs,
        } = self;
        new_runs.is_empty()
            && changed_runs.is_empty()
            && pages.is_empty()
            && filters.is_empty()
            && removals.is_empty()
            && forgotten_runs.is_empty()
    }

    /// A run has changed, maybe one that is new.
    pub fn change(&mut self, run: Run) {
        let known = self.new_runs.iter_mut().chain(&mut self.changed_runs);
        match known.into_iter().find(|known| known.id == run.id) {
            Some(known) => *known = run,
            None => self.changed_runs.push(run),
        }
    }
}
