//! Hand-overs, liability agreements and keepers.

use keruen_domain::{
    agreement::{EndLiabilityAgreement, SignLiabilityAgreement},
    calendar::kazakhstan_day,
    keeper::AppointKeeper,
    limits,
    shipment::{HandOverShipment, RefuseHandOver},
};
use keruen_edge::Fields;
use keruen_proto::shipments::v1::{
    AgreementEndReason, AgreementOverride, AgreementOverrideReason, AppointKeeperRequest,
    CustodyBasis, EndLiabilityAgreementRequest, HandOverShipmentRequest, LiabilityBasis,
    RefuseHandOverRequest, Remark, RemarkKind, SignLiabilityAgreementRequest,
};

use super::{journey, sscc};

/// A shipment to be handed over.
pub fn hand_over(
    message: &HandOverShipmentRequest,
    fields: &mut Fields,
) -> Option<HandOverShipment> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let custodian_id = fields.code("custodian_id", &message.custodian_id);
    let signed_by_ref = fields.person("signed_by_ref", &message.signed_by_ref);
    let giver = fields.optional_person("handed_over_by_ref", &message.handed_over_by_ref);
    let basis = fields.stated_or("basis", message.basis, CustodyBasis::Sealed);
    let seals = journey::seals(fields, "seals", &message.seals);
    let missing = journey::picks(fields, "missing", &message.missing);
    let remarks = remarks(fields, &message.remarks);
    let answered = agreement_override(fields, message.agreement_override.as_ref());
    let facility_id = fields.optional_code("facility_id", &message.facility_id);
    let documents = fields.documents("documents", &message.documents);
    Some(HandOverShipment {
        shipment_id: shipment_id?,
        custodian_id: custodian_id?,
        signed_by_ref: signed_by_ref?,
        handed_over_by_ref: giver?,
        basis: basis?,
        seals: seals?,
        missing: missing?,
        remarks: remarks?,
        agreement_override: answered.ok()?,
        facility_id: facility_id?,
        documents: documents?,
    })
}

/// Something was wrong with a field, and was said.
pub struct Rejected;

/// Whoever answers for it that there is no agreement; `None` where nobody does.
pub fn agreement_override(
    fields: &mut Fields,
    given: Option<&AgreementOverride>,
) -> Result<Option<AgreementOverride>, Rejected> {
    let Some(given) = given else {
        return Ok(None);
    };
    let who = fields.person(
        "agreement_override.authorised_by_ref",
        &given.authorised_by_ref,
    );
    let why = fields.stated::<AgreementOverrideReason>("agreement_override.reason", given.reason);
    match (who, why) {
        (Some(_), Some(_)) => Ok(Some(given.clone())),
        _ => Err(Rejected),
    }
}

fn remarks(fields: &mut Fields, remarks: &[Remark]) -> Option<Vec<Remark>> {
    fields.each(
        "remarks",
        remarks,
        limits::REMARKS,
        |fields, path, remark| {
            let kind: Option<RemarkKind> = fields.stated(&format!("{path}.kind"), remark.kind);
            let sscc = sscc::optional(fields, &format!("{path}.sscc"), &remark.sscc);
            let reference =
                fields.optional_reference(&format!("{path}.reference"), &remark.reference);
            let _ = (kind?, sscc?, reference?);
            Some(remark.clone())
        },
    )
}

/// A hand-over that was refused.
pub fn refuse(message: &RefuseHandOverRequest, fields: &mut Fields) -> Option<RefuseHandOver> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let custodian_id = fields.code("custodian_id", &message.custodian_id);
    let signed_by_ref = fields.person("signed_by_ref", &message.signed_by_ref);
    let remarks = remarks(fields, &message.remarks);
    let documents = fields.documents("documents", &message.documents);
    Some(RefuseHandOver {
        shipment_id: shipment_id?,
        custodian_id: custodian_id?,
        signed_by_ref: signed_by_ref?,
        remarks: remarks?,
        documents: documents?,
    })
}

/// An agreement that was signed.
pub fn sign(
    message: &SignLiabilityAgreementRequest,
    fields: &mut Fields,
) -> Option<SignLiabilityAgreement> {
    let organisation_id = fields.code("organisation_id", &message.organisation_id);
    let agreement_id = fields.code("agreement_id", &message.agreement_id);
    let volunteer_id = fields.optional_code("volunteer_id", &message.volunteer_id);
    let basis: Option<LiabilityBasis> = fields.stated("basis", message.basis);
    let limit = message.limit.as_ref();
    let limit_fits = match limit {
        Some(limit) => fields.money("limit", limit).is_some(),
        None => true,
    };
    let valid_from = fields.date("valid_from", &message.valid_from);
    let valid_until = fields.date("valid_until", &message.valid_until);
    let documents = fields.documents("documents", &message.documents);
    let basis = basis?;
    if (basis == LiabilityBasis::Limited) != limit.is_some() {
        fields.reject(
            "limit",
            "must be there where the basis is LIMITED, and only there",
        );
        return None;
    }
    let today = kazakhstan_day(
        message
            .occurred_at
            .as_ref()
            .map_or(fields.now_us(), |time| {
                time.seconds.saturating_mul(1_000_000)
            }),
    );
    let command = SignLiabilityAgreement {
        organisation_id: organisation_id?,
        agreement_id: agreement_id?,
        volunteer_id: volunteer_id?,
        basis,
        limit: limit.cloned(),
        valid_from: valid_from?.unwrap_or(today),
        valid_until: valid_until?,
        documents: documents?,
    };
    limit_fits.then_some(command)
}

/// An agreement that ended.
pub fn end(
    message: &EndLiabilityAgreementRequest,
    fields: &mut Fields,
) -> Option<EndLiabilityAgreement> {
    let organisation_id = fields.code("organisation_id", &message.organisation_id);
    let agreement_id = fields.code("agreement_id", &message.agreement_id);
    let ended_on = fields.date("ended_on", &message.ended_on);
    let reason: Option<AgreementEndReason> = fields.stated("reason", message.reason);
    let documents = fields.documents("documents", &message.documents);
    Some(EndLiabilityAgreement {
        organisation_id: organisation_id?,
        agreement_id: agreement_id?,
        ended_on: ended_on?,
        reason: reason?,
        documents: documents?,
    })
}

/// A keeper to be appointed.
pub fn appoint(message: &AppointKeeperRequest, fields: &mut Fields) -> Option<AppointKeeper> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let organisation_id = fields.code("organisation_id", &message.organisation_id);
    let person_ref = fields.person("person_ref", &message.person_ref);
    let count_ids = fields.each(
        "count_ids",
        &message.count_ids,
        limits::KEEPER_COUNTS,
        |fields, path, text| fields.code(path, text),
    );
    let documents = fields.documents("documents", &message.documents);
    Some(AppointKeeper {
        facility_id: facility_id?,
        organisation_id: organisation_id?,
        person_ref: person_ref?,
        count_ids: count_ids?,
        documents: documents?,
    })
}
