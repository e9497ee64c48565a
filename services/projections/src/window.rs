//! Windows of the past: how much of what is grouped by batch, facility, item or owner is added up at a time.
//!
//! What is known today of a batch is a row; what was known of it is a sum of changes. A page of a long list is filled from
//! windows that get wider, so that what it costs follows its rows and not all that ever happened.

use keruen_proto::stock::v1::StockGroup;

use crate::{
    clauses::{Clauses, Value},
    database::{Connection, params},
    failure::StoreError,
};

/// Goes through all that holdings are grouped by, from the first to the last.
pub struct Windows {
    /// Of holdings; there is an index by it.
    column: &'static str,
    /// Where the next one begins; `None` once there is none.
    begin: Option<Begin>,
    /// How many holdings are wanted in the next one.
    wanted: i64,
}

#[derive(Clone)]
enum Begin {
    At(String),
    After(String),
}

/// One of them.
pub struct Window {
    begin: Begin,
    /// The last one in it; `None` where it goes to the end.
    last: Option<String>,
}

impl Windows {
    /// Of a list whose first key is `group`, from the row after `resume` on, in pages of so many rows; `None` where holdings
    /// are not found by it.
    pub fn new(group: StockGroup, resume: Option<&Value>, page_rows: usize) -> Option<Self> {
        let column = match group {
            StockGroup::Batch => "batch_id",
            StockGroup::Facility => "facility_id",
            StockGroup::Item => "item_id",
            StockGroup::Owner => "owner_id",
            _ => return None,
        };
        let begin = match resume {
            Some(Value::Text(begin)) => begin.clone(),
            _ => String::new(),
        };
        Some(Self {
            column,
            begin: Some(Begin::At(begin)),
            wanted: i64::try_from(page_rows).unwrap_or(i64::MAX / 2),
        })
    }

    /// The next one. There are few, since each is twice as wide as the one before.
    pub fn next(&mut self, connection: &Connection) -> Result<Option<Window>, StoreError> {
        let Some(begin) = self.begin.take() else {
            return Ok(None);
        };
        let (operator, value) = match &begin {
            Begin::At(value) => (">=", value),
            Begin::After(value) => (">", value),
        };
        let column = self.column;
        let last = connection
            .prepare_cached(&format!(
                "SELECT {column} FROM holdings WHERE {column} {operator} ?1 ORDER BY {column} LIMIT 1 OFFSET ?2"
            ))?
            .query_row(params![value, self.wanted], |row| row.get::<String>(0))?;
        self.wanted = self.wanted.saturating_mul(2);
        self.begin = last.clone().map(Begin::After);
        Ok(Some(Window { begin, last }))
    }
}

impl Window {
    /// Leaves out what stands outside of it, by the column that is grouped by first.
    pub fn add(&self, column: &str, clauses: &mut Clauses) {
        let (operator, value) = match &self.begin {
            Begin::At(value) => (">=", value),
            Begin::After(value) => (">", value),
        };
        let value = clauses.parameter(value.as_str());
        clauses.condition(format!("{column} {operator} {value}"));
        if let Some(last) = &self.last {
            let last = clauses.parameter(last.as_str());
            clauses.condition(format!("{column} <= {last}"));
        }
    }
}
