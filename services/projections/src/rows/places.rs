//! Rows of where the units of a batch are, and each unit of an asset.

use super::{Rows, delete_if, remember};
use crate::{
    database::{Delete, Put, params},
    failure::StoreError,
    keys::{PlaceKey, PlaceRef, TwoRef},
    memory::KeyRef as _,
    table,
};

/// What is at a place.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlaceValue {
    /// Base units.
    pub quantity: i64,
    /// Position of the event that changed it last.
    pub since_position: u64,
}

/// Where a unit of an asset is.
#[derive(Clone, Debug)]
pub struct Whereabouts {
    /// The place.
    pub place: PlaceKey,
    /// Position of the event that brought it there.
    pub since_position: u64,
}

impl Rows {
    /// What is at a place.
    pub fn place_row(&mut self, key: PlaceRef<'_>) -> Result<PlaceValue, StoreError> {
        if let Some(value) = self.places.get(&key) {
            return Ok(*value);
        }
        if !self.stored.may_have(table::PLACES.name, &key) {
            return Ok(PlaceValue::default());
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT quantity, since_position FROM places \
             WHERE batch_id = ?1 AND owner_id = ?2 AND facility_id = ?3 AND status = ?4 AND shipment_id = ?5",
        )?;
        let values = params![
            key.batch_id,
            key.owner_id,
            key.facility_id,
            key.status,
            key.shipment_id
        ];
        let stored = statement.query_row(values, |row| {
            Ok(PlaceValue {
                quantity: row.get(0)?,
                since_position: row.get::<i64>(1)?.cast_unsigned(),
            })
        })?;
        Ok(remember(&mut self.places, key.to_key(), stored))
    }

    /// Sets what is at a place.
    pub fn set_place(&mut self, key: PlaceRef<'_>, value: PlaceValue) {
        self.places.set(&key, value);
    }

    /// Sets where a unit of an asset is.
    pub fn set_serial(&mut self, item_id: &str, serial_number: &str, whereabouts: Whereabouts) {
        self.serials
            .set(&TwoRef(item_id, serial_number), Some(whereabouts));
    }

    /// Forgets where a unit of an asset is: it never came.
    pub fn remove_serial(&mut self, item_id: &str, serial_number: &str) {
        self.serials.set(&TwoRef(item_id, serial_number), None);
    }

    pub(super) fn write_places(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::PLACES)?;
        let mut delete = Delete::new(&self.connection, &table::PLACES)?;
        self.places.write(|key, value, is_stored| {
            let keys = params![
                key.batch_id,
                key.owner_id,
                key.facility_id,
                key.status,
                key.shipment_id
            ];
            if value.quantity == 0 {
                return delete_if(is_stored, &mut delete, keys);
            }
            let mut values = keys.to_vec();
            let since_position = value.since_position.cast_signed();
            values.extend(params![value.quantity, since_position]);
            put.known_row(is_stored, &values).map(|()| true)
        })?;
        put.finish()?;
        delete.finish()
    }

    pub(super) fn write_serials(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::SERIALS)?;
        let mut delete = Delete::new(&self.connection, &table::SERIALS)?;
        self.serials.write(|(item_id, serial_number), value, _| {
            let keys = params![item_id, serial_number];
            let Some(it) = value else {
                // Whoever sets it has not read it, so it may be stored.
                return delete_if(true, &mut delete, keys);
            };
            let mut values = keys.to_vec();
            let since_position = it.since_position.cast_signed();
            values.extend(params![
                it.place.batch_id,
                it.place.owner_id,
                it.place.facility_id,
                it.place.status,
                it.place.shipment_id,
                since_position
            ]);
            put.row(&values).map(|()| true)
        })?;
        put.finish()?;
        delete.finish()
    }
}
