//! Rows of who has what in hand: what shipments carry, and who took over the stock of a facility.

use std::collections::BTreeMap;

use super::Rows;
use crate::{
    chronicle::{Carried, HoldingKey},
    database::{Delete, Put, params},
    failure::StoreError,
    table,
};

/// Somebody took over the stock of a facility.
#[derive(Clone, Debug)]
pub struct TakenOver {
    /// Of which facility.
    pub facility_id: String,
    /// Position of the event.
    pub position: u64,
    /// When.
    pub occurred_at_us: i64,
    /// Who.
    pub organisation_id: String,
}

impl Rows {
    /// Sets what a shipment carries, in place of what it carried before.
    pub fn set_carried(&mut self, shipment_id: &str, before: Carried, after: Carried) {
        let gone = before.into_iter().map(|(key, _)| (key, 0));
        let mut sums: BTreeMap<HoldingKey, i64> = gone.collect();
        for (key, quantity) in after {
            let sum = sums.entry(key).or_default();
            // Bounded by the counters of stock, which are checked.
            *sum = sum.saturating_add(quantity);
        }
        let sums = sums.into_iter();
        self.carried
            .extend(sums.map(|(key, sum)| ((shipment_id.to_owned(), key), sum)));
    }

    /// Adds that somebody took over the stock of a facility.
    pub fn add_taken_over(&mut self, taken_over: TakenOver) {
        self.taken_over.push(taken_over);
    }

    pub(super) fn write_carried(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::CARRIED)?;
        let mut delete = Delete::new(&self.connection, &table::CARRIED)?;
        for ((shipment_id, key), quantity) in std::mem::take(&mut self.carried) {
            let stock = &key.stock;
            let keys = params![
                shipment_id,
                stock.facility_id,
                stock.item_id,
                stock.batch_id,
                stock.owner_id,
                stock.serial_number,
                key.custodian_id,
                key.origin_id
            ];
            if quantity == 0 {
                delete.row(keys)?;
                continue;
            }
            let mut values = keys.to_vec();
            values.extend(params![quantity]);
            put.row(&values)?;
        }
        put.finish()?;
        delete.finish()
    }

    pub(super) fn write_taken_over(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::KEEPERS)?;
        for taken_over in self.taken_over.drain(..) {
            put.row(params![
                taken_over.facility_id,
                taken_over.position.cast_signed(),
                taken_over.occurred_at_us,
                taken_over.organisation_id
            ])?;
        }
        put.finish()
    }
}
