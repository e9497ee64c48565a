//! Distribution plans, listed by where they come from, whom they serve and how far they are.

use std::collections::BTreeSet;

use keruen_domain::{
    Boundary, Entry,
    plan::{ApprovePlan, CancelPlan, Criterion, DraftPlan, GoodsToShare, StatedShare},
    request::{ApproveRequest, FileRequest, NeededGoods},
    shipment::{AllocateShipment, Pick, SplitShipment},
};
use keruen_proto::{
    Event,
    requests::v1::{Plan, PlanCancellationReason, PlanState, RequestPriority},
    shipments::v1::SplitReason,
    stock::v1::ListPlansRequest,
};

use super::{
    history::{FACILITIES, History, code, quantity},
    stores::writer_in,
};
use crate::{boards::PlansQuery, database::Connection};

const COUNT: usize = 24;

impl History {
    /// Tests are shared over others by a plan, as far as there are any: one of them asked for some. They go and come in two
    /// parts.
    pub fn share(&mut self, number: usize) {
        let plan_id = code(&format!("SHARED-{number}"));
        let [origin, one, other] = [0, 1, 2].map(|next| FACILITIES[(number + next) % 4].0);
        let request_id = code(&format!("ASKED-{number}"));
        self.run(&FileRequest {
            request_id: request_id.clone(),
            facility_id: code(one),
            lines: vec![NeededGoods {
                line: 1,
                commodity_id: Some(code("TEST")),
                item_id: Some(code("TEST-A")),
                quantity: Some(quantity(2)),
                need: None,
            }],
            priority: RequestPriority::Routine,
            needed_by: None,
            clinical_reason_code: String::new(),
            filing: None,
        });
        self.run(&ApproveRequest {
            request_id: request_id.clone(),
            lines: None,
            spoken: None,
        });
        let share = |facility_id, request| StatedShare {
            facility_id: code(facility_id),
            line: 1,
            quantity: quantity(2),
            request,
        };
        self.run(&DraftPlan {
            plan_id: plan_id.clone(),
            origin_id: code(origin),
            lines: vec![GoodsToShare {
                line: 1,
                item_id: code("TEST-A"),
                quantity: quantity(4),
            }],
            criterion: Criterion::Explicit(vec![
                share(one, Some((request_id, 1))),
                share(other, None),
            ]),
        });
        if !self.run(&ApprovePlan { plan_id }) {
            return;
        }
        let approved = self.decoded().iter().rev().find_map(|event| match event {
            Event::PlanApproved(it) => Some(it.shares.clone()),
            _ => None,
        });
        let shipments: BTreeSet<String> = approved
            .into_iter()
            .flatten()
            .map(|share| share.shipment_id)
            .collect();
        for (shipment_id, turn) in shipments.into_iter().zip(number..) {
            let shipment_id = code(&shipment_id);
            self.run(&AllocateShipment {
                shipment_id: shipment_id.clone(),
                allow_partial: true,
                fit_override: None,
                reserve_override: None,
                reserve_item_ids: Vec::new(),
                arrives_on: None,
            });
            self.dispatch(shipment_id.clone());
            let part = code(&format!("PART-{number}-{turn}"));
            self.run(&SplitShipment {
                shipment_id: shipment_id.clone(),
                new_shipment_id: part.clone(),
                ssccs: Vec::new(),
                units: vec![Pick {
                    line: 1,
                    batch_id: None,
                    owner_id: None,
                    quantity: Some(quantity(1)),
                    serial_numbers: Vec::new(),
                }],
                expected_on: None,
                reason: SplitReason::Breakdown,
                documents: Vec::new(),
            });
            for id in [shipment_id, part] {
                self.receive(&id, 0, 0);
            }
        }
    }
}

/// Plans of every state, each from another place and for others than the one before.
fn history() -> (History, Vec<Plan>) {
    let mut history = History::new(&[]);
    for number in 0..COUNT {
        let plan_id = code(&format!("P-{number}"));
        let [origin, one, other] = [0, 1, 2].map(|next| FACILITIES[(number + next) % 4].0);
        let mut weights = vec![(code(one), 3)];
        if number % 3 > 0 {
            weights.push((code(other), 2));
        }
        history.expect(&DraftPlan {
            plan_id: plan_id.clone(),
            origin_id: code(origin),
            lines: vec![GoodsToShare {
                line: 1,
                item_id: code("TEST-A"),
                quantity: quantity(10),
            }],
            criterion: Criterion::Population(weights),
        });
        match number % 5 {
            0 | 3 => history.expect(&ApprovePlan { plan_id }),
            1 => history.expect(&CancelPlan {
                plan_id,
                reason: PlanCancellationReason::Replaced,
            }),
            _ => {}
        }
    }
    let plans = (0..COUNT).rev().map(|number| {
        let boundary = Boundary::plan(&format!("P-{number}")).unwrap();
        let Entry::Plan(plan) = history.fold(&boundary) else {
            unreachable!()
        };
        plan
    });
    let plans = plans.collect();
    (history, plans)
}

/// All pages of a list, put together.
fn listed(connection: &Connection, asked: &ListPlansRequest) -> Vec<Plan> {
    let mut asked = ListPlansRequest {
        page_size: 4,
        ..asked.clone()
    };
    let mut found = Vec::new();
    loop {
        let page = PlansQuery::parse(&asked).unwrap();
        let page = page.answer(connection).unwrap();
        assert!(page.rows.len() <= 4);
        found.extend(page.rows);
        asked.page_token = page.next_page_token;
        if asked.page_token.is_empty() {
            return found;
        }
    }
}

#[test]
fn plans_are_found_by_origin_facility_and_state() {
    let (history, plans) = history();
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer_in(folder.path());
    // In pieces, as they come: who gets anything of a plan is not forgotten as it goes on.
    for piece in history.events.chunks(7) {
        writer.apply(piece).unwrap();
    }
    let connection = writer.connection();
    assert_eq!(listed(connection, &ListPlansRequest::default()), plans);
    for (facility_id, _) in FACILITIES {
        let from = ListPlansRequest {
            origin_id: facility_id.to_owned(),
            ..ListPlansRequest::default()
        };
        let is_from = plans.iter().filter(|plan| plan.origin_id == facility_id);
        let is_from: Vec<_> = is_from.cloned().collect();
        assert!(!is_from.is_empty());
        assert_eq!(listed(connection, &from), is_from);
        for state in [
            PlanState::Drafted,
            PlanState::Approved,
            PlanState::Cancelled,
        ] {
            let serving = ListPlansRequest {
                facility_id: facility_id.to_owned(),
                states: vec![state.into()],
                ..ListPlansRequest::default()
            };
            let serves = |plan: &&Plan| {
                let mut shares = plan.shares.iter();
                plan.state() == state && shares.any(|share| share.facility_id == facility_id)
            };
            let serves: Vec<_> = plans.iter().filter(serves).cloned().collect();
            assert_eq!(
                listed(connection, &serving),
                serves,
                "{facility_id} {state:?}"
            );
        }
    }
    let nowhere = ListPlansRequest {
        facility_id: "NOWHERE".to_owned(),
        ..ListPlansRequest::default()
    };
    let refused = PlansQuery::parse(&nowhere).unwrap().answer(connection);
    assert!(refused.is_err());
}
