//! `PlanService`: distribution plans.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use keruen_domain::{
    Books, Boundary, Code, Entry,
    id::IdKind,
    limits,
    plan::{ApprovePlan, CancelPlan, Criterion, DraftPlan, GoodsToShare, StatedShare, progress},
};
use keruen_edge::{Desk, Fields};
use keruen_proto::{
    requests::v1::{
        ApprovePlanRequest, ApprovePlanResponse, CancelPlanRequest, CancelPlanResponse,
        DraftPlanRequest, DraftPlanResponse, GetPlanRequest, GetPlanResponse, Plan, PlanCriterion,
        PlanLine, PlanReport, PlanShare, PlanWeight,
        plan_service_server::{PlanService, PlanServiceServer},
    },
    shipments::v1::Shipment,
};
use tonic::{Request, Response, Status};

/// Distribution plans behind gRPC.
pub struct PlanEndpoint {
    desk: Arc<Desk>,
}

impl PlanEndpoint {
    /// A tonic service that carries out its commands at `desk`.
    pub fn service(desk: Arc<Desk>) -> PlanServiceServer<Self> {
        PlanServiceServer::new(Self { desk })
    }

    /// The plan and the shipments that bring it, as of one position.
    async fn report(&self, boundary: &Boundary) -> Result<(PlanReport, u64), Status> {
        let (plan, _) = self.desk.view_existing::<Plan>(boundary).await?;
        let shipments = plan
            .shares
            .iter()
            .filter_map(|share| Boundary::shipment(&share.shipment_id));
        let mut wanted: BTreeSet<Boundary> = shipments.chain([boundary.clone()]).collect();
        let (books, position) = loop {
            let (books, position) = self.desk.read(wanted.iter().cloned()).await?;
            // What was split off is read again with all the rest, so that they agree with each other.
            let parts = shipments_of(&books, &wanted)
                .flat_map(|it| &it.split_into_ids)
                .filter_map(|id| Boundary::shipment(id));
            let known = wanted.len();
            let more: Vec<Boundary> = parts.filter(|it| !wanted.contains(it)).collect();
            wanted.extend(
                more.into_iter()
                    .take(limits::PLAN_SHIPMENTS.saturating_sub(known)),
            );
            if wanted.len() == known {
                break (books, position);
            }
        };
        let shipments: BTreeMap<&str, &Shipment> = shipments_of(&books, &wanted)
            .map(|it| (it.shipment_id.as_str(), it))
            .collect();
        let progress = progress(&plan, |id| shipments.get(id).copied());
        let report = PlanReport {
            plan: Some(plan),
            progress,
        };
        Ok((report, position))
    }
}

/// The shipments that are there.
fn shipments_of<'b>(
    books: &'b Books,
    boundaries: &'b BTreeSet<Boundary>,
) -> impl Iterator<Item = &'b Shipment> {
    boundaries
        .iter()
        .filter_map(|boundary| match books.get(boundary) {
            Some(Entry::Shipment(it)) if !it.shipment_id.is_empty() => Some(it),
            _ => None,
        })
}

#[tonic::async_trait]
impl PlanService for PlanEndpoint {
    async fn draft_plan(
        &self,
        request: Request<DraftPlanRequest>,
    ) -> Result<Response<DraftPlanResponse>, Status> {
        let (plan, position) = self.desk.carry_out(request, draft).await?;
        Ok(Response::new(DraftPlanResponse {
            plan: Some(plan),
            position,
        }))
    }

    async fn approve_plan(
        &self,
        request: Request<ApprovePlanRequest>,
    ) -> Result<Response<ApprovePlanResponse>, Status> {
        let parse = |message: &ApprovePlanRequest, fields: &mut Fields| {
            let plan_id = fields.code("plan_id", &message.plan_id)?;
            Some(ApprovePlan { plan_id })
        };
        let (plan, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(ApprovePlanResponse {
            plan: Some(plan),
            position,
        }))
    }

    async fn cancel_plan(
        &self,
        request: Request<CancelPlanRequest>,
    ) -> Result<Response<CancelPlanResponse>, Status> {
        let parse = |message: &CancelPlanRequest, fields: &mut Fields| {
            let plan_id = fields.code("plan_id", &message.plan_id);
            let reason = fields.stated("reason", message.reason);
            Some(CancelPlan {
                plan_id: plan_id?,
                reason: reason?,
            })
        };
        let (plan, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(CancelPlanResponse {
            plan: Some(plan),
            position,
        }))
    }

