//! Where the units of a batch are, for a trace.

use std::collections::BTreeMap;

use keruen_proto::{
    inventory::v1::{Batch, StockUnits},
    shipments::v1::{MissingUnits, Shipment},
    stock::v1::{TracePlace, TraceStatus},
};
use prost::Message as _;

use crate::{
    database::{Connection, params},
    failure::StoreError,
    names::Facilities,
    served::Carried,
};

/// Reads places, and names the facilities in them.
pub struct Places<'c> {
    connection: &'c Connection,
    facilities: Facilities<'c>,
}

impl<'c> Places<'c> {
    /// With the regions of `today`, ISO 8601.
    pub fn new(connection: &'c Connection, today: &str) -> Self {
        Self {
            connection,
            facilities: Facilities::new(connection, today),
        }
    }

    /// All places of a batch, or of one unit of it. Those of a whole batch add up to what was received.
    pub fn of_batch(
        &mut self,
        batch: &Batch,
        serial_number: Option<&str>,
    ) -> Result<Vec<TracePlace>, StoreError> {
        let mut places = self.rows(batch)?;
        self.add_serials(batch, &mut places)?;
        let mut places = self.by_liable(batch, places)?;
        if let Some(serial_number) = serial_number {
            places.retain(|place| {
                place
                    .serial_numbers
                    .iter()
                    .any(|known| known == serial_number)
            });
            for place in &mut places {
                place.quantity = 1;
                place.serial_numbers = vec![serial_number.to_owned()];
                self.tell_apart(batch, serial_number, place)?;
            }
        }
        self.name(places)
    }

