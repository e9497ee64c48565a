//! Units in shipments: claimed, sent, received, lost.

use keruen_proto::{
    Event,
    inventory::v1::{ReceiptOutcome, StockUnits},
    shipments::v1::{ShipmentReceived, ShipmentTitleTransferred, ShipmentUnits},
};

use super::super::Findings;
use super::Units;

impl Units {
    pub(super) fn take_in_shipment(
        &mut self,
        event: &Event,
        occurred_at_us: i64,
        findings: &mut Findings<'_>,
    ) {
        match event {
            Event::ShipmentRequested(event) => {
                for line in &event.lines {
                    self.terms.insert(
                        (event.shipment_id.clone(), line.line),
                        (line.owner_id.clone(), line.min_life_days),
                    );
                }
            }
            Event::ShipmentAllocated(event) => self.allocate(event, occurred_at_us, findings),
            Event::AllocationReleased(event) => {
                self.claim(&event.shipment_id, &event.origin_id, &event.units, -1);
            }
            Event::ShipmentCancelled(event) => {
                self.claim(&event.shipment_id, &event.origin_id, &event.units, -1);
            }
            Event::ShipmentDispatched(event) => {
                // What has left can't be kept back.
                if !self.left.remove(&event.shipment_id) {
                    self.check_usable("sent", 2, &event.units, findings);
                }
                self.claim(&event.shipment_id, &event.origin_id, &event.units, -1);
                for units in &event.units {
                    self.leave(
                        units.units.as_ref(),
                        &event.origin_id,
                        0,
                        |account, quantity| {
                            *account
                                .shipments
                                .entry(event.shipment_id.clone())
                                .or_default() += quantity;
                        },
                    );
                }
            }
            Event::ShipmentTitleTransferred(event) => self.transfer_in_shipment(event),
            Event::ShipmentReceived(event) => self.receive(event),
            Event::ShipmentSplit(event) => {
                for units in &event.units {
                    if let Some((account, quantity)) = self.account(units.units.as_ref()) {
                        let shipments = &mut account.shipments;
                        *shipments.entry(event.shipment_id.clone()).or_default() -= quantity;
                        *shipments.entry(event.new_shipment_id.clone()).or_default() += quantity;
                    }
                }
            }
            Event::LossActAccepted(event) => {
                for units in &event.units {
                    if let Some((account, quantity)) = self.account(units.units.as_ref()) {
                        *account
                            .shipments
                            .entry(event.shipment_id.clone())
                            .or_default() -= quantity;
                        account.lost += quantity;
                    }
                }
            }
            _ => self.take_in_voided(event),
        }
    }

    /// What was said of a shipment did not happen.
    pub(super) fn take_in_voided(&mut self, event: &Event) {
        match event {
            Event::ShipmentDispatchVoided(event) => {
                for units in event.units.iter().filter_map(|units| units.units.as_ref()) {
                    self.load(&event.shipment_id, units, -1);
                    self.put(Some(units), &event.origin_id, ReceiptOutcome::Good);
                }
                self.claim(&event.shipment_id, &event.origin_id, &event.units, 1);
            }
            Event::ShipmentReceiptVoided(event) => {
                let found = event.units.iter().enumerate();
                for (index, found) in
                    found.filter(|(_, it)| it.outcome() != ReceiptOutcome::Missing)
                {
                    let units = found.shipment_units.as_ref();
                    let Some(units) = units.and_then(|units| units.units.as_ref()) else {
                        continue;
                    };
                    let held = event.held_quantities.get(index).copied();
                    let is_new = crate::batch::is_new(found.outcome());
                    self.leave(
                        Some(units),
                        &event.destination_id,
                        held.unwrap_or(0),
                        |account, quantity| {
                            if is_new {
                                account.received -= quantity;
                            }
                        },
                    );
                    if !is_new {
                        self.load(&event.shipment_id, units, 1);
                    }
                }
            }
            Event::LossActVoided(event) => {
                for units in event.units.iter().filter_map(|units| units.units.as_ref()) {
                    self.load(&event.shipment_id, units, 1);
                    if let Some((account, quantity)) = self.account(Some(units)) {
                        account.lost -= quantity;
                    }
                }
            }
            _ => {}
        }
    }

    /// Units are in a shipment, or, with sign −1, no longer.
    pub(super) fn load(&mut self, shipment_id: &str, units: &StockUnits, sign: i64) {
        if let Some((account, quantity)) = self.account(Some(units)) {
            let in_transit = account.shipments.entry(shipment_id.to_owned()).or_default();
            *in_transit += sign * quantity;
        }
    }

    pub(super) fn claim(
        &mut self,
        shipment_id: &str,
        facility_id: &str,
        units: &[ShipmentUnits],
        sign: i64,
    ) {
        for units in units {
            let Some((account, quantity)) = self.account(units.units.as_ref()) else {
                continue;
            };
            let pile = account
                .facilities
                .entry(facility_id.to_owned())
                .or_default();
            let claim = pile.reserved.entry(shipment_id.to_owned()).or_default();
            *claim += sign * quantity;
            if *claim == 0 {
                pile.reserved.remove(shipment_id);
            }
        }
    }

    pub(super) fn receive(&mut self, event: &ShipmentReceived) {
        for found in &event.units {
            let units = found
                .shipment_units
                .as_ref()
                .and_then(|units| units.units.as_ref());
            match found.outcome() {
                ReceiptOutcome::Missing => {}
                outcome if crate::batch::is_new(outcome) => {
                    self.arrive(units, &event.destination_id, outcome);
                }
                outcome => {
                    if let Some((account, quantity)) = self.account(units) {
                        *account
                            .shipments
                            .entry(event.shipment_id.clone())
                            .or_default() -= quantity;
                    }
                    self.put(units, &event.destination_id, outcome);
                }
            }
        }
    }

    /// Units that a shipment has claimed or carries pass to another owner: it claims or carries them as before.
    fn transfer_in_shipment(&mut self, event: &ShipmentTitleTransferred) {
        let (shipment_id, facility_id) = (&event.shipment_id, &event.origin_id);
        if !event.is_under_way {
            self.claim(shipment_id, facility_id, &event.units, -1);
        }
        let mut all = Vec::with_capacity(event.units.len());
        for shipped in &event.units {
            let Some(units) = &shipped.units else {
                continue;
            };
            let theirs = StockUnits {
                owner_id: event.new_owner_id.clone(),
                ..units.clone()
            };
            if event.is_under_way {
                self.load(shipment_id, units, -1);
                self.load(shipment_id, &theirs, 1);
            } else {
                self.leave(Some(units), facility_id, 0, |_, _| {});
                self.put(Some(&theirs), facility_id, ReceiptOutcome::Good);
            }
            if let Some((account, quantity)) = self.account(Some(units)) {
                account.title_out += quantity;
            }
            if let Some((account, quantity)) = self.account(Some(&theirs)) {
                account.title_in += quantity;
            }
            all.push(ShipmentUnits {
                units: Some(theirs),
                ..shipped.clone()
            });
        }
        if !event.is_under_way {
            self.claim(shipment_id, facility_id, &all, 1);
        }
    }
}
