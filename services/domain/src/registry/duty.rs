//! Who is on duty for a region, and when: references to persons, never names.

use chrono::NaiveDate;
use keruen_proto::{
    Event, EventType,
    registry::v1::{DutyRoster, DutyRosterSet, DutyShift},
};

use super::existing_organisation;
use crate::{
    books::{Books, Fold},
    boundary::Boundary,
    code::Code,
    command::{Command, Moment},
    limits, region,
    rejection::Rejection,
};

/// Says who is on duty for a region; that takes the place of what was said before.
#[derive(Clone, Debug)]
pub struct SetDutyRoster {
    /// ISO 3166-2.
    pub region_id: Code,
    /// The shifts, in the order in which people are called; their fields have been parsed.
    pub shifts: Vec<DutyShift>,
}

impl Fold for DutyRoster {
    const EVENT_TYPES: &'static [&'static str] = &[DutyRosterSet::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        if let (Boundary::DutyRoster(id), Event::DutyRosterSet(event)) = (boundary, event)
            && let Some(roster) = &event.roster
            && roster.region_id == id.as_str()
        {
            self.clone_from(roster);
        }
    }
}

/// Those who are on duty on a day, in the order in which they are called. Days are ISO 8601, so that they compare as text.
pub fn on_duty(roster: &DutyRoster, day: NaiveDate) -> impl Iterator<Item = &str> {
    let day = day.to_string();
    roster
        .shifts
        .iter()
        .filter(move |shift| shift.first_day <= day && day <= shift.last_day)
        .map(|shift| shift.person_ref.as_str())
}

impl Command for SetDutyRoster {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        let organisations = self
            .shifts
            .iter()
            .filter_map(|shift| Boundary::organisation(&shift.organisation_id));
        std::iter::once(Boundary::DutyRoster(self.region_id.clone()))
            .chain(organisations)
            .collect()
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        if region::find(&self.region_id).is_none() {
            return Err(Rejection::UnknownRegion {
                region_id: self.region_id.to_string(),
            });
        }
        for shift in &self.shifts {
            existing_organisation(books, &shift.organisation_id)?;
        }
        for (index, shift) in self.shifts.iter().enumerate() {
            if shift.last_day < shift.first_day {
                return Err(Rejection::DaysOutOfOrder {
                    field: format!("shifts[{index}].last_day"),
                    day: shift.last_day.clone(),
                    earliest: shift.first_day.clone(),
                });
            }
        }
        let known = books.duty_roster(&self.region_id);
        if known.map_or(&[][..], |known| &known.shifts) == self.shifts.as_slice() {
            return Err(Rejection::NothingChanges {
                id: self.region_id.to_string(),
            });
        }
        limits::keep(vec![
            DutyRosterSet {
                roster: Some(DutyRoster {
                    region_id: self.region_id.to_string(),
                    shifts: self.shifts.clone(),
                }),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::DutyRoster(self.region_id.clone()))
    }
}
