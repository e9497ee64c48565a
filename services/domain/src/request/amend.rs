//! What changes of a request before and after it is answered: what is asked for, how urgent it is, and whether it is still
//! needed.

use keruen_proto::{
    Event,
    registry::v1::{Facility, FacilityKind},
    requests::v1::{
        NeedReconfirmed, Request, RequestAmended, RequestMarkedDuplicate, RequestState,
        RequestTriaged, Triage,
    },
};

use super::{
    AmendRequest, MarkDuplicate, NeededGoods, ReconfirmNeed, TriageRequest,
    decide::{
        check_needed_by, existing, named, open_request, reads, recorded, undecided, withdrawable,
        wrong_state,
    },
};
use crate::{
    books::Books,
    boundary::Boundary,
    calendar::{self, facility_day},
    code::{Code, Label},
    command::{Command, Moment},
    goods, limits,
    region::facility_region,
    registry::{existing_facility, existing_organisation, in_use},
    rejection::Rejection,
};

impl AmendRequest {
    fn lines(&self) -> &[NeededGoods] {
        self.lines.as_deref().unwrap_or_default()
    }

    /// What the request says after that.
    fn amended(&self, books: &Books, request: &Request) -> Result<RequestAmended, Rejection> {
        let lines = match &self.lines {
            Some(lines) => recorded(books, lines)?,
            None => Vec::new(),
        };
        let needed_by = calendar::stored(self.needed_by);
        Ok(RequestAmended {
            request_id: request.request_id.clone(),
            facility_id: request.facility_id.clone(),
            lines,
            priority: self.priority.map_or(request.priority, Into::into),
            needed_by: if self.needed_by.is_some() {
                needed_by
            } else {
                request.needed_by.clone()
            },
            clinical_reason_code: self
                .clinical_reason_code
                .clone()
                .unwrap_or_else(|| request.clinical_reason_code.clone()),
        })
    }
}

impl Command for AmendRequest {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(&self.request_id, books);
        boundaries.extend(goods::reads(named(self.lines())));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        existing(books, &self.request_id)?;
        goods::exist(books, named(self.lines()))?;
        let request = open_request(books, &self.request_id)?;
        let is_undecided = matches!(
            request.state(),
            RequestState::Filed | RequestState::Acknowledged
        );
        if self.lines.is_some() && !is_undecided {
            return Err(wrong_state(
                request,
                "FILED or ACKNOWLEDGED to change its lines; file another request for what else is needed",
            ));
        }
        goods::in_use(books, named(self.lines()), moment)?;
        check_needed_by(books, &request.facility_id, self.needed_by, moment)?;
        let amended = self.amended(books, request)?;
        let same_lines = amended.lines.is_empty() || amended.lines == request.lines;
        if same_lines
            && amended.priority == request.priority
            && amended.needed_by == request.needed_by
            && amended.clinical_reason_code == request.clinical_reason_code
        {
            return Err(Rejection::RequestUnchanged {
                request_id: request.request_id.clone(),
            });
        }
        limits::keep(vec![amended.into()])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Request(self.request_id.clone()))
    }
}

