//! A payment of donated money did not happen. What it was taken from has it again; goods that it was said to buy came all
//! the same, unless their receipt is corrected too.

use keruen_proto::{Event, inventory::v1::DonatedMoneySpendingVoided};

use super::super::{VoidMovement, consignment_of};
use crate::{
    books::Books, boundary::Boundary, code::Code, donation::close::reopened, rejection::Rejection,
};

impl VoidMovement {
    /// The donation that the event is about.
    fn donation_id(&self) -> &str {
        match &self.fact.event {
            Event::DonatedMoneySpent(event) => &event.donation_id,
            event => consignment_of(event).map_or("", |(donation_id, _)| donation_id),
        }
    }

    pub(super) fn reads_of_donation(&self) -> Vec<Boundary> {
        let donation_id = Code::parse(self.donation_id());
        donation_id
            .ok()
            .map(Boundary::Donation)
            .into_iter()
            .collect()
    }

    pub(super) fn check_donation(&self, books: &Books) -> Result<(), Rejection> {
        match books.donation(self.donation_id()) {
            Some(_) => Ok(()),
            None => Err(Rejection::UnknownDonation {
                donation_id: self.donation_id().to_owned(),
            }),
        }
    }

    pub(super) fn decide_on_payment(&self, books: &Books) -> Result<Vec<Event>, Rejection> {
        let Event::DonatedMoneySpent(spent) = &self.fact.event else {
            return Err(self.fact.not_so());
        };
        // Its money is there again, to be spent or kept.
        let reopened = books.donation(&spent.donation_id).and_then(reopened);
        let voided = DonatedMoneySpendingVoided {
            corrects_event_id: self.fact.event_id.clone(),
            donation_id: spent.donation_id.clone(),
            amount: spent.amount.clone(),
            supplier_id: spent.supplier_id.clone(),
            commitment: spent.commitment,
            shipment_id: spent.shipment_id.clone(),
            documents: self.documents.clone(),
        };
        Ok(reopened.into_iter().chain([voided.into()]).collect())
    }
}
