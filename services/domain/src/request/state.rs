//! The fold of a request. What became of it is not copied into facts of its own: it is folded from what happens to
//! shipments.

use keruen_proto::{
    Event, EventType,
    inventory::v1::ReceiptOutcome,
    requests::v1::{
        ApprovalConfirmed, NeedReconfirmed, RejectionReason, Request, RequestAcknowledged,
        RequestAmended, RequestApproved, RequestCancelled, RequestClosedShort, RequestEscalated,
        RequestFiled, RequestLine, RequestMarkedDuplicate, RequestRejected, RequestState,
        RequestTriaged, ShortClosingReason, SubstituteAccepted, SubstituteDeclineReason,
        SubstituteDeclined, SubstituteOffer, SubstituteOffered, SubstituteState,
    },
    shipments::v1::{
        AllocationReleased, LossActAccepted, LossActVoided, ReceivedUnits, ShipmentAllocated,
        ShipmentCancelled, ShipmentDiverted, ShipmentReceiptVoided, ShipmentReceived,
        ShipmentUnits,
    },
};

use crate::{books::Fold, boundary::Boundary};

impl Fold for Request {
    const EVENT_TYPES: &'static [&'static str] = &[
        RequestFiled::TYPE,
        RequestApproved::TYPE,
        RequestRejected::TYPE,
        RequestAcknowledged::TYPE,
        RequestAmended::TYPE,
        RequestTriaged::TYPE,
        RequestMarkedDuplicate::TYPE,
        NeedReconfirmed::TYPE,
        ApprovalConfirmed::TYPE,
        RequestEscalated::TYPE,
        SubstituteOffered::TYPE,
        SubstituteAccepted::TYPE,
        SubstituteDeclined::TYPE,
        RequestClosedShort::TYPE,
        RequestCancelled::TYPE,
        ShipmentAllocated::TYPE,
        AllocationReleased::TYPE,
        ShipmentCancelled::TYPE,
        ShipmentReceived::TYPE,
        LossActAccepted::TYPE,
        ShipmentDiverted::TYPE,
        ShipmentReceiptVoided::TYPE,
        LossActVoided::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Boundary::Request(id) = boundary else {
            return;
        };
        let is_it = |request_id: &str| request_id == id.as_str();
        match event {
            Event::RequestFiled(event) if is_it(&event.request_id) => filed(self, event),
            Event::RequestApproved(event) if is_it(&event.request_id) => approved(self, event),
            Event::RequestRejected(event) if is_it(&event.request_id) => {
                self.state = RequestState::Rejected.into();
                self.rejection_reason = event.reason;
            }
            Event::ShipmentAllocated(event) => allocated(self, &event.units, 1),
            Event::AllocationReleased(event) => allocated(self, &event.units, -1),
            Event::ShipmentCancelled(event) => allocated(self, &event.units, -1),
            Event::LossActAccepted(event) => allocated(self, &event.units, -1),
            Event::ShipmentDiverted(event) => allocated(self, &event.units, -1),
            Event::LossActVoided(event) => allocated(self, &event.units, 1),
            Event::ShipmentReceived(event) => received(self, &event.units, 1),
            Event::ShipmentReceiptVoided(event) => received(self, &event.units, -1),
            other => lived(self, other, is_it),
        }
    }
}

/// Whether something may still come of a request in this state.
pub fn is_open(state: RequestState) -> bool {
    !matches!(
        state,
        RequestState::Fulfilled
            | RequestState::Rejected
            | RequestState::Cancelled
            | RequestState::ClosedShort
    )
}

/// Whether somebody has said of a request in this state what is given: all of it, less, or nothing. One that was taken
/// back asks for nothing.
pub fn is_decided(state: RequestState) -> bool {
    !matches!(
        state,
        RequestState::Filed | RequestState::Acknowledged | RequestState::Cancelled
    )
}

/// Base units of a line that were asked for and not approved; 0 while nobody has decided.
pub fn not_approved(request: &Request, line: &RequestLine) -> i64 {
    if is_decided(request.state()) {
        line.requested.saturating_sub(line.approved).max(0)
    } else {
        0
    }
}

