//! What readers are told where there is no page.

use std::{net::TcpListener, time::Duration};

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use keruen_gateway::Options;
use tonic::{Code, transport::Endpoint};

use crate::{
    node::{Node, sample::Sample},
    reader::{get, router, send, visible},
};

#[tokio::test]
async fn bad_addresses_are_told_what_is_wrong() {
    let node = Node::start(Sample::story()).await;
    let router = router(&node);
    let long = format!("/?donation={}", "A".repeat(200));
    for (uri, status, told) in [
        (
            "/?lang=xx",
            StatusCode::BAD_REQUEST,
            "This page does not speak that language",
        ),
        (
            "/?lang=en&lang=ru",
            StatusCode::BAD_REQUEST,
            "The address can't be read",
        ),
        (&long, StatusCode::BAD_REQUEST, "at most 64 characters"),
        (
            "/?commodity=NONE",
            StatusCode::NOT_FOUND,
            "There is no commodity with this code",
        ),
        (
            "/?donation=NONE",
            StatusCode::NOT_FOUND,
            "There is no donation with this id",
        ),
        (
            "/favicon.ico",
            StatusCode::NOT_FOUND,
            "There is no such page",
        ),
    ] {
        let page = get(&router, uri).await;
        assert_eq!(page.status, status, "{uri}");
        assert!(
            visible(page.text()).contains(told),
            "{uri}: {}",
            visible(page.text())
        );
    }
    let request = Request::builder()
        .method(Method::POST)
        .uri("/?lang=en")
        .body(Body::from("x"))
        .unwrap();
    let page = send(&router, request).await;
    assert_eq!(
        (page.status, page.header("allow")),
        (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD")
    );
    assert!(page.text().contains("This page can only be read"));
}

#[tokio::test]
async fn a_node_that_refuses_gets_a_page_that_says_so() {
    let node = Node::start(Sample::story()).await;
    let router = router(&node);
    assert_eq!(get(&router, "/healthz").await.status, StatusCode::OK);
    for (code, status, told) in [
        (
            Code::Unavailable,
            StatusCode::SERVICE_UNAVAILABLE,
            "Узел не отвечает",
        ),
        (
            Code::ResourceExhausted,
            StatusCode::SERVICE_UNAVAILABLE,
            "Узел не отвечает",
        ),
        (
            Code::Internal,
            StatusCode::BAD_GATEWAY,
            "Узел ответил ошибкой",
        ),
        (
            Code::Unimplemented,
            StatusCode::BAD_GATEWAY,
            "Узел ответил ошибкой",
        ),
    ] {
        node.refusal.send_replace(Some(code));
        let page = get(&router, "/?lang=ru").await;
        assert_eq!(page.status, status);
        assert!(page.text().contains(told));
        assert!(
            !page.text().contains("refused by the test"),
            "what the node says is not for readers"
        );
    }
    node.refusal.send_replace(None);
    assert_eq!(get(&router, "/?lang=ru").await.status, StatusCode::OK);
}

#[tokio::test]
async fn where_no_node_is_there_is_a_page_that_says_so() {
    // The port was free a moment ago, and nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let channel = Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect_lazy();
    let router = keruen_gateway::router(channel, Options::default());
    assert_eq!(
        get(&router, "/healthz").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let page = get(&router, "/?lang=ru").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!page.header("retry-after").is_empty());
    assert!(page.text().contains("Узел не отвечает"));
}

#[tokio::test]
async fn a_node_that_never_answers_costs_no_more_than_the_deadline() {
    // It accepts connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let channel = Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect_lazy();
    let options = Options {
        call_deadline: Duration::from_millis(50),
        ..Options::default()
    };
    let router = keruen_gateway::router(channel, options);
    let page = get(&router, "/?lang=en").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text().contains("The node does not answer"));
    assert_eq!(
        get(&router, "/healthz").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
}
