//! The gRPC service over the views.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use keruen_domain::{Boundary, Entry, Rejection};
use keruen_edge::deadline;
use keruen_log::{Log, Query, QueryItem, Range};
use keruen_proto::stock::v1::{
    GetDonationCertificateRequest, GetDonationCertificateResponse, GetDonorBalanceRequest,
    GetDonorBalanceResponse, GetLotTraceRequest, GetLotTraceResponse, GetTraceRequest,
    GetTraceResponse, ListAssetsRequest, ListAssetsResponse, ListDonationsRequest,
    ListDonationsResponse, ListHeldStockRequest, ListHeldStockResponse, ListInboxRequest,
    ListInboxResponse, ListLiabilityRequest, ListLiabilityResponse, ListPlansRequest,
    ListPlansResponse, ListRecallsRequest, ListRecallsResponse, ListRequestsRequest,
    ListRequestsResponse, ListShipmentsRequest, ListShipmentsResponse, ListShortagesRequest,
    ListShortagesResponse, ListStockCountsRequest, ListStockCountsResponse, ListStockRequest,
    ListStockResponse, ListTripsRequest, ListTripsResponse, ListUnidentifiedGoodsRequest,
    ListUnidentifiedGoodsResponse, stock_service_server::StockService,
};
use pbjson_types::Timestamp;
use tonic::{Request, Response, Status, metadata::MetadataMap};

use crate::{
    assets::AssetsQuery,
    attention::{CountsQuery, GoodsQuery, HeldStockQuery, RecallsQuery, ShortagesQuery},
    boards::{DonationsQuery, PlansQuery, RequestsQuery, ShipmentsQuery, TripsQuery},
    database::Connection,
    donor::{BalanceQuery, CertificateQuery},
    fields::Fields,
    inbox::InboxQuery,
    liability::LiabilityQuery,
    lot::LotQuery,
    past::{self, Past},
    refusal::Refusal,
    report::recorded::append_end,
    stock::StockQuery,
    trace::TraceQuery,
    views::{Keeper, Views},
};

