//! The public page, looked at with a real browser.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use std::{collections::BTreeSet, io::Read as _};

use flate2::read::GzDecoder;
use keruen_proto::inventory::v1::{ConsumeStockRequest, ConsumptionPurpose};
use keruen_tests::{
    browser::Browser,
    message::{command_id, request},
    node::Node,
    program,
    scene::Clients,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const REGIONS: usize = 20;
/// What the page and everything it loads may weigh together, compressed.
const MOST_BYTES: usize = 50_000;

/// A node that tells the story of the demo.
struct Told {
    node: Node,
    _folder: TempDir,
}

impl Told {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let data = folder.path().to_str().unwrap();
        let anywhere = ["--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"];
        program::run(
            ["demo", "--exit", "--data", data]
                .into_iter()
                .chain(anywhere),
        )
        .success();
        Self {
            node: Node::on(folder.path()).await,
            _folder: folder,
        }
    }

    fn url(&self, query: &str) -> String {
        format!("{}{query}", self.node.http_url())
    }
}

/// The numbers of each region in the page's table: on hand, reserved, held, available, in transit, in transit elsewhere,
/// consumed, disposed, lost. Groups of digits are separated in some way or other, depending on the language.
const TABLE: &str = "Object.fromEntries([...document.querySelectorAll('#stock-rows tbody tr')].map(row => \
     [row.id.replace('r-', ''), [...row.querySelectorAll('td')].map(cell => \
     Number(cell.textContent.replace(/[^0-9-]/g, '')))]))";
/// The regions of the map.
const MAP: &str = "[...document.querySelectorAll('#stock-map a[id^=m-]')].map(region => region.id.replace('m-', ''))";
/// How many colours the regions of the map have.
const SHADES: &str = "new Set([...document.querySelectorAll('#stock-map a[id^=m-] [class^=q]')].map(shape => \
     getComputedStyle(shape).fill)).size";

