//! A donor promises goods or money.

use keruen_proto::{
    Event,
    inventory::v1::{DonationPledged, PledgeLine},
    registry::v1::OrganisationKind,
};

use super::PledgeDonation;
use crate::{
    books::Books,
    boundary::Boundary,
    calendar,
    code::UNATTRIBUTED,
    command::{Command, Moment},
    goods::{self, Named},
    limits,
    registry::{existing_organisation, in_use},
    rejection::Rejection,
};

impl PledgeDonation {
    fn named(&self) -> impl Iterator<Item = Named<'_>> {
        self.lines.iter().map(|goods| Named {
            line: goods.line,
            commodity_id: goods.commodity_id.as_ref(),
            item_id: goods.item_id.as_ref(),
            quantity: goods.quantity.get(),
        })
    }

    fn lines(&self, books: &Books) -> Result<Vec<PledgeLine>, Rejection> {
        if self.lines.is_empty() && self.money.is_none() {
            return Err(Rejection::NothingPledged {
                donation_id: self.donation_id.to_string(),
            });
        }
        if !self.lines.is_empty() {
            limits::lines("lines", self.lines.len(), limits::PLEDGE_LINES)?;
        }
        goods::numbered_once(self.named().map(|named| named.line))?;
        let commodities = goods::commodities(books, self.named())?;
        goods::sum("lines", self.named().map(|named| named.quantity))?;
        Ok(self
            .named()
            .zip(commodities)
            .map(|(named, commodity_id)| line(named, commodity_id))
            .collect())
    }
}

fn line(named: Named<'_>, commodity_id: String) -> PledgeLine {
    PledgeLine {
        line: named.line,
        commodity_id,
        item_id: named.item_id.map(ToString::to_string).unwrap_or_default(),
        quantity: named.quantity,
        received: 0,
    }
}

impl Command for PledgeDonation {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Donation(self.donation_id.clone()),
            Boundary::Organisation(self.donor_id.clone()),
            Boundary::Organisation(self.recipient_id.clone()),
        ];
        boundaries.extend(goods::reads(self.named()));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let donation_id = self.donation_id.to_string();
        if donation_id == UNATTRIBUTED {
            return Err(Rejection::ReservedId {
                field: "donation_id".to_owned(),
                id: donation_id,
            });
        }
        if books.donation(&donation_id).is_some() {
            return Err(Rejection::DonationExists { donation_id });
        }
        let donor = existing_organisation(books, &self.donor_id)?;
        existing_organisation(books, &self.recipient_id)?;
        goods::exist(books, self.named())?;
        let parties = [&self.donor_id, &self.recipient_id];
        let parties = parties.map(|id| Boundary::Organisation(id.clone()));
        in_use(books, &parties, moment)?;
        goods::in_use(books, self.named(), moment)?;
        if !donor.kinds().any(|kind| kind == OrganisationKind::Donor) {
            return Err(Rejection::NotADonor {
                organisation_id: self.donor_id.to_string(),
            });
        }
        limits::keep(vec![
            DonationPledged {
                donation_id,
                donor_id: self.donor_id.to_string(),
                recipient_id: self.recipient_id.to_string(),
                lines: self.lines(books)?,
                money: self.money.clone(),
                expected_on: calendar::stored(self.expected_on),
                documents: self.documents.clone(),
                anonymous: self.anonymous,
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Donation(self.donation_id.clone()))
    }
}
