//! Unmet needs, against what the events say one by one.

use std::collections::{BTreeMap, BTreeSet};

use keruen_domain::{
    Boundary, Code, Entry,
    request::{
        AcknowledgeRequest, ApproveRequest, ApprovedQuantity, CancelRequest, CloseRequestShort,
        FileRequest, MarkDuplicate, NeededGoods, RejectRequest,
    },
    shipment::{AllocateShipment, GoodsToSend, ReceiveShipment, RequestShipment},
};
use keruen_proto::{
    Event,
    log::v1::RecordedEvent,
    reports::v1::{ListUnmetNeedsRequest, UnmetNeedOrder, UnmetNeedRow, UnmetNeedTotal},
    requests::v1::{
        Need, NeedKind, RejectionReason, RequestCancellationReason, RequestLine, RequestPriority,
        ShortClosingReason,
    },
    shipments::v1::{Shipment, ShipmentState},
};

use super::{
    answers::region_of,
    filters::{Atom, check_filters},
    history::{FACILITIES, History, code, eventful, quantity},
    report::{all_pages, today, writers},
    stores::served,
};
use crate::{copies::Place, report::NeedsQuery, writer::Writer};

const DAY_US: i64 = 86_400_000_000;
const HOUR_US: i64 = 3_600_000_000;

/// What became of a request, as its own events say.
#[derive(Default)]
struct Course {
    facility_id: String,
    lines: Vec<RequestLine>,
    /// Days since 1970-01-01, where it was filed.
    filed_on: i64,
    is_decided: bool,
    rejection: Option<RejectionReason>,
    closing: Option<ShortClosingReason>,
    is_gone: bool,
}

/// The day of an event on the spot, by nothing but arithmetic.
fn local_day(event: &RecordedEvent) -> i64 {
    let at = event.occurred_at.as_ref().unwrap();
    (at.time_us + i64::from(at.utc_offset_minutes) * 60_000_000).div_euclid(DAY_US)
}

fn courses(events: &[RecordedEvent], decoded: &[Event]) -> BTreeMap<String, Course> {
    let mut courses: BTreeMap<String, Course> = BTreeMap::new();
    for (recorded, event) in events.iter().zip(decoded) {
        match event {
            Event::RequestFiled(it) => {
                let course = Course {
                    facility_id: it.facility_id.clone(),
                    lines: it.lines.clone(),
                    filed_on: local_day(recorded),
                    ..Course::default()
                };
                courses.insert(it.request_id.clone(), course);
            }
            Event::RequestApproved(it) => {
                let course = courses.get_mut(&it.request_id).unwrap();
                course.is_decided = true;
                for line in &mut course.lines {
                    let approved = it.lines.iter().find(|it| it.line == line.line);
                    line.approved = approved.map_or(0, |it| it.quantity);
                }
            }
            Event::RequestRejected(it) => {
                let course = courses.get_mut(&it.request_id).unwrap();
                course.is_decided = true;
                course.rejection = Some(it.reason());
            }
            Event::RequestClosedShort(it) => {
                courses.get_mut(&it.request_id).unwrap().closing = Some(it.reason());
            }
            Event::RequestCancelled(it) => courses.get_mut(&it.request_id).unwrap().is_gone = true,
            Event::RequestMarkedDuplicate(it) => {
                courses.get_mut(&it.request_id).unwrap().is_gone = true;
            }
            _ => {}
        }
    }
    courses
}

/// By request and line what is under way, received, and claimed by what has not left, as each shipment and request says.
fn moved(history: &History) -> BTreeMap<(String, i32), [i64; 3]> {
    let mut moved: BTreeMap<(String, i32), [i64; 3]> = BTreeMap::new();
    for id in &history.shipments {
        let Entry::Shipment(shipment) = history.fold(&Boundary::shipment(id).unwrap()) else {
            unreachable!();
        };
        let shipment: Shipment = shipment;
        let has_left = !matches!(
            shipment.state(),
            ShipmentState::Requested | ShipmentState::Allocated
        );
        for lot in shipment.lots {
            let units = lot.shipment_units.unwrap();
            let sums = moved
                .entry((units.request_id, units.request_line))
                .or_default();
            sums[0] += lot.in_transit;
            if !has_left {
                sums[2] += units.units.unwrap().quantity;
            }
        }
    }
    for id in &history.requests {
        let Entry::Request(request) = history.fold(&Boundary::request(id).unwrap()) else {
            unreachable!();
        };
        for line in request.lines {
            moved.entry((id.clone(), line.line)).or_default()[1] += line.received;
        }
    }
    moved
}

