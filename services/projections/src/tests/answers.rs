//! What questions are answered with, against the history itself.

use std::collections::{BTreeMap, BTreeSet};

use keruen_domain::{Boundary, Entry};
use keruen_proto::{
    Event,
    inventory::v1::{AssetRef, Batch, ReceiptOutcome},
    requests::v1::{Request, RequestState},
    shipments::v1::{Shipment, ShipmentState},
    stock::v1::{
        GetLotTraceRequest, GetTraceRequest, GetTraceResponse, ListDonationsRequest,
        ListRequestsRequest, ListShipmentsRequest, LotTrace, TraceBatch, TraceStatus,
        get_trace_request::Subject,
    },
};

use super::{
    history::{FACILITIES, History, choices_from, code, eventful},
    naive,
    stores::writer_in,
};
use crate::{
    boards::{DonationsQuery, RequestsQuery, ShipmentsQuery},
    database::Connection,
    lot::LotQuery,
    refusal::Refusal,
    trace::TraceQuery,
    writer::Writer,
};

pub const TODAY: &str = "2026-06-01";

/// The rows after a history, which is made once for all cases.
pub struct World {
    pub history: History,
    pub writer: Writer,
    _dir: tempfile::TempDir,
}

pub fn world() -> World {
    after(eventful())
}

pub fn after(history: History) -> World {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer_in(dir.path());
    writer.apply(&history.events).unwrap();
    World {
        history,
        writer,
        _dir: dir,
    }
}

pub fn trace(connection: &Connection, subject: Subject) -> Result<GetTraceResponse, Refusal> {
    let request = GetTraceRequest {
        subject: Some(subject),
        min_position: 0,
    };
    TraceQuery::parse(&request)?.answer(connection, TODAY)
}

pub fn region_of(facility_id: &str) -> &'static str {
    FACILITIES
        .iter()
        .find(|(id, _)| *id == facility_id)
        .unwrap()
        .1
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
        .donations
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
                assert_eq!(on_the_way, !place.custodian_id.is_empty(), "{place:?}");
                assert!(!on_the_way || !place.shipment_id.is_empty());
                assert!((1..=world.history.events.len() as u64).contains(&place.since_position));
                statuses.insert(place.status());
            }
            check_steps(&world.history, &id, &batch.steps);
            traced.insert(id);
        }
    }
    assert_eq!(traced.len(), received.len());
    assert_eq!(statuses.len(), 8, "{statuses:?}");
}

/// What there is of each lot at each facility, and what became of it there, came and was sent on.
pub type Lots = BTreeMap<(String, String), BTreeMap<String, [i64; 9]>>;

/// What came and went by the events; what is there or ended there by plain book-keeping.
pub fn plain_lots(events: &[Event]) -> Lots {
    let mut lots: BTreeMap<&str, &str> = BTreeMap::new();
    let mut rows: BTreeMap<(String, String, String), [i64; 9]> = BTreeMap::new();
    for event in events {
        for (facility_id, units, moved) in naive::came_and_went(event) {
            lots.insert(&units.batch_id, &units.lot);
            let key = (facility_id, units.item_id.clone(), units.batch_id.clone());
            let row = rows.entry(key).or_default();
            row[7] += moved[0];
            row[8] += moved[1];
        }
    }
    // It is one lot under the number that is known by now.
    for event in events {
        if let Event::BatchDataCorrected(it) = event {
            lots.insert(&it.batch_id, &it.lot);
        }
    }
    for ((facility_id, item_id, batch_id, _), sums) in naive::stock(events) {
        let [on_hand, _, _, in_transit, _, gone @ ..] = sums;
        let [consumed, disposed, lost, returned, converted, _, _, _] = gone;
        let sums = [
            on_hand, in_transit, consumed, disposed, lost, returned, converted,
        ];
        let row = rows.entry((facility_id, item_id, batch_id)).or_default();
        for (sum, more) in row.iter_mut().zip(sums) {
            *sum += more;
        }
    }
    let mut found = Lots::new();
    for ((facility_id, item_id, batch_id), row) in rows {
        let lot = found.entry((item_id, lots[&*batch_id].to_owned()));
        let holder = lot.or_default().entry(facility_id).or_default();
        for (sum, more) in holder.iter_mut().zip(row) {
            *sum += more;
        }
    }
    found.retain(|(_, lot), _| !lot.is_empty());
    found
}

