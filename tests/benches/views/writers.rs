//! What writers notice of views that are built anew.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use keruen_log::Log;
use keruen_projections::Views;
use tokio::{
    sync::Semaphore,
    task::{JoinError, JoinSet},
};

use crate::{
    Bench, PATIENCE, floor::Speed, median, rate, report::Report, story::Author, to_f64, until_all,
};

/// Events of one append of those who write while views are built.
const WRITER_EVENTS: usize = 12;

/// How many write at once as fast as it goes.
const WRITERS: usize = 16;
/// How many appends may wait for their answers where they come at a pace.
const MAX_WAITING: usize = 1_000;

/// How long writers are watched.
#[derive(Clone, Copy)]
pub struct Watch {
    /// How often, before and while views are built.
    pub rounds: usize,
    /// As they write as fast as it goes.
    pub at_most: Duration,
    /// Before views are built. What they write meanwhile is built with the rest.
    pub before: Duration,
}

/// What writers saw.
struct Load {
    rate: f64,
    p99_ms: f64,
}

/// Appends at a pace, or as fast as it goes, until told to stop. What comes at a pace comes whether or not what came before
/// was answered, as from writers who know nothing of each other.
async fn load(
    log: &Arc<dyn Log>,
    author: &mut Author,
    pace: Option<f64>,
    stop: &AtomicBool,
) -> Load {
    let head = async || log.head().await.expect("the log answers").position;
    let head_before = head().await;
    let begun = Instant::now();
    let waiting = Arc::new(Semaphore::new(pace.map_or(WRITERS, |_| MAX_WAITING)));
    let mut appends = JoinSet::new();
    let mut latencies = Histogram::<u64>::new(3).expect("it can be made");
    let mut answered = |latency_us: Result<u64, JoinError>| {
        let latency_us = latency_us.expect("the log takes it");
        latencies.record(latency_us).expect("it fits");
    };
    let mut events = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        let due = pace.map(|pace| begun + Duration::from_secs_f64(to_f64(events) / pace));
        if let Some(due) = due {
            tokio::time::sleep_until(due.into()).await;
        }
        let permit = Arc::clone(&waiting).acquire_owned().await;
        let permit = permit.expect("nobody closes it");
        // What is asked late because the answers before came late has waited all the same.
        let asked = due.unwrap_or_else(Instant::now);
        let request = author.stories(WRITER_EVENTS);
        events += request.events.len() as u64;
        let log = Arc::clone(log);
        appends.spawn(async move {
            log.append(request).await.expect("the log takes it");
            drop(permit);
            u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX)
        });
        while let Some(latency_us) = appends.try_join_next() {
            answered(latency_us);
        }
        author.pass_time();
    }
    while let Some(latency_us) = appends.join_next().await {
        answered(latency_us);
    }
    let took = begun.elapsed();
    // A log answers a command that it knows without recording anything: that is no writing.
    assert_eq!(head().await - head_before, events, "not all was recorded");
    Load {
        rate: rate(events, took),
        p99_ms: to_f64(latencies.value_at_quantile(0.99)) / 1e3,
    }
}

/// Writes until something has ended; what writers saw, and what came of it.
async fn load_while<T: Send + 'static>(
    bench: &mut Bench,
    pace: Option<f64>,
    work: impl Future<Output = T> + Send + 'static,
) -> (Load, T) {
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    let working = tokio::spawn(async move {
        let done = work.await;
        stopping.store(true, Ordering::Relaxed);
        done
    });
    let load = load(&bench.log, &mut bench.author, pace, &stop).await;
    (load, working.await.expect("it does not fail"))
}

async fn load_for(bench: &mut Bench, pace: Option<f64>, time: Duration) -> Load {
    load_while(bench, pace, tokio::time::sleep(time)).await.0
}

