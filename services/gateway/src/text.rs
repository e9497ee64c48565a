//! What the page says, in each of its languages. A text that is missing in one of them doesn't compile.

mod en;
mod kk;
mod ru;

use keruen_proto::{
    inventory::v1::{DonationState, ReceiptOutcome},
    requests::v1::{NeedKind, RequestPriority, RequestState},
    shipments::v1::ShipmentState,
    stock::v1::{TraceStatus, TraceStep},
};

/// A language of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// English.
    En,
    /// Kazakh.
    Kk,
    /// Russian.
    Ru,
}

impl Lang {
    /// All of them, in the order of the language switch.
    pub const ALL: [Self; 3] = [Self::Kk, Self::Ru, Self::En];

    /// The language of that ISO 639-1 code, if the page speaks it.
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|lang| lang.code().eq_ignore_ascii_case(code))
    }

    /// Its ISO 639-1 code.
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Kk => "kk",
            Self::Ru => "ru",
        }
    }

    /// What its speakers call it.
    pub fn endonym(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Kk => "Қазақша",
            Self::Ru => "Русский",
        }
    }

    /// Its texts.
    pub fn texts(self) -> &'static Texts {
        match self {
            Self::En => &en::TEXTS,
            Self::Kk => &kk::TEXTS,
            Self::Ru => &ru::TEXTS,
        }
    }
}

/// Declares the table, and lists its entries for the tests.
macro_rules! texts {
    ($($field:ident,)+) => {
        /// One language's texts. Numbers stand beside a text, never in it, so that no plural forms are needed.
        #[derive(Debug)]
        pub struct Texts {
            $(pub $field: &'static str,)+
        }

        #[cfg(test)]
        impl Texts {
            /// Every text with its key.
            pub fn entries(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($field), self.$field),)+]
            }
        }
    };
}

texts! {
    // The frame of the page.
    brand, title, lead, skip_to_content, language, log_position, position_note, behind,
    live_on, live_off, no_script, reload, contents, footer_log, footer_map,
    // Stock.
    stock_heading, commodity, show, altogether, altogether_note, map_title, map_hint, map_skip, legend, legend_none,
    table_label, region, on_hand, reserved, held, available, in_transit, in_transit_out, consumed, disposed, lost, returned, converted,
    missing, total,
    columns_heading, on_hand_note, reserved_note, held_note, available_note, in_transit_note, in_transit_out_note, consumed_note,
    disposed_note, lost_note, untold, no_commodities,
    // Units.
    unit_pieces, unit_sets, unit_pairs, unit_kilograms, unit_litres, unit_boxes,
    // The trace.
    trace_heading, donation, donations_rest, no_donations, donor, anonymous_donor, recipient, pledged, received_of, kits_heading,
    money, money_spent, expected_on, not_known, where_heading, nothing_received, batch, lot, use_by, place, status,
    quantity, owner, custodian, serial_numbers, shares_label, steps_heading, step_from, step_to, shipment, request,
    steps_rest, rows_rest, batches_rest, numbers_rest,
    // A shipment.
    papers_heading, papers_note, no_papers, shipment_state_requested, shipment_state_allocated,
    shipment_state_dispatched, shipment_state_partly_received, shipment_state_received,
    shipment_state_received_with_discrepancy, shipment_state_cancelled, shipment_state_handed_over,
    shipment_state_delivery_attempted, shipment_state_diverted, shipment_state_arrived, shipment_state_returned,
    shipment_state_lost,
    // What happened.
    earmarks_changed, kits_assembled, kits_broken,
    goods_received, goods_identified, asset_installed, asset_removed, asset_put_inside, asset_taken_out, asset_in_service, asset_condition,
    asset_repair, asset_repair_ended, asset_serviced, asset_lent, asset_loan_ended, container_filled,
    container_emptied, asset_retired, asset_loss_accepted,
    money_committed, money_released, donation_closed, donation_reopened, consignment_announced, consignment_at_border,
    consignment_in_customs, consignment_cleared, consignment_refused,
    donation_pledged, donation_received, money_spent_step, stock_increased, stock_decreased, stock_consumed, stock_disposed,
    receipt_corrected, batch_data_corrected, movement_voided, discrepancy_found, title_transferred,
    stock_entered, stock_counted, stock_returned, temperature_excursion, expiry_shortened,
    stock_held, stock_released, batch_held, batch_released, lot_recalled, lot_recall_lifted,
    shipment_diverted, shipment_split, shipment_loss_reported, custody_handed_over,
    custody_refused, keeper_appointed, agreement_signed, agreement_ended, shipment_loaded, shipment_unloaded, trip_planned,
    trip_departed, trip_stop_reached, trip_broke_down, trip_resumed, trip_completed, trip_cancelled,
    shipment_requested, shipment_allocated, allocation_released, shipment_dispatched, shipment_received,
    loss_act_accepted, shipment_cancelled, parcel_packed, parcel_unpacked, shipment_delayed, delivery_attempted,
    shipment_arrived, discrepancy_answered,
    other_event,
    // Requests.
    requests_heading, no_requests, open_requests, priority, facility, needed, asked, approved, allocated, received,
    waiting_since, needed_by, undecided, requests_rest, requests_rest_many, lines_rest,
    priority_routine, priority_urgent, priority_asap, priority_stat,
    request_filed, request_approved, request_rejected, request_partly_allocated, request_allocated,
    request_partly_fulfilled, request_fulfilled, request_acknowledged, request_cancelled, request_closed_short,
    need_oxygen_therapy, need_ventilation, need_testing, need_monitoring, need_protection, need_infusion,
    need_cold_storage, need_power, patients,
    donation_state_pledged, donation_state_partly_received, donation_state_received, donation_state_closed,
    outcome_good, outcome_damaged, outcome_missing, outcome_surplus, outcome_wrong, outcome_expired,
    // What went wrong.
    no_such_page, no_such_page_note, no_such_commodity, no_such_commodity_note, no_such_donation,
    no_such_donation_note, no_such_shipment, no_such_shipment_note, no_such_paper, no_such_paper_note,
    no_such_language, no_such_language_note, bad_address, bad_address_note, in_the_address,
    read_only, read_only_note, unavailable, unavailable_note, failed, failed_note, busy, busy_note,
    start_page, try_again,
}