#[test]
fn a_lot_is_found_with_everybody_who_has_or_had_it() {
    let mut never_there = 0;
    for (seed, number) in [(19, 1_200), (7, 900)] {
        let mut world = after(History::with_changing_registry(&choices_from(seed, number)));
        never_there += check_lots(&mut world);
    }
    assert!(never_there > 0, "all that came stays so");
    let mut world = world();
    let lots = plain_lots(world.history.decoded());
    check_lots(&mut world);
    let mut recalled = 0;
    for (item_id, lot) in lots.into_keys() {
        let trace = lot_trace(world.writer.connection(), item_id, lot).unwrap();
        recalled += usize::from(trace.recall.is_some());
    }
    assert!(recalled > 0, "some lot is recalled at the end");
    let unknown = ("TEST-A".to_owned(), "NEVER SEEN".to_owned());
    let refusal = lot_trace(world.writer.connection(), unknown.0, unknown.1);
    assert!(matches!(refusal, Err(Refusal::UnknownLot { .. })));
}

pub fn lot_trace(
    connection: &Connection,
    item_id: String,
    lot: String,
) -> Result<LotTrace, Refusal> {
    let request = GetLotTraceRequest {
        item_id,
        lot,
        min_position: 0,
    };
    LotQuery::parse(&request)?.answer(connection, TODAY)
}

/// Answers with how many are said to have had some of a lot, and never did.
fn check_lots(world: &mut World) -> usize {
    let mut never_there = 0;
    for ((item_id, lot), holders) in plain_lots(world.history.decoded()) {
        let trace = lot_trace(world.writer.connection(), item_id, lot.clone()).unwrap();
        let found: BTreeMap<String, [i64; 9]> = trace
            .holders
            .iter()
            .map(|it| {
                let sums = [
                    it.on_hand,
                    it.in_transit + it.missing,
                    it.consumed,
                    it.disposed,
                    it.lost,
                    it.returned,
                    it.converted,
                    it.received,
                    it.sent,
                ];
                assert!(sums != [0; 9] || it.kits > 0, "{it:?}");
                (it.facility_id.clone(), sums)
            })
            // Who has it only in kits has none of it.
            .filter(|(_, sums)| *sums != [0; 9])
            .collect();
        let all = holders.len();
        let holders: BTreeMap<_, _> = holders
            .into_iter()
            .filter(|(_, sums)| *sums != [0; 9])
            .collect();
        never_there += all - holders.len();
        assert_eq!(found, holders, "{lot}");
        assert!(
            trace
                .holders
                .is_sorted_by_key(|it| it.on_hand + it.in_transit + it.missing == 0)
        );
    }
    never_there
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
            // That something was put into a unit of it is no fact about the batch.
            .filter(|step| step.content.is_none())
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
        let (item_id, encoded) = tag["asset:".len()..].split_once('/').unwrap();
        let serial_number = percent_encoding::percent_decode_str(encoded)
            .decode_utf8()
            .unwrap()
            .into_owned();
        let key = AssetRef {
            item_id: item_id.to_owned(),
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
        .shipments
        .iter()
        .map(|id| shipment(&world.history, id))
        .collect();
    let connection = world.writer.connection();
    let (mut served, mut ways) = (0, 0);
    for id in &world.history.requests {
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
            ways += check_way(&world.history, id, traced);
            served += 1;
        }
    }
    assert!(served > 3);
    assert!(ways > 3, "{ways}");
}

