//! Clocks under time, repetition, restarts and several callers at once.

use std::collections::BTreeMap;

use keruen_domain::{
    Books, Boundary, Code, Command, Entry, Moment, Quantity, Rejection,
    calendar::timestamp,
    request::{
        AcknowledgeRequest, ApproveRequest, CancelRequest, ConfirmApproval, EscalateRequest,
        FileRequest, NeededGoods, ReconfirmNeed, RejectRequest, Spoken,
    },
    tags,
};
use keruen_proto::{
    inventory::v1::{ReceiptOutcome, StockUnits},
    registry::v1::{
        Commodity, CommodityRegistered, Facility, FacilityKind, FacilityRegistered,
        RegionAssignment,
    },
    requests::v1::{RejectionReason, RequestCancellationReason, RequestPriority},
    shipments::v1::{
        ReceivedUnits, ShipmentAllocated, ShipmentReceiptVoided, ShipmentReceived, ShipmentUnits,
    },
};
use proptest::prelude::*;

use super::*;

const HOUR_US: i64 = 60 * MINUTE_US;
/// 2020-04-10, noon in Almaty.
const NOON_US: i64 = 1_586_498_400_000_000;

fn code(text: &str) -> Code {
    Code::parse(text).unwrap()
}

/// A log and the service before it, in memory: a command that is repeated has its first effect only.
#[derive(Clone)]
struct Service {
    events: Vec<(RecordedEvent, Event)>,
    commands: BTreeMap<Uuid, usize>,
    now_us: i64,
}

impl Service {
    fn new() -> Self {
        let mut service = Self {
            events: Vec::new(),
            commands: BTreeMap::new(),
            now_us: NOON_US,
        };
        let facility = Facility {
            facility_id: "HOSP".to_owned(),
            kind: FacilityKind::Hospital.into(),
            regions: vec![RegionAssignment {
                region_id: "KZ-75".to_owned(),
                valid_from: String::new(),
            }],
            time_zone: "Asia/Almaty".to_owned(),
            ..Facility::default()
        };
        let commodity = Commodity {
            commodity_id: "TEST".to_owned(),
            ..Commodity::default()
        };
        service.append(FacilityRegistered {
            facility: Some(facility),
        });
        service.append(CommodityRegistered {
            commodity: Some(commodity),
        });
        service
    }

    fn append(&mut self, event: impl Into<Event>) {
        let event = event.into();
        let position = self.events.len() as u64 + 1;
        let recorded = RecordedEvent {
            position,
            event_id: format!("event-{position}/0"),
            tags: tags(&event),
            recorded_at_us: self.now_us,
            occurred_at: Some(OccurredAt {
                time_us: self.now_us,
                utc_offset_minutes: 360,
                ..OccurredAt::default()
            }),
            ..RecordedEvent::default()
        };
        self.events.push((recorded, event));
    }

    fn read(&self, boundary: &Boundary) -> Entry {
        let mut entry = Entry::empty(boundary);
        let own = boundary.tags();
        for (recorded, event) in &self.events {
            if own.iter().any(|tag| recorded.tags.contains(tag)) {
                entry.evolve(boundary, event);
            }
        }
        entry
    }

    fn command(&mut self, command: &dyn Command) -> Result<(), Rejection> {
        let mut books = Books::default();
        loop {
            let wanted = command.reads(&books);
            let new: Vec<_> = wanted
                .into_iter()
                .filter(|boundary| !books.contains(boundary))
                .collect();
            if new.is_empty() {
                break;
            }
            for boundary in new {
                let entry = self.read(&boundary);
                books.insert(boundary, entry);
            }
        }
        let moment = Moment {
            now_us: self.now_us,
            occurred_at_us: self.now_us,
        };
        for event in command.decide(&books, moment)? {
            self.append(event);
        }
        Ok(())
    }

    /// A request that is approved, as it stands.
    fn known(&self, id: &str) -> Option<Request> {
        match self.read(&Boundary::Request(code(id))) {
            Entry::Request(request) if request.lines.iter().any(|it| it.approved > 0) => {
                Some(request)
            }
            _ => None,
        }
    }

