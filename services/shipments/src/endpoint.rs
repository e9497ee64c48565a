//! The gRPC service.

use std::sync::Arc;

use keruen_domain::Boundary;
use keruen_edge::{Desk, Fields};
use keruen_proto::shipments::v1::{
    AcceptLossActRequest, AcceptLossActResponse, AllocateShipmentRequest, AllocateShipmentResponse,
    AnswerDiscrepancyRequest, AnswerDiscrepancyResponse, CancelShipmentRequest,
    CancelShipmentResponse, DelayShipmentRequest, DelayShipmentResponse, DispatchShipmentRequest,
    DispatchShipmentResponse, DivertShipmentRequest, DivertShipmentResponse, GetShipmentRequest,
    GetShipmentResponse, PackParcelRequest, PackParcelResponse, ReceiveShipmentRequest,
    ReceiveShipmentResponse, RecordArrivalRequest, RecordArrivalResponse,
    RecordDeliveryAttemptRequest, RecordDeliveryAttemptResponse, ReportLossRequest,
    ReportLossResponse, RequestShipmentRequest, RequestShipmentResponse, ReturnShipmentRequest,
    ReturnShipmentResponse, SplitShipmentRequest, SplitShipmentResponse,
    TransferShipmentTitleRequest, TransferShipmentTitleResponse, UnpackParcelRequest,
    UnpackParcelResponse,
    shipment_service_server::{ShipmentService, ShipmentServiceServer},
};
use tonic::{Request, Response, Status};

use crate::{
    elsewhere::{Stock, with_others},
    parse,
};

/// Goods on their way, behind gRPC.
pub struct ShipmentEndpoint {
    desk: Arc<Desk>,
    stock: Stock,
}

impl ShipmentEndpoint {
    /// A tonic service that carries out its commands at `desk`. Where a store has too little, `stock` tells who else has
    /// some.
    pub fn service(desk: Arc<Desk>, stock: Stock) -> ShipmentServiceServer<Self> {
        ShipmentServiceServer::new(Self { desk, stock })
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
        let (shipment, position) = match self.desk.carry_out(request, parse::allocate).await {
            Ok(answer) => answer,
            Err(refusal) => {
                let now_us = self.desk.now_us();
                return Err(with_others(&self.stock, now_us, refusal).await);
            }
        };
        Ok(Response::new(AllocateShipmentResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn dispatch_shipment(
        &self,
        request: Request<DispatchShipmentRequest>,
    ) -> Result<Response<DispatchShipmentResponse>, Status> {
        let (shipment, position) = if request.get_ref().already_dispatched {
            let parse = parse::dispatch_unclaimed;
            self.desk.carry_out(request, parse).await?
        } else {
            self.desk.carry_out(request, parse::dispatch).await?
        };
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

    async fn pack_parcel(
        &self,
        request: Request<PackParcelRequest>,
    ) -> Result<Response<PackParcelResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::pack).await?;
        Ok(Response::new(PackParcelResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn unpack_parcel(
        &self,
        request: Request<UnpackParcelRequest>,
    ) -> Result<Response<UnpackParcelResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::unpack).await?;
        Ok(Response::new(UnpackParcelResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn delay_shipment(
        &self,
        request: Request<DelayShipmentRequest>,
    ) -> Result<Response<DelayShipmentResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::delay).await?;
        Ok(Response::new(DelayShipmentResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn record_delivery_attempt(
        &self,
        request: Request<RecordDeliveryAttemptRequest>,
    ) -> Result<Response<RecordDeliveryAttemptResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::attempt).await?;
        Ok(Response::new(RecordDeliveryAttemptResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn divert_shipment(
        &self,
        request: Request<DivertShipmentRequest>,
    ) -> Result<Response<DivertShipmentResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::divert).await?;
        Ok(Response::new(DivertShipmentResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn return_shipment(
        &self,
        request: Request<ReturnShipmentRequest>,
    ) -> Result<Response<ReturnShipmentResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::turn_back).await?;
        Ok(Response::new(ReturnShipmentResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn split_shipment(
        &self,
        request: Request<SplitShipmentRequest>,
    ) -> Result<Response<SplitShipmentResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::split).await?;
        Ok(Response::new(SplitShipmentResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn transfer_shipment_title(
        &self,
        request: Request<TransferShipmentTitleRequest>,
    ) -> Result<Response<TransferShipmentTitleResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::title).await?;
        Ok(Response::new(TransferShipmentTitleResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn record_arrival(
        &self,
        request: Request<RecordArrivalRequest>,
    ) -> Result<Response<RecordArrivalResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::arrive).await?;
        Ok(Response::new(RecordArrivalResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn report_loss(
        &self,
        request: Request<ReportLossRequest>,
    ) -> Result<Response<ReportLossResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::report_loss).await?;
        Ok(Response::new(ReportLossResponse {
            shipment: Some(shipment),
            position,
        }))
    }

    async fn answer_discrepancy(
        &self,
        request: Request<AnswerDiscrepancyRequest>,
    ) -> Result<Response<AnswerDiscrepancyResponse>, Status> {
        let (shipment, position) = self.desk.carry_out(request, parse::answer).await?;
        Ok(Response::new(AnswerDiscrepancyResponse {
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
