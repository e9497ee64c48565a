//! Stock: adjusted, consumed, disposed of.

use keruen_domain::{
    Boundary, Entry,
    code::MAX_QUANTITY,
    donation::{PledgeDonation, ReceiptLine},
    stock::{AdjustStock, Change, ConsumeStock, DisposeStock},
};
use keruen_proto::{
    Event,
    inventory::v1::{
        AdjustmentReason, ConsumptionPurpose, ReceiptOutcome, StockAdjusted, StockConsumed,
        StockLevel, StockUnits,
    },
    shipments::v1::{AllocationReleased, ReleaseReason, ShipmentUnits},
};

use crate::{story::Story, world::*};

fn stock(story: &Story, item_id: &str) -> StockLevel {
    match story.read(&Boundary::Stock(code("WH"), code(item_id))) {
        Entry::Stock(level, _) => level,
        other => panic!("{other:?}"),
    }
}

fn expiring(item_id: &str, amount: i64, batch_id: &str, day: &str) -> ReceiptLine {
    ReceiptLine {
        expires_on: Some(date(day)),
        ..line(item_id, amount, batch_id)
    }
}

/// LATE came first, EARLY expires first; GLOVE doesn't expire; HELD is damaged.
fn stocked() -> Story {
    Story::new()
        .after(pledge(
            "D1",
            &[("TEST", 1_000), ("GLOVES", MAX_QUANTITY - 1_000)],
        ))
        .after(receive(
            "D1",
            vec![
                expiring("RAPID", 30, "LATE", "2020-12-31"),
                expiring("RAPID", 20, "EARLY", "2020-06-30"),
                ReceiptLine {
                    outcome: ReceiptOutcome::Damaged,
                    ..expiring("RAPID", 10, "HELD", "2020-05-31")
                },
                line("GLOVE", 100, "G1"),
            ],
        ))
}

fn units(batch_id: &str, expires_on: &str, quantity: i64) -> StockUnits {
    StockUnits {
        batch_id: batch_id.to_owned(),
        donation_id: "D1".to_owned(),
        item_id: "RAPID".to_owned(),
        owner_id: "MOH".to_owned(),
        expires_on: expires_on.to_owned(),
        quantity,
        ..StockUnits::default()
    }
}

fn consumed(units: Vec<StockUnits>, batches_assumed: bool) -> Event {
    StockConsumed {
        facility_id: "WH".to_owned(),
        units,
        purpose: ConsumptionPurpose::Patient.into(),
        batches_assumed,
        already_used: None,
        particulars: Vec::new(),
    }
    .into()
}

#[test]
fn what_expires_first_is_used_first() {
    stocked().when(consume("RAPID", 25)).then([consumed(
        vec![
            units("EARLY", "2020-06-30", 20),
            units("LATE", "2020-12-31", 5),
        ],
        true,
    )]);
    stocked()
        .when(ConsumeStock {
            batch_id: Some(code("LATE")),
            ..consume("RAPID", 25)
        })
        .then([consumed(vec![units("LATE", "2020-12-31", 25)], false)]);
}

#[test]
fn what_is_expired_or_held_or_claimed_is_not_used() {
    let story = stocked()
        .after(ship("S1", &[("RAPID", 20)]))
        .after(allocate("S1"));
    story
        .clone()
        .when(consume("RAPID", 31))
        .refused("INSUFFICIENT_STOCK")
        .saying(&[
            "31 requested",
            "30 available",
            "60 on hand",
            "20 reserved",
            "10 held",
        ]);
    let story = stocked().on("2020-07-01");
    story
        .clone()
        .when(consume("RAPID", 31))
        .refused("INSUFFICIENT_STOCK")
        .saying(&["30 available", "20 expired"]);
    story
        .when(ConsumeStock {
            batch_id: Some(code("EARLY")),
            ..consume("RAPID", 1)
        })
        .refused("BATCH_EXPIRED")
        .saying(&["2020-06-30", "2020-07-01"]);
    stocked()
        .on("2020-06-30")
        .when(ConsumeStock {
            batch_id: Some(code("EARLY")),
            ..consume("RAPID", 1)
        })
        .accepted();
}

