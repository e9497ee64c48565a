//! The counters of a row, and their columns: all of them stand in one list.

use crate::{
    database::{Parameter as _, Row, Value},
    failure::StoreError,
};

macro_rules! counters {
    ($(#[$first_doc:meta])* $first:ident, $($(#[$doc:meta])* $counter:ident,)*) => {
        /// Quantities of one stock row, in base units.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $(#[$first_doc])*
            pub $first: i64,
            $($(#[$doc])* pub $counter: i64,)*
        }

        /// The columns of counters, in order.
        pub const NAMES: &[&str] = &[stringify!($first), $(stringify!($counter)),*];

        /// The same, with commas between.
        pub const COLUMNS: &str = concat!(stringify!($first), $(", ", stringify!($counter)),*);

        impl Counts {
            /// The sum; `None` beyond what 64 bits hold.
            pub fn plus(self, other: Self) -> Option<Self> {
                Some(Self {
                    $first: self.$first.checked_add(other.$first)?,
                    $($counter: self.$counter.checked_add(other.$counter)?,)*
                })
            }

            /// The opposite change.
            pub fn taken_off(self) -> Self {
                Self {
                    $first: -self.$first,
                    $($counter: -self.$counter,)*
                }
            }

            /// Whether there is nothing to tell.
            pub fn is_zero(self) -> bool {
                self == Self::default()
            }
        }

        /// The counters, in the order of their columns.
        pub fn counters(counts: &Counts) -> [Value<'_>; COUNTERS] {
            [counts.$first.value(), $(counts.$counter.value()),*]
        }

        /// The counters of a row, from column `first` on.
        pub fn counts(row: &Row<'_>, first: usize) -> Result<Counts, StoreError> {
            let mut columns = first..first + COUNTERS;
            let mut next = || row.get(columns.next().unwrap_or(first));
            Ok(Counts {
                $first: next()?,
                $($counter: next()?,)*
            })
        }
    };
}

counters! {
    /// There.
    on_hand,
    /// Of those, claimed by shipments.
    reserved,
    /// Of those, neither claimed nor to be used. In a change, the units held here by themselves.
    held,
    /// On the way to here, or missing and not settled.
    in_transit,
    /// Entered the books here.
    received,
    /// Used up here.
    consumed,
    /// Disposed of here.
    disposed,
    /// Lost here, or on the way to here.
    lost,
    /// Given back from here.
    returned,
    /// Became part of kits here, or ceased to be a kit.
    converted,
    /// Passed to an owner here.
    title_in,
    /// Given up by an owner here.
    title_out,
    /// On the way from here, or missing and not settled: what is in transit elsewhere.
    in_transit_out,
}

/// Counters of a row.
pub const COUNTERS: usize = NAMES.len();
