//! Plans, emergencies and reserves in random histories.

use std::collections::BTreeMap;

use keruen_domain::{
    Boundary, Entry,
    emergency::{EndEmergency, emergency_at},
    plan::{ApprovePlan, CancelPlan, Criterion, DraftPlan, GoodsToShare, StatedShare},
    registry::SetMinimumReserve,
};
use keruen_proto::{
    Event,
    registry::v1::Facility,
    requests::v1::{Emergencies, Plan, PlanCancellationReason, PlanState},
};

use super::{FACILITIES, ITEMS, Step, World, pick};
use crate::{emergency::declare, world::*};

const COMMODITIES: [(&str, &[&str]); 3] = [
    ("TEST", &["RAPID", "PCR", "KIT"]),
    ("GLOVES", &["GLOVE"]),
    ("OXYGEN", &["CONC"]),
];

impl World {
    fn a_plan(&self, id: &str) -> Plan {
        match self.story.read(&Boundary::Plan(code(id))) {
            Entry::Plan(plan) => plan,
            other => panic!("{other:?}"),
        }
    }

    fn a_facility(&self, id: &str) -> Facility {
        match self.story.read(&Boundary::Facility(code(id))) {
            Entry::Facility(facility) => facility,
            other => panic!("{other:?}"),
        }
    }

    fn all_emergencies(&self) -> Emergencies {
        match self.story.read(&Boundary::Emergencies) {
            Entry::Emergencies(known) => known,
            other => panic!("{other:?}"),
        }
    }

    /// Goods are shared by a plan, or one is approved or dropped.
    pub(super) fn share(&mut self, step: &Step) {
        match pick(&self.plans, step.which).cloned() {
            Some(id) if step.flag => self.end_plan(step, &id),
            _ => self.draft(step),
        }
    }

    fn draft(&mut self, step: &Step) {
        let id = self.name("PL");
        let share = |facility_id: &str, line: i32, request: Option<&String>| StatedShare {
            facility_id: code(facility_id),
            line,
            quantity: quantity(step.quantity % 9 + 1),
            request: request.map(|id| (code(id), 1)),
        };
        let named = pick(&self.requests, step.other);
        let criterion = match step.hours % 3 {
            0 => Criterion::Population(vec![
                (code("HOSP"), step.quantity),
                (code("FAR"), step.hours + 1),
            ]),
            1 => Criterion::Requests(
                self.requests
                    .iter()
                    .rev()
                    .take(4)
                    .map(|id| code(id))
                    .collect(),
            ),
            _ => Criterion::Explicit(vec![
                share("HOSP", 1, None),
                share("FAR", 1, named),
                share("HOSP", 2, named.filter(|_| step.flag)),
            ]),
        };
        let goods = |line: i32, item_id: &str, amount: i64| GoodsToShare {
            line,
            item_id: code(item_id),
            quantity: quantity(amount),
        };
        let draft = DraftPlan {
            plan_id: code(&id),
            origin_id: code("WH"),
            lines: vec![
                goods(1, ITEMS[step.which % 4], step.quantity),
                goods(2, ITEMS[step.other % 4], step.quantity % 7 + 9),
            ],
            criterion,
        };
        if self.carry_out(&draft) {
            self.plans.push(id);
        }
    }

    fn end_plan(&mut self, step: &Step, id: &str) {
        if step.hours % 5 == 0 {
            let reason = PlanCancellationReason::Replaced;
            let plan_id = code(id);
            self.carry_out(&CancelPlan { plan_id, reason });
        } else if self.carry_out(&ApprovePlan { plan_id: code(id) }) {
            let shares = self.a_plan(id).shares;
            for share in shares {
                if !self.shipments.contains(&share.shipment_id) {
                    self.shipments.push(share.shipment_id);
                }
            }
        }
    }

