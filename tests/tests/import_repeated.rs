//! `keruen import movements` of rows that were changed after they had been imported: they are told from what is in the books,
//! and never entered beside it.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::fs;

use keruen_tests::{
    history,
    node::Node,
    scene::{CARRIER, Clients, DONOR, HOSPITAL, MASK_A, NORTH, SOUTH},
};
use tempfile::TempDir;

struct Desk {
    node: Node,
    folder: TempDir,
}

impl Desk {
    async fn open() -> Self {
        let node = Node::new().await;
        Clients::on(&node.channel()).set_scene().await;
        let pledge = ["donation", "pledge", "--id", "GIFT", "--donor", DONOR];
        let line = ["--line", "commodity=MASK,quantity=2000"];
        node.cli([pledge.as_slice(), line.as_slice()].concat())
            .success();
        Self {
            node,
            folder: TempDir::new().unwrap(),
        }
    }

    fn import(&self, text: &str, options: &[&str]) -> keruen_tests::program::Outcome {
        let path = self.folder.path().join("movements.csv");
        fs::write(&path, text).unwrap();
        let import = ["import", "movements", path.to_str().unwrap()];
        self.node.cli([import.as_slice(), options].concat())
    }

    /// How much of a shipment came, and how, in order of what was recorded.
    fn outcomes(&self, shipment_id: &str) -> Vec<(i64, String)> {
        let tag = format!("shipment:{shipment_id}");
        let kind = "keruen.shipments.v1.ShipmentReceived";
        let asked = ["events", "--tag", &tag, "--type", kind, "--format", "json"];
        let events = self.node.cli(asked).success();
        let events = events
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let units = events.flat_map(|event| event["data"]["units"].as_array().unwrap().clone());
        let told = units.map(|it| {
            let quantity = it["shipmentUnits"]["units"]["quantity"].as_str().unwrap();
            let outcome = it["outcome"]
                .as_str()
                .unwrap()
                .replace("RECEIPT_OUTCOME_", "");
            (quantity.parse().unwrap(), outcome)
        });
        let mut told: Vec<_> = told.collect();
        told.sort();
        told
    }

    /// Takes the steps that a refusal names in a line.
    fn take_back(&self, told: &str, place: &str) {
        let line = told.lines().find(|it| it.contains(place)).unwrap();
        let (_, rest) = line.split_once("(keruen ").unwrap();
        let (steps, _) = rest.split_once(')').unwrap();
        for step in steps.split(", keruen ") {
            let mut arguments: Vec<&str> = step.split(' ').collect();
            match arguments[0] {
                "correct" => arguments.extend(["--document", "kind=count-sheet,number=CS-7"]),
                _ => arguments.extend(["--reason", "entered-by-mistake"]),
            }
            self.node.cli(&arguments).success();
        }
    }

    async fn head(&self) -> u64 {
        history::head(&self.node.channel()).await
    }

    /// Imports a file that is refused for just these reasons, by the dry run as well, and must change nothing.
    async fn refused(&self, text: &str, wanted: &[(&str, &str)]) -> String {
        let before = self.head().await;
        let told = self.import(text, &[]).refused(1);
        assert_eq!(self.import(text, &["--dry-run"]).refused(1), told);
        assert_eq!(self.head().await, before, "{told}");
        let lines: Vec<&str> = told.lines().filter(|it| it.contains("error:")).collect();
        assert_eq!(lines.len(), wanted.len(), "{told}");
        for (line, (place, says)) in lines.iter().zip(wanted) {
            assert!(
                line.contains(place) && line.contains(says),
                "{place} {says}: {told}"
            );
        }
        told
    }
}

const HEADER: &str = "kind,occurred_at,facility_id,item_id,quantity,batch_id,donation_id,lot,expires_on,purpose,reason,outcome,row_id";

