//! The one table that says which event carries which tags.
//!
//! An event carries the tag of every donation, batch, asset, stock, request and shipment whose fold it changes.
//! Movements and claims also carry the donations and lots of the batches that they move, and the requests that they
//! serve, so that each can be traced. The tags of organisations, facilities, commodities, items, vehicles, volunteers and crews
//! stand only on facts
//! about those things themselves: else a look at a facility would walk through every movement. That a batch is held or a
//! lot recalled is such a fact about the item: it binds wherever the units are.

use std::collections::BTreeSet;

use keruen_proto::{
    Event,
    inventory::v1::{AssetRef, ReceiptOutcome, StockUnits},
    registry::v1::{AssetLink, ExternalId, Item},
    shipments::v1::{Parcel, ReceivedUnits, ShipmentUnits},
};

use crate::{
    boundary::{Boundary, EARMARKS_TAG, EMERGENCIES_TAG, asset_tag, lot_tag, model_tag, stock_tag},
    code::UNATTRIBUTED,
    registry::Thing,
};

/// The tags of an event, sorted and without duplicates.
#[expect(clippy::too_many_lines, reason = "the one table: an arm for each type")]
pub fn tags(event: &Event) -> Vec<String> {
    let mut tags = Tags::default();
    match event {
        Event::OrganisationRegistered(event) => tags.thing(event.organisation.as_ref(), &[]),
        Event::OrganisationAmended(event) => {
            tags.thing(event.organisation.as_ref(), &event.released);
        }
        Event::OrganisationRetired(event) => tags.id("organisation", Some(&event.organisation_id)),
        Event::OrganisationVerified(event) => tags.id("organisation", Some(&event.organisation_id)),
        Event::VerificationRevoked(event) => tags.id("organisation", Some(&event.organisation_id)),
        Event::FacilityRegistered(event) => tags.thing(event.facility.as_ref(), &[]),
        Event::FacilityAmended(event) => tags.thing(event.facility.as_ref(), &event.released),
        Event::FacilityRetired(event) => tags.id("facility", Some(&event.facility_id)),
        Event::FacilityRegionAssigned(event) => tags.id("facility", Some(&event.facility_id)),
        Event::FacilityClosed(event) => tags.id("facility", Some(&event.facility_id)),
        Event::FacilityReopened(event) => tags.id("facility", Some(&event.facility_id)),
        Event::MinimumReserveSet(event) => tags.id("facility", Some(&event.facility_id)),
        Event::DutyRosterSet(event) => {
            tags.id(
                "duty",
                event.roster.as_ref().map(|roster| &roster.region_id),
            );
        }
        Event::MobileUnitDeployed(event) => tags.id("mobileunit", Some(&event.facility_id)),
        Event::MobileUnitDeparted(event) => tags.id("mobileunit", Some(&event.facility_id)),
        Event::MobileUnitScheduled(event) => tags.id("mobileunit", Some(&event.facility_id)),
        Event::ThroughputReported(event) => tags.id("mobileunit", Some(&event.facility_id)),
        Event::CommodityRegistered(event) => tags.thing(event.commodity.as_ref(), &[]),
        Event::CommodityAmended(event) => tags.thing(event.commodity.as_ref(), &event.released),
        Event::CommodityRetired(event) => tags.id("commodity", Some(&event.commodity_id)),
        Event::ItemRegistered(event) => tags.item(event.item.as_ref(), &[]),
        Event::ItemAmended(event) => tags.item(event.item.as_ref(), &event.released),
        Event::ItemRetired(event) => tags.id("item", Some(&event.item_id)),
        Event::VehicleRegistered(event) => tags.thing(event.vehicle.as_ref(), &[]),
        Event::VehicleAmended(event) => tags.thing(event.vehicle.as_ref(), &event.released),
        Event::VehicleRetired(event) => tags.id("vehicle", Some(&event.vehicle_id)),
        Event::VolunteerRegistered(event) => tags.thing(event.volunteer.as_ref(), &[]),
        Event::VolunteerAmended(event) => tags.thing(event.volunteer.as_ref(), &event.released),
        Event::VolunteerRetired(event) => tags.id("volunteer", Some(&event.volunteer_id)),
        Event::CrewRegistered(event) => tags.thing(event.crew.as_ref(), &[]),
        Event::CrewAmended(event) => tags.thing(event.crew.as_ref(), &event.released),
        Event::CrewRetired(event) => tags.id("crew", Some(&event.crew_id)),
        Event::VolunteerAssigned(event) => {
            if let Some(assignment) = &event.assignment {
                tags.id("volunteer", Some(&assignment.volunteer_id));
                tags.id("crew", Some(&assignment.crew_id));
            }
        }
        Event::AssignmentEnded(event) => {
            tags.id("volunteer", Some(&event.volunteer_id));
            tags.id("crew", Some(&event.crew_id));
        }

        Event::DonationPledged(event) => tags.id("donation", Some(&event.donation_id)),
        Event::DonatedMoneySpent(event) => {
            tags.id("donation", Some(&event.donation_id));
            // Not for the shipment's fold, but so that what its carriage cost is found.
            tags.id("shipment", Some(&event.shipment_id));
        }
        Event::DonatedMoneySpendingVoided(event) => {
            tags.fact(&event.corrects_event_id);
            tags.id("donation", Some(&event.donation_id));
            tags.id("shipment", Some(&event.shipment_id));
        }
        Event::ConsignmentStepVoided(event) => {
            tags.fact(&event.corrects_event_id);
            tags.id("donation", Some(&event.donation_id));
        }
        Event::DonatedMoneyCommitted(event) => tags.id("donation", Some(&event.donation_id)),
        Event::DonatedMoneyReleased(event) => tags.id("donation", Some(&event.donation_id)),
        Event::DonationClosed(event) => tags.id("donation", Some(&event.donation_id)),
        Event::EarmarksChanged(event) => {
            tags.id("donation", Some(&event.donation_id));
            tags.0.insert(EARMARKS_TAG.to_owned());
        }
        Event::DonationReopened(event) => tags.id("donation", Some(&event.donation_id)),
        Event::ConsignmentAnnounced(event) => tags.id("donation", Some(&event.donation_id)),
        Event::ConsignmentReachedBorder(event) => tags.id("donation", Some(&event.donation_id)),
        Event::ConsignmentEnteredCustoms(event) => tags.id("donation", Some(&event.donation_id)),
        Event::ConsignmentCleared(event) => tags.id("donation", Some(&event.donation_id)),
        Event::ConsignmentRefused(event) => tags.id("donation", Some(&event.donation_id)),
        Event::DonationReceived(event) => {
            tags.id("donation", Some(&event.donation_id));
            // What is missing never was in the books: there is no batch to tag.
            for line in event
                .lines
                .iter()
                .filter(|line| line.outcome() != ReceiptOutcome::Missing)
            {
                tags.units(line.units.as_ref(), Some(&event.facility_id));
            }
        }

        Event::StockAdjusted(event) => tags.units(event.units.as_ref(), Some(&event.facility_id)),
        Event::StockConsumed(event) => {
            for units in &event.units {
                tags.units(Some(units), Some(&event.facility_id));
            }
        }
        Event::StockDisposed(event) => tags.units(event.units.as_ref(), Some(&event.facility_id)),

        Event::TitleTransferred(event) => {
            tags.units(event.units.as_ref(), Some(&event.facility_id));
        }
        Event::StockReturned(event) => tags.units(event.units.as_ref(), Some(&event.facility_id)),
        Event::StockEntered(event) => {
            for line in &event.lines {
                tags.units(line.units.as_ref(), Some(&event.facility_id));
            }
        }
        Event::StockCounted(event) => {
            if let Some(count) = &event.stock_count {
                tags.id("count", Some(&count.count_id));
                tags.0.insert(stock_tag(&count.facility_id, &count.item_id));
            }
        }
        Event::UnidentifiedGoodsReceived(event) => {
            tags.id("goods", Some(&event.goods_id));
            tags.id("donation", Some(&event.donation_id));
        }
        Event::GoodsIdentified(event) => {
            tags.id("goods", Some(&event.goods_id));
            let donation_id = Some(&event.donation_id);
            tags.id("donation", donation_id.filter(|id| *id != UNATTRIBUTED));
            for batch_id in &event.batch_ids {
                tags.id("batch", Some(batch_id));
            }
        }

        // What an asset goes through changes nothing of the stock by itself.
        Event::AssetInstalled(event) => tags.units(event.units.as_ref(), None),
        Event::AssetRemoved(event) => tags.units(event.units.as_ref(), None),
        Event::AssetPutInside(event) => {
            tags.units(event.units.as_ref(), None);
            tags.asset(event.inside.as_ref());
        }
        Event::AssetTakenOut(event) => {
            tags.units(event.units.as_ref(), None);
            tags.asset(event.inside.as_ref());
        }
        Event::AssetPutIntoService(event) => tags.units(event.units.as_ref(), None),
        Event::AssetConditionReported(event) => tags.units(event.units.as_ref(), None),
        Event::AssetSentForRepair(event) => tags.units(event.units.as_ref(), None),
        Event::AssetRepairEnded(event) => tags.units(event.units.as_ref(), None),
        Event::AssetServiced(event) => tags.units(event.units.as_ref(), None),
        Event::AssetLent(event) => tags.units(event.units.as_ref(), None),
        Event::AssetLoanEnded(event) => tags.units(event.units.as_ref(), None),
        Event::ContainerFilled(event) => tags.units(event.units.as_ref(), None),
        Event::ContainerEmptied(event) => tags.units(event.units.as_ref(), None),
        Event::AssetRetired(event) => tags.units(event.units.as_ref(), None),
        Event::AssetLossAccepted(event) => tags.units(event.units.as_ref(), None),
        Event::AssetStepVoided(event) => {
            tags.fact(&event.corrects_event_id);
            tags.units(event.units.as_ref(), None);
        }

        Event::TemperatureExcursionFound(event) => {
            tags.0.insert(stock_tag(&event.facility_id, &event.item_id));
            for batch_id in &event.batch_ids {
                tags.id("batch", Some(batch_id));
            }
        }

        Event::StockHeld(event) => tags.units(event.units.as_ref(), Some(&event.facility_id)),
        Event::StockReleased(event) => tags.units(event.units.as_ref(), Some(&event.facility_id)),

        Event::KitsAssembled(event) => {
            for units in event.kits.iter().chain(&event.components) {
                tags.units(Some(units), Some(&event.facility_id));
            }
        }
        Event::KitsBroken(event) => {
            for units in event.kits.iter().chain(&event.components) {
                tags.units(Some(units), Some(&event.facility_id));
            }
        }
        Event::ReceiptCorrected(event) => {
            tags.fact(&event.corrects_event_id);
            tags.units(event.units.as_ref(), Some(&event.facility_id));
        }
        Event::StockDiscrepancyFound(event) => {
            tags.units(event.units.as_ref(), Some(&event.facility_id));
        }
        Event::MovementVoided(event) => {
            tags.fact(&event.corrects_event_id);
            for units in &event.units {
                tags.units(Some(units), Some(&event.facility_id));
            }
        }
        Event::BatchDataCorrected(event) => {
            tags.fact(&event.corrects_event_id);
            tags.batch(&event.batch_id, &event.item_id, &event.lot);
            tags.lot(&event.item_id, &event.wrong_lot);
        }
        Event::BatchHeld(event) => tags.batch(&event.batch_id, &event.item_id, &event.lot),
        Event::BatchReleased(event) => tags.batch(&event.batch_id, &event.item_id, &event.lot),
        Event::BatchExpiryShortened(event) => {
            tags.batch(&event.batch_id, &event.item_id, &event.lot);
        }
        Event::LotRecalled(event) => tags.lot(&event.item_id, &event.lot),
        Event::LotRecallLifted(event) => tags.lot(&event.item_id, &event.lot),

        Event::EmergencyDeclared(event) => {
            tags.id(
                "emergency",
                event.emergency.as_ref().map(|it| &it.emergency_id),
            );
            tags.0.insert(EMERGENCIES_TAG.to_owned());
        }
        Event::EmergencyEnded(event) => {
            tags.id("emergency", Some(&event.emergency_id));
            tags.0.insert(EMERGENCIES_TAG.to_owned());
        }
        Event::PlanDrafted(event) => {
            tags.id("plan", event.plan.as_ref().map(|plan| &plan.plan_id));
        }
        Event::PlanApproved(event) => tags.id("plan", Some(&event.plan_id)),
        Event::PlanCancelled(event) => tags.id("plan", Some(&event.plan_id)),
        Event::RequestFiled(event) => tags.id("request", Some(&event.request_id)),
        Event::RequestApproved(event) => tags.id("request", Some(&event.request_id)),
        Event::RequestRejected(event) => tags.id("request", Some(&event.request_id)),
        Event::RequestAcknowledged(event) => tags.id("request", Some(&event.request_id)),
        Event::RequestAmended(event) => tags.id("request", Some(&event.request_id)),
        Event::RequestTriaged(event) => tags.id("request", Some(&event.request_id)),
        Event::RequestMarkedDuplicate(event) => tags.id("request", Some(&event.request_id)),
        Event::NeedReconfirmed(event) => tags.id("request", Some(&event.request_id)),
        Event::ApprovalConfirmed(event) => tags.id("request", Some(&event.request_id)),
        Event::RequestEscalated(event) => tags.id("request", Some(&event.request_id)),
        Event::SubstituteOffered(event) => tags.id("request", Some(&event.request_id)),
        Event::SubstituteAccepted(event) => tags.id("request", Some(&event.request_id)),
        Event::SubstituteDeclined(event) => tags.id("request", Some(&event.request_id)),
        Event::RequestClosedShort(event) => tags.id("request", Some(&event.request_id)),
        Event::RequestCancelled(event) => tags.id("request", Some(&event.request_id)),

        Event::ShipmentRequested(event) => {
            tags.id("shipment", Some(&event.shipment_id));
            for line in &event.lines {
                tags.id("request", Some(&line.request_id));
            }
        }
        Event::ShipmentAllocated(event) => {
            tags.shipment(&event.shipment_id, &event.units, Some(&event.origin_id));
        }
        Event::AllocationReleased(event) => {
            tags.shipment(&event.shipment_id, &event.units, Some(&event.origin_id));
        }
        Event::ShipmentCancelled(event) => {
            tags.shipment(&event.shipment_id, &event.units, Some(&event.origin_id));
        }
        Event::ShipmentDispatched(event) => {
            tags.shipment(&event.shipment_id, &event.units, Some(&event.origin_id));
        }
        Event::ShipmentReceived(event) => {
            tags.received(&event.shipment_id, &event.destination_id, &event.units);
        }
        Event::LossActAccepted(event) => tags.shipment(&event.shipment_id, &event.units, None),
        Event::ParcelPacked(event) => tags.parcel(&event.shipment_id, event.parcel.as_ref()),
        Event::ParcelUnpacked(event) => tags.parcel(&event.shipment_id, event.parcel.as_ref()),
        Event::ShipmentDelayed(event) => tags.id("shipment", Some(&event.shipment_id)),
        Event::DeliveryAttempted(event) => tags.id("shipment", Some(&event.shipment_id)),
        Event::ShipmentDiverted(event) => tags.shipment(&event.shipment_id, &event.units, None),
        Event::ShipmentSplit(event) => {
            tags.id("shipment", Some(&event.new_shipment_id));
            tags.shipment(&event.shipment_id, &event.units, None);
        }
        Event::ShipmentTitleTransferred(event) => {
            // What is under way is in no stock.
            let facility_id = (!event.is_under_way).then_some(&event.origin_id);
            tags.shipment(&event.shipment_id, &event.units, facility_id);
        }
        Event::ShipmentArrived(event) => tags.id("shipment", Some(&event.shipment_id)),
        Event::ShipmentLossReported(event) => {
            tags.shipment(&event.shipment_id, &event.units, None);
        }
        Event::DiscrepancyAnswered(event) => tags.id("shipment", Some(&event.shipment_id)),
        Event::CustodyHandedOver(event) => {
            tags.id("shipment", Some(&event.shipment_id));
            for missing in &event.missing {
                tags.shipment_units(missing.shipment_units.as_ref(), None);
            }
        }
        Event::CustodyRefused(event) => tags.id("shipment", Some(&event.shipment_id)),
        Event::LiabilityAgreementSigned(event) => {
            let agreement = event.agreement.as_ref();
            tags.id("agreements", agreement.map(|it| &it.organisation_id));
        }
        Event::LiabilityAgreementEnded(event) => {
            tags.id("agreements", Some(&event.organisation_id));
        }
        Event::TripPlanned(event) => {
            let trip = event.trip.as_ref();
            tags.id("trip", trip.map(|it| &it.trip_id));
            tags.id("vehicletrips", trip.map(|it| &it.vehicle_id));
            tags.id("crewtrips", trip.map(|it| &it.crew_id));
        }
        Event::ShipmentLoaded(event) => {
            tags.id("trip", Some(&event.trip_id));
            tags.id("shipment", event.load.as_ref().map(|it| &it.shipment_id));
        }
        Event::ShipmentUnloaded(event) => {
            tags.id("trip", Some(&event.trip_id));
            tags.id("shipment", Some(&event.shipment_id));
        }
        Event::TripDeparted(event) => {
            tags.id("trip", Some(&event.trip_id));
            tags.id("vehicletrips", Some(&event.vehicle_id));
            tags.id("crewtrips", Some(&event.crew_id));
            tags.link(event.asset.as_ref());
        }
        Event::TripStopReached(event) => tags.id("trip", Some(&event.trip_id)),
        Event::TripBrokeDown(event) => tags.id("trip", Some(&event.trip_id)),
        Event::TripResumed(event) => {
            tags.id("trip", Some(&event.trip_id));
            tags.id("vehicletrips", Some(&event.vehicle_id));
            tags.id("vehicletrips", Some(&event.from_vehicle_id));
            tags.id("crewtrips", Some(&event.crew_id));
            tags.id("crewtrips", Some(&event.from_crew_id));
            tags.link(event.asset.as_ref());
            tags.link(event.from_asset.as_ref());
        }
        Event::TripCompleted(event) => {
            tags.id("trip", Some(&event.trip_id));
            tags.id("vehicletrips", Some(&event.vehicle_id));
            tags.id("crewtrips", Some(&event.crew_id));
            tags.link(event.asset.as_ref());
        }
        Event::TripCancelled(event) => {
            tags.id("trip", Some(&event.trip_id));
            tags.id("vehicletrips", Some(&event.vehicle_id));
            tags.id("crewtrips", Some(&event.crew_id));
            for shipment_id in &event.shipment_ids {
                tags.id("shipment", Some(shipment_id));
            }
        }
        Event::KeeperAppointed(event) => {
            tags.id("keeper", event.keeper.as_ref().map(|it| &it.facility_id));
        }
        Event::ShipmentDispatchVoided(event) => {
            tags.fact(&event.corrects_event_id);
            tags.shipment(&event.shipment_id, &event.units, Some(&event.origin_id));
        }
        Event::ShipmentReceiptVoided(event) => {
            tags.fact(&event.corrects_event_id);
            tags.received(&event.shipment_id, &event.destination_id, &event.units);
        }
        Event::LossActVoided(event) => {
            tags.fact(&event.corrects_event_id);
            tags.shipment(&event.shipment_id, &event.units, None);
        }
    }
    tags.0.into_iter().collect()
}

