//! Assets, listed: by where they are, whose they are and whether they work, and those that somebody must see to.

use chrono::{Days, NaiveDate};
use keruen_proto::{
    inventory::v1::{Asset, AssetCondition, AssetPlace},
    stock::v1::{AssetRow, ListAssetsRequest},
};
use prost::Message;

use crate::{
    clauses::Clauses,
    database::{Connection, Row},
    fields::Fields,
    filter::{Column, Filter, Kind, Known, Order, column, words},
    names::{self, Facilities},
    paging::{Page, Paging},
    refusal::Refusal,
};

/// A service that is due later than in a hundred years is not planned.
const MAX_DAYS: i32 = 36_525;
/// Where assets are that left the books.
pub const GONE: [AssetPlace; 4] = [
    AssetPlace::Disposed,
    AssetPlace::Lost,
    AssetPlace::Returned,
    AssetPlace::NotReceived,
];

/// What assets can be filtered and ordered by.
pub static ASSETS: [Column; 13] = [
    column("item", Kind::Code(Known::Item), "item_id"),
    column("serial_number", Kind::Text, "serial_number"),
    column(
        "commodity",
        Kind::Through(
            "SELECT item_id FROM items WHERE commodity_id =",
            Known::Commodity,
        ),
        "item_id",
    ),
    column("facility", Kind::Code(Known::Facility), "facility_id"),
    column("region", Kind::Region, "assets.facility_id"),
    column("owner", Kind::Code(Known::Owner), "owner_id"),
    column("batch", Kind::Code(Known::Batch), "batch_id"),
    column(
        "donation",
        Kind::Through(
            "SELECT batch_id FROM batches WHERE donation_id =",
            Known::Donation,
        ),
        "batch_id",
    ),
    column("place", Kind::State(words!(AssetPlace)), "place"),
    column(
        "condition",
        Kind::State(words!(AssetCondition)),
        "condition",
    ),
    column("service_due_on", Kind::Day, "service_due_on"),
    column("loan_due_on", Kind::Day, "loan_due_on"),
    column("position", Kind::Number, "created_position"),
];
/// What tells assets apart.
const KEYS: [(&str, bool); 2] = [("item_id", true), ("serial_number", true)];

/// A question for assets, parsed.
pub struct AssetsQuery {
    region_id: Option<String>,
    facility_id: Option<String>,
    item_id: Option<String>,
    owner_id: Option<String>,
    conditions: Vec<i64>,
    service_due_within_days: Option<u64>,
    overdue: bool,
    under_repair: bool,
    show_gone: bool,
    filter: Filter,
    order: Order,
    paging: Paging,
}

impl AssetsQuery {
    /// Parses a request.
    pub fn parse(request: &ListAssetsRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let region_id = fields.filter("region_id", &request.region_id);
        let facility_id = fields.filter("facility_id", &request.facility_id);
        let item_id = fields.filter("item_id", &request.item_id);
        let owner_id = fields.filter("owner_id", &request.owner_id);
        let conditions = fields.states::<AssetCondition>("conditions", &request.conditions);
        let days = request.service_due_within_days;
        if let Some(found) = days.filter(|days| !(0..=MAX_DAYS).contains(days)) {
            fields.reject(
                "service_due_within_days",
                format!("must be 0 to {MAX_DAYS}; found {found}"),
            );
        }
        let filter = Filter::parse(&mut fields, &request.filter, &ASSETS);
        let order = Order::parse(&mut fields, &request.order_by, &ASSETS, &KEYS);
        let order = order.unwrap_or_else(|| Order::usual(&KEYS, false));
        let paging = Paging::parse(fields, "assets", request, &order.shape())?;
        Ok(Self {
            region_id,
            facility_id,
            item_id,
            owner_id,
            conditions,
            service_due_within_days: days.and_then(|days| u64::try_from(days).ok()),
            overdue: request.overdue,
            under_repair: request.under_repair,
            show_gone: request.show_gone,
            filter,
            order,
            paging,
        })
    }

    /// Lists assets, in order of item and serial number where nothing else is asked for, with the regions of `today`.
    pub fn answer(
        self,
        connection: &Connection,
        today: NaiveDate,
    ) -> Result<Page<AssetRow>, Refusal> {
        names::known_region(self.region_id.as_deref())?;
        names::known_facility(connection, self.facility_id.as_deref())?;
        names::known_item(connection, self.item_id.as_deref())?;
        names::known_owner(connection, self.owner_id.as_deref())?;
        let mut clauses = Clauses::default();
        let day = today.to_string();
        clauses.in_region("facility_id", self.region_id.as_deref(), &day);
        clauses.equal("facility_id", self.facility_id.as_deref());
        clauses.equal("item_id", self.item_id.as_deref());
        clauses.equal("owner_id", self.owner_id.as_deref());
        clauses.one_of("condition", &self.conditions);
        // Who asks for a place means it.
        if !self.show_gone && !self.filter.names("place") {
            let gone = GONE.map(|place| i32::from(place).to_string());
            clauses.condition(format!("place NOT IN ({})", gone.join(", ")));
        }
        self.needs_attention(&mut clauses, today);
        self.filter.refuse_unknown(connection)?;
        self.filter.add(&mut clauses, &day);
        let order = self
            .order
            .place(&mut clauses, &day, self.paging.resume.as_deref());
        let where_clause = clauses.where_clause();
        let limit = self.paging.limit(&mut clauses);
        let sql = format!(
            "SELECT resource, {} FROM assets{where_clause} ORDER BY {} LIMIT {limit}",
            order.columns, order.by
        );
        let mut facilities = Facilities::new(connection, &day);
        self.paging
            .page(connection, &sql, &clauses, (1, order.keys), |row| {
                asset_row(connection, &mut facilities, row)
            })
    }

    /// Any of what was asked for that somebody must see to.
    fn needs_attention(&self, clauses: &mut Clauses, today: NaiveDate) {
        let mut any = Vec::new();
        if let Some(days) = self.service_due_within_days {
            let last = today.checked_add_days(Days::new(days)).unwrap_or(today);
            let last = clauses.parameter(&*last.to_string());
            let retired = i32::from(AssetCondition::Retired);
            any.push(format!(
                "(service_due_on <> '' AND service_due_on <= {last} AND condition <> {retired})"
            ));
        }
        if self.overdue {
            let today = clauses.parameter(&*today.to_string());
            any.push(format!("(loan_due_on <> '' AND loan_due_on < {today})"));
        }
        if self.under_repair {
            let under_repair = i32::from(AssetCondition::UnderRepair);
            any.push(format!("condition = {under_repair}"));
        }
        if !any.is_empty() {
            clauses.condition(format!("({})", any.join(" OR ")));
        }
    }
}

fn asset_row(
    connection: &Connection,
    facilities: &mut Facilities<'_>,
    row: &Row<'_>,
) -> Result<(AssetRow, usize), Refusal> {
    let bytes: Vec<u8> = row.get(0)?;
    let asset = Asset::decode(bytes.as_slice())?;
    let facility = facilities.get(&asset.facility_id)?;
    let row = AssetRow {
        item_name: names::item(connection, &asset.item_id)?,
        facility_name: facility.name,
        region_id: facility.region_id,
        asset: Some(asset),
    };
    let size = row.encoded_len();
    Ok((row, size))
}
