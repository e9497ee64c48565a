//! How answers are printed: tables for people, JSON and CSV for programs.
//!
//! JSON is protobuf JSON (64-bit integers as strings), one document for each verb: an object for one thing, an array
//! for a list. The rows of `stock` are flat, with numbers. CSV has the columns of the tables, and a
//! currency beside each amount. Where standard output is no terminal, tables are plain: as wide as
//! they need to be, without rules and styles.

pub mod attention;
pub mod custody;
pub mod donation;
pub mod duty;
pub mod emergency;
pub mod fleet;
pub mod inbox;
pub mod inventory;
pub mod mobile_unit;
pub mod plan;
pub mod projections;
pub mod recall;
pub mod record;
pub mod registry;
pub mod reports;
pub mod requests;
pub mod shipments;
pub mod statement;
pub mod stock;
pub mod table;
pub mod timeline;
pub mod trace;
pub mod trip;
pub mod voided;
pub mod word;

use std::{
    io::{self, IsTerminal as _, Write},
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;

use crate::{
    cli::Format,
    client::{aftermath::Aftermath, failure::one_line, rpc::Shows},
    render::record::{Cell, Record},
};

/// Where answers go.
pub struct Output {
    sink: Box<dyn Write>,
    format: Format,
    /// Columns of the terminal; `None` where it is none.
    terminal_width: Option<u16>,
}

/// Answers that the program itself reads.
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The answer to a command with its id.
#[derive(Serialize)]
struct Changed<'a, A> {
    #[serde(flatten)]
    answer: &'a A,
    #[serde(rename = "commandId")]
    command_id: &'a str,
    #[serde(flatten)]
    more: &'a serde_json::Map<String, serde_json::Value>,
}

impl Output {
    /// Standard output; styles are dropped where it is no terminal or where `NO_COLOR` is set.
    pub fn stdout(format: Format) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let terminal_width =
            is_terminal.then(|| terminal_size::terminal_size().map_or(100, |(width, _)| width.0));
        Self {
            sink: Box::new(io::BufWriter::new(anstream::stdout())),
            format,
            terminal_width,
        }
    }

    /// A buffer that the caller keeps.
    pub fn buffered(format: Format, buffer: Arc<Mutex<Vec<u8>>>) -> Self {
        Self {
            sink: Box::new(Buffer(buffer)),
            format,
            terminal_width: None,
        }
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Columns of the terminal; `None` where it is none.
    pub fn terminal_width(&self) -> Option<u16> {
        self.terminal_width
    }

    /// A line of text.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.sink, "{text}")
    }

    /// Everything written so far.
    pub fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    /// One JSON document.
    pub fn json(&mut self, document: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.sink, document)?;
        writeln!(self.sink)?;
        self.sink.flush()
    }

    /// A header and rows as CSV.
    pub fn csv(
        &mut self,
        columns: &[&str],
        rows: impl IntoIterator<Item = Vec<Cell>>,
    ) -> io::Result<()> {
        self.csv_rows(columns, rows)?;
        self.sink.flush()
    }

    /// Rows as CSV, after a header unless it is empty; for tables that come bit by bit.
    pub fn csv_rows(
        &mut self,
        header: &[&str],
        rows: impl IntoIterator<Item = Vec<Cell>>,
    ) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        if !header.is_empty() {
            writer.write_record(header)?;
        }
        for row in rows {
            writer.write_record(row.iter().map(Cell::plain))?;
        }
        let bytes = writer
            .into_inner()
            .map_err(csv::IntoInnerError::into_error)?;
        self.sink.write_all(&bytes)
    }

    /// Records as CSV, with amounts as numbers and their currencies beside them.
    fn sheet<R: Record>(&mut self, records: &[R]) -> io::Result<()> {
        let is_money: Vec<bool> = R::SHEET
            .iter()
            .map(|name| R::MONEY.contains(name))
            .collect();
        let mut columns = Vec::new();
        for (name, is_money) in R::SHEET.iter().zip(&is_money) {
            columns.push((*name).to_owned());
            if *is_money {
                columns.push(format!("{name}_currency"));
            }
        }
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let rows = records.iter().flat_map(Record::sheet).map(|row| {
            let mut cells = Vec::new();
            for (cell, is_money) in row.into_iter().zip(&is_money) {
                if *is_money {
                    cells.extend(cell.money().map(Cell::Text));
                } else {
                    cells.push(cell);
                }
            }
            cells
        });
        self.csv(&columns, rows)
    }

    /// A table.
    pub fn table(&mut self, columns: &[&str], rows: &[Vec<Cell>]) -> io::Result<()> {
        let text = table::render(columns, rows, self.terminal_width);
        self.sink.write_all(text.as_bytes())?;
        self.sink.flush()
    }

    /// A list.
    pub fn listed<R: Record>(&mut self, records: &[R]) -> io::Result<()> {
        match self.format {
            Format::Json => self.json(&records),
            Format::Csv => self.sheet(records),
            Format::Table if records.is_empty() => {
                self.line("none")?;
                self.flush()
            }
            Format::Table => self.table(
                R::COLUMNS,
                &records.iter().map(Record::cells).collect::<Vec<_>>(),
            ),
        }
    }

    /// One thing, with its parts below it.
    pub fn details<R: Record>(&mut self, record: &R) -> io::Result<()> {
        let text = table::details(record, self.terminal_width);
        self.sink.write_all(text.as_bytes())?;
        self.sink.flush()
    }

    /// The answer to a question about one thing; answers with the position that it reflects.
    pub fn shown<A: Shows + Serialize>(&mut self, answer: A) -> io::Result<u64> {
        if self.format == Format::Json {
            self.json(&answer)?;
            return Ok(answer.into_parts().1);
        }
        let (record, position) = answer.into_parts();
        self.resource(record)?;
        Ok(position)
    }

    fn resource<R: Record>(&mut self, record: Option<R>) -> io::Result<()> {
        let Some(record) = record else {
            return Err(io::Error::other(
                "the server's answer is empty; is it of another version?",
            ));
        };
        match self.format {
            Format::Csv => self.sheet(&[record]),
            _ => self.details(&record),
        }
    }

    /// The answer to a command: what it was about, then on standard error where it was recorded. JSON carries the
    /// command id in the document.
    pub fn changed<A: Shows + Serialize>(
        &mut self,
        answer: A,
        command_id: &str,
        validate_only: bool,
        aftermath: Aftermath,
    ) -> io::Result<()> {
        if self.format == Format::Json {
            return self.json(&Changed {
                answer: &answer,
                command_id,
                more: &aftermath.json,
            });
        }
        let (record, position) = answer.into_parts();
        self.resource(record)?;
        if validate_only {
            anstream::eprintln!("valid; nothing was recorded");
        } else {
            anstream::eprintln!("recorded at position {position} by command {command_id}");
        }
        for line in aftermath.lines {
            anstream::eprintln!("{}", one_line(&line));
        }
        Ok(())
    }
}
