//! Where units of a batch are, or what became of them, and how a movement shifts them from place to place.

use keruen_proto::stock::v1::TraceStatus;

use crate::movement::{Kind, Movement, Standing};

/// A place of units of one batch and one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'e> {
    /// Whether they are there, on their way, used …
    pub status: TraceStatus,
    /// The facility, or the destination of units on their way.
    pub facility_id: &'e str,
    /// The shipment that they are in, or were lost from; empty where none.
    pub shipment_id: &'e str,
}

/// A movement from place to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift<'e> {
    /// The place at rest that the units leave; none where they enter the books or come off a shipment.
    pub from: Option<Place<'e>>,
    /// Where they are now; none where the next movement of the event says so, and where they never came.
    pub to: Option<Place<'e>>,
}

impl Place<'_> {
    /// Whether units are on their way there. How many are is for the shipment's own fold to say: it knows line by line
    /// which of them are missing.
    pub fn is_on_the_way(&self) -> bool {
        matches!(self.status, TraceStatus::InTransit | TraceStatus::Missing)
    }
}

/// How a movement shifts its units; claims and holds move nothing. What did not happen shifts them back.
pub fn shift<'e>(movement: &Movement<'e>) -> Option<Shift<'e>> {
    let shift = forward(movement)?;
    if !movement.undone {
        return Some(shift);
    }
    let way = |status| Place {
        status,
        facility_id: movement.facility_id,
        shipment_id: movement.shipment_id,
    };
    Some(Shift {
        from: shift.to,
        to: match movement.kind {
            Kind::Arrived | Kind::Missed => Some(way(TraceStatus::InTransit)),
            Kind::Settled => Some(way(TraceStatus::Missing)),
            _ => shift.from,
        },
    })
}

fn forward<'e>(movement: &Movement<'e>) -> Option<Shift<'e>> {
    let rest = |status, facility_id| Place {
        status,
        facility_id,
        shipment_id: "",
    };
    let way = |status| Place {
        status,
        facility_id: movement.facility_id,
        shipment_id: movement.shipment_id,
    };
    let here = rest(TraceStatus::OnHand, movement.facility_id);
    let gone = |status| (Some(here), rest(status, movement.facility_id));
    let (from, to) = match movement.kind {
        Kind::Ceded(Standing::Free | Standing::Claimed) => {
            return Some(Shift {
                from: Some(here),
                to: None,
            });
        }
        // How much of whom is on its way is for the shipment's own fold to say.
        Kind::Ceded(Standing::UnderWay)
        | Kind::Claimed
        | Kind::Unclaimed
        | Kind::Held
        | Kind::Released => return None,
        Kind::Entered | Kind::Arrived | Kind::Acquired(Standing::Free | Standing::Claimed) => {
            (None, here)
        }
        Kind::Departed => (
            Some(rest(TraceStatus::OnHand, movement.from_facility_id)),
            way(TraceStatus::InTransit),
        ),
        Kind::Missed => (None, way(TraceStatus::Missing)),
        Kind::Carried | Kind::Acquired(Standing::UnderWay) => (None, way(TraceStatus::InTransit)),
        Kind::Diverted => (
            Some(Place {
                facility_id: movement.from_facility_id,
                ..way(TraceStatus::InTransit)
            }),
            way(TraceStatus::InTransit),
        ),
        Kind::Settled => (None, way(TraceStatus::Lost)),
        Kind::Consumed => gone(TraceStatus::Consumed),
        Kind::Disposed => gone(TraceStatus::Disposed),
        Kind::WrittenOff => gone(TraceStatus::Lost),
        Kind::Returned => gone(TraceStatus::Returned),
        Kind::Converted => gone(TraceStatus::Converted),
        Kind::Restored => (
            Some(rest(TraceStatus::Converted, movement.from_facility_id)),
            here,
        ),
    };
    Some(Shift { from, to: Some(to) })
}
