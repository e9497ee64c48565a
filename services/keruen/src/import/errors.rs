//! What is wrong in a file, by line and column.

use super::sheet::Row;
use crate::client::failure::Failure;

/// How many errors are told.
pub const MAX_ERRORS: usize = 50;

/// How many errors are looked for, where a file is read row by row.
const MAX_NOTED: usize = 10_000;

/// Errors of a file.
#[derive(Debug)]
pub struct Errors {
    place: String,
    header_line: u64,
    found: Vec<(u64, String)>,
}

impl Errors {
    /// None yet, in the file at `place`.
    pub fn new(place: &str) -> Self {
        Self {
            place: place.to_owned(),
            header_line: 1,
            found: Vec::new(),
        }
    }

    /// Notes that a row is wrong.
    pub fn row(&mut self, row: &Row, rule: &str) {
        self.note(row.line, row.number, None, rule);
    }

    /// Notes that a field is wrong.
    pub fn field(&mut self, row: &Row, column: &str, rule: &str) {
        self.note(row.line, row.number, Some(column), rule);
    }

    /// Notes where a row of the same thing says something else than the first one, in columns that tell of all of it.
    pub fn disagreement(&mut self, first: &Row, row: &Row, (columns, thing): (&[&str], &str)) {
        for column in columns {
            let (before, here) = (first.text(column), row.text(column));
            if !here.is_empty() && here != before {
                let line = first.line;
                let rule =
                    format!("{here:?} differs from {before:?} in line {line}, the same {thing}");
                self.field(row, column, &rule);
            }
        }
    }

    /// Notes that a row, or a column of it, is wrong.
    pub fn note(&mut self, line: u64, number: usize, column: Option<&str>, rule: &str) {
        let column = column
            .map(|column| format!(", column {column}"))
            .unwrap_or_default();
        self.found.push((
            line,
            format!("{}:{line}: row {number}{column}: {rule}", self.place),
        ));
    }

    /// Says in which line the header stands, if not in the first one.
    pub fn header_stands_at(&mut self, line: u64) {
        self.header_line = line;
    }

    /// Notes that the header is wrong.
    pub fn header(&mut self, rule: &str) {
        let (place, line) = (&self.place, self.header_line);
        self.found
            .push((line, format!("{place}:{line}: header: {rule}")));
    }

    /// Notes that a line is wrong, whatever row it may be.
    pub fn line(&mut self, line: u64, rule: &str) {
        self.found
            .push((line, format!("{}:{line}: {rule}", self.place)));
    }

    /// Whether so much was noted that nobody would read more.
    pub fn is_full(&self) -> bool {
        self.found.len() >= MAX_NOTED
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Fails if anything was noted.
    pub fn check(mut self) -> Result<(), Failure> {
        if self.found.is_empty() {
            return Ok(());
        }
        self.found.sort_by_key(|(line, _)| *line);
        let total = self.found.len();
        let mut errors: Vec<String> = self
            .found
            .into_iter()
            .map(|(_, error)| error)
            .take(MAX_ERRORS)
            .collect();
        if total > errors.len() {
            let more = format!("… and {} more errors", total - errors.len());
            errors.push(more);
        }
        let count = if total == 1 {
            "1 error".to_owned()
        } else {
            format!("{total} errors")
        };
        Err(Failure::File {
            errors,
            summary: format!("{count}; nothing was entered"),
        })
    }
}
