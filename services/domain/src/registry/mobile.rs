//! Mobile units: facilities that stand now here, now there. Where one stood on which day, where it is to go, and what it
//! has done are facts of its own; that its region changes is a fact about the facility, as for any other.

use chrono::NaiveDate;
use keruen_proto::{
    Event, EventType,
    registry::v1::{
        Facility, FacilityKind, FacilityRegionAssigned, MobileUnit, MobileUnitDeparted,
        MobileUnitDeployed, MobileUnitScheduled, PlannedStop, RegionAssignment, Stay, Stop,
        Throughput, ThroughputReported,
    },
};

use super::{
    exist, existing_facility,
    facility::{existing_then, full, known_region},
    in_use, unretired,
};
use crate::{
    books::{Books, Fold},
    boundary::Boundary,
    calendar::facility_day,
    code::{Code, MAX_QUANTITY},
    command::{Command, Moment},
    limits, region,
    rejection::Rejection,
};

/// Records that a mobile unit stands at a stop from the day on which it happened.
#[derive(Clone, Debug)]
pub struct DeployMobileUnit {
    /// The unit.
    pub facility_id: Code,
    /// Where it stands.
    pub stop: Stop,
}

/// Records that a mobile unit left its stop.
#[derive(Clone, Debug)]
pub struct DepartMobileUnit {
    /// The unit.
    pub facility_id: Code,
}

/// Says where a mobile unit is to go.
#[derive(Clone, Debug)]
pub struct ScheduleMobileUnit {
    /// The unit.
    pub facility_id: Code,
    /// Its stops from now on, in order; none clears the schedule.
    pub stops: Vec<PlannedStop>,
}

/// Records what a mobile unit did in a period.
#[derive(Clone, Debug)]
pub struct ReportThroughput {
    /// The unit.
    pub facility_id: Code,
    /// What it dealt with, for example a kind of test.
    pub commodity_id: Code,
    /// First day of the period.
    pub first_day: NaiveDate,
    /// Last day of the period.
    pub last_day: NaiveDate,
    /// Base units of the commodity, 0 or more.
    pub quantity: i64,
    /// Whether this takes the place of what was reported for this very period.
    pub corrected: bool,
}

impl Fold for MobileUnit {
    const EVENT_TYPES: &'static [&'static str] = &[
        MobileUnitDeployed::TYPE,
        MobileUnitDeparted::TYPE,
        MobileUnitScheduled::TYPE,
        ThroughputReported::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        if super::subject(event).as_ref() != Some(boundary) {
            return;
        }
        let Boundary::MobileUnit(id) = boundary else {
            return;
        };
        id.as_str().clone_into(&mut self.facility_id);
        match event {
            Event::MobileUnitDeployed(event) => {
                if let Some(stop) = &event.stop {
                    deployed(self, stop, &event.deployed_on);
                }
            }
            Event::MobileUnitDeparted(event) => {
                if let Some(stay) = stay_on(&mut self.stays, &event.departed_on) {
                    stay.departed_on.clone_from(&event.departed_on);
                }
            }
            Event::MobileUnitScheduled(event) => self.schedule.clone_from(&event.stops),
            Event::ThroughputReported(event) => {
                if let Some(report) = &event.throughput {
                    reported(self, report, event.corrected);
                }
            }
            _ => {}
        }
    }
}

/// The last stay that had begun on a day. Days are ISO 8601, so that they compare as text.
fn stay_on<'a>(stays: &'a mut [Stay], day: &str) -> Option<&'a mut Stay> {
    let mut begun = stays.iter_mut().rev();
    begun.find(|stay| stay.deployed_on.as_str() <= day)
}

