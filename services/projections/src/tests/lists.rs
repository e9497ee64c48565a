//! Recalls, counts, unidentified goods and trips, against a selection by plain code from all that happened.

use std::collections::{BTreeMap, BTreeSet};

use keruen_domain::{
    Label,
    registry::{RegisterCrew, RegisterVehicle},
    stock::NewStock,
    trip::{CancelTrip, CompleteTrip, DepartTrip, PlanTrip, Stop},
    unidentified::{IdentifyGoods, ReceiveUnidentifiedGoods},
};
use keruen_proto::{
    Event,
    inventory::v1::StockCount,
    registry::v1::{Crew, DocumentKind, DocumentRef, Vehicle, VehicleKind},
    shipments::v1::{TripCancellationReason, TripState},
    stock::v1::{
        ListRecallsRequest, ListStockCountsRequest, ListTripsRequest, ListUnidentifiedGoodsRequest,
        LotHolder, RecallRow, stock_service_server::StockService as _,
    },
};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use super::{
    answers::{lot_trace, plain_lots},
    filters::{pages, writers},
    following::{append, open_log},
    history::{FACILITIES, History, ITEMS, choices_from, code, eventful, name, quantity},
};
use crate::{
    attention::{CountsQuery, GoodsQuery, RecallsQuery},
    boards::TripsQuery,
    endpoint::StockEndpoint,
    views::{ViewOptions, Views},
};

const SEEDS: [u64; 2] = [19, 7];

/// Histories in which everything happens, and what is recorded wrongly is put right.
fn histories() -> [History; 2] {
    [
        eventful(),
        History::with_changing_registry(&choices_from(SEEDS[1], 900)),
    ]
}

#[test]
fn recalls_in_force_are_those_that_nobody_lifted() {
    let mut some = 0;
    for history in histories() {
        let mut recalled: BTreeSet<(&str, &str)> = BTreeSet::new();
        for event in history.decoded() {
            match event {
                Event::LotRecalled(it) => recalled.insert((&it.item_id, &it.lot)),
                Event::LotRecallLifted(it) => recalled.remove(&(&*it.item_id, &*it.lot)),
                _ => false,
            };
        }
        some += recalled.len();
        let lots = plain_lots(history.decoded());
        let sums = |item_id: &str, lot: &str| {
            let holders = lots.get(&(item_id.to_owned(), lot.to_owned()));
            let holders = holders.into_iter().flat_map(BTreeMap::values);
            holders.fold((0, 0), |sum, of| (sum.0 + of[0], sum.1 + of[1]))
        };
        writers(&history, |connection| {
            let items = ITEMS.iter().map(|(item_id, _)| *item_id);
            for item_id in items.chain([""]) {
                let expected = recalled.iter().filter(|it| ["", it.0].contains(&item_id));
                let expected: Vec<_> = expected
                    .map(|(item_id, lot)| {
                        let (on_hand, in_transit) = sums(item_id, lot);
                        (item_id.to_string(), lot.to_string(), on_hand, in_transit)
                    })
                    .collect();
                let request = ListRecallsRequest {
                    item_id: item_id.to_owned(),
                    page_size: 2,
                    ..ListRecallsRequest::default()
                };
                let rows: Vec<RecallRow> = pages!(RecallsQuery, request, connection,);
                let found: Vec<_> = rows
                    .into_iter()
                    .map(|row| {
                        let lot = row.recall.unwrap().lot;
                        // It says as much as who has it.
                        let holders = lot_trace(connection, row.item_id.clone(), lot.clone())
                            .unwrap()
                            .holders;
                        let sum = |of: fn(&LotHolder) -> i64| holders.iter().map(of).sum::<i64>();
                        assert_eq!(row.in_transit, sum(|it| it.in_transit), "{lot}");
                        assert_eq!(row.missing, sum(|it| it.missing), "{lot}");
                        assert_eq!(row.kits, sum(|it| it.kits), "{lot}");
                        let under_way = row.in_transit + row.missing;
                        (row.item_id, lot, row.on_hand, under_way)
                    })
                    .collect();
                assert_eq!(found, expected, "{item_id}");
            }
        });
    }
    assert!(some > 3, "{some}");
}

