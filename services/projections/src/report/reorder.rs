//! How long stock lasts at the pace at which it was used, and what to ask for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use keruen_domain::calendar::{kazakhstan_day, kazakhstan_midnight_us};
use keruen_proto::{
    registry::v1::Facility,
    reports::v1::{ListReordersRequest, ReorderOrder, ReorderRow},
    shipments::v1::Shipment,
};

use super::{
    MAX_MONTHS, MONTH_DAYS, cut_by, is_in_use, order_of,
    stockout::{self, Stock},
    within,
};
use crate::{
    clauses::{Clauses, Value},
    database::{Connection, Row, params},
    failure::StoreError,
    fields::Fields,
    filter::{Column, Filter, Kind, Known, Order, column},
    names::{self, Facilities},
    paging::{Page, Paging, sized},
    past::Past,
    refusal::Refusal,
};

const USUAL_AVERAGE_MONTHS: i32 = 3;
const USUAL_TARGET_MONTHS: i32 = 2;
/// Over no fewer days is use averaged: what one day took tells nothing of a month.
const LEAST_DAYS: i64 = 7;

/// What reorders can be filtered and ordered by: columns of rows in memory.
pub static REORDERS: [Column; 11] = [
    column("region", Kind::Region, ""),
    column("facility", Kind::Code(Known::Facility), ""),
    column("commodity", Kind::Code(Known::Commodity), ""),
    column("item", Kind::Code(Known::Item), ""),
    column("available", Kind::Number, ""),
    column("in_transit", Kind::Number, ""),
    column("monthly", Kind::Number, ""),
    column("days_left", Kind::Number, ""),
    column("minimum", Kind::Number, ""),
    column("suggested", Kind::Number, ""),
    column("days_out_of_stock", Kind::Number, ""),
];
/// What tells rows apart.
const KEYS: [(&str, bool); 3] = [("facility", true), ("commodity", true), ("item", true)];

/// A question for how long stock lasts, parsed.
pub struct ReorderQuery {
    region_id: Option<String>,
    facility_id: Option<String>,
    commodity_id: Option<String>,
    average_days: i64,
    target_months: i64,
    show_enough: bool,
    by_item: bool,
    filter: Filter,
    order: Order,
    missing: Missing,
    paging: Paging,
}

/// What a row is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    facility: String,
    commodity: String,
    /// Empty where items are not told apart.
    item: String,
}

/// Units of an item reported missing on their way to a facility, and not settled: nobody can count on those.
pub type Missing = BTreeMap<(String, String), i64>;

/// What is known of a facility's stock of a commodity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Level {
    on_hand: i64,
    available: i64,
    in_transit: i64,
    /// Used up in the days looked at.
    consumed: i64,
    /// Used up at any time.
    ever_consumed: i64,
    /// The first day of which anything is known, counted from 1970-01-01.
    first_day: i64,
    /// On how many of the days looked at nothing was on hand.
    days_out: i64,
    minimum: i64,
    /// Whether the facility is retired or closed: it needs nothing.
    is_unused: bool,
}

impl ReorderQuery {
    /// Parses a request.
    pub fn parse(request: &ListReordersRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let usual = match ReorderOrder::try_from(request.order) {
            Ok(ReorderOrder::Unspecified) => "",
            Ok(ReorderOrder::DaysLeft) => "days_left",
            Err(_) => {
                let rule = format!("must be a known value; found {}", request.order);
                fields.reject("order", rule);
                ""
            }
        };
        let filter = Filter::parse(&mut fields, &request.filter, &REORDERS);
        let order = order_of(&mut fields, usual, &request.order_by, &REORDERS, &KEYS);
        let shape = order.shape();
        let (average, target) = (request.average_months, request.target_months);
        let average = within(
            &mut fields,
            "average_months",
            average,
            USUAL_AVERAGE_MONTHS,
            MAX_MONTHS,
        );
        let target = within(
            &mut fields,
            "target_months",
            target,
            USUAL_TARGET_MONTHS,
            MAX_MONTHS,
        );
        Ok(Self {
            region_id: fields.filter("region_id", &request.region_id),
            facility_id: fields.filter("facility_id", &request.facility_id),
            commodity_id: fields.filter("commodity_id", &request.commodity_id),
            average_days: average * MONTH_DAYS,
            target_months: target,
            show_enough: request.show_enough,
            by_item: request.by_item,
            filter,
            order,
            missing: Missing::new(),
            paging: Paging::parse(fields, "reorders", request, &shape)?,
        })
    }

    /// Does not count on these, see [`missing`].
    #[must_use]
    pub fn without(self, missing: Missing) -> Self {
        Self { missing, ..self }
    }

