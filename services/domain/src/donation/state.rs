//! The fold of a donation.

use keruen_proto::{
    Event, EventType,
    inventory::v1::{
        Consignment, ConsignmentAnnounced, ConsignmentCleared, ConsignmentEnteredCustoms,
        ConsignmentReachedBorder, ConsignmentRefused, ConsignmentState, ConsignmentStepVoided,
        DonatedMoneyCommitted, DonatedMoneyReleased, DonatedMoneySpendingVoided, DonatedMoneySpent,
        Donation, DonationClosed, DonationPledged, DonationReceived, DonationReopened,
        DonationState, EarmarksChanged, MoneyCommitment, ReceiptCorrected, ReceiptOutcome,
        ReceivedLine,
    },
    registry::v1::{DocumentRef, Money},
};

use super::money::units;
use crate::{books::Fold, boundary::Boundary};

impl Fold for Donation {
    const EVENT_TYPES: &'static [&'static str] = &[
        DonationPledged::TYPE,
        DonationReceived::TYPE,
        DonatedMoneySpent::TYPE,
        DonatedMoneyCommitted::TYPE,
        DonatedMoneyReleased::TYPE,
        DonationClosed::TYPE,
        DonationReopened::TYPE,
        ConsignmentAnnounced::TYPE,
        ConsignmentReachedBorder::TYPE,
        ConsignmentEnteredCustoms::TYPE,
        ConsignmentCleared::TYPE,
        ConsignmentRefused::TYPE,
        ReceiptCorrected::TYPE,
        EarmarksChanged::TYPE,
        DonatedMoneySpendingVoided::TYPE,
        ConsignmentStepVoided::TYPE,
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
                    received(self, line, &event.consignment_id);
                }
                self.documents.extend_from_slice(&event.documents);
                self.state = progress(self).into();
            }
            Event::ReceiptCorrected(event)
                if event
                    .units
                    .as_ref()
                    .is_some_and(|units| is_it(&units.donation_id)) =>
            {
                corrected(self, event);
            }
            Event::DonatedMoneySpent(event) if is_it(&event.donation_id) => spent(self, event),
            Event::DonatedMoneyCommitted(event) if is_it(&event.donation_id) => {
                self.commitments.push(MoneyCommitment {
                    commitment: event.commitment,
                    amount: event.amount.clone(),
                    open: event.amount.clone(),
                    purpose: event.purpose,
                    supplier_id: event.supplier_id.clone(),
                    documents: event.documents.clone(),
                });
            }
            Event::DonatedMoneyReleased(event) if is_it(&event.donation_id) => {
                take_off(self, event.commitment, units(event.amount.as_ref()));
            }
            Event::EarmarksChanged(event) if is_it(&event.donation_id) => {
                self.earmarks.clone_from(&event.earmarks);
                self.documents.extend_from_slice(&event.documents);
            }
            Event::DonationClosed(event) if is_it(&event.donation_id) => {
                self.state = DonationState::Closed.into();
                self.shortfall_reason = event.shortfall_reason;
                self.documents.extend_from_slice(&event.documents);
            }
            Event::DonationReopened(event) if is_it(&event.donation_id) => {
                self.shortfall_reason = None;
                self.state = progress(self).into();
            }
            Event::ConsignmentAnnounced(event) if is_it(&event.donation_id) => {
                self.consignments.push(Consignment {
                    consignment_id: event.consignment_id.clone(),
                    state: ConsignmentState::Announced.into(),
                    expected_on: event.expected_on.clone(),
                    documents: event.documents.clone(),
                    ..Consignment::default()
                });
            }
            Event::ConsignmentReachedBorder(event) if is_it(&event.donation_id) => {
                let state = ConsignmentState::AtBorder;
                moved(self, &event.consignment_id, state, &event.documents);
            }
            Event::ConsignmentEnteredCustoms(event) if is_it(&event.donation_id) => {
                let state = ConsignmentState::InCustoms;
                moved(self, &event.consignment_id, state, &event.documents);
            }
            Event::ConsignmentCleared(event) if is_it(&event.donation_id) => {
                let state = ConsignmentState::Cleared;
                moved(self, &event.consignment_id, state, &event.documents);
            }
            Event::ConsignmentRefused(event) if is_it(&event.donation_id) => {
                let state = ConsignmentState::Refused;
                moved(self, &event.consignment_id, state, &event.documents);
                if let Some(consignment) = consignment(self, &event.consignment_id) {
                    consignment.refusal_reason = Some(event.reason);
                }
            }
            Event::DonatedMoneySpendingVoided(event) if is_it(&event.donation_id) => {
                never_spent(self, event);
            }
            Event::ConsignmentStepVoided(event) if is_it(&event.donation_id) => {
                stands_where_it_stood(self, event);
            }
            _ => return,
        }
        balance(self);
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
        conditions: event.conditions.clone(),
        earmarks: event.earmarks.clone(),
        ..Donation::default()
    };
}

