//! Mobile units: requests parsed into commands, and units as lists show them.

use chrono::NaiveDate;
use keruen_domain::{
    Rejection,
    calendar::facility_day,
    code::MAX_QUANTITY,
    limits, region,
    registry::{DepartMobileUnit, DeployMobileUnit, ReportThroughput, ScheduleMobileUnit},
};
use keruen_edge::Fields;
use keruen_proto::registry::v1::{
    DepartMobileUnitRequest, DeployMobileUnitRequest, Facility, FacilityKind, MobileUnit,
    MobileUnitRow, PlannedStop, ReportThroughputRequest, ScheduleMobileUnitRequest, Stop,
};

use crate::{directory::Entries, parse};

/// A unit that stands somewhere.
pub fn deployed(
    message: &DeployMobileUnitRequest,
    fields: &mut Fields,
) -> Option<DeployMobileUnit> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let stop = fields.there("stop", message.stop.as_ref());
    let stop = stop.and_then(|stop| self::stop(fields, "stop", stop));
    Some(DeployMobileUnit {
        facility_id: facility_id?,
        stop: stop?,
    })
}

fn stop(fields: &mut Fields, path: &str, stop: &Stop) -> Option<Stop> {
    let region_id = fields.code(&format!("{path}.region_id"), &stop.region_id);
    let place = fields.name(&format!("{path}.place"), stop.place.as_ref());
    let location = match stop.location {
        Some(location) => parse::location(fields, &format!("{path}.location"), location).map(Some),
        None => Some(None),
    };
    Some(Stop {
        region_id: region_id?.to_string(),
        place: Some(place?),
        location: location.map(|_| stop.location)?,
    })
}

/// A unit that left.
pub fn departed(
    message: &DepartMobileUnitRequest,
    fields: &mut Fields,
) -> Option<DepartMobileUnit> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    Some(DepartMobileUnit {
        facility_id: facility_id?,
    })
}

/// Where a unit is to go.
pub fn scheduled(
    message: &ScheduleMobileUnitRequest,
    fields: &mut Fields,
) -> Option<ScheduleMobileUnit> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let stops = fields.each("stops", &message.stops, limits::SCHEDULE_STOPS, planned);
    Some(ScheduleMobileUnit {
        facility_id: facility_id?,
        stops: stops?,
    })
}

fn planned(fields: &mut Fields, path: &str, planned: &PlannedStop) -> Option<PlannedStop> {
    let path_of_stop = format!("{path}.stop");
    let stop = fields.there(&path_of_stop, planned.stop.as_ref());
    let stop = stop.and_then(|stop| self::stop(fields, &path_of_stop, stop));
    let first_day = day(fields, &format!("{path}.first_day"), &planned.first_day);
    let last_day = day(fields, &format!("{path}.last_day"), &planned.last_day);
    Some(PlannedStop {
        stop: Some(stop?),
        first_day: first_day?.to_string(),
        last_day: last_day?.to_string(),
    })
}

/// What a unit did.
pub fn reported(
    message: &ReportThroughputRequest,
    fields: &mut Fields,
) -> Option<ReportThroughput> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let report = fields.there("throughput", message.throughput.as_ref())?;
    let commodity_id = fields.code("throughput.commodity_id", &report.commodity_id);
    let first_day = day(fields, "throughput.first_day", &report.first_day);
    let last_day = day(fields, "throughput.last_day", &report.last_day);
    let quantity = report.quantity;
    let is_quantity = (0..=MAX_QUANTITY).contains(&quantity);
    if !is_quantity {
        fields.reject(
            "throughput.quantity",
            format!("must be 0 to {MAX_QUANTITY}; found {quantity}"),
        );
    }
    Some(ReportThroughput {
        facility_id: facility_id?,
        commodity_id: commodity_id?,
        first_day: first_day?,
        last_day: last_day?,
        quantity: is_quantity.then_some(quantity)?,
        corrected: message.corrected,
    })
}

/// The units in order of their codes that stand in a region, with those that never went anywhere, after a code.
pub fn units<'a>(
    entries: &'a Entries,
    after: Option<&'a str>,
    region_id: Option<&'a str>,
    now_us: i64,
) -> impl Iterator<Item = MobileUnitRow> + 'a {
    use std::ops::Bound::{Excluded, Unbounded};
    entries
        .facilities
        .range::<str, _>((after.map_or(Unbounded, Excluded), Unbounded))
        .filter(|(_, facility)| facility.kind() == FacilityKind::MobileUnit)
        .map(move |(_, facility)| row(entries, facility, now_us))
        .filter(move |row| region_id.is_none_or(|region_id| row.region_id == region_id))
}

/// That a facility is no mobile unit.
pub fn not_one(facility: &Facility) -> Rejection {
    let kind = facility.kind().as_str_name();
    Rejection::NotAMobileUnit {
        facility_id: facility.facility_id.clone(),
        kind: kind.trim_start_matches("FACILITY_KIND_").to_owned(),
    }
}

/// A unit as lists show it.
pub fn row(entries: &Entries, facility: &Facility, now_us: i64) -> MobileUnitRow {
    let known = entries.mobile_units.get(&facility.facility_id);
    let today = facility_day(facility, now_us);
    MobileUnitRow {
        mobile_unit: Some(known.cloned().unwrap_or_else(|| MobileUnit {
            facility_id: facility.facility_id.clone(),
            ..MobileUnit::default()
        })),
        name: facility.name.clone(),
        region_id: region::facility_region(facility, today)
            .unwrap_or_default()
            .to_owned(),
        operator_id: facility.operator_id.clone(),
    }
}

fn day(fields: &mut Fields, path: &str, text: &str) -> Option<NaiveDate> {
    let day = fields.date(path, text)?;
    if day.is_none() {
        fields.reject(path, "must be stated, for example 2021-03-05");
    }
    day
}
