//! A trip is planned, or cancelled: vehicle and crew must be fit, and on no other trip.

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    inventory::v1::{AssetCondition, AssetPlace},
    registry::v1::{AssetLink, Vehicle},
    shipments::v1::{Booking, Trip, TripCancelled, TripPlanned, TripState, TripStop},
};

use super::{CancelTrip, PlanTrip, Stop, check_state, existing};
use crate::{
    books::Books,
    boundary::Boundary,
    calendar::{self, kazakhstan_day},
    code::Code,
    command::{Command, Moment},
    limits,
    registry::{existing_facility, facility::open, fleet, in_use},
    rejection::Rejection,
};

/// What must be known of a vehicle and a crew that go on a trip.
pub(super) fn reads_of(books: &Books, vehicle_id: &Code, crew_id: &Code) -> Vec<Boundary> {
    let mut boundaries = vec![
        Boundary::Vehicle(vehicle_id.clone()),
        Boundary::Crew(crew_id.clone()),
        Boundary::VehicleTrips(vehicle_id.clone()),
        Boundary::CrewTrips(crew_id.clone()),
    ];
    let link = link_of(books, vehicle_id);
    boundaries.extend(link.and_then(|it| Boundary::asset(&it.item_id, &it.serial_number)));
    boundaries
}

/// The unit that a vehicle is in the books.
pub(super) fn link_of<'a>(books: &'a Books, vehicle_id: &str) -> Option<&'a AssetLink> {
    books.vehicle(vehicle_id)?.asset.as_ref()
}

/// Refuses a vehicle or crew that is out of use, and a vehicle that is known not to run.
pub(super) fn check_fit(
    books: &Books,
    vehicle_id: &Code,
    crew_id: &Code,
    moment: Moment,
) -> Result<(), Rejection> {
    let things = [
        Boundary::Vehicle(vehicle_id.clone()),
        Boundary::Crew(crew_id.clone()),
    ];
    in_use(books, &things, moment)?;
    check_runs(books, fleet::existing_vehicle(books, vehicle_id)?)
}

fn check_runs(books: &Books, vehicle: &Vehicle) -> Result<(), Rejection> {
    let link = vehicle.asset.as_ref();
    let asset = link.and_then(|it| books.asset(&it.item_id, &it.serial_number));
    let Some(asset) = asset else {
        return Ok(());
    };
    let fault = match (asset.condition(), asset.place()) {
        (
            condition @ (AssetCondition::OutOfOrder
            | AssetCondition::UnderRepair
            | AssetCondition::Retired),
            _,
        ) => condition.as_str_name(),
        (_, AssetPlace::Facility | AssetPlace::Installed) => return Ok(()),
        (_, place) => place.as_str_name(),
    };
    Err(Rejection::VehicleUnfit {
        vehicle_id: vehicle.vehicle_id.clone(),
        item_id: asset.item_id.clone(),
        serial_number: asset.serial_number.clone(),
        fault: fault.trim_start_matches("ASSET_").to_owned(),
    })
}

/// Refuses a vehicle whose unit is on another trip, under the name of another vehicle.
pub(super) fn check_stands(
    books: &Books,
    vehicle_id: &Code,
    trip_id: &Code,
) -> Result<(), Rejection> {
    let vehicle = fleet::existing_vehicle(books, vehicle_id)?;
    let link = vehicle.asset.as_ref();
    match link.and_then(|it| books.asset(&it.item_id, &it.serial_number)) {
        Some(asset) if !asset.trip_id.is_empty() && asset.trip_id != trip_id.as_str() => {
            Err(Rejection::VehicleUnfit {
                vehicle_id: vehicle.vehicle_id.clone(),
                item_id: asset.item_id.clone(),
                serial_number: asset.serial_number.clone(),
                fault: "ON_A_TRIP".to_owned(),
            })
        }
        _ => Ok(()),
    }
}

