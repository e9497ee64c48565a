//! The enum over all event types, and decoding with checks.

use crate::check::{Defect, Path};

include!(concat!(env!("OUT_DIR"), "/events.rs"));

/// A message that is an event type.
pub trait EventType {
    /// Its full protobuf name.
    const TYPE: &'static str;
}

/// Why stored bytes are not an event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A newer version may have written it.
    #[error("unknown event type {type:?}")]
    UnknownType {
        /// The type's name as stored.
        r#type: String,
    },
    /// The bytes are not of that message.
    #[error("malformed {type}: {source}")]
    Malformed {
        /// The type's name.
        r#type: String,
        /// What prost says.
        source: prost::DecodeError,
    },
    /// The message breaks a rule that every stored event keeps.
    #[error("{type}: {defect}")]
    Defective {
        /// The type's name.
        r#type: String,
        /// Field and rule.
        defect: Defect,
    },
}

impl Event {
    /// Decodes stored bytes. Fails on enums that are unspecified or unknown, on messages that are missing, and on
    /// integers beyond 2^53 − 1, which not every client language can hold.
    pub fn decode(type_name: &str, data: &[u8]) -> Result<Self, DecodeError> {
        let event = Self::decode_unchecked(type_name, data)?;
        event.verify()?;
        Ok(event)
    }

    /// The checks of [`Event::decode`], for an event that is about to be stored.
    pub fn verify(&self) -> Result<(), DecodeError> {
        self.check(&mut Path::default())
            .map_err(|defect| DecodeError::Defective {
                r#type: self.type_name().to_owned(),
                defect,
            })
    }

    /// The last part of the type's name, for example `ShipmentDispatched`.
    pub fn short_name(&self) -> &'static str {
        let name = self.type_name();
        name.rsplit_once('.').map_or(name, |(_, short)| short)
    }
}