/// A row, plainly.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plain {
    asked: i64,
    approved: i64,
    not_approved: i64,
    undecided: i64,
    on_the_way: i64,
    received: i64,
    claimed: i64,
    missing: i64,
    patients: i64,
    unconfirmed: i64,
    days_waiting: i64,
    facilities: BTreeSet<String>,
    requests: BTreeSet<String>,
}

/// Region, commodity, item and kind of need.
type Key = (String, String, String, i32);

fn plain_needs(history: &History, within_days: i64) -> BTreeMap<Key, Plain> {
    let moved = moved(history);
    let today = today()
        .signed_duration_since(chrono::NaiveDate::default())
        .num_days();
    let mut needs: BTreeMap<Key, Plain> = BTreeMap::new();
    for (id, course) in courses(&history.events, history.decoded()) {
        let is_need = !course.is_gone
            && !matches!(
                course.rejection,
                Some(RejectionReason::Duplicate | RejectionReason::SufficientStock)
            )
            && !matches!(
                course.closing,
                Some(ShortClosingReason::NoLongerNeeded | ShortClosingReason::MetElsewhere)
            );
        if !is_need {
            continue;
        }
        let received =
            |line: &RequestLine| moved.get(&(id.clone(), line.line)).map_or(0, |it| it[1]);
        let is_fulfilled = course.is_decided
            && course.rejection.is_none()
            && course.closing.is_none()
            && course
                .lines
                .iter()
                .all(|line| received(line) >= line.approved);
        for line in &course.lines {
            let [on_the_way, received, claimed] = moved
                .get(&(id.clone(), line.line))
                .copied()
                .unwrap_or_default();
            let left_out = if course.is_decided {
                line.requested - line.approved
            } else {
                0
            };
            if is_fulfilled && left_out == 0 {
                continue;
            }
            let nobody_has_it = course.rejection == Some(RejectionReason::NotAvailable);
            let wanted = if nobody_has_it || !course.is_decided {
                line.requested
            } else {
                line.approved
            };
            let missing = (wanted - on_the_way - received).max(0);
            // What nobody has is both.
            let unmet =
                missing
                    .max(left_out)
                    .max(if nobody_has_it { 0 } else { missing + left_out });
            let need = line.need.as_ref();
            let key = (
                region_of(&course.facility_id).to_owned(),
                line.commodity_id.clone(),
                line.item_id.clone(),
                need.map_or(0, |need| need.kind),
            );
            let plain = needs.entry(key).or_default();
            if today - course.filed_on > within_days {
                plain.unconfirmed += unmet;
                continue;
            }
            plain.asked += line.requested;
            plain.approved += line.approved;
            plain.not_approved += left_out;
            plain.undecided += if course.is_decided { 0 } else { line.requested };
            plain.on_the_way += on_the_way;
            plain.received += received;
            plain.claimed += claimed;
            plain.missing += missing;
            let patients = need.map_or(0, |need| need.patients);
            plain.patients += patients;
            plain.requests.insert(id.clone());
            if unmet > 0 || patients > 0 {
                plain.facilities.insert(course.facility_id.clone());
                plain.days_waiting = plain.days_waiting.max(today - course.filed_on);
            }
        }
    }
    needs.retain(|_, it| {
        it.missing > 0 || it.not_approved > 0 || it.unconfirmed > 0 || it.patients > 0
    });
    needs
}

/// Numbers of a row, in the same order whoever tells them.
fn numbers(plain: &Plain) -> [i64; 13] {
    let count = |set: &BTreeSet<String>| i64::try_from(set.len()).unwrap();
    [
        plain.asked,
        plain.approved,
        plain.not_approved,
        plain.undecided,
        plain.on_the_way,
        plain.received,
        plain.claimed,
        plain.missing,
        plain.patients,
        plain.unconfirmed,
        plain.days_waiting,
        count(&plain.facilities),
        count(&plain.requests),
    ]
}

