//! Answers other than the page: what was wrong, in the reader's language.

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

use crate::{
    frame::{Frame, html},
    query::Choice,
    text::{Lang, Texts},
};

/// Seconds after which it makes sense to try again.
pub const RETRY_AFTER_S: u32 = 5;

/// Longest quotation of what was found, in characters.
const LONGEST_QUOTATION: usize = 80;

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No such path.
    NoSuchPage,
    /// No such language.
    NoSuchLanguage { found: String },
    /// No such commodity.
    NoSuchCommodity { found: String },
    /// No such donation.
    NoSuchDonation { found: String },
    /// No such shipment.
    NoSuchShipment { found: String },
    /// The shipment has no such paper as it stands.
    NoSuchPaper { found: String },
    /// The query is malformed or beyond its bounds.
    BadAddress { found: String },
    /// A method other than GET and HEAD.
    ReadOnly,
    /// The node can't be reached or is overloaded.
    Unavailable,
    /// The node answered with an error that a retry won't mend.
    Failed,
    /// Too many readers at once.
    Busy,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: Frame,
    t: &'a Texts,
    headline: &'a str,
    note: &'a str,
    found: Option<String>,
    retry: bool,
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchPage
            | Self::NoSuchCommodity { .. }
            | Self::NoSuchDonation { .. }
            | Self::NoSuchShipment { .. }
            | Self::NoSuchPaper { .. } => StatusCode::NOT_FOUND,
            Self::NoSuchLanguage { .. } | Self::BadAddress { .. } => StatusCode::BAD_REQUEST,
            Self::ReadOnly => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unavailable | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed => StatusCode::BAD_GATEWAY,
        }
    }

    fn texts(&self, t: &Texts) -> (&'static str, &'static str) {
        match self {
            Self::NoSuchPage => (t.no_such_page, t.no_such_page_note),
            Self::NoSuchLanguage { .. } => (t.no_such_language, t.no_such_language_note),
            Self::NoSuchCommodity { .. } => (t.no_such_commodity, t.no_such_commodity_note),
            Self::NoSuchDonation { .. } => (t.no_such_donation, t.no_such_donation_note),
            Self::NoSuchShipment { .. } => (t.no_such_shipment, t.no_such_shipment_note),
            Self::NoSuchPaper { .. } => (t.no_such_paper, t.no_such_paper_note),
            Self::BadAddress { .. } => (t.bad_address, t.bad_address_note),
            Self::ReadOnly => (t.read_only, t.read_only_note),
            Self::Unavailable => (t.unavailable, t.unavailable_note),
            Self::Failed => (t.failed, t.failed_note),
            Self::Busy => (t.busy, t.busy_note),
        }
    }

    fn found(&self) -> Option<String> {
        let (Self::NoSuchLanguage { found }
        | Self::NoSuchCommodity { found }
        | Self::NoSuchDonation { found }
        | Self::NoSuchShipment { found }
        | Self::NoSuchPaper { found }
        | Self::BadAddress { found }) = self
        else {
            return None;
        };
        let mut quotation: String = found.chars().take(LONGEST_QUOTATION).collect();
        if quotation.len() < found.len() {
            quotation.push('…');
        }
        Some(quotation)
    }

    /// The page that says so. `choice` is what the language switch keeps.
    pub fn page(&self, choice: &Choice) -> Response {
        let t = choice.lang.texts();
        let (headline, note) = self.texts(t);
        let status = self.status();
        let retry = matches!(self, Self::Unavailable | Self::Failed | Self::Busy);
        let page = ProblemPage {
            frame: Frame::of(choice),
            t,
            headline,
            note,
            found: self.found(),
            retry,
        };
        let mut response = (status, html(choice.lang, page.render())).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
        }
        response
    }

    /// The page that says so, where the address could not be understood.
    pub fn page_in(&self, lang: Lang) -> Response {
        self.page(&Choice {
            lang,
            commodity: None,
            donation: None,
        })
    }
}
