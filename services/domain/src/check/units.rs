//! Where the units of every batch and owner are, and what became of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    inventory::v1::{
        Earmark, KitsAssembled, KitsBroken, MovementVoided, ReceiptOutcome, StockUnits,
        TitleTransferred, VoidedMovement,
    },
    registry::v1::Facility,
    shipments::v1::{ShipmentAllocated, ShipmentReceived, ShipmentTitleTransferred, ShipmentUnits},
};

use super::{Findings, quality::Quality};
use crate::{
    books::Fold as _,
    boundary::Boundary,
    calendar::{facility_day, is_expired},
    code::UNATTRIBUTED,
    donation::earmark::{self, Use},
    registry, shipment,
};

/// Batch and owner.
type Key = (String, String);

/// What is known of a batch and owner.
#[derive(Debug, Default)]
struct Account {
    received: i64,
    consumed: i64,
    disposed: i64,
    lost: i64,
    /// Passed to this owner.
    title_in: i64,
    /// Passed to another one.
    title_out: i64,
    returned: i64,
    converted: i64,
    facilities: BTreeMap<String, Pile>,
    /// In transit, missing units included, by shipment.
    shipments: BTreeMap<String, i64>,
    expires_on: String,
}

/// What is at one facility.
#[derive(Debug, Default)]
struct Pile {
    on_hand: i64,
    held: i64,
    /// Claims, by shipment.
    reserved: BTreeMap<String, i64>,
}

impl Pile {
    fn reserved(&self) -> i64 {
        self.reserved.values().sum()
    }

    fn available(&self) -> i64 {
        self.on_hand - self.held - self.reserved()
    }
}

/// Units that were claimed at a facility for another one.
struct Taken<'a> {
    facility_id: &'a str,
    units: &'a StockUnits,
    /// Owner from which alone they could be taken; empty for any.
    owner_id: &'a str,
    destination: Option<&'a Facility>,
    today: NaiveDate,
    /// Day on which they must still be usable.
    last_day: NaiveDate,
}

/// Every account.
#[derive(Debug, Default)]
pub(super) struct Units {
    accounts: BTreeMap<Key, Account>,
    /// Accounts that were ever at a facility with an item.
    stocks: BTreeMap<(String, String), BTreeSet<Key>>,
    facilities: BTreeMap<String, Facility>,
    /// Owner from which a shipment's line takes, empty for any; and for how many days its units must be usable on arrival.
    terms: BTreeMap<(String, i32), (String, i32)>,
    /// For whom donations are meant, where they are not for anybody.
    earmarks: BTreeMap<String, Vec<Earmark>>,
    /// Last days of use of batches that were shortened, with those that went before.
    expiries: BTreeMap<String, Vec<String>>,
    /// Lot numbers that were wrongly said of batches.
    lots: BTreeMap<String, Vec<String>>,
    /// What every batch was when it entered the books, without owner, expiry, quantity and serial numbers.
    batches: BTreeMap<String, StockUnits>,
    quality: Quality,
    touched: BTreeSet<Key>,
    /// What was wrong with batches since the last append.
    faults: BTreeSet<String>,
}

/// What stays the same of a batch, whoever owns it, however many units are meant and for how long they may be used.
fn identity(units: &StockUnits) -> StockUnits {
    StockUnits {
        owner_id: String::new(),
        expires_on: String::new(),
        quantity: 0,
        serial_numbers: Vec::new(),
        ..units.clone()
    }
}

impl Units {
    pub fn on_hand(&self, facility_id: &str, batch_id: &str, owner_id: &str) -> (i64, i64, i64) {
        let is_blocked = self.is_blocked(batch_id);
        self.accounts
            .get(&(batch_id.to_owned(), owner_id.to_owned()))
            .and_then(|account| account.facilities.get(facility_id))
            .map_or((0, 0, 0), |pile| {
                let unclaimed = pile.on_hand - pile.reserved();
                let held = if is_blocked { unclaimed } else { pile.held };
                (pile.on_hand, pile.reserved(), held)
            })
    }