#[test]
fn use_names_what_exists() {
    let refused = |command: ConsumeStock, reason: &str| stocked().when(command).refused(reason);
    refused(
        ConsumeStock {
            facility_id: code("NOWHERE"),
            ..consume("RAPID", 1)
        },
        "UNKNOWN_FACILITY",
    );
    refused(consume("NOTHING", 1), "UNKNOWN_ITEM");
    refused(
        ConsumeStock {
            batch_id: Some(code("NONE")),
            ..consume("RAPID", 1)
        },
        "UNKNOWN_BATCH",
    );
    refused(
        ConsumeStock {
            owner_id: Some(code("NOBODY")),
            ..consume("RAPID", 1)
        },
        "UNKNOWN_ORGANISATION",
    );
    refused(
        ConsumeStock {
            owner_id: Some(code("HELP")),
            ..consume("RAPID", 1)
        },
        "INSUFFICIENT_STOCK",
    )
    .saying(&["owner HELP", "0 available"]);
    refused(
        ConsumeStock {
            batch_id: Some(code("G1")),
            ..consume("RAPID", 1)
        },
        "INSUFFICIENT_STOCK",
    );
    refused(consume("CONC", 1), "ASSET_NOT_CONSUMABLE");
    refused(consume("RAPID", MAX_QUANTITY), "INSUFFICIENT_STOCK");
}

#[test]
fn stock_that_is_used_up_is_gone() {
    let story = stocked().after(consume("GLOVE", 100));
    assert_eq!(stock(&story, "GLOVE").lots, []);
}

#[test]
fn what_is_found_is_counted_and_free() {
    let story = stocked().after(find("HELD", 5));
    let lot = &stock(&story, "RAPID").lots[2];
    assert_eq!((lot.on_hand, lot.held, lot.available), (15, 10, 5));
    // Of a batch with nothing there, the first owner's.
    let story = stocked().after(AdjustStock {
        facility_id: code("FAR"),
        ..find("G1", 1)
    });
    let Entry::Stock(far, _) = story.read(&Boundary::Stock(code("FAR"), code("GLOVE"))) else {
        panic!("stock")
    };
    assert_eq!(
        (far.lots[0].owner_id.as_str(), far.lots[0].on_hand),
        ("MOH", 1)
    );
    stocked()
        .when(find("G1", MAX_QUANTITY))
        .refused("QUANTITY_OVERFLOW")
        .saying(&["delta"]);
}

#[test]
fn what_is_lost_goes_off_the_free_then_off_the_held() {
    let story = stocked()
        .after(find("HELD", 5))
        .when(lose("HELD", 12))
        .then([StockAdjusted {
            facility_id: "WH".to_owned(),
            units: Some(units("HELD", "2020-05-31", 12)),
            decrease: true,
            held_quantity: 7,
            reason: AdjustmentReason::Lost.into(),
            documents: Vec::new(),
        }
        .into()]);
    let lot = &stock(&story, "RAPID").lots[2];
    assert_eq!((lot.on_hand, lot.held, lot.available), (3, 3, 0));
    story
        .when(lose("HELD", 4))
        .refused("INSUFFICIENT_STOCK")
        .saying(&["3 on hand"]);
}

#[test]
fn what_is_lost_breaks_the_newest_claims() {
    let story = stocked()
        .after(ship("OLD", &[("GLOVE", 50)]))
        .after(ship("NEW", &[("GLOVE", 10), ("GLOVE", 20)]))
        .after(allocate("OLD"))
        .after(allocate("NEW"));
    let glove = |quantity| StockUnits {
        item_id: "GLOVE".to_owned(),
        expires_on: String::new(),
        ..units("G1", "", quantity)
    };
    let released = |shipment_id: &str, lines: &[(i32, i64)]| {
        Event::from(AllocationReleased {
            shipment_id: shipment_id.to_owned(),
            origin_id: "WH".to_owned(),
            destination_id: "HOSP".to_owned(),
            units: lines
                .iter()
                .map(|(line, quantity)| ShipmentUnits {
                    line: *line,
                    units: Some(glove(*quantity)),
                    ..ShipmentUnits::default()
                })
                .collect(),
            reason: ReleaseReason::StockAdjusted.into(),
        })
    };
    let adjusted = |quantity| {
        Event::from(StockAdjusted {
            facility_id: "WH".to_owned(),
            units: Some(glove(quantity)),
            decrease: true,
            held_quantity: 0,
            reason: AdjustmentReason::Lost.into(),
            documents: Vec::new(),
        })
    };
    // 20 of the 100 are free.
    story.clone().when(lose("G1", 20)).then([adjusted(20)]);
    story
        .clone()
        .when(lose("G1", 45))
        .then([released("NEW", &[(2, 20), (1, 5)]), adjusted(45)]);
    let story = story.when(lose("G1", 90)).then([
        released("NEW", &[(2, 20), (1, 10)]),
        released("OLD", &[(1, 40)]),
        adjusted(90),
    ]);
    let lot = &stock(&story, "GLOVE").lots[0];
    assert_eq!((lot.on_hand, lot.reserved, lot.available), (10, 10, 0));
    story
        .clone()
        .when(dispatch("NEW"))
        .refused("NOTHING_ALLOCATED");
    story.when(dispatch("OLD")).accepted();
}

