//! Stock by owner, by place and by custodian: three views of the same units, each of which adds up.

use std::collections::BTreeMap;

use keruen_domain::{
    Boundary, Entry,
    correction::{CorrectBatchData, Fact, context},
    stock::{NewStock, OpenStock},
    tags::tags,
};
use keruen_proto::{
    Event,
    inventory::v1::Batch,
    registry::v1::{Money, UnitValue, ValueBasis},
    stock::v1::{LiabilityRow, ListLiabilityRequest, ListStockRequest, StockGroup, StockRow},
};

use super::{
    answers::{TODAY, world},
    history::{FACILITIES, History, code, quantity},
    naive,
    past::chronicle,
};
use crate::{
    copies::Place, database::Connection, liability::LiabilityQuery, past::Past, stock::StockQuery,
};

fn rows(connection: &Connection, groups: &[StockGroup]) -> Vec<StockRow> {
    let request = ListStockRequest {
        group_by: groups.iter().map(|group| (*group).into()).collect(),
        ..ListStockRequest::default()
    };
    let query = StockQuery::parse(&request).unwrap();
    query.answer(connection, TODAY).unwrap().rows
}

/// On hand, in transit, received, used or gone, passed to, given up, and in transit elsewhere.
fn sums(rows: &[StockRow]) -> [i64; 7] {
    let mut sums = [0; 7];
    for row in rows {
        let gone = row.consumed + row.disposed + row.lost + row.returned + row.converted;
        let counts = [
            row.on_hand,
            row.in_transit,
            row.received,
            gone,
            row.title_in,
            row.title_out,
            row.in_transit_out,
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
    assert_eq!(sums(&rows(connection, &[StockGroup::Facility])), all);
    // Only what is in hand is somebody's by now: a loss is not of the one to whom the goods were to come.
    let [on_hand, in_transit, .., sent] = all;
    let by_custodian = sums(&rows(connection, &[StockGroup::Custodian]));
    assert_eq!(by_custodian, [on_hand, in_transit, 0, 0, 0, 0, sent]);
    let [_, _, received, gone, title_in, title_out, _] = all;
    assert_eq!(received, on_hand + in_transit + gone);
    assert_eq!(in_transit, sent);
    // Whoever brings it has it on the way from where it was as well as to where it goes.
    for row in rows(connection, &[StockGroup::Custodian, StockGroup::Batch]) {
        assert_eq!(row.in_transit, row.in_transit_out, "{row:?}");
    }
    assert_eq!(title_in, title_out);
    assert!(gone > 0);
    // Nor does it choose or order rows.
    for (filter, order_by) in [("lost > 0", ""), ("", "consumed desc")] {
        let asked = ListStockRequest {
            group_by: vec![StockGroup::Custodian.into()],
            filter: filter.to_owned(),
            order_by: order_by.to_owned(),
            ..ListStockRequest::default()
        };
        let refusal = StockQuery::parse(&asked).err().unwrap().to_string();
        assert!(refusal.contains("is not told by custodian"), "{refusal}");
    }
    // Every owner has what came to it and did not leave it.
    for row in &by_owner {
        let gone =
            row.consumed + row.disposed + row.lost + row.returned + row.converted + row.title_out;
        let came = row.received + row.title_in;
        assert_eq!(came, row.on_hand + row.in_transit + gone, "{row:?}");
    }
}

/// What everybody has in hand, at rest and on the way: by book-keeping of what is at facilities, by who took those over,
/// and by what each shipment says for itself.
fn in_hand(history: &History) -> BTreeMap<String, [i64; 2]> {
    let mut expected: BTreeMap<String, [i64; 2]> = BTreeMap::new();
    for ((facility_id, ..), sums) in naive::stock(history.decoded()) {
        let keeper = match history.fold(&Boundary::keeper(&facility_id).unwrap()) {
            Entry::Keeper(keeper) => keeper.organisation_id,
            other => panic!("{other:?}"),
        };
        // All facilities of this history are run by MOH.
        let keeper = Some(keeper).filter(|id| !id.is_empty());
        let keeper = keeper.unwrap_or_else(|| "MOH".to_owned());
        expected.entry(keeper).or_default()[0] += sums[0];
    }
    for id in &history.shipments {
        let Entry::Shipment(shipment) = history.fold(&Boundary::shipment(id).unwrap()) else {
            panic!("{id}");
        };
        for lot in &shipment.lots {
            let custodian = expected.entry(shipment.custodian_id.clone()).or_default();
            custodian[1] += lot.in_transit;
            for share in &lot.missing_by_liable {
                expected.entry(share.liable_id.clone()).or_default()[1] += share.quantity;
            }
        }
    }
    expected.retain(|_, sums| *sums != [0, 0]);
    expected
}

fn is_zero(sums: &[i64; 2]) -> bool {
    *sums == [0, 0]
}

#[test]
fn keepers_have_what_is_at_rest_and_whoever_signed_or_answers_what_is_on_the_way() {
    let mut world = world();
    let expected = in_hand(&world.history);
    assert_eq!(expected.len(), 3, "{expected:?}");
    assert!(
        expected
            .values()
            .any(|[at_rest, way]| *at_rest > 0 && *way > 0)
    );
    let connection = world.writer.connection();
    let mut found: BTreeMap<String, [i64; 2]> = rows(connection, &[StockGroup::Custodian])
        .into_iter()
        .map(|row| (row.custodian_id, [row.on_hand, row.in_transit]))
        .collect();
    found.retain(|_, sums| !is_zero(sums));
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
}

fn liability(connection: &Connection, request: &ListLiabilityRequest) -> Vec<LiabilityRow> {
    let mut rows = Vec::new();
    let mut request = request.clone();
    loop {
        let query = LiabilityQuery::parse(&request).unwrap();
        let page = query.answer(connection, None).unwrap();
        assert!(!page.rows.is_empty() || rows.is_empty());
        rows.extend(page.rows);
        if page.next_page_token.is_empty() {
            return rows;
        }
        request.page_token = page.next_page_token;
    }
}

#[test]
fn liability_adds_up_to_what_everybody_has_in_hand_at_its_declared_value() {
    let mut world = world();
    let expected = in_hand(&world.history);
    let units: BTreeMap<String, Batch> = world
        .history
        .decoded()
        .iter()
        .flat_map(tags)
        .filter_map(|tag| Some(tag.strip_prefix("batch:")?.to_owned()))
        .map(
            |id| match world.history.fold(&Boundary::batch(&id).unwrap()) {
                Entry::Batch(batch) => (id, batch),
                other => panic!("{other:?}"),
            },
        )
        .collect();
    let unit_value = |batch_id: &str| units[batch_id].unit_value.clone()?.amount;
    let connection = world.writer.connection();
    for page_size in [1, 7, 1_000] {
        let request = ListLiabilityRequest {
            page_size,
            ..ListLiabilityRequest::default()
        };
        let rows = liability(connection, &request);
        let mut found: BTreeMap<String, [i64; 2]> = BTreeMap::new();
        let mut worth: BTreeMap<(String, String), (i64, i64)> = BTreeMap::new();
        for row in &rows {
            let sums = found.entry(row.custodian_id.clone()).or_default();
            sums[0] += row.on_hand;
            sums[1] += row.in_transit;
            let all = row.on_hand + row.in_transit;
            let value = unit_value(&row.batch_id).map(|unit| Money {
                minor_units: unit.minor_units * all,
                ..unit
            });
            assert_eq!(row.value, value, "{row:?}");
            let value = value.unwrap_or_default();
            let key = (row.custodian_id.clone(), value.currency_code);
            let sums = worth.entry(key).or_default();
            sums.0 += all;
            sums.1 += value.minor_units;
        }
        found.retain(|_, sums| !is_zero(sums));
        assert_eq!(found, expected);
        assert!(worth.keys().any(|(_, currency)| !currency.is_empty()));
        // The same, added up over batches.
        let totals = liability(
            connection,
            &ListLiabilityRequest {
                totals: true,
                ..request.clone()
            },
        );
        let told = totals.iter().map(|row| {
            let value = row.value.clone().unwrap_or_default();
            let key = (row.custodian_id.clone(), value.currency_code);
            (key, (row.on_hand + row.in_transit, value.minor_units))
        });
        assert_eq!(told.collect::<BTreeMap<_, _>>(), worth);
        assert_eq!(totals.len(), worth.len());
        // And only what is on its way.
        let way = liability(
            connection,
            &ListLiabilityRequest {
                on_the_way: true,
                ..request
            },
        );
        assert!(
            way.iter()
                .all(|row| row.on_hand == 0 && row.in_transit != 0)
        );
        let sum: i64 = way.iter().map(|row| row.in_transit).sum();
        assert_eq!(sum, expected.values().map(|[_, way]| way).sum::<i64>());
    }
}

#[test]
fn what_anybody_was_liable_for_keeps_the_value_that_was_known() {
    let value = |minor_units| UnitValue {
        amount: Some(Money {
            currency_code: "USD".to_owned(),
            minor_units,
        }),
        basis: ValueBasis::Invoice.into(),
    };
    let mut history = History::new(&[]);
    history.expect(&OpenStock {
        facility_id: code(FACILITIES[0].0),
        lines: vec![NewStock {
            item_id: code("TEST-A"),
            quantity: quantity(100),
            lot: None,
            expires_on: None,
            owner_id: Some(code("MOH")),
            serial_numbers: Vec::new(),
            unit_value: Some(value(400)),
            held: false,
            batch_id: code("B"),
        }],
        documents: Vec::new(),
    });
    let index = history.events.len() - 1;
    let event = history.decoded()[index].clone();
    let before = context(&event).map(|boundary| Box::new(history.fold_before(&boundary, index)));
    for (minor_units, expires_on) in [(700, None), (900, "2030-01-31".parse().ok())] {
        history.expect(&CorrectBatchData {
            fact: Fact {
                event_id: history.events[index].event_id.clone(),
                occurred_at_us: history.happened_us(index),
                before: before.clone(),
                event: event.clone(),
            },
            batch_id: code("B"),
            lot: None,
            expires_on: expires_on.map(Some),
            unit_value: Some(value(minor_units)),
            documents: Vec::new(),
        });
    }
    let dir = tempfile::tempdir().unwrap();
    let mut past = chronicle(&Place::Folder(dir.path().to_owned()), &history.events, 50);
    let position = history.events[index].position;
    for totals in [false, true] {
        let told = [0, 1, 2].map(|later| {
            let request = ListLiabilityRequest {
                totals,
                ..ListLiabilityRequest::default()
            };
            let past_of = Past {
                known_at: Some(position + later),
                ..Past::default()
            };
            let query = LiabilityQuery::parse(&request).unwrap();
            let rows = query
                .answer(past.connection(), Some(&past_of))
                .unwrap()
                .rows;
            assert_eq!(rows.len(), 1);
            rows[0].value.as_ref().unwrap().minor_units
        });
        assert_eq!(told, [40_000, 70_000, 90_000]);
    }
}
