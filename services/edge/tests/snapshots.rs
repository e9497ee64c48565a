//! Snapshots may be missing, spoiled, or of another history: the answers are those of whoever reads everything.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use async_trait::async_trait;
use keruen_domain::{Boundary, Code, tags::tags};
use keruen_edge::{Desk, DeskOptions, SnapshotOptions};
use keruen_log::{
    AppendError, AppendRequest, Appended, Head, Log, Page, ProposedEvent, Query, Range, ReadError,
    RecordedCommand, SqliteLog, SqliteOptions,
};
use keruen_proto::{
    Event,
    inventory::v1::{AdjustmentReason, StockAdjusted, StockLevel, StockUnits},
    log::v1::{OccurredAt, TimePrecision},
};
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

/// A log that counts the events that are read from it.
struct Counted {
    log: SqliteLog,
    events: AtomicU64,
}

#[async_trait]
impl Log for Counted {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        self.log.append(request).await
    }

    async fn read(&self, query: &Query, range: Range, limit: usize) -> Result<Page, ReadError> {
        let page = self.log.read(query, range, limit).await?;
        self.events
            .fetch_add(page.events.len() as u64, Ordering::Relaxed);
        Ok(page)
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.log.head().await
    }

    async fn find_command(&self, command_id: &str) -> Result<Option<RecordedCommand>, ReadError> {
        self.log.find_command(command_id).await
    }

    async fn tree_hashes(
        &self,
        wanted: keruen_log::tree::TreeHashes,
    ) -> Result<Vec<keruen_log::tree::Hash>, ReadError> {
        self.log.tree_hashes(wanted).await
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.log.watch_head()
    }
}

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    fn log(&self, name: &str) -> Arc<Counted> {
        let path = self.folder.path().join(name);
        let log = SqliteLog::open(&path, SqliteOptions::default()).unwrap();
        Arc::new(Counted {
            log,
            events: AtomicU64::new(0),
        })
    }

    fn options(&self, min_events: u64) -> SnapshotOptions {
        SnapshotOptions {
            min_events,
            ..SnapshotOptions::new(self.folder.path().join("snapshots"))
        }
    }

    fn snapshots(&self) -> Vec<PathBuf> {
        let mut paths: Vec<_> = fs::read_dir(self.folder.path().join("snapshots"))
            .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
            .unwrap_or_default();
        paths.sort();
        paths
    }

    fn copy(&self, from: &str, to: &str) {
        fs::copy(self.folder.path().join(from), self.folder.path().join(to)).unwrap();
    }
}

/// A service just started.
fn desk(log: &Arc<Counted>, snapshots: Option<SnapshotOptions>) -> Desk {
    let mut options = DeskOptions::new("test");
    options.snapshots = snapshots;
    Desk::new(Arc::clone(log) as Arc<dyn Log>, options)
}

const FACILITIES: [&str; 4] = ["NORTH", "SOUTH", "EAST", "WEST"];

fn stock(facility: &str) -> Boundary {
    Boundary::Stock(Code::parse(facility).unwrap(), Code::parse("MASK").unwrap())
}

fn adjusted(facility: &str, number: u64) -> Event {
    Event::StockAdjusted(StockAdjusted {
        facility_id: facility.to_owned(),
        units: Some(StockUnits {
            item_id: "MASK".to_owned(),
            batch_id: format!("B{}", number % 5),
            owner_id: "MOH".to_owned(),
            quantity: i64::try_from(number % 11).unwrap() + 1,
            ..StockUnits::default()
        }),
        reason: AdjustmentReason::Found.into(),
        ..StockAdjusted::default()
    })
}

async fn record(log: &Counted, events: Vec<Event>) {
    for events in events.chunks(1_000) {
        let proposed = events.iter().map(|event| ProposedEvent {
            r#type: event.type_name().to_owned(),
            tags: tags(event),
            data: event.encode().into(),
            occurred_at: Some(OccurredAt {
                precision: TimePrecision::Second.into(),
                ..OccurredAt::default()
            }),
            ..ProposedEvent::default()
        });
        let request = AppendRequest {
            command_id: Uuid::new_v4().to_string(),
            command_hash: vec![0; 32],
            actor: "test".to_owned(),
            origin: "test".to_owned(),
            events: proposed.collect(),
            ..AppendRequest::default()
        };
        log.append(request).await.unwrap();
    }
}

async fn add(log: &Counted, facility: &str, count: u64) {
    let from = log.head().await.unwrap().position;
    record(
        log,
        (from..from + count)
            .map(|n| adjusted(facility, n))
            .collect(),
    )
    .await;
}

