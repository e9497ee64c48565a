//! The bounds of the log: what one event, one append, one query and one page may hold at most, and how much may wait for
//! the writer. What one process bounds more tightly than the wire does is in [`Bounds`].

use std::ops::RangeInclusive;

use crate::append::Violation;

/// Events of one append.
pub const MAX_APPEND_EVENTS: usize = 1_000;
/// Size of one append request on the wire, in bytes.
pub const MAX_APPEND_BYTES: usize = 768 * 1024;
/// Size of one event's data, in bytes.
pub const MAX_DATA_BYTES: usize = 64 * 1024;
/// Size of one event's data as JSON, in bytes: one enum byte can become twenty characters.
pub const MAX_JSON_BYTES: usize = 768 * 1024;
/// Tags of one event, after duplicates are removed.
pub const MAX_EVENT_TAGS: usize = 64;
/// Length of an event type's name, in bytes.
pub const MAX_TYPE_BYTES: usize = 256;
/// Length of a tag's kind, in bytes.
pub const MAX_TAG_KIND_BYTES: usize = 16;
/// Length of a code, in bytes.
pub const MAX_CODE_BYTES: usize = 64;
/// Length of the second part of a tag's value, in bytes: a label of 64 bytes, each percent-encoded.
pub const MAX_TAG_LABEL_BYTES: usize = 192;
/// Length of an actor or an origin, in bytes.
pub const MAX_REFERENCE_BYTES: usize = 128;
/// Alternatives of one query.
pub const MAX_QUERY_ITEMS: usize = 1_000;
/// Types, and likewise tags, of one alternative.
pub const MAX_ITEM_TERMS: usize = 64;
/// Types and tags of all alternatives of one query together.
pub const MAX_QUERY_TERMS: usize = 4_096;
/// Events of one page.
pub const MAX_PAGE_EVENTS: usize = 10_000;
/// Size of one page, in bytes; the event that crosses it is left for the next page, but a page has one event at
/// least. It keeps a page below the 4 MiB that gRPC clients accept unasked.
pub const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;
/// Offsets from UTC, in minutes: 18 hours either way.
pub const MAX_UTC_OFFSET_MINUTES: i32 = 18 * 60;
/// The first microsecond of the year 1, and the last of the year 9999: what RFC 3339 can write.
pub const TIME_RANGE_US: RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// Appends that may be set to wait for the writer.
pub const MAX_QUEUE_APPENDS: usize = 65_536;
/// Bytes that may be set to wait for the writer.
pub const MAX_QUEUE_BYTES: usize = 1024 * 1024 * 1024;
/// Appends that one commit may be set to take.
pub const MAX_GROUP_APPENDS: usize = 8_192;
/// Events that one commit may be set to take.
pub const MAX_GROUP_EVENTS: usize = 16_384;
/// Bytes that one commit may be set to take.
pub const MAX_GROUP_BYTES: usize = 64 * 1024 * 1024;

/// What one process takes at most. Others that open the same log may have set it differently: these bounds say nothing
/// about what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many appends may wait for the writer; 1 to [`MAX_QUEUE_APPENDS`].
    pub queue_appends: usize,
    /// How many bytes they may hold together; [`Bounds::append_bytes`] to [`MAX_QUEUE_BYTES`], so that the largest append
    /// fits.
    pub queue_bytes: usize,
    /// How many appends one commit takes; 1 to [`MAX_GROUP_APPENDS`].
    pub group_appends: usize,
    /// How many events one commit takes; 1 to [`MAX_GROUP_EVENTS`]. A single append may exceed it by itself.
    pub group_events: usize,
    /// How many bytes one commit takes; 1 to [`MAX_GROUP_BYTES`]. A single append may exceed it by itself.
    pub group_bytes: usize,
    /// How many events one append may have; 1 to [`MAX_APPEND_EVENTS`].
    pub append_events: usize,
    /// Size of one append request on the wire, in bytes; 1 to [`MAX_APPEND_BYTES`].
    pub append_bytes: usize,
    /// Size of one event's data, in bytes; 1 to [`MAX_DATA_BYTES`].
    pub data_bytes: usize,
    /// Size of one event's data as JSON, in bytes; 1 to [`MAX_JSON_BYTES`].
    pub json_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            queue_appends: 1_024,
            queue_bytes: 64 * 1024 * 1024,
            group_appends: 1_024,
            group_events: 4_096,
            group_bytes: 8 * 1024 * 1024,
            append_events: MAX_APPEND_EVENTS,
            append_bytes: MAX_APPEND_BYTES,
            data_bytes: MAX_DATA_BYTES,
            json_bytes: MAX_JSON_BYTES,
        }
    }
}

