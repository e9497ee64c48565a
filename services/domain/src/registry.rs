//! The registry: organisations, facilities, commodities and items.

use keruen_proto::registry::v1::{Commodity, Facility, Item, Organisation};

/// Enters an organisation. Its fields have been parsed: codes, names and kinds are valid.
#[derive(Clone, Debug)]
pub struct RegisterOrganisation(pub Organisation);

/// Enters a facility. Its fields have been parsed: codes, names, dates and time zone are valid.
#[derive(Clone, Debug)]
pub struct RegisterFacility(pub Facility);

/// Enters a commodity. Its fields have been parsed.
#[derive(Clone, Debug)]
pub struct RegisterCommodity(pub Commodity);

/// Enters an item. Its fields have been parsed: codes, names, GTIN and storage range are valid.
#[derive(Clone, Debug)]
pub struct RegisterItem(pub Item);
