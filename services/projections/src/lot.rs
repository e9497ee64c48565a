//! Who has and who had a lot: over all its batches, of every donation.

use std::collections::{BTreeMap, BTreeSet};

use keruen_proto::{
    EventType,
    inventory::v1::{Batch, ReceiptOutcome},
    shipments::v1::{ShipmentDispatchVoided, ShipmentDispatched},
    stock::v1::{
        GetLotTraceRequest, LotHolder, LotTrace, TraceBatch, TracePlace, TraceStatus, TraceStep,
    },
};
use prost::Message;

use crate::{
    database::{Connection, params},
    failure::StoreError,
    fields::Fields,
    names::{self, Facilities},
    places::Places,
    refusal::Refusal,
    trace,
};

/// What an answer may take. A gRPC message may take 4 MiB.
const MAX_BYTES: usize = 3_500_000;
/// Steps of a batch that are read at once.
#[cfg(not(test))]
const PAGE_STEPS: i64 = 1_000;
#[cfg(test)]
const PAGE_STEPS: i64 = 7;

/// A question for a lot, parsed.
pub struct LotQuery {
    item_id: String,
    lot: String,
}

impl LotQuery {
    /// Parses a request.
    pub fn parse(request: &GetLotTraceRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let item_id = fields.code("item_id", &request.item_id);
        let lot = fields.label("lot", &request.lot);
        fields.finish()?;
        let (item_id, lot) = item_id
            .zip(lot)
            .ok_or_else(|| Refusal::field("lot", "is malformed"))?;
        Ok(Self { item_id, lot })
    }

    /// Finds everybody who has or had it, with the regions of `today`, ISO 8601.
    pub fn answer(self, connection: &Connection, today: &str) -> Result<LotTrace, Refusal> {
        let Self { item_id, lot } = self;
        names::known_item(connection, Some(&item_id))?;
        let recall = names::recall(connection, &item_id, &lot)?;
        let mut places = Places::new(connection, today);
        let mut holders = Holders::default();
        let mut batches = Vec::new();
        let mut bytes = 0;
        for mut batch in batches_of(connection, &item_id, &lot)? {
            let found = places.of_batch(&batch, None)?;
            for place in &found {
                holders.stand(place);
            }
            holders.follow(connection, &batch.batch_id)?;
            batch.recall.clone_from(&recall);
            let traced = TraceBatch {
                batch: Some(batch),
                places: found,
                ..TraceBatch::default()
            };
            bytes += traced.encoded_len();
            if bytes > MAX_BYTES {
                return Err(Refusal::TooLarge {
                    limit_bytes: MAX_BYTES,
                });
            }
            batches.push(traced);
        }
        let mut kits = Vec::new();
        let batch_ids = batches
            .iter()
            .filter_map(|traced: &TraceBatch| traced.batch.as_ref());
        let batch_ids: Vec<String> = batch_ids.map(|batch| batch.batch_id.clone()).collect();
        for id in trace::kits_of(connection, &batch_ids)? {
            let Some(kit) = trace::batch(connection, &id)? else {
                continue;
            };
            let found = places.of_batch(&kit, None)?;
            for place in &found {
                holders.stand_in_kits(place);
            }
            let traced = TraceBatch {
                item_name: names::item(connection, &kit.item_id)?,
                batch: Some(kit),
                places: found,
                of_kits: true,
                ..TraceBatch::default()
            };
            bytes += traced.encoded_len();
            if bytes > MAX_BYTES {
                return Err(Refusal::TooLarge {
                    limit_bytes: MAX_BYTES,
                });
            }
            kits.push(traced);
        }
        if batches.is_empty() && recall.is_none() {
            return Err(Refusal::UnknownLot { item_id, lot });
        }
        Ok(LotTrace {
            item_name: names::item(connection, &item_id)?,
            item_id,
            lot,
            recall,
            holders: holders.named(connection, today)?,
            batches,
            kits,
        })
    }
}

/// The batches of a lot, oldest first. What a batch brought to the facility that received it is counted there for ever.
fn batches_of(connection: &Connection, item_id: &str, lot: &str) -> Result<Vec<Batch>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT resource FROM batches \
         WHERE batch_id IN (SELECT batch_id FROM stock WHERE item_id = ?1 AND lot = ?2) \
         ORDER BY created_position, batch_id",
    )?;
    let mut rows = statement.query(params![item_id, lot])?;
    let mut batches = Vec::new();
    while let Some(row) = rows.next()? {
        batches.push(Batch::decode(row.get::<Vec<u8>>(0)?.as_slice())?);
    }
    Ok(batches)
}

/// Everybody who has or had units, by facility.
#[derive(Default)]
struct Holders {
    facilities: BTreeMap<String, Holder>,
}