impl Bounds {
    /// Each bound with its name and what it may be.
    fn table(&mut self) -> [(&'static str, &mut usize, RangeInclusive<usize>); 9] {
        let least_queue_bytes = self.append_bytes;
        [
            (
                "append_events",
                &mut self.append_events,
                1..=MAX_APPEND_EVENTS,
            ),
            ("append_bytes", &mut self.append_bytes, 1..=MAX_APPEND_BYTES),
            ("data_bytes", &mut self.data_bytes, 1..=MAX_DATA_BYTES),
            ("json_bytes", &mut self.json_bytes, 1..=MAX_JSON_BYTES),
            (
                "queue_appends",
                &mut self.queue_appends,
                1..=MAX_QUEUE_APPENDS,
            ),
            (
                "queue_bytes",
                &mut self.queue_bytes,
                least_queue_bytes..=MAX_QUEUE_BYTES,
            ),
            (
                "group_appends",
                &mut self.group_appends,
                1..=MAX_GROUP_APPENDS,
            ),
            ("group_events", &mut self.group_events, 1..=MAX_GROUP_EVENTS),
            ("group_bytes", &mut self.group_bytes, 1..=MAX_GROUP_BYTES),
        ]
    }

    /// Sets a bound by its name. Whether all of them can be kept together is up to [`Bounds::check`].
    pub fn set(&mut self, name: &str, value: usize) -> Result<(), Violation> {
        let mut names = Vec::new();
        for (known, bound, _) in self.table() {
            if known == name {
                *bound = value;
                return Ok(());
            }
            names.push(known);
        }
        let rule = format!("is no bound; there are {}", names.join(", "));
        Err(Violation::new(name, rule))
    }

    /// Checks that each bound can be kept. The error names the first that can't.
    pub fn check(mut self) -> Result<(), Violation> {
        for (name, found, range) in self.table() {
            if !range.contains(found) {
                let (least, most) = range.into_inner();
                let rule = format!("must be {least} to {most}, found {found}");
                return Err(Violation::new(name, rule));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: [(&str, usize, usize); 9] = [
        ("queue_appends", 1, 65_536),
        ("queue_bytes", 786_432, 1_073_741_824),
        ("group_appends", 1, 8_192),
        ("group_events", 1, 16_384),
        ("group_bytes", 1, 67_108_864),
        ("append_events", 1, 1_000),
        ("append_bytes", 1, 786_432),
        ("data_bytes", 1, 65_536),
        ("json_bytes", 1, 786_432),
    ];

    #[test]
    fn each_can_be_set_up_to_its_edges() {
        assert_eq!(Bounds::default().check(), Ok(()));
        for (name, least, most) in BOUNDS {
            let check = |value| {
                let mut bounds = Bounds::default();
                bounds.set(name, value).unwrap();
                bounds.check()
            };
            assert_eq!((check(least), check(most)), (Ok(()), Ok(())), "{name}");
            for beyond in [0, least - 1, most + 1, usize::MAX] {
                let expected = format!("{name}: must be {least} to {most}, found {beyond}");
                assert_eq!(check(beyond).unwrap_err().to_string(), expected);
            }
        }
        let unknown = Bounds::default().set("page_bytes", 1).unwrap_err();
        let expected = "page_bytes: is no bound; there are append_events, append_bytes, ";
        assert!(unknown.to_string().starts_with(expected), "{unknown}");
    }
}
