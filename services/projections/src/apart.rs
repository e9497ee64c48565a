//! Why units are held by themselves where they are, as the steps of their batch tell.

use std::collections::HashMap;

use keruen_proto::{inventory::v1::ReceiptOutcome, stock::v1::TraceStep};
use prost::Message as _;

use crate::{
    database::{Connection, params},
    failure::StoreError,
};

/// The newest steps of a batch that are looked at.
const MAX_STEPS: i64 = 1_000;
/// Steps that are looked at for all rows of a page.
const MAX_PAGE_STEPS: i64 = 50_000;

/// What was said of units that were set apart.
#[derive(Debug, Default)]
pub struct Why {
    /// `HoldReason`: for what they were held.
    pub reasons: Vec<i32>,
    /// `ReceiptOutcome`: as what they were found.
    pub outcomes: Vec<i32>,
}

/// Looks through the steps of batches.
pub struct Apart<'c> {
    connection: &'c Connection,
    /// How many steps are still to be looked at.
    left: i64,
}

impl<'c> Apart<'c> {
    /// For the rows of one page.
    pub fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            left: MAX_PAGE_STEPS,
        }
    }

    /// Why so many units of a batch are held by themselves at a facility. Nobody says which units leave, so these are those
    /// that were set apart last.
    pub fn why(
        &mut self,
        batch_id: &str,
        facility_id: &str,
        quantity: i64,
    ) -> Result<Why, StoreError> {
        let mut why = Why::default();
        if quantity <= 0 || self.left <= 0 {
            return Ok(why);
        }
        let mut statement = self
            .connection
            .prepare_cached(include_str!("sql/steps_of_batch.sql"))?;
        let mut rows = statement.query(params![batch_id, MAX_STEPS.min(self.left)])?;
        let mut rest = quantity;
        let mut undone: HashMap<String, i64> = HashMap::new();
        while rest > 0
            && let Some(row) = rows.next()?
        {
            self.left -= 1;
            let step = TraceStep::decode(row.get::<Vec<u8>>(0)?.as_slice())?;
            if step.facility_id != facility_id {
                continue;
            }
            if step.undone {
                *undone.entry(step.corrects_event_id).or_default() += step.quantity;
                continue;
            }
            let (said, found) = match step.outcome() {
                ReceiptOutcome::Damaged
                | ReceiptOutcome::Surplus
                | ReceiptOutcome::Wrong
                | ReceiptOutcome::Expired => (&mut why.outcomes, step.outcome),
                _ if step.hold_reason != 0 => (&mut why.reasons, step.hold_reason),
                _ => continue,
            };
            let mut still = step.quantity;
            if let Some(undone) = undone.get_mut(&step.event_id) {
                let taken_back = still.min(*undone);
                *undone -= taken_back;
                still -= taken_back;
            }
            if still > 0 {
                rest -= still;
                if !said.contains(&found) {
                    said.push(found);
                }
            }
        }
        Ok(why)
    }
}
