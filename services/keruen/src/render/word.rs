//! The words for enums: `RECEIPT_OUTCOME_GOOD` is `good` on the command line, in tables and in CSV.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use keruen_proto::{
    inventory::v1::{
        AdjustmentReason, AssetCondition, AssetFault, AssetLossVerdict, AssetPlace,
        AssetRetirementReason, ClearanceOverrideReason, CommitmentReleaseReason, ConsignmentState,
        ConsumptionPurpose, ContainerFill, CountKind, DisposalReason, DonationCondition,
        DonationState, FitOverrideReason, HoldReason, MoneyPurpose, OverrideReason, RecallReason,
        ReceiptOutcome, RefusalReason, ReleaseVerdict, RepairOutcome, ReturnReason,
        ShortfallReason,
    },
    log::v1::TimePrecision,
    projections::v1::ProjectionState,
    registry::v1::{
        AssignmentEndReason, ClosureReason, CrewRole, DocumentKind, FacilityKind, Freezing,
        OrganisationKind, PlugType, RegistryKind, RetirementReason, RevocationReason, Skill,
        Tracking, ValueBasis, VehicleKind,
    },
    reports::v1::{AuditExceptionKind, StatementFigure},
    requests::v1::{
        EmergencyKind, EscalationReason, NeedKind, PlanCancellationReason, PlanCriterion,
        PlanState, RejectionReason, RequestCancellationReason, RequestChannel, RequestPriority,
        RequestState, ShortClosingReason, SubstituteDeclineReason, SubstituteState,
    },
    shipments::v1::{
        AgreementEndReason, AgreementOverrideReason, BreakdownReason, CancellationReason,
        ColdChainOverrideReason, CustodyBasis, DelayReason, DeliveryFailure, DiscrepancyAnswer,
        DiscrepancyState, DisputeReason, DiversionReason, LiabilityBasis, LossCause, LossVerdict,
        RemarkKind, ReserveOverrideReason, SealState, ShipmentState, SplitReason,
        TripCancellationReason, TripState,
    },
    stock::v1::{InboxKind, StockGroup, TraceStatus},
};

/// An enum of the schema.
pub trait Word: Copy + TryFrom<i32> + Into<i32> + Send + Sync + 'static {
    /// What all names of its values begin with.
    const PREFIX: &'static str;
    /// The name in the schema.
    fn name(self) -> &'static str;
}

macro_rules! words {
    ($($enum:ident $prefix:literal)*) => {$(
        impl Word for $enum {
            const PREFIX: &'static str = $prefix;
            fn name(self) -> &'static str {
                self.as_str_name()
            }
        }
    )*};
}

