-- The views on SQLite. Keys are text compared bytewise, times are integer microseconds, quantities are base units.
-- A column `resource` holds the folded resource as the protobuf message of its name.

-- What the rows of all other tables reflect: every event of this log up to this position.
CREATE TABLE checkpoint (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    log_id BLOB NOT NULL,
    position BIGINT NOT NULL,
    -- Of the event at `position`; empty at 0. It tells a log that was put back to an older state and went on from there.
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
CREATE INDEX items_by_commodity ON items (commodity_id, item_id);

-- What of an item may not be used: held batches, recalled lots.
CREATE TABLE item_quality (
    item_id TEXT NOT NULL PRIMARY KEY,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);

CREATE TABLE donations (
    donation_id TEXT NOT NULL PRIMARY KEY,
    donor_id TEXT NOT NULL,
    recipient_id TEXT NOT NULL,
    -- keruen.inventory.v1.DonationState.
    state INTEGER NOT NULL,
    -- Day, ISO 8601; empty where unknown.
    expected_on TEXT NOT NULL,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);
CREATE INDEX donations_by_age ON donations (created_position);
CREATE INDEX donations_by_donor ON donations (donor_id, created_position);

CREATE TABLE batches (
    batch_id TEXT NOT NULL PRIMARY KEY,
    donation_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    -- Last day of use, ISO 8601; empty where it doesn't expire.
    expires_on TEXT NOT NULL,
    -- Units that the books can't explain.
    discrepancy BIGINT NOT NULL,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);
CREATE INDEX batches_by_discrepancy ON batches (discrepancy) WHERE discrepancy > 0;
CREATE INDEX batches_by_expiry ON batches (expires_on) WHERE expires_on <> '';
CREATE INDEX batches_by_donation ON batches (donation_id, created_position, batch_id);

CREATE TABLE assets (
    item_id TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    batch_id TEXT NOT NULL,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL,
    -- Where it is, or was last.
    facility_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    -- keruen.inventory.v1.AssetPlace and AssetCondition.
    place INTEGER NOT NULL,
    condition INTEGER NOT NULL,
    -- Days, ISO 8601; empty where there is none.
    service_due_on TEXT NOT NULL,
    loan_due_on TEXT NOT NULL,
    PRIMARY KEY (item_id, serial_number)
);
CREATE INDEX assets_by_facility ON assets (facility_id, item_id, serial_number);
CREATE INDEX assets_by_owner ON assets (owner_id, item_id, serial_number);
CREATE INDEX assets_by_condition ON assets (condition, item_id, serial_number);
CREATE INDEX assets_by_service ON assets (service_due_on) WHERE service_due_on <> '';
CREATE INDEX assets_by_loan ON assets (loan_due_on) WHERE loan_due_on <> '';

CREATE TABLE requests (
    request_id TEXT NOT NULL PRIMARY KEY,
    facility_id TEXT NOT NULL,
    state INTEGER NOT NULL,
    is_open INTEGER NOT NULL,
    -- Whether an approval by word of mouth is still to be signed.
    is_unconfirmed INTEGER NOT NULL,
    -- Whether less of a line was approved than was asked for, be it nothing.
    is_approved_less INTEGER NOT NULL,
    -- 1 is the most urgent.
    urgency_rank INTEGER NOT NULL,
    -- Day, ISO 8601; empty where not stated.
    needed_by TEXT NOT NULL,
    -- Codes of what its lines are about, each between commas.
    commodity_ids TEXT NOT NULL,
    item_ids TEXT NOT NULL,
    created_position BIGINT NOT NULL,
    -- When it was filed, and keruen.log.v1.OccurredAt of the event that says so.
    filed_at_us BIGINT NOT NULL,
    filed_at BLOB NOT NULL,
    resource BLOB NOT NULL
);
CREATE INDEX requests_by_urgency ON requests (urgency_rank, filed_at_us, created_position);
CREATE INDEX requests_by_openness ON requests (is_open, urgency_rank, filed_at_us, created_position);
CREATE INDEX requests_by_approval ON requests (is_approved_less) WHERE is_approved_less = 1;
CREATE INDEX requests_by_state ON requests (state, urgency_rank, filed_at_us, created_position);
CREATE INDEX requests_open_by_facility ON requests (facility_id) WHERE is_open = 1;
CREATE INDEX requests_unconfirmed ON requests (facility_id) WHERE is_unconfirmed = 1;
CREATE INDEX requests_by_facility ON requests (facility_id, urgency_rank, filed_at_us, created_position);

CREATE TABLE shipments (
    shipment_id TEXT NOT NULL PRIMARY KEY,
    origin_id TEXT NOT NULL,
    destination_id TEXT NOT NULL,
    state INTEGER NOT NULL,
    -- Who is liable for it on its way; empty before dispatch.
    custodian_id TEXT NOT NULL,
    -- Day, ISO 8601; empty where not stated.
    expected_on TEXT NOT NULL,
    trip_id TEXT NOT NULL,
    -- Whether anything was not as announced.
    discrepancy INTEGER NOT NULL,
    -- Last day on which anything of it waits for somebody, ISO 8601, 9999-12-31 where none is the last; empty where nothing
    -- does.
    waits_until TEXT NOT NULL,
    -- Codes of what its lines are about, each between commas.
    item_ids TEXT NOT NULL,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);
CREATE INDEX shipments_by_age ON shipments (created_position);
CREATE INDEX shipments_by_origin ON shipments (origin_id, created_position);
CREATE INDEX shipments_by_destination ON shipments (destination_id, created_position);
CREATE INDEX shipments_by_state ON shipments (state, created_position);
CREATE INDEX shipments_waiting_by_origin ON shipments (origin_id, waits_until) WHERE waits_until <> '';
CREATE INDEX shipments_waiting_by_destination ON shipments (destination_id, waits_until) WHERE waits_until <> '';

-- What shipments carry that is on its way or missing, by whoever is liable for it.
CREATE TABLE carried (
    shipment_id TEXT NOT NULL,
    -- To which it goes.
    facility_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    batch_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    -- Which unit of an asset; empty where units are not told apart.
    serial_number TEXT NOT NULL,
    custodian_id TEXT NOT NULL,
    -- Whence it comes.
    origin_id TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    PRIMARY KEY (shipment_id, facility_id, item_id, batch_id, owner_id, serial_number, custodian_id, origin_id)
) WITHOUT ROWID;

-- Who took over the stock of a facility, and when. Whoever runs it has it in hand where nobody did.
CREATE TABLE keepers (
    facility_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    occurred_at_us BIGINT NOT NULL,
    organisation_id TEXT NOT NULL,
    PRIMARY KEY (facility_id, position)
) WITHOUT ROWID;

CREATE TABLE trips (
    trip_id TEXT NOT NULL PRIMARY KEY,
    vehicle_id TEXT NOT NULL,
    crew_id TEXT NOT NULL,
    state INTEGER NOT NULL,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);
CREATE INDEX trips_by_age ON trips (created_position);
CREATE INDEX trips_by_state ON trips (state, created_position);

CREATE TABLE emergencies (
    emergency_id TEXT NOT NULL PRIMARY KEY,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);
CREATE INDEX emergencies_by_age ON emergencies (created_position);

CREATE TABLE plans (
    plan_id TEXT NOT NULL PRIMARY KEY,
    origin_id TEXT NOT NULL,
    state INTEGER NOT NULL,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);
CREATE INDEX plans_by_age ON plans (created_position);
CREATE INDEX plans_by_origin ON plans (origin_id, created_position);

-- Which facilities get anything of a plan.
CREATE TABLE plan_facilities (
    facility_id TEXT NOT NULL,
    plan_id TEXT NOT NULL,
    PRIMARY KEY (facility_id, plan_id)
) WITHOUT ROWID;

CREATE TABLE stock_counts (
    count_id TEXT NOT NULL PRIMARY KEY,
    facility_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);
CREATE INDEX stock_counts_by_age ON stock_counts (created_position);
CREATE INDEX stock_counts_by_facility ON stock_counts (facility_id, created_position);

-- Goods that nobody could name when they came.
CREATE TABLE goods (
    goods_id TEXT NOT NULL PRIMARY KEY,
    facility_id TEXT NOT NULL,
    -- Whether there are packages that nobody has named yet.
    is_open INTEGER NOT NULL,
    created_position BIGINT NOT NULL,
    resource BLOB NOT NULL
);
CREATE INDEX goods_by_openness ON goods (is_open, created_position);

-- Which shipments serve a request.
CREATE TABLE request_shipments (
    request_id TEXT NOT NULL,
    shipment_id TEXT NOT NULL,
    PRIMARY KEY (request_id, shipment_id)
) WITHOUT ROWID;

-- Stock by facility, batch and owner, and by unit of an asset. Rows that are all 0 are not kept.
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
    -- All that is not reserved where the batch is held or its lot recalled; else the same as held_here.
    held BIGINT NOT NULL,
    -- Held by itself, whatever is known of the batch.
    held_here BIGINT NOT NULL,
    -- On its way to here, or missing and not settled.
    in_transit BIGINT NOT NULL,
    received BIGINT NOT NULL,
    consumed BIGINT NOT NULL,
    disposed BIGINT NOT NULL,
    lost BIGINT NOT NULL,
    returned BIGINT NOT NULL,
    converted BIGINT NOT NULL,
    -- Passed to this owner here, and given up by it here.
    title_in BIGINT NOT NULL,
    title_out BIGINT NOT NULL,
    -- On its way from here, or missing and not settled.
    in_transit_out BIGINT NOT NULL,
    PRIMARY KEY (facility_id, item_id, batch_id, owner_id, serial_number)
) WITHOUT ROWID;
CREATE INDEX stock_by_item ON stock (item_id, facility_id);
-- Unique indexes are there from the beginning: rows are looked for by them while events are taken in.
CREATE UNIQUE INDEX stock_by_batch ON stock (batch_id, facility_id, item_id, owner_id, serial_number);
CREATE UNIQUE INDEX stock_by_lot ON stock (item_id, lot, facility_id, batch_id, owner_id, serial_number);
CREATE INDEX stock_by_owner ON stock (owner_id, facility_id);

