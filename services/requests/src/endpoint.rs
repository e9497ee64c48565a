//! The gRPC service.

use std::sync::Arc;

use keruen_domain::Boundary;
use keruen_edge::{Desk, Fields};
use keruen_proto::requests::v1::{
    AcknowledgeRequestRequest, AcknowledgeRequestResponse, AmendRequestRequest,
    AmendRequestResponse, AnswerSubstituteRequest, AnswerSubstituteResponse, ApproveRequestRequest,
    ApproveRequestResponse, CancelRequestRequest, CancelRequestResponse, CloseRequestShortRequest,
    CloseRequestShortResponse, ConfirmApprovalRequest, ConfirmApprovalResponse,
    EscalateRequestRequest, EscalateRequestResponse, FileRequestRequest, FileRequestResponse,
    GetRequestRequest, GetRequestResponse, MarkDuplicateRequest, MarkDuplicateResponse,
    OfferSubstituteRequest, OfferSubstituteResponse, ReconfirmNeedRequest, ReconfirmNeedResponse,
    RejectRequestRequest, RejectRequestResponse, TriageRequestRequest, TriageRequestResponse,
    request_service_server::{RequestService, RequestServiceServer},
};
use tonic::{Request, Response, Status};

use crate::parse;

/// Carries out a command and answers with the request after it.
macro_rules! change {
    ($endpoint:ident, $request:ident, $parse:path, $answer:ident) => {{
        let (request, position) = $endpoint.desk.carry_out($request, $parse).await?;
        Ok(Response::new($answer {
            request: Some(request),
            position,
        }))
    }};
}

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
        change!(self, request, parse::file, FileRequestResponse)
    }

    async fn approve_request(
        &self,
        request: Request<ApproveRequestRequest>,
    ) -> Result<Response<ApproveRequestResponse>, Status> {
        change!(self, request, parse::approve, ApproveRequestResponse)
    }

    async fn reject_request(
        &self,
        request: Request<RejectRequestRequest>,
    ) -> Result<Response<RejectRequestResponse>, Status> {
        change!(self, request, parse::reject, RejectRequestResponse)
    }

    async fn acknowledge_request(
        &self,
        request: Request<AcknowledgeRequestRequest>,
    ) -> Result<Response<AcknowledgeRequestResponse>, Status> {
        change!(
            self,
            request,
            parse::acknowledge,
            AcknowledgeRequestResponse
        )
    }

    async fn amend_request(
        &self,
        request: Request<AmendRequestRequest>,
    ) -> Result<Response<AmendRequestResponse>, Status> {
        change!(self, request, parse::amend, AmendRequestResponse)
    }

    async fn triage_request(
        &self,
        request: Request<TriageRequestRequest>,
    ) -> Result<Response<TriageRequestResponse>, Status> {
        change!(self, request, parse::triage, TriageRequestResponse)
    }

    async fn mark_duplicate(
        &self,
        request: Request<MarkDuplicateRequest>,
    ) -> Result<Response<MarkDuplicateResponse>, Status> {
        change!(self, request, parse::duplicate, MarkDuplicateResponse)
    }

    async fn reconfirm_need(
        &self,
        request: Request<ReconfirmNeedRequest>,
    ) -> Result<Response<ReconfirmNeedResponse>, Status> {
        change!(self, request, parse::reconfirm, ReconfirmNeedResponse)
    }

    async fn confirm_approval(
        &self,
        request: Request<ConfirmApprovalRequest>,
    ) -> Result<Response<ConfirmApprovalResponse>, Status> {
        change!(self, request, parse::confirm, ConfirmApprovalResponse)
    }

    async fn escalate_request(
        &self,
        request: Request<EscalateRequestRequest>,
    ) -> Result<Response<EscalateRequestResponse>, Status> {
        change!(self, request, parse::escalate, EscalateRequestResponse)
    }

    async fn offer_substitute(
        &self,
        request: Request<OfferSubstituteRequest>,
    ) -> Result<Response<OfferSubstituteResponse>, Status> {
        change!(self, request, parse::offer, OfferSubstituteResponse)
    }

    async fn answer_substitute(
        &self,
        request: Request<AnswerSubstituteRequest>,
    ) -> Result<Response<AnswerSubstituteResponse>, Status> {
        change!(self, request, parse::answer, AnswerSubstituteResponse)
    }

    async fn close_request_short(
        &self,
        request: Request<CloseRequestShortRequest>,
    ) -> Result<Response<CloseRequestShortResponse>, Status> {
        change!(self, request, parse::close, CloseRequestShortResponse)
    }

    async fn cancel_request(
        &self,
        request: Request<CancelRequestRequest>,
    ) -> Result<Response<CancelRequestResponse>, Status> {
        change!(self, request, parse::cancel, CancelRequestResponse)
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