    /// Whether nothing of a batch may be claimed or sent.
    fn is_blocked(&self, batch_id: &str) -> bool {
        self.batches
            .get(batch_id)
            .is_some_and(|units| self.quality.fault(units).is_some())
    }

    pub fn in_transit(&self, shipment_id: &str, batch_id: &str, owner_id: &str) -> i64 {
        self.accounts
            .get(&(batch_id.to_owned(), owner_id.to_owned()))
            .and_then(|account| account.shipments.get(shipment_id))
            .copied()
            .unwrap_or_default()
    }

    pub fn take_in(&mut self, event: &Event, occurred_at_us: i64, findings: &mut Findings<'_>) {
        if let Some(boundary @ Boundary::Facility(id)) = &registry::subject(event) {
            let facility = self.facilities.entry(id.to_string()).or_default();
            facility.evolve(boundary, event);
        }
        self.quality.take_in(event);
        match event {
            Event::DonationReceived(event) => {
                for line in event
                    .lines
                    .iter()
                    .filter(|line| line.outcome() != ReceiptOutcome::Missing)
                {
                    self.arrive(line.units.as_ref(), &event.facility_id, line.outcome());
                }
            }
            Event::DonationPledged(event) if !event.earmarks.is_empty() => {
                let earmarks = event.earmarks.clone();
                self.earmarks.insert(event.donation_id.clone(), earmarks);
            }
            Event::EarmarksChanged(event) => {
                let earmarks = event.earmarks.clone();
                self.earmarks.insert(event.donation_id.clone(), earmarks);
            }
            Event::StockAdjusted(event) if event.decrease => {
                self.leave(
                    event.units.as_ref(),
                    &event.facility_id,
                    event.held_quantity,
                    |account, quantity| {
                        account.lost += quantity;
                    },
                );
            }
            Event::StockAdjusted(event) => {
                self.enter(
                    event.units.as_ref(),
                    &event.facility_id,
                    ReceiptOutcome::Good,
                );
            }
            Event::StockConsumed(event) => {
                for (index, units) in event.units.iter().enumerate() {
                    let particulars = event.particulars.get(index);
                    let held = particulars.map_or(0, |it| it.held_quantity);
                    self.leave(
                        Some(units),
                        &event.facility_id,
                        held,
                        |account, quantity| {
                            account.consumed += quantity;
                        },
                    );
                }
            }
            Event::StockDisposed(event) => {
                self.leave(
                    event.units.as_ref(),
                    &event.facility_id,
                    event.held_quantity,
                    |account, quantity| {
                        account.disposed += quantity;
                    },
                );
            }
            Event::TitleTransferred(event) => self.transfer(event),
            Event::StockReturned(event) => {
                self.leave(
                    event.units.as_ref(),
                    &event.facility_id,
                    event.held_quantity,
                    |account, quantity| {
                        account.returned += quantity;
                    },
                );
            }
            Event::StockEntered(event) => {
                for line in &event.lines {
                    let outcome = if line.held {
                        ReceiptOutcome::Damaged
                    } else {
                        ReceiptOutcome::Good
                    };
                    self.arrive(line.units.as_ref(), &event.facility_id, outcome);
                }
            }
            Event::KitsAssembled(event) => self.assemble(event),
            Event::KitsBroken(event) => self.take_apart(event),
            Event::BatchExpiryShortened(event) => {
                let known = self.expiries.entry(event.batch_id.clone()).or_default();
                known.push(event.expires_on.clone());
            }
            Event::StockHeld(event) => self.hold(event.units.as_ref(), &event.facility_id, 1),
            Event::StockReleased(event) => self.hold(event.units.as_ref(), &event.facility_id, -1),
            Event::ReceiptCorrected(_)
            | Event::StockDiscrepancyFound(_)
            | Event::MovementVoided(_)
            | Event::BatchDataCorrected(_) => self.correct(event),
            _ => self.take_in_shipment(event, occurred_at_us, findings),
        }
    }

