//! Distribution plans: shared by weights, by need or as stated; approved into shipments; followed to what was delivered.

use keruen_domain::{
    Boundary, Command, Entry,
    plan::{
        ApprovePlan, CancelPlan, Criterion, DraftPlan, GoodsToShare, StatedShare, divide, progress,
    },
    request::FileRequest,
};
use keruen_proto::{
    inventory::v1::ReceiptOutcome,
    requests::v1::{Plan, PlanCancellationReason, PlanState},
    shipments::v1::{Shipment, ShipmentState},
};
use proptest::prelude::*;

use crate::{
    amendment::close,
    emergency::declare,
    journey::{divert, picked, split, turn_back},
    story::Story,
    world::*,
};

fn draft(goods: &[(&str, i64)], criterion: Criterion) -> DraftPlan {
    DraftPlan {
        plan_id: code("P1"),
        origin_id: code("WH"),
        lines: (1..)
            .zip(goods)
            .map(|(line, (item_id, amount))| GoodsToShare {
                line,
                item_id: code(item_id),
                quantity: quantity(*amount),
            })
            .collect(),
        criterion,
    }
}

fn weights(given: &[(&str, i64)]) -> Criterion {
    Criterion::Population(
        given
            .iter()
            .map(|(id, weight)| (code(id), *weight))
            .collect(),
    )
}

fn needs(ids: &[&str]) -> Criterion {
    Criterion::Requests(ids.iter().map(|id| code(id)).collect())
}

fn share(facility_id: &str, line: i32, amount: i64, request: Option<(&str, i32)>) -> StatedShare {
    StatedShare {
        facility_id: code(facility_id),
        line,
        quantity: quantity(amount),
        request: request.map(|(id, line)| (code(id), line)),
    }
}

fn approve_plan() -> ApprovePlan {
    ApprovePlan {
        plan_id: code("P1"),
    }
}

fn cancel_plan() -> CancelPlan {
    CancelPlan {
        plan_id: code("P1"),
        reason: PlanCancellationReason::Replaced,
    }
}

fn read(story: &Story) -> Plan {
    match story.read(&Boundary::Plan(code("P1"))) {
        Entry::Plan(plan) => plan,
        other => panic!("{other:?}"),
    }
}

/// Facility, request and quantity of each share.
fn shares(story: &Story) -> Vec<(String, String, i64)> {
    read(story)
        .shares
        .into_iter()
        .map(|share| (share.facility_id, share.request_id, share.quantity))
        .collect()
}

fn told(expected: &[(&str, &str, i64)]) -> Vec<(String, String, i64)> {
    expected
        .iter()
        .map(|(facility, request, amount)| ((*facility).to_owned(), (*request).to_owned(), *amount))
        .collect()
}

fn ask_at(id: &str, facility_id: &str, amount: i64) -> FileRequest {
    FileRequest {
        facility_id: code(facility_id),
        ..ask(id, &[("TEST", amount)])
    }
}

fn stocked() -> Story {
    Story::new()
        .after(pledge("D1", &[("TEST", 1_000)]))
        .after(receive("D1", vec![line("RAPID", 1_000, "B1")]))
}

/// HOSP needs 60, FAR 30.
fn needy() -> Story {
    stocked()
        .after(ask_at("R1", "HOSP", 60))
        .after(approve_all("R1"))
        .after(ask_at("R2", "FAR", 30))
        .after(approve_all("R2"))
}

#[test]
fn goods_are_shared_by_weights_to_the_last_unit() {
    let by = weights(&[("HOSP", 2), ("FAR", 1)]);
    let story = stocked().after(draft(&[("RAPID", 100), ("GLOVE", 1)], by));
    assert_eq!(
        shares(&story),
        told(&[("HOSP", "", 67), ("FAR", "", 33), ("HOSP", "", 1)])
    );
    assert_eq!(read(&story).state(), PlanState::Drafted);
}

#[test]
fn goods_are_shared_by_what_requests_still_need() {
    let by = || needs(&["R1", "R2"]);
    let story = needy().after(draft(&[("RAPID", 45)], by()));
    assert_eq!(
        shares(&story),
        told(&[("HOSP", "R1", 30), ("FAR", "R2", 15)])
    );
    // Nobody gets more than they need.
    let story = needy().after(draft(&[("RAPID", 500)], by()));
    assert_eq!(
        shares(&story),
        told(&[("HOSP", "R1", 60), ("FAR", "R2", 30)])
    );
    // What one line brings, the next one need not.
    let story = needy().after(draft(&[("RAPID", 60), ("PCR", 500)], by()));
    assert_eq!(
        shares(&story),
        told(&[
            ("HOSP", "R1", 40),
            ("FAR", "R2", 20),
            ("HOSP", "R1", 20),
            ("FAR", "R2", 10)
        ])
    );
    needy()
        .when(draft(&[("GLOVE", 5)], by()))
        .refused("NOTHING_TO_SHARE");
}