#[derive(Default)]
struct Tags(BTreeSet<String>);

impl Tags {
    fn id(&mut self, kind: &str, id: Option<&String>) {
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            self.0.insert(format!("{kind}:{id}"));
        }
    }

    /// The event that is corrected.
    fn fact(&mut self, event_id: &str) {
        self.0
            .extend(Boundary::fact(event_id).map(|boundary| boundary.tag()));
    }

    /// An asset as such.
    fn asset(&mut self, asset: Option<&AssetRef>) {
        self.0
            .extend(asset.map(|asset| asset_tag(&asset.item_id, &asset.serial_number)));
    }

    /// The asset that a vehicle is.
    fn link(&mut self, link: Option<&AssetLink>) {
        self.0
            .extend(link.map(|link| asset_tag(&link.item_id, &link.serial_number)));
    }

    /// A thing of the registry, the keys of other systems that it has, and those that it no longer has.
    fn thing<T: Thing>(&mut self, thing: Option<&T>, released: &[ExternalId]) {
        let Some(thing) = thing else { return };
        let keys = thing.keys();
        let keys = keys.iter().chain(released);
        let keys = keys.filter_map(|key| Boundary::key(T::KIND, key));
        let boundaries = Boundary::thing(T::KIND, thing.id()).into_iter().chain(keys);
        self.0.extend(boundaries.map(|boundary| boundary.tag()));
    }

    fn item(&mut self, item: Option<&Item>, released: &[ExternalId]) {
        self.thing(item, released);
        let Some(item) = item else { return };
        if !item.manufacturer.is_empty() && !item.model.is_empty() {
            self.0.insert(model_tag(&item.manufacturer, &item.model));
        }
    }

    /// A lot of an item as such, wherever its units are.
    fn lot(&mut self, item_id: &String, lot: &str) {
        self.id("item", Some(item_id));
        if !lot.is_empty() {
            self.0.insert(lot_tag(item_id, lot));
        }
    }

    /// A batch as such, wherever its units are.
    fn batch(&mut self, batch_id: &String, item_id: &String, lot: &str) {
        self.id("batch", Some(batch_id));
        self.lot(item_id, lot);
    }

    /// Units of a batch, and the facility whose stock they change.
    fn units(&mut self, units: Option<&StockUnits>, facility_id: Option<&String>) {
        let Some(units) = units else { return };
        self.id("batch", Some(&units.batch_id));
        self.id(
            "donation",
            Some(&units.donation_id).filter(|id| *id != UNATTRIBUTED),
        );
        if !units.lot.is_empty() {
            self.0.insert(lot_tag(&units.item_id, &units.lot));
        }
        for serial_number in &units.serial_numbers {
            self.0.insert(asset_tag(&units.item_id, serial_number));
        }
        if let Some(facility_id) = facility_id {
            self.0.insert(stock_tag(facility_id, &units.item_id));
        }
    }

    fn shipment_units(&mut self, units: Option<&ShipmentUnits>, facility_id: Option<&String>) {
        let Some(units) = units else { return };
        self.id("request", Some(&units.request_id));
        self.units(units.units.as_ref(), facility_id);
    }

    /// A parcel as such. Packing changes nothing of the stock, and the batches are those of the claim.
    fn parcel(&mut self, shipment_id: &String, parcel: Option<&Parcel>) {
        self.id("shipment", Some(shipment_id));
        self.id("parcel", parcel.map(|parcel| &parcel.sscc));
    }

    /// What was found of a shipment.
    fn received(&mut self, shipment_id: &String, facility_id: &String, units: &[ReceivedUnits]) {
        self.id("shipment", Some(shipment_id));
        for found in units {
            // What is missing does not change the stock at the destination.
            let is_there = found.outcome() != ReceiptOutcome::Missing;
            let units = found.shipment_units.as_ref();
            self.shipment_units(units, is_there.then_some(facility_id));
        }
    }

    fn shipment(
        &mut self,
        shipment_id: &String,
        units: &[ShipmentUnits],
        facility_id: Option<&String>,
    ) {
        self.id("shipment", Some(shipment_id));
        for units in units {
            self.shipment_units(Some(units), facility_id);
        }
    }
}
