//! The table that people read, and the JSON that programs read.

use std::{
    fs,
    path::{Path, PathBuf},
};

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use serde_json::{Map, Value, json};

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
        "rebuild_sqlite_over_bare_scan",
        Target::AtLeast(0.2),
        "all views from nothing / all events of the log, read",
    ),
    (
        "rebuild_pg_over_bare_scan",
        Target::AtLeast(0.2),
        "the same",
    ),
    (
        "copy_sqlite_over_bare_scan",
        Target::None,
        "the finished rows copied with plain SQL, their indexes made / the same: no rebuild is faster",
    ),
    ("copy_pg_over_bare_scan", Target::None, "the same"),
    (
        "rebuild_sqlite_over_copy",
        Target::None,
        "all views from nothing / that copy",
    ),
    ("rebuild_pg_over_copy", Target::None, "the same"),
    (
        "writers_during_rebuild_over_before",
        Target::AtLeast(0.95),
        "rate of writers at half of capacity, median of the rounds, the worst",
    ),
    (
        "writers_p99_during_over_before",
        Target::AtMost(2.0),
        "their p99, likewise",
    ),
    (
        "copy_sqlite_writers_p99_over_before",
        Target::None,
        "their p99 while only that copy is made, one view after the other: no rebuild is gentler at that speed",
    ),
    ("copy_pg_writers_p99_over_before", Target::None, "the same"),
    (
        "busy_sqlite_writers_p99_over_before",
        Target::None,
        "their p99 while one processor counts, and nothing is read or written: no rebuild that fills it is gentler",
    ),
    ("busy_pg_writers_p99_over_before", Target::None, "the same"),
    (
        "known_at_over_current",
        Target::AtMost(3.0),
        "time of an answer at a position / of the present, the worst",
    ),
    (
        "as_of_over_current",
        Target::AtMost(3.0),
        "the same as of the end of a day",
    ),
    (
        "as_of_any_time_over_current",
        Target::AtMost(3.0),
        "the same as of any time",
    ),
    ("both_over_current", Target::None, "the same, both together"),
    (
        "stock_per_region_ms",
        Target::AtMost(10.0),
        "median time of an answer, the worst",
    ),
    (
        "peak_rss_mib",
        Target::None,
        "peak memory of this process, which has log, views and writers",
    ),
];

/// What a run has found so far.
pub struct Report {
    about: Map<String, Value>,
    lanes: Vec<(String, String, f64, &'static str)>,
    figures: Map<String, Value>,
}

impl Report {
    /// Nothing yet.
    pub fn new(events: u64, quick: bool) -> Self {
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        let mut about = Map::new();
        about.insert("quick".to_owned(), json!(quick));
        about.insert("processors".to_owned(), json!(processors));
        about.insert("events".to_owned(), json!(events));
        Self {
            about,
            lanes: Vec::new(),
            figures: Map::new(),
        }
    }

    /// Something that was measured.
    pub fn lane(&mut self, backend: &str, what: &str, value: f64, unit: &'static str) {
        eprintln!("    {what:44} {:>12} {unit}", shown(value));
        self.lanes
            .push((backend.to_owned(), what.to_owned(), value, unit));
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
    pub fn finish(mut self, folder: &Path) -> PathBuf {
        let mut lanes = Table::new();
        lanes
            .load_style(RULED)
            .set_header(["store", "what", "found", "unit"]);
        for (backend, what, value, unit) in &self.lanes {
            lanes.add_row([backend, what, &shown(*value), &(*unit).to_owned()]);
        }
        right_aligned(&mut lanes, 2);
        let mut figures = Table::new();
        figures
            .load_style(RULED)
            .set_header(["figure", "found", "wanted", "", "what it is"]);
        for (key, target, what) in FIGURES {
            let value = self.figures.entry(*key).or_insert(Value::Null).as_f64();
            let Some(value) = value else { continue };
            let (wanted, met) = match *target {
                Target::AtLeast(bound) => (format!("≥ {bound}"), Some(value >= bound)),
                Target::AtMost(bound) => (format!("≤ {bound}"), Some(value <= bound)),
                Target::None => (String::new(), None),
            };
            let verdict = met.map_or("", |met| if met { "met" } else { "missed" });
            figures.add_row([*key, &format!("{value:.2}"), &wanted, verdict, what]);
        }
        right_aligned(&mut figures, 1);
        println!("\n{lanes}\n\n{figures}\n");
        let lanes: Vec<_> = self
            .lanes
            .iter()
            .map(|(backend, what, value, unit)| {
                json!({"store": backend, "what": what, "found": rounded(*value), "unit": unit})
            })
            .collect();
        let mut all = self.figures;
        all.extend(self.about);
        all.insert("lanes".to_owned(), lanes.into());
        let path = folder.join("views.json");
        let text = serde_json::to_string_pretty(&all).expect("maps of text can be written");
        fs::write(&path, text + "\n").expect("the target folder can be written");
        path
    }
}

fn right_aligned(table: &mut Table, index: usize) {
    if let Some(column) = table.column_mut(index) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn rounded(value: f64) -> Value {
    json!((value * 1e3).round() / 1e3)
}

fn shown(value: f64) -> String {
    if value < 1_000.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.0}")
    }
}
