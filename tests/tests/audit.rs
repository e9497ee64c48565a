//! What an auditor does with the command line, on a node and on its store, and what tampering he finds.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use keruen_tests::{
    history,
    node::Node,
    program,
    scene::{Clients, MASK_A, NORTH},
};
use serde_json::Value;
use tempfile::TempDir;

/// A node with a little history, and a folder of the auditor's own.
struct Audit {
    node: Node,
    store: TempDir,
    desk: TempDir,
    key: String,
}

impl Audit {
    async fn new() -> Self {
        let store = TempDir::new().unwrap();
        let node = Node::on(store.path()).await;
        let mut clients = Clients::on(&node.channel());
        clients.set_scene().await;
        clients.donate("MASKS", MASK_A, 100, NORTH).await;
        let key = node.cli(["log", "key"]).success().trim().to_owned();
        Self {
            node,
            store,
            desk: TempDir::new().unwrap(),
            key,
        }
    }

    async fn head(&self) -> u64 {
        history::head(&self.node.channel()).await
    }

    async fn donate(&self, donation: &str) {
        Clients::on(&self.node.channel())
            .donate(donation, MASK_A, 7, NORTH)
            .await;
    }

    fn file(&self, name: &str) -> PathBuf {
        self.desk.path().join(name)
    }

