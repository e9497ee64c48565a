//! Something that was recorded did not happen.

use keruen_proto::Event;

use super::{Remedy, Void, VoidMovement, remedy};
use crate::{
    books::Books,
    boundary::Boundary,
    command::{Command, Moment},
    limits,
    registry::existing_facility,
    rejection::Rejection,
};

mod asset;
mod consignment;
mod payment;
mod shipment;
mod stock;

impl VoidMovement {
    /// What kind of thing did not happen; `None` where this can't put it right.
    fn kind(&self) -> Option<Void> {
        match remedy(&self.fact.event) {
            Remedy::Void(void) => Some(void),
            _ => None,
        }
    }

    /// Refuses to take back twice what happened once.
    fn check_not_voided(&self, books: &Books) -> Result<(), Rejection> {
        let is_voided = Boundary::fact(&self.fact.event_id)
            .and_then(|boundary| books.fact(&boundary))
            .is_some_and(|corrections| corrections.voided);
        if is_voided {
            return Err(Rejection::AlreadyVoided {
                event_id: self.fact.event_id.clone(),
            });
        }
        Ok(())
    }
}

impl Command for VoidMovement {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries: Vec<Boundary> =
            Boundary::fact(&self.fact.event_id).into_iter().collect();
        boundaries.extend(match self.kind() {
            Some(Void::Stock(_)) => self.reads_of_stock(books),
            Some(Void::Dispatch | Void::ShipmentReceipt | Void::LossAct) => {
                self.reads_of_shipment(books)
            }
            Some(Void::Payment | Void::ConsignmentStep) => self.reads_of_donation(),
            Some(Void::AssetStep) => self.reads_of_asset(books),
            None => Vec::new(),
        });
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let Some(kind) = self.kind() else {
            return Err(self.fact.not_so());
        };
        match kind {
            Void::Stock(_) => {
                existing_facility(books, self.facility_of_stock()?)?;
            }
            Void::Dispatch | Void::ShipmentReceipt | Void::LossAct => self.check_shipment(books)?,
            Void::Payment | Void::ConsignmentStep => self.check_donation(books)?,
            Void::AssetStep => self.check_asset(books)?,
        }
        self.check_not_voided(books)?;
        self.fact.check_before(moment)?;
        limits::keep(match kind {
            Void::Stock(_) => self.decide_on_stock(books)?,
            Void::Dispatch => self.decide_on_dispatch(books)?,
            Void::ShipmentReceipt => self.decide_on_receipt(books)?,
            Void::LossAct => self.decide_on_loss(books)?,
            Void::Payment => self.decide_on_payment(books)?,
            Void::ConsignmentStep => self.decide_on_consignment(books)?,
            Void::AssetStep => self.decide_on_asset(books)?,
        })
    }

    fn subject(&self, books: &Books) -> Option<Boundary> {
        match self.kind()? {
            Void::Stock(_) => self.subject_of_stock(),
            Void::Dispatch | Void::ShipmentReceipt | Void::LossAct => {
                self.subject_of_shipment(books)
            }
            Void::Payment | Void::ConsignmentStep => self.reads_of_donation().into_iter().next(),
            Void::AssetStep => self.asset_boundary(),
        }
    }
}
