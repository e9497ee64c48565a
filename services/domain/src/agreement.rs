//! Liability agreements: on what a carrier or volunteer answers for goods, and since when.

use chrono::NaiveDate;
use keruen_proto::{
    Event, EventType,
    registry::v1::{DocumentRef, Money},
    shipments::v1::{
        AgreementEndReason, AgreementOverride, LiabilityAgreement, LiabilityAgreementEnded,
        LiabilityAgreementSigned, LiabilityAgreements, LiabilityBasis,
    },
};

use crate::{
    books::{Books, Fold},
    boundary::Boundary,
    calendar::{self, kazakhstan_day},
    code::Code,
    command::{Command, Moment},
    limits,
    registry::{existing_organisation, has_come, in_use},
    rejection::Rejection,
};

/// Records that a carrier or volunteer signed a liability agreement.
#[derive(Clone, Debug)]
pub struct SignLiabilityAgreement {
    /// Organisation that is liable.
    pub organisation_id: Code,
    /// Its number, unique within the organisation.
    pub agreement_id: Code,
    /// The volunteer for whose signatures alone it stands; `None` for everybody's of the organisation.
    pub volunteer_id: Option<Code>,
    /// For what it is liable.
    pub basis: LiabilityBasis,
    /// Up to how much; only where that is the basis.
    pub limit: Option<Money>,
    /// First day on which it is valid.
    pub valid_from: NaiveDate,
    /// Last day; `None` where it has none.
    pub valid_until: Option<NaiveDate>,
    /// The agreement itself; at least one.
    pub documents: Vec<DocumentRef>,
}

/// Ends a liability agreement before its time.
#[derive(Clone, Debug)]
pub struct EndLiabilityAgreement {
    /// Organisation.
    pub organisation_id: Code,
    /// Its number.
    pub agreement_id: Code,
    /// First day on which it is no longer valid; else the day on which it happened.
    pub ended_on: Option<NaiveDate>,
    /// Why.
    pub reason: AgreementEndReason,
    /// Papers.
    pub documents: Vec<DocumentRef>,
}

impl Fold for LiabilityAgreements {
    const EVENT_TYPES: &'static [&'static str] = &[
        LiabilityAgreementSigned::TYPE,
        LiabilityAgreementEnded::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Boundary::Agreements(id) = boundary else {
            return;
        };
        match event {
            Event::LiabilityAgreementSigned(event) => {
                let signed = event.agreement.clone();
                let theirs = signed.filter(|it| it.organisation_id == id.as_str());
                if theirs.is_some() {
                    self.organisation_id = id.to_string();
                }
                self.agreements.extend(theirs);
            }
            Event::LiabilityAgreementEnded(event) if event.organisation_id == id.as_str() => {
                for ended in self
                    .agreements
                    .iter_mut()
                    .filter(|it| it.agreement_id == event.agreement_id)
                {
                    ended.ended_on.clone_from(&event.ended_on);
                    ended.end_reason = Some(event.reason);
                }
            }
            _ => {}
        }
    }
}

/// An agreement that is valid on a day for what somebody signs. One of that person goes before one of everybody.
fn valid<'a>(
    known: Option<&'a LiabilityAgreements>,
    signed_by_ref: Option<&str>,
    day: NaiveDate,
) -> Option<&'a LiabilityAgreement> {
    let day = day.to_string();
    let all = known.map_or(&[][..], |known| &known.agreements);
    // Days are ISO 8601, so that they compare as text.
    let is_valid = |it: &&LiabilityAgreement| {
        it.valid_from <= day
            && (it.valid_until.is_empty() || it.valid_until >= day)
            && (it.ended_on.is_empty() || it.ended_on > day)
            && (it.person_ref.is_empty() || Some(it.person_ref.as_str()) == signed_by_ref)
    };
    let valid = all.iter().filter(is_valid);
    valid.max_by_key(|it| !it.person_ref.is_empty())
}

/// The agreement on which it rests that an organisation takes goods on a day, or who answers for it that there is none.
pub(crate) fn rests_on(
    books: &Books,
    custodian_id: &Code,
    signed_by_ref: Option<&str>,
    day: NaiveDate,
    answered: Option<&AgreementOverride>,
) -> Result<(String, Option<AgreementOverride>), Rejection> {
    if let Some(valid) = valid(books.agreements(custodian_id), signed_by_ref, day) {
        return Ok((valid.agreement_id.clone(), None));
    }
    match answered {
        Some(answered) => Ok((String::new(), Some(answered.clone()))),
        None => Err(Rejection::NoAgreement {
            custodian_id: custodian_id.to_string(),
            day: day.to_string(),
        }),
    }
}

