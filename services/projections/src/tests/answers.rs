//! What questions are answered with, against the history itself.

use std::collections::{BTreeMap, BTreeSet};

use keruen_domain::{Boundary, Entry, region};
use keruen_proto::{
    inventory::v1::{Batch, ReceiptOutcome},
    requests::v1::{Request, RequestState},
    shipments::v1::{Shipment, ShipmentState},
    stock::v1::{
        AssetKey, GetTraceRequest, GetTraceResponse, ListDonationsRequest, ListRequestsRequest,
        ListShipmentsRequest, ListStockRequest, StockGroup, StockRow, TraceStatus,
        get_trace_request::Subject,
    },
};
use proptest::prelude::*;
use rusqlite::Connection;

use super::{
    history::{FACILITIES, History, ITEMS, eventful},
    naive::{self, Key, Sums},
};
use crate::{
    boards::{DonationsQuery, RequestsQuery, ShipmentsQuery},
    refusal::Refusal,
    stock::StockQuery,
    store::Writer,
    trace::TraceQuery,
};

const TODAY: &str = "2026-06-01";

/// The rows after a history, which is made once for all cases.
struct World {
    history: History,
    writer: Writer,
    _dir: tempfile::TempDir,
}

fn world() -> World {
    let history = eventful();
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    writer.apply(&history.events).unwrap();
    World {
        history,
        writer,
        _dir: dir,
    }
}

fn trace(connection: &Connection, subject: Subject) -> Result<GetTraceResponse, Refusal> {
    let request = GetTraceRequest {
        subject: Some(subject),
        min_position: 0,
    };
    TraceQuery::parse(&request)?.answer(connection, TODAY)
}

/// All rows, page by page.
fn all_stock(
    connection: &Connection,
    request: &ListStockRequest,
) -> Result<Vec<StockRow>, Refusal> {
    let mut request = request.clone();
    let mut rows = Vec::new();
    loop {
        let page = StockQuery::parse(&request)?.answer(connection, TODAY)?;
        assert!(page.rows.len() <= usize::try_from(request.page_size).unwrap());
        rows.extend(page.rows);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(rows);
        }
    }
}

fn region_of(facility_id: &str) -> &'static str {
    FACILITIES
        .iter()
        .find(|(id, _)| *id == facility_id)
        .unwrap()
        .1
}

fn commodity_of(item_id: &str) -> &'static str {
    ITEMS.iter().find(|(id, _)| *id == item_id).unwrap().1
}

fn column(key: &Key, group: StockGroup) -> String {
    match group {
        StockGroup::Region => region_of(&key.0).to_owned(),
        StockGroup::Facility => key.0.clone(),
        StockGroup::Commodity => commodity_of(&key.1).to_owned(),
        StockGroup::Item => key.1.clone(),
        StockGroup::Batch => key.2.clone(),
        StockGroup::Owner => key.3.clone(),
        StockGroup::Unspecified => unreachable!(),
    }
}

fn columns(row: &StockRow, groups: &[StockGroup]) -> Vec<String> {
    let of = |group: &StockGroup| match group {
        StockGroup::Region => row.region_id.clone(),
        StockGroup::Facility => row.facility_id.clone(),
        StockGroup::Commodity => row.commodity_id.clone(),
        StockGroup::Item => row.item_id.clone(),
        StockGroup::Batch => row.batch_id.clone(),
        StockGroup::Owner => row.owner_id.clone(),
        StockGroup::Unspecified => unreachable!(),
    };
    groups.iter().map(of).collect()
}

fn sums(row: &StockRow) -> Sums {
    assert_eq!(row.available, row.on_hand - row.reserved - row.held);
    [
        row.on_hand,
        row.reserved,
        row.held,
        row.in_transit,
        row.received,
        row.consumed,
        row.disposed,
        row.lost,
    ]
}

const GROUPS: [StockGroup; 6] = [
    StockGroup::Region,
    StockGroup::Facility,
    StockGroup::Commodity,
    StockGroup::Item,
    StockGroup::Batch,
    StockGroup::Owner,
];

