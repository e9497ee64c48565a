//! Who gives a command.

use tonic::{Status, metadata::MetadataMap};

use crate::status;

/// Metadata key that names the actor: a reference, never a person's name.
pub const ACTOR_KEY: &str = "keruen-actor";

/// The actor of calls that name none.
pub const ANONYMOUS: &str = "anonymous";

const MAX_LENGTH: usize = 128;

/// The actor that the metadata names. Letters, digits and `. _ : @ -`, beginning with a letter or digit, 128
/// characters at most.
pub fn actor(metadata: &MetadataMap) -> Result<String, Box<Status>> {
    let Some(value) = metadata.get(ACTOR_KEY) else {
        return Ok(ANONYMOUS.to_owned());
    };
    let refused = |found: &str| {
        Box::new(status::field_violation(
            &format!("metadata {ACTOR_KEY}"),
            &format!(
                "must be 1 to {MAX_LENGTH} letters, digits or any of . _ : @ -, beginning with a letter or digit; \
                 found {found}"
            ),
        ))
    };
    let text = value.to_str().map_err(|_| refused("other bytes"))?;
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'@' | b'-');
    let begins_well = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins_well && text.len() <= MAX_LENGTH && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(refused(&format!("{text:?}")))
    }
}
