//! Style sheet, script and icon: built in, served from the same origin.

use axum::{
    Router,
    http::header,
    response::{IntoResponse as _, Response},
    routing::get,
};

/// A file that every page may load.
#[derive(Debug)]
pub struct Asset {
    path: &'static str,
    content_type: &'static str,
    body: &'static str,
    /// Changes with the content, so that caches may keep a file for ever.
    version: u64,
}

/// How the page looks.
pub static STYLE: Asset = Asset::new(
    "/assets/page.css",
    "text/css; charset=utf-8",
    include_str!("../assets/page.css"),
);

/// How papers look.
pub static PAPER: Asset = Asset::new(
    "/assets/paper.css",
    "text/css; charset=utf-8",
    include_str!("../assets/paper.css"),
);

/// How the page keeps itself up to date.
pub static SCRIPT: Asset = Asset::new(
    "/assets/live.js",
    "text/javascript; charset=utf-8",
    include_str!("../assets/live.js"),
);

/// The icon.
pub static ICON: Asset = Asset::new(
    "/assets/icon.svg",
    "image/svg+xml",
    include_str!("../assets/icon.svg"),
);

impl Asset {
    const fn new(path: &'static str, content_type: &'static str, body: &'static str) -> Self {
        Self {
            path,
            content_type,
            body,
            version: fingerprint(body.as_bytes()),
        }
    }

    /// Where the page finds it.
    pub fn address(&self) -> String {
        format!("{}?v={:016x}", self.path, self.version)
    }

    fn response(&self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, self.content_type),
            (header::CACHE_CONTROL, "max-age=31536000, immutable"),
        ];
        (headers, self.body).into_response()
    }
}

/// FNV-1a: enough to tell one build's file from another's.
const fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}

/// Serves them.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    [&STYLE, &PAPER, &SCRIPT, &ICON]
        .into_iter()
        .fold(Router::new(), |router, asset| {
            router.route(asset.path, get(|| async { asset.response() }))
        })
}