/// It stands at a stop, which ends the stay before, and begins before any that is known to come after.
fn deployed(unit: &mut MobileUnit, stop: &Stop, day: &str) {
    let stays = &mut unit.stays;
    let index = stays.partition_point(|stay| stay.deployed_on.as_str() <= day);
    let mut new = Stay {
        stop: Some(stop.clone()),
        deployed_on: day.to_owned(),
        departed_on: String::new(),
    };
    if let Some(before) = index.checked_sub(1).and_then(|index| stays.get_mut(index)) {
        let left_later = before.departed_on.is_empty() || before.departed_on.as_str() > day;
        if left_later {
            new.departed_on = std::mem::replace(&mut before.departed_on, day.to_owned());
        }
    }
    let is_last = index == stays.len();
    if let Some(next) = stays.get(index).filter(|_| new.departed_on.is_empty()) {
        new.departed_on.clone_from(&next.deployed_on);
    }
    stays.insert(index, new);
    if stays.len() > limits::STAYS {
        stays.remove(0);
    }
    if is_last {
        reach(&mut unit.schedule, stop, day);
    }
}

/// Takes what has been reached, or is past, off the schedule.
fn reach(schedule: &mut Vec<PlannedStop>, stop: &Stop, day: &str) {
    // A plan may not know the place as exactly.
    let is_it = |planned: &PlannedStop| {
        planned.stop.as_ref().is_some_and(|planned| {
            planned.region_id == stop.region_id && planned.place == stop.place
        })
    };
    match schedule.iter().position(is_it) {
        Some(reached) => {
            schedule.drain(..=reached);
        }
        None => schedule.retain(|planned| planned.last_day.as_str() >= day),
    }
}

/// Takes a report in. The oldest ones are added up once there are many.
fn reported(unit: &mut MobileUnit, report: &Throughput, corrected: bool) {
    let known = unit.throughput.iter_mut().find(|it| {
        (&it.commodity_id, &it.first_day) == (&report.commodity_id, &report.first_day) && corrected
    });
    if let Some(known) = known {
        known.clone_from(report);
        return;
    }
    let index = unit
        .throughput
        .partition_point(|it| it.first_day <= report.first_day);
    unit.throughput.insert(index, report.clone());
    if unit.throughput.len() <= limits::THROUGHPUT_PERIODS {
        return;
    }
    let oldest = unit.throughput.remove(0);
    let mut sums = unit.earlier.iter_mut();
    match sums.find(|sum| sum.commodity_id == oldest.commodity_id) {
        Some(sum) => {
            sum.quantity = sum.quantity.saturating_add(oldest.quantity);
            sum.first_day = sum.first_day.clone().min(oldest.first_day);
            sum.last_day = sum.last_day.clone().max(oldest.last_day);
        }
        None => unit.earlier.push(oldest),
    }
}

/// The facility, where it is a mobile unit.
fn existing<'a>(books: &'a Books, id: &Code) -> Result<&'a Facility, Rejection> {
    let facility = existing_facility(books, id)?;
    if facility.kind() != FacilityKind::MobileUnit {
        let kind = facility.kind().as_str_name();
        return Err(Rejection::NotAMobileUnit {
            facility_id: id.to_string(),
            kind: kind.trim_start_matches("FACILITY_KIND_").to_owned(),
        });
    }
    Ok(facility)
}

/// The same, where it was in use when it happened: what it did before may become known after it was retired.
fn existing_in_use<'a>(
    books: &'a Books,
    id: &Code,
    moment: Moment,
) -> Result<&'a Facility, Rejection> {
    let facility = existing(books, id)?;
    in_use(books, &[Boundary::Facility(id.clone())], moment)?;
    Ok(facility)
}

fn both(id: &Code) -> Vec<Boundary> {
    vec![
        Boundary::Facility(id.clone()),
        Boundary::MobileUnit(id.clone()),
    ]
}

/// Refuses a stop in a region that never was, or is not there on its first day.
fn check_region(field: &str, stop: &Stop, day: &str) -> Result<(), Rejection> {
    let assignment = RegionAssignment {
        region_id: stop.region_id.clone(),
        valid_from: day.to_owned(),
    };
    known_region(&assignment)?;
    existing_then(field, &assignment)
}

