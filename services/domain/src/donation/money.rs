//! Donated money is set aside, and what is set aside is given up. What is neither spent nor set aside never goes below
//! zero.

use keruen_proto::{
    Event,
    inventory::v1::{DonatedMoneyCommitted, DonatedMoneyReleased, Donation, MoneyCommitment},
    registry::v1::Money,
};

use super::{CommitDonatedMoney, ReleaseDonatedMoney, close::not_closed, existing};
use crate::{
    books::Books,
    boundary::Boundary,
    command::{Command, Moment},
    limits,
    registry::{existing_organisation, in_use},
    rejection::Rejection,
};

/// An amount in minor units; 0 where there is none.
pub(super) fn units(money: Option<&Money>) -> i64 {
    money.map_or(0, |money| money.minor_units)
}

/// The money of a donation, or that none was promised.
pub(super) fn promised(donation: &Donation) -> Result<&Money, Rejection> {
    donation
        .money
        .as_ref()
        .ok_or_else(|| Rejection::NoMoneyPledged {
            donation_id: donation.donation_id.clone(),
        })
}

/// The commitment of that number, or that there is none.
pub(super) fn commitment(donation: &Donation, number: i32) -> Result<&MoneyCommitment, Rejection> {
    donation
        .commitments
        .iter()
        .find(|commitment| commitment.commitment == number)
        .ok_or_else(|| Rejection::UnknownCommitment {
            donation_id: donation.donation_id.clone(),
            commitment: number,
        })
}

/// Refuses an amount in another currency.
pub(super) fn check_currency(
    donation: &Donation,
    money: &Money,
    amount: &Money,
) -> Result<(), Rejection> {
    if amount.currency_code == money.currency_code {
        return Ok(());
    }
    Err(Rejection::CurrencyDiffers {
        donation_id: donation.donation_id.clone(),
        pledged: money.currency_code.clone(),
        given: amount.currency_code.clone(),
    })
}

/// Refuses more than is neither spent nor set aside.
pub(super) fn check_available(donation: &Donation, amount: &Money) -> Result<(), Rejection> {
    let available = units(donation.money_available.as_ref());
    if amount.minor_units <= available {
        return Ok(());
    }
    Err(Rejection::InsufficientFunds {
        donation_id: donation.donation_id.clone(),
        currency_code: amount.currency_code.clone(),
        requested: amount.minor_units,
        available,
    })
}

impl Command for CommitDonatedMoney {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![
            Boundary::Donation(self.donation_id.clone()),
            Boundary::Organisation(self.supplier_id.clone()),
        ]
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let donation = existing(books, &self.donation_id)?;
        existing_organisation(books, &self.supplier_id)?;
        not_closed(donation)?;
        let supplier = [Boundary::Organisation(self.supplier_id.clone())];
        in_use(books, &supplier, moment)?;
        let money = promised(donation)?;
        check_currency(donation, money, &self.amount)?;
        check_available(donation, &self.amount)?;
        let commitments = donation.commitments.len();
        if commitments >= limits::COMMITMENTS {
            return Err(Rejection::TooManyParts {
                donation_id: self.donation_id.to_string(),
                what: "commitments",
                limit: limits::COMMITMENTS,
            });
        }
        limits::keep(vec![
            DonatedMoneyCommitted {
                donation_id: self.donation_id.to_string(),
                commitment: i32::try_from(commitments + 1).unwrap_or(i32::MAX),
                amount: Some(self.amount.clone()),
                purpose: self.purpose.into(),
                supplier_id: self.supplier_id.to_string(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Donation(self.donation_id.clone()))
    }
}

impl Command for ReleaseDonatedMoney {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![Boundary::Donation(self.donation_id.clone())]
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let donation = existing(books, &self.donation_id)?;
        let commitment = commitment(donation, self.commitment)?;
        if units(commitment.open.as_ref()) == 0 {
            return Err(Rejection::CommitmentUsedUp {
                donation_id: self.donation_id.to_string(),
                commitment: self.commitment,
            });
        }
        limits::keep(vec![
            DonatedMoneyReleased {
                donation_id: self.donation_id.to_string(),
                commitment: self.commitment,
                amount: commitment.open.clone(),
                reason: self.reason.into(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Donation(self.donation_id.clone()))
    }
}
