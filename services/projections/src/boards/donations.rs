//! Donations, listed.

use keruen_proto::{
    inventory::v1::{Donation, DonationState},
    stock::v1::ListDonationsRequest,
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
        let paging = Paging::parse(fields, "donations", request, &order.shape())?;
        Ok(Self {
            donor_id,
            filter,
            order,
            paging,
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
