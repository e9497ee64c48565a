//! What a store holds, in numbers.

use std::collections::{BTreeMap, HashMap};

use crate::index::run::RunState;

/// What a store holds, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Identity of the log, 16 bytes.
    pub log_id: Vec<u8>,
    /// Position of the newest event; 0 where there is none.
    pub position: u64,
    /// RFC 6962 root over the leaves of all events, 32 bytes.
    pub root_hash: Vec<u8>,
    /// When the first and the newest event were recorded, in microseconds.
    pub recorded_at_us: Option<(i64, i64)>,
    /// How many events there are of each type.
    pub types: Vec<(String, u64)>,
    /// How many bytes each part of the store takes on the disk.
    pub bytes: Vec<(String, u64)>,
    /// How the index stands; `None` where the store itself was not looked at.
    pub index: Option<IndexStats>,
}

/// How the index of types, tags and command ids stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexStats {
    /// The runs that answer for their events, by level.
    pub levels: Vec<LevelStats>,
    /// Runs that are being merged from those of the level below.
    pub merging_runs: u64,
    /// Runs that were merged into others and are being removed.
    pub dropped_runs: u64,
    /// Newest events, which are in no run yet: every process has them in memory.
    pub tail_events: u64,
}

/// The runs of one level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelStats {
    /// 0 for those made from events, one more for those merged from others.
    pub level: u32,
    /// How many there are.
    pub runs: u64,
    /// How many events they are over.
    pub events: u64,
    /// Pages of postings.
    pub pages: u64,
    /// What those take, in bytes.
    pub page_bytes: u64,
    /// Filters.
    pub filters: u64,
    /// What those take, in bytes.
    pub filter_bytes: u64,
}

/// A row of the table of runs as it is: id, level, first and last position, state.
pub(crate) type RunRow = (i64, i64, i64, i64, i64);
/// How many rows a run has in another table, and how many bytes they take: its id, and both.
pub(crate) type RowsOfRun = (i64, i64, i64);

impl IndexStats {
    /// Sums up what the tables hold.
    pub(crate) fn of(
        position: u64,
        runs: &[RunRow],
        pages: &[RowsOfRun],
        filters: &[RowsOfRun],
    ) -> Self {
        let by_run = |rows: &[RowsOfRun]| -> HashMap<i64, (u64, u64)> {
            rows.iter()
                .map(|&(run, count, bytes)| (run, (count.unsigned_abs(), bytes.unsigned_abs())))
                .collect()
        };
        let (pages, filters) = (by_run(pages), by_run(filters));
        let mut levels: BTreeMap<u32, LevelStats> = BTreeMap::new();
        let mut stats = Self::default();
        let mut indexed = 0;
        for &(id, level, first, last, state) in runs {
            match RunState::of_number(state) {
                Some(RunState::Complete) => {}
                Some(RunState::Merging) => {
                    stats.merging_runs += 1;
                    continue;
                }
                _ => {
                    stats.dropped_runs += 1;
                    continue;
                }
            }
            let level = u32::try_from(level).unwrap_or(u32::MAX);
            let of_level = levels.entry(level).or_default();
            let (page_count, page_bytes) = pages.get(&id).copied().unwrap_or_default();
            let (filter_count, filter_bytes) = filters.get(&id).copied().unwrap_or_default();
            of_level.level = level;
            of_level.runs += 1;
            of_level.events += last.abs_diff(first) + 1;
            of_level.pages += page_count;
            of_level.page_bytes += page_bytes;
            of_level.filters += filter_count;
            of_level.filter_bytes += filter_bytes;
            indexed = indexed.max(last.unsigned_abs());
        }
        stats.levels = levels.into_values().collect();
        stats.tail_events = position.saturating_sub(indexed);
        stats
    }
}
