//! Stock is counted, and the books are corrected by what was found.
//!
//! People count while others work. So a count names the position of the log as of which it was taken: what the books
//! said then is compared, and only the difference is posted. What came or went since does not matter, and stays.

use std::collections::BTreeSet;

use keruen_proto::{
    Event, EventType,
    inventory::v1::{
        AdjustmentReason, CountKind, CountedLot, EntryBasis, LotChange, StockChange, StockCount,
        StockCounted, StockLevel, StockLot,
    },
    registry::v1::Item,
};

use super::{
    AdjustStock, Change, CountStock, CountedUnits, claims,
    entry::Entry,
    lot::{self, existing_batch, existing_owner, owner_read},
};
use crate::{
    asset,
    books::{Books, Fold},
    boundary::Boundary,
    calendar::timestamp,
    code::{Code, Label, Quantity},
    command::{Command, Moment},
    limits,
    registry::{existing_facility, existing_item},
    rejection::Rejection,
};

impl Fold for StockCount {
    const EVENT_TYPES: &'static [&'static str] = &[StockCounted::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        if let (Boundary::Count(id), Event::StockCounted(event)) = (boundary, event)
            && let Some(count) = &event.stock_count
            && count.count_id == id.as_str()
        {
            if event.part > 1 {
                self.lots.extend_from_slice(&count.lots);
            } else {
                self.clone_from(count);
            }
        }
    }
}

/// Serial numbers that one correction names: each is a tag, beside those of the stock, the batch and the like.
const SERIAL_NUMBERS_OF_CORRECTION: usize = 40;

/// A lot within the count: what the books said, and what is there.
struct Compared {
    counted: CountedLot,
    /// Base units of it now.
    on_hand: i64,
    is_asset: bool,
    /// Whether another count has corrected it since.
    is_corrected: bool,
}

impl Compared {
    /// By how much the books must be corrected.
    fn change(&self) -> Option<Change> {
        let difference = if self.is_asset {
            return None;
        } else {
            self.counted.counted - self.counted.expected
        };
        let quantity = Quantity::parse(difference.abs()).ok()?;
        Some(if difference > 0 {
            Change::Increase(quantity)
        } else {
            Change::Decrease(quantity)
        })
    }

    /// The corrections: of assets, those that are missing and those that were found by themselves.
    fn corrections(&self, count: &CountStock) -> Vec<AdjustStock> {
        let correction = |change, serial_numbers| {
            Some(AdjustStock {
                facility_id: count.facility_id.clone(),
                batch_id: Code::parse(&self.counted.batch_id).ok()?,
                owner_id: Code::parse(&self.counted.owner_id).ok(),
                change,
                serial_numbers,
                reason: AdjustmentReason::CountDifference,
                documents: Vec::new(),
            })
        };
        let named = |numbers: &[String], change: fn(Quantity) -> Change| {
            let chunks = numbers.chunks(SERIAL_NUMBERS_OF_CORRECTION);
            let corrections = chunks.filter_map(|numbers| {
                let quantity = Quantity::parse(i64::try_from(numbers.len()).ok()?).ok()?;
                let labels = numbers.iter().filter_map(|it| Label::parse(it).ok());
                correction(change(quantity), labels.collect())
            });
            corrections.collect::<Vec<_>>()
        };
        let counted = self
            .change()
            .and_then(|change| correction(change, Vec::new()));
        let missing = named(&self.counted.missing_serial_numbers, Change::Decrease);
        let found = named(&self.counted.found_serial_numbers, Change::Increase);
        counted.into_iter().chain(missing).chain(found).collect()
    }

    /// Serial numbers of which the books are to be corrected.
    fn serial_numbers(&self) -> usize {
        self.counted.missing_serial_numbers.len() + self.counted.found_serial_numbers.len()
    }

    /// Whether the books are to be corrected.
    fn differs(&self) -> bool {
        self.change().is_some() || self.serial_numbers() > 0
    }
}

