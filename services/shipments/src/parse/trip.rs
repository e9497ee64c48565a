//! Trips.

use keruen_domain::{
    id::IdKind,
    limits,
    trip::{
        CancelTrip, CompleteTrip, DepartTrip, LoadShipment, PlanTrip, ReachStop, ReportBreakdown,
        ResumeTrip, Stop, UnloadShipment,
    },
};
use keruen_edge::Fields;
use keruen_proto::shipments::v1::{
    BreakdownReason, CancelTripRequest, ColdChainOverride, ColdChainOverrideReason,
    CompleteTripRequest, DepartTripRequest, LoadShipmentRequest, PlanTripRequest, ReachStopRequest,
    ReportBreakdownRequest, ResumeTripRequest, TripCancellationReason, UnloadShipmentRequest,
};

use super::custody::Rejected;

/// A trip to be planned.
pub fn plan(message: &PlanTripRequest, fields: &mut Fields) -> Option<PlanTrip> {
    let trip_id = fields.new_code("trip_id", &message.trip_id, IdKind::Trip);
    let vehicle_id = fields.code("vehicle_id", &message.vehicle_id);
    let crew_id = fields.code("crew_id", &message.crew_id);
    let departs_on = fields.date("departs_on", &message.departs_on);
    if message.departs_on.is_empty() {
        fields.reject("departs_on", "must name the first day, such as 2099-03-01");
    }
    let returns_on = fields.date("returns_on", &message.returns_on);
    let stops = fields.each(
        "stops",
        &message.stops,
        limits::TRIP_STOPS,
        |fields, path, stop| {
            let facility_id = fields.code(&format!("{path}.facility_id"), &stop.facility_id);
            let expected_on = fields.date(&format!("{path}.expected_on"), &stop.expected_on);
            if stop.reached {
                fields.reject(format!("{path}.reached"), "must be left out of a plan");
                return None;
            }
            Some(Stop {
                facility_id: facility_id?,
                expected_on: expected_on?,
            })
        },
    );
    let documents = fields.documents("documents", &message.documents);
    let departs_on = departs_on??;
    Some(PlanTrip {
        trip_id: trip_id?,
        vehicle_id: vehicle_id?,
        crew_id: crew_id?,
        departs_on,
        returns_on: returns_on?.unwrap_or(departs_on),
        stops: stops?,
        documents: documents?,
    })
}

/// Whoever answers for it that there is no cold box; `None` where nobody does.
fn cold_chain_override(
    fields: &mut Fields,
    given: Option<&ColdChainOverride>,
) -> Result<Option<ColdChainOverride>, Rejected> {
    let Some(given) = given else {
        return Ok(None);
    };
    let who = fields.person(
        "cold_chain_override.authorised_by_ref",
        &given.authorised_by_ref,
    );
    let why = fields.stated::<ColdChainOverrideReason>("cold_chain_override.reason", given.reason);
    match (who, why) {
        (Some(_), Some(_)) => Ok(Some(given.clone())),
        _ => Err(Rejected),
    }
}

/// A shipment to be put on a trip.
pub fn load(message: &LoadShipmentRequest, fields: &mut Fields) -> Option<LoadShipment> {
    let trip_id = fields.code("trip_id", &message.trip_id);
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let answered = cold_chain_override(fields, message.cold_chain_override.as_ref());
    Some(LoadShipment {
        trip_id: trip_id?,
        shipment_id: shipment_id?,
        cold_chain_override: answered.ok()?,
    })
}

/// A shipment to be taken off a trip.
pub fn unload(message: &UnloadShipmentRequest, fields: &mut Fields) -> Option<UnloadShipment> {
    let trip_id = fields.code("trip_id", &message.trip_id);
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    Some(UnloadShipment {
        trip_id: trip_id?,
        shipment_id: shipment_id?,
    })
}

/// A trip that left.
pub fn depart(message: &DepartTripRequest, fields: &mut Fields) -> Option<DepartTrip> {
    let trip_id = fields.code("trip_id", &message.trip_id);
    let documents = fields.documents("documents", &message.documents);
    Some(DepartTrip {
        trip_id: trip_id?,
        documents: documents?,
    })
}

/// A stop that was reached.
pub fn reach(message: &ReachStopRequest, fields: &mut Fields) -> Option<ReachStop> {
    let trip_id = fields.code("trip_id", &message.trip_id);
    if message.stop < 0 {
        let found = message.stop;
        fields.reject(
            "stop",
            format!("must be 1, 2, 3 …, or 0 for the next one; found {found}"),
        );
        return None;
    }
    Some(ReachStop {
        trip_id: trip_id?,
        stop: Some(message.stop).filter(|stop| *stop > 0),
    })
}

/// A trip that can't go on.
pub fn break_down(
    message: &ReportBreakdownRequest,
    fields: &mut Fields,
) -> Option<ReportBreakdown> {
    let trip_id = fields.code("trip_id", &message.trip_id);
    let reason: Option<BreakdownReason> = fields.stated("reason", message.reason);
    let documents = fields.documents("documents", &message.documents);
    Some(ReportBreakdown {
        trip_id: trip_id?,
        reason: reason?,
        documents: documents?,
    })
}

/// A trip that goes on.
pub fn resume(message: &ResumeTripRequest, fields: &mut Fields) -> Option<ResumeTrip> {
    let trip_id = fields.code("trip_id", &message.trip_id);
    let vehicle_id = fields.optional_code("vehicle_id", &message.vehicle_id);
    let crew_id = fields.optional_code("crew_id", &message.crew_id);
    let returns_on = fields.date("returns_on", &message.returns_on);
    let documents = fields.documents("documents", &message.documents);
    Some(ResumeTrip {
        trip_id: trip_id?,
        vehicle_id: vehicle_id?,
        crew_id: crew_id?,
        returns_on: returns_on?,
        documents: documents?,
    })
}

/// A trip that is over.
pub fn complete(message: &CompleteTripRequest, fields: &mut Fields) -> Option<CompleteTrip> {
    let trip_id = fields.code("trip_id", &message.trip_id);
    let documents = fields.documents("documents", &message.documents);
    Some(CompleteTrip {
        trip_id: trip_id?,
        documents: documents?,
    })
}

/// A trip that does not take place.
pub fn cancel(message: &CancelTripRequest, fields: &mut Fields) -> Option<CancelTrip> {
    let trip_id = fields.code("trip_id", &message.trip_id);
    let reason: Option<TripCancellationReason> = fields.stated("reason", message.reason);
    Some(CancelTrip {
        trip_id: trip_id?,
        reason: reason?,
    })
}
