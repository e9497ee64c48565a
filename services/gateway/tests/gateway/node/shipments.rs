//! The service of shipments, of which only shipments as they stand are read.

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
    UnpackParcelResponse, shipment_service_server::ShipmentService,
};
use tonic::{Request, Response, Status};

use super::{Served, find, not_read};

#[tonic::async_trait]
impl ShipmentService for Served {
    async fn request_shipment(
        &self,
        _: Request<RequestShipmentRequest>,
    ) -> Result<Response<RequestShipmentResponse>, Status> {
        not_read()
    }

    async fn allocate_shipment(
        &self,
        _: Request<AllocateShipmentRequest>,
    ) -> Result<Response<AllocateShipmentResponse>, Status> {
        not_read()
    }

    async fn pack_parcel(
        &self,
        _: Request<PackParcelRequest>,
    ) -> Result<Response<PackParcelResponse>, Status> {
        not_read()
    }

    async fn unpack_parcel(
        &self,
        _: Request<UnpackParcelRequest>,
    ) -> Result<Response<UnpackParcelResponse>, Status> {
        not_read()
    }

    async fn dispatch_shipment(
        &self,
        _: Request<DispatchShipmentRequest>,
    ) -> Result<Response<DispatchShipmentResponse>, Status> {
        not_read()
    }

    async fn transfer_shipment_title(
        &self,
        _: Request<TransferShipmentTitleRequest>,
    ) -> Result<Response<TransferShipmentTitleResponse>, Status> {
        not_read()
    }

    async fn delay_shipment(
        &self,
        _: Request<DelayShipmentRequest>,
    ) -> Result<Response<DelayShipmentResponse>, Status> {
        not_read()
    }

    async fn record_delivery_attempt(
        &self,
        _: Request<RecordDeliveryAttemptRequest>,
    ) -> Result<Response<RecordDeliveryAttemptResponse>, Status> {
        not_read()
    }

    async fn divert_shipment(
        &self,
        _: Request<DivertShipmentRequest>,
    ) -> Result<Response<DivertShipmentResponse>, Status> {
        not_read()
    }

    async fn return_shipment(
        &self,
        _: Request<ReturnShipmentRequest>,
    ) -> Result<Response<ReturnShipmentResponse>, Status> {
        not_read()
    }

    async fn split_shipment(
        &self,
        _: Request<SplitShipmentRequest>,
    ) -> Result<Response<SplitShipmentResponse>, Status> {
        not_read()
    }

    async fn record_arrival(
        &self,
        _: Request<RecordArrivalRequest>,
    ) -> Result<Response<RecordArrivalResponse>, Status> {
        not_read()
    }

    async fn receive_shipment(
        &self,
        _: Request<ReceiveShipmentRequest>,
    ) -> Result<Response<ReceiveShipmentResponse>, Status> {
        not_read()
    }

    async fn report_loss(
        &self,
        _: Request<ReportLossRequest>,
    ) -> Result<Response<ReportLossResponse>, Status> {
        not_read()
    }

    async fn answer_discrepancy(
        &self,
        _: Request<AnswerDiscrepancyRequest>,
    ) -> Result<Response<AnswerDiscrepancyResponse>, Status> {
        not_read()
    }

    async fn accept_loss_act(
        &self,
        _: Request<AcceptLossActRequest>,
    ) -> Result<Response<AcceptLossActResponse>, Status> {
        not_read()
    }

    async fn cancel_shipment(
        &self,
        _: Request<CancelShipmentRequest>,
    ) -> Result<Response<CancelShipmentResponse>, Status> {
        not_read()
    }

    async fn get_shipment(
        &self,
        request: Request<GetShipmentRequest>,
    ) -> Result<Response<GetShipmentResponse>, Status> {
        let id = request.into_inner().shipment_id;
        let shipment = find(&self.sample.shipments, |it| it.shipment_id == id);
        // Nothing is found where everything is refused.
        self.answer(())?;
        self.answer(GetShipmentResponse {
            shipment: shipment?,
            ..GetShipmentResponse::default()
        })
    }
}
