//! Shipments, listed.

use keruen_proto::{
    shipments::v1::{Shipment, ShipmentState},
    stock::v1::ListShipmentsRequest,
};

use super::NEWEST;
use crate::{
    clauses::Clauses,
    database::Connection,
    fields::Fields,
    filter::{Column, Filter, Kind, Known, Order, column, words},
    names,
    paging::{Page, Paging, sized},
    refusal::Refusal,
};

/// What shipments can be filtered and ordered by.
pub static SHIPMENTS: [Column; 14] = [
    column("shipment", Kind::Code(Known::Anything), "shipment_id"),
    column("origin", Kind::Code(Known::Facility), "origin_id"),
    column("destination", Kind::Code(Known::Facility), "destination_id"),
    column("origin_region", Kind::Region, "origin_id"),
    column("destination_region", Kind::Region, "destination_id"),
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
    column("trip", Kind::Code(Known::Trip), "trip_id"),
    column("expected_on", Kind::Day, "expected_on"),
    column("late", Kind::Flag, LATE),
    column("discrepancy", Kind::Flag, "discrepancy"),
    column("position", Kind::Number, "created_position"),
];

/// What was expected before today and is on its way, by the numbers of its states. What has arrived and was not received
/// yet is late no more.
const LATE: &str = "(CASE WHEN expected_on <> '' AND expected_on < {today} AND state IN (3, 4, 8, 9, 10) \
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
        let paging = Paging::parse(fields, "shipments", request, &order.shape())?;
        Ok(Self {
            origin_id,
            destination_id,
            states,
            filter,
            order,
            paging,
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
