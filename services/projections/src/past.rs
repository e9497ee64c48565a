//! Stock in the past: what was known at a position, of what had happened by a time.

use chrono::{NaiveDate, TimeDelta};
use keruen_domain::calendar::{kazakhstan_day_number, kazakhstan_midnight_us};

use crate::{
    chronicle::LATE_US,
    clauses::Clauses,
    counters::COLUMNS,
    database::{Connection, Value, params},
    failure::StoreError,
    tenure, writer,
};

/// So far from a time changes are looked for that tell of when others were recorded.
const NEAR_US: i64 = 86_400_000_000;

/// What is asked of the past. At least one of the two times is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Only what was known at this position.
    pub known_at: Option<u64>,
    /// Only what had happened by this time, in microseconds.
    pub as_of_us: Option<i64>,
    /// Where both are said: the last position that had been recorded by that time. Everything up to it had happened by
    /// then, so that what became known between the two positions is added to that. Without it, what became known later is
    /// taken off what is known today; then `known_at` must have been recorded after that time.
    pub recorded_by: Option<u64>,
}

/// The day of a time, in Kazakhstan; of times too far away the last day on which anything is known of regions.
pub fn date_of(time_us: i64) -> NaiveDate {
    let days = TimeDelta::try_days(kazakhstan_day_number(time_us));
    days.and_then(|days| NaiveDate::default().checked_add_signed(days))
        .map_or(tenure::LAST_DAY, |day| day.min(tenure::LAST_DAY))
}

/// Positions of changes that happened shortly before a time and shortly after it, and were recorded soon; 0 where there is
/// none.
pub fn positions_near(connection: &Connection, time_us: i64) -> Result<[u64; 2], StoreError> {
    let soon_us = time_us.saturating_sub(LATE_US);
    let (first_us, last_us) = (
        soon_us.saturating_sub(NEAR_US),
        time_us.saturating_add(NEAR_US),
    );
    let (before, after) = two(
        connection,
        "SELECT COALESCE((SELECT position FROM pair_changes WHERE is_late = 0 \
         AND occurred_at_us > ?1 AND occurred_at_us <= ?2 ORDER BY occurred_at_us DESC LIMIT 1), 0), \
         COALESCE((SELECT position FROM pair_changes WHERE is_late = 0 \
         AND occurred_at_us > ?3 AND occurred_at_us <= ?4 ORDER BY occurred_at_us LIMIT 1), 0)",
        params![first_us, soon_us, time_us, last_us],
    )?;
    Ok([before.cast_unsigned(), after.cast_unsigned()])
}

impl Past {
    /// Rows of facility, item and counters that add up to what is asked.
    pub fn pairs(
        &self,
        connection: &Connection,
        clauses: &mut Clauses,
    ) -> Result<String, StoreError> {
        let head = number(writer::checkpoint(connection)?.position);
        let known_at = self.known_at.map_or(head, number).min(head);
        let Some(as_of_us) = self.as_of_us else {
            return balances(connection, clauses, known_at, head);
        };
        if known_at == head {
            return closings(connection, clauses, as_of_us);
        }
        let (rows, late) = match self.recorded_by.map(number) {
            Some(recorded_by) if known_at <= recorded_by => {
                return balances(connection, clauses, known_at, head);
            }
            Some(recorded_by) => {
                let rows = balances(connection, clauses, recorded_by, head)?;
                let between = (recorded_by, known_at);
                (rows, late(clauses, Sign::Plus, between, as_of_us))
            }
            None => {
                let rows = closings(connection, clauses, as_of_us)?;
                let between = (known_at, head);
                (rows, late(clauses, Sign::Minus, between, as_of_us))
            }
        };
        Ok(format!("{rows} UNION ALL {late}"))
    }

