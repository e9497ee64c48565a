//! Shipments: requested, allocated, dispatched, received, settled, cancelled.

use keruen_domain::{
    Boundary, Entry,
    code::MAX_QUANTITY,
    donation::{PledgeDonation, ReceiptLine, ReceiveDonation},
    shipment::{AcceptLossAct, DispatchShipment, FoundGoods, GoodsToSend, RequestShipment},
    stock::AdjustStock,
};
use keruen_proto::{
    Event,
    inventory::v1::{Asset, AssetPlace, ReceiptOutcome, StockLevel, StockUnits},
    registry::v1::{DocumentKind, DocumentRef},
    shipments::v1::{Shipment, ShipmentAllocated, ShipmentState, ShipmentUnits},
};

use crate::{story::Story, world::*};

fn shipment(story: &Story, id: &str) -> Shipment {
    match story.read(&Boundary::Shipment(code(id))) {
        Entry::Shipment(shipment) => shipment,
        other => panic!("{other:?}"),
    }
}

fn stock(story: &Story, facility_id: &str, item_id: &str) -> StockLevel {
    match story.read(&Boundary::Stock(code(facility_id), code(item_id))) {
        Entry::Stock(level, _) => level,
        other => panic!("{other:?}"),
    }
}

fn asset(story: &Story, serial_number: &str) -> Asset {
    match story.read(&Boundary::Asset(code("CONC"), label(serial_number))) {
        Entry::Asset(asset) => asset,
        other => panic!("{other:?}"),
    }
}

fn expiring(item_id: &str, amount: i64, batch_id: &str, day: &str) -> ReceiptLine {
    ReceiptLine {
        expires_on: Some(date(day)),
        ..line(item_id, amount, batch_id)
    }
}

/// At WH: of MOH, LATE came first and EARLY expires first, gloves and three concentrators; of HELP, THEIRS expires
/// earliest.
fn stocked() -> Story {
    Story::new()
        .after(pledge(
            "D1",
            &[("TEST", 1_000), ("GLOVES", 1_000), ("OXYGEN", 9)],
        ))
        .after(receive(
            "D1",
            vec![
                expiring("RAPID", 30, "LATE", "2020-12-31"),
                expiring("RAPID", 20, "EARLY", "2020-06-30"),
                line("GLOVE", 100, "G1"),
                assets("C1", &["S1", "S2", "S3"]),
            ],
        ))
        .after(PledgeDonation {
            recipient_id: code("HELP"),
            ..pledge("D2", &[("TEST", 1_000)])
        })
        .after(receive(
            "D2",
            vec![expiring("RAPID", 10, "THEIRS", "2020-05-31")],
        ))
}

fn of_owner(line: i32, item_id: &str, amount: i64, owner_id: &str) -> GoodsToSend {
    GoodsToSend {
        line,
        item_id: code(item_id),
        quantity: quantity(amount),
        request: None,
        owner_id: Some(code(owner_id)),
        min_life_days: 0,
    }
}

fn claimed(story: &Story, id: &str) -> Vec<(i32, String, i64)> {
    let units = shipment(story, id)
        .lots
        .into_iter()
        .filter_map(|lot| lot.shipment_units);
    units
        .map(|of_line| (of_line.line, of_line.units.clone().unwrap_or_default()))
        .map(|(line, units)| (line, units.batch_id, units.quantity))
        .collect()
}

