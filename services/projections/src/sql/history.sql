-- The view `history` on SQLite: stock as it was at any position and at any time. As in the other view, keys are text
-- compared bytewise, times are integer microseconds, quantities are base units.

-- What the rows of all other tables reflect: every event of this log up to this position.
CREATE TABLE checkpoint (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    log_id BLOB NOT NULL,
    position BIGINT NOT NULL,
    -- Of the event at `position`; empty at 0.
    leaf_hash BLOB NOT NULL
);

CREATE TABLE organisations (
    organisation_id TEXT NOT NULL PRIMARY KEY,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);

CREATE TABLE facilities (
    facility_id TEXT NOT NULL PRIMARY KEY,
    -- Who runs it, and has in hand what is there.
    operator_id TEXT NOT NULL,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);

-- The region of each facility over time. Days are ISO 8601, so that they compare as text.
CREATE TABLE facility_regions (
    facility_id TEXT NOT NULL,
    -- First day; empty means since always.
    valid_from TEXT NOT NULL,
    -- First day on which it is another one; 9999-12-31 means none.
    valid_to TEXT NOT NULL,
    region_id TEXT NOT NULL,
    PRIMARY KEY (facility_id, valid_from)
) WITHOUT ROWID;
CREATE INDEX facility_regions_by_region ON facility_regions (region_id, facility_id);

CREATE TABLE commodities (
    commodity_id TEXT NOT NULL PRIMARY KEY,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);

CREATE TABLE items (
    item_id TEXT NOT NULL PRIMARY KEY,
    commodity_id TEXT NOT NULL,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);

-- What of an item may not be used: held batches, recalled lots.
CREATE TABLE item_quality (
    item_id TEXT NOT NULL PRIMARY KEY,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);

CREATE TABLE batches (
    batch_id TEXT NOT NULL PRIMARY KEY,
    donation_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    -- Last day of use, ISO 8601; empty where it doesn't expire.
    expires_on TEXT NOT NULL,
    discrepancy BIGINT NOT NULL,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);

CREATE TABLE shipments (
    shipment_id TEXT NOT NULL PRIMARY KEY,
    origin_id TEXT NOT NULL,
    destination_id TEXT NOT NULL,
    state INTEGER NOT NULL,
    custodian_id TEXT NOT NULL,
    expected_on TEXT NOT NULL,
    trip_id TEXT NOT NULL,
    discrepancy INTEGER NOT NULL,
    waits_until TEXT NOT NULL,
    item_ids TEXT NOT NULL,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);

-- Who took over the stock of a facility, and when. Whoever runs it has it in hand where nobody did.
CREATE TABLE keepers (
    facility_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    occurred_at_us BIGINT NOT NULL,
    organisation_id TEXT NOT NULL,
    PRIMARY KEY (facility_id, position)
) WITHOUT ROWID;

-- Who ran a facility, and since when; since always by the event that says so first. Keepers come before them.
CREATE TABLE operators (
    facility_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    occurred_at_us BIGINT NOT NULL,
    organisation_id TEXT NOT NULL,
    PRIMARY KEY (facility_id, position)
) WITHOUT ROWID;

-- Regions of a facility as they were known until the event at a position said otherwise. Where there were none, one row
-- without a day says so.
CREATE TABLE former_regions (
    facility_id TEXT NOT NULL,
    until_position BIGINT NOT NULL,
    valid_from TEXT NOT NULL,
    valid_to TEXT NOT NULL,
    region_id TEXT NOT NULL,
    PRIMARY KEY (facility_id, until_position, valid_from)
) WITHOUT ROWID;
CREATE INDEX former_regions_by_position ON former_regions (until_position);

-- The last day of use of a batch as it was known until the event at a position said otherwise.
CREATE TABLE former_expiries (
    batch_id TEXT NOT NULL,
    until_position BIGINT NOT NULL,
    expires_on TEXT NOT NULL,
    PRIMARY KEY (batch_id, until_position)
) WITHOUT ROWID;
CREATE INDEX former_expiries_by_position ON former_expiries (until_position);

-- The declared value of one unit of a batch, likewise; without a currency where none was declared.
CREATE TABLE former_values (
    batch_id TEXT NOT NULL,
    until_position BIGINT NOT NULL,
    currency_code TEXT NOT NULL,
    minor_units BIGINT NOT NULL,
    PRIMARY KEY (batch_id, until_position)
) WITHOUT ROWID;

