//! The books kept the simplest way: a list of signed entries, summed up on demand.

use std::collections::{BTreeMap, BTreeSet};

use keruen_proto::{
    Event,
    inventory::v1::{ReceiptOutcome, StockConsumed, StockUnits, VoidedMovement},
    shipments::v1::{ReceivedUnits, ShipmentUnits},
};

/// Facility, item, batch and owner.
pub type Key = (String, String, String, String);

/// on hand, reserved, held, in transit, received, consumed, disposed, lost, returned, converted, passed to the owner,
/// given up by it, in transit elsewhere.
pub type Sums = [i64; 13];

const ON_HAND: usize = 0;
const RESERVED: usize = 1;
pub const HELD: usize = 2;
const IN_TRANSIT: usize = 3;
const RECEIVED: usize = 4;
const CONSUMED: usize = 5;
const DISPOSED: usize = 6;
const LOST: usize = 7;
const RETURNED: usize = 8;
const CONVERTED: usize = 9;
const TITLE_IN: usize = 10;
const TITLE_OUT: usize = 11;
const SENT: usize = 12;

#[derive(Default)]
struct Books {
    rows: BTreeMap<Key, Sums>,
    /// The same without what is held, by serial number of each unit; empty where there is none.
    units: BTreeMap<(Key, String), Sums>,
    /// Of each batch.
    lots: BTreeMap<String, String>,
}

impl Books {
    fn post(&mut self, facility_id: &str, units: &StockUnits, entries: &[(usize, i64)]) {
        if units.batch_id.is_empty() {
            return;
        }
        let key = (
            facility_id.to_owned(),
            units.item_id.clone(),
            units.batch_id.clone(),
            units.owner_id.clone(),
        );
        self.lots.insert(units.batch_id.clone(), units.lot.clone());
        for (column, amount) in entries {
            self.rows.entry(key.clone()).or_default()[*column] += amount;
        }
        let numbers = &units.serial_numbers;
        for (column, amount) in entries.iter().filter(|(column, _)| *column != HELD) {
            let mut post = |number: &str, amount: i64| {
                let unit = (key.clone(), number.to_owned());
                self.units.entry(unit).or_default()[*column] += amount;
            };
            if numbers.is_empty() {
                post("", *amount);
                continue;
            }
            assert_eq!(numbers.len() as u64, units.quantity.unsigned_abs());
            for number in numbers {
                post(number, amount / units.quantity);
            }
        }
    }
}

/// What these events moved, by serial number of each unit; nothing of what is held.
pub fn units(events: &[Event]) -> BTreeMap<(Key, String), Sums> {
    let mut books = Books::default();
    for event in events {
        post(&mut books, event);
    }
    books.units.retain(|_, sums| *sums != Sums::default());
    books.units
}

/// The same without what is held: what these events alone moved, whichever they are.
pub fn movements_only(events: &[Event]) -> BTreeMap<Key, Sums> {
    let mut books = Books::default();
    for event in events {
        post(&mut books, event);
    }
    books.rows
}

/// The rows that are not all 0.
pub fn stock(events: &[Event]) -> BTreeMap<Key, Sums> {
    let mut books = Books::default();
    for event in events {
        post(&mut books, event);
    }
    hold(&mut books, events);
    books.rows.retain(|_, sums| *sums != Sums::default());
    books.rows
}

/// Which batches are held, for which reasons, and which lots are recalled.
#[derive(Default)]
struct Holds {
    held: BTreeSet<(String, i32)>,
    recalled: BTreeSet<(String, String)>,
    /// Lots as they were corrected.
    corrected: BTreeMap<String, String>,
}

impl Holds {
    fn take(&mut self, event: &Event) {
        let Self { held, recalled, .. } = self;
        match event {
            Event::BatchHeld(it) => {
                held.insert((it.batch_id.clone(), it.reason));
            }
            Event::BatchReleased(it) => {
                held.remove(&(it.batch_id.clone(), it.reason));
            }
            Event::LotRecalled(it) => {
                recalled.insert((it.item_id.clone(), it.lot.clone()));
            }
            Event::LotRecallLifted(it) => {
                recalled.remove(&(it.item_id.clone(), it.lot.clone()));
            }
            Event::BatchDataCorrected(it) => {
                self.corrected.insert(it.batch_id.clone(), it.lot.clone());
            }
            _ => {}
        }
    }

