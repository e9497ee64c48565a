//! The counters of a stock row, and what a movement adds to them.

use crate::movement::{Kind, Movement, Standing};

/// Quantities of one stock row, in base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// There.
    pub on_hand: i64,
    /// Of those, claimed by shipments.
    pub reserved: i64,
    /// Of those, neither claimed nor to be used. In a change, the units held here by themselves.
    pub held: i64,
    /// On the way to here, or missing and not settled.
    pub in_transit: i64,
    /// Entered the books here.
    pub received: i64,
    /// Used up here.
    pub consumed: i64,
    /// Disposed of here.
    pub disposed: i64,
    /// Lost here, or on the way to here.
    pub lost: i64,
    /// Passed to an owner here.
    pub title_in: i64,
    /// Given up by an owner here.
    pub title_out: i64,
    /// Given back from here.
    pub returned: i64,
    /// Became part of kits here, or ceased to be a kit.
    pub converted: i64,
    /// On the way from here, or missing and not settled: what is in transit elsewhere.
    pub in_transit_out: i64,
}

impl Counts {
    /// The sum; `None` beyond what 64 bits hold.
    pub fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            on_hand: self.on_hand.checked_add(other.on_hand)?,
            reserved: self.reserved.checked_add(other.reserved)?,
            held: self.held.checked_add(other.held)?,
            in_transit: self.in_transit.checked_add(other.in_transit)?,
            received: self.received.checked_add(other.received)?,
            consumed: self.consumed.checked_add(other.consumed)?,
            disposed: self.disposed.checked_add(other.disposed)?,
            lost: self.lost.checked_add(other.lost)?,
            title_in: self.title_in.checked_add(other.title_in)?,
            title_out: self.title_out.checked_add(other.title_out)?,
            returned: self.returned.checked_add(other.returned)?,
            converted: self.converted.checked_add(other.converted)?,
            in_transit_out: self.in_transit_out.checked_add(other.in_transit_out)?,
        })
    }

    /// The opposite change.
    fn taken_off(self) -> Self {
        Self {
            on_hand: -self.on_hand,
            reserved: -self.reserved,
            held: -self.held,
            in_transit: -self.in_transit,
            received: -self.received,
            consumed: -self.consumed,
            disposed: -self.disposed,
            lost: -self.lost,
            returned: -self.returned,
            converted: -self.converted,
            title_in: -self.title_in,
            title_out: -self.title_out,
            in_transit_out: -self.in_transit_out,
        }
    }

    /// Whether there is nothing to tell.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }
}

/// What a movement counts for where it happens.
fn here(movement: &Movement<'_>) -> Counts {
    let quantity = movement.quantity;
    let held = movement.held;
    let none = Counts::default();
    match movement.kind {
        Kind::Entered => Counts {
            on_hand: quantity,
            received: quantity,
            held,
            ..none
        },
        Kind::Claimed => Counts {
            reserved: quantity,
            ..none
        },
        Kind::Unclaimed => Counts {
            reserved: -quantity,
            ..none
        },
        Kind::Departed | Kind::Diverted => Counts {
            in_transit: quantity,
            ..none
        },
        Kind::Arrived => Counts {
            in_transit: -quantity,
            on_hand: quantity,
            held,
            ..none
        },
        Kind::Missed | Kind::Carried => none,
        Kind::Consumed => Counts {
            on_hand: -quantity,
            held: -held,
            consumed: quantity,
            ..none
        },
        Kind::Disposed => Counts {
            on_hand: -quantity,
            held: -held,
            disposed: quantity,
            ..none
        },
        Kind::Ceded(standing) => Counts {
            title_out: quantity,
            ..stands(standing, quantity, held).taken_off()
        },
        Kind::Acquired(standing) => Counts {
            title_in: quantity,
            ..stands(standing, quantity, held)
        },
        Kind::Held => Counts { held, ..none },
        Kind::Released => Counts {
            held: -held,
            ..none
        },
        Kind::WrittenOff => Counts {
            on_hand: -quantity,
            held: -held,
            lost: quantity,
            ..none
        },
        Kind::Returned => Counts {
            on_hand: -quantity,
            held: -held,
            returned: quantity,
            ..none
        },
        Kind::Converted => Counts {
            on_hand: -quantity,
            held: -held,
            converted: quantity,
            ..none
        },
        Kind::Restored => Counts {
            on_hand: quantity,
            held,
            ..none
        },
        Kind::Settled => Counts {
            in_transit: -quantity,
            lost: quantity,
            ..none
        },
    }
}

/// Where units count that pass to another owner.
fn stands(standing: Standing, quantity: i64, held: i64) -> Counts {
    let none = Counts::default();
    match standing {
        Standing::Free => Counts {
            on_hand: quantity,
            held,
            ..none
        },
        Standing::Claimed => Counts {
            on_hand: quantity,
            reserved: quantity,
            ..none
        },
        Standing::UnderWay => Counts {
            in_transit: quantity,
            ..none
        },
    }
}

/// What a movement counts for where the units set out.
fn there(movement: &Movement<'_>) -> Counts {
    let quantity = movement.quantity;
    let none = Counts::default();
    match movement.kind {
        Kind::Departed => Counts {
            on_hand: -quantity,
            reserved: -quantity,
            in_transit_out: quantity,
            ..none
        },
        Kind::Arrived | Kind::Settled | Kind::Ceded(Standing::UnderWay) => Counts {
            in_transit_out: -quantity,
            ..none
        },
        Kind::Acquired(Standing::UnderWay) => Counts {
            in_transit_out: quantity,
            ..none
        },
        // They had been bound for there.
        Kind::Diverted => Counts {
            in_transit: -quantity,
            ..none
        },
        Kind::Restored => Counts {
            converted: -quantity,
            ..none
        },
        _ => none,
    }
}

/// What a movement adds to the rows of its batch and owner, by facility.
pub fn changes<'e>(movement: &Movement<'e>) -> Vec<(&'e str, Counts)> {
    let told = |counts: Counts| {
        if movement.undone {
            counts.taken_off()
        } else {
            counts
        }
    };
    let mut changes = vec![(movement.facility_id, told(here(movement)))];
    let there = there(movement);
    if !there.is_zero() {
        changes.push((movement.from_facility_id, told(there)));
    }
    changes
}
