//! What shipments carry, and in whose hands.

use std::collections::BTreeSet;

use keruen_proto::shipments::v1::Shipment;

use super::HoldingKey;
use crate::keys::StockKey;

/// What a shipment carries that is on its way or missing, and in whose hands.
pub type Carried = Vec<(HoldingKey, i64)>;

/// See [`Carried`]. Of what is missing it is in the hands of whoever answers for it. Units of an asset stand one by one.
pub fn carried(shipment: &Shipment) -> Carried {
    let mut carried = Carried::new();
    for lot in &shipment.lots {
        let units = lot.shipment_units.as_ref().and_then(|it| it.units.as_ref());
        let Some(units) = units else {
            continue;
        };
        let mut add = |custodian_id: &str, serial_number: &str, quantity: i64| {
            let key = HoldingKey {
                stock: StockKey {
                    facility_id: shipment.destination_id.clone(),
                    item_id: units.item_id.clone(),
                    batch_id: units.batch_id.clone(),
                    owner_id: units.owner_id.clone(),
                    serial_number: serial_number.to_owned(),
                },
                origin_id: shipment.origin_id.clone(),
                custodian_id: custodian_id.to_owned(),
            };
            if quantity != 0 {
                carried.push((key, quantity));
            }
        };
        let mut of_custodian = lot.in_transit.saturating_add(lot.missing);
        let mut missing: BTreeSet<&str> = BTreeSet::new();
        for share in &lot.missing_by_liable {
            let mut unnamed = share.quantity;
            for serial_number in &share.serial_numbers {
                add(&share.liable_id, serial_number, 1);
                unnamed -= 1;
            }
            add(&share.liable_id, "", unnamed);
            missing.extend(share.serial_numbers.iter().map(String::as_str));
            of_custodian = of_custodian.saturating_sub(share.quantity);
        }
        let numbers = lot.serial_numbers_in_transit.iter().map(String::as_str);
        for serial_number in numbers.filter(|it| !missing.contains(it)) {
            add(&shipment.custodian_id, serial_number, 1);
            of_custodian -= 1;
        }
        add(&shipment.custodian_id, "", of_custodian);
    }
    carried
}
