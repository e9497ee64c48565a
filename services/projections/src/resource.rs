//! The stored folds: one row for each thing, the resource as protobuf bytes beside the columns that lists need.

use std::collections::BTreeSet;

use keruen_domain::{Boundary, Entry, request};
use keruen_proto::{
    log::v1::OccurredAt,
    requests::v1::{Plan, Request, RequestPriority},
    shipments::v1::Shipment,
};

use prost::Message as _;

use crate::{
    database::{Connection, Put, Value, params},
    failure::StoreError,
    filter::listed,
    inbox::{is_unconfirmed, waits_until},
    table::{self, Table},
    tenure,
    view::View,
};

/// A folded thing and where its history begins.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The resource.
    pub entry: Entry,
    /// Position of its first event.
    pub created_position: u64,
    /// `keruen.log.v1.OccurredAt` of its first event, encoded. Stored only for requests.
    pub created_at: Vec<u8>,
    /// How long the resource is as it is stored; 0 where it has not been yet.
    pub encoded_bytes: usize,
}

/// The table of a thing; `None` where it has none.
pub fn table_of(boundary: &Boundary) -> Option<&'static Table> {
    Some(match boundary {
        Boundary::Organisation(_) => &table::ORGANISATIONS,
        Boundary::Facility(_) => &table::FACILITIES,
        Boundary::Commodity(_) => &table::COMMODITIES,
        Boundary::Item(_) => &table::ITEMS,
        Boundary::Quality(_) => &table::ITEM_QUALITY,
        Boundary::Donation(_) => &table::DONATIONS,
        Boundary::Batch(_) => &table::BATCHES,
        Boundary::Asset(..) => &table::ASSETS,
        Boundary::Request(_) => &table::REQUESTS,
        Boundary::Shipment(_) => &table::SHIPMENTS,
        Boundary::Emergency(_) => &table::EMERGENCIES,
        Boundary::Trip(_) => &table::TRIPS,
        Boundary::Plan(_) => &table::PLANS,
        Boundary::Count(_) => &table::STOCK_COUNTS,
        Boundary::Goods(_) => &table::GOODS,
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
        | Boundary::Emergencies
        | Boundary::Parcel(_)
        | Boundary::Agreements(_)
        | Boundary::Keeper(_)
        | Boundary::VehicleTrips(_)
        | Boundary::CrewTrips(_)
        | Boundary::DutyRoster(_) => return None,
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
        | Boundary::DutyRoster(id)
        | Boundary::Emergency(id)
        | Boundary::Plan(id)
        | Boundary::Request(id)
        | Boundary::Parcel(id)
        | Boundary::Agreements(id)
        | Boundary::Keeper(id)
        | Boundary::Trip(id)
        | Boundary::VehicleTrips(id)
        | Boundary::CrewTrips(id)
        | Boundary::Shipment(id) => (id.as_str(), None),
        Boundary::Asset(item_id, serial) => (item_id.as_str(), Some(serial.as_str())),
        Boundary::Model(manufacturer, model) => (manufacturer.as_str(), Some(model.as_str())),
        Boundary::Key(_, scheme, value) => (scheme.as_str(), Some(value.as_str())),
        Boundary::LotInKits(item_id, lot) => (item_id.as_str(), Some(lot.as_str())),
        Boundary::EarmarkChanges | Boundary::Emergencies => ("", None),
        Boundary::Fact(command_id, index) => (command_id.as_str(), Some(index.as_str())),
        Boundary::Stock(facility_id, item_id) | Boundary::Since(facility_id, item_id, _) => {
            (facility_id.as_str(), Some(item_id.as_str()))
        }
    }
}