fn numbers_of(row: &Value) -> Value {
    let columns = [
        "on_hand",
        "reserved",
        "held",
        "available",
        "in_transit",
        "in_transit_out",
        "consumed",
        "disposed",
        "lost",
    ];
    Value::from(columns.map(|column| row[column].clone()).to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn map_and_table_show_what_the_command_line_shows_without_scripts() {
    let told = Told::new().await;
    let mut browser = Browser::start().await;
    browser.allow_scripts(false).await;
    for commodity in ["TEST-SARS2", "VEHICLE-RRV", "LAB-PCR-MOBILE"] {
        let by = [
            "stock",
            "--by",
            "region",
            "--commodity",
            commodity,
            "--format",
            "json",
        ];
        let printed: Vec<Value> = serde_json::from_str(&told.node.cli(by).success()).unwrap();
        for lang in ["en", "kk", "ru"] {
            browser
                .open(&told.url(&format!("?lang={lang}&commodity={commodity}")))
                .await;
            let table = browser.evaluate(TABLE).await;
            assert_eq!(
                table.as_object().map(serde_json::Map::len),
                Some(REGIONS),
                "{table}"
            );
            for row in &printed {
                let region = row["region"].as_str().unwrap();
                assert_eq!(
                    table[region],
                    numbers_of(row),
                    "{commodity} in {region}, {lang}"
                );
            }
            let map = browser.evaluate(MAP).await;
            let map = map.as_array().unwrap();
            assert_eq!(map.len(), REGIONS);
            assert!(
                map.iter()
                    .all(|region| table.get(region.as_str().unwrap()).is_some()),
                "{map:?}"
            );
        }
    }
    browser
        .open(&told.url("?lang=en&commodity=TEST-SARS2"))
        .await;
    assert!(
        browser.evaluate(SHADES).await.as_u64() >= Some(3),
        "the map is not shaded"
    );
    let hint = browser
        .evaluate("document.querySelector('noscript').textContent")
        .await;
    assert!(
        hint.as_str().is_some_and(|hint| hint.contains("Reload")),
        "{hint}"
    );
    assert_eq!(browser.complaints(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_speaks_three_languages_in_full() {
    let told = Told::new().await;
    let mut browser = Browser::start().await;
    let texts = "[...document.querySelectorAll('h1, h2, h3, .lead, caption, label, button, noscript p, footer p, \
         th[scope=col], dl.shares dt, dl.facts dt, figcaption > span, figcaption > small, .state, .priority')]\
         .map(part => part.textContent.trim()).filter(text => text)";
    let mut headings = BTreeSet::new();
    for lang in ["en", "kk", "ru"] {
        browser
            .open(&told.url(&format!("?lang={lang}&donation=KASPI-TESTS")))
            .await;
        assert_eq!(
            browser.evaluate("document.documentElement.lang").await,
            lang
        );
        let texts = browser.evaluate(texts).await;
        let texts: Vec<&str> = texts
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap())
            .collect();
        assert!(texts.len() > 30, "{texts:?}");
        let is_cyrillic = |text: &&str| {
            text.chars()
                .any(|char| ('\u{400}'..='\u{52f}').contains(&char))
        };
        let foreign: Vec<_> = texts
            .iter()
            .filter(|text| is_cyrillic(text) == (lang == "en"))
            .collect();
        assert!(
            foreign.is_empty(),
            "not translated into {lang}: {foreign:?}"
        );
        let heading = browser
            .evaluate("document.querySelector('h1').textContent")
            .await;
        headings.insert(heading.to_string());
    }
    assert_eq!(headings.len(), 3, "{headings:?}");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_accounts_for_every_unit_and_open_requests_are_listed() {
    let told = Told::new().await;
    let mut browser = Browser::start().await;
    browser
        .open(&told.url("?lang=en&donation=KASPI-TESTS"))
        .await;
    // Notes in the same cell (reserved, held) are not part of the number.
    let sum = "[...document.querySelectorAll('#trace-places td.n')].map(cell => \
         Number(cell.firstChild.textContent.replace(/[^0-9]/g, ''))).reduce((sum, units) => sum + units, 0)";
    assert_eq!(browser.evaluate(sum).await.as_f64(), Some(100_000.0));
    let requests = browser
        .evaluate("document.querySelector('#requests-rows').textContent")
        .await;
    let requests = requests.as_str().unwrap();
    assert!(requests.contains("REQ-JEZQAZGHAN-TESTS"), "{requests}");
    assert!(
        !requests.contains("REQ-ARKALYK-O2"),
        "a fulfilled request is still listed: {requests}"
    );
    // A phone shows all of it without scrolling sideways.
    browser.resize(360, 740).await;
    browser
        .open(&told.url("?lang=kk&donation=KASPI-TESTS"))
        .await;
    let width = browser
        .evaluate("document.documentElement.scrollWidth")
        .await;
    assert!(
        width.as_u64() <= Some(360),
        "the page is {width} pixels wide"
    );
    assert!(
        browser.screenshot().await.len() > 10_000,
        "the page is blank"
    );
    assert_eq!(browser.complaints(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_follows_the_log_where_scripts_run() {
    let told = Told::new().await;
    let mut browser = Browser::start().await;
    browser
        .open(&told.url("?lang=en&commodity=TEST-SARS2"))
        .await;
    browser
        .wait_until("document.querySelector('#live')?.classList.contains('on') === true")
        .await;
    let consumed = |table: &Value| table["KZ-39"][6].as_i64().unwrap();
    let before = consumed(&browser.evaluate(TABLE).await);
    // So that a page that loads anew would be noticed.
    browser.evaluate("document.keruenTest = true").await;

    let message = ConsumeStockRequest {
        command_id: command_id(),
        facility_id: "ARKALYK-HOSPITAL".to_owned(),
        item_id: "SARS2-RAPID".to_owned(),
        quantity: 7,
        purpose: ConsumptionPurpose::Patient.into(),
        ..ConsumeStockRequest::default()
    };
    let mut clients = Clients::on(&told.node.channel());
    let position = clients
        .inventory
        .consume_stock(request(message))
        .await
        .unwrap()
        .into_inner()
        .position;
    browser
        .wait_until(&format!(
            "Number(document.querySelector('#position').value) >= {position}"
        ))
        .await;
    assert_eq!(consumed(&browser.evaluate(TABLE).await), before + 7);
    assert_eq!(browser.evaluate("document.keruenTest").await, json!(true));
    assert_eq!(browser.complaints(), [""; 0]);
}

/// The body of an answer as it came over the wire, and unpacked.
fn get(url: &str) -> (Vec<u8>, String) {
    let mut answer = ureq::get(url)
        .header("accept-encoding", "gzip")
        .call()
        .unwrap();
    let packed = answer
        .headers()
        .get("content-encoding")
        .is_some_and(|encoding| encoding == "gzip");
    let bytes = answer.body_mut().read_to_vec().unwrap();
    let mut text = String::new();
    if packed {
        GzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .unwrap();
    } else {
        text = String::from_utf8(bytes.clone()).unwrap();
    }
    (bytes, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_light_enough_for_a_slow_line() {
    let told = Told::new().await;
    for lang in ["en", "kk", "ru"] {
        let (page, text) = get(&told.url(&format!("?lang={lang}&donation=KASPI-TESTS")));
        let mut bytes = page.len();
        let loaded: Vec<&str> = text
            .split('"')
            .filter(|part| part.starts_with("/assets/"))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        assert!(loaded.len() >= 2, "{loaded:?}");
        for path in loaded {
            bytes += get(&told.url(path.trim_start_matches('/'))).0.len();
        }
        assert!(bytes < MOST_BYTES, "the page takes {bytes} bytes in {lang}");
    }
}