#[test]
fn a_hundred_shipments_lose_their_claims_at_once() {
    let mut story = Story::new()
        .after(pledge("D1", &[("GLOVES", 101)]))
        .after(receive("D1", vec![line("GLOVE", 101, "G1")]));
    for number in 0..101 {
        let id = format!("S{number}");
        story = story.after(ship(&id, &[("GLOVE", 1)])).after(allocate(&id));
    }
    story
        .clone()
        .when(lose("G1", 101))
        .refused("TOO_MANY_CLAIMS")
        .saying(&["101", "100", "several steps"]);
    let story = story.after(lose("G1", 100)).after(lose("G1", 1));
    assert_eq!(stock(&story, "GLOVE").lots, []);
}

#[test]
fn reasons_fit_the_direction() {
    let up = Change::Increase(quantity(1));
    let down = Change::Decrease(quantity(1));
    stocked()
        .when(adjust("G1", up, AdjustmentReason::Stolen))
        .refused("REASON_DOES_NOT_FIT")
        .saying(&["STOLEN", "FOUND"]);
    stocked()
        .when(adjust("G1", up, AdjustmentReason::Lost))
        .refused("REASON_DOES_NOT_FIT");
    stocked()
        .when(adjust("G1", down, AdjustmentReason::Found))
        .refused("REASON_DOES_NOT_FIT");
    stocked()
        .when(adjust("G1", up, AdjustmentReason::CountDifference))
        .accepted();
    stocked()
        .when(adjust("G1", down, AdjustmentReason::CountDifference))
        .accepted();
}

#[test]
fn adjustments_name_what_exists() {
    stocked().when(lose("NONE", 1)).refused("UNKNOWN_BATCH");
    stocked()
        .when(AdjustStock {
            facility_id: code("NOWHERE"),
            ..lose("G1", 1)
        })
        .refused("UNKNOWN_FACILITY");
    stocked()
        .when(AdjustStock {
            owner_id: Some(code("NOBODY")),
            ..lose("G1", 1)
        })
        .refused("UNKNOWN_ORGANISATION");
    stocked()
        .when(AdjustStock {
            facility_id: code("FAR"),
            ..lose("G1", 1)
        })
        .refused("INSUFFICIENT_STOCK");
    stocked()
        .when(AdjustStock {
            serial_numbers: labels(&["S1"]),
            ..lose("G1", 1)
        })
        .refused("SERIAL_NUMBERS_NOT_EXPECTED");
}

#[test]
fn two_owners_of_a_batch_are_told_apart() {
    let story = stocked().after(AdjustStock {
        owner_id: Some(code("HELP")),
        ..find("G1", 5)
    });
    story
        .clone()
        .when(lose("G1", 1))
        .refused("AMBIGUOUS_OWNER")
        .saying(&["MOH, HELP"]);
    story
        .clone()
        .when(dispose("G1", 1))
        .refused("AMBIGUOUS_OWNER");
    let story = story.after(AdjustStock {
        owner_id: Some(code("HELP")),
        ..lose("G1", 5)
    });
    assert_eq!(stock(&story, "GLOVE").lots.len(), 1);
}

/// S1 to S3 in B1, S4 damaged in B2.
fn with_assets() -> Story {
    Story::new()
        .after(pledge("D1", &[("OXYGEN", 9)]))
        .after(receive(
            "D1",
            vec![
                assets("B1", &["S1", "S2", "S3"]),
                ReceiptLine {
                    outcome: ReceiptOutcome::Damaged,
                    ..assets("B2", &["S4"])
                },
            ],
        ))
}

fn naming(command: AdjustStock, serial_numbers: &[&str]) -> AdjustStock {
    AdjustStock {
        serial_numbers: labels(serial_numbers),
        ..command
    }
}

