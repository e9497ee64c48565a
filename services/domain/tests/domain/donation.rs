//! Donations: pledged, received, paid out of donated money.

use keruen_domain::{
    Boundary, Entry,
    code::MAX_QUANTITY,
    donation::{PledgeDonation, PledgedGoods, ReceiptLine, ReceiveDonation, SpendDonatedMoney},
};
use keruen_proto::{
    inventory::v1::{
        Asset, AssetCondition, AssetPlace, Batch, DonatedMoneySpent, Donation, DonationPledged,
        DonationReceived, DonationState, PledgeLine, ReceiptOutcome, ReceivedLine, StockLevel,
        StockUnits,
    },
    registry::v1::Money,
};

use crate::{story::Story, world::*};

fn donation(story: &Story) -> Donation {
    match story.read(&Boundary::Donation(code("D1"))) {
        Entry::Donation(donation) => donation,
        other => panic!("{other:?}"),
    }
}

fn stock(story: &Story, item_id: &str) -> StockLevel {
    match story.read(&Boundary::Stock(code("WH"), code(item_id))) {
        Entry::Stock(level, _) => level,
        other => panic!("{other:?}"),
    }
}

fn pledged() -> Story {
    Story::new().after(pledge("D1", &[("TEST", 100)]))
}

fn outcome(outcome: ReceiptOutcome, line: ReceiptLine) -> ReceiptLine {
    ReceiptLine { outcome, ..line }
}

#[test]
fn a_pledge_names_commodities_also_where_items_are_given() {
    let exact = PledgedGoods {
        line: 1,
        commodity_id: None,
        item_id: Some(code("RAPID")),
        quantity: quantity(5),
    };
    Story::new()
        .when(PledgeDonation {
            lines: vec![exact],
            ..pledge("D1", &[])
        })
        .then([DonationPledged {
            donation_id: "D1".to_owned(),
            donor_id: "KASPI".to_owned(),
            recipient_id: "MOH".to_owned(),
            lines: vec![PledgeLine {
                line: 1,
                commodity_id: "TEST".to_owned(),
                item_id: "RAPID".to_owned(),
                quantity: 5,
                ..PledgeLine::default()
            }],
            ..DonationPledged::default()
        }
        .into()]);
}

#[test]
fn pledges_are_refused_that_name_nothing_real() {
    let story = pledged();
    let refused =
        |command: PledgeDonation, reason: &str| story.clone().when(command).refused(reason);
    refused(pledge("D1", &[("TEST", 1)]), "DONATION_EXISTS");
    refused(pledge("UNATTRIBUTED", &[("TEST", 1)]), "RESERVED_ID");
    refused(pledge("D2", &[("NOTHING", 1)]), "UNKNOWN_COMMODITY");
    refused(
        PledgeDonation {
            donor_id: code("MOH"),
            ..pledge("D2", &[("TEST", 1)])
        },
        "NOT_A_DONOR",
    );
    refused(
        PledgeDonation {
            recipient_id: code("NOBODY"),
            ..pledge("D2", &[("TEST", 1)])
        },
        "UNKNOWN_ORGANISATION",
    );
    refused(
        pledge("D2", &[("TEST", MAX_QUANTITY), ("TEST", 1)]),
        "QUANTITY_OVERFLOW",
    );
}

#[test]
fn pledges_are_refused_whose_lines_are_wrong() {
    let refused = |lines: Vec<PledgedGoods>| {
        Story::new().when(PledgeDonation {
            lines,
            ..pledge("D1", &[])
        })
    };
    let goods = |line, commodity_id: Option<&str>, item_id: Option<&str>| PledgedGoods {
        line,
        commodity_id: commodity_id.map(code),
        item_id: item_id.map(code),
        quantity: quantity(1),
    };
    refused(vec![]).refused("NOTHING_PLEDGED");
    refused(vec![goods(1, None, None)])
        .refused("COMMODITY_REQUIRED")
        .saying(&["lines[0].commodity_id"]);
    refused(vec![goods(1, Some("GLOVES"), Some("RAPID"))])
        .refused("COMMODITY_MISMATCH")
        .saying(&["TEST", "GLOVES"]);
    refused(vec![
        goods(1, Some("TEST"), None),
        goods(1, Some("TEST"), None),
    ])
    .refused("DUPLICATE_LINE")
    .saying(&["lines[1].line"]);
    refused(
        (1..102)
            .map(|line| goods(line, Some("TEST"), None))
            .collect(),
    )
    .refused("TOO_MANY_LINES")
    .saying(&["101", "100"]);
}