    /// Of a batch that is held, or whose lot is recalled, all that is not claimed is held.
    fn held(&self, books: &Books, (_, item_id, batch_id, _): &Key, sums: &Sums) -> i64 {
        let corrected = self.corrected.get(batch_id);
        let lot = corrected.or_else(|| books.lots.get(batch_id));
        let lot = lot.map_or("", String::as_str);
        let is_held = self.held.iter().any(|(id, _)| id == batch_id);
        let mut recalled = self.recalled.iter();
        if is_held || recalled.any(|it| (it.0.as_str(), it.1.as_str()) == (item_id.as_str(), lot)) {
            sums[ON_HAND] - sums[RESERVED]
        } else {
            sums[HELD]
        }
    }
}

fn hold(books: &mut Books, events: &[Event]) {
    let mut holds = Holds::default();
    for event in events {
        holds.take(event);
    }
    sum_held(books, &holds);
}

fn sum_held(books: &mut Books, holds: &Holds) {
    let mut rows = std::mem::take(&mut books.rows);
    for (key, sums) in &mut rows {
        sums[HELD] = holds.held(books, key, sums);
    }
    books.rows = rows;
}

/// The rows of those of the known events that had happened. What a lot is called is no matter of when it was corrected.
pub fn past(
    events: &[Event],
    known: usize,
    happened: impl Fn(usize) -> bool,
) -> BTreeMap<Key, Sums> {
    let (mut books, mut all) = (Books::default(), Books::default());
    let (mut holds, mut all_holds) = (Holds::default(), Holds::default());
    for (index, event) in events[..known].iter().enumerate() {
        post(&mut all, event);
        all_holds.take(event);
        if happened(index) {
            post(&mut books, event);
            holds.take(event);
        }
    }
    holds.corrected = all_holds.corrected;
    books.lots = all.lots;
    sum_held(&mut books, &holds);
    books.rows
}

/// Units that came to a facility, and that were sent on from it; less of both where that did not happen.
pub fn came_and_went(event: &Event) -> Vec<(String, &StockUnits, [i64; 2])> {
    let came = |facility_id: &String, units| vec![came(facility_id, units, 1)];
    match event {
        Event::DonationReceived(it) => it
            .lines
            .iter()
            .filter(|line| line.outcome() != ReceiptOutcome::Missing)
            .flat_map(|line| came(&it.facility_id, line.units.as_ref().unwrap()))
            .collect(),
        Event::StockEntered(it) => it
            .lines
            .iter()
            .flat_map(|line| came(&it.facility_id, line.units.as_ref().unwrap()))
            .collect(),
        Event::KitsAssembled(it) => came(&it.facility_id, it.kits.as_ref().unwrap()),
        Event::StockAdjusted(it) if !it.decrease => {
            came(&it.facility_id, it.units.as_ref().unwrap())
        }
        Event::StockDiscrepancyFound(it) => came(&it.facility_id, it.units.as_ref().unwrap()),
        Event::ShipmentDispatched(it) => sent(&it.origin_id, &it.units, 1),
        Event::ShipmentReceived(it) => found(&it.destination_id, &it.units, 1),
        _ => never_came_or_went(event),
    }
}

/// What was said before was wrong, or not all.
fn never_came_or_went(event: &Event) -> Vec<(String, &StockUnits, [i64; 2])> {
    match event {
        Event::ReceiptCorrected(it) => {
            let sign = if it.decrease { -1 } else { 1 };
            vec![came(&it.facility_id, it.units.as_ref().unwrap(), sign)]
        }
        Event::MovementVoided(it)
            if [VoidedMovement::Increase, VoidedMovement::Discrepancy].contains(&it.movement()) =>
        {
            let units = it.units.iter();
            units
                .map(|units| came(&it.facility_id, units, -1))
                .collect()
        }
        Event::ShipmentDispatchVoided(it) => sent(&it.origin_id, &it.units, -1),
        Event::ShipmentReceiptVoided(it) => found(&it.destination_id, &it.units, -1),
        _ => Vec::new(),
    }
}

fn came<'e>(
    facility_id: &str,
    units: &'e StockUnits,
    sign: i64,
) -> (String, &'e StockUnits, [i64; 2]) {
    (facility_id.to_owned(), units, [sign * units.quantity, 0])
}

fn sent<'e>(
    facility_id: &str,
    units: &'e [ShipmentUnits],
    sign: i64,
) -> Vec<(String, &'e StockUnits, [i64; 2])> {
    let units = units.iter().map(|it| it.units.as_ref().unwrap());
    units
        .map(|units| (facility_id.to_owned(), units, [0, sign * units.quantity]))
        .collect()
}

