//! A CSV file that is read row by row, as often as needed, however long it is.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    errors::Errors,
    sheet::{self, Column, Row},
};
use crate::client::failure::Failure;

/// The most rows: the command ids of as many are known at once.
pub const MAX_ROWS: usize = 1_000_000;
/// The longest line, in bytes.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// A file, as it was when it was first looked at.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    /// Its name, for messages.
    pub place: String,
    bytes: u64,
    modified: Option<SystemTime>,
}

/// Its rows, one after the other.
#[derive(Debug)]
pub struct Rows {
    reader: BufReader<File>,
    place: String,
    columns: &'static [Column],
    header: Vec<Option<&'static str>>,
    delimiter: u8,
    line: u64,
    number: usize,
}

fn wrong(place: &str, rule: &dyn std::fmt::Display) -> Failure {
    Failure::File {
        errors: vec![format!("{place}: {rule}")],
        summary: "nothing was entered".to_owned(),
    }
}

impl Source {
    /// Looks at a file.
    pub fn at(path: &Path) -> Result<Self, Failure> {
        let place = path.display().to_string();
        if path.as_os_str() == "-" {
            let rule = "movements are read more than once; name a file";
            return Err(wrong("standard input", &rule));
        }
        let found = std::fs::metadata(path).map_err(|error| wrong(&place, &error))?;
        Ok(Self {
            path: path.to_owned(),
            place,
            bytes: found.len(),
            modified: found.modified().ok(),
        })
    }

    /// Its rows, from the first one on. Fails if it has changed since it was looked at.
    pub fn rows(&self, columns: &'static [Column]) -> Result<Rows, Failure> {
        let wrong = |error: std::io::Error| wrong(&self.place, &error);
        let file = File::open(&self.path).map_err(wrong)?;
        let found = file.metadata().map_err(wrong)?;
        if (found.len(), found.modified().ok()) != (self.bytes, self.modified) {
            return Err(Failure::File {
                errors: vec![format!("{}: the file has changed meanwhile", self.place)],
                summary: "run the same command again; nothing is entered twice".to_owned(),
            });
        }
        let mut rows = Rows {
            reader: BufReader::with_capacity(256 * 1024, file),
            place: self.place.clone(),
            columns,
            header: Vec::new(),
            delimiter: b',',
            line: 0,
            number: 0,
        };
        rows.read_header()?;
        Ok(rows)
    }
}

impl Rows {
    fn read_header(&mut self) -> Result<(), Failure> {
        let mut errors = Errors::new(&self.place);
        let first = self.read_line()?.unwrap_or_default();
        let text = first.strip_prefix('\u{feff}').unwrap_or(&first);
        self.delimiter = sheet::delimiter(text);
        match self.record(text) {
            Some(record) => self.header = sheet::header(&record, self.columns, &mut errors),
            None => errors.header("the file is empty"),
        }
        errors.check()
    }

    /// The next row that is not empty; notes what is wrong with its form.
    pub fn next(&mut self, errors: &mut Errors) -> Result<Option<Row>, Failure> {
        while let Some(text) = self.read_line()? {
            let Some(record) = self.record(&text) else {
                continue;
            };
            if record.iter().all(|field| field.trim().is_empty()) {
                continue;
            }
            self.number += 1;
            let row = sheet::row(&record, self.line, self.number, &self.header, errors);
            sheet::note_empty(&row, self.columns, &self.header, errors);
            return Ok(Some(row));
        }
        Ok(None)
    }

    /// No field holds a line break, so each line is a row.
    fn read_line(&mut self) -> Result<Option<String>, Failure> {
        let mut bytes = Vec::new();
        let mut limited = (&mut self.reader).take(MAX_LINE_BYTES);
        let read = limited.read_until(b'\n', &mut bytes);
        read.map_err(|error| wrong(&self.place, &error))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        let place = format!("{}:{}", self.place, self.line);
        if bytes.last() != Some(&b'\n') && bytes.len() as u64 == MAX_LINE_BYTES {
            let rule = format!("is longer than {MAX_LINE_BYTES} bytes");
            return Err(wrong(&place, &rule));
        }
        let text = String::from_utf8(bytes);
        text.map(Some)
            .map_err(|_| wrong(&place, &"is not UTF-8; save the file as CSV in UTF-8"))
    }

    fn record(&self, text: &str) -> Option<csv::StringRecord> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .trim(csv::Trim::All)
            .buffer_capacity(text.len().max(1))
            .from_reader(text.as_bytes());
        reader.records().next()?.ok()
    }
}