fn rows() -> String {
    format!(
        "{HEADER}\nopen,2020-12-31,{SOUTH},{MASK_A},100,B-0,,,,,,,\n\
         receive,2021-01-10,{SOUTH},{MASK_A},50,B-1,GIFT,L1,,,,,R-1\n\
         use,2021-02-01,{SOUTH},{MASK_A},5,,,,,patient,,,17\n\
         use,2021-02-01,{SOUTH},{MASK_A},5,,,,,patient,,,18\n\
         use,2021-02-01,{SOUTH},{MASK_A},5,,,,,patient,,,\n\
         dispose,2021-02-02,{SOUTH},{MASK_A},3,B-0,,,,,damaged,,17\n\
         return,2021-02-03,{SOUTH},{MASK_A},2,B-1,,,,,agreed,,19\n\
         receive,2021-02-04,{SOUTH},{MASK_A},7,,GIFT,,2021-02-01,,,expired,R-2\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_with_an_id_of_its_own_is_recognised_however_it_was_changed() {
    let desk = Desk::open().await;
    let text = rows();
    let told = desk.import(&text, &[]).success();
    assert!(told.contains("8 new, 0 already there"), "{told}");
    let head = desk.head().await;
    // In another order, and by somebody else.
    let mut lines: Vec<&str> = text.lines().collect();
    lines[3..].reverse();
    let reversed = format!("{}\n", lines.join("\n"));
    for (text, actor) in [
        (&text, &[][..]),
        (&reversed, &[]),
        (&text, &["--actor", "cli:colleague"]),
    ] {
        let told = desk.import(text, actor).success();
        assert!(told.contains("0 new, 8 already there"), "{told}");
    }
    assert_eq!(desk.head().await, head);

    let changed = text
        .replace(",50,B-1,GIFT,L1,", ",51,B-1,GIFT,L2,")
        .replace("5,,,,,patient,,,17", "6,,,,,patient,,,17")
        .replace(
            "2021-02-01,SOUTH,MASK-A,5,,,,,patient,,,18",
            "2021-02-08,SOUTH,MASK-A,5,B-0,,,,training,,,18",
        )
        .replace("patient,,,\n", "patient,,,20\n")
        .replace("damaged,,17", "expired,,17")
        .replace("2,B-1,,,,,agreed", "2,B-0,,,,,agreed")
        .replace(",2021-02-01,,,expired,", ",,,,damaged,");
    let told = desk
        .refused(
            &changed,
            &[
                (":3: row 2:", r#"quantity is "50" there and "51" in the file; lot is "L1" there and "L2" in the file"#),
                (":4: row 3:", r#"row_id 17 is in the books already, but differs: quantity is "5" there and "6" in the file; put the row back"#),
                (":5: row 4:", r#"occurred_at is "2021-02-01" there and "2021-02-08" in the file; batch_id is empty there and "B-0" in the file; purpose is "patient" there and "training""#),
                (":6: row 5:", "imported before without a row_id"),
                (":7: row 6:", r#"reason is "damaged" there and "expired""#),
                (":8: row 7:", r#"batch_id is "B-1" there and "B-0""#),
                (":9: row 8:", r#"expires_on is "2021-02-01" there and empty in the file; outcome is "expired" there and "damaged""#),
            ],
        )
        .await;
    // What it says to do can be done.
    let line = told.lines().find(|it| it.contains(":4: row 3:")).unwrap();
    let (_, rest) = line.split_once("keruen correct void ").unwrap();
    let (event_id, _) = rest.split_once(',').unwrap();
    let document = "kind=count-sheet,number=CS-7";
    desk.node
        .cli(["correct", "void", event_id, "--document", document])
        .success();
    let mended = text.replace("5,,,,,patient,,,17", "6,,,,,patient,,,17b");
    let told = desk.import(&mended, &[]).success();
    assert!(told.contains("1 new, 7 already there"), "{told}");
    // Without an id, a batch tells what was received, and a receipt of nothing is no batch.
    let unnamed = text.replace(",50,B-1,", ",51,B-1,").replace(",R-1", ",");
    let wanted =
        r#"batch B-1 is in the books already, but differs: quantity is "50" there and "51""#;
    let told = desk.refused(&unnamed, &[(":3: row 2:", wanted)]).await;
    assert!(told.contains("keruen correct receipt "), "{told}");
    let twice = format!(
        "{text}use,2021-03-01,{SOUTH},{MASK_A},5,,,,,patient,,,18\n\
         receive,2021-03-01,{SOUTH},{MASK_A},5,B-2,GIFT,,,,,missing,\n"
    );
    let wanted = [
        (":10: row 9:", "row_id 18 stands in line 5 already"),
        (":11: row 10, column batch_id:", "no batch"),
    ];
    desk.refused(&twice, &wanted).await;
    desk.node.cli(["check"]).success();
}

const TRANSFERS: &str = "kind,occurred_at,facility_id,item_id,quantity,batch_id,shipment_id,destination_id,custodian_id,received_at,outcome";

fn opened() -> String {
    format!("{TRANSFERS}\nopen,2021-01-01,{NORTH},{MASK_A},500,B-0,,,,,\n")
}

/// A row of a transfer, and how that came, where it did not come well.
fn row(quantity: i64, batch: &str, way: &str, received: &str) -> String {
    let received = if received.contains(',') {
        received.to_owned()
    } else {
        format!("{received},")
    };
    format!("transfer,2021-01-02,{NORTH},{MASK_A},{quantity},{batch},{way},{received}\n")
}

fn way(number: i32) -> String {
    format!("S-{number},{HOSPITAL},{CARRIER}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_was_changed_is_told_before_anything_is_entered() {
    let desk = Desk::open().await;
    let there = "2021-01-03";
    let head = opened();
    let text = [
        head.clone(),
        row(5, "B-0", &way(1), there),
        row(6, "", &way(1), there),
        row(7, "B-0", &way(2), there),
        row(8, "B-0", &way(3), ""),
        row(9, "B-0", &way(4), ""),
    ]
    .concat();
    let told = desk.import(&text, &[]).success();
    assert!(told.contains("6 new"), "{told}");
    // One came, and nobody entered that from the file.
    let receive = ["shipment", "receive", "S-4", "--occurred-at"];
    let at = ["2021-01-05T12:00:00+06:00"];
    desk.node.cli([receive.as_slice(), &at].concat()).success();
    let told = desk.import(&text, &[]).success();
    assert!(told.contains("0 new, 6 already there"), "{told}");

    let changed = [
        head.clone(),
        row(4, "B-0", &way(1), there),
        row(6, "B-0", &way(1), there),
        row(7, "B-0", &way(2), "2021-01-04"),
        row(8, "B-0", &format!("S-3,{HOSPITAL},{DONOR}"), ""),
        row(9, "B-0", &way(4), "2021-01-06"),
    ]
    .concat();
    let told = desk
        .refused(
            &changed,
            &[
                (":3: row 2:", r#"S-1 is in the books already, but differs: quantity is "5" there and "4" in the file"#),
                (":5: row 4:", r#"received_at is "2021-01-03" there and "2021-01-04" in the file"#),
                (":6: row 5:", r#"custodian_id is "CARRIER" there and "DONOR" in the file"#),
                (":7: row 6:", r#"received_at is "2021-01-05T12:00:00+06:00" there and "2021-01-06""#),
            ],
        )
        .await;
    // What it says to do can be done: of one its receipt is taken back, of another all of it.
    desk.take_back(&told, ":5:");
    desk.take_back(&told, ":3:");
    let mended = [
        head,
        row(4, "B-0", &way(5), there),
        row(6, "B-0", &way(5), there),
        row(7, "B-0", &way(2), "2021-01-04"),
        row(8, "B-0", &way(3), "2021-01-04"),
        row(9, "B-0", &way(4), ""),
    ]
    .concat();
    let told = desk.import(&mended, &[]).success();
    assert!(told.contains("4 new, 2 already there"), "{told}");
    desk.node.cli(["check"]).success();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_damaged_or_not_at_all_is_told_row_by_row() {
    let desk = Desk::open().await;
    let there = "2021-01-03";
    let found = [
        opened(),
        row(50, "B-0", &way(6), "2021-01-03,damaged"),
        row(60, "B-0", &way(6), "2021-01-03,missing"),
        row(70, "", &way(6), there),
        row(80, "B-0", &way(7), "2021-01-03,damaged"),
        row(90, "B-0", &way(8), "2021-01-03,missing"),
        row(10, "B-0", &way(12), "2021-01-03,damaged"),
        row(20, "B-0", &way(12), there),
    ]
    .concat();
    for wanted in ["8 new, 0 already there", "0 new, 8 already there"] {
        let told = desk.import(&found, &[]).success();
        assert!(told.contains(wanted), "{told}");
    }
    assert_eq!(
        desk.outcomes("S-6"),
        [(50, "DAMAGED"), (60, "MISSING"), (70, "GOOD")].map(|it| (it.0, it.1.to_owned()))
    );
    assert_eq!(desk.outcomes("S-7"), [(80, "DAMAGED".to_owned())]);
    let changed = found
        .replace("2021-01-03,missing", "2021-01-03,damaged")
        .replace(
            "S-7,HOSPITAL,CARRIER,2021-01-03,damaged",
            "S-7,HOSPITAL,CARRIER,2021-01-03,good",
        );
    let wanted = [
        (":4: row 3:", r#"outcome is "missing" there and "damaged""#),
        (":6: row 5:", r#"outcome is "damaged" there and "good""#),
        (":7: row 6:", r#"outcome is "missing" there and "damaged""#),
    ];
    desk.refused(&changed, &wanted).await;
    // Nothing but that all of it came well has no line of its own.
    let damaged = "S-12,HOSPITAL,CARRIER,2021-01-03,damaged";
    let well = found.replace(damaged, "S-12,HOSPITAL,CARRIER,2021-01-03,");
    let wanted = [(":8: row 7:", r#"outcome is "damaged" there and "good""#)];
    desk.refused(&well, &wanted).await;
    let lost = found.replace(damaged, "S-12,HOSPITAL,CARRIER,2021-01-03,missing");
    let wanted = [(":8: row 7:", r#"outcome is "damaged" there and "missing""#)];
    let told = desk.refused(&lost, &wanted).await;
    desk.take_back(&told, ":8:");
    let told = desk.import(&lost, &[]).success();
    assert!(told.contains("2 new, 6 already there"), "{told}");
    assert_eq!(
        desk.outcomes("S-12"),
        [(10, "DAMAGED"), (10, "MISSING"), (20, "GOOD"), (20, "GOOD")]
            .map(|it| (it.0, it.1.to_owned()))
    );
    // As it was at first it can't be entered once more.
    let wanted = [(":8: row 7:", r#"outcome is "missing" there and "damaged""#)];
    let told = desk.refused(&found, &wanted).await;
    desk.take_back(&told, ":8:");
    let wanted = [(":8: row 7:", "was taken back; leave received_at empty")];
    desk.refused(&found, &wanted).await;
    let wrong = [
        row(1, "B-0", &way(11), ",damaged"),
        row(1, "", &way(9), "2021-01-03,missing"),
        row(1, "B-0", &way(10), "2021-01-03,surplus"),
    ];
    let wanted = [
        (":2: row 1, column received_at:", "needs it"),
        (":3: row 2, column batch_id:", "needs it"),
        (":4: row 3, column outcome:", "good, damaged or missing"),
    ];
    let wrong = format!("{TRANSFERS}\n{}", wrong.concat());
    desk.refused(&wrong, &wanted).await;
    desk.node.cli(["check"]).success();
}