macro_rules! told {
    ($row:expr) => {
        [
            $row.asked,
            $row.approved,
            $row.not_approved,
            $row.undecided,
            $row.on_the_way,
            $row.received,
            $row.claimed,
            $row.missing,
            $row.patients,
            $row.unconfirmed,
            $row.days_waiting,
            $row.facilities,
            $row.requests,
        ]
    };
}

/// Requests with which everything happens that can, beside those that chance makes.
fn demanding() -> History {
    let mut history = eventful();
    for number in 0..36_u32 {
        let id = format!("MORE-{number}");
        let request_id = code(&id);
        let is_told = number % 18 == 17;
        let (commodity, item) = if number % 18 < 2 {
            ("TEST", "TEST-A")
        } else {
            ("VENTILATOR", "VENT-X")
        };
        history.expect(&FileRequest {
            request_id: request_id.clone(),
            facility_id: code(FACILITIES[number as usize % 4].0),
            lines: vec![NeededGoods {
                line: 1,
                commodity_id: (!is_told).then(|| code(commodity)),
                item_id: (number % 3 == 0 && !is_told).then(|| code(item)),
                quantity: (!is_told).then(|| quantity(10)),
                need: is_told.then(|| Need {
                    kind: NeedKind::Ventilation.into(),
                    patients: i64::from(number),
                    ..Need::default()
                }),
            }],
            priority: RequestPriority::Urgent,
            needed_by: None,
            clinical_reason_code: String::new(),
            filing: None,
        });
        decide(&mut history, &id, number);
        history.requests.push(id);
    }
    file_around_midnight(&mut history.events);
    history
}

fn decide(history: &mut History, id: &str, number: u32) {
    let (request_id, way) = (code(id), number % 18);
    let mut approve = |quantity: i64| {
        history.expect(&ApproveRequest {
            request_id: request_id.clone(),
            lines: Some(vec![ApprovedQuantity {
                line: 1,
                quantity,
                commodity_id: None,
                item_id: None,
            }]),
            spoken: None,
        });
    };
    match way {
        0..=3 => approve(i64::from(way / 2) + 1),
        4 => approve(10),
        5 | 6 => approve(4),
        _ => {}
    }
    let reject = |reason| RejectRequest {
        request_id: request_id.clone(),
        reason,
    };
    let close = |reason| CloseRequestShort {
        request_id: request_id.clone(),
        reason,
    };
    match way {
        0 | 1 => bring_one(history, &request_id, FACILITIES[number as usize % 4].0),
        5 => history.expect(&close(ShortClosingReason::NoTransport)),
        6 => history.expect(&close(ShortClosingReason::MetElsewhere)),
        7 | 8 => history.expect(&reject(RejectionReason::NotAvailable)),
        9 => history.expect(&reject(RejectionReason::SiteNotSuitable)),
        10 => history.expect(&reject(RejectionReason::OutOfScope)),
        11 => history.expect(&reject(RejectionReason::SufficientStock)),
        12 => history.expect(&CancelRequest {
            request_id: request_id.clone(),
            reason: RequestCancellationReason::NoLongerNeeded,
        }),
        13 => history.expect(&MarkDuplicate {
            request_id: request_id.clone(),
            duplicate_of_id: code(&format!("MORE-{}", number % 4)),
        }),
        14 => history.expect(&AcknowledgeRequest {
            request_id: request_id.clone(),
            expected_at_us: None,
        }),
        _ => {}
    }
    // Of the second of each kind that ended, what was left unmet is met since.
    match way {
        0 | 5 | 9 if number >= 18 => history.expect(&CancelRequest {
            request_id,
            reason: RequestCancellationReason::MetElsewhere,
        }),
        1 | 8 | 10 if number >= 18 => history.expect(&MarkDuplicate {
            request_id,
            duplicate_of_id: code(&format!("MORE-{}", number % 4)),
        }),
        _ => {}
    }
}

