//! The stored folds: one row for each thing, the resource as protobuf bytes beside the columns that lists need.

use keruen_domain::{Boundary, Entry};
use keruen_proto::{
    requests::v1::{Request, RequestPriority, RequestState},
    shipments::v1::Shipment,
};
use prost::Message;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{failure::StoreError, tenure};

/// A folded thing and where its history begins.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The resource.
    pub entry: Entry,
    /// Position of its first event.
    pub created_position: u64,
    /// `keruen.log.v1.OccurredAt` of its first event, encoded. Stored only for requests.
    pub created_at: Vec<u8>,
}

/// Table, key column and, for assets, the second key column.
fn table(boundary: &Boundary) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match boundary {
        Boundary::Organisation(_) => ("organisations", "organisation_id", ""),
        Boundary::Facility(_) => ("facilities", "facility_id", ""),
        Boundary::Commodity(_) => ("commodities", "commodity_id", ""),
        Boundary::Item(_) => ("items", "item_id", ""),
        Boundary::Quality(_) => ("item_quality", "item_id", ""),
        Boundary::Donation(_) => ("donations", "donation_id", ""),
        Boundary::Batch(_) => ("batches", "batch_id", ""),
        Boundary::Asset(..) => ("assets", "item_id", "serial_number"),
        Boundary::Request(_) => ("requests", "request_id", ""),
        Boundary::Shipment(_) => ("shipments", "shipment_id", ""),
        Boundary::Pledge(_)
        | Boundary::Vehicle(_)
        | Boundary::Volunteer(_)
        | Boundary::Crew(_)
        | Boundary::MobileUnit(_)
        | Boundary::Model(..)
        | Boundary::Key(..)
        | Boundary::Stock(..)
        | Boundary::Since(..)
        | Boundary::EarmarkChanges
        | Boundary::KitsOfBatch(_)
        | Boundary::LotInKits(..)
        | Boundary::Fact(..)
        | Boundary::Count(_)
        | Boundary::Parcel(_)
        | Boundary::Goods(_) => return None,
    })
}

fn key(boundary: &Boundary) -> (&str, Option<&str>) {
    match boundary {
        Boundary::Organisation(id)
        | Boundary::Facility(id)
        | Boundary::MobileUnit(id)
        | Boundary::Commodity(id)
        | Boundary::Item(id)
        | Boundary::Vehicle(id)
        | Boundary::Volunteer(id)
        | Boundary::Crew(id)
        | Boundary::Quality(id)
        | Boundary::Donation(id)
        | Boundary::Pledge(id)
        | Boundary::Batch(id)
        | Boundary::KitsOfBatch(id)
        | Boundary::Count(id)
        | Boundary::Goods(id)
        | Boundary::Request(id)
        | Boundary::Parcel(id)
        | Boundary::Shipment(id) => (id.as_str(), None),
        Boundary::Asset(item_id, serial) => (item_id.as_str(), Some(serial.as_str())),
        Boundary::Model(manufacturer, model) => (manufacturer.as_str(), Some(model.as_str())),
        Boundary::Key(_, scheme, value) => (scheme.as_str(), Some(value.as_str())),
        Boundary::LotInKits(item_id, lot) => (item_id.as_str(), Some(lot.as_str())),
        Boundary::EarmarkChanges => ("", None),
        Boundary::Fact(command_id, index) => (command_id.as_str(), Some(index.as_str())),
        Boundary::Stock(facility_id, item_id) | Boundary::Since(facility_id, item_id, _) => {
            (facility_id.as_str(), Some(item_id.as_str()))
        }
    }
}

/// Reads what is stored of a thing; `None` where nothing is.
pub fn load(connection: &Connection, boundary: &Boundary) -> Result<Option<Folded>, StoreError> {
    let Some((table, first, second)) = table(boundary) else {
        return Ok(None);
    };
    let filed_at = if table == "requests" {
        "filed_at"
    } else {
        "NULL"
    };
    let and_second = if second.is_empty() {
        String::new()
    } else {
        format!(" AND {second} = ?2")
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT created_position, {filed_at}, resource FROM {table} WHERE {first} = ?1{and_second}"
    ))?;
    let (first, second) = key(boundary);
    let columns = |row: &rusqlite::Row<'_>| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, Option<Vec<u8>>>(1)?,
            row.get::<_, Vec<u8>>(2)?,
        ))
    };
    let row = match second {
        None => statement.query_row(params![first], columns),
        Some(second) => statement.query_row(params![first, second], columns),
    };
    let Some((created_position, created_at, resource)) = row.optional()? else {
        return Ok(None);
    };
    Ok(Some(Folded {
        entry: decode(boundary, &resource)?,
        created_position: created_position.cast_unsigned(),
        created_at: created_at.unwrap_or_default(),
    }))
}

