//! Stock in the past: against the present as it was then, and against plain book-keeping.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use keruen_domain::calendar::{kazakhstan_day_number, kazakhstan_midnight_us};
use keruen_log::{Log, Query, Range, SqliteLog, SqliteOptions};
use keruen_proto::{
    Event,
    log::v1::RecordedEvent,
    stock::v1::{
        ListLiabilityRequest, ListStockRequest, StockGroup, StockRow,
        stock_service_server::StockService as _,
    },
};
use pbjson_types::Timestamp;
use tonic::Request;

use super::{
    answers::TODAY,
    following::{append, open_log},
    history::{History, choices_from, corrected_at_those_times, counted_from_us, eventful},
    lives::{Rebuilt, STEPS},
    naive::{self, HELD, Sums},
    stores::{answering, dump, open, served, writer_in},
};
use crate::{
    copies::Place,
    counters::{COLUMNS, COUNTERS},
    endpoint::StockEndpoint,
    past::{Past, date_of},
    sheets::limit,
    stock::StockQuery,
    view::HISTORY,
    views::{ViewOptions, Views},
    writer::Writer,
};

const DAY_US: i64 = 86_400_000_000;

/// The same history as if much of it had been recorded late: some things by minutes, some by days, and one import as a
/// whole a year after it happened.
pub fn recorded_late(history: &History) -> Vec<RecordedEvent> {
    let mut events = history.events.clone();
    let length = events.len();
    for (index, event) in events.iter_mut().enumerate() {
        let mixed = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        let late_us = match mixed % 10 {
            0 => i64::try_from(mixed % 40).unwrap() * DAY_US + 17,
            1 => i64::try_from(mixed % 500).unwrap() * 1_000_000,
            _ if (length / 2..length / 2 + length / 8).contains(&index) => 365 * DAY_US,
            _ => 0,
        };
        event.recorded_at_us += i64::try_from(index).unwrap() * 400_000_000;
        let at = event.occurred_at.as_mut().unwrap();
        at.time_us = event.recorded_at_us - late_us;
    }
    corrected_at_those_times(events)
}

pub fn chronicle(place: &Place, events: &[RecordedEvent], batch: usize) -> Writer {
    let mut writer = open(place, &HISTORY);
    for (turn, batch) in events.chunks(batch).enumerate() {
        assert_eq!(writer.apply(batch).unwrap().defect, None);
        if turn % 3 == 0 {
            writer.forget_beyond(0);
        }
    }
    writer
}

fn request(groups: &[StockGroup]) -> ListStockRequest {
    ListStockRequest {
        group_by: groups.iter().map(|group| (*group).into()).collect(),
        page_size: 10_000,
        ..ListStockRequest::default()
    }
}

/// All rows, by large pages and by small ones.
fn in_the_past(writer: &mut Writer, groups: &[StockGroup], past: Past) -> Vec<StockRow> {
    let [rows, same] = [10_000, 3].map(|page_size| {
        let mut rows = Vec::new();
        let mut page_token = String::new();
        loop {
            let query = StockQuery::parse(&ListStockRequest {
                page_size,
                page_token,
                ..request(groups)
            });
            let page = query.unwrap();
            let page = page.answer_past(writer.connection(), &past, TODAY).unwrap();
            assert!(page.rows.len() <= usize::try_from(page_size).unwrap());
            rows.extend(page.rows);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return rows;
            }
        }
    });
    assert_eq!(rows, same, "{groups:?} of {past:?}");
    rows
}

/// The last position recorded by a time.
fn recorded_by(events: &[RecordedEvent], time_us: i64) -> u64 {
    events.partition_point(|event| event.recorded_at_us <= time_us) as u64
}