/// Reads what is stored of a thing; `None` where nothing is.
pub fn load(connection: &Connection, boundary: &Boundary) -> Result<Option<Folded>, StoreError> {
    let Some(table) = table_of(boundary) else {
        return Ok(None);
    };
    let filed_at = if table.name == table::REQUESTS.name {
        ", filed_at"
    } else {
        ""
    };
    let keys: Vec<_> = table
        .keys
        .iter()
        .zip(1..)
        .map(|(key, number)| format!("{key} = ?{number}"))
        .collect();
    let mut statement = connection.prepare_cached(&format!(
        "SELECT created_position, resource{filed_at} FROM {} WHERE {}",
        table.name,
        keys.join(" AND ")
    ))?;
    let (first, second) = key(boundary);
    let keys: Vec<Value<'_>> = [Some(first), second]
        .into_iter()
        .flatten()
        .map(Value::Text)
        .collect();
    let row = statement.query_row(&keys, |row| {
        let created_at = if filed_at.is_empty() {
            Vec::new()
        } else {
            row.get(2)?
        };
        Ok((row.get::<i64>(0)?, created_at, row.get::<Vec<u8>>(1)?))
    });
    let Some((created_position, created_at, resource)) = row? else {
        return Ok(None);
    };
    Ok(Some(Folded {
        entry: Entry::decode(boundary, &resource)?,
        created_position: created_position.cast_unsigned(),
        created_at,
        encoded_bytes: resource.len(),
    }))
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
        | Entry::Emergencies(_)
        | Entry::Bookings(_)
        | Entry::KitsOfBatch(_)
        | Entry::LotInKits(_) => return false,
        Entry::Count(it) => &it.count_id,
        Entry::Goods(it) => &it.goods_id,
        Entry::Fact(it) => &it.event_id,
        Entry::DutyRoster(it) => &it.region_id,
        Entry::Emergency(it) => &it.emergency_id,
        Entry::Plan(it) => &it.plan_id,
        Entry::Request(it) => &it.request_id,
        Entry::Shipment(it) => &it.shipment_id,
        Entry::Parcel(it) => &it.sscc,
        Entry::Agreements(it) => &it.organisation_id,
        Entry::Keeper(it) => &it.facility_id,
        Entry::Trip(it) => &it.trip_id,
    };
    !id.is_empty()
}

/// Writes folded things; those of one table at a time.
pub struct Writer<'c> {
    connection: &'c Connection,
    put: Option<(&'static Table, Put<'c>)>,
    /// Whether there may be a row of the thing that is being written.
    may_be_stored: bool,
    links: Option<Put<'c>>,
}

impl<'c> Writer<'c> {
    /// To the tables of a view.
    pub fn new(connection: &'c Connection, view: &View) -> Result<Self, StoreError> {
        let links = view
            .keeps(&table::REQUEST_SHIPMENTS)
            .then(|| Put::new(connection, &table::REQUEST_SHIPMENTS));
        Ok(Self {
            connection,
            put: None,
            may_be_stored: true,
            links: links.transpose()?,
        })
    }

