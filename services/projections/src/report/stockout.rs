//! Days out of stock: on how many days a facility had nothing of something. Use is averaged over the others, as nobody can
//! use what is not there.

use std::{cmp::Reverse, collections::BTreeMap};

use keruen_domain::calendar::{kazakhstan_day_number, kazakhstan_midnight_us};

use crate::{
    database::{Connection, params},
    failure::StoreError,
};

/// As many days are gone through for each pair where there are few: commonly more happens on a day than to a pair in months.
#[cfg(not(test))]
const DAYS_OF_A_PAIR: usize = 1;
#[cfg(test)]
const DAYS_OF_A_PAIR: usize = 4;

/// What is on hand of something, looked at from its last day back. Days are counted from 1970-01-01.
#[derive(Clone, Debug)]
pub struct Stock {
    first_day: i64,
    on_hand: i64,
    /// The day after those that have not been looked at.
    end_day: i64,
    days_out: i64,
}

impl Stock {
    /// So much of it is on hand at the end of the last day.
    pub fn new(on_hand: i64, first_day: i64, last_day: i64) -> Self {
        Self {
            first_day,
            on_hand,
            end_day: last_day + 1,
            days_out: 0,
        }
    }

    /// So much of it came or went on a day, no later than those before.
    fn change(&mut self, day: i64, by: i64) {
        // Something was there on the day itself: what came, what went, or what was used as soon as it was found.
        self.look(day + 1);
        self.on_hand = self.on_hand.saturating_sub(by);
        self.end_day = self.end_day.min(day);
    }

    /// Nothing changed from a day on until the one after which it did.
    fn look(&mut self, from_day: i64) {
        if self.on_hand <= 0 {
            let from_day = from_day.max(self.first_day);
            self.days_out += (self.end_day - from_day).max(0);
        }
    }

    /// On how many of the days nothing was on hand from beginning to end.
    fn days_out(mut self) -> i64 {
        self.look(self.first_day);
        self.days_out
    }
}

/// On how many days there was nothing of each of `stocks`, none of which is looked at before `first_day`. `of_pair` tells
/// which of them a facility and an item belong to, by the number of that pair.
pub fn days_out(
    connection: &Connection,
    mut stocks: Vec<Stock>,
    of_pair: &BTreeMap<i64, usize>,
    first_day: i64,
) -> Result<Vec<i64>, StoreError> {
    let days: Vec<i64> = connection
        .prepare_cached("SELECT day FROM days WHERE day >= ?1 ORDER BY day DESC")?
        .query_map(params![first_day], |row| row.get(0))?;
    if of_pair.len() * DAYS_OF_A_PAIR < days.len() {
        by_pair(connection, &mut stocks, of_pair, first_day)?;
    } else {
        by_day(connection, &mut stocks, of_pair, &days)?;
    }
    Ok(stocks.into_iter().map(Stock::days_out).collect())
}

/// Goes through the changes of few pairs, one by one. What is kept is a sum for each of them and each day.
fn by_pair(
    connection: &Connection,
    stocks: &mut [Stock],
    of_pair: &BTreeMap<i64, usize>,
    first_day: i64,
) -> Result<(), StoreError> {
    let mut sums: BTreeMap<(Reverse<i64>, usize), i64> = BTreeMap::new();
    let begin = kazakhstan_midnight_us(first_day);
    let mut statement = connection.prepare_cached(
        "SELECT occurred_at_us, on_hand FROM pair_changes \
         WHERE pair_id = ?1 AND occurred_at_us >= ?2 AND (on_hand <> 0 OR consumed <> 0)",
    )?;
    for (pair_id, index) in of_pair {
        let mut changes = statement.query(params![pair_id, begin])?;
        while let Some(row) = changes.next()? {
            let day = kazakhstan_day_number(row.get(0)?);
            let sum = sums.entry((Reverse(day), *index)).or_default();
            *sum = sum.saturating_add(row.get(1)?);
        }
    }
    for ((Reverse(day), index), by) in sums {
        if let Some(stock) = stocks.get_mut(index) {
            stock.change(day, by);
        }
    }
    Ok(())
}

/// Goes through the changes of all pairs, by day, so that little is in memory at once.
fn by_day(
    connection: &Connection,
    stocks: &mut [Stock],
    of_pair: &BTreeMap<i64, usize>,
    days: &[i64],
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT pair_id, CAST(SUM(on_hand) AS BIGINT) FROM pair_changes \
         WHERE occurred_at_us >= ?1 AND occurred_at_us < ?2 AND (on_hand <> 0 OR consumed <> 0) GROUP BY pair_id",
    )?;
    for day in days {
        let (begin, end) = (
            kazakhstan_midnight_us(*day),
            kazakhstan_midnight_us(*day + 1),
        );
        let mut changes = statement.query(params![begin, end])?;
        while let Some(row) = changes.next()? {
            let stock = of_pair.get(&row.get(0)?);
            if let Some(stock) = stock.and_then(|index| stocks.get_mut(*index)) {
                stock.change(*day, row.get(1)?);
            }
        }
    }
    Ok(())
}
