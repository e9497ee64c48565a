//! Kits on the command line: put together, sent, recalled for what is in them, and taken apart, with every step in the
//! trace of what they are made of.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use keruen_tests::{
    desk::Desk,
    scene::{CARRIER, DONOR, HOSPITAL, MASK_A, NORTH},
};

fn stock(desk: &Desk, facility_id: &str, item_id: &str) -> [i64; 4] {
    let rows = desk.view(&format!(
        "stock --by facility --facility {facility_id} --item {item_id}"
    ));
    ["on_hand", "held", "available", "converted"].map(|it| rows[0][it].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_a_kit_is_known_until_it_is_taken_apart() {
    let desk = Desk::new().await;
    desk.run(&format!(
        "donation pledge --id GIFT --donor {DONOR} --line item={MASK_A},quantity=100"
    ))
    .success();
    for (batch, lot) in [("B1", "L1"), ("B2", "L2")] {
        desk.run(&format!(
            "donation receive GIFT --facility {NORTH} --line item={MASK_A},quantity=20,lot={lot},batch={batch}"
        ))
        .success();
    }
    let commodity = desk.json(&format!("item get {MASK_A}"))["item"]["commodityId"].clone();
    let commodity = commodity.as_str().unwrap();
    desk.run(&format!(
        "item register KIT --commodity {commodity} --name-en Kit --tracking batch \
         --component item={MASK_A},quantity=4"
    ))
    .success();
    desk.run(&format!(
        "kit assemble --facility {NORTH} --item KIT --quantity 7 --id K1"
    ))
    .success();
    // Five kits hold masks of L1, two hold masks of L2.
    assert_eq!(stock(&desk, NORTH, "KIT"), [7, 0, 7, 0]);
    assert_eq!(stock(&desk, NORTH, MASK_A), [12, 0, 12, 28]);
    let kit = desk.json("batch get K1")["batch"].clone();
    assert_eq!(kit["components"][0]["batchId"], "B1");
    assert_eq!(kit["components"][0]["quantity"], "4");
    desk.run(&format!(
        "shipment request --id S1 --from {NORTH} --to {HOSPITAL} --line item=KIT,quantity=3"
    ))
    .success();
    desk.run("shipment allocate S1").success();
    desk.run(&format!("shipment dispatch S1 --custodian {CARRIER}"))
        .success();
    desk.run("shipment receive S1").success();
    // The recall of a lot finds the kits that hold it, and nobody sends or issues them any more.
    desk.run(&format!(
        "recall start --item {MASK_A} --lot L1 --reason defect --authority {DONOR}"
    ))
    .success();
    let shown = desk.view(&format!("recall show {MASK_A} L1"))["lotTrace"].clone();
    assert_eq!(shown["kits"][0]["batch"]["batchId"], "K1");
    assert_eq!(shown["kits"].as_array().unwrap().len(), 1);
    let holders = shown["holders"].as_array().unwrap();
    let hospital = holders.iter().find(|it| it["facilityId"] == HOSPITAL);
    assert_eq!(hospital.unwrap()["kits"], "3");
    let listed = desk.run("recall list --format csv").success();
    assert!(listed.trim_end().ends_with(",0,0,0,5"), "{listed}");
    assert_eq!(stock(&desk, HOSPITAL, "KIT"), [3, 3, 0, 0]);
    let issue = format!("stock consume --facility {HOSPITAL} --item KIT --quantity 1");
    desk.refused(&format!("{issue} --purpose patient"), "INSUFFICIENT_STOCK");
    let text = desk.run(&format!("recall show {MASK_A} L1")).success();
    assert!(text.contains("where the kits are that hold some"), "{text}");
    // The donor's trace leads into the kits.
    let trace = desk.view("trace donation GIFT")["batches"].clone();
    let batches = trace.as_array().unwrap().iter();
    let ids: Vec<_> = batches
        .map(|it| it["batch"]["batchId"].as_str().unwrap())
        .collect();
    assert!(ids.contains(&"K1"), "{ids:?}");
    let steps = trace[0]["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["kitBatchId"], "K1");
    let told = desk.run("trace batch K1").success();
    assert!(told.contains("each holds 4 B1 of GIFT"), "{told}");
    assert!(told.starts_with("donation GIFT of "), "{told}");
    assert!(told.contains("4 in each kit"), "{told}");
    // Taken apart in the hospital, the masks are those of their batch again, and stay recalled.
    desk.run(&format!(
        "kit break --facility {HOSPITAL} --batch K1 --quantity 2"
    ))
    .success();
    assert_eq!(stock(&desk, HOSPITAL, MASK_A), [8, 8, 0, 0]);
    assert_eq!(stock(&desk, NORTH, MASK_A), [12, 0, 12, 20]);
    // What was given adds up to what came; the kits with some of it are not more of it.
    let told = desk.run("trace donation GIFT").success();
    for line in [
        "sum  20 on hand + 20 converted = 40\n",
        "kits  5 on hand + 2 converted = 7, with some of it\n",
    ] {
        assert!(told.contains(line), "{told}");
    }
    desk.run("check").success();
}
