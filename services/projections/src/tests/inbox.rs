//! What waits, against a selection by plain code from all there ever was.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use chrono::{Days, NaiveDate};
use keruen_domain::{
    Boundary, Entry, Label,
    emergency::DeclareEmergency,
    region::facility_region,
    registry::RegisterFacility,
    request::{
        ApproveRequest, CancelRequest, EscalateRequest, FileRequest, NeededGoods, OfferSubstitute,
        Spoken, TriageRequest,
    },
    stock::{AdjustStock, Change, ConsumeStock},
};
use keruen_proto::{
    inventory::v1::{AdjustmentReason, Batch, ConsumptionPurpose},
    registry::v1::{DocumentKind, DocumentRef, Facility, FacilityKind, RegionAssignment},
    requests::v1::{
        Emergency, EmergencyKind, Escalation, EscalationReason, Request, RequestCancellationReason,
        RequestLine, RequestPriority, RequestState, SubstituteState, WordOfMouth,
    },
    shipments::v1::{Discrepancy, DiscrepancyState, Shipment, ShipmentState},
    stock::v1::{InboxKind, InboxRow, ListInboxRequest},
};

use super::{
    filters::{Chance, writers},
    history::{FACILITIES, History, ITEMS, ORGANISATIONS, choices_from, code, name, quantity},
    naive,
};
use crate::{
    database::{Connection, params},
    inbox::InboxQuery,
};

/// Regions that a facility of the history may be in, each with a front office.
const OFFICES: [&str; 5] = ["KZ-75", "KZ-62", "KZ-71", "KZ-33", "KZ-10"];

/// One in which each kind of thing waits: shipments to be answered for until 8 March 2026 or so, requests that are needed
/// around that day, batches that expire at the end of 2029.
fn busy(seed: u64) -> History {
    let mut history = History::with_changing_registry(&choices_from(seed, 1_200));
    for (index, id) in history.shipments.clone().into_iter().enumerate() {
        match index % 3 {
            0 => history.dispatch(code(&id)),
            1 => history.receive(&code(&id), 1, 1),
            _ => {}
        }
    }
    use_up_more(&mut history);
    for region_id in OFFICES {
        history.expect(&RegisterFacility(Facility {
            facility_id: format!("OFFICE-{region_id}"),
            name: name("Office"),
            kind: FacilityKind::FrontOffice.into(),
            regions: vec![RegionAssignment {
                region_id: region_id.to_owned(),
                ..RegionAssignment::default()
            }],
            time_zone: "Asia/Almaty".to_owned(),
            ..Facility::default()
        }));
    }
    for (emergency_id, region_id, last_day) in
        [("E-1", "KZ-62", "2026-03-05"), ("E-2", "KZ-33", "")]
    {
        history.expect(&DeclareEmergency(Emergency {
            emergency_id: emergency_id.to_owned(),
            name: name("Flood"),
            kind: EmergencyKind::Flood.into(),
            region_ids: vec![region_id.to_owned()],
            first_day: "2026-03-01".to_owned(),
            last_day: last_day.to_owned(),
            declared_by_id: "MOH".to_owned(),
            documents: vec![DocumentRef {
                kind: DocumentKind::Order.into(),
                number: "7".to_owned(),
                ..DocumentRef::default()
            }],
        }));
    }
    for number in 0..24 {
        ask(&mut history, number);
    }
    history
}

/// More was used than the books know of, and some is found again.
fn use_up_more(history: &mut History) {
    let rows = naive::stock(history.decoded());
    let there = rows.iter().filter(|(_, sums)| sums[0] > sums[1] + sums[2]);
    for ((facility_id, item_id, batch_id, owner_id), sums) in there.take(6) {
        let (facility_id, batch_id) = (code(facility_id), code(batch_id));
        history.run(&ConsumeStock {
            facility_id: facility_id.clone(),
            item_id: code(item_id),
            quantity: quantity(sums[0] + 1),
            batch_id: Some(batch_id.clone()),
            owner_id: Some(code(owner_id)),
            purpose: ConsumptionPurpose::Patient,
            already_used: true,
            new_batch_id: code("UNUSED"),
        });
        history.run(&AdjustStock {
            facility_id,
            batch_id,
            owner_id: Some(code(owner_id)),
            change: Change::Increase(quantity(3)),
            serial_numbers: Vec::new(),
            reason: AdjustmentReason::Found,
            documents: Vec::new(),
        });
    }
}

