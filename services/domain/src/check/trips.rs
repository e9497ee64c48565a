//! Trips: what carries what, and what is on which.

use std::collections::{BTreeMap, BTreeSet};

use keruen_proto::Event;

use super::Findings;

/// Vehicles, crews and shipments, and the trips that they are on.
#[derive(Debug, Default)]
pub(super) struct Trips {
    /// The trips on which a vehicle or crew is that have left and are not over, by kind and code.
    under_way: BTreeMap<(&'static str, String), BTreeSet<String>>,
    /// The trip that each shipment is on, unless that is over.
    shipments: BTreeMap<String, String>,
    faults: BTreeSet<String>,
}

impl Trips {
    pub fn take_in(&mut self, event: &Event) {
        match event {
            Event::TripDeparted(event) => {
                self.leave(&event.trip_id, &event.vehicle_id, &event.crew_id);
            }
            Event::TripResumed(event) => {
                self.end(&event.trip_id);
                self.leave(&event.trip_id, &event.vehicle_id, &event.crew_id);
            }
            Event::TripCompleted(event) => {
                self.end(&event.trip_id);
                self.shipments
                    .retain(|_, trip_id| *trip_id != event.trip_id);
            }
            Event::TripCancelled(event) => {
                self.shipments
                    .retain(|_, trip_id| *trip_id != event.trip_id);
            }
            Event::ShipmentLoaded(event) => {
                let shipment_id = event.load.as_ref().map(|load| load.shipment_id.clone());
                let shipment_id = shipment_id.unwrap_or_default();
                let before = self
                    .shipments
                    .insert(shipment_id.clone(), event.trip_id.clone());
                if let Some(before) = before {
                    self.faults.insert(format!(
                        "shipment {shipment_id} was put on trip {}, but it is on trip {before}",
                        event.trip_id
                    ));
                }
            }
            Event::ShipmentUnloaded(event) => {
                let before = self.shipments.remove(&event.shipment_id);
                if before.as_ref() != Some(&event.trip_id) {
                    self.faults.insert(format!(
                        "shipment {} was taken off trip {}, but it is on {before:?}",
                        event.shipment_id, event.trip_id
                    ));
                }
            }
            _ => {}
        }
    }

    fn leave(&mut self, trip_id: &str, vehicle_id: &str, crew_id: &str) {
        for (kind, id) in [("vehicle", vehicle_id), ("crew", crew_id)] {
            let trips = self.under_way.entry((kind, id.to_owned())).or_default();
            trips.insert(trip_id.to_owned());
            if trips.len() > 1 {
                self.faults.insert(format!(
                    "{kind} {id} is on several trips at once: {trips:?}"
                ));
            }
        }
    }

    fn end(&mut self, trip_id: &str) {
        for trips in self.under_way.values_mut() {
            trips.remove(trip_id);
        }
        self.under_way.retain(|_, trips| !trips.is_empty());
    }

    pub fn check(&mut self, findings: &mut Findings<'_>) {
        for fault in std::mem::take(&mut self.faults) {
            findings.add(3, fault);
        }
    }
}
