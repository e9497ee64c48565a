//! Parcels, and what happens on the way.

use keruen_domain::{
    id::IdKind,
    limits,
    shipment::{
        AnswerDiscrepancy, DelayShipment, DivertShipment, Elsewhere, PackParcel, Pick,
        RecordArrival, RecordDeliveryAttempt, ReportLoss, SplitShipment, TransferShipmentTitle,
        UnpackParcel,
    },
};
use keruen_edge::Fields;
use keruen_proto::shipments::v1::{
    AnswerDiscrepancyRequest, DelayReason, DelayShipmentRequest, DeliveryFailure,
    DiscrepancyAnswer, DisputeReason, DiversionReason, DivertShipmentRequest, LossCause,
    PackParcelRequest, RecordArrivalRequest, RecordDeliveryAttemptRequest, ReportLossRequest,
    ReturnShipmentRequest, SealCheck, SealState, ShipmentPick, SplitReason, SplitShipmentRequest,
    TransferShipmentTitleRequest, UnpackParcelRequest,
};

use super::sscc;

/// The heaviest and largest parcel: what fits a railway wagon.
const MAX_PARCEL: i64 = 200_000_000;

/// A parcel to be packed.
pub fn pack(message: &PackParcelRequest, fields: &mut Fields) -> Option<PackParcel> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let sscc = sscc::new(message, fields);
    let seal_number = fields.optional_label("seal_number", &message.seal_number);
    let contents = picks(fields, "contents", &message.contents);
    let mut measured = true;
    for (field, value) in [
        ("weight_g", message.weight_g),
        ("volume_ml", message.volume_ml),
    ] {
        if !(0..=MAX_PARCEL).contains(&value) {
            fields.reject(
                field,
                format!("must be from 0 to {MAX_PARCEL}; found {value}"),
            );
            measured = false;
        }
    }
    let command = PackParcel {
        shipment_id: shipment_id?,
        sscc: sscc?,
        seal_number: seal_number?,
        contents: named(contents?),
        weight_g: message.weight_g,
        volume_ml: message.volume_ml,
    };
    measured.then_some(command)
}

/// A parcel to be taken apart.
pub fn unpack(message: &UnpackParcelRequest, fields: &mut Fields) -> Option<UnpackParcel> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let sscc = sscc::given(fields, "sscc", &message.sscc);
    Some(UnpackParcel {
        shipment_id: shipment_id?,
        sscc: sscc?,
    })
}

/// What is named; `None` where nothing is, which means everything.
pub(super) fn named<T>(all: Vec<T>) -> Option<Vec<T>> {
    (!all.is_empty()).then_some(all)
}

/// Parts of a shipment.
pub fn picks(fields: &mut Fields, field: &str, picks: &[ShipmentPick]) -> Option<Vec<Pick>> {
    let parsed = fields.each(field, picks, limits::PICKS, pick);
    let counts = picks.iter().map(|pick| pick.serial_numbers.len());
    let fitting = fields.serial_numbers_of(field, counts);
    let (parsed, ()) = parsed.zip(fitting)?;
    Some(parsed)
}

fn pick(fields: &mut Fields, path: &str, pick: &ShipmentPick) -> Option<Pick> {
    let batch_id = fields.optional_code(&format!("{path}.batch_id"), &pick.batch_id);
    let owner_id = fields.optional_code(&format!("{path}.owner_id"), &pick.owner_id);
    let quantity = match pick.quantity {
        0 => Some(None),
        quantity => fields
            .quantity(&format!("{path}.quantity"), quantity)
            .map(Some),
    };
    let serial_numbers = fields.each(
        &format!("{path}.serial_numbers"),
        &pick.serial_numbers,
        limits::SERIAL_NUMBERS,
        |fields, path, serial| fields.label(path, serial),
    );
    if pick.line < 1 {
        let rule = "must be the number of a line of the shipment";
        fields.reject(
            format!("{path}.line"),
            format!("{rule}; found {}", pick.line),
        );
        return None;
    }
    Some(Pick {
        line: pick.line,
        batch_id: batch_id?,
        owner_id: owner_id?,
        quantity: quantity?,
        serial_numbers: serial_numbers?,
    })
}

