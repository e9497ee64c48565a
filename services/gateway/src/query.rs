//! What a reader asks for: language, commodity and donation, from the address and from `Accept-Language`.

use std::fmt::Write as _;

use axum::{
    extract::Query,
    http::{HeaderMap, Uri, header},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::{problem::Problem, text::Lang};

/// Longest value that is looked up, in characters: no code or id is longer.
const LONGEST_VALUE: usize = 64;

/// What the address says, before it is understood.
#[derive(Debug, Default, Deserialize)]
struct Address {
    lang: Option<String>,
    commodity: Option<String>,
    donation: Option<String>,
}

/// What is asked for. Absent values are chosen by the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The language.
    pub lang: Lang,
    /// Code of a commodity.
    pub commodity: Option<String>,
    /// Id of a donation.
    pub donation: Option<String>,
}

impl Choice {
    /// Reads the address. A problem comes with the language to tell it in.
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Result<Self, (Lang, Problem)> {
        let accepted = accepted_language(headers);
        let Ok(Query(address)) = Query::<Address>::try_from_uri(uri) else {
            return Err((
                accepted,
                Problem::BadAddress {
                    found: uri.query().unwrap_or_default().to_owned(),
                },
            ));
        };
        let lang = match stated(address.lang) {
            None => accepted,
            Some(code) => match Lang::of(&code) {
                Some(lang) => lang,
                None => return Err((accepted, Problem::NoSuchLanguage { found: code })),
            },
        };
        let choice = Self {
            lang,
            commodity: stated(address.commodity),
            donation: stated(address.donation),
        };
        for value in [&choice.commodity, &choice.donation].into_iter().flatten() {
            if value.chars().count() > LONGEST_VALUE {
                return Err((
                    lang,
                    Problem::BadAddress {
                        found: value.clone(),
                    },
                ));
            }
        }
        Ok(choice)
    }

    /// The language for an answer that asks for nothing else.
    pub fn language_of(uri: &Uri, headers: &HeaderMap) -> Lang {
        Self::of(uri, headers).map_or_else(|(lang, _)| lang, |choice| choice.lang)
    }

    /// The same choice in another language, as a relative address.
    pub fn address_in(&self, lang: Lang) -> String {
        let mut address = format!("?lang={}", lang.code());
        for (key, value) in [("commodity", &self.commodity), ("donation", &self.donation)] {
            if let Some(value) = value {
                // Writing to a string can't fail.
                let _ = write!(
                    address,
                    "&{key}={}",
                    utf8_percent_encode(value, NON_ALPHANUMERIC)
                );
            }
        }
        address
    }
}

/// Forms send empty values for what was not chosen.
fn stated(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

/// The language that the reader's browser prefers among ours; English where it names none of them.
fn accepted_language(headers: &HeaderMap) -> Lang {
    let accepted = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let mut best = (Lang::En, 0.0_f32);
    for range in accepted.split(',').take(32) {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or_default().trim();
        let weight = parts
            .find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok())
            .unwrap_or(1.0);
        let primary = tag.split('-').next().unwrap_or_default();
        if let Some(lang) = Lang::of(primary)
            && weight > best.1
        {
            best = (lang, weight);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(accept_language: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, accept_language.parse().unwrap())])
    }

    #[test]
    fn the_address_wins_over_the_browser_and_the_browser_over_english() {
        let choose = |uri: &str, accept: &str| {
            Choice::of(&uri.parse().unwrap(), &headers(accept)).map(|c| c.lang)
        };
        assert_eq!(choose("/?lang=kk", "ru"), Ok(Lang::Kk));
        assert_eq!(
            choose("/?lang=&commodity=X", "ru-KZ, kk;q=0.9"),
            Ok(Lang::Ru)
        );
        assert_eq!(choose("/", "de, ru;q=0.2, kk-KZ;q=0.7"), Ok(Lang::Kk));
        assert_eq!(choose("/", "ru;q=0, *"), Ok(Lang::En));
        assert_eq!(choose("/", "q=;;,,"), Ok(Lang::En));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let refused = |uri: &str| Choice::of(&uri.parse().unwrap(), &headers("ru")).unwrap_err();
        assert_eq!(
            refused("/?lang=xx"),
            (
                Lang::Ru,
                Problem::NoSuchLanguage {
                    found: "xx".to_owned()
                }
            )
        );
        assert!(matches!(
            refused("/?donation=A&donation=B"),
            (Lang::Ru, Problem::BadAddress { .. })
        ));
        let long = format!("/?lang=kk&commodity={}", "A".repeat(65));
        assert!(matches!(
            refused(&long),
            (Lang::Kk, Problem::BadAddress { .. })
        ));
    }

    #[test]
    fn the_switch_keeps_everything_else() {
        let choice = Choice {
            lang: Lang::En,
            commodity: Some("A&B=\"Ж".to_owned()),
            donation: Some("D-1".to_owned()),
        };
        let uri: Uri = format!("/{}", choice.address_in(Lang::Kk)).parse().unwrap();
        assert_eq!(
            Choice::of(&uri, &HeaderMap::new()),
            Ok(Choice {
                lang: Lang::Kk,
                ..choice
            })
        );
    }
}
