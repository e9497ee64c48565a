//! Stock over time: what each event changed, of which holding and of which facility and item.

mod carried;
mod held;
mod numbers;

use std::{cell::Cell, collections::BTreeSet, rc::Rc};

use keruen_domain::{calendar::kazakhstan_day_number, correction::effective_at_us};
use keruen_proto::{Event, log::v1::RecordedEvent};

pub use self::carried::{Carried, carried};
use crate::{
    blocks::Blocks,
    counters::{Counts, counters},
    database::{Connection, Put, params},
    failure::{Defect, StoreError},
    keys::{StockKey, StockRef, TwoRef},
    memory::{Cache, Extent, KeyRef as _, Stored},
    sheets::Sheets,
    table,
};

/// What was recorded so long after it happened counts as late: it is looked for apart from all others.
pub const LATE_US: i64 = 600_000_000;

/// Units of one batch and owner at a facility, or on their way to it in somebody's hands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldingKey {
    /// Which.
    pub stock: StockKey,
    /// Whence they are on their way; empty for what is there.
    pub origin_id: String,
    /// Whoever is liable for them on their way; empty for what is there.
    pub custodian_id: String,
}

impl HoldingKey {
    /// What a change of it counts for at each facility: where the units are or go, and whence they go there.
    fn at_facilities(&self, change: Counts) -> impl Iterator<Item = (&str, Counts)> {
        let there = Counts {
            in_transit_out: 0,
            ..change
        };
        let left = Counts {
            in_transit_out: change.in_transit_out,
            ..Counts::default()
        };
        let both = [
            (self.stock.facility_id.as_str(), there),
            (self.origin_id.as_str(), left),
        ];
        both.into_iter().filter(|(_, counts)| !counts.is_zero())
    }
}

struct Change {
    holding_id: i64,
    occurred_at_us: i64,
    position: i64,
    counts: Counts,
    held_here: i64,
}

/// What an event changes of a holding.
#[derive(Default)]
struct Noted {
    counts: Counts,
    /// Units held there by themselves.
    held_here: i64,
    /// The lot of its batch, if anything was ever said of what of its item may be used.
    lot: Option<String>,
}

impl Noted {
    fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            counts: self.counts.plus(other.counts)?,
            held_here: self.held_here.checked_add(other.held_here)?,
            lot: self.lot.or(other.lot),
        })
    }

    fn is_zero(&self) -> bool {
        self.counts.is_zero() && self.held_here == 0
    }
}

/// A number, and what is to be known before something is added to it.
struct Holding {
    id: i64,
    /// When its last change happened.
    last_us: Cell<i64>,
}

struct Pair {
    /// Its number.
    number: i64,
    first_day: i64,
    balance: Counts,
}

struct PairChange {
    position: i64,
    pair_id: i64,
    occurred_at_us: i64,
    is_late: bool,
    counts: Counts,
}

/// What events have changed, to be written.
pub struct Chronicle {
    connection: Rc<Connection>,
    stored: Stored,
    /// The numbers of holdings.
    holdings: Cache<HoldingKey, Holding>,
    blocks: Blocks,
    pairs: Cache<(String, String), Pair>,
    next_ids: Option<(i64, i64)>,
    changes: Vec<Change>,
    pair_changes: Vec<PairChange>,
    sheets: Sheets,
    /// Of the event that is being taken in, one by one.
    of_event: Vec<(HoldingKey, Noted)>,
}

impl Chronicle {
    /// As stored; `is_empty` where nothing is.
    pub fn new(connection: Rc<Connection>, is_empty: bool) -> Self {
        Self {
            sheets: Sheets::new(connection.clone()),
            blocks: Blocks::new(connection.clone(), is_empty),
            connection,
            stored: Stored::new(is_empty),
            holdings: Cache::default(),
            pairs: Cache::default(),
            next_ids: None,
            changes: Vec::new(),
            pair_changes: Vec::new(),
            of_event: Vec::new(),
        }
    }

    /// How many rows are kept in memory.
    pub fn len(&self) -> usize {
        self.holdings.len()
            + self.pairs.len()
            + self.blocks.len()
            + self.changes.len()
            + self.pair_changes.len()
            + self.sheets.len()
    }

    /// Forgets what has been written.
    pub fn forget(&mut self, extent: Extent) {
        let stored = &mut self.stored;
        stored.forget_rows(table::HOLDINGS.name, &mut self.holdings, extent);
        stored.forget_rows(table::PAIRS.name, &mut self.pairs, extent);
        self.blocks.forget(extent);
    }

