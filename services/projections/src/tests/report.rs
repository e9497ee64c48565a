//! Reports, against the history itself.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use chrono::NaiveDate;
use keruen_domain::{
    Boundary, Code, Entry,
    calendar::{kazakhstan_day, kazakhstan_day_number},
    registry::{CloseFacility, Retire, SetMinimumReserve},
    stock::{ConsumeStock, NewStock, OpenStock},
};
use keruen_proto::{
    Event,
    inventory::v1::{Batch, ConsumptionPurpose},
    log::v1::RecordedEvent,
    registry::v1::{ClosureReason, Money, RetirementReason},
    reports::v1::{
        AuditException, AuditExceptionKind, ListAuditExceptionsRequest, ListExpiringStockRequest,
        ListReordersRequest, ListUnmetNeedsRequest, ReorderOrder, ReorderRow,
    },
    stock::v1::ListShortagesRequest,
};
use serde_json::Value;

use super::{
    answers::{TODAY, region_of},
    history::{
        FACILITIES, History, ITEMS, choices_from, code, counted_from_us, eventful, quantity,
    },
    naive,
    past::{chronicle, recorded_late},
    statement::give_money,
    stores::{open, served},
};
use crate::{
    attention::ShortagesQuery,
    copies::Place,
    database::params,
    report::{ExceptionsQuery, ExpiryQuery, Missing, NeedsQuery, ReorderQuery, missing},
    view::CURRENT,
    writer::Writer,
};

const PERSONS: [&str; 3] = ["person:1", "person:2", "anonymous"];

pub fn today() -> NaiveDate {
    TODAY.parse().unwrap()
}

/// The rows of the view `current` on both databases, after the same history.
pub fn writers(events: &[RecordedEvent], place: &Place, served: &Place) -> [Writer; 2] {
    [(place, 97), (served, 500)].map(|(place, batch)| {
        let mut writer = open(place, &CURRENT);
        for (turn, batch) in events.chunks(batch).enumerate() {
            assert_eq!(writer.apply(batch).unwrap().defect, None);
            if turn % 2 == 0 {
                writer.forget_beyond(0);
            }
        }
        writer
    })
}

/// All rows of a list, page by page.
macro_rules! all_pages {
    ($writer:expr, $query:ident, $request:expr, $size:expr) => {
        all_pages!($writer, $query, $request, $size, today())
    };
    ($writer:expr, $query:ident, $request:expr, $size:expr, $today:expr) => {{
        let mut rows = Vec::new();
        let mut request = $request.clone();
        request.page_size = $size;
        loop {
            let query = $query::parse(&request).unwrap();
            let page = query.answer($writer.connection(), $today).unwrap();
            assert!(page.rows.len() <= $size as usize);
            rows.extend(page.rows);
            if page.next_page_token.is_empty() {
                break rows;
            }
            request.page_token = page.next_page_token;
        }
    }};
}
pub(super) use all_pages;

/// Kinds of exceptions of an event and how often each, from its JSON and with a plain look back.
fn expected(events: &[RecordedEvent], decoded: &[Event], index: usize) -> BTreeMap<i32, usize> {
    const WITH_PAPERS: [&str; 12] = [
        "CustodyHandedOver",
        "KeeperAppointed",
        "DonationReceived",
        "DonatedMoneySpent",
        "StockAdjusted",
        "StockDisposed",
        "StockReturned",
        "TitleTransferred",
        "ShipmentTitleTransferred",
        "ShipmentDispatched",
        "ShipmentReceived",
        "ShipmentLossReported",
    ];
    let (recorded, event) = (&events[index], &decoded[index]);
    let json = event.to_json().unwrap();
    let name = recorded.r#type.rsplit('.').next().unwrap();
    let mut kinds: BTreeMap<i32, usize> = BTreeMap::new();
    let mut add = |kind: AuditExceptionKind, times: usize| {
        if times > 0 {
            *kinds.entry(kind.into()).or_default() += times;
        }
    };
    // Those of a leg stand with it.
    let all = [&json, &json["leg"]].into_iter();
    let overrides = all.filter_map(Value::as_object).flatten();
    let overrides = overrides.filter(|(key, value)| key.ends_with("Override") && !value.is_null());
    add(AuditExceptionKind::Override, overrides.count());
    let late_us = recorded.recorded_at_us - recorded.occurred_at.as_ref().unwrap().time_us;
    add(
        AuditExceptionKind::Backdated,
        usize::from(late_us > 24 * 3_600 * 1_000_000),
    );
    add(
        AuditExceptionKind::Correction,
        usize::from(recorded.correction.is_some()),
    );
    let has_papers = json["documents"]
        .as_array()
        .is_some_and(|papers| !papers.is_empty());
    let lacks = WITH_PAPERS.contains(&name) && !has_papers;
    add(AuditExceptionKind::NoDocument, usize::from(lacks));
    add(
        AuditExceptionKind::Adjustment,
        usize::from(name == "StockAdjusted"),
    );
    add(
        AuditExceptionKind::Discrepancy,
        usize::from(name == "StockDiscrepancyFound"),
    );
    if name == "ShipmentReceived" {
        let received = json["units"].as_array().unwrap().iter();
        let requests: BTreeSet<&str> = received
            .filter_map(|units| units["shipmentUnits"]["requestId"].as_str())
            .filter(|id| !id.is_empty())
            .collect();
        let approved = |request: &str| {
            events[..index].iter().zip(decoded).any(|(before, event)| {
                matches!(event, Event::RequestApproved(it) if it.request_id == request)
                    && before.actor == recorded.actor
            })
        };
        let is_somebody = recorded.actor != "anonymous";
        let own = requests
            .into_iter()
            .filter(|id| is_somebody && approved(id));
        add(AuditExceptionKind::SamePerson, own.count());
        let brought = shipments_of(&events[..index], decoded, &recorded.actor);
        let shipment = json["shipmentId"].as_str().unwrap();
        let is_own = is_somebody && brought.contains(shipment);
        add(AuditExceptionKind::SamePerson, usize::from(is_own));
    }
    kinds
}

