//! Requests on the command line, between filing and their end: what a hospital, its regional front office, a ministry and
//! those on duty do with them.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use keruen_tests::node::Node;
use keruen_tests::{
    program::{self, Outcome},
    scene::{Clients, DONOR, HOSPITAL, MASK, MASK_A, NORTH, PUMP_A, PUMP_B},
};
use serde_json::Value;

struct Desk {
    node: Node,
}

impl Desk {
    async fn set() -> Self {
        let node = Node::new().await;
        Clients::on(&node.channel()).set_scene().await;
        let desk = Self { node };
        desk.run(
            "facility register OFFICE --name-en Office --kind front-office --region KZ-62 \
             --time-zone Asia/Qyzylorda --operator DONOR",
        )
        .success();
        desk
    }

    fn run(&self, words: &str) -> Outcome {
        let mut arguments: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        arguments.extend(["--server".to_owned(), self.node.grpc_url().to_owned()]);
        program::run(arguments)
    }

    /// What a command about a request answers.
    fn request(&self, words: &str) -> Value {
        let text = self
            .run(&format!("request {words} --format json"))
            .success();
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["request"].clone()
    }

    fn refused(&self, words: &str, reason: &str) {
        let refused = self.run(&format!("request {words}")).refused(1);
        assert!(refused.contains(reason), "{reason:?} in {refused}");
    }
}

