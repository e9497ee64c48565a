//! A CSV file that is read row by row, as often as needed, however long it is.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    encoding,
    errors::Errors,
    sheet::{self, Column, Row},
};
use crate::client::failure::Failure;

/// The most rows: the command ids of as many are known at once.
pub const MAX_ROWS: usize = 1_000_000;
/// The longest line, in bytes.
const MAX_LINE_BYTES: usize = 64 * 1024;

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
    /// Where the header stands.
    pub header_line: u64,
    line: u64,
    number: usize,
    /// Whether the last line ended with CR: an LF that follows is no other line.
    is_after_cr: bool,
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
            header_line: 1,
            line: 0,
            number: 0,
            is_after_cr: false,
        };
        rows.read_header()?;
        Ok(rows)
    }
}

impl Rows {
    fn read_header(&mut self) -> Result<(), Failure> {
        let mut errors = Errors::new(&self.place);
        let begin = self.reader.fill_buf();
        let begin = begin.map_err(|error| wrong(&self.place, &error))?;
        if let Some(rule) = encoding::foreign(begin) {
            errors.line(1, rule);
            return errors.check();
        }
        while let Some(line) = self.read_line()? {
            let text = line.strip_prefix('\u{feff}').unwrap_or(&line);
            let Some(delimiter) = encoding::delimiter(text) else {
                continue;
            };
            self.delimiter = delimiter;
            self.header_line = self.line;
            errors.header_stands_at(self.line);
            let record = self.record(text).unwrap_or_default();
            self.header = sheet::header(&record, self.columns, &mut errors);
            return errors.check();
        }
        errors.header("the file is empty");
        errors.check()
    }

    /// The next row that is not empty; notes what is wrong with its form.
    pub fn next(&mut self, errors: &mut Errors) -> Result<Option<Row>, Failure> {
        while let Some(text) = self.read_line()? {
            let Some(record) = self.record(&text) else {
                continue;
            };
            if sheet::is_blank(&record) {
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
        let is_there = self.read_bytes(&mut bytes);
        if !is_there.map_err(|error| wrong(&self.place, &error))? {
            return Ok(None);
        }
        self.line += 1;
        let place = format!("{}:{}", self.place, self.line);
        if bytes.len() > MAX_LINE_BYTES {
            let rule = format!("is longer than {MAX_LINE_BYTES} bytes");
            return Err(wrong(&place, &rule));
        }
        String::from_utf8(bytes).map(Some).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(at).copied().unwrap_or_default();
            wrong(&place, &encoding::not_utf_8(byte))
        })
    }

    /// Reads up to the end of the line, or a little beyond what a line may hold. Answers whether there is one.
    fn read_bytes(&mut self, line: &mut Vec<u8>) -> std::io::Result<bool> {
        let mut is_there = false;
        loop {
            let mut bytes = self.reader.fill_buf()?;
            if std::mem::take(&mut self.is_after_cr) && bytes.first() == Some(&b'\n') {
                self.reader.consume(1);
                bytes = self.reader.fill_buf()?;
            }
            if bytes.is_empty() || line.len() > MAX_LINE_BYTES {
                return Ok(is_there);
            }
            is_there = true;
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
            if let Some(end) = end {
                self.is_after_cr = bytes[end] == b'\r';
                self.reader.consume(end + 1);
                return Ok(true);
            }
            let read = bytes.len();
            self.reader.consume(read);
        }
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
