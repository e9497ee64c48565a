//! Quality: batches held and released, lots recalled.

use keruen_domain::{
    Boundary, Entry,
    donation::ReceiptLine,
    quality::{Grounds, HoldBatch, LiftRecall, ReleaseBatch},
    shipment::FoundGoods,
    stock::{ConsumeStock, HoldStock, ReleaseStock},
};
use keruen_proto::{
    Event,
    inventory::v1::{
        Batch, BatchHeld, BatchReleased, HoldReason, ItemQuality, LotRecallLifted, LotRecalled,
        OverrideReason, RecallReason, ReceiptOutcome, ReleaseOverride, ReleaseVerdict, StockLot,
    },
    registry::v1::{DocumentKind, DocumentRef, ItemRegistered, Tracking},
};

use crate::{story::Story, world::*};

fn lots(story: &Story, facility_id: &str, item_id: &str) -> Vec<StockLot> {
    match story.read(&Boundary::Stock(code(facility_id), code(item_id))) {
        Entry::Stock(level, _) => level.lots,
        other => panic!("{other:?}"),
    }
}

/// On hand, reserved, held, available of a batch at WH.
fn counts(story: &Story, item_id: &str, batch_id: &str) -> [i64; 4] {
    lots(story, "WH", item_id)
        .iter()
        .find(|lot| lot.batch_id == batch_id)
        .map(|lot| [lot.on_hand, lot.reserved, lot.held, lot.available])
        .expect("a lot")
}

fn quality(story: &Story, item_id: &str) -> ItemQuality {
    match story.read(&Boundary::Quality(code(item_id))) {
        Entry::Quality(quality) => quality,
        other => panic!("{other:?}"),
    }
}

fn batch(story: &Story, id: &str) -> Batch {
    match story.read(&Boundary::Batch(code(id))) {
        Entry::Batch(batch) => batch,
        other => panic!("{other:?}"),
    }
}

fn of_lot(item_id: &str, amount: i64, batch_id: &str, lot: &str) -> ReceiptLine {
    ReceiptLine {
        lot: Some(label(lot)),
        ..line(item_id, amount, batch_id)
    }
}

/// Tests of lot L1 in batches B1 (10 of its 40 damaged ones apart, in BD) and B2, of lot L2 in B3.
fn stocked() -> Story {
    Story::new()
        .after(pledge("D1", &[("TEST", 1_000), ("OXYGEN", 10)]))
        .after(pledge("D2", &[("TEST", 1_000)]))
        .after(receive(
            "D1",
            vec![
                of_lot("RAPID", 30, "B1", "L1"),
                ReceiptLine {
                    outcome: ReceiptOutcome::Damaged,
                    ..of_lot("RAPID", 10, "BD", "L1")
                },
                of_lot("RAPID", 20, "B3", "L2"),
                assets("C1", &["N1", "N2", "N3"]),
            ],
        ))
        .after(receive("D2", vec![of_lot("RAPID", 5, "B2", "L1")]))
}

fn held(batch_id: &str, lot: &str, reason: HoldReason) -> Event {
    BatchHeld {
        batch_id: batch_id.to_owned(),
        item_id: "RAPID".to_owned(),
        lot: lot.to_owned(),
        reason: reason.into(),
        documents: Vec::new(),
    }
    .into()
}

fn document(kind: DocumentKind) -> DocumentRef {
    DocumentRef {
        kind: kind.into(),
        number: "4".to_owned(),
        ..DocumentRef::default()
    }
}

