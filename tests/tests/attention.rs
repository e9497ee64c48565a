//! What somebody must see to, in lists: who has too little, what is held, recalled, counted, or unidentified.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use keruen_tests::{
    desk::Desk,
    scene::{DONOR, MASK, MASK_A, NORTH},
};

async fn stocked() -> Desk {
    let desk = Desk::new().await;
    for words in [
        format!("donation pledge --id GIFT --donor {DONOR} --line item={MASK_A},quantity=100"),
        format!(
            "donation receive GIFT --facility {NORTH} --line item={MASK_A},quantity=40,lot=L1,batch=B1 \
             --line item={MASK_A},quantity=20,lot=L2,batch=B2"
        ),
    ] {
        desk.run(&words).success();
    }
    desk
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_too_little_is_listed() {
    let desk = stocked().await;
    assert!(desk.rows("stock shortages").is_empty());
    desk.run(&format!("facility set-reserve {NORTH} {MASK} 70"))
        .success();
    let rows = desk.rows("stock shortages");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["facilityId"], NORTH);
    assert_eq!(
        (&rows[0]["available"], &rows[0]["short"]),
        (&"60".into(), &"10".into())
    );
    // What is held can't be used.
    desk.run("batch hold B2 --reason quality-doubt").success();
    let rows = desk.rows(&format!("stock shortages --facility {NORTH}"));
    assert_eq!(rows[0]["short"], "30");
    let csv = desk.run("stock shortages --format csv").success();
    assert!(
        csv.starts_with("facility_id,region_id,commodity_id,minimum,"),
        "{csv}"
    );
    desk.run("stock shortages --region XX").refused(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_or_recalled_is_listed_with_its_reasons() {
    let desk = stocked().await;
    desk.run("batch hold B2 --reason quality-doubt").success();
    desk.run(&format!(
        "stock hold --facility {NORTH} --batch B1 --quantity 5 --reason damaged"
    ))
    .success();
    let held = desk.rows("stock held");
    let told: Vec<_> = held
        .iter()
        .map(|row| {
            (
                row["batchId"].as_str().unwrap(),
                row["held"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("B1", "5"), ("B2", "20")]);
    assert_eq!(held[1]["reasons"][0], "HOLD_REASON_QUALITY_DOUBT");
    assert!(desk.rows("recall list").is_empty());
    desk.run(&format!(
        "recall start --item {MASK_A} --lot L1 --reason defect --authority {DONOR}"
    ))
    .success();
    let recalls = desk.rows("recall list");
    assert_eq!(recalls.len(), 1);
    assert_eq!(recalls[0]["recall"]["lot"], "L1");
    assert_eq!(recalls[0]["onHand"], "40");
    let held = desk.rows(&format!("stock held --item {MASK_A} --limit 1"));
    assert_eq!(held.len(), 1);
    assert_eq!(
        (&held[0]["held"], &held[0]["recalled"]),
        (&"40".into(), &true.into())
    );
    desk.run(&format!(
        "recall lift --item {MASK_A} --lot L1 --authority {DONOR}"
    ))
    .success();
    assert!(desk.rows("recall list").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_and_goods_that_nobody_can_name_are_listed() {
    let desk = stocked().await;
    for (id, counted) in [("C1", 38), ("C2", 37)] {
        desk.run(&format!(
            "stock count --id {id} --facility {NORTH} --item {MASK_A} --kind cycle --line batch=B1,quantity={counted}"
        ))
        .success();
    }
    let counts = desk.rows(&format!("stock counts --facility {NORTH}"));
    let ids: Vec<_> = counts
        .iter()
        .map(|row| row["countId"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["C2", "C1"]);
    desk.run(&format!(
        "goods receive --id G1 --facility {NORTH} --packages 2"
    ))
    .success();
    desk.run(&format!(
        "goods receive --id G2 --facility {NORTH} --packages 1"
    ))
    .success();
    desk.run(&format!(
        "goods identify G2 --line item={MASK_A},quantity=10"
    ))
    .success();
    assert_eq!(desk.rows("goods list").len(), 1);
    let all = desk.rows("goods list --identified");
    let ids: Vec<_> = all
        .iter()
        .map(|row| row["goodsId"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["G1", "G2"]);
}
