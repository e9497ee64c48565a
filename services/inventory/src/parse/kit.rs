//! Requests about kits, parsed into commands.

use keruen_domain::{
    Contents, Packed,
    id::IdKind,
    kit::{AssembleKits, BreakKits},
    limits,
};
use keruen_edge::Fields;
use keruen_proto::inventory::v1::{AssembleKitsRequest, BreakKitsRequest};

/// Kits to be put together.
pub fn assemble(
    message: &AssembleKitsRequest,
    fields: &mut Fields,
) -> Option<Packed<AssembleKits>> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let item_id = fields.code("item_id", &message.item_id);
    let quantity = fields.quantity("quantity", message.quantity);
    let owner_id = fields.optional_code("owner_id", &message.owner_id);
    let batch_ids = fields.each(
        "batch_ids",
        &message.batch_ids,
        limits::COMPONENT_BATCHES,
        |fields, path, id| fields.code(path, id),
    );
    let first = fields.new_code("batch_id", &message.batch_id, IdKind::Batch);
    let others = (1..limits::KIT_BATCHES)
        .filter_map(|_| fields.new_code("batch_id", "", IdKind::Batch))
        .collect::<Vec<_>>();
    let documents = fields.documents("documents", &message.documents);
    let in_packs = fields.in_packs(&message.pack_id, Contents::Item(&message.item_id));
    let command = AssembleKits {
        facility_id: facility_id?,
        item_id: item_id?,
        quantity: quantity?,
        owner_id: owner_id?,
        batch_ids: batch_ids?,
        kit_batch_ids: [vec![first?], others].concat(),
        documents: documents?,
    };
    Some(Packed::new(command, in_packs?, |it, _| {
        Some(&mut it.quantity)
    }))
}

/// Kits to be taken apart.
pub fn take_apart(message: &BreakKitsRequest, fields: &mut Fields) -> Option<Packed<BreakKits>> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let batch_id = fields.code("batch_id", &message.batch_id);
    let owner_id = fields.optional_code("owner_id", &message.owner_id);
    let quantity = fields.quantity("quantity", message.quantity);
    let documents = fields.documents("documents", &message.documents);
    let in_packs = fields.in_packs(&message.pack_id, Contents::Batch(&message.batch_id));
    let command = BreakKits {
        facility_id: facility_id?,
        batch_id: batch_id?,
        owner_id: owner_id?,
        quantity: quantity?,
        documents: documents?,
    };
    Some(Packed::new(command, in_packs?, |it, _| {
        Some(&mut it.quantity)
    }))
}
