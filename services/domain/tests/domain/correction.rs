//! What was recorded wrongly is put right by facts that name it; whatever has gone on since stays in the books.

use keruen_domain::{
    Boundary, Entry,
    correction::{
        CorrectBatchData, CorrectReceipt, Fact, Remedy, Void, VoidMovement, correction, remedy,
    },
    stock::{Change, ConsumeStock, HoldStock, TransferTitle},
};
use keruen_proto::{
    Event,
    inventory::v1::{
        AdjustmentReason, AssetPlace, Batch, Donation, DonationState, ReceiptOutcome, StockLevel,
        VoidedMovement,
    },
    log::v1::CorrectionReason,
};

use crate::{
    asset::{asset, loss_act},
    story::Story,
    world::*,
};

fn batch(story: &Story, id: &str) -> Batch {
    match story.read(&Boundary::Batch(code(id))) {
        Entry::Batch(batch) => batch,
        other => panic!("{other:?}"),
    }
}

fn donation(story: &Story) -> Donation {
    match story.read(&Boundary::Donation(code("D1"))) {
        Entry::Donation(donation) => donation,
        other => panic!("{other:?}"),
    }
}

fn level(story: &Story, facility_id: &str, item_id: &str) -> StockLevel {
    match story.read(&Boundary::Stock(code(facility_id), code(item_id))) {
        Entry::Stock(level, _) => level,
        other => panic!("{other:?}"),
    }
}

fn on_hand(story: &Story, facility_id: &str) -> i64 {
    let lots = level(story, facility_id, "RAPID").lots;
    lots.iter().map(|lot| lot.on_hand).sum()
}

/// The newest event of a type.
fn newest(story: &Story, name: &str) -> Fact {
    let last = story
        .events
        .iter()
        .rposition(|event| event.short_name() == name);
    fact_of(story, last.unwrap_or_else(|| panic!("no {name}")))
}

fn came(story: &Story, batch_id: &str, amount: i64) -> CorrectReceipt {
    let brought = |event: &Event| match event {
        Event::DonationReceived(event) => event
            .lines
            .iter()
            .filter_map(|line| line.units.as_ref())
            .any(|units| units.batch_id == batch_id),
        _ => false,
    };
    let index = story.events.iter().position(brought).expect("a receipt");
    CorrectReceipt {
        fact: fact_of(story, index),
        batch_id: code(batch_id),
        quantity: amount,
        serial_numbers: Vec::new(),
        documents: Vec::new(),
    }
}

fn is(story: &Story, batch_id: &str) -> CorrectBatchData {
    CorrectBatchData {
        fact: came(story, batch_id, 0).fact,
        batch_id: code(batch_id),
        lot: None,
        expires_on: None,
        unit_value: None,
        documents: Vec::new(),
    }
}

fn never(story: &Story, name: &str) -> VoidMovement {
    VoidMovement {
        fact: newest(story, name),
        documents: Vec::new(),
    }
}

fn received(amount: i64) -> Story {
    Story::new()
        .after(pledge("D1", &[("TEST", 100), ("OXYGEN", 3)]))
        .after(receive("D1", vec![line("RAPID", amount, "B1")]))
}

fn names(story: &Story, last: usize) -> Vec<&'static str> {
    let events = &story.events[story.events.len() - last..];
    events.iter().map(Event::short_name).collect()
}

#[test]
fn fewer_came_than_the_receipt_said() {
    let story = received(90);
    let story = story.clone().after(came(&story, "B1", 60));
    assert_eq!(on_hand(&story, "WH"), 60);
    assert_eq!(batch(&story, "B1").quantity, 60);
    assert_eq!(donation(&story).lines[0].received, 60);
    assert_eq!(donation(&story).lines[0].outstanding, 40);
    let last = story.events.last().expect("an event");
    let reason = correction(last).expect("a correction").reason();
    assert_eq!(reason, CorrectionReason::IncorrectData);
    // Nothing came at all, and then more came after all.
    let story = story.clone().after(came(&story, "B1", 0));
    let last = story.events.last().expect("an event");
    let reason = correction(last).expect("a correction").reason();
    assert_eq!(reason, CorrectionReason::DidNotOccur);
    assert_eq!(on_hand(&story, "WH"), 0);
    assert_eq!(donation(&story).state(), DonationState::PartlyReceived);
    let story = story.clone().after(came(&story, "B1", 100));
    assert_eq!(on_hand(&story, "WH"), 100);
    assert_eq!(batch(&story, "B1").corrected_event_ids.len(), 1);
}

