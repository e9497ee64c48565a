//! Kits are put together of components of known batches, and taken apart again; provenance reaches into them.

use keruen_domain::{
    Boundary, Entry,
    donation::ReceiptLine,
    kit::{AssembleKits, BreakKits},
    limits,
    registry::{Amend, RegisterItem},
    stock::TransferTitle,
};
use keruen_proto::{
    Event,
    inventory::v1::{Batch, HoldReason, StockLevel},
    registry::v1::{Item, ItemAmended, KitComponent, Tracking},
};

use crate::{earmark::earmarked_all, story::Story, world::*};

/// 10 rapid tests of lot L1 and 7 of lot L2, which expire later, and 60 gloves.
fn stocked() -> Story {
    let of_lot = |lot: &str, amount, day: &str, batch_id: &str| ReceiptLine {
        lot: Some(label(lot)),
        expires_on: Some(date(day)),
        ..line("RAPID", amount, batch_id)
    };
    Story::new()
        .given([kit_item()])
        .after(pledge("D1", &[("TEST", 100)]))
        .after(pledge("D2", &[("TEST", 100), ("GLOVES", 100)]))
        .after(receive("D1", vec![of_lot("L1", 10, "2020-12-31", "B1")]))
        .after(receive("D2", vec![of_lot("L2", 7, "2021-06-30", "B2")]))
        .after(receive("D2", vec![line("GLOVE", 60, "G1")]))
}

fn level(story: &Story, facility_id: &str, item_id: &str) -> StockLevel {
    match story.read(&Boundary::Stock(code(facility_id), code(item_id))) {
        Entry::Stock(level, _) => level,
        other => panic!("{other:?}"),
    }
}

fn on_hand(story: &Story, facility_id: &str, item_id: &str) -> Vec<(String, i64)> {
    let lots = level(story, facility_id, item_id).lots;
    lots.into_iter()
        .map(|lot| (lot.batch_id, lot.on_hand))
        .collect()
}

fn batch(story: &Story, id: &str) -> Batch {
    match story.read(&Boundary::Batch(code(id))) {
        Entry::Batch(batch) => batch,
        other => panic!("{other:?}"),
    }
}

fn parts(story: &Story, id: &str) -> Vec<(String, i64)> {
    let components = batch(story, id).components;
    components
        .into_iter()
        .map(|units| (units.batch_id, units.quantity))
        .collect()
}

fn of(batch_id: &str, amount: i64) -> (String, i64) {
    (batch_id.to_owned(), amount)
}

fn is_held(story: &Story, id: &str) -> bool {
    let holds = batch(story, id).holds;
    holds
        .iter()
        .any(|hold| hold.reason() == HoldReason::Component)
}

fn names(story: &Story, last: usize) -> Vec<&'static str> {
    let events = &story.events[story.events.len() - last..];
    events.iter().map(Event::short_name).collect()
}

#[test]
fn each_kit_of_a_batch_holds_the_same() {
    // Five kits take all of L1, the sixth begins with L2.
    let story = stocked().after(assemble(7, &["K1", "K2"]));
    assert_eq!(on_hand(&story, "WH", "KIT"), [of("K1", 5), of("K2", 2)]);
    assert_eq!(parts(&story, "K1"), [of("B1", 2), of("G1", 3)]);
    assert_eq!(parts(&story, "K2"), [of("B2", 2), of("G1", 3)]);
    assert_eq!(on_hand(&story, "WH", "RAPID"), [of("B2", 3)]);
    assert_eq!(on_hand(&story, "WH", "GLOVE"), [of("G1", 39)]);
    let first = batch(&story, "K1");
    assert_eq!(first.expires_on, "2020-12-31");
    assert_eq!(first.components[0].donation_id, "D1");
    assert_eq!(first.owner_id, "MOH");
    assert_eq!(story.violations(), Vec::<String>::new());
    // Where one batch ends within a kit, that kit is a batch of its own.
    let uneven = stocked()
        .after(dispose("B1", 1))
        .after(assemble(7, &["K1", "K2", "K3"]));
    assert_eq!(
        parts(&uneven, "K2"),
        [of("B1", 1), of("B2", 1), of("G1", 3)]
    );
    assert_eq!(
        on_hand(&uneven, "WH", "KIT"),
        [of("K1", 4), of("K2", 1), of("K3", 2)]
    );
    stocked()
        .when(assemble(7, &["K1"]))
        .refused("TOO_MANY_KIT_BATCHES")
        .saying(&["5 kits of KIT"]);
}

