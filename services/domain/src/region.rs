//! Kazakhstan's regions, with the days from which they exist, and which of them a facility belongs to on a day.

use std::sync::LazyLock;

use chrono::NaiveDate;
use keruen_proto::registry::v1::{Facility, LocalizedText, Region};

const TABLE: &str = include_str!("regions.csv");

static REGIONS: LazyLock<Vec<Region>> = LazyLock::new(|| {
    let mut rows = csv::Reader::from_reader(TABLE.as_bytes());
    // The table is part of the program and a test reads every row of it.
    rows.records()
        .filter_map(Result::ok)
        .map(|row| region(&row))
        .collect()
});

fn region(row: &csv::StringRecord) -> Region {
    let column = |index: usize| row.get(index).unwrap_or_default().to_owned();
    Region {
        region_id: column(0),
        name: Some(LocalizedText {
            en: column(1),
            kk: column(2),
            ru: column(3),
        }),
        valid_from: column(4),
        valid_to: column(5),
        predecessor_region_id: column(6),
        seat: column(7),
    }
}

/// All regions, in order of their codes.
pub fn all() -> &'static [Region] {
    &REGIONS
}

/// The region of an ISO 3166-2 code.
pub fn find(code: &str) -> Option<&'static Region> {
    all().iter().find(|region| region.region_id == code)
}

/// The regions that exist on a day, in order of their codes.
pub fn existing_on(date: NaiveDate) -> impl Iterator<Item = &'static Region> {
    all().iter().filter(move |region| existed(region, date))
}

/// Whether a region exists on a day.
pub(crate) fn existed(region: &Region, date: NaiveDate) -> bool {
    let begun = parse(&region.valid_from).is_none_or(|first_day| first_day <= date);
    let ended = parse(&region.valid_to).is_some_and(|first_day_without| first_day_without <= date);
    begun && !ended
}

/// From when to when a region exists, and to what its territory belonged before.
pub(crate) fn span(region: &Region) -> String {
    let from = match region.valid_from.as_str() {
        "" => "since always".to_owned(),
        first_day => format!("from {first_day} on"),
    };
    let until = match region.valid_to.as_str() {
        "" => String::new(),
        day => format!(", no longer on {day}"),
    };
    let before = match region.predecessor_region_id.as_str() {
        "" => String::new(),
        id => format!("; before, its territory belonged to {id}"),
    };
    format!("{from}{until}{before}")
}

/// The region of a facility on a day: the last assignment that was valid then, or, where that region did not exist
/// yet, what its territory belonged to. `None` where nothing is known for that day.
pub fn facility_region(facility: &Facility, date: NaiveDate) -> Option<&str> {
    let assigned = facility.regions.iter().rfind(|assignment| {
        parse(&assignment.valid_from).is_none_or(|first_day| first_day <= date)
    })?;
    let Some(mut region) = find(&assigned.region_id) else {
        return Some(&assigned.region_id);
    };
    while !existed(region, date) {
        region = find(&region.predecessor_region_id)?;
    }
    Some(&region.region_id)
}

/// A calendar date as stored; `None` where it is empty.
pub(crate) fn parse(date: &str) -> Option<NaiveDate> {
    date.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use keruen_proto::registry::v1::RegionAssignment;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn facility(regions: &[(&str, &str)]) -> Facility {
        let regions = regions
            .iter()
            .map(|(id, from)| RegionAssignment {
                region_id: (*id).to_owned(),
                valid_from: (*from).to_owned(),
            })
            .collect();
        Facility {
            regions,
            ..Facility::default()
        }
    }

    #[test]
    fn the_table_is_complete() {
        assert_eq!(all().len(), 20);
        assert_eq!(all().len(), TABLE.lines().count() - 1);
        let codes: BTreeSet<_> = all().iter().map(|region| &region.region_id).collect();
        assert_eq!(codes.len(), 20);
        for region in all() {
            let name = region.name.as_ref().expect("a name");
            assert!(
                !name.en.is_empty() && !name.kk.is_empty() && !name.ru.is_empty(),
                "{region:?}"
            );
            for date in [&region.valid_from, &region.valid_to] {
                assert!(date.is_empty() || parse(date).is_some(), "{region:?}");
            }
            let predecessor = &region.predecessor_region_id;
            assert!(
                predecessor.is_empty() || find(predecessor).is_some(),
                "{region:?}"
            );
        }
    }

    #[test]
    fn three_regions_came_in_2022() {
        assert_eq!(existing_on(day("2022-06-07")).count(), 17);
        assert_eq!(existing_on(day("2022-06-08")).count(), 20);
        assert_eq!(existing_on(day("2018-06-18")).count(), 15);
    }

    #[test]
    fn before_a_region_existed_its_predecessor_counts() {
        let hospital = facility(&[("KZ-62", "")]);
        assert_eq!(facility_region(&hospital, day("2022-06-07")), Some("KZ-35"));
        assert_eq!(facility_region(&hospital, day("2022-06-08")), Some("KZ-62"));
        assert_eq!(
            facility_region(&facility(&[("KZ-79", "")]), day("2018-06-18")),
            None
        );
    }

    #[test]
    fn the_last_assignment_that_was_valid_counts() {
        let moved = facility(&[("KZ-75", ""), ("KZ-71", "2021-01-01")]);
        assert_eq!(facility_region(&moved, day("2020-12-31")), Some("KZ-75"));
        assert_eq!(facility_region(&moved, day("2021-01-01")), Some("KZ-71"));
        assert_eq!(
            facility_region(&facility(&[("KZ-75", "2021-01-01")]), day("2020-12-31")),
            None
        );
    }
}
