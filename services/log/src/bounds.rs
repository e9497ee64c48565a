//! The bounds of the log: what one event, one append, one query and one page may hold at most.

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
pub const TIME_RANGE_US: std::ops::RangeInclusive<i64> =
    -62_135_596_800_000_000..=253_402_300_799_999_999;
