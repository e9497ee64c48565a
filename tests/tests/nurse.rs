//! A night in a hospital far away: the nurse needs oxygen, and the line to everybody who could send some drops.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use keruen_tests::{
    history,
    line::{Line, State},
    program::{self, Outcome},
    scene::{HOSPITAL, NORTH},
    stage::Stage,
};
use serde_json::Value;
use tempfile::TempDir;

/// Everybody in the story: those in town have a good line, the nurse has one that drops, and an outbox.
struct Night {
    stage: Stage,
    line: Line,
    outbox: TempDir,
}

impl Night {
    async fn falls() -> Self {
        let stage = Stage::set().await;
        Self {
            line: Line::to(stage.node.grpc_url()),
            stage,
            outbox: TempDir::with_prefix("keruen-nurse-").unwrap(),
        }
    }

    /// The nurse types a line.
    fn nurse(&self, line: &str) -> Outcome {
        let mut command = program::command(line.split(' '));
        command
            .env("KERUEN_SERVER", self.line.url())
            .env("KERUEN_OUTBOX", self.outbox.path())
            .env("KERUEN_ACTOR", "person:NURSE-4");
        program::output(&mut command)
    }

    /// Somebody in town does.
    fn town(&self, line: &str) -> Value {
        let line = format!("{line} --format json");
        let told = self.stage.node.cli(line.split(' ')).success();
        serde_json::from_str(&told).unwrap()
    }

    /// How many commands of the nurse wait.
    fn waiting(&self) -> usize {
        let listed = self.nurse("outbox list --format json").success();
        let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
        listed.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nurse_gets_oxygen_tonight_although_the_line_drops() {
    let night = Night::falls().await;
    // In town there are cylinders.
    night.town("commodity register O2 --name-en Oxygen --base-unit EA");
    night.town("item register O2-10L --commodity O2 --name-en Cylinder --tracking batch");
    night.town(&format!(
        "stock open --facility {NORTH} --line item=O2-10L,quantity=40,batch=O2-B"
    ));

    // At midnight she asks for six. The line is cut in the middle of her sentence, and she is told that it waits.
    night.line.set(State::CutTowardsNode(300));
    let ask = format!(
        "request file --facility {HOSPITAL} --id NIGHT --line commodity=O2,quantity=6 --priority urgent"
    );
    let told = night.nurse(&ask).refused(75);
    assert!(told.contains("keruen outbox send"), "{told}");
    assert_eq!(night.waiting(), 1);

    // She tries again. This time it arrives, but nothing comes back: nobody can tell her whether it did.
    night.line.set(State::CutFromNode(40));
    night.nurse("outbox send").refused(75);
    assert_eq!(night.waiting(), 1);

    // The line is back. She sends what waits, and there is one request, not three.
    night.line.set(State::Open);
    night.nurse("outbox send").success();
    assert_eq!(night.waiting(), 0);
    let open = night.town("request list --open");
    assert_eq!(open.as_array().unwrap().len(), 1, "{open}");

    // Town answers at once: approved, allocated, on the road.
    night.town("request approve NIGHT");
    night.town(&format!("shipment request --from {NORTH} --to {HOSPITAL} --id CAR --line item=O2-10L,quantity=6,request=NIGHT"));
    night.town("shipment allocate CAR");
    night.town("shipment dispatch CAR --custodian CARRIER --signed-by person:DRIVER-2");

    // At three the car is there, and the line is not. She signs for five and counts one missing, gives three to patients,
    // and asks for nobody's help to remember the order.
    night.line.set(State::Away);
    for line in [
        "shipment receive CAR --line line=1,quantity=5 --line line=1,quantity=1,outcome=missing --signed-by person:NURSE-4".to_owned(),
        format!("stock consume --facility {HOSPITAL} --item O2-10L --quantity 2 --purpose patient"),
        format!("stock consume --facility {HOSPITAL} --item O2-10L --quantity 1 --purpose patient"),
    ] {
        night.nurse(&line).refused(75);
    }
    assert_eq!(night.waiting(), 3);

    // In the morning everything goes out in its order, each once.
    night.line.set(State::Open);
    let sent = night.nurse("outbox send").success();
    assert_eq!(sent.lines().count(), 3, "{sent}");
    assert_eq!(night.waiting(), 0);
    let level = night.town(&format!("stock level {HOSPITAL} O2-10L"));
    assert_eq!(level["stockLevel"]["lots"][0]["onHand"], "2");
    let first = sent.split_whitespace().next().unwrap();
    let told = night.nurse(&format!("command get {first}")).success();
    assert!(
        told.contains("person:NURSE-4") && told.contains("ShipmentReceived"),
        "{told}"
    );

    // The books agree, and the driver has one cylinder to explain.
    let events = history::read(&night.stage.node.channel()).await;
    history::check(&events);
    let shipment = night.town("shipment get CAR");
    assert_eq!(
        shipment["shipment"]["state"],
        "SHIPMENT_STATE_RECEIVED_WITH_DISCREPANCY"
    );
}
