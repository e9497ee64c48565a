//! Requests about the quality of stock, parsed into commands.

use keruen_domain::{
    Contents, Packed,
    quality::{Grounds, HoldBatch, LiftRecall, RecallLot, ReleaseBatch},
    stock::{HoldStock, ReleaseStock},
};
use keruen_edge::Fields;
use keruen_proto::inventory::v1::{
    HoldBatchRequest, HoldReason, HoldStockRequest, LiftRecallRequest, OverrideReason,
    RecallLotRequest, RecallReason, ReleaseBatchRequest, ReleaseOverride, ReleaseStockRequest,
    ReleaseVerdict,
};

use super::serial_numbers;

/// Why something is held by hand.
fn hold_reason(fields: &mut Fields, reason: i32) -> Option<HoldReason> {
    let reason = fields.stated("reason", reason)?;
    if reason == HoldReason::AssetState {
        fields.reject(
            "reason",
            "ASSET_STATE follows from what becomes of an asset: report that it is out of order, lend or retire it",
        );
        return None;
    }
    if reason == HoldReason::Component {
        fields.reject(
            "reason",
            "COMPONENT follows from what is known of what is in the kits: hold that batch, or recall its lot",
        );
        return None;
    }
    Some(reason)
}

/// A batch to be held.
pub fn hold(message: &HoldBatchRequest, fields: &mut Fields) -> Option<HoldBatch> {
    let batch_id = fields.code("batch_id", &message.batch_id);
    let reason = hold_reason(fields, message.reason);
    let documents = fields.documents("documents", &message.documents);
    Some(HoldBatch {
        batch_id: batch_id?,
        reason: reason?,
        documents: documents?,
    })
}

/// A batch to be released.
pub fn release(message: &ReleaseBatchRequest, fields: &mut Fields) -> Option<ReleaseBatch> {
    let batch_id = fields.code("batch_id", &message.batch_id);
    let reason = match message.reason {
        0 => Some(None),
        stated => fields.stated("reason", stated).map(Some),
    };
    let grounds = grounds(fields, message.verdict, message.release_override.as_ref());
    let documents = fields.documents("documents", &message.documents);
    Some(ReleaseBatch {
        batch_id: batch_id?,
        reason: reason?,
        grounds: grounds?,
        documents: documents?,
    })
}

/// A verdict or an override, never both.
fn grounds(
    fields: &mut Fields,
    verdict: i32,
    release_override: Option<&ReleaseOverride>,
) -> Option<Grounds> {
    let Some(release_override) = release_override else {
        if verdict == 0 {
            fields.reject(
                "verdict",
                "must be stated, unless release_override says who releases the batch without one, and why",
            );
            return None;
        }
        let verdict: Option<ReleaseVerdict> = fields.stated("verdict", verdict);
        return verdict.map(Grounds::Verdict);
    };
    if verdict != 0 {
        fields.reject(
            "release_override",
            "must be left out where there is a verdict",
        );
        return None;
    }
    let authorised_by_ref = fields.person(
        "release_override.authorised_by_ref",
        &release_override.authorised_by_ref,
    );
    let reason: Option<OverrideReason> =
        fields.stated("release_override.reason", release_override.reason);
    Some(Grounds::Override {
        authorised_by_ref: authorised_by_ref?,
        reason: reason?,
    })
}

/// Units to be held by themselves.
pub fn hold_stock(message: &HoldStockRequest, fields: &mut Fields) -> Option<Packed<HoldStock>> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let batch_id = fields.code("batch_id", &message.batch_id);
    let owner_id = fields.optional_code("owner_id", &message.owner_id);
    let quantity = fields.quantity("quantity", message.quantity);
    let serial_numbers = serial_numbers(fields, &message.serial_numbers);
    let reason = hold_reason(fields, message.reason);
    let documents = fields.documents("documents", &message.documents);
    let in_packs = fields.in_packs(&message.pack_id, Contents::Batch(&message.batch_id));
    let command = HoldStock {
        facility_id: facility_id?,
        batch_id: batch_id?,
        owner_id: owner_id?,
        quantity: quantity?,
        serial_numbers: serial_numbers?,
        reason: reason?,
        documents: documents?,
    };
    Some(Packed::new(command, in_packs?, |it, _| {
        Some(&mut it.quantity)
    }))
}

