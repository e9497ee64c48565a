//! What was asked for, approved, allocated and received.

use std::collections::{BTreeMap, BTreeSet};

use keruen_proto::{
    Event,
    inventory::v1::ReceiptOutcome,
    shipments::v1::{ReceivedUnits, ShipmentUnits},
};

use super::Findings;

type Key = (String, i32);

#[derive(Debug, Default)]
struct Line {
    is_need: bool,
    requested: i64,
    approved: i64,
    allocated: i64,
    received: i64,
}

/// Every line of every request.
#[derive(Debug, Default)]
pub(super) struct Requests {
    lines: BTreeMap<Key, Line>,
    touched: BTreeSet<Key>,
}

impl Requests {
    pub fn take_in(&mut self, event: &Event) {
        match event {
            Event::RequestFiled(event) => {
                for line in &event.lines {
                    let known = self.line(&event.request_id, line.line);
                    known.requested = line.requested;
                    known.is_need = line.requested == 0 && line.need.is_some();
                }
            }
            Event::RequestAmended(event) if !event.lines.is_empty() => {
                self.lines.retain(|(id, _), _| *id != event.request_id);
                for line in &event.lines {
                    let known = self.line(&event.request_id, line.line);
                    known.requested = line.requested;
                    known.is_need = line.requested == 0 && line.need.is_some();
                }
            }
            Event::RequestApproved(event) => {
                for approved in &event.lines {
                    let line = self.line(&event.request_id, approved.line);
                    line.approved = approved.quantity;
                    // A need asks for no number of units until somebody says by how many it is met.
                    if line.is_need {
                        line.requested = approved.quantity;
                    }
                }
            }
            Event::ShipmentAllocated(event) => self.allocate(&event.units, 1),
            Event::AllocationReleased(event) => self.allocate(&event.units, -1),
            Event::ShipmentCancelled(event) => self.allocate(&event.units, -1),
            Event::LossActAccepted(event) => self.allocate(&event.units, -1),
            Event::ShipmentDiverted(event) => self.allocate(&event.units, -1),
            Event::LossActVoided(event) => self.allocate(&event.units, 1),
            Event::ShipmentReceived(event) => self.receive(&event.units, 1),
            Event::ShipmentReceiptVoided(event) => self.receive(&event.units, -1),
            _ => {}
        }
    }

    /// Counts what was received, or, with sign −1, what was not after all.
    fn receive(&mut self, units: &[ReceivedUnits], sign: i64) {
        for found in units {
            let Some(units) = &found.shipment_units else {
                continue;
            };
            match found.outcome() {
                ReceiptOutcome::Good => {
                    if let Some((line, quantity)) = self.line_of(units) {
                        line.received += sign * quantity;
                    }
                }
                ReceiptOutcome::Damaged | ReceiptOutcome::Expired => {
                    self.allocate(std::slice::from_ref(units), -sign);
                }
                _ => {}
            }
        }
    }

    fn line(&mut self, request_id: &str, number: i32) -> &mut Line {
        let key = (request_id.to_owned(), number);
        self.touched.insert(key.clone());
        self.lines.entry(key).or_default()
    }

    fn line_of(&mut self, units: &ShipmentUnits) -> Option<(&mut Line, i64)> {
        let quantity = units.units.as_ref()?.quantity;
        if units.request_id.is_empty() {
            return None;
        }
        Some((self.line(&units.request_id, units.request_line), quantity))
    }

    fn allocate(&mut self, units: &[ShipmentUnits], sign: i64) {
        for units in units {
            if let Some((line, quantity)) = self.line_of(units) {
                line.allocated += sign * quantity;
            }
        }
    }

    pub fn check(&mut self, findings: &mut Findings<'_>) {
        for key in std::mem::take(&mut self.touched) {
            let Some(line) = self.lines.get(&key) else {
                continue;
            };
            let Line {
                requested,
                approved,
                allocated,
                received,
                is_need: _,
            } = line;
            if !(0 <= *received
                && received <= allocated
                && allocated <= approved
                && approved <= requested)
            {
                findings.add(
                    4,
                    format!(
                        "line {} of request {}: {received} received, {allocated} allocated, {approved} approved, \
                         {requested} requested",
                        key.1, key.0
                    ),
                );
            }
        }
    }
}