    /// Lists it, from the view `history`, with the regions of `today`.
    pub fn answer(
        self,
        connection: &Connection,
        today: NaiveDate,
    ) -> Result<Page<ReorderRow>, Refusal> {
        names::known_region(self.region_id.as_deref())?;
        names::known_facility(connection, self.facility_id.as_deref())?;
        names::known_commodity(connection, self.commodity_id.as_deref())?;
        self.filter.refuse_unknown(connection)?;
        let day_number = today.signed_duration_since(NaiveDate::default()).num_days();
        let day = today.to_string();
        let mut levels = self.levels(connection, &day, day_number)?;
        self.take_off_missing(connection, &mut levels)?;
        self.add_days_out(connection, &day, day_number, &mut levels)?;
        self.add_minimums(connection, today, &mut levels)?;
        let mut facilities = Facilities::new(connection, &day);
        let mut rows = Vec::new();
        let mut without = BTreeSet::new();
        for (key, level) in levels {
            let mut row = self.row(&level, day_number);
            let is_nothing = level.ever_consumed == 0 && level.minimum == 0 && level.available == 0;
            if is_nothing || (row.suggested == 0 && !self.show_enough) {
                continue;
            }
            let known = facilities.get(&key.facility)?;
            row.facility_name = known.name;
            row.region_id = known.region_id;
            key.name(&mut row);
            if self.filter.lets_through(&|name| Some(value(&row, name))) {
                if level.on_hand == 0 {
                    without.insert(Key::of(&row));
                }
                rows.push((self.order.keys(|name| value(&row, name)), row));
            }
        }
        let mut page = cut_by(&self.paging, rows, |one, other| {
            self.order.compare(one, other)
        });
        for row in &mut page.rows {
            let key = Key::of(row);
            if without.contains(&key) {
                row.out_of_stock_since = out_of_stock_since(connection, &key)?;
            }
        }
        Ok(page)
    }

    /// What there is now, and what was used since the first of the days looked at.
    fn levels(
        &self,
        connection: &Connection,
        today: &str,
        day_number: i64,
    ) -> Result<BTreeMap<Key, Level>, Refusal> {
        let mut clauses = Clauses::default();
        // The day before the first of those looked at had ended by then.
        let before = Past {
            as_of_us: Some(kazakhstan_midnight_us(self.first_day(day_number)) - 1),
            ..Past::default()
        };
        let before = before.pairs(connection, &mut clauses)?;
        // What has expired is there, but nobody may use it.
        let expired = clauses.parameter(today);
        clauses.in_region("s.facility_id", self.region_id.as_deref(), today);
        clauses.equal("s.facility_id", self.facility_id.as_deref());
        clauses.equal("i.commodity_id", self.commodity_id.as_deref());
        // What was used is told by what has happened, however late it was recorded; what there is by what is known.
        let item_id = self.item_id("s");
        let sql = format!(
            "SELECT s.facility_id, i.commodity_id, {item_id}, CAST(SUM(s.available) AS BIGINT), \
             CAST(SUM(s.in_transit) AS BIGINT), CAST(SUM(s.consumed - s.before) AS BIGINT), MIN(s.first_day), \
             CAST(SUM(s.on_hand) AS BIGINT), CAST(SUM(s.consumed) AS BIGINT) FROM \
             (SELECT facility_id, item_id, on_hand - reserved - held AS available, in_transit, on_hand, consumed, \
             0 AS before, first_day FROM pairs \
             UNION ALL SELECT k.facility_id, k.item_id, k.reserved + k.held - k.on_hand, 0, 0, 0, 0, CAST(NULL AS BIGINT) \
             FROM stock k JOIN batches x ON x.batch_id = k.batch_id WHERE x.expires_on <> '' AND x.expires_on < {expired} \
             UNION ALL SELECT facility_id, item_id, 0, 0, 0, 0, consumed, CAST(NULL AS BIGINT) FROM ({before}) AS b) AS s \
             JOIN items i ON i.item_id = s.item_id{} GROUP BY 1, 2, 3",
            clauses.where_clause()
        );
        let rows = connection
            .prepare_cached(&sql)?
            .query_map(&clauses.values(), |row| {
                let level = Level {
                    available: row.get(3)?,
                    in_transit: row.get(4)?,
                    consumed: row.get(5)?,
                    first_day: row.get(6)?,
                    on_hand: row.get(7)?,
                    ever_consumed: row.get(8)?,
                    ..Level::default()
                };
                Ok((Key::read(row, 0)?, level))
            })?;
        Ok(rows.into_iter().collect())
    }

