//! The gRPC service.

use std::sync::Arc;

use keruen_domain::{Boundary, Entry};
use keruen_edge::{Desk, Fields, status};
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

/// Carries out the command that a request parses into and answers with the state of its subject.
macro_rules! carry_out {
    ($self:ident, $request:ident, $parse:ident, $variant:ident, $response:ident { $field:ident }) => {{
        let answer = $self.desk.carry_out($request, parse::$parse).await?;
        let Entry::$variant(entry) = answer.entry else {
            return Err(status::unexpected_entry());
        };
        Ok(Response::new($response {
            $field: Some(entry),
            position: answer.position,
        }))
    }};
}

/// Answers with the state of one thing, as of the head of the log.
macro_rules! get {
    ($self:ident, $boundary:expr, $view:ident, $variant:ident, $response:ident { $field:ident }) => {{
        let (entry, position) = $self.desk.$view($boundary).await?;
        let Entry::$variant(entry) = entry else {
            return Err(status::unexpected_entry());
        };
        Ok(Response::new($response {
            $field: Some(entry),
            position,
        }))
    }};
}

#[tonic::async_trait]
impl RequestService for RequestEndpoint {
    async fn file_request(
        &self,
        request: Request<FileRequestRequest>,
    ) -> Result<Response<FileRequestResponse>, Status> {
        carry_out!(
            self,
            request,
            file,
            Request,
            FileRequestResponse { request }
        )
    }

    async fn approve_request(
        &self,
        request: Request<ApproveRequestRequest>,
    ) -> Result<Response<ApproveRequestResponse>, Status> {
        carry_out!(
            self,
            request,
            approve,
            Request,
            ApproveRequestResponse { request }
        )
    }

    async fn reject_request(
        &self,
        request: Request<RejectRequestRequest>,
    ) -> Result<Response<RejectRequestResponse>, Status> {
        carry_out!(
            self,
            request,
            reject,
            Request,
            RejectRequestResponse { request }
        )
    }

    async fn get_request(
        &self,
        request: Request<GetRequestRequest>,
    ) -> Result<Response<GetRequestResponse>, Status> {
        let mut fields = Fields::of_query();
        let request_id = fields.code("request_id", &request.get_ref().request_id);
        let boundary = Boundary::Request(fields.finish(request_id)?);
        get!(
            self,
            boundary,
            view_existing,
            Request,
            GetRequestResponse { request }
        )
    }
}
