//! How long a command waited before it was sent, as in an outbox while the line was away.

use tonic::{Status, metadata::MetadataMap};

use crate::status;

/// Metadata key that tells for how many milliseconds a command had been waiting when it was sent: what it tells of happened
/// so long before, where it does not say when. It is no part of what the command says, so one that is sent again is still
/// the same. A length of time rather than a time, since clocks differ.
pub const WAITED_KEY: &str = "keruen-waited-ms";

/// No command waits for longer: a year, in milliseconds.
const MAX_MS: i64 = 366 * 24 * 60 * 60 * 1_000;

/// The time that the metadata names, in microseconds; 0 where it names none.
pub fn waited_us(metadata: &MetadataMap) -> Result<i64, Box<Status>> {
    let Some(value) = metadata.get(WAITED_KEY) else {
        return Ok(0);
    };
    let waited_ms = value.to_str().ok().and_then(|text| text.parse().ok());
    let waited_ms = waited_ms.filter(|ms| (0..=MAX_MS).contains(ms));
    waited_ms.map(|ms| ms * 1_000).ok_or_else(|| {
        Box::new(status::field_violation(
            &format!("metadata {WAITED_KEY}"),
            &format!("must be a number of milliseconds, 0 to {MAX_MS}; found {value:?}"),
        ))
    })
}