fn ask(history: &mut History, number: u16) {
    let id = format!("MORE-{number}");
    let (item_id, commodity_id) = ITEMS[usize::from(number) % ITEMS.len()];
    history.expect(&FileRequest {
        request_id: code(&id),
        facility_id: code(FACILITIES[usize::from(number) % FACILITIES.len()].0),
        lines: vec![NeededGoods {
            line: 1,
            commodity_id: Some(code(commodity_id)),
            item_id: Some(code(item_id)),
            quantity: Some(quantity(i64::from(number) + 1)),
            need: None,
        }],
        priority: [RequestPriority::Asap, RequestPriority::Stat][usize::from(number / 2 % 2)],
        needed_by: NaiveDate::from_ymd_opt(2026, 3, 4 + u32::from(number % 9)),
        clinical_reason_code: String::new(),
        filing: None,
    });
    let request_id = code(&id);
    history.requests.push(id);
    // What the domain refuses does not happen.
    match number % 5 {
        0 => history.run(&EscalateRequest {
            request_id,
            reason: EscalationReason::NotAnswered,
            level: None,
        }),
        1 => {
            let confirm_by_us = history.events.last().unwrap().recorded_at_us + 86_400_000_000;
            history.run(&ApproveRequest {
                request_id: request_id.clone(),
                lines: None,
                spoken: Some(Spoken {
                    approved_by_ref: Label::parse("person:7").unwrap(),
                    confirm_by_us,
                }),
            });
            number.is_multiple_of(2)
                || history.run(&EscalateRequest {
                    request_id: request_id.clone(),
                    reason: EscalationReason::NotConfirmed,
                    level: None,
                }) && history.run(&CancelRequest {
                    request_id,
                    reason: RequestCancellationReason::NoLongerNeeded,
                })
        }
        2 => {
            history.run(&ApproveRequest {
                request_id: request_id.clone(),
                lines: None,
                spoken: None,
            });
            history.run(&OfferSubstitute {
                request_id,
                line: 1,
                item_id: code("TEST-B"),
            })
        }
        3 => OFFICES.iter().any(|region_id| {
            history.run(&TriageRequest {
                request_id: request_id.clone(),
                office_id: code(&format!("OFFICE-{region_id}")),
                priority: Some(RequestPriority::Urgent),
                forwarded_to_id: number.is_multiple_of(2).then(|| code("KASPI")),
            })
        }),
        _ => false,
    };
}

/// What is to be done where, by whom, of how many of which items, by which day.
type AtWork<'a> = (InboxKind, &'a str, &'a str, Vec<(&'a str, i64)>, &'a str);

/// All that waits on a day, each with the position since when there is what it is about.
struct Naive<'h> {
    history: &'h History,
    day: NaiveDate,
    rows: Vec<(InboxRow, u64)>,
}

