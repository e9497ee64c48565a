//! Stored formats are for ever: one sample of every event type, its bytes as they were written once, what they must
//! still mean, and its tags.

use std::{fmt::Write as _, fs, path::PathBuf};

use keruen_domain::tags;
use keruen_proto::{
    EVENT_TYPES, Event,
    inventory::v1::{
        AdjustmentReason, AssetCondition, AssetConditionReported, AssetFault, AssetInstalled,
        AssetLent, AssetLoan, AssetLoanEnded, AssetLoss, AssetLossAccepted, AssetLossVerdict,
        AssetPlace, AssetPutInside, AssetPutIntoService, AssetRef, AssetRemoved, AssetRepair,
        AssetRepairEnded, AssetRetired, AssetRetirementReason, AssetSentForRepair, AssetServiced,
        AssetStatus, AssetStepVoided, AssetTakenOut, BatchDataCorrected, BatchExpiryShortened,
        BatchHeld, BatchReleased, ClearanceOverride, ClearanceOverrideReason,
        CommitmentReleaseReason, ConsignmentAnnounced, ConsignmentCleared,
        ConsignmentEnteredCustoms, ConsignmentReachedBorder, ConsignmentRefused, ConsignmentState,
        ConsignmentStepVoided, ConsumptionPurpose, ContainerEmptied, ContainerFill,
        ContainerFilled, CountKind, CountedLot, DisposalReason, DonatedMoneyCommitted,
        DonatedMoneyReleased, DonatedMoneySpendingVoided, DonatedMoneySpent, DonationClosed,
        DonationCondition, DonationPledged, DonationReceived, DonationReopened, Earmark,
        EarmarksChanged, EnteredLine, EntryBasis, FitOverride, FitOverrideReason, FitProblem,
        GoodsIdentified, HoldReason, KitsAssembled, KitsBroken, LotRecallLifted, LotRecalled,
        MeasuredOutput, MoneyPurpose, MovementVoided, OverrideReason, PledgeLine, RecallReason,
        ReceiptCorrected, ReceiptOutcome, ReceivedLine, RefusalReason, ReleaseOverride,
        ReleaseVerdict, RepairOutcome, ReturnReason, ShortfallReason, StockAdjusted, StockConsumed,
        StockCount, StockCounted, StockDiscrepancyFound, StockDisposed, StockEntered, StockHeld,
        StockReleased, StockReturned, StockUnits, TemperatureExcursionFound, TitleTransferred,
        UnidentifiedGoodsReceived, UseParticulars, VoidedMovement,
    },
    log::v1::CorrectionReason,
    registry::v1::{
        Accessory, AssetLink, Assignment, AssignmentEndReason, AssignmentEnded, Closure,
        ClosureReason, Commodity, CommodityAmended, CommodityRegistered, CommodityRetired, Crew,
        CrewAmended, CrewRegistered, CrewRetired, CrewRole, DocumentKind, DocumentRef, ExternalId,
        Facility, FacilityAmended, FacilityClosed, FacilityKind, FacilityRegionAssigned,
        FacilityRegistered, FacilityReopened, FacilityRetired, Freezing, GeoPoint, Item,
        ItemAmended, ItemRegistered, ItemRetired, KitComponent, LocalizedText, MinimumReserve,
        MinimumReserveSet, MobileUnitDeparted, MobileUnitDeployed, MobileUnitScheduled, Money,
        Organisation, OrganisationAmended, OrganisationKind, OrganisationRegistered,
        OrganisationRetired, OrganisationVerified, Pack, PlannedStop, PlugType, RegionAssignment,
        Retirement, RetirementReason, RevocationReason, SiteData, SiteNeeds, Skill, Stop,
        StorageRange, Substitute, Throughput, ThroughputReported, Tracking, UnitValue, ValueBasis,
        Vehicle, VehicleAmended, VehicleKind, VehicleRegistered, VehicleRetired, Verification,
        VerificationRevoked, Volunteer, VolunteerAmended, VolunteerAssigned, VolunteerRegistered,
        VolunteerRetired,
    },
    requests::v1::{
        ApprovedLine, RejectionReason, RequestApproved, RequestFiled, RequestLine, RequestPriority,
        RequestRejected,
    },
    shipments::v1::{
        AgreementEndReason, AgreementOverride, AgreementOverrideReason, AllocationReleased,
        BreakdownReason, CancellationReason, ColdChainOverride, ColdChainOverrideReason,
        CustodyBasis, CustodyHandedOver, CustodyLeg, CustodyRefused, DelayReason,
        DeliveryAttempted, DeliveryFailure, DiscrepancyAnswer, DiscrepancyAnswered, DisputeReason,
        DiversionReason, Keeper, KeeperAppointed, LiabilityAgreement, LiabilityAgreementEnded,
        LiabilityAgreementSigned, LiabilityBasis, LossActAccepted, LossActVoided, LossCause,
        LossVerdict, PackedUnits, Parcel, ParcelPacked, ParcelUnpacked, ReceivedUnits,
        ReleaseReason, Remark, RemarkKind, SealCheck, SealState, ShipmentAllocated,
        ShipmentArrived, ShipmentCancelled, ShipmentDelayed, ShipmentDispatchVoided,
        ShipmentDispatched, ShipmentDiverted, ShipmentLine, ShipmentLoaded, ShipmentLossReported,
        ShipmentParcel, ShipmentReceiptVoided, ShipmentReceived, ShipmentRequested, ShipmentSplit,
        ShipmentTitleTransferred, ShipmentUnits, ShipmentUnloaded, SplitReason, Trip,
        TripBrokeDown, TripCancellationReason, TripCancelled, TripCompleted, TripDeparted,
        TripLoad, TripPlanned, TripResumed, TripState, TripStop, TripStopReached,
    },
};
use serde_json::Value;

fn text(value: &str) -> String {
    value.to_owned()
}

fn name() -> LocalizedText {
    LocalizedText {
        en: text("Name"),
        kk: text("Атауы"),
        ru: text("Название"),
    }
}

fn external_ids() -> Vec<ExternalId> {
    vec![ExternalId {
        scheme: text("BIN"),
        value: text("970740001013"),
    }]
}

fn documents(kind: DocumentKind) -> Vec<DocumentRef> {
    vec![DocumentRef {
        kind: kind.into(),
        number: text("№ 17/а"),
        issued_on: text("2020-04-10"),
        issuer_id: text("MOH"),
        sha256: vec![0xab; 32],
    }]
}

fn units() -> StockUnits {
    StockUnits {
        batch_id: text("B-1"),
        donation_id: text("D-1"),
        item_id: text("CONC"),
        owner_id: text("MOH"),
        lot: text("L 7/А"),
        expires_on: text("2021-12-31"),
        quantity: 2,
        serial_numbers: vec![text("S/1"), text("S/2")],
    }
}

fn unattributed() -> StockUnits {
    StockUnits {
        batch_id: text("B-9"),
        donation_id: text("UNATTRIBUTED"),
        item_id: text("GLOVE"),
        owner_id: text("UNATTRIBUTED"),
        quantity: 5,
        ..StockUnits::default()
    }
}

fn event_id() -> String {
    text("0190a7b2-0000-7000-8000-000000000001/0")
}

fn shipment_units(units: StockUnits) -> ShipmentUnits {
    ShipmentUnits {
        line: 1,
        request_id: text("R-1"),
        request_line: 2,
        units: Some(units),
    }
}

fn registered() -> Vec<Event> {
    vec![
        OrganisationRegistered {
            organisation: Some(Organisation {
                organisation_id: text("MOH"),
                name: Some(name()),
                kinds: vec![
                    OrganisationKind::Ministry.into(),
                    OrganisationKind::Hospital.into(),
                ],
                external_ids: external_ids(),
                ..Organisation::default()
            }),
        }
        .into(),
        FacilityRegistered {
            facility: Some(Facility {
                facility_id: text("HOSP"),
                name: Some(name()),
                kind: FacilityKind::Hospital.into(),
                regions: vec![
                    RegionAssignment {
                        region_id: text("KZ-35"),
                        valid_from: String::new(),
                    },
                    RegionAssignment {
                        region_id: text("KZ-62"),
                        valid_from: text("2022-06-08"),
                    },
                ],
                time_zone: text("Asia/Almaty"),
                operator_id: text("MOH"),
                location: Some(GeoPoint {
                    latitude_e7: 477_833_000,
                    longitude_e7: -677_144_000,
                }),
                site: Some(SiteData {
                    mains_voltage_v: 230,
                    mains_frequency_hz: 50,
                    backup_power_hours: Some(0),
                    oxygen_supply: Some(false),
                    altitude_m: Some(-28),
                    cold_storage: Some(true),
                    ..SiteData::default()
                }),
                minimum_reserves: vec![MinimumReserve {
                    commodity_id: text("OXYGEN"),
                    quantity: 2,
                }],
                external_ids: external_ids(),
                ..Facility::default()
            }),
        }
        .into(),
        CommodityRegistered {
            commodity: Some(Commodity {
                commodity_id: text("OXYGEN"),
                name: Some(name()),
                base_unit: text("EA"),
                ..Commodity::default()
            }),
        }
        .into(),
        ItemRegistered {
            item: Some(Item {
                item_id: text("CONC"),
                commodity_id: text("OXYGEN"),
                name: Some(name()),
                tracking: Tracking::Serial.into(),
                manufacturer: text("Maker & Söhne"),
                model: text("C/5"),
                gtin: text("04012345678901"),
                expires: true,
                storage: Some(StorageRange {
                    minimum_millicelsius: -20_000,
                    maximum_millicelsius: 40_000,
                }),
                site_needs: Some(SiteNeeds {
                    mains_voltage_v: 230,
                    mains_frequency_hz: 50,
                    oxygen_supply: false,
                    maximum_altitude_m: 2_400,
                    cold_storage: true,
                    ..SiteNeeds::default()
                }),
                accessories: vec![Accessory {
                    item_id: text("CANNULA"),
                    quantity: 2,
                }],
                external_ids: external_ids(),
                release_required: None,
                ..Item::default()
            }),
        }
        .into(),
    ]
}