    /// Rows of holding and counters that add up to what is asked: all changes one by one. With `by_custodian` they say whose hands they are in.
    pub fn holdings(&self, clauses: &mut Clauses, by_custodian: bool) -> String {
        let mut conditions = vec!["TRUE".to_owned()];
        let mut of_facility = vec!["w.facility_id = h.facility_id".to_owned()];
        if let Some(known_at) = self.known_at {
            let position = clauses.parameter(number(known_at));
            conditions.push(format!("c.position <= {position}"));
            of_facility.push(format!("w.position <= {position}"));
        }
        if let Some(as_of_us) = self.as_of_us {
            let time = clauses.parameter(as_of_us);
            conditions.push(format!("c.occurred_at_us <= {time}"));
            of_facility.push(format!("w.occurred_at_us <= {time}"));
        }
        let of_facility = of_facility.join(" AND ");
        let last_of = |table: &str| {
            format!(
                "(SELECT w.organisation_id FROM {table} w WHERE {of_facility} ORDER BY w.position DESC LIMIT 1)"
            )
        };
        let custodian = if by_custodian {
            format!(
                "CASE WHEN h.custodian_id = '' THEN COALESCE({}, {}, '') ELSE h.custodian_id END",
                last_of("keepers"),
                last_of("operators")
            )
        } else {
            "''".to_owned()
        };
        let of_side = |side: Side| {
            format!(
                "SELECT {} AS facility_id, h.item_id, h.batch_id, h.owner_id, h.serial_number, \
                 {custodian} AS custodian_id, \
                 {} FROM holdings h JOIN changes c ON c.holding_id = h.holding_id WHERE {}{}",
                side.facility(),
                side.counters(),
                conditions.join(" AND "),
                side.condition()
            )
        };
        format!("{} UNION ALL {}", of_side(Side::There), of_side(Side::Left))
    }
}

/// Positions beyond what the databases can number are none that a log has.
fn number(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// Whether rows are added or taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Plus,
    Minus,
}

/// The counters of a table by its alias.
fn of(alias: &str, sign: Sign) -> String {
    let columns = COLUMNS.split(", ").map(|column| match sign {
        Sign::Plus => format!("{alias}.{column}"),
        Sign::Minus => format!("-{alias}.{column} AS {column}"),
    });
    columns.collect::<Vec<_>>().join(", ")
}

/// The balances at a position, no later than `head`, at which the view stands: those of the nearest sheet, and the changes
/// from there.
fn balances(
    connection: &Connection,
    clauses: &mut Clauses,
    position: i64,
    head: i64,
) -> Result<String, StoreError> {
    let (before, after) = two(
        connection,
        "SELECT COALESCE((SELECT MAX(position) FROM balances WHERE position <= ?1), 0), \
         COALESCE((SELECT MIN(position) FROM balances WHERE position > ?1), ?2)",
        params![position, head],
    )?;
    let is_forward = position - before < after - position;
    let (sheet, sign, first, last) = if is_forward {
        let sheet = sheet(clauses, "balances", "position", before);
        (sheet, Sign::Plus, before, position)
    } else if after == head {
        (newest(), Sign::Minus, position, after)
    } else {
        let sheet = sheet(clauses, "balances", "position", after);
        (sheet, Sign::Minus, position, after)
    };
    let (first, last) = (clauses.parameter(first), clauses.parameter(last));
    let condition = format!("c.position > {first} AND c.position <= {last}");
    Ok(format!("{sheet} UNION ALL {}", changes(sign, &condition)))
}

/// What is known today to have happened by a time: the closings of the nearest day, and the changes from there.
fn closings(
    connection: &Connection,
    clauses: &mut Clauses,
    as_of_us: i64,
) -> Result<String, StoreError> {
    let this_day = kazakhstan_day_number(as_of_us);
    let ended = kazakhstan_day_number(as_of_us.saturating_add(1)).saturating_sub(1);
    // There is nothing on the first and on the last of all days.
    let (before, after) = two(
        connection,
        "SELECT COALESCE((SELECT MAX(day) FROM days WHERE is_closed = 1 AND day <= ?1), ?2), \
         COALESCE((SELECT MIN(day) FROM days WHERE is_closed = 1 AND day > ?1), ?3)",
        params![ended, i64::MIN, i64::MAX],
    )?;
    let (since, until) = two(
        connection,
        "SELECT CAST(COALESCE(SUM(CASE WHEN day <= ?1 THEN changes ELSE 0 END), 0) AS BIGINT), \
         CAST(COALESCE(SUM(CASE WHEN day > ?2 THEN changes ELSE 0 END), 0) AS BIGINT) \
         FROM days WHERE day > ?3 AND day <= ?4",
        params![this_day, ended, before, after],
    )?;
    let time = clauses.parameter(as_of_us);
    let (sheet, sign, condition) = if since <= until {
        let begin = clauses.parameter(kazakhstan_midnight_us(before + 1));
        let condition = format!("c.occurred_at_us >= {begin} AND c.occurred_at_us <= {time}");
        let sheet = sheet(clauses, "closings", "day", before);
        (sheet, Sign::Plus, condition)
    } else {
        let end = clauses.parameter(kazakhstan_midnight_us(after.saturating_add(1)));
        let condition = format!("c.occurred_at_us > {time} AND c.occurred_at_us < {end}");
        let sheet = if after == i64::MAX {
            newest()
        } else {
            sheet(clauses, "closings", "day", after)
        };
        (sheet, Sign::Minus, condition)
    };
    Ok(format!("{sheet} UNION ALL {}", changes(sign, &condition)))
}

