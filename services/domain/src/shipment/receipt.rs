//! The lines of a receipt: which units of the shipment each one speaks of, and whether that can be.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use keruen_proto::{
    inventory::v1::{ReceiptOutcome, StockUnits},
    shipments::v1::{ReceivedUnits, Shipment, ShipmentLot, ShipmentUnits},
};

use super::{FoundGoods, parcel};
use crate::{
    asset,
    batch::is_new,
    books::Books,
    calendar,
    code::{Code, Label, UNATTRIBUTED},
    donation::receipt::{check_expiry, fits_outcome},
    goods, limits, region,
    registry::existing_item,
    rejection::Rejection,
};

/// What was found, line by line. Missing units come first, so that each can turn up in the same receipt but once.
pub(super) fn found(
    books: &Books,
    shipment: &Shipment,
    lines: &[FoundGoods],
    today: NaiveDate,
) -> Result<Vec<ReceivedUnits>, Rejection> {
    limits::lines("lines", lines.len(), limits::FOUND_LINES)?;
    let mut receipt = Receipt {
        shipment,
        today,
        tallies: Vec::new(),
        seen: BTreeSet::new(),
        batches: BTreeSet::new(),
    };
    let mut received = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        received.push(if is_new(line.outcome) {
            receipt.new_goods(books, index, line)?
        } else {
            receipt.sent_goods(index, line)?
        });
    }
    goods::sum("lines", lines.iter().map(|line| line.quantity.get()))?;
    receipt.check_quantities()?;
    received.sort_by_key(|units| units.outcome() != ReceiptOutcome::Missing);
    Ok(received)
}

/// A receipt while its lines are looked at.
struct Receipt<'a> {
    shipment: &'a Shipment,
    today: NaiveDate,
    tallies: Vec<Tally<'a>>,
    /// Serial numbers of earlier lines.
    seen: BTreeSet<(String, Label)>,
    /// New batches of earlier lines.
    batches: BTreeSet<&'a Code>,
}

/// What the receipt reports of one lot.
struct Tally<'a> {
    lot: &'a ShipmentLot,
    /// The last line that speaks of it.
    index: usize,
    missing: i64,
    there: i64,
}

impl<'a> Receipt<'a> {
    /// Goods that nobody sent, or others than were sent.
    fn new_goods(
        &mut self,
        books: &Books,
        index: usize,
        line: &'a FoundGoods,
    ) -> Result<ReceivedUnits, Rejection> {
        let field = |name: &str| format!("lines[{index}].{name}");
        let Some(item_id) = &line.item_id else {
            return Err(Rejection::ItemRequired {
                field: field("item_id"),
            });
        };
        if let Some(number) = line.line {
            self.check_line(index, number)?;
        }
        for (name, is_given) in [
            ("batch_id", line.batch_id.is_some()),
            ("owner_id", line.owner_id.is_some()),
        ] {
            check_empty(field(name), is_given, line.outcome)?;
        }
        if !self.batches.insert(&line.new_batch_id) {
            return Err(Rejection::DuplicateBatchId {
                field: field("batch_id"),
                batch_id: line.new_batch_id.to_string(),
            });
        }
        let item = existing_item(books, item_id)?;
        let quantity = line.quantity.get();
        let serial_numbers = field("serial_numbers");
        asset::check_serial_numbers(
            &serial_numbers,
            item,
            quantity,
            &line.serial_numbers,
            &mut self.seen,
        )?;
        check_expiry(
            &field("expires_on"),
            line.outcome,
            line.expires_on,
            item,
            self.today,
        )?;
        Ok(ReceivedUnits {
            shipment_units: Some(ShipmentUnits {
                line: line.line.unwrap_or_default(),
                request_id: String::new(),
                request_line: 0,
                units: Some(StockUnits {
                    batch_id: line.new_batch_id.to_string(),
                    donation_id: UNATTRIBUTED.to_owned(),
                    item_id: item_id.to_string(),
                    owner_id: UNATTRIBUTED.to_owned(),
                    lot: line.lot.as_ref().map(Label::to_string).unwrap_or_default(),
                    expires_on: calendar::stored(line.expires_on),
                    quantity,
                    serial_numbers: asset::stored(&line.serial_numbers),
                }),
            }),
            outcome: line.outcome.into(),
            sscc: parcel_of(line),
            ..ReceivedUnits::default()
        })
    }

