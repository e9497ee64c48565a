//! Append requests as they come over the wire, where anybody may have written them.

use std::sync::LazyLock;

use keruen_proto::{FILE_DESCRIPTOR_SET, log::v1::AppendRequest};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value};

use crate::append::Violation;

const TYPE_NAME: &str = "keruen.log.v1.AppendRequest";

/// The request in `bytes`. A field that this version doesn't know is refused: it may be what matters about the request.
pub(super) fn parse(bytes: &[u8], max_bytes: usize) -> Result<AppendRequest, Violation> {
    let found = bytes.len();
    if found > max_bytes {
        return Err(Violation::new(
            "request",
            format!("must have at most {max_bytes} bytes, found {found}"),
        ));
    }
    let request = AppendRequest::decode(bytes).map_err(|error| malformed(&error))?;
    // What is dropped in decoding is missing in the length. Other encoders may write what they could leave out, so a
    // difference alone proves nothing.
    if request.encoded_len() != found {
        refuse_unknown_fields(bytes)?;
    }
    Ok(request)
}

fn malformed(error: &impl std::fmt::Display) -> Violation {
    Violation::new(
        "request",
        format!("must be a protobuf message {TYPE_NAME}; {error}"),
    )
}

fn refuse_unknown_fields(bytes: &[u8]) -> Result<(), Violation> {
    static DESCRIPTOR: LazyLock<Option<MessageDescriptor>> = LazyLock::new(|| {
        DescriptorPool::decode(FILE_DESCRIPTOR_SET)
            .ok()?
            .get_message_by_name(TYPE_NAME)
    });
    let Some(descriptor) = DESCRIPTOR.clone() else {
        return Err(Violation::new("request", "the schema can't be read"));
    };
    let message = DynamicMessage::decode(descriptor, bytes).map_err(|error| malformed(&error))?;
    match unknown_field("", &message) {
        None => Ok(()),
        Some((path, number)) => {
            let path = if path.is_empty() {
                "request".to_owned()
            } else {
                path
            };
            Err(Violation::new(
                path,
                format!(
                    "has no field {number} in this version; leave it out, or ask a newer writer"
                ),
            ))
        }
    }
}

/// The first field that the schema doesn't know: path of the message that holds it, and its number.
fn unknown_field(path: &str, message: &DynamicMessage) -> Option<(String, u32)> {
    if let Some(unknown) = message.unknown_fields().next() {
        return Some((path.to_owned(), unknown.number()));
    }
    message.fields().find_map(|(field, value)| {
        let name = match path {
            "" => field.name().to_owned(),
            _ => format!("{path}.{}", field.name()),
        };
        match value {
            Value::Message(inner) => unknown_field(&name, inner),
            Value::List(items) => items.iter().enumerate().find_map(|(index, item)| {
                unknown_field(&format!("{name}[{index}]"), item.as_message()?)
            }),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use keruen_proto::log::v1::{AppendCondition, OccurredAt, ProposedEvent, Query, QueryItem};
    use prost::encoding::{WireType, encode_key, encode_varint};

    use super::*;

    const MAX_BYTES: usize = 10_000;

    fn request() -> AppendRequest {
        AppendRequest {
            command_id: "0190a7b2-0000-7000-8000-000000000001".to_owned(),
            events: vec![
                ProposedEvent::default(),
                ProposedEvent {
                    occurred_at: Some(OccurredAt::default()),
                    ..ProposedEvent::default()
                },
            ],
            condition: Some(AppendCondition {
                query: Some(Query {
                    items: vec![QueryItem::default()],
                }),
                after_position: 7,
            }),
            deadline_us: 9,
            ..AppendRequest::default()
        }
    }

    fn with_field_99(message: &impl prost::Message) -> Vec<u8> {
        let mut bytes = message.encode_to_vec();
        encode_key(99, WireType::Varint, &mut bytes);
        encode_varint(1, &mut bytes);
        bytes
    }

    /// Adds a field that holds `inner`.
    fn nested(number: u32, inner: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_key(number, WireType::LengthDelimited, &mut bytes);
        encode_varint(inner.len() as u64, &mut bytes);
        bytes.extend_from_slice(inner);
        bytes
    }

    fn joined(parts: &[Vec<u8>]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn a_request_is_taken_as_any_encoder_writes_it() {
        let written = request().encode_to_vec();
        assert_eq!(parse(&written, MAX_BYTES), Ok(request()));
        // A default that could be left out, and a field that is set twice: the last one counts.
        let mut odd = Vec::new();
        encode_key(7, WireType::Varint, &mut odd);
        encode_varint(0, &mut odd);
        let odd = joined(&[odd, nested(3, b"first"), written, nested(3, b"last")]);
        let expected = AppendRequest {
            actor: "last".to_owned(),
            ..request()
        };
        assert_eq!(parse(&odd, MAX_BYTES), Ok(expected));
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_place() {
        let field = |bytes: &[u8]| parse(bytes, MAX_BYTES).unwrap_err().field;
        assert_eq!(field(&with_field_99(&request())), "request");
        let event = nested(5, &with_field_99(&ProposedEvent::default()));
        assert_eq!(
            field(&joined(&[request().encode_to_vec(), event])),
            "events[2]"
        );
        let item = nested(1, &with_field_99(&QueryItem::default()));
        let condition = nested(6, &nested(1, &item));
        assert_eq!(field(&condition), "condition.query.items[0]");
        for garbage in [&b"garbage"[..], &[0xff; 40], &nested(1, &[0xff])] {
            let refused = parse(garbage, MAX_BYTES).unwrap_err();
            assert!(refused.rule.contains(TYPE_NAME), "{refused}");
        }
        let refused = parse(&vec![0; MAX_BYTES + 1], MAX_BYTES).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "request: must have at most 10000 bytes, found 10001"
        );
    }
}
