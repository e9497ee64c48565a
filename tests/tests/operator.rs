//! What an operator of an embedded node does: backup, restore, doctor.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use keruen_proto::inventory::v1::{AdjustStockRequest, AdjustmentReason};
use keruen_tests::{
    history,
    message::{command_id, request},
    node::Node,
    program::{self, Outcome},
    scene::{Clients, MASK_A, NORTH},
};
use serde_json::Value;
use tempfile::TempDir;

fn verb(name: &str, file: Option<&Path>, data: &Path, options: &[&str]) -> Outcome {
    let mut command = program::command([name]);
    command.args(file).arg("--data").arg(data).args(options);
    program::output(&mut command)
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome:?}"))
}

/// What the doctor says, and whether it is well.
fn doctor(data: &Path, options: &[&str]) -> (Value, bool) {
    let outcome = verb(
        "doctor",
        None,
        data,
        &[&["--format", "json"], options].concat(),
    );
    assert!(matches!(outcome.code, Some(0 | 1)), "{outcome:?}");
    let report = json(&outcome);
    assert_eq!(report["healthy"], outcome.code == Some(0), "{outcome:?}");
    (report, outcome.code == Some(0))
}

fn check<'r>(report: &'r Value, name: &str) -> &'r Value {
    let checks = report["checks"].as_array().unwrap();
    checks
        .iter()
        .find(|check| check["check"] == name)
        .unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

