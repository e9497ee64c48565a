//! Stock by owner, by place and by custodian: three views of the same units, each of which adds up.

use std::collections::BTreeMap;

use keruen_proto::{
    Event,
    stock::v1::{ListStockRequest, StockGroup, StockRow},
};

use super::{
    answers::{TODAY, world},
    naive,
};
use crate::{database::Connection, stock::StockQuery};

fn rows(connection: &Connection, groups: &[StockGroup]) -> Vec<StockRow> {
    let request = ListStockRequest {
        group_by: groups.iter().map(|group| (*group).into()).collect(),
        ..ListStockRequest::default()
    };
    let query = StockQuery::parse(&request).unwrap();
    query.answer(connection, TODAY).unwrap().rows
}

/// On hand, in transit, received, used or gone, passed to and given up.
fn sums(rows: &[StockRow]) -> [i64; 6] {
    let mut sums = [0; 6];
    for row in rows {
        let gone = row.consumed + row.disposed + row.lost + row.returned + row.converted;
        let counts = [
            row.on_hand,
            row.in_transit,
            row.received,
            gone,
            row.title_in,
            row.title_out,
        ];
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    sums
}

#[test]
fn owner_place_and_custodian_each_add_up() {
    let mut world = world();
    let events = world.history.decoded().to_vec();
    let passed = events
        .iter()
        .filter(|event| matches!(event, Event::TitleTransferred(_)));
    assert!(passed.count() > 3);
    let connection = world.writer.connection();
    let by_owner = rows(connection, &[StockGroup::Owner]);
    let all = sums(&by_owner);
    for group in [StockGroup::Facility, StockGroup::Custodian] {
        assert_eq!(sums(&rows(connection, &[group])), all);
    }
    let [on_hand, in_transit, received, gone, title_in, title_out] = all;
    assert_eq!(received, on_hand + in_transit + gone);
    assert_eq!(title_in, title_out);
    // Every owner has what came to it and did not leave it.
    for row in &by_owner {
        let gone =
            row.consumed + row.disposed + row.lost + row.returned + row.converted + row.title_out;
        let came = row.received + row.title_in;
        assert_eq!(came, row.on_hand + row.in_transit + gone, "{row:?}");
    }
}

#[test]
fn custodians_are_operators_at_rest_and_carriers_on_the_way() {
    let mut world = world();
    let mut expected: BTreeMap<String, [i64; 2]> = BTreeMap::new();
    for sums in naive::stock(world.history.decoded()).values() {
        // All facilities of this history are run by MOH, and all shipments carried by CARRIER.
        expected.entry("MOH".to_owned()).or_default()[0] += sums[0];
        expected.entry("CARRIER".to_owned()).or_default()[1] += sums[3];
    }
    let connection = world.writer.connection();
    let found: BTreeMap<String, [i64; 2]> = rows(connection, &[StockGroup::Custodian])
        .into_iter()
        .map(|row| (row.custodian_id, [row.on_hand, row.in_transit]))
        .collect();
    assert_eq!(found, expected);
    let request = ListStockRequest {
        group_by: vec![StockGroup::Item.into()],
        custodian_id: "CARRIER".to_owned(),
        ..ListStockRequest::default()
    };
    let query = StockQuery::parse(&request).unwrap();
    let carried = query.answer(connection, TODAY).unwrap().rows;
    let sum: i64 = carried.iter().map(|row| row.in_transit).sum();
    assert_eq!(sum, expected["CARRIER"][1]);
    assert!(carried.iter().all(|row| row.on_hand == 0));
}
