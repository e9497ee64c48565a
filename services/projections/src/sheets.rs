//! Sheets: how much there was of every facility and item, after the events at some positions and at the ends of some days.
//!
//! What was between two sheets is the nearer one, and the changes from there. There is a sheet for every few changes of
//! each facility and item, so that no answer counts up many times as much as one about the present. Which sheets there
//! are depends on the events alone, never on how they are cut into batches; what stands on them, on all changes so far:
//! sheets of days are added to when something becomes known late. A copy that is being built has no sheets of days until
//! it is complete, so that nothing is added to them meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use keruen_domain::calendar::kazakhstan_midnight_us;

use crate::{
    counters::{COLUMNS, Counts, counters},
    database::{Connection, Put, params},
    failure::StoreError,
    table,
};

/// There are so many changes between two sheets for each facility and item that stands on them.
const CHANGES_PER_PAIR: i64 = 2;
/// And no fewer than this: making a sheet takes some time of its own.
#[cfg(not(test))]
const LEAST_CHANGES: i64 = 1_000;
#[cfg(test)]
const LEAST_CHANGES: i64 = 16;

/// How many changes there are from one sheet to the next while there are so many pairs.
pub fn limit(pairs: i64) -> i64 {
    pairs.saturating_mul(CHANGES_PER_PAIR).max(LEAST_CHANGES)
}

/// Sheets, and what is to be written of them.
pub struct Sheets {
    connection: Rc<Connection>,
    state: Option<State>,
}

struct State {
    /// Days on which anything changed. A century has some 36,500.
    days: BTreeMap<i64, Day>,
    /// How many changes there are from one closed day to the next, by the latter; by `i64::MAX` those since the last one.
    stretches: BTreeMap<i64, i64>,
    /// Whether closings are made now; while a copy is built they wait for the index that tells what happened on a day.
    is_closing: bool,
    /// Days whose closings are stored.
    closed: BTreeSet<i64>,
    /// Days whose closings are to be made.
    to_close: BTreeSet<i64>,
    /// What is to be added to stored closings: changes by day and pair.
    late: BTreeMap<(i64, i64), Counts>,
    /// The last position whose balances are stored, or to be made.
    balanced: i64,
    /// How many changes there were since.
    changes: i64,
    /// Positions whose balances are to be made.
    to_balance: Vec<ToBalance>,
}

struct ToBalance {
    /// The last position before it whose balances are made; 0 where there is none.
    before: i64,
    position: i64,
    /// What they are, by pair, where that is at hand.
    balances: Option<Vec<(i64, Counts)>>,
}

#[derive(Clone, Copy, Default)]
struct Day {
    changes: i64,
    is_closed: bool,
    is_dirty: bool,
}

impl Sheets {
    /// As stored.
    pub fn new(connection: Rc<Connection>) -> Self {
        Self {
            connection,
            state: None,
        }
    }

    /// How many rows are kept in memory until they are written.
    pub fn len(&self) -> usize {
        self.state.as_ref().map_or(0, |state| {
            let balances = state.to_balance.iter().flat_map(|it| &it.balances);
            state.late.len() + balances.map(Vec::len).sum::<usize>()
        })
    }

    /// Notes a change of a pair; `None` where that can't be counted.
    pub fn note(
        &mut self,
        pair_id: i64,
        day: i64,
        change: Counts,
    ) -> Result<Option<()>, StoreError> {
        Ok(self.state()?.note(pair_id, day, change))
    }

    /// All changes of the event at a position are noted, which happened on a day; there are so many pairs by now.
    /// `balances` tells how much there is of all of them, by pair, unless that is not at hand.
    pub fn close(
        &mut self,
        position: i64,
        day: i64,
        pairs: i64,
        balances: impl FnOnce() -> Option<Vec<(i64, Counts)>>,
    ) -> Result<(), StoreError> {
        let limit = limit(pairs);
        let state = self.state()?;
        if state.changes >= limit {
            state.to_balance.push(ToBalance {
                before: state.balanced,
                position,
                balances: balances(),
            });
            state.balanced = position;
            state.changes = 0;
        }
        while state.cut(day, limit) {}
        Ok(())
    }

    /// Writes what has changed since the last time. Changes of pairs must have been written.
    pub fn write(&mut self) -> Result<(), StoreError> {
        let Some(mut state) = self.state.take() else {
            return Ok(());
        };
        self.write_late(&mut state)?;
        self.write_days(&mut state)?;
        let to_close = std::mem::take(&mut state.to_close);
        for day in to_close.into_iter().filter(|_| state.is_closing) {
            let before = state.closed.range(..day).next_back();
            make_closings(&self.connection, before.copied(), day)?;
            state.closed.insert(day);
        }
        for to_balance in state.to_balance.drain(..) {
            self.write_balances(&to_balance)?;
        }
        self.state = Some(state);
        Ok(())
    }

