//! What waits for somebody: derived from how requests, shipments and stock stand, so that nothing can be forgotten in it and
//! nothing has to be taken out.

use std::collections::{BTreeMap, HashMap};

use chrono::{Days, NaiveDate};
use keruen_domain::{emergency::lasts, request::is_open};
use keruen_proto::{
    inventory::v1::Batch,
    requests::v1::{Emergency, Request, RequestPriority, RequestState, SubstituteState},
    shipments::v1::{Discrepancy, DiscrepancyState, Shipment, ShipmentState},
    stock::v1::{InboxKind, InboxRow, ListInboxRequest},
};
use prost::Message;

use crate::{
    clauses::Value,
    database::{Connection, params},
    failure::StoreError,
    fields::Fields,
    names::{self, Facilities},
    paging::{self, Page, Paging},
    refusal::Refusal,
};

const USUAL_DAYS: i32 = 30;
const MAX_DAYS: i32 = 3_660;

/// A question for what waits, parsed.
pub struct InboxQuery {
    kinds: Vec<i64>,
    region_id: Option<String>,
    facility_id: Option<String>,
    organisation_id: Option<String>,
    expiring_days: u64,
    paging: Paging,
}

/// The regions in which there is an emergency on a day, ISO 8601.
pub fn emergency_regions(
    connection: &Connection,
    day: NaiveDate,
) -> Result<Vec<String>, StoreError> {
    let resources: Vec<Vec<u8>> = connection
        .prepare_cached("SELECT resource FROM emergencies ORDER BY created_position")?
        .query_map(&[], |row| row.get(0))?;
    let mut regions = Vec::new();
    for resource in resources {
        let emergency = Emergency::decode(resource.as_slice())?;
        if lasts(&emergency, day) {
            regions.extend(emergency.region_ids);
        }
    }
    regions.sort_unstable();
    regions.dedup();
    Ok(regions)
}

impl InboxQuery {
    /// Parses a request.
    pub fn parse(request: &ListInboxRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let kinds = fields.states::<InboxKind>("kinds", &request.kinds);
        let region_id = fields.filter("region_id", &request.region_id);
        let facility_id = fields.filter("facility_id", &request.facility_id);
        let organisation_id = fields.filter("organisation_id", &request.organisation_id);
        if !(0..=MAX_DAYS).contains(&request.expiring_days) {
            let rule = format!("must be 0 to {MAX_DAYS}; found {}", request.expiring_days);
            fields.reject("expiring_days", rule);
        }
        let paging = Paging::parse(fields, "inbox", request, &[Value::from("")])?;
        let days = match request.expiring_days {
            0 => USUAL_DAYS,
            days => days,
        };
        Ok(Self {
            kinds,
            region_id,
            facility_id,
            organisation_id,
            expiring_days: u64::try_from(days).unwrap_or_default(),
            paging,
        })
    }

    /// Lists what waits on a day.
    pub fn answer(
        self,
        connection: &Connection,
        today: NaiveDate,
    ) -> Result<Page<InboxRow>, Refusal> {
        names::known_region(self.region_id.as_deref())?;
        names::known_facility(connection, self.facility_id.as_deref())?;
        names::known_organisation(connection, self.organisation_id.as_deref())?;
        let mut inbox = Inbox {
            connection,
            today,
            day: today.to_string(),
            emergency_regions: emergency_regions(connection, today)?,
            facilities: Facilities::new(connection, &today.to_string()),
            operators: HashMap::new(),
            rows: Vec::new(),
        };
        inbox.requests()?;
        inbox.shipments()?;
        if self.wants(InboxKind::Expiring) || self.wants(InboxKind::ToCount) {
            inbox.stock(self.expiring_days)?;
        }
        let mut rows = inbox.rows;
        rows.retain(|waiting| self.shows(&waiting.row));
        rows.sort_by_cached_key(Waiting::key);
        Ok(self.page(rows))
    }