/// Units to be released that are held by themselves.
pub fn release_stock(
    message: &ReleaseStockRequest,
    fields: &mut Fields,
) -> Option<Packed<ReleaseStock>> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let batch_id = fields.code("batch_id", &message.batch_id);
    let owner_id = fields.optional_code("owner_id", &message.owner_id);
    let quantity = fields.quantity("quantity", message.quantity);
    let serial_numbers = serial_numbers(fields, &message.serial_numbers);
    let grounds = grounds(fields, message.verdict, message.release_override.as_ref());
    let documents = fields.documents("documents", &message.documents);
    let in_packs = fields.in_packs(&message.pack_id, Contents::Batch(&message.batch_id));
    let command = ReleaseStock {
        facility_id: facility_id?,
        batch_id: batch_id?,
        owner_id: owner_id?,
        quantity: quantity?,
        serial_numbers: serial_numbers?,
        grounds: grounds?,
        documents: documents?,
    };
    Some(Packed::new(command, in_packs?, |it, _| {
        Some(&mut it.quantity)
    }))
}

/// A lot to be recalled.
pub fn recall(message: &RecallLotRequest, fields: &mut Fields) -> Option<RecallLot> {
    let item_id = fields.code("item_id", &message.item_id);
    let lot = fields.label("lot", &message.lot);
    let reason: Option<RecallReason> = fields.stated("reason", message.reason);
    let authority_id = fields.code("authority_id", &message.authority_id);
    let documents = fields.documents("documents", &message.documents);
    Some(RecallLot {
        item_id: item_id?,
        lot: lot?,
        reason: reason?,
        authority_id: authority_id?,
        documents: documents?,
    })
}

/// A recall to be lifted.
pub fn lift(message: &LiftRecallRequest, fields: &mut Fields) -> Option<LiftRecall> {
    let item_id = fields.code("item_id", &message.item_id);
    let lot = fields.label("lot", &message.lot);
    let authority_id = fields.code("authority_id", &message.authority_id);
    let documents = fields.documents("documents", &message.documents);
    Some(LiftRecall {
        item_id: item_id?,
        lot: lot?,
        authority_id: authority_id?,
        documents: documents?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_rests_on_a_verdict_or_on_somebody_who_answers_for_it() {
        let parsed = |verdict: ReleaseVerdict, release_override: Option<ReleaseOverride>| {
            let message = ReleaseBatchRequest {
                batch_id: "B1".to_owned(),
                verdict: verdict.into(),
                release_override,
                ..ReleaseBatchRequest::default()
            };
            release(&message, &mut Fields::of_query()).map(|command| command.grounds)
        };
        let by = |who: &str, reason: OverrideReason| {
            Some(ReleaseOverride {
                authorised_by_ref: who.to_owned(),
                reason: reason.into(),
            })
        };
        let tested = ReleaseVerdict::Tested;
        assert_eq!(parsed(tested, None), Some(Grounds::Verdict(tested)));
        let none = ReleaseVerdict::Unspecified;
        assert!(parsed(none, by("person:7", OverrideReason::UrgentNeed)).is_some());
        assert_eq!(parsed(none, None), None);
        for nobody in ["", "P-7", "Ann Lee"] {
            assert_eq!(parsed(none, by(nobody, OverrideReason::UrgentNeed)), None);
        }
        assert_eq!(
            parsed(none, by("person:7", OverrideReason::Unspecified)),
            None
        );
        assert_eq!(
            parsed(tested, by("person:7", OverrideReason::UrgentNeed)),
            None
        );
    }
}
