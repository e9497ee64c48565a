-- The index of types, tags and command ids as immutable sorted runs: services/log/INDEX.md tells their bytes. It can be
-- made again from the events, and is when this migration finds any: the program does so as it opens the log.

DROP TABLE keruen_log.postings;
DROP TABLE keruen_log.commands;

-- The complete runs lie side by side from position 1 on; what is behind the last of them is not in a run yet.
CREATE TABLE keruen_log.runs (
    -- Ascends in the order in which runs are begun and is never used twice.
    id bigint PRIMARY KEY CHECK (id > 0),
    -- 0: made from events; above: merged from runs of the level below.
    level integer NOT NULL CHECK (level >= 0),
    first_position bigint NOT NULL CHECK (first_position > 0),
    last_position bigint NOT NULL CHECK (last_position >= first_position),
    -- So many upper bits of a hash tell which filter it belongs to.
    filter_bits integer NOT NULL CHECK (filter_bits BETWEEN 0 AND 24),
    -- How many different hashes and how many pages it has; at most, while it is being merged.
    terms bigint NOT NULL CHECK (terms > 0),
    pages bigint NOT NULL CHECK (pages > 0),
    -- 0: being merged; 1: complete; 2: merged into another, its pages are being removed.
    state integer NOT NULL CHECK (state IN (0, 1, 2))
);

CREATE TABLE keruen_log.run_pages (
    run bigint NOT NULL,
    -- The first posting of the page.
    first_hash bigint NOT NULL CHECK (first_hash >= 0),
    first_position bigint NOT NULL CHECK (first_position > 0),
    postings bytea NOT NULL,
    PRIMARY KEY (run, first_hash, first_position)
);
-- Two of them fill a page of the table.
ALTER TABLE keruen_log.run_pages ALTER COLUMN postings SET STORAGE PLAIN;

CREATE TABLE keruen_log.run_filters (
    run bigint NOT NULL,
    -- The lowest hash that it answers for.
    first_hash bigint NOT NULL CHECK (first_hash >= 0),
    filter bytea NOT NULL,
    PRIMARY KEY (run, first_hash)
);
ALTER TABLE keruen_log.run_filters ALTER COLUMN filter SET STORAGE PLAIN;

GRANT SELECT ON keruen_log.runs, keruen_log.run_pages, keruen_log.run_filters TO keruen_writer, keruen_reader;
GRANT INSERT, DELETE ON keruen_log.runs, keruen_log.run_pages, keruen_log.run_filters TO keruen_writer;
GRANT UPDATE (terms, pages, state) ON keruen_log.runs TO keruen_writer;