fn retirement() -> Retirement {
    Retirement {
        retired_on: text("2023-02-28"),
        reason: RetirementReason::Merged.into(),
        successor_id: text("NEXT"),
    }
}

fn released() -> Vec<ExternalId> {
    vec![ExternalId {
        scheme: text("GLN"),
        value: text("4006381333931"),
    }]
}

fn amended() -> Vec<Event> {
    vec![
        OrganisationAmended {
            organisation: Some(Organisation {
                organisation_id: text("MOH"),
                name: Some(name()),
                kinds: vec![OrganisationKind::Ministry.into()],
                external_ids: external_ids(),
                retired: Some(retirement()),
                ..Organisation::default()
            }),
            changed: vec![text("kinds"), text("external_ids")],
            released: released(),
        }
        .into(),
        FacilityAmended {
            facility: Some(Facility {
                facility_id: text("HOSP"),
                name: Some(name()),
                kind: FacilityKind::Hospital.into(),
                time_zone: text("Asia/Almaty"),
                operator_id: text("MOH"),
                external_ids: external_ids(),
                closures: vec![Closure {
                    closed_on: text("2020-05-01"),
                    reopened_on: text("2020-06-01"),
                    reason: ClosureReason::Infection.into(),
                }],
                retired: Some(retirement()),
                ..Facility::default()
            }),
            changed: vec![text("site"), text("external_ids")],
            released: released(),
        }
        .into(),
        CommodityAmended {
            commodity: Some(Commodity {
                commodity_id: text("OXYGEN"),
                name: Some(name()),
                base_unit: text("EA"),
                retired: Some(retirement()),
                external_ids: external_ids(),
            }),
            changed: vec![text("name"), text("external_ids")],
            released: released(),
        }
        .into(),
        ItemAmended {
            item: Some(Item {
                item_id: text("CONC"),
                commodity_id: text("OXYGEN"),
                name: Some(name()),
                tracking: Tracking::Serial.into(),
                manufacturer: text("Maker & Söhne"),
                model: text("C/5"),
                gtin: text("4006381333931"),
                external_ids: external_ids(),
                retired: Some(retirement()),
                ..Item::default()
            }),
            changed: vec![text("gtin"), text("external_ids")],
            released: released(),
        }
        .into(),
    ]
}

