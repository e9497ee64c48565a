//! The page of a shipment, and its papers.

use axum::http::StatusCode;
use keruen_proto::{
    inventory::v1::StockUnits,
    shipments::v1::{
        CustodyLeg, MissingUnits, Shipment, ShipmentLot, ShipmentState, ShipmentUnits,
    },
};
use tonic::Code;

use crate::{
    node::{Node, sample::Sample},
    reader::{get, router, visible},
};

const PAPERS: [&str; 5] = [
    "pick-list",
    "waybill",
    "hand-over-act",
    "receipt",
    "loss-act",
];

fn lot(quantity: i64, missing: i64) -> ShipmentLot {
    let share = MissingUnits {
        liable_id: "MOH".to_owned(),
        quantity: missing,
        ..MissingUnits::default()
    };
    ShipmentLot {
        shipment_units: Some(ShipmentUnits {
            line: 1,
            units: Some(StockUnits {
                item_id: "RAPID".to_owned(),
                batch_id: "B-1".to_owned(),
                lot: "<b>7</b>".to_owned(),
                quantity,
                ..StockUnits::default()
            }),
            ..ShipmentUnits::default()
        }),
        in_transit: quantity - missing,
        missing,
        missing_by_liable: if missing > 0 { vec![share] } else { Vec::new() },
        ..ShipmentLot::default()
    }
}

/// Two shipments: one that only claims its goods, and one on its way of which some are missing.
fn sample() -> Sample {
    let mut sample = Sample::story();
    let facility = sample.facilities[0].facility_id.clone();
    let waiting = Shipment {
        shipment_id: "S-1".to_owned(),
        origin_id: facility.clone(),
        destination_id: facility,
        lots: vec![lot(40, 0)],
        state: ShipmentState::Allocated.into(),
        ..Shipment::default()
    };
    let under_way = Shipment {
        shipment_id: "S-2".to_owned(),
        lots: vec![lot(40, 2)],
        state: ShipmentState::Dispatched.into(),
        custodian_id: "DRIVERS".to_owned(),
        legs: vec![CustodyLeg {
            custodian_id: "DRIVERS".to_owned(),
            signed_by_ref: "person:7".to_owned(),
            ..CustodyLeg::default()
        }],
        ..waiting.clone()
    };
    sample.shipments = vec![waiting, under_way];
    sample
}

/// Where the links of a page lead.
fn links(html: &str) -> Vec<&str> {
    let parts = html.split("href=\"").skip(1);
    parts.map(|part| part.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn a_shipment_leads_to_the_papers_that_it_has() {
    let node = Node::start(sample()).await;
    let router = router(&node);
    let page = get(&router, "/shipments/S-1?lang=en").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(visible(page.text()).contains("Claimed"));
    let papers = |html: &str| -> Vec<String> {
        let of_papers = links(html).into_iter();
        let of_papers = of_papers.filter(|link| link.matches('/').count() == 3);
        of_papers.map(str::to_owned).collect()
    };
    let expected = |id: &str, slugs: &[&str]| -> Vec<String> {
        let all = slugs.iter().flat_map(|slug| {
            ["kk", "ru", "both"].map(|lang| format!("/shipments/{id}/{slug}?lang={lang}"))
        });
        all.collect()
    };
    assert_eq!(papers(page.text()), expected("S-1", &PAPERS[..2]));
    let page = get(&router, "/shipments/S-2?lang=ru").await;
    assert!(visible(page.text()).contains("В пути"));
    assert_eq!(papers(page.text()), expected("S-2", &PAPERS));
    for link in papers(page.text()) {
        let paper = get(&router, &link).await;
        assert_eq!(paper.status, StatusCode::OK, "{link}");
    }
}

#[tokio::test]
async fn papers_are_in_the_language_asked_for_and_keep_to_the_policy() {
    let node = Node::start(sample()).await;
    let router = router(&node);
    for (lang, code, title) in [
        ("kk", "kk", "Жүкқұжат"),
        ("ru", "ru", "Накладная"),
        ("both", "kk", "Жүкқұжат / Накладная"),
        ("en", "kk", "Жүкқұжат / Накладная"),
    ] {
        let paper = get(&router, &format!("/shipments/S-2/waybill?lang={lang}")).await;
        assert_eq!(paper.status, StatusCode::OK);
        assert_eq!(paper.header("content-language"), code);
        assert!(visible(paper.text()).contains(title), "{lang}");
        assert!(visible(paper.text()).contains("DRIVERS"));
    }
    let paper = get(&router, "/shipments/S-2/loss-act?lang=ru").await;
    let policy = paper.header("content-security-policy");
    assert!(policy.contains("style-src 'self'") && !policy.contains("unsafe"));
    // Nothing that the policy would refuse, and nothing that somebody wrote becomes a part of the page.
    let html = paper.text();
    assert!(!html.contains("<style") && !html.contains("style=") && !html.contains("<script"));
    assert!(html.contains("&#60;b&#62;7&#60;/b&#62;") || !html.contains("<b>7</b>"));
    let style = links(html);
    let [style] = style[..] else {
        panic!("{style:?}");
    };
    let style = get(&router, style).await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(style.text().contains("@page { size: A4;"));
    // The code stands in it as a picture.
    assert!(html.contains("<svg"));
}

#[tokio::test]
async fn what_is_not_there_is_told_in_the_readers_language() {
    let node = Node::start(sample()).await;
    let router = router(&node);
    let long = format!("/shipments/{}", "A".repeat(65));
    for (uri, status, told) in [
        (
            "/shipments/NONE?lang=en",
            StatusCode::NOT_FOUND,
            "There is no shipment with this id",
        ),
        (
            &long,
            StatusCode::NOT_FOUND,
            "There is no shipment with this id",
        ),
        (
            "/shipments/NONE/waybill?lang=ru",
            StatusCode::NOT_FOUND,
            "Нет отправки с таким номером",
        ),
        (
            "/shipments/S-1/receipt?lang=kk",
            StatusCode::NOT_FOUND,
            "Жөнелтілімде қазір мұндай құжат жоқ",
        ),
        (
            "/shipments/S-1/invoice?lang=en",
            StatusCode::NOT_FOUND,
            "There is no such page",
        ),
        (
            "/shipments/S-1/waybill?lang=xx",
            StatusCode::BAD_REQUEST,
            "This page does not speak that language",
        ),
    ] {
        let page = get(&router, uri).await;
        assert_eq!(page.status, status, "{uri}");
        let seen = visible(page.text());
        assert!(seen.contains(told), "{uri}: {seen}");
    }
    node.refusal.send_replace(Some(Code::Unavailable));
    for uri in ["/shipments/S-1", "/shipments/S-1/waybill"] {
        let page = get(&router, uri).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(page.header("retry-after"), "5");
    }
}
