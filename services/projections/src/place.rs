//! Where units of a batch are, or what became of them, and how a movement shifts them from place to place.

use keruen_proto::stock::v1::TraceStatus;

use crate::movement::{Kind, Movement};

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
    /// Where the units come from: from the first place as many as are there, from the last one the rest. None for units
    /// that enter the books.
    pub from: Vec<Place<'e>>,
    /// Where they are now.
    pub to: Place<'e>,
}

/// How a movement shifts its units; claims move nothing.
pub fn shift<'e>(movement: &Movement<'e>) -> Option<Shift<'e>> {
    let rest = |status, facility_id| Place { status, facility_id, shipment_id: "" };
    let way = |status| Place { status, facility_id: movement.facility_id, shipment_id: movement.shipment_id };
    let here = rest(TraceStatus::OnHand, movement.facility_id);
    let gone = |status| Some(Shift { from: vec![here], to: rest(status, movement.facility_id) });
    match movement.kind {
        Kind::Claimed | Kind::Unclaimed => None,
        Kind::Entered => Some(Shift { from: Vec::new(), to: here }),
        Kind::Departed => Some(Shift {
            from: vec![rest(TraceStatus::OnHand, movement.from_facility_id)],
            to: way(TraceStatus::InTransit),
        }),
        // What was reported missing can still turn up.
        Kind::Arrived => Some(Shift { from: vec![way(TraceStatus::InTransit), way(TraceStatus::Missing)], to: here }),
        Kind::Missed => Some(Shift { from: vec![way(TraceStatus::InTransit)], to: way(TraceStatus::Missing) }),
        Kind::Settled => Some(Shift {
            from: vec![way(TraceStatus::Missing), way(TraceStatus::InTransit)],
            to: way(TraceStatus::Lost),
        }),
        Kind::Consumed => gone(TraceStatus::Consumed),
        Kind::Disposed => gone(TraceStatus::Disposed),
        Kind::WrittenOff => gone(TraceStatus::Lost),
    }
}
