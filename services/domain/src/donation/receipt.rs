//! Donated goods, or goods that donated money bought, arrive at a facility. Nothing here asks what the stock was
//! before: what stands on the loading dock is there.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    inventory::v1::{
        Donation, DonationReceived, PledgeLine, ReceiptOutcome, ReceivedLine, StockUnits,
    },
    registry::v1::{DocumentRef, Item},
};

use super::{Import, ReceiptLine, ReceiveDonation, close::reopened, existing, state::counts};
use crate::{
    asset,
    books::Books,
    boundary::Boundary,
    calendar::{self, facility_day},
    code::{Code, Label},
    command::{Command, Moment},
    goods, limits,
    quality::state::quarantine,
    registry::{existing_facility, existing_item},
    rejection::Rejection,
};

/// What arrived, and whether it came as pledged or was bought.
pub(super) struct Receipt<'a> {
    pub donation_id: &'a Code,
    pub facility_id: &'a Code,
    pub lines: &'a [ReceiptLine],
    pub is_bought: bool,
    pub documents: &'a [DocumentRef],
    pub import: &'a Import,
}

impl Receipt<'_> {
    pub fn reads(&self) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Donation(self.donation_id.clone()),
            Boundary::Facility(self.facility_id.clone()),
        ];
        for line in self.lines {
            boundaries.push(Boundary::Item(line.item_id.clone()));
            if is_there(line) {
                boundaries.push(Boundary::Batch(line.batch_id.clone()));
                boundaries.extend(asset::reads(&line.item_id, &line.serial_numbers));
            }
        }
        boundaries
    }

    /// Refuses what is missing in the books, or there although it must not be.
    pub fn existence<'b>(&self, books: &'b Books) -> Result<&'b Donation, Rejection> {
        let donation = existing(books, self.donation_id)?;
        self.import.check_existence(donation)?;
        existing_facility(books, self.facility_id)?;
        for line in self.lines {
            existing_item(books, &line.item_id)?;
        }
        for line in self.lines.iter().filter(|line| is_there(line)) {
            if books.batch(&line.batch_id).is_some() {
                return Err(Rejection::BatchExists {
                    batch_id: line.batch_id.to_string(),
                });
            }
            asset::must_be_new(books, &line.item_id, &line.serial_numbers)?;
        }
        Ok(donation)
    }

    /// What enters the books, and what is held from the start. Goods that come after the donation was closed open it
    /// again.
    pub fn received(
        &self,
        books: &Books,
        donation: &Donation,
        moment: Moment,
    ) -> Result<Vec<Event>, Rejection> {
        let facility = existing_facility(books, self.facility_id)?;
        let today = facility_day(facility, moment.occurred_at_us);
        let lines = self.lines(books, donation, today)?;
        check_quantities(donation, &lines)?;
        let held = quarantine(books, new_batches(&lines));
        let received = DonationReceived {
            donation_id: self.donation_id.to_string(),
            facility_id: self.facility_id.to_string(),
            lines,
            documents: self.documents.to_vec(),
            consignment_id: self.import.stored_id(),
            clearance_override: self.import.clearance_override.clone(),
        };
        let mut events = vec![received.into()];
        events.extend(held);
        Ok(events)
    }

    /// The lines as they are recorded.
    fn lines(
        &self,
        books: &Books,
        donation: &Donation,
        today: NaiveDate,
    ) -> Result<Vec<ReceivedLine>, Rejection> {
        limits::lines("lines", self.lines.len(), limits::RECEIPT_LINES)?;
        let mut batches = BTreeSet::new();
        let mut serial_numbers = BTreeSet::new();
        let mut received = Vec::with_capacity(self.lines.len());
        for (index, line) in self.lines.iter().enumerate() {
            let item = existing_item(books, &line.item_id)?;
            if is_there(line) && !batches.insert(&line.batch_id) {
                return Err(Rejection::DuplicateBatchId {
                    field: format!("lines[{index}].batch_id"),
                    batch_id: line.batch_id.to_string(),
                });
            }
            check_units(index, line, item, today, &mut serial_numbers)?;
            let pledge_line = self.pledge_line(donation, index, line, item)?;
            received.push(received_line(donation, line, pledge_line));
        }
        Ok(received)
    }

    /// The line of the pledge that a received line fulfils; 0 for none.
    fn pledge_line(
        &self,
        donation: &Donation,
        index: usize,
        line: &ReceiptLine,
        item: &Item,
    ) -> Result<i32, Rejection> {
        let field = format!("lines[{index}].pledge_line");
        let is_wrong = line.outcome == ReceiptOutcome::Wrong;
        let fits =
            |pledged: &PledgeLine| goods::fits(&pledged.commodity_id, &pledged.item_id, item);
        if let Some(number) = line.pledge_line {
            let Some(pledged) = donation.lines.iter().find(|pledged| pledged.line == number) else {
                return Err(Rejection::UnknownPledgeLine {
                    field,
                    donation_id: donation.donation_id.clone(),
                    line: number,
                });
            };
            if !is_wrong && !fits(pledged) {
                return Err(Rejection::PledgeLineMismatch {
                    field,
                    donation_id: donation.donation_id.clone(),
                    line: number,
                    pledged: goods::described(&pledged.commodity_id, &pledged.item_id),
                    item_id: item.item_id.clone(),
                });
            }
            return Ok(number);
        }
        if self.is_bought || is_wrong || line.outcome == ReceiptOutcome::Surplus {
            return Ok(0);
        }
        let fitting: Vec<i32> = donation
            .lines
            .iter()
            .filter(|pledged| fits(pledged))
            .map(|pledged| pledged.line)
            .collect();
        let donation_id = donation.donation_id.clone();
        let item_id = item.item_id.clone();
        match fitting[..] {
            [] => Err(Rejection::NotPledged {
                field,
                donation_id,
                item_id,
            }),
            [number] => Ok(number),
            _ => {
                let lines = fitting
                    .iter()
                    .map(i32::to_string)
                    .collect::<Vec<_>>()
                    .join(", ");
                Err(Rejection::AmbiguousPledgeLine {
                    field,
                    donation_id,
                    item_id,
                    lines,
                })
            }
        }
    }
}

