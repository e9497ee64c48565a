//! The gRPC service.

use std::sync::Arc;

use keruen_domain::Boundary;
use keruen_edge::{Desk, Fields};
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

#[tonic::async_trait]
impl ShipmentService for ShipmentEndpoint {
    async fn request_shipment(
        &self,
        request: Request<RequestShipmentRequest>,
    ) -> Result<Response<RequestShipmentResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::request).await?;
        Ok(Response::new(RequestShipmentResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn allocate_shipment(
        &self,
        request: Request<AllocateShipmentRequest>,
    ) -> Result<Response<AllocateShipmentResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::allocate).await?;
        Ok(Response::new(AllocateShipmentResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn dispatch_shipment(
        &self,
        request: Request<DispatchShipmentRequest>,
    ) -> Result<Response<DispatchShipmentResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::dispatch).await?;
        Ok(Response::new(DispatchShipmentResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn receive_shipment(
        &self,
        request: Request<ReceiveShipmentRequest>,
    ) -> Result<Response<ReceiveShipmentResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::receive).await?;
        Ok(Response::new(ReceiveShipmentResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn accept_loss_act(
        &self,
        request: Request<AcceptLossActRequest>,
    ) -> Result<Response<AcceptLossActResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::accept_loss_act).await?;
        Ok(Response::new(AcceptLossActResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn cancel_shipment(
        &self,
        request: Request<CancelShipmentRequest>,
    ) -> Result<Response<CancelShipmentResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::cancel).await?;
        Ok(Response::new(CancelShipmentResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn get_shipment(
        &self,
        request: Request<GetShipmentRequest>,
    ) -> Result<Response<GetShipmentResponse>, Status> {
        let mut fields = Fields::of_query();
        let shipment_id = fields.code("shipment_id", &request.get_ref().shipment_id);
        let boundary = Boundary::Shipment(fields.finish(shipment_id)?);
        let (shipment, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetShipmentResponse {
            shipment: Some(shipment),
            position,
        }))
    }
}
