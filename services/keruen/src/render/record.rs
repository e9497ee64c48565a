//! What can be printed as a row of a table.

use keruen_domain::calendar::kazakhstan_offset_minutes;
use keruen_proto::{
    cloudevent,
    inventory::v1::StockUnits,
    log::v1::{OccurredAt, TimePrecision},
    registry::v1::{
        DocumentKind, DocumentRef, ExternalId, LocalizedText, Money, UnitValue, ValueBasis,
    },
};
use serde::Serialize;

use crate::{client::value, render::word};

/// One field of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Text; empty means that there is nothing to say.
    Text(String),
    /// A number of something, shown with separators.
    Number(i64),
    /// An amount, shown with separators; in CSV a number, and the currency beside it.
    Money(Money),
    /// Amounts in several currencies, likewise.
    Amounts(Vec<Money>),
    /// Several values; in CSV separated by `;`.
    Many(Vec<String>),
    /// Several numbers, likewise.
    Numbers(Vec<i64>),
}

impl Cell {
    /// As programs read it.
    pub fn plain(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Money(money) => value::money_text(money),
            Self::Amounts(amounts) => texts(amounts, value::money_text, ";"),
            Self::Many(values) => values.join(";"),
            Self::Numbers(numbers) => joined(numbers, i64::to_string, ";"),
        }
    }

    /// Amount and currency, as programs add them up; a cell of money may be empty.
    pub fn money(&self) -> [String; 2] {
        let parts = |part: fn((String, String)) -> String, amounts: &[Money]| {
            texts(amounts, |money| part(value::money_parts(money)), ";")
        };
        let amounts = match self {
            Self::Money(money) => std::slice::from_ref(money),
            Self::Amounts(amounts) => amounts,
            other => return [other.plain(), String::new()],
        };
        [parts(|it| it.0, amounts), parts(|it| it.1, amounts)]
    }

    /// As people read it; nothing in it can control a terminal.
    pub fn pretty(&self) -> String {
        match self {
            Self::Text(text) => crate::client::failure::one_line(text),
            Self::Number(number) => grouped(*number),
            Self::Money(money) => money_grouped(money),
            Self::Amounts(amounts) => texts(amounts, money_grouped, "\n"),
            Self::Many(values) => values
                .iter()
                .map(|value| crate::client::failure::one_line(value))
                .collect::<Vec<_>>()
                .join("\n"),
            Self::Numbers(numbers) => joined(numbers, |number| grouped(*number), "\n"),
        }
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Number(_) | Self::Money(_) => false,
            Self::Amounts(amounts) => amounts.is_empty(),
            Self::Many(values) => values.is_empty(),
            Self::Numbers(numbers) => numbers.is_empty(),
        }
    }

    /// Whether it holds numbers of something, which stand right in their column.
    pub fn is_numeric(&self) -> bool {
        matches!(self, Self::Number(_) | Self::Numbers(_))
    }
}

fn joined(numbers: &[i64], text: impl Fn(&i64) -> String, separator: &str) -> String {
    texts(numbers, text, separator)
}

fn texts<T>(values: &[T], text: impl Fn(&T) -> String, separator: &str) -> String {
    values.iter().map(text).collect::<Vec<_>>().join(separator)
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<i32> for Cell {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<Option<&Money>> for Cell {
    fn from(money: Option<&Money>) -> Self {
        money.map_or_else(
            || Self::Text(String::new()),
            |money| Self::Money(money.clone()),
        )
    }
}

impl From<&[String]> for Cell {
    fn from(values: &[String]) -> Self {
        Self::Many(values.to_vec())
    }
}

impl From<Vec<String>> for Cell {
    fn from(values: Vec<String>) -> Self {
        Self::Many(values)
    }
}

impl From<bool> for Cell {
    fn from(truth: bool) -> Self {
        Self::Text(if truth {
            "yes".to_owned()
        } else {
            "no".to_owned()
        })
    }
}

/// A row made of whatever becomes a cell.
#[macro_export]
macro_rules! cells {
    ($($value:expr),* $(,)?) => { vec![$($crate::render::record::Cell::from($value)),*] };
}

impl From<Vec<Money>> for Cell {
    fn from(amounts: Vec<Money>) -> Self {
        Self::Amounts(amounts)
    }
}

/// Something that is a row of a table, and has a page of its own.
pub trait Record: Serialize {
    /// Names of the columns.
    const COLUMNS: &'static [&'static str];
    /// Names of the columns in CSV, where they are others.
    const SHEET: &'static [&'static str] = Self::COLUMNS;
    /// Those of the columns in CSV that hold amounts of money: the currency is a column of its own after each.
    const MONEY: &'static [&'static str] = &[];

    /// One cell for each column.
    fn cells(&self) -> Vec<Cell>;

    /// Its rows in CSV, one cell for each of those columns.
    fn sheet(&self) -> Vec<Vec<Cell>> {
        vec![self.cells()]
    }

    /// What belongs to it, shown below it on its page.
    fn parts(&self) -> Vec<Part> {
        Vec::new()
    }
}

/// A table below a record.
#[derive(Debug)]
pub struct Part {
    /// What it lists.
    pub title: &'static str,
    /// Names of the columns.
    pub columns: &'static [&'static str],
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