/// Whether units entered the books.
fn is_there(line: &ReceiptLine) -> bool {
    line.outcome != ReceiptOutcome::Missing
}

fn check_units(
    index: usize,
    line: &ReceiptLine,
    item: &Item,
    today: NaiveDate,
    seen: &mut BTreeSet<(String, Label)>,
) -> Result<(), Rejection> {
    let quantity = line.quantity.get();
    // Nobody can read the serial numbers of units that are not there, but the papers may tell them.
    if is_there(line) || !line.serial_numbers.is_empty() {
        let field = format!("lines[{index}].serial_numbers");
        asset::check_serial_numbers(&field, item, quantity, &line.serial_numbers, seen)?;
    }
    check_expiry(
        &format!("lines[{index}].expires_on"),
        line.outcome,
        line.expires_on,
        item,
        today,
    )
}

/// Refuses a last day of use that contradicts the item or the outcome.
pub(crate) fn check_expiry(
    field: &str,
    outcome: ReceiptOutcome,
    expires_on: Option<NaiveDate>,
    item: &Item,
    today: NaiveDate,
) -> Result<(), Rejection> {
    let is_required = match outcome {
        ReceiptOutcome::Missing => false,
        ReceiptOutcome::Expired => true,
        _ => item.expires,
    };
    let Some(last_day) = expires_on else {
        return if is_required {
            Err(Rejection::ExpiryRequired {
                field: field.to_owned(),
                item_id: item.item_id.clone(),
            })
        } else {
            Ok(())
        };
    };
    fits_outcome(field, outcome, last_day, today)
}

/// Refuses expired units that are reported as good, and the other way round.
pub(crate) fn fits_outcome(
    field: &str,
    outcome: ReceiptOutcome,
    last_day: NaiveDate,
    today: NaiveDate,
) -> Result<(), Rejection> {
    let field = field.to_owned();
    let expires_on = last_day.to_string();
    match outcome {
        ReceiptOutcome::Good if last_day < today => Err(Rejection::AlreadyExpired {
            field,
            expires_on,
            today: today.to_string(),
        }),
        ReceiptOutcome::Expired if last_day >= today => Err(Rejection::NotExpired {
            field,
            expires_on,
            today: today.to_string(),
        }),
        _ => Ok(()),
    }
}

fn received_line(donation: &Donation, line: &ReceiptLine, pledge_line: i32) -> ReceivedLine {
    ReceivedLine {
        pledge_line,
        outcome: line.outcome.into(),
        units: Some(StockUnits {
            batch_id: if is_there(line) {
                line.batch_id.to_string()
            } else {
                String::new()
            },
            donation_id: donation.donation_id.clone(),
            item_id: line.item_id.to_string(),
            owner_id: donation.recipient_id.clone(),
            lot: line.lot.as_ref().map(Label::to_string).unwrap_or_default(),
            expires_on: calendar::stored(line.expires_on),
            quantity: line.quantity.get(),
            serial_numbers: asset::stored(&line.serial_numbers),
        }),
        unit_value: line.unit_value.clone(),
    }
}

/// Units that entered the books, each as a batch of its own.
fn new_batches(lines: &[ReceivedLine]) -> impl Iterator<Item = &StockUnits> {
    lines
        .iter()
        .filter(|line| line.outcome() != ReceiptOutcome::Missing)
        .filter_map(|line| line.units.as_ref())
}

/// Refuses more of a line of the pledge than was promised, and more altogether than can be counted.
fn check_quantities(donation: &Donation, received: &[ReceivedLine]) -> Result<(), Rejection> {
    let quantity = |line: &ReceivedLine| line.units.as_ref().map_or(0, |units| units.quantity);
    goods::sum("lines", received.iter().map(quantity))?;
    let mut reported: BTreeMap<i32, i64> = BTreeMap::new();
    for (index, line) in received
        .iter()
        .enumerate()
        .filter(|(_, line)| counts(line.outcome()))
    {
        let Some(pledged) = donation
            .lines
            .iter()
            .find(|pledged| pledged.line == line.pledge_line)
        else {
            continue;
        };
        let so_far = reported.entry(line.pledge_line).or_default();
        *so_far += quantity(line);
        if pledged.received + *so_far > pledged.quantity {
            return Err(Rejection::ReceiptExceedsPledge {
                field: format!("lines[{index}].quantity"),
                donation_id: donation.donation_id.clone(),
                line: pledged.line,
                pledged: pledged.quantity,
                received: pledged.received,
                reported: *so_far,
            });
        }
    }
    Ok(())
}

impl Command for ReceiveDonation {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        self.receipt().reads()
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let receipt = self.receipt();
        let donation = receipt.existence(books)?;
        self.import.check_state(donation, false)?;
        let mut events: Vec<Event> = reopened(donation).into_iter().collect();
        events.extend(receipt.received(books, donation, moment)?);
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Donation(self.donation_id.clone()))
    }
}

impl ReceiveDonation {
    fn receipt(&self) -> Receipt<'_> {
        Receipt {
            donation_id: &self.donation_id,
            facility_id: &self.facility_id,
            lines: &self.lines,
            is_bought: false,
            documents: &self.documents,
            import: &self.import,
        }
    }
}
