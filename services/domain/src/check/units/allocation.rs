//! What may be claimed: what expires first goes first, and nothing that is held, or meant for others.

use chrono::NaiveDate;
use keruen_proto::{
    inventory::v1::StockUnits,
    registry::v1::Facility,
    shipments::v1::{ShipmentAllocated, ShipmentUnits},
};

use super::super::Findings;
use super::{Account, Key, Pile, Units};
use crate::{
    calendar::{facility_day, is_expired},
    donation::earmark::{self, Use},
    shipment,
};

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

impl Units {
    pub(super) fn allocate(
        &mut self,
        event: &ShipmentAllocated,
        occurred_at_us: i64,
        findings: &mut Findings<'_>,
    ) {
        self.claim(&event.shipment_id, &event.origin_id, &event.units, 1);
        if event.already_dispatched == Some(true) {
            self.left.insert(event.shipment_id.clone());
            return;
        }
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

    pub(super) fn check_usable(
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
}