const GROUPINGS: [&[StockGroup]; 9] = [
    &[StockGroup::Region, StockGroup::Commodity],
    &[StockGroup::Facility, StockGroup::Item],
    &[StockGroup::Item],
    &[StockGroup::Batch, StockGroup::Owner],
    &[StockGroup::Custodian],
    &[StockGroup::Expiry, StockGroup::Region],
    &[StockGroup::Asset],
    &[
        StockGroup::Facility,
        StockGroup::Batch,
        StockGroup::Custodian,
        StockGroup::Asset,
    ],
    &[
        StockGroup::Facility,
        StockGroup::Custodian,
        StockGroup::Batch,
    ],
];

#[test]
fn what_was_known_at_a_position_is_what_the_view_said_then() {
    what_was_known_is_what_was_said(&eventful());
}

#[test]
fn whatever_the_registry_says_later_what_was_known_stays() {
    what_was_known_is_what_was_said(&History::with_changing_registry(&choices_from(5, 700)));
}

fn what_was_known_is_what_was_said(history: &History) {
    let events = recorded_late(history);
    let served = served();
    let dir = tempfile::tempdir().unwrap();
    let folder = Place::Folder(dir.path().to_owned());
    let mut then = writer_in(dir.path());
    let mut pasts = [
        chronicle(&folder, &events, 57),
        chronicle(&served.place, &events, 211),
    ];
    let mut position = 0;
    while position < events.len() {
        let next = (position + events.len() / 7).min(events.len());
        then.apply(&events[position..next]).unwrap();
        position = next;
        for groups in GROUPINGS {
            let query = StockQuery::parse(&request(groups)).unwrap();
            let expected = query.answer(then.connection(), TODAY).unwrap().rows;
            let past = Past {
                known_at: Some(position as u64),
                ..Past::default()
            };
            for writer in &mut pasts {
                assert_eq!(
                    in_the_past(writer, groups, past),
                    expected,
                    "{groups:?} at {position}"
                );
            }
        }
    }
}

/// By facility and item.
fn sums(rows: &[StockRow]) -> BTreeMap<(String, String), Sums> {
    rows.iter()
        .map(|row| {
            let key = (row.facility_id.clone(), row.item_id.clone());
            let sums = [
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
            ];
            (key, sums)
        })
        .filter(|(_, sums)| *sums != Sums::default())
        .collect()
}

/// The same by unit of an asset, without what is held.
fn sums_of_units(rows: &[StockRow]) -> BTreeMap<(String, String, String), Sums> {
    let mut units = BTreeMap::new();
    for row in rows {
        let row = StockRow {
            held: 0,
            ..row.clone()
        };
        for ((facility, item), sums) in sums(std::slice::from_ref(&row)) {
            units.insert((facility, item, row.serial_number.clone()), sums);
        }
    }
    units
}

/// The same from book-keeping of those events alone.
fn booked_by_unit(events: &[Event]) -> BTreeMap<(String, String, String), Sums> {
    let mut units: BTreeMap<(String, String, String), Sums> = BTreeMap::new();
    for (((facility, item, _, _), number), all) in naive::units(events) {
        let unit = units.entry((facility, item, number)).or_default();
        unit.iter_mut()
            .zip(all)
            .for_each(|(sum, more)| *sum += more);
    }
    units.retain(|_, sums| *sums != Sums::default());
    units
}

/// Sums from book-keeping of those of the known events alone that had happened.
fn booked(
    events: &[Event],
    known: usize,
    happened: impl Fn(usize) -> bool,
) -> BTreeMap<(String, String), Sums> {
    let mut totals: BTreeMap<(String, String), Sums> = BTreeMap::new();
    for ((facility, item, _, _), all) in naive::past(events, known, happened) {
        let total = totals.entry((facility, item)).or_default();
        total
            .iter_mut()
            .zip(all)
            .for_each(|(total, sum)| *total += sum);
    }
    totals.retain(|_, sums| *sums != Sums::default());
    totals
}

fn meant(events: &[Event], is_meant: impl Fn(usize) -> bool) -> Vec<Event> {
    let meant = (0..events.len()).filter(|index| is_meant(*index));
    meant.map(|index| events[index].clone()).collect()
}

