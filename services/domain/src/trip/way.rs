//! A trip leaves, stops, breaks down, goes on and ends.

use keruen_proto::{
    Event,
    shipments::v1::{
        ShipmentState, Trip, TripBrokeDown, TripCompleted, TripDeparted, TripLoad, TripResumed,
        TripState, TripStopReached,
    },
};

use super::{
    CompleteTrip, DepartTrip, ReachStop, ReportBreakdown, ResumeTrip, check_state, existing,
    load::{check_capacity, check_cold},
    plan::{check_fit, check_free, check_stands, link_of, reads_of},
    stop, vehicle,
};
use crate::{
    books::Books,
    boundary::Boundary,
    calendar::kazakhstan_day,
    code::Code,
    command::{Command, Moment},
    limits,
    registry::fleet,
    rejection::Rejection,
    shipment,
};

/// The trip and the shipments that are on it.
fn reads_with_loads(books: &Books, trip_id: &Code) -> Vec<Boundary> {
    let mut boundaries = vec![Boundary::Trip(trip_id.clone())];
    let loads = books.trip(trip_id).into_iter().flat_map(|it| &it.loads);
    boundaries.extend(loads.filter_map(|load| Boundary::shipment(&load.shipment_id)));
    boundaries
}

/// Vehicle and crew of a trip.
fn pair(trip: &Trip) -> Option<(Code, Code)> {
    let codes = (Code::parse(&trip.vehicle_id), Code::parse(&trip.crew_id));
    Some((codes.0.ok()?, codes.1.ok()?))
}

impl Command for DepartTrip {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads_with_loads(books, &self.trip_id);
        if let Some((vehicle_id, crew_id)) = books.trip(&self.trip_id).and_then(pair) {
            boundaries.extend(reads_of(books, &vehicle_id, &crew_id));
            boundaries.extend(vehicle::reads(books, link_of(books, &vehicle_id)));
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let trip = existing(books, &self.trip_id)?;
        check_state(trip, &[TripState::Planned])?;
        if let Some((vehicle_id, crew_id)) = pair(trip) {
            check_fit(books, &vehicle_id, &crew_id, moment)?;
            check_stands(books, &vehicle_id, &self.trip_id)?;
            let today = kazakhstan_day(moment.occurred_at_us);
            let day = today.to_string();
            // It leaves on another day than was planned, perhaps.
            let days = ((&day).min(&trip.departs_on), (&day).max(&trip.returns_on));
            let pair = (&vehicle_id, &crew_id);
            check_free(books, pair, &self.trip_id, (days.0, days.1), today)?;
        }
        // What gets on at the first stop is signed for by now.
        let first = trip.loads.iter().filter(|load| load.from_stop == 1);
        check_loads(books, trip, first, |state| {
            state != ShipmentState::Allocated && state != ShipmentState::Requested
        })?;
        let link = link_of(books, &trip.vehicle_id);
        let mut events = vehicle::give_up(books, link, moment)?;
        let departed = Event::from(TripDeparted {
            trip_id: trip.trip_id.clone(),
            vehicle_id: trip.vehicle_id.clone(),
            crew_id: trip.crew_id.clone(),
            documents: self.documents.clone(),
            asset: link.cloned(),
        });
        let held = vehicle::held_or_not(books, link, &departed);
        events.push(departed);
        events.extend(held);
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Trip(self.trip_id.clone()))
    }
}

/// Refuses shipments that are not where the trip says.
fn check_loads<'a>(
    books: &Books,
    trip: &Trip,
    loads: impl Iterator<Item = &'a TripLoad>,
    fits: impl Fn(ShipmentState) -> bool,
) -> Result<(), Rejection> {
    for load in loads {
        let Some(shipment) = books.shipment(&load.shipment_id) else {
            continue;
        };
        if !fits(shipment.state()) {
            return Err(Rejection::LoadInState {
                trip_id: trip.trip_id.clone(),
                shipment_id: shipment.shipment_id.clone(),
                state: shipment::state_name(shipment),
            });
        }
    }
    Ok(())
}

