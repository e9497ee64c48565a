//! What surrounds every page: language switch, same-origin assets, headers of an answer in HTML.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

use crate::{assets, query::Choice, text::Lang};

/// Headers for every answer: no sources but our own, no framing, no sniffing.
pub const SECURITY_HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=()",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// What the layout of every page needs.
#[derive(Debug)]
pub struct Frame {
    /// The page's language.
    pub lang: Lang,
    /// The same page in each language.
    pub languages: Vec<Language>,
    /// Address of the style sheet.
    pub style: String,
    /// Address of the script.
    pub script: String,
    /// Address of the icon.
    pub icon: String,
}

/// One entry of the language switch.
#[derive(Debug)]
pub struct Language {
    /// The language.
    pub lang: Lang,
    /// Where the page is in that language.
    pub address: String,
    /// Whether it is the page's own.
    pub current: bool,
}

impl Frame {
    /// The frame for a page that shows that choice.
    pub fn of(choice: &Choice) -> Self {
        let language = |lang| Language {
            lang,
            address: choice.address_in(lang),
            current: lang == choice.lang,
        };
        Self {
            lang: choice.lang,
            languages: Lang::ALL.map(language).into(),
            style: assets::STYLE.address(),
            script: assets::SCRIPT.address(),
            icon: assets::ICON.address(),
        }
    }
}

/// An answer in HTML. Its numbers may be old in a moment, so caches must ask again.
pub fn html(lang: Lang, page: askama::Result<String>) -> Response {
    html_in(lang.code(), page)
}

/// The same in a language by its code.
pub fn html_in(lang: &'static str, page: askama::Result<String>) -> Response {
    match page {
        Ok(page) => (
            [
                (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                (header::CONTENT_LANGUAGE, lang),
                (header::CACHE_CONTROL, "no-cache"),
                (header::VARY, "accept-language"),
            ],
            page,
        )
            .into_response(),
        Err(error) => {
            // Rendering writes to memory only; this would be a mistake in a template.
            tracing::error!(%error, "page not rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
