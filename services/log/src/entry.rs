//! The canonical entry of an event: the bytes that its leaf in the Merkle tree is the hash of. `ENTRY.md` beside this
//! crate's manifest writes the layout down byte by byte.

use std::fmt::Write as _;

use keruen_proto::log::v1::{Correction, OccurredAt, RecordedEvent};
use prost::bytes::Bytes;
use sha2::{Digest as _, Sha256};
use uuid::{Uuid, fmt::Hyphenated};

use crate::{
    append::Violation,
    syntax,
    tree::{self, Hash},
};

/// Version of the layout, the first byte of every entry.
pub const ENTRY_VERSION: u8 = 1;

/// `<command_id>/<index>`: the same on every node, for ever.
pub fn event_id(command_id: Uuid, index: u32) -> String {
    let mut id = String::with_capacity(Hyphenated::LENGTH + 4);
    id.push_str(
        command_id
            .hyphenated()
            .encode_lower(&mut Uuid::encode_buffer()),
    );
    id.push('/');
    // A String takes what is written.
    let _ = write!(id, "{index}");
    id
}

/// The text of the command id in an event id made by [`event_id`].
pub(crate) fn command_id_in(event_id: &str) -> &str {
    event_id.get(..Hyphenated::LENGTH).unwrap_or(event_id)
}

/// Tags out of the one text that databases keep of them, with one space between two.
pub(crate) fn tags_in(joined: &str) -> Vec<String> {
    // Room for what most events have.
    let mut tags = Vec::with_capacity(8);
    let mut begin = 0;
    let ends = memchr::memchr_iter(b' ', joined.as_bytes()).chain([joined.len()]);
    for end in ends {
        if begin < end {
            tags.push(joined[begin..end].to_owned());
        }
        begin = end + 1;
    }
    tags
}

/// The canonical entry of an event in the log with this id. Fails on an event that no log can have written: without a
/// time that occurred, with an `event_id` that does not belong to its `command_id`, with a hash of another length, or
/// with tags that are not sorted.
pub fn entry(log_id: &[u8; 16], event: &RecordedEvent) -> Result<Vec<u8>, Violation> {
    if !event.tags.is_sorted_by(|left, right| left < right) {
        return Err(Violation::new("tags", "must be sorted, without duplicates"));
    }
    let data_hash = Sha256::digest(&event.data).into();
    let mut entry = Vec::with_capacity(512);
    write(&mut entry, log_id, identity(event)?, event, &data_hash)?;
    Ok(entry)
}

/// Writes the same of an event whose tags are sorted, whose command id and index are known, and SHA-256 of its data.
fn write(
    entry: &mut Vec<u8>,
    log_id: &[u8; 16],
    (command_id, index): (Uuid, u32),
    event: &RecordedEvent,
    data_hash: &Hash,
) -> Result<(), Violation> {
    let command_hash = <&Hash>::try_from(&event.command_hash[..])
        .map_err(|_| Violation::new("command_hash", "must have 32 bytes"))?;
    let occurred_at = event
        .occurred_at
        .ok_or_else(|| Violation::new("occurred_at", "is missing"))?;
    entry.push(ENTRY_VERSION);
    entry.extend_from_slice(log_id);
    entry.extend_from_slice(&event.position.to_be_bytes());
    entry.extend_from_slice(&event.recorded_at_us.to_be_bytes());
    entry.extend_from_slice(&occurred_at.time_us.to_be_bytes());
    entry.extend_from_slice(&occurred_at.utc_offset_minutes.to_be_bytes());
    entry.push(small("occurred_at.precision", occurred_at.precision)?);
    entry.push(u8::from(occurred_at.clamped));
    put_text(entry, &event.r#type)?;
    put_optional(entry, &event.region)?;
    put_optional(entry, &event.other_region)?;
    put_length(entry, event.tags.len())?;
    for tag in &event.tags {
        put_text(entry, tag)?;
    }
    entry.extend_from_slice(command_id.as_bytes());
    entry.extend_from_slice(&index.to_be_bytes());
    entry.extend_from_slice(command_hash);
    put_text(entry, &event.actor)?;
    put_text(entry, &event.origin)?;
    put_optional(entry, &event.correlation_id)?;
    put_optional(entry, &event.causation_id)?;
    match &event.correction {
        None => entry.push(0),
        Some(correction) => {
            entry.push(1);
            put_text(entry, &correction.corrects_event_id)?;
            entry.push(small("correction.reason", correction.reason)?);
        }
    }
    entry.extend_from_slice(data_hash);
    Ok(())
}

/// The leaf hash of an event, from its entry.
pub fn leaf_hash(log_id: &[u8; 16], event: &RecordedEvent) -> Result<Hash, Violation> {
    Ok(tree::leaf_hash(&entry(log_id, event)?))
}

/// The leaf hash of events that are made now, one after the other: with sorted tags, known command ids and indexes, and
/// known SHA-256 of their data.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    entry: Vec<u8>,
}