#[test]
fn what_had_happened_by_a_time_is_counted_however_late_it_was_recorded() {
    let history = eventful();
    let events = recorded_late(&history);
    let served = served();
    let dir = tempfile::tempdir().unwrap();
    let folder = Place::Folder(dir.path().to_owned());
    let mut pasts = [
        chronicle(&folder, &events, 31),
        chronicle(&served.place, &events, events.len()),
    ];
    let (first, last) = (
        events[0].recorded_at_us,
        events[events.len() - 1].recorded_at_us,
    );
    let times = (0..9).map(|step| first + (last - first) / 8 * step - 3);
    let counted_us = counted_from_us(&events);
    let mut seen_held = false;
    let midnight = kazakhstan_midnight_us(kazakhstan_day_number(last));
    let times = times.chain([first - 200 * DAY_US, midnight - 1, midnight, last]);
    for as_of_us in times {
        for known_at in [
            None,
            Some(events.len() / 3),
            Some(events.len() / 4 * 3),
            Some(events.len()),
        ] {
            let known = known_at.unwrap_or(events.len());
            let happened = |index: usize| counted_us[index] <= as_of_us;
            let is_meant = |index: usize| index < known && happened(index);
            let expected = booked(history.decoded(), known, happened);
            seen_held |= expected.values().any(|sums| sums[HELD] > 0);
            let by_unit = booked_by_unit(&meant(history.decoded(), is_meant));
            let recorded_by = recorded_by(&events, as_of_us);
            let known_at = known_at.map(|position| position as u64);
            let is_after = known_at.is_none_or(|position| position > recorded_by);
            let ways = [Some(recorded_by), None];
            let ways = ways.into_iter().filter(|way| way.is_some() || is_after);
            let ways = ways.map(|recorded_by| Past {
                known_at,
                as_of_us: Some(as_of_us),
                recorded_by,
            });
            for (past, writer) in ways.flat_map(|past| [(past, 0), (past, 1)]) {
                let writer = &mut pasts[writer];
                let pairs = in_the_past(writer, &[StockGroup::Facility, StockGroup::Item], past);
                assert_eq!(sums(&pairs), expected, "{past:?}");
                // The same change by change.
                let holdings = in_the_past(
                    writer,
                    &[
                        StockGroup::Facility,
                        StockGroup::Item,
                        StockGroup::Batch,
                        StockGroup::Owner,
                    ],
                    past,
                );
                let mut totals: BTreeMap<(String, String), Sums> = BTreeMap::new();
                for row in &holdings {
                    let one = std::slice::from_ref(row);
                    for (key, sums) in sums(one) {
                        let total = totals.entry(key).or_default();
                        total
                            .iter_mut()
                            .zip(sums)
                            .for_each(|(total, sum)| *total += sum);
                    }
                }
                totals.retain(|_, sums| *sums != Sums::default());
                assert_eq!(totals, expected, "{past:?}");
                // And unit by unit.
                let groups = [StockGroup::Facility, StockGroup::Asset];
                let units = in_the_past(writer, &groups, past);
                assert_eq!(sums_of_units(&units), by_unit, "{past:?}");
            }
        }
    }
    assert!(seen_held);
}

/// Key of a sheet, pair and counters.
type Sheet = BTreeMap<(i64, i64), [i64; COUNTERS]>;

/// What changes add up to on sheets with these keys.
fn added_up(changes: &[(i64, i64, [i64; COUNTERS])], keys: &BTreeSet<i64>) -> Sheet {
    let mut sheets = Sheet::new();
    for (key, pair_id, counters) in changes {
        for sheet in keys.range(key..) {
            let sums = sheets.entry((*sheet, *pair_id)).or_default();
            sums.iter_mut()
                .zip(counters)
                .for_each(|(sum, counter)| *sum += counter);
        }
    }
    sheets
}