#[test]
fn assets_are_lost_by_name_and_found_again() {
    let story = with_assets()
        .after(ship("S1", &[("CONC", 2)]))
        .after(allocate("S1"));
    story
        .clone()
        .when(lose("B1", 1))
        .refused("SERIAL_NUMBER_COUNT");
    story
        .clone()
        .when(naming(lose("B1", 1), &["S4"]))
        .refused("SERIAL_NUMBER_NOT_THERE")
        .saying(&["batch B1", "WH"]);
    story
        .clone()
        .when(naming(lose("B1", 2), &["S2", "S2"]))
        .refused("DUPLICATE_SERIAL_NUMBER");
    story
        .clone()
        .when(naming(find("B1", 1), &["S2"]))
        .refused("SERIAL_NUMBER_EXISTS")
        .saying(&["facility WH"]);
    // S2 is claimed, S3 is free: only the claim to S2 breaks.
    let story = story.after(naming(lose("B1", 2), &["S2", "S3"]));
    let lot = &stock(&story, "CONC").lots[0];
    assert_eq!((lot.on_hand, lot.reserved, lot.available), (1, 1, 0));
    assert_eq!(lot.reservations[0].serial_numbers, ["S1"]);
    story
        .clone()
        .when(naming(find("B2", 1), &["S2"]))
        .refused("SERIAL_NUMBER_EXISTS")
        .saying(&["lost"]);
    let story = story.after(naming(find("B1", 1), &["S2"]));
    assert_eq!(stock(&story, "CONC").lots[0].serial_numbers, ["S1", "S2"]);
    let story = story.after(naming(lose("B2", 1), &["S4"]));
    assert_eq!(stock(&story, "CONC").lots.len(), 1);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn what_is_held_is_disposed_of_first_and_what_is_claimed_never() {
    let story = stocked().after(find("HELD", 5)).after(dispose("HELD", 12));
    let lot = &stock(&story, "RAPID").lots[2];
    assert_eq!((lot.on_hand, lot.held, lot.available), (3, 0, 3));
    let story = stocked()
        .after(ship("S1", &[("GLOVE", 60)]))
        .after(allocate("S1"));
    story
        .clone()
        .when(dispose("G1", 41))
        .refused("INSUFFICIENT_STOCK")
        .saying(&["40 available", "60 reserved"]);
    story.clone().when(dispose("G1", 40)).accepted();
    story
        .clone()
        .when(dispose("NONE", 1))
        .refused("UNKNOWN_BATCH");
    story
        .when(DisposeStock {
            facility_id: code("FAR"),
            ..dispose("G1", 1)
        })
        .refused("INSUFFICIENT_STOCK");
}

#[test]
fn assets_are_disposed_of_by_name() {
    let story = with_assets()
        .after(ship("S1", &[("CONC", 1)]))
        .after(allocate("S1"));
    let named = |batch_id: &str, serial_number: &str| DisposeStock {
        serial_numbers: labels(&[serial_number]),
        ..dispose(batch_id, 1)
    };
    story
        .clone()
        .when(dispose("B1", 1))
        .refused("SERIAL_NUMBER_COUNT");
    story
        .clone()
        .when(named("B1", "S9"))
        .refused("SERIAL_NUMBER_NOT_THERE");
    story
        .clone()
        .when(named("B1", "S1"))
        .refused("SERIAL_NUMBER_RESERVED")
        .saying(&["shipment S1"]);
    let story = story.after(named("B1", "S2")).after(named("B2", "S4"));
    assert_eq!(stock(&story, "CONC").lots.len(), 1);
    story
        .clone()
        .when(receive("D1", vec![assets("B3", &["S4"])]))
        .refused("SERIAL_NUMBER_EXISTS")
        .saying(&["disposed of"]);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn owners_are_kept_apart() {
    let to_help = PledgeDonation {
        recipient_id: code("HELP"),
        ..pledge("D2", &[("GLOVES", 10)])
    };
    let story = stocked()
        .after(to_help)
        .after(receive("D2", vec![line("GLOVE", 10, "G2")]));
    let of_help = |amount| ConsumeStock {
        owner_id: Some(code("HELP")),
        ..consume("GLOVE", amount)
    };
    story
        .clone()
        .when(of_help(11))
        .refused("INSUFFICIENT_STOCK")
        .saying(&["10 available"]);
    let story = story.after(of_help(10));
    assert_eq!(stock(&story, "GLOVE").lots.len(), 1);
}
