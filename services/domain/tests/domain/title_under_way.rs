//! Units of a shipment pass to another owner: claimed at the origin, in parcels, and under way. Nothing moves.

use std::collections::BTreeMap;

use keruen_domain::{
    Boundary, Entry,
    check::Ledger,
    rejection::Stage,
    shipment::{Pick, TransferShipmentTitle},
};
use keruen_proto::{
    inventory::v1::{Asset, ReceiptOutcome, StockLevel},
    shipments::v1::{
        PackedUnits, SealState, Shipment, ShipmentState, ShipmentTitleTransferred, ShipmentUnits,
    },
};

use crate::{
    amendment::retire,
    journey::{self, BOX_1, BOX_2, pack, picked, shipment, split},
    story::Story,
    world::*,
};

/// 60 RAPID, S1 claims 40 of them in line 1 and two concentrators in line 2, all of MOH.
fn claimed() -> Story {
    Story::new()
        .after(pledge("D1", &[("TEST", 1_000), ("OXYGEN", 9)]))
        .after(receive(
            "D1",
            vec![line("RAPID", 60, "B1"), assets("C1", &["S1", "S2", "S3"])],
        ))
        .after(ship("S1", &[("RAPID", 40), ("CONC", 2)]))
        .after(allocate("S1"))
}

/// 25 of the RAPID are in one sealed box, 10 and a concentrator in another one; 5 and the other concentrator in none.
fn packed() -> Story {
    let boxed = |sscc: &str, contents: Vec<Pick>| keruen_domain::shipment::PackParcel {
        contents: Some(contents),
        ..pack("S1", sscc, "SEAL")
    };
    let concentrator = Pick {
        quantity: None,
        serial_numbers: labels(&["S2"]),
        ..picked(2, 1)
    };
    claimed()
        .after(boxed(BOX_1, vec![picked(1, 25)]))
        .after(boxed(BOX_2, vec![picked(1, 10), concentrator]))
}

fn stock(story: &Story, facility_id: &str, item_id: &str) -> StockLevel {
    match story.read(&Boundary::Stock(code(facility_id), code(item_id))) {
        Entry::Stock(level, _) => level,
        other => panic!("{other:?}"),
    }
}

fn concentrator(story: &Story, serial_number: &str) -> Asset {
    match story.read(&Boundary::Asset(code("CONC"), label(serial_number))) {
        Entry::Asset(asset) => asset,
        other => panic!("{other:?}"),
    }
}

/// By owner: on hand, reserved, available of RAPID.
fn owners(story: &Story, facility_id: &str) -> BTreeMap<String, [i64; 3]> {
    let lots = stock(story, facility_id, "RAPID").lots.into_iter();
    lots.map(|lot| (lot.owner_id, [lot.on_hand, lot.reserved, lot.available]))
        .collect()
}

/// Line and owner, with how many the shipment has of them in all, and under way.
fn lots(shipment: &Shipment) -> BTreeMap<(i32, String), [i64; 2]> {
    let lots = shipment.lots.iter();
    lots.map(|lot| {
        let of_line = lot.shipment_units.as_ref().expect("units");
        let units = of_line.units.as_ref().expect("units");
        let key = (of_line.line, units.owner_id.clone());
        (key, [units.quantity, lot.in_transit])
    })
    .filter(|(_, counts)| *counts != [0, 0])
    .collect()
}

fn by_owner<const N: usize>(
    expected: &[(i32, &str, [i64; N])],
) -> BTreeMap<(i32, String), [i64; N]> {
    let expected = expected.iter();
    expected
        .map(|(line, owner, counts)| ((*line, (*owner).to_owned()), *counts))
        .collect()
}

/// Owners of the RAPID in a parcel, with how many of each.
fn in_parcel(story: &Story, sscc: &str) -> BTreeMap<String, i64> {
    let shipment = shipment(story, "S1");
    let parcels = shipment.parcels.iter().filter_map(|it| it.parcel.as_ref());
    let parcel = parcels.into_iter().find(|it| it.sscc == sscc);
    let contents = parcel.expect("a parcel").contents.iter();
    let units = contents.filter_map(|it| it.units.as_ref());
    let mut sums = BTreeMap::new();
    for units in units.filter(|units| units.item_id == "RAPID") {
        *sums.entry(units.owner_id.clone()).or_default() += units.quantity;
    }
    sums
}

fn owned(owners: &[(&str, i64)]) -> BTreeMap<String, i64> {
    let owners = owners.iter();
    owners
        .map(|(id, count)| ((*id).to_owned(), *count))
        .collect()
}

fn some(units: Vec<Pick>) -> TransferShipmentTitle {
    TransferShipmentTitle {
        units,
        ..transfer_in("S1")
    }
}