    fn take_in_shipment(
        &mut self,
        event: &Event,
        occurred_at_us: i64,
        findings: &mut Findings<'_>,
    ) {
        match event {
            Event::ShipmentRequested(event) => {
                for line in &event.lines {
                    self.terms.insert(
                        (event.shipment_id.clone(), line.line),
                        (line.owner_id.clone(), line.min_life_days),
                    );
                }
            }
            Event::ShipmentAllocated(event) => self.allocate(event, occurred_at_us, findings),
            Event::AllocationReleased(event) => {
                self.claim(&event.shipment_id, &event.origin_id, &event.units, -1);
            }
            Event::ShipmentCancelled(event) => {
                self.claim(&event.shipment_id, &event.origin_id, &event.units, -1);
            }
            Event::ShipmentDispatched(event) => {
                self.check_usable("sent", 2, &event.units, findings);
                self.claim(&event.shipment_id, &event.origin_id, &event.units, -1);
                for units in &event.units {
                    self.leave(
                        units.units.as_ref(),
                        &event.origin_id,
                        0,
                        |account, quantity| {
                            *account
                                .shipments
                                .entry(event.shipment_id.clone())
                                .or_default() += quantity;
                        },
                    );
                }
            }
            Event::ShipmentTitleTransferred(event) => self.transfer_in_shipment(event),
            Event::ShipmentReceived(event) => self.receive(event),
            Event::ShipmentSplit(event) => {
                for units in &event.units {
                    if let Some((account, quantity)) = self.account(units.units.as_ref()) {
                        let shipments = &mut account.shipments;
                        *shipments.entry(event.shipment_id.clone()).or_default() -= quantity;
                        *shipments.entry(event.new_shipment_id.clone()).or_default() += quantity;
                    }
                }
            }
            Event::LossActAccepted(event) => {
                for units in &event.units {
                    if let Some((account, quantity)) = self.account(units.units.as_ref()) {
                        *account
                            .shipments
                            .entry(event.shipment_id.clone())
                            .or_default() -= quantity;
                        account.lost += quantity;
                    }
                }
            }
            _ => self.take_in_voided(event),
        }
    }

    /// What was said of a shipment did not happen.
    fn take_in_voided(&mut self, event: &Event) {
        match event {
            Event::ShipmentDispatchVoided(event) => {
                for units in event.units.iter().filter_map(|units| units.units.as_ref()) {
                    self.load(&event.shipment_id, units, -1);
                    self.put(Some(units), &event.origin_id, ReceiptOutcome::Good);
                }
                self.claim(&event.shipment_id, &event.origin_id, &event.units, 1);
            }
            Event::ShipmentReceiptVoided(event) => {
                let found = event.units.iter().enumerate();
                for (index, found) in
                    found.filter(|(_, it)| it.outcome() != ReceiptOutcome::Missing)
                {
                    let units = found.shipment_units.as_ref();
                    let Some(units) = units.and_then(|units| units.units.as_ref()) else {
                        continue;
                    };
                    let held = event.held_quantities.get(index).copied();
                    let is_new = crate::batch::is_new(found.outcome());
                    self.leave(
                        Some(units),
                        &event.destination_id,
                        held.unwrap_or(0),
                        |account, quantity| {
                            if is_new {
                                account.received -= quantity;
                            }
                        },
                    );
                    if !is_new {
                        self.load(&event.shipment_id, units, 1);
                    }
                }
            }
            Event::LossActVoided(event) => {
                for units in event.units.iter().filter_map(|units| units.units.as_ref()) {
                    self.load(&event.shipment_id, units, 1);
                    if let Some((account, quantity)) = self.account(Some(units)) {
                        account.lost -= quantity;
                    }
                }
            }
            _ => {}
        }
    }

