//! The gRPC service over the views.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use keruen_edge::deadline;
use keruen_log::Log;
use keruen_proto::stock::v1::{
    GetDonationCertificateRequest, GetDonationCertificateResponse, GetDonorBalanceRequest,
    GetDonorBalanceResponse, GetLotTraceRequest, GetLotTraceResponse, GetTraceRequest,
    GetTraceResponse, ListAssetsRequest, ListAssetsResponse, ListDonationsRequest,
    ListDonationsResponse, ListHeldStockRequest, ListHeldStockResponse, ListRecallsRequest,
    ListRecallsResponse, ListRequestsRequest, ListRequestsResponse, ListShipmentsRequest,
    ListShipmentsResponse, ListShortagesRequest, ListShortagesResponse, ListStockCountsRequest,
    ListStockCountsResponse, ListStockRequest, ListStockResponse, ListUnidentifiedGoodsRequest,
    ListUnidentifiedGoodsResponse, stock_service_server::StockService,
};
use tonic::{Request, Response, Status, metadata::MetadataMap};

use crate::{
    assets::AssetsQuery,
    attention::{CountsQuery, GoodsQuery, HeldStockQuery, RecallsQuery, ShortagesQuery},
    boards::{DonationsQuery, RequestsQuery, ShipmentsQuery},
    donor::{BalanceQuery, CertificateQuery},
    lot::LotQuery,
    refusal::Refusal,
    stock::StockQuery,
    trace::TraceQuery,
    views::Views,
};

/// What is left of a caller's deadline for reading and answering, at most.
const ANSWER_TIME: Duration = Duration::from_millis(50);

/// `keruen.stock.v1.StockService` over the views on a log.
#[derive(Clone)]
pub struct StockEndpoint {
    views: Arc<Views>,
    log: Arc<dyn Log>,
}

impl StockEndpoint {
    /// Serves `views`, which follow `log`.
    pub fn new(views: Arc<Views>, log: Arc<dyn Log>) -> Self {
        Self { views, log }
    }

    /// Waits until the views reflect `min_position`.
    async fn wait(&self, min_position: u64, metadata: &MetadataMap) -> Result<(), Refusal> {
        let head_position = *self.log.watch_head().borrow();
        if min_position > head_position {
            // The wake-up may lag behind the commit that told the caller this position.
            let head_position = self.log.head().await?.position;
            if min_position > head_position {
                return Err(Refusal::field(
                    "min_position",
                    format!(
                        "must be at most {head_position}, the head of the log; found {min_position}"
                    ),
                ));
            }
        }
        let maximum = self.views.options.max_wait;
        let deadline =
            deadline::stated(metadata).map(|left| left.saturating_sub(ANSWER_TIME.min(left / 10)));
        let limit = deadline.map_or(maximum, |deadline| deadline.min(maximum));
        let is_deadline = deadline.is_some_and(|deadline| deadline < maximum);
        let begun = Instant::now();
        match tokio::time::timeout(limit, self.reach(min_position)).await {
            Ok(reached) => reached,
            Err(_) => Err(self.too_late(min_position, begun.elapsed(), is_deadline)),
        }
    }

    async fn reach(&self, min_position: u64) -> Result<(), Refusal> {
        let mut status = self.views.watch_status();
        let reached = status
            .wait_for(|status| {
                status.ready && (status.position >= min_position || status.parked.is_some())
            })
            .await
            .map_err(|_| Refusal::Starting)?;
        match &reached.parked {
            Some(parked) if reached.position < min_position => Err(Refusal::Parked {
                min_position,
                position: reached.position,
                parked: parked.clone(),
            }),
            _ => Ok(()),
        }
    }

    fn too_late(&self, min_position: u64, waited: Duration, is_deadline: bool) -> Refusal {
        let status = self.views.status();
        if !status.ready {
            return Refusal::Starting;
        }
        let head_position = status.head_position.max(*self.log.watch_head().borrow());
        let waited_ms = waited.as_millis();
        Refusal::Behind {
            min_position,
            position: status.position,
            head_position,
            waited_ms,
            is_deadline,
        }
    }