    async fn get_plan(
        &self,
        request: Request<GetPlanRequest>,
    ) -> Result<Response<GetPlanResponse>, Status> {
        let mut fields = Fields::of_query();
        let code = fields.code("plan_id", &request.get_ref().plan_id);
        let boundary = Boundary::Plan(fields.finish(code)?);
        let (report, position) = self.report(&boundary).await?;
        Ok(Response::new(GetPlanResponse {
            report: Some(report),
            position,
        }))
    }
}

fn draft(message: &DraftPlanRequest, fields: &mut Fields) -> Option<DraftPlan> {
    let plan_id = fields.new_code("plan_id", &message.plan_id, IdKind::Plan);
    let origin_id = fields.code("origin_id", &message.origin_id);
    let given: Vec<i32> = message.lines.iter().map(|line| line.line).collect();
    let numbers = fields.line_numbers("lines", &given);
    let lines = fields.some("lines", &message.lines, limits::SHIPMENT_LINES, goods);
    let criterion = criterion(message, fields);
    let lines = lines?
        .into_iter()
        .zip(numbers?)
        .map(|(goods, line)| GoodsToShare { line, ..goods })
        .collect();
    Some(DraftPlan {
        plan_id: plan_id?,
        origin_id: origin_id?,
        lines,
        criterion: criterion?,
    })
}

fn goods(fields: &mut Fields, path: &str, line: &PlanLine) -> Option<GoodsToShare> {
    let item_id = fields.code(&format!("{path}.item_id"), &line.item_id);
    let quantity = fields.quantity(&format!("{path}.quantity"), line.quantity);
    Some(GoodsToShare {
        line: line.line,
        item_id: item_id?,
        quantity: quantity?,
    })
}

fn criterion(message: &DraftPlanRequest, fields: &mut Fields) -> Option<Criterion> {
    let criterion: PlanCriterion = fields.stated("criterion", message.criterion)?;
    let given = [
        (
            "weights",
            PlanCriterion::Population,
            message.weights.is_empty(),
        ),
        (
            "request_ids",
            PlanCriterion::Requests,
            message.request_ids.is_empty(),
        ),
        ("shares", PlanCriterion::Explicit, message.shares.is_empty()),
    ];
    for (field, owner, is_empty) in given {
        if owner != criterion && !is_empty {
            let name = criterion
                .as_str_name()
                .trim_start_matches("PLAN_CRITERION_");
            fields.reject(
                field,
                format!("must be empty where the criterion is {name}"),
            );
        }
    }
    match criterion {
        PlanCriterion::Population => {
            let most = limits::PLAN_DESTINATIONS;
            let weights = fields.some("weights", &message.weights, most, weight)?;
            once(fields, "weights", weights.iter().map(|(id, _)| id))?;
            Some(Criterion::Population(weights))
        }
        PlanCriterion::Requests => {
            let code = |fields: &mut Fields, path: &str, id: &String| fields.code(path, id);
            let most = limits::PLAN_DESTINATIONS;
            let ids = fields.some("request_ids", &message.request_ids, most, code)?;
            once(fields, "request_ids", ids.iter())?;
            Some(Criterion::Requests(ids))
        }
        PlanCriterion::Explicit => fields
            .some("shares", &message.shares, limits::PLAN_SHARES, share)
            .map(Criterion::Explicit),
        PlanCriterion::Unspecified => None,
    }
}

/// Refuses what stands in a list twice.
fn once<'a>(fields: &mut Fields, field: &str, ids: impl Iterator<Item = &'a Code>) -> Option<()> {
    let mut seen = BTreeSet::new();
    let mut good = Some(());
    for (index, id) in ids.enumerate() {
        if !seen.insert(id) {
            fields.reject(
                format!("{field}[{index}]"),
                format!("{id} stands there twice"),
            );
            good = None;
        }
    }
    good
}

fn weight(fields: &mut Fields, path: &str, weight: &PlanWeight) -> Option<(Code, i64)> {
    let facility_id = fields.code(&format!("{path}.facility_id"), &weight.facility_id);
    let value = fields.quantity(&format!("{path}.weight"), weight.weight);
    Some((facility_id?, value?.get()))
}

fn share(fields: &mut Fields, path: &str, share: &PlanShare) -> Option<StatedShare> {
    let facility_id = fields.code(&format!("{path}.facility_id"), &share.facility_id);
    let quantity = fields.quantity(&format!("{path}.quantity"), share.quantity);
    let request_id = fields.optional_code(&format!("{path}.request_id"), &share.request_id);
    if !share.shipment_id.is_empty() || share.shipment_line != 0 {
        fields.reject(
            format!("{path}.shipment_id"),
            "follows from the approval and must be empty here",
        );
        return None;
    }
    Some(StatedShare {
        facility_id: facility_id?,
        line: share.line.max(1),
        quantity: quantity?,
        request: request_id?.map(|id| (id, share.request_line.max(1))),
    })
}