    /// What the service does with a call, however often it comes.
    fn call(&mut self, call: &Call) {
        if self.commands.contains_key(&call.command_id) {
            return;
        }
        let command = EscalateRequest {
            request_id: code(&call.request_id),
            reason: EscalationReason::try_from(call.reason).unwrap(),
            level: Some(call.level),
        };
        if self.command(&command).is_ok() {
            self.commands.insert(call.command_id, self.events.len());
        }
    }

    fn clocks(&self, deadlines: &Deadlines) -> Clocks {
        let mut clocks = Clocks::default();
        clocks.follow(self, usize::MAX, deadlines);
        clocks
    }

    /// Who was called for what, in order.
    fn calls(&self) -> Vec<(String, i32, i32)> {
        let escalated = self.events.iter().filter_map(|(_, event)| match event {
            Event::RequestEscalated(event) => Some(event),
            _ => None,
        });
        escalated
            .map(|event| {
                let escalation = event.escalation.clone().unwrap();
                (
                    event.request_id.clone(),
                    escalation.reason,
                    escalation.level,
                )
            })
            .collect()
    }
}

impl Clocks {
    /// Reads at most so many more events.
    fn follow(&mut self, service: &Service, most: usize, deadlines: &Deadlines) {
        let known = usize::try_from(self.position()).unwrap();
        for (recorded, event) in service.events.iter().skip(known).take(most) {
            let reopened = self.reopened(recorded, event);
            self.take_in(recorded, event, deadlines);
            for id in reopened {
                let until = usize::try_from(recorded.position).unwrap();
                let history: Vec<_> = service.events[..until]
                    .iter()
                    .filter(|(known, _)| known.tags.contains(&format!("request:{id}")))
                    .cloned()
                    .collect();
                self.watch_again(&id, &history, deadlines);
            }
            self.reach(recorded.position);
        }
    }
}

fn file(id: &str, priority: RequestPriority, needed_by: Option<&str>) -> FileRequest {
    FileRequest {
        request_id: code(id),
        facility_id: code("HOSP"),
        lines: vec![NeededGoods {
            line: 1,
            commodity_id: Some(code("TEST")),
            item_id: None,
            quantity: Quantity::parse(10).ok(),
            need: None,
        }],
        priority,
        needed_by: needed_by.map(|day| day.parse().unwrap()),
        clinical_reason_code: String::new(),
        filing: None,
    }
}

fn approve(id: &str, confirm_by_us: Option<i64>) -> ApproveRequest {
    ApproveRequest {
        request_id: code(id),
        lines: None,
        spoken: confirm_by_us.map(|confirm_by_us| Spoken {
            approved_by_ref: keruen_domain::Label::parse("person:9").unwrap(),
            confirm_by_us,
        }),
    }
}

fn confirm(id: &str) -> ConfirmApproval {
    ConfirmApproval {
        request_id: code(id),
        confirmed_by_ref: keruen_domain::Label::parse("person:9").unwrap(),
        documents: Vec::new(),
    }
}

fn acknowledge(id: &str, expected_at_us: Option<i64>) -> AcknowledgeRequest {
    AcknowledgeRequest {
        request_id: code(id),
        expected_at_us,
    }
}

fn allocated(id: &str, quantity: i64) -> ShipmentAllocated {
    ShipmentAllocated {
        units: vec![ShipmentUnits {
            line: 1,
            request_id: id.to_owned(),
            request_line: 1,
            units: Some(StockUnits {
                quantity,
                ..StockUnits::default()
            }),
        }],
        ..ShipmentAllocated::default()
    }
}

fn came(id: &str, quantity: i64) -> Vec<ReceivedUnits> {
    let ShipmentAllocated { units, .. } = allocated(id, quantity);
    units
        .into_iter()
        .map(|units| ReceivedUnits {
            shipment_units: Some(units),
            outcome: ReceiptOutcome::Good.into(),
            ..ReceivedUnits::default()
        })
        .collect()
}

fn received(id: &str, quantity: i64) -> ShipmentReceived {
    ShipmentReceived {
        units: came(id, quantity),
        ..ShipmentReceived::default()
    }
}