#[test]
fn counts_are_listed_as_they_were_recorded_the_newest_first() {
    for history in histories() {
        let counted = history
            .decoded()
            .iter()
            .rev()
            .filter_map(|event| match event {
                Event::StockCounted(it) => it.stock_count.clone(),
                _ => None,
            });
        let all: Vec<StockCount> = counted.collect();
        assert!(all.len() > 5);
        writers(&history, |connection| {
            let places = FACILITIES.iter().map(|(id, _)| *id);
            let items: Vec<&str> = ITEMS.iter().map(|(id, _)| *id).chain([""]).collect();
            for facility_id in places.chain([""]) {
                for item_id in &items {
                    let of = |count: &&StockCount| {
                        ["", &*count.facility_id].contains(&facility_id)
                            && ["", &*count.item_id].contains(item_id)
                    };
                    let expected: Vec<StockCount> = all.iter().filter(of).cloned().collect();
                    let request = ListStockCountsRequest {
                        facility_id: facility_id.to_owned(),
                        item_id: (*item_id).to_owned(),
                        page_size: 3,
                        ..ListStockCountsRequest::default()
                    };
                    let found: Vec<StockCount> = pages!(CountsQuery, request, connection,);
                    assert_eq!(found, expected, "{facility_id} {item_id}");
                }
            }
        });
    }
}

#[test]
fn goods_wait_until_somebody_has_named_all_of_them() {
    let mut history = History::new(&choices_from(SEEDS[0], 60));
    for number in 0..18_u16 {
        let goods_id = code(&format!("GOODS-{number}"));
        history.expect(&ReceiveUnidentifiedGoods {
            goods_id: goods_id.clone(),
            facility_id: code(FACILITIES[usize::from(number) % 4].0),
            packages: quantity(i64::from(number % 3) + 2),
            donation_id: None,
            description_ref: Some(Label::parse("pallets in foil").unwrap()),
            documents: Vec::new(),
        });
        if number.is_multiple_of(5) {
            continue;
        }
        history.expect(&IdentifyGoods {
            goods_id,
            packages: (number % 5 == 1).then(|| quantity(1)),
            lines: vec![NewStock {
                item_id: code("TEST-A"),
                quantity: quantity(5),
                owner_id: Some(code("MOH")),
                lot: None,
                expires_on: None,
                serial_numbers: Vec::new(),
                unit_value: None,
                held: false,
                batch_id: code(&format!("NAMED-{number}")),
            }],
            donation_id: None,
            documents: vec![DocumentRef {
                kind: DocumentKind::AcceptanceAct.into(),
                number: "7".to_owned(),
                ..DocumentRef::default()
            }],
        });
    }
    let mut goods: Vec<(&str, &str, i64)> = Vec::new();
    for event in history.decoded() {
        match event {
            Event::UnidentifiedGoodsReceived(it) => {
                goods.push((&it.goods_id, &it.facility_id, it.packages));
            }
            Event::GoodsIdentified(it) => {
                let known = goods.iter_mut().find(|(id, ..)| *id == it.goods_id);
                known.unwrap().2 -= it.packages;
            }
            _ => {}
        }
    }
    writers(&history, |connection| {
        let places = FACILITIES.iter().map(|(id, _)| *id);
        for facility_id in places.chain([""]) {
            for show_identified in [false, true] {
                let expected: Vec<&str> = goods
                    .iter()
                    .filter(|(_, at, left)| {
                        ["", *at].contains(&facility_id) && (show_identified || *left > 0)
                    })
                    .map(|(id, ..)| *id)
                    .collect();
                assert!(!expected.is_empty());
                let request = ListUnidentifiedGoodsRequest {
                    facility_id: facility_id.to_owned(),
                    show_identified,
                    page_size: 4,
                    ..ListUnidentifiedGoodsRequest::default()
                };
                let found = pages!(GoodsQuery, request, connection,);
                let found: Vec<&str> = found.iter().map(|it| it.goods_id.as_str()).collect();
                assert_eq!(found, expected, "{facility_id} {show_identified}");
            }
        }
    });
}

/// Three vehicles and two crews, of which the first go at once.
fn trips() -> History {
    let mut history = History::new(&[]);
    for number in 0..3 {
        history.expect(&RegisterVehicle(Vehicle {
            vehicle_id: format!("V-{number}"),
            kind: VehicleKind::Truck.into(),
            owner_id: "CARRIER".to_owned(),
            ..Vehicle::default()
        }));
        history.expect(&RegisterCrew(Crew {
            crew_id: format!("C-{number}"),
            name: name("Crew"),
            organisation_id: "CARRIER".to_owned(),
            ..Crew::default()
        }));
    }
    for number in 0..30_u32 {
        let trip_id = code(&format!("TRIP-{number}"));
        let day = chrono::NaiveDate::from_ymd_opt(2026, 3 + number / 10, 2 + number % 10 * 2);
        let stop = |facility: u32| Stop {
            facility_id: code(FACILITIES[facility as usize % 4].0),
            expected_on: None,
        };
        history.expect(&PlanTrip {
            trip_id: trip_id.clone(),
            vehicle_id: code(&format!("V-{}", number % 3)),
            crew_id: code(&format!("C-{}", number % 2)),
            departs_on: day.unwrap(),
            returns_on: day.unwrap(),
            stops: vec![stop(number), stop(number + 1)],
            documents: Vec::new(),
        });
        let documents = Vec::new;
        match number % 5 {
            0 | 1 => {
                // What the domain refuses does not happen.
                history.run(&DepartTrip {
                    trip_id: trip_id.clone(),
                    documents: documents(),
                });
                if number > 0 {
                    history.run(&CompleteTrip {
                        trip_id,
                        documents: documents(),
                    });
                }
            }
            2 => {
                history.expect(&CancelTrip {
                    trip_id,
                    reason: TripCancellationReason::NotNeeded,
                });
            }
            _ => {}
        }
    }
    history
}

