//! How a request ends before it is fulfilled.

use keruen_proto::{
    Event,
    requests::v1::{RequestCancelled, RequestClosedShort, RequestState},
};

use super::{
    CancelRequest, CloseRequestShort,
    decide::{in_state, reads, withdrawable},
};
use crate::{
    books::Books,
    boundary::Boundary,
    command::{Command, Moment},
    limits,
    rejection::Rejection,
};

impl Command for CloseRequestShort {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(&self.request_id, books)
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let request = in_state(
            books,
            &self.request_id,
            &[
                RequestState::Approved,
                RequestState::PartlyAllocated,
                RequestState::Allocated,
                RequestState::PartlyFulfilled,
            ],
            "to be approved and open",
        )?;
        let all_allocated =
            |line: &keruen_proto::requests::v1::RequestLine| line.allocated >= line.approved;
        if request.lines.iter().all(all_allocated) {
            return Err(Rejection::NothingShortOfRequest {
                request_id: request.request_id.clone(),
            });
        }
        limits::keep(vec![
            RequestClosedShort {
                request_id: request.request_id.clone(),
                facility_id: request.facility_id.clone(),
                reason: self.reason.into(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Request(self.request_id.clone()))
    }
}

impl Command for CancelRequest {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(&self.request_id, books)
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let advice = "; cancel its shipments first, or close it short";
        let request = withdrawable(books, &self.request_id, advice)?;
        limits::keep(vec![
            RequestCancelled {
                request_id: request.request_id.clone(),
                facility_id: request.facility_id.clone(),
                reason: self.reason.into(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Request(self.request_id.clone()))
    }
}
