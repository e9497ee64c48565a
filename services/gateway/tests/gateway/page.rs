//! The page as a reader gets it.

use std::{collections::BTreeSet, io::Read as _};

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use keruen_proto::{
    Standing, ViewState,
    registry::v1::LocalizedText,
    requests::v1::{RequestPriority, RequestState},
    stock::v1::{GetTraceResponse, TraceBatch, TracePlace, TraceStep},
};

use crate::{
    node::{Node, sample::Sample, sample::text},
    reader::{get, router, send, visible, zipped},
};

const LANGUAGES: [&str; 3] = ["en", "kk", "ru"];

/// Texts that people get to hear or see from attributes.
fn spoken(html: &str) -> String {
    let mut text = String::new();
    for attribute in [
        "aria-label=\"",
        "title=\"",
        "data-on=\"",
        "data-off=\"",
        "content=\"",
    ] {
        for found in html[html.find("<body").unwrap()..].split(attribute).skip(1) {
            text.push_str(&found[..found.find('"').unwrap()]);
            text.push(' ');
        }
    }
    text
}

fn latin_words(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    words
        .filter(|word| word.len() > 1 && word.chars().any(|letter| letter.is_ascii_alphabetic()))
        .collect()
}

#[tokio::test]
async fn each_language_says_everything_in_its_own_words() {
    let node = Node::start(Sample::story()).await;
    let router = router(&node);
    // Names, ids and codes of the sample, and the language switch.
    let names: BTreeSet<&str> =
        "English SARS CoV Kaspi Bank KASPI UTEM QUIET L20 0417 USD JavaScript SN D"
            .split(' ')
            .collect();
    for donation in ["D-KASPI-1", "D-UTEM-2", "D-QUIET-3"] {
        for lang in ["kk", "ru"] {
            let page = get(&router, &format!("/?lang={lang}&donation={donation}")).await;
            assert_eq!(page.status, StatusCode::OK);
            assert!(page.text().contains(&format!("<html lang=\"{lang}\"")));
            let text = visible(page.text()) + &spoken(page.text());
            let foreign: Vec<_> = latin_words(&text)
                .into_iter()
                .filter(|word| !names.contains(word))
                .collect();
            assert!(foreign.is_empty(), "{lang} {donation}: {foreign:?}");
        }
    }
    for lang in LANGUAGES {
        for uri in ["/nowhere", "/?commodity=NONE", "/?donation=NONE"] {
            let separator = if uri.contains('?') { '&' } else { '?' };
            let page = get(&router, &format!("{uri}{separator}lang={lang}")).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{uri}");
            assert!(
                page.text().contains(&format!("<html lang=\"{lang}\"")),
                "{uri} {lang}"
            );
            let foreign = latin_words(&visible(page.text())).len();
            assert!(
                lang == "en" || foreign == 1,
                "only the word English: {}",
                visible(page.text())
            );
        }
    }
}

#[tokio::test]
async fn the_page_tells_the_numbers_and_the_position_that_they_reflect() {
    let node = Node::start(Sample::story()).await;
    let router = router(&node);
    let page = get(&router, "/?lang=en&commodity=O2-CONCENTRATOR").await;
    let text = page.text();
    assert!(text.contains("<data id=\"position\" value=\"1284\">1,284</data>"));
    let numbers = |region: &str| -> Vec<&str> {
        let row = &text[text.find(&format!("<tr id=\"r-{region}\">")).unwrap()..];
        row[..row.find("</tr>").unwrap()]
            .split("<td")
            .skip(1)
            .map(|cell| &cell[cell.find('>').unwrap() + 1..cell.find('<').unwrap()])
            .collect()
    };
    let ulytau = ["6", "0", "0", "6", "4", "0", "0", "0", "0"];
    assert_eq!(numbers("KZ-62"), ulytau);
    // What is on its way there has left the capital.
    assert_eq!(numbers("KZ-71")[4..6], ["0", "4"]);
    assert!(
        text.contains("Ulytau Region: on hand 6, in transit 4</title>"),
        "the map tells the same"
    );
    let total = &visible(&format!(
        "<body>{}",
        &text[text.find("<tfoot>").unwrap()..text.find("</tfoot>").unwrap()]
    ));
    let total: Vec<&str> = total.split_whitespace().collect();
    assert_eq!(
        total,
        ["Total", "46", "12", "0", "34", "4", "4", "0", "0", "0"]
    );
    // By itself the page shows what most has come of, and the largest donation of that.
    let page = get(&router, "/?lang=en").await;
    assert!(
        page.text()
            .contains("<option value=\"TEST-SARS2\" selected>")
    );
    assert!(
        page.text()
            .contains("<option value=\"D-KASPI-1\" selected>")
    );
}

