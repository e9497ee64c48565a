//! What has happened is recorded whatever the books say: from what is held, claimed or expired, and beyond what they know.

use keruen_domain::{
    Boundary, Entry,
    correction::VoidMovement,
    shipment::{DispatchUnclaimed, FoundGoods, Pick},
    stock::{ConsumeStock, CountStock, DisposeStock, ReturnStock},
};
use keruen_proto::{
    Event,
    inventory::v1::{
        Batch, CountKind, HoldReason, ReceiptOutcome, StockConsumed, StockLevel, UseParticulars,
    },
    shipments::v1::{Shipment, ShipmentState},
};

use crate::{story::Story, world::*};

fn stocked() -> Story {
    Story::new()
        .after(pledge("D1", &[("TEST", 100)]))
        .after(receive("D1", vec![line("RAPID", 30, "B1")]))
}

fn used(amount: i64) -> ConsumeStock {
    ConsumeStock {
        already_used: true,
        ..consume("RAPID", amount)
    }
}

fn of_batch(amount: i64, batch_id: &str) -> ConsumeStock {
    ConsumeStock {
        batch_id: Some(code(batch_id)),
        ..used(amount)
    }
}

fn level(story: &Story) -> StockLevel {
    match story.read(&Boundary::Stock(code("WH"), code("RAPID"))) {
        Entry::Stock(level, _) => level,
        other => panic!("{other:?}"),
    }
}

fn on_hand(story: &Story) -> i64 {
    level(story).lots.iter().map(|lot| lot.on_hand).sum()
}

fn batch(story: &Story, id: &str) -> Batch {
    match story.read(&Boundary::Batch(code(id))) {
        Entry::Batch(batch) => batch,
        other => panic!("{other:?}"),
    }
}

fn shipment(story: &Story, id: &str) -> Shipment {
    match story.read(&Boundary::Shipment(code(id))) {
        Entry::Shipment(shipment) => shipment,
        other => panic!("{other:?}"),
    }
}

fn names(story: &Story, last: usize) -> Vec<&'static str> {
    let events = &story.events[story.events.len() - last..];
    events.iter().map(Event::short_name).collect()
}

fn last_use(story: &Story) -> &StockConsumed {
    match story.events.last() {
        Some(Event::StockConsumed(event)) => event,
        other => panic!("{other:?}"),
    }
}

/// Voids the newest event.
fn never(story: &Story) -> VoidMovement {
    VoidMovement {
        fact: fact_of(story, story.events.len() - 1),
        documents: Vec::new(),
    }
}

#[test]
fn more_was_used_than_the_books_know_of() {
    let story = stocked();
    story
        .clone()
        .when(consume("RAPID", 50))
        .refused("INSUFFICIENT_STOCK");
    let story = story.after(used(50));
    assert_eq!(names(&story, 2), ["StockDiscrepancyFound", "StockConsumed"]);
    assert_eq!(on_hand(&story), 0);
    assert_eq!(story.violations(), Vec::<String>::new());
    // Nobody knows of which batch the rest was.
    let found = batch(&story, "NEW");
    assert_eq!((found.quantity, found.discrepancy), (0, 20));
    assert_eq!(
        (&*found.donation_id, &*found.owner_id),
        ("UNATTRIBUTED", "UNATTRIBUTED")
    );
    let event = last_use(&story);
    assert_eq!(event.already_used, Some(true));
    let parts: Vec<_> = event
        .units
        .iter()
        .map(|units| (&*units.batch_id, units.quantity))
        .collect();
    assert_eq!(parts, [("B1", 30), ("NEW", 20)]);
    // Of a batch that was named it is that batch.
    let story = stocked().after(of_batch(50, "B1"));
    let known = batch(&story, "B1");
    assert_eq!(
        (known.quantity, known.discrepancy, known.unexplained),
        (30, 20, 20)
    );
    assert_eq!(last_use(&story).units.len(), 1);
    assert_eq!(
        last_use(&story).particulars,
        [UseParticulars {
            held_quantity: 0,
            found_quantity: 20
        }]
    );
}

