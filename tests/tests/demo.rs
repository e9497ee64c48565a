//! `keruen demo`: the story ends with the right numbers, however often it is run or broken off.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    hash::{BuildHasher as _, RandomState},
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use keruen_proto::{
    registry::v1::{FacilityKind, GetFacilityRequest},
    requests::v1::{RequestLine, RequestState},
    stock::v1::ListRequestsRequest,
};
use keruen_tests::{history, node::Node, process::Process, program, scene::Clients};
use serde_json::Value;
use tempfile::TempDir;

/// The story as a command, on a store in `data`.
fn demo(data: &Path) -> Command {
    let mut command = program::command([
        "demo",
        "--exit",
        "--grpc-addr",
        "127.0.0.1:0",
        "--http-addr",
        "127.0.0.1:0",
    ]);
    command.args([OsStr::new("--data"), data.as_os_str()]);
    command
}

/// What the log and the command line say afterwards.
#[derive(Debug, PartialEq, Eq)]
struct Ending {
    position: u64,
    stock: Vec<Value>,
}

async fn ending(data: &Path) -> Ending {
    let node = Node::on(data).await;
    let position = history::head(&node.channel()).await;
    let by = ["stock", "--by", "commodity,region", "--format", "json"];
    let stock = serde_json::from_str(&node.cli(by).success()).unwrap();
    history::check(&history::read(&node.channel()).await);
    node.cli(["check"]).success();
    Ending { position, stock }
}

fn totals(node: &Node) -> Vec<Value> {
    let by = ["stock", "--by", "commodity", "--format", "json"];
    let rows: Vec<Value> = serde_json::from_str(&node.cli(by).success()).unwrap();
    assert!(!rows.is_empty());
    rows
}

fn sum(rows: &[Value], commodity_id: &str) -> i64 {
    let row = rows
        .iter()
        .find(|row| row["commodity_id"] == commodity_id || row["commodity"] == commodity_id);
    let row = row.unwrap_or_else(|| panic!("{commodity_id} is missing: {rows:?}"));
    let columns = ["on_hand", "in_transit", "consumed", "disposed", "lost"];
    columns
        .iter()
        .map(|column| {
            row[column]
                .as_i64()
                .unwrap_or_else(|| panic!("{column} is no number: {row}"))
        })
        .sum()
}

/// Whether a hospital's request for oxygen concentrators is fulfilled.
async fn has_concentrators(node: &Node) -> bool {
    let question = ListRequestsRequest {
        states: vec![RequestState::Fulfilled.into()],
        ..ListRequestsRequest::default()
    };
    let mut clients = Clients::on(&node.channel());
    let rows = clients
        .stock
        .list_requests(question)
        .await
        .unwrap()
        .into_inner()
        .rows;
    for request in rows.into_iter().filter_map(|row| row.request) {
        let question = GetFacilityRequest {
            facility_id: request.facility_id,
        };
        let facility = clients
            .registry
            .get_facility(question)
            .await
            .unwrap()
            .into_inner()
            .facility
            .unwrap();
        let is_met =
            |line: &RequestLine| line.commodity_id == "O2-CONCENTRATOR" && line.received > 0;
        if facility.kind() == FacilityKind::Hospital && request.lines.iter().any(is_met) {
            return true;
        }
    }
    false
}

/// Adds up the rows of a commodity in the printed table of stock per region. Columns: region, commodity, on hand,
/// reserved, held, available, in transit, received, consumed, disposed, lost.
fn printed_sum(printed: &str, commodity_id: &str) -> i64 {
    let rows = printed
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let rows = rows.filter(|cells| {
        matches!(cells[..], [region, commodity, ..] if region.starts_with("KZ-") && commodity == commodity_id)
    });
    let number = |cell: &str| cell.replace(',', "").parse::<i64>().unwrap();
    rows.map(|cells| {
        [2, 6, 8, 9, 10]
            .map(|column| number(cells[column]))
            .iter()
            .sum::<i64>()
    })
    .sum()
}

/// Stock by item, added up over its units where rows tell them.
fn by_item(rows: &[Value]) -> BTreeMap<String, Vec<i64>> {
    let mut sums: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for row in rows {
        let columns = [
            "on_hand",
            "in_transit",
            "in_transit_out",
            "received",
            "lost",
        ];
        let sum = sums
            .entry(row["item"].as_str().unwrap().to_owned())
            .or_insert_with(|| vec![0; columns.len()]);
        for (sum, column) in sum.iter_mut().zip(columns) {
            *sum += row[column].as_i64().unwrap();
        }
    }
    sums
}

/// Traces lead from the donor to the bedside, are no wider than a terminal, and are the same as graphs.
fn check_traces(node: &Node) {
    let trace = |line: &str| node.cli(line.split(' '));
    let whole = trace("trace donation KASPI-TESTS").success();
    for said in [
        "donation KASPI-TESTS of Kaspi Bank (KASPI) to REGIONS · received",
        "donation received 40,000 at ALMATY-CENTRAL Central aid warehouse",
        "dispatched 600 TARAZ-HUB → ZHANATAS-HOSPITAL in NIGHT-ZHANATAS",
        "loss act accepted 25 lost",
        "on hand · owner REGIONS · since #",
        " = 100,000",
    ] {
        assert!(whole.contains(said), "{said:?} in {whole}");
    }
    let wide: Vec<&str> = whole
        .lines()
        .filter(|line| line.chars().count() > 100)
        .collect();
    assert!(wide.is_empty(), "{wide:#?}");
    let some = trace("trace donation KASPI-TESTS --entries 9 --depth 4 --steps 2").success();
    assert!(some.lines().count() < 30, "{some}");
    for said in ["left out; see more with", " = 100,000", "\nleft out  "] {
        assert!(some.contains(said), "{said:?} in {some}");
    }
    let request = "trace request REQ-ZHANATAS-TESTS";
    let served = trace(request).success();
    let first = "donation KASPI-TESTS of Kaspi Bank (KASPI)\n";
    assert!(served.starts_with(first), "{served}");
    assert!(served.contains("request REQ-ZHANATAS-TESTS of ZHANATAS-HOSPITAL"));
    let unit = trace("trace asset O2-10L OC-001 --graph dot").success();
    let words = ["digraph trace {", "Degdar Fund\\nDEGDAR", "1 on hand"];
    assert!(words.iter().all(|it| unit.contains(it)), "{unit}");
    let drawn = trace(&format!("{request} --graph mermaid")).success();
    assert!(drawn.starts_with("flowchart LR\n"), "{drawn}");
    assert!(drawn.contains("[\"donation KASPI-TESTS\"]"), "{drawn}");
    let both = trace(&format!("{request} --graph dot --format csv"));
    both.refused(2);
}

