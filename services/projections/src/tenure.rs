//! Which region a facility belongs to, over time.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use keruen_domain::region;
use keruen_proto::registry::v1::Facility;

use crate::{
    database::{Connection, Put, params},
    failure::StoreError,
    table,
};

/// First day without the region, where it has no end.
const NEVER: &str = "9999-12-31";

/// The last day before that.
pub const LAST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(9999, 12, 30) {
    Some(day) => day,
    None => NaiveDate::MAX,
};

/// Days on which a facility belongs to a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// First day; empty means since always.
    pub valid_from: String,
    /// First day on which it is another region.
    pub valid_to: String,
    /// ISO 3166-2.
    pub region_id: String,
}

/// All regions of a facility, oldest first. They can only change on a day on which an assignment begins, or a region
/// begins or ends.
pub fn tenures(facility: &Facility) -> Vec<Tenure> {
    let regions = region::all()
        .iter()
        .flat_map(|region| [&region.valid_from, &region.valid_to]);
    let assigned = facility
        .regions
        .iter()
        .map(|assignment| &assignment.valid_from);
    let days: BTreeSet<NaiveDate> = regions
        .chain(assigned)
        .filter_map(|day| day.parse().ok())
        .collect();
    let mut tenures: Vec<Tenure> = Vec::new();
    for day in std::iter::once(NaiveDate::MIN).chain(days) {
        let found = region::facility_region(facility, day).unwrap_or_default();
        if tenures.last().is_some_and(|last| last.region_id == found) {
            continue;
        }
        let valid_from = if day == NaiveDate::MIN {
            String::new()
        } else {
            day.to_string()
        };
        if let Some(last) = tenures.last_mut() {
            last.valid_to.clone_from(&valid_from);
        }
        tenures.push(Tenure {
            valid_from,
            valid_to: NEVER.to_owned(),
            region_id: found.to_owned(),
        });
    }
    tenures.retain(|tenure| !tenure.region_id.is_empty());
    tenures
}

/// Stores the regions of a facility in place of those known before.
pub fn store(connection: &Connection, facility: &Facility) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM facility_regions WHERE facility_id = ?1")?
        .execute(params![facility.facility_id])?;
    let mut put = Put::new(connection, &table::FACILITY_REGIONS)?;
    for tenure in tenures(facility) {
        put.row(params![
            facility.facility_id,
            tenure.valid_from,
            tenure.valid_to,
            tenure.region_id
        ])?;
    }
    put.finish()
}

#[cfg(test)]
mod tests {
    use keruen_proto::registry::v1::RegionAssignment;

    use super::*;

    fn facility(regions: &[(&str, &str)]) -> Facility {
        let regions = regions
            .iter()
            .map(|(region_id, valid_from)| RegionAssignment {
                region_id: (*region_id).to_owned(),
                valid_from: (*valid_from).to_owned(),
            })
            .collect();
        Facility {
            facility_id: "F".to_owned(),
            regions,
            ..Facility::default()
        }
    }

    #[test]
    fn answers_as_the_domain_does_on_every_day_around_a_change() {
        let facilities = [
            facility(&[("KZ-62", "")]),
            facility(&[
                ("KZ-35", ""),
                ("KZ-75", "2021-03-01"),
                ("KZ-10", "2023-01-15"),
            ]),
        ];
        for facility in facilities {
            let tenures = tenures(&facility);
            for text in [
                "1999-01-01",
                "2021-02-28",
                "2021-03-01",
                "2022-06-07",
                "2022-06-08",
                "2023-01-15",
                "2030-01-01",
            ] {
                let found = tenures
                    .iter()
                    .find(|tenure| {
                        tenure.valid_from.as_str() <= text && text < tenure.valid_to.as_str()
                    })
                    .map(|tenure| tenure.region_id.as_str());
                assert_eq!(
                    found,
                    region::facility_region(&facility, text.parse().unwrap()),
                    "{text}"
                );
            }
        }
    }
}