    /// Units are in a shipment, or, with sign −1, no longer.
    fn load(&mut self, shipment_id: &str, units: &StockUnits, sign: i64) {
        if let Some((account, quantity)) = self.account(Some(units)) {
            let in_transit = account.shipments.entry(shipment_id.to_owned()).or_default();
            *in_transit += sign * quantity;
        }
    }

    fn account(&mut self, units: Option<&StockUnits>) -> Option<(&mut Account, i64)> {
        let units = units?;
        self.recognise(units);
        let key = (units.batch_id.clone(), units.owner_id.clone());
        self.touched.insert(key.clone());
        let account = self.accounts.entry(key).or_default();
        account.expires_on.clone_from(&units.expires_on);
        Some((account, units.quantity))
    }

    /// The last day of use, as decided last.
    fn expires_on(&self, units: &StockUnits) -> String {
        let decided = self.expiries.get(&units.batch_id);
        let last = decided.and_then(|decided| decided.last());
        last.unwrap_or(&units.expires_on).clone()
    }

    /// Every movement says of a batch what its receipt said, so that provenance is never lost.
    fn recognise(&mut self, units: &StockUnits) {
        match self.batches.get(&units.batch_id) {
            Some(known)
                if self.is_known_lot(known, units) && self.is_known_expiry(known, units) => {}
            Some(_) => {
                let fault = format!(
                    "batch {} is not what it was when it entered the books",
                    units.batch_id
                );
                self.faults.insert(fault);
            }
            None => {
                self.faults
                    .insert(format!("batch {} never entered the books", units.batch_id));
            }
        }
    }

    /// Whether units are said to be what their batch is, or was wrongly said to be: what is under way may not know better.
    fn is_known_lot(&self, known: &StockUnits, units: &StockUnits) -> bool {
        let wrong = self.lots.get(&units.batch_id);
        let mut said = identity(units);
        if wrong.is_some_and(|wrong| wrong.contains(&said.lot)) {
            said.lot.clone_from(&known.lot);
        }
        identity(known) == said
    }

    /// Whether units are said to expire when their batch was, or is by now: what is under way may not know better.
    fn is_known_expiry(&self, known: &StockUnits, units: &StockUnits) -> bool {
        let decided = self.expiries.get(&units.batch_id);
        known.expires_on == units.expires_on
            || decided.is_some_and(|decided| decided.contains(&units.expires_on))
    }

    /// A new batch enters the books.
    fn arrive(&mut self, units: Option<&StockUnits>, facility_id: &str, outcome: ReceiptOutcome) {
        if let Some(units) = units
            && self
                .batches
                .insert(units.batch_id.clone(), units.clone())
                .is_some()
        {
            self.faults
                .insert(format!("batch {} enters the books again", units.batch_id));
        }
        self.enter(units, facility_id, outcome);
    }

    /// Units enter the books.
    fn enter(&mut self, units: Option<&StockUnits>, facility_id: &str, outcome: ReceiptOutcome) {
        if let Some((account, quantity)) = self.account(units) {
            account.received += quantity;
        }
        self.put(units, facility_id, outcome);
    }

    /// Units come to a facility.
    fn put(&mut self, units: Option<&StockUnits>, facility_id: &str, outcome: ReceiptOutcome) {
        let Some((account, quantity)) = self.account(units) else {
            return;
        };
        let pile = account
            .facilities
            .entry(facility_id.to_owned())
            .or_default();
        pile.on_hand += quantity;
        if outcome != ReceiptOutcome::Good {
            pile.held += quantity;
        }
        if let Some(units) = units {
            let stock = (facility_id.to_owned(), units.item_id.clone());
            let key = (units.batch_id.clone(), units.owner_id.clone());
            self.stocks.entry(stock).or_default().insert(key);
        }
    }