impl Texts {
    /// How urgent a request is.
    pub fn priority(&self, priority: RequestPriority) -> &'static str {
        match priority {
            RequestPriority::Unspecified => self.not_known,
            RequestPriority::Routine => self.priority_routine,
            RequestPriority::Urgent => self.priority_urgent,
            RequestPriority::Asap => self.priority_asap,
            RequestPriority::Stat => self.priority_stat,
        }
    }

    /// Where a request stands.
    pub fn request_state(&self, state: RequestState) -> &'static str {
        match state {
            RequestState::Unspecified => self.not_known,
            RequestState::Filed => self.request_filed,
            RequestState::Approved => self.request_approved,
            RequestState::Rejected => self.request_rejected,
            RequestState::PartlyAllocated => self.request_partly_allocated,
            RequestState::Allocated => self.request_allocated,
            RequestState::PartlyFulfilled => self.request_partly_fulfilled,
            RequestState::Fulfilled => self.request_fulfilled,
            RequestState::Acknowledged => self.request_acknowledged,
            RequestState::Cancelled => self.request_cancelled,
            RequestState::ClosedShort => self.request_closed_short,
        }
    }

    /// What somebody needs help with.
    pub fn need(&self, kind: NeedKind) -> &'static str {
        match kind {
            NeedKind::Unspecified => self.not_known,
            NeedKind::OxygenTherapy => self.need_oxygen_therapy,
            NeedKind::Ventilation => self.need_ventilation,
            NeedKind::Testing => self.need_testing,
            NeedKind::Monitoring => self.need_monitoring,
            NeedKind::Protection => self.need_protection,
            NeedKind::Infusion => self.need_infusion,
            NeedKind::ColdStorage => self.need_cold_storage,
            NeedKind::Power => self.need_power,
        }
    }

    /// Where a shipment stands.
    pub fn shipment_state(&self, state: ShipmentState) -> &'static str {
        match state {
            ShipmentState::Unspecified => self.not_known,
            ShipmentState::Requested => self.shipment_state_requested,
            ShipmentState::Allocated => self.shipment_state_allocated,
            ShipmentState::Dispatched => self.shipment_state_dispatched,
            ShipmentState::PartlyReceived => self.shipment_state_partly_received,
            ShipmentState::Received => self.shipment_state_received,
            ShipmentState::ReceivedWithDiscrepancy => self.shipment_state_received_with_discrepancy,
            ShipmentState::Cancelled => self.shipment_state_cancelled,
            ShipmentState::HandedOver => self.shipment_state_handed_over,
            ShipmentState::DeliveryAttempted => self.shipment_state_delivery_attempted,
            ShipmentState::Diverted => self.shipment_state_diverted,
            ShipmentState::Arrived => self.shipment_state_arrived,
            ShipmentState::Returned => self.shipment_state_returned,
            ShipmentState::Lost => self.shipment_state_lost,
        }
    }

    /// Where a donation stands.
    pub fn donation_state(&self, state: DonationState) -> &'static str {
        match state {
            DonationState::Unspecified => self.not_known,
            DonationState::Pledged => self.donation_state_pledged,
            DonationState::PartlyReceived => self.donation_state_partly_received,
            DonationState::Received => self.donation_state_received,
            DonationState::Closed => self.donation_state_closed,
        }
    }

    /// What became of units.
    pub fn trace_status(&self, status: TraceStatus) -> &'static str {
        match status {
            TraceStatus::Unspecified => self.not_known,
            TraceStatus::OnHand => self.on_hand,
            TraceStatus::InTransit => self.in_transit,
            TraceStatus::Missing => self.missing,
            TraceStatus::Consumed => self.consumed,
            TraceStatus::Disposed => self.disposed,
            TraceStatus::Lost => self.lost,
            TraceStatus::Returned => self.returned,
            TraceStatus::Converted => self.converted,
        }
    }

    /// What was found on receipt; `None` where there was no receipt.
    pub fn outcome(&self, outcome: ReceiptOutcome) -> Option<&'static str> {
        match outcome {
            ReceiptOutcome::Unspecified => None,
            ReceiptOutcome::Good => Some(self.outcome_good),
            ReceiptOutcome::Damaged => Some(self.outcome_damaged),
            ReceiptOutcome::Missing => Some(self.outcome_missing),
            ReceiptOutcome::Surplus => Some(self.outcome_surplus),
            ReceiptOutcome::Wrong => Some(self.outcome_wrong),
            ReceiptOutcome::Expired => Some(self.outcome_expired),
        }
    }

    /// What a step says happened to units.
    pub fn step(&self, step: &TraceStep) -> &'static str {
        let is_adjustment = step.r#type.ends_with(".StockAdjusted");
        // What the books had not known comes from nowhere.
        if is_adjustment && !step.from_facility_id.is_empty() {
            return self.stock_decreased;
        }
        self.event(&step.r#type)
    }

    /// What an event says happened to units. Types that a newer node may add have one text together.
    fn event(&self, type_name: &str) -> &'static str {
        match type_name.rsplit('.').next().unwrap_or_default() {
            "DonationPledged" => self.donation_pledged,
            "DonationReceived" => self.donation_received,
            "DonatedMoneySpent" => self.money_spent_step,
            "DonatedMoneyCommitted" => self.money_committed,
            "DonatedMoneyReleased" => self.money_released,
            "DonationClosed" => self.donation_closed,
            "DonationReopened" => self.donation_reopened,
            "ConsignmentAnnounced" => self.consignment_announced,
            "ConsignmentReachedBorder" => self.consignment_at_border,
            "ConsignmentEnteredCustoms" => self.consignment_in_customs,
            "ConsignmentCleared" => self.consignment_cleared,
            "ConsignmentRefused" => self.consignment_refused,
            "EarmarksChanged" => self.earmarks_changed,
            "KitsAssembled" => self.kits_assembled,
            "KitsBroken" => self.kits_broken,
            "UnidentifiedGoodsReceived" => self.goods_received,
            "GoodsIdentified" => self.goods_identified,
            "AssetInstalled" => self.asset_installed,
            "AssetRemoved" => self.asset_removed,
            "AssetPutInside" => self.asset_put_inside,
            "AssetTakenOut" => self.asset_taken_out,
            "AssetPutIntoService" => self.asset_in_service,
            "AssetConditionReported" => self.asset_condition,
            "AssetSentForRepair" => self.asset_repair,
            "AssetRepairEnded" => self.asset_repair_ended,
            "AssetServiced" => self.asset_serviced,
            "AssetLent" => self.asset_lent,
            "AssetLoanEnded" => self.asset_loan_ended,
            "ContainerFilled" => self.container_filled,
            "ContainerEmptied" => self.container_emptied,
            "AssetRetired" => self.asset_retired,
            "AssetLossAccepted" => self.asset_loss_accepted,
            "StockAdjusted" => self.stock_increased,
            "StockConsumed" => self.stock_consumed,
            "StockDisposed" => self.stock_disposed,
            "ReceiptCorrected" => self.receipt_corrected,
            "BatchDataCorrected" => self.batch_data_corrected,
            "MovementVoided"
            | "ShipmentDispatchVoided"
            | "ShipmentReceiptVoided"
            | "LossActVoided"
            | "DonatedMoneySpendingVoided"
            | "ConsignmentStepVoided"
            | "AssetStepVoided" => self.movement_voided,
            "StockDiscrepancyFound" => self.discrepancy_found,
            "TitleTransferred" | "ShipmentTitleTransferred" => self.title_transferred,
            "StockEntered" => self.stock_entered,
            "StockCounted" => self.stock_counted,
            "StockReturned" => self.stock_returned,
            "TemperatureExcursionFound" => self.temperature_excursion,
            "BatchExpiryShortened" => self.expiry_shortened,
            "StockHeld" => self.stock_held,
            "StockReleased" => self.stock_released,
            "BatchHeld" => self.batch_held,
            "BatchReleased" => self.batch_released,
            "LotRecalled" => self.lot_recalled,
            "LotRecallLifted" => self.lot_recall_lifted,
            "ShipmentRequested" => self.shipment_requested,
            "ShipmentAllocated" => self.shipment_allocated,
            "AllocationReleased" => self.allocation_released,
            "ShipmentDispatched" => self.shipment_dispatched,
            "ShipmentReceived" => self.shipment_received,
            "LossActAccepted" => self.loss_act_accepted,
            "ParcelPacked" => self.parcel_packed,
            "ParcelUnpacked" => self.parcel_unpacked,
            "ShipmentDelayed" => self.shipment_delayed,
            "DeliveryAttempted" => self.delivery_attempted,
            "ShipmentArrived" => self.shipment_arrived,
            "DiscrepancyAnswered" => self.discrepancy_answered,
            "ShipmentDiverted" => self.shipment_diverted,
            "ShipmentSplit" => self.shipment_split,
            "ShipmentLossReported" => self.shipment_loss_reported,
            "CustodyHandedOver" => self.custody_handed_over,
            "CustodyRefused" => self.custody_refused,
            "KeeperAppointed" => self.keeper_appointed,
            "LiabilityAgreementSigned" => self.agreement_signed,
            "LiabilityAgreementEnded" => self.agreement_ended,
            "ShipmentLoaded" => self.shipment_loaded,
            "ShipmentUnloaded" => self.shipment_unloaded,
            "TripPlanned" => self.trip_planned,
            "TripDeparted" => self.trip_departed,
            "TripStopReached" => self.trip_stop_reached,
            "TripBrokeDown" => self.trip_broke_down,
            "TripResumed" => self.trip_resumed,
            "TripCompleted" => self.trip_completed,
            "TripCancelled" => self.trip_cancelled,
            "ShipmentCancelled" => self.shipment_cancelled,
            _ => self.other_event,
        }
    }

    /// A unit by its UN/ECE Recommendation 20 or 21 code; other codes stand for themselves.
    pub fn unit<'a>(&self, code: &'a str) -> &'a str {
        match code {
            "EA" | "C62" | "H87" | "PCE" => self.unit_pieces,
            "SET" => self.unit_sets,
            "PR" => self.unit_pairs,
            "KGM" => self.unit_kilograms,
            "LTR" => self.unit_litres,
            "BX" | "XBX" => self.unit_boxes,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_cyrillic(letter: char) -> bool {
        ('\u{0400}'..='\u{04ff}').contains(&letter)
    }

    #[test]
    fn each_language_is_written_in_its_own_letters() {
        for (key, text) in en::TEXTS.entries() {
            assert!(
                !text.is_empty() && text != key && !text.chars().any(is_cyrillic),
                "en {key}: {text}"
            );
        }
        for lang in [Lang::Kk, Lang::Ru] {
            for (key, text) in lang.texts().entries() {
                assert!(
                    text.chars().any(is_cyrillic),
                    "{} {key}: {text}",
                    lang.code()
                );
                let latin = text.replace("JavaScript", "");
                let latin = latin
                    .replace("lang", "")
                    .replace("commodity", "")
                    .replace("donation", "");
                let latin = latin
                    .replace("(en)", "")
                    .replace("(kk)", "")
                    .replace("(ru)", "");
                assert!(
                    !latin.chars().any(|letter| letter.is_ascii_alphabetic()),
                    "{} {key}: {text}",
                    lang.code()
                );
            }
        }
    }

    #[test]
    fn kazakh_and_russian_are_not_copies_of_each_other() {
        // Words that are the same in both.
        let shared = ["brand", "batch", "lot", "unit_kilograms"];
        for ((key, kk), (_, ru)) in kk::TEXTS.entries().into_iter().zip(ru::TEXTS.entries()) {
            assert!(kk != ru || shared.contains(&key), "{key}: {kk}");
        }
    }

    #[test]
    fn what_was_found_to_be_more_or_fewer_is_told_apart() {
        let adjusted = |from: &str| TraceStep {
            r#type: "keruen.inventory.v1.StockAdjusted".to_owned(),
            from_facility_id: from.to_owned(),
            facility_id: "H-JEZ".to_owned(),
            ..TraceStep::default()
        };
        for lang in Lang::ALL {
            let texts = lang.texts();
            assert_ne!(texts.step(&adjusted("")), texts.step(&adjusted("H-JEZ")));
        }
    }

    #[test]
    fn every_event_that_touches_units_has_its_own_text() {
        let contexts = ["keruen.inventory.v1.", "keruen.shipments.v1."];
        let types: Vec<&str> = keruen_proto::EVENT_TYPES
            .iter()
            .copied()
            .filter(|name| contexts.iter().any(|context| name.starts_with(context)))
            .collect();
        assert!(types.len() > 10);
        for name in types {
            assert_ne!(en::TEXTS.event(name), en::TEXTS.other_event, "{name}");
        }
    }
}
