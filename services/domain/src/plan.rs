//! Distribution plans: what one facility has is shared over others, by weights, by what requests still need, or as stated.

use keruen_proto::{
    Event, EventType as _,
    requests::v1::{
        Plan, PlanApproved, PlanCancellationReason, PlanCancelled, PlanCriterion, PlanDrafted,
        PlanLine, PlanProgress, PlanShare, PlanState, PlanWeight,
    },
    shipments::v1::{Shipment, ShipmentLot},
};

use crate::{
    books::{Books, Fold},
    boundary::Boundary,
    code::{Code, Quantity},
    command::{Command, Moment},
    limits,
    rejection::Rejection,
};

mod approve;
mod division;
mod draft;

pub use division::divide;

/// Goods that are to be shared.
#[derive(Clone, Debug)]
pub struct GoodsToShare {
    /// Number of the line, unique in the plan, from 1.
    pub line: i32,
    /// The item.
    pub item_id: Code,
    /// How many.
    pub quantity: Quantity,
}

/// A share as stated.
#[derive(Clone, Debug)]
pub struct StatedShare {
    /// The facility.
    pub facility_id: Code,
    /// Number of the plan's line.
    pub line: i32,
    /// How many.
    pub quantity: Quantity,
    /// Request and its line that this fulfils.
    pub request: Option<(Code, i32)>,
}

/// By what goods are shared.
#[derive(Clone, Debug)]
pub enum Criterion {
    /// Pro rata to weights of 1 or more.
    Population(Vec<(Code, i64)>),
    /// Pro rata to what these requests still need.
    Requests(Vec<Code>),
    /// As stated.
    Explicit(Vec<StatedShare>),
}

/// Shares goods over facilities.
#[derive(Clone, Debug)]
pub struct DraftPlan {
    /// Id of the new plan.
    pub plan_id: Code,
    /// Facility from which everything goes.
    pub origin_id: Code,
    /// What is shared; at least one line.
    pub lines: Vec<GoodsToShare>,
    /// By what.
    pub criterion: Criterion,
}

/// Approves a plan: its shipments are requested.
#[derive(Clone, Debug)]
pub struct ApprovePlan {
    /// The plan.
    pub plan_id: Code,
}

/// Drops a plan that is not approved.
#[derive(Clone, Debug)]
pub struct CancelPlan {
    /// The plan.
    pub plan_id: Code,
    /// Why.
    pub reason: PlanCancellationReason,
}

impl Fold for Plan {
    const EVENT_TYPES: &'static [&'static str] =
        &[PlanDrafted::TYPE, PlanApproved::TYPE, PlanCancelled::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Boundary::Plan(id) = boundary else {
            return;
        };
        match event {
            Event::PlanDrafted(event) => {
                if let Some(plan) = event.plan.as_ref().filter(|it| it.plan_id == id.as_str()) {
                    self.clone_from(plan);
                    self.state = Some(PlanState::Drafted.into());
                }
            }
            Event::PlanApproved(event) if event.plan_id == id.as_str() => {
                self.shares.clone_from(&event.shares);
                self.state = Some(PlanState::Approved.into());
            }
            Event::PlanCancelled(event) if event.plan_id == id.as_str() => {
                self.state = Some(PlanState::Cancelled.into());
                self.cancellation_reason = Some(event.reason);
            }
            _ => {}
        }
    }
}

/// The plan, where it is drafted and nothing else.
fn drafted<'a>(books: &'a Books, plan_id: &str) -> Result<&'a Plan, Rejection> {
    let Some(plan) = books.plan(plan_id) else {
        return Err(Rejection::UnknownPlan {
            plan_id: plan_id.to_owned(),
        });
    };
    if plan.state() == PlanState::Drafted {
        return Ok(plan);
    }
    Err(Rejection::PlanState {
        plan_id: plan_id.to_owned(),
        state: plan
            .state()
            .as_str_name()
            .trim_start_matches("PLAN_STATE_")
            .to_owned(),
        allowed: "DRAFTED".to_owned(),
    })
}

