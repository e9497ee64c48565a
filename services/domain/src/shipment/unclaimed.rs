//! A shipment has left with units that nobody had claimed for it. A claim can't be dated back, and what has left can't be
//! refused: so it is claimed and leaves in one append, whatever the books say. What of it they do not know of is found as a
//! discrepancy, as with everything that is gone already.

use std::{cmp::Reverse, collections::BTreeSet};

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    inventory::v1::{StockLevel, StockReleased, StockUnits},
    registry::v1::Item,
    shipments::v1::{
        ReleaseReason, Shipment, ShipmentAllocated, ShipmentDispatched, ShipmentLine,
        ShipmentState, ShipmentUnits,
    },
};

use super::{
    DispatchShipment, Pick,
    allocate::wanted,
    existing, reads,
    state::{claimed_for, is_same},
    wrong_state,
};
use crate::{
    asset::{self, is_asset},
    books::Books,
    boundary::Boundary,
    calendar::facility_day,
    code::{Code, Label},
    command::{Command, Moment},
    donation::earmark::{self, Use},
    limits,
    registry::{existing_facility, existing_item, existing_organisation},
    rejection::Rejection,
    stock::{
        claims,
        gone::{Gone, USED, Unknown},
        lot::{check_serial_numbers_there, existing_batch, existing_owner, owner_read},
        pick::{Choice, insufficient, units_of},
    },
};

/// Records that a shipment has left with what nobody had claimed for it.
#[derive(Clone, Debug)]
pub struct DispatchUnclaimed {
    /// With whom it left, and so on.
    pub dispatch: DispatchShipment,
    /// What has left; `None` means all that its lines say, of the batches that expire first.
    pub units: Option<Vec<Pick>>,
    /// Ids for new batches, one for each part that can be named; used only for what has left and no batch is known of.
    pub new_batch_ids: Vec<Code>,
}

/// Some of a line that has left.
struct Part<'a> {
    /// Where the command names it.
    field: String,
    line: &'a ShipmentLine,
    batch_id: Option<&'a Code>,
    owner_id: Option<&'a str>,
    quantity: i64,
    serial_numbers: &'a [Label],
    new_batch_id: &'a Code,
}

impl<'a> Part<'a> {
    fn choice(&self) -> Choice<'a> {
        Choice {
            batch_id: self.batch_id.map(Code::as_str),
            owner_id: self.owner_id,
        }
    }

    fn of_line(&self, units: StockUnits) -> ShipmentUnits {
        ShipmentUnits {
            line: self.line.line,
            request_id: self.line.request_id.clone(),
            request_line: self.line.request_line,
            units: Some(units),
        }
    }
}

/// What has left, and what comes before that: claims of others that are given up, what was held, and what is found.
#[derive(Default)]
struct Left {
    before: Vec<Event>,
    units: Vec<ShipmentUnits>,
}