    fn wants(&self, kind: InboxKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&i64::from(i32::from(kind)))
    }

    fn shows(&self, row: &InboxRow) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        self.wants(row.kind())
            && is(&self.region_id, &row.region_id)
            && is(&self.facility_id, &row.facility_id)
            && is(&self.organisation_id, &row.organisation_id)
    }

    /// The rows after the one at which the page before ended. What was done meanwhile is skipped, what is new before it is
    /// on the first page.
    fn page(&self, rows: Vec<Waiting>) -> Page<InboxRow> {
        let after = self
            .paging
            .resume
            .as_ref()
            .and_then(|keys| match keys.first() {
                Some(Value::Text(key)) => Some(key.clone()),
                _ => None,
            });
        let mut rest: Vec<Waiting> = rows
            .into_iter()
            .filter(|waiting| after.as_ref().is_none_or(|after| waiting.key() > *after))
            .collect();
        let has_more = rest.len() > self.paging.page_size;
        rest.truncate(self.paging.page_size);
        let last = rest.last().filter(|_| has_more);
        let next_page_token = last.map_or_else(String::new, |waiting| {
            paging::token(self.paging.fingerprint, vec![Value::Text(waiting.key())])
        });
        Page {
            rows: rest.into_iter().map(|waiting| waiting.row).collect(),
            next_page_token,
        }
    }
}

/// A row, and since when there is what it is about.
struct Waiting {
    row: InboxRow,
    since_position: i64,
}

impl Waiting {
    /// Where a row stands: an emergency first, then the most urgent, then what is due first, then what has waited longest;
    /// each row has a key of its own.
    fn key(&self) -> String {
        let row = &self.row;
        let due_on = if row.due_on.is_empty() {
            "9999-12-31"
        } else {
            &row.due_on
        };
        format!(
            "{}/{}/{due_on}/{:020}/{:02}/{}/{}/{}/{}/{}",
            u8::from(!row.emergency),
            i32::from(RequestPriority::Stat) - row.priority,
            self.since_position,
            row.kind,
            row.facility_id,
            row.request_id,
            row.shipment_id,
            row.batch_id,
            row.organisation_id,
        )
    }
}

struct Inbox<'c> {
    connection: &'c Connection,
    today: NaiveDate,
    day: String,
    emergency_regions: Vec<String>,
    facilities: Facilities<'c>,
    operators: HashMap<String, String>,
    rows: Vec<Waiting>,
}

