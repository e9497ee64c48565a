//! Looking something up: in the runs that may hold it, then in the tail; and then at the event itself.

use keruen_proto::log::v1::{Appended, Query, QueryItem};
use uuid::Uuid;

use super::{
    cache::FilterCache,
    page::{Page, Rest},
    run::Run,
    storage::{Damage, IndexedEvent, Storage},
    tail::Tail,
    term::{Posting, TermHasher},
};
use crate::{
    cursor::{Cursor, Postings},
    log::{Range, RecordedCommand},
    matching,
};

/// Runs that are asked at first in one go; then four times as many.
const FIRST_RUNS: usize = 4;
/// Positions of one command id that are looked at in one go; there is one, or a collision of hashes.
const COMMAND_POSITIONS: usize = 4;

/// The index in one snapshot.
pub(crate) struct Lookup<'s, S> {
    pub storage: &'s mut S,
    pub hasher: &'s TermHasher,
    pub filters: &'s FilterCache,
    /// Complete ones, by first position.
    pub runs: &'s [Run],
    /// What stands behind them.
    pub tail: Tail,
    /// Asks at once for all that may be needed, instead of for more and more as long as it is needed.
    pub at_once: bool,
}

impl<S: Storage> Lookup<'_, S> {
    /// The first positions of a hash from `from` on, at most `limit`; fewer only where there are no more.
    fn positions_of(&mut self, hash: u64, from: u64, limit: usize) -> Result<Vec<u64>, S::Error> {
        let mut found = Vec::new();
        let mut rest = &self.runs[self.runs.partition_point(|run| run.last < from)..];
        let mut runs = if self.at_once { usize::MAX } else { FIRST_RUNS };
        while !rest.is_empty() && found.len() < limit {
            let (now, later) = rest.split_at(runs.min(rest.len()));
            self.collect((hash, from), limit, now, &mut found)?;
            rest = later;
            runs = runs.saturating_mul(4);
        }
        self.tail.collect((hash, from), limit, &mut found);
        Ok(found)
    }

    fn collect(
        &mut self,
        (hash, from): (u64, u64),
        limit: usize,
        runs: &[Run],
        found: &mut Vec<u64>,
    ) -> Result<(), S::Error> {
        let holding = self.filters.holding(self.storage, runs, hash)?;
        if holding.is_empty() {
            return Ok(());
        }
        let start = Posting {
            hash,
            position: from,
        };
        let places: Vec<_> = holding.iter().map(|run| (run.id, start)).collect();
        let pages = self.storage.pages_at(&places)?;
        for (run, page) in holding.into_iter().zip(pages) {
            if found.len() >= limit {
                break;
            }
            self.collect_from(run, page, start, limit, found)?;
        }
        Ok(())
    }

    fn collect_from(
        &mut self,
        run: &Run,
        page: Option<Page>,
        start: Posting,
        limit: usize,
        found: &mut Vec<u64>,
    ) -> Result<(), S::Error> {
        let mut next = start;
        let mut page = page;
        loop {
            if page.is_none() {
                page = self.page_from(run, next)?;
            }
            let Some(at_hand) = page.take() else {
                return Ok(());
            };
            let rest = at_hand
                .collect(run.first, (start.hash, start.position), limit, found)
                .map_err(Damage::malformed(run))?;
            if rest == Rest::Done || found.len() >= limit {
                return Ok(());
            }
            next = at_hand.first.next();
        }
    }

    fn page_from(&mut self, run: &Run, posting: Posting) -> Result<Option<Page>, S::Error> {
        let pages = self.storage.pages_from(&[(run.id, posting)], 1)?;
        Ok(pages.into_iter().flatten().next())
    }

    /// What a command id was used for.
    pub fn find_command(&mut self, command_id: Uuid) -> Result<Option<RecordedCommand>, S::Error> {
        let hash = self.hasher.command(command_id);
        let mut from = 1;
        loop {
            let positions = self.positions_of(hash, from, COMMAND_POSITIONS)?;
            let Some(last) = positions.last() else {
                return Ok(None);
            };
            from = last + 1;
            let events = events_at(self.storage, &positions)?;
            let first = events
                .into_iter()
                .find(|event| event.index == 0 && event.command_id == command_id);
            if let Some(first) = first {
                return Ok(Some(recorded(&first)));
            }
            if positions.len() < COMMAND_POSITIONS {
                return Ok(None);
            }
        }
    }

    /// Position of an event in the range that matches, up to the end of the runs.
    pub fn find_match(&mut self, query: &Query, range: Range) -> Result<Option<u64>, S::Error> {
        for item in alternatives(query) {
            let found = self.find_item(item, range)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The same for one alternative.
    pub fn find_item(&mut self, item: &QueryItem, range: Range) -> Result<Option<u64>, S::Error> {
        let indexed = self.runs.last().map_or(0, |run| run.last);
        let up_to = range.up_to_position.unwrap_or(u64::MAX).min(indexed);
        let after_position = range.after_position;
        if after_position >= up_to {
            return Ok(None);
        }
        if item.types.is_empty() && item.tags.is_empty() {
            return Ok(Some(up_to));
        }
        let runs = self.runs_of(item, after_position, up_to)?;
        if runs.is_empty() {
            return Ok(None);
        }
        if self.at_once {
            self.pages_of(item, after_position + 1, &runs)?;
        }
        let mut narrowed = Lookup {
            storage: &mut *self.storage,
            hasher: self.hasher,
            filters: self.filters,
            runs: &runs,
            tail: Tail::default(),
            at_once: self.at_once,
        };
        let mut cursor = Cursor::of_item(item);
        let mut from = after_position + 1;
        while let Some(position) = cursor.seek(&mut narrowed, from, up_to)? {
            let found = events_at(narrowed.storage, &[position])?;
            if found
                .iter()
                .any(|event| matching::matches_item(item, &event.r#type, &event.tags))
            {
                return Ok(Some(position));
            }
            from = position + 1;
        }
        Ok(None)
    }

    /// Asks for the pages of all that the item asks for.
    fn pages_of(&mut self, item: &QueryItem, from: u64, runs: &[Run]) -> Result<(), S::Error> {
        let mut places = Vec::new();
        for name in item.tags.iter().chain(&item.types) {
            let start = Posting {
                hash: self.hasher.name(name),
                position: from,
            };
            places.extend(runs.iter().map(|run| (run.id, start)));
        }
        self.storage.pages_at(&places)?;
        Ok(())
    }

    /// The runs that may hold all that the item asks for.
    fn runs_of(
        &mut self,
        item: &QueryItem,
        after_position: u64,
        up_to: u64,
    ) -> Result<Vec<Run>, S::Error> {
        let asked: Vec<_> = self
            .runs
            .iter()
            .filter(|run| run.last > after_position && run.first <= up_to)
            .collect();
        let hashes = |names: &[String]| -> Vec<_> {
            names.iter().map(|name| self.hasher.name(name)).collect()
        };
        let (tags, types) = (hashes(&item.tags), hashes(&item.types));
        // In one journey, whatever comes of it.
        let wanted = asked
            .iter()
            .flat_map(|run| tags.iter().chain(&types).map(|hash| (*run, *hash)));
        self.filters.load(self.storage, wanted)?;
        let mut holding = asked;
        for hash in tags {
            holding = self.filters.holding(self.storage, holding, hash)?;
        }
        if types.is_empty() {
            return Ok(holding.into_iter().copied().collect());
        }
        let mut any: Vec<&Run> = Vec::new();
        for hash in types {
            any.extend(
                self.filters
                    .holding(self.storage, holding.iter().copied(), hash)?,
            );
        }
        holding.retain(|run| any.iter().any(|other| other.id == run.id));
        Ok(holding.into_iter().copied().collect())
    }
}

/// Of a query; without any it means every event, as one that asks for nothing does.
pub(super) fn alternatives(query: &Query) -> &[QueryItem] {
    static EVERY: [QueryItem; 1] = [QueryItem {
        types: Vec::new(),
        tags: Vec::new(),
    }];
    if query.items.is_empty() {
        return &EVERY;
    }
    &query.items
}

impl<S: Storage> Postings for Lookup<'_, S> {
    type Error = S::Error;

    fn positions(&mut self, term: &str, from: u64, limit: usize) -> Result<Vec<u64>, S::Error> {
        self.positions_of(self.hasher.name(term), from, limit)
    }
}

/// The events at positions that the index names.
fn events_at<S: Storage>(
    storage: &mut S,
    positions: &[u64],
) -> Result<Vec<IndexedEvent>, S::Error> {
    let events = storage.events_at(positions)?;
    let mut found = events.iter().map(|event| event.position);
    match positions
        .iter()
        .find(|&&wanted| found.next() != Some(wanted))
    {
        None => Ok(events),
        Some(&position) => {
            Err(Damage::new(position, "the index names an event that is not there").into())
        }
    }
}

/// The reply to the append that an event was the first of.
pub(crate) fn recorded(first: &IndexedEvent) -> RecordedCommand {
    RecordedCommand {
        command_hash: first.command_hash,
        appended: Appended {
            first_position: first.position,
            // An append has at least one event.
            last_position: first.position + u64::from(first.append_events.max(1)) - 1,
        },
    }
}
