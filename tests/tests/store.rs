//! What can go wrong where a node keeps its data, and where it answers.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{
    ffi::OsStr,
    fs,
    net::TcpListener,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use keruen_proto::{
    inventory::v1::{AdjustStockRequest, AdjustmentReason},
    stock::v1::{ListStockRequest, StockGroup},
};
use keruen_tests::{
    history,
    message::{command_id, request},
    node::Node,
    program::{self, Outcome},
    refusal::Refusal,
    scene::{Clients, MASK_A, NORTH},
};
use tempfile::TempDir;
use tonic::Code;

/// User and group `nobody` of every Unix.
const NOBODY: u32 = 65_534;

fn serve(data: &Path, options: &[&str]) -> Command {
    let mut command = program::command(["serve", "--data"]);
    command.arg(data).args(options);
    command
}

fn anywhere(data: &Path) -> Command {
    serve(
        data,
        &["--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"],
    )
}

/// A node that must not start; what it says.
fn refused(mut command: Command) -> String {
    let outcome: Outcome = program::output(&mut command);
    assert!(matches!(outcome.code, Some(1 | 2)), "{outcome:?}");
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    assert_eq!(
        outcome.stdout, "",
        "a node that does not start announces nothing"
    );
    outcome.stderr
}

/// A stopped node's folder with a little history in it.
async fn folder_with_history() -> (TempDir, u64) {
    let folder = TempDir::new().unwrap();
    let mut node = Node::on(folder.path()).await;
    let mut clients = Clients::on(&node.channel());
    clients.set_scene().await;
    clients.donate("MASKS", MASK_A, 100, NORTH).await;
    let head = history::head(&node.channel()).await;
    assert!(node.interrupt().success());
    (folder, head)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_a_newer_version_is_left_alone() {
    let (folder, _) = folder_with_history().await;
    let file = folder.path().join("keruen.db");
    let store = rusqlite::Connection::open(&file).unwrap();
    store.pragma_update(None, "user_version", 9_999).unwrap();
    store.close().unwrap();
    let before = fs::read(&file).unwrap();
    let told = refused(anywhere(folder.path()));
    assert!(
        told.contains("newer version") && told.contains("9999") && told.contains("keruen.db"),
        "{told}"
    );
    assert!(fs::read(&file).unwrap() == before, "the file was changed");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (option, other) in [
        ("--grpc-addr", "--http-addr"),
        ("--http-addr", "--grpc-addr"),
    ] {
        let folder = TempDir::new().unwrap();
        let told = refused(serve(
            folder.path(),
            &[option, &address, other, "127.0.0.1:0"],
        ));
        assert!(
            told.contains(option) && told.contains(&address) && told.contains("in use"),
            "{told}"
        );
        assert!(
            !folder.path().join("keruen.db").exists(),
            "a node that can't answer made a store"
        );
    }
}

#[test]
fn other_machines_are_kept_out_unless_told_otherwise() {
    for option in ["--grpc-addr", "--http-addr"] {
        for address in ["0.0.0.0:0", "[::]:0"] {
            let folder = TempDir::new().unwrap();
            let other = if option == "--grpc-addr" {
                "--http-addr"
            } else {
                "--grpc-addr"
            };
            let told = refused(serve(
                folder.path(),
                &[option, address, other, "127.0.0.1:0"],
            ));
            assert!(
                told.contains(address) && told.contains("--insecure-no-auth"),
                "{told}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_is_taken_when_told_so() {
    let folder = TempDir::new().unwrap();
    // All of 127.0.0.0/8 is loopback; the address that all interfaces share is not.
    let options = [
        "--grpc-addr",
        "127.0.0.1:0",
        "--http-addr",
        "0.0.0.0:0",
        "--insecure-no-auth",
    ];
    Node::start(&mut serve(folder.path(), &options), folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_do_not_share_a_store() {
    let node = Node::new().await;
    let told = refused(anywhere(node.data()));
    assert!(
        told.contains("has it open") && told.contains("keruen.db"),
        "{told}"
    );
    // The first one has not noticed.
    Clients::on(&node.channel()).set_scene().await;
}

/// The program at a place that everybody can reach, run by somebody who may not write: permissions don't bind root.
struct Unprivileged {
    _folder: TempDir,
    program: PathBuf,
}

impl Unprivileged {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let program = folder.path().join("keruen");
        fs::copy(program::path(), &program).unwrap();
        Self {
            _folder: folder,
            program,
        }
    }

    fn serve(&self, data: &Path) -> Command {
        self.verb(&[
            "serve",
            "--grpc-addr",
            "127.0.0.1:0",
            "--http-addr",
            "127.0.0.1:0",
            "--data",
            &data.to_string_lossy(),
        ])
    }

    fn verb(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_tells_who_may_not_look_to_come_as_somebody_else() {
    let somebody = Unprivileged::new();
    let (folder, _) = folder_with_history().await;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let data = folder.path().to_string_lossy();
    let told =
        program::output(&mut somebody.verb(&["doctor", "--format", "json", "--data", &data]));
    if rustix::process::geteuid().is_root() {
        let told: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
        for check in told["checks"].as_array().unwrap() {
            let name = check["check"].as_str().unwrap();
            let what_to_do = check["what_to_do"].as_str().unwrap();
            let is_hidden = ["store", "node", "files", "backup"].contains(&name);
            assert_eq!(
                what_to_do.contains("as the user of the node"),
                is_hidden,
                "{check}"
            );
            assert!(!what_to_do.contains("keruen serve"), "{check}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_named() {
    let somebody = Unprivileged::new();
    let empty = TempDir::new().unwrap();
    fs::set_permissions(empty.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let told = refused(somebody.serve(empty.path()));
    assert!(
        told.contains("can't be written") && told.contains("keruen.db"),
        "{told}"
    );

    let (folder, head) = folder_with_history().await;
    for file in fs::read_dir(folder.path()).unwrap() {
        fs::set_permissions(file.unwrap().path(), fs::Permissions::from_mode(0o444)).unwrap();
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let told = refused(somebody.serve(folder.path()));
    assert!(
        told.contains("can't be written") && told.contains("keruen.db"),
        "{told}"
    );

    let told = refused(somebody.serve(&folder.path().join("new")));
    assert!(
        told.contains("can't create the folder") && told.contains("new"),
        "{told}"
    );

    for file in fs::read_dir(folder.path()).unwrap() {
        fs::set_permissions(file.unwrap().path(), fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let node = Node::on(folder.path()).await;
    assert_eq!(history::head(&node.channel()).await, head);
}

#[test]
fn files_that_are_something_else_are_left_alone() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("keruen.db");
    let letter = "Dear all,\n".repeat(1_000);
    fs::write(&file, &letter).unwrap();
    let told = refused(anywhere(folder.path()));
    assert!(told.contains("not a Keruen log"), "{told}");
    assert_eq!(fs::read_to_string(&file).unwrap(), letter);

    let told = refused(anywhere(&file));
    assert!(told.contains("keruen.db"), "{told}");

    let other = TempDir::new().unwrap();
    let database = rusqlite::Connection::open(other.path().join("keruen.db")).unwrap();
    database
        .execute_batch("CREATE TABLE recipes (name TEXT)")
        .unwrap();
    database.close().unwrap();
    let told = refused(anywhere(other.path()));
    assert!(told.contains("not a Keruen log"), "{told}");
}

async fn stock(node: &Node, min_position: u64) -> Vec<keruen_proto::stock::v1::StockRow> {
    let groups = [StockGroup::Facility, StockGroup::Batch];
    let question = ListStockRequest {
        group_by: groups.map(Into::into).to_vec(),
        min_position,
        ..ListStockRequest::default()
    };
    Clients::on(&node.channel())
        .stock
        .list_stock(question)
        .await
        .unwrap()
        .into_inner()
        .rows
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_were_deleted_or_spoiled_are_made_again() {
    let (folder, head) = folder_with_history().await;
    let mut node = Node::on(folder.path()).await;
    let rows = stock(&node, head).await;
    assert!(!rows.is_empty());
    let views = || {
        let files = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        files
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_string_lossy()
                    .starts_with("views-")
            })
            .collect::<Vec<_>>()
    };
    assert!(node.interrupt().success());
    assert!(!views().is_empty());
    for view in views() {
        fs::remove_file(view).unwrap();
    }
    let mut node = Node::on(folder.path()).await;
    assert_eq!(stock(&node, head).await, rows);
    assert!(node.interrupt().success());
    for view in views() {
        fs::write(view, "no view").unwrap();
    }
    let node = Node::on(folder.path()).await;
    assert_eq!(stock(&node, head).await, rows);
}

/// Runs its arguments after `$0` and `$1` on a small file system of their own at `$1`, with a file that fills half of
/// it. Nobody else sees it, and it goes with the process.
const SMALL_DISK: &str = r#"
    mount -t tmpfs -o size=6m,mode=0777 none "$1" || exit 99
    dd if=/dev/zero of="$1/ballast" bs=1M count=3 2>/dev/null
    shift; exec "$@""#;
/// The same on one that has no room at all, until the first run is over; nothing is as it should be where that succeeds.
const FULL_DISK: &str = r#"
    mount -t tmpfs -o size=6m,mode=0777 none "$1" || exit 99
    dd if=/dev/zero of="$1/ballast" bs=4k 2>/dev/null
    folder=$1; shift; "$@" && exit 98
    rm "$folder/ballast"; exec "$@""#;
/// Limits the size of every file instead, in units of 512 bytes; writes beyond it fail as on a full disk.
const SMALL_FILES: &str = r#"trap '' XFSZ; ulimit -f 1500; shift; exec "$@""#;

/// Whether this shell script can be run with these arguments of `unshare`.
fn can_mount(unshare: &[&str]) -> bool {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new("unshare");
    command
        .args(unshare)
        .args(["sh", "-c", SMALL_DISK, "sh"])
        .arg(folder.path())
        .arg("true");
    command.output().is_ok_and(|output| output.status.success())
}

/// Runs a shell script that mounts something only it can see; `None` where nobody may.
fn mounting(script: &str) -> Option<Command> {
    let may: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    let unshare = may.into_iter().find(|unshare| can_mount(unshare))?;
    let mut command = Command::new("unshare");
    command.args(unshare).args(["sh", "-c", script]);
    Some(command)
}

/// A command that starts a node with little space in `folder`, of which it leaves `reserve` free, and whether it is a disk
/// that can be freed.
fn with_little_space(folder: &Path, reserve: &str) -> (Command, bool) {
    let mut node = anywhere(&folder.join("data"));
    node.args(["--min-free-disk", reserve]);
    let on_disk = mounting(SMALL_DISK);
    let is_disk = on_disk.is_some();
    let mut command = on_disk.unwrap_or_else(|| {
        let mut command = Command::new("sh");
        command.args(["-c", SMALL_FILES]);
        command
    });
    in_folder(&mut command, folder, &node);
    (command, is_disk)
}

/// Gives a shell script a folder and what it is to run there.
fn in_folder(command: &mut Command, folder: &Path, node: &Command) {
    command
        .arg("sh")
        .arg(folder)
        .arg(node.get_program())
        .args(node.get_args());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_keeps_a_node_from_starting_until_it_is_freed() {
    let Some(mut command) = mounting(FULL_DISK) else {
        println!("nobody may mount a disk here");
        return;
    };
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let mut node = anywhere(&data);
    node.args(["--min-free-disk", "0"]);
    in_folder(&mut command, folder.path(), &node);
    let node = Node::start(&mut command, &data).await;
    let told = node.stderr();
    assert!(told.contains("the disk is full"), "{told}");
    assert!(told.contains("free space and start again"), "{told}");
    let mut clients = Clients::on(&node.channel());
    clients.set_scene().await;
    let position = clients.donate("MASKS", MASK_A, 100, NORTH).await;
    assert!(!stock(&node, position).await.is_empty());
}

async fn adjust(clients: &mut Clients) -> Result<u64, Refusal> {
    let message = AdjustStockRequest {
        command_id: command_id(),
        facility_id: NORTH.to_owned(),
        batch_id: "MASKS-B".to_owned(),
        delta: 1,
        reason: AdjustmentReason::Found.into(),
        ..AdjustStockRequest::default()
    };
    let answer = clients.inventory.adjust_stock(request(message)).await;
    answer
        .map(|answer| answer.into_inner().position)
        .map_err(|status| Refusal::of(&status))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_commands_and_loses_nothing() {
    fills_a_disk("0", "is full").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_nearly_full_refuses_commands_and_loses_nothing() {
    fills_a_disk("1MiB", "1.0 MiB stay in reserve").await;
}

async fn fills_a_disk(reserve: &str, told: &str) {
    let folder = TempDir::new().unwrap();
    let (mut command, is_disk) = with_little_space(folder.path(), reserve);
    println!(
        "space is limited by {}",
        if is_disk {
            "a small disk"
        } else {
            "the size of files"
        }
    );
    let node = Node::start(&mut command, &folder.path().join("data")).await;
    let mut clients = Clients::on(&node.channel());
    clients.set_scene().await;
    let mut last = clients.donate("MASKS", MASK_A, 100, NORTH).await;
    let refusal = loop {
        match adjust(&mut clients).await {
            Ok(position) => {
                assert_eq!(position, last + 1);
                last = position;
            }
            Err(refusal) => break refusal,
        }
    };
    if is_disk {
        assert_eq!(refusal.code, Code::ResourceExhausted, "{refusal:?}");
        assert_eq!(refusal.reason, "DISK_FULL");
        assert!(refusal.message.contains(told), "{refusal:?}");
        assert!(refusal.message.contains("free space"), "{refusal:?}");
    } else {
        assert!(!refusal.reason.is_empty(), "{refusal:?}");
    }
    // What is there can be read, and nothing of what was refused has stayed.
    let events = history::read(&node.channel()).await;
    assert_eq!(events.last().unwrap().position, last);

    if is_disk {
        // Its disk is in a world of its own, which Linux shows here.
        let pid = node.pid();
        let ballast = format!("/proc/{pid}/root{}/ballast", folder.path().display());
        fs::remove_file(ballast).unwrap();
        let mut freed = adjust(&mut clients).await;
        for _ in 0..100 {
            if freed.is_ok() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            freed = adjust(&mut clients).await;
        }
        assert!(freed.is_ok(), "there is space again: {freed:?}");
        history::check(&history::read(&node.channel()).await);
    } else {
        let data: &OsStr = node.data().as_os_str();
        let data = PathBuf::from(data);
        drop(node);
        let node = Node::on(&data).await;
        assert_eq!(history::head(&node.channel()).await, last);
        assert!(adjust(&mut Clients::on(&node.channel())).await.is_ok());
    }
}
