//! Trips in random histories, and books of what vehicles and crews do, kept apart from those that decide.

use std::collections::BTreeMap;

use keruen_domain::{
    Boundary,
    calendar::kazakhstan_day,
    registry::{RegisterCrew, RegisterVehicle},
    trip::{LoadShipment, ResumeTrip},
};
use keruen_proto::{
    Event,
    registry::v1::{AssetLink, StorageRange, Vehicle},
    shipments::v1::{
        ColdChainOverride, ColdChainOverrideReason, Shipment, ShipmentState, Trip, TripLoad,
    },
};

use super::{Step, World, pick};
use crate::{
    custody,
    fleet::{crew, vehicle},
    trip::{break_down, cancel, complete, depart, load, plan, reach, resume, stop, unload},
    world::*,
};

/// A small van, a van with a cold box, and one that is a unit in the books.
const VEHICLES: [&str; 3] = ["TV-1", "TV-2", "TV-3"];
const CREWS: [&str; 2] = ["TC-1", "TC-2"];
/// Units with a cold chain must be kept within this.
pub const COLD: StorageRange = StorageRange {
    minimum_millicelsius: 2_000,
    maximum_millicelsius: 8_000,
};
/// The item that must be kept cold.
pub const COLD_ITEM: &str = "PCR";

/// A trip as these books know it.
#[derive(Clone, Debug, Default)]
struct Journey {
    vehicle_id: String,
    crew_id: String,
    departs_on: String,
    returns_on: String,
    has_left: bool,
    /// Stops that were reached, by number.
    reached: Vec<i32>,
    loads: BTreeMap<String, TripLoad>,
}

impl Journey {
    fn overlaps(&self, other: &Self) -> bool {
        self.departs_on <= other.returns_on && other.departs_on <= self.returns_on
    }

    /// What is aboard after a stop.
    fn aboard(&self, stop: i32) -> impl Iterator<Item = &TripLoad> {
        self.loads.values().filter(move |load| {
            load.from_stop <= stop && stop < load.to_stop && !self.reached.contains(&load.to_stop)
        })
    }
}

/// What vehicles and crews do.
#[derive(Default)]
pub struct Road {
    vehicles: BTreeMap<String, Vehicle>,
    /// Trips that are not over.
    journeys: BTreeMap<String, Journey>,
}

impl Road {
    /// Takes in what happened, and fails where it can't have.
    pub fn take_in(&mut self, event: &Event) {
        match event {
            Event::VehicleRegistered(event) => {
                let vehicle = event.vehicle.clone().expect("a vehicle");
                self.vehicles.insert(vehicle.vehicle_id.clone(), vehicle);
            }
            Event::TripPlanned(event) => self.planned(event.trip.as_ref().expect("a trip")),
            Event::TripDeparted(event) => {
                self.of(&event.trip_id).has_left = true;
                self.check_alone(&event.trip_id);
            }
            Event::TripResumed(event) => {
                let journey = self.of(&event.trip_id);
                journey.vehicle_id.clone_from(&event.vehicle_id);
                journey.crew_id.clone_from(&event.crew_id);
                journey.returns_on.clone_from(&event.returns_on);
                self.check_alone(&event.trip_id);
                self.check_loads(&event.trip_id);
            }
            Event::TripStopReached(event) => self.of(&event.trip_id).reached.push(event.stop),
            Event::ShipmentLoaded(event) => {
                let load = event.load.clone().expect("a load");
                let carried = self.journeys.values();
                let mut carried = carried.flat_map(|it| it.loads.keys());
                assert!(!carried.any(|id| *id == load.shipment_id), "{event:?}");
                let journey = self.of(&event.trip_id);
                journey.loads.insert(load.shipment_id.clone(), load);
                self.check_loads(&event.trip_id);
            }
            Event::ShipmentUnloaded(event) => {
                let loads = &mut self.of(&event.trip_id).loads;
                assert!(loads.remove(&event.shipment_id).is_some(), "{event:?}");
            }
            Event::TripCompleted(event) => self.over(&event.trip_id),
            Event::TripCancelled(event) => self.over(&event.trip_id),
            Event::ShipmentDispatched(event) => {
                let units = event.units.iter().filter_map(|it| it.units.as_ref());
                for units in units {
                    let travels = |number: &String| self.travels(&units.item_id, number);
                    assert!(!units.serial_numbers.iter().any(travels), "{event:?}");
                }
            }
            _ => {}
        }
    }

