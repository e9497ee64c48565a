//! Appends to an empty log, beside what they are compared with.

use std::time::Duration;

use futures::future::join_all;

use crate::{
    Run, Sizes,
    bare::{BareFile, BareInserts, BareTables, OneRowPerTransaction},
    measure::{Appender, Lane, Measure, Until, p50_ratio, rate_ratio},
    report::Report,
    store::{Backend, LogAppender, Opened, Store},
    workload::{Author, Stocks, World},
};

/// Connections of the baseline of one row per transaction.
const CONNECTIONS: usize = 32;
/// Many batches of this size wait for one another in the lane that shows what grouping gives.
const IN_FLIGHT: usize = 4;

/// One thing of a round is never shorter than this, or the clock's grain shows.
const SHORTEST: Duration = Duration::from_millis(100);

struct Ground {
    store: Store,
    opened: Opened,
    world: World,
}

impl Ground {
    async fn new(run: &mut Run, backend: Backend) -> Self {
        let store = run.place.store(backend);
        let opened = store.open().await;
        if let Store::Pg(_) = store {
            BareTables::create(&mut store.connect().await).await;
        }
        Self {
            store,
            opened,
            world: World::new(),
        }
    }

    fn lane(&self, appenders: usize, stocks: Stocks, events: usize) -> Lane<LogAppender> {
        let authors = self.world.authors(appenders, stocks, 0);
        Lane::new(self.opened.appenders(authors, events))
    }

    /// One of a world of its own, who appends beside the log.
    fn author() -> Author {
        World::new().authors(1, Stocks::All, 0).remove(0)
    }

    /// Closes the log, and counts the time for the lane that has left that work.
    fn settle(&self, lane: &mut Lane<LogAppender>) {
        lane.settled_in(self.opened.close());
    }

    async fn bare(&self, events: usize) -> Lane<BareInserts> {
        let bare = BareInserts::new(self.store.connect().await, Self::author(), events);
        Lane::new(vec![bare])
    }

    fn bare_file(&self, events: usize) -> Lane<BareFile> {
        let connection = self.store.file("bare.db");
        Lane::new(vec![BareFile::new(connection, Self::author(), events)])
    }
}

/// Runs `events` events of `batch` each, a share of them in each round.
fn share(events: u64, rounds: u32, batch: u64) -> Until {
    Until::Appends((events / u64::from(rounds) / batch).max(1))
}

/// 256 and 32 appenders with one event each.
pub async fn appenders(run: &mut Run, backend: Backend, report: &mut Report) {
    let ground = Ground::new(run, backend).await;
    match backend {
        Backend::Pg => {
            let authors = World::new().authors(CONNECTIONS, Stocks::All, 0);
            let connected = authors.into_iter().map(async |author| {
                OneRowPerTransaction::new(ground.store.connect().await, author)
            });
            let mut single = Lane::new(join_all(connected).await);
            let many = crowds(run, &ground, &mut single, backend, report).await;
            report.row(backend.name(), "one row a transaction ×32", &single.rounds);
            report.figure("pg_256_over_tx32", rate_ratio(&many, &single.rounds));
        }
        Backend::Sqlite => {
            let mut one = ground.lane(1, Stocks::Few, 1);
            let many = crowds(run, &ground, &mut one, backend, report).await;
            report.row(backend.name(), "1 appender", &one.rounds);
            report.figure("sqlite_256_over_1", rate_ratio(&many, &one.rounds));
        }
    }
}

/// Runs both crowds, each on a log of its own, in turns with a baseline, which gets as much time as 256 appenders take,
/// and answers with what those 256 did.
async fn crowds<A: Appender>(
    run: &mut Run,
    ground: &Ground,
    baseline: &mut Lane<A>,
    backend: Backend,
    report: &mut Report,
) -> Vec<Measure> {
    let rounds = run.sizes.rounds;
    let beside = Ground::new(run, backend).await;
    let mut many = ground.lane(256, Stocks::Most, 1);
    let mut some = beside.lane(32, Stocks::Some, 1);
    many.warm_up(512).await;
    some.warm_up(64).await;
    baseline.warm_up(64).await;
    for _ in 0..rounds {
        let time = many.run(share(run.sizes.events, rounds, 1)).await;
        baseline.run(Until::Elapsed(time.max(SHORTEST))).await;
        some.run(share(run.sizes.events / 5, rounds, 1)).await;
    }
    ground.settle(&mut many);
    beside.settle(&mut some);
    report.row(backend.name(), "32 appenders", &some.rounds);
    report.row(backend.name(), "256 appenders", &many.rounds);
    many.rounds
}

