//! What happens to a shipment on its way: it is late, nobody takes it, it goes elsewhere or back, it arrives.

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    inventory::v1::FitOverride,
    registry::v1::DocumentRef,
    shipments::v1::{
        DelayReason, DeliveryAttempted, DeliveryFailure, DiversionReason, SealCheck, Shipment,
        ShipmentArrived, ShipmentDelayed, ShipmentDiverted, ShipmentState,
    },
};

use super::{existing, parcel, pick, reads, wrong_state};
use crate::{
    asset::fit,
    books::Books,
    boundary::Boundary,
    calendar::{self, facility_day},
    code::{Code, Label, UNATTRIBUTED},
    command::{Command, Moment},
    donation::earmark::{self, Use},
    limits,
    registry::{existing_facility, existing_item, facility::open},
    rejection::Rejection,
};

/// Records that a shipment comes later.
#[derive(Clone, Debug)]
pub struct DelayShipment {
    /// The shipment.
    pub shipment_id: Code,
    /// Day on which it is expected now; `None` where nobody knows.
    pub expected_on: Option<NaiveDate>,
    /// Why.
    pub reason: DelayReason,
    /// Papers.
    pub documents: Vec<DocumentRef>,
}

/// Records that nobody took a shipment at its destination.
#[derive(Clone, Debug)]
pub struct RecordDeliveryAttempt {
    /// The shipment.
    pub shipment_id: Code,
    /// Why.
    pub reason: DeliveryFailure,
    /// Day of the next attempt.
    pub expected_on: Option<NaiveDate>,
    /// Papers.
    pub documents: Vec<DocumentRef>,
}

/// Where a shipment goes instead.
#[derive(Clone, Debug)]
pub enum Elsewhere {
    /// To another facility; and who answers for it that items don't fit there.
    Facility(Code, Option<FitOverride>),
    /// Back to where it came from.
    Back,
}

/// Sends a shipment that is on its way elsewhere, or back.
#[derive(Clone, Debug)]
pub struct DivertShipment {
    /// The shipment.
    pub shipment_id: Code,
    /// Where it goes.
    pub elsewhere: Elsewhere,
    /// Why.
    pub reason: DiversionReason,
    /// Day on which it is expected there.
    pub expected_on: Option<NaiveDate>,
    /// Papers.
    pub documents: Vec<DocumentRef>,
}

/// Records that a shipment stands at its destination.
#[derive(Clone, Debug)]
pub struct RecordArrival {
    /// The shipment.
    pub shipment_id: Code,
    /// What was found of the seals of its parcels.
    pub seals: Vec<SealCheck>,
    /// Reference to the person who let it in.
    pub signed_by_ref: Option<Label>,
    /// Papers.
    pub documents: Vec<DocumentRef>,
}

/// Whether a shipment is on its way and nothing of it was received.
pub(crate) fn travels(shipment: &Shipment) -> bool {
    matches!(
        shipment.state(),
        ShipmentState::Dispatched
            | ShipmentState::HandedOver
            | ShipmentState::DeliveryAttempted
            | ShipmentState::Diverted
            | ShipmentState::Arrived
    )
}

/// Refuses shipments that have not left, or of which something was received.
pub(super) fn check_travels(shipment: &Shipment) -> Result<(), Rejection> {
    if travels(shipment) {
        return Ok(());
    }
    Err(wrong_state(
        shipment,
        "DISPATCHED, HANDED_OVER, DELIVERY_ATTEMPTED, DIVERTED or ARRIVED",
    ))
}

/// Refuses shipments of which nothing is on its way.
pub(super) fn check_on_the_way(shipment: &Shipment) -> Result<(), Rejection> {
    if travels(shipment) || shipment.state() == ShipmentState::PartlyReceived {
        return Ok(());
    }
    Err(wrong_state(
        shipment,
        "DISPATCHED, HANDED_OVER, DELIVERY_ATTEMPTED, DIVERTED, ARRIVED or PARTLY_RECEIVED",
    ))
}

/// Refuses a day of arrival that had passed at the destination.
pub(super) fn check_expected(
    books: &Books,
    destination_id: &str,
    expected_on: Option<NaiveDate>,
    moment: Moment,
) -> Result<(), Rejection> {
    let today = facility_day(
        existing_facility(books, destination_id)?,
        moment.occurred_at_us,
    );
    match expected_on {
        Some(day) if day < today => Err(Rejection::DueDayPassed {
            field: "expected_on".to_owned(),
            day: day.to_string(),
            today: today.to_string(),
        }),
        _ => Ok(()),
    }
}

