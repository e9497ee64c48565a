//! What becomes overdue without anybody doing anything: requests that nobody answers, expects in vain, approves in
//! writing or moves on. State in, next calls out; the time comes in, so that the same history and the same time always
//! lead to the same calls.

use std::collections::BTreeMap;

use keruen_domain::{Boundary, Fold as _, calendar::micros, request::is_open};
use keruen_proto::{
    Event, EventType as _,
    log::v1::{OccurredAt, RecordedEvent},
    requests::v1::{EscalationReason, Request, RequestEscalated, RequestState},
    shipments::v1::ShipmentDispatched,
};
use prost::Message;
use uuid::Uuid;

mod cache;
mod deadlines;
mod run;

pub use deadlines::{Deadlines, InvalidDeadline};
pub use run::{ClockOptions, run};

/// How often those on duty are called for one thing, at most.
const MAX_CALLS: i32 = 3;
/// The name space of command ids that follow from events.
const COMMANDS: Uuid = Uuid::from_u128(0x6b3c_8a5e_41f7_4d0b_9a53_0c1e_57d2_88f4);
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;
const MINUTE_US: i64 = 60 * 1_000_000;

/// Those on duty are to be called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The request.
    pub request_id: String,
    /// Why: a [`EscalationReason`].
    pub reason: i32,
    /// How often for this reason, this time included.
    pub level: i32,
    /// UUID of the command: it follows from the event that the clock runs from, so that the call is made once, whoever
    /// finds it due and however often.
    pub command_id: Uuid,
}

/// A clock of a request: from which event it runs, and when it is due.
#[derive(Clone, PartialEq, Eq, Message)]
struct Due {
    #[prost(string, tag = "1")]
    event_id: String,
    #[prost(int64, tag = "2")]
    at_us: i64,
    /// Calls for this reason before it began.
    #[prost(int32, tag = "3")]
    level_before: i32,
}

/// An open request, and what runs for it.
#[derive(Clone, PartialEq, Message)]
struct Watched {
    #[prost(message, required, tag = "1")]
    request: Request,
    #[prost(btree_map = "int32, message", tag = "2")]
    clocks: BTreeMap<i32, Due>,
}

/// All open requests, folded from the log. Encoded, it is a state that can be kept in a cache.
#[derive(Clone, PartialEq, Message)]
pub struct Clocks {
    #[prost(btree_map = "string, message", tag = "1")]
    watched: BTreeMap<String, Watched>,
    #[prost(uint64, tag = "2")]
    position: u64,
}

impl Clocks {
    /// The event types that it takes in.
    pub fn event_types() -> Vec<String> {
        let mut types: Vec<String> = Request::EVENT_TYPES
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        types.push(ShipmentDispatched::TYPE.to_owned());
        types
    }

    /// Every event up to this position has been taken in.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Requests that may still become overdue.
    pub fn len(&self) -> usize {
        self.watched.len()
    }

    /// Whether nothing can become overdue.
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Requests that had ended, and that an event which is yet to be taken in may open again: what had fulfilled them did
    /// not come. What has happened to them is asked for by [`Clocks::watch_again`].
    pub fn reopened(&self, recorded: &RecordedEvent, event: &Event) -> Vec<String> {
        if recorded.position <= self.position || !matches!(event, Event::ShipmentReceiptVoided(_)) {
            return Vec::new();
        }
        let unknown = request_ids(recorded).filter(|id| !self.watched.contains_key(*id));
        unknown.map(str::to_owned).collect()
    }

    /// Takes in the next event of the log. Events that were taken in before change nothing.
    pub fn take_in(&mut self, recorded: &RecordedEvent, event: &Event, deadlines: &Deadlines) {
        if recorded.position <= self.position {
            return;
        }
        self.position = recorded.position;
        for request_id in request_ids(recorded) {
            let Some(boundary) = Boundary::request(request_id) else {
                continue;
            };
            let known = self.watched.remove(request_id);
            let is_filed = matches!(event, Event::RequestFiled(_));
            // What is not watched has ended.
            let Some(mut watched) = known.or_else(|| is_filed.then(Watched::default)) else {
                continue;
            };
            watched.take_in(&boundary, recorded, event, deadlines);
            if watched.runs() {
                self.watched.insert(request_id.to_owned(), watched);
            }
        }
    }

    /// Watches a request that had ended, if it is open again, by all that has happened to it until now.
    pub fn watch_again(
        &mut self,
        request_id: &str,
        history: &[(RecordedEvent, Event)],
        deadlines: &Deadlines,
    ) {
        let Some(boundary) = Boundary::request(request_id) else {
            return;
        };
        let mut watched = Watched::default();
        for (recorded, event) in history {
            watched.take_in(&boundary, recorded, event, deadlines);
        }
        if watched.runs() {
            self.watched.insert(request_id.to_owned(), watched);
        }
    }

    /// Everything up to this position is known, also where there was nothing to take in.
    pub fn reach(&mut self, position: u64) {
        self.position = self.position.max(position);
    }

    /// The calls that are due at a time, in microseconds since 1970-01-01T00:00:00Z, the longest due first.
    pub fn due(&self, now_us: i64, deadlines: &Deadlines) -> Vec<Call> {
        let mut due = Vec::new();
        for (request_id, watched) in &self.watched {
            for (reason, clock) in &watched.clocks {
                let level = level(&watched.request, *reason);
                let calls = level - clock.level_before;
                let at_us = clock
                    .at_us
                    .saturating_add(deadlines.repeat_us().saturating_mul(i64::from(calls)));
                if calls < MAX_CALLS && at_us <= now_us {
                    due.push((at_us, call(request_id, *reason, level + 1, clock)));
                }
            }
        }
        due.sort();
        due.into_iter().map(|(_, call)| call).collect()
    }
}

