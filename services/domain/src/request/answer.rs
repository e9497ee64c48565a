//! What those who decide say of a request: seen, approved, confirmed, rejected.

use keruen_proto::{
    Event,
    requests::v1::{
        ApprovalConfirmed, ApprovedLine, Request, RequestAcknowledged, RequestApproved,
        RequestLine, RequestRejected, WordOfMouth,
    },
};

use super::{
    AcknowledgeRequest, ApproveRequest, ApprovedQuantity, ConfirmApproval, RejectRequest, Spoken,
    approvable,
    decide::{existing, open_request, reads, undecided},
};
use crate::{
    books::Books,
    boundary::Boundary,
    calendar::{time, timestamp},
    code::{Code, MAX_QUANTITY},
    command::{Command, Moment},
    goods::{self, Named},
    limits,
    rejection::Rejection,
};

impl Command for AcknowledgeRequest {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(&self.request_id, books)
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let request = open_request(books, &self.request_id)?;
        if let Some(expected_at_us) = self.expected_at_us {
            ahead("expected_at", expected_at_us, moment)?;
        }
        limits::keep(vec![
            RequestAcknowledged {
                request_id: request.request_id.clone(),
                facility_id: request.facility_id.clone(),
                expected_at: self.expected_at_us.map(timestamp),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Request(self.request_id.clone()))
    }
}

/// Refuses a time that lies before what it is said at.
fn ahead(field: &'static str, time_us: i64, moment: Moment) -> Result<(), Rejection> {
    if time_us > moment.occurred_at_us {
        return Ok(());
    }
    Err(Rejection::TimePassed {
        field,
        time: time(time_us),
        now: time(moment.occurred_at_us),
    })
}

impl ApproveRequest {
    /// What is approved of every line of the request, in its order.
    fn approved(&self, books: &Books, request: &Request) -> Result<Vec<ApprovedLine>, Rejection> {
        let Some(given) = &self.lines else {
            return in_full(request);
        };
        goods::numbered_once(given.iter().map(|line| line.line))?;
        for (index, approved) in given.iter().enumerate() {
            let Some(line) = line_of(request, approved.line) else {
                return Err(Rejection::UnknownRequestLine {
                    field: format!("lines[{index}].line"),
                    request_id: request.request_id.clone(),
                    line: approved.line,
                });
            };
            check_goods(books, index, request, line, approved)?;
        }
        request
            .lines
            .iter()
            .map(|line| approved_line(books, given, line))
            .collect()
    }

    fn check_quantities(
        &self,
        request: &Request,
        approved: &[ApprovedLine],
    ) -> Result<(), Rejection> {
        for (index, given) in self.lines.iter().flatten().enumerate() {
            let line = line_of(request, given.line);
            let requested = match line {
                Some(line) if is_need(line) => MAX_QUANTITY,
                line => line.map_or(0, |line| line.requested),
            };
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
        goods::sum("lines", approved.iter().map(|line| line.quantity))?;
        if approved.iter().all(|line| line.quantity == 0) {
            return Err(Rejection::NothingApproved {
                request_id: request.request_id.clone(),
            });
        }
        Ok(())
    }

    /// Goods that the command names.
    fn named(&self) -> impl Iterator<Item = Named<'_>> {
        self.lines.iter().flatten().map(|given| Named {
            line: given.line,
            commodity_id: given.commodity_id.as_ref(),
            item_id: given.item_id.as_ref(),
            quantity: given.quantity,
        })
    }
}

/// Whether a line tells a need and leaves the goods and how many to whoever approves it.
fn is_need(line: &RequestLine) -> bool {
    line.requested == 0 && line.need.is_some()
}

fn line_of(request: &Request, number: i32) -> Option<&RequestLine> {
    request.lines.iter().find(|line| line.line == number)
}

fn in_full(request: &Request) -> Result<Vec<ApprovedLine>, Rejection> {
    let mut lines = Vec::with_capacity(request.lines.len());
    for line in &request.lines {
        if is_need(line) {
            return Err(unanswered("lines".to_owned(), request, line));
        }
        lines.push(ApprovedLine {
            line: line.line,
            quantity: line.requested,
            ..ApprovedLine::default()
        });
    }
    Ok(lines)
}

fn unanswered(field: String, request: &Request, line: &RequestLine) -> Rejection {
    Rejection::NeedUnanswered {
        field,
        request_id: request.request_id.clone(),
        line: line.line,
    }
}

/// Refuses a need that is met by nobody knows what, and goods for a line that names its own.
fn check_goods(
    books: &Books,
    index: usize,
    request: &Request,
    line: &RequestLine,
    given: &ApprovedQuantity,
) -> Result<(), Rejection> {
    let names_goods = given.commodity_id.is_some() || given.item_id.is_some();
    if names_goods && !(is_need(line) && line.item_id.is_empty()) {
        return Err(Rejection::GoodsDecided {
            field: format!("lines[{index}]"),
            request_id: request.request_id.clone(),
            line: line.line,
            requested: goods::described(&line.commodity_id, &line.item_id),
        });
    }
    if !is_need(line) || given.quantity == 0 {
        return Ok(());
    }
    if !names_goods && line.commodity_id.is_empty() {
        return Err(unanswered(format!("lines[{index}]"), request, line));
    }
    if names_goods {
        let commodity_id = goods::commodity(books, index, named(given))?;
        if !line.commodity_id.is_empty() && line.commodity_id != commodity_id {
            return Err(Rejection::GoodsDecided {
                field: format!("lines[{index}]"),
                request_id: request.request_id.clone(),
                line: line.line,
                requested: goods::described(&line.commodity_id, &line.item_id),
            });
        }
    }
    Ok(())
}

fn named(given: &ApprovedQuantity) -> Named<'_> {
    Named {
        line: given.line,
        commodity_id: given.commodity_id.as_ref(),
        item_id: given.item_id.as_ref(),
        quantity: given.quantity,
    }
}

