//! What rows of unmet needs add up to: line by line of requests, and row by row once more for totals.

use std::collections::{BTreeMap, BTreeSet};

use keruen_domain::request::{is_decided, not_approved};
use keruen_proto::{
    reports::v1::{UnmetNeedRow, UnmetNeedTotal},
    requests::v1::{RejectionReason, Request, RequestLine, RequestState},
    shipments::v1::Shipment,
};

use crate::{database::Connection, failure::StoreError};

/// Region, commodity, item and kind of need: each has a row.
type NeedKey = (String, String, String, i32);

/// Requests and their lines.
type LineKey = (String, i32);

/// Rows in the making.
#[derive(Default)]
pub struct Sums(BTreeMap<NeedKey, Sum>);

/// A row in the making, and who waits.
#[derive(Default)]
pub struct Sum {
    /// The row; how many facilities and requests there are is said at last.
    pub row: UnmetNeedRow,
    facilities: BTreeSet<String>,
    requests: BTreeSet<String>,
}

/// What of one line is where. All quantities are in base units.
struct Needed {
    approved: i64,
    not_approved: i64,
    undecided: i64,
    claimed: i64,
    on_the_way: i64,
    missing: i64,
}

impl Needed {
    fn of(request: &Request, line: &RequestLine, coming: Coming) -> Self {
        let on_the_way = coming.on_the_way;
        let wanted = match request.state() {
            RequestState::Filed | RequestState::Acknowledged => line.requested,
            // Nobody has it; it is needed all the same.
            RequestState::Rejected if is_not_available(request) => line.requested,
            _ => line.approved,
        };
        Self {
            approved: line.approved,
            not_approved: not_approved(request, line),
            undecided: if is_decided(request.state()) {
                0
            } else {
                line.requested
            },
            // What is missing was claimed, but has left.
            claimed: (line.allocated - line.received - on_the_way - coming.missing).max(0),
            on_the_way,
            missing: (wanted - line.received - on_the_way).max(0),
        }
    }

    /// What nobody brings as yet. What was rejected is not missing twice.
    fn unmet(&self, line: &RequestLine) -> i64 {
        let rest = line.requested.max(line.approved).max(0);
        self.missing.saturating_add(self.not_approved).min(rest)
    }
}

fn is_not_available(request: &Request) -> bool {
    request.rejection_reason() == RejectionReason::NotAvailable
}

impl Sums {
    /// Adds a line to its row. Of a need that nobody has confirmed only what is unmet is noted; of others, how many days they
    /// have waited.
    pub fn add(
        &mut self,
        region_id: &str,
        request: &Request,
        line: &RequestLine,
        coming: Coming,
        days_if_confirmed: Option<i64>,
    ) {
        let needed = Needed::of(request, line, coming);
        let is_over = request.state() == RequestState::Fulfilled;
        if is_over && needed.not_approved == 0 {
            return;
        }
        let only_told = line.requested == 0 && line.approved == 0;
        let told = line.need.as_ref().filter(|_| only_told);
        let need_kind = told.map_or(0, |need| need.kind);
        let key = (
            region_id.to_owned(),
            line.commodity_id.clone(),
            line.item_id.clone(),
            need_kind,
        );
        let sum = self.0.entry(key).or_default();
        let row = &mut sum.row;
        region_id.clone_into(&mut row.region_id);
        row.commodity_id.clone_from(&line.commodity_id);
        row.item_id.clone_from(&line.item_id);
        row.need_kind = need_kind;
        let unmet = needed.unmet(line);
        let Some(days) = days_if_confirmed else {
            row.unconfirmed = row.unconfirmed.saturating_add(unmet);
            return;
        };
        let patients = told.map_or(0, |need| need.patients);
        for (sum, more) in [
            (&mut row.patients, patients),
            (&mut row.asked, line.requested),
            (&mut row.approved, needed.approved),
            (&mut row.not_approved, needed.not_approved),
            (&mut row.undecided, needed.undecided),
            (&mut row.claimed, needed.claimed),
            (&mut row.on_the_way, needed.on_the_way),
            (&mut row.received, line.received),
            (&mut row.missing, needed.missing),
        ] {
            *sum = sum.saturating_add(more);
        }
        sum.requests.insert(request.request_id.clone());
        if unmet > 0 || patients > 0 {
            sum.facilities.insert(request.facility_id.clone());
            row.days_waiting = row.days_waiting.max(days);
        }
    }