impl Naive<'_> {
    fn facility(&self, id: &str) -> Facility {
        match self.history.fold(&Boundary::facility(id).unwrap()) {
            Entry::Facility(facility) => facility,
            _ => unreachable!(),
        }
    }

    fn region(&self, id: &str) -> String {
        let facility = self.facility(id);
        let region = facility_region(&facility, self.day);
        region.unwrap_or_default().to_owned()
    }

    /// Where there is an emergency on the day: in the Ulytau Region up to 5 March, and in the Zhetysu Region.
    fn is_emergency(&self, facility_id: &str) -> bool {
        match self.region(facility_id).as_str() {
            "KZ-62" => self.day.to_string().as_str() <= "2026-03-05",
            region_id => region_id == "KZ-33",
        }
    }

    fn since(&self, tag: &str) -> u64 {
        let mut events = self.history.events.iter();
        let first = events.find(|event| event.tags.iter().any(|it| it == tag));
        first.unwrap().position
    }

    /// `who` is empty where the operator of the place is meant.
    fn add(&mut self, kind: InboxKind, at: &str, who: &str, needed_at: &str, row: InboxRow) {
        let tag = match (&*row.request_id, &*row.shipment_id) {
            ("", "") => format!("batch:{}", row.batch_id),
            ("", id) => format!("shipment:{id}"),
            (id, _) => format!("request:{id}"),
        };
        let row = InboxRow {
            kind: kind.into(),
            region_id: self.region(at),
            facility_id: at.to_owned(),
            organisation_id: if who.is_empty() {
                self.facility(at).operator_id
            } else {
                who.to_owned()
            },
            emergency: self.is_emergency(needed_at),
            ..row
        };
        self.rows.push((row, self.since(&tag)));
    }

    fn request(&mut self, request: &Request) {
        // Of several things there is no sum.
        let sum = |of: fn(&RequestLine) -> i64| -> (i64, i64) {
            let lines = request.lines.iter().filter(|line| of(line) > 0);
            let things: BTreeSet<_> = lines
                .clone()
                .map(|line| (&line.item_id, &line.commodity_id))
                .collect();
            let all = lines.map(of).sum();
            (all, if things.len() == 1 { all } else { 0 })
        };
        let to_confirm = request.word_of_mouth.as_ref();
        let to_confirm = to_confirm.filter(|_| request.confirmed_by_ref.is_empty());
        let mut found: Vec<(InboxKind, &str, i64)> = Vec::new();
        let is_undecided = match request.state() {
            RequestState::Filed | RequestState::Acknowledged => true,
            RequestState::Approved
            | RequestState::PartlyAllocated
            | RequestState::Allocated
            | RequestState::PartlyFulfilled => false,
            _ => {
                if let Some(spoken) = to_confirm {
                    self.confirm(request, spoken);
                    self.call_for_confirmation(request);
                }
                return;
            }
        };
        let (_, asked) = sum(|line| line.requested);
        let (is_open, open) = sum(|line| line.approved - line.allocated);
        match (is_undecided, &request.triage) {
            (true, None) => found.push((InboxKind::ToTriage, "", asked)),
            (true, Some(it)) => found.push((InboxKind::ToApprove, &it.forwarded_to_id, asked)),
            (false, _) if is_open > 0 => found.push((InboxKind::ToAllocate, "", open)),
            (false, _) => {}
        }
        let is_overdue = (1..).contains(&request.needed_by.len())
            && request.needed_by.parse::<NaiveDate>().unwrap() < self.day;
        let mut offers = request.substitutes.iter();
        let conditions = [
            (
                offers.any(|it| it.state() == SubstituteState::Offered),
                InboxKind::ToAnswer,
            ),
            (!request.escalations.is_empty(), InboxKind::Escalated),
            (is_overdue, InboxKind::Overdue),
        ];
        let holding = conditions.into_iter().filter(|(holds, _)| *holds);
        found.extend(holding.map(|(_, kind)| (kind, "", 0)));
        for (kind, who, units) in found {
            let row = InboxRow {
                request_id: request.request_id.clone(),
                priority: request.priority,
                due_on: request.needed_by.clone(),
                quantity: units,
                item_id: match request.lines.len() {
                    1 => request.lines[0].item_id.clone(),
                    _ => String::new(),
                },
                ..InboxRow::default()
            };
            self.add(kind, &request.facility_id, who, &request.facility_id, row);
        }
        if let Some(spoken) = to_confirm {
            self.confirm(request, spoken);
        }
    }

    /// Of a closed request only that those on duty were called since nobody signed.
    fn call_for_confirmation(&mut self, request: &Request) {
        let mut reasons = request.escalations.iter().map(Escalation::reason);
        if reasons.any(|reason| reason == EscalationReason::NotConfirmed) {
            let row = InboxRow {
                request_id: request.request_id.clone(),
                priority: request.priority,
                due_on: request.needed_by.clone(),
                item_id: request.lines[0].item_id.clone(),
                ..InboxRow::default()
            };
            let at = &request.facility_id;
            self.add(InboxKind::Escalated, at, "", at, row);
        }
    }

    /// An approval by word of mouth that nobody has signed, on the day until which that is due.
    fn confirm(&mut self, request: &Request, spoken: &WordOfMouth) {
        let until = spoken.confirm_by.as_ref().unwrap().seconds + 5 * 3_600;
        let day = NaiveDate::default() + Days::new(until.unsigned_abs() / 86_400);
        let row = InboxRow {
            request_id: request.request_id.clone(),
            priority: request.priority,
            due_on: day.to_string(),
            item_id: match request.lines.len() {
                1 => request.lines[0].item_id.clone(),
                _ => String::new(),
            },
            ..InboxRow::default()
        };
        let at = &request.facility_id;
        self.add(InboxKind::ToConfirm, at, "", at, row);
    }

    fn shipment(&mut self, shipment: &Shipment) {
        let (from, to) = (&shipment.origin_id, &shipment.destination_id);
        let mut found: Vec<AtWork<'_>> = Vec::new();
        let due_on = &shipment.expected_on;
        let lots = || {
            let lots = shipment.lots.iter();
            lots.map(|lot| {
                let units = lot.shipment_units.as_ref().unwrap().units.as_ref();
                (lot, units.unwrap())
            })
        };
        if shipment.state() == ShipmentState::Requested {
            let lines = shipment.lines.iter();
            let goods = lines.map(|line| (&*line.item_id, line.quantity)).collect();
            found.push((InboxKind::ToAllocate, from, "", goods, due_on));
        }
        if shipment.state() == ShipmentState::Allocated {
            let goods = lots().map(|(_, units)| (&*units.item_id, units.quantity));
            found.push((InboxKind::ToDispatch, from, "", goods.collect(), due_on));
        }
        let carried: Vec<_> = lots()
            .filter(|(lot, _)| lot.in_transit > 0)
            .map(|(lot, units)| (&*units.item_id, lot.in_transit))
            .collect();
        if !carried.is_empty() {
            found.push((InboxKind::ToSign, to, "", carried, due_on));
        }
        let mut liable: BTreeMap<&str, Vec<(&str, i64)>> = BTreeMap::new();
        for (lot, units) in lots() {
            let others: i64 = lot.missing_by_liable.iter().map(|it| it.quantity).sum();
            let mut answers = |who, quantity| {
                if quantity > 0 {
                    let goods = liable.entry(who).or_default();
                    goods.push((&*units.item_id, quantity));
                }
            };
            answers(&*shipment.custodian_id, lot.missing - others);
            for share in &lot.missing_by_liable {
                answers(&share.liable_id, share.quantity);
            }
        }
        for (who, goods) in liable {
            found.push((InboxKind::ToSettle, from, who, goods, due_on));
        }
        let open: Vec<&Discrepancy> = shipment
            .discrepancies
            .iter()
            .filter(|it| it.state() == DiscrepancyState::Open)
            .filter(|it| match it.answer_due_on.parse::<NaiveDate>() {
                Ok(day) => day >= self.day,
                Err(_) => true,
            })
            .collect();
        if !open.is_empty() {
            let mut days: Vec<&str> = open.iter().map(|it| it.answer_due_on.as_str()).collect();
            days.retain(|day| !day.is_empty());
            let units = open.iter().map(|it| {
                let found = it.found.as_ref().unwrap().shipment_units.as_ref();
                let units = found.unwrap().units.as_ref().unwrap();
                (&*units.item_id, units.quantity)
            });
            let first = days.into_iter().min().unwrap_or_default();
            let who = &shipment.sender_id;
            found.push((InboxKind::ToAnswer, from, who, units.collect(), first));
        }
        for (kind, at, who, goods, due_on) in found {
            let items: BTreeSet<&str> = goods.iter().map(|(item_id, _)| *item_id).collect();
            let is_one = items.len() == 1;
            let sum: i64 = goods.iter().map(|(_, quantity)| quantity).sum();
            let row = InboxRow {
                shipment_id: shipment.shipment_id.clone(),
                due_on: due_on.to_owned(),
                item_id: items
                    .first()
                    .filter(|_| is_one)
                    .map_or("", |it| it)
                    .to_owned(),
                quantity: if is_one { sum } else { 0 },
                ..InboxRow::default()
            };
            self.add(kind, at, who, to, row);
        }
    }

    fn stock(&mut self, expiring_days: u64) {
        let mut there: BTreeMap<(String, String), i64> = BTreeMap::new();
        for ((facility_id, _, batch_id, _), sums) in naive::stock(self.history.decoded()) {
            if sums[0] > 0 {
                *there.entry((facility_id, batch_id)).or_default() += sums[0];
            }
        }
        let horizon = self.day.checked_add_days(Days::new(expiring_days)).unwrap();
        for ((at, batch_id), units) in there {
            let batch = match self.history.fold(&Boundary::batch(&batch_id).unwrap()) {
                Entry::Batch(batch) => batch,
                _ => Batch::default(),
            };
            let row = |due_on: &str| InboxRow {
                batch_id: batch_id.clone(),
                item_id: batch.item_id.clone(),
                due_on: due_on.to_owned(),
                quantity: units,
                ..InboxRow::default()
            };
            let last = batch.expires_on.parse::<NaiveDate>();
            if last.is_ok_and(|last| last <= horizon) {
                let row = row(&batch.expires_on);
                self.add(InboxKind::Expiring, &at, "", &at, row);
            }
            if batch.discrepancy > 0 {
                self.add(InboxKind::ToCount, &at, "", &at, row(""));
            }
        }
    }
}