/// The shipments of plans that somebody approved, and what was split off them.
fn shipments_of(events: &[RecordedEvent], decoded: &[Event], actor: &str) -> BTreeSet<String> {
    let text = |json: &Value| json.as_str().unwrap_or_default().to_owned();
    let mut shipments = BTreeSet::new();
    for (recorded, event) in events.iter().zip(decoded) {
        let json = event.to_json().unwrap();
        if recorded.r#type.ends_with(".PlanApproved") && recorded.actor == actor {
            let shares = json["shares"].as_array().unwrap().iter();
            shipments.extend(shares.map(|share| text(&share["shipmentId"])));
        }
        if recorded.r#type.ends_with(".ShipmentSplit")
            && shipments.contains(&text(&json["shipmentId"]))
        {
            shipments.insert(text(&json["newShipmentId"]));
        }
    }
    shipments
}

/// The units that an event is about, as its JSON lists them: batch, item and how many.
fn units_of(event: &Event) -> Vec<(String, String, i64)> {
    fn collect(json: &Value, found: &mut Vec<(String, String, i64)>) {
        let text = |key: &str| json[key].as_str().filter(|text| !text.is_empty());
        match (text("batchId"), text("itemId"), text("quantity")) {
            (Some(batch), Some(item), Some(quantity)) if text("ownerId").is_some() => {
                found.push((batch.to_owned(), item.to_owned(), quantity.parse().unwrap()));
            }
            _ => match json {
                Value::Array(all) => all.iter().for_each(|it| collect(it, found)),
                Value::Object(all) => all.values().for_each(|it| collect(it, found)),
                _ => {}
            },
        }
    }
    let mut json = event.to_json().unwrap();
    // Nothing of it moved.
    let name = event.short_name();
    if name.starts_with("Asset") || name.starts_with("Stocktak") || name == "StockCounted" {
        return Vec::new();
    }
    // Kits are what they are made of.
    if matches!(name, "KitsAssembled" | "KitsBroken") {
        json = json["kits"].take();
    }
    let mut found = Vec::new();
    collect(&json, &mut found);
    found
}

/// Item, units and value of the rows in which an event is told, by a plain sum over each currency.
fn told_of(history: &History, index: usize) -> Vec<(String, i64, Option<Money>)> {
    let event = &history.decoded()[index];
    let json = event.to_json().unwrap();
    let is_fewer = match event.short_name() {
        "StockAdjusted" | "ReceiptCorrected" => json["decrease"] == true,
        "MovementVoided" => {
            let of = ["VOIDED_MOVEMENT_INCREASE", "VOIDED_MOVEMENT_DISCREPANCY"];
            of.iter().any(|it| json["movement"] == *it)
        }
        _ => false,
    };
    let sign = if is_fewer { -1 } else { 1 };
    let mut rows: BTreeMap<String, (BTreeSet<String>, i64, i64)> = BTreeMap::new();
    for (batch_id, item_id, quantity) in units_of(event) {
        let boundary = Boundary::batch(&batch_id).unwrap();
        let Entry::Batch(batch) = history.fold_before(&boundary, index + 1) else {
            unreachable!();
        };
        let amount = batch.unit_value.and_then(|value| value.amount);
        let amount = amount.unwrap_or_default();
        let row = rows.entry(amount.currency_code).or_default();
        row.0.insert(item_id);
        row.1 += sign * quantity;
        row.2 += sign * quantity * amount.minor_units;
    }
    if rows.len() == 2
        && let Some(rest) = rows.remove("")
    {
        let one = rows.values_mut().next().unwrap();
        one.0.extend(rest.0);
        one.1 += rest.1;
    }
    if rows.is_empty() {
        let money = ["amount", "money"].map(|name| &json[name]);
        let money = money.into_iter().find(|it| it.is_object());
        let currency_code = money.map_or("", |it| it["currencyCode"].as_str().unwrap());
        let minor_units = money.map_or(0, |it| it["minorUnits"].as_str().unwrap().parse().unwrap());
        rows.insert(currency_code.to_owned(), (BTreeSet::new(), 0, minor_units));
    }
    let rows = rows
        .into_iter()
        .map(|(currency_code, (items, quantity, minor_units))| {
            let value = (!currency_code.is_empty()).then_some(Money {
                currency_code,
                minor_units,
            });
            match items.first().filter(|_| items.len() == 1) {
                Some(item) => (item.clone(), quantity, value),
                None => (String::new(), 0, value),
            }
        });
    let mut rows: Vec<_> = rows.collect();
    // What has no value comes last.
    rows.sort_by_key(|(_, _, value)| value.is_none());
    rows
}

