//! A thing of the registry is taken out of use. What happened with it stays.

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    registry::v1::{
        CommodityRetired, CrewRetired, DocumentRef, FacilityRetired, ItemRetired,
        OrganisationRetired, Retirement, RetirementReason, VehicleRetired, VolunteerRetired,
    },
};

use super::{day_at, exist, fleet::disengaged, unretired};
use crate::{
    books::Books,
    boundary::Boundary,
    code::Code,
    command::{Command, Moment},
    limits,
    rejection::Rejection,
};

/// Takes a thing out of use.
#[derive(Clone, Debug)]
pub struct Retire {
    /// The thing.
    pub subject: Boundary,
    /// Why.
    pub reason: RetirementReason,
    /// First day on which new commands refuse it; else the day on which it happened.
    pub retired_on: Option<NaiveDate>,
    /// The thing of the same kind to use instead.
    pub successor: Option<Boundary>,
    /// What it rests on.
    pub documents: Vec<DocumentRef>,
}

impl Command for Retire {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        std::iter::once(self.subject.clone())
            .chain(self.successor.clone())
            .collect()
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        exist(books, std::slice::from_ref(&self.subject))?;
        exist(books, self.successor.as_slice())?;
        unretired(books, &self.subject)?;
        if let Some(successor) = &self.successor {
            if *successor == self.subject {
                return Err(Rejection::SuccessorIsItself {
                    successor_id: id_of(successor),
                });
            }
            unretired(books, successor)?;
        }
        disengaged(books, &self.subject)?;
        let retired_on = self
            .retired_on
            .unwrap_or_else(|| day_at(books, &self.subject, moment));
        let retirement = Retirement {
            retired_on: retired_on.to_string(),
            reason: self.reason.into(),
            successor_id: self.successor.as_ref().map(id_of).unwrap_or_default(),
        };
        limits::keep(
            retired(&self.subject, retirement, &self.documents)
                .into_iter()
                .collect(),
        )
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(self.subject.clone())
    }
}

fn id_of(thing: &Boundary) -> String {
    thing.code().map(Code::to_string).unwrap_or_default()
}

fn retired(thing: &Boundary, retirement: Retirement, documents: &[DocumentRef]) -> Option<Event> {
    let retirement = Some(retirement);
    let documents = documents.to_vec();
    Some(match thing {
        Boundary::Organisation(id) => OrganisationRetired {
            organisation_id: id.to_string(),
            retirement,
            documents,
        }
        .into(),
        Boundary::Facility(id) => FacilityRetired {
            facility_id: id.to_string(),
            retirement,
            documents,
        }
        .into(),
        Boundary::Commodity(id) => CommodityRetired {
            commodity_id: id.to_string(),
            retirement,
            documents,
        }
        .into(),
        Boundary::Item(id) => ItemRetired {
            item_id: id.to_string(),
            retirement,
            documents,
        }
        .into(),
        Boundary::Vehicle(id) => VehicleRetired {
            vehicle_id: id.to_string(),
            retirement,
            documents,
        }
        .into(),
        Boundary::Volunteer(id) => VolunteerRetired {
            volunteer_id: id.to_string(),
            retirement,
            documents,
        }
        .into(),
        Boundary::Crew(id) => CrewRetired {
            crew_id: id.to_string(),
            retirement,
            documents,
        }
        .into(),
        _ => return None,
    })
}