#[test]
fn what_may_not_be_used_goes_into_no_kit() {
    let refused = |story: Story, command: AssembleKits, reason: &str| {
        story.when(command).refused(reason);
    };
    let only = |batch_id: &str| AssembleKits {
        batch_ids: vec![code(batch_id)],
        ..assemble(1, &["K1"])
    };
    refused(stocked(), assemble(9, &["K1", "K2"]), "INSUFFICIENT_STOCK");
    refused(stocked().after(hold("B1")), only("B1"), "BATCH_HELD");
    refused(
        stocked().after(recall("RAPID", "L1")),
        only("B1"),
        "LOT_RECALLED",
    );
    refused(stocked().on("2021-03-01"), only("B1"), "BATCH_EXPIRED");
    refused(
        stocked().on("2021-03-01"),
        assemble(4, &["K1"]),
        "INSUFFICIENT_STOCK",
    );
    refused(
        stocked()
            .after(ship("S1", &[("RAPID", 16)]))
            .after(allocate("S1")),
        assemble(1, &["K1"]),
        "INSUFFICIENT_STOCK",
    );
    let bad = AssembleKits {
        item_id: code("RAPID"),
        ..assemble(1, &["K1"])
    };
    refused(stocked(), bad, "NOT_A_KIT");
    refused(stocked(), assemble(1, &["B1"]), "BATCH_EXISTS");
    let other = stocked().after(receive("D1", vec![line("PCR", 5, "P1")]));
    refused(other, only("P1"), "NOT_A_COMPONENT");
    // What is left is taken instead.
    let story = stocked().after(hold("B1")).after(assemble(1, &["K1"]));
    assert_eq!(parts(&story, "K1"), [of("B2", 2), of("G1", 3)]);
    let story = stocked().after(AssembleKits {
        batch_ids: vec![code("B2")],
        ..assemble(1, &["K1"])
    });
    assert_eq!(parts(&story, "K1"), [of("B2", 2), of("G1", 3)]);
}

#[test]
fn kits_have_one_owner() {
    let story = stocked().after(TransferTitle {
        quantity: Some(quantity(20)),
        ..transfer("G1", 20)
    });
    let refusal = story.clone().when(assemble(1, &["K1"]));
    refusal
        .refused("KIT_OWNER_REQUIRED")
        .saying(&["HELP", "MOH"]);
    let theirs = |owner: &str| AssembleKits {
        owner_id: Some(code(owner)),
        ..assemble(1, &["K1"])
    };
    story
        .clone()
        .when(theirs("HELP"))
        .refused("INSUFFICIENT_STOCK");
    assert_eq!(batch(&story.after(theirs("MOH")), "K1").owner_id, "MOH");
}

#[test]
fn goods_that_a_donor_meant_for_somebody_go_into_no_kit() {
    let story = Story::new()
        .given([kit_item()])
        .after(earmarked_all("D1", &[("TEST", 100), ("GLOVES", 100)]))
        .after(receive("D1", vec![line("RAPID", 10, "B1")]))
        .after(receive("D1", vec![line("GLOVE", 10, "G1")]));
    story.when(assemble(1, &["K1"])).refused("STOCK_EARMARKED");
}

#[test]
fn kits_taken_apart_are_components_of_the_same_batches_again() {
    let story = stocked()
        .after(assemble(7, &["K1", "K2"]))
        .after(take_apart("K1", 2));
    assert_eq!(on_hand(&story, "WH", "KIT"), [of("K1", 3), of("K2", 2)]);
    assert_eq!(on_hand(&story, "WH", "RAPID"), [of("B2", 3), of("B1", 4)]);
    assert_eq!(on_hand(&story, "WH", "GLOVE"), [of("G1", 45)]);
    assert_eq!(story.violations(), Vec::<String>::new());
    story
        .clone()
        .when(take_apart("K1", 4))
        .refused("INSUFFICIENT_STOCK");
    story
        .clone()
        .when(take_apart("B1", 1))
        .refused("COMPONENTS_UNKNOWN");
    // Kits that are damaged hold what may be damaged.
    let damaged = story.after(hold_here("K1", 1)).after(take_apart("K1", 2));
    let lots = level(&damaged, "WH", "RAPID").lots;
    assert_eq!((lots[1].on_hand, lots[1].held_here), (8, 2));
    assert_eq!(damaged.violations(), Vec::<String>::new());
}