fn needs_attention(report: &Value) -> Vec<&str> {
    let checks = report["checks"].as_array().unwrap();
    let troubled = checks.iter().filter(|check| check["state"] == "attention");
    troubled
        .map(|check| {
            assert_ne!(check["what_to_do"], "", "{check:#}");
            check["check"].as_str().unwrap()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_node_is_restored_elsewhere() {
    let place = TempDir::new().unwrap();
    let (data, file) = (
        place.path().join("data"),
        place.path().join("keruen.backup"),
    );
    let mut node = Node::on(&data).await;
    let mut clients = Clients::on(&node.channel());
    clients.set_scene().await;
    clients.donate("MASKS", MASK_A, 100, NORTH).await;
    let events = history::read(&node.channel()).await;
    let head: Value =
        serde_json::from_str(&node.cli(["log", "stats", "--format", "json"]).success()).unwrap();

    let (report, well) = doctor(&data, &[]);
    assert!(!well);
    assert_eq!(needs_attention(&report), ["backup"], "{report:#}");
    assert_eq!(check(&report, "node")["running"], true);

    let made = verb("backup", Some(&file), &data, &["--format", "json"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let made = json(&made);
    for name in ["log_id", "position", "root_hash"] {
        assert_eq!(made[name], head[name], "{name}");
    }
    let (report, well) = doctor(&data, &[]);
    assert!(well, "{report:#}");
    assert_eq!(check(&report, "backup")["events_behind"], 0);
    clients.donate("MORE", MASK_A, 5, NORTH).await;
    let after = history::head(&node.channel()).await;
    let (report, _) = doctor(&data, &[]);
    assert_eq!(
        check(&report, "backup")["events_behind"],
        after - events.last().unwrap().position
    );

    // There is one already, and there is a store already.
    let before = fs::read(&file).unwrap();
    let told = verb("backup", Some(&file), &data, &[]).refused(1);
    assert!(
        told.contains("exists already") && told.contains("--force"),
        "{told}"
    );
    let told = verb("restore", Some(&file), &data, &[]).refused(1);
    assert!(told.contains("already") && told.contains("mv "), "{told}");
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(history::head(&node.channel()).await, after);
    let forced = verb("backup", Some(&file), &data, &["--force"]).success();
    assert!(forced.contains("root hash"), "{forced}");
    fs::write(&file, before).unwrap();
    assert!(node.interrupt().success());

    // The checkpoint beside it is of the newer copy.
    let new = place.path().join("new");
    let told = verb("restore", Some(&file), &new, &[]).refused(1);
    assert!(
        told.contains("not what was signed") && told.contains("cut short"),
        "{told}"
    );
    assert!(!new.exists());
    let checkpoint = place.path().join("keruen.backup.checkpoint");
    fs::remove_file(checkpoint).unwrap();

    // Elsewhere, where views and snapshots of something else lie about.
    fs::create_dir(&new).unwrap();
    for name in fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
    {
        if name.to_string_lossy().starts_with("views-") {
            fs::copy(data.join(&name), new.join(&name)).unwrap();
        }
    }
    fs::create_dir(new.join("snapshots")).unwrap();
    let restored = verb("restore", Some(&file), &new, &[]);
    assert!(
        restored.stderr.contains("What was recorded after it")
            && restored.stderr.contains("There is no signed checkpoint"),
        "{restored:?}"
    );
    restored.success();
    let left: Vec<_> = fs::read_dir(&new)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "keruen.db" && name != "keruen.db.lock")
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let node = Node::on(&new).await;
    assert_eq!(history::read(&node.channel()).await, events);
    Clients::on(&node.channel())
        .donate("LATER", MASK_A, 1, NORTH)
        .await;
    node.cli(["check"]).success();
}

#[test]
fn what_is_no_store_or_no_backup_is_told() {
    let place = TempDir::new().unwrap();
    let data = place.path().join("data");
    let told = verb("backup", Some(&place.path().join("copy")), &data, &[]).refused(1);
    assert!(
        told.contains("no store") && told.contains("--data") && told.contains("pg_dump"),
        "{told}"
    );
    assert!(!place.path().join("copy").exists());
    let told = verb("restore", Some(&place.path().join("copy")), &data, &[]).refused(1);
    assert!(told.contains("there is no backup"), "{told}");
    fs::write(place.path().join("letter"), "Dear all,\n".repeat(1_000)).unwrap();
    let told = verb("restore", Some(&place.path().join("letter")), &data, &[]).refused(1);
    assert!(told.contains("not a Keruen log"), "{told}");
    assert!(!data.exists());
    for name in ["backup", "restore"] {
        for (options, expected) in [
            (&["--database-url", "postgres://u:secret@h/d"][..], "pg_"),
            (&["--database-url", "mysql://u:secret@h/d"], "sqlite://"),
            (
                &["--database-url", "sqlite://a.db", "--data", "d"],
                "leave one out",
            ),
        ] {
            let mut command = program::command([name, "copy"]);
            let told = program::output(command.args(options)).refused(2);
            assert!(
                told.contains(expected) && !told.contains("secret"),
                "{told}"
            );
        }
    }
    let mut command = program::command(["doctor", "--database-url"]);
    let told = program::output(command.args(["postgres://u:secret@127.0.0.1:1/d"]));
    assert!(
        told.stdout.contains("check that the server runs") && !told.stdout.contains("secret"),
        "{told:?}"
    );
    told.refused(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_what_is_wrong() {
    let place = TempDir::new().unwrap();
    let data = place.path().join("data");
    let (report, _) = doctor(&data, &[]);
    assert_eq!(needs_attention(&report), ["store"], "{report:#}");
    let mut node = Node::on(&data).await;
    assert!(doctor(&data, &[]).1, "an empty store is well");
    Clients::on(&node.channel()).set_scene().await;
    assert!(node.interrupt().success());
    verb("backup", Some(&place.path().join("copy")), &data, &[]).success();
    let (report, well) = doctor(&data, &[]);
    assert!(well, "{report:#}");
    assert_eq!(check(&report, "node")["running"], false);
    assert_eq!(check(&report, "index")["runs"], 0);

    let raw = rusqlite::Connection::open(data.join("keruen.db")).unwrap();
    raw.execute_batch("INSERT INTO runs VALUES (1, 0, 5, 9, 0, 1, 1, 1)")
        .unwrap();
    let (report, _) = doctor(&data, &[]);
    assert_eq!(needs_attention(&report), ["index"], "{report:#}");
    assert!(
        check(&report, "index")["what_to_do"]
            .as_str()
            .unwrap()
            .contains("keruen log reindex --data"),
        "{report:#}"
    );
    raw.execute_batch("DELETE FROM runs").unwrap();
    drop(raw);
    let table = verb("doctor", None, &data, &[]).success();
    assert!(
        table.contains("disk") && !table.contains("what to do"),
        "{table}"
    );

    let (report, _) = doctor(&data, &["--min-free-disk", "1000000TiB"]);
    assert_eq!(needs_attention(&report), ["disk"], "{report:#}");

    let file = data.join("keruen.db");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let (report, _) = doctor(&data, &[]);
    assert_eq!(needs_attention(&report), ["files"], "{report:#}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();

    let sql = |sql: &str| {
        let store = rusqlite::Connection::open(&file).unwrap();
        store.execute_batch(sql).unwrap();
    };
    let last = data.join("keruen.db.last-backup.json");
    let noted = fs::read_to_string(&last).unwrap();
    let mut old: Value = serde_json::from_str(&noted).unwrap();
    old["made_at_us"] = 0.into();
    old["position"] = 1.into();
    fs::write(&last, old.to_string()).unwrap();
    let (report, _) = doctor(&data, &[]);
    assert_eq!(needs_attention(&report), ["backup"], "{report:#}");
    fs::write(&last, noted).unwrap();

    // 2126: no clock is there yet.
    sql("UPDATE log_head SET recorded_at_us = 4922640000000000");
    let (report, _) = doctor(&data, &[]);
    assert_eq!(needs_attention(&report), ["clock"], "{report:#}");
    sql("PRAGMA user_version = 99");
    let (report, _) = doctor(&data, &[]);
    assert_eq!(
        needs_attention(&report),
        ["store", "versions"],
        "{report:#}"
    );
    sql("PRAGMA user_version = 1; UPDATE log_head SET frontier = x''");
    let (report, _) = doctor(&data, &[]);
    assert_eq!(needs_attention(&report), ["store"], "{report:#}");
    assert!(
        check(&report, "store")["found"]
            .as_str()
            .unwrap()
            .contains("damaged")
    );
    for content in ["", "Dear all"] {
        fs::write(&file, content).unwrap();
        let (report, _) = doctor(&data, &[]);
        assert_eq!(needs_attention(&report), ["store"], "{report:#}");
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
    }
    assert!(
        verb("doctor", None, &data, &[])
            .refused(1)
            .contains("1 thing needs attention")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_boundary_has_a_snapshot_unless_told_otherwise() {
    for (options, kept) in [(&[][..], true), (&["--no-snapshots"], false)] {
        let place = TempDir::new().unwrap();
        let mut command = program::command(["serve", "--data"]);
        command
            .arg(place.path())
            .args(["--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"])
            .args(options);
        let node = Node::start(&mut command, place.path()).await;
        let mut clients = Clients::on(&node.channel());
        clients.set_scene().await;
        for number in 0..260 {
            let donation = format!("MASKS-{number}");
            clients.donate(&donation, MASK_A, 1, NORTH).await;
        }
        let adjustment = AdjustStockRequest {
            command_id: command_id(),
            facility_id: NORTH.to_owned(),
            batch_id: "MASKS-0-B".to_owned(),
            delta: 1,
            reason: AdjustmentReason::Found.into(),
            ..AdjustStockRequest::default()
        };
        let adjusted = clients.inventory.adjust_stock(request(adjustment)).await;
        adjusted.unwrap();
        assert_eq!(place.path().join("snapshots").exists(), kept);
    }
}

/// Everything in a folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_file())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_carries_a_signed_checkpoint_and_is_restored_only_if_it_agrees() {
    let place = TempDir::new().unwrap();
    let at = |name: &str| place.path().join(name);
    let (data, file) = (at("data"), at("copy"));
    let mut node = Node::on(&data).await;
    let mut clients = Clients::on(&node.channel());
    clients.set_scene().await;
    clients.donate("MASKS", MASK_A, 100, NORTH).await;
    let key = node.cli(["log", "key"]).success();
    let made = json(&verb("backup", Some(&file), &data, &["--format", "json"]));
    let checkpoint = at("copy.checkpoint");
    assert_eq!(made["checkpoint"], checkpoint.to_str().unwrap());
    let early = at("early.checkpoint");
    fs::copy(&checkpoint, &early).unwrap();
    clients.donate("MORE", MASK_A, 5, NORTH).await;
    verb("backup", Some(&file), &data, &["--force"]).success();
    assert!(node.interrupt().success());
    // Another log with a key of its own.
    let other_copy = at("other-copy");
    let stranger = at("stranger");
    let mut node = Node::on(&stranger).await;
    let strange_key = node.cli(["log", "key"]).success();
    assert!(node.interrupt().success());
    verb("backup", Some(&other_copy), &stranger, &[]).success();

    let before = files(place.path());
    let new = at("new");
    let refuse = |options: &[&str], code: i32, says: &str| {
        let told = verb("restore", Some(&file), &new, options).refused(code);
        assert!(told.contains(says), "{options:?}: {told}");
        assert!(!new.exists(), "{options:?}");
        assert_eq!(files(place.path()), before, "{options:?}");
    };
    let strange = at("other-copy.checkpoint");
    let (strange, early) = (strange.to_str().unwrap(), early.to_str().unwrap());
    refuse(&["--key", &strange_key], 1, "is not signed by");
    refuse(&["--key", "nonsense"], 2, "--key");
    refuse(&["--checkpoint", strange], 1, "nothing was restored");
    refuse(
        &["--checkpoint", strange, "--key", &strange_key],
        1,
        "nothing was restored",
    );
    refuse(&["--checkpoint", at("none").to_str().unwrap()], 2, "none");
    // Signed by the right key, of another history.
    let forged = at("forged");
    fs::copy(&file, &forged).unwrap();
    let raw = rusqlite::Connection::open(&forged).unwrap();
    raw.execute_batch(
        "DROP TRIGGER events_are_never_updated; UPDATE events SET actor = 'x' WHERE position = 3",
    )
    .unwrap();
    drop(raw);
    let told = verb("restore", Some(&forged), &new, &["--checkpoint", early]).refused(1);
    assert!(told.contains("position 3"), "{told}");
    assert!(!new.exists());

    let options = ["--key", key.as_str(), "--format", "json"];
    let restored = verb("restore", Some(&file), &new, &options);
    assert!(
        !restored.stderr.contains("was not checked"),
        "{}",
        restored.stderr
    );
    assert_eq!(
        json(&restored)["checkpoint"],
        checkpoint.to_str().unwrap(),
        "{restored:?}"
    );
    // An older checkpoint of the same log is one of its beginning; without a key its signature can't be checked.
    let again = at("again");
    let restored = verb("restore", Some(&file), &again, &["--checkpoint", early]);
    assert!(restored.stderr.contains("was not checked"), "{restored:?}");
    restored.success();

    // A key that must be used and can't be; and one that need not.
    let told = verb(
        "backup",
        Some(&at("next")),
        &data,
        &["--checkpoint-key", at("none").to_str().unwrap()],
    )
    .refused(1);
    assert!(told.contains("does not exist"), "{told}");
    assert!(!at("next").exists());
    fs::remove_file(data.join("checkpoint.key")).unwrap();
    let made = verb("backup", Some(&file), &data, &["--force"]);
    assert!(
        made.stderr.contains("no signed checkpoint") && !checkpoint.exists(),
        "{made:?}"
    );
    made.success();
}