    fn row(&mut self, table: &'static Table, values: &[Value<'_>]) -> Result<(), StoreError> {
        let mut put = match self.put.take() {
            Some((same, put)) if same.name == table.name => put,
            other => {
                if let Some((_, put)) = other {
                    put.finish()?;
                }
                Put::new(self.connection, table)?
            }
        };
        put.known_row(self.may_be_stored, values)?;
        self.put = Some((table, put));
        Ok(())
    }

    /// Writes what is left.
    pub fn finish(self) -> Result<(), StoreError> {
        if let Some((_, put)) = self.put {
            put.finish()?;
        }
        self.links.map_or(Ok(()), Put::finish)
    }

    /// Writes a thing, if there is a table of it; answers with how long it is.
    pub fn store(
        &mut self,
        boundary: &Boundary,
        folded: &Folded,
        is_stored: bool,
    ) -> Result<usize, StoreError> {
        self.may_be_stored = is_stored;
        let Some(table) = table_of(boundary) else {
            return Ok(0);
        };
        let encoded = folded.entry.encode();
        self.store_encoded(table, boundary, folded, &encoded)?;
        Ok(encoded.len())
    }

    fn store_encoded(
        &mut self,
        table: &'static Table,
        boundary: &Boundary,
        folded: &Folded,
        encoded: &[u8],
    ) -> Result<(), StoreError> {
        let position = folded.created_position.cast_signed();
        let (id, _) = key(boundary);
        match &folded.entry {
            Entry::Organisation(_)
            | Entry::Commodity(_)
            | Entry::Quality(_)
            | Entry::Emergency(_) => self.row(table, params![id, position, encoded]),
            Entry::Facility(it) => {
                self.row(table, params![id, it.operator_id, position, encoded])?;
                tenure::store(self.connection, it)
            }
            Entry::Item(it) => self.row(table, params![id, it.commodity_id, position, encoded]),
            Entry::Donation(it) => self.row(
                table,
                params![
                    id,
                    it.donor_id,
                    it.recipient_id,
                    it.state,
                    it.expected_on,
                    position,
                    encoded
                ],
            ),
            Entry::Batch(it) => self.row(
                table,
                params![
                    id,
                    it.donation_id,
                    it.item_id,
                    it.expires_on,
                    it.discrepancy,
                    position,
                    encoded
                ],
            ),
            Entry::Asset(it) => self.row(
                table,
                params![
                    id,
                    it.serial_number,
                    it.batch_id,
                    position,
                    encoded,
                    it.facility_id,
                    it.owner_id,
                    it.place,
                    it.condition,
                    it.service_due_on,
                    it.loan.as_ref().map_or("", |loan| &loan.due_on)
                ],
            ),
            Entry::Request(it) => self.store_request(it, position, &folded.created_at, encoded),
            Entry::Shipment(it) => self.store_shipment(it, position, encoded),
            Entry::Trip(it) => self.row(
                table,
                params![id, it.vehicle_id, it.crew_id, it.state, position, encoded],
            ),
            Entry::Plan(it) => self.store_plan(it, position, encoded),
            Entry::Count(it) => self.row(
                table,
                params![id, it.facility_id, it.item_id, position, encoded],
            ),
            Entry::Goods(it) => {
                let is_open = it.identified_packages < it.packages;
                self.row(
                    table,
                    params![id, it.facility_id, is_open, position, encoded],
                )
            }
            // Stock has views of its own, a pledge stands with its donation; all others have none.
            Entry::Stock(..)
            | Entry::MobileUnit(_)
            | Entry::Pledge(_)
            | Entry::Fact(_)
            | Entry::DutyRoster(_)
            | Entry::Emergencies(_)
            | Entry::Key(_)
            | Entry::Vehicle(_)
            | Entry::Volunteer(_)
            | Entry::Crew(_)
            | Entry::Since(_)
            | Entry::EarmarkChanges(_)
            | Entry::KitsOfBatch(_)
            | Entry::Parcel(_)
            | Entry::Agreements(_)
            | Entry::Keeper(_)
            | Entry::Bookings(_)
            | Entry::LotInKits(_) => Ok(()),
        }
    }

    fn store_request(
        &mut self,
        request: &Request,
        position: i64,
        filed_at: &[u8],
        encoded: &[u8],
    ) -> Result<(), StoreError> {
        let is_open = request::is_open(request.state());
        let is_less = |line| request::not_approved(request, line) > 0;
        let is_approved_less = request.lines.iter().any(is_less);
        let urgency_rank = RequestPriority::Stat as i32 - request.priority + 1;
        let lines = request.lines.iter();
        let commodity_ids = listed(lines.clone().map(|line| line.commodity_id.as_str()));
        let item_ids = listed(lines.map(|line| line.item_id.as_str()));
        let filed_at_us = OccurredAt::decode(filed_at)?.time_us;
        self.row(
            &table::REQUESTS,
            params![
                request.request_id,
                request.facility_id,
                request.state,
                is_open,
                is_unconfirmed(request),
                is_approved_less,
                urgency_rank,
                request.needed_by,
                commodity_ids,
                item_ids,
                position,
                filed_at_us,
                filed_at,
                encoded
            ],
        )
    }

    /// Who gets anything of a plan is said once, as it is drafted.
    fn store_plan(&mut self, plan: &Plan, position: i64, encoded: &[u8]) -> Result<(), StoreError> {
        self.row(
            &table::PLANS,
            params![
                plan.plan_id,
                plan.origin_id,
                i32::from(plan.state()),
                position,
                encoded
            ],
        )?;
        self.may_be_stored = true;
        let facilities: BTreeSet<&str> = plan
            .shares
            .iter()
            .map(|share| share.facility_id.as_str())
            .collect();
        for facility_id in facilities {
            self.row(&table::PLAN_FACILITIES, params![facility_id, plan.plan_id])?;
        }
        Ok(())
    }

    fn store_shipment(
        &mut self,
        shipment: &Shipment,
        position: i64,
        encoded: &[u8],
    ) -> Result<(), StoreError> {
        let item_ids = listed(shipment.lines.iter().map(|line| line.item_id.as_str()));
        self.row(
            &table::SHIPMENTS,
            params![
                shipment.shipment_id,
                shipment.origin_id,
                shipment.destination_id,
                shipment.state,
                shipment.custodian_id,
                shipment.expected_on,
                shipment.trip_id,
                shipment.discrepancy,
                waits_until(shipment),
                item_ids,
                position,
                encoded
            ],
        )?;
        let Some(links) = &mut self.links else {
            return Ok(());
        };
        for line in &shipment.lines {
            if !line.request_id.is_empty() {
                links.row(params![line.request_id, shipment.shipment_id])?;
            }
        }
        Ok(())
    }
}
