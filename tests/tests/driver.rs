//! A driver signs for sealed boxes, of which nobody let him see the inside. At the hospital two masks are missing, and the
//! question is who answers for them.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use keruen_tests::{
    history,
    program::Outcome,
    scene::{CARRIER, HOSPITAL, MASK_A, NORTH},
    stage::Stage,
};
use serde_json::Value;

/// Numbers of the two boxes, with check digits that fit.
const BOX_1: &str = "340123450000000000";
const BOX_2: &str = "340123450000000017";

struct Road {
    stage: Stage,
}

impl Road {
    /// Somebody types a line.
    fn types(&self, line: &str) -> Outcome {
        self.stage.node.cli(line.split(' '))
    }

    /// It is recorded, or answered.
    fn told(&self, line: &str) -> Value {
        let told = self.types(&format!("{line} --format json")).success();
        serde_json::from_str(&told).unwrap()
    }

    /// Who is liable for how many masks, on their way, by the declared value.
    fn liable(&self, when: &str) -> Vec<(String, String, String)> {
        let line = format!("liability list --on-the-way --item {MASK_A} {when}");
        let rows = self.told(line.trim_end());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rows = rows.as_array().unwrap().iter().map(|row| {
            let units = text(&row["inTransit"]);
            (
                text(&row["custodianId"]),
                units,
                text(&row["value"]["minorUnits"]),
            )
        });
        rows.collect()
    }

    fn liable_now(&self) -> Vec<(String, String, String)> {
        self.liable("")
    }
}

