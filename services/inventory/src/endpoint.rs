//! The gRPC service.

use std::sync::Arc;

use keruen_domain::{Boundary, Entry};
use keruen_edge::{Desk, Fields, status};
use keruen_proto::inventory::v1::{
    AdjustStockRequest, AdjustStockResponse, ConsumeStockRequest, ConsumeStockResponse,
    DisposeStockRequest, DisposeStockResponse, GetAssetRequest, GetAssetResponse, GetBatchRequest,
    GetBatchResponse, GetDonationRequest, GetDonationResponse, GetStockLevelRequest,
    GetStockLevelResponse, PledgeDonationRequest, PledgeDonationResponse, ReceiveDonationRequest,
    ReceiveDonationResponse, SpendDonatedMoneyRequest, SpendDonatedMoneyResponse,
    inventory_service_server::{InventoryService, InventoryServiceServer},
};
use tonic::{Request, Response, Status};

use crate::parse;

/// Donations, batches, assets and stock, behind gRPC.
pub struct InventoryEndpoint {
    desk: Arc<Desk>,
}

impl InventoryEndpoint {
    /// A tonic service that carries out its commands at `desk`.
    pub fn service(desk: Arc<Desk>) -> InventoryServiceServer<Self> {
        InventoryServiceServer::new(Self { desk })
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
impl InventoryService for InventoryEndpoint {
    async fn pledge_donation(
        &self,
        request: Request<PledgeDonationRequest>,
    ) -> Result<Response<PledgeDonationResponse>, Status> {
        carry_out!(
            self,
            request,
            pledge,
            Donation,
            PledgeDonationResponse { donation }
        )
    }

    async fn receive_donation(
        &self,
        request: Request<ReceiveDonationRequest>,
    ) -> Result<Response<ReceiveDonationResponse>, Status> {
        carry_out!(
            self,
            request,
            receive,
            Donation,
            ReceiveDonationResponse { donation }
        )
    }

    async fn spend_donated_money(
        &self,
        request: Request<SpendDonatedMoneyRequest>,
    ) -> Result<Response<SpendDonatedMoneyResponse>, Status> {
        carry_out!(
            self,
            request,
            spend,
            Donation,
            SpendDonatedMoneyResponse { donation }
        )
    }

    async fn adjust_stock(
        &self,
        request: Request<AdjustStockRequest>,
    ) -> Result<Response<AdjustStockResponse>, Status> {
        carry_out!(
            self,
            request,
            adjust,
            Stock,
            AdjustStockResponse { stock_level }
        )
    }

    async fn consume_stock(
        &self,
        request: Request<ConsumeStockRequest>,
    ) -> Result<Response<ConsumeStockResponse>, Status> {
        carry_out!(
            self,
            request,
            consume,
            Stock,
            ConsumeStockResponse { stock_level }
        )
    }

    async fn dispose_stock(
        &self,
        request: Request<DisposeStockRequest>,
    ) -> Result<Response<DisposeStockResponse>, Status> {
        carry_out!(
            self,
            request,
            dispose,
            Stock,
            DisposeStockResponse { stock_level }
        )
    }

    async fn get_donation(
        &self,
        request: Request<GetDonationRequest>,
    ) -> Result<Response<GetDonationResponse>, Status> {
        let mut fields = Fields::of_query();
        let donation_id = fields.code("donation_id", &request.get_ref().donation_id);
        let boundary = Boundary::Donation(fields.finish(donation_id)?);
        get!(
            self,
            boundary,
            view_existing,
            Donation,
            GetDonationResponse { donation }
        )
    }

    async fn get_stock_level(
        &self,
        request: Request<GetStockLevelRequest>,
    ) -> Result<Response<GetStockLevelResponse>, Status> {
        let mut fields = Fields::of_query();
        let facility_id = fields.code("facility_id", &request.get_ref().facility_id);
        let item_id = fields.code("item_id", &request.get_ref().item_id);
        let (facility_id, item_id) = fields.finish(facility_id.zip(item_id))?;
        let boundary = Boundary::Stock(facility_id, item_id);
        get!(
            self,
            boundary,
            view,
            Stock,
            GetStockLevelResponse { stock_level }
        )
    }

    async fn get_batch(
        &self,
        request: Request<GetBatchRequest>,
    ) -> Result<Response<GetBatchResponse>, Status> {
        let mut fields = Fields::of_query();
        let batch_id = fields.code("batch_id", &request.get_ref().batch_id);
        let boundary = Boundary::Batch(fields.finish(batch_id)?);
        get!(
            self,
            boundary,
            view_existing,
            Batch,
            GetBatchResponse { batch }
        )
    }

    async fn get_asset(
        &self,
        request: Request<GetAssetRequest>,
    ) -> Result<Response<GetAssetResponse>, Status> {
        let mut fields = Fields::of_query();
        let item_id = fields.code("item_id", &request.get_ref().item_id);
        let serial_number = fields.label("serial_number", &request.get_ref().serial_number);
        let (item_id, serial_number) = fields.finish(item_id.zip(serial_number))?;
        let boundary = Boundary::Asset(item_id, serial_number);
        get!(
            self,
            boundary,
            view_existing,
            Asset,
            GetAssetResponse { asset }
        )
    }
}
