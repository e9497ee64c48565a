//! A donor promises goods or money.

use keruen_proto::{
    Event,
    inventory::v1::{DonationCondition, DonationPledged, PledgeLine},
    registry::v1::{DocumentKind, DocumentRef, OrganisationKind},
};

use super::{PledgeDonation, earmark};
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

    /// A condition that stands in the agreement needs the agreement.
    fn check_conditions(&self) -> Result<(), Rejection> {
        let is_agreement =
            |document: &DocumentRef| document.kind() == DocumentKind::DonationAgreement;
        if self.conditions.contains(&DonationCondition::AsAgreed)
            && !self.documents.iter().any(is_agreement)
        {
            return Err(Rejection::AgreementRequired {
                donation_id: self.donation_id.to_string(),
            });
        }
        Ok(())
    }
}

fn line(named: Named<'_>, commodity_id: String) -> PledgeLine {
    PledgeLine {
        line: named.line,
        commodity_id,
        item_id: named.item_id.map(ToString::to_string).unwrap_or_default(),
        quantity: named.quantity,
        ..PledgeLine::default()
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
        boundaries.extend(self.earmarks.iter().flat_map(earmark::reads));
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
        earmark::exist(books, &self.earmarks)?;
        let parties = [&self.donor_id, &self.recipient_id];
        let parties = parties.map(|id| Boundary::Organisation(id.clone()));
        in_use(books, &parties, moment)?;
        goods::in_use(books, self.named(), moment)?;
        if !donor.kinds().any(|kind| kind == OrganisationKind::Donor) {
            return Err(Rejection::NotADonor {
                organisation_id: self.donor_id.to_string(),
            });
        }
        earmark::check_regions(
            &self.earmarks,
            calendar::kazakhstan_day(moment.occurred_at_us),
        )?;
        self.check_conditions()?;
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
                conditions: self.conditions.iter().map(|it| (*it).into()).collect(),
                earmarks: self.earmarks.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Donation(self.donation_id.clone()))
    }
}
