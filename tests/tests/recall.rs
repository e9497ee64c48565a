//! One lot that came in three donations is recalled: one command names everybody who has or had it, and what comes
//! later is held by itself.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use keruen_tests::node::Node;
use keruen_tests::{
    program::{self, Outcome},
    scene::{CARRIER, Clients, DONOR, HOSPITAL, MASK_A, NORTH, SOUTH},
};
use serde_json::Value;

const LOT: &str = "L 7/А";

/// The program, as its users run it against a node.
struct Desk {
    node: Node,
}

impl Desk {
    fn run(&self, words: &str) -> Outcome {
        let mut arguments: Vec<String> = words
            .split_whitespace()
            .map(|word| word.replace("LOT", LOT))
            .collect();
        arguments.extend(["--server".to_owned(), self.node.grpc_url().to_owned()]);
        program::run(arguments)
    }

    fn json(&self, words: &str) -> Value {
        let text = self.run(&format!("{words} --format json")).success();
        serde_json::from_str(&text).unwrap()
    }

    fn donate(&self, donation_id: &str, facility_id: &str, quantity: i64, lot: &str) {
        self.run(&format!(
            "donation pledge --id {donation_id} --donor {DONOR} --line item={MASK_A},quantity={quantity}"
        ))
        .success();
        self.run(&format!(
            "donation receive {donation_id} --facility {facility_id} \
             --line item={MASK_A},quantity={quantity},lot={lot},batch={donation_id}-B"
        ))
        .success();
    }

    fn ship(&self, shipment_id: &str, from: &str, to: &str, quantity: i64) {
        self.run(&format!(
            "shipment request --id {shipment_id} --from {from} --to {to} --line item={MASK_A},quantity={quantity}"
        ))
        .success();
        self.run(&format!("shipment allocate {shipment_id}"))
            .success();
        self.run(&format!(
            "shipment dispatch {shipment_id} --custodian {CARRIER}"
        ))
        .success();
    }

    /// On hand, held and available at a facility.
    fn stock(&self, facility_id: &str) -> [i64; 3] {
        let head = self.json("log stats")["position"].as_u64().unwrap();
        let rows = self.json(&format!(
            "stock --by facility --facility {facility_id} --min-position {head}"
        ));
        let number = |name: &str| rows[0][name].as_i64().unwrap();
        [number("on_hand"), number("held"), number("available")]
    }
}