    /// The rows that tell of something unmet.
    pub fn unmet(self) -> impl Iterator<Item = Sum> {
        let sums = self.0.into_values().map(Sum::counted);
        sums.filter(|sum| {
            let row = &sum.row;
            row.missing > 0 || row.not_approved > 0 || row.unconfirmed > 0 || row.patients > 0
        })
    }
}

impl Sum {
    fn counted(mut self) -> Self {
        self.row.facilities = count(&self.facilities);
        self.row.requests = count(&self.requests);
        self
    }
}

fn count(set: &BTreeSet<String>) -> i64 {
    i64::try_from(set.len()).unwrap_or(i64::MAX)
}

/// Totals in the making: the rows of one commodity or kind of need, or all of them.
#[derive(Default)]
struct Total<'s> {
    sums: UnmetNeedTotal,
    facilities: BTreeSet<&'s str>,
    requests: BTreeSet<&'s str>,
}

impl<'s> Total<'s> {
    fn add(&mut self, sum: &'s Sum) {
        let (total, row) = (&mut self.sums, &sum.row);
        for (sum, more) in [
            (&mut total.patients, row.patients),
            (&mut total.asked, row.asked),
            (&mut total.approved, row.approved),
            (&mut total.not_approved, row.not_approved),
            (&mut total.undecided, row.undecided),
            (&mut total.claimed, row.claimed),
            (&mut total.on_the_way, row.on_the_way),
            (&mut total.received, row.received),
            (&mut total.missing, row.missing),
            (&mut total.unconfirmed, row.unconfirmed),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.wait(sum);
    }

    fn wait(&mut self, sum: &'s Sum) {
        self.sums.days_waiting = self.sums.days_waiting.max(sum.row.days_waiting);
        // Each facility is in one region, but may wait for several items.
        self.facilities
            .extend(sum.facilities.iter().map(String::as_str));
        self.requests
            .extend(sum.requests.iter().map(String::as_str));
    }

    fn finish(self) -> UnmetNeedTotal {
        let count = |set: BTreeSet<&str>| i64::try_from(set.len()).unwrap_or(i64::MAX);
        UnmetNeedTotal {
            facilities: count(self.facilities),
            requests: count(self.requests),
            ..self.sums
        }
    }
}

/// What rows add up to by commodity and by kind of need, and at last who waits for anything at all.
pub fn totals(sums: &[Sum], silent_facilities: usize) -> Vec<UnmetNeedTotal> {
    let mut totals: BTreeMap<(i32, &str), Total<'_>> = BTreeMap::new();
    let mut everything = Total::default();
    for sum in sums {
        let row = &sum.row;
        let key = (row.need_kind, row.commodity_id.as_str());
        let total = totals.entry(key).or_default();
        total.sums.commodity_id.clone_from(&row.commodity_id);
        total.sums.need_kind = row.need_kind;
        total.add(sum);
        everything.wait(sum);
    }
    everything.sums.silent_facilities = i64::try_from(silent_facilities).unwrap_or(i64::MAX);
    let totals = totals.into_values().chain([everything]);
    totals.map(Total::finish).collect()
}

/// What shipments bring for a line of a request.
#[derive(Clone, Copy, Default)]
pub struct Coming {
    /// On its way.
    on_the_way: i64,
    /// Reported missing, and not settled.
    missing: i64,
}

/// What is on its way for each line of a request, and what of that is missing.
pub fn coming(connection: &Connection) -> Result<BTreeMap<LineKey, Coming>, StoreError> {
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
