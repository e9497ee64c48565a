//! A plan is approved: its shipments are requested with it, or nothing is.

use std::collections::BTreeMap;

use keruen_proto::{
    Event,
    requests::v1::{Plan, PlanApproved, PlanShare},
};

use super::{ApprovePlan, drafted, reads};
use crate::{
    books::Books,
    boundary::Boundary,
    code::{Code, Quantity},
    command::{Command, Moment},
    id::{IdKind, generate},
    limits,
    rejection::Rejection,
    shipment::{GoodsToSend, RequestShipment},
};

/// The shipments of a plan, and its shares with them. A facility gets one shipment, or several where it gets more lines
/// than one may have. Their ids follow from the plan's, so that they are the same however often it is approved.
fn shipments(plan: &Plan) -> Option<(Vec<RequestShipment>, Vec<PlanShare>)> {
    let mut shipments: Vec<RequestShipment> = Vec::new();
    let mut latest: BTreeMap<&str, usize> = BTreeMap::new();
    let mut shares = plan.shares.clone();
    for (share, told) in plan.shares.iter().zip(&mut shares) {
        let known = latest.get(share.facility_id.as_str()).copied();
        let has_room = |index: &usize| shipments[*index].lines.len() < limits::SHIPMENT_LINES;
        let index = if let Some(index) = known.filter(has_room) {
            index
        } else {
            let index = shipments.len();
            shipments.push(RequestShipment {
                shipment_id: generate(IdKind::Shipment, &plan.plan_id, index),
                origin_id: Code::parse(&plan.origin_id).ok()?,
                destination_id: Code::parse(&share.facility_id).ok()?,
                lines: Vec::new(),
            });
            latest.insert(&share.facility_id, index);
            index
        };
        let shipment = &mut shipments[index];
        let line = i32::try_from(shipment.lines.len() + 1).ok()?;
        let item_id = &plan.lines.iter().find(|it| it.line == share.line)?.item_id;
        let request = Code::parse(&share.request_id).ok();
        shipment.lines.push(GoodsToSend {
            line,
            item_id: Code::parse(item_id).ok()?,
            quantity: Quantity::parse(share.quantity).ok()?,
            request: request.map(|id| (id, share.request_line)),
            owner_id: None,
            min_life_days: 0,
        });
        told.shipment_id = shipment.shipment_id.to_string();
        told.shipment_line = line;
    }
    Some((shipments, shares))
}

impl Command for ApprovePlan {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(books, &self.plan_id);
        let planned = books.plan(&self.plan_id).and_then(shipments);
        for shipment in planned.iter().flat_map(|(shipments, _)| shipments) {
            boundaries.extend(shipment.reads(books));
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let plan = drafted(books, &self.plan_id)?;
        // What was drafted was parsed; a share that could not be sent is none.
        let (shipments, shares) = shipments(plan).unwrap_or_default();
        let mut events = vec![
            PlanApproved {
                plan_id: plan.plan_id.clone(),
                origin_id: plan.origin_id.clone(),
                shares,
            }
            .into(),
        ];
        for shipment in &shipments {
            events.extend(shipment.decide(books, moment)?);
        }
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Plan(self.plan_id.clone()))
    }
}