#[test]
fn trips_are_found_by_vehicle_crew_and_state() {
    let history = trips();
    let mut all: Vec<(&str, &str, &str, TripState)> = Vec::new();
    for event in history.decoded() {
        let (id, state) = match event {
            Event::TripPlanned(it) => {
                let trip = it.trip.as_ref().unwrap();
                let (vehicle_id, crew_id) = (&*trip.vehicle_id, &*trip.crew_id);
                all.insert(0, (&trip.trip_id, vehicle_id, crew_id, TripState::Planned));
                continue;
            }
            Event::TripDeparted(it) => (&it.trip_id, TripState::UnderWay),
            Event::TripCompleted(it) => (&it.trip_id, TripState::Completed),
            Event::TripCancelled(it) => (&it.trip_id, TripState::Cancelled),
            _ => continue,
        };
        all.iter_mut().find(|it| it.0 == id).unwrap().3 = state;
    }
    let states: BTreeSet<TripState> = all.iter().map(|it| it.3).collect();
    assert_eq!(states.len(), 4, "{states:?}");
    writers(&history, |connection| {
        for vehicle_id in ["", "V-0", "V-1", "V-2"] {
            for crew_id in ["", "C-0", "C-1", "C-2"] {
                for wanted in [
                    vec![],
                    vec![TripState::Planned],
                    vec![TripState::Cancelled, TripState::Completed],
                    vec![TripState::UnderWay],
                ] {
                    let expected: Vec<&str> = all
                        .iter()
                        .filter(|(_, vehicle, crew, state)| {
                            ["", *vehicle].contains(&vehicle_id)
                                && ["", *crew].contains(&crew_id)
                                && (wanted.is_empty() || wanted.contains(state))
                        })
                        .map(|it| it.0)
                        .collect();
                    let request = ListTripsRequest {
                        vehicle_id: vehicle_id.to_owned(),
                        crew_id: crew_id.to_owned(),
                        states: wanted.iter().map(|state| i32::from(*state)).collect(),
                        page_size: 3,
                        ..ListTripsRequest::default()
                    };
                    let found = pages!(TripsQuery, request, connection,);
                    let found: Vec<&str> = found.iter().map(|it| it.trip_id.as_str()).collect();
                    assert_eq!(found, expected, "{vehicle_id} {crew_id} {wanted:?}");
                }
            }
        }
    });
}

/// Of a vehicle or crew that nobody registered, as against one that has gone nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn trips_of_what_nobody_registered_are_refused() {
    let history = trips();
    let dir = tempfile::tempdir().unwrap();
    let log = open_log(&dir.path().join("keruen.db"));
    append(&*log, &history.events).await;
    let views = Views::in_folder(dir.path(), ViewOptions::default()).unwrap();
    let running = views.run(log.clone());
    let endpoint = StockEndpoint::new(views.clone(), log);
    let asked = |vehicle_id: &str, crew_id: &str| {
        endpoint.list_trips(Request::new(ListTripsRequest {
            vehicle_id: vehicle_id.to_owned(),
            crew_id: crew_id.to_owned(),
            min_position: history.events.len() as u64,
            ..ListTripsRequest::default()
        }))
    };
    assert_eq!(asked("V-0", "C-2").await.unwrap().get_ref().trips, []);
    for (vehicle_id, crew_id, reason) in [
        ("V-9", "C-0", "UNKNOWN_VEHICLE"),
        ("", "C-9", "UNKNOWN_CREW"),
    ] {
        let status = asked(vehicle_id, crew_id).await.unwrap_err();
        let told = status.get_details_error_info().unwrap().reason;
        assert_eq!((status.code(), told.as_str()), (Code::NotFound, reason));
    }
    running.stop().await;
}