/// The requests that an event is about.
fn request_ids(recorded: &RecordedEvent) -> impl Iterator<Item = &str> {
    let tags = recorded.tags.iter();
    tags.filter_map(|tag| tag.strip_prefix("request:"))
}

fn call(request_id: &str, reason: i32, level: i32, clock: &Due) -> Call {
    let step = format!("{}/escalate/{reason}/{level}", clock.event_id);
    Call {
        request_id: request_id.to_owned(),
        reason,
        level,
        command_id: Uuid::new_v5(&COMMANDS, step.as_bytes()),
    }
}

/// How often those on duty have been called for a reason.
fn level(request: &Request, reason: i32) -> i32 {
    let known = request.escalations.iter();
    known
        .filter(|known| known.reason == reason)
        .map(|known| known.level)
        .max()
        .unwrap_or_default()
}

impl Watched {
    fn take_in(
        &mut self,
        boundary: &Boundary,
        recorded: &RecordedEvent,
        event: &Event,
        deadlines: &Deadlines,
    ) {
        let before = self.request.clone();
        self.request.evolve(boundary, event);
        self.set_clocks(&before, recorded, event, deadlines);
    }

    /// Whether something may still become overdue.
    fn runs(&self) -> bool {
        !self.clocks.is_empty() || is_open(self.request.state())
    }

    /// Starts, keeps and stops clocks after an event.
    fn set_clocks(
        &mut self,
        before: &Request,
        recorded: &RecordedEvent,
        event: &Event,
        deadlines: &Deadlines,
    ) {
        use EscalationReason::{ExpectationMissed, NotAnswered, NotConfirmed, Overdue, Stuck};
        // That somebody was called moves nothing on.
        if matches!(event, Event::RequestEscalated(RequestEscalated { .. })) {
            return;
        }
        let request = self.request.clone();
        let state = request.state();
        let recorded_at_us = recorded.recorded_at_us;
        // Nobody could answer before it was known; so what was recorded late is due later.
        let answer_due = (state == RequestState::Filed)
            .then(|| recorded_at_us.saturating_add(deadlines.answer_us(request.priority())));
        let is_anew = matches!(event, Event::RequestFiled(_) | Event::RequestAmended(_));
        self.set(NotAnswered, answer_due, is_anew, recorded);
        let moves = matches!(
            state,
            RequestState::Approved
                | RequestState::PartlyAllocated
                | RequestState::Allocated
                | RequestState::PartlyFulfilled
        );
        let stuck_due =
            moves.then(|| recorded_at_us.saturating_add(deadlines.stuck_us(request.priority())));
        // That the need is still there moves nothing on either.
        let is_anew = !matches!(event, Event::NeedReconfirmed(_));
        self.set(Stuck, stuck_due, is_anew, recorded);

        let is_history = |due_us: &i64| *due_us < recorded_at_us - deadlines.history_us();
        let expected = request.expected_at.as_ref().map(micros);
        let waits = matches!(state, RequestState::Filed | RequestState::Acknowledged);
        let expected_due = expected.filter(|due_us| waits && !is_history(due_us));
        let was_told = request.expected_at != before.expected_at;
        self.set(ExpectationMissed, expected_due, was_told, recorded);

        let needed_due = end_of_day(&request.needed_by, recorded.occurred_at.as_ref());
        let needed_due = needed_due.filter(|due_us| is_open(state) && !is_history(due_us));
        let was_moved = request.needed_by != before.needed_by;
        self.set(Overdue, needed_due, was_moved, recorded);

        let spoken = request.word_of_mouth.as_ref();
        let spoken = spoken.filter(|_| request.confirmed_by_ref.is_empty());
        let confirm_due = spoken.and_then(|spoken| spoken.confirm_by.as_ref().map(micros));
        let confirm_due = confirm_due.filter(|due_us| !is_history(due_us));
        let was_spoken = request.word_of_mouth != before.word_of_mouth;
        self.set(NotConfirmed, confirm_due, was_spoken, recorded);
    }

    /// Starts a clock where there is none or the event starts it anew; stops it where nothing is due.
    fn set(
        &mut self,
        reason: EscalationReason,
        due_us: Option<i64>,
        is_anew: bool,
        recorded: &RecordedEvent,
    ) {
        let reason = i32::from(reason);
        match due_us {
            None => {
                self.clocks.remove(&reason);
            }
            Some(at_us) if is_anew || !self.clocks.contains_key(&reason) => {
                let clock = Due {
                    event_id: recorded.event_id.clone(),
                    at_us,
                    level_before: level(&self.request, reason),
                };
                self.clocks.insert(reason, clock);
            }
            Some(_) => {}
        }
    }
}

/// When a day ends at the place of an event.
fn end_of_day(day: &str, occurred_at: Option<&OccurredAt>) -> Option<i64> {
    let day = chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
    let midnight = day.succ_opt()?.and_time(chrono::NaiveTime::MIN).and_utc();
    let offset_minutes = occurred_at.map_or(0, |it| it.utc_offset_minutes);
    Some(midnight.timestamp_micros() - i64::from(offset_minutes) * MINUTE_US)
}

#[cfg(test)]
mod tests;
