//! What the registry says, folded from its facts.

use keruen_proto::{
    Event, EventType,
    registry::v1::{
        Assignment, AssignmentEnded, Closure, Commodity, CommodityAmended, CommodityRegistered,
        CommodityRetired, Crew, CrewAmended, CrewRegistered, CrewRetired, ExternalIdHolder,
        Facility, FacilityAmended, FacilityClosed, FacilityRegionAssigned, FacilityRegistered,
        FacilityReopened, FacilityRetired, Item, ItemAmended, ItemRegistered, ItemRetired,
        MinimumReserve, MinimumReserveSet, Organisation, OrganisationAmended,
        OrganisationRegistered, OrganisationRetired, OrganisationVerified, RegionAssignment,
        RegistryKind, Vehicle, VehicleAmended, VehicleRegistered, VehicleRetired,
        VerificationRevoked, Volunteer, VolunteerAmended, VolunteerAssigned, VolunteerRegistered,
        VolunteerRetired,
    },
};

use super::Thing;
use crate::{books::Fold, boundary::Boundary};

/// The thing that a fact of the registry is about; `None` for other facts.
pub fn subject(event: &Event) -> Option<Boundary> {
    match event {
        Event::OrganisationRegistered(event) => of(event.organisation.as_ref()),
        Event::OrganisationAmended(event) => of(event.organisation.as_ref()),
        Event::OrganisationRetired(event) => Boundary::organisation(&event.organisation_id),
        Event::OrganisationVerified(event) => Boundary::organisation(&event.organisation_id),
        Event::VerificationRevoked(event) => Boundary::organisation(&event.organisation_id),
        Event::FacilityRegistered(event) => of(event.facility.as_ref()),
        Event::FacilityAmended(event) => of(event.facility.as_ref()),
        Event::FacilityRetired(event) => Boundary::facility(&event.facility_id),
        Event::FacilityRegionAssigned(event) => Boundary::facility(&event.facility_id),
        Event::FacilityClosed(event) => Boundary::facility(&event.facility_id),
        Event::FacilityReopened(event) => Boundary::facility(&event.facility_id),
        Event::MinimumReserveSet(event) => Boundary::facility(&event.facility_id),
        Event::MobileUnitDeployed(event) => Boundary::mobile_unit(&event.facility_id),
        Event::MobileUnitDeparted(event) => Boundary::mobile_unit(&event.facility_id),
        Event::MobileUnitScheduled(event) => Boundary::mobile_unit(&event.facility_id),
        Event::ThroughputReported(event) => Boundary::mobile_unit(&event.facility_id),
        Event::CommodityRegistered(event) => of(event.commodity.as_ref()),
        Event::CommodityAmended(event) => of(event.commodity.as_ref()),
        Event::CommodityRetired(event) => Boundary::commodity(&event.commodity_id),
        Event::ItemRegistered(event) => of(event.item.as_ref()),
        Event::ItemAmended(event) => of(event.item.as_ref()),
        Event::ItemRetired(event) => Boundary::item(&event.item_id),
        Event::VehicleRegistered(event) => of(event.vehicle.as_ref()),
        Event::VehicleAmended(event) => of(event.vehicle.as_ref()),
        Event::VehicleRetired(event) => Boundary::vehicle(&event.vehicle_id),
        Event::VolunteerRegistered(event) => of(event.volunteer.as_ref()),
        Event::VolunteerAmended(event) => of(event.volunteer.as_ref()),
        Event::VolunteerRetired(event) => Boundary::volunteer(&event.volunteer_id),
        Event::CrewRegistered(event) => of(event.crew.as_ref()),
        Event::CrewAmended(event) => of(event.crew.as_ref()),
        Event::CrewRetired(event) => Boundary::crew(&event.crew_id),
        Event::VolunteerAssigned(event) => {
            Boundary::volunteer(&event.assignment.as_ref()?.volunteer_id)
        }
        Event::AssignmentEnded(event) => Boundary::volunteer(&event.volunteer_id),
        _ => None,
    }
}

/// The crew that a fact about a volunteer is about, too; `None` for other facts.
pub fn crew_of(event: &Event) -> Option<Boundary> {
    match event {
        Event::VolunteerAssigned(event) => Boundary::crew(&event.assignment.as_ref()?.crew_id),
        Event::AssignmentEnded(event) => Boundary::crew(&event.crew_id),
        _ => None,
    }
}

fn of<T: Thing>(thing: Option<&T>) -> Option<Boundary> {
    Boundary::thing(T::KIND, thing?.id())
}

fn enter<T: Clone>(state: &mut T, entered: Option<&T>) {
    if let Some(entered) = entered {
        *state = entered.clone();
    }
}

/// Takes over the fields that changed. What may not change stays, whatever a fact says.
fn amend<T: Thing>(state: &mut T, amended: Option<&T>, changed: &[String]) {
    if let Some(amended) = amended {
        for field in changed {
            state.take(amended, field);
        }
    }
}