/// What is left of a caller's deadline for reading and answering, at most.
const ANSWER_TIME: Duration = Duration::from_millis(50);
/// How long a hint may take, without which an answer is only found more slowly.
const HINT_PATIENCE: Duration = Duration::from_millis(200);

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

    /// What is so now: read once the view `current` reflects `min_position`, with the position that it reflects.
    async fn ask<T: Send + 'static>(
        &self,
        (min_position, metadata): (u64, &MetadataMap),
        question: impl FnOnce(&Connection) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<(T, u64), Refusal> {
        let current = self.views.current();
        self.wait_for(current, min_position, metadata).await?;
        self.read(current, |rows, _| question(rows)).await
    }

    /// Reads a view, see [`Keeper::read_any_version`]. Whoever names what it does not know is told where it is behind the
    /// log.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        keeper: &Arc<Keeper>,
        question: impl FnOnce(&Connection, bool) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<(T, u64), Refusal> {
        let status = keeper.status();
        let answer = keeper.read_any_version(question).await;
        answer.map_err(|refusal| {
            if status.parked.is_some() {
                // It would be waited for in vain.
                return refusal;
            }
            let head_position = *self.log.watch_head().borrow();
            refusal.of_view(keeper.view.name, status.position, head_position)
        })
    }

    /// The views.
    pub(crate) fn views(&self) -> &Arc<Views> {
        &self.views
    }

    /// The log that they follow.
    pub(crate) fn log(&self) -> &Arc<dyn Log> {
        &self.log
    }

    /// Waits until a view reflects `min_position`.
    pub(crate) async fn wait_for(
        &self,
        keeper: &Keeper,
        min_position: u64,
        metadata: &MetadataMap,
    ) -> Result<(), Refusal> {
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
        match tokio::time::timeout(limit, reach(keeper, min_position)).await {
            Ok(reached) => reached,
            Err(_) => Err(self.too_late(keeper, min_position, begun.elapsed(), is_deadline)),
        }
    }

    fn too_late(
        &self,
        keeper: &Keeper,
        min_position: u64,
        waited: Duration,
        is_deadline: bool,
    ) -> Refusal {
        let status = keeper.status();
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

    /// What of the past is asked for, and the day whose regions count; `None` where it is the present.
    async fn past(&self, asked: Asked<'_>) -> Result<Option<(Past, String)>, Refusal> {
        let mut fields = Fields::default();
        let known_at_us = fields.time_us("known_at", asked.known_at);
        let as_of_us = fields.time_us("as_of", asked.as_of);
        if asked.known_at_position > 0 && asked.known_at.is_some() {
            fields.reject(
                "known_at",
                "stands beside known_at_position; say one of them",
            );
        }
        fields.finish()?;
        let mut known_at = match known_at_us {
            Some(time_us) => Some(self.recorded_by(time_us).await?),
            None => Some(asked.known_at_position).filter(|position| *position > 0),
        };
        let mut known_by_us = known_at_us;
        if let Some(position) = known_at {
            let head_position = self.head_position(position).await?;
            if position > head_position {
                return Err(Refusal::field(
                    "known_at_position",
                    format!(
                        "must be at most {head_position}, the head of the log; found {position}"
                    ),
                ));
            }
            if known_by_us.is_none() {
                known_by_us = Some(self.recorded_at_us(position).await?);
                // Once it is recorded, so is all of its append.
                known_at = Some(append_end(&self.log, position).await?);
            }
        }
        let day = as_of_us.or(known_by_us).map(past::date_of);
        let day = day.unwrap_or_else(|| self.views.today()).to_string();
        let past = match (known_at, as_of_us) {
            (None, None) => return Ok(None),
            (Some(known_at), Some(as_of_us)) => {
                let known_by_us = known_by_us.unwrap_or_default();
                self.both(known_at, known_by_us, as_of_us).await?
            }
            _ => Past {
                known_at,
                as_of_us,
                recorded_by: None,
            },
        };
        Ok(Some((past, day)))
    }

    /// What was known at a position, which had been recorded by a time, of what had happened by another time.
    async fn both(&self, known_at: u64, known_by_us: i64, as_of_us: i64) -> Result<Past, Refusal> {
        // Everything had happened by the time at which it was recorded.
        if known_by_us <= as_of_us {
            return Ok(Past {
                known_at: Some(known_at),
                ..Past::default()
            });
        }
        // What became known after that time and before the position is looked for, or what did after the position:
        // whatever took less time, and so is likely to be less.
        let head_position = self.head_position(known_at).await?;
        let today_us = self.recorded_at_us(head_position).await?;
        let recorded_by = if known_by_us - as_of_us < today_us - known_by_us {
            Some(self.recorded_by(as_of_us).await?)
        } else {
            None
        };
        Ok(Past {
            known_at: Some(known_at),
            as_of_us: Some(as_of_us),
            recorded_by,
        })
    }

    /// The head of the log, as last seen where that is not before a position.
    async fn head_position(&self, position: u64) -> Result<u64, Refusal> {
        let head_position = *self.log.watch_head().borrow();
        if position <= head_position {
            return Ok(head_position);
        }
        Ok(self.log.head().await?.position)
    }

    /// The last position that had been recorded by a time; 0 where none had.
    async fn recorded_by(&self, time_us: i64) -> Result<u64, Refusal> {
        // Times of recording never go back.
        let (mut before, mut after) = (0, self.log.head().await?.position + 1);
        // What happened about then was most likely recorded about then. It is only a hint, and there may be none.
        let history = self.views.history();
        let near = history.read(move |rows| Ok::<_, Refusal>(past::positions_near(rows, time_us)?));
        let hints = match tokio::time::timeout(HINT_PATIENCE, near).await {
            Ok(Ok((hints, _))) => hints,
            _ => [0; 2],
        };
        for hint in hints {
            if hint <= before || hint >= after {
                continue;
            }
            if self.recorded_at_us(hint).await? <= time_us {
                before = hint;
            } else {
                after = hint;
            }
        }
        while before + 1 < after {
            let middle = before + (after - before) / 2;
            if self.recorded_at_us(middle).await? <= time_us {
                before = middle;
            } else {
                after = middle;
            }
        }
        Ok(before)
    }

    async fn recorded_at_us(&self, position: u64) -> Result<i64, Refusal> {
        let range = Range::after(position.saturating_sub(1)).up_to(position);
        let page = self.log.read(&Query::default(), range, 1).await?;
        Ok(page.events.first().map_or(0, |event| event.recorded_at_us))
    }

    async fn list_past_stock(
        &self,
        request: Request<ListStockRequest>,
        query: StockQuery,
        (past, day): (Past, String),
    ) -> Result<Response<ListStockResponse>, Status> {
        let keeper = self.views.history();
        let min_position = request.get_ref().min_position;
        let min_position = min_position.max(past.known_at.unwrap_or(0));
        self.wait_for(keeper, min_position, request.metadata())
            .await?;
        let regions_on = day.clone();
        let read = self.read(keeper, move |rows, is_older| {
            query.of_rows(is_older).answer_past(rows, &past, &day)
        });
        let (page, position) = read.await?;
        Ok(Response::new(ListStockResponse {
            rows: page.rows,
            position,
            next_page_token: page.next_page_token,
            known_at_position: past.known_at.unwrap_or(0),
            regions_on,
            untold_counters: page.untold_counters,
        }))
    }

    fn today(&self) -> String {
        self.views.today().to_string()
    }

    /// Refuses what names something of which the log has nothing, for the reason that goes with it. For what no view keeps.
    async fn refuse_unregistered(&self, named: Vec<(Boundary, Rejection)>) -> Result<(), Refusal> {
        for (boundary, rejection) in named {
            let types = Entry::empty(&boundary).event_types().iter().copied();
            let item = QueryItem {
                types: types.map(str::to_owned).collect(),
                tags: vec![boundary.tag()],
            };
            let query = Query { items: vec![item] };
            if self
                .log
                .read(&query, Range::after(0), 1)
                .await?
                .events
                .is_empty()
            {
                return Err(rejection.into());
            }
        }
        Ok(())
    }
}