    /// Notes what an event changes of what is at a facility, and how many of the units that are held there by themselves.
    /// What is on its way is told by shipments. The lot is said of an item of which it was ever said what may be used.
    pub fn at_rest(
        &mut self,
        key: StockRef<'_>,
        change: Counts,
        held_here: i64,
        lot: Option<&str>,
    ) {
        let change = Noted {
            counts: Counts {
                in_transit: 0,
                in_transit_out: 0,
                ..change
            },
            held_here,
            lot: lot.map(str::to_owned),
        };
        if change.lot.is_some() || !change.is_zero() {
            let key = HoldingKey {
                stock: key.to_key(),
                origin_id: String::new(),
                custodian_id: String::new(),
            };
            self.of_event.push((key, change));
        }
    }

    /// Notes what an event changes of what is on its way, and in whose hands.
    pub fn on_the_way(&mut self, before: Carried, after: Carried) {
        for (carried, sign) in [(before, -1), (after, 1)] {
            for (key, quantity) in carried {
                let counts = Counts {
                    in_transit: sign * quantity,
                    in_transit_out: sign * quantity,
                    ..Counts::default()
                };
                let change = Noted {
                    counts,
                    held_here: 0,
                    lot: None,
                };
                self.of_event.push((key, change));
            }
        }
    }

    /// The event has been taken in. What it corrects of an earlier one counts from when that happened, so that the past
    /// is told as it was.
    pub fn close(
        &mut self,
        recorded: &RecordedEvent,
        event: &Event,
    ) -> Result<Result<(), Defect>, StoreError> {
        let position = recorded.position.cast_signed();
        let occurred_at_us = counted_from_us(recorded, event);
        self.blocks.note(event, position, occurred_at_us)?;
        if self.of_event.is_empty() {
            return Ok(Ok(()));
        }
        let of_event = match summed(std::mem::take(&mut self.of_event), Noted::plus) {
            Ok(of_event) => of_event,
            Err(key) => return Ok(Err(uncountable(&key))),
        };
        let mut of_holdings = Vec::with_capacity(of_event.len());
        for (key, noted) in of_event {
            let Some(changes) = self.changes_of(event, &key, noted, occurred_at_us)? else {
                return Ok(Err(uncountable(&key)));
            };
            for (occurred_at_us, noted) in changes.iter().filter(|(_, it)| !it.is_zero()) {
                self.add_change(&key, *occurred_at_us, position, noted)?;
            }
            of_holdings.push((key, changes));
        }
        self.close_pairs(recorded, &of_holdings)
    }

    fn add_change(
        &mut self,
        key: &HoldingKey,
        occurred_at_us: i64,
        position: i64,
        noted: &Noted,
    ) -> Result<(), StoreError> {
        let holding = self.holding(key)?;
        holding
            .last_us
            .set(holding.last_us.get().max(occurred_at_us));
        let change = Change {
            holding_id: holding.id,
            occurred_at_us,
            position,
            counts: noted.counts,
            held_here: noted.held_here,
        };
        self.changes.push(change);
        Ok(())
    }

    /// Adds what an event changed to facilities and items.
    fn close_pairs(
        &mut self,
        recorded: &RecordedEvent,
        changed: &[(HoldingKey, Vec<(i64, Noted)>)],
    ) -> Result<Result<(), Defect>, StoreError> {
        let position = recorded.position.cast_signed();
        let of_pairs = changed.iter().flat_map(|(key, changes)| {
            let item_id = &key.stock.item_id;
            changes.iter().flat_map(move |(occurred_at_us, noted)| {
                let both = key.at_facilities(noted.counts);
                both.map(move |(facility_id, counts)| {
                    ((*occurred_at_us, TwoRef(facility_id, item_id)), counts)
                })
            })
        });
        let of_pairs = match summed(of_pairs.collect(), Counts::plus) {
            Ok(of_pairs) => of_pairs,
            Err((_, key)) => return Ok(Err(Defect::uncountable(key.0, key.1))),
        };
        let mut days = BTreeSet::new();
        for ((occurred_at_us, key), change) in of_pairs {
            if change.is_zero() {
                continue;
            }
            let day = kazakhstan_day_number(occurred_at_us);
            days.insert(day);
            let pair = self.pair(key, day)?;
            pair.first_day = pair.first_day.min(day);
            let (pair_id, balance) = (pair.number, pair.balance.plus(change));
            pair.balance = balance.unwrap_or_default();
            let noted = self.sheets.note(pair_id, day, change)?;
            if balance.and(noted).is_none() {
                return Ok(Err(Defect::uncountable(key.0, key.1)));
            }
            self.pair_changes.push(PairChange {
                position,
                pair_id,
                occurred_at_us,
                is_late: recorded.recorded_at_us - occurred_at_us >= LATE_US,
                counts: change,
            });
        }
        for day in days {
            let pairs = self.next_ids()?.1 - 1;
            let known = &self.pairs;
            self.sheets
                .close(position, day, pairs, || all_balances(known, pairs))?;
        }
        Ok(Ok(()))
    }

