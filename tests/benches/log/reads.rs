//! Full scans and tag reads.

use std::time::{Duration, Instant};

use keruen_log::{Log, Query, Range};

use crate::{
    Run,
    bare::{Drain, drain_file, fetch_from_file},
    growth::Pair,
    measure::{Appender as _, Measure, p50_ratio, rate_ratio},
    report::Report,
    store::{Backend, LogAppender, Store},
    worker::Worker,
    workload::{self, Stocks},
};

/// Events of one page.
const PAGE: usize = 10_000;

/// Reads all events, page by page, and answers with how many there are.
pub async fn scan(log: &dyn Log) -> u64 {
    let mut events = 0;
    let mut range = Range::default();
    loop {
        let page = log
            .read(&Query::default(), range, PAGE)
            .await
            .expect("the log can be read");
        events += page.events.len() as u64;
        range = Range::after(page.reached_position(range));
        if page.complete {
            return events;
        }
    }
}

/// Tags of this kind from all over the log.
pub async fn sample(log: &dyn Log, kind: &str, count: u32) -> Vec<String> {
    let head_position = *log.watch_head().borrow();
    let mut tags = Vec::new();
    for _ in 0..count {
        let range = Range::after(fastrand::u64(..head_position));
        let page = log
            .read(&Query::default(), range, 1)
            .await
            .expect("the log can be read");
        let of_event = page.events.into_iter().flat_map(|event| event.tags);
        tags.extend(of_event.filter(|tag| tag.starts_with(kind)).take(1));
    }
    tags
}

/// Scans both logs, in turns with a bare drain.
pub async fn scans(run: &Run, pair: &Pair, backend: Backend, report: &mut Report) {
    let name = backend.name();
    for (which, size) in [(0, "small"), (1, "large")] {
        let log = pair.opened[which].log();
        let store = &pair.stores[which];
        let head_position = *log.watch_head().borrow();
        let (mut scans, mut drains) = (Vec::new(), Vec::new());
        // The first turn of both only warms the caches.
        for _ in 0..=run.sizes.rounds.min(3) {
            scans.push(timed(async || scan(&*log).await).await);
            drains.push(
                timed(async || {
                    drain(store).await;
                    head_position
                })
                .await,
            );
        }
        report.row(name, format!("bare drain, {size} log"), &drains[1..]);
        report.row(name, format!("scan, {size} log"), &scans[1..]);
        let ratio = rate_ratio(&scans[1..], &drains[1..]);
        let key = format!("scan_{name}_over_bare_drain");
        match which {
            0 => report.figure(&format!("{key}_100k"), ratio),
            _ => report.figure(&key, ratio),
        }
    }
}

async fn timed(work: impl AsyncFnOnce() -> u64) -> Measure {
    let mut measure = Measure::new();
    let began = Instant::now();
    let events = work().await;
    measure.note(events, began.elapsed());
    measure
}

async fn drain(store: &Store) {
    let bytes = match store {
        Store::Pg(_) => Drain(store.connect().await).copy_out().await,
        Store::Sqlite(_) => tokio::task::block_in_place(|| drain_file(&store.file("log.db"))),
    };
    assert!(bytes > 0);
}

/// What a tag read asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Shipment,
    Stock,
    FreshShipment,
    FreshElsewhere,
}

impl Kind {
    const ALL: [Self; 4] = [
        Self::Shipment,
        Self::Stock,
        Self::FreshShipment,
        Self::FreshElsewhere,
    ];

    fn text(self) -> &'static str {
        match self {
            Self::Shipment => "a shipment's events",
            Self::Stock => "a stock's events after a position",
            Self::FreshShipment => "the same right after an append",
            Self::FreshElsewhere => "… in another process",
        }
    }
}

/// One of two logs, and all that asks it.
struct Asker {
    appender: LogAppender,
    shipments: Vec<String>,
    stocks: Vec<String>,
    elsewhere: Option<Worker>,
    /// How far back a read of a stock goes.
    window: u64,
    /// Positions of the last answer.
    found: Vec<u64>,
}

impl Asker {
    async fn new(run: &Run, pair: &Pair, which: usize) -> Self {
        let reads = run.sizes.reads;
        let opened = &pair.opened[which];
        let log = opened.log();
        let head_position = *log.watch_head().borrow();
        let authors = pair.world.authors(1, Stocks::Few, head_position);
        let elsewhere = match &pair.stores[which] {
            store @ Store::Pg(_) => Some(Worker::reader(&store.address())),
            // Another process can't have an embedded log open.
            Store::Sqlite(_) => None,
        };
        Self {
            shipments: sample(&*log, "shipment:", reads).await,
            stocks: sample(&*log, "stock:", reads).await,
            appender: opened.appenders(authors, 1).remove(0),
            elsewhere,
            // The same answer on both, as far as chance allows.
            window: run.sizes.small / 5,
            found: Vec::new(),
        }
    }

