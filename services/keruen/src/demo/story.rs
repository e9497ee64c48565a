//! The chapters of the story. Figures that press reports of 2020 gave stand as they are; all others are invented and
//! said to be illustrative.

use keruen_proto::{
    inventory::v1::{
        ConsumeStockRequest, ConsumptionPurpose, DisposalReason, DisposeStockRequest,
        PledgeDonationRequest, PledgeLine, ReceiptLine, ReceiptOutcome, ReceiveDonationRequest,
        SpendDonatedMoneyRequest,
    },
    registry::v1::{DocumentKind, DocumentRef, Money, UnitValue, ValueBasis},
    requests::v1::{
        ApproveRequestRequest, ApprovedLine, FileRequestRequest, RejectRequestRequest,
        RejectionReason, RequestLine, RequestPriority,
    },
    shipments::v1::{
        AcceptLossActRequest, AllocateShipmentRequest, DispatchShipmentRequest, LossVerdict,
        ReceiveShipmentRequest, RequestShipmentRequest, Shipment, ShipmentLine,
        ShipmentReceiptLine,
    },
};

use super::{
    cast::{self, CENTRAL, HUBS, MINISTRY_STORE, PLANT},
    player::{Player, step},
};

/// Vehicles sent to each region (illustrative): 100 over 20 regions.
const VEHICLES_PER_REGION: i64 = 5;
/// Shipments of Kaspi's tests that are still on their way when the story ends.
const UNDER_WAY: [&str; 2] = ["AKTAU-HUB", "PETROPAVL-HUB"];

/// Plays all chapters.
pub async fn play(player: &mut Player) -> anyhow::Result<()> {
    println!("Where are the 100,000 tests?");
    println!(
        "A story of donated medical aid in Kazakhstan, played through the gRPC services of this node."
    );
    println!(
        "Figures are those of press reports of 2020; invented ones are marked (illustrative)."
    );
    chapter(1, "Who is who");
    cast::register(player).await?;
    say(&format!(
        "9 organisations, 5 commodities, 6 items, {} facilities in 20 regions (illustrative).",
        HUBS.len() + 8
    ));
    donations(player).await?;
    needs(player).await?;
    distribution(player).await?;
    vehicles_and_laboratories(player).await?;
    bad_night(player).await?;
    bedside(player).await
}

fn chapter(number: u32, title: &str) {
    println!("\n{number}. {title}");
}

fn say(text: &str) {
    println!("   {text}");
}

fn document(kind: DocumentKind, number: &str) -> DocumentRef {
    DocumentRef {
        kind: kind.into(),
        number: number.to_owned(),
        ..DocumentRef::default()
    }
}

async fn donations(player: &mut Player) -> anyhow::Result<()> {
    chapter(2, "Donations come in");
    pledge(
        player,
        "KASPI-TESTS",
        "KASPI",
        "REGIONS",
        "TEST-SARS2",
        100_000,
    )
    .await?;
    receive(
        player,
        "KASPI-TESTS",
        CENTRAL,
        vec![
            tests("SARS2-RAPID", "K-2001", player.day(420), 40_000),
            tests("SARS2-RAPID", "K-2002", player.day(480), 35_000),
            tests("SARS2-RAPID", "K-2003", player.day(540), 25_000),
        ],
    )
    .await?;
    say(
        "Kaspi Bank gives 100,000 COVID-19 tests for distribution over the regions; three lots (illustrative) arrive.",
    );

    pledge(
        player,
        "KASPI-VEHICLES",
        "KASPI",
        "REGIONS",
        "VEHICLE-RRV",
        100,
    )
    .await?;
    for (train, first) in [(1, 1), (2, 51)] {
        let serials: Vec<String> = (first..first + 50)
            .map(|number| format!("RRV-{number:03}"))
            .collect();
        receive_as(
            player,
            &format!("receive vehicles {train}"),
            "KASPI-VEHICLES",
            PLANT,
            vec![assets("RRV", serials)],
        )
        .await?;
    }
    say("Kaspi Bank gives 100 rapid response vehicles, built at the Saryarka-Auto plant.");

    pledge(
        player,
        "UTEMURATOV-TESTS",
        "UTEMURATOV",
        "MOH",
        "TEST-SARS2",
        97_000,
    )
    .await?;
    receive(
        player,
        "UTEMURATOV-TESTS",
        MINISTRY_STORE,
        vec![
            tests("SARS2-PCR", "U-97A", player.day(300), 57_000),
            tests("SARS2-PCR", "U-97B", player.day(360), 40_000),
        ],
    )
    .await?;
    say(
        "The Bulat Utemuratov Fund gives 97,000 tests to the Ministry of Health, which owns them from now on.",
    );

    laboratories(player).await?;
    say(
        "The Fund pays 4,000,000 US dollars for two mobile PCR laboratories: money becomes an asset.",
    );

    step!(
        player,
        "degdar",
        "pledge DEGDAR-EQUIPMENT",
        inventory.pledge_donation,
        PledgeDonationRequest {
            donation_id: "DEGDAR-EQUIPMENT".to_owned(),
            donor_id: "DEGDAR".to_owned(),
            recipient_id: "HOSPITALS".to_owned(),
            lines: vec![
                pledge_line("VENTILATOR", 20),
                pledge_line("O2-CONCENTRATOR", 60)
            ]
        }
    )?;
    let numbered = |prefix: &str, count: u32| {
        (1..=count)
            .map(|number| format!("{prefix}-{number:03}"))
            .collect()
    };
    receive_as(
        player,
        "receive ventilators",
        "DEGDAR-EQUIPMENT",
        CENTRAL,
        vec![assets("VENT-ICU", numbered("V", 20))],
    )
    .await?;
    receive_as(
        player,
        "receive concentrators",
        "DEGDAR-EQUIPMENT",
        CENTRAL,
        vec![assets("O2-10L", numbered("OC", 60))],
    )
    .await?;
    say(
        "The Degdar fund gives 20 ventilators and 60 oxygen concentrators (illustrative) for remote hospitals.",
    );
    Ok(())
}

