//! A shipment is put on a trip, or taken off: the trip must go its way, and carry it.

use std::collections::BTreeSet;

use keruen_proto::{
    Event,
    registry::v1::{StorageRange, Vehicle},
    shipments::v1::{
        ColdChainOverride, Shipment, ShipmentLoaded, ShipmentState, ShipmentUnloaded, Trip,
        TripLoad, TripState, TripStop,
    },
};

use super::{LoadShipment, UnloadShipment, check_state, existing, way::is_aboard};
use crate::{
    books::Books,
    boundary::Boundary,
    code::Code,
    command::{Command, Moment},
    limits,
    registry::fleet,
    rejection::Rejection,
    shipment,
};

/// What must be kept at temperatures below this needs a cold box, in thousandths of a degree Celsius.
const COLD_CHAIN_MILLICELSIUS: i32 = 15_000;
const GRAMS_PER_KG: i64 = 1_000;
const ML_PER_L: i64 = 1_000;

impl Command for LoadShipment {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Trip(self.trip_id.clone()),
            Boundary::Shipment(self.shipment_id.clone()),
        ];
        if let Some(trip) = books.trip(&self.trip_id) {
            boundaries.extend(Boundary::vehicle(&trip.vehicle_id));
        }
        if let Some(shipment) = books.shipment(&self.shipment_id) {
            boundaries.extend(Boundary::trip(&shipment.trip_id));
            boundaries.extend(Boundary::facility(&shipment.origin_id));
            boundaries.extend(Boundary::facility(&shipment.destination_id));
            boundaries.extend(items(shipment).iter().filter_map(|id| Boundary::item(id)));
        }
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let trip = existing(books, &self.trip_id)?;
        let shipment = shipment::existing(books, &self.shipment_id)?;
        let vehicle = fleet::existing_vehicle(books, &trip.vehicle_id)?;
        check_state(trip, &[TripState::Planned, TripState::UnderWay])?;
        if !shipment.trip_id.is_empty() && !is_over(books, &shipment.trip_id) {
            return Err(Rejection::ShipmentOnTrip {
                shipment_id: shipment.shipment_id.clone(),
                trip_id: shipment.trip_id.clone(),
            });
        }
        let (from_stop, to_stop) = way(trip, shipment)?;
        if trip.loads.len() >= limits::TRIP_LOADS {
            return Err(Rejection::TooManyRecords {
                kind: "trip",
                id: self.trip_id.to_string(),
                what: "shipments",
                limit: limits::TRIP_LOADS,
            });
        }
        let parcels = || shipment.parcels.iter().filter_map(|it| it.parcel.as_ref());
        let mut load = TripLoad {
            shipment_id: shipment.shipment_id.clone(),
            from_stop,
            to_stop,
            weight_g: parcels().map(|it| it.weight_g).fold(0, i64::saturating_add),
            volume_ml: parcels()
                .map(|it| it.volume_ml)
                .fold(0, i64::saturating_add),
            cold_chain: cold_chain(books, shipment),
            cold_chain_override: None,
        };
        load.cold_chain_override = check_cold(vehicle, &load, self.cold_chain_override.as_ref())?;
        let aboard = trip.loads.iter().filter(|load| is_aboard(trip, load));
        check_capacity(vehicle, &aboard.chain([&load]))?;
        limits::keep(vec![
            ShipmentLoaded {
                trip_id: trip.trip_id.clone(),
                load: Some(load),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Trip(self.trip_id.clone()))
    }
}

/// Whether a trip is completed: what it brought may go on with another one.
fn is_over(books: &Books, trip_id: &str) -> bool {
    let trip_id = Code::parse(trip_id).ok();
    let trip = trip_id.as_ref().and_then(|id| books.trip(id));
    trip.is_some_and(|trip| trip.state() == TripState::Completed)
}

/// What is in a shipment.
fn items(shipment: &Shipment) -> BTreeSet<&str> {
    let lots = shipment.lots.iter();
    let lots = lots.filter_map(|lot| lot.shipment_units.as_ref()?.units.as_ref());
    lots.map(|units| units.item_id.as_str()).collect()
}

/// The stops at which it gets on and off: where it comes from, unless it is on its way, and then where it goes.
fn way(trip: &Trip, shipment: &Shipment) -> Result<(i32, i32), Rejection> {
    let is_waiting = shipment.state() == ShipmentState::Allocated;
    if !is_waiting && !shipment::travels(shipment) {
        return Err(shipment::wrong_state(
            shipment,
            "ALLOCATED, or on its way with nothing of it received",
        ));
    }
    let elsewhere = || Rejection::TripGoesElsewhere {
        trip_id: trip.trip_id.clone(),
        shipment_id: shipment.shipment_id.clone(),
        origin_id: shipment.origin_id.clone(),
        destination_id: shipment.destination_id.clone(),
    };
    let number = |after: i32, facility_id: &str| {
        let is_it = |(number, stop): &(i32, &TripStop)| {
            *number > after && !stop.reached && stop.facility_id == facility_id
        };
        let found = (1..).zip(&trip.stops).find(is_it);
        found.map(|(number, _)| number)
    };
    let from = if is_waiting {
        number(0, &shipment.origin_id).ok_or_else(elsewhere)?
    } else {
        0
    };
    let to = number(from, &shipment.destination_id).ok_or_else(elsewhere)?;
    Ok((from, to))
}

