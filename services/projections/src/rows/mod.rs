//! Rows that events touch: read on first touch, changed in memory, written in bulk.

mod audit;
mod custody;
mod former;
mod places;
mod steps;
mod stock;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hash,
    rc::Rc,
};

use keruen_proto::reports::v1::AuditException;

pub use self::{
    custody::TakenOver,
    former::Told,
    places::{PlaceValue, Whereabouts},
};
use self::{
    former::Former,
    steps::{SerialStepRow, StepRow},
    stock::StockValue,
};
use crate::{
    chronicle::HoldingKey,
    counters::Counts,
    database::{Connection, Delete, Value},
    failure::StoreError,
    keys::{PlaceKey, StockKey},
    memory::{Cache, Extent, Stored},
    table,
    view::View,
};

/// The rows of stock and places, as they will be.
pub struct Rows {
    connection: Rc<Connection>,
    stock: Cache<StockKey, StockValue>,
    totals: Cache<(String, String), Counts>,
    places: Cache<PlaceKey, PlaceValue>,
    /// `None` where a unit never came.
    serials: Cache<(String, String), Option<Whereabouts>>,
    steps: Vec<StepRow>,
    serial_steps: Vec<SerialStepRow>,
    /// Batches, and batches of kits that hold units of them.
    kit_parts: BTreeSet<(String, String)>,
    exceptions: Vec<AuditException>,
    /// Requests and persons, and whether the person had a hand in approving the request.
    approvals: Cache<(String, String), bool>,
    /// What shipments carry now of what they carried or carry, as it is to be written.
    carried: BTreeMap<(String, HoldingKey), i64>,
    taken_over: Vec<TakenOver>,
    former: Former,
    has_totals: bool,
    /// Whether stock rows stay that are all 0.
    keeps_zeros: bool,
    stored: Stored,
}

impl Rows {
    /// As a view has stored them; `is_empty` where nothing is.
    pub fn new(connection: Rc<Connection>, view: &View, is_empty: bool) -> Self {
        Self {
            connection,
            stock: Cache::default(),
            totals: Cache::default(),
            places: Cache::default(),
            serials: Cache::default(),
            steps: Vec::new(),
            serial_steps: Vec::new(),
            kit_parts: BTreeSet::new(),
            exceptions: Vec::new(),
            approvals: Cache::default(),
            carried: BTreeMap::new(),
            taken_over: Vec::new(),
            former: Former::default(),
            has_totals: view.keeps(&table::STOCK_TOTALS),
            keeps_zeros: view.keeps(&table::CHANGES),
            stored: Stored::new(is_empty),
        }
    }

    /// How many rows are kept in memory.
    pub fn len(&self) -> usize {
        self.stock.len()
            + self.totals.len()
            + self.places.len()
            + self.serials.len()
            + self.steps.len()
            + self.serial_steps.len()
            + self.kit_parts.len()
            + self.exceptions.len()
            + self.approvals.len()
            + self.carried.len()
            + self.taken_over.len()
            + self.former.len()
    }

    /// Forgets rows that have been written: they are read again on their next touch.
    pub fn forget(&mut self, extent: Extent) {
        let stored = &mut self.stored;
        stored.forget_rows(table::STOCK.name, &mut self.stock, extent);
        stored.forget_rows(table::STOCK_TOTALS.name, &mut self.totals, extent);
        stored.forget_rows(table::PLACES.name, &mut self.places, extent);
        stored.forget_rows(table::APPROVALS.name, &mut self.approvals, extent);
        // Whoever sets where a unit is does not read it.
        self.serials.clear();
    }

    /// Writes what has changed since the last time.
    pub fn write(&mut self, view: &View) -> Result<(), StoreError> {
        self.write_stock()?;
        if view.keeps(&table::STOCK_TOTALS) {
            self.write_totals()?;
        }
        if view.keeps(&table::PLACES) {
            self.write_places()?;
            self.write_serials()?;
        }
        if view.keeps(&table::CARRIED) {
            self.write_carried()?;
        }
        self.write_taken_over()?;
        if view.keeps(&table::OPERATORS) {
            self.write_former()?;
        }
        if view.keeps(&table::STEPS) {
            self.write_kit_parts()?;
            self.write_steps()?;
        }
        if view.keeps(&table::EXCEPTIONS) {
            self.write_exceptions()?;
        }
        Ok(())
    }
}

/// Deletes a row that is stored; afterwards it no longer is.
fn delete_if(
    is_stored: bool,
    delete: &mut Delete<'_>,
    keys: &[Value<'_>],
) -> Result<bool, StoreError> {
    if is_stored {
        delete.row(keys)?;
    }
    Ok(false)
}

/// Keeps what is stored, so that it is not read again.
fn remember<K: Hash + Ord, V: Clone + Default>(
    cache: &mut Cache<K, V>,
    key: K,
    stored: Option<V>,
) -> V {
    let is_stored = stored.is_some();
    let value = stored.unwrap_or_default();
    cache.remember(key, value, is_stored).clone()
}
