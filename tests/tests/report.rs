//! Reports and timelines on the command line, of a real node.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use keruen_tests::{
    desk::Desk,
    program,
    scene::{CARRIER, HOSPITAL, MASK, MASK_A, NORTH, SOUTH},
};
use serde_json::Value;

/// A hospital that asks, and a warehouse that has something.
async fn desk() -> Desk {
    let desk = Desk::new().await;
    desk.run(&format!(
        "stock open --facility {NORTH} --line item={MASK_A},quantity=60,lot=A1,expires=2099-01-31,batch=B1"
    ))
    .success();
    desk
}

#[test]
fn a_period_of_no_days_is_refused_before_anything_is_asked() {
    for line in [
        "report unmet --confirmed-within-days 0",
        "report expiring --within-days 0",
        "report reorder --months 0",
        "inbox --kind expiring --expiring-days 0",
        "report reorder --average-months 0",
        "report statement --donor KASPI --unreported-days 0",
        "report statement --donor KASPI --at 0",
        "report statement --donor KASPI --since 0",
    ] {
        let told = program::run(line.split(' '));
        assert_eq!(told.code, Some(2), "{line}: {told:?}");
        assert!(told.stderr.contains("must be at least 1"), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hospital_misses_shrinks_as_it_is_sent_and_received() {
    let desk = desk().await;
    // Nobody knows what the hospital needs until it says so.
    let rows = desk.rows("report unmet");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["silentFacilityId"], HOSPITAL);
    assert_eq!(rows[0]["regionId"], "KZ-62");
    for id in ["R1", "R2"] {
        desk.run(&format!(
            "request file --id {id} --facility {HOSPITAL} --line item={MASK_A},quantity=50"
        ))
        .success();
    }
    let told = |column: &str| -> Vec<Value> {
        let rows = desk.rows("report unmet");
        rows.iter().map(|row| row[column].clone()).collect()
    };
    assert_eq!(told("missing"), ["100"]);
    assert_eq!(told("commodityId"), [MASK]);
    desk.run("request mark-duplicate R2 --of R1").success();
    assert_eq!(told("missing"), ["50"]);
    desk.run("request approve R1 --line line=1,quantity=45")
        .success();
    assert_eq!(told("missing"), ["45"]);
    desk.run(&format!(
        "shipment request --id S1 --from {NORTH} --to {HOSPITAL} --line item={MASK_A},quantity=30,request=R1,request-line=1"
    ))
    .success();
    desk.run("shipment allocate S1").success();
    assert_eq!(
        (told("missing"), told("claimed")),
        (vec!["45".into()], vec!["30".into()])
    );
    desk.run(&format!("shipment dispatch S1 --custodian {CARRIER}"))
        .success();
    assert_eq!(
        (told("missing"), told("onTheWay")),
        (vec!["15".into()], vec!["30".into()])
    );
    desk.run("shipment receive S1").success();
    assert_eq!(
        (told("missing"), told("received")),
        (vec!["15".into()], vec!["30".into()])
    );
    let csv = desk.run("report unmet --format csv").success();
    assert!(csv.starts_with("region_id,commodity_id,item_id,"), "{csv}");
    desk.run("report unmet --region KZ-71 --format table")
        .success();
    desk.run("report unmet --facility NOWHERE").refused(1);
    desk.run("report unmet --confirmed-within-days 9999")
        .refused(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_approved_is_told_and_whom_nobody_knows_is_counted() {
    let desk = desk().await;
    desk.run("facility register SILENT --kind hospital --region KZ-71 --time-zone Asia/Almaty --operator CARRIER --name-en Silent")
        .success();
    for id in ["R1", "R2"] {
        desk.run(&format!(
            "request file --id {id} --facility {HOSPITAL} --line item={MASK_A},quantity=10"
        ))
        .success();
    }
    let told = |words: &str, column: &str| -> Vec<Value> {
        let rows = desk.rows(&format!("report unmet {words}"));
        rows.iter().map(|row| row[column].clone()).collect()
    };
    // One of ten is approved and comes; all of the others are not forgotten.
    desk.run("request approve R1 --line line=1,quantity=1")
        .success();
    desk.run(&format!(
        "shipment request --id S1 --from {NORTH} --to {HOSPITAL} --line item={MASK_A},quantity=1,request=R1,request-line=1"
    ))
    .success();
    desk.run("shipment allocate S1").success();
    desk.run(&format!("shipment dispatch S1 --custodian {CARRIER}"))
        .success();
    desk.run("shipment receive S1").success();
    desk.run("request reject R2 --reason not-available")
        .success();
    let of_masks = format!("--commodity {MASK} --hide-silent");
    assert_eq!(told(&of_masks, "notApproved"), ["19"]);
    assert_eq!(told(&of_masks, "approved"), ["1"]);
    assert_eq!(told(&of_masks, "missing"), ["10"]);
    // A hospital of which nothing is known may need masks, too.
    let of_masks = format!("--item {MASK_A} --filter not_approved>5 --order-by unknown_facility");
    assert_eq!(
        told(&of_masks, "silentFacilityId"),
        ["".into(), Value::from("SILENT")]
    );
    desk.run("report unmet --filter notapproved>0").refused(1);
    let totals = desk.rows("report unmet --totals");
    assert_eq!(totals.len(), 2, "{totals:?}");
    assert_eq!(totals[0]["asked"], "20");
    assert_eq!(totals[1]["silentFacilities"], "1");
    let csv = desk.run("report unmet --totals --format csv").success();
    assert!(csv.starts_with("commodity_id,need,"), "{csv}");
    assert!(csv.contains("\nall,,,1,2,,,,"), "{csv}");
    let csv = desk.run("report unmet --format csv").success();
    assert_eq!(csv.matches("region_id").count(), 1, "{csv}");
    assert!(!csv.contains("all,"), "{csv}");
    let table = desk.run("report unmet --format table").success();
    assert!(table.contains("unknown facilities"), "{table}");
    for words in [
        "report expiring --within-days 3660 --filter on_hand>0 --order-by region",
        "report reorder --all --filter available>=0 --order-by suggested",
    ] {
        desk.run(words).success();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_is_shown_what_is_out_of_the_ordinary() {
    let desk = desk().await;
    desk.run(&format!(
        "request file --id R1 --facility {HOSPITAL} --line item={MASK_A},quantity=20"
    ))
    .success();
    desk.run("request approve R1 --actor person:7").success();
    for words in [
        format!(
            "shipment request --id S1 --from {NORTH} --to {HOSPITAL} --line item={MASK_A},quantity=20,request=R1,request-line=1"
        ),
        "shipment allocate S1".to_owned(),
        format!("shipment dispatch S1 --custodian {CARRIER} --document kind=waybill,number=W-1"),
        "shipment receive S1 --actor person:7 --document kind=acceptance-act,number=A-1".to_owned(),
        format!(
            "stock adjust --facility {NORTH} --batch B1 --delta=-3 --reason count-difference \
             --document kind=count-sheet,number=C-1"
        ),
        format!(
            "stock consume --facility {HOSPITAL} --item {MASK_A} --quantity 2 --purpose patient \
             --occurred-at 2021-03-05T10:00:00+05:00"
        ),
    ] {
        desk.run(&words).success();
    }
    let kinds = |words: &str| -> Vec<String> {
        let rows = desk.rows(&format!("report exceptions {words}"));
        rows.iter()
            .map(|row| {
                row["kind"]
                    .as_str()
                    .unwrap()
                    .replace("AUDIT_EXCEPTION_KIND_", "")
            })
            .collect()
    };
    assert_eq!(kinds("--kind same-person"), ["SAME_PERSON"]);
    let own = desk.rows("report exceptions --kind same-person");
    assert_eq!(
        (&own[0]["subject"], &own[0]["personRef"]),
        (&"request:R1".into(), &"person:7".into())
    );
    assert_eq!(kinds("--kind adjustment"), ["ADJUSTMENT"]);
    let adjusted = desk.rows("report exceptions --kind adjustment");
    assert_eq!(adjusted[0]["quantity"], "-3");
    assert_eq!(adjusted[0]["reason"], "ADJUSTMENT_REASON_COUNT_DIFFERENCE");
    assert!(kinds("--kind backdated").contains(&"BACKDATED".to_owned()));
    assert!(kinds("--kind no-document").is_empty());
    assert_eq!(kinds("--by person:7"), ["SAME_PERSON"]);
    let table = desk.run("report exceptions --format csv").success();
    assert!(table.contains("count-difference"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeline_tells_what_happened_to_one_thing() {
    let desk = desk().await;
    desk.run(&format!(
        "stock adjust --facility {NORTH} --batch B1 --delta=-3 --reason count-difference"
    ))
    .success();
    let text = desk.run("timeline batch:B1 --format json").success();
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    let what: Vec<_> = rows
        .iter()
        .map(|row| row["what"].as_str().unwrap())
        .collect();
    assert_eq!(what, ["stock entered", "stock adjusted"]);
    let details = rows[1]["details"].as_array().unwrap();
    assert!(
        details.contains(&"reason=count-difference".into()),
        "{details:?}"
    );
    let text = desk
        .run("timeline batch:B1 --newest --limit 1 --format csv")
        .success();
    assert!(
        text.contains("stock adjusted") && !text.contains("stock entered"),
        "{text}"
    );
    desk.run(&format!("timeline facility:{NORTH}")).success();
    let refused = desk.run("timeline batch:GHOST").refused(1);
    assert!(refused.contains("batch:GHOST"), "{refused}");
    desk.run("timeline ghost:B1").refused(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_and_what_runs_out_is_told_in_time() {
    let desk = desk().await;
    assert!(desk.rows("report expiring").is_empty());
    let soon = desk.rows("report expiring --within-days 3660 --hide-expired");
    assert!(soon.is_empty(), "{soon:?}");
    desk.run(&format!(
        "stock open --facility {SOUTH} --line item={MASK_A},quantity=5,lot=OLD,expires=2021-01-31,batch=B0"
    ))
    .success();
    let expired = desk.rows(&format!("report expiring --facility {SOUTH}"));
    assert_eq!(expired.len(), 1);
    assert_eq!(expired[0]["batchId"], "B0");
    assert!(expired[0]["daysLeft"].as_str().unwrap().starts_with('-'));
    assert!(desk.rows("report expiring --hide-expired").is_empty());
    assert!(desk.rows("report reorder").is_empty());
    desk.run(&format!(
        "stock consume --facility {NORTH} --item {MASK_A} --quantity 40 --purpose patient --batch B1"
    ))
    .success();
    // 40 in the week that is averaged over at least: 20 are there, and 343 are wanted for two months.
    let rows = desk.rows("report reorder");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["monthlyConsumption"], "172");
    assert_eq!(
        (&rows[0]["daysLeft"], &rows[0]["suggested"]),
        (&"3".into(), &"323".into())
    );
    assert_eq!(rows[0]["monthsLeft"], 0.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_take_filters_and_orders_as_text() {
    let desk = desk().await;
    for (id, priority, day) in [
        ("R1", "routine", "2099-03-01"),
        ("R2", "stat", "2099-02-01"),
        ("R3", "urgent", "2099-01-01"),
    ] {
        desk.run(&format!(
            "request file --id {id} --facility {HOSPITAL} --line item={MASK_A},quantity=5 --priority {priority} \
             --needed-by {day}"
        ))
        .success();
    }
    let list = |words: &[&str]| -> Vec<Value> {
        let mut arguments = words.to_vec();
        arguments.extend(["--server", desk.node.grpc_url(), "--format", "json"]);
        let head = desk.run("log stats --format json").success();
        let head: Value = serde_json::from_str(&head).unwrap();
        let head = head["position"].to_string().replace('"', "");
        arguments.extend(["--min-position", &head]);
        serde_json::from_str(&program::run(arguments).success()).unwrap()
    };
    let requests = |filter: &str, order_by: &str| -> Vec<String> {
        let words = [
            "request",
            "list",
            "--filter",
            filter,
            "--order-by",
            order_by,
        ];
        let rows = list(&words);
        let id = |row: &Value| row["request"]["requestId"].as_str().unwrap().to_owned();
        rows.iter().map(id).collect()
    };
    assert_eq!(
        requests("priority >= URGENT AND needed_by < 2099-02-02", "needed_by"),
        ["R3", "R2"]
    );
    assert_eq!(
        requests("region = KZ-62 AND item:MASK-A", "needed_by desc"),
        ["R1", "R2", "R3"]
    );
    assert_eq!(
        requests("NOT (priority = ROUTINE OR priority = STAT)", ""),
        ["R3"]
    );
    let stock = list(&[
        "stock",
        "--by",
        "facility,item",
        "--filter",
        "available >= 60 AND item = MASK-A",
    ]);
    assert_eq!(stock.len(), 1, "{stock:?}");
    assert_eq!(stock[0]["facility"], NORTH);
    let empty: [&[&str]; 4] = [
        &[
            "shipment",
            "list",
            "--filter",
            "late = true",
            "--order-by",
            "expected_on",
        ],
        &["donation", "list", "--filter", "state = CLOSED"],
        &["asset", "list", "--filter", "commodity = PUMP"],
        &[
            "report",
            "exceptions",
            "--filter",
            "value_minor_units > 0",
            "--order-by",
            "value_minor_units desc",
        ],
    ];
    for words in empty {
        assert_eq!(list(words), Vec::<Value>::new(), "{words:?}");
    }
    let wrong = [
        "request",
        "list",
        "--filter",
        "regon = KZ-62",
        "--server",
        desk.node.grpc_url(),
    ];
    let told = program::run(wrong).refused(1);
    assert!(
        told.contains("at character 1: there is no field \"regon\"; there are"),
        "{told}"
    );
}
