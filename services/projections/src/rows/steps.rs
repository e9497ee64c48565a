//! Rows of what happened to the units of a batch.

use prost::Message as _;

use super::Rows;
use crate::{
    database::{Put, params},
    failure::StoreError,
    step::NewStep,
    table,
};

/// The row of a step.
pub(super) struct StepRow {
    batch_id: String,
    position: i64,
    number: i32,
    request_id: String,
    /// `TraceStep`.
    encoded: Vec<u8>,
}

/// The row of a step that a unit of an asset took.
pub(super) struct SerialStepRow {
    item_id: String,
    serial_number: String,
    batch_id: String,
    position: i64,
    number: i32,
}

impl Rows {
    /// Adds a step.
    pub fn add_step(&mut self, new: NewStep) {
        let position = new.step.position.cast_signed();
        let encoded = new.step.encode_to_vec();
        for serial_number in new.step.serial_numbers {
            self.serial_steps.push(SerialStepRow {
                item_id: new.item_id.clone(),
                serial_number,
                batch_id: new.batch_id.clone(),
                position,
                number: new.number,
            });
        }
        self.steps.push(StepRow {
            batch_id: new.batch_id,
            position,
            number: new.number,
            request_id: new.step.request_id,
            encoded,
        });
    }

    /// Adds that kits hold, or held, units of a batch.
    pub fn add_kit_part(&mut self, batch_id: &str, kit_batch_id: &str) {
        self.kit_parts
            .insert((batch_id.to_owned(), kit_batch_id.to_owned()));
    }

    pub(super) fn write_steps(&mut self) -> Result<(), StoreError> {
        // In the order of their keys, so that pages are filled one after the other.
        self.steps.sort_unstable_by(|one, other| {
            let key = |it: &StepRow| (it.position, it.number);
            one.batch_id
                .cmp(&other.batch_id)
                .then_with(|| key(one).cmp(&key(other)))
        });
        let mut put = Put::new(&self.connection, &table::STEPS)?;
        for step in self.steps.drain(..) {
            put.new_row(params![
                step.batch_id,
                step.position,
                step.number,
                step.request_id,
                step.encoded
            ])?;
        }
        put.finish()?;
        let mut put = Put::new(&self.connection, &table::SERIAL_STEPS)?;
        for step in self.serial_steps.drain(..) {
            put.row(params![
                step.item_id,
                step.serial_number,
                step.batch_id,
                step.position,
                step.number
            ])?;
        }
        put.finish()
    }

    pub(super) fn write_kit_parts(&mut self) -> Result<(), StoreError> {
        let mut put = Put::new(&self.connection, &table::KIT_PARTS)?;
        for (batch_id, kit_batch_id) in std::mem::take(&mut self.kit_parts) {
            put.row(params![batch_id, kit_batch_id])?;
        }
        put.finish()
    }
}
