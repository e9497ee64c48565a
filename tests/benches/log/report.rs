//! The table that people read, and the JSON that programs read.

use std::{fs, path::PathBuf};

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use serde_json::{Map, Value, json};

use crate::{
    measure::{Measure, total},
    store,
};

/// A rule below the header and none between the rows.
const RULED: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// Only shown.
    None,
}

/// The figures that every run tells, null where it did not measure them.
const FIGURES: &[(&str, Target, &str)] = &[
    (
        "pg_256_over_tx32",
        Target::AtLeast(4.0),
        "256 appenders / one row per transaction over 32 connections, with tag rows",
    ),
    (
        "pg_batch1000_over_no_index",
        Target::AtLeast(0.6),
        "batches of 1,000 / bare inserts of the same rows, position index only",
    ),
    (
        "sqlite_batch1000_over_no_index",
        Target::AtLeast(0.7),
        "batches of 1,000 / bare inserts of the same rows, position index only",
    ),
    (
        "sqlite_batch1000_stall_ms",
        Target::AtMost(100.0),
        "longest time without an answer, batches of 1,000",
    ),
    (
        "sqlite_bare1000_stall_ms",
        Target::None,
        "the same of the bare inserts beside it: what the disk does by itself",
    ),
    (
        "sqlite_256_over_1",
        Target::AtLeast(15.0),
        "256 appenders / one appender alone",
    ),
    (
        "pg_1_p50_over_bare_commit",
        Target::AtMost(1.5),
        "median latency of one appender / of a bare single-row commit",
    ),
    (
        "sqlite_1_p50_over_bare_commit",
        Target::AtMost(1.5),
        "median latency of one appender / of a bare single-row commit",
    ),
    (
        "append_rate_5m_over_100k",
        Target::AtLeast(0.8),
        "rate of appends to the large log / to the small one, the worst of all loads",
    ),
    (
        "scan_pg_over_bare_drain",
        Target::AtLeast(0.8),
        "all events of the large log in order / COPY of the table",
    ),
    (
        "scan_sqlite_over_bare_drain",
        Target::AtLeast(0.8),
        "all events of the large log in order / a bare cursor",
    ),
    (
        "tag_read_5m_over_100k",
        Target::None,
        "median latency of a tag read on the large log / on the small one, the worst",
    ),
    (
        "peak_rss_mib_100k",
        Target::None,
        "peak memory of a process that fills and reads the small log",
    ),
    (
        "peak_rss_mib_5m",
        Target::None,
        "peak memory of a process that fills and reads the large log",
    ),
];

struct Row {
    backend: &'static str,
    name: String,
    measure: Measure,
    rounds: usize,
}

/// What a run has found so far.
pub struct Report {
    about: Map<String, Value>,
    rows: Vec<Row>,
    figures: Map<String, Value>,
}

impl Report {
    /// Nothing yet.
    pub fn new(about: Map<String, Value>) -> Self {
        Self {
            about,
            rows: Vec::new(),
            figures: Map::new(),
        }
    }

    /// What a lane saw in all its rounds.
    pub fn row(&mut self, backend: &'static str, name: impl Into<String>, rounds: &[Measure]) {
        let row = Row {
            backend,
            name: name.into(),
            measure: total(rounds),
            rounds: rounds.len(),
        };
        eprintln!(
            "    {:24} {:>9} events/s   p50 {:>9} µs   p99 {:>9} µs",
            row.name,
            grouped(row.measure.rate()),
            grouped(row.measure.latency_us(0.5)),
            grouped(row.measure.latency_us(0.99)),
        );
        self.rows.push(row);
    }

    /// A figure by its key.
    pub fn figure(&mut self, key: &str, value: f64) {
        eprintln!("    {key} = {value:.2}");
        self.figures.insert(key.to_owned(), rounded(value));
    }

    /// A figure of which only the worst is told under this key; lower is worse.
    pub fn lowest(&mut self, key: &str, value: f64) {
        let known = self.figures.get(key).and_then(Value::as_f64);
        self.figure(key, known.map_or(value, |known| known.min(value)));
    }