impl Command for DeployMobileUnit {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        both(&self.facility_id)
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        existing_facility(books, &self.facility_id)?;
        known_region(&RegionAssignment {
            region_id: self.stop.region_id.clone(),
            valid_from: String::new(),
        })?;
        let facility = existing_in_use(books, &self.facility_id, moment)?;
        let day = facility_day(facility, moment.occurred_at_us);
        check_region("stop.region_id", &self.stop, &day.to_string())?;
        let none = MobileUnit::default();
        let unit = books.mobile_unit(&self.facility_id).unwrap_or(&none);
        let mut stays = unit.stays.clone();
        let here = stay_on(&mut stays, &day.to_string());
        let stands_there = here.is_some_and(|stay| {
            stay.departed_on.is_empty() && stay.stop.as_ref() == Some(&self.stop)
        });
        if stands_there {
            return Err(Rejection::NothingChanges {
                id: self.facility_id.to_string(),
            });
        }
        let mut events = vec![
            MobileUnitDeployed {
                facility_id: self.facility_id.to_string(),
                stop: Some(self.stop.clone()),
                deployed_on: day.to_string(),
            }
            .into(),
        ];
        let assignments = assignments(facility, unit, &self.stop.region_id, day);
        if facility.regions.len() + assignments.len() > limits::REGIONS_IN_TURN {
            return Err(full(facility, "moves", limits::REGIONS_IN_TURN));
        }
        events.extend(assignments);
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::MobileUnit(self.facility_id.clone()))
    }
}

/// The changes of region that a stay brings: its own, and, where it became known late, that the next one has its region
/// still.
fn assignments(
    facility: &Facility,
    unit: &MobileUnit,
    region_id: &str,
    day: NaiveDate,
) -> Vec<Event> {
    let assigned = |region_id: &str, valid_from: String| {
        FacilityRegionAssigned {
            facility_id: facility.facility_id.clone(),
            assignment: Some(RegionAssignment {
                region_id: region_id.to_owned(),
                valid_from,
            }),
        }
        .into()
    };
    if region::facility_region(facility, day) == Some(region_id) {
        return Vec::new();
    }
    let mut events = vec![assigned(region_id, day.to_string())];
    let after = day.to_string();
    let next = unit.stays.iter().find(|stay| stay.deployed_on > after);
    if let Some(next) = next
        && let Some(stop) = &next.stop
        && stop.region_id != region_id
    {
        let mut regions = facility.regions.iter();
        if !regions.any(|known| known.valid_from == next.deployed_on) {
            events.push(assigned(&stop.region_id, next.deployed_on.clone()));
        }
    }
    events
}