#[test]
fn stock_adds_up_in_any_grouping_filter_and_page_size() {
    let mut world = world();
    let rows = naive::stock(world.history.decoded());
    let keys: Vec<Key> = rows.keys().cloned().collect();
    let connection = world.writer.connection();
    let groups = prop::sample::subsequence(GROUPS.to_vec(), 1..=6).prop_shuffle();
    let strategy = (
        groups,
        0..keys.len(),
        prop::array::uniform6(prop::bool::weighted(0.2)),
        1..60_i32,
    );
    proptest!(ProptestConfig::with_cases(200), |((groups, like, filters, page_size) in strategy)| {
        let filter = |index: usize| {
            if filters[index] { column(&keys[like], GROUPS[index]) } else { String::new() }
        };
        let request = ListStockRequest {
            group_by: groups.iter().map(|group| *group as i32).collect(),
            region_id: filter(0),
            facility_id: filter(1),
            commodity_id: filter(2),
            item_id: filter(3),
            batch_id: filter(4),
            owner_id: filter(5),
            page_size,
            ..ListStockRequest::default()
        };
        let mut expected: BTreeMap<Vec<String>, Sums> = BTreeMap::new();
        for (key, counted) in &rows {
            if GROUPS.iter().zip(filters).all(|(group, on)| !on || column(key, *group) == column(&keys[like], *group)) {
                let of_group = groups.iter().map(|group| column(key, *group)).collect();
                let sum = expected.entry(of_group).or_default();
                sum.iter_mut().zip(counted).for_each(|(sum, counted)| *sum += counted);
            }
        }
        let found: Vec<_> = all_stock(connection, &request).unwrap().iter()
            .map(|row| (columns(row, &groups), sums(row))).collect();
        // In order of the columns, each group once.
        prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    });
}

#[test]
fn a_region_counts_from_the_day_it_exists() {
    let mut world = world();
    let request = ListStockRequest {
        group_by: vec![StockGroup::Region as i32],
        ..ListStockRequest::default()
    };
    let mut regions = |today: &str| -> BTreeMap<String, i64> {
        let page = StockQuery::parse(&request)
            .unwrap()
            .answer(world.writer.connection(), today)
            .unwrap();
        page.rows
            .into_iter()
            .map(|row| (row.region_id, row.received))
            .collect()
    };
    let (before, after) = (regions("2022-06-07"), regions("2022-06-08"));
    for (new, old) in [("KZ-62", "KZ-35"), ("KZ-33", "KZ-19")] {
        assert_eq!(region::find(new).unwrap().predecessor_region_id, old);
        assert!(
            before.contains_key(old) && !before.contains_key(new),
            "{before:?}"
        );
        assert_eq!(before[old], after[new]);
    }
}

#[test]
fn places_of_a_batch_add_up_to_what_was_received() {
    let mut world = world();
    let rows = naive::stock(world.history.decoded());
    let mut received: BTreeMap<&str, i64> = BTreeMap::new();
    for ((_, _, batch, _), sums) in &rows {
        *received.entry(batch).or_default() += sums[4];
    }
    let connection = world.writer.connection();
    let mut statuses = BTreeSet::new();
    let mut traced = BTreeSet::new();
    let donations = world
        .history
        .donations()
        .iter()
        .map(|id| Subject::DonationId(id.clone()));
    let batches = received.keys().map(|id| Subject::BatchId((*id).to_owned()));
    for subject in donations.chain(batches) {
        for batch in trace(connection, subject).unwrap().batches {
            let id = batch.batch.as_ref().unwrap().batch_id.clone();
            let sum: i64 = batch.places.iter().map(|place| place.quantity).sum();
            assert_eq!(sum, received[id.as_str()], "{id}");
            assert!(batch.item_name.is_some());
            for place in &batch.places {
                assert_eq!(place.region_id, region_of(&place.facility_id));
                assert_eq!(place.facility_name.as_ref().unwrap().en, place.facility_id);
                let on_the_way = matches!(
                    place.status(),
                    TraceStatus::InTransit | TraceStatus::Missing
                );
                assert_eq!(on_the_way, place.custodian_id == "CARRIER", "{place:?}");
                assert!(!on_the_way || !place.shipment_id.is_empty());
                assert!((1..=world.history.events.len() as u64).contains(&place.since_position));
                statuses.insert(place.status());
            }
            check_steps(&world.history, &id, &batch.steps);
            traced.insert(id);
        }
    }
    assert_eq!(traced.len(), received.len());
    assert_eq!(statuses.len(), 6, "{statuses:?}");
}

