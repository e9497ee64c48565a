//! Custody passes from hand to hand: who gives, who takes, what both found, and what they signed for.

use keruen_proto::{
    Event,
    registry::v1::DocumentRef,
    shipments::v1::{
        AgreementOverride, CustodyBasis, CustodyHandedOver, CustodyLeg, CustodyRefused, Remark,
        SealCheck, SealState, Shipment, ShipmentState,
    },
};

use super::{
    Pick, existing, journey::check_travels, parcel, pick, reads, receipt::missing_units,
    state::miss, way::close_if_received,
};
use crate::{
    agreement,
    asset::contents,
    books::Books,
    boundary::Boundary,
    calendar::kazakhstan_day,
    code::{Code, Label},
    command::{Command, Moment},
    limits,
    registry::{existing_facility, existing_organisation, in_use},
    rejection::Rejection,
};

/// Hands a shipment over to somebody else.
#[derive(Clone, Debug)]
pub struct HandOverShipment {
    /// The shipment.
    pub shipment_id: Code,
    /// Organisation that takes it, and is liable from then on.
    pub custodian_id: Code,
    /// Reference to the person who signs for it.
    pub signed_by_ref: Label,
    /// Reference to the person who hands it over.
    pub handed_over_by_ref: Option<Label>,
    /// What is signed for.
    pub basis: CustodyBasis,
    /// What was found of the seals of its parcels.
    pub seals: Vec<SealCheck>,
    /// What is not there.
    pub missing: Vec<Pick>,
    /// What is remarked.
    pub remarks: Vec<Remark>,
    /// Who answers for it that there is no valid agreement.
    pub agreement_override: Option<AgreementOverride>,
    /// Facility where that happens.
    pub facility_id: Option<Code>,
    /// Hand-over act and so on.
    pub documents: Vec<DocumentRef>,
}

/// Records that somebody refused to take a shipment.
#[derive(Clone, Debug)]
pub struct RefuseHandOver {
    /// The shipment.
    pub shipment_id: Code,
    /// Organisation that refuses it.
    pub custodian_id: Code,
    /// Reference to the person who refuses.
    pub signed_by_ref: Label,
    /// Why; at least one.
    pub remarks: Vec<Remark>,
    /// Papers.
    pub documents: Vec<DocumentRef>,
}

/// The fold of a hand-over: what was found counts against who had it, then the next one has it.
pub(super) fn handed_over(shipment: &mut Shipment, event: &CustodyHandedOver) {
    parcel::look_at(shipment, &event.seals);
    for missing in &event.missing {
        if let Some(units) = &missing.shipment_units {
            miss(shipment, units, &missing.liable_id);
        }
    }
    shipment.discrepancy |= !event.missing.is_empty();
    let leg = event.leg.clone().unwrap_or_default();
    for parcel in &mut shipment.parcels {
        if parcel.seal_state() == SealState::Intact {
            // Whoever takes it next looks again.
            parcel.seal_state = SealState::Sealed.into();
        }
        let is_sealed = matches!(parcel.seal_state(), SealState::Sealed | SealState::Broken);
        if leg.basis == Some(CustodyBasis::Counted.into()) && is_sealed {
            parcel.contents_liable_id.clone_from(&leg.custodian_id);
        }
    }
    shipment.custodian_id.clone_from(&leg.custodian_id);
    shipment.legs.push(leg);
    shipment.state = ShipmentState::HandedOver.into();
    shipment.documents.extend_from_slice(&event.documents);
    close_if_received(shipment);
}

impl Command for HandOverShipment {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(books, &self.shipment_id);
        boundaries.push(Boundary::Organisation(self.custodian_id.clone()));
        boundaries.push(Boundary::Agreements(self.custodian_id.clone()));
        boundaries.extend(self.facility_id.clone().map(Boundary::Facility));
        if let Some(shipment) = books.shipment(&self.shipment_id) {
            boundaries.extend(contents::reads_of_receipt(shipment));
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        existing_organisation(books, &self.custodian_id)?;
        if let Some(facility_id) = &self.facility_id {
            existing_facility(books, facility_id)?;
        }
        parcel::check_seals_exist(shipment, &self.seals)?;
        check_travels(shipment)?;
        let organisation = Boundary::Organisation(self.custodian_id.clone());
        in_use(books, &[organisation], moment)?;
        self.check_other(shipment)?;
        let (agreement_id, agreement_override) = agreement::rests_on(
            books,
            &self.custodian_id,
            Some(self.signed_by_ref.as_str()),
            kazakhstan_day(moment.occurred_at_us),
            self.agreement_override.as_ref(),
        )?;
        if shipment.legs.len() >= limits::LEGS {
            return Err(Rejection::TooManyRecords {
                kind: "shipment",
                id: self.shipment_id.to_string(),
                what: "custodians",
                limit: limits::LEGS,
            });
        }
        parcel::check_seals_once(&self.seals)?;
        let mut looked_at = shipment.clone();
        parcel::look_at(&mut looked_at, &self.seals);
        let mut missing = Vec::new();
        if !self.missing.is_empty() {
            missing = pick::taken("missing", shipment, &self.missing, pick::on_the_way)?;
            missing.extend(contents::go_along(books, shipment, &missing));
        }
        let missing = missing
            .into_iter()
            .map(|units| missing_units(&looked_at, units))
            .collect();
        limits::keep(vec![
            CustodyHandedOver {
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
                from_custodian_id: shipment.custodian_id.clone(),
                leg: Some(CustodyLeg {
                    custodian_id: self.custodian_id.to_string(),
                    signed_by_ref: self.signed_by_ref.to_string(),
                    basis: Some(self.basis.into()),
                    agreement_id,
                    agreement_override,
                    facility_id: stored(self.facility_id.as_ref()),
                }),
                handed_over_by_ref: self
                    .handed_over_by_ref
                    .as_ref()
                    .map(Label::to_string)
                    .unwrap_or_default(),
                seals: self.seals.clone(),
                missing,
                remarks: self.remarks.clone(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}

fn stored(code: Option<&Code>) -> String {
    code.map(Code::to_string).unwrap_or_default()
}

impl HandOverShipment {
    /// Refuses to hand it to whoever has signed for it already.
    fn check_other(&self, shipment: &Shipment) -> Result<(), Rejection> {
        let known = shipment.legs.last().map(|leg| leg.signed_by_ref.as_str());
        let is_same = shipment.custodian_id == self.custodian_id.as_str()
            && known == Some(self.signed_by_ref.as_str());
        if !is_same {
            return Ok(());
        }
        Err(Rejection::SameCustodian {
            shipment_id: shipment.shipment_id.clone(),
            custodian_id: self.custodian_id.to_string(),
            signed_by_ref: self.signed_by_ref.to_string(),
        })
    }
}

impl Command for RefuseHandOver {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(books, &self.shipment_id);
        boundaries.push(Boundary::Organisation(self.custodian_id.clone()));
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        existing_organisation(books, &self.custodian_id)?;
        check_travels(shipment)?;
        limits::lines("remarks", self.remarks.len(), limits::REMARKS)?;
        limits::keep(vec![
            CustodyRefused {
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
                custodian_id: self.custodian_id.to_string(),
                signed_by_ref: self.signed_by_ref.to_string(),
                remarks: self.remarks.clone(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}
