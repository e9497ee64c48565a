//! Nothing more is expected of a donation: all of its goods came, or there is a reason why not. What comes all the same
//! opens it again: it stands on the loading dock, and whoever could not book it here would book it without its donor.

use keruen_proto::{
    Event,
    inventory::v1::{
        ConsignmentState, Donation, DonationClosed, DonationReopened, DonationState, PledgeLine,
    },
};

use super::{CloseDonation, consignment::state_name, existing, money::units};
use crate::{
    books::Books,
    boundary::Boundary,
    command::{Command, Moment},
    limits,
    rejection::Rejection,
};

/// Refuses what only an open donation allows.
pub(super) fn not_closed(donation: &Donation) -> Result<(), Rejection> {
    if donation.state() == DonationState::Closed {
        return Err(Rejection::DonationState {
            donation_id: donation.donation_id.clone(),
            state: "CLOSED".to_owned(),
            allowed: "PLEDGED, PARTLY_RECEIVED or RECEIVED".to_owned(),
        });
    }
    Ok(())
}

/// That a closed donation is open again, before what opens it.
pub(crate) fn reopened(donation: &Donation) -> Option<Event> {
    (donation.state() == DonationState::Closed).then(|| {
        DonationReopened {
            donation_id: donation.donation_id.clone(),
        }
        .into()
    })
}

/// Units that are still expected.
fn short(donation: &Donation) -> i64 {
    let missing = |line: &PledgeLine| (line.quantity - line.received).max(0);
    donation
        .lines
        .iter()
        .map(missing)
        .fold(0, i64::saturating_add)
}

/// Whether the donor gave nothing of what was promised in money: no goods were promised, and no money was touched.
fn is_untouched(donation: &Donation) -> bool {
    donation.lines.is_empty()
        && donation.batch_ids.is_empty()
        && donation.money.is_some()
        && units(donation.money_spent.as_ref()) == 0
}

impl CloseDonation {
    fn check_reason(&self, donation: &Donation) -> Result<(), Rejection> {
        let short = short(donation);
        let donation_id = donation.donation_id.clone();
        match self.shortfall_reason {
            None if short > 0 || is_untouched(donation) => {
                Err(Rejection::ShortfallReasonRequired { donation_id, short })
            }
            Some(_) if short == 0 && !is_untouched(donation) => {
                Err(Rejection::NothingShort { donation_id })
            }
            _ => Ok(()),
        }
    }

    /// Refuses to close while customs or a supplier have something of it.
    fn check_under_way(donation: &Donation) -> Result<(), Rejection> {
        let under_way = donation.consignments.iter().find(|consignment| {
            matches!(
                consignment.state(),
                ConsignmentState::AtBorder | ConsignmentState::InCustoms
            )
        });
        if let Some(consignment) = under_way {
            return Err(Rejection::ConsignmentUnderWay {
                donation_id: donation.donation_id.clone(),
                consignment_id: consignment.consignment_id.clone(),
                state: state_name(consignment.state()),
            });
        }
        let open = donation
            .commitments
            .iter()
            .find(|commitment| units(commitment.open.as_ref()) > 0);
        if let Some(commitment) = open {
            return Err(Rejection::MoneyCommitted {
                donation_id: donation.donation_id.clone(),
                commitment: commitment.commitment,
                open: units(commitment.open.as_ref()),
            });
        }
        Ok(())
    }
}

impl Command for CloseDonation {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![Boundary::Donation(self.donation_id.clone())]
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let donation = existing(books, &self.donation_id)?;
        not_closed(donation)?;
        Self::check_under_way(donation)?;
        self.check_reason(donation)?;
        limits::keep(vec![
            DonationClosed {
                donation_id: self.donation_id.to_string(),
                shortfall_reason: self.shortfall_reason.map(Into::into),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Donation(self.donation_id.clone()))
    }
}