    /// Units leave a facility.
    fn leave(
        &mut self,
        units: Option<&StockUnits>,
        facility_id: &str,
        held: i64,
        book: impl Fn(&mut Account, i64),
    ) {
        let Some((account, quantity)) = self.account(units) else {
            return;
        };
        let pile = account
            .facilities
            .entry(facility_id.to_owned())
            .or_default();
        pile.on_hand -= quantity;
        pile.held -= held;
        book(account, quantity);
    }

    /// Components become kits.
    fn assemble(&mut self, event: &KitsAssembled) {
        for units in &event.components {
            self.leave(Some(units), &event.facility_id, 0, |account, quantity| {
                account.converted += quantity;
            });
        }
        self.arrive(
            event.kits.as_ref(),
            &event.facility_id,
            ReceiptOutcome::Good,
        );
    }

    /// Kits become components again: of those who had owned them, who then passed them on to who owns the kits.
    fn take_apart(&mut self, event: &KitsBroken) {
        let (facility_id, held) = (&event.facility_id, event.held_quantity);
        self.leave(
            event.kits.as_ref(),
            facility_id,
            held,
            |account, quantity| {
                account.converted += quantity;
            },
        );
        let kits = self.number_taken_apart(event);
        for units in &event.components {
            let theirs = StockUnits {
                owner_id: event.assembled_for_owner_id.clone(),
                ..units.clone()
            };
            if let Some((account, quantity)) = self.account(Some(&theirs)) {
                account.converted -= quantity;
            }
            if theirs.owner_id != units.owner_id {
                if let Some((account, quantity)) = self.account(Some(&theirs)) {
                    account.title_out += quantity;
                }
                if let Some((account, quantity)) = self.account(Some(units)) {
                    account.title_in += quantity;
                }
            }
            self.put(Some(units), facility_id, ReceiptOutcome::Good);
            let held = StockUnits {
                quantity: units.quantity / kits * held,
                ..units.clone()
            };
            self.hold(Some(&held), facility_id, 1);
        }
    }

    /// How many kits were taken apart, at least one.
    fn number_taken_apart(&mut self, event: &KitsBroken) -> i64 {
        match &event.kits {
            Some(kits) if kits.quantity < 1 => {
                let (quantity, batch_id) = (kits.quantity, &kits.batch_id);
                self.faults.insert(format!(
                    "{quantity} kits of batch {batch_id} were taken apart"
                ));
                1
            }
            Some(kits) => kits.quantity,
            None => 1,
        }
    }

    /// What was said before was wrong.
    fn correct(&mut self, event: &Event) {
        match event {
            Event::ReceiptCorrected(event) if event.decrease => {
                let (facility_id, held) = (&event.facility_id, event.held_quantity);
                self.leave(
                    event.units.as_ref(),
                    facility_id,
                    held,
                    |account, quantity| {
                        account.received -= quantity;
                    },
                );
            }
            Event::ReceiptCorrected(event) => {
                self.enter(event.units.as_ref(), &event.facility_id, event.outcome());
            }
            Event::StockDiscrepancyFound(event) => {
                let found = ReceiptOutcome::Good;
                let (units, facility_id) = (event.units.as_ref(), &event.facility_id);
                // Where nobody knows of which batch they are, they are one of their own.
                let is_new = units.is_some_and(|units| {
                    units.donation_id == UNATTRIBUTED && !self.batches.contains_key(&units.batch_id)
                });
                if is_new {
                    self.arrive(units, facility_id, found);
                } else {
                    self.enter(units, facility_id, found);
                }
            }
            Event::MovementVoided(event) => {
                for (index, units) in event.units.iter().enumerate() {
                    let held = event.held_quantities.get(index);
                    self.undo(event, units, *held.unwrap_or(&event.held_quantity));
                }
            }
            Event::BatchDataCorrected(event) => {
                let known = self.expiries.entry(event.batch_id.clone()).or_default();
                known.push(event.expires_on.clone());
                let lots = self.lots.entry(event.batch_id.clone()).or_default();
                lots.push(event.wrong_lot.clone());
                if let Some(batch) = self.batches.get_mut(&event.batch_id) {
                    batch.lot.clone_from(&event.lot);
                }
            }
            _ => {}
        }
    }