fn pledge_line(commodity_id: &str, quantity: i64) -> PledgeLine {
    PledgeLine {
        commodity_id: commodity_id.to_owned(),
        quantity,
        ..PledgeLine::default()
    }
}

async fn pledge(
    player: &mut Player,
    id: &str,
    donor: &str,
    recipient: &str,
    commodity: &str,
    quantity: i64,
) -> anyhow::Result<()> {
    step!(
        player,
        &donor.to_lowercase(),
        &format!("pledge {id}"),
        inventory.pledge_donation,
        PledgeDonationRequest {
            donation_id: id.to_owned(),
            donor_id: donor.to_owned(),
            recipient_id: recipient.to_owned(),
            lines: vec![pledge_line(commodity, quantity)],
            documents: vec![document(
                DocumentKind::DonationAgreement,
                &format!("{id}-1")
            )]
        }
    )?;
    Ok(())
}

fn tests(item_id: &str, lot: &str, expires_on: String, quantity: i64) -> ReceiptLine {
    ReceiptLine {
        item_id: item_id.to_owned(),
        quantity,
        lot: lot.to_owned(),
        expires_on,
        batch_id: format!("B-{lot}"),
        ..ReceiptLine::default()
    }
}

fn assets(item_id: &str, serial_numbers: Vec<String>) -> ReceiptLine {
    let first = serial_numbers.first().cloned().unwrap_or_default();
    ReceiptLine {
        item_id: item_id.to_owned(),
        quantity: i64::try_from(serial_numbers.len()).unwrap_or(i64::MAX),
        batch_id: format!("B-{first}"),
        serial_numbers,
        ..ReceiptLine::default()
    }
}

async fn receive(
    player: &mut Player,
    donation: &str,
    facility: &str,
    lines: Vec<ReceiptLine>,
) -> anyhow::Result<()> {
    receive_as(
        player,
        &format!("receive {donation}"),
        donation,
        facility,
        lines,
    )
    .await
}

async fn receive_as(
    player: &mut Player,
    name: &str,
    donation: &str,
    facility: &str,
    lines: Vec<ReceiptLine>,
) -> anyhow::Result<()> {
    step!(
        player,
        "storekeeper",
        name,
        inventory.receive_donation,
        ReceiveDonationRequest {
            donation_id: donation.to_owned(),
            facility_id: facility.to_owned(),
            lines,
            documents: vec![document(
                DocumentKind::AcceptanceAct,
                &format!("ACT {name}")
            )]
        }
    )?;
    Ok(())
}

async fn laboratories(player: &mut Player) -> anyhow::Result<()> {
    let dollars = |minor_units| {
        Some(Money {
            currency_code: "USD".to_owned(),
            minor_units,
        })
    };
    step!(
        player,
        "utemuratov",
        "pledge UTEMURATOV-LABS",
        inventory.pledge_donation,
        PledgeDonationRequest {
            donation_id: "UTEMURATOV-LABS".to_owned(),
            donor_id: "UTEMURATOV".to_owned(),
            recipient_id: "MOH".to_owned(),
            money: dollars(400_000_000)
        }
    )?;
    let laboratories = ReceiptLine {
        unit_value: Some(UnitValue {
            amount: dollars(200_000_000),
            basis: ValueBasis::Invoice.into(),
        }),
        ..assets("PCR-LAB", vec!["LAB-1".to_owned(), "LAB-2".to_owned()])
    };
    step!(
        player,
        "utemuratov",
        "buy laboratories",
        inventory.spend_donated_money,
        SpendDonatedMoneyRequest {
            donation_id: "UTEMURATOV-LABS".to_owned(),
            amount: dollars(400_000_000),
            supplier_id: "LAB-MAKER".to_owned(),
            facility_id: MINISTRY_STORE.to_owned(),
            lines: vec![laboratories],
            documents: vec![document(DocumentKind::Invoice, "LAB-2020")]
        }
    )?;
    Ok(())
}