async fn level(desk: &Desk, facility: &str) -> (StockLevel, u64) {
    desk.view(&stock(facility)).await.unwrap()
}

/// What a service with snapshots and one without them say must be the same; answers with how many events the first read.
async fn compare(log: &Arc<Counted>, options: SnapshotOptions) -> u64 {
    let plain = desk(log, None);
    let before = log.events.load(Ordering::Relaxed);
    let with_snapshots = desk(log, Some(options));
    let mut answers = Vec::new();
    for facility in FACILITIES {
        answers.push(level(&with_snapshots, facility).await);
    }
    let read = log.events.load(Ordering::Relaxed) - before;
    for (facility, answer) in FACILITIES.into_iter().zip(answers) {
        assert_eq!(answer, level(&plain, facility).await, "{facility}");
    }
    read
}

#[tokio::test]
async fn a_long_boundary_is_read_once_and_then_only_what_is_new() {
    let place = Place::new();
    let log = place.log("log.db");
    add(&log, "NORTH", 3_000).await;
    add(&log, "SOUTH", 99).await;
    assert_eq!(compare(&log, place.options(100)).await, 3_000 + 1 + 99);
    assert_eq!(place.snapshots().len(), 1);
    // One event says whether the snapshot is of this history.
    assert_eq!(compare(&log, place.options(100)).await, 1 + 99);
    add(&log, "NORTH", 7).await;
    assert_eq!(compare(&log, place.options(100)).await, 1 + 7 + 99);
    // Too few to be worth another one.
    assert_eq!(compare(&log, place.options(100)).await, 1 + 7 + 99);
    add(&log, "NORTH", 100).await;
    assert_eq!(compare(&log, place.options(100)).await, 1 + 107 + 1 + 99);
    assert_eq!(compare(&log, place.options(100)).await, 1 + 99);
    for path in place.snapshots() {
        fs::remove_file(path).unwrap();
    }
    assert_eq!(compare(&log, place.options(100)).await, 3_107 + 1 + 99);
}

#[tokio::test]
async fn a_boundary_that_grew_long_in_memory_gets_one_too() {
    let place = Place::new();
    let log = place.log("log.db");
    let running = desk(&log, Some(place.options(10)));
    for _ in 0..12 {
        add(&log, "NORTH", 1).await;
        level(&running, "NORTH").await;
    }
    assert_eq!(place.snapshots().len(), 1);
    drop(running);
    assert!(compare(&log, place.options(10)).await < 12);
}

#[tokio::test]
async fn any_damage_only_costs_time() {
    let place = Place::new();
    let log = place.log("log.db");
    add(&log, "NORTH", 40).await;
    compare(&log, place.options(20)).await;
    let [path] = &place.snapshots()[..] else {
        panic!("{:?}", place.snapshots());
    };
    let good = fs::read(path).unwrap();
    add(&log, "NORTH", 3).await;
    let expected = level(&desk(&log, None), "NORTH").await;
    let mut spoiled: Vec<Vec<u8>> = (0..good.len()).map(|at| good[..at].to_vec()).collect();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        spoiled.push(bytes);
    }
    spoiled.push([&good[..], b"x"].concat());
    spoiled.push(good.repeat(2));
    for bytes in spoiled {
        fs::write(path, &bytes).unwrap();
        let before = log.events.load(Ordering::Relaxed);
        let answer = level(&desk(&log, Some(place.options(1_000))), "NORTH").await;
        assert_eq!(answer, expected);
        assert_eq!(log.events.load(Ordering::Relaxed) - before, 43);
    }
    fs::write(path, &good).unwrap();
    assert_eq!(compare(&log, place.options(20)).await, 1 + 3);
    // Under the name of another boundary.
    add(&log, "SOUTH", 40).await;
    compare(&log, place.options(20)).await;
    let both = place.snapshots();
    let contents = both.iter().map(|path| fs::read(path).unwrap());
    for (path, other) in both.iter().rev().zip(contents.collect::<Vec<_>>()) {
        fs::write(path, other).unwrap();
    }
    compare(&log, place.options(20)).await;
    // A folder of that name, and no folder at all.
    fs::remove_file(&both[0]).unwrap();
    fs::create_dir(&both[0]).unwrap();
    compare(&log, place.options(20)).await;
    let file = place.folder.path().join("file");
    fs::write(&file, "no folder").unwrap();
    for folder in [file, Path::new("/proc/nowhere").to_owned()] {
        let options = SnapshotOptions {
            folder,
            ..place.options(20)
        };
        compare(&log, options).await;
    }
}

