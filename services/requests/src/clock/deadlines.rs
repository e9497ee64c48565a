//! After what time those on duty are called.

use keruen_proto::requests::v1::RequestPriority;

use super::{DAY_US, MINUTE_US};

const HOUR_US: i64 = 60 * MINUTE_US;
const SECOND_US: i64 = 1_000_000;
/// The longest deadline: ten years.
const MAX_US: i64 = 3_660 * DAY_US;

/// After what time those on duty are called, in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "units stand last in names")]
pub struct Deadlines {
    /// Nobody has answered: routine, urgent, asap, stat.
    answer_us: [i64; 4],
    /// Nothing happens to what was approved: routine, urgent, asap, stat.
    stuck_us: [i64; 4],
    repeat_us: i64,
    history_us: i64,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            answer_us: [3 * DAY_US, DAY_US, 4 * HOUR_US, HOUR_US],
            stuck_us: [7 * DAY_US, 3 * DAY_US, 12 * HOUR_US, 2 * HOUR_US],
            repeat_us: 12 * HOUR_US,
            history_us: 7 * DAY_US,
        }
    }
}

/// A deadline that does not exist, or a time that it can't have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDeadline {
    /// There is no such deadline.
    #[error(
        "{0}: is no deadline; there are answer-routine, answer-urgent, answer-asap, answer-stat, stuck-routine, \
             stuck-urgent, stuck-asap, stuck-stat, repeat, history"
    )]
    Unknown(String),
    /// The time is malformed or out of range.
    #[error("{name}: must be a time of 1s to 3660d such as 90s, 30m, 4h or 2d; found {found:?}")]
    Time {
        /// The deadline.
        name: String,
        /// What was given.
        found: String,
    },
}

fn index(priority: RequestPriority) -> usize {
    match priority {
        RequestPriority::Unspecified | RequestPriority::Routine => 0,
        RequestPriority::Urgent => 1,
        RequestPriority::Asap => 2,
        RequestPriority::Stat => 3,
    }
}

impl Deadlines {
    /// Sets a deadline by its name, for example `answer-stat`, to a time such as `30m`, `4h` or `2d`.
    pub fn set(&mut self, name: &str, time: &str) -> Result<(), InvalidDeadline> {
        let unknown = || InvalidDeadline::Unknown(name.to_owned());
        let priority = |word: &str| {
            let words = ["routine", "urgent", "asap", "stat"];
            words.iter().position(|known| *known == word)
        };
        let slot = match name.split_once('-') {
            Some(("answer", word)) => &mut self.answer_us[priority(word).ok_or_else(unknown)?],
            Some(("stuck", word)) => &mut self.stuck_us[priority(word).ok_or_else(unknown)?],
            None if name == "repeat" => &mut self.repeat_us,
            None if name == "history" => &mut self.history_us,
            _ => return Err(unknown()),
        };
        *slot = parse(time).ok_or_else(|| InvalidDeadline::Time {
            name: name.to_owned(),
            found: time.to_owned(),
        })?;
        Ok(())
    }

    /// All of them, in microseconds: what tells deadlines apart.
    pub(super) fn all_us(&self) -> impl Iterator<Item = i64> + '_ {
        let by_priority = self.answer_us.iter().chain(&self.stuck_us);
        by_priority
            .copied()
            .chain([self.repeat_us, self.history_us])
    }

    /// How long a request of this priority may wait for an answer.
    pub fn answer_us(&self, priority: RequestPriority) -> i64 {
        self.answer_us[index(priority)]
    }

    /// How long nothing may happen to an approved request of this priority.
    pub fn stuck_us(&self, priority: RequestPriority) -> i64 {
        self.stuck_us[index(priority)]
    }

    /// After what time those on duty are called again.
    pub fn repeat_us(&self) -> i64 {
        self.repeat_us
    }

    /// What was due so long before it was recorded is history, and nobody is called for it.
    pub fn history_us(&self) -> i64 {
        self.history_us
    }
}

fn parse(text: &str) -> Option<i64> {
    let digits = text.find(|char: char| !char.is_ascii_digit())?;
    let number: i64 = text[..digits].parse().ok()?;
    let unit_us = match &text[digits..] {
        "s" => SECOND_US,
        "m" => MINUTE_US,
        "h" => HOUR_US,
        "d" => DAY_US,
        _ => return None,
    };
    let time_us = number.checked_mul(unit_us)?;
    (SECOND_US..=MAX_US).contains(&time_us).then_some(time_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_a_name_and_a_time() {
        let mut deadlines = Deadlines::default();
        deadlines.set("answer-stat", "90s").unwrap();
        deadlines.set("stuck-routine", "2d").unwrap();
        deadlines.set("repeat", "30m").unwrap();
        assert_eq!(deadlines.answer_us(RequestPriority::Stat), 90 * SECOND_US);
        assert_eq!(deadlines.stuck_us(RequestPriority::Routine), 2 * DAY_US);
        assert_eq!(deadlines.repeat_us(), 30 * MINUTE_US);
        for unknown in ["", "answer", "answer-soon", "stuck-", "repeat-stat"] {
            let refused = deadlines.set(unknown, "1h");
            assert_eq!(refused, Err(InvalidDeadline::Unknown(unknown.to_owned())));
        }
        for wrong in [
            "",
            "0s",
            "h",
            "1",
            "1w",
            "-1h",
            "3661d",
            "99999999999999999999d",
            "1.5h",
        ] {
            assert!(deadlines.set("repeat", wrong).is_err(), "{wrong}");
        }
    }
}
