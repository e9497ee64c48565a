-- The index of types, tags and command ids as immutable sorted runs: services/log/INDEX.md tells their bytes. It can be
-- made again from the events, and is when this migration finds any: the program does so as it opens the log.

DROP TABLE postings;
DROP TABLE commands;

-- The complete runs lie side by side from position 1 on; what is behind the last of them is not in a run yet.
CREATE TABLE runs (
    -- Ascends in the order in which runs are begun and is never used twice.
    id INTEGER PRIMARY KEY CHECK (id > 0),
    -- 0: made from events; above: merged from runs of the level below.
    level INTEGER NOT NULL CHECK (level >= 0),
    first_position INTEGER NOT NULL CHECK (first_position > 0),
    last_position INTEGER NOT NULL CHECK (last_position >= first_position),
    -- So many upper bits of a hash tell which filter it belongs to.
    filter_bits INTEGER NOT NULL CHECK (filter_bits BETWEEN 0 AND 24),
    -- How many different hashes and how many pages it has; at most, while it is being merged.
    terms INTEGER NOT NULL CHECK (terms > 0),
    pages INTEGER NOT NULL CHECK (pages > 0),
    -- 0: being merged; 1: complete; 2: merged into another, its pages are being removed.
    state INTEGER NOT NULL CHECK (state IN (0, 1, 2))
) STRICT;

CREATE TABLE run_pages (
    run INTEGER NOT NULL,
    -- The first posting of the page.
    first_hash INTEGER NOT NULL CHECK (first_hash >= 0),
    first_position INTEGER NOT NULL CHECK (first_position > 0),
    postings BLOB NOT NULL,
    UNIQUE (run, first_hash, first_position)
) STRICT;

CREATE TABLE run_filters (
    run INTEGER NOT NULL,
    -- The lowest hash that it answers for.
    first_hash INTEGER NOT NULL CHECK (first_hash >= 0),
    filter BLOB NOT NULL,
    UNIQUE (run, first_hash)
) STRICT;