-- The same, added up over batches and owners: what questions that name neither cost does not grow with their number.
CREATE TABLE stock_totals (
    facility_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
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
    PRIMARY KEY (facility_id, item_id)
) WITHOUT ROWID;
CREATE INDEX stock_totals_by_item ON stock_totals (item_id, facility_id);

-- Where the units of a batch are, or what became of them. Adds up to what was received.
CREATE TABLE places (
    batch_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    facility_id TEXT NOT NULL,
    -- keruen.stock.v1.TraceStatus.
    status INTEGER NOT NULL,
    -- That they are in, or were lost from; empty where none.
    shipment_id TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    -- Of the event that changed the quantity last.
    since_position BIGINT NOT NULL,
    PRIMARY KEY (batch_id, owner_id, facility_id, status, shipment_id)
) WITHOUT ROWID;

-- The same for each unit of an asset.
CREATE TABLE serials (
    item_id TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    batch_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    facility_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    shipment_id TEXT NOT NULL,
    since_position BIGINT NOT NULL,
    PRIMARY KEY (item_id, serial_number)
) WITHOUT ROWID;
CREATE INDEX serials_by_batch ON serials (batch_id, serial_number);

-- What happened to the units of a batch, in order.
CREATE TABLE steps (
    batch_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    -- Within the event, from 0.
    step_no INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    -- keruen.stock.v1.TraceStep.
    step BLOB NOT NULL,
    PRIMARY KEY (batch_id, position, step_no)
) WITHOUT ROWID;
CREATE INDEX steps_by_request ON steps (request_id, batch_id, position, step_no) WHERE request_id <> '';