    /// There is an emergency somewhere, or it is over; a facility keeps a reserve, or none.
    pub(super) fn alarm(&mut self, step: &Step) {
        match step.hours % 3 {
            0 => {
                let id = self.name("E");
                let regions = ["KZ-35", "KZ-63", "KZ-75", "KZ-71"];
                if self.carry_out(&declare(&id, &[regions[step.which % 4]])) {
                    self.emergencies.push(id);
                }
            }
            1 => {
                if let Some(id) = pick(&self.emergencies, step.which).cloned() {
                    self.carry_out(&EndEmergency {
                        emergency_id: code(&id),
                        last_day: None,
                        documents: Vec::new(),
                    });
                }
            }
            _ => {
                let facility_id = FACILITIES[step.other % 3];
                self.carry_out(&SetMinimumReserve {
                    facility_id: code(facility_id),
                    commodity_id: code(COMMODITIES[step.which % 3].0),
                    quantity: step.flag.then(|| quantity(step.quantity % 12 + 1)),
                });
            }
        }
    }

    /// No claim leaves less than a reserve, unless somebody answers for it or there is an emergency where it goes.
    pub(super) fn check_reserve(&self, claimed: &[Event]) {
        for event in claimed {
            let Event::ShipmentAllocated(event) = event else {
                continue;
            };
            // What has left is not kept back for want of a reserve.
            if event.already_dispatched == Some(true) {
                continue;
            }
            let destination = self.a_facility(&event.destination_id);
            let day = keruen_domain::facility_day(&destination, self.story.now_us);
            let known = self.all_emergencies();
            // The decision counts the day at the origin; around midnight the two differ.
            let near = [day.pred_opt(), Some(day), day.succ_opt()];
            let may_be = |day| emergency_at(&known, &destination, day).is_some();
            if event.reserve_override.is_some() || near.into_iter().flatten().any(may_be) {
                continue;
            }
            let touched: Vec<&str> = event
                .units
                .iter()
                .filter_map(|units| units.units.as_ref())
                .map(|units| units.item_id.as_str())
                .collect();
            for reserve in self.a_facility(&event.origin_id).minimum_reserves {
                let of = COMMODITIES.iter().find(|it| it.0 == reserve.commodity_id);
                let items = of.expect("a commodity").1;
                if !items.iter().any(|item| touched.contains(item)) {
                    continue;
                }
                let left: i64 = items
                    .iter()
                    .flat_map(|item| self.level(&event.origin_id, item).lots)
                    .map(|lot| lot.available)
                    .sum();
                assert!(left >= reserve.quantity, "{left} of {reserve:?} left");
            }
        }
    }

    /// What plans share is what their shipments ask for, to the last unit.
    pub(super) fn compare_plans(&self) {
        for id in &self.plans {
            let plan = self.a_plan(id);
            let mut shared: BTreeMap<i32, i64> = BTreeMap::new();
            for share in &plan.shares {
                assert!(share.quantity > 0, "{share:?}");
                *shared.entry(share.line).or_default() += share.quantity;
                if plan.state() != PlanState::Approved {
                    assert_eq!(share.shipment_id, "");
                    continue;
                }
                let shipment = self.shipment(&share.shipment_id);
                // It may have been sent elsewhere since.
                let meant_for = shipment.diverted_from_ids.first();
                let meant_for = meant_for.unwrap_or(&shipment.destination_id);
                assert_eq!(*meant_for, share.facility_id);
                let asked = shipment.lines.iter();
                let asked = asked.into_iter().find(|it| it.line == share.shipment_line);
                let asked = asked.expect("a line of the shipment");
                let goods = plan.lines.iter().find(|it| it.line == share.line);
                assert_eq!(asked.item_id, goods.expect("a line of the plan").item_id);
                assert_eq!(asked.quantity, share.quantity);
                assert_eq!(asked.request_id, share.request_id);
            }
            for goods in &plan.lines {
                let given = shared.get(&goods.line).copied().unwrap_or_default();
                assert!(given <= goods.quantity, "{plan:?}");
                // By weights everything is given out.
                if !plan.weights.is_empty() {
                    assert_eq!(given, goods.quantity, "{plan:?}");
                }
            }
        }
    }

    /// What plans, emergencies and reserves are about.
    pub(super) fn boundaries_of_sharing(&self) -> impl Iterator<Item = Boundary> {
        let plans = self.plans.iter().map(|id| Boundary::Plan(code(id)));
        let emergencies = self.emergencies.iter();
        plans
            .chain(emergencies.map(|id| Boundary::Emergency(code(id))))
            .chain([Boundary::Emergencies])
    }
}