impl Inbox<'_> {
    /// Resources, each with the position at which it came to be.
    fn read<M: Message + Default>(&self, sql: &str) -> Result<Vec<(M, i64)>, StoreError> {
        let resources: Vec<(Vec<u8>, i64)> = self
            .connection
            .prepare_cached(sql)?
            .query_map(&[], |row| Ok((row.get(0)?, row.get(1)?)))?;
        resources
            .iter()
            .map(|(resource, position)| Ok((M::decode(resource.as_slice())?, *position)))
            .collect()
    }

    fn add(&mut self, row: InboxRow, since_position: i64) {
        self.rows.push(Waiting {
            row,
            since_position,
        });
    }

    /// Who operates a facility; empty where nobody is known to.
    fn operator(&mut self, facility_id: &str) -> Result<String, StoreError> {
        if let Some(known) = self.operators.get(facility_id) {
            return Ok(known.clone());
        }
        let found: Option<String> = self
            .connection
            .prepare_cached("SELECT operator_id FROM facilities WHERE facility_id = ?1")?
            .query_row(params![facility_id], |row| row.get(0))?;
        let operator = found.unwrap_or_default();
        self.operators
            .insert(facility_id.to_owned(), operator.clone());
        Ok(operator)
    }

    /// A row at a facility, for its operator unless another organisation is named.
    fn row(
        &mut self,
        kind: InboxKind,
        facility_id: &str,
        organisation_id: &str,
    ) -> Result<InboxRow, StoreError> {
        let region_id = self.facilities.get(facility_id)?.region_id;
        let organisation_id = match organisation_id {
            "" => self.operator(facility_id)?,
            named => named.to_owned(),
        };
        Ok(InboxRow {
            kind: kind.into(),
            emergency: self.emergency_regions.contains(&region_id),
            region_id,
            facility_id: facility_id.to_owned(),
            organisation_id,
            ..InboxRow::default()
        })
    }

    fn requests(&mut self) -> Result<(), StoreError> {
        let sql = "SELECT resource, created_position FROM requests WHERE is_open = 1 \
                   ORDER BY created_position";
        for (request, created_position) in self.read::<Request>(sql)? {
            for (kind, organisation_id, due_on, quantity) in waiting(&request, &self.day) {
                let mut row = self.row(kind, &request.facility_id, &organisation_id)?;
                row.request_id.clone_from(&request.request_id);
                row.priority = request.priority;
                row.due_on = due_on;
                row.quantity = quantity;
                if let [line] = &request.lines[..] {
                    row.item_id.clone_from(&line.item_id);
                }
                self.add(row, created_position);
            }
        }
        Ok(())
    }

    fn shipments(&mut self) -> Result<(), StoreError> {
        let sql = "SELECT resource, created_position FROM shipments ORDER BY created_position";
        for (shipment, created_position) in self.read::<Shipment>(sql)? {
            for (kind, facility_id, organisation_id, quantity, due_on) in
                handling(&shipment, &self.day.clone())
            {
                let mut row = self.row(kind, facility_id, organisation_id)?;
                row.shipment_id.clone_from(&shipment.shipment_id);
                due_on.clone_into(&mut row.due_on);
                row.quantity = quantity;
                // It is needed where it goes.
                let region_id = self.facilities.get(&shipment.destination_id)?.region_id;
                row.emergency = self.emergency_regions.contains(&region_id);
                self.add(row, created_position);
            }
        }
        Ok(())
    }

    fn stock(&mut self, expiring_days: u64) -> Result<(), StoreError> {
        let horizon = self.today.checked_add_days(Days::new(expiring_days));
        let horizon = horizon.unwrap_or(NaiveDate::MAX).to_string();
        let sql = "SELECT stock.facility_id, batches.resource, batches.created_position, \
                   CAST(SUM(stock.on_hand) AS BIGINT) FROM stock JOIN batches ON batches.batch_id = stock.batch_id \
                   WHERE stock.on_hand > 0 \
                   GROUP BY stock.facility_id, stock.batch_id, batches.resource, \
                   batches.created_position \
                   ORDER BY stock.facility_id, stock.batch_id";
        let found: Vec<(String, Vec<u8>, i64, i64)> =
            self.connection.prepare_cached(sql)?.query_map(&[], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
        for (facility_id, resource, created_position, on_hand) in found {
            let batch = Batch::decode(resource.as_slice())?;
            let is_expiring = !batch.expires_on.is_empty() && batch.expires_on <= horizon;
            for (applies, kind, due_on) in [
                (is_expiring, InboxKind::Expiring, batch.expires_on.clone()),
                (batch.discrepancy > 0, InboxKind::ToCount, String::new()),
            ] {
                if applies {
                    let mut row = self.row(kind, &facility_id, "")?;
                    row.batch_id.clone_from(&batch.batch_id);
                    row.item_id.clone_from(&batch.item_id);
                    row.due_on = due_on;
                    row.quantity = on_hand;
                    self.add(row, created_position);
                }
            }
        }
        Ok(())
    }
}

