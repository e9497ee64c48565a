//! The counters of a row, as columns.

use crate::{
    counts::Counts,
    database::{Parameter as _, Row, Value},
    failure::StoreError,
};

/// The columns of counters.
pub const COLUMNS: &str = "on_hand, reserved, held, in_transit, received, consumed, disposed, lost, returned, converted, \
                           title_in, title_out, in_transit_out";

/// Counters of a row.
pub const COUNTERS: usize = 13;

/// The counters, in the order of their columns.
pub fn counters(counts: &Counts) -> [Value<'_>; COUNTERS] {
    [
        counts.on_hand.value(),
        counts.reserved.value(),
        counts.held.value(),
        counts.in_transit.value(),
        counts.received.value(),
        counts.consumed.value(),
        counts.disposed.value(),
        counts.lost.value(),
        counts.returned.value(),
        counts.converted.value(),
        counts.title_in.value(),
        counts.title_out.value(),
        counts.in_transit_out.value(),
    ]
}

/// The counters of a row, from column `first` on.
pub fn counts(row: &Row<'_>, first: usize) -> Result<Counts, StoreError> {
    Ok(Counts {
        on_hand: row.get(first)?,
        reserved: row.get(first + 1)?,
        held: row.get(first + 2)?,
        in_transit: row.get(first + 3)?,
        received: row.get(first + 4)?,
        consumed: row.get(first + 5)?,
        disposed: row.get(first + 6)?,
        lost: row.get(first + 7)?,
        returned: row.get(first + 8)?,
        converted: row.get(first + 9)?,
        title_in: row.get(first + 10)?,
        title_out: row.get(first + 11)?,
        in_transit_out: row.get(first + 12)?,
    })
}