impl Command for DispatchUnclaimed {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let dispatch = &self.dispatch;
        let mut boundaries = reads(books, &dispatch.shipment_id);
        boundaries.push(Boundary::Organisation(dispatch.custodian_id.clone()));
        boundaries.push(Boundary::Agreements(dispatch.custodian_id.clone()));
        let Some(shipment) = books.shipment(&dispatch.shipment_id) else {
            return boundaries;
        };
        boundaries.extend(Boundary::keeper(&shipment.origin_id));
        for line in &shipment.lines {
            boundaries.extend(Boundary::item(&line.item_id));
            boundaries.extend(Boundary::stock(&shipment.origin_id, &line.item_id));
            boundaries.extend(Boundary::request(&line.request_id));
            let level = books.stock(&shipment.origin_id, &line.item_id);
            boundaries.extend(earmark::pledges(level));
        }
        let Ok(parts) = self.parts(shipment) else {
            return boundaries;
        };
        for part in &parts {
            boundaries.extend(part.batch_id.cloned().map(Boundary::Batch));
            let owner_id = part.owner_id.and_then(|id| Code::parse(id).ok());
            boundaries.extend(owner_read(owner_id.as_ref()));
            if let Ok(item_id) = Code::parse(&part.line.item_id) {
                boundaries.extend(asset::reads(&item_id, part.serial_numbers));
            }
        }
        let mut leaving = Leaving::new(books, shipment, NaiveDate::MIN);
        for part in &parts {
            // Why it is refused is told when it is decided.
            let _ = leaving.leave(part);
        }
        boundaries.extend(leaving.reads);
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let dispatch = &self.dispatch;
        let shipment = existing(books, &dispatch.shipment_id)?;
        let origin = existing_facility(books, &shipment.origin_id)?;
        // That it was retired by then keeps nothing back.
        existing_organisation(books, &dispatch.custodian_id)?;
        if shipment.state() != ShipmentState::Requested || !shipment.lots.is_empty() {
            return Err(wrong_state(shipment, "REQUESTED, and nothing claimed"));
        }
        let parts = self.parts(shipment)?;
        for part in &parts {
            let owner_id = part.owner_id.and_then(|id| Code::parse(id).ok());
            existing_owner(books, owner_id.as_ref())?;
        }
        wanted(books, shipment, false)?;
        let today = facility_day(origin, moment.occurred_at_us);
        let mut leaving = Leaving::new(books, shipment, today);
        for part in &parts {
            leaving.leave(part)?;
        }
        let Left { before, mut units } = leaving.left;
        units.sort_by_key(|units| units.line);
        let mut events = before;
        events.push(allocated(shipment, units.clone()));
        events.push(dispatch.dispatched(
            books,
            shipment,
            units,
            dispatch.agreement_then(books, moment),
        ));
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.dispatch.shipment_id.clone()))
    }
}

fn allocated(shipment: &Shipment, units: Vec<ShipmentUnits>) -> Event {
    ShipmentAllocated {
        shipment_id: shipment.shipment_id.clone(),
        origin_id: shipment.origin_id.clone(),
        destination_id: shipment.destination_id.clone(),
        units,
        already_dispatched: Some(true),
        ..ShipmentAllocated::default()
    }
    .into()
}

/// That units are no longer there, for the books while others leave.
fn departed(shipment: &Shipment, units: Vec<ShipmentUnits>) -> Event {
    ShipmentDispatched {
        shipment_id: shipment.shipment_id.clone(),
        origin_id: shipment.origin_id.clone(),
        destination_id: shipment.destination_id.clone(),
        units,
        ..ShipmentDispatched::default()
    }
    .into()
}

impl DispatchUnclaimed {
    /// What has left, part by part. What is named most exactly comes first: else what may be of any batch could be taken
    /// from what can only be of one.
    fn parts<'a>(&'a self, shipment: &'a Shipment) -> Result<Vec<Part<'a>>, Rejection> {
        let mut parts = if let Some(picks) = &self.units {
            self.picked(shipment, picks)?
        } else {
            let lines = shipment.lines.iter().zip(&self.new_batch_ids).enumerate();
            lines
                .map(|(index, (line, id))| whole(index, line, id))
                .collect()
        };
        parts.sort_by_key(|part| Reverse((part.batch_id.is_some(), part.owner_id.is_some())));
        Ok(parts)
    }

    fn picked<'a>(
        &'a self,
        shipment: &'a Shipment,
        picks: &'a [Pick],
    ) -> Result<Vec<Part<'a>>, Rejection> {
        limits::lines("units", picks.len(), limits::PICKS)?;
        let mut parts: Vec<Part<'a>> = Vec::with_capacity(picks.len());
        for (index, (pick, new_batch_id)) in picks.iter().zip(&self.new_batch_ids).enumerate() {
            let field = format!("units[{index}]");
            let line = shipment.lines.iter().find(|line| line.line == pick.line);
            let line = line.ok_or_else(|| Rejection::UnknownShipmentLine {
                field: format!("{field}.line"),
                shipment_id: shipment.shipment_id.clone(),
                line: pick.line,
            })?;
            let taken = parts.iter().filter(|part| part.line.line == line.line);
            let taken = taken.map(|part| part.quantity).fold(0, i64::saturating_add);
            let left = line.quantity - claimed_for(shipment, line.line) - taken;
            let batch_id = pick.batch_id.as_ref().map_or("", Code::as_str);
            let quantity = pick.quantity(&field, &shipment.shipment_id, batch_id, left)?;
            let owner_id = pick.owner_id.as_ref().map(Code::as_str);
            parts.push(Part {
                batch_id: pick.batch_id.as_ref(),
                owner_id: owner_id.or(owner_of(line)),
                quantity,
                serial_numbers: &pick.serial_numbers,
                ..whole(index, line, new_batch_id)
            });
        }
        Ok(parts)
    }
}

