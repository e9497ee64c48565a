//! Who and what carries goods: vehicles, volunteers, and the crews in which they go out together.

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    registry::v1::{
        Assignment, AssignmentEndReason, AssignmentEnded, Crew, CrewRegistered, CrewRole, Vehicle,
        VehicleRegistered, Volunteer, VolunteerAssigned, VolunteerRegistered,
    },
};

use super::{Thing as _, check_existence, has_come, in_use, reads_of_new, unretired};
use crate::{
    books::Books,
    boundary::Boundary,
    calendar::kazakhstan_day,
    code::{Code, Label},
    command::{Command, Moment},
    limits,
    rejection::Rejection,
};

macro_rules! register {
    ($($(#[$doc:meta])* $command:ident($type:ident), $event:ident { $member:ident: $id:ident }, $exists:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $command(pub $type);

        impl Command for $command {
            fn reads(&self, books: &Books) -> Vec<Boundary> {
                reads_of_new(books, &self.0)
            }

            fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
                let $id = self.0.$id.clone();
                check_existence(books, &self.0, Rejection::$exists { $id })?;
                in_use(books, &self.0.names(), moment)?;
                limits::keep(vec![
                    $event {
                        $member: Some(self.0.clone()),
                    }
                    .into(),
                ])
            }

            fn subject(&self, _: &Books) -> Option<Boundary> {
                Boundary::$member(&self.0.$id)
            }
        }
    )*};
}

register! {
    /// Enters a vehicle. Its fields have been parsed.
    RegisterVehicle(Vehicle), VehicleRegistered { vehicle: vehicle_id }, VehicleExists;
    /// Enters a volunteer. Its fields have been parsed: the person is a reference.
    RegisterVolunteer(Volunteer), VolunteerRegistered { volunteer: volunteer_id }, VolunteerExists;
    /// Enters a crew. Its fields have been parsed.
    RegisterCrew(Crew), CrewRegistered { crew: crew_id }, CrewExists;
}

macro_rules! existing {
    ($($(#[$doc:meta])* $name:ident, $member:ident: $type:ident, $unknown:ident { $id:ident };)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name<'a>(books: &'a Books, id: &str) -> Result<&'a $type, Rejection> {
            books.$member(id).ok_or_else(|| Rejection::$unknown { $id: id.to_owned() })
        }
    )*};
}

existing! {
    /// The vehicle, or that it is unknown.
    existing_vehicle, vehicle: Vehicle, UnknownVehicle { vehicle_id };
    /// The volunteer, or that it is unknown.
    existing_volunteer, volunteer: Volunteer, UnknownVolunteer { volunteer_id };
    /// The crew, or that it is unknown.
    existing_crew, crew: Crew, UnknownCrew { crew_id };
}

/// Refuses an asset that nobody has seen.
pub(super) fn existing_asset(
    books: &Books,
    item_id: &Code,
    serial_number: &Label,
) -> Result<(), Rejection> {
    match books.asset(item_id, serial_number) {
        Some(_) => Ok(()),
        None => Err(Rejection::UnknownAsset {
            item_id: item_id.to_string(),
            serial_number: serial_number.to_string(),
        }),
    }
}

/// Puts a volunteer into a crew.
#[derive(Clone, Debug)]
pub struct AssignVolunteer {
    /// The volunteer.
    pub volunteer_id: Code,
    /// The crew.
    pub crew_id: Code,
    /// What they do there.
    pub role: CrewRole,
    /// First day, today or before; else the day on which it happened.
    pub assigned_on: Option<NaiveDate>,
}

/// Takes a volunteer out of the crew in which they are.
#[derive(Clone, Debug)]
pub struct EndAssignment {
    /// The volunteer.
    pub volunteer_id: Code,
    /// First day on which they are no longer in it, today or before; else the day on which it happened.
    pub ended_on: Option<NaiveDate>,
    /// Why.
    pub reason: AssignmentEndReason,
}

/// The assignment that has not ended.
fn open(assignments: &[Assignment]) -> Option<&Assignment> {
    assignments.iter().find(|it| it.ended_on.is_empty())
}

