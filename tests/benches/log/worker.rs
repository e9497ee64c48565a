//! Work that needs a process of its own: so that its peak memory is that of the log alone, or because it has to be
//! another process than the one that appends.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Subcommand;
use keruen_log::{Log, PostgresLog, PostgresOptions, Query, Range};
use keruen_tests::process::Process;
use serde_json::{Value, json};

use crate::{
    measure::{Lane, Until},
    reads,
    store::Opened,
    workload::{self, Stocks, World},
};

/// Nothing that a worker does takes this long.
const PATIENCE: Duration = Duration::from_hours(1);
/// How many events come from appenders of single ones.
const SINGLES: u64 = 100_000;
/// Progress is told each time that so many events are there.
const STEP: u64 = 500_000;
const TAG_READS: u32 = 200;

/// What a worker does.
#[derive(Debug, Subcommand)]
pub enum Work {
    /// Fills a log, reads it, and tells its own peak memory
    #[command(hide = true)]
    Fill {
        /// Where the log is
        address: String,
        /// How many events
        events: u64,
    },
    /// Answers tag reads of a log that another process writes
    #[command(hide = true)]
    Read {
        /// Where the log is
        address: String,
    },
}

impl Work {
    /// Does it.
    pub async fn run(self) {
        match self {
            Self::Fill { address, events } => fill(&address, events).await,
            Self::Read { address } => read(&address).await,
        }
    }
}

async fn fill(address: &str, events: u64) {
    let opened = Opened::at(address).await;
    let world = World::new();
    let singles = (events / 5).min(SINGLES);
    let mut batches = Lane::new(opened.appenders(world.authors(4, Stocks::All, 0), 1_000));
    let (began, mut left) = (Instant::now(), events - singles);
    while left > 0 {
        let step = left.min(STEP);
        batches.run(Until::Appends(step.div_ceil(1_000))).await;
        left -= step;
        eprintln!(
            "    {} of {events} events after {:?}",
            events - singles - left,
            began.elapsed()
        );
    }
    let log = opened.log();
    let head_position = *log.watch_head().borrow();
    let authors = world.authors(256, Stocks::All, head_position);
    let mut crowd = Lane::new(opened.appenders(authors, 1));
    crowd.run(Until::Appends(singles)).await;
    reads::scan(&*log).await;
    for tag in reads::sample(&*log, "shipment:", TAG_READS).await {
        let page = log
            .read(&workload::tagged(&tag), Range::default(), 1_000)
            .await;
        assert!(!page.expect("the log can be read").events.is_empty());
    }
    opened.close();
    println!("{}", json!({ "peak_rss_kib": peak_rss_kib() }));
}

/// What the system has counted for this process, in KiB.
fn peak_rss_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .expect("the system tells peaks")
}

async fn read(address: &str) {
    let log = PostgresLog::open_reader(address, PostgresOptions::default()).await;
    let log: Arc<dyn Log> = Arc::new(log.expect("the log can be opened"));
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let question: Value = serde_json::from_str(&line).expect("the parent speaks JSON");
        let tag = question["tag"].as_str().unwrap_or_default();
        let range = Range::after(question["after"].as_u64().unwrap_or(0));
        let query: Query = workload::tagged(tag);
        let began = Instant::now();
        let page = log
            .read(&query, range, 10_000)
            .await
            .expect("the log can be read");
        let answer = json!({
            "ns": u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX),
            "events": page.events.len(),
            "last": page.events.last().map_or(0, |event| event.position),
        });
        println!("{answer}");
    }
}

/// A worker, as its parent sees it.
pub struct Worker {
    process: Process,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    fn start(arguments: &[&str]) -> Self {
        let program = std::env::current_exe().expect("a program knows its own path");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process =
            Process::spawn(&mut command).expect("this program can be started once more");
        let child = process.child();
        let questions = child.stdin.take().expect("it is piped");
        let answers = child.stdout.take().expect("it is piped");
        Self {
            process,
            questions,
            answers: BufReader::new(answers),
        }
    }

    /// Fills a log in another process and answers with the peak of its memory, in MiB.
    #[expect(clippy::cast_precision_loss, reason = "a peak is far below 2^52 KiB")]
    pub fn fill(address: &str, events: u64) -> f64 {
        let mut worker = Self::start(&["fill", address, &events.to_string()]);
        let told = tokio::task::block_in_place(|| worker.answer());
        let status = worker.process.wait(PATIENCE);
        assert!(
            status.is_some_and(|status| status.success()),
            "the worker failed: {status:?}"
        );
        told["peak_rss_kib"].as_u64().unwrap_or(0) as f64 / 1024.0
    }

    /// A reader in another process.
    pub fn reader(address: &str) -> Self {
        Self::start(&["read", address])
    }

    /// Asks a reader: how many events there are, the last one's position, and how long the read took there.
    pub fn ask(&mut self, tag: &str, after_position: u64) -> (u64, u64, Duration) {
        let question = json!({ "tag": tag, "after": after_position });
        let answer = tokio::task::block_in_place(|| {
            writeln!(self.questions, "{question}").expect("the worker listens");
            self.answer()
        });
        let number = |name: &str| answer[name].as_u64().unwrap_or(0);
        (
            number("events"),
            number("last"),
            Duration::from_nanos(number("ns")),
        )
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .expect("the worker speaks UTF-8");
        serde_json::from_str(&line).expect("the worker has answered")
    }
}
