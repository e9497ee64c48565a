//! What a store holds, in numbers.

/// What a store holds, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Identity of the log, 16 bytes.
    pub log_id: Vec<u8>,
    /// Position of the newest event; 0 where there is none.
    pub position: u64,
    /// RFC 6962 root over the leaves of all events, 32 bytes.
    pub root_hash: Vec<u8>,
    /// When the first and the newest event were recorded, in microseconds.
    pub recorded_at_us: Option<(i64, i64)>,
    /// How many events there are of each type.
    pub types: Vec<(String, u64)>,
    /// How many bytes each part of the store takes on the disk.
    pub bytes: Vec<(String, u64)>,
}
