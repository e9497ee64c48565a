//! The tables of views: what a statement that writes one has to know of it.

use crate::counters;

/// A table.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The columns that tell its rows apart.
    pub keys: &'static [&'static str],
    /// The other columns; where there are none, a row that is there already stays as it is.
    pub columns: &'static [&'static str],
}

/// What happens to a row that is there already where one with the same keys is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// It is replaced.
    Replace,
    /// Its other columns, which are all numbers, are added to.
    Add,
}

/// Columns as they stand below: the counters of a row, or one by its name.
macro_rules! columns {
    (COUNTERS) => {
        counters::NAMES
    };
    ($column:literal) => {
        &[$column]
    };
}

/// How many columns these are.
const fn length(parts: &[&[&str]]) -> usize {
    let (mut length, mut part) = (0, 0);
    while part < parts.len() {
        length += parts[part].len();
        part += 1;
    }
    length
}

/// All of them, one after the other.
const fn joined<const LENGTH: usize>(parts: &[&[&'static str]]) -> [&'static str; LENGTH] {
    let mut columns = [""; LENGTH];
    let (mut next, mut part) = (0, 0);
    while part < parts.len() {
        let mut column = 0;
        while column < parts[part].len() {
            columns[next] = parts[part][column];
            next += 1;
            column += 1;
        }
        part += 1;
    }
    columns
}

macro_rules! tables {
    ($($name:ident = $table:literal [$($key:literal),+] [$($column:tt),* $(,)?];)*) => {$(
        #[doc = concat!("`", $table, "`, see the schema.")]
        pub static $name: Table = Table {
            name: $table,
            keys: &[$($key),+],
            columns: {
                const PARTS: &[&[&str]] = &[$(columns!($column)),*];
                const COLUMNS: [&str; length(PARTS)] = joined(PARTS);
                &COLUMNS
            },
        };
    )*};
}

tables! {
    ORGANISATIONS = "organisations" ["organisation_id"] ["created_position", "resource"];
    FACILITIES = "facilities" ["facility_id"] ["operator_id", "created_position", "resource"];
    FACILITY_REGIONS = "facility_regions" ["facility_id", "valid_from"] ["valid_to", "region_id"];
    COMMODITIES = "commodities" ["commodity_id"] ["created_position", "resource"];
    ITEMS = "items" ["item_id"] ["commodity_id", "created_position", "resource"];
    ITEM_QUALITY = "item_quality" ["item_id"] ["created_position", "resource"];
    DONATIONS = "donations" ["donation_id"] [
        "donor_id", "recipient_id", "state", "expected_on", "created_position", "resource"
    ];
    BATCHES = "batches" ["batch_id"] [
        "donation_id", "item_id", "expires_on", "discrepancy", "created_position", "resource"
    ];
    ASSETS = "assets" ["item_id", "serial_number"] [
        "batch_id", "created_position", "resource", "facility_id", "owner_id", "place", "condition",
        "service_due_on", "loan_due_on"
    ];
    REQUESTS = "requests" ["request_id"] [
        "facility_id", "state", "is_open", "is_unconfirmed", "is_approved_less", "urgency_rank", "needed_by", "commodity_ids", "item_ids",
        "created_position", "filed_at_us", "filed_at", "resource"
    ];
    SHIPMENTS = "shipments" ["shipment_id"] [
        "origin_id", "destination_id", "state", "custodian_id", "expected_on", "trip_id", "discrepancy",
        "waits_until", "item_ids", "created_position", "resource"
    ];
    CARRIED = "carried" [
        "shipment_id", "facility_id", "item_id", "batch_id", "owner_id", "serial_number", "custodian_id", "origin_id"
    ] ["quantity"];
    KEEPERS = "keepers" ["facility_id", "position"] ["occurred_at_us", "organisation_id"];
    OPERATORS = "operators" ["facility_id", "position"] ["occurred_at_us", "organisation_id"];
    FORMER_REGIONS = "former_regions" ["facility_id", "until_position", "valid_from"] ["valid_to", "region_id"];
    FORMER_EXPIRIES = "former_expiries" ["batch_id", "until_position"] ["expires_on"];
    FORMER_VALUES = "former_values" ["batch_id", "until_position"] ["currency_code", "minor_units"];
    TRIPS = "trips" ["trip_id"] ["vehicle_id", "crew_id", "state", "created_position", "resource"];
    EMERGENCIES = "emergencies" ["emergency_id"] ["created_position", "resource"];
    PLANS = "plans" ["plan_id"] ["origin_id", "state", "created_position", "resource"];
    PLAN_FACILITIES = "plan_facilities" ["facility_id", "plan_id"] [];
    STOCK_COUNTS = "stock_counts" ["count_id"] ["facility_id", "item_id", "created_position", "resource"];
    GOODS = "goods" ["goods_id"] ["facility_id", "is_open", "created_position", "resource"];
    REQUEST_SHIPMENTS = "request_shipments" ["request_id", "shipment_id"] [];
    STOCK = "stock" ["facility_id", "item_id", "batch_id", "owner_id", "serial_number"] [
        COUNTERS, "held_here", "lot"
    ];
    STOCK_TOTALS = "stock_totals" ["facility_id", "item_id"] [COUNTERS];
    PLACES = "places" ["batch_id", "owner_id", "facility_id", "status", "shipment_id"] [
        "quantity", "since_position"
    ];
    SERIALS = "serials" ["item_id", "serial_number"] [
        "batch_id", "owner_id", "facility_id", "status", "shipment_id", "since_position"
    ];
    STEPS = "steps" ["batch_id", "position", "step_no"] ["request_id", "step"];
    SERIAL_STEPS = "serial_steps" ["item_id", "serial_number", "batch_id", "position", "step_no"] [];
    KIT_PARTS = "kit_parts" ["batch_id", "kit_batch_id"] [];
    EXCEPTIONS = "exceptions" ["position", "kind", "exception_no"] [
        "facility_id", "actor", "recorded_at_us", "value_minor_units", "value_currency", "exception"
    ];
    APPROVALS = "approvals" ["subject", "person_ref"] [];
    PAIRS = "pairs" ["pair_id"] [
        "facility_id", "item_id", "first_day", COUNTERS
    ];
    HOLDINGS = "holdings" ["holding_id"] [
        "facility_id", "item_id", "batch_id", "owner_id", "serial_number", "custodian_id", "origin_id"
    ];
    BLOCKS = "blocks" ["item_id", "batch_id", "lot", "position"] [
        "reason", "occurred_at_us", "is_blocked"
    ];
    CHANGES = "changes" ["holding_id", "occurred_at_us", "position"] [COUNTERS, "held_here"];
    PAIR_CHANGES = "pair_changes" ["position", "pair_id", "occurred_at_us"] [
        "is_late", COUNTERS
    ];
    BALANCES = "balances" ["position", "pair_id"] [COUNTERS];
    CLOSINGS = "closings" ["day", "pair_id"] [COUNTERS];
    DAYS = "days" ["day"] ["changes", "is_closed"];
}

impl Table {
    fn all(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().chain(self.columns).copied()
    }

    /// What happens to a row that is there already.
    fn on_conflict(&self, conflict: Conflict) -> String {
        if self.columns.is_empty() {
            return "ON CONFLICT DO NOTHING".to_owned();
        }
        let set = self.columns.iter().map(|column| match conflict {
            Conflict::Replace => format!("{column} = excluded.{column}"),
            Conflict::Add => format!("{column} = {}.{column} + excluded.{column}", self.name),
        });
        format!(
            "ON CONFLICT ({}) DO UPDATE SET {}",
            self.keys.join(", "),
            set.collect::<Vec<_>>().join(", ")
        )
    }

    /// Writes one row, its columns as parameters in order.
    pub fn put_one(&self, conflict: Conflict) -> String {
        let columns: Vec<_> = self.all().collect();
        let numbers: Vec<_> = (1..=columns.len())
            .map(|number| format!("?{number}"))
            .collect();
        format!(
            "INSERT INTO {} ({}) VALUES ({}) {}",
            self.name,
            columns.join(", "),
            numbers.join(", "),
            self.on_conflict(conflict)
        )
    }

    /// Writes many rows, on PostgreSQL: the parameters are arrays of these types, one for each column.
    pub fn put_many(&self, types: &[&str], conflict: Conflict) -> String {
        format!(
            "INSERT INTO {} ({}) SELECT * FROM unnest({}) {}",
            self.name,
            self.all().collect::<Vec<_>>().join(", "),
            arrays(types),
            self.on_conflict(conflict)
        )
    }

    /// Adds many rows that are new, on PostgreSQL.
    pub fn copy_many(&self) -> String {
        let columns: Vec<_> = self.all().collect();
        format!(
            "COPY {} ({}) FROM STDIN WITH (FORMAT BINARY)",
            self.name,
            columns.join(", ")
        )
    }

    /// Deletes one row, its keys as parameters in order.
    pub fn delete_one(&self) -> String {
        let keys = self.keys.iter().zip(1..);
        let keys: Vec<_> = keys
            .map(|(key, number)| format!("{key} = ?{number}"))
            .collect();
        format!("DELETE FROM {} WHERE {}", self.name, keys.join(" AND "))
    }

    /// Deletes many rows, on PostgreSQL: the parameters are arrays of these types, one for each key.
    pub fn delete_many(&self, types: &[&str]) -> String {
        let name = self.name;
        let keys: Vec<_> = self
            .keys
            .iter()
            .map(|key| format!("{name}.{key} = gone.{key}"))
            .collect();
        format!(
            "DELETE FROM {name} USING unnest({}) AS gone({}) WHERE {}",
            arrays(types),
            self.keys.join(", "),
            keys.join(" AND ")
        )
    }
}

fn arrays(types: &[&str]) -> String {
    let arrays = types.iter().zip(1..);
    let arrays: Vec<_> = arrays
        .map(|(name, number)| format!("${number}::{name}[]"))
        .collect();
    arrays.join(", ")
}