    /// What was said of units did not happen.
    fn undo(&mut self, event: &MovementVoided, units: &StockUnits, held: i64) {
        let facility_id = &event.facility_id;
        let book: fn(&mut Account, i64) = match event.movement() {
            VoidedMovement::Increase | VoidedMovement::Discrepancy => {
                self.leave(Some(units), facility_id, held, |account, quantity| {
                    account.received -= quantity;
                });
                return;
            }
            VoidedMovement::TitleTransfer => {
                let theirs = StockUnits {
                    owner_id: event.new_owner_id.clone(),
                    ..units.clone()
                };
                self.leave(Some(&theirs), facility_id, held, |account, quantity| {
                    account.title_in -= quantity;
                });
                |account, quantity| account.title_out -= quantity
            }
            VoidedMovement::Consumption => |account, quantity| account.consumed -= quantity,
            VoidedMovement::Disposal => |account, quantity| account.disposed -= quantity,
            VoidedMovement::Return => |account, quantity| account.returned -= quantity,
            VoidedMovement::Decrease | VoidedMovement::Unspecified => {
                |account, quantity| account.lost -= quantity
            }
        };
        if let Some((account, quantity)) = self.account(Some(units)) {
            book(account, quantity);
        }
        self.put(Some(units), facility_id, ReceiptOutcome::Good);
        let held = StockUnits {
            quantity: held,
            ..units.clone()
        };
        self.hold(Some(&held), facility_id, 1);
    }

    /// Units pass to another owner where they are, held ones as held ones.
    fn transfer(&mut self, event: &TitleTransferred) {
        let (facility_id, held) = (&event.facility_id, event.held_quantity);
        self.leave(
            event.units.as_ref(),
            facility_id,
            held,
            |account, quantity| {
                account.title_out += quantity;
            },
        );
        let theirs = event.units.as_ref().map(|units| StockUnits {
            owner_id: event.new_owner_id.clone(),
            ..units.clone()
        });
        if let Some((account, quantity)) = self.account(theirs.as_ref()) {
            account.title_in += quantity;
        }
        self.put(theirs.as_ref(), facility_id, ReceiptOutcome::Good);
        let held = theirs.map(|units| StockUnits {
            quantity: held,
            ..units
        });
        self.hold(held.as_ref(), facility_id, 1);
    }

    /// Units that a shipment has claimed or carries pass to another owner: it claims or carries them as before.
    fn transfer_in_shipment(&mut self, event: &ShipmentTitleTransferred) {
        let (shipment_id, facility_id) = (&event.shipment_id, &event.origin_id);
        if !event.is_under_way {
            self.claim(shipment_id, facility_id, &event.units, -1);
        }
        let mut all = Vec::with_capacity(event.units.len());
        for shipped in &event.units {
            let Some(units) = &shipped.units else {
                continue;
            };
            let theirs = StockUnits {
                owner_id: event.new_owner_id.clone(),
                ..units.clone()
            };
            if event.is_under_way {
                self.load(shipment_id, units, -1);
                self.load(shipment_id, &theirs, 1);
            } else {
                self.leave(Some(units), facility_id, 0, |_, _| {});
                self.put(Some(&theirs), facility_id, ReceiptOutcome::Good);
            }
            if let Some((account, quantity)) = self.account(Some(units)) {
                account.title_out += quantity;
            }
            if let Some((account, quantity)) = self.account(Some(&theirs)) {
                account.title_in += quantity;
            }
            all.push(ShipmentUnits {
                units: Some(theirs),
                ..shipped.clone()
            });
        }
        if !event.is_under_way {
            self.claim(shipment_id, facility_id, &all, 1);
        }
    }