#[test]
fn exceptions_are_those_that_a_plain_look_at_each_event_finds() {
    let mut history = History::with_changing_registry(&choices_from(19, 1_200));
    for number in 0..12 {
        history.share(number);
    }
    give_money(&mut history);
    let mut events = recorded_late(&history);
    let mut plans = 0;
    for (index, event) in events.iter_mut().enumerate() {
        let person = match event.r#type.rsplit('.').next().unwrap() {
            "RequestApproved" | "ShipmentReceived" => 0,
            // Goods are at every fourth of the facilities from which plans go.
            "PlanApproved" => {
                plans += 1;
                plans / 4 % 2
            }
            _ => index % 3,
        };
        PERSONS[person].clone_into(&mut event.actor);
    }
    let decoded = history.decoded();
    let mut wanted = BTreeMap::new();
    let mut several = 0;
    for index in 0..events.len() {
        let kinds = expected(&events, decoded, index);
        if kinds.is_empty() {
            continue;
        }
        let told = told_of(&history, index);
        several += usize::from(told.len() > 1);
        for (kind, times) in kinds {
            let key = (events[index].position, kind);
            let rows = std::iter::repeat_n(told.clone(), times).flatten();
            wanted.insert(key, rows.collect::<Vec<_>>());
        }
    }
    assert!(several > 0, "all is of one currency");
    let kinds: BTreeSet<i32> = wanted.keys().map(|(_, kind)| *kind).collect();
    assert!(kinds.len() >= 6, "too few kinds to tell: {kinds:?}");
    let (dir, served) = (tempfile::tempdir().unwrap(), served());
    let folder = Place::Folder(dir.path().to_owned());
    let mut lists = Vec::new();
    for writer in &mut writers(&events, &folder, &served.place) {
        let bare = ListAuditExceptionsRequest::default();
        let found = all_pages!(writer, ExceptionsQuery, bare, 53);
        let mut counted: BTreeMap<(u64, i32), Vec<_>> = BTreeMap::new();
        for exception in &found {
            let key = (exception.position, exception.kind);
            let it = exception.clone();
            let told = (it.item_id, it.quantity, it.value);
            counted.entry(key).or_default().push(told);
            let index = usize::try_from(exception.position).unwrap() - 1;
            let event = &events[index];
            assert_eq!(exception.event_id, event.event_id);
            assert_eq!(exception.actor, event.actor);
            check_place(exception, &decoded[index]);
        }
        assert_eq!(counted, wanted);
        for approved in ["request:", "shipment:PART-"] {
            let is_own = |it: &&AuditException| it.kind() == AuditExceptionKind::SamePerson;
            let own = found.iter().filter(is_own);
            let mut subjects = own.map(|it| &it.subject);
            assert!(subjects.any(|it| it.starts_with(approved)), "{approved}");
        }
        let is_paid = |it: &&AuditException| it.r#type.contains("Money") && it.value.is_some();
        assert!(found.iter().any(|it| is_paid(&it)), "nothing was paid");
        let dear = ListAuditExceptionsRequest {
            min_value_minor_units: 2_000,
            ..ListAuditExceptionsRequest::default()
        };
        let value = |it: &AuditException| it.value.as_ref().map_or(0, |it| it.minor_units.abs());
        let mut costly = found.clone();
        costly.retain(|it| value(it) >= 2_000);
        assert!(costly.iter().any(|it| it.batch_id.is_empty()));
        assert_eq!(all_pages!(writer, ExceptionsQuery, dear, 53), costly);
        check_filters(writer, &found);
        lists.push(found);
    }
    assert_eq!(lists[0], lists[1]);
}

/// What leaves, or passes from hand to hand, does so where it is, and not where it goes; what is lost on the way is lost at
/// no facility.
fn check_place(exception: &AuditException, event: &Event) {
    assert_ne!(exception.subject, "", "{exception:?}");
    if let Event::DonationReceived(it) = event {
        assert_eq!(exception.subject, format!("donation:{}", it.donation_id));
    }
    if let Event::LossActAccepted(_) | Event::ShipmentLossReported(_) = event {
        assert_eq!(exception.facility_id, "", "{exception:?}");
    }
    let (place, signed_by) = match event {
        Event::ShipmentDispatched(it) => (&it.origin_id, &it.signed_by_ref),
        Event::CustodyHandedOver(it) => {
            let leg = it.leg.as_ref().unwrap();
            (&leg.facility_id, &leg.signed_by_ref)
        }
        _ => return,
    };
    assert_eq!(exception.facility_id, *place, "{exception:?}");
    if exception.kind() == AuditExceptionKind::NoDocument {
        assert_eq!(exception.person_ref, *signed_by);
    }
}

