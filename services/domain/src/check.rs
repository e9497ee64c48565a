//! Checks that a history keeps what every decision must keep. It does its own book-keeping, apart from the folds that
//! decisions use, so that a fault in one shows in the other.
//!
//! | number | what must hold after each append |
//! |---|---|
//! | 1 | per batch and owner: received + passed to the owner = on hand + in transit + consumed + disposed + lost + given back + converted + passed on; a batch enters once, and every movement says of it what its receipt said |
//! | 2 | on hand, reserved, held, available and in transit are never negative; what is held or recalled is not sent |
//! | 3 | an asset is at exactly one facility, or in exactly one shipment; inside at most one other one, and then where that one is; what is installed, lent, with a repairer or a vehicle under way leaves in no shipment; a vehicle, a crew and a shipment are on at most one trip at once |
//! | 4 | per line of a request: received ≤ allocated ≤ approved ≤ requested |
//! | 5 | what is under way has one liable custodian, who is known; it is handed over by that one, on an agreement or an override; a loss is settled with whoever is liable; stock at rest changes its keeper by a count that served no other change |
//! | 6 | what is allocated is neither held, recalled nor expired, and nothing that expires earlier is left behind; it is meant for where it goes, and claimed when it is recorded |
//! | 7 | each command recorded its events once, in one append |
//!
//! Books are kept by double entry: units that come from nowhere show as too few where they are said to have been (2).
//! The numbers are those by which the rules are known. What recorded an event, and when, is asked only of histories that
//! say so ([`Ledger::take_in_recorded`]).

mod appends;
mod assets;
mod custody;
mod quality;
mod requests;
mod trips;
mod units;

use std::fmt;

use keruen_proto::{Event, log::v1::RecordedEvent};

/// A rule that a history breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Position of the event at which it showed.
    pub position: u64,
    /// Number of the rule, 1 to 7.
    pub invariant: u8,
    /// What is wrong, with its numbers.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "position {}: invariant {}: {}",
            self.position, self.invariant, self.what
        )
    }
}

/// The books of the check: takes in a history from its first event on.
#[derive(Debug, Default)]
pub struct Ledger {
    position: u64,
    units: units::Units,
    assets: assets::Assets,
    custodians: custody::Custodians,
    appends: appends::Appends,
    requests: requests::Requests,
    trips: trips::Trips,
    violations: Vec<Violation>,
}

impl Ledger {
    /// Takes in the next event as the log has it. Where it begins another append, the one before it ends: returns what that
    /// one breaks.
    pub fn take_in_recorded(&mut self, recorded: &RecordedEvent, event: &Event) -> Vec<Violation> {
        let broken = if self.appends.begins(recorded) {
            self.end_append()
        } else {
            Vec::new()
        };
        let mut findings = Findings {
            position: recorded.position,
            violations: &mut self.violations,
        };
        self.appends.take_in(recorded, event, &mut findings);
        let occurred_at_us = recorded.occurred_at.map_or(0, |at| at.time_us);
        self.take_in(recorded.position, event, occurred_at_us);
        broken
    }

    /// Takes in the next event, with the time at which it happened in microseconds since 1970-01-01T00:00:00Z.
    pub fn take_in(&mut self, position: u64, event: &Event, occurred_at_us: i64) {
        self.position = position;
        let mut findings = Findings {
            position,
            violations: &mut self.violations,
        };
        self.units.take_in(event, occurred_at_us, &mut findings);
        self.assets.take_in(event);
        self.custodians.take_in(event);
        self.requests.take_in(event);
        self.trips.take_in(event);
    }

    /// Ends an append: returns what its events break. Between the events of one append nothing is promised.
    pub fn end_append(&mut self) -> Vec<Violation> {
        let mut findings = Findings {
            position: self.position,
            violations: &mut self.violations,
        };
        self.units.check(&mut findings);
        self.assets.check(&mut findings);
        self.custodians.check(&mut findings);
        self.requests.check(&mut findings);
        self.trips.check(&mut findings);
        std::mem::take(&mut self.violations)
    }

    /// What there is of a batch and owner at a facility: on hand, reserved, held.
    pub fn on_hand(&self, facility_id: &str, batch_id: &str, owner_id: &str) -> (i64, i64, i64) {
        self.units.on_hand(facility_id, batch_id, owner_id)
    }

    /// What of a batch and owner is on its way in a shipment, missing units included.
    pub fn in_transit(&self, shipment_id: &str, batch_id: &str, owner_id: &str) -> i64 {
        self.units.in_transit(shipment_id, batch_id, owner_id)
    }
}

struct Findings<'a> {
    position: u64,
    violations: &'a mut Vec<Violation>,
}

impl Findings<'_> {
    fn add(&mut self, invariant: u8, what: String) {
        self.violations.push(Violation {
            position: self.position,
            invariant,
            what,
        });
    }
}
