//! The public page: where donated aid is now, as a read-only client of the node's gRPC services.
//!
//! Everything is rendered on the server and works without JavaScript; where JavaScript runs, the page follows the log.

mod assets;
mod format;
mod frame;
mod live;
mod map;
mod names;
mod node;
mod page;
pub mod paper;
mod problem;
mod query;
mod requests;
mod scale;
mod share;
mod shipment;
mod snapshot;
mod stock;
mod text;
mod trace;

use std::{sync::Arc, time::Duration};

use askama::Template as _;
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri},
    response::{IntoResponse as _, Response},
    routing::get,
};
use tokio::sync::{Semaphore, watch};
use tonic::transport::Channel;
use tower_http::{compression::CompressionLayer, set_header::SetResponseHeaderLayer};

pub use crate::names::{Named, Names};
use crate::{
    live::Live,
    names::NameCache,
    node::Node,
    page::Page,
    paper::Document,
    problem::Problem,
    query::Choice,
    shipment::{ShipmentPage, Shown},
    snapshot::Snapshot,
};

/// Bounds of the page.
#[derive(Clone, Debug)]
pub struct Options {
    /// Longest wait for one answer of the node. A page takes a few answers, and twice this at most.
    pub call_deadline: Duration,
    /// How many pages are read at the same time; further readers are asked to come again.
    pub max_pages_in_flight: usize,
    /// How many readers are told of changes at the same time; further ones are asked to come again.
    pub max_live_readers: usize,
    /// Shortest time between two messages to one reader.
    pub live_interval: Duration,
    /// How often a silent stream shows that it lives.
    pub heartbeat_interval: Duration,
    /// Becomes true, or loses its sender, when the server stops, so that live streams end. `None`: they end with
    /// their connections.
    pub stop: Option<watch::Receiver<bool>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            call_deadline: Duration::from_secs(5),
            max_pages_in_flight: 64,
            max_live_readers: 256,
            live_interval: Duration::from_secs(2),
            heartbeat_interval: Duration::from_secs(15),
            stop: None,
        }
    }
}

#[derive(Clone, Debug)]
struct Gateway {
    node: Node,
    names: NameCache,
    live: Live,
    pages: Arc<Semaphore>,
    page_deadline: Duration,
}

/// The page and what belongs to it: `/`, `/shipments/ID` and its papers, `/events`, `/healthz` and the assets. `channel` leads to the node's gRPC
/// address; it may connect lazily. Call it within a Tokio runtime: it starts a task, which ends with the router.
pub fn router(channel: Channel, options: Options) -> Router {
    let node = Node::new(channel, options.call_deadline);
    let gateway = Gateway {
        names: NameCache::new(),
        pages: Arc::new(Semaphore::new(options.max_pages_in_flight)),
        page_deadline: options.call_deadline * 2,
        live: Live::start(node.clone(), options),
        node,
    };
    let router = Router::new()
        .route("/", get(page))
        .route("/shipments/{shipment_id}", get(shipment))
        .route("/shipments/{shipment_id}/{document}", get(paper_of))
        .route("/events", get(events))
        .route("/healthz", get(healthz))
        .merge(assets::routes())
        .fallback(no_such_page)
        .method_not_allowed_fallback(read_only)
        .with_state(gateway)
        .layer(CompressionLayer::new());
    frame::SECURITY_HEADERS
        .into_iter()
        .fold(router, |router, (name, value)| {
            let value = HeaderValue::from_static(value);
            router.layer(SetResponseHeaderLayer::overriding(
                HeaderName::from_static(name),
                value,
            ))
        })
}

async fn page(State(gateway): State<Gateway>, uri: Uri, headers: HeaderMap) -> Response {
    let choice = match Choice::of(&uri, &headers) {
        Ok(choice) => choice,
        Err((lang, problem)) => return problem.page_in(lang),
    };
    gateway
        .within_bounds(&choice, async {
            let snapshot = Snapshot::read(&gateway.node, &gateway.names, &choice).await?;
            Ok(frame::html(
                choice.lang,
                Page::of(&snapshot, &choice).render(),
            ))
        })
        .await
}

async fn shipment(
    State(gateway): State<Gateway>,
    Path(shipment_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let choice = match Choice::of(&uri, &headers) {
        Ok(choice) => choice,
        Err((lang, problem)) => return problem.page_in(lang),
    };
    gateway
        .within_bounds(&choice, async {
            let shown = Shown::read(&gateway.node, &gateway.names, &shipment_id).await?;
            Ok(frame::html(
                choice.lang,
                ShipmentPage::of(&shown, &choice).render(),
            ))
        })
        .await
}

async fn paper_of(
    State(gateway): State<Gateway>,
    Path((shipment_id, document)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let (choice, language) = match shipment::language_of(&uri, &headers) {
        Ok(known) => known,
        Err((lang, problem)) => return problem.page_in(lang),
    };
    let Ok(document) = document.parse::<Document>() else {
        return Problem::NoSuchPage.page(&choice);
    };
    gateway
        .within_bounds(&choice, async {
            let shown = Shown::read(&gateway.node, &gateway.names, &shipment_id).await?;
            let page = shown.paper(document, language)?;
            Ok(frame::html_in(language.code(), Ok(page)))
        })
        .await
}

impl Gateway {
    /// A page that is read while there is room for another reader, and within its deadline.
    async fn within_bounds(
        &self,
        choice: &Choice,
        page: impl Future<Output = Result<Response, Problem>>,
    ) -> Response {
        // What reads a page is large, and is moved about less on the heap.
        let page = Box::pin(page);
        let Ok(_slot) = self.pages.try_acquire() else {
            return Problem::Busy.page(choice);
        };
        match tokio::time::timeout(self.page_deadline, page).await {
            Ok(Ok(response)) => response,
            Ok(Err(problem)) => problem.page(choice),
            Err(_) => {
                tracing::warn!(
                    deadline_ms = self.page_deadline.as_millis(),
                    "page not read within its deadline"
                );
                Problem::Unavailable.page(choice)
            }
        }
    }
}

async fn events(State(gateway): State<Gateway>) -> Response {
    gateway.live.response()
}

async fn healthz(State(gateway): State<Gateway>) -> Response {
    match gateway.node.head().await {
        Ok(_) => "ok\n".into_response(),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the node does not answer\n",
        )
            .into_response(),
    }
}

async fn no_such_page(uri: Uri, headers: HeaderMap) -> Response {
    Problem::NoSuchPage.page_in(Choice::language_of(&uri, &headers))
}

async fn read_only(uri: Uri, headers: HeaderMap) -> Response {
    Problem::ReadOnly.page_in(Choice::language_of(&uri, &headers))
}