words! {
    AuditExceptionKind "AUDIT_EXCEPTION_KIND_"
    AdjustmentReason "ADJUSTMENT_REASON_"
    AgreementEndReason "AGREEMENT_END_REASON_"
    AgreementOverrideReason "AGREEMENT_OVERRIDE_REASON_"
    AssignmentEndReason "ASSIGNMENT_END_REASON_"
    AssetCondition "ASSET_CONDITION_"
    AssetFault "ASSET_FAULT_"
    AssetLossVerdict "ASSET_LOSS_VERDICT_"
    AssetPlace "ASSET_PLACE_"
    AssetRetirementReason "ASSET_RETIREMENT_REASON_"
    CancellationReason "CANCELLATION_REASON_"
    ClearanceOverrideReason "CLEARANCE_OVERRIDE_REASON_"
    ClosureReason "CLOSURE_REASON_"
    CommitmentReleaseReason "COMMITMENT_RELEASE_REASON_"
    ConsignmentState "CONSIGNMENT_STATE_"
    ConsumptionPurpose "CONSUMPTION_PURPOSE_"
    ContainerFill "CONTAINER_FILL_"
    CrewRole "CREW_ROLE_"
    CountKind "COUNT_KIND_"
    CustodyBasis "CUSTODY_BASIS_"
    DelayReason "DELAY_REASON_"
    DeliveryFailure "DELIVERY_FAILURE_"
    DiscrepancyAnswer "DISCREPANCY_ANSWER_"
    DiscrepancyState "DISCREPANCY_STATE_"
    DisposalReason "DISPOSAL_REASON_"
    DisputeReason "DISPUTE_REASON_"
    DiversionReason "DIVERSION_REASON_"
    DocumentKind "DOCUMENT_KIND_"
    DonationCondition "DONATION_CONDITION_"
    DonationState "DONATION_STATE_"
    EmergencyKind "EMERGENCY_KIND_"
    EscalationReason "ESCALATION_REASON_"
    FacilityKind "FACILITY_KIND_"
    Freezing "FREEZING_"
    FitOverrideReason "FIT_OVERRIDE_REASON_"
    HoldReason "HOLD_REASON_"
    LiabilityBasis "LIABILITY_BASIS_"
    BreakdownReason "BREAKDOWN_REASON_"
    ColdChainOverrideReason "COLD_CHAIN_OVERRIDE_REASON_"
    TripCancellationReason "TRIP_CANCELLATION_REASON_"
    TripState "TRIP_STATE_"
    LossCause "LOSS_CAUSE_"
    LossVerdict "LOSS_VERDICT_"
    InboxKind "INBOX_KIND_"
    MoneyPurpose "MONEY_PURPOSE_"
    NeedKind "NEED_KIND_"
    OrganisationKind "ORGANISATION_KIND_"
    OverrideReason "OVERRIDE_REASON_"
    PlanCancellationReason "PLAN_CANCELLATION_REASON_"
    PlanCriterion "PLAN_CRITERION_"
    PlanState "PLAN_STATE_"
    PlugType "PLUG_TYPE_"
    ProjectionState "PROJECTION_STATE_"
    RecallReason "RECALL_REASON_"
    ReceiptOutcome "RECEIPT_OUTCOME_"
    RefusalReason "REFUSAL_REASON_"
    RegistryKind "REGISTRY_KIND_"
    RejectionReason "REJECTION_REASON_"
    RemarkKind "REMARK_KIND_"
    ReleaseVerdict "RELEASE_VERDICT_"
    RepairOutcome "REPAIR_OUTCOME_"
    RequestCancellationReason "REQUEST_CANCELLATION_REASON_"
    RequestChannel "REQUEST_CHANNEL_"
    RequestPriority "REQUEST_PRIORITY_"
    RequestState "REQUEST_STATE_"
    ReserveOverrideReason "RESERVE_OVERRIDE_REASON_"
    RetirementReason "RETIREMENT_REASON_"
    ReturnReason "RETURN_REASON_"
    RevocationReason "REVOCATION_REASON_"
    SealState "SEAL_STATE_"
    ShipmentState "SHIPMENT_STATE_"
    ShortClosingReason "SHORT_CLOSING_REASON_"
    ShortfallReason "SHORTFALL_REASON_"
    Skill "SKILL_"
    SplitReason "SPLIT_REASON_"
    StatementFigure "STATEMENT_FIGURE_"
    StockGroup "STOCK_GROUP_"
    SubstituteDeclineReason "SUBSTITUTE_DECLINE_REASON_"
    SubstituteState "SUBSTITUTE_STATE_"
    TimePrecision "TIME_PRECISION_"
    TraceStatus "TRACE_STATUS_"
    Tracking "TRACKING_"
    ValueBasis "VALUE_BASIS_"
    VehicleKind "VEHICLE_KIND_"
}

/// The word of a value: `partly-received`.
pub fn of<E: Word>(value: E) -> String {
    let name = value.name();
    name.strip_prefix(E::PREFIX)
        .unwrap_or(name)
        .to_ascii_lowercase()
        .replace('_', "-")
}

/// The word of a field: empty where unspecified, the number where this version doesn't know it.
pub fn field<E: Word>(value: i32) -> String {
    match E::try_from(value) {
        Ok(_) if value == 0 => String::new(),
        Ok(value) => of(value),
        Err(_) => value.to_string(),
    }
}