impl Command for ReachStop {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![Boundary::Trip(self.trip_id.clone())];
        let stops = books
            .trip(&self.trip_id)
            .into_iter()
            .flat_map(|it| &it.stops);
        boundaries.extend(stops.filter_map(|stop| Boundary::facility(&stop.facility_id)));
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let trip = existing(books, &self.trip_id)?;
        let next = (1..).zip(&trip.stops).find(|(_, stop)| !stop.reached);
        let number = self.stop.or(next.map(|(number, _)| number));
        let number = number.unwrap_or_default();
        let Some(stop) = stop(trip, number) else {
            return Err(Rejection::UnknownStop {
                trip_id: self.trip_id.to_string(),
                stop: number,
                stops: trip.stops.len(),
            });
        };
        check_state(trip, &[TripState::UnderWay])?;
        if stop.reached {
            return Err(Rejection::StopReached {
                trip_id: self.trip_id.to_string(),
                stop: number,
                facility_id: stop.facility_id.clone(),
            });
        }
        limits::keep(vec![
            TripStopReached {
                trip_id: trip.trip_id.clone(),
                stop: number,
                facility_id: stop.facility_id.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Trip(self.trip_id.clone()))
    }
}

impl Command for ReportBreakdown {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![Boundary::Trip(self.trip_id.clone())]
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let trip = existing(books, &self.trip_id)?;
        check_state(trip, &[TripState::UnderWay])?;
        limits::keep(vec![
            TripBrokeDown {
                trip_id: trip.trip_id.clone(),
                vehicle_id: trip.vehicle_id.clone(),
                reason: self.reason.into(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Trip(self.trip_id.clone()))
    }
}

impl ResumeTrip {
    /// Vehicle and crew with which it goes on.
    fn pair(&self, trip: &Trip) -> Option<(Code, Code)> {
        let (vehicle_id, crew_id) = pair(trip)?;
        Some((
            self.vehicle_id.clone().unwrap_or(vehicle_id),
            self.crew_id.clone().unwrap_or(crew_id),
        ))
    }
}

impl Command for ResumeTrip {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![Boundary::Trip(self.trip_id.clone())];
        let Some(trip) = books.trip(&self.trip_id) else {
            return boundaries;
        };
        boundaries.extend(Boundary::vehicle_trips(&trip.vehicle_id));
        boundaries.extend(Boundary::crew_trips(&trip.crew_id));
        boundaries.extend(vehicle::reads(books, trip.asset.as_ref()));
        if let Some((vehicle_id, crew_id)) = self.pair(trip) {
            boundaries.extend(reads_of(books, &vehicle_id, &crew_id));
            boundaries.extend(vehicle::reads(books, link_of(books, &vehicle_id)));
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let trip = existing(books, &self.trip_id)?;
        let Some((vehicle_id, crew_id)) = self.pair(trip) else {
            return Err(Rejection::UnknownTrip {
                trip_id: self.trip_id.to_string(),
            });
        };
        let vehicle = fleet::existing_vehicle(books, &vehicle_id)?;
        fleet::existing_crew(books, &crew_id)?;
        check_state(trip, &[TripState::BrokenDown])?;
        check_fit(books, &vehicle_id, &crew_id, moment)?;
        check_stands(books, &vehicle_id, &self.trip_id)?;
        let today = kazakhstan_day(moment.occurred_at_us);
        let day = today.to_string();
        let planned = (&trip.returns_on).max(&day).clone();
        let returns_on = self.returns_on.map_or(planned, |day| day.to_string());
        if returns_on < day {
            return Err(Rejection::DaysOutOfOrder {
                field: "returns_on".to_owned(),
                day: returns_on,
                earliest: day,
            });
        }
        let days = (day.as_str(), returns_on.as_str());
        check_free(books, (&vehicle_id, &crew_id), &self.trip_id, days, today)?;
        // What is aboard must fit into another vehicle as it did into the first one.
        let aboard = || trip.loads.iter().filter(|load| is_aboard(trip, load));
        for load in aboard() {
            check_cold(vehicle, load, load.cold_chain_override.as_ref())?;
        }
        check_capacity(vehicle, &aboard())?;
        let (link, from_link) = (vehicle.asset.as_ref(), trip.asset.as_ref());
        let is_other = link != from_link;
        let mut events = Vec::new();
        if is_other {
            events = vehicle::give_up(books, link, moment)?;
        }
        let resumed = Event::from(TripResumed {
            trip_id: trip.trip_id.clone(),
            vehicle_id: vehicle_id.to_string(),
            crew_id: crew_id.to_string(),
            from_vehicle_id: trip.vehicle_id.clone(),
            from_crew_id: trip.crew_id.clone(),
            departs_on: day,
            returns_on,
            documents: self.documents.clone(),
            asset: link.cloned(),
            from_asset: from_link.cloned(),
        });
        let released = vehicle::held_or_not(books, from_link.filter(|_| is_other), &resumed);
        let held = vehicle::held_or_not(books, link, &resumed);
        events.push(resumed);
        events.extend(released);
        events.extend(held);
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Trip(self.trip_id.clone()))
    }
}

/// Whether a load has not got off yet.
pub(super) fn is_aboard(trip: &Trip, load: &TripLoad) -> bool {
    stop(trip, load.to_stop).is_none_or(|stop| !stop.reached)
}

impl Command for CompleteTrip {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads_with_loads(books, &self.trip_id);
        let link = books.trip(&self.trip_id).and_then(|it| it.asset.as_ref());
        boundaries.extend(vehicle::reads(books, link));
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let trip = existing(books, &self.trip_id)?;
        check_state(trip, &[TripState::UnderWay, TripState::BrokenDown])?;
        check_loads(books, trip, trip.loads.iter(), |state| {
            matches!(
                state,
                ShipmentState::Arrived
                    | ShipmentState::PartlyReceived
                    | ShipmentState::Received
                    | ShipmentState::ReceivedWithDiscrepancy
                    | ShipmentState::Returned
                    | ShipmentState::Cancelled
                    | ShipmentState::Lost
            )
        })?;
        let completed = Event::from(TripCompleted {
            trip_id: trip.trip_id.clone(),
            vehicle_id: trip.vehicle_id.clone(),
            crew_id: trip.crew_id.clone(),
            documents: self.documents.clone(),
            asset: trip.asset.clone(),
        });
        let released = vehicle::held_or_not(books, trip.asset.as_ref(), &completed);
        limits::keep(std::iter::once(completed).chain(released).collect())
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Trip(self.trip_id.clone()))
    }
}