/// Batches of 100 and of 1,000, one after the other, and several of 1,000 at a time.
pub async fn batches(run: &mut Run, backend: Backend, report: &mut Report) {
    let ground = Ground::new(run, backend).await;
    let key = format!("{}_batch1000_over_no_index", backend.name());
    let stalls = match backend {
        Backend::Pg => {
            let mut bare = ground.bare(1_000).await;
            batches_beside(run, &ground, &mut bare, backend, report, &key).await
        }
        Backend::Sqlite => {
            let mut bare = ground.bare_file(1_000);
            batches_beside(run, &ground, &mut bare, backend, report, &key).await
        }
    };
    let [of_log, of_bare] = stalls.map(|stall| stall.as_secs_f64() * 1e3);
    report.figure(&format!("{}_batch1000_stall_ms", backend.name()), of_log);
    report.figure(&format!("{}_bare1000_stall_ms", backend.name()), of_bare);
}

/// Each size has a log of its own, so that none pays for what another one left to be merged. Answers with the longest
/// stalls of batches of 1,000, of the log and of the baseline.
async fn batches_beside<A: Appender>(
    run: &mut Run,
    ground: &Ground,
    bare: &mut Lane<A>,
    backend: Backend,
    report: &mut Report,
    key: &str,
) -> [Duration; 2] {
    let Sizes { rounds, events, .. } = run.sizes;
    let grounds = [
        Ground::new(run, backend).await,
        Ground::new(run, backend).await,
    ];
    let mut thousand = ground.lane(1, Stocks::Most, 1_000);
    let mut several = grounds[0].lane(IN_FLIGHT, Stocks::Some, 1_000);
    let mut hundred = grounds[1].lane(1, Stocks::Few, 100);
    for lane in [&mut thousand, &mut several, &mut hundred] {
        lane.warm_up(4).await;
    }
    bare.warm_up(4).await;
    for _ in 0..rounds {
        thousand.run(share(events, rounds, 1_000)).await;
        bare.run(share(events, rounds, 1_000)).await;
        several.run(share(events, rounds, 1_000)).await;
        hundred.run(share(events / 5, rounds, 100)).await;
    }
    ground.settle(&mut thousand);
    grounds[0].settle(&mut several);
    grounds[1].settle(&mut hundred);
    let name = backend.name();
    report.row(name, "bare inserts of 1,000", &bare.rounds);
    report.row(name, "batches of 1,000", &thousand.rounds);
    report.row(
        name,
        format!("batches of 1,000 ×{IN_FLIGHT}"),
        &several.rounds,
    );
    report.row(name, "batches of 100", &hundred.rounds);
    report.figure(key, rate_ratio(&thousand.rounds, &bare.rounds));
    report.figure(
        &format!("{name}_batch1000_x{IN_FLIGHT}_over_no_index"),
        rate_ratio(&several.rounds, &bare.rounds),
    );
    [thousand.total().stall, bare.total().stall]
}

/// One appender with one event, in turns with bare commits of one row.
pub async fn alone(run: &mut Run, backend: Backend, report: &mut Report) {
    let ground = Ground::new(run, backend).await;
    let mut one = ground.lane(1, Stocks::All, 1);
    let bare = match backend {
        Backend::Pg => in_turns(run, &mut one, ground.bare(1).await).await,
        Backend::Sqlite => in_turns(run, &mut one, ground.bare_file(1)).await,
    };
    let name = backend.name();
    report.row(name, "bare commits of one row", &bare);
    report.row(name, "1 appender alone", &one.rounds);
    report.figure(
        &format!("{name}_1_p50_over_bare_commit"),
        p50_ratio(&one.rounds, &bare),
    );
}

async fn in_turns<A: Appender>(
    run: &Run,
    one: &mut Lane<LogAppender>,
    mut bare: Lane<A>,
) -> Vec<Measure> {
    let turn = Until::Appends(run.sizes.alone_appends);
    one.warm_up(50).await;
    bare.warm_up(50).await;
    // Short turns, since the time that a disk needs to sync drifts.
    for _ in 0..run.sizes.rounds * 4 {
        one.run(turn).await;
        bare.run(turn).await;
    }
    bare.rounds
}