fn check_filters(writer: &mut Writer, all: &[AuditException]) {
    check_filters_of_value(writer, all);
    let kind = AuditExceptionKind::Adjustment.into();
    let request = ListAuditExceptionsRequest {
        kinds: vec![kind],
        facility_id: FACILITIES[0].0.to_owned(),
        ..ListAuditExceptionsRequest::default()
    };
    let found = all_pages!(writer, ExceptionsQuery, request, 3);
    let wanted: Vec<_> = all
        .iter()
        .filter(|it| it.kind == kind && it.facility_id == FACILITIES[0].0)
        .cloned()
        .collect();
    assert!(!wanted.is_empty());
    assert_eq!(found, wanted);
    let middle = all[all.len() / 2].recorded_at_us;
    let day =
        NaiveDate::default() + chrono::Days::new(kazakhstan_day_number(middle).unsigned_abs());
    let request = ListAuditExceptionsRequest {
        recorded_from: day.to_string(),
        recorded_until: day.to_string(),
        actor: PERSONS[1].to_owned(),
        ..ListAuditExceptionsRequest::default()
    };
    let found = all_pages!(writer, ExceptionsQuery, request, 1_000);
    let wanted: Vec<_> = all
        .iter()
        .filter(|it| {
            kazakhstan_day_number(it.recorded_at_us) == kazakhstan_day_number(middle)
                && it.actor == PERSONS[1]
        })
        .cloned()
        .collect();
    assert!(!wanted.is_empty());
    assert_eq!(found, wanted);
}

/// A value has a currency and a sign, and none is not 0.
fn check_filters_of_value(writer: &mut Writer, all: &[AuditException]) {
    type IsMeant = fn(Option<&Money>) -> bool;
    let cases: [(&str, IsMeant); 5] = [
        ("value_minor_units > 2000 AND value_currency = USD", |it| {
            it.is_some_and(|it| it.minor_units > 2_000 && it.currency_code == "USD")
        }),
        ("value_minor_units < 0", |it| {
            it.is_some_and(|it| it.minor_units < 0)
        }),
        ("value_minor_units <= 2000", |it| {
            it.is_some_and(|it| it.minor_units <= 2_000)
        }),
        ("value_minor_units:*", |it| it.is_some()),
        ("NOT value_minor_units != 0", |it| {
            it.is_none_or(|it| it.minor_units == 0)
        }),
    ];
    for (filter, is_meant) in cases {
        let request = ListAuditExceptionsRequest {
            filter: filter.to_owned(),
            ..ListAuditExceptionsRequest::default()
        };
        let wanted = all.iter().filter(|it| is_meant(it.value.as_ref()));
        let wanted: Vec<_> = wanted.cloned().collect();
        assert!((1..all.len()).contains(&wanted.len()), "{filter}");
        assert_eq!(
            all_pages!(writer, ExceptionsQuery, request, 500),
            wanted,
            "{filter}"
        );
    }
}

fn batch_of(history: &History, batch_id: &str) -> Batch {
    match history.fold(&Boundary::batch(batch_id).unwrap()) {
        Entry::Batch(batch) => batch,
        _ => unreachable!(),
    }
}

#[test]
fn what_expires_is_what_is_there_and_has_a_last_day() {
    let history = eventful();
    let (dir, served) = (tempfile::tempdir().unwrap(), served());
    let folder = Place::Folder(dir.path().to_owned());
    let mut last_days: BTreeMap<String, String> = BTreeMap::new();
    let stock = naive::stock(history.decoded());
    for (_, _, batch_id, _) in stock.keys() {
        let batch = batch_of(&history, batch_id);
        last_days.insert(batch_id.clone(), batch.expires_on);
    }
    for writer in &mut writers(&history.events, &folder, &served.place) {
        let mut sizes = BTreeSet::new();
        for days in [1, 30, 400, 3_660] {
            let horizon = (today() + chrono::Days::new(days)).to_string();
            let mut wanted: Vec<_> = stock
                .iter()
                .filter(|((_, _, batch_id, _), sums)| {
                    let last_day = &last_days[batch_id];
                    (sums[0] > 0 || sums[3] > 0) && !last_day.is_empty() && *last_day <= horizon
                })
                .map(|((facility, item, batch, owner), sums)| {
                    let key = [&last_days[batch], facility, item, batch, owner].map(Clone::clone);
                    (key, sums[0], sums[0] - sums[1] - sums[2], sums[3])
                })
                .collect();
            wanted.sort();
            let request = ListExpiringStockRequest {
                within_days: i32::try_from(days).unwrap(),
                ..ListExpiringStockRequest::default()
            };
            let found: Vec<_> = all_pages!(writer, ExpiryQuery, request, 4)
                .into_iter()
                .map(|row| {
                    let days = (row.expires_on.parse::<NaiveDate>().unwrap() - today()).num_days();
                    assert_eq!(row.days_left, days);
                    assert_eq!(row.region_id, region_of(&row.facility_id));
                    let key = [
                        row.expires_on,
                        row.facility_id,
                        row.item_id,
                        row.batch_id,
                        row.owner_id,
                    ];
                    (key, row.on_hand, row.available, row.in_transit)
                })
                .collect();
            assert_eq!(found, wanted, "within {days} days");
            sizes.insert(found.len());
        }
        assert!(sizes.len() > 1, "{sizes:?}");
        check_terms_of_expiring(writer);
    }
}

#[test]
fn what_expires_on_its_way_is_told_where_it_goes() {
    let mut history = History::new(&[]);
    history.open_tests(7, Some("2026-06-11"));
    history.send_tests("S", 7, None);
    let (dir, served) = (tempfile::tempdir().unwrap(), served());
    let folder = Place::Folder(dir.path().to_owned());
    for mut writer in writers(&history.events, &folder, &served.place) {
        let mut told = |facility_id: &str| {
            let request = ListExpiringStockRequest {
                within_days: 10,
                facility_id: facility_id.to_owned(),
                ..ListExpiringStockRequest::default()
            };
            let rows = all_pages!(writer, ExpiryQuery, request, 4).into_iter();
            let rows = rows.map(|it| (it.facility_id, it.days_left, it.on_hand, it.in_transit));
            rows.collect::<Vec<_>>()
        };
        let on_its_way = (FACILITIES[1].0.to_owned(), 10, 0, 7);
        assert_eq!(told(""), std::slice::from_ref(&on_its_way));
        assert_eq!(told(FACILITIES[1].0), [on_its_way]);
        assert_eq!(told(FACILITIES[0].0), []);
    }
}