    fn state(&mut self) -> Result<&mut State, StoreError> {
        let state = match self.state.take() {
            Some(state) => state,
            None => self.load()?,
        };
        Ok(self.state.insert(state))
    }

    fn load(&self) -> Result<State, StoreError> {
        let days = self
            .connection
            .prepare_cached("SELECT day, changes, is_closed FROM days")?
            .query_map(&[], |row| {
                let day = Day {
                    changes: row.get(1)?,
                    is_closed: row.get::<i64>(2)? == 1,
                    is_dirty: false,
                };
                Ok((row.get::<i64>(0)?, day))
            })?;
        let balanced = self
            .connection
            .prepare_cached("SELECT COALESCE(MAX(position), 0) FROM balances")?
            .query_row(&[], |row| row.get::<i64>(0))?
            .unwrap_or_default();
        let changes = self
            .connection
            .prepare_cached("SELECT COUNT(*) FROM pair_changes WHERE position > ?1")?
            .query_row(params![balanced], |row| row.get::<i64>(0))?
            .unwrap_or_default();
        let days: BTreeMap<i64, Day> = days.into_iter().collect();
        let closed = days.iter().filter(|(_, day)| day.is_closed);
        let mut closed: BTreeSet<i64> = closed.map(|(day, _)| *day).collect();
        let mut stretches: BTreeMap<i64, i64> = closed.iter().map(|day| (*day, 0)).collect();
        stretches.insert(i64::MAX, 0);
        for (day, counted) in &days {
            if let Some((_, changes)) = stretches.range_mut(day..).next() {
                *changes += counted.changes;
            }
        }
        let is_closing = has_index(&self.connection)?;
        if !is_closing {
            closed.clear();
        }
        Ok(State {
            days,
            stretches,
            is_closing,
            closed,
            to_close: BTreeSet::new(),
            late: BTreeMap::new(),
            balanced,
            changes,
            to_balance: Vec::new(),
        })
    }

    /// Adds what became known late to the stored closings of its day and of all later ones.
    fn write_late(&self, state: &mut State) -> Result<(), StoreError> {
        let mut late = std::mem::take(&mut state.late).into_iter().peekable();
        let Some(((first, _), _)) = late.peek() else {
            return Ok(());
        };
        let first = *first;
        let mut put = Put::adding(&self.connection, &table::CLOSINGS)?;
        let mut added: BTreeMap<i64, Counts> = BTreeMap::new();
        for closed in state.closed.range(first..) {
            while let Some(((_, pair_id), change)) = late.next_if(|((day, _), _)| day <= closed) {
                let sum = added.entry(pair_id).or_default();
                *sum = sum.plus(change).ok_or_else(|| {
                    StoreError::Damaged("a closing exceeds what can be counted".to_owned())
                })?;
            }
            for (pair_id, counts) in &added {
                let mut values = params![closed, pair_id].to_vec();
                values.extend(counters(counts));
                put.row(&values)?;
            }
        }
        put.finish()
    }

    fn write_days(&self, state: &mut State) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::DAYS)?;
        for (day, counted) in state.days.iter_mut().filter(|(_, day)| day.is_dirty) {
            put.row(params![day, counted.changes, counted.is_closed])?;
            counted.is_dirty = false;
        }
        put.finish()
    }

    /// Makes the balances at a position: as they were at hand, or from those before it.
    fn write_balances(&self, of: &ToBalance) -> Result<(), StoreError> {
        let Some(balances) = &of.balances else {
            let sql = sheet("balances", "position", "position > ?2 AND position <= ?1");
            let mut statement = self.connection.prepare_cached(&sql)?;
            statement.execute(params![of.position, of.before])?;
            return Ok(());
        };
        let mut put = Put::new(&self.connection, &table::BALANCES)?;
        for (pair_id, counts) in balances {
            let mut values = params![of.position, pair_id].to_vec();
            values.extend(counters(counts));
            put.new_row(&values)?;
        }
        put.finish()
    }
}

