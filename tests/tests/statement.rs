//! What a donor is told, by the real program: each kind of amount, again at any time, and what has changed since.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::path::Path;

use keruen_tests::{
    desk::Desk,
    scene::{CARRIER, DONOR, HOSPITAL, MASK_A, NORTH, PUMP_A},
};

/// When everything came that came.
const THEN: &str = "--occurred-at 2021-03-05T10:00:00+05:00";

/// A statement of the donor, as CSV without its header, and the command that gets it again.
fn statement(desk: &Desk, words: &str) -> (Vec<String>, String) {
    let outcome = desk.run(&format!(
        "report statement --donor {DONOR} {words} --format csv"
    ));
    let told = outcome.stderr.clone();
    let again = told.split("to get it again: keruen ").nth(1).unwrap();
    let rows = outcome.success();
    let rows = rows.lines().skip(1).map(str::to_owned).collect();
    (rows, again.trim().to_owned())
}

/// Sixty masks and two pumps, of which some stay, some are on their way, and some are in use.
async fn desk() -> Desk {
    let desk = Desk::new().await;
    desk.run(&format!(
        "donation pledge --id GIFT --donor {DONOR} --line item={MASK_A},quantity=60 --line item={PUMP_A},quantity=2 {THEN}"
    ))
    .success();
    desk.run(&format!(
        "donation receive GIFT --facility {NORTH} {THEN} \
         --line item={MASK_A},quantity=60,lot=A1,expires=2090-01-01,batch=B1,value=2.50USD,basis=donor-declared \
         --line item={PUMP_A},serial=S-1,serial=S-2,batch=P1"
    ))
    .success();
    for (id, line, comes) in [
        ("S1", format!("item={MASK_A},quantity=30"), true),
        ("S2", format!("item={PUMP_A},quantity=2"), true),
        ("S3", format!("item={MASK_A},quantity=5"), false),
    ] {
        desk.run(&format!(
            "shipment request --id {id} --from {NORTH} --to {HOSPITAL} --line {line}"
        ))
        .success();
        // A claim is of now, whatever is told of the way that was.
        desk.run(&format!("shipment allocate {id}")).success();
        desk.run(&format!(
            "shipment dispatch {id} --custodian {CARRIER} {THEN}"
        ))
        .success();
        if comes {
            desk.run(&format!("shipment receive {id} {THEN}")).success();
        }
    }
    desk.run(&format!(
        "stock adjust --facility {NORTH} --batch B1 --delta=-3 --reason lost"
    ))
    .success();
    desk
}