/// A filter and an order take from the list what plain code takes.
fn check_terms_of_expiring(writer: &mut Writer) {
    let asked = |filter: &str, order_by: &str| ListExpiringStockRequest {
        within_days: 3_660,
        filter: filter.to_owned(),
        order_by: order_by.to_owned(),
        ..ListExpiringStockRequest::default()
    };
    let all = all_pages!(writer, ExpiryQuery, asked("", ""), 1_000);
    let mut half = all.clone();
    half.retain(|row| {
        let item = row.item_id == "TEST-A" || row.region_id == "KZ-75";
        item && row.available > 2 && row.on_hand != 7
    });
    assert!((2..all.len()).contains(&half.len()));
    let filter = "(item = TEST-A OR region = KZ-75) AND available > 2 AND on_hand != 7";
    assert_eq!(all_pages!(writer, ExpiryQuery, asked(filter, ""), 2), half);
    half.sort_by_key(|row| (row.region_id.clone(), Reverse(row.available)));
    let ordered = asked(filter, "region, available desc");
    assert_eq!(all_pages!(writer, ExpiryQuery, ordered, 2), half);
    let mut of_tests = all;
    of_tests.retain(|row| commodity_of(&row.item_id) == "TEST");
    let tests = asked("commodity = TEST", "");
    assert_eq!(all_pages!(writer, ExpiryQuery, tests, 3), of_tests);
}

fn commodity_of(item_id: &str) -> &'static str {
    ITEMS.iter().find(|(id, _)| *id == item_id).unwrap().1
}

/// What a row is about: a commodity, or an item.
fn about(item_id: &str, by_item: bool) -> &'static str {
    let (item, commodity) = ITEMS.iter().find(|(id, _)| *id == item_id).unwrap();
    if by_item { item } else { commodity }
}

fn about_row(row: &ReorderRow) -> &'static str {
    if row.item_id.is_empty() {
        commodity_of_row(&row.commodity_id)
    } else {
        assert_eq!(row.commodity_id, commodity_of(&row.item_id));
        about(&row.item_id, true)
    }
}

/// The first day on which anything is known of an item: what came late may have been held before it came.
fn known_since(writer: &mut Writer, row: &ReorderRow) -> i64 {
    let sql = "SELECT first_day FROM pairs WHERE facility_id = ?1 AND item_id = ?2";
    let mut statement = writer.connection().prepare_cached(sql).unwrap();
    let found = statement.query_row(params![row.facility_id, row.item_id], |row| row.get(0));
    found.unwrap().unwrap()
}

/// On how many of some days nothing was on hand from beginning to end, from what moved by day.
fn days_without(changes: &BTreeMap<i64, Vec<i64>>, days: RangeInclusive<i64>) -> i64 {
    let is_without = |day: i64| {
        let before: i64 = changes.range(..day).flat_map(|(_, changes)| changes).sum();
        let is_idle = changes
            .get(&day)
            .is_none_or(|it| it.iter().all(|it| *it == 0));
        before <= 0 && is_idle
    };
    let without = days.filter(|day| is_without(*day)).count();
    i64::try_from(without).unwrap()
}

#[test]
fn stock_lasts_as_long_as_plain_book_keeping_says() {
    stock_lasts_as_long(false);
}

#[test]
fn stock_of_an_item_lasts_as_long_as_plain_book_keeping_says() {
    stock_lasts_as_long(true);
}

