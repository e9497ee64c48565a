//! Benchmarks of the views: building them anew, what writers notice of that, and what questions of the past cost.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a measurement that can't go on ends"
)]

mod floor;
mod report;
mod story;
mod writers;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::{Parser, ValueEnum};
use keruen_log::{Log, PostgresLog, PostgresOptions, Query, Range, SqliteLog, SqliteOptions};
use keruen_projections::{StockEndpoint, ViewOptions, Views};
use keruen_proto::stock::v1::{
    ListStockRequest, StockGroup, stock_service_server::StockService as _,
};
use keruen_test_servers::postgres::{Database, Server};
use pbjson_types::Timestamp;
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use floor::{Rows, Speed};
use report::Report;
use story::Author;
use writers::Watch;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events of one append while the log is filled.
const APPEND_EVENTS: usize = 900;
/// As it is judged by.
const WATCH: Watch = Watch {
    rounds: 3,
    at_most: Duration::from_secs(2),
    before: Duration::from_secs(10),
};
/// To see that it works.
const QUICK_WATCH: Watch = Watch {
    rounds: 1,
    at_most: Duration::from_secs(1),
    before: Duration::from_secs(3),
};
/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_mins(20);

/// Measures the views on SQLite and PostgreSQL, prints a table and writes target/bench/views.json.
///
/// The log is a year of donations that travel to hospitals: one of ten facts is recorded up to a month late, and there is
/// one import of what happened a year before. Everything runs on disk, with fsync on for the log.
#[derive(Debug, Parser)]
#[command(
    name = "cargo bench -p keruen-tests --bench views --",
    after_help = "Examples:\n  \
        cargo bench -p keruen-tests --bench views\n  \
        cargo bench -p keruen-tests --bench views -- --quick\n  \
        cargo bench -p keruen-tests --bench views -- --backend sqlite --events 200000"
)]
struct Arguments {
    /// A small log, in a minute or two: to see that it works, not to judge by
    #[arg(long)]
    quick: bool,
    /// Only this backend
    #[arg(long)]
    backend: Option<Backend>,
    /// Events of the log [default: 1,000,000]
    #[arg(long, value_name = "N")]
    events: Option<u64>,
    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// What log and views stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Backend {
    /// Files.
    Sqlite,
    /// A PostgreSQL server of its own.
    Pg,
}

impl Backend {
    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Pg => "pg",
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    runtime.block_on(async {
        // Dropping everything on the way out stops the server and deletes its data.
        tokio::select! {
            () = measure(&arguments) => ExitCode::SUCCESS,
            _ = tokio::signal::ctrl_c() => ExitCode::from(130),
        }
    })
}

async fn measure(arguments: &Arguments) {
    let usual = if arguments.quick { 20_000 } else { 1_000_000 };
    let events = arguments.events.unwrap_or(usual);
    let mut report = Report::new(events, arguments.quick);
    for backend in [Backend::Sqlite, Backend::Pg] {
        if arguments.backend.is_none_or(|only| only == backend) {
            let folder =
                TempDir::with_prefix_in("views-", results()).expect("the folder can be written");
            let watch = if arguments.quick { QUICK_WATCH } else { WATCH };
            measure_backend(backend, folder.path(), events, watch, &mut report).await;
        }
    }
    report.figure("peak_rss_mib", peak_rss_mib());
    let path = report.finish(&results());
    if arguments.quick {
        println!("This size shows that it works; judge by a full run.");
    }
    println!("{}", path.display());
}

/// Where cargo puts what it builds: this program is `<target>/<profile>/deps/views-…`.
fn results() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its own path");
    let target = program
        .ancestors()
        .nth(3)
        .expect("benches stand in <target>/<profile>/deps");
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// A log, and where its views go.
struct Bench {
    log: Arc<dyn Log>,
    author: Author,
    folder: PathBuf,
    url: Option<String>,
    // In the order in which they end.
    _database: Option<Database>,
    _server: Option<Server>,
}

