//! Requests for corrections, parsed into commands.

use keruen_domain::{
    Contents, Label, Packed,
    code::MAX_QUANTITY,
    correction::{CorrectBatchData, CorrectReceipt, Fact, VoidMovement},
    limits,
};
use keruen_edge::Fields;
use keruen_proto::inventory::v1::{
    CorrectBatchDataRequest, CorrectReceiptRequest, VoidMovementRequest,
};

/// The event that is wrong, as the request names it.
fn named(fields: &mut Fields, event_id: &str, fact: Option<Fact>) -> Option<Fact> {
    if fact.is_none() {
        let rule = "must be the id of an event, a UUID, a slash and a number, as traces tell it";
        fields.reject("event_id", format!("{rule}; found {event_id:?}"));
    }
    fact
}

/// How many units a receipt brought, in truth.
pub fn receipt(
    message: &CorrectReceiptRequest,
    fact: Option<Fact>,
    fields: &mut Fields,
) -> Option<Packed<CorrectReceipt>> {
    let fact = named(fields, &message.event_id, fact);
    let batch_id = fields.code("batch_id", &message.batch_id);
    if !(0..=MAX_QUANTITY).contains(&message.quantity) {
        let rule = format!(
            "must be 0 to {MAX_QUANTITY} (a million million); found {}",
            message.quantity
        );
        fields.reject("quantity", rule);
    }
    let serial_numbers: Option<Vec<Label>> = fields.each(
        "serial_numbers",
        &message.serial_numbers,
        limits::SERIAL_NUMBERS,
        |fields, path, serial| fields.label(path, serial),
    );
    let documents = fields.documents("documents", &message.documents);
    let in_packs = fields.in_packs(&message.pack_id, Contents::Batch(&message.batch_id));
    let command = CorrectReceipt {
        fact: fact?,
        batch_id: batch_id?,
        quantity: message.quantity,
        serial_numbers: serial_numbers?,
        documents: documents?,
    };
    Some(Packed::new(command, in_packs?, |it, _| {
        Some(&mut it.quantity)
    }))
}

/// What a batch is, in truth.
pub fn batch_data(
    message: &CorrectBatchDataRequest,
    fact: Option<Fact>,
    fields: &mut Fields,
) -> Option<CorrectBatchData> {
    let fact = named(fields, &message.event_id, fact);
    let batch_id = fields.code("batch_id", &message.batch_id);
    let lot = match &message.lot {
        Some(lot) => fields.optional_label("lot", lot).map(Some),
        None => Some(None),
    };
    let expires_on = match &message.expires_on {
        Some(day) => fields.date("expires_on", day).map(Some),
        None => Some(None),
    };
    let unit_value = fields.unit_value("unit_value", message.unit_value.as_ref());
    if message.lot.is_none() && message.expires_on.is_none() && message.unit_value.is_none() {
        fields.reject("lot", "must be stated, or expires_on, or unit_value");
    }
    let documents = fields.documents("documents", &message.documents);
    Some(CorrectBatchData {
        fact: fact?,
        batch_id: batch_id?,
        lot: lot?,
        expires_on: expires_on?,
        unit_value: unit_value?,
        documents: documents?,
    })
}

/// Something that did not happen.
pub fn void(
    message: &VoidMovementRequest,
    fact: Option<Fact>,
    fields: &mut Fields,
) -> Option<VoidMovement> {
    let fact = named(fields, &message.event_id, fact);
    let documents = fields.documents("documents", &message.documents);
    Some(VoidMovement {
        fact: fact?,
        documents: documents?,
    })
}