fn stock_lasts_as_long(by_item: bool) {
    const MONTHS: i64 = 2;
    let history = eventful();
    let events = recorded_late(&history);
    let decoded = history.decoded();
    let (dir, served) = (tempfile::tempdir().unwrap(), served());
    let folder = Place::Folder(dir.path().to_owned());
    let today_no = kazakhstan_day_number(events[events.len() - 1].recorded_at_us);
    let today = NaiveDate::default() + chrono::Days::new(today_no.unsigned_abs());
    let counted_us = counted_from_us(&events);
    let at = |index: usize| kazakhstan_day_number(counted_us[index]);
    // Used by day, and the first day of anything at all.
    let mut used: BTreeMap<(String, &str), i64> = BTreeMap::new();
    let mut ever_used: BTreeMap<(String, &str), i64> = BTreeMap::new();
    let mut first: BTreeMap<(String, &str), i64> = BTreeMap::new();
    let mut on_hand: BTreeMap<(String, &str), BTreeMap<i64, i64>> = BTreeMap::new();
    let mut moved = moved_by_day(&events, decoded, by_item);
    for index in 0..events.len() {
        for ((facility, item, _, _), sums) in naive::movements_only(&decoded[index..=index]) {
            let key = (facility, about(&item, by_item));
            // What is held is no matter of a single event.
            if sums
                .iter()
                .enumerate()
                .any(|(column, sum)| column != 2 && *sum != 0)
            {
                let known = first.entry(key.clone()).or_insert(i64::MAX);
                *known = at(index).min(*known);
            }
            let times = on_hand.entry(key.clone()).or_default();
            *times.entry(counted_us[index]).or_default() += sums[0];
            *ever_used.entry(key.clone()).or_default() += sums[5];
            if at(index) > today_no - MONTHS * 30 {
                *used.entry(key).or_default() += sums[5];
            }
        }
    }
    let there = there(&history, by_item);
    let request = ListReordersRequest {
        by_item,
        average_months: i32::try_from(MONTHS).unwrap(),
        target_months: 5,
        show_enough: true,
        ..ListReordersRequest::default()
    };
    let (current, current_served) = (tempfile::tempdir().unwrap(), super::stores::served());
    let current = Place::Folder(current.path().to_owned());
    let mut currents = writers(&events, &current, &current_served.place);
    let mut writers = [
        chronicle(&folder, &events, 57),
        chronicle(&served.place, &events, 211),
    ];
    let mut some_without = false;
    for (writer, current) in writers.iter_mut().zip(&mut currents) {
        let missing = missing(current.connection()).unwrap();
        let rows = reorders(writer, &missing, &request, 3, today);
        assert!(rows.iter().any(|row| row.monthly_consumption > 0));
        for row in &rows {
            let key = (row.facility_id.clone(), about_row(row));
            let (available, in_transit) = there.get(&key).copied().unwrap_or_default();
            assert_eq!(
                (row.available, row.in_transit),
                (available, in_transit),
                "{key:?}"
            );
            let first_day = if by_item {
                known_since(writer, row).min(first[&key])
            } else {
                first[&key]
            };
            let first_day = first_day.max(today_no - MONTHS * 30 + 1);
            let without = days_without(moved.entry(key.clone()).or_default(), first_day..=today_no);
            assert_eq!(row.days_out_of_stock, without, "{key:?}");
            some_without |= without > 0 && row.monthly_consumption > 0;
            let days = (today_no - first_day + 1 - without).max(7);
            let used = used.get(&key).copied().unwrap_or_default().max(0);
            assert_eq!(row.monthly_consumption, (used * 30 + days - 1) / days);
            let lasts = (used > 0).then(|| available.max(0) * days / used);
            assert_eq!(row.days_left, lasts);
            let target = (used * 30 * 5 + days - 1) / days;
            assert_eq!(row.suggested, (target - available - in_transit).max(0));
            assert_eq!(row.out_of_stock_since, without_since(&on_hand[&key]));
        }
        let years_later = today + chrono::Days::new(2_000);
        let known = reorders(writer, &missing, &request, 100, years_later);
        check_what_was_used_once(&known, &ever_used);
        check_terms_of_reorders(writer, &missing, &request, rows, today);
    }
    assert!(some_without);
}