fn parcel(sscc: &str) -> TransferShipmentTitle {
    TransferShipmentTitle {
        ssccs: vec![code(sscc)],
        ..transfer_in("S1")
    }
}

/// The books of the history, kept apart from the folds, find nothing wrong.
fn check(story: &Story) {
    let mut ledger = Ledger::default();
    for (position, event) in (1..).zip(&story.events) {
        ledger.take_in(position, event, NOON_US);
    }
    assert_eq!(ledger.end_append(), []);
}

#[test]
fn what_is_claimed_passes_and_stays_claimed() {
    let story = claimed().after(some(vec![picked(1, 15)]));
    assert_eq!(
        owners(&story, "WH"),
        BTreeMap::from([
            ("MOH".to_owned(), [45, 25, 20]),
            ("HELP".to_owned(), [15, 15, 0]),
        ])
    );
    let of_s1 = shipment(&story, "S1");
    assert_eq!(of_s1.state(), ShipmentState::Allocated);
    assert_eq!(
        lots(&of_s1),
        by_owner(&[
            (1, "MOH", [25, 0]),
            (1, "HELP", [15, 0]),
            (2, "MOH", [2, 0]),
        ])
    );
    // All of it leaves, and each gets its own.
    let story = story.after(dispatch("S1")).after(arrive("S1"));
    assert_eq!(
        owners(&story, "HOSP"),
        BTreeMap::from([
            ("MOH".to_owned(), [25, 0, 25]),
            ("HELP".to_owned(), [15, 0, 15]),
        ])
    );
    assert_eq!(
        owners(&story, "WH"),
        BTreeMap::from([("MOH".to_owned(), [20, 0, 20])])
    );
    check(&story);
    // What is given up is free again, for whoever owns it by now.
    let story = claimed()
        .after(some(vec![picked(1, 15)]))
        .after(cancel("S1"));
    assert_eq!(
        owners(&story, "WH"),
        BTreeMap::from([
            ("MOH".to_owned(), [45, 0, 45]),
            ("HELP".to_owned(), [15, 0, 15]),
        ])
    );
    check(&story);
}

#[test]
fn what_is_under_way_passes_in_the_hands_of_its_custodian() {
    let story = claimed().after(dispatch("S1"));
    let units = |item_id: &str, batch_id: &str, numbers: &[&str], quantity| {
        let of_s1 = shipment(&story, "S1");
        let mut of_lines = of_s1.lots.into_iter().filter_map(|lot| lot.shipment_units);
        let of_line = of_lines.find(|it| it.units.as_ref().is_some_and(|it| it.item_id == item_id));
        let mut of_line: ShipmentUnits = of_line.expect("a lot");
        let units = of_line.units.as_mut().expect("units");
        assert_eq!(units.batch_id, batch_id);
        units.quantity = quantity;
        units.serial_numbers = numbers.iter().map(|it| (*it).to_owned()).collect();
        of_line
    };
    let story = story
        .clone()
        .when(transfer_in("S1"))
        .then([ShipmentTitleTransferred {
            shipment_id: "S1".to_owned(),
            origin_id: "WH".to_owned(),
            destination_id: "HOSP".to_owned(),
            units: vec![
                units("RAPID", "B1", &[], 40),
                units("CONC", "C1", &["S1", "S2"], 2),
            ],
            packed: Vec::new(),
            new_owner_id: "HELP".to_owned(),
            is_under_way: true,
            documents: Vec::new(),
        }
        .into()]);
    let of_s1 = shipment(&story, "S1");
    assert_eq!(of_s1.state(), ShipmentState::Dispatched);
    assert_eq!(of_s1.custodian_id, "CREW");
    assert_eq!(
        lots(&of_s1),
        by_owner(&[(1, "HELP", [40, 40]), (2, "HELP", [2, 2])])
    );
    assert_eq!(concentrator(&story, "S1").owner_id, "HELP");
    assert_eq!(concentrator(&story, "S3").owner_id, "MOH");
    // Nothing at rest has changed.
    assert_eq!(
        owners(&story, "WH"),
        BTreeMap::from([("MOH".to_owned(), [20, 0, 20])])
    );
    check(&story);
    let story = story.after(arrive("S1"));
    assert_eq!(
        owners(&story, "HOSP"),
        BTreeMap::from([("HELP".to_owned(), [40, 0, 40])])
    );
    assert_eq!(concentrator(&story, "S2").owner_id, "HELP");
    check(&story);
}

#[test]
fn a_parcel_that_holds_a_lot_twice_loses_nothing_as_a_part_of_it_passes() {
    let boxed = keruen_domain::shipment::PackParcel {
        contents: Some(vec![picked(1, 5), picked(1, 3)]),
        ..pack("S1", BOX_1, "SEAL")
    };
    // 32 are loose.
    for (passing, owners) in [
        (36, [("MOH", 4), ("HELP", 4)]),
        (38, [("MOH", 2), ("HELP", 6)]),
    ] {
        let story = claimed()
            .after(boxed.clone())
            .after(dispatch("S1"))
            .after(some(vec![picked(1, passing)]));
        assert_eq!(in_parcel(&story, BOX_1), owned(&owners));
        check(&story);
    }
}