    /// The same where higher is worse.
    pub fn highest(&mut self, key: &str, value: f64) {
        let known = self.figures.get(key).and_then(Value::as_f64);
        self.figure(key, known.map_or(value, |known| known.max(value)));
    }

    /// Prints the tables and writes the file; answers with where it is.
    pub fn finish(mut self) -> PathBuf {
        for (key, ..) in FIGURES {
            self.figures.entry(*key).or_insert(Value::Null);
        }
        println!("\n{}\n\n{}\n", self.measures(), self.ratios());
        let lanes: Vec<_> = self.rows.iter().map(Row::json).collect();
        let mut all = self.figures;
        all.extend(self.about);
        all.insert("lanes".to_owned(), lanes.into());
        let path = store::results().join("log.json");
        let text = serde_json::to_string_pretty(&all).expect("maps of text can be written");
        fs::write(&path, text + "\n").expect("the target folder can be written");
        path
    }

    fn measures(&self) -> Table {
        let mut table = Table::new();
        table.load_style(RULED).set_header([
            "store",
            "what",
            "events",
            "events/s",
            "p50 µs",
            "p90 µs",
            "p99 µs",
            "p99.9 µs",
            "max ms",
            "stall ms",
        ]);
        for row in &self.rows {
            let measure = &row.measure;
            let latency = |quantile| grouped(measure.latency_us(quantile));
            table.add_row([
                row.backend.to_owned(),
                row.name.clone(),
                grouped(count(measure.events)),
                grouped(measure.rate()),
                latency(0.5),
                latency(0.9),
                latency(0.99),
                latency(0.999),
                format!("{:.1}", measure.latency_us(1.0) / 1e3),
                format!("{:.1}", measure.stall.as_secs_f64() * 1e3),
            ]);
        }
        right_aligned(&mut table, 2..10);
        table
    }

    fn ratios(&self) -> Table {
        let mut table = Table::new();
        table
            .load_style(RULED)
            .set_header(["figure", "found", "wanted", "", "what it is"]);
        for (key, target, what) in FIGURES {
            let Some(value) = self.figures.get(*key).and_then(Value::as_f64) else {
                continue;
            };
            let (wanted, met) = match *target {
                Target::AtLeast(bound) => (format!("≥ {bound}"), Some(value >= bound)),
                Target::AtMost(bound) => (format!("≤ {bound}"), Some(value <= bound)),
                Target::None => (String::new(), None),
            };
            let verdict = met.map_or("", |met| if met { "met" } else { "missed" });
            table.add_row([*key, &format!("{value:.2}"), &wanted, verdict, what]);
        }
        for (key, value) in &self.figures {
            if FIGURES.iter().all(|(known, ..)| known != key)
                && let Some(value) = value.as_f64()
            {
                table.add_row([key, &format!("{value:.2}"), "", "", ""]);
            }
        }
        right_aligned(&mut table, 1..3);
        table
    }
}

impl Row {
    fn json(&self) -> Value {
        let measure = &self.measure;
        let latency = |quantile| rounded(measure.latency_us(quantile));
        json!({
            "store": self.backend,
            "what": self.name,
            "rounds": self.rounds,
            "events": measure.events,
            "seconds": rounded(measure.elapsed.as_secs_f64()),
            "events_per_second": rounded(measure.rate()),
            "p50_us": latency(0.5),
            "p90_us": latency(0.9),
            "p99_us": latency(0.99),
            "p999_us": latency(0.999),
            "max_us": latency(1.0),
            "longest_stall_ms": rounded(measure.stall.as_secs_f64() * 1e3),
        })
    }
}

fn right_aligned(table: &mut Table, columns: std::ops::Range<usize>) {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn rounded(value: f64) -> Value {
    json!((value * 1e3).round() / 1e3)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

/// Rounded to whole numbers, or to a decimal where it is small, with commas.
fn grouped(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