    /// Reads once; `None` where this backend can't.
    async fn ask(&mut self, kind: Kind, turn: usize) -> Option<(u64, Duration)> {
        match kind {
            Kind::Shipment => {
                let tag = self.shipments[turn % self.shipments.len()].clone();
                Some(self.read(&tag, 0, 1).await)
            }
            Kind::Stock => {
                let tag = self.stocks[turn % self.stocks.len()].clone();
                let head_position = *self.appender.log.watch_head().borrow();
                Some(
                    self.read(&tag, head_position.saturating_sub(self.window), 0)
                        .await,
                )
            }
            Kind::FreshShipment => {
                self.appender.append().await;
                let (tag, position) = self.appended();
                Some(self.read(&tag, 0, position).await)
            }
            Kind::FreshElsewhere => {
                let mut elsewhere = self.elsewhere.take()?;
                self.appender.append().await;
                let (tag, position) = self.appended();
                let (events, last, latency) = elsewhere.ask(&tag, 0);
                assert_eq!(last, position, "{tag} was appended and not seen");
                self.elsewhere = Some(elsewhere);
                Some((events, latency))
            }
        }
    }

    fn appended(&self) -> (String, u64) {
        let head_position = *self.appender.log.watch_head().borrow();
        (
            self.appender.author.shipment_tag().to_owned(),
            head_position,
        )
    }

    /// Reads, and sees that an event at the position `at` or after it is there.
    async fn read(&mut self, tag: &str, after_position: u64, at: u64) -> (u64, Duration) {
        let query = workload::tagged(tag);
        let began = Instant::now();
        let page = self
            .appender
            .log
            .read(&query, Range::after(after_position), PAGE)
            .await;
        let latency = began.elapsed();
        let events = page.expect("the log can be read").events;
        self.found.clear();
        self.found.extend(events.iter().map(|event| event.position));
        let last = self.found.last().copied().unwrap_or(0);
        assert!(last >= at, "{tag} was appended at {at} and not seen");
        (events.len() as u64, latency)
    }
}

/// Fetches events whose positions are known.
enum Fetch {
    Pg(Drain),
    Sqlite(rusqlite::Connection),
}

impl Fetch {
    async fn new(store: &Store) -> Self {
        match store {
            Store::Pg(_) => Self::Pg(Drain(store.connect().await)),
            Store::Sqlite(_) => Self::Sqlite(store.file("log.db")),
        }
    }

    async fn fetch(&mut self, positions: &[u64]) -> Duration {
        let began = Instant::now();
        let found = match self {
            Self::Pg(drain) => drain.fetch(positions).await,
            Self::Sqlite(connection) => fetch_from_file(connection, positions),
        };
        assert_eq!(found, positions.len());
        began.elapsed()
    }
}

/// Reads by tag on both logs, one after the other, each answer beside a fetch of the same events by position.
pub async fn tags(run: &Run, pair: &mut Pair, backend: Backend, report: &mut Report) {
    let name = backend.name();
    let reads = run.sizes.reads;
    let mut askers = [
        Asker::new(run, pair, 0).await,
        Asker::new(run, pair, 1).await,
    ];
    let mut fetch = Fetch::new(&pair.stores[1]).await;
    for kind in Kind::ALL {
        let mut measures = [Vec::new(), Vec::new()];
        let mut by_position = Vec::new();
        for _ in 0..run.sizes.rounds {
            let mut round = [Measure::new(), Measure::new()];
            let mut fetched = Measure::new();
            for turn in 0..reads / run.sizes.rounds {
                let turn = usize::try_from(turn).unwrap_or(0);
                for which in [0, 1] {
                    if let Some((events, latency)) = askers[which].ask(kind, turn).await {
                        round[which].note(events, latency);
                    }
                }
                let found = &askers[1].found;
                fetched.note(found.len() as u64, fetch.fetch(found).await);
            }
            let [small, large] = round;
            measures[0].push(small);
            measures[1].push(large);
            by_position.push(fetched);
        }
        let [small, large] = &measures;
        if small.iter().all(|round| round.events == 0) {
            continue;
        }
        report.row(name, format!("{}, small log", kind.text()), small);
        report.row(name, format!("{}, large log", kind.text()), large);
        report.highest("tag_read_5m_over_100k", p50_ratio(large, small));
        if kind != Kind::FreshElsewhere {
            report.row(name, "  fetch of the same by position", &by_position);
            report.highest(
                &format!("{name}_tag_read_over_fetch"),
                p50_ratio(large, &by_position),
            );
        }
    }
}
