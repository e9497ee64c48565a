//! The table of what puts which event right, and in which state: each cell of it, with its remedy.

use keruen_domain::{
    Boundary, Entry,
    asset::Step,
    correction::{Remedy, Void, VoidMovement, effective_at_us, remedy},
    donation::Passage,
    shipment::{HandOverShipment, Pick},
    stock::Change,
};
use keruen_proto::{
    Event,
    inventory::v1::{
        AdjustmentReason, Asset, AssetCondition, AssetPlace, Donation, MoneyPurpose,
        ReceiptOutcome, RepairOutcome, StockLevel,
    },
    shipments::v1::{Shipment, ShipmentState},
};

use crate::{
    asset::{
        break_down, end_loan, end_repair, install, lend, put_into_service, retire, send_for_repair,
        step, stocked,
    },
    custody::{hand_over, sign},
    golden,
    journey::picked,
    story::Story,
    world::*,
};

fn newest(story: &Story, name: &str) -> VoidMovement {
    let last = story
        .events
        .iter()
        .rposition(|event| event.short_name() == name);
    VoidMovement {
        fact: fact_of(story, last.unwrap_or_else(|| panic!("no {name}"))),
        documents: Vec::new(),
    }
}

/// That the newest event of a type did not happen; the history keeps all rules.
#[track_caller]
fn never(story: Story, name: &str) -> Story {
    let void = newest(&story, name);
    let after = story.after(void);
    assert_eq!(after.violations(), Vec::<String>::new());
    after
}

fn shipment(story: &Story) -> Shipment {
    match story.read(&Boundary::Shipment(code("S1"))) {
        Entry::Shipment(mut shipment) => {
            for lot in &mut shipment.lots {
                lot.serial_numbers_in_transit.sort();
            }
            shipment
        }
        other => panic!("{other:?}"),
    }
}

fn donation(story: &Story) -> Donation {
    match story.read(&Boundary::Donation(code("D1"))) {
        Entry::Donation(donation) => donation,
        other => panic!("{other:?}"),
    }
}

fn asset(story: &Story, serial_number: &str) -> Asset {
    match story.read(&Boundary::Asset(code("CONC"), label(serial_number))) {
        Entry::Asset(asset) => asset,
        other => panic!("{other:?}"),
    }
}

fn level(story: &Story, facility_id: &str, item_id: &str) -> StockLevel {
    match story.read(&Boundary::Stock(code(facility_id), code(item_id))) {
        Entry::Stock(level, _) => level,
        other => panic!("{other:?}"),
    }
}

/// On hand, reserved and held of RAPID at a facility.
fn stock(story: &Story, facility_id: &str) -> (i64, i64, i64) {
    let lots = level(story, facility_id, "RAPID").lots;
    let sum = |of: fn(&keruen_proto::inventory::v1::StockLot) -> i64| lots.iter().map(of).sum();
    (
        sum(|lot| lot.on_hand),
        sum(|lot| lot.reserved),
        sum(|lot| lot.held),
    )
}

/// 50 of RAPID at WH, 30 of them allocated to S1 for R1.
fn claimed() -> Story {
    Story::new()
        .after(pledge("D1", &[("TEST", 100), ("OXYGEN", 3)]))
        .after(receive("D1", vec![line("RAPID", 50, "B1")]))
        .after(ask("R1", &[("TEST", 30)]))
        .after(approve_all("R1"))
        .after(ship_for("S1", "R1", &[("RAPID", 30)]))
        .after(allocate("S1"))
}

fn sent() -> Story {
    claimed().after(dispatch("S1"))
}

/// Of 30, 20 came good, 4 damaged, 6 not at all, and 3 of GLOVE besides.
fn arrived() -> Story {
    sent().after(arrive_with(
        "S1",
        vec![
            found(1, 20, ReceiptOutcome::Good),
            found(1, 4, ReceiptOutcome::Damaged),
            found(1, 6, ReceiptOutcome::Missing),
            unannounced("GLOVE", 3, "B9"),
        ],
    ))
}