/// Rows of a table with two numbers before the counters.
fn rows_of(writer: &mut Writer, columns: &str, table: &str) -> Vec<(i64, i64, [i64; COUNTERS])> {
    let sql = format!("SELECT {columns}, {COLUMNS} FROM {table}");
    let mut statement = writer.connection().prepare_cached(&sql).unwrap();
    let rows = statement.query_map(&[], |row| {
        let mut counters = [0; COUNTERS];
        for (column, counter) in counters.iter_mut().enumerate() {
            *counter = row.get(column + 2)?;
        }
        Ok((row.get(0)?, row.get(1)?, counters))
    });
    rows.unwrap()
}

fn sheets_of(writer: &mut Writer, key: &str, table: &str) -> Sheet {
    let rows = rows_of(writer, &format!("{key}, pair_id"), table).into_iter();
    rows.map(|(key, pair_id, counters)| ((key, pair_id), counters))
        .collect()
}

/// What is on the sheets is the sum of the changes until then, there are sheets however long the history is, and nowhere
/// more changes between two of them than there should be.
#[test]
fn sheets_are_sums_of_changes_and_never_far_apart() {
    let served = served();
    let (mut most_balances, mut most_closings, mut late) = (0, 0, 0);
    for seed in 0..9_u64 {
        let history = History::with_changing_registry(&choices_from(seed, 900));
        let events = recorded_late(&history);
        let dir = tempfile::tempdir().unwrap();
        let batch = [3, 29, events.len()][usize::try_from(seed % 3).unwrap()];
        let places = [Place::Folder(dir.path().to_owned()), served.place.clone()];
        for place in &places {
            let mut writer = chronicle(place, &events, batch);
            let changes = rows_of(&mut writer, "position, pair_id", "pair_changes");
            let happened = rows_of(&mut writer, "occurred_at_us, pair_id", "pair_changes");
            let happened: Vec<_> = happened
                .into_iter()
                .map(|(time_us, pair_id, counters)| {
                    (kazakhstan_day_number(time_us), pair_id, counters)
                })
                .collect();
            let balances = sheets_of(&mut writer, "position", "balances");
            let closings = sheets_of(&mut writer, "day", "closings");
            let newest = sheets_of(&mut writer, "0", "pairs");
            let keys = |sheet: &Sheet| -> BTreeSet<i64> { sheet.keys().map(|key| key.0).collect() };
            assert_eq!(balances, added_up(&changes, &keys(&balances)));
            assert_eq!(closings, added_up(&happened, &keys(&closings)));
            let all: Vec<_> = changes
                .iter()
                .map(|(_, pair, it)| (0, *pair, *it))
                .collect();
            assert_eq!(newest, added_up(&all, &BTreeSet::from([0])));

            let limit = usize::try_from(limit(i64::try_from(newest.len()).unwrap())).unwrap();
            let between = |keys: &BTreeSet<i64>, all: &[(i64, i64, [i64; COUNTERS])]| {
                let mut stretches: BTreeMap<Option<i64>, Vec<i64>> = BTreeMap::new();
                for (key, _, _) in all {
                    let sheet = keys.range(key..).next().copied();
                    stretches.entry(sheet).or_default().push(*key);
                }
                stretches
            };
            for (sheet, positions) in between(&keys(&balances), &changes) {
                let before = positions.iter().filter(|it| Some(**it) != sheet);
                assert!(before.count() < limit, "seed {seed}: balances at {sheet:?}");
            }
            for (sheet, days) in between(&keys(&closings), &happened) {
                let mut of_days: BTreeMap<i64, usize> = BTreeMap::new();
                for day in &days {
                    *of_days.entry(*day).or_default() += 1;
                }
                let most = if sheet.is_some() {
                    limit + limit / 2
                } else {
                    limit
                };
                // One day can't be cut in two, and what is beside it is not worth a sheet of its own.
                let beside = days.len() - of_days.values().max().unwrap();
                assert!(
                    days.len() < most || beside < limit / 2 + 2,
                    "seed {seed}: closings of {sheet:?}"
                );
            }
            most_balances = most_balances.max(keys(&balances).len());
            most_closings = most_closings.max(keys(&closings).len());
            let last = keys(&closings).last().copied().unwrap_or(i64::MIN);
            late += happened.iter().filter(|(day, _, _)| *day < last).count();
            drop(writer);
        }
        let copy = answering(&served.place, &HISTORY);
        served.place.remove(&copy).unwrap();
    }
    // Otherwise this would not tell anything.
    assert!(
        most_balances > 4 && most_closings > 4 && late > 0,
        "{most_balances} {most_closings} {late}"
    );
}