#[tokio::test(flavor = "multi_thread")]
async fn a_donor_is_told_what_became_of_everything_and_the_same_again() {
    let desk = desk().await;
    let row = |item: &str, told: &str| format!("GIFT,{item},{told}");
    let (rows, _) = statement(&desk, "");
    let silent = [
        row(MASK_A, "unreported,,30,75.00,USD,,,"),
        row(PUMP_A, "unreported,,2,,,,,"),
    ];
    assert!(silent.iter().all(|row| rows.contains(row)), "{rows:?}");

    // What is used, or put into service, is told of.
    let consume = |quantity: i64| {
        format!(
            "stock consume --facility {HOSPITAL} --item {MASK_A} --quantity {quantity} --purpose patient"
        )
    };
    desk.run(&consume(4)).success();
    desk.run(&format!(
        "asset put-into-service {PUMP_A} S-1 --trained person:9 --document kind=acceptance-act,number=A-1"
    ))
    .success();
    let (rows, again) = statement(&desk, "");
    let wanted = [
        row(MASK_A, "received,donation,60,150.00,USD,,,"),
        row(MASK_A, "at-warehouse,,22,55.00,USD,,,"),
        row(MASK_A, "in-transit,,5,12.50,USD,,,"),
        row(MASK_A, "delivered,,26,65.00,USD,,,"),
        row(MASK_A, "used,,4,10.00,USD,,,"),
        row(MASK_A, "lost,lost,3,7.50,USD,,,"),
        row(PUMP_A, "received,donation,2,,,,,"),
        row(PUMP_A, "delivered,,2,,,,,"),
        row(PUMP_A, "unreported,,1,,,,,"),
        row(PUMP_A, "in-service,,1,,,,,"),
    ];
    assert_eq!(rows, wanted);
    // The last day of use is one of use.
    let expired = row(MASK_A, "expired,,48,120.00,USD,,,");
    for (day, is_expired) in [("2090-01-01", false), ("2090-01-02", true)] {
        let (rows, _) = statement(&desk, &format!("--until {day}"));
        assert_eq!(rows.contains(&expired), is_expired, "{day}: {rows:?}");
    }

    // Whatever is recorded since, it is the same again; on the page, too.
    desk.run(&consume(6)).success();
    assert_ne!(statement(&desk, "").0, rows);
    let frozen = desk.run(&format!("{again} --format csv")).success();
    assert_eq!(
        frozen.lines().next(),
        Some(
            "donation_id,item_id,figure,cause,quantity,value,value_currency,\
             quantity_before,value_before,value_before_currency"
        )
    );
    assert_eq!(frozen.lines().skip(1).collect::<Vec<_>>(), wanted);
    let file = desk.node.data().join("statement.html");
    let page = |file: &Path, format: &str| {
        desk.run(&format!("{again} --page {} {format}", file.display()))
    };
    assert_eq!(page(&file, "").success(), "");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(page(&file, "--format csv").success(), frozen);
    let nowhere = desk.node.data().join("nowhere/statement.html");
    let told = page(&nowhere, "").refused(1);
    assert!(told.contains(&*nowhere.to_string_lossy()), "{told}");
    let page = std::fs::read_to_string(file).unwrap();
    for told in [&*again, ">26<", "65.00 USD", ">in service<"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    // It is all of it, or none.
    let nowhere = desk.node.data().join("nowhere/statement.html");
    let page = format!("--page {}", nowhere.display());
    for (words, code, wanted) in [
        (page.clone(), 1, page.clone()),
        (format!("{page} --limit 3"), 2, "--limit".to_owned()),
    ] {
        let refused = desk.run(&format!("{again} {words}")).refused(code);
        assert!(refused.contains(&wanted), "{refused}");
    }
    let table = desk.run(&again).success();
    assert!(table.contains("65.00 USD"), "{table}");
    let json = desk.run(&format!("{again} --format json")).success();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json.as_array().unwrap().len(), wanted.len());

    let (_, at) = again.split_once("--at ").unwrap();
    // What was found nobody gave.
    desk.run(&format!(
        "stock adjust --facility {NORTH} --batch B1 --delta 5 --reason found"
    ))
    .success();
    let (changes, _) = statement(&desk, &format!("--since {at} --changed-only"));
    let wanted = [
        row(MASK_A, "received,found,5,12.50,USD,0,0.00,USD"),
        row(MASK_A, "at-warehouse,,27,67.50,USD,22,55.00,USD"),
        row(MASK_A, "delivered,,20,50.00,USD,26,65.00,USD"),
        row(MASK_A, "used,,10,25.00,USD,4,10.00,USD"),
    ];
    assert_eq!(changes, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_donor_of_money_is_told_what_it_was_spent_on() {
    let desk = Desk::new().await;
    desk.run(&format!(
        "donation pledge --id MONEY --donor {DONOR} --money 900USD {THEN}"
    ))
    .success();
    desk.run(&format!(
        "donation spend MONEY --amount 300.50USD --purpose freight --supplier {CARRIER} {THEN}"
    ))
    .success();
    let (rows, again) = statement(&desk, "");
    let wanted = [
        "MONEY,,money-pledged,,,900.00,USD,,,",
        "MONEY,,money-spent,freight,,300.50,USD,,,",
        "MONEY,,money-left,,,599.50,USD,,,",
    ];
    assert_eq!(rows, wanted);
    let (rows, _) = statement(&desk, "--from 2021-03-06");
    let wanted = [
        "MONEY,,money-opening,,,599.50,USD,,,",
        "MONEY,,money-left,,,599.50,USD,,,",
    ];
    assert_eq!(rows, wanted);
    let file = desk.node.data().join("statement.html");
    desk.run(&format!("{again} --page {}", file.display()))
        .success();
    let page = std::fs::read_to_string(file).unwrap();
    assert!(
        page.contains("300.50 USD") && !page.contains(">0<"),
        "{page}"
    );
}
