//! The same filters and orders for rows that no table has: they are added up in memory first.

use std::cmp::Ordering;

use super::{Condition, Filter, Kind, Order, Test, syntax::Comparator};
use crate::clauses::Value;

impl Filter {
    /// Whether it lets a row through of which `of` tells what a column holds: by its name; `None` where nobody knows. What
    /// may be, is let through.
    pub fn lets_through(&self, of: &impl Fn(&str) -> Option<Value>) -> bool {
        let holds = self.0.as_ref().map(|condition| condition.holds(of));
        holds.flatten().unwrap_or(true)
    }
}

impl Condition {
    /// `None` where it depends on what nobody knows.
    fn holds(&self, of: &impl Fn(&str) -> Option<Value>) -> Option<bool> {
        match self {
            Self::All(parts) => {
                let fails = parts.iter().map(|part| part.holds(of).map(|it| !it));
                any(fails).map(|it| !it)
            }
            Self::Any(parts) => any(parts.iter().map(|part| part.holds(of))),
            Self::Not(part) => part.holds(of).map(|it| !it),
            Self::Is(test) => of(test.column.name).map(|found| test.holds(&found)),
        }
    }
}

/// Whether any of these is true.
fn any(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut answer = Some(false);
    for part in parts {
        match part {
            Some(true) => return part,
            Some(false) => {}
            None => answer = None,
        }
    }
    answer
}

impl Test {
    fn holds(&self, found: &Value) -> bool {
        let Some(value) = &self.value else {
            return *found != Value::from("");
        };
        // The highest has rank 1.
        let order = if matches!(self.column.kind, Kind::Rank(_)) {
            value.cmp(found)
        } else {
            found.cmp(value)
        };
        match self.comparator {
            Comparator::Equal | Comparator::Has => order == Ordering::Equal,
            Comparator::NotEqual => order != Ordering::Equal,
            Comparator::Less => order == Ordering::Less,
            Comparator::LessOrEqual => order != Ordering::Greater,
            Comparator::Greater => order == Ordering::Greater,
            Comparator::GreaterOrEqual => order != Ordering::Less,
        }
    }
}

impl Order {
    /// The keys of a row, of which `of` tells what a column holds: by its name.
    pub fn keys(&self, of: impl Fn(&str) -> Value) -> Vec<Value> {
        self.keys.iter().map(|key| of(&key.name)).collect()
    }

    /// Which of two rows stands first, by their keys.
    pub fn compare(&self, one: &[Value], other: &[Value]) -> Ordering {
        let keys = self.keys.iter().zip(one.iter().zip(other));
        let each = keys.map(|(key, (one, other))| {
            let order = one.cmp(other);
            if key.descending {
                order.reverse()
            } else {
                order
            }
        });
        each.fold(Ordering::Equal, Ordering::then)
    }
}
