//! The fold of a request. What became of it is not copied into facts of its own: it is folded from what happens to
//! shipments.

use keruen_proto::{
    Event, EventType,
    inventory::v1::ReceiptOutcome,
    requests::v1::{Request, RequestApproved, RequestFiled, RequestRejected, RequestState},
    shipments::v1::{
        AllocationReleased, LossActAccepted, LossActVoided, ReceivedUnits, ShipmentAllocated,
        ShipmentCancelled, ShipmentReceiptVoided, ShipmentReceived, ShipmentUnits,
    },
};

use crate::{books::Fold, boundary::Boundary};

impl Fold for Request {
    const EVENT_TYPES: &'static [&'static str] = &[
        RequestFiled::TYPE,
        RequestApproved::TYPE,
        RequestRejected::TYPE,
        ShipmentAllocated::TYPE,
        AllocationReleased::TYPE,
        ShipmentCancelled::TYPE,
        ShipmentReceived::TYPE,
        LossActAccepted::TYPE,
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
            Event::RequestApproved(event) if is_it(&event.request_id) => {
                for approved in &event.lines {
                    for line in self
                        .lines
                        .iter_mut()
                        .filter(|line| line.line == approved.line)
                    {
                        line.approved = approved.quantity;
                    }
                }
                self.state = progress(self).into();
            }
            Event::RequestRejected(event) if is_it(&event.request_id) => {
                self.state = RequestState::Rejected.into();
                self.rejection_reason = event.reason;
            }
            Event::ShipmentAllocated(event) => allocated(self, &event.units, 1),
            Event::AllocationReleased(event) => allocated(self, &event.units, -1),
            Event::ShipmentCancelled(event) => allocated(self, &event.units, -1),
            Event::LossActAccepted(event) => allocated(self, &event.units, -1),
            Event::LossActVoided(event) => allocated(self, &event.units, 1),
            Event::ShipmentReceived(event) => received(self, &event.units, 1),
            Event::ShipmentReceiptVoided(event) => received(self, &event.units, -1),
            _ => {}
        }
    }
}

fn filed(request: &mut Request, event: &RequestFiled) {
    *request = Request {
        request_id: event.request_id.clone(),
        facility_id: event.facility_id.clone(),
        lines: event.lines.clone(),
        priority: event.priority,
        needed_by: event.needed_by.clone(),
        state: RequestState::Filed.into(),
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
    change: impl Fn(&mut keruen_proto::requests::v1::RequestLine, i64),
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

/// The state that follows from the lines of an approved request.
fn progress(request: &Request) -> RequestState {
    let all = |is_done: fn(&keruen_proto::requests::v1::RequestLine) -> bool| {
        request.lines.iter().all(is_done)
    };
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
