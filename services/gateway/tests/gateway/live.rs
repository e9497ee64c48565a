//! Live pages: what a browser hears from `/events`.

use std::time::Duration;

use crate::node::{Node, sample::Sample};
use axum::{
    Router,
    body::{Body, BodyDataStream},
    http::{Request, StatusCode},
};
use futures::StreamExt as _;
use keruen_gateway::Options;
use tokio::{sync::watch, time::timeout};
use tonic::Code;
use tower::ServiceExt as _;

/// Long enough for any machine; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

fn quick() -> Options {
    Options {
        live_interval: Duration::from_millis(5),
        ..Options::default()
    }
}

async fn events(router: &Router) -> (StatusCode, Listener) {
    let request = Request::get("/events").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    (
        response.status(),
        Listener {
            stream: response.into_body().into_data_stream(),
            heard: String::new(),
        },
    )
}

struct Listener {
    stream: BodyDataStream,
    heard: String,
}

impl Listener {
    /// Listens until that was said.
    async fn hear(&mut self, words: &str) {
        while !self.heard.contains(words) {
            let chunk = timeout(PATIENCE, self.stream.next()).await;
            let chunk = chunk.unwrap_or_else(|_| panic!("{words:?} not in {:?}", self.heard));
            let chunk = chunk
                .unwrap_or_else(|| panic!("ended after {:?}", self.heard))
                .unwrap();
            self.heard.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Listens to the end.
    async fn end(&mut self) {
        while timeout(PATIENCE, self.stream.next())
            .await
            .expect("the stream goes on")
            .is_some()
        {}
    }
}

#[tokio::test]
async fn every_reader_hears_where_the_log_stands_and_when_it_moves() {
    let node = Node::start(Sample::story()).await;
    let router = keruen_gateway::router(node.channel.clone(), quick());
    let (status, mut first) = events(&router).await;
    assert_eq!(status, StatusCode::OK);
    first.hear("event: position\ndata: 1284\n\n").await;
    node.position.send_replace(1_290);
    first.hear("event: position\ndata: 1290\n\n").await;
    let (_, mut second) = events(&router).await;
    second.hear("data: 1290\n\n").await;
    assert!(
        !second.heard.contains("1284"),
        "a new reader hears of now: {}",
        second.heard
    );
    node.position.send_replace(1_300);
    first.hear("data: 1300\n\n").await;
    second.hear("data: 1300\n\n").await;
}

#[tokio::test]
async fn many_moves_within_the_interval_are_one_message() {
    let node = Node::start(Sample::story()).await;
    let options = Options {
        live_interval: Duration::from_millis(300),
        ..Options::default()
    };
    let router = keruen_gateway::router(node.channel.clone(), options);
    let (_, mut reader) = events(&router).await;
    reader.hear("data: 1284\n\n").await;
    for position in 2_000..=2_500 {
        node.position.send_replace(position);
        tokio::task::yield_now().await;
    }
    reader.hear("data: 2500\n\n").await;
    assert!(
        reader.heard.matches("event: position").count() < 50,
        "{}",
        reader.heard
    );
}

#[tokio::test]
async fn readers_beyond_the_bound_are_asked_to_come_again() {
    let node = Node::start(Sample::story()).await;
    let options = Options {
        max_live_readers: 2,
        ..quick()
    };
    let router = keruen_gateway::router(node.channel.clone(), options);
    let (_, mut first) = events(&router).await;
    let (_, _second) = events(&router).await;
    first.hear("data: 1284\n\n").await;
    let request = Request::get("/events").body(Body::empty()).unwrap();
    let refused = router.clone().oneshot(request).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    drop(first);
    let (status, mut third) = events(&router).await;
    assert_eq!(status, StatusCode::OK);
    third.hear("data: 1284\n\n").await;
}

#[tokio::test]
async fn a_lost_node_is_told_and_found_again() {
    let node = Node::start(Sample::story()).await;
    let router = keruen_gateway::router(node.channel.clone(), quick());
    let (_, mut reader) = events(&router).await;
    reader.hear("data: 1284\n\n").await;
    node.refusal.send_replace(Some(Code::Unavailable));
    node.position.send_replace(1_285);
    reader.hear("event: lost\n").await;
    node.refusal.send_replace(None);
    reader.hear("data: 1285\n\n").await;
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let node = Node::start(Sample::story()).await;
    let (stop, stopped) = watch::channel(false);
    let options = Options {
        stop: Some(stopped),
        ..quick()
    };
    let router = keruen_gateway::router(node.channel.clone(), options);
    let (_, mut reader) = events(&router).await;
    reader.hear("data: 1284\n\n").await;
    stop.send_replace(true);
    reader.end().await;
}

#[tokio::test]
async fn a_silent_stream_shows_that_it_lives() {
    let node = Node::start(Sample::story()).await;
    let options = Options {
        heartbeat_interval: Duration::from_millis(20),
        ..quick()
    };
    let router = keruen_gateway::router(node.channel.clone(), options);
    let (_, mut reader) = events(&router).await;
    reader.hear("data: 1284\n\n").await;
    reader.hear("\n:\n\n").await;
}