    fn rows(&self, batch: &Batch) -> Result<Vec<TracePlace>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached(include_str!("sql/places_of_batch.sql"))?;
        statement.query_map(params![batch.batch_id, batch.item_id], |row| {
            Ok(TracePlace {
                owner_id: row.get(0)?,
                facility_id: row.get(1)?,
                status: row.get(2)?,
                shipment_id: row.get(3)?,
                quantity: row.get(4)?,
                since_position: row.get::<i64>(5)?.cast_unsigned(),
                reserved: row.get(6)?,
                held: row.get(7)?,
                custodian_id: row.get(8)?,
                ..TracePlace::default()
            })
        })
    }

    /// Since when one unit of a batch is where it is, and whether it is claimed or held there, whatever is of the others.
    fn tell_apart(
        &self,
        batch: &Batch,
        serial_number: &str,
        place: &mut TracePlace,
    ) -> Result<(), StoreError> {
        let since: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT since_position FROM serials WHERE item_id = ?1 AND serial_number = ?2",
            )?
            .query_row(params![batch.item_id, serial_number], |row| row.get(0))?;
        place.since_position = since.unwrap_or_default().cast_unsigned();
        let mut claims = None;
        if place.status() == TraceStatus::OnHand {
            let mut statement = self.connection.prepare_cached(
                "SELECT reserved, held FROM stock WHERE facility_id = ?1 AND item_id = ?2 AND batch_id = ?3 \
                 AND owner_id = ?4 AND serial_number = ?5",
            )?;
            let key = params![
                place.facility_id,
                batch.item_id,
                batch.batch_id,
                place.owner_id,
                serial_number
            ];
            claims = statement.query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
        }
        (place.reserved, place.held) = claims.unwrap_or_default();
        Ok(())
    }

    fn add_serials(&self, batch: &Batch, places: &mut [TracePlace]) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT serial_number, owner_id, facility_id, status, shipment_id FROM serials \
             WHERE batch_id = ?1 ORDER BY serial_number",
        )?;
        let mut rows = statement.query(params![batch.batch_id])?;
        while let Some(row) = rows.next()? {
            let (owner_id, facility_id): (String, String) = (row.get(1)?, row.get(2)?);
            let (status, shipment_id): (i32, String) = (row.get(3)?, row.get(4)?);
            let place = places.iter_mut().find(|place| {
                place.status == status
                    && place.facility_id == facility_id
                    && place.owner_id == owner_id
                    && place.shipment_id == shipment_id
            });
            if let Some(place) = place {
                place.serial_numbers.push(row.get(0)?);
            }
        }
        Ok(())
    }

    /// Missing units by who answers for them, which need not be whoever has the rest.
    fn by_liable(
        &self,
        batch: &Batch,
        places: Vec<TracePlace>,
    ) -> Result<Vec<TracePlace>, StoreError> {
        let mut split = Vec::with_capacity(places.len());
        for place in places {
            if place.status() == TraceStatus::Missing {
                let shares = self.shares(batch, &place)?;
                split.extend(missing_by(&place, &shares));
            } else {
                split.push(place);
            }
        }
        Ok(split)
    }

    fn shares(&self, batch: &Batch, place: &TracePlace) -> Result<Vec<MissingUnits>, StoreError> {
        let resource: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT resource FROM shipments WHERE shipment_id = ?1")?
            .query_row(params![place.shipment_id], |row| row.get(0))?;
        let Some(resource) = resource else {
            return Ok(Vec::new());
        };
        let lots = Shipment::decode(resource.as_slice())?.lots.into_iter();
        let theirs = lots.filter(|lot| {
            let units = lot.shipment_units.as_ref().and_then(|it| it.units.as_ref());
            units.is_some_and(|it| {
                (&it.batch_id, &it.owner_id) == (&batch.batch_id, &place.owner_id)
            })
        });
        Ok(theirs.flat_map(|lot| lot.missing_by_liable).collect())
    }

    fn name(&mut self, mut places: Vec<TracePlace>) -> Result<Vec<TracePlace>, StoreError> {
        for place in &mut places {
            let facility = self.facilities.get(&place.facility_id)?;
            place.facility_name = facility.name;
            place.region_id = facility.region_id;
        }
        Ok(places)
    }

    /// The places of those units of a batch that shipments carried for a request. Assets are followed by their serial
    /// numbers. Other units are not told apart once they have arrived: what arrived is looked for at its destination,
    /// first among what is there, then among what was used up, disposed of, lost, given back and made into kits there; what went on elsewhere is
    /// left out.
    pub fn of_carried(
        &mut self,
        batch: &Batch,
        carried: &[Carried],
    ) -> Result<Vec<TracePlace>, StoreError> {
        let rows = self.rows(batch)?;
        let mut places = Vec::new();
        let mut arrived: BTreeMap<String, i64> = BTreeMap::new();
        for carried in carried {
            let Some(units) = carried
                .lot
                .shipment_units
                .as_ref()
                .and_then(|shipped| shipped.units.as_ref())
            else {
                continue;
            };
            if !units.serial_numbers.is_empty() {
                self.add_assets(carried, units, &mut places)?;
                continue;
            }
            places.extend(on_the_way(carried, units, &rows));
            let received = carried.lot.received_good + carried.lot.received_unusable;
            if received > 0 {
                *arrived.entry(carried.destination_id.clone()).or_default() += received;
            }
        }
        for (facility_id, quantity) in arrived {
            places.extend(at_destination(&rows, &facility_id, quantity));
        }
        places.sort_by(|one, other| key(one).cmp(&key(other)));
        self.name(places)
    }

    /// Puts the units of an asset where they are now.
    fn add_assets(
        &self,
        carried: &Carried,
        units: &StockUnits,
        places: &mut Vec<TracePlace>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT owner_id, facility_id, status, shipment_id, since_position FROM serials \
             WHERE item_id = ?1 AND serial_number = ?2",
        )?;
        for serial_number in &units.serial_numbers {
            let found = statement.query_row(params![units.item_id, serial_number], |row| {
                Ok(TracePlace {
                    owner_id: row.get(0)?,
                    facility_id: row.get(1)?,
                    status: row.get(2)?,
                    shipment_id: row.get(3)?,
                    since_position: row.get::<i64>(4)?.cast_unsigned(),
                    ..TracePlace::default()
                })
            });
            let Some(mut place) = found? else {
                continue;
            };
            if carried.is_before_dispatch {
                place.shipment_id.clone_from(&carried.shipment_id);
            } else if is_on_the_way(&place) && place.shipment_id == carried.shipment_id {
                let mut missing = carried.lot.missing_by_liable.iter();
                let theirs = missing.find(|it| it.serial_numbers.contains(serial_number));
                let liable_id = theirs.map_or(&carried.custodian_id, |it| &it.liable_id);
                place.custodian_id.clone_from(liable_id);
            }
            let known = places.iter().position(|known| key(known) == key(&place));
            let index = known.unwrap_or_else(|| {
                places.push(place.clone());
                places.len() - 1
            });
            let known = &mut places[index];
            known.since_position = known.since_position.max(place.since_position);
            known.quantity += 1;
            known.reserved += i64::from(carried.is_before_dispatch);
            known.serial_numbers.push(serial_number.clone());
        }
        Ok(())
    }
}