/// Refuses to take a volunteer or a crew out of use while somebody is in a crew.
pub(super) fn disengaged(books: &Books, thing: &Boundary) -> Result<(), Rejection> {
    let assignments = match thing {
        Boundary::Volunteer(id) => books.volunteer(id).map(|it| &it.assignments),
        Boundary::Crew(id) => books.crew(id).map(|it| &it.assignments),
        _ => None,
    };
    match assignments.and_then(|assignments| open(assignments)) {
        Some(assignment) => Err(Rejection::StillAssigned {
            volunteer_id: assignment.volunteer_id.clone(),
            crew_id: assignment.crew_id.clone(),
        }),
        None => Ok(()),
    }
}

/// Days are ISO 8601, so that they compare as text.
fn in_order(field: &'static str, day: &str, earliest: &str) -> Result<(), Rejection> {
    if day >= earliest {
        return Ok(());
    }
    Err(Rejection::AssignmentOutOfOrder {
        field,
        day: day.to_owned(),
        earliest: earliest.to_owned(),
    })
}

fn bounded(
    kind: &'static str,
    id: &Code,
    assignments: &[Assignment],
    limit: usize,
) -> Result<(), Rejection> {
    if assignments.len() < limit {
        return Ok(());
    }
    Err(Rejection::TooManyRecords {
        kind,
        id: id.to_string(),
        what: "assignments",
        limit,
    })
}

impl Command for AssignVolunteer {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![
            Boundary::Volunteer(self.volunteer_id.clone()),
            Boundary::Crew(self.crew_id.clone()),
        ]
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let volunteer = existing_volunteer(books, &self.volunteer_id)?;
        let crew = existing_crew(books, &self.crew_id)?;
        for thing in self.reads(books) {
            unretired(books, &thing)?;
        }
        if let Some(assignment) = open(&volunteer.assignments) {
            return Err(Rejection::AlreadyAssigned {
                volunteer_id: self.volunteer_id.to_string(),
                crew_id: assignment.crew_id.clone(),
                assigned_on: assignment.assigned_on.clone(),
            });
        }
        let day = kazakhstan_day(moment.occurred_at_us);
        let assigned_on = self.assigned_on.unwrap_or(day);
        has_come("assigned_on", assigned_on, moment)?;
        let assigned_on = assigned_on.to_string();
        let earliest = volunteer.assignments.iter().map(|it| &it.ended_on).max();
        in_order(
            "assigned_on",
            &assigned_on,
            earliest.map_or("", String::as_str),
        )?;
        bounded(
            "volunteer",
            &self.volunteer_id,
            &volunteer.assignments,
            limits::ASSIGNMENTS,
        )?;
        bounded(
            "crew",
            &self.crew_id,
            &crew.assignments,
            limits::CREW_ASSIGNMENTS,
        )?;
        limits::keep(vec![
            VolunteerAssigned {
                assignment: Some(Assignment {
                    volunteer_id: self.volunteer_id.to_string(),
                    crew_id: self.crew_id.to_string(),
                    role: self.role.into(),
                    assigned_on,
                    ..Assignment::default()
                }),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Volunteer(self.volunteer_id.clone()))
    }
}

impl Command for EndAssignment {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![Boundary::Volunteer(self.volunteer_id.clone())]
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let volunteer = existing_volunteer(books, &self.volunteer_id)?;
        let Some(assignment) = open(&volunteer.assignments) else {
            return Err(Rejection::NotAssigned {
                volunteer_id: self.volunteer_id.to_string(),
            });
        };
        let day = kazakhstan_day(moment.occurred_at_us);
        let ended_on = self.ended_on.unwrap_or(day);
        has_come("ended_on", ended_on, moment)?;
        let ended_on = ended_on.to_string();
        in_order("ended_on", &ended_on, &assignment.assigned_on)?;
        limits::keep(vec![
            AssignmentEnded {
                volunteer_id: self.volunteer_id.to_string(),
                crew_id: assignment.crew_id.clone(),
                ended_on,
                reason: self.reason.into(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Volunteer(self.volunteer_id.clone()))
    }
}