impl Bench {
    async fn new(backend: Backend, folder: &Path, events: u64) -> Self {
        let author = Author::new(events);
        let clock = author.clock();
        match backend {
            Backend::Sqlite => {
                let options = SqliteOptions {
                    clock,
                    ..SqliteOptions::default()
                };
                let log =
                    SqliteLog::open(&folder.join("log.db"), options).expect("the log can be made");
                Self {
                    log: Arc::new(log),
                    author,
                    folder: folder.to_owned(),
                    url: None,
                    _database: None,
                    _server: None,
                }
            }
            Backend::Pg => {
                // As one that has run for a while: files of its journal are used again, and need not be made.
                let server = Server::start_with(&[
                    "shared_buffers=512MB",
                    "max_wal_size=4GB",
                    "min_wal_size=3GB",
                ]);
                let database = server.database();
                let url = database.url().to_owned();
                let options = PostgresOptions {
                    clock,
                    ..PostgresOptions::default()
                };
                let log = PostgresLog::open(&url, options)
                    .await
                    .expect("the log can be made");
                Self {
                    log: Arc::new(log),
                    author,
                    folder: folder.to_owned(),
                    url: Some(url),
                    _database: Some(database),
                    _server: Some(server),
                }
            }
        }
    }

    async fn fill(&mut self, events: u64) {
        let registry = self.author.registry();
        self.log.append(registry).await.expect("the log takes it");
        while self.head().await < events {
            let mut waiting = Vec::new();
            for _ in 0..8 {
                let request = self.author.stories(APPEND_EVENTS);
                waiting.push(self.log.append(request));
            }
            for appended in futures::future::join_all(waiting).await {
                appended.expect("the log takes it");
            }
            self.author.pass_time();
        }
    }

    /// Lets a server bring to the disk what it has changed, so that rounds begin alike.
    async fn checkpoint(&self) {
        let Some(url) = &self.url else { return };
        let mut session = PgConnection::connect(url)
            .await
            .expect("the server answers");
        let checkpoint = sqlx::raw_sql("CHECKPOINT").execute(&mut session);
        checkpoint.await.expect("its owner may ask for it");
    }

    /// The position of the newest event.
    async fn head(&self) -> u64 {
        self.log.head().await.expect("the log answers").position
    }

    async fn views(&self) -> Arc<Views> {
        let options = ViewOptions::default();
        match &self.url {
            None => Views::in_folder(&self.folder, options).expect("the folder can be written"),
            Some(url) => {
                let views = Views::in_database(url, options)
                    .await
                    .expect("the server answers");
                views.expect("its owner may make schemas")
            }
        }
    }

    /// Where the rows of the views are.
    fn rows(&self) -> Rows {
        self.url.as_ref().map_or_else(
            || Rows::Files(self.folder.clone()),
            |url| Rows::Schemas(url.clone()),
        )
    }