impl Fold for Organisation {
    const EVENT_TYPES: &'static [&'static str] = &[
        OrganisationRegistered::TYPE,
        OrganisationAmended::TYPE,
        OrganisationRetired::TYPE,
        OrganisationVerified::TYPE,
        VerificationRevoked::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        if subject(event).as_ref() != Some(boundary) {
            return;
        }
        match event {
            Event::OrganisationRegistered(event) => enter(self, event.organisation.as_ref()),
            Event::OrganisationAmended(event) => {
                amend(self, event.organisation.as_ref(), &event.changed);
            }
            Event::OrganisationRetired(event) => self.retired.clone_from(&event.retirement),
            Event::OrganisationVerified(event) => {
                self.verifications.extend(event.verification.clone());
            }
            Event::VerificationRevoked(event) => {
                if let Some(last) = self.verifications.last_mut() {
                    last.revoked_on.clone_from(&event.revoked_on);
                    last.revocation_reason = Some(event.reason);
                }
            }
            _ => {}
        }
    }
}

impl Fold for Facility {
    const EVENT_TYPES: &'static [&'static str] = &[
        FacilityRegistered::TYPE,
        FacilityAmended::TYPE,
        FacilityRetired::TYPE,
        FacilityRegionAssigned::TYPE,
        FacilityClosed::TYPE,
        FacilityReopened::TYPE,
        MinimumReserveSet::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        if subject(event).as_ref() != Some(boundary) {
            return;
        }
        match event {
            Event::FacilityRegistered(event) => enter(self, event.facility.as_ref()),
            Event::FacilityAmended(event) => amend(self, event.facility.as_ref(), &event.changed),
            Event::FacilityRetired(event) => self.retired.clone_from(&event.retirement),
            Event::FacilityRegionAssigned(event) => assign(self, event.assignment.as_ref()),
            Event::FacilityClosed(event) => self.closures.push(Closure {
                closed_on: event.closed_on.clone(),
                reopened_on: String::new(),
                reason: event.reason,
            }),
            Event::FacilityReopened(event) => {
                if let Some(closure) = self.closures.last_mut() {
                    closure.reopened_on.clone_from(&event.reopened_on);
                }
            }
            Event::MinimumReserveSet(event) => reserve(self, event.reserve.as_ref()),
            _ => {}
        }
    }
}

/// Days are ISO 8601, and empty for since always, so that they sort as text.
fn assign(facility: &mut Facility, assignment: Option<&RegionAssignment>) {
    let Some(assignment) = assignment else { return };
    let regions = &mut facility.regions;
    let first_day = |known: &RegionAssignment| known.valid_from.cmp(&assignment.valid_from);
    match regions.binary_search_by(first_day) {
        Ok(same_day) => regions[same_day] = assignment.clone(),
        Err(place) => regions.insert(place, assignment.clone()),
    }
}

fn reserve(facility: &mut Facility, reserve: Option<&MinimumReserve>) {
    let Some(reserve) = reserve else { return };
    let reserves = &mut facility.minimum_reserves;
    let known = reserves
        .iter()
        .position(|known| known.commodity_id == reserve.commodity_id);
    match known {
        Some(index) if reserve.quantity == 0 => {
            reserves.remove(index);
        }
        Some(index) => reserves[index] = reserve.clone(),
        None if reserve.quantity == 0 => {}
        None => reserves.push(reserve.clone()),
    }
}

impl Fold for Commodity {
    const EVENT_TYPES: &'static [&'static str] = &[
        CommodityRegistered::TYPE,
        CommodityAmended::TYPE,
        CommodityRetired::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        if subject(event).as_ref() != Some(boundary) {
            return;
        }
        match event {
            Event::CommodityRegistered(event) => enter(self, event.commodity.as_ref()),
            Event::CommodityAmended(event) => {
                amend(self, event.commodity.as_ref(), &event.changed);
            }
            Event::CommodityRetired(event) => self.retired.clone_from(&event.retirement),
            _ => {}
        }
    }
}

impl Fold for Item {
    const EVENT_TYPES: &'static [&'static str] =
        &[ItemRegistered::TYPE, ItemAmended::TYPE, ItemRetired::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        if let Boundary::Model(manufacturer, model) = boundary {
            let item = match event {
                Event::ItemRegistered(event) => event.item.as_ref(),
                Event::ItemAmended(event) => event.item.as_ref(),
                _ => None,
            };
            enter(
                self,
                item.filter(|it| {
                    it.manufacturer == manufacturer.as_str() && it.model == model.as_str()
                }),
            );
        }
        if subject(event).as_ref() != Some(boundary) {
            return;
        }
        match event {
            Event::ItemRegistered(event) => enter(self, event.item.as_ref()),
            Event::ItemAmended(event) => amend(self, event.item.as_ref(), &event.changed),
            Event::ItemRetired(event) => self.retired.clone_from(&event.retirement),
            _ => {}
        }
    }
}

impl Fold for Vehicle {
    const EVENT_TYPES: &'static [&'static str] = &[
        VehicleRegistered::TYPE,
        VehicleAmended::TYPE,
        VehicleRetired::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        if subject(event).as_ref() != Some(boundary) {
            return;
        }
        match event {
            Event::VehicleRegistered(event) => enter(self, event.vehicle.as_ref()),
            Event::VehicleAmended(event) => amend(self, event.vehicle.as_ref(), &event.changed),
            Event::VehicleRetired(event) => self.retired.clone_from(&event.retirement),
            _ => {}
        }
    }
}