/// All values but the unspecified one. Numbers of the schema have no gaps.
pub fn all<E: Word>() -> impl Iterator<Item = E> {
    (1..).map_while(|number| E::try_from(number).ok())
}

/// The value of a word.
pub fn parse<E: Word>(text: &str) -> Result<E, String> {
    all().find(|value| of::<E>(*value) == text).ok_or_else(|| {
        let words: Vec<String> = all::<E>().map(of).collect();
        format!("{text:?} is not one of {}", words.join(", "))
    })
}

/// The number of a word, as a field holds it.
pub fn number<E: Word>(text: &str) -> Result<i32, String> {
    parse::<E>(text).map(Into::into)
}

/// Reads a word from the command line; `--help` lists all of them.
pub fn parser<E: Word>() -> impl TypedValueParser<Value = E> {
    PossibleValuesParser::new(all::<E>().map(of)).try_map(|text| parse::<E>(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trips<E: Word>() {
        assert!(
            E::try_from(0).is_ok_and(|none| none.name() == format!("{}UNSPECIFIED", E::PREFIX))
        );
        for value in all::<E>() {
            let name = value.name();
            assert!(name.starts_with(E::PREFIX), "{name}");
            assert!(parse::<E>(&of(value)).is_ok_and(|again| again.name() == name));
        }
        assert_ne!(all::<E>().count(), 0);
    }

    #[test]
    fn every_word_names_its_value() {
        round_trips::<AdjustmentReason>();
        round_trips::<AssignmentEndReason>();
        round_trips::<CrewRole>();
        round_trips::<Freezing>();
        round_trips::<RegistryKind>();
        round_trips::<RevocationReason>();
        round_trips::<Skill>();
        round_trips::<VehicleKind>();
        round_trips::<AssetPlace>();
        round_trips::<AssetLossVerdict>();
        round_trips::<AssetCondition>();
        round_trips::<AssetFault>();
        round_trips::<AssetRetirementReason>();
        round_trips::<ContainerFill>();
        round_trips::<FitOverrideReason>();
        round_trips::<PlugType>();
        round_trips::<RepairOutcome>();
        round_trips::<CancellationReason>();
        round_trips::<ClosureReason>();
        round_trips::<ConsumptionPurpose>();
        round_trips::<CountKind>();
        round_trips::<ReturnReason>();
        round_trips::<DisposalReason>();
        round_trips::<DocumentKind>();
        round_trips::<DonationState>();
        round_trips::<FacilityKind>();
        round_trips::<LossVerdict>();
        round_trips::<OrganisationKind>();
        round_trips::<ReceiptOutcome>();
        round_trips::<ClearanceOverrideReason>();
        round_trips::<CommitmentReleaseReason>();
        round_trips::<ConsignmentState>();
        round_trips::<DonationCondition>();
        round_trips::<MoneyPurpose>();
        round_trips::<RefusalReason>();
        round_trips::<ShortfallReason>();
        round_trips::<RejectionReason>();
        round_trips::<RequestPriority>();
        round_trips::<RequestState>();
        round_trips::<EscalationReason>();
        round_trips::<NeedKind>();
        round_trips::<RequestCancellationReason>();
        round_trips::<RequestChannel>();
        round_trips::<ShortClosingReason>();
        round_trips::<SubstituteDeclineReason>();
        round_trips::<SubstituteState>();
        round_trips::<RetirementReason>();
        round_trips::<ShipmentState>();
        round_trips::<AuditExceptionKind>();
        round_trips::<StatementFigure>();
        round_trips::<StockGroup>();
        round_trips::<TimePrecision>();
        round_trips::<TraceStatus>();
        round_trips::<Tracking>();
        round_trips::<ValueBasis>();
        assert_eq!(field::<ShipmentState>(0), "");
        assert_eq!(field::<ShipmentState>(99), "99");
    }
}
