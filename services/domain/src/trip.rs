//! Trips: a vehicle and a crew that go from stop to stop and carry shipments. Who is liable for what they carry is told by
//! its custody; a trip says only by what it goes.

use chrono::NaiveDate;
use keruen_proto::{
    Event, EventType,
    registry::v1::DocumentRef,
    shipments::v1::{
        Booking, Bookings, BreakdownReason, ColdChainOverride, ShipmentLoaded, ShipmentUnloaded,
        Trip, TripBrokeDown, TripCancellationReason, TripCancelled, TripCompleted, TripDeparted,
        TripPlanned, TripResumed, TripState, TripStop, TripStopReached,
    },
};

use crate::{
    books::{Books, Fold},
    boundary::Boundary,
    code::Code,
    rejection::Rejection,
};

mod load;
mod plan;
mod vehicle;
mod way;

/// Plans a trip.
#[derive(Clone, Debug)]
pub struct PlanTrip {
    /// Id of the new trip.
    pub trip_id: Code,
    /// The vehicle.
    pub vehicle_id: Code,
    /// The crew.
    pub crew_id: Code,
    /// First day on which both are needed.
    pub departs_on: NaiveDate,
    /// Last day.
    pub returns_on: NaiveDate,
    /// Where it stops, in order; at least two.
    pub stops: Vec<Stop>,
    /// Papers.
    pub documents: Vec<DocumentRef>,
}

/// Where a trip stops.
#[derive(Clone, Debug)]
pub struct Stop {
    /// The facility.
    pub facility_id: Code,
    /// Day on which it is expected there.
    pub expected_on: Option<NaiveDate>,
}

/// Puts a shipment on a trip.
#[derive(Clone, Debug)]
pub struct LoadShipment {
    /// The trip.
    pub trip_id: Code,
    /// The shipment.
    pub shipment_id: Code,
    /// Who answers for it that it goes without a cold box that fits.
    pub cold_chain_override: Option<ColdChainOverride>,
}

/// Takes a shipment off a trip.
#[derive(Clone, Debug)]
pub struct UnloadShipment {
    /// The trip.
    pub trip_id: Code,
    /// The shipment.
    pub shipment_id: Code,
}

/// Records that a trip left.
#[derive(Clone, Debug)]
pub struct DepartTrip {
    /// The trip.
    pub trip_id: Code,
    /// Papers.
    pub documents: Vec<DocumentRef>,
}

/// Records that a trip was at a stop.
#[derive(Clone, Debug)]
pub struct ReachStop {
    /// The trip.
    pub trip_id: Code,
    /// Number of the stop; `None` means the next one.
    pub stop: Option<i32>,
}

/// Records that a trip can't go on.
#[derive(Clone, Debug)]
pub struct ReportBreakdown {
    /// The trip.
    pub trip_id: Code,
    /// Why.
    pub reason: BreakdownReason,
    /// Papers.
    pub documents: Vec<DocumentRef>,
}

/// Records that a trip goes on that could not.
#[derive(Clone, Debug)]
pub struct ResumeTrip {
    /// The trip.
    pub trip_id: Code,
    /// Vehicle with which it goes on; `None` means the same.
    pub vehicle_id: Option<Code>,
    /// Crew with which it goes on; `None` means the same.
    pub crew_id: Option<Code>,
    /// Last day on which both are needed; `None` means as planned, or today.
    pub returns_on: Option<NaiveDate>,
    /// Papers.
    pub documents: Vec<DocumentRef>,
}

/// Records that a trip is over.
#[derive(Clone, Debug)]
pub struct CompleteTrip {
    /// The trip.
    pub trip_id: Code,
    /// Papers.
    pub documents: Vec<DocumentRef>,
}

/// Cancels a trip before it leaves.
#[derive(Clone, Debug)]
pub struct CancelTrip {
    /// The trip.
    pub trip_id: Code,
    /// Why.
    pub reason: TripCancellationReason,
}

