//! Goods move: to the regions, through one bad night, to the bedside.

use keruen_proto::{
    inventory::v1::{
        ConsumeStockRequest, ConsumptionPurpose, DisposalReason, DisposeStockRequest,
        ReceiptOutcome,
    },
    registry::v1::DocumentKind,
    shipments::v1::{
        AcceptLossActRequest, AllocateShipmentRequest, DispatchShipmentRequest, LossVerdict,
        ReceiveShipmentRequest, RequestShipmentRequest, Shipment, ShipmentLine,
        ShipmentReceiptLine,
    },
};

use super::{
    super::{
        cast::{CENTRAL, MINISTRY_STORE, PLANT, Site},
        player::{Player, step},
    },
    chapter, document, grouped, say,
};

/// Vehicles sent to each region (illustrative): 100 over 20 regions.
const VEHICLES_PER_REGION: i64 = 5;

/// Shipments of Kaspi's tests that are still on their way when the story ends.
const UNDER_WAY: [&str; 2] = ["AKTAU-HUB", "PETROPAVL-HUB"];

/// What one line of a shipment carries.
struct Cargo<'a> {
    item_id: &'a str,
    quantity: i64,
    request_id: &'a str,
}

pub(super) async fn distribution(player: &mut Player, hubs: &[&Site]) -> anyhow::Result<()> {
    chapter(
        4,
        "The tests are distributed over the regions (illustrative)",
    );
    for hub in hubs {
        let id = format!("TESTS-{}", hub.region_id);
        let cargo = Cargo {
            item_id: "SARS2-RAPID",
            quantity: hub.tests,
            request_id: "",
        };
        send(player, &id, CENTRAL, &hub.facility_id, cargo).await?;
        if !UNDER_WAY.contains(&hub.facility_id.as_str()) {
            arrive(player, &id).await?;
        }
    }
    let sent: i64 = hubs.iter().map(|hub| hub.tests).sum();
    say(&format!(
        "Kaspi's tests leave for all 20 regions, first expired first out: {} of 100,000. Two trucks are still on the road.",
        grouped(sent)
    ));
    for (region, facility, quantity) in [
        ("KZ-31", "TARAZ-HUB", 8_000),
        ("KZ-43", "KYZYLORDA-HUB", 7_000),
        ("KZ-47", "AKTAU-HUB", 6_000),
        ("KZ-62", "JEZQAZGHAN-HUB", 4_000),
        ("KZ-10", "SEMEY-HUB", 9_000),
    ] {
        let cargo = Cargo {
            item_id: "SARS2-PCR",
            quantity,
            request_id: "",
        };
        send_and_arrive(
            player,
            &format!("PCR-{region}"),
            MINISTRY_STORE,
            facility,
            cargo,
        )
        .await?;
    }
    say("The Ministry sends 34,000 of its tests to five regions and keeps the rest as a reserve.");
    Ok(())
}

pub(super) async fn vehicles_and_laboratories(
    player: &mut Player,
    hubs: &[&Site],
) -> anyhow::Result<()> {
    chapter(5, "Vehicles and laboratories roll out (illustrative)");
    for hub in hubs {
        let id = format!("RRV-{}", hub.region_id);
        let cargo = Cargo {
            item_id: "RRV",
            quantity: VEHICLES_PER_REGION,
            request_id: "",
        };
        send(player, &id, PLANT, &hub.facility_id, cargo).await?;
        if hub.facility_id != "ATYRAU-HUB" {
            arrive(player, &id).await?;
        }
    }
    say("Five vehicles go to each region; those for Atyrau are still on the road.");
    for (number, facility) in [(1, "KYZYLORDA-HUB"), (2, "SHYMKENT-HUB")] {
        let cargo = Cargo {
            item_id: "PCR-LAB",
            quantity: 1,
            request_id: "",
        };
        send_and_arrive(
            player,
            &format!("LAB-{number}"),
            MINISTRY_STORE,
            facility,
            cargo,
        )
        .await?;
    }
    say("One mobile PCR laboratory goes to Kyzylorda, one to Shymkent.");
    Ok(())
}