#[test]
fn it_was_used_where_the_books_know_of_nothing_at_all() {
    let story = Story::new().after(used(5));
    assert_eq!(batch(&story, "NEW").discrepancy, 5);
    assert_eq!(story.violations(), Vec::<String>::new());
    story.when(used(5)).refused("BATCH_EXISTS");
}

#[test]
fn what_happened_some_time_ago_has_happened() {
    let late = stocked().late(86_400).after(consume("RAPID", 50));
    assert_eq!(on_hand(&late), 0);
    let ordinary = stocked().late(86_400).after(consume("RAPID", 10));
    assert_eq!(last_use(&ordinary).already_used, None);
    assert_eq!(names(&ordinary, 1), ["StockConsumed"]);
    // Clocks differ a little.
    stocked()
        .late(300)
        .when(consume("RAPID", 50))
        .refused("INSUFFICIENT_STOCK");
}

#[test]
fn what_might_have_been_issued_goes_first_then_what_is_held_then_what_is_claimed() {
    let story = stocked()
        .after(receive("D1", vec![line("RAPID", 10, "B2")]))
        .after(ship("S1", &[("RAPID", 10)]))
        .after(allocate("S1"))
        .after(hold_here("B2", 4))
        .after(hold("B1"));
    let parts = |story: &Story| {
        let event = last_use(story);
        let parts: Vec<_> = event
            .units
            .iter()
            .map(|units| (units.batch_id.clone(), units.quantity))
            .collect();
        parts
    };
    let part = |batch_id: &str, amount: i64| (batch_id.to_owned(), amount);
    // B1 is held with its batch and 10 of it are claimed, so what is usable of B2 goes first.
    let few = story.clone().after(used(6));
    assert_eq!(parts(&few), [part("B2", 6)]);
    let more = story.clone().after(used(28));
    assert_eq!(parts(&more), [part("B1", 20), part("B2", 8)]);
    assert_eq!(last_use(&more).particulars[1].held_quantity, 2);
    assert_eq!(level(&more).lots[1].held_here, 2);
    let all = story.clone().after(used(45));
    assert_eq!(
        names(&all, 3),
        [
            "AllocationReleased",
            "StockDiscrepancyFound",
            "StockConsumed"
        ]
    );
    assert_eq!(
        parts(&all),
        [part("B1", 30), part("B2", 10), part("NEW", 5)]
    );
    assert_eq!(all.violations(), Vec::<String>::new());
    // If it did not happen, what was held is held again, and what was found is not there.
    let back = all.clone().after(never(&all));
    assert_eq!(names(&back, 2), ["MovementVoided", "MovementVoided"]);
    assert_eq!(on_hand(&back), 40);
    assert_eq!(
        level(&back)
            .lots
            .iter()
            .map(|lot| lot.held_here)
            .sum::<i64>(),
        4
    );
    assert_eq!(batch(&back, "NEW").discrepancy, 0);
    assert_eq!(back.violations(), Vec::<String>::new());
    back.clone().when(never(&all)).refused("ALREADY_VOIDED");
}

#[test]
fn what_had_expired_was_used_all_the_same() {
    let story = stocked().on("2022-06-01");
    story
        .clone()
        .when(ConsumeStock {
            batch_id: Some(code("B1")),
            ..consume("RAPID", 5)
        })
        .refused("BATCH_EXPIRED");
    assert_eq!(on_hand(&story.after(of_batch(5, "B1"))), 25);
}