fn never_received(id: &str, quantity: i64) -> ShipmentReceiptVoided {
    ShipmentReceiptVoided {
        units: came(id, quantity),
        ..ShipmentReceiptVoided::default()
    }
}

/// The calls due after some hours, as reason and level.
fn due(service: &Service, hours: i64) -> Vec<(EscalationReason, i32)> {
    let deadlines = Deadlines::default();
    let calls = service
        .clocks(&deadlines)
        .due(NOON_US + hours * HOUR_US, &deadlines);
    calls
        .into_iter()
        .map(|call| (EscalationReason::try_from(call.reason).unwrap(), call.level))
        .collect()
}

#[test]
fn nobody_waits_longer_than_the_priority_allows() {
    use EscalationReason::NotAnswered;
    for (priority, hours) in [
        (RequestPriority::Stat, 1),
        (RequestPriority::Asap, 4),
        (RequestPriority::Urgent, 24),
        (RequestPriority::Routine, 72),
    ] {
        let mut service = Service::new();
        service.command(&file("R1", priority, None)).unwrap();
        assert_eq!(due(&service, hours - 1), []);
        assert_eq!(due(&service, hours), [(NotAnswered, 1)]);
        let mut answered = service.clone();
        answered.command(&acknowledge("R1", None)).unwrap();
        assert_eq!(due(&answered, 1_000), []);
    }
}

#[test]
fn calls_are_repeated_a_few_times() {
    use EscalationReason::NotAnswered;
    let deadlines = Deadlines::default();
    let mut service = Service::new();
    service
        .command(&file("R1", RequestPriority::Stat, None))
        .unwrap();
    for (hours, level) in [(1, 1), (13, 2), (25, 3)] {
        assert_eq!(due(&service, hours - 1), []);
        assert_eq!(due(&service, hours), [(NotAnswered, level)]);
        service.now_us = NOON_US + hours * HOUR_US;
        let calls = service.clocks(&deadlines).due(service.now_us, &deadlines);
        service.call(&calls[0]);
        // Whoever has not heard of it yet calls once more, in vain.
        service.call(&calls[0]);
    }
    assert_eq!(service.calls().len(), 3);
    assert_eq!(due(&service, 10_000), []);
}

#[test]
fn what_is_approved_must_move_on() {
    use EscalationReason::Stuck;
    let mut service = Service::new();
    service
        .command(&file("R1", RequestPriority::Asap, None))
        .unwrap();
    service.command(&approve("R1", None)).unwrap();
    assert_eq!(due(&service, 11), []);
    assert_eq!(due(&service, 12), [(Stuck, 1)]);
    service.now_us += 10 * HOUR_US;
    service.append(allocated("R1", 4));
    assert_eq!(due(&service, 21), []);
    assert_eq!(due(&service, 22), [(Stuck, 1)]);
    // That it is needed still moves nothing on; that it is needed no more ends it.
    service.now_us += HOUR_US;
    let reconfirm = ReconfirmNeed {
        request_id: code("R1"),
        needed_by: None,
        confirmed_by_ref: None,
    };
    service.command(&reconfirm).unwrap();
    assert_eq!(due(&service, 22), [(Stuck, 1)]);
    service.append(allocated("R1", -4));
    let cancel = CancelRequest {
        request_id: code("R1"),
        reason: RequestCancellationReason::NoLongerNeeded,
    };
    service.command(&cancel).unwrap();
    assert!(service.clocks(&Deadlines::default()).is_empty());
}

