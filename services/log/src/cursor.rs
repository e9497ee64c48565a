//! Walks over the positions that match a query, from lists of positions for each type and tag. Lists may name positions
//! too many; so does the walk then, but never too few.

use keruen_proto::log::v1::{Query, QueryItem};

use crate::matching;

/// Positions asked for at first and at most in one go.
const FIRST_BATCH: usize = 16;
const LAST_BATCH: usize = 1_024;

/// For each type and tag the positions of the events that carry it, ascending, and maybe of others.
pub(crate) trait Postings {
    /// Why they can't be read.
    type Error;

    /// The first positions from `from` on, at most `limit`; fewer only where there are no more.
    fn positions(&mut self, term: &str, from: u64, limit: usize) -> Result<Vec<u64>, Self::Error>;
}

/// Where the walk stands.
#[derive(Debug)]
pub(crate) enum Cursor<'q> {
    /// All positions.
    Every,
    /// Those that carry one type or tag.
    Term(TermCursor<'q>),
    /// Those on which all agree.
    AllOf(Vec<Cursor<'q>>),
    /// Those that any has.
    AnyOf(Vec<Cursor<'q>>),
}

impl<'q> Cursor<'q> {
    /// A walk over the matches of the query.
    pub fn new(query: &'q Query) -> Self {
        if matching::is_everything(query) {
            return Self::Every;
        }
        one_or(query.items.iter().map(Self::of_item).collect(), Self::AnyOf)
    }

    /// A walk over the matches of one alternative, which asks for something.
    pub fn of_item(item: &'q QueryItem) -> Self {
        let mut all: Vec<_> = item.tags.iter().map(|tag| Self::term(tag)).collect();
        if !item.types.is_empty() {
            let types = item.types.iter().map(|name| Self::term(name)).collect();
            all.push(one_or(types, Self::AnyOf));
        }
        one_or(all, Self::AllOf)
    }

    fn term(term: &'q str) -> Self {
        Self::Term(TermCursor {
            term,
            buffer: Vec::new(),
            batch: FIRST_BATCH,
            exhausted: false,
        })
    }

    /// The first match within `from..=up_to`. From call to call `from` must not decrease.
    pub fn seek<P: Postings>(
        &mut self,
        postings: &mut P,
        from: u64,
        up_to: u64,
    ) -> Result<Option<u64>, P::Error> {
        if from > up_to {
            return Ok(None);
        }
        let found = match self {
            Self::Every => Some(from),
            Self::Term(term) => term.seek(postings, from)?,
            Self::AnyOf(cursors) => {
                let mut first = None;
                for cursor in cursors {
                    let found = cursor.seek(postings, from, first.unwrap_or(up_to))?;
                    first = found.or(first);
                }
                first
            }
            Self::AllOf(cursors) => return agree(cursors, postings, from, up_to),
        };
        Ok(found.filter(|position| *position <= up_to))
    }
}

/// Leapfrogs until all cursors stand at one position.
fn agree<P: Postings>(
    cursors: &mut [Cursor<'_>],
    postings: &mut P,
    from: u64,
    up_to: u64,
) -> Result<Option<u64>, P::Error> {
    let mut position = from;
    let mut agreeing = 0;
    for turn in (0..cursors.len()).cycle() {
        let Some(found) = cursors[turn].seek(postings, position, up_to)? else {
            return Ok(None);
        };
        agreeing = if found == position { agreeing + 1 } else { 1 };
        position = found;
        if agreeing == cursors.len() {
            return Ok(Some(position));
        }
    }
    Ok(None)
}

fn one_or<'q>(mut cursors: Vec<Cursor<'q>>, many: fn(Vec<Cursor<'q>>) -> Cursor<'q>) -> Cursor<'q> {
    match cursors.pop() {
        Some(only) if cursors.is_empty() => only,
        last => {
            cursors.extend(last);
            many(cursors)
        }
    }
}

/// A walk along one list, read in growing batches.
#[derive(Debug)]
pub(crate) struct TermCursor<'q> {
    term: &'q str,
    /// All positions of the list between the first and the last of these.
    buffer: Vec<u64>,
    batch: usize,
    /// Nothing comes after the buffer.
    exhausted: bool,
}

impl TermCursor<'_> {
    fn seek<P: Postings>(&mut self, postings: &mut P, from: u64) -> Result<Option<u64>, P::Error> {
        if !self.exhausted && self.buffer.last().is_none_or(|last| *last < from) {
            self.buffer = postings.positions(self.term, from, self.batch)?;
            self.exhausted = self.buffer.len() < self.batch;
            self.batch = (self.batch * 2).min(LAST_BATCH);
        }
        let index = self.buffer.partition_point(|position| *position < from);
        Ok(self.buffer.get(index).copied())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// Events at positions 1, 2, 3 …, each a type and tags.
    #[derive(Debug)]
    struct Events(Vec<(String, Vec<String>)>);

    impl Postings for Events {
        type Error = Infallible;

        fn positions(
            &mut self,
            term: &str,
            from: u64,
            limit: usize,
        ) -> Result<Vec<u64>, Infallible> {
            Ok((1..)
                .zip(&self.0)
                .filter(|(position, (name, tags))| {
                    *position >= from && (name == term || tags.iter().any(|tag| tag == term))
                })
                .map(|(position, _)| position)
                .take(limit)
                .collect())
        }
    }

    proptest! {
        /// The walk meets exactly the events that a filter lets through.
        #[test]
        fn it_meets_what_a_filter_keeps(
            events in proptest::collection::vec(
                ("a\\.[AB]", proptest::collection::btree_set("t:[A-C]", 0..4)), 0..120),
            items in proptest::collection::vec(
                (proptest::collection::vec("a\\.[A-C]", 0..3), proptest::collection::vec("t:[A-D]", 0..3)), 0..4),
            after in 0u64..100,
            up_to in 0u64..130,
        ) {
            let query = Query {
                items: items.into_iter().map(|(types, tags)| QueryItem { types, tags }).collect(),
            };
            let mut events = Events(
                events.into_iter().map(|(name, tags)| (name, tags.into_iter().collect())).collect(),
            );
            let up_to = up_to.min(events.0.len() as u64);
            let mut cursor = Cursor::new(&query);
            let mut met = Vec::new();
            let mut from = after + 1;
            while let Ok(Some(position)) = cursor.seek(&mut events, from, up_to) {
                met.push(position);
                from = position + 1;
            }
            let expected: Vec<u64> = (1..)
                .zip(&events.0)
                .filter(|(position, (name, tags))| {
                    (after + 1..=up_to).contains(position) && matching::matches(&query, name, tags)
                })
                .map(|(position, _)| position)
                .collect();
            prop_assert_eq!(met, expected);
        }
    }
}
