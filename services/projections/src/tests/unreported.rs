//! What was delivered and told of no more, and what expired, against a plain look at every event.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use keruen_domain::{
    Boundary,
    stock::{AdjustStock, Change, ConsumeStock, TransferTitle},
};
use keruen_proto::{
    Event,
    inventory::v1::{AdjustmentReason, ConsumptionPurpose, VoidedMovement},
    log::v1::RecordedEvent,
    registry::v1::{DocumentKind, DocumentRef},
    reports::v1::{GetStatementRequest, StatementFigure as Figure, StatementRow},
};

use super::{
    following::append,
    history::{FACILITIES, History, code, counted_from_us, eventful, quantity},
    naive,
    statement::{DAY_US, LAST_DAY, Node, of_donor, of_owner, spread},
};

/// A facility, a batch, and the tag of the unit; empty where units are not told apart.
type Place = (String, String, String);

/// How many there are of something.
#[derive(Default)]
struct Found {
    item_id: String,
    quantity: i64,
    /// When how many came, and how many were used; fewer where that was not so.
    came: Vec<(i64, i64)>,
    used: Vec<(i64, i64)>,
    /// When anything else was told of it.
    step_us: Option<i64>,
}

/// When an asset was told of, in the words of the events: the tags of it that each has, and without what did not happen.
fn reports(events: &[RecordedEvent], decoded: &[Event]) -> BTreeMap<String, Vec<i64>> {
    let mut voided = Vec::new();
    for event in decoded {
        if let Event::AssetStepVoided(it) = event {
            voided.push(it.corrects_event_id.as_str());
        }
    }
    let mut reports: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for event in events {
        let name = event.r#type.rsplit('.').next().unwrap();
        let is_step = name.starts_with("Asset") || name.starts_with("Container");
        if !is_step || name == "AssetStepVoided" || voided.contains(&&*event.event_id) {
            continue;
        }
        for tag in event.tags.iter().filter(|tag| tag.starts_with("asset:")) {
            let at_us = event.occurred_at.as_ref().unwrap().time_us;
            reports.entry(tag.clone()).or_default().push(at_us);
        }
    }
    reports
}

/// Batches that an event brought to where they are, by place.
fn brought(event: &Event) -> Vec<(String, String)> {
    let came = naive::came_and_went(event).into_iter();
    // What never left has come back.
    let came = came.filter(|(_, _, [came, went])| *came > 0 || *went < 0);
    let mut came: Vec<_> = came
        .map(|(facility_id, units, _)| (facility_id, units.batch_id.clone()))
        .collect();
    if let Event::KitsBroken(it) = event {
        let same_owner = |owner: &str| owner == it.assembled_for_owner_id;
        let restored = it
            .components
            .iter()
            .filter(|units| same_owner(&units.owner_id));
        came.extend(restored.map(|units| (it.facility_id.clone(), units.batch_id.clone())));
    }
    came
}

/// Whether what had been said to be there never came.
fn never_came(event: &Event) -> bool {
    match event {
        Event::ShipmentReceiptVoided(_) | Event::ReceiptCorrected(_) => true,
        Event::MovementVoided(it) => matches!(
            it.movement(),
            VoidedMovement::Increase | VoidedMovement::Discrepancy
        ),
        _ => false,
    }
}

fn places(events: &[RecordedEvent], decoded: &[Event], end_us: i64) -> BTreeMap<Place, Found> {
    let mut places: BTreeMap<Place, Found> = BTreeMap::new();
    for (at_us, event) in counted_from_us(events).into_iter().zip(decoded) {
        if at_us >= end_us {
            continue;
        }
        let brought = brought(event);
        for (((facility_id, item_id, batch_id, _), number), sums) in
            naive::units(std::slice::from_ref(event))
        {
            let tag = Boundary::asset(&item_id, &number).map(|it| it.tag());
            let tag = tag.filter(|_| !number.is_empty()).unwrap_or_default();
            let is_here = brought.contains(&(facility_id.clone(), batch_id.clone()));
            let came = sums[0] > 0 && is_here || sums[0] < 0 && never_came(event);
            let found = places.entry((facility_id, batch_id, tag)).or_default();
            found.item_id = item_id;
            found.quantity += sums[0];
            if came {
                found.came.push((at_us, sums[0]));
            }
            found.used.push((at_us, sums[5]));
        }
    }
    for (tag, times) in reports(events, decoded) {
        let last = times.into_iter().filter(|at_us| *at_us < end_us).max();
        for ((_, _, unit), found) in &mut places {
            if *unit == tag {
                found.step_us = last;
            }
        }
    }
    places
}