/// Refuses days on which the vehicle or the crew is on another trip. One that has left, maybe before its day, is not
/// back before it is over.
pub(super) fn check_free(
    books: &Books,
    (vehicle_id, crew_id): (&Code, &Code),
    trip_id: &Code,
    (departs_on, returns_on): (&str, &str),
    today: NaiveDate,
) -> Result<(), Rejection> {
    let today = today.to_string();
    let clashes = |booking: &&Booking| {
        let (since, until) = if booking.has_left {
            let since = (&booking.departs_on).min(&today);
            (since, (&booking.returns_on).max(&today))
        } else {
            (&booking.departs_on, &booking.returns_on)
        };
        // Days are ISO 8601, so that they compare as text.
        booking.trip_id != trip_id.as_str()
            && since.as_str() <= returns_on
            && departs_on <= until.as_str()
    };
    for (kind, id, boundary) in [
        (
            "vehicle",
            vehicle_id,
            Boundary::VehicleTrips(vehicle_id.clone()),
        ),
        ("crew", crew_id, Boundary::CrewTrips(crew_id.clone())),
    ] {
        let bookings = books.bookings(&boundary);
        let mut bookings = bookings.iter().flat_map(|it| &it.bookings);
        if let Some(other) = bookings.find(clashes) {
            return Err(Rejection::OnAnotherTrip {
                kind,
                id: id.to_string(),
                trip_id: other.trip_id.clone(),
                departs_on: other.departs_on.clone(),
                returns_on: other.returns_on.clone(),
            });
        }
    }
    Ok(())
}

impl Command for PlanTrip {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![Boundary::Trip(self.trip_id.clone())];
        boundaries.extend(reads_of(books, &self.vehicle_id, &self.crew_id));
        let stops = self.stops.iter();
        boundaries.extend(stops.map(|stop| Boundary::Facility(stop.facility_id.clone())));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        if books.trip(&self.trip_id).is_some() {
            return Err(Rejection::TripExists {
                trip_id: self.trip_id.to_string(),
            });
        }
        fleet::existing_vehicle(books, &self.vehicle_id)?;
        fleet::existing_crew(books, &self.crew_id)?;
        for stop in &self.stops {
            existing_facility(books, &stop.facility_id)?;
        }
        check_fit(books, &self.vehicle_id, &self.crew_id, moment)?;
        for stop in &self.stops {
            open(books, &stop.facility_id, moment)?;
        }
        let days = (self.departs_on.to_string(), self.returns_on.to_string());
        if self.returns_on < self.departs_on {
            return Err(Rejection::DaysOutOfOrder {
                field: "returns_on".to_owned(),
                day: days.1,
                earliest: days.0,
            });
        }
        let today = kazakhstan_day(moment.occurred_at_us);
        let pair = (&self.vehicle_id, &self.crew_id);
        check_free(books, pair, &self.trip_id, (&days.0, &days.1), today)?;
        self.check_stops()?;
        limits::keep(vec![
            TripPlanned {
                trip: Some(Trip {
                    trip_id: self.trip_id.to_string(),
                    vehicle_id: self.vehicle_id.to_string(),
                    crew_id: self.crew_id.to_string(),
                    state: TripState::Planned.into(),
                    departs_on: days.0,
                    returns_on: days.1,
                    stops: self.stops.iter().map(Stop::planned).collect(),
                    documents: self.documents.clone(),
                    ..Trip::default()
                }),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Trip(self.trip_id.clone()))
    }
}

impl Stop {
    fn planned(&self) -> TripStop {
        TripStop {
            facility_id: self.facility_id.to_string(),
            expected_on: calendar::stored(self.expected_on),
            reached: false,
        }
    }
}

impl PlanTrip {
    /// Refuses a trip that goes nowhere, and one that stops twice in a row at the same facility.
    fn check_stops(&self) -> Result<(), Rejection> {
        if self.stops.len() < 2 {
            return Err(Rejection::TripGoesNowhere {
                trip_id: self.trip_id.to_string(),
            });
        }
        for (index, pair) in (1..).zip(self.stops.windows(2)) {
            if pair[0].facility_id == pair[1].facility_id {
                return Err(Rejection::StopTwice {
                    field: format!("stops[{index}].facility_id"),
                    facility_id: pair[1].facility_id.to_string(),
                });
            }
        }
        Ok(())
    }
}

impl Command for CancelTrip {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![Boundary::Trip(self.trip_id.clone())]
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let trip = existing(books, &self.trip_id)?;
        check_state(trip, &[TripState::Planned])?;
        let loads = trip.loads.iter();
        limits::keep(vec![
            TripCancelled {
                trip_id: trip.trip_id.clone(),
                vehicle_id: trip.vehicle_id.clone(),
                crew_id: trip.crew_id.clone(),
                shipment_ids: loads.map(|load| load.shipment_id.clone()).collect(),
                reason: self.reason.into(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Trip(self.trip_id.clone()))
    }
}
