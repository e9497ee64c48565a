//! The gRPC service.

use std::sync::Arc;

use keruen_domain::{Boundary, Entry, quality::recall_of};
use keruen_edge::{Desk, Fields, field_violation};
use keruen_proto::{
    inventory::v1::{
        AdjustStockRequest, AdjustStockResponse, AnnounceConsignmentRequest,
        AnnounceConsignmentResponse, AssembleKitsRequest, AssembleKitsResponse, Batch,
        BreakKitsRequest, BreakKitsResponse, ChangeEarmarksRequest, ChangeEarmarksResponse,
        ClearConsignmentRequest, ClearConsignmentResponse, CloseDonationRequest,
        CloseDonationResponse, CommitDonatedMoneyRequest, CommitDonatedMoneyResponse,
        ConsumeStockRequest, ConsumeStockResponse, CorrectBatchDataRequest,
        CorrectBatchDataResponse, CorrectReceiptRequest, CorrectReceiptResponse, CountStockRequest,
        CountStockResponse, DisposeStockRequest, DisposeStockResponse, GetAssetRequest,
        GetAssetResponse, GetBatchRequest, GetBatchResponse, GetDonationRequest,
        GetDonationResponse, GetItemQualityRequest, GetItemQualityResponse, GetStockCountRequest,
        GetStockCountResponse, GetStockLevelRequest, GetStockLevelResponse,
        GetUnidentifiedGoodsRequest, GetUnidentifiedGoodsResponse, HoldBatchRequest,
        HoldBatchResponse, HoldStockRequest, HoldStockResponse, IdentifyGoodsRequest,
        IdentifyGoodsResponse, ItemQuality, LiftRecallRequest, LiftRecallResponse,
        OpenStockRequest, OpenStockResponse, PledgeDonationRequest, PledgeDonationResponse,
        RecallLotRequest, RecallLotResponse, ReceiveDonationRequest, ReceiveDonationResponse,
        ReceiveUnidentifiedGoodsRequest, ReceiveUnidentifiedGoodsResponse,
        RecordConsignmentAtBorderRequest, RecordConsignmentAtBorderResponse,
        RecordConsignmentInCustomsRequest, RecordConsignmentInCustomsResponse,
        RecordTemperatureExcursionRequest, RecordTemperatureExcursionResponse,
        RefuseConsignmentRequest, RefuseConsignmentResponse, ReleaseBatchRequest,
        ReleaseBatchResponse, ReleaseDonatedMoneyRequest, ReleaseDonatedMoneyResponse,
        ReleaseStockRequest, ReleaseStockResponse, ReturnStockRequest, ReturnStockResponse,
        ShortenExpiryRequest, ShortenExpiryResponse, SpendDonatedMoneyRequest,
        SpendDonatedMoneyResponse, TransferTitleRequest, TransferTitleResponse,
        VoidMovementRequest, VoidMovementResponse,
        inventory_service_server::{InventoryService, InventoryServiceServer},
    },
    registry::v1::{Facility, Item},
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

#[tonic::async_trait]
impl InventoryService for InventoryEndpoint {
    async fn pledge_donation(
        &self,
        request: Request<PledgeDonationRequest>,
    ) -> Result<Response<PledgeDonationResponse>, Status> {
        let (donation, position) = self
            .desk
            .carry_out(request, parse::donation::pledge)
            .await?;
        Ok(Response::new(PledgeDonationResponse {
            donation: Some(donation),
            position,
        }))
    }

    async fn receive_donation(
        &self,
        request: Request<ReceiveDonationRequest>,
    ) -> Result<Response<ReceiveDonationResponse>, Status> {
        let (donation, position) = self
            .desk
            .carry_out(request, parse::donation::receive)
            .await?;
        Ok(Response::new(ReceiveDonationResponse {
            donation: Some(donation),
            position,
        }))
    }

    async fn spend_donated_money(
        &self,
        request: Request<SpendDonatedMoneyRequest>,
    ) -> Result<Response<SpendDonatedMoneyResponse>, Status> {
        let (donation, position) = self.desk.carry_out(request, parse::donation::spend).await?;
        Ok(Response::new(SpendDonatedMoneyResponse {
            donation: Some(donation),
            position,
        }))
    }

    async fn close_donation(
        &self,
        request: Request<CloseDonationRequest>,
    ) -> Result<Response<CloseDonationResponse>, Status> {
        let parse = parse::donation::close;
        let (donation, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(CloseDonationResponse {
            donation: Some(donation),
            position,
        }))
    }

    async fn announce_consignment(
        &self,
        request: Request<AnnounceConsignmentRequest>,
    ) -> Result<Response<AnnounceConsignmentResponse>, Status> {
        let parse = parse::donation::announce;
        let (donation, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(AnnounceConsignmentResponse {
            donation: Some(donation),
            position,
        }))
    }

    async fn record_consignment_at_border(
        &self,
        request: Request<RecordConsignmentAtBorderRequest>,
    ) -> Result<Response<RecordConsignmentAtBorderResponse>, Status> {
        let parse = parse::donation::at_border;
        let (donation, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(RecordConsignmentAtBorderResponse {
            donation: Some(donation),
            position,
        }))
    }

    async fn record_consignment_in_customs(
        &self,
        request: Request<RecordConsignmentInCustomsRequest>,
    ) -> Result<Response<RecordConsignmentInCustomsResponse>, Status> {
        let parse = parse::donation::in_customs;
        let (donation, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(RecordConsignmentInCustomsResponse {
            donation: Some(donation),
            position,
        }))
    }

    async fn clear_consignment(
        &self,
        request: Request<ClearConsignmentRequest>,
    ) -> Result<Response<ClearConsignmentResponse>, Status> {
        let parse = parse::donation::clear;
        let (donation, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(ClearConsignmentResponse {
            donation: Some(donation),
            position,
        }))
    }

    async fn refuse_consignment(
        &self,
        request: Request<RefuseConsignmentRequest>,
    ) -> Result<Response<RefuseConsignmentResponse>, Status> {
        let parse = parse::donation::refuse;
        let (donation, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(RefuseConsignmentResponse {
            donation: Some(donation),
            position,
        }))
    }

    async fn commit_donated_money(
        &self,
        request: Request<CommitDonatedMoneyRequest>,
    ) -> Result<Response<CommitDonatedMoneyResponse>, Status> {
        let parse = parse::donation::commit;
        let (donation, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(CommitDonatedMoneyResponse {
            donation: Some(donation),
            position,
        }))
    }

    async fn release_donated_money(
        &self,
        request: Request<ReleaseDonatedMoneyRequest>,
    ) -> Result<Response<ReleaseDonatedMoneyResponse>, Status> {
        let parse = parse::donation::release;
        let (donation, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(ReleaseDonatedMoneyResponse {
            donation: Some(donation),
            position,
        }))
    }

    async fn adjust_stock(
        &self,
        request: Request<AdjustStockRequest>,
    ) -> Result<Response<AdjustStockResponse>, Status> {
        let (stock_level, position) = self.desk.carry_out(request, parse::adjust).await?;
        Ok(Response::new(AdjustStockResponse {
            stock_level: Some(stock_level),
            position,
        }))
    }

    async fn consume_stock(
        &self,
        request: Request<ConsumeStockRequest>,
    ) -> Result<Response<ConsumeStockResponse>, Status> {
        let (stock_level, position) = self.desk.carry_out(request, parse::consume).await?;
        Ok(Response::new(ConsumeStockResponse {
            stock_level: Some(stock_level),
            position,
        }))
    }

    async fn dispose_stock(
        &self,
        request: Request<DisposeStockRequest>,
    ) -> Result<Response<DisposeStockResponse>, Status> {
        let (stock_level, position) = self.desk.carry_out(request, parse::dispose).await?;
        Ok(Response::new(DisposeStockResponse {
            stock_level: Some(stock_level),
            position,
        }))
    }

    async fn receive_unidentified_goods(
        &self,
        request: Request<ReceiveUnidentifiedGoodsRequest>,
    ) -> Result<Response<ReceiveUnidentifiedGoodsResponse>, Status> {
        let receive = parse::goods::receive;
        let (goods, position) = self.desk.carry_out(request, receive).await?;
        Ok(Response::new(ReceiveUnidentifiedGoodsResponse {
            unidentified_goods: Some(goods),
            position,
        }))
    }

    async fn identify_goods(
        &self,
        request: Request<IdentifyGoodsRequest>,
    ) -> Result<Response<IdentifyGoodsResponse>, Status> {
        let identify = parse::goods::identify;
        let (goods, position) = self.desk.carry_out(request, identify).await?;
        Ok(Response::new(IdentifyGoodsResponse {
            unidentified_goods: Some(goods),
            position,
        }))
    }

    async fn get_unidentified_goods(
        &self,
        request: Request<GetUnidentifiedGoodsRequest>,
    ) -> Result<Response<GetUnidentifiedGoodsResponse>, Status> {
        let mut fields = Fields::of_query();
        let goods_id = fields.code("goods_id", &request.get_ref().goods_id);
        let boundary = Boundary::Goods(fields.finish(goods_id)?);
        let (goods, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetUnidentifiedGoodsResponse {
            unidentified_goods: Some(goods),
            position,
        }))
    }

    async fn transfer_title(
        &self,
        request: Request<TransferTitleRequest>,
    ) -> Result<Response<TransferTitleResponse>, Status> {
        let (stock_level, position) = self.desk.carry_out(request, parse::title).await?;
        Ok(Response::new(TransferTitleResponse {
            stock_level: Some(stock_level),
            position,
        }))
    }

    async fn open_stock(
        &self,
        request: Request<OpenStockRequest>,
    ) -> Result<Response<OpenStockResponse>, Status> {
        let (stock_level, position) = self.desk.carry_out(request, parse::stock::open).await?;
        Ok(Response::new(OpenStockResponse {
            stock_level: Some(stock_level),
            position,
        }))
    }

    async fn count_stock(
        &self,
        request: Request<CountStockRequest>,
    ) -> Result<Response<CountStockResponse>, Status> {
        let counted_position = request.get_ref().counted_position;
        let head_position = self.desk.head_position().await?;
        if counted_position > head_position {
            let rule = format!(
                "must not be above the head of the log, {head_position}; found {counted_position}"
            );
            return Err(field_violation("counted_position", &rule));
        }
        let (stock_count, position) = self.desk.carry_out(request, parse::stock::count).await?;
        Ok(Response::new(CountStockResponse {
            stock_count: Some(stock_count),
            position,
        }))
    }

    async fn return_stock(
        &self,
        request: Request<ReturnStockRequest>,
    ) -> Result<Response<ReturnStockResponse>, Status> {
        let give_back = parse::stock::give_back;
        let (stock_level, position) = self.desk.carry_out(request, give_back).await?;
        Ok(Response::new(ReturnStockResponse {
            stock_level: Some(stock_level),
            position,
        }))
    }

    async fn record_temperature_excursion(
        &self,
        request: Request<RecordTemperatureExcursionRequest>,
    ) -> Result<Response<RecordTemperatureExcursionResponse>, Status> {
        let excursion = parse::stock::excursion;
        let (stock_level, position) = self.desk.carry_out(request, excursion).await?;
        Ok(Response::new(RecordTemperatureExcursionResponse {
            stock_level: Some(stock_level),
            position,
        }))
    }

    async fn shorten_expiry(
        &self,
        request: Request<ShortenExpiryRequest>,
    ) -> Result<Response<ShortenExpiryResponse>, Status> {
        let shorten = parse::stock::shorten_expiry;
        let (batch, position) = self.desk.carry_out(request, shorten).await?;
        Ok(Response::new(ShortenExpiryResponse {
            batch: Some(batch),
            position,
        }))
    }

    async fn get_stock_count(
        &self,
        request: Request<GetStockCountRequest>,
    ) -> Result<Response<GetStockCountResponse>, Status> {
        let mut fields = Fields::of_query();
        let count_id = fields.code("count_id", &request.get_ref().count_id);
        let boundary = Boundary::Count(fields.finish(count_id)?);
        let (stock_count, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetStockCountResponse {
            stock_count: Some(stock_count),
            position,
        }))
    }

    async fn correct_receipt(
        &self,
        request: Request<CorrectReceiptRequest>,
    ) -> Result<Response<CorrectReceiptResponse>, Status> {
        let fact = self.desk.fact(&request.get_ref().event_id);
        let fact = fact.await?;
        let parse =
            |message: &_, fields: &mut Fields| parse::correction::receipt(message, fact, fields);
        let (batch, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(CorrectReceiptResponse {
            batch: Some(batch),
            position,
        }))
    }

    async fn correct_batch_data(
        &self,
        request: Request<CorrectBatchDataRequest>,
    ) -> Result<Response<CorrectBatchDataResponse>, Status> {
        let fact = self.desk.fact(&request.get_ref().event_id);
        let fact = fact.await?;
        let parse =
            |message: &_, fields: &mut Fields| parse::correction::batch_data(message, fact, fields);
        let (batch, position) = self.desk.carry_out(request, parse).await?;
        Ok(Response::new(CorrectBatchDataResponse {
            batch: Some(batch),
            position,
        }))
    }

    async fn void_movement(
        &self,
        request: Request<VoidMovementRequest>,
    ) -> Result<Response<VoidMovementResponse>, Status> {
        let fact = self.desk.fact(&request.get_ref().event_id);
        let fact = fact.await?;
        let parse =
            |message: &_, fields: &mut Fields| parse::correction::void(message, fact, fields);
        let (entry, position) = self.desk.carry_out(request, parse).await?;
        let mut response = VoidMovementResponse {
            position,
            ..VoidMovementResponse::default()
        };
        match entry {
            Entry::Stock(level, _) => response.stock_level = Some(level),
            Entry::Donation(donation) => response.donation = Some(donation),
            Entry::Asset(asset) => response.asset = Some(asset),
            _ => {}
        }
        Ok(Response::new(response))
    }

    async fn hold_batch(
        &self,
        request: Request<HoldBatchRequest>,
    ) -> Result<Response<HoldBatchResponse>, Status> {
        let (batch, position) = self.desk.carry_out(request, parse::quality::hold).await?;
        Ok(Response::new(HoldBatchResponse {
            batch: Some(batch),
            position,
        }))
    }

    async fn release_batch(
        &self,
        request: Request<ReleaseBatchRequest>,
    ) -> Result<Response<ReleaseBatchResponse>, Status> {
        let release = parse::quality::release;
        let (batch, position) = self.desk.carry_out(request, release).await?;
        Ok(Response::new(ReleaseBatchResponse {
            batch: Some(batch),
            position,
        }))
    }

    async fn hold_stock(
        &self,
        request: Request<HoldStockRequest>,
    ) -> Result<Response<HoldStockResponse>, Status> {
        let hold = parse::quality::hold_stock;
        let (stock_level, position) = self.desk.carry_out(request, hold).await?;
        Ok(Response::new(HoldStockResponse {
            stock_level: Some(stock_level),
            position,
        }))
    }

    async fn release_stock(
        &self,
        request: Request<ReleaseStockRequest>,
    ) -> Result<Response<ReleaseStockResponse>, Status> {
        let release = parse::quality::release_stock;
        let (stock_level, position) = self.desk.carry_out(request, release).await?;
        Ok(Response::new(ReleaseStockResponse {
            stock_level: Some(stock_level),
            position,
        }))
    }

    async fn recall_lot(
        &self,
        request: Request<RecallLotRequest>,
    ) -> Result<Response<RecallLotResponse>, Status> {
        let recall = parse::quality::recall;
        let (item_quality, position) = self.desk.carry_out(request, recall).await?;
        Ok(Response::new(RecallLotResponse {
            item_quality: Some(item_quality),
            position,
        }))
    }

    async fn lift_recall(
        &self,
        request: Request<LiftRecallRequest>,
    ) -> Result<Response<LiftRecallResponse>, Status> {
        let lift = parse::quality::lift;
        let (item_quality, position) = self.desk.carry_out(request, lift).await?;
        Ok(Response::new(LiftRecallResponse {
            item_quality: Some(item_quality),
            position,
        }))
    }

    async fn change_earmarks(
        &self,
        request: Request<ChangeEarmarksRequest>,
    ) -> Result<Response<ChangeEarmarksResponse>, Status> {
        let change = parse::donation::change_earmarks;
        let (donation, position) = self.desk.carry_out(request, change).await?;
        Ok(Response::new(ChangeEarmarksResponse {
            donation: Some(donation),
            position,
        }))
    }

    async fn assemble_kits(
        &self,
        request: Request<AssembleKitsRequest>,
    ) -> Result<Response<AssembleKitsResponse>, Status> {
        let assemble = parse::kit::assemble;
        let (stock_level, position) = self.desk.carry_out(request, assemble).await?;
        Ok(Response::new(AssembleKitsResponse {
            stock_level: Some(stock_level),
            position,
        }))
    }

    async fn break_kits(
        &self,
        request: Request<BreakKitsRequest>,
    ) -> Result<Response<BreakKitsResponse>, Status> {
        let take_apart = parse::kit::take_apart;
        let (stock_level, position) = self.desk.carry_out(request, take_apart).await?;
        Ok(Response::new(BreakKitsResponse {
            stock_level: Some(stock_level),
            position,
        }))
    }

    async fn get_item_quality(
        &self,
        request: Request<GetItemQualityRequest>,
    ) -> Result<Response<GetItemQualityResponse>, Status> {
        let mut fields = Fields::of_query();
        let item_id = fields.code("item_id", &request.get_ref().item_id);
        let item_id = fields.finish(item_id)?;
        let boundary = Boundary::Item(item_id.clone());
        let _: (Item, _) = self.desk.view_existing(&boundary).await?;
        let (quality, position): (ItemQuality, _) =
            self.desk.view(&Boundary::Quality(item_id.clone())).await?;
        Ok(Response::new(GetItemQualityResponse {
            item_quality: Some(ItemQuality {
                item_id: item_id.to_string(),
                ..quality
            }),
            position,
        }))
    }

    async fn get_donation(
        &self,
        request: Request<GetDonationRequest>,
    ) -> Result<Response<GetDonationResponse>, Status> {
        let mut fields = Fields::of_query();
        let donation_id = fields.code("donation_id", &request.get_ref().donation_id);
        let boundary = Boundary::Donation(fields.finish(donation_id)?);
        let (donation, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetDonationResponse {
            donation: Some(donation),
            position,
        }))
    }

    async fn get_stock_level(
        &self,
        request: Request<GetStockLevelRequest>,
    ) -> Result<Response<GetStockLevelResponse>, Status> {
        let mut fields = Fields::of_query();
        let facility_id = fields.code("facility_id", &request.get_ref().facility_id);
        let item_id = fields.code("item_id", &request.get_ref().item_id);
        let (facility_id, item_id) = fields.finish(facility_id.zip(item_id))?;
        // Nothing in stock is an answer only about what there is.
        let _: (Facility, _) = self
            .desk
            .view_existing(&Boundary::Facility(facility_id.clone()))
            .await?;
        let _: (Item, _) = self
            .desk
            .view_existing(&Boundary::Item(item_id.clone()))
            .await?;
        let boundary = Boundary::Stock(facility_id, item_id);
        let (stock_level, position) = self.desk.view(&boundary).await?;
        Ok(Response::new(GetStockLevelResponse {
            stock_level: Some(stock_level),
            position,
        }))
    }

    async fn get_batch(
        &self,
        request: Request<GetBatchRequest>,
    ) -> Result<Response<GetBatchResponse>, Status> {
        let mut fields = Fields::of_query();
        let batch_id = fields.code("batch_id", &request.get_ref().batch_id);
        let boundary = Boundary::Batch(fields.finish(batch_id)?);
        let (found, _) = self.desk.view_existing::<Batch>(&boundary).await?;
        // What is known of its lot stands with the item, which a batch never changes.
        let quality = Boundary::quality(&found.item_id);
        let both = quality.into_iter().chain([boundary.clone()]);
        let (books, position) = self.desk.read(both).await?;
        let recall = books
            .quality(&found.item_id)
            .and_then(|quality| recall_of(quality, &found.lot))
            .cloned();
        let batch = Batch {
            recall,
            ..books.batch(&found.batch_id).cloned().unwrap_or(found)
        };
        Ok(Response::new(GetBatchResponse {
            batch: Some(batch),
            position,
        }))
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
        let (asset, position) = self.desk.view_existing(&boundary).await?;
        Ok(Response::new(GetAssetResponse {
            asset: Some(asset),
            position,
        }))
    }
}
