//! A week of the charity's logistician: what was given is found, asked for, sent, followed and told to the donor; and two
//! of them reach for the last pump at the same moment.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::collections::BTreeSet;

use keruen_proto::shipments::v1::{
    AllocateShipmentRequest, RequestShipmentRequest, ShipmentLine,
    shipment_service_client::ShipmentServiceClient,
};
use keruen_tests::{
    history,
    message::{command_id, request},
    refusal::Refusal,
    scene::{DONOR, HOSPITAL, NORTH, PUMP_A, SOUTH, stock},
    stage::Stage,
};
use serde_json::Value;
use tonic::{Code, transport::Channel};

struct Office {
    stage: Stage,
}

impl Office {
    async fn opens() -> Self {
        Self {
            stage: Stage::set().await,
        }
    }

    /// The logistician types a line, and it is recorded or answered.
    fn told(&self, line: &str) -> Value {
        let line = format!("{line} --format json");
        let told = self.stage.node.cli(line.split(' ')).success();
        serde_json::from_str(&told).unwrap()
    }

    /// It is refused.
    fn refused(&self, line: &str) -> String {
        self.stage.node.cli(line.split(' ')).refused(1)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_is_followed_from_the_pledge_to_the_bedside() {
    let office = Office::opens().await;
    // Monday. A fund promises sixty masks; forty come, two of them wet.
    office.told(&format!(
        "donation pledge --id FUND --donor {DONOR} --line item=MASK-A,quantity=60 --earmark region=KZ-62"
    ));
    office.told(&format!(
        "donation receive FUND --facility {NORTH} --line item=MASK-A,quantity=38,value=2KZT,batch=FUND-B --line item=MASK-A,quantity=2,outcome=damaged,value=2KZT,batch=FUND-W"
    ));
    // Tuesday. The hospital that they are meant for asks for more than one gift has, and gets it of two.
    office.told(&format!(
        "request file --facility {HOSPITAL} --id NEED --line item=MASK-A,quantity=110"
    ));
    office.told("request approve NEED");
    office.told(&format!(
        "shipment request --id FIRST --from {NORTH} --to {HOSPITAL} --line item=MASK-A,quantity=110,request=NEED"
    ));
    // Somebody would send what is meant for that region to another one; what others gave may go there, and no more.
    office.told("facility register CLINIC --name-en Clinic --kind hospital --region KZ-75 --time-zone Asia/Almaty --operator DONOR");
    office.told(&format!(
        "shipment request --id WRONG --from {NORTH} --to CLINIC --line item=MASK-A,quantity=120"
    ));
    let told = office.refused("shipment allocate WRONG");
    assert!(
        told.contains("(INSUFFICIENT_STOCK") || told.contains("(STOCK_EARMARKED"),
        "{told}"
    );
    office.told("shipment cancel WRONG --reason not-needed");
    office.told("shipment allocate FIRST");
    // Wednesday. It leaves; the logistician knows at any time where it is, and who answers for how much.
    office.told("shipment dispatch FIRST --custodian CARRIER --signed-by person:DRIVER-1");
    let on_the_way = office.told("liability list --on-the-way");
    let units: i64 = on_the_way
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["inTransit"].as_str().unwrap().parse::<i64>().unwrap())
        .sum();
    assert_eq!(units, 110);
    assert!(
        on_the_way
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["custodianId"] == "CARRIER")
    );
    office.told("shipment delay FIRST --reason weather --expected-on 2099-01-01");
    // Friday. It is there, and thirty are used.
    office.told("shipment receive FIRST --signed-by person:NURSE-4");
    office.told(&format!(
        "stock consume --facility {HOSPITAL} --item MASK-A --quantity 30 --purpose patient"
    ));
    let need = office.told("request get NEED");
    assert_eq!(need["request"]["state"], "REQUEST_STATE_FULFILLED");
    // The fund asks where its gift is. Every mask of it is somewhere, and those that came add up.
    let trace = office.told("trace donation FUND");
    let batches = trace["batches"].as_array().unwrap();
    let mut units = 0;
    let mut places = BTreeSet::new();
    for place in batches
        .iter()
        .flat_map(|it| it["places"].as_array().unwrap())
    {
        units += place["quantity"].as_str().unwrap().parse::<i64>().unwrap();
        places.insert(place["facilityId"].as_str().unwrap().to_owned());
    }
    assert_eq!(units, 40);
    assert!(
        places.contains(NORTH) && places.contains(HOSPITAL),
        "two are wet, and still in the north: {places:?}"
    );
    let balance = office.told(&format!("donation balance {DONOR}"));
    assert!(
        balance.to_string().contains("\"outstanding\":\"20\""),
        "{balance}"
    );
    history::check(&history::read(&office.stage.node.channel()).await);
}

