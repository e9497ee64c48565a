//! Units that were reported missing are settled by a loss act.

use keruen_proto::{
    Event,
    inventory::v1::StockUnits,
    registry::v1::DocumentKind,
    shipments::v1::{LossActAccepted, ShipmentLot, ShipmentUnits},
};

use super::{AcceptLossAct, existing, reads};
use crate::{
    books::Books,
    boundary::Boundary,
    command::{Command, Moment},
    limits,
    rejection::Rejection,
};

impl Command for AcceptLossAct {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(books, &self.shipment_id)
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        if self.act.kind() != DocumentKind::LossAct {
            let given = self
                .act
                .kind()
                .as_str_name()
                .trim_start_matches("DOCUMENT_KIND_")
                .to_owned();
            return Err(Rejection::NotALossAct { given });
        }
        let units: Vec<ShipmentUnits> = shipment.lots.iter().filter_map(missing).collect();
        if units.is_empty() {
            return Err(Rejection::NothingMissing {
                shipment_id: self.shipment_id.to_string(),
            });
        }
        limits::keep(vec![
            LossActAccepted {
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
                units,
                act: Some(self.act.clone()),
                verdict: self.verdict.into(),
                custodian_id: shipment.custodian_id.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}

/// The missing units of a lot, if any are.
fn missing(lot: &ShipmentLot) -> Option<ShipmentUnits> {
    let shipment_units = lot.shipment_units.as_ref().filter(|_| lot.missing > 0)?;
    let units = StockUnits {
        quantity: lot.missing,
        serial_numbers: lot.missing_serial_numbers.clone(),
        ..shipment_units.units.clone()?
    };
    Some(ShipmentUnits {
        units: Some(units),
        ..shipment_units.clone()
    })
}
