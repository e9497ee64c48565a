//! Statements, against plain book-keeping, and as told at a position for ever.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::NaiveDate;
use keruen_domain::{
    calendar::kazakhstan_day,
    donation::{Expense, PledgeDonation, SpendDonatedMoney},
    registry::Amend,
};
use keruen_log::{Log, SqliteLog, SqliteOptions};
use keruen_proto::{
    inventory::v1::MoneyPurpose,
    log::v1::RecordedEvent,
    registry::v1::{Facility, FacilityKind, LocalizedText, Money, Organisation},
    reports::v1::{
        GetStatementRequest, GetStatementResponse, StatementFigure as Figure, StatementRow,
        get_statement_request::Party, report_service_server::ReportService,
    },
};
use tonic::Request;

use super::{
    following::append,
    history::{FACILITIES, History, ORGANISATIONS, code, corrected_at_those_times, eventful},
    naive,
};
use crate::{
    endpoint::StockEndpoint,
    engine::Running,
    refusal::Refusal,
    report::{ReportEndpoint, StatementQuery},
    views::{ViewOptions, Views},
};

/// The last day of the history, and of none of its facts.
pub const LAST_DAY: &str = "2026-03-20";

/// 2026-03-20T06:00:00Z.
const AFTER_ALL_US: i64 = 1_773_986_400_000_000;
pub const DAY_US: i64 = 86_400_000_000;

/// A log, its views, and the clock of both.
pub struct Node {
    views: Arc<Views>,
    pub log: Arc<dyn Log>,
    clock: Arc<AtomicI64>,
    reports: ReportEndpoint,
}

impl Node {
    /// By its clock it is the last day of the history.
    pub fn new(dir: &Path) -> (Self, Running) {
        let clock = Arc::new(AtomicI64::new(AFTER_ALL_US));
        let now = Arc::clone(&clock);
        let options = SqliteOptions {
            clock: Arc::new(move || now.load(Ordering::Relaxed)),
            ..SqliteOptions::default()
        };
        let log: Arc<dyn Log> = Arc::new(SqliteLog::open(&dir.join("keruen.db"), options).unwrap());
        let now = Arc::clone(&clock);
        let options = ViewOptions {
            today: Some(Arc::new(move || {
                kazakhstan_day(now.load(Ordering::Relaxed))
            })),
            ..ViewOptions::default()
        };
        let views = Views::in_folder(dir, options).unwrap();
        let running = views.run(log.clone());
        let stock = StockEndpoint::new(Arc::clone(&views), Arc::clone(&log));
        let node = Self {
            views,
            log,
            clock,
            reports: ReportEndpoint::new(stock),
        };
        (node, running)
    }

    fn days_pass(&self, days: i64) {
        self.clock.fetch_add(days * DAY_US, Ordering::Relaxed);
    }

    /// The first page of a statement about no more batches than these.
    async fn limited(
        &self,
        request: &GetStatementRequest,
        batches: usize,
    ) -> Result<GetStatementResponse, Refusal> {
        let today = LAST_DAY.parse().unwrap();
        let query = StatementQuery::parse(request, &self.log, today).await?;
        query.limited(batches).answer(&self.views, &self.log).await
    }

    /// All pages, with no more said for each than the first one answered with.
    pub async fn ask(&self, request: &GetStatementRequest) -> GetStatementResponse {
        let mut request = request.clone();
        let mut all = GetStatementResponse::default();
        loop {
            let page = self.reports.get_statement(Request::new(request.clone()));
            let page = page.await.unwrap().into_inner();
            request.at_position = page.position;
            request.page_token.clone_from(&page.next_page_token);
            let rows = std::mem::take(&mut all.rows);
            all = GetStatementResponse {
                rows: [rows, page.rows].concat(),
                ..page
            };
            if request.page_token.is_empty() {
                return all;
            }
        }
    }
}