impl Command for DelayShipment {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(books, &self.shipment_id)
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        check_on_the_way(shipment)?;
        check_expected(books, &shipment.destination_id, self.expected_on, moment)?;
        limits::keep(vec![
            ShipmentDelayed {
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
                expected_on: calendar::stored(self.expected_on),
                reason: self.reason.into(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}

impl Command for RecordDeliveryAttempt {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(books, &self.shipment_id)
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        check_travels(shipment)?;
        check_expected(books, &shipment.destination_id, self.expected_on, moment)?;
        limits::keep(vec![
            DeliveryAttempted {
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
                reason: self.reason.into(),
                expected_on: calendar::stored(self.expected_on),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}

/// What goes back is asked nothing: it was there before. What goes elsewhere must be allowed to, as if it were claimed for
/// there.
impl Command for DivertShipment {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(books, &self.shipment_id);
        let Elsewhere::Facility(facility_id, _) = &self.elsewhere else {
            return boundaries;
        };
        boundaries.push(Boundary::Facility(facility_id.clone()));
        let Some(shipment) = books.shipment(&self.shipment_id) else {
            return boundaries;
        };
        for units in shipment
            .lots
            .iter()
            .filter_map(|lot| lot.shipment_units.as_ref()?.units.as_ref())
        {
            boundaries.extend(Boundary::item(&units.item_id));
            if units.donation_id != UNATTRIBUTED {
                boundaries.extend(Boundary::pledge(&units.donation_id));
            }
        }
        boundaries.push(Boundary::EarmarkChanges);
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        let new_destination_id = match &self.elsewhere {
            Elsewhere::Facility(facility_id, _) => facility_id.as_str(),
            Elsewhere::Back => &shipment.origin_id,
        };
        existing_facility(books, new_destination_id)?;
        check_travels(shipment)?;
        if shipment.destination_id == new_destination_id {
            return Err(Rejection::AlreadyGoingThere {
                shipment_id: shipment.shipment_id.clone(),
                facility_id: new_destination_id.to_owned(),
            });
        }
        let missing: i64 = shipment.lots.iter().map(|lot| lot.missing).sum();
        if missing > 0 {
            return Err(Rejection::UnitsMissing {
                shipment_id: shipment.shipment_id.clone(),
                missing,
            });
        }
        check_expected(books, new_destination_id, self.expected_on, moment)?;
        let fit_override = self.check_destination(books, shipment, moment)?;
        if shipment.diverted_from_ids.len() >= limits::DIVERSIONS {
            return Err(Rejection::TooManyRecords {
                kind: "shipment",
                id: self.shipment_id.to_string(),
                what: "diversions",
                limit: limits::DIVERSIONS,
            });
        }
        let units = shipment.lots.iter().filter_map(|lot| {
            let pick::Free {
                quantity,
                serial_numbers,
            } = pick::on_the_way(lot);
            (quantity > 0).then(|| pick::part(lot, quantity, serial_numbers))?
        });
        limits::keep(vec![
            ShipmentDiverted {
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
                new_destination_id: new_destination_id.to_owned(),
                units: units.collect(),
                reason: self.reason.into(),
                expected_on: calendar::stored(self.expected_on),
                fit_override,
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}

impl DivertShipment {
    /// Refuses a new destination that is closed, that items don't fit, or for which their donors did not give them.
    fn check_destination(
        &self,
        books: &Books,
        shipment: &Shipment,
        moment: Moment,
    ) -> Result<Option<FitOverride>, Rejection> {
        let Elsewhere::Facility(facility_id, fit_override) = &self.elsewhere else {
            return Ok(None);
        };
        open(books, facility_id, moment)?;
        let facility = existing_facility(books, facility_id)?;
        let today = facility_day(facility, moment.occurred_at_us);
        let mut problems = Vec::new();
        let lots = || {
            let lots = shipment.lots.iter().filter(|lot| lot.in_transit > 0);
            lots.filter_map(|lot| lot.shipment_units.as_ref()?.units.as_ref())
        };
        for units in lots() {
            let item = existing_item(books, &units.item_id)?;
            problems.extend(fit::check(item, facility, fit_override.as_ref())?);
        }
        for units in lots() {
            let wanted = Use::Sent(facility, today);
            if !earmark::allows(books, &units.item_id, &units.donation_id, wanted) {
                return Err(Rejection::BatchEarmarked {
                    batch_id: units.batch_id.clone(),
                    donation_id: units.donation_id.clone(),
                });
            }
        }
        Ok(fit::needed(fit_override.as_ref(), &problems))
    }
}

impl Command for RecordArrival {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(books, &self.shipment_id)
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        parcel::check_seals_exist(shipment, &self.seals)?;
        check_travels(shipment)?;
        if shipment.state() == ShipmentState::Arrived && self.seals.is_empty() {
            return Err(wrong_state(
                shipment,
                "DISPATCHED, HANDED_OVER, DELIVERY_ATTEMPTED or DIVERTED, or seals to be told of",
            ));
        }
        parcel::check_seals_once(&self.seals)?;
        limits::keep(vec![
            ShipmentArrived {
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
                seals: self.seals.clone(),
                signed_by_ref: self
                    .signed_by_ref
                    .as_ref()
                    .map(Label::to_string)
                    .unwrap_or_default(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}