/// What was found of seals.
pub fn seals(fields: &mut Fields, field: &str, seals: &[SealCheck]) -> Option<Vec<SealCheck>> {
    fields.each(field, seals, limits::PARCELS, |fields, path, seal| {
        let sscc = sscc::given(fields, &format!("{path}.sscc"), &seal.sscc);
        let state: Option<SealState> = fields.stated(&format!("{path}.state"), seal.state);
        sscc?;
        if matches!(state?, SealState::Unsealed | SealState::Sealed) {
            let rule = "must be INTACT, BROKEN or PARCEL_MISSING: what was found of it";
            fields.reject(format!("{path}.state"), rule);
            return None;
        }
        Some(seal.clone())
    })
}

/// A shipment that is late.
pub fn delay(message: &DelayShipmentRequest, fields: &mut Fields) -> Option<DelayShipment> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let expected_on = fields.date("expected_on", &message.expected_on);
    let reason: Option<DelayReason> = fields.stated("reason", message.reason);
    let documents = fields.documents("documents", &message.documents);
    Some(DelayShipment {
        shipment_id: shipment_id?,
        expected_on: expected_on?,
        reason: reason?,
        documents: documents?,
    })
}

/// A shipment that nobody took.
pub fn attempt(
    message: &RecordDeliveryAttemptRequest,
    fields: &mut Fields,
) -> Option<RecordDeliveryAttempt> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let reason: Option<DeliveryFailure> = fields.stated("reason", message.reason);
    let expected_on = fields.date("expected_on", &message.expected_on);
    let documents = fields.documents("documents", &message.documents);
    Some(RecordDeliveryAttempt {
        shipment_id: shipment_id?,
        reason: reason?,
        expected_on: expected_on?,
        documents: documents?,
    })
}

/// A shipment that goes elsewhere.
pub fn divert(message: &DivertShipmentRequest, fields: &mut Fields) -> Option<DivertShipment> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let facility_id = fields.code("new_destination_id", &message.new_destination_id);
    let reason: Option<DiversionReason> = fields.stated("reason", message.reason);
    let expected_on = fields.date("expected_on", &message.expected_on);
    let fit_override = fields.fit_override("fit_override", message.fit_override.as_ref());
    let documents = fields.documents("documents", &message.documents);
    Some(DivertShipment {
        shipment_id: shipment_id?,
        elsewhere: Elsewhere::Facility(facility_id?, fit_override?),
        reason: reason?,
        expected_on: expected_on?,
        documents: documents?,
    })
}

/// A shipment that goes back.
pub fn turn_back(message: &ReturnShipmentRequest, fields: &mut Fields) -> Option<DivertShipment> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let reason: Option<DiversionReason> = fields.stated("reason", message.reason);
    let expected_on = fields.date("expected_on", &message.expected_on);
    let documents = fields.documents("documents", &message.documents);
    Some(DivertShipment {
        shipment_id: shipment_id?,
        elsewhere: Elsewhere::Back,
        reason: reason?,
        expected_on: expected_on?,
        documents: documents?,
    })
}

/// A part of a shipment that goes on by itself.
pub fn split(message: &SplitShipmentRequest, fields: &mut Fields) -> Option<SplitShipment> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let new_shipment_id = fields.new_code(
        "new_shipment_id",
        &message.new_shipment_id,
        IdKind::Shipment,
    );
    let ssccs = fields.each(
        "ssccs",
        &message.ssccs,
        limits::PARCELS,
        |fields, path, text| sscc::given(fields, path, text),
    );
    let units = picks(fields, "units", &message.units);
    let expected_on = fields.date("expected_on", &message.expected_on);
    let reason: Option<SplitReason> = fields.stated("reason", message.reason);
    let documents = fields.documents("documents", &message.documents);
    if message.ssccs.is_empty() && message.units.is_empty() {
        fields.reject("units", "must name what goes on, or ssccs must");
        return None;
    }
    Some(SplitShipment {
        shipment_id: shipment_id?,
        new_shipment_id: new_shipment_id?,
        ssccs: ssccs?,
        units: units?,
        expected_on: expected_on?,
        reason: reason?,
        documents: documents?,
    })
}

