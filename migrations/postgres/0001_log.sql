-- The log: events, their place in the Merkle tree, and where the log stands.

CREATE SCHEMA keruen_log;

-- What was applied, and the SHA-256 of its text: one row for each file of this folder.
CREATE TABLE keruen_log.migrations (
    number integer PRIMARY KEY,
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- One row, made together with the store.
CREATE TABLE keruen_log.log_head (
    id integer PRIMARY KEY CHECK (id = 1),
    -- Identity of the log, 16 random bytes; part of every leaf.
    log_id bytea NOT NULL CHECK (octet_length(log_id) = 16),
    -- Raised by each writer that takes the log over: one with an older epoch can't move the head any more.
    epoch bigint NOT NULL,
    -- Position of the newest event, which is also the size of the tree; 0 where there is none.
    position bigint NOT NULL CHECK (position >= 0),
    -- Time at which it was recorded, in microseconds since 1970-01-01T00:00:00Z.
    recorded_at_us bigint NOT NULL,
    -- Roots of the largest complete subtrees from left to right, 32 bytes each.
    frontier bytea NOT NULL CHECK (octet_length(frontier) % 32 = 0),
    -- Whoever has the epoch: a random id of the writer, by which it knows its own epoch again when the answer to the
    -- statement that raised it was lost, and the process id of its backend, for whoever looks at the server.
    writer_id uuid,
    writer_pid integer
) WITH (fillfactor = 50);

-- One row is one keruen.log.v1.RecordedEvent. Texts are empty where there is nothing to say.
CREATE TABLE keruen_log.events (
    position bigint PRIMARY KEY CHECK (position > 0),
    -- event_id is its text, a slash and event_index.
    command_id uuid NOT NULL,
    command_hash bytea NOT NULL CHECK (octet_length(command_hash) = 32),
    event_index integer NOT NULL CHECK (event_index >= 0),
    -- How many events its append has.
    append_events integer NOT NULL CHECK (append_events > event_index),
    type text COLLATE "C" NOT NULL,
    -- Sorted bytewise, without duplicates, with one space between two.
    tags text COLLATE "C" NOT NULL,
    region text COLLATE "C" NOT NULL,
    other_region text COLLATE "C" NOT NULL,
    data bytea NOT NULL,
    -- Microseconds since 1970-01-01T00:00:00Z, the place's offset from UTC, and numbers of the enum.
    occurred_at_us bigint NOT NULL,
    occurred_offset_minutes integer NOT NULL,
    occurred_precision integer NOT NULL,
    occurred_clamped boolean NOT NULL,
    recorded_at_us bigint NOT NULL,
    actor text COLLATE "C" NOT NULL,
    origin text COLLATE "C" NOT NULL,
    correlation_id text COLLATE "C" NOT NULL,
    causation_id text COLLATE "C" NOT NULL,
    -- Both or neither.
    corrects_event_id text COLLATE "C",
    correction_reason integer CHECK ((correction_reason IS NULL) = (corrects_event_id IS NULL)),
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32)
);

-- Completed tiles of the tree: 256 hashes, of leaves at level 0, of completed tiles of the level below above it.
CREATE TABLE keruen_log.tiles (
    level integer NOT NULL CHECK (level >= 0),
    number bigint NOT NULL CHECK (number >= 0),
    hashes bytea NOT NULL CHECK (octet_length(hashes) = 8192),
    PRIMARY KEY (level, number)
);
-- Hashes can't be compressed.
ALTER TABLE keruen_log.tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- Append-only, also to the owner. ALWAYS: in a session that applies changes as a replica does, too.
CREATE FUNCTION keruen_log.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of keruen_log.% is refused: the log is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER events_are_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON keruen_log.events
FOR EACH STATEMENT EXECUTE FUNCTION keruen_log.refuse();
ALTER TABLE keruen_log.events ENABLE ALWAYS TRIGGER events_are_never_changed;

