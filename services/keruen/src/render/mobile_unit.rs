//! Mobile units.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use keruen_proto::registry::v1::{MobileUnit, MobileUnitRow, Stay, Stop, Throughput};

use crate::{
    cells,
    render::record::{Cell, Part, Record, name},
};

const COLUMNS: &[&str] = &[
    "facility_id",
    "name",
    "region_id",
    "state",
    "place",
    "since",
    "next_place",
    "next_region_id",
    "next_on",
    "done",
];

fn place(stop: Option<&Stop>) -> String {
    stop.map(|stop| name(stop.place.as_ref()))
        .unwrap_or_default()
}

/// The stay that is going on, and what a unit is doing, in a word.
fn state(unit: &MobileUnit) -> (Option<&Stay>, &'static str) {
    match unit.stays.last() {
        None => (None, "not-deployed"),
        Some(stay) if stay.departed_on.is_empty() => (Some(stay), "deployed"),
        Some(_) => (None, "under-way"),
    }
}

/// What was done of each commodity, since the beginning.
fn done(unit: &MobileUnit) -> Vec<String> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for it in unit.earlier.iter().chain(&unit.throughput) {
        let sum = sums.entry(&it.commodity_id).or_default();
        *sum = sum.saturating_add(it.quantity);
    }
    let told = sums.into_iter();
    told.map(|(commodity_id, sum)| format!("{commodity_id} {sum}"))
        .collect()
}

fn cells(unit: &MobileUnit, name: String, region_id: String) -> Vec<Cell> {
    let (stay, state) = state(unit);
    let next = unit.schedule.first().cloned().unwrap_or_default();
    let next_region_id = next.stop.clone().unwrap_or_default().region_id;
    cells![
        &unit.facility_id,
        name,
        region_id,
        state,
        place(stay.and_then(|stay| stay.stop.as_ref())),
        stay.map(|stay| stay.deployed_on.clone())
            .unwrap_or_default(),
        place(next.stop.as_ref()),
        next_region_id,
        next.first_day,
        done(unit)
    ]
}

/// How many a day, with one decimal.
fn per_day(it: &Throughput) -> String {
    let day = |text: &str| text.parse::<NaiveDate>().ok();
    let days = day(&it.first_day)
        .zip(day(&it.last_day))
        .map_or(0, |(first, last)| (last - first).num_days() + 1);
    if days < 1 {
        return String::new();
    }
    let tenths = it.quantity.saturating_mul(10) / days;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn parts(unit: &MobileUnit) -> Vec<Part> {
    let planned = unit.schedule.iter().map(|planned| {
        let stop = planned.stop.clone().unwrap_or_default();
        cells![
            &planned.first_day,
            &planned.last_day,
            stop.region_id.clone(),
            place(Some(&stop))
        ]
    });
    let stays = unit.stays.iter().map(|stay| {
        let stop = stay.stop.clone().unwrap_or_default();
        cells![
            &stay.deployed_on,
            &stay.departed_on,
            stop.region_id.clone(),
            place(Some(&stop))
        ]
    });
    let did = unit.earlier.iter().chain(&unit.throughput).map(|it| {
        cells![
            &it.commodity_id,
            &it.first_day,
            &it.last_day,
            it.quantity,
            per_day(it)
        ]
    });
    vec![
        Part {
            title: "where it is to go",
            columns: &["from", "until", "region_id", "place"],
            rows: planned.collect(),
        },
        Part {
            title: "where it was",
            columns: &["from", "until", "region_id", "place"],
            rows: stays.collect(),
        },
        Part {
            title: "what it did",
            columns: &["commodity_id", "from", "until", "quantity", "per_day"],
            rows: did.collect(),
        },
    ]
}

impl Record for MobileUnit {
    const COLUMNS: &'static [&'static str] = COLUMNS;

    fn cells(&self) -> Vec<Cell> {
        let (stay, _) = state(self);
        let region_id = stay.and_then(|stay| Some(stay.stop.as_ref()?.region_id.clone()));
        cells(self, String::new(), region_id.unwrap_or_default())
    }

    fn parts(&self) -> Vec<Part> {
        parts(self)
    }
}

impl Record for MobileUnitRow {
    const COLUMNS: &'static [&'static str] = COLUMNS;

    fn cells(&self) -> Vec<Cell> {
        let unit = self.mobile_unit.clone().unwrap_or_default();
        cells(&unit, name(self.name.as_ref()), self.region_id.clone())
    }

    fn parts(&self) -> Vec<Part> {
        self.mobile_unit.as_ref().map(parts).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_told_with_one_decimal() {
        let did = |quantity: i64, last_day: &str| Throughput {
            commodity_id: "TEST".to_owned(),
            first_day: "2021-03-01".to_owned(),
            last_day: last_day.to_owned(),
            quantity,
        };
        assert_eq!(per_day(&did(1_241, "2021-03-05")), "248.2");
        assert_eq!(per_day(&did(7, "2021-03-01")), "7.0");
        assert_eq!(per_day(&did(1, "2021-02-01")), "");
    }
}
