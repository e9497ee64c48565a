//! What was asked for and has not come, so that nobody is left behind.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use keruen_domain::request::is_open;
use keruen_proto::{
    log::v1::OccurredAt,
    registry::v1::{Facility, FacilityKind},
    reports::v1::{ListUnmetNeedsRequest, UnmetNeedOrder, UnmetNeedRow},
    requests::v1::{RejectionReason, Request, RequestLine, RequestState, ShortClosingReason},
    shipments::v1::Shipment,
};

use super::{MAX_DAYS, cut, in_region, is_in_use, paging_of, within};
use crate::{
    boards::{Page, Paging, sized},
    clauses::{Clauses, Value},
    database::Connection,
    failure::StoreError,
    fields::Fields,
    names::{self, Facilities},
    refusal::Refusal,
};

const USUAL_CONFIRMED_DAYS: i32 = 60;

/// A question for unmet needs, parsed.
pub struct NeedsQuery {
    region_id: Option<String>,
    facility_id: Option<String>,
    commodity_id: Option<String>,
    item_id: Option<String>,
    confirmed_within_days: i64,
    order: UnmetNeedOrder,
    hide_silent: bool,
    paging: Paging,
}

/// Region, commodity, item and kind of need: each has a row.
type NeedKey = (String, String, String, i32);

/// Requests and their lines.
type LineKey = (String, i32);

/// A row in the making.
#[derive(Default)]
struct Sum {
    row: UnmetNeedRow,
    facilities: BTreeSet<String>,
    requests: BTreeSet<String>,
}

