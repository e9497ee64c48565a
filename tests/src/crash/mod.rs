//! Kills everything, again and again, while writers are in flight, and counts afterwards what is there.
//!
//! Two nodes share a log on PostgreSQL, joined by NATS: one writes, one stands by and appends over NATS. An embedded node
//! keeps another log in a file. Clients move goods through all of them, and others append over NATS themselves. They repeat whatever was not answered, under the same command id, until it
//! is, and note each answer. At the end the logs are read and compared with the notes.

mod audit;
mod fleet;
mod load;
mod stream;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

pub use audit::Audit;
use fleet::Fleet;
use load::{Book, Crowd};

/// Acknowledgements between two kills, at least.
const ACKNOWLEDGED: usize = 25;
/// Whatever is waited for happens long before this on any machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many kills.
    pub cycles: usize,
    /// What is killed, and when, follows from it; what it meets there does not.
    pub seed: u64,
}

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Victim {
    /// The node that writes the log on PostgreSQL.
    Writer,
    /// The node that stands by.
    Standby,
    /// PostgreSQL: all of its processes at once, so that it recovers from its write-ahead log.
    Postgres,
    /// nats-server, which also keeps the stream.
    Nats,
    /// The node that keeps its log in a file.
    Embedded,
}

impl Victim {
    const ALL: [Self; 5] = [
        Self::Writer,
        Self::Standby,
        Self::Postgres,
        Self::Nats,
        Self::Embedded,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Writer => "writer",
            Self::Standby => "standby",
            Self::Postgres => "postgres",
            Self::Nats => "nats",
            Self::Embedded => "sqlite_writer",
        }
    }
}

/// What was found at the end.
#[derive(Debug)]
pub struct Report {
    cycles: usize,
    seed: u64,
    kills: BTreeMap<Victim, usize>,
    take_overs: Vec<Duration>,
    elapsed: Duration,
    wrong: Vec<String>,
    stream_messages: usize,
    stream_valid: bool,
    postgres: Audit,
    embedded: Audit,
}

impl Report {
    /// Whether nothing is lost, doubled, missing or wrong.
    pub fn is_clean(&self) -> bool {
        self.wrong.is_empty()
            && self.stream_valid
            && self.postgres.is_clean()
            && self.embedded.is_clean()
    }

    /// What contradicts an answer or a rule.
    pub fn wrong(&self) -> &[String] {
        &self.wrong
    }

    /// As one JSON object. The counts are sums over both logs.
    pub fn to_json(&self) -> Value {
        let sum = |count: fn(&Audit) -> usize| count(&self.postgres) + count(&self.embedded);
        let kills: serde_json::Map<_, _> = self
            .kills
            .iter()
            .map(|(victim, count)| (victim.name().to_owned(), json!(count)))
            .collect();
        let slowest = self.take_overs.iter().max().copied().unwrap_or_default();
        json!({
            "cycles": self.cycles,
            "acked": sum(|audit| audit.acked),
            "lost": sum(|audit| audit.lost),
            "doubled": sum(|audit| audit.doubled),
            "gaps": sum(|audit| audit.gaps),
            "tree_valid": self.postgres.tree_valid && self.embedded.tree_valid,
            "stream_valid": self.stream_valid,
            "stream_messages": self.stream_messages,
            "moved": sum(|audit| audit.moved),
            "foreign": sum(|audit| audit.foreign),
            "wrong": self.wrong.len() + sum(|audit| audit.violations),
            "events": sum(|audit| audit.events),
            "kills": kills,
            "slowest_take_over_ms": u64::try_from(slowest.as_millis()).unwrap_or(u64::MAX),
            "elapsed_s": self.elapsed.as_secs(),
            "seed": self.seed,
        })
    }
}

/// Runs the whole of it; `tell` hears of the progress.
pub async fn run(options: &Options, tell: impl Fn(&str)) -> Report {
    let began = Instant::now();
    let mut chance = fastrand::Rng::with_seed(options.seed);
    let mut fleet = Fleet::start().await;
    let before = fleet.set_scene().await;
    let books = [Arc::new(Book::default()), Arc::new(Book::default())];
    let crowds = [
        Crowd::start(&fleet.on_postgres(), &books[0]),
        Crowd::over_nats(fleet.database_url(), &fleet.nats_url(), &books[0]).await,
        Crowd::start(&fleet.embedded(), &books[1]),
    ];
    let mut kills = BTreeMap::new();
    let mut take_overs = Vec::new();
    let mut victims = Vec::new();
    for cycle in 1..=options.cycles {
        if victims.is_empty() {
            // Each in its turn, in any order.
            victims = Victim::ALL.to_vec();
            chance.shuffle(&mut victims);
        }
        let Some(victim) = victims.pop() else {
            break;
        };
        let book = &books[usize::from(victim == Victim::Embedded)];
        book.until_more(ACKNOWLEDGED).await;
        // Into the middle of whatever happens then.
        tokio::time::sleep(Duration::from_micros(chance.u64(..100_000))).await;
        if let Some(took) = fleet.kill(victim).await {
            take_overs.push(took);
        }
        *kills.entry(victim).or_default() += 1;
        tell(&format!(
            "cycle {cycle} of {}: killed {}, {} acknowledged",
            options.cycles,
            victim.name(),
            books[0].len() + books[1].len()
        ));
    }
    for crowd in crowds {
        crowd.stop().await;
    }
    tell("everything is answered; reading the logs");
    let stream = fleet.stream().await;
    let wrong = books.iter().flat_map(|book| book.wrong()).collect();
    let [postgres, embedded] = fleet.into_logs().await;
    let postgres = audit::audit(&*postgres, &books[0], before[0]).await;
    let embedded = audit::audit(&*embedded, &books[1], before[1]).await;
    Report {
        cycles: options.cycles,
        seed: options.seed,
        kills,
        take_overs,
        wrong,
        stream_messages: stream.len(),
        stream_valid: postgres.agrees_with(&stream),
        postgres,
        embedded,
        elapsed: began.elapsed(),
    }
}
