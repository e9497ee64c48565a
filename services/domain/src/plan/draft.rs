//! A plan is drafted: who gets how much.

use std::collections::{BTreeMap, BTreeSet};

use keruen_proto::{
    Event,
    requests::v1::{Plan, PlanDrafted, PlanShare, Request},
};

use super::{Criterion, DraftPlan, GoodsToShare, StatedShare, divide};
use crate::{
    books::Books,
    boundary::Boundary,
    calendar::facility_day,
    code::Code,
    command::{Command, Moment},
    emergency::emergency_at,
    goods, limits,
    registry::{existing_facility, existing_item, facility::open},
    rejection::Rejection,
    request::{
        decide::{check_servable, existing},
        is_accepted,
    },
};

impl DraftPlan {
    fn stated(&self) -> &[StatedShare] {
        match &self.criterion {
            Criterion::Explicit(shares) => shares,
            Criterion::Population(_) | Criterion::Requests(_) => &[],
        }
    }

    /// The requests that it names.
    fn request_ids(&self) -> BTreeSet<&Code> {
        let named: &[Code] = match &self.criterion {
            Criterion::Requests(ids) => ids,
            Criterion::Population(_) | Criterion::Explicit(_) => &[],
        };
        let of_shares = self.stated().iter().filter_map(|it| it.request.as_ref());
        named.iter().chain(of_shares.map(|(id, _)| id)).collect()
    }

    /// The facilities that get anything, in the order in which they are named.
    fn facility_ids(&self, books: &Books) -> Vec<String> {
        let named: Vec<String> = match &self.criterion {
            Criterion::Population(weights) => {
                weights.iter().map(|(id, _)| id.to_string()).collect()
            }
            Criterion::Requests(ids) => ids
                .iter()
                .filter_map(|id| Some(books.request(id)?.facility_id.clone()))
                .collect(),
            Criterion::Explicit(shares) => {
                shares.iter().map(|it| it.facility_id.to_string()).collect()
            }
        };
        let mut seen = BTreeSet::new();
        named
            .into_iter()
            .filter(|id| seen.insert(id.clone()))
            .collect()
    }

    fn existence(&self, books: &Books) -> Result<(), Rejection> {
        if books.plan(&self.plan_id).is_some() {
            return Err(Rejection::PlanExists {
                plan_id: self.plan_id.to_string(),
            });
        }
        existing_facility(books, &self.origin_id)?;
        for goods in &self.lines {
            existing_item(books, &goods.item_id)?;
        }
        for id in self.request_ids() {
            existing(books, id)?;
        }
        for id in self.facility_ids(books) {
            existing_facility(books, &id)?;
        }
        Ok(())
    }

    fn state(&self, books: &Books, moment: Moment) -> Result<(), Rejection> {
        let facility_ids = self.facility_ids(books);
        if facility_ids.iter().any(|id| id == self.origin_id.as_str()) {
            return Err(Rejection::SameFacility {
                facility_id: self.origin_id.to_string(),
            });
        }
        for id in &facility_ids {
            open(books, id, moment)?;
        }
        for id in self.request_ids() {
            check_servable(existing(books, id)?)?;
        }
        Ok(())
    }

    fn lines(&self, books: &Books) -> Result<(), Rejection> {
        limits::lines("lines", self.lines.len(), limits::SHIPMENT_LINES)?;
        goods::numbered_once(self.lines.iter().map(|goods| goods.line))?;
        let found = self.facility_ids(books).len();
        limits::lines("shares", found, limits::PLAN_DESTINATIONS)?;
        for (index, share) in self.stated().iter().enumerate() {
            self.check_stated(books, index, share)?;
        }
        goods::sum("lines", self.lines.iter().map(|goods| goods.quantity.get()))?;
        Ok(())
    }

