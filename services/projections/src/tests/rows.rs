//! What stands in the rows, after any history and however it came in.

use std::collections::{BTreeMap, BTreeSet};

use keruen_domain::{Boundary, Entry, code::MAX_QUANTITY};
use keruen_proto::stock::v1::TraceStatus;
use proptest::prelude::*;

use super::{
    chance::Choice,
    history::{FACILITIES, History, ITEMS, choices_from, eventful, is_asset},
    lives::{Rebuilt, STEPS, piecemeal},
    naive::{self, Key, Sums},
    stores::{self, answering, open, served, writer_in},
};
use crate::{
    copies::Place,
    database::{Connection, params},
    failure::{Defect, StoreError},
    resource,
    view::CURRENT,
    writer::Writer,
};

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    prop::collection::vec(any::<Choice>(), 0..120)
}

fn dump(connection: &Connection) -> Vec<String> {
    stores::dump(connection, &CURRENT)
}

fn unit_rows(connection: &Connection) -> BTreeMap<(Key, String), Sums> {
    let mut statement = connection
        .prepare_cached(
            "SELECT facility_id, item_id, batch_id, owner_id, serial_number, \
             on_hand, reserved, held, in_transit, received, consumed, disposed, lost, returned, converted, \
             title_in, title_out, in_transit_out FROM stock",
        )
        .unwrap();
    let rows = statement.query_map(&[], |row| {
        let key = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let mut sums = Sums::default();
        for (column, sum) in sums.iter_mut().enumerate() {
            *sum = row.get(column + 5)?;
        }
        Ok(((key, row.get(4)?), sums))
    });
    rows.unwrap().into_iter().collect()
}

/// The same, added up over the units of assets.
fn stock_rows(connection: &Connection) -> BTreeMap<Key, Sums> {
    let mut rows: BTreeMap<Key, Sums> = BTreeMap::new();
    for ((key, _), sums) in unit_rows(connection) {
        let row = rows.entry(key).or_default();
        row.iter_mut()
            .zip(sums)
            .for_each(|(sum, more)| *sum += more);
    }
    rows
}

/// Units of an item at a facility by batch, owner and serial number: there, claimed and held, as deciders have it.
fn units_there(
    history: &History,
    facility: &str,
    item: &str,
) -> BTreeMap<(String, String, String), [i64; 3]> {
    let boundary = Boundary::stock(facility, item).unwrap();
    let Entry::Stock(level, _) = history.fold(&boundary) else {
        unreachable!()
    };
    let mut there = BTreeMap::new();
    for lot in level.lots {
        for number in &lot.serial_numbers {
            let mut claimed = lot
                .reservations
                .iter()
                .flat_map(|claim| &claim.serial_numbers);
            let is_claimed = claimed.any(|it| it == number);
            let is_held = lot.held_serial_numbers.contains(number);
            there.insert(
                (lot.batch_id.clone(), lot.owner_id.clone(), number.clone()),
                [1, i64::from(is_claimed), i64::from(is_held)],
            );
        }
    }
    there
}

/// What has left each facility and is on its way or missing, by batch and owner, as each shipment says for itself.
fn sent_by_shipments(history: &History) -> BTreeMap<(String, String, String), i64> {
    let mut sent: BTreeMap<(String, String, String), i64> = BTreeMap::new();
    for id in &history.shipments {
        let boundary = Boundary::shipment(id).unwrap();
        let Entry::Shipment(shipment) = history.fold(&boundary) else {
            unreachable!()
        };
        for lot in shipment.lots {
            let units = lot.shipment_units.unwrap().units.unwrap();
            let key = (shipment.origin_id.clone(), units.batch_id, units.owner_id);
            *sent.entry(key).or_default() += lot.in_transit + lot.missing;
        }
    }
    sent.retain(|_, quantity| *quantity != 0);
    sent
}

/// The same as rows of stock say.
fn sent_by_rows(rows: &BTreeMap<Key, Sums>) -> BTreeMap<(String, String, String), i64> {
    let rows = rows.iter().filter(|(_, sums)| sums[12] != 0);
    rows.map(|((facility, _, batch, owner), sums)| {
        let key = (facility.clone(), batch.clone(), owner.clone());
        (key, sums[12])
    })
    .collect()
}

