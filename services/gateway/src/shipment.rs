//! The page of one shipment: where it stands, and its papers to print.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use askama::Template;
use axum::http::{HeaderMap, Uri};
use chrono::{DateTime, NaiveDate};
use keruen_proto::{
    registry::v1::LocalizedText,
    shipments::v1::{GetShipmentRequest, Shipment},
};
use tonic::Code;

use crate::{
    assets, format,
    frame::Frame,
    names::{NameCache, Named, Names},
    node::{Node, problem_of},
    paper::{self, Document, Language, PaperError, Printing},
    problem::Problem,
    query::Choice,
    text::{Lang, Texts},
};

/// Longest id that is looked up, in characters: no id is longer.
const LONGEST_ID: usize = 64;
/// All of Kazakhstan is five hours ahead of UTC.
const KAZAKHSTAN: Duration = Duration::from_hours(5);

/// A shipment, and the names of what it is about.
#[derive(Debug)]
pub struct Shown {
    shipment: Shipment,
    names: Names,
}

impl Shown {
    /// Reads it from the node.
    pub async fn read(node: &Node, names: &NameCache, shipment_id: &str) -> Result<Self, Problem> {
        let no_such = || Problem::NoSuchShipment {
            found: shipment_id.to_owned(),
        };
        if shipment_id.chars().count() > LONGEST_ID {
            return Err(no_such());
        }
        let mut shipments = node.shipments.clone();
        let question = node.ask(GetShipmentRequest {
            shipment_id: shipment_id.to_owned(),
        });
        let answer = node.answer(shipments.get_shipment(question)).await;
        let answer = answer.map_err(|status| match status.code() {
            Code::NotFound | Code::InvalidArgument => no_such(),
            _ => problem_of(&status),
        })?;
        let shipment = answer.shipment.ok_or_else(no_such)?;
        let names = names.find(node, paper::named(&shipment)).await;
        Ok(Self {
            names: names.map_err(|status| problem_of(&status))?,
            shipment,
        })
    }

    /// One of its papers, as of today.
    pub fn paper(&self, document: Document, language: Language) -> Result<String, Problem> {
        let style = assets::PAPER.address();
        let printing = Printing {
            document,
            language,
            printed_on: &today().to_string(),
            style: Some(&style),
        };
        paper::render(&self.shipment, &self.names, printing).map_err(|error| match error {
            PaperError::Absent { .. } => Problem::NoSuchPaper {
                found: format!("{}/{}", self.shipment.shipment_id, document.slug()),
            },
            other => {
                tracing::error!(error = %other, "paper not made");
                Problem::Failed
            }
        })
    }
}

/// Today in Kazakhstan; the first of 1970 where the machine's clock stands before that.
fn today() -> NaiveDate {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = since.unwrap_or_default() + KAZAKHSTAN;
    let seconds = i64::try_from(now.as_secs()).unwrap_or_default();
    DateTime::from_timestamp(seconds, 0)
        .unwrap_or_default()
        .date_naive()
}

/// The language of a paper, which may be in two at once, and what the page that says why there is none shows.
pub fn language_of(uri: &Uri, headers: &HeaderMap) -> Result<(Choice, Language), (Lang, Problem)> {
    const BOTH: &str = "lang=both";
    let is_both = uri
        .query()
        .is_some_and(|query| query.split('&').any(|part| part == BOTH));
    if is_both {
        let choice = Choice {
            lang: Lang::Kk,
            commodity: None,
            donation: None,
        };
        return Ok((choice, Language::Both));
    }
    let choice = Choice::of(uri, headers)?;
    let language = match choice.lang {
        Lang::Kk => Language::Kk,
        Lang::Ru => Language::Ru,
        // Papers are in the languages of the country.
        Lang::En => Language::Both,
    };
    Ok((choice, language))
}

/// A paper that there is.
struct Paper {
    slug: &'static str,
    title: String,
}

/// The page.
#[derive(Template)]
#[template(path = "shipment.html")]
pub struct ShipmentPage<'a> {
    frame: Frame,
    t: &'a Texts,
    shipment_id: &'a str,
    state: &'a str,
    origin: String,
    destination: String,
    custodian: String,
    expected_on: String,
    papers: Vec<Paper>,
    /// In which languages papers are printed: the word of the address, and the name.
    languages: [(&'static str, String); 3],
}

impl<'a> ShipmentPage<'a> {
    /// Puts into words what the node said.
    pub fn of(shown: &'a Shown, choice: &Choice) -> Self {
        let (lang, t) = (choice.lang, choice.lang.texts());
        let shipment = &shown.shipment;
        let name = |named: Named, code: &str| {
            let known: Option<&LocalizedText> = shown.names.get(&named);
            format::name(lang, known, code)
        };
        let facility = |code: &str| name(Named::Facility(code.to_owned()), code);
        let language = match lang {
            Lang::Kk => Language::Kk,
            Lang::Ru => Language::Ru,
            Lang::En => Language::Both,
        };
        let there = Document::ALL
            .into_iter()
            .filter(|document| document.is_of(shipment));
        Self {
            frame: Frame::of(choice),
            t,
            shipment_id: &shipment.shipment_id,
            state: t.shipment_state(shipment.state()),
            origin: facility(&shipment.origin_id),
            destination: facility(&shipment.destination_id),
            custodian: name(
                Named::Organisation(shipment.custodian_id.clone()),
                &shipment.custodian_id,
            ),
            expected_on: shipment.expected_on.clone(),
            papers: there
                .map(|document| Paper {
                    slug: document.slug(),
                    title: document.heading(language),
                })
                .collect(),
            languages: [Language::Kk, Language::Ru, Language::Both].map(|language| {
                let name = match language {
                    Language::Kk => Lang::Kk.endonym().to_owned(),
                    Language::Ru => Lang::Ru.endonym().to_owned(),
                    Language::Both => {
                        format!("{} / {}", Lang::Kk.endonym(), Lang::Ru.endonym())
                    }
                };
                (language.word(), name)
            }),
        }
    }
}