#[test]
fn what_is_there_is_a_batch_of_the_recipient() {
    let story = pledged().when(receive(
        "D1",
        vec![ReceiptLine {
            lot: Some(label("L/7")),
            ..line("RAPID", 60, "B1")
        }],
    ));
    let story = story.then([DonationReceived {
        donation_id: "D1".to_owned(),
        facility_id: "WH".to_owned(),
        lines: vec![ReceivedLine {
            pledge_line: 1,
            outcome: ReceiptOutcome::Good.into(),
            units: Some(StockUnits {
                batch_id: "B1".to_owned(),
                donation_id: "D1".to_owned(),
                item_id: "RAPID".to_owned(),
                owner_id: "MOH".to_owned(),
                lot: "L/7".to_owned(),
                expires_on: "2020-12-31".to_owned(),
                quantity: 60,
                serial_numbers: Vec::new(),
            }),
            unit_value: None,
        }],
        ..DonationReceived::default()
    }
    .into()]);
    assert_eq!(donation(&story).state(), DonationState::PartlyReceived);
    let Entry::Batch(batch) = story.read(&Boundary::Batch(code("B1"))) else {
        panic!("a batch")
    };
    let expected = Batch {
        batch_id: "B1".to_owned(),
        donation_id: "D1".to_owned(),
        item_id: "RAPID".to_owned(),
        lot: "L/7".to_owned(),
        expires_on: "2020-12-31".to_owned(),
        received_at_facility_id: "WH".to_owned(),
        owner_id: "MOH".to_owned(),
        quantity: 60,
        unit_value: None,
        ..Batch::default()
    };
    assert_eq!(batch, expected);
    let story = story.after(receive("D1", vec![line("PCR", 40, "B2")]));
    assert_eq!(donation(&story).state(), DonationState::Received);
    assert_eq!(donation(&story).batch_ids, ["B1", "B2"]);
}

#[test]
fn what_is_not_good_is_held_and_what_is_missing_is_nowhere() {
    let story = pledged().after(receive(
        "D1",
        vec![
            line("RAPID", 50, "B1"),
            outcome(ReceiptOutcome::Damaged, line("RAPID", 20, "B2")),
            ReceiptLine {
                expires_on: Some(date("2020-04-09")),
                ..outcome(ReceiptOutcome::Expired, line("PCR", 10, "B3"))
            },
            outcome(ReceiptOutcome::Missing, line("RAPID", 20, "B4")),
            outcome(ReceiptOutcome::Surplus, line("RAPID", 5, "B5")),
            outcome(ReceiptOutcome::Wrong, line("GLOVE", 7, "B6")),
        ],
    ));
    let donation = donation(&story);
    assert_eq!(donation.lines[0].received, 80);
    assert_eq!(donation.batch_ids, ["B1", "B2", "B3", "B5", "B6"]);
    assert_eq!(donation.state(), DonationState::PartlyReceived);
    let held = |item_id: &str| -> Vec<_> {
        stock(&story, item_id)
            .lots
            .iter()
            .map(|lot| (lot.on_hand, lot.held, lot.available))
            .collect()
    };
    assert_eq!(held("RAPID"), [(50, 0, 50), (20, 20, 0), (5, 5, 0)]);
    assert_eq!(held("PCR"), [(10, 10, 0)]);
    assert_eq!(held("GLOVE"), [(7, 7, 0)]);
    assert_eq!(
        story.read(&Boundary::Batch(code("B4"))),
        Entry::Batch(Batch::default())
    );
}

#[test]
fn the_day_at_the_facility_decides_what_is_expired() {
    let last_day = |day: &str, outcome: ReceiptOutcome| {
        vec![ReceiptLine {
            outcome,
            expires_on: Some(date(day)),
            ..line("RAPID", 1, "B1")
        }]
    };
    let receiving = |lines| pledged().when(receive("D1", lines));
    receiving(last_day("2020-04-10", ReceiptOutcome::Good)).accepted();
    receiving(last_day("2020-04-09", ReceiptOutcome::Good))
        .refused("ALREADY_EXPIRED")
        .saying(&["as EXPIRED"]);
    receiving(last_day("2020-04-09", ReceiptOutcome::Damaged)).accepted();
    receiving(last_day("2020-04-09", ReceiptOutcome::Expired)).accepted();
    receiving(last_day("2020-04-10", ReceiptOutcome::Expired)).refused("NOT_EXPIRED");
    receiving(vec![ReceiptLine {
        expires_on: None,
        ..line("RAPID", 1, "B1")
    }])
    .refused("EXPIRY_REQUIRED");
    // Half past midnight in Almaty, half past six in the evening before in Greenwich.
    pledged()
        .late(11 * 3_600 + 1_800)
        .when(receive("D1", last_day("2020-04-09", ReceiptOutcome::Good)))
        .refused("ALREADY_EXPIRED");
}

