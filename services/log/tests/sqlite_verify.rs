//! Whatever is changed in the file of a log is found, at the first position that it concerns.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod verify;

use std::path::{Path, PathBuf};

use keruen_log::{
    IndexOptions, Log, SqliteLog, SqliteOptions,
    checkpoint::Checkpoint,
    entry, tree,
    verify::{Finding, Part, Reached, Stage, Verified, VerifyError},
};
use rusqlite::{Connection, params, types::Value};
use tempfile::TempDir;
use verify::{COLUMNS, Dice, EVENTS, fill, wrong};

struct Store {
    folder: TempDir,
    kept: Checkpoint,
}

impl Store {
    async fn new(events: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions {
            index: IndexOptions {
                run_events: 50,
                ..IndexOptions::default()
            },
            ..SqliteOptions::default()
        };
        let log = SqliteLog::open(&folder.path().join("log.db"), options).unwrap();
        fill(&log, events).await;
        let kept = verify::checkpoint(&log).await;
        Self { folder, kept }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("log.db")
    }

    /// The file as somebody opens it who may do anything: no trigger and no check stands in the way.
    fn raw(&self) -> Connection {
        let raw = Connection::open(self.path()).unwrap();
        let triggers: Vec<String> = raw
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        for trigger in triggers {
            raw.execute_batch(&format!("DROP TRIGGER {trigger}"))
                .unwrap();
        }
        raw.pragma_update(None, "ignore_check_constraints", true)
            .unwrap();
        // A test need not wait for the disk.
        raw.pragma_update(None, "synchronous", "off").unwrap();
        raw
    }

    async fn verify(&self) -> Result<Verified, VerifyError> {
        self.verify_against(&[]).await
    }

    async fn verify_against(&self, kept: &[Checkpoint]) -> Result<Verified, VerifyError> {
        SqliteLog::verify(&self.path(), kept, &mut |_| {}).await
    }

    async fn wrong(&self) -> Finding {
        wrong(self.verify().await)
    }
}

