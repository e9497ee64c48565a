//! The gRPC service.

use std::sync::Arc;

use keruen_domain::{Boundary, Entry};
use keruen_edge::{Desk, Fields, status};
use keruen_proto::shipments::v1::{
    AcceptLossActRequest, AcceptLossActResponse, AllocateShipmentRequest, AllocateShipmentResponse,
    CancelShipmentRequest, CancelShipmentResponse, DispatchShipmentRequest,
    DispatchShipmentResponse, GetShipmentRequest, GetShipmentResponse, ReceiveShipmentRequest,
    ReceiveShipmentResponse, RequestShipmentRequest, RequestShipmentResponse,
    shipment_service_server::{ShipmentService, ShipmentServiceServer},
};
use tonic::{Request, Response, Status};

use crate::parse;

/// Goods on their way, behind gRPC.
pub struct ShipmentEndpoint {
    desk: Arc<Desk>,
}

impl ShipmentEndpoint {
    /// A tonic service that carries out its commands at `desk`.
    pub fn service(desk: Arc<Desk>) -> ShipmentServiceServer<Self> {
        ShipmentServiceServer::new(Self { desk })
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
impl ShipmentService for ShipmentEndpoint {
    async fn request_shipment(
        &self,
        request: Request<RequestShipmentRequest>,
    ) -> Result<Response<RequestShipmentResponse>, Status> {
        carry_out!(
            self,
            request,
            request,
            Shipment,
            RequestShipmentResponse { shipment }
        )
    }

    async fn allocate_shipment(
        &self,
        request: Request<AllocateShipmentRequest>,
    ) -> Result<Response<AllocateShipmentResponse>, Status> {
        carry_out!(
            self,
            request,
            allocate,
            Shipment,
            AllocateShipmentResponse { shipment }
        )
    }

    async fn dispatch_shipment(
        &self,
        request: Request<DispatchShipmentRequest>,
    ) -> Result<Response<DispatchShipmentResponse>, Status> {
        carry_out!(
            self,
            request,
            dispatch,
            Shipment,
            DispatchShipmentResponse { shipment }
        )
    }

    async fn receive_shipment(
        &self,
        request: Request<ReceiveShipmentRequest>,
    ) -> Result<Response<ReceiveShipmentResponse>, Status> {
        carry_out!(
            self,
            request,
            receive,
            Shipment,
            ReceiveShipmentResponse { shipment }
        )
    }

    async fn accept_loss_act(
        &self,
        request: Request<AcceptLossActRequest>,
    ) -> Result<Response<AcceptLossActResponse>, Status> {
        carry_out!(
            self,
            request,
            accept_loss_act,
            Shipment,
            AcceptLossActResponse { shipment }
        )
    }

    async fn cancel_shipment(
        &self,
        request: Request<CancelShipmentRequest>,
    ) -> Result<Response<CancelShipmentResponse>, Status> {
        carry_out!(
            self,
            request,
            cancel,
            Shipment,
            CancelShipmentResponse { shipment }
        )
    }

    async fn get_shipment(
        &self,
        request: Request<GetShipmentRequest>,
    ) -> Result<Response<GetShipmentResponse>, Status> {
        let mut fields = Fields::of_query();
        let shipment_id = fields.code("shipment_id", &request.get_ref().shipment_id);
        let boundary = Boundary::Shipment(fields.finish(shipment_id)?);
        get!(
            self,
            boundary,
            view_existing,
            Shipment,
            GetShipmentResponse { shipment }
        )
    }
}