async fn needs(player: &mut Player) -> anyhow::Result<()> {
    use RequestPriority::{Asap, Routine, Stat, Urgent};
    chapter(3, "Hospitals ask (illustrative)");
    let requests = [
        (
            "REQ-ARKALYK-O2",
            "ARKALYK-HOSPITAL",
            "O2-CONCENTRATOR",
            6,
            Stat,
        ),
        (
            "REQ-ARKALYK-TESTS",
            "ARKALYK-HOSPITAL",
            "TEST-SARS2",
            400,
            Urgent,
        ),
        (
            "REQ-ZHANATAS-O2",
            "ZHANATAS-HOSPITAL",
            "O2-CONCENTRATOR",
            4,
            Asap,
        ),
        (
            "REQ-ZHANATAS-TESTS",
            "ZHANATAS-HOSPITAL",
            "TEST-SARS2",
            600,
            Urgent,
        ),
        ("REQ-AYAGOZ-VENT", "AYAGOZ-HOSPITAL", "VENTILATOR", 2, Stat),
        (
            "REQ-AYAGOZ-VENT-2",
            "AYAGOZ-HOSPITAL",
            "VENTILATOR",
            2,
            Stat,
        ),
        (
            "REQ-BEINEU-O2",
            "BEINEU-HOSPITAL",
            "O2-CONCENTRATOR",
            10,
            Asap,
        ),
        (
            "REQ-JEZQAZGHAN-TESTS",
            "JEZQAZGHAN-HOSPITAL",
            "TEST-SARS2",
            300,
            Routine,
        ),
    ];
    for (id, facility, commodity, quantity, priority) in requests {
        let needed_by = player.day(if matches!(priority, Stat) { 2 } else { 14 });
        step!(
            player,
            "nurse",
            &format!("file {id}"),
            requests.file_request,
            FileRequestRequest {
                request_id: id.to_owned(),
                facility_id: facility.to_owned(),
                lines: vec![RequestLine {
                    commodity_id: commodity.to_owned(),
                    requested: quantity,
                    ..RequestLine::default()
                }],
                priority: priority.into(),
                needed_by
            }
        )?;
    }
    say(
        "8 requests come in: oxygen for Arkalyk, Zhanatas and Beineu, ventilators for Ayagoz, tests for three hospitals.",
    );
    for (id, approved) in [
        ("REQ-ARKALYK-O2", 6),
        ("REQ-ARKALYK-TESTS", 400),
        ("REQ-ZHANATAS-O2", 3),
        ("REQ-ZHANATAS-TESTS", 600),
        ("REQ-AYAGOZ-VENT", 2),
        ("REQ-BEINEU-O2", 10),
    ] {
        step!(
            player,
            "front-office",
            &format!("approve {id}"),
            requests.approve_request,
            ApproveRequestRequest {
                request_id: id.to_owned(),
                lines: vec![ApprovedLine {
                    line: 1,
                    quantity: approved
                }]
            }
        )?;
    }
    step!(
        player,
        "front-office",
        "reject REQ-AYAGOZ-VENT-2",
        requests.reject_request,
        RejectRequestRequest {
            request_id: "REQ-AYAGOZ-VENT-2".to_owned(),
            reason: RejectionReason::Duplicate.into()
        }
    )?;
    say(
        "6 are approved (Zhanatas gets 3 of 4 concentrators), 1 is a duplicate and rejected, 1 still waits.",
    );
    Ok(())
}

/// What one line of a shipment carries.
struct Cargo<'a> {
    item_id: &'a str,
    quantity: i64,
    request_id: &'a str,
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
            signed_by_ref: "DRIVER-17".to_owned(),
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
            signed_by_ref: "STORE-1".to_owned()
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

async fn distribution(player: &mut Player) -> anyhow::Result<()> {
    chapter(
        4,
        "The tests are distributed over the regions (illustrative)",
    );
    for hub in &HUBS {
        let id = format!("TESTS-{}", hub.region_id);
        let cargo = Cargo {
            item_id: "SARS2-RAPID",
            quantity: hub.tests,
            request_id: "",
        };
        send(player, &id, CENTRAL, hub.facility_id, cargo).await?;
        if !UNDER_WAY.contains(&hub.facility_id) {
            arrive(player, &id).await?;
        }
    }
    let sent: i64 = HUBS.iter().map(|hub| hub.tests).sum();
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

fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

async fn vehicles_and_laboratories(player: &mut Player) -> anyhow::Result<()> {
    chapter(5, "Vehicles and laboratories roll out (illustrative)");
    for hub in &HUBS {
        let id = format!("RRV-{}", hub.region_id);
        let cargo = Cargo {
            item_id: "RRV",
            quantity: VEHICLES_PER_REGION,
            request_id: "",
        };
        send(player, &id, PLANT, hub.facility_id, cargo).await?;
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

async fn bad_night(player: &mut Player) -> anyhow::Result<()> {
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
            signed_by_ref: "NURSE-3".to_owned()
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
            signed_by_ref: "NURSE-3".to_owned()
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

async fn bedside(player: &mut Player) -> anyhow::Result<()> {
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
