//! The gRPC service.

use std::sync::Arc;

use keruen_domain::Boundary;
use keruen_edge::{Desk, Fields};
use keruen_proto::requests::v1::{
    ApproveRequestRequest, ApproveRequestResponse, FileRequestRequest, FileRequestResponse,
    GetRequestRequest, GetRequestResponse, RejectRequestRequest, RejectRequestResponse,
    request_service_server::{RequestService, RequestServiceServer},
};
use tonic::{Request, Response, Status};

use crate::parse;

/// What facilities ask for, behind gRPC.
pub struct RequestEndpoint {
    desk: Arc<Desk>,
}

impl RequestEndpoint {
    /// A tonic service that carries out its commands at `desk`.
    pub fn service(desk: Arc<Desk>) -> RequestServiceServer<Self> {
        RequestServiceServer::new(Self { desk })
    }
}

#[tonic::async_trait]
impl RequestService for RequestEndpoint {
    async fn file_request(
        &self,
        request: Request<FileRequestRequest>,
    ) -> Result<Response<FileRequestResponse>, Status> {
        let (request, position) = self.desk.carry_out(request, parse::file).await?;
        Ok(Response::new(FileRequestResponse {
            request: Some(request),
            position,
        }))
    }

    async fn approve_request(
        &self,
        request: Request<ApproveRequestRequest>,
    ) -> Result<Response<ApproveRequestResponse>, Status> {
        let (request, position) = self.desk.carry_out(request, parse::approve).await?;
        Ok(Response::new(ApproveRequestResponse {
            request: Some(request),
            position,
        }))
    }

    async fn reject_request(
        &self,
        request: Request<RejectRequestRequest>,
    ) -> Result<Response<RejectRequestResponse>, Status> {
        let (request, position) = self.desk.carry_out(request, parse::reject).await?;
        Ok(Response::new(RejectRequestResponse {
            request: Some(request),
            position,
        }))
    }

    async fn get_request(
        &self,
        request: Request<GetRequestRequest>,
    ) -> Result<Response<GetRequestResponse>, Status> {
        let mut fields = Fields::of_query();
        let request_id = fields.code("request_id", &request.get_ref().request_id);
        let boundary = Boundary::Request(fields.finish(request_id)?);
        let (request, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetRequestResponse {
            request: Some(request),
            position,
        }))
    }
}