/// Sends one unit for a request from wherever there is one, and it arrives.
fn bring_one(history: &mut History, request_id: &Code, destination_id: &str) {
    let shipment_id = code(&format!("S-{request_id}"));
    let origins = FACILITIES.map(|(id, _)| id);
    let is_sent = origins.iter().any(|origin_id| {
        let goods = GoodsToSend {
            line: 1,
            item_id: code("TEST-A"),
            quantity: quantity(1),
            request: Some((request_id.clone(), 1)),
            owner_id: None,
            min_life_days: 0,
        };
        let shipment_id = code(&format!("{shipment_id}-{origin_id}"));
        history.run(&RequestShipment {
            shipment_id: shipment_id.clone(),
            origin_id: code(origin_id),
            destination_id: code(destination_id),
            lines: vec![goods],
        }) && {
            history.shipments.push(shipment_id.to_string());
            let is_there = history.run(&AllocateShipment {
                shipment_id: shipment_id.clone(),
                allow_partial: false,
                fit_override: None,
                reserve_override: None,
                reserve_item_ids: Vec::new(),
                arrives_on: None,
            });
            if is_there {
                history.dispatch(shipment_id.clone());
                history.expect(&ReceiveShipment {
                    shipment_id,
                    lines: None,
                    signed_by_ref: None,
                    documents: Vec::new(),
                    seals: Vec::new(),
                    answer_within_days: 7,
                });
            }
            is_there
        }
    });
    assert!(is_sent, "there is no test anywhere");
}