impl Fold for Trip {
    const EVENT_TYPES: &'static [&'static str] = &[
        TripPlanned::TYPE,
        ShipmentLoaded::TYPE,
        ShipmentUnloaded::TYPE,
        TripDeparted::TYPE,
        TripStopReached::TYPE,
        TripBrokeDown::TYPE,
        TripResumed::TYPE,
        TripCompleted::TYPE,
        TripCancelled::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Boundary::Trip(id) = boundary else {
            return;
        };
        let is_it = |trip_id: &str| trip_id == id.as_str();
        match event {
            Event::TripPlanned(event) => {
                if let Some(planned) = event.trip.as_ref().filter(|it| is_it(&it.trip_id)) {
                    self.clone_from(planned);
                    self.state = TripState::Planned.into();
                }
            }
            Event::ShipmentLoaded(event) if is_it(&event.trip_id) => {
                self.loads.extend(event.load.clone());
            }
            Event::ShipmentUnloaded(event) if is_it(&event.trip_id) => {
                self.loads
                    .retain(|load| load.shipment_id != event.shipment_id);
            }
            Event::TripDeparted(event) if is_it(&event.trip_id) => {
                self.state = TripState::UnderWay.into();
                self.asset.clone_from(&event.asset);
                self.documents.extend_from_slice(&event.documents);
            }
            Event::TripStopReached(event) if is_it(&event.trip_id) => {
                if let Some(stop) = stop_mut(self, event.stop) {
                    stop.reached = true;
                }
            }
            Event::TripBrokeDown(event) if is_it(&event.trip_id) => {
                self.state = TripState::BrokenDown.into();
                self.breakdowns = self.breakdowns.saturating_add(1);
                self.breakdown_reason = Some(event.reason);
                self.documents.extend_from_slice(&event.documents);
            }
            Event::TripResumed(event) if is_it(&event.trip_id) => {
                self.state = TripState::UnderWay.into();
                self.vehicle_id.clone_from(&event.vehicle_id);
                self.crew_id.clone_from(&event.crew_id);
                self.asset.clone_from(&event.asset);
                self.returns_on.clone_from(&event.returns_on);
                self.documents.extend_from_slice(&event.documents);
            }
            Event::TripCompleted(event) if is_it(&event.trip_id) => {
                self.state = TripState::Completed.into();
                self.documents.extend_from_slice(&event.documents);
            }
            Event::TripCancelled(event) if is_it(&event.trip_id) => {
                self.state = TripState::Cancelled.into();
                self.loads.clear();
                self.cancellation_reason = Some(event.reason);
            }
            _ => {}
        }
    }
}

/// A stop by its number, 1, 2, 3 …
fn stop(trip: &Trip, number: i32) -> Option<&TripStop> {
    trip.stops
        .get(usize::try_from(number.checked_sub(1)?).ok()?)
}

fn stop_mut(trip: &mut Trip, number: i32) -> Option<&mut TripStop> {
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    trip.stops.get_mut(index)
}

/// Of a vehicle or of a crew: trips that were planned and are not over.
impl Fold for Bookings {
    const EVENT_TYPES: &'static [&'static str] = &[
        TripPlanned::TYPE,
        TripDeparted::TYPE,
        TripResumed::TYPE,
        TripCompleted::TYPE,
        TripCancelled::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        // What the event says of vehicle and crew; which of them this is about.
        let is_it = |vehicle_id: &str, crew_id: &str| match boundary {
            Boundary::VehicleTrips(id) => id.as_str() == vehicle_id,
            Boundary::CrewTrips(id) => id.as_str() == crew_id,
            _ => false,
        };
        match event {
            Event::TripPlanned(event) => {
                let planned = event.trip.iter();
                let theirs = planned.filter(|trip| is_it(&trip.vehicle_id, &trip.crew_id));
                self.bookings.extend(theirs.map(|trip| Booking {
                    trip_id: trip.trip_id.clone(),
                    departs_on: trip.departs_on.clone(),
                    returns_on: trip.returns_on.clone(),
                    has_left: false,
                }));
            }
            Event::TripDeparted(event) => {
                for booking in self.of(&event.trip_id) {
                    booking.has_left = true;
                }
            }
            Event::TripResumed(event) => {
                self.end(&event.trip_id);
                if is_it(&event.vehicle_id, &event.crew_id) {
                    self.bookings.push(Booking {
                        trip_id: event.trip_id.clone(),
                        departs_on: event.departs_on.clone(),
                        returns_on: event.returns_on.clone(),
                        has_left: true,
                    });
                }
            }
            Event::TripCompleted(event) => self.end(&event.trip_id),
            Event::TripCancelled(event) => self.end(&event.trip_id),
            _ => {}
        }
    }
}

/// What of bookings is about one trip.
trait OfTrip {
    /// The bookings for it.
    fn of<'a>(&'a mut self, trip_id: &'a str) -> impl Iterator<Item = &'a mut Booking>;

    /// Ends them.
    fn end(&mut self, trip_id: &str);
}

impl OfTrip for Bookings {
    fn of<'a>(&'a mut self, trip_id: &'a str) -> impl Iterator<Item = &'a mut Booking> {
        let bookings = self.bookings.iter_mut();
        bookings.filter(move |booking| booking.trip_id == trip_id)
    }

    fn end(&mut self, trip_id: &str) {
        self.bookings.retain(|booking| booking.trip_id != trip_id);
    }
}

/// The trip, or that it is unknown.
fn existing<'a>(books: &'a Books, trip_id: &Code) -> Result<&'a Trip, Rejection> {
    books.trip(trip_id).ok_or_else(|| Rejection::UnknownTrip {
        trip_id: trip_id.to_string(),
    })
}

/// Refuses trips that are in none of these states.
fn check_state(trip: &Trip, allowed: &[TripState]) -> Result<(), Rejection> {
    if allowed.contains(&trip.state()) {
        return Ok(());
    }
    let name = |state: &TripState| {
        let name = state.as_str_name();
        name.trim_start_matches("TRIP_STATE_").to_owned()
    };
    Err(Rejection::TripInState {
        trip_id: trip.trip_id.clone(),
        state: name(&trip.state()),
        allowed: allowed.iter().map(name).collect::<Vec<_>>().join(" or "),
    })
}