    /// Units are held by themselves, or no longer.
    fn hold(&mut self, units: Option<&StockUnits>, facility_id: &str, sign: i64) {
        if let Some((account, quantity)) = self.account(units) {
            let pile = account
                .facilities
                .entry(facility_id.to_owned())
                .or_default();
            pile.held += sign * quantity;
        }
    }

    fn claim(&mut self, shipment_id: &str, facility_id: &str, units: &[ShipmentUnits], sign: i64) {
        for units in units {
            let Some((account, quantity)) = self.account(units.units.as_ref()) else {
                continue;
            };
            let pile = account
                .facilities
                .entry(facility_id.to_owned())
                .or_default();
            let claim = pile.reserved.entry(shipment_id.to_owned()).or_default();
            *claim += sign * quantity;
            if *claim == 0 {
                pile.reserved.remove(shipment_id);
            }
        }
    }

    fn receive(&mut self, event: &ShipmentReceived) {
        for found in &event.units {
            let units = found
                .shipment_units
                .as_ref()
                .and_then(|units| units.units.as_ref());
            match found.outcome() {
                ReceiptOutcome::Missing => {}
                outcome if crate::batch::is_new(outcome) => {
                    self.arrive(units, &event.destination_id, outcome);
                }
                outcome => {
                    if let Some((account, quantity)) = self.account(units) {
                        *account
                            .shipments
                            .entry(event.shipment_id.clone())
                            .or_default() -= quantity;
                    }
                    self.put(units, &event.destination_id, outcome);
                }
            }
        }
    }

    fn allocate(
        &mut self,
        event: &ShipmentAllocated,
        occurred_at_us: i64,
        findings: &mut Findings<'_>,
    ) {
        self.claim(&event.shipment_id, &event.origin_id, &event.units, 1);
        self.check_usable("allocated", 6, &event.units, findings);
        let today = self
            .facilities
            .get(&event.origin_id)
            .map(|facility| facility_day(facility, occurred_at_us));
        let Some(today) = today else {
            findings.add(
                6,
                format!(
                    "allocated at facility {}, which is not registered",
                    event.origin_id
                ),
            );
            return;
        };
        for claimed in &event.units {
            let Some(units) = &claimed.units else {
                continue;
            };
            // What is inside something else goes along; nobody chose it.
            if claimed.line == 0 {
                continue;
            }
            let line = (event.shipment_id.clone(), claimed.line);
            let (owner_id, min_life_days) = self.terms.get(&line).cloned().unwrap_or_default();
            let last_day = shipment::needed_until(today, &event.arrives_on, min_life_days);
            if is_expired(&self.expires_on(units), last_day) {
                findings.add(
                    6,
                    format!(
                        "batch {} was allocated to be usable on {last_day}, but expired on {}",
                        units.batch_id, units.expires_on
                    ),
                );
            }
            let destination = self.facilities.get(&event.destination_id);
            if !self.is_meant_for(units, destination, today) {
                findings.add(
                    6,
                    format!(
                        "batch {} was allocated to facility {}, but is meant for others",
                        units.batch_id, event.destination_id
                    ),
                );
            }
            let taken = Taken {
                facility_id: &event.origin_id,
                units,
                owner_id: &owner_id,
                destination,
                today,
                last_day,
            };
            if let Some(earlier) = self.left_behind(&taken) {
                findings.add(
                    6,
                    format!(
                        "batch {} was allocated, but batch {} of owner {} expires earlier and was left at {}",
                        units.batch_id, earlier.0, earlier.1, event.origin_id
                    ),
                );
            }
        }
    }

    fn check_usable(
        &self,
        done: &str,
        invariant: u8,
        units: &[ShipmentUnits],
        findings: &mut Findings<'_>,
    ) {
        for units in units.iter().filter_map(|units| units.units.as_ref()) {
            if let Some(fault) = self.quality.fault(units) {
                let batch_id = &units.batch_id;
                findings.add(
                    invariant,
                    format!("batch {batch_id} was {done}, but is {fault}"),
                );
            }
        }
    }