/// The temperatures at which all of it can be kept, where some of it needs a cold box.
fn cold_chain(books: &Books, shipment: &Shipment) -> Option<StorageRange> {
    let needs = items(shipment).into_iter().filter_map(|id| {
        let storage = books.item(id)?.storage?;
        (storage.maximum_millicelsius <= COLD_CHAIN_MILLICELSIUS).then_some(storage)
    });
    needs.reduce(|one, other| StorageRange {
        minimum_millicelsius: one.minimum_millicelsius.max(other.minimum_millicelsius),
        maximum_millicelsius: one.maximum_millicelsius.min(other.maximum_millicelsius),
    })
}

/// Refuses a vehicle whose cold box does not keep what a load needs, unless somebody answers for it. Answers with who does,
/// where that is needed.
pub(super) fn check_cold(
    vehicle: &Vehicle,
    load: &TripLoad,
    answered: Option<&ColdChainOverride>,
) -> Result<Option<ColdChainOverride>, Rejection> {
    let Some(needs) = load.cold_chain else {
        return Ok(None);
    };
    let keeps = |has: &StorageRange| {
        needs.minimum_millicelsius <= has.minimum_millicelsius
            && has.maximum_millicelsius <= needs.maximum_millicelsius
    };
    if vehicle.cold_box.as_ref().is_some_and(keeps) {
        return Ok(None);
    }
    if let Some(answered) = answered {
        return Ok(Some(answered.clone()));
    }
    let has = vehicle.cold_box;
    Err(Rejection::NoColdBox {
        vehicle_id: vehicle.vehicle_id.clone(),
        shipment_id: load.shipment_id.clone(),
        needs: told(needs),
        has: has.map_or_else(|| "none".to_owned(), told),
    })
}

fn told(range: StorageRange) -> String {
    let degrees = |millicelsius: i32| {
        let sign = if millicelsius < 0 { "-" } else { "" };
        let size = millicelsius.unsigned_abs();
        match size % 1_000 {
            0 => format!("{sign}{}", size / 1_000),
            rest => format!("{sign}{}.{rest:03}", size / 1_000),
        }
    };
    let (from, to) = (range.minimum_millicelsius, range.maximum_millicelsius);
    format!("{}..{}", degrees(from), degrees(to))
}

/// Refuses more than a vehicle carries between any two stops, as far as its record says how much that is.
pub(super) fn check_capacity<'a>(
    vehicle: &Vehicle,
    loads: &(impl Iterator<Item = &'a TripLoad> + Clone),
) -> Result<(), Rejection> {
    let limits = [
        ("weight_g", i64::from(vehicle.capacity_kg) * GRAMS_PER_KG),
        ("volume_ml", i64::from(vehicle.capacity_l) * ML_PER_L),
    ];
    // It is fullest right after a stop at which something gets on.
    let stops: BTreeSet<i32> = loads.clone().map(|load| load.from_stop).collect();
    for (what, capacity) in limits {
        let size = |load: &TripLoad| match what {
            "weight_g" => load.weight_g,
            _ => load.volume_ml,
        };
        for stop in &stops {
            let aboard = loads
                .clone()
                .filter(|load| load.from_stop <= *stop && *stop < load.to_stop);
            let sum = aboard.map(size).fold(0, i64::saturating_add);
            if capacity > 0 && sum > capacity {
                return Err(Rejection::Overloaded {
                    vehicle_id: vehicle.vehicle_id.clone(),
                    what,
                    load: sum,
                    capacity,
                    stop: *stop,
                });
            }
        }
    }
    Ok(())
}

impl Command for UnloadShipment {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Trip(self.trip_id.clone()),
            Boundary::Shipment(self.shipment_id.clone()),
        ];
        if let Some(shipment) = books.shipment(&self.shipment_id) {
            boundaries.extend(Boundary::facility(&shipment.origin_id));
            boundaries.extend(Boundary::facility(&shipment.destination_id));
        }
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let trip = existing(books, &self.trip_id)?;
        let shipment = shipment::existing(books, &self.shipment_id)?;
        check_state(
            trip,
            &[
                TripState::Planned,
                TripState::UnderWay,
                TripState::BrokenDown,
            ],
        )?;
        let is_aboard = |load: &TripLoad| load.shipment_id == self.shipment_id.as_str();
        if !trip.loads.iter().any(is_aboard) {
            return Err(Rejection::NotOnTrip {
                shipment_id: self.shipment_id.to_string(),
                trip_id: self.trip_id.to_string(),
            });
        }
        limits::keep(vec![
            ShipmentUnloaded {
                trip_id: trip.trip_id.clone(),
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Trip(self.trip_id.clone()))
    }
}