fn built(dir: &std::path::Path, history: &History) -> Writer {
    let mut writer = writer_in(dir);
    assert_eq!(writer.apply(&history.events).unwrap().defect, None);
    writer
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn stock_is_what_plain_book_keeping_says(choices in choices()) {
        let history = History::with_changing_registry(&choices);
        let dir = tempfile::tempdir().unwrap();
        let mut writer = built(dir.path(), &history);
        let expected = naive::stock(history.decoded());
        let rows = stock_rows(writer.connection());
        prop_assert_eq!(&rows, &expected);

        // The totals are the same, added up.
        let mut totals: BTreeMap<(String, String), Sums> = BTreeMap::new();
        let mut balances: BTreeMap<(String, String), i64> = BTreeMap::new();
        let mut under_way: BTreeMap<(String, String), i64> = BTreeMap::new();
        for ((facility, item, batch, owner), sums) in &expected {
            let total = totals.entry((facility.clone(), item.clone())).or_default();
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
            // received + acquired = on hand + in transit + what is gone + ceded, per batch and owner.
            let [on_hand, reserved, held, in_transit, received, gone @ .., acquired, ceded, sent] = *sums;
            let gone: i64 = gone.iter().sum();
            prop_assert!(on_hand >= reserved + held && reserved >= 0 && held >= 0);
            prop_assert!(in_transit >= 0 && sent >= 0);
            // What is on its way has left somewhere.
            *under_way.entry((batch.clone(), owner.clone())).or_default() += in_transit - sent;
            *balances.entry((batch.clone(), owner.clone())).or_default() +=
                received + acquired - on_hand - in_transit - gone - ceded;
        }
        prop_assert!(balances.values().all(|balance| *balance == 0), "{:?}", balances);
        prop_assert!(under_way.values().all(|rest| *rest == 0), "{:?}", under_way);
        prop_assert_eq!(sent_by_shipments(&history), sent_by_rows(&expected));
        let connection = writer.connection();
        let mut statement = connection.prepare_cached(
            "SELECT on_hand, reserved, held, in_transit, received, consumed, disposed, lost, returned, converted, title_in, title_out, \
             in_transit_out FROM stock_totals WHERE facility_id = ?1 AND item_id = ?2").unwrap();
        for ((facility, item), total) in &totals {
            let found = statement.query_row(params![facility, item], |row| {
                (0..13).map(|column| row.get(column)).collect::<Result<Vec<i64>, _>>()
            }).unwrap().unwrap();
            prop_assert_eq!(&found[..], &total[..]);
        }
        let count = connection.prepare_cached("SELECT COUNT(*) FROM stock_totals").unwrap()
            .query_row(&[], |row| row.get::<i64>(0)).unwrap();
        prop_assert_eq!(count.map(i64::unsigned_abs), Some(totals.len() as u64));
    }

    #[test]
    fn rows_do_not_depend_on_how_the_events_came_in(
        choices in choices(),
        sizes in prop::collection::vec(1_usize..9, 1..6),
        crashes in any::<u64>(),
    ) {
        let history = History::with_changing_registry(&choices);
        let (once, live) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut once = built(once.path(), &history);
        let place = Place::Folder(live.path().to_owned());
        let mut writer = piecemeal(&place, &CURRENT, &history.events, &sizes, crashes);
        prop_assert_eq!(dump(writer.connection()), dump(once.connection()));
    }

    #[test]
    fn resources_are_what_deciders_fold(choices in choices()) {
        let history = History::with_changing_registry(&choices);
        let dir = tempfile::tempdir().unwrap();
        let mut writer = built(dir.path(), &history);
        let connection = writer.connection();
        let boundaries = history.donations.iter().map(|id| Boundary::donation(id))
            .chain(history.requests.iter().map(|id| Boundary::request(id)))
            .chain(ITEMS.iter().map(|(id, _)| Boundary::item(id)))
            .chain(history.shipments.iter().map(|id| Boundary::shipment(id)))
            .chain(history.events.iter().flat_map(|event| &event.tags)
                .filter_map(|tag| tag.strip_prefix("batch:")).map(Boundary::batch));
        for boundary in boundaries.map(Option::unwrap) {
            let stored = resource::load(connection, &boundary).unwrap().unwrap();
            prop_assert_eq!(stored.entry, history.fold(&boundary));
        }
        for (item, _) in ITEMS {
            let boundary = Boundary::quality(item).unwrap();
            let folded = history.fold(&boundary);
            let stored = resource::load(connection, &boundary).unwrap();
            let stored = stored.map_or_else(|| Entry::empty(&boundary), |stored| stored.entry);
            prop_assert_eq!(stored, folded);
        }
        // What deciders take to be available is what the view says.
        let rows = stock_rows(connection);
        for (facility, _) in FACILITIES {
            for (item, _) in ITEMS {
                let boundary = Boundary::stock(facility, item).unwrap();
                let Entry::Stock(level, _) = history.fold(&boundary) else { unreachable!() };
                for lot in level.lots {
                    let key = (facility.to_owned(), item.to_owned(), lot.batch_id, lot.owner_id);
                    prop_assert_eq!(&rows[&key][..3], &[lot.on_hand, lot.reserved, lot.held][..]);
                }
            }
        }
    }

    #[test]
    fn units_of_assets_are_what_plain_book_keeping_and_deciders_say(choices in choices()) {
        let history = History::with_changing_registry(&choices);
        let dir = tempfile::tempdir().unwrap();
        let mut writer = built(dir.path(), &history);
        let mut rows = unit_rows(writer.connection());
        // What is there, claimed and held, one by one.
        for facility in FACILITIES.map(|(id, _)| id) {
            for item in ITEMS.map(|(id, _)| id).into_iter().filter(|id| is_asset(id)) {
                let mut found: BTreeMap<(String, String, String), [i64; 3]> = BTreeMap::new();
                for ((key, number), sums) in &rows {
                    if key.0 == facility && key.1 == item && sums[0] != 0 {
                        found.insert((key.2.clone(), key.3.clone(), number.clone()), [sums[0], sums[1], sums[2]]);
                    }
                }
                prop_assert_eq!(found, units_there(&history, facility, item));
            }
        }
        for sums in rows.values_mut() {
            sums[2] = 0;
        }
        rows.retain(|_, sums| *sums != Sums::default());
        let has_serial = |(key, _): &(Key, String)| is_asset(&key.1);
        prop_assert!(rows.keys().all(|key| has_serial(key) != key.1.is_empty()));
        prop_assert_eq!(rows, naive::units(history.decoded()));
    }

    #[test]
    fn places_add_up_to_stock(choices in choices()) {
        let history = History::with_changing_registry(&choices);
        let dir = tempfile::tempdir().unwrap();
        let mut writer = built(dir.path(), &history);
        let mut statement = writer.connection()
            .prepare_cached("SELECT facility_id, batch_id, owner_id, status, quantity FROM places").unwrap();
        let mut places: BTreeMap<(String, String, String), [i64; 7]> = BTreeMap::new();
        let rows = statement.query_map(&[], |row| {
            Ok(((row.get(0)?, row.get(1)?, row.get(2)?), row.get::<i32>(3)?, row.get::<i64>(4)?))
        }).unwrap();
        for row in rows {
            let (key, status, quantity) = row;
            prop_assert!(quantity > 0);
            let column = match TraceStatus::try_from(status).unwrap() {
                TraceStatus::OnHand => 0,
                TraceStatus::InTransit | TraceStatus::Missing => 1,
                TraceStatus::Consumed => 2,
                TraceStatus::Disposed => 3,
                TraceStatus::Lost => 4,
                TraceStatus::Returned => 5,
                TraceStatus::Converted => 6,
                TraceStatus::Unspecified => unreachable!(),
            };
            places.entry(key).or_default()[column] += quantity;
        }
        let mut expected: BTreeMap<(String, String, String), [i64; 7]> = BTreeMap::new();
        for ((facility, _, batch, owner), [on_hand, _, _, in_transit, _, gone @ .., _, _, _]) in
            naive::stock(history.decoded())
        {
            let [consumed, disposed, lost, returned, converted] = gone;
            let sums = [on_hand, in_transit, consumed, disposed, lost, returned, converted];
            if sums != [0; 7] {
                expected.insert((facility, batch, owner), sums);
            }
        }
        prop_assert_eq!(places, expected);
    }
}