#[test]
fn what_is_diverted_serves_no_request_whoever_owns_it() {
    let story = Story::new()
        .after(pledge("D1", &[("TEST", 1_000)]))
        .after(receive("D1", vec![line("RAPID", 60, "B1")]))
        .after(ask("R1", &[("TEST", 40)]))
        .after(approve("R1", &[(1, 40)]))
        .after(ship_for("S1", "R1", &[("RAPID", 40)]))
        .after(allocate("S1"))
        .after(keruen_domain::shipment::PackParcel {
            contents: Some(vec![picked(1, 25)]),
            ..pack("S1", BOX_1, "SEAL")
        })
        .after(dispatch("S1"))
        .after(journey::divert("S1", "FAR"))
        .after(parcel(BOX_1))
        .after(arrive("S1"));
    let Entry::Request(request) = story.read(&Boundary::Request(code("R1"))) else {
        panic!("no request");
    };
    assert_eq!(
        (request.lines[0].allocated, request.lines[0].received),
        (0, 0)
    );
    check(&story);
}

#[test]
fn loose_units_pass_before_packed_ones_and_parcels_as_a_whole() {
    let story = packed().after(dispatch("S1"));
    // Five are loose, three are of the box that was packed first.
    let part = story.clone().after(some(vec![picked(1, 8)]));
    assert_eq!(in_parcel(&part, BOX_1), owned(&[("MOH", 22), ("HELP", 3)]));
    assert_eq!(in_parcel(&part, BOX_2), owned(&[("MOH", 10)]));
    check(&part);
    // A box and one loose unit.
    let boxed = TransferShipmentTitle {
        ssccs: vec![code(BOX_2)],
        ..some(vec![picked(1, 1)])
    };
    let boxed = story.clone().after(boxed);
    assert_eq!(in_parcel(&boxed, BOX_1), owned(&[("MOH", 25)]));
    assert_eq!(in_parcel(&boxed, BOX_2), owned(&[("HELP", 10)]));
    assert_eq!(
        lots(&shipment(&boxed, "S1")),
        by_owner(&[
            (1, "MOH", [29, 29]),
            (1, "HELP", [11, 11]),
            (2, "MOH", [1, 1]),
            (2, "HELP", [1, 1]),
        ])
    );
    assert_eq!(concentrator(&boxed, "S2").owner_id, "HELP");
    check(&boxed);
    // A box that has passed goes on by itself.
    let apart = keruen_domain::shipment::SplitShipment {
        ssccs: vec![code(BOX_2)],
        ..split("S1", "S2", Vec::new())
    };
    let apart = boxed.after(apart);
    assert_eq!(
        lots(&shipment(&apart, "S2")),
        by_owner(&[(1, "HELP", [10, 10]), (2, "HELP", [1, 1])])
    );
    check(&apart);
    // And all of them at once, told parcel by parcel.
    let all = story.when(transfer_in("S1")).accepted();
    let Some(keruen_proto::Event::ShipmentTitleTransferred(event)) = all.events.last() else {
        panic!("{:?}", all.events.last());
    };
    let quantities = |packed: &[PackedUnits]| -> Vec<(String, i64)> {
        let packed = packed.iter().map(|it| {
            let units = it.units.as_ref().and_then(|it| it.units.as_ref());
            (it.sscc.clone(), units.expect("units").quantity)
        });
        packed.collect()
    };
    assert_eq!(
        quantities(&event.packed),
        [(BOX_1, 25), (BOX_2, 10), (BOX_2, 1)].map(|(sscc, count)| (sscc.to_owned(), count))
    );
}

#[test]
fn what_has_arrived_or_is_missing_stays_whose_it_was() {
    let found = |amount, outcome| found(1, amount, outcome);
    let story = claimed().after(dispatch("S1")).after(arrive_with(
        "S1",
        vec![
            found(10, ReceiptOutcome::Good),
            found(4, ReceiptOutcome::Missing),
        ],
    ));
    let story = story.after(transfer_in("S1"));
    assert_eq!(
        lots(&shipment(&story, "S1")),
        by_owner(&[
            (1, "MOH", [14, 0]),
            (1, "HELP", [26, 26]),
            (2, "HELP", [2, 2]),
        ])
    );
    // What was missing turns up, the rest comes, and the loss of another one is settled: each of whose it is.
    let of_owner = |owner: &str, amount, outcome| keruen_domain::shipment::FoundGoods {
        owner_id: Some(code(owner)),
        ..found(amount, outcome)
    };
    let story = story
        .after(arrive_with(
            "S1",
            vec![
                of_owner("MOH", 3, ReceiptOutcome::Good),
                of_owner("HELP", 26, ReceiptOutcome::Good),
            ],
        ))
        .after(settle("S1"));
    assert_eq!(
        owners(&story, "HOSP"),
        BTreeMap::from([
            ("MOH".to_owned(), [13, 0, 13]),
            ("HELP".to_owned(), [26, 0, 26]),
        ])
    );
    check(&story);
}