fn found<'e>(
    facility_id: &str,
    units: &'e [ReceivedUnits],
    sign: i64,
) -> Vec<(String, &'e StockUnits, [i64; 2])> {
    let found = units.iter();
    found
        .filter(|found| found.outcome() != ReceiptOutcome::Missing)
        .map(|found| found.shipment_units.as_ref().unwrap().units.as_ref())
        .map(|units| came(facility_id, units.unwrap(), sign))
        .collect()
}

fn post(books: &mut Books, event: &Event) {
    match event {
        Event::DonationReceived(it) => {
            for line in &it.lines {
                let units = line.units.as_ref().unwrap();
                let n = units.quantity;
                match line.outcome() {
                    ReceiptOutcome::Missing => {}
                    ReceiptOutcome::Good => {
                        books.post(&it.facility_id, units, &[(ON_HAND, n), (RECEIVED, n)]);
                    }
                    _ => books.post(
                        &it.facility_id,
                        units,
                        &[(ON_HAND, n), (RECEIVED, n), (HELD, n)],
                    ),
                }
            }
        }
        Event::StockAdjusted(it) if it.decrease => {
            let units = it.units.as_ref().unwrap();
            let n = units.quantity;
            books.post(
                &it.facility_id,
                units,
                &[(ON_HAND, -n), (LOST, n), (HELD, -it.held_quantity)],
            );
        }
        Event::StockAdjusted(it) => {
            let units = it.units.as_ref().unwrap();
            let n = units.quantity;
            books.post(&it.facility_id, units, &[(ON_HAND, n), (RECEIVED, n)]);
        }
        Event::StockConsumed(it) => consume(books, it),
        Event::StockDisposed(it) => {
            let units = it.units.as_ref().unwrap();
            let n = units.quantity;
            books.post(
                &it.facility_id,
                units,
                &[(ON_HAND, -n), (DISPOSED, n), (HELD, -it.held_quantity)],
            );
        }
        Event::TitleTransferred(it) => {
            let units = it.units.as_ref().unwrap();
            let (n, held) = (units.quantity, it.held_quantity);
            books.post(
                &it.facility_id,
                units,
                &[(ON_HAND, -n), (TITLE_OUT, n), (HELD, -held)],
            );
            let theirs = StockUnits {
                owner_id: it.new_owner_id.clone(),
                ..units.clone()
            };
            books.post(
                &it.facility_id,
                &theirs,
                &[(ON_HAND, n), (TITLE_IN, n), (HELD, held)],
            );
        }
        Event::StockReturned(it) => {
            let units = it.units.as_ref().unwrap();
            let n = units.quantity;
            books.post(
                &it.facility_id,
                units,
                &[(ON_HAND, -n), (RETURNED, n), (HELD, -it.held_quantity)],
            );
        }
        Event::StockEntered(it) => {
            for line in &it.lines {
                let units = line.units.as_ref().unwrap();
                let n = units.quantity;
                let held = if line.held { n } else { 0 };
                books.post(
                    &it.facility_id,
                    units,
                    &[(ON_HAND, n), (RECEIVED, n), (HELD, held)],
                );
            }
        }
        Event::StockHeld(it) => {
            let units = it.units.as_ref().unwrap();
            books.post(&it.facility_id, units, &[(HELD, units.quantity)]);
        }
        Event::StockReleased(it) => {
            let units = it.units.as_ref().unwrap();
            books.post(&it.facility_id, units, &[(HELD, -units.quantity)]);
        }
        Event::ReceiptCorrected(_) | Event::StockDiscrepancyFound(_) | Event::MovementVoided(_) => {
            post_correction(books, event);
        }
        Event::KitsAssembled(_) | Event::KitsBroken(_) => post_kits(books, event),
        _ => post_shipment(books, event),
    }
}

