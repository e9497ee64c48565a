//! What every command is to whoever carries it out.

use keruen_proto::Event;

use crate::{books::Books, boundary::Boundary, limits, rejection::Rejection};

/// When a command is decided and when its facts happened, both in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The clock of whoever decides.
    pub now_us: i64,
    /// When the facts happened; at most `now_us`.
    pub occurred_at_us: i64,
}

impl Moment {
    /// Whether the facts had happened already when they were commanded, so that nobody can refuse them any more. Clocks
    /// differ a little.
    pub fn is_past(self) -> bool {
        self.occurred_at_us < self.now_us - limits::ALLOCATION_AGE_US
    }
}

/// A parsed command: it says what it must know, and decides.
pub trait Command: Send + Sync + 'static {
    /// What must be read before deciding, given what has been read already. It is asked again with what it asked for
    /// until it asks for nothing new. The append is conditional on all of it.
    fn reads(&self, books: &Books) -> Vec<Boundary>;

    /// What happens, or why it can't. Only what [`Command::reads`] asked for is in `books`.
    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection>;

    /// What the answer shows: the boundary whose state results.
    fn subject(&self, books: &Books) -> Option<Boundary>;
}

/// Which of a command's events is what the command recorded: it caused the others of its append. Claims that an
/// adjustment breaks are given up before it in the log, since claimed units can't leave, but because of it. So is a
/// closed donation opened again before what comes of it, and a discrepancy found before the correction that shows it.
/// What is inside something that is sent is claimed with it; what is inside something is out of it before it leaves alone.
/// A release that rests on nothing follows from something else; one that somebody answers for may show that the units are
/// held for something else.
pub fn cause<'a>(events: impl IntoIterator<Item = &'a Event>) -> usize {
    let events: Vec<&Event> = events.into_iter().collect();
    let dispatched = |event: &&Event| matches!(event, Event::ShipmentDispatched(_));
    let precedes = |event: &&Event| match event {
        Event::AllocationReleased(_)
        | Event::DonationReopened(_)
        | Event::StockDiscrepancyFound(_)
        | Event::AssetTakenOut(_) => true,
        Event::StockReleased(released) => {
            released.verdict.is_none() && released.release_override.is_none()
        }
        _ => false,
    };
    let mut all = events.iter();
    all.position(dispatched)
        .or_else(|| events.iter().position(|event| !precedes(event)))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use keruen_proto::{
        inventory::v1::{
            AssetTakenOut, DonatedMoneySpent, DonationReceived, ReleaseOverride, ReleaseVerdict,
            StockAdjusted, StockHeld, StockReleased,
        },
        shipments::v1::{AllocationReleased, ShipmentAllocated, ShipmentDispatched},
    };

    use super::*;

    #[test]
    fn a_broken_claim_does_not_cause_the_adjustment_that_breaks_it() {
        let spent = [
            DonatedMoneySpent::default().into(),
            DonationReceived::default().into(),
        ];
        assert_eq!(cause(&spent), 0);
        let adjusted = [
            AllocationReleased::default().into(),
            AllocationReleased::default().into(),
            StockAdjusted::default().into(),
        ];
        assert_eq!(cause(&adjusted), 2);
    }

    #[test]
    fn what_is_inside_something_does_not_cause_what_becomes_of_it() {
        let out = || AssetTakenOut::default().into();
        let released = || StockReleased::default().into();
        assert_eq!(cause(&[out(), StockAdjusted::default().into()]), 1);
        assert_eq!(cause(&[out(), released()]), 0);
        assert_eq!(cause(&[released()]), 0);
        let sent = [
            released(),
            ShipmentAllocated::default().into(),
            ShipmentDispatched::default().into(),
        ];
        assert_eq!(cause(&sent), 2);
    }

    #[test]
    fn a_release_causes_that_the_units_are_held_for_something_else() {
        let held = || StockHeld::default().into();
        let released = StockReleased::default();
        let by_verdict = StockReleased {
            verdict: Some(ReleaseVerdict::default().into()),
            ..released.clone()
        };
        let overridden = StockReleased {
            release_override: Some(ReleaseOverride::default()),
            ..released.clone()
        };
        assert_eq!(cause(&[by_verdict.into(), held()]), 0);
        assert_eq!(cause(&[overridden.into(), held()]), 0);
        assert_eq!(cause(&[released.into(), held()]), 1);
    }
}
