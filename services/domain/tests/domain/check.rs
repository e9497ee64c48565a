//! The check of histories finds what breaks them: each test takes a good history and adds one bad fact.

use keruen_domain::check::Ledger;
use keruen_proto::{
    Event,
    inventory::v1::{DonationReceived, KitsBroken, ReceiptOutcome, StockConsumed, StockUnits},
    requests::v1::{ApprovedLine, RequestApproved},
    shipments::v1::{
        ReceivedUnits, ShipmentAllocated, ShipmentDispatched, ShipmentReceived, ShipmentUnits,
    },
};

use crate::{story::Story, world::*};

/// 10 gloves, 5 tests that expire in June and 5 in December, one concentrator; 4 gloves are on their way.
fn good() -> Story {
    let mut june = line("RAPID", 5, "JUNE");
    june.expires_on = Some(date("2020-06-30"));
    Story::new()
        .after(pledge("D1", &[("GLOVES", 10), ("TEST", 10), ("OXYGEN", 1)]))
        .after(receive(
            "D1",
            vec![
                line("GLOVE", 10, "G1"),
                june,
                line("RAPID", 5, "DEC"),
                assets("C1", &["N1"]),
            ],
        ))
        .after(ask("R1", &[("GLOVES", 5)]))
        .after(approve_all("R1"))
        .after(ship_for("S1", "R1", &[("GLOVE", 4)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(ship("S2", &[("RAPID", 5)]))
}

fn units(item_id: &str, batch_id: &str, expires_on: &str, quantity: i64) -> StockUnits {
    StockUnits {
        batch_id: batch_id.to_owned(),
        donation_id: "D1".to_owned(),
        item_id: item_id.to_owned(),
        owner_id: "MOH".to_owned(),
        expires_on: expires_on.to_owned(),
        quantity,
        ..StockUnits::default()
    }
}

fn sent(units: StockUnits) -> Vec<ShipmentUnits> {
    vec![ShipmentUnits {
        line: 1,
        units: Some(units),
        ..ShipmentUnits::default()
    }]
}

fn consumed(units: StockUnits) -> Event {
    StockConsumed {
        facility_id: "WH".to_owned(),
        units: vec![units],
        ..StockConsumed::default()
    }
    .into()
}

fn allocated(units: StockUnits) -> Event {
    ShipmentAllocated {
        shipment_id: "S2".to_owned(),
        origin_id: "WH".to_owned(),
        destination_id: "HOSP".to_owned(),
        units: sent(units),
        fit_override: None,
    }
    .into()
}

#[track_caller]
fn breaks(bad: impl Into<Event>, invariant: u8, parts: &[&str]) {
    breaks_on("2020-04-10", bad, invariant, parts);
}

#[track_caller]
fn breaks_on(day: &str, bad: impl Into<Event>, invariant: u8, parts: &[&str]) {
    let mut ledger = Ledger::default();
    let mut position = 0;
    for event in good().events {
        position += 1;
        ledger.take_in(position, &event, NOON_US);
        assert_eq!(ledger.end_append(), []);
    }
    ledger.take_in(position + 1, &bad.into(), noon_us(day));
    let violations = ledger.end_append();
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert_eq!(
        (violations[0].position, violations[0].invariant),
        (position + 1, invariant),
        "{}",
        violations[0]
    );
    for part in parts {
        assert!(
            violations[0].what.contains(part),
            "{part:?} in {}",
            violations[0]
        );
    }
}

#[test]
fn kits_taken_apart_that_are_none() {
    let none = || units("GLOVE", "G1", "", 0);
    let broken = KitsBroken {
        facility_id: "WH".to_owned(),
        kits: Some(none()),
        components: vec![none()],
        assembled_for_owner_id: "MOH".to_owned(),
        ..KitsBroken::default()
    };
    breaks(broken, 1, &["0 kits of batch G1"]);
}

#[test]
fn units_that_come_from_nowhere() {
    breaks(
        consumed(units("GLOVE", "G1", "", 7)),
        2,
        &["-1 on hand", "G1"],
    );
    let received = |quantity| ShipmentReceived {
        shipment_id: "S1".to_owned(),
        origin_id: "WH".to_owned(),
        destination_id: "HOSP".to_owned(),
        units: vec![ReceivedUnits {
            shipment_units: sent(units("GLOVE", "G1", "", quantity)).pop(),
            outcome: ReceiptOutcome::Good.into(),
        }],
        ..ShipmentReceived::default()
    };
    breaks(received(5), 2, &["-1 in transit", "S1"]);
}

#[test]
fn units_that_were_never_claimed() {
    breaks(
        ShipmentDispatched {
            shipment_id: "S2".to_owned(),
            origin_id: "WH".to_owned(),
            destination_id: "HOSP".to_owned(),
            units: sent(units("RAPID", "JUNE", "2020-06-30", 1)),
            custodian_id: "CREW".to_owned(),
            ..ShipmentDispatched::default()
        },
        2,
        &["-1 reserved"],
    );
}

#[test]
fn batches_that_are_not_what_they_were() {
    breaks(
        consumed(StockUnits {
            donation_id: "D2".to_owned(),
            ..units("GLOVE", "G1", "", 1)
        }),
        1,
        &["G1", "not what"],
    );
    let again = good()
        .events
        .into_iter()
        .find(|event| matches!(event, Event::DonationReceived(_)));
    let Some(Event::DonationReceived(mut again)) = again else {
        panic!("a receipt")
    };
    again.lines.truncate(1);
    breaks(DonationReceived { ..again }, 1, &["G1", "again"]);
}

#[test]
fn assets_in_two_places() {
    let asset = StockUnits {
        serial_numbers: vec!["N1".to_owned()],
        ..units("CONC", "C1", "", 1)
    };
    let again = DonationReceived {
        donation_id: "D1".to_owned(),
        facility_id: "HOSP".to_owned(),
        lines: vec![keruen_proto::inventory::v1::ReceivedLine {
            outcome: ReceiptOutcome::Good.into(),
            units: Some(StockUnits {
                batch_id: "C2".to_owned(),
                ..asset
            }),
            ..Default::default()
        }],
        documents: Vec::new(),
        ..DonationReceived::default()
    };
    breaks(again, 3, &["N1", "at facility WH, at facility HOSP"]);
}

#[test]
fn more_approved_than_asked_for() {
    breaks(
        RequestApproved {
            request_id: "R1".to_owned(),
            facility_id: "HOSP".to_owned(),
            lines: vec![ApprovedLine {
                line: 1,
                quantity: 6,
                ..ApprovedLine::default()
            }],
            word_of_mouth: None,
        },
        4,
        &["6 approved", "5 requested"],
    );
}

#[test]
fn what_is_held_or_recalled_taken_or_sent() {
    let mut ledger = Ledger::default();
    let story = good().after(allocate("S2")).after(hold("JUNE"));
    let mut position = 0;
    for event in story.events {
        position += 1;
        ledger.take_in(position, &event, NOON_US);
        assert_eq!(ledger.end_append(), []);
    }
    let june = || units("RAPID", "JUNE", "2020-06-30", 5);
    let sent = ShipmentDispatched {
        shipment_id: "S2".to_owned(),
        origin_id: "WH".to_owned(),
        destination_id: "HOSP".to_owned(),
        units: sent(june()),
        custodian_id: "CREW".to_owned(),
        ..ShipmentDispatched::default()
    };
    ledger.take_in(position + 1, &sent.into(), NOON_US);
    let violations = ledger.end_append();
    assert_eq!(violations[0].invariant, 2);
    assert!(violations[0].what.contains("JUNE was sent, but is held"));

    let mut ledger = Ledger::default();
    for event in good().after(hold("JUNE")).events {
        ledger.take_in(1, &event, NOON_US);
    }
    ledger.take_in(2, &allocated(june()), NOON_US);
    let violations = ledger.end_append();
    assert_eq!(violations[0].invariant, 6);
    assert!(
        violations[0]
            .what
            .contains("JUNE was allocated, but is held")
    );
}

#[test]
fn what_expires_later_taken_first_or_what_is_expired_taken_at_all() {
    breaks(
        allocated(units("RAPID", "DEC", "2020-12-31", 1)),
        6,
        &["JUNE", "left"],
    );
    breaks_on(
        "2020-07-01",
        allocated(units("RAPID", "JUNE", "2020-06-30", 1)),
        6,
        &["expired on 2020-06-30"],
    );
}
