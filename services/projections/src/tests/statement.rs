//! Statements, against plain book-keeping, and as told at a position for ever.

use std::{collections::BTreeMap, sync::Arc};

use keruen_domain::registry::Amend;
use keruen_log::Log;
use keruen_proto::{
    registry::v1::{Facility, FacilityKind, LocalizedText, Organisation},
    reports::v1::{
        GetStatementRequest, GetStatementResponse, StatementFigure as Figure, StatementRow,
        get_statement_request::Party,
    },
};

use super::{
    following::{append, open_log},
    history::{FACILITIES, ORGANISATIONS, eventful},
    naive,
};
use crate::{
    report::StatementQuery,
    views::{ViewOptions, Views},
};

/// The last day of the history, and of none of its facts.
pub const LAST_DAY: &str = "2026-03-20";

struct Node {
    views: Arc<Views>,
    log: Arc<dyn Log>,
}

impl Node {
    async fn ask(&self, request: &GetStatementRequest) -> GetStatementResponse {
        let head_position = self.log.head().await.unwrap().position;
        for (_, mut status) in self.views.watch() {
            let reached =
                status.wait_for(|status| status.ready && status.position >= head_position);
            reached.await.unwrap();
        }
        let mut request = request.clone();
        let mut all = GetStatementResponse::default();
        loop {
            let today = LAST_DAY.parse().unwrap();
            let query = StatementQuery::parse(&request, today, head_position).unwrap();
            let page = query.answer(&self.views, &self.log).await.unwrap();
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

fn of_donor() -> GetStatementRequest {
    GetStatementRequest {
        party: Some(Party::DonorId("KASPI".to_owned())),
        page_size: 7,
        ..GetStatementRequest::default()
    }
}

fn of_owner(owner_id: &str) -> GetStatementRequest {
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
            Figure::Opening | Figure::Received | Figure::TitleIn => 1,
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

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_adds_up_and_stays_as_it_was() {
    let mut history = eventful();
    let middle = history.events.len() / 3 * 2;
    // At last the registry says something else of everything.
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
    let events = &history.events;
    let dir = tempfile::tempdir().unwrap();
    let log: Arc<dyn Log> = open_log(&dir.path().join("keruen.db"));
    append(&*log, &events[..middle]).await;
    let views = Views::in_folder(dir.path(), ViewOptions::default()).unwrap();
    let running = views.run(log.clone());
    let node = Node { views, log };

    let earlier = node.ask(&of_donor()).await;
    assert_eq!(earlier.position, middle as u64);
    check_balance(&earlier.rows);
    let owners = [of_owner(ORGANISATIONS[0]), of_owner(ORGANISATIONS[1])];
    let mut owned = Vec::new();
    for request in &owners {
        owned.push(node.ask(request).await);
        check_balance(&owned[owned.len() - 1].rows);
    }

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

    // By now it says what plain book-keeping does.
    let later = node.ask(&of_donor()).await;
    check_balance(&later.rows);
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

    check_changes(&node, middle as u64, &earlier, &later).await;
    running.stop().await;
}

/// What has changed since an earlier statement is what the two say differently.
async fn check_changes(
    node: &Node,
    since: u64,
    earlier: &GetStatementResponse,
    later: &GetStatementResponse,
) {
    let request = GetStatementRequest {
        since_position: since,
        changed_only: true,
        ..of_donor()
    };
    let changes = node.ask(&request).await.rows;
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
    let quantities = |rows: &[StatementRow]| -> BTreeMap<_, i64> {
        rows.iter().map(|row| (key(row), row.quantity)).collect()
    };
    let (before, after) = (quantities(&earlier.rows), quantities(&later.rows));
    let mut expected = BTreeMap::new();
    for key in before.keys().chain(after.keys()) {
        let of = |rows: &BTreeMap<_, i64>| rows.get(key).copied().unwrap_or_default();
        if of(&before) != of(&after) {
            expected.insert(key.clone(), (of(&before), of(&after)));
        }
    }
    let found: BTreeMap<_, _> = changes
        .iter()
        .map(|row| (key(row), (row.quantity_before.unwrap(), row.quantity)))
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_begins_with_what_the_one_before_ended_with() {
    let history = eventful();
    let mut events = history.events.clone();
    // A fact every six minutes, so that there are days enough.
    for (index, event) in events.iter_mut().enumerate() {
        let at = event.occurred_at.as_mut().unwrap();
        at.time_us += i64::try_from(index).unwrap() * 300_000_000;
    }
    let dir = tempfile::tempdir().unwrap();
    let log: Arc<dyn Log> = open_log(&dir.path().join("keruen.db"));
    append(&*log, &events).await;
    let views = Views::in_folder(dir.path(), ViewOptions::default()).unwrap();
    let running = views.run(log.clone());
    let node = Node { views, log };
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

#[test]
fn a_statement_that_breaks_a_rule_is_refused_field_by_field() {
    let refused = |request: &GetStatementRequest, field: &str| {
        let query = StatementQuery::parse(request, LAST_DAY.parse().unwrap(), 10);
        let error = query.err().expect(field).to_string();
        assert!(error.contains(field), "{error}");
    };
    refused(&GetStatementRequest::default(), "party");
    let ask = of_donor();
    refused(
        &GetStatementRequest {
            at_position: 11,
            ..ask.clone()
        },
        "at_position",
    );
    refused(
        &GetStatementRequest {
            since_position: 11,
            ..ask.clone()
        },
        "since_position",
    );
    refused(
        &GetStatementRequest {
            changed_only: true,
            ..ask.clone()
        },
        "changed_only",
    );
    let wrong = GetStatementRequest {
        first_day: "2026-03-21".to_owned(),
        unreported_after_days: -1,
        ..ask
    };
    refused(&wrong, "first_day");
    refused(&wrong, "unreported_after_days");
}