/// Every event that carries the batch's tag is a step, in order.
fn check_steps(history: &History, batch_id: &str, steps: &[keruen_proto::stock::v1::TraceStep]) {
    let tag = format!("batch:{batch_id}");
    let tagged: BTreeSet<u64> = history
        .events
        .iter()
        .filter(|event| event.tags.contains(&tag))
        .map(|event| event.position)
        .collect();
    assert_eq!(
        steps
            .iter()
            .map(|step| step.position)
            .collect::<BTreeSet<_>>(),
        tagged
    );
    assert!(steps.is_sorted_by_key(|step| step.position));
    assert_eq!(steps[0].from_facility_id, "", "it enters the books first");
}

#[test]
fn a_unit_of_an_asset_is_in_one_place() {
    let mut world = world();
    let connection = world.writer.connection();
    let mut followed = 0;
    let tags: BTreeSet<&String> = world
        .history
        .events
        .iter()
        .flat_map(|event| &event.tags)
        .collect();
    for tag in tags.into_iter().filter(|tag| tag.starts_with("asset:")) {
        let encoded = tag.split_once('/').unwrap().1;
        let serial_number = percent_encoding::percent_decode_str(encoded)
            .decode_utf8()
            .unwrap()
            .into_owned();
        let key = AssetKey {
            item_id: "VENT-X".to_owned(),
            serial_number: serial_number.clone(),
        };
        let answer = trace(connection, Subject::Asset(key)).unwrap();
        let [batch] = answer.batches.as_slice() else {
            panic!("one batch")
        };
        let [place] = batch.places.as_slice() else {
            panic!("{serial_number}: {:?}", batch.places)
        };
        assert_eq!(
            (place.quantity, &place.serial_numbers),
            (1, &vec![serial_number.clone()])
        );
        assert!(
            batch
                .steps
                .iter()
                .all(|step| step.quantity == 1 && step.serial_numbers == [serial_number.as_str()])
        );
        let last = world
            .history
            .events
            .iter()
            .rfind(|event| event.tags.contains(tag))
            .unwrap();
        assert_eq!(batch.steps.last().unwrap().position, last.position);
        assert_eq!(answer.donation.unwrap().donor_id, "KASPI");
        assert_eq!(answer.donor_name.unwrap().en, "KASPI");
        followed += 1;
    }
    assert!(followed > 10);
}

#[test]
fn a_request_shows_only_what_it_was_sent() {
    let mut world = world();
    let shipments: Vec<Shipment> = world
        .history
        .shipments()
        .iter()
        .map(|id| shipment(&world.history, id))
        .collect();
    let connection = world.writer.connection();
    let mut served = 0;
    for id in world.history.requests() {
        let answer = trace(connection, Subject::RequestId(id.clone())).unwrap();
        assert!(answer.donation.is_none());
        let Entry::Request(request) = world.history.fold(&Boundary::request(id).unwrap()) else {
            unreachable!()
        };
        assert_eq!(answer.request, Some(request));
        let lots = shipments
            .iter()
            .filter(|shipment| shipment.state() != ShipmentState::Cancelled)
            .flat_map(|shipment| &shipment.lots)
            .filter(|lot| lot.shipment_units.as_ref().unwrap().request_id == *id);
        let (mut on_the_way, mut sent) = (BTreeMap::new(), BTreeMap::new());
        for lot in lots {
            let units = lot.shipment_units.as_ref().unwrap().units.as_ref().unwrap();
            *on_the_way.entry(units.batch_id.clone()).or_insert(0) += lot.in_transit + lot.missing;
            *sent.entry(units.batch_id.clone()).or_insert(0) += units.quantity;
        }
        assert_eq!(answer.batches.len(), sent.len());
        for traced in &answer.batches {
            let Batch { batch_id, .. } = traced.batch.as_ref().unwrap();
            let sum = |statuses: &[TraceStatus]| -> i64 {
                traced
                    .places
                    .iter()
                    .filter(|it| statuses.contains(&it.status()))
                    .map(|it| it.quantity)
                    .sum()
            };
            let is_asset = traced
                .places
                .iter()
                .any(|place| !place.serial_numbers.is_empty());
            if !is_asset {
                assert_eq!(
                    sum(&[TraceStatus::InTransit, TraceStatus::Missing]),
                    on_the_way[batch_id]
                );
            }
            let all: i64 = traced.places.iter().map(|place| place.quantity).sum();
            assert!(
                all <= sent[batch_id],
                "{id} {batch_id}: {all} of {}",
                sent[batch_id]
            );
            assert!(!traced.steps.is_empty());
            assert!(traced.steps.iter().all(|step| step.request_id == *id));
            served += 1;
        }
    }
    assert!(served > 3);
}

