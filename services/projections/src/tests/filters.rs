//! Filters and orders, against conditions that plain code looks at.

use std::collections::BTreeSet;

use keruen_domain::{
    Boundary, Entry,
    request::{FileRequest, NeededGoods, is_open},
    shipment::RecordArrival,
};
use keruen_proto::{
    inventory::v1::{Asset, AssetCondition},
    log::v1::OccurredAt,
    reports::v1::ListAuditExceptionsRequest,
    requests::v1::{Request, RequestPriority, RequestState},
    shipments::v1::{Shipment, ShipmentState},
    stock::v1::{
        ListAssetsRequest, ListDonationsRequest, ListRequestsRequest, ListShipmentsRequest,
        ListStockRequest, StockGroup,
    },
};

use super::{
    answers::{TODAY, region_of},
    history::{FACILITIES, History, code, eventful, quantity},
    naive,
    past::chronicle,
    stores::{open, served},
};
use crate::{
    assets::AssetsQuery,
    boards::{DonationsQuery, RequestsQuery, ShipmentsQuery},
    copies::Place,
    database::Connection,
    past::Past,
    refusal::Refusal,
    report::ExceptionsQuery,
    stock::StockQuery,
    view::CURRENT,
    writer::Writer,
};

/// A condition as text, and as plain code.
pub type Atom<T> = (&'static str, fn(&T) -> bool);

/// Draws numbers, always the same ones.
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// Some filter, and for each thing whether it lets it through.
fn some_filter<T>(
    chance: &mut Chance,
    atoms: &[Atom<T>],
    things: &[T],
    depth: usize,
) -> (String, Vec<bool>) {
    let kind = if depth == 0 { 0 } else { chance.below(4) };
    if kind == 0 {
        let (text, holds) = atoms[chance.below(atoms.len())];
        return (text.to_owned(), things.iter().map(holds).collect());
    }
    let (first, mut passes) = some_filter(chance, atoms, things, depth - 1);
    if kind == 1 {
        for passes in &mut passes {
            *passes = !*passes;
        }
        return (format!("NOT ({first})"), passes);
    }
    let (second, others) = some_filter(chance, atoms, things, depth - 1);
    let (word, joined): (_, fn(bool, bool) -> bool) = match kind {
        2 => ("AND", |one, other| one && other),
        _ => ("OR", |one, other| one || other),
    };
    let passes = passes.into_iter().zip(others);
    let passes = passes.map(|(one, other)| joined(one, other)).collect();
    (format!("({first}) {word} ({second})"), passes)
}

/// Asks with many filters, and compares what they let through, in the order of the list. `list` answers with the places of
/// what it found among the things.
pub fn check_filters<T>(atoms: &[Atom<T>], things: &[T], mut list: impl FnMut(&str) -> Vec<usize>) {
    // Each condition lets something through, and keeps something back.
    for (text, holds) in atoms {
        let passes = things.iter().filter(|it| holds(it)).count();
        assert!(
            (1..things.len()).contains(&passes),
            "{text} tells nothing apart: {passes} of {}",
            things.len()
        );
    }
    let mut chance = Chance(7);
    let mut sizes = BTreeSet::new();
    for round in 0..atoms.len() + 40 {
        let (text, passes) = match atoms.get(round) {
            Some((text, holds)) => ((*text).to_owned(), things.iter().map(holds).collect()),
            None => some_filter(&mut chance, atoms, things, 3),
        };
        let wanted: Vec<usize> = (0..things.len()).filter(|index| passes[*index]).collect();
        sizes.insert(wanted.len());
        assert_eq!(list(&text), wanted, "{text}");
    }
    assert!(sizes.len() > 5, "{sizes:?}");
}

/// The places of all that a query finds, page by page.
macro_rules! pages {
    ($query:ident, $request:expr, $connection:expr, $($context:expr)?) => {{
        let mut rows = Vec::new();
        let mut request = $request;
        loop {
            let page = $query::parse(&request).unwrap().answer($connection, $($context)?).unwrap();
            assert!(page.rows.len() <= usize::try_from(request.page_size).unwrap());
            rows.extend(page.rows);
            if page.next_page_token.is_empty() {
                break rows;
            }
            request.page_token = page.next_page_token;
        }
    }};
}
pub(super) use pages;

/// The view `current` on both databases after the same history.
pub fn writers(history: &History, check: impl Fn(&Connection)) {
    let (dir, served) = (tempfile::tempdir().unwrap(), served());
    for place in [Place::Folder(dir.path().to_owned()), served.place.clone()] {
        let mut writer: Writer = open(&place, &CURRENT);
        writer.apply(&history.events).unwrap();
        check(writer.connection());
    }
}

/// Where each of these ids stands.
fn places<'i>(ids: &[String], found: impl Iterator<Item = &'i str>) -> Vec<usize> {
    found
        .map(|found| ids.iter().position(|id| id == found).unwrap())
        .collect()
}