/// Every unit with a serial number has a row of its own, now and in the past, and they add up to all there is.
fn check_units(node: &Node, position: u64) {
    let known_at = position.to_string();
    let stock = |by: &str, more: &[&str]| -> Vec<Value> {
        let args = ["stock", "--by", by, "--format", "json"];
        let args = args.into_iter().chain(more.iter().copied());
        serde_json::from_str(&node.cli(args).success()).unwrap()
    };
    let now = stock("asset", &[]);
    assert_eq!(by_item(&now), by_item(&stock("item", &[])));
    assert_eq!(stock("asset", &["--known-at", &known_at]), now);
    let units = stock("facility,asset", &["--filter", "serial_number:*"]);
    assert!(units.len() > 100, "{} units", units.len());
    for unit in &units {
        let serial_number = unit["serial_number"].as_str().unwrap();
        assert!(!serial_number.is_empty());
        let there = unit["on_hand"].as_i64().unwrap() + unit["in_transit"].as_i64().unwrap();
        assert!((0..=1).contains(&there), "{unit}");
    }
    let left = stock("item", &["--filter", "in_transit_out > 0"]);
    for row in left {
        assert_eq!(row["in_transit_out"], row["in_transit"], "{row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_adds_up_and_a_second_run_doubles_nothing() {
    let data = TempDir::new().unwrap();
    let printed = program::output(&mut demo(data.path())).success();
    assert_eq!(printed_sum(&printed, "TEST-SARS2"), 197_000, "{printed}");

    let first = {
        let node = Node::on(data.path()).await;
        let rows = totals(&node);
        assert_eq!(sum(&rows, "TEST-SARS2"), 197_000);
        assert_eq!(sum(&rows, "LAB-PCR-MOBILE"), 2);
        assert_eq!(sum(&rows, "VEHICLE-RRV"), 100);
        assert!(
            has_concentrators(&node).await,
            "no hospital got its concentrators"
        );
        let trace = node
            .cli(["trace", "donation", "KASPI-TESTS", "--format", "json"])
            .success();
        assert!(trace.contains("KASPI-TESTS"), "{trace}");
        check_traces(&node);
        check_units(&node, history::head(&node.channel()).await);
        drop(node);
        ending(data.path()).await
    };

    program::output(&mut demo(data.path())).success();
    assert_eq!(ending(data.path()).await, first);
}

/// Pulls the plug so long after the story has printed so many lines. Tells whether it was still playing.
fn play_until(data: &Path, lines: usize, delay: Duration) -> bool {
    let mut process = Process::spawn(demo(data).stdout(Stdio::piped()).stderr(Stdio::null()))
        .expect("the program starts");
    let mut stdout = BufReader::new(process.child().stdout.take().unwrap()).lines();
    let seen = stdout
        .by_ref()
        .take(lines)
        .map_while(std::io::Result::ok)
        .count();
    assert_eq!(seen, lines, "the story was over before the plug was pulled");
    std::thread::sleep(delay);
    // The pipe is open until here: what the story prints meanwhile must not stop it.
    process.kill().code().is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_that_was_broken_off_ends_the_same() {
    let whole = TempDir::new().unwrap();
    program::output(&mut demo(whole.path())).success();
    let whole = ending(whole.path()).await;

    let broken = TempDir::new().unwrap();
    let seed = RandomState::new().hash_one(());
    println!("seed {seed}");
    // Each time a little further, and somewhere between two lines.
    let mut cut = 0;
    for round in 0..6 {
        let chance = seed >> (10 * round);
        let lines = 5 + 3 * round + usize::try_from(chance % 3).unwrap();
        let delay = Duration::from_millis((chance >> 2) % 60);
        cut += usize::from(play_until(broken.path(), lines, delay));
    }
    assert!(cut >= 3, "the story was cut {cut} times only");
    program::output(&mut demo(broken.path())).success();
    let broken = ending(broken.path()).await;
    assert_eq!(broken.position, whole.position);
    assert_eq!(broken.stock, whole.stock);
}

#[test]
fn ctrl_c_breaks_the_story_off_cleanly() {
    let data = TempDir::new().unwrap();
    let mut command = demo(data.path());
    let mut process =
        Process::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped())).unwrap();
    let mut stdout = BufReader::new(process.child().stdout.take().unwrap()).lines();
    assert!(stdout.by_ref().take(6).all(|line| line.is_ok()));
    process.signal(keruen_tests::process::Signal::INT);
    // Whatever it still prints must not block it.
    std::thread::spawn(move || stdout.count());
    assert!(
        process.wait(Duration::from_mins(2)).is_some(),
        "it does not stop"
    );
    program::output(&mut demo(data.path())).success();
}
