//! The gRPC service of custody.

use std::sync::Arc;

use keruen_domain::Boundary;
use keruen_edge::{Desk, Fields};
use keruen_proto::shipments::v1::{
    AppointKeeperRequest, AppointKeeperResponse, EndLiabilityAgreementRequest,
    EndLiabilityAgreementResponse, GetKeeperRequest, GetKeeperResponse,
    GetLiabilityAgreementsRequest, GetLiabilityAgreementsResponse, HandOverShipmentRequest,
    HandOverShipmentResponse, RefuseHandOverRequest, RefuseHandOverResponse,
    SignLiabilityAgreementRequest, SignLiabilityAgreementResponse,
    custody_service_server::{CustodyService, CustodyServiceServer},
};
use tonic::{Request, Response, Status};

use crate::parse::custody;

/// Custody, behind gRPC.
pub struct CustodyEndpoint {
    desk: Arc<Desk>,
}

impl CustodyEndpoint {
    /// A tonic service that carries out its commands at `desk`.
    pub fn service(desk: Arc<Desk>) -> CustodyServiceServer<Self> {
        CustodyServiceServer::new(Self { desk })
    }
}

#[tonic::async_trait]
impl CustodyService for CustodyEndpoint {
    async fn hand_over_shipment(
        &self,
        request: Request<HandOverShipmentRequest>,
    ) -> Result<Response<HandOverShipmentResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, custody::hand_over).await?;
        Ok(Response::new(HandOverShipmentResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn refuse_hand_over(
        &self,
        request: Request<RefuseHandOverRequest>,
    ) -> Result<Response<RefuseHandOverResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, custody::refuse).await?;
        Ok(Response::new(RefuseHandOverResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn sign_liability_agreement(
        &self,
        request: Request<SignLiabilityAgreementRequest>,
    ) -> Result<Response<SignLiabilityAgreementResponse>, Status> {
        let (agreements, position) = self.desk.carry_out(request, custody::sign).await?;
        Ok(Response::new(SignLiabilityAgreementResponse {
            liability_agreements: Some(agreements),
            position,
        }))
    }

    async fn end_liability_agreement(
        &self,
        request: Request<EndLiabilityAgreementRequest>,
    ) -> Result<Response<EndLiabilityAgreementResponse>, Status> {
        let (agreements, position) = self.desk.carry_out(request, custody::end).await?;
        Ok(Response::new(EndLiabilityAgreementResponse {
            liability_agreements: Some(agreements),
            position,
        }))
    }

    async fn get_liability_agreements(
        &self,
        request: Request<GetLiabilityAgreementsRequest>,
    ) -> Result<Response<GetLiabilityAgreementsResponse>, Status> {
        let mut fields = Fields::of_query();
        let id = fields.code("organisation_id", &request.get_ref().organisation_id);
        let boundary = Boundary::Agreements(fields.finish(id)?);
        let (agreements, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetLiabilityAgreementsResponse {
            liability_agreements: Some(agreements),
            position,
        }))
    }

    async fn appoint_keeper(
        &self,
        request: Request<AppointKeeperRequest>,
    ) -> Result<Response<AppointKeeperResponse>, Status> {
        let (keeper, position) = self.desk.carry_out(request, custody::appoint).await?;
        Ok(Response::new(AppointKeeperResponse {
            keeper: Some(keeper),
            position,
        }))
    }

    async fn get_keeper(
        &self,
        request: Request<GetKeeperRequest>,
    ) -> Result<Response<GetKeeperResponse>, Status> {
        let mut fields = Fields::of_query();
        let id = fields.code("facility_id", &request.get_ref().facility_id);
        let boundary = Boundary::Keeper(fields.finish(id)?);
        let (keeper, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetKeeperResponse {
            keeper: Some(keeper),
            position,
        }))
    }
}
