//! What was asked for and has not come, so that nobody is left behind.

use chrono::{Days, NaiveDate};
use keruen_domain::request::is_need;
use keruen_proto::{
    log::v1::OccurredAt,
    registry::v1::{Facility, FacilityKind},
    reports::v1::{ListUnmetNeedsRequest, UnmetNeedOrder, UnmetNeedRow, UnmetNeedTotal},
    requests::v1::{NeedKind, Request, RequestLine, RequestState},
};

use super::{
    MAX_DAYS, cut_by, is_in_use, order_of,
    unmet::{Sum, Sums, coming, totals},
    within,
};
use crate::{
    clauses::{Clauses, Value},
    database::Connection,
    fields::Fields,
    filter::{Column, Filter, Kind, Known, Order, column, words},
    names::{self, Facilities},
    paging::{Paging, sized},
    refusal::Refusal,
};

const USUAL_CONFIRMED_DAYS: i32 = 60;

/// What unmet needs can be filtered and ordered by: columns of rows in memory.
pub static NEEDS: [Column; 18] = [
    column("region", Kind::Region, ""),
    column("commodity", Kind::Code(Known::Commodity), ""),
    column("item", Kind::Code(Known::Item), ""),
    column("need", Kind::State(words!(NeedKind)), ""),
    column("unknown_facility", Kind::Code(Known::Facility), ""),
    column("patients", Kind::Number, ""),
    column("facilities", Kind::Number, ""),
    column("requests", Kind::Number, ""),
    column("asked", Kind::Number, ""),
    column("approved", Kind::Number, ""),
    column("not_approved", Kind::Number, ""),
    column("undecided", Kind::Number, ""),
    column("claimed", Kind::Number, ""),
    column("on_the_way", Kind::Number, ""),
    column("received", Kind::Number, ""),
    column("missing", Kind::Number, ""),
    column("days_waiting", Kind::Number, ""),
    column("unconfirmed", Kind::Number, ""),
];
/// What tells rows apart.
const KEYS: [(&str, bool); 5] = [
    ("region", true),
    ("commodity", true),
    ("item", true),
    ("need", false),
    ("unknown_facility", true),
];

/// A question for unmet needs, parsed.
pub struct NeedsQuery {
    region_id: Option<String>,
    facility_id: Option<String>,
    commodity_id: Option<String>,
    item_id: Option<String>,
    confirmed_within_days: i64,
    hide_silent: bool,
    filter: Filter,
    order: Order,
    paging: Paging,
}

/// Rows, and what all of them add up to.
pub struct NeedsPage {
    /// In order.
    pub rows: Vec<UnmetNeedRow>,
    /// Empty where this is the last page.
    pub next_page_token: String,
    /// Of the rows of all pages.
    pub totals: Vec<UnmetNeedTotal>,
}

impl NeedsQuery {
    /// Parses a request.
    pub fn parse(request: &ListUnmetNeedsRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let usual = match UnmetNeedOrder::try_from(request.order) {
            Ok(UnmetNeedOrder::Unspecified) => "",
            Ok(UnmetNeedOrder::Missing) => "missing desc",
            Ok(UnmetNeedOrder::Waiting) => "days_waiting desc",
            Err(_) => {
                let rule = format!("must be a known value; found {}", request.order);
                fields.reject("order", rule);
                ""
            }
        };
        let filter = Filter::parse(&mut fields, &request.filter, &NEEDS);
        let order = order_of(&mut fields, usual, &request.order_by, &NEEDS, &KEYS);
        let shape = order.shape();
        Ok(Self {
            region_id: fields.filter("region_id", &request.region_id),
            facility_id: fields.filter("facility_id", &request.facility_id),
            commodity_id: fields.filter("commodity_id", &request.commodity_id),
            item_id: fields.filter("item_id", &request.item_id),
            confirmed_within_days: within(
                &mut fields,
                "confirmed_within_days",
                request.confirmed_within_days,
                USUAL_CONFIRMED_DAYS,
                MAX_DAYS,
            ),
            hide_silent: request.hide_silent,
            filter,
            order,
            paging: Paging::parse(fields, "needs", request, &shape)?,
        })
    }

