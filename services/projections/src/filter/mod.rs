//! Filters and orders that people write as text, after AIP-160 and AIP-132: read with the columns that a list has, and
//! told to the database with every value as a parameter, or held against rows that are made in memory.

mod column;
mod listed;
mod memory;
mod order;
mod syntax;

pub(crate) use column::words;
pub use column::{Column, Kind, Known, Words, column};
pub use listed::{ListedField, filtered_lists};
pub use order::Order;

use chrono::{DateTime, NaiveDate};
use keruen_domain::{Code, Label, region};

use crate::{
    clauses::{Clauses, Value},
    database::Connection,
    fields::Fields,
    names,
    refusal::Refusal,
};
use syntax::{Comparator, Expression, Operand, Restriction};

/// The field of every request that holds one.
const FIELD: &str = "filter";

/// A filter, read with the columns of a list.
#[derive(Debug, Default)]
pub struct Filter(Option<Condition>);

#[derive(Debug)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Is(Test),
}

/// A column, compared.
#[derive(Debug)]
struct Test {
    column: &'static Column,
    comparator: Comparator,
    /// `None` asks whether there is anything.
    value: Option<Value>,
    /// Where in the text it stands.
    at: usize,
}

impl Filter {
    /// Reads a filter; notes all that is wrong with it.
    pub fn parse(fields: &mut Fields, text: &str, columns: &'static [Column]) -> Self {
        let mut note = |at: usize, rule: &str| {
            fields.reject(FIELD, format!("at character {at}: {rule}"));
        };
        match syntax::parse(text) {
            Ok(None) => Self(None),
            Ok(Some(expression)) => Self(condition(expression, columns, &mut note)),
            Err(malformed) => {
                note(malformed.at, &malformed.rule);
                Self(None)
            }
        }
    }

    /// Whether it asks for a column.
    pub fn names(&self, name: &str) -> bool {
        self.tests().iter().any(|test| test.column.name == name)
    }

    fn tests(&self) -> Vec<&Test> {
        let mut tests = Vec::new();
        if let Some(condition) = &self.0 {
            condition.tests(&mut tests);
        }
        tests
    }

    /// Refuses a filter that names what nobody registered.
    pub fn refuse_unknown(&self, connection: &Connection) -> Result<(), Refusal> {
        for test in self.tests() {
            let (Kind::Code(known) | Kind::Through(_, known) | Kind::Listed(known)) =
                test.column.kind
            else {
                continue;
            };
            let Some(Value::Text(id)) = &test.value else {
                continue;
            };
            let id = Some(id.as_str());
            match known {
                Known::Facility => names::known_facility(connection, id),
                Known::Commodity => names::known_commodity(connection, id),
                Known::Item => names::known_item(connection, id),
                Known::Donation => names::known_donation(connection, id),
                Known::Batch => names::known_batch(connection, id),
                Known::Trip => names::known_trip(connection, id),
                Known::Organisation => names::known_organisation(connection, id),
                Known::Owner => names::known_owner(connection, id),
                Known::Anything => Ok(()),
            }?;
        }
        Ok(())
    }

    /// Adds it to the conditions of a query, with the regions of `today`, ISO 8601.
    pub fn add(&self, clauses: &mut Clauses, today: &str) {
        if let Some(condition) = &self.0 {
            let sql = condition.sql(clauses, today);
            clauses.condition(sql);
        }
    }

    /// Takes out what is about sums over a group; it can only stand beside the rest, not in it.
    pub fn split_sums(&mut self, fields: &mut Fields) -> Self {
        let parts = match self.0.take() {
            None => return Self(None),
            Some(Condition::All(parts)) => parts,
            Some(part) => vec![part],
        };
        let (mut sums, mut rest) = (Vec::new(), Vec::new());
        for part in parts {
            let mut tests = Vec::new();
            part.tests(&mut tests);
            let of_sums = tests.iter().filter(|test| test.column.kind == Kind::Sum);
            let first = of_sums
                .clone()
                .next()
                .map(|test| (test.at, test.column.name));
            match first {
                None => rest.push(part),
                Some(_) if of_sums.count() == tests.len() => sums.push(part),
                Some((at, name)) => fields.reject(
                    FIELD,
                    format!(
                        "at character {at}: {name} is a sum over rows; join conditions on sums and on other fields with \
                         AND, outside all parentheses"
                    ),
                ),
            }
        }
        let all = |parts: Vec<Condition>| (!parts.is_empty()).then_some(Condition::All(parts));
        self.0 = all(rest);
        Self(all(sums))
    }