pub(super) async fn bad_night(player: &mut Player) -> anyhow::Result<()> {
    chapter(6, "One bad night (illustrative)");
    let id = "NIGHT-ZHANATAS";
    let cargo = Cargo {
        item_id: "SARS2-RAPID",
        quantity: 600,
        request_id: "REQ-ZHANATAS-TESTS",
    };
    let shipment = send(player, id, "TARAZ-HUB", "ZHANATAS-HOSPITAL", cargo).await?;
    let batch = shipment
        .lots
        .first()
        .and_then(|lot| lot.shipment_units.as_ref()?.units.as_ref())
        .map(|units| units.batch_id.clone())
        .unwrap_or_default();
    say(
        "600 tests, 24 boxes of 25, leave Taraz for Zhanatas. A volunteer driver has signed for them.",
    );
    let found = |quantity, outcome: ReceiptOutcome| ShipmentReceiptLine {
        line: 1,
        batch_id: batch.clone(),
        quantity,
        outcome: outcome.into(),
        ..ShipmentReceiptLine::default()
    };
    step!(
        player,
        "nurse",
        "receive NIGHT-ZHANATAS short",
        shipments.receive_shipment,
        ReceiveShipmentRequest {
            shipment_id: id.to_owned(),
            lines: vec![
                found(525, ReceiptOutcome::Good),
                found(25, ReceiptOutcome::Damaged),
                found(50, ReceiptOutcome::Missing),
            ],
            signed_by_ref: "person:NURSE-3".to_owned()
        }
    )?;
    say(
        "The nurse counts: one box is crushed and held, and two boxes, 50 tests, are missing. The driver is liable.",
    );
    step!(
        player,
        "nurse",
        "receive NIGHT-ZHANATAS found",
        shipments.receive_shipment,
        ReceiveShipmentRequest {
            shipment_id: id.to_owned(),
            lines: vec![found(25, ReceiptOutcome::Good)],
            signed_by_ref: "person:NURSE-3".to_owned()
        }
    )?;
    say("In the morning one of the two turns up under a seat.");
    step!(
        player,
        "front-office",
        "settle NIGHT-ZHANATAS",
        shipments.accept_loss_act,
        AcceptLossActRequest {
            shipment_id: id.to_owned(),
            act: Some(document(DocumentKind::LossAct, "LA-2020-07")),
            verdict: LossVerdict::Exonerated.into()
        }
    )?;
    say(
        "The other stays lost. An act says that the driver is not to blame, and his liability ends.",
    );
    step!(
        player,
        "storekeeper",
        "dispose of crushed box",
        inventory.dispose_stock,
        DisposeStockRequest {
            facility_id: "ZHANATAS-HOSPITAL".to_owned(),
            batch_id: batch,
            quantity: 25,
            reason: DisposalReason::Damaged.into(),
            documents: vec![document(DocumentKind::DisposalAct, "DA-2020-11")]
        }
    )?;
    say("The crushed box is disposed of, with an act.");
    Ok(())
}

