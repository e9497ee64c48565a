//! The append-only event log: the only system of record. It knows bytes and tags, never the domain.