    /// Writes what has changed since the last time.
    pub fn write(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::HOLDINGS)?;
        self.holdings.write(|key, holding, _| {
            let stock = &key.stock;
            let row = params![
                holding.id,
                stock.facility_id,
                stock.item_id,
                stock.batch_id,
                stock.owner_id,
                stock.serial_number,
                key.custodian_id,
                key.origin_id
            ];
            put.new_row(row).map(|()| true)
        })?;
        put.finish()?;
        self.blocks.write()?;
        self.write_changes()?;
        self.write_pairs()?;
        self.write_pair_changes()?;
        self.sheets.write()
    }

    fn write_changes(&mut self) -> Result<(), StoreError> {
        // In the order of their keys, so that pages are filled one after the other.
        self.changes
            .sort_unstable_by_key(|it| (it.holding_id, it.occurred_at_us, it.position));
        let mut put = Put::new(&self.connection, &table::CHANGES)?;
        for change in self.changes.drain(..) {
            let mut values =
                params![change.holding_id, change.occurred_at_us, change.position].to_vec();
            values.extend(counters(&change.counts));
            values.extend(params![change.held_here]);
            put.new_row(&values)?;
        }
        put.finish()
    }

    fn write_pairs(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::PAIRS)?;
        self.pairs
            .write(|(facility_id, item_id), pair, is_stored| {
                let mut values =
                    params![pair.number, facility_id, item_id, pair.first_day].to_vec();
                values.extend(counters(&pair.balance));
                put.known_row(is_stored, &values).map(|()| true)
            })?;
        put.finish()
    }

    fn write_pair_changes(&mut self) -> Result<(), StoreError> {
        // They come in the order of their positions, and those of an event are few.
        self.pair_changes
            .sort_by_key(|it| (it.position, it.pair_id));
        let mut put = Put::new(&self.connection, &table::PAIR_CHANGES)?;
        for change in self.pair_changes.drain(..) {
            let mut values = params![
                change.position,
                change.pair_id,
                change.occurred_at_us,
                change.is_late
            ]
            .to_vec();
            values.extend(counters(&change.counts));
            put.new_row(&values)?;
        }
        put.finish()
    }
}

/// From when on an event counts, in microseconds: a correction does from when what it changes did.
pub fn counted_from_us(recorded: &RecordedEvent, event: &Event) -> i64 {
    let occurred_at = recorded.occurred_at.as_ref();
    effective_at_us(event)
        .or_else(|| occurred_at.map(|at| at.time_us))
        .unwrap_or(recorded.recorded_at_us)
}

fn uncountable(key: &HoldingKey) -> Defect {
    Defect::uncountable(&key.stock.facility_id, &key.stock.item_id)
}

/// What is to be added for each key, in order of the keys; the key for which that can't be counted where there is one.
fn summed<K: Ord, V: Default>(
    mut all: Vec<(K, V)>,
    plus: impl Fn(V, V) -> Option<V>,
) -> Result<Vec<(K, V)>, K> {
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut sums: Vec<(K, V)> = Vec::with_capacity(all.len());
    for (key, value) in all {
        match sums.last_mut().filter(|(last, _)| *last == key) {
            Some((_, sum)) => match plus(std::mem::take(sum), value) {
                Some(more) => *sum = more,
                None => return Err(key),
            },
            None => sums.push((key, value)),
        }
    }
    Ok(sums)
}

/// How much there is of all pairs, in order of their numbers, if all of them are in memory.
fn all_balances(known: &Cache<(String, String), Pair>, pairs: i64) -> Option<Vec<(i64, Counts)>> {
    if i64::try_from(known.len()) != Ok(pairs) {
        return None;
    }
    let balances = known.values().map(|pair| (pair.number, pair.balance));
    let mut balances: Vec<_> = balances.collect();
    balances.sort_unstable_by_key(|(number, _)| *number);
    Some(balances)
}