    /// It as a condition of its own; `None` where there is none.
    pub fn sql(&self, clauses: &mut Clauses, today: &str) -> Option<String> {
        self.0
            .as_ref()
            .map(|condition| condition.sql(clauses, today))
    }
}

fn condition(
    expression: Expression,
    columns: &'static [Column],
    note: &mut impl FnMut(usize, &str),
) -> Option<Condition> {
    let mut all = |parts: Vec<Expression>| -> Option<Vec<Condition>> {
        // Every part is looked at, so that all that is wrong is told.
        let parts: Vec<_> = parts
            .into_iter()
            .map(|part| condition(part, columns, note))
            .collect();
        parts.into_iter().collect()
    };
    Some(match expression {
        Expression::All(parts) => Condition::All(all(parts)?),
        Expression::Any(parts) => Condition::Any(all(parts)?),
        Expression::Not(part) => Condition::Not(Box::new(condition(*part, columns, note)?)),
        Expression::Is(restriction) => match test(&restriction, columns) {
            Ok(test) => Condition::Is(test),
            Err((at, rule)) => {
                note(at, &rule);
                return None;
            }
        },
    })
}

/// A condition as a column takes it; else where and why not.
fn test(restriction: &Restriction, columns: &'static [Column]) -> Result<Test, (usize, String)> {
    let (field, comparator) = (restriction.field.as_str(), restriction.comparator);
    let Some(column) = columns.iter().find(|column| column.is_called(field)) else {
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        let rule = format!(
            "there is no field {field:?}; there are {}",
            names.join(", ")
        );
        return Err((restriction.field_at, rule));
    };
    let allowed = column.comparators();
    if !allowed.contains(&comparator) {
        let signs: Vec<&str> = allowed.iter().map(|it| it.sign()).collect();
        let rule = format!(
            "{field} is compared by {}; found {}",
            signs.join(", "),
            comparator.sign()
        );
        return Err((restriction.field_at, rule));
    }
    let value = match &restriction.operand {
        Operand::Anything if comparator == Comparator::Has && column.may_be_missing() => None,
        Operand::Anything => {
            let rule = if comparator == Comparator::Has {
                format!("{field} is always there; say which")
            } else {
                format!("* stands after : only, as in {field}:*; put it in quotes if it is meant")
            };
            return Err((restriction.operand_at, rule));
        }
        Operand::Value(text) => Some(value(column, text).map_err(|rule| {
            let shown: String = text.chars().take(80).collect();
            let rule = format!("{field} {rule}; found {shown:?}");
            (restriction.operand_at, rule)
        })?),
    };
    Ok(Test {
        column,
        comparator,
        value,
        at: restriction.field_at,
    })
}

/// A value as the column has it; else the rule that it breaks.
fn value(column: &Column, text: &str) -> Result<Value, String> {
    Ok(match column.kind {
        Kind::Region if region::find(text).is_none() => {
            return Err("must be a region such as KZ-39".to_owned());
        }
        Kind::Code(_) | Kind::Region | Kind::Through(..) | Kind::Listed(_) => {
            Value::from(Code::parse(text)?.as_str())
        }
        Kind::Text => Value::from(Label::parse(text)?.as_str()),
        Kind::Day => {
            let day = text.parse::<NaiveDate>();
            let day = day.map_err(|_| "must be a calendar date such as 2021-03-31")?;
            Value::from(day.to_string().as_str())
        }
        Kind::Time => {
            let time = DateTime::parse_from_rfc3339(text);
            let time = time.map_err(|_| "must be a time such as \"2021-03-31T10:00:00+05:00\"")?;
            Value::from(time.timestamp_micros())
        }
        Kind::Number | Kind::Amount(_) | Kind::Sum => {
            let number = text.parse::<i64>();
            Value::from(number.map_err(|_| "must be a whole number")?)
        }
        Kind::Flag => match text {
            "true" => Value::from(1),
            "false" => Value::from(0),
            _ => return Err("must be true or false".to_owned()),
        },
        Kind::State(words) => Value::from(words.number(text)?),
        Kind::Rank(words) => Value::from(words.rank(text)?),
    })
}