/// A fact every six minutes, so that there are days enough.
pub fn spread(events: &[RecordedEvent]) -> Vec<RecordedEvent> {
    let mut events = events.to_vec();
    for (index, event) in events.iter_mut().enumerate() {
        let at = event.occurred_at.as_mut().unwrap();
        at.time_us += i64::try_from(index).unwrap() * 300_000_000;
    }
    corrected_at_those_times(events)
}

pub fn of_donor() -> GetStatementRequest {
    GetStatementRequest {
        party: Some(Party::DonorId("KASPI".to_owned())),
        page_size: 40,
        ..GetStatementRequest::default()
    }
}

pub fn of_owner(owner_id: &str) -> GetStatementRequest {
    GetStatementRequest {
        party: Some(Party::OwnerId(owner_id.to_owned())),
        ..of_donor()
    }
}

/// What came in and what became of it are the same, donation by donation, item by item, and so is their value.
fn check_balance(rows: &[StatementRow]) {
    let mut balances: BTreeMap<(&str, &str), (i64, i64)> = BTreeMap::new();
    for row in rows {
        let sign = match row.figure() {
            Figure::Opening
            | Figure::Received
            | Figure::TitleIn
            | Figure::MoneyOpening
            | Figure::MoneyPledged => 1,
            Figure::Unreported | Figure::Expired | Figure::InService => 0,
            _ => -1,
        };
        let value = row.value.as_ref().map_or(0, |value| value.minor_units);
        let balance = balances
            .entry((&row.donation_id, &row.item_id))
            .or_default();
        balance.0 += sign * row.quantity;
        balance.1 += sign * value;
    }
    assert!(!balances.is_empty());
    for (key, balance) in balances {
        assert_eq!(balance, (0, 0), "{key:?}");
    }
}

fn sum(rows: &[StatementRow], figure: Figure) -> i64 {
    let rows = rows.iter().filter(|row| row.figure() == figure);
    rows.map(|row| row.quantity).sum()
}

fn money(rows: &[StatementRow], figure: Figure) -> i64 {
    let rows = rows.iter().filter(|row| row.figure() == figure);
    rows.filter_map(|row| Some(row.value.as_ref()?.minor_units))
        .sum()
}

/// Some of the money that a donor promises is spent on carriage.
pub fn give_money(history: &mut History) {
    history.expect(&PledgeDonation {
        donation_id: code("MONEY"),
        donor_id: code("KASPI"),
        recipient_id: code("KASPI"),
        lines: Vec::new(),
        money: Some(dollars(500)),
        expected_on: None,
        documents: Vec::new(),
        anonymous: false,
        conditions: Vec::new(),
        earmarks: Vec::new(),
    });
    history.expect(&SpendDonatedMoney {
        donation_id: code("MONEY"),
        amount: dollars(200),
        supplier_id: code("CARRIER"),
        expense: Expense::Service {
            purpose: MoneyPurpose::Freight,
            shipment_id: None,
        },
        commitment: None,
        documents: Vec::new(),
    });
}

fn dollars(minor_units: i64) -> Money {
    Money {
        currency_code: "USD".to_owned(),
        minor_units,
    }
}