/// What had happened by a time and was recorded after one position and up to another one, all of them after that time.
/// Most was recorded soon and is found by its time; what was recorded late, by its position.
fn late(clauses: &mut Clauses, sign: Sign, (after, up_to): (i64, i64), as_of_us: i64) -> String {
    let (after, up_to) = (clauses.parameter(after), clauses.parameter(up_to));
    let time = clauses.parameter(as_of_us);
    let soon = clauses.parameter(as_of_us.saturating_sub(LATE_US));
    let late = changes(
        sign,
        &format!(
            "c.is_late = 1 AND (c.is_late * c.position) > {after} AND (c.is_late * c.position) <= {up_to} \
             AND +c.occurred_at_us <= {time}"
        ),
    );
    // The sign keeps them from being looked for by their position.
    let recent = changes(
        sign,
        &format!(
            "c.is_late = 0 AND c.occurred_at_us > {soon} AND c.occurred_at_us <= {time} \
             AND +c.position > {after} AND +c.position <= {up_to}"
        ),
    );
    format!("{late} UNION ALL {recent}")
}

/// A sheet of a table.
fn sheet(clauses: &mut Clauses, table: &str, key: &str, value: i64) -> String {
    let (value, counters) = (clauses.parameter(value), of("b", Sign::Plus));
    format!(
        "SELECT p.facility_id, p.item_id, {counters} FROM {table} b JOIN pairs p ON p.pair_id = b.pair_id \
         WHERE b.{key} = {value}"
    )
}

/// The sheet of all that is known.
fn newest() -> String {
    let counters = of("p", Sign::Plus);
    format!("SELECT p.facility_id, p.item_id, {counters} FROM pairs p")
}

/// Some changes, one by one.
fn changes(sign: Sign, condition: &str) -> String {
    let counters = of("c", sign);
    format!(
        "SELECT p.facility_id, p.item_id, {counters} FROM pair_changes c JOIN pairs p ON p.pair_id = c.pair_id \
         WHERE {condition}"
    )
}

/// Two numbers that a statement answers with.
fn two(connection: &Connection, sql: &str, values: &[Value<'_>]) -> Result<(i64, i64), StoreError> {
    let found = connection
        .prepare_cached(sql)?
        .query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.ok_or_else(|| StoreError::Damaged("a sum has no row".to_owned()))
}

/// Where a change counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Where the units are, or go.
    There,
    /// Whence they are on their way.
    Left,
}

impl Side {
    fn facility(self) -> &'static str {
        match self {
            Self::There => "h.facility_id",
            Self::Left => "h.origin_id",
        }
    }

    /// The counters of a change that count there.
    fn counters(self) -> String {
        let columns = COLUMNS.split(", ").map(|column| {
            if (column == "in_transit_out") == (self == Self::Left) {
                format!("c.{column}")
            } else {
                format!("0 AS {column}")
            }
        });
        columns.collect::<Vec<_>>().join(", ")
    }

    /// A condition that leaves out what does not count there.
    fn condition(self) -> &'static str {
        match self {
            Self::There => "",
            Self::Left => " AND c.in_transit_out <> 0 AND h.origin_id <> ''",
        }
    }
}
