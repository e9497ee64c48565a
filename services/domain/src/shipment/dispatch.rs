//! A shipment leaves its origin, or is cancelled before it does.

use keruen_proto::{
    Event,
    inventory::v1::StockUnits,
    shipments::v1::{
        AgreementOverride, CustodyBasis, Shipment, ShipmentCancelled, ShipmentDispatched,
        ShipmentState, ShipmentUnits, ShipmentUnloaded,
    },
};

use super::{CancelShipment, DispatchShipment, as_known, existing, reads, wrong_state};
use crate::{
    agreement,
    asset::contents,
    books::Books,
    boundary::Boundary,
    calendar::{self, facility_day, is_expired, kazakhstan_day},
    code::Label,
    command::{Command, Moment},
    keeper, limits,
    quality::state as quality,
    registry::{existing_facility, existing_organisation, in_use},
    rejection::Rejection,
};

/// Refuses shipments that have left, or never will.
fn check_not_left(shipment: &Shipment) -> Result<(), Rejection> {
    match shipment.state() {
        ShipmentState::Requested | ShipmentState::Allocated => Ok(()),
        _ => Err(wrong_state(shipment, "REQUESTED or ALLOCATED")),
    }
}

fn claims(shipment: &Shipment) -> Vec<ShipmentUnits> {
    shipment
        .lots
        .iter()
        .filter_map(|lot| lot.shipment_units.clone())
        .collect()
}

/// Reads the shipment but no stock of what is claimed: whatever breaks a claim is also a fact about the shipment. That
/// what was claimed has been held or recalled since is a fact about its item. Of assets it reads what is inside them:
/// that goes along, claimed or not.
impl Command for DispatchShipment {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(books, &self.shipment_id);
        boundaries.push(Boundary::Organisation(self.custodian_id.clone()));
        boundaries.push(Boundary::Agreements(self.custodian_id.clone()));
        if let Some(shipment) = books.shipment(&self.shipment_id) {
            boundaries.extend(Boundary::keeper(&shipment.origin_id));
            let item_ids = shipment.lines.iter().map(|line| &*line.item_id);
            boundaries.extend(quality::reads(item_ids));
            boundaries.extend(contents::reads_of_shipment(books, shipment));
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        let origin = existing_facility(books, &shipment.origin_id)?;
        existing_organisation(books, &self.custodian_id)?;
        check_not_left(shipment)?;
        let custodian = Boundary::Organisation(self.custodian_id.clone());
        in_use(books, &[custodian], moment)?;
        let agreement = self.agreement(books, moment)?;
        let mut units = claims(&as_known(books, shipment));
        if units.is_empty() {
            return Err(Rejection::NothingAllocated {
                shipment_id: self.shipment_id.to_string(),
            });
        }
        let today = facility_day(origin, moment.occurred_at_us);
        let fit_override = self.fit_override.as_ref();
        let along = contents::along(books, shipment, &units, fit_override, today)?;
        units.extend(along.units);
        let expired = |units: &&StockUnits| is_expired(&units.expires_on, today);
        if let Some(expired) = units
            .iter()
            .filter_map(|units| units.units.as_ref())
            .find(expired)
        {
            return Err(Rejection::BatchExpired {
                batch_id: expired.batch_id.clone(),
                expires_on: expired.expires_on.clone(),
                today: today.to_string(),
            });
        }
        for units in units.iter().filter_map(|units| units.units.as_ref()) {
            quality::check_usable(books, units)?;
        }
        let mut events = along.before;
        events.push(self.dispatched(books, shipment, units, agreement));
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}

/// The agreement on which a custodian takes goods, and who answers for it that there is none.
type Rests = (String, Option<AgreementOverride>);

impl DispatchShipment {
    /// That these units left.
    pub(super) fn dispatched(
        &self,
        books: &Books,
        shipment: &Shipment,
        units: Vec<ShipmentUnits>,
        (agreement_id, agreement_override): Rests,
    ) -> Event {
        ShipmentDispatched {
            shipment_id: shipment.shipment_id.clone(),
            origin_id: shipment.origin_id.clone(),
            destination_id: shipment.destination_id.clone(),
            units,
            custodian_id: self.custodian_id.to_string(),
            signed_by_ref: self
                .signed_by_ref
                .as_ref()
                .map(Label::to_string)
                .unwrap_or_default(),
            expected_on: calendar::stored(self.expected_on),
            documents: self.documents.clone(),
            sender_id: keeper::answerable(books, &shipment.origin_id).unwrap_or_default(),
            basis: self.signed_for(shipment).map(Into::into),
            agreement_id,
            agreement_override,
        }
        .into()
    }

    /// The agreement that there was when it left, if there was one: without one it left all the same.
    pub(super) fn agreement_then(&self, books: &Books, moment: Moment) -> Rests {
        let unknown = || (String::new(), self.agreement_override.clone());
        self.agreement(books, moment).unwrap_or_else(|_| unknown())
    }

    /// The agreement on which the custodian takes it. Whoever never had one is not asked for it; whoever had one carries
    /// nothing without.
    fn agreement(&self, books: &Books, moment: Moment) -> Result<Rests, Rejection> {
        let answered = self.agreement_override.as_ref();
        if books.agreements(&self.custodian_id).is_none() {
            return Ok((String::new(), answered.cloned()));
        }
        let day = kazakhstan_day(moment.occurred_at_us);
        let signed_by_ref = self.signed_by_ref.as_deref();
        agreement::rests_on(books, &self.custodian_id, signed_by_ref, day, answered)
    }

    /// What the custodian signs for: of what is packed, the seals, where nothing else is said.
    fn signed_for(&self, shipment: &Shipment) -> Option<CustodyBasis> {
        let packed = (!shipment.parcels.is_empty()).then_some(CustodyBasis::Sealed);
        self.basis.or(packed)
    }
}

/// What is cancelled gets off the trip that it is on, so that it takes no room there.
fn got_off(books: &Books, shipment: &Shipment) -> Option<Event> {
    let trip = books.trip(&shipment.trip_id)?;
    let mut loads = trip.loads.iter();
    loads
        .any(|load| load.shipment_id == shipment.shipment_id)
        .then(|| {
            ShipmentUnloaded {
                trip_id: trip.trip_id.clone(),
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
            }
            .into()
        })
}

impl Command for CancelShipment {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(books, &self.shipment_id);
        let shipment = books.shipment(&self.shipment_id);
        boundaries.extend(shipment.and_then(|it| Boundary::trip(&it.trip_id)));
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        check_not_left(shipment)?;
        let cancelled = Event::from(ShipmentCancelled {
            shipment_id: shipment.shipment_id.clone(),
            origin_id: shipment.origin_id.clone(),
            destination_id: shipment.destination_id.clone(),
            units: claims(shipment),
            reason: self.reason.into(),
        });
        let unloaded = got_off(books, shipment);
        limits::keep(unloaded.into_iter().chain([cancelled]).collect())
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}