/// What came, went or was used by day, of all at a facility that a row is about.
type Moved = BTreeMap<(String, &'static str), BTreeMap<i64, Vec<i64>>>;

fn moved_by_day(events: &[RecordedEvent], decoded: &[Event], by_item: bool) -> Moved {
    let mut moved = Moved::new();
    for (index, counted_us) in counted_from_us(events).into_iter().enumerate() {
        let mut pairs: BTreeMap<_, (i64, bool)> = BTreeMap::new();
        for ((facility, item, _, _), sums) in naive::movements_only(&decoded[index..=index]) {
            let pair = pairs.entry((facility, item)).or_default();
            pair.0 += sums[0];
            pair.1 |= sums[5] != 0;
        }
        for ((facility, item), (change, is_used)) in pairs {
            if change != 0 || is_used {
                let days = moved.entry((facility, about(&item, by_item))).or_default();
                let day = kazakhstan_day_number(counted_us);
                days.entry(day).or_default().push(change);
            }
        }
    }
    moved
}

/// What is available, and what comes: what is missing on its way does not.
fn there(history: &History, by_item: bool) -> BTreeMap<(String, &'static str), (i64, i64)> {
    let mut there: BTreeMap<_, (i64, i64)> = BTreeMap::new();
    for ((facility, item, _, _), sums) in naive::stock(history.decoded()) {
        let sum = there.entry((facility, about(&item, by_item))).or_default();
        sum.0 += sums[0] - sums[1] - sums[2];
        sum.1 += sums[3];
    }
    let lost = missing_on_the_way(history, by_item);
    for (key, missing) in &lost {
        there.entry(key.clone()).or_default().1 -= missing;
    }
    assert!(lost.values().sum::<i64>() > 0);
    there
}

/// By destination and commodity, or item.
fn missing_on_the_way(history: &History, by_item: bool) -> BTreeMap<(String, &'static str), i64> {
    let mut missing = BTreeMap::new();
    for id in &history.shipments {
        let Entry::Shipment(shipment) = history.fold(&Boundary::shipment(id).unwrap()) else {
            unreachable!();
        };
        for lot in &shipment.lots {
            let units = lot.shipment_units.as_ref().unwrap().units.as_ref().unwrap();
            let key = (
                shipment.destination_id.clone(),
                about(&units.item_id, by_item),
            );
            *missing.entry(key).or_default() += lot.missing;
        }
    }
    missing
}

/// Years later nothing counts as used, and what once was is told all the same.
fn check_what_was_used_once(told: &[ReorderRow], ever_used: &BTreeMap<(String, &str), i64>) {
    let told: BTreeSet<_> = told
        .iter()
        .map(|row| (row.facility_id.clone(), about_row(row)))
        .collect();
    let once = ever_used.iter().filter(|(_, used)| **used > 0);
    let forgotten: Vec<_> = once.filter(|(key, _)| !told.contains(*key)).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

/// The day since which nothing is there, from what changed at which times; empty where something is, or never was.
fn without_since(changes: &BTreeMap<i64, i64>) -> String {
    if changes.values().sum::<i64>() != 0 {
        return String::new();
    }
    let last = changes.iter().rev().find(|(_, change)| **change != 0);
    last.map_or_else(String::new, |(time_us, _)| {
        kazakhstan_day(*time_us).to_string()
    })
}

#[test]
fn what_is_used_is_averaged_over_the_days_known_and_rounded_once() {
    // Of what came, and was used after so many days: what is told on one of the days after.
    let told = |came: i64, used: &[(u64, i64)], day: u64, months: [i32; 2]| {
        let mut history = History::new(&[]);
        let facility_id = code(FACILITIES[0].0);
        history.expect(&OpenStock {
            facility_id: facility_id.clone(),
            lines: vec![NewStock {
                item_id: code("TEST-A"),
                quantity: quantity(came),
                lot: None,
                expires_on: None,
                owner_id: Some(code("MOH")),
                serial_numbers: Vec::new(),
                unit_value: None,
                held: false,
                batch_id: code("B"),
            }],
            documents: Vec::new(),
        });
        let mut days = vec![0; history.events.len()];
        for (after, units) in used {
            history.expect(&ConsumeStock {
                facility_id: facility_id.clone(),
                item_id: code("TEST-A"),
                quantity: quantity(*units),
                batch_id: None,
                owner_id: None,
                purpose: ConsumptionPurpose::Patient,
                already_used: false,
                new_batch_id: code("U"),
            });
            days.push(i64::try_from(*after).unwrap());
        }
        let mut events = history.events.clone();
        for (event, days) in events.iter_mut().zip(days) {
            event.occurred_at.as_mut().unwrap().time_us += days * 86_400_000_000;
        }
        let first = kazakhstan_day(events[0].occurred_at.as_ref().unwrap().time_us);
        let dir = tempfile::tempdir().unwrap();
        let mut past = chronicle(&Place::Folder(dir.path().to_owned()), &events, 50);
        let request = ListReordersRequest {
            average_months: months[0],
            target_months: months[1],
            show_enough: true,
            ..ListReordersRequest::default()
        };
        let today = first + chrono::Days::new(day);
        let rows = reorders(&mut past, &Missing::new(), &request, 10, today);
        assert_eq!(rows.len(), 1);
        let since = rows[0].out_of_stock_since.parse::<NaiveDate>().ok();
        (
            rows[0].monthly_consumption,
            rows[0].days_left,
            rows[0].suggested,
            since.map(|since| (since - first).num_days()),
        )
    };
    // Of the 90 days there was some on 40, and on the other 50 nobody could use any.
    assert_eq!(told(4, &[(50, 4)], 100, [3, 2]), (3, Some(0), 6, Some(50)));
    assert_eq!(
        told(4, &[(50, 4)], 295, [36, 36]),
        (3, Some(0), 85, Some(50))
    );
    // However short it was there, it counts as a week.
    assert_eq!(told(4, &[(2, 4)], 80, [3, 2]), (18, Some(0), 35, Some(2)));
    assert_eq!(
        told(300, &[(50, 1)], 100, [3, 2]),
        (1, Some(26_910), 0, None)
    );
    // Two weeks are known, and a single day counts as a week.
    assert_eq!(
        told(200, &[(5, 100)], 13, [3, 2]),
        (215, Some(14), 329, None)
    );
    assert_eq!(told(200, &[(0, 7)], 0, [3, 2]), (30, Some(193), 0, None));
    // What ran out before the days looked at is out of stock since then.
    let used = [(19, 30), (50, 30), (80, 30)];
    assert_eq!(told(90, &used, 206, [3, 2]), (0, None, 0, Some(80)));
}

/// A part of the list, asked for alone, is told the same; and a filter and an order take from it what plain code takes.
fn check_terms_of_reorders(
    writer: &mut Writer,
    missing: &Missing,
    request: &ListReordersRequest,
    mut wanted: Vec<ReorderRow>,
    today: NaiveDate,
) {
    // What is enough is left out, and the first to run out comes first.
    let hungry = ListReordersRequest {
        show_enough: false,
        order: ReorderOrder::DaysLeft.into(),
        ..request.clone()
    };
    let short = reorders(writer, missing, &hungry, 2, today);
    assert_eq!(
        short.len(),
        wanted.iter().filter(|row| row.suggested > 0).count()
    );
    assert!(short.is_sorted_by_key(|row| row.days_left.unwrap_or(i64::MAX)));
    let mut alone = Vec::new();
    for (facility_id, _) in FACILITIES {
        let of_facility = ListReordersRequest {
            facility_id: facility_id.to_owned(),
            ..request.clone()
        };
        alone.extend(reorders(writer, missing, &of_facility, 100, today));
    }
    alone.sort_by_key(|row| wanted.iter().position(|it| it == row));
    assert_eq!(alone, wanted);
    let typed = ListReordersRequest {
        filter: "days_left < 60 OR NOT region = KZ-62".to_owned(),
        order_by: "suggested desc, days_out_of_stock desc".to_owned(),
        ..request.clone()
    };
    // What nobody uses lasts for ever.
    let is_meant =
        |row: &ReorderRow| row.days_left.is_some_and(|days| days < 60) || row.region_id != "KZ-62";
    wanted.retain(is_meant);
    wanted.sort_by_key(|row| (-row.suggested, Reverse(row.days_out_of_stock)));
    assert!(wanted.len() > 2);
    assert_eq!(reorders(writer, missing, &typed, 2, today), wanted);
}

fn reorders(
    writer: &mut Writer,
    missing: &Missing,
    request: &ListReordersRequest,
    page_size: i32,
    today: NaiveDate,
) -> Vec<ReorderRow> {
    let mut rows = Vec::new();
    let mut request = ListReordersRequest {
        page_size,
        ..request.clone()
    };
    loop {
        let query = ReorderQuery::parse(&request)
            .unwrap()
            .without(missing.clone());
        let page = query.answer(writer.connection(), today).unwrap();
        rows.extend(page.rows);
        if page.next_page_token.is_empty() {
            return rows;
        }
        request.page_token = page.next_page_token;
    }
}

#[test]
fn what_is_closed_or_retired_needs_nothing() {
    let mut history = History::new(&[]);
    let [closed, retired, open] = [0, 1, 2].map(|index| code(FACILITIES[index].0));
    for facility_id in [&closed, &retired, &open] {
        history.expect(&SetMinimumReserve {
            facility_id: facility_id.clone(),
            commodity_id: code("TEST"),
            quantity: Some(quantity(70)),
        });
    }
    history.expect(&CloseFacility {
        facility_id: closed.clone(),
        closed_on: Some("2026-04-01".parse().unwrap()),
        reason: ClosureReason::Repair,
        documents: Vec::new(),
    });
    history.expect(&Retire {
        subject: Boundary::facility(retired.as_str()).unwrap(),
        reason: RetirementReason::Dissolved,
        retired_on: Some("2026-05-01".parse().unwrap()),
        successor: None,
        documents: Vec::new(),
    });
    let (dir, served) = (tempfile::tempdir().unwrap(), served());
    let folder = Place::Folder(dir.path().to_owned());
    for mut writer in [
        chronicle(&folder, &history.events, 5),
        chronicle(&served.place, &history.events, 500),
    ] {
        for (today, wanted) in [
            ("2026-03-31", vec![&closed, &retired, &open]),
            ("2026-04-01", vec![&retired, &open]),
            ("2026-04-30", vec![&retired, &open]),
            ("2026-05-01", vec![&open]),
        ] {
            let rows = reorders(
                &mut writer,
                &Missing::new(),
                &ListReordersRequest::default(),
                10,
                today.parse().unwrap(),
            );
            let mut found: Vec<&str> = rows.iter().map(|row| row.facility_id.as_str()).collect();
            let mut wanted: Vec<&str> = wanted.into_iter().map(Code::as_str).collect();
            found.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{today}");
            assert!(rows.iter().all(|row| row.suggested == 70));
            let short = short_at(&history.events, today);
            assert_eq!(short, wanted, "{today}");
        }
    }
}

/// Where reserves are missing.
fn short_at(events: &[RecordedEvent], today: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(&Place::Folder(dir.path().to_owned()), &CURRENT);
    writer.apply(events).unwrap();
    let query = ShortagesQuery::parse(&ListShortagesRequest::default()).unwrap();
    let page = query.answer(writer.connection(), today.parse().unwrap());
    let rows = page.unwrap().rows.into_iter();
    let mut facilities: Vec<String> = rows.map(|row| row.facility_id).collect();
    facilities.sort_unstable();
    facilities
}

fn commodity_of_row(id: &str) -> &'static str {
    ITEMS
        .iter()
        .map(|(_, commodity)| *commodity)
        .find(|known| *known == id)
        .unwrap()
}

#[test]
fn a_question_that_breaks_a_rule_is_refused_field_by_field() {
    let refused = |error: Option<String>, field: &str| {
        let error = error.expect("it is refused");
        assert!(error.contains(field), "{error}");
    };
    let needs = ListUnmetNeedsRequest {
        confirmed_within_days: -1,
        order: 9,
        ..ListUnmetNeedsRequest::default()
    };
    let error = NeedsQuery::parse(&needs)
        .err()
        .map(|error| error.to_string());
    refused(error.clone(), "confirmed_within_days");
    refused(error, "order");
    let expiring = ListExpiringStockRequest {
        within_days: 3_661,
        ..ListExpiringStockRequest::default()
    };
    refused(
        ExpiryQuery::parse(&expiring)
            .err()
            .map(|error| error.to_string()),
        "within_days",
    );
    let reorders = ListReordersRequest {
        target_months: 37,
        ..ListReordersRequest::default()
    };
    refused(
        ReorderQuery::parse(&reorders)
            .err()
            .map(|error| error.to_string()),
        "target_months",
    );
    let exceptions = ListAuditExceptionsRequest {
        recorded_from: "yesterday".to_owned(),
        min_value_minor_units: -1,
        ..ListAuditExceptionsRequest::default()
    };
    let error = ExceptionsQuery::parse(&exceptions)
        .err()
        .map(|error| error.to_string());
    refused(error.clone(), "recorded_from");
    refused(error, "min_value_minor_units");
}
