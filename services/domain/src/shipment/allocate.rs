//! Stock at the origin is claimed for a shipment: within each item, what expires first goes first.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use keruen_proto::{
    Event,
    inventory::v1::{FitOverride, StockLevel},
    registry::v1::Facility,
    shipments::v1::{
        Shipment, ShipmentAllocated, ShipmentDispatched, ShipmentLine, ShipmentState, ShipmentUnits,
    },
};

use super::{
    AllocateShipment, existing, plan::request_line, reads, reserve, state::claimed_for, wrong_state,
};
use crate::{
    asset::fit,
    books::{Books, Fold},
    boundary::Boundary,
    calendar::{self, facility_day},
    command::{Command, Moment},
    donation::earmark::{self, Use},
    limits, region,
    registry::{existing_facility, existing_item, facility::open},
    rejection::Rejection,
    request,
    stock::pick::{Choice, available, insufficient, take},
};

impl Command for AllocateShipment {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(books, &self.shipment_id);
        let Some(shipment) = books.shipment(&self.shipment_id) else {
            return boundaries;
        };
        for line in &shipment.lines {
            boundaries.extend(Boundary::item(&line.item_id));
            boundaries.extend(Boundary::stock(&shipment.origin_id, &line.item_id));
            boundaries.extend(Boundary::request(&line.request_id));
            let level = books.stock(&shipment.origin_id, &line.item_id);
            boundaries.extend(earmark::pledges(level));
        }
        boundaries.extend(reserve::reads(self, shipment));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        let origin = existing_facility(books, &shipment.origin_id)?;
        for item_id in &self.reserve_item_ids {
            existing_item(books, item_id)?;
        }
        if shipment.state() != ShipmentState::Requested {
            return Err(wrong_state(shipment, "REQUESTED"));
        }
        check_time(moment)?;
        open(books, &shipment.destination_id, moment)?;
        let destination = existing_facility(books, &shipment.destination_id)?;
        self.check_arrival(destination, moment)?;
        let fit_override = self.check_fit(books, shipment)?;
        let today = facility_day(origin, moment.occurred_at_us);
        let wanted = wanted(books, shipment, self.allow_partial)?;
        let stock = Stock {
            books,
            origin_id: &shipment.origin_id,
            wanted: Use::Sent(destination, today),
        };
        let arrives_on = calendar::stored(self.arrives_on);
        let day = |line: &ShipmentLine| needed_until(today, &arrives_on, line.min_life_days);
        let units = self.claims(&stock, &wanted, today, day)?;
        let reserve_override = reserve::check(books, self, shipment, &units, today)?;
        let event = Event::from(ShipmentAllocated {
            shipment_id: shipment.shipment_id.clone(),
            origin_id: shipment.origin_id.clone(),
            destination_id: shipment.destination_id.clone(),
            units,
            fit_override,
            reserve_override,
            arrives_on,
            already_dispatched: None,
        });
        self.check_dispatch(shipment, &event)?;
        limits::keep(vec![event])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}

/// Only facts may be backdated: a claim of yesterday could contradict what others were told since.
fn check_time(moment: Moment) -> Result<(), Rejection> {
    let age_us = moment.now_us - moment.occurred_at_us;
    if age_us > limits::ALLOCATION_AGE_US {
        return Err(Rejection::AllocationBackdated {
            age_s: age_us / 1_000_000,
            limit_s: limits::ALLOCATION_AGE_US / 1_000_000,
        });
    }
    Ok(())
}

/// What there is at the origin that may go to the destination.
struct Stock<'a> {
    books: &'a Books,
    origin_id: &'a str,
    wanted: Use<'a>,
}

impl Stock<'_> {
    fn level(&self, item_id: &str) -> StockLevel {
        let level = self.books.stock(self.origin_id, item_id);
        let mut level = level.cloned().unwrap_or_default();
        earmark::set_apart(self.books, &mut level, self.wanted);
        level
    }
}

/// Units that a line still needs and may get.
pub(super) struct Wanted<'a> {
    line: &'a ShipmentLine,
    quantity: i64,
}

impl<'a> Wanted<'a> {
    fn choice(&self) -> Choice<'a> {
        Choice {
            batch_id: None,
            owner_id: Some(self.line.owner_id.as_str()).filter(|id| !id.is_empty()),
        }
    }

    /// Whether a line takes from the lots that this one takes from, and from no others.
    fn competes(&self, other: &Wanted<'_>) -> bool {
        let is_within = self.line.owner_id.is_empty() || self.line.owner_id == other.line.owner_id;
        self.line.item_id == other.line.item_id && is_within
    }
}