#[test]
fn histories_know_every_kind_of_movement() {
    let history = eventful();
    for name in [
        "DonationReceived",
        "StockAdjusted",
        "StockConsumed",
        "StockDisposed",
        "ShipmentAllocated",
        "AllocationReleased",
        "ShipmentDispatched",
        "ShipmentReceived",
        "LossActAccepted",
        "ShipmentDiverted",
        "ShipmentSplit",
        "ShipmentTitleTransferred",
        "ShipmentLossReported",
        "ShipmentCancelled",
        "BatchHeld",
        "BatchReleased",
        "LotRecalled",
        "LotRecallLifted",
        "StockHeld",
        "StockReleased",
        "StockEntered",
        "StockReturned",
        "StockCounted",
        "StockDiscrepancyFound",
        "KitsAssembled",
        "KitsBroken",
        "TemperatureExcursionFound",
        "BatchExpiryShortened",
        "AssetConditionReported",
        "AssetRepairEnded",
    ] {
        let count = history
            .decoded()
            .iter()
            .filter(|event| event.short_name() == name)
            .count();
        assert!(count > 0, "no {name} in {} events", history.events.len());
    }
}

/// Where nobody announced them, any number of units may come, again and again.
#[test]
fn absurd_receipts_are_counted_too() {
    const RECEIPTS: i64 = 1_100;
    let mut history = History::new(&[]);
    for number in 0..RECEIPTS {
        history.surplus(&format!("S-{number}"), MAX_QUANTITY);
    }
    let dir = tempfile::tempdir().unwrap();
    let mut writer = built(dir.path(), &history);
    let sums: Vec<_> = stock_rows(writer.connection()).into_values().collect();
    assert_eq!(sums.len(), usize::try_from(RECEIPTS).unwrap());
    let on_hand = sums
        .iter()
        .map(|sums| sums[0])
        .try_fold(0, i64::checked_add);
    assert_eq!(on_hand, Some(RECEIPTS * MAX_QUANTITY));
}