#[test]
fn what_was_promised_is_due_when_it_was_promised() {
    use EscalationReason::{ExpectationMissed, NotConfirmed, Overdue, Stuck};
    let mut service = Service::new();
    service
        .command(&file("R1", RequestPriority::Stat, Some("2020-04-11")))
        .unwrap();
    service
        .command(&acknowledge("R1", Some(NOON_US + 5 * HOUR_US)))
        .unwrap();
    assert_eq!(due(&service, 4), []);
    assert_eq!(due(&service, 5), [(ExpectationMissed, 1)]);
    service
        .command(&approve("R1", Some(NOON_US + 30 * HOUR_US)))
        .unwrap();
    // The day ends at midnight of the place, 36 hours after noon of the day before.
    let kinds = |hours| {
        let mut kinds: Vec<_> = due(&service, hours).into_iter().map(|(it, _)| it).collect();
        kinds.sort_unstable();
        kinds
    };
    assert_eq!(kinds(29), [Stuck]);
    assert_eq!(kinds(30), [Stuck, NotConfirmed]);
    assert_eq!(kinds(35), [Stuck, NotConfirmed]);
    assert_eq!(kinds(36), [Overdue, Stuck, NotConfirmed]);
    let mut confirmed = service.clone();
    confirmed.command(&confirm("R1")).unwrap();
    assert!(
        due(&confirmed, 36)
            .iter()
            .all(|(reason, _)| *reason != NotConfirmed)
    );
}

#[test]
fn what_was_fulfilled_by_what_never_came_is_open_again() {
    use EscalationReason::{Overdue, Stuck};
    let mut service = Service::new();
    service
        .command(&file("R1", RequestPriority::Asap, Some("2020-04-11")))
        .unwrap();
    service.command(&approve("R1", None)).unwrap();
    service.append(allocated("R1", 10));
    service.append(received("R1", 10));
    assert_eq!(due(&service, 1_000), []);
    service.append(never_received("R1", 10));
    assert_eq!(due(&service, 12), [(Stuck, 1)]);
    assert_eq!(due(&service, 36), [(Stuck, 1), (Overdue, 1)]);
    // Whoever has followed all the time knows the same.
    let deadlines = Deadlines::default();
    let mut followed = Clocks::default();
    while followed.position() < service.events.len() as u64 {
        followed.follow(&service, 1, &deadlines);
    }
    assert_eq!(followed, service.clocks(&deadlines));
}

#[test]
fn nobody_is_called_for_history() {
    let mut service = Service::new();
    service
        .command(&file("R1", RequestPriority::Stat, Some("2020-04-11")))
        .unwrap();
    // The same, but recorded half a year later: it was due long before anybody could know.
    for (recorded, _) in &mut service.events {
        recorded.recorded_at_us += 180 * DAY_US;
    }
    let deadlines = Deadlines::default();
    let at = NOON_US + 180 * DAY_US;
    assert_eq!(service.clocks(&deadlines).due(at, &deadlines), []);
    // That nobody has answered is due from then on.
    let later = service.clocks(&deadlines).due(at + HOUR_US, &deadlines);
    assert_eq!(
        later.iter().map(|call| call.reason).collect::<Vec<_>>(),
        [i32::from(EscalationReason::NotAnswered)]
    );
}

#[test]
fn an_answer_forgets_the_request_that_ended() {
    let mut service = Service::new();
    service
        .command(&file("R1", RequestPriority::Stat, None))
        .unwrap();
    assert_eq!(service.clocks(&Deadlines::default()).len(), 1);
    let reject = RejectRequest {
        request_id: code("R1"),
        reason: RejectionReason::NotAvailable,
    };
    service.command(&reject).unwrap();
    assert!(service.clocks(&Deadlines::default()).is_empty());
}

/// What people do, an hour or several later.
#[derive(Clone, Debug)]
struct Deed {
    kind: u8,
    which: usize,
    hours: i64,
}

fn deed() -> impl Strategy<Value = Deed> {
    (0..9_u8, 0..3_usize, 0..30_i64).prop_map(|(kind, which, hours)| Deed { kind, which, hours })
}