    fn today(&self) -> String {
        self.views.today().to_string()
    }
}

#[tonic::async_trait]
impl StockService for StockEndpoint {
    async fn list_stock(
        &self,
        request: Request<ListStockRequest>,
    ) -> Result<Response<ListStockResponse>, Status> {
        let query = StockQuery::parse(request.get_ref())?;
        self.wait(request.get_ref().min_position, request.metadata())
            .await?;
        let today = self.today();
        let (page, position) = self
            .views
            .current()
            .read(move |rows| query.answer(rows, &today))
            .await?;
        Ok(Response::new(ListStockResponse {
            rows: page.rows,
            position,
            next_page_token: page.next_page_token,
        }))
    }

    async fn get_trace(
        &self,
        request: Request<GetTraceRequest>,
    ) -> Result<Response<GetTraceResponse>, Status> {
        let query = TraceQuery::parse(request.get_ref())?;
        self.wait(request.get_ref().min_position, request.metadata())
            .await?;
        let today = self.today();
        let (trace, position) = self
            .views
            .current()
            .read(move |rows| query.answer(rows, &today))
            .await?;
        Ok(Response::new(GetTraceResponse { position, ..trace }))
    }

    async fn get_lot_trace(
        &self,
        request: Request<GetLotTraceRequest>,
    ) -> Result<Response<GetLotTraceResponse>, Status> {
        let query = LotQuery::parse(request.get_ref())?;
        self.wait(request.get_ref().min_position, request.metadata())
            .await?;
        let today = self.today();
        let (lot_trace, position) = self
            .views
            .current()
            .read(move |rows| query.answer(rows, &today))
            .await?;
        Ok(Response::new(GetLotTraceResponse {
            lot_trace: Some(lot_trace),
            position,
        }))
    }

    async fn list_donations(
        &self,
        request: Request<ListDonationsRequest>,
    ) -> Result<Response<ListDonationsResponse>, Status> {
        let query = DonationsQuery::parse(request.get_ref())?;
        self.wait(request.get_ref().min_position, request.metadata())
            .await?;
        let (page, position) = self
            .views
            .current()
            .read(move |rows| query.answer(rows))
            .await?;
        Ok(Response::new(ListDonationsResponse {
            donations: page.rows,
            next_page_token: page.next_page_token,
            position,
        }))
    }

    async fn get_donor_balance(
        &self,
        request: Request<GetDonorBalanceRequest>,
    ) -> Result<Response<GetDonorBalanceResponse>, Status> {
        let query = BalanceQuery::parse(request.get_ref())?;
        self.wait(request.get_ref().min_position, request.metadata())
            .await?;
        let today = self.today();
        let (balance, position) = self
            .views
            .current()
            .read(move |rows| query.answer(rows, &today))
            .await?;
        Ok(Response::new(GetDonorBalanceResponse {
            balance: Some(balance),
            position,
        }))
    }

    async fn get_donation_certificate(
        &self,
        request: Request<GetDonationCertificateRequest>,
    ) -> Result<Response<GetDonationCertificateResponse>, Status> {
        let query = CertificateQuery::parse(request.get_ref())?;
        self.wait(request.get_ref().min_position, request.metadata())
            .await?;
        let today = self.today();
        let (certificate, position) = self
            .views
            .current()
            .read(move |rows| query.answer(rows, &today))
            .await?;
        Ok(Response::new(GetDonationCertificateResponse {
            certificate: Some(certificate),
            position,
        }))
    }

    async fn list_requests(
        &self,
        request: Request<ListRequestsRequest>,
    ) -> Result<Response<ListRequestsResponse>, Status> {
        let query = RequestsQuery::parse(request.get_ref())?;
        self.wait(request.get_ref().min_position, request.metadata())
            .await?;
        let today = self.today();
        let (page, position) = self
            .views
            .current()
            .read(move |rows| query.answer(rows, &today))
            .await?;
        Ok(Response::new(ListRequestsResponse {
            rows: page.rows,
            next_page_token: page.next_page_token,
            position,
        }))
    }