fn requests(history: &History) -> Vec<(Request, OccurredAt)> {
    let filed = |id: &str| {
        let tag = format!("request:{id}");
        let mut events = history.events.iter();
        events
            .find(|event| event.tags.contains(&tag))
            .unwrap()
            .occurred_at
            .unwrap()
    };
    let ids = history.requests.iter();
    ids.map(|id| match history.fold(&Boundary::request(id).unwrap()) {
        Entry::Request(request) => (request, filed(id)),
        _ => unreachable!(),
    })
    .collect()
}

#[test]
fn requests_pass_a_filter_where_plain_code_says_so() {
    const ATOMS: [Atom<(Request, OccurredAt)>; 15] = [
        ("facility = H-JEZ", |(it, _)| it.facility_id == "H-JEZ"),
        ("region = KZ-62", |(it, _)| {
            region_of(&it.facility_id) == "KZ-62"
        }),
        ("region != 'KZ-62'", |(it, _)| {
            region_of(&it.facility_id) != "KZ-62"
        }),
        ("priority >= URGENT", |(it, _)| {
            it.priority >= RequestPriority::Urgent as i32
        }),
        ("priority < \"asap\"", |(it, _)| {
            it.priority < RequestPriority::Asap as i32
        }),
        ("state = FILED", |(it, _)| it.state() == RequestState::Filed),
        ("state != REQUEST_STATE_FILED", |(it, _)| {
            it.state() != RequestState::Filed
        }),
        ("-open = true", |(it, _)| !is_open(it.state())),
        ("needed_by < 2026-03-20", |(it, _)| {
            !it.needed_by.is_empty() && *it.needed_by < *"2026-03-20"
        }),
        ("needed_by >= \"2026-03-20\"", |(it, _)| {
            *it.needed_by >= *"2026-03-20"
        }),
        ("needed_by:*", |(it, _)| !it.needed_by.is_empty()),
        ("commodity:TEST", |(it, _)| {
            it.lines.iter().any(|line| line.commodity_id == "TEST")
        }),
        ("item:*", |(it, _)| {
            it.lines.iter().any(|line| !line.item_id.is_empty())
        }),
        ("item : VENT-X", |(it, _)| {
            it.lines.iter().any(|line| line.item_id == "VENT-X")
        }),
        (
            "filed_at > \"2026-03-01T12:00:00+05:00\"",
            |(_, filed_at)| filed_at.time_us > 1_772_348_400_000_000,
        ),
    ];
    let mut history = eventful();
    file_more_requests(&mut history);
    let things = requests(&history);
    let ids: Vec<String> = things.iter().map(|(it, _)| it.request_id.clone()).collect();
    writers(&history, |connection| {
        let list = |filter: &str, order_by: &str| -> Vec<usize> {
            let request = ListRequestsRequest {
                filter: filter.to_owned(),
                order_by: order_by.to_owned(),
                page_size: 7,
                ..ListRequestsRequest::default()
            };
            let rows = pages!(RequestsQuery, request, connection, TODAY);
            places(
                &ids,
                rows.iter()
                    .map(|row| row.request.as_ref().unwrap().request_id.as_str()),
            )
        };
        check_filters(&ATOMS, &things, |filter| list(filter, "position"));
        // What has no day comes last, whichever way the order goes.
        let day = |index: &usize| {
            let day = &things[*index].0.needed_by;
            (day.is_empty(), day.clone())
        };
        let mut wanted: Vec<usize> = (0..things.len()).collect();
        wanted.sort_by_key(|index| (day(index), std::cmp::Reverse(things[*index].0.priority)));
        assert_eq!(list("", "needed_by, priority desc"), wanted);
        let mut by_region: Vec<usize> = (0..things.len()).collect();
        by_region.sort_by_key(|index| {
            let (it, _) = &things[*index];
            (std::cmp::Reverse(region_of(&it.facility_id)), it.priority)
        });
        assert_eq!(list("", "region desc, priority"), by_region);
        // What is the same stands in the order of its age.
        let mut same: Vec<usize> = (0..things.len()).collect();
        same.sort_by_key(|index| {
            let (has_none, day) = day(index);
            (
                has_none,
                std::cmp::Reverse(day),
                things[*index].0.facility_id.clone(),
                *index,
            )
        });
        assert_eq!(list("", "needed_by desc, facility asc"), same);
        let without = same.iter().filter(|index| day(index).0).count();
        assert!((8..same.len() - 8).contains(&without), "{without}");
        // What a list does by itself, it does with a filter too.
        let usual = list("", "");
        let open: Vec<usize> = usual
            .into_iter()
            .filter(|index| is_open(things[*index].0.state()))
            .collect();
        assert_eq!(list("open = true", ""), open);
    });
}

