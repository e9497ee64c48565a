//! Stock over time: what each event changed, of which holding and of which facility and item.

use std::{collections::BTreeSet, rc::Rc};

use keruen_domain::{calendar::kazakhstan_day_number, correction::effective_at_us};
use keruen_proto::{Event, log::v1::RecordedEvent, shipments::v1::Shipment};

use crate::{
    counters::{COLUMNS, Counts, counters, counts},
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
    holdings: Cache<HoldingKey, i64>,
    pairs: Cache<(String, String), Pair>,
    next_ids: Option<(i64, i64)>,
    changes: Vec<Change>,
    pair_changes: Vec<PairChange>,
    sheets: Sheets,
    /// Of the event that is being taken in, one by one.
    of_event: Vec<(HoldingKey, Counts)>,
}

impl Chronicle {
    /// As stored; `is_empty` where nothing is.
    pub fn new(connection: Rc<Connection>, is_empty: bool) -> Self {
        Self {
            sheets: Sheets::new(connection.clone()),
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
            + self.changes.len()
            + self.pair_changes.len()
            + self.sheets.len()
    }

    /// Forgets what has been written.
    pub fn forget(&mut self, extent: Extent) {
        let stored = &mut self.stored;
        stored.forget_rows(table::HOLDINGS.name, &mut self.holdings, extent);
        stored.forget_rows(table::PAIRS.name, &mut self.pairs, extent);
    }

    /// Notes what an event changes of what is at a facility. What is on its way is told by shipments.
    pub fn at_rest(&mut self, key: StockRef<'_>, change: Counts) {
        let change = Counts {
            in_transit: 0,
            in_transit_out: 0,
            ..change
        };
        if !change.is_zero() {
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
                let change = Counts {
                    in_transit: sign * quantity,
                    in_transit_out: sign * quantity,
                    ..Counts::default()
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
        if self.of_event.is_empty() {
            return Ok(Ok(()));
        }
        let position = recorded.position.cast_signed();
        let happened_us = recorded
            .occurred_at
            .as_ref()
            .map_or(recorded.recorded_at_us, |at| at.time_us);
        let occurred_at_us = effective_at_us(event).unwrap_or(happened_us);
        let is_late = recorded.recorded_at_us - occurred_at_us >= LATE_US;
        let of_event = match summed(std::mem::take(&mut self.of_event)) {
            Ok(of_event) => of_event,
            Err(key) => {
                return Ok(Err(Defect::uncountable(
                    &key.stock.facility_id,
                    &key.stock.item_id,
                )));
            }
        };
        for (key, counts) in &of_event {
            let holding_id = self.holding(key)?;
            self.changes.push(Change {
                holding_id,
                occurred_at_us,
                position,
                counts: *counts,
            });
        }
        let of_pairs = of_event.iter().flat_map(|(key, counts)| {
            let item_id = &key.stock.item_id;
            let both = key.at_facilities(*counts);
            both.map(move |(facility_id, counts)| (TwoRef(facility_id, item_id), counts))
        });
        let of_pairs = match summed(of_pairs.collect()) {
            Ok(of_pairs) => of_pairs,
            Err(TwoRef(facility_id, item_id)) => {
                return Ok(Err(Defect::uncountable(facility_id, item_id)));
            }
        };
        let day = kazakhstan_day_number(occurred_at_us);
        let is_changed = !of_pairs.is_empty();
        for (key, change) in of_pairs {
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
                is_late,
                counts: change,
            });
        }
        if is_changed {
            let pairs = self.next_ids()?.1 - 1;
            let known = &self.pairs;
            self.sheets
                .close(position, day, pairs, || all_balances(known, pairs))?;
        }
        Ok(Ok(()))
    }

    /// The number of a holding.
    fn holding(&mut self, key: &HoldingKey) -> Result<i64, StoreError> {
        if let Some(id) = self.holdings.touch(key) {
            return Ok(*id);
        }
        if self.stored.may_have(table::HOLDINGS.name, key)
            && let Some(id) = self.load_holding(key)?
        {
            self.holdings.remember(key.clone(), id, true);
            return Ok(id);
        }
        let (id, pair) = self.next_ids()?;
        self.next_ids = Some((id + 1, pair));
        self.holdings.set(key, id);
        Ok(id)
    }

    fn load_holding(&self, key: &HoldingKey) -> Result<Option<i64>, StoreError> {
        let stock = &key.stock;
        self.connection
            .prepare_cached(
                "SELECT holding_id FROM holdings WHERE facility_id = ?1 AND item_id = ?2 AND batch_id = ?3 \
                 AND owner_id = ?4 AND custodian_id = ?5 AND origin_id = ?6 AND serial_number = ?7",
            )?
            .query_row(
                params![
                    stock.facility_id,
                    stock.item_id,
                    stock.batch_id,
                    stock.owner_id,
                    key.custodian_id,
                    key.origin_id,
                    stock.serial_number
                ],
                |row| row.get(0),
            )
    }

    /// A pair, to be changed; a new one has its first day now.
    fn pair(&mut self, key: TwoRef<'_>, day: i64) -> Result<&mut Pair, StoreError> {
        if self.pairs.get(&key).is_none() {
            let stored = if self.stored.may_have(table::PAIRS.name, &key) {
                self.load_pair(key)?
            } else {
                None
            };
            let is_stored = stored.is_some();
            let pair = match stored {
                Some(pair) => pair,
                None => self.new_pair(day)?,
            };
            self.pairs.remember(key.to_key(), pair, is_stored);
        }
        let pair = self.pairs.change(&key);
        pair.ok_or_else(|| StoreError::Damaged("a pair is missing".to_owned()))
    }

    fn new_pair(&mut self, first_day: i64) -> Result<Pair, StoreError> {
        let (holding, number) = self.next_ids()?;
        self.next_ids = Some((holding, number + 1));
        Ok(Pair {
            number,
            first_day,
            balance: Counts::default(),
        })
    }

    fn load_pair(&self, key: TwoRef<'_>) -> Result<Option<Pair>, StoreError> {
        self.connection
            .prepare_cached(&format!(
                "SELECT pair_id, first_day, {COLUMNS} FROM pairs WHERE facility_id = ?1 AND item_id = ?2"
            ))?
            .query_row(params![key.0, key.1], |row| {
                Ok(Pair {
                    number: row.get(0)?,
                    first_day: row.get(1)?,
                    balance: counts(row, 2)?,
                })
            })
    }

    /// The next numbers of a holding and of a pair.
    fn next_ids(&mut self) -> Result<(i64, i64), StoreError> {
        if let Some(next) = self.next_ids {
            return Ok(next);
        }
        let max = |sql: &str| -> Result<i64, StoreError> {
            let found = self
                .connection
                .prepare_cached(sql)?
                .query_row(&[], |row| row.get::<i64>(0))?;
            Ok(found.unwrap_or(0) + 1)
        };
        let next = (
            max("SELECT COALESCE(MAX(holding_id), 0) FROM holdings")?,
            max("SELECT COALESCE(MAX(pair_id), 0) FROM pairs")?,
        );
        self.next_ids = Some(next);
        Ok(next)
    }

    /// Writes what has changed since the last time.
    pub fn write(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::HOLDINGS)?;
        self.holdings.write(|key, id, _| {
            let stock = &key.stock;
            let row = params![
                *id,
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

/// What is to be added for each key, in order of the keys; the key for which that can't be counted where there is one.
/// What adds up to nothing is left out.
fn summed<K: Ord>(mut all: Vec<(K, Counts)>) -> Result<Vec<(K, Counts)>, K> {
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut sums: Vec<(K, Counts)> = Vec::with_capacity(all.len());
    for (key, counts) in all {
        match sums.last_mut().filter(|(last, _)| *last == key) {
            Some((_, sum)) => match sum.plus(counts) {
                Some(more) => *sum = more,
                None => return Err(key),
            },
            None => sums.push((key, counts)),
        }
    }
    sums.retain(|(_, counts)| !counts.is_zero());
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

/// What a shipment carries that is on its way or missing, and in whose hands.
pub type Carried = Vec<(HoldingKey, i64)>;

/// See [`Carried`]. Of what is missing it is in the hands of whoever answers for it. Units of an asset stand one by one.
pub fn carried(shipment: &Shipment) -> Carried {
    let mut carried = Carried::new();
    for lot in &shipment.lots {
        let units = lot.shipment_units.as_ref().and_then(|it| it.units.as_ref());
        let Some(units) = units else {
            continue;
        };
        let mut add = |custodian_id: &str, serial_number: &str, quantity: i64| {
            let key = HoldingKey {
                stock: StockKey {
                    facility_id: shipment.destination_id.clone(),
                    item_id: units.item_id.clone(),
                    batch_id: units.batch_id.clone(),
                    owner_id: units.owner_id.clone(),
                    serial_number: serial_number.to_owned(),
                },
                origin_id: shipment.origin_id.clone(),
                custodian_id: custodian_id.to_owned(),
            };
            if quantity != 0 {
                carried.push((key, quantity));
            }
        };
        let mut of_custodian = lot.in_transit.saturating_add(lot.missing);
        let mut missing: BTreeSet<&str> = BTreeSet::new();
        for share in &lot.missing_by_liable {
            let mut unnamed = share.quantity;
            for serial_number in &share.serial_numbers {
                add(&share.liable_id, serial_number, 1);
                unnamed -= 1;
            }
            add(&share.liable_id, "", unnamed);
            missing.extend(share.serial_numbers.iter().map(String::as_str));
            of_custodian = of_custodian.saturating_sub(share.quantity);
        }
        let numbers = lot.serial_numbers_in_transit.iter().map(String::as_str);
        for serial_number in numbers.filter(|it| !missing.contains(it)) {
            add(&shipment.custodian_id, serial_number, 1);
            of_custodian -= 1;
        }
        add(&shipment.custodian_id, "", of_custodian);
    }
    carried
}