impl Command for CountStock {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Count(self.count_id.clone()),
            Boundary::Facility(self.facility_id.clone()),
            Boundary::Item(self.item_id.clone()),
            Boundary::Stock(self.facility_id.clone(), self.item_id.clone()),
        ];
        boundaries.extend(self.since());
        boundaries.extend(self.entry().reads());
        if !books.contains(&Boundary::Stock(
            self.facility_id.clone(),
            self.item_id.clone(),
        )) {
            return boundaries;
        }
        for line in self.unknown(books).take(limits::COUNT_CORRECTIONS) {
            boundaries.push(Boundary::Batch(line.batch_id.clone()));
            boundaries.extend(owner_read(line.owner_id.as_ref()));
        }
        if self.existence(books).is_ok()
            && let Ok(item) = existing_item(books, &self.item_id)
            && let Ok(compared) = self.compared(books, item)
            && check_number(&compared).is_ok()
        {
            let missing = compared
                .iter()
                .flat_map(|it| &it.counted.missing_serial_numbers);
            boundaries.extend(missing.flat_map(|it| asset::reads_around(books, &self.item_id, it)));
            for correction in compared.iter().flat_map(|it| it.corrections(self)) {
                boundaries.extend(correction.reads(books));
            }
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        self.existence(books)?;
        let item = existing_item(books, &self.item_id)?;
        let entered = if self.found.is_empty() {
            Vec::new()
        } else {
            self.check_found()?;
            self.entry().events(books, moment)?
        };
        if self.kind != CountKind::Full && self.found.is_empty() {
            limits::lines("lines", self.lines.len(), limits::COUNT_LINES)?;
        }
        let compared = self.compared(books, item)?;
        check_number(&compared)?;
        let mut corrections = Vec::new();
        for it in &compared {
            self.check_latest(it)?;
            self.check_possible(it)?;
            for correction in it.corrections(self) {
                corrections.extend(correction.decide(books, moment)?);
            }
        }
        let is_given_up = |event: &&Event| matches!(event, Event::AllocationReleased(_));
        let given_up = corrections.iter().filter(is_given_up).count();
        claims::check_number(&self.facility_id, "of several lots", given_up)?;
        let mut events = self.parts(compared, moment);
        events.extend(corrections);
        events.extend(entered);
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Count(self.count_id.clone()))
    }
}

/// Refuses more corrections than can be recorded at once.
fn check_number(compared: &[Compared]) -> Result<(), Rejection> {
    let lots = compared.iter().filter(|it| it.differs()).count();
    check_differences("lots", lots, limits::COUNT_CORRECTIONS)?;
    let serial_numbers = compared.iter().map(Compared::serial_numbers).sum();
    check_differences("serial numbers", serial_numbers, limits::SERIAL_NUMBERS)
}

fn check_differences(
    what: &'static str,
    differences: usize,
    limit: usize,
) -> Result<(), Rejection> {
    if differences <= limit {
        return Ok(());
    }
    Err(Rejection::TooManyDifferences {
        what,
        differences,
        limit,
    })
}

impl CountStock {
    /// What was counted, in as many events as that takes.
    fn parts(&self, compared: Vec<Compared>, moment: Moment) -> Vec<Event> {
        let count = StockCount {
            count_id: self.count_id.to_string(),
            facility_id: self.facility_id.to_string(),
            item_id: self.item_id.to_string(),
            kind: self.kind.into(),
            counted_position: self.counted_position.unwrap_or_default(),
            lots: Vec::new(),
            counted_at: Some(timestamp(moment.occurred_at_us)),
        };
        let mut lots: Vec<CountedLot> = compared.into_iter().map(|it| it.counted).collect();
        let mut events = Vec::new();
        let is_parted = lots.len() > limits::COUNT_LINES_OF_EVENT;
        for part in i32::from(is_parted).. {
            let rest = lots.split_off(lots.len().min(limits::COUNT_LINES_OF_EVENT));
            let counted = StockCounted {
                stock_count: Some(StockCount {
                    lots: std::mem::replace(&mut lots, rest),
                    ..count.clone()
                }),
                documents: if part > 1 {
                    Vec::new()
                } else {
                    self.documents.clone()
                },
                part,
            };
            events.push(counted.into());
            if lots.is_empty() {
                break;
            }
        }
        events
    }

    /// Lines of lots that the books do not know there: of those the batch must be read.
    fn unknown<'a>(&'a self, books: &'a Books) -> impl Iterator<Item = &'a CountedUnits> {
        let level = books.stock(&self.facility_id, &self.item_id);
        self.lines.iter().filter(move |line| {
            let level = level.map_or(&[][..], |level| &level.lots);
            known(level, line).is_empty()
        })
    }

    fn since(&self) -> Option<Boundary> {
        let (facility_id, item_id) = (self.facility_id.clone(), self.item_id.clone());
        let position = self.counted_position?;
        Some(Boundary::Since(facility_id, item_id, position))
    }

