//! What changes of a facility on a day: its region, whether it is open; and how much it wants to keep.

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    registry::v1::{
        Closure, ClosureReason, DocumentRef, Facility, FacilityClosed, FacilityRegionAssigned,
        FacilityReopened, MinimumReserve, MinimumReserveSet, RegionAssignment,
    },
};

use super::{exist, existing_facility, in_use, unretired};
use crate::{
    books::Books,
    boundary::Boundary,
    calendar::facility_day,
    code::{Code, Quantity},
    command::{Command, Moment},
    limits, region,
    rejection::Rejection,
};

/// Moves a facility to a region from a day on.
#[derive(Clone, Debug)]
pub struct AssignFacilityRegion {
    /// The facility.
    pub facility_id: Code,
    /// ISO 3166-2.
    pub region_id: Code,
    /// First day.
    pub valid_from: NaiveDate,
}

/// Closes a facility.
#[derive(Clone, Debug)]
pub struct CloseFacility {
    /// The facility.
    pub facility_id: Code,
    /// First day; else the day on which it happened.
    pub closed_on: Option<NaiveDate>,
    /// Why.
    pub reason: ClosureReason,
    /// What it rests on.
    pub documents: Vec<DocumentRef>,
}

/// Opens a closed facility.
#[derive(Clone, Debug)]
pub struct ReopenFacility {
    /// The facility.
    pub facility_id: Code,
    /// First day; else the day on which it happened.
    pub reopened_on: Option<NaiveDate>,
}

/// Says how much of a commodity a facility wants to keep at least.
#[derive(Clone, Debug)]
pub struct SetMinimumReserve {
    /// The facility.
    pub facility_id: Code,
    /// The commodity.
    pub commodity_id: Code,
    /// Base units; `None` means none any more.
    pub quantity: Option<Quantity>,
}

/// The facility, where it exists and is not retired.
fn changing<'a>(books: &'a Books, id: &Code) -> Result<&'a Facility, Rejection> {
    let facility = existing_facility(books, id)?;
    unretired(books, &Boundary::Facility(id.clone()))?;
    Ok(facility)
}

pub(super) fn full(facility: &Facility, what: &'static str, limit: usize) -> Rejection {
    Rejection::TooManyEntries {
        facility_id: facility.facility_id.clone(),
        what,
        limit,
    }
}

