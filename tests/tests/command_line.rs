//! Refusals as the command line tells them: what is wrong, on standard error, with an exit status of its own.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::fs;

use keruen_tests::{
    message::{command_id, dispatch, file, request, shipment},
    program,
    scene::{HOSPITAL, MASK, MASK_A, NORTH, PUMP, PUMP_A, SOUTH},
    stage::Stage,
};
use serde_json::Value;

/// Runs a line, as split at its spaces, that must be refused with this exit status, and must record nothing.
async fn refused(stage: &Stage, code: i32, line: &str, says: &[&str]) {
    let before = stage.head().await;
    let told = stage.node.cli(line.split(' ')).refused(code);
    assert_eq!(stage.head().await, before, "{line} was recorded: {told}");
    assert!(
        !told.contains("panicked") && told.starts_with("error:"),
        "{line}: {told}"
    );
    for part in says {
        assert!(told.contains(part), "{line}: {part:?} is not in: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_is_named() {
    let stage = Stage::set().await;
    let facility = "facility register FAR --kind warehouse --time-zone Asia/Almaty --operator DONOR --name-en Far";
    let cases = [
        (
            format!("{facility} --region KZ-99"),
            ["KZ-99", "UNKNOWN_REGION"],
        ),
        (
            format!(
                "stock consume --facility NOWHERE --item {MASK_A} --quantity 1 --purpose patient"
            ),
            ["NOWHERE", "UNKNOWN_FACILITY"],
        ),
        (
            format!(
                "stock consume --facility {NORTH} --item MASK-Z --quantity 1 --purpose patient"
            ),
            ["MASK-Z", "UNKNOWN_ITEM"],
        ),
        (
            "donation pledge --donor DONOR --line commodity=GLOVE,quantity=1".to_owned(),
            ["GLOVE", "UNKNOWN_COMMODITY"],
        ),
        (
            "donation pledge --donor NOBODY --line commodity=MASK,quantity=1".to_owned(),
            ["NOBODY", "UNKNOWN_ORGANISATION"],
        ),
        (
            "shipment dispatch GHOST --custodian CARRIER".to_owned(),
            ["GHOST", "UNKNOWN_SHIPMENT"],
        ),
        (
            "trace donation GHOST".to_owned(),
            ["GHOST", "UNKNOWN_DONATION"],
        ),
        (
            "facility get NOWHERE".to_owned(),
            ["NOWHERE", "UNKNOWN_FACILITY"],
        ),
    ];
    for (line, says) in cases {
        refused(&stage, 1, &line, &says).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn quantities_and_times_are_refused() {
    let stage = Stage::set().await;
    let consume = |quantity: &str| {
        format!(
            "stock consume --facility {NORTH} --item {MASK_A} --quantity={quantity} --purpose patient"
        )
    };
    refused(&stage, 1, &consume("0"), &["quantity", "must not be 0"]).await;
    refused(
        &stage,
        1,
        &consume("-5"),
        &["quantity", "must not be negative"],
    )
    .await;
    refused(
        &stage,
        1,
        &consume("1000000000001"),
        &["quantity", "1000000000000"],
    )
    .await;
    refused(
        &stage,
        1,
        &consume("101"),
        &["101 requested, 100 available", "INSUFFICIENT_STOCK"],
    )
    .await;
    // What is no whole number does not even leave the machine.
    for wrong in ["7.5", "many", "", "9223372036854775808"] {
        refused(&stage, 2, &consume(wrong), &["--quantity"]).await;
    }
    let future = format!("{} --occurred-at 2999-01-01T00:00:00Z", consume("1"));
    refused(
        &stage,
        1,
        &future,
        &["occurred_at", "must not be in the future", "2999-01-01"],
    )
    .await;
    let vague = format!("{} --occurred-at yesterday", consume("1"));
    refused(&stage, 2, &vague, &["--occurred-at", "yesterday"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn business_is_refused_with_its_numbers() {
    let mut stage = Stage::set().await;
    let pledge =
        format!("donation pledge --id MORE --donor DONOR --line commodity={PUMP},quantity=5");
    stage.node.cli(pledge.split(' ')).success();
    let receive =
        format!("donation receive MORE --facility {SOUTH} --line item=PUMP-A,serial=PUMPS-1");
    refused(&stage, 1, &receive, &["PUMPS-1", "SERIAL_NUMBER_EXISTS"]).await;

    let home =
        format!("shipment request --from {NORTH} --to {NORTH} --line item={MASK_A},quantity=1");
    refused(
        &stage,
        1,
        &home,
        &["destination_id", "NORTH is also the origin"],
    )
    .await;
    stage
        .clients
        .shipments
        .request_shipment(request(shipment("EMPTY", NORTH, SOUTH, MASK_A, 1)))
        .await
        .unwrap();
    refused(
        &stage,
        1,
        "shipment dispatch EMPTY --custodian CARRIER",
        &["EMPTY", "allocate"],
    )
    .await;
    let status = stage
        .clients
        .shipments
        .dispatch_shipment(request(dispatch("EMPTY")))
        .await
        .unwrap_err();
    let told = stage
        .node
        .cli("shipment dispatch EMPTY --custodian CARRIER".split(' '))
        .refused(1);
    assert!(
        told.contains(status.message()),
        "the command line says something else than the service: {told}"
    );

    let mut need = file(HOSPITAL, MASK, 10);
    need.request_id = "NEED".to_owned();
    stage
        .clients
        .requests
        .file_request(request(need))
        .await
        .unwrap();
    refused(
        &stage,
        1,
        "request approve NEED --line line=1,quantity=11",
        &["NEED", "asks for 10", "APPROVAL_EXCEEDS_REQUEST"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_id_is_used_once() {
    let stage = Stage::set().await;
    let consume = |quantity| {
        format!(
            "stock consume --facility {NORTH} --item {MASK_A} --quantity {quantity} --purpose patient"
        )
    };
    let id = command_id();
    let line = format!("{} --command-id {id} --format json", consume(10));
    let first = stage.node.cli(line.split(' ')).success();
    let head = stage.head().await;
    assert_eq!(stage.node.cli(line.split(' ')).success(), first);
    assert_eq!(stage.head().await, head);
    refused(
        &stage,
        1,
        &format!("{} --command-id {id}", consume(11)),
        &[&id, "COMMAND_ID_REUSED"],
    )
    .await;
    refused(
        &stage,
        2,
        &format!("{} --command-id 7", consume(11)),
        &["--command-id"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_request_can_be_sent_as_json() {
    let stage = Stage::set().await;
    let folder = tempfile::TempDir::new().unwrap();
    let json = |content: &str| {
        let path = folder.path().join("request.json");
        fs::write(&path, content).unwrap();
        format!("stock consume --json {}", path.display())
    };
    let good = format!(
        r#"{{"facilityId":"{NORTH}","itemId":"{MASK_A}","quantity":"3","purpose":"CONSUMPTION_PURPOSE_PATIENT"}}"#
    );
    stage.node.cli(json(&good).split(' ')).success();
    refused(&stage, 2, &json("{"), &["request.json"]).await;
    refused(
        &stage,
        2,
        &json(&good.replace("itemId", "items")),
        &["request.json", "items"],
    )
    .await;
    refused(
        &stage,
        1,
        &json(&good.replace(r#""3""#, r#""0""#)),
        &["quantity", "must not be 0"],
    )
    .await;
}

#[test]
fn a_node_that_is_not_there_is_named() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let told = program::run(["stock", "--server", &address]).refused(69);
    assert!(
        told.contains(&address) && told.contains("keruen serve"),
        "{told}"
    );
    let told = program::run(["stok"]).refused(2);
    assert!(told.contains("stok") && told.contains("stock"), "{told}");
}

#[test]
fn every_verb_explains_itself() {
    let help = program::run(["--help"]).success();
    let verbs: Vec<&str> = help
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter_map(|line| line.split_once("  "))
        .map(|(verb, _)| verb)
        .filter(|verb| !verb.is_empty() && verb.chars().all(|char| char.is_ascii_lowercase()))
        .collect();
    assert!(verbs.len() >= 15, "{verbs:?}");
    for verb in verbs {
        let help = program::run([verb, "--help"]).success();
        assert!(help.contains("Usage:"), "{verb}: {help}");
    }
}

#[test]
fn a_code_that_is_empty_is_refused_before_anything_is_asked() {
    for option in ["--region", "--facility", "--item", "--batch", "--owner"] {
        let told = program::run(["stock", option, ""]);
        assert_eq!(told.code, Some(2), "{told:?}");
        assert!(told.stderr.contains(option), "{told:?}");
    }
}

fn on(stage: &Stage) -> impl Fn(&str) -> program::Outcome + '_ {
    |line| stage.node.cli(line.split(' '))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_from_a_command_is_told() {
    let stage = Stage::set().await;
    let run = on(&stage);
    // The books know of 100.
    let line = format!(
        "stock consume --facility {NORTH} --item {MASK_A} --quantity 103 --purpose patient"
    );
    let told = run(&format!("{line} --already-used"));
    assert_eq!(told.code, Some(0), "{told:?}");
    let found = format!("booked as found: 3 of {MASK_A} at {NORTH}");
    assert!(told.stderr.contains(&found), "{told:?}");
    let told = run(&format!("{line} --already-used --format json")).success();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["alsoRecorded"][0]["data"]["units"]["quantity"], "103");
    // What the books explain has no such part.
    let opened = run(&format!(
        "stock adjust --facility {NORTH} --item {PUMP_A} --delta 1 --reason found"
    ));
    assert!(!opened.stderr.contains("booked"), "{opened:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recall_tells_what_it_affects() {
    let stage = Stage::set().await;
    let run = on(&stage);
    run(&format!(
        "donation receive MASKS --facility {SOUTH} --line item={MASK_A},quantity=40,lot=L1,outcome=surplus"
    ))
    .success();
    let told = run(&format!(
        "recall start --item {MASK_A} --lot L1 --reason defect --authority DONOR"
    ));
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(
        told.stderr
            .contains("affects 40 of 1 batches at 1 facilities: 40 on hand"),
        "{told:?}"
    );
    let told = run(&format!(
        "recall start --item {MASK_A} --lot L2 --reason defect --authority DONOR --format json"
    ))
    .success();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["lotTrace"]["lot"], "L2");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_amendment_drops_is_told() {
    let stage = Stage::set().await;
    let run = on(&stage);
    let told = run(&format!(
        "item amend {MASK_A} --pack BOX=25 --pack CASE=500"
    ));
    assert!(!told.stderr.contains("dropped"), "{told:?}");
    let told = run(&format!("item amend {MASK_A} --pack CASE=400 --pack BAG=5"));
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stderr.contains("dropped: pack BOX"), "{told:?}");
    assert!(!told.stderr.contains("dropped: pack CASE"), "{told:?}");
    let told = run(&format!("item amend {MASK_A} --model M-1"));
    assert!(!told.stderr.contains("dropped"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_values_are_named_by_their_own_rules() {
    let stage = Stage::set().await;
    for (line, code, says) in [
        (
            format!("goods receive --facility {NORTH} --packages -3"),
            1,
            "must not be negative",
        ),
        (
            format!("stock excursion --facility {NORTH} --item {MASK_A} --seen 2..50 --minutes -5"),
            1,
            "minutes",
        ),
        (
            format!("stock count --facility {NORTH} --item {MASK_A} --kind full --at-position -1"),
            2,
            "position of the log",
        ),
        (
            format!("kit break --facility {NORTH} --batch B --quantity two"),
            2,
            "must be a whole number",
        ),
        (
            "vehicle register V --kind truck --owner DONOR --capacity-kg 99999999999".to_owned(),
            2,
            "at most 2147483647",
        ),
        ("facility get north".to_owned(), 1, "capital letters"),
        (
            format!("asset take-out {PUMP_A} PUMPS-1"),
            1,
            "inside nothing",
        ),
    ] {
        refused(&stage, code, &line, &[says]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kits_are_told_in_packs() {
    let stage = Stage::set().await;
    let run = on(&stage);
    run(&format!(
        "item register KIT --commodity MASK --name-en Kit --tracking batch --component item={MASK_A},quantity=2 --pack CASE=5"
    ))
    .success();
    run(&format!(
        "kit assemble --facility {NORTH} --item KIT --quantity 4 --pack CASE --id KITS"
    ))
    .success();
    let batch = run("batch get KITS --format json").success();
    let batch: Value = serde_json::from_str(&batch).unwrap();
    assert_eq!(batch["batch"]["quantity"], "20");
    let told = run(&format!(
        "kit break --facility {NORTH} --batch KITS --quantity 1 --pack CASE --format json"
    ))
    .success();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["stockLevel"]["lots"][0]["onHand"], "15");
    refused(
        &stage,
        1,
        &format!("kit break --facility {NORTH} --batch KITS --quantity 1 --pack BAG"),
        &["UNKNOWN_PACK"],
    )
    .await;
}