#[test]
fn rows_of_the_past_do_not_depend_on_how_the_events_came_in() {
    let history = eventful();
    let events = recorded_late(&history);
    let served = served();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut dumps = Vec::new();
    for (dir, batch) in dirs.iter().zip([1, events.len()]) {
        let mut writer = chronicle(&Place::Folder(dir.path().to_owned()), &events, batch);
        dumps.push(dump(writer.connection(), &HISTORY));
    }
    let mut writer = chronicle(&served.place, &events, 97);
    dumps.push(dump(writer.connection(), &HISTORY));
    assert_eq!(dumps[0], dumps[1]);
    assert_eq!(dumps[0], dumps[2]);
}

/// A view is built beside one that answers, and then follows the log; the program dies here and there. Rows of the past are
/// those of a history taken in at once, on both databases, and what plain book-keeping says.
#[test]
fn rows_of_the_past_survive_crashes() {
    let served = served();
    let mut deaths = BTreeSet::new();
    for seed in 0..20_u64 {
        let history = History::with_changing_registry(&choices_from(seed, 120));
        let events = recorded_late(&history);
        let (live, once) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = Place::Folder(live.path().to_owned());
        let places = [(&folder, seed + 40), (&served.place, seed + 60)];
        let mut writers = places.map(|(place, chance)| {
            let (writer, died) = Rebuilt::of(place, &HISTORY, &events, chance);
            deaths.extend(died);
            writer
        });
        let at_once = Place::Folder(once.path().to_owned());
        let mut at_once = chronicle(&at_once, &events, events.len());
        let expected = dump(at_once.connection(), &HISTORY);
        let middle = events.len() / 3 * 2;
        let past = Past {
            known_at: Some(middle as u64),
            as_of_us: Some(events[events.len() / 2].recorded_at_us),
            recorded_by: Some(recorded_by(
                &events,
                events[events.len() / 2].recorded_at_us,
            )),
        };
        let counted_us = counted_from_us(&events);
        let happened = |index: usize| Some(counted_us[index]) <= past.as_of_us;
        let booked = booked(history.decoded(), middle, happened);
        for writer in &mut writers {
            assert_eq!(dump(writer.connection(), &HISTORY), expected, "seed {seed}");
            let rows = in_the_past(writer, &[StockGroup::Facility, StockGroup::Item], past);
            assert_eq!(sums(&rows), booked, "seed {seed}");
        }
        drop(writers);
        let copy = answering(&served.place, &HISTORY);
        served.place.remove(&copy).unwrap();
    }
    assert_eq!(deaths.len(), STEPS, "{deaths:?}");
}