/// Units by item and figure.
type Told = BTreeMap<(String, i32), i64>;

fn told(rows: &[StatementRow], figures: &[Figure]) -> Told {
    let mut told = Told::new();
    for row in rows.iter().filter(|row| figures.contains(&row.figure())) {
        *told.entry((row.item_id.clone(), row.figure)).or_default() += row.quantity;
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_told_of_any_more_is_unreported_unit_by_unit() {
    let history = eventful();
    let events = spread(&history.events);
    let decoded = history.decoded();
    let dir = tempfile::tempdir().unwrap();
    let (node, running) = Node::new(dir.path());
    append(&*node.log, &events).await;
    let mut expires: BTreeMap<&str, &str> = BTreeMap::new();
    for event in decoded {
        if let Event::BatchExpiryShortened(it) = event {
            expires.insert(&it.batch_id, &it.expires_on);
        }
    }
    let given: Vec<&str> = decoded
        .iter()
        .filter_map(|event| match event {
            Event::DonationReceived(it) => Some(it.lines.iter()),
            _ => None,
        })
        .flatten()
        .filter_map(|line| Some(&*line.units.as_ref()?.batch_id))
        .collect();
    let mut told_by_step = 0;
    for (last_day, days) in [
        ("2026-03-04", 1),
        (LAST_DAY, 16),
        (LAST_DAY, 17),
        (LAST_DAY, 18),
        ("2030-01-01", 30),
        ("2030-01-02", 30),
    ] {
        let request = GetStatementRequest {
            last_day: last_day.to_owned(),
            unreported_after_days: days,
            page_size: 1_000,
            ..of_donor()
        };
        let rows = node.ask(&request).await.rows;
        let end: NaiveDate = last_day.parse().unwrap();
        let days_after_1970 = end.signed_duration_since(NaiveDate::default()).num_days() + 1;
        let end_us = days_after_1970 * DAY_US - 5 * 3_600_000_000;
        let from_us = end_us - i64::from(days) * DAY_US;
        let mut wanted = Told::new();
        for ((_, batch_id, _), found) in places(&events, decoded, end_us) {
            if !given.contains(&&*batch_id) {
                continue;
            }
            let mut add = |figure: Figure, quantity: i64| {
                let key = (found.item_id.clone(), figure.into());
                *wanted.entry(key).or_default() += quantity;
            };
            add(Figure::Delivered, found.quantity);
            let is_told = |at_us: Option<i64>| at_us.is_some_and(|at_us| at_us >= from_us);
            let since = |sums: &[(i64, i64)]| -> i64 {
                let since = sums.iter().filter(|(at_us, _)| *at_us >= from_us);
                since.map(|(_, sum)| sum).sum()
            };
            let has_moved = since(&found.came) > 0 || since(&found.used) > 0;
            if !has_moved && is_told(found.step_us) {
                told_by_step += found.quantity;
            } else if !has_moved {
                add(Figure::Unreported, found.quantity);
            }
            // On its last day it may still be used.
            if expires.get(&*batch_id).is_some_and(|day| *day < last_day) {
                add(Figure::Expired, found.quantity);
            }
        }
        wanted.retain(|_, quantity| *quantity != 0);
        let figures = [Figure::Delivered, Figure::Unreported, Figure::Expired];
        assert_eq!(
            told(&rows, &figures),
            wanted,
            "{days} days before {last_day}"
        );
        let has = |figure: Figure| wanted.keys().any(|(_, it)| *it == i32::from(figure));
        assert_eq!(has(Figure::Expired), last_day == "2030-01-02");
        assert!(has(Figure::Unreported));
    }
    assert!(told_by_step > 10, "{told_by_step}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_to_an_owner_comes_to_it_then() {
    let mut history = History::new(&[]);
    history.surplus("B-M", 40);
    let received = history.events.len();
    history.expect(&TransferTitle {
        facility_id: code(FACILITIES[0].0),
        batch_id: code("B-M"),
        owner_id: None,
        new_owner_id: code("CARRIER"),
        quantity: Some(quantity(15)),
        serial_numbers: Vec::new(),
        documents: vec![DocumentRef {
            kind: DocumentKind::TransferAct.into(),
            number: "7".to_owned(),
            ..DocumentRef::default()
        }],
    });
    let mut events = history.events.clone();
    // It was received forty days before.
    for event in &mut events[..received] {
        event.occurred_at.as_mut().unwrap().time_us -= 40 * DAY_US;
    }
    let dir = tempfile::tempdir().unwrap();
    let (node, running) = Node::new(dir.path());
    append(&*node.log, &events).await;
    let last = events.last().unwrap().position;
    for (at_position, last_day, wanted) in [
        (last - 1, "2026-03-10", vec![]),
        (
            last,
            "2026-03-10",
            vec![(Figure::TitleIn, 15), (Figure::Delivered, 15)],
        ),
        (
            last,
            "2026-04-10",
            vec![
                (Figure::TitleIn, 15),
                (Figure::Delivered, 15),
                (Figure::Unreported, 15),
            ],
        ),
    ] {
        let request = GetStatementRequest {
            at_position,
            last_day: last_day.to_owned(),
            ..of_owner("CARRIER")
        };
        let rows = node.ask(&request).await.rows;
        let told: Vec<(Figure, i64)> = rows
            .iter()
            .map(|row| (row.figure(), row.quantity))
            .collect();
        assert_eq!(told, wanted, "{at_position} {last_day}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_and_was_not_so_tells_nothing() {
    let mut history = History::new(&[]);
    history.surplus("B-M", 40);
    let received = history.events.len();
    let facility_id = code(FACILITIES[0].0);
    history.expect(&ConsumeStock {
        facility_id: facility_id.clone(),
        item_id: code("TEST-A"),
        quantity: quantity(10),
        batch_id: Some(code("B-M")),
        owner_id: None,
        purpose: ConsumptionPurpose::Patient,
        already_used: true,
        new_batch_id: code("UNUSED"),
    });
    let used = history.events.len();
    history.expect(&history.void_of(used - 1));
    history.expect(&AdjustStock {
        facility_id,
        batch_id: code("B-M"),
        owner_id: None,
        change: Change::Increase(quantity(5)),
        serial_numbers: Vec::new(),
        reason: AdjustmentReason::Found,
        documents: Vec::new(),
    });
    let found = history.events.len();
    history.expect(&history.void_of(found - 1));
    let mut events = history.events.clone();
    // It was received forty days before.
    for event in &mut events[..received] {
        event.occurred_at.as_mut().unwrap().time_us -= 40 * DAY_US;
    }
    let dir = tempfile::tempdir().unwrap();
    let (node, running) = Node::new(dir.path());
    append(&*node.log, &events).await;
    let position = |events: usize| u64::try_from(events).unwrap();
    let head = history.events.len();
    for (at, delivered, unreported) in [
        (received, 40, 40),
        (used, 30, 0),
        (used + 1, 40, 40),
        (found, 45, 0),
        (head, 40, 40),
    ] {
        let request = GetStatementRequest {
            at_position: position(at),
            last_day: "2026-03-10".to_owned(),
            ..of_donor()
        };
        let rows = node.ask(&request).await.rows;
        let sum = |figure| -> i64 { told(&rows, &[figure]).values().sum() };
        assert_eq!(sum(Figure::Delivered), delivered, "at {at}");
        assert_eq!(sum(Figure::Unreported), unreported, "at {at}");
    }
    running.stop().await;
}
