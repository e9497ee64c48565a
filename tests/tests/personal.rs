//! The log can't forget, so it must not know: persons and remarks are references, in every command there is.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on fails"
)]

use keruen_proto::FILE_DESCRIPTOR_SET;
use keruen_tests::{message::command_id, node::Node, refusal::Refusal, wire};
use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value,
};
use tonic::{Code, Request};

/// No message of a command is nested deeper.
const MAX_DEPTH: usize = 6;
/// What people write where a reference belongs.
const NAMES: [&str; 3] = ["Ann Lee", "Әлия", "person:Ann Lee"];

/// The ways from a message to its references, each a list of fields.
fn references(message: &MessageDescriptor, depth: usize) -> Vec<Vec<FieldDescriptor>> {
    if depth == MAX_DEPTH {
        return vec![];
    }
    message
        .fields()
        .flat_map(|field| match field.kind() {
            Kind::String if field.name().ends_with("_ref") || field.name().ends_with("_refs") => {
                vec![vec![field]]
            }
            Kind::Message(inner) => references(&inner, depth + 1)
                .into_iter()
                .map(|way| std::iter::once(field.clone()).chain(way).collect())
                .collect(),
            _ => vec![],
        })
        .collect()
}

/// A message with nothing in it but `text` at the end of the way, and the path that a violation gives that place.
fn with_text(
    message: &MessageDescriptor,
    way: &[FieldDescriptor],
    text: &str,
) -> (DynamicMessage, String) {
    let (field, rest) = way.split_first().expect("a way has an end");
    let (value, path) = if rest.is_empty() {
        (Value::String(text.to_owned()), String::new())
    } else {
        let Kind::Message(inner) = field.kind() else {
            panic!("{field:?} is on the way")
        };
        let (inner, path) = with_text(&inner, rest, text);
        (Value::Message(inner), format!(".{path}"))
    };
    let mut made = DynamicMessage::new(message.clone());
    if field.is_list() {
        made.set_field(field, Value::List(vec![value]));
        (made, format!("{}[0]{path}", field.name()))
    } else {
        made.set_field(field, value);
        (made, format!("{}{path}", field.name()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_takes_a_name_where_a_reference_belongs() {
    let node = Node::new().await;
    let channel = node.channel();
    let schema = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut tried = 0;
    for method in schema
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
    {
        let input = method.input();
        if input.get_field_by_name("command_id").is_none() {
            continue;
        }
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        for way in references(&input, 0) {
            for name in NAMES {
                let (mut request, field) = with_text(&input, &way, name);
                request.set_field_by_name("command_id", Value::String(command_id()));
                if input.get_field_by_name("fields").is_some() {
                    // An amendment reads the fields that it names.
                    let named = Value::String(way[way.len() - 1].name().to_owned());
                    request.set_field_by_name("fields", Value::List(vec![named]));
                }
                let bytes = Request::new(request.encode_to_vec());
                let status = wire::call(&channel, &path, bytes).await.unwrap_err();
                let refusal = Refusal::of(&status);
                assert_eq!(refusal.code, Code::InvalidArgument, "{path}: {refusal:?}");
                let found = refusal.violations.iter().find(|(at, _)| *at == field);
                if found.is_none() && input.get_field_by_name("fields").is_some() {
                    // What can't be amended at all needs no rule.
                    continue;
                }
                let (_, rule) = found
                    .unwrap_or_else(|| panic!("{path} takes {name:?} as {field}: {refusal:?}"));
                assert!(
                    rule.contains("must be a reference"),
                    "{path} {field}: {rule}"
                );
                tried += 1;
            }
        }
    }
    assert!(tried >= 10 * NAMES.len(), "{tried}");
}
