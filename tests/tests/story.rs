//! The whole way of a donation, walked by a client that has none of this project's code: `buf curl`, written in
//! another language, learns the schema by reflection and speaks JSON.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{path::PathBuf, process::Command};

use keruen_tests::{
    message,
    node::Node,
    program::{self, Outcome},
    wheel,
};
use serde_json::{Value, json};

struct Stranger {
    buf: PathBuf,
    server: String,
}

impl Stranger {
    fn curl(&self, method: &str, message: &Value) -> Outcome {
        let mut buf = Command::new(&self.buf);
        buf.args([
            "curl",
            "--protocol",
            "grpc",
            "--http2-prior-knowledge",
            "--header",
            "keruen-actor: buf:stranger",
        ])
        .args([
            "--data",
            &message.to_string(),
            &format!("{}/keruen.{method}", self.server),
        ]);
        program::output(&mut buf)
    }

    fn ask(&self, method: &str, message: &Value) -> Value {
        let outcome = self.curl(method, message);
        assert_eq!(
            outcome.code,
            Some(0),
            "{method} {message}\n{}{}",
            outcome.stdout,
            outcome.stderr
        );
        serde_json::from_str(&outcome.stdout)
            .unwrap_or_else(|error| panic!("{method}: {error}: {}", outcome.stdout))
    }

    fn tell(&self, method: &str, mut message: Value) -> Value {
        message["commandId"] = Value::from(message::command_id());
        let answer = self.ask(method, &message);
        assert!(
            int64(&answer["position"]) > 0,
            "{method} recorded nothing: {answer}"
        );
        answer
    }
}

/// Protobuf JSON writes 64-bit integers as text and leaves out zeros.
fn int64(value: &Value) -> i64 {
    match value {
        Value::Null => 0,
        Value::String(text) => text.parse().unwrap(),
        other => panic!("{other} is no int64 of protobuf JSON"),
    }
}

fn sum(row: &Value) -> i64 {
    ["onHand", "inTransit", "consumed", "disposed", "lost"]
        .iter()
        .map(|column| int64(&row[column]))
        .sum()
}

fn register(stranger: &Stranger) {
    for (id, kinds) in [
        ("BANK", json!(["ORGANISATION_KIND_DONOR"])),
        (
            "MOH",
            json!(["ORGANISATION_KIND_MINISTRY", "ORGANISATION_KIND_HOSPITAL"]),
        ),
        ("VOLUNTEERS", json!(["ORGANISATION_KIND_VOLUNTEER_GROUP"])),
    ] {
        let organisation = json!({ "organisationId": id, "name": { "en": id, "kk": "Атауы", "ru": "Имя" }, "kinds": kinds });
        stranger.tell(
            "registry.v1.RegistryService/RegisterOrganisation",
            json!({ "organisation": organisation }),
        );
    }
    for (id, kind, region, zone) in [
        (
            "WAREHOUSE",
            "FACILITY_KIND_WAREHOUSE",
            "KZ-75",
            "Asia/Almaty",
        ),
        (
            "VILLAGE-HOSPITAL",
            "FACILITY_KIND_HOSPITAL",
            "KZ-47",
            "Asia/Aqtau",
        ),
    ] {
        let facility = json!({
            "facilityId": id, "name": { "en": id }, "kind": kind, "regions": [{ "regionId": region }],
            "timeZone": zone, "operatorId": "MOH",
        });
        stranger.tell(
            "registry.v1.RegistryService/RegisterFacility",
            json!({ "facility": facility }),
        );
    }
    let commodity = json!({ "commodityId": "TEST", "name": { "en": "Test" }, "baseUnit": "EA" });
    stranger.tell(
        "registry.v1.RegistryService/RegisterCommodity",
        json!({ "commodity": commodity }),
    );
    let item = json!({
        "itemId": "TEST-RAPID", "commodityId": "TEST", "name": { "en": "Rapid test" },
        "tracking": "TRACKING_BATCH", "expires": true,
    });
    stranger.tell(
        "registry.v1.RegistryService/RegisterItem",
        json!({ "item": item }),
    );
}

fn give(stranger: &Stranger) -> String {
    let pledge = json!({
        "donorId": "BANK", "recipientId": "MOH",
        "lines": [{ "commodityId": "TEST", "quantity": "1000" }],
    });
    let pledged = stranger.tell("inventory.v1.InventoryService/PledgeDonation", pledge);
    let donation_id = pledged["donation"]["donationId"]
        .as_str()
        .unwrap()
        .to_owned();
    let received = stranger.tell(
        "inventory.v1.InventoryService/ReceiveDonation",
        json!({
            "donationId": donation_id, "facilityId": "WAREHOUSE",
            "lines": [
                { "itemId": "TEST-RAPID", "quantity": "600", "lot": "L1", "expiresOn": "2099-12-31" },
                { "itemId": "TEST-RAPID", "quantity": "390", "lot": "L2", "expiresOn": "2099-06-30" },
                { "itemId": "TEST-RAPID", "quantity": "10", "lot": "L2", "expiresOn": "2099-06-30",
                  "outcome": "RECEIPT_OUTCOME_DAMAGED" },
            ],
        }),
    );
    assert_eq!(
        received["donation"]["state"], "DONATION_STATE_RECEIVED",
        "{received}"
    );
    donation_id
}

fn need(stranger: &Stranger) -> String {
    let filed = stranger.tell(
        "requests.v1.RequestService/FileRequest",
        json!({
            "facilityId": "VILLAGE-HOSPITAL", "priority": "REQUEST_PRIORITY_URGENT",
            "lines": [{ "commodityId": "TEST", "requested": "500" }],
        }),
    );
    let request_id = filed["request"]["requestId"].as_str().unwrap().to_owned();
    let approved = stranger.tell(
        "requests.v1.RequestService/ApproveRequest",
        json!({ "requestId": request_id, "lines": [{ "line": 1, "quantity": "450" }] }),
    );
    assert_eq!(
        approved["request"]["state"], "REQUEST_STATE_APPROVED",
        "{approved}"
    );
    request_id
}