#[test]
fn receipts_name_what_exists() {
    let story = pledged().after(receive("D1", vec![line("RAPID", 1, "B1")]));
    let refused =
        |command: ReceiveDonation, reason: &str| story.clone().when(command).refused(reason);
    refused(
        receive("D2", vec![line("RAPID", 1, "B2")]),
        "UNKNOWN_DONATION",
    );
    refused(
        ReceiveDonation {
            facility_id: code("NOWHERE"),
            ..receive("D1", vec![line("RAPID", 1, "B2")])
        },
        "UNKNOWN_FACILITY",
    );
    refused(
        receive("D1", vec![line("NOTHING", 1, "B2")]),
        "UNKNOWN_ITEM",
    );
    refused(receive("D1", vec![line("RAPID", 1, "B1")]), "BATCH_EXISTS");
    refused(
        receive("D1", vec![line("RAPID", 1, "B2"), line("RAPID", 1, "B2")]),
        "DUPLICATE_BATCH_ID",
    );
    refused(receive("D1", vec![]), "NO_LINES");
}

#[test]
fn an_id_that_was_misheard_is_recognised() {
    let id = keruen_domain::id::generate(keruen_domain::id::IdKind::Donation, "command", 0);
    let last = if id.ends_with('A') { 'B' } else { 'A' };
    let misheard = format!("{}{last}", &id[..id.len() - 1]);
    Story::new()
        .when(receive(&misheard, vec![line("RAPID", 1, "B1")]))
        .refused("UNKNOWN_DONATION")
        .saying(&["misheard"]);
}

#[test]
fn units_count_for_the_line_that_they_fit() {
    let story = Story::new().after(pledge("D1", &[("TEST", 10), ("TEST", 10), ("GLOVES", 10)]));
    let refused = |line: ReceiptLine, reason: &str| {
        story
            .clone()
            .when(receive("D1", vec![line]))
            .refused(reason)
    };
    refused(line("RAPID", 1, "B1"), "AMBIGUOUS_PLEDGE_LINE").saying(&["1, 2"]);
    refused(line("CONC", 1, "B1"), "SERIAL_NUMBER_COUNT");
    refused(assets("B1", &["S1"]), "NOT_PLEDGED");
    refused(
        ReceiptLine {
            pledge_line: Some(3),
            ..line("RAPID", 1, "B1")
        },
        "PLEDGE_LINE_MISMATCH",
    );
    refused(
        ReceiptLine {
            pledge_line: Some(4),
            ..line("RAPID", 1, "B1")
        },
        "UNKNOWN_PLEDGE_LINE",
    );
    let exceeding = receive(
        "D1",
        vec![
            ReceiptLine {
                pledge_line: Some(2),
                ..line("RAPID", 6, "B1")
            },
            ReceiptLine {
                pledge_line: Some(2),
                ..line("PCR", 5, "B2")
            },
        ],
    );
    story
        .clone()
        .when(exceeding)
        .refused("RECEIPT_EXCEEDS_PLEDGE")
        .saying(&[
            "lines[1].quantity",
            "pledges 10",
            "11 are reported",
            "SURPLUS",
        ]);
    let story = story.after(receive(
        "D1",
        vec![ReceiptLine {
            pledge_line: Some(2),
            ..line("RAPID", 10, "B1")
        }],
    ));
    let received: Vec<_> = donation(&story)
        .lines
        .iter()
        .map(|line| line.received)
        .collect();
    assert_eq!(received, [0, 10, 0]);
}

