//! Boards: donations, requests, plans and shipments, listed.

use keruen_proto::{
    inventory::v1::{Donation, DonationState},
    log::v1::OccurredAt,
    requests::v1::{Plan, PlanState, Request, RequestPriority, RequestState},
    shipments::v1::{Shipment, ShipmentState, Trip, TripState},
    stock::v1::{
        ListDonationsRequest, ListPlansRequest, ListRequestsRequest, ListShipmentsRequest,
        ListTripsRequest, RequestRow,
    },
};
use prost::Message;

use crate::{
    clauses::{Clauses, Value},
    database::{Connection, Row},
    failure::StoreError,
    fields::Fields,
    filter::{Column, Filter, Kind, Known, Order, column, words},
    inbox::emergency_regions,
    names::{self, Facilities},
    paging::{self, MAX_PAGE_BYTES},
    refusal::Refusal,
};

const USUAL_ROWS: usize = 100;
const MAX_ROWS: usize = 1_000;

/// Rows and the token of the next page.
pub struct Page<T> {
    /// In the order of the list.
    pub rows: Vec<T>,
    /// Empty where this is the last page.
    pub next_page_token: String,
}

/// Where a page begins, how long it is, and what query it belongs to.
pub struct Paging {
    /// Rows of a page.
    pub page_size: usize,
    /// Of the query.
    pub fingerprint: u64,
    /// Keys of the row that it follows.
    pub resume: Option<Vec<Value>>,
}

impl Paging {
    /// One row more than asked for tells whether there is a next page.
    pub fn limit(&self, clauses: &mut Clauses) -> String {
        clauses.parameter(i64::try_from(self.page_size + 1).unwrap_or(i64::MAX))
    }

    /// Runs a query whose columns from `first_key` on are the `keys` keys of its order.
    pub fn page<T>(
        &self,
        connection: &Connection,
        sql: &str,
        clauses: &Clauses,
        (first_key, keys): (usize, usize),
        mut read: impl FnMut(&Row<'_>) -> Result<(T, usize), Refusal>,
    ) -> Result<Page<T>, Refusal> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(&clauses.values())?;
        let mut page = Page {
            rows: Vec::new(),
            next_page_token: String::new(),
        };
        let mut last: Vec<Value> = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let (read, size) = read(&row)?;
            bytes += size;
            // The first row always fits: a resource is smaller than a page.
            if page.rows.len() == self.page_size
                || (bytes > MAX_PAGE_BYTES && !page.rows.is_empty())
            {
                page.next_page_token = paging::token(self.fingerprint, last);
                break;
            }
            last = (0..keys)
                .map(|key| row.get(first_key + key))
                .collect::<Result<_, StoreError>>()?;
            page.rows.push(read);
        }
        Ok(page)
    }
}

/// A resource in a column, and how long it is.
pub fn sized<M: Message + Default>(row: &Row<'_>, column: usize) -> Result<(M, usize), Refusal> {
    let bytes: Vec<u8> = row.get(column)?;
    Ok((M::decode(bytes.as_slice())?, bytes.len()))
}

/// The newest first.
const NEWEST: [(&str, bool); 1] = [("created_position", false)];

/// What donations can be filtered and ordered by.
pub static DONATIONS: [Column; 6] = [
    column("donation", Kind::Code(Known::Anything), "donation_id"),
    column("donor", Kind::Code(Known::Organisation), "donor_id"),
    column("recipient", Kind::Code(Known::Organisation), "recipient_id"),
    column("state", Kind::State(words!(DonationState)), "state"),
    column("expected_on", Kind::Day, "expected_on"),
    column("position", Kind::Number, "created_position"),
];

/// A question for donations, parsed.
pub struct DonationsQuery {
    donor_id: Option<String>,
    filter: Filter,
    order: Order,
    paging: Paging,
}