/// Makes the closings that have waited, of a copy that is complete by now. To be called in the transaction that makes
/// its indexes: by them it is known whether closings wait.
pub fn make_closings_that_waited(connection: &Connection) -> Result<(), StoreError> {
    let days: Vec<i64> = connection
        .prepare_cached(
            "SELECT day FROM days WHERE is_closed = 1 AND NOT EXISTS (SELECT 1 FROM closings) ORDER BY day",
        )?
        .query_map(&[], |row| row.get(0))?;
    let mut before = None;
    for day in days {
        make_closings(connection, before, day)?;
        before = Some(day);
    }
    Ok(())
}

/// Whether there is the index that tells what happened on a day.
fn has_index(connection: &Connection) -> Result<bool, StoreError> {
    let sql = if connection.is_postgres() {
        "SELECT COUNT(*) FROM pg_catalog.pg_indexes \
         WHERE schemaname = current_schema() AND indexname = 'pair_changes_by_time'"
    } else {
        "SELECT COUNT(*) FROM sqlite_master WHERE type = 'index' AND name = 'pair_changes_by_time'"
    };
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row(&[], |row| row.get::<i64>(0))?;
    Ok(found == Some(1))
}

/// Makes the closings of a day from those of the closed day before it, if there is one.
fn make_closings(connection: &Connection, before: Option<i64>, day: i64) -> Result<(), StoreError> {
    // There are no closings of the first of all days.
    let before = before.unwrap_or(i64::MIN);
    let (begin_us, end_us) = (
        kazakhstan_midnight_us(before + 1),
        kazakhstan_midnight_us(day + 1),
    );
    let sql = sheet(
        "closings",
        "day",
        "occurred_at_us >= ?3 AND occurred_at_us < ?4",
    );
    connection
        .prepare_cached(&sql)?
        .execute(params![day, before, begin_us, end_us])?;
    Ok(())
}

/// Makes the sheet `?1` from the sheet `?2` and some changes.
fn sheet(table: &str, key: &str, condition: &str) -> String {
    let sums = COLUMNS
        .split(", ")
        .map(|column| format!("CAST(SUM({column}) AS BIGINT)"));
    format!(
        "INSERT INTO {table} ({key}, pair_id, {COLUMNS}) SELECT CAST(?1 AS BIGINT), pair_id, {} FROM \
         (SELECT pair_id, {COLUMNS} FROM {table} WHERE {key} = ?2 \
         UNION ALL SELECT pair_id, {COLUMNS} FROM pair_changes WHERE {condition}) AS known GROUP BY pair_id",
        sums.collect::<Vec<_>>().join(", ")
    )
}

impl State {
    fn note(&mut self, pair_id: i64, day: i64, change: Counts) -> Option<()> {
        if self.closed.last().is_some_and(|last| day <= *last) {
            let sum = self.late.entry((day, pair_id)).or_default();
            *sum = sum.plus(change)?;
        }
        let counted = self.days.entry(day).or_default();
        counted.changes += 1;
        counted.is_dirty = true;
        if let Some((_, changes)) = self.stretches.range_mut(day..).next() {
            *changes += 1;
        }
        self.changes += 1;
        Some(())
    }

    /// Closes a day within the stretch of this one, if there are too many changes in it: of the last stretch all but its
    /// last day, as more is to come; of others about half of it. Stretches that one day makes long stay as they are.
    /// Tells whether it did.
    fn cut(&mut self, day: i64, limit: i64) -> bool {
        let Some((&end, &changes)) = self.stretches.range(day..).next() else {
            return false;
        };
        // A closed stretch has room for what becomes known late.
        let is_last = end == i64::MAX;
        if changes < if is_last { limit } else { limit + limit / 2 } {
            return false;
        }
        let before = self.stretches.range(..day).next_back();
        let begin = before.map_or(i64::MIN, |(day, _)| day + 1);
        let mut days = self.days.range(begin..=end);
        // It ends with its stretch anyway.
        let last = days.next_back();
        let (wanted, fewest, most) = if is_last {
            let wanted = changes - last.map_or(0, |(_, last)| last.changes);
            (wanted, limit / 2, changes)
        } else {
            (changes / 2, limit / 4, changes - limit / 4)
        };
        let mut sum = 0;
        let sums = days.map(|(day, counted)| {
            sum += counted.changes;
            (*day, sum)
        });
        let sums = sums.filter(|(_, sum)| (fewest..=most).contains(sum));
        let Some((closed, sum)) = sums.min_by_key(|(_, sum)| (wanted - sum).abs()) else {
            return false;
        };
        self.stretches.insert(closed, sum);
        self.stretches.insert(end, changes - sum);
        self.to_close.insert(closed);
        if let Some(day) = self.days.get_mut(&closed) {
            day.is_closed = true;
            day.is_dirty = true;
        }
        true
    }
}