    /// The first of the days looked at.
    fn first_day(&self, day_number: i64) -> i64 {
        day_number - self.average_days + 1
    }

    /// The item of a row of `table`, where items are told apart.
    fn item_id(&self, table: &str) -> String {
        if self.by_item {
            format!("{table}.item_id")
        } else {
            "''".to_owned()
        }
    }

    fn take_off_missing(
        &self,
        connection: &Connection,
        levels: &mut BTreeMap<Key, Level>,
    ) -> Result<(), StoreError> {
        let mut commodity =
            connection.prepare_cached("SELECT commodity_id FROM items WHERE item_id = ?1")?;
        for ((facility_id, item_id), missing) in &self.missing {
            let commodity_id: Option<String> =
                commodity.query_row(params![item_id], |row| row.get(0))?;
            let key = Key {
                facility: facility_id.clone(),
                commodity: commodity_id.unwrap_or_default(),
                item: Some(item_id.clone())
                    .filter(|_| self.by_item)
                    .unwrap_or_default(),
            };
            if let Some(level) = levels.get_mut(&key) {
                level.in_transit = level.in_transit.saturating_sub(*missing).max(0);
            }
        }
        Ok(())
    }

    fn add_days_out(
        &self,
        connection: &Connection,
        today: &str,
        day_number: i64,
        levels: &mut BTreeMap<Key, Level>,
    ) -> Result<(), StoreError> {
        let mut clauses = Clauses::default();
        clauses.in_region("p.facility_id", self.region_id.as_deref(), today);
        clauses.equal("p.facility_id", self.facility_id.as_deref());
        clauses.equal("i.commodity_id", self.commodity_id.as_deref());
        let sql = format!(
            "SELECT p.facility_id, i.commodity_id, {}, p.pair_id FROM pairs p \
             JOIN items i ON i.item_id = p.item_id{}",
            self.item_id("p"),
            clauses.where_clause()
        );
        let pairs: Vec<(Key, i64)> = connection
            .prepare_cached(&sql)?
            .query_map(&clauses.values(), |row| {
                Ok((Key::read(row, 0)?, row.get(3)?))
            })?;
        let numbers: BTreeMap<&Key, usize> = levels.keys().zip(0..).collect();
        let of_pair = pairs
            .iter()
            .filter_map(|(key, pair_id)| Some((*pair_id, *numbers.get(key)?)));
        let of_pair: BTreeMap<i64, usize> = of_pair.collect();
        let first_day = self.first_day(day_number);
        let stocks = levels
            .values()
            .map(|level| Stock::new(level.on_hand, level.first_day.max(first_day), day_number));
        let days_out = stockout::days_out(connection, stocks.collect(), &of_pair, first_day)?;
        for (level, days_out) in levels.values_mut().zip(days_out) {
            level.days_out = days_out;
        }
        Ok(())
    }

    fn add_minimums(
        &self,
        connection: &Connection,
        today: NaiveDate,
        levels: &mut BTreeMap<Key, Level>,
    ) -> Result<(), Refusal> {
        let mut clauses = Clauses::default();
        let day = today.to_string();
        clauses.in_region("facility_id", self.region_id.as_deref(), &day);
        clauses.equal("facility_id", self.facility_id.as_deref());
        let sql = format!("SELECT resource FROM facilities{}", clauses.where_clause());
        let mut unused = BTreeSet::new();
        let mut statement = connection.prepare_cached(&sql)?;
        let mut found = statement.query(&clauses.values())?;
        while let Some(row) = found.next()? {
            let (facility, _) = sized::<Facility>(&row, 0)?;
            if !is_in_use(&facility, today) {
                unused.insert(facility.facility_id);
                continue;
            }
            // They are those of commodities.
            let reserves = facility.minimum_reserves.into_iter();
            for reserve in reserves.filter(|_| !self.by_item) {
                let is_asked = self.commodity_id.as_ref();
                if is_asked.is_none_or(|asked| *asked == reserve.commodity_id) {
                    let key = Key {
                        facility: facility.facility_id.clone(),
                        commodity: reserve.commodity_id,
                        item: String::new(),
                    };
                    levels.entry(key).or_default().minimum = reserve.quantity;
                }
            }
        }
        for (key, level) in levels {
            level.is_unused = unused.contains(&key.facility);
        }
        Ok(())
    }

