//! Closed loops of appenders, and what is measured about them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

/// The longest latency that is told from longer ones.
const LONGEST: Duration = Duration::from_mins(2);

/// What one loop saw.
#[derive(Clone)]
pub struct Measure {
    /// Events that were recorded, or read.
    pub events: u64,
    /// From the first question to the last answer.
    pub elapsed: Duration,
    /// Of each answer, in nanoseconds.
    pub latency_ns: Histogram<u64>,
    /// The longest time in which nobody got an answer.
    pub stall: Duration,
}

impl Measure {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            events: 0,
            elapsed: Duration::ZERO,
            latency_ns: Histogram::new_with_bounds(1, nanoseconds(LONGEST), 3)
                .expect("the bounds are in order"),
            stall: Duration::ZERO,
        }
    }

    /// Notes one answer of a loop that asks one thing after the other.
    pub fn note(&mut self, events: u64, latency: Duration) {
        self.events += events;
        self.elapsed += latency;
        self.latency_ns.saturating_record(nanoseconds(latency));
        self.stall = self.stall.max(latency);
    }

    /// Puts what another loop saw to it.
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.elapsed += other.elapsed;
        self.latency_ns
            .add(&other.latency_ns)
            .expect("all have the same bounds");
        self.stall = self.stall.max(other.stall);
    }

    /// Events a second.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn rate(&self) -> f64 {
        self.events as f64 / self.elapsed.as_secs_f64()
    }

    /// A quantile of the latency, in microseconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "latencies are far below 2^52 ns"
    )]
    pub fn latency_us(&self, quantile: f64) -> f64 {
        self.latency_ns.value_at_quantile(quantile) as f64 / 1e3
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Somebody who does one thing after the other.
pub trait Appender: Send + 'static {
    /// Does one and answers with the number of events.
    fn append(&mut self) -> impl Future<Output = u64> + Send;
}

/// How long a loop runs.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// So many appends, by all appenders together.
    Appends(u64),
    /// So long.
    Elapsed(Duration),
}

/// Appenders that are measured together, round after round.
pub struct Lane<A> {
    appenders: Vec<A>,
    /// Each round.
    pub rounds: Vec<Measure>,
}

impl<A: Appender> Lane<A> {
    /// These appenders, not yet measured.
    pub fn new(appenders: Vec<A>) -> Self {
        Self {
            appenders,
            rounds: Vec::new(),
        }
    }

    /// Runs them without measuring.
    pub async fn warm_up(&mut self, appends: u64) {
        self.run(Until::Appends(appends)).await;
        self.rounds.clear();
    }

    /// Runs a round and answers with the time that it took.
    pub async fn run(&mut self, until: Until) -> Duration {
        let (left, time) = match until {
            Until::Appends(appends) => (i64::try_from(appends).unwrap_or(i64::MAX), LONGEST * 60),
            Until::Elapsed(time) => (i64::MAX, time),
        };
        let left = Arc::new(AtomicI64::new(left));
        let began = Instant::now();
        let stall = Arc::new(Stall::default());
        let tasks: Vec<_> = std::mem::take(&mut self.appenders)
            .into_iter()
            .map(|mut appender| {
                let (left, stall) = (Arc::clone(&left), Arc::clone(&stall));
                tokio::spawn(async move {
                    let mut measure = Measure::new();
                    while left.fetch_sub(1, Ordering::Relaxed) > 0 && began.elapsed() < time {
                        let asked = Instant::now();
                        let events = appender.append().await;
                        measure.note(events, asked.elapsed());
                        stall.answered(began.elapsed());
                    }
                    (appender, measure)
                })
            })
            .collect();
        let mut round = Measure::new();
        for task in tasks {
            let (appender, measure) = task.await.expect("an appender goes on to the end");
            self.appenders.push(appender);
            round.add(&measure);
        }
        round.elapsed = began.elapsed();
        round.stall = Duration::from_nanos(stall.longest_ns.load(Ordering::Relaxed));
        self.rounds.push(round);
        began.elapsed()
    }

    /// Shares time that was needed after the last round among all of them.
    pub fn settled_in(&mut self, time: Duration) {
        let share = time / u32::try_from(self.rounds.len()).unwrap_or(u32::MAX).max(1);
        for round in &mut self.rounds {
            round.elapsed += share;
        }
    }

    /// All rounds together.
    pub fn total(&self) -> Measure {
        total(&self.rounds)
    }
}

/// The longest time between two answers.
#[derive(Default)]
struct Stall {
    last_ns: AtomicU64,
    longest_ns: AtomicU64,
}

impl Stall {
    fn answered(&self, at: Duration) {
        let at = nanoseconds(at);
        let last = self.last_ns.fetch_max(at, Ordering::Relaxed);
        self.longest_ns
            .fetch_max(at.saturating_sub(last), Ordering::Relaxed);
    }
}

/// All rounds together.
pub fn total(rounds: &[Measure]) -> Measure {
    let mut total = Measure::new();
    for round in rounds {
        total.add(round);
    }
    total
}

/// Median over the rounds of one rate over the other. Rounds of both alternate, so that a disturbance of the machine
/// meets both.
pub fn rate_ratio(rounds: &[Measure], baseline: &[Measure]) -> f64 {
    let ratios = rounds.iter().zip(baseline);
    median(ratios.map(|(one, other)| one.rate() / other.rate()))
}

/// Median over the rounds of one median latency over the other.
pub fn p50_ratio(rounds: &[Measure], baseline: &[Measure]) -> f64 {
    let ratios = rounds.iter().zip(baseline);
    median(ratios.map(|(one, other)| one.latency_us(0.5) / other.latency_us(0.5)))
}

/// The value in the middle, or the mean of both.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