-- Stock by facility, batch and owner, and by unit of an asset, as it stands, to tell how much is held. Rows that are all 0
-- are kept: what becomes known late may tell that something was held there.
CREATE TABLE stock (
    facility_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    batch_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    -- Which unit of an asset; empty where units are not told apart.
    serial_number TEXT NOT NULL,
    -- Lot number of the batch; empty where there is none.
    lot TEXT NOT NULL,
    on_hand BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    held BIGINT NOT NULL,
    held_here BIGINT NOT NULL,
    in_transit BIGINT NOT NULL,
    received BIGINT NOT NULL,
    consumed BIGINT NOT NULL,
    disposed BIGINT NOT NULL,
    lost BIGINT NOT NULL,
    returned BIGINT NOT NULL,
    converted BIGINT NOT NULL,
    title_in BIGINT NOT NULL,
    title_out BIGINT NOT NULL,
    in_transit_out BIGINT NOT NULL,
    PRIMARY KEY (facility_id, item_id, batch_id, owner_id, serial_number)
) WITHOUT ROWID;
-- Unique indexes are there from the beginning: rows are looked for by them while events are taken in.
CREATE UNIQUE INDEX stock_by_batch ON stock (batch_id, facility_id, item_id, owner_id, serial_number);
CREATE UNIQUE INDEX stock_by_lot ON stock (item_id, lot, facility_id, batch_id, owner_id, serial_number);

-- A facility and an item of which there ever was anything there, numbered in the order in which they appeared, and how
-- much there is of them by all that is known.
CREATE TABLE pairs (
    pair_id INTEGER NOT NULL PRIMARY KEY,
    facility_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    -- The first day on which anything happened to them.
    first_day BIGINT NOT NULL,
    on_hand BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    held BIGINT NOT NULL,
    in_transit BIGINT NOT NULL,
    received BIGINT NOT NULL,
    consumed BIGINT NOT NULL,
    disposed BIGINT NOT NULL,
    lost BIGINT NOT NULL,
    returned BIGINT NOT NULL,
    converted BIGINT NOT NULL,
    title_in BIGINT NOT NULL,
    title_out BIGINT NOT NULL,
    in_transit_out BIGINT NOT NULL
);
CREATE UNIQUE INDEX pairs_by_facility ON pairs (facility_id, item_id);
CREATE INDEX pairs_by_item ON pairs (item_id);

-- The same by batch, owner, unit of an asset and, of what is on its way or missing, whence and in whose hands.
CREATE TABLE holdings (
    holding_id INTEGER NOT NULL PRIMARY KEY,
    facility_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    batch_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    -- Which unit of an asset; empty where units are not told apart.
    serial_number TEXT NOT NULL,
    -- Empty for what is at the facility: its keeper, or else its operator, has that in hand.
    custodian_id TEXT NOT NULL,
    -- Whence it comes; empty for what is at the facility.
    origin_id TEXT NOT NULL
);
CREATE UNIQUE INDEX holdings_by_facility
    ON holdings (facility_id, item_id, batch_id, owner_id, serial_number, custodian_id, origin_id);
CREATE INDEX holdings_by_origin ON holdings (origin_id) WHERE origin_id <> '';
CREATE INDEX holdings_by_item ON holdings (item_id);
CREATE INDEX holdings_by_batch ON holdings (batch_id);
CREATE INDEX holdings_by_owner ON holdings (owner_id);

-- When a batch was held or released, or a lot recalled or its recall lifted.
CREATE TABLE blocks (
    item_id TEXT NOT NULL,
    -- Empty where it is about a lot.
    batch_id TEXT NOT NULL,
    -- Empty where it is about a batch.
    lot TEXT NOT NULL,
    position BIGINT NOT NULL,
    -- `HoldReason`; 0 of a recall.
    reason BIGINT NOT NULL,
    occurred_at_us BIGINT NOT NULL,
    -- Whether it may not be used from then on; 0 says that it may again.
    is_blocked BIGINT NOT NULL,
    PRIMARY KEY (item_id, batch_id, lot, position)
) WITHOUT ROWID;

