//! Requests are filed, and what every command about one of them asks first.

use keruen_proto::{
    Event,
    requests::v1::{Request, RequestFiled, RequestLine, RequestPriority, RequestState},
};

use super::{FileRequest, NeededGoods, state::is_left_unmet};
use crate::{
    books::Books,
    boundary::Boundary,
    calendar::{self, facility_day},
    code::{Code, Quantity},
    command::{Command, Moment},
    goods::{self, Named},
    limits,
    registry::{existing_facility, existing_organisation, facility::open},
    rejection::Rejection,
};

/// The goods of lines as the registry knows them. A need alone names none.
pub(super) fn named(lines: &[NeededGoods]) -> impl Iterator<Item = Named<'_>> {
    lines.iter().map(|goods| Named {
        line: goods.line,
        commodity_id: goods.commodity_id.as_ref(),
        item_id: goods.item_id.as_ref(),
        quantity: goods.quantity.map_or(0, Quantity::get),
    })
}

/// The lines as they are recorded.
pub(super) fn recorded(
    books: &Books,
    lines: &[NeededGoods],
) -> Result<Vec<RequestLine>, Rejection> {
    limits::lines("lines", lines.len(), limits::REQUEST_LINES)?;
    goods::numbered_once(lines.iter().map(|goods| goods.line))?;
    let mut recorded = Vec::with_capacity(lines.len());
    for (index, (goods, named)) in lines.iter().zip(named(lines)).enumerate() {
        let is_need = goods.need.is_some() && goods.commodity_id.is_none();
        let commodity_id = match goods.item_id {
            None if is_need => String::new(),
            _ => goods::commodity(books, index, named)?,
        };
        recorded.push(RequestLine {
            line: goods.line,
            commodity_id,
            item_id: goods
                .item_id
                .as_ref()
                .map(Code::to_string)
                .unwrap_or_default(),
            requested: named.quantity,
            need: goods.need.clone(),
            ..RequestLine::default()
        });
    }
    goods::sum("lines", named(lines).map(|named| named.quantity))?;
    Ok(recorded)
}

/// Refuses a day that has passed at the facility.
pub(super) fn check_needed_by(
    books: &Books,
    facility_id: &str,
    needed_by: Option<chrono::NaiveDate>,
    moment: Moment,
) -> Result<(), Rejection> {
    let today = facility_day(
        existing_facility(books, facility_id)?,
        moment.occurred_at_us,
    );
    match needed_by.filter(|day| *day < today) {
        Some(needed_by) => Err(Rejection::NeededByPassed {
            needed_by: needed_by.to_string(),
            today: today.to_string(),
        }),
        None => Ok(()),
    }
}

impl Command for FileRequest {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Request(self.request_id.clone()),
            Boundary::Facility(self.facility_id.clone()),
        ];
        boundaries.extend(goods::reads(named(&self.lines)));
        let filing = self.filing.as_ref();
        boundaries.extend(filing.and_then(|filing| Boundary::organisation(&filing.filed_by_id)));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        if books.request(&self.request_id).is_some() {
            return Err(Rejection::RequestExists {
                request_id: self.request_id.to_string(),
            });
        }
        existing_facility(books, &self.facility_id)?;
        if let Some(filing) = self.filing.as_ref().filter(|it| !it.filed_by_id.is_empty()) {
            existing_organisation(books, &filing.filed_by_id)?;
        }
        goods::exist(books, named(&self.lines))?;
        open(books, &self.facility_id, moment)?;
        goods::in_use(books, named(&self.lines), moment)?;
        check_needed_by(books, &self.facility_id, self.needed_by, moment)?;
        limits::keep(vec![
            RequestFiled {
                request_id: self.request_id.to_string(),
                facility_id: self.facility_id.to_string(),
                lines: recorded(books, &self.lines)?,
                priority: self.priority.into(),
                needed_by: calendar::stored(self.needed_by),
                clinical_reason_code: self.clinical_reason_code.clone(),
                filing: self.filing.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Request(self.request_id.clone()))
    }
}

/// The request and the facility that needs it.
pub(super) fn reads(request_id: &Code, books: &Books) -> Vec<Boundary> {
    let facility = books
        .request(request_id)
        .and_then(|request| Boundary::facility(&request.facility_id));
    std::iter::once(Boundary::Request(request_id.clone()))
        .chain(facility)
        .collect()
}

/// The request, where nobody has decided on it yet.
pub(super) fn undecided<'a>(books: &'a Books, request_id: &Code) -> Result<&'a Request, Rejection> {
    in_state(
        books,
        request_id,
        &[RequestState::Filed, RequestState::Acknowledged],
        "FILED or ACKNOWLEDGED",
    )
}

/// The request, where it is still open.
pub(super) fn open_request<'a>(
    books: &'a Books,
    request_id: &Code,
) -> Result<&'a Request, Rejection> {
    let request = existing(books, request_id)?;
    if super::is_open(request.state()) {
        Ok(request)
    } else {
        Err(wrong_state(request, "to be open"))
    }
}

/// The request, where nothing is allocated for it, or where it has ended and left a need unmet: then nobody need bring
/// what it asks for any more.
pub(super) fn withdrawable<'a>(
    books: &'a Books,
    request_id: &Code,
    advice: &str,
) -> Result<&'a Request, Rejection> {
    let request = existing(books, request_id)?;
    let is_unclaimed = matches!(
        request.state(),
        RequestState::Filed | RequestState::Acknowledged | RequestState::Approved
    );
    if is_unclaimed || is_left_unmet(request) {
        Ok(request)
    } else if super::is_open(request.state()) {
        let allowed = format!("to be open with nothing allocated{advice}");
        Err(wrong_state(request, &allowed))
    } else {
        Err(wrong_state(
            request,
            "to be open, or to have left a need unmet",
        ))
    }
}

/// The request, where it is in one of these states.
pub(super) fn in_state<'a>(
    books: &'a Books,
    request_id: &Code,
    states: &[RequestState],
    allowed: &str,
) -> Result<&'a Request, Rejection> {
    let request = existing(books, request_id)?;
    if states.contains(&request.state()) {
        Ok(request)
    } else {
        Err(wrong_state(request, allowed))
    }
}

/// The request, or that it is unknown.
pub(crate) fn existing<'a>(books: &'a Books, request_id: &str) -> Result<&'a Request, Rejection> {
    books
        .request(request_id)
        .ok_or_else(|| Rejection::UnknownRequest {
            request_id: request_id.to_owned(),
        })
}

/// Refuses a request for which nothing may be sent or claimed: nobody has approved it, or it has ended.
pub(crate) fn check_servable(request: &Request) -> Result<(), Rejection> {
    match request.state() {
        RequestState::Approved
        | RequestState::PartlyAllocated
        | RequestState::Allocated
        | RequestState::PartlyFulfilled
        // Of what is fulfilled nothing is left to be claimed, which the quantities say.
        | RequestState::Fulfilled => Ok(()),
        _ => Err(wrong_state(request, "to be approved and open")),
    }
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

/// Whether an approval by word of mouth is allowed: only where waiting for paper would cost what is to be saved.
pub fn approvable(priority: RequestPriority) -> bool {
    priority == RequestPriority::Stat
}
