//! A receipt said that more or fewer units of a batch came than did.

use std::collections::BTreeSet;

use keruen_proto::{
    Event,
    inventory::v1::{
        Batch, Donation, DonationReceived, ReceiptCorrected, ReceiptOutcome, ReceivedLine,
        StockUnits,
    },
    log::v1::CorrectionReason,
    registry::v1::Item,
};

use super::{CorrectReceipt, Fact, removal::Removal};
use crate::{
    asset,
    books::Books,
    boundary::Boundary,
    code::{Code, MAX_QUANTITY},
    command::{Command, Moment},
    donation::{close::reopened, state::counts},
    limits,
    registry::{existing_facility, existing_item},
    rejection::Rejection,
    stock::lot::existing_batch,
};

/// The receipt and the line of it that brought a batch.
pub(super) fn line_of<'a>(
    fact: &'a Fact,
    batch_id: &Code,
) -> Result<(&'a DonationReceived, &'a ReceivedLine, &'a StockUnits), Rejection> {
    let Event::DonationReceived(receipt) = &fact.event else {
        return Err(fact.not_so());
    };
    receipt
        .lines
        .iter()
        .filter(|line| line.outcome() != ReceiptOutcome::Missing)
        .filter_map(|line| Some((receipt, line, line.units.as_ref()?)))
        .find(|(_, _, units)| units.batch_id == batch_id.as_str())
        .ok_or_else(|| Rejection::BatchNotOfReceipt {
            event_id: fact.event_id.clone(),
            batch_id: batch_id.to_string(),
        })
}

impl CorrectReceipt {
    /// How many more or, negative, fewer there are than the books say came.
    fn change(&self, batch: &Batch) -> i64 {
        self.quantity - batch.quantity
    }

    /// The units that are too many or too few, as the batch is known by now.
    fn units(&self, batch: &Batch, received: &StockUnits) -> StockUnits {
        StockUnits {
            quantity: self.change(batch).abs(),
            serial_numbers: asset::stored(&self.serial_numbers),
            lot: batch.lot.clone(),
            expires_on: batch.expires_on.clone(),
            ..received.clone()
        }
    }

    fn check_more(
        &self,
        books: &Books,
        donation: Option<&Donation>,
        line: &ReceivedLine,
        units: &StockUnits,
    ) -> Result<(), Rejection> {
        let sum = units.quantity.saturating_add(self.quantity);
        if sum > MAX_QUANTITY {
            return Err(Rejection::QuantityOverflow {
                field: "quantity".to_owned(),
                sum,
            });
        }
        let item_id = Code::parse(&units.item_id);
        if let Ok(item_id) = item_id {
            asset::must_be_new(books, &item_id, &self.serial_numbers)?;
        }
        let pledged = donation
            .into_iter()
            .flat_map(|donation| &donation.lines)
            .find(|pledged| counts(line.outcome()) && pledged.line == line.pledge_line);
        match pledged {
            Some(pledged) if pledged.received + units.quantity > pledged.quantity => {
                Err(Rejection::ReceiptExceedsPledge {
                    field: "quantity".to_owned(),
                    donation_id: units.donation_id.clone(),
                    line: pledged.line,
                    pledged: pledged.quantity,
                    received: pledged.received,
                    reported: units.quantity,
                })
            }
            _ => Ok(()),
        }
    }

    fn check_serial_numbers(&self, item: &Item, quantity: i64) -> Result<(), Rejection> {
        let mut seen = BTreeSet::new();
        asset::check_serial_numbers(
            "serial_numbers",
            item,
            quantity,
            &self.serial_numbers,
            &mut seen,
        )
    }

    fn removal<'a>(
        &'a self,
        receipt: &'a DonationReceived,
        line: &ReceivedLine,
        units: &'a StockUnits,
    ) -> Removal<'a> {
        let is_usable = line.outcome() == ReceiptOutcome::Good;
        Removal {
            facility_id: &receipt.facility_id,
            units,
            unusable: if is_usable { 0 } else { units.quantity },
            serial_numbers: &self.serial_numbers,
            fact: &self.fact,
            together: &[],
        }
    }
}

impl Command for CorrectReceipt {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![Boundary::Batch(self.batch_id.clone())];
        boundaries.extend(Boundary::fact(&self.fact.event_id));
        let Ok((receipt, line, received)) = line_of(&self.fact, &self.batch_id) else {
            return boundaries;
        };
        boundaries.extend(Boundary::facility(&receipt.facility_id));
        boundaries.extend(Boundary::donation(&receipt.donation_id));
        boundaries.extend(Boundary::item(&received.item_id));
        boundaries.extend(Boundary::stock(&receipt.facility_id, &received.item_id));
        boundaries.extend(
            self.serial_numbers
                .iter()
                .filter_map(|number| Boundary::asset(&received.item_id, number)),
        );
        if let Some(batch) = books.batch(&self.batch_id)
            && self.change(batch) < 0
        {
            let units = self.units(batch, received);
            boundaries.extend(self.removal(receipt, line, &units).reads(books));
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let batch = existing_batch(books, &self.batch_id)?;
        let (receipt, line, received) = line_of(&self.fact, &self.batch_id)?;
        self.fact.check_before(moment)?;
        existing_facility(books, &receipt.facility_id)?;
        let item = existing_item(books, &received.item_id)?;
        let donation = books.donation(&receipt.donation_id);
        let units = self.units(batch, received);
        if units.quantity == 0 {
            return Err(Rejection::NothingToCorrect {
                batch_id: self.batch_id.to_string(),
            });
        }
        self.check_serial_numbers(item, units.quantity)?;
        let mut events: Vec<Event> = donation.and_then(reopened).into_iter().collect();
        let decrease = self.change(batch) < 0;
        let held_quantity = if decrease {
            let (before, held) = self.removal(receipt, line, &units).prepared(books, item)?;
            events.extend(before);
            held
        } else {
            self.check_more(books, donation, line, &units)?;
            0
        };
        let reason = if self.quantity == 0 {
            CorrectionReason::DidNotOccur
        } else {
            CorrectionReason::IncorrectData
        };
        events.push(
            ReceiptCorrected {
                corrects_event_id: self.fact.event_id.clone(),
                effective_at: Some(self.fact.effective_at()),
                reason: reason.into(),
                facility_id: receipt.facility_id.clone(),
                units: Some(units),
                decrease,
                held_quantity,
                pledge_line: line.pledge_line,
                outcome: line.outcome,
                documents: self.documents.clone(),
            }
            .into(),
        );
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Batch(self.batch_id.clone()))
    }
}