/// A number with separators: `97,000`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The English name.
pub fn name(text: Option<&LocalizedText>) -> String {
    text.map(|text| text.en.clone()).unwrap_or_default()
}

/// Amount and currency with separators: `4,000,000.00 USD`.
pub fn money_grouped(money: &Money) -> String {
    let plain = value::money_text(money);
    let end = plain.find(['.', ' ']).unwrap_or(plain.len());
    match plain[..end].parse() {
        // A minus before a zero would be lost.
        Ok(whole) if whole != 0 => format!("{}{}", grouped(whole), &plain[end..]),
        _ => plain,
    }
}

/// Amount, currency and on what it rests; empty where nothing was declared.
pub fn unit_value(unit_value: Option<&UnitValue>) -> String {
    unit_value.map_or_else(String::new, |unit_value| {
        let basis = word::field::<ValueBasis>(unit_value.basis);
        let amount = unit_value
            .amount
            .as_ref()
            .map(value::money_text)
            .unwrap_or_default();
        format!("{amount} ({basis})")
    })
}

/// `SCHEME=VALUE` of each.
pub fn external_ids(ids: &[ExternalId]) -> Vec<String> {
    ids.iter()
        .map(|id| format!("{}={}", id.scheme, id.value))
        .collect()
}

/// Time by the clock of Kazakhstan, with its offset, wherever it happened: so that times of one output compare. To what
/// is known of it; a day alone is that of the place.
pub fn time(occurred_at: Option<&OccurredAt>) -> String {
    let Some(occurred_at) = occurred_at else {
        return String::new();
    };
    let utc_offset_minutes = match occurred_at.precision() {
        TimePrecision::Day => occurred_at.utc_offset_minutes,
        _ => kazakhstan_offset_minutes(occurred_at.time_us),
    };
    let text = cloudevent::local_time(&OccurredAt {
        utc_offset_minutes,
        ..*occurred_at
    });
    let Some((day, rest)) = text.split_once('T') else {
        return text;
    };
    let offset = rest.find(['+', '-', 'Z']).map_or("", |at| &rest[at..]);
    match occurred_at.precision() {
        TimePrecision::Day => day.to_owned(),
        TimePrecision::Minute => format!("{day} {}{offset}", &rest[..5.min(rest.len())]),
        _ => format!("{day} {}{offset}", &rest[..8.min(rest.len())]),
    }
}

/// When something was recorded, in microseconds, likewise.
pub fn recorded(time_us: i64) -> String {
    time(Some(&OccurredAt {
        time_us,
        ..OccurredAt::default()
    }))
}

/// The documents of something.
pub fn documents(documents: &[DocumentRef]) -> Part {
    Part {
        title: "documents",
        columns: &["kind", "number", "issued_on", "issuer_id"],
        rows: documents
            .iter()
            .map(|document| {
                cells![
                    word::field::<DocumentKind>(document.kind),
                    &document.number,
                    &document.issued_on,
                    &document.issuer_id
                ]
            })
            .collect(),
    }
}

/// No units where a message lacks them.
pub fn units(units: Option<&StockUnits>) -> StockUnits {
    units.cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        let texts: Vec<String> = [0, 12, 999, 1_000, -97_000, i64::MIN]
            .into_iter()
            .map(grouped)
            .collect();
        assert_eq!(
            texts,
            [
                "0",
                "12",
                "999",
                "1,000",
                "-97,000",
                "-9,223,372,036,854,775,808"
            ]
        );
    }

    #[test]
    fn amounts_have_separators() {
        let text = |minor_units, code: &str| {
            money_grouped(&Money {
                currency_code: code.to_owned(),
                minor_units,
            })
        };
        assert_eq!(text(400_000_000, "USD"), "4,000,000.00 USD");
        assert_eq!(text(-123_456, "USD"), "-1,234.56 USD");
        assert_eq!(text(-5, "USD"), "-0.05 USD");
        assert_eq!(text(1_000, "JPY"), "1,000 JPY");
    }

    #[test]
    fn a_time_says_no_more_than_is_known() {
        let by = |precision: TimePrecision, utc_offset_minutes| {
            time(Some(&OccurredAt {
                time_us: 1_593_590_461_000_000,
                utc_offset_minutes,
                precision: precision.into(),
                clamped: false,
            }))
        };
        // By one clock, wherever it happened.
        for utc_offset_minutes in [300, 360] {
            let at = |precision| by(precision, utc_offset_minutes);
            assert_eq!(at(TimePrecision::Day), "2020-07-01");
            assert_eq!(at(TimePrecision::Minute), "2020-07-01 14:01+06:00");
            assert_eq!(at(TimePrecision::Second), "2020-07-01 14:01:01+06:00");
        }
        assert_eq!(recorded(1_593_590_461_000_000), "2020-07-01 14:01:01+06:00");
    }

    #[test]
    fn amounts_are_grouped_one_by_one() {
        let amount = |code: &str, minor_units| Money {
            currency_code: code.to_owned(),
            minor_units,
        };
        let amounts = Cell::from(vec![amount("EUR", 5), amount("USD", 300_000)]);
        assert_eq!(amounts.pretty(), "0.05 EUR\n3,000.00 USD");
        assert_eq!(amounts.plain(), "0.05 EUR;3000.00 USD");
    }
}
