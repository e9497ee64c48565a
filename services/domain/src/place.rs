//! Where an event stands: its regions and the offset of the place's clock.

use keruen_proto::{
    Event,
    registry::v1::{Facility, MobileUnitDeployed},
};

use crate::{
    books::Books,
    calendar::{facility_day, utc_offset_minutes},
    command::Moment,
    region::facility_region,
};

/// Where an event stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// ISO 3166-2 region in which stock on hand changes or the fact stands; empty where there is none.
    pub region: String,
    /// ISO 3166-2 region at the other end of a movement; empty where there is none.
    pub other_region: String,
    /// Offset from UTC of the clock at the place, in minutes.
    pub utc_offset_minutes: i32,
}

/// Where an event stands, by the facilities that its command has read, at the time it happened.
#[expect(clippy::too_many_lines, reason = "the one table: an arm for each type")]
pub fn place(event: &Event, books: &Books, moment: Moment) -> Place {
    let (here, there) = match event {
        Event::FacilityRegistered(event) => (event.facility.as_ref(), None),
        Event::FacilityAmended(event) => (event.facility.as_ref(), None),
        Event::FacilityRetired(event) => (books.facility(&event.facility_id), None),
        Event::FacilityRegionAssigned(event) => (books.facility(&event.facility_id), None),
        Event::FacilityClosed(event) => (books.facility(&event.facility_id), None),
        Event::FacilityReopened(event) => (books.facility(&event.facility_id), None),
        Event::MinimumReserveSet(event) => (books.facility(&event.facility_id), None),
        Event::MobileUnitDeployed(event) => (books.facility(&event.facility_id), None),
        Event::MobileUnitDeparted(event) => (books.facility(&event.facility_id), None),
        Event::MobileUnitScheduled(event) => (books.facility(&event.facility_id), None),
        Event::ThroughputReported(event) => (books.facility(&event.facility_id), None),
        Event::DonationReceived(event) => (books.facility(&event.facility_id), None),
        Event::StockAdjusted(event) => (books.facility(&event.facility_id), None),
        Event::StockConsumed(event) => (books.facility(&event.facility_id), None),
        Event::StockDisposed(event) => (books.facility(&event.facility_id), None),
        Event::ReceiptCorrected(event) => (books.facility(&event.facility_id), None),
        Event::MovementVoided(event) => (books.facility(&event.facility_id), None),
        Event::StockDiscrepancyFound(event) => (books.facility(&event.facility_id), None),
        Event::TitleTransferred(event) => (books.facility(&event.facility_id), None),
        Event::StockReturned(event) => (books.facility(&event.facility_id), None),
        Event::KitsAssembled(event) => (books.facility(&event.facility_id), None),
        Event::KitsBroken(event) => (books.facility(&event.facility_id), None),
        Event::StockEntered(event) => (books.facility(&event.facility_id), None),
        Event::StockCounted(event) => (
            event
                .stock_count
                .as_ref()
                .and_then(|count| books.facility(&count.facility_id)),
            None,
        ),
        Event::UnidentifiedGoodsReceived(event) => (books.facility(&event.facility_id), None),
        Event::GoodsIdentified(event) => (books.facility(&event.facility_id), None),
        Event::AssetInstalled(event) => (books.facility(&event.facility_id), None),
        Event::AssetRemoved(event) => (books.facility(&event.facility_id), None),
        Event::AssetPutInside(event) => (books.facility(&event.facility_id), None),
        Event::AssetTakenOut(event) => (books.facility(&event.facility_id), None),
        Event::AssetPutIntoService(event) => (books.facility(&event.facility_id), None),
        Event::AssetConditionReported(event) => (books.facility(&event.facility_id), None),
        Event::AssetSentForRepair(event) => (books.facility(&event.facility_id), None),
        Event::AssetRepairEnded(event) => (books.facility(&event.facility_id), None),
        Event::AssetServiced(event) => (books.facility(&event.facility_id), None),
        Event::AssetLent(event) => (books.facility(&event.facility_id), None),
        Event::AssetLoanEnded(event) => (books.facility(&event.facility_id), None),
        Event::ContainerFilled(event) => (books.facility(&event.facility_id), None),
        Event::ContainerEmptied(event) => (books.facility(&event.facility_id), None),
        Event::AssetLossAccepted(event) => (books.facility(&event.facility_id), None),
        Event::AssetStepVoided(event) => (books.facility(&event.facility_id), None),
        Event::AssetRetired(event) => (books.facility(&event.facility_id), None),
        Event::TemperatureExcursionFound(event) => (books.facility(&event.facility_id), None),
        Event::StockHeld(event) => (books.facility(&event.facility_id), None),
        Event::StockReleased(event) => (books.facility(&event.facility_id), None),
        Event::PlanDrafted(event) => {
            let plan = event.plan.as_ref();
            (plan.and_then(|plan| books.facility(&plan.origin_id)), None)
        }
        Event::PlanApproved(event) => (books.facility(&event.origin_id), None),
        Event::PlanCancelled(event) => (books.facility(&event.origin_id), None),
        Event::RequestFiled(event) => (books.facility(&event.facility_id), None),
        Event::RequestApproved(event) => (books.facility(&event.facility_id), None),
        Event::RequestRejected(event) => (books.facility(&event.facility_id), None),
        Event::RequestAcknowledged(event) => (books.facility(&event.facility_id), None),
        Event::RequestAmended(event) => (books.facility(&event.facility_id), None),
        Event::RequestTriaged(event) => (books.facility(&event.facility_id), None),
        Event::RequestMarkedDuplicate(event) => (books.facility(&event.facility_id), None),
        Event::NeedReconfirmed(event) => (books.facility(&event.facility_id), None),
        Event::ApprovalConfirmed(event) => (books.facility(&event.facility_id), None),
        Event::RequestEscalated(event) => (books.facility(&event.facility_id), None),
        Event::SubstituteOffered(event) => (books.facility(&event.facility_id), None),
        Event::SubstituteAccepted(event) => (books.facility(&event.facility_id), None),
        Event::SubstituteDeclined(event) => (books.facility(&event.facility_id), None),
        Event::RequestClosedShort(event) => (books.facility(&event.facility_id), None),
        Event::RequestCancelled(event) => (books.facility(&event.facility_id), None),
        Event::ShipmentRequested(event) => both(books, &event.origin_id, &event.destination_id),
        Event::ShipmentAllocated(event) => both(books, &event.origin_id, &event.destination_id),
        Event::AllocationReleased(event) => both(books, &event.origin_id, &event.destination_id),
        Event::ShipmentCancelled(event) => both(books, &event.origin_id, &event.destination_id),
        Event::ShipmentDispatched(event) => both(books, &event.origin_id, &event.destination_id),
        Event::ShipmentDispatchVoided(event) => {
            both(books, &event.origin_id, &event.destination_id)
        }
        Event::ShipmentReceiptVoided(event) => (books.facility(&event.destination_id), None),
        Event::LossActVoided(event) => (books.facility(&event.destination_id), None),
        Event::ShipmentReceived(event) => (books.facility(&event.destination_id), None),
        Event::LossActAccepted(event) => (books.facility(&event.destination_id), None),
        Event::ParcelPacked(event) => both(books, &event.origin_id, &event.destination_id),
        Event::ParcelUnpacked(event) => both(books, &event.origin_id, &event.destination_id),
        // What is on its way is on hand nowhere: the region that expects it comes first.
        Event::ShipmentDelayed(event) => both(books, &event.destination_id, &event.origin_id),
        Event::DeliveryAttempted(event) => both(books, &event.destination_id, &event.origin_id),
        Event::ShipmentDiverted(event) => {
            both(books, &event.new_destination_id, &event.destination_id)
        }
        Event::ShipmentSplit(event) => both(books, &event.destination_id, &event.origin_id),
        Event::ShipmentTitleTransferred(event) if event.is_under_way => {
            both(books, &event.destination_id, &event.origin_id)
        }
        Event::ShipmentTitleTransferred(event) => {
            both(books, &event.origin_id, &event.destination_id)
        }
        Event::ShipmentArrived(event) => both(books, &event.destination_id, &event.origin_id),
        Event::ShipmentLossReported(event) => both(books, &event.destination_id, &event.origin_id),
        Event::CustodyHandedOver(event) => both(books, &event.destination_id, &event.origin_id),
        Event::CustodyRefused(event) => both(books, &event.destination_id, &event.origin_id),
        Event::ShipmentLoaded(event) => both(books, &event.destination_id, &event.origin_id),
        Event::ShipmentUnloaded(event) => both(books, &event.destination_id, &event.origin_id),
        Event::TripStopReached(event) => (books.facility(&event.facility_id), None),
        Event::KeeperAppointed(event) => {
            let keeper = event.keeper.as_ref();
            (keeper.and_then(|it| books.facility(&it.facility_id)), None)
        }
        Event::DiscrepancyAnswered(event) => both(books, &event.origin_id, &event.destination_id),
        Event::OrganisationRegistered(_)
        | Event::OrganisationAmended(_)
        | Event::OrganisationRetired(_)
        | Event::OrganisationVerified(_)
        | Event::VerificationRevoked(_)
        | Event::VehicleRegistered(_)
        | Event::VehicleAmended(_)
        | Event::VehicleRetired(_)
        | Event::LiabilityAgreementSigned(_)
        | Event::LiabilityAgreementEnded(_)
        | Event::TripPlanned(_)
        | Event::TripDeparted(_)
        | Event::TripBrokeDown(_)
        | Event::TripResumed(_)
        | Event::TripCompleted(_)
        | Event::TripCancelled(_)
        | Event::VolunteerRegistered(_)
        | Event::VolunteerAmended(_)
        | Event::VolunteerRetired(_)
        | Event::CrewRegistered(_)
        | Event::CrewAmended(_)
        | Event::CrewRetired(_)
        | Event::VolunteerAssigned(_)
        | Event::AssignmentEnded(_)
        | Event::DutyRosterSet(_)
        | Event::EmergencyDeclared(_)
        | Event::EmergencyEnded(_)
        | Event::CommodityRegistered(_)
        | Event::CommodityAmended(_)
        | Event::CommodityRetired(_)
        | Event::ItemRegistered(_)
        | Event::ItemAmended(_)
        | Event::ItemRetired(_)
        | Event::DonationPledged(_)
        | Event::DonatedMoneySpent(_)
        | Event::DonatedMoneySpendingVoided(_)
        | Event::ConsignmentStepVoided(_)
        | Event::DonatedMoneyCommitted(_)
        | Event::DonatedMoneyReleased(_)
        | Event::DonationClosed(_)
        | Event::DonationReopened(_)
        | Event::EarmarksChanged(_)
        | Event::ConsignmentAnnounced(_)
        | Event::ConsignmentReachedBorder(_)
        | Event::ConsignmentEnteredCustoms(_)
        | Event::ConsignmentCleared(_)
        | Event::ConsignmentRefused(_)
        | Event::BatchDataCorrected(_)
        | Event::BatchHeld(_)
        | Event::BatchReleased(_)
        | Event::BatchExpiryShortened(_)
        | Event::LotRecalled(_)
        | Event::LotRecallLifted(_) => (None, None),
    };
    let time_us = moment.occurred_at_us;
    // Where something has come to, and not where it was before.
    let region = match event {
        Event::MobileUnitDeployed(MobileUnitDeployed {
            stop: Some(stop), ..
        }) => stop.region_id.clone(),
        _ => region_of(here, time_us),
    };
    Place {
        region,
        other_region: region_of(there, time_us),
        utc_offset_minutes: here.map_or(0, |facility| utc_offset_minutes(facility, time_us)),
    }
}

fn both<'a>(
    books: &'a Books,
    here: &str,
    there: &str,
) -> (Option<&'a Facility>, Option<&'a Facility>) {
    (books.facility(here), books.facility(there))
}

fn region_of(facility: Option<&Facility>, time_us: i64) -> String {
    facility
        .and_then(|facility| facility_region(facility, facility_day(facility, time_us)))
        .unwrap_or_default()
        .to_owned()
}
