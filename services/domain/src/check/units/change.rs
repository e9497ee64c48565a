//! Units become others: kits, other owners, and what was put right.

use keruen_proto::{
    Event,
    inventory::v1::{
        KitsAssembled, KitsBroken, MovementVoided, ReceiptOutcome, StockUnits, TitleTransferred,
        VoidedMovement,
    },
};

use super::{Account, Units};
use crate::code::UNATTRIBUTED;

impl Units {
    /// Components become kits.
    pub(super) fn assemble(&mut self, event: &KitsAssembled) {
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
    pub(super) fn take_apart(&mut self, event: &KitsBroken) {
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
    pub(super) fn number_taken_apart(&mut self, event: &KitsBroken) -> i64 {
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
    pub(super) fn correct(&mut self, event: &Event) {
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
    pub(super) fn undo(&mut self, event: &MovementVoided, units: &StockUnits, held: i64) {
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
    pub(super) fn transfer(&mut self, event: &TitleTransferred) {
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
}
