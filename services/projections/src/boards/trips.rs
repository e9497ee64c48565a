//! Trips, listed.

use keruen_domain::{Boundary, Rejection};
use keruen_proto::{
    shipments::v1::{Trip, TripState},
    stock::v1::ListTripsRequest,
};

use crate::{
    clauses::{Clauses, Value},
    database::Connection,
    fields::Fields,
    paging::{Page, Paging, sized},
    refusal::Refusal,
};

/// A question for trips, parsed.
pub struct TripsQuery {
    vehicle_id: Option<String>,
    crew_id: Option<String>,
    states: Vec<i64>,
    paging: Paging,
}

impl TripsQuery {
    /// Parses a request.
    pub fn parse(request: &ListTripsRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let vehicle_id = fields.filter("vehicle_id", &request.vehicle_id);
        let crew_id = fields.filter("crew_id", &request.crew_id);
        let states = fields.states::<TripState>("states", &request.states);
        let paging = Paging::parse(fields, "trips", request, &[Value::Integer(0)])?;
        Ok(Self {
            vehicle_id,
            crew_id,
            states,
            paging,
        })
    }

    /// What it names, and why it is refused where nobody has registered that.
    pub fn named(&self) -> Vec<(Boundary, Rejection)> {
        let vehicle = self.vehicle_id.clone().and_then(|vehicle_id| {
            let boundary = Boundary::vehicle(&vehicle_id)?;
            Some((boundary, Rejection::UnknownVehicle { vehicle_id }))
        });
        let crew = self.crew_id.clone().and_then(|crew_id| {
            let boundary = Boundary::crew(&crew_id)?;
            Some((boundary, Rejection::UnknownCrew { crew_id }))
        });
        vehicle.into_iter().chain(crew).collect()
    }

    /// Lists trips, newest first.
    pub fn answer(self, connection: &Connection) -> Result<Page<Trip>, Refusal> {
        let mut clauses = Clauses::default();
        clauses.equal("vehicle_id", self.vehicle_id.as_deref());
        clauses.equal("crew_id", self.crew_id.as_deref());
        clauses.one_of("state", &self.states);
        clauses.before(&["created_position"], self.paging.resume.clone());
        let where_clause = clauses.where_clause();
        let limit = self.paging.limit(&mut clauses);
        let sql = format!(
            "SELECT resource, created_position FROM trips{where_clause} ORDER BY created_position DESC LIMIT {limit}"
        );
        self.paging
            .page(connection, &sql, &clauses, (1, 1), |row| sized(row, 0))
    }
}