fn approved_line(
    books: &Books,
    given: &[ApprovedQuantity],
    line: &RequestLine,
) -> Result<ApprovedLine, Rejection> {
    let mut approved = ApprovedLine {
        line: line.line,
        ..ApprovedLine::default()
    };
    let Some((index, given)) = given
        .iter()
        .enumerate()
        .find(|(_, given)| given.line == line.line)
    else {
        return Ok(approved);
    };
    approved.quantity = given.quantity;
    if given.commodity_id.is_some() || given.item_id.is_some() {
        approved.commodity_id = goods::commodity(books, index, named(given))?;
        approved.item_id = given
            .item_id
            .as_ref()
            .map(Code::to_string)
            .unwrap_or_default();
    }
    Ok(approved)
}

impl Spoken {
    fn check(&self, request: &Request, moment: Moment) -> Result<(), Rejection> {
        if !approvable(request.priority()) {
            return Err(Rejection::WordOfMouthNotAllowed {
                request_id: request.request_id.clone(),
                priority: request
                    .priority()
                    .as_str_name()
                    .trim_start_matches("REQUEST_PRIORITY_")
                    .to_owned(),
            });
        }
        ahead("word_of_mouth.confirm_by", self.confirm_by_us, moment)?;
        let latest_us = moment
            .occurred_at_us
            .saturating_add(limits::CONFIRMATION_US);
        if self.confirm_by_us > latest_us {
            return Err(Rejection::TimeTooFar {
                field: "word_of_mouth.confirm_by",
                time: time(self.confirm_by_us),
                latest: time(latest_us),
            });
        }
        Ok(())
    }
}

impl Command for ApproveRequest {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(&self.request_id, books);
        boundaries.extend(goods::reads(self.named()));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        existing(books, &self.request_id)?;
        goods::exist(books, self.named())?;
        let request = undecided(books, &self.request_id)?;
        goods::in_use(books, self.named(), moment)?;
        if let Some(spoken) = &self.spoken {
            spoken.check(request, moment)?;
        }
        let lines = self.approved(books, request)?;
        self.check_quantities(request, &lines)?;
        limits::keep(vec![
            RequestApproved {
                request_id: request.request_id.clone(),
                facility_id: request.facility_id.clone(),
                lines,
                word_of_mouth: self.spoken.as_ref().map(|spoken| WordOfMouth {
                    approved_by_ref: spoken.approved_by_ref.to_string(),
                    confirm_by: Some(timestamp(spoken.confirm_by_us)),
                }),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Request(self.request_id.clone()))
    }
}

impl Command for ConfirmApproval {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(&self.request_id, books)
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let request = existing(books, &self.request_id)?;
        if request.word_of_mouth.is_none() || !request.confirmed_by_ref.is_empty() {
            return Err(Rejection::NothingToConfirm {
                request_id: request.request_id.clone(),
            });
        }
        limits::keep(vec![
            ApprovalConfirmed {
                request_id: request.request_id.clone(),
                facility_id: request.facility_id.clone(),
                confirmed_by_ref: self.confirmed_by_ref.to_string(),
                documents: self.documents.clone(),
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
        let request = undecided(books, &self.request_id)?;
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
