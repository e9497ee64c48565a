//! What a movement adds to the counters of stock rows.

use crate::{
    counters::Counts,
    movement::{Kind, Movement, Standing},
};

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
