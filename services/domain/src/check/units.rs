//! Where the units of every batch and owner are, and what became of them.

use std::collections::{BTreeMap, BTreeSet};

use keruen_proto::{
    Event,
    inventory::v1::{Earmark, ReceiptOutcome, StockUnits},
    registry::v1::Facility,
};

use self::balance::{conserved, never_negative};
use super::{Findings, quality::Quality};
use crate::{books::Fold as _, boundary::Boundary, registry};

mod allocation;
mod balance;
mod batch;
mod change;
mod shipment;

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
    /// Shipments that had left when their units were claimed, until that is told.
    left: BTreeSet<String>,
    touched: BTreeSet<Key>,
    /// What was wrong with batches since the last append.
    faults: BTreeSet<String>,
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

    fn account(&mut self, units: Option<&StockUnits>) -> Option<(&mut Account, i64)> {
        let units = units?;
        self.recognise(units);
        let key = (units.batch_id.clone(), units.owner_id.clone());
        self.touched.insert(key.clone());
        let account = self.accounts.entry(key).or_default();
        account.expires_on.clone_from(&units.expires_on);
        Some((account, units.quantity))
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