/// Whether a request tells a need that stands. One that has ended may: nobody had what was needed, or could bring it.
pub fn is_need(request: &Request) -> bool {
    // Another request tells it, or it was said since that it is over.
    let is_withdrawn = !request.duplicate_of_id.is_empty() || request.cancellation_reason != 0;
    if is_withdrawn && !is_open(request.state()) {
        return false;
    }
    match request.state() {
        RequestState::Cancelled => false,
        RequestState::Rejected => !matches!(
            request.rejection_reason(),
            RejectionReason::Duplicate | RejectionReason::SufficientStock
        ),
        RequestState::ClosedShort => matches!(
            request.closing_reason(),
            ShortClosingReason::NotAvailable | ShortClosingReason::NoTransport
        ),
        _ => true,
    }
}

/// Whether a request has ended and left a need unmet.
pub(super) fn is_left_unmet(request: &Request) -> bool {
    let is_less = |line: &RequestLine| not_approved(request, line) > 0;
    match request.state() {
        RequestState::Fulfilled => is_need(request) && request.lines.iter().any(is_less),
        state => !is_open(state) && is_need(request),
    }
}

/// What happens to a request between filing and its end, beside its approval.
fn lived(request: &mut Request, event: &Event, is_it: impl Fn(&str) -> bool) {
    match event {
        Event::RequestAcknowledged(event) if is_it(&event.request_id) => {
            request.expected_at = event.expected_at;
            if request.state() == RequestState::Filed {
                request.state = RequestState::Acknowledged.into();
            }
        }
        Event::RequestAmended(event) if is_it(&event.request_id) => {
            if !event.lines.is_empty() {
                withdraw(request, &event.lines);
                request.lines.clone_from(&event.lines);
            }
            request.priority = event.priority;
            request.needed_by.clone_from(&event.needed_by);
            request
                .clinical_reason_code
                .clone_from(&event.clinical_reason_code);
            // What the office looked at was another request.
            request.triage = None;
        }
        Event::RequestTriaged(event) if is_it(&event.request_id) => {
            request.triage.clone_from(&event.triage);
            if let Some(triage) = &event.triage {
                request.priority = triage.priority;
            }
        }
        Event::RequestMarkedDuplicate(event) if is_it(&event.request_id) => {
            // Of one that had ended, only the rest of its need is.
            if is_open(request.state()) {
                request.state = RequestState::Rejected.into();
                request.rejection_reason = RejectionReason::Duplicate.into();
            }
            request.duplicate_of_id.clone_from(&event.duplicate_of_id);
        }
        Event::NeedReconfirmed(event) if is_it(&event.request_id) => {
            request.needed_by.clone_from(&event.needed_by);
            request.reconfirmed_on.clone_from(&event.reconfirmed_on);
        }
        Event::ApprovalConfirmed(event) if is_it(&event.request_id) => {
            request.confirmed_by_ref.clone_from(&event.confirmed_by_ref);
        }
        Event::RequestEscalated(event) if is_it(&event.request_id) => {
            if let Some(escalation) = &event.escalation {
                request
                    .escalations
                    .retain(|known| known.reason != escalation.reason);
                request.escalations.push(escalation.clone());
            }
        }
        Event::SubstituteOffered(event) if is_it(&event.request_id) => {
            request.substitutes.push(SubstituteOffer {
                offer: event.offer,
                line: event.line,
                item_id: event.item_id.clone(),
                state: SubstituteState::Offered.into(),
                decline_reason: 0,
            });
        }
        Event::SubstituteAccepted(event) if is_it(&event.request_id) => {
            answer(request, event.offer, SubstituteState::Accepted, 0);
        }
        Event::SubstituteDeclined(event) if is_it(&event.request_id) => {
            answer(
                request,
                event.offer,
                SubstituteState::Declined,
                event.reason,
            );
        }
        Event::RequestClosedShort(event) if is_it(&event.request_id) => {
            request.state = RequestState::ClosedShort.into();
            request.closing_reason = event.reason;
        }
        Event::RequestCancelled(event) if is_it(&event.request_id) => {
            if is_open(request.state()) {
                request.state = RequestState::Cancelled.into();
            }
            request.cancellation_reason = event.reason;
        }
        _ => {}
    }
}

