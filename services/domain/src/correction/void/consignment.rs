//! A step of a consignment did not happen: it stands where it stood before.

use keruen_proto::{
    Event,
    inventory::v1::{Consignment, ConsignmentState, ConsignmentStepVoided},
};

use super::super::{VoidMovement, consignment_of};
use crate::{
    books::{Books, Entry},
    donation::consignment::{find, state_name},
    rejection::Rejection,
};

/// Where a consignment stands after a step.
fn reached(event: &Event) -> ConsignmentState {
    match event {
        Event::ConsignmentAnnounced(_) => ConsignmentState::Announced,
        Event::ConsignmentReachedBorder(_) => ConsignmentState::AtBorder,
        Event::ConsignmentEnteredCustoms(_) => ConsignmentState::InCustoms,
        Event::ConsignmentCleared(_) => ConsignmentState::Cleared,
        Event::ConsignmentRefused(_) => ConsignmentState::Refused,
        _ => ConsignmentState::Unspecified,
    }
}

impl VoidMovement {
    pub(super) fn decide_on_consignment(&self, books: &Books) -> Result<Vec<Event>, Rejection> {
        let Some((donation_id, consignment_id)) = consignment_of(&self.fact.event) else {
            return Err(self.fact.not_so());
        };
        let donation = books.donation(donation_id);
        let Some(now) = donation.and_then(|donation| find(donation, consignment_id)) else {
            return Err(Rejection::UnknownConsignment {
                donation_id: donation_id.to_owned(),
                consignment_id: consignment_id.to_owned(),
            });
        };
        self.check_last_step(now)?;
        let before = match self.fact.before.as_deref() {
            Some(Entry::Donation(donation)) => find(donation, consignment_id),
            _ => None,
        };
        Ok(vec![
            ConsignmentStepVoided {
                corrects_event_id: self.fact.event_id.clone(),
                donation_id: donation_id.to_owned(),
                consignment_id: consignment_id.to_owned(),
                state: before.map(|before| before.state),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    /// A consignment never comes to the same point twice without leaving it by a correction: where it stands is what the
    /// last step led to.
    fn check_last_step(&self, now: &Consignment) -> Result<(), Rejection> {
        if now.state() != reached(&self.fact.event) {
            let what = format!(
                "consignment {} is {} by now",
                now.consignment_id,
                state_name(now.state())
            );
            return Err(self
                .fact
                .moved_on(what, "void first what was told of it since"));
        }
        if !now.batch_ids.is_empty() {
            let what = format!("goods came with consignment {}", now.consignment_id);
            return Err(self.fact.moved_on(what, "correct their receipt instead"));
        }
        Ok(())
    }
}
