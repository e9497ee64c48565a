//! Places of units, as movements and the folds of shipments change them.

use keruen_domain::{Boundary, Entry};
use keruen_proto::{inventory::v1::AssetPlace, stock::v1::TraceStatus};

use super::{Fold, known};
use crate::{
    failure::StoreError,
    keys::{PlaceKey, PlaceRef},
    memory::KeyRef as _,
    movement::{Kind, Movement},
    place::{Place, shift},
    resource::Folded,
    rows::{PlaceValue, Whereabouts},
};

impl Fold {
    pub(super) fn shift(
        &mut self,
        movement: &Movement<'_>,
        position: u64,
    ) -> Result<(), StoreError> {
        let Some(shift) = shift(movement) else {
            return Ok(());
        };
        let quantity = movement.units.quantity;
        // What is on the way is for the shipment's fold to say, but of where it goes no longer.
        let is_left = |from: &&Place<'_>| !from.is_on_the_way() || movement.kind == Kind::Diverted;
        if let Some(from) = shift.from.as_ref().filter(is_left) {
            self.add_to_place(place_key(movement, from), -quantity, position)?;
        }
        let Some(to) = &shift.to else {
            if movement.undone && movement.kind == Kind::Entered {
                for serial_number in &movement.units.serial_numbers {
                    self.put_back(&movement.units.item_id, serial_number, position)?;
                }
            }
            return Ok(());
        };
        let key = place_key(movement, to);
        if !to.is_on_the_way() {
            self.add_to_place(key, quantity, position)?;
        }
        for serial_number in &movement.units.serial_numbers {
            let whereabouts = Whereabouts {
                place: key.to_key(),
                since_position: position,
            };
            self.rows
                .set_serial(&movement.units.item_id, serial_number, whereabouts);
        }
        Ok(())
    }

    /// A unit of an asset did not come: it is where it had been before, if it ever was anywhere.
    fn put_back(
        &mut self,
        item_id: &str,
        serial_number: &str,
        position: u64,
    ) -> Result<(), StoreError> {
        let boundary = Boundary::asset(item_id, serial_number);
        if let Some(boundary) = &boundary {
            self.load(boundary)?;
        }
        match boundary.and_then(|boundary| gone(self.known(&boundary)?)) {
            Some(place) => self.rows.set_serial(
                item_id,
                serial_number,
                Whereabouts {
                    place,
                    since_position: position,
                },
            ),
            None => self.rows.remove_serial(item_id, serial_number),
        }
        Ok(())
    }

    fn add_to_place(
        &mut self,
        key: PlaceRef<'_>,
        change: i64,
        position: u64,
    ) -> Result<(), StoreError> {
        // Bounded by the counters, which were checked before.
        let quantity = self.rows.place_row(key)?.quantity.saturating_add(change);
        self.rows.set_place(
            key,
            PlaceValue {
                quantity,
                since_position: position,
            },
        );
        Ok(())
    }

    /// Sets how many units of a shipment are on their way, and how many are missing, as its fold says.
    pub(super) fn set_on_the_way(
        &mut self,
        boundary: &Boundary,
        position: u64,
    ) -> Result<(), StoreError> {
        let Some(Folded {
            entry: Entry::Shipment(shipment),
            ..
        }) = known(&self.resources, boundary)
        else {
            return Ok(());
        };
        let mut quantities: Vec<(PlaceRef<'_>, i64)> = Vec::new();
        for lot in &shipment.lots {
            let Some(units) = lot
                .shipment_units
                .as_ref()
                .and_then(|shipped| shipped.units.as_ref())
            else {
                continue;
            };
            for (status, quantity) in [
                (TraceStatus::InTransit, lot.in_transit),
                (TraceStatus::Missing, lot.missing),
            ] {
                let key = PlaceRef {
                    batch_id: &units.batch_id,
                    owner_id: &units.owner_id,
                    facility_id: &shipment.destination_id,
                    status: status.into(),
                    shipment_id: &shipment.shipment_id,
                };
                match quantities.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, sum)) => *sum = sum.saturating_add(quantity),
                    None => quantities.push((key, quantity)),
                }
            }
        }
        for (key, quantity) in quantities {
            if self.rows.place_row(key)?.quantity != quantity {
                self.rows.set_place(
                    key,
                    PlaceValue {
                        quantity,
                        since_position: position,
                    },
                );
            }
        }
        Ok(())
    }
}

/// Where an asset ended that has left the books.
fn gone(folded: &Folded) -> Option<PlaceKey> {
    let Entry::Asset(asset) = &folded.entry else {
        return None;
    };
    let exit = asset.exits.last()?;
    let status = match exit.place() {
        AssetPlace::Disposed => TraceStatus::Disposed,
        AssetPlace::Lost => TraceStatus::Lost,
        AssetPlace::Returned => TraceStatus::Returned,
        _ => return None,
    };
    // What was lost on its way is told of where it went.
    let facility_id = if exit.shipment_id.is_empty() {
        &exit.facility_id
    } else {
        &exit.destination_id
    };
    Some(PlaceKey {
        batch_id: asset.batch_id.clone(),
        owner_id: exit.owner_id.clone(),
        facility_id: facility_id.clone(),
        status: status.into(),
        shipment_id: exit.shipment_id.clone(),
    })
}

fn place_key<'e>(movement: &Movement<'e>, place: &Place<'e>) -> PlaceRef<'e> {
    PlaceRef {
        batch_id: &movement.units.batch_id,
        owner_id: movement.owner_id,
        facility_id: place.facility_id,
        status: place.status.into(),
        shipment_id: place.shipment_id,
    }
}