/// In the order of the list.
fn all_that_waits(history: &History, day: NaiveDate, expiring_days: u64) -> Vec<InboxRow> {
    let rows = Vec::new();
    let mut naive = Naive { history, day, rows };
    for id in &history.requests {
        if let Entry::Request(request) = history.fold(&Boundary::request(id).unwrap()) {
            naive.request(&request);
        }
    }
    for id in &history.shipments {
        if let Entry::Shipment(shipment) = history.fold(&Boundary::shipment(id).unwrap()) {
            naive.shipment(&shipment);
        }
    }
    naive.stock(expiring_days);
    let mut rows = naive.rows;
    rows.sort_by_cached_key(|(row, since)| {
        (
            (!row.emergency, Reverse(row.priority)),
            (row.due_on.is_empty(), row.due_on.clone(), *since, row.kind),
            row.facility_id.clone(),
            (row.request_id.clone(), row.shipment_id.clone()),
            (row.batch_id.clone(), row.organisation_id.clone()),
        )
    });
    rows.into_iter().map(|(row, _)| row).collect()
}

fn ask_page_by_page(
    connection: &Connection,
    mut request: ListInboxRequest,
    day: NaiveDate,
) -> Vec<InboxRow> {
    let mut rows = Vec::new();
    loop {
        let query = InboxQuery::parse(&request).unwrap();
        let page = query.answer(connection, day).unwrap();
        assert!(page.rows.len() <= usize::try_from(request.page_size).unwrap());
        rows.extend(page.rows);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return rows;
        }
    }
}