/// A copy is built beside the one that answers, killed on the way, and then follows the log: its rows are the same.
#[test]
fn rows_of_a_copy_that_was_built_are_those_of_one_that_followed() {
    let served = served();
    for seed in 0..6_u64 {
        let history = History::with_changing_registry(&choices_from(seed, 500));
        let events = recorded_late(&history);
        let once = tempfile::tempdir().unwrap();
        let mut once = chronicle(
            &Place::Folder(once.path().to_owned()),
            &events,
            events.len(),
        );
        let expected = dump(once.connection(), &HISTORY);
        assert!(expected.iter().any(|row| row.starts_with("closings")));
        let dir = tempfile::tempdir().unwrap();
        let places = [Place::Folder(dir.path().to_owned()), served.place.clone()];
        for place in &places {
            let copy = place.next_copy(&HISTORY, true).unwrap();
            let mut writer = place.open_writer(&HISTORY, &copy).unwrap();
            writer.start_over(b"log").unwrap();
            // It is killed while it is built, once more when it is complete, and built on, or else followed on.
            let (half, most) = (events.len() / 2, events.len() / 5 * 4);
            let forgetful = usize::try_from(seed).unwrap() % 3;
            for (turn, batch) in events[..half].chunks(61).enumerate() {
                writer.take(batch).unwrap();
                writer.commit().unwrap();
                if turn % 3 == forgetful {
                    writer.forget_beyond(0);
                }
            }
            writer.take(&events[half..most]).unwrap();
            writer.die_while_writing();
            let mut writer = place.open_writer(&HISTORY, &copy).unwrap();
            writer.take(&events[half..most]).unwrap();
            writer.commit().unwrap();
            assert!(sheets_of(&mut writer, "day", "closings").is_empty());
            for part in [
                most..most,
                most..events.len() - 7,
                events.len() - 7..events.len(),
            ] {
                writer.take(&events[part]).unwrap();
                writer.commit().unwrap();
                writer.make_indexes().unwrap();
                drop(writer);
                writer = place.open_writer(&HISTORY, &copy).unwrap();
            }
            assert_eq!(dump(writer.connection(), &HISTORY), expected, "seed {seed}");
            drop(writer);
            place.remove(&copy).unwrap();
        }
    }
}

/// Whoever asks by times of recording, or of both, is answered as the log has them.
#[tokio::test(flavor = "multi_thread")]
async fn times_of_recording_are_those_of_the_log() {
    let history = eventful();
    let events = recorded_late(&history);
    let dir = tempfile::tempdir().unwrap();
    let now_us = Arc::new(AtomicI64::new(0));
    let told = now_us.clone();
    let options = SqliteOptions {
        clock: Arc::new(move || told.load(Ordering::Relaxed)),
        ..SqliteOptions::default()
    };
    let log = SqliteLog::open(&dir.path().join("keruen.db"), options).unwrap();
    let log: Arc<dyn Log> = Arc::new(log);
    for of_command in events[..200].chunk_by(|one, other| one.command_id == other.command_id) {
        let last = &of_command[of_command.len() - 1];
        now_us.store(last.recorded_at_us, Ordering::Relaxed);
        append(&*log, of_command).await;
    }
    let page = log.read(&Query::default(), Range::after(0), 1_000).await;
    let recorded = page.unwrap().events;
    let views = Views::in_folder(dir.path(), ViewOptions::default()).unwrap();
    let running = views.run(log.clone());
    for keeper in views.keepers() {
        let mut status = keeper.watch_status();
        let reached = status.wait_for(|it| it.position == recorded.len() as u64);
        reached.await.unwrap();
    }
    let endpoint = StockEndpoint::new(views.clone(), log);
    let other = tempfile::tempdir().unwrap();
    let mut writer = chronicle(&Place::Folder(other.path().to_owned()), &recorded, 40);
    let groups = [StockGroup::Facility, StockGroup::Item];
    let at = |index: usize| recorded[index].recorded_at_us;
    let times = [
        at(0) - 1,
        at(30),
        at(80) - 1,
        at(120) + 1,
        at(190),
        at(199) + DAY_US,
    ];
    for known_at_us in times {
        let known_at = recorded_by(&recorded, known_at_us);
        for as_of_us in times.map(Some).into_iter().chain([None]) {
            let asked = ListStockRequest {
                known_at: Some(timestamp(known_at_us)),
                as_of: as_of_us.map(timestamp),
                ..request(&groups)
            };
            let answer = endpoint.list_stock(Request::new(asked)).await.unwrap();
            let past = Past {
                known_at: Some(known_at),
                as_of_us,
                recorded_by: as_of_us.map(|time_us| recorded_by(&recorded, time_us)),
            };
            assert_eq!(
                answer.into_inner().rows,
                in_the_past(&mut writer, &groups, past),
                "{past:?}"
            );
        }
    }
    running.stop().await;
}

