//! Requests to the inventory service, parsed into commands.

pub mod asset;
pub mod correction;
pub mod donation;
pub mod goods;
pub mod kit;
pub mod quality;
pub mod stock;

use keruen_domain::{
    Contents, Label, Packed, Quantity,
    id::IdKind,
    limits,
    pack::Amount,
    stock::{AdjustStock, Change, ConsumeStock, DisposeStock, TransferTitle},
};
use keruen_edge::Fields;
use keruen_proto::inventory::v1::{
    AdjustStockRequest, AdjustmentReason, ConsumeStockRequest, ConsumptionPurpose, DisposalReason,
    DisposeStockRequest, TransferTitleRequest,
};

/// Books to be corrected.
pub fn adjust(message: &AdjustStockRequest, fields: &mut Fields) -> Option<Packed<AdjustStock>> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let batch_id = fields.code("batch_id", &message.batch_id);
    let owner_id = fields.optional_code("owner_id", &message.owner_id);
    let change = change(fields, message.delta);
    let serial_numbers = serial_numbers(fields, &message.serial_numbers);
    let reason: Option<AdjustmentReason> = fields.stated("reason", message.reason);
    let documents = fields.documents("documents", &message.documents);
    let in_packs = fields.in_packs(&message.pack_id, Contents::Batch(&message.batch_id));
    let command = AdjustStock {
        facility_id: facility_id?,
        batch_id: batch_id?,
        owner_id: owner_id?,
        change: change?,
        serial_numbers: serial_numbers?,
        reason: reason?,
        documents: documents?,
    };
    Some(Packed::new(command, in_packs?, |it, _| {
        match &mut it.change {
            Change::Increase(quantity) | Change::Decrease(quantity) => Some(quantity),
        }
    }))
}

fn change(fields: &mut Fields, delta: i64) -> Option<Change> {
    let size = i64::try_from(delta.unsigned_abs()).unwrap_or(i64::MAX);
    match Quantity::parse(size) {
        Ok(quantity) if delta > 0 => Some(Change::Increase(quantity)),
        Ok(quantity) => Some(Change::Decrease(quantity)),
        Err(rule) => {
            fields.reject("delta", format!("{rule}; found {delta}"));
            None
        }
    }
}

/// Stock that was used up.
pub fn consume(message: &ConsumeStockRequest, fields: &mut Fields) -> Option<Packed<ConsumeStock>> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let item_id = fields.code("item_id", &message.item_id);
    let quantity = fields.quantity("quantity", message.quantity);
    let batch_id = fields.optional_code("batch_id", &message.batch_id);
    let owner_id = fields.optional_code("owner_id", &message.owner_id);
    let purpose: Option<ConsumptionPurpose> = fields.stated("purpose", message.purpose);
    let new_batch_id = fields.new_code("batch_id", "", IdKind::Batch);
    let in_packs = fields.in_packs(&message.pack_id, Contents::Item(&message.item_id));
    let command = ConsumeStock {
        facility_id: facility_id?,
        item_id: item_id?,
        quantity: quantity?,
        batch_id: batch_id?,
        owner_id: owner_id?,
        purpose: purpose?,
        already_used: message.already_used,
        new_batch_id: new_batch_id?,
    };
    Some(Packed::new(command, in_packs?, |it, _| {
        Some(&mut it.quantity)
    }))
}

/// Units that passed to another owner.
pub fn title(message: &TransferTitleRequest, fields: &mut Fields) -> Option<Packed<TransferTitle>> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let batch_id = fields.code("batch_id", &message.batch_id);
    let owner_id = fields.optional_code("owner_id", &message.owner_id);
    let new_owner_id = fields.code("new_owner_id", &message.new_owner_id);
    let quantity = match message.quantity {
        0 => Some(None),
        quantity => fields.quantity("quantity", quantity).map(Some),
    };
    let serial_numbers = fields.each(
        "serial_numbers",
        &message.serial_numbers,
        limits::SERIAL_NUMBERS,
        |fields, path, serial| fields.label(path, serial),
    );
    if !message.serial_numbers.is_empty() && message.quantity == 0 {
        fields.reject("quantity", "must be the number of serial numbers");
    }
    if message.documents.is_empty() {
        fields.reject(
            "documents",
            "must name by what deed they passed, at least one",
        );
    }
    let documents = fields.documents("documents", &message.documents);
    let in_packs = fields.in_packs(&message.pack_id, Contents::Batch(&message.batch_id));
    if message.quantity == 0 && !message.pack_id.is_empty() {
        fields.reject(
            "pack_id",
            "must be empty where everything passes: no quantity is told",
        );
    }
    let command = TransferTitle {
        facility_id: facility_id?,
        batch_id: batch_id?,
        owner_id: owner_id?,
        new_owner_id: new_owner_id?,
        quantity: quantity?,
        serial_numbers: serial_numbers?,
        documents: documents?,
    };
    Some(Packed::new(command, in_packs?, |it, _| {
        it.quantity.as_mut().map(|it| -> &mut dyn Amount { it })
    }))
}

/// Stock that was disposed of.
pub fn dispose(message: &DisposeStockRequest, fields: &mut Fields) -> Option<Packed<DisposeStock>> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let batch_id = fields.code("batch_id", &message.batch_id);
    let owner_id = fields.optional_code("owner_id", &message.owner_id);
    let quantity = fields.quantity("quantity", message.quantity);
    let serial_numbers = serial_numbers(fields, &message.serial_numbers);
    let reason: Option<DisposalReason> = fields.stated("reason", message.reason);
    let documents = fields.documents("documents", &message.documents);
    let in_packs = fields.in_packs(&message.pack_id, Contents::Batch(&message.batch_id));
    let command = DisposeStock {
        facility_id: facility_id?,
        batch_id: batch_id?,
        owner_id: owner_id?,
        quantity: quantity?,
        serial_numbers: serial_numbers?,
        already_disposed: message.already_disposed,
        reason: reason?,
        documents: documents?,
    };
    Some(Packed::new(command, in_packs?, |it, _| {
        Some(&mut it.quantity)
    }))
}

fn serial_numbers(fields: &mut Fields, given: &[String]) -> Option<Vec<Label>> {
    let label = |fields: &mut Fields, path: &str, serial: &String| fields.label(path, serial);
    fields.each("serial_numbers", given, limits::SERIAL_NUMBERS, label)
}