-- Batches of kits that hold, or held, units of a batch.
CREATE TABLE kit_parts (
    batch_id TEXT NOT NULL,
    kit_batch_id TEXT NOT NULL,
    PRIMARY KEY (batch_id, kit_batch_id)
) WITHOUT ROWID;

-- Which steps a unit of an asset took.
CREATE TABLE serial_steps (
    item_id TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    batch_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    step_no INTEGER NOT NULL,
    PRIMARY KEY (item_id, serial_number, batch_id, position, step_no)
) WITHOUT ROWID;

-- What an auditor should look at.
CREATE TABLE exceptions (
    position BIGINT NOT NULL,
    -- keruen.reports.v1.AuditExceptionKind.
    kind INTEGER NOT NULL,
    -- Within the event and kind, from 0.
    exception_no INTEGER NOT NULL,
    -- Empty where it is about no place.
    facility_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    recorded_at_us BIGINT NOT NULL,
    -- Declared value with its sign; 0 where there is none.
    value_minor_units BIGINT NOT NULL,
    -- Its currency; empty where there is none.
    value_currency TEXT NOT NULL,
    -- keruen.reports.v1.AuditException.
    exception BLOB NOT NULL,
    PRIMARY KEY (position, kind, exception_no)
) WITHOUT ROWID;
CREATE INDEX exceptions_by_kind ON exceptions (kind, position);
CREATE INDEX exceptions_by_facility ON exceptions (facility_id, position);

-- Who had a hand in approving a request, or the shipments of a plan.
CREATE TABLE approvals (
    -- Its tag.
    subject TEXT NOT NULL,
    person_ref TEXT NOT NULL,
    PRIMARY KEY (subject, person_ref)
) WITHOUT ROWID;