#[test]
fn what_is_known_of_kits_is_not_lost_when_they_are_taken_apart() {
    let story = stocked().after(assemble(5, &["K1"]));
    let held = story.clone().after(hold("K1")).after(hold("G1"));
    let refusal = held.clone().when(take_apart("K1", 1));
    refusal
        .refused("BATCH_HELD")
        .saying(&["for QUALITY_DOUBT;"]);
    let release = keruen_domain::quality::ReleaseBatch {
        reason: Some(HoldReason::QualityDoubt),
        ..release("K1")
    };
    held.after(release).after(take_apart("K1", 1));
    // They may be used for less long than anything in them, until that is known of something in them, too.
    let shortened = story.after(shorten("K1", "2020-10-01"));
    let refusal = shortened.clone().when(take_apart("K1", 1));
    refusal
        .refused("KITS_EXPIRE_EARLIER")
        .saying(&["2020-10-01"]);
    shortened
        .after(shorten("B1", "2020-10-01"))
        .after(take_apart("K1", 1));
}

#[test]
fn kits_are_taken_apart_elsewhere_and_by_whoever_owns_them_by_then() {
    let story = stocked()
        .after(assemble(5, &["K1"]))
        .after(ship("S1", &[("KIT", 4)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(arrive("S1"))
        .after(TransferTitle {
            facility_id: code("HOSP"),
            ..transfer("K1", 4)
        })
        .after(BreakKits {
            facility_id: code("HOSP"),
            ..take_apart("K1", 3)
        });
    let lot = &level(&story, "HOSP", "RAPID").lots[0];
    assert_eq!(
        (
            &*lot.batch_id,
            &*lot.donation_id,
            &*lot.owner_id,
            lot.on_hand
        ),
        ("B1", "D1", "HELP", 6)
    );
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn a_recall_of_what_is_in_kits_holds_them_wherever_they_are() {
    let story = stocked()
        .after(assemble(7, &["K1", "K2"]))
        .after(ship("S1", &[("KIT", 2)]))
        .after(allocate("S1"))
        .after(dispatch("S1"));
    let recalled = story.clone().after(recall("RAPID", "L1"));
    assert_eq!(names(&recalled, 2), ["LotRecalled", "BatchHeld"]);
    assert!(is_held(&recalled, "K1") && !is_held(&recalled, "K2"));
    assert_eq!(level(&recalled, "WH", "KIT").lots[0].available, 0);
    let arrived = recalled.clone().after(arrive("S1"));
    assert_eq!(level(&arrived, "HOSP", "KIT").lots[0].held, 2);
    recalled
        .clone()
        .when(release("K1"))
        .refused("HELD_FOR_COMPONENT");
    // Something else in them is held, too, so that they stay held when the recall is lifted.
    let story = recalled.after(hold("G1"));
    assert!(is_held(&story, "K1") && is_held(&story, "K2"));
    let story = story.after(lift("RAPID", "L1"));
    assert!(is_held(&story, "K1"));
    let story = story.after(release("G1"));
    assert!(!is_held(&story, "K1") && !is_held(&story, "K2"));
    assert_eq!(story.violations(), Vec::<String>::new());
    // Taken apart, what is good in them is of use again.
    let story = story
        .after(recall("RAPID", "L1"))
        .after(take_apart("K1", 1));
    let gloves = &level(&story, "WH", "GLOVE").lots[0];
    assert_eq!(gloves.available, gloves.on_hand);
    let tests = level(&story, "WH", "RAPID").lots;
    let tests = tests.iter().find(|lot| lot.batch_id == "B1").expect("B1");
    assert_eq!((tests.on_hand, tests.held), (2, 2));
}

#[test]
fn what_is_in_kits_is_what_its_label_says_and_expires_when_it_was_decided() {
    let story = stocked()
        .after(assemble(5, &["K1"]))
        .after(recall("RAPID", "L9"));
    assert!(!is_held(&story, "K1"));
    let receipt = story
        .events
        .iter()
        .position(|event| matches!(event, Event::DonationReceived(_)))
        .expect("a receipt");
    let relabel = keruen_domain::correction::CorrectBatchData {
        fact: fact_of(&story, receipt),
        batch_id: code("B1"),
        lot: Some(Some(label("L9"))),
        expires_on: None,
        unit_value: None,
        documents: Vec::new(),
    };
    let story = story.after(relabel);
    assert!(is_held(&story, "K1"));
    // A recall finds it by its right lot, and no longer by the wrong one.
    let story = story.after(lift("RAPID", "L9"));
    assert!(!is_held(&story, "K1"));
    assert!(!is_held(&story.clone().after(recall("RAPID", "L1")), "K1"));
    let story = story.after(recall("RAPID", "L9"));
    assert!(is_held(&story, "K1"));
    let story = story.after(shorten("B1", "2020-10-01"));
    assert_eq!(batch(&story, "K1").expires_on, "2020-10-01");
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn kits_expire_when_what_is_in_them_does_in_truth() {
    let story = stocked().after(assemble(5, &["K1"]));
    let is_receipt = |event: &Event| matches!(event, Event::DonationReceived(_));
    let receipt = story.events.iter().position(is_receipt);
    let receipt = fact_of(&story, receipt.expect("a receipt"));
    let correct = |day: &str| keruen_domain::correction::CorrectBatchData {
        fact: receipt.clone(),
        batch_id: code("B1"),
        lot: None,
        expires_on: Some(Some(date(day))),
        unit_value: None,
        documents: Vec::new(),
    };
    // Longer than was said when they were put together is for somebody to decide who knows the kits.
    let later = story.clone().after(correct("2021-01-31"));
    assert_eq!(names(&later, 1), ["BatchDataCorrected"]);
    let earlier = story.after(correct("2020-10-31"));
    assert_eq!(
        names(&earlier, 2),
        ["BatchDataCorrected", "BatchExpiryShortened"]
    );
    assert_eq!(batch(&earlier, "K1").expires_on, "2020-10-31");
    assert_eq!(
        level(&earlier, "WH", "KIT").lots[0].expires_on,
        "2020-10-31"
    );
    assert_eq!(earlier.violations(), Vec::<String>::new());
}

#[test]
fn a_lot_goes_into_no_more_kits_than_one_recall_can_hold() {
    let of_lot = ReceiptLine {
        lot: Some(label("L1")),
        ..line("RAPID", 1_500, "B1")
    };
    let mut story = Story::new()
        .given([kit_item()])
        .after(pledge("D1", &[("TEST", 2_000), ("GLOVES", 2_000)]))
        .after(receive("D1", vec![of_lot]))
        .after(receive("D1", vec![line("GLOVE", 2_000, "G1")]));
    for number in 0..limits::KITS_OF_LOT {
        story = story.after(assemble(1, &[&format!("K{number}")]));
    }
    story
        .clone()
        .when(assemble(1, &["K"]))
        .refused("IN_TOO_MANY_KITS");
    for held in [
        story.clone().after(hold("B1")),
        story.after(recall("RAPID", "L1")),
    ] {
        let last = held.events.last().expect("an event");
        assert!(matches!(last, Event::BatchHeld(event) if event.reason() == HoldReason::Component));
    }
}

#[test]
fn batches_are_named_where_there_are_too_many_to_choose_from() {
    let of_lot = |lot: &str, batch_id: &str| ReceiptLine {
        lot: Some(label(lot)),
        ..line("RAPID", 10, batch_id)
    };
    let mut story = Story::new()
        .given([kit_item()])
        .after(pledge("D1", &[("TEST", 10_000), ("GLOVES", 100)]))
        .after(receive("D1", vec![line("GLOVE", 100, "G1")]));
    let ids: Vec<String> = (0..=limits::IN_KITS_READS)
        .map(|number| format!("B{number}"))
        .collect();
    for ids in ids.chunks(limits::RECEIPT_LINES) {
        let lines = ids.iter().map(|id| of_lot("L1", id));
        story = story.after(receive("D1", lines.collect()));
    }
    let refusal = story.clone().when(assemble(1, &["K1"]));
    refusal
        .refused("COMPONENT_BATCHES_REQUIRED")
        .saying(&["name batch_ids"]);
    let named = story.clone().after(AssembleKits {
        batch_ids: vec![code("B7")],
        ..assemble(1, &["K1"])
    });
    assert_eq!(parts(&named, "K1"), [of("B7", 2), of("G1", 3)]);
    // Nobody chooses among what can't be taken.
    let left = story
        .after(recall("RAPID", "L1"))
        .after(receive("D1", vec![of_lot("L2", "B")]))
        .after(assemble(1, &["K1"]));
    assert_eq!(parts(&left, "K1"), [of("B", 2), of("G1", 3)]);
}

#[test]
fn kits_of_what_became_a_kit_itself_are_not_put_together() {
    let amended = Item {
        components: vec![KitComponent {
            item_id: "PCR".to_owned(),
            quantity: 1,
        }],
        ..item("GLOVE", "GLOVES", Tracking::Batch, false)
    };
    let amended = ItemAmended {
        item: Some(amended),
        changed: vec!["components".to_owned()],
        released: Vec::new(),
    };
    let story = stocked().given([amended.into()]);
    story.when(assemble(1, &["K1"])).refused("KIT_UNFIT");
}

/// What an item consists of by now.
fn made_of(item: Item, component_id: &str) -> Item {
    Item {
        components: vec![KitComponent {
            item_id: component_id.to_owned(),
            quantity: 1,
        }],
        ..item
    }
}

#[test]
fn kits_are_not_counted_by_serial_number() {
    let amended = ItemAmended {
        item: Some(made_of(
            item("CONC", "OXYGEN", Tracking::Serial, false),
            "GLOVE",
        )),
        changed: vec!["components".to_owned()],
        released: Vec::new(),
    };
    let command = AssembleKits {
        item_id: code("CONC"),
        ..assemble(1, &["K1"])
    };
    let story = stocked().given([amended.into()]);
    story.when(command).refused("KIT_UNFIT");
}

#[test]
fn an_item_becomes_a_kit_as_if_it_was_registered_so() {
    let story = Story::new().given([kit_item()]);
    let to = |item: Item, component_id: &str| Amend {
        thing: made_of(item, component_id),
        fields: vec!["components".to_owned()],
    };
    let asset = || item("CONC", "OXYGEN", Tracking::Serial, false);
    let gloves = || item("GLOVE", "GLOVES", Tracking::Batch, false);
    let kit = || item("KIT", "TEST", Tracking::Batch, false);
    for command in [to(asset(), "GLOVE"), to(gloves(), "KIT"), to(kit(), "CONC")] {
        story.clone().when(command).refused("COMPONENT_UNFIT");
    }
    // Also of what it consisted of before.
    story.after(to(kit(), "RAPID"));
}

#[test]
fn kits_consist_of_what_is_counted_by_batch() {
    let with = |item_id: &str, tracking: Tracking| {
        RegisterItem(Item {
            components: vec![KitComponent {
                item_id: item_id.to_owned(),
                quantity: 1,
            }],
            ..item("KIT2", "TEST", tracking, false)
        })
    };
    let story = Story::new().given([kit_item()]);
    story
        .clone()
        .when(with("CONC", Tracking::Batch))
        .refused("COMPONENT_UNFIT");
    story
        .clone()
        .when(with("KIT", Tracking::Batch))
        .refused("COMPONENT_UNFIT");
    story
        .clone()
        .when(with("RAPID", Tracking::Serial))
        .refused("COMPONENT_UNFIT");
    story
        .clone()
        .when(with("NOTHING", Tracking::Batch))
        .refused("UNKNOWN_ITEM");
    story.after(with("RAPID", Tracking::Batch));
}
