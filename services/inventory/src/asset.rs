//! The gRPC service of assets.

use std::sync::Arc;

use keruen_edge::Desk;
use keruen_proto::inventory::v1::{
    AcceptAssetLossRequest, AcceptAssetLossResponse, EmptyContainerRequest, EmptyContainerResponse,
    EndAssetLoanRequest, EndAssetLoanResponse, EndAssetRepairRequest, EndAssetRepairResponse,
    FillContainerRequest, FillContainerResponse, InstallAssetRequest, InstallAssetResponse,
    LendAssetRequest, LendAssetResponse, PutAssetInsideRequest, PutAssetInsideResponse,
    PutAssetIntoServiceRequest, PutAssetIntoServiceResponse, RemoveAssetRequest,
    RemoveAssetResponse, ReportAssetConditionRequest, ReportAssetConditionResponse,
    RetireAssetRequest, RetireAssetResponse, SendAssetForRepairRequest, SendAssetForRepairResponse,
    ServiceAssetRequest, ServiceAssetResponse, TakeAssetOutRequest, TakeAssetOutResponse,
    asset_service_server::{AssetService, AssetServiceServer},
};
use tonic::{Request, Response, Status};

use crate::parse;

/// The life of assets, behind gRPC.
pub struct AssetEndpoint {
    desk: Arc<Desk>,
}

impl AssetEndpoint {
    /// A tonic service that carries out its commands at `desk`.
    pub fn service(desk: Arc<Desk>) -> AssetServiceServer<Self> {
        AssetServiceServer::new(Self { desk })
    }
}

/// Carries a step out; every answer shows the asset after it.
macro_rules! step {
    ($self:ident, $request:ident, $parse:ident, $response:ident) => {{
        let parse = parse::asset::$parse;
        let (asset, position) = $self.desk.carry_out($request, parse).await?;
        Ok(Response::new($response {
            asset: Some(asset),
            position,
        }))
    }};
}

#[tonic::async_trait]
impl AssetService for AssetEndpoint {
    async fn install_asset(
        &self,
        request: Request<InstallAssetRequest>,
    ) -> Result<Response<InstallAssetResponse>, Status> {
        step!(self, request, install, InstallAssetResponse)
    }

    async fn remove_asset(
        &self,
        request: Request<RemoveAssetRequest>,
    ) -> Result<Response<RemoveAssetResponse>, Status> {
        step!(self, request, remove, RemoveAssetResponse)
    }

    async fn put_asset_inside(
        &self,
        request: Request<PutAssetInsideRequest>,
    ) -> Result<Response<PutAssetInsideResponse>, Status> {
        step!(self, request, put_inside, PutAssetInsideResponse)
    }

    async fn take_asset_out(
        &self,
        request: Request<TakeAssetOutRequest>,
    ) -> Result<Response<TakeAssetOutResponse>, Status> {
        step!(self, request, take_out, TakeAssetOutResponse)
    }

    async fn put_asset_into_service(
        &self,
        request: Request<PutAssetIntoServiceRequest>,
    ) -> Result<Response<PutAssetIntoServiceResponse>, Status> {
        step!(self, request, put_into_service, PutAssetIntoServiceResponse)
    }

    async fn report_asset_condition(
        &self,
        request: Request<ReportAssetConditionRequest>,
    ) -> Result<Response<ReportAssetConditionResponse>, Status> {
        step!(self, request, report, ReportAssetConditionResponse)
    }

    async fn send_asset_for_repair(
        &self,
        request: Request<SendAssetForRepairRequest>,
    ) -> Result<Response<SendAssetForRepairResponse>, Status> {
        step!(self, request, send_for_repair, SendAssetForRepairResponse)
    }

    async fn end_asset_repair(
        &self,
        request: Request<EndAssetRepairRequest>,
    ) -> Result<Response<EndAssetRepairResponse>, Status> {
        step!(self, request, end_repair, EndAssetRepairResponse)
    }

    async fn service_asset(
        &self,
        request: Request<ServiceAssetRequest>,
    ) -> Result<Response<ServiceAssetResponse>, Status> {
        step!(self, request, service, ServiceAssetResponse)
    }

    async fn lend_asset(
        &self,
        request: Request<LendAssetRequest>,
    ) -> Result<Response<LendAssetResponse>, Status> {
        step!(self, request, lend, LendAssetResponse)
    }

    async fn end_asset_loan(
        &self,
        request: Request<EndAssetLoanRequest>,
    ) -> Result<Response<EndAssetLoanResponse>, Status> {
        step!(self, request, end_loan, EndAssetLoanResponse)
    }

    async fn fill_container(
        &self,
        request: Request<FillContainerRequest>,
    ) -> Result<Response<FillContainerResponse>, Status> {
        step!(self, request, fill, FillContainerResponse)
    }

    async fn empty_container(
        &self,
        request: Request<EmptyContainerRequest>,
    ) -> Result<Response<EmptyContainerResponse>, Status> {
        step!(self, request, empty, EmptyContainerResponse)
    }

    async fn retire_asset(
        &self,
        request: Request<RetireAssetRequest>,
    ) -> Result<Response<RetireAssetResponse>, Status> {
        step!(self, request, retire, RetireAssetResponse)
    }

    async fn accept_asset_loss(
        &self,
        request: Request<AcceptAssetLossRequest>,
    ) -> Result<Response<AcceptAssetLossResponse>, Status> {
        step!(self, request, accept_loss, AcceptAssetLossResponse)
    }
}
