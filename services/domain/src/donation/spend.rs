//! Donated money is spent: on goods, which are received in the same append, or on something that enters no books.

use keruen_proto::{
    Event,
    inventory::v1::{DonatedMoneySpent, Donation, MoneyPurpose},
};

use super::{
    Expense, Import, SpendDonatedMoney,
    close::reopened,
    existing,
    money::{check_available, check_currency, commitment, promised, units},
    receipt::Receipt,
};
use crate::{
    books::Books,
    boundary::Boundary,
    code::Code,
    command::{Command, Moment},
    limits,
    registry::existing_organisation,
    rejection::Rejection,
};

/// What money bought may have been bought in the country.
const BOUGHT: &Import = &Import {
    consignment_id: None,
    clearance_override: None,
};

impl Command for SpendDonatedMoney {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Donation(self.donation_id.clone()),
            Boundary::Organisation(self.supplier_id.clone()),
        ];
        if let Some(receipt) = self.receipt() {
            boundaries.extend(receipt.reads());
        }
        boundaries.extend(self.shipment_id().cloned().map(Boundary::Shipment));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let receipt = self.receipt();
        let donation = match &receipt {
            Some(receipt) => receipt.existence(books)?,
            None => existing(books, &self.donation_id)?,
        };
        existing_organisation(books, &self.supplier_id)?;
        self.check_shipment(books)?;
        if let Some(number) = self.commitment {
            commitment(donation, number)?;
        }
        let money = promised(donation)?;
        self.check_commitment(donation)?;
        let received = match &receipt {
            Some(receipt) => receipt.received(books, donation, moment)?,
            None => Vec::new(),
        };
        check_currency(donation, money, &self.amount)?;
        self.check_funds(donation)?;
        let mut events: Vec<Event> = reopened(donation).into_iter().collect();
        events.push(self.spent());
        events.extend(received);
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Donation(self.donation_id.clone()))
    }
}

impl SpendDonatedMoney {
    fn receipt(&self) -> Option<Receipt<'_>> {
        match &self.expense {
            Expense::Goods { facility_id, lines } => Some(Receipt {
                donation_id: &self.donation_id,
                facility_id,
                lines,
                is_bought: true,
                // They are those of the payment.
                documents: &[],
                import: BOUGHT,
            }),
            Expense::Service { .. } => None,
        }
    }

    fn purpose(&self) -> MoneyPurpose {
        match self.expense {
            Expense::Goods { .. } => MoneyPurpose::Goods,
            Expense::Service { purpose, .. } => purpose,
        }
    }

    fn shipment_id(&self) -> Option<&Code> {
        match &self.expense {
            Expense::Goods { .. } => None,
            Expense::Service { shipment_id, .. } => shipment_id.as_ref(),
        }
    }

    fn check_shipment(&self, books: &Books) -> Result<(), Rejection> {
        match self.shipment_id() {
            Some(shipment_id) if books.shipment(shipment_id).is_none() => {
                Err(Rejection::UnknownShipment {
                    shipment_id: shipment_id.to_string(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Refuses to take from a commitment what it was not made for.
    fn check_commitment(&self, donation: &Donation) -> Result<(), Rejection> {
        let Some(number) = self.commitment else {
            return Ok(());
        };
        let commitment = commitment(donation, number)?;
        let name = |purpose: MoneyPurpose| {
            let name = purpose.as_str_name();
            name.trim_start_matches("MONEY_PURPOSE_").to_owned()
        };
        if commitment.supplier_id != self.supplier_id.as_str() {
            return Err(Rejection::SupplierDiffers {
                commitment: number,
                supplier_id: commitment.supplier_id.clone(),
                given: self.supplier_id.to_string(),
            });
        }
        if commitment.purpose() != self.purpose() {
            return Err(Rejection::PurposeDiffers {
                commitment: number,
                purpose: name(commitment.purpose()),
                given: name(self.purpose()),
            });
        }
        Ok(())
    }

    fn check_funds(&self, donation: &Donation) -> Result<(), Rejection> {
        let Some(number) = self.commitment else {
            return check_available(donation, &self.amount);
        };
        let open = units(commitment(donation, number)?.open.as_ref());
        if self.amount.minor_units > open {
            return Err(Rejection::CommitmentExceeded {
                donation_id: donation.donation_id.clone(),
                commitment: number,
                requested: self.amount.minor_units,
                open,
            });
        }
        Ok(())
    }

    fn spent(&self) -> Event {
        let purpose = self.purpose();
        DonatedMoneySpent {
            donation_id: self.donation_id.to_string(),
            amount: Some(self.amount.clone()),
            supplier_id: self.supplier_id.to_string(),
            documents: self.documents.clone(),
            purpose: (purpose != MoneyPurpose::Goods).then(|| purpose.into()),
            commitment: self.commitment.unwrap_or_default(),
            shipment_id: self.shipment_id().map(Code::to_string).unwrap_or_default(),
        }
        .into()
    }
}