#[test]
fn claims_are_given_up_to_units_that_never_came() {
    let story = received(50)
        .after(ship("S1", &[("RAPID", 30)]))
        .after(allocate("S1"));
    let story = story.clone().after(came(&story, "B1", 10));
    assert_eq!(names(&story, 2), ["AllocationReleased", "ReceiptCorrected"]);
    let lot = &level(&story, "WH", "RAPID").lots[0];
    assert_eq!((lot.on_hand, lot.reserved, lot.available), (10, 10, 0));
}

/// 100 were booked, 50 of them shipped, 20 of those used up; 40 had come.
#[test]
fn a_wrong_receipt_is_corrected_after_half_of_it_was_shipped_and_some_consumed() {
    let story = received(100)
        .after(ship("S1", &[("RAPID", 50)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(arrive("S1"))
        .after(ConsumeStock {
            facility_id: code("HOSP"),
            ..consume("RAPID", 20)
        });
    let before = story.events.clone();
    let story = story.clone().after(came(&story, "B1", 40));
    assert_eq!(
        names(&story, 2),
        ["StockDiscrepancyFound", "ReceiptCorrected"]
    );
    // Of the 60 that never came 50 were still there; 10 are somewhere and nobody knows where from.
    assert_eq!(on_hand(&story, "WH"), 0);
    assert_eq!(on_hand(&story, "HOSP"), 30);
    let corrected = batch(&story, "B1");
    assert_eq!((corrected.quantity, corrected.discrepancy), (40, 10));
    assert_eq!(donation(&story).lines[0].received, 40);
    // History is whole.
    assert_eq!(story.events[..before.len()], before[..]);
}

#[test]
fn what_was_closed_in_full_is_open_again_when_less_had_come() {
    let story = Story::new()
        .after(pledge("D1", &[("TEST", 50)]))
        .after(receive("D1", vec![line("RAPID", 50, "B1")]))
        .after(close_donation("D1"));
    let story = story.clone().after(came(&story, "B1", 30));
    assert_eq!(donation(&story).state(), DonationState::PartlyReceived);
    story.after(close_short("D1"));
}

#[test]
fn units_with_a_serial_number_are_corrected_where_they_came_and_are() {
    let story = received(10).after(receive("D1", vec![assets("B2", &["S1", "S2"])]));
    let without = |story: &Story, number: &str| CorrectReceipt {
        serial_numbers: labels(&[number]),
        ..came(story, "B2", 1)
    };
    let corrected = story.clone().after(without(&story, "S2"));
    assert_eq!(
        level(&corrected, "WH", "CONC").lots[0].serial_numbers,
        ["S1"]
    );
    // The number is free: it may come with another batch.
    corrected.after(receive("D1", vec![assets("B3", &["S2"])]));
    let sent = story
        .after(ship("S1", &[("CONC", 2)]))
        .after(allocate("S1"))
        .after(dispatch("S1"));
    let refused = sent.clone().when(without(&sent, "S2"));
    refused.refused("SERIAL_NUMBER_NOT_THERE");
}

#[test]
fn receipts_are_not_corrected_by_what_contradicts_them() {
    let story = received(90).after(pledge("D2", &[("TEST", 5)]));
    let refused = |command: CorrectReceipt, reason: &str| {
        story.clone().when(command).refused(reason);
    };
    refused(came(&story, "B1", 90), "NOTHING_TO_CORRECT");
    refused(came(&story, "B1", 101), "RECEIPT_EXCEEDS_PLEDGE");
    let numbered = CorrectReceipt {
        serial_numbers: labels(&["S1"]),
        ..came(&story, "B1", 89)
    };
    refused(numbered, "SERIAL_NUMBERS_NOT_EXPECTED");
    let other = CorrectReceipt {
        batch_id: code("B9"),
        ..came(&story, "B1", 1)
    };
    refused(other, "UNKNOWN_BATCH");
    let pledged = CorrectReceipt {
        fact: newest(&story, "DonationPledged"),
        ..came(&story, "B1", 1)
    };
    refused(pledged, "NOT_CORRECTABLE");
    let twice = story
        .clone()
        .after(receive("D2", vec![line("RAPID", 5, "B2")]));
    let crossed = CorrectReceipt {
        batch_id: code("B2"),
        ..came(&twice, "B1", 1)
    };
    twice.when(crossed).refused("BATCH_NOT_OF_RECEIPT");
}

#[test]
fn a_batch_is_what_is_printed_on_it_wherever_it_is() {
    let mut wrong = line("RAPID", 60, "B1");
    wrong.lot = Some(label("L-WRONG"));
    let story = Story::new()
        .after(pledge("D1", &[("TEST", 100)]))
        .after(receive("D1", vec![wrong]))
        .after(ship("S1", &[("RAPID", 20)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(ship("S2", &[("RAPID", 20)]))
        .after(allocate("S2"))
        .after(recall("RAPID", "L-RIGHT"));
    let right = CorrectBatchData {
        lot: Some(Some(label("L-RIGHT"))),
        expires_on: Some(Some(date("2020-06-30"))),
        ..is(&story, "B1")
    };
    let story = story.after(right);
    assert_eq!(batch(&story, "B1").lot, "L-RIGHT");
    let lot = &level(&story, "WH", "RAPID").lots[0];
    assert_eq!(
        (lot.lot.as_str(), lot.expires_on.as_str()),
        ("L-RIGHT", "2020-06-30")
    );
    // The recall of the right lot binds it: what is claimed stays, what arrives is held.
    assert_eq!(lot.available, 0);
    story.clone().when(dispatch("S2")).refused("LOT_RECALLED");
    let story = story.after(arrive("S1"));
    let lot = &level(&story, "HOSP", "RAPID").lots[0];
    assert_eq!((lot.lot.as_str(), lot.held), ("L-RIGHT", 20));
    // It was not that lot either.
    let none = CorrectBatchData {
        lot: Some(None),
        ..is(&story, "B1")
    };
    let story = story.after(none).after(dispatch("S2"));
    assert_eq!(level(&story, "HOSP", "RAPID").lots[0].available, 20);
    story
        .clone()
        .when(is(&story, "B1"))
        .refused("NOTHING_TO_CORRECT");
    let never = CorrectBatchData {
        expires_on: Some(None),
        ..is(&story, "B1")
    };
    story.clone().when(never).refused("EXPIRY_REQUIRED");
    let decided = story.clone().after(shorten("B1", "2020-05-31"));
    let later = CorrectBatchData {
        expires_on: Some(Some(date("2020-12-31"))),
        ..is(&decided, "B1")
    };
    decided.when(later).refused("EXPIRY_DECIDED");
}

#[test]
fn what_a_count_or_a_shipment_brought_is_labelled_rightly_too() {
    let story = Story::new()
        .after(open_books(vec![new_stock("RAPID", 20, "B1")]))
        .after(ship("S1", &[("RAPID", 5)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(arrive_with(
            "S1",
            vec![
                found(1, 5, ReceiptOutcome::Good),
                unannounced("GLOVE", 3, "B2"),
            ],
        ));
    for (batch_id, name) in [("B1", "StockEntered"), ("B2", "ShipmentReceived")] {
        let relabel = |batch_id: &str| CorrectBatchData {
            fact: newest(&story, name),
            batch_id: code(batch_id),
            lot: Some(Some(label("L7"))),
            expires_on: None,
            unit_value: None,
            documents: Vec::new(),
        };
        let other = if batch_id == "B1" { "B2" } else { "B1" };
        story
            .clone()
            .when(relabel(other))
            .refused("BATCH_NOT_OF_RECEIPT");
        let relabelled = story.clone().after(relabel(batch_id));
        assert_eq!(batch(&relabelled, batch_id).lot, "L7");
    }
}

#[test]
fn what_did_not_happen_is_there_again_once() {
    let stories = [
        (received(90).after(consume("RAPID", 30)), "StockConsumed"),
        (received(90).after(dispose("B1", 30)), "StockDisposed"),
        (received(90).after(give_back("B1", 30)), "StockReturned"),
        (received(90).after(lose("B1", 30)), "StockAdjusted"),
    ];
    for (story, name) in stories {
        assert_eq!(on_hand(&story, "WH"), 60);
        let story = story.clone().after(never(&story, name));
        assert_eq!(on_hand(&story, "WH"), 90, "{name}");
        story
            .clone()
            .when(never(&story, name))
            .refused("ALREADY_VOIDED");
    }
    // What had been held is held again.
    let story = received(90)
        .after(hold_here("B1", 20))
        .after(dispose("B1", 30));
    let story = story.clone().after(never(&story, "StockDisposed"));
    assert_eq!(level(&story, "WH", "RAPID").lots[0].held_here, 20);
}

#[test]
fn what_was_not_found_after_all_goes_again_and_what_has_gone_on_is_a_discrepancy() {
    let story = received(10).after(find("B1", 30));
    let voided = story.clone().after(never(&story, "StockAdjusted"));
    assert_eq!(on_hand(&voided, "WH"), 10);
    let story = story
        .after(ship("S1", &[("RAPID", 35)]))
        .after(allocate("S1"))
        .after(dispatch("S1"));
    let story = story.clone().after(never(&story, "StockAdjusted"));
    assert_eq!(
        names(&story, 2),
        ["StockDiscrepancyFound", "MovementVoided"]
    );
    assert_eq!(on_hand(&story, "WH"), 0);
    assert_eq!(batch(&story, "B1").discrepancy, 25);
}

#[test]
fn title_goes_back_while_the_units_are_where_they_passed() {
    let story = received(50)
        .after(hold_here("B1", 10))
        .after(transfer("B1", 50));
    let back = story.clone().after(never(&story, "TitleTransferred"));
    let lots = level(&back, "WH", "RAPID").lots;
    assert_eq!(lots.len(), 1);
    assert_eq!(
        (lots[0].owner_id.as_str(), lots[0].on_hand, lots[0].held),
        ("MOH", 50, 10)
    );
    let sent = story
        .after(ship("S1", &[("RAPID", 1)]))
        .after(allocate("S1"));
    let refused = sent.clone().when(never(&sent, "TitleTransferred"));
    refused.refused("INSUFFICIENT_STOCK");
    let sent = sent.after(dispatch("S1"));
    let refused = sent.clone().when(never(&sent, "TitleTransferred"));
    refused
        .refused("MOVED_ON_SINCE")
        .saying(&["49 of 50 units of batch B1", "are left at WH"]);
}

#[test]
fn a_unit_that_turned_up_again_was_not_there_all_the_time() {
    let story = received(1).after(receive("D1", vec![assets("B2", &["S1"])]));
    let lost = keruen_domain::stock::AdjustStock {
        serial_numbers: labels(&["S1"]),
        ..lose("B2", 1)
    };
    let found = keruen_domain::stock::AdjustStock {
        serial_numbers: labels(&["S1"]),
        ..adjust("B2", Change::Increase(quantity(1)), AdjustmentReason::Found)
    };
    let lost = story.after(lost);
    let fact = newest(&lost, "StockAdjusted");
    let again = lost.clone().after(found.clone());
    let void = |fact: Fact| VoidMovement {
        fact,
        documents: Vec::new(),
    };
    again
        .when(void(fact.clone()))
        .refused("SERIAL_NUMBER_EXISTS");
    lost.clone().after(void(fact.clone()));
    // Where that was a mistake, it is lost as it was before, and then there if it never was.
    let settled = lost.after(loss_act("S1"));
    let before = asset(&settled, "S1");
    let again = settled.after(keruen_domain::stock::AdjustStock {
        owner_id: Some(code("HELP")),
        ..found
    });
    assert_eq!(asset(&again, "S1").place(), AssetPlace::Facility);
    let mistaken = again.clone().after(never(&again, "StockAdjusted"));
    let after = asset(&mistaken, "S1");
    assert_eq!(after, before);
    assert_eq!(mistaken.violations(), Vec::<String>::new());
    let there = mistaken.after(void(fact));
    assert_eq!(asset(&there, "S1").place(), AssetPlace::Facility);
    assert_eq!(asset(&there, "S1").exits, []);
}

/// The table: what puts which event right. Whatever is not in it says what is done instead.
#[test]
fn every_event_is_put_right_by_one_thing() {
    let story = received(50)
        .after(HoldStock {
            ..hold_here("B1", 10)
        })
        .after(TransferTitle {
            ..transfer("B1", 10)
        })
        .after(ship("S1", &[("RAPID", 5)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(recall("RAPID", "L1"));
    let expected = |name: &str| match name {
        "DonationReceived" => Some(Remedy::CorrectReceipt),
        "TitleTransferred" => Some(Remedy::Void(Void::Stock(VoidedMovement::TitleTransfer))),
        "ShipmentDispatched" => Some(Remedy::Void(Void::Dispatch)),
        _ => None,
    };
    for (index, event) in story.events.iter().enumerate() {
        let name = event.short_name();
        match (expected(name), remedy(event)) {
            (Some(expected), found) => assert_eq!(found, expected, "{name}"),
            (None, Remedy::Instead(instead)) => {
                let void = VoidMovement {
                    fact: fact_of(&story, index),
                    documents: Vec::new(),
                };
                story
                    .clone()
                    .when(void)
                    .refused("NOT_CORRECTABLE")
                    .saying(&[name, instead]);
            }
            (None, found) => panic!("{name}: {found:?}"),
        }
    }
}