#[test]
fn shipments_go_between_two_facilities_with_what_exists() {
    let story = stocked().after(ship("S1", &[("RAPID", 1)]));
    let refused =
        |command: RequestShipment, reason: &str| story.clone().when(command).refused(reason);
    let shipment = |goods: &[(&str, i64)]| ship("S2", goods);
    refused(ship("S1", &[("RAPID", 1)]), "SHIPMENT_EXISTS");
    refused(
        RequestShipment {
            destination_id: code("WH"),
            ..shipment(&[("RAPID", 1)])
        },
        "SAME_FACILITY",
    )
    .saying(&["WH"]);
    refused(
        RequestShipment {
            destination_id: code("NOWHERE"),
            ..shipment(&[("RAPID", 1)])
        },
        "UNKNOWN_FACILITY",
    );
    refused(
        RequestShipment {
            origin_id: code("NOWHERE"),
            ..shipment(&[("RAPID", 1)])
        },
        "UNKNOWN_FACILITY",
    );
    refused(shipment(&[("NOTHING", 1)]), "UNKNOWN_ITEM");
    refused(shipment(&[]), "NO_LINES");
    refused(shipment(&[("RAPID", 1); 21]), "TOO_MANY_LINES");
    refused(
        shipment(&[("RAPID", MAX_QUANTITY), ("RAPID", 1)]),
        "QUANTITY_OVERFLOW",
    );
    refused(ship_for("S2", "NONE", &[("RAPID", 1)]), "UNKNOWN_REQUEST");
    refused(
        RequestShipment {
            lines: vec![of_owner(1, "RAPID", 1, "NOBODY")],
            ..shipment(&[])
        },
        "UNKNOWN_ORGANISATION",
    );
    refused(
        RequestShipment {
            lines: vec![
                of_owner(1, "RAPID", 1, "MOH"),
                of_owner(1, "RAPID", 1, "MOH"),
            ],
            ..shipment(&[])
        },
        "DUPLICATE_LINE",
    );
}

#[test]
fn shipments_serve_requests_within_what_is_approved() {
    let story = stocked().after(ask("R1", &[("TEST", 50)]));
    story
        .clone()
        .when(ship_for("S1", "R1", &[("RAPID", 1)]))
        .refused("REQUEST_STATE")
        .saying(&["FILED"]);
    story
        .clone()
        .after(reject("R1"))
        .when(ship_for("S1", "R1", &[("RAPID", 1)]))
        .refused("REQUEST_STATE")
        .saying(&["REJECTED"]);
    let story = story.after(approve("R1", &[(1, 40)]));
    story
        .clone()
        .when(ship_for("S1", "R1", &[("RAPID", 30), ("PCR", 11)]))
        .refused("EXCEEDS_APPROVED")
        .saying(&["41 requested", "40 are approved"]);
    story
        .clone()
        .when(ship_for("S1", "R1", &[("GLOVE", 1)]))
        .refused("REQUEST_LINE_MISMATCH")
        .saying(&["TEST"]);
    story
        .clone()
        .when(RequestShipment {
            destination_id: code("FAR"),
            ..ship_for("S1", "R1", &[("RAPID", 1)])
        })
        .refused("REQUEST_OF_ANOTHER_FACILITY")
        .saying(&["HOSP", "FAR"]);
    let mut wrong_line = ship_for("S1", "R1", &[("RAPID", 1)]);
    wrong_line.lines[0].request = Some((code("R1"), 2));
    story
        .clone()
        .when(wrong_line)
        .refused("UNKNOWN_REQUEST_LINE");
    // Two shipments for the same need: whoever allocates first gets it.
    let story = story
        .after(ship_for("S1", "R1", &[("RAPID", 30)]))
        .after(ship_for("S2", "R1", &[("RAPID", 15), ("RAPID", 15)]))
        .after(allocate("S1"));
    story
        .clone()
        .when(allocate("S2"))
        .refused("EXCEEDS_APPROVED")
        .saying(&["15 requested", "40 are approved", "30 of them"]);
    let partly = story.after(allocate_partly("S2"));
    assert_eq!(
        claimed(&partly, "S2")
            .iter()
            .map(|(_, _, quantity)| quantity)
            .sum::<i64>(),
        10
    );
    assert_eq!(shipment(&partly, "S2").state(), ShipmentState::Requested);
    partly
        .when(allocate_partly("S2"))
        .refused("EXCEEDS_APPROVED");
}