    /// Units that were sent, and came or did not.
    fn sent_goods(&mut self, index: usize, line: &FoundGoods) -> Result<ReceivedUnits, Rejection> {
        let field = |name: &str| format!("lines[{index}].{name}");
        let Some(number) = line.line else {
            return Err(Rejection::LineRequired {
                field: field("line"),
            });
        };
        self.check_line(index, number)?;
        for (name, is_given) in [
            ("item_id", line.item_id.is_some()),
            ("lot", line.lot.is_some()),
            ("expires_on", line.expires_on.is_some()),
        ] {
            check_empty(field(name), is_given, line.outcome)?;
        }
        let (lot, of_line, units) = self.lot(index, number, line)?;
        self.check_serial_numbers(index, lot, units, line)?;
        check_last_day(&field("outcome"), line.outcome, units, self.today)?;
        self.tally(index, lot, line);
        let units = StockUnits {
            quantity: line.quantity.get(),
            serial_numbers: asset::stored(&line.serial_numbers),
            ..units.clone()
        };
        let shipment_units = ShipmentUnits {
            units: Some(units),
            ..of_line.clone()
        };
        if let Some(sscc) = &line.sscc {
            parcel::check_contains(&field("sscc"), self.shipment, sscc, &shipment_units)?;
        }
        let liable_id = if line.outcome == ReceiptOutcome::Missing {
            parcel::liable(self.shipment, &shipment_units, line.sscc.as_deref())
        } else {
            String::new()
        };
        Ok(ReceivedUnits {
            shipment_units: Some(shipment_units),
            outcome: line.outcome.into(),
            sscc: parcel_of(line),
            liable_id,
        })
    }

    fn check_line(&self, index: usize, number: i32) -> Result<(), Rejection> {
        if self.shipment.lines.iter().any(|line| line.line == number) {
            return Ok(());
        }
        Err(Rejection::UnknownShipmentLine {
            field: format!("lines[{index}].line"),
            shipment_id: self.shipment.shipment_id.clone(),
            line: number,
        })
    }

    /// The lot that a line speaks of: of its batch and owner, or the only one of which something is outstanding.
    fn lot(
        &self,
        index: usize,
        number: i32,
        line: &FoundGoods,
    ) -> Result<(&'a ShipmentLot, &'a ShipmentUnits, &'a StockUnits), Rejection> {
        let shipment = self.shipment;
        let candidates: Vec<_> = shipment
            .lots
            .iter()
            .filter_map(|lot| Some((lot, lot.shipment_units.as_ref()?, units_of(lot)?)))
            .filter(|(lot, of_line, units)| {
                of_line.line == number
                    && lot.in_transit + lot.missing > 0
                    && line
                        .batch_id
                        .as_ref()
                        .is_none_or(|id| id.as_str() == units.batch_id)
                    && line
                        .owner_id
                        .as_ref()
                        .is_none_or(|id| id.as_str() == units.owner_id)
            })
            .collect();
        let field = format!("lines[{index}].batch_id");
        let shipment_id = shipment.shipment_id.clone();
        match candidates[..] {
            [] => Err(Rejection::NotInShipment {
                field,
                shipment_id,
                line: number,
                wanted: wanted(line),
            }),
            [only] => Ok(only),
            // Serial numbers say which lot is meant.
            _ => candidates
                .iter()
                .find(|(lot, _, _)| {
                    line.serial_numbers
                        .iter()
                        .any(|number| is_outstanding(lot, number))
                })
                .copied()
                .ok_or_else(|| Rejection::AmbiguousBatch {
                    field,
                    shipment_id,
                    line: number,
                    batches: candidates
                        .iter()
                        .map(|(_, _, units)| format!("{} of {}", units.batch_id, units.owner_id))
                        .collect::<Vec<_>>()
                        .join(", "),
                }),
        }
    }

    fn check_serial_numbers(
        &mut self,
        index: usize,
        lot: &ShipmentLot,
        units: &StockUnits,
        line: &FoundGoods,
    ) -> Result<(), Rejection> {
        let field = format!("lines[{index}].serial_numbers");
        let item_id = units.item_id.clone();
        if units.serial_numbers.is_empty() {
            return if line.serial_numbers.is_empty() {
                Ok(())
            } else {
                Err(Rejection::SerialNumbersNotExpected { field, item_id })
            };
        }
        asset::count_serial_numbers(
            &field,
            &item_id,
            line.quantity.get(),
            line.serial_numbers.len(),
        )?;
        for number in &line.serial_numbers {
            let is_known_missing = lot
                .missing_serial_numbers
                .iter()
                .any(|it| it == number.as_str());
            let serial_number = number.to_string();
            if !is_outstanding(lot, number)
                || (line.outcome == ReceiptOutcome::Missing && is_known_missing)
            {
                let place = format!(
                    "on its way in line {} of shipment {}",
                    line.line.unwrap_or_default(),
                    self.shipment.shipment_id
                );
                return Err(Rejection::SerialNumberNotThere {
                    field,
                    item_id,
                    serial_number,
                    place,
                });
            }
            if !self.seen.insert((item_id.clone(), number.clone())) {
                return Err(Rejection::DuplicateSerialNumber {
                    field,
                    item_id,
                    serial_number,
                });
            }
        }
        Ok(())
    }