/// What is in kits is told by the batches that it comes from.
#[tokio::test]
async fn kits_with_some_of_a_donation_are_not_added_to_it() {
    let mut sample = Sample::story();
    let shares = |page: &str| -> Vec<String> {
        let parts = page.split("<dl class=\"shares\"").skip(1);
        let parts = parts.map(|part| part[..part.find("</dl>").unwrap()].to_owned());
        parts.collect()
    };
    let uri = "/?lang=en&donation=D-KASPI-1";
    let node = Node::start(sample.clone()).await;
    let before = shares(get(&router(&node), uri).await.text());
    let is_it = |trace: &&mut GetTraceResponse| {
        let donation = trace.donation.as_ref();
        donation.is_some_and(|it| it.donation_id == "D-KASPI-1")
    };
    let trace = sample.traces.iter_mut().find(is_it).unwrap();
    let mut kit = trace.batches[0].clone();
    kit.of_kits = true;
    kit.batch.as_mut().unwrap().batch_id = "KITS".to_owned();
    trace.batches.push(kit);
    let node = Node::start(sample).await;
    let page = get(&router(&node), uri).await;
    let after = shares(page.text());
    assert_eq!(after[..before.len()], before, "{after:?}");
    assert_eq!(after.len(), before.len() + 1);
    assert!(visible(page.text()).contains("Kits put together with some of it"));
}

#[tokio::test]
async fn a_page_of_a_view_that_stands_still_says_how_much_is_missing() {
    for (state, lag_events, is_told) in [
        (ViewState::Parked, 1_091, true),
        (ViewState::Failing, 1, true),
        (ViewState::Following, 100, false),
    ] {
        let mut sample = Sample::story();
        sample.standing = Some(Standing {
            view: "current".to_owned(),
            state,
            position: sample.position,
            head_position: sample.position + lag_events,
            parked_at: None,
        });
        let node = Node::start(sample).await;
        let router = router(&node);
        for lang in LANGUAGES {
            let page = get(&router, &format!("/?lang={lang}")).await;
            let banner = page.text().split("class=\"behind\">").nth(1);
            assert_eq!(banner.is_some(), is_told, "{state:?} {lang}");
            let shown = banner.map(|text| text.split_once("</strong>").unwrap().0);
            let digits: Option<String> =
                shown.map(|it| it.chars().filter(char::is_ascii_digit).collect());
            assert_eq!(digits, is_told.then(|| lag_events.to_string()), "{lang}");
        }
    }
}

#[tokio::test]
async fn what_is_not_told_yet_is_named_in_the_words_of_the_reader() {
    let mut sample = Sample::story();
    // The page has no column of the other one.
    sample.untold_counters = ["in_transit_out", "title_in"].map(str::to_owned).into();
    for (sample, is_named) in [(sample, true), (Sample::story(), false)] {
        let node = Node::start(sample).await;
        let router = router(&node);
        for (lang, named) in [
            ("en", "made anew: Sent, under way</caption>"),
            ("kk", "0: Жіберілген, жолда</caption>"),
            ("ru", "пересчитаны: Отправлено, в пути</caption>"),
        ] {
            let page = get(&router, &format!("/?lang={lang}")).await;
            assert_eq!(page.text().contains(named), is_named, "{lang}");
        }
    }
}

#[tokio::test]
async fn only_regions_of_today_are_drawn() {
    let mut sample = Sample::story();
    sample.regions.retain(|region| region.region_id != "KZ-62");
    let node = Node::start(sample).await;
    let page = get(&router(&node), "/?lang=en&commodity=TEST-SARS2").await;
    assert_eq!(page.text().matches("id=\"m-KZ-").count(), 19);
    assert!(!page.text().contains("id=\"m-KZ-62\""));
    assert!(
        page.text().contains("id=\"r-KZ-62\""),
        "stock of an unknown region stays in the table and its total"
    );
}