/// The plan and the facility from which everything goes.
fn reads(books: &Books, plan_id: &Code) -> Vec<Boundary> {
    let origin = books
        .plan(plan_id)
        .and_then(|plan| Boundary::facility(&plan.origin_id));
    std::iter::once(Boundary::Plan(plan_id.clone()))
        .chain(origin)
        .collect()
}

impl Command for CancelPlan {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(books, &self.plan_id)
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let plan = drafted(books, &self.plan_id)?;
        limits::keep(vec![
            PlanCancelled {
                plan_id: plan.plan_id.clone(),
                origin_id: plan.origin_id.clone(),
                reason: self.reason.into(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Plan(self.plan_id.clone()))
    }
}

/// What became of each share, as its shipment says, and those that were split off it. Shipments are asked for by id.
pub fn progress<'a>(
    plan: &Plan,
    shipment: impl Fn(&str) -> Option<&'a Shipment>,
) -> Vec<PlanProgress> {
    plan.shares
        .iter()
        .map(|share| {
            let line = plan.lines.iter().find(|line| line.line == share.line);
            let mut progress = PlanProgress {
                facility_id: share.facility_id.clone(),
                line: share.line,
                item_id: line.map(|line| line.item_id.clone()).unwrap_or_default(),
                shipment_id: share.shipment_id.clone(),
                planned: share.quantity,
                ..PlanProgress::default()
            };
            let whole = shipment(&share.shipment_id);
            progress.shipment_state = whole.map_or(0, |it| it.state);
            let mut parts: Vec<&Shipment> = whole.into_iter().collect();
            while let Some(part) = parts.pop() {
                let is_for_it = part.destination_id == share.facility_id;
                let of_line = |lot: &&ShipmentLot| {
                    let units = lot.shipment_units.as_ref();
                    units.is_some_and(|units| units.line == share.shipment_line)
                };
                for lot in part.lots.iter().filter(of_line) {
                    add(&mut progress, lot, is_for_it);
                }
                parts.extend(part.split_into_ids.iter().filter_map(|id| shipment(id)));
            }
            progress
        })
        .collect()
}

/// Counts a lot. What goes elsewhere, or back, doesn't come to whom it was meant for.
fn add(progress: &mut PlanProgress, lot: &ShipmentLot, is_for_it: bool) {
    let units = lot.shipment_units.as_ref().and_then(|it| it.units.as_ref());
    let sum = |known: &mut i64, more: i64| *known = known.saturating_add(more);
    sum(&mut progress.allocated, units.map_or(0, |it| it.quantity));
    sum(
        &mut progress.failed,
        lot.missing + lot.lost + lot.received_unusable,
    );
    if is_for_it {
        sum(&mut progress.in_transit, lot.in_transit);
        sum(&mut progress.delivered, lot.received_good);
    } else {
        sum(&mut progress.failed, lot.in_transit + lot.received_good);
    }
}

impl Criterion {
    fn name(&self) -> PlanCriterion {
        match self {
            Self::Population(_) => PlanCriterion::Population,
            Self::Requests(_) => PlanCriterion::Requests,
            Self::Explicit(_) => PlanCriterion::Explicit,
        }
    }

    fn weights(&self) -> Vec<PlanWeight> {
        let weights = match self {
            Self::Population(weights) => &weights[..],
            Self::Requests(_) | Self::Explicit(_) => &[],
        };
        weights
            .iter()
            .map(|(facility_id, weight)| PlanWeight {
                facility_id: facility_id.to_string(),
                weight: *weight,
            })
            .collect()
    }
}

impl GoodsToShare {
    fn stored(&self) -> PlanLine {
        PlanLine {
            line: self.line,
            item_id: self.item_id.to_string(),
            quantity: self.quantity.get(),
        }
    }
}

impl StatedShare {
    fn stored(&self) -> PlanShare {
        let (request_id, request_line) = match &self.request {
            Some((id, line)) => (id.to_string(), *line),
            None => (String::new(), 0),
        };
        PlanShare {
            facility_id: self.facility_id.to_string(),
            line: self.line,
            quantity: self.quantity.get(),
            request_id,
            request_line,
            ..PlanShare::default()
        }
    }
}