#[test]
fn a_serial_number_is_in_the_books_once() {
    let story = Story::new()
        .after(pledge("D1", &[("OXYGEN", 5)]))
        .after(receive("D1", vec![assets("B1", &["S1"])]));
    let refused = |lines: Vec<ReceiptLine>, reason: &str| {
        story.clone().when(receive("D1", lines)).refused(reason)
    };
    refused(vec![assets("B2", &["S1"])], "SERIAL_NUMBER_EXISTS").saying(&["\"S1\"", "facility WH"]);
    refused(vec![assets("B2", &["S2", "S2"])], "DUPLICATE_SERIAL_NUMBER");
    refused(
        vec![assets("B2", &["S2"]), assets("B3", &["S2"])],
        "DUPLICATE_SERIAL_NUMBER",
    );
    refused(
        vec![ReceiptLine {
            quantity: quantity(3),
            ..assets("B2", &["S2"])
        }],
        "SERIAL_NUMBER_COUNT",
    )
    .saying(&["need 3", "found 1"]);
    refused(
        vec![ReceiptLine {
            serial_numbers: labels(&["S2"]),
            ..line("GLOVE", 1, "B2")
        }],
        "SERIAL_NUMBERS_NOT_EXPECTED",
    );
    let Entry::Asset(asset) = story.read(&Boundary::Asset(code("CONC"), label("S1"))) else {
        panic!("an asset")
    };
    let expected = Asset {
        item_id: "CONC".to_owned(),
        serial_number: "S1".to_owned(),
        batch_id: "B1".to_owned(),
        donation_id: "D1".to_owned(),
        owner_id: "MOH".to_owned(),
        place: AssetPlace::Facility.into(),
        facility_id: "WH".to_owned(),
        shipment_id: String::new(),
        condition: AssetCondition::Identified.into(),
        steps: 1,
        ..Asset::default()
    };
    assert_eq!(asset, expected);
}

#[test]
fn a_receipt_concerns_64_things_at_most() {
    let numbers: Vec<String> = (0..61).map(|number| format!("S{number}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let story = Story::new().after(pledge("D1", &[("OXYGEN", 100)]));
    let with_lot = |count: usize| ReceiptLine {
        lot: Some(label("L")),
        ..assets("B1", &numbers[..count])
    };
    story
        .clone()
        .when(receive("D1", vec![with_lot(61)]))
        .refused("TOO_MANY_TAGS")
        .saying(&["65", "64", "split"]);
    story.when(receive("D1", vec![with_lot(60)])).accepted();
}

#[test]
fn donated_money_becomes_goods() {
    let story = Story::new().after(pledge_money("D1", 1_000)).when(spend(
        "D1",
        400,
        vec![assets("B1", &["S1"])],
    ));
    let story = story.then([
        DonatedMoneySpent {
            donation_id: "D1".to_owned(),
            amount: Some(usd(400)),
            supplier_id: "HELP".to_owned(),
            ..DonatedMoneySpent::default()
        }
        .into(),
        DonationReceived {
            donation_id: "D1".to_owned(),
            facility_id: "WH".to_owned(),
            lines: vec![ReceivedLine {
                pledge_line: 0,
                outcome: ReceiptOutcome::Good.into(),
                units: Some(StockUnits {
                    batch_id: "B1".to_owned(),
                    donation_id: "D1".to_owned(),
                    item_id: "CONC".to_owned(),
                    owner_id: "MOH".to_owned(),
                    quantity: 1,
                    serial_numbers: vec!["S1".to_owned()],
                    ..StockUnits::default()
                }),
                unit_value: None,
            }],
            ..DonationReceived::default()
        }
        .into(),
    ]);
    assert_eq!(donation(&story).state(), DonationState::PartlyReceived);
    story
        .clone()
        .when(spend("D1", 601, vec![assets("B2", &["S2"])]))
        .refused("INSUFFICIENT_FUNDS")
        .saying(&["600", "601"]);
    let tenge = Money {
        currency_code: "KZT".to_owned(),
        minor_units: 1,
    };
    let wrong = SpendDonatedMoney {
        amount: tenge,
        ..spend("D1", 1, vec![assets("B2", &["S2"])])
    };
    story.clone().when(wrong).refused("CURRENCY_DIFFERS");
    let nobody = SpendDonatedMoney {
        supplier_id: code("NOBODY"),
        ..spend("D1", 1, vec![assets("B2", &["S2"])])
    };
    story.clone().when(nobody).refused("UNKNOWN_ORGANISATION");
    story
        .clone()
        .when(receive("D1", vec![assets("B2", &["S2"])]))
        .refused("NOT_PLEDGED");
    let story = story.after(spend("D1", 600, vec![assets("B2", &["S2"])]));
    assert_eq!(donation(&story).state(), DonationState::Received);
}

#[test]
fn goods_are_no_money() {
    pledged()
        .when(spend("D1", 1, vec![line("RAPID", 1, "B1")]))
        .refused("NO_MONEY_PLEDGED");
}