/// A shipment of one pump from the north.
async fn asks_for_a_pump(channel: &Channel, shipment_id: &str) {
    let message = RequestShipmentRequest {
        command_id: command_id(),
        shipment_id: shipment_id.to_owned(),
        origin_id: NORTH.to_owned(),
        destination_id: HOSPITAL.to_owned(),
        lines: vec![ShipmentLine {
            line: 1,
            item_id: PUMP_A.to_owned(),
            quantity: 1,
            ..ShipmentLine::default()
        }],
        ..RequestShipmentRequest::default()
    };
    let mut client = ShipmentServiceClient::new(channel.clone());
    client.request_shipment(request(message)).await.unwrap();
}

/// Whether the shipment gets it; if not, what its sender is told.
async fn reaches_for_it(channel: &Channel, shipment_id: &str) -> Result<(), Refusal> {
    let message = AllocateShipmentRequest {
        command_id: command_id(),
        shipment_id: shipment_id.to_owned(),
        ..AllocateShipmentRequest::default()
    };
    let mut client = ShipmentServiceClient::new(channel.clone());
    let answer = client.allocate_shipment(request(message)).await;
    answer.map(drop).map_err(|status| Refusal::of(&status))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_reach_for_the_last_pump_one_gets_it_and_the_other_is_told_whom_to_ask() {
    let mut office = Office::opens().await;
    office.stage.clients.donate("SPARE", PUMP_A, 3, SOUTH).await;
    let position = office
        .stage
        .clients
        .donate("FAR", PUMP_A, 1, HOSPITAL)
        .await;
    // The hint is only as new as the views.
    stock(&mut office.stage.clients, position).await;
    let channels = [office.stage.node.channel(), office.stage.node.channel()];
    // There are two in the north. One is claimed.
    asks_for_a_pump(&channels[0], "EARLY").await;
    reaches_for_it(&channels[0], "EARLY").await.unwrap();
    for round in 0..6 {
        let ids = [format!("ONE-{round}"), format!("TWO-{round}")];
        for id in &ids {
            asks_for_a_pump(&channels[0], id).await;
        }
        let (one, two) = tokio::join!(
            reaches_for_it(&channels[0], &ids[0]),
            reaches_for_it(&channels[1], &ids[1])
        );
        let (winner, loser, refusal) = match (one, two) {
            (Ok(()), Err(refusal)) => (&ids[0], &ids[1], refusal),
            (Err(refusal), Ok(())) => (&ids[1], &ids[0], refusal),
            other => panic!("exactly one gets it: {other:?}"),
        };
        refusal.is(
            Code::FailedPrecondition,
            "INSUFFICIENT_STOCK",
            &[
                ("available", "0"),
                ("available_elsewhere", "SOUTH=3,HOSPITAL=1"),
            ],
            "ask elsewhere: SOUTH has 3, HOSPITAL has 1",
        );
        // Whoever types it reads the same.
        let told = office.refused(&format!("shipment allocate {loser}"));
        assert!(told.contains("SOUTH has 3"), "{told}");
        let won = office.told(&format!("shipment get {winner}"));
        assert_eq!(won["shipment"]["state"], "SHIPMENT_STATE_ALLOCATED");
        office.told(&format!("shipment cancel {winner} --reason not-needed"));
        office.told(&format!("shipment cancel {loser} --reason not-needed"));
    }
    history::check(&history::read(&office.stage.node.channel()).await);
}
