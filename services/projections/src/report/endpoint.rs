//! The gRPC service of reports.

use std::sync::Arc;

use keruen_edge::deadline;
use keruen_proto::reports::v1::{
    GetStatementRequest, GetStatementResponse, ListAuditExceptionsRequest,
    ListAuditExceptionsResponse, ListExpiringStockRequest, ListExpiringStockResponse,
    ListReordersRequest, ListReordersResponse, ListUnmetNeedsRequest, ListUnmetNeedsResponse,
    report_service_server::ReportService,
};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use super::{
    exceptions::ExceptionsQuery,
    expiry::ExpiryQuery,
    needs::NeedsQuery,
    reorder::{self, ReorderQuery},
    statement::StatementQuery,
};
use crate::{endpoint::StockEndpoint, refusal::Refusal, views::ReadError};

/// How many statements are made at once: each keeps in memory what it adds up.
pub const STATEMENTS: usize = 2;
/// How many times as long as a question to the views a statement may take: it asks two of them, and then the log.
const STATEMENT_QUESTIONS: u32 = 4;

/// `keruen.reports.v1.ReportService` over the views on a log.
#[derive(Clone)]
pub struct ReportEndpoint {
    stock: StockEndpoint,
    statements: Arc<Semaphore>,
}

impl ReportEndpoint {
    /// Reports what the views of `stock` add up to.
    pub fn new(stock: StockEndpoint) -> Self {
        Self {
            stock,
            statements: Arc::new(Semaphore::new(STATEMENTS)),
        }
    }

    /// Makes a statement when it is its turn.
    async fn statement(
        &self,
        request: &Request<GetStatementRequest>,
    ) -> Result<GetStatementResponse, Refusal> {
        let (views, log) = (self.stock.views(), self.stock.log());
        let longest = views.options.max_query * STATEMENT_QUESTIONS;
        let limit = deadline::timeout(request.metadata(), longest);
        let too_slow = || ReadError::TooSlow {
            limit_ms: limit.as_millis(),
        };
        let making = async {
            // The semaphore is never closed.
            let Ok(_permit) = self.statements.acquire().await else {
                return Err(too_slow().into());
            };
            let query = StatementQuery::parse(request.get_ref(), log, views.today()).await?;
            let min_position = query.min_position();
            for keeper in [views.current(), views.history()] {
                self.stock
                    .wait_for(keeper, min_position, request.metadata())
                    .await?;
            }
            query.answer(views, log).await
        };
        let made = tokio::time::timeout(limit, making).await;
        made.unwrap_or_else(|_| Err(too_slow().into()))
    }
}

macro_rules! lists {
    ($($rpc:ident $request:ident => $response:ident, $query:ident of $view:ident;)*) => {
        #[tonic::async_trait]
        impl ReportService for ReportEndpoint {
            $(
                async fn $rpc(&self, request: Request<$request>) -> Result<Response<$response>, Status> {
                    let query = $query::parse(request.get_ref())?;
                    let views = self.stock.views();
                    let keeper = views.$view();
                    let min_position = request.get_ref().min_position;
                    self.stock.wait_for(keeper, min_position, request.metadata()).await?;
                    let today = views.today();
                    let read = self.stock.read(keeper, move |rows, _| query.answer(rows, today));
                    let (page, position) = read.await?;
                    Ok(Response::new($response {
                        rows: page.rows,
                        next_page_token: page.next_page_token,
                        position,
                    }))
                }
            )*

            async fn list_unmet_needs(
                &self,
                request: Request<ListUnmetNeedsRequest>,
            ) -> Result<Response<ListUnmetNeedsResponse>, Status> {
                let query = NeedsQuery::parse(request.get_ref())?;
                let views = self.stock.views();
                let current = views.current();
                let min_position = request.get_ref().min_position;
                self.stock.wait_for(current, min_position, request.metadata()).await?;
                let today = views.today();
                let read = self.stock.read(current, move |rows, _| query.answer(rows, today));
                let (page, position) = read.await?;
                Ok(Response::new(ListUnmetNeedsResponse {
                    rows: page.rows,
                    next_page_token: page.next_page_token,
                    position,
                    totals: page.totals,
                }))
            }

            async fn list_reorders(
                &self,
                request: Request<ListReordersRequest>,
            ) -> Result<Response<ListReordersResponse>, Status> {
                let query = ReorderQuery::parse(request.get_ref())?;
                let views = self.stock.views();
                let (current, history) = (views.current(), views.history());
                let min_position = request.get_ref().min_position;
                self.stock.wait_for(current, min_position, request.metadata()).await?;
                let (missing, position) = current.read(reorder::missing).await?;
                // What had been missing at a position may have been found by a later one, never by an earlier one.
                self.stock.wait_for(history, position, request.metadata()).await?;
                let today = views.today();
                let query = query.without(missing);
                let read = self.stock.read(history, move |rows, _| query.answer(rows, today));
                let (page, _) = read.await?;
                Ok(Response::new(ListReordersResponse {
                    rows: page.rows,
                    next_page_token: page.next_page_token,
                    position,
                }))
            }

            async fn get_statement(
                &self,
                request: Request<GetStatementRequest>,
            ) -> Result<Response<GetStatementResponse>, Status> {
                Ok(Response::new(self.statement(&request).await?))
            }
        }
    };
}

lists! {
    list_expiring_stock ListExpiringStockRequest => ListExpiringStockResponse, ExpiryQuery of current;
    list_audit_exceptions ListAuditExceptionsRequest => ListAuditExceptionsResponse, ExceptionsQuery of current;
}
