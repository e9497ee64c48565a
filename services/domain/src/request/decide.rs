//! Requests are filed, approved and rejected.

use keruen_proto::{
    Event,
    requests::v1::{
        ApprovedLine, Request, RequestApproved, RequestFiled, RequestLine, RequestRejected,
        RequestState,
    },
};

use super::{ApproveRequest, ApprovedQuantity, FileRequest, RejectRequest};
use crate::{
    books::Books,
    boundary::Boundary,
    calendar::{self, facility_day},
    code::Code,
    command::{Command, Moment},
    goods::{self, Named},
    limits,
    registry::{existing_facility, facility::open},
    rejection::Rejection,
};

impl FileRequest {
    fn named(&self) -> impl Iterator<Item = Named<'_>> {
        self.lines.iter().map(|goods| Named {
            line: goods.line,
            commodity_id: goods.commodity_id.as_ref(),
            item_id: goods.item_id.as_ref(),
            quantity: goods.quantity.get(),
        })
    }

    fn lines(&self, books: &Books) -> Result<Vec<RequestLine>, Rejection> {
        limits::lines("lines", self.lines.len(), limits::REQUEST_LINES)?;
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

fn line(named: Named<'_>, commodity_id: String) -> RequestLine {
    RequestLine {
        line: named.line,
        commodity_id,
        item_id: named.item_id.map(ToString::to_string).unwrap_or_default(),
        requested: named.quantity,
        ..RequestLine::default()
    }
}

impl Command for FileRequest {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Request(self.request_id.clone()),
            Boundary::Facility(self.facility_id.clone()),
        ];
        boundaries.extend(goods::reads(self.named()));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        if books.request(&self.request_id).is_some() {
            return Err(Rejection::RequestExists {
                request_id: self.request_id.to_string(),
            });
        }
        let facility = existing_facility(books, &self.facility_id)?;
        goods::exist(books, self.named())?;
        open(books, &self.facility_id, moment)?;
        goods::in_use(books, self.named(), moment)?;
        let today = facility_day(facility, moment.occurred_at_us);
        if let Some(needed_by) = self.needed_by.filter(|day| *day < today) {
            return Err(Rejection::NeededByPassed {
                needed_by: needed_by.to_string(),
                today: today.to_string(),
            });
        }
        limits::keep(vec![
            RequestFiled {
                request_id: self.request_id.to_string(),
                facility_id: self.facility_id.to_string(),
                lines: self.lines(books)?,
                priority: self.priority.into(),
                needed_by: calendar::stored(self.needed_by),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Request(self.request_id.clone()))
    }
}

/// The request and the facility that needs it.
fn reads(request_id: &Code, books: &Books) -> Vec<Boundary> {
    let facility = books
        .request(request_id)
        .and_then(|request| Boundary::facility(&request.facility_id));
    std::iter::once(Boundary::Request(request_id.clone()))
        .chain(facility)
        .collect()
}

/// The request, where it is filed and not answered yet.
fn filed<'a>(books: &'a Books, request_id: &Code) -> Result<&'a Request, Rejection> {
    let request = existing(books, request_id)?;
    if request.state() != RequestState::Filed {
        return Err(wrong_state(request, "FILED"));
    }
    Ok(request)
}

/// The request, or that it is unknown.
pub(crate) fn existing<'a>(books: &'a Books, request_id: &str) -> Result<&'a Request, Rejection> {
    books
        .request(request_id)
        .ok_or_else(|| Rejection::UnknownRequest {
            request_id: request_id.to_owned(),
        })
}

/// That the request is in a state in which this can't be done.
pub(crate) fn wrong_state(request: &Request, allowed: &str) -> Rejection {
    Rejection::RequestState {
        request_id: request.request_id.clone(),
        state: request
            .state()
            .as_str_name()
            .trim_start_matches("REQUEST_STATE_")
            .to_owned(),
        allowed: allowed.to_owned(),
    }
}

impl ApproveRequest {
    /// What is approved of every line of the request, in its order.
    fn approved(&self, request: &Request) -> Result<Vec<ApprovedLine>, Rejection> {
        let Some(given) = &self.lines else {
            return Ok(request
                .lines
                .iter()
                .map(|line| ApprovedLine {
                    line: line.line,
                    quantity: line.requested,
                })
                .collect());
        };
        goods::numbered_once(given.iter().map(|line| line.line))?;
        for (index, approved) in given.iter().enumerate() {
            if !request.lines.iter().any(|line| line.line == approved.line) {
                return Err(Rejection::UnknownRequestLine {
                    field: format!("lines[{index}].line"),
                    request_id: request.request_id.clone(),
                    line: approved.line,
                });
            }
        }
        Ok(request
            .lines
            .iter()
            .map(|line| ApprovedLine {
                line: line.line,
                quantity: quantity_of(given, line.line),
            })
            .collect())
    }

    fn check_quantities(
        &self,
        request: &Request,
        approved: &[ApprovedLine],
    ) -> Result<(), Rejection> {
        for (index, given) in self.lines.iter().flatten().enumerate() {
            let requested = request
                .lines
                .iter()
                .find(|line| line.line == given.line)
                .map_or(0, |line| line.requested);
            if given.quantity > requested {
                return Err(Rejection::ApprovalExceedsRequest {
                    field: format!("lines[{index}].quantity"),
                    request_id: request.request_id.clone(),
                    line: given.line,
                    requested,
                    approved: given.quantity,
                });
            }
        }
        if approved.iter().all(|line| line.quantity == 0) {
            return Err(Rejection::NothingApproved {
                request_id: request.request_id.clone(),
            });
        }
        Ok(())
    }
}

fn quantity_of(given: &[ApprovedQuantity], line: i32) -> i64 {
    given
        .iter()
        .find(|approved| approved.line == line)
        .map_or(0, |approved| approved.quantity)
}

impl Command for ApproveRequest {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(&self.request_id, books)
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let request = filed(books, &self.request_id)?;
        let lines = self.approved(request)?;
        self.check_quantities(request, &lines)?;
        limits::keep(vec![
            RequestApproved {
                request_id: request.request_id.clone(),
                facility_id: request.facility_id.clone(),
                lines,
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Request(self.request_id.clone()))
    }
}

impl Command for RejectRequest {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(&self.request_id, books)
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let request = filed(books, &self.request_id)?;
        limits::keep(vec![
            RequestRejected {
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