fn row(custodian_id: &str, units: &str, value: &str) -> (String, String, String) {
    (custodian_id.to_owned(), units.to_owned(), value.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_driver_who_signed_for_sealed_boxes_is_cleared() {
    let road = Road {
        stage: Stage::set().await,
    };
    road.told("organisation register DRIVERS --name-en Drivers --kind volunteer-group");
    road.told(&format!(
        "shipment request --id ROAD --from {NORTH} --to {HOSPITAL} --line item=MASK-A,quantity=40"
    ));
    road.told("shipment allocate ROAD");

    // They are packed into two boxes and sealed. The carrier's man looks at the seals and signs.
    road.told(&format!(
        "shipment pack ROAD --sscc {BOX_1} --seal A-1 --unit line=1,quantity=25"
    ));
    road.told(&format!("shipment pack ROAD --sscc {BOX_2} --seal A-2"));
    road.told("shipment dispatch ROAD --custodian CARRIER --signed-by person:DRIVER-1");
    assert_eq!(road.liable_now(), [row(CARRIER, "40", "")]);

    // Halfway the car breaks down. The volunteers would take the boxes, but have never signed that they answer for goods.
    let take = format!(
        "custody hand-over ROAD --to DRIVERS --signed-by person:DRIVER-2 --handed-over-by person:DRIVER-1 --seal {BOX_1}=intact --seal {BOX_2}=intact"
    );
    let told = road.types(&take).refused(1);
    assert!(told.contains("NO_AGREEMENT"), "{told}");
    // Nor does one who finds a box wet take it.
    let refused = road.told(&format!(
        "custody refuse ROAD --by DRIVERS --signed-by person:DRIVER-3 --remark kind=wet,parcel={BOX_2},reference=photo:118"
    ));
    assert_eq!(refused["shipment"]["custodianId"], CARRIER);
    // They sign, the box is dry after all, and the boxes pass on: sealed, as they are.
    road.told(
        "custody sign-agreement DRIVERS LA-17 --basis full --document kind=contract,number=LA-17",
    );
    let taken = road.told(&take);
    assert_eq!(taken["shipment"]["state"], "SHIPMENT_STATE_HANDED_OVER");
    assert_eq!(taken["shipment"]["legs"][1]["agreementId"], "LA-17");
    let on_the_road = road.stage.head().await;
    assert_eq!(road.liable_now(), [row("DRIVERS", "40", "")]);

    // At the hospital both seals are whole, and somebody signs for that before anything is opened.
    road.told(&format!(
        "shipment arrive ROAD --seal {BOX_1}=intact --seal {BOX_2}=intact --signed-by person:NURSE-4"
    ));
    // In the first box there are 23 masks, not 25.
    let received = road.told(&format!(
        "shipment receive ROAD --line line=1,quantity=38 --line line=1,quantity=2,outcome=missing,parcel={BOX_1} --signed-by person:NURSE-4"
    ));
    let shares = &received["shipment"]["lots"][0]["missingByLiable"];
    assert_eq!(shares.as_array().unwrap().len(), 1, "{shares}");
    assert_eq!(shares[0]["quantity"], "2");
    // Whoever runs the store sealed it, and answers for it. The drivers are cleared.
    let sender = shares[0]["liableId"].as_str().unwrap().to_owned();
    assert_ne!(sender, "DRIVERS");
    assert_ne!(sender, CARRIER);
    assert_eq!(road.liable_now(), [row(&sender, "2", "")]);
    for driver in [CARRIER, "DRIVERS"] {
        let theirs = road.told(&format!("liability list --custodian {driver}"));
        assert_eq!(theirs, Value::Array(Vec::new()));
    }
    // What was so on the road stays known.
    let before = road.liable(&format!("--known-at {on_the_road}"));
    assert_eq!(before, [row("DRIVERS", "40", "")]);

    // A loss act says so too, and then nobody answers for anything any more.
    road.told("shipment accept-loss-act ROAD --verdict exonerated --act kind=loss-act,number=LA-4");
    assert_eq!(road.liable_now(), []);
    history::check(&history::read(&road.stage.node.channel()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_had_a_box_when_its_seal_broke_answers_by_its_declared_value() {
    let road = Road {
        stage: Stage::set().await,
    };
    road.told("item register MASK-B --commodity MASK --name-en Better --tracking batch");
    road.told("donation pledge --id GIFT --donor DONOR --line item=MASK-B,quantity=50");
    road.told(&format!(
        "donation receive GIFT --facility {NORTH} --line item=MASK-B,quantity=50,value=2.50KZT"
    ));
    road.told(&format!(
        "shipment request --id ROAD --from {NORTH} --to {HOSPITAL} --line item=MASK-B,quantity=40"
    ));
    road.told("shipment allocate ROAD");
    road.told(&format!("shipment pack ROAD --sscc {BOX_1} --seal A-1"));
    road.told("shipment dispatch ROAD --custodian CARRIER --signed-by person:DRIVER-1");
    road.told("organisation register DRIVERS --name-en Drivers --kind volunteer-group");
    road.told("custody sign-agreement DRIVERS LA-17 --basis limited --limit 50KZT --document kind=contract,number=LA-17");
    // The volunteers find the seal broken, count what is there and sign for that.
    road.told(&format!(
        "custody hand-over ROAD --to DRIVERS --signed-by person:DRIVER-2 --seal {BOX_1}=broken --basis counted --missing line=1,quantity=4 --remark kind=seal,parcel={BOX_1}"
    ));
    let liable =
        |line: &str| road.told(&format!("liability list --on-the-way --item MASK-B {line}"));
    let rows = liable("--totals");
    let told: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let value = row["value"]["minorUnits"].clone();
            (row["custodianId"].clone(), row["inTransit"].clone(), value)
        })
        .collect();
    let is = |who: &str, units: &str, value: &str| {
        (Value::from(who), Value::from(units), Value::from(value))
    };
    // The carrier had it when the seal broke: four masks, ten tenge. The volunteers answer for what they counted.
    assert_eq!(
        told,
        [is(CARRIER, "4", "1000"), is("DRIVERS", "36", "9000")]
    );
    // The same for a spreadsheet, and by pages.
    let csv = road
        .types("liability list --on-the-way --item MASK-B --format csv")
        .success();
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(csv.contains("DRIVERS") && csv.contains("90.00"), "{csv}");
    let one = road
        .types("liability list --on-the-way --item MASK-B --limit 1 --format csv")
        .success();
    assert_eq!(one.lines().count(), 2, "{one}");
    // As of yesterday nobody had anything of it.
    assert_eq!(liable("--as-of 2020-01-01"), Value::Array(Vec::new()));
    history::check(&history::read(&road.stage.node.channel()).await);
}