impl Command for DepartMobileUnit {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        both(&self.facility_id)
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let facility = existing_in_use(books, &self.facility_id, moment)?;
        let day = facility_day(facility, moment.occurred_at_us).to_string();
        let unit = books.mobile_unit(&self.facility_id);
        let mut stays = unit.map(|unit| unit.stays.clone()).unwrap_or_default();
        let stands = stay_on(&mut stays, &day)
            .is_some_and(|stay| stay.departed_on.is_empty() || day < stay.departed_on);
        if !stands {
            return Err(Rejection::NotDeployed {
                facility_id: self.facility_id.to_string(),
                day,
            });
        }
        limits::keep(vec![
            MobileUnitDeparted {
                facility_id: self.facility_id.to_string(),
                departed_on: day,
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::MobileUnit(self.facility_id.clone()))
    }
}

impl Command for ScheduleMobileUnit {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        both(&self.facility_id)
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        existing_facility(books, &self.facility_id)?;
        for planned in &self.stops {
            known_region(&RegionAssignment {
                region_id: planned.stop.clone().unwrap_or_default().region_id,
                valid_from: String::new(),
            })?;
        }
        let facility = existing(books, &self.facility_id)?;
        unretired(books, &Boundary::Facility(self.facility_id.clone()))?;
        let known = books.mobile_unit(&self.facility_id);
        if known.map_or(&[][..], |unit| &unit.schedule) == self.stops {
            return Err(Rejection::NothingChanges {
                id: self.facility_id.to_string(),
            });
        }
        let mut earliest = facility_day(facility, moment.occurred_at_us).to_string();
        for (index, planned) in self.stops.iter().enumerate() {
            let field = |name: &str| format!("stops[{index}].{name}");
            // What has begun may stand in it still.
            let first = if index == 0 {
                &planned.first_day
            } else {
                &earliest
            };
            in_order(&field("first_day"), &planned.first_day, first)?;
            let last = (&planned.first_day).max(&earliest);
            in_order(&field("last_day"), &planned.last_day, last)?;
            if let Some(stop) = &planned.stop {
                check_region(&field("stop.region_id"), stop, &planned.first_day)?;
            }
            earliest = following(&planned.last_day);
        }
        limits::keep(vec![
            MobileUnitScheduled {
                facility_id: self.facility_id.to_string(),
                stops: self.stops.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::MobileUnit(self.facility_id.clone()))
    }
}

/// The day after another one.
fn following(day: &str) -> String {
    region::parse(day)
        .and_then(|day| day.succ_opt())
        .map(|day| day.to_string())
        .unwrap_or_default()
}

fn in_order(field: &str, day: &str, earliest: &str) -> Result<(), Rejection> {
    if day >= earliest {
        return Ok(());
    }
    Err(Rejection::DaysOutOfOrder {
        field: field.to_owned(),
        day: day.to_owned(),
        earliest: earliest.to_owned(),
    })
}

impl Command for ReportThroughput {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        let mut boundaries = both(&self.facility_id);
        boundaries.push(Boundary::Commodity(self.commodity_id.clone()));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        existing_facility(books, &self.facility_id)?;
        exist(books, &[Boundary::Commodity(self.commodity_id.clone())])?;
        let facility = existing_in_use(books, &self.facility_id, moment)?;
        let (first_day, last_day) = (self.first_day.to_string(), self.last_day.to_string());
        in_order("throughput.last_day", &last_day, &first_day)?;
        let today = facility_day(facility, moment.now_us).to_string();
        if last_day > today {
            return Err(Rejection::PeriodNotOver { last_day, today });
        }
        let none = MobileUnit::default();
        let unit = books.mobile_unit(&self.facility_id).unwrap_or(&none);
        self.check_period(unit, &first_day, &last_day)?;
        let sum = unit
            .throughput
            .iter()
            .chain(&unit.earlier)
            .filter(|it| it.commodity_id == self.commodity_id.as_str())
            .fold(self.quantity, |sum, it| sum.saturating_add(it.quantity));
        if sum > MAX_QUANTITY {
            return Err(Rejection::QuantityOverflow {
                field: "throughput.quantity".to_owned(),
                sum,
            });
        }
        limits::keep(vec![
            ThroughputReported {
                facility_id: self.facility_id.to_string(),
                throughput: Some(Throughput {
                    commodity_id: self.commodity_id.to_string(),
                    first_day,
                    last_day,
                    quantity: self.quantity,
                }),
                corrected: self.corrected,
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::MobileUnit(self.facility_id.clone()))
    }
}

impl ReportThroughput {
    /// Refuses a period that meets another one, unless it is that very one and corrected; then, one that is not known.
    fn check_period(
        &self,
        unit: &MobileUnit,
        first_day: &str,
        last_day: &str,
    ) -> Result<(), Rejection> {
        let is_same = |it: &&Throughput| {
            it.commodity_id == self.commodity_id.as_str()
                && it.first_day == first_day
                && it.last_day == last_day
        };
        let known = unit.throughput.iter().find(is_same);
        let meets = |it: &&Throughput| {
            it.commodity_id == self.commodity_id.as_str()
                && it.first_day.as_str() <= last_day
                && first_day <= it.last_day.as_str()
        };
        let met = unit.throughput.iter().chain(&unit.earlier).find(meets);
        match (self.corrected, known, met) {
            (true, Some(known), _) if known.quantity == self.quantity => {
                Err(Rejection::NothingChanges {
                    id: self.facility_id.to_string(),
                })
            }
            (true, Some(_), _) | (false, _, None) => Ok(()),
            (true, None, _) => Err(Rejection::PeriodNotReported {
                facility_id: self.facility_id.to_string(),
                commodity_id: self.commodity_id.to_string(),
                first_day: first_day.to_owned(),
                last_day: last_day.to_owned(),
            }),
            (false, _, Some(met)) => Err(Rejection::PeriodOverlaps {
                facility_id: self.facility_id.to_string(),
                commodity_id: self.commodity_id.to_string(),
                first_day: met.first_day.clone(),
                last_day: met.last_day.clone(),
            }),
        }
    }
}