fn ship(stranger: &Stranger, request_id: &str) {
    let service = "shipments.v1.ShipmentService";
    let requested = stranger.tell(
        &format!("{service}/RequestShipment"),
        json!({
            "originId": "WAREHOUSE", "destinationId": "VILLAGE-HOSPITAL",
            "lines": [{ "itemId": "TEST-RAPID", "quantity": "450", "requestId": request_id, "requestLine": 1 }],
        }),
    );
    let shipment_id = &requested["shipment"]["shipmentId"];
    let allocated = stranger.tell(
        &format!("{service}/AllocateShipment"),
        json!({ "shipmentId": shipment_id }),
    );
    let lots = allocated["shipment"]["lots"].as_array().unwrap();
    let units = |lot: &Value| {
        let units = &lot["shipmentUnits"]["units"];
        (
            units["lot"].as_str().unwrap().to_owned(),
            int64(&units["quantity"]),
        )
    };
    let claimed: Vec<_> = lots.iter().map(units).collect();
    assert_eq!(
        claimed,
        [("L2".to_owned(), 390), ("L1".to_owned(), 60)],
        "first expired, first out"
    );
    stranger.tell(
        &format!("{service}/DispatchShipment"),
        json!({ "shipmentId": shipment_id, "custodianId": "VOLUNTEERS", "signedByRef": "person:7" }),
    );
    let batch = &lots[0]["shipmentUnits"]["units"]["batchId"];
    let other = &lots[1]["shipmentUnits"]["units"]["batchId"];
    let received = stranger.tell(
        &format!("{service}/ReceiveShipment"),
        json!({
            "shipmentId": shipment_id,
            "lines": [
                { "line": 1, "batchId": batch, "quantity": "385" },
                { "line": 1, "batchId": batch, "quantity": "5", "outcome": "RECEIPT_OUTCOME_MISSING" },
                { "line": 1, "batchId": other, "quantity": "60" },
            ],
        }),
    );
    assert_eq!(
        received["shipment"]["state"], "SHIPMENT_STATE_RECEIVED_WITH_DISCREPANCY",
        "{received}"
    );
    let settled = stranger.tell(
        &format!("{service}/AcceptLossAct"),
        json!({
            "shipmentId": shipment_id, "verdict": "LOSS_VERDICT_LIABLE",
            "act": { "kind": "DOCUMENT_KIND_LOSS_ACT", "number": "17" },
        }),
    );
    assert_eq!(
        int64(&settled["shipment"]["lots"][0]["lost"]),
        5,
        "{settled}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knows_only_reflection_brings_a_donation_to_the_bedside() {
    let node = Node::new().await;
    let stranger = Stranger {
        buf: wheel::buf(),
        server: node.grpc_url().to_owned(),
    };
    register(&stranger);
    let donation_id = give(&stranger);
    let request_id = need(&stranger);
    ship(&stranger, &request_id);
    let consumed = stranger.tell(
        "inventory.v1.InventoryService/ConsumeStock",
        json!({
            "facilityId": "VILLAGE-HOSPITAL", "itemId": "TEST-RAPID", "quantity": "100",
            "purpose": "CONSUMPTION_PURPOSE_PATIENT",
        }),
    );
    let position = &consumed["position"];

    let stock = stranger.ask(
        "stock.v1.StockService/ListStock",
        &json!({ "groupBy": ["STOCK_GROUP_REGION"], "minPosition": position }),
    );
    let rows = stock["rows"].as_array().unwrap();
    let row = |region: &str| rows.iter().find(|row| row["regionId"] == region).unwrap();
    assert_eq!(
        (int64(&row("KZ-75")["onHand"]), int64(&row("KZ-75")["held"])),
        (550, 10),
        "{stock}"
    );
    let village = row("KZ-47");
    assert_eq!(
        (
            int64(&village["onHand"]),
            int64(&village["consumed"]),
            int64(&village["lost"])
        ),
        (345, 100, 5)
    );
    assert_eq!(rows.iter().map(sum).sum::<i64>(), 1_000, "{stock}");

    let trace = stranger.ask(
        "stock.v1.StockService/GetTrace",
        &json!({ "donationId": donation_id }),
    );
    let places = trace["batches"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|batch| batch["places"].as_array().unwrap());
    assert_eq!(
        places.map(|place| int64(&place["quantity"])).sum::<i64>(),
        1_000,
        "{trace}"
    );

    let request = stranger.ask(
        "requests.v1.RequestService/GetRequest",
        &json!({ "requestId": request_id }),
    );
    let line = &request["request"]["lines"][0];
    assert_eq!(
        (int64(&line["approved"]), int64(&line["received"])),
        (450, 445),
        "{request}"
    );
    assert_eq!(
        request["request"]["state"], "REQUEST_STATE_PARTLY_FULFILLED",
        "{request}"
    );

    let refused = stranger.curl(
        "inventory.v1.InventoryService/ConsumeStock",
        &json!({
            "commandId": message::command_id(), "facilityId": "VILLAGE-HOSPITAL", "itemId": "TEST-RAPID",
            "quantity": "346", "purpose": "CONSUMPTION_PURPOSE_PATIENT",
        }),
    );
    let told = refused.stdout + &refused.stderr;
    assert_ne!(refused.code, Some(0));
    for part in [
        "failed_precondition",
        "google.rpc.ErrorInfo",
        "346 requested, 345 available",
    ] {
        assert!(told.contains(part), "{part} is missing: {told}");
    }
}