#[test]
fn what_was_thrown_away_or_given_back_breaks_claims_and_shows_what_nobody_knew_of() {
    let story = stocked()
        .after(ship("S1", &[("RAPID", 20)]))
        .after(allocate("S1"));
    story
        .clone()
        .when(dispose("B1", 11))
        .refused("INSUFFICIENT_STOCK");
    let disposed = story.clone().after(DisposeStock {
        already_disposed: true,
        ..dispose("B1", 40)
    });
    let returned = story.clone().after(ReturnStock {
        already_returned: true,
        ..give_back("B1", 40)
    });
    let late = story.late(3_600).after(dispose("B1", 40));
    for (story, name) in [
        (disposed, "StockDisposed"),
        (returned, "StockReturned"),
        (late, "StockDisposed"),
    ] {
        let expected = ["AllocationReleased", "StockDiscrepancyFound", name];
        assert_eq!(names(&story, 3), expected);
        assert_eq!(on_hand(&story), 0);
        assert_eq!(batch(&story, "B1").discrepancy, 10);
        let back = story.clone().after(never(&story));
        assert_eq!(on_hand(&back), 30);
        assert_eq!(batch(&back, "B1").discrepancy, 0);
        assert_eq!(back.violations(), Vec::<String>::new());
    }
}

#[test]
fn an_asset_that_is_elsewhere_was_not_thrown_away_here() {
    let story = Story::new()
        .after(pledge("D1", &[("OXYGEN", 3)]))
        .after(receive("D1", vec![assets("B2", &["S1", "S2"])]))
        .after(ship("S1", &[("CONC", 1)]))
        .after(allocate("S1"));
    let gone = |number: &str| DisposeStock {
        serial_numbers: labels(&[number]),
        already_disposed: true,
        ..dispose("B2", 1)
    };
    let broken = story.clone().after(gone("S1"));
    assert_eq!(names(&broken, 2), ["AllocationReleased", "StockDisposed"]);
    assert_eq!(broken.violations(), Vec::<String>::new());
    let sent = story.after(dispatch("S1"));
    sent.when(gone("S1")).refused("SERIAL_NUMBER_NOT_THERE");
}