    /// Whether the donor of units lets them go to a facility.
    fn is_meant_for(
        &self,
        units: &StockUnits,
        destination: Option<&Facility>,
        today: NaiveDate,
    ) -> bool {
        match (self.earmarks.get(&units.donation_id), destination) {
            (Some(earmarks), Some(destination)) => {
                earmark::allow(earmarks, &units.item_id, Use::Sent(destination, today))
            }
            _ => true,
        }
    }

    /// Something usable that expires earlier than what was taken, and was not taken.
    fn left_behind(&self, taken: &Taken<'_>) -> Option<&Key> {
        let order = |expires_on: &str| (expires_on.is_empty(), expires_on.to_owned());
        let stock = (taken.facility_id.to_owned(), taken.units.item_id.clone());
        self.stocks.get(&stock)?.iter().find(|key| {
            let Some(account) = self.accounts.get(*key) else {
                return false;
            };
            let available = account
                .facilities
                .get(taken.facility_id)
                .map_or(0, Pile::available);
            let is_meant = self
                .batches
                .get(&key.0)
                .is_none_or(|units| self.is_meant_for(units, taken.destination, taken.today));
            available > 0
                && is_meant
                && !self.is_blocked(&key.0)
                && (taken.owner_id.is_empty() || key.1 == taken.owner_id)
                && !is_expired(&self.expiry_of(key, account), taken.last_day)
                && order(&self.expiry_of(key, account)) < order(&self.expires_on(taken.units))
        })
    }

    fn expiry_of(&self, key: &Key, account: &Account) -> String {
        let decided = self.expiries.get(&key.0);
        let last = decided.and_then(|decided| decided.last());
        last.unwrap_or(&account.expires_on).clone()
    }

    pub fn check(&mut self, findings: &mut Findings<'_>) {
        for fault in std::mem::take(&mut self.faults) {
            findings.add(1, fault);
        }
        for key in std::mem::take(&mut self.touched) {
            let Some(account) = self.accounts.get(&key) else {
                continue;
            };
            let name = format!("batch {} of owner {}", key.0, key.1);
            conserved(&name, account, findings);
            never_negative(&name, account, findings);
        }
    }
}

fn conserved(name: &str, account: &Account, findings: &mut Findings<'_>) {
    let on_hand: i64 = account.facilities.values().map(|pile| pile.on_hand).sum();
    let in_transit: i64 = account.shipments.values().sum();
    let Account {
        received,
        consumed,
        disposed,
        lost,
        returned,
        converted,
        title_in,
        title_out,
        ..
    } = account;
    let gone = consumed + disposed + lost + returned + converted + title_out;
    if received + title_in != on_hand + in_transit + gone {
        findings.add(
            1,
            format!(
                "{name}: {received} received, {title_in} passed to it, but {on_hand} on hand, {in_transit} in transit, {consumed} consumed, \
                 {disposed} disposed, {lost} lost, {returned} given back, {converted} converted, {title_out} passed on"
            ),
        );
    }
}

fn never_negative(name: &str, account: &Account, findings: &mut Findings<'_>) {
    for (facility_id, pile) in &account.facilities {
        let (on_hand, held, reserved, available) =
            (pile.on_hand, pile.held, pile.reserved(), pile.available());
        let lowest_claim = pile.reserved.values().min().copied().unwrap_or_default();
        if [on_hand, held, reserved, available, lowest_claim]
            .iter()
            .any(|quantity| *quantity < 0)
        {
            findings.add(
                2,
                format!(
                    "{name} at facility {facility_id}: {on_hand} on hand, {reserved} reserved, {held} held, \
                     {available} available"
                ),
            );
        }
    }
    for (shipment_id, in_transit) in account
        .shipments
        .iter()
        .filter(|(_, in_transit)| **in_transit < 0)
    {
        findings.add(
            2,
            format!("{name} in shipment {shipment_id}: {in_transit} in transit"),
        );
    }
}