-- What each event changed. All that is to know of both times: what was known at a position, of what had happened by a time.
-- Where it changes how much was held at later times, it has rows of those times too.
-- `in_transit_out` counts at the origin of the holding, all else at its facility.
CREATE TABLE changes (
    holding_id BIGINT NOT NULL,
    occurred_at_us BIGINT NOT NULL,
    position BIGINT NOT NULL,
    on_hand BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    held BIGINT NOT NULL,
    in_transit BIGINT NOT NULL,
    received BIGINT NOT NULL,
    consumed BIGINT NOT NULL,
    disposed BIGINT NOT NULL,
    lost BIGINT NOT NULL,
    returned BIGINT NOT NULL,
    converted BIGINT NOT NULL,
    title_in BIGINT NOT NULL,
    title_out BIGINT NOT NULL,
    in_transit_out BIGINT NOT NULL,
    -- Units held by themselves, whatever is known of their batch.
    held_here BIGINT NOT NULL,
    PRIMARY KEY (holding_id, occurred_at_us, position)
) WITHOUT ROWID;

-- What each event changed of a facility and an item. Whoever asks for some of them finds theirs by their number.
CREATE TABLE pair_changes (
    position BIGINT NOT NULL,
    pair_id BIGINT NOT NULL,
    occurred_at_us BIGINT NOT NULL,
    -- Whether it was recorded long after it happened.
    is_late BIGINT NOT NULL,
    on_hand BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    held BIGINT NOT NULL,
    in_transit BIGINT NOT NULL,
    received BIGINT NOT NULL,
    consumed BIGINT NOT NULL,
    disposed BIGINT NOT NULL,
    lost BIGINT NOT NULL,
    returned BIGINT NOT NULL,
    converted BIGINT NOT NULL,
    title_in BIGINT NOT NULL,
    title_out BIGINT NOT NULL,
    in_transit_out BIGINT NOT NULL,
    PRIMARY KEY (position, pair_id, occurred_at_us)
) WITHOUT ROWID;
-- Closings are made of what it finds.
CREATE INDEX pair_changes_by_time ON pair_changes (occurred_at_us);
CREATE INDEX pair_changes_by_pair ON pair_changes (pair_id, position);
CREATE INDEX pair_changes_by_pair_and_time ON pair_changes (pair_id, occurred_at_us);
-- By a product, so that nobody looks for what was late among all that was recorded.
CREATE INDEX pair_changes_late ON pair_changes ((is_late * position), occurred_at_us) WHERE is_late = 1;

-- Balances: how much there was of every facility and item after the event at a position. There are some every few thousand
-- changes: what was between them is the nearest ones and the changes from there.
CREATE TABLE balances (
    position BIGINT NOT NULL,
    pair_id BIGINT NOT NULL,
    on_hand BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    held BIGINT NOT NULL,
    in_transit BIGINT NOT NULL,
    received BIGINT NOT NULL,
    consumed BIGINT NOT NULL,
    disposed BIGINT NOT NULL,
    lost BIGINT NOT NULL,
    returned BIGINT NOT NULL,
    converted BIGINT NOT NULL,
    title_in BIGINT NOT NULL,
    title_out BIGINT NOT NULL,
    in_transit_out BIGINT NOT NULL,
    PRIMARY KEY (position, pair_id)
) WITHOUT ROWID;

-- Closings: how much there was of every facility and item at the end of a day, of all that is known today to have happened
-- until then. Days are counted from 1970-01-01, and end at midnight in Kazakhstan. They too are some few thousand changes
-- apart.
CREATE TABLE closings (
    day BIGINT NOT NULL,
    pair_id BIGINT NOT NULL,
    on_hand BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    held BIGINT NOT NULL,
    in_transit BIGINT NOT NULL,
    received BIGINT NOT NULL,
    consumed BIGINT NOT NULL,
    disposed BIGINT NOT NULL,
    lost BIGINT NOT NULL,
    returned BIGINT NOT NULL,
    converted BIGINT NOT NULL,
    title_in BIGINT NOT NULL,
    title_out BIGINT NOT NULL,
    in_transit_out BIGINT NOT NULL,
    PRIMARY KEY (day, pair_id)
) WITHOUT ROWID;

-- How many changes of facilities and items there were on each day on which there were any, and whether there are closings
-- of it.
CREATE TABLE days (
    day BIGINT NOT NULL PRIMARY KEY,
    changes BIGINT NOT NULL,
    is_closed BIGINT NOT NULL
) WITHOUT ROWID;
