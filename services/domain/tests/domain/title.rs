//! Units pass to another owner where they are: ownership, place and custody are three things.

use std::collections::BTreeMap;

use keruen_domain::{Boundary, Entry, stock::TransferTitle};
use keruen_proto::inventory::v1::{Asset, StockLevel, StockUnits, TitleTransferred};

use crate::{story::Story, world::*};

fn level(story: &Story, facility_id: &str, item_id: &str) -> StockLevel {
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

/// By owner: on hand, held, available.
fn owners(story: &Story, facility_id: &str) -> BTreeMap<String, [i64; 3]> {
    level(story, facility_id, "RAPID")
        .lots
        .into_iter()
        .map(|lot| (lot.owner_id, [lot.on_hand, lot.held, lot.available]))
        .collect()
}

fn owned(owners: &[(&str, [i64; 3])]) -> BTreeMap<String, [i64; 3]> {
    let owners = owners.iter();
    owners
        .map(|(owner, counts)| ((*owner).to_owned(), *counts))
        .collect()
}

fn stocked() -> Story {
    Story::new()
        .after(pledge("D1", &[("TEST", 100), ("OXYGEN", 3)]))
        .after(receive("D1", vec![line("RAPID", 100, "B1")]))
}

#[test]
fn a_part_of_a_batch_passes_to_another_owner_where_it_is() {
    let story = stocked().when(transfer("B1", 40)).then([TitleTransferred {
        facility_id: "WH".to_owned(),
        units: Some(StockUnits {
            batch_id: "B1".to_owned(),
            donation_id: "D1".to_owned(),
            item_id: "RAPID".to_owned(),
            owner_id: "MOH".to_owned(),
            expires_on: "2020-12-31".to_owned(),
            quantity: 40,
            ..StockUnits::default()
        }),
        held_quantity: 0,
        new_owner_id: "HELP".to_owned(),
        documents: Vec::new(),
    }
    .into()]);
    assert_eq!(
        owners(&story, "WH"),
        owned(&[("MOH", [60, 0, 60]), ("HELP", [40, 0, 40])])
    );
    // What is left passes without being counted.
    let rest = TransferTitle {
        owner_id: Some(code("MOH")),
        quantity: None,
        ..transfer("B1", 1)
    };
    let story = story.after(rest);
    assert_eq!(owners(&story, "WH"), owned(&[("HELP", [100, 0, 100])]));
}

#[test]
fn free_units_pass_first_and_held_ones_stay_held() {
    let story = stocked()
        .after(hold_here("B1", 30))
        .after(transfer("B1", 80));
    assert_eq!(
        owners(&story, "WH"),
        owned(&[("MOH", [20, 20, 0]), ("HELP", [80, 10, 70])])
    );
    // A batch that is held as a whole is held whoever owns it.
    let story = stocked().after(hold("B1")).after(transfer("B1", 80));
    assert_eq!(
        owners(&story, "WH"),
        owned(&[("MOH", [20, 20, 0]), ("HELP", [80, 80, 0])])
    );
}

#[test]
fn what_a_shipment_has_claimed_does_not_pass() {
    let story = stocked()
        .after(ship("S1", &[("RAPID", 70)]))
        .after(allocate("S1"));
    story
        .clone()
        .when(transfer("B1", 31))
        .refused("INSUFFICIENT_STOCK")
        .saying(&["30 available", "70 reserved"]);
    let all = TransferTitle {
        quantity: None,
        ..transfer("B1", 1)
    };
    let story = story.after(all).after(dispatch("S1")).after(arrive("S1"));
    assert_eq!(owners(&story, "WH"), owned(&[("HELP", [30, 0, 30])]));
    // Once it has arrived, it does.
    let there = TransferTitle {
        facility_id: code("HOSP"),
        ..transfer("B1", 70)
    };
    let story = story.after(there);
    assert_eq!(owners(&story, "HOSP"), owned(&[("HELP", [70, 0, 70])]));
}

#[test]
fn assets_pass_by_their_serial_numbers() {
    let story = stocked().after(receive("D1", vec![assets("B2", &["S1", "S2", "S3"])]));
    let numbered = |numbers: &[&str]| TransferTitle {
        serial_numbers: labels(numbers),
        ..transfer("B2", i64::try_from(numbers.len()).expect("few"))
    };
    let held = keruen_domain::stock::HoldStock {
        serial_numbers: labels(&["S2"]),
        ..hold_here("B2", 1)
    };
    let story = story.after(held).after(numbered(&["S2"]));
    assert_eq!(asset(&story, "S2").owner_id, "HELP");
    assert_eq!(asset(&story, "S1").owner_id, "MOH");
    let lots = level(&story, "WH", "CONC").lots;
    assert_eq!(lots[1].serial_numbers_held_here, ["S2"]);
    story
        .clone()
        .when(TransferTitle {
            owner_id: Some(code("MOH")),
            ..numbered(&["S2"])
        })
        .refused("SERIAL_NUMBER_NOT_THERE");
    let rest = TransferTitle {
        owner_id: Some(code("MOH")),
        quantity: None,
        serial_numbers: Vec::new(),
        ..numbered(&["S1"])
    };
    let story = story.after(rest);
    for number in ["S1", "S2", "S3"] {
        assert_eq!(asset(&story, number).owner_id, "HELP");
    }
}

#[test]
fn transfers_are_refused_that_say_nothing_real() {
    let story = stocked();
    let refused = |command: TransferTitle, reason: &str| {
        story.clone().when(command).refused(reason);
    };
    refused(transfer("B9", 1), "UNKNOWN_BATCH");
    refused(
        TransferTitle {
            new_owner_id: code("NOBODY"),
            ..transfer("B1", 1)
        },
        "UNKNOWN_ORGANISATION",
    );
    refused(
        TransferTitle {
            new_owner_id: code("MOH"),
            ..transfer("B1", 1)
        },
        "SAME_OWNER",
    );
    refused(transfer("B1", 101), "INSUFFICIENT_STOCK");
    let elsewhere = TransferTitle {
        facility_id: code("HOSP"),
        quantity: None,
        ..transfer("B1", 1)
    };
    refused(elsewhere, "INSUFFICIENT_STOCK");
    let shared = story.clone().after(transfer("B1", 40));
    let to_carriers = TransferTitle {
        new_owner_id: code("CREW"),
        ..transfer("B1", 1)
    };
    shared.when(to_carriers).refused("AMBIGUOUS_OWNER");
}
