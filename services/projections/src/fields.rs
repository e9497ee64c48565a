//! The fields of a query, parsed. Every field that breaks a rule is noted, not only the first one.

use chrono::NaiveDate;
use keruen_domain::{Code, Label};
use pbjson_types::Timestamp;
use tonic_types::FieldViolation;

use crate::refusal::Refusal;

/// Parses fields and collects what is wrong with them.
#[derive(Default)]
pub struct Fields(Vec<FieldViolation>);

impl Fields {
    /// Notes that a field breaks a rule.
    pub fn reject(&mut self, field: &str, rule: impl Into<String>) {
        self.0.push(FieldViolation::new(field, rule));
    }

    /// A code; empty means that nothing was asked for.
    pub fn filter(&mut self, field: &str, text: &str) -> Option<String> {
        if text.is_empty() {
            None
        } else {
            self.code(field, text)
        }
    }

    /// A day, ISO 8601; empty means that nothing was asked for.
    pub fn date(&mut self, field: &str, text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        let parsed = text
            .parse::<NaiveDate>()
            .map_err(|_| "must be a calendar date such as 2021-03-31");
        self.parsed(field, text, parsed.map(|day| day.to_string()))
    }

    /// Notes that days, ISO 8601, of which `field` is the first one, end before they begin.
    pub fn refuse_backwards(&mut self, field: &str, first: Option<&str>, last: Option<&str>) {
        if let (Some(first), Some(last)) = (first, last)
            && first > last
        {
            self.reject(
                field,
                format!("must not be after the last day, {last}; found {first}"),
            );
        }
    }

    /// A time, in microseconds.
    pub fn time_us(&mut self, field: &str, time: Option<&Timestamp>) -> Option<i64> {
        let time = time?;
        let time_us = time
            .seconds
            .checked_mul(1_000_000)
            .and_then(|us| us.checked_add(i64::from(time.nanos) / 1_000));
        if time_us.is_none() || !(0..1_000_000_000).contains(&time.nanos) {
            self.reject(field, format!("is no time that there is; found {time:?}"));
        }
        time_us
    }

    /// A code that must be there.
    pub fn code(&mut self, field: &str, text: &str) -> Option<String> {
        self.parsed(field, text, Code::parse(text).map(|code| code.to_string()))
    }

    /// A number as printed that must be there.
    pub fn label(&mut self, field: &str, text: &str) -> Option<String> {
        self.parsed(
            field,
            text,
            Label::parse(text).map(|label| label.to_string()),
        )
    }

    fn parsed(
        &mut self,
        field: &str,
        text: &str,
        parsed: Result<String, &'static str>,
    ) -> Option<String> {
        parsed
            .map_err(|rule| {
                let shown: String = text.chars().take(80).collect();
                self.reject(field, format!("{rule}; found {shown:?}"));
            })
            .ok()
    }

    /// How many rows; 0 means as many as usual.
    pub fn page_size(&mut self, asked: i32, usual: usize, maximum: usize) -> usize {
        match usize::try_from(asked) {
            Ok(0) => usual,
            Ok(size) if size <= maximum => size,
            _ => {
                self.reject(
                    "page_size",
                    format!("must be 1 to {maximum}, or 0 for {usual}; found {asked}"),
                );
                usual
            }
        }
    }

    /// Known values of an enum, none of them `UNSPECIFIED`, each once.
    pub fn states<E: TryFrom<i32>>(&mut self, field: &str, values: &[i32]) -> Vec<i64> {
        let mut states = Vec::new();
        for (index, value) in values.iter().enumerate() {
            if *value == 0 || E::try_from(*value).is_err() {
                self.reject(
                    &format!("{field}[{index}]"),
                    format!("must be a known, stated value; found {value}"),
                );
            } else if !states.contains(&i64::from(*value)) {
                states.push(i64::from(*value));
            }
        }
        states
    }

    /// Nothing was wrong, or everything that was.
    pub fn finish(self) -> Result<(), Refusal> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Fields(self.0))
        }
    }
}