impl DonationsQuery {
    /// Parses a request.
    pub fn parse(request: &ListDonationsRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let donor_id = fields.filter("donor_id", &request.donor_id);
        let filter = Filter::parse(&mut fields, &request.filter, &DONATIONS);
        let order = Order::parse(&mut fields, &request.order_by, &DONATIONS, &NEWEST);
        let order = order.unwrap_or_else(|| Order::usual(&NEWEST, true));
        let page_size = fields.page_size(request.page_size, USUAL_ROWS, MAX_ROWS);
        fields.finish()?;
        let bare = ListDonationsRequest {
            page_size: 0,
            page_token: String::new(),
            min_position: 0,
            ..request.clone()
        };
        let fingerprint = paging::fingerprint("donations", &bare);
        let resume = paging::resume(&request.page_token, fingerprint, &order.shape())?;
        Ok(Self {
            donor_id,
            filter,
            order,
            paging: Paging {
                page_size,
                fingerprint,
                resume,
            },
        })
    }

    /// Lists donations, newest first where nothing else is asked for.
    pub fn answer(self, connection: &Connection) -> Result<Page<Donation>, Refusal> {
        names::known_organisation(connection, self.donor_id.as_deref())?;
        let mut clauses = Clauses::default();
        self.filter.refuse_unknown(connection)?;
        clauses.equal("donor_id", self.donor_id.as_deref());
        self.filter.add(&mut clauses, "");
        let order = self
            .order
            .place(&mut clauses, "", self.paging.resume.as_deref());
        let where_clause = clauses.where_clause();
        let limit = self.paging.limit(&mut clauses);
        let sql = format!(
            "SELECT resource, {} FROM donations{where_clause} ORDER BY {} LIMIT {limit}",
            order.columns, order.by
        );
        self.paging
            .page(connection, &sql, &clauses, (1, order.keys), |row| {
                sized(row, 0)
            })
    }
}

/// What shipments can be filtered and ordered by.
pub static SHIPMENTS: [Column; 14] = [
    column("shipment", Kind::Code(Known::Anything), "shipment_id"),
    column("from", Kind::Code(Known::Facility), "origin_id"),
    column("to", Kind::Code(Known::Facility), "destination_id"),
    column("from_region", Kind::Region, "origin_id"),
    column("to_region", Kind::Region, "destination_id"),
    column("state", Kind::State(words!(ShipmentState)), "state"),
    column("custodian", Kind::Code(Known::Organisation), "custodian_id"),
    column("item", Kind::Listed(Known::Item), "item_ids"),
    column(
        "request",
        Kind::Through(
            "SELECT shipment_id FROM request_shipments WHERE request_id =",
            Known::Anything,
        ),
        "shipment_id",
    ),
    column("trip", Kind::Code(Known::Anything), "trip_id"),
    column("expected_on", Kind::Day, "expected_on"),
    column("late", Kind::Flag, LATE),
    column("discrepancy", Kind::Flag, "discrepancy"),
    column("position", Kind::Number, "created_position"),
];

/// What was expected before today and is on its way, by the numbers of its states.
const LATE: &str = "(CASE WHEN expected_on <> '' AND expected_on < {today} AND state IN (3, 4, 8, 9, 10, 11) \
                    THEN 1 ELSE 0 END)";

/// A question for shipments, parsed.
pub struct ShipmentsQuery {
    origin_id: Option<String>,
    destination_id: Option<String>,
    states: Vec<i64>,
    filter: Filter,
    order: Order,
    paging: Paging,
}

impl ShipmentsQuery {
    /// Parses a request.
    pub fn parse(request: &ListShipmentsRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let origin_id = fields.filter("origin_id", &request.origin_id);
        let destination_id = fields.filter("destination_id", &request.destination_id);
        let states = fields.states::<ShipmentState>("states", &request.states);
        let filter = Filter::parse(&mut fields, &request.filter, &SHIPMENTS);
        let order = Order::parse(&mut fields, &request.order_by, &SHIPMENTS, &NEWEST);
        let order = order.unwrap_or_else(|| Order::usual(&NEWEST, true));
        let page_size = fields.page_size(request.page_size, USUAL_ROWS, MAX_ROWS);
        fields.finish()?;
        let bare = ListShipmentsRequest {
            page_size: 0,
            page_token: String::new(),
            min_position: 0,
            ..request.clone()
        };
        let fingerprint = paging::fingerprint("shipments", &bare);
        let resume = paging::resume(&request.page_token, fingerprint, &order.shape())?;
        Ok(Self {
            origin_id,
            destination_id,
            states,
            filter,
            order,
            paging: Paging {
                page_size,
                fingerprint,
                resume,
            },
        })
    }