fn request_line(story: &Story) -> (i64, i64) {
    match story.read(&Boundary::Request(code("R1"))) {
        Entry::Request(request) => (request.lines[0].allocated, request.lines[0].received),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_dispatch_that_did_not_happen_leaves_everything_claimed() {
    let before = claimed();
    let after = never(sent(), "ShipmentDispatched");
    assert_eq!(stock(&after, "WH"), stock(&before, "WH"));
    assert_eq!(shipment(&after), shipment(&before));
    assert_eq!(request_line(&after), (30, 0));
    // And it can leave in truth.
    let again = after.after(dispatch("S1")).after(arrive("S1"));
    assert_eq!(stock(&again, "HOSP"), (30, 0, 0));
}

#[test]
fn a_dispatch_is_taken_back_only_as_long_as_nothing_was_told_since() {
    for told in [
        sent().after(arrive("S1")),
        sent().after(arrive_with(
            "S1",
            vec![found(1, 1, ReceiptOutcome::Missing)],
        )),
        arrived().after(settle("S1")),
    ] {
        let void = newest(&told, "ShipmentDispatched");
        told.when(void)
            .refused("MOVED_ON_SINCE")
            .saying(&["shipment S1", "take that back first"]);
    }
    // Once the receipt is taken back, so is the dispatch.
    let back = never(arrived(), "ShipmentReceived");
    let back = never(back, "ShipmentDispatched");
    assert_eq!(shipment(&back), shipment(&claimed()));
    let void = newest(&back, "ShipmentDispatched");
    back.when(void).refused("ALREADY_VOIDED");
}

#[test]
fn a_receipt_that_did_not_happen_leaves_everything_under_way() {
    let after = never(arrived(), "ShipmentReceived");
    assert_eq!(shipment(&after), shipment(&sent()));
    assert_eq!(stock(&after, "HOSP"), (0, 0, 0));
    assert_eq!(level(&after, "HOSP", "GLOVE").lots, []);
    assert_eq!(request_line(&after), (30, 0));
    let again = after.after(arrive("S1"));
    assert_eq!(shipment(&again).state(), ShipmentState::Received);
    assert_eq!(request_line(&again), (30, 30));
}

#[test]
fn what_has_gone_on_since_a_receipt_that_did_not_happen_is_a_discrepancy() {
    let used = keruen_domain::stock::ConsumeStock {
        facility_id: code("HOSP"),
        ..consume("RAPID", 15)
    };
    let story = arrived().after(used);
    let after = never(story, "ShipmentReceived");
    let last = after.events.len() - 2;
    let Event::StockDiscrepancyFound(found) = &after.events[last] else {
        panic!("{:?}", after.events[last]);
    };
    // 24 had come, 9 of them are there.
    assert_eq!(found.units.as_ref().expect("units").quantity, 15);
    assert_eq!(stock(&after, "HOSP"), (0, 0, 0));
    assert_eq!(shipment(&after).lots[0].in_transit, 30);
}

#[test]
fn receipts_are_taken_back_from_the_last_one_on() {
    let turned_up = arrived().after(arrive_with("S1", vec![found(1, 6, ReceiptOutcome::Good)]));
    let first = turned_up
        .events
        .iter()
        .position(|event| event.short_name() == "ShipmentReceived")
        .expect("a receipt");
    let void = |story: &Story| VoidMovement {
        fact: fact_of(story, first),
        documents: Vec::new(),
    };
    let refused = void(&turned_up);
    turned_up
        .clone()
        .when(refused)
        .refused("MOVED_ON_SINCE")
        .saying(&["turned up", "later receipt"]);
    let settled = arrived().after(settle("S1"));
    let refused = void(&settled);
    settled
        .when(refused)
        .refused("MOVED_ON_SINCE")
        .saying(&["loss act"]);
    let back = never(turned_up, "ShipmentReceived");
    assert_eq!(shipment(&back).lots[0].in_transit, 6);
    let command = void(&back);
    let back = back.after(command);
    assert_eq!(shipment(&back), shipment(&sent()));
}

#[test]
fn what_a_receipt_that_did_not_happen_found_damaged_is_not_held_any_more() {
    let first = vec![
        found(1, 24, ReceiptOutcome::Good),
        found(1, 6, ReceiptOutcome::Missing),
    ];
    let good = sent().after(arrive_with("S1", first));
    let damaged = good.clone().after(arrive_with(
        "S1",
        vec![found(1, 6, ReceiptOutcome::Damaged)],
    ));
    assert_eq!(stock(&damaged, "HOSP"), (30, 0, 6));
    let after = never(damaged, "ShipmentReceived");
    assert_eq!(stock(&after, "HOSP"), stock(&good, "HOSP"));
}

#[test]
fn what_was_missing_before_a_receipt_that_did_not_happen_is_missing_still() {
    let hand_over = HandOverShipment {
        missing: vec![Pick {
            batch_id: None,
            ..picked(1, 4)
        }],
        ..hand_over("S1", "HELP")
    };
    let before = sent().after(sign("HELP", "LA-1")).after(hand_over);
    let shown = shipment(&before);
    assert_eq!(shown.state(), ShipmentState::HandedOver);
    assert!(shown.discrepancy);
    // All of the rest comes, then it turns out that it did not.
    let after = never(
        before
            .clone()
            .after(arrive_with("S1", vec![found(1, 26, ReceiptOutcome::Good)])),
        "ShipmentReceived",
    );
    assert_eq!(shipment(&after), shown);
    // So where the receipt had found one of the missing units, and more missing.
    let after = never(
        before.after(arrive_with(
            "S1",
            vec![
                found(1, 25, ReceiptOutcome::Good),
                found(1, 1, ReceiptOutcome::Missing),
            ],
        )),
        "ShipmentReceived",
    );
    assert_eq!(shipment(&after), shown);
    assert_eq!(after.violations(), Vec::<String>::new());
}

#[test]
fn a_shipment_is_as_announced_once_no_receipt_says_otherwise() {
    let story = sent()
        .after(arrive_with("S1", vec![found(1, 24, ReceiptOutcome::Good)]))
        .after(arrive_with(
            "S1",
            vec![found(1, 6, ReceiptOutcome::Damaged)],
        ));
    let back = never(story, "ShipmentReceived");
    let shown = shipment(&back);
    assert_eq!(shown.state(), ShipmentState::PartlyReceived);
    assert!(!shown.discrepancy);
    let back = back.after(arrive_with("S1", vec![found(1, 6, ReceiptOutcome::Good)]));
    assert_eq!(shipment(&back).state(), ShipmentState::Received);
}

#[test]
fn what_was_allocated_anew_is_not_allocated_twice() {
    // Four came damaged, and four others go in their place.
    let replaced = arrived()
        .after(ship_for("S2", "R1", &[("RAPID", 4)]))
        .after(allocate("S2"));
    let void = newest(&replaced, "ShipmentReceived");
    replaced
        .clone()
        .when(void.clone())
        .refused("EXCEEDS_APPROVED")
        .saying(&["30 are approved"]);
    replaced.after(cancel("S2")).after(void);
    let lost = arrived()
        .after(settle("S1"))
        .after(ship_for("S2", "R1", &[("RAPID", 10)]))
        .after(allocate("S2"));
    let void = newest(&lost, "LossActAccepted");
    lost.when(void).refused("EXCEEDS_APPROVED");
}

#[test]
fn what_a_loss_act_had_settled_is_missing_again() {
    let before = arrived();
    let after = never(arrived().after(settle("S1")), "LossActAccepted");
    assert_eq!(shipment(&after), shipment(&before));
    assert_eq!(request_line(&after), request_line(&before));
    // It turns up.
    let turned_up = after.after(arrive_with("S1", vec![found(1, 6, ReceiptOutcome::Good)]));
    assert_eq!(shipment(&turned_up).lots[0].lost, 0);
    assert_eq!(stock(&turned_up, "HOSP"), (30, 0, 4));
}

#[test]
fn equipment_comes_back_to_where_it_was() {
    let claimed = Story::new()
        .after(pledge("D1", &[("OXYGEN", 3)]))
        .after(receive("D1", vec![assets("B2", &["S1", "S2"])]))
        .after(ship("S1", &[("CONC", 2)]))
        .after(allocate("S1"));
    let sent = claimed.clone().after(dispatch("S1"));
    let back = never(sent.clone(), "ShipmentDispatched");
    assert_eq!(asset(&back, "S1").place(), AssetPlace::Facility);
    assert_eq!(level(&back, "WH", "CONC"), level(&claimed, "WH", "CONC"));
    let missing = keruen_domain::shipment::FoundGoods {
        serial_numbers: labels(&["S2"]),
        ..found(1, 1, ReceiptOutcome::Missing)
    };
    let good = keruen_domain::shipment::FoundGoods {
        serial_numbers: labels(&["S1"]),
        ..found(1, 1, ReceiptOutcome::Good)
    };
    let came = sent.clone().after(arrive_with("S1", vec![good, missing]));
    let back = never(came.clone(), "ShipmentReceived");
    assert_eq!(shipment(&back), shipment(&sent));
    assert_eq!(asset(&back, "S1").place(), AssetPlace::Shipment);
    // What is put to use has come.
    let used = came.clone().after(install("S1"));
    let void = newest(&used, "ShipmentReceived");
    used.when(void).refused("ASSET_STATE");
    let gone = came.clone().after(keruen_domain::stock::DisposeStock {
        facility_id: code("HOSP"),
        serial_numbers: labels(&["S1"]),
        ..dispose("B2", 1)
    });
    let void = newest(&gone, "ShipmentReceived");
    gone.when(void).refused("ASSET_STATE");
    let lost = came.after(settle("S1"));
    let back = never(lost, "LossActAccepted");
    assert_eq!(asset(&back, "S2").place(), AssetPlace::Shipment);
    assert_eq!(shipment(&back).lots[0].missing_serial_numbers, ["S2"]);
}

#[test]
fn what_goes_along_inside_comes_back_inside() {
    use crate::contents::{put, stocked, take_out};
    let ready = stocked().after(put("P-1", "LAB-1"));
    let claimed = ready.after(ship("S1", &[("LAB", 1)])).after(allocate("S1"));
    let sent = claimed.clone().after(dispatch("S1"));
    let at = |story: &Story| match story.read(&Boundary::Asset(code("PUMP"), label("P-1"))) {
        Entry::Asset(asset) => asset,
        other => panic!("{other:?}"),
    };
    let back = never(sent.clone(), "ShipmentDispatched");
    assert_eq!(at(&back), at(&claimed));
    assert_eq!(shipment(&back), shipment(&claimed));
    let came = sent.clone().after(arrive("S1"));
    let back = never(came.clone(), "ShipmentReceived");
    assert_eq!(at(&back), at(&sent));
    assert_eq!(shipment(&back), shipment(&sent));
    // What was taken out since did come; and what was lost inside something is inside nothing any more.
    let out = came.after(take_out("P-1"));
    let void = newest(&out, "ShipmentReceived");
    out.when(void)
        .refused("MOVED_ON_SINCE")
        .saying(&["P-1", "taken out since"]);
    let missing = sent
        .after(crate::contents::arrive_as(ReceiptOutcome::Missing))
        .after(settle("S1"));
    let void = newest(&missing, "LossActAccepted");
    missing
        .when(void)
        .refused("MOVED_ON_SINCE")
        .saying(&["lost inside others"]);
}

#[test]
fn money_that_was_not_paid_is_there_to_be_spent() {
    let promised = Story::new().after(pledge_money("D1", 1_000));
    let committed = promised.after(keruen_domain::donation::CommitDonatedMoney {
        purpose: MoneyPurpose::Goods,
        ..commit("D1", 600)
    });
    let paid = committed
        .clone()
        .after(keruen_domain::donation::SpendDonatedMoney {
            commitment: Some(1),
            ..spend("D1", 600, vec![line("RAPID", 10, "B1")])
        });
    let after = never(paid.clone(), "DonatedMoneySpent");
    assert_eq!(
        donation(&after).commitments,
        donation(&committed).commitments
    );
    assert_eq!(donation(&after).money_spent, Some(usd(0)));
    assert_eq!(donation(&after).money_available, Some(usd(400)));
    // What it was said to buy came all the same.
    assert_eq!(stock(&after, "WH"), (10, 0, 0));
    let void = newest(&after, "DonatedMoneySpent");
    after.when(void).refused("ALREADY_VOIDED");
    let closed = paid.after(close_donation("D1"));
    let after = never(closed, "DonatedMoneySpent");
    assert!(
        after
            .events
            .iter()
            .any(|event| event.short_name() == "DonationReopened")
    );
}

#[test]
fn a_consignment_stands_where_it_stood_before() {
    let announced = Story::new()
        .after(pledge("D1", &[("TEST", 100)]))
        .after(announce("D1", "C-1"));
    let at_customs = announced.clone().after(pass("D1", "C-1", Passage::Customs));
    let cleared = at_customs
        .clone()
        .after(pass("D1", "C-1", Passage::Cleared));
    let back = never(cleared.clone(), "ConsignmentCleared");
    assert_eq!(
        donation(&back).consignments,
        donation(&at_customs).consignments
    );
    // Only the last step is taken back.
    let void = newest(&cleared, "ConsignmentEnteredCustoms");
    cleared
        .clone()
        .when(void)
        .refused("MOVED_ON_SINCE")
        .saying(&["CLEARED by now"]);
    let back = never(back, "ConsignmentEnteredCustoms");
    assert_eq!(
        donation(&back).consignments,
        donation(&announced).consignments
    );
    let back = never(back, "ConsignmentAnnounced");
    assert_eq!(donation(&back).consignments, []);
    let void = newest(&announced, "ConsignmentAnnounced");
    back.when(void).refused("ALREADY_VOIDED");
    let came = cleared.after(receive_from("C-1", "D1", vec![line("RAPID", 9, "B1")]));
    let void = newest(&came, "ConsignmentCleared");
    came.when(void)
        .refused("MOVED_ON_SINCE")
        .saying(&["goods came", "correct their receipt"]);
}

/// Every step in the life of an asset, and what it was before.
#[test]
fn an_asset_is_what_it_was_before_its_last_step() {
    let ready = stocked();
    let at_work = ready.clone().after(put_into_service("S1"));
    let broken = at_work.clone().after(break_down("S1"));
    let away = broken.clone().after(send_for_repair("S1", false));
    let lent = at_work.clone().after(lend("S1"));
    let installed = at_work.clone().after(install("S1"));
    let steps: Vec<(Story, keruen_domain::asset::ChangeAsset, &str)> = vec![
        (ready.clone(), install("S1"), "AssetInstalled"),
        (installed, step("S1", Step::Remove), "AssetRemoved"),
        (ready.clone(), put_into_service("S1"), "AssetPutIntoService"),
        (at_work.clone(), break_down("S1"), "AssetConditionReported"),
        (
            broken.clone(),
            step("S1", Step::Recover),
            "AssetConditionReported",
        ),
        (
            broken.clone(),
            send_for_repair("S1", false),
            "AssetSentForRepair",
        ),
        (broken, send_for_repair("S1", true), "AssetSentForRepair"),
        (
            away,
            end_repair("S1", RepairOutcome::Repaired),
            "AssetRepairEnded",
        ),
        (at_work.clone(), lend("S1"), "AssetLent"),
        (lent, end_loan("S1"), "AssetLoanEnded"),
        (at_work.clone(), retire("S1"), "AssetRetired"),
        (
            at_work,
            step(
                "S1",
                Step::Service {
                    output: None,
                    service_due_on: None,
                },
            ),
            "AssetServiced",
        ),
    ];
    for (before, step, name) in steps {
        let after = never(before.clone().after(step), name);
        assert_eq!(asset(&after, "S1"), asset(&before, "S1"), "{name}");
        assert_eq!(
            level(&after, "WH", "CONC"),
            level(&before, "WH", "CONC"),
            "{name}"
        );
    }
}

#[test]
fn steps_of_assets_are_taken_back_from_the_last_one_on() {
    let story = stocked()
        .after(put_into_service("S1"))
        .after(break_down("S1"))
        .after(step("S1", Step::Recover))
        .after(break_down("S1"));
    let reports: Vec<usize> = (0..story.events.len())
        .filter(|index| story.events[*index].short_name() == "AssetConditionReported")
        .collect();
    let void = |index: usize| VoidMovement {
        fact: fact_of(&story, index),
        documents: Vec::new(),
    };
    // The first break-down led to what the last one led to; it is not the last one.
    story
        .clone()
        .when(void(reports[0]))
        .refused("MOVED_ON_SINCE")
        .saying(&["OUT_OF_ORDER", "void that first"]);
    let back = story
        .clone()
        .after(void(reports[2]))
        .after(void(reports[1]));
    let back = back.after(void(reports[0]));
    assert_eq!(asset(&back, "S1").condition(), AssetCondition::InService);
    // What a shipment has claimed since stays fit to go.
    let removed = stocked()
        .after(install("S1"))
        .after(step("S1", Step::Remove));
    let all = i64::try_from(level(&removed, "WH", "CONC").lots[0].serial_numbers.len());
    let claimed = removed
        .after(ship("S1", &[("CONC", all.expect("few"))]))
        .after(allocate("S1"));
    let void = newest(&claimed, "AssetRemoved");
    claimed.when(void).refused("SERIAL_NUMBER_RESERVED");
}

#[test]
fn voids_of_stock_come_in_every_kind() {
    let adjusted = claimed().after(lose("B1", 3)).after(adjust(
        "B1",
        Change::Increase(quantity(2)),
        AdjustmentReason::Found,
    ));
    assert_eq!(stock(&never(adjusted, "StockAdjusted"), "WH"), (47, 30, 0));
}

/// What every type of event is put right by. The table is complete: a type that is not in it is one of the registry, which
/// is amended.
#[test]
fn every_type_of_event_has_its_remedy() {
    let amended = "record what is true by a fact of its own, or count the stock";
    let again = "record anew what did happen";
    for event in golden::samples() {
        let name = event.short_name();
        let found = match remedy(&event) {
            Remedy::CorrectReceipt => "correct the receipt",
            Remedy::CorrectBatch => "correct the batch",
            Remedy::Void(Void::Stock(_)) => "void stock",
            Remedy::Void(Void::Dispatch) => "void dispatch",
            Remedy::Void(Void::ShipmentReceipt) => "void shipment receipt",
            Remedy::Void(Void::LossAct) => "void loss act",
            Remedy::Void(Void::Payment) => "void payment",
            Remedy::Void(Void::ConsignmentStep) => "void consignment step",
            Remedy::Void(Void::AssetStep) => "void asset step",
            Remedy::Instead(instead) => instead,
        };
        let expected = match name {
            "DonationReceived" => "correct the receipt",
            "StockEntered" => "correct the batch",
            "StockConsumed" | "StockDisposed" | "StockReturned" | "StockAdjusted"
            | "TitleTransferred" => "void stock",
            "ShipmentDispatched" => "void dispatch",
            "ShipmentReceived" => "void shipment receipt",
            "LossActAccepted" => "void loss act",
            "DonatedMoneySpent" => "void payment",
            "ConsignmentAnnounced"
            | "ConsignmentReachedBorder"
            | "ConsignmentEnteredCustoms"
            | "ConsignmentCleared"
            | "ConsignmentRefused" => "void consignment step",
            "AssetInstalled"
            | "AssetRemoved"
            | "AssetPutIntoService"
            | "AssetConditionReported"
            | "AssetSentForRepair"
            | "AssetRepairEnded"
            | "AssetServiced"
            | "AssetLent"
            | "AssetLoanEnded"
            | "ContainerFilled"
            | "ContainerEmptied"
            | "AssetRetired" => "void asset step",
            "AssetPutInside" => "take it out again",
            "AssetTakenOut" => "put it in again",
            "AssetLossAccepted" => {
                "void the decrease of stock that took it off the books: it is there again"
            }
            "StockHeld" | "BatchHeld" => "release it, with the reason HELD_BY_MISTAKE",
            "StockReleased" | "BatchReleased" => "hold it again",
            "LotRecalled" => "lift the recall",
            "LotRecallLifted" => "recall the lot again",
            "ShipmentRequested" | "ShipmentAllocated" => "cancel the shipment",
            "AllocationReleased" => "allocate the shipment again",
            "ShipmentCancelled" => "request the shipment anew",
            "ReceiptCorrected" | "BatchDataCorrected" => "correct the receipt once more",
            "KitsAssembled" => "take the kits apart",
            "KitsBroken" => "put the kits together again",
            "EarmarksChanged" => "change the earmarks once more",
            "DonatedMoneyCommitted" => "release the commitment",
            "DonatedMoneyReleased" => "commit the money anew",
            "MovementVoided"
            | "ShipmentDispatchVoided"
            | "ShipmentReceiptVoided"
            | "LossActVoided"
            | "DonatedMoneySpendingVoided"
            | "ConsignmentStepVoided"
            | "AssetStepVoided" => again,
            "StockDiscrepancyFound" => "count the stock, or void what showed it",
            "ShipmentTitleTransferred" => "transfer the title back",
            "StockCounted" => "count the stock once more",
            "DonationClosed" => "receive what comes: that opens it again",
            _ => amended,
        };
        assert_eq!(found, expected, "{name}");
        if let Remedy::Instead(instead) = remedy(&event) {
            let void = VoidMovement {
                fact: keruen_domain::correction::Fact {
                    event_id: "00000000-0000-4000-8000-000000000000/0".to_owned(),
                    event: event.clone(),
                    occurred_at_us: 0,
                    before: None,
                },
                documents: Vec::new(),
            };
            let refused = Story::new().when(void).refused("NOT_CORRECTABLE");
            refused.saying(&[name, instead]);
        }
    }
}

/// A correction counts from when the wrong event happened, and nobody knew of it before.
#[test]
fn corrections_count_from_when_the_wrong_fact_happened() {
    let story = arrived();
    let mut receipt = newest(&story, "ShipmentReceived");
    receipt.fact.occurred_at_us = story.now_us - 7_000_000;
    let events = story.decide(&receipt).expect("it is taken back");
    let counted: Vec<_> = events.iter().filter_map(effective_at_us).collect();
    assert_eq!(counted, [story.now_us - 7_000_000]);
    receipt.fact.occurred_at_us = story.now_us + 1;
    story
        .when(receipt)
        .refused("CORRECTED_TOO_EARLY")
        .saying(&["occurred_at"]);
}