/// Whoever asks for a position within an append is told what was known when all of it was recorded, and that position.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_was_ever_known_of_an_append_but_all_of_it() {
    const GROUPS: &[StockGroup] = GROUPINGS[1];
    let history = eventful();
    let dir = tempfile::tempdir().unwrap();
    let log: Arc<dyn Log> = open_log(&dir.path().join("keruen.db"));
    append(&*log, &history.events[..400]).await;
    let page = log.read(&Query::default(), Range::after(0), 1_000).await;
    let recorded = page.unwrap().events;
    let other = tempfile::tempdir().unwrap();
    let mut writer = chronicle(&Place::Folder(other.path().to_owned()), &recorded, 400);
    let mut known_at = |position: u64| {
        let past = Past {
            known_at: Some(position),
            ..Past::default()
        };
        in_the_past(&mut writer, GROUPS, past)
    };
    // Those of which one event tells something else than all of them.
    let appends = recorded.chunk_by(|one, other| one.command_id == other.command_id);
    let told = appends.filter_map(|events| {
        let (first, last) = (events[0].position, events[events.len() - 1].position);
        let (part, whole) = (known_at(first), known_at(last));
        (part != whole).then_some((first, last, whole))
    });
    let told: Vec<_> = told.take(6).collect();
    assert_eq!(told.len(), 6);
    let served = served();
    for place in [Place::Folder(dir.path().to_owned()), served.place.clone()] {
        let views = Views::at(&place, ViewOptions::default());
        let running = views.run(log.clone());
        let endpoint = StockEndpoint::new(views.clone(), log.clone());
        for (first, last, whole) in &told {
            for position in [first, last] {
                let asked = ListStockRequest {
                    known_at_position: *position,
                    ..request(GROUPS)
                };
                let stock = endpoint.list_stock(Request::new(asked)).await.unwrap();
                let stock = stock.into_inner();
                assert_eq!((&stock.rows, &stock.known_at_position), (whole, last));
                let asked = ListLiabilityRequest {
                    known_at_position: *position,
                    ..ListLiabilityRequest::default()
                };
                let liable = endpoint.list_liability(Request::new(asked)).await.unwrap();
                assert_eq!(liable.into_inner().known_at_position, *last);
            }
        }
        running.stop().await;
    }
}

fn timestamp(time_us: i64) -> Timestamp {
    Timestamp {
        seconds: time_us.div_euclid(1_000_000),
        nanos: i32::try_from(time_us.rem_euclid(1_000_000) * 1_000).unwrap(),
    }
}

#[test]
fn a_facility_counts_for_the_region_that_it_was_in() {
    let history = eventful();
    let mut events = history.events.clone();
    for event in &mut events {
        // All of it in 2021, a year before Ulytau was made.
        event.occurred_at.as_mut().unwrap().time_us -= 5 * 365 * DAY_US;
    }
    let events = corrected_at_those_times(events);
    let dir = tempfile::tempdir().unwrap();
    let mut writer = chronicle(&Place::Folder(dir.path().to_owned()), &events, 500);
    let last = events[events.len() - 1]
        .occurred_at
        .as_ref()
        .unwrap()
        .time_us;
    let past = Past {
        as_of_us: Some(last),
        ..Past::default()
    };
    let regions_on = |writer: &mut Writer, day: &str| -> Vec<String> {
        let query = StockQuery::parse(&request(&[StockGroup::Region])).unwrap();
        let page = query.answer_past(writer.connection(), &past, day).unwrap();
        page.rows.into_iter().map(|row| row.region_id).collect()
    };
    let day = date_of(last).to_string();
    assert!(day.starts_with("2021-"), "{day}");
    let then = regions_on(&mut writer, &day);
    for region in ["KZ-10", "KZ-33", "KZ-62"] {
        assert!(!then.contains(&region.to_owned()), "{then:?}");
    }
    assert!(regions_on(&mut writer, TODAY).contains(&"KZ-62".to_owned()));
    assert!(then.contains(&"KZ-35".to_owned()), "{then:?}");
}