/// Of when something is asked.
struct Asked<'a> {
    known_at_position: u64,
    known_at: Option<&'a Timestamp>,
    as_of: Option<&'a Timestamp>,
}

/// Waits until a view is at a position.
async fn reach(keeper: &Keeper, min_position: u64) -> Result<(), Refusal> {
    let mut status = keeper.watch_status();
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

#[tonic::async_trait]
impl StockService for StockEndpoint {
    async fn list_stock(
        &self,
        request: Request<ListStockRequest>,
    ) -> Result<Response<ListStockResponse>, Status> {
        let query = StockQuery::parse(request.get_ref())?;
        let message = request.get_ref();
        let asked = Asked {
            known_at_position: message.known_at_position,
            known_at: message.known_at.as_ref(),
            as_of: message.as_of.as_ref(),
        };
        if let Some(past) = self.past(asked).await? {
            return self.list_past_stock(request, query, past).await;
        }
        let today = self.today();
        let regions_on = today.clone();
        let current = self.views.current();
        let min_position = request.get_ref().min_position;
        self.wait_for(current, min_position, request.metadata())
            .await?;
        let read = self.read(current, move |rows, is_older| {
            query.of_rows(is_older).answer(rows, &today)
        });
        let (page, position) = read.await?;
        Ok(Response::new(ListStockResponse {
            rows: page.rows,
            position,
            next_page_token: page.next_page_token,
            known_at_position: 0,
            regions_on,
            untold_counters: page.untold_counters,
        }))
    }

    async fn list_trips(
        &self,
        request: Request<ListTripsRequest>,
    ) -> Result<Response<ListTripsResponse>, Status> {
        let query = TripsQuery::parse(request.get_ref())?;
        let named = query.named();
        let at = (request.get_ref().min_position, request.metadata());
        let (page, position) = self.ask(at, move |rows| query.answer(rows)).await?;
        if page.rows.is_empty() {
            self.refuse_unregistered(named).await?;
        }
        Ok(Response::new(ListTripsResponse {
            trips: page.rows,
            next_page_token: page.next_page_token,
            position,
        }))
    }

    async fn list_liability(
        &self,
        request: Request<ListLiabilityRequest>,
    ) -> Result<Response<ListLiabilityResponse>, Status> {
        let message = request.get_ref();
        let query = LiabilityQuery::parse(message)?;
        let asked = Asked {
            known_at_position: message.known_at_position,
            known_at: message.known_at.as_ref(),
            as_of: message.as_of.as_ref(),
        };
        let past = self.past(asked).await?.map(|(past, _)| past);
        let keeper = match past {
            Some(_) => self.views.history(),
            None => self.views.current(),
        };
        let known_at_position = past.and_then(|past| past.known_at).unwrap_or(0);
        let min_position = message.min_position.max(known_at_position);
        self.wait_for(keeper, min_position, request.metadata())
            .await?;
        let (page, position) = self
            .read(keeper, move |rows, _| query.answer(rows, past.as_ref()))
            .await?;
        Ok(Response::new(ListLiabilityResponse {
            rows: page.rows,
            next_page_token: page.next_page_token,
            position,
            known_at_position,
        }))
    }

    async fn get_trace(
        &self,
        request: Request<GetTraceRequest>,
    ) -> Result<Response<GetTraceResponse>, Status> {
        let query = TraceQuery::parse(request.get_ref())?;
        let today = self.today();
        let at = (request.get_ref().min_position, request.metadata());
        let (trace, position) = self.ask(at, move |rows| query.answer(rows, &today)).await?;
        Ok(Response::new(GetTraceResponse { position, ..trace }))
    }

    async fn get_lot_trace(
        &self,
        request: Request<GetLotTraceRequest>,
    ) -> Result<Response<GetLotTraceResponse>, Status> {
        let query = LotQuery::parse(request.get_ref())?;
        let today = self.today();
        let at = (request.get_ref().min_position, request.metadata());
        let (lot_trace, position) = self.ask(at, move |rows| query.answer(rows, &today)).await?;
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
        let at = (request.get_ref().min_position, request.metadata());
        let (page, position) = self.ask(at, move |rows| query.answer(rows)).await?;
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
        let today = self.today();
        let at = (request.get_ref().min_position, request.metadata());
        let (balance, position) = self.ask(at, move |rows| query.answer(rows, &today)).await?;
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
        let today = self.today();
        let at = (request.get_ref().min_position, request.metadata());
        let (certificate, position) = self.ask(at, move |rows| query.answer(rows, &today)).await?;
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
        let today = self.today();
        let at = (request.get_ref().min_position, request.metadata());
        let (page, position) = self.ask(at, move |rows| query.answer(rows, &today)).await?;
        Ok(Response::new(ListRequestsResponse {
            rows: page.rows,
            next_page_token: page.next_page_token,
            position,
        }))
    }

    async fn list_inbox(
        &self,
        request: Request<ListInboxRequest>,
    ) -> Result<Response<ListInboxResponse>, Status> {
        let query = InboxQuery::parse(request.get_ref())?;
        let today = self.views.today();
        let at = (request.get_ref().min_position, request.metadata());
        let (page, position) = self.ask(at, move |rows| query.answer(rows, today)).await?;
        Ok(Response::new(ListInboxResponse {
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
        let today = self.views.today();
        let at = (request.get_ref().min_position, request.metadata());
        let (page, position) = self.ask(at, move |rows| query.answer(rows, today)).await?;
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
        let today = self.views.today();
        let at = (request.get_ref().min_position, request.metadata());
        let (page, position) = self.ask(at, move |rows| query.answer(rows, today)).await?;
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
        let today = self.views.today();
        let at = (request.get_ref().min_position, request.metadata());
        let (page, position) = self.ask(at, move |rows| query.answer(rows, today)).await?;
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
        let at = (request.get_ref().min_position, request.metadata());
        let (page, position) = self.ask(at, move |rows| query.answer(rows)).await?;
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
        let at = (request.get_ref().min_position, request.metadata());
        let (page, position) = self.ask(at, move |rows| query.answer(rows)).await?;
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
        let at = (request.get_ref().min_position, request.metadata());
        let (page, position) = self.ask(at, move |rows| query.answer(rows)).await?;
        Ok(Response::new(ListUnidentifiedGoodsResponse {
            goods: page.rows,
            next_page_token: page.next_page_token,
            position,
        }))
    }

    async fn list_plans(
        &self,
        request: Request<ListPlansRequest>,
    ) -> Result<Response<ListPlansResponse>, Status> {
        let query = PlansQuery::parse(request.get_ref())?;
        let at = (request.get_ref().min_position, request.metadata());
        let (page, position) = self.ask(at, move |rows| query.answer(rows)).await?;
        Ok(Response::new(ListPlansResponse {
            plans: page.rows,
            next_page_token: page.next_page_token,
            position,
        }))
    }

    async fn list_shipments(
        &self,
        request: Request<ListShipmentsRequest>,
    ) -> Result<Response<ListShipmentsResponse>, Status> {
        let query = ShipmentsQuery::parse(request.get_ref())?;
        let today = self.today();
        let at = (request.get_ref().min_position, request.metadata());
        let (page, position) = self.ask(at, move |rows| query.answer(rows, &today)).await?;
        Ok(Response::new(ListShipmentsResponse {
            shipments: page.rows,
            next_page_token: page.next_page_token,
            position,
        }))
    }
}
