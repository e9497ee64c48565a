//! What the registry says of the things that stand in the rows, and whether there are such things at all.

use std::collections::HashMap;

use chrono::NaiveDate;
use keruen_domain::{
    Rejection, code::UNATTRIBUTED, quality::recall_of, region, registry::verification_on,
};
use keruen_proto::{
    inventory::v1::{ItemQuality, LotRecall},
    registry::v1::{Facility, Item, LocalizedText, Organisation, Verification},
};
use prost::Message;

use crate::{
    database::{Connection, params},
    failure::StoreError,
    refusal::Refusal,
};

fn resource<M: Message + Default>(
    connection: &Connection,
    sql: &str,
    id: &str,
) -> Result<Option<M>, StoreError> {
    let bytes: Option<Vec<u8>> = connection
        .prepare_cached(sql)?
        .query_row(params![id], |row| row.get(0))?;
    Ok(bytes.map(|bytes| M::decode(bytes.as_slice())).transpose()?)
}

/// The name of an organisation.
pub fn organisation(
    connection: &Connection,
    id: &str,
) -> Result<Option<LocalizedText>, StoreError> {
    let sql = "SELECT resource FROM organisations WHERE organisation_id = ?1";
    Ok(resource::<Organisation>(connection, sql, id)?.and_then(|organisation| organisation.name))
}

/// The name of an organisation, and its verification that counts on a day, ISO 8601.
pub fn verified_organisation(
    connection: &Connection,
    id: &str,
    today: &str,
) -> Result<(Option<LocalizedText>, Option<Verification>), StoreError> {
    let sql = "SELECT resource FROM organisations WHERE organisation_id = ?1";
    let Some(organisation) = resource::<Organisation>(connection, sql, id)? else {
        return Ok((None, None));
    };
    let today: Option<NaiveDate> = today.parse().ok();
    let counts = today.and_then(|today| verification_on(&organisation, today).cloned());
    Ok((organisation.name, counts))
}

/// The name of an item.
pub fn item(connection: &Connection, id: &str) -> Result<Option<LocalizedText>, StoreError> {
    let sql = "SELECT resource FROM items WHERE item_id = ?1";
    Ok(resource::<Item>(connection, sql, id)?.and_then(|item| item.name))
}

/// The recall of a lot of an item, if there is one.
pub fn recall(
    connection: &Connection,
    item_id: &str,
    lot: &str,
) -> Result<Option<LotRecall>, StoreError> {
    let sql = "SELECT resource FROM item_quality WHERE item_id = ?1";
    let quality = resource::<ItemQuality>(connection, sql, item_id)?;
    Ok(quality.and_then(|quality| recall_of(&quality, lot).cloned()))
}

/// A facility's name and its region on a day.
#[derive(Clone, Debug, Default)]
pub struct FacilityName {
    /// Its name.
    pub name: Option<LocalizedText>,
    /// `FacilityKind`.
    pub kind: i32,
    /// ISO 3166-2; empty where unknown.
    pub region_id: String,
}

/// Facilities that one answer names, each read once.
pub struct Facilities<'c> {
    connection: &'c Connection,
    today: String,
    known: HashMap<String, FacilityName>,
}

impl<'c> Facilities<'c> {
    /// With their regions on a day, ISO 8601.
    pub fn new(connection: &'c Connection, today: &str) -> Self {
        Self {
            connection,
            today: today.to_owned(),
            known: HashMap::new(),
        }
    }

    /// What is known of a facility.
    pub fn get(&mut self, id: &str) -> Result<FacilityName, StoreError> {
        if let Some(known) = self.known.get(id) {
            return Ok(known.clone());
        }
        let sql = "SELECT resource FROM facilities WHERE facility_id = ?1";
        let facility = resource::<Facility>(self.connection, sql, id)?.unwrap_or_default();
        let region_id: Option<String> = self
            .connection
            .prepare_cached(
                "SELECT region_id FROM facility_regions WHERE facility_id = ?1 AND valid_from <= ?2 AND valid_to > ?2",
            )?
            .query_row(params![id, self.today], |row| row.get(0))?;
        let found = FacilityName {
            kind: facility.kind,
            name: facility.name,
            region_id: region_id.unwrap_or_default(),
        };
        self.known.insert(id.to_owned(), found.clone());
        Ok(found)
    }
}

fn exists(connection: &Connection, sql: &str, id: &str) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached(sql)?
        .query_row(params![id], |_| Ok(()))?
        .is_some())
}

/// Refuses a filter that names a region that never was.
pub fn known_region(id: Option<&str>) -> Result<(), Refusal> {
    match id {
        Some(id) if region::find(id).is_none() => Err(Rejection::UnknownRegion {
            region_id: id.to_owned(),
        }
        .into()),
        _ => Ok(()),
    }
}

macro_rules! known {
    ($($(#[$doc:meta])* $name:ident, $table:literal, $column:literal, $rejection:ident { $field:ident };)*) => {$(
        $(#[$doc])*
        pub fn $name(connection: &Connection, id: Option<&str>) -> Result<(), Refusal> {
            let sql = concat!("SELECT 1 FROM ", $table, " WHERE ", $column, " = ?1");
            match id {
                Some(id) if !exists(connection, sql, id)? => {
                    Err(Rejection::$rejection { $field: id.to_owned() }.into())
                }
                _ => Ok(()),
            }
        }
    )*};
}

known! {
    /// Refuses a filter that names a facility that nobody registered.
    known_facility, "facilities", "facility_id", UnknownFacility { facility_id };
    /// Refuses a filter that names a commodity that nobody registered.
    known_commodity, "commodities", "commodity_id", UnknownCommodity { commodity_id };
    /// Refuses a filter that names an item that nobody registered.
    known_item, "items", "item_id", UnknownItem { item_id };
    /// Refuses a filter that names a donation that nobody pledged.
    known_donation, "donations", "donation_id", UnknownDonation { donation_id };
    /// Refuses a filter that names a batch that nobody received.
    known_batch, "batches", "batch_id", UnknownBatch { batch_id };
    /// Refuses a filter that names an organisation that nobody registered.
    known_organisation, "organisations", "organisation_id", UnknownOrganisation { organisation_id };
    /// Refuses a filter that names a trip that nobody planned.
    known_trip, "trips", "trip_id", UnknownTrip { trip_id };
}

/// Refuses a filter that names an owner that nobody registered. Goods that nobody can attribute have an owner too.
pub fn known_owner(connection: &Connection, id: Option<&str>) -> Result<(), Refusal> {
    known_organisation(connection, id.filter(|id| *id != UNATTRIBUTED))
}