    fn entry(&self) -> Entry<'_> {
        Entry {
            facility_id: &self.facility_id,
            field: "found",
            lines: &self.found,
            basis: EntryBasis::Count,
            documents: &[],
        }
    }

    /// Refuses what is missing in the books, or there although it must not be.
    fn existence(&self, books: &Books) -> Result<(), Rejection> {
        if books.count(&self.count_id).is_some() {
            return Err(Rejection::CountExists {
                count_id: self.count_id.to_string(),
            });
        }
        existing_facility(books, &self.facility_id)?;
        existing_item(books, &self.item_id)?;
        let unknown = self.unknown(books).count();
        check_differences("lots", unknown, limits::COUNT_CORRECTIONS)?;
        for line in self.unknown(books) {
            existing_batch(books, &line.batch_id)?;
            existing_owner(books, line.owner_id.as_ref())?;
        }
        self.entry().existence(books)
    }

    /// Refuses found units of another item, and more lines than an event may hold.
    fn check_found(&self) -> Result<(), Rejection> {
        limits::lines("found", self.found.len(), limits::RECEIPT_LINES)?;
        for (index, line) in self.found.iter().enumerate() {
            if line.item_id != self.item_id {
                return Err(Rejection::BatchOfOtherItem {
                    field: format!("found[{index}].item_id"),
                    batch_id: line.batch_id.to_string(),
                    item_id: self.item_id.to_string(),
                    batch_item_id: line.item_id.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Every lot within the count, beside what the books said.
    fn compared(&self, books: &Books, item: &Item) -> Result<Vec<Compared>, Rejection> {
        let none = StockChange::default();
        let level = books.stock(&self.facility_id, &self.item_id);
        let level = level.cloned().unwrap_or_default();
        let since = self
            .counted_position
            .and_then(|position| books.stock_since(&self.facility_id, &self.item_id, position));
        let past = Past {
            books,
            level: &level,
            since: since.unwrap_or(&none),
            item,
        };
        let mut compared: Vec<Compared> = Vec::new();
        let mut serial_numbers = BTreeSet::new();
        for (index, line) in self.lines.iter().enumerate() {
            let it = self.line(books, &past, index, line, &mut serial_numbers)?;
            let is_same = |other: &Compared| {
                (&other.counted.batch_id, &other.counted.owner_id)
                    == (&it.counted.batch_id, &it.counted.owner_id)
            };
            if compared.iter().any(is_same) {
                return Err(Rejection::DuplicateLot {
                    field: format!("lines[{index}].batch_id"),
                    batch_id: it.counted.batch_id,
                    owner_id: it.counted.owner_id,
                });
            }
            compared.push(it);
        }
        if self.kind == CountKind::Full {
            for lot in past.lots() {
                let is_listed = compared.iter().any(|it| {
                    it.counted.batch_id == lot.batch_id && it.counted.owner_id == lot.owner_id
                });
                if !is_listed {
                    compared.push(past.compare(&lot, 0, &[]));
                }
            }
        }
        if compared.len() > limits::COUNT_LINES {
            return Err(Rejection::TooManyLines {
                field: "lines".to_owned(),
                found: compared.len(),
                limit: limits::COUNT_LINES,
            });
        }
        Ok(compared)
    }

    fn line(
        &self,
        books: &Books,
        past: &Past<'_>,
        index: usize,
        line: &CountedUnits,
        seen: &mut BTreeSet<(String, Label)>,
    ) -> Result<Compared, Rejection> {
        let field = format!("lines[{index}].serial_numbers");
        let numbers = &line.serial_numbers;
        let owners = known(&past.level.lots, line);
        if let [_, _, ..] = owners[..] {
            let owners = owners.iter().map(|lot| lot.owner_id.as_str());
            return Err(Rejection::AmbiguousOwner {
                batch_id: line.batch_id.to_string(),
                facility_id: self.facility_id.to_string(),
                owners: owners.collect::<Vec<_>>().join(", "),
            });
        }
        if let [lot] = owners[..] {
            asset::check_serial_numbers(&field, past.item, line.quantity, numbers, seen)?;
            return Ok(past.compare(lot, line.quantity, &asset::stored(numbers)));
        }
        let batch = existing_batch(books, &line.batch_id)?;
        if batch.item_id != self.item_id.as_str() {
            return Err(Rejection::BatchOfOtherItem {
                field: format!("lines[{index}].batch_id"),
                batch_id: batch.batch_id.clone(),
                item_id: self.item_id.to_string(),
                batch_item_id: batch.item_id.clone(),
            });
        }
        asset::check_serial_numbers(&field, past.item, line.quantity, numbers, seen)?;
        let lot = StockLot {
            batch_id: batch.batch_id.clone(),
            owner_id: lot::owner(past.level, batch, line.owner_id.as_ref())?,
            lot: batch.lot.clone(),
            expires_on: batch.expires_on.clone(),
            ..StockLot::default()
        };
        Ok(past.compare(&lot, line.quantity, &asset::stored(numbers)))
    }

    /// What another count has corrected since is known better than by this one.
    fn check_latest(&self, it: &Compared) -> Result<(), Rejection> {
        if !it.is_corrected || !it.differs() {
            return Ok(());
        }
        Err(Rejection::CountedSince {
            facility_id: self.facility_id.to_string(),
            batch_id: it.counted.batch_id.clone(),
            owner_id: it.counted.owner_id.clone(),
            counted_position: self.counted_position.unwrap_or_default(),
        })
    }

    /// What was sent, used or disposed of since can't be missing: then the count can't be right.
    fn check_possible(&self, it: &Compared) -> Result<(), Rejection> {
        let CountedLot {
            expected, counted, ..
        } = it.counted;
        if it.is_asset || expected - counted <= it.on_hand {
            return Ok(());
        }
        Err(Rejection::CountContradicted {
            facility_id: self.facility_id.to_string(),
            batch_id: it.counted.batch_id.clone(),
            owner_id: it.counted.owner_id.clone(),
            counted_position: self.counted_position.unwrap_or_default(),
            expected,
            counted,
            gone_since: expected - it.on_hand,
        })
    }
}

/// Lots of the batch of a line, and of its owner where one is named.
fn known<'a>(lots: &'a [StockLot], line: &CountedUnits) -> Vec<&'a StockLot> {
    let is_meant = |lot: &&StockLot| {
        let owner_id = line.owner_id.as_ref();
        lot.batch_id == line.batch_id.as_str()
            && owner_id.is_none_or(|owner_id| owner_id.as_str() == lot.owner_id)
    };
    lots.iter().filter(is_meant).collect()
}

/// The books as of the counted position: as they stand, less what came since, and what went since besides.
struct Past<'a> {
    books: &'a Books,
    level: &'a StockLevel,
    since: &'a StockChange,
    item: &'a Item,
}

impl Past<'_> {
    /// Every lot of which something was there then, or is now.
    fn lots(&self) -> Vec<StockLot> {
        let mut lots = self.level.lots.clone();
        let known = |lots: &[StockLot], it: &LotChange| {
            lots.iter()
                .any(|lot| lot.batch_id == it.batch_id && lot.owner_id == it.owner_id)
        };
        for gone in &self.since.lots {
            if gone.on_hand < 0 && !known(&lots, gone) {
                lots.push(StockLot {
                    batch_id: gone.batch_id.clone(),
                    owner_id: gone.owner_id.clone(),
                    lot: gone.lot.clone(),
                    expires_on: gone.expires_on.clone(),
                    ..StockLot::default()
                });
            }
        }
        lots
    }

    fn compare(&self, lot: &StockLot, quantity: i64, serial_numbers: &[String]) -> Compared {
        let (batch_id, owner_id) = (&lot.batch_id, &lot.owner_id);
        let now = lot::find(self.level, batch_id, owner_id);
        let none = LotChange::default();
        let mut changes = self.since.lots.iter();
        let since = changes
            .find(|it| it.batch_id == *batch_id && it.owner_id == *owner_id)
            .unwrap_or(&none);
        let on_hand = now.map_or(0, |now| now.on_hand);
        let there = now.map_or(&[][..], |now| &now.serial_numbers);
        let is_in = |list: &[String], number: &String| list.contains(number);
        let is_away = |number: &String| asset::is_elsewhere(self.books, &self.item.item_id, number);
        // What came since need not be on the sheet, what went since was there, and what is lent or with a repairer is in
        // the books, but not on the shelf.
        let missing = there
            .iter()
            .filter(|it| !is_in(&since.came, it) && !is_in(serial_numbers, it) && !is_away(it));
        let found = serial_numbers
            .iter()
            .filter(|it| !is_in(there, it) && !is_in(&since.went, it));
        Compared {
            counted: CountedLot {
                batch_id: batch_id.clone(),
                owner_id: owner_id.clone(),
                lot: lot.lot.clone(),
                expires_on: lot.expires_on.clone(),
                expected: on_hand - since.on_hand,
                counted: quantity,
                missing_serial_numbers: missing.cloned().collect(),
                found_serial_numbers: found.cloned().collect(),
            },
            on_hand,
            is_asset: asset::is_asset(self.item),
            is_corrected: since.is_corrected,
        }
    }
}
