//! The fold of a donation.

use keruen_proto::{
    Event, EventType,
    inventory::v1::{
        DonatedMoneySpent, Donation, DonationPledged, DonationReceived, DonationState,
        ReceiptOutcome, ReceivedLine,
    },
    registry::v1::Money,
};

use crate::{books::Fold, boundary::Boundary};

impl Fold for Donation {
    const EVENT_TYPES: &'static [&'static str] = &[
        DonationPledged::TYPE,
        DonationReceived::TYPE,
        DonatedMoneySpent::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Boundary::Donation(id) = boundary else {
            return;
        };
        let is_it = |donation_id: &str| donation_id == id.as_str();
        match event {
            Event::DonationPledged(event) if is_it(&event.donation_id) => pledged(self, event),
            Event::DonationReceived(event) if is_it(&event.donation_id) => {
                for line in &event.lines {
                    received(self, line);
                }
                self.documents.extend_from_slice(&event.documents);
                self.state = progress(self).into();
            }
            Event::DonatedMoneySpent(event) if is_it(&event.donation_id) => {
                if let (Some(spent), Some(amount)) = (&mut self.money_spent, &event.amount) {
                    spent.minor_units = spent.minor_units.saturating_add(amount.minor_units);
                }
                self.documents.extend_from_slice(&event.documents);
                self.state = progress(self).into();
            }
            _ => {}
        }
    }
}

fn pledged(donation: &mut Donation, event: &DonationPledged) {
    *donation = Donation {
        donation_id: event.donation_id.clone(),
        donor_id: event.donor_id.clone(),
        recipient_id: event.recipient_id.clone(),
        lines: event.lines.clone(),
        money: event.money.clone(),
        money_spent: event.money.as_ref().map(|money| Money {
            minor_units: 0,
            ..money.clone()
        }),
        state: DonationState::Pledged.into(),
        expected_on: event.expected_on.clone(),
        documents: event.documents.clone(),
        anonymous: event.anonymous,
        batch_ids: Vec::new(),
    };
}

fn received(donation: &mut Donation, received: &ReceivedLine) {
    let Some(units) = &received.units else { return };
    if received.outcome() != ReceiptOutcome::Missing {
        donation.batch_ids.push(units.batch_id.clone());
    }
    if counts(received.outcome()) {
        for line in donation
            .lines
            .iter_mut()
            .filter(|line| line.line == received.pledge_line)
        {
            line.received = line.received.saturating_add(units.quantity);
        }
    }
}

/// Whether units with this outcome count for the line of the pledge that they were promised by.
pub(crate) fn counts(outcome: ReceiptOutcome) -> bool {
    matches!(
        outcome,
        ReceiptOutcome::Good | ReceiptOutcome::Damaged | ReceiptOutcome::Expired
    )
}

fn progress(donation: &Donation) -> DonationState {
    let spent = donation
        .money_spent
        .as_ref()
        .map_or(0, |spent| spent.minor_units);
    let goods_complete = donation
        .lines
        .iter()
        .all(|line| line.received >= line.quantity);
    let money_complete = donation
        .money
        .as_ref()
        .is_none_or(|money| spent >= money.minor_units);
    if goods_complete && money_complete {
        DonationState::Received
    } else if donation.batch_ids.is_empty() && spent == 0 {
        DonationState::Pledged
    } else {
        DonationState::PartlyReceived
    }
}