#[test]
fn nothing_of_a_held_batch_is_available_until_it_is_released() {
    let story = stocked()
        .when(hold("B1"))
        .then([held("B1", "L1", HoldReason::QualityDoubt)]);
    assert_eq!(counts(&story, "RAPID", "B1"), [30, 0, 30, 0]);
    assert_eq!(counts(&story, "RAPID", "B3"), [20, 0, 0, 20]);
    assert_eq!(
        lots(&story, "WH", "RAPID")[0].hold_reasons,
        [HoldReason::QualityDoubt as i32]
    );
    assert_eq!(batch(&story, "B1").holds, quality(&story, "RAPID").holds);
    story
        .clone()
        .when(consume("RAPID", 26))
        .refused("INSUFFICIENT_STOCK")
        .saying(&["25 available", "40 held"]);
    let story = story.when(release("B1")).then([BatchReleased {
        batch_id: "B1".to_owned(),
        item_id: "RAPID".to_owned(),
        lot: "L1".to_owned(),
        reason: HoldReason::QualityDoubt.into(),
        verdict: None,
        release_override: Some(ReleaseOverride {
            authorised_by_ref: "person:7".to_owned(),
            reason: OverrideReason::UrgentNeed.into(),
        }),
        documents: Vec::new(),
    }
    .into()]);
    assert_eq!(counts(&story, "RAPID", "B1"), [30, 0, 0, 30]);
    assert!(batch(&story, "B1").holds.is_empty());
}