    /// Adds them up, with the regions of `today`.
    pub fn answer(self, connection: &Connection, today: NaiveDate) -> Result<NeedsPage, Refusal> {
        names::known_region(self.region_id.as_deref())?;
        names::known_facility(connection, self.facility_id.as_deref())?;
        names::known_commodity(connection, self.commodity_id.as_deref())?;
        names::known_item(connection, self.item_id.as_deref())?;
        self.filter.refuse_unknown(connection)?;
        let mut facilities = Facilities::new(connection, &today.to_string());
        let mut sums = self.sums(connection, &mut facilities, today)?;
        sums.retain(|sum| self.lets_through(&sum.row));
        let mut silent = self.silent(connection, &mut facilities, today)?;
        silent.retain(|row| self.lets_through(row));
        let totals = totals(&sums, silent.len());
        if self.hide_silent {
            silent.clear();
        }
        let rows = sums.into_iter().map(|sum| sum.row).chain(silent);
        let rows = rows.map(|row| {
            let keys = self.order.keys(|name| value(&row, name));
            (keys, row)
        });
        let page = cut_by(&self.paging, rows.collect(), |one, other| {
            self.order.compare(one, other)
        });
        Ok(NeedsPage {
            rows: page.rows,
            next_page_token: page.next_page_token,
            totals,
        })
    }

    /// What requests ask for and has not come, a row each.
    fn sums(
        &self,
        connection: &Connection,
        facilities: &mut Facilities<'_>,
        today: NaiveDate,
    ) -> Result<Vec<Sum>, Refusal> {
        let coming = coming(connection)?;
        let mut sums = Sums::default();
        for (request, filed_on) in self.requests(connection, &today.to_string())? {
            let region_id = facilities.get(&request.facility_id)?.region_id;
            let is_confirmed = self.is_confirmed(&request, filed_on, today);
            let days = (today - filed_on).num_days().max(0);
            let days = is_confirmed.then_some(days);
            for line in request.lines.iter().filter(|line| self.is_about(line)) {
                let key = (request.request_id.clone(), line.line);
                let coming = coming.get(&key).copied().unwrap_or_default();
                sums.add(&region_id, &request, line, coming, days);
            }
        }
        Ok(sums.unmet().collect())
    }

    /// Of a facility that never said anything nobody knows what it needs.
    fn lets_through(&self, row: &UnmetNeedRow) -> bool {
        let is_silent = !row.silent_facility_id.is_empty();
        let is_known = |name: &str| !is_silent || matches!(name, "region" | "unknown_facility");
        self.filter
            .lets_through(&|name| is_known(name).then(|| value(row, name)))
    }

    /// Requests of which something may be missing or was not approved, and when each was filed.
    fn requests(
        &self,
        connection: &Connection,
        today: &str,
    ) -> Result<Vec<(Request, NaiveDate)>, Refusal> {
        let mut clauses = Clauses::default();
        clauses.condition(format!(
            "(is_open = 1 OR is_approved_less = 1 OR state IN ({}, {}))",
            i32::from(RequestState::Rejected),
            i32::from(RequestState::ClosedShort)
        ));
        clauses.in_region("facility_id", self.region_id.as_deref(), today);
        clauses.equal("facility_id", self.facility_id.as_deref());
        let sql = format!(
            "SELECT resource, filed_at FROM requests{}",
            clauses.where_clause()
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut found = statement.query(&clauses.values())?;
        let mut requests = Vec::new();
        while let Some(row) = found.next()? {
            let (request, _) = sized::<Request>(&row, 0)?;
            let (filed_at, _) = sized::<OccurredAt>(&row, 1)?;
            if is_need(&request) {
                requests.push((request, local_date(&filed_at)));
            }
        }
        Ok(requests)
    }

    fn is_about(&self, line: &RequestLine) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        is(&self.commodity_id, &line.commodity_id) && is(&self.item_id, &line.item_id)
    }