/// All of a line.
fn whole<'a>(index: usize, line: &'a ShipmentLine, new_batch_id: &'a Code) -> Part<'a> {
    Part {
        field: format!("units[{index}]"),
        line,
        batch_id: None,
        owner_id: owner_of(line),
        quantity: line.quantity,
        serial_numbers: &[],
        new_batch_id,
    }
}

fn owner_of(line: &ShipmentLine) -> Option<&str> {
    Some(line.owner_id.as_str()).filter(|id| !id.is_empty())
}

/// The books while one part after the other leaves.
struct Leaving<'a> {
    books: Books,
    shipment: &'a Shipment,
    today: NaiveDate,
    seen: BTreeSet<(String, Label)>,
    left: Left,
    /// What must be read to know what follows.
    reads: Vec<Boundary>,
}

impl<'a> Leaving<'a> {
    fn new(books: &Books, shipment: &'a Shipment, today: NaiveDate) -> Self {
        Self {
            books: books.clone(),
            shipment,
            today,
            seen: BTreeSet::new(),
            left: Left::default(),
            reads: Vec::new(),
        }
    }

    fn leave(&mut self, part: &Part<'_>) -> Result<(), Rejection> {
        let item = existing_item(&self.books, &part.line.item_id)?.clone();
        let level = self.books.stock(&self.shipment.origin_id, &item.item_id);
        let level = level.cloned().unwrap_or_else(|| StockLevel {
            facility_id: self.shipment.origin_id.clone(),
            item_id: item.item_id.clone(),
            ..StockLevel::default()
        });
        let (mut events, units) = if is_asset(&item) {
            self.assets(part, &item, &level)?
        } else {
            self.counted(part, &item, &level)?
        };
        let units: Vec<_> = units.into_iter().map(|it| part.of_line(it)).collect();
        self.left.before.extend(events.iter().cloned());
        events.push(allocated(self.shipment, units.clone()));
        events.push(departed(self.shipment, units.clone()));
        self.take_in(&item.item_id, &events);
        for units in units {
            add(&mut self.left.units, units);
        }
        Ok(())
    }

    /// Units that are told by their number. Of what is not there, nothing has left.
    fn assets(
        &mut self,
        part: &Part<'_>,
        item: &Item,
        level: &StockLevel,
    ) -> Result<(Vec<Event>, Vec<StockUnits>), Rejection> {
        let (numbers, quantity) = (part.serial_numbers, part.quantity);
        let field = format!("{}.serial_numbers", part.field);
        asset::check_serial_numbers(&field, item, quantity, numbers, &mut self.seen)?;
        asset::check_in_store(&self.books, &item.item_id, numbers)?;
        let choice = part.choice();
        let stored = asset::stored(numbers);
        let is_meant = |id: Option<&str>, found: &str| id.is_none_or(|id| id == found);
        let lot = level.lots.iter().find(|lot| {
            let mut there = lot.serial_numbers.iter();
            is_meant(choice.batch_id, &lot.batch_id)
                && is_meant(choice.owner_id, &lot.owner_id)
                && there.any(|number| stored.contains(number))
        });
        let lot = lot.ok_or_else(|| insufficient(level, quantity, None, choice))?;
        check_serial_numbers_there(level, lot, numbers)?;
        let held = |number: &&String| lot.serial_numbers_held_here.contains(number);
        if let Some(serial_number) = stored.iter().find(held) {
            return Err(Rejection::AssetHeld {
                item_id: item.item_id.clone(),
                serial_number: serial_number.clone(),
                batch_id: lot.batch_id.clone(),
            });
        }
        let broken = claims::broken(lot, quantity, &stored);
        self.reads.extend(claims::reads(&self.books, &broken));
        let units = units_of(&item.item_id, lot, quantity, stored);
        let (facility_id, reason) = (&self.shipment.origin_id, ReleaseReason::StockGone);
        let before = claims::give_up(&self.books, facility_id, &broken, &units, reason)?;
        Ok((before, vec![units]))
    }