fn decode(boundary: &Boundary, resource: &[u8]) -> Result<Entry, prost::DecodeError> {
    Ok(match Entry::empty(boundary) {
        Entry::Organisation(_) => Entry::Organisation(Message::decode(resource)?),
        Entry::Facility(_) => Entry::Facility(Message::decode(resource)?),
        Entry::MobileUnit(_) => Entry::MobileUnit(Message::decode(resource)?),
        Entry::Commodity(_) => Entry::Commodity(Message::decode(resource)?),
        Entry::Item(_) => Entry::Item(Message::decode(resource)?),
        Entry::Vehicle(_) => Entry::Vehicle(Message::decode(resource)?),
        Entry::Volunteer(_) => Entry::Volunteer(Message::decode(resource)?),
        Entry::Crew(_) => Entry::Crew(Message::decode(resource)?),
        Entry::Key(_) => Entry::Key(Message::decode(resource)?),
        Entry::Donation(_) => Entry::Donation(Message::decode(resource)?),
        Entry::Pledge(_) => Entry::Pledge(Message::decode(resource)?),
        Entry::Batch(_) => Entry::Batch(Message::decode(resource)?),
        Entry::Asset(_) => Entry::Asset(Message::decode(resource)?),
        Entry::Quality(_) => Entry::Quality(Message::decode(resource)?),
        // Stock has views of its own, and is stored nowhere as a whole.
        Entry::Stock(_, quality) => Entry::Stock(Message::decode(resource)?, quality),
        Entry::Since(_) => Entry::Since(Message::decode(resource)?),
        Entry::EarmarkChanges(_) => Entry::EarmarkChanges(Message::decode(resource)?),
        Entry::KitsOfBatch(_) => Entry::KitsOfBatch(Message::decode(resource)?),
        Entry::LotInKits(_) => Entry::LotInKits(Message::decode(resource)?),
        Entry::Count(_) => Entry::Count(Message::decode(resource)?),
        Entry::Goods(_) => Entry::Goods(Message::decode(resource)?),
        Entry::Fact(_) => Entry::Fact(Message::decode(resource)?),
        Entry::Request(_) => Entry::Request(Message::decode(resource)?),
        Entry::Shipment(_) => Entry::Shipment(Message::decode(resource)?),
        Entry::Parcel(_) => Entry::Parcel(Message::decode(resource)?),
    })
}

/// Whether the fold says that the thing exists.
pub fn exists(entry: &Entry) -> bool {
    let id = match entry {
        Entry::Organisation(it) => &it.organisation_id,
        Entry::Facility(it) => &it.facility_id,
        Entry::MobileUnit(it) => &it.facility_id,
        Entry::Commodity(it) => &it.commodity_id,
        Entry::Item(it) => &it.item_id,
        Entry::Vehicle(it) => &it.vehicle_id,
        Entry::Volunteer(it) => &it.volunteer_id,
        Entry::Crew(it) => &it.crew_id,
        Entry::Key(it) => &it.holder_id,
        Entry::Donation(it) => &it.donation_id,
        Entry::Pledge(it) => &it.donation_id,
        Entry::Batch(it) => &it.batch_id,
        Entry::Asset(it) => &it.serial_number,
        Entry::Quality(it) => &it.item_id,
        Entry::Stock(it, _) => &it.item_id,
        // It has no id, and is stored nowhere.
        Entry::Since(_)
        | Entry::EarmarkChanges(_)
        | Entry::KitsOfBatch(_)
        | Entry::LotInKits(_) => return false,
        Entry::Count(it) => &it.count_id,
        Entry::Goods(it) => &it.goods_id,
        Entry::Fact(it) => &it.event_id,
        Entry::Request(it) => &it.request_id,
        Entry::Shipment(it) => &it.shipment_id,
        Entry::Parcel(it) => &it.sscc,
    };
    !id.is_empty()
}