impl Command for AssignFacilityRegion {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![Boundary::Facility(self.facility_id.clone())]
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        existing_facility(books, &self.facility_id)?;
        let assignment = RegionAssignment {
            region_id: self.region_id.to_string(),
            valid_from: self.valid_from.to_string(),
        };
        known_region(&assignment)?;
        let facility = changing(books, &self.facility_id)?;
        existing_then("region_id", &assignment)?;
        if region::facility_region(facility, self.valid_from) == Some(self.region_id.as_str()) {
            return Err(Rejection::NothingChanges {
                id: self.facility_id.to_string(),
            });
        }
        if facility.regions.len() >= limits::REGIONS_IN_TURN {
            return Err(full(facility, "moves", limits::REGIONS_IN_TURN));
        }
        limits::keep(vec![
            FacilityRegionAssigned {
                facility_id: self.facility_id.to_string(),
                assignment: Some(assignment),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Facility(self.facility_id.clone()))
    }
}

/// Refuses a region that never was.
pub(super) fn known_region(assignment: &RegionAssignment) -> Result<(), Rejection> {
    match region::find(&assignment.region_id) {
        Some(_) => Ok(()),
        None => Err(Rejection::UnknownRegion {
            region_id: assignment.region_id.clone(),
        }),
    }
}

/// Refuses a region that does not exist on the first day of its assignment. One that holds since always holds from the
/// region's own first day; before that, its predecessor counts.
pub(super) fn existing_then(field: &str, assignment: &RegionAssignment) -> Result<(), Rejection> {
    let known = region::find(&assignment.region_id);
    let (Some(known), Some(day)) = (known, region::parse(&assignment.valid_from)) else {
        return Ok(());
    };
    if region::existed(known, day) {
        return Ok(());
    }
    Err(Rejection::RegionNotValid {
        field: field.to_owned(),
        region_id: assignment.region_id.clone(),
        date: assignment.valid_from.clone(),
        exists: region::span(known),
    })
}

/// Why a facility is closed on a day; `None` where it is open.
pub fn closure_on(facility: &Facility, day: NaiveDate) -> Option<&Closure> {
    facility.closures.iter().find(|closure| {
        region::parse(&closure.closed_on).is_some_and(|first_day| first_day <= day)
            && region::parse(&closure.reopened_on).is_none_or(|reopened_on| day < reopened_on)
    })
}

/// Refuses what is planned for a facility that is retired or closed on that day.
pub(crate) fn open(books: &Books, id: &str, moment: Moment) -> Result<(), Rejection> {
    let facility = existing_facility(books, id)?;
    in_use(books, Boundary::facility(id).as_slice(), moment)?;
    match closure_on(facility, facility_day(facility, moment.occurred_at_us)) {
        Some(closure) => Err(closed(facility, closure)),
        None => Ok(()),
    }
}

fn closed(facility: &Facility, closure: &Closure) -> Rejection {
    let reason = closure.reason().as_str_name();
    Rejection::FacilityClosed {
        facility_id: facility.facility_id.clone(),
        closed_on: closure.closed_on.clone(),
        reason: reason
            .strip_prefix("CLOSURE_REASON_")
            .unwrap_or(reason)
            .to_owned(),
    }
}

impl Command for CloseFacility {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![Boundary::Facility(self.facility_id.clone())]
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let facility = changing(books, &self.facility_id)?;
        let last = facility.closures.last();
        if let Some(closure) = last.filter(|closure| closure.reopened_on.is_empty()) {
            return Err(closed(facility, closure));
        }
        let day = facility_day(facility, moment.occurred_at_us);
        let closed_on = self.closed_on.unwrap_or(day).to_string();
        in_order("closed_on", &closed_on, last.map(|last| &last.reopened_on))?;
        if facility.closures.len() >= limits::CLOSURES {
            return Err(full(facility, "closures", limits::CLOSURES));
        }
        limits::keep(vec![
            FacilityClosed {
                facility_id: self.facility_id.to_string(),
                closed_on,
                reason: self.reason.into(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Facility(self.facility_id.clone()))
    }
}

/// Days are ISO 8601, so that they compare as text.
fn in_order(field: &str, day: &str, earliest: Option<&String>) -> Result<(), Rejection> {
    match earliest.filter(|earliest| day < earliest.as_str()) {
        Some(earliest) => Err(Rejection::ClosureOutOfOrder {
            field: field.to_owned(),
            day: day.to_owned(),
            earliest: earliest.clone(),
        }),
        None => Ok(()),
    }
}

impl Command for ReopenFacility {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![Boundary::Facility(self.facility_id.clone())]
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let facility = changing(books, &self.facility_id)?;
        let last = facility.closures.last();
        let Some(closure) = last.filter(|closure| closure.reopened_on.is_empty()) else {
            return Err(Rejection::FacilityNotClosed {
                facility_id: self.facility_id.to_string(),
            });
        };
        let day = facility_day(facility, moment.occurred_at_us);
        let reopened_on = self.reopened_on.unwrap_or(day).to_string();
        in_order("reopened_on", &reopened_on, Some(&closure.closed_on))?;
        limits::keep(vec![
            FacilityReopened {
                facility_id: self.facility_id.to_string(),
                reopened_on,
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Facility(self.facility_id.clone()))
    }
}

impl Command for SetMinimumReserve {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![
            Boundary::Facility(self.facility_id.clone()),
            Boundary::Commodity(self.commodity_id.clone()),
        ]
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let commodity = [Boundary::Commodity(self.commodity_id.clone())];
        existing_facility(books, &self.facility_id)?;
        exist(books, &commodity)?;
        let facility = changing(books, &self.facility_id)?;
        if self.quantity.is_some() {
            in_use(books, &commodity, moment)?;
        }
        let quantity = self.quantity.map_or(0, Quantity::get);
        let mut reserves = facility.minimum_reserves.iter();
        let known = reserves.find(|known| known.commodity_id == self.commodity_id.as_str());
        if quantity == known.map_or(0, |known| known.quantity) {
            return Err(Rejection::NothingChanges {
                id: self.facility_id.to_string(),
            });
        }
        if known.is_none() && facility.minimum_reserves.len() >= limits::MINIMUM_RESERVES {
            return Err(full(facility, "minimum reserves", limits::MINIMUM_RESERVES));
        }
        limits::keep(vec![
            MinimumReserveSet {
                facility_id: self.facility_id.to_string(),
                reserve: Some(MinimumReserve {
                    commodity_id: self.commodity_id.to_string(),
                    quantity,
                }),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Facility(self.facility_id.clone()))
    }
}
