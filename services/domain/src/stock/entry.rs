//! Units enter the books that no donation is known to have brought: what was there when the books were opened, and what
//! a count finds of which they know no batch.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    inventory::v1::{EnteredLine, EntryBasis, StockEntered, StockUnits},
    registry::v1::{DocumentRef, Facility},
};

use super::{NewStock, OpenStock, lot};
use crate::{
    asset,
    books::Books,
    boundary::Boundary,
    calendar::{self, facility_day},
    code::{Code, Label, UNATTRIBUTED},
    command::{Command, Moment},
    goods, limits,
    quality::state::quarantine,
    registry::{existing_facility, existing_item},
    rejection::Rejection,
};

/// New batches at a facility.
pub(super) struct Entry<'a> {
    pub facility_id: &'a Code,
    /// Path of the lines in the request.
    pub field: &'static str,
    pub lines: &'a [NewStock],
    pub basis: EntryBasis,
    pub documents: &'a [DocumentRef],
}

impl Entry<'_> {
    pub fn reads(&self) -> Vec<Boundary> {
        let mut boundaries = vec![Boundary::Facility(self.facility_id.clone())];
        for line in self.lines {
            boundaries.push(Boundary::Item(line.item_id.clone()));
            boundaries.push(Boundary::Batch(line.batch_id.clone()));
            boundaries.extend(lot::owner_read(line.owner_id.as_ref()));
            boundaries.extend(asset::reads(&line.item_id, &line.serial_numbers));
        }
        boundaries
    }

    /// Refuses what is missing in the books, or there although it must not be.
    pub fn existence(&self, books: &Books) -> Result<(), Rejection> {
        for line in self.lines {
            existing_item(books, &line.item_id)?;
            lot::existing_owner(books, line.owner_id.as_ref())?;
        }
        for line in self.lines {
            if books.batch(&line.batch_id).is_some() {
                return Err(Rejection::BatchExists {
                    batch_id: line.batch_id.to_string(),
                });
            }
            asset::must_be_new(books, &line.item_id, &line.serial_numbers)?;
        }
        Ok(())
    }

    /// That the units entered the books, and that those are held which must be released before use.
    pub fn events(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let facility = existing_facility(books, self.facility_id)?;
        let today = facility_day(facility, moment.occurred_at_us);
        let mut batches = BTreeSet::new();
        let mut serial_numbers = BTreeSet::new();
        let mut entered = Vec::with_capacity(self.lines.len());
        for (index, line) in self.lines.iter().enumerate() {
            let field = |name: &str| format!("{}[{index}].{name}", self.field);
            if !batches.insert(&line.batch_id) {
                return Err(Rejection::DuplicateBatchId {
                    field: field("batch_id"),
                    batch_id: line.batch_id.to_string(),
                });
            }
            let item = existing_item(books, &line.item_id)?;
            asset::check_serial_numbers(
                &field("serial_numbers"),
                item,
                line.quantity.get(),
                &line.serial_numbers,
                &mut serial_numbers,
            )?;
            if item.expires && line.expires_on.is_none() {
                return Err(Rejection::ExpiryRequired {
                    field: field("expires_on"),
                    item_id: item.item_id.clone(),
                });
            }
            entered.push(self.entered(line, facility, today));
        }
        goods::sum(
            self.field,
            self.lines.iter().map(|line| line.quantity.get()),
        )?;
        let units = entered.iter().filter_map(|line| line.units.as_ref());
        let held = quarantine(books, units);
        let mut events = vec![
            StockEntered {
                facility_id: self.facility_id.to_string(),
                lines: entered,
                basis: self.basis.into(),
                documents: self.documents.to_vec(),
            }
            .into(),
        ];
        events.extend(held);
        Ok(events)
    }

    fn entered(&self, line: &NewStock, facility: &Facility, today: NaiveDate) -> EnteredLine {
        let is_expired = line.expires_on.is_some_and(|last_day| last_day < today);
        let nobodys = || match self.basis {
            EntryBasis::OpeningBalance => facility.operator_id.clone(),
            _ => UNATTRIBUTED.to_owned(),
        };
        EnteredLine {
            units: Some(StockUnits {
                batch_id: line.batch_id.to_string(),
                donation_id: UNATTRIBUTED.to_owned(),
                item_id: line.item_id.to_string(),
                owner_id: line.owner_id.as_ref().map_or_else(nobodys, Code::to_string),
                lot: line.lot.as_ref().map(Label::to_string).unwrap_or_default(),
                expires_on: calendar::stored(line.expires_on),
                quantity: line.quantity.get(),
                serial_numbers: asset::stored(&line.serial_numbers),
            }),
            unit_value: line.unit_value.clone(),
            // Where it comes from nobody knows.
            held: line.held || is_expired || self.basis == EntryBasis::Count,
        }
    }
}

impl OpenStock {
    fn entry(&self) -> Entry<'_> {
        Entry {
            facility_id: &self.facility_id,
            field: "lines",
            lines: &self.lines,
            basis: EntryBasis::OpeningBalance,
            documents: &self.documents,
        }
    }

    fn stock(&self, line: &NewStock) -> Boundary {
        Boundary::Stock(self.facility_id.clone(), line.item_id.clone())
    }
}

impl Command for OpenStock {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        let mut boundaries = self.entry().reads();
        boundaries.extend(self.lines.iter().map(|line| self.stock(line)));
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        existing_facility(books, &self.facility_id)?;
        self.entry().existence(books)?;
        for line in &self.lines {
            let level = books.stock(&self.facility_id, &line.item_id);
            let lots = level.map_or(&[][..], |level| &level.lots);
            if !lots.is_empty() {
                return Err(Rejection::BooksOpenAlready {
                    facility_id: self.facility_id.to_string(),
                    item_id: line.item_id.to_string(),
                    on_hand: lots
                        .iter()
                        .map(|lot| lot.on_hand)
                        .fold(0, i64::saturating_add),
                });
            }
        }
        limits::lines("lines", self.lines.len(), limits::RECEIPT_LINES)?;
        limits::keep(self.entry().events(books, moment)?)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        self.lines.first().map(|line| self.stock(line))
    }
}