    /// Whether somebody has said lately that it is needed, or said that it will be.
    fn is_confirmed(&self, request: &Request, filed_on: NaiveDate, today: NaiveDate) -> bool {
        let last_said = request
            .reconfirmed_on
            .parse()
            .unwrap_or(filed_on)
            .max(filed_on);
        let days = Days::new(self.confirmed_within_days.unsigned_abs());
        let until = last_said.checked_add_days(days).unwrap_or(NaiveDate::MAX);
        let needed_by = request.needed_by.parse().unwrap_or(NaiveDate::MIN);
        today <= until.max(needed_by)
    }

    /// Facilities that treat or test people and have never said anything.
    fn silent(
        &self,
        connection: &Connection,
        names: &mut Facilities<'_>,
        today: NaiveDate,
    ) -> Result<Vec<UnmetNeedRow>, Refusal> {
        let mut clauses = Clauses::default();
        clauses.in_region(
            "f.facility_id",
            self.region_id.as_deref(),
            &today.to_string(),
        );
        clauses.equal("f.facility_id", self.facility_id.as_deref());
        clauses.condition(
            "NOT EXISTS (SELECT 1 FROM requests r WHERE r.facility_id = f.facility_id) \
             AND NOT EXISTS (SELECT 1 FROM stock_counts c WHERE c.facility_id = f.facility_id) \
             AND NOT EXISTS (SELECT 1 FROM stock_totals t WHERE t.facility_id = f.facility_id AND t.consumed > 0)",
        );
        let sql = format!(
            "SELECT f.resource FROM facilities f{} ORDER BY f.facility_id",
            clauses.where_clause()
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut found = statement.query(&clauses.values())?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            let (facility, _) = sized::<Facility>(&row, 0)?;
            if !asks(&facility, today) {
                continue;
            }
            let known = names.get(&facility.facility_id)?;
            rows.push(UnmetNeedRow {
                region_id: known.region_id,
                silent_facility_id: facility.facility_id,
                silent_facility_name: known.name,
                ..UnmetNeedRow::default()
            });
        }
        Ok(rows)
    }
}

/// What a column of a row holds.
fn value(row: &UnmetNeedRow, name: &str) -> Value {
    Value::from(match name {
        "region" => return Value::from(row.region_id.as_str()),
        "commodity" => return Value::from(row.commodity_id.as_str()),
        "item" => return Value::from(row.item_id.as_str()),
        "unknown_facility" => return Value::from(row.silent_facility_id.as_str()),
        "need" => i64::from(row.need_kind),
        "patients" => row.patients,
        "facilities" => row.facilities,
        "requests" => row.requests,
        "asked" => row.asked,
        "approved" => row.approved,
        "not_approved" => row.not_approved,
        "undecided" => row.undecided,
        "claimed" => row.claimed,
        "on_the_way" => row.on_the_way,
        "received" => row.received,
        "missing" => row.missing,
        "days_waiting" => row.days_waiting,
        "unconfirmed" => row.unconfirmed,
        // A test looks at all columns.
        _ => 0,
    })
}

/// Whether a facility is one that people wait at, and in use.
fn asks(facility: &Facility, today: NaiveDate) -> bool {
    is_in_use(facility, today)
        && matches!(
            facility.kind(),
            FacilityKind::Hospital | FacilityKind::Laboratory | FacilityKind::MobileUnit
        )
}

/// The day of a time where it happened.
fn local_date(at: &OccurredAt) -> NaiveDate {
    let local_us = at
        .time_us
        .saturating_add(i64::from(at.utc_offset_minutes) * 60_000_000);
    chrono::DateTime::from_timestamp_micros(local_us)
        .map_or(NaiveDate::MIN, |time| time.date_naive())
}
