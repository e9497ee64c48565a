//! Stock that expires soon, or has expired.

use chrono::{Days, NaiveDate};
use keruen_proto::{
    inventory::v1::Batch,
    reports::v1::{ExpiringStockRow, ListExpiringStockRequest},
};
use prost::Message;

use super::{MAX_DAYS, within, worth};
use crate::{
    clauses::Clauses,
    database::{Connection, Row},
    fields::Fields,
    filter::{Column, Filter, Kind, Known, Order, column},
    names::{self, Facilities},
    paging::{Page, Paging, sized},
    refusal::Refusal,
};

const USUAL_DAYS: i32 = 30;
/// What stands for each row.
const GROUPS: &str = "b.expires_on, s.facility_id, s.item_id, s.batch_id, s.owner_id";
/// What tells rows apart, in their usual order.
const KEYS: [(&str, bool); 5] = [
    ("b.expires_on", true),
    ("s.facility_id", true),
    ("s.item_id", true),
    ("s.batch_id", true),
    ("s.owner_id", true),
];

/// What stock that expires can be filtered and ordered by.
pub static EXPIRING: [Column; 12] = [
    column("expires_on", Kind::Day, "b.expires_on"),
    column("region", Kind::Region, "s.facility_id"),
    column("facility", Kind::Code(Known::Facility), "s.facility_id"),
    column(
        "commodity",
        Kind::Through(
            "SELECT item_id FROM items WHERE commodity_id =",
            Known::Commodity,
        ),
        "s.item_id",
    ),
    column("item", Kind::Code(Known::Item), "s.item_id"),
    column("batch", Kind::Code(Known::Batch), "s.batch_id"),
    column("owner", Kind::Code(Known::Owner), "s.owner_id"),
    column("on_hand", Kind::Sum, "CAST(SUM(s.on_hand) AS BIGINT)"),
    column("reserved", Kind::Sum, "CAST(SUM(s.reserved) AS BIGINT)"),
    column("held", Kind::Sum, "CAST(SUM(s.held) AS BIGINT)"),
    column(
        "available",
        Kind::Sum,
        "CAST(SUM(s.on_hand - s.reserved - s.held) AS BIGINT)",
    ),
    column("in_transit", Kind::Sum, "CAST(SUM(s.in_transit) AS BIGINT)"),
];

/// A question for stock that expires, parsed.
pub struct ExpiryQuery {
    within_days: i64,
    region_id: Option<String>,
    facility_id: Option<String>,
    commodity_id: Option<String>,
    item_id: Option<String>,
    owner_id: Option<String>,
    hide_expired: bool,
    filter: Filter,
    /// What the filter says of sums.
    filter_of_sums: Filter,
    /// `None` where nothing else is asked for.
    order: Option<Order>,
    paging: Paging,
}

impl ExpiryQuery {
    /// Parses a request.
    pub fn parse(request: &ListExpiringStockRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let days = request.within_days;
        let within_days = within(&mut fields, "within_days", days, USUAL_DAYS, MAX_DAYS);
        let mut filter = Filter::parse(&mut fields, &request.filter, &EXPIRING);
        let filter_of_sums = filter.split_sums(&mut fields);
        let order = Order::parse(&mut fields, &request.order_by, &EXPIRING, &KEYS);
        let shape = order.as_ref().map_or_else(|| usual().shape(), Order::shape);
        Ok(Self {
            within_days,
            region_id: fields.filter("region_id", &request.region_id),
            facility_id: fields.filter("facility_id", &request.facility_id),
            commodity_id: fields.filter("commodity_id", &request.commodity_id),
            item_id: fields.filter("item_id", &request.item_id),
            owner_id: fields.filter("owner_id", &request.owner_id),
            hide_expired: request.hide_expired,
            filter,
            filter_of_sums,
            order,
            paging: Paging::parse(fields, "expiring", request, &shape)?,
        })
    }