#[tokio::test]
async fn a_snapshot_of_another_history_is_never_used() {
    let place = Place::new();
    let log = place.log("log.db");
    add(&log, "NORTH", 50).await;
    drop(log);
    place.copy("log.db", "older.db");
    let log = place.log("log.db");
    add(&log, "NORTH", 50).await;
    compare(&log, place.options(20)).await;
    let [north] = &place.snapshots()[..] else {
        panic!("{:?}", place.snapshots());
    };
    let good = fs::read(north).unwrap();
    drop(log);

    // The older copy is put back: the snapshot is ahead of it.
    let older = place.log("older.db");
    assert_eq!(compare(&older, place.options(20)).await, 50 + 1);
    // It goes on with other events, up to the same position and beyond.
    for count in [49, 1, 25] {
        add(&older, "SOUTH", count).await;
        fs::write(north, &good).unwrap();
        compare(&older, place.options(1_000)).await;
        assert!(!north.exists(), "it was found out");
        compare(&older, place.options(20)).await;
    }
    // Another log altogether, with the same events.
    let other = place.log("other.db");
    add(&other, "NORTH", 100).await;
    fs::write(north, good).unwrap();
    compare(&other, place.options(1_000)).await;
    assert!(!north.exists(), "it was found out");
}

#[tokio::test]
async fn random_histories_restarts_and_damage_change_no_answer() {
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    for _ in 0..6 {
        let place = Place::new();
        let log = place.log("log.db");
        let mut running = desk(&log, Some(place.options(5)));
        for _ in 0..60 {
            match next(10) {
                0..5 => {
                    add(
                        &log,
                        FACILITIES[usize::try_from(next(4)).unwrap()],
                        next(20) + 1,
                    )
                    .await;
                }
                5..7 => {
                    level(&running, FACILITIES[usize::try_from(next(4)).unwrap()]).await;
                }
                7 => running = desk(&log, Some(place.options(next(20)))),
                8 => {
                    for path in place.snapshots() {
                        let mut bytes = fs::read(&path).unwrap();
                        let at = usize::try_from(next(bytes.len() as u64)).unwrap();
                        bytes[at] ^= 1 << next(8);
                        fs::write(path, bytes).unwrap();
                    }
                }
                _ => {
                    compare(&log, place.options(5)).await;
                    let plain = desk(&log, None);
                    for facility in FACILITIES {
                        assert_eq!(
                            level(&running, facility).await,
                            level(&plain, facility).await
                        );
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn the_folder_is_bounded_and_the_oldest_go_first() {
    let place = Place::new();
    let log = place.log("log.db");
    let options = SnapshotOptions {
        max_bytes: 2 * 4_096,
        ..place.options(5)
    };
    for facility in FACILITIES {
        add(&log, facility, 10).await;
        level(&desk(&log, Some(options.clone())), facility).await;
        assert!(place.snapshots().len() <= 2, "{:?}", place.snapshots());
    }
    let before = log.events.load(Ordering::Relaxed);
    level(&desk(&log, Some(options.clone())), "WEST").await;
    level(&desk(&log, Some(options)), "EAST").await;
    assert_eq!(log.events.load(Ordering::Relaxed) - before, 2);
    // What a kill left is cleared away, what is somebody else's is not.
    let folder = place.folder.path().join("snapshots");
    fs::write(folder.join("a.partial"), "half").unwrap();
    fs::write(folder.join("letter"), "Dear all").unwrap();
    let nothing = SnapshotOptions {
        max_bytes: 0,
        ..place.options(5)
    };
    compare(&log, nothing).await;
    assert!(folder.join("letter").exists() && !folder.join("a.partial").exists());
}

/// `cargo test --release -p keruen-edge --test snapshots -- --ignored --nocapture`
#[tokio::test]
#[ignore = "measures: run it alone, in release mode"]
async fn time_of_the_first_command_on_a_long_boundary() {
    let place = Place::new();
    let log = place.log("log.db");
    for _ in 0..100 {
        add(&log, "NORTH", 1_000).await;
    }
    compare(&log, place.options(256)).await;
    for round in 0..3 {
        for (name, options) in [("without", None), ("with", Some(place.options(256)))] {
            let started = Instant::now();
            let desk = desk(&log, options);
            level(&desk, "NORTH").await;
            println!("round {round}, {name} snapshot: {:?}", started.elapsed());
        }
    }
}