fn in_hours(hours: u64) -> String {
    let time = SystemTime::now() + Duration::from_secs(hours * 3_600);
    let seconds = time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    DateTime::from_timestamp(i64::try_from(seconds).unwrap(), 0)
        .unwrap()
        .to_rfc3339()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_need_told_by_phone_is_met_before_anybody_signs() {
    let desk = Desk::set().await;
    desk.run(&format!(
        "duty set KZ-62 --shift person=person:2,organisation={DONOR},from=2020-01-01,until=2099-12-31"
    ))
    .success();
    let filed = desk.request(&format!(
        "file --id R1 --facility {HOSPITAL} --priority stat --reason J96.0 \
         --line need=ventilation,patients=2,per-patient=10.5,unit=L2 --channel phone --filed-by {DONOR} --asked-by person:7"
    ));
    assert_eq!(filed["clinicalReasonCode"], "J96.0");
    assert_eq!(
        filed["lines"][0]["need"]["perPatient"]["valueMilli"],
        "10500"
    );
    desk.refused(
        &format!("file --facility {HOSPITAL} --line need=ventilation,patients=0 --reason J9"),
        "clinical_reason_code",
    );
    desk.refused("escalate R1 --reason stuck", "REQUEST_STATE");
    let escalated = desk.request("escalate R1 --reason not-answered");
    assert_eq!(escalated["escalations"][0]["onDutyRefs"][0], "person:2");
    let seen = desk.request("acknowledge R1 --expected-at 2099-01-01T00:00:00Z");
    assert_eq!(seen["state"], "REQUEST_STATE_ACKNOWLEDGED");
    let triaged = desk.request(&format!("triage R1 --office OFFICE --forward-to {DONOR}"));
    assert_eq!(triaged["triage"]["forwardedToId"], DONOR);
    desk.refused(&format!("triage R1 --office {NORTH}"), "FRONT_OFFICE");
    desk.refused("approve R1", "NEED_UNANSWERED");
    let soon = in_hours(5);
    let approved = desk.request(&format!(
        "approve R1 --line line=1,quantity=2,item={PUMP_A} --by-word-of person:9 --confirm-by {soon}"
    ));
    assert_eq!(approved["lines"][0]["itemId"], PUMP_A);
    assert_eq!(approved["lines"][0]["requested"], "2");
    desk.refused("escalate R1 --reason not-confirmed", "NOT_DUE");
    let confirmed = desk.request("confirm R1 --by person:9 --document kind=order,number=17");
    assert_eq!(confirmed["confirmedByRef"], "person:9");
    desk.refused("confirm R1 --by person:9", "NOTHING_TO_CONFIRM");

    // Only another model is there.
    let offered = desk.request(&format!("offer-substitute R1 --line 1 --item {PUMP_B}"));
    assert_eq!(
        offered["substitutes"][0]["state"],
        "SUBSTITUTE_STATE_OFFERED"
    );
    let send = format!(
        "shipment request --id S1 --from {NORTH} --to {HOSPITAL} --line item={PUMP_B},quantity=1,request=R1"
    );
    desk.run(&send).refused(1);
    desk.request("answer-substitute R1 --offer 1 --accept --by person:7");
    desk.run(&format!(
        "stock open --facility {NORTH} --line item={PUMP_B},serial=N-1"
    ))
    .success();
    desk.run(&send).success();
    desk.run("shipment allocate S1").success();
    desk.run("shipment dispatch S1 --custodian CARRIER")
        .success();
    let closed = desk.request("close-short R1 --reason not-available");
    assert_eq!(closed["state"], "REQUEST_STATE_CLOSED_SHORT");
    desk.run("shipment receive S1").success();
    let served = desk.request("get R1");
    assert_eq!(served["state"], "REQUEST_STATE_CLOSED_SHORT");
    assert_eq!(served["lines"][0]["received"], "1");
    let page = desk.run("request get R1 --format table").success();
    for said in [
        "accepted",
        "not-answered",
        "ventilation for 2 patients",
        "J96.0",
    ] {
        assert!(page.contains(said), "{said:?} in {page}");
    }
    desk.run("check").success();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_changes_until_it_is_answered() {
    let desk = Desk::set().await;
    let file = |id: &str| {
        format!("file --id {id} --facility {HOSPITAL} --line commodity={MASK},quantity=40")
    };
    desk.request(&file("R1"));
    desk.request(&file("R2"));
    desk.request(&file("R3"));
    let amended = desk.request(&format!(
        "amend R1 --line item={MASK_A},quantity=30 --priority asap --needed-by 2099-01-31"
    ));
    assert_eq!(amended["lines"][0]["requested"], "30");
    assert_eq!(amended["priority"], "REQUEST_PRIORITY_ASAP");
    desk.refused("amend R1 --priority asap", "REQUEST_UNCHANGED");
    let marked = desk.request("mark-duplicate R2 --of R1");
    assert_eq!(marked["duplicateOfId"], "R1");
    desk.request("reconfirm R1 --needed-by 2099-02-15 --by person:7");
    desk.request("approve R1");
    desk.refused(
        &format!("amend R1 --line item={MASK_A},quantity=31"),
        "REQUEST_STATE",
    );
    let back = desk.request("cancel R3 --reason met-elsewhere");
    assert_eq!(back["state"], "REQUEST_STATE_CANCELLED");
    // Boards show what is open only.
    let head: Value = serde_json::from_str(&desk.run("log stats --format json").success()).unwrap();
    let listed = desk
        .run(&format!(
            "request list --open --min-position {} --format csv",
            head["position"]
        ))
        .success();
    assert!(listed.contains("R1,") && !listed.contains("R2,") && !listed.contains("R3,"));
    desk.run("duty get KZ-75").refused(1);
    desk.run("check").success();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_goes_first_and_a_plan_is_followed_to_the_end() {
    let desk = Desk::set().await;
    let json = |words: &str| -> Value {
        serde_json::from_str(&desk.run(&format!("{words} --format json")).success()).unwrap()
    };
    desk.run(
        "facility register ELSEWHERE --name-en Hospital --kind hospital --region KZ-63 \
         --time-zone Asia/Almaty --operator DONOR",
    )
    .success();
    desk.run(&format!(
        "stock open --facility {NORTH} --line item={MASK_A},quantity=100"
    ))
    .success();
    desk.run(&format!("facility set-reserve {NORTH} {MASK} 50"))
        .success();
    for (id, facility_id) in [("R1", "ELSEWHERE"), ("R2", HOSPITAL)] {
        desk.request(&format!(
            "file --id {id} --facility {facility_id} --line commodity={MASK},quantity=60"
        ));
        desk.request(&format!("approve {id}"));
    }
    desk.run("emergency declare --id FLOOD --name-en Flood --kind flood --region KZ-62 --by DONOR")
        .success();
    let drafted = json(&format!(
        "plan draft --id P1 --from {NORTH} --line item={MASK_A},quantity=90 --request R1 --request R2"
    ));
    let shares = drafted["plan"]["shares"].as_array().unwrap().clone();
    let told: Vec<_> = shares
        .iter()
        .map(|share| {
            (
                share["requestId"].as_str().unwrap(),
                share["quantity"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("R2", "60"), ("R1", "30")]);
    let approved = json("plan approve P1");
    let shipment = |index: usize| {
        let share = &approved["plan"]["shares"][index];
        share["shipmentId"].as_str().unwrap().to_owned()
    };
    let (first, second) = (shipment(0), shipment(1));
    // What goes to the emergency may use the reserve, what goes elsewhere may not.
    desk.run(&format!("shipment allocate {first}")).success();
    let refused = desk.run(&format!("shipment allocate {second}")).refused(1);
    assert!(refused.contains("BELOW_RESERVE"), "{refused}");
    desk.run(&format!(
        "shipment allocate {second} --reserve-override-by person:7 --reserve-override-reason life-at-risk"
    ))
    .success();
    desk.run(&format!("shipment dispatch {first} --custodian CARRIER"))
        .success();
    desk.run(&format!("shipment receive {first}")).success();
    let report = json("plan get P1");
    let rows = &report["report"]["progress"];
    assert_eq!(rows[0]["delivered"], "60");
    assert_eq!(rows[1]["allocated"], "30");
    let table = desk.run("plan get P1 --format table").success();
    assert!(table.contains("planned and delivered"), "{table}");
    desk.run("plan cancel P1 --reason replaced").refused(1);
    assert_eq!(
        json("emergency list --region KZ-62 --min-position 1")
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let refused = desk.run("emergency list --min-position 99999").refused(1);
    assert!(refused.contains("min_position"), "{refused}");
    desk.run("emergency end FLOOD").success();
    desk.run("emergency end FLOOD").refused(1);
    desk.run("check").success();
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_what_waits_for_them() {
    let desk = Desk::set().await;
    let head = || -> u64 {
        let stats = desk.run("log stats --format json").success();
        let stats: Value = serde_json::from_str(&stats).unwrap();
        stats["position"].as_u64().unwrap()
    };
    let inbox = |words: &str| -> Vec<String> {
        let text = desk
            .run(&format!(
                "inbox {words} --min-position {} --format json",
                head()
            ))
            .success();
        let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
        rows.iter()
            .map(|row| {
                let word = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
                let about = [word("requestId"), word("shipmentId"), word("batchId")].concat();
                format!("{} {about}", word("kind").trim_start_matches("INBOX_KIND_"))
            })
            .collect()
    };
    desk.request(&format!(
        "file --id R1 --facility {HOSPITAL} --line commodity={MASK},quantity=40"
    ));
    desk.request(&format!(
        "file --id R2 --facility {HOSPITAL} --line item={PUMP_A},quantity=1 --priority stat"
    ));
    // The most urgent first.
    assert_eq!(
        inbox("--role office --region KZ-62"),
        ["TO_TRIAGE R2", "TO_TRIAGE R1"]
    );
    assert!(inbox("--region KZ-75").is_empty());
    desk.request(&format!("triage R2 --office OFFICE --forward-to {DONOR}"));
    assert_eq!(inbox("--role office"), ["TO_TRIAGE R1"]);
    assert_eq!(
        inbox(&format!("--role decider --organisation {DONOR}")),
        ["TO_APPROVE R2"]
    );
    let soon = in_hours(5);
    desk.request(&format!(
        "approve R2 --by-word-of person:9 --confirm-by {soon}"
    ));
    desk.request(&format!("offer-substitute R2 --line 1 --item {PUMP_B}"));
    let of_r2 = ["TO_CONFIRM R2", "TO_ANSWER R2", "TO_ALLOCATE R2"];
    assert_eq!(
        inbox("--kind to-confirm --kind to-answer --kind to-allocate"),
        of_r2
    );
    desk.request("approve R1");
    desk.run(&format!(
        "stock open --facility {NORTH} --line item={MASK_A},quantity=40"
    ))
    .success();
    desk.run(&format!(
        "shipment request --id S1 --from {NORTH} --to {HOSPITAL} --line item={MASK_A},quantity=40,request=R1"
    ))
    .success();
    desk.run("shipment allocate S1").success();
    assert_eq!(inbox(&format!("--facility {NORTH}")), ["TO_DISPATCH S1"]);
    desk.run("shipment dispatch S1 --custodian CARRIER")
        .success();
    assert_eq!(
        inbox(&format!("--role carrier --facility {HOSPITAL}")),
        ["TO_SIGN S1"]
    );
    desk.run(
        "shipment receive S1 --line line=1,quantity=39 --line line=1,quantity=1,outcome=missing",
    )
    .success();
    assert_eq!(
        inbox("--role carrier --organisation CARRIER"),
        ["TO_SETTLE S1"]
    );
    // The sender is to say what it holds of that.
    let kept = inbox(&format!("--kind to-answer --facility {NORTH}"));
    assert_eq!(kept, ["TO_ANSWER S1"]);
    desk.run("shipment answer S1 --answer accepted").success();
    assert!(inbox(&format!("--kind to-answer --facility {NORTH}")).is_empty());
    // Of what is as urgent, what has waited longest comes first, whatever it is called.
    for id in ["R9", "R8"] {
        desk.request(&format!(
            "file --id {id} --facility {HOSPITAL} --line commodity={MASK},quantity=40"
        ));
    }
    assert_eq!(inbox("--role office"), ["TO_TRIAGE R9", "TO_TRIAGE R8"]);
    // Pages follow each other.
    let all = inbox("");
    assert!(all.len() > 3, "{all:?}");
    assert_eq!(inbox("--limit 2"), all[..2]);
}
