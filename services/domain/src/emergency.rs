//! Emergencies: while one lasts, what its regions need goes first, and reserves are there to be used.

use chrono::NaiveDate;
use keruen_proto::{
    Event, EventType,
    registry::v1::{DocumentRef, Facility},
    requests::v1::{Emergencies, Emergency, EmergencyDeclared, EmergencyEnded},
};

use crate::{
    books::{Books, Fold},
    boundary::Boundary,
    calendar::kazakhstan_day,
    code::Code,
    command::{Command, Moment},
    limits,
    region::{self, facility_region},
    registry::existing_organisation,
    rejection::Rejection,
};

/// Declares an emergency. Its fields have been parsed; where no first day is stated, it begins on the day of the command.
#[derive(Clone, Debug)]
pub struct DeclareEmergency(pub Emergency);

/// Ends an emergency.
#[derive(Clone, Debug)]
pub struct EndEmergency {
    /// The emergency.
    pub emergency_id: Code,
    /// Last day; `None` means the day on which it is ended.
    pub last_day: Option<NaiveDate>,
    /// What it rests on.
    pub documents: Vec<DocumentRef>,
}

impl Fold for Emergency {
    const EVENT_TYPES: &'static [&'static str] = &[EmergencyDeclared::TYPE, EmergencyEnded::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Boundary::Emergency(id) = boundary else {
            return;
        };
        match event {
            Event::EmergencyDeclared(event) => {
                if let Some(declared) = &event.emergency
                    && declared.emergency_id == id.as_str()
                {
                    self.clone_from(declared);
                }
            }
            Event::EmergencyEnded(event) if event.emergency_id == id.as_str() => ended(self, event),
            _ => {}
        }
    }
}

fn ended(emergency: &mut Emergency, event: &EmergencyEnded) {
    emergency.last_day.clone_from(&event.last_day);
    emergency.documents.extend_from_slice(&event.documents);
}

/// All emergencies stand together: every allocation asks whether there is one, and there never are many.
impl Fold for Emergencies {
    const EVENT_TYPES: &'static [&'static str] = &[EmergencyDeclared::TYPE, EmergencyEnded::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        match (boundary, event) {
            (Boundary::Emergencies, Event::EmergencyDeclared(event)) => {
                self.emergencies.extend(event.emergency.clone());
            }
            (Boundary::Emergencies, Event::EmergencyEnded(event)) => {
                let mut known = self.emergencies.iter_mut();
                if let Some(known) = known.find(|it| it.emergency_id == event.emergency_id) {
                    ended(known, event);
                }
            }
            _ => {}
        }
    }
}

/// Whether an emergency lasts on a day. Days are ISO 8601, so that they compare as text.
pub fn lasts(emergency: &Emergency, day: NaiveDate) -> bool {
    let day = day.to_string();
    emergency.first_day <= day && (emergency.last_day.is_empty() || day <= emergency.last_day)
}

/// The emergency in which a facility is on a day, if any.
pub fn emergency_at<'a>(
    emergencies: &'a Emergencies,
    facility: &Facility,
    day: NaiveDate,
) -> Option<&'a Emergency> {
    let region_id = facility_region(facility, day)?;
    let mut known = emergencies.emergencies.iter();
    known.find(|it| lasts(it, day) && it.region_ids.iter().any(|id| id == region_id))
}

impl Command for DeclareEmergency {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        Boundary::emergency(&self.0.emergency_id)
            .into_iter()
            .chain(Boundary::organisation(&self.0.declared_by_id))
            .chain([Boundary::Emergencies])
            .collect()
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let mut declared = self.0.clone();
        if books.emergency(&declared.emergency_id).is_some() {
            return Err(Rejection::EmergencyExists {
                emergency_id: declared.emergency_id,
            });
        }
        existing_organisation(books, &declared.declared_by_id)?;
        for region_id in &declared.region_ids {
            if region::find(region_id).is_none() {
                return Err(Rejection::UnknownRegion {
                    region_id: region_id.clone(),
                });
            }
        }
        if declared.first_day.is_empty() {
            declared.first_day = kazakhstan_day(moment.occurred_at_us).to_string();
        }
        in_order(&declared.last_day, &declared.first_day)?;
        check_regions(&declared)?;
        let known = books.emergencies().map_or(0, |it| it.emergencies.len());
        if known >= limits::EMERGENCIES {
            return Err(Rejection::TooManyRecords {
                kind: "log",
                id: "of this node".to_owned(),
                what: "emergencies",
                limit: limits::EMERGENCIES,
            });
        }
        limits::keep(vec![
            EmergencyDeclared {
                emergency: Some(declared),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Boundary::emergency(&self.0.emergency_id)
    }
}

fn in_order(last_day: &str, first_day: &str) -> Result<(), Rejection> {
    if last_day.is_empty() || first_day <= last_day {
        return Ok(());
    }
    Err(Rejection::DaysOutOfOrder {
        field: "last_day".to_owned(),
        day: last_day.to_owned(),
        earliest: first_day.to_owned(),
    })
}

/// Refuses regions that don't exist on the first day.
fn check_regions(declared: &Emergency) -> Result<(), Rejection> {
    let Some(first_day) = region::parse(&declared.first_day) else {
        return Ok(());
    };
    for (index, region_id) in declared.region_ids.iter().enumerate() {
        let known = region::find(region_id);
        if let Some(known) = known.filter(|known| !region::existed(known, first_day)) {
            return Err(Rejection::RegionNotValid {
                field: format!("region_ids[{index}]"),
                region_id: region_id.clone(),
                date: declared.first_day.clone(),
                exists: region::span(known),
            });
        }
    }
    Ok(())
}

impl Command for EndEmergency {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![Boundary::Emergency(self.emergency_id.clone())]
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let Some(emergency) = books.emergency(&self.emergency_id) else {
            return Err(Rejection::UnknownEmergency {
                emergency_id: self.emergency_id.to_string(),
            });
        };
        let today = kazakhstan_day(moment.occurred_at_us);
        let last_day = self.last_day.unwrap_or(today).to_string();
        if !emergency.last_day.is_empty() && emergency.last_day <= last_day {
            return Err(Rejection::EmergencyOver {
                emergency_id: emergency.emergency_id.clone(),
                last_day: emergency.last_day.clone(),
            });
        }
        in_order(&last_day, &emergency.first_day)?;
        limits::keep(vec![
            EmergencyEnded {
                emergency_id: emergency.emergency_id.clone(),
                last_day,
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Emergency(self.emergency_id.clone()))
    }
}
