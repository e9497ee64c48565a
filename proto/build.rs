//! Generates the Rust types, the JSON mapping, the event enum and the checks from the `.proto` files, without protoc.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use prost::Message as _;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=keruen");
    println!("cargo::rerun-if-changed=build.rs");

    let mut files = Vec::new();
    collect(&root.join("keruen"), &mut files)?;
    files.sort();
    let descriptors = protox::compile(&files, [&root])?;
    let bytes = descriptors.encode_to_vec();
    fs::write(out.join("descriptors.bin"), &bytes)?;

    tonic_prost_build::configure()
        .build_transport(true)
        .compile_well_known_types(true)
        .extern_path(".google.protobuf", "::pbjson_types")
        // Pages have many of them: they share the memory that they were read into.
        .bytes(".keruen.log.v1.RecordedEvent")
        .bytes(".keruen.log.v1.ProposedEvent")
        .compile_fds(descriptors.clone())?;
    pbjson_build::Builder::new()
        .register_descriptors(&bytes)?
        .emit_fields()
        .build(&[".keruen"])?;

    let keruen: Vec<&FileDescriptorProto> = descriptors
        .file
        .iter()
        .filter(|file| file.package().starts_with("keruen."))
        .collect();
    fs::write(out.join("events.rs"), event_enum(&keruen)?)?;
    fs::write(out.join("checks.rs"), checks(&keruen)?)?;
    fs::write(out.join("mutations.rs"), mutations(&keruen)?)?;
    Ok(())
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "proto")
        {
            files.push(path);
        }
    }
    Ok(())
}

/// `keruen.log.v1` → `crate::log::v1`.
fn module_of(package: &str) -> String {
    package.replacen("keruen.", "crate::", 1).replace('.', "::")
}

/// `.keruen.log.v1.Event` → `crate::log::v1::Event`.
fn rust_path(proto_name: &str) -> String {
    let name = proto_name.trim_start_matches('.');
    let (package, message) = name.rsplit_once('.').unwrap_or(("", name));
    format!("{}::{message}", module_of(package))
}

/// The Rust name that prost gives to a field: as written, with `r#` before a keyword.
fn field_name(field: &FieldDescriptorProto) -> String {
    match field.name() {
        "type" => "r#type".to_owned(),
        name => name.to_owned(),
    }
}

fn is_events_file(file: &FileDescriptorProto) -> bool {
    file.name().ends_with("/events.proto")
}

fn event_enum(files: &[&FileDescriptorProto]) -> Result<String, std::fmt::Error> {
    let mut variants = String::new();
    let mut types = String::new();
    let mut names = String::new();
    let mut encode = String::new();
    let mut decode = String::new();
    let mut json = String::new();
    let mut conversions = String::new();
    for file in files.iter().filter(|file| is_events_file(file)) {
        let package = file.package();
        for (index, message) in file.message_type.iter().enumerate() {
            let name = message.name();
            let full = format!("{package}.{name}");
            let path = format!("{}::{name}", module_of(package));
            let doc = comment_of(file, index);
            writeln!(variants, "    /// {doc}\n    {name}({path}),")?;
            writeln!(types, "    \"{full}\",")?;
            writeln!(names, "            Event::{name}(_) => \"{full}\",")?;
            writeln!(
                encode,
                "            Event::{name}(event) => prost::Message::encode_to_vec(event),"
            )?;
            writeln!(
                decode,
                "            \"{full}\" => Event::{name}(<{path} as prost::Message>::decode(data).map_err(|source| \
                 DecodeError::Malformed {{ r#type: type_name.to_owned(), source }})?),"
            )?;
            writeln!(
                json,
                "            Event::{name}(event) => serde_json::to_value(event),"
            )?;
            writeln!(
                conversions,
                "impl From<{path}> for Event {{\n    fn from(event: {path}) -> Self {{ Event::{name}(event) }}\n}}\n\
                 impl crate::event::EventType for {path} {{ const TYPE: &'static str = \"{full}\"; }}"
            )?;
        }
    }
    let checks: String = {
        let mut text = String::new();
        for file in files.iter().filter(|file| is_events_file(file)) {
            for message in &file.message_type {
                let name = message.name();
                writeln!(
                    text,
                    "            Event::{name}(event) => crate::check::Check::check(event, path),"
                )?;
            }
        }
        text
    };
    Ok(format!(
        r"/// Any event that can be stored. Generated from the messages of every `events.proto`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {{
{variants}}}

/// Full protobuf names of all event types.
pub const EVENT_TYPES: &[&str] = &[
{types}];

impl Event {{
    /// Full protobuf name of the event's type.
    pub fn type_name(&self) -> &'static str {{
        match self {{
{names}        }}
    }}

    /// The bytes that are stored.
    pub fn encode(&self) -> Vec<u8> {{
        match self {{
{encode}        }}
    }}

    pub(crate) fn decode_unchecked(type_name: &str, data: &[u8]) -> Result<Self, DecodeError> {{
        Ok(match type_name {{
{decode}            other => return Err(DecodeError::UnknownType {{ r#type: other.to_owned() }}),
        }})
    }}

    /// The event's data as protobuf JSON.
    pub fn to_json(&self) -> Result<serde_json::Value, serde_json::Error> {{
        match self {{
{json}        }}
    }}

    pub(crate) fn check(&self, path: &mut crate::check::Path) -> Result<(), crate::check::Defect> {{
        match self {{
{checks}        }}
    }}
}}

{conversions}"
    ))
}

