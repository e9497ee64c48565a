-- The index: which positions carry a type or a tag, and what a command id was used for. It can be made again from the
-- events at any time.

-- Types hold no colon and tags do, so both can share one table.
CREATE TABLE keruen_log.postings (
    term text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (term, position)
);

CREATE TABLE keruen_log.commands (
    command_id uuid PRIMARY KEY,
    -- Position of the first event of its append.
    first_position bigint NOT NULL
);

GRANT SELECT ON keruen_log.postings, keruen_log.commands TO keruen_writer, keruen_reader;
GRANT INSERT ON keruen_log.postings, keruen_log.commands TO keruen_writer;