    /// Lists shipments, newest first where nothing else is asked for, with the regions of `today`, ISO 8601.
    pub fn answer(self, connection: &Connection, today: &str) -> Result<Page<Shipment>, Refusal> {
        names::known_facility(connection, self.origin_id.as_deref())?;
        names::known_facility(connection, self.destination_id.as_deref())?;
        let mut clauses = Clauses::default();
        clauses.equal("origin_id", self.origin_id.as_deref());
        self.filter.refuse_unknown(connection)?;
        clauses.equal("destination_id", self.destination_id.as_deref());
        clauses.one_of("state", &self.states);
        self.filter.add(&mut clauses, today);
        let order = self
            .order
            .place(&mut clauses, today, self.paging.resume.as_deref());
        let where_clause = clauses.where_clause();
        let limit = self.paging.limit(&mut clauses);
        let sql = format!(
            "SELECT resource, {} FROM shipments{where_clause} ORDER BY {} LIMIT {limit}",
            order.columns, order.by
        );
        self.paging
            .page(connection, &sql, &clauses, (1, order.keys), |row| {
                sized(row, 0)
            })
    }
}

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
        let page_size = fields.page_size(request.page_size, USUAL_ROWS, MAX_ROWS);
        fields.finish()?;
        let bare = ListPlansRequest {
            page_size: 0,
            page_token: String::new(),
            min_position: 0,
            ..request.clone()
        };
        let fingerprint = paging::fingerprint("plans", &bare);
        let resume = paging::resume(&request.page_token, fingerprint, &[Value::Integer(0)])?;
        Ok(Self {
            origin_id,
            facility_id,
            states,
            paging: Paging {
                page_size,
                fingerprint,
                resume,
            },
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
        let page_size = fields.page_size(request.page_size, USUAL_ROWS, MAX_ROWS);
        fields.finish()?;
        let bare = ListTripsRequest {
            page_size: 0,
            page_token: String::new(),
            min_position: 0,
            ..request.clone()
        };
        let fingerprint = paging::fingerprint("trips", &bare);
        let resume = paging::resume(&request.page_token, fingerprint, &[Value::Integer(0)])?;
        Ok(Self {
            vehicle_id,
            crew_id,
            states,
            paging: Paging {
                page_size,
                fingerprint,
                resume,
            },
        })
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
        let page_size = fields.page_size(request.page_size, USUAL_ROWS, MAX_ROWS);
        fields.finish()?;
        let bare = ListRequestsRequest {
            page_size: 0,
            page_token: String::new(),
            min_position: 0,
            ..request.clone()
        };
        let fingerprint = paging::fingerprint("requests", &bare);
        let usual = || {
            Order::usual(
                &["emergency", "urgency", "age"].map(|it| (it, false)),
                false,
            )
        };
        let shape = order.as_ref().map_or_else(|| usual().shape(), Order::shape);
        let resume = paging::resume(&request.page_token, fingerprint, &shape)?;
        let paging = Paging {
            page_size,
            fingerprint,
            resume,
        };
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
        if let Some(region_id) = &self.region_id {
            let (region_id, today) = (
                clauses.parameter(region_id.as_str()),
                clauses.parameter(today),
            );
            clauses.condition(format!(
                "facility_id IN (SELECT facility_id FROM facility_regions \
                 WHERE region_id = {region_id} AND valid_from <= {today} AND valid_to > {today})"
            ));
        }
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
            let keys = [rank.as_str(), "urgency_rank", "created_position"];
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
    let today = clauses.parameter(today);
    Ok(format!(
        "(CASE WHEN facility_id IN (SELECT facility_id FROM facility_regions \
         WHERE region_id IN ({}) AND valid_from <= {today} AND valid_to > {today}) \
         THEN CAST(0 AS BIGINT) ELSE CAST(1 AS BIGINT) END)",
        regions.join(", ")
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
