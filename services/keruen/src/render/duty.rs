//! Duty rosters.

use keruen_proto::registry::v1::DutyRoster;

use crate::{
    cells,
    render::record::{Cell, Part, Record},
};

impl Record for DutyRoster {
    const COLUMNS: &'static [&'static str] = &["region_id", "people"];

    fn cells(&self) -> Vec<Cell> {
        let people = self.shifts.iter().map(|shift| shift.person_ref.clone());
        cells![&self.region_id, people.collect::<Vec<_>>()]
    }

    fn parts(&self) -> Vec<Part> {
        let shifts = self.shifts.iter().map(|shift| {
            cells![
                &shift.person_ref,
                &shift.organisation_id,
                &shift.first_day,
                &shift.last_day
            ]
        });
        vec![Part {
            title: "shifts",
            columns: &["person_ref", "organisation_id", "first_day", "last_day"],
            rows: shifts.collect(),
        }]
    }
}
