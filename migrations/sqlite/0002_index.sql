-- The index: which positions carry a type or a tag, and what a command id was used for. It can be made again from the
-- events at any time.

-- Types hold no colon and tags do, so both can share one table.
CREATE TABLE postings (
    term TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (term, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE commands (
    command_id BLOB PRIMARY KEY,
    -- Position of the first event of its append.
    first_position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