#[derive(Default)]
struct Holder {
    counted: LotHolder,
    owners: BTreeSet<String>,
    shipments: BTreeSet<String>,
}

impl Holders {
    fn at(&mut self, facility_id: &str) -> &mut Holder {
        self.facilities.entry(facility_id.to_owned()).or_default()
    }

    /// Counts units where they are, or where they ended.
    fn stand(&mut self, place: &TracePlace) {
        let holder = self.at(&place.facility_id);
        let it = &mut holder.counted;
        let sum = match place.status() {
            TraceStatus::Unspecified => return,
            TraceStatus::OnHand => &mut it.on_hand,
            TraceStatus::InTransit => &mut it.in_transit,
            TraceStatus::Missing => &mut it.missing,
            TraceStatus::Consumed => &mut it.consumed,
            TraceStatus::Disposed => &mut it.disposed,
            TraceStatus::Lost => &mut it.lost,
            TraceStatus::Returned => &mut it.returned,
            TraceStatus::Converted => &mut it.converted,
        };
        add(sum, place.quantity);
        let has_them = matches!(
            place.status(),
            TraceStatus::OnHand | TraceStatus::InTransit | TraceStatus::Missing
        );
        if has_them {
            holder.owners.insert(place.owner_id.clone());
            if !place.shipment_id.is_empty() {
                holder.shipments.insert(place.shipment_id.clone());
            }
        }
    }

    /// Counts kits that hold some, where they are.
    fn stand_in_kits(&mut self, place: &TracePlace) {
        let has_them = matches!(
            place.status(),
            TraceStatus::OnHand | TraceStatus::InTransit | TraceStatus::Missing
        );
        if !has_them {
            return;
        }
        let holder = self.at(&place.facility_id);
        add(&mut holder.counted.kits, place.quantity);
        holder.owners.insert(place.owner_id.clone());
        if !place.shipment_id.is_empty() {
            holder.shipments.insert(place.shipment_id.clone());
        }
    }

    /// Counts what came to and left each facility; what was taken back did neither.
    fn follow(&mut self, connection: &Connection, batch_id: &str) -> Result<(), StoreError> {
        let mut statement = connection.prepare_cached(
            "SELECT step, position, step_no FROM steps \
             WHERE batch_id = ?1 AND (position, step_no) > (?2, ?3) ORDER BY position, step_no LIMIT ?4",
        )?;
        let mut last: (i64, i64) = (0, 0);
        loop {
            let page = params![batch_id, last.0, last.1, PAGE_STEPS];
            let mut rows = statement.query(page)?;
            let mut steps = 0;
            while let Some(row) = rows.next()? {
                self.take(&TraceStep::decode(row.get::<Vec<u8>>(0)?.as_slice())?);
                last = (row.get(1)?, row.get(2)?);
                steps += 1;
            }
            if steps < PAGE_STEPS {
                return Ok(());
            }
        }
    }

    fn take(&mut self, step: &TraceStep) {
        let quantity = if step.undone {
            -step.quantity
        } else {
            step.quantity
        };
        if [ShipmentDispatched::TYPE, ShipmentDispatchVoided::TYPE].contains(&&*step.r#type) {
            add(&mut self.at(&step.from_facility_id).counted.sent, quantity);
        } else if came(step) {
            add(&mut self.at(&step.facility_id).counted.received, quantity);
        }
    }

    /// With what the registry says of the facilities: those that have any first.
    fn named(self, connection: &Connection, today: &str) -> Result<Vec<LotHolder>, StoreError> {
        let mut facilities = Facilities::new(connection, today);
        let mut holders = Vec::new();
        for (facility_id, holder) in self.facilities {
            // It never had any: all that was said of it was taken back.
            if holder.counted == LotHolder::default() {
                continue;
            }
            let facility = facilities.get(&facility_id)?;
            holders.push(LotHolder {
                facility_id,
                facility_name: facility.name,
                facility_kind: facility.kind,
                region_id: facility.region_id,
                owner_ids: holder.owners.into_iter().collect(),
                shipment_ids: holder.shipments.into_iter().collect(),
                ..holder.counted
            });
        }
        holders.sort_by_key(|it| it.on_hand + it.in_transit + it.missing + it.kits == 0);
        Ok(holders)
    }
}

fn add(sum: &mut i64, quantity: i64) {
    *sum = sum.saturating_add(quantity);
}

/// Whether units came to a facility: they entered the books there, or arrived in a shipment.
fn came(step: &TraceStep) -> bool {
    let entered = step.from_facility_id.is_empty() && !step.facility_id.is_empty();
    let arrived = matches!(
        step.outcome(),
        ReceiptOutcome::Good | ReceiptOutcome::Damaged | ReceiptOutcome::Expired
    );
    entered || arrived
}
