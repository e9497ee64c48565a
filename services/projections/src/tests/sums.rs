//! Stock in any grouping, against plain book-keeping.

use std::collections::{BTreeMap, BTreeSet};

use keruen_domain::region;
use keruen_proto::{
    Event,
    inventory::v1::ReceiptOutcome,
    stock::v1::{
        ListHeldStockRequest, ListStockRequest, StockGroup, StockRow, TraceStatus,
        get_trace_request::Subject,
    },
};
use proptest::prelude::*;

use super::{
    answers::{TODAY, region_of, trace, world},
    filters::writers,
    history::{History, ITEMS, eventful, is_asset},
    naive::{self, Key, Sums},
};
use crate::{
    attention::HeldStockQuery, database::Connection, movement::movements, refusal::Refusal,
    stock::StockQuery,
};

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
        StockGroup::Asset
        | StockGroup::Custodian
        | StockGroup::Expiry
        | StockGroup::Unspecified => unreachable!(),
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
        StockGroup::Asset => row.serial_number.clone(),
        StockGroup::Custodian => row.custodian_id.clone(),
        StockGroup::Expiry => row.expires_on.clone(),
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
        row.returned,
        row.converted,
        row.title_in,
        row.title_out,
        row.in_transit_out,
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
fn units_of_assets_add_up_to_any_other_grouping() {
    const OTHERS: [StockGroup; 7] = [
        StockGroup::Region,
        StockGroup::Facility,
        StockGroup::Commodity,
        StockGroup::Batch,
        StockGroup::Owner,
        StockGroup::Custodian,
        StockGroup::Expiry,
    ];
    let mut world = world();
    let connection = world.writer.connection();
    let strategy = (
        prop::sample::subsequence(OTHERS.to_vec(), 0..=7).prop_shuffle(),
        prop::sample::select(vec![
            "",
            "item = VENT-X",
            "item != VENT-X",
            "on_hand > 0",
            "owner = MOH",
        ]),
        3..60_i32,
    );
    let by_item = |groups: &[StockGroup], filter: &str| ListStockRequest {
        group_by: groups
            .iter()
            .chain(&[StockGroup::Item])
            .map(|group| (*group).into())
            .collect(),
        filter: filter.to_owned(),
        page_size: 50,
        ..ListStockRequest::default()
    };
    proptest!(ProptestConfig::with_cases(60), |((groups, filter, page_size) in strategy)| {
        let by_unit = ListStockRequest {
            group_by: groups.iter().chain(&[StockGroup::Asset]).map(|group| (*group).into()).collect(),
            // What is compared with a sum is compared unit by unit.
            filter: if filter.contains("on_hand") { String::new() } else { filter.to_owned() },
            page_size,
            ..ListStockRequest::default()
        };
        let units = all_stock(connection, &by_unit).unwrap();
        let columns_of = |row: &StockRow| {
            let mut columns = columns(row, &groups);
            columns.push(row.item_id.clone());
            columns
        };
        let mut added: BTreeMap<Vec<String>, Sums> = BTreeMap::new();
        let mut last = None;
        for row in &units {
            let key = (columns_of(row), row.serial_number.clone());
            prop_assert!(last.as_ref().is_none_or(|last| *last < key), "in order, each once");
            prop_assert_eq!(row.serial_number.is_empty(), !is_asset(&row.item_id));
            let sum = added.entry(key.0.clone()).or_default();
            sum.iter_mut().zip(sums(row)).for_each(|(sum, more)| *sum += more);
            last = Some(key);
        }
        if filter.contains("on_hand") {
            added.retain(|_, sums| sums[0] > 0);
        }
        let found: BTreeMap<Vec<String>, Sums> = all_stock(connection, &by_item(&groups, filter)).unwrap().iter()
            .map(|row| (columns_of(row), sums(row))).collect();
        prop_assert_eq!(added, found);
    });
}