    fn tally(&mut self, index: usize, lot: &'a ShipmentLot, line: &FoundGoods) {
        let known = self
            .tallies
            .iter()
            .position(|tally| std::ptr::eq(tally.lot, lot))
            .unwrap_or_else(|| {
                self.tallies.push(Tally {
                    lot,
                    index,
                    missing: 0,
                    there: 0,
                });
                self.tallies.len() - 1
            });
        let tally = &mut self.tallies[known];
        tally.index = index;
        let sum = if line.outcome == ReceiptOutcome::Missing {
            &mut tally.missing
        } else {
            &mut tally.there
        };
        *sum = sum.saturating_add(line.quantity.get());
    }

    /// Refuses more of a lot than is outstanding, and more missing than were on their way.
    fn check_quantities(&self) -> Result<(), Rejection> {
        for Tally {
            lot,
            index,
            missing,
            there,
        } in &self.tallies
        {
            let reported = missing.saturating_add(*there);
            if *missing > lot.in_transit || reported > lot.in_transit + lot.missing {
                let of_line = lot.shipment_units.as_ref();
                return Err(Rejection::ReceiptExceedsShipment {
                    field: format!("lines[{index}].quantity"),
                    shipment_id: self.shipment.shipment_id.clone(),
                    line: of_line.map_or(0, |units| units.line),
                    batch_id: units_of(lot)
                        .map(|units| units.batch_id.clone())
                        .unwrap_or_default(),
                    reported,
                    in_transit: lot.in_transit,
                    missing: lot.missing,
                });
            }
        }
        Ok(())
    }
}

/// Units that are missing, with who answers for them.
pub(super) fn missing_units(shipment: &Shipment, units: ShipmentUnits) -> ReceivedUnits {
    ReceivedUnits {
        liable_id: parcel::liable(shipment, &units, None),
        shipment_units: Some(units),
        outcome: ReceiptOutcome::Missing.into(),
        sscc: String::new(),
    }
}

/// The parcel in which something was found; empty where none is named.
fn parcel_of(line: &FoundGoods) -> String {
    let sscc = line.sscc.as_ref();
    sscc.map(Code::to_string).unwrap_or_default()
}

/// The units of a lot, as they were sent.
pub(super) fn units_of(lot: &ShipmentLot) -> Option<&StockUnits> {
    lot.shipment_units.as_ref()?.units.as_ref()
}

/// Whether a unit is on its way or missing.
fn is_outstanding(lot: &ShipmentLot, serial_number: &Label) -> bool {
    lot.serial_numbers_in_transit
        .iter()
        .any(|it| it == serial_number.as_str())
}

/// What a line was looking for, for people.
fn wanted(line: &FoundGoods) -> String {
    match (&line.batch_id, &line.owner_id) {
        (None, None) => "any batch".to_owned(),
        (Some(batch_id), None) => format!("batch {batch_id}"),
        (None, Some(owner_id)) => format!("owner {owner_id}"),
        (Some(batch_id), Some(owner_id)) => format!("batch {batch_id} of owner {owner_id}"),
    }
}

fn check_empty(field: String, is_given: bool, outcome: ReceiptOutcome) -> Result<(), Rejection> {
    if !is_given {
        return Ok(());
    }
    let outcome = outcome
        .as_str_name()
        .trim_start_matches("RECEIPT_OUTCOME_")
        .to_owned();
    Err(Rejection::FieldNotExpected { field, outcome })
}

/// Refuses expired units that are reported as good, and units reported as expired that are not.
pub(super) fn check_last_day(
    field: &str,
    outcome: ReceiptOutcome,
    units: &StockUnits,
    today: NaiveDate,
) -> Result<(), Rejection> {
    match region::parse(&units.expires_on) {
        Some(last_day) => fits_outcome(field, outcome, last_day, today),
        None if outcome == ReceiptOutcome::Expired => Err(Rejection::NotExpired {
            field: field.to_owned(),
            expires_on: "no last day of use".to_owned(),
            today: today.to_string(),
        }),
        None => Ok(()),
    }
}
