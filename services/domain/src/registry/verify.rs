//! Somebody looks at an organisation and its papers and stands by it, or no longer does.

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    registry::v1::{
        DocumentRef, Organisation, OrganisationVerified, RevocationReason, Verification,
        VerificationRevoked,
    },
};

use super::{existing_organisation, has_come, in_use, unretired};
use crate::{
    books::Books,
    boundary::Boundary,
    calendar::kazakhstan_day,
    code::Code,
    command::{Command, Moment},
    limits, region,
    rejection::Rejection,
};

/// Records that an organisation was verified.
#[derive(Clone, Debug)]
pub struct VerifyOrganisation {
    /// The organisation.
    pub organisation_id: Code,
    /// The organisation that looked at its papers.
    pub verified_by_id: Code,
    /// First day on which it counts, today or before; else the day on which it happened.
    pub verified_on: Option<NaiveDate>,
    /// Last day on which it counts; `None` where it has no end.
    pub valid_until: Option<NaiveDate>,
    /// What it rests on.
    pub documents: Vec<DocumentRef>,
}

/// Revokes the verification of an organisation.
#[derive(Clone, Debug)]
pub struct RevokeVerification {
    /// The organisation.
    pub organisation_id: Code,
    /// First day on which it counts no more, today or before; else the day on which it happened.
    pub revoked_on: Option<NaiveDate>,
    /// Why.
    pub reason: RevocationReason,
    /// What that rests on.
    pub documents: Vec<DocumentRef>,
}

/// The verification that counts on a day: the last one that was given by then, where it has not ended and was not
/// revoked.
pub fn verification_on(organisation: &Organisation, day: NaiveDate) -> Option<&Verification> {
    let given =
        |it: &&Verification| region::parse(&it.verified_on).is_none_or(|first| first <= day);
    let last = organisation.verifications.iter().rfind(given)?;
    let counts = region::parse(&last.valid_until).is_none_or(|last_day| day <= last_day)
        && region::parse(&last.revoked_on).is_none_or(|revoked_on| day < revoked_on);
    counts.then_some(last)
}

/// The first day that may follow what was recorded of it. Days are ISO 8601, so that they compare as text.
fn in_order(field: &str, day: NaiveDate, last: Option<&Verification>) -> Result<(), Rejection> {
    let day = day.to_string();
    let earliest = last.map_or("", |last| last.revoked_on.as_str().max(&last.verified_on));
    if day.as_str() >= earliest {
        return Ok(());
    }
    Err(Rejection::VerificationOutOfOrder {
        field: field.to_owned(),
        day,
        earliest: earliest.to_owned(),
    })
}

impl Command for VerifyOrganisation {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![
            Boundary::Organisation(self.organisation_id.clone()),
            Boundary::Organisation(self.verified_by_id.clone()),
        ]
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let organisation = existing_organisation(books, &self.organisation_id)?;
        existing_organisation(books, &self.verified_by_id)?;
        unretired(books, &Boundary::Organisation(self.organisation_id.clone()))?;
        let verifier = Boundary::Organisation(self.verified_by_id.clone());
        in_use(books, &[verifier], moment)?;
        if self.verified_by_id == self.organisation_id {
            return Err(Rejection::VerifiedByItself {
                organisation_id: self.organisation_id.to_string(),
            });
        }
        let day = kazakhstan_day(moment.occurred_at_us);
        let verified_on = self.verified_on.unwrap_or(day);
        has_come("verified_on", verified_on, moment)?;
        in_order(
            "verified_on",
            verified_on,
            organisation.verifications.last(),
        )?;
        if let Some(last_day) = self.valid_until.filter(|last_day| *last_day < verified_on) {
            return Err(Rejection::VerificationOutOfOrder {
                field: "valid_until".to_owned(),
                day: last_day.to_string(),
                earliest: verified_on.to_string(),
            });
        }
        if organisation.verifications.len() >= limits::VERIFICATIONS {
            return Err(Rejection::TooManyRecords {
                kind: "organisation",
                id: self.organisation_id.to_string(),
                what: "verifications",
                limit: limits::VERIFICATIONS,
            });
        }
        let valid_until = self.valid_until.map(|last_day| last_day.to_string());
        limits::keep(vec![
            OrganisationVerified {
                organisation_id: self.organisation_id.to_string(),
                verification: Some(Verification {
                    verified_by_id: self.verified_by_id.to_string(),
                    verified_on: verified_on.to_string(),
                    valid_until: valid_until.unwrap_or_default(),
                    documents: self.documents.clone(),
                    ..Verification::default()
                }),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Organisation(self.organisation_id.clone()))
    }
}

impl Command for RevokeVerification {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![Boundary::Organisation(self.organisation_id.clone())]
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let organisation = existing_organisation(books, &self.organisation_id)?;
        let last = organisation.verifications.last();
        let Some(last) = last.filter(|last| last.revoked_on.is_empty()) else {
            return Err(Rejection::NotVerified {
                organisation_id: self.organisation_id.to_string(),
            });
        };
        let day = kazakhstan_day(moment.occurred_at_us);
        let revoked_on = self.revoked_on.unwrap_or(day);
        has_come("revoked_on", revoked_on, moment)?;
        in_order("revoked_on", revoked_on, Some(last))?;
        limits::keep(vec![
            VerificationRevoked {
                organisation_id: self.organisation_id.to_string(),
                revoked_on: revoked_on.to_string(),
                reason: self.reason.into(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Organisation(self.organisation_id.clone()))
    }
}
