//! Assets, listed: what the rows say is what the history says.

use std::collections::{BTreeMap, BTreeSet};

use keruen_domain::{Entry, code::UNATTRIBUTED};
use keruen_proto::{
    inventory::v1::{Asset, AssetCondition, AssetPlace, AssetRef},
    log::v1::RecordedEvent,
    stock::v1::{
        AssetRow, ListAssetsRequest, ListStockRequest, StockGroup, TracePlace, TraceStatus,
        get_trace_request::Subject,
    },
};

use super::{
    answers::{TODAY, after, region_of, trace, world},
    history::{FACILITIES, History, ORGANISATIONS, choices_from},
};
use crate::{
    assets::AssetsQuery, database::Connection, refusal::Refusal, stock::StockQuery,
    subject::Subjects, view,
};

/// All assets of a history, in order.
fn assets(history: &History) -> Vec<Asset> {
    let tagged = |event: &RecordedEvent| event.tags.iter().any(|tag| tag.starts_with("asset:"));
    let events = history.events.iter().zip(history.decoded());
    let events = events.filter(|(recorded, _)| tagged(recorded));
    let mut subjects = Subjects::new(&view::CURRENT);
    let boundaries: BTreeSet<_> = events
        .flat_map(|(recorded, event)| subjects.of(recorded, event))
        .collect();
    let folded = boundaries.iter().map(|boundary| history.fold(boundary));
    let mut assets: Vec<Asset> = folded
        .filter_map(|entry| match entry {
            Entry::Asset(asset) if !asset.item_id.is_empty() => Some(asset),
            _ => None,
        })
        .collect();
    assets.sort_by_key(|it| (it.item_id.clone(), it.serial_number.clone()));
    assets
}

fn page(
    connection: &Connection,
    asked: &ListAssetsRequest,
) -> Result<(Vec<AssetRow>, String), Refusal> {
    let page = AssetsQuery::parse(asked)?.answer(connection, TODAY.parse().unwrap())?;
    Ok((page.rows, page.next_page_token))
}

/// The assets of all pages.
fn listed(connection: &Connection, asked: ListAssetsRequest) -> Vec<Asset> {
    let mut asked = ListAssetsRequest {
        page_size: 7,
        ..asked
    };
    let mut all = Vec::new();
    loop {
        let (rows, next) = page(connection, &asked).unwrap();
        assert!(rows.len() == 7 || next.is_empty());
        all.extend(rows.into_iter().filter_map(|row| row.asset));
        if next.is_empty() {
            return all;
        }
        asked.page_token = next;
    }
}

#[test]
fn a_unit_is_where_its_own_history_says_whatever_was_taken_back() {
    let (mut back, mut seen) = (0, BTreeSet::new());
    for seed in [19, 7] {
        let mut world = after(History::with_changing_registry(&choices_from(seed, 900)));
        let stock = stock_by_unit(world.writer.connection());
        for asset in assets(&world.history) {
            let key = AssetRef {
                item_id: asset.item_id.clone(),
                serial_number: asset.serial_number.clone(),
            };
            let answer = trace(world.writer.connection(), Subject::Asset(key)).unwrap();
            let of_it = (asset.item_id.clone(), asset.serial_number.clone());
            let claimed = stock.get(&of_it).copied().unwrap_or_default();
            for place in &answer.batches[0].places {
                assert_eq!((place.reserved, place.held), claimed, "{place:?}");
                // No neighbour's.
                let mut steps = answer.batches[0].steps.iter();
                assert!(steps.any(|step| step.position == place.since_position));
                seen.insert((place.reserved, place.held));
            }
            let found: Vec<TraceStatus> = answer.batches[0]
                .places
                .iter()
                .map(TracePlace::status)
                .collect();
            let expected = match asset.place() {
                AssetPlace::NotReceived => Vec::new(),
                AssetPlace::Disposed => vec![TraceStatus::Disposed],
                AssetPlace::Lost => vec![TraceStatus::Lost],
                AssetPlace::Returned => vec![TraceStatus::Returned],
                AssetPlace::Shipment => {
                    assert!(
                        matches!(found[..], [TraceStatus::InTransit | TraceStatus::Missing]),
                        "{found:?}"
                    );
                    continue;
                }
                // It is where that is.
                AssetPlace::Inside => {
                    assert_eq!(found.len(), 1);
                    continue;
                }
                _ => vec![TraceStatus::OnHand],
            };
            assert_eq!(found, expected, "{asset:?}");
            let last = answer.batches[0].steps.last().unwrap();
            back += usize::from(last.undone && !expected.is_empty() && !is_in_books(&asset));
        }
    }
    assert!(back > 1, "nothing that had turned up by mistake");
    assert_eq!(seen.len(), 3, "{seen:?}");
}

