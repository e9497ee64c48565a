//! `EmergencyService`: emergencies, for which regions and from when to when.

use std::sync::Arc;

use keruen_domain::{
    Boundary,
    emergency::{DeclareEmergency, EndEmergency, lasts},
    id::IdKind,
    limits,
};
use keruen_edge::{Desk, Fields, status};
use keruen_proto::requests::v1::{
    DeclareEmergencyRequest, DeclareEmergencyResponse, Emergencies, Emergency, EmergencyKind,
    EndEmergencyRequest, EndEmergencyResponse, GetEmergencyRequest, GetEmergencyResponse,
    ListEmergenciesRequest, ListEmergenciesResponse,
    emergency_service_server::{EmergencyService, EmergencyServiceServer},
};
use tonic::{Request, Response, Status};

const DEFAULT_PAGE_SIZE: i32 = 100;
const MAX_PAGE_SIZE: i32 = 1_000;

/// Emergencies behind gRPC.
pub struct EmergencyEndpoint {
    desk: Arc<Desk>,
}

impl EmergencyEndpoint {
    /// A tonic service that carries out its commands at `desk`.
    pub fn service(desk: Arc<Desk>) -> EmergencyServiceServer<Self> {
        EmergencyServiceServer::new(Self { desk })
    }
}

#[tonic::async_trait]
impl EmergencyService for EmergencyEndpoint {
    async fn declare_emergency(
        &self,
        request: Request<DeclareEmergencyRequest>,
    ) -> Result<Response<DeclareEmergencyResponse>, Status> {
        let (emergency, position) = self.desk.carry_out(request, declared).await?;
        Ok(Response::new(DeclareEmergencyResponse {
            emergency: Some(emergency),
            position,
        }))
    }

    async fn end_emergency(
        &self,
        request: Request<EndEmergencyRequest>,
    ) -> Result<Response<EndEmergencyResponse>, Status> {
        let (emergency, position) = self.desk.carry_out(request, ended).await?;
        Ok(Response::new(EndEmergencyResponse {
            emergency: Some(emergency),
            position,
        }))
    }

    async fn get_emergency(
        &self,
        request: Request<GetEmergencyRequest>,
    ) -> Result<Response<GetEmergencyResponse>, Status> {
        let mut fields = Fields::of_query();
        let code = fields.code("emergency_id", &request.get_ref().emergency_id);
        let boundary = Boundary::Emergency(fields.finish(code)?);
        let (emergency, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetEmergencyResponse {
            emergency: Some(emergency),
            position,
        }))
    }

    async fn list_emergencies(
        &self,
        request: Request<ListEmergenciesRequest>,
    ) -> Result<Response<ListEmergenciesResponse>, Status> {
        let message = request.get_ref();
        let mut fields = Fields::of_query();
        let day = fields.date("on", &message.on);
        if !(0..=MAX_PAGE_SIZE).contains(&message.page_size) {
            let rule = format!("must be 0 to {MAX_PAGE_SIZE}; found {}", message.page_size);
            fields.reject("page_size", rule);
        }
        // The token is the id of the last one shown.
        let after = fields.optional_code("page_token", &message.page_token);
        let (day, after) = fields.finish(day.zip(after))?;
        let (known, position) = self
            .desk
            .view::<Emergencies>(&Boundary::Emergencies)
            .await?;
        status::reached(position, message.min_position)?;
        let is_shown = |it: &Emergency| {
            let in_region =
                message.region_id.is_empty() || it.region_ids.contains(&message.region_id);
            in_region && day.is_none_or(|day| lasts(it, day))
        };
        let mut emergencies: Vec<Emergency> = known.emergencies.into_iter().rev().collect();
        if let Some(after) = after {
            let last = emergencies
                .iter()
                .position(|it| it.emergency_id == after.as_str());
            emergencies.drain(..last.map_or(0, |last| last + 1));
        }
        emergencies.retain(is_shown);
        let size = match message.page_size {
            0 => DEFAULT_PAGE_SIZE,
            size => size,
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let has_more = emergencies.len() > size;
        emergencies.truncate(size);
        let last = emergencies.last().filter(|_| has_more);
        Ok(Response::new(ListEmergenciesResponse {
            next_page_token: last.map(|it| it.emergency_id.clone()).unwrap_or_default(),
            emergencies,
            position,
        }))
    }
}

fn declared(message: &DeclareEmergencyRequest, fields: &mut Fields) -> Option<DeclareEmergency> {
    let emergency_id = fields.new_code("emergency_id", &message.emergency_id, IdKind::Emergency);
    let name = fields.name("name", message.name.as_ref());
    let kind: Option<EmergencyKind> = fields.stated("kind", message.kind);
    let region_ids = fields.some(
        "region_ids",
        &message.region_ids,
        limits::EMERGENCY_REGIONS,
        |fields, path, id| fields.code(path, id).map(|code| code.to_string()),
    );
    let first_day = fields.date("first_day", &message.first_day);
    let last_day = fields.date("last_day", &message.last_day);
    let declared_by_id = fields.code("declared_by_id", &message.declared_by_id);
    let documents = fields.documents("documents", &message.documents);
    let _ = (first_day?, last_day?);
    Some(DeclareEmergency(Emergency {
        emergency_id: emergency_id?.to_string(),
        name: Some(name?),
        kind: kind?.into(),
        region_ids: region_ids?,
        first_day: message.first_day.clone(),
        last_day: message.last_day.clone(),
        declared_by_id: declared_by_id?.to_string(),
        documents: documents?,
    }))
}

fn ended(message: &EndEmergencyRequest, fields: &mut Fields) -> Option<EndEmergency> {
    let emergency_id = fields.code("emergency_id", &message.emergency_id);
    let last_day = fields.date("last_day", &message.last_day);
    let documents = fields.documents("documents", &message.documents);
    Some(EndEmergency {
        emergency_id: emergency_id?,
        last_day: last_day?,
        documents: documents?,
    })
}
