//! What waits for somebody: derived from how requests, shipments and stock stand, so that nothing can be forgotten in it and
//! nothing has to be taken out.

use std::collections::{BTreeMap, HashMap};

use chrono::{Days, NaiveDate};
use keruen_domain::{calendar, emergency::lasts, request::is_open};
use keruen_proto::{
    inventory::v1::{Batch, StockUnits},
    requests::v1::{
        Emergency, Escalation, EscalationReason, Request, RequestLine, RequestPriority,
        RequestState, SubstituteOffer, SubstituteState,
    },
    shipments::v1::{Discrepancy, DiscrepancyState, Shipment, ShipmentLot, ShipmentState},
    stock::v1::{InboxKind, InboxRow, ListInboxRequest},
};
use prost::Message;

use crate::{
    clauses::{Clauses, Value},
    database::{Connection, Row, params},
    failure::StoreError,
    fields::Fields,
    names::{self, Facilities},
    paging::{self, Page, Paging},
    refusal::Refusal,
};

/// After all days that there are.
const NO_DAY: &str = "9999-12-31";
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
            query: &self,
            connection,
            today,
            day: today.to_string(),
            emergency_regions: emergency_regions(connection, today)?,
            facilities: Facilities::new(connection, &today.to_string()),
            operators: HashMap::new(),
            rows: BTreeMap::new(),
        };
        inbox.requests()?;
        inbox.shipments()?;
        inbox.stock()?;
        let rows = inbox.rows;
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

    /// The key of the row at which the page before ended.
    fn after(&self) -> Option<&str> {
        match self.paging.resume.as_deref() {
            Some([Value::Text(key)]) => Some(key),
            _ => None,
        }
    }

    /// What was done since the page before is skipped, what is new before its last row is on the first page.
    fn page(&self, mut rows: BTreeMap<String, InboxRow>) -> Page<InboxRow> {
        let has_more = rows.len() > self.paging.page_size;
        if has_more {
            rows.pop_last();
        }
        let last = rows.last_key_value().filter(|_| has_more);
        Page {
            next_page_token: last.map_or_else(String::new, |(key, _)| {
                paging::token(self.paging.fingerprint, vec![Value::Text(key.clone())])
            }),
            rows: rows.into_values().collect(),
        }
    }
}

/// Where a row stands: an emergency first, then the most urgent, then what is due first, then what has waited longest,
/// since a position; each row has a key of its own.
fn key(row: &InboxRow, since_position: i64) -> String {
    let due_on = if row.due_on.is_empty() {
        NO_DAY
    } else {
        &row.due_on
    };
    format!(
        "{}/{}/{due_on}/{since_position:020}/{:02}/{}/{}/{}/{}/{}",
        u8::from(!row.emergency),
        i32::from(RequestPriority::Stat) - row.priority,
        row.kind,
        row.facility_id,
        row.request_id,
        row.shipment_id,
        row.batch_id,
        row.organisation_id,
    )
}

struct Inbox<'c> {
    query: &'c InboxQuery,
    connection: &'c Connection,
    today: NaiveDate,
    day: String,
    emergency_regions: Vec<String>,
    facilities: Facilities<'c>,
    operators: HashMap<String, String>,
    /// Those that may be on the page, and one more, by their keys.
    rows: BTreeMap<String, InboxRow>,
}

