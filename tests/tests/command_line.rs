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
    scene::{HOSPITAL, MASK, MASK_A, NORTH, PUMP, SOUTH},
    stage::Stage,
};

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