/// Writes a folded thing.
pub fn store(
    connection: &Connection,
    boundary: &Boundary,
    folded: &Folded,
) -> Result<(), StoreError> {
    let position = folded.created_position.cast_signed();
    let (id, _) = key(boundary);
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> Result<(), StoreError> {
        connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    };
    match &folded.entry {
        Entry::Organisation(it) => run(
            include_str!("sql/put_organisation.sql"),
            params![id, position, it.encode_to_vec()],
        ),
        Entry::Facility(it) => {
            run(
                include_str!("sql/put_facility.sql"),
                params![id, it.operator_id, position, it.encode_to_vec()],
            )?;
            tenure::store(connection, it)
        }
        Entry::Commodity(it) => run(
            include_str!("sql/put_commodity.sql"),
            params![id, position, it.encode_to_vec()],
        ),
        Entry::Item(it) => run(
            include_str!("sql/put_item.sql"),
            params![id, it.commodity_id, position, it.encode_to_vec()],
        ),
        Entry::Quality(it) => run(
            include_str!("sql/put_item_quality.sql"),
            params![id, position, it.encode_to_vec()],
        ),
        Entry::Donation(it) => run(
            include_str!("sql/put_donation.sql"),
            params![id, it.donor_id, position, it.encode_to_vec()],
        ),
        Entry::Batch(it) => run(
            include_str!("sql/put_batch.sql"),
            params![id, it.donation_id, it.item_id, position, it.encode_to_vec()],
        ),
        Entry::Asset(it) => run(
            include_str!("sql/put_asset.sql"),
            params![
                id,
                it.serial_number,
                it.batch_id,
                position,
                it.encode_to_vec(),
                it.facility_id,
                it.owner_id,
                it.place,
                it.condition,
                it.service_due_on,
                it.loan.as_ref().map_or("", |loan| &loan.due_on)
            ],
        ),
        Entry::Request(it) => store_request(connection, it, position, &folded.created_at),
        Entry::Shipment(it) => store_shipment(connection, it, position),
        // Stock has views of its own, a pledge stands with its donation; keys, vehicles, volunteers, crews, counts and what
        // moved since a position have
        // none.
        Entry::Stock(..)
        | Entry::MobileUnit(_)
        | Entry::Pledge(_)
        | Entry::Fact(_)
        | Entry::Key(_)
        | Entry::Vehicle(_)
        | Entry::Volunteer(_)
        | Entry::Crew(_)
        | Entry::Since(_)
        | Entry::EarmarkChanges(_)
        | Entry::KitsOfBatch(_)
        | Entry::LotInKits(_)
        | Entry::Count(_)
        | Entry::Parcel(_)
        | Entry::Goods(_) => Ok(()),
    }
}

fn store_request(
    connection: &Connection,
    request: &Request,
    position: i64,
    filed_at: &[u8],
) -> Result<(), StoreError> {
    let is_open = !matches!(
        request.state(),
        RequestState::Fulfilled | RequestState::Rejected
    );
    let urgency_rank = RequestPriority::Stat as i32 - request.priority + 1;
    connection
        .prepare_cached(include_str!("sql/put_request.sql"))?
        .execute(params![
            request.request_id,
            request.facility_id,
            request.state,
            is_open,
            urgency_rank,
            position,
            filed_at,
            request.encode_to_vec()
        ])?;
    Ok(())
}

fn store_shipment(
    connection: &Connection,
    shipment: &Shipment,
    position: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(include_str!("sql/put_shipment.sql"))?
        .execute(params![
            shipment.shipment_id,
            shipment.origin_id,
            shipment.destination_id,
            shipment.state,
            shipment.custodian_id,
            position,
            shipment.encode_to_vec()
        ])?;
    let mut link = connection.prepare_cached(
        "INSERT INTO request_shipments (request_id, shipment_id) VALUES (?1, ?2) \
         ON CONFLICT (request_id, shipment_id) DO NOTHING",
    )?;
    for line in shipment
        .lines
        .iter()
        .filter(|line| !line.request_id.is_empty())
    {
        link.execute(params![line.request_id, shipment.shipment_id])?;
    }
    Ok(())
}