    async fn list_assets(
        &self,
        request: Request<ListAssetsRequest>,
    ) -> Result<Response<ListAssetsResponse>, Status> {
        let query = AssetsQuery::parse(request.get_ref())?;
        self.wait(request.get_ref().min_position, request.metadata())
            .await?;
        let today = self.views.today();
        let (page, position) = self
            .views
            .current()
            .read(move |rows| query.answer(rows, today))
            .await?;
        Ok(Response::new(ListAssetsResponse {
            rows: page.rows,
            next_page_token: page.next_page_token,
            position,
        }))
    }

    async fn list_shortages(
        &self,
        request: Request<ListShortagesRequest>,
    ) -> Result<Response<ListShortagesResponse>, Status> {
        let query = ShortagesQuery::parse(request.get_ref())?;
        self.wait(request.get_ref().min_position, request.metadata())
            .await?;
        let today = self.views.today();
        let answer = self
            .views
            .current()
            .read(move |rows| query.answer(rows, today));
        let (page, position) = answer.await?;
        Ok(Response::new(ListShortagesResponse {
            rows: page.rows,
            next_page_token: page.next_page_token,
            position,
        }))
    }

    async fn list_held_stock(
        &self,
        request: Request<ListHeldStockRequest>,
    ) -> Result<Response<ListHeldStockResponse>, Status> {
        let query = HeldStockQuery::parse(request.get_ref())?;
        self.wait(request.get_ref().min_position, request.metadata())
            .await?;
        let today = self.views.today();
        let answer = self
            .views
            .current()
            .read(move |rows| query.answer(rows, today));
        let (page, position) = answer.await?;
        Ok(Response::new(ListHeldStockResponse {
            rows: page.rows,
            next_page_token: page.next_page_token,
            position,
        }))
    }

    async fn list_recalls(
        &self,
        request: Request<ListRecallsRequest>,
    ) -> Result<Response<ListRecallsResponse>, Status> {
        let query = RecallsQuery::parse(request.get_ref())?;
        self.wait(request.get_ref().min_position, request.metadata())
            .await?;
        let answer = self.views.current().read(move |rows| query.answer(rows));
        let (page, position) = answer.await?;
        Ok(Response::new(ListRecallsResponse {
            rows: page.rows,
            next_page_token: page.next_page_token,
            position,
        }))
    }

    async fn list_stock_counts(
        &self,
        request: Request<ListStockCountsRequest>,
    ) -> Result<Response<ListStockCountsResponse>, Status> {
        let query = CountsQuery::parse(request.get_ref())?;
        self.wait(request.get_ref().min_position, request.metadata())
            .await?;
        let answer = self.views.current().read(move |rows| query.answer(rows));
        let (page, position) = answer.await?;
        Ok(Response::new(ListStockCountsResponse {
            stock_counts: page.rows,
            next_page_token: page.next_page_token,
            position,
        }))
    }

    async fn list_unidentified_goods(
        &self,
        request: Request<ListUnidentifiedGoodsRequest>,
    ) -> Result<Response<ListUnidentifiedGoodsResponse>, Status> {
        let query = GoodsQuery::parse(request.get_ref())?;
        self.wait(request.get_ref().min_position, request.metadata())
            .await?;
        let answer = self.views.current().read(move |rows| query.answer(rows));
        let (page, position) = answer.await?;
        Ok(Response::new(ListUnidentifiedGoodsResponse {
            goods: page.rows,
            next_page_token: page.next_page_token,
            position,
        }))
    }

    async fn list_shipments(
        &self,
        request: Request<ListShipmentsRequest>,
    ) -> Result<Response<ListShipmentsResponse>, Status> {
        let query = ShipmentsQuery::parse(request.get_ref())?;
        self.wait(request.get_ref().min_position, request.metadata())
            .await?;
        let (page, position) = self
            .views
            .current()
            .read(move |rows| query.answer(rows))
            .await?;
        Ok(Response::new(ListShipmentsResponse {
            shipments: page.rows,
            next_page_token: page.next_page_token,
            position,
        }))
    }
}