#[test]
fn one_unit_is_found_by_its_serial_number() {
    let mut world = world();
    let connection = world.writer.connection();
    let all = all_stock(
        connection,
        &ListStockRequest {
            group_by: vec![StockGroup::Facility.into(), StockGroup::Asset.into()],
            filter: "serial_number:* AND on_hand > 0".to_owned(),
            order_by: "serial_number desc, facility".to_owned(),
            page_size: 9,
            ..ListStockRequest::default()
        },
    )
    .unwrap();
    assert!(all.len() > 9);
    assert!(all.is_sorted_by(|one, next| one.serial_number >= next.serial_number));
    for row in &all {
        // A unit is at one place.
        assert_eq!(row.on_hand, 1, "{row:?}");
        let request = ListStockRequest {
            group_by: vec![StockGroup::Facility.into(), StockGroup::Item.into()],
            item_id: row.item_id.clone(),
            filter: format!("serial_number = \"{}\" AND on_hand > 0", row.serial_number),
            ..ListStockRequest::default()
        };
        let found = all_stock(
            connection,
            &ListStockRequest {
                page_size: 5,
                ..request
            },
        )
        .unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (&found[0].facility_id, sums(&found[0])),
            (&row.facility_id, sums(row))
        );
    }
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

/// Reasons for which units were ever held at a facility, by batch, and as what they were found there.
type Said = BTreeMap<(String, String), (BTreeSet<i32>, BTreeSet<i32>)>;

fn said_of(history: &History) -> Said {
    let mut said = Said::new();
    for event in history.decoded() {
        if let Event::StockHeld(it) = event {
            let batch_id = it.units.as_ref().unwrap().batch_id.clone();
            let of_it = said.entry((it.facility_id.clone(), batch_id));
            of_it.or_default().0.insert(it.reason);
        }
        for movement in movements(event) {
            let units = movement.units.batch_id.clone();
            let of_it = said.entry((movement.facility_id.to_owned(), units));
            let outcomes = &mut of_it.or_default().1;
            let is_kept = !matches!(
                movement.outcome,
                ReceiptOutcome::Unspecified | ReceiptOutcome::Good | ReceiptOutcome::Missing
            );
            if is_kept {
                outcomes.insert(movement.outcome.into());
            }
        }
    }
    said
}

#[test]
fn what_is_held_stands_in_one_row_for_each_batch_and_owner_whatever_its_units() {
    let history = eventful();
    let mut wanted = naive::stock(history.decoded());
    wanted.retain(|_, sums| sums[2] > 0);
    assert!(wanted.keys().any(|key| is_asset(&key.1)));
    let wanted: BTreeMap<Key, i64> = wanted.into_iter().map(|(key, it)| (key, it[2])).collect();
    let said = said_of(&history);
    writers(&history, |connection| {
        let mut asked = ListHeldStockRequest {
            page_size: 3,
            ..ListHeldStockRequest::default()
        };
        let mut found = Vec::new();
        loop {
            let query = HeldStockQuery::parse(&asked).unwrap();
            let page = query.answer(connection, TODAY.parse().unwrap()).unwrap();
            found.extend(page.rows);
            asked.page_token = page.next_page_token;
            if asked.page_token.is_empty() {
                break;
            }
        }
        let mut unexplained = 0;
        for row in &found {
            let (reasons, outcomes) = &said[&(row.facility_id.clone(), row.batch_id.clone())];
            assert!(row.reasons_here.iter().all(|it| reasons.contains(it)));
            assert!(row.outcomes_here.iter().all(|it| outcomes.contains(it)));
            let is_told = !row.reasons_here.is_empty() || !row.outcomes_here.is_empty();
            assert!(row.held_here > 0 || !is_told, "{row:?}");
            let is_known = !reasons.is_empty() || !outcomes.is_empty();
            assert!(is_told || !is_known || row.held_here == 0, "{row:?}");
            unexplained += usize::from(row.held_here > 0 && !is_told);
        }
        assert!(unexplained * 4 < found.len(), "{unexplained}");
        let rows = found.into_iter().map(|row| {
            let key = (row.facility_id, row.item_id, row.batch_id, row.owner_id);
            (key, row.held)
        });
        let rows: Vec<_> = rows.collect();
        assert_eq!(rows, wanted.clone().into_iter().collect::<Vec<_>>());
        // A trace says the same of each place.
        for (key, held) in &wanted {
            let subject = Subject::BatchId(key.2.clone());
            let trace = trace(connection, subject).unwrap();
            let places = trace.batches[0].places.iter();
            let at = places.filter(|it| {
                it.status() == TraceStatus::OnHand
                    && (&it.facility_id, &it.owner_id) == (&key.0, &key.3)
            });
            assert_eq!(at.map(|it| it.held).sum::<i64>(), *held, "{key:?}");
        }
    });
}