impl Inbox<'_> {
    /// Looks at resources one after the other, each with the position at which it came to be.
    fn each<M: Message + Default>(
        &mut self,
        sql: &str,
        clauses: &Clauses,
        mut look: impl FnMut(&mut Self, &M, &Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut found = statement.query(&clauses.values())?;
        while let Some(row) = found.next()? {
            let bytes: Vec<u8> = row.get(0)?;
            look(self, &M::decode(bytes.as_slice())?, &row)?;
        }
        Ok(())
    }

    /// Only what is at the facility and in the region that were asked for, as far as any were.
    fn is_at(&self, clauses: &mut Clauses, column: &str) {
        clauses.in_region(column, self.query.region_id.as_deref(), &self.day);
        clauses.equal(column, self.query.facility_id.as_deref());
    }

    /// Keeps no more rows than may be on the page.
    fn add(&mut self, row: InboxRow, since_position: i64) {
        if !self.query.shows(&row) {
            return;
        }
        let key = key(&row, since_position);
        if self
            .query
            .after()
            .is_some_and(|after| key.as_str() <= after)
        {
            return;
        }
        self.rows.insert(key, row);
        if self.rows.len() > self.query.paging.page_size + 1 {
            self.rows.pop_last();
        }
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
        // An approval by word of mouth is to be signed also once everything has come.
        for which in ["is_open = 1", "is_unconfirmed = 1 AND is_open = 0"] {
            let mut clauses = Clauses::default();
            clauses.condition(which);
            self.is_at(&mut clauses, "facility_id");
            let sql = format!(
                "SELECT resource, created_position FROM requests{}",
                clauses.where_clause()
            );
            self.each(&sql, &clauses, Self::request)?;
        }
        Ok(())
    }

    fn request(&mut self, request: &Request, found: &Row<'_>) -> Result<(), StoreError> {
        for task in waiting(request, &self.day) {
            let mut row = self.row(task.kind, &request.facility_id, task.organisation_id)?;
            row.request_id.clone_from(&request.request_id);
            row.priority = request.priority;
            row.due_on = task.due_on;
            row.quantity = task.goods.quantity();
            if let [line] = &request.lines[..] {
                row.item_id.clone_from(&line.item_id);
            }
            self.add(row, found.get(1)?);
        }
        Ok(())
    }

    fn shipments(&mut self) -> Result<(), StoreError> {
        // What is to be done with one waits at either end of it. A row that is found from both is one row.
        let query = self.query;
        let ends: &[&str] = if query.region_id.is_some() || query.facility_id.is_some() {
            &["origin_id", "destination_id"]
        } else {
            &["origin_id"]
        };
        for end in ends {
            let mut clauses = Clauses::default();
            self.is_at(&mut clauses, end);
            let day = clauses.parameter(self.day.as_str());
            clauses.condition(format!("waits_until <> '' AND waits_until >= {day}"));
            let sql = format!(
                "SELECT resource, created_position FROM shipments{}",
                clauses.where_clause()
            );
            self.each(&sql, &clauses, Self::shipment)?;
        }
        Ok(())
    }

    fn shipment(&mut self, shipment: &Shipment, found: &Row<'_>) -> Result<(), StoreError> {
        let day = self.day.clone();
        for (facility_id, task) in handling(shipment, &day) {
            let mut row = self.row(task.kind, facility_id, task.organisation_id)?;
            row.shipment_id.clone_from(&shipment.shipment_id);
            row.due_on = task.due_on;
            row.quantity = task.goods.quantity();
            task.goods.item_id().clone_into(&mut row.item_id);
            // It is needed where it goes.
            let region_id = self.facilities.get(&shipment.destination_id)?.region_id;
            row.emergency = self.emergency_regions.contains(&region_id);
            self.add(row, found.get(1)?);
        }
        Ok(())
    }

    fn stock(&mut self) -> Result<(), StoreError> {
        if self.query.wants(InboxKind::Expiring) {
            let days = Days::new(self.query.expiring_days);
            let horizon = self.today.checked_add_days(days).unwrap_or(NaiveDate::MAX);
            let mut clauses = Clauses::default();
            let horizon = clauses.parameter(horizon.to_string().as_str());
            let near = format!("expires_on <> '' AND expires_on <= {horizon}");
            self.batches(clauses, &near, |inbox, batch, found| {
                inbox.batch(InboxKind::Expiring, batch, &batch.expires_on, found)
            })?;
        }
        if self.query.wants(InboxKind::ToCount) {
            self.batches(
                Clauses::default(),
                "discrepancy > 0",
                |inbox, batch, found| inbox.batch(InboxKind::ToCount, batch, "", found),
            )?;
        }
        Ok(())
    }

    /// Those batches of which there is anything, at each facility.
    fn batches(
        &mut self,
        mut clauses: Clauses,
        condition: &str,
        look: impl FnMut(&mut Self, &Batch, &Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // Looked for by themselves, so that their index is used whatever is grouped.
        clauses.condition(format!(
            "b.batch_id IN (SELECT batch_id FROM batches WHERE {condition})"
        ));
        clauses.condition("s.on_hand > 0");
        self.is_at(&mut clauses, "s.facility_id");
        let sql = format!(
            "SELECT b.resource, b.created_position, s.facility_id, CAST(SUM(s.on_hand) AS BIGINT) \
             FROM batches b JOIN stock s ON s.batch_id = b.batch_id{} GROUP BY s.facility_id, b.batch_id",
            clauses.where_clause()
        );
        self.each(&sql, &clauses, look)
    }

    fn batch(
        &mut self,
        kind: InboxKind,
        batch: &Batch,
        due_on: &str,
        found: &Row<'_>,
    ) -> Result<(), StoreError> {
        let facility_id: String = found.get(2)?;
        let mut row = self.row(kind, &facility_id, "")?;
        row.batch_id.clone_from(&batch.batch_id);
        row.item_id.clone_from(&batch.item_id);
        due_on.clone_into(&mut row.due_on);
        row.quantity = found.get(3)?;
        self.add(row, found.get(1)?);
        Ok(())
    }
}

/// The last day on which anything waits of a shipment, ISO 8601, [`NO_DAY`] where none is the last; empty where nothing does.
pub fn waits_until(shipment: &Shipment) -> &str {
    let is_at_work = matches!(
        shipment.state(),
        ShipmentState::Requested | ShipmentState::Allocated
    ) || shipment
        .lots
        .iter()
        .any(|lot| lot.in_transit > 0 || lot.missing > 0);
    if is_at_work {
        return NO_DAY;
    }
    let is_open = |it: &&Discrepancy| it.state() == DiscrepancyState::Open;
    let open = shipment.discrepancies.iter().filter(is_open);
    let days = open.map(|it| match it.answer_due_on.as_str() {
        "" => NO_DAY,
        day => day,
    });
    days.max().unwrap_or_default()
}

/// Whether an approval by word of mouth is still to be signed.
pub fn is_unconfirmed(request: &Request) -> bool {
    request.word_of_mouth.is_some() && request.confirmed_by_ref.is_empty()
}

/// Units that something is about. Those of several items are no number of anything.
#[derive(Default)]
struct Goods<'a> {
    /// Item, and commodity where no item was named.
    of: Option<(&'a str, &'a str)>,
    are_several: bool,
    units: i64,
}