impl Leaves {
    pub fn hash(
        &mut self,
        log_id: &[u8; 16],
        identity: (Uuid, u32),
        event: &RecordedEvent,
        data_hash: &Hash,
    ) -> Result<Hash, Violation> {
        self.entry.clear();
        write(&mut self.entry, log_id, identity, event, data_hash)?;
        Ok(tree::leaf_hash(&self.entry))
    }
}

/// Command id and index of an event, as its event id and its command id both say.
fn identity(event: &RecordedEvent) -> Result<(Uuid, u32), Violation> {
    let command_id =
        syntax::uuid(&event.command_id).map_err(|rule| Violation::new("command_id", rule))?;
    syntax::event_id(&event.event_id).map_err(|rule| Violation::new("event_id", rule))?;
    event
        .event_id
        .strip_prefix(&event.command_id)
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(|index| index.parse().ok())
        .map(|index| (command_id, index))
        .ok_or_else(|| Violation::new("event_id", "must begin with the command id"))
}

fn small(field: &str, value: i32) -> Result<u8, Violation> {
    u8::try_from(value)
        .map_err(|_| Violation::new(field, format!("must be 0 to 255, found {value}")))
}

fn put_length(entry: &mut Vec<u8>, length: usize) -> Result<(), Violation> {
    let length = u32::try_from(length)
        .map_err(|_| Violation::new("event", "holds a text of 4 GiB or more"))?;
    entry.extend_from_slice(&length.to_be_bytes());
    Ok(())
}

fn put_text(entry: &mut Vec<u8>, text: &str) -> Result<(), Violation> {
    put_length(entry, text.len())?;
    entry.extend_from_slice(text.as_bytes());
    Ok(())
}

/// A text that is empty where there is none.
fn put_optional(entry: &mut Vec<u8>, text: &str) -> Result<(), Violation> {
    if text.is_empty() {
        entry.push(0);
        return Ok(());
    }
    entry.push(1);
    put_text(entry, text)
}

/// Reads an entry again: the id of its log, the event, and SHA-256 of the event's data, which is not in it. `None` where
/// the bytes are not an entry.
pub fn read(entry: &[u8]) -> Option<([u8; 16], RecordedEvent, Hash)> {
    let mut rest = Reader(entry);
    if rest.byte()? != ENTRY_VERSION {
        return None;
    }
    let log_id = rest.array()?;
    let mut event = RecordedEvent {
        position: u64::from_be_bytes(rest.array()?),
        recorded_at_us: i64::from_be_bytes(rest.array()?),
        occurred_at: Some(OccurredAt {
            time_us: i64::from_be_bytes(rest.array()?),
            utc_offset_minutes: i32::from_be_bytes(rest.array()?),
            precision: rest.byte()?.into(),
            clamped: rest.flag()?,
        }),
        r#type: rest.text()?,
        region: rest.optional()?,
        other_region: rest.optional()?,
        ..RecordedEvent::default()
    };
    for _ in 0..rest.length()? {
        event.tags.push(rest.text()?);
    }
    let command_id = Uuid::from_bytes(rest.array()?);
    event.command_id = command_id.to_string();
    event.event_id = event_id(command_id, u32::from_be_bytes(rest.array()?));
    event.command_hash = Bytes::copy_from_slice(&rest.array::<32>()?);
    event.actor = rest.text()?;
    event.origin = rest.text()?;
    event.correlation_id = rest.optional()?;
    event.causation_id = rest.optional()?;
    if rest.flag()? {
        event.correction = Some(Correction {
            corrects_event_id: rest.text()?,
            reason: rest.byte()?.into(),
        });
    }
    let data_hash = rest.array()?;
    event.leaf_hash = Bytes::copy_from_slice(&tree::leaf_hash(entry));
    rest.0.is_empty().then_some((log_id, event, data_hash))
}

/// What is left of an entry.
struct Reader<'e>(&'e [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.array()?)).ok()
    }

    fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(std::str::from_utf8(text).ok()?.to_owned())
    }

    fn optional(&mut self) -> Option<String> {
        if self.flag()? {
            self.text()
        } else {
            Some(String::new())
        }
    }
}