fn shipment(history: &History, id: &str) -> Shipment {
    let Entry::Shipment(shipment) = history.fold(&Boundary::shipment(id).unwrap()) else {
        unreachable!()
    };
    shipment
}

fn request(history: &History, id: &str) -> Request {
    let Entry::Request(request) = history.fold(&Boundary::request(id).unwrap()) else {
        unreachable!()
    };
    request
}

#[test]
fn donations_come_newest_first_page_by_page() {
    let mut world = world();
    let expected: Vec<&String> = world.history.donations().iter().rev().collect();
    let mut found = Vec::new();
    let mut request = ListDonationsRequest {
        donor_id: "KASPI".to_owned(),
        page_size: 3,
        ..ListDonationsRequest::default()
    };
    loop {
        let page = DonationsQuery::parse(&request)
            .unwrap()
            .answer(world.writer.connection())
            .unwrap();
        found.extend(page.rows.into_iter().map(|donation| donation.donation_id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    let nobodys = ListDonationsRequest {
        donor_id: "MOH".to_owned(),
        ..ListDonationsRequest::default()
    };
    let page = DonationsQuery::parse(&nobodys)
        .unwrap()
        .answer(world.writer.connection())
        .unwrap();
    assert!(page.rows.is_empty() && page.next_page_token.is_empty());
}

#[test]
fn open_requests_come_by_urgency_then_age() {
    let mut world = world();
    let history = &world.history;
    let is_open = |request: &Request| {
        !matches!(
            request.state(),
            RequestState::Fulfilled | RequestState::Rejected
        )
    };
    let mut expected: Vec<(i32, usize, Request)> = history
        .requests()
        .iter()
        .enumerate()
        .map(|(age, id)| (age, request(history, id)))
        .filter(|(_, request)| is_open(request) && region_of(&request.facility_id) == "KZ-62")
        .map(|(age, request)| (-request.priority, age, request))
        .collect();
    expected.sort_by_key(|(urgency, age, _)| (*urgency, *age));
    assert!(expected.len() > 2);
    let mut asked = ListRequestsRequest {
        region_id: "KZ-62".to_owned(),
        open_only: true,
        page_size: 2,
        ..ListRequestsRequest::default()
    };
    let mut found = Vec::new();
    loop {
        let page = RequestsQuery::parse(&asked)
            .unwrap()
            .answer(world.writer.connection(), TODAY)
            .unwrap();
        assert!(page.rows.len() <= 2);
        for row in page.rows {
            assert_eq!(row.region_id, "KZ-62");
            assert_eq!(row.facility_name.unwrap().en, "H-JEZ");
            let tag = format!("request:{}", row.request.as_ref().unwrap().request_id);
            let filed = world
                .history
                .events
                .iter()
                .find(|event| event.tags.contains(&tag))
                .unwrap();
            assert_eq!(row.filed_at, filed.occurred_at);
            found.push(row.request.unwrap());
        }
        asked.page_token = page.next_page_token;
        if asked.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(
        found,
        expected
            .into_iter()
            .map(|(_, _, request)| request)
            .collect::<Vec<_>>()
    );
}

#[test]
fn shipments_are_found_by_end_and_state() {
    let mut world = world();
    let states = [ShipmentState::Dispatched, ShipmentState::Allocated];
    let expected: Vec<Shipment> = world
        .history
        .shipments()
        .iter()
        .rev()
        .map(|id| shipment(&world.history, id))
        .filter(|shipment| shipment.origin_id == "WH-ALA" && states.contains(&shipment.state()))
        .collect();
    assert!(!expected.is_empty());
    let asked = ListShipmentsRequest {
        origin_id: "WH-ALA".to_owned(),
        states: states.iter().map(|state| *state as i32).collect(),
        ..ListShipmentsRequest::default()
    };
    let page = ShipmentsQuery::parse(&asked)
        .unwrap()
        .answer(world.writer.connection())
        .unwrap();
    assert_eq!(page.rows, expected);
}

#[test]
fn missing_lines_of_a_receipt_are_no_batch() {
    let mut world = world();
    let missing = world.history.decoded().iter().any(|event| match event {
        keruen_proto::Event::DonationReceived(event) => event
            .lines
            .iter()
            .any(|line| line.outcome() == ReceiptOutcome::Missing),
        _ => false,
    });
    assert!(missing);
    for table in ["stock", "places", "steps", "batches"] {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE batch_id = ''");
        let count: i64 = world
            .writer
            .connection()
            .query_row(&sql, [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, 0, "{table}");
    }
}