impl Fold for Volunteer {
    const EVENT_TYPES: &'static [&'static str] = &[
        VolunteerRegistered::TYPE,
        VolunteerAmended::TYPE,
        VolunteerRetired::TYPE,
        VolunteerAssigned::TYPE,
        AssignmentEnded::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        if subject(event).as_ref() != Some(boundary) {
            return;
        }
        match event {
            Event::VolunteerRegistered(event) => enter(self, event.volunteer.as_ref()),
            Event::VolunteerAmended(event) => {
                amend(self, event.volunteer.as_ref(), &event.changed);
            }
            Event::VolunteerRetired(event) => self.retired.clone_from(&event.retirement),
            _ => assign_volunteer(&mut self.assignments, event),
        }
    }
}

impl Fold for Crew {
    const EVENT_TYPES: &'static [&'static str] = &[
        CrewRegistered::TYPE,
        CrewAmended::TYPE,
        CrewRetired::TYPE,
        VolunteerAssigned::TYPE,
        AssignmentEnded::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        if crew_of(event).as_ref() == Some(boundary) {
            assign_volunteer(&mut self.assignments, event);
        }
        if subject(event).as_ref() != Some(boundary) {
            return;
        }
        match event {
            Event::CrewRegistered(event) => enter(self, event.crew.as_ref()),
            Event::CrewAmended(event) => amend(self, event.crew.as_ref(), &event.changed),
            Event::CrewRetired(event) => self.retired.clone_from(&event.retirement),
            _ => {}
        }
    }
}

fn assign_volunteer(assignments: &mut Vec<Assignment>, event: &Event) {
    match event {
        Event::VolunteerAssigned(event) => assignments.extend(event.assignment.clone()),
        Event::AssignmentEnded(event) => {
            let open = assignments
                .iter_mut()
                .find(|it| it.volunteer_id == event.volunteer_id && it.ended_on.is_empty());
            if let Some(assignment) = open {
                assignment.ended_on.clone_from(&event.ended_on);
                assignment.end_reason = Some(event.reason);
            }
        }
        _ => {}
    }
}

impl Fold for ExternalIdHolder {
    const EVENT_TYPES: &'static [&'static str] = &[
        OrganisationRegistered::TYPE,
        OrganisationAmended::TYPE,
        FacilityRegistered::TYPE,
        FacilityAmended::TYPE,
        CommodityRegistered::TYPE,
        CommodityAmended::TYPE,
        ItemRegistered::TYPE,
        ItemAmended::TYPE,
        VehicleRegistered::TYPE,
        VehicleAmended::TYPE,
        VolunteerRegistered::TYPE,
        VolunteerAmended::TYPE,
        CrewRegistered::TYPE,
        CrewAmended::TYPE,
    ];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Boundary::Key(kind, scheme, value) = boundary else {
            return;
        };
        let holds = match event {
            Event::OrganisationRegistered(event) => holds(boundary, event.organisation.as_ref()),
            Event::OrganisationAmended(event) => holds(boundary, event.organisation.as_ref()),
            Event::FacilityRegistered(event) => holds(boundary, event.facility.as_ref()),
            Event::FacilityAmended(event) => holds(boundary, event.facility.as_ref()),
            Event::CommodityRegistered(event) => holds(boundary, event.commodity.as_ref()),
            Event::CommodityAmended(event) => holds(boundary, event.commodity.as_ref()),
            Event::ItemRegistered(event) => holds(boundary, event.item.as_ref()),
            Event::ItemAmended(event) => holds(boundary, event.item.as_ref()),
            Event::VehicleRegistered(event) => holds(boundary, event.vehicle.as_ref()),
            Event::VehicleAmended(event) => holds(boundary, event.vehicle.as_ref()),
            Event::VolunteerRegistered(event) => holds(boundary, event.volunteer.as_ref()),
            Event::VolunteerAmended(event) => holds(boundary, event.volunteer.as_ref()),
            Event::CrewRegistered(event) => holds(boundary, event.crew.as_ref()),
            Event::CrewAmended(event) => holds(boundary, event.crew.as_ref()),
            _ => None,
        };
        match holds {
            Some((id, true)) => {
                *self = Self {
                    kind: RegistryKind::into(*kind),
                    external_id: Some(keruen_proto::registry::v1::ExternalId {
                        scheme: scheme.to_string(),
                        value: value.to_string(),
                    }),
                    holder_id: id.to_owned(),
                }
            }
            Some((id, false)) if self.holder_id == id => *self = Self::default(),
            _ => {}
        }
    }
}

/// The thing, and whether it has this key.
fn holds<'a, T: Thing>(key: &Boundary, thing: Option<&'a T>) -> Option<(&'a str, bool)> {
    let thing = thing?;
    let mut keys = thing.keys().into_iter();
    let has = keys.any(|held| Boundary::key(T::KIND, &held).as_ref() == Some(key));
    Some((thing.id(), has))
}