fn post_kits(books: &mut Books, event: &Event) {
    match event {
        Event::KitsAssembled(it) => {
            for units in &it.components {
                let n = units.quantity;
                books.post(&it.facility_id, units, &[(ON_HAND, -n), (CONVERTED, n)]);
            }
            let kits = it.kits.as_ref().unwrap();
            let n = kits.quantity;
            books.post(&it.facility_id, kits, &[(ON_HAND, n), (RECEIVED, n)]);
        }
        Event::KitsBroken(it) => {
            let kits = it.kits.as_ref().unwrap();
            let (n, held) = (kits.quantity, it.held_quantity);
            let entries = [(ON_HAND, -n), (CONVERTED, n), (HELD, -held)];
            books.post(&it.facility_id, kits, &entries);
            for units in &it.components {
                let theirs = StockUnits {
                    owner_id: it.assembled_for_owner_id.clone(),
                    ..units.clone()
                };
                let all = units.quantity;
                let held = all / n * held;
                books.post(&it.assembled_at_facility_id, &theirs, &[(CONVERTED, -all)]);
                if theirs.owner_id != units.owner_id {
                    books.post(&it.facility_id, &theirs, &[(TITLE_OUT, all)]);
                    books.post(&it.facility_id, units, &[(TITLE_IN, all)]);
                }
                books.post(&it.facility_id, units, &[(ON_HAND, all), (HELD, held)]);
            }
        }
        _ => {}
    }
}

fn consume(books: &mut Books, it: &StockConsumed) {
    for (index, units) in it.units.iter().enumerate() {
        let n = units.quantity;
        let held = it.particulars.get(index).map_or(0, |it| it.held_quantity);
        let entries = [(ON_HAND, -n), (CONSUMED, n), (HELD, -held)];
        books.post(&it.facility_id, units, &entries);
    }
}

fn post_correction(books: &mut Books, event: &Event) {
    match event {
        Event::ReceiptCorrected(it) => {
            let units = it.units.as_ref().unwrap();
            let n = units.quantity;
            let is_good = it.outcome() == ReceiptOutcome::Good;
            let entries = if it.decrease {
                [(ON_HAND, -n), (RECEIVED, -n), (HELD, -it.held_quantity)]
            } else {
                [
                    (ON_HAND, n),
                    (RECEIVED, n),
                    (HELD, if is_good { 0 } else { n }),
                ]
            };
            books.post(&it.facility_id, units, &entries);
        }
        Event::StockDiscrepancyFound(it) => {
            let units = it.units.as_ref().unwrap();
            let n = units.quantity;
            books.post(&it.facility_id, units, &[(ON_HAND, n), (RECEIVED, n)]);
        }
        Event::MovementVoided(it) => {
            for (index, units) in it.units.iter().enumerate() {
                let held = *it.held_quantities.get(index).unwrap_or(&it.held_quantity);
                let n = units.quantity;
                let column = match it.movement() {
                    VoidedMovement::Consumption => CONSUMED,
                    VoidedMovement::Disposal => DISPOSED,
                    VoidedMovement::Return => RETURNED,
                    VoidedMovement::Decrease => LOST,
                    VoidedMovement::TitleTransfer => TITLE_OUT,
                    VoidedMovement::Increase | VoidedMovement::Discrepancy => {
                        let entries = [(ON_HAND, -n), (RECEIVED, -n), (HELD, -held)];
                        books.post(&it.facility_id, units, &entries);
                        continue;
                    }
                    VoidedMovement::Unspecified => unreachable!(),
                };
                books.post(
                    &it.facility_id,
                    units,
                    &[(ON_HAND, n), (column, -n), (HELD, held)],
                );
                if column == TITLE_OUT {
                    let theirs = StockUnits {
                        owner_id: it.new_owner_id.clone(),
                        ..units.clone()
                    };
                    books.post(
                        &it.facility_id,
                        &theirs,
                        &[(ON_HAND, -n), (TITLE_IN, -n), (HELD, -held)],
                    );
                }
            }
        }
        _ => {}
    }
}