#[tokio::test]
async fn a_good_log_is_verified_and_counted() {
    for events in [0, 1, 255, 256, 257, EVENTS] {
        let store = Store::new(events).await;
        let mut told = Vec::new();
        let verified = SqliteLog::verify(
            &store.path(),
            std::slice::from_ref(&store.kept),
            &mut |reached: Reached| {
                assert!(reached.done <= reached.total, "{reached:?}");
                told.push(reached);
            },
        )
        .await
        .unwrap();
        assert_eq!(
            (verified.events, verified.root_hash),
            (events, store.kept.root_hash)
        );
        assert_eq!(verified.tiles, events / 256);
        assert_eq!(verified.checkpoints, 1);
        assert_eq!(verified.types.values().sum::<u64>(), events);
        for stage in [Stage::Events, Stage::Index, Stage::CommandIds] {
            let of_stage: Vec<_> = told.iter().filter(|told| told.stage == stage).collect();
            assert!(of_stage.is_sorted_by_key(|told| told.done), "{of_stage:?}");
            // Fewer events than a run has are not in the index.
            let is_told = stage != Stage::Index || events >= 50;
            assert_eq!(of_stage.last().is_some(), is_told, "{stage:?}");
            assert!(of_stage.last().is_none_or(|told| told.done == told.total));
        }
        let order: Vec<_> = told.iter().map(|told| told.stage).collect();
        assert!(order.is_sorted_by_key(|stage| *stage as u8), "{order:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_verified_while_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let log = std::sync::Arc::new(SqliteLog::open(&path, SqliteOptions::default()).unwrap());
    fill(&*log, 10).await;
    let writing = {
        let log = std::sync::Arc::clone(&log);
        tokio::spawn(async move {
            for number in 0..200_u128 {
                let request = keruen_log::AppendRequest {
                    command_id: uuid::Uuid::from_u128(number + 1).to_string(),
                    command_hash: vec![1; 32],
                    actor: "a".to_owned(),
                    origin: "n".to_owned(),
                    events: vec![keruen_log::ProposedEvent {
                        r#type: "keruen.test.v1.Grown".to_owned(),
                        occurred_at: Some(keruen_proto::log::v1::OccurredAt {
                            precision: 1,
                            ..Default::default()
                        }),
                        ..Default::default()
                    }],
                    ..Default::default()
                };
                log.append(request).await.unwrap();
            }
        })
    };
    let mut seen = 0;
    while !writing.is_finished() {
        let verified = SqliteLog::verify(&path, &[], &mut |_| {}).await.unwrap();
        assert!(verified.events >= seen);
        seen = verified.events;
    }
    writing.await.unwrap();
}

/// One bit of one column of one row.
fn flip(raw: &Connection, column: &str, position: u64, dice: &mut Dice) -> Option<(Value, String)> {
    let position = i64::try_from(position).unwrap();
    let sql = format!("SELECT {column} FROM events WHERE position = ?1");
    let before: Value = raw.query_row(&sql, [position], |row| row.get(0)).unwrap();
    let flipped = |mut bytes: Vec<u8>, dice: &mut Dice| {
        let bit = usize::try_from(dice.below(bytes.len() as u64 * 8)).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        (bytes, bit)
    };
    let (sql_value, after, bit) = match &before {
        Value::Integer(integer) => {
            let bit = dice.below(64);
            ("?1", Value::Integer(integer ^ (1 << bit)), bit.to_string())
        }
        Value::Text(text) if !text.is_empty() => {
            let (bytes, bit) = flipped(text.clone().into_bytes(), dice);
            ("CAST(?1 AS TEXT)", Value::Blob(bytes), bit.to_string())
        }
        Value::Blob(bytes) if !bytes.is_empty() => {
            let (bytes, bit) = flipped(bytes.clone(), dice);
            ("?1", Value::Blob(bytes), bit.to_string())
        }
        _ => return None,
    };
    let changed = raw
        .execute(
            &format!("UPDATE events SET {column} = {sql_value} WHERE position = ?2"),
            params![after, position],
        )
        .unwrap();
    assert_eq!(changed, 1);
    Some((before, bit))
}

fn put_back(raw: &Connection, column: &str, position: u64, before: &Value) {
    let position = i64::try_from(position).unwrap();
    let changed = if column == "position" {
        // It is the one row that is out of line.
        let sql =
            "UPDATE events SET position = ?1 WHERE position NOT BETWEEN 1 AND ?2 OR position > ?2";
        raw.execute(sql, params![before, i64::try_from(EVENTS).unwrap()])
    } else {
        let sql = format!("UPDATE events SET {column} = ?1 WHERE position = ?2");
        raw.execute(&sql, params![before, position])
    };
    assert_eq!(changed.unwrap(), 1);
}

/// Moves one row to a position that differs in one bit, where none is.
fn move_away(raw: &Connection, position: u64, dice: &mut Dice) -> i64 {
    let position = i64::try_from(position).unwrap();
    loop {
        let other = position ^ (1 << dice.below(64));
        if !(1..=i64::try_from(EVENTS).unwrap()).contains(&other) {
            raw.execute(
                "UPDATE events SET position = ?1 WHERE position = ?2",
                [other, position],
            )
            .unwrap();
            return other;
        }
    }
}

#[tokio::test]
async fn any_flipped_bit_in_any_column_is_found_where_it_is() {
    let store = Store::new(EVENTS).await;
    let raw = store.raw();
    let mut dice = Dice(20_261_122);
    for number in 0..1_000 {
        let column = COLUMNS[number % COLUMNS.len()];
        let position = 1 + dice.below(EVENTS);
        let context;
        let before = if column == "position" {
            context = format!(
                "position {position} moved to {}",
                move_away(&raw, position, &mut dice)
            );
            Value::Integer(i64::try_from(position).unwrap())
        } else {
            let (before, bit) = flip(&raw, column, position, &mut dice).unwrap();
            context = format!("bit {bit} of {column} at {position}");
            before
        };
        let finding = store.wrong().await;
        assert_eq!(
            (finding.part, finding.position),
            (Part::Event, position),
            "{context}: {finding}"
        );
        put_back(&raw, column, position, &before);
    }
    store.verify().await.unwrap();
}

#[tokio::test]
async fn a_flipped_bit_in_head_and_tiles_is_found() {
    let store = Store::new(EVENTS).await;
    let raw = store.raw();
    let mut dice = Dice(7);
    for column in ["log_id", "position", "recorded_at_us", "frontier"] {
        let sql = format!("SELECT {column} FROM log_head");
        let before: Value = raw.query_row(&sql, [], |row| row.get(0)).unwrap();
        for _ in 0..8 {
            let after = match &before {
                Value::Integer(integer) => Value::Integer(integer ^ (1 << dice.below(64))),
                Value::Blob(bytes) => {
                    let mut bytes = bytes.clone();
                    let bit = usize::try_from(dice.below(bytes.len() as u64 * 8)).unwrap();
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    Value::Blob(bytes)
                }
                other => panic!("{other:?}"),
            };
            raw.execute(&format!("UPDATE log_head SET {column} = ?1"), [&after])
                .unwrap();
            let finding = store.wrong().await;
            assert!(
                column != "log_id" || finding.position == 1,
                "{column}: {finding}"
            );
            raw.execute(&format!("UPDATE log_head SET {column} = ?1"), [&before])
                .unwrap();
        }
    }
    for _ in 0..16 {
        let (at, bit) = (dice.below(8_192), dice.below(8));
        let before: Vec<u8> = raw
            .query_row("SELECT hashes FROM tiles", [], |row| row.get(0))
            .unwrap();
        let mut after = before.clone();
        after[usize::try_from(at).unwrap()] ^= 1 << bit;
        raw.execute("UPDATE tiles SET hashes = ?1", [&after])
            .unwrap();
        let finding = store.wrong().await;
        assert_eq!(
            (finding.part, finding.position),
            (Part::Tree, at / 32 + 1),
            "{finding}"
        );
        raw.execute("UPDATE tiles SET hashes = ?1", [&before])
            .unwrap();
    }
    for spoil in [
        "UPDATE tiles SET number = 1",
        "UPDATE tiles SET level = 1",
        "UPDATE tiles SET hashes = substr(hashes, 33)",
        "INSERT INTO tiles SELECT 0, 1, hashes FROM tiles",
        "INSERT INTO tiles SELECT 40, 0, hashes FROM tiles",
        "INSERT INTO tiles SELECT -1, 0, hashes FROM tiles",
        "DELETE FROM tiles",
        "UPDATE log_head SET frontier = x''",
    ] {
        raw.execute_batch("BEGIN").unwrap();
        raw.execute_batch(spoil).unwrap();
        raw.execute_batch("COMMIT").unwrap();
        let finding = store.wrong().await;
        assert!(
            matches!(finding.part, Part::Tree | Part::Head),
            "{spoil}: {finding}"
        );
        raw.execute_batch("DELETE FROM tiles").unwrap();
        restore_tree(&raw, &store);
        store.verify().await.unwrap();
    }
}

/// Puts tiles and head back as they follow from the events.
fn restore_tree(raw: &Connection, store: &Store) {
    let leaves: Vec<[u8; 32]> = raw
        .prepare("SELECT leaf_hash FROM events ORDER BY position")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut tree = tree::Tree::default();
    let mut tiles = Vec::new();
    for leaf in leaves {
        tree.push(leaf, &mut tiles);
    }
    for tile in tiles {
        raw.execute(
            "INSERT INTO tiles VALUES (?1, ?2, ?3)",
            params![tile.level, i64::try_from(tile.number).unwrap(), tile.hashes],
        )
        .unwrap();
    }
    let position = i64::try_from(tree.size()).unwrap();
    raw.execute(
        "UPDATE log_head SET frontier = ?1, position = ?2",
        params![tree.frontier(), position],
    )
    .unwrap();
    assert_eq!(tree.size(), store.kept.size);
}

/// Exchanges the data of one event and gives it the leaf hash that fits.
fn forge(raw: &Connection, log: &[keruen_log::RecordedEvent], log_id: &[u8; 16], position: u64) {
    let mut event = log[usize::try_from(position - 1).unwrap()].clone();
    event.data = b"forged".to_vec().into();
    let leaf = entry::leaf_hash(log_id, &event).unwrap();
    raw.execute(
        "UPDATE events SET data = ?1, leaf_hash = ?2 WHERE position = ?3",
        params![&event.data[..], leaf, i64::try_from(position).unwrap()],
    )
    .unwrap();
}

async fn recorded(path: &Path) -> ([u8; 16], Vec<keruen_log::RecordedEvent>) {
    let log = SqliteLog::open(path, SqliteOptions::default()).unwrap();
    let page = log
        .read(
            &keruen_log::Query::default(),
            keruen_log::Range::after(0),
            10_000,
        )
        .await
        .unwrap();
    (log.head().await.unwrap().log_id, page.events)
}

#[tokio::test]
async fn a_forged_event_is_found_although_it_agrees_with_itself() {
    for position in [1, 17, 256, 257, 290, EVENTS] {
        let store = Store::new(EVENTS).await;
        let (log_id, events) = recorded(&store.path()).await;
        let raw = store.raw();
        forge(&raw, &events, &log_id, position);
        let finding = store.wrong().await;
        if position <= 256 {
            assert_eq!(
                (finding.part, finding.position),
                (Part::Tree, position),
                "{finding}"
            );
        } else {
            // Behind the last tile only the head knows, which holds one hash for each complete subtree: 256, 32, 8 and 4.
            let first = if position <= 288 {
                257
            } else if position <= 296 {
                289
            } else {
                297
            };
            assert_eq!(
                (finding.part, finding.position),
                (Part::Head, first),
                "{finding}"
            );
        }
        // Where another column is wrong behind it, the first one is still named.
        if position == 17 {
            raw.execute("UPDATE events SET actor = 'x' WHERE position = 100", [])
                .unwrap();
            assert_eq!(store.wrong().await.position, 17);
            continue;
        }
        // With everything made to fit, only what somebody else has kept tells.
        raw.execute_batch("DELETE FROM tiles").unwrap();
        restore_tree(&raw, &store);
        store.verify().await.unwrap();
        let finding = wrong(
            store
                .verify_against(std::slice::from_ref(&store.kept))
                .await,
        );
        assert_eq!(
            (finding.part, finding.position),
            (Part::Checkpoint, EVENTS),
            "{finding}"
        );
    }
}

#[tokio::test]
async fn events_that_are_missing_doubled_or_swapped_are_found() {
    let cases: [(&str, &str, Part, u64); 9] = [
        (
            "the last one deleted",
            "DELETE FROM events WHERE position = 300",
            Part::Event,
            300,
        ),
        (
            "one in the middle deleted",
            "DELETE FROM events WHERE position = 42",
            Part::Event,
            42,
        ),
        ("all deleted", "DELETE FROM events", Part::Event, 1),
        (
            "two swapped",
            "UPDATE events SET position = -1 WHERE position = 10; \
             UPDATE events SET position = 10 WHERE position = 200; UPDATE events SET position = 200 WHERE position = -1",
            Part::Event,
            10,
        ),
        (
            "one repeated at the end",
            "CREATE TEMP TABLE copy AS SELECT * FROM events WHERE position = 300; UPDATE copy SET position = 301; \
             INSERT INTO events SELECT * FROM copy",
            Part::Head,
            300,
        ),
        (
            "one before the first",
            "CREATE TEMP TABLE copy AS SELECT * FROM events WHERE position = 1; UPDATE copy SET position = -5; \
             INSERT INTO events SELECT * FROM copy",
            Part::Head,
            300,
        ),
        (
            "a run's pages removed",
            "DELETE FROM run_pages WHERE run = (SELECT id FROM runs WHERE first_position = 1)",
            Part::Index,
            1,
        ),
        (
            "a run removed",
            "DELETE FROM runs WHERE first_position = 1",
            Part::Index,
            51,
        ),
        (
            "a run that begins elsewhere",
            "UPDATE runs SET first_position = 60 WHERE first_position = 51",
            Part::Index,
            60,
        ),
    ];
    for (what, spoil, part, position) in cases {
        let store = Store::new(EVENTS).await;
        store.raw().execute_batch(spoil).unwrap();
        let finding = store.wrong().await;
        assert_eq!(
            (finding.part, finding.position),
            (part, position),
            "{what}: {finding}"
        );
    }
}

#[tokio::test]
async fn a_log_that_was_cut_short_differs_from_a_kept_checkpoint() {
    let store = Store::new(EVENTS).await;
    let raw = store.raw();
    // Between two appends, so that nothing but the checkpoint can tell.
    let last: i64 = raw
        .query_row(
            "SELECT max(position) FROM events WHERE event_index = 0",
            [],
            |row| row.get(0),
        )
        .unwrap();
    raw.execute("DELETE FROM events WHERE position >= ?1", [last])
        .unwrap();
    raw.execute_batch("DELETE FROM runs; DELETE FROM run_pages; DELETE FROM run_filters")
        .unwrap();
    let leaves = Store {
        kept: Checkpoint {
            size: u64::try_from(last - 1).unwrap(),
            ..store.kept.clone()
        },
        folder: store.folder,
    };
    raw.execute_batch("DELETE FROM tiles").unwrap();
    restore_tree(&raw, &leaves);
    raw.execute(
        "UPDATE log_head SET recorded_at_us = (SELECT recorded_at_us FROM events ORDER BY position DESC LIMIT 1)",
        [],
    )
    .unwrap();
    leaves.verify().await.unwrap();
    let kept = Checkpoint {
        size: EVENTS,
        ..leaves.kept.clone()
    };
    let finding = wrong(leaves.verify_against(&[kept]).await);
    assert_eq!(
        (finding.part, finding.position),
        (Part::Checkpoint, leaves.kept.size + 1),
        "{finding}"
    );
}

#[tokio::test]
async fn damage_below_the_database_is_found_and_what_is_no_log_is_said() {
    let store = Store::new(EVENTS).await;
    // Everything into one file, then noise over a page of the table of events.
    let raw = store.raw();
    let page: i64 = raw
        .query_row(
            "SELECT min(pageno) FROM dbstat WHERE name = 'events' AND pagetype = 'leaf'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    raw.pragma_update_and_check(None, "wal_checkpoint", "truncate", |_| Ok(()))
        .unwrap();
    drop(raw);
    let mut bytes = std::fs::read(store.path()).unwrap();
    let first = usize::try_from(page - 1).unwrap() * 4_096;
    bytes[first..first + 4_096].fill(0x5a);
    std::fs::write(store.path(), bytes).unwrap();
    wrong(store.verify().await);

    for (content, expected) in [
        (None, "there is no log"),
        (Some("no database at all ".repeat(99)), "not a Keruen log"),
    ] {
        let path = store.folder.path().join("other.db");
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        match SqliteLog::verify(&path, &[], &mut |_| {}).await {
            Err(VerifyError::Unreadable(found)) => assert!(found.contains(expected), "{found}"),
            other => panic!("{other:?}"),
        }
    }
}

/// Whoever mends one part wants to know of the others.
#[tokio::test]
async fn the_first_wrong_position_of_each_part_is_told() {
    let store = Store::new(EVENTS).await;
    let raw = store.raw();
    raw.execute_batch(
        "UPDATE events SET data = x'00' WHERE position IN (17, 18); \
         UPDATE log_head SET position = position - 1; \
         DELETE FROM run_pages WHERE run >= (SELECT id FROM runs WHERE first_position = 51 AND state = 1)",
    )
    .unwrap();
    drop(raw);
    let Err(VerifyError::Wrong(findings)) = store.verify().await else {
        panic!("nothing was found");
    };
    let found: Vec<_> = findings
        .iter()
        .map(|finding| (finding.part, finding.position))
        .collect();
    assert_eq!(
        found,
        [
            (Part::Event, 17),
            (Part::Head, EVENTS - 1),
            (Part::Index, 51)
        ],
        "{findings:#?}"
    );
}
