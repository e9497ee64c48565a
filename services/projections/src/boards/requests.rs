//! Requests, listed.

use keruen_proto::{
    log::v1::OccurredAt,
    requests::v1::{Request, RequestPriority, RequestState},
    stock::v1::{ListRequestsRequest, RequestRow},
};
use prost::Message as _;

use super::NEWEST;
use crate::{
    clauses::Clauses,
    database::{Connection, Row},
    fields::Fields,
    filter::{Column, Filter, Kind, Known, Order, column, words},
    inbox::emergency_regions,
    names::{self, Facilities},
    paging::{Page, Paging, sized},
    refusal::Refusal,
};

/// What requests can be filtered and ordered by.
pub static REQUESTS: [Column; 11] = [
    column("request", Kind::Code(Known::Anything), "request_id"),
    column("facility", Kind::Code(Known::Facility), "facility_id"),
    column("region", Kind::Region, "requests.facility_id"),
    column("state", Kind::State(words!(RequestState)), "state"),
    column("open", Kind::Flag, "is_open"),
    column(
        "priority",
        Kind::Rank(words!(RequestPriority)),
        "urgency_rank",
    ),
    column("needed_by", Kind::Day, "needed_by"),
    column("filed_at", Kind::Time, "filed_at_us"),
    column("commodity", Kind::Listed(Known::Commodity), "commodity_ids"),
    column("item", Kind::Listed(Known::Item), "item_ids"),
    column("position", Kind::Number, "created_position"),
];

/// A question for requests, parsed.
pub struct RequestsQuery {
    region_id: Option<String>,
    facility_id: Option<String>,
    states: Vec<i64>,
    open_only: bool,
    filter: Filter,
    order: Option<Order>,
    paging: Paging,
}

impl RequestsQuery {
    /// Parses a request.
    pub fn parse(request: &ListRequestsRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let region_id = fields.filter("region_id", &request.region_id);
        let facility_id = fields.filter("facility_id", &request.facility_id);
        let states = fields.states::<RequestState>("states", &request.states);
        let filter = Filter::parse(&mut fields, &request.filter, &REQUESTS);
        let order = Order::parse(&mut fields, &request.order_by, &REQUESTS, &NEWEST);
        let usual = || {
            Order::usual(
                &["emergency", "urgency", "filed", "age"].map(|it| (it, false)),
                false,
            )
        };
        let shape = order.as_ref().map_or_else(|| usual().shape(), Order::shape);
        let paging = Paging::parse(fields, "requests", request, &shape)?;
        Ok(Self {
            region_id,
            facility_id,
            states,
            open_only: request.open_only,
            filter,
            order,
            paging,
        })
    }

    /// Lists requests, those of an emergency, the most urgent and then the oldest first where nothing else is asked for, with
    /// the regions of `today`, ISO 8601.
    pub fn answer(self, connection: &Connection, today: &str) -> Result<Page<RequestRow>, Refusal> {
        names::known_region(self.region_id.as_deref())?;
        names::known_facility(connection, self.facility_id.as_deref())?;
        let mut clauses = Clauses::default();
        clauses.in_region("facility_id", self.region_id.as_deref(), today);
        clauses.equal("facility_id", self.facility_id.as_deref());
        clauses.one_of("state", &self.states);
        if self.open_only {
            clauses.condition("is_open = 1");
        }
        self.filter.refuse_unknown(connection)?;
        self.filter.add(&mut clauses, today);
        let order = if let Some(order) = self.order {
            order
        } else {
            let rank = emergency_rank(connection, today, &mut clauses)?;
            let keys = [
                rank.as_str(),
                "urgency_rank",
                "filed_at_us",
                "created_position",
            ];
            Order::usual(&keys.map(|key| (key, false)), false)
        };
        let order = order.place(&mut clauses, today, self.paging.resume.as_deref());
        let where_clause = clauses.where_clause();
        let limit = self.paging.limit(&mut clauses);
        let sql = format!(
            "SELECT resource, filed_at, {} FROM requests{where_clause} ORDER BY {} LIMIT {limit}",
            order.columns, order.by
        );
        let mut facilities = Facilities::new(connection, today);
        self.paging
            .page(connection, &sql, &clauses, (2, order.keys), |row| {
                request_row(&mut facilities, row)
            })
    }
}

/// 0 for requests of facilities where there is an emergency on a day, ISO 8601, and 1 for all others.
fn emergency_rank(
    connection: &Connection,
    today: &str,
    clauses: &mut Clauses,
) -> Result<String, Refusal> {
    let Ok(day) = today.parse() else {
        return Ok("(urgency_rank * 0 + 1)".to_owned());
    };
    let regions = emergency_regions(connection, day)?;
    if regions.is_empty() {
        // A number alone would name a column of the result.
        return Ok("(urgency_rank * 0 + 1)".to_owned());
    }
    let regions: Vec<String> = regions
        .iter()
        .map(|id| clauses.parameter(id.as_str()))
        .collect();
    let region = format!("region_id IN ({})", regions.join(", "));
    let is_emergency = clauses.of_regions("facility_id", Some(&region), today);
    Ok(format!(
        "(CASE WHEN {is_emergency} THEN CAST(0 AS BIGINT) ELSE CAST(1 AS BIGINT) END)"
    ))
}

fn request_row(
    facilities: &mut Facilities<'_>,
    row: &Row<'_>,
) -> Result<(RequestRow, usize), Refusal> {
    let (request, _) = sized::<Request>(row, 0)?;
    let (filed_at, _) = sized::<OccurredAt>(row, 1)?;
    let facility = facilities.get(&request.facility_id)?;
    let row = RequestRow {
        request: Some(request),
        facility_name: facility.name,
        region_id: facility.region_id,
        filed_at: Some(filed_at),
    };
    let size = row.encoded_len();
    Ok((row, size))
}