/// So that each condition tells something apart.
fn file_more_requests(history: &mut History) {
    for number in 0..12_u32 {
        let id = format!("MORE-{number}");
        history.expect(&FileRequest {
            request_id: code(&id),
            facility_id: code(FACILITIES[number as usize % 4].0),
            lines: vec![NeededGoods {
                line: 1,
                commodity_id: Some(code("VENTILATOR")),
                item_id: (number % 3 == 0).then(|| code("VENT-X")),
                quantity: Some(quantity(1)),
                need: None,
            }],
            priority: [RequestPriority::Routine, RequestPriority::Asap][number as usize / 2 % 2],
            needed_by: chrono::NaiveDate::from_ymd_opt(2026, 3, 18 + number % 4),
            clinical_reason_code: String::new(),
            filing: None,
        });
        history.requests.push(id);
    }
}

fn shipments(history: &History) -> Vec<Shipment> {
    let ids = history.shipments.iter();
    ids.map(|id| match history.fold(&Boundary::shipment(id).unwrap()) {
        Entry::Shipment(shipment) => shipment,
        _ => unreachable!(),
    })
    .collect()
}

fn is_late(it: &Shipment) -> bool {
    let is_under_way = matches!(
        it.state(),
        ShipmentState::Dispatched
            | ShipmentState::PartlyReceived
            | ShipmentState::HandedOver
            | ShipmentState::DeliveryAttempted
            | ShipmentState::Diverted
    );
    is_under_way && !it.expected_on.is_empty() && *it.expected_on < *TODAY
}

