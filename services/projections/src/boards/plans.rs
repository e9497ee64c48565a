//! Distribution plans, listed.

use keruen_proto::{
    requests::v1::{Plan, PlanState},
    stock::v1::ListPlansRequest,
};

use crate::{
    clauses::{Clauses, Value},
    database::Connection,
    fields::Fields,
    names,
    paging::{Page, Paging, sized},
    refusal::Refusal,
};

/// A question for distribution plans, parsed.
pub struct PlansQuery {
    origin_id: Option<String>,
    facility_id: Option<String>,
    states: Vec<i64>,
    paging: Paging,
}

impl PlansQuery {
    /// Parses a request.
    pub fn parse(request: &ListPlansRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let origin_id = fields.filter("origin_id", &request.origin_id);
        let facility_id = fields.filter("facility_id", &request.facility_id);
        let states = fields.states::<PlanState>("states", &request.states);
        let paging = Paging::parse(fields, "plans", request, &[Value::Integer(0)])?;
        Ok(Self {
            origin_id,
            facility_id,
            states,
            paging,
        })
    }

    /// Lists plans, newest first.
    pub fn answer(self, connection: &Connection) -> Result<Page<Plan>, Refusal> {
        names::known_facility(connection, self.origin_id.as_deref())?;
        names::known_facility(connection, self.facility_id.as_deref())?;
        let mut clauses = Clauses::default();
        clauses.equal("origin_id", self.origin_id.as_deref());
        if let Some(facility_id) = &self.facility_id {
            let facility_id = clauses.parameter(facility_id.as_str());
            clauses.condition(format!(
                "plan_id IN (SELECT plan_id FROM plan_facilities WHERE facility_id = {facility_id})"
            ));
        }
        clauses.one_of("state", &self.states);
        clauses.before(&["created_position"], self.paging.resume.clone());
        let where_clause = clauses.where_clause();
        let limit = self.paging.limit(&mut clauses);
        let sql = format!(
            "SELECT resource, created_position FROM plans{where_clause} ORDER BY created_position DESC LIMIT {limit}"
        );
        self.paging
            .page(connection, &sql, &clauses, (1, 1), |row| sized(row, 0))
    }
}