#[test]
fn a_dispatch_is_taken_back_only_once_the_title_is_back() {
    let story = claimed().after(dispatch("S1"));
    let dispatched = story.events.len() - 1;
    let void = |story: &Story| keruen_domain::correction::VoidMovement {
        fact: fact_of(story, dispatched),
        documents: Vec::new(),
    };
    let story = story.after(some(vec![picked(1, 15)]));
    story.clone().when(void(&story)).refused("MOVED_ON_SINCE");
    let back = TransferShipmentTitle {
        new_owner_id: code("MOH"),
        ..transfer_in("S1")
    };
    let story = story.after(back);
    let story = story.clone().after(void(&story));
    assert_eq!(
        owners(&story, "WH"),
        BTreeMap::from([("MOH".to_owned(), [60, 40, 20])])
    );
    assert_eq!(shipment(&story, "S1").lots.len(), 2);
    check(&story);
}

#[test]
fn which_fault_answers_first() {
    let story = packed()
        .after(ship("S2", &[("RAPID", 10)]))
        .after(ship("S3", &[("RAPID", 10)]))
        .after(allocate("S3"))
        .after(dispatch("S3"))
        .after(arrive("S3"));
    let faulty = |command: TransferShipmentTitle| TransferShipmentTitle {
        units: vec![picked(1, 41), picked(7, 1)],
        ..command
    };
    let unknown = TransferShipmentTitle {
        new_owner_id: code("NOBODY"),
        ..parcel(journey::BOX_3)
    };
    let retired = story
        .clone()
        .after(retire(Boundary::Organisation(code("HELP"))));
    let to_moh = TransferShipmentTitle {
        new_owner_id: code("MOH"),
        ..transfer_in("S1")
    };
    let of_crew = TransferShipmentTitle {
        owner_id: Some(code("CREW")),
        ..transfer_in("S1")
    };
    let twice = TransferShipmentTitle {
        ssccs: vec![code(BOX_1), code(BOX_1)],
        ..transfer_in("S1")
    };
    let stages: Vec<Stage> = [
        (&story, faulty(transfer_in("S9")), "UNKNOWN_SHIPMENT"),
        (&story, faulty(unknown), "UNKNOWN_ORGANISATION"),
        (&story, faulty(parcel(journey::BOX_3)), "UNKNOWN_PARCEL"),
        (&retired, faulty(transfer_in("S1")), "RETIRED"),
        (&story, faulty(transfer_in("S3")), "SHIPMENT_STATE"),
        (&story, faulty(transfer_in("S2")), "NOTHING_ALLOCATED"),
        (&story, faulty(to_moh.clone()), "SAME_OWNER"),
        (&story, faulty(of_crew), "NOTHING_OF_OWNER"),
        (&story, twice, "DUPLICATE_PARCEL"),
        (&story, some(vec![picked(7, 1)]), "UNKNOWN_SHIPMENT_LINE"),
        (&story, some(vec![picked(1, 41)]), "EXCEEDS_SHIPMENT"),
    ]
    .into_iter()
    .map(|(story, command, reason)| story.clone().when(command).refused(reason).0.stage())
    .collect();
    assert!(stages.is_sorted(), "{stages:?}");
    assert_eq!(stages.last(), Some(&Stage::Quantities));
    story.clone().when(some(vec![picked(1, 40)])).accepted();
    // Nothing of it passes twice, and a box that has passed is not there to take.
    let story = story.after(parcel(BOX_1)).after(dispatch("S1"));
    story.clone().when(parcel(BOX_1)).refused("SAME_OWNER");
    let more = TransferShipmentTitle {
        ssccs: vec![code(BOX_2)],
        ..some(vec![picked(1, 6)])
    };
    story
        .clone()
        .when(more)
        .refused("EXCEEDS_SHIPMENT")
        .saying(&["6 units", "5 are there"]);
    let all_lost = story.clone().after(journey::report_loss("S1", None));
    all_lost
        .when(transfer_in("S1"))
        .refused("NOTHING_IN_TRANSIT");
    let broken = story.after(journey::stands_there(
        "S1",
        vec![journey::seal(BOX_2, SealState::Broken)],
    ));
    broken.when(parcel(BOX_2)).accepted();
}
