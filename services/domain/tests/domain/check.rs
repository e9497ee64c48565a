//! The check of histories finds what breaks them: each test takes a good history and adds one bad fact.

use keruen_domain::check::{Ledger, Violation};
use keruen_proto::{
    Event,
    inventory::v1::{
        AssetLent, DonationReceived, KitsBroken, ReceiptOutcome, StockConsumed, StockUnits,
    },
    log::v1::{OccurredAt, RecordedEvent},
    requests::v1::{ApprovedLine, RequestApproved},
    shipments::v1::{
        AgreementOverride, CustodyHandedOver, CustodyLeg, Keeper, KeeperAppointed, LossActAccepted,
        ReceivedUnits, ShipmentAllocated, ShipmentDispatched, ShipmentLoaded, ShipmentReceived,
        ShipmentUnits, ShipmentUnloaded, TripCompleted, TripDeparted, TripLoad,
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
        ..ShipmentAllocated::default()
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
            ..ReceivedUnits::default()
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

/// The good history as a log has it, each event by a command of its own.
fn recorded() -> Vec<(RecordedEvent, Event)> {
    let events = good().events.into_iter();
    let as_recorded = |(position, event): (u64, Event)| {
        let command_id = format!("00000000-0000-7000-8000-{position:012x}");
        let recorded = RecordedEvent {
            position,
            event_id: format!("{command_id}/0"),
            command_id,
            recorded_at_us: NOON_US,
            occurred_at: Some(OccurredAt {
                time_us: NOON_US,
                ..OccurredAt::default()
            }),
            ..RecordedEvent::default()
        };
        (recorded, event)
    };
    (1..).zip(events).map(as_recorded).collect()
}

fn checked(history: &[(RecordedEvent, Event)]) -> Vec<Violation> {
    let mut ledger = Ledger::default();
    let mut broken = Vec::new();
    for (recorded, event) in history {
        broken.extend(ledger.take_in_recorded(recorded, event));
    }
    broken.extend(ledger.end_append());
    broken
}

#[track_caller]
fn breaks_at(history: &[(RecordedEvent, Event)], position: u64, invariant: u8, part: &str) {
    let broken = checked(history);
    assert_eq!(broken.len(), 1, "{broken:?}");
    let found = (broken[0].position, broken[0].invariant);
    assert_eq!(found, (position, invariant), "{}", broken[0]);
    assert!(broken[0].what.contains(part), "{}", broken[0]);
}

#[test]
fn a_command_that_had_its_effect_twice() {
    let history = recorded();
    assert_eq!(checked(&history), []);
    // The third command once more, at the end: with an effect that breaks nothing else.
    let mut again = history.clone();
    let (mut recorded, event) = again[2].clone();
    let last = history.len() as u64 + 1;
    recorded.position = last;
    again.push((recorded, event));
    breaks_at(&again, last, 7, "had recorded its events before");
    // At once after itself: it looks like one append, but its events are counted anew.
    let mut at_once = history.clone();
    let (mut recorded, event) = at_once.last().expect("events").clone();
    recorded.position = last;
    at_once.push((recorded, event));
    breaks_at(&at_once, last, 7, "would be the next one of its command");
}

#[test]
fn an_allocation_of_the_day_before() {
    let mut history = recorded();
    let allocated = history
        .iter()
        .position(|(_, event)| matches!(event, Event::ShipmentAllocated(_)))
        .expect("an allocation");
    let at = history[allocated].0.occurred_at.as_mut().expect("a time");
    at.time_us -= 86_400_000_000;
    let position = history[allocated].0.position;
    breaks_at(&history, position, 6, "86400 s before it was recorded");
}

#[test]
fn units_under_way_for_which_nobody_is_liable() {
    let left = |custodian_id: &str| ShipmentDispatched {
        shipment_id: "S1".to_owned(),
        origin_id: "WH".to_owned(),
        destination_id: "HOSP".to_owned(),
        custodian_id: custodian_id.to_owned(),
        ..ShipmentDispatched::default()
    };
    breaks(left("HELP"), 5, &["4 units of it are under way with CREW"]);
    let mut history = recorded();
    let mut position = 0;
    for (recorded, event) in &mut history {
        if let Event::ShipmentDispatched(event) = event {
            event.custodian_id = "NOBODY".to_owned();
            position = recorded.position;
        }
    }
    breaks_at(
        &history,
        position,
        5,
        "4 units of shipment S1 are under way",
    );
}

/// Shipment S1 passes from one to the other, on an agreement.
fn handed_over(from: &str, to: &str, agreement_id: &str) -> CustodyHandedOver {
    CustodyHandedOver {
        shipment_id: "S1".to_owned(),
        origin_id: "WH".to_owned(),
        destination_id: "HOSP".to_owned(),
        from_custodian_id: from.to_owned(),
        leg: Some(CustodyLeg {
            custodian_id: to.to_owned(),
            agreement_id: agreement_id.to_owned(),
            ..CustodyLeg::default()
        }),
        ..CustodyHandedOver::default()
    }
}

#[test]
fn goods_that_pass_to_somebody_without_an_agreement() {
    breaks(
        handed_over("CREW", "HELP", "LA-1"),
        5,
        &["\"HELP\"", "that nobody signed"],
    );
}

#[test]
fn goods_that_are_handed_over_by_somebody_who_did_not_have_them() {
    let mut stolen = handed_over("HELP", "MOH", "");
    let leg = stolen.leg.as_mut().expect("a leg");
    leg.agreement_override = Some(AgreementOverride::default());
    breaks(
        stolen,
        5,
        &["handed over by \"HELP\"", "4 units", "with \"CREW\""],
    );
}

fn kept_by(person_ref: &str, from_person_ref: &str, count_ids: &[&str]) -> Event {
    let organisation = |person: &str| if person.is_empty() { "" } else { "HELP" }.to_owned();
    KeeperAppointed {
        keeper: Some(Keeper {
            facility_id: "WH".to_owned(),
            organisation_id: organisation(person_ref),
            person_ref: person_ref.to_owned(),
            count_ids: count_ids.iter().map(|id| (*id).to_owned()).collect(),
            ..Keeper::default()
        }),
        from_organisation_id: organisation(from_person_ref),
        from_person_ref: from_person_ref.to_owned(),
        documents: Vec::new(),
    }
    .into()
}

#[test]
fn stock_that_changes_its_keeper_without_a_count_or_from_a_stranger() {
    breaks(kept_by("person:4", "person:3", &["C1"]), 5, &["person:3"]);
    let mut ledger = Ledger::default();
    let first = kept_by("person:3", "", &[]);
    ledger.take_in(1, &first, NOON_US);
    ledger.take_in(2, &kept_by("person:4", "person:3", &["C1"]), NOON_US);
    assert_eq!(ledger.end_append(), []);
    ledger.take_in(3, &kept_by("person:5", "person:4", &[]), NOON_US);
    let broken = ledger.end_append();
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(broken[0].what.contains("without a count"), "{}", broken[0]);
}

fn departed(trip_id: &str, vehicle_id: &str, crew_id: &str) -> Event {
    TripDeparted {
        trip_id: trip_id.to_owned(),
        vehicle_id: vehicle_id.to_owned(),
        crew_id: crew_id.to_owned(),
        documents: Vec::new(),
        asset: None,
    }
    .into()
}

fn loaded(trip_id: &str) -> Event {
    ShipmentLoaded {
        trip_id: trip_id.to_owned(),
        load: Some(TripLoad {
            shipment_id: "S1".to_owned(),
            ..TripLoad::default()
        }),
        ..ShipmentLoaded::default()
    }
    .into()
}

#[test]
fn vehicles_and_shipments_that_are_on_two_trips_at_once() {
    let broken = |events: &[Event]| {
        let mut ledger = Ledger::default();
        for (position, event) in (1..).zip(events) {
            ledger.take_in(position, event, NOON_US);
        }
        let broken = ledger.end_append();
        assert!(broken.iter().all(|it| it.invariant == 3), "{broken:?}");
        broken.into_iter().map(|it| it.what).collect::<Vec<_>>()
    };
    let left = departed("T1", "VAN", "C1");
    let found = broken(&[left.clone(), departed("T2", "VAN", "C2")]);
    assert!(
        found.len() == 1 && found[0].contains("vehicle VAN"),
        "{found:?}"
    );
    let over = TripCompleted {
        trip_id: "T1".to_owned(),
        ..TripCompleted::default()
    };
    let found = broken(&[left, over.clone().into(), departed("T2", "VAN", "C1")]);
    assert_eq!(found, Vec::<String>::new());
    let found = broken(&[loaded("T1"), loaded("T2")]);
    assert!(
        found.len() == 1 && found[0].contains("is on trip T1"),
        "{found:?}"
    );
    let off = |trip_id: &str| ShipmentUnloaded {
        shipment_id: "S1".to_owned(),
        trip_id: trip_id.to_owned(),
        ..ShipmentUnloaded::default()
    };
    assert_eq!(broken(&[loaded("T1"), off("T2").into()]).len(), 1);
    let found = broken(&[loaded("T1"), off("T1").into(), loaded("T2")]);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_loss_that_is_settled_with_somebody_else() {
    let act = LossActAccepted {
        shipment_id: "S1".to_owned(),
        origin_id: "WH".to_owned(),
        destination_id: "HOSP".to_owned(),
        units: sent(units("GLOVE", "G1", "", 4)),
        custodian_id: "HELP".to_owned(),
        ..LossActAccepted::default()
    };
    breaks(act, 5, &["settled with \"HELP\"", "\"CREW\" is liable"]);
}

#[test]
fn equipment_that_leaves_while_somebody_has_it() {
    let one = || StockUnits {
        serial_numbers: vec!["N1".to_owned()],
        ..units("CONC", "C1", "", 1)
    };
    let mut ledger = Ledger::default();
    let mut position = 0;
    let lent = AssetLent {
        facility_id: "WH".to_owned(),
        units: Some(one()),
        loan: None,
    };
    for event in good().events.into_iter().chain([lent.into()]) {
        position += 1;
        ledger.take_in(position, &event, NOON_US);
        assert_eq!(ledger.end_append(), []);
    }
    let claim = ShipmentAllocated {
        shipment_id: "S3".to_owned(),
        origin_id: "WH".to_owned(),
        destination_id: "HOSP".to_owned(),
        units: sent(one()),
        ..ShipmentAllocated::default()
    };
    let leave = ShipmentDispatched {
        shipment_id: "S3".to_owned(),
        origin_id: "WH".to_owned(),
        destination_id: "HOSP".to_owned(),
        units: sent(one()),
        custodian_id: "CREW".to_owned(),
        ..ShipmentDispatched::default()
    };
    ledger.take_in(position + 1, &claim.into(), NOON_US);
    ledger.take_in(position + 2, &leave.into(), NOON_US);
    let broken = ledger.end_append();
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert_eq!((broken[0].position, broken[0].invariant), (position + 2, 3));
    assert!(broken[0].what.contains("is lent"), "{}", broken[0]);
}

/// An append of events that happened a day before they were recorded.
fn recorded_late(events: &[Event]) -> Vec<Violation> {
    let story = good();
    let mut ledger = Ledger::default();
    let mut position = 0;
    for event in &story.events {
        position += 1;
        ledger.take_in(position, event, NOON_US);
        assert_eq!(ledger.end_append(), []);
    }
    for (index, event) in events.iter().enumerate() {
        position += 1;
        let recorded = RecordedEvent {
            position,
            command_id: "C".to_owned(),
            event_id: format!("C/{index}"),
            recorded_at_us: NOON_US + 86_400_000_000,
            occurred_at: Some(OccurredAt {
                time_us: NOON_US,
                ..OccurredAt::default()
            }),
            ..RecordedEvent::default()
        };
        assert_eq!(ledger.take_in_recorded(&recorded, event), []);
    }
    ledger.end_append()
}

#[test]
fn only_what_had_left_already_is_claimed_late() {
    // Of what expires last, and more of it would be left behind.
    let claim = ShipmentAllocated {
        shipment_id: "S2".to_owned(),
        origin_id: "WH".to_owned(),
        destination_id: "HOSP".to_owned(),
        units: sent(units("RAPID", "DEC", "2020-12-31", 5)),
        ..ShipmentAllocated::default()
    };
    let leave = ShipmentDispatched {
        shipment_id: "S2".to_owned(),
        origin_id: "WH".to_owned(),
        destination_id: "HOSP".to_owned(),
        units: claim.units.clone(),
        custodian_id: "CREW".to_owned(),
        ..ShipmentDispatched::default()
    };
    let rules = |already_dispatched| {
        let claim = ShipmentAllocated {
            already_dispatched,
            ..claim.clone()
        };
        let found = recorded_late(&[claim.into(), leave.clone().into()]);
        found.iter().map(|it| it.invariant).collect::<Vec<_>>()
    };
    assert_eq!(rules(Some(true)), Vec::<u8>::new());
    assert_eq!(rules(None), [6, 6]);
}