impl AllocateShipment {
    /// Refuses a day of arrival that has passed.
    fn check_arrival(&self, destination: &Facility, moment: Moment) -> Result<(), Rejection> {
        let today = facility_day(destination, moment.occurred_at_us);
        match self.arrives_on {
            Some(day) if day < today => Err(Rejection::DueDayPassed {
                field: "arrives_on".to_owned(),
                day: day.to_string(),
                today: today.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Refuses items that don't fit their destination, unless somebody answers for it.
    fn check_fit(
        &self,
        books: &Books,
        shipment: &Shipment,
    ) -> Result<Option<FitOverride>, Rejection> {
        let destination = existing_facility(books, &shipment.destination_id)?;
        let fit_override = self.fit_override.as_ref();
        let mut problems = Vec::new();
        for line in &shipment.lines {
            let item = existing_item(books, &line.item_id)?;
            problems.extend(fit::check(item, destination, fit_override)?);
        }
        Ok(fit::needed(fit_override, &problems))
    }

    fn claims(
        &self,
        stock: &Stock<'_>,
        wanted: &[Wanted<'_>],
        today: NaiveDate,
        last_day: impl Fn(&ShipmentLine) -> NaiveDate,
    ) -> Result<Vec<ShipmentUnits>, Rejection> {
        let mut levels: BTreeMap<&str, StockLevel> = BTreeMap::new();
        let mut claims = Vec::new();
        // Lines that take from one owner only come first: else a line that may take from any could take from them
        // what it might as well take from others.
        let (of_one, of_any): (Vec<_>, Vec<_>) = wanted
            .iter()
            .partition(|wanted| !wanted.line.owner_id.is_empty());
        for wanted_by_line in of_one.into_iter().chain(of_any) {
            let Wanted { line, quantity } = wanted_by_line;
            let level = levels
                .entry(&line.item_id)
                .or_insert_with(|| stock.level(&line.item_id));
            let taken = take(level, *quantity, last_day(line), wanted_by_line.choice());
            let found: i64 = taken.iter().map(|units| units.quantity).sum();
            if found < *quantity && !self.allow_partial {
                let level = stock.level(&line.item_id);
                return Err(too_little(
                    &level,
                    wanted,
                    wanted_by_line,
                    today,
                    last_day(line),
                ));
            }
            claims.extend(taken.into_iter().map(|units| ShipmentUnits {
                line: line.line,
                request_id: line.request_id.clone(),
                request_line: line.request_line,
                units: Some(units),
            }));
        }
        if let ([], Some(first)) = (
            &claims[..],
            wanted.iter().find(|wanted| wanted.quantity > 0),
        ) {
            let level = stock.level(&first.line.item_id);
            let last_day = last_day(first.line);
            return Err(too_little(&level, wanted, first, today, last_day));
        }
        claims.sort_by_key(|units| units.line);
        Ok(claims)
    }

    /// Refuses an allocation so scattered that the dispatch could not be recorded in one event.
    fn check_dispatch(&self, shipment: &Shipment, allocated: &Event) -> Result<(), Rejection> {
        let mut after = shipment.clone();
        after.evolve(&Boundary::Shipment(self.shipment_id.clone()), allocated);
        limits::check(
            &ShipmentDispatched {
                shipment_id: after.shipment_id,
                origin_id: after.origin_id,
                destination_id: after.destination_id,
                units: after
                    .lots
                    .into_iter()
                    .filter_map(|lot| lot.shipment_units)
                    .collect(),
                ..ShipmentDispatched::default()
            }
            .into(),
        )
    }
}

/// What each line needs, within what its request approves: since the shipment was requested, others may have
/// been allocated for the same need.
pub(super) fn wanted<'a>(
    books: &Books,
    shipment: &'a Shipment,
    allow_partial: bool,
) -> Result<Vec<Wanted<'a>>, Rejection> {
    let mut approved: BTreeMap<(&str, i32), i64> = BTreeMap::new();
    let mut wanted = Vec::with_capacity(shipment.lines.len());
    let mut refusal = None;
    for line in &shipment.lines {
        let mut quantity = line.quantity - claimed_for(shipment, line.line);
        if !line.request_id.is_empty() {
            let request = request::decide::existing(books, &line.request_id)?;
            request::decide::check_servable(request)?;
            let (limit, allocated) = request_line(request, line.request_line)
                .map_or((0, 0), |needed| (needed.approved, needed.allocated));
            let open = approved
                .entry((&line.request_id, line.request_line))
                .or_insert(limit - allocated);
            if quantity > *open {
                let exceeded = Rejection::ExceedsApproved {
                    request_id: line.request_id.clone(),
                    line: line.request_line,
                    requested: quantity,
                    approved: limit,
                    allocated: limit - *open,
                };
                if !allow_partial {
                    return Err(exceeded);
                }
                refusal.get_or_insert(exceeded);
            }
            quantity = quantity.min(*open).max(0);
            *open -= quantity;
        }
        wanted.push(Wanted { line, quantity });
    }
    match refusal {
        Some(refusal) if wanted.iter().all(|wanted| wanted.quantity == 0) => Err(refusal),
        _ => Ok(wanted),
    }
}

/// That a line can't be served, with what all lines want that take from the same lots.
fn too_little(
    level: &StockLevel,
    all: &[Wanted<'_>],
    short: &Wanted<'_>,
    today: NaiveDate,
    last_day: NaiveDate,
) -> Rejection {
    let requested = all
        .iter()
        .filter(|other| short.competes(other))
        .map(|other| other.quantity)
        .sum();
    let choice = short.choice();
    let [now, then] = [today, last_day].map(|day| available(level, day, choice));
    if then < now && now >= requested {
        return Rejection::RemainingLifeTooShort {
            facility_id: level.facility_id.clone(),
            item_id: level.item_id.clone(),
            requested,
            available: then,
            too_short: now - then,
            needed_until: last_day.to_string(),
        };
    }
    insufficient(level, requested, Some(last_day), choice)
}

/// The day on which units must still be usable that are claimed today, and for how many days after they arrive.
pub(crate) fn needed_until(today: NaiveDate, arrives_on: &str, min_life_days: i32) -> NaiveDate {
    let arrival = region::parse(arrives_on).unwrap_or(today).max(today);
    let days = u64::try_from(min_life_days).unwrap_or_default();
    if days == 0 {
        // Whoever asks for nothing takes whatever can be used today.
        return today;
    }
    arrival.checked_add_days(Days::new(days)).unwrap_or(arrival)
}