#[tokio::test]
async fn anonymous_donors_are_not_named() {
    let node = Node::start(Sample::story()).await;
    let router = router(&node);
    for lang in LANGUAGES {
        for uri in [
            format!("/?lang={lang}&donation=D-QUIET-3"),
            format!("/?lang={lang}"),
        ] {
            let page = get(&router, &uri).await;
            assert!(page.text().contains("D-QUIET-3"));
            for name in ["SHY-DONOR", "Shy Giver", "Ұялшақ", "Скромный"] {
                assert!(!page.text().contains(name), "{uri}: {name}");
            }
        }
    }
    let page = get(&router, "/?lang=en&donation=D-QUIET-3").await;
    assert!(
        page.text().matches("Anonymous donor").count() >= 5,
        "donor, recipient, owner, custodian and the list"
    );
}

#[tokio::test]
async fn names_from_outside_are_text_never_markup() {
    const HOSTILE: &str = "<script>alert('x')</script>\"><img src=x onerror=y>&amp;";
    let name = || Some(text(HOSTILE, HOSTILE, HOSTILE));
    let mut sample = Sample::story();
    for region in &mut sample.regions {
        region.name = name();
    }
    for commodity in &mut sample.commodities {
        commodity.name = name();
        commodity.base_unit = HOSTILE.to_owned();
    }
    sample.items.iter_mut().for_each(|item| item.name = name());
    sample
        .organisations
        .iter_mut()
        .for_each(|organisation| organisation.name = name());
    sample
        .facilities
        .iter_mut()
        .for_each(|facility| facility.name = name());
    sample
        .requests
        .iter_mut()
        .for_each(|row| row.facility_name = name());
    for trace in &mut sample.traces {
        trace.donor_name = name();
        for TraceBatch {
            batch,
            places,
            item_name,
            ..
        } in &mut trace.batches
        {
            *item_name = name();
            batch.as_mut().unwrap().lot = HOSTILE.to_owned();
            batch.as_mut().unwrap().expires_on = HOSTILE.to_owned();
            for TracePlace {
                facility_name,
                serial_numbers,
                ..
            } in places
            {
                *facility_name = name();
                *serial_numbers = vec![HOSTILE.to_owned()];
            }
        }
    }
    let node = Node::start(sample).await;
    let router = router(&node);
    for uri in [
        "/?lang=ru",
        "/?lang=en&donation=D-QUIET-3&commodity=O2-CONCENTRATOR",
    ] {
        let page = get(&router, uri).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(visible(page.text()).contains(HOSTILE));
        assert_eq!(
            page.text().matches("<script").count(),
            1,
            "only the page's own"
        );
        assert_eq!(page.text().matches("<img").count(), 1, "only the icon");
    }
    let page = get(&router, "/?lang=en&donation=%3Cscript%3E%22%3E").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(!page.text().contains("<script"));
    assert!(visible(page.text()).contains("There is no donation with this id"));
}