    /// Lists it, with the regions of `today`.
    pub fn answer(
        self,
        connection: &Connection,
        today: NaiveDate,
    ) -> Result<Page<ExpiringStockRow>, Refusal> {
        names::known_region(self.region_id.as_deref())?;
        names::known_facility(connection, self.facility_id.as_deref())?;
        names::known_commodity(connection, self.commodity_id.as_deref())?;
        names::known_item(connection, self.item_id.as_deref())?;
        names::known_owner(connection, self.owner_id.as_deref())?;
        self.filter.refuse_unknown(connection)?;
        let days = Days::new(self.within_days.unsigned_abs());
        let horizon = today.checked_add_days(days).unwrap_or(NaiveDate::MAX);
        let day = today.to_string();
        let mut clauses = Clauses::default();
        let horizon = clauses.parameter(horizon.to_string().as_str());
        clauses.condition(format!(
            "b.expires_on <> '' AND b.expires_on <= {horizon} AND (s.on_hand <> 0 OR s.in_transit <> 0)"
        ));
        if self.hide_expired {
            let today = clauses.parameter(day.as_str());
            clauses.condition(format!("b.expires_on >= {today}"));
        }
        clauses.in_region("s.facility_id", self.region_id.as_deref(), &day);
        clauses.equal("s.facility_id", self.facility_id.as_deref());
        if let Some(commodity_id) = &self.commodity_id {
            let commodity_id = clauses.parameter(commodity_id.as_str());
            clauses.condition(format!(
                "s.item_id IN (SELECT item_id FROM items WHERE commodity_id = {commodity_id})"
            ));
        }
        clauses.equal("s.item_id", self.item_id.as_deref());
        clauses.equal("s.owner_id", self.owner_id.as_deref());
        self.filter.add(&mut clauses, &day);
        let mut having = vec!["(SUM(s.on_hand) > 0 OR SUM(s.in_transit) > 0)".to_owned()];
        having.extend(self.filter_of_sums.sql(&mut clauses, &day));
        let order = self.order.as_ref();
        if let Some(keys) = &self.paging.resume {
            match order {
                // Rows that were on earlier pages are not even added up.
                None => {
                    let after = usual().after(&mut clauses, &day, keys);
                    clauses.condition(after);
                }
                Some(order) => having.push(order.after(&mut clauses, &day, keys)),
            }
        }
        let usual = usual();
        let order = order.unwrap_or(&usual);
        let where_clause = clauses.where_clause();
        let columns = order.columns(&mut clauses, &day);
        let by = order.by(&mut clauses, &day);
        let limit = self.paging.limit(&mut clauses);
        let sql = format!(
            "SELECT b.resource, CAST(SUM(s.on_hand) AS BIGINT), CAST(SUM(s.reserved) AS BIGINT), \
             CAST(SUM(s.held) AS BIGINT), {GROUPS}, CAST(SUM(s.in_transit) AS BIGINT), {columns} \
             FROM batches b JOIN stock s ON s.batch_id = b.batch_id{where_clause} \
             GROUP BY {GROUPS}, b.batch_id HAVING {} ORDER BY {by} LIMIT {limit}",
            having.join(" AND ")
        );
        let keys = (5 + KEYS.len(), order.shape().len());
        let mut facilities = Facilities::new(connection, &day);
        self.paging.page(connection, &sql, &clauses, keys, |row| {
            expiring(connection, &mut facilities, today, row)
        })
    }
}

/// The order that the list has by itself.
fn usual() -> Order {
    Order::usual(&KEYS, false)
}

fn expiring(
    connection: &Connection,
    facilities: &mut Facilities<'_>,
    today: NaiveDate,
    row: &Row<'_>,
) -> Result<(ExpiringStockRow, usize), Refusal> {
    let (batch, _) = sized::<Batch>(row, 0)?;
    let (on_hand, reserved, held): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
    let expires_on: String = row.get(4)?;
    let facility_id: String = row.get(5)?;
    let item_id: String = row.get(6)?;
    let facility = facilities.get(&facility_id)?;
    let last_day = expires_on.parse().unwrap_or(today);
    let row = ExpiringStockRow {
        days_left: (last_day - today).num_days(),
        expires_on,
        facility_id,
        facility_name: facility.name,
        region_id: facility.region_id,
        item_name: names::item(connection, &item_id)?,
        item_id,
        batch_id: row.get(7)?,
        lot: batch.lot,
        owner_id: row.get(8)?,
        on_hand,
        reserved,
        held,
        available: on_hand - reserved - held,
        value: worth(on_hand, batch.unit_value.as_ref()),
        in_transit: row.get(9)?,
    };
    let size = row.encoded_len();
    Ok((row, size))
}