/// First line of the comment that leads message `index` of `file`.
fn comment_of(file: &FileDescriptorProto, index: usize) -> String {
    let wanted = [4, i32::try_from(index).unwrap_or(i32::MAX)];
    file.source_code_info
        .iter()
        .flat_map(|info| &info.location)
        .find(|location| location.path == wanted)
        .and_then(|location| location.leading_comments().lines().next())
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// `Check` for every message that an event can contain: enums known and stated, messages there unless `optional`,
/// integers within what every client language can hold.
fn checks(files: &[&FileDescriptorProto]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for file in files {
        for message in &file.message_type {
            check_of(&mut text, file, message)?;
        }
    }
    Ok(text)
}

fn check_of(
    text: &mut String,
    file: &FileDescriptorProto,
    message: &DescriptorProto,
) -> std::fmt::Result {
    let path = format!("{}::{}", module_of(file.package()), message.name());
    let mut body = String::new();
    for field in &message.field {
        let in_oneof = field.oneof_index.is_some() && !field.proto3_optional();
        if in_oneof || field.type_name().starts_with(".google.") {
            continue;
        }
        let name = field_name(field);
        let label = field.name();
        let repeated = field.label() == Label::Repeated;
        let optional = field.proto3_optional();
        match field.r#type() {
            Type::Enum => {
                let ty = rust_path(field.type_name());
                if repeated {
                    writeln!(
                        body,
                        "        path.each(\"{label}\", &self.{name}, |value, path| crate::check::stated::<{ty}>(*value, path))?;"
                    )?;
                } else if !optional {
                    writeln!(
                        body,
                        "        path.field(\"{label}\", |path| crate::check::stated::<{ty}>(self.{name}, path))?;"
                    )?;
                }
            }
            Type::Message => {
                if repeated {
                    writeln!(
                        body,
                        "        path.each(\"{label}\", &self.{name}, |value, path| value.check(path))?;"
                    )?;
                } else if optional {
                    writeln!(
                        body,
                        "        path.field(\"{label}\", |path| self.{name}.as_ref().map_or(Ok(()), |value| value.check(path)))?;"
                    )?;
                } else {
                    writeln!(
                        body,
                        "        path.field(\"{label}\", |path| crate::check::there(self.{name}.as_ref(), path)?.check(path))?;"
                    )?;
                }
            }
            Type::Int64 if !repeated && !optional => {
                writeln!(
                    body,
                    "        path.field(\"{label}\", |path| crate::check::exact(self.{name}, path))?;"
                )?;
            }
            _ => {}
        }
    }
    let (path_argument, body) = if body.is_empty() {
        ("_path", String::new())
    } else {
        ("path", body)
    };
    writeln!(
        text,
        "impl Check for {path} {{\n    fn check(&self, {path_argument}: &mut Path) -> Result<(), Defect> {{\n{body}        Ok(())\n    }}\n}}"
    )
}

/// `Mutation` for every request message that carries the four fields that all mutations share.
fn mutations(files: &[&FileDescriptorProto]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for file in files {
        for message in &file.message_type {
            let has = |name: &str| message.field.iter().any(|field| field.name() == name);
            if !(message.name().ends_with("Request") && has("command_id") && has("validate_only")) {
                continue;
            }
            let package = file.package();
            let name = message.name();
            let path = format!("{}::{name}", module_of(package));
            writeln!(
                text,
                "impl Mutation for {path} {{\n    const TYPE: &'static str = \"{package}.{name}\";\n    \
                 fn command_id(&self) -> &str {{ &self.command_id }}\n    \
                 fn occurred_at(&self) -> Option<&pbjson_types::Timestamp> {{ self.occurred_at.as_ref() }}\n    \
                 fn occurred_at_precision(&self) -> i32 {{ self.occurred_at_precision }}\n    \
                 fn validate_only(&self) -> bool {{ self.validate_only }}\n}}"
            )?;
        }
    }
    Ok(text)
}
