//! Stock in the past: what was known at a position, of what had happened by a time.

use chrono::{DateTime, NaiveDate};

use crate::{
    chronicle::{COLUMNS, DAY_OFFSET_US, LATE_US, begin_of, day_of},
    clauses::Clauses,
};

/// What is asked of the past. At least one of the two times is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Only what was known at this position.
    pub known_at: Option<u64>,
    /// Only what had happened by this time, in microseconds.
    pub as_of_us: Option<i64>,
    /// The last position that had been recorded by that time: everything up to it had happened by then.
    pub recorded_by: u64,
}

/// The day of a time, in Kazakhstan.
pub fn date_of(time_us: i64) -> NaiveDate {
    DateTime::from_timestamp_micros(time_us.saturating_add(DAY_OFFSET_US))
        .map_or(NaiveDate::MIN, |time| time.date_naive())
}

impl Past {
    /// Rows of facility, item and counters that add up to what is asked.
    pub fn pairs(&self, clauses: &mut Clauses) -> String {
        match (self.known_at, self.as_of_us) {
            (Some(known_at), None) => balances(clauses, known_at),
            (None, Some(as_of_us)) => closings(clauses, as_of_us),
            (Some(known_at), Some(as_of_us)) => {
                let before = balances(clauses, known_at.min(self.recorded_by));
                if known_at <= self.recorded_by {
                    return before;
                }
                let late = self.late(clauses, known_at, as_of_us);
                format!("{before} UNION ALL {late}")
            }
            (None, None) => balances(clauses, u64::MAX),
        }
    }

    /// Rows of holding and counters that add up to what is asked: all changes one by one. With `by_custodian` they say whose hands they are in.
    pub fn holdings(&self, clauses: &mut Clauses, by_custodian: bool) -> String {
        let mut conditions = vec!["TRUE".to_owned()];
        let mut of_keeper = vec!["w.facility_id = h.facility_id".to_owned()];
        if let Some(known_at) = self.known_at {
            let position = clauses.parameter(number(known_at));
            conditions.push(format!("c.position <= {position}"));
            of_keeper.push(format!("w.position <= {position}"));
        }
        if let Some(as_of_us) = self.as_of_us {
            let time = clauses.parameter(as_of_us);
            conditions.push(format!("c.occurred_at_us <= {time}"));
            of_keeper.push(format!("w.occurred_at_us <= {time}"));
        }
        let custodian = if by_custodian {
            format!(
                "CASE WHEN h.custodian_id = '' THEN COALESCE((SELECT w.organisation_id FROM keepers w WHERE {} \
                 ORDER BY w.position DESC LIMIT 1), f.operator_id, '') ELSE h.custodian_id END",
                of_keeper.join(" AND ")
            )
        } else {
            "''".to_owned()
        };
        let of_side = |side: Side| {
            format!(
                "SELECT {} AS facility_id, h.item_id, h.batch_id, h.owner_id, h.serial_number, \
                 {custodian} AS custodian_id, \
                 {} FROM holdings h JOIN changes c ON c.holding_id = h.holding_id \
                 LEFT JOIN facilities f ON f.facility_id = h.facility_id WHERE {}{}",
                side.facility(),
                side.counters(),
                conditions.join(" AND "),
                side.condition()
            )
        };
        format!("{} UNION ALL {}", of_side(Side::There), of_side(Side::Left))
    }

    /// What had happened by a time and was recorded after it, up to a position. Most was recorded soon and is found by its
    /// time; what was recorded late, by its position.
    fn late(&self, clauses: &mut Clauses, known_at: u64, as_of_us: i64) -> String {
        let after = clauses.parameter(number(self.recorded_by));
        let up_to = clauses.parameter(number(known_at));
        let time = clauses.parameter(as_of_us);
        let soon = clauses.parameter(as_of_us.saturating_sub(LATE_US));
        let changes = changes(&format!(
            "c.is_late = 1 AND c.position > {after} AND c.position <= {up_to} AND c.occurred_at_us <= {time}"
        ));
        let recent = self::changes(&format!(
            "c.is_late = 0 AND c.occurred_at_us > {soon} AND c.occurred_at_us <= {time} \
             AND c.position > {after} AND c.position <= {up_to}"
        ));
        format!("{changes} UNION ALL {recent}")
    }
}

/// Positions beyond what the databases can number are none that a log has.
fn number(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// The counters of a table by its alias.
fn of(alias: &str) -> String {
    let columns = COLUMNS
        .split(", ")
        .map(|column| format!("{alias}.{column}"));
    columns.collect::<Vec<_>>().join(", ")
}

/// The running balances at a position.
fn balances(clauses: &mut Clauses, position: u64) -> String {
    let position = clauses.parameter(number(position));
    last_of_pairs("balances", "position", &position)
}

/// The last row of each pair up to a value of a column. They are found one by one: without `MATERIALIZED` a server may
/// look for the last row of the pair of every row.
fn last_of_pairs(table: &str, column: &str, up_to: &str) -> String {
    let counters = of("b");
    format!(
        "SELECT * FROM (WITH p AS MATERIALIZED (SELECT facility_id, item_id, pair_id, \
         (SELECT MAX(m.{column}) FROM {table} m WHERE m.pair_id = pairs.pair_id AND m.{column} <= {up_to}) AS last \
         FROM pairs) SELECT p.facility_id, p.item_id, {counters} FROM p \
         JOIN {table} b ON b.pair_id = p.pair_id AND b.{column} = p.last) AS last_{table}"
    )
}

/// The closings of the last day that had ended by a time, and what happened from then on until that time.
fn closings(clauses: &mut Clauses, as_of_us: i64) -> String {
    let today = day_of(as_of_us.saturating_add(1));
    let day = clauses.parameter(today.saturating_sub(1));
    let closings = last_of_pairs("closings", "day", &day);
    let begin_us = begin_of(today);
    if begin_us > as_of_us {
        return closings;
    }
    let (begin, time) = (clauses.parameter(begin_us), clauses.parameter(as_of_us));
    let rest = changes(&format!(
        "c.occurred_at_us >= {begin} AND c.occurred_at_us <= {time}"
    ));
    format!("{closings} UNION ALL {rest}")
}

/// Some changes, one by one.
fn changes(condition: &str) -> String {
    let of_side = |side: Side| {
        format!(
            "SELECT {} AS facility_id, h.item_id, {} FROM changes c \
             JOIN holdings h ON h.holding_id = c.holding_id WHERE {condition}{}",
            side.facility(),
            side.counters(),
            side.condition()
        )
    };
    format!("{} UNION ALL {}", of_side(Side::There), of_side(Side::Left))
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