    fn of(&mut self, trip_id: &str) -> &mut Journey {
        self.journeys
            .get_mut(trip_id)
            .expect("a trip that is not over")
    }

    fn over(&mut self, trip_id: &str) {
        assert!(self.journeys.remove(trip_id).is_some(), "{trip_id}");
    }

    fn planned(&mut self, trip: &Trip) {
        let journey = Journey {
            vehicle_id: trip.vehicle_id.clone(),
            crew_id: trip.crew_id.clone(),
            departs_on: trip.departs_on.clone(),
            returns_on: trip.returns_on.clone(),
            ..Journey::default()
        };
        for other in self.journeys.values().filter(|other| !other.has_left) {
            let shares = other.vehicle_id == journey.vehicle_id || other.crew_id == journey.crew_id;
            assert!(!(shares && other.overlaps(&journey)), "{trip:?} {other:?}");
        }
        self.journeys.insert(trip.trip_id.clone(), journey);
    }

    /// Neither its vehicle nor its crew is on another trip that has left.
    fn check_alone(&self, trip_id: &str) {
        let this = &self.journeys[trip_id];
        let others = self.journeys.iter();
        for (id, other) in others.filter(|(id, other)| *id != trip_id && other.has_left) {
            assert_ne!(this.vehicle_id, other.vehicle_id, "{trip_id} {id}");
            assert_ne!(this.crew_id, other.crew_id, "{trip_id} {id}");
        }
    }

    /// Between no two stops is there more aboard than the vehicle carries, and nothing cold without its box.
    fn check_loads(&self, trip_id: &str) {
        let journey = &self.journeys[trip_id];
        let vehicle = &self.vehicles[&journey.vehicle_id];
        for stop in 1..20 {
            let weight_g: i64 = journey.aboard(stop).map(|load| load.weight_g).sum();
            let capacity_g = i64::from(vehicle.capacity_kg) * 1_000;
            assert!(capacity_g == 0 || weight_g <= capacity_g, "{journey:?}");
            for load in journey.aboard(stop) {
                let is_kept = load.cold_chain.is_none() || vehicle.cold_box == Some(COLD);
                assert!(is_kept || load.cold_chain_override.is_some(), "{journey:?}");
            }
        }
    }

    /// Whether a unit is the vehicle of a trip that has left.
    fn travels(&self, item_id: &str, serial_number: &str) -> bool {
        let left = self.journeys.values().filter(|it| it.has_left);
        let mut links = left.filter_map(|it| self.vehicles[&it.vehicle_id].asset.as_ref());
        links.any(|link| link.item_id == item_id && link.serial_number == serial_number)
    }
}

impl World {
    /// The fleet, as far as it is not there yet; a vehicle may be a unit that is in the books.
    fn ready_fleet(&mut self, step: &Step) {
        for id in CREWS {
            self.carry_out(&RegisterCrew(crew(id)));
        }
        let link = pick(&self.serial_numbers, step.other).map(|number| AssetLink {
            item_id: "CONC".to_owned(),
            serial_number: number.clone(),
        });
        for id in VEHICLES {
            let vehicle = Vehicle {
                capacity_kg: 60,
                cold_box: (id == "TV-2").then_some(COLD),
                asset: link.clone().filter(|_| id == "TV-3"),
                ..vehicle(id)
            };
            // It becomes a vehicle once there is a unit that it is.
            if id != "TV-3" || vehicle.asset.is_some() {
                self.carry_out(&RegisterVehicle(vehicle));
            }
        }
    }