    /// Reads everything, as whoever folds it must; events a second.
    async fn scan(&self) -> f64 {
        let (begun, mut position) = (Instant::now(), 0);
        loop {
            let page = self
                .log
                .read(&Query::default(), Range::after(position), 10_000)
                .await;
            let page = page.expect("the log answers");
            let Some(last) = page.events.last() else {
                break;
            };
            position = last.position;
            if page.complete {
                break;
            }
        }
        rate(position, begun.elapsed())
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn rate(events: u64, time: Duration) -> f64 {
    events as f64 / time.as_secs_f64()
}

async fn measure_backend(
    backend: Backend,
    folder: &Path,
    events: u64,
    watch: Watch,
    report: &mut Report,
) {
    let name = backend.name();
    eprintln!("{name}: filling the log");
    let mut bench = Bench::new(backend, folder, events).await;
    bench.fill(events).await;
    let head = bench.head().await;

    let mut scans = [bench.scan().await, bench.scan().await, bench.scan().await];
    let scan = median(&mut scans);
    report.lane(name, "bare scan of the log", scan, "events/s");

    eprintln!("{name}: building all views");
    let views = bench.views().await;
    let begun = Instant::now();
    let running = views.run(Arc::clone(&bench.log));
    until_all(&views, head).await;
    let built = rate(head, begun.elapsed());
    report.lane(name, "all views from nothing", built, "events/s");
    report.figure(&format!("rebuild_{name}_over_bare_scan"), built / scan);

    eprintln!("{name}: copying their rows");
    let begun = Instant::now();
    let rows = bench.rows().copy(Speed::AllAtOnce).await;
    let copied = rate(head, begun.elapsed());
    let scenario = "their rows, copied with their indexes";
    report.lane(name, scenario, copied, "events/s");
    report.lane(name, "… rows", to_f64(rows) / to_f64(head), "per event");
    report.figure(&format!("copy_{name}_over_bare_scan"), copied / scan);
    report.figure(&format!("rebuild_{name}_over_copy"), built / copied);

    eprintln!("{name}: asking");
    ask(&bench, &views, name, report).await;

    eprintln!("{name}: writing while views are built anew");
    writers::write(&mut bench, &views, name, watch, report).await;
    running.stop().await;
}

/// Waits until all views answer at a position.
async fn until_all(views: &Views, position: u64) {
    let begun = Instant::now();
    while !views
        .list()
        .iter()
        .all(|(_, status)| status.ready && status.position >= position && status.rebuild.is_none())
    {
        assert!(begun.elapsed() < PATIENCE, "{:?}", views.list());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn timestamp(time_us: i64) -> Timestamp {
    Timestamp {
        seconds: time_us.div_euclid(1_000_000),
        nanos: i32::try_from(time_us.rem_euclid(1_000_000) * 1_000).unwrap_or(0),
    }
}

/// Median time of an answer, in milliseconds, and its rows.
async fn time_ms(endpoint: &StockEndpoint, request: &ListStockRequest) -> (f64, usize) {
    let mut times = Vec::new();
    let mut rows = 0;
    for _ in 0..15 {
        let begun = Instant::now();
        let answer = endpoint
            .list_stock(tonic::Request::new(request.clone()))
            .await;
        rows = answer.expect("the views answer").into_inner().rows.len();
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    (median(&mut times), rows)
}

async fn ask(bench: &Bench, views: &Arc<Views>, name: &str, report: &mut Report) {
    let endpoint = StockEndpoint::new(Arc::clone(views), Arc::clone(&bench.log));
    let head = bench.head().await;
    let by = |groups: &[StockGroup]| ListStockRequest {
        group_by: groups.iter().map(|group| (*group).into()).collect(),
        ..ListStockRequest::default()
    };
    let now = by(&[StockGroup::Region, StockGroup::Commodity]);
    let (current_ms, rows) = time_ms(&endpoint, &now).await;
    report.lane(
        name,
        &format!("stock per region and commodity, {rows} rows"),
        current_ms,
        "ms",
    );
    let (region_ms, _) = time_ms(&endpoint, &by(&[StockGroup::Region])).await;
    report.lane(name, "stock per region", region_ms, "ms");
    report.highest("stock_per_region_ms", region_ms);
    let middle_us = bench.author.now_us() - 120 * 86_400_000_000;
    let known_at = ListStockRequest {
        known_at_position: head / 3 * 2,
        ..now.clone()
    };
    let (known_at_ms, _) = time_ms(&endpoint, &known_at).await;
    report.lane(name, "… known at a position", known_at_ms, "ms");
    report.highest("known_at_over_current", known_at_ms / current_ms);
    let day = middle_us.div_euclid(86_400_000_000) * 86_400_000_000 - 5 * 3_600_000_000;
    let as_of_day = ListStockRequest {
        as_of: Some(timestamp(day - 1)),
        ..now.clone()
    };
    let (as_of_ms, _) = time_ms(&endpoint, &as_of_day).await;
    report.lane(name, "… as of a day's end", as_of_ms, "ms");
    report.highest("as_of_over_current", as_of_ms / current_ms);
    let as_of_noon = ListStockRequest {
        as_of: Some(timestamp(middle_us)),
        ..now.clone()
    };
    let (noon_ms, _) = time_ms(&endpoint, &as_of_noon).await;
    report.lane(name, "… as of any time", noon_ms, "ms");
    report.highest("as_of_any_time_over_current", noon_ms / current_ms);
    let both = ListStockRequest {
        known_at_position: head / 10 * 9,
        ..as_of_noon
    };
    let (both_ms, _) = time_ms(&endpoint, &both).await;
    report.lane(name, "… both together", both_ms, "ms");
    report.highest("both_over_current", both_ms / current_ms);
    let facility = by(&[StockGroup::Batch]);
    let facility = ListStockRequest {
        facility_id: "F-030".to_owned(),
        ..facility
    };
    let (batches_ms, rows) = time_ms(&endpoint, &facility).await;
    report.lane(
        name,
        &format!("batches of a facility, {rows} rows"),
        batches_ms,
        "ms",
    );
    let past = ListStockRequest {
        known_at_position: head / 3 * 2,
        ..facility
    };
    let (past_ms, _) = time_ms(&endpoint, &past).await;
    report.lane(name, "… known at a position", past_ms, "ms");
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn to_f64(number: u64) -> f64 {
    number as f64
}

/// The middle one: where others share the disk, one stall says little.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The most memory that this process has had.
fn peak_rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}