#[test]
fn shipments_pass_a_filter_where_plain_code_says_so() {
    const ATOMS: [Atom<Shipment>; 8] = [
        ("origin = WH-ALA", |it| it.origin_id == "WH-ALA"),
        ("destination_region = KZ-62", |it| {
            region_of(&it.destination_id) == "KZ-62"
        }),
        ("origin_region:KZ-75", |it| {
            region_of(&it.origin_id) == "KZ-75"
        }),
        ("state = CANCELLED", |it| {
            it.state() == ShipmentState::Cancelled
        }),
        ("custodian:*", |it| !it.custodian_id.is_empty()),
        ("item:TEST-A", |it| {
            it.lines.iter().any(|line| line.item_id == "TEST-A")
        }),
        ("discrepancy = true", |it| it.discrepancy),
        ("NOT custodian_id = CARRIER", |it| {
            it.custodian_id != "CARRIER"
        }),
    ];
    let history = eventful();
    let things = shipments(&history);
    let ids: Vec<String> = things.iter().map(|it| it.shipment_id.clone()).collect();
    let served = things.iter().flat_map(|it| &it.lines);
    let request_id = served
        .map(|line| &line.request_id)
        .find(|id| !id.is_empty())
        .unwrap();
    writers(&history, |connection| {
        let list = |filter: &str, order_by: &str| -> Vec<usize> {
            let request = ListShipmentsRequest {
                filter: filter.to_owned(),
                order_by: order_by.to_owned(),
                page_size: 9,
                ..ListShipmentsRequest::default()
            };
            let rows = pages!(ShipmentsQuery, request, connection, TODAY);
            places(&ids, rows.iter().map(|row| row.shipment_id.as_str()))
        };
        check_filters(&ATOMS, &things, |filter| list(filter, "position asc"));
        let late: Vec<usize> = (0..things.len())
            .filter(|it| is_late(&things[*it]))
            .collect();
        assert_eq!(list("late = true", "position"), late);
        let serving = |it: &Shipment| it.lines.iter().any(|line| line.request_id == *request_id);
        let serving: Vec<usize> = (0..things.len())
            .filter(|it| serving(&things[*it]))
            .collect();
        assert!(!serving.is_empty());
        assert_eq!(
            list(&format!("request = {request_id}"), "position"),
            serving
        );
    });
}

/// A shipment is late from the day after the one on which it was expected until it arrives.
#[test]
fn what_has_arrived_is_late_no_more() {
    let mut history = History::new(&[]);
    history.open_tests(10, None);
    for (shipment_id, expected_on) in [
        ("LATE", "2026-05-31"),
        ("ARRIVED", "2026-05-31"),
        ("DUE", TODAY),
    ] {
        history.send_tests(shipment_id, 2, Some(expected_on));
    }
    history.expect(&RecordArrival {
        shipment_id: code("ARRIVED"),
        seals: Vec::new(),
        signed_by_ref: None,
        documents: Vec::new(),
    });
    writers(&history, |connection| {
        let late = |today: &str| -> Vec<String> {
            let request = ListShipmentsRequest {
                filter: "late = true".to_owned(),
                page_size: 1,
                ..ListShipmentsRequest::default()
            };
            let rows = pages!(ShipmentsQuery, request, connection, today);
            rows.into_iter().map(|row| row.shipment_id).collect()
        };
        assert_eq!(late("2026-05-31"), [""; 0]);
        assert_eq!(late(TODAY), ["LATE"]);
        assert_eq!(late("2027-01-01"), ["DUE", "LATE"]);
    });
}