impl Command for ReconfirmNeed {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(&self.request_id, books)
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let request = open_request(books, &self.request_id)?;
        check_needed_by(books, &request.facility_id, self.needed_by, moment)?;
        let facility = existing_facility(books, &request.facility_id)?;
        let needed_by = match self.needed_by {
            Some(day) => day.to_string(),
            None => request.needed_by.clone(),
        };
        limits::keep(vec![
            NeedReconfirmed {
                request_id: request.request_id.clone(),
                facility_id: request.facility_id.clone(),
                needed_by,
                reconfirmed_on: facility_day(facility, moment.occurred_at_us).to_string(),
                confirmed_by_ref: self
                    .confirmed_by_ref
                    .as_ref()
                    .map(Label::to_string)
                    .unwrap_or_default(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Request(self.request_id.clone()))
    }
}

impl Command for MarkDuplicate {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(&self.request_id, books);
        boundaries.push(Boundary::Request(self.duplicate_of_id.clone()));
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        existing(books, &self.request_id)?;
        let other = existing(books, &self.duplicate_of_id)?;
        // What is approved and has nothing allocated is still a wish.
        let request = withdrawable(books, &self.request_id, "")?;
        self.check_other(request, other)?;
        limits::keep(vec![
            RequestMarkedDuplicate {
                request_id: request.request_id.clone(),
                facility_id: request.facility_id.clone(),
                duplicate_of_id: other.request_id.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Request(self.request_id.clone()))
    }
}

impl MarkDuplicate {
    /// Refuses another request that does not stand for the same need.
    fn check_other(&self, request: &Request, other: &Request) -> Result<(), Rejection> {
        if self.request_id == self.duplicate_of_id {
            return Err(Rejection::DuplicateOfItself {
                request_id: request.request_id.clone(),
            });
        }
        let is_gone = matches!(
            other.state(),
            RequestState::Rejected | RequestState::Cancelled
        );
        // Else two that point at each other would hide what both need.
        if is_gone || !other.duplicate_of_id.is_empty() {
            let allowed = "to be neither rejected nor taken back nor a duplicate itself";
            return Err(wrong_state(other, allowed));
        }
        if request.facility_id != other.facility_id {
            return Err(Rejection::DuplicateOfAnotherFacility {
                request_id: other.request_id.clone(),
                facility_id: other.facility_id.clone(),
                expected: request.facility_id.clone(),
            });
        }
        Ok(())
    }
}

impl Command for TriageRequest {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(&self.request_id, books);
        boundaries.push(Boundary::Facility(self.office_id.clone()));
        boundaries.extend(self.forwarded_to().map(Boundary::Organisation));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        existing(books, &self.request_id)?;
        let office = existing_facility(books, &self.office_id)?;
        if let Some(id) = &self.forwarded_to_id {
            existing_organisation(books, id)?;
        }
        let request = undecided(books, &self.request_id)?;
        let forwarded_to: Vec<_> = self
            .forwarded_to()
            .map(Boundary::Organisation)
            .into_iter()
            .collect();
        in_use(books, &[Boundary::Facility(self.office_id.clone())], moment)?;
        in_use(books, &forwarded_to, moment)?;
        check_office(books, office, request, moment)?;
        limits::keep(vec![
            RequestTriaged {
                request_id: request.request_id.clone(),
                facility_id: request.facility_id.clone(),
                triage: Some(Triage {
                    office_id: self.office_id.to_string(),
                    priority: self.priority.map_or(request.priority, Into::into),
                    forwarded_to_id: self
                        .forwarded_to_id
                        .as_ref()
                        .map(Code::to_string)
                        .unwrap_or_default(),
                }),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Request(self.request_id.clone()))
    }
}

impl TriageRequest {
    fn forwarded_to(&self) -> Option<Code> {
        self.forwarded_to_id.clone()
    }
}

/// Refuses a place that is no front office, and one of another region than the request.
fn check_office(
    books: &Books,
    office: &Facility,
    request: &Request,
    moment: Moment,
) -> Result<(), Rejection> {
    if office.kind() != FacilityKind::FrontOffice {
        let kind = office.kind().as_str_name();
        return Err(Rejection::NotAFrontOffice {
            facility_id: office.facility_id.clone(),
            kind: kind.trim_start_matches("FACILITY_KIND_").to_owned(),
        });
    }
    let facility = existing_facility(books, &request.facility_id)?;
    let region = |facility: &Facility| {
        facility_region(facility, facility_day(facility, moment.occurred_at_us))
            .unwrap_or_default()
            .to_owned()
    };
    let (region_id, office_region_id) = (region(facility), region(office));
    if region_id == office_region_id {
        return Ok(());
    }
    Err(Rejection::OfficeOfAnotherRegion {
        office_id: office.facility_id.clone(),
        office_region_id,
        request_id: request.request_id.clone(),
        region_id,
    })
}