CREATE TRIGGER tiles_are_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON keruen_log.tiles
FOR EACH STATEMENT EXECUTE FUNCTION keruen_log.refuse();
ALTER TABLE keruen_log.tiles ENABLE ALWAYS TRIGGER tiles_are_never_changed;

CREATE TRIGGER log_head_is_never_deleted BEFORE DELETE OR TRUNCATE ON keruen_log.log_head
FOR EACH STATEMENT EXECUTE FUNCTION keruen_log.refuse();
ALTER TABLE keruen_log.log_head ENABLE ALWAYS TRIGGER log_head_is_never_deleted;

-- What a statement appends lies side by side, directly behind what was there, and ends where the head points.
CREATE FUNCTION keruen_log.check_events() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    first_position bigint;
    last_position bigint;
    number bigint;
BEGIN
    SELECT min(position), max(position), count(*) INTO first_position, last_position, number FROM appended;
    IF number > 0 AND (
        last_position - first_position + 1 <> number
        OR (first_position > 1
            AND NOT EXISTS (SELECT FROM keruen_log.events WHERE position = first_position - 1))
        OR last_position IS DISTINCT FROM (SELECT position FROM keruen_log.log_head)
    ) THEN
        RAISE EXCEPTION 'INSERT of events % to % is refused: events are only appended, without gaps and together with the head',
            first_position, last_position
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER events_are_only_appended AFTER INSERT ON keruen_log.events
REFERENCING NEW TABLE AS appended
FOR EACH STATEMENT EXECUTE FUNCTION keruen_log.check_events();
ALTER TABLE keruen_log.events ENABLE ALWAYS TRIGGER events_are_only_appended;

CREATE FUNCTION keruen_log.check_tiles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM appended
        WHERE number > 0 AND NOT EXISTS (
            SELECT FROM keruen_log.tiles
            WHERE tiles.level = appended.level AND tiles.number = appended.number - 1
        )
    ) THEN
        RAISE EXCEPTION 'INSERT of tiles is refused: tiles are only appended, without gaps'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER tiles_are_only_appended AFTER INSERT ON keruen_log.tiles
REFERENCING NEW TABLE AS appended
FOR EACH STATEMENT EXECUTE FUNCTION keruen_log.check_tiles();
ALTER TABLE keruen_log.tiles ENABLE ALWAYS TRIGGER tiles_are_only_appended;

CREATE FUNCTION keruen_log.check_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.log_id <> OLD.log_id OR NEW.epoch < OLD.epoch OR NEW.position < OLD.position
        OR NEW.recorded_at_us < OLD.recorded_at_us
    THEN
        RAISE EXCEPTION 'UPDATE of keruen_log.log_head is refused: the head of the log only advances'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER log_head_only_advances BEFORE UPDATE ON keruen_log.log_head
FOR EACH ROW EXECUTE FUNCTION keruen_log.check_head();
ALTER TABLE keruen_log.log_head ENABLE ALWAYS TRIGGER log_head_only_advances;

-- What a session that writes may do, and one that reads. Users are made members of these roles; the program takes them
-- on, also where its own user may do more. Roles belong to the whole server, so they may be there.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['keruen_writer', 'keruen_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                -- Another log on this server was made at the same moment.
                NULL;
            END;
        END IF;
        IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
            AND NOT EXISTS (
                SELECT FROM pg_auth_members
                WHERE roleid = role_name::regrole AND member = current_user::regrole AND NOT admin_option
            )
        THEN
            EXECUTE format('GRANT %I TO %I', role_name, current_user);
        END IF;
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA keruen_log TO keruen_writer, keruen_reader;
GRANT SELECT ON keruen_log.migrations, keruen_log.log_head, keruen_log.events, keruen_log.tiles TO keruen_writer, keruen_reader;
GRANT INSERT ON keruen_log.events, keruen_log.tiles TO keruen_writer;
GRANT UPDATE (epoch, position, recorded_at_us, frontier, writer_id, writer_pid) ON keruen_log.log_head TO keruen_writer;