    /// A trip is planned for a shipment, or an older one goes on, stops, breaks down or ends.
    pub(super) fn travel(&mut self, step: &Step) {
        self.ready_fleet(step);
        let vehicle_id = VEHICLES[step.which % 3];
        let id = pick(&self.trips, step.other).cloned();
        let Some(id) = id.filter(|_| step.hours % 5 > 0) else {
            self.plan_trip(step, vehicle_id);
            return;
        };
        match step.quantity % 9 {
            0 | 1 => self.put_on(step, &id),
            2 if step.flag => {
                let is_on = |shipment: &Shipment| !shipment.trip_id.is_empty();
                if let Some(shipment_id) = self.some_shipment(step, is_on) {
                    self.carry_out(&unload(&id, &shipment_id));
                }
            }
            2 => {
                self.carry_out(&cancel(&id));
            }
            3..=5 => {
                if !self.carry_out(&depart(&id)) {
                    self.carry_out(&reach(&id));
                }
            }
            6 => {
                if !self.carry_out(&break_down(&id)) {
                    self.carry_out(&ResumeTrip {
                        vehicle_id: step.flag.then(|| code(vehicle_id)),
                        ..resume(&id)
                    });
                }
            }
            _ => {
                self.carry_out(&complete(&id));
            }
        }
    }

    fn plan_trip(&mut self, step: &Step, vehicle_id: &str) {
        let waits = |shipment: &Shipment| shipment.state() == ShipmentState::Allocated;
        let Some(shipment_id) = self.some_shipment(step, waits) else {
            return;
        };
        let shipment = self.shipment(&shipment_id);
        let today = kazakhstan_day(self.story.now_us);
        let until = today + chrono::Days::new(step.other as u64 % 3);
        let days = (today.to_string(), until.to_string());
        let id = self.name("RUN");
        let mut command = plan(&id, vehicle_id, CREWS[step.other % 2], (&days.0, &days.1));
        let mut stops = vec![&shipment.origin_id, &shipment.destination_id];
        if step.flag {
            // It goes on, and comes back.
            stops.push(&shipment.origin_id);
        }
        command.stops = stops.into_iter().map(|id| stop(id)).collect();
        if self.carry_out(&command) {
            self.trips.push(id.clone());
            self.put_on_trip(step, &id, &shipment_id);
        }
    }

    fn put_on(&mut self, step: &Step, trip_id: &str) {
        let waits = |shipment: &Shipment| {
            shipment.trip_id.is_empty() && shipment.state() != ShipmentState::Requested
        };
        if let Some(shipment_id) = self.some_shipment(step, waits) {
            self.put_on_trip(step, trip_id, &shipment_id);
        }
    }

    fn put_on_trip(&mut self, step: &Step, trip_id: &str, shipment_id: &str) {
        let shipment = self.shipment(shipment_id);
        let answered = ColdChainOverride {
            authorised_by_ref: "person:1".to_owned(),
            reason: ColdChainOverrideReason::ShortWay.into(),
        };
        let loaded = self.carry_out(&LoadShipment {
            cold_chain_override: (step.quantity % 4 == 0).then_some(answered),
            ..load(trip_id, shipment_id)
        });
        if loaded {
            let Some(Event::ShipmentLoaded(event)) = self.story.events.last() else {
                panic!("nothing was loaded");
            };
            let load = event.load.as_ref().expect("a load");
            let parcels = shipment.parcels.iter();
            let parcels = parcels.filter_map(|it| it.parcel.as_ref());
            assert_eq!(load.weight_g, parcels.map(|it| it.weight_g).sum::<i64>());
            let lots = shipment.lots.iter();
            let mut units = lots.filter_map(|lot| lot.shipment_units.as_ref()?.units.as_ref());
            let is_cold = units.any(|units| units.item_id == COLD_ITEM);
            assert_eq!(load.cold_chain, is_cold.then_some(COLD));
        }
    }

    /// Somebody takes over the store, by a count or without.
    pub(super) fn take_over(&mut self, step: &Step) {
        let person = format!("person:{}", step.other % 3);
        let count = pick(&self.counts, step.which).cloned();
        if !self.carry_out(&custody::appoint(&person, &[]))
            && let Some(count) = count
        {
            self.carry_out(&custody::appoint(&person, &[&count]));
        }
    }

    /// What trips are about.
    pub(super) fn boundaries_of_trips(&self) -> impl Iterator<Item = Boundary> {
        let trips = self.trips.iter().map(|id| Boundary::Trip(code(id)));
        trips
            .chain(VEHICLES.map(|id| Boundary::Vehicle(code(id))))
            .chain(VEHICLES.map(|id| Boundary::VehicleTrips(code(id))))
            .chain(CREWS.map(|id| Boundary::Crew(code(id))))
            .chain(CREWS.map(|id| Boundary::CrewTrips(code(id))))
    }
}