/// At last the registry says something else of everything.
fn rename(history: &mut History) {
    for (facility_id, _) in FACILITIES {
        history.expect(&Amend {
            thing: Facility {
                facility_id: facility_id.to_owned(),
                kind: FacilityKind::Warehouse.into(),
                ..Facility::default()
            },
            fields: vec!["kind".to_owned()],
        });
    }
    history.expect(&Amend {
        thing: Organisation {
            organisation_id: "KASPI".to_owned(),
            name: Some(LocalizedText {
                en: "Another name".to_owned(),
                ..LocalizedText::default()
            }),
            ..Organisation::default()
        },
        fields: vec!["name".to_owned()],
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_adds_up_and_stays_as_it_was() {
    let mut history = eventful();
    let middle = history.events.len() / 3 * 2;
    give_money(&mut history);
    rename(&mut history);
    let events = &spread(&history.events)[..];
    let dir = tempfile::tempdir().unwrap();
    let (node, running) = Node::new(dir.path());
    append(&*node.log, &events[..middle]).await;

    let of_donor = || GetStatementRequest {
        unreported_after_days: 18,
        ..of_donor()
    };
    let earlier = node.ask(&of_donor()).await;
    assert_eq!(earlier.position, middle as u64);
    assert_eq!(earlier.last_day, LAST_DAY);
    let unreported = sum(&earlier.rows, Figure::Unreported);
    assert!(unreported > 0 && unreported < sum(&earlier.rows, Figure::Delivered));
    check_balance(&earlier.rows);
    let owners = [of_owner(ORGANISATIONS[0]), of_owner(ORGANISATIONS[1])];
    let mut owned = Vec::new();
    for request in &owners {
        owned.push(node.ask(request).await);
        check_balance(&owned[owned.len() - 1].rows);
    }

    // Time passes, and more is recorded.
    node.days_pass(40);
    assert_eq!(node.ask(&of_donor()).await, earlier);
    append(&*node.log, &events[middle..]).await;
    // As known then, it is the same, whatever was recorded since.
    let frozen = GetStatementRequest {
        at_position: middle as u64,
        ..of_donor()
    };
    assert_eq!(node.ask(&frozen).await, earlier);
    for (request, earlier) in owners.iter().zip(&owned) {
        let frozen = GetStatementRequest {
            at_position: middle as u64,
            ..request.clone()
        };
        assert_eq!(node.ask(&frozen).await, *earlier);
    }

    // Nor did anybody ever know a part of what was recorded at once.
    let appends = events[..middle].chunk_by(|one, other| one.command_id == other.command_id);
    let append = appends.filter(|events| events.len() > 1).last().unwrap();
    let [within, whole] = [&append[0], &append[append.len() - 1]];
    let request = GetStatementRequest {
        at_position: within.position,
        since_position: within.position,
        ..of_donor()
    };
    let told = node.ask(&request).await;
    assert_eq!(told.position, whole.position);
    let same = |row: &StatementRow| row.quantity_before == Some(row.quantity);
    assert!(told.rows.iter().all(same), "{told:?}");

    // By now it says what plain book-keeping does.
    let later = node.ask(&of_donor()).await;
    check_balance(&later.rows);
    let of_money = [Figure::MoneyPledged, Figure::MoneySpent, Figure::MoneyLeft];
    assert_eq!(of_money.map(|it| money(&later.rows, it)), [500, 200, 300]);
    assert_eq!(of_money.map(|it| money(&earlier.rows, it)), [0; 3]);
    let there = [Figure::AtWarehouse, Figure::Delivered];
    let split = |rows| there.map(|figure| sum(rows, figure) > 0);
    assert_eq!(split(&earlier.rows), [false, true]);
    assert_eq!(split(&later.rows), [true, false]);
    assert_ne!(earlier.party_name, later.party_name);
    let mut expected = [0; 5];
    for ((_, _, batch_id, _), sums) in naive::stock(history.decoded()) {
        let of_donation = events.iter().any(|event| {
            event.tags.contains(&format!("batch:{batch_id}"))
                && event.r#type.ends_with("DonationReceived")
        });
        if of_donation {
            for (total, column) in expected.iter_mut().zip([4, 5, 6, 7, 3]) {
                *total += sums[column];
            }
        }
    }
    let figures = [
        Figure::Received,
        Figure::Used,
        Figure::Disposed,
        Figure::Lost,
        Figure::InTransit,
    ];
    assert_eq!(figures.map(|figure| sum(&later.rows, figure)), expected);
    assert!(expected.iter().all(|sum| *sum > 0), "{expected:?}");
    let lost = later.rows.iter().filter(|row| row.figure() == Figure::Lost);
    assert!(
        lost.clone().any(|row| row.cause.starts_with("LOSS_CAUSE_")),
        "{lost:?}"
    );

    assert_ne!(later.last_day, LAST_DAY);
    let asked = GetStatementRequest {
        since_position: middle as u64,
        changed_only: true,
        ..of_donor()
    };
    let changes = node.ask(&asked).await.rows;
    check_changes(&changes, &earlier.rows, &later.rows);
    node.days_pass(40);
    assert_eq!(node.ask(&asked).await.rows, changes);
    running.stop().await;
}

/// What has changed since an earlier statement is what the two say differently.
fn check_changes(changes: &[StatementRow], earlier: &[StatementRow], later: &[StatementRow]) {
    let key = |row: &StatementRow| {
        let currency = row.value.clone().or_else(|| row.value_before.clone());
        let currency = currency
            .map(|value| value.currency_code)
            .unwrap_or_default();
        (
            row.donation_id.clone(),
            row.item_id.clone(),
            row.figure,
            row.cause.clone(),
            currency,
        )
    };
    let amount = |money: &Option<Money>| money.as_ref().map_or(0, |it| it.minor_units);
    let quantities = |rows: &[StatementRow]| -> BTreeMap<_, (i64, i64)> {
        let told = |row: &StatementRow| (row.quantity, amount(&row.value));
        rows.iter().map(|row| (key(row), told(row))).collect()
    };
    let (before, after) = (quantities(earlier), quantities(later));
    let mut expected = BTreeMap::new();
    for key in before.keys().chain(after.keys()) {
        let of = |rows: &BTreeMap<_, (i64, i64)>| rows.get(key).copied().unwrap_or_default();
        if of(&before) != of(&after) {
            expected.insert(key.clone(), (of(&before), of(&after)));
        }
    }
    let found: BTreeMap<_, _> = changes
        .iter()
        .map(|row| {
            let before = (row.quantity_before.unwrap(), amount(&row.value_before));
            (key(row), (before, (row.quantity, amount(&row.value))))
        })
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_begins_with_what_the_one_before_ended_with() {
    let history = eventful();
    let events = spread(&history.events);
    let dir = tempfile::tempdir().unwrap();
    let (node, running) = Node::new(dir.path());
    append(&*node.log, &events).await;
    let period = |first_day: &str, last_day: &str| GetStatementRequest {
        first_day: first_day.to_owned(),
        last_day: last_day.to_owned(),
        ..of_donor()
    };
    let before = node.ask(&period("", "2026-03-03")).await.rows;
    let after = node.ask(&period("2026-03-04", LAST_DAY)).await.rows;
    let all = node.ask(&period("", LAST_DAY)).await.rows;
    for rows in [&before, &after, &all] {
        check_balance(rows);
    }
    let closing = [Figure::AtWarehouse, Figure::Delivered, Figure::InTransit];
    let closing: i64 = closing.map(|figure| sum(&before, figure)).iter().sum();
    assert!(closing > 0);
    assert_eq!(sum(&after, Figure::Opening), closing);
    for flow in [
        Figure::Received,
        Figure::Used,
        Figure::Disposed,
        Figure::Lost,
    ] {
        assert_eq!(
            sum(&before, flow) + sum(&after, flow),
            sum(&all, flow),
            "{flow:?}"
        );
        assert!(sum(&after, flow) > 0, "{flow:?}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equipment_serves_in_the_period_in_which_it_did() {
    let mut events = eventful().events;
    let is_step = |event: &RecordedEvent| event.r#type.contains(".Asset");
    let first = events.iter().position(is_step).unwrap();
    let days = 10 * DAY_US / i64::try_from(events.len() - first).unwrap();
    for (event, after) in events.iter_mut().skip(first).zip(1..) {
        event.occurred_at.as_mut().unwrap().time_us += after * days;
    }
    let events = corrected_at_those_times(events);
    let dir = tempfile::tempdir().unwrap();
    let (node, running) = Node::new(dir.path());
    append(&*node.log, &events).await;
    let mut served = Vec::new();
    let days = (1..19).step_by(3).map(|day| format!("2026-03-{day:02}"));
    for day in [String::from("2026-02-28")].into_iter().chain(days) {
        let ends = (day.parse::<NaiveDate>().unwrap()).succ_opt().unwrap();
        let known = events
            .iter()
            .filter(|event| kazakhstan_day(event.occurred_at.as_ref().unwrap().time_us) < ends);
        let period = GetStatementRequest {
            last_day: day.clone(),
            ..of_donor()
        };
        let in_service = |rows: Vec<StatementRow>| {
            let rows = rows.into_iter();
            rows.filter(|row| row.figure() == Figure::InService)
                .collect::<Vec<_>>()
        };
        let rows = in_service(node.ask(&period).await.rows);
        // Facts are recorded as they happen, so that it is what was known on the evening of that day.
        if let Some(last) = known.map(|event| event.position).max() {
            let then = GetStatementRequest {
                at_position: last,
                ..period
            };
            assert_eq!(rows, in_service(node.ask(&then).await.rows), "{day}");
        } else {
            assert_eq!(rows, [], "{day}");
        }
        served.push(rows);
    }
    served.dedup();
    assert!(served.len() > 1, "{served:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_about_too_much_is_told_donation_by_donation() {
    let history = eventful();
    let dir = tempfile::tempdir().unwrap();
    let (node, running) = Node::new(dir.path());
    append(&*node.log, &history.events).await;
    let owner = GetStatementRequest {
        page_size: 1_000,
        ..of_owner(ORGANISATIONS[0])
    };
    let whole = node.ask(&owner).await.rows;
    let mut parts = Vec::new();
    for donation_id in history
        .donations
        .iter()
        .map(String::as_str)
        .chain(["UNATTRIBUTED"])
    {
        let part = GetStatementRequest {
            donation_id: donation_id.to_owned(),
            ..owner.clone()
        };
        // Batches of one donation, or of none that is known.
        parts.extend(node.limited(&part, 60).await.unwrap().rows);
    }
    let order = |rows: &mut Vec<StatementRow>| rows.sort_by_key(|row| format!("{row:?}"));
    let mut sorted = whole;
    order(&mut sorted);
    order(&mut parts);
    assert_eq!(parts, sorted);
    for request in [owner, of_donor()] {
        let refused = node.limited(&request, 60).await.unwrap_err();
        assert!(matches!(refused, Refusal::StatementTooLarge), "{refused}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_breaks_a_rule_is_refused_field_by_field() {
    let dir = tempfile::tempdir().unwrap();
    let (node, running) = Node::new(dir.path());
    append(&*node.log, &eventful().events[..10]).await;
    let ask = of_donor();
    let wrong = [
        (GetStatementRequest::default(), vec!["party"]),
        (
            GetStatementRequest {
                at_position: 11,
                since_position: 11,
                ..ask.clone()
            },
            vec!["at_position", "since_position"],
        ),
        (
            GetStatementRequest {
                at_position: 4,
                since_position: 5,
                ..ask.clone()
            },
            vec!["since_position"],
        ),
        (
            GetStatementRequest {
                changed_only: true,
                ..ask.clone()
            },
            vec!["changed_only"],
        ),
        (
            GetStatementRequest {
                first_day: "2026-03-21".to_owned(),
                unreported_after_days: -1,
                ..ask
            },
            vec!["first_day", "unreported_after_days"],
        ),
    ];
    for (request, fields) in wrong {
        let today = LAST_DAY.parse().unwrap();
        let query = StatementQuery::parse(&request, &node.log, today).await;
        let error = query.err().expect(fields[0]).to_string();
        for field in fields {
            assert!(error.contains(field), "{error}");
        }
    }
    running.stop().await;
}