    fn row(&self, level: &Level, day_number: i64) -> ReorderRow {
        // A day that began well before now is as good as a whole one.
        let known_days = (day_number - level.first_day + 1).min(self.average_days);
        // What is not there can't be used, however much it is needed.
        let known_days = (known_days - level.days_out).max(LEAST_DAYS);
        let used = level.consumed.max(0);
        // Rounded once, at the end: a unit too many in a month is many in three years.
        let used_in =
            |months: i64| rounded_up(used.saturating_mul(months * MONTH_DAYS), known_days);
        let available = level.available.max(0);
        let days_left = (used > 0).then(|| available.saturating_mul(known_days) / used);
        let target = used_in(self.target_months).max(level.minimum);
        let coming = level.available.saturating_add(level.in_transit);
        ReorderRow {
            available: level.available,
            in_transit: level.in_transit,
            monthly_consumption: used_in(1),
            days_left,
            months_left: days_left.map(months),
            minimum: level.minimum,
            suggested: if level.is_unused {
                0
            } else {
                target.saturating_sub(coming).max(0)
            },
            days_out_of_stock: level.days_out,
            ..ReorderRow::default()
        }
    }
}

/// A quotient of what is not below 0, rounded up.
fn rounded_up(number: i64, by: i64) -> i64 {
    number / by + i64::from(number % by > 0)
}

impl Key {
    /// Of the columns of a row from one on.
    fn read(row: &Row<'_>, first: usize) -> Result<Self, StoreError> {
        Ok(Self {
            facility: row.get(first)?,
            commodity: row.get(first + 1)?,
            item: row.get(first + 2)?,
        })
    }

    /// That of a row.
    fn of(row: &ReorderRow) -> Self {
        Self {
            facility: row.facility_id.clone(),
            commodity: row.commodity_id.clone(),
            item: row.item_id.clone(),
        }
    }

    /// Says in a row what it is about.
    fn name(self, row: &mut ReorderRow) {
        row.facility_id = self.facility;
        row.commodity_id = self.commodity;
        row.item_id = self.item;
    }
}

/// The day on which the last of what a facility has none of left it; empty where there never was any.
fn out_of_stock_since(connection: &Connection, key: &Key) -> Result<String, StoreError> {
    // There is none now, so there was some before the last change that is one.
    let last_us: Option<i64> = connection
        .prepare_cached(
            "SELECT c.occurred_at_us FROM pair_changes c JOIN pairs p ON p.pair_id = c.pair_id \
             JOIN items i ON i.item_id = p.item_id WHERE p.facility_id = ?1 AND i.commodity_id = ?2 AND (?3 = '' OR p.item_id = ?3) \
             GROUP BY c.occurred_at_us HAVING SUM(c.on_hand) <> 0 ORDER BY c.occurred_at_us DESC LIMIT 1",
        )?
        .query_row(
            params![key.facility, key.commodity, key.item],
            |row| row.get(0),
        )?;
    Ok(last_us.map_or_else(String::new, |last_us| kazakhstan_day(last_us).to_string()))
}

/// What a column of a row holds.
fn value(row: &ReorderRow, name: &str) -> Value {
    Value::from(match name {
        "region" => return Value::from(row.region_id.as_str()),
        "facility" => return Value::from(row.facility_id.as_str()),
        "commodity" => return Value::from(row.commodity_id.as_str()),
        "item" => return Value::from(row.item_id.as_str()),
        "available" => row.available,
        "in_transit" => row.in_transit,
        "monthly" => row.monthly_consumption,
        // What nobody uses lasts for ever.
        "days_left" => row.days_left.unwrap_or(i64::MAX),
        "minimum" => row.minimum,
        "suggested" => row.suggested,
        "days_out_of_stock" => row.days_out_of_stock,
        // A test looks at all columns.
        _ => 0,
    })
}

/// What is missing, from the view `current`.
pub fn missing(connection: &Connection) -> Result<Missing, Refusal> {
    let mut missing = Missing::new();
    let mut statement = connection.prepare_cached(
        "SELECT resource FROM shipments WHERE shipment_id IN (SELECT shipment_id FROM carried)",
    )?;
    let mut found = statement.query(&[])?;
    while let Some(row) = found.next()? {
        let (shipment, _) = sized::<Shipment>(&row, 0)?;
        for lot in shipment.lots.iter().filter(|lot| lot.missing > 0) {
            let units = lot.shipment_units.as_ref().and_then(|it| it.units.as_ref());
            let Some(units) = units else { continue };
            let key = (shipment.destination_id.clone(), units.item_id.clone());
            let sum = missing.entry(key).or_default();
            *sum = sum.saturating_add(lot.missing);
        }
    }
    Ok(missing)
}

/// Days as months, to one decimal.
#[expect(
    clippy::cast_precision_loss,
    reason = "tenths of months are far below 2^52"
)]
fn months(days: i64) -> f64 {
    let tenths = days.saturating_mul(10) / MONTH_DAYS;
    tenths as f64 / 10.0
}