/// What was offered for a line that asks for something else now, or is no more, stands no longer.
fn withdraw(request: &mut Request, lines: &[RequestLine]) {
    let goods = |lines: &[RequestLine], number: i32| {
        let line = lines.iter().find(|line| line.line == number);
        line.map(|line| (line.commodity_id.clone(), line.item_id.clone()))
    };
    for offer in &mut request.substitutes {
        let is_same = goods(&request.lines, offer.line) == goods(lines, offer.line);
        if !is_same && offer.state() != SubstituteState::Declined {
            offer.state = SubstituteState::Declined.into();
            offer.decline_reason = SubstituteDeclineReason::NoLongerNeeded.into();
        }
    }
}

fn answer(request: &mut Request, offer: i32, state: SubstituteState, reason: i32) {
    let mut offers = request.substitutes.iter_mut();
    if let Some(known) = offers.find(|known| known.offer == offer) {
        known.state = state.into();
        known.decline_reason = reason;
    }
}

fn approved(request: &mut Request, event: &RequestApproved) {
    for approved in &event.lines {
        let mut lines = request.lines.iter_mut();
        let Some(line) = lines.find(|line| line.line == approved.line) else {
            continue;
        };
        line.approved = approved.quantity;
        // A need asks for no number of units: what meets it is what is asked for then.
        if line.requested == 0 && line.need.is_some() {
            line.requested = approved.quantity;
        }
        if !approved.commodity_id.is_empty() {
            line.commodity_id.clone_from(&approved.commodity_id);
            line.item_id.clone_from(&approved.item_id);
        }
    }
    request.word_of_mouth.clone_from(&event.word_of_mouth);
    request.state = progress(request).into();
}

fn filed(request: &mut Request, event: &RequestFiled) {
    *request = Request {
        request_id: event.request_id.clone(),
        facility_id: event.facility_id.clone(),
        lines: event.lines.clone(),
        priority: event.priority,
        needed_by: event.needed_by.clone(),
        state: RequestState::Filed.into(),
        clinical_reason_code: event.clinical_reason_code.clone(),
        filing: event.filing.clone(),
        ..Request::default()
    };
}

/// Counts units of shipments as allocated, or, with sign −1, no longer.
fn allocated(request: &mut Request, units: &[ShipmentUnits], sign: i64) {
    let mut changed = false;
    for units in units {
        changed |= count(request, units, |line, quantity| {
            line.allocated = line.allocated.saturating_add(sign * quantity);
        });
    }
    if changed {
        request.state = progress(request).into();
    }
}

/// Counts units as received, or, with sign −1, no longer.
fn received(request: &mut Request, units: &[ReceivedUnits], sign: i64) {
    let mut changed = false;
    for found in units {
        let Some(units) = &found.shipment_units else {
            continue;
        };
        changed |= match found.outcome() {
            ReceiptOutcome::Good => count(request, units, |line, quantity| {
                line.received = line.received.saturating_add(sign * quantity);
            }),
            // What arrived unusable fulfils nothing: as much may be allocated again.
            ReceiptOutcome::Damaged | ReceiptOutcome::Expired => {
                count(request, units, |line, quantity| {
                    line.allocated -= sign * quantity;
                })
            }
            _ => false,
        };
    }
    if changed {
        request.state = progress(request).into();
    }
}

/// Applies a change to the request's line that units are for, if they are for any.
fn count(
    request: &mut Request,
    units: &ShipmentUnits,
    change: impl Fn(&mut RequestLine, i64),
) -> bool {
    if request.request_id.is_empty() || units.request_id != request.request_id {
        return false;
    }
    let quantity = units.units.as_ref().map_or(0, |units| units.quantity);
    for line in request
        .lines
        .iter_mut()
        .filter(|line| line.line == units.request_line)
    {
        change(line, quantity);
    }
    true
}

/// The state that follows from the lines of an approved request. One that has ended stays so, whatever still comes.
fn progress(request: &Request) -> RequestState {
    if matches!(
        request.state(),
        RequestState::ClosedShort | RequestState::Cancelled | RequestState::Rejected
    ) {
        return request.state();
    }
    let all = |is_done: fn(&RequestLine) -> bool| request.lines.iter().all(is_done);
    if all(|line| line.received >= line.approved) {
        RequestState::Fulfilled
    } else if !all(|line| line.received == 0) {
        RequestState::PartlyFulfilled
    } else if all(|line| line.allocated >= line.approved) {
        RequestState::Allocated
    } else if !all(|line| line.allocated == 0) {
        RequestState::PartlyAllocated
    } else {
        RequestState::Approved
    }
}