/// What waits of a shipment: what is to be done, where, by which organisation if not the operator of that place, how many
/// units it is about, and by which day.
fn handling<'a>(
    shipment: &'a Shipment,
    today: &str,
) -> Vec<(InboxKind, &'a str, &'a str, i64, &'a str)> {
    let mut handling = Vec::new();
    let expected_on = shipment.expected_on.as_str();
    let (origin_id, destination_id) = (&*shipment.origin_id, &*shipment.destination_id);
    if shipment.state() == ShipmentState::Allocated {
        handling.push((InboxKind::ToDispatch, origin_id, "", 0, expected_on));
    }
    let under_way: i64 = shipment.lots.iter().map(|lot| lot.in_transit).sum();
    if under_way > 0 {
        handling.push((
            InboxKind::ToSign,
            destination_id,
            "",
            under_way,
            expected_on,
        ));
    }
    // Each settles what it answers for.
    let mut missing: BTreeMap<&str, i64> = BTreeMap::new();
    for lot in shipment.lots.iter().filter(|lot| lot.missing > 0) {
        let mut of_custodian = lot.missing;
        for share in &lot.missing_by_liable {
            *missing.entry(&share.liable_id).or_default() += share.quantity;
            of_custodian -= share.quantity;
        }
        if of_custodian > 0 {
            *missing.entry(&shipment.custodian_id).or_default() += of_custodian;
        }
    }
    for (liable_id, quantity) in missing {
        handling.push((
            InboxKind::ToSettle,
            origin_id,
            liable_id,
            quantity,
            expected_on,
        ));
    }
    // What was not as announced is for the sender to accept or dispute; once the day has passed, silence was consent.
    let is_open = |it: &&Discrepancy| {
        let is_in_time = it.answer_due_on.is_empty() || it.answer_due_on.as_str() >= today;
        it.state() == DiscrepancyState::Open && is_in_time
    };
    let open: Vec<&Discrepancy> = shipment.discrepancies.iter().filter(is_open).collect();
    if !open.is_empty() {
        let days = open.iter().map(|it| it.answer_due_on.as_str());
        let due_on = days.filter(|day| !day.is_empty()).min().unwrap_or_default();
        let units = open
            .iter()
            .filter_map(|it| it.found.as_ref()?.shipment_units.as_ref()?.units.as_ref());
        let quantity = units
            .map(|units| units.quantity)
            .fold(0, i64::saturating_add);
        handling.push((
            InboxKind::ToAnswer,
            origin_id,
            &shipment.sender_id,
            quantity,
            due_on,
        ));
    }
    handling
}

/// What waits of a request: what is to be done, for which organisation, by which day, and how many units it is about.
fn waiting(request: &Request, today: &str) -> Vec<(InboxKind, String, String, i64)> {
    let mut waiting = Vec::new();
    let due_on = || request.needed_by.clone();
    let mut add = |kind, organisation_id: &str, quantity| {
        waiting.push((kind, organisation_id.to_owned(), due_on(), quantity));
    };
    let sum = |of: fn(&keruen_proto::requests::v1::RequestLine) -> i64| {
        request.lines.iter().map(of).fold(0, i64::saturating_add)
    };
    let is_undecided = matches!(
        request.state(),
        RequestState::Filed | RequestState::Acknowledged
    );
    match &request.triage {
        None if is_undecided => add(InboxKind::ToTriage, "", sum(|line| line.requested)),
        Some(triage) if is_undecided => add(
            InboxKind::ToApprove,
            &triage.forwarded_to_id,
            sum(|line| line.requested),
        ),
        _ => {}
    }
    let open = sum(|line| (line.approved - line.allocated).max(0));
    if !is_undecided && open > 0 {
        add(InboxKind::ToAllocate, "", open);
    }
    if request.word_of_mouth.is_some() && request.confirmed_by_ref.is_empty() {
        add(InboxKind::ToConfirm, "", 0);
    }
    let is_offered = |offer: &keruen_proto::requests::v1::SubstituteOffer| {
        offer.state() == SubstituteState::Offered
    };
    if request.substitutes.iter().any(is_offered) {
        add(InboxKind::ToAnswer, "", 0);
    }
    if !request.escalations.is_empty() {
        add(InboxKind::Escalated, "", 0);
    }
    if !request.needed_by.is_empty() && request.needed_by.as_str() < today {
        add(InboxKind::Overdue, "", 0);
    }
    debug_assert!(is_open(request.state()));
    waiting
}