#[test]
fn an_event_that_cannot_be_taken_in_stops_the_views_before_it() {
    let history = eventful();
    let garbled = history.events.len() / 2;
    let mut events = history.events.clone();
    events[garbled].data = vec![0xff; 7].into();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut writer = writer_in(one.path());
    for _ in 0..2 {
        let position = usize::try_from(writer.checkpoint().unwrap().position).unwrap();
        let applied = writer.apply(&events[position..]).unwrap();
        assert_eq!(applied.position, garbled as u64);
        let (index, defect) = applied.defect.unwrap();
        assert_eq!(index + position, garbled);
        assert!(matches!(defect, Defect::Undecodable(_)), "{defect}");
    }
    // As if the event had not been there yet.
    let mut until_then = writer_in(other.path());
    until_then.apply(&events[..garbled]).unwrap();
    assert_eq!(dump(writer.connection()), dump(until_then.connection()));
    // A version that can read it goes on.
    assert_eq!(
        writer.apply(&history.events[garbled..]).unwrap().defect,
        None
    );
    until_then.apply(&history.events[garbled..]).unwrap();
    assert_eq!(dump(writer.connection()), dump(until_then.connection()));
}

#[test]
fn a_gap_is_never_passed() {
    let history = eventful();
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer_in(dir.path());
    let mut events = history.events[..20].to_vec();
    events.remove(10);
    let applied = writer.apply(&events).unwrap();
    assert_eq!(applied.position, 10);
    assert_eq!(
        applied.defect,
        Some((10, Defect::OutOfOrder { expected: 11 }))
    );
}

#[test]
fn a_file_that_is_no_database_is_built_anew() {
    let history = eventful();
    let dir = tempfile::tempdir().unwrap();
    let expected = dump(built(dir.path(), &history).connection());
    let files = std::fs::read_dir(dir.path()).unwrap();
    for file in files.map(|file| file.unwrap().path()) {
        let garbage = "no database at all, by far too long for a header".repeat(99);
        std::fs::write(file, garbage).unwrap();
    }
    assert_eq!(dump(built(dir.path(), &history).connection()), expected);
}

/// A view is built beside one that answers, and then follows the log; the program dies here and there. Rows are those of a
/// history taken in at once, on both databases.
#[test]
fn both_databases_have_the_same_rows_however_often_the_program_died() {
    let served = served();
    let mut deaths = BTreeSet::new();
    for seed in 0..20_u64 {
        let history = History::with_changing_registry(&choices_from(seed, 120));
        let (once, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let expected = dump(built(once.path(), &history).connection());
        let folder = Place::Folder(dir.path().to_owned());
        for (place, chance) in [(&folder, seed), (&served.place, seed + 20)] {
            let (mut writer, died) = Rebuilt::of(place, &CURRENT, &history.events, chance);
            assert_eq!(dump(writer.connection()), expected, "seed {seed}: {died:?}");
            deaths.extend(died);
        }
        let copy = answering(&served.place, &CURRENT);
        served.place.remove(&copy).unwrap();
    }
    assert_eq!(deaths.len(), STEPS, "{deaths:?}");
}

#[test]
fn what_rows_of_another_version_do_not_tell_is_not_taken_for_damage() {
    let dir = tempfile::tempdir().unwrap();
    let on_server = served();
    for place in [&Place::Folder(dir.path().to_owned()), &on_server.place] {
        let mut writer = open(place, &CURRENT);
        let ask = |connection: &Connection, sql: &str| {
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_row(&[], |row| row.get::<i64>(0))
        };
        for sql in ["SELECT shade FROM stock", "SELECT 1 FROM shades"] {
            let asked = ask(writer.connection(), sql);
            assert!(matches!(asked, Err(StoreError::OtherVersion)), "{asked:?}");
        }
        let asked = ask(writer.connection(), "SELECT FROM WHERE");
        assert!(
            !matches!(asked, Ok(_) | Err(StoreError::OtherVersion)),
            "{asked:?}"
        );
    }
}