/// Twenty regions, sixty open requests, the longest trace that is shown, in the language with the longest words.
#[tokio::test]
async fn the_largest_page_stays_small() {
    let mut sample = Sample::story();
    sample.requests = (0..60)
        .map(|index| sample.request(index, RequestPriority::Urgent, RequestState::Approved))
        .collect();
    let trace = sample.traces.last_mut().unwrap();
    let batch = trace.batches[0].clone();
    trace.batches = (0..30_u64)
        .map(|number| {
            let mut batch = batch.clone();
            batch.batch.as_mut().unwrap().batch_id = format!("B-{:05X}", number * 7919 % 1_000_003);
            batch.places = (0..20)
                .map(|index| numbered(&batch.places[index % 7], number * 20 + index as u64))
                .collect();
            batch.steps = (0..90)
                .map(|index| TraceStep {
                    position: number * 90 + index,
                    ..batch.steps[3].clone()
                })
                .collect();
            batch
        })
        .collect();
    let node = Node::start(sample).await;
    let router = router(&node);
    for lang in LANGUAGES {
        let page = zipped(&router, &format!("/?lang={lang}")).await;
        assert_eq!(
            (page.status, page.header("content-encoding")),
            (StatusCode::OK, "gzip")
        );
        let mut text = String::new();
        flate2::read::GzDecoder::new(&page.body[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text.matches("class=\"priority").count(), 50);
        assert!(
            text.contains(": 10</p>"),
            "the ten requests beyond the bound are counted"
        );
        assert!(
            text.contains(": 2\u{a0}500</p>") || text.contains(": 2,500</p>"),
            "so are earlier steps"
        );
        let mut whole = page.body.len();
        for asset in assets_of(&text) {
            whole += zipped(&router, &asset).await.body.len();
        }
        assert!(whole < 50 * 1024, "{lang}: {whole} bytes");
    }
}

fn numbered(place: &TracePlace, number: u64) -> TracePlace {
    TracePlace {
        quantity: i64::try_from(number * 6_700_417 % 99_991).unwrap(),
        shipment_id: format!("S-{:06X}", number * 15_485_863 % 16_777_213),
        ..place.clone()
    }
}

fn assets_of(html: &str) -> Vec<String> {
    let addresses = html
        .split(['"'])
        .filter(|part| part.starts_with("/assets/"));
    addresses
        .map(str::to_owned)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

#[tokio::test]
async fn everything_comes_from_the_same_origin() {
    let node = Node::start(Sample::story()).await;
    let router = router(&node);
    let page = get(&router, "/?lang=en").await;
    for name in ["href=\"", "src=\"", "action=\""] {
        for address in page
            .text()
            .split(name)
            .skip(1)
            .map(|rest| &rest[..rest.find('"').unwrap()])
        {
            assert!(
                address.is_empty()
                    || address.starts_with(['?', '#'])
                    || address.starts_with('/') && !address.starts_with("//"),
                "{address}"
            );
        }
    }
    assert!(
        !page.text().contains("style=") && !page.text().contains("<style"),
        "the policy forbids inline styles"
    );
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'; style-src 'self'; script-src 'self'")
    );
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let assets = assets_of(page.text());
    assert_eq!(assets.len(), 3);
    for asset in assets {
        let asset = get(&router, &asset).await;
        assert_eq!(asset.status, StatusCode::OK);
        assert!(!asset.text().contains("://") || asset.text().contains("www.w3.org"));
    }
}

#[tokio::test]
async fn the_reader_chooses_the_language_and_keeps_the_rest() {
    let node = Node::start(Sample::story()).await;
    let router = router(&node);
    let page = get(
        &router,
        "/?lang=kk&commodity=O2-CONCENTRATOR&donation=D-UTEM-2",
    )
    .await;
    assert!(
        page.text().contains(
            "href=\"?lang=ru&#38;commodity=O2%2DCONCENTRATOR&#38;donation=D%2DUTEM%2D2\""
        )
    );
    assert!(
        page.text()
            .contains("<input type=\"hidden\" name=\"donation\" value=\"D-UTEM-2\">")
    );
    assert!(
        page.text()
            .contains("<input type=\"hidden\" name=\"commodity\" value=\"O2-CONCENTRATOR\">")
    );
    let request = Request::get("/").header(header::ACCEPT_LANGUAGE, "de, kk;q=0.8, ru;q=0.5");
    let page = send(&router, request.body(Body::empty()).unwrap()).await;
    assert_eq!(page.header("content-language"), "kk");
    assert!(
        page.headers
            .get_all(header::VARY)
            .iter()
            .any(|value| value == "accept-language")
    );
}

#[tokio::test]
async fn an_empty_node_has_a_page() {
    let node = Node::start(Sample::empty()).await;
    let page = get(&router(&node), "/?lang=en").await;
    assert_eq!(page.status, StatusCode::OK);
    for told in [
        "Nothing has been recorded yet",
        "No donation has been recorded yet",
        "No request is open",
    ] {
        assert!(page.text().contains(told), "{told}");
    }
}

#[tokio::test]
async fn what_was_never_registered_is_shown_by_its_code() {
    let mut sample = Sample::story();
    sample.organisations.clear();
    sample
        .traces
        .iter_mut()
        .for_each(|trace| trace.donor_name = Some(LocalizedText::default()));
    let node = Node::start(sample).await;
    let page = get(&router(&node), "/?lang=ru&donation=D-KASPI-1").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(visible(page.text()).contains("KASPI"));
}
