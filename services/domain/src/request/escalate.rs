//! Those on duty are called when a request goes wrong.

use keruen_proto::{
    Event,
    registry::v1::Facility,
    requests::v1::{Escalation, EscalationReason, Request, RequestEscalated, RequestState},
};

use super::{
    EscalateRequest,
    decide::{open_request, reads, wrong_state},
};
use crate::{
    books::Books,
    boundary::Boundary,
    calendar::{facility_day, micros},
    command::{Command, Moment},
    limits, region,
    registry::{duty, existing_facility},
    rejection::Rejection,
};

/// The region whose people are called: that of the facility by now. Calls are made now, whenever they are recorded.
fn region_id(facility: &Facility) -> &str {
    facility
        .regions
        .last()
        .map_or("", |assignment| &assignment.region_id)
}

impl EscalateRequest {
    /// How often those on duty have been called for this reason.
    fn known(&self, request: &Request) -> i32 {
        request
            .escalations
            .iter()
            .filter(|known| known.reason() == self.reason)
            .map(|known| known.level)
            .max()
            .unwrap_or_default()
    }
}

impl Command for EscalateRequest {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(&self.request_id, books);
        let facility = books
            .request(&self.request_id)
            .and_then(|request| books.facility(&request.facility_id));
        boundaries.extend(facility.and_then(|facility| Boundary::duty(region_id(facility))));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let request = open_or_unconfirmed(books, self)?;
        check_reason(books, request, self.reason, moment)?;
        let known = self.known(request);
        let level = self.level.unwrap_or_else(|| known.saturating_add(1));
        if level <= known {
            return Err(Rejection::AlreadyEscalated {
                request_id: request.request_id.clone(),
                escalation_reason: name(self.reason),
                level: known,
            });
        }
        let facility = existing_facility(books, &request.facility_id)?;
        let today = facility_day(facility, moment.occurred_at_us);
        let on_duty = books
            .duty_roster(region_id(facility))
            .into_iter()
            .flat_map(|roster| duty::on_duty(roster, today));
        limits::keep(vec![
            RequestEscalated {
                request_id: request.request_id.clone(),
                facility_id: request.facility_id.clone(),
                escalation: Some(Escalation {
                    reason: self.reason.into(),
                    level,
                    region_id: region_id(facility).to_owned(),
                    on_duty_refs: on_duty.take(limits::CALLED).map(str::to_owned).collect(),
                }),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Request(self.request_id.clone()))
    }
}

/// An approval by word of mouth is to be confirmed also where all that it approved has come meanwhile.
fn open_or_unconfirmed<'a>(
    books: &'a Books,
    command: &EscalateRequest,
) -> Result<&'a Request, Rejection> {
    if command.reason == EscalationReason::NotConfirmed {
        return super::decide::existing(books, &command.request_id);
    }
    open_request(books, &command.request_id)
}

fn name(reason: EscalationReason) -> &'static str {
    reason
        .as_str_name()
        .trim_start_matches("ESCALATION_REASON_")
}

/// Refuses a call that the request gives no reason for.
fn check_reason(
    books: &Books,
    request: &Request,
    reason: EscalationReason,
    moment: Moment,
) -> Result<(), Rejection> {
    use EscalationReason::{
        ExpectationMissed, NotAnswered, NotConfirmed, Overdue, Stuck, Unspecified,
    };
    let state = request.state();
    let not_due = |due: String| {
        Err(Rejection::NotDue {
            request_id: request.request_id.clone(),
            escalation_reason: name(reason),
            due,
        })
    };
    let has_come = |time_us: i64| time_us <= moment.occurred_at_us;
    match reason {
        NotAnswered if state != RequestState::Filed => Err(wrong_state(request, "FILED")),
        Stuck if matches!(state, RequestState::Filed | RequestState::Acknowledged) => {
            Err(wrong_state(request, "to be approved"))
        }
        NotAnswered | Stuck | Unspecified => Ok(()),
        ExpectationMissed => match request.expected_at.as_ref().map(micros) {
            Some(due_us) if has_come(due_us) => Ok(()),
            Some(due_us) => not_due(crate::calendar::time(due_us)),
            None => not_due("at no time that anybody named".to_owned()),
        },
        Overdue => {
            let facility = existing_facility(books, &request.facility_id)?;
            let today = facility_day(facility, moment.occurred_at_us);
            match region::parse(&request.needed_by) {
                Some(day) if day < today => Ok(()),
                Some(day) => not_due(format!("after {day}")),
                None => not_due("on no day that anybody named".to_owned()),
            }
        }
        NotConfirmed => {
            let spoken = request.word_of_mouth.as_ref();
            let Some(spoken) = spoken.filter(|_| request.confirmed_by_ref.is_empty()) else {
                return Err(Rejection::NothingToConfirm {
                    request_id: request.request_id.clone(),
                });
            };
            let due_us = spoken.confirm_by.as_ref().map_or(0, micros);
            if has_come(due_us) {
                Ok(())
            } else {
                not_due(crate::calendar::time(due_us))
            }
        }
    }
}