fn retired() -> Vec<Event> {
    vec![
        OrganisationRetired {
            organisation_id: text("MOH"),
            retirement: Some(retirement()),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        FacilityRetired {
            facility_id: text("HOSP"),
            retirement: Some(retirement()),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        CommodityRetired {
            commodity_id: text("OXYGEN"),
            retirement: Some(retirement()),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        ItemRetired {
            item_id: text("CONC"),
            retirement: Some(retirement()),
            documents: documents(DocumentKind::Order),
        }
        .into(),
    ]
}

fn vehicle() -> Vehicle {
    Vehicle {
        vehicle_id: text("VAN-1"),
        kind: VehicleKind::Refrigerated.into(),
        owner_id: text("HELP"),
        capacity_kg: 900,
        capacity_l: 6_000,
        cold_box: Some(StorageRange {
            minimum_millicelsius: 2_000,
            maximum_millicelsius: 8_000,
        }),
        external_ids: external_ids(),
        asset: Some(AssetLink {
            item_id: text("VAN-MODEL"),
            serial_number: text("SN 1/2"),
        }),
        ..Vehicle::default()
    }
}

fn volunteer() -> Volunteer {
    Volunteer {
        volunteer_id: text("V-7"),
        person_ref: text("person:7"),
        organisation_id: text("HELP"),
        skills: vec![Skill::DrivesCars.into(), Skill::FirstAid.into()],
        ..Volunteer::default()
    }
}

fn assignment() -> Assignment {
    Assignment {
        volunteer_id: text("V-7"),
        crew_id: text("CREW-1"),
        role: CrewRole::Driver.into(),
        assigned_on: text("2020-07-01"),
        ..Assignment::default()
    }
}

fn crew() -> Crew {
    Crew {
        crew_id: text("CREW-1"),
        name: Some(name()),
        organisation_id: text("HELP"),
        vehicle_id: text("VAN-1"),
        external_ids: external_ids(),
        ..Crew::default()
    }
}

fn sent_out() -> Vec<Event> {
    let ended = Assignment {
        ended_on: text("2020-08-01"),
        end_reason: Some(AssignmentEndReason::Moved.into()),
        ..assignment()
    };
    vec![
        VehicleRegistered {
            vehicle: Some(vehicle()),
        }
        .into(),
        VehicleAmended {
            vehicle: Some(Vehicle {
                retired: Some(retirement()),
                ..vehicle()
            }),
            changed: vec![text("capacity_kg")],
            released: released(),
        }
        .into(),
        VehicleRetired {
            vehicle_id: text("VAN-1"),
            retirement: Some(retirement()),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        VolunteerRegistered {
            volunteer: Some(volunteer()),
        }
        .into(),
        VolunteerAmended {
            volunteer: Some(Volunteer {
                assignments: vec![ended.clone()],
                ..volunteer()
            }),
            changed: vec![text("skills")],
            released: Vec::new(),
        }
        .into(),
        VolunteerRetired {
            volunteer_id: text("V-7"),
            retirement: Some(retirement()),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        CrewRegistered { crew: Some(crew()) }.into(),
        CrewAmended {
            crew: Some(Crew {
                assignments: vec![ended],
                ..crew()
            }),
            changed: vec![text("vehicle_id")],
            released: released(),
        }
        .into(),
        CrewRetired {
            crew_id: text("CREW-1"),
            retirement: Some(retirement()),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        VolunteerAssigned {
            assignment: Some(assignment()),
        }
        .into(),
        AssignmentEnded {
            volunteer_id: text("V-7"),
            crew_id: text("CREW-1"),
            ended_on: text("2020-08-01"),
            reason: AssignmentEndReason::Moved.into(),
        }
        .into(),
    ]
}

fn verified() -> Vec<Event> {
    vec![
        OrganisationVerified {
            organisation_id: text("HELP"),
            verification: Some(Verification {
                verified_by_id: text("MOH"),
                verified_on: text("2020-06-30"),
                valid_until: text("2021-06-30"),
                documents: documents(DocumentKind::Certificate),
                ..Verification::default()
            }),
        }
        .into(),
        VerificationRevoked {
            organisation_id: text("HELP"),
            revoked_on: text("2020-08-01"),
            reason: RevocationReason::LicenceEnded.into(),
            documents: documents(DocumentKind::Order),
        }
        .into(),
    ]
}

fn placed() -> Vec<Event> {
    vec![
        FacilityRegionAssigned {
            facility_id: text("HOSP"),
            assignment: Some(RegionAssignment {
                region_id: text("KZ-62"),
                valid_from: text("2022-06-08"),
            }),
        }
        .into(),
        FacilityClosed {
            facility_id: text("HOSP"),
            closed_on: text("2020-05-01"),
            reason: ClosureReason::AuthorityOrder.into(),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        FacilityReopened {
            facility_id: text("HOSP"),
            reopened_on: text("2020-06-01"),
        }
        .into(),
        MinimumReserveSet {
            facility_id: text("HOSP"),
            reserve: Some(MinimumReserve {
                commodity_id: text("OXYGEN"),
                quantity: 4,
            }),
        }
        .into(),
    ]
}

fn donated() -> Vec<Event> {
    vec![
        DonationPledged {
            donation_id: text("D-1"),
            donor_id: text("DEGDAR"),
            recipient_id: text("MOH"),
            lines: vec![PledgeLine {
                line: 1,
                commodity_id: text("OXYGEN"),
                item_id: text("CONC"),
                quantity: 9_007_199_254_740_991,
                ..PledgeLine::default()
            }],
            money: Some(Money {
                currency_code: text("USD"),
                minor_units: 400_000_000,
            }),
            expected_on: text("2020-05-01"),
            documents: documents(DocumentKind::DonationAgreement),
            anonymous: true,
            ..DonationPledged::default()
        }
        .into(),
        DonationReceived {
            donation_id: text("D-1"),
            facility_id: text("WH"),
            lines: vec![
                ReceivedLine {
                    pledge_line: 1,
                    outcome: ReceiptOutcome::Good.into(),
                    units: Some(units()),
                    unit_value: Some(UnitValue {
                        amount: Some(Money {
                            currency_code: text("KZT"),
                            minor_units: 50_000_000,
                        }),
                        basis: ValueBasis::DonorDeclared.into(),
                    }),
                },
                ReceivedLine {
                    pledge_line: 1,
                    outcome: ReceiptOutcome::Missing.into(),
                    units: Some(StockUnits {
                        batch_id: String::new(),
                        lot: text("NOT THERE"),
                        serial_numbers: vec![text("S/3")],
                        quantity: 1,
                        ..units()
                    }),
                    unit_value: None,
                },
            ],
            documents: documents(DocumentKind::AcceptanceAct),
            ..DonationReceived::default()
        }
        .into(),
        DonatedMoneySpent {
            donation_id: text("D-1"),
            amount: Some(Money {
                currency_code: text("USD"),
                minor_units: 200_000_000,
            }),
            supplier_id: text("MAKER"),
            documents: documents(DocumentKind::Invoice),
            ..DonatedMoneySpent::default()
        }
        .into(),
    ]
}

fn settled() -> Vec<Event> {
    let amount = || {
        Some(Money {
            currency_code: text("USD"),
            minor_units: 100_000,
        })
    };
    vec![
        DonatedMoneyCommitted {
            donation_id: text("D-1"),
            commitment: 3,
            amount: amount(),
            purpose: MoneyPurpose::Freight.into(),
            supplier_id: text("CARRIER"),
            documents: documents(DocumentKind::Contract),
        }
        .into(),
        DonatedMoneyReleased {
            donation_id: text("D-1"),
            commitment: 3,
            amount: amount(),
            reason: CommitmentReleaseReason::CostLess.into(),
            documents: documents(DocumentKind::Invoice),
        }
        .into(),
        DonationClosed {
            donation_id: text("D-1"),
            shortfall_reason: Some(ShortfallReason::RefusedEntry.into()),
            documents: documents(DocumentKind::DonationAgreement),
        }
        .into(),
        DonationReopened {
            donation_id: text("D-1"),
        }
        .into(),
    ]
}

fn passed() -> Vec<Event> {
    vec![
        TitleTransferred {
            facility_id: text("HOSP"),
            units: Some(units()),
            held_quantity: 1,
            new_owner_id: text("HOSPITAL"),
            documents: documents(DocumentKind::TransferAct),
        }
        .into(),
    ]
}

fn corrected() -> Vec<Event> {
    vec![
        ReceiptCorrected {
            corrects_event_id: event_id(),
            effective_at: None,
            reason: CorrectionReason::IncorrectData.into(),
            facility_id: text("WH"),
            units: Some(units()),
            decrease: true,
            held_quantity: 1,
            pledge_line: 2,
            outcome: ReceiptOutcome::Damaged.into(),
            documents: documents(DocumentKind::AcceptanceAct),
        }
        .into(),
        BatchDataCorrected {
            corrects_event_id: event_id(),
            batch_id: text("B-1"),
            item_id: text("CONC"),
            lot: text("L 8"),
            expires_on: text("2022-01-31"),
            unit_value: Some(UnitValue {
                amount: Some(Money {
                    currency_code: text("KZT"),
                    minor_units: 50_000_000,
                }),
                basis: ValueBasis::Invoice.into(),
            }),
            wrong_lot: text("L 7/А"),
            wrong_expires_on: text("2021-12-31"),
            documents: documents(DocumentKind::Certificate),
        }
        .into(),
        MovementVoided {
            corrects_event_id: event_id(),
            effective_at: None,
            movement: VoidedMovement::TitleTransfer.into(),
            facility_id: text("WH"),
            units: vec![units()],
            held_quantity: 1,
            new_owner_id: text("HOSPITAL"),
            documents: documents(DocumentKind::CountSheet),
            held_quantities: Vec::new(),
        }
        .into(),
        StockDiscrepancyFound {
            facility_id: text("WH"),
            units: Some(StockUnits {
                serial_numbers: Vec::new(),
                ..units()
            }),
            corrects_event_id: event_id(),
            effective_at: None,
        }
        .into(),
    ]
}

fn imported() -> Vec<Event> {
    let (donation_id, consignment_id) = (|| text("D-1"), || text("C-1"));
    vec![
        ConsignmentAnnounced {
            donation_id: donation_id(),
            consignment_id: consignment_id(),
            expected_on: text("2020-05-20"),
            documents: documents(DocumentKind::Waybill),
        }
        .into(),
        ConsignmentReachedBorder {
            donation_id: donation_id(),
            consignment_id: consignment_id(),
            documents: documents(DocumentKind::Waybill),
        }
        .into(),
        ConsignmentEnteredCustoms {
            donation_id: donation_id(),
            consignment_id: consignment_id(),
            documents: documents(DocumentKind::CustomsDeclaration),
        }
        .into(),
        ConsignmentCleared {
            donation_id: donation_id(),
            consignment_id: consignment_id(),
            documents: documents(DocumentKind::CustomsDeclaration),
        }
        .into(),
        ConsignmentRefused {
            donation_id: donation_id(),
            consignment_id: consignment_id(),
            reason: RefusalReason::ShortExpiry.into(),
            documents: documents(DocumentKind::Order),
        }
        .into(),
    ]
}

fn stocked() -> Vec<Event> {
    vec![
        StockAdjusted {
            facility_id: text("WH"),
            units: Some(units()),
            decrease: true,
            held_quantity: 1,
            reason: AdjustmentReason::Stolen.into(),
            documents: documents(DocumentKind::CountSheet),
        }
        .into(),
        StockConsumed {
            facility_id: text("HOSP"),
            units: vec![
                StockUnits {
                    serial_numbers: Vec::new(),
                    ..units()
                },
                unattributed(),
            ],
            purpose: ConsumptionPurpose::Patient.into(),
            batches_assumed: true,
            already_used: None,
            particulars: Vec::new(),
        }
        .into(),
        StockDisposed {
            facility_id: text("WH"),
            units: Some(units()),
            held_quantity: 2,
            reason: DisposalReason::Spoiled.into(),
            documents: documents(DocumentKind::DisposalAct),
            found_quantity: 0,
        }
        .into(),
    ]
}

fn requested() -> Vec<Event> {
    vec![
        RequestFiled {
            request_id: text("R-1"),
            facility_id: text("HOSP"),
            lines: vec![RequestLine {
                line: 2,
                commodity_id: text("OXYGEN"),
                item_id: text("CONC"),
                requested: 4,
                ..RequestLine::default()
            }],
            priority: RequestPriority::Stat.into(),
            needed_by: text("2020-04-12"),
            ..RequestFiled::default()
        }
        .into(),
        RequestApproved {
            request_id: text("R-1"),
            facility_id: text("HOSP"),
            lines: vec![
                ApprovedLine {
                    line: 2,
                    quantity: 3,
                    ..ApprovedLine::default()
                },
                ApprovedLine {
                    line: 3,
                    quantity: 0,
                    ..ApprovedLine::default()
                },
            ],
            word_of_mouth: None,
        }
        .into(),
        RequestRejected {
            request_id: text("R-2"),
            facility_id: text("HOSP"),
            reason: RejectionReason::SiteNotSuitable.into(),
        }
        .into(),
    ]
}

/// 2020-04-11T06:00:00.5Z.
fn instant() -> keruen_proto::Timestamp {
    keruen_domain::calendar::timestamp(1_586_584_800_500_000)
}

/// What happens to requests after they were filed.
#[expect(clippy::too_many_lines, reason = "a sample for each type")]
fn answered() -> Vec<Event> {
    use keruen_proto::{
        registry::v1::{DutyRoster, DutyRosterSet, DutyShift},
        requests::v1::{
            ApprovalConfirmed, Escalation, EscalationReason, NeedReconfirmed, RequestAcknowledged,
            RequestAmended, RequestCancellationReason, RequestCancelled, RequestClosedShort,
            RequestEscalated, RequestMarkedDuplicate, RequestTriaged, ShortClosingReason,
            SubstituteAccepted, SubstituteDeclineReason, SubstituteDeclined, SubstituteOffered,
            Triage,
        },
    };
    let (request_id, facility_id) = (text("R-1"), text("HOSP"));
    let person = || text("person:7");
    vec![
        DutyRosterSet {
            roster: Some(DutyRoster {
                region_id: text("KZ-62"),
                shifts: vec![DutyShift {
                    person_ref: person(),
                    organisation_id: text("MOH"),
                    first_day: text("2020-04-01"),
                    last_day: text("2020-04-30"),
                }],
            }),
        }
        .into(),
        RequestAcknowledged {
            request_id: request_id.clone(),
            facility_id: facility_id.clone(),
            expected_at: Some(instant()),
        }
        .into(),
        RequestAmended {
            request_id: request_id.clone(),
            facility_id: facility_id.clone(),
            lines: vec![needed()],
            priority: RequestPriority::Asap.into(),
            needed_by: text("2020-04-12"),
            clinical_reason_code: text("J96.0"),
        }
        .into(),
        RequestTriaged {
            request_id: request_id.clone(),
            facility_id: facility_id.clone(),
            triage: Some(Triage {
                office_id: text("OFFICE"),
                priority: RequestPriority::Stat.into(),
                forwarded_to_id: text("MOH"),
            }),
        }
        .into(),
        RequestMarkedDuplicate {
            request_id: text("R-2"),
            facility_id: facility_id.clone(),
            duplicate_of_id: request_id.clone(),
        }
        .into(),
        NeedReconfirmed {
            request_id: request_id.clone(),
            facility_id: facility_id.clone(),
            needed_by: text("2020-04-14"),
            reconfirmed_on: text("2020-04-11"),
            confirmed_by_ref: person(),
        }
        .into(),
        ApprovalConfirmed {
            request_id: request_id.clone(),
            facility_id: facility_id.clone(),
            confirmed_by_ref: person(),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        RequestEscalated {
            request_id: request_id.clone(),
            facility_id: facility_id.clone(),
            escalation: Some(Escalation {
                reason: EscalationReason::NotConfirmed.into(),
                level: 2,
                region_id: text("KZ-62"),
                on_duty_refs: vec![person(), text("person:9")],
            }),
        }
        .into(),
        SubstituteOffered {
            request_id: request_id.clone(),
            facility_id: facility_id.clone(),
            offer: 1,
            line: 2,
            item_id: text("CONC"),
        }
        .into(),
        SubstituteAccepted {
            request_id: request_id.clone(),
            facility_id: facility_id.clone(),
            offer: 1,
            answered_by_ref: person(),
        }
        .into(),
        SubstituteDeclined {
            request_id: request_id.clone(),
            facility_id: facility_id.clone(),
            offer: 2,
            reason: SubstituteDeclineReason::SiteNotSuitable.into(),
            answered_by_ref: person(),
        }
        .into(),
        RequestClosedShort {
            request_id: request_id.clone(),
            facility_id: facility_id.clone(),
            reason: ShortClosingReason::NotAvailable.into(),
        }
        .into(),
        RequestCancelled {
            request_id,
            facility_id,
            reason: RequestCancellationReason::MetElsewhere.into(),
        }
        .into(),
    ]
}

/// Emergencies and distribution plans.
fn planned() -> Vec<Event> {
    use keruen_proto::requests::v1::{
        Emergency, EmergencyDeclared, EmergencyEnded, EmergencyKind, Plan, PlanApproved,
        PlanCancellationReason, PlanCancelled, PlanCriterion, PlanDrafted, PlanLine, PlanShare,
        PlanWeight,
    };
    let share = PlanShare {
        facility_id: text("HOSP"),
        line: 1,
        quantity: 60,
        request_id: text("R-1"),
        request_line: 2,
        ..PlanShare::default()
    };
    let sent = PlanShare {
        shipment_id: text("S-1"),
        shipment_line: 1,
        ..share.clone()
    };
    vec![
        EmergencyDeclared {
            emergency: Some(Emergency {
                emergency_id: text("COVID"),
                name: Some(name()),
                kind: EmergencyKind::Epidemic.into(),
                region_ids: vec![text("KZ-71"), text("KZ-75")],
                first_day: text("2020-03-16"),
                last_day: text("2020-05-11"),
                declared_by_id: text("MOH"),
                documents: documents(DocumentKind::Order),
            }),
        }
        .into(),
        EmergencyEnded {
            emergency_id: text("COVID"),
            last_day: text("2020-05-11"),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        PlanDrafted {
            plan: Some(Plan {
                plan_id: text("P-1"),
                origin_id: text("WH"),
                lines: vec![PlanLine {
                    line: 1,
                    item_id: text("RAPID"),
                    quantity: 100,
                }],
                criterion: PlanCriterion::Population.into(),
                weights: vec![PlanWeight {
                    facility_id: text("HOSP"),
                    weight: 90_000,
                }],
                shares: vec![share],
                ..Plan::default()
            }),
        }
        .into(),
        PlanApproved {
            plan_id: text("P-1"),
            origin_id: text("WH"),
            shares: vec![sent],
        }
        .into(),
        PlanCancelled {
            plan_id: text("P-2"),
            origin_id: text("WH"),
            reason: PlanCancellationReason::NoStock.into(),
        }
        .into(),
    ]
}

/// 12 patients at 10 litres a minute for 5 days.
fn needed() -> RequestLine {
    use keruen_proto::requests::v1::{Need, NeedKind};
    RequestLine {
        line: 1,
        need: Some(Need {
            kind: NeedKind::OxygenTherapy.into(),
            patients: 12,
            per_patient: Some(MeasuredOutput {
                value_milli: 10_000,
                unit_code: text("L2"),
            }),
            days: 5,
        }),
        ..RequestLine::default()
    }
}

/// A need that was told by phone, and approved by word of mouth.
fn told() -> Vec<(&'static str, Event)> {
    use keruen_proto::{
        requests::v1::{Filing, RequestChannel, WordOfMouth},
        shipments::v1::{ReserveOverride, ReserveOverrideReason},
    };
    let filed = RequestFiled {
        request_id: text("R-1"),
        facility_id: text("HOSP"),
        lines: vec![needed()],
        priority: RequestPriority::Stat.into(),
        needed_by: text("2020-04-12"),
        clinical_reason_code: text("J96.0"),
        filing: Some(Filing {
            channel: RequestChannel::Phone.into(),
            filed_by_id: text("MOH"),
            asked_by_ref: text("person:7"),
        }),
    };
    let approved = RequestApproved {
        request_id: text("R-1"),
        facility_id: text("HOSP"),
        lines: vec![ApprovedLine {
            line: 1,
            quantity: 12,
            commodity_id: text("OXYGEN"),
            item_id: text("CONC"),
        }],
        word_of_mouth: Some(WordOfMouth {
            approved_by_ref: text("person:9"),
            confirm_by: Some(instant()),
        }),
    };
    let allocated = ShipmentAllocated {
        shipment_id: text("S-1"),
        origin_id: text("WH"),
        destination_id: text("HOSP"),
        units: vec![shipment_units(units())],
        reserve_override: Some(ReserveOverride {
            authorised_by_ref: text("person:7"),
            reason: ReserveOverrideReason::LifeAtRisk.into(),
        }),
        ..ShipmentAllocated::default()
    };
    vec![
        ("RequestFiled.v2", filed.into()),
        ("RequestApproved.v2", approved.into()),
        ("ShipmentAllocated.v4", allocated.into()),
    ]
}

fn shipped() -> Vec<Event> {
    let (shipment_id, origin_id, destination_id) = (text("S-1"), text("WH"), text("HOSP"));
    let units = vec![shipment_units(units())];
    vec![
        ShipmentRequested {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            lines: vec![ShipmentLine {
                line: 1,
                item_id: text("CONC"),
                quantity: 2,
                request_id: text("R-1"),
                request_line: 2,
                owner_id: text("MOH"),
                ..ShipmentLine::default()
            }],
        }
        .into(),
        ShipmentAllocated {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            units: units.clone(),
            ..ShipmentAllocated::default()
        }
        .into(),
        AllocationReleased {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            units: units.clone(),
            reason: ReleaseReason::StockAdjusted.into(),
        }
        .into(),
        ShipmentDispatched {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            units: units.clone(),
            custodian_id: text("CREW"),
            signed_by_ref: text("duty-7"),
            expected_on: text("2020-04-13"),
            documents: documents(DocumentKind::Waybill),
            ..ShipmentDispatched::default()
        }
        .into(),
        ShipmentReceived {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            units: vec![
                ReceivedUnits {
                    shipment_units: Some(shipment_units(StockUnits {
                        item_id: text("VENT"),
                        ..self::units()
                    })),
                    outcome: ReceiptOutcome::Missing.into(),
                    ..ReceivedUnits::default()
                },
                ReceivedUnits {
                    shipment_units: units.first().cloned(),
                    outcome: ReceiptOutcome::Damaged.into(),
                    ..ReceivedUnits::default()
                },
                ReceivedUnits {
                    shipment_units: Some(ShipmentUnits {
                        units: Some(unattributed()),
                        ..ShipmentUnits::default()
                    }),
                    outcome: ReceiptOutcome::Surplus.into(),
                    ..ReceivedUnits::default()
                },
            ],
            signed_by_ref: text("duty-9"),
            documents: documents(DocumentKind::AcceptanceAct),
            ..ShipmentReceived::default()
        }
        .into(),
        LossActAccepted {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            units: units.clone(),
            act: documents(DocumentKind::LossAct).into_iter().next(),
            verdict: LossVerdict::Shared.into(),
            custodian_id: text("CREW"),
        }
        .into(),
        ShipmentCancelled {
            shipment_id,
            origin_id,
            destination_id,
            units,
            reason: CancellationReason::NoTransport.into(),
        }
        .into(),
    ]
}

fn parcel() -> Parcel {
    Parcel {
        sscc: text("340123450000000000"),
        seal_number: text("№ 417"),
        contents: vec![shipment_units(units())],
        weight_g: 12_400,
        volume_ml: 60_000,
    }
}

#[expect(clippy::too_many_lines, reason = "a sample for each type")]
fn on_the_way() -> Vec<Event> {
    let (shipment_id, origin_id, destination_id) = (text("S-1"), text("WH"), text("HOSP"));
    vec![
        ParcelPacked {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            parcel: Some(parcel()),
        }
        .into(),
        ParcelUnpacked {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            parcel: Some(parcel()),
        }
        .into(),
        ShipmentDelayed {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            expected_on: text("2020-04-20"),
            reason: DelayReason::Weather.into(),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        DeliveryAttempted {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            reason: DeliveryFailure::NoRoom.into(),
            expected_on: text("2020-04-21"),
            documents: documents(DocumentKind::Waybill),
        }
        .into(),
        ShipmentDiverted {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            new_destination_id: text("FAR"),
            units: vec![shipment_units(units())],
            reason: DiversionReason::Unreachable.into(),
            expected_on: text("2020-04-22"),
            fit_override: Some(FitOverride {
                authorised_by_ref: text("person:7"),
                reason: FitOverrideReason::UrgentNeed.into(),
            }),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        ShipmentTitleTransferred {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            units: vec![shipment_units(units())],
            packed: vec![PackedUnits {
                sscc: parcel().sscc,
                units: Some(shipment_units(units())),
            }],
            new_owner_id: text("HELP"),
            is_under_way: true,
            documents: documents(DocumentKind::TransferAct),
        }
        .into(),
        ShipmentSplit {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            new_shipment_id: text("S-2"),
            lines: vec![ShipmentLine {
                line: 1,
                item_id: text("CONC"),
                quantity: 2,
                request_id: text("R-1"),
                request_line: 2,
                owner_id: text("MOH"),
                min_life_days: 60,
                ..ShipmentLine::default()
            }],
            units: vec![shipment_units(units())],
            parcels: vec![ShipmentParcel {
                parcel: Some(parcel()),
                seal_state: SealState::Sealed.into(),
                contents_liable_id: text("MOH"),
            }],
            leg: Some(CustodyLeg {
                custodian_id: text("CREW"),
                signed_by_ref: text("person:7"),
                basis: Some(CustodyBasis::Sealed.into()),
                agreement_id: text("A-1"),
                agreement_override: Some(AgreementOverride {
                    authorised_by_ref: text("person:8"),
                    reason: AgreementOverrideReason::Emergency.into(),
                }),
                facility_id: text("WH"),
            }),
            sender_id: text("MOH"),
            expected_on: text("2020-04-23"),
            reason: SplitReason::Breakdown.into(),
            documents: documents(DocumentKind::Waybill),
        }
        .into(),
        ShipmentArrived {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            seals: vec![SealCheck {
                sscc: text("340123450000000000"),
                state: SealState::Broken.into(),
            }],
            signed_by_ref: text("person:9"),
            documents: documents(DocumentKind::Waybill),
        }
        .into(),
        ShipmentLossReported {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            units: vec![shipment_units(units())],
            cause: LossCause::Theft.into(),
            liable_id: text("CREW"),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        CustodyHandedOver {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            from_custodian_id: text("CREW"),
            leg: Some(CustodyLeg {
                custodian_id: text("HELP"),
                signed_by_ref: text("person:7"),
                basis: Some(CustodyBasis::Counted.into()),
                agreement_id: text("A-1"),
                agreement_override: None,
                facility_id: text("FAR"),
            }),
            handed_over_by_ref: text("person:8"),
            seals: vec![SealCheck {
                sscc: text("340123450000000000"),
                state: SealState::Broken.into(),
            }],
            missing: vec![ReceivedUnits {
                shipment_units: Some(shipment_units(units())),
                outcome: ReceiptOutcome::Missing.into(),
                sscc: text("340123450000000000"),
                liable_id: text("CREW"),
            }],
            remarks: vec![Remark {
                kind: RemarkKind::Packaging.into(),
                sscc: text("340123450000000000"),
                reference: text("photo:118"),
            }],
            documents: documents(DocumentKind::Waybill),
        }
        .into(),
        CustodyRefused {
            shipment_id: shipment_id.clone(),
            origin_id: origin_id.clone(),
            destination_id: destination_id.clone(),
            custodian_id: text("HELP"),
            signed_by_ref: text("person:9"),
            remarks: vec![Remark {
                kind: RemarkKind::Unsafe.into(),
                sscc: String::new(),
                reference: text("photo:119"),
            }],
            documents: documents(DocumentKind::Waybill),
        }
        .into(),
        LiabilityAgreementSigned {
            agreement: Some(LiabilityAgreement {
                organisation_id: text("HELP"),
                agreement_id: text("LA-1"),
                person_ref: text("person:7"),
                basis: LiabilityBasis::Limited.into(),
                limit: Some(Money {
                    currency_code: text("KZT"),
                    minor_units: 50_000_000,
                }),
                valid_from: text("2020-04-01"),
                valid_until: text("2020-12-31"),
                documents: documents(DocumentKind::Contract),
                ended_on: String::new(),
                end_reason: None,
            }),
        }
        .into(),
        LiabilityAgreementEnded {
            organisation_id: text("HELP"),
            agreement_id: text("LA-1"),
            ended_on: text("2020-05-01"),
            reason: AgreementEndReason::Breach.into(),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        KeeperAppointed {
            keeper: Some(Keeper {
                facility_id: text("WH"),
                organisation_id: text("MOH"),
                person_ref: text("person:3"),
                count_ids: vec![text("C-1"), text("C-2")],
                ..Keeper::default()
            }),
            from_organisation_id: text("HELP"),
            from_person_ref: text("person:2"),
            documents: documents(DocumentKind::CountSheet),
        }
        .into(),
        DiscrepancyAnswered {
            shipment_id,
            origin_id,
            destination_id,
            numbers: vec![1, 3],
            answer: DiscrepancyAnswer::Disputed.into(),
            dispute_reason: Some(DisputeReason::LeftIntact.into()),
            answered_by_ref: text("person:12"),
            documents: documents(DocumentKind::Invoice),
        }
        .into(),
    ]
}

fn examined() -> Vec<Event> {
    let (batch_id, item_id, lot) = (text("B-1"), text("CONC"), text("L 7/А"));
    vec![
        BatchHeld {
            batch_id: batch_id.clone(),
            item_id: item_id.clone(),
            lot: lot.clone(),
            reason: HoldReason::TemperatureExcursion.into(),
            documents: documents(DocumentKind::QualityDecision),
        }
        .into(),
        BatchReleased {
            batch_id,
            item_id: item_id.clone(),
            lot: lot.clone(),
            reason: HoldReason::Quarantine.into(),
            verdict: Some(ReleaseVerdict::Tested.into()),
            release_override: Some(ReleaseOverride {
                authorised_by_ref: text("person:7"),
                reason: OverrideReason::DocumentsUnderWay.into(),
            }),
            documents: documents(DocumentKind::LaboratoryReport),
        }
        .into(),
        LotRecalled {
            item_id: item_id.clone(),
            lot: lot.clone(),
            reason: RecallReason::Harm.into(),
            authority_id: text("MOH"),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        LotRecallLifted {
            item_id,
            lot,
            authority_id: text("MOH"),
            documents: documents(DocumentKind::Order),
        }
        .into(),
    ]
}

/// Of the types that there were at first.
fn first() -> Vec<Event> {
    [registered(), donated(), stocked(), requested(), shipped()].concat()
}

fn set_apart() -> Vec<Event> {
    vec![
        StockHeld {
            facility_id: text("WH"),
            units: Some(units()),
            reason: HoldReason::Damaged.into(),
            documents: documents(DocumentKind::QualityDecision),
        }
        .into(),
        StockReleased {
            facility_id: text("WH"),
            units: Some(units()),
            verdict: Some(ReleaseVerdict::Assessed.into()),
            release_override: Some(ReleaseOverride {
                authorised_by_ref: text("person:7"),
                reason: OverrideReason::HeldByMistake.into(),
            }),
            documents: documents(DocumentKind::QualityDecision),
        }
        .into(),
    ]
}

fn output() -> MeasuredOutput {
    MeasuredOutput {
        value_milli: 9_800,
        unit_code: text("L2"),
    }
}

fn laboratory() -> AssetRef {
    AssetRef {
        item_id: text("LAB"),
        serial_number: text("№ 1"),
    }
}

fn stop() -> Stop {
    Stop {
        region_id: text("KZ-31"),
        place: Some(name()),
        location: Some(GeoPoint {
            latitude_e7: 435_667_000,
            longitude_e7: 697_500_000,
        }),
    }
}

fn moved() -> Vec<Event> {
    let facility_id = text("LAB");
    vec![
        MobileUnitDeployed {
            facility_id: facility_id.clone(),
            stop: Some(stop()),
            deployed_on: text("2021-03-01"),
        }
        .into(),
        MobileUnitDeparted {
            facility_id: facility_id.clone(),
            departed_on: text("2021-03-05"),
        }
        .into(),
        MobileUnitScheduled {
            facility_id: facility_id.clone(),
            stops: vec![PlannedStop {
                stop: Some(stop()),
                first_day: text("2021-03-06"),
                last_day: text("2021-03-12"),
            }],
        }
        .into(),
        ThroughputReported {
            facility_id,
            throughput: Some(Throughput {
                commodity_id: text("TEST-SARS2"),
                first_day: text("2021-03-01"),
                last_day: text("2021-03-05"),
                quantity: 1_240,
            }),
            corrected: true,
        }
        .into(),
    ]
}

fn one() -> StockUnits {
    StockUnits {
        quantity: 1,
        serial_numbers: vec![text("S/1")],
        ..units()
    }
}

#[expect(clippy::too_many_lines, reason = "one sample of each type")]
fn lived() -> Vec<Event> {
    let facility_id = text("WH");
    vec![
        AssetInstalled {
            facility_id: facility_id.clone(),
            units: Some(one()),
            fit_problems: vec![FitProblem::Voltage.into(), FitProblem::Plug.into()],
            fit_override: Some(FitOverride {
                authorised_by_ref: text("person:7"),
                reason: FitOverrideReason::Adapter.into(),
            }),
            documents: documents(DocumentKind::AcceptanceAct),
        }
        .into(),
        AssetRemoved {
            facility_id: facility_id.clone(),
            units: Some(one()),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        AssetPutInside {
            facility_id: facility_id.clone(),
            units: Some(one()),
            inside: Some(laboratory()),
            documents: documents(DocumentKind::AcceptanceAct),
        }
        .into(),
        AssetTakenOut {
            facility_id: facility_id.clone(),
            units: Some(one()),
            inside: Some(laboratory()),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        AssetPutIntoService {
            facility_id: facility_id.clone(),
            units: Some(one()),
            output: Some(output()),
            trained_user_refs: vec![text("person:7"), text("person:9")],
            service_due_on: text("2021-01-15"),
            documents: documents(DocumentKind::AcceptanceAct),
        }
        .into(),
        AssetConditionReported {
            facility_id: facility_id.clone(),
            units: Some(one()),
            condition: AssetCondition::OutOfOrder.into(),
            fault: Some(AssetFault::Leak.into()),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        AssetSentForRepair {
            facility_id: facility_id.clone(),
            units: Some(one()),
            repair: Some(AssetRepair {
                repairer_id: text("MOH"),
                on_site: true,
                expected_on: text("2020-08-20"),
            }),
            documents: documents(DocumentKind::Waybill),
        }
        .into(),
        AssetRepairEnded {
            facility_id: facility_id.clone(),
            units: Some(one()),
            outcome: RepairOutcome::NoFaultFound.into(),
            output: Some(output()),
            service_due_on: text("2021-02-15"),
            documents: documents(DocumentKind::AcceptanceAct),
        }
        .into(),
        AssetServiced {
            facility_id: facility_id.clone(),
            units: Some(one()),
            output: Some(output()),
            service_due_on: text("2021-07-15"),
            documents: documents(DocumentKind::AcceptanceAct),
        }
        .into(),
        AssetLent {
            facility_id: facility_id.clone(),
            units: Some(one()),
            loan: Some(AssetLoan {
                borrower_id: text("MOH"),
                due_on: text("2020-10-01"),
                documents: documents(DocumentKind::Order),
            }),
        }
        .into(),
        AssetLoanEnded {
            facility_id: facility_id.clone(),
            units: Some(one()),
            fault: Some(AssetFault::Damaged.into()),
            documents: documents(DocumentKind::AcceptanceAct),
        }
        .into(),
        ContainerFilled {
            facility_id: facility_id.clone(),
            units: Some(one()),
            filler_id: text("MOH"),
            documents: documents(DocumentKind::LaboratoryReport),
        }
        .into(),
        ContainerEmptied {
            facility_id: facility_id.clone(),
            units: Some(one()),
        }
        .into(),
        AssetRetired {
            facility_id,
            units: Some(one()),
            reason: AssetRetirementReason::NoSupplies.into(),
            documents: documents(DocumentKind::Order),
        }
        .into(),
    ]
}

fn unidentified() -> Vec<Event> {
    vec![
        UnidentifiedGoodsReceived {
            goods_id: text("G-1"),
            facility_id: text("WH"),
            packages: 12,
            donation_id: text("D-1"),
            description_ref: text("photo:118"),
            documents: documents(DocumentKind::Waybill),
        }
        .into(),
        GoodsIdentified {
            goods_id: text("G-1"),
            facility_id: text("WH"),
            packages: 2,
            donation_id: text("D-1"),
            batch_ids: vec![text("B-1"), text("B-2")],
            documents: documents(DocumentKind::LaboratoryReport),
        }
        .into(),
    ]
}

fn counted() -> Vec<Event> {
    vec![
        StockEntered {
            facility_id: text("WH"),
            lines: vec![EnteredLine {
                units: Some(units()),
                unit_value: Some(UnitValue {
                    amount: Some(Money {
                        currency_code: text("KZT"),
                        minor_units: 1,
                    }),
                    basis: ValueBasis::MarketEstimate.into(),
                }),
                held: true,
            }],
            basis: EntryBasis::OpeningBalance.into(),
            documents: documents(DocumentKind::CountSheet),
        }
        .into(),
        StockCounted {
            stock_count: Some(StockCount {
                count_id: text("C-1"),
                facility_id: text("WH"),
                item_id: text("CONC"),
                kind: CountKind::Full.into(),
                counted_position: 4_711,
                lots: vec![CountedLot {
                    batch_id: text("B-1"),
                    owner_id: text("MOH"),
                    lot: text("L 7/А"),
                    expires_on: text("2021-12-31"),
                    expected: 2,
                    counted: 1,
                    missing_serial_numbers: vec![text("S/2")],
                    found_serial_numbers: vec![text("S/3")],
                }],
                counted_at: None,
            }),
            documents: documents(DocumentKind::CountSheet),
            part: 0,
        }
        .into(),
        StockReturned {
            facility_id: text("WH"),
            units: Some(units()),
            held_quantity: 1,
            recipient_id: text("KASPI"),
            reason: ReturnReason::Unsuitable.into(),
            documents: documents(DocumentKind::Waybill),
            found_quantity: 0,
        }
        .into(),
        TemperatureExcursionFound {
            facility_id: text("WH"),
            item_id: text("CONC"),
            batch_ids: vec![text("B-1"), text("B-2")],
            lowest_millicelsius: -4_000,
            highest_millicelsius: 31_500,
            duration_minutes: 190,
            documents: documents(DocumentKind::LaboratoryReport),
        }
        .into(),
        BatchExpiryShortened {
            batch_id: text("B-1"),
            item_id: text("CONC"),
            lot: text("L 7/А"),
            expires_on: text("2020-09-30"),
            expired_on_before: text("2021-12-31"),
            documents: documents(DocumentKind::QualityDecision),
        }
        .into(),
    ]
}

/// An item that is a kit.
fn kit_registered() -> Vec<(&'static str, Event)> {
    let component = |item_id: &str, quantity| KitComponent {
        item_id: text(item_id),
        quantity,
    };
    first()
        .into_iter()
        .filter_map(|sample| match sample {
            Event::ItemRegistered(mut event) => {
                event.item.as_mut()?.components = vec![component("GLOVE", 2), component("PCR", 1)];
                Some(("ItemRegistered.v5", event.into()))
            }
            _ => None,
        })
        .collect()
}

/// Facts that say more than the books knew.
fn gone_beyond() -> Vec<(&'static str, Event)> {
    let mut grown = Vec::new();
    for sample in samples() {
        match sample {
            Event::StockConsumed(event) => {
                let found = StockConsumed {
                    particulars: vec![
                        UseParticulars {
                            held_quantity: 1,
                            found_quantity: 0,
                        },
                        UseParticulars {
                            held_quantity: 0,
                            found_quantity: 5,
                        },
                    ],
                    already_used: Some(true),
                    ..event
                };
                grown.push(("StockConsumed.v3", found.into()));
            }
            Event::StockDisposed(event) => {
                let event = StockDisposed {
                    found_quantity: 1,
                    ..event
                };
                grown.push(("StockDisposed.v2", event.into()));
            }
            Event::StockReturned(event) => {
                let event = StockReturned {
                    found_quantity: 1,
                    ..event
                };
                grown.push(("StockReturned.v2", event.into()));
            }
            Event::MovementVoided(event) => {
                let event = MovementVoided {
                    movement: VoidedMovement::Consumption.into(),
                    units: vec![units(), unattributed()],
                    held_quantity: 0,
                    new_owner_id: String::new(),
                    held_quantities: vec![1, 0],
                    ..event
                };
                grown.push(("MovementVoided.v2", event.into()));
            }
            _ => {}
        }
    }
    grown
}

/// Fields that types got later, each with the name of its version.
#[expect(clippy::too_many_lines, reason = "a sample for each type")]
fn grown() -> Vec<(&'static str, Event)> {
    let mut grown = Vec::new();
    for sample in first() {
        match sample {
            Event::StockCounted(mut event) => {
                event.part = 2;
                grown.push(("StockCounted.v2", event.into()));
            }
            Event::ItemRegistered(mut event) => {
                if let Some(item) = &mut event.item {
                    item.release_required = Some(true);
                }
                grown.push(("ItemRegistered.v2", event.clone().into()));
                if let Some(item) = &mut event.item {
                    item.refillable = Some(true);
                    item.site_needs = item.site_needs.map(|needs| SiteNeeds {
                        plug_type: Some(PlugType::F.into()),
                        backup_power_hours: 4,
                        ..needs
                    });
                }
                grown.push(("ItemRegistered.v3", event.clone().into()));
                if let Some(item) = &mut event.item {
                    item.packs = vec![Pack {
                        pack_id: text("BOX"),
                        quantity: 25,
                        gtin: text("04006381333931"),
                    }];
                    item.substitutes = vec![Substitute {
                        item_id: text("CONC-B"),
                        stated_by_id: text("MOH"),
                    }];
                    item.freezing = Some(Freezing::Never.into());
                }
                grown.push(("ItemRegistered.v4", event.into()));
            }
            Event::ShipmentAllocated(event) => {
                let event = ShipmentAllocated {
                    fit_override: Some(FitOverride {
                        authorised_by_ref: text("person:7"),
                        reason: FitOverrideReason::UrgentNeed.into(),
                    }),
                    ..event
                };
                grown.push(("ShipmentAllocated.v2", event.clone().into()));
                let event = ShipmentAllocated {
                    arrives_on: text("2020-04-13"),
                    ..event
                };
                grown.push(("ShipmentAllocated.v3", event.clone().into()));
                let event = ShipmentAllocated {
                    already_dispatched: Some(true),
                    ..event
                };
                grown.push(("ShipmentAllocated.v5", event.into()));
            }
            Event::ShipmentRequested(mut event) => {
                for line in &mut event.lines {
                    line.min_life_days = 60;
                }
                grown.push(("ShipmentRequested.v2", event.into()));
            }
            Event::ShipmentDispatched(event) => {
                let event = ShipmentDispatched {
                    sender_id: text("MOH"),
                    basis: Some(CustodyBasis::Sealed.into()),
                    agreement_id: text("A-1"),
                    ..event
                };
                grown.push(("ShipmentDispatched.v2", event.into()));
            }
            Event::ShipmentReceived(mut event) => {
                event.seals = vec![SealCheck {
                    sscc: text("340123450000000000"),
                    state: SealState::Intact.into(),
                }];
                event.answer_due_on = text("2020-04-20");
                for found in &mut event.units {
                    found.sscc = text("340123450000000000");
                    found.liable_id = text("MOH");
                }
                grown.push(("ShipmentReceived.v2", event.into()));
            }
            Event::FacilityRegistered(mut event) => {
                let site = event.facility.as_mut().and_then(|it| it.site.as_mut());
                if let Some(site) = site {
                    site.plug_types = vec![PlugType::C.into(), PlugType::F.into()];
                }
                grown.push(("FacilityRegistered.v2", event.clone().into()));
                let site = event.facility.as_mut().and_then(|it| it.site.as_mut());
                if let Some(site) = site {
                    site.freezer = Some(true);
                }
                grown.push(("FacilityRegistered.v3", event.into()));
            }
            Event::StockConsumed(event) => {
                let event = StockConsumed {
                    already_used: Some(true),
                    ..event
                };
                grown.push(("StockConsumed.v2", event.into()));
            }
            Event::DonationPledged(event) => {
                let event = DonationPledged {
                    conditions: vec![
                        DonationCondition::ReportUse.into(),
                        DonationCondition::AsAgreed.into(),
                    ],
                    earmarks: vec![Earmark {
                        item_id: text("CONC"),
                        region_id: text("KZ-62"),
                        facility_id: text("HOSP"),
                        purpose: Some(ConsumptionPurpose::Patient.into()),
                    }],
                    ..event
                };
                grown.push(("DonationPledged.v2", event.into()));
            }
            Event::DonationReceived(event) => {
                let event = DonationReceived {
                    consignment_id: text("C-1"),
                    clearance_override: Some(ClearanceOverride {
                        authorised_by_ref: text("person:7"),
                        reason: ClearanceOverrideReason::UrgentNeed.into(),
                    }),
                    ..event
                };
                grown.push(("DonationReceived.v2", event.into()));
            }
            Event::DonatedMoneySpent(event) => {
                let event = DonatedMoneySpent {
                    purpose: Some(MoneyPurpose::Freight.into()),
                    commitment: 3,
                    shipment_id: text("S-1"),
                    ..event
                };
                grown.push(("DonatedMoneySpent.v2", event.into()));
            }
            _ => {}
        }
    }
    [grown, gone_beyond(), kit_registered()].concat()
}

/// One of every type, with as many of its fields set as can be.
fn meant() -> Vec<Event> {
    vec![
        EarmarksChanged {
            donation_id: text("D-1"),
            earmarks: vec![Earmark {
                item_id: text("CONC"),
                region_id: text("KZ-62"),
                facility_id: text("HOSP"),
                purpose: Some(ConsumptionPurpose::Patient.into()),
            }],
            authorised_by_ref: text("person:7"),
            documents: documents(DocumentKind::DonationAgreement),
        }
        .into(),
    ]
}

fn lost() -> Vec<Event> {
    vec![
        AssetLossAccepted {
            facility_id: text("HOSP"),
            units: Some(StockUnits {
                quantity: 1,
                serial_numbers: vec![text("S/1")],
                ..units()
            }),
            loss: Some(AssetLoss {
                act: documents(DocumentKind::LossAct).pop(),
                verdict: AssetLossVerdict::Shared.into(),
                holder_id: text("HELP"),
            }),
        }
        .into(),
    ]
}

#[expect(clippy::too_many_lines, reason = "a sample for each type")]
fn never_happened() -> Vec<Event> {
    vec![
        ShipmentDispatchVoided {
            corrects_event_id: event_id(),
            effective_at: None,
            shipment_id: text("S-1"),
            origin_id: text("WH"),
            destination_id: text("HOSP"),
            units: vec![shipment_units(units())],
            documents: documents(DocumentKind::CountSheet),
            withdrawn_documents: Vec::new(),
        }
        .into(),
        ShipmentReceiptVoided {
            corrects_event_id: event_id(),
            effective_at: None,
            shipment_id: text("S-1"),
            origin_id: text("WH"),
            destination_id: text("HOSP"),
            units: vec![
                ReceivedUnits {
                    shipment_units: Some(shipment_units(units())),
                    outcome: ReceiptOutcome::Damaged.into(),
                    ..ReceivedUnits::default()
                },
                ReceivedUnits {
                    shipment_units: Some(shipment_units(StockUnits {
                        quantity: 1,
                        serial_numbers: vec![text("S/3")],
                        ..units()
                    })),
                    outcome: ReceiptOutcome::Missing.into(),
                    ..ReceivedUnits::default()
                },
            ],
            held_quantities: vec![2, 0],
            documents: documents(DocumentKind::CountSheet),
            withdrawn_documents: Vec::new(),
        }
        .into(),
        LossActVoided {
            corrects_event_id: event_id(),
            effective_at: None,
            shipment_id: text("S-1"),
            origin_id: text("WH"),
            destination_id: text("HOSP"),
            units: vec![shipment_units(units())],
            custodian_id: text("CREW"),
            documents: documents(DocumentKind::CountSheet),
            withdrawn_documents: Vec::new(),
        }
        .into(),
        DonatedMoneySpendingVoided {
            corrects_event_id: event_id(),
            donation_id: text("D-1"),
            amount: Some(Money {
                currency_code: text("USD"),
                minor_units: 45_000,
            }),
            supplier_id: text("MOH"),
            commitment: 2,
            shipment_id: text("S-1"),
            documents: documents(DocumentKind::Invoice),
        }
        .into(),
        ConsignmentStepVoided {
            corrects_event_id: event_id(),
            donation_id: text("D-1"),
            consignment_id: text("C-1"),
            state: Some(ConsignmentState::InCustoms.into()),
            documents: documents(DocumentKind::CustomsDeclaration),
        }
        .into(),
        AssetStepVoided {
            corrects_event_id: event_id(),
            facility_id: text("HOSP"),
            units: Some(StockUnits {
                quantity: 1,
                serial_numbers: vec![text("S/1")],
                ..units()
            }),
            status: Some(AssetStatus {
                place: AssetPlace::Lent.into(),
                condition: AssetCondition::OutOfOrder.into(),
                fault: Some(AssetFault::Output.into()),
                repair: Some(AssetRepair {
                    repairer_id: text("MAKER"),
                    on_site: true,
                    expected_on: text("2020-05-01"),
                }),
                loan: Some(AssetLoan {
                    borrower_id: text("HELP"),
                    due_on: text("2020-06-01"),
                    documents: documents(DocumentKind::AcceptanceAct),
                }),
                output: Some(MeasuredOutput {
                    value_milli: 9_800,
                    unit_code: text("L2"),
                }),
                trained_user_refs: vec![text("person:7")],
                service_due_on: text("2021-01-15"),
                fill: Some(ContainerFill::Empty.into()),
                retired_for: Some(AssetRetirementReason::Unsafe.into()),
            }),
            documents: documents(DocumentKind::CountSheet),
        }
        .into(),
    ]
}

fn kits() -> Vec<Event> {
    let component = |batch_id: &str, quantity| StockUnits {
        batch_id: text(batch_id),
        quantity,
        serial_numbers: Vec::new(),
        ..units()
    };
    let kits = || StockUnits {
        batch_id: text("B-KIT"),
        donation_id: text("UNATTRIBUTED"),
        item_id: text("KIT"),
        owner_id: text("MOH"),
        expires_on: text("2021-12-31"),
        quantity: 4,
        ..StockUnits::default()
    };
    vec![
        KitsAssembled {
            facility_id: text("WH"),
            kits: Some(kits()),
            components: vec![component("B-1", 8), component("B-2", 12)],
            documents: documents(DocumentKind::AcceptanceAct),
        }
        .into(),
        KitsBroken {
            facility_id: text("HOSP"),
            kits: Some(kits()),
            held_quantity: 1,
            components: vec![component("B-1", 8), component("B-2", 12)],
            assembled_at_facility_id: text("WH"),
            assembled_for_owner_id: text("KASPI"),
            documents: documents(DocumentKind::AcceptanceAct),
        }
        .into(),
    ]
}

#[expect(clippy::too_many_lines, reason = "one sample of every event")]
fn on_trips() -> Vec<Event> {
    let trip_id = text("T-1");
    let (vehicle_id, crew_id) = (text("VAN-1"), text("CREW-1"));
    vec![
        TripPlanned {
            trip: Some(Trip {
                trip_id: trip_id.clone(),
                vehicle_id: vehicle_id.clone(),
                crew_id: crew_id.clone(),
                state: TripState::Planned.into(),
                departs_on: text("2020-04-10"),
                returns_on: text("2020-04-12"),
                stops: ["WH", "HOSP"]
                    .map(|facility_id| TripStop {
                        facility_id: text(facility_id),
                        expected_on: text("2020-04-11"),
                        reached: false,
                    })
                    .to_vec(),
                documents: documents(DocumentKind::Waybill),
                ..Trip::default()
            }),
        }
        .into(),
        ShipmentLoaded {
            trip_id: trip_id.clone(),
            load: Some(TripLoad {
                shipment_id: text("S-1"),
                from_stop: 1,
                to_stop: 2,
                weight_g: 12_400,
                volume_ml: 60_000,
                cold_chain: Some(StorageRange {
                    minimum_millicelsius: 2_000,
                    maximum_millicelsius: 8_000,
                }),
                cold_chain_override: Some(ColdChainOverride {
                    authorised_by_ref: text("person:1"),
                    reason: ColdChainOverrideReason::PackedCold.into(),
                }),
            }),
            origin_id: text("WH"),
            destination_id: text("HOSP"),
        }
        .into(),
        ShipmentUnloaded {
            trip_id: trip_id.clone(),
            shipment_id: text("S-1"),
            origin_id: text("WH"),
            destination_id: text("HOSP"),
        }
        .into(),
        TripDeparted {
            trip_id: trip_id.clone(),
            vehicle_id: vehicle_id.clone(),
            crew_id: crew_id.clone(),
            documents: documents(DocumentKind::Waybill),
            ..TripDeparted::default()
        }
        .into(),
        TripStopReached {
            trip_id: trip_id.clone(),
            stop: 2,
            facility_id: text("HOSP"),
        }
        .into(),
        TripBrokeDown {
            trip_id: trip_id.clone(),
            vehicle_id: vehicle_id.clone(),
            reason: BreakdownReason::Accident.into(),
            documents: documents(DocumentKind::Order),
        }
        .into(),
        TripResumed {
            trip_id: trip_id.clone(),
            vehicle_id: text("VAN-2"),
            crew_id: text("CREW-2"),
            from_vehicle_id: vehicle_id.clone(),
            from_crew_id: crew_id.clone(),
            departs_on: text("2020-04-11"),
            returns_on: text("2020-04-13"),
            documents: documents(DocumentKind::Order),
            ..TripResumed::default()
        }
        .into(),
        TripCompleted {
            trip_id: trip_id.clone(),
            vehicle_id: vehicle_id.clone(),
            crew_id: crew_id.clone(),
            documents: documents(DocumentKind::Waybill),
            ..TripCompleted::default()
        }
        .into(),
        TripCancelled {
            trip_id,
            vehicle_id,
            crew_id,
            shipment_ids: vec![text("S-1"), text("S-2")],
            reason: TripCancellationReason::Weather.into(),
        }
        .into(),
    ]
}

/// One event of each type, with as much in it as can be.
pub fn samples() -> Vec<Event> {
    [
        first(),
        examined(),
        set_apart(),
        amended(),
        retired(),
        verified(),
        sent_out(),
        placed(),
        counted(),
        lived(),
        moved(),
        unidentified(),
        settled(),
        imported(),
        passed(),
        corrected(),
        kits(),
        meant(),
        on_the_way(),
        on_trips(),
        lost(),
        answered(),
        planned(),
        never_happened(),
    ]
    .concat()
}

/// Corrections, which say by now since when they count.
fn dated() -> Vec<(&'static str, Event)> {
    let mut dated = Vec::new();
    for mut sample in samples() {
        let (name, effective_at) = match &mut sample {
            Event::ReceiptCorrected(event) => ("ReceiptCorrected.v2", &mut event.effective_at),
            Event::MovementVoided(event) => ("MovementVoided.v3", &mut event.effective_at),
            Event::StockDiscrepancyFound(event) => {
                ("StockDiscrepancyFound.v2", &mut event.effective_at)
            }
            Event::ShipmentDispatchVoided(event) => {
                ("ShipmentDispatchVoided.v2", &mut event.effective_at)
            }
            Event::ShipmentReceiptVoided(event) => {
                ("ShipmentReceiptVoided.v2", &mut event.effective_at)
            }
            Event::LossActVoided(event) => ("LossActVoided.v2", &mut event.effective_at),
            _ => continue,
        };
        *effective_at = Some(instant());
        dated.push((name, sample));
    }
    dated
}

/// Corrections, which say by now whose papers are none any more.
fn withdrawn() -> Vec<(&'static str, Event)> {
    let mut withdrawn = Vec::new();
    for (_, mut sample) in dated() {
        let (name, papers) = match &mut sample {
            Event::ShipmentDispatchVoided(event) => {
                ("ShipmentDispatchVoided.v3", &mut event.withdrawn_documents)
            }
            Event::ShipmentReceiptVoided(event) => {
                ("ShipmentReceiptVoided.v3", &mut event.withdrawn_documents)
            }
            Event::LossActVoided(event) => ("LossActVoided.v3", &mut event.withdrawn_documents),
            _ => continue,
        };
        *papers = documents(DocumentKind::LossAct);
        withdrawn.push((name, sample));
    }
    withdrawn
}

fn golden(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(file)
}

/// The file's content. Never rewritten: written only where it is missing and `KERUEN_WRITE_GOLDEN` is set.
#[expect(clippy::disallowed_methods, reason = "golden files lie on the disk")]
fn kept(file: &str, now: &str) -> String {
    let path = golden(file);
    if !path.exists() && std::env::var("KERUEN_WRITE_GOLDEN").is_ok() {
        fs::write(&path, now).expect("written");
    }
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    text
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(char::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hexadecimal"))
        .collect()
}

/// JSON without the members that were unknown when `kept` was written and say nothing: later versions added them.
fn without_additions(now: &Value, kept: &Value) -> Value {
    match (now, kept) {
        (Value::Object(now), Value::Object(kept)) => {
            let members = now.iter().filter_map(|(name, value)| match kept.get(name) {
                Some(kept) => Some((name.clone(), without_additions(value, kept))),
                None if says_nothing(value) => None,
                None => Some((name.clone(), value.clone())),
            });
            Value::Object(members.collect())
        }
        (Value::Array(now), Value::Array(kept)) if now.len() == kept.len() => now
            .iter()
            .zip(kept)
            .map(|(now, kept)| without_additions(now, kept))
            .collect(),
        _ => now.clone(),
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty() || text == "0",
        Value::Array(values) => values.is_empty(),
        Value::Object(_) => false,
    }
}

#[test]
fn every_type_has_a_sample() {
    let sampled: Vec<_> = samples().iter().map(Event::type_name).collect();
    for known in EVENT_TYPES {
        assert_eq!(
            sampled.iter().filter(|sample| *sample == known).count(),
            1,
            "{known}"
        );
    }
    assert_eq!(sampled.len(), EVENT_TYPES.len());
}

#[test]
fn bytes_are_written_as_ever() {
    let first = samples()
        .into_iter()
        .map(|sample| (format!("{}.v1", sample.short_name()), sample));
    let later = grown()
        .into_iter()
        .chain(told())
        .chain(dated())
        .chain(withdrawn())
        .map(|(name, sample)| (name.to_owned(), sample));
    for (name, sample) in first.chain(later) {
        sample.verify().expect("valid");
        let now = hex(&sample.encode());
        assert_eq!(kept(&format!("{name}.hex"), &now), now, "{name}");
        let json = sample.to_json().expect("JSON");
        let text = serde_json::to_string_pretty(&json).expect("JSON") + "\n";
        let kept = kept(&format!("{name}.json"), &text);
        let kept: Value = serde_json::from_str(&kept).expect("JSON");
        assert_eq!(without_additions(&json, &kept), kept, "{name}");
    }
}

/// Also of versions that no sample writes any more.
#[test]
#[expect(clippy::disallowed_methods, reason = "golden files lie on the disk")]
fn old_bytes_mean_what_they_meant() {
    let mut found = 0;
    for entry in fs::read_dir(golden("")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let Some(stem) = path.to_str().and_then(|path| path.strip_suffix(".hex")) else {
            continue;
        };
        let file = path
            .file_name()
            .and_then(|file| file.to_str())
            .expect("a name");
        let short = file.split('.').next().unwrap_or_default();
        let type_name = EVENT_TYPES
            .iter()
            .find(|known| known.rsplit('.').next() == Some(short))
            .unwrap_or_else(|| panic!("{short} is stored, but no longer known"));
        let data = bytes(&fs::read_to_string(&path).expect("readable"));
        let event = Event::decode(type_name, &data).expect("decodes");
        let expected = fs::read_to_string(format!("{stem}.json")).expect("its meaning");
        let expected: Value = serde_json::from_str(&expected).expect("JSON");
        let now = event.to_json().expect("JSON");
        assert_eq!(without_additions(&now, &expected), expected, "{file}");
        found += 1;
    }
    assert!(found >= EVENT_TYPES.len());
}

#[test]
fn tags_are_given_as_ever() {
    for sample in samples() {
        let tags = tags(&sample);
        assert!(tags.is_sorted());
        let mut lines = tags.join("\n");
        lines.push('\n');
        let file = format!("{}.v1.tags", sample.short_name());
        assert_eq!(kept(&file, &lines), lines, "{}", sample.short_name());
    }
}

/// Whatever was found by a tag once is found by it still.
#[test]
fn no_tag_was_given_up() {
    let tables = [
        "tags.txt",
        "tags-quality.txt",
        "tags-holds.txt",
        "tags-counts.txt",
        "tags-assets.txt",
    ]
    .map(|file| kept(file, ""));
    let mut of_type = Vec::new();
    for line in tables.iter().flat_map(|table| table.lines()) {
        match line.strip_prefix("    ") {
            None => {
                let sample = samples()
                    .into_iter()
                    .find(|sample| sample.type_name() == line);
                of_type = tags(&sample.expect("a known type"));
            }
            Some(tag) => assert!(of_type.iter().any(|given| given == tag), "{tag}"),
        }
    }
}