#[test]
fn a_count_settles_where_it_came_from() {
    // 20 too many were used at WH of what had been sent to HOSP, as the books say.
    let story = stocked()
        .after(ship("S1", &[("RAPID", 25)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(arrive("S1"))
        .after(of_batch(25, "B1"));
    assert_eq!(batch(&story, "B1").unexplained, 20);
    let counted = CountStock {
        facility_id: code("HOSP"),
        kind: CountKind::Cycle,
        ..count("C1", "RAPID", &[("B1", 5)])
    };
    let story = story.after(counted);
    let settled = batch(&story, "B1");
    assert_eq!((settled.discrepancy, settled.unexplained), (20, 0));
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn a_batch_of_another_item_was_not_used_as_this_one() {
    let story = stocked().after(receive("D1", vec![line("PCR", 5, "B2")]));
    story.when(of_batch(5, "B2")).refused("BATCH_OF_OTHER_ITEM");
}

/// Of a shipment, by batch.
fn picked(line: i32, amount: i64, batch_id: &str) -> Pick {
    Pick {
        line,
        batch_id: Some(code(batch_id)),
        owner_id: None,
        quantity: Some(quantity(amount)),
        serial_numbers: Vec::new(),
    }
}

#[test]
fn a_shipment_that_has_left_took_what_was_there_and_what_nobody_knew_of() {
    // Of 30, 20 are claimed, 4 held, and their batch is held.
    let story = stocked()
        .after(ship("S1", &[("RAPID", 20)]))
        .after(allocate("S1"))
        .after(hold_here("B1", 4))
        .after(hold("B1"));
    let story = late(story).after(ship("S2", &[("RAPID", 40)]));
    story
        .clone()
        .when(allocate("S2"))
        .refused("ALLOCATION_BACKDATED");
    let left = story.clone().after(dispatch_unclaimed("S2"));
    assert_eq!(
        names(&left, 5),
        [
            "AllocationReleased",
            "StockDiscrepancyFound",
            "StockReleased",
            "ShipmentAllocated",
            "ShipmentDispatched"
        ]
    );
    assert_eq!(on_hand(&left), 0);
    assert_eq!(left.violations(), Vec::<String>::new());
    assert_eq!(batch(&left, "NEW-S2-1").discrepancy, 10);
    let sent = shipment(&left, "S2");
    assert_eq!(
        (sent.state(), &*sent.custodian_id),
        (ShipmentState::Dispatched, "CREW")
    );
    let parts: Vec<_> = sent.lots.iter().map(|lot| lot.in_transit).collect();
    assert_eq!(parts, [30, 10]);
    // It arrives, and a dispatch that did not happen leaves its goods claimed, as any other.
    let there = left.clone().after(arrive_with(
        "S2",
        vec![FoundGoods {
            batch_id: Some(code("NEW-S2-1")),
            ..found(1, 10, ReceiptOutcome::Good)
        }],
    ));
    assert_eq!(there.violations(), Vec::<String>::new());
    let back = left.clone().after(never(&left));
    assert_eq!((on_hand(&back), level(&back).lots[0].reserved), (40, 30));
    assert_eq!(back.violations(), Vec::<String>::new());
    let expired = stocked()
        .on("2022-06-01")
        .after(ship("S1", &[("RAPID", 20)]))
        .after(dispatch_unclaimed("S1"));
    assert_eq!(on_hand(&expired), 10);
    // What somebody has claimed for it leaves as ever.
    story
        .when(dispatch_unclaimed("S1"))
        .refused("SHIPMENT_STATE");
}

#[test]
fn batches_that_have_left_are_those_that_are_named() {
    let story = stocked()
        .after(receive("D1", vec![line("RAPID", 10, "B2")]))
        .after(ship("S1", &[("RAPID", 12), ("RAPID", 5)]));
    let named = |units: Vec<Pick>| DispatchUnclaimed {
        units: Some(units),
        ..dispatch_unclaimed("S1")
    };
    // What may be of any batch is taken from what those leave that are named.
    let mut any = picked(2, 5, "B1");
    any.batch_id = None;
    let left = story
        .clone()
        .after(named(vec![any, picked(1, 8, "B2"), picked(1, 4, "B2")]));
    let lots = shipment(&left, "S1").lots;
    let parts: Vec<_> = lots
        .iter()
        .map(|lot| {
            let of_line = lot.shipment_units.as_ref().unwrap();
            (
                of_line.line,
                &*of_line.units.as_ref().unwrap().batch_id,
                lot.in_transit,
            )
        })
        .collect();
    assert_eq!(parts, [(1, "B2", 12), (2, "B1", 5)]);
    assert_eq!(batch(&left, "B2").discrepancy, 2);
    assert_eq!(left.violations(), Vec::<String>::new());
    story
        .clone()
        .when(named(vec![picked(1, 13, "B2")]))
        .refused("EXCEEDS_SHIPMENT");
    story
        .clone()
        .when(named(vec![picked(3, 1, "B2")]))
        .refused("UNKNOWN_SHIPMENT_LINE");
    story
        .clone()
        .when(named(vec![picked(1, 1, "NONE")]))
        .refused("UNKNOWN_BATCH");
    story
        .after(receive("D1", vec![line("PCR", 5, "P1")]))
        .when(named(vec![picked(1, 1, "P1")]))
        .refused("BATCH_OF_OTHER_ITEM");
}

#[test]
fn equipment_has_left_where_it_was_in_the_store() {
    let story = Story::new()
        .after(pledge("D1", &[("OXYGEN", 3)]))
        .after(receive("D1", vec![assets("B2", &["S1", "S2"])]))
        .after(ship("S1", &[("CONC", 2)]))
        .after(allocate("S1"))
        .after(ship("S2", &[("CONC", 1)]));
    let named = |number: &str| DispatchUnclaimed {
        units: Some(vec![Pick {
            serial_numbers: labels(&[number]),
            batch_id: None,
            ..picked(1, 1, "B2")
        }]),
        ..dispatch_unclaimed("S2")
    };
    story
        .clone()
        .when(dispatch_unclaimed("S2"))
        .refused("SERIAL_NUMBER_COUNT");
    story
        .clone()
        .when(named("S9"))
        .refused("INSUFFICIENT_STOCK");
    let left = story.after(named("S2"));
    assert_eq!(
        names(&left, 3),
        [
            "AllocationReleased",
            "ShipmentAllocated",
            "ShipmentDispatched"
        ]
    );
    assert_eq!(left.violations(), Vec::<String>::new());
}

#[test]
fn what_had_expired_when_it_came_some_time_ago_came_so() {
    let sent = stocked()
        .after(ship("S1", &[("RAPID", 20)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .on("2021-02-01");
    sent.clone().when(arrive("S1")).refused("ALREADY_EXPIRED");
    let came = late(sent).after(arrive("S1"));
    let lots = shipment(&came, "S1").lots;
    assert_eq!((lots[0].received_good, lots[0].received_unusable), (0, 20));
}

/// Some hours late.
fn late(story: Story) -> Story {
    story.late(7_200)
}

#[test]
fn what_passed_some_time_ago_passes_from_what_is_claimed_and_beyond_the_books() {
    let claimed = stocked()
        .after(ship("S1", &[("RAPID", 25)]))
        .after(allocate("S1"));
    claimed
        .clone()
        .when(transfer("B1", 20))
        .refused("INSUFFICIENT_STOCK");
    let passed = late(claimed).after(transfer("B1", 20));
    assert_eq!(
        names(&passed, 2),
        ["AllocationReleased", "TitleTransferred"]
    );
    let owners: Vec<(String, i64, i64)> = level(&passed)
        .lots
        .into_iter()
        .map(|lot| (lot.owner_id, lot.on_hand, lot.reserved))
        .collect();
    assert_eq!(
        owners,
        [("MOH".to_owned(), 10, 10), ("HELP".to_owned(), 20, 0)]
    );
    // More passed than is there: the rest has gone on, and is found.
    let passed = late(stocked().after(consume("RAPID", 20))).after(transfer("B1", 15));
    assert_eq!(
        names(&passed, 2),
        ["StockDiscrepancyFound", "TitleTransferred"]
    );
    assert_eq!(
        (on_hand(&passed), batch(&passed, "B1").discrepancy),
        (15, 5)
    );
    assert_eq!(passed.violations(), Vec::<String>::new());
}

#[test]
fn what_was_set_apart_some_time_ago_is_held_though_it_was_claimed_since() {
    let claimed = stocked()
        .after(hold_here("B1", 3))
        .after(ship("S1", &[("RAPID", 25)]))
        .after(allocate("S1"));
    claimed
        .clone()
        .when(hold_here("B1", 10))
        .refused("INSUFFICIENT_STOCK");
    let held = late(claimed.clone()).after(hold_here("B1", 10));
    assert_eq!(names(&held, 2), ["AllocationReleased", "StockHeld"]);
    let lot = &level(&held).lots[0];
    assert_eq!((lot.on_hand, lot.reserved, lot.held_here), (30, 17, 13));
    let held = late(claimed).after(hold_here("B1", 29));
    assert_eq!(
        names(&held, 3),
        ["AllocationReleased", "StockDiscrepancyFound", "StockHeld"]
    );
    let lot = &level(&held).lots[0];
    assert_eq!((lot.on_hand, lot.reserved, lot.held_here), (32, 0, 32));
    assert_eq!(held.violations(), Vec::<String>::new());
}

/// Two tests and three gloves make a kit.
fn components() -> Story {
    stocked()
        .given([kit_item()])
        .after(pledge("D2", &[("GLOVES", 100)]))
        .after(receive("D2", vec![line("GLOVE", 7, "G1")]))
}

#[test]
fn kits_that_were_put_together_some_time_ago_are_recorded_whatever_the_books_say() {
    let claimed = components()
        .after(ship("S1", &[("RAPID", 28)]))
        .after(allocate("S1"));
    claimed
        .clone()
        .when(assemble(3, &["K1", "K2"]))
        .refused("INSUFFICIENT_STOCK");
    let made = late(claimed).after(assemble(3, &["K1", "K2"]));
    assert_eq!(
        names(&made, 3),
        [
            "AllocationReleased",
            "StockDiscrepancyFound",
            "KitsAssembled"
        ]
    );
    // Six tests are gone, and nine gloves of which seven were known.
    assert_eq!((on_hand(&made), batch(&made, "G1").discrepancy), (24, 2));
    assert_eq!(batch(&made, "K1").quantity, 3);
    assert_eq!(made.violations(), Vec::<String>::new());
    // Of what nobody knows a batch of, none can be made.
    let none = late(stocked().given([kit_item()]));
    none.when(assemble(1, &["K1"]))
        .refused("INSUFFICIENT_STOCK");
    let gone = late(components().after(lose("G1", 7))).after(keruen_domain::kit::AssembleKits {
        batch_ids: vec![code("G1")],
        ..assemble(1, &["K1"])
    });
    assert_eq!(batch(&gone, "G1").discrepancy, 3);
}

#[test]
fn kits_with_something_recalled_in_them_are_held() {
    let recalled = components().after(hold("B1"));
    recalled
        .clone()
        .when(assemble(1, &["K1"]))
        .refused("INSUFFICIENT_STOCK");
    let made = late(recalled).after(assemble(1, &["K1"]));
    let reasons: Vec<HoldReason> = batch(&made, "K1")
        .holds
        .iter()
        .map(keruen_proto::inventory::v1::BatchHold::reason)
        .collect();
    assert_eq!(reasons, [HoldReason::Component]);
    // Released with what is in them.
    let released = made.after(release("B1"));
    assert_eq!(batch(&released, "K1").holds, []);
}

#[test]
fn kits_that_were_taken_apart_some_time_ago_leave_what_was_in_them() {
    let made = components().after(assemble(2, &["K1"]));
    let held = made.clone().after(hold("K1"));
    held.clone().when(take_apart("K1", 1)).refused("BATCH_HELD");
    let apart = late(held).after(take_apart("K1", 1));
    assert_eq!(names(&apart, 3), ["KitsBroken", "StockHeld", "StockHeld"]);
    assert_eq!(level(&apart).lots[0].held_here, 2);
    let claimed = made.after(ship("S1", &[("KIT", 2)])).after(allocate("S1"));
    let apart = late(claimed).after(take_apart("K1", 3));
    assert_eq!(
        names(&apart, 3),
        ["AllocationReleased", "StockDiscrepancyFound", "KitsBroken"]
    );
    assert_eq!(on_hand(&apart), 32);
    assert_eq!(apart.violations(), Vec::<String>::new());
}

#[test]
fn steps_of_equipment_some_time_ago_are_recorded_though_it_was_claimed_since() {
    use crate::asset::{lend, retire, stocked};
    let claimed = stocked()
        .after(ship("S1", &[("CONC", 3)]))
        .after(allocate("S1"));
    claimed
        .clone()
        .when(retire("S1"))
        .refused("SERIAL_NUMBER_RESERVED");
    let retired = late(claimed.clone()).after(retire("S1"));
    assert_eq!(
        names(&retired, 3),
        ["AllocationReleased", "AssetRetired", "StockHeld"]
    );
    let held = stocked().after(hold("B1"));
    held.clone().when(lend("S1")).refused("ASSET_HELD");
    let lent = late(held).after(lend("S1"));
    assert_eq!(lent.violations(), Vec::<String>::new());
}
