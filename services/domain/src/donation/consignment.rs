//! Parts of a donation that come from abroad: announced, at the border, with customs, cleared or refused. Their goods are
//! received only once they are cleared, or by an override that says who answers for it and why.

use keruen_proto::{
    Event,
    inventory::v1::{
        Consignment, ConsignmentAnnounced, ConsignmentCleared, ConsignmentEnteredCustoms,
        ConsignmentReachedBorder, ConsignmentRefused, ConsignmentState, Donation, RefusalReason,
    },
};

use super::{AnnounceConsignment, Import, MoveConsignment, close::not_closed, existing};
use crate::{
    books::Books,
    boundary::Boundary,
    calendar,
    code::Code,
    command::{Command, Moment},
    limits,
    rejection::Rejection,
};

/// What happens to a consignment on its way into the country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It has reached the border.
    Border,
    /// It is with customs.
    Customs,
    /// It is free to enter the country.
    Cleared,
    /// It was not let in.
    Refused(RefusalReason),
}

impl Passage {
    /// The one table of where a consignment must stand for this. Air freight is seen by customs first, and some goods
    /// are cleared at the border itself; what has been cleared or refused stays so.
    fn from(self) -> &'static [ConsignmentState] {
        use ConsignmentState::{Announced, AtBorder, InCustoms};
        match self {
            Self::Border => &[Announced],
            Self::Customs => &[Announced, AtBorder],
            Self::Cleared | Self::Refused(_) => &[AtBorder, InCustoms],
        }
    }
}

/// The name of a state, for people.
pub(crate) fn state_name(state: ConsignmentState) -> String {
    state
        .as_str_name()
        .trim_start_matches("CONSIGNMENT_STATE_")
        .to_owned()
}

/// The consignment of that id, if the donation has one.
pub(crate) fn find<'a>(donation: &'a Donation, consignment_id: &str) -> Option<&'a Consignment> {
    donation
        .consignments
        .iter()
        .find(|consignment| consignment.consignment_id == consignment_id)
}

fn existing_consignment<'a>(
    donation: &'a Donation,
    consignment_id: &Code,
) -> Result<&'a Consignment, Rejection> {
    find(donation, consignment_id).ok_or_else(|| Rejection::UnknownConsignment {
        donation_id: donation.donation_id.clone(),
        consignment_id: consignment_id.to_string(),
    })
}

impl Import {
    /// Refuses a consignment that the donation does not have.
    pub(super) fn check_existence(&self, donation: &Donation) -> Result<(), Rejection> {
        match &self.consignment_id {
            Some(id) => existing_consignment(donation, id).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Refuses goods that customs have not cleared. A donation that comes from abroad says which consignment brought
    /// them; what its money bought may also have been bought here.
    pub(super) fn check_state(
        &self,
        donation: &Donation,
        is_bought: bool,
    ) -> Result<(), Rejection> {
        let donation_id = donation.donation_id.clone();
        let named = self
            .consignment_id
            .as_ref()
            .and_then(|id| find(donation, id));
        let is_free = match named {
            Some(consignment) => consignment.state() == ConsignmentState::Cleared,
            None => donation.consignments.is_empty() || is_bought,
        };
        match (&self.clearance_override, named) {
            (Some(_), _) if is_free => Err(Rejection::ClearanceNotNeeded { donation_id }),
            (None, Some(consignment)) if !is_free => Err(Rejection::ConsignmentNotCleared {
                donation_id,
                consignment_id: consignment.consignment_id.clone(),
                state: state_name(consignment.state()),
            }),
            (None, None) if !is_free => {
                let known = donation
                    .consignments
                    .iter()
                    .map(|consignment| consignment.consignment_id.as_str());
                Err(Rejection::ConsignmentRequired {
                    donation_id,
                    known: known.collect::<Vec<_>>().join(", "),
                })
            }
            _ => Ok(()),
        }
    }

    /// The id of the consignment as stored.
    pub(super) fn stored_id(&self) -> String {
        self.consignment_id
            .as_ref()
            .map(Code::to_string)
            .unwrap_or_default()
    }
}

impl AnnounceConsignment {
    /// The id that was chosen, or the first of C-1, C-2, C-3 … that is free.
    fn id(&self, donation: &Donation) -> Result<String, Rejection> {
        if let Some(id) = &self.consignment_id {
            return match find(donation, id) {
                Some(_) => Err(Rejection::ConsignmentExists {
                    donation_id: self.donation_id.to_string(),
                    consignment_id: id.to_string(),
                }),
                None => Ok(id.to_string()),
            };
        }
        // One more number than there are consignments is enough to find one that is free.
        let free = (1..=donation.consignments.len() + 1)
            .map(|number| format!("C-{number}"))
            .find(|id| find(donation, id).is_none());
        Ok(free.unwrap_or_default())
    }
}

impl Command for AnnounceConsignment {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![Boundary::Donation(self.donation_id.clone())]
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let donation = existing(books, &self.donation_id)?;
        let consignment_id = self.id(donation)?;
        not_closed(donation)?;
        if donation.consignments.len() >= limits::CONSIGNMENTS {
            return Err(Rejection::TooManyParts {
                donation_id: self.donation_id.to_string(),
                what: "consignments",
                limit: limits::CONSIGNMENTS,
            });
        }
        limits::keep(vec![
            ConsignmentAnnounced {
                donation_id: self.donation_id.to_string(),
                consignment_id,
                expected_on: calendar::stored(self.expected_on),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Donation(self.donation_id.clone()))
    }
}

impl Command for MoveConsignment {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        vec![Boundary::Donation(self.donation_id.clone())]
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let donation = existing(books, &self.donation_id)?;
        let consignment = existing_consignment(donation, &self.consignment_id)?;
        let allowed = self.passage.from();
        if !allowed.contains(&consignment.state()) {
            let allowed: Vec<String> = allowed.iter().map(|state| state_name(*state)).collect();
            return Err(Rejection::ConsignmentState {
                donation_id: self.donation_id.to_string(),
                consignment_id: self.consignment_id.to_string(),
                state: state_name(consignment.state()),
                allowed: allowed.join(" or "),
            });
        }
        limits::keep(vec![self.moved()])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Donation(self.donation_id.clone()))
    }
}

impl MoveConsignment {
    fn moved(&self) -> Event {
        let donation_id = self.donation_id.to_string();
        let consignment_id = self.consignment_id.to_string();
        let documents = self.documents.clone();
        match self.passage {
            Passage::Border => ConsignmentReachedBorder {
                donation_id,
                consignment_id,
                documents,
            }
            .into(),
            Passage::Customs => ConsignmentEnteredCustoms {
                donation_id,
                consignment_id,
                documents,
            }
            .into(),
            Passage::Cleared => ConsignmentCleared {
                donation_id,
                consignment_id,
                documents,
            }
            .into(),
            Passage::Refused(reason) => ConsignmentRefused {
                donation_id,
                consignment_id,
                reason: reason.into(),
                documents,
            }
            .into(),
        }
    }
}
