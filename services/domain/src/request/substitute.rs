//! Another item is offered than the one asked for; nothing replaces anything unasked.

use keruen_proto::{
    Event,
    requests::v1::{
        Request, SubstituteAccepted, SubstituteDeclined, SubstituteOffer, SubstituteOffered,
        SubstituteState,
    },
};

use super::{
    AnswerSubstitute, OfferSubstitute,
    decide::{existing, open_request, reads},
};
use crate::{
    books::Books,
    boundary::Boundary,
    code::Label,
    command::{Command, Moment},
    goods, limits,
    registry::{existing_item, in_use},
    rejection::Rejection,
};

/// Whether a line may be served by an item that was offered instead and accepted.
pub(crate) fn is_accepted(request: &Request, line: i32, item_id: &str) -> bool {
    request.substitutes.iter().any(|offer| {
        offer.line == line && offer.item_id == item_id && offer.state() == SubstituteState::Accepted
    })
}

impl Command for OfferSubstitute {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(&self.request_id, books);
        boundaries.push(Boundary::Item(self.item_id.clone()));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        existing(books, &self.request_id)?;
        let item = existing_item(books, &self.item_id)?;
        let request = open_request(books, &self.request_id)?;
        in_use(books, &[Boundary::Item(self.item_id.clone())], moment)?;
        let Some(line) = request.lines.iter().find(|line| line.line == self.line) else {
            return Err(Rejection::UnknownRequestLine {
                field: "line".to_owned(),
                request_id: request.request_id.clone(),
                line: self.line,
            });
        };
        if goods::fits(&line.commodity_id, &line.item_id, item) {
            return Err(Rejection::SubstituteNotNeeded {
                request_id: request.request_id.clone(),
                line: self.line,
                item_id: item.item_id.clone(),
            });
        }
        let open_offer = |offer: &&SubstituteOffer| {
            offer.line == self.line
                && offer.item_id == item.item_id
                && offer.state() != SubstituteState::Declined
        };
        if let Some(known) = request.substitutes.iter().find(open_offer) {
            return Err(Rejection::OfferedAlready {
                request_id: request.request_id.clone(),
                line: self.line,
                item_id: item.item_id.clone(),
                offer: known.offer,
            });
        }
        if request.substitutes.len() >= limits::OFFERS {
            return Err(Rejection::TooManyRecords {
                kind: "request",
                id: request.request_id.clone(),
                what: "offers of substitutes",
                limit: limits::OFFERS,
            });
        }
        let last = request.substitutes.last().map_or(0, |known| known.offer);
        limits::keep(vec![
            SubstituteOffered {
                request_id: request.request_id.clone(),
                facility_id: request.facility_id.clone(),
                offer: last.saturating_add(1),
                line: self.line,
                item_id: item.item_id.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Request(self.request_id.clone()))
    }
}

impl Command for AnswerSubstitute {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(&self.request_id, books)
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let request = existing(books, &self.request_id)?;
        let mut offers = request.substitutes.iter();
        let Some(offer) = offers.find(|known| known.offer == self.offer) else {
            return Err(Rejection::UnknownOffer {
                request_id: request.request_id.clone(),
                offer: self.offer,
            });
        };
        open_request(books, &self.request_id)?;
        if offer.state() != SubstituteState::Offered {
            return Err(Rejection::OfferAnswered {
                request_id: request.request_id.clone(),
                offer: offer.offer,
                state: offer
                    .state()
                    .as_str_name()
                    .trim_start_matches("SUBSTITUTE_STATE_")
                    .to_owned(),
            });
        }
        let (request_id, facility_id) = (request.request_id.clone(), request.facility_id.clone());
        let answered_by_ref = self
            .answered_by_ref
            .as_ref()
            .map(Label::to_string)
            .unwrap_or_default();
        let event = match self.decline_reason {
            None => SubstituteAccepted {
                request_id,
                facility_id,
                offer: offer.offer,
                answered_by_ref,
            }
            .into(),
            Some(reason) => SubstituteDeclined {
                request_id,
                facility_id,
                offer: offer.offer,
                reason: reason.into(),
                answered_by_ref,
            }
            .into(),
        };
        limits::keep(vec![event])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Request(self.request_id.clone()))
    }
}