#[test]
fn what_waits_is_what_plain_code_selects_from_everything() {
    let days = ["2026-03-03", "2026-03-08", "2026-03-09", "2029-12-15"];
    let days = days.map(|day| day.parse::<NaiveDate>().unwrap());
    let mut seen = BTreeSet::new();
    for seed in [19, 7] {
        let history = busy(seed);
        let waiting = days.map(|day| (day, all_that_waits(&history, day, 30)));
        let rows = waiting.iter().flat_map(|(_, rows)| rows);
        seen.extend(rows.map(InboxRow::kind));
        writers(&history, |connection| {
            for (day, waiting) in &waiting {
                ask_for_some(connection, *day, waiting, seed);
            }
            // What nothing waits of is not even read.
            for (table, is_done) in [
                ("shipments", "waits_until = ''"),
                ("requests", "is_open = 0 AND is_unconfirmed = 0"),
            ] {
                let sql = format!("UPDATE {table} SET resource = ?1 WHERE {is_done}");
                let mut statement = connection.prepare_cached(&sql).unwrap();
                let nonsense: &[u8] = &[0xff];
                assert!(statement.execute(params![nonsense]).unwrap() > 0, "{table}");
            }
            for (day, waiting) in &waiting {
                ask_for_some(connection, *day, waiting, seed);
            }
        });
    }
    assert_eq!(seen.len(), 12, "{seen:?}");
}

/// Filters of all kinds, and pages of all sizes.
fn ask_for_some(connection: &Connection, day: NaiveDate, waiting: &[InboxRow], seed: u64) {
    let mut chance = Chance(seed);
    let mut some = |all: &[&str]| {
        let chosen = all.get(chance.below(2 * all.len()));
        chosen.copied().unwrap_or_default().to_owned()
    };
    for round in 0..24 {
        let facility_id = if round % 2 == 0 {
            some(&FACILITIES.map(|(id, _)| id))
        } else {
            String::new()
        };
        let kind = some(&["1", "4", "7", "9", "12"]);
        let asked = ListInboxRequest {
            kinds: kind.parse().into_iter().collect(),
            region_id: some(&["KZ-75", "KZ-62", "KZ-10", "KZ-33"]),
            facility_id,
            organisation_id: some(&ORGANISATIONS),
            page_size: if round % 3 == 0 { 3 } else { 500 },
            ..ListInboxRequest::default()
        };
        let is = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        let expected: Vec<&InboxRow> = waiting
            .iter()
            .filter(|row| asked.kinds.is_empty() || asked.kinds.contains(&row.kind))
            .filter(|row| is(&asked.region_id, &row.region_id))
            .filter(|row| is(&asked.facility_id, &row.facility_id))
            .filter(|row| is(&asked.organisation_id, &row.organisation_id))
            .collect();
        let found = ask_page_by_page(connection, asked.clone(), day);
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{asked:?}");
    }
}
