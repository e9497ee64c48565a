//! What shipments carry for a request.

use keruen_proto::shipments::v1::{Shipment, ShipmentLot, ShipmentState};
use prost::Message;

use crate::{
    database::{Connection, params},
    failure::StoreError,
};

/// A lot that a shipment carries for a request.
pub struct Carried {
    /// The shipment.
    pub shipment_id: String,
    /// Where it comes from.
    pub origin_id: String,
    /// Where it goes.
    pub destination_id: String,
    /// Who is liable for it on its way.
    pub custodian_id: String,
    /// Whether it is still at its origin.
    pub is_before_dispatch: bool,
    /// The units.
    pub lot: ShipmentLot,
}

/// The lots that shipments carry for a request, by batch in order of allocation. Cancelled shipments carry nothing.
pub fn carried_for(
    connection: &Connection,
    request_id: &str,
) -> Result<Vec<(String, Vec<Carried>)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT s.resource FROM request_shipments q JOIN shipments s ON s.shipment_id = q.shipment_id \
         WHERE q.request_id = ?1 ORDER BY s.created_position",
    )?;
    let mut rows = statement.query(params![request_id])?;
    let mut batches: Vec<(String, Vec<Carried>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let shipment = Shipment::decode(row.get::<Vec<u8>>(0)?.as_slice())?;
        for (batch_id, carried) in lots_for(shipment, request_id) {
            match batches.iter_mut().find(|(known, _)| *known == batch_id) {
                Some((_, lots)) => lots.push(carried),
                None => batches.push((batch_id, vec![carried])),
            }
        }
    }
    Ok(batches)
}

fn lots_for(shipment: Shipment, request_id: &str) -> Vec<(String, Carried)> {
    let state = shipment.state();
    if state == ShipmentState::Cancelled {
        return Vec::new();
    }
    let is_before_dispatch = matches!(state, ShipmentState::Requested | ShipmentState::Allocated);
    let Shipment {
        shipment_id,
        origin_id,
        destination_id,
        custodian_id,
        lots,
        ..
    } = shipment;
    lots.into_iter()
        .filter_map(|lot| {
            let shipped = lot.shipment_units.as_ref()?;
            let units = shipped
                .units
                .as_ref()
                .filter(|_| shipped.request_id == request_id)?;
            let batch_id = units.batch_id.clone();
            let carried = Carried {
                shipment_id: shipment_id.clone(),
                origin_id: origin_id.clone(),
                destination_id: destination_id.clone(),
                custodian_id: custodian_id.clone(),
                is_before_dispatch,
                lot,
            };
            Some((batch_id, carried))
        })
        .collect()
}