#[test]
fn what_expires_first_goes_first() {
    let units = |batch_id: &str, donation_id: &str, owner_id: &str, expires_on: &str, quantity| {
        ShipmentUnits {
            line: 1,
            units: Some(StockUnits {
                batch_id: batch_id.to_owned(),
                donation_id: donation_id.to_owned(),
                item_id: "RAPID".to_owned(),
                owner_id: owner_id.to_owned(),
                expires_on: expires_on.to_owned(),
                quantity,
                ..StockUnits::default()
            }),
            ..ShipmentUnits::default()
        }
    };
    let story = stocked()
        .after(ship("S1", &[("RAPID", 35)]))
        .when(allocate("S1"))
        .then([ShipmentAllocated {
            shipment_id: "S1".to_owned(),
            origin_id: "WH".to_owned(),
            destination_id: "HOSP".to_owned(),
            units: vec![
                units("THEIRS", "D2", "HELP", "2020-05-31", 10),
                units("EARLY", "D1", "MOH", "2020-06-30", 20),
                units("LATE", "D1", "MOH", "2020-12-31", 5),
            ],
            ..ShipmentAllocated::default()
        }
        .into()]);
    assert_eq!(shipment(&story, "S1").state(), ShipmentState::Allocated);
    let story = stocked()
        .on("2020-06-01")
        .after(ship("S1", &[("RAPID", 35)]))
        .after(allocate("S1"));
    assert_eq!(
        claimed(&story, "S1"),
        [(1, "EARLY".to_owned(), 20), (1, "LATE".to_owned(), 15)]
    );
}

#[test]
fn lines_of_one_shipment_share_the_stock() {
    let story = stocked().after(ship("S1", &[("RAPID", 25), ("RAPID", 36)]));
    story
        .when(allocate("S1"))
        .refused("INSUFFICIENT_STOCK")
        .saying(&["61 requested", "60 available", "60 on hand", "0 reserved"]);
    let lines = vec![
        GoodsToSend {
            owner_id: None,
            ..of_owner(1, "RAPID", 10, "MOH")
        },
        of_owner(2, "RAPID", 10, "HELP"),
    ];
    let story = stocked()
        .after(RequestShipment {
            lines,
            ..ship("S1", &[])
        })
        .after(allocate("S1"));
    assert_eq!(
        claimed(&story, "S1"),
        [(1, "EARLY".to_owned(), 10), (2, "THEIRS".to_owned(), 10)]
    );
    assert_eq!(story.violations(), Vec::<String>::new());
    let lines = vec![of_owner(1, "RAPID", 11, "HELP")];
    stocked()
        .after(RequestShipment {
            lines,
            ..ship("S1", &[])
        })
        .when(allocate("S1"))
        .refused("INSUFFICIENT_STOCK")
        .saying(&["owner HELP", "11 requested", "10 available"]);
}

