//! The keys of rows, and what they are made of: rows in memory are looked for without making a key.

use hashbrown::Equivalent;

use crate::memory::KeyRef;

/// Names a stock row. In this order the rows of an item stand together, and among them those of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StockKey {
    /// Of what.
    pub item_id: String,
    /// Of which batch.
    pub batch_id: String,
    /// Where.
    pub facility_id: String,
    /// Whose.
    pub owner_id: String,
    /// Which unit of an asset; empty where units are not told apart.
    pub serial_number: String,
}

/// What a [`StockKey`] is made of.
#[derive(Clone, Copy, Debug, Hash)]
pub struct StockRef<'k> {
    /// Of what.
    pub item_id: &'k str,
    /// Of which batch.
    pub batch_id: &'k str,
    /// Where.
    pub facility_id: &'k str,
    /// Whose.
    pub owner_id: &'k str,
    /// Which unit of an asset; empty where units are not told apart.
    pub serial_number: &'k str,
}

impl Equivalent<StockKey> for StockRef<'_> {
    fn equivalent(&self, key: &StockKey) -> bool {
        self.batch_id == key.batch_id
            && self.facility_id == key.facility_id
            && self.owner_id == key.owner_id
            && self.item_id == key.item_id
            && self.serial_number == key.serial_number
    }
}

impl KeyRef<StockKey> for StockRef<'_> {
    fn to_key(&self) -> StockKey {
        StockKey {
            item_id: self.item_id.to_owned(),
            batch_id: self.batch_id.to_owned(),
            facility_id: self.facility_id.to_owned(),
            owner_id: self.owner_id.to_owned(),
            serial_number: self.serial_number.to_owned(),
        }
    }
}

impl StockKey {
    /// What it is made of.
    pub fn as_ref(&self) -> StockRef<'_> {
        StockRef {
            item_id: &self.item_id,
            batch_id: &self.batch_id,
            facility_id: &self.facility_id,
            owner_id: &self.owner_id,
            serial_number: &self.serial_number,
        }
    }
}

/// A key of two parts, by what it is made of.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct TwoRef<'k>(pub &'k str, pub &'k str);

impl Equivalent<(String, String)> for TwoRef<'_> {
    fn equivalent(&self, key: &(String, String)) -> bool {
        self.0 == key.0 && self.1 == key.1
    }
}

impl KeyRef<(String, String)> for TwoRef<'_> {
    fn to_key(&self) -> (String, String) {
        (self.0.to_owned(), self.1.to_owned())
    }
}

/// Names a place of units of one batch and one owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceKey {
    /// Of which batch.
    pub batch_id: String,
    /// Whose.
    pub owner_id: String,
    /// Where, or to where.
    pub facility_id: String,
    /// `TraceStatus`.
    pub status: i32,
    /// In which shipment; empty where none.
    pub shipment_id: String,
}

/// What a [`PlaceKey`] is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaceRef<'k> {
    /// Of which batch.
    pub batch_id: &'k str,
    /// Whose.
    pub owner_id: &'k str,
    /// Where, or to where.
    pub facility_id: &'k str,
    /// `TraceStatus`.
    pub status: i32,
    /// In which shipment; empty where none.
    pub shipment_id: &'k str,
}

impl Equivalent<PlaceKey> for PlaceRef<'_> {
    fn equivalent(&self, key: &PlaceKey) -> bool {
        self.batch_id == key.batch_id
            && self.status == key.status
            && self.facility_id == key.facility_id
            && self.shipment_id == key.shipment_id
            && self.owner_id == key.owner_id
    }
}

impl KeyRef<PlaceKey> for PlaceRef<'_> {
    fn to_key(&self) -> PlaceKey {
        PlaceKey {
            batch_id: self.batch_id.to_owned(),
            owner_id: self.owner_id.to_owned(),
            facility_id: self.facility_id.to_owned(),
            status: self.status,
            shipment_id: self.shipment_id.to_owned(),
        }
    }
}