fn find<'a>(books: &'a Books, organisation_id: &Code, id: &Code) -> Option<&'a LiabilityAgreement> {
    let known = books.agreements(organisation_id)?;
    let mut all = known.agreements.iter();
    all.find(|it| it.agreement_id == id.as_str())
}

impl Command for SignLiabilityAgreement {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Organisation(self.organisation_id.clone()),
            Boundary::Agreements(self.organisation_id.clone()),
        ];
        boundaries.extend(self.volunteer_id.clone().map(Boundary::Volunteer));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        if find(books, &self.organisation_id, &self.agreement_id).is_some() {
            return Err(Rejection::AgreementExists {
                organisation_id: self.organisation_id.to_string(),
                agreement_id: self.agreement_id.to_string(),
            });
        }
        existing_organisation(books, &self.organisation_id)?;
        let person_ref = self.person(books)?;
        let organisation = Boundary::Organisation(self.organisation_id.clone());
        in_use(books, &[organisation], moment)?;
        if self.documents.is_empty() {
            return Err(Rejection::DecisionRequired {
                needed: "LIABILITY_AGREEMENT".to_owned(),
            });
        }
        if let Some(last_day) = self.valid_until.filter(|day| *day < self.valid_from) {
            return Err(Rejection::DaysOutOfOrder {
                field: "agreement.valid_until".to_owned(),
                day: last_day.to_string(),
                earliest: self.valid_from.to_string(),
            });
        }
        let known = books.agreements(&self.organisation_id);
        if known.is_some_and(|it| it.agreements.len() >= limits::AGREEMENTS) {
            return Err(Rejection::TooManyRecords {
                kind: "organisation",
                id: self.organisation_id.to_string(),
                what: "liability agreements",
                limit: limits::AGREEMENTS,
            });
        }
        limits::keep(vec![
            LiabilityAgreementSigned {
                agreement: Some(LiabilityAgreement {
                    organisation_id: self.organisation_id.to_string(),
                    agreement_id: self.agreement_id.to_string(),
                    person_ref,
                    basis: self.basis.into(),
                    limit: self.limit.clone(),
                    valid_from: self.valid_from.to_string(),
                    valid_until: calendar::stored(self.valid_until),
                    documents: self.documents.clone(),
                    ended_on: String::new(),
                    end_reason: None,
                }),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Agreements(self.organisation_id.clone()))
    }
}

impl SignLiabilityAgreement {
    /// The person of the volunteer, who must help that organisation.
    fn person(&self, books: &Books) -> Result<String, Rejection> {
        let Some(volunteer_id) = &self.volunteer_id else {
            return Ok(String::new());
        };
        let Some(volunteer) = books.volunteer(volunteer_id) else {
            return Err(Rejection::UnknownVolunteer {
                volunteer_id: volunteer_id.to_string(),
            });
        };
        if volunteer.organisation_id != self.organisation_id.as_str() {
            return Err(Rejection::VolunteerOfAnother {
                volunteer_id: volunteer_id.to_string(),
                organisation_id: volunteer.organisation_id.clone(),
            });
        }
        Ok(volunteer.person_ref.clone())
    }
}

impl Command for EndLiabilityAgreement {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![Boundary::Agreements(self.organisation_id.clone())]
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let Some(agreement) = find(books, &self.organisation_id, &self.agreement_id) else {
            return Err(Rejection::UnknownAgreement {
                organisation_id: self.organisation_id.to_string(),
                agreement_id: self.agreement_id.to_string(),
            });
        };
        if !agreement.ended_on.is_empty() {
            return Err(Rejection::AgreementEnded {
                organisation_id: self.organisation_id.to_string(),
                agreement_id: self.agreement_id.to_string(),
                ended_on: agreement.ended_on.clone(),
            });
        }
        let day = kazakhstan_day(moment.occurred_at_us);
        let ended_on = self.ended_on.unwrap_or(day);
        has_come("ended_on", ended_on, moment)?;
        let ended_on = ended_on.to_string();
        if ended_on < agreement.valid_from {
            return Err(Rejection::DaysOutOfOrder {
                field: "ended_on".to_owned(),
                day: ended_on,
                earliest: agreement.valid_from.clone(),
            });
        }
        limits::keep(vec![
            LiabilityAgreementEnded {
                organisation_id: self.organisation_id.to_string(),
                agreement_id: self.agreement_id.to_string(),
                ended_on,
                reason: self.reason.into(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Agreements(self.organisation_id.clone()))
    }
}