    /// Refuses a share of a line that the plan does not have, or for a request that does not ask for it.
    fn check_stated(
        &self,
        books: &Books,
        index: usize,
        share: &StatedShare,
    ) -> Result<(), Rejection> {
        let Some(goods) = self.lines.iter().find(|goods| goods.line == share.line) else {
            return Err(Rejection::UnknownPlanLine {
                field: format!("shares[{index}].line"),
                line: share.line,
            });
        };
        let Some((request_id, number)) = &share.request else {
            return Ok(());
        };
        let request = existing(books, request_id)?;
        let Some(line) = request.lines.iter().find(|line| line.line == *number) else {
            return Err(Rejection::UnknownRequestLine {
                field: format!("shares[{index}].request_line"),
                request_id: request_id.to_string(),
                line: *number,
            });
        };
        if request.facility_id != share.facility_id.as_str() {
            return Err(Rejection::RequestOfAnotherFacility {
                field: format!("shares[{index}].request_id"),
                request_id: request_id.to_string(),
                facility_id: request.facility_id.clone(),
                destination_id: share.facility_id.to_string(),
            });
        }
        let item = existing_item(books, &goods.item_id)?;
        if !goods::fits(&line.commodity_id, &line.item_id, item)
            && !is_accepted(request, *number, &item.item_id)
        {
            return Err(Rejection::RequestLineMismatch {
                field: format!("shares[{index}].line"),
                request_id: request_id.to_string(),
                line: *number,
                requested: goods::described(&line.commodity_id, &line.item_id),
                item_id: item.item_id.clone(),
            });
        }
        Ok(())
    }

    fn shares(&self, books: &Books, moment: Moment) -> Result<Vec<PlanShare>, Rejection> {
        match &self.criterion {
            Criterion::Population(weights) => Ok(self.by_weights(weights)),
            Criterion::Requests(ids) => self.by_requests(books, ids, moment),
            Criterion::Explicit(shares) => self.as_stated(books, shares),
        }
    }

    fn by_weights(&self, weights: &[(Code, i64)]) -> Vec<PlanShare> {
        let only_weights: Vec<i64> = weights.iter().map(|(_, weight)| *weight).collect();
        let mut shares = Vec::new();
        for goods in &self.lines {
            let divided = divide(goods.quantity.get(), &only_weights);
            shares.extend(
                weights
                    .iter()
                    .zip(divided)
                    .map(|((facility_id, _), quantity)| PlanShare {
                        facility_id: facility_id.to_string(),
                        line: goods.line,
                        quantity,
                        ..PlanShare::default()
                    }),
            );
        }
        shares
    }

    fn by_requests(
        &self,
        books: &Books,
        ids: &[Code],
        moment: Moment,
    ) -> Result<Vec<PlanShare>, Rejection> {
        let mut given: BTreeMap<(&Code, i32), i64> = BTreeMap::new();
        let mut shares = Vec::new();
        for goods in &self.lines {
            let mut needs = Vec::new();
            for id in ids {
                let request = existing(books, id)?;
                let is_emergency = is_emergency(books, request, moment)?;
                for (number, open) in open_lines(books, request, goods)? {
                    let left = open - given.get(&(id, number)).copied().unwrap_or_default();
                    needs.push((is_emergency, id, number, left.max(0)));
                }
            }
            let mut left = goods.quantity.get();
            // What an emergency needs comes first; the rest shares what that leaves.
            for of_emergency in [true, false] {
                let tier: Vec<_> = needs.iter().filter(|need| need.0 == of_emergency).collect();
                let weights: Vec<i64> = tier.iter().map(|need| need.3).collect();
                let wanted = weights
                    .iter()
                    .fold(0, |sum: i64, it| sum.saturating_add(*it));
                let divided = divide(left.min(wanted), &weights);
                for ((_, id, number, _), quantity) in tier.into_iter().zip(divided) {
                    left -= quantity;
                    *given.entry((*id, *number)).or_default() += quantity;
                    shares.push(PlanShare {
                        facility_id: existing(books, id)?.facility_id.clone(),
                        line: goods.line,
                        quantity,
                        request_id: id.to_string(),
                        request_line: *number,
                        ..PlanShare::default()
                    });
                }
            }
        }
        Ok(shares)
    }

