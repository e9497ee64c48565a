-- The log: events, their place in the Merkle tree, and where the log stands.

-- One row, made together with the store.
CREATE TABLE log_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- Identity of the log, 16 random bytes; part of every leaf.
    log_id BLOB NOT NULL CHECK (length(log_id) = 16),
    -- Raised by each writer that opens the log: one with an older epoch can't move the head any more.
    epoch INTEGER NOT NULL,
    -- Position of the newest event, which is also the size of the tree; 0 where there is none.
    position INTEGER NOT NULL CHECK (position >= 0),
    -- Time at which it was recorded, in microseconds since 1970-01-01T00:00:00Z.
    recorded_at_us INTEGER NOT NULL,
    -- Roots of the largest complete subtrees from left to right, 32 bytes each.
    frontier BLOB NOT NULL CHECK (length(frontier) % 32 = 0)
) STRICT;

-- One row is one keruen.log.v1.RecordedEvent. Texts are empty where there is nothing to say.
CREATE TABLE events (
    position INTEGER PRIMARY KEY CHECK (position > 0),
    -- The UUID's 16 bytes. event_id is its text, a slash and event_index.
    command_id BLOB NOT NULL CHECK (length(command_id) = 16),
    command_hash BLOB NOT NULL CHECK (length(command_hash) = 32),
    event_index INTEGER NOT NULL CHECK (event_index >= 0),
    -- How many events its append has.
    append_events INTEGER NOT NULL CHECK (append_events > event_index),
    type TEXT NOT NULL,
    -- Sorted bytewise, without duplicates, with one space between two.
    tags TEXT NOT NULL,
    region TEXT NOT NULL,
    other_region TEXT NOT NULL,
    data BLOB NOT NULL,
    -- Microseconds since 1970-01-01T00:00:00Z, the place's offset from UTC, and numbers of the enum.
    occurred_at_us INTEGER NOT NULL,
    occurred_offset_minutes INTEGER NOT NULL,
    occurred_precision INTEGER NOT NULL,
    occurred_clamped INTEGER NOT NULL CHECK (occurred_clamped IN (0, 1)),
    recorded_at_us INTEGER NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    causation_id TEXT NOT NULL,
    -- Both or neither.
    corrects_event_id TEXT,
    correction_reason INTEGER CHECK ((correction_reason IS NULL) = (corrects_event_id IS NULL)),
    leaf_hash BLOB NOT NULL CHECK (length(leaf_hash) = 32)
) STRICT;

-- Completed tiles of the tree: 256 hashes, of leaves at level 0, of completed tiles of the level below above it.
CREATE TABLE tiles (
    level INTEGER NOT NULL CHECK (level >= 0),
    number INTEGER NOT NULL CHECK (number >= 0),
    hashes BLOB NOT NULL CHECK (length(hashes) = 8192),
    UNIQUE (level, number)
) STRICT;

-- Append-only. INSERT OR REPLACE deletes without firing a DELETE trigger, so inserts are checked as well.
CREATE TRIGGER events_are_never_updated BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are never updated'); END;

CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

CREATE TRIGGER events_are_only_appended BEFORE INSERT ON events
WHEN NEW.position IS NOT (SELECT coalesce(max(position), 0) + 1 FROM events)
BEGIN SELECT RAISE(ABORT, 'events are only appended, without gaps'); END;

CREATE TRIGGER tiles_are_never_updated BEFORE UPDATE ON tiles
BEGIN SELECT RAISE(ABORT, 'tiles are never updated'); END;

CREATE TRIGGER tiles_are_never_deleted BEFORE DELETE ON tiles
BEGIN SELECT RAISE(ABORT, 'tiles are never deleted'); END;

CREATE TRIGGER tiles_are_only_appended BEFORE INSERT ON tiles
WHEN NEW.number IS NOT (SELECT coalesce(max(number), -1) + 1 FROM tiles WHERE level = NEW.level)
BEGIN SELECT RAISE(ABORT, 'tiles are only appended, without gaps'); END;

CREATE TRIGGER log_head_only_advances BEFORE UPDATE ON log_head
WHEN NEW.log_id IS NOT OLD.log_id OR NEW.epoch < OLD.epoch OR NEW.position < OLD.position
    OR NEW.recorded_at_us < OLD.recorded_at_us
BEGIN SELECT RAISE(ABORT, 'the head of the log only advances'); END;

CREATE TRIGGER log_head_is_never_deleted BEFORE DELETE ON log_head
BEGIN SELECT RAISE(ABORT, 'the head of the log is never deleted'); END;

CREATE TRIGGER log_head_is_one_row BEFORE INSERT ON log_head
WHEN EXISTS (SELECT 1 FROM log_head)
BEGIN SELECT RAISE(ABORT, 'the log has one head'); END;