fn is_on_the_way(place: &TracePlace) -> bool {
    matches!(
        place.status(),
        TraceStatus::InTransit | TraceStatus::Missing
    )
}

/// The order of places, and what tells them apart.
fn key(place: &TracePlace) -> (i32, &str, &str, &str, &str) {
    (
        place.status,
        &place.facility_id,
        &place.owner_id,
        &place.shipment_id,
        &place.custodian_id,
    )
}

/// Missing units, one place for each organisation that answers for some of them; whoever has the rest of the shipment
/// answers for what the shares leave.
fn missing_by(place: &TracePlace, shares: &[MissingUnits]) -> Vec<TracePlace> {
    let mut rest = place.clone();
    let mut split: Vec<TracePlace> = Vec::new();
    for share in shares {
        let quantity = share.quantity.min(rest.quantity);
        let numbers = &share.serial_numbers;
        let (theirs, others): (Vec<String>, Vec<String>) = std::mem::take(&mut rest.serial_numbers)
            .into_iter()
            .partition(|number| numbers.contains(number));
        rest.serial_numbers = others;
        rest.quantity -= quantity;
        if let Some(known) = split
            .iter_mut()
            .find(|known| known.custodian_id == share.liable_id)
        {
            known.quantity += quantity;
            known.serial_numbers.extend(theirs);
        } else if quantity > 0 {
            split.push(TracePlace {
                custodian_id: share.liable_id.clone(),
                quantity,
                serial_numbers: theirs,
                ..place.clone()
            });
        }
    }
    if rest.quantity > 0 {
        split.push(rest);
    }
    split.sort_by(|one, other| one.custodian_id.cmp(&other.custodian_id));
    split
}

/// Units of a lot that have not arrived: claimed, on their way, missing or lost.
fn on_the_way(carried: &Carried, units: &StockUnits, rows: &[TracePlace]) -> Vec<TracePlace> {
    let lot = &carried.lot;
    let place = |status: TraceStatus, facility_id: &str, quantity: i64| TracePlace {
        status: status.into(),
        facility_id: facility_id.to_owned(),
        owner_id: units.owner_id.clone(),
        shipment_id: carried.shipment_id.clone(),
        quantity,
        ..TracePlace::default()
    };
    let mut places = if carried.is_before_dispatch {
        let quantity = units.quantity;
        vec![TracePlace {
            reserved: quantity,
            ..place(TraceStatus::OnHand, &carried.origin_id, quantity)
        }]
    } else {
        let destination_id = carried.destination_id.as_str();
        let way = |status, quantity| TracePlace {
            custodian_id: carried.custodian_id.clone(),
            ..place(status, destination_id, quantity)
        };
        let missing = way(TraceStatus::Missing, lot.missing);
        let mut all = missing_by(&missing, &lot.missing_by_liable);
        all.insert(0, way(TraceStatus::InTransit, lot.in_transit));
        all.push(place(TraceStatus::Lost, destination_id, lot.lost));
        all
    };
    places.retain(|place| place.quantity > 0);
    for place in &mut places {
        // What is at rest has no shipment in the rows.
        let shipment_id = if carried.is_before_dispatch {
            ""
        } else {
            place.shipment_id.as_str()
        };
        let row = rows.iter().find(|row| {
            (
                row.status,
                &*row.facility_id,
                &*row.owner_id,
                &*row.shipment_id,
            ) == (
                place.status,
                place.facility_id.as_str(),
                place.owner_id.as_str(),
                shipment_id,
            )
        });
        place.since_position = row.map_or(0, |row| row.since_position);
    }
    places
}

/// Units that arrived, as far as they can be found where they arrived, whoever owns them by now.
fn at_destination(rows: &[TracePlace], facility_id: &str, quantity: i64) -> Vec<TracePlace> {
    let mut left = quantity;
    let mut found = Vec::new();
    // The rows stand in order of their status.
    let at_rest = rows.iter().filter(|row| {
        row.facility_id == facility_id && row.shipment_id.is_empty() && row.quantity > 0
    });
    for row in at_rest {
        let taken = left.min(row.quantity);
        if taken > 0 {
            left -= taken;
            found.push(TracePlace {
                quantity: taken,
                reserved: row.reserved.min(taken),
                held: row.held.min(taken),
                ..row.clone()
            });
        }
    }
    found
}
