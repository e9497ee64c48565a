//! Stock in any grouping, against plain book-keeping.

use std::collections::BTreeMap;

use keruen_domain::region;
use keruen_proto::stock::v1::{ListStockRequest, StockGroup, StockRow};
use proptest::prelude::*;

use super::{
    answers::{TODAY, region_of, world},
    history::ITEMS,
    naive::{self, Key, Sums},
};
use crate::{database::Connection, refusal::Refusal, stock::StockQuery};

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
        StockGroup::Custodian | StockGroup::Expiry | StockGroup::Unspecified => unreachable!(),
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
        StockGroup::Custodian | StockGroup::Expiry | StockGroup::Unspecified => unreachable!(),
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