    /// Units that are counted: what might have been claimed first, then whatever is there, then what nobody knew of.
    fn counted(
        &mut self,
        part: &Part<'_>,
        item: &Item,
        level: &StockLevel,
    ) -> Result<(Vec<Event>, Vec<StockUnits>), Rejection> {
        let field = format!("{}.serial_numbers", part.field);
        let (numbers, quantity) = (part.serial_numbers, part.quantity);
        asset::check_serial_numbers(&field, item, quantity, numbers, &mut self.seen)?;
        let mut issuable = level.clone();
        if let Some(destination) = self.books.facility(&self.shipment.destination_id) {
            let wanted = Use::Sent(destination, self.today);
            earmark::set_apart(&self.books, &mut issuable, wanted);
        }
        let gone = Gone {
            level,
            issuable: &issuable,
            today: self.today,
            choice: part.choice(),
            quantity,
            tiers: USED,
        };
        let taken = gone.taken();
        self.reads.extend(taken.reads(&self.books));
        let batch = part.batch_id.map(|id| existing_batch(&self.books, id));
        let batch = batch.transpose()?;
        if taken.beyond > 0 && batch.is_none() {
            self.reads.push(Boundary::Batch(part.new_batch_id.clone()));
        }
        let unknown = match batch {
            Some(batch) if batch.item_id != item.item_id => {
                return Err(Rejection::BatchOfOtherItem {
                    field: format!("{}.batch_id", part.field),
                    batch_id: batch.batch_id.clone(),
                    item_id: item.item_id.clone(),
                    batch_item_id: batch.item_id.clone(),
                });
            }
            None if taken.beyond > 0 && self.books.batch(part.new_batch_id).is_some() => {
                return Err(Rejection::BatchExists {
                    batch_id: part.new_batch_id.to_string(),
                });
            }
            Some(batch) => Unknown::Batch(batch),
            None => Unknown::New(part.new_batch_id),
        };
        let reason = ReleaseReason::StockGone;
        let found = taken.consequences(&self.books, level, &unknown, part.owner_id, reason)?;
        let mut before = found.before;
        for (units, particulars) in found.units.iter().zip(&found.particulars) {
            if particulars.held_quantity > 0 {
                let units = StockUnits {
                    quantity: particulars.held_quantity,
                    ..units.clone()
                };
                before.push(released(&self.shipment.origin_id, units));
            }
        }
        Ok((before, found.units))
    }

    /// What happened to the stock, and to those who had claimed some of it.
    fn take_in(&mut self, item_id: &str, events: &[Event]) {
        let stock = Boundary::stock(&self.shipment.origin_id, item_id);
        let others = events.iter().filter_map(|event| match event {
            Event::AllocationReleased(event) => Boundary::shipment(&event.shipment_id),
            _ => None,
        });
        for boundary in stock.into_iter().chain(others) {
            let Some(mut entry) = self.books.get(&boundary).cloned() else {
                continue;
            };
            for event in events {
                entry.evolve(&boundary, event);
            }
            self.books.insert(boundary, entry);
        }
    }
}

/// What is sent is no longer held here by itself.
fn released(facility_id: &str, units: StockUnits) -> Event {
    StockReleased {
        facility_id: facility_id.to_owned(),
        units: Some(units),
        ..StockReleased::default()
    }
    .into()
}

/// Adds units to those of the same line, batch and owner.
fn add(all: &mut Vec<ShipmentUnits>, more: ShipmentUnits) {
    let known = all.iter_mut().find(|it| is_same(it, &more));
    match (known.and_then(|it| it.units.as_mut()), &more.units) {
        (Some(known), Some(units)) => {
            known.quantity = known.quantity.saturating_add(units.quantity);
            known
                .serial_numbers
                .extend_from_slice(&units.serial_numbers);
        }
        _ => all.push(more),
    }
}