    /// The shares as stated, where they don't come to more than there is or than requests still need.
    fn as_stated(
        &self,
        books: &Books,
        stated: &[StatedShare],
    ) -> Result<Vec<PlanShare>, Rejection> {
        for goods in &self.lines {
            let of_line = stated.iter().filter(|share| share.line == goods.line);
            let sum = of_line.fold(0, |sum: i64, it| sum.saturating_add(it.quantity.get()));
            if sum > goods.quantity.get() {
                return Err(Rejection::SharesExceedLine {
                    line: goods.line,
                    quantity: goods.quantity.get(),
                    shares: sum,
                });
            }
        }
        let mut needed: BTreeMap<(&Code, i32), i64> = BTreeMap::new();
        for share in stated {
            if let Some((id, line)) = &share.request {
                *needed.entry((id, *line)).or_default() += share.quantity.get();
            }
        }
        for ((id, number), requested) in needed {
            let request = existing(books, id)?;
            let line = request.lines.iter().find(|line| line.line == number);
            let (approved, allocated) = line.map_or((0, 0), |it| (it.approved, it.allocated));
            if requested > approved - allocated {
                return Err(Rejection::ExceedsApproved {
                    request_id: id.to_string(),
                    line: number,
                    requested,
                    approved,
                    allocated,
                });
            }
        }
        Ok(stated.iter().map(StatedShare::stored).collect())
    }
}

/// Whether a request is of a facility where there is an emergency.
fn is_emergency(books: &Books, request: &Request, moment: Moment) -> Result<bool, Rejection> {
    let facility = existing_facility(books, &request.facility_id)?;
    let today = facility_day(facility, moment.occurred_at_us);
    Ok(books
        .emergencies()
        .is_some_and(|known| emergency_at(known, facility, today).is_some()))
}

/// The lines of a request that goods may serve, and how many units each still needs.
fn open_lines(
    books: &Books,
    request: &Request,
    goods: &GoodsToShare,
) -> Result<Vec<(i32, i64)>, Rejection> {
    let item = existing_item(books, &goods.item_id)?;
    let lines = request.lines.iter().filter(|line| {
        goods::fits(&line.commodity_id, &line.item_id, item)
            || is_accepted(request, line.line, &item.item_id)
    });
    Ok(lines
        .map(|line| (line.line, line.approved - line.allocated))
        .filter(|(_, open)| *open > 0)
        .collect())
}

impl Command for DraftPlan {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Plan(self.plan_id.clone()),
            Boundary::Facility(self.origin_id.clone()),
        ];
        let item_ids = self.lines.iter().map(|goods| goods.item_id.clone());
        boundaries.extend(item_ids.map(Boundary::Item));
        boundaries.extend(
            self.request_ids()
                .into_iter()
                .cloned()
                .map(Boundary::Request),
        );
        let facility_ids = self.facility_ids(books);
        boundaries.extend(facility_ids.iter().filter_map(|id| Boundary::facility(id)));
        if matches!(self.criterion, Criterion::Requests(_)) {
            boundaries.push(Boundary::Emergencies);
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        self.existence(books)?;
        self.state(books, moment)?;
        self.lines(books)?;
        let mut shares = self.shares(books, moment)?;
        shares.retain(|share| share.quantity > 0);
        if shares.is_empty() {
            return Err(Rejection::NothingToShare {
                plan_id: self.plan_id.to_string(),
            });
        }
        limits::keep(vec![
            PlanDrafted {
                plan: Some(Plan {
                    plan_id: self.plan_id.to_string(),
                    origin_id: self.origin_id.to_string(),
                    lines: self.lines.iter().map(GoodsToShare::stored).collect(),
                    criterion: self.criterion.name().into(),
                    weights: self.criterion.weights(),
                    shares,
                    ..Plan::default()
                }),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Plan(self.plan_id.clone()))
    }
}
