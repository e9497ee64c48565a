//! What a store knows, on the command line: counts while goods move, goods that nobody can name, the life of a pump from
//! identification to retirement, and where mobile units go.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use keruen_tests::{
    desk::Desk,
    scene::{CARRIER, DONOR, HOSPITAL, MASK_A, NORTH, PUMP, PUMP_A, SOUTH},
};

/// On hand, held and available of an item at a facility.
fn stock(desk: &Desk, facility_id: &str, item_id: &str) -> [i64; 3] {
    let head = desk.json("log stats")["position"].as_u64().unwrap();
    let rows = desk.json(&format!(
        "stock --by facility --facility {facility_id} --item {item_id} --min-position {head}"
    ));
    let number = |name: &str| rows[0][name].as_i64().unwrap();
    [number("on_hand"), number("held"), number("available")]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_while_people_count_is_not_missing() {
    let desk = Desk::new().await;
    desk.run(&format!(
        "stock open --facility {NORTH} --line item={MASK_A},quantity=100,lot=OLD,batch=B1 \
         --line item={MASK_A},quantity=40,held=yes,batch=B2"
    ))
    .success();
    assert_eq!(stock(&desk, NORTH, MASK_A), [140, 40, 100]);
    desk.refused(
        &format!("stock open --facility {NORTH} --line item={MASK_A},quantity=1"),
        "BOOKS_OPEN_ALREADY",
    );
    let level = desk.json(&format!("stock level {NORTH} {MASK_A}"));
    let position = level["position"].as_str().unwrap().to_owned();
    // Meanwhile 30 leave.
    desk.run(&format!(
        "shipment request --id S1 --from {NORTH} --to {SOUTH} --line item={MASK_A},quantity=30"
    ))
    .success();
    desk.run("shipment allocate S1").success();
    desk.run(&format!("shipment dispatch S1 --custodian {CARRIER}"))
        .success();
    let counted = desk.json(&format!(
        "stock count --id C1 --facility {NORTH} --item {MASK_A} --kind full --at-position {position} \
         --line batch=B1,quantity=97 --line batch=B2,quantity=40 --found quantity=5,lot=NEW"
    ));
    let lot = &counted["stockCount"]["lots"][0];
    assert_eq!(
        (&lot["expected"], &lot["counted"]),
        (&"100".into(), &"97".into())
    );
    assert_eq!(stock(&desk, NORTH, MASK_A), [112, 45, 67]);
    let shown = desk.run("stock get-count C1").success();
    assert!(shown.contains("difference"), "{shown}");
    desk.refused(
        &format!("stock count --facility {NORTH} --item {MASK_A} --kind full --at-position 999999"),
        "counted_position",
    );

    // The cold store failed; what it held is kept apart, and decided on.
    desk.run(&format!(
        "stock excursion --facility {NORTH} --item {MASK_A} --batch B1 --seen=-4..31.5 --minutes 90"
    ))
    .success();
    assert_eq!(stock(&desk, NORTH, MASK_A), [112, 112, 0]);
    desk.run(
        "batch shorten-expiry B1 --expires-on 2030-01-01 --document kind=quality-decision,number=1",
    )
    .success();
    desk.run(&format!(
        "stock return --facility {NORTH} --batch B2 --quantity 40 --reason not-needed --recipient {DONOR}"
    ))
    .success();
    assert_eq!(stock(&desk, NORTH, MASK_A), [72, 72, 0]);

    // Packages that nobody can name.
    desk.run(&format!(
        "goods receive --id G1 --facility {SOUTH} --packages 3 --description photo:118"
    ))
    .success();
    desk.run(&format!(
        "goods identify G1 --packages 2 --line item={MASK_A},quantity=60,batch=B9"
    ))
    .success();
    desk.run("goods identify G1").success();
    desk.refused("goods identify G1", "ALREADY_IDENTIFIED");
    let goods = desk.json("goods get G1");
    assert_eq!(goods["unidentifiedGoods"]["identifiedPackages"], "3");
    assert!(desk.run("check").success().contains("keep"));
}

/// Who must see to what, in one list.
#[tokio::test(flavor = "multi_thread")]
async fn equipment_that_somebody_must_see_to_is_listed() {
    let desk = Desk::new().await;
    desk.run(&format!(
        "stock open --facility {NORTH} --line item={PUMP_A},serial=S-1,serial=S-2,serial=S-3,batch=B1"
    ))
    .success();
    desk.run(&format!(
        "stock open --facility {SOUTH} --line item={PUMP_A},serial=S-4,batch=B2"
    ))
    .success();
    desk.run(&format!(
        "asset put-into-service {PUMP_A} S-1 --trained person:9 --service-due 2099-01-15 \
         --document kind=acceptance-act,number=A-1"
    ))
    .success();
    desk.run(&format!(
        "asset lend {PUMP_A} S-2 --borrower {DONOR} --due 2020-06-01 --occurred-at 2020-05-01T09:00:00Z"
    ))
    .success();
    desk.run(&format!(
        "asset report {PUMP_A} S-3 --condition out-of-order --fault leak"
    ))
    .success();
    desk.run(&format!(
        "asset send-for-repair {PUMP_A} S-3 --repairer {CARRIER}"
    ))
    .success();
    desk.run(&format!(
        "stock adjust --facility {SOUTH} --batch B2 --delta=-1 --serial S-4 --reason lost"
    ))
    .success();
    let head = desk.json("log stats")["position"].as_u64().unwrap();
    let listed = |filter: &str| {
        let shown = desk
            .run(&format!(
                "asset list {filter} --min-position {head} --format csv"
            ))
            .success();
        let serials = shown
            .lines()
            .skip(1)
            .filter_map(|row| row.split(',').nth(1));
        serials.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(listed(""), "S-1 S-2 S-3");
    assert_eq!(listed("--gone"), "S-1 S-2 S-3 S-4");
    assert_eq!(listed(&format!("--facility {SOUTH} --gone")), "S-4");
    assert_eq!(listed("--service-due 30"), "");
    assert_eq!(listed("--service-due 36500"), "S-1");
    assert_eq!(listed("--overdue"), "S-2");
    assert_eq!(listed("--under-repair"), "S-3");
    assert_eq!(listed("--service-due 36500 --overdue"), "S-1 S-2");
    assert_eq!(listed("--condition out-of-order"), "");
    assert_eq!(listed(&format!("--item {MASK_A}")), "");
    let paged = desk.run(&format!("asset list --limit 2 --min-position {head}"));
    assert!(paged.success().contains("S-2"));
    desk.refused("asset list --region KZ-99", "UNKNOWN_REGION");
    desk.refused("asset list --service-due=-1", "service_due_within_days");
}

/// Where it is, where it goes next and what it has done is one answer; its stock is counted where it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_mobile_unit_says_where_it_is_and_where_it_goes_next() {
    let desk = Desk::new().await;
    desk.run(&format!(
        "facility register VAN --name-en Van --kind mobile-unit --region KZ-75 \
         --time-zone Asia/Almaty --operator {DONOR}"
    ))
    .success();
    desk.run(&format!(
        "stock open --facility VAN --line item={MASK_A},quantity=5,batch=BV"
    ))
    .success();
    desk.refused(
        &format!("mobile-unit deploy {NORTH} --region KZ-31 --name-en Aral"),
        "NOT_A_MOBILE_UNIT",
    );
    desk.refused("mobile-unit depart VAN", "NOT_DEPLOYED");
    desk.run(
        "mobile-unit schedule VAN --stop region=KZ-31,place=Zhanatas,from=2098-03-01,until=2098-03-05 \
         --stop region=KZ-43,place=Aral,from=2098-03-06,until=2098-03-07",
    )
    .success();
    desk.run("mobile-unit deploy VAN --region KZ-31 --name-en Zhanatas --location 43.56,69.75")
        .success();
    let report = "mobile-unit report VAN MASK --from 2021-03-01 --until 2021-03-05 --quantity";
    desk.run(&format!("{report} 1240")).success();
    desk.refused(&format!("{report} 1260"), "PERIOD_OVERLAPS");
    desk.run(&format!("{report} 1260 --corrected")).success();
    let shown = desk.json("mobile-unit get VAN");
    assert_eq!(shown["row"]["regionId"], "KZ-31");
    let unit = &shown["row"]["mobileUnit"];
    assert_eq!(unit["stays"][0]["stop"]["place"]["en"], "Zhanatas");
    assert_eq!(unit["schedule"][0]["stop"]["place"]["en"], "Aral");
    assert_eq!(unit["throughput"][0]["quantity"], "1260");
    let told = desk.run("mobile-unit get VAN").success();
    for part in ["deployed", "Zhanatas", "Aral", "252.0"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let list = |filter: &str| desk.run(&format!("mobile-unit list {filter}")).success();
    assert!(list("--region KZ-31").contains("VAN"));
    assert!(!list("--region KZ-43").contains("VAN"));
    let head = desk.json("log stats")["position"].as_u64().unwrap();
    let rows = desk.json(&format!(
        "stock --by region --facility VAN --min-position {head}"
    ));
    assert_eq!(rows[0]["region"], "KZ-31");
    desk.run("mobile-unit depart VAN").success();
    assert!(list("").contains("under-way"));
    assert!(desk.run("check").success().contains("keep"));
}

/// What is in a mobile laboratory goes along with it, and every answer knows where it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_laboratory_takes_along_what_is_in_it() {
    let desk = Desk::new().await;
    let register = |item: &str| {
        format!(
            "item register {item} --commodity {PUMP} --name-en {item} --tracking serial \
             --manufacturer Maker --model {item}"
        )
    };
    for item in ["LAB", "CYCLER"] {
        desk.run(&register(item)).success();
    }
    desk.run(&format!(
        "stock open --facility {NORTH} --line item=LAB,serial=L-1,batch=BL \
         --line item=CYCLER,serial=C-1,serial=C-2,batch=BC"
    ))
    .success();
    desk.run("asset put-in CYCLER C-1 --inside LAB,L-1")
        .success();
    desk.refused("asset put-in LAB L-1 --inside CYCLER,C-1", "ASSET_NESTING");
    desk.refused("asset retire LAB L-1 --reason replaced", "ASSET_NOT_EMPTY");
    assert_eq!(stock(&desk, NORTH, "CYCLER"), [2, 1, 1]);
    desk.run(&format!(
        "shipment request --id S1 --from {NORTH} --to {HOSPITAL} --line item=LAB,quantity=1"
    ))
    .success();
    desk.run("shipment allocate S1").success();
    desk.run(&format!("shipment dispatch S1 --custodian {CARRIER}"))
        .success();
    desk.refused("asset take-out CYCLER C-1", "SHIPMENT");
    let place = |key: &str| {
        let trace = desk.json("trace asset CYCLER C-1");
        trace["batches"][0]["places"][0][key]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(stock(&desk, NORTH, "CYCLER"), [1, 0, 1]);
    assert_eq!(place("status"), "TRACE_STATUS_IN_TRANSIT");
    assert_eq!(place("custodianId"), CARRIER);
    desk.run("shipment receive S1").success();
    assert_eq!(stock(&desk, HOSPITAL, "CYCLER"), [1, 1, 0]);
    assert_eq!(place("facilityId"), HOSPITAL);
    let shown = desk.json("asset get LAB L-1");
    assert_eq!(shown["asset"]["contents"][0]["serialNumber"], "C-1");
    let shown = desk.run("trace asset CYCLER C-1").success();
    assert!(shown.contains("inside LAB L-1"), "{shown}");
    let shown = desk.run("trace asset LAB L-1").success();
    assert!(shown.contains("inside it: CYCLER C-1"), "{shown}");
    desk.run("asset take-out CYCLER C-1").success();
    assert_eq!(stock(&desk, HOSPITAL, "CYCLER"), [1, 0, 1]);
    assert!(desk.run("check").success().contains("keep"));
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one life, told in order")]
async fn a_pump_lives_from_identification_to_retirement() {
    let desk = Desk::new().await;
    desk.run(&format!(
        "stock open --facility {NORTH} --line item={PUMP_A},serial=SN-1,batch=B1"
    ))
    .success();
    let asset = |verb: &str| format!("asset {verb} {PUMP_A} SN-1");
    let state = || {
        let shown = desk.json(&asset("get"));
        let word = |name: &str| shown["asset"][name].as_str().unwrap().to_owned();
        (word("place"), word("condition"))
    };
    let is = |place: &str, condition: &str| {
        let expected = (
            format!("ASSET_PLACE_{place}"),
            format!("ASSET_CONDITION_{condition}"),
        );
        assert_eq!(state(), expected);
    };
    is("FACILITY", "IDENTIFIED");
    desk.refused(&asset("remove"), "ASSET_STATE");

    // It goes to the hospital, which lacks the mains that it needs.
    desk.run(&format!("item amend {PUMP_A} --needs-mains-voltage 230"))
        .success();
    desk.run(&format!("facility amend {HOSPITAL} --mains-voltage 110"))
        .success();
    desk.run(&format!(
        "shipment request --id S1 --from {NORTH} --to {HOSPITAL} --line item={PUMP_A},quantity=1"
    ))
    .success();
    desk.refused("shipment allocate S1", "SITE_UNFIT");
    desk.run("shipment allocate S1 --override-by person:7 --override-reason adapter")
        .success();
    desk.run(&format!("shipment dispatch S1 --custodian {CARRIER}"))
        .success();
    desk.refused(&asset("install"), "receive the shipment first");
    desk.run("shipment receive S1").success();
    desk.refused(&asset("install"), "needs 230 V, and there are 110 V");
    desk.run(&format!(
        "{} --override-by person:7 --override-reason adapter",
        asset("install")
    ))
    .success();
    is("INSTALLED", "IDENTIFIED");
    let into_service = format!(
        "{} --output 9.8,L2 --trained person:9 --service-due 2099-01-15",
        asset("put-into-service")
    );
    desk.refused(&into_service, "ACCEPTANCE_ACT");
    desk.run(&format!(
        "{into_service} --document kind=acceptance-act,number=A-1"
    ))
    .success();
    is("INSTALLED", "IN_SERVICE");
    assert_eq!(stock(&desk, HOSPITAL, PUMP_A), [1, 1, 0]);

    // It breaks down, and is repaired elsewhere.
    desk.run(&format!(
        "{} --condition out-of-order --fault output",
        asset("report")
    ))
    .success();
    let repair = format!("{} --repairer {CARRIER}", asset("send-for-repair"));
    desk.refused(&repair, "take it down first");
    desk.run(&asset("remove")).success();
    desk.run(&repair).success();
    is("REPAIRER", "UNDER_REPAIR");
    desk.refused(
        &format!("{} --reason worn-out", asset("retire")),
        "end its repair first",
    );
    desk.run(&format!("{} --outcome repaired", asset("end-repair")))
        .success();
    is("FACILITY", "IN_SERVICE");
    assert_eq!(stock(&desk, HOSPITAL, PUMP_A), [1, 0, 1]);

    // It is lent, comes back, and is retired.
    let lent = |due: &str| format!("{} --borrower {DONOR} --due {due}", asset("lend"));
    desk.refused(&lent("2020-01-01"), "DUE_DAY_PASSED");
    desk.run(&lent("2099-10-01")).success();
    is("LENT", "IN_SERVICE");
    let retired = format!("{} --reason worn-out", asset("retire"));
    desk.refused(&retired, "came back from the loan");
    desk.run(&asset("end-loan")).success();
    desk.run(&format!("{} --service-due 2099-12-01", asset("service")))
        .success();
    desk.run(&retired).success();
    is("FACILITY", "RETIRED");
    desk.refused(&asset("install"), "never to be used again");
    desk.refused(&asset("fill"), "ASSET_STATE");
    desk.run(&format!(
        "stock dispose --facility {HOSPITAL} --batch B1 --serial SN-1 --quantity 1 --reason damaged"
    ))
    .success();
    let trace = desk.json(&format!("trace asset {PUMP_A} SN-1"));
    let steps: Vec<&str> = trace["batches"][0]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|step| step["type"].as_str()?.rsplit('.').next())
        .collect();
    for expected in [
        "StockEntered",
        "AssetInstalled",
        "AssetPutIntoService",
        "AssetConditionReported",
        "AssetSentForRepair",
        "AssetRepairEnded",
        "AssetLent",
        "AssetLoanEnded",
        "AssetRetired",
        "StockDisposed",
    ] {
        assert!(steps.contains(&expected), "{expected} in {steps:?}");
    }
    assert!(desk.run("check").success().contains("keep"));
}

/// The books of a hospital know of 20 masks; it used 35.
#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_used_more_than_the_books_know_of() {
    let desk = Desk::new().await;
    for (facility_id, batch_id) in [(HOSPITAL, "B-USED"), (NORTH, "B-LEFT")] {
        desk.run(&format!(
            "stock open --facility {facility_id} --line item={MASK_A},quantity=20,batch={batch_id}"
        ))
        .success();
    }
    let used = format!("stock consume --facility {HOSPITAL} --item {MASK_A} --quantity 35");
    desk.refused(&format!("{used} --purpose patient"), "INSUFFICIENT_STOCK");
    desk.run(&format!("{used} --purpose patient --already-used"))
        .success();
    assert_eq!(stock(&desk, HOSPITAL, MASK_A), [0, 0, 0]);
    let head = desk.json("log stats")["position"].as_u64().unwrap();
    let rows = desk.json(&format!(
        "stock --by facility,batch --facility {HOSPITAL} --min-position {head}"
    ));
    let found = rows.as_array().unwrap();
    let found = found.iter().find(|row| row["batch"] != "B-USED").unwrap();
    assert_eq!(
        (&found["received"], &found["consumed"]),
        (&15.into(), &15.into())
    );
    let batch = |id: &str| desk.json(&format!("batch get {id}"))["batch"].clone();
    let found = batch(found["batch"].as_str().unwrap());
    assert_eq!(
        (&found["discrepancy"], &found["unexplained"]),
        (&"15".into(), &"15".into())
    );
    // What was used some time ago is a fact, too; of a batch that is named it is that batch.
    desk.run(&format!(
        "stock consume --facility {HOSPITAL} --item {MASK_A} --quantity 5 --batch B-LEFT \
         --purpose patient --occurred-at 2020-07-20T18:00:00+06:00"
    ))
    .success();
    assert_eq!(batch("B-LEFT")["unexplained"], "5");
    // The count of the store that they came from settles it.
    desk.run(&format!(
        "stock count --facility {NORTH} --item {MASK_A} --kind full --line batch=B-LEFT,quantity=15"
    ))
    .success();
    let settled = batch("B-LEFT");
    assert_eq!(
        (&settled["discrepancy"], &settled["unexplained"]),
        (&"5".into(), &"0".into())
    );
    desk.run("check").success();
}