impl Condition {
    fn tests<'c>(&'c self, tests: &mut Vec<&'c Test>) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.tests(tests);
                }
            }
            Self::Not(part) => part.tests(tests),
            Self::Is(test) => tests.push(test),
        }
    }

    fn sql(&self, clauses: &mut Clauses, today: &str) -> String {
        let mut joined = |parts: &[Self], word: &str| {
            let parts: Vec<String> = parts.iter().map(|part| part.sql(clauses, today)).collect();
            format!("({})", parts.join(word))
        };
        match self {
            Self::All(parts) => joined(parts, " AND "),
            Self::Any(parts) => joined(parts, " OR "),
            Self::Not(part) => format!("(NOT {})", part.sql(clauses, today)),
            Self::Is(test) => test.sql(clauses, today),
        }
    }
}

impl Test {
    /// A condition that is true or false, never unknown, so that NOT turns it round.
    fn sql(&self, clauses: &mut Clauses, today: &str) -> String {
        let column = self.column.sql(clauses, today);
        let Some(value) = &self.value else {
            return match self.column.kind {
                Kind::Region => in_region(&column, None, clauses, today),
                Kind::Amount(currency) => format!("({currency} <> '')"),
                _ => format!("({column} <> '')"),
            };
        };
        let is_not = self.comparator == Comparator::NotEqual;
        let turned = |condition: String| {
            if is_not {
                format!("(NOT {condition})")
            } else {
                condition
            }
        };
        match self.column.kind {
            Kind::Region => turned(in_region(&column, Some(value), clauses, today)),
            Kind::Through(select, _) => {
                let value = clauses.parameter(value.clone());
                turned(format!("({column} IN ({select} {value}))"))
            }
            Kind::Listed(_) => {
                let Value::Text(code) = value else {
                    return "(1 = 0)".to_owned();
                };
                let value = clauses.parameter(listed_one(code).as_str());
                format!("(REPLACE({column}, {value}, '') <> {column})")
            }
            // What has no value is neither more nor less than one, and not 0.
            Kind::Amount(currency) => {
                let sign = self.sign();
                let value = clauses.parameter(value.clone());
                format!("({currency} <> '' AND {column} {sign} {value})")
            }
            // What has no day is neither before nor after one.
            Kind::Day if matches!(self.comparator, Comparator::Less | Comparator::LessOrEqual) => {
                let sign = self.comparator.sign();
                let value = clauses.parameter(value.clone());
                format!("({column} <> '' AND {column} {sign} {value})")
            }
            _ => {
                let value = clauses.parameter(value.clone());
                format!("({column} {} {value})", self.sign())
            }
        }
    }

    fn sign(&self) -> &'static str {
        let is_rank = matches!(self.column.kind, Kind::Rank(_));
        match self.comparator {
            Comparator::Equal | Comparator::Has => "=",
            Comparator::NotEqual => "<>",
            // The highest has rank 1.
            Comparator::Less if is_rank => ">",
            Comparator::LessOrEqual if is_rank => ">=",
            Comparator::Greater if is_rank => "<",
            Comparator::GreaterOrEqual if is_rank => "<=",
            Comparator::Less => "<",
            Comparator::LessOrEqual => "<=",
            Comparator::Greater => ">",
            Comparator::GreaterOrEqual => ">=",
        }
    }
}

/// That a facility is in a region on a day, or in any.
fn in_region(column: &str, region: Option<&Value>, clauses: &mut Clauses, today: &str) -> String {
    let region = region.map(|region| format!("region_id = {}", clauses.parameter(region.clone())));
    format!("({})", clauses.of_regions(column, region.as_deref(), today))
}

/// Codes as a column of kind [`Kind::Listed`] has them: each between commas.
pub fn listed<'c>(codes: impl Iterator<Item = &'c str>) -> String {
    let codes: std::collections::BTreeSet<&str> = codes.filter(|code| !code.is_empty()).collect();
    codes.into_iter().map(listed_one).collect()
}

fn listed_one(code: &str) -> String {
    format!(",{code},")
}
