//! The columns that a list can be filtered and ordered by.

use super::syntax::Comparator;
use crate::clauses::Clauses;

/// A column that people name in a filter or an order.
#[derive(Debug)]
pub struct Column {
    /// By which people call it.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Where it stands in the query. `{today}` stands for a parameter: today, ISO 8601.
    pub sql: &'static str,
}

/// A column of a list.
pub const fn column(name: &'static str, kind: Kind, sql: &'static str) -> Column {
    Column { name, kind, sql }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A code; empty where there is none.
    Code(Known),
    /// A code that another table tells: the column is one of those that this query, which ends before a value, finds.
    Through(&'static str, Known),
    /// Several codes, see [`super::listed`].
    Listed(Known),
    /// The region of a facility, which the column names: with its table, where that calls it `facility_id`.
    Region,
    /// Text as printed; empty where there is none.
    Text,
    /// A day, ISO 8601; empty where there is none.
    Day,
    /// A time in microseconds.
    Time,
    /// A whole number.
    Number,
    /// Minor units of a currency that another column names; there is none where that is empty.
    Amount(&'static str),
    /// A whole number that is added up over the rows of a group.
    Sum,
    /// 1 or 0.
    Flag,
    /// One of a closed list.
    State(&'static Words),
    /// One of a closed list in which some stand above others: the column is 1 for the highest, and so on.
    Rank(&'static Words),
}

/// Of what a code must be, so that it means anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// A facility.
    Facility,
    /// A commodity.
    Commodity,
    /// An item.
    Item,
    /// A donation.
    Donation,
    /// A batch.
    Batch,
    /// A trip.
    Trip,
    /// An organisation.
    Organisation,
    /// An organisation, or UNATTRIBUTED.
    Owner,
    /// Something that is not looked up.
    Anything,
}

/// The words of a closed list.
#[derive(Debug)]
pub struct Words {
    /// The name of a number, if it has one.
    pub name: fn(i32) -> Option<&'static str>,
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Words {}

/// The words of a generated enum.
macro_rules! words {
    ($enum:ty) => {{
        const WORDS: $crate::filter::Words = $crate::filter::Words {
            name: |number| {
                <$enum>::try_from(number)
                    .ok()
                    .map(|value| value.as_str_name())
            },
        };
        &WORDS
    }};
}
pub(crate) use words;

/// No list is longer.
const MAX_WORDS: i32 = 100;
const UNSPECIFIED: &str = "UNSPECIFIED";

impl Words {
    /// All but the one that says nothing, without what their names have in common, and their numbers.
    fn all(&self) -> impl Iterator<Item = (&'static str, i64)> {
        let none = (self.name)(0).unwrap_or_default();
        let prefix = none.strip_suffix(UNSPECIFIED).unwrap_or_default();
        let name = self.name;
        (1..MAX_WORDS).filter_map(move |number| {
            let name = name(number)?;
            Some((name.strip_prefix(prefix).unwrap_or(name), i64::from(number)))
        })
    }

    /// All of them, in order of their numbers.
    pub fn names(&self) -> Vec<&'static str> {
        self.all().map(|(name, _)| name).collect()
    }

    /// The number of a word; else what is allowed.
    pub fn number(&self, text: &str) -> Result<i64, String> {
        let none = (self.name)(0).unwrap_or_default();
        let prefix = none.strip_suffix(UNSPECIFIED).unwrap_or_default();
        let word = text.to_ascii_uppercase().replace('-', "_");
        let word = word.strip_prefix(prefix).unwrap_or(&word);
        let found = self.all().find(|(name, _)| *name == word);
        found
            .map(|(_, number)| number)
            .ok_or_else(|| format!("must be one of {}", self.names().join(", ")))
    }

    /// 1 for the last word, 2 for the one before, and so on.
    pub fn rank(&self, text: &str) -> Result<i64, String> {
        let highest = self.all().map(|(_, number)| number).max().unwrap_or(0);
        Ok(highest - self.number(text)? + 1)
    }
}

const EQUALITY: &[Comparator] = &[Comparator::Equal, Comparator::NotEqual];
const EQUALITY_AND_HAS: &[Comparator] = &[Comparator::Equal, Comparator::NotEqual, Comparator::Has];
const HAS: &[Comparator] = &[Comparator::Has];
const ORDERED: &[Comparator] = &[
    Comparator::Equal,
    Comparator::NotEqual,
    Comparator::Less,
    Comparator::LessOrEqual,
    Comparator::Greater,
    Comparator::GreaterOrEqual,
];
const ORDERED_AND_HAS: &[Comparator] = &[
    Comparator::Equal,
    Comparator::NotEqual,
    Comparator::Less,
    Comparator::LessOrEqual,
    Comparator::Greater,
    Comparator::GreaterOrEqual,
    Comparator::Has,
];

impl Column {
    /// Whether people mean it: tables and CSV head codes with `facility_id` and the like, where a filter says `facility`.
    pub fn is_called(&self, name: &str) -> bool {
        let is_code = matches!(
            self.kind,
            Kind::Code(_) | Kind::Through(..) | Kind::Region | Kind::Text
        );
        name == self.name || is_code && name.strip_suffix("_id") == Some(self.name)
    }

    /// How it can be compared.
    pub fn comparators(&self) -> &'static [Comparator] {
        match self.kind {
            Kind::Code(_) | Kind::Text | Kind::Region => EQUALITY_AND_HAS,
            Kind::Through(..) | Kind::Flag | Kind::State(_) => EQUALITY,
            Kind::Listed(_) => HAS,
            Kind::Day | Kind::Amount(_) => ORDERED_AND_HAS,
            Kind::Time | Kind::Number | Kind::Sum | Kind::Rank(_) => ORDERED,
        }
    }

    /// Whether there are rows without it.
    pub fn may_be_missing(&self) -> bool {
        matches!(
            self.kind,
            Kind::Code(_)
                | Kind::Text
                | Kind::Region
                | Kind::Listed(_)
                | Kind::Day
                | Kind::Amount(_)
        )
    }

    /// Whether rows can stand in its order.
    pub fn is_orderable(&self) -> bool {
        !matches!(self.kind, Kind::Through(..) | Kind::Listed(_))
    }

    /// Whether it is text in the database.
    pub fn is_text(&self) -> bool {
        matches!(
            self.kind,
            Kind::Code(_) | Kind::Text | Kind::Day | Kind::Region
        )
    }

    /// Where it stands in the query.
    pub fn sql(&self, clauses: &mut Clauses, today: &str) -> String {
        if !self.sql.contains("{today}") {
            return self.sql.to_owned();
        }
        let today = clauses.parameter(today);
        self.sql.replace("{today}", &today)
    }
}