/// Requests were filed on many days, each a moment before midnight, at midnight, a moment after it, or by a clock that is an
/// hour ahead, as it was in the east.
fn file_around_midnight(events: &mut [RecordedEvent]) {
    let filed = events
        .iter_mut()
        .filter(|event| event.r#type.ends_with(".RequestFiled"));
    for (event, number) in filed.zip(0_i64..) {
        let at = event.occurred_at.as_mut().unwrap();
        // 2026-03-01T00:00:00Z and so many days.
        let day_us = 1_772_323_200_000_000 + number * 7 % 85 * DAY_US;
        let (hours, moment_us) =
            [(5, -1), (5, 0), (5, 1), (6, 0), (6, -1)][usize::try_from(number).unwrap() % 5];
        at.utc_offset_minutes = hours * 60;
        at.time_us = day_us - i64::from(hours) * HOUR_US + moment_us;
    }
}

fn key(row: &UnmetNeedRow) -> Key {
    (
        row.region_id.clone(),
        row.commodity_id.clone(),
        row.item_id.clone(),
        row.need_kind,
    )
}

#[test]
fn unmet_needs_and_their_totals_are_what_the_events_say() {
    let history = demanding();
    let (dir, served) = (tempfile::tempdir().unwrap(), served());
    let folder = Place::Folder(dir.path().to_owned());
    for writer in &mut writers(&history.events, &folder, &served.place) {
        for within_days in [3_660, 60, 33] {
            let request = ListUnmetNeedsRequest {
                confirmed_within_days: within_days,
                hide_silent: true,
                ..ListUnmetNeedsRequest::default()
            };
            let wanted = plain_needs(&history, within_days.into());
            let rows = all_pages!(writer, NeedsQuery, request, 2);
            let told: BTreeMap<_, _> = rows.iter().map(|row| (key(row), told!(row))).collect();
            let plain = wanted
                .iter()
                .map(|(key, plain)| (key.clone(), numbers(plain)));
            assert_eq!(told, plain.collect(), "{within_days}");
            for row in &rows {
                assert_eq!(row.asked, row.approved + row.not_approved + row.undecided);
            }
            check_totals(writer, &request, &wanted);
        }
        check_kinds(writer, &history);
    }
}

/// Everything that can be told of a row is told of some.
fn check_kinds(writer: &mut Writer, history: &History) {
    let all = plain_needs(history, 3_660);
    let has = |is: fn(&Plain) -> bool| all.values().any(is);
    assert!(has(|it| it.not_approved > it.missing));
    assert!(has(|it| it.undecided > 0 && it.claimed + it.on_the_way > 0));
    assert!(has(|it| it.patients > 0) && has(|it| it.facilities.len() < it.requests.len()));
    // What is approved and has come, is still told where it is less than was asked for.
    let is_left = |course: &(String, Course)| {
        let request = Boundary::request(&course.0).unwrap();
        let Entry::Request(request) = history.fold(&request) else {
            unreachable!();
        };
        let is_less = course.1.lines.iter().any(|it| it.approved < it.requested);
        is_less && request.lines[0].received > 0 && request.state == 7
    };
    let mut courses = courses(&history.events, history.decoded()).into_iter();
    let (id, course) = courses.find(is_left).unwrap();
    let line = &course.lines[0];
    let asked = ListUnmetNeedsRequest {
        facility_id: course.facility_id,
        commodity_id: line.commodity_id.clone(),
        confirmed_within_days: 3_660,
        ..ListUnmetNeedsRequest::default()
    };
    let rows = all_pages!(writer, NeedsQuery, asked, 9);
    let left = line.requested - line.approved;
    let told = rows.iter().find(|row| row.item_id == line.item_id);
    assert!(told.unwrap().not_approved >= left && left > 0, "{id}");
}

fn check_totals(
    writer: &mut Writer,
    request: &ListUnmetNeedsRequest,
    wanted: &BTreeMap<Key, Plain>,
) {
    let query = NeedsQuery::parse(&ListUnmetNeedsRequest {
        page_size: 1,
        ..request.clone()
    });
    let page = query.unwrap().answer(writer.connection(), today()).unwrap();
    assert_eq!(page.rows.len(), 1);
    let mut sums: BTreeMap<(i32, String), Plain> = BTreeMap::new();
    let mut all = Plain::default();
    for ((_, commodity_id, _, need_kind), plain) in wanted {
        let sum = sums.entry((*need_kind, commodity_id.clone())).or_default();
        sum.asked += plain.asked;
        sum.approved += plain.approved;
        sum.not_approved += plain.not_approved;
        sum.undecided += plain.undecided;
        sum.on_the_way += plain.on_the_way;
        sum.received += plain.received;
        sum.claimed += plain.claimed;
        sum.missing += plain.missing;
        sum.patients += plain.patients;
        sum.unconfirmed += plain.unconfirmed;
        for sum in [sum, &mut all] {
            sum.days_waiting = sum.days_waiting.max(plain.days_waiting);
            sum.facilities.extend(plain.facilities.iter().cloned());
            sum.requests.extend(plain.requests.iter().cloned());
        }
    }
    let (last, totals) = page.totals.split_last().unwrap();
    let told: Vec<_> = totals
        .iter()
        .map(|it| ((it.need_kind, it.commodity_id.clone()), told!(it)))
        .collect();
    let sums: Vec<_> = sums
        .into_iter()
        .map(|(key, sum)| (key, numbers(&sum)))
        .collect();
    assert_eq!(told, sums);
    assert_eq!(told!(last), numbers(&all));
    let is_of_all = |it: &UnmetNeedTotal| it.commodity_id.is_empty() && it.need_kind == 0;
    assert!(is_of_all(last) && !totals.iter().any(is_of_all));
}

#[test]
fn unmet_needs_pass_a_filter_and_stand_in_order_as_plain_code_says() {
    const ATOMS: [Atom<UnmetNeedRow>; 8] = [
        ("region = KZ-62", |it| it.region_id == "KZ-62"),
        ("commodity = VENTILATOR", |it| {
            it.commodity_id == "VENTILATOR"
        }),
        ("item:*", |it| !it.item_id.is_empty()),
        ("need = VENTILATION", |it| it.need_kind == 2),
        ("not_approved > 10", |it| it.not_approved > 10),
        ("missing <= 20", |it| it.missing <= 20),
        ("undecided != 0", |it| it.undecided != 0),
        ("days_waiting >= 80", |it| it.days_waiting >= 80),
    ];
    let history = demanding();
    let (dir, served) = (tempfile::tempdir().unwrap(), served());
    let folder = Place::Folder(dir.path().to_owned());
    let asked = |filter: &str, order_by: &str| ListUnmetNeedsRequest {
        confirmed_within_days: 3_660,
        hide_silent: true,
        filter: filter.to_owned(),
        order_by: order_by.to_owned(),
        ..ListUnmetNeedsRequest::default()
    };
    for writer in &mut writers(&history.events, &folder, &served.place) {
        let all = all_pages!(writer, NeedsQuery, asked("", ""), 100);
        let place = |row: &UnmetNeedRow| all.iter().position(|it| it == row).unwrap();
        check_filters(&ATOMS, &all, |filter| {
            let rows = all_pages!(writer, NeedsQuery, asked(filter, ""), 3);
            rows.iter().map(place).collect()
        });
        let by_missing = ListUnmetNeedsRequest {
            order: UnmetNeedOrder::Missing.into(),
            ..asked("", "")
        };
        let sorted = all_pages!(writer, NeedsQuery, by_missing, 2);
        assert!(sorted.is_sorted_by_key(|row| -row.missing));
        assert_eq!(sorted.len(), all.len());
        let sorted = all_pages!(writer, NeedsQuery, asked("", "commodity desc, missing"), 2);
        let mut wanted = all.clone();
        wanted.sort_by_key(|row| (std::cmp::Reverse(row.commodity_id.clone()), row.missing));
        assert_eq!(sorted, wanted);
        let unknown = NeedsQuery::parse(&asked("commodity = NOTHING", "")).unwrap();
        assert!(unknown.answer(writer.connection(), today()).is_err());
    }
    let both = ListUnmetNeedsRequest {
        order: UnmetNeedOrder::Missing.into(),
        ..asked("", "missing")
    };
    let told = NeedsQuery::parse(&both).err().unwrap().to_string();
    assert!(told.contains("order_by"), "{told}");
}

#[test]
fn a_hospital_that_never_said_anything_is_unknown_whatever_is_asked_for() {
    let history = History::new(&[]);
    let (dir, served) = (tempfile::tempdir().unwrap(), served());
    let folder = Place::Folder(dir.path().to_owned());
    let bare = ListUnmetNeedsRequest::default();
    for writer in &mut writers(&history.events, &folder, &served.place) {
        let mut silent = |request: &ListUnmetNeedsRequest| -> Vec<(String, String)> {
            let query = NeedsQuery::parse(request).unwrap();
            let totals = query.answer(writer.connection(), today()).unwrap().totals;
            let rows = all_pages!(writer, NeedsQuery, request, 1);
            let [total] = totals.as_slice() else {
                panic!("{totals:?}");
            };
            if !request.hide_silent {
                assert_eq!(usize::try_from(total.silent_facilities), Ok(rows.len()));
            }
            let rows = rows.into_iter();
            rows.map(|row| (row.silent_facility_id, row.region_id))
                .collect()
        };
        let mut all = FACILITIES.map(|(id, region)| (id.to_owned(), region.to_owned()));
        all.sort_by_key(|(_, region)| region.clone());
        assert_eq!(silent(&bare), all);
        let of_one = ListUnmetNeedsRequest {
            commodity_id: "VENTILATOR".to_owned(),
            item_id: "VENT-X".to_owned(),
            ..bare.clone()
        };
        assert_eq!(silent(&of_one), all);
        let filtered = |filter: &str| ListUnmetNeedsRequest {
            filter: filter.to_owned(),
            ..bare.clone()
        };
        // It may need anything, and nothing.
        for filter in [
            "commodity = VENTILATOR AND missing > 100",
            "NOT (missing > 100)",
            "missing = 0 OR region = KZ-62",
        ] {
            assert_eq!(silent(&filtered(filter)), all, "{filter}");
        }
        let in_one = vec![("H-JEZ".to_owned(), "KZ-62".to_owned())];
        for filter in [
            "missing > 100 AND region = KZ-62",
            "unknown_facility = H-JEZ OR (region = KZ-62 AND missing = 0)",
            "NOT (NOT region = KZ-62 OR (region = KZ-75 AND missing = 0))",
        ] {
            assert_eq!(silent(&filtered(filter)), in_one, "{filter}");
        }
        let hidden = ListUnmetNeedsRequest {
            hide_silent: true,
            ..bare.clone()
        };
        assert!(silent(&hidden).is_empty());
        let query = NeedsQuery::parse(&hidden).unwrap();
        let totals = query.answer(writer.connection(), today()).unwrap().totals;
        assert_eq!(totals[0].silent_facilities, 4);
    }
}