impl<'a> Goods<'a> {
    fn of(goods: impl IntoIterator<Item = ((&'a str, &'a str), i64)>) -> Self {
        let mut sum = Self::default();
        for (of, units) in goods {
            sum.add(of, units);
        }
        sum
    }

    fn add(&mut self, of: (&'a str, &'a str), units: i64) {
        if units > 0 {
            self.are_several |= *self.of.get_or_insert(of) != of;
            self.units = self.units.saturating_add(units);
        }
    }

    fn quantity(&self) -> i64 {
        if self.are_several { 0 } else { self.units }
    }

    fn item_id(&self) -> &'a str {
        let known = self.of.filter(|_| !self.are_several);
        known.map_or("", |(item_id, _)| item_id)
    }
}

/// What is to be done.
struct Task<'a> {
    kind: InboxKind,
    /// Empty where it is the operator of the place.
    organisation_id: &'a str,
    /// Day, ISO 8601; empty where it is due on none.
    due_on: String,
    goods: Goods<'a>,
}

/// The units of a lot of a shipment.
fn units_of(lot: &ShipmentLot) -> Option<&StockUnits> {
    lot.shipment_units.as_ref()?.units.as_ref()
}

fn item_of(units: Option<&StockUnits>) -> (&str, &str) {
    (units.map_or("", |units| &units.item_id), "")
}