/// Facility, what it has, what is on its way there, what it got and sent on, what it used up.
fn holders(trace: &Value) -> Vec<(String, [i64; 5])> {
    let number = |holder: &Value, name: &str| -> i64 {
        holder[name]
            .as_str()
            .map_or(0, |text| text.parse().unwrap())
    };
    trace["lotTrace"]["holders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let counts = ["onHand", "inTransit", "received", "sent", "consumed"];
            let facility_id = it["facilityId"].as_str().unwrap().to_owned();
            (facility_id, counts.map(|name| number(it, name)))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recall_finds_everybody_who_has_or_had_the_lot() {
    let node = Node::new().await;
    Clients::on(&node.channel()).set_scene().await;
    let desk = Desk { node };
    // 100 come to NORTH, which sends all of them on: 60 to the hospital, which uses 20 up, and 40 are on their way to
    // SOUTH; 30 come to SOUTH; 10 come to the hospital, with another lot beside them.
    desk.donate("D1", NORTH, 100, "LOT");
    desk.ship("S1", NORTH, HOSPITAL, 60);
    desk.run("shipment receive S1").success();
    desk.run(&format!(
        "stock consume --facility {HOSPITAL} --item {MASK_A} --quantity 20 --purpose patient"
    ))
    .success();
    desk.ship("S2", NORTH, SOUTH, 40);
    desk.donate("D2", SOUTH, 30, "LOT");
    desk.donate("D3", HOSPITAL, 10, "LOT");
    desk.donate("OTHER", HOSPITAL, 5, "L-8");
    assert_eq!(desk.stock(HOSPITAL), [55, 0, 55]);

    let recalled = desk.json(&format!(
        "recall start --item {MASK_A} --lot LOT --reason defect --authority {DONOR} \
         --document kind=order,number=R-4"
    ));
    assert_eq!(recalled["itemQuality"]["recalls"][0]["lot"], LOT);
    let position = recalled["position"].as_str().unwrap().to_owned();

    let show = format!("recall show {MASK_A} LOT --min-position {position}");
    let trace = desk.json(&show);
    assert_eq!(
        trace["lotTrace"]["recall"]["reason"],
        "RECALL_REASON_DEFECT"
    );
    assert_eq!(
        holders(&trace),
        [
            (HOSPITAL.to_owned(), [50, 0, 70, 0, 20]),
            (SOUTH.to_owned(), [30, 40, 30, 0, 0]),
            (NORTH.to_owned(), [0, 0, 100, 100, 0]),
        ]
    );
    let batches = trace["lotTrace"]["batches"].as_array().unwrap();
    let donations: Vec<&str> = batches
        .iter()
        .map(|it| it["batch"]["donationId"].as_str().unwrap())
        .collect();
    assert_eq!(donations, ["D1", "D2", "D3"]);
    let table = desk.run(&show).success();
    for named in ["who has some", "who had some", "S2", CARRIER, "D3-B", DONOR] {
        assert!(table.contains(named), "{named} in\n{table}");
    }
    assert_eq!(
        desk.run(&format!("{show} --format csv"))
            .success()
            .lines()
            .count(),
        4
    );

    // It is held wherever it is; the other lot is not.
    assert_eq!(desk.stock(HOSPITAL), [55, 50, 5]);
    assert_eq!(desk.stock(SOUTH), [30, 30, 0]);
    let refused = desk
        .run(&format!(
            "stock consume --facility {HOSPITAL} --item {MASK_A} --quantity 6 --purpose patient"
        ))
        .refused(1);
    assert!(refused.contains("5 available"), "{refused}");
    let refused = desk
        .run(&format!(
            "stock consume --facility {HOSPITAL} --item {MASK_A} --quantity 1 --purpose patient --batch D3-B"
        ))
        .refused(1);
    assert!(refused.contains("recalled"), "{refused}");

    // So is what arrives, and what is received for the first time.
    desk.run("shipment receive S2").success();
    desk.donate("D4", SOUTH, 8, "LOT");
    assert_eq!(desk.stock(SOUTH), [78, 78, 0]);
    let batch = desk.json("batch get D4-B");
    assert_eq!(batch["batch"]["recall"]["lot"], LOT);

    desk.run(&format!(
        "recall start --item {MASK_A} --lot LOT --reason harm --authority {DONOR}"
    ))
    .refused(1);
    desk.run(&format!(
        "recall lift --item {MASK_A} --lot LOT --authority {DONOR}"
    ))
    .success();
    assert_eq!(desk.stock(SOUTH), [78, 0, 78]);
    desk.run("recall show MASK-A NO-SUCH-LOT").refused(1);
    assert!(desk.run("check").success().contains("keep"));
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_that_need_it_are_released_by_a_verdict_or_by_somebody_who_answers_for_it() {
    let node = Node::new().await;
    Clients::on(&node.channel()).set_scene().await;
    let desk = Desk { node };
    desk.run(
        "item register SERUM --commodity MASK --name-en Serum --tracking batch --release-required",
    )
    .success();
    desk.run(&format!(
        "donation pledge --id D1 --donor {DONOR} --line item=SERUM,quantity=20"
    ))
    .success();
    desk.run(&format!(
        "donation receive D1 --facility {NORTH} --line item=SERUM,quantity=12,batch=B1 \
         --line item=SERUM,quantity=8,batch=B2"
    ))
    .success();
    assert_eq!(desk.stock(NORTH), [20, 20, 0]);
    let refused = desk.run("batch release B1 --verdict tested").refused(1);
    assert!(refused.contains("LABORATORY_REPORT"), "{refused}");
    desk.run("batch release B1 --verdict tested --document kind=laboratory-report,number=8")
        .success();
    assert_eq!(desk.stock(NORTH), [20, 8, 12]);
    desk.run("batch release B2 --override-by person:7 --override-reason urgent-need")
        .success();
    assert_eq!(desk.stock(NORTH), [20, 0, 20]);
    let refused = desk
        .run("batch release B2 --override-by person:7 --override-reason urgent-need")
        .refused(1);
    assert!(refused.contains("not held"), "{refused}");
    // Some of it turns out to be damaged.
    let units = format!("--facility {NORTH} --batch B1 --quantity 3");
    desk.run(&format!("stock hold {units} --reason damaged"))
        .success();
    assert_eq!(desk.stock(NORTH), [20, 3, 17]);
    desk.run(&format!(
        "stock release {units} --verdict assessed --document kind=quality-decision,number=3"
    ))
    .success();
    assert_eq!(desk.stock(NORTH), [20, 0, 20]);
    desk.run(&format!(
        "stock release {units} --override-by person:7 --override-reason urgent-need"
    ))
    .refused(1);
    let trace = desk.json("trace batch B2");
    let steps = trace["batches"][0]["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 3, "received, held, released");
}
