//! Stock that was kept too warm or too cold: held, decided on, used for less long or not at all.

use keruen_domain::{Boundary, Entry, quality::ShortenExpiry, stock::RecordExcursion};
use keruen_proto::{
    Event,
    inventory::v1::StockLevel,
    registry::v1::{ItemRegistered, StorageRange, Tracking},
    shipments::v1::ShipmentUnits,
};

use crate::{story::Story, world::*};

fn stock(story: &Story, facility_id: &str) -> StockLevel {
    match story.read(&Boundary::Stock(code(facility_id), code("RAPID"))) {
        Entry::Stock(level, _) => level,
        other => panic!("{other:?}"),
    }
}

/// 50 tests in B1 and 30 in B2, which expires first.
fn stocked() -> Story {
    let early = keruen_domain::donation::ReceiptLine {
        expires_on: Some(date("2020-11-30")),
        ..line("RAPID", 30, "B2")
    };
    Story::new()
        .after(pledge("D1", &[("TEST", 500)]))
        .after(receive("D1", vec![line("RAPID", 50, "B1"), early]))
}

#[test]
fn what_was_too_warm_is_held_claimed_or_not() {
    let story = stocked()
        .after(ship("S1", &[("RAPID", 60)]))
        .after(allocate("S1"))
        .after(hold_here("B1", 5))
        .after(excursion("RAPID"));
    for lot in stock(&story, "WH").lots {
        assert_eq!(
            (lot.reserved, lot.held, lot.available),
            (0, lot.on_hand, 0),
            "{lot:?}"
        );
    }
    story
        .clone()
        .when(dispatch("S1"))
        .refused("NOTHING_ALLOCATED");
    assert_eq!(story.violations(), Vec::<String>::new());
    // A second time nothing is left to hold, but the fact is known.
    let held = story.clone().after(excursion("RAPID"));
    assert_eq!(held.events.len(), story.events.len() + 1);
}

#[test]
fn only_what_was_there_is_held() {
    let named = RecordExcursion {
        batch_ids: vec![code("B2")],
        ..excursion("RAPID")
    };
    let story = stocked().after(named);
    let held: Vec<i64> = stock(&story, "WH")
        .lots
        .iter()
        .map(|lot| lot.held)
        .collect();
    assert_eq!(held, [0, 30]);
    stocked()
        .when(excursion("PCR"))
        .refused("NOTHING_THERE")
        .saying(&["PCR", "WH"]);
    stocked()
        .when(RecordExcursion {
            batch_ids: vec![code("NONE")],
            ..excursion("RAPID")
        })
        .refused("UNKNOWN_BATCH");
}

#[test]
fn what_is_within_the_range_is_no_excursion() {
    let mut cool = item("COOL", "TEST", Tracking::Batch, false);
    cool.storage = Some(StorageRange {
        minimum_millicelsius: 2_000,
        maximum_millicelsius: 8_000,
    });
    let story = Story::new()
        .given([ItemRegistered { item: Some(cool) }.into()])
        .after(pledge("D1", &[("TEST", 50)]))
        .after(receive("D1", vec![line("COOL", 50, "B1")]));
    let seen = |lowest: i32, highest: i32| RecordExcursion {
        lowest_millicelsius: lowest,
        highest_millicelsius: highest,
        ..excursion("COOL")
    };
    story
        .clone()
        .when(seen(2_000, 8_000))
        .refused("WITHIN_STORAGE_RANGE")
        .saying(&["2000", "8000"]);
    story.clone().when(seen(1_999, 8_000)).accepted();
    story.when(seen(2_000, 8_001)).accepted();
}