#[test]
fn assets_and_donations_pass_a_filter_where_plain_code_says_so() {
    const ATOMS: [Atom<Asset>; 6] = [
        ("item = VENT-X", |it| it.item_id == "VENT-X"),
        ("commodity = LABORATORY", |it| it.item_id == "LAB-X"),
        ("region = KZ-62", |it| region_of(&it.facility_id) == "KZ-62"),
        ("NOT condition = IN_SERVICE", |it| {
            it.condition() != AssetCondition::InService
        }),
        ("owner = MOH", |it| it.owner_id == "MOH"),
        ("facility:WH-ALA", |it| it.facility_id == "WH-ALA"),
    ];
    let history = eventful();
    let tags: BTreeSet<&String> = history
        .events
        .iter()
        .flat_map(|event| &event.tags)
        .collect();
    let assets = tags.into_iter().filter_map(|tag| {
        let boundary = crate::subject::boundary(tag).filter(|_| tag.starts_with("asset:"))?;
        match history.fold(&boundary) {
            Entry::Asset(asset) if !asset.serial_number.is_empty() => Some(asset),
            _ => None,
        }
    });
    let mut things: Vec<Asset> = assets.collect();
    things.sort_by_key(|it| (it.item_id.clone(), it.serial_number.clone()));
    let of = |asset: &Asset| format!("{}/{}", asset.item_id, asset.serial_number);
    let ids: Vec<String> = things.iter().map(of).collect();
    writers(&history, |connection| {
        check_filters(&ATOMS, &things, |filter| {
            let request = ListAssetsRequest {
                filter: filter.to_owned(),
                show_gone: true,
                page_size: 4,
                ..ListAssetsRequest::default()
            };
            let rows = pages!(AssetsQuery, request, connection, TODAY.parse().unwrap());
            let found: Vec<String> = rows
                .iter()
                .map(|row| of(row.asset.as_ref().unwrap()))
                .collect();
            places(&ids, found.iter().map(String::as_str))
        });
        let request = ListAssetsRequest {
            order_by: "region".to_owned(),
            show_gone: true,
            page_size: 4,
            ..ListAssetsRequest::default()
        };
        let rows = pages!(AssetsQuery, request, connection, TODAY.parse().unwrap());
        assert_eq!(rows.len(), things.len());
        assert!(rows.is_sorted_by_key(|row| row.region_id.clone()));
        let middle = &history.donations[history.donations.len() / 2];
        let tag = format!("donation:{middle}");
        let pledged = history
            .events
            .iter()
            .find(|event| event.tags.contains(&tag));
        let request = ListDonationsRequest {
            filter: format!(
                "donor = KASPI AND (state = PLEDGED OR state = PARTLY_RECEIVED) AND position >= {}",
                pledged.unwrap().position
            ),
            order_by: "donation desc".to_owned(),
            page_size: 3,
            ..ListDonationsRequest::default()
        };
        let found = pages!(DonationsQuery, request, connection,);
        let mut wanted: Vec<&String> = history
            .donations
            .iter()
            .skip(history.donations.len() / 2)
            .filter(|id| match history.fold(&Boundary::donation(id).unwrap()) {
                Entry::Donation(it) => matches!(it.state, 1 | 2),
                _ => unreachable!(),
            })
            .collect();
        wanted.sort();
        wanted.reverse();
        assert!(wanted.len() > 3);
        let found: Vec<&String> = found.iter().map(|it| &it.donation_id).collect();
        assert_eq!(found, wanted);
    });
}

fn stock_of(filter: &str, order_by: &str, groups: &[StockGroup]) -> ListStockRequest {
    ListStockRequest {
        group_by: groups.iter().map(|group| (*group).into()).collect(),
        filter: filter.to_owned(),
        order_by: order_by.to_owned(),
        page_size: 3,
        ..ListStockRequest::default()
    }
}

/// What never expires comes last, whichever way the order goes.
fn check_expiries(connection: &Connection) {
    let by_batch = [StockGroup::Batch, StockGroup::Expiry];
    for (order_by, is_down) in [("expires_on", false), ("expires_on desc", true)] {
        let asked = stock_of("item = TEST-A OR item = VENT-X", order_by, &by_batch);
        let rows = pages!(StockQuery, asked, connection, TODAY);
        let never = rows.iter().position(|row| row.expires_on.is_empty());
        let (day, never) = rows.split_at(never.unwrap());
        assert!(!day.is_empty() && never.iter().all(|row| row.expires_on.is_empty()));
        let mut days: Vec<&str> = day.iter().map(|row| row.expires_on.as_str()).collect();
        if is_down {
            days.reverse();
        }
        assert!(days.is_sorted(), "{days:?}");
        let batches: BTreeSet<&str> = rows.iter().map(|row| row.batch_id.as_str()).collect();
        assert_eq!(batches.len(), rows.len());
    }
}