#[test]
fn a_shipment_may_be_allocated_in_parts() {
    let story = stocked().after(ship("S1", &[("RAPID", 61), ("PCR", 1)]));
    story
        .clone()
        .when(allocate("S1"))
        .refused("INSUFFICIENT_STOCK");
    let story = story.after(allocate_partly("S1"));
    assert_eq!(shipment(&story, "S1").state(), ShipmentState::Requested);
    story
        .clone()
        .when(allocate_partly("S1"))
        .refused("INSUFFICIENT_STOCK")
        .saying(&["0 available"]);
    let story = story
        .after(receive(
            "D1",
            vec![line("PCR", 5, "P1"), line("RAPID", 5, "MORE")],
        ))
        .after(allocate("S1"));
    assert_eq!(shipment(&story, "S1").state(), ShipmentState::Allocated);
    story
        .clone()
        .when(allocate("S1"))
        .refused("SHIPMENT_STATE")
        .saying(&["ALLOCATED", "REQUESTED"]);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn only_facts_may_be_backdated() {
    let story = stocked().after(ship("S1", &[("RAPID", 1)]));
    story
        .clone()
        .late(301)
        .when(allocate("S1"))
        .refused("ALLOCATION_BACKDATED")
        .saying(&["301 s", "300 s"]);
    story
        .late(300)
        .after(allocate("S1"))
        .late(86_400)
        .after(dispatch("S1"))
        .after(arrive("S1"));
    stocked().when(allocate("NONE")).refused("UNKNOWN_SHIPMENT");
}

/// Twenty lots, each of its own donation and with a lot number: 1 + 1 + 3 × 21 tags.
#[test]
fn an_allocation_must_fit_the_dispatch() {
    let mut story = Story::new();
    for number in 0..21 {
        let donation_id = format!("D{number}");
        let goods = ReceiptLine {
            lot: Some(label(&format!("L{number}"))),
            ..line("GLOVE", 1, &format!("B{number}"))
        };
        story = story
            .after(pledge(&donation_id, &[("GLOVES", 1)]))
            .after(receive(&donation_id, vec![goods]));
    }
    let story = story
        .after(ship("S1", &[("GLOVE", 20)]))
        .after(ship("S2", &[("GLOVE", 21)]));
    story.clone().when(allocate("S1")).accepted();
    story
        .when(allocate("S2"))
        .refused("TOO_MANY_TAGS")
        .saying(&["65"]);
}

#[test]
fn custody_begins_with_the_dispatch() {
    let story = stocked().after(ship("S1", &[("RAPID", 15), ("CONC", 2)]));
    story
        .clone()
        .when(dispatch("S1"))
        .refused("NOTHING_ALLOCATED")
        .saying(&["S1"]);
    let story = story.after(allocate("S1"));
    story
        .clone()
        .when(DispatchShipment {
            custodian_id: code("NOBODY"),
            ..dispatch("S1")
        })
        .refused("UNKNOWN_ORGANISATION");
    story
        .clone()
        .on("2020-06-01")
        .when(dispatch("S1"))
        .refused("BATCH_EXPIRED")
        .saying(&["THEIRS"]);
    let story = story.after(dispatch("S1"));
    let sent = shipment(&story, "S1");
    assert_eq!(
        (sent.state(), sent.custodian_id.as_str()),
        (ShipmentState::Dispatched, "CREW")
    );
    assert_eq!(
        sent.lots
            .iter()
            .map(|lot| lot.in_transit)
            .collect::<Vec<_>>(),
        [10, 5, 2]
    );
    assert_eq!(sent.lots[2].serial_numbers_in_transit, ["S1", "S2"]);
    assert_eq!(
        (
            asset(&story, "S1").place(),
            asset(&story, "S1").shipment_id.as_str()
        ),
        (AssetPlace::Shipment, "S1")
    );
    assert_eq!(stock(&story, "WH", "CONC").lots[0].serial_numbers, ["S3"]);
    story
        .clone()
        .when(dispatch("S1"))
        .refused("SHIPMENT_STATE")
        .saying(&["DISPATCHED"]);
    story.clone().when(cancel("S1")).refused("SHIPMENT_STATE");
    stocked().when(dispatch("NONE")).refused("UNKNOWN_SHIPMENT");
    // Part of a shipment may leave.
    stocked()
        .after(ship("S1", &[("RAPID", 61)]))
        .after(allocate_partly("S1"))
        .after(dispatch("S1"));
}

#[test]
fn cancelling_gives_up_the_claims() {
    let story = stocked()
        .after(ship("S1", &[("RAPID", 15)]))
        .after(allocate("S1"))
        .after(cancel("S1"));
    assert!(
        stock(&story, "WH", "RAPID")
            .lots
            .iter()
            .all(|lot| lot.reserved == 0 && lot.reservations.is_empty())
    );
    assert_eq!(shipment(&story, "S1").state(), ShipmentState::Cancelled);
    story
        .clone()
        .when(cancel("S1"))
        .refused("SHIPMENT_STATE")
        .saying(&["CANCELLED"]);
    story.when(arrive("S1")).refused("SHIPMENT_STATE");
    stocked()
        .after(ship("S1", &[("RAPID", 15)]))
        .after(cancel("S1"));
    stocked().when(cancel("NONE")).refused("UNKNOWN_SHIPMENT");
}

/// LATE 30, EARLY 20 in line 1, G1 40 in line 2, S1 and S2 in line 3.
fn under_way() -> Story {
    let lines = vec![
        of_owner(1, "RAPID", 50, "MOH"),
        of_owner(2, "GLOVE", 40, "MOH"),
        of_owner(3, "CONC", 2, "MOH"),
    ];
    stocked()
        .after(RequestShipment {
            lines,
            ..ship("S1", &[])
        })
        .after(allocate("S1"))
        .after(dispatch("S1"))
}

#[test]
fn everything_may_be_there() {
    let story = under_way().after(arrive("S1"));
    assert_eq!(shipment(&story, "S1").state(), ShipmentState::Received);
    assert_eq!(
        stock(&story, "HOSP", "RAPID")
            .lots
            .iter()
            .map(|lot| lot.available)
            .sum::<i64>(),
        50
    );
    assert_eq!(
        (
            asset(&story, "S1").place(),
            asset(&story, "S1").facility_id.as_str()
        ),
        (AssetPlace::Facility, "HOSP")
    );
    story
        .clone()
        .when(arrive("S1"))
        .refused("SHIPMENT_STATE")
        .saying(&["RECEIVED"]);
    under_way()
        .on("2020-07-01")
        .when(arrive("S1"))
        .refused("ALREADY_EXPIRED")
        .saying(&["2020-06-30"]);
    stocked().when(arrive("NONE")).refused("UNKNOWN_SHIPMENT");
}

fn named(batch_id: &str, found: FoundGoods) -> FoundGoods {
    FoundGoods {
        batch_id: Some(code(batch_id)),
        ..found
    }
}

fn with_serial_numbers(serial_numbers: &[&str], found: FoundGoods) -> FoundGoods {
    FoundGoods {
        serial_numbers: labels(serial_numbers),
        ..found
    }
}

#[test]
fn a_receipt_may_be_partial_and_short() {
    let story = under_way().after(arrive_with(
        "S1",
        vec![
            named("EARLY", found(1, 15, ReceiptOutcome::Good)),
            named("EARLY", found(1, 5, ReceiptOutcome::Missing)),
            found(2, 30, ReceiptOutcome::Good),
            with_serial_numbers(&["S2"], found(3, 1, ReceiptOutcome::Damaged)),
        ],
    ));
    let now = shipment(&story, "S1");
    assert_eq!(now.state(), ShipmentState::PartlyReceived);
    let lots: Vec<_> = now
        .lots
        .iter()
        .map(|lot| {
            (
                lot.in_transit,
                lot.missing,
                lot.received_good,
                lot.received_unusable,
            )
        })
        .collect();
    assert_eq!(
        lots,
        [(0, 5, 15, 0), (30, 0, 0, 0), (10, 0, 30, 0), (1, 0, 0, 1)]
    );
    let held = &stock(&story, "HOSP", "CONC").lots[0];
    assert_eq!(
        (held.held, &held.held_serial_numbers[..]),
        (1, &["S2".to_owned()][..])
    );
    // The rest but one unit, and of the missing two turn up.
    let story = story.after(arrive_with(
        "S1",
        vec![
            named("EARLY", found(1, 2, ReceiptOutcome::Good)),
            named("LATE", found(1, 30, ReceiptOutcome::Good)),
            found(2, 10, ReceiptOutcome::Good),
            with_serial_numbers(&["S1"], found(3, 1, ReceiptOutcome::Missing)),
        ],
    ));
    let now = shipment(&story, "S1");
    assert_eq!(now.state(), ShipmentState::ReceivedWithDiscrepancy);
    assert_eq!((now.lots[0].missing, now.lots[0].received_good), (3, 17));
    assert_eq!(now.lots[3].missing_serial_numbers, ["S1"]);
    story
        .clone()
        .when(arrive("S1"))
        .refused("NOTHING_IN_TRANSIT")
        .saying(&["4 units are missing"]);
    // The driver answers for three tests and a concentrator.
    let story = story.after(settle("S1"));
    let now = shipment(&story, "S1");
    assert_eq!(
        now.lots
            .iter()
            .map(|lot| (lot.missing, lot.lost))
            .collect::<Vec<_>>(),
        [(0, 3), (0, 0), (0, 0), (0, 1)]
    );
    assert_eq!(asset(&story, "S1").place(), AssetPlace::Lost);
    assert_eq!(now.documents.len(), 1);
    story.clone().when(settle("S1")).refused("NOTHING_MISSING");
    story.clone().when(arrive("S1")).refused("SHIPMENT_STATE");
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn a_loss_is_settled_by_a_loss_act() {
    let story = under_way();
    story.clone().when(settle("S1")).refused("NOTHING_MISSING");
    let act = DocumentRef {
        kind: DocumentKind::Waybill.into(),
        number: "1".to_owned(),
        ..DocumentRef::default()
    };
    story
        .when(AcceptLossAct {
            act,
            ..settle("S1")
        })
        .refused("NOT_A_LOSS_ACT")
        .saying(&["WAYBILL"]);
    stocked().when(settle("NONE")).refused("UNKNOWN_SHIPMENT");
}

#[test]
fn nothing_turns_up_twice() {
    let refused = |lines: Vec<FoundGoods>, reason: &str| {
        under_way().when(arrive_with("S1", lines)).refused(reason)
    };
    refused(
        vec![found(2, 41, ReceiptOutcome::Good)],
        "RECEIPT_EXCEEDS_SHIPMENT",
    )
    .saying(&["41", "40 are on their way", "SURPLUS"]);
    refused(
        vec![
            found(2, 30, ReceiptOutcome::Good),
            found(2, 11, ReceiptOutcome::Damaged),
        ],
        "RECEIPT_EXCEEDS_SHIPMENT",
    )
    .saying(&["lines[1].quantity"]);
    refused(
        vec![
            found(2, 1, ReceiptOutcome::Missing),
            found(2, 40, ReceiptOutcome::Good),
        ],
        "RECEIPT_EXCEEDS_SHIPMENT",
    );
    let story = under_way().after(arrive_with(
        "S1",
        vec![found(2, 5, ReceiptOutcome::Missing)],
    ));
    story
        .clone()
        .when(arrive_with(
            "S1",
            vec![found(2, 36, ReceiptOutcome::Missing)],
        ))
        .refused("RECEIPT_EXCEEDS_SHIPMENT")
        .saying(&["35 are on their way", "5 missing"]);
    // The five turn up while another five are not there.
    let story = story.after(arrive_with(
        "S1",
        vec![
            found(2, 35, ReceiptOutcome::Good),
            found(2, 5, ReceiptOutcome::Missing),
        ],
    ));
    let lot = &shipment(&story, "S1").lots[2];
    assert_eq!((lot.in_transit, lot.missing, lot.received_good), (0, 5, 35));
    story
        .when(arrive_with("S1", vec![found(2, 6, ReceiptOutcome::Good)]))
        .refused("RECEIPT_EXCEEDS_SHIPMENT");
    refused(
        vec![
            found(2, MAX_QUANTITY, ReceiptOutcome::Good),
            found(2, MAX_QUANTITY, ReceiptOutcome::Good),
        ],
        "QUANTITY_OVERFLOW",
    );
}

#[test]
fn receipts_say_which_units_are_meant() {
    let refused = |line: FoundGoods, reason: &str| {
        under_way()
            .when(arrive_with("S1", vec![line]))
            .refused(reason)
    };
    let good = |line, amount| found(line, amount, ReceiptOutcome::Good);
    refused(good(1, 1), "AMBIGUOUS_BATCH").saying(&["EARLY of MOH, LATE of MOH"]);
    refused(good(4, 1), "UNKNOWN_SHIPMENT_LINE");
    refused(
        FoundGoods {
            line: None,
            ..good(1, 1)
        },
        "LINE_REQUIRED",
    );
    refused(named("G1", good(1, 1)), "NOT_IN_SHIPMENT").saying(&["batch G1"]);
    refused(
        FoundGoods {
            owner_id: Some(code("HELP")),
            ..named("EARLY", good(1, 1))
        },
        "NOT_IN_SHIPMENT",
    );
    refused(
        FoundGoods {
            item_id: Some(code("GLOVE")),
            ..good(2, 1)
        },
        "FIELD_NOT_EXPECTED",
    )
    .saying(&["GOOD"]);
    refused(
        FoundGoods {
            lot: Some(label("L")),
            ..good(2, 1)
        },
        "FIELD_NOT_EXPECTED",
    );
    refused(found(2, 1, ReceiptOutcome::Expired), "NOT_EXPIRED");
    refused(
        named("EARLY", found(1, 1, ReceiptOutcome::Expired)),
        "NOT_EXPIRED",
    );
    refused(good(3, 1), "SERIAL_NUMBER_COUNT");
    refused(
        with_serial_numbers(&["S3"], good(3, 1)),
        "SERIAL_NUMBER_NOT_THERE",
    )
    .saying(&["shipment S1"]);
    refused(
        with_serial_numbers(&["S1", "S1"], good(3, 2)),
        "DUPLICATE_SERIAL_NUMBER",
    );
    refused(
        with_serial_numbers(&["S1"], good(2, 1)),
        "SERIAL_NUMBERS_NOT_EXPECTED",
    );
    let lines = vec![good(2, 1); 61];
    under_way()
        .when(arrive_with("S1", lines))
        .refused("TOO_MANY_LINES");
    under_way()
        .when(arrive_with("S1", vec![]))
        .refused("NO_LINES");
    let expired = named("EARLY", found(1, 20, ReceiptOutcome::Expired));
    let story = under_way()
        .on("2020-07-01")
        .after(arrive_with("S1", vec![expired]));
    assert_eq!(stock(&story, "HOSP", "RAPID").lots[0].held, 20);
}

#[test]
fn serial_numbers_tell_batches_apart() {
    let story = stocked()
        .after(receive("D1", vec![assets("C2", &["T1"])]))
        .after(ship("S1", &[("CONC", 4)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(arrive_with(
            "S1",
            vec![with_serial_numbers(
                &["T1"],
                found(1, 1, ReceiptOutcome::Good),
            )],
        ));
    assert_eq!(asset(&story, "T1").facility_id, "HOSP");
    let missing = with_serial_numbers(&["S1"], found(1, 1, ReceiptOutcome::Missing));
    let story = story.after(arrive_with("S1", vec![missing.clone()]));
    story
        .clone()
        .when(arrive_with("S1", vec![missing]))
        .refused("SERIAL_NUMBER_NOT_THERE");
    let story = story.after(arrive("S1"));
    assert_eq!(
        shipment(&story, "S1").state(),
        ShipmentState::ReceivedWithDiscrepancy
    );
    let turned_up = with_serial_numbers(&["S1"], found(1, 1, ReceiptOutcome::Good));
    let story = story.after(arrive_with("S1", vec![turned_up]));
    assert_eq!(
        shipment(&story, "S1")
            .lots
            .iter()
            .map(|lot| lot.missing)
            .sum::<i64>(),
        0
    );
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn what_nobody_announced_is_held_for_nobody() {
    let refused = |line: FoundGoods, reason: &str| {
        under_way()
            .when(arrive_with("S1", vec![line]))
            .refused(reason)
    };
    refused(
        FoundGoods {
            item_id: None,
            ..unannounced("GLOVE", 1, "X1")
        },
        "ITEM_REQUIRED",
    );
    refused(unannounced("NOTHING", 1, "X1"), "UNKNOWN_ITEM");
    refused(unannounced("GLOVE", 1, "G1"), "BATCH_EXISTS");
    refused(
        named("G1", unannounced("GLOVE", 1, "X1")),
        "FIELD_NOT_EXPECTED",
    );
    refused(unannounced("RAPID", 1, "X1"), "EXPIRY_REQUIRED");
    refused(
        with_serial_numbers(&["S3"], unannounced("CONC", 1, "X1")),
        "SERIAL_NUMBER_EXISTS",
    )
    .saying(&["WH"]);
    refused(
        FoundGoods {
            line: Some(9),
            ..unannounced("GLOVE", 1, "X1")
        },
        "UNKNOWN_SHIPMENT_LINE",
    );
    under_way()
        .when(arrive_with(
            "S1",
            vec![unannounced("GLOVE", 1, "X1"), unannounced("GLOVE", 1, "X1")],
        ))
        .refused("DUPLICATE_BATCH_ID");
    let wrong = FoundGoods {
        line: Some(1),
        outcome: ReceiptOutcome::Wrong,
        expires_on: Some(date("2020-01-01")),
        lot: Some(label("L9")),
        ..unannounced("PCR", 3, "X2")
    };
    let story = under_way().after(arrive_with(
        "S1",
        vec![unannounced("GLOVE", 2, "X1"), wrong],
    ));
    let lot = &stock(&story, "HOSP", "PCR").lots[0];
    assert_eq!((lot.on_hand, lot.held), (3, 3));
    assert_eq!(
        (lot.owner_id.as_str(), lot.donation_id.as_str()),
        ("UNATTRIBUTED", "UNATTRIBUTED")
    );
    assert_eq!(
        shipment(&story, "S1").state(),
        ShipmentState::PartlyReceived
    );
    // They can be corrected like any others.
    let fewer = AdjustStock {
        facility_id: code("HOSP"),
        owner_id: Some(code("UNATTRIBUTED")),
        ..lose("X1", 1)
    };
    let story = story.after(fewer).after(arrive("S1"));
    assert_eq!(
        shipment(&story, "S1").state(),
        ShipmentState::ReceivedWithDiscrepancy
    );
    assert_eq!(story.violations(), Vec::<String>::new());
}

/// What stands on the loading dock is there, whatever the stock was: two receipts are decided on the same past.
#[test]
fn receipts_do_not_contend_for_stock() {
    use keruen_domain::{Books, Command};
    let story = under_way();
    let commands: [Box<dyn Command>; 2] = [
        Box::new(arrive("S1")),
        Box::new(ReceiveDonation {
            facility_id: code("HOSP"),
            ..receive("D1", vec![line("PCR", 1, "P1")])
        }),
    ];
    for command in commands {
        let mut books = Books::default();
        for _ in 0..3 {
            for boundary in command.reads(&books) {
                assert!(!matches!(boundary, Boundary::Stock(..)), "{boundary:?}");
                books.insert(boundary.clone(), story.read(&boundary));
            }
        }
    }
}

#[test]
fn a_dispatch_is_found_by_everything_it_moves() {
    let story = under_way();
    let dispatched = story
        .events
        .iter()
        .find(|event| matches!(event, Event::ShipmentDispatched(_)));
    let tags = keruen_domain::tags(dispatched.expect("a dispatch"));
    let expected = [
        "asset:CONC/S1",
        "asset:CONC/S2",
        "batch:C1",
        "batch:EARLY",
        "batch:G1",
        "batch:LATE",
        "donation:D1",
        "shipment:S1",
        "stock:WH/CONC",
        "stock:WH/GLOVE",
        "stock:WH/RAPID",
    ];
    assert_eq!(tags, expected);
}
