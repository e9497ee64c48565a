//! A reader of the page, without a browser.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use keruen_gateway::Options;
use tower::ServiceExt as _;

use crate::node::Node;

const LARGEST_BODY: usize = 10 * 1024 * 1024;

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }
}

pub async fn send(router: &Router, request: Request<Body>) -> Answer {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, LARGEST_BODY).await.unwrap().to_vec();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

pub async fn get(router: &Router, uri: &str) -> Answer {
    send(router, Request::get(uri).body(Body::empty()).unwrap()).await
}

pub async fn zipped(router: &Router, uri: &str) -> Answer {
    let request = Request::get(uri).header(header::ACCEPT_ENCODING, "gzip");
    send(router, request.body(Body::empty()).unwrap()).await
}

pub fn router(node: &Node) -> Router {
    keruen_gateway::router(node.channel.clone(), Options::default())
}

/// What people read: without tags, attributes and what stands in `code`.
pub fn visible(html: &str) -> String {
    let mut text = String::new();
    let mut rest = &html[html.find("<body").unwrap()..];
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        text.push(' ');
        rest = &rest[start..];
        let skipped = if rest.starts_with("<code") {
            "</code>"
        } else {
            ">"
        };
        rest = &rest[rest.find(skipped).unwrap() + skipped.len()..];
    }
    // Numeric references are how the template engine escapes.
    text.replace("&#39;", "'")
        .replace("&#38;", "&")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
}