#[test]
fn units_held_by_themselves_stay_held_when_their_batch_is_released() {
    let story = stocked().after(hold("BD"));
    assert_eq!(counts(&story, "RAPID", "BD"), [10, 0, 10, 0]);
    let story = story.after(dispose("BD", 4)).after(release("BD"));
    assert_eq!(counts(&story, "RAPID", "BD"), [6, 0, 6, 0]);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn claimed_units_of_a_held_batch_stay_claimed_but_are_not_sent() {
    let story = stocked()
        .after(ship("S1", &[("RAPID", 40)]))
        .after(allocate("S1"))
        .after(hold("B1"));
    assert_eq!(counts(&story, "RAPID", "B1"), [30, 30, 0, 0]);
    story
        .clone()
        .when(dispatch("S1"))
        .refused("BATCH_HELD")
        .saying(&["B1", "QUALITY_DOUBT"]);
    // What is given up is held.
    let cancelled = story.clone().after(cancel("S1"));
    assert_eq!(counts(&cancelled, "RAPID", "B1"), [30, 0, 30, 0]);
    let story = story.after(release("B1")).after(dispatch("S1"));
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn held_units_with_serial_numbers_are_named() {
    let story = stocked()
        .after(ship("S1", &[("CONC", 1)]))
        .after(allocate("S1"))
        .after(hold("C1"));
    let lot = lots(&story, "WH", "CONC").remove(0);
    assert_eq!(lot.held_serial_numbers, ["N2", "N3"]);
    assert_eq!((lot.reserved, lot.held, lot.available), (1, 2, 0));
    let lot = lots(&story.after(release("C1")), "WH", "CONC").remove(0);
    assert!(lot.held_serial_numbers.is_empty());
}

#[test]
fn a_batch_may_be_held_for_several_reasons() {
    let excursion = || HoldBatch {
        reason: HoldReason::TemperatureExcursion,
        ..hold("B1")
    };
    let story = stocked().after(hold("B1")).after(excursion());
    story.clone().when(excursion()).refused("ALREADY_HELD");
    story
        .clone()
        .when(release("B1"))
        .refused("AMBIGUOUS_HOLD")
        .saying(&["QUALITY_DOUBT, TEMPERATURE_EXCURSION"]);
    let named = |reason| ReleaseBatch {
        reason: Some(reason),
        ..release("B1")
    };
    story
        .clone()
        .when(named(HoldReason::Quarantine))
        .refused("NOT_HELD")
        .saying(&["QUALITY_DOUBT, TEMPERATURE_EXCURSION", "QUARANTINE"]);
    let story = story.after(named(HoldReason::QualityDoubt));
    assert_eq!(counts(&story, "RAPID", "B1"), [30, 0, 30, 0]);
    let story = story.after(release("B1"));
    assert_eq!(counts(&story, "RAPID", "B1"), [30, 0, 0, 30]);
    story.when(release("B1")).refused("NOT_HELD");
}

#[test]
fn a_verdict_rests_on_its_document() {
    use DocumentKind::{AcceptanceAct, Certificate, LaboratoryReport, Order, QualityDecision};
    let story = stocked().after(hold("B1"));
    for (verdict, needed) in [
        (ReleaseVerdict::Permitted, Certificate),
        (ReleaseVerdict::Tested, LaboratoryReport),
        (ReleaseVerdict::Accepted, AcceptanceAct),
        (ReleaseVerdict::Assessed, QualityDecision),
        (ReleaseVerdict::Ordered, Order),
    ] {
        let release = |kinds: &[DocumentKind]| ReleaseBatch {
            grounds: Grounds::Verdict(verdict),
            documents: kinds.iter().map(|kind| document(*kind)).collect(),
            ..release("B1")
        };
        story
            .clone()
            .when(release(&[DocumentKind::Waybill]))
            .refused("VERDICT_WITHOUT_DOCUMENT");
        let released = story
            .clone()
            .after(release(&[DocumentKind::Waybill, needed]));
        assert_eq!(counts(&released, "RAPID", "B1"), [30, 0, 0, 30]);
    }
}

#[test]
fn a_recall_binds_every_batch_of_the_lot_wherever_it_is_and_what_comes_later() {
    let story = stocked()
        .after(ship("S1", &[("RAPID", 30)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .when(recall("RAPID", "L1"))
        .then([LotRecalled {
            item_id: "RAPID".to_owned(),
            lot: "L1".to_owned(),
            reason: RecallReason::Defect.into(),
            authority_id: "MOH".to_owned(),
            documents: Vec::new(),
        }
        .into()]);
    // B1 is on its way; B2 is here.
    assert_eq!(counts(&story, "RAPID", "B2"), [5, 0, 5, 0]);
    assert_eq!(counts(&story, "RAPID", "B3"), [20, 0, 0, 20]);
    let story = story.after(arrive("S1"));
    let arrived = lots(&story, "HOSP", "RAPID").remove(0);
    assert_eq!((arrived.held, arrived.available), (30, 0));
    assert_eq!(
        arrived.recall.map(|recall| recall.lot).as_deref(),
        Some("L1")
    );
    let later = receive("D2", vec![of_lot("RAPID", 7, "B4", "L1")]);
    let story = story.after(later);
    assert_eq!(counts(&story, "RAPID", "B4"), [7, 0, 7, 0]);
    story
        .clone()
        .after(ship("S2", &[("RAPID", 21)]))
        .when(allocate("S2"))
        .refused("INSUFFICIENT_STOCK")
        .saying(&["20 available"]);
    let story = story.when(lift("RAPID", "L1")).then([LotRecallLifted {
        item_id: "RAPID".to_owned(),
        lot: "L1".to_owned(),
        authority_id: "MOH".to_owned(),
        documents: Vec::new(),
    }
    .into()]);
    assert_eq!(counts(&story, "RAPID", "B4"), [7, 0, 0, 7]);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn what_was_claimed_before_a_recall_is_not_sent() {
    stocked()
        .after(ship("S1", &[("RAPID", 30)]))
        .after(allocate("S1"))
        .after(recall("RAPID", "L1"))
        .when(dispatch("S1"))
        .refused("LOT_RECALLED")
        .saying(&["B1", "\"L1\""]);
}

#[test]
fn a_lot_may_be_recalled_before_anybody_has_seen_it() {
    let story = Story::new()
        .after(pledge("D1", &[("TEST", 100)]))
        .after(recall("RAPID", "L9"))
        .after(receive("D1", vec![of_lot("RAPID", 8, "B1", "L9")]));
    assert_eq!(counts(&story, "RAPID", "B1"), [8, 0, 8, 0]);
}

#[test]
fn units_without_a_lot_number_and_lots_of_other_items_are_not_recalled() {
    let story = stocked()
        .after(receive("D1", vec![line("RAPID", 9, "B9")]))
        .after(receive("D1", vec![of_lot("PCR", 6, "P1", "L1")]))
        .after(recall("RAPID", "L1"));
    assert_eq!(counts(&story, "RAPID", "B9"), [9, 0, 0, 9]);
    assert_eq!(counts(&story, "PCR", "P1"), [6, 0, 0, 6]);
}

#[test]
fn a_lot_is_recalled_once_and_its_recall_lifted_once() {
    stocked().when(lift("RAPID", "L1")).refused("NOT_RECALLED");
    let story = stocked().after(recall("RAPID", "L1"));
    story
        .clone()
        .when(recall("RAPID", "L1"))
        .refused("ALREADY_RECALLED");
    story
        .clone()
        .when(LiftRecall {
            authority_id: code("NOBODY"),
            ..lift("RAPID", "L1")
        })
        .refused("UNKNOWN_ORGANISATION");
    story
        .after(lift("RAPID", "L1"))
        .when(lift("RAPID", "L1"))
        .refused("NOT_RECALLED");
}

#[test]
fn a_batch_of_a_recalled_lot_is_not_released() {
    let story = stocked().after(hold("B1")).after(recall("RAPID", "L1"));
    story.when(release("B1")).refused("LOT_RECALLED");
}

#[test]
fn what_may_not_be_issued_is_recorded_where_it_has_been_used() {
    let story = stocked().after(hold("B1")).after(recall("RAPID", "L1"));
    let of_batch = |batch_id: &str, already_used| ConsumeStock {
        batch_id: Some(code(batch_id)),
        already_used,
        ..consume("RAPID", 3)
    };
    story
        .clone()
        .when(of_batch("B1", false))
        .refused("LOT_RECALLED");
    let lifted = story.clone().after(lift("RAPID", "L1"));
    lifted.when(of_batch("B1", false)).refused("BATCH_HELD");
    // So it is of units that are damaged.
    let damaged = story.clone().after(of_batch("BD", true));
    assert_eq!(damaged.violations(), Vec::<String>::new());
    let story = story.after(of_batch("B1", true));
    assert_eq!(counts(&story, "RAPID", "B1"), [27, 0, 27, 0]);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn disposal_loss_and_discovery_are_facts_whatever_is_held() {
    let story = stocked()
        .after(hold("B1"))
        .after(recall("RAPID", "L1"))
        .after(dispose("B1", 5))
        .after(lose("B1", 5))
        .after(find("B1", 2));
    assert_eq!(counts(&story, "RAPID", "B1"), [22, 0, 22, 0]);
    let story = story.after(lift("RAPID", "L1")).after(release("B1"));
    assert_eq!(counts(&story, "RAPID", "B1"), [22, 0, 0, 22]);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn units_are_held_and_released_by_themselves() {
    let story = stocked().after(hold_here("B1", 12));
    assert_eq!(counts(&story, "RAPID", "B1"), [30, 0, 12, 18]);
    story
        .clone()
        .when(hold_here("B1", 19))
        .refused("INSUFFICIENT_STOCK")
        .saying(&["18 available"]);
    // What is held by itself goes first, and stays held whatever becomes of the batch.
    let story = story.after(dispose("B1", 2)).after(hold("B1"));
    assert_eq!(counts(&story, "RAPID", "B1"), [28, 0, 28, 0]);
    let story = story.after(hold_here("B1", 1)).after(release("B1"));
    assert_eq!(counts(&story, "RAPID", "B1"), [28, 0, 11, 17]);
    story
        .clone()
        .when(release_here("B1", 12))
        .refused("NOT_HELD_HERE")
        .saying(&["12 units", "11 are held"]);
    story
        .clone()
        .when(ReleaseStock {
            grounds: Grounds::Verdict(ReleaseVerdict::Assessed),
            ..release_here("B1", 1)
        })
        .refused("VERDICT_WITHOUT_DOCUMENT");
    let story = story.after(release_here("B1", 11));
    assert_eq!(counts(&story, "RAPID", "B1"), [28, 0, 0, 28]);
    assert_eq!(story.violations(), Vec::<String>::new());
    // What came damaged can turn out to be good.
    let story = story.after(release_here("BD", 4));
    assert_eq!(counts(&story, "RAPID", "BD"), [10, 0, 6, 4]);
}

#[test]
fn units_with_serial_numbers_are_held_by_name() {
    let numbered = |number: &str| HoldStock {
        serial_numbers: labels(&[number]),
        ..hold_here("C1", 1)
    };
    let free = |number: &str| ReleaseStock {
        serial_numbers: labels(&[number]),
        ..release_here("C1", 1)
    };
    let story = stocked()
        .after(ship("S1", &[("CONC", 1)]))
        .after(allocate("S1"));
    story
        .clone()
        .when(numbered("N1"))
        .refused("SERIAL_NUMBER_RESERVED");
    story
        .clone()
        .when(numbered("N9"))
        .refused("SERIAL_NUMBER_NOT_THERE");
    let story = story.after(numbered("N2"));
    story
        .clone()
        .when(numbered("N2"))
        .refused("SERIAL_NUMBER_NOT_THERE")
        .saying(&["not free"]);
    story
        .clone()
        .when(free("N3"))
        .refused("SERIAL_NUMBER_NOT_THERE")
        .saying(&["not held"]);
    let lot = lots(&story, "WH", "CONC").remove(0);
    assert_eq!((lot.held, lot.available), (1, 1));
    assert_eq!(lot.held_serial_numbers, ["N2"]);
    let lot = lots(&story.after(free("N2")), "WH", "CONC").remove(0);
    assert_eq!((lot.held, lot.available), (0, 2));
}

fn with_release_required() -> Story {
    let mut item = item("SERUM", "TEST", Tracking::Batch, false);
    item.release_required = Some(true);
    Story::new()
        .given([ItemRegistered { item: Some(item) }.into()])
        .after(pledge("D1", &[("TEST", 100), ("GLOVES", 10)]))
}

fn quarantined(batch_id: &str) -> Event {
    BatchHeld {
        batch_id: batch_id.to_owned(),
        item_id: "SERUM".to_owned(),
        lot: String::new(),
        reason: HoldReason::Quarantine.into(),
        documents: Vec::new(),
    }
    .into()
}

#[test]
fn goods_that_must_be_released_first_are_held_on_receipt() {
    let story = with_release_required();
    let missing = ReceiptLine {
        outcome: ReceiptOutcome::Missing,
        ..line("SERUM", 1, "UNUSED")
    };
    let receipt = receive(
        "D1",
        vec![line("SERUM", 10, "B1"), line("GLOVE", 5, "G1"), missing],
    );
    let events = story.decide(&receipt).expect("accepted");
    assert_eq!(events[1..], [quarantined("B1")]);
    let story = story.after(receipt);
    assert_eq!(counts(&story, "SERUM", "B1"), [10, 0, 10, 0]);
    // Also where they were bought, and where nobody had announced them.
    let bought = spend("D2", 5, vec![line("SERUM", 1, "B2")]);
    let story = story.after(pledge_money("D2", 5));
    assert_eq!(
        story.decide(&bought).expect("accepted")[2..],
        [quarantined("B2")]
    );
    let story = story
        .after(ship("S1", &[("GLOVE", 5)]))
        .after(allocate("S1"))
        .after(dispatch("S1"));
    let surplus = FoundGoods {
        item_id: Some(code("SERUM")),
        ..unannounced("SERUM", 2, "B3")
    };
    let receipt = arrive_with("S1", vec![surplus]);
    assert_eq!(
        story.decide(&receipt).expect("accepted")[1..],
        [quarantined("B3")]
    );
}