    /// Stops the node, changes its store below it, and starts it again if it lets itself be started.
    fn raw(&mut self) -> rusqlite::Connection {
        assert!(self.node.interrupt().success());
        let raw = rusqlite::Connection::open(self.store.path().join("keruen.db")).unwrap();
        for trigger in ["events_are_never_updated", "events_are_never_deleted"] {
            raw.execute_batch(&format!("DROP TRIGGER {trigger}"))
                .unwrap();
        }
        raw
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::too_many_lines,
    reason = "an audit from its beginning to its end"
)]
async fn a_good_log_is_verified_proven_and_followed() {
    let audit = Audit::new().await;
    let (node, key) = (&audit.node, audit.key.as_str());
    let head = audit.head().await;
    assert!(key.starts_with("keruen.local/"), "{key}");

    // Without a key the node's own word is taken, and shown.
    let outcome = node.cli(["log", "verify"]);
    assert!(outcome.stderr.contains(key), "{}", outcome.stderr);
    assert!(
        outcome
            .success()
            .starts_with("The log is as it was recorded.")
    );
    let verified: Value = serde_json::from_str(
        &node
            .cli(["log", "verify", "--key", key, "--format", "json"])
            .success(),
    )
    .unwrap();
    assert_eq!(
        (&verified["valid"], &verified["events"]),
        (&true.into(), &head.into())
    );

    // Checkpoints go on from each other.
    let (monday, tuesday) = (audit.file("monday"), audit.file("tuesday"));
    let vkey = audit.file("keruen.vkey");
    fs::write(&vkey, format!("{key}\n")).unwrap();
    node.cli([
        "log",
        "checkpoint",
        "--key",
        text(&vkey),
        "--out",
        text(&monday),
    ])
    .success();
    audit.donate("LATER").await;
    let printed = node.cli(["log", "checkpoint", "--key", key]).success();
    node.cli([
        "log",
        "checkpoint",
        "--key",
        key,
        "--since",
        text(&monday),
        "--out",
        text(&tuesday),
    ])
    .success();
    assert_eq!(fs::read_to_string(&tuesday).unwrap(), printed);
    let verify = [
        "log",
        "verify",
        "--key",
        key,
        "--since",
        text(&monday),
        "--since",
        text(&tuesday),
    ];
    assert!(node.cli(verify).success().contains("3 checkpoints"));

    // Proofs of single events need no node, and each format is checked.
    let (one, other) = (audit.file("1.tlog-proof"), audit.file("2.json"));
    node.cli(["log", "prove", "1", "--key", key, "--out", text(&one)])
        .success();
    let events = node
        .cli(["events", "--from", "2", "--limit", "1"])
        .success();
    let event: Value = serde_json::from_str(&events).unwrap();
    let id = event["id"].as_str().unwrap();
    node.cli([
        "log",
        "prove",
        id,
        "--key",
        key,
        "--format",
        "json",
        "--out",
        text(&other),
    ])
    .success();
    let told = program::run(["log", "verify-proof", text(&one), "--key", key]).success();
    assert!(
        told.contains("The event is in the signed log.") && told.contains("position      1"),
        "{told}"
    );
    let told = program::run([
        "log",
        "verify-proof",
        text(&other),
        "--key",
        text(&vkey),
        "--format",
        "json",
    ])
    .success();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["proven"], &told["position"]),
        (&true.into(), &2.into())
    );
    assert_eq!(told["event_id"], event["id"]);

    // A changed proof is refused, whatever was changed in it.
    let proof = fs::read_to_string(&other).unwrap();
    let wrong = audit.file("wrong.json");
    for (from, to) in [
        ("\"position\": \"2\"", "\"position\": \"3\""),
        ("\"index\": 1", "\"index\": 0"),
    ] {
        assert!(proof.contains(from), "{proof}");
        fs::write(&wrong, proof.replace(from, to)).unwrap();
        program::run(["log", "verify-proof", text(&wrong), "--key", key]).refused(1);
    }

    // The store itself, beside the node; and what it holds.
    let data = text(audit.store.path());
    let told = program::run([
        "log",
        "verify",
        "--data",
        data,
        "--key",
        key,
        "--since",
        text(&monday),
    ])
    .success();
    assert!(
        told.contains("1 checkpoints") && told.contains("tiles"),
        "{told}"
    );
    let stats = program::run(["log", "stats", "--data", data, "--format", "json"]).success();
    let stats: Value = serde_json::from_str(&stats).unwrap();
    let head = audit.head().await;
    let counted: u64 = stats["types"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!((counted, stats["position"].as_u64().unwrap()), (head, head));
    assert!(stats["bytes"]["events"].as_u64().unwrap() > 0);
    let of_node = node
        .cli(["log", "stats", "--types", "--format", "json"])
        .success();
    let of_node: Value = serde_json::from_str(&of_node).unwrap();
    for field in [
        "log_id",
        "position",
        "root_hash",
        "types",
        "first_recorded_at",
        "last_recorded_at",
    ] {
        assert_eq!(of_node[field], stats[field], "{field}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_store_is_found_by_every_way() {
    let mut audit = Audit::new().await;
    let key = audit.key.clone();
    let kept = audit.file("kept");
    audit
        .node
        .cli(["log", "checkpoint", "--key", &key, "--out", text(&kept)])
        .success();
    let raw = audit.raw();
    // Somebody else is said to have done it.
    raw.execute(
        "UPDATE events SET actor = 'cli:nobody' WHERE position = 3",
        [],
    )
    .unwrap();
    drop(raw);
    let data = audit.store.path().to_owned();
    let told = program::run(["log", "verify", "--data", text(&data)]).refused(1);
    assert!(told.contains("position 3, event"), "{told}");
    let json = program::run(["log", "verify", "--data", text(&data), "--format", "json"]);
    let found: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json.code, Some(1));
    assert_eq!(
        (&found["valid"], &found["position"], &found["part"]),
        (&false.into(), &3.into(), &"event".into())
    );
    // Over the wire it is the same position.
    audit.node = Node::on(&data).await;
    let told = audit.node.cli(["log", "verify", "--key", &key]).refused(1);
    assert!(told.contains("position 3, event"), "{told}");
    let told = audit
        .node
        .cli(["log", "prove", "3", "--key", &key])
        .refused(1);
    assert!(
        told.contains("can't prove the event at position 3"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_put_back_from_an_older_copy_is_found() {
    let mut audit = Audit::new().await;
    let key = audit.key.clone();
    assert!(audit.node.interrupt().success());
    let (file, copy) = (audit.store.path().join("keruen.db"), audit.file("copy.db"));
    // Everything into the one file.
    let raw = rusqlite::Connection::open(&file).unwrap();
    raw.pragma_update_and_check(None, "wal_checkpoint", "truncate", |_| Ok(()))
        .unwrap();
    drop(raw);
    fs::copy(&file, &copy).unwrap();
    let data = audit.store.path().to_owned();
    audit.node = Node::on(&data).await;
    audit.donate("GONE").await;
    let kept = audit.file("kept");
    audit
        .node
        .cli(["log", "checkpoint", "--key", &key, "--out", text(&kept)])
        .success();
    assert!(audit.node.interrupt().success());
    fs::copy(&copy, &file).unwrap();
    for made_anew in [
        "keruen.db-wal",
        "keruen.db-shm",
        "views-1.db",
        "views-1.db-wal",
        "views-1.db-shm",
    ] {
        let _ = fs::remove_file(data.join(made_anew));
    }
    let since = ["--key", &key, "--since", text(&kept)];
    let of_store = ["log", "verify", "--data", text(&data)];
    let told = program::run(of_store.iter().chain(&since)).refused(1);
    assert!(told.contains("cut short"), "{told}");
    audit.node = Node::on(&data).await;
    let told = audit
        .node
        .cli(["log", "verify"].iter().chain(&since))
        .refused(1);
    assert!(told.contains("cut short"), "{told}");
    audit
        .node
        .cli(["log", "checkpoint"].iter().chain(&since))
        .refused(1);
    // The same number of events does not make it the same history.
    audit.donate("OTHER").await;
    let told = audit
        .node
        .cli(["log", "verify"].iter().chain(&since))
        .refused(1);
    assert!(told.contains("rewritten"), "{told}");
    let told = audit
        .node
        .cli(["log", "checkpoint"].iter().chain(&since))
        .refused(1);
    assert!(told.contains("rewritten"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_files_that_are_wrong_are_named() {
    let audit = Audit::new().await;
    let (node, key) = (&audit.node, audit.key.as_str());
    let other = Audit::new().await;
    let kept = other.file("kept");
    other
        .node
        .cli(["log", "checkpoint", "--out", text(&kept)])
        .success();

    // Another log's key, and another log's checkpoint.
    let told = node.cli(["log", "verify", "--key", &other.key]).refused(1);
    assert!(told.contains("not signed by"), "{told}");
    for verb in ["verify", "checkpoint"] {
        let told = node
            .cli(["log", verb, "--key", key, "--since", text(&kept)])
            .refused(1);
        assert!(told.contains("not signed by"), "{verb}: {told}");
    }
    let data = text(audit.store.path());
    let told = program::run(["log", "verify", "--data", data, "--since", text(&kept)]).refused(1);
    assert!(
        told.contains("signatures") && told.contains("checkpoint"),
        "{told}"
    );

    // Files that are not what they should be.
    let malformed = audit.file("malformed");
    for content in [
        "",
        "a\n\nb\n",
        "keruen\n5\nnot a root\n\n\u{2014} x AAAAAAA=\n",
    ] {
        fs::write(&malformed, content).unwrap();
        for arguments in [
            vec!["log", "verify", "--since"],
            vec!["log", "checkpoint", "--since"],
            vec!["log", "verify-proof", "--key", key],
        ] {
            let told = node
                .cli(arguments.into_iter().chain([text(&malformed)]))
                .refused(2);
            assert!(told.contains("malformed"), "{told}");
        }
    }
    let told = node
        .cli(["log", "verify", "--since", "/no/such/file"])
        .refused(2);
    assert!(told.contains("/no/such/file"), "{told}");
    node.cli(["log", "verify", "--key", "mistyped"]).refused(2);
    node.cli(["log", "verify-proof", text(&malformed)])
        .refused(2);
    program::run([
        "log",
        "verify",
        "--data",
        data,
        "--database-url",
        "sqlite://x",
    ])
    .refused(2);
    program::run(["log", "verify", "--data", text(&audit.file("nowhere"))]).refused(74);

    // Events that are not there.
    for (event, code) in [
        ("0", 2),
        ("x", 2),
        ("999999", 1),
        ("018f3c2e-7b1a-7c3d-9e4f-5a6b7c8d9e0f/0", 1),
        ("x/0", 1),
    ] {
        node.cli(["log", "prove", event]).refused(code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_signs_with_the_key_it_was_given_or_does_not_start() {
    let store = TempDir::new().unwrap();
    let start = |options: &[&str]| {
        let data = text(store.path());
        let anywhere = [
            "serve",
            "--data",
            data,
            "--grpc-addr",
            "127.0.0.1:0",
            "--http-addr",
            "127.0.0.1:0",
        ];
        program::command(anywhere.iter().chain(options))
    };
    let mut node = Node::start(
        &mut start(&["--checkpoint-name", "aid.example.org/hub"]),
        store.path(),
    )
    .await;
    let key = node.cli(["log", "key"]).success();
    assert!(key.starts_with("aid.example.org/hub+"), "{key}");
    assert!(node.interrupt().success());
    let kept = store.path().join("checkpoint.key");
    assert_eq!(
        fs::metadata(&kept).unwrap().permissions().mode() & 0o777,
        0o600
    );

    // The same key from another place gives the same signatures.
    let elsewhere = TempDir::new().unwrap();
    let moved = elsewhere.path().join("signing.key");
    fs::rename(&kept, &moved).unwrap();
    let options = [
        "--checkpoint-key",
        text(&moved),
        "--checkpoint-name",
        "aid.example.org/hub",
    ];
    let mut node = Node::start(&mut start(&options), store.path()).await;
    assert_eq!(node.cli(["log", "key"]).success(), key);
    assert!(node.interrupt().success());
    assert!(!kept.exists());

    let refused = |options: &[&str], expected: &str| {
        let told = program::output(&mut start(options)).refused(1);
        assert!(told.contains(expected), "{options:?}: {told}");
    };
    refused(&["--checkpoint-key", "/no/such/key"], "does not exist");
    refused(
        &["--checkpoint-key", text(&moved)],
        "belongs to another log",
    );
    refused(&["--checkpoint-name", "with space"], "--checkpoint-name");
    fs::set_permissions(&moved, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&options, "open to every user");
    fs::set_permissions(&moved, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&moved, "PRIVATE+KEY+nonsense\n").unwrap();
    refused(&options, "malformed");
}
