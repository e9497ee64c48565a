//! A donation from abroad on the command line: promised with conditions, cleared by customs, received in parts, paid for
//! its carriage, closed short, opened again by what came late; and what the donor is told of it.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use keruen_tests::{
    desk::Desk,
    scene::{CARRIER, DONOR, HOSPITAL, MASK_A, NORTH, SOUTH},
};
use serde_json::Value;

/// A number in protobuf JSON.
fn number(value: &Value) -> i64 {
    value.as_str().map_or(0, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_donation_from_abroad_is_followed_to_its_end() {
    let desk = Desk::new().await;
    desk.run(&format!(
        "donation pledge --id GIFT --donor {DONOR} --line item={MASK_A},quantity=100 --money 5000.00USD \
         --condition report-use --expected-on 2020-06-01 --anonymous"
    ))
    .success();
    desk.run("consignment announce GIFT --document kind=waybill,number=CMR-1")
        .success();
    let receive = |quantity: i64, batch_id: &str| {
        format!(
            "donation receive GIFT --facility {NORTH} --line item={MASK_A},quantity={quantity},lot=L1,batch={batch_id},\
             value=2.50USD,basis=donor-declared"
        )
    };
    desk.refused(&receive(60, "B1"), "C-1");
    let from_it = format!("{} --consignment C-1", receive(60, "B1"));
    desk.refused(&from_it, "ANNOUNCED");
    desk.run("consignment at-border GIFT C-1").success();
    desk.run("consignment in-customs GIFT C-1 --document kind=customs-declaration,number=55302/1")
        .success();
    desk.refused(&from_it, "IN_CUSTOMS");
    // What cleared it is named.
    desk.run("consignment clear GIFT C-1").refused(1);
    let cleared =
        desk.json("consignment clear GIFT C-1 --document kind=customs-declaration,number=55302/1");
    let consignment = &cleared["donation"]["consignments"][0];
    assert_eq!(consignment["state"], "CONSIGNMENT_STATE_CLEARED");
    assert_eq!(consignment["documents"].as_array().unwrap().len(), 3);
    desk.run(&from_it).success();
    // Somebody answers for what came another way.
    desk.run(&format!(
        "{} --uncleared-by person:7 --uncleared-reason not-imported",
        receive(10, "B2")
    ))
    .success();

    desk.run(&format!(
        "donation commit GIFT --amount 1200.00USD --purpose freight --supplier {CARRIER}"
    ))
    .success();
    desk.run(&format!(
        "donation spend GIFT --amount 1000.00USD --purpose freight --supplier {CARRIER} --commitment 1"
    ))
    .success();
    desk.refused(
        "donation close GIFT --reason donor-withdrew",
        "commitment 1",
    );
    desk.run("donation release GIFT --commitment 1 --reason cost-less")
        .success();
    desk.refused("donation close GIFT", "30");
    let closed = desk.json("donation close GIFT --reason donor-withdrew");
    assert_eq!(closed["donation"]["state"], "DONATION_STATE_CLOSED");
    assert_eq!(
        number(&closed["donation"]["moneyAvailable"]["minorUnits"]),
        400_000
    );

    let balance = format!("donation balance {DONOR} --min-position {}", desk.head());
    let goods = desk.json(&balance)["balance"]["goods"][0].clone();
    let counts = ["pledged", "received", "outstanding", "short"].map(|it| number(&goods[it]));
    assert_eq!(counts, [100, 70, 0, 30]);
    // Twenty more come all the same.
    let late = format!("{} --consignment C-1", receive(20, "B3"));
    let reopened = desk.json(&late)["donation"].clone();
    assert_eq!(reopened["state"], "DONATION_STATE_PARTLY_RECEIVED");
    let balance = format!("donation balance {DONOR} --min-position {}", desk.head());
    let goods = desk.json(&balance)["balance"]["goods"][0].clone();
    let counts = ["pledged", "received", "outstanding", "short"].map(|it| number(&goods[it]));
    assert_eq!(counts, [100, 90, 10, 0]);

    let certificate = format!("donation certificate GIFT --min-position {}", desk.head());
    let told = desk.json(&certificate)["certificate"].clone();
    assert_eq!(told["goods"].as_array().unwrap().len(), 3);
    assert_eq!(number(&told["value"][0]["minorUnits"]), 90 * 250);
    let table = desk.run(&certificate).success();
    for named in ["B1", "B3", "225.00"] {
        assert!(table.contains(named), "{named} in\n{table}");
    }
    assert!(desk.run("check").success().contains("keep"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earmark_binds_until_goods_are_where_they_are_meant_to_be() {
    let desk = Desk::new().await;
    desk.run(&format!(
        "donation pledge --id GIFT --donor {DONOR} --line item={MASK_A},quantity=100 --earmark facility={HOSPITAL}"
    ))
    .success();
    desk.run(&format!(
        "donation receive GIFT --facility {NORTH} --line item={MASK_A},quantity=100,batch=B1"
    ))
    .success();
    let consume = |facility_id: &str| {
        format!(
            "stock consume --facility {facility_id} --item {MASK_A} --quantity 1 --purpose patient"
        )
    };
    desk.refused(&consume(NORTH), "100 meant for others");
    desk.refused(&format!("{} --batch B1", consume(NORTH)), "GIFT");
    for (id, from, to) in [("S1", NORTH, SOUTH), ("S2", SOUTH, HOSPITAL)] {
        desk.run(&format!(
            "shipment request --id {id} --from {from} --to {to} --line item={MASK_A},quantity=100"
        ))
        .success();
        desk.run(&format!("shipment allocate {id}")).success();
        desk.run(&format!("shipment dispatch {id} --custodian {CARRIER}"))
            .success();
        desk.run(&format!("shipment receive {id}")).success();
    }
    desk.run(&consume(HOSPITAL)).success();
    assert!(desk.run("check").success().contains("keep"));
}

/// Rows of stock as grouped: name, on hand, in transit.
fn stock_by(desk: &Desk, group: &str) -> Vec<(String, i64, i64)> {
    let rows = desk.json(&format!(
        "stock --by {group} --item {MASK_A} --min-position {}",
        desk.head()
    ));
    let rows = rows.as_array().unwrap().iter();
    let number = |row: &Value, name: &str| row[name].as_i64().unwrap();
    rows.filter(|row| number(row, "on_hand") + number(row, "in_transit") > 0)
        .map(|row| {
            let name = row[group].as_str().unwrap().to_owned();
            (name, number(row, "on_hand"), number(row, "in_transit"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_given_to_the_ministry_is_entered_into_the_books_of_two_hospitals() {
    let desk = Desk::new().await;
    for (id, kind) in [
        ("MOH", "ministry"),
        ("CITY", "hospital"),
        ("RURAL", "hospital"),
    ] {
        desk.run(&format!(
            "organisation register {id} --name-en {id} --kind {kind}"
        ))
        .success();
    }
    for (id, operator) in [("HOSP-CITY", "CITY"), ("HOSP-RURAL", "RURAL")] {
        desk.run(&format!(
            "facility register {id} --name-en {id} --kind hospital --region KZ-62 --time-zone Asia/Almaty \
             --operator {operator}"
        ))
        .success();
    }
    desk.run(&format!(
        "donation pledge --id GIFT --donor {DONOR} --recipient MOH --line item={MASK_A},quantity=100"
    ))
    .success();
    desk.run(&format!(
        "donation receive GIFT --facility {NORTH} --line item={MASK_A},quantity=100,batch=B1"
    ))
    .success();
    for (id, to, quantity) in [
        ("S1", "HOSP-CITY", 50),
        ("S2", "HOSP-RURAL", 20),
        ("S3", "HOSP-RURAL", 5),
    ] {
        desk.run(&format!(
            "shipment request --id {id} --from {NORTH} --to {to} --line item={MASK_A},quantity={quantity}"
        ))
        .success();
        desk.run(&format!("shipment allocate {id}")).success();
        desk.run(&format!("shipment dispatch {id} --custodian {CARRIER}"))
            .success();
    }
    desk.run("shipment receive S1").success();
    desk.run("shipment receive S2").success();
    // A table leaves out what never happened.
    let owners = "stock --by owner --format table";
    assert!(!desk.run(owners).success().contains("title in"));
    let deed = "--document kind=transfer-act,number=TA-1";
    // A deed is needed, and what there is.
    desk.run("stock transfer-title --facility HOSP-CITY --batch B1 --to CITY --quantity 40")
        .refused(2);
    desk.refused(
        &format!(
            "stock transfer-title --facility HOSP-CITY --batch B1 --to CITY --quantity 51 {deed}"
        ),
        "50 available",
    );
    desk.run(&format!(
        "stock transfer-title --facility HOSP-CITY --batch B1 --to CITY --quantity 40 {deed}"
    ))
    .success();
    desk.run(&format!(
        "stock transfer-title --facility HOSP-RURAL --batch B1 --to RURAL {deed}"
    ))
    .success();

    let owners = format!("{owners} --min-position {}", desk.head());
    assert!(desk.run(&owners).success().contains("title in"));
    let row = |name: &str, on_hand: i64, in_transit: i64| (name.to_owned(), on_hand, in_transit);
    assert_eq!(
        stock_by(&desk, "owner"),
        [row("CITY", 40, 0), row("MOH", 35, 5), row("RURAL", 20, 0)]
    );
    assert_eq!(
        stock_by(&desk, "facility"),
        [
            row("HOSP-CITY", 50, 0),
            row("HOSP-RURAL", 20, 5),
            row(NORTH, 25, 0)
        ]
    );
    let mut custodians = stock_by(&desk, "custodian");
    let others: Vec<_> = custodians
        .extract_if(.., |it| it.0 != "CITY" && it.0 != "RURAL")
        .collect();
    assert_eq!(custodians, [row("CITY", 50, 0), row("RURAL", 20, 0)]);
    // NORTH is run by somebody else; what is on its way is in the carrier's hands.
    let sum = others
        .iter()
        .fold([0, 0], |sum, it| [sum[0] + it.1, sum[1] + it.2]);
    assert_eq!(sum, [25, 5]);
    assert!(others.iter().any(|it| it.0 == CARRIER && it.2 == 5));
    let trace = desk.json(&format!("trace batch B1 --min-position {}", desk.head()));
    let steps = trace["batches"][0]["steps"].as_array().unwrap();
    let owners: Vec<&str> = steps
        .iter()
        .filter_map(|step| step["newOwnerId"].as_str())
        .filter(|owner| !owner.is_empty())
        .collect();
    assert_eq!(owners, ["CITY", "RURAL"]);
    assert!(desk.run("check").success().contains("keep"));

    pass_on_their_way(&desk, deed);
}

/// Three of the five units of S3 pass in the carrier's hands: nothing moves, and it answers for them as before.
fn pass_on_their_way(desk: &Desk, deed: &str) {
    let row = |name: &str, on_hand: i64, in_transit: i64| (name.to_owned(), on_hand, in_transit);
    let way = "shipment transfer-title S3 --to RURAL --unit line=1,quantity=";
    desk.run(&format!("{way}3")).refused(2);
    desk.refused(&format!("{way}6 {deed}"), "5 are there to take");
    let of_moh = "shipment transfer-title S3 --to RURAL --owner CITY";
    desk.refused(&format!("{of_moh} {deed}"), "has nothing of CITY");
    desk.run(&format!("{way}3 {deed}")).success();
    desk.run(&format!("stock --by owner --min-position {}", desk.head()))
        .success();
    assert_eq!(
        stock_by(desk, "owner"),
        [row("CITY", 40, 0), row("MOH", 35, 2), row("RURAL", 20, 3)]
    );
    assert_eq!(
        stock_by(desk, "facility"),
        [
            row("HOSP-CITY", 50, 0),
            row("HOSP-RURAL", 20, 5),
            row(NORTH, 25, 0)
        ]
    );
    let custodians = stock_by(desk, "custodian");
    assert!(custodians.iter().any(|it| it.0 == CARRIER && it.2 == 5));
    desk.run("shipment receive S3").success();
    desk.run(&format!("stock --by owner --min-position {}", desk.head()))
        .success();
    assert_eq!(
        stock_by(desk, "owner"),
        [row("CITY", 40, 0), row("MOH", 37, 0), row("RURAL", 23, 0)]
    );
    let trace = desk.json("trace batch B1");
    let steps = trace["batches"][0]["steps"].as_array().unwrap();
    let passed = steps
        .iter()
        .find(|step| step["newOwnerId"] == "RURAL" && step["shipmentId"] == "S3");
    assert_eq!(passed.unwrap()["quantity"], "3");
    desk.refused(
        &format!("shipment transfer-title S3 --to CITY {deed}"),
        "title is transferred at the facility",
    );
    assert!(desk.run("check").success().contains("keep"));
}