/// What waits of a shipment, each at a facility.
fn handling<'a>(shipment: &'a Shipment, today: &str) -> Vec<(&'a str, Task<'a>)> {
    let mut handling = Vec::new();
    let mut add = |kind, facility_id: &'a str, organisation_id, goods, due_on: &str| {
        let task = Task {
            kind,
            organisation_id,
            due_on: due_on.to_owned(),
            goods,
        };
        handling.push((facility_id, task));
    };
    let expected_on = shipment.expected_on.as_str();
    let (origin_id, destination_id) = (&*shipment.origin_id, &*shipment.destination_id);
    let lots = || shipment.lots.iter();
    let of_lots = |quantity: fn(&ShipmentLot) -> i64| {
        Goods::of(lots().map(move |lot| (item_of(units_of(lot)), quantity(lot))))
    };
    match shipment.state() {
        ShipmentState::Requested => {
            let lines = shipment.lines.iter();
            let goods = Goods::of(lines.map(|line| ((&*line.item_id, ""), line.quantity)));
            add(InboxKind::ToAllocate, origin_id, "", goods, expected_on);
        }
        ShipmentState::Allocated => {
            let goods = of_lots(|lot| units_of(lot).map_or(0, |units| units.quantity));
            add(InboxKind::ToDispatch, origin_id, "", goods, expected_on);
        }
        _ => {}
    }
    let under_way = of_lots(|lot| lot.in_transit);
    if under_way.units > 0 {
        add(
            InboxKind::ToSign,
            destination_id,
            "",
            under_way,
            expected_on,
        );
    }
    // Each settles what it answers for.
    let mut missing: BTreeMap<&str, Goods<'_>> = BTreeMap::new();
    for lot in lots().filter(|lot| lot.missing > 0) {
        let item = item_of(units_of(lot));
        let mut of_custodian = lot.missing;
        for share in &lot.missing_by_liable {
            let goods = missing.entry(&share.liable_id).or_default();
            goods.add(item, share.quantity);
            of_custodian -= share.quantity;
        }
        if of_custodian > 0 {
            let goods = missing.entry(&shipment.custodian_id).or_default();
            goods.add(item, of_custodian);
        }
    }
    for (liable_id, goods) in missing {
        add(
            InboxKind::ToSettle,
            origin_id,
            liable_id,
            goods,
            expected_on,
        );
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
        let goods = Goods::of(units.map(|units| (item_of(Some(units)), units.quantity)));
        let sender_id = &*shipment.sender_id;
        add(InboxKind::ToAnswer, origin_id, sender_id, goods, due_on);
    }
    handling
}

/// What waits of a request where it was filed.
fn waiting<'a>(request: &'a Request, today: &str) -> Vec<Task<'a>> {
    let mut waiting = Vec::new();
    let mut add = |kind, organisation_id, goods, due_on: String| {
        waiting.push(Task {
            kind,
            organisation_id,
            due_on,
            goods,
        });
    };
    let none = Goods::default;
    let needed_by = || request.needed_by.clone();
    if is_unconfirmed(request) {
        let spoken = request.word_of_mouth.as_ref();
        let confirm_by = spoken.and_then(|spoken| spoken.confirm_by.as_ref());
        let due_on = confirm_by.map(|by| calendar::kazakhstan_day(calendar::micros(by)));
        let due_on = due_on.map(|day| day.to_string()).unwrap_or_default();
        add(InboxKind::ToConfirm, "", none(), due_on);
    }
    if !is_open(request.state()) {
        let was_called = |it: &Escalation| it.reason() == EscalationReason::NotConfirmed;
        if is_unconfirmed(request) && request.escalations.iter().any(was_called) {
            add(InboxKind::Escalated, "", none(), needed_by());
        }
        return waiting;
    }
    let sum = |of: fn(&RequestLine) -> i64| {
        let lines = request.lines.iter();
        Goods::of(lines.map(move |line| ((&*line.item_id, &*line.commodity_id), of(line))))
    };
    let is_undecided = matches!(
        request.state(),
        RequestState::Filed | RequestState::Acknowledged
    );
    let asked = || sum(|line| line.requested);
    match &request.triage {
        None if is_undecided => add(InboxKind::ToTriage, "", asked(), needed_by()),
        Some(triage) if is_undecided => {
            let office_id = &*triage.forwarded_to_id;
            add(InboxKind::ToApprove, office_id, asked(), needed_by());
        }
        _ => {}
    }
    let open = sum(|line| line.approved - line.allocated);
    if !is_undecided && open.units > 0 {
        add(InboxKind::ToAllocate, "", open, needed_by());
    }
    let is_offered = |offer: &SubstituteOffer| offer.state() == SubstituteState::Offered;
    if request.substitutes.iter().any(is_offered) {
        add(InboxKind::ToAnswer, "", none(), needed_by());
    }
    if !request.escalations.is_empty() {
        add(InboxKind::Escalated, "", none(), needed_by());
    }
    if !request.needed_by.is_empty() && request.needed_by.as_str() < today {
        add(InboxKind::Overdue, "", none(), needed_by());
    }
    waiting
}