fn received(donation: &mut Donation, received: &ReceivedLine, consignment_id: &str) {
    let Some(units) = &received.units else { return };
    if received.outcome() != ReceiptOutcome::Missing {
        donation.batch_ids.push(units.batch_id.clone());
        if let Some(consignment) = consignment(donation, consignment_id) {
            consignment.batch_ids.push(units.batch_id.clone());
        }
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

/// So many more or fewer came.
fn corrected(donation: &mut Donation, event: &ReceiptCorrected) {
    let quantity = event.units.as_ref().map_or(0, |units| units.quantity);
    let change = if event.decrease { -quantity } else { quantity };
    if counts(event.outcome()) {
        for line in donation
            .lines
            .iter_mut()
            .filter(|line| line.line == event.pledge_line)
        {
            line.received = line.received.saturating_add(change);
        }
    }
    if donation.state() != DonationState::Closed {
        donation.state = progress(donation).into();
    }
}

/// Whether units with this outcome count for the line of the pledge that they were promised by.
pub(crate) fn counts(outcome: ReceiptOutcome) -> bool {
    matches!(
        outcome,
        ReceiptOutcome::Good | ReceiptOutcome::Damaged | ReceiptOutcome::Expired
    )
}

fn spent(donation: &mut Donation, event: &DonatedMoneySpent) {
    let amount = units(event.amount.as_ref());
    if let Some(spent) = &mut donation.money_spent {
        spent.minor_units = spent.minor_units.saturating_add(amount);
    }
    take_off(donation, event.commitment, amount);
    donation.documents.extend_from_slice(&event.documents);
    donation.state = progress(donation).into();
}

/// What had been said to be spent is not, and set aside again where it had been.
fn never_spent(donation: &mut Donation, event: &DonatedMoneySpendingVoided) {
    let amount = units(event.amount.as_ref());
    if let Some(spent) = &mut donation.money_spent {
        spent.minor_units = spent.minor_units.saturating_sub(amount);
    }
    take_off(donation, event.commitment, -amount);
    donation.documents.extend_from_slice(&event.documents);
    donation.state = progress(donation).into();
}

fn stands_where_it_stood(donation: &mut Donation, event: &ConsignmentStepVoided) {
    let Some(state) = event.state else {
        let is_it = |it: &Consignment| it.consignment_id == event.consignment_id;
        donation.consignments.retain(|it| !is_it(it));
        return;
    };
    if let Some(consignment) = consignment(donation, &event.consignment_id) {
        consignment.state = state;
        consignment.refusal_reason = None;
        consignment.documents.extend_from_slice(&event.documents);
    }
}

/// So much of a commitment is no longer set aside.
fn take_off(donation: &mut Donation, number: i32, amount: i64) {
    let known = donation
        .commitments
        .iter_mut()
        .filter(|commitment| commitment.commitment == number);
    for open in known.filter_map(|commitment| commitment.open.as_mut()) {
        open.minor_units = open.minor_units.saturating_sub(amount);
    }
}

fn consignment<'a>(donation: &'a mut Donation, id: &str) -> Option<&'a mut Consignment> {
    donation
        .consignments
        .iter_mut()
        .find(|consignment| consignment.consignment_id == id)
}

fn moved(donation: &mut Donation, id: &str, state: ConsignmentState, documents: &[DocumentRef]) {
    if let Some(consignment) = consignment(donation, id) {
        consignment.state = state.into();
        consignment.documents.extend_from_slice(documents);
    }
}

fn progress(donation: &Donation) -> DonationState {
    let spent = units(donation.money_spent.as_ref());
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

/// States what is still expected, and what money is left.
fn balance(donation: &mut Donation) {
    let is_closed = donation.state() == DonationState::Closed;
    for line in &mut donation.lines {
        line.outstanding = if is_closed {
            0
        } else {
            (line.quantity - line.received).max(0)
        };
    }
    let committed = donation
        .commitments
        .iter()
        .map(|commitment| units(commitment.open.as_ref()))
        .fold(0, i64::saturating_add);
    let spent = units(donation.money_spent.as_ref());
    let of = |minor_units: i64| {
        donation.money.as_ref().map(|money| Money {
            minor_units,
            ..money.clone()
        })
    };
    let (committed, available) = (
        of(committed),
        of(units(donation.money.as_ref()) - spent - committed),
    );
    donation.money_committed = committed;
    donation.money_available = available;
}