#[test]
fn an_emergency_goes_first() {
    // FAR was in East Kazakhstan Region then.
    let story = needy()
        .after(declare("E1", &["KZ-63"]))
        .after(draft(&[("RAPID", 45)], needs(&["R1", "R2"])));
    assert_eq!(
        shares(&story),
        told(&[("FAR", "R2", 30), ("HOSP", "R1", 15)])
    );
}

#[test]
fn goods_are_shared_as_stated() {
    let stated = |given: Vec<StatedShare>| draft(&[("RAPID", 100)], Criterion::Explicit(given));
    let story = needy().after(stated(vec![
        share("HOSP", 1, 60, Some(("R1", 1))),
        share("FAR", 1, 40, None),
    ]));
    assert_eq!(shares(&story), told(&[("HOSP", "R1", 60), ("FAR", "", 40)]));
    let refused = |given: Vec<StatedShare>, reason: &str| {
        needy().when(stated(given)).refused(reason);
    };
    refused(vec![share("HOSP", 1, 101, None)], "SHARES_EXCEED_LINE");
    refused(vec![share("HOSP", 2, 1, None)], "UNKNOWN_PLAN_LINE");
    refused(
        vec![share("HOSP", 1, 61, Some(("R1", 1)))],
        "EXCEEDS_APPROVED",
    );
    refused(
        vec![share("HOSP", 1, 1, Some(("R1", 2)))],
        "UNKNOWN_REQUEST_LINE",
    );
    refused(
        vec![share("FAR", 1, 1, Some(("R1", 1)))],
        "REQUEST_OF_ANOTHER_FACILITY",
    );
    refused(
        vec![share("HOSP", 1, 1, Some(("R9", 1)))],
        "UNKNOWN_REQUEST",
    );
    refused(vec![share("NOWHERE", 1, 1, None)], "UNKNOWN_FACILITY");
    refused(vec![share("WH", 1, 1, None)], "SAME_FACILITY");
    needy()
        .when(draft(
            &[("GLOVE", 100)],
            Criterion::Explicit(vec![share("HOSP", 1, 1, Some(("R1", 1)))]),
        ))
        .refused("REQUEST_LINE_MISMATCH");
}

#[test]
fn a_plan_is_drafted_once_and_approved_once() {
    let by = || weights(&[("HOSP", 1)]);
    let story = stocked().after(draft(&[("RAPID", 10)], by()));
    story
        .clone()
        .when(draft(&[("RAPID", 10)], by()))
        .refused("PLAN_EXISTS");
    let approved = story.clone().after(approve_plan());
    approved
        .clone()
        .when(approve_plan())
        .refused("PLAN_STATE")
        .saying(&["APPROVED"]);
    approved.when(cancel_plan()).refused("PLAN_STATE");
    let cancelled = story.clone().after(cancel_plan());
    assert_eq!(
        read(&cancelled).cancellation_reason(),
        PlanCancellationReason::Replaced
    );
    cancelled.when(approve_plan()).refused("PLAN_STATE");
    Story::new().when(approve_plan()).refused("UNKNOWN_PLAN");
    Story::new().when(cancel_plan()).refused("UNKNOWN_PLAN");
    // What has changed since it was drafted counts.
    story
        .after(close("HOSP"))
        .when(approve_plan())
        .refused("FACILITY_CLOSED");
    let late = needy().after(draft(&[("RAPID", 90)], needs(&["R1", "R2"])));
    let late = late
        .after(ship_for("S1", "R1", &[("RAPID", 60)]))
        .after(allocate("S1"));
    late.when(approve_plan()).refused("EXCEEDS_APPROVED");
}