fn post_shipment(books: &mut Books, event: &Event) {
    match event {
        Event::ShipmentAllocated(it) => {
            for units in it.units.iter().map(|it| it.units.as_ref().unwrap()) {
                books.post(&it.origin_id, units, &[(RESERVED, units.quantity)]);
            }
        }
        Event::AllocationReleased(it) => {
            for units in it.units.iter().map(|it| it.units.as_ref().unwrap()) {
                books.post(&it.origin_id, units, &[(RESERVED, -units.quantity)]);
            }
        }
        Event::ShipmentCancelled(it) => {
            for units in it.units.iter().map(|it| it.units.as_ref().unwrap()) {
                books.post(&it.origin_id, units, &[(RESERVED, -units.quantity)]);
            }
        }
        Event::ShipmentDispatched(it) => {
            for units in it.units.iter().map(|it| it.units.as_ref().unwrap()) {
                let n = units.quantity;
                books.post(
                    &it.origin_id,
                    units,
                    &[(RESERVED, -n), (ON_HAND, -n), (SENT, n)],
                );
                books.post(&it.destination_id, units, &[(IN_TRANSIT, n)]);
            }
        }
        Event::ShipmentReceived(it) => {
            for found in &it.units {
                let units = found
                    .shipment_units
                    .as_ref()
                    .unwrap()
                    .units
                    .as_ref()
                    .unwrap();
                let n = units.quantity;
                let entries: &[(usize, i64)] = match found.outcome() {
                    ReceiptOutcome::Good => &[(IN_TRANSIT, -n), (ON_HAND, n)],
                    ReceiptOutcome::Damaged | ReceiptOutcome::Expired => {
                        &[(IN_TRANSIT, -n), (ON_HAND, n), (HELD, n)]
                    }
                    ReceiptOutcome::Surplus | ReceiptOutcome::Wrong => {
                        &[(RECEIVED, n), (ON_HAND, n), (HELD, n)]
                    }
                    ReceiptOutcome::Missing | ReceiptOutcome::Unspecified => &[],
                };
                books.post(&it.destination_id, units, entries);
                if entries.contains(&(IN_TRANSIT, -n)) {
                    books.post(&it.origin_id, units, &[(SENT, -n)]);
                }
            }
        }
        Event::ShipmentTitleTransferred(it) => {
            for units in it.units.iter().map(|it| it.units.as_ref().unwrap()) {
                let n = units.quantity;
                let theirs = StockUnits {
                    owner_id: it.new_owner_id.clone(),
                    ..units.clone()
                };
                let place = if it.is_under_way {
                    &it.destination_id
                } else {
                    &it.origin_id
                };
                for (units, sign, column) in [(units, -1, TITLE_OUT), (&theirs, 1, TITLE_IN)] {
                    books.post(place, units, &[(column, n)]);
                    if it.is_under_way {
                        books.post(place, units, &[(IN_TRANSIT, sign * n)]);
                        books.post(&it.origin_id, units, &[(SENT, sign * n)]);
                    } else {
                        let entries = [(ON_HAND, sign * n), (RESERVED, sign * n)];
                        books.post(place, units, &entries);
                    }
                }
            }
        }
        Event::ShipmentDiverted(it) => {
            for units in it.units.iter().map(|it| it.units.as_ref().unwrap()) {
                let n = units.quantity;
                books.post(&it.destination_id, units, &[(IN_TRANSIT, -n)]);
                books.post(&it.new_destination_id, units, &[(IN_TRANSIT, n)]);
            }
        }
        Event::LossActAccepted(it) => {
            for units in it.units.iter().map(|it| it.units.as_ref().unwrap()) {
                let n = units.quantity;
                books.post(&it.destination_id, units, &[(IN_TRANSIT, -n), (LOST, n)]);
                books.post(&it.origin_id, units, &[(SENT, -n)]);
            }
        }
        _ => post_voided(books, event),
    }
}

/// What was said of a shipment did not happen.
fn post_voided(books: &mut Books, event: &Event) {
    match event {
        Event::ShipmentDispatchVoided(it) => {
            for units in it.units.iter().map(|it| it.units.as_ref().unwrap()) {
                let n = units.quantity;
                books.post(
                    &it.origin_id,
                    units,
                    &[(RESERVED, n), (ON_HAND, n), (SENT, -n)],
                );
                books.post(&it.destination_id, units, &[(IN_TRANSIT, -n)]);
            }
        }
        Event::ShipmentReceiptVoided(it) => {
            for (found, held) in it.units.iter().zip(&it.held_quantities) {
                let shipped = found.shipment_units.as_ref().unwrap();
                let units = shipped.units.as_ref().unwrap();
                let n = units.quantity;
                let back = match found.outcome() {
                    ReceiptOutcome::Missing => continue,
                    ReceiptOutcome::Surplus | ReceiptOutcome::Wrong => (RECEIVED, -n),
                    _ => {
                        books.post(&it.origin_id, units, &[(SENT, n)]);
                        (IN_TRANSIT, n)
                    }
                };
                let entries = [back, (ON_HAND, -n), (HELD, -held)];
                books.post(&it.destination_id, units, &entries);
            }
        }
        Event::LossActVoided(it) => {
            for units in it.units.iter().map(|it| it.units.as_ref().unwrap()) {
                let n = units.quantity;
                books.post(&it.destination_id, units, &[(IN_TRANSIT, n), (LOST, -n)]);
                books.post(&it.origin_id, units, &[(SENT, n)]);
            }
        }
        _ => {}
    }
}
