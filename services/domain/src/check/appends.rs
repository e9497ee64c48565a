//! Which command recorded what: each has its effect once.

use std::collections::BTreeSet;

use keruen_proto::{Event, log::v1::RecordedEvent, shipments::v1::ShipmentAllocated};
use sha2::{Digest as _, Sha256};

use super::Findings;
use crate::limits;

/// How much later than it was decided a fact may be recorded, in microseconds: it waits for its turn, within a deadline.
const WAIT_US: i64 = 60_000_000;

/// Every command that recorded something: 16 bytes for each, so that any log fits.
#[derive(Debug, Default)]
pub(super) struct Appends {
    commands: BTreeSet<[u8; 16]>,
    current: String,
    next_index: u64,
}

impl Appends {
    /// Whether an event begins another append than the one before it.
    pub fn begins(&self, recorded: &RecordedEvent) -> bool {
        recorded.command_id != self.current
    }

    pub fn take_in(
        &mut self,
        recorded: &RecordedEvent,
        event: &Event,
        findings: &mut Findings<'_>,
    ) {
        let command_id = &recorded.command_id;
        if self.begins(recorded) {
            self.current.clone_from(command_id);
            self.next_index = 0;
            if !self.commands.insert(key(command_id)) {
                findings.add(
                    7,
                    format!("command {command_id} had recorded its events before"),
                );
            }
        }
        let expected = format!("{command_id}/{}", self.next_index);
        if recorded.event_id != expected {
            findings.add(
                7,
                format!(
                    "the event is {}, but {expected} would be the next one of its command",
                    recorded.event_id
                ),
            );
        }
        self.next_index += 1;
        let occurred_at_us = recorded.occurred_at.map_or(0, |at| at.time_us);
        let age_us = recorded.recorded_at_us.saturating_sub(occurred_at_us);
        let is_late = age_us > limits::ALLOCATION_AGE_US + WAIT_US;
        if is_late && matches!(event, Event::ShipmentAllocated(it) if is_claim(it)) {
            findings.add(
                6,
                format!(
                    "an allocation is dated {} s before it was recorded",
                    age_us / 1_000_000
                ),
            );
        }
    }
}

/// Whether units were claimed for what is to come: what had left already, and what is inside something that has, follows
/// from that fact.
fn is_claim(event: &ShipmentAllocated) -> bool {
    event.already_dispatched != Some(true) && event.units.iter().any(|units| units.line != 0)
}

/// Stands for a command id; no two of them have the same.
fn key(command_id: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&Sha256::digest(command_id.as_bytes())[..16]);
    key
}
