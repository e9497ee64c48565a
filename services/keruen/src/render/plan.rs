//! Distribution plans.

use keruen_proto::{
    requests::v1::{Plan, PlanCancellationReason, PlanCriterion, PlanReport, PlanState},
    shipments::v1::ShipmentState,
};

use crate::{
    cells,
    render::{
        record::{Cell, Part, Record},
        word,
    },
};

const COLUMNS: &[&str] = &[
    "plan_id",
    "state",
    "criterion",
    "origin_id",
    "items",
    "quantities",
    "facilities",
    "end_reason",
];

fn cells(plan: &Plan) -> Vec<Cell> {
    let mut facilities: Vec<&str> = plan
        .shares
        .iter()
        .map(|share| share.facility_id.as_str())
        .collect();
    facilities.sort_unstable();
    facilities.dedup();
    let items = plan.lines.iter().map(|line| line.item_id.clone());
    cells![
        &plan.plan_id,
        word::field::<PlanState>(plan.state().into()),
        word::field::<PlanCriterion>(plan.criterion),
        &plan.origin_id,
        items.collect::<Vec<_>>(),
        Cell::Numbers(plan.lines.iter().map(|line| line.quantity).collect()),
        i64::try_from(facilities.len()).unwrap_or(i64::MAX),
        word::field::<PlanCancellationReason>(plan.cancellation_reason().into())
    ]
}

impl Record for Plan {
    const COLUMNS: &'static [&'static str] = COLUMNS;

    fn cells(&self) -> Vec<Cell> {
        cells(self)
    }

    fn parts(&self) -> Vec<Part> {
        let shares = self.shares.iter().map(|share| {
            cells![
                &share.facility_id,
                share.line,
                share.quantity,
                &share.request_id,
                &share.shipment_id
            ]
        });
        vec![Part {
            title: "shares",
            columns: &[
                "facility_id",
                "line",
                "quantity",
                "request_id",
                "shipment_id",
            ],
            rows: shares.collect(),
        }]
    }
}

impl Record for PlanReport {
    const COLUMNS: &'static [&'static str] = COLUMNS;

    fn cells(&self) -> Vec<Cell> {
        self.plan.as_ref().map(cells).unwrap_or_default()
    }

    fn parts(&self) -> Vec<Part> {
        let rows = self.progress.iter().map(|it| {
            cells![
                &it.facility_id,
                &it.item_id,
                it.planned,
                it.allocated,
                it.in_transit,
                it.delivered,
                it.failed,
                &it.shipment_id,
                word::field::<ShipmentState>(it.shipment_state)
            ]
        });
        vec![Part {
            title: "planned and delivered",
            columns: &[
                "facility_id",
                "item_id",
                "planned",
                "allocated",
                "in_transit",
                "delivered",
                "failed",
                "shipment_id",
                "shipment_state",
            ],
            rows: rows.collect(),
        }]
    }
}