#[test]
fn a_plan_is_followed_to_what_was_delivered() {
    let story = needy()
        .after(draft(&[("RAPID", 90)], needs(&["R1", "R2"])))
        .after(approve_plan());
    let plan = read(&story);
    let ids: Vec<String> = plan
        .shares
        .iter()
        .map(|share| share.shipment_id.clone())
        .collect();
    let shipment = |story: &Story, id: &str| match story.read(&Boundary::Shipment(code(id))) {
        Entry::Shipment(shipment) => shipment,
        other => panic!("{other:?}"),
    };
    assert_eq!(shipment(&story, &ids[1]).destination_id, "FAR");
    assert_eq!(shipment(&story, &ids[1]).lines[0].request_id, "R2");
    let story = story
        .after(allocate(&ids[0]))
        .after(allocate(&ids[1]))
        .after(dispatch(&ids[0]))
        .after(dispatch(&ids[1]))
        .after(arrive_with(
            &ids[0],
            vec![
                found(1, 50, ReceiptOutcome::Good),
                found(1, 10, ReceiptOutcome::Missing),
            ],
        ));
    let told = |story: &Story, parts: &[&str]| {
        let all = ids.iter().map(String::as_str).chain(parts.iter().copied());
        let shipments: Vec<Shipment> = all.map(|id| shipment(story, id)).collect();
        let rows = progress(&plan, |id| shipments.iter().find(|it| it.shipment_id == id));
        assert_eq!(
            rows[0].shipment_state(),
            ShipmentState::ReceivedWithDiscrepancy
        );
        let numbers = rows.iter().map(|it| {
            let (coming, came) = (it.in_transit, it.delivered);
            (it.planned, it.allocated, coming, came, it.failed)
        });
        numbers.collect::<Vec<_>>()
    };
    let hospital = (60, 60, 0, 50, 10);
    assert_eq!(told(&story, &[]), [hospital, (30, 30, 30, 0, 0)]);
    assert_eq!(story.violations(), Vec::<String>::new());
    // What was split off, and off that, counts with it; what goes elsewhere or back doesn't come to whom it was meant for.
    let some = |amount| vec![picked(1, amount)];
    let story = story
        .after(split(&ids[1], "PART", some(12)))
        .after(split("PART", "BACK", some(4)))
        .after(split("PART", "OVER", some(3)));
    let parts = ["PART", "BACK", "OVER"];
    assert_eq!(told(&story, &parts), [hospital, (30, 30, 30, 0, 0)]);
    let story = story
        .after(turn_back("BACK"))
        .after(divert("OVER", "HOSP"))
        .after(arrive("PART"))
        .after(arrive("OVER"));
    assert_eq!(told(&story, &parts), [hospital, (30, 30, 18, 5, 7)]);
    let story = story.after(arrive("BACK")).after(arrive(&ids[1]));
    assert_eq!(told(&story, &parts), [hospital, (30, 30, 0, 23, 7)]);
    // Before it is approved nothing of it is anywhere.
    let drafted = needy().after(draft(&[("RAPID", 90)], needs(&["R1", "R2"])));
    let rows = progress(&read(&drafted), |_| None);
    assert!(rows.iter().all(|it| it.allocated == 0 && it.planned > 0));
}

#[test]
fn the_largest_plan_can_be_approved() {
    let mut story = Story::new();
    let facilities: Vec<String> = (0..40).map(|number| format!("F{number}")).collect();
    for id in &facilities {
        story = story.given([keruen_proto::registry::v1::FacilityRegistered {
            facility: Some(facility(id, "KZ-75")),
        }
        .into()]);
    }
    let by = |count: usize| {
        let given = facilities.iter().take(count);
        Criterion::Population(given.map(|id| (code(id), 1)).collect())
    };
    let goods: Vec<(&str, i64)> = (0..20)
        .map(|index| (["RAPID", "PCR", "GLOVE"][index % 3], 4_000))
        .collect();
    let story = story.after(draft(&goods, by(40)));
    let approved = story.after(approve_plan());
    assert_eq!(read(&approved).shares.len(), 800);
}

#[test]
fn which_of_several_faults_of_a_plan_answers() {
    let story = needy().after(close("FAR"));
    let stated = |id: &str, goods: &[(&str, i64)], facility_id: &str, line: i32, amount: i64| {
        let given = vec![share(facility_id, line, amount, None)];
        DraftPlan {
            plan_id: code(id),
            ..draft(goods, Criterion::Explicit(given))
        }
    };
    let ladder: Vec<(DraftPlan, &str)> = vec![
        (
            stated("P2", &[("NOTHING", 1)], "FAR", 9, 99),
            "UNKNOWN_ITEM",
        ),
        (
            stated("P2", &[("RAPID", 1)], "FAR", 9, 99),
            "FACILITY_CLOSED",
        ),
        (
            stated("P2", &[("RAPID", 1)], "HOSP", 9, 99),
            "UNKNOWN_PLAN_LINE",
        ),
        (
            stated("P2", &[("RAPID", 1)], "HOSP", 1, 99),
            "SHARES_EXCEED_LINE",
        ),
    ];
    let stages: Vec<_> = ladder
        .into_iter()
        .map(|(command, reason)| {
            let rejection = story.decide(&command as &dyn Command).expect_err(reason);
            assert_eq!(rejection.reason(), reason);
            rejection.stage()
        })
        .collect();
    assert!(stages.is_sorted());
}

proptest! {
    #[test]
    fn a_division_gives_out_everything_and_is_fair(
        total in 0..1_000_000_i64,
        weights in prop::collection::vec(0..10_000_i64, 1..40),
    ) {
        let shares = divide(total, &weights);
        let sum: i64 = weights.iter().sum();
        prop_assert_eq!(shares.iter().sum::<i64>(), if sum == 0 { 0 } else { total });
        for (share, weight) in shares.iter().zip(&weights) {
            if sum == 0 {
                continue;
            }
            // Less than one unit away from the exact share.
            let difference = i128::from(*share) * i128::from(sum) - i128::from(total) * i128::from(*weight);
            prop_assert!(difference.abs() < i128::from(sum));
            prop_assert!(*weight > 0 || *share == 0);
        }
        prop_assert_eq!(divide(total, &weights), shares);
    }
}