#[test]
fn stock_passes_a_filter_of_groups_and_of_sums_now_and_in_the_past() {
    let history = eventful();
    let mut wanted: Vec<(i64, String, String)> = naive::stock(history.decoded())
        .into_iter()
        .filter(|((_, item, ..), _)| item == "TEST-A" || item == "TEST-B")
        .fold(
            std::collections::BTreeMap::new(),
            |mut sums: std::collections::BTreeMap<(String, String), i64>, (key, row)| {
                *sums.entry((key.0, key.2)).or_default() += row[0] - row[1] - row[2];
                sums
            },
        )
        .into_iter()
        .filter(|(_, available)| *available > 2)
        .map(|((facility, batch), available)| (-available, facility, batch))
        .collect();
    wanted.sort();
    assert!(wanted.len() > 4, "{wanted:?}");
    let groups = [StockGroup::Facility, StockGroup::Batch];
    let asked = stock_of(
        "(item = TEST-A OR item = TEST-B) AND available > 2",
        "available desc, facility",
        &groups,
    );
    let told = |rows: &[keruen_proto::stock::v1::StockRow]| -> Vec<(i64, String, String)> {
        let rows = rows.iter();
        rows.map(|row| {
            (
                -row.available,
                row.facility_id.clone(),
                row.batch_id.clone(),
            )
        })
        .collect()
    };
    writers(&history, |connection| {
        let rows = pages!(StockQuery, asked.clone(), connection, TODAY);
        assert_eq!(told(&rows), wanted);
        check_expiries(connection);
        // What has left is found, and is as much as what is coming.
        let left = stock_of(
            "in_transit_out > 0",
            "in_transit_out desc",
            &[StockGroup::Facility],
        );
        let left = pages!(StockQuery, left, connection, TODAY);
        let coming = stock_of("in_transit > 0", "", &[StockGroup::Facility]);
        let coming = pages!(StockQuery, coming, connection, TODAY);
        assert!(!left.is_empty());
        assert!(left.is_sorted_by_key(|row| -row.in_transit_out));
        let sum = |quantities: Vec<i64>| quantities.into_iter().sum::<i64>();
        assert_eq!(
            sum(left.iter().map(|row| row.in_transit_out).collect()),
            sum(coming.iter().map(|row| row.in_transit).collect())
        );
        // As text or as a field of its own, it is the same.
        let by = [StockGroup::Region, StockGroup::Custodian];
        let text = stock_of(
            "region = KZ-62 AND commodity != VENTILATOR AND custodian:*",
            "",
            &by,
        );
        let rows = pages!(StockQuery, text, connection, TODAY);
        let typed = ListStockRequest {
            region_id: "KZ-62".to_owned(),
            ..stock_of("NOT commodity = VENTILATOR", "", &by)
        };
        let same = pages!(StockQuery, typed, connection, TODAY);
        assert!(!rows.is_empty());
        assert_eq!(rows, same);
    });
    let served = served();
    let mut writer = chronicle(&served.place, &history.events, 211);
    let past = Past {
        known_at: Some(history.events.len() as u64),
        ..Past::default()
    };
    let mut request = asked;
    let mut rows = Vec::new();
    loop {
        let query = StockQuery::parse(&request).unwrap();
        let page = query
            .answer_past(writer.connection(), &past, TODAY)
            .unwrap();
        rows.extend(page.rows);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(told(&rows), wanted);
}

fn refused<T>(answer: Result<T, Refusal>) -> String {
    answer.err().expect("it is refused").to_string()
}

#[test]
fn a_filter_that_breaks_a_rule_is_refused_with_field_and_place() {
    let requests = |filter: &str, order_by: &str| {
        refused(RequestsQuery::parse(&ListRequestsRequest {
            filter: filter.to_owned(),
            order_by: order_by.to_owned(),
            ..ListRequestsRequest::default()
        }))
    };
    for (filter, wanted) in [
        (
            "regon = KZ-39",
            "filter: at character 1: there is no field \"regon\"; there are request, ",
        ),
        (
            "open = true AND region = KZ-98",
            "at character 26: region must be a region such as KZ-39; found \"KZ-98\"",
        ),
        (
            "priority >= SOON",
            "at character 13: priority must be one of ROUTINE, URGENT, ASAP, STAT; found \"SOON\"",
        ),
        (
            "state > FILED",
            "at character 1: state is compared by =, !=; found >",
        ),
        ("commodity = TEST", "commodity is compared by :; found ="),
        (
            "needed_by < soon",
            "needed_by must be a calendar date such as 2021-03-31; found \"soon\"",
        ),
        ("filed_at < 2026-03-01", "filed_at must be a time such as"),
        ("open = 1", "open must be true or false; found \"1\""),
        (
            "facility = h-jez",
            "facility must be written in capital letters",
        ),
        ("state = *", "* stands after : only"),
    ] {
        let told = requests(filter, "");
        assert!(told.contains(wanted), "{filter}: {told}");
    }
    // All that is wrong is told at once.
    let told = requests("open = 1 OR NOT (state = X)", "");
    assert!(
        told.contains("character 8:") && told.contains("character 26:"),
        "{told}"
    );
    for (order_by, wanted) in [
        (
            "commodity",
            "order_by: must be of request, facility, region, state, open, priority, needed_by, filed_at, position; found \"commodity\"",
        ),
        (
            "needed_by down",
            "each part must be a field, and asc or desc",
        ),
        ("state, state desc", "state stands here twice"),
        (
            "request,facility,state,open,priority",
            "at most 4 fields; found 5",
        ),
        (",", "must be of"),
    ] {
        let told = requests("", order_by);
        assert!(told.contains(wanted), "{order_by}: {told}");
    }
    let stock = |filter: &str, order_by: &str| {
        refused(StockQuery::parse(&stock_of(
            filter,
            order_by,
            &[StockGroup::Item],
        )))
    };
    let told = stock("available > 0 OR item = TEST-A", "");
    assert!(
        told.contains("at character 1: available is a sum over rows"),
        "{told}"
    );
    let told = stock("", "facility");
    assert!(
        told.contains("order_by: must be of sums, or of what stock is grouped by"),
        "{told}"
    );
    let exceptions = refused(ExceptionsQuery::parse(&ListAuditExceptionsRequest {
        filter: "kind = NOTHING AND value_minor_units > much".to_owned(),
        ..ListAuditExceptionsRequest::default()
    }));
    assert!(exceptions.contains("OVERRIDE, BACKDATED"), "{exceptions}");
    assert!(
        exceptions.contains("value_minor_units must be a whole number; found \"much\""),
        "{exceptions}"
    );
}

#[test]
fn a_page_belongs_to_its_filter_and_order_and_names_are_known() {
    let history = eventful();
    writers(&history, |connection| {
        let asked = |filter: &str, order_by: &str, page_token: &str| ListRequestsRequest {
            filter: filter.to_owned(),
            order_by: order_by.to_owned(),
            page_token: page_token.to_owned(),
            page_size: 1,
            ..ListRequestsRequest::default()
        };
        let first = RequestsQuery::parse(&asked("open = false", "needed_by", "")).unwrap();
        let token = first.answer(connection, TODAY).unwrap().next_page_token;
        assert!(!token.is_empty());
        assert!(RequestsQuery::parse(&asked("open = false", "needed_by", &token)).is_ok());
        for (filter, order_by) in [("open = true", "needed_by"), ("open = false", "")] {
            let told = refused(RequestsQuery::parse(&asked(filter, order_by, &token)));
            assert!(
                told.contains("page_token: belongs to another query"),
                "{told}"
            );
        }
        let unknown = RequestsQuery::parse(&asked("NOT facility = NOWHERE", "", "")).unwrap();
        let told = refused(unknown.answer(connection, TODAY));
        assert!(told.contains("NOWHERE"), "{told}");
        let on_trip = ListShipmentsRequest {
            filter: "trip = T-NONE".to_owned(),
            ..ListShipmentsRequest::default()
        };
        let unknown = ShipmentsQuery::parse(&on_trip).unwrap();
        let told = refused(unknown.answer(connection, TODAY));
        assert!(told.contains("T-NONE"), "{told}");
    });
}
