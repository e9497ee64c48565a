//! Trips.

use keruen_proto::shipments::v1::{BreakdownReason, Trip, TripCancellationReason, TripState};

use crate::{
    cells,
    render::{
        record::{Cell, Part, Record, documents},
        word,
    },
};

impl Record for Trip {
    const COLUMNS: &'static [&'static str] = &[
        "trip_id",
        "state",
        "vehicle_id",
        "crew_id",
        "departs_on",
        "returns_on",
        "stops",
        "shipments",
        "breakdowns",
        "breakdown_reason",
        "cancellation_reason",
    ];

    fn cells(&self) -> Vec<Cell> {
        let stops: Vec<String> = self.stops.iter().map(|it| it.facility_id.clone()).collect();
        let loads = self.loads.iter().map(|it| it.shipment_id.clone());
        let loads: Vec<String> = loads.collect();
        let breakdowns = match self.breakdowns {
            0 => String::new(),
            number => number.to_string(),
        };
        cells![
            &self.trip_id,
            word::field::<TripState>(self.state),
            &self.vehicle_id,
            &self.crew_id,
            &self.departs_on,
            &self.returns_on,
            stops,
            loads,
            breakdowns,
            self.breakdown_reason
                .map_or_else(String::new, word::field::<BreakdownReason>),
            self.cancellation_reason
                .map_or_else(String::new, word::field::<TripCancellationReason>)
        ]
    }

    fn parts(&self) -> Vec<Part> {
        let stops = (1..).zip(&self.stops).map(|(number, stop): (i64, _)| {
            cells![
                number,
                &stop.facility_id,
                &stop.expected_on,
                if stop.reached { "yes" } else { "" }
            ]
        });
        let loads = self.loads.iter().map(|load| {
            cells![
                &load.shipment_id,
                load.from_stop,
                load.to_stop,
                load.weight_g,
                load.volume_ml,
                if load.cold_chain.is_some() { "yes" } else { "" },
                load.cold_chain_override
                    .as_ref()
                    .map_or("", |it| it.authorised_by_ref.as_str())
            ]
        });
        vec![
            Part {
                title: "stops",
                columns: &["stop", "facility_id", "expected_on", "reached"],
                rows: stops.collect(),
            },
            Part {
                title: "carries",
                columns: &[
                    "shipment_id",
                    "from_stop",
                    "to_stop",
                    "weight_g",
                    "volume_ml",
                    "cold",
                    "override_by",
                ],
                rows: loads.collect(),
            },
            documents(&self.documents),
        ]
    }
}
