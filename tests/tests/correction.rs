//! A wrong receipt, corrected after half of it was shipped and some of it consumed: the books are true, the history is
//! whole, and the trace says so.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use keruen_tests::{
    desk::Desk,
    scene::{CARRIER, DONOR, HOSPITAL, MASK_A, NORTH},
};
use serde_json::Value;

/// The id of the newest event of a type about a batch.
fn event_id(desk: &Desk, batch_id: &str, name: &str) -> String {
    let steps = steps(desk, batch_id);
    let step = steps.iter().rfind(|step| {
        let kind = step["type"].as_str().unwrap();
        kind.ends_with(&format!(".{name}"))
    });
    step.unwrap_or_else(|| panic!("no {name} in {steps:?}"))["eventId"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn steps(desk: &Desk, batch_id: &str) -> Vec<Value> {
    let trace = trace(desk, batch_id);
    trace["batches"][0]["steps"].as_array().unwrap().clone()
}

fn trace(desk: &Desk, batch_id: &str) -> Value {
    desk.json(&format!(
        "trace batch {batch_id} --min-position {}",
        desk.head()
    ))
}

/// On hand, received, consumed, disposed of over everything.
fn sums(desk: &Desk) -> [i64; 4] {
    let rows = desk.json(&format!("stock --by item --min-position {}", desk.head()));
    ["on_hand", "received", "consumed", "disposed"].map(|it| rows[0][it].as_i64().unwrap())
}

async fn stocked() -> Desk {
    let desk = Desk::new().await;
    desk.run(&format!(
        "donation pledge --id GIFT --donor {DONOR} --line item={MASK_A},quantity=100"
    ))
    .success();
    desk.run(&format!(
        "donation receive GIFT --facility {NORTH} --line item={MASK_A},quantity=100,lot=L1,batch=B1"
    ))
    .success();
    desk
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_receipt_is_corrected_after_half_of_it_was_shipped_and_some_consumed() {
    let desk = stocked().await;
    desk.run(&format!(
        "shipment request --id S1 --from {NORTH} --to {HOSPITAL} --line item={MASK_A},quantity=50"
    ))
    .success();
    desk.run("shipment allocate S1").success();
    desk.run(&format!("shipment dispatch S1 --custodian {CARRIER}"))
        .success();
    desk.run("shipment receive S1").success();
    desk.run(&format!(
        "stock consume --facility {HOSPITAL} --item {MASK_A} --quantity 20 --purpose patient"
    ))
    .success();
    assert_eq!(sums(&desk), [80, 100, 20, 0]);
    let head = desk.head();
    let receipt = event_id(&desk, "B1", "DonationReceived");

    // Forty had come. Nothing is recorded by looking at what would happen.
    let correct = format!(
        "correct receipt {receipt} --batch B1 --quantity 40 --document kind=acceptance-act,number=AA-2"
    );
    desk.run(&format!("{correct} --validate-only")).success();
    assert_eq!(desk.head(), head);
    let corrected = desk.json(&correct)["batch"].clone();
    assert_eq!(
        (&corrected["quantity"], &corrected["discrepancy"]),
        (&"40".into(), &"10".into())
    );
    assert_eq!(corrected["correctedEventIds"][0], receipt);

    // The books are true: 30 at the hospital, 20 used up, 40 received and 10 found.
    assert_eq!(sums(&desk), [30, 50, 20, 0]);
    let donation = desk.json("donation get GIFT")["donation"].clone();
    assert_eq!(donation["lines"][0]["received"], "40");
    assert_eq!(donation["lines"][0]["outstanding"], "60");
    // The history is whole, and the trace says so.
    let steps = steps(&desk, "B1");
    let named: Vec<&str> = steps
        .iter()
        .map(|step| step["type"].as_str().unwrap().rsplit('.').next().unwrap())
        .collect();
    assert_eq!(named[0], "DonationReceived");
    assert_eq!(
        named[named.len() - 2..],
        ["StockDiscrepancyFound", "ReceiptCorrected"]
    );
    assert_eq!(steps[0]["quantity"], "100");
    assert_eq!(steps.last().unwrap()["correctsEventId"], receipt);
    let places = trace(&desk, "B1")["batches"][0]["places"].clone();
    let sum: i64 = places
        .as_array()
        .unwrap()
        .iter()
        .map(|place| place["quantity"].as_str().unwrap().parse::<i64>().unwrap())
        .sum();
    assert_eq!(sum, 50);
    let table = desk.run("trace batch B1 --format table").success();
    for said in ["10 more than came", "corrects", &receipt] {
        assert!(table.contains(said), "{said:?} in {table}");
    }
    // Subscribers are told which event it corrects.
    let events = desk
        .run("events --type keruen.inventory.v1.ReceiptCorrected")
        .success();
    assert!(events.contains(&receipt), "{events}");
    assert!(desk.run("check").success().contains("keep"));
    desk.refused(&correct, "nothing to correct");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_happen_is_voided_once() {
    let desk = stocked().await;
    desk.run(&format!(
        "stock dispose --facility {NORTH} --batch B1 --quantity 30 --reason damaged"
    ))
    .success();
    assert_eq!(sums(&desk), [70, 100, 0, 30]);
    let disposal = event_id(&desk, "B1", "StockDisposed");
    desk.run(&format!("correct void {disposal}")).success();
    assert_eq!(sums(&desk), [100, 100, 0, 0]);
    desk.refused(&format!("correct void {disposal}"), "voided already");
    let receipt = event_id(&desk, "B1", "DonationReceived");
    desk.refused(&format!("correct void {receipt}"), "correct the receipt");
    desk.refused(
        "correct void 00000000-0000-4000-8000-000000000000/0",
        "there is no event",
    );
    desk.refused("correct void NONSENSE", "must be the id of an event");
    assert!(desk.run("check").success().contains("keep"));
}

/// What is known today of the past does not have what never happened, whenever that was noticed.
#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_happen_is_not_in_the_past_either() {
    let desk = stocked().await;
    desk.run(&format!(
        "stock dispose --facility {NORTH} --batch B1 --quantity 30 --reason damaged \
         --occurred-at 2020-06-10T12:00:00+06:00"
    ))
    .success();
    let disposed = |past: &str| {
        let rows = desk.json(&format!(
            "stock --by item {past} --min-position {}",
            desk.head()
        ));
        rows[0]["disposed"].as_i64().unwrap_or(0)
    };
    let as_of = "--as-of 2020-06-10";
    assert_eq!((disposed("--as-of 2020-06-09"), disposed(as_of)), (0, 30));
    let disposal = event_id(&desk, "B1", "StockDisposed");
    desk.refused(
        &format!("correct void {disposal} --occurred-at 2020-06-10T11:59:59+06:00"),
        "CORRECTED_TOO_EARLY",
    );
    let known = desk.head();
    desk.run(&format!("correct void {disposal}")).success();
    assert_eq!((disposed(as_of), disposed("")), (0, 0));
    assert_eq!(disposed(&format!("{as_of} --known-at {known}")), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recall_binds_the_right_lot() {
    let desk = stocked().await;
    let receipt = event_id(&desk, "B1", "DonationReceived");
    desk.run(&format!(
        "recall start --item {MASK_A} --lot L1 --reason defect --authority {DONOR}"
    ))
    .success();
    let available = |desk: &Desk| {
        let rows = desk.json(&format!("stock --by item --min-position {}", desk.head()));
        rows[0]["available"].as_i64().unwrap()
    };
    assert_eq!(available(&desk), 0);
    desk.run(&format!("correct batch {receipt} --batch B1 --lot L2"))
        .success();
    assert_eq!(available(&desk), 100);
    assert_eq!(desk.json("batch get B1")["batch"]["lot"], "L2");
    desk.run(&format!(
        "recall start --item {MASK_A} --lot L2 --reason defect --authority {DONOR}"
    ))
    .success();
    assert_eq!(available(&desk), 0);
    let shown = desk.json(&format!(
        "recall show {MASK_A} L2 --min-position {}",
        desk.head()
    ));
    assert_eq!(shown["lotTrace"]["batches"][0]["batch"]["batchId"], "B1");
    assert!(desk.run("check").success().contains("keep"));
}

/// What was told of a shipment and of money did not happen: taken back one by one, from the last one on.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_of_a_shipment_and_of_money_is_taken_back() {
    let desk = stocked().await;
    for words in [
        format!(
            "shipment request --id S1 --from {NORTH} --to {HOSPITAL} --line item={MASK_A},quantity=50"
        ),
        "shipment allocate S1".to_owned(),
        format!("shipment dispatch S1 --custodian {CARRIER}"),
        "shipment receive S1".to_owned(),
    ] {
        desk.run(&words).success();
    }
    let dispatch = event_id(&desk, "B1", "ShipmentDispatched");
    let receipt = event_id(&desk, "B1", "ShipmentReceived");
    desk.refused(&format!("correct void {dispatch}"), "MOVED_ON_SINCE");
    let back = desk.json(&format!("correct void {receipt}"));
    assert_eq!(back["stockLevel"]["facilityId"], HOSPITAL);
    let shipment = desk.json("shipment get S1")["shipment"].clone();
    assert_eq!(shipment["state"], "SHIPMENT_STATE_DISPATCHED");
    assert_eq!(shipment["lots"][0]["inTransit"], "50");
    desk.run(&format!("correct void {dispatch}")).success();
    let level =
        desk.json(&format!("stock level {NORTH} {MASK_A}"))["stockLevel"]["lots"][0].clone();
    assert_eq!(
        (&level["onHand"], &level["reserved"]),
        (&"100".into(), &"50".into())
    );
    desk.refused(&format!("correct void {dispatch}"), "ALREADY_VOIDED");
    let steps = steps(&desk, "B1");
    let last = steps.last().unwrap();
    assert_eq!(last["correctsEventId"], dispatch);

    desk.run(&format!(
        "donation pledge --id MONEY --donor {DONOR} --money 900USD"
    ))
    .success();
    desk.run(&format!(
        "donation spend MONEY --amount 300USD --purpose freight --supplier {CARRIER}"
    ))
    .success();
    let events = desk.run("events --tag donation:MONEY").success();
    let spent: Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    let voided = desk.json(&format!("correct void {}", spent["id"].as_str().unwrap()));
    assert_eq!(voided["donation"]["moneySpent"]["minorUnits"], "0");
    desk.run("check").success();
}