impl NeedsQuery {
    /// Parses a request.
    pub fn parse(request: &ListUnmetNeedsRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let order = UnmetNeedOrder::try_from(request.order).unwrap_or_else(|_| {
            let rule = format!("must be a known value; found {}", request.order);
            fields.reject("order", rule);
            UnmetNeedOrder::Unspecified
        });
        let bare = ListUnmetNeedsRequest {
            page_size: 0,
            page_token: String::new(),
            min_position: 0,
            ..request.clone()
        };
        let shape = [
            Value::from(0),
            Value::from(""),
            Value::from(""),
            Value::from(""),
            Value::from(0),
            Value::from(""),
        ];
        let asked = (request.page_size, &*request.page_token);
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
            order,
            hide_silent: request.hide_silent,
            paging: paging_of(fields, "needs", asked, &bare, &shape)?,
        })
    }

    /// Adds them up, with the regions of `today`.
    pub fn answer(
        self,
        connection: &Connection,
        today: NaiveDate,
    ) -> Result<Page<UnmetNeedRow>, Refusal> {
        names::known_region(self.region_id.as_deref())?;
        names::known_facility(connection, self.facility_id.as_deref())?;
        names::known_commodity(connection, self.commodity_id.as_deref())?;
        names::known_item(connection, self.item_id.as_deref())?;
        let day = today.to_string();
        let coming = coming(connection)?;
        let mut facilities = Facilities::new(connection, &day);
        let mut sums: BTreeMap<NeedKey, Sum> = BTreeMap::new();
        for (request, filed_on) in self.requests(connection, &day)? {
            let region_id = facilities.get(&request.facility_id)?.region_id;
            let is_confirmed = self.is_confirmed(&request, filed_on, today);
            for line in request.lines.iter().filter(|line| self.is_about(line)) {
                let key = (request.request_id.clone(), line.line);
                let need = needed(
                    &request,
                    line,
                    coming.get(&key).copied().unwrap_or_default(),
                );
                let days = (today - filed_on).num_days().max(0);
                add(
                    &mut sums,
                    &region_id,
                    &request,
                    line,
                    &need,
                    is_confirmed.then_some(days),
                );
            }
        }
        let mut rows: Vec<_> = sums.into_values().map(Sum::finish).collect();
        rows.retain(|row| row.missing > 0 || row.unconfirmed > 0 || row.patients > 0);
        if !self.hide_silent && self.commodity_id.is_none() && self.item_id.is_none() {
            rows.extend(self.silent(connection, &mut facilities, today)?);
        }
        let rows = rows.into_iter().map(|row| (self.key(&row), row)).collect();
        Ok(cut(&self.paging, rows))
    }

    /// Requests of which something may be missing, and when each was filed.
    fn requests(
        &self,
        connection: &Connection,
        today: &str,
    ) -> Result<Vec<(Request, NaiveDate)>, Refusal> {
        let mut clauses = Clauses::default();
        clauses.condition(format!(
            "(is_open = 1 OR state IN ({}, {}))",
            i32::from(RequestState::Rejected),
            i32::from(RequestState::ClosedShort)
        ));
        in_region(&mut clauses, "facility_id", self.region_id.as_ref(), today);
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
        in_region(
            &mut clauses,
            "f.facility_id",
            self.region_id.as_ref(),
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

    /// Where a row stands; each has a key of its own.
    fn key(&self, row: &UnmetNeedRow) -> Vec<Value> {
        let first = match self.order {
            UnmetNeedOrder::Unspecified => 0,
            UnmetNeedOrder::Missing => -row.missing,
            UnmetNeedOrder::Waiting => -row.days_waiting,
        };
        vec![
            Value::from(first),
            Value::from(row.region_id.as_str()),
            Value::from(row.commodity_id.as_str()),
            Value::from(row.item_id.as_str()),
            Value::from(i64::from(row.need_kind)),
            Value::from(row.silent_facility_id.as_str()),
        ]
    }
}

/// Whether a request tells a need that stands.
fn is_need(request: &Request) -> bool {
    if !request.duplicate_of_id.is_empty() {
        return false;
    }
    match request.state() {
        RequestState::Rejected => request.rejection_reason() == RejectionReason::NotAvailable,
        RequestState::ClosedShort => matches!(
            request.closing_reason(),
            ShortClosingReason::NotAvailable | ShortClosingReason::NoTransport
        ),
        state => is_open(state),
    }
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

/// What of one line is where. All quantities are in base units.
struct Needed {
    approved: i64,
    claimed: i64,
    on_the_way: i64,
    missing: i64,
}

fn needed(request: &Request, line: &RequestLine, coming: Coming) -> Needed {
    let on_the_way = coming.on_the_way;
    let is_decided = !matches!(
        request.state(),
        RequestState::Filed | RequestState::Acknowledged | RequestState::Rejected
    );
    let wanted = if is_decided {
        line.approved
    } else {
        line.requested
    };
    Needed {
        approved: line.approved,
        // What is missing was claimed, but has left.
        claimed: (line.allocated - line.received - on_the_way - coming.missing).max(0),
        on_the_way,
        missing: (wanted - line.received - on_the_way).max(0),
    }
}

/// Adds a line to its row. Of a need that nobody has confirmed only what is missing is noted.
fn add(
    sums: &mut BTreeMap<NeedKey, Sum>,
    region_id: &str,
    request: &Request,
    line: &RequestLine,
    needed: &Needed,
    days_if_confirmed: Option<i64>,
) {
    let only_told = line.requested == 0 && line.approved == 0;
    let told = line.need.as_ref().filter(|_| only_told);
    let need_kind = told.map_or(0, |need| need.kind);
    let key = (
        region_id.to_owned(),
        line.commodity_id.clone(),
        line.item_id.clone(),
        need_kind,
    );
    let sum = sums.entry(key).or_default();
    let row = &mut sum.row;
    region_id.clone_into(&mut row.region_id);
    row.commodity_id.clone_from(&line.commodity_id);
    row.item_id.clone_from(&line.item_id);
    row.need_kind = need_kind;
    let Some(days) = days_if_confirmed else {
        row.unconfirmed = row.unconfirmed.saturating_add(needed.missing);
        return;
    };
    let patients = told.map_or(0, |need| need.patients);
    for (sum, more) in [
        (&mut row.patients, patients),
        (&mut row.asked, line.requested),
        (&mut row.approved, needed.approved),
        (&mut row.claimed, needed.claimed),
        (&mut row.on_the_way, needed.on_the_way),
        (&mut row.received, line.received),
        (&mut row.missing, needed.missing),
    ] {
        *sum = sum.saturating_add(more);
    }
    sum.requests.insert(request.request_id.clone());
    if needed.missing > 0 || patients > 0 {
        sum.facilities.insert(request.facility_id.clone());
        row.days_waiting = row.days_waiting.max(days);
    }
}

impl Sum {
    fn finish(mut self) -> UnmetNeedRow {
        let count = |set: &BTreeSet<String>| i64::try_from(set.len()).unwrap_or(i64::MAX);
        self.row.facilities = count(&self.facilities);
        self.row.requests = count(&self.requests);
        self.row
    }
}

/// What shipments bring for a line of a request.
#[derive(Clone, Copy, Default)]
struct Coming {
    on_the_way: i64,
    /// Reported missing, and not settled.
    missing: i64,
}

/// What is on its way for each line of a request, and what of that is missing.
fn coming(connection: &Connection) -> Result<BTreeMap<LineKey, Coming>, StoreError> {
    let mut sums: BTreeMap<LineKey, Coming> = BTreeMap::new();
    let mut statement = connection.prepare_cached(
        "SELECT resource FROM shipments WHERE shipment_id IN (SELECT shipment_id FROM carried)",
    )?;
    let mut rows = statement.query(&[])?;
    while let Some(row) = rows.next()? {
        let bytes: Vec<u8> = row.get(0)?;
        let shipment = <Shipment as prost::Message>::decode(bytes.as_slice())?;
        for lot in &shipment.lots {
            let Some(units) = &lot.shipment_units else {
                continue;
            };
            let key = (units.request_id.clone(), units.request_line);
            let sum = sums.entry(key).or_default();
            sum.on_the_way = sum.on_the_way.saturating_add(lot.in_transit);
            sum.missing = sum.missing.saturating_add(lot.missing);
        }
    }
    Ok(sums)
}
