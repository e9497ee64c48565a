//! Telling with each answer where the view stood that it was read from.

use std::{
    cell::RefCell,
    convert::Infallible,
    future::Future,
    task::{Context, Poll},
};

use keruen_log::Log;
use keruen_proto::{Standing, ViewState};
use tokio::sync::watch;
use tonic::{
    body::Body,
    codegen::{BoxFuture, Service, http},
    server::NamedService,
};

use crate::views::{Keeper, Status};

tokio::task_local! {
    /// Of the views that the answer under way was read from, the one that is furthest behind.
    static READ: RefCell<Option<Standing>>;
}

/// Notes that the answer under way was read from a view at a position.
pub fn note(keeper: &Keeper, position: u64) {
    // Where nobody is to be told, nothing is noted.
    let _ = READ.try_with(|read| {
        let status = keeper.status();
        let mut read = read.borrow_mut();
        if read.as_ref().is_none_or(|known| position < known.position) {
            *read = Some(Standing {
                view: keeper.view.name.to_owned(),
                state: state(&status, keeper.view.version),
                position,
                head_position: status.head_position.max(position),
                parked_at: status.parked.map(|parked| parked.position),
            });
        }
    });
}

fn state(status: &Status, version: u32) -> ViewState {
    if status.failure.is_some() {
        ViewState::Failing
    } else if status.parked.is_some() {
        ViewState::Parked
    } else if status.version == version {
        ViewState::Following
    } else {
        ViewState::Building
    }
}

/// A service whose answers, and refusals that came of reading, say in their metadata where the view stood, see
/// [`keruen_proto::standing`].
#[derive(Clone, Debug)]
pub struct TellStanding<S> {
    service: S,
    head: watch::Receiver<u64>,
}

impl<S> TellStanding<S> {
    /// Over a service of views that follow `log`.
    pub fn new(service: S, log: &dyn Log) -> Self {
        let head = log.watch_head();
        Self { service, head }
    }
}

impl<S: NamedService> NamedService for TellStanding<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B> Service<http::Request<B>> for TellStanding<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let answer = self.service.call(request);
        let telling = tell(answer, self.head.clone());
        Box::pin(READ.scope(RefCell::default(), telling))
    }
}

async fn tell(
    answer: impl Future<Output = Result<http::Response<Body>, Infallible>>,
    head: watch::Receiver<u64>,
) -> Result<http::Response<Body>, Infallible> {
    let mut answer = answer.await?;
    if let Some(mut standing) = READ.with(RefCell::take) {
        // A view that stands still does not look at it.
        standing.head_position = standing.head_position.max(*head.borrow());
        let headers = answer.headers_mut();
        for (key, value) in standing.entries() {
            // What is metadata is a header too.
            if let Ok(value) = http::HeaderValue::from_bytes(value.as_bytes()) {
                headers.insert(key, value);
            }
        }
    }
    Ok(answer)
}
