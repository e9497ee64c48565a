//! A small log and a large one: what appends cost as a log grows, and how much memory its process needs.

use crate::{
    Run,
    measure::{Lane, Until, rate_ratio},
    report::Report,
    store::{Backend, LogAppender, Opened, Store},
    worker::Worker,
    workload::{Stocks, World},
};

/// Events of one turn: few, so that the small log stays small.
const TURN: u64 = 10_000;

/// Two logs of one kind that differ in size.
pub struct Pair {
    /// Where they are; the small one first.
    pub stores: [Store; 2],
    /// Both, open.
    pub opened: [Opened; 2],
    /// Which ids are new.
    pub world: World,
}

impl Pair {
    /// Fills both, each in a process of its own, and tells how much memory that took.
    pub async fn fill(run: &mut Run, backend: Backend, report: &mut Report) -> Self {
        let stores = [run.place.store(backend), run.place.store(backend)];
        let sizes = [run.sizes.small, run.sizes.large];
        let peaks = [0, 1].map(|which| Worker::fill(&stores[which].address(), sizes[which]));
        for (size, peak) in ["100k", "5m"].into_iter().zip(peaks) {
            report.figure(&format!("{}_peak_rss_mib_{size}", backend.name()), peak);
            report.highest(&format!("peak_rss_mib_{size}"), peak);
        }
        let opened = [stores[0].open().await, stores[1].open().await];
        Self {
            stores,
            opened,
            world: World::new(),
        }
    }

    /// Appenders to one of both.
    pub fn lane(
        &self,
        which: usize,
        appenders: usize,
        stocks: Stocks,
        events: usize,
    ) -> Lane<LogAppender> {
        let opened = &self.opened[which];
        let head_position = *opened.log().watch_head().borrow();
        let authors = self.world.authors(appenders, stocks, head_position);
        Lane::new(opened.appenders(authors, events))
    }
}

/// Both loads on both logs, in turns. Closes the logs.
pub async fn appends(run: &Run, pair: &Pair, backend: Backend, report: &mut Report) {
    let turn = TURN.min(run.sizes.small / 5);
    let mut crowds = [0, 1].map(|which| pair.lane(which, 256, Stocks::Most, 1));
    let mut batches = [0, 1].map(|which| pair.lane(which, 1, Stocks::Some, 1_000));
    for which in [0, 1] {
        crowds[which].warm_up(1_024).await;
        batches[which].warm_up(2).await;
    }
    for _ in 0..run.sizes.rounds {
        for which in [0, 1] {
            crowds[which].run(Until::Appends(turn)).await;
        }
        for which in [0, 1] {
            batches[which]
                .run(Until::Appends((turn / 1_000).max(1)))
                .await;
        }
    }
    for which in [0, 1] {
        let time = pair.opened[which].close() / 2;
        crowds[which].settled_in(time);
        batches[which].settled_in(time);
    }
    let name = backend.name();
    for (what, lanes) in [("256 appenders", &crowds), ("batches of 1,000", &batches)] {
        let [small, large] = lanes;
        report.row(name, format!("{what}, small log"), &small.rounds);
        report.row(name, format!("{what}, large log"), &large.rounds);
    }
    for (what, [small, large]) in [("256", &crowds), ("batch1000", &batches)] {
        let ratio = rate_ratio(&large.rounds, &small.rounds);
        report.figure(&format!("{name}_{what}_append_rate_5m_over_100k"), ratio);
        report.lowest("append_rate_5m_over_100k", ratio);
    }
}