/// Units of a shipment that passed to another owner.
pub fn title(
    message: &TransferShipmentTitleRequest,
    fields: &mut Fields,
) -> Option<TransferShipmentTitle> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let new_owner_id = fields.code("new_owner_id", &message.new_owner_id);
    let owner_id = fields.optional_code("owner_id", &message.owner_id);
    let ssccs = fields.each(
        "ssccs",
        &message.ssccs,
        limits::PARCELS,
        |fields, path, text| sscc::given(fields, path, text),
    );
    let units = picks(fields, "units", &message.units);
    if message.documents.is_empty() {
        fields.reject(
            "documents",
            "must name by what deed they passed, at least one",
        );
    }
    let documents = fields.documents("documents", &message.documents);
    Some(TransferShipmentTitle {
        shipment_id: shipment_id?,
        new_owner_id: new_owner_id?,
        owner_id: owner_id?,
        ssccs: ssccs?,
        units: units?,
        documents: documents?,
    })
}

/// A shipment that stands at its destination.
pub fn arrive(message: &RecordArrivalRequest, fields: &mut Fields) -> Option<RecordArrival> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let seals = seals(fields, "seals", &message.seals);
    let signed_by_ref = fields.optional_person("signed_by_ref", &message.signed_by_ref);
    let documents = fields.documents("documents", &message.documents);
    Some(RecordArrival {
        shipment_id: shipment_id?,
        seals: seals?,
        signed_by_ref: signed_by_ref?,
        documents: documents?,
    })
}

/// Units that were lost on their way.
pub fn report_loss(message: &ReportLossRequest, fields: &mut Fields) -> Option<ReportLoss> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let units = picks(fields, "units", &message.units);
    let cause: Option<LossCause> = fields.stated("cause", message.cause);
    let documents = fields.documents("documents", &message.documents);
    Some(ReportLoss {
        shipment_id: shipment_id?,
        units: named(units?),
        cause: cause?,
        documents: documents?,
    })
}

/// What the sender says to discrepancies.
pub fn answer(
    message: &AnswerDiscrepancyRequest,
    fields: &mut Fields,
) -> Option<AnswerDiscrepancy> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let numbers = numbers(fields, "numbers", &message.numbers, limits::DISCREPANCIES);
    let answer: Option<DiscrepancyAnswer> = fields.stated("answer", message.answer);
    let answered_by_ref = fields.optional_person("answered_by_ref", &message.answered_by_ref);
    let documents = fields.documents("documents", &message.documents);
    let dispute_reason = match answer? {
        DiscrepancyAnswer::Disputed => {
            let reason: Option<DisputeReason> =
                fields.stated("dispute_reason", message.dispute_reason);
            reason.map(Some)
        }
        _ if message.dispute_reason != 0 => {
            fields.reject("dispute_reason", "only where the answer is DISPUTED");
            None
        }
        _ => Some(None),
    };
    Some(AnswerDiscrepancy {
        shipment_id: shipment_id?,
        numbers: named(numbers?),
        dispute_reason: dispute_reason?,
        answered_by_ref: answered_by_ref?,
        documents: documents?,
    })
}

/// Numbers of lines and the like.
pub fn numbers(fields: &mut Fields, field: &str, numbers: &[i32], max: usize) -> Option<Vec<i32>> {
    fields.each(field, numbers, max, |fields, path, number| {
        if *number < 1 {
            fields.reject(path, format!("must be 1 or more; found {number}"));
            return None;
        }
        Some(*number)
    })
}