fn act(service: &mut Service, deed: &Deed) {
    let id = ["R1", "R2", "R3"][deed.which];
    let soon = service.now_us + (deed.hours % 9 + 1) * HOUR_US;
    let priority = [
        RequestPriority::Stat,
        RequestPriority::Asap,
        RequestPriority::Routine,
    ][deed.which];
    // Most deeds are refused in most states, as they should be.
    let _ = match deed.kind {
        0 | 1 => {
            let day = (deed.hours % 2 == 0).then_some("2020-04-13");
            service.command(&file(id, priority, day))
        }
        2 => service.command(&acknowledge(id, Some(soon))),
        3 => service.command(&approve(
            id,
            (priority == RequestPriority::Stat).then_some(soon),
        )),
        4 => service.command(&confirm(id)),
        5 => {
            service.append(allocated(id, 1));
            Ok(())
        }
        // Whatever was filed may be said to have come, and not to have come after all.
        6 | 7 => {
            if let Some(request) = service.known(id) {
                let received_units = request.lines[0].received;
                if deed.kind == 6 {
                    service.append(received(id, 10 - received_units));
                } else {
                    service.append(never_received(id, received_units));
                }
            }
            Ok(())
        }
        _ => service.command(&acknowledge(id, None)),
    };
}

/// Lets everything that is due be called, as a caller does that nothing disturbs.
fn settle(service: &mut Service, deadlines: &Deadlines) {
    loop {
        let calls = service.clocks(deadlines).due(service.now_us, deadlines);
        let known = service.events.len();
        for call in &calls {
            service.call(call);
        }
        if service.events.len() == known {
            return;
        }
    }
}

/// The same with callers that lag behind, forget everything, and whose calls come twice, late and in any order.
fn settle_in_chaos(
    service: &mut Service,
    callers: &mut [Clocks],
    kept: &mut Vec<u8>,
    chaos: &mut dyn Iterator<Item = u32>,
    deadlines: &Deadlines,
) {
    let mut under_way: Vec<Call> = Vec::new();
    // A caller reads what is there before it looks at the clock; what others call meanwhile it may not know.
    let head = service.events.len();
    for _ in 0..40 {
        let roll = chaos.next().unwrap_or_default() as usize;
        let caller = &mut callers[roll % 2];
        match roll / 2 % 7 {
            // It is killed, and what was kept is lost, or as somebody kept it some time ago.
            0 => *caller = Clocks::default(),
            5 => *caller = Clocks::decode(kept.as_slice()).unwrap(),
            6 => *kept = caller.encode_to_vec(),
            1 => caller.follow(service, roll % 7, deadlines),
            2 => caller.follow(service, usize::MAX, deadlines),
            3 => {
                let known = usize::try_from(caller.position()).unwrap();
                caller.follow(service, head.saturating_sub(known), deadlines);
                let calls = caller.due(service.now_us, deadlines);
                under_way.extend(calls.iter().cloned());
                under_way.extend(calls.into_iter().take(roll % 3));
            }
            _ => {
                if !under_way.is_empty() {
                    let call = under_way.swap_remove(roll % under_way.len());
                    service.call(&call);
                }
            }
        }
    }
    while !under_way.is_empty() {
        let roll = chaos.next().unwrap_or_default() as usize;
        let call = under_way.swap_remove(roll % under_way.len());
        service.call(&call);
    }
    settle(service, deadlines);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn chaos_ends_as_order_does(
        deeds in prop::collection::vec(deed(), 1..25),
        rolls in prop::collection::vec(any::<u32>(), 2_000),
    ) {
        let deadlines = Deadlines::default();
        let (mut calm, mut chaotic) = (Service::new(), Service::new());
        let mut callers = [Clocks::default(), Clocks::default()];
        let mut kept = Vec::new();
        let mut chaos = rolls.into_iter();
        for deed in &deeds {
            for service in [&mut calm, &mut chaotic] {
                act(service, deed);
                service.now_us += deed.hours * HOUR_US;
            }
            settle(&mut calm, &deadlines);
            settle_in_chaos(&mut chaotic, &mut callers, &mut kept, &mut chaos, &deadlines);
            let sorted = |service: &Service| {
                let mut calls = service.calls();
                calls.sort();
                calls
            };
            prop_assert_eq!(sorted(&calm), sorted(&chaotic));
        }
        // Nobody is called twice for the same thing at the same level.
        let mut calls = chaotic.calls();
        let made = calls.len();
        calls.sort();
        calls.dedup();
        prop_assert_eq!(calls.len(), made);
    }
}

#[test]
fn a_time_is_stored_as_it_was() {
    assert_eq!(micros(&timestamp(NOON_US)), NOON_US);
}