pub(super) async fn bedside(player: &mut Player) -> anyhow::Result<()> {
    chapter(7, "To the bedside (illustrative)");
    for (id, destination, item_id, quantity, request_id) in [
        (
            "O2-ARKALYK",
            "ARKALYK-HOSPITAL",
            "O2-10L",
            6,
            "REQ-ARKALYK-O2",
        ),
        (
            "O2-ZHANATAS",
            "ZHANATAS-HOSPITAL",
            "O2-10L",
            3,
            "REQ-ZHANATAS-O2",
        ),
        (
            "VENT-AYAGOZ",
            "AYAGOZ-HOSPITAL",
            "VENT-ICU",
            2,
            "REQ-AYAGOZ-VENT",
        ),
    ] {
        send_and_arrive(
            player,
            id,
            CENTRAL,
            destination,
            Cargo {
                item_id,
                quantity,
                request_id,
            },
        )
        .await?;
    }
    let cargo = Cargo {
        item_id: "SARS2-RAPID",
        quantity: 400,
        request_id: "REQ-ARKALYK-TESTS",
    };
    send_and_arrive(
        player,
        "TESTS-ARKALYK",
        "KOSTANAY-HUB",
        "ARKALYK-HOSPITAL",
        cargo,
    )
    .await?;
    let cargo = Cargo {
        item_id: "O2-10L",
        quantity: 4,
        request_id: "REQ-BEINEU-O2",
    };
    send(player, "O2-BEINEU", CENTRAL, "BEINEU-HOSPITAL", cargo).await?;
    say(
        "Arkalyk's request for 6 concentrators is fulfilled; Zhanatas and Ayagoz have theirs; 4 are on the way to Beineu.",
    );
    for (facility, quantity, purpose) in [
        ("ARKALYK-HOSPITAL", 120, ConsumptionPurpose::Patient),
        ("ARKALYK-HOSPITAL", 5, ConsumptionPurpose::Control),
        ("ZHANATAS-HOSPITAL", 210, ConsumptionPurpose::Patient),
    ] {
        let name = format!("use {quantity} at {facility}");
        step!(
            player,
            "laboratory",
            &name,
            inventory.consume_stock,
            ConsumeStockRequest {
                facility_id: facility.to_owned(),
                item_id: "SARS2-RAPID".to_owned(),
                quantity,
                purpose: purpose.into()
            }
        )?;
    }
    say("335 tests are used: 330 for patients, 5 as controls.");
    Ok(())
}

/// Requests, allocates and dispatches a shipment.
async fn send(
    player: &mut Player,
    id: &str,
    origin: &str,
    destination: &str,
    cargo: Cargo<'_>,
) -> anyhow::Result<Shipment> {
    step!(
        player,
        "logistician",
        &format!("request {id}"),
        shipments.request_shipment,
        RequestShipmentRequest {
            shipment_id: id.to_owned(),
            origin_id: origin.to_owned(),
            destination_id: destination.to_owned(),
            lines: vec![ShipmentLine {
                item_id: cargo.item_id.to_owned(),
                quantity: cargo.quantity,
                request_id: cargo.request_id.to_owned(),
                request_line: i32::from(!cargo.request_id.is_empty()),
                ..ShipmentLine::default()
            }]
        }
    )?;
    step!(
        player,
        "logistician",
        &format!("allocate {id}"),
        shipments.allocate_shipment,
        AllocateShipmentRequest {
            shipment_id: id.to_owned()
        }
    )?;
    let expected_on = player.day(3);
    let answer = step!(
        player,
        "storekeeper",
        &format!("dispatch {id}"),
        shipments.dispatch_shipment,
        DispatchShipmentRequest {
            shipment_id: id.to_owned(),
            custodian_id: "VOLUNTEERS".to_owned(),
            signed_by_ref: "person:DRIVER-17".to_owned(),
            expected_on,
            documents: vec![document(DocumentKind::Waybill, &format!("WB {id}"))]
        }
    )?;
    Ok(answer.shipment.unwrap_or_default())
}

/// Receives everything that is on its way, in good condition.
async fn arrive(player: &mut Player, id: &str) -> anyhow::Result<()> {
    step!(
        player,
        "storekeeper",
        &format!("receive {id}"),
        shipments.receive_shipment,
        ReceiveShipmentRequest {
            shipment_id: id.to_owned(),
            signed_by_ref: "person:STORE-1".to_owned()
        }
    )?;
    Ok(())
}

async fn send_and_arrive(
    player: &mut Player,
    id: &str,
    origin: &str,
    destination: &str,
    cargo: Cargo<'_>,
) -> anyhow::Result<()> {
    send(player, id, origin, destination, cargo).await?;
    arrive(player, id).await
}