#[test]
fn a_decision_shortens_the_life_of_a_batch_wherever_it_is() {
    let story = stocked()
        .after(ship("S1", &[("RAPID", 40)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(shorten("B1", "2020-06-30"));
    // B1 now expires first.
    let story = story
        .after(ship("S2", &[("RAPID", 10)]))
        .after(allocate("S2"));
    let Some(Event::ShipmentAllocated(allocated)) = story.events.last() else {
        panic!("{:?}", story.events.last())
    };
    let told = |units: &ShipmentUnits| {
        let units = units.units.clone().expect("units");
        (units.batch_id, units.expires_on, units.quantity)
    };
    assert_eq!(
        allocated.units.iter().map(told).collect::<Vec<_>>(),
        [("B1".to_owned(), "2020-06-30".to_owned(), 10)]
    );
    // What was on its way arrives with what is known by now.
    let story = story.after(arrive("S1"));
    let expiries: Vec<String> = stock(&story, "HOSP")
        .lots
        .into_iter()
        .map(|lot| lot.expires_on)
        .collect();
    assert_eq!(expiries, ["2020-11-30", "2020-06-30"]);
    let Entry::Batch(batch) = story.read(&Boundary::Batch(code("B1"))) else {
        panic!("a batch")
    };
    assert_eq!(batch.expires_on, "2020-06-30");
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn what_was_claimed_before_does_not_leave_after_its_shorter_life() {
    let story = stocked()
        .after(ship("S1", &[("RAPID", 40)]))
        .after(allocate("S1"))
        .after(shorten("B1", "2020-04-30"));
    story.clone().when(dispatch("S1")).accepted();
    story
        .clone()
        .on("2020-05-01")
        .when(dispatch("S1"))
        .refused("BATCH_EXPIRED")
        .saying(&["B1", "2020-04-30"]);
    let story = story.after(dispatch("S1")).on("2020-05-01");
    story
        .when(arrive("S1"))
        .refused("ALREADY_EXPIRED")
        .saying(&["2020-04-30"]);
}

#[test]
fn a_shorter_life_rests_on_a_decision_and_is_shorter() {
    let refused = |command: ShortenExpiry, reason: &str| stocked().when(command).refused(reason);
    refused(shorten("B9", "2020-06-30"), "UNKNOWN_BATCH");
    refused(
        ShortenExpiry {
            documents: Vec::new(),
            ..shorten("B1", "2020-06-30")
        },
        "DECISION_REQUIRED",
    )
    .saying(&["QUALITY_DECISION"]);
    refused(shorten("B1", "2020-12-31"), "EXPIRY_NOT_SHORTENED").saying(&["2020-12-31"]);
    let story = stocked().after(shorten("B1", "2020-06-30"));
    story
        .when(shorten("B1", "2020-07-01"))
        .refused("EXPIRY_NOT_SHORTENED")
        .saying(&["2020-06-30"]);
}

/// What stood there while it was too warm is held for that, also where it was in use or out of order then.
#[test]
fn equipment_in_use_is_held_as_well() {
    use crate::asset::{break_down, install, lend, step};
    use keruen_domain::asset::Step;
    let story = Story::new()
        .after(pledge("D1", &[("OXYGEN", 9)]))
        .after(receive("D1", vec![assets("B1", &["S1", "S2", "S3", "S4"])]))
        .after(install("S1"))
        .after(break_down("S2"))
        .after(lend("S3"));
    let lot = |story: &Story| match story.read(&Boundary::Stock(code("WH"), code("CONC"))) {
        Entry::Stock(level, _) => level.lots[0].clone(),
        other => panic!("{other:?}"),
    };
    let story = story
        .after(excursion("CONC"))
        .after(step("S1", Step::Remove))
        .after(step("S2", Step::Recover))
        .after(step("S3", Step::EndLoan { fault: None }));
    let mut held = lot(&story).held_serial_numbers;
    held.sort();
    assert_eq!(held, ["S1", "S2", "S4"], "S3 was elsewhere");
    assert_eq!(story.violations(), Vec::<String>::new());
}

/// What is inside something that was lent was not in the store either.
#[test]
fn what_is_inside_something_that_is_lent_is_not_held() {
    use crate::{
        asset::lend,
        contents::{put, stocked},
    };
    use keruen_domain::asset::ChangeAsset;
    let lent = ChangeAsset {
        item_id: code("LAB"),
        ..lend("LAB-1")
    };
    let equipped = stocked()
        .after(put("P-1", "AN-1"))
        .after(put("AN-1", "LAB-1"))
        .after(put("P-2", "LAB-2"));
    let held = |story: Story| match story.after(excursion("PUMP")).events.last() {
        Some(Event::StockHeld(held)) => held.units.clone().expect("units").serial_numbers,
        other => panic!("{other:?}"),
    };
    assert_eq!(held(equipped.clone()), ["P-1", "P-2", "P-3", "P-4"]);
    assert_eq!(held(equipped.after(lent)), ["P-2", "P-3", "P-4"]);
}

/// All lots together have one bound.
#[test]
fn too_much_that_is_held_is_looked_at_in_parts() {
    use keruen_domain::stock::HoldStock;
    let numbers = |batch_id: &str, count: usize| -> Vec<String> {
        (0..count)
            .map(|number| format!("{batch_id}-{number}"))
            .collect()
    };
    let received = |batch_id: &str, count: usize| {
        let numbers = numbers(batch_id, count);
        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        receive("D1", vec![assets(batch_id, &numbers)])
    };
    let held = |batch_id: &str, numbers: &[String]| {
        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        HoldStock {
            serial_numbers: labels(&numbers),
            ..hold_here(batch_id, i64::try_from(numbers.len()).expect("few"))
        }
    };
    let story = Story::new()
        .after(pledge("D1", &[("OXYGEN", 200)]))
        .after(received("B1", 50))
        .after(received("B2", 51))
        .after(held("B1", &numbers("B1", 50)))
        .after(held("B2", &numbers("B2", 50)));
    story.clone().when(excursion("CONC")).accepted();
    let story = story.after(held("B2", &["B2-50".to_owned()]));
    story
        .clone()
        .when(excursion("CONC"))
        .refused("TOO_MANY_ASSETS")
        .saying(&["100", "CONC", "WH", "name fewer batches"]);
    let named = RecordExcursion {
        batch_ids: vec![code("B2")],
        ..excursion("CONC")
    };
    story.when(named).accepted();
}