/// Of each unit, whether it is claimed and whether it is held, as stock by asset tells it.
fn stock_by_unit(connection: &Connection) -> BTreeMap<(String, String), (i64, i64)> {
    let mut request = ListStockRequest {
        group_by: vec![StockGroup::Item.into(), StockGroup::Asset.into()],
        page_size: 100,
        ..ListStockRequest::default()
    };
    let mut stock = BTreeMap::new();
    loop {
        let query = StockQuery::parse(&request).unwrap();
        let page = query.answer(connection, TODAY).unwrap();
        for row in page.rows {
            let key = (row.item_id, row.serial_number);
            stock.insert(key, (row.reserved, row.held));
        }
        if page.next_page_token.is_empty() {
            return stock;
        }
        request.page_token = page.next_page_token;
    }
}

fn is_in_books(asset: &Asset) -> bool {
    use AssetPlace::{Disposed, Lost, NotReceived, Returned};
    !matches!(asset.place(), Disposed | Lost | NotReceived | Returned)
}

#[test]
fn every_list_is_a_part_of_the_whole() {
    let mut world = world();
    let all = assets(&world.history);
    let connection = world.writer.connection();
    let part = |is_meant: &dyn Fn(&Asset) -> bool| -> Vec<Asset> {
        all.iter().filter(|it| is_meant(it)).cloned().collect()
    };
    let gone = ListAssetsRequest {
        show_gone: true,
        ..ListAssetsRequest::default()
    };
    assert_eq!(listed(connection, gone), all);
    assert_eq!(
        listed(connection, ListAssetsRequest::default()),
        part(&is_in_books)
    );
    for (facility_id, _) in FACILITIES {
        let at_facility = ListAssetsRequest {
            facility_id: facility_id.to_owned(),
            ..ListAssetsRequest::default()
        };
        let expected = part(&|it| is_in_books(it) && it.facility_id == facility_id);
        assert_eq!(listed(connection, at_facility), expected);
        let in_region = ListAssetsRequest {
            region_id: region_of(facility_id).to_owned(),
            ..ListAssetsRequest::default()
        };
        assert_eq!(listed(connection, in_region), expected);
    }
    for owner_id in ORGANISATIONS.into_iter().chain([UNATTRIBUTED]) {
        let owned = ListAssetsRequest {
            owner_id: owner_id.to_owned(),
            ..ListAssetsRequest::default()
        };
        let expected = part(&|it| is_in_books(it) && it.owner_id == owner_id);
        assert_eq!(listed(connection, owned), expected);
    }
    let conditions = [AssetCondition::Identified, AssetCondition::OutOfOrder];
    let asked = ListAssetsRequest {
        item_id: "VENT-X".to_owned(),
        conditions: conditions.map(Into::into).to_vec(),
        ..ListAssetsRequest::default()
    };
    let expected = part(&|it| {
        is_in_books(it) && it.item_id == "VENT-X" && conditions.contains(&it.condition())
    });
    assert_eq!(listed(connection, asked), expected);
    let lost = ListAssetsRequest {
        filter: "place = LOST".to_owned(),
        ..ListAssetsRequest::default()
    };
    let expected = part(&|it| it.place() == AssetPlace::Lost);
    assert!(!expected.is_empty());
    assert_eq!(listed(connection, lost), expected);
    assert!(all.iter().any(|it| it.place() == AssetPlace::Inside));
}

#[test]
fn a_question_that_makes_no_sense_is_refused() {
    let mut world = world();
    let connection = world.writer.connection();
    let asked = ListAssetsRequest::default;
    for wrong in [
        ListAssetsRequest {
            service_due_within_days: Some(-1),
            ..asked()
        },
        ListAssetsRequest {
            page_size: 1_001,
            ..asked()
        },
        ListAssetsRequest {
            conditions: vec![0],
            ..asked()
        },
    ] {
        assert!(matches!(page(connection, &wrong), Err(Refusal::Fields(_))));
    }
    for unknown in [
        ListAssetsRequest {
            region_id: "KZ-99".to_owned(),
            ..asked()
        },
        ListAssetsRequest {
            facility_id: "NOWHERE".to_owned(),
            ..asked()
        },
        ListAssetsRequest {
            item_id: "NOTHING".to_owned(),
            ..asked()
        },
        ListAssetsRequest {
            owner_id: "NOBODY".to_owned(),
            ..asked()
        },
    ] {
        assert!(page(connection, &unknown).is_err());
    }
    let (_, token) = page(
        connection,
        &ListAssetsRequest {
            page_size: 2,
            ..asked()
        },
    )
    .unwrap();
    let other = ListAssetsRequest {
        page_token: token,
        overdue: true,
        ..asked()
    };
    assert!(page(connection, &other).is_err());
}
