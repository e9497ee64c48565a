//! Benchmarks of the log, each beside what it is compared with, in turns.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a measurement that can't go on ends"
)]

mod appends;
mod bare;
mod growth;
mod measure;
mod reads;
mod remote;
mod report;
mod store;
mod worker;
mod workload;

use std::{process::ExitCode, thread};

use clap::{Parser, ValueEnum};
use serde_json::{Map, json};

use report::Report;
use store::{Backend, Place};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the log on PostgreSQL and SQLite, prints a table and writes target/bench/log.json.
///
/// Everything runs against real stores on disk, with fsync, and beside a baseline in the same run. Progress goes to
/// standard error. All data is deleted afterwards; the full run needs about 15 GB meanwhile.
#[derive(Debug, Parser)]
#[command(
    name = "cargo bench -p keruen-tests --bench log --",
    after_help = "Examples:\n  \
        cargo bench -p keruen-tests --bench log\n  \
        cargo bench -p keruen-tests --bench log -- --quick\n  \
        cargo bench -p keruen-tests --bench log -- --only alone,batches --backend sqlite\n  \
        cargo bench -p keruen-tests --bench log -- --events 200000 --large 1000000"
)]
struct Arguments {
    /// Small sizes, in under a minute: to see that it works, not to judge by
    #[arg(long)]
    quick: bool,
    /// Only these scenarios
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    only: Vec<Scenario>,
    /// Only this backend
    #[arg(long)]
    backend: Option<Backend>,
    /// Events of each lane that appends [default: 1,000,000]
    #[arg(long, value_name = "N")]
    events: Option<u64>,
    /// Events of the large log [default: 5,000,000]
    #[arg(long, value_name = "N")]
    large: Option<u64>,
    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
    /// Work of a process that this one starts
    #[command(subcommand)]
    worker: Option<worker::Work>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// 256 and 32 appenders with one event each
    Appenders,
    /// Batches of 100 and 1,000
    Batches,
    /// One appender alone
    Alone,
    /// Appends to a large log and to a small one; memory
    Growth,
    /// Full scans of both
    Scan,
    /// Tag reads on both, in this process and from another
    Tags,
    /// Appends over NATS
    Nats,
    /// Appends by gRPC commands to a node
    Grpc,
}

/// How much is done.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// Events of each lane that appends.
    events: u64,
    /// How often lanes take turns.
    rounds: u32,
    /// Events of both logs that are compared by size.
    small: u64,
    large: u64,
    /// Appends of a turn where one appends alone.
    alone_appends: u64,
    /// Reads of each kind.
    reads: u32,
    /// Commands of each lane.
    commands: u64,
}

impl Sizes {
    const FULL: Self = Self {
        events: 1_000_000,
        rounds: 5,
        small: 100_000,
        large: 5_000_000,
        alone_appends: 500,
        reads: 1_000,
        commands: 20_000,
    };
    const QUICK: Self = Self {
        events: 10_000,
        rounds: 2,
        small: 5_000,
        large: 25_000,
        alone_appends: 50,
        reads: 50,
        commands: 500,
    };
}

/// What the scenarios share.
struct Run {
    sizes: Sizes,
    place: Place,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    runtime.block_on(async {
        if let Some(work) = arguments.worker {
            work.run().await;
            return ExitCode::SUCCESS;
        }
        // Dropping the run on the way out stops its servers and deletes its data.
        tokio::select! {
            () = measure(&arguments) => ExitCode::SUCCESS,
            _ = tokio::signal::ctrl_c() => ExitCode::from(130),
        }
    })
}

async fn measure(arguments: &Arguments) {
    let mut sizes = if arguments.quick {
        Sizes::QUICK
    } else {
        Sizes::FULL
    };
    sizes.events = arguments.events.unwrap_or(sizes.events);
    sizes.large = arguments.large.unwrap_or(sizes.large).max(sizes.small);
    let mut run = Run {
        sizes,
        place: Place::new(),
    };
    let mut report = Report::new(about(arguments.quick, sizes));
    println!("{sizes:?}");
    for backend in [Backend::Sqlite, Backend::Pg] {
        if arguments.backend.is_none_or(|only| only == backend) {
            measure_backend(arguments, &mut run, backend, &mut report).await;
        }
    }
    let path = report.finish();
    if arguments.quick {
        println!("These sizes show that it works; judge by a full run.");
    }
    println!("{}", path.display());
}

async fn measure_backend(
    arguments: &Arguments,
    run: &mut Run,
    backend: Backend,
    report: &mut Report,
) {
    let wanted = |scenario| {
        let wanted = arguments.only.is_empty() || arguments.only.contains(&scenario);
        if wanted {
            eprintln!("{}: {scenario:?}", backend.name());
        }
        wanted
    };
    if wanted(Scenario::Alone) {
        appends::alone(run, backend, report).await;
    }
    if wanted(Scenario::Appenders) {
        appends::appenders(run, backend, report).await;
    }
    if wanted(Scenario::Batches) {
        appends::batches(run, backend, report).await;
    }
    let by_size = [Scenario::Growth, Scenario::Scan, Scenario::Tags].map(wanted);
    if by_size.contains(&true) {
        let mut pair = growth::Pair::fill(run, backend, report).await;
        let [growth, scan, tags] = by_size;
        if scan {
            reads::scans(run, &pair, backend, report).await;
        }
        if tags {
            reads::tags(run, &mut pair, backend, report).await;
        }
        if growth {
            growth::appends(run, &pair, backend, report).await;
        }
    }
    if wanted(Scenario::Nats) {
        remote::nats(run, backend, report).await;
    }
    if wanted(Scenario::Grpc) {
        remote::commands(run, backend, report).await;
    }
}

fn about(quick: bool, sizes: Sizes) -> Map<String, serde_json::Value> {
    let processors = thread::available_parallelism().map_or(0, usize::from);
    let about = json!({
        "quick": quick,
        "processors": processors,
        "sizes": {
            "events_per_lane": sizes.events,
            "rounds": sizes.rounds,
            "small_log_events": sizes.small,
            "large_log_events": sizes.large,
            "appends_per_turn_alone": sizes.alone_appends,
            "reads": sizes.reads,
            "commands": sizes.commands,
            "event_data_bytes": workload::DATA_BYTES,
        },
    });
    match about {
        serde_json::Value::Object(about) => about,
        _ => Map::new(),
    }
}