/// What writers may ask for such that the views keep up with them: events a second, until the views have all of them.
async fn capacity(
    bench: &mut Bench,
    views: &Arc<Views>,
    name: &str,
    time: Duration,
    report: &mut Report,
) -> f64 {
    let (before, begun) = (bench.head().await, Instant::now());
    let alone = load_for(bench, None, time).await;
    report.lane(name, "writers, at most", alone.rate, "events/s");
    let head = bench.head().await;
    until_all(views, head).await;
    let kept_up = rate(head - before, begun.elapsed());
    let scenario = "… until the views have it all: capacity";
    report.lane(name, scenario, kept_up, "events/s");
    kept_up
}

/// Watches writers before all views are built anew, and meanwhile; and while nothing but their rows is copied, and nothing but
/// one processor is busy.
pub async fn write(
    bench: &mut Bench,
    views: &Arc<Views>,
    name: &str,
    watch: Watch,
    report: &mut Report,
) {
    let pace = capacity(bench, views, name, watch.at_most, report).await / 2.0;
    let (mut rates, mut p99s) = (Vec::new(), Vec::new());
    let (mut copy_p99s, mut busy_p99s) = (Vec::new(), Vec::new());
    for round in 1..=watch.rounds {
        bench.checkpoint().await;
        let before = load_for(bench, Some(pace), watch.before).await;
        let scenario = format!("round {round}: writers at half of that");
        report.lane(name, &scenario, before.rate, "events/s");
        report.lane(name, "… their p99", before.p99_ms, "ms");
        until_all(views, bench.head().await).await;
        bench.checkpoint().await;
        let during = load_while_building(bench, views, pace, name, report).await;
        rates.push(during.rate / before.rate);
        p99s.push(during.p99_ms / before.p99_ms);
        until_all(views, bench.head().await).await;
        bench.checkpoint().await;
        let rows = bench.rows();
        let copying = async move { rows.copy(Speed::OneByOne).await };
        let scenario = "writers while the rows of all views are copied";
        let during = load_while_only(bench, pace, copying, scenario, name, report).await;
        copy_p99s.push(during.p99_ms / before.p99_ms);
        until_all(views, bench.head().await).await;
        let rows = bench.rows();
        let counting = async move { rows.count(watch.before).await };
        let scenario = "writers while one processor is busy";
        let during = load_while_only(bench, pace, counting, scenario, name, report).await;
        busy_p99s.push(during.p99_ms / before.p99_ms);
        until_all(views, bench.head().await).await;
    }
    report.lowest("writers_during_rebuild_over_before", median(&mut rates));
    report.highest("writers_p99_during_over_before", median(&mut p99s));
    let key = format!("copy_{name}_writers_p99_over_before");
    report.figure(&key, median(&mut copy_p99s));
    let key = format!("busy_{name}_writers_p99_over_before");
    report.figure(&key, median(&mut busy_p99s));
}

async fn load_while_building(
    bench: &mut Bench,
    views: &Arc<Views>,
    pace: f64,
    name: &str,
    report: &mut Report,
) -> Load {
    views.rebuild(None).expect("they are all here");
    let begun = Instant::now();
    let watched = Arc::clone(views);
    let built = async move {
        // It begins a moment later.
        tokio::time::sleep(Duration::from_secs(1)).await;
        while watched
            .list()
            .iter()
            .any(|(_, status)| status.rebuild.is_some())
        {
            assert!(begun.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        begun.elapsed()
    };
    let (during, took) = load_while(bench, Some(pace), built).await;
    let scenario = "writers while all views are built anew";
    report.lane(name, scenario, during.rate, "events/s");
    report.lane(name, "… their p99", during.p99_ms, "ms");
    let anew = rate(bench.head().await, took);
    report.lane(name, "all views anew, beside writers", anew, "events/s");
    during
}

/// What writers notice of work that has to do with no event: nobody reads the log for it, and nothing is folded.
async fn load_while_only<T: Send + 'static>(
    bench: &mut Bench,
    pace: f64,
    work: impl Future<Output = T> + Send + 'static,
    scenario: &str,
    name: &str,
    report: &mut Report,
) -> Load {
    let (during, _) = load_while(bench, Some(pace), work).await;
    report.lane(name, scenario, during.rate, "events/s");
    report.lane(name, "… their p99", during.p99_ms, "ms");
    during
}
