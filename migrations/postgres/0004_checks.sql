-- The program's own appends are right by construction: one statement moves the head from where it was and stores what
-- belongs to that. Checks that PostgreSQL reads anew for each statement cost such an append more than the append itself, so
-- they are for everybody else now: a session that does not say that it appends with the head has each of its rows looked at.
-- This is no protection against somebody who wants to deceive; checkpoints are.

-- Where the head was before its last move, as the statement that moves it says.
ALTER TABLE keruen_log.log_head ADD COLUMN previous_position bigint NOT NULL DEFAULT 0;
UPDATE keruen_log.log_head SET previous_position = position;
GRANT UPDATE (previous_position) ON keruen_log.log_head TO keruen_writer;

ALTER TABLE keruen_log.log_head
    DROP CONSTRAINT log_head_id_check,
    DROP CONSTRAINT log_head_log_id_check,
    DROP CONSTRAINT log_head_position_check,
    DROP CONSTRAINT log_head_frontier_check;

CREATE OR REPLACE FUNCTION keruen_log.check_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.log_id <> OLD.log_id OR NEW.epoch < OLD.epoch OR NEW.position < OLD.position
        OR NEW.recorded_at_us < OLD.recorded_at_us OR octet_length(NEW.frontier) % 32 <> 0
        OR (NEW.position <> OLD.position AND NEW.previous_position <> OLD.position)
    THEN
        RAISE EXCEPTION 'UPDATE of keruen_log.log_head is refused: the head of the log only advances, from where it is'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

DROP TRIGGER log_head_only_advances ON keruen_log.log_head;
CREATE TRIGGER log_head_only_advances BEFORE UPDATE ON keruen_log.log_head
FOR EACH ROW WHEN (current_setting('keruen_log.appends', true) IS DISTINCT FROM 'with the head')
EXECUTE FUNCTION keruen_log.check_head();
ALTER TABLE keruen_log.log_head ENABLE ALWAYS TRIGGER log_head_only_advances;

CREATE FUNCTION keruen_log.check_new_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM keruen_log.log_head) OR NEW.id <> 1 OR octet_length(NEW.log_id) <> 16 OR NEW.position <> 0
        OR NEW.frontier <> ''
    THEN
        RAISE EXCEPTION 'INSERT of keruen_log.log_head is refused: the log has one head, which begins at 0'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER log_head_is_one_row BEFORE INSERT ON keruen_log.log_head
FOR EACH ROW EXECUTE FUNCTION keruen_log.check_new_head();
ALTER TABLE keruen_log.log_head ENABLE ALWAYS TRIGGER log_head_is_one_row;

ALTER TABLE keruen_log.events
    DROP CONSTRAINT events_position_check,
    DROP CONSTRAINT events_command_hash_check,
    DROP CONSTRAINT events_event_index_check,
    DROP CONSTRAINT events_check,
    DROP CONSTRAINT events_check1,
    DROP CONSTRAINT events_leaf_hash_check;

-- The newest event stands where the head points, and as many came as the head has moved by: positions are unique, so none
-- is left out. Up to where the head was before, the same was true.
CREATE OR REPLACE FUNCTION keruen_log.check_events() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    head_position bigint;
    before bigint;
    newest bigint;
BEGIN
    SELECT position, previous_position INTO head_position, before FROM keruen_log.log_head;
    SELECT coalesce(max(position), 0) INTO newest FROM keruen_log.events;
    IF newest IS DISTINCT FROM head_position
        OR (SELECT count(*) FROM keruen_log.events WHERE position > before) <> head_position - before
    THEN
        RAISE EXCEPTION 'INSERT of events up to % is refused: events are only appended, without gaps and together with the head',
            newest
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF EXISTS (
        SELECT FROM keruen_log.events
        WHERE position > before AND (
            octet_length(command_hash) <> 32 OR octet_length(leaf_hash) <> 32 OR event_index < 0
            OR append_events <= event_index OR (correction_reason IS NULL) <> (corrects_event_id IS NULL)
        )
    ) THEN
        RAISE EXCEPTION 'INSERT of events up to % is refused: hashes have 32 bytes, event_index lies within 0 and append_events, and a correction has a reason',
            newest
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER events_are_only_appended ON keruen_log.events;
CREATE TRIGGER events_are_only_appended AFTER INSERT ON keruen_log.events
FOR EACH STATEMENT WHEN (current_setting('keruen_log.appends', true) IS DISTINCT FROM 'with the head')
EXECUTE FUNCTION keruen_log.check_events();
ALTER TABLE keruen_log.events ENABLE ALWAYS TRIGGER events_are_only_appended;