/// Everything that brought units of a batch to where those of a request were sent from is told, and nothing of others that
/// came later. Answers with how many steps do.
fn check_way(history: &History, request_id: &str, traced: &TraceBatch) -> usize {
    let batch_id = &traced.batch.as_ref().unwrap().batch_id;
    let told: BTreeSet<u64> = traced.steps.iter().map(|step| step.position).collect();
    let (mut last, mut origins) = (0, BTreeSet::new());
    for step in traced.steps.iter().filter(|it| it.request_id == request_id) {
        if step.r#type.ends_with("ShipmentAllocated") || step.r#type.ends_with("ShipmentDispatched")
        {
            origins.insert(step.from_facility_id.clone());
            last = step.position.max(last);
        }
    }
    let others = traced.steps.iter().filter(|it| it.request_id != request_id);
    assert!(
        others
            .clone()
            .all(|it| it.position < last || !it.corrects_event_id.is_empty())
    );
    let numbers: BTreeSet<&String> = traced
        .steps
        .iter()
        .filter(|it| it.request_id == request_id)
        .flat_map(|step| &step.serial_numbers)
        .collect();
    for (recorded, event) in history.events.iter().zip(history.decoded()) {
        for (facility_id, units, [came, _]) in naive::came_and_went(event) {
            let is_of_them = units.serial_numbers.is_empty()
                || units.serial_numbers.iter().any(|it| numbers.contains(it));
            if came > 0
                && units.batch_id == *batch_id
                && is_of_them
                && origins.contains(&facility_id)
                && origins.len() == 1
                && recorded.position < last
            {
                assert!(
                    told.contains(&recorded.position),
                    "{request_id} {recorded:?}"
                );
            }
        }
    }
    others.count()
}

/// Missing units by shipment, batch and who answers for them.
type Missing = BTreeMap<(String, String, String), i64>;

fn missing_in(answer: GetTraceResponse, missing: &mut Missing) {
    for batch in answer.batches {
        let batch_id = batch.batch.unwrap().batch_id;
        for place in batch.places {
            if place.status() == TraceStatus::Missing {
                let key = (place.shipment_id, batch_id.clone(), place.custodian_id);
                *missing.entry(key).or_default() += place.quantity;
            }
        }
    }
}

#[test]
fn missing_units_are_with_whoever_answers_for_them() {
    let mut history = eventful();
    for id in history.shipments.clone() {
        history.dispatch(code(&id));
        history.hand_over(code(&id), 1, 0);
    }
    let mut world = after(history);
    let mut expected = Missing::new();
    let mut of_requests = Missing::new();
    let mut others = 0;
    for id in &world.history.shipments {
        let shipment = shipment(&world.history, id);
        for lot in &shipment.lots {
            let of_line = lot.shipment_units.as_ref().unwrap();
            let batch_id = &of_line.units.as_ref().unwrap().batch_id;
            for share in &lot.missing_by_liable {
                others += u32::from(share.liable_id != shipment.custodian_id);
                let key = (id.clone(), batch_id.clone(), share.liable_id.clone());
                *expected.entry(key.clone()).or_default() += share.quantity;
                if !of_line.request_id.is_empty() {
                    *of_requests.entry(key).or_default() += share.quantity;
                }
            }
        }
    }
    assert!(others > 0, "all answer for what they carry: {expected:?}");
    let batch_ids: BTreeSet<String> = expected.keys().map(|(_, id, _)| id.clone()).collect();
    let connection = world.writer.connection();
    let mut found = Missing::new();
    for batch_id in batch_ids {
        missing_in(
            trace(connection, Subject::BatchId(batch_id)).unwrap(),
            &mut found,
        );
    }
    assert_eq!(found, expected);
    let mut found = Missing::new();
    for id in &world.history.requests {
        missing_in(
            trace(connection, Subject::RequestId(id.clone())).unwrap(),
            &mut found,
        );
    }
    assert_eq!(found, of_requests);
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
    let expected: Vec<&String> = world.history.donations.iter().rev().collect();
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
            RequestState::Fulfilled
                | RequestState::Rejected
                | RequestState::Cancelled
                | RequestState::ClosedShort
        )
    };
    let mut expected: Vec<(i32, usize, Request)> = history
        .requests
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
        .shipments
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
        .answer(world.writer.connection(), TODAY)
        .unwrap();
    assert_eq!(page.rows, expected);
}

#[test]
fn missing_lines_of_a_receipt_are_no_batch() {
    let mut world = world();
    let missing = world.history.decoded().iter().any(|event| match event {
        Event::DonationReceived(event) => event
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
            .prepare_cached(&sql)
            .unwrap()
            .query_row(&[], |row| row.get::<i64>(0))
            .unwrap()
            .unwrap();
        assert_eq!(count, 0, "{table}");
    }
}
